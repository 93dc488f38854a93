//! The control machine by itself: what it tells which replica, and when.

use super::*;
use protocol::secret::Secret;

fn page(number: u8, text: &str) -> Here {
    Here {
        presence: SessionNumber::from_bytes([number; 16]),
        group: "demo".parse().unwrap(),
        visitor: "crm-77".parse().unwrap(),
        page: text.into(),
    }
}

/// What the next beat tells a stream: pages that are there, and how many have gone.
fn told(control: &mut Control, to: LinkId) -> (Vec<Here>, usize) {
    let effects = control.tick(0, || panic!("no load is due"));
    let (mut all, mut left) = (Vec::new(), 0);
    for effect in effects {
        let Effect::Send(link, text) = effect else { continue };
        assert!(text.len() <= protocol::limits::CONTROL_RECORD_BYTES_MAX);
        if let (true, Some(Up::Presence { here, gone })) =
            (link == to, Up::from_json(&text).unwrap())
        {
            all.extend(here);
            left += gone.len();
        }
    }
    all.sort_by_key(|here| *here.presence.as_bytes());
    (all, left)
}

#[test]
fn presence_is_told_in_batches_once_and_wholly_to_a_new_stream() {
    let mut control = Control::default();
    hello(&mut control, ONE, "w1");
    control.load_due_ms = u64::MAX;
    // Control characters are six times as long in JSON.
    for number in 1..=100 {
        control.presence(PresenceNews::Here(page(number, &"\u{1}".repeat(1_000))));
    }
    assert_eq!(told(&mut control, ONE).0.len(), 100);
    assert_eq!(told(&mut control, ONE), (Vec::new(), 0), "told once");
    control.presence(PresenceNews::Here(page(1, "new")));
    control.presence(PresenceNews::Gone(SessionNumber::from_bytes([2; 16])));
    assert_eq!(told(&mut control, ONE), (vec![page(1, "new")], 1));
    hello(&mut control, TWO, "w2");
    control.load_due_ms = u64::MAX;
    assert_eq!(told(&mut control, TWO).0.len(), 99);
    let offer = Down::Offer { presence: SessionNumber::from_bytes([1; 16]), offer: "x".into() };
    let effects = control.record(0, TWO, &offer.to_json());
    assert!(matches!(&effects[..], [Effect::Offer(_, text)] if text == "x"));
}

const ONE: LinkId = LinkId(1);
const TWO: LinkId = LinkId(2);

fn hello(control: &mut Control, link: LinkId, replica: &str) -> Vec<Effect> {
    hello_around(control, link, replica, false)
}

fn hello_around(
    control: &mut Control,
    link: LinkId,
    replica: &str,
    surrounds: bool,
) -> Vec<Effect> {
    let shared = crate::shard::testing::shared(1);
    control.open(0, 0, link, &shared.identity, 1);
    let public_url = Some(format!("https://{replica}.example"));
    let replica = replica.parse().unwrap();
    let record = Down::Hello { replica, now_ms: 0, public_url, surrounds };
    control.record(0, link, &record.to_json())
}

fn session() -> SessionId {
    "demo:1:000102030405060708090a0b0c0d0e0f".parse().unwrap()
}

fn seqs(effects: &[Effect], to: LinkId) -> Vec<u64> {
    let sent = effects.iter().filter_map(|effect| match effect {
        Effect::Send(link, text) if *link == to => Up::from_json(text).unwrap(),
        _ => None,
    });
    sent.filter_map(|up| if let Up::Report(report) = up { Some(report.seq) } else { None })
        .collect()
}

#[test]
fn a_report_is_sent_until_it_is_stored_and_to_every_replica() {
    let mut control = Control::default();
    hello(&mut control, ONE, "w1");
    hello(&mut control, TWO, "w2");
    let started = ReportEvent::SessionStarted { home: 1 };
    control.report(5, session(), &started);
    assert_eq!(due(&mut control, 0), [(ONE, vec![1]), (TWO, vec![1])]);
    assert_eq!(due(&mut control, 0), [], "sent once");
    control.record(0, TWO, &Down::Ack { seq: 1 }.to_json());
    control.gone(ONE);
    control.gone(TWO);
    control.report(6, session(), &started);
    assert_eq!(due(&mut control, 0), [], "nobody is there");
    let three = LinkId(3);
    assert_eq!(seqs(&hello(&mut control, three, "w1"), three), [1, 2]);
    assert_eq!(seqs(&hello(&mut control, TWO, "w2"), TWO), [2]);
}

/// Numbers of the reports that leave now, by stream.
fn due(control: &mut Control, now_ms: u64) -> Vec<(LinkId, Vec<u64>)> {
    let number = |record: &String| match Up::from_json(record).unwrap() {
        Some(Up::Report(report)) => report.seq,
        other => panic!("no report: {other:?}"),
    };
    let due = control.due_reports(now_ms).into_iter();
    due.map(|(link, records)| (link, records.iter().map(number).collect())).collect()
}

#[test]
fn a_lone_report_is_due_at_once_and_those_of_a_storm_together() {
    let mut control = Control::default();
    hello(&mut control, ONE, "w1");
    assert_eq!(control.reports_due_ms(), None, "nothing has happened");
    let started = ReportEvent::SessionStarted { home: 1 };
    let now_ms = 1_000;
    control.report(0, session(), &started);
    assert!(control.reports_due_ms().unwrap() <= now_ms);
    assert_eq!(due(&mut control, now_ms), [(ONE, vec![1])]);
    assert_eq!(control.reports_due_ms(), None);
    control.report(0, session(), &started);
    control.report(0, session(), &started);
    assert_eq!(control.reports_due_ms(), Some(now_ms + REPORTS_GATHER_MS));
    assert_eq!(due(&mut control, now_ms + REPORTS_GATHER_MS), [(ONE, vec![2, 3])]);
}

