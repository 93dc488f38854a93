//! Long losses by name, which chance makes rarely or never: a web tier that is away for an hour, people who are offline for ten minutes.
//!
//! The same worlds in the same virtual time, but what happens in them is written down here.

use protocol::CloseCode;

use crate::actions::RESET_MS;
use crate::agent::Stage as AgentStage;
use crate::tiers::GRACE_MS;
use crate::tls::Pki;
use crate::visitor::Stage;
use crate::world::World;

#[test]
fn web_tiers_may_be_away_for_an_hour_and_let_people_in_within_2_s_of_their_return() {
    let mut world = calm();
    // The last visitor and its agent come when the web tiers are back.
    let late = world.visitors.len() - 1;
    (0..late).for_each(|at| world.visitors[at].start(0));
    until(&mut world, SETTLE_MS, "everybody is there", |world| sees_all(world, late));
    let homes = homes(&world);
    let back_ms = world.now + HOUR_MS;
    (0..2).for_each(|tier| world.kill_tier(tier, back_ms));
    for minute in 0..59 {
        for at in 0..late {
            match minute % 3 {
                0 => go_to_another_page(&mut world, at),
                1 => world.visitors[at].begin(&mut world.rng, 0, true),
                _ => world.visitors[at].change(&mut world.rng),
            }
        }
        world.pass(MINUTE_MS).unwrap();
        assert!(sees_all(&world, late), "minute {minute}");
    }
    world.pass(back_ms - world.now).unwrap();
    assert_eq!(self::homes(&world), homes, "nobody has moved");
    world.visitors[late].start(world.now);
    // One whose way in is forgotten comes through the web tier as well.
    world.agents[0].forget();
    until(&mut world, 2_000, "everybody is there, who came late too", |world| {
        sees_all(world, world.visitors.len())
    });
    world.finish().unwrap();
}

#[test]
fn a_visitor_who_was_offline_for_a_second_a_minute_or_ten_comes_back_without_a_web_tier() {
    for offline_ms in OFFLINE_MS {
        let mut world = begun();
        let homes = homes(&world);
        let back_ms = world.now + offline_ms;
        (0..2).for_each(|tier| world.kill_tier(tier, back_ms + MINUTE_MS));
        let host = world.visitors[0].host;
        (0..4).for_each(|other| world.net.block(host, other, back_ms));
        world.pass(offline_ms / 2).unwrap();
        world.visitors[0].change(&mut world.rng);
        world.pass(back_ms - world.now).unwrap();
        until(&mut world, BACK_MS, "the view is right again", |world| {
            sees_all(world, world.visitors.len())
        });
        assert_eq!(self::homes(&world), homes, "{offline_ms} ms");
        world.finish().unwrap();
    }
}

#[test]
fn an_agent_who_was_offline_for_a_second_a_minute_or_ten_sees_the_page_as_it_is_without_a_new_ticket()
 {
    for offline_ms in OFFLINE_MS {
        let mut world = begun();
        let joins = world.counts["joins"];
        let back_ms = world.now + offline_ms;
        (0..2).for_each(|tier| world.kill_tier(tier, back_ms + MINUTE_MS));
        let host = world.agents[0].host;
        (0..4).for_each(|other| world.net.block(host, other, back_ms));
        while world.now < back_ms {
            let visitor = world.agents[0].visitor;
            world.visitors[visitor].change(&mut world.rng);
            world.pass(500.min(back_ms - world.now)).unwrap();
        }
        until(&mut world, BACK_MS, "the view is right again", |world| {
            sees_all(world, world.visitors.len())
        });
        assert_eq!(world.counts["joins"], joins, "{offline_ms} ms");
        world.finish().unwrap();
    }
}

#[test]
fn a_visitor_who_ends_its_session_at_a_home_that_it_should_have_left_ends_it_everywhere() {
    let mut world = begun();
    // A home is left at a visitor's word only after a while. The answer reaches nobody, so the visitor goes on where it was.
    world.pass(MINUTE_MS).unwrap();
    let mut request = world.visitors[0].ask_for_another_home(world.now).unwrap();
    while !world.is_answered(&mut request) {
        world.pass(10).unwrap();
    }
    assert_eq!(known(&world, 0), (2, "assigned".to_owned()));
    assert!(world.visitors[0].stop());
    until(&mut world, SOON_MS, "its web tier knows that it is over", |world| {
        known(world, 0) == (2, CloseCode::SessionEndedVisitor.name().to_owned())
    });
    world.finish().unwrap();
}

