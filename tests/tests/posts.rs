//! Frames over plain HTTPS on real sockets: both ways, over losses, and against who has no right to it.

use std::io::Write;

use anyhow::{Context, Result, ensure};
use cobrowse_tests::http::{Answer, Request, open_stream};
use cobrowse_tests::visitor::{assign, payload_json};
use cobrowse_tests::{Agent, AgentBrowser, Socket, Stack};
use protocol::limits::FRAME_PAYLOAD_BYTES_MAX;
use protocol::start::StartAnswer;
use protocol::{CloseCode, Flags, Header, Kind};

const CHANNEL: &str = "00112233445566ff";

/// A visitor or an agent whose WebSockets are blocked.
struct Blocked {
    net: cobrowse_tests::Net,
    /// Address of the WebSocket that is blocked, as `https`.
    url: String,
    origin: String,
    cookie: String,
    credential: String,
    stream: Socket,
    number: u32,
}

impl Blocked {
    fn visitor(stack: &Stack, answer: &StartAnswer, credential: &str) -> Result<Self> {
        let url = answer.server.replacen("wss:", "https:", 1);
        let origin = stack.shop_url().to_owned();
        let stream = stream(stack, &url, &origin, "", credential)?
            .map_err(|refused| anyhow::anyhow!("refused: {}", refused.text()))?;
        let (net, credential) = (stack.net().clone(), format!("resume.{}", answer.resume));
        Ok(Self { net, url, origin, cookie: String::new(), credential, stream, number: 0 })
    }

    fn agent(stack: &Stack, name: &str, key: &str) -> Result<Self> {
        let mut browser = AgentBrowser::login(stack, name)?;
        let view = browser.open(key)?;
        let (url, origin) = (view.socket_url(), view.url.origin());
        let cookie = view.browser.cookie_header(&view.url);
        let credential = format!("csrf.{}", view.csrf);
        let stream = stream(stack, &url, &origin, &cookie, &credential)?
            .map_err(|refused| anyhow::anyhow!("refused: {}", refused.text()))?;
        Ok(Self { net: stack.net().clone(), url, origin, cookie, credential, stream, number: 0 })
    }

    fn body(&self, number: u32, frames: &[Vec<u8>]) -> Vec<u8> {
        let mut body = format!("{} {CHANNEL} {number}\n", self.credential).into_bytes();
        for frame in frames {
            match u8::try_from(frame.len()) {
                Ok(length @ ..126) => body.extend([0x82, length]),
                _ => {
                    let [.., high, low] = frame.len().to_be_bytes();
                    body.extend([0x82, 126, high, low]);
                }
            }
            body.extend_from_slice(frame);
        }
        body
    }

    fn request(&self, body: Vec<u8>) -> Result<Request> {
        let request = Request::post(&format!("{}/frames", self.url), "text/plain", body)?;
        Ok(request.header("Origin", &self.origin).header("Cookie", &self.cookie))
    }

    /// Sends frames under the next number.
    fn say(&mut self, frames: &[Vec<u8>]) -> Result<()> {
        self.number += 1;
        let answer = self.say_as(self.number, frames)?;
        ensure!(answer.status == 200, "post {}: {} {}", self.number, answer.status, answer.text());
        Ok(())
    }

    fn say_as(&self, number: u32, frames: &[Vec<u8>]) -> Result<Answer> {
        self.request(self.body(number, frames))?.send(&self.net)
    }
}

fn stream(
    stack: &Stack,
    url: &str,
    origin: &str,
    cookie: &str,
    credential: &str,
) -> Result<std::result::Result<Socket, Answer>> {
    let line = format!("{credential} {CHANNEL}\n");
    let request = Request::post(&format!("{url}/stream"), "text/plain", line)?;
    open_stream(stack.net(), request.header("Origin", origin).header("Cookie", cookie))
}

fn frame(kind: Kind, flags: Flags, epoch: u32, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let header = Header { kind, flags, source: 0, epoch, sequence };
    [&header.encode()[..], payload].concat()
}

/// Facts and a keyframe of two chunks, of which each fills a post.
fn epoch(number: u32) -> [Vec<u8>; 3] {
    let half = vec![7; FRAME_PAYLOAD_BYTES_MAX];
    [
        frame(Kind::Facts, Flags::NONE, number, 0, b"{}"),
        frame(Kind::Keyframe, Flags::FIRST, number, 1, &half),
        frame(Kind::Keyframe, Flags::LAST, number, 2, &half),
    ]
}

