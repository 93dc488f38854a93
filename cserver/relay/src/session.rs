//! One session: what its visitor sends goes into the log once, and its agents read from there.
//!
//! Owns joining and leaving, the visitor's state, grace, and when a keyframe is asked for. Every method that makes
//! something to send wakes the connection concerned. Fan-out and hand-out stand in [`crate::fanout`].

use std::sync::Arc;

use bytes::Bytes;
use protocol::frame::Sender;
use protocol::secret::SecretHash;
use protocol::{AgentNumber, CloseCode, Header, JoinId, Kind, SessionId};
use slab::Slab;

use crate::agent::{Agent, Place, View};
use crate::percore::Core;
use crate::events::{Event, JoinSpec, SessionRef, SessionSpec};
use crate::frames::{self, VisitorState, WireFrame};
use crate::links::{LinkId, Outlet, Owner};
use crate::log::Log;
use crate::stats::SessionFigures;
use crate::timers::{Timer, UNARMED};
use crate::visitor::{Connected, Order, Step};

/// See the module.
pub(crate) struct Session {
    pub(crate) me: SessionRef,
    pub(crate) id: SessionId,
    pub(crate) home: u32,
    pub(crate) resume: SecretHash,
    grace_ms: u64,
    settings: Arc<str>,

    pub(crate) log: Log,
    log_accounted: usize,
    pub(crate) slots: Vec<EphemeralSlot>,
    slot_version: u64,

    order: Order,
    pub(crate) visitor: Option<Connected>,
    was_connected: bool,
    pub(crate) state: VisitorState,
    pub(crate) state_since_ms: u64,
    pub(crate) state_version: u64,
    /// The visitor's connection is gone since; means nothing while there is one.
    gone_since_ms: u64,

    pub(crate) agents: Slab<Agent>,
    numbers_given: u16,
    pub(crate) participants_version: u64,
    /// The list of that version, once somebody wanted it.
    pub(crate) participants: Option<WireFrame>,

    request: Request,
    armed_ms: u64,
}

/// The newest ephemeral frame of one slot. Versions rise over all slots of a session, so that one number says
/// what an agent has.
pub(crate) struct EphemeralSlot {
    pub(crate) slot: usize,
    pub(crate) version: u64,
    pub(crate) frame: WireFrame,
}

/// Asking the visitor for a keyframe.
#[derive(Default)]
struct Request {
    wanted: bool,
    sent_at_ms: Option<u64>,
    /// No epoch has begun since it was sent.
    unanswered: bool,
    /// Waits for the core's budget.
    in_line: bool,
    /// This wish was counted as one that had to wait.
    delayed: bool,
}

/// The session is to end, for this reason.
pub(crate) type End = Option<CloseCode>;

impl Session {
    pub(crate) fn new(me: SessionRef, spec: SessionSpec, now: u64) -> Self {
        Self {
            me,
            id: spec.id,
            home: spec.home,
            resume: spec.resume,
            grace_ms: spec.grace_ms,
            settings: spec.welcome_settings,
            log: Log::default(),
            log_accounted: 0,
            slots: Vec::new(),
            slot_version: 0,
            order: Order::default(),
            visitor: None,
            was_connected: false,
            state: VisitorState::Offline,
            state_since_ms: now,
            state_version: 1,
            gone_since_ms: now,
            agents: Slab::new(),
            numbers_given: 0,
            participants_version: 1,
            participants: None,
            request: Request::default(),
            armed_ms: UNARMED,
        }
    }

    pub(crate) fn set_settings(&mut self, settings: Arc<str>, grace_ms: u64) {
        (self.settings, self.grace_ms) = (settings, grace_ms);
    }

    // -- the visitor

    pub(crate) fn attach_visitor(
        &mut self,
        core: &mut Core,
        now: u64,
        link: LinkId,
    ) -> Result<(), CloseCode> {
        let last_epoch = self.order.last_epoch();
        let welcome =
            frames::welcome(&self.id, self.home, last_epoch, &self.settings, self.grace_ms)
                .ok_or(CloseCode::Internal)?;
        if let Some(old) = &self.visitor {
            core.stats.supersedes += 1;
            core.close(old.outlet.link, CloseCode::Superseded);
            self.drop_visitor(core, now);
        }
        core.stats.reconnects += u64::from(self.was_connected);
        self.was_connected = true;
        core.links.insert(link, Owner::Visitor(self.me));
        let mut connected = Connected::new(Outlet::new(link, now), welcome);
        connected.outlet.wake(now, &mut core.dirty);
        self.visitor = Some(connected);
        self.set_state(core, now, VisitorState::Live);
        Ok(())
    }

