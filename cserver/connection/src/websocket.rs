//! The WebSocket half of a connection: plaintext in, messages out.
//!
//! The protocol's rules (masking, fragmentation, control frames, limits, UTF-8) are tungstenite's. Its context,
//! with its read buffer, exists only while bytes of an unfinished message are held, so that an idle connection costs nothing here.
//! Outgoing messages do not pass through it: a frame for a thousand agents is formatted once, by [`frame_prefix`].

use std::io::{self, Read, Write};

use bytes::Bytes;
use protocol::close::CloseCode;
use protocol::limits::{CONTROL_RECORD_BYTES_MAX, FRAME_HEADER_BYTES, FRAME_PAYLOAD_BYTES_MAX};
use tungstenite::Message;
use tungstenite::error::{CapacityError, Error};
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};

/// The peer broke the WebSocket protocol or a limit of ours.
#[derive(Debug, thiserror::Error)]
pub enum WebSocketFault {
    /// A message longer than any frame of ours.
    #[error("a message longer than {MESSAGE_BYTES_MAX} bytes")]
    TooLong,
    /// Against RFC 6455.
    #[error("{0}")]
    Protocol(Box<Error>),
}

impl WebSocketFault {
    /// The close code that the peer earns.
    pub fn code(&self) -> CloseCode {
        match self {
            Self::TooLong => CloseCode::TooLong,
            Self::Protocol(_) => CloseCode::BadFrame,
        }
    }
}

/// What came in one message.
#[derive(Debug)]
pub(crate) enum Incoming {
    Binary(Bytes),
    Text(String),
    /// The peer closes; tungstenite's answer is in the outgoing bytes.
    Close,
}

/// Receiving side of one WebSocket.
#[derive(Default)]
pub(crate) struct WebSocket {
    context: Option<Box<Context>>,
    /// What came behind the upgrade request, until it is looked at.
    rest: Vec<u8>,
}

struct Context {
    inner: WebSocketContext,
    /// Bytes given to tungstenite, and the least that the messages it gave back took on the wire.
    /// When both are equal it holds nothing.
    fed: usize,
    accounted: usize,
}

impl WebSocket {
    /// A socket whose first bytes came with the upgrade request.
    pub(crate) fn with_rest(rest: Vec<u8>) -> Self {
        Self { context: None, rest }
    }

    /// Those first bytes, once.
    pub(crate) fn take_rest(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.rest)
    }

    /// Takes plaintext; calls `on` for every message; answers of the protocol itself (pong, close) are appended to `out`.
    pub(crate) fn receive(
        &mut self,
        plain: &[u8],
        out: &mut Vec<u8>,
        mut on: impl FnMut(Incoming),
    ) -> Result<(), WebSocketFault> {
        let context = self.context.get_or_insert_with(|| Box::new(Context::new(plain.len())));
        context.fed += plain.len();
        let mut stream = Memory { plain, out };
        loop {
            match context.inner.read(&mut stream) {
                Ok(message) => {
                    context.accounted += wire_bytes_min(message.len());
                    match message {
                        Message::Binary(body) => on(Incoming::Binary(body)),
                        Message::Text(text) => on(Incoming::Text(text.as_str().to_owned())),
                        Message::Close(_) => {
                            // The answer is sent on the next read or flush.
                            let _ = context.inner.flush(&mut stream);
                            on(Incoming::Close);
                            return Ok(());
                        }
                        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                    }
                }
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => {
                    on(Incoming::Close);
                    return Ok(());
                }
                Err(Error::Capacity(CapacityError::MessageTooLong { .. })) => {
                    return Err(WebSocketFault::TooLong);
                }
                Err(error) => return Err(WebSocketFault::Protocol(Box::new(error))),
            }
        }
        let _ = context.inner.flush(&mut stream);
        if context.fed == context.accounted {
            self.context = None;
        }
        Ok(())
    }

    /// Whether nothing of an unfinished message is held.
    #[cfg(test)]
    fn is_idle(&self) -> bool {
        self.context.is_none()
    }
}

impl Context {
    fn new(first_bytes: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(first_bytes.clamp(READ_BYTES_MIN, MESSAGE_BYTES_MAX))
            .write_buffer_size(0)
            .max_write_buffer_size(WRITE_BYTES_MAX)
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        Self { inner: WebSocketContext::new(Role::Server, Some(config)), fed: 0, accounted: 0 }
    }
}

/// The header of a server's binary message with a body of so many bytes, and how much of the array is used.
///
/// ```
/// use cobrowse_connection::frame_prefix;
/// assert_eq!(frame_prefix(5), ([0x82, 5, 0, 0, 0, 0, 0, 0, 0, 0], 2));
/// assert_eq!(frame_prefix(300).0[..4], [0x82, 126, 1, 44]);
/// ```
pub fn frame_prefix(body_bytes: usize) -> ([u8; 10], usize) {
    prefix(0x82, body_bytes)
}

/// A whole unmasked text message.
pub(crate) fn binary_frame(parts: &[&[u8]]) -> Vec<u8> {
    let (head, head_bytes) = frame_prefix(parts.iter().map(|part| part.len()).sum());
    [&[&head[..head_bytes]], parts].concat().concat()
}

/// A text message.
pub(crate) fn text_frame(text: &str) -> Vec<u8> {
    let (prefix, used) = prefix(0x81, text.len());
    [&prefix[..used], text.as_bytes()].concat()
}