#[test]
fn an_agent_who_ends_a_session_behind_a_partition_ends_it_where_its_visitor_has_gone_meanwhile() {
    let mut world = begun();
    let (server, home) = homes(&world)[0];
    let (visitor, healed_ms) = (world.visitors[0].host, world.now + 3 * MINUTE_MS);
    world.cut(visitor);
    world.pass(RESET_MS).unwrap();
    [visitor, 2, 3].into_iter().for_each(|other| world.net.block(server, other, healed_ms));
    until(&mut world, MINUTE_MS, "the visitor is at its next home", |world| {
        world.visitors[0].is_live() && homes(world)[0] == (1 - server, home + 1)
    });
    // It sees the visitor offline.
    assert!(world.end_by_agent(0));
    until(&mut world, SOON_MS, "the agent is told", |world| world.agents[0].heard_end.is_some());
    assert!(world.visitors[0].is_live(), "nobody there can know it yet");
    world.net.heal();
    let over = CloseCode::SessionEndedAgent.name();
    until(
        &mut world,
        MINUTE_MS,
        "the visitor is told",
        |world| matches!(&world.visitors[0].stage, Stage::Over { reason } if reason == over),
    );
    assert_eq!(known(&world, 0), (home + 1, over.to_owned()));
    world.finish().unwrap();
}

/// A world whose sessions wait for ten minutes, whose clocks are nearly right, and in which all is near and nothing lost by chance.
fn calm() -> World {
    let pki = Pki::new();
    let mut worlds = (0..).map(|seed| World::new(seed, pki.clone()).unwrap());
    let is_calm = |world: &World| world.grace_ms == GRACE_MS[1] && world.counts.is_empty();
    let mut world = worlds.find(is_calm).unwrap();
    world.net.heal();
    world.net.be_near();
    world
}

/// The same, with everybody there.
fn begun() -> World {
    let mut world = calm();
    world.visitors.iter_mut().for_each(|visitor| visitor.start(0));
    until(&mut world, SETTLE_MS, "everybody is there", |world| {
        sees_all(world, world.visitors.len())
    });
    world
}

/// Whether the first visitors are connected and each of their agents sees what its visitor shows.
fn sees_all(world: &World, visitors: usize) -> bool {
    let mut agents = world.agents.iter().filter(|agent| agent.visitor < visitors);
    world.visitors[..visitors].iter().all(|visitor| visitor.is_live())
        && agents.all(|agent| {
            matches!(agent.stage, AgentStage::Watching(_))
                && agent.viewer.hash == Some(world.visitors[agent.visitor].page.hash)
        })
}

fn homes(world: &World) -> Vec<(usize, u32)> {
    let held = world.visitors.iter().filter_map(|visitor| visitor.session.as_ref());
    held.map(|held| (held.server, held.home)).collect()
}

/// At which home the visitor's web tier knows its session, and how it stands.
fn known(world: &World, visitor: usize) -> (u32, String) {
    let visitor = &world.visitors[visitor];
    let held = visitor.session.as_ref().unwrap();
    let found = webtier::simulated::known(&world.tiers[visitor.tier].disk, &held.id).unwrap();
    found.map(|found| (found.home, found.state)).unwrap()
}

/// The page is left, and another takes the session up with what it remembers.
fn go_to_another_page(world: &mut World, at: usize) {
    let now = world.now;
    assert!(matches!(world.visitors[at].stage, Stage::Live(_)));
    world.visitors[at].come_back(now);
}

fn until(world: &mut World, ms_max: u64, what: &str, is_so: impl Fn(&World) -> bool) {
    let end = world.now + ms_max;
    while !is_so(world) {
        assert!(world.now < end, "{ms_max} ms have passed: {what}?");
        world.pass(10).unwrap();
    }
}

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;

/// A report, an order and what comes of it, where all is near.
const SOON_MS: u64 = 2_000;

/// Absences of people.
const OFFLINE_MS: [u64; 3] = [1_000, MINUTE_MS, 10 * MINUTE_MS];

/// Starts, control streams, keys and joins take less.
const SETTLE_MS: u64 = 30_000;

/// A connection that was found dead is replaced by then, at the first attempts.
const BACK_MS: u64 = 3_000;
