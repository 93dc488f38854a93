//! The relay under a script of frames, connections and time: what agents are shown is what the visitor sent, in order; what the
//! visitor is shown its agents were allowed to send; and no bound is passed.
//!
//! The bounds are so small that each is reached all the time. `relay-sim` proves more about well-behaved peers; here the frames are anything.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use protocol::frame::Sender;
use protocol::secret::Secret;
use protocol::{AgentId, Flags, Header, JoinId, Kind, Privileges};
use relay::{
    Bounds, Event, FRAME_WIRE_BYTES_MAX, JoinSpec, LinkId, Relay, SessionRef, SessionSpec,
};

use super::{Outcome, Target};
use crate::limits::MEMORY_PER_BYTE_MAX;

pub(crate) const TARGET: Target =
    Target { name: "relay", run, seeds, words: WORDS, memory_per_byte_max: MEMORY_PER_BYTE_MAX };

/// The input is a script: an operation, then what it needs.
fn run(input: &[u8]) -> Outcome {
    let mut script = Script(input);
    let mut world = World::new();
    for _ in 0..OPERATIONS_MAX {
        if world.act(&mut script).is_none() || world.session.is_none() {
            break;
        }
        world.settle();
    }
    world.settle();
    Outcome::of(world.shown > 0)
}

/// What is left of the input.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn bytes(&mut self, len: usize) -> Option<&[u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }
}

struct World {
    relay: Relay,
    now: u64,
    session: Option<SessionRef>,
    visitor: Option<LinkId>,
    welcomed: bool,
    agents: Vec<Agent>,
    links: u64,
    /// Where a visitor that keeps the rules would go on.
    epoch: u32,
    sequence: u32,
    begun: bool,
    /// Reliable frames that were taken.
    sent: BTreeMap<(u32, u32), Bytes>,
    purged_below: u32,
    /// Links that have something to send, until all of it was taken.
    dirty: BTreeSet<LinkId>,
    shown: u64,
}

struct Agent {
    join: JoinId,
    number: u16,
    privileges: Privileges,
    link: Option<LinkId>,
    joined: bool,
    /// The newest reliable frame on this connection; none after frames were left out.
    seen: Option<(u32, u32)>,
    gone: bool,
}

impl World {
    fn new() -> Self {
        let mut relay = Relay::new(BOUNDS);
        let spec = SessionSpec {
            id: super::session(),
            home: 1,
            resume: Secret::new([1; 32]).hash(),
            grace_ms: 5_000,
            welcome_settings: "{}".into(),
        };
        let Ok(session) = relay.open_session(0, spec) else {
            panic!("the first session is refused")
        };
        let mut world = Self {
            relay,
            now: 0,
            session: Some(session),
            visitor: None,
            welcomed: false,
            agents: Vec::new(),
            links: 0,
            epoch: 0,
            sequence: 0,
            begun: false,
            sent: BTreeMap::new(),
            purged_below: 0,
            dirty: BTreeSet::new(),
            shown: 0,
        };
        world.connect_visitor();
        world.join(Privileges::ALL.iter().fold(Privileges::NONE, |all, (_, one)| all | *one));
        world
    }

    /// One operation; `None` at the end of the script.
    fn act(&mut self, script: &mut Script<'_>) -> Option<()> {
        match script.byte()? % 12 {
            0 => {
                let len = usize::from(script.byte()?);
                let frame = Bytes::copy_from_slice(script.bytes(len)?);
                self.visitor_sends(frame);
            }
            1 => {
                let (who, len) = (script.byte()?, usize::from(script.byte()?));
                let frame = Bytes::copy_from_slice(script.bytes(len)?);
                self.agent_sends(who, frame);
            }
            2 | 3 => {
                let (kind, fill) = (script.byte()?, script.byte()?);
                self.visitor_goes_on(kind, fill);
            }
            4 => {
                let (who, kind, fill) = (script.byte()?, script.byte()?, script.byte()?);
                let kind = Kind::ALL[usize::from(kind) % Kind::ALL.len()];
                let fill = if kind.payload_bytes_max() == 0 { 0 } else { fill };
                self.agent_sends(who, frame(kind, Flags::NONE, (self.epoch, self.sequence), fill));
            }
            5 => match self.visitor.take() {
                Some(link) => self.relay.handle_gone(self.now, link),
                None => self.connect_visitor(),
            },
            6 => self.connect_visitor(),
            7 => self.join(Privileges::from_bits(u16::from(script.byte()?)).unwrap_or_default()),
            8 => {
                let who = script.byte()?;
                if let Some(agent) = self.agent(who) {
                    let join = agent.join;
                    self.connect_agent(join);
                }
            }
            9 => {
                let who = script.byte()?;
                if let Some(link) = self.agent(who).and_then(|agent| agent.link.take()) {
                    self.relay.handle_gone(self.now, link);
                }
            }
            10 => {
                let room = usize::from(script.byte()?) * 16;
                self.take(room);
            }
            _ => {
                self.now += u64::from(script.byte()?) * 20;
                self.relay.handle_time(self.now);
            }
        }
        Some(())
    }

