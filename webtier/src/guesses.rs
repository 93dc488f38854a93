//! Keys that agents ask for and that no session has: how many an agent may try in one group. A machine in virtual time.
//!
//! A session key is short, so trying is bounded. Asking again for a key that was just missed is no new guess: a page that
//! waits for its session asks every two seconds.

use std::collections::{HashMap, VecDeque};

use protocol::{AgentId, GroupId, SessionKey};

use crate::limits::{GUESS_BURST, GUESS_REFILL_MS, GUESSES_REMEMBERED_MAX, THROTTLE_ENTRIES_MAX};
use crate::throttle::Throttle;

/// The misses of all agents.
pub(crate) struct Guesses {
    throttle: Throttle<(AgentId, GroupId)>,
    /// The last keys that each agent missed, the oldest first.
    missed: HashMap<AgentId, VecDeque<SessionKey>>,
}

impl Default for Guesses {
    fn default() -> Self {
        let throttle = Throttle::new(GUESS_BURST, GUESS_REFILL_MS);
        Self { throttle, missed: HashMap::new() }
    }
}

/// A try that was taken. To be shown again when a session has the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Try {
    /// Otherwise the key was missed, and paid for, before.
    is_paid: bool,
}

impl Guesses {
    /// Takes one try in each of these groups, before anything is looked up; `None` when one of them has none left.
    pub(crate) fn take(
        &mut self,
        now_ms: u64,
        agent: AgentId,
        groups: &[GroupId],
        key: &SessionKey,
    ) -> Option<Try> {
        if self.missed.get(&agent).is_some_and(|missed| missed.contains(key)) {
            return Some(Try { is_paid: false });
        }
        let taken =
            groups.iter().take_while(|group| self.throttle.take(now_ms, (agent, **group))).count();
        if taken < groups.len() {
            self.give_back(now_ms, agent, &groups[..taken]);
            return None;
        }
        self.remember(agent, *key);
        Some(Try { is_paid: true })
    }

    /// The key was that of a session: no guess.
    pub(crate) fn found(
        &mut self,
        now_ms: u64,
        agent: AgentId,
        groups: &[GroupId],
        key: &SessionKey,
        tried: Try,
    ) {
        // One that was waited for has been paid for as a miss, and is given back once.
        let was_missed = self.missed.get_mut(&agent).is_some_and(|missed| {
            let before = missed.len();
            missed.retain(|known| known != key);
            missed.len() < before
        });
        if self.missed.get(&agent).is_some_and(VecDeque::is_empty) {
            self.missed.remove(&agent);
        }
        if tried.is_paid || was_missed {
            self.give_back(now_ms, agent, groups);
        }
    }

    fn give_back(&mut self, now_ms: u64, agent: AgentId, groups: &[GroupId]) {
        for group in groups {
            self.throttle.give_back(now_ms, &(agent, *group));
        }
    }

    fn remember(&mut self, agent: AgentId, key: SessionKey) {
        if self.missed.len() >= THROTTLE_ENTRIES_MAX && !self.missed.contains_key(&agent) {
            // Whoever waits at this moment pays for one key more.
            self.missed.clear();
        }
        let missed = self.missed.entry(agent).or_default();
        if missed.len() >= GUESSES_REMEMBERED_MAX {
            missed.pop_front();
        }
        missed.push_back(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(byte: u8) -> AgentId {
        AgentId::from_bytes([byte; 16])
    }

    fn key(number: u32) -> SessionKey {
        number.to_string().parse().unwrap()
    }

    fn group(name: &str) -> GroupId {
        name.parse().unwrap()
    }

    #[test]
    fn guessing_ends_for_one_agent_in_one_group_and_comes_back_with_time() {
        let mut guesses = Guesses::default();
        let (demo, other) = ([group("demo")], [group("other")]);
        for n in 0..GUESS_BURST {
            assert!(guesses.take(0, agent(1), &demo, &key(n)).is_some());
        }
        let next = key(GUESS_BURST);
        assert!(guesses.take(0, agent(1), &demo, &next).is_none());
        assert!(
            guesses.take(0, agent(1), &[demo[0], other[0]], &next).is_none(),
            "one group is used up"
        );
        assert!(guesses.take(0, agent(1), &other, &next).is_some(), "another group");
        assert!(guesses.take(0, agent(2), &demo, &next).is_some(), "another agent");
        assert!(guesses.take(GUESS_REFILL_MS, agent(1), &demo, &key(GUESS_BURST + 1)).is_some());
        assert!(guesses.take(GUESS_REFILL_MS, agent(1), &demo, &key(GUESS_BURST + 2)).is_none());
    }

    #[test]
    fn what_is_found_and_what_is_waited_for_costs_nothing() {
        let mut guesses = Guesses::default();
        let demo = [group("demo")];
        for n in 0..GUESS_BURST * 3 {
            let tried = guesses.take(0, agent(1), &demo, &key(n)).unwrap();
            guesses.found(0, agent(1), &demo, &key(n), tried);
        }
        for _ in 0..GUESS_BURST * 3 {
            assert!(guesses.take(0, agent(1), &demo, &key(7)).is_some(), "the same key again");
        }
        for n in 100..100 + GUESS_BURST - 1 {
            assert!(guesses.take(0, agent(1), &demo, &key(n)).is_some(), "it has cost one try");
        }
        assert!(guesses.take(0, agent(1), &demo, &key(99)).is_none());
    }

    #[test]
    fn more_keys_at_once_than_are_remembered_cost_nothing_when_they_are_found() {
        let mut guesses = Guesses::default();
        let demo = [group("demo")];
        for round in 0..5 {
            let keys = (0..GUESS_BURST).map(|n| key(round * GUESS_BURST + n));
            let tried: Vec<_> =
                keys.map(|key| (key, guesses.take(0, agent(1), &demo, &key).unwrap())).collect();
            for (key, tried) in tried {
                guesses.found(0, agent(1), &demo, &key, tried);
            }
        }
    }
}
