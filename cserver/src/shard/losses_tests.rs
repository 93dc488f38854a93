//! Networks that drop, for a second, a minute and ten: who comes back finds the session as it is, and agents are told how it stands.
//!
//! There is no web tier anywhere here: a visitor's way back needs none.

use protocol::frame::{Flags, Kind};
use protocol::limits::{GRACE_MS_MAX, PING_INTERVAL_MS};
use protocol::{CloseCode, JoinId, Privileges, Subject};

use super::testing::{SHOP, World, get, message, messages, resume, secret, upgrade};

const SESSION: &str = "demo:471113:000102030405060708090a0b0c0d0e0f";

/// A blink, a lift, a tunnel. The last is just within the longest grace period and the longest life of an unused join.
const LOSSES_MS: [u64; 3] = [1_000, 60_000, GRACE_MS_MAX - 1_000];

/// A pong, masked with zeros.
const PONG: [u8; 6] = [0x8a, 0x80, 0, 0, 0, 0];

fn epoch(number: u32, page: &[u8]) -> Vec<u8> {
    let both = Flags::FIRST.0 | Flags::LAST.0;
    [message(Kind::Facts, 0, number, 0, b"{}"), message(Kind::Keyframe, both, number, 1, page)]
        .concat()
}

/// Lets time pass during which these clients answer pings.
fn pass(world: &mut World, ms: u64, alive: &[usize]) {
    let mut left = ms;
    while left > 0 {
        let step = left.min(PING_INTERVAL_MS / 2);
        world.pass(step);
        left -= step;
        for client in alive {
            world.send(*client, &PONG);
        }
    }
}

/// Epoch and payload of the visitor's keyframes and diffs, as a client got them.
fn pages(world: &World, client: usize) -> Vec<(u8, String)> {
    let shown = |frame: &Vec<u8>| matches!(frame[0], 0x01 | 0x02);
    let of = |frame: Vec<u8>| (frame[7], String::from_utf8_lossy(&frame[12..]).into_owned());
    messages(&world.clients[client].inbox).into_iter().filter(shown).map(of).collect()
}

/// What a client was told of the visitor, in order.
fn told(world: &World, client: usize) -> Vec<String> {
    let mut told = Vec::new();
    for frame in messages(&world.clients[client].inbox) {
        if frame[0] == Kind::VisitorState.byte() || frame[0] == Kind::Joined.byte() {
            let state: serde_json::Value = serde_json::from_slice(&frame[12..]).unwrap();
            told.push(state["visitor"].as_str().unwrap().to_owned());
        }
    }
    told
}

#[test]
fn a_visitor_who_was_away_comes_back_with_a_new_epoch_and_agents_see_it_through() {
    for away_ms in LOSSES_MS {
        let mut world = World::new(2);
        world.wait_for_visitors(GRACE_MS_MAX);
        let visitor = world.start(0, SESSION);
        let agent = world.agent(1, SESSION, Privileges::VIEW);
        world.exchange(visitor, &epoch(1, b"page"));
        world.exchange(visitor, &message(Kind::Diff, 0, 1, 2, b"change"));
        world.cut(visitor);
        assert_eq!(told(&world, agent), ["live", "offline"]);
        // Who joins meanwhile is told so, and sees the page as it was.
        let late = world.agent(0, SESSION, Privileges::VIEW);
        assert_eq!(told(&world, late), ["offline"]);
        pass(&mut world, away_ms, &[agent, late]);
        let visitor = world.come_back(1, SESSION);
        let welcome = messages(&world.clients[visitor].inbox).remove(0);
        assert!(String::from_utf8_lossy(&welcome).contains("\"last_epoch\":1"), "{away_ms}");
        world.send(visitor, &epoch(2, b"again"));
        world.send(visitor, &message(Kind::Diff, 0, 2, 2, b"and on"));
        let seen = [(1, "page"), (1, "change"), (2, "again"), (2, "and on")];
        let seen = seen.map(|(epoch, text)| (epoch, text.to_owned()));
        assert_eq!(pages(&world, agent), seen, "{away_ms}");
        assert_eq!(pages(&world, late), seen, "{away_ms}");
        assert_eq!(told(&world, agent), ["live", "offline", "live"]);
    }
}

