//! The log as it comes out of a store in which things have happened.

use std::cell::RefCell;

use protocol::control::ReportEvent;
use protocol::{AgentId, JoinId, Privileges};

use super::Event;
use super::command::export;
use super::signing::AuditKey;
use super::verify::{Fault, verify};
use crate::admin::socket::line_of;
use crate::admin::{Change, Context, Order, Outcome, run};
use crate::cli::CliError;
use crate::limits::{ADMIN_ANSWER_BYTES_MAX, ADMIN_LINE_BYTES_MAX};
use crate::store::Store;
use crate::surrounding::Surrounding;
use crate::testing::{T0, World};

const SESSION: &str = "demo:471113:000102030405060708090a0b0c0d0e0f";

fn ordered(store: &dyn Store, key: Option<&AuditKey>, order: Order) -> Vec<String> {
    let context = Context {
        cookie_domain: "cobrowse.example",
        public_url: "https://www.cobrowse.example",
        surrounds_views: Surrounding::default(),
        now_ms: T0,
        audit_key: key,
        status: None,
        unreadable: None,
    };
    run(store, &context, order).told.unwrap()
}

fn exported(store: &dyn Store, key: &AuditKey) -> Result<String, CliError> {
    let text = RefCell::new(String::new());
    export(
        |order| Ok(ordered(store, Some(key), order)),
        |lines| {
            lines.iter().for_each(|line| *text.borrow_mut() += &format!("{line}\n"));
            Ok(())
        },
    )?;
    Ok(text.into_inner())
}

/// A session that Ada sees, and an operator who changes things.
async fn world() -> World {
    let world = World::new();
    world.up("s1", 1);
    let number = SESSION.parse().unwrap();
    let server = world.store().server(&"s1".parse().unwrap()).unwrap().unwrap();
    let session = crate::store::records::Session {
        id: number,
        resume: protocol::secret::Secret::new([7; 32]).hash(),
        server: server.id,
        boot: server.boot.unwrap(),
        home: 1,
        state: crate::store::records::State::Assigned,
        assigned_ms: T0,
        started_ms: None,
        left: Vec::new(),
    };
    world.store().add_session(session).unwrap();
    let password = zeroize::Zeroizing::new(crate::testing::PASSWORD.to_owned());
    world.app.log_in("192.0.2.1".parse().unwrap(), "ada", password, None).await.unwrap();
    let (agent, join) = (AgentId::from_bytes([9; 16]), JoinId::from_bytes([3; 8]));
    let privileges = Privileges::VIEW | Privileges::POINT;
    for event in [
        ReportEvent::SessionStarted { home: 1 },
        ReportEvent::AgentJoined { join, agent, privileges },
        ReportEvent::AgentActed { join },
        ReportEvent::AgentActed { join: JoinId::from_bytes([4; 8]) },
        ReportEvent::AgentLeft { join },
        ReportEvent::SessionEnded { home: 1, reason: "session_ended_visitor".into() },
    ] {
        world.report("s1", SESSION, event);
    }
    let masks = Change {
        masks: Some(vec!["#iban".into()]),
        canvas_rate: Some(2),
        upload_origins: Some(vec!["https://cdn.shop.example".into()]),
        query_names: Some(vec!["page".into()]),
        ..Default::default()
    };
    let demo = "demo".parse().unwrap();
    for order in [
        Order::GroupSet { group: demo, settings: masks },
        Order::AgentPassword {
            name: "ada".into(),
            password_hash: crate::passwords::hash("another horse").unwrap(),
        },
        Order::AgentRevoke { name: "ada".into(), group: demo },
        Order::AgentList,
    ] {
        ordered(world.store(), None, order);
    }
    world
}

