//! A blocking WebSocket client whose waits are bounded.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use protocol::{CloseCode, Header, Kind};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use crate::limits::{SILENCE, WAIT_MAX};
use crate::net::{TlsStream, is_quiet};

/// An open WebSocket.
pub struct Socket {
    socket: WebSocket<TlsStream>,
    subprotocol: String,
}

/// What came over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A binary message: a frame.
    Frame(Vec<u8>),
    /// A text message: a record of the control stream.
    Text(String),
    /// The peer ended it, with this code when it gave one.
    Closed(Option<u16>),
}

impl Socket {
    pub(crate) fn new(stream: TlsStream, rest: Vec<u8>, subprotocol: &str) -> Self {
        let config = WebSocketConfig::default();
        let socket = WebSocket::from_partially_read(stream, rest, Role::Client, Some(config));
        Self { socket, subprotocol: subprotocol.to_owned() }
    }

    /// What the server chose.
    pub fn subprotocol(&self) -> &str {
        &self.subprotocol
    }

    /// Sends a frame.
    pub fn send(&mut self, frame: Vec<u8>) -> Result<()> {
        Ok(self.socket.send(Message::binary(frame))?)
    }

    /// Sends a frame of these parts.
    pub fn send_parts(&mut self, header: Header, payload: &[u8]) -> Result<()> {
        self.send([&header.encode()[..], payload].concat())
    }

    /// Sends a text message.
    pub fn send_text(&mut self, text: &str) -> Result<()> {
        Ok(self.socket.send(Message::text(text))?)
    }

    /// Sends bytes below the WebSocket's own framing.
    pub fn send_raw(&mut self, bytes: &[u8]) -> Result<()> {
        let stream = self.socket.get_mut();
        stream.write_all(bytes)?;
        Ok(stream.flush()?)
    }

    /// The next message, or nothing within `at_most`. Pings are answered on the way.
    pub fn hear(&mut self, at_most: Duration) -> Result<Option<Heard>> {
        let end = Instant::now() + at_most;
        loop {
            match self.socket.read() {
                Ok(Message::Binary(frame)) => return Ok(Some(Heard::Frame(frame.to_vec()))),
                Ok(Message::Text(text)) => return Ok(Some(Heard::Text(text.to_string()))),
                Ok(Message::Close(frame)) => {
                    let _ = self.socket.flush();
                    return Ok(Some(Heard::Closed(frame.map(|frame| frame.code.into()))));
                }
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {
                    let _ = self.socket.flush();
                }
                Err(Error::Io(error)) if is_quiet(&error) => {}
                Err(Error::ConnectionClosed | Error::AlreadyClosed | Error::Io(_)) => {
                    return Ok(Some(Heard::Closed(None)));
                }
                Err(Error::Protocol(
                    tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
                )) => return Ok(Some(Heard::Closed(None))),
                Err(error) => bail!("the server broke the WebSocket protocol: {error}"),
            }
            if Instant::now() >= end {
                return Ok(None);
            }
        }
    }

    /// The next frame.
    pub fn frame(&mut self) -> Result<(Header, Vec<u8>)> {
        match self.hear(WAIT_MAX)? {
            Some(Heard::Frame(frame)) => {
                let header = Header::decode(&frame)
                    .map_err(|code| anyhow::anyhow!("the server sent a frame that is {code}"))?;
                Ok((header, frame))
            }
            other => bail!("expected a frame and got {other:?}"),
        }
    }

    /// Passes over frames until one of that kind has come.
    pub fn frame_of(&mut self, kind: Kind) -> Result<(Header, Vec<u8>)> {
        let end = Instant::now() + WAIT_MAX;
        while Instant::now() < end {
            let (header, frame) = self.frame()?;
            if header.kind == kind {
                return Ok((header, frame));
            }
        }
        bail!("no {} within {WAIT_MAX:?}", kind.name())
    }

    /// Passes over frames until the server ends the connection, and checks why.
    pub fn expect_close(&mut self, code: CloseCode) -> Result<()> {
        let end = Instant::now() + WAIT_MAX;
        while Instant::now() < end {
            if let Some(Heard::Closed(got)) = self.hear(WAIT_MAX)? {
                let named = got.and_then(CloseCode::from_code).map(CloseCode::name);
                ensure!(
                    got == Some(code.code()),
                    "closed with {got:?} ({named:?}) instead of {}",
                    code.name()
                );
                return Ok(());
            }
        }
        bail!("not closed within {WAIT_MAX:?}; expected {}", code.name())
    }

    /// Nothing comes for a while, and it stays open.
    pub fn expect_silence(&mut self) -> Result<()> {
        match self.hear(SILENCE)? {
            None => Ok(()),
            Some(heard) => bail!("expected nothing and got {heard:?}"),
        }
    }
}
