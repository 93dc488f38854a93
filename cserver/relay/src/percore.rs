//! What the sessions of one core share: bounds, connections, timers, the resync budget, and what is to be polled.

use std::collections::VecDeque;

use protocol::CloseCode;

use crate::bounds::Bounds;
use crate::bucket::Bucket;
use crate::events::{Event, SessionRef};
use crate::links::{LinkId, Links};
use crate::stats::Stats;
use crate::timers::{Timer, Timers, UNARMED};

/// See the module.
pub(crate) struct Core {
    pub(crate) bounds: Bounds,
    pub(crate) stats: Stats,
    pub(crate) links: Links,
    pub(crate) timers: Timers,
    pub(crate) events: VecDeque<Event>,
    /// Connections with something to send, each once; some may be gone by now.
    pub(crate) dirty: VecDeque<LinkId>,
    /// Ephemeral frames are left out: the core is full.
    pub(crate) leaves_out_ephemeral: bool,
    budget: Bucket,
    /// Sessions whose request waits for the budget, in their order.
    line: VecDeque<SessionRef>,
    line_armed_ms: u64,
}

impl Core {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            stats: Stats::default(),
            links: Links::default(),
            timers: Timers::default(),
            events: VecDeque::new(),
            dirty: VecDeque::new(),
            leaves_out_ephemeral: false,
            budget: Bucket::new(bounds.resync_bytes_per_s, bounds.resync_bytes_per_s, 0),
            line: VecDeque::new(),
            line_armed_ms: UNARMED,
        }
    }

    /// Keeps no more room than is needed.
    pub(crate) fn shrink(&mut self) {
        self.links.shrink();
        self.timers.shrink();
        self.events.shrink_to_fit();
        self.dirty.shrink_to_fit();
        self.line.shrink_to_fit();
    }

    /// Tells the caller to end a connection, and forgets it.
    pub(crate) fn close(&mut self, link: LinkId, code: CloseCode) {
        self.links.remove(link);
        self.events.push_back(Event::Close { link, code });
    }

    /// Whether a keyframe of so many bytes, to all its agents, may be asked for now. If not, the session gets in line
    /// and is asked again by [`Core::next_in_line`].
    pub(crate) fn afford(&mut self, now: u64, session: SessionRef, bytes: u64) -> bool {
        // Who comes while others wait does not overtake them.
        if self.line.is_empty() && self.budget.borrow(now, bytes) {
            return true;
        }
        self.line.push_back(session);
        self.arm_line();
        false
    }

    /// The timer of the line came up.
    pub(crate) fn line_came_up(&mut self, due: u64) {
        if self.line_armed_ms == due {
            self.line_armed_ms = UNARMED;
        }
    }

    /// The session whose turn it is, if the budget has something left.
    pub(crate) fn next_in_line(&mut self, now: u64) -> Option<SessionRef> {
        if self.line.is_empty() || !self.budget.borrow(now, 0) {
            return None;
        }
        self.line.pop_front()
    }

    /// What the request of a session from the line costs.
    pub(crate) fn pay(&mut self, now: u64, bytes: u64) {
        self.budget.borrow(now, bytes);
    }

    /// Wakes the relay when the budget is there again for who still waits.
    pub(crate) fn arm_line(&mut self) {
        let due = (!self.line.is_empty()).then(|| self.budget.ready_at());
        self.timers.arm(Timer::Budget, due, &mut self.line_armed_ms);
    }
}