#[test]
fn a_newer_stream_of_a_replica_replaces_the_older() {
    let mut control = Control::default();
    hello(&mut control, ONE, "w1");
    let effects = hello(&mut control, TWO, "w1");
    assert!(matches!(effects[0], Effect::Close(ONE, CloseCode::Superseded)));
    assert_eq!(control.connected(), 1);
}

#[test]
fn a_key_is_taken_before_it_is_acknowledged() {
    let mut control = Control::default();
    hello(&mut control, ONE, "w1");
    let key = TicketKey::new(Secret::new([3; 32]));
    let record = Down::Key {
        key_id: KeyId::from_bytes([1; 8]),
        secret: protocol::control::KeyText::new(&key),
        not_before_ms: 0,
        expires_ms: 9,
    };
    let effects = control.record(0, ONE, &record.to_json());
    let Effect::Key { key: taken, web_tier, .. } = &effects[0] else { panic!("{effects:?}") };
    assert!(taken.same_as(&key));
    assert_eq!(web_tier.as_deref(), Some("https://w1.example"), "whose tickets these are");
    assert!(matches!(&effects[1], Effect::Send(ONE, text) if text.contains("key_ack")));
}

#[test]
fn nothing_is_taken_before_hello_nor_from_a_broken_record() {
    let mut control = Control::default();
    let shared = crate::shard::testing::shared(1);
    control.open(0, 0, ONE, &shared.identity, 1);
    let effects = control.record(0, ONE, r#"{"type":"drain","deadline_ms":1}"#);
    assert!(matches!(effects[1], Effect::Close(ONE, CloseCode::OutOfOrder)));
    let effects = control.record(0, ONE, "{");
    assert!(matches!(effects[1], Effect::Close(ONE, CloseCode::BadFrame)));
    assert!(control.record(0, ONE, r#"{"type":"later"}"#).is_empty());
}

#[test]
fn a_silent_stream_is_pinged_then_ended_and_load_goes_out_in_between() {
    let mut control = Control::default();
    hello(&mut control, ONE, "w1");
    let load = || LoadFigures { sessions: 1, agents: 2, connections: 3, accepting: true };
    let first = control.tick(1, load);
    assert!(matches!(&first[..], [Effect::Send(ONE, text)] if text.contains(r#""agents":2"#)));
    let later = control.tick(CONTROL_PING_MS, load);
    assert!(later.iter().any(|effect| matches!(effect, Effect::Ping(ONE))));
    control.heard(CONTROL_PING_MS + 1, ONE);
    assert!(!control.tick(CONTROL_SILENCE_MS, load).iter().any(|e| matches!(e, Effect::Close(..))));
    let end = control.tick(CONTROL_PING_MS + 1 + CONTROL_SILENCE_MS, load);
    assert!(end.iter().any(|effect| matches!(effect, Effect::Close(ONE, CloseCode::TooSlow))));
}

#[test]
fn the_outbox_is_bounded() {
    let mut control = Control::default();
    hello(&mut control, ONE, "w1");
    control.gone(ONE);
    let event = ReportEvent::SessionStarted { home: 1 };
    for _ in 0..REPORTS_MAX + 10 {
        control.report(0, session(), &event);
    }
    assert_eq!(control.replicas[0].outbox.len(), REPORTS_MAX);
    assert_eq!(seqs(&hello(&mut control, TWO, "w1"), TWO).first(), Some(&11));
}

#[test]
fn an_older_home_ends_as_its_people_wanted_and_as_moved_for_every_other_reason() {
    let mut control = Control::default();
    hello(&mut control, ONE, "w1");
    let session: SessionId = "demo:1:000102030405060708090a0b0c0d0e0f".parse().unwrap();
    for (name, code) in [
        (Some("session_ended_visitor"), CloseCode::SessionEndedVisitor),
        (Some("session_ended_agent"), CloseCode::SessionEndedAgent),
        (Some("session_ended_timeout"), CloseCode::Moved),
        (Some("revoked"), CloseCode::Moved),
        (Some("of a later version"), CloseCode::Moved),
        (None, CloseCode::Moved),
    ] {
        let record = Down::Moved { session, home: 2, reason: name.map(str::to_owned) };
        let effects = control.record(0, ONE, &record.to_json());
        let [Effect::Moved(of, 2, told)] = effects[..] else { panic!("{effects:?}") };
        assert_eq!((of, told), (session, code), "{name:?}");
    }
    let before = r#"{"type":"moved","session":"demo:1:000102030405060708090a0b0c0d0e0f","home":2}"#;
    let effects = control.record(0, ONE, before);
    assert!(
        matches!(effects[..], [Effect::Moved(of, 2, CloseCode::Moved)] if of == session),
        "as it was once written: {effects:?}"
    );
}

#[test]
fn who_stands_around_views_is_told_when_it_changes_and_until_the_web_tier_says_otherwise() {
    let mut control = Control::default();
    let told = |effects: Vec<Effect>| -> Option<Vec<String>> {
        effects.into_iter().find_map(|effect| match effect {
            Effect::Surrounding(origins) => {
                Some(origins.iter().map(|origin| origin.to_string()).collect())
            }
            _ => None,
        })
    };
    assert_eq!(told(hello(&mut control, ONE, "w1")), None, "nobody does");
    let around = told(hello_around(&mut control, TWO, "w2", true));
    assert_eq!(around, Some(vec!["https://w2.example".to_owned()]));
    control.gone(TWO);
    assert_eq!(told(hello_around(&mut control, TWO, "w2", true)), None, "it was among them");
    assert_eq!(told(hello(&mut control, TWO, "w2")), Some(Vec::new()));
}
