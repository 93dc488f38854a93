//! The store on a temporary folder: its conditions, and what a reopened one still knows.

use protocol::GroupSettings;
use protocol::control::ReportEvent;
use protocol::ids::JoinId;
use protocol::secret::Secret;

use super::records::*;
use super::sled::SledStore;
use super::*;
use crate::limits::{ASSIGNED_MS_MAX, ENDED_KEEP_MS, LOGIN_IDLE_MS, LOGIN_LIFE_MS};
use crate::testing::{T0, agent, demo, server, session};

impl SledStore {
    /// Leaves a head of the audit log that nobody can read.
    pub(crate) fn spoil_audit(&self) {
        self.write(|tx| tx.0.insert(tx::AUDIT_HEAD_KEY, b"?".to_vec())).unwrap();
    }
}

/// A store with group `demo`, agent `ada` in it, and CServers s1 and s2 at their first start.
fn store() -> (tempfile::TempDir, SledStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(&folder.path().join("store")).unwrap();
    store.add_group(Group::new(demo(), GroupSettings::default())).unwrap();
    store.add_agent(agent("ada", None)).unwrap();
    store.grant("ada", &demo(), "agent").unwrap();
    for name in ["s1", "s2"] {
        store.add_server(server(name)).unwrap();
        store.server_booted(&id(name), boot(1), T0).unwrap();
    }
    (folder, store)
}

fn id(name: &str) -> ServerId {
    name.parse().unwrap()
}

fn boot(byte: u8) -> Boot {
    Boot::new([byte; 16])
}

fn report(seq: u64, session: &Session, event: ReportEvent) -> Report {
    Report { seq, at_ms: T0 + seq, session: session.id, event }
}

fn started(seq: u64, session: &Session) -> Report {
    report(seq, session, ReportEvent::SessionStarted { home: session.home })
}

fn ended(seq: u64, session: &Session, reason: &str) -> Report {
    report(seq, session, ReportEvent::SessionEnded { home: session.home, reason: reason.into() })
}

fn by_key(store: &SledStore, key: &str) -> Option<Session> {
    store.session_by_key(&demo(), &key.parse().unwrap()).unwrap()
}

fn state(store: &SledStore, session: &Session) -> State {
    store.session(&session.id).unwrap().unwrap().state
}

fn reason(store: &SledStore, session: &Session) -> Option<String> {
    match state(store, session) {
        State::Ended { reason, .. } => Some(reason),
        _ => None,
    }
}

#[test]
fn nobody_else_on_the_host_looks_into_a_new_store() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, store) = store();
    let mode = std::fs::metadata(folder.path().join("store")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
    drop(store);
}

#[test]
fn everything_that_returned_is_there_after_reopening() {
    let (folder, store) = store();
    let one = session("1", 1);
    store.add_session(one.clone()).unwrap();
    store.apply_reports(&id("s1"), boot(1), &[started(1, &one)]).unwrap();
    let token = Secret::new([7; 32]).hash();
    let login =
        Login { agent: store.agent("ada").unwrap().unwrap().id, created_ms: T0, seen_ms: T0 };
    store.add_login(&token, login, None).unwrap();
    let before = (store.groups().unwrap(), store.agents().unwrap(), store.servers().unwrap());
    drop(store);

    let store = SledStore::open(&folder.path().join("store")).unwrap();
    assert_eq!(
        (store.groups().unwrap(), store.agents().unwrap(), store.servers().unwrap()),
        before
    );
    assert_eq!(store.login(&token).unwrap().unwrap().0, login);
    assert_eq!(by_key(&store, "1").unwrap().state, State::Live);
    // The numbering goes on where it was: what is sent again counts once.
    let seq = store.apply_reports(&id("s1"), boot(1), &[ended(1, &one, "draining")]).unwrap();
    assert_eq!((seq, state(&store, &one)), (1, State::Live));
}

#[test]
fn a_second_process_is_told_that_the_store_is_in_use() {
    let (folder, _store) = store();
    let second = SledStore::open(&folder.path().join("store"));
    assert!(matches!(second, Err(StoreError::Busy(_))), "{second:?}");
}

