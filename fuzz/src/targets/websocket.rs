//! WebSocket bytes over TLS: how they are cut changes nothing, no message passes its limit, and the answers are few.

use connection::Event;
use protocol::limits::CONTROL_RECORD_BYTES_MAX;

use super::{Outcome, Target};
use crate::limits::MEMORY_PER_BYTE_MAX;
use crate::wire::Wire;

pub(crate) const TARGET: Target = Target {
    name: "websocket",
    run,
    seeds,
    words: WORDS,
    memory_per_byte_max: MEMORY_PER_BYTE_MAX,
};

fn run(input: &[u8]) -> Outcome {
    let whole = receive(input, input.len().max(1));
    let pieces = receive(input, (1 + input.len() % 61).max(input.len() / 32));
    assert_eq!(whole, pieces, "how the bytes are cut changes what is understood");
    Outcome::of(!whole.0.is_empty())
}

/// The messages, and whether the connection has ended.
fn receive(input: &[u8], cut: usize) -> (Vec<Vec<u8>>, bool) {
    let mut wire = Wire::open();
    let events = wire.send(UPGRADE);
    let [Event::Request(request)] = &events[..] else { panic!("no request but {events:?}") };
    let Some(offer) = &request.websocket else { panic!("no handshake in the request") };
    assert!(wire.upgrade(offer).is_empty());
    let (before_bytes, head_bytes) = (wire.sent_bytes, wire.got.len());
    let (mut messages, mut ended) = (Vec::new(), false);
    for piece in input.chunks(cut) {
        for event in wire.send(piece) {
            assert!(!ended, "something happens after the end: {event:?}");
            match event {
                Event::Binary(body) => messages.push(body.to_vec()),
                Event::Text(text) => messages.push(text.into_bytes()),
                Event::Closed(_) => ended = true,
                Event::Request(_) => panic!("a request on a WebSocket"),
            }
        }
        if ended {
            break;
        }
    }
    let understood: usize = messages.iter().map(Vec::len).sum();
    assert!(understood <= input.len(), "more came out than went in");
    // Plus ten bytes of header and its mask.
    assert!(messages.iter().all(|message| message.len() <= CONTROL_RECORD_BYTES_MAX + 14));
    let sent_bytes = wire.sent_bytes - before_bytes;
    // An empty ping is 6 bytes, and its answer 2 in a record of at most 64 more.
    assert!(sent_bytes <= 1024 + 12 * input.len(), "{sent_bytes} bytes were answered");
    assert!(wire.got[head_bytes..].first().is_none_or(|first| matches!(first, 0x88 | 0x8a)));
    (messages, ended)
}

fn seeds() -> Vec<Vec<u8>> {
    let binary = frame(0x82, &[7; 20]);
    let long = frame(0x82, &[1; 300]);
    let fragments =
        [frame(0x01, b"he"), frame(0x89, b"ping"), frame(0x80, "llé".as_bytes())].concat();
    let close = [frame(0x81, b"{}"), frame(0x88, b"\x03\xe8bye")].concat();
    vec![[&binary[..], &frame(0x82, b"")].concat(), long, fragments, close]
}

/// A client's frame of at most 65,535 bytes, masked.
fn frame(first: u8, body: &[u8]) -> Vec<u8> {
    let mask = [1, 2, 3, 4];
    let mut frame = vec![first];
    match u8::try_from(body.len()) {
        Ok(short) if short < 126 => frame.push(0x80 | short),
        _ => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(body.len() as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(&mask);
    frame.extend(body.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
    frame
}

const UPGRADE: &[u8] = b"GET /visitor HTTP/1.1\r\nHost: s1.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: cobrowse.v1, ticket.x\r\n\r\n";

const WORDS: &[&[u8]] = &[
    b"\x82\x80\0\0\0\0",
    b"\x02\x80\0\0\0\0",
    b"\x80\x80\0\0\0\0",
    b"\x00\x80\0\0\0\0",
    b"\x81\x81\0\0\0\0a",
    b"\x89\x80\0\0\0\0",
    b"\x8a\x80\0\0\0\0",
    b"\x88\x80\0\0\0\0",
    b"\x88\x82\0\0\0\0\x03\xe8",
    b"\x82\xfe\x10\x00\0\0\0\0",
    b"\x82\xff\0\0\0\0\0\x01\0\0\0\0\0\0",
    b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
    b"\x82\xfe\0\x01\0\0\0\0a",
    b"\x82\x01a",
    b"\xc2\x80\0\0\0\0",
    b"\x83\x80\0\0\0\0",
    b"\x81\x82\0\0\0\0\xc3\x28",
];