#[tokio::test]
async fn the_log_tells_who_did_what_and_nothing_of_what_was_seen() {
    let (world, key) = (world().await, AuditKey::of_test(1));
    let text = exported(world.store(), &key).unwrap();
    let sound = verify(&text, &key.public(), None).unwrap();
    let events: Vec<String> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(_, entry)| entry.starts_with('{'))
        .map(|(_, entry)| {
            let entry: serde_json::Value = serde_json::from_str(entry).unwrap();
            entry["event"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(events.len() as u64, sound.entries);
    // The store was made before its groups were: the log begins with nothing masked.
    let told = [
        "began",
        "logged_in",
        "session_started",
        "agent_joined",
        "agent_acted",
        "agent_left",
        "session_ended",
        "ordered",
        "rules",
        "ordered",
        "ordered",
    ];
    assert_eq!(events, told);
    for part in ["\"view\",\"point\"", "#iban", "session_ended_visitor", "agent_revoke", "ada"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    let let_out =
        r##""canvas_rate":2,"upload_origins":["https://cdn.shop.example"],"query_names":["page"]"##;
    let rules = text.lines().find(|line| line.contains(r#""event":"rules""#)).unwrap();
    assert!(rules.contains(let_out), "{rules}");
    for secret in ["471113", "argon2", "192.0.2.1", "another horse", "agent_list"] {
        assert!(!text.contains(secret), "{secret} stands in {text}");
    }
}

#[tokio::test]
async fn what_is_altered_in_the_store_is_found_by_the_check() {
    let (world, key) = (world().await, AuditKey::of_test(1));
    let earlier = exported(world.store(), &key).unwrap();
    ordered(world.store(), None, Order::GroupRemove { group: "other".parse().unwrap() });
    let text = exported(world.store(), &key).unwrap();
    assert!(verify(&text, &key.public(), None).is_ok());
    assert!(text.starts_with(&earlier), "what was exported before is the beginning of it");
    let noted = verify(&text, &key.public(), None).unwrap().head.hash;
    assert_eq!(verify(&earlier, &key.public(), Some(&noted)), Err(Fault::Noted));
    let altered = text.replace("agent_revoke", "agent_remove");
    assert_eq!(verify(&altered, &key.public(), None), Err(Fault::Chain(11)));
}

#[tokio::test]
async fn a_log_of_long_entries_is_exported_in_answers_that_can_be_read() {
    let (world, key) = (World::new(), AuditKey::of_test(1));
    let long = "\"".repeat(ADMIN_LINE_BYTES_MAX as usize / 4);
    for _ in 0..2 * ADMIN_ANSWER_BYTES_MAX / ADMIN_LINE_BYTES_MAX {
        world.store().note(T0, Event::LogAccepted { fault: long.clone() }).unwrap();
    }
    let text = RefCell::new(String::new());
    export(
        |order| {
            let lines = ordered(world.store(), Some(&key), order);
            let answer = line_of(&Outcome::Done(lines.clone())).unwrap();
            assert!((answer.len() as u64) < ADMIN_ANSWER_BYTES_MAX, "{}", answer.len());
            Ok(lines)
        },
        |lines| {
            lines.iter().for_each(|line| *text.borrow_mut() += &format!("{line}\n"));
            Ok(())
        },
    )
    .unwrap();
    let sound = verify(&text.into_inner(), &key.public(), None).unwrap();
    assert_eq!(sound.entries, 1 + 2 * ADMIN_ANSWER_BYTES_MAX / ADMIN_LINE_BYTES_MAX);
}

#[tokio::test]
async fn without_a_key_nothing_is_exported_and_it_is_said_how_to_make_one() {
    let world = World::new();
    let context = Context {
        cookie_domain: "cobrowse.example",
        public_url: "https://www.cobrowse.example",
        surrounds_views: Surrounding::default(),
        now_ms: T0,
        audit_key: None,
        status: None,
        unreadable: None,
    };
    let refused = run(world.store(), &context, Order::AuditSign).told.unwrap_err().to_string();
    assert!(refused.contains("openssl genpkey"), "{refused}");
}
