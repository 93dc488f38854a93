//! What the relay promises, one sentence a test, on a session with a visitor and agents. Everything at once, in
//! every order, is the simulation's business.

use bytes::Bytes;
use protocol::secret::Secret;
use protocol::{AgentId, CloseCode, Flags, Header, JoinId, Kind, Privileges};

use crate::{
    Bounds, Event, FRAME_WIRE_BYTES_MAX, JoinSpec, LinkId, Relay, SessionRef, SessionSpec,
};

const VISITOR: LinkId = LinkId(1 << 32 | 1);
const ADA: LinkId = LinkId(1 << 32 | 2);
const BOB: LinkId = LinkId(1 << 32 | 3);

/// A relay with one session.
struct Bench {
    relay: Relay,
    session: SessionRef,
    now: u64,
}

impl Bench {
    fn new(bounds: Bounds) -> Self {
        let mut relay = Relay::new(bounds);
        let session = relay.open_session(0, spec(1)).unwrap();
        relay.attach_visitor(0, session, VISITOR).unwrap();
        let mut bench = Self { relay, session, now: 0 };
        bench.drain(VISITOR);
        bench.events();
        bench
    }

    fn send(
        &mut self,
        link: LinkId,
        kind: Kind,
        flags: Flags,
        epoch: u32,
        sequence: u32,
        len: usize,
    ) {
        let header = Header { kind, flags, source: 9, epoch, sequence };
        let frame = [&header.encode()[..], &vec![0; len]].concat();
        self.relay.handle_frame(self.now, link, frame.into());
    }

    /// A whole epoch whose keyframe has `len` bytes.
    fn epoch(&mut self, epoch: u32, flags: Flags, len: usize) {
        self.send(VISITOR, Kind::Facts, flags, epoch, 0, 0);
        self.send(VISITOR, Kind::Keyframe, Flags::FIRST | Flags::LAST, epoch, 1, len);
    }

    fn diff(&mut self, epoch: u32, sequence: u32, len: usize) {
        self.send(VISITOR, Kind::Diff, Flags::NONE, epoch, sequence, len);
    }

    fn agent(&mut self, number: u8, link: LinkId, privileges: Privileges) {
        let join = JoinId::from_bytes([number; 8]);
        let agent = AgentId::from_bytes([number; 16]);
        let spec = JoinSpec { join, agent, name: "Ada".into(), privileges };
        self.relay.join(self.now, self.session, spec).unwrap();
        self.relay.attach_agent(self.now, self.session, join, link).unwrap();
    }

    fn drain(&mut self, link: LinkId) -> Vec<Bytes> {
        while self.relay.poll_dirty().is_some() {}
        let next = || self.relay.next_frame(self.now, link, FRAME_WIRE_BYTES_MAX);
        std::iter::from_fn(next).map(|frame| frame.body().clone()).collect()
    }

    /// What a link is sent, as `kind epoch.sequence`, without the relay's own frames about people.
    fn told(&mut self, link: LinkId) -> Vec<String> {
        let name = |body: &Bytes| {
            let header = Header::decode(body).unwrap();
            match header.kind {
                Kind::Joined | Kind::Participants | Kind::VisitorState => None,
                Kind::Skipped | Kind::KeyframeRequest => Some(header.kind.name().to_owned()),
                kind => Some(format!("{} {}.{}", kind.name(), header.epoch, header.sequence)),
            }
        };
        self.drain(link).iter().filter_map(name).collect()
    }

    fn payloads(&mut self, link: LinkId, kind: Kind) -> Vec<String> {
        let of_kind = |body: &Bytes| Header::decode(body).unwrap().kind == kind;
        let text = |body: Bytes| String::from_utf8(body[12..].to_vec()).unwrap();
        self.drain(link).into_iter().filter(of_kind).map(text).collect()
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.relay.poll_event()).collect()
    }

    fn closes(&mut self) -> Vec<(LinkId, CloseCode)> {
        let closes = |event| match event {
            Event::Close { link, code } => Some((link, code)),
            _ => None,
        };
        self.events().into_iter().filter_map(closes).collect()
    }

    fn at(&mut self, now: u64) -> &mut Self {
        self.now = now;
        self.relay.handle_time(now);
        self
    }
}

