//! When things are due: an open loop, so nothing waits for what came before it.
//!
//! Every stream of messages has a period; the streams of a crowd begin evenly spread over it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::field::Window;
use crate::scenario::Crowd;

/// Something that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// A diff of the session at this place.
    Diff(usize),
    /// An ephemeral frame of it.
    Ephemeral(usize),
    /// A keyframe of it.
    Keyframe(usize),
    /// A pointer of its agent.
    Pointer(usize, usize),
    /// Its agent joins.
    Join(usize, usize),
    /// It ends, and a new one takes its place.
    Renew(usize),
    /// All its connections are cut.
    Cut(usize),
}

/// A schedule of one thread.
#[derive(Default)]
pub struct Schedule {
    due: BinaryHeap<Reverse<(u64, Action, u64)>>,
}

impl Schedule {
    /// Everything that the sessions of these crowds do in the window; the list gives each session's crowd, in order of
    /// their places.
    pub fn new(window: Window, crowds: &[Crowd], sessions: &[usize]) -> Self {
        let mut schedule = Self::default();
        for (number, crowd) in crowds.iter().enumerate() {
            let places: Vec<usize> =
                (0..sessions.len()).filter(|at| sessions[*at] == number).collect();
            for (rank, at) in places.iter().copied().enumerate() {
                let share = rank as f64 / places.len() as f64;
                schedule.fill(window, crowd, at, share);
            }
        }
        schedule
    }

    /// The next action if it is due by then, and when it was due. What repeats is entered anew.
    pub fn next(&mut self, now_ns: u64) -> Option<(u64, Action)> {
        let Reverse((due_ns, action, period_ns)) = *self.due.peek()?;
        if due_ns > now_ns {
            return None;
        }
        self.due.pop();
        if period_ns > 0 {
            self.due.push(Reverse((due_ns + period_ns, action, period_ns)));
        }
        Some((due_ns, action))
    }

    /// When the next action is due.
    pub fn next_due_ns(&self) -> Option<u64> {
        self.due.peek().map(|Reverse((due_ns, ..))| *due_ns)
    }

    fn fill(&mut self, window: Window, crowd: &Crowd, at: usize, share: f64) {
        let mut every = |per_s: f64, share: f64, action: Action| {
            if per_s > 0.0 {
                let period_ns = (1e9 / per_s).max(1.0) as u64;
                let first_ns = window.start_ns + (period_ns as f64 * share) as u64;
                self.due.push(Reverse((first_ns, action, period_ns)));
            }
        };
        every(crowd.diffs_per_s * window.scale, share, Action::Diff(at));
        every(crowd.ephemerals_per_s, share, Action::Ephemeral(at));
        // Not at the moment of the first diffs.
        every(crowd.keyframes_per_s * window.scale, (share + 0.5).fract(), Action::Keyframe(at));
        if let Some(life_ms) = crowd.life_ms {
            every(1_000.0 / life_ms as f64, share, Action::Renew(at));
        }
        for agent in 0..crowd.agents as usize {
            let own = (share + agent as f64 / f64::from(crowd.agents)).fract();
            every(crowd.pointers_per_s, own, Action::Pointer(at, agent));
        }
        let mut once = |after_ms: f64, action: Action| {
            let due_ns = window.from_ns + (after_ms * 1e6) as u64;
            self.due.push(Reverse((due_ns, action, 0)));
        };
        if let Some(join) = crowd.join {
            for agent in 0..(crowd.agents + crowd.stalled) as usize {
                let rank = agent as f64 / f64::from(crowd.agents + crowd.stalled);
                let part = (share + rank).fract();
                let after_ms = join.from_ms as f64 + join.over_ms as f64 * part;
                once(after_ms, Action::Join(at, agent));
            }
        }
        if let Some(cut_ms) = crowd.cut_ms {
            once(cut_ms as f64, Action::Cut(at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    fn run(schedule: &mut Schedule, to_ns: u64) -> Vec<(u64, Action)> {
        std::iter::from_fn(|| schedule.next(to_ns - 1)).collect()
    }

    #[test]
    fn a_second_of_the_wide_workload_has_6_000_messages_evenly_spread() {
        let crowds = Scenario::by_name("W7").unwrap().crowds;
        let window = Window { start_ns: 5_000, from_ns: 5_000, to_ns: 1_000_005_000, scale: 1.0 };
        let mut schedule = Schedule::new(window, &crowds, &[0; 300]);
        let all = run(&mut schedule, window.to_ns);
        assert_eq!(all.len(), 6_000);
        assert!(all.windows(2).all(|pair| pair[1].0 - pair[0].0 <= 200_000), "no bursts");
        let of_one = all.iter().filter(|(_, action)| *action == Action::Diff(7)).count();
        assert_eq!(of_one, 20);
    }

    #[test]
    fn a_late_look_finds_everything_that_was_due_with_its_own_time() {
        let crowds = Scenario::by_name("W1").unwrap().crowds;
        let window = Window { start_ns: 0, from_ns: 0, to_ns: 1, scale: 2.0 };
        let mut schedule = Schedule::new(window, &crowds, &[0]);
        let all = run(&mut schedule, 350_000_000);
        let due: Vec<u64> = all.iter().map(|(due_ns, _)| due_ns / 1_000_000).collect();
        assert_eq!(due, [0, 100, 200, 300]);
        assert_eq!(schedule.next_due_ns(), Some(400_000_000));
    }

    #[test]
    fn a_storm_cuts_each_session_once() {
        let crowds = Scenario::by_name("reconnect-storm").unwrap().crowds;
        let window =
            Window { start_ns: 0, from_ns: 1_000_000_000, to_ns: 9_000_000_000, scale: 1.0 };
        let mut schedule = Schedule::new(window, &crowds, &[0, 1, 1, 0]);
        let cuts: Vec<_> = run(&mut schedule, window.to_ns)
            .into_iter()
            .filter(|(_, action)| matches!(action, Action::Cut(_)))
            .collect();
        assert_eq!(cuts, [(4_000_000_000, Action::Cut(1)), (4_000_000_000, Action::Cut(2))]);
    }
}