#[test]
fn an_agent_who_was_away_comes_back_with_its_cookie_to_the_newest_epoch() {
    for away_ms in LOSSES_MS {
        let mut world = World::new(2);
        let visitor = world.start(0, SESSION);
        world.exchange(visitor, &epoch(1, b"page"));
        let (path, cookie) = world.join(0, SESSION, Privileges::VIEW);
        let agent = world.open_view(0, &path, &cookie);
        world.cut(agent);
        world.exchange(visitor, &message(Kind::Diff, 0, 1, 2, b"missed"));
        pass(&mut world, away_ms, &[visitor]);
        world.exchange(visitor, &epoch(2, b"newer"));
        world.exchange(visitor, &message(Kind::Diff, 0, 2, 2, b"change"));
        let agent = world.open_view(1, &path, &cookie);
        world.exchange(visitor, &message(Kind::Diff, 0, 2, 3, b"live"));
        let seen = [(2, "newer"), (2, "change"), (2, "live")];
        assert_eq!(pages(&world, agent), seen.map(|(epoch, text)| (epoch, text.to_owned())));
        assert_eq!(told(&world, agent), ["live"], "{away_ms}");
    }
}

#[test]
fn an_agent_who_was_away_too_long_needs_a_new_ticket_and_one_who_was_revoked_hears_that() {
    let mut world = World::new(1);
    let visitor = world.start(0, SESSION);
    let (path, cookie) = world.join(0, SESSION, Privileges::VIEW);
    pass(&mut world, GRACE_MS_MAX + 1_000, &[visitor]);
    let status = get(&format!("{path}/status"), &format!("Cookie: {cookie}\r\n"));
    let client = world.connect(0);
    assert!(world.exchange(client, &status).contains("unauthorized"), "a viewer renews by itself");
    let agent = world.agent(0, SESSION, Privileges::VIEW);
    let (path, cookie) = world.join(0, SESSION, Privileges::VIEW);
    let now = world.now;
    let account = protocol::AgentId::from_bytes([9; 16]);
    let mail = super::Mail::Revoke("demo".parse().unwrap(), account);
    world.shards[0].handle_mail(now, mail);
    world.run();
    assert!(world.clients[agent].inbox.ends_with(b"revoked"));
    let status = get(&format!("{path}/status"), &format!("Cookie: {cookie}\r\n"));
    let client = world.connect(0);
    assert!(world.exchange(client, &status).contains("revoked"));
    assert!(path.rsplit('/').next().unwrap().parse::<JoinId>().is_ok());
}

#[test]
fn half_open_connections_are_found_by_pings_and_their_owners_come_back() {
    let mut world = World::new(1);
    world.wait_for_visitors(GRACE_MS_MAX);
    let visitor = world.start(0, SESSION);
    world.exchange(visitor, &epoch(1, b"page"));
    let agent = world.agent(0, SESSION, Privileges::VIEW);
    let (path, cookie) = world.join(0, SESSION, Privileges::VIEW);
    let silent = world.open_view(0, &path, &cookie);
    // Both vanish; no host says so.
    world.vanish(visitor);
    world.vanish(silent);
    pass(&mut world, 2 * PING_INTERVAL_MS - 1_000, &[agent]);
    assert_eq!(told(&world, agent), ["live"], "nobody can know yet");
    pass(&mut world, 2_000, &[agent]);
    assert_eq!(told(&world, agent), ["live", "offline"]);
    let number = |world: &World| {
        let list = messages(&world.clients[agent].inbox);
        let list = list.iter().rfind(|frame| frame[0] == Kind::Participants.byte()).unwrap();
        String::from_utf8_lossy(&list[12..]).matches("\"agent\"").count()
    };
    assert_eq!(number(&world), 1, "the silent agent is no longer among them");
    let silent = world.open_view(0, &path, &cookie);
    let visitor = world.come_back(0, SESSION);
    world.send(visitor, &epoch(2, b"again"));
    for client in [agent, silent] {
        assert_eq!(pages(&world, client).last().unwrap().1, "again");
    }
    assert_eq!(number(&world), 2);
}

#[test]
fn a_drain_ends_when_all_have_gone_and_at_its_deadline_though_somebody_reads_nothing() {
    const DEADLINE_MS: u64 = 8_000;
    for is_reading in [true, false] {
        let mut world = World::new(1);
        let visitor = world.start(0, SESSION);
        let agent = world.agent(0, SESSION, Privileges::VIEW);
        world.exchange(visitor, &epoch(1, b"page"));
        world.clients[agent].asleep = !is_reading;
        let now = world.now;
        world.shards[0].drain(now, DEADLINE_MS);
        world.run();
        world.pass(DEADLINE_MS - 1);
        assert_eq!(world.shards[0].is_drained(world.now), is_reading);
        world.pass(1);
        assert!(world.shards[0].is_drained(world.now));
    }
}

