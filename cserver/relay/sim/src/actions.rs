//! What happens in a world: one thing a step, chosen by the seed. Agents' part stands in [`crate::agents`].

use protocol::secret::Secret;
use protocol::{CloseCode, GroupId, Kind, SessionId};
use relay::{LinkId, SessionSpec};

use crate::agents::agent_frame;
use crate::ledger::Ledger;
use crate::page::Page;
use crate::wire::{End, Expect, Wire};
use crate::world::{Check, Model, World};

impl World {
    /// One thing happens, then time passes.
    pub(crate) fn act(&mut self) -> Check {
        let live: Vec<usize> =
            (0..self.sessions.len()).filter(|at| self.sessions[*at].at.is_some()).collect();
        if live.is_empty() || self.rng.chance(1) {
            self.open()?;
        } else {
            let session = live[self.rng.index(live.len())];
            match self.rng.below(1000) {
                0..380 => self.page_speaks(session)?,
                380..480 => self.page_turns(session)?,
                480..560 => self.visitor_moves(session)?,
                560..570 => self.visitor_misbehaves(session)?,
                570..720 => self.agent_moves(session)?,
                720..880 => self.agent_speaks(session)?,
                880..893 => self.agent_misbehaves(session)?,
                893..898 => self.agent_floods(session)?,
                898..978 => self.somebody_stops_reading(session),
                978..986 => self.revoke(session)?,
                986..993 => self.change_settings(session),
                _ => self.end(session)?,
            }
        }
        let dt = match self.rng.below(100) {
            0..60 => self.rng.below(20),
            60..94 => self.rng.below(250),
            94..98 => self.rng.between(500, 3000),
            _ => self.rng.between(3000, 9000),
        };
        self.flush()?;
        self.turn(dt)
    }

    fn open(&mut self) -> Check {
        let number = self.sessions.len();
        let group = GROUPS[number % GROUPS.len()];
        let id: SessionId = format!("{group}:{number}:{number:032x}")
            .parse()
            .map_err(|error| format!("{error}"))?;
        let secret = Secret::new([number as u8; 32]);
        let grace_ms = self.rng.between(2000, 9000);
        let spec = SessionSpec {
            id,
            home: 1,
            resume: secret.hash(),
            grace_ms,
            welcome_settings: r#"{"masks":[]}"#.into(),
        };
        let live = self.sessions.iter().filter(|model| model.at.is_some()).count();
        if live == self.bounds.sessions_max {
            self.count("overloads");
            return match self.relay.open_session(self.now, spec) {
                Err(CloseCode::Overload) => self.settle(),
                other => Err(format!("one session too many: {other:?}")),
            };
        }
        self.expected.started = Some(id);
        let at =
            self.relay.open_session(self.now, spec.clone()).map_err(|code| code.to_string())?;
        if self.relay.open_session(self.now, spec) != Err(CloseCode::AlreadyLive) {
            return Err("a session was opened twice".into());
        }
        self.count("sessions");
        self.sessions.push(Model {
            id,
            at: Some(at),
            secret,
            grace_ms,
            page: Page::new(self.rng.next()),
            ledger: Ledger::default(),
            visitor: None,
            gone_since_ms: self.now,
            agents: Vec::new(),
            queue: std::collections::VecDeque::new(),
            requested_at_ms: None,
            participants: Vec::new(),
        });
        self.settle()?;
        self.connect_visitor(number)
    }

    // -- the visitor

    /// Diffs, a few at a time.
    fn page_speaks(&mut self, session: usize) -> Check {
        let model = &mut self.sessions[session];
        let wire = model.visitor.and_then(|at| self.wires[at].as_mut());
        let Some(wire) = wire.filter(|_| model.page.speaks) else {
            model.page.change(&mut self.rng);
            return Ok(());
        };
        let burst = if self.rng.chance(15) { 12 } else { self.rng.between(1, 3) };
        for _ in 0..burst {
            let body = match self.rng.below(10) {
                0..3 => model.page.ephemeral(&mut self.rng),
                _ => model.page.diff(&mut self.rng),
            };
            wire.send(self.now, self.rng.below(20), body, Expect::Accepted);
        }
        Ok(())
    }

