//! The parts that run for every frame (header, mask, fan-out, prefix, seal), every connection (handshake) or every join (ticket, hand-over).
//!
//! `cargo bench -p bench` runs all; `cargo bench -p bench -- fan-out` those of that name.

use std::cell::Cell;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bench::handover::Cores;
use bench::pair::Ends;
use bench::session::Fanout;
use bytes::Bytes;
use connection::{Outgoing, Scratch};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use protocol::keys::TicketKey;
use protocol::secret::Secret;
use protocol::ticket::SealedTicket;
use protocol::{AgentId, Flags, Header, KeyId, Kind, Privileges, Subject, Ticket};
use relay::WireFrame;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

criterion_group!(parts, frames, receive, tickets, fan_out, seal, handshake, visit, hand_over);
criterion_main!(parts);

fn frames(c: &mut Criterion) {
    let header =
        Header { kind: Kind::Diff, flags: Flags::DEFLATE, source: 3, epoch: 7, sequence: 42 };
    let mut frame = header.encode().to_vec();
    frame.extend_from_slice(&[7; 400]);
    c.bench_function("frame: decode a header", |b| b.iter(|| Header::decode(black_box(&frame))));
    let body = Bytes::from(frame);
    c.bench_function("frame: make a wire frame of 412 bytes", |b| {
        b.iter(|| WireFrame::new(black_box(&body).clone()));
    });
    c.bench_function("frame: message prefix", |b| {
        b.iter(|| connection::frame_prefix(black_box(412)));
    });
}

fn receive(c: &mut Criterion) {
    let mut pair = Ends::new().upgraded();
    let (mut scratch, mut out) = (Scratch::default(), Outgoing::default());
    // A client's frame of 400 bytes: header and mask, then the masked body.
    let message = [&[0x82, 0x80 | 126, 1, 156, 1, 2, 3, 4][..], &[7; 412]].concat();
    c.bench_function("connection: open, unmask and give out a message of 412 bytes", |b| {
        b.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            for _ in 0..times {
                let mut wire = pair.say(&message);
                let start = Instant::now();
                pair.server.receive(&mut wire, &mut scratch, &mut out);
                spent += start.elapsed();
                assert_eq!(scratch.events.drain(..).count(), 1);
            }
            spent
        });
    });
}

fn tickets(c: &mut Criterion) {
    let key = TicketKey::new(Secret::new([9; 32]));
    let server = "s1".parse().expect("a server id");
    let ticket = Ticket {
        subject: Subject::Agent {
            agent: AgentId::from_bytes([2; 16]),
            name: "Ada".into(),
            privileges: Privileges::VIEW,
        },
        home: 1,
        key_id: KeyId::from_bytes([3; 8]),
        audience: server,
        session: "demo:471113:000102030405060708090a0b0c0d0e0f".parse().expect("a session id"),
        issued_ms: 1_000_000,
        expires_ms: 1_030_000,
        nonce: [4; 16],
    };
    c.bench_function("ticket: sign", |b| b.iter(|| black_box(&ticket).sign(&key)));
    let text = ticket.sign(&key);
    c.bench_function("ticket: read and verify", |b| {
        b.iter(|| {
            let sealed = SealedTicket::from_text(black_box(&text)).expect("a ticket");
            sealed.open(&key, &server, 1_010_000).expect("a valid one")
        });
    });
}

fn fan_out(c: &mut Criterion) {
    let mut group = c.benchmark_group("fan-out: a diff of 400 bytes in, all copies out");
    for agents in [1, 20, 500] {
        let mut fanout = Fanout::new(agents, 400);
        // Elements are delivered frames: the figure to read is the time for each.
        group.throughput(Throughput::Elements(u64::from(agents)));
        group.bench_function(BenchmarkId::from_parameter(agents), |b| b.iter(|| fanout.diff()));
    }
    group.finish();
}

fn seal(c: &mut Criterion) {
    let ends = Ends::new();
    let mut group = c.benchmark_group("connection: seal");
    for bytes in [416, 1_024, 16 * 1_024] {
        let mut pair = ends.shake();
        let plain = vec![7; bytes];
        let mut out = Outgoing::default();
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(BenchmarkId::from_parameter(bytes), |b| {
            b.iter(|| {
                out.clear();
                pair.server.seal(black_box(&plain), &mut out);
                out.len()
            });
        });
    }
    group.finish();
}

fn handshake(c: &mut Criterion) {
    let ends = Ends::new();
    c.bench_function("connection: handshake, both ends", |b| {
        b.iter_batched(|| (), |()| ends.shake(), BatchSize::PerIteration);
    });
    let start = Instant::now();
    c.bench_function("connection: handshake, the server's half", |b| {
        b.iter_custom(|times| (0..times).map(|_| ends.server_part(|| start.elapsed())).sum());
    });
}

fn visit(c: &mut Criterion) {
    let mut cores = Cores::so_many(1);
    c.bench_function("shard: a visitor connects, is let in and goes", |b| {
        b.iter_custom(|times| {
            let spent = Cell::new(Duration::ZERO);
            for _ in 0..times {
                cores.visit(|work| {
                    let start = Instant::now();
                    work();
                    spent.set(spent.get() + start.elapsed());
                });
            }
            spent.get()
        });
    });
}

fn hand_over(c: &mut Criterion) {
    let mut cores = Cores::new();
    c.bench_function("shard: a visitor's request is carried to another core and answered", |b| {
        b.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            for _ in 0..times {
                let mut arriving = cores.arriving();
                let start = Instant::now();
                black_box(cores.hand_over(&mut arriving));
                spent += start.elapsed();
            }
            spent
        });
    });
}
