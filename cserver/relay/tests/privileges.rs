//! Every kind of frame, under every set of privileges, with every payload: what an agent may do is decided by the header alone.
//!
//! The table below says what becomes of each kind; one that is not in it fails. Payloads are those of every kind, good and bad, so that
//! a frame whose payload looks like another kind's is tried for all of them.

use bytes::Bytes;
use cobrowse_relay::{
    Bounds, Event, FRAME_WIRE_BYTES_MAX, JoinSpec, LinkId, Relay, SessionRef, SessionSpec,
};
use protocol::limits::AGENT_PAYLOAD_BYTES_MAX;
use protocol::secret::Secret;
use protocol::{AgentId, CloseCode, Flags, Header, JoinId, Kind, Privileges};
use serde_json::Value;

/// What becomes of an agent's frame of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// With this privilege the visitor gets it, as it is; without, the connection ends with `not_allowed`.
    Passed(&'static str),
    /// With this privilege the session ends.
    Ends(&'static str),
    /// With this privilege it is taken, and the visitor hears nothing of it.
    Taken(&'static str),
    /// It is not an agent's: the connection ends with `unknown_kind`, whatever the privileges.
    Foreign,
}

const TABLE: &[(Kind, Fate)] = &[
    (Kind::Keyframe, Fate::Foreign),
    (Kind::Diff, Fate::Foreign),
    (Kind::Ephemeral, Fate::Foreign),
    (Kind::Facts, Fate::Foreign),
    (Kind::Bye, Fate::Foreign),
    (Kind::Leaving, Fate::Foreign),
    (Kind::Presence, Fate::Foreign),
    (Kind::Pointer, Fate::Passed("point")),
    (Kind::Draw, Fate::Passed("draw")),
    (Kind::Scroll, Fate::Passed("scroll")),
    (Kind::Click, Fate::Passed("click")),
    (Kind::Type, Fate::Passed("type")),
    (Kind::Navigate, Fate::Passed("navigate")),
    (Kind::Control, Fate::Passed("control")),
    (Kind::End, Fate::Ends("end")),
    (Kind::Resync, Fate::Taken("view")),
    (Kind::Welcome, Fate::Foreign),
    (Kind::KeyframeRequest, Fate::Foreign),
    (Kind::Participants, Fate::Foreign),
    (Kind::Offer, Fate::Foreign),
    (Kind::Joined, Fate::Foreign),
    (Kind::VisitorState, Fate::Foreign),
    (Kind::Skipped, Fate::Foreign),
];

#[test]
fn every_kind_has_a_row() {
    let rows: Vec<Kind> = TABLE.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(rows, Kind::ALL, "a kind without a row: say what agents may do with it");
}

#[test]
fn every_kind_under_every_set_of_privileges_with_every_payload_does_what_the_table_says() {
    let payloads = payloads();
    let (mut tried, mut passed) = (0, 0);
    for privileges in (0..1 << Privileges::ALL.len()).filter_map(Privileges::from_bits) {
        if !privileges.contains(Privileges::VIEW) {
            assert_eq!(Bench::joined(privileges).err(), Some(CloseCode::NotAllowed));
            continue;
        }
        let mut bench = Bench::joined(privileges).unwrap();
        for (kind, fate) in TABLE {
            for payload in &payloads {
                let seen = bench.say(*kind, payload);
                let expected = expected(*kind, *fate, privileges, payload);
                assert_eq!(seen, expected, "{kind:?} under {privileges:?} with {payload:?}");
                passed += usize::from(matches!(seen, Seen::Passed(..)));
                if matches!(seen, Seen::Ended(_)) {
                    bench = Bench::joined(privileges).unwrap();
                }
                tried += 1;
            }
        }
    }
    let sets = 1 << (Privileges::ALL.len() - 1);
    assert_eq!(tried, sets * TABLE.len() * payloads.len());
    assert!(passed > 0 && passed < tried, "{passed} of {tried}");
}

/// What came of a frame.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// The visitor got one frame: its kind, its source, its payload.
    Passed(Kind, u16, Bytes),
    /// The agent's connection ended.
    Closed(CloseCode),
    /// The session ended.
    Ended(CloseCode),
    Nothing,
}

fn expected(kind: Kind, fate: Fate, privileges: Privileges, payload: &Bytes) -> Seen {
    // Longer than the kind may be is no frame, whoever sends it.
    if payload.len() > kind.payload_bytes_max() {
        return Seen::Closed(CloseCode::TooLong);
    }
    let has = |name: &str| privileges.names().any(|held| held == name);
    match fate {
        Fate::Foreign => Seen::Closed(CloseCode::UnknownKind),
        Fate::Passed(name) | Fate::Ends(name) | Fate::Taken(name) if !has(name) => {
            Seen::Closed(CloseCode::NotAllowed)
        }
        Fate::Passed(_) => Seen::Passed(kind, 1, payload.clone()),
        Fate::Ends(_) => Seen::Ended(CloseCode::SessionEndedAgent),
        Fate::Taken(_) => Seen::Nothing,
    }
}

/// Nothing, what commands look like, the longest, one more, and bytes that look like a frame.
fn payloads() -> Vec<Bytes> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../protocol/vectors/commands.json");
    let rows: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut all = vec![Bytes::new()];
    for row in rows.as_array().unwrap() {
        let text = |from: &str| row[from][0].as_str().unwrap().to_owned();
        all.extend([text("good"), text("bad")].map(Bytes::from));
    }
    all.push(vec![b' '; AGENT_PAYLOAD_BYTES_MAX].into());
    all.push(vec![b' '; AGENT_PAYLOAD_BYTES_MAX + 1].into());
    let inner = Header { kind: Kind::Click, flags: Flags::NONE, source: 7, epoch: 1, sequence: 1 };
    all.push(inner.encode().to_vec().into());
    all.sort();
    all.dedup();
    all
}