    /// The visitor's connection has gone by itself.
    pub(crate) fn visitor_gone(&mut self, core: &mut Core, now: u64) {
        if let Some(visitor) = &self.visitor {
            core.links.remove(visitor.outlet.link);
        }
        self.drop_visitor(core, now);
        self.gone_since_ms = now;
        // A page that said so is still leaving; for how long, see `deadline_ms`.
        if self.state != VisitorState::Leaving {
            self.set_state(core, now, VisitorState::Offline);
        }
    }

    /// We end the visitor's connection; the session waits for a better one.
    fn close_visitor(&mut self, core: &mut Core, now: u64, code: CloseCode) {
        if let Some(visitor) = &self.visitor {
            core.close(visitor.outlet.link, code);
            self.visitor_gone(core, now);
        }
    }

    fn drop_visitor(&mut self, core: &mut Core, now: u64) {
        self.visitor = None;
        self.order.disconnect();
        let end = self.log.end();
        let Some(from) = self.log.abandon() else { return };
        for key in self.connected_keys() {
            let Some(view) = self.agents[key].view.as_mut() else { continue };
            match view.index() {
                Some(index) if index > from && index < end => {
                    view.skip_to(None, &self.log);
                    core.stats.skips += 1;
                    self.wake_agent(core, now, key);
                }
                Some(index) if index > from => view.place = Place::Waiting,
                _ => {}
            }
        }
    }

    /// One frame of the visitor. An error closes its connection.
    pub(crate) fn visitor_frame(&mut self, core: &mut Core, now: u64, bytes: Bytes) -> End {
        match self.accept_visitor_frame(core, now, bytes) {
            Ok(end) => end,
            Err(code) => {
                core.stats.refusals += 1;
                self.close_visitor(core, now, code);
                None
            }
        }
    }

    fn accept_visitor_frame(
        &mut self,
        core: &mut Core,
        now: u64,
        bytes: Bytes,
    ) -> Result<End, CloseCode> {
        let header = Header::decode(&bytes)?;
        if header.kind.sender() != Sender::Visitor {
            return Err(CloseCode::UnknownKind);
        }
        match header.kind {
            Kind::Bye => return Ok(Some(CloseCode::SessionEndedVisitor)),
            Kind::Leaving => {
                self.set_state(core, now, VisitorState::Leaving);
                return Ok(None);
            }
            _ => {}
        }
        let payload_bytes = bytes.len() - protocol::limits::FRAME_HEADER_BYTES;
        let step = self.order.accept(&header, payload_bytes, core.bounds.keyframe_bytes_max)?;
        // A page that goes on speaking has stayed after all.
        self.set_state(core, now, VisitorState::Live);
        self.record(core, now, step, WireFrame::new(bytes));
        Ok(None)
    }

    /// Puts an accepted frame into the log or a slot and moves the agents that it concerns.
    fn record(&mut self, core: &mut Core, now: u64, step: Step, frame: WireFrame) {
        let soft_bytes = core.bounds.log_diff_bytes_soft;
        match step {
            Step::Begin { purge } => self.begin_epoch(core, purge, frame),
            Step::Chunk { last } => {
                if let Some(below) = self.log.chunk(frame, last, soft_bytes) {
                    self.reseat(core, below);
                }
            }
            Step::Live => self.request.wanted |= self.log.live(frame, soft_bytes),
            Step::Ephemeral { slot } => self.put_ephemeral(core, slot, frame),
        }
        if self.log.held_bytes() > core.bounds.log_bytes_max {
            while self.log.held_bytes() > core.bounds.log_bytes_max {
                self.log.shrink();
            }
            core.stats.log_drops += 1;
            self.request.wanted = true;
            self.reseat(core, self.log.first());
        }
        self.account(core);
        if self.fan_out(core, now) {
            self.request.wanted = true;
        }
        self.try_request(core, now);
    }