fn spec(number: u8) -> SessionSpec {
    SessionSpec {
        id: format!("demo:{number}:{number:032x}").parse().unwrap(),
        home: 1,
        resume: Secret::new([number; 32]).hash(),
        grace_ms: 30_000,
        welcome_settings: r##"{"masks":["#card"]}"##.into(),
    }
}

fn all() -> Privileges {
    Privileges::from_bits(0x1ff).unwrap()
}

#[test]
fn every_agent_is_sent_the_same_bytes_in_memory() {
    let mut bench = Bench::new(Bounds::default());
    bench.agent(1, ADA, all());
    bench.agent(2, BOB, all());
    bench.epoch(1, Flags::NONE, 100);
    let (ada, bob) = (bench.drain(ADA), bench.drain(BOB));
    assert_eq!(ada.last(), bob.last());
    assert_eq!(ada.last().unwrap().as_ptr(), bob.last().unwrap().as_ptr());
}

#[test]
fn a_visitor_who_comes_back_is_told_the_last_epoch_and_the_newest_settings() {
    let mut bench = Bench::new(Bounds::default());
    bench.epoch(4, Flags::NONE, 10);
    bench.relay.handle_gone(0, VISITOR);
    bench.relay.update_settings(1, "demo".parse().unwrap(), "{}".into(), 9000);
    bench.relay.attach_visitor(5, bench.session, BOB).unwrap();
    let told = bench.payloads(BOB, Kind::Welcome);
    let id = format!("demo:1:{:032x}", 1);
    assert_eq!(
        told,
        [format!(
            r#"{{"session":"{id}","home":1,"last_epoch":4,"settings":{{}},"grace_ms":9000}}"#
        )]
    );
}