#[test]
fn a_key_belongs_to_one_open_session_of_its_group() {
    let (_folder, store) = store();
    store.add_session(session("1", 1)).unwrap();
    let taken = store.add_session(session("1", 2));
    assert!(matches!(taken, Err(StoreError::KeyInUse)), "{taken:?}");
    assert!(store.session(&session("1", 2).id).unwrap().is_none(), "nothing of it is left");
    let other =
        store.add_group(Group::new("other".parse().unwrap(), GroupSettings::default())).unwrap();
    let mut elsewhere = session("1", 3);
    elsewhere.id.group = other.id;
    store.add_session(elsewhere).unwrap();
}

#[test]
fn two_starts_with_one_key_at_the_same_moment_end_with_one_session() {
    let (_folder, store) = store();
    let won: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..=8)
            .map(|number| {
                let store = &store;
                scope.spawn(move || usize::from(store.add_session(session("1", number)).is_ok()))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(won, 1);
}

#[test]
fn a_session_is_not_given_to_a_server_that_has_restarted() {
    let (_folder, store) = store();
    store.server_booted(&id("s1"), boot(2), T0).unwrap();
    assert!(matches!(store.add_session(session("1", 1)), Err(StoreError::Conflict)));
}

#[test]
fn reports_count_once_and_in_order_however_often_they_are_sent() {
    let (_folder, store) = store();
    let one = session("1", 1);
    store.add_session(one.clone()).unwrap();
    let all = [started(1, &one), ended(2, &one, "session_ended_visitor")];
    assert_eq!(store.apply_reports(&id("s1"), boot(1), &all[..1]).unwrap(), 1);
    assert_eq!(state(&store, &one), State::Live);
    assert_eq!(store.apply_reports(&id("s1"), boot(1), &all).unwrap(), 2);
    assert_eq!(store.apply_reports(&id("s1"), boot(1), &all).unwrap(), 2);
    assert_eq!(reason(&store, &one).as_deref(), Some("session_ended_visitor"));
    assert!(by_key(&store, "1").is_none(), "its key is free");
    store.add_session(session("1", 2)).unwrap();
}

#[test]
fn a_new_start_of_a_server_loses_its_sessions_and_no_others() {
    let (_folder, store) = store();
    let (one, two) = (session("1", 1), Session { server: id("s2"), ..session("2", 2) });
    store.add_session(one.clone()).unwrap();
    store.add_session(two.clone()).unwrap();
    store.apply_reports(&id("s1"), boot(1), &[started(1, &one)]).unwrap();
    store.apply_reports(&id("s2"), boot(1), &[started(1, &two)]).unwrap();
    assert_eq!(store.server_booted(&id("s1"), boot(1), T0).unwrap(), 0, "the same start");
    assert_eq!(store.server_booted(&id("s1"), boot(2), T0).unwrap(), 1);
    assert_eq!(reason(&store, &one).as_deref(), Some(LOST));
    assert_eq!(state(&store, &two), State::Live);
    let told = store.audit_lines(1, 100).unwrap();
    let ends: Vec<_> = told.iter().filter(|line| line.contains("session_ended")).collect();
    assert!(matches!(ends[..], [end] if end.contains(r#""reason":"lost""#)), "{ends:?}");
    // The new start numbers its reports from 1.
    let three = Session { boot: boot(2), ..session("3", 3) };
    store.add_session(three.clone()).unwrap();
    store.apply_reports(&id("s1"), boot(2), &[started(1, &three)]).unwrap();
    assert_eq!(state(&store, &three), State::Live);
}

#[test]
fn a_lost_session_moves_once_and_reports_of_its_old_home_change_nothing() {
    let (_folder, store) = store();
    let one = session("1", 1);
    store.add_session(one.clone()).unwrap();
    store.apply_reports(&id("s1"), boot(1), &[started(1, &one)]).unwrap();
    let moved = store.move_session(&one.id, 1, (id("s2"), boot(1)), T0 + 9).unwrap();
    assert_eq!((moved.home, moved.server, moved.state.clone()), (2, id("s2"), State::Assigned));
    let again = store.move_session(&one.id, 1, (id("s2"), boot(1)), T0 + 9);
    assert!(matches!(again, Err(StoreError::Conflict)), "the other tab was first");
    store.apply_reports(&id("s1"), boot(1), &[ended(2, &one, "session_ended_timeout")]).unwrap();
    assert_eq!(state(&store, &one), State::Assigned);
    store.apply_reports(&id("s2"), boot(1), &[started(1, &moved)]).unwrap();
    let now = store.session(&one.id).unwrap().unwrap();
    assert_eq!(
        (now.state, now.started_ms),
        (State::Live, Some(T0 + 1)),
        "as old as its first home"
    );
    // The old home may live on behind a partition: it is told, and as an order until it has heard.
    let orders = store.orders(&id("s1")).unwrap();
    let told: Vec<_> = orders.into_iter().map(|(_, order)| order).collect();
    assert_eq!(told, [Down::Moved { session: one.id, home: 2, reason: None }]);
    assert!(store.orders(&id("s2")).unwrap().is_empty());
}

#[test]
fn what_is_left_of_a_session_is_told_when_its_next_home_never_begins_though_it_was_to_be_the_same_server()
 {
    let (_folder, store) = store();
    let one = session("1", 1);
    store.add_session(one.clone()).unwrap();
    store.apply_reports(&id("s1"), boot(1), &[started(1, &one)]).unwrap();
    // Its visitor never hears of the second home, and goes on at the first.
    store.move_session(&one.id, 1, (id("s1"), boot(1)), T0 + 9).unwrap();
    assert_eq!(store.sweep(T0 + 10 + ASSIGNED_MS_MAX).unwrap(), 1);
    let told: Vec<_> =
        store.orders(&id("s1")).unwrap().into_iter().map(|(_, order)| order).collect();
    assert_eq!(told, [Down::Moved { session: one.id, home: 2, reason: None }]);
}

#[test]
fn a_session_that_somebody_ended_does_not_move() {
    let (_folder, store) = store();
    for (number, reason) in
        ["session_ended_visitor", "session_ended_agent", "session_ended_timeout"].iter().enumerate()
    {
        let number = number as u8 + 1;
        let one = session(&number.to_string(), number);
        store.add_session(one.clone()).unwrap();
        store.apply_reports(&id("s1"), boot(1), &[ended(u64::from(number), &one, reason)]).unwrap();
        let moved = store.move_session(&one.id, 1, (id("s2"), boot(1)), T0);
        assert!(matches!(moved, Err(StoreError::Conflict)), "{reason}");
    }
}

#[test]
fn a_lost_sessions_key_goes_to_whoever_asks_first() {
    let (_folder, store) = store();
    let (one, two) = (session("1", 1), Session { server: id("s2"), ..session("1", 2) });
    store.add_session(one.clone()).unwrap();
    store.server_booted(&id("s1"), boot(2), T0).unwrap();
    assert_eq!(by_key(&store, "1").unwrap().id, one.id, "still found, as one that may move");
    store.add_session(two.clone()).unwrap();
    let late = store.move_session(&one.id, 1, (id("s2"), boot(1)), T0);
    assert!(matches!(late, Err(StoreError::KeyInUse)), "{late:?}");
    assert_eq!(by_key(&store, "1").unwrap().id, two.id);
}

#[test]
fn an_unused_assignment_expires_and_a_late_report_revives_it_if_its_key_is_free() {
    let (_folder, store) = store();
    let (one, two) = (session("1", 1), session("2", 2));
    store.add_session(one.clone()).unwrap();
    store.add_session(two.clone()).unwrap();
    assert_eq!(store.sweep(T0 + ASSIGNED_MS_MAX).unwrap(), 0);
    assert_eq!(store.sweep(T0 + ASSIGNED_MS_MAX + 1).unwrap(), 2);
    assert_eq!(reason(&store, &one).as_deref(), Some(NEVER_STARTED));
    assert!(by_key(&store, "1").is_none());
    store.add_session(session("2", 3)).unwrap();
    store.apply_reports(&id("s1"), boot(1), &[started(1, &one), started(2, &two)]).unwrap();
    assert_eq!(by_key(&store, "1").unwrap().state, State::Live);
    assert_eq!(reason(&store, &two).as_deref(), Some(NEVER_STARTED), "its key is another's now");
}

#[test]
fn a_home_that_begins_after_the_session_has_left_it_is_told_so_whatever_became_of_the_newer_one() {
    let (_folder, store) = store();
    let s1 = id("s1");
    let (assigned, lost, live) = (session("1", 1), session("2", 2), session("3", 3));
    for one in [&assigned, &lost, &live] {
        store.add_session(one.clone()).unwrap();
    }
    store.move_session(&lost.id, 1, (id("s2"), boot(1)), T0).unwrap();
    store.server_booted(&id("s2"), boot(2), T0).unwrap();
    for one in [&assigned, &live] {
        store.move_session(&one.id, 1, (id("s2"), boot(2)), T0).unwrap();
    }
    let began = Report { event: ReportEvent::SessionStarted { home: 2 }, ..started(1, &live) };
    store.apply_reports(&id("s2"), boot(2), &[began]).unwrap();
    store.orders_taken(&s1, u64::MAX).unwrap();
    let late = [started(1, &assigned), started(2, &lost), started(3, &live)];
    store.apply_reports(&s1, boot(1), &late).unwrap();
    let told: Vec<_> = store.orders(&s1).unwrap().into_iter().map(|(_, order)| order).collect();
    let moved = |session: &Session| Down::Moved { session: session.id, home: 2, reason: None };
    assert_eq!(told, [moved(&assigned), moved(&lost), moved(&live)]);
    assert!(store.orders(&id("s2")).unwrap().is_empty());
}

/// Behind a partition, or since its visitor never heard of the newer home.
#[test]
fn what_people_end_at_a_home_that_the_session_has_left_is_over_everywhere_and_an_absence_is_not() {
    let (_folder, store) = store();
    let (s1, s2) = (id("s1"), id("s2"));
    let (assigned, live, lost) = (session("1", 1), session("2", 2), session("3", 3));
    for (at, one) in [&assigned, &live, &lost].into_iter().enumerate() {
        store.add_session(one.clone()).unwrap();
        store.apply_reports(&s1, boot(1), &[started(1 + at as u64, one)]).unwrap();
        store.move_session(&one.id, 1, (s2, boot(1)), T0).unwrap();
    }
    assert_eq!(store.sweep(T0 + ASSIGNED_MS_MAX + 1).unwrap(), 3);
    for one in [&assigned, &live] {
        store.move_session(&one.id, 2, (s2, boot(1)), T0).unwrap();
    }
    let began = Report { event: ReportEvent::SessionStarted { home: 3 }, ..started(1, &live) };
    store.apply_reports(&s2, boot(1), &[began]).unwrap();
    store.orders_taken(&s1, u64::MAX).unwrap();

    let before = [&assigned, &live, &lost].map(|one| state(&store, one));
    let absences: Vec<_> = [&assigned, &live, &lost]
        .into_iter()
        .zip(4..)
        .map(|(one, seq)| ended(seq, one, "session_ended_timeout"))
        .collect();
    store.apply_reports(&s1, boot(1), &absences).unwrap();
    assert_eq!([&assigned, &live, &lost].map(|one| state(&store, one)), before);
    let wanted = ["session_ended_visitor", "session_ended_agent", "session_ended_agent"];
    for (seq, (one, name)) in (7..).zip([&assigned, &live, &lost].into_iter().zip(wanted)) {
        store.apply_reports(&s1, boot(1), &[ended(seq, one, name)]).unwrap();
        assert_eq!(reason(&store, one).as_deref(), Some(name));
        assert!(by_key(&store, one.id.key.as_str()).is_none(), "its key is free");
        let home = store.session(&one.id).unwrap().unwrap().home;
        let again = store.move_session(&one.id, home, (s2, boot(1)), T0);
        assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
        let told = store.orders(&s2).unwrap().pop().map(|(_, order)| order);
        let reason = Some(name.to_owned());
        assert_eq!(told, Some(Down::Moved { session: one.id, home: home + 1, reason }));
    }
}

#[test]
fn a_home_that_begins_after_its_people_have_ended_the_session_is_told_how() {
    let (_folder, store) = store();
    let (one, s2) = (session("1", 1), id("s2"));
    store.add_session(one.clone()).unwrap();
    store.apply_reports(&id("s1"), boot(1), &[started(1, &one)]).unwrap();
    let moved = store.move_session(&one.id, 1, (s2, boot(1)), T0).unwrap();
    store.apply_reports(&id("s1"), boot(1), &[ended(2, &one, "session_ended_visitor")]).unwrap();
    store.orders_taken(&s2, u64::MAX).unwrap();
    store.apply_reports(&s2, boot(1), &[started(1, &moved)]).unwrap();
    let told: Vec<_> = store.orders(&s2).unwrap().into_iter().map(|(_, order)| order).collect();
    let reason = Some("session_ended_visitor".to_owned());
    assert_eq!(told, [Down::Moved { session: one.id, home: 3, reason: reason.clone() }]);
    assert_eq!(self::reason(&store, &one), reason);
}

/// A visitor was given another home, never heard of it and began at the first after all, and asks for a third.
#[test]
fn a_session_whose_start_nobody_reported_goes_on_with_its_secret_unless_its_key_is_anothers() {
    let (_folder, store) = store();
    let (one, two) = (session("1", 1), session("2", 2));
    for session in [&one, &two] {
        store.add_session(session.clone()).unwrap();
        store.move_session(&session.id, 1, (id("s2"), boot(1)), T0).unwrap();
    }
    store.apply_reports(&id("s1"), boot(1), &[started(1, &one)]).unwrap();
    assert_eq!(store.sweep(T0 + ASSIGNED_MS_MAX + 1).unwrap(), 2);
    assert_eq!(reason(&store, &one).as_deref(), Some(NEVER_STARTED));
    store.add_session(session("2", 3)).unwrap();
    let third = (id("s1"), boot(1));
    let moved = store.move_session(&one.id, 2, third, T0 + ASSIGNED_MS_MAX + 2).unwrap();
    assert_eq!((moved.home, &moved.state), (3, &State::Assigned));
    assert_eq!(by_key(&store, "1").unwrap().id, one.id);
    let late = store.move_session(&two.id, 2, third, T0 + ASSIGNED_MS_MAX + 2);
    assert!(matches!(late, Err(StoreError::KeyInUse)), "{late:?}");
}

#[test]
fn what_has_ended_is_forgotten_after_its_time_with_all_that_belongs_to_it() {
    let (_folder, store) = store();
    let (one, two) = (session("1", 1), session("2", 2));
    store.add_session(one.clone()).unwrap();
    store.add_session(two.clone()).unwrap();
    let join = JoinId::from_bytes([1; 8]);
    let privileges = Privileges::VIEW;
    let joined = ReportEvent::AgentJoined { join, agent: AgentId::from_bytes([3; 16]), privileges };
    let reports = [
        started(1, &one),
        report(2, &one, joined),
        report(3, &one, ReportEvent::AgentLeft { join }),
        ended(4, &one, "draining"),
        started(5, &two),
    ];
    store.apply_reports(&id("s1"), boot(1), &reports).unwrap();
    assert_eq!(store.sweep(T0 + 4 + ENDED_KEEP_MS).unwrap(), 0);
    assert!(by_key(&store, "1").is_some());
    assert_eq!(store.sweep(T0 + 5 + ENDED_KEEP_MS).unwrap(), 1);
    assert!(store.session(&one.id).unwrap().is_none());
    assert!(by_key(&store, "1").is_none());
    assert_eq!(state(&store, &two), State::Live, "a live session is never forgotten");
}

#[test]
fn logins_expire_idle_or_old_and_end_with_access() {
    let (_folder, store) = store();
    let agent = store.agent("ada").unwrap().unwrap().id;
    let token = |byte| Secret::new([byte; 32]).hash();
    let login = |created_ms, seen_ms| Login { agent, created_ms, seen_ms };
    let now_ms = T0 + LOGIN_LIFE_MS;
    store.add_login(&token(1), login(T0, now_ms), None).unwrap();
    store
        .add_login(&token(2), login(now_ms - LOGIN_IDLE_MS, now_ms - LOGIN_IDLE_MS), None)
        .unwrap();
    store.add_login(&token(3), login(now_ms, now_ms), None).unwrap();
    assert_eq!(store.sweep(now_ms).unwrap(), 2);
    assert!(store.login(&token(3)).unwrap().is_some());
    store.revoke("ada", &demo()).unwrap();
    assert!(store.login(&token(3)).unwrap().is_none());
}

#[test]
fn losing_access_orders_every_server_to_cut_and_the_order_waits_until_it_is_taken() {
    let (_folder, store) = store();
    let ada = store.agent("ada").unwrap().unwrap().id;
    let cut = Down::Revoke { group: demo(), agent: ada };
    let orders = |name: &str| -> Vec<Down> {
        store.orders(&id(name)).unwrap().into_iter().map(|(_, order)| order).collect()
    };
    store.grant("ada", &demo(), "lead").unwrap();
    assert!(orders("s1").is_empty(), "more privileges cut nothing");
    store.grant("ada", &demo(), "viewer").unwrap();
    assert_eq!((orders("s1"), orders("s2")), (vec![cut.clone()], vec![cut.clone()]));
    store
        .change_group(&demo(), &|group| {
            group.roles.insert("viewer".into(), Privileges::VIEW);
            Ok(())
        })
        .unwrap();
    assert_eq!(orders("s1").len(), 2, "a role that shrinks cuts as well");
    let (first, _) = store.orders(&id("s1")).unwrap()[0];
    store.orders_taken(&id("s1"), first).unwrap();
    assert_eq!((orders("s1").len(), orders("s2").len()), (1, 2));
    store.revoke("ada", &demo()).unwrap();
    store.remove_group(&demo()).unwrap();
    assert_eq!(orders("s1"), [cut.clone(), cut, Down::GroupRemoved { group: demo() }]);
    store.server_booted(&id("s1"), boot(2), T0).unwrap();
    assert!(orders("s1").is_empty(), "a new start has no joins to cut");
    assert_eq!(orders("s2").len(), 4);
}

#[test]
fn a_group_made_again_goes_on_counting_its_revisions() {
    let (_folder, store) = store();
    let changed = store.change_group(&demo(), &|_| Ok(())).unwrap();
    assert_eq!(changed.settings.revision, 2);
    store.remove_group(&demo()).unwrap();
    assert!(store.agent("ada").unwrap().unwrap().groups.is_empty());
    let again = store.add_group(Group::new(demo(), GroupSettings::default())).unwrap();
    assert_eq!(again.settings.revision, 3);
}

#[test]
fn settings_with_faults_change_nothing() {
    let (_folder, store) = store();
    let changed = store.change_group(&demo(), &|group| {
        group.settings.grace_ms = 1;
        Ok(())
    });
    assert!(matches!(changed, Err(StoreError::Invalid(_))), "{changed:?}");
    let huge = store.change_group(&demo(), &|group| {
        group.settings.visitor.masks = vec!["x".repeat(512); 256];
        Ok(())
    });
    assert!(matches!(huge, Err(StoreError::Invalid(_))), "it would not fit a control record");
    assert_eq!(store.group(&demo()).unwrap().unwrap().settings.revision, 1);
}

#[test]
fn origins_are_known_while_a_group_lists_them() {
    let (_folder, store) = store();
    let list = |origins: &[&str]| {
        let origins: Vec<_> = origins.iter().map(|origin| (*origin).to_owned()).collect();
        let change = |group: &mut Group| {
            group.settings.origins.clone_from(&origins);
            Ok(())
        };
        store.change_group(&demo(), &change).unwrap();
    };
    let knows = |origin| store.knows_origin(origin).unwrap();
    list(&["https://a.example"]);
    assert!(
        knows("https://a.example") && !knows("https://a.exampl") && !knows("https://b.example")
    );
    list(&["https://b.example", "https://c.example"]);
    assert!(!knows("https://a.example") && knows("https://b.example"));
    store.remove_group(&demo()).unwrap();
    assert!(!knows("https://b.example"));
}

#[test]
fn a_removed_server_loses_its_sessions() {
    let (_folder, store) = store();
    let one = session("1", 1);
    store.add_session(one.clone()).unwrap();
    store.remove_server(&id("s1"), T0).unwrap();
    assert_eq!(reason(&store, &one).as_deref(), Some(LOST));
    assert!(store.server(&id("s1")).unwrap().is_none());
}
