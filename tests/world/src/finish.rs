//! The end of a world: everything is mended, and then everything must come right by itself.

use crate::agent::Stage as AgentStage;
use crate::servers::name;
use crate::visitor::{Stage, UNHEARD, Visitor};
use crate::world::{Check, World};
use webtier::simulated::known;

impl World {
    /// Mends everything, waits until all is well, and says what is not when that takes too long.
    pub(crate) fn finish(&mut self) -> Check {
        self.heal();
        let end = self.now + SETTLE_MS;
        loop {
            self.pass(500)?;
            match self.unsettled()? {
                None => break,
                Some(why) if self.now >= end => {
                    return Err(format!(
                        "{} s after everything was mended: {why}",
                        SETTLE_MS / 1_000
                    ));
                }
                Some(_) => {}
            }
        }
        self.count("worlds_healed");
        Ok(())
    }

    fn heal(&mut self) {
        self.net.heal();
        self.sleepers.iter_mut().for_each(|(until_ms, _)| *until_ms = 0);
        for server in &mut self.servers {
            server.start_ms = server.start_ms.min(self.now);
            server.offset_ms = server.offset_ms.clamp(-2_400, 2_400);
        }
        for tier in &mut self.tiers {
            tier.start_ms = tier.start_ms.min(self.now);
            tier.offset_ms = tier.offset_ms.clamp(-2_400, 2_400);
        }
        for visitor in self.visitors.iter_mut().filter(|one| matches!(one.stage, Stage::Idle)) {
            visitor.start(self.now);
        }
    }

    /// What is not as it must be in the end.
    fn unsettled(&mut self) -> Result<Option<String>, String> {
        for at in 0..self.visitors.len() {
            let visitor = &self.visitors[at];
            let why = match &visitor.stage {
                Stage::Over { reason } if reason == UNHEARD => None,
                Stage::Over { reason } => self.over_is_untrue(visitor, reason)?,
                _ if !visitor.is_live() => Some(format!("visitor {at} is not live")),
                _ => self.live_is_untrue(at, visitor)?,
            };
            if why.is_some() {
                return Ok(why);
            }
        }
        let live = self.visitors.iter().filter(|visitor| visitor.is_live()).count() as u64;
        let held: u64 = self
            .servers
            .iter()
            .filter_map(|server| server.running.as_ref())
            .map(|r| r.sessions())
            .sum();
        let unheard = self
            .visitors
            .iter()
            .filter(|one| matches!(&one.stage, Stage::Over { reason } if reason == UNHEARD));
        if !(live..=live + unheard.count() as u64).contains(&held) {
            return Ok(Some(format!("{held} sessions are held for {live} visitors")));
        }
        for tier in &self.tiers {
            if tier.running.as_ref().is_none_or(|running| running.servers_up() != 2) {
                return Ok(Some("a web tier does not reach both CServers".into()));
            }
        }
        Ok(None)
    }

    fn over_is_untrue(&self, visitor: &Visitor, reason: &str) -> Result<Option<String>, String> {
        let Some(held) = &visitor.session else { return Ok(None) };
        let disk = &self.tiers[visitor.tier].disk;
        let found = known(disk, &held.id).map_err(|error| error.to_string())?;
        if let Some(server) = self.servers.iter().find(|server| server.has(&held.id)) {
            let host = name(server.host);
            return Ok(Some(format!(
                "{host} has a session that is over ({reason}, home {}), and its web tier knows {found:?}",
                held.home
            )));
        }
        if found.is_none_or(|found| matches!(&*found.state, "live" | "assigned")) {
            return Ok(Some(format!("a session that is over ({reason}) counts as open")));
        }
        let agents =
            self.agents.iter().filter(|agent| self.visitors[agent.visitor].host == visitor.host);
        let watched = agents.filter(|agent| matches!(agent.stage, AgentStage::Watching(_))).count();
        Ok((watched > 0).then(|| format!("{watched} agents watch a session that is over")))
    }

    fn live_is_untrue(&self, at: usize, visitor: &Visitor) -> Result<Option<String>, String> {
        let Some(held) = &visitor.session else { return Ok(Some("live without a session".into())) };
        let homes: Vec<_> =
            self.servers.iter().filter(|server| server.has(&held.id)).map(|s| s.host).collect();
        if homes != [held.server] {
            return Ok(Some(format!(
                "visitor {at} is at {}, its session at {homes:?}",
                held.server
            )));
        }
        for agent in self.agents.iter().filter(|agent| agent.visitor == at) {
            // A process that is gone may have taken the report with it.
            if let Some((server, boot)) = agent.heard_end
                && self.servers[server].running.as_ref().is_some_and(|one| one.boot == boot)
            {
                let home = held.home;
                return Ok(Some(format!(
                    "visitor {at} is live at home {home}, and its session was ended by an agent at s{server}"
                )));
            }
        }
        let disk = &self.tiers[visitor.tier].disk;
        let found = known(disk, &held.id).map_err(|error| error.to_string())?;
        let is_right = found.as_ref().is_some_and(|found| {
            found.state == "live"
                && found.home == held.home
                && found.server.as_str() == name(held.server)
        });
        if !is_right {
            return Ok(Some(format!(
                "visitor {at} is at home {} of s{}, and its web tier knows {found:?}",
                held.home, held.server
            )));
        }
        for (number, agent) in self.agents.iter().enumerate().filter(|(_, one)| one.visitor == at) {
            let sees = matches!(agent.stage, AgentStage::Watching(_)).then_some(agent.viewer.hash);
            if sees.flatten() != Some(visitor.page.hash) {
                return Ok(Some(format!("agent {number} does not see what visitor {at} shows")));
            }
        }
        Ok(None)
    }
}

/// Keys, dialling, grace and the life of an assignment all come to their end within it.
const SETTLE_MS: u64 = 180_000;
