//! What happens in a world before it comes to its end, by chance.

use crate::net::Host;
use crate::visitor::Stage;
use crate::world::{Check, World};

impl World {
    /// Something happens, and some time passes.
    pub(crate) fn act(&mut self) -> Check {
        match self.rng.below(100) {
            0..37 => {
                let at = self.rng.index(self.visitors.len());
                if matches!(self.visitors[at].stage, Stage::Idle) {
                    self.visitors[at].start(self.now);
                } else {
                    for _ in 0..self.rng.between(1, 4) {
                        self.visitors[at].change(&mut self.rng);
                    }
                }
            }
            37..40 => self.absence()?,
            40..46 => self.purge(),
            46..54 => self.kill_server(),
            54..58 => self.drain()?,
            58..65 => self.restart_tier(),
            65..77 => self.partition(),
            77..85 => self.break_connection(),
            85..89 => self.slow_reader(),
            89..96 => self.steal(),
            96 => self.stop_visitor(),
            97 => {
                let at = self.rng.index(self.agents.len());
                self.end_by_agent(at);
            }
            _ => self.correct_a_clock(),
        }
        let ms = self.rng.between(20, 1_800);
        self.pass(ms)
    }

    /// Something became masked: nothing from before may be shown to anybody who comes later.
    fn purge(&mut self) {
        let at = self.rng.index(self.visitors.len());
        if self.visitors[at].is_live() {
            self.visitors[at].begin(&mut self.rng, 0, true);
            self.count("purges");
        }
    }

    fn kill_server(&mut self) {
        let at = self.rng.index(2);
        if self.servers[at].running.is_some() {
            let back_ms = self.now + self.rng.between(100, 8_000);
            self.servers[at].die(self.now, &mut self.net, back_ms);
            self.count("servers_killed");
        }
    }

    fn drain(&mut self) -> Check {
        let (tier, server) = (self.rng.index(2), self.rng.index(2));
        let deadline_ms = self.rng.between(500, 5_000);
        let id = crate::servers::name(server).parse().map_err(|_| "an id")?;
        if let Some(running) = &self.tiers[tier].running {
            running.drain(&id, deadline_ms).map_err(|error| error.to_string())?;
            self.count("servers_drained");
        }
        Ok(())
    }

    fn restart_tier(&mut self) {
        let at = self.rng.index(2);
        if self.tiers[at].running.is_some() {
            let back_ms = self.now + self.rng.between(100, 10_000);
            self.kill_tier(at, back_ms);
            self.count("tiers_killed");
        }
    }

    fn partition(&mut self) {
        let hosts = 4 + self.visitors.len() + self.agents.len();
        let one = self.rng.index(4);
        let other = self.rng.index(hosts);
        if one != other {
            // Mostly short; now and then longer than any patience.
            let longest = if self.rng.chance(20) { 25_000 } else { 4_000 };
            let until_ms = self.now + self.rng.between(100, longest);
            self.net.block(one, other, until_ms);
            self.count("partitions");
        }
    }

    /// A visitor is in a tunnel: its connections are given up by the network, and nothing leaves or reaches its host, for less than the shorter
    /// grace period or for longer.
    fn absence(&mut self) -> Check {
        let at = self.rng.index(self.visitors.len());
        if self.visitors[at].is_live() {
            let (host, until_ms) =
                (self.visitors[at].host, self.now + self.rng.between(2_000, 30_000));
            self.cut(host);
            self.count("absences");
            self.pass(RESET_MS)?;
            for other in 0..4 {
                self.net.block(host, other, until_ms);
            }
        }
        Ok(())
    }

    /// The network gives up every connection from a host.
    pub(crate) fn cut(&mut self, host: Host) {
        for wire in 0..self.net.wires.len() {
            if self.net.wires[wire].as_ref().is_some_and(|wire| wire.from == host) {
                self.net.reset(self.now, wire);
            }
        }
    }

    fn break_connection(&mut self) {
        let at = self.rng.index(self.net.wires.len());
        if self.net.wires.get(at).is_some_and(Option::is_some) {
            self.net.reset(self.now, at);
            self.count("resets");
        }
    }

    fn slow_reader(&mut self) {
        let at = self.rng.index(self.net.wires.len());
        let until_ms = self.now + self.rng.between(200, 6_000);
        if let Some(Some(wire)) = self.net.wires.get_mut(at)
            && wire.from >= 4
        {
            wire.asleep_until_ms = until_ms;
            self.sleepers.push((until_ms, at));
            self.count("slow_readers");
        }
    }

    fn steal(&mut self) {
        if let Some(ticket) = self.stolen() {
            let server = if self.rng.chance(70) { ticket.server } else { 1 - ticket.server };
            self.thief.tries(ticket, server);
        }
    }

    fn stop_visitor(&mut self) {
        let at = self.rng.index(self.visitors.len());
        if self.visitors[at].stop() {
            self.count("visitor_ends");
        }
    }

    /// Whether its visitor is connected there, elsewhere or nowhere.
    pub(crate) fn end_by_agent(&mut self, at: usize) -> bool {
        let ends = self.agents[at].end();
        if ends {
            self.visitors[self.agents[at].visitor].may_be_ended = true;
            self.count("agent_ends");
        }
        ends
    }

    fn correct_a_clock(&mut self) {
        let offset_ms = self.rng.between(0, 4_800) as i64 - 2_400;
        match self.rng.index(4) {
            at @ 0..2 => self.servers[at].offset_ms = offset_ms,
            at => self.tiers[at - 2].offset_ms = offset_ms,
        }
        self.count("clocks_stepped");
    }
}

/// Both ends of a connection that is broken have heard of it by then.
pub(crate) const RESET_MS: u64 = 2;
