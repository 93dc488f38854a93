//! What the relay reports, compared with what had to come of what was done to it; and what must hold at any time.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{CloseCode, JoinId, SessionId};
use relay::{Event, LinkId};

use crate::wire::End;
use crate::world::{Check, World};

/// What the relay must report as the consequence of what was just done to it, and nothing else.
#[derive(Default)]
pub(crate) struct Expected {
    pub(crate) closes: BTreeMap<LinkId, CloseCode>,
    pub(crate) allowed: Option<(LinkId, CloseCode)>,
    pub(crate) ends: BTreeMap<usize, CloseCode>,
    pub(crate) lefts: BTreeSet<JoinId>,
    pub(crate) joined: Option<JoinId>,
    pub(crate) started: Option<SessionId>,
}

impl World {
    /// Takes what the relay reports and compares it with what had to come.
    pub(crate) fn settle(&mut self) -> Check {
        let events: Vec<Event> = std::iter::from_fn(|| self.relay.poll_event()).collect();
        let mut ended = BTreeMap::new();
        for event in &events {
            if let Event::SessionEnded { id, reason, .. } = event {
                ended.insert(self.session_of(id)?, *reason);
            }
        }
        for event in events {
            match event {
                Event::Close { link, code } => self.on_close(link, code, &ended)?,
                Event::SessionStarted { id, .. } => {
                    if self.expected.started.take() != Some(id) {
                        return Err("a session started by itself".into());
                    }
                }
                Event::SessionEnded { id, reason, .. } => self.on_end(&id, reason)?,
                Event::AgentJoined { join, .. } => {
                    if self.expected.joined.take() != Some(join) {
                        return Err("an agent joined by itself".into());
                    }
                }
                // Told from the frames themselves; that they arrive is checked where they do.
                Event::AgentActed { .. } => {}
                Event::AgentLeft { session, join } => self.on_left(&session, join, &ended)?,
            }
        }
        self.expected.allowed = None;
        let Expected { closes, ends, lefts, joined, started, .. } = &self.expected;
        if let Some((_, code)) = closes.iter().next() {
            return Err(format!("a link was not closed with {}", code.name()));
        }
        if let Some((_, code)) = ends.iter().next() {
            return Err(format!("a session did not end with {}", code.name()));
        }
        if !lefts.is_empty() || joined.is_some() || started.is_some() {
            return Err("a join or a session was not reported".into());
        }
        Ok(())
    }

    fn on_close(
        &mut self,
        link: LinkId,
        code: CloseCode,
        ended: &BTreeMap<usize, CloseCode>,
    ) -> Check {
        let at = self.wire_of(link).ok_or("a link was closed that is gone")?;
        let Some(wire) = &self.wires[at] else { return Ok(()) };
        let stall_ms = self.bounds.agent_stall_ms;
        let stalled = wire.unsent_since_ms.is_some_and(|since| self.now - since >= stall_ms);
        let fair = self.expected.closes.remove(&link) == Some(code)
            || self.expected.allowed == Some((link, code))
            || ended.get(&wire.session) == Some(&code)
            || code == CloseCode::TooSlow && stalled;
        if !fair {
            return Err(format!("{:?} was closed with {} for no reason", wire.end, code.name()));
        }
        if self.relay.has_more(link) || self.relay.next_frame(self.now, link, 1 << 20).is_some() {
            return Err("a frame for a link that was closed".into());
        }
        self.drop_wire(at);
        Ok(())
    }

    fn on_end(&mut self, id: &SessionId, reason: CloseCode) -> Check {
        let session = self.session_of(id)?;
        let model = &mut self.sessions[session];
        let waited_ms = self.now - model.gone_since_ms;
        let timeout = reason == CloseCode::SessionEndedTimeout
            && model.visitor.is_none()
            && waited_ms >= model.grace_ms;
        if self.expected.ends.remove(&session) != Some(reason) && !timeout {
            return Err(format!("a session ended with {} for no reason", reason.name()));
        }
        let still = model.agents.iter().any(|agent| !agent.left || agent.wire.is_some());
        if model.at.take().is_none() || model.visitor.is_some() || still {
            return Err("a session ended twice, or before those in it".into());
        }
        match reason {
            CloseCode::SessionEndedTimeout => self.count("grace_ends"),
            CloseCode::SessionEndedVisitor => self.count("visitor_ends"),
            CloseCode::SessionEndedAgent => self.count("agent_ends"),
            _ => self.count("ordered_ends"),
        }
        Ok(())
    }