#[test]
fn a_connected_visitor_is_told_of_changed_settings_at_once_and_only_of_changed_ones() {
    let mut bench = Bench::new(Bounds::default());
    bench.epoch(3, Flags::NONE, 10);
    bench.drain(VISITOR);
    let group = "demo".parse().unwrap();
    bench.relay.update_settings(5, group, r##"{"masks":["#card"]}"##.into(), 30_000);
    assert!(bench.payloads(VISITOR, Kind::Welcome).is_empty());
    bench.relay.update_settings(6, group, r##"{"masks":["#all"]}"##.into(), 30_000);
    let told = bench.payloads(VISITOR, Kind::Welcome);
    assert_eq!(told.len(), 1);
    assert!(told[0].contains(r##""last_epoch":3,"settings":{"masks":["#all"]}"##), "{told:?}");
    bench.relay.update_settings(7, group, "not JSON".into(), 30_000);
    assert_eq!(bench.closes(), [(VISITOR, CloseCode::Internal)]);
}

#[test]
fn a_joiner_may_replay_more_than_it_may_later_lag() {
    let bounds = Bounds { agent_lag_bytes_max: 1000, ..Bounds::default() };
    let mut bench = Bench::new(bounds);
    bench.epoch(1, Flags::NONE, 50_000);
    for sequence in 2..50 {
        bench.diff(1, sequence, 200);
    }
    bench.agent(1, ADA, all());
    bench.diff(1, 50, 900);
    let told = bench.told(ADA);
    assert_eq!((told.len(), told.last().unwrap().as_str()), (51, "diff 1.50"));
}

#[test]
fn an_agent_that_falls_behind_skips_to_the_next_epoch_and_asks_for_one() {
    let bounds = Bounds { agent_lag_bytes_max: 1000, ..Bounds::default() };
    let mut bench = Bench::new(bounds);
    bench.agent(1, ADA, all());
    bench.epoch(1, Flags::NONE, 10);
    assert_eq!(bench.told(ADA), ["facts 1.0", "keyframe 1.1"]);
    for sequence in 2..8 {
        bench.diff(1, sequence, 200);
    }
    assert_eq!(bench.told(VISITOR), ["keyframe_request"]);
    assert_eq!(bench.told(ADA), ["skipped"]);
    bench.diff(1, 8, 10);
    bench.epoch(2, Flags::NONE, 10);
    assert_eq!(bench.told(ADA), ["facts 2.0", "keyframe 2.1"]);
    assert_eq!(bench.relay.stats().skips, 1);
}

#[test]
fn a_purge_forgets_everything_before_it_at_once() {
    let mut bench = Bench::new(Bounds::default());
    bench.epoch(1, Flags::NONE, 10);
    bench.agent(1, ADA, all());
    bench.diff(1, 2, 10);
    bench.send(VISITOR, Kind::Ephemeral, Flags(3), 1, 2, 10);
    bench.send(VISITOR, Kind::Facts, Flags::PURGE, 2, 0, 0);
    assert_eq!(bench.told(ADA), ["skipped", "facts 2.0"]);
    bench.agent(2, BOB, all());
    assert_eq!(bench.told(BOB), ["facts 2.0"], "a joiner has nothing older either");
}

#[test]
fn of_an_ephemeral_slot_only_the_newest_is_sent_and_only_to_who_caught_up() {
    let mut bench = Bench::new(Bounds::default());
    bench.agent(1, ADA, all());
    bench.epoch(1, Flags::NONE, 10);
    for slot in [0, 1, 0] {
        bench.send(VISITOR, Kind::Ephemeral, Flags(slot), 1, 1, 10);
    }
    let expected = ["facts 1.0", "keyframe 1.1", "ephemeral 1.1", "ephemeral 1.1"];
    assert_eq!(bench.told(ADA), expected);
    assert_eq!(bench.relay.stats().ephemerals_superseded, 1);
}

#[test]
fn a_broken_rule_costs_the_visitor_its_connection_and_not_its_session() {
    for (kind, flags, epoch, sequence, code) in [
        (Kind::Diff, Flags::NONE, 1, 3, CloseCode::OutOfOrder),
        (Kind::Diff, Flags::PURGE, 1, 2, CloseCode::BadFrame),
        (Kind::Pointer, Flags::NONE, 1, 2, CloseCode::UnknownKind),
    ] {
        let mut bench = Bench::new(Bounds::default());
        bench.epoch(1, Flags::NONE, 10);
        bench.send(VISITOR, kind, flags, epoch, sequence, 0);
        assert_eq!(bench.closes(), [(VISITOR, code)]);
        bench.relay.attach_visitor(1, bench.session, VISITOR).unwrap();
        bench.epoch(2, Flags::NONE, 10);
        assert_eq!(bench.closes(), []);
    }
}

#[test]
fn a_newer_connection_supersedes_the_older_on_both_sides() {
    let mut bench = Bench::new(Bounds::default());
    bench.agent(1, ADA, all());
    let tab = LinkId(7);
    bench.relay.attach_visitor(1, bench.session, tab).unwrap();
    assert_eq!(bench.closes(), [(VISITOR, CloseCode::Superseded)]);
    bench.relay.attach_agent(1, bench.session, JoinId::from_bytes([1; 8]), BOB).unwrap();
    assert_eq!(bench.closes(), [(ADA, CloseCode::Superseded)]);
    bench.send(VISITOR, Kind::Bye, Flags::NONE, 0, 0, 0);
    assert_eq!(bench.events(), [], "what the older one still says counts for nothing");
}

#[test]
fn an_agents_frame_carries_its_number_whatever_it_claimed() {
    let mut bench = Bench::new(Bounds::default());
    bench.agent(1, ADA, all());
    bench.agent(2, BOB, all());
    bench.drain(VISITOR);
    bench.send(BOB, Kind::Click, Flags::NONE, 1, 1, 5);
    let frames = bench.drain(VISITOR);
    let header = Header::decode(&frames[0]).unwrap();
    assert_eq!((header.kind, header.source), (Kind::Click, 2));
}

#[test]
fn each_kind_needs_its_privilege() {
    let agents = Kind::ALL.into_iter().filter(|kind| kind.needs().is_some());
    for kind in agents.filter(|kind| *kind != Kind::Resync) {
        let without: u16 = 0x1ff & !kind.needs().unwrap().bits();
        let mut bench = Bench::new(Bounds::default());
        bench.agent(1, ADA, Privileges::from_bits(without).unwrap());
        bench.events();
        bench.drain(VISITOR);
        bench.send(ADA, kind, Flags::NONE, 1, 1, 0);
        assert_eq!(bench.closes(), [(ADA, CloseCode::NotAllowed)], "{kind:?}");
        assert_eq!(bench.told(VISITOR), Vec::<String>::new(), "{kind:?}");
    }
}

#[test]
fn a_flooding_agent_is_cut_off_and_a_new_connection_gives_it_nothing() {
    let mut bench = Bench::new(Bounds { agent_frames_per_s_max: 10, ..Bounds::default() });
    bench.agent(1, ADA, all());
    bench.events();
    for _ in 0..21 {
        bench.send(ADA, Kind::Pointer, Flags::NONE, 1, 1, 0);
    }
    assert_eq!(bench.closes(), [(ADA, CloseCode::Flooding)]);
    bench.relay.attach_agent(0, bench.session, JoinId::from_bytes([1; 8]), BOB).unwrap();
    bench.send(BOB, Kind::Pointer, Flags::NONE, 1, 1, 0);
    assert_eq!(bench.closes(), [(BOB, CloseCode::Flooding)]);
}

#[test]
fn requests_keep_their_interval_and_a_later_wish_is_not_lost() {
    let mut bench = Bench::new(Bounds::default());
    bench.epoch(1, Flags::NONE, 10);
    bench.agent(1, ADA, all());
    bench.agent(2, BOB, all());
    bench.send(ADA, Kind::Resync, Flags::NONE, 1, 1, 0);
    assert_eq!(bench.told(VISITOR), ["keyframe_request"]);
    bench.epoch(2, Flags::NONE, 10);
    bench.send(BOB, Kind::Resync, Flags::NONE, 1, 1, 0);
    assert_eq!(bench.at(1999).told(VISITOR), Vec::<String>::new());
    assert_eq!(bench.relay.next_deadline(), Some(2000));
    assert_eq!(bench.at(2000).told(VISITOR), ["keyframe_request"]);
    assert_eq!(bench.relay.stats().keyframe_requests_delayed, 1);
}

#[test]
fn a_visitor_that_lost_a_request_is_asked_again_for_who_still_waits() {
    let mut bench = Bench::new(Bounds::default());
    bench.epoch(1, Flags::NONE, 10);
    bench.agent(1, ADA, all());
    bench.send(ADA, Kind::Resync, Flags::NONE, 1, 1, 0);
    assert_eq!(bench.told(VISITOR), ["keyframe_request"]);
    assert_eq!(bench.at(10_000).told(VISITOR), ["keyframe_request"]);
    bench.epoch(2, Flags::NONE, 10);
    assert_eq!(bench.at(20_000).told(VISITOR), Vec::<String>::new());
}

#[test]
fn a_core_without_budget_lets_requests_wait_in_line() {
    let mut bench = Bench::new(Bounds { resync_bytes_per_s: 1000, ..Bounds::default() });
    let other = bench.relay.open_session(0, spec(2)).unwrap();
    let second = LinkId(8);
    bench.epoch(1, Flags::NONE, 5000);
    bench.agent(1, ADA, all());
    bench.send(ADA, Kind::Resync, Flags::NONE, 1, 1, 0);
    assert_eq!(bench.told(VISITOR), ["keyframe_request"]);
    bench.relay.attach_visitor(0, other, second).unwrap();
    bench.session = other;
    bench.send(second, Kind::Facts, Flags::NONE, 1, 0, 0);
    bench.send(second, Kind::Keyframe, Flags::FIRST | Flags::LAST, 1, 1, 10);
    bench.agent(2, BOB, all());
    bench.drain(second);
    bench.send(BOB, Kind::Resync, Flags::NONE, 1, 1, 0);
    assert_eq!(bench.told(second), Vec::<String>::new());
    let due = bench.relay.next_deadline().unwrap();
    assert_eq!(due, 1, "a request costs one second's budget at most, and all of it was there");
    assert_eq!(bench.at(due).told(second), ["keyframe_request"]);
}

#[test]
fn a_session_waits_for_its_visitor_for_the_grace_period_exactly() {
    let mut bench = Bench::new(Bounds::default());
    bench.agent(1, ADA, all());
    bench.relay.handle_gone(100, VISITOR);
    bench.events();
    assert_eq!(bench.at(30_099).events(), []);
    let events = bench.at(30_100).events();
    let code = CloseCode::SessionEndedTimeout;
    assert_eq!(events.first(), Some(&Event::Close { link: ADA, code }));
    assert!(matches!(events.last(), Some(Event::SessionEnded { reason, .. }) if *reason == code));
    assert_eq!(bench.relay.session_id(bench.session), None);
}

#[test]
fn a_visitor_who_came_back_in_time_is_not_ended_by_the_old_timer() {
    let mut bench = Bench::new(Bounds::default());
    bench.relay.handle_gone(100, VISITOR);
    bench.relay.attach_visitor(20_000, bench.session, BOB).unwrap();
    bench.drain(BOB);
    bench.events();
    assert_eq!(bench.at(40_000).events(), []);
    bench.relay.handle_gone(40_000, BOB);
    assert_eq!(bench.at(69_999).events(), []);
    assert!(!bench.at(70_000).events().is_empty());
}

#[test]
fn a_page_that_leaves_is_leaving_for_a_while_and_then_offline() {
    let mut bench = Bench::new(Bounds::default());
    bench.agent(1, ADA, all());
    bench.drain(ADA);
    bench.send(VISITOR, Kind::Leaving, Flags::NONE, 0, 0, 0);
    bench.relay.handle_gone(10, VISITOR);
    bench.now = 40;
    let leaving = r#"{"visitor":"leaving","since_ms":40}"#;
    assert_eq!(bench.payloads(ADA, Kind::VisitorState), [leaving]);
    let offline = r#"{"visitor":"offline","since_ms":0}"#;
    assert_eq!(bench.at(5010).payloads(ADA, Kind::VisitorState), [offline]);
}

#[test]
fn a_page_that_said_it_was_leaving_and_stays_is_live_again() {
    let mut bench = Bench::new(Bounds::default());
    bench.epoch(1, Flags::NONE, 10);
    bench.agent(1, ADA, all());
    bench.send(VISITOR, Kind::Leaving, Flags::NONE, 1, 1, 0);
    bench.drain(ADA);
    bench.diff(1, 2, 10);
    let live = r#"{"visitor":"live","since_ms":0}"#;
    assert_eq!(bench.payloads(ADA, Kind::VisitorState), [live]);
}

#[test]
fn who_reads_nothing_for_too_long_is_cut_off_and_who_reads_slowly_is_not() {
    let mut bench = Bench::new(Bounds::default());
    bench.agent(1, ADA, all());
    bench.agent(2, BOB, all());
    bench.events();
    bench.drain(VISITOR);
    bench.relay.handle_progress(50_000, BOB);
    assert_eq!(bench.at(60_000).closes(), [(ADA, CloseCode::TooSlow)]);
    bench.drain(VISITOR);
    assert_eq!(bench.at(109_999).closes(), []);
    assert_eq!(bench.at(110_000).closes(), [(BOB, CloseCode::TooSlow)]);
}

#[test]
fn a_dirty_link_comes_once_until_all_it_has_was_taken() {
    let mut bench = Bench::new(Bounds::default());
    bench.agent(1, ADA, all());
    bench.drain(VISITOR);
    bench.epoch(1, Flags::NONE, 10);
    bench.diff(1, 2, 10);
    let mut dirty = || std::iter::from_fn(|| bench.relay.poll_dirty()).collect::<Vec<_>>();
    assert_eq!(dirty(), []);
    bench.diff(1, 3, 10);
    assert_eq!(bench.relay.poll_dirty(), None, "it has not been drained since");
    assert!(bench.relay.next_frame(0, ADA, 10).is_none(), "no room");
    assert!(bench.relay.has_more(ADA));
    bench.drain(ADA);
    assert!(!bench.relay.has_more(ADA));
    bench.diff(1, 4, 10);
    assert_eq!(bench.relay.poll_dirty(), Some(ADA));
}

#[test]
fn an_idle_join_is_forgotten_and_a_connected_one_is_not() {
    let mut bench = Bench::new(Bounds::default());
    bench.agent(1, ADA, all());
    bench.agent(2, BOB, all());
    bench.relay.handle_gone(1000, ADA);
    for link in [VISITOR, BOB] {
        bench.drain(link);
    }
    bench.events();
    assert_eq!(bench.at(600_999).events(), []);
    let session = bench.relay.session_id(bench.session).unwrap();
    let join = JoinId::from_bytes([1; 8]);
    assert_eq!(bench.at(601_000).events(), [Event::AgentLeft { session, join }]);
    assert_eq!(bench.relay.find_join(bench.session, join), None);
}

#[test]
fn revoking_cuts_every_join_of_the_agent_and_nobody_else() {
    let mut bench = Bench::new(Bounds::default());
    bench.agent(1, ADA, all());
    bench.agent(2, BOB, all());
    bench.events();
    bench.relay.revoke(5, "demo".parse().unwrap(), AgentId::from_bytes([1; 16]));
    assert_eq!(bench.closes(), [(ADA, CloseCode::Revoked)]);
    assert_eq!(bench.relay.find_join(bench.session, JoinId::from_bytes([1; 8])), None);
    bench.relay.revoke(5, "other".parse().unwrap(), AgentId::from_bytes([2; 16]));
    assert_eq!(bench.events(), []);
}

#[test]
fn bounds_on_sessions_and_joins_answer_overload() {
    let bounds = Bounds { sessions_max: 1, agents_per_session_max: 1, ..Bounds::default() };
    let mut bench = Bench::new(bounds);
    assert_eq!(bench.relay.open_session(0, spec(2)), Err(CloseCode::Overload));
    assert_eq!(bench.relay.open_session(0, spec(1)), Err(CloseCode::AlreadyLive));
    bench.agent(1, ADA, all());
    let spec = |number, privileges| JoinSpec {
        join: JoinId::from_bytes([number; 8]),
        agent: AgentId::from_bytes([number; 16]),
        name: String::new(),
        privileges,
    };
    assert_eq!(bench.relay.join(0, bench.session, spec(2, all())), Err(CloseCode::Overload));
    let blind = bench.relay.join(0, bench.session, spec(3, Privileges::END));
    assert_eq!(blind, Err(CloseCode::NotAllowed));
}

#[test]
fn settings_that_cannot_be_told_keep_the_visitor_out() {
    let mut bench = Bench::new(Bounds::default());
    bench.relay.update_settings(0, "demo".parse().unwrap(), "not JSON".into(), 9000);
    let refused = bench.relay.attach_visitor(1, bench.session, BOB);
    assert_eq!(refused, Err(CloseCode::Internal));
}

#[test]
fn no_two_bytes_in_front_of_a_frame_make_it_panic() {
    for first in 0..=255u8 {
        for second in [0, 1, 2, 3, 4, 8, 16, 255] {
            for link in [VISITOR, ADA] {
                let mut bench = Bench::new(Bounds::default());
                bench.agent(1, ADA, all());
                for len in [0, 1, 11, 12, 13] {
                    let mut frame = vec![0; len];
                    for (at, byte) in [first, second].into_iter().enumerate().take(len) {
                        frame[at] = byte;
                    }
                    bench.relay.handle_frame(0, link, frame.into());
                }
                assert!(bench.relay.stats().frames_in > 0);
            }
        }
    }
}

#[test]
fn who_acts_is_told_once_a_minute_and_who_points_is_not() {
    let mut bench = Bench::new(Bounds::default());
    bench.agent(1, ADA, all());
    bench.events();
    let (session, join) = (spec(1).id, JoinId::from_bytes([1; 8]));
    let mut told = |at: u64, kind: Kind| {
        bench.at(at).send(ADA, kind, Flags::NONE, 0, 0, 2);
        // Both read what they are sent, or they were closed in the end.
        let _ = (bench.drain(ADA), bench.drain(VISITOR));
        bench.events()
    };
    assert_eq!(told(1_000, Kind::Pointer), []);
    assert_eq!(told(2_000, Kind::Click), [Event::AgentActed { session, join }]);
    for (at, kind) in [(2_001, Kind::Type), (30_000, Kind::Navigate), (61_999, Kind::Click)] {
        assert_eq!(told(at, kind), [], "{kind:?}");
    }
    assert_eq!(told(62_000, Kind::Type), [Event::AgentActed { session, join }]);
}
