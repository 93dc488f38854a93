//! A visitor without a browser: starts a session, uploads frames, comes back.
//!
//! It keeps what it has sent of its epoch, so that a test can compare an agent's copy byte for byte.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use protocol::start::StartAnswer;
use protocol::subprotocol::FRAMES_V1;
use protocol::{Flags, Header, Kind};
use serde_json::{Value, json};

use crate::http::{Answer, Request, upgrade};
use crate::limits::WAIT_MAX;
use crate::net::Net;
use crate::socket::Socket;
use crate::stack::Stack;

/// A visitor with a live connection.
pub struct Visitor {
    net: Net,
    web_url: String,
    origin: String,
    /// What the web tier answered to the start.
    pub answer: StartAnswer,
    /// First frame of the connection.
    pub welcome: Value,
    /// The connection.
    pub socket: Socket,
    epoch: u32,
    sequence: u32,
    sent: Vec<Vec<u8>>,
}

impl Visitor {
    /// Starts a session of that group from a page of the shop, and connects.
    pub fn start(stack: &Stack, group: &str) -> Result<Self> {
        Self::start_with_key(stack, group, None)
    }

    /// The same with a key of its own.
    pub fn start_with_key(stack: &Stack, group: &str, key: Option<&str>) -> Result<Self> {
        Self::start_from(stack, stack.web_url(), group, key)
    }

    /// A session with a page in it, given out by one of the web tiers.
    pub fn with_page_from(stack: &Stack, web: usize, group: &str, page: &[u8]) -> Result<Self> {
        let mut visitor = Self::start_from(stack, stack.web_url_at(web), group, None)?;
        visitor.keyframe(page)?;
        Ok(visitor)
    }

    fn start_from(stack: &Stack, web_url: &str, group: &str, key: Option<&str>) -> Result<Self> {
        let answer = assign_from(stack, web_url, group, key)?;
        let socket = connect(stack.net(), &answer.server, stack.shop_url(), &ticket(&answer))?
            .map_err(|refused| {
                anyhow::anyhow!("visitor refused: {} {}", refused.status, refused.text())
            })?;
        let mut visitor = Self {
            net: stack.net().clone(),
            web_url: web_url.to_owned(),
            origin: stack.shop_url().to_owned(),
            answer,
            welcome: Value::Null,
            socket,
            epoch: 0,
            sequence: 0,
            sent: Vec::new(),
        };
        visitor.be_welcomed()?;
        Ok(visitor)
    }

    /// A session with a page in it.
    pub fn with_page(stack: &Stack, group: &str, page: &[u8]) -> Result<Self> {
        let mut visitor = Self::start(stack, group)?;
        visitor.keyframe(page)?;
        Ok(visitor)
    }

    /// The session key.
    pub fn key(&self) -> &str {
        &self.answer.key
    }

    /// The epoch of the frames in [`Visitor::sent`].
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The reliable frames of this epoch, as they were sent.
    pub fn sent(&self) -> &[Vec<u8>] {
        &self.sent
    }

    /// Begins an epoch: facts and a keyframe, cut into as many chunks as it needs.
    pub fn keyframe(&mut self, page: &[u8]) -> Result<()> {
        self.epoch_with(Flags::NONE, page)
    }

    /// The same, and everything before must be forgotten.
    pub fn purge(&mut self, page: &[u8]) -> Result<()> {
        self.epoch_with(Flags::PURGE, page)
    }

    fn epoch_with(&mut self, flags: Flags, page: &[u8]) -> Result<()> {
        self.epoch += 1;
        self.sequence = 0;
        self.sent.clear();
        self.reliable(Kind::Facts, flags, FACTS.as_bytes())?;
        let chunks: Vec<_> = page.chunks(protocol::limits::FRAME_PAYLOAD_BYTES_MAX).collect();
        let last = chunks.len().saturating_sub(1);
        for (at, chunk) in chunks.into_iter().enumerate() {
            let first = if at == 0 { Flags::FIRST } else { Flags::NONE };
            let end = if at == last { Flags::LAST } else { Flags::NONE };
            self.reliable(Kind::Keyframe, first | end, chunk)?;
        }
        Ok(())
    }

    /// Changes since the frame before.
    pub fn diff(&mut self, change: &[u8]) -> Result<()> {
        self.reliable(Kind::Diff, Flags::NONE, change)
    }

    /// Something that a newer one replaces.
    pub fn ephemeral(&mut self, slot: u8, content: &[u8]) -> Result<()> {
        let header = self.header(Kind::Ephemeral, Flags(slot), self.sequence.saturating_sub(1));
        self.socket.send_parts(header, content)
    }

    /// Ends the session.
    pub fn bye(&mut self) -> Result<()> {
        self.say(Kind::Bye)
    }

    /// This page goes away.
    pub fn leaving(&mut self) -> Result<()> {
        self.say(Kind::Leaving)
    }

    /// A new connection with the resume secret; whatever was before is left as it is.
    pub fn resume(&mut self) -> Result<()> {
        match self.try_resume()? {
            Ok(socket) => self.socket = socket,
            Err(refused) => bail!("resume refused: {} {}", refused.status, refused.text()),
        }
        self.be_welcomed()
    }