    /// A name for a new connection: the lowest index that is free, as a server would give it.
    fn link(&mut self) -> LinkId {
        let live: Vec<LinkId> =
            self.agents.iter().filter_map(|agent| agent.link).chain(self.visitor).collect();
        let free = |at: &u64| live.iter().all(|link| link.0 & 0xffff_ffff != *at);
        let index = (0..).find(free).unwrap_or_default();
        self.links += 1;
        LinkId(self.links << 32 | index)
    }

    fn agent(&mut self, who: u8) -> Option<&mut Agent> {
        let mut live: Vec<&mut Agent> =
            self.agents.iter_mut().filter(|agent| !agent.gone).collect();
        (!live.is_empty()).then(|| live.swap_remove(usize::from(who) % live.len()))
    }

    fn connect_visitor(&mut self) {
        let (Some(session), link) = (self.session, self.link()) else { return };
        let attached = self.relay.attach_visitor(self.now, session, link);
        assert_eq!(attached, Ok(()), "a live session refuses its visitor");
        // The older connection is closed by an event that comes.
        (self.visitor, self.welcomed) = (Some(link), false);
    }

    fn join(&mut self, privileges: Privileges) {
        let Some(session) = self.session else { return };
        let join = JoinId::from_bytes((self.agents.len() as u64 + 1).to_be_bytes());
        let spec =
            JoinSpec { join, agent: AgentId::from_bytes([3; 16]), name: "Ada".into(), privileges };
        let joined = self.relay.join(self.now, session, spec);
        assert!(joined.is_err() || privileges.contains(Privileges::VIEW), "let in without view");
        let Ok(number) = joined else { return };
        self.agents.push(Agent {
            join,
            number: number.0,
            privileges,
            link: None,
            joined: false,
            seen: None,
            gone: false,
        });
        self.connect_agent(join);
    }

    fn connect_agent(&mut self, join: JoinId) {
        let (Some(session), link) = (self.session, self.link()) else { return };
        let attached = self.relay.attach_agent(self.now, session, join, link);
        assert_eq!(attached, Ok(()), "a join that is not over is refused");
        let Some(agent) = self.agents.iter_mut().find(|agent| agent.join == join) else { return };
        (agent.link, agent.joined, agent.seen) = (Some(link), false, None);
    }

    fn agent_sends(&mut self, who: u8, frame: Bytes) {
        let Some(agent) = self.agent(who) else { return };
        let (Some(link), privileges) = (agent.link, agent.privileges) else { return };
        self.relay.handle_frame(self.now, link, frame.clone());
        self.settle();
        let allowed = Header::decode(&frame).is_ok_and(|header| privileges.allows(header.kind));
        let open = self.agents.iter().any(|agent| agent.link == Some(link));
        assert!(allowed || !open, "an agent stays that sent what it may not");
    }

    /// The next frame of a visitor that keeps the rules.
    fn visitor_goes_on(&mut self, kind: u8, fill: u8) {
        let complete = self.sequence >= 2;
        let next = (self.epoch, self.sequence.wrapping_add(1));
        let frame = match (self.begun, self.sequence) {
            (true, 0) => frame(Kind::Keyframe, Flags::FIRST, next, fill),
            (true, 1) => frame(Kind::Keyframe, Flags::LAST, next, fill),
            (true, _) if complete && kind % 8 == 1 => {
                frame(Kind::Facts, Flags::INSECURE, next, fill)
            }
            (true, _) if complete && kind % 8 == 2 => {
                frame(Kind::Ephemeral, Flags(kind >> 4), (self.epoch, self.sequence), fill)
            }
            (true, _) if complete && !kind.is_multiple_of(8) => {
                frame(Kind::Diff, Flags::DEFLATE, next, fill)
            }
            _ => {
                let flags = if kind & 16 == 0 { Flags::NONE } else { Flags::PURGE };
                frame(Kind::Facts, flags, (self.epoch.saturating_add(1), 0), fill)
            }
        };
        self.visitor_sends(frame);
    }

