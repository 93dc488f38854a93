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
    missed: HashMap<AgentId, VecDeque<Missed>>,
}

/// A key that no session has in any of these groups; each of them has been paid for.
struct Missed {
    key: SessionKey,
    groups: Vec<GroupId>,
}

impl Default for Guesses {
    fn default() -> Self {
        let throttle = Throttle::new(GUESS_BURST, GUESS_REFILL_MS);
        Self { throttle, missed: HashMap::new() }
    }
}

/// A try that was taken. To be shown again when a session has the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Try {
    /// Groups that it was paid for in; in the others the key was missed, and paid for, before.
    paid: Vec<GroupId>,
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
        let missed = self.missed.get(&agent).into_iter().flatten().find(|known| known.key == *key);
        let is_new = |group: &&GroupId| missed.is_none_or(|known| !known.groups.contains(*group));
        let paid: Vec<_> = groups.iter().filter(is_new).copied().collect();
        if paid.is_empty() {
            return Some(Try { paid });
        }
        let taken =
            paid.iter().take_while(|group| self.throttle.take(now_ms, (agent, **group))).count();
        if taken < paid.len() {
            self.give_back(now_ms, agent, &paid[..taken]);
            return None;
        }
        self.remember(agent, *key, &paid);
        Some(Try { paid })
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
        let mut paid = self.forget(agent, groups, key);
        let more = tried.paid.into_iter().filter(|group| !paid.contains(group)).collect::<Vec<_>>();
        paid.extend(more);
        self.give_back(now_ms, agent, &paid);
    }

    fn give_back(&mut self, now_ms: u64, agent: AgentId, groups: &[GroupId]) {
        for group in groups {
            self.throttle.give_back(now_ms, &(agent, *group));
        }
    }

    fn remember(&mut self, agent: AgentId, key: SessionKey, groups: &[GroupId]) {
        if self.missed.len() >= THROTTLE_ENTRIES_MAX && !self.missed.contains_key(&agent) {
            // Whoever waits at this moment pays for one key more.
            self.missed.clear();
        }
        let missed = self.missed.entry(agent).or_default();
        if let Some(known) = missed.iter_mut().find(|known| known.key == key) {
            known.groups.extend_from_slice(groups);
            return;
        }
        if missed.len() >= GUESSES_REMEMBERED_MAX {
            missed.pop_front();
        }
        missed.push_back(Missed { key, groups: groups.to_vec() });
    }

    /// The key is missed in none of these groups any more; those that it was paid for in.
    fn forget(&mut self, agent: AgentId, groups: &[GroupId], key: &SessionKey) -> Vec<GroupId> {
        let mut paid = Vec::new();
        let Some(missed) = self.missed.get_mut(&agent) else { return paid };
        for known in missed.iter_mut().filter(|known| known.key == *key) {
            paid.extend(known.groups.extract_if(.., |group| groups.contains(group)));
        }
        missed.retain(|known| !known.groups.is_empty());
        if missed.is_empty() {
            self.missed.remove(&agent);
        }
        paid
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
    fn a_key_that_was_missed_in_one_group_or_in_none_is_a_new_guess_in_another() {
        let mut guesses = Guesses::default();
        let (demo, both) = ([group("demo")], [group("demo"), group("other")]);
        for n in 0..GUESS_BURST {
            assert!(guesses.take(0, agent(1), &[], &key(n)).is_some());
            assert!(guesses.take(0, agent(1), &demo, &key(n)).is_some());
        }
        let (last, next) = (key(GUESS_BURST - 1), key(GUESS_BURST));
        assert!(guesses.take(0, agent(1), &[], &next).is_some(), "nothing is looked up");
        assert!(guesses.take(0, agent(1), &demo, &next).is_none());
        // In the group in which it was missed it costs nothing, in the other one it does, and comes back when it is found.
        for _ in 0..2 {
            let tried = guesses.take(0, agent(1), &both, &last).unwrap();
            guesses.found(0, agent(1), &both[1..], &last, tried);
        }
        for n in 0..GUESS_BURST {
            assert!(guesses.take(0, agent(1), &both[1..], &key(100 + n)).is_some(), "{n}");
        }
        assert!(guesses.take(0, agent(1), &both[1..], &key(99)).is_none());
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
