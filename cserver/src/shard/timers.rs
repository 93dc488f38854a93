//! Time on a shard: silent connections, the relay's own deadlines, the control machine's beat, a drain's end.
//!
//! Each connection has at most one entry in the heap that counts. It may be early, since hearing from a
//! connection moves its deadline without touching the heap; then it is put in again, later.

use std::cmp::Reverse;

use connection::Connection;
use protocol::CloseCode;
use protocol::control::Up;
use relay::LinkId;

use super::slot::{Role, Slot};
use super::{Now, Shard, get};
use crate::control::LoadFigures;
use crate::limits::{LOAD_MS, METRICS_MS};

impl Shard {
    /// Time has passed. Cheap when nothing is due.
    pub fn handle_time(&mut self, now: Now) {
        self.relay.handle_time(now.mono_ms);
        while let Some(Reverse((due_ms, link))) = self.timers.peek().copied() {
            if due_ms > now.mono_ms {
                break;
            }
            self.timers.pop();
            self.timer(now, due_ms, link);
        }
        if self.control.is_some() && now.mono_ms >= self.control_due_ms {
            self.control_beat(now);
        }
    }

    /// Whether a drain was ordered and has come to its end: everybody has read why and has left, or the deadline has passed.
    /// Who only asks (for health, or to be told to go elsewhere) does not hold it up.
    pub fn is_drained(&self, now: Now) -> bool {
        let done = |slot: &Slot| {
            slot.outgoing.is_empty() && matches!(slot.role, Role::Control | Role::Guest { .. })
        };
        self.drain_until_ms.is_some()
            && (self.is_overdue(now)
                || (self.reports_due_ms().is_none()
                    && self.slots.iter().all(|(_, slot)| done(slot))))
    }

    /// Whether the deadline of a drain has passed.
    pub fn is_overdue(&self, now: Now) -> bool {
        self.drain_until_ms.is_some_and(|until_ms| now.mono_ms >= until_ms)
    }

    /// When [`Shard::handle_time`] has something to do, monotonic milliseconds.
    pub fn next_deadline(&self) -> Option<u64> {
        let timers = self.timers.peek().map(|Reverse((due_ms, _))| *due_ms);
        let control = self.control.is_some().then_some(self.control_due_ms);
        let flush = self.relay.has_dirty().then(|| self.flush_due_ms());
        let at_once = self.has_line().then_some(0);
        [
            timers,
            control,
            self.reports_due_ms(),
            flush,
            at_once,
            self.relay.next_deadline(),
            self.drain_until_ms,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub(super) fn set_timer(&mut self, link: LinkId) {
        let Some(slot) = get(&mut self.slots, link) else { return };
        let deadline_ms = slot.deadline_ms();
        // An entry that is due earlier will be put in again by itself.
        if deadline_ms < slot.timer_ms {
            slot.timer_ms = deadline_ms;
            self.timers.push(Reverse((deadline_ms, link)));
        }
    }

    fn timer(&mut self, now: Now, due_ms: u64, link: LinkId) {
        let Some(slot) = get(&mut self.slots, link) else { return };
        if slot.timer_ms != due_ms {
            return;
        }
        slot.timer_ms = u64::MAX;
        if slot.deadline_ms() > now.mono_ms {
            return self.set_timer(link);
        }
        match (slot.ending, slot.role) {
            (None, Role::Visitor | Role::Agent | Role::Presence) if !slot.pinged => {
                slot.pinged = true;
                // Between two frames: `outgoing` holds whole ones only.
                slot.connection.seal(Connection::ping_frame(), &mut slot.outgoing);
                self.want_send(link);
                self.set_timer(link);
            }
            (None, Role::Visitor | Role::Agent | Role::Presence) => {
                self.close(now, link, CloseCode::TooSlow);
                self.set_timer(link);
            }
            (None, Role::Guest { .. }) if slot.connection.is_established() => {
                self.close(now, link, CloseCode::TooSlow);
                self.set_timer(link);
            }
            (Some(_), _) | (None, _) => {
                self.handle_gone(now, link);
            }
        }
    }

    fn control_beat(&mut self, now: Now) {
        self.control_due_ms = now.mono_ms + LOAD_MS / 2;
        self.shared.keys.write().prune(now.wall_ms);
        let (sessions, agents, connections) = self.shared.totals();
        let accepting = !self.shared.is_draining() && !self.shared.is_full();
        let load = || LoadFigures { sessions, agents, connections, accepting };
        if let Some(control) = &mut self.control {
            let mut effects = control.tick(now.mono_ms, load);
            if now.mono_ms >= self.metrics_due_ms {
                self.metrics_due_ms = now.mono_ms + METRICS_MS;
                let whole = self.shared.whole(now);
                for core in 0..self.cores {
                    let record = Up::Metrics {
                        core: u16::try_from(core).unwrap_or(u16::MAX),
                        whole: Box::new(whole.clone()),
                        figures: Box::new(self.shared.figures(core)),
                    };
                    effects.extend(control.to_all(&record));
                }
            }
            self.apply(now, effects);
        }
    }
}
