//! What the server allocates, counted: on the steady path, for a diff and a keyframe from a visitor's socket to every agent's; and for a
//! connection that says nothing.
//!
//! The figures stand in docs/ARCHITECTURE.md. They are bounds from above; who makes them smaller writes down the smaller ones.

use allocation_counter::{AllocationInfo, measure};
use protocol::Privileges;
use protocol::frame::{Flags, Kind};

use super::testing::{SHOP, World, message, upgrade};

/// One session on one core, whose clients' ends are left out of what is counted.
struct Steady {
    world: World,
    visitor: usize,
    agents: u64,
    epoch: u32,
    sequence: u32,
}

impl Steady {
    fn new(agents: u64) -> Self {
        let mut world = World::new(1);
        let visitor = world.start(0, SESSION);
        for _ in 0..agents {
            world.agent(0, SESSION, Privileges::VIEW);
        }
        Self { world, visitor, agents, epoch: 0, sequence: 0 }
    }

    fn keyframe(&mut self, chunks: u32) -> AllocationInfo {
        self.epoch += 1;
        self.sequence = chunks;
        let mut plain = message(Kind::Facts, 0, self.epoch, 0, b"{}");
        for at in 1..=chunks {
            let first = if at == 1 { Flags::FIRST.0 } else { 0 };
            let last = if at == chunks { Flags::LAST.0 } else { 0 };
            let chunk = [7; CHUNK_BYTES];
            plain.extend(message(Kind::Keyframe, first | last, self.epoch, at, &chunk));
        }
        self.turn(&plain)
    }

    fn diff(&mut self) -> AllocationInfo {
        self.diff_of(400)
    }

    fn diff_of(&mut self, bytes: usize) -> AllocationInfo {
        self.sequence += 1;
        let payload = vec![7; bytes];
        self.turn(&message(Kind::Diff, 0, self.epoch, self.sequence, &payload))
    }

    /// The server's part of what a backend does with these bytes of the visitor.
    fn turn(&mut self, plain: &[u8]) -> AllocationInfo {
        let World { shards, clients, now, .. } = &mut self.world;
        let (shard, now) = (&mut shards[0], *now);
        let client = &mut clients[self.visitor];
        let mut wire = client.sealed(plain);
        let link = client.link;
        let (mut left_bytes, mut sends) = (0, 0);
        let counted = measure(|| {
            for read in wire.chunks_mut(crate::limits::READ_BYTES) {
                shard.handle_bytes(now, link, read);
                loop {
                    shard.handle_time(now);
                    shard.end_turn(now);
                    while let Some(link) = shard.poll_send(now) {
                        let bytes = shard.unsent(link).len();
                        shard.handle_sent(now, link, bytes);
                        left_bytes += bytes;
                        sends += 1;
                    }
                    // Somebody waits for a next turn.
                    if shard.next_deadline() != Some(0) {
                        break;
                    }
                }
            }
        });
        let expected = plain.len() as u64 * self.agents;
        assert!(left_bytes as u64 > expected * 9 / 10, "{left_bytes} of {expected} bytes left");
        assert!(sends >= self.agents, "not everybody was sent something");
        counted
    }
}

#[test]
fn a_diff_costs_few_allocations_and_none_for_an_agent() {
    let mut steady = Steady::new(AGENTS);
    steady.keyframe(1);
    for _ in 0..100 {
        steady.diff();
    }
    let counts: Vec<u64> = (0..100).map(|_| steady.diff().count_total).collect();
    let most = *counts.iter().max().unwrap();
    // The log's table grows now and then, which is one more.
    assert!(most <= DIFF_ALLOCATIONS + 1, "{counts:?}");
    let of_one: Vec<u64> = {
        let mut alone = Steady::new(1);
        alone.keyframe(1);
        for _ in 0..100 {
            alone.diff();
        }
        (0..100).map(|_| alone.diff().count_total).collect()
    };
    let least = *of_one.iter().min().unwrap();
    assert_eq!(*counts.iter().min().unwrap(), least, "{AGENTS} agents cost more than one");
}

#[test]
fn a_keyframe_costs_few_allocations_for_each_chunk_and_none_for_an_agent() {
    let mut steady = Steady::new(AGENTS);
    for _ in 0..5 {
        steady.keyframe(CHUNKS);
    }
    let counted = steady.keyframe(CHUNKS);
    let chunks = u64::from(CHUNKS);
    let most = chunks * CHUNK_ALLOCATIONS + DIFF_ALLOCATIONS;
    assert!(counted.count_total <= most, "{} of at most {most}", counted.count_total);
    // What stays is the new keyframe in the place of the old, and sealed bytes find their buffers ready.
    let kept = counted.count_current.unsigned_abs();
    assert!(kept <= chunks, "{kept} allocations more or fewer are held than before");
}

#[test]
fn the_log_holds_in_memory_what_it_counts() {
    for bytes in [400, 3_000, 5_000, 8_192, 12_000, 16_000, 30_000, 50_000, 61_000] {
        let mut steady = Steady::new(1);
        steady.keyframe(1);
        steady.diff_of(bytes);
        let held: i64 = (0..ENTRIES).map(|_| steady.diff_of(bytes).bytes_current).sum();
        let (each, bytes) = (held / ENTRIES, i64::try_from(bytes).unwrap());
        assert!(each >= bytes, "{each} bytes for {bytes}: this counted something else");
        let counted = bytes + i64::try_from(relay::LOG_ENTRY_BYTES).unwrap();
        assert!(each <= counted * 7 / 5, "{each} bytes for a frame of {bytes}");
    }
}

#[test]
fn an_idle_connection_holds_no_more_than_its_bound() {
    let mut world = World::new(1);
    let mut held = 0;
    for n in 0..IDLE {
        let ticket = world.visitor_ticket(&format!("demo:1:{n:032x}"));
        let request = upgrade("/visitor", &format!("ticket.{ticket}"), SHOP, "");
        held += world.quietly(&request);
    }
    let each = held / i64::from(IDLE);
    // What the allocator rounds up comes on top, and what is freed between is there for others.
    assert!(each <= IDLE_BYTES_MAX, "{each} bytes for each visitor with its session");
    assert!(each > 500, "{each} bytes: a session alone holds more, so this counted something else");
}

/// tungstenite's context with its two buffers, the message, and the log's own copy of it.
const DIFF_ALLOCATIONS: u64 = 6;

/// A chunk comes in several reads, and tungstenite's buffer grows until it holds it.
const CHUNK_ALLOCATIONS: u64 = 6;

/// The connection with its keys 0.4 KB, the session with its log and its visitor, and what tables keep ready.
const IDLE_BYTES_MAX: i64 = 2_048;

/// As many as the log's table of the time holds, whose growth is not a frame's.
const ENTRIES: i64 = 64;
const IDLE: u32 = 500;
const AGENTS: u64 = 20;
const CHUNKS: u32 = 4;
const CHUNK_BYTES: usize = 60 * 1024;
const SESSION: &str = "demo:471113:000102030405060708090a0b0c0d0e0f";