/// A whole close message: code and name.
pub(crate) fn close_frame(code: CloseCode) -> Vec<u8> {
    let reason = code.name().as_bytes();
    let length = u8::try_from(2 + reason.len()).unwrap_or(2);
    let mut frame = vec![0x88, length];
    frame.extend_from_slice(&code.code().to_be_bytes());
    frame.extend_from_slice(&reason[..usize::from(length) - 2]);
    frame
}

/// An empty ping.
pub(crate) const PING_FRAME: [u8; 2] = [0x89, 0];

fn prefix(first: u8, body_bytes: usize) -> ([u8; 10], usize) {
    let mut prefix = [0; 10];
    prefix[0] = first;
    if body_bytes < 126 {
        prefix[1] = body_bytes as u8;
        (prefix, 2)
    } else if let Ok(short) = u16::try_from(body_bytes) {
        prefix[1] = 126;
        prefix[2..4].copy_from_slice(&short.to_be_bytes());
        (prefix, 4)
    } else {
        prefix[1] = 127;
        prefix[2..].copy_from_slice(&(body_bytes as u64).to_be_bytes());
        (prefix, 10)
    }
}

/// The least that a client's message of so many bytes takes on the wire: shortest length form, one frame, with its mask.
fn wire_bytes_min(body_bytes: usize) -> usize {
    let header = if body_bytes < 126 {
        2
    } else if body_bytes <= usize::from(u16::MAX) {
        4
    } else {
        10
    };
    header + 4 + body_bytes
}

/// What tungstenite takes for a socket.
struct Memory<'a> {
    plain: &'a [u8],
    out: &'a mut Vec<u8>,
}

impl Read for Memory<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.plain.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.plain.read(buffer)
    }
}

impl Write for Memory<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The longest message: a record of the control stream. Frames are shorter; the header's decoder says by how much.
const MESSAGE_BYTES_MAX: usize = CONTROL_RECORD_BYTES_MAX;

/// Tungstenite reads so much at a time at least.
const READ_BYTES_MIN: usize = 512;

/// Room for answers to control frames; they leave at once.
const WRITE_BYTES_MAX: usize = 4096;

const _: () = assert!(FRAME_HEADER_BYTES + FRAME_PAYLOAD_BYTES_MAX <= MESSAGE_BYTES_MAX);

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(first: u8, body: &[u8]) -> Vec<u8> {
        let (mut prefix, used) = prefix(first, body.len());
        prefix[1] |= 0x80;
        let mask = [1, 2, 3, 4];
        let mut frame = prefix[..used].to_vec();
        frame.extend_from_slice(&mask);
        frame.extend(body.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
        frame
    }

    fn receive(socket: &mut WebSocket, plain: &[u8]) -> (Vec<Vec<u8>>, Vec<u8>) {
        let (mut messages, mut out) = (Vec::new(), Vec::new());
        socket
            .receive(plain, &mut out, |incoming| {
                if let Incoming::Binary(body) = incoming {
                    messages.push(body.to_vec());
                }
            })
            .unwrap();
        (messages, out)
    }

    #[test]
    fn messages_arrive_whole_however_they_are_cut_and_leave_nothing_behind() {
        let bodies: Vec<Vec<u8>> =
            [0, 1, 125, 126, 400, 65_535, 65_536].map(|len| vec![len as u8; len]).into();
        let wire: Vec<u8> = bodies.iter().flat_map(|body| masked(0x82, body)).collect();
        for cut in [1, 7, 1000, 16_384, wire.len()] {
            let mut socket = WebSocket::default();
            let mut got = Vec::new();
            for piece in wire.chunks(cut) {
                got.extend(receive(&mut socket, piece).0);
            }
            assert!(got == bodies, "cut at {cut}");
            assert!(socket.is_idle(), "cut at {cut}");
        }
    }

    #[test]
    fn half_a_message_is_kept_and_a_fragmented_one_put_together() {
        let mut socket = WebSocket::default();
        let wire = masked(0x82, b"hello");
        assert!(receive(&mut socket, &wire[..4]).0.is_empty());
        assert!(!socket.is_idle());
        assert_eq!(receive(&mut socket, &wire[4..]).0, [b"hello"]);
        assert!(receive(&mut socket, &masked(0x02, b"he")).0.is_empty());
        assert_eq!(receive(&mut socket, &masked(0x80, b"llo")).0, [b"hello"]);
        assert_eq!(receive(&mut socket, &masked(0x82, b"again")).0, [b"again"]);
    }

    #[test]
    fn a_ping_is_answered_and_a_close_too() {
        let mut socket = WebSocket::default();
        assert_eq!(receive(&mut socket, &masked(0x89, b"x")).1, [0x8a, 1, b'x']);
        assert!(socket.is_idle());
        assert_eq!(receive(&mut socket, &masked(0x88, &[0x03, 0xe8])).1, [0x88, 2, 0x03, 0xe8]);
    }

    #[test]
    fn what_breaks_the_protocol_is_refused() {
        let unmasked = [0x82, 1, 0];
        let reserved = masked(0xc2, b"x");
        let too_long = masked(0x82, &vec![0; MESSAGE_BYTES_MAX + 1]);
        for (wire, code) in [
            (&unmasked[..], CloseCode::BadFrame),
            (&reserved[..], CloseCode::BadFrame),
            (&too_long[..], CloseCode::TooLong),
        ] {
            let fault = WebSocket::default().receive(wire, &mut Vec::new(), |_| {}).unwrap_err();
            assert_eq!(fault.code(), code, "{fault}");
        }
    }

    #[test]
    fn a_close_frame_carries_code_and_name() {
        let frame = close_frame(CloseCode::Moved);
        assert_eq!(frame, [&[0x88, 7, 0x0f, 0xa4][..], b"moved"].concat());
    }
}
