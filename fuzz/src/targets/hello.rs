//! The name that a ClientHello asks for, read before rustls has it: never another than rustls reads, and the same however little or much
//! has come behind it.

use connection::fuzzing::asked_name;
use connection::rustls::server::Acceptor;
use connection::rustls::version::{TLS12, TLS13};

use super::{Outcome, Target};
use crate::limits::MEMORY_PER_BYTE_MAX;
use crate::wire;

pub(crate) const TARGET: Target =
    Target { name: "hello", run, seeds, words: WORDS, memory_per_byte_max: MEMORY_PER_BYTE_MAX };

fn run(input: &[u8]) -> Outcome {
    let found = asked_name(input);
    for cut in [1, 5, 6, input.len() / 2, input.len().saturating_sub(1)] {
        let early = asked_name(&input[..cut.min(input.len())]);
        assert!(early.is_none() || early == found, "what comes later changes what was read");
    }
    let mut acceptor = Acceptor::default();
    let read = acceptor.read_tls(&mut &input[..]).map(|_| acceptor.accept());
    if let Ok(Ok(Some(accepted))) = read {
        let Some(found) = found else { panic!("a hello that rustls takes is waited for") };
        if let (Some(name), true) = (accepted.client_hello().server_name(), is_in_one_record(input))
        {
            let is_same = found.is_some_and(|found| name.as_bytes().eq_ignore_ascii_case(found));
            assert!(is_same, "rustls reads {name:?}, here {found:?}");
        }
    }
    Outcome::of(matches!(found, Some(Some(_))))
}

/// Whether the message that begins in the first record ends in it.
fn is_in_one_record(input: &[u8]) -> bool {
    match *input {
        [_, _, _, high, low, _, a, b, c, ..] => {
            let message_bytes = 4 + u32::from_be_bytes([0, a, b, c]);
            message_bytes <= u32::from(u16::from_be_bytes([high, low]))
        }
        _ => false,
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<_> = [(&TLS12, false), (&TLS13, false), (&TLS13, true)]
        .map(|(version, control)| wire::hello(version, control))
        .to_vec();
    let hello = seeds[0].clone();
    // More behind it, its beginning alone, and the same in two records.
    seeds.push([&hello[..], &[20, 3, 3, 0, 1, 1]].concat());
    seeds.push(hello[..40].to_vec());
    let (front, back) = hello[5..].split_at(60);
    let record = |part: &[u8]| [&hello[..3], &(part.len() as u16).to_be_bytes()[..], part].concat();
    seeds.push([record(front), record(back)].concat());
    seeds
}

const WORDS: &[&[u8]] = &[
    b"\x16\x03\x01",
    b"\x01\x00",
    b"\x00\x00",
    b"\x00\x00\x00\x0f\x00\x0d\x00\x00\x0as1.example",
    b"\xff\xff",
    b"s1-control.example",
];
