//! What comes over control streams, and what tickets are worth after it.

use protocol::Privileges;

use super::testing::{World, get, text};
use crate::limits::GROUPS_MAX;

#[test]
fn settings_for_which_there_is_no_room_are_not_acknowledged() {
    let mut world = World::new(2);
    let dialled = world.web_tier(0);
    let settings = |name: &str| {
        format!(
            r#"{{"type":"group","group":"{name}","revision":3,"origins":["https://shop.example"],"resource_origins":[],"embed_ancestors":[],"follows_protocol":false,"grace_ms":30000,"visitor":{{}}}}"#
        )
    };
    let acks = |world: &mut World, name: &str| {
        let told = world.exchange(dialled, &text(&settings(name)));
        told.contains(&format!(r#"{{"type":"group_ack","group":"{name}","revision":3}}"#))
    };
    // One is there from the start.
    for at in 1..GROUPS_MAX {
        assert!(acks(&mut world, &format!("g{at}")));
    }
    assert!(!acks(&mut world, "more"));
    assert!(acks(&mut world, "g1"), "one that is there is changed");
    world.exchange(dialled, &text(r#"{"type":"group_removed","group":"g1"}"#));
    assert!(acks(&mut world, "more"));
}

#[test]
fn a_ticket_that_was_used_opens_nothing_when_the_clock_has_been_set_back() {
    let mut world = World::new(1);
    let session = "demo:471113:000102030405060708090a0b0c0d0e0f";
    world.start(0, session);
    let began_ms = world.now.wall_ms;
    let ticket = world.agent_ticket(session, Privileges::VIEW);
    let join = get("/join", &format!("Cookie: cobrowse_ticket={ticket}\r\n"));
    let status = |world: &mut World| {
        let client = world.connect(0);
        world.exchange(client, &join)[..12].to_owned()
    };
    assert_eq!(status(&mut world), "HTTP/1.1 303");
    // Set back by hours, and hours later it is that time again.
    world.pass(45_000);
    world.now.wall_ms = began_ms;
    assert_eq!(status(&mut world), "HTTP/1.1 401");
    world.pass(1);
    // That one has waited in vain for its visitor.
    let next = "demo:471114:100102030405060708090a0b0c0d0e0f";
    world.start(0, next);
    let (path, _) = world.join(0, next, Privileges::VIEW);
    assert!(path.starts_with("/view/"), "another ticket does");
}
