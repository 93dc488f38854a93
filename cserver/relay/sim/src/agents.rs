//! What agents do in a world: join, come and go, speak, misbehave, and are cut off.

use bytes::Bytes;
use protocol::{AgentId, AgentNumber, CloseCode, Flags, Header, JoinId, Kind, Privileges};
use relay::JoinSpec;

use crate::page::encode;
use crate::viewer::Viewer;
use crate::wire::{End, Expect, Up};
use crate::world::{Agent, Check, World};

impl World {
    pub(crate) fn agent_moves(&mut self, session: usize) -> Check {
        let known = self.known(session);
        if known.is_empty() || self.rng.chance(30) {
            return self.join(session);
        }
        let agent = known[self.rng.index(known.len())];
        match (self.sessions[session].agents[agent].wire, self.rng.below(10)) {
            (None, 0..7) => self.connect_agent(session, agent),
            // A second tab, or a reload that overtook the old connection's end.
            (Some(_), 0) => self.connect_agent(session, agent),
            (Some(at), 1..3) => self.lose(at, false),
            _ => Ok(()),
        }
    }

    fn join(&mut self, session: usize) -> Check {
        let Some(at) = self.sessions[session].at else { return Ok(()) };
        self.generation += 1;
        let join = JoinId::from_bytes(self.generation.to_be_bytes());
        let account = AgentId::from_bytes([self.rng.below(4) as u8; 16]);
        let sees = !self.rng.chance(4);
        let bits = (self.rng.next() as u16 & 0x1fe) | u16::from(sees);
        let privileges = Privileges::from_bits(bits).unwrap_or_default();
        let spec = JoinSpec { join, agent: account, name: "Ada".into(), privileges };
        let full = self.known(session).len() == self.bounds.agents_per_session_max;
        if !sees || full {
            let code = if sees { CloseCode::Overload } else { CloseCode::NotAllowed };
            self.count(if sees { "overloads" } else { "blind_joins" });
            return match self.relay.join(self.now, at, spec) {
                Err(given) if given == code => self.settle(),
                other => Err(format!("a join had to be refused: {other:?}")),
            };
        }
        self.expected.joined = Some(join);
        let number = self.relay.join(self.now, at, spec).map_err(|code| code.to_string())?;
        let agents = &mut self.sessions[session].agents;
        if agents.iter().any(|agent| agent.number == number) || number == AgentNumber(0) {
            return Err("an agent number was given twice".into());
        }
        agents.push(Agent {
            join,
            account,
            number,
            privileges,
            wire: None,
            idle_since_ms: self.now,
            left: false,
            was_connected: false,
            viewer: Viewer::default(),
            next_send_ms: 0,
        });
        let agent = agents.len() - 1;
        self.count("joins");
        self.settle()?;
        if self.rng.chance(85) { self.connect_agent(session, agent) } else { Ok(()) }
    }

    pub(crate) fn connect_agent(&mut self, session: usize, agent: usize) -> Check {
        let model = &self.sessions[session];
        let (Some(at), Some(known)) = (model.at, model.agents.get(agent)) else { return Ok(()) };
        let (join, again) = (known.join, known.was_connected);
        let info = self.relay.find_join(at, join).ok_or("a join is not known")?;
        if (info.agent, info.privileges) != (known.account, known.privileges) {
            return Err("a join is known as another".into());
        }
        if let Some(old) = known.wire.and_then(|at| self.wires[at].as_ref()) {
            self.expected.closes.insert(old.link, CloseCode::Superseded);
        }
        if again {
            self.count("rejoins");
        }
        if self.sessions[session].ledger.has_diffs() {
            self.count("late_joins");
        }
        let new = self.new_wire(session, End::Agent(agent));
        let link = self.link(new);
        self.relay.attach_agent(self.now, at, join, link).map_err(|code| code.to_string())?;
        self.settle()?;
        let model = &mut self.sessions[session];
        let known = &mut model.agents[agent];
        (known.wire, known.was_connected) = (Some(new), true);
        known.viewer = Viewer::default();
        if let Some(wire) = &mut self.wires[new] {
            wire.watch = model.ledger.watch();
        }
        Ok(())
    }

    /// One frame, or a few at once, of kinds that the agent may send.
    pub(crate) fn agent_speaks(&mut self, session: usize) -> Check {
        let Some((agent, at)) = self.connected_agent(session) else { return Ok(()) };
        let pause_ms = self.send_pause_ms();
        for _ in 0..self.rng.between(1, 6) {
            let kind = AGENT_KINDS[self.rng.index(AGENT_KINDS.len())];
            let known = &mut self.sessions[session].agents[agent];
            // Half of the rate, and ten at once at most, wherever they wait on the way.
            if known.next_send_ms > self.now + 10 * pause_ms || !known.privileges.allows(kind) {
                continue;
            }
            known.next_send_ms = known.next_send_ms.max(self.now) + pause_ms;
            self.generation += 1;
            let payload = self.generation.to_be_bytes();
            // An agent that claims to be another.
            let source = self.rng.below(3) as u16;
            let body = agent_frame(kind, source, &payload);
            let jitter_ms = self.rng.below(30);
            if let Some(wire) = &mut self.wires[at] {
                wire.send(self.now, jitter_ms, body, Expect::Accepted);
            }
        }
        Ok(())
    }