    fn on_left(
        &mut self,
        id: &SessionId,
        join: JoinId,
        ended: &BTreeMap<usize, CloseCode>,
    ) -> Check {
        let session = self.session_of(id)?;
        let idle_ms = self.bounds.join_idle_ms;
        let agent = self.sessions[session].agents.iter_mut().find(|agent| agent.join == join);
        let agent = agent.ok_or("an agent left that never joined")?;
        let idle = agent.wire.is_none() && self.now - agent.idle_since_ms >= idle_ms;
        if !self.expected.lefts.remove(&join) && !ended.contains_key(&session) && !idle {
            return Err("an agent left for no reason".into());
        }
        if std::mem::replace(&mut agent.left, true) {
            return Err("an agent left twice".into());
        }
        Ok(())
    }

    fn session_of(&self, id: &SessionId) -> Result<usize, String> {
        let found = self.sessions.iter().position(|model| model.id == *id);
        found.ok_or_else(|| "an unknown session was reported".into())
    }

    /// The connection is no more, for the relay and for its peer.
    pub(crate) fn drop_wire(&mut self, at: usize) {
        let Some(wire) = self.wires[at].take() else { return };
        let model = &mut self.sessions[wire.session];
        match wire.end {
            End::Visitor => {
                model.visitor = None;
                model.gone_since_ms = self.now;
                model.ledger.disconnect();
                model.queue.clear();
                model.page.speaks = false;
            }
            End::Agent(agent) => {
                let agent = &mut model.agents[agent];
                agent.wire = None;
                agent.idle_since_ms = self.now;
            }
        }
    }

    /// What had to happen by now.
    pub(crate) fn check_time(&self) -> Check {
        for model in self.sessions.iter().filter(|model| model.at.is_some()) {
            if model.visitor.is_none() && self.now - model.gone_since_ms >= model.grace_ms {
                return Err("a session outlived its grace period".into());
            }
            for agent in model.agents.iter().filter(|agent| !agent.left && agent.wire.is_none()) {
                if self.now - agent.idle_since_ms >= self.bounds.join_idle_ms {
                    return Err("an idle join was not forgotten".into());
                }
            }
        }
        for wire in self.wires.iter().flatten() {
            let stall_ms = self.bounds.agent_stall_ms;
            if wire.unsent_since_ms.is_some_and(|since| self.now - since >= stall_ms) {
                return Err("a stalled connection was not closed".into());
            }
        }
        Ok(())
    }

    pub(crate) fn check_bounds(&self) -> Check {
        let stats = self.relay.stats();
        let (mut logs, mut connected, mut joins, mut live) = (0, 0, 0, 0);
        for model in &self.sessions {
            let Some(at) = model.at else { continue };
            let figures = self.relay.figures(at).ok_or("a live session is not there")?;
            let here = model.agents.iter().filter(|agent| agent.wire.is_some()).count();
            let known = model.agents.iter().filter(|agent| !agent.left).count();
            let passed = figures.log_bytes > self.bounds.log_bytes_max
                || figures.visitor_queue_bytes > self.bounds.visitor_queue_bytes_max
                || figures.lag_bytes > self.bounds.agent_lag_bytes_max
                || figures.joins > self.bounds.agents_per_session_max;
            if passed {
                return Err(format!("a bound was passed: {figures:?}"));
            }
            if (figures.agents, figures.joins) != (here, known) {
                return Err(format!("{here} agents and {known} joins, not {figures:?}"));
            }
            logs += figures.log_bytes as u64;
            (connected, joins, live) = (connected + here as u64, joins + known as u64, live + 1);
        }
        let told = (stats.sessions, stats.agents, stats.joins, stats.log_bytes);
        if told != (live, connected, joins, logs) || live > self.bounds.sessions_max as u64 {
            return Err(format!("the gauges are wrong: {stats:?}"));
        }
        Ok(())
    }
}