    /// The same; the answer when it is refused.
    pub fn try_resume(&self) -> Result<std::result::Result<Socket, Answer>> {
        connect(
            &self.net,
            &self.answer.server,
            &self.origin,
            &format!("resume.{}", self.answer.resume),
        )
    }

    /// Asks the web tier for another CServer until it gives one, and connects there.
    pub fn continue_elsewhere(&mut self) -> Result<()> {
        let end = Instant::now() + 3 * WAIT_MAX;
        let url = format!("{}/api/v1/sessions/continue", self.web_url);
        loop {
            let body = json!({"resume": self.answer.resume}).to_string();
            let request = Request::post(&url, "application/json", body)?;
            let answer = request.header("Origin", &self.origin).send(&self.net)?;
            if answer.status == 200 {
                // From here on it is the home, whether it is reached or not: nobody may go back to an older one.
                self.answer = answer.json()?;
                // Until the old server is known to be gone the answer may still name it.
                let (url, ticket) = (&self.answer.server, ticket(&self.answer));
                if let Ok(Ok(socket)) = connect(&self.net, url, &self.origin, &ticket) {
                    self.socket = socket;
                    return self.be_welcomed();
                }
            }
            if Instant::now() >= end {
                bail!("no way on: the web tier says {} {}", answer.status, answer.text());
            }
            sleep(RETRY);
        }
    }

    /// What `POST /visitor/status` says to a credential.
    pub fn status(&self, credential: &str) -> Result<Answer> {
        Request::post(&self.answer.status, "text/plain", credential)?
            .header("Origin", &self.origin)
            .send(&self.net)
    }

    /// The header of a frame of this epoch.
    pub fn header(&self, kind: Kind, flags: Flags, sequence: u32) -> Header {
        Header { kind, flags, source: TAB, epoch: self.epoch, sequence }
    }

    /// The sequence of the next reliable frame.
    pub fn next_sequence(&self) -> u32 {
        self.sequence
    }

    fn reliable(&mut self, kind: Kind, flags: Flags, payload: &[u8]) -> Result<()> {
        let header = self.header(kind, flags, self.sequence);
        let frame = [&header.encode()[..], payload].concat();
        self.socket.send(frame.clone())?;
        self.sequence += 1;
        self.sent.push(frame);
        Ok(())
    }

    fn say(&mut self, kind: Kind) -> Result<()> {
        let header = self.header(kind, Flags::NONE, self.sequence.saturating_sub(1));
        self.socket.send_parts(header, b"")
    }

    fn be_welcomed(&mut self) -> Result<()> {
        let (header, frame) = self.socket.frame()?;
        anyhow::ensure!(header.kind == Kind::Welcome, "the first frame is {:?}", header.kind);
        self.welcome = payload_json(&frame)?;
        let last = self.welcome["last_epoch"].as_u64().context("welcome without last_epoch")?;
        self.epoch = u32::try_from(last)?;
        Ok(())
    }
}

/// Asks the web tier for a session, and does nothing with it. Waits while no CServer is ready.
pub fn assign(stack: &Stack, group: &str, key: Option<&str>) -> Result<StartAnswer> {
    assign_from(stack, stack.web_url(), group, key)
}

fn assign_from(
    stack: &Stack,
    web_url: &str,
    group: &str,
    key: Option<&str>,
) -> Result<StartAnswer> {
    let end = Instant::now() + WAIT_MAX;
    loop {
        let body = json!({"group": group, "key": key}).to_string();
        let answer = start_request_to(stack, web_url, stack.shop_url(), body)?;
        match answer.status {
            201 => return answer.json(),
            503 if Instant::now() < end => sleep(RETRY),
            status => bail!("start refused: {status} {}", answer.text()),
        }
    }
}

/// Sends any body to the start call from a page of any origin.
pub fn start_request(stack: &Stack, origin: &str, body: impl Into<Vec<u8>>) -> Result<Answer> {
    start_request_to(stack, stack.web_url(), origin, body)
}

fn start_request_to(
    stack: &Stack,
    web_url: &str,
    origin: &str,
    body: impl Into<Vec<u8>>,
) -> Result<Answer> {
    let url = format!("{web_url}/api/v1/sessions");
    let request = Request::post(&url, "application/json", body)?;
    request.header("Origin", origin).send(stack.net())
}

/// Opens a visitor's connection with any credential from a page of any origin.
pub fn connect(
    net: &Net,
    url: &str,
    origin: &str,
    credential: &str,
) -> Result<std::result::Result<Socket, Answer>> {
    let request = Request::get(url)?.header("Origin", origin);
    upgrade(net, request, &format!("{FRAMES_V1}, {credential}"))
}

/// The credential of a first connection.
pub fn ticket(answer: &StartAnswer) -> String {
    format!("ticket.{}", answer.ticket)
}

/// The JSON payload of a frame.
pub fn payload_json(frame: &[u8]) -> Result<Value> {
    let payload = frame.get(protocol::limits::FRAME_HEADER_BYTES..).unwrap_or_default();
    serde_json::from_slice(payload).context("a frame whose payload is no JSON")
}

const FACTS: &str =
    r#"{"url":"https://shop.localhost/","title":"Shop","width":1280,"height":720,"visible":true}"#;

/// Number of the only tab.
const TAB: u16 = 7;

const RETRY: Duration = Duration::from_millis(100);
