//! Asking the visitor for a keyframe: once for all who need one, not more often than the interval, and within the core's
//! budget. A wish that has to wait is not lost.

use super::Session;
use crate::agent::{Place, View};
use crate::percore::Core;

/// Where a session stands with its request.
#[derive(Default)]
pub(super) struct Request {
    /// Somebody needs an epoch that nobody sends yet.
    pub(super) wanted: bool,
    /// When the last one left.
    sent_at_ms: Option<u64>,
    /// No epoch has begun since.
    unanswered: bool,
    /// Waits for the core's budget.
    pub(super) in_line: bool,
    /// This wish was counted as one that had to wait.
    delayed: bool,
}

impl Request {
    /// An epoch begins: whoever waits is served by it.
    pub(super) fn served(&mut self) {
        (self.wanted, self.delayed, self.unanswered) = (false, false, false);
    }
}

impl Session {
    /// Sends the request that somebody wants, if the interval and the core's budget allow; else it waits for them.
    pub(crate) fn try_request(&mut self, core: &mut Core, now: u64) {
        if !self.can_request() || self.request.in_line {
            return;
        }
        if self.request_due_ms(core).is_some_and(|due| due > now) {
            self.count_delay(core);
            return;
        }
        let bytes = self.request_bytes();
        if core.afford(now, self.me, bytes) {
            self.send_request(core, now);
        } else {
            self.request.in_line = true;
            core.stats.keyframe_requests_budgeted += 1;
            self.count_delay(core);
        }
    }

    /// It is this session's turn in the line for the core's budget.
    pub(crate) fn come_up(&mut self, core: &mut Core, now: u64) {
        self.request.in_line = false;
        // The wish may have been served, and another not be due yet.
        if self.can_request() && self.request_due_ms(core).is_none_or(|due| due <= now) {
            core.pay(now, self.request_bytes());
            self.send_request(core, now);
        }
    }

    pub(super) fn can_request(&self) -> bool {
        // While a keyframe is arriving another is not asked for; a wish stays until it is complete.
        // One that has not left yet serves for all.
        let unsent = self.visitor.as_ref().is_none_or(|visitor| visitor.keyframe_request);
        self.request.wanted && !unsent && self.order.is_live()
    }

    pub(super) fn request_due_ms(&self, core: &Core) -> Option<u64> {
        let interval_ms = core.bounds.keyframe_request_interval_ms;
        self.request.sent_at_ms.map(|sent_at_ms| sent_at_ms.saturating_add(interval_ms))
    }

    pub(super) fn retry_due_ms(&self, core: &Core) -> Option<u64> {
        let sent_at_ms = self.request.sent_at_ms.filter(|_| self.request.unanswered)?;
        Some(sent_at_ms.saturating_add(core.bounds.keyframe_retry_ms))
    }

    /// The visitor had long enough to answer: if somebody still waits, it is asked again.
    pub(super) fn retry_request(&mut self, core: &Core, now: u64) {
        if self.retry_due_ms(core).is_some_and(|due| due <= now) {
            self.request.unanswered = false;
            let waits = |view: &View| view.place == Place::Waiting;
            self.request.wanted |=
                self.agents.iter().any(|(_, agent)| agent.view.as_ref().is_some_and(waits));
        }
    }

    fn request_bytes(&self) -> u64 {
        let agents = self.agents.iter().filter(|(_, agent)| agent.view.is_some()).count();
        self.log.keyframe_bytes().max(1).saturating_mul(agents.max(1) as u64)
    }

    fn send_request(&mut self, core: &mut Core, now: u64) {
        let Some(visitor) = &mut self.visitor else { return };
        visitor.keyframe_request = true;
        visitor.outlet.wake(now, &mut core.dirty);
        core.stats.keyframe_requests += 1;
    }

    /// The request is on its way to the visitor. The interval counts from here: a visitor who reads again after a
    /// while does not find two at once.
    pub(crate) fn request_left(&mut self, now: u64) {
        self.request.sent_at_ms = Some(now);
        (self.request.wanted, self.request.delayed, self.request.unanswered) = (false, false, true);
    }

    fn count_delay(&mut self, core: &mut Core) {
        if !self.request.delayed {
            self.request.delayed = true;
            core.stats.keyframe_requests_delayed += 1;
        }
    }
}