    /// A new epoch, a purge, another page, a reload.
    fn page_turns(&mut self, session: usize) -> Check {
        let what = self.rng.below(10);
        let model = &mut self.sessions[session];
        let wire = model.visitor.and_then(|at| self.wires[at].as_mut());
        let Some(wire) = wire.filter(|_| model.page.speaks) else {
            return self.connect_visitor(session);
        };
        if what < 5 {
            let purge = what < 3;
            Self::begin(&mut self.rng, self.now, wire, model, 0, purge);
            return Ok(());
        }
        let leaving = model.page.bare(Kind::Leaving);
        wire.send(self.now, 0, leaving, Expect::Accepted);
        match what {
            5..8 => {
                model.page.change(&mut self.rng);
                self.count("page_changes");
                self.lose_visitor(session, true)?;
                if self.rng.chance(60) { self.connect_visitor(session) } else { Ok(()) }
            }
            8 => {
                model.page.change(&mut self.rng);
                self.connect_visitor(session)
            }
            // It stays after all.
            _ => Ok(()),
        }
    }

    fn visitor_moves(&mut self, session: usize) -> Check {
        match (self.sessions[session].visitor, self.rng.below(10)) {
            (None, 0..8) => self.connect_visitor(session),
            // Another tab.
            (Some(_), 0..2) => self.connect_visitor(session),
            (Some(_), 2..5) => self.lose_visitor(session, false),
            _ => Ok(()),
        }
    }

    pub(crate) fn connect_visitor(&mut self, session: usize) -> Check {
        let Some(at) = self.sessions[session].at else { return Ok(()) };
        let model = &self.sessions[session];
        if !self.relay.owns(at, &model.secret) || self.relay.owns(at, &Secret::new([255; 32])) {
            return Err("the resume secret is not told from another".into());
        }
        let old = model.visitor.and_then(|at| self.wires[at].as_ref()).map(|wire| wire.link);
        if let Some(link) = old {
            self.expected.closes.insert(link, CloseCode::Superseded);
        }
        let new = self.new_wire(session, End::Visitor);
        self.relay.attach_visitor(self.now, at, self.link(new)).map_err(|code| code.to_string())?;
        self.settle()?;
        self.sessions[session].visitor = Some(new);
        Ok(())
    }

    fn lose_visitor(&mut self, session: usize, after_all: bool) -> Check {
        match self.sessions[session].visitor {
            Some(at) => self.lose(at, after_all),
            None => Ok(()),
        }
    }

    /// A connection breaks. Some of what was under way still arrives before.
    pub(crate) fn lose(&mut self, at: usize, after_all: bool) -> Check {
        while let Some(wire) = &mut self.wires[at]
            && (after_all || self.rng.chance(60))
            && let Some((_, up)) = wire.up.pop_front()
        {
            self.feed(at, up)?;
        }
        let Some(wire) = &self.wires[at] else { return Ok(()) };
        let link = wire.link;
        self.relay.handle_gone(self.now, link);
        self.drop_wire(at);
        // What a slow backend might still say about it means nothing any more.
        self.relay.handle_gone(self.now, link);
        self.relay.handle_progress(self.now, link);
        self.relay.handle_frame(self.now, link, self.sessions[0].page.bare(Kind::Bye));
        self.count("losses");
        self.settle()
    }

    fn visitor_misbehaves(&mut self, session: usize) -> Check {
        let keyframe_bytes_max = self.bounds.keyframe_bytes_max;
        let model = &mut self.sessions[session];
        let wire = model.visitor.and_then(|at| self.wires[at].as_mut());
        let Some(wire) = wire.filter(|_| model.page.speaks) else { return Ok(()) };
        let (mut frames, code) = model.page.hostile(&mut self.rng, keyframe_bytes_max);
        let last = frames.pop();
        for body in frames {
            wire.send(self.now, 0, body, Expect::Accepted);
        }
        if let Some(body) = last {
            wire.send(self.now, self.rng.below(100), body, Expect::Close(code));
        }
        model.page.speaks = false;
        self.count("hostile_visitors");
        Ok(())
    }