    fn begin_epoch(&mut self, core: &mut Core, purge: bool, facts: WireFrame) {
        self.slots.clear();
        // Whoever waits is served by this one.
        (self.request.wanted, self.request.delayed, self.request.unanswered) = (false, false, false);
        if let Some(visitor) = &mut self.visitor {
            visitor.keyframe_request = false;
        }
        core.stats.purges += u64::from(purge);
        let from = self.log.begin(facts, purge);
        for (_, agent) in &mut self.agents {
            let Some(view) = &mut agent.view else { continue };
            match view.index() {
                None => view.seat(Some(from), &self.log),
                Some(index) if index < from && purge => {
                    view.skip_to(Some(from), &self.log);
                    core.stats.skips += 1;
                }
                Some(_) => {}
            }
        }
    }

    /// Frames before `below` are gone: who had not read them continues with the oldest whole epoch, or waits for one.
    fn reseat(&mut self, core: &mut Core, below: u64) {
        for (_, agent) in &mut self.agents {
            if let Some(view) = &mut agent.view
                && view.index().is_some_and(|index| index < below)
            {
                view.skip_to(self.log.start(), &self.log);
                core.stats.skips += 1;
            }
        }
    }

    fn put_ephemeral(&mut self, core: &mut Core, slot: usize, frame: WireFrame) {
        self.slot_version += 1;
        let version = self.slot_version;
        match self.slots.iter_mut().find(|held| held.slot == slot) {
            Some(held) => {
                core.stats.ephemerals_superseded += 1;
                *held = EphemeralSlot { slot, version, frame };
            }
            None => self.slots.push(EphemeralSlot { slot, version, frame }),
        }
    }

    fn set_state(&mut self, core: &mut Core, now: u64, state: VisitorState) {
        if self.state != state {
            self.state = state;
            self.state_since_ms = now;
            self.state_version += 1;
            self.wake_agents(core, now);
        }
    }

    // -- agents

    pub(crate) fn join(
        &mut self,
        core: &mut Core,
        now: u64,
        spec: JoinSpec,
    ) -> Result<AgentNumber, CloseCode> {
        if !spec.privileges.contains(protocol::Privileges::VIEW) {
            return Err(CloseCode::NotAllowed);
        }
        if self.agents.len() >= core.bounds.agents_per_session_max {
            return Err(CloseCode::Overload);
        }
        if self.agent_key(spec.join).is_some() {
            // The caller drew the same 64 random bits twice.
            return Err(CloseCode::Internal);
        }
        // A number is never given twice, or a late frame could be taken for another agent's.
        self.numbers_given = self.numbers_given.checked_add(1).ok_or(CloseCode::Overload)?;
        let number = AgentNumber(self.numbers_given);
        let (join, agent, privileges) = (spec.join, spec.agent, spec.privileges);
        core.stats.joins += 1;
        core.events.push_back(Event::AgentJoined { session: self.id, join, agent, privileges });
        let key = self.agents.insert(Agent::new(spec, number, &core.bounds, now));
        self.arm_agent(core, key);
        Ok(number)
    }

    pub(crate) fn agent_key(&self, join: JoinId) -> Option<usize> {
        self.agents.iter().find(|(_, agent)| agent.join == join).map(|(key, _)| key)
    }

    pub(crate) fn attach_agent(&mut self, core: &mut Core, now: u64, key: usize, link: LinkId) {
        let view = View::new(Outlet::new(link, now), &self.log);
        if view.place == Place::Waiting {
            self.request.wanted = true;
        }
        core.links.insert(link, Owner::Agent(self.me, key));
        match self.agents[key].view.replace(view) {
            Some(old) => {
                core.stats.supersedes += 1;
                core.close(old.outlet.link, CloseCode::Superseded);
            }
            None => {
                core.stats.agents += 1;
                self.participants_changed(core, now);
            }
        }
        self.wake_agent(core, now, key);
        self.try_request(core, now);
    }

