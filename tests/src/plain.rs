//! An agent's browser that has followed its visitor to plain HTTP: PROTOCOL.md section 7.4.
//!
//! Owns what such a browser sends there and how answers without TLS are read. Its join was made over TLS, by [`crate::AgentBrowser`].

use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};
use protocol::start::StartAnswer;
use protocol::subprotocol::FRAMES_V1;
use protocol::{Flags, Header, Kind};
use tungstenite::WebSocket;
use tungstenite::client::IntoClientRequest;

use crate::agent::meta;
use crate::net::tcp;
use crate::url::Url;
use crate::visitor::{connect, start_request, ticket};
use crate::{AgentBrowser, Socket, Stack, View, plain_host};

/// The shop's pages that came over HTTP.
pub const HTTP_SHOP: &str = "http://shop.localhost:8080";

/// Lets the agents of the demo group follow the visitor's protocol, or no longer.
pub fn follow(stack: &Stack, follows: bool) -> Result<()> {
    let (shop, value) = (stack.shop_url(), follows.to_string());
    let mut words = vec!["group", "set", "demo", "--follows-protocol", &value, "--origin", shop];
    words.extend(follows.then_some(["--origin", HTTP_SHOP]).into_iter().flatten());
    stack.admin(&words, "")?;
    Ok(())
}

/// A session whose page came over HTTP and shows this.
pub fn start(stack: &Stack, shown: &[u8]) -> Result<(StartAnswer, Socket)> {
    let answer: StartAnswer = start_request(stack, HTTP_SHOP, r#"{"group":"demo"}"#)?.json()?;
    let mut visitor = visit(stack, &answer, HTTP_SHOP, &ticket(&answer))?;
    page(&mut visitor, Flags::INSECURE, 1, shown)?;
    Ok((answer, visitor))
}

/// A visitor's connection from a page of that origin.
pub fn visit(
    stack: &Stack,
    answer: &StartAnswer,
    origin: &str,
    credential: &str,
) -> Result<Socket> {
    connect(stack.net(), &answer.server, origin, credential)?
        .map_err(|refused| anyhow::anyhow!("visitor: {} {}", refused.status, refused.text()))
}

/// An epoch of one keyframe.
pub fn page(visitor: &mut Socket, flags: Flags, epoch: u32, page: &[u8]) -> Result<()> {
    let header = |kind, flags, sequence| Header { kind, flags, source: 1, epoch, sequence };
    visitor.send_parts(header(Kind::Facts, flags, 0), b"{}")?;
    visitor.send_parts(header(Kind::Keyframe, Flags::FIRST | Flags::LAST, 1), page)
}

/// A view that may go over to plain HTTP.
pub struct Plain {
    /// The port of both doors.
    pub port: u16,
    /// The name that answers plain HTTP.
    pub host: String,
    /// The view over TLS.
    pub view: View,
}

impl Plain {
    /// An agent joins the session of that key on a server that follows.
    pub fn join(stack: &Stack, agent: &str, answer: &StartAnswer) -> Result<Self> {
        let at = stack.server_at(&answer.server).context("a server that is not ours")?;
        let server = &stack.servers()[at];
        let view = AgentBrowser::login(stack, agent)?.open(&answer.key)?;
        Ok(Self { port: server.port, host: plain_host(&server.public_url), view })
    }

    /// Asks with the cookies that a browser would send there.
    pub fn get(&self, path: &str) -> Result<String> {
        self.ask(path, &self.cookies()?)
    }

    /// Asks with any cookies.
    pub fn ask(&self, path: &str, cookies: &str) -> Result<String> {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nCookie: {cookies}\r\n\r\n",
            self.authority()
        ))
    }

    /// Sends a request as it is written; the answer, or what came of it before the connection ended.
    pub fn send(&self, request: &str) -> Result<String> {
        let mut stream = tcp(self.port)?;
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        while !is_whole(&answer) {
            let mut buffer = [0; 4096];
            // A server that refuses more than the request may reset.
            match stream.read(&mut buffer) {
                Ok(read) if read > 0 => answer.extend_from_slice(&buffer[..read]),
                _ => break,
            }
        }
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// Opens the view's connection as the viewer would.
    pub fn open(&self, csrf: &str) -> Result<WebSocket<TcpStream>> {
        self.try_open(&self.cookies()?, &self.origin(), csrf)
            .map_err(|refused| anyhow::anyhow!("the plain view was refused: {refused}"))
    }

    /// The same with anything; the fault when it is refused.
    pub fn try_open(
        &self,
        cookies: &str,
        origin: &str,
        csrf: &str,
    ) -> Result<WebSocket<TcpStream>> {
        let url = format!("ws://{}/agent/{}", self.authority(), self.view.join);
        let mut request = url.into_client_request()?;
        let headers = request.headers_mut();
        headers.insert("Origin", origin.parse()?);
        headers.insert("Cookie", cookies.parse()?);
        headers.insert("Sec-WebSocket-Protocol", format!("{FRAMES_V1}, csrf.{csrf}").parse()?);
        let (socket, _) = tungstenite::client(request, tcp(self.port)?)
            .map_err(|refused| anyhow::anyhow!("{refused}"))?;
        Ok(socket)
    }

    /// `host:port`, as a browser writes it.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The origin of its pages.
    pub fn origin(&self) -> String {
        format!("http://{}", self.authority())
    }

    /// What a browser sends there: the plain cookie, and no other.
    pub fn cookies(&self) -> Result<String> {
        let url = Url::parse(&format!("https://{}/", self.authority()))?;
        let cookies = self.view.browser.cookie_header(&url);
        ensure!(cookies.starts_with("j-") && !cookies.contains(';'), "{cookies}");
        Ok(cookies)
    }

    /// The CSRF value of the page over plain HTTP.
    pub fn csrf(&self) -> Result<String> {
        let shown = self.get(&format!("/view/{}", self.view.join))?;
        csrf_of(&shown)
    }
}

/// The CSRF value in an answer that is the viewer's page.
pub fn csrf_of(answer: &str) -> Result<String> {
    meta(answer, "csrf").with_context(|| format!("no CSRF value in {answer}"))
}

fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    length.and_then(|length| length.parse().ok()).is_none_or(|length: usize| body.len() >= length)
}
