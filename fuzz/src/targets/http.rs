//! Requests over TLS, and the same in plain text: neither that nor how the bytes are cut changes anything, what is handed out keeps the limits, and what never becomes a
//! request ends the connection before it fills memory.

use connection::{Event, Method, Request, Response};
use protocol::limits::{HTTP_HEAD_BYTES_MAX, POST_BODY_BYTES_MAX, STATUS_BODY_BYTES_MAX};

use super::{Outcome, Target};
use crate::limits::MEMORY_PER_BYTE_MAX;
use crate::wire::Wire;

pub(crate) const TARGET: Target =
    Target { name: "http", run, seeds, words: WORDS, memory_per_byte_max: MEMORY_PER_BYTE_MAX };

fn run(input: &[u8]) -> Outcome {
    let whole = answer(Wire::open(), input, input.len().max(1));
    let cut = (1 + input.len() % 61).max(input.len() / 32);
    let pieces = answer(Wire::open(), input, cut);
    assert_eq!(whole, pieces, "how the bytes are cut changes what is understood");
    // What begins like a method is plain HTTP; what does not ends its connection, and is the target `tls`'s.
    if input.first().is_some_and(u8::is_ascii_uppercase) {
        let plain = answer(Wire::plain(), input, cut);
        assert_eq!(whole, plain, "plain text is understood in another way");
    }
    withhold(input);
    let (seen, ended) = whole;
    let has_frames = input.windows(FRAMES.len()).any(|part| part == FRAMES);
    let limit = HTTP_HEAD_BYTES_MAX + body_bytes_max(has_frames);
    assert!(ended || !seen.is_empty() || input.len() <= limit, "{} bytes are held", input.len());
    Outcome::of(!seen.is_empty())
}

/// Answers each request at once. What was seen, and whether the connection has ended.
fn answer(mut wire: Wire, input: &[u8], cut: usize) -> (Vec<String>, bool) {
    let handshake_bytes = wire.sent_bytes;
    let (mut seen, mut answers) = (Vec::new(), 0);
    let mut ended = false;
    for piece in input.chunks(cut) {
        let mut events = wire.send(piece);
        while !events.is_empty() {
            let mut next = Vec::new();
            for event in events {
                assert!(!ended, "something happens after the end: {event:?}");
                match event {
                    Event::Request(request) => {
                        check(&request);
                        answers += 1;
                        next = match &request.websocket {
                            Some(offer) => wire.upgrade(offer),
                            None => wire.respond(&Response::new(200)),
                        };
                        seen.push(format!("{request:?}"));
                    }
                    Event::Binary(body) => seen.push(format!("{body:?}")),
                    Event::Text(text) => seen.push(text),
                    Event::Closed(failure) => {
                        let refused = matches!(failure, Some(connection::Failure::Request(_)));
                        answers += usize::from(refused);
                        ended = true;
                    }
                }
            }
            events = next;
        }
        if ended {
            break;
        }
    }
    assert!(wire.got.is_empty() || wire.got.starts_with(b"HTTP/1.1 "));
    let heads = wire.got.windows(9).filter(|part| part == b"HTTP/1.1 ").count();
    assert_eq!(heads, answers, "an answer is missing or was given twice");
    let sent_bytes = wire.sent_bytes - handshake_bytes;
    assert!(sent_bytes <= 1024 + 64 * input.len(), "{sent_bytes} bytes were answered");
    (seen, ended)
}

/// Answers nothing: what comes behind the first request must not be held without end.
fn withhold(input: &[u8]) {
    let mut wire = Wire::open();
    let is_request = |event: &Event| matches!(event, Event::Request(_));
    if !wire.send(input).iter().any(is_request) {
        return;
    }
    let events = wire.send(&[b'x'; HTTP_HEAD_BYTES_MAX + 1]);
    assert!(matches!(events[..], [Event::Closed(Some(_))]), "it holds what nobody reads");
}

fn check(request: &Request) {
    assert!(request.path.starts_with('/') && !request.path.contains(['?', '#', ' ', '\r', '\n']));
    assert!(request.path.len() + request.host.len() + request.cookie.len() <= HTTP_HEAD_BYTES_MAX);
    assert!(request.body.len() <= body_bytes_max(request.path.as_bytes().ends_with(FRAMES)));
    assert!(request.body.is_empty() || request.method == Method::Post);
    assert!(!request.host.bytes().any(|b| b.is_ascii_uppercase() || b"\0\r\n".contains(&b)));
    if let Some(offer) = &request.websocket {
        assert_eq!((request.method, offer.accept.len()), (Method::Get, 28));
    }
    for (name, value) in request.cookies() {
        let once = request.cookies().filter(|(other, _)| *other == name).count() == 1;
        assert_eq!(request.cookie(name), once.then_some(value), "a cookie that stands there twice");
    }
}

fn body_bytes_max(has_frames: bool) -> usize {
    if has_frames { POST_BODY_BYTES_MAX } else { STATUS_BODY_BYTES_MAX }
}

fn seeds() -> Vec<Vec<u8>> {
    [
        "GET /view/0102030405060708?x=1 HTTP/1.1\r\nHost: S1.Example\r\nCookie: __Host-j-1=abc; b=2\r\nOrigin: https://s1.example\r\n\r\n",
        "POST /visitor/status HTTP/1.1\r\nHost: s1.example\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nCookie: a=1\r\nCookie: a=2\r\n\r\nabcGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET /visitor HTTP/1.1\r\nHost: s1.example\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: cobrowse.v1, ticket.x\r\n\r\n\u{2}\u{0}",
        "BREW /pot HTCPCP/1.0\r\n\r\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

/// How paths end on which more may be posted.
const FRAMES: &[u8] = b"/frames";

const WORDS: &[&[u8]] = &[
    b"/visitor/frames",
    b"Content-Length: 2000\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b":",
    b"\0",
    b"\xff",
    b"\r\n ",
    b"\r\n\r\n",
    b"HTTP/1.0",
    b"HTTP/1.1",
    b"Host: b\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 1024\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Upgrade: websocket\r\n",
    b"Connection: upgrade\r\n",
    b"Cookie: a=1\r\n",
    b"X: y\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST ",
    b"OPTIONS ",
    b"//",
    b"/../",
    b"%00",
    b"?",
    b"#",
    b";",
];
