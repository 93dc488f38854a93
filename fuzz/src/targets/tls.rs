//! A whole connection under arbitrary bytes: it never becomes an established one, says little, and nothing after its end.

use connection::rustls::version::{TLS12, TLS13};
use connection::{Event, Outgoing, Scratch};

use super::{Outcome, Target};
use crate::limits::MEMORY_PER_BYTE_MAX;
use crate::wire;

pub(crate) const TARGET: Target =
    Target { name: "tls", run, seeds, words: WORDS, memory_per_byte_max: MEMORY_PER_BYTE_MAX };

fn run(input: &[u8]) -> Outcome {
    let whole = receive(vec![input.to_vec()]);
    let cut = (1 + input.len() % 61).max(input.len() / 64);
    let pieces = receive(input.chunks(cut).map(<[u8]>::to_vec).collect());
    // As a client sends: flight by flight, and no read ends within a record.
    let records = receive(records(input));
    assert_eq!(whole.ended, pieces.ended, "how the bytes are cut decides whether it ends");
    assert_eq!(whole.ended, records.ended, "how the bytes are cut decides whether it ends");
    // An answer that is no alert: the first flight was understood.
    Outcome::of(whole.said.first() == Some(&HANDSHAKE))
}

struct Received {
    said: Outgoing,
    ended: bool,
}

fn records(mut input: &[u8]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    while let [_, _, _, high, low, ..] = *input {
        let len = 5 + usize::from(u16::from_be_bytes([high, low]));
        let (record, rest) = input.split_at(len.min(input.len()));
        records.push(record.to_vec());
        input = rest;
    }
    records.push(input.to_vec());
    records
}

fn receive(pieces: Vec<Vec<u8>>) -> Received {
    let mut connection = wire::fresh();
    let (mut scratch, mut said) = (Scratch::default(), Outgoing::default());
    let mut ended = false;
    for mut piece in pieces {
        let before = said.len();
        connection.receive(&mut piece, &mut scratch, &mut said);
        assert!(!ended || said.len() == before, "it speaks after its end");
        for event in scratch.events.drain(..) {
            assert!(!ended, "something happens after its end: {event:?}");
            assert!(matches!(event, Event::Closed(Some(_))), "without a handshake: {event:?}");
            ended = true;
        }
        assert!(!connection.is_established() && !connection.is_control(), "no secret was shown");
    }
    assert!(said.len() <= SAID_BYTES_MAX, "{} bytes to a stranger", said.len());
    // What cannot be sealed yet must not leave in the clear.
    let before = said.len();
    connection.seal(b"secret", &mut said);
    assert!(said.len() == before || !said[before..].windows(6).any(|part| part == b"secret"));
    connection.close(&mut said);
    Received { said, ended }
}

fn seeds() -> Vec<Vec<u8>> {
    let hellos = [(&TLS12, false), (&TLS13, false), (&TLS13, true), (&TLS12, true)];
    let mut seeds: Vec<_> = hellos.map(|(version, control)| wire::hello(version, control)).to_vec();
    // A second flight of TLS 1.2, with a fault in its first message and others behind it in one record.
    seeds.push([&seeds[0][..], &[22, 3, 3, 0, 16], &[16, 0, 0, 0].repeat(4)].concat());
    // No record at all behind a good hello.
    seeds.push([&seeds[0][..], &[255, 3, 3, 0, 1, 0]].concat());
    // A hello in two records, and one with more behind it.
    let hello = seeds[0].clone();
    let (head, body) = hello.split_at(5);
    let (front, back) = body.split_at(60);
    let record = |part: &[u8]| [&head[..3], &(part.len() as u16).to_be_bytes(), part].concat();
    seeds.push([record(front), record(back)].concat());
    seeds.push([&hello[..], &[20, 3, 3, 0, 1, 1], &hello].concat());
    seeds
}

const WORDS: &[&[u8]] = &[
    b"\x16\x03\x01",
    b"\x16\x03\x03",
    b"\x14\x03\x03\x00\x01\x01",
    b"\x15\x03\x03\x00\x02\x01\x00",
    b"\x15\x03\x03\x00\x02\x02\x28",
    b"\x17\x03\x03",
    b"\x03\x04",
    b"\x00\x2b",
    b"\x00\x33",
    b"GET / HTTP/1.1\r\n\r\n",
];

/// Content type of a TLS record that carries a handshake message.
const HANDSHAKE: u8 = 22;

/// Certificate chain, key exchange and a few alerts.
const SAID_BYTES_MAX: usize = 16 * 1024;
