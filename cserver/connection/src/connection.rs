//! The whole connection: which of its three stages it is in, and what passes between them.

use std::sync::Arc;

use bytes::Bytes;
use protocol::close::CloseCode;

use crate::Outgoing;
use crate::http::{self, Parsed, Request, RequestFault, Response, WebSocketOffer};
use crate::tls::{Tls, TlsConfigs, TlsError};
use crate::websocket::{self, Incoming, WebSocket, WebSocketFault};

/// One client's connection. `Send`, and whole in itself: it can move to another core between two calls.
pub struct Connection {
    tls: Tls,
    stage: Stage,
}

enum Stage {
    /// Reading a request; what has come of it, and how much it has to be before it is looked at again.
    Request {
        head: Vec<u8>,
        needed: usize,
    },
    /// A request was handed out; what has come behind it.
    Answering(Vec<u8>),
    WebSocket(WebSocket),
    /// The answer goes on until the end; nothing is read.
    Stream,
    /// Nothing more is read.
    Over,
}

impl Stage {
    /// Reads the next request, of which this has come already.
    fn reading(head: Vec<u8>) -> Self {
        Self::Request { head, needed: 1 }
    }
}

/// Working memory of a core, shared by all its connections: it is empty between calls but for `events`.
#[derive(Default)]
pub struct Scratch {
    /// What happened; the caller drains it after each call.
    pub events: Vec<Event>,
    plain: Vec<u8>,
    answers: Vec<u8>,
}

impl Scratch {
    /// Wipes what went through it. Between calls it is empty, but its memory still holds what was there last.
    pub fn forget(&mut self) {
        forget(&mut self.plain);
        forget(&mut self.answers);
    }
}

/// Empties a buffer that will serve again and leaves nothing in its memory.
pub fn forget(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.resize(buffer.capacity(), 0);
    buffer.clear();
}

/// What happened on a connection.
#[derive(Debug)]
pub enum Event {
    /// A request to be answered.
    Request(Box<Request>),
    /// A binary message.
    Binary(Bytes),
    /// A text message.
    Text(String),
    /// The connection is over: send what is in `out`, then shut the socket.
    Closed(Option<Failure>),
}

