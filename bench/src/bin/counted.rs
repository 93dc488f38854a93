//! One part, some times: its instructions are counted under valgrind, which collects within [`counted_region`] only.
//!
//! `counted PART TIMES`; `counted` alone lists the parts. `cargo xtask instructions` runs all of them.

#![allow(clippy::print_stdout, reason = "a command line")]

use std::hint::black_box;

use bench::handover::Cores;
use bench::pair::Ends;
use bench::session::Fanout;
use bytes::Bytes;
use connection::{Outgoing, Scratch};
use protocol::keys::TicketKey;
use protocol::secret::Secret;
use protocol::ticket::SealedTicket;
use protocol::{Flags, Header, KeyId, Kind, Subject, Ticket};
use relay::WireFrame;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [part, times] = &words[..] else {
        PARTS.iter().for_each(|(name, _)| println!("{name}"));
        return;
    };
    let times: u32 = times.parse().expect("how often");
    let (_, run) = PARTS.iter().find(|(name, _)| name == part).expect("one of the parts");
    run(times);
}

/// What is counted; its name is what valgrind is told.
#[inline(never)]
fn counted_region<R>(work: impl FnOnce() -> R) -> R {
    work()
}

type Part = (&'static str, fn(u32));

const PARTS: &[Part] = &[
    ("frame", frame),
    ("receive", receive),
    ("seal", seal),
    ("seal-keyframe", seal_keyframe),
    ("fan-out", fan_out),
    ("ticket", ticket),
    ("hand-over", hand_over),
    ("handshake", handshake),
    ("visit", visit),
];

/// A frame's header is read and its wire form made.
fn frame(times: u32) {
    let header =
        Header { kind: Kind::Diff, flags: Flags::DEFLATE, source: 3, epoch: 7, sequence: 42 };
    let body = Bytes::from([&header.encode()[..], &[7; 400]].concat());
    counted_region(|| {
        for _ in 0..times {
            black_box(Header::decode(black_box(&body)).is_ok());
            black_box(WireFrame::new(black_box(&body).clone()));
        }
    });
}

/// A client's masked message of 412 bytes is decrypted, unmasked and given out.
fn receive(times: u32) {
    let (mut pair, mut scratch, mut out) =
        (Ends::new().upgraded(), Scratch::default(), Outgoing::default());
    let mut wires: Vec<Vec<u8>> = (0..times)
        .map(|_| pair.say(&[&[0x82, 0x80 | 126, 1, 156, 1, 2, 3, 4][..], &[7; 412]].concat()))
        .collect();
    counted_region(|| {
        for wire in &mut wires {
            pair.server.receive(wire, &mut scratch, &mut out);
            assert_eq!(scratch.events.drain(..).count(), 1);
        }
    });
}

/// A message of 416 bytes is sealed.
fn seal(times: u32) {
    sealing(416, times);
}

/// The body of a keyframe's chunk is sealed.
fn seal_keyframe(times: u32) {
    sealing(61_452, times);
}

fn sealing(bytes: usize, times: u32) {
    let (mut pair, mut out, plain) = (Ends::new().shake(), Outgoing::default(), vec![7; bytes]);
    pair.server.seal(&plain, &mut out);
    counted_region(|| {
        for _ in 0..times {
            out.clear();
            pair.server.seal(black_box(&plain), &mut out);
        }
    });
}

/// A diff goes in and twenty agents' copies come out.
fn fan_out(times: u32) {
    let mut fanout = Fanout::new(20, 400);
    // Its tables have grown by then.
    for _ in 0..1_000 {
        black_box(fanout.diff());
    }
    counted_region(|| {
        for _ in 0..times {
            black_box(fanout.diff());
        }
    });
}

/// A ticket is read and verified.
fn ticket(times: u32) {
    let (key, server) = (TicketKey::new(Secret::new([9; 32])), "s1".parse().expect("a server id"));
    let ticket = Ticket {
        subject: Subject::Visitor { resume: Secret::new([1; 32]).hash() },
        home: 1,
        key_id: KeyId::from_bytes([3; 8]),
        audience: server,
        session: "demo:471113:000102030405060708090a0b0c0d0e0f".parse().expect("a session id"),
        issued_ms: 1_000_000,
        expires_ms: 1_030_000,
        nonce: [4; 16],
    };
    let text = ticket.sign(&key);
    counted_region(|| {
        for _ in 0..times {
            let sealed = SealedTicket::from_text(black_box(&text)).expect("a ticket");
            assert!(sealed.open(&key, &server, 1_010_000).is_ok());
        }
    });
}

/// A visitor's request is read on one core, its connection carried to another, and answered there.
fn hand_over(times: u32) {
    let mut cores = Cores::new();
    let mut arriving: Vec<_> = (0..times).map(|_| cores.arriving()).collect();
    counted_region(|| {
        for one in &mut arriving {
            black_box(cores.hand_over(one));
        }
    });
}

/// The server's part of a TLS handshake.
fn handshake(times: u32) {
    let ends = Ends::new();
    for _ in 0..times {
        ends.shake_with(|server, up, scratch, down| {
            counted_region(|| server.receive(up, scratch, down));
        });
    }
}

/// A visitor connects, is let in and goes.
fn visit(times: u32) {
    let mut cores = Cores::so_many(1);
    for _ in 0..times {
        cores.visit(|work| counted_region(work));
    }
}
