//! What a session does because time has passed: grace, stalls, idle joins, requests that had to wait.

use protocol::CloseCode;

use super::{End, Session};
use crate::frames::VisitorState;
use crate::percore::Core;
use crate::timers::{Timer, UNARMED};
use crate::visitor::Connected;

impl Session {
    /// Something of the session itself is due.
    pub(crate) fn handle_timer(&mut self, core: &mut Core, now: u64, due: u64) -> End {
        if self.armed_ms != due {
            return None;
        }
        self.armed_ms = UNARMED;
        let stall_ms = core.bounds.agent_stall_ms;
        let stalled =
            |visitor: &Connected| visitor.outlet.stalled_at(stall_ms).is_some_and(|at| at <= now);
        match &self.visitor {
            Some(visitor) if stalled(visitor) => {
                core.stats.stalls += 1;
                self.close_visitor(core, now, CloseCode::TooSlow);
            }
            Some(_) => {}
            None if now >= self.gone_since_ms.saturating_add(self.grace_ms) => {
                return Some(CloseCode::SessionEndedTimeout);
            }
            None if now >= self.gone_since_ms.saturating_add(core.bounds.leaving_ms) => {
                self.set_state(core, now, VisitorState::Offline);
            }
            None => {}
        }
        self.retry_request(core, now);
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
        let timer = Timer::Agent(self.me, key as u32, agent.number.0);
        core.timers.arm(timer, due, &mut agent.armed_ms);
    }
}
