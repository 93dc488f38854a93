//! What clients of the server in memory say and read: requests, WebSocket messages, frames.

use connection::{Connection, frame_prefix};
use protocol::frame::{Flags, Header, Kind};

use super::testing::HOST;

/// A GET request.
pub(crate) fn get(path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{headers}\r\n").into_bytes()
}

/// A WebSocket upgrade.
pub(crate) fn upgrade(path: &str, credential: &str, origin: &str, headers: &str) -> Vec<u8> {
    get(
        path,
        &format!(
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: {origin}\r\n\
             Sec-WebSocket-Protocol: cobrowse.v1, {credential}\r\n{headers}"
        ),
    )
}

/// A binary WebSocket message as a client sends it, masked with zeros.
pub(crate) fn message(kind: Kind, flags: u8, epoch: u32, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let body = frame(kind, flags, epoch, sequence, payload);
    let (prefix, used) = frame_prefix(body.len());
    let mut bytes = prefix[..used].to_vec();
    bytes[1] |= 0x80;
    bytes.extend([0; 4]);
    bytes.extend(body);
    bytes
}

/// A frame by itself.
pub(super) fn frame(kind: Kind, flags: u8, epoch: u32, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let header = Header { kind, flags: Flags(flags), source: 0, epoch, sequence };
    [&header.encode()[..], payload].concat()
}

/// The binary messages in what a client received; each without its WebSocket prefix.
pub(crate) fn messages(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while let [first, length, rest @ ..] = bytes {
        let (length, rest) = match length {
            126 => (usize::from(rest[0]) * 256 + usize::from(rest[1]), &rest[2..]),
            127 => (u64::from_be_bytes(rest[..8].try_into().unwrap()) as usize, &rest[8..]),
            short => (usize::from(*short), rest),
        };
        if *first == 0x82 {
            all.push(rest[..length].to_vec());
        }
        bytes = &rest[length..];
    }
    all
}

/// The first header of that name in an answer.
pub(super) fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    let find = |line: &&'a str| line.to_ascii_lowercase().starts_with(&name.to_ascii_lowercase());
    let line = answer.lines().find(find).unwrap_or_else(|| panic!("no {name} in {answer}"));
    line[name.len() + 1..].trim()
}

/// A web tier asks for a control stream.
pub(super) const CONTROL_REQUEST: &[u8] = b"GET /control HTTP/1.1\r\nHost: c1.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: cobrowse.control.v1\r\n\r\n";

/// A text message as a client sends it, masked with zeros.
pub(super) fn text(record: &str) -> Vec<u8> {
    let mut bytes = Connection::text_frame(record);
    let body = bytes.split_off(bytes.len() - record.len());
    bytes[1] |= 0x80;
    bytes.extend([0; 4]);
    bytes.extend(body);
    bytes
}