/// Why a connection ended that the peer did not end in good order.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// In TLS.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// In HTTP.
    #[error("HTTP: {0}")]
    Request(#[from] RequestFault),
    /// In the WebSocket protocol.
    #[error("WebSocket: {0}")]
    WebSocket(#[from] WebSocketFault),
}

impl Connection {
    /// A connection that was just accepted.
    pub fn new(configs: Arc<TlsConfigs>) -> Self {
        Self { tls: Tls::new(configs), stage: Stage::reading(Vec::new()) }
    }

    /// Takes plain HTTP as well, if the configuration has a name for it: the first byte tells. Before the first byte.
    #[must_use]
    pub fn or_plain(mut self) -> Self {
        self.tls.or_plain();
        self
    }

    /// Whether the peer speaks plain HTTP: nothing that it shows was secret, nothing that it is told is.
    pub fn is_plain(&self) -> bool {
        self.tls.is_plain()
    }

    /// Whether the peer is the web tier: it asked for the control name and showed a certificate of the control CA.
    pub fn is_control(&self) -> bool {
        self.tls.is_control() && self.tls.is_established()
    }

    /// Whether TLS is done, or there is none to be done.
    pub fn is_established(&self) -> bool {
        self.tls.is_established()
    }

    /// Takes bytes from the socket. They serve as working memory and are worthless afterwards.
    pub fn receive(&mut self, bytes: &mut [u8], scratch: &mut Scratch, out: &mut Outgoing) {
        if let Stage::Over = self.stage {
            return;
        }
        let mut plain = core::mem::take(&mut scratch.plain);
        let received = self.tls.receive(bytes, &mut plain, out);
        if !plain.is_empty() {
            self.receive_plain(&plain, scratch, out);
            plain.clear();
        }
        scratch.plain = plain;
        match received {
            Ok(progress) if progress.peer_closed => self.finish(None, scratch, out),
            Ok(_) => {}
            Err(error) => self.finish(Some(error.into()), scratch, out),
        }
    }

    /// Answers the request that was handed out.
    pub fn respond(&mut self, response: &Response, scratch: &mut Scratch, out: &mut Outgoing) {
        self.seal(&response.encode(!self.is_plain()), out);
        match core::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Answering(rest) if !response.closes() => self.stage = Stage::reading(rest),
            _ => self.finish(None, scratch, out),
        }
    }

    /// Answers the request that was handed out by becoming a WebSocket.
    pub fn upgrade(&mut self, offer: &WebSocketOffer, subprotocol: &str, out: &mut Outgoing) {
        self.seal(&http::upgrade_response(offer, subprotocol), out);
        if let Stage::Answering(rest) = core::mem::replace(&mut self.stage, Stage::Over) {
            // What came behind the request is looked at by `proceed`, as the stage's first bytes.
            self.stage = Stage::WebSocket(WebSocket::with_rest(rest));
        }
    }

    /// Answers the request that was handed out by a body that ends when the connection does: [`Connection::seal`] appends to it.
    pub fn stream(&mut self, response: &Response, out: &mut Outgoing) {
        let head = response.encode_head("Connection: close\r\n", !self.is_plain());
        self.seal(&head, out);
        self.stage = Stage::Stream;
    }

    /// Goes on with what came behind the request that was just answered.
    pub fn proceed(&mut self, scratch: &mut Scratch, out: &mut Outgoing) {
        match &mut self.stage {
            Stage::Request { head, .. } if !head.is_empty() => {
                let rest = core::mem::take(head);
                self.receive_plain(&rest, scratch, out);
            }
            Stage::WebSocket(socket) => {
                let rest = socket.take_rest();
                if !rest.is_empty() {
                    self.receive_plain(&rest, scratch, out);
                }
            }
            _ => {}
        }
    }

    /// Seals bytes that are finished WebSocket frames (or an HTTP answer) for the socket.
    pub fn seal(&mut self, plain: &[u8], out: &mut Outgoing) {
        // The only error is a key that is used up, which an update prevents; the peer that does not follow hears nothing
        // more and its timer ends it.
        let _ = self.tls.seal(plain, out);
    }

    /// A text message, ready to be sealed.
    pub fn text_frame(text: &str) -> Vec<u8> {
        websocket::text_frame(text)
    }

    /// A binary message of these parts, ready to be sealed.
    pub fn binary_frame(parts: &[&[u8]]) -> Vec<u8> {
        websocket::binary_frame(parts)
    }

    /// An empty ping, ready to be sealed.
    pub fn ping_frame() -> &'static [u8] {
        &websocket::PING_FRAME
    }

    /// A close message, ready to be sealed.
    pub fn close_frame(code: CloseCode) -> Vec<u8> {
        websocket::close_frame(code)
    }

    /// Says goodbye in TLS. What has to be said in WebSocket or HTTP before is sealed by the caller.
    pub fn close(&mut self, out: &mut Outgoing) {
        self.stage = Stage::Over;
        self.tls.close(out);
    }

    /// Whether the peer reads WebSocket frames: the connection has become a WebSocket, or a stream of its frames.
    pub fn sends_frames(&self) -> bool {
        matches!(self.stage, Stage::WebSocket(_) | Stage::Stream)
    }

    /// Bytes that are held because what they belong to, a record or a request, is not whole. In memory it may be twice that.
    pub fn held_bytes(&self) -> usize {
        let held = match &self.stage {
            Stage::Request { head, .. } => head.len(),
            Stage::Answering(rest) => rest.len(),
            Stage::WebSocket(_) | Stage::Stream | Stage::Over => 0,
        };
        held + self.tls.held_bytes()
    }

    fn receive_plain(&mut self, plain: &[u8], scratch: &mut Scratch, out: &mut Outgoing) {
        match &mut self.stage {
            Stage::Request { head, needed } => {
                head.extend_from_slice(plain);
                if head.len() >= *needed {
                    self.read_request(scratch, out);
                }
            }
            Stage::Answering(rest) => {
                rest.extend_from_slice(plain);
                if rest.len() > protocol::limits::HTTP_HEAD_BYTES_MAX {
                    self.finish(Some(RequestFault::HeadTooLong.into()), scratch, out);
                }
            }
            Stage::WebSocket(socket) => {
                let mut closed = false;
                let Scratch { events, answers, .. } = scratch;
                let result = socket.receive(plain, answers, |incoming| match incoming {
                    Incoming::Binary(body) => events.push(Event::Binary(body)),
                    Incoming::Text(text) => events.push(Event::Text(text)),
                    Incoming::Close => closed = true,
                });
                if let Err(fault) = &result {
                    answers.extend_from_slice(&websocket::close_frame(fault.code()));
                }
                if !answers.is_empty() {
                    let _ = self.tls.seal(answers, out);
                    answers.clear();
                }
                match result {
                    Err(fault) => self.finish(Some(fault.into()), scratch, out),
                    Ok(()) if closed => self.finish(None, scratch, out),
                    Ok(()) => {}
                }
            }
            // A client that has asked for a stream has nothing more to say on its connection.
            Stage::Stream => {
                let fault = RequestFault::Malformed("bytes behind the request of a stream");
                self.finish(Some(fault.into()), scratch, out);
            }
            Stage::Over => {}
        }
    }

    fn read_request(&mut self, scratch: &mut Scratch, out: &mut Outgoing) {
        let Stage::Request { head, needed } = &mut self.stage else { return };
        match http::parse(head) {
            Ok(Parsed::More(more)) => *needed = more,
            Ok(Parsed::Request(request, used)) => {
                let rest = head.split_off(used);
                self.stage = Stage::Answering(rest);
                scratch.events.push(Event::Request(request));
            }
            Err(fault) => {
                let response = Response::error(fault.code()).closing();
                self.seal(&response.encode(!self.is_plain()), out);
                self.finish(Some(fault.into()), scratch, out);
            }
        }
    }

    fn finish(&mut self, failure: Option<Failure>, scratch: &mut Scratch, out: &mut Outgoing) {
        self.close(out);
        scratch.events.push(Event::Closed(failure));
    }
}