    fn visitor_sends(&mut self, frame: Bytes) {
        let Some(link) = self.visitor else { return };
        self.relay.handle_frame(self.now, link, frame.clone());
        self.settle();
        if self.visitor != Some(link) {
            // Refused, or the end. The next connection begins with an epoch of its own.
            let figures = self.session.and_then(|session| self.relay.figures(session));
            self.epoch = figures.map_or(0, |figures| figures.last_epoch);
            (self.begun, self.sequence) = (false, 0);
            return;
        }
        let Ok(header) = Header::decode(&frame) else { panic!("what is no frame was taken") };
        assert_eq!(header.kind.sender(), Sender::Visitor, "the visitor may not send {header:?}");
        if header.kind.is_reliable() {
            let at = (header.epoch, header.sequence);
            assert!(self.sent.insert(at, frame).is_none(), "{at:?} was taken twice");
            (self.epoch, self.sequence, self.begun) = (at.0, at.1, true);
            if header.flags.contains(Flags::PURGE) {
                self.purged_below = header.epoch;
            }
        }
    }

    /// Takes what is to be sent, in frames of at most `room` bytes.
    fn take(&mut self, room: usize) {
        for link in self.dirty.clone() {
            while let Some(frame) = self.relay.next_frame(self.now, link, room) {
                assert!(frame.wire_len() <= room, "more than there is room for");
                let Ok(header) = Header::decode(frame.body()) else { panic!("we send no frame") };
                self.shown += 1;
                if Some(link) == self.visitor {
                    self.shown_to_visitor(&header);
                } else {
                    self.shown_to_agent(link, &header, frame.body());
                }
            }
            if !self.relay.has_more(link) {
                self.dirty.remove(&link);
            } else {
                assert!(room < FRAME_WIRE_BYTES_MAX, "it has something and does not give it");
            }
        }
    }

    fn shown_to_visitor(&mut self, header: &Header) {
        assert_eq!(header.kind == Kind::Welcome, !self.welcomed, "welcome comes first and once");
        self.welcomed = true;
        if header.kind.sender() == Sender::Agent {
            let from = self.agents.iter().find(|agent| agent.number == header.source);
            let allowed = from.is_some_and(|agent| agent.privileges.allows(header.kind));
            assert!(allowed, "nobody who may has sent {header:?}");
        } else {
            assert_eq!((header.kind.sender(), header.source), (Sender::Server, 0));
        }
    }

    fn shown_to_agent(&mut self, link: LinkId, header: &Header, body: &Bytes) {
        let Some(agent) = self.agents.iter_mut().find(|agent| agent.link == Some(link)) else {
            panic!("a frame for a connection that is over");
        };
        assert_eq!(header.kind == Kind::Joined, !agent.joined, "joined comes first and once");
        agent.joined = true;
        if header.kind == Kind::Skipped {
            agent.seen = None;
        }
        if header.kind.sender() != Sender::Visitor {
            return assert_eq!(
                header.kind.sender(),
                Sender::Server,
                "an agent sees another's frame"
            );
        }
        let at = (header.epoch, header.sequence);
        assert!(header.epoch >= self.purged_below, "{at:?} was purged");
        if header.kind == Kind::Ephemeral {
            let fits = |(epoch, sequence)| epoch == at.0 && sequence >= at.1;
            return assert!(agent.seen.is_some_and(fits), "ephemeral {at:?} at {:?}", agent.seen);
        }
        assert_eq!(self.sent.get(&at), Some(body), "{at:?} is not what the visitor sent");
        let next = match agent.seen {
            Some((epoch, sequence)) => at == (epoch, sequence + 1) || at.0 > epoch && at.1 == 0,
            None => at.1 == 0,
        };
        assert!(next, "{at:?} comes after {:?}", agent.seen);
        agent.seen = Some(at);
    }