    /// The agent's connection has gone by itself.
    pub(crate) fn agent_gone(&mut self, core: &mut Core, now: u64, key: usize) {
        let Some(view) = self.agents[key].view.take() else { return };
        core.links.remove(view.outlet.link);
        core.stats.agents -= 1;
        self.agents[key].idle_since_ms = now;
        self.arm_agent(core, key);
        self.participants_changed(core, now);
    }

    fn close_agent(&mut self, core: &mut Core, now: u64, key: usize, code: CloseCode) {
        if let Some(view) = &self.agents[key].view {
            core.close(view.outlet.link, code);
            self.agent_gone(core, now, key);
        }
    }

    /// Ends every join of an account.
    pub(crate) fn revoke(&mut self, core: &mut Core, now: u64, account: protocol::AgentId) {
        let keys: Vec<usize> = self.agents.iter().map(|(key, _)| key).collect();
        for key in keys {
            if self.agents[key].account == account {
                self.close_agent(core, now, key, CloseCode::Revoked);
                self.forget(core, key);
            }
        }
    }

    fn forget(&mut self, core: &mut Core, key: usize) {
        let agent = self.agents.remove(key);
        core.stats.joins -= 1;
        core.events.push_back(Event::AgentLeft { session: self.id, join: agent.join });
    }

    /// One frame of an agent. An error closes its connection: whoever sends what it may not send, does not run our viewer.
    pub(crate) fn agent_frame(
        &mut self,
        core: &mut Core,
        now: u64,
        key: usize,
        bytes: &Bytes,
    ) -> End {
        match self.accept_agent_frame(core, now, key, bytes) {
            Ok(end) => end,
            Err(code) => {
                match code {
                    CloseCode::Flooding => core.stats.floods += 1,
                    _ => core.stats.refusals += 1,
                }
                self.close_agent(core, now, key, code);
                None
            }
        }
    }

    fn accept_agent_frame(
        &mut self,
        core: &mut Core,
        now: u64,
        key: usize,
        bytes: &Bytes,
    ) -> Result<End, CloseCode> {
        let agent = &mut self.agents[key];
        if !agent.bucket.take(now, 1) {
            return Err(CloseCode::Flooding);
        }
        let header = Header::decode(bytes)?;
        if header.kind.sender() != Sender::Agent {
            return Err(CloseCode::UnknownKind);
        }
        if !agent.privileges.allows(header.kind) {
            return Err(CloseCode::NotAllowed);
        }
        match header.kind {
            Kind::End => return Ok(Some(CloseCode::SessionEndedAgent)),
            Kind::Resync => self.resync(core, now, key),
            kind => {
                let frame = stamped(bytes, agent.number);
                self.to_visitor(core, now, kind, frame);
            }
        }
        Ok(None)
    }

    fn to_visitor(&mut self, core: &mut Core, now: u64, kind: Kind, frame: WireFrame) {
        let Some(visitor) = &mut self.visitor else {
            core.stats.agent_frames_dropped += 1;
            return;
        };
        let queued = visitor.push(frame, kind, core.bounds.visitor_queue_bytes_max);
        core.stats.pointers_dropped += queued.pointers_dropped;
        core.stats.agent_frames_dropped += u64::from(queued.dropped);
        visitor.outlet.wake(now, &mut core.dirty);
    }

    /// The agent's copy is wrong. It gets nothing more of what it has, but the epoch that is arriving, or the next.
    fn resync(&mut self, core: &mut Core, now: u64, key: usize) {
        core.stats.resyncs += 1;
        let Some(view) = self.agents[key].view.as_mut() else { return };
        let arriving = self.log.arriving_start();
        match (view.index(), arriving) {
            // It stands right before the epoch that will put it right.
            (Some(index), Some(from)) if index == from => return,
            (Some(index), Some(from)) if index < from => view.skip_to(arriving, &self.log),
            (Some(_), _) => {
                view.skip_to(None, &self.log);
                self.request.wanted = true;
            }
            (None, _) => self.request.wanted = true,
        }
        core.stats.skips += 1;
        self.wake_agent(core, now, key);
        self.try_request(core, now);
    }

    fn participants_changed(&mut self, core: &mut Core, now: u64) {
        self.participants_version += 1;
        self.participants = None;
        self.wake_agents(core, now);
        if let Some(visitor) = &mut self.visitor {
            visitor.outlet.wake(now, &mut core.dirty);
        }
    }

