//! The visitor of a session: its connection, its frames on their way into the log, its state.

use std::sync::Arc;

use bytes::Bytes;
use protocol::frame::Sender;
use protocol::{CloseCode, Flags, Header, Kind};

use super::{End, EphemeralSlot, Session};
use crate::agent::Place;
use crate::frames::{self, VisitorState, WireFrame};
use crate::links::{LinkId, Outlet, Owner};
use crate::percore::Core;
use crate::visitor::{Connected, Step};

impl Session {
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

    /// The group's settings have changed. The visitor masks by them, so it is told at once.
    pub(crate) fn set_settings(
        &mut self,
        core: &mut Core,
        now: u64,
        settings: Arc<str>,
        grace_ms: u64,
    ) {
        // A new control stream tells of every group, changed or not.
        let same = self.settings == settings && self.grace_ms == grace_ms;
        (self.settings, self.grace_ms) = (settings, grace_ms);
        if same {
            return;
        }
        let last_epoch = self.order.last_epoch();
        let welcome =
            frames::welcome(&self.id, self.home, last_epoch, &self.settings, self.grace_ms);
        match (&mut self.visitor, welcome) {
            (Some(visitor), Some(welcome)) => {
                visitor.welcome = Some(welcome);
                visitor.outlet.wake(now, &mut core.dirty);
            }
            // It may not go on by rules that hold no longer.
            (Some(visitor), None) => {
                core.close(visitor.outlet.link, CloseCode::Internal);
                self.visitor_gone(core, now);
            }
            (None, _) => {}
        }
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
    pub(super) fn close_visitor(&mut self, core: &mut Core, now: u64, code: CloseCode) {
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
        let insecure = header.flags.contains(Flags::INSECURE);
        self.record(core, now, step, insecure, WireFrame::new(bytes));
        Ok(None)
    }

    /// Puts an accepted frame into the log or a slot and moves the agents that it concerns.
    fn record(&mut self, core: &mut Core, now: u64, step: Step, insecure: bool, frame: WireFrame) {
        let soft_bytes = core.bounds.log_diff_bytes_soft;
        match step {
            Step::Begin { purge } => self.begin_epoch(core, now, purge, insecure, frame),
            Step::Chunk { last } => {
                if let Some(below) = self.log.chunk(frame, last, soft_bytes) {
                    self.reseat(core, below);
                }
            }
            Step::Live => self.request.wanted |= self.log.live(frame, soft_bytes),
            Step::Ephemeral { slot } => self.put_ephemeral(core, slot, frame),
        }
        if self.log.held_bytes() > core.bounds.log_bytes_max {
            self.log.shrink();
            if self.log.held_bytes() > core.bounds.log_bytes_max {
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

    fn begin_epoch(
        &mut self,
        core: &mut Core,
        now: u64,
        purge: bool,
        insecure: bool,
        facts: WireFrame,
    ) {
        // Two witnesses: what the page's script says, and the origin that its browser named.
        let insecure = insecure && self.visitor.as_ref().is_some_and(|visitor| visitor.on_http);
        if !insecure {
            // Before anything of it is theirs.
            self.close_plain(core, now);
        }
        self.slots.clear();
        self.request.served();
        if let Some(visitor) = &mut self.visitor {
            visitor.keyframe_request = false;
        }
        core.stats.purges += u64::from(purge);
        let from = self.log.begin(facts, purge, insecure);
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
                view.skip_to(view.start(&self.log), &self.log);
                core.stats.skips += 1;
            }
        }
    }

    fn put_ephemeral(&mut self, core: &mut Core, slot: usize, frame: WireFrame) {
        if core.leaves_out_ephemeral {
            core.stats.ephemerals_dropped += 1;
            return;
        }
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

    pub(super) fn set_state(&mut self, core: &mut Core, now: u64, state: VisitorState) {
        if self.state != state {
            self.state = state;
            self.state_since_ms = now;
            self.state_version += 1;
            self.wake_agents(core, now);
        }
    }
}