#[test]
fn a_session_runs_over_streams_and_posts_and_comes_back_without_the_web_tier() -> Result<()> {
    let mut stack = Stack::plan().cores(2).start()?;
    let start = assign(&stack, "demo", None)?;
    let mut visitor = Blocked::visitor(&stack, &start, &format!("ticket.{}", start.ticket))?;
    visitor.stream.frame_of(Kind::Welcome)?;
    let [facts, first, last] = epoch(1);
    visitor.say(&[facts, first])?;
    let mut blocked = Blocked::agent(&stack, "ada", &start.key)?;
    let mut agent = Agent::join(&stack, "bob", &start.key)?;
    visitor.say(&[last, frame(Kind::Diff, Flags::NONE, 1, 3, b"a change")])?;
    for socket in [&mut blocked.stream, &mut agent.socket] {
        let (_, diff) = socket.frame_of(Kind::Diff)?;
        assert_eq!(&diff[12..], b"a change");
    }
    blocked.say(&[frame(Kind::Pointer, Flags::NONE, 1, 3, br#"{"x":1,"y":2}"#)])?;
    let (header, pointer) = visitor.stream.frame_of(Kind::Pointer)?;
    assert_eq!((header.source, &pointer[12..]), (1, &br#"{"x":1,"y":2}"#[..]));

    // Without the web tier: the visitor loses its stream, comes back, and its agents have the new epoch.
    stack.web().process.kill();
    let resume = format!("resume.{}", start.resume);
    let mut visitor = Blocked::visitor(&stack, &start, &resume)?;
    let (_, welcome) = visitor.stream.frame_of(Kind::Welcome)?;
    assert_eq!(payload_json(&welcome)?["last_epoch"], 1);
    for frame in epoch(2) {
        visitor.say(&[frame])?;
    }
    for socket in [&mut blocked.stream, &mut agent.socket] {
        while socket.frame_of(Kind::Keyframe)?.0.epoch != 2 {}
    }
    visitor.say_as(0, &[frame(Kind::Bye, Flags::NONE, 2, 2, b"")])?;
    blocked.stream.expect_close(CloseCode::SessionEndedVisitor)?;
    agent.socket.expect_close(CloseCode::SessionEndedVisitor)
}

#[test]
fn a_post_that_broke_off_is_not_taken_and_is_taken_once_when_it_comes_again() -> Result<()> {
    let stack = Stack::plan().start()?;
    let start = assign(&stack, "demo", None)?;
    let mut visitor = Blocked::visitor(&stack, &start, &format!("ticket.{}", start.ticket))?;
    let mut agent = Agent::join(&stack, "ada", &start.key)?;
    let [facts, first, last] = epoch(1);
    visitor.say(&[facts, first])?;
    let rest = [last, frame(Kind::Diff, Flags::NONE, 1, 3, b"once")];
    let body = visitor.body(2, &rest);
    let url = cobrowse_tests::url::Url::parse(&visitor.url)?;
    let head = format!(
        "POST {}/frames HTTP/1.1\r\nHost: {}\r\nOrigin: {}\r\nContent-Length: {}\r\n\r\n",
        url.path,
        url.authority(),
        visitor.origin,
        body.len()
    );
    let mut broken = stack.net().connect(&url.host, url.port)?;
    broken.write_all(head.as_bytes())?;
    broken.write_all(body.get(..body.len() / 2).context("a body")?)?;
    drop(broken);
    for _ in 0..2 {
        assert_eq!(visitor.say_as(2, &rest)?.status, 200);
    }
    visitor.number = 2;
    visitor.say(&[frame(Kind::Diff, Flags::NONE, 1, 4, b"after")])?;
    for expected in [&b"once"[..], b"after"] {
        assert_eq!(agent.socket.frame_of(Kind::Diff)?.1.get(12..), Some(expected));
    }
    // A gap is no order: the connection ends and says so, the session waits for a better one.
    assert_eq!(visitor.say_as(9, &[])?.error(), "out_of_order");
    visitor.stream.expect_close(CloseCode::OutOfOrder)?;
    let (_, state) = agent.socket.frame_of(Kind::VisitorState)?;
    assert_eq!(payload_json(&state)?["visitor"], "offline");
    Ok(())
}