    // -- the world

    fn somebody_stops_reading(&mut self, session: usize) {
        let of_session = |wire: &&mut Wire| wire.session == session;
        let mut here: Vec<&mut Wire> = self.wires.iter_mut().flatten().filter(of_session).collect();
        if here.is_empty() {
            return;
        }
        let wire = here.swap_remove(self.rng.index(here.len()));
        let for_ms = if self.rng.chance(8) { 12_000 } else { self.rng.below(2500) };
        wire.blocked_until_ms = self.now + for_ms;
        if self.rng.chance(50) {
            wire.room = self.rng.index(300);
        }
        // From now on it reads, but slowly; or no longer so.
        if self.rng.chance(15) {
            wire.pace_ms = if wire.pace_ms > 0 { 0 } else { self.rng.between(1000, 3900) };
        }
    }

    fn change_settings(&mut self, session: usize) {
        let group: GroupId = self.sessions[session].id.group;
        let grace_ms = self.rng.between(2000, 9000);
        // No others have been the same.
        let settings = format!(r##"{{"masks":["#a{}"]}}"##, self.changes);
        self.changes += 1;
        self.relay.update_settings(self.now, group, settings.into(), grace_ms);
        for model in self.sessions.iter_mut().filter(|model| model.id.group == group) {
            model.grace_ms = grace_ms;
            if let Some(wire) = model.visitor.and_then(|at| self.wires[at].as_mut()) {
                wire.welcome_is_due = true;
            }
        }
        self.count("settings_updates");
    }

    fn end(&mut self, session: usize) -> Check {
        let what = self.rng.below(10);
        let model = &mut self.sessions[session];
        let Some(at) = model.at else { return Ok(()) };
        match what {
            0..3 => {
                let wire = model.visitor.and_then(|at| self.wires[at].as_mut());
                if let Some(wire) = wire.filter(|_| model.page.speaks) {
                    let bye = model.page.bare(Kind::Bye);
                    wire.send(self.now, 0, bye, Expect::End(CloseCode::SessionEndedVisitor));
                    model.page.speaks = false;
                }
                Ok(())
            }
            3..7 => {
                let Some((agent, at)) = self.connected_agent(session) else { return Ok(()) };
                let agent = &self.sessions[session].agents[agent];
                let allowed = agent.privileges.allows(Kind::End) && agent.next_send_ms <= self.now;
                if let Some(wire) = self.wires[at].as_mut().filter(|_| allowed) {
                    let expect = Expect::End(CloseCode::SessionEndedAgent);
                    wire.send(self.now, 0, agent_frame(Kind::End, 0, b""), expect);
                }
                Ok(())
            }
            7 => {
                self.expected.ends.insert(session, CloseCode::Moved);
                self.relay.end_session(self.now, at, CloseCode::Moved);
                self.settle()
            }
            8 => {
                let group = model.id.group;
                for (at, model) in self.sessions.iter().enumerate() {
                    if model.at.is_some() && model.id.group == group {
                        self.expected.ends.insert(at, CloseCode::NotAllowed);
                    }
                }
                self.relay.end_group(self.now, group, CloseCode::NotAllowed);
                self.settle()
            }
            // The visitor goes away for good, or nearly.
            _ => self.lose_visitor(session, false),
        }
    }

    pub(crate) fn new_wire(&mut self, session: usize, end: End) -> usize {
        self.generation += 1;
        let at = self.wires.iter().position(Option::is_none).unwrap_or(self.wires.len());
        let link = LinkId(self.generation << 32 | at as u64);
        let delay_ms = if self.rng.chance(20) { self.rng.below(400) } else { self.rng.below(30) };
        let wire = Some(Wire::new(link, session, end, delay_ms));
        if at < self.wires.len() {
            self.wires[at] = wire;
        } else {
            self.wires.push(wire);
        }
        at
    }

    pub(crate) fn link(&self, at: usize) -> LinkId {
        self.wires[at].as_ref().map_or(LinkId(u64::MAX), |wire| wire.link)
    }
}

const GROUPS: [&str; 2] = ["demo", "other"];