    // -- keyframe requests

    /// Sends the request that somebody wants, if the interval and the core's budget allow; else it waits for them.
    pub(crate) fn try_request(&mut self, core: &mut Core, now: u64) {
        if !self.can_request() || self.request.in_line {
            return;
        }
        if self.request_due_ms(core).is_some_and(|due| due > now) {
            self.count_delay(core);
            return;
        }
        let bytes = self.request_bytes();
        if core.afford(now, self.me, bytes) {
            self.send_request(core, now);
        } else {
            self.request.in_line = true;
            core.stats.keyframe_requests_budgeted += 1;
            self.count_delay(core);
        }
    }

    /// It is this session's turn in the line for the core's budget.
    pub(crate) fn come_up(&mut self, core: &mut Core, now: u64) {
        self.request.in_line = false;
        // The wish may have been served, and another not be due yet.
        if self.can_request() && self.request_due_ms(core).is_none_or(|due| due <= now) {
            core.pay(now, self.request_bytes());
            self.send_request(core, now);
        }
    }

    fn can_request(&self) -> bool {
        // While a keyframe is arriving another is not asked for; a wish stays until it is complete.
        // One that has not left yet serves for all.
        let unsent = self.visitor.as_ref().is_none_or(|visitor| visitor.keyframe_request);
        self.request.wanted && !unsent && self.order.is_live()
    }

    fn request_due_ms(&self, core: &Core) -> Option<u64> {
        let interval_ms = core.bounds.keyframe_request_interval_ms;
        self.request.sent_at_ms.map(|sent_at_ms| sent_at_ms.saturating_add(interval_ms))
    }

    fn retry_due_ms(&self, core: &Core) -> Option<u64> {
        let sent_at_ms = self.request.sent_at_ms.filter(|_| self.request.unanswered)?;
        Some(sent_at_ms.saturating_add(core.bounds.keyframe_retry_ms))
    }

    fn request_bytes(&self) -> u64 {
        let agents = self.agents.iter().filter(|(_, agent)| agent.view.is_some()).count();
        self.log.keyframe_bytes().max(1).saturating_mul(agents.max(1) as u64)
    }

    fn send_request(&mut self, core: &mut Core, now: u64) {
        let Some(visitor) = &mut self.visitor else { return };
        visitor.keyframe_request = true;
        visitor.outlet.wake(now, &mut core.dirty);
        core.stats.keyframe_requests += 1;
    }

    /// The request is on its way to the visitor. The interval counts from here: a visitor who reads again after a
    /// while does not find two at once.
    pub(crate) fn request_left(&mut self, now: u64) {
        self.request.sent_at_ms = Some(now);
        (self.request.wanted, self.request.delayed, self.request.unanswered) = (false, false, true);
    }

    fn count_delay(&mut self, core: &mut Core) {
        if !self.request.delayed {
            self.request.delayed = true;
            core.stats.keyframe_requests_delayed += 1;
        }
    }

    // -- time

    /// Something of the session itself is due.
    pub(crate) fn handle_timer(&mut self, core: &mut Core, now: u64, due: u64) -> End {
        if self.armed_ms != due {
            return None;
        }
        self.armed_ms = UNARMED;
        let stall_ms = core.bounds.agent_stall_ms;
        match &self.visitor {
            Some(visitor) => {
                if visitor.outlet.stalled_at(stall_ms).is_some_and(|at| at <= now) {
                    core.stats.stalls += 1;
                    self.close_visitor(core, now, CloseCode::TooSlow);
                }
            }
            None if now >= self.gone_since_ms.saturating_add(self.grace_ms) => {
                return Some(CloseCode::SessionEndedTimeout);
            }
            None if now >= self.gone_since_ms.saturating_add(core.bounds.leaving_ms) => {
                self.set_state(core, now, VisitorState::Offline);
            }
            None => {}
        }
        if self.retry_due_ms(core).is_some_and(|due| due <= now) {
            self.request.unanswered = false;
            let waits = |view: &View| view.place == Place::Waiting;
            self.request.wanted |= self.agents.iter().any(|(_, a)| a.view.as_ref().is_some_and(waits));
        }
        self.try_request(core, now);
        None
    }

