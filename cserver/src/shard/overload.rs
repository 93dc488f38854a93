//! A core under more than it can do, in virtual time: what waits, what is left out, who is refused, and that all of it comes back.

use std::collections::HashMap;

use protocol::Privileges;
use protocol::frame::{Flags, Kind};
use relay::LinkId;

use super::flush::MORE_BYTES_PER_TURN;
use super::pressure::{FLUSH_WAIT_MS_MAX, LOOK_MS};
use super::testing::{SHOP, World, message, messages, upgrade};
use crate::limits::{READ_BYTES, SEAL_BYTES_MAX};

/// A core with one session, told how much of its time it uses.
struct Core {
    world: World,
    visitor: usize,
    agent: usize,
    sequence: u32,
    cpu_us: u64,
}

impl Core {
    fn new() -> Self {
        let mut world = World::new(1);
        let visitor = world.start(0, SESSION);
        let agent = world.agent(0, SESSION, Privileges::VIEW);
        let both = Flags::FIRST.0 | Flags::LAST.0;
        let facts = message(Kind::Facts, 0, 1, 0, b"{}");
        world.send(visitor, &[facts, message(Kind::Keyframe, both, 1, 1, b"page")].concat());
        Self { world, visitor, agent, sequence: 1, cpu_us: 0 }
    }

    /// So many looks pass, at each of which the core has used this share of its time, in turns of such a length.
    fn load(&mut self, looks: u64, percent: u64, turn_us: u64) {
        for _ in 0..looks {
            self.world.pass(LOOK_MS);
            self.cpu_us += percent * LOOK_MS * 10;
            self.world.shards[0].note_turn(turn_us);
            self.world.shards[0].handle_load(self.world.now, self.cpu_us);
        }
    }

    fn diff(&mut self, payload: &[u8]) {
        self.sequence += 1;
        self.world.send(self.visitor, &message(Kind::Diff, 0, 1, self.sequence, payload));
    }

    fn ephemeral(&mut self) {
        self.world.send(self.visitor, &message(Kind::Ephemeral, 3, 1, self.sequence, b"scroll"));
    }

    /// Kinds of what the agent has got since it was asked last.
    fn got(&mut self) -> Vec<u8> {
        let inbox = std::mem::take(&mut self.world.clients[self.agent].inbox);
        messages(&inbox).iter().map(|frame| frame[0]).collect()
    }

    /// Status of the answer to who wants to start a session.
    fn start(&mut self, session: &str) -> String {
        let ticket = self.world.visitor_ticket(session);
        let visitor = self.world.connect(0);
        let asked = upgrade("/visitor", &format!("ticket.{ticket}"), SHOP, "");
        self.world.exchange(visitor, &asked)
    }
}

#[test]
fn a_full_core_lets_the_flush_wait_and_an_idle_one_sends_at_once() {
    let mut core = Core::new();
    core.got();
    core.diff(b"idle");
    assert_eq!(core.got(), [Kind::Diff.byte()]);
    core.load(4, 100, 1_000);
    core.diff(b"one");
    core.got();
    let before = core.world.clients[core.agent].records;
    core.diff(b"two");
    core.diff(b"three");
    assert_eq!(core.got(), [0; 0], "it waits for more");
    core.world.pass(FLUSH_WAIT_MS_MAX);
    assert_eq!(core.got(), [Kind::Diff.byte(); 2], "and not longer than that");
    assert_eq!(core.world.clients[core.agent].records - before, 1, "in one record");
    core.load(10, 10, 1_000);
    core.diff(b"idle again");
    assert_eq!(core.got(), [Kind::Diff.byte()]);
}

#[test]
fn the_answer_to_an_upgrade_takes_the_first_frames_along_in_its_own_send() {
    let mut core = Core::new();
    let (path, cookie) = core.world.join(0, SESSION, Privileges::VIEW);
    let asked = upgrade(
        &path.replace("/view/", "/agent/"),
        &format!("csrf.{}", core.world.csrf(&path)),
        "https://s1.example",
        &format!("Cookie: {cookie}\r\n"),
    );
    let agent = core.world.connect(0);
    core.world.exchange(agent, &super::testing::get("/healthz", ""));
    let before = core.world.clients[agent].sends;
    core.world.send(agent, &asked);
    let told = std::mem::take(&mut core.world.clients[agent].inbox);
    assert!(told.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&told));
    assert!(told.windows(4).any(|bytes| bytes == b"page"), "the page came with it");
    assert_eq!(core.world.clients[agent].sends - before, 1);
    core.diff(b"and it goes on");
    assert_eq!(core.world.clients[agent].sends - before, 2);
}

#[test]
fn what_a_full_core_leaves_out_comes_back_when_there_is_room() {
    let mut core = Core::new();
    core.load(5, 100, 1_000);
    core.got();
    core.ephemeral();
    core.diff(b"change");
    core.world.pass(FLUSH_WAIT_MS_MAX);
    assert_eq!(core.got(), [Kind::Diff.byte()], "only what is ephemeral is left out");
    core.load(10, 10, 1_000);
    core.got();
    core.ephemeral();
    assert_eq!(core.got(), [Kind::Ephemeral.byte()]);
}