    pub(crate) fn agent_misbehaves(&mut self, session: usize) -> Check {
        let Some((agent, at)) = self.connected_agent(session) else { return Ok(()) };
        let privileges = self.sessions[session].agents[agent].privileges;
        let forbidden = AGENT_KINDS.into_iter().chain([Kind::End]).find(|kind| {
            // Each kind gets its turn over the seeds.
            !privileges.allows(*kind) && self.rng.chance(40)
        });
        let (body, code) = match (self.rng.below(10), forbidden) {
            (0..6, Some(Kind::End)) => (agent_frame(Kind::End, 0, b""), CloseCode::NotAllowed),
            (0..6, Some(kind)) => (agent_frame(kind, 0, b"{}"), CloseCode::NotAllowed),
            (6, _) => (Bytes::from_static(b"no frame"), CloseCode::BadFrame),
            (7, _) => (agent_frame(Kind::Diff, 0, b""), CloseCode::UnknownKind),
            (8, _) => (agent_frame(Kind::Pointer, 0, &[0; 4097]), CloseCode::TooLong),
            _ => (Bytes::from_static(&[0xff; 40]), CloseCode::UnknownKind),
        };
        // A few hostile frames are within any rate, but the bucket may be empty after a flood.
        if self.sessions[session].agents[agent].next_send_ms > self.now {
            return Ok(());
        }
        self.count("hostile_agents");
        if let Some(wire) = &mut self.wires[at] {
            wire.send(self.now, 0, body, Expect::Close(code));
        }
        self.sessions[session].agents[agent].next_send_ms = self.now + 2000;
        Ok(())
    }

    pub(crate) fn agent_floods(&mut self, session: usize) -> Check {
        let Some((agent, at)) = self.connected_agent(session) else { return Ok(()) };
        // Whatever is still under way would be counted too.
        if self.wires[at].as_ref().is_none_or(|wire| !wire.up.is_empty()) {
            return Ok(());
        }
        let link = self.link(at);
        for _ in 0..=2 * self.bounds.agent_frames_per_s_max {
            self.expected.allowed = Some((link, CloseCode::Flooding));
            let body = agent_frame(Kind::Resync, 0, b"");
            self.feed(at, Up { body, expect: Expect::Accepted })?;
        }
        if self.wire_of(link).is_some() {
            return Err("a flooding agent was not cut off".into());
        }
        // Its bucket is empty now, and fills at twice the speed that is used here.
        self.sessions[session].agents[agent].next_send_ms = self.now + 2000;
        Ok(())
    }

    pub(crate) fn revoke(&mut self, session: usize) -> Check {
        let known = self.known(session);
        if known.is_empty() {
            return Ok(());
        }
        let group = self.sessions[session].id.group;
        let account = self.sessions[session].agents[known[self.rng.index(known.len())]].account;
        let mut live = 0;
        for model in self.sessions.iter().filter(|m| m.at.is_some() && m.id.group == group) {
            let joins = model.agents.iter().filter(|agent| !agent.left && agent.account == account);
            for agent in joins {
                self.expected.lefts.insert(agent.join);
                if let Some(wire) = agent.wire.and_then(|at| self.wires[at].as_ref()) {
                    self.expected.closes.insert(wire.link, CloseCode::Revoked);
                    live += 1;
                }
            }
        }
        *self.counts.entry("revokes").or_default() += live;
        self.relay.revoke(self.now, group, account);
        self.settle()?;
        let gone = self.sessions.iter().filter_map(|model| model.at.map(|at| (at, model)));
        for (at, model) in gone {
            for agent in model.agents.iter().filter(|agent| agent.left) {
                if self.relay.find_join(at, agent.join).is_some() {
                    return Err("a join is known after it ended".into());
                }
            }
        }
        Ok(())
    }

    /// Joins that are not over.
    pub(crate) fn known(&self, session: usize) -> Vec<usize> {
        let agents = self.sessions[session].agents.iter().enumerate();
        agents.filter(|(_, agent)| !agent.left).map(|(at, _)| at).collect()
    }

    pub(crate) fn connected_agent(&mut self, session: usize) -> Option<(usize, usize)> {
        let agents = self.sessions[session].agents.iter().enumerate();
        let here: Vec<_> =
            agents.filter_map(|(at, agent)| agent.wire.map(|wire| (at, wire))).collect();
        if here.is_empty() { None } else { Some(here[self.rng.index(here.len())]) }
    }
}

pub(crate) fn agent_frame(kind: Kind, source: u16, payload: &[u8]) -> Bytes {
    encode(Header { kind, flags: Flags::NONE, source, epoch: 1, sequence: 1 }, payload)
}

/// What agents send to visitors; pointers are the most common.
const AGENT_KINDS: [Kind; 9] = [
    Kind::Pointer,
    Kind::Pointer,
    Kind::Pointer,
    Kind::Draw,
    Kind::Scroll,
    Kind::Click,
    Kind::Type,
    Kind::Navigate,
    Kind::Control,
];
