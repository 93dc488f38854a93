//! One world: a relay, its visitors and agents, and the clock. Owns a turn.
//!
//! A turn is what the real shard does: time, what came, what the relay found, what is to be sent. What happens in a world
//! is chosen in [`crate::actions`]; whether the relay reports it rightly is checked in [`crate::reports`]; whether it ends well is asked in [`crate::finish`].

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use protocol::secret::Secret;
use protocol::{AgentId, AgentNumber, Header, JoinId, Kind, Privileges, SessionId};
use relay::{Bounds, LinkId, QUEUE_ENTRY_BYTES, Relay, SessionRef, Stats, WireFrame};

use crate::ledger::Ledger;
use crate::page::{Page, encode};
use crate::reports::Expected;
use crate::rng::Rng;
use crate::viewer::{Viewer, json, participants};
use crate::wire::{End, Expect, LITTLE_ROOM_BYTES, ROOM_BYTES, Up, Wire};

/// The relay did something that it must not do; or the simulation expects something wrong.
pub(crate) type Check = Result<(), String>;

/// See the module.
pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) now: u64,
    pub(crate) step: u64,
    pub(crate) bounds: Bounds,
    pub(crate) relay: Relay,
    pub(crate) sessions: Vec<Model>,
    pub(crate) wires: Vec<Option<Wire>>,
    pub(crate) generation: u64,
    pub(crate) expected: Expected,
    pub(crate) counts: BTreeMap<&'static str, u64>,
    /// The world is coming to its end: visitors answer every request, nobody breaks down.
    pub(crate) finishing: bool,
    /// How often settings were changed.
    pub(crate) changes: u64,
}

/// One session as the world knows it.
pub(crate) struct Model {
    pub(crate) id: SessionId,
    /// `None` once it has ended.
    pub(crate) at: Option<SessionRef>,
    pub(crate) secret: Secret,
    pub(crate) grace_ms: u64,
    pub(crate) page: Page,
    pub(crate) ledger: Ledger,
    pub(crate) visitor: Option<usize>,
    pub(crate) gone_since_ms: u64,
    pub(crate) agents: Vec<Agent>,
    /// Agents' frames that the relay must hold for the visitor, and whether each is a pointer.
    pub(crate) queue: VecDeque<(Bytes, bool)>,
    pub(crate) requested_at_ms: Option<u64>,
    pub(crate) participants: Vec<u64>,
}

/// One join.
pub(crate) struct Agent {
    pub(crate) join: JoinId,
    pub(crate) account: AgentId,
    pub(crate) number: AgentNumber,
    pub(crate) privileges: Privileges,
    pub(crate) wire: Option<usize>,
    pub(crate) idle_since_ms: u64,
    pub(crate) left: bool,
    pub(crate) was_connected: bool,
    pub(crate) viewer: Viewer,
    /// It sends no faster than half of what is allowed, except on purpose.
    pub(crate) next_send_ms: u64,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let bounds = small_bounds(&mut rng);
        Self {
            now: rng.below(100_000),
            rng,
            step: 0,
            bounds,
            relay: Relay::new(bounds),
            sessions: Vec::new(),
            wires: Vec::new(),
            generation: 0,
            expected: Expected::default(),
            counts: BTreeMap::new(),
            finishing: false,
            changes: 0,
        }
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// `dt` milliseconds pass, and everything that becomes due happens.
    pub(crate) fn turn(&mut self, dt: u64) -> Check {
        self.now += dt;
        if self.relay.next_deadline().is_some_and(|due| due <= self.now) {
            self.relay.handle_time(self.now);
            self.settle()?;
            if self.relay.next_deadline().is_some_and(|due| due <= self.now) {
                return Err("a deadline stays due after time was handled".into());
            }
        }
        self.check_time()?;
        for at in 0..self.wires.len() {
            while let Some(up) = self.due_up(at) {
                self.feed(at, up)?;
            }
        }
        self.flush()?;
        for at in 0..self.wires.len() {
            self.socket(at)?;
            while let Some(body) = self.due_down(at) {
                self.deliver(at, &body)?;
            }
        }
        self.check_bounds()
    }

    fn due_up(&mut self, at: usize) -> Option<Up> {
        let wire = self.wires[at].as_mut()?;
        if wire.up.front()?.0 > self.now { None } else { wire.up.pop_front().map(|(_, up)| up) }
    }

    fn due_down(&mut self, at: usize) -> Option<Bytes> {
        let wire = self.wires[at].as_mut()?;
        if wire.down.front()?.0 > self.now { None } else { wire.down.pop_front().map(|(_, b)| b) }
    }

    pub(crate) fn wire_of(&self, link: LinkId) -> Option<usize> {
        let at = (link.0 & 0xffff_ffff) as usize;
        self.wires.get(at)?.as_ref().filter(|wire| wire.link == link).map(|_| at)
    }

    // -- into the relay