#[test]
fn who_comes_back_before_the_loss_was_noticed_takes_its_place_at_once() {
    let mut world = World::new(2);
    let visitor = world.start(0, SESSION);
    let agent = world.agent(0, SESSION, Privileges::VIEW);
    world.exchange(visitor, &epoch(1, b"page"));
    // A keyframe broke off in the middle: no agent is left with half a page.
    world.exchange(visitor, &message(Kind::Facts, 0, 2, 0, b"{}"));
    world.exchange(visitor, &message(Kind::Keyframe, Flags::FIRST.0, 2, 1, b"half"));
    world.vanish(visitor);
    let visitor = world.come_back(1, SESSION);
    world.send(visitor, &epoch(3, b"whole"));
    assert_eq!(pages(&world, agent).last().unwrap(), &(3, "whole".to_owned()));
    let late = world.agent(0, SESSION, Privileges::VIEW);
    assert_eq!(pages(&world, late), [(3, "whole".to_owned())]);
    assert_eq!(told(&world, agent).last().unwrap(), "live");
}

#[test]
fn agents_are_told_whether_the_visitor_navigates_is_away_or_has_ended_it() {
    let mut world = World::new(1);
    world.wait_for_visitors(60_000);
    let visitor = world.start(0, SESSION);
    let agent = world.agent(0, SESSION, Privileges::VIEW);
    world.exchange(visitor, &epoch(1, b"page"));
    world.exchange(visitor, &message(Kind::Leaving, 0, 1, 1, b""));
    world.cut(visitor);
    let visitor = world.come_back(0, SESSION);
    world.send(visitor, &epoch(2, b"next"));
    assert_eq!(told(&world, agent), ["live", "leaving", "live"], "a page change is no loss");
    // Hidden: the visitor's page says so in its facts, which reach the agent as they are.
    let hidden = br#"{"visible":false}"#;
    world.exchange(visitor, &message(Kind::Facts, 0, 2, 2, hidden));
    let last = messages(&world.clients[agent].inbox).pop().unwrap();
    assert_eq!((last[0], &last[12..]), (Kind::Facts.byte(), &hidden[..]));
    // Gone for good: leaving for five seconds, then offline, then the end with its reason.
    world.exchange(visitor, &message(Kind::Leaving, 0, 2, 2, b""));
    world.cut(visitor);
    pass(&mut world, 6_000, &[agent]);
    let states = ["live", "leaving", "live", "leaving", "offline"];
    assert_eq!(told(&world, agent), states);
    pass(&mut world, 55_000, &[agent]);
    assert!(world.clients[agent].inbox.ends_with(b"session_ended_timeout"));
    let client = world.connect(0);
    let late = upgrade("/visitor", &format!("resume.{}", resume(SESSION)), SHOP, "");
    let answer = world.exchange(client, &late);
    assert!(answer.starts_with("HTTP/1.1 410 ") && answer.contains("session_ended_timeout"));
}

#[test]
fn a_second_order_to_drain_may_bring_the_end_nearer_and_never_further_away() {
    let mut world = World::new(1);
    let visitor = world.start(0, SESSION);
    world.vanish(visitor);
    let now = world.now;
    for deadline_ms in [600_000, 1_000, 700_000] {
        world.shards[0].drain(now, deadline_ms);
    }
    world.pass(999);
    assert!(!world.shards[0].is_drained(world.now));
    world.pass(1);
    assert!(world.shards[0].is_drained(world.now));
}

#[test]
fn a_session_that_ends_while_another_of_its_tickets_is_on_the_way_does_not_begin_unknown_to_all() {
    for cores in [1, 2] {
        let mut world = World::new(cores);
        let visitor = world.start(0, SESSION);
        let late = world.connect(cores - 1);
        world.exchange(late, &get("/healthz", ""));
        let ticket = world.ticket_at(SESSION, Subject::Visitor { resume: secret().hash() }, 2);
        // Both are there to be read in one turn.
        let bye = message(Kind::Bye, 0, 0, 0, b"");
        let start = upgrade("/visitor", &format!("ticket.{ticket}"), SHOP, "");
        for (client, plain) in [(visitor, bye), (late, start)] {
            let (link, core) = (world.clients[client].link, world.clients[client].core);
            let mut wire = world.clients[client].sealed(&plain);
            world.shards[core].handle_bytes(world.now, link, &mut wire);
        }
        world.run();
        let session = SESSION.parse().unwrap();
        assert_eq!(world.shared.owner(&session), Err(CloseCode::SessionEndedVisitor), "{cores}");
        let told = String::from_utf8_lossy(&world.clients[late].inbox).into_owned();
        assert!(told.contains("session_ended_visitor"), "{cores} cores: {told}");
    }
}