    /// Takes events and looks at the bounds.
    fn settle(&mut self) {
        while let Some(event) = self.relay.poll_event() {
            match event {
                Event::Close { link, .. } => {
                    self.dirty.remove(&link);
                    if self.visitor == Some(link) {
                        self.visitor = None;
                    }
                    for agent in self.agents.iter_mut().filter(|agent| agent.link == Some(link)) {
                        agent.link = None;
                    }
                }
                Event::AgentLeft { join, .. } => {
                    for agent in self.agents.iter_mut().filter(|agent| agent.join == join) {
                        agent.gone = true;
                    }
                }
                Event::SessionEnded { .. } => self.session = None,
                _ => {}
            }
        }
        while let Some(link) = self.relay.poll_dirty() {
            assert!(self.dirty.insert(link), "a link comes again before all it has was taken");
        }
        let (stats, Some(session)) = (self.relay.stats(), self.session) else { return };
        let Some(figures) = self.relay.figures(session) else { panic!("the session is not over") };
        assert!(figures.log_bytes <= BOUNDS.log_bytes_max, "{figures:?}");
        assert!(figures.visitor_queue_bytes <= BOUNDS.visitor_queue_bytes_max, "{figures:?}");
        assert!(figures.lag_bytes <= BOUNDS.agent_lag_bytes_max, "{figures:?}");
        assert!(figures.joins <= BOUNDS.agents_per_session_max, "{figures:?}");
        assert_eq!((stats.log_bytes, stats.sessions), (figures.log_bytes as u64, 1));
        let live = self.agents.iter().filter(|agent| agent.link.is_some()).count();
        assert_eq!((stats.agents, figures.agents), (live as u64, live));
    }
}

fn frame(kind: Kind, flags: Flags, (epoch, sequence): (u32, u32), fill: u8) -> Bytes {
    let header = Header { kind, flags, source: 1, epoch, sequence };
    [&header.encode()[..], &vec![fill; usize::from(fill) * 4]].concat().into()
}

/// A page, some changes, agents who join, look and click, a purge, a lost visitor.
fn seeds() -> Vec<Vec<u8>> {
    let go_on = |kind: u8| [2, kind, 20];
    let page = [go_on(0), go_on(0), go_on(0)].concat();
    let purge = [go_on(16), go_on(0), go_on(0)].concat();
    let (diffs, look) = ([go_on(3), go_on(2), go_on(3), go_on(1)].concat(), [10, 255]);
    let click = [4, 0, 6, 9, 4, 0, 14, 0, 4, 1, 9, 1];
    let raw = [&[0, 12][..], &frame(Kind::Leaving, Flags::NONE, (1, 3), 0)].concat();
    let bye = [&[0, 12][..], &frame(Kind::Bye, Flags::NONE, (1, 3), 0)].concat();
    vec![
        [&page[..], &look, &diffs, &look, &click, &look, &bye].concat(),
        [&page[..], &diffs, &[7, 1, 7, 3], &look, &purge, &look, &[5, 11, 50, 5], &page, &look]
            .concat(),
        [&page[..], &diffs.repeat(8), &[11, 255], &look, &raw, &[6], &page, &[9, 0, 8, 0], &look]
            .concat(),
        [&[7, 255][..], &page, &click.repeat(6), &look, &[11, 200, 5, 11, 255, 11, 255]].concat(),
    ]
}

const BOUNDS: Bounds = Bounds {
    agent_lag_bytes_max: 1_024,
    log_diff_bytes_soft: 2_048,
    log_bytes_max: 6_144,
    keyframe_bytes_max: 2_000,
    keyframe_request_interval_ms: 2_000,
    keyframe_retry_ms: 10_000,
    agent_stall_ms: 6_000,
    agent_frames_per_s_max: 5,
    visitor_queue_bytes_max: 512,
    agents_per_session_max: 3,
    sessions_max: 2,
    resync_bytes_per_s: 1_024,
    join_idle_ms: 8_000,
    leaving_ms: 3_000,
};

/// Of one script. Keeps what this target itself remembers of the frames below the bound on memory.
const OPERATIONS_MAX: usize = 512;

const WORDS: &[&[u8]] = &[
    &[2, 0, 20],
    &[2, 3, 20],
    &[2, 2, 5],
    &[2, 16, 1],
    &[2, 3, 255],
    &[2, 3, 200, 2, 3, 200, 2, 3, 200],
    &[4, 0, 14, 0],
    &[4, 1, 9, 1],
    &[4, 0, 8, 200],
    &[5],
    &[6],
    &[7, 255],
    &[7, 1],
    &[8, 0],
    &[9, 0],
    &[10, 255],
    &[10, 4],
    &[11, 255],
    &[11, 100],
    &[0, 12, 2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3],
    &[1, 0, 12, 0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
];