/// A session with a visitor and one agent, who comes back after each end of its connection.
struct Bench {
    relay: Relay,
    session: SessionRef,
    link: u64,
    now: u64,
}

const VISITOR: LinkId = LinkId(1);

impl Bench {
    fn joined(privileges: Privileges) -> Result<Self, CloseCode> {
        let mut relay = Relay::new(Bounds::default());
        let session = relay.open_session(
            0,
            SessionSpec {
                id: "demo:1:000102030405060708090a0b0c0d0e0f".parse().unwrap(),
                home: 1,
                resume: Secret::new([1; 32]).hash(),
                grace_ms: 30_000,
                welcome_settings: "{}".into(),
            },
        )?;
        relay.attach_visitor(0, session, VISITOR)?;
        let agent = AgentId::from_bytes([3; 16]);
        let spec = JoinSpec { join: join(), agent, name: "Ada".into(), privileges };
        relay.join(0, session, spec)?;
        let mut bench = Self { relay, session, link: 1, now: 0 };
        bench.connect();
        Ok(bench)
    }

    fn connect(&mut self) {
        self.link += 1;
        self.relay.attach_agent(self.now, self.session, join(), LinkId(self.link)).unwrap();
        self.settle();
    }

    fn say(&mut self, kind: Kind, payload: &Bytes) -> Seen {
        // Slow enough that nobody floods.
        self.now += 1_000;
        let header = Header { kind, flags: Flags::NONE, source: 9, epoch: 0, sequence: 0 };
        let frame = [&header.encode()[..], payload].concat();
        self.relay.handle_frame(self.now, LinkId(self.link), frame.into());
        let (told, ends) = self.settle();
        let told: Vec<Bytes> = told.into_iter().filter(is_of_agent).collect();
        match (&told[..], &ends[..]) {
            ([], []) => Seen::Nothing,
            ([frame], []) => {
                let header = Header::decode(frame).unwrap();
                Seen::Passed(header.kind, header.source, frame.slice(12..))
            }
            ([], [.., Event::SessionEnded { reason, .. }]) => Seen::Ended(*reason),
            ([], [Event::Close { link, code }]) if *link == LinkId(self.link) => {
                let code = *code;
                self.connect();
                Seen::Closed(code)
            }
            _ => panic!("{kind:?} came to the visitor as {told:?}, and {ends:?}"),
        }
    }

    /// What the visitor is sent, and what happens to connections and sessions.
    fn settle(&mut self) -> (Vec<Bytes>, Vec<Event>) {
        let mut told = Vec::new();
        while let Some(link) = self.relay.poll_dirty() {
            while let Some(frame) = self.relay.next_frame(self.now, link, FRAME_WIRE_BYTES_MAX) {
                if link == VISITOR {
                    told.push(frame.body().clone());
                }
            }
        }
        let events = std::iter::from_fn(|| self.relay.poll_event());
        (told, events.filter(|event| !matches!(event, Event::AgentActed { .. })).collect())
    }
}

fn join() -> JoinId {
    JoinId::from_bytes([2; 8])
}

/// Not the relay's own words to the visitor.
fn is_of_agent(frame: &Bytes) -> bool {
    let kind = Header::decode(frame).unwrap().kind;
    !matches!(kind, Kind::Welcome | Kind::Participants | Kind::KeyframeRequest)
}