#[test]
fn an_agent_that_lags_at_a_full_core_skips_to_a_keyframe_and_ends_in_the_right_state() {
    let mut core = Core::new();
    core.load(6, 100, 100_000);
    core.got();
    core.world.clients[core.agent].asleep = true;
    for _ in 0..6 {
        core.diff(&[7; 50_000]);
    }
    core.world.wake(core.agent);
    core.world.pass(3_000);
    let got = core.got();
    assert!(got.contains(&Kind::Skipped.byte()), "{got:?}");
    let asked = messages(&core.world.clients[core.visitor].inbox);
    assert!(asked.iter().any(|frame| frame[0] == Kind::KeyframeRequest.byte()));
}

#[test]
fn a_core_that_people_notice_refuses_new_sessions_and_keeps_those_it_has() {
    let mut core = Core::new();
    core.load(20, 100, 20_000);
    assert!(core.start(SECOND).starts_with("HTTP/1.1 101 "), "short turns: nobody notices");
    core.load(7, 100, 100_000);
    let refused = core.start(THIRD);
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("overload"), "{refused}");
    core.got();
    core.diff(b"goes on");
    core.world.pass(FLUSH_WAIT_MS_MAX);
    assert_eq!(core.got(), [Kind::Diff.byte()]);
    core.load(2, 10, 1_000);
    assert!(core.start(THIRD).starts_with("HTTP/1.1 101 "));
}

/// Who is sent how much in one turn, by sockets that take everything.
fn turn(world: &mut World) -> Vec<(LinkId, usize)> {
    let (shard, now) = (&mut world.shards[0], world.now);
    shard.handle_time(now);
    shard.end_turn(now);
    let mut sent = Vec::new();
    while let Some(link) = shard.poll_send(now) {
        let bytes = shard.unsent(link).len();
        shard.handle_sent(now, link, bytes);
        sent.push((link, bytes));
    }
    sent
}

/// What a client says comes in.
fn hear(world: &mut World, client: usize, plain: &[u8]) {
    let (link, mut wire) = (world.clients[client].link, world.clients[client].sealed(plain));
    for read in wire.chunks_mut(READ_BYTES) {
        world.shards[0].handle_bytes(world.now, link, read);
    }
}

#[test]
fn a_large_page_for_many_agents_holds_nobodys_diffs_up_and_each_of_them_gets_it() {
    let mut core = Core::new();
    let world = &mut core.world;
    let crowded = world.start(0, SECOND);
    let mut join = |_| {
        let agent = world.agent(0, SECOND, Privileges::VIEW);
        world.clients[agent].link
    };
    let crowd: Vec<LinkId> = (0..CROWD).map(&mut join).collect();
    let mut page = message(Kind::Facts, 0, 1, 0, b"{}");
    for at in 1..=CHUNKS {
        let first = if at == 1 { Flags::FIRST.0 } else { 0 };
        let last = if at == CHUNKS { Flags::LAST.0 } else { 0 };
        page.extend(message(Kind::Keyframe, first | last, 1, at, &[7; 60 * 1024]));
    }
    hear(world, crowded, &page);
    let mut got = HashMap::<LinkId, usize>::new();
    let (visitor, agent) = (core.visitor, world.clients[core.agent].link);
    let mut turns = 0;
    loop {
        turns += 1;
        let diff = message(Kind::Diff, 0, 1, 1 + turns, b"change");
        hear(world, visitor, &diff);
        let sent = turn(world);
        let of_diff = sent.iter().position(|(link, _)| *link == agent);
        let before: usize = sent[..of_diff.expect("it waits")].iter().map(|(_, bytes)| bytes).sum();
        let in_all: usize = sent.iter().map(|(_, bytes)| bytes).sum();
        // In the first turn everybody has something that is new.
        let new = if turns == 1 { CROWD * SEALED_MAX } else { 0 };
        assert!(before <= new, "turn {turns}: {before} bytes went before it");
        assert!(in_all <= new + MORE_BYTES_PER_TURN + 2 * SEALED_MAX, "turn {turns}: {in_all}");
        for (link, bytes) in sent {
            *got.entry(link).or_default() += bytes;
        }
        if world.shards[0].next_deadline() != Some(0) {
            break;
        }
    }
    assert!(turns > 3, "all of it left in {turns} turns: this tells nothing");
    assert!(crowd.iter().all(|link| got[link] > page.len()), "somebody did not get all of it");
}

const CROWD: usize = 20;
const CHUNKS: u32 = 5;
const SEALED_MAX: usize = SEAL_BYTES_MAX + 1_024;

const SESSION: &str = "demo:471113:000102030405060708090a0b0c0d0e0f";
const SECOND: &str = "demo:471114:100102030405060708090a0b0c0d0e0f";
const THIRD: &str = "demo:471115:200102030405060708090a0b0c0d0e0f";
