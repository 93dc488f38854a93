//! The agent's view follows a visitor to a page that came over HTTP, through real processes; and what plain HTTP must not open.
//!
//! Every refusal by itself is tried in virtual time (`cserver/src/shard/plain_tests.rs`); here is the way through the whole.

use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};
use cobrowse_tests::net::{ends_within, tcp};
use cobrowse_tests::url::Url;
use cobrowse_tests::visitor::{connect, start_request, ticket};
use cobrowse_tests::{AgentBrowser, Heard, Socket, Stack, View, plain_host};
use protocol::start::StartAnswer;
use protocol::subprotocol::FRAMES_V1;
use protocol::{CloseCode, Flags, Header, Kind};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

const HTTP_SHOP: &str = "http://shop.localhost:8080";

#[test]
fn an_agents_view_follows_the_visitor_to_http_and_back_and_shows_only_what_came_so() -> Result<()> {
    let stack = Stack::plan().start()?;
    let server = &stack.servers()[0];
    let (port, host) = (server.port, plain_host(&server.public_url));
    refuses_plain(port, &host)?;
    let asked = start_request(&stack, HTTP_SHOP, r#"{"group":"demo"}"#)?;
    assert_eq!(asked.error(), "not_allowed", "a group that does not follow has no http pages");

    follow(&stack, true)?;
    let answer: StartAnswer = start_request(&stack, HTTP_SHOP, r#"{"group":"demo"}"#)?.json()?;
    let mut visitor = visit(&stack, &answer, HTTP_SHOP, &ticket(&answer))?;
    page(&mut visitor, Flags::INSECURE, 1, b"page over http")?;

    let mut browser = AgentBrowser::login(&stack, "ada")?;
    let view = browser.open(&answer.key)?;
    let plain = Plain { port, host, view };
    let other = format!("http://{}:{port}/view/{}", plain.host, plain.view.join);
    assert!(plain.view.page.text().contains(&other), "the view over HTTPS is told of the other");
    let shown = plain.get(&format!("/view/{}", plain.view.join))?;
    assert!(shown.starts_with("HTTP/1.1 200 "), "{shown}");
    assert!(!shown.contains("Strict-Transport-Security"), "{shown}");
    let mut agent = plain.open(&csrf_of(&shown)?)?;
    expect(&mut agent, b"page over http")?;
    // It only looks, whatever the role.
    let click = Header { kind: Kind::Click, flags: Flags::NONE, source: 0, epoch: 1, sequence: 1 };
    agent.send(Message::binary([&click.encode()[..], b"{}"].concat()))?;
    assert_eq!(close_code(&mut agent)?, CloseCode::NotAllowed.code());

    // The next page is over HTTPS: nothing of it comes, and the view goes back.
    let mut agent = plain.open(&csrf_of(&shown)?)?;
    let resume = format!("resume.{}", answer.resume);
    let mut visitor = visit(&stack, &answer, stack.shop_url(), &resume)?;
    page(&mut visitor, Flags::NONE, 2, b"page over https")?;
    assert_eq!(close_code(&mut agent)?, CloseCode::SecurePage.code());
    let back = plain.get(&format!("/view/{}", plain.view.join))?;
    let secure = format!("Location: {}/view/{}\r\n", server.public_url, plain.view.join);
    assert!(back.starts_with("HTTP/1.1 303 ") && back.contains(&secure), "{back}");
    let mut agent = plain.view.connect()?;
    agent.expect("the page over https", |agent| {
        agent.page().iter().any(|frame| frame.ends_with(b"page over https"))
    })?;

    // The secure cookie on plain HTTP is over at once, and the running view with it.
    let stolen = plain.view.browser.cookie("__Host-j-").context("no secure cookie")?.to_owned();
    plain.ask("/view/0102030405060708", &format!("__Host-j-{}={stolen}", plain.view.join))?;
    assert_eq!(closed_with(&mut agent.socket)?, CloseCode::Unauthorized.code());
    assert_eq!(plain.view.clone().status()?.status, 401);

    follow(&stack, false)?;
    refuses_plain(port, &plain.host)
}

fn follow(stack: &Stack, follows: bool) -> Result<()> {
    let (shop, value) = (stack.shop_url(), follows.to_string());
    let mut words = vec!["group", "set", "demo", "--follows-protocol", &value, "--origin", shop];
    words.extend(follows.then_some(["--origin", HTTP_SHOP]).into_iter().flatten());
    stack.admin(&words, "")?;
    Ok(())
}

/// Plain bytes end their connection unanswered; waits until the server has heard that it is so.
fn refuses_plain(port: u16, host: &str) -> Result<()> {
    let end = std::time::Instant::now() + PATIENCE;
    loop {
        let mut stream = tcp(port)?;
        stream.write_all(
            format!("GET /assets/x HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n").as_bytes(),
        )?;
        let mut answer = [0; 5];
        let answered = stream.read(&mut answer).is_ok_and(|read| answer[..read] == *b"HTTP/");
        if !answered {
            ensure!(ends_within(&mut stream, PATIENCE), "the connection stays open");
            return Ok(());
        }
        ensure!(std::time::Instant::now() < end, "plain bytes are answered");
    }
}

fn visit(stack: &Stack, answer: &StartAnswer, origin: &str, credential: &str) -> Result<Socket> {
    connect(stack.net(), &answer.server, origin, credential)?
        .map_err(|refused| anyhow::anyhow!("visitor: {} {}", refused.status, refused.text()))
}

fn page(visitor: &mut Socket, flags: Flags, epoch: u32, page: &[u8]) -> Result<()> {
    let header = |kind, flags, sequence| Header { kind, flags, source: 1, epoch, sequence };
    visitor.send_parts(header(Kind::Facts, flags, 0), b"{}")?;
    visitor.send_parts(header(Kind::Keyframe, Flags::FIRST | Flags::LAST, 1), page)
}

/// An agent's browser that has gone over to plain HTTP.
struct Plain {
    port: u16,
    host: String,
    view: View,
}

impl Plain {
    /// Asks with the cookies that a browser would send there.
    fn get(&self, path: &str) -> Result<String> {
        self.ask(path, &self.cookies()?)
    }

    fn ask(&self, path: &str, cookies: &str) -> Result<String> {
        let mut stream = tcp(self.port)?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}:{}\r\nCookie: {cookies}\r\n\r\n",
            self.host, self.port
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        while !is_whole(&answer) {
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer)?;
            ensure!(read > 0, "ended within an answer");
            answer.extend_from_slice(&buffer[..read]);
        }
        Ok(String::from_utf8(answer)?)
    }

    fn open(&self, csrf: &str) -> Result<WebSocket<TcpStream>> {
        let url = format!("ws://{}:{}/agent/{}", self.host, self.port, self.view.join);
        let mut request = url.into_client_request()?;
        let headers = request.headers_mut();
        headers.insert("Origin", format!("http://{}:{}", self.host, self.port).parse()?);
        headers.insert("Cookie", self.cookies()?.parse()?);
        headers.insert("Sec-WebSocket-Protocol", format!("{FRAMES_V1}, csrf.{csrf}").parse()?);
        let (socket, _) = tungstenite::client(request, tcp(self.port)?)?;
        Ok(socket)
    }

    fn cookies(&self) -> Result<String> {
        let url = Url::parse(&format!("https://{}:{}/", self.host, self.port))?;
        let cookies = self.view.browser.cookie_header(&url);
        // No other cookie is meant for this host.
        ensure!(cookies.starts_with("j-") && !cookies.contains(';'), "{cookies}");
        Ok(cookies)
    }
}

fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    length.and_then(|length| length.parse().ok()).is_none_or(|length: usize| body.len() >= length)
}

fn csrf_of(page: &str) -> Result<String> {
    let at = page.split("name=\"cobrowse-csrf\" content=\"").nth(1).context("no CSRF value")?;
    Ok(at.split('"').next().unwrap_or_default().to_owned())
}

fn expect(agent: &mut WebSocket<TcpStream>, payload: &[u8]) -> Result<()> {
    loop {
        match agent.read()? {
            Message::Binary(frame) if frame.ends_with(payload) => return Ok(()),
            Message::Close(reason) => anyhow::bail!("closed with {reason:?}"),
            _ => {}
        }
    }
}

/// Reads on to the close, and makes sure that nothing of a page over HTTPS came before.
fn close_code(agent: &mut WebSocket<TcpStream>) -> Result<u16> {
    loop {
        match agent.read()? {
            Message::Binary(frame) => {
                ensure!(!frame.ends_with(b"page over https"), "a secure page in plain text");
            }
            Message::Close(reason) => return Ok(reason.context("no code")?.code.into()),
            _ => {}
        }
    }
}

fn closed_with(socket: &mut Socket) -> Result<u16> {
    loop {
        match socket.hear(PATIENCE)? {
            Some(Heard::Closed(code)) => return code.context("no code"),
            Some(_) => {}
            None => anyhow::bail!("the view goes on"),
        }
    }
}

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);
