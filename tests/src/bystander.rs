//! Somebody else's session: whatever a test does to a server, this one must go on.

use anyhow::{Context, Result};

use crate::agent::Agent;
use crate::stack::Stack;
use crate::visitor::Visitor;

/// A healthy session with one agent on each CServer that a stack has.
pub struct Bystander {
    sessions: Vec<(Visitor, Agent)>,
    count: usize,
}

impl Bystander {
    /// Starts as many sessions as it takes to have one on every CServer.
    pub fn start(stack: &Stack) -> Result<Self> {
        let mut sessions: Vec<(Visitor, Agent)> = Vec::new();
        let mut seen = vec![false; stack.servers().len()];
        // The web tier chooses the least loaded, so a few more than there are servers reach all of them.
        for _ in 0..4 * seen.len() {
            let visitor = Visitor::with_page(stack, "demo", b"a bystander's page")?;
            let at =
                stack.server_at(&visitor.answer.server).context("a server that is not ours")?;
            seen[at] = true;
            let agent = Agent::join(stack, "ada", visitor.key())?;
            sessions.push((visitor, agent));
            if seen.iter().all(|seen| *seen) {
                break;
            }
        }
        let mut bystander = Self { sessions, count: 0 };
        bystander.still_relays()?;
        Ok(bystander)
    }

    /// Every page is shown anew: what its server kept of it until now can go.
    pub fn begin_anew(&mut self) -> Result<()> {
        for (visitor, agent) in &mut self.sessions {
            visitor.keyframe(b"a bystander's page")?;
            agent.expect_copy_of(visitor).context("a bystander's session was harmed")?;
        }
        Ok(())
    }

    /// A change crosses every session, byte for byte.
    pub fn still_relays(&mut self) -> Result<()> {
        self.count += 1;
        for (visitor, agent) in &mut self.sessions {
            visitor.diff(format!("change {}", self.count).as_bytes())?;
            agent.expect_copy_of(visitor).context("a bystander's session was harmed")?;
        }
        Ok(())
    }
}