    /// A frame reaches the relay.
    pub(crate) fn feed(&mut self, at: usize, up: Up) -> Check {
        let Some(wire) = &self.wires[at] else { return Ok(()) };
        let (link, session, end) = (wire.link, wire.session, wire.end);
        match up.expect {
            Expect::Accepted => {}
            Expect::Close(code) => {
                self.expected.closes.insert(link, code);
            }
            Expect::End(code) => {
                self.expected.ends.insert(session, code);
            }
        }
        let before = self.relay.stats();
        self.relay.handle_frame(self.now, link, up.body.clone());
        let after = self.relay.stats();
        if up.expect == Expect::Accepted {
            match end {
                End::Visitor => self.sessions[session].ledger.accept(&up.body),
                End::Agent(agent) => self.accepted(session, agent, &up.body, &before, &after)?,
            }
        }
        self.settle()
    }

    /// What an agent's frame must have done to the visitor's queue.
    fn accepted(
        &mut self,
        session: usize,
        agent: usize,
        body: &Bytes,
        before: &Stats,
        after: &Stats,
    ) -> Check {
        let model = &mut self.sessions[session];
        let header = Header::decode(body).map_err(|code| format!("accepted a {code:?}"))?;
        if header.kind == Kind::Resync {
            return Ok(());
        }
        let source = model.agents[agent].number.0;
        let body = encode(Header { source, ..header }, &body[12..]);
        let room = self.bounds.visitor_queue_bytes_max.saturating_sub(cost(&body));
        let mut held: usize = model.queue.iter().map(|(body, _)| cost(body)).sum();
        for _ in before.pointers_dropped..after.pointers_dropped {
            let oldest = model.queue.iter().position(|(_, pointer)| *pointer);
            let oldest = oldest.ok_or("a pointer was dropped that was not queued")?;
            if held <= room {
                return Err("a pointer was dropped although there was room".into());
            }
            held -= model.queue.remove(oldest).map_or(0, |(body, _)| cost(&body));
        }
        if after.agent_frames_dropped > before.agent_frames_dropped {
            let pointers = model.queue.iter().any(|(_, pointer)| *pointer);
            if model.visitor.is_some() && (held <= room || pointers) {
                return Err("an agent's frame was dropped although there was room".into());
            }
        } else if model.visitor.is_none() {
            return Err("an agent's frame was queued for nobody".into());
        } else {
            model.queue.push_back((body, header.kind == Kind::Pointer));
            if held > room {
                return Err("the visitor's queue passed its bound".into());
            }
        }
        Ok(())
    }

    // -- out of the relay

    /// Fetches what every connection has to be sent, as at the end of each turn of the shard.
    pub(crate) fn flush(&mut self) -> Check {
        while let Some(link) = self.relay.poll_dirty() {
            let at = self.wire_of(link).ok_or("a closed link has something to send")?;
            if let Some(wire) = &mut self.wires[at] {
                wire.unsent_since_ms.get_or_insert(self.now);
            }
            self.fill(at)?;
        }
        Ok(())
    }

    /// What the shard does with a connection that has something to send.
    fn fill(&mut self, at: usize) -> Check {
        let Some(wire) = &mut self.wires[at] else { return Ok(()) };
        if !wire.sealed.is_empty() {
            wire.refill = true;
            return Ok(());
        }
        let (link, mut room) = (wire.link, wire.room);
        let mut sealed = Vec::new();
        while let Some(frame) = self.relay.next_frame(self.now, link, room) {
            room = room.checked_sub(frame.wire_len()).ok_or("a frame that does not fit")?;
            self.check_out(at, &frame)?;
            sealed.push(frame);
        }
        let more = self.relay.has_more(link);
        if more && room >= LITTLE_ROOM_BYTES {
            return Err("there is more to send and room for it, but it does not come".into());
        }
        if let Some(wire) = &mut self.wires[at] {
            wire.sealed = sealed;
            wire.refill = more;
            if !more {
                wire.unsent_since_ms = None;
            }
        }
        Ok(())
    }

    /// The socket takes what it can, if it can.
    fn socket(&mut self, at: usize) -> Check {
        for _ in 0..3 {
            let Some(wire) = &mut self.wires[at] else { return Ok(()) };
            if self.now < wire.blocked_until_ms {
                return Ok(());
            }
            wire.room = if wire.pace_ms > 0 { LITTLE_ROOM_BYTES } else { ROOM_BYTES };
            wire.blocked_until_ms = self.now + wire.pace_ms;
            if !wire.sealed.is_empty() {
                wire.take_sealed(self.now);
                wire.unsent_since_ms = wire.unsent_since_ms.map(|_| self.now);
                self.relay.handle_progress(self.now, wire.link);
            } else if !wire.refill {
                return Ok(());
            }
            if std::mem::take(&mut wire.refill) {
                self.fill(at)?;
            }
        }
        Ok(())
    }

