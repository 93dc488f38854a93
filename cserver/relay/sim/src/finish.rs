//! The end of a world: everybody is there, every line works, and so every agent must come to see what the visitor has.

use protocol::CloseCode;

use crate::wire::{End, Expect};
use crate::world::{Check, Model, World};

impl World {
    /// Lets everything drain and compares.
    pub(crate) fn finish(&mut self) -> Check {
        self.finishing = true;
        for wire in self.wires.iter_mut().flatten() {
            (wire.blocked_until_ms, wire.pace_ms, wire.delay_ms) = (0, 0, 5);
        }
        // A page that said it was leaving shows that it stays.
        self.everybody_speaks();
        self.drain(50)?;
        self.compare()?;
        // And it goes on from there.
        let before = self.relay.stats();
        self.everybody_speaks();
        self.drain(3)?;
        let after = self.relay.stats();
        if after.skips > before.skips && after.log_drops == before.log_drops {
            return Err("an agent that keeps up was made to skip".into());
        }
        self.drain(12)?;
        self.compare()?;
        if self.wires.iter().flatten().any(|wire| wire.end == End::Visitor && wire.welcome_is_due) {
            return Err("a visitor was not told of settings that changed".into());
        }
        self.end_everything()
    }

    fn everybody_speaks(&mut self) {
        for model in self.sessions.iter_mut().filter(|model| model.page.speaks) {
            if let Some(wire) = model.visitor.and_then(|at| self.wires[at].as_mut()) {
                let diff = model.page.diff(&mut self.rng);
                wire.send(self.now, 0, diff, Expect::Accepted);
            }
        }
    }

    fn drain(&mut self, turns: usize) -> Check {
        for _ in 0..turns {
            for session in 0..self.sessions.len() {
                if self.sessions[session].at.is_none() {
                    continue;
                }
                if self.sessions[session].visitor.is_none() {
                    self.connect_visitor(session)?;
                }
                for agent in self.known(session) {
                    if self.sessions[session].agents[agent].wire.is_none() {
                        self.connect_agent(session, agent)?;
                    }
                }
            }
            self.turn(300)?;
        }
        Ok(())
    }

    fn compare(&mut self) -> Check {
        let mut agents = 0;
        for model in self.sessions.iter().filter(|model| model.at.is_some()) {
            let listed: Vec<u64> = listed(model);
            if model.participants != listed {
                return Err(format!("the visitor knows {:?}, not {listed:?}", model.participants));
            }
            for agent in model.agents.iter().filter(|agent| !agent.left) {
                agents += 1;
                let viewer = &agent.viewer;
                if viewer.hash != Some(model.page.hash) {
                    return Err(format!(
                        "agent {} ends at {}.{} with a state unlike the visitor's",
                        agent.number.0, viewer.epoch, viewer.sequence
                    ));
                }
                let wire = agent.wire.and_then(|at| self.wires[at].as_ref());
                if !wire.is_some_and(|wire| model.ledger.has_all_ephemerals(&wire.watch)) {
                    return Err("an agent never got the newest ephemeral frame".into());
                }
                if viewer.participants != listed || viewer.visitor != "live" {
                    return Err(format!(
                        "agent {} knows {:?} and a visitor who is {}",
                        agent.number.0, viewer.participants, viewer.visitor
                    ));
                }
            }
        }
        *self.counts.entry("states_compared").or_default() += agents;
        Ok(())
    }

    fn end_everything(&mut self) -> Check {
        for (at, model) in self.sessions.iter().enumerate() {
            if model.at.is_some() {
                self.expected.ends.insert(at, CloseCode::Draining);
            }
        }
        self.relay.end_all(self.now, CloseCode::Draining);
        self.settle()?;
        self.turn(10_000_000)?;
        let stats = self.relay.stats();
        let left = [stats.sessions, stats.joins, stats.agents, stats.log_bytes];
        if left != [0; 4] || self.relay.next_deadline().is_some() {
            return Err(format!("something is left after the end: {stats:?}"));
        }
        Ok(())
    }
}

fn listed(model: &Model) -> Vec<u64> {
    let here = model.agents.iter().filter(|agent| agent.wire.is_some());
    let mut numbers: Vec<u64> = here.map(|agent| u64::from(agent.number.0)).collect();
    numbers.sort_unstable();
    numbers
}
