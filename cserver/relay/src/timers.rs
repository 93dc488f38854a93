//! Deadlines, soonest first. An owner has at most one entry that counts; it may be early, since a deadline that
//! moves away is not moved in the heap: when the entry comes up the owner looks again and puts it in anew.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::events::SessionRef;

/// Whose deadline it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    Session(SessionRef),
    /// Place and number of the agent; a number is given once in a session. The place is below
    /// `agents_per_session_max`, so it needs no more room: there is an entry for every connection.
    Agent(SessionRef, u32, u16),
    Budget,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(u64, Timer)>>,
}

impl Timers {
    /// Wants to be woken at `due`. `armed` is the owner's entry that counts; [`UNARMED`] at first.
    pub(crate) fn arm(&mut self, timer: Timer, due: Option<u64>, armed: &mut u64) {
        if let Some(due) = due
            && due < *armed
        {
            *armed = due;
            self.heap.push(Reverse((due, timer)));
        }
    }

    /// The next entry that has come up. The owner ignores it unless it is the one that counts.
    pub(crate) fn pop(&mut self, now: u64) -> Option<(u64, Timer)> {
        let Reverse((due, timer)) = *self.heap.peek()?;
        if due > now {
            return None;
        }
        self.heap.pop();
        Some((due, timer))
    }

    /// Keeps no more room than is needed.
    pub(crate) fn shrink(&mut self) {
        self.heap.shrink_to_fit();
    }

    /// When the next entry comes up.
    pub(crate) fn next(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((due, _))| *due)
    }
}

/// No entry counts.
pub(crate) const UNARMED: u64 = u64::MAX;
