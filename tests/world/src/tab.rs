//! A browser's connection to a CServer: real TLS, just enough HTTP and WebSocket.
//!
//! Owns bytes; what is asked and what an answer means is the visitor's and the agent's business.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

use connection::frame_prefix;
use connection::rustls::ClientConnection;
use connection::rustls::pki_types::ServerName;

use crate::net::{Ends, Host, Net, SharedEnds, lock};
use crate::tls::Pki;

/// See the module. Dropping it closes the connection.
pub(crate) struct Tab {
    pub(crate) wire: usize,
    pub(crate) server: Host,
    ends: SharedEnds,
    tls: ClientConnection,
    plain: Vec<u8>,
    is_socket: bool,
}

/// What a CServer said.
#[derive(Debug)]
pub(crate) enum Said {
    /// An answer: status, head, body.
    Answer(u16, String, String),
    /// The connection has become a WebSocket.
    Upgraded,
    /// A binary message.
    Frame(Vec<u8>),
    /// The WebSocket was closed with a code.
    Closed(u16),
    /// The connection is gone.
    Gone,
}

impl Tab {
    pub(crate) fn open(net: &mut Net, pki: &Pki, from: Host, to: Host, host: &str) -> Self {
        let ends: SharedEnds = Arc::new(Mutex::new(Ends::default()));
        let name = ServerName::try_from(host.to_owned()).expect("a host name");
        let tls = ClientConnection::new(pki.browser.clone(), name).expect("a client");
        let wire = net.open(from, to, ends.clone());
        Self { wire, server: to, ends, tls, plain: Vec::new(), is_socket: false }
    }

    /// Sends plaintext.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        // Memory takes everything.
        let _ = self.tls.writer().write_all(bytes);
        self.flush();
    }

    /// Sends a WebSocket message, masked with zeros.
    pub(crate) fn frame(&mut self, opcode: u8, body: &[u8]) {
        let (prefix, used) = frame_prefix(body.len());
        let mut bytes = prefix[..used].to_vec();
        bytes[0] = 0x80 | opcode;
        bytes[1] |= 0x80;
        bytes.extend([0; 4]);
        bytes.extend(body);
        self.write(&bytes);
    }

    fn flush(&mut self) {
        let mut ends = lock(&self.ends);
        while self.tls.wants_write() {
            if self.tls.write_tls(&mut ends.outbox).is_err() {
                return;
            }
        }
    }

    /// What has come since. Answers pings by itself.
    pub(crate) fn hear(&mut self) -> Vec<Said> {
        let (bytes, is_eof) = {
            let mut ends = lock(&self.ends);
            if ends.inbox.is_empty() && !ends.is_eof {
                return Vec::new();
            }
            (std::mem::take(&mut ends.inbox), ends.is_eof)
        };
        let mut said = Vec::new();
        let mut rest = bytes.as_slice();
        let mut is_gone = is_eof;
        while !rest.is_empty() {
            if self.tls.read_tls(&mut rest).is_err() {
                is_gone = true;
                break;
            }
            match self.tls.process_new_packets() {
                Ok(state) => {
                    let start = self.plain.len();
                    self.plain.resize(start + state.plaintext_bytes_to_read(), 0);
                    is_gone |= self.tls.reader().read_exact(&mut self.plain[start..]).is_err();
                    is_gone |= state.peer_has_closed();
                }
                Err(_) => {
                    is_gone = true;
                    break;
                }
            }
        }
        self.flush();
        while let Some(one) = self.next() {
            said.extend(one);
        }
        if is_gone {
            said.push(Said::Gone);
        }
        said
    }

    /// The next whole thing of the plaintext; an inner `None` says nothing to the caller.
    fn next(&mut self) -> Option<Option<Said>> {
        if !self.is_socket {
            let head = self.plain.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
            let text = String::from_utf8_lossy(&self.plain[..head]).into_owned();
            let status = text.get(9..12)?.parse().ok()?;
            let length = header(&text, "content-length").and_then(|length| length.parse().ok());
            let end = head + length.unwrap_or(0);
            if self.plain.len() < end {
                return None;
            }
            let body = String::from_utf8_lossy(&self.plain[head..end]).into_owned();
            self.plain.drain(..end);
            self.is_socket = status == 101;
            return Some(Some(match self.is_socket {
                true => Said::Upgraded,
                false => Said::Answer(status, text, body),
            }));
        }
        let [first, length, rest @ ..] = self.plain.as_slice() else { return None };
        let (length, skip) = match length {
            126 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), 4),
            127 => (u64::from_be_bytes(*rest.first_chunk()?) as usize, 10),
            short => (usize::from(*short), 2),
        };
        if self.plain.len() < skip + length {
            return None;
        }
        let opcode = first & 0x0f;
        let body = self.plain[skip..skip + length].to_vec();
        self.plain.drain(..skip + length);
        Some(match opcode {
            2 => Some(Said::Frame(body)),
            8 => Some(Said::Closed(
                body.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code)),
            )),
            9 => {
                self.frame(10, &body);
                None
            }
            _ => None,
        })
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        lock(&self.ends).is_closed = true;
    }
}

/// A header of an answer.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// A GET request.
pub(crate) fn get(host: &str, path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n").into_bytes()
}

/// A WebSocket upgrade.
pub(crate) fn upgrade(
    host: &str,
    path: &str,
    credential: &str,
    origin: &str,
    headers: &str,
) -> Vec<u8> {
    let headers = format!(
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: {origin}\r\n\
         Sec-WebSocket-Protocol: cobrowse.v1, {credential}\r\n{headers}"
    );
    get(host, path, &headers)
}