    /// A frame leaves the relay.
    fn check_out(&mut self, at: usize, frame: &WireFrame) -> Check {
        let Some(wire) = &mut self.wires[at] else { return Ok(()) };
        let model = &mut self.sessions[wire.session];
        let body = frame.body();
        let rest = WireFrame::new(body.clone());
        if rest.prefix() != frame.prefix() {
            return Err("a prefix that does not fit its body".into());
        }
        if let End::Agent(_) = wire.end {
            return model.ledger.check(&mut wire.watch, body, self.bounds.agent_lag_bytes_max);
        }
        let header = Header::decode(body).map_err(|code| format!("handed out a {code:?}"))?;
        let isnt_due = header.kind == Kind::Welcome && !wire.welcome_is_due;
        if isnt_due || (header.kind != Kind::Welcome && !wire.welcomed) {
            return Err(format!(
                "{} where welcome comes first, and once for each change of the settings",
                header.kind.name()
            ));
        }
        match header.kind {
            Kind::Welcome => (wire.welcomed, wire.welcome_is_due) = (true, false),
            Kind::Participants => {}
            Kind::KeyframeRequest => {
                let interval_ms = self.bounds.keyframe_request_interval_ms;
                let before = model.requested_at_ms.replace(self.now);
                if before.is_some_and(|before| self.now - before < interval_ms) {
                    return Err("two keyframe requests within the interval".into());
                }
            }
            // Kind, source and payload are all in the comparison; who may not send it is not in the queue.
            _ => match model.queue.pop_front() {
                Some((expected, _)) if expected == *body => {}
                _ => {
                    return Err("the visitor got a frame that is not the next from an agent".into());
                }
            },
        }
        Ok(())
    }

    // -- at the peers

    fn deliver(&mut self, at: usize, body: &Bytes) -> Check {
        let pause_ms = self.send_pause_ms();
        let Some(wire) = &mut self.wires[at] else { return Ok(()) };
        let model = &mut self.sessions[wire.session];
        match wire.end {
            End::Visitor => {
                let header = Header::decode(body).map_err(|code| code.to_string())?;
                match header.kind {
                    Kind::Welcome => {
                        let last = json(&body[12..])?["last_epoch"].as_u64().unwrap_or(0);
                        let purge = self.rng.chance(10);
                        Self::begin(&mut self.rng, self.now, wire, model, last as u32, purge);
                    }
                    Kind::KeyframeRequest if model.page.speaks => {
                        let answers = self.finishing || self.rng.chance(85);
                        if answers {
                            Self::begin(&mut self.rng, self.now, wire, model, 0, false);
                        }
                    }
                    Kind::Participants => model.participants = participants(&body[12..])?,
                    _ => {}
                }
            }
            End::Agent(agent) => {
                let viewer = &mut model.agents[agent].viewer;
                viewer.take(body)?;
                let quiet = self.finishing || model.agents[agent].next_send_ms > self.now;
                let viewer = &mut model.agents[agent].viewer;
                if viewer.hash.is_some() && !quiet && self.rng.chance(1) {
                    viewer.break_down();
                    *self.counts.entry("breakdowns").or_default() += 1;
                    let (epoch, sequence) = (viewer.epoch, viewer.sequence);
                    let resync = Header {
                        kind: Kind::Resync,
                        flags: protocol::Flags::NONE,
                        source: 0,
                        epoch,
                        sequence,
                    };
                    wire.send(self.now, 0, encode(resync, b""), Expect::Accepted);
                    model.agents[agent].next_send_ms = self.now + pause_ms;
                }
            }
        }
        Ok(())
    }

    pub(crate) fn send_pause_ms(&self) -> u64 {
        2000 / u64::from(self.bounds.agent_frames_per_s_max)
    }

    /// The page begins an epoch. Its frames arrive one by one.
    pub(crate) fn begin(
        rng: &mut Rng,
        now: u64,
        wire: &mut Wire,
        model: &mut Model,
        last_epoch: u32,
        purge: bool,
    ) {
        for body in model.page.begin(rng, last_epoch, purge) {
            let jitter_ms = if rng.chance(30) { rng.below(300) } else { 0 };
            wire.send(now, jitter_ms, body, Expect::Accepted);
        }
    }
}

fn cost(body: &Bytes) -> usize {
    WireFrame::new(body.clone()).wire_len() + QUEUE_ENTRY_BYTES
}

/// So small that every bound is reached often.
fn small_bounds(rng: &mut Rng) -> Bounds {
    Bounds {
        agent_lag_bytes_max: rng.between(300, 1500),
        log_diff_bytes_soft: rng.between(600, 2500),
        log_bytes_max: rng.between(3000, 12_000) as usize,
        keyframe_bytes_max: 700,
        keyframe_request_interval_ms: rng.between(500, 2000),
        keyframe_retry_ms: 3000,
        agent_stall_ms: 4000,
        agent_frames_per_s_max: 20,
        visitor_queue_bytes_max: 600,
        agents_per_session_max: 5,
        sessions_max: 3,
        resync_bytes_per_s: rng.between(60, 1500),
        join_idle_ms: 15_000,
        leaving_ms: 1500,
    }
}