    /// Something of one agent is due.
    pub(crate) fn handle_agent_timer(
        &mut self,
        core: &mut Core,
        now: u64,
        key: usize,
        number: u16,
        due: u64,
    ) {
        let Some(agent) = self.agents.get_mut(key) else { return };
        if agent.number.0 != number || agent.armed_ms != due {
            return;
        }
        agent.armed_ms = UNARMED;
        if agent.deadline_ms(&core.bounds).is_none_or(|at| at > now) {
            return self.arm_agent(core, key);
        }
        if agent.view.is_some() {
            core.stats.stalls += 1;
            self.close_agent(core, now, key, CloseCode::TooSlow);
        } else {
            core.stats.joins_forgotten += 1;
            self.forget(core, key);
        }
    }

    /// Makes sure that the session is woken for what is due next. Called after everything that was done to it.
    pub(crate) fn arm(&mut self, core: &mut Core) {
        let due = self.deadline_ms(core);
        core.timers.arm(Timer::Session(self.me), due, &mut self.armed_ms);
    }

    fn deadline_ms(&self, core: &Core) -> Option<u64> {
        let Some(visitor) = &self.visitor else {
            let leaving = self.state == VisitorState::Leaving;
            let wait_ms =
                if leaving { self.grace_ms.min(core.bounds.leaving_ms) } else { self.grace_ms };
            return Some(self.gone_since_ms.saturating_add(wait_ms));
        };
        let request = if self.can_request() && !self.request.in_line {
            self.request_due_ms(core)
        } else {
            None
        };
        let stall = visitor.outlet.stalled_at(core.bounds.agent_stall_ms);
        [request, stall, self.retry_due_ms(core)].into_iter().flatten().min()
    }

    pub(crate) fn arm_agent(&mut self, core: &mut Core, key: usize) {
        let agent = &mut self.agents[key];
        let due = agent.deadline_ms(&core.bounds);
        core.timers.arm(Timer::Agent(self.me, key, agent.number.0), due, &mut agent.armed_ms);
    }

    // -- the end

    /// Ends everything that belongs to the session. The relay forgets it next.
    pub(crate) fn end(&mut self, core: &mut Core, reason: CloseCode) {
        if let Some(visitor) = self.visitor.take() {
            core.close(visitor.outlet.link, reason);
        }
        for agent in self.agents.drain() {
            if let Some(view) = agent.view {
                core.close(view.outlet.link, reason);
                core.stats.agents -= 1;
            }
            core.stats.joins -= 1;
            core.events.push_back(Event::AgentLeft { session: self.id, join: agent.join });
        }
        core.stats.log_bytes -= self.log_accounted as u64;
        core.stats.sessions -= 1;
        core.events.push_back(Event::SessionEnded { id: self.id, home: self.home, reason });
    }

    /// What the session holds at the moment.
    pub(crate) fn figures(&self) -> SessionFigures {
        let views = || self.agents.iter().filter_map(|(_, agent)| agent.view.as_ref());
        SessionFigures {
            log_bytes: self.log.held_bytes(),
            visitor_queue_bytes: self.visitor.as_ref().map_or(0, Connected::queue_bytes),
            joins: self.agents.len(),
            agents: views().count(),
            lag_bytes: views().map(|view| view.lag_bytes(&self.log)).max().unwrap_or(0),
            last_epoch: self.order.last_epoch(),
        }
    }

    /// Brings the core's sum of log bytes up to date.
    pub(crate) fn account(&mut self, core: &mut Core) {
        let held = self.log.held_bytes();
        core.stats.log_bytes = core.stats.log_bytes + held as u64 - self.log_accounted as u64;
        self.log_accounted = held;
    }

    fn connected_keys(&self) -> Vec<usize> {
        self.agents.iter().filter(|(_, agent)| agent.view.is_some()).map(|(key, _)| key).collect()
    }
}

/// The agent's frame with its number in the source field, whatever stood there.
fn stamped(bytes: &Bytes, number: AgentNumber) -> WireFrame {
    let mut body = bytes.to_vec();
    body[2..4].copy_from_slice(&number.0.to_be_bytes());
    WireFrame::owned(body.into())
}
