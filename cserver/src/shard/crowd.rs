//! When a crowd has gone: tables shrink, and what the allocator keeps for the next one goes back to the system.
//!
//! Neither happens by itself. A table keeps the room of the most that it ever held, and mimalloc gives free pages back when it is asked for
//! memory the next time, which a core without work does not do: what ten thousand strangers had taken, 139 MB, stayed for as long as nobody
//! else came. So each core looks once a second whether most of its connections have gone since it last gave memory back. Who looks does
//! it; the other cores follow at their next look, since what came over from them is freed here and given back there.

use std::sync::atomic::Ordering;

use super::{Shard, parts};

/// Counts one core's connections.
#[derive(Default)]
pub(super) struct Crowd {
    /// The most of them since memory was given back last.
    most: usize,
    /// Crowds of the whole server, as far as this core has followed.
    followed: u64,
}

impl Crowd {
    pub(super) fn has_come(&mut self, connections: usize) {
        self.most = self.most.max(connections);
    }

    /// Whether most of them have gone when so many are left; if so it is counted anew. As many must have gone as are left, so that looking
    /// through what is left is less work than their coming was.
    fn has_gone(&mut self, left: usize) -> bool {
        let gone = self.most.saturating_sub(left);
        let has_gone = gone >= CROWD_MIN.max(left);
        if has_gone {
            self.most = left;
        }
        has_gone
    }
}

impl Shard {
    /// Whether a crowd has gone, here or from another core. Then tables here have shrunk, and the backend's are to, before memory is given
    /// back. Called once a second.
    pub fn has_crowd_gone(&mut self) -> bool {
        let crowds = &self.shared.crowds_gone;
        if self.crowd.has_gone(self.slots.len()) {
            crowds.fetch_add(1, Ordering::Relaxed);
        }
        let crowds = crowds.load(Ordering::Relaxed);
        let is_new = std::mem::replace(&mut self.crowd.followed, crowds) != crowds;
        if is_new {
            self.shrink();
        }
        is_new
    }

    fn shrink(&mut self) {
        self.slots.shrink_to_fit();
        let slots = &self.slots;
        // Of connections that are gone entries would stay until they are due.
        self.timers.retain(|entry| {
            let (due_ms, link) = entry.0;
            slots
                .get(parts(link).1)
                .is_some_and(|slot| slot.link == link && slot.timer_ms == due_ms)
        });
        self.timers.shrink_to_fit();
        self.pool = Vec::new();
        self.sends.shrink_to_fit();
        self.outputs.shrink_to_fit();
        self.flush.shrink();
        self.relay.shrink();
    }
}

/// Fewer are no crowd: what they leave is less than the buffers of a core.
const CROWD_MIN: usize = 64;

#[cfg(test)]
mod tests {
    use super::super::{Now, Shard};
    use super::*;
    use crate::shard::testing::shared;

    #[test]
    fn a_crowd_has_gone_when_most_of_it_has_and_few_are_none() {
        let mut crowd = Crowd::default();
        crowd.has_come(1_000);
        for (left, has_gone) in
            [(1_000, false), (501, false), (500, true), (400, false), (250, true)]
        {
            assert_eq!(crowd.has_gone(left), has_gone, "{left}");
        }
        crowd.has_come(CROWD_MIN);
        assert!(!crowd.has_gone(187), "as many as are left must have gone");
        assert!(crowd.has_gone(125) && !crowd.has_gone(62), "of few it is not worth looking");
    }

    #[test]
    fn the_tables_of_a_core_are_as_small_after_a_crowd_as_before_it_and_its_other_connections_stay()
    {
        let shared = shared(2);
        let [mut one, mut other] =
            [0, 1].map(|core| Shard::new(core, 2, shared.clone(), Box::new(|_| ())));
        let now = Now { mono_ms: 5, wall_ms: 5 };
        let stays = one.handle_accept(now).unwrap();
        let crowd: Vec<_> = (0..1_000).map(|_| one.handle_accept(now).unwrap()).collect();
        assert!(!one.has_crowd_gone() && !other.has_crowd_gone());
        crowd.into_iter().for_each(|link| one.handle_gone(now, link));
        while one.poll_output().is_some() {}
        assert!(one.slots.capacity() >= 1_000 && one.timers.len() >= 1_000);
        assert!(other.crowd.followed == 0 && one.has_crowd_gone(), "told where it has gone");
        assert!(other.has_crowd_gone(), "and where it may have come from");
        assert!(!one.has_crowd_gone() && !other.has_crowd_gone(), "once");
        assert!(one.holds(stays));
        assert_eq!(one.timers.len(), 1, "that of who stays");
        for room in [one.slots.capacity(), one.timers.capacity(), one.outputs.capacity()] {
            assert!(room < CROWD_MIN, "{room}");
        }
        // Its deadline still counts.
        one.handle_time(Now { mono_ms: crate::limits::OPENING_MS_MAX + 5, wall_ms: 5 });
        assert!(!one.holds(stays));
    }
}
