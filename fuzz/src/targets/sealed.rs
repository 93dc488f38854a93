//! TLS 1.3 after the handshake, under a client that has its keys and keeps to nothing: whatever it sends, whole, altered, repeated
//! or cut, the server takes only what was said, in its order, and says only what such a client can read.
//!
//! An input is a script: how it is cut, the suite, then steps. Each step is a number and what it needs.

use connection::fuzzing::SealedEnds;
use connection::{Outgoing, RecordFault};

use super::{Outcome, Target};
use crate::limits::MEMORY_PER_BYTE_MAX;

pub(crate) const TARGET: Target =
    Target { name: "sealed", run, seeds, words: WORDS, memory_per_byte_max: MEMORY_PER_BYTE_MAX };

fn run(input: &[u8]) -> Outcome {
    let [cut, suite, steps @ ..] = input else { return Outcome::Refused };
    let script = Script::play(*suite, steps);
    let whole = script.deliver(*suite, usize::MAX);
    let pieces = script.deliver(*suite, 1 + usize::from(*cut));
    assert_eq!(whole.plain, pieces.plain, "how the bytes are cut decides what is taken");
    assert_eq!(whole.fault, pieces.fault, "how the bytes are cut decides how it ends");
    assert!(script.said.starts_with(&whole.plain), "something was taken that was not said");
    if !script.tampered && whole.reads_on {
        assert!(whole.plain == script.said, "something that was said is missing");
    }
    Outcome::of(whole.fault.is_none())
}

#[derive(Default)]
struct Script {
    wire: Vec<u8>,
    /// Application data, in its order.
    said: Vec<u8>,
    /// Some record is not as it was sealed, or not where it belongs.
    tampered: bool,
}

impl Script {
    fn play(suite: u8, mut steps: &[u8]) -> Self {
        let (mut ends, mut script) = (SealedEnds::new(suite), Self::default());
        let mut last = Vec::new();
        while let [step, rest @ ..] = steps
            && script.wire.len() < WIRE_BYTES_MAX
        {
            steps = rest;
            match step % 7 {
                step @ (0 | 1) => {
                    let content = take(&mut steps);
                    script.said.extend_from_slice(content);
                    // With or without zeros behind its type.
                    last = match step {
                        0 => ends.record(23, content),
                        _ => ends.record(0, &[content, &[23, 0, 0]].concat()),
                    };
                    script.wire.extend_from_slice(&last);
                }
                2 => {
                    let ask = byte(&mut steps) & 1;
                    last = ends.record(22, &[24, 0, 0, 1, ask]);
                    ends.update();
                    script.wire.extend_from_slice(&last);
                }
                3 => {
                    let content_type = byte(&mut steps);
                    let content = take(&mut steps);
                    // Type 0 is one of the zeros, and what stands before them is the type.
                    let last_at = content.iter().rposition(|byte| *byte != 0);
                    match (content_type, last_at) {
                        (23, _) => script.said.extend_from_slice(content),
                        (0, Some(at)) if content[at] == 23 => {
                            script.said.extend_from_slice(&content[..at]);
                        }
                        _ => {}
                    }
                    last = ends.record(content_type, content);
                    script.wire.extend_from_slice(&last);
                }
                4 => {
                    script.wire.extend_from_slice(take(&mut steps));
                    script.tampered = true;
                }
                5 => {
                    script.wire.extend_from_slice(&last);
                    script.tampered = true;
                }
                _ => {
                    let at = usize::from(byte(&mut steps));
                    if let Some(byte) = script.wire.iter_mut().rev().nth(at) {
                        *byte ^= 1;
                    }
                    script.tampered = true;
                }
            }
        }
        script
    }

    fn deliver(&self, suite: u8, cut: usize) -> Delivered {
        let mut ends = SealedEnds::new(suite);
        let (mut plain, mut out) = (Vec::new(), Outgoing::default());
        let (mut held, mut fault, mut reads_on) = (Vec::new(), None, true);
        for piece in self.wire.chunks(cut) {
            held.extend_from_slice(piece);
            match ends.receive(&mut held, &mut plain, &mut out) {
                Ok((used, more)) => {
                    held.drain(..used);
                    reads_on = more;
                }
                Err(error) => {
                    (fault, reads_on) = (Some(error), false);
                    break;
                }
            }
        }
        // After a fault it has said why, or nothing when the peer ended it; and it says nothing more.
        ends.answer(b"answer", &mut out);
        ends.close(&mut out);
        ends.answer(b"too late", &mut out);
        let heard = ends.hear(out.to_vec());
        let types: Vec<u8> = heard.iter().map(|(content_type, _)| *content_type).collect();
        match &fault {
            None => assert!(matches!(types[..], [23, 21] | [22, 23, 21]), "{heard:?}"),
            Some(RecordFault::Alert(_)) => assert!(types.is_empty(), "{heard:?}"),
            Some(_) => assert_eq!(types, [21], "{heard:?}"),
        }
        Delivered { plain, fault, reads_on }
    }
}

struct Delivered {
    plain: Vec<u8>,
    fault: Option<RecordFault>,
    reads_on: bool,
}

fn byte(steps: &mut &[u8]) -> u8 {
    take_exactly(steps, 1).first().copied().unwrap_or(0)
}

/// So many bytes as the next one says.
fn take<'s>(steps: &mut &'s [u8]) -> &'s [u8] {
    let bytes = usize::from(byte(steps));
    take_exactly(steps, bytes)
}

fn take_exactly<'s>(steps: &mut &'s [u8], bytes: usize) -> &'s [u8] {
    let (taken, rest) = steps.split_at(bytes.min(steps.len()));
    *steps = rest;
    taken
}

fn seeds() -> Vec<Vec<u8>> {
    let steps: [&[u8]; 10] = [
        b"\x00\x05hello\x01\x05world\x00\x00",
        b"\x00\x05hello\x02\x01\x00\x05world\x02\x00\x02\x01\x01\x03end",
        // Cut updates, close_notify with more behind it, a fatal alert, a warning.
        b"\x03\x16\x02\x18\x00\x03\x16\x03\x00\x01\x00\x00\x01x",
        b"\x00\x05hello\x03\x15\x02\x01\x00\x00\x04late",
        b"\x03\x15\x02\x02\x28",
        b"\x03\x15\x02\x01\x5a\x00\x05hello",
        // Another message, one of another record within an update, a repeated record, an altered one.
        b"\x03\x16\x05\x01\x00\x00\x01\x00",
        b"\x03\x16\x02\x18\x00\x00\x01x",
        b"\x00\x05hello\x05",
        b"\x00\x05hello\x06\x03\x04\x05\x17\x03\x03\x00\x01",
    ];
    (0..3).flat_map(|suite| steps.map(|steps| [&[7, suite], steps].concat())).collect()
}

/// A step of one byte may make a record of 280, and what that takes in memory is the script's fault.
const WIRE_BYTES_MAX: usize = 64 * 1024;

const WORDS: &[&[u8]] = &[
    b"\x02\x00",
    b"\x02\x01",
    b"\x03\x15\x02\x01\x00",
    b"\x03\x15\x02\x01\x5a",
    b"\x03\x16\x05\x18\x00\x00\x01\x01",
    b"\x04\x05\x17\x03\x03\x40\x11",
    b"\x05",
    b"\x06\x00",
];
