//! The agents of a session: joining, connecting, leaving, and what they send.

use bytes::Bytes;
use protocol::frame::Sender;
use protocol::{AgentNumber, CloseCode, Header, JoinId, Kind};

use super::{End, Session};
use crate::agent::{Agent, Place, View};
use crate::bounds::ACTED_MS;
use crate::events::{Event, JoinSpec};
use crate::frames::WireFrame;
use crate::links::{LinkId, Outlet, Owner};
use crate::percore::Core;

impl Session {
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
        if self.agents.len() == self.agents.capacity() {
            // Most sessions have one agent; the library's first growth would be to four.
            self.agents.reserve_exact(self.agents.len().max(1));
        }
        let key = self.agents.insert(Agent::new(spec, number, &core.bounds, now));
        self.arm_agent(core, key);
        Ok(number)
    }

    pub(crate) fn agent_key(&self, join: JoinId) -> Option<usize> {
        self.agents.iter().find(|(_, agent)| agent.join == join).map(|(key, _)| key)
    }

    pub(crate) fn attach_agent(
        &mut self,
        core: &mut Core,
        now: u64,
        key: usize,
        link: LinkId,
        plain: bool,
    ) {
        let view = View::new(Outlet::new(link, now), &self.log, plain);
        if view.place == Place::Waiting {
            self.request.wanted = true;
        }
        core.links.insert(link, Owner::Agent(self.me, key));
        match self.agents[key].view.replace(view) {
            Some(old) => {
                core.stats.supersedes += 1;
                core.close(old.outlet.link, CloseCode::Superseded);
                if old.plain != plain {
                    self.participants_changed(core, now);
                }
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

    pub(super) fn close_agent(&mut self, core: &mut Core, now: u64, key: usize, code: CloseCode) {
        if let Some(view) = &self.agents[key].view {
            core.close(view.outlet.link, code);
            self.agent_gone(core, now, key);
        }
    }

    /// Ends the connections over plain HTTP: nothing is to be seen there.
    pub(crate) fn close_plain(&mut self, core: &mut Core, now: u64) {
        let is_plain = |agent: &Agent| agent.view.as_ref().is_some_and(|view| view.plain);
        let plain = self.agents.iter().filter(|(_, agent)| is_plain(agent));
        let keys: Vec<usize> = plain.map(|(key, _)| key).collect();
        for key in keys {
            self.close_agent(core, now, key, CloseCode::SecurePage);
        }
    }

    /// Ends one join.
    pub(crate) fn end_join(&mut self, core: &mut Core, now: u64, join: JoinId, code: CloseCode) {
        if let Some(key) = self.agent_key(join) {
            self.close_agent(core, now, key, code);
            self.forget(core, key);
        }
    }

    /// Ends every join of an account.
    pub(crate) fn revoke(&mut self, core: &mut Core, now: u64, account: protocol::AgentId) {
        let keys: Vec<usize> = self.agents.iter().map(|(key, _)| key).collect();
        for key in keys {
            if self.agents[key].account == account {
                self.close_agent(core, now, key, CloseCode::Revoked);
                self.forget(core, key);
                // Only who had joined stands here, each once: as many as the accounts of a group at most.
                if !self.revoked.contains(&account) {
                    self.revoked.push(account);
                }
            }
        }
    }

    pub(super) fn forget(&mut self, core: &mut Core, key: usize) {
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
        if !agent.effective().allows(header.kind) {
            return Err(CloseCode::NotAllowed);
        }
        match header.kind {
            Kind::End => return Ok(Some(CloseCode::SessionEndedAgent)),
            Kind::Resync => self.resync(core, now, key),
            kind => {
                let frame = stamped(bytes, agent.number);
                let is_act = matches!(kind, Kind::Click | Kind::Type | Kind::Navigate);
                if is_act && agent.acted_ms.is_none_or(|told_ms| now - told_ms >= ACTED_MS) {
                    agent.acted_ms = Some(now);
                    let (session, join) = (self.id, agent.join);
                    core.events.push_back(Event::AgentActed { session, join });
                }
                self.pass_on(core, now, kind, frame);
            }
        }
        Ok(None)
    }

    fn pass_on(&mut self, core: &mut Core, now: u64, kind: Kind, frame: WireFrame) {
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
            (Some(_), _) => view.skip_to(None, &self.log),
            (None, _) => {
                self.request.wanted = true;
                return self.try_request(core, now);
            }
        }
        self.request.wanted |= view.place == Place::Waiting;
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
}

/// The agent's frame with its number in the source field, whatever stood there.
fn stamped(bytes: &Bytes, number: AgentNumber) -> WireFrame {
    let mut body = bytes.to_vec();
    body[2..4].copy_from_slice(&number.0.to_be_bytes());
    WireFrame::owned(body.into())
}
