//! Single use: the nonces of tickets that were accepted, until no ticket with them can be valid any more.
//!
//! They are forgotten by a clock that never goes back, or a set could not be bounded. Tickets live by the wall clock, which may be set
//! back: so of each key it is known up to which end its tickets have been forgotten, and none that ends by then is taken any more.
//! It stands with the key, since web tiers whose clocks were set back as well sign with new ones.

use std::collections::{HashMap, HashSet, VecDeque};

use protocol::limits::{CLOCK_SKEW_MS, TICKET_LIFE_MS};
use protocol::{KeyId, Ticket};

use crate::limits::{KEYS_MAX, NONCES_MAX};

/// Nonces that were used. One set for all cores: a ticket is used once, wherever it is shown.
#[derive(Debug, Default)]
pub struct Nonces {
    used: HashSet<[u8; 16]>,
    order: VecDeque<Used>,
    closed: HashMap<KeyId, Closed>,
}

#[derive(Debug)]
struct Used {
    until_ms: u64,
    nonce: [u8; 16],
    key: KeyId,
    expires_ms: u64,
}

/// Of one key.
#[derive(Debug)]
struct Closed {
    /// The last end of a ticket that was forgotten, by the wall clock.
    expires_ms: u64,
    /// When that was.
    at_ms: u64,
}

/// What came of showing a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// It is used up now, by this call.
    Now,
    /// It was used before, or may have been.
    Before,
    /// No more can be remembered, so none is accepted.
    Full,
}

impl Nonces {
    /// Uses a ticket up. `now_ms` may be any clock that does not go backwards.
    pub fn spend(&mut self, ticket: &Ticket, now_ms: u64) -> Spent {
        let Ticket { nonce, key_id, expires_ms, .. } = *ticket;
        self.forget(now_ms);
        if self.closed.get(&key_id).is_some_and(|closed| expires_ms <= closed.expires_ms) {
            return Spent::Before;
        }
        if self.used.len() >= NONCES_MAX {
            return Spent::Full;
        }
        if !self.used.insert(nonce) {
            return Spent::Before;
        }
        let until_ms = now_ms + REMEMBERED_MS;
        self.order.push_back(Used { until_ms, nonce, key: key_id, expires_ms });
        Spent::Now
    }

    fn forget(&mut self, now_ms: u64) {
        while self.order.front().is_some_and(|used| used.until_ms < now_ms) {
            if let Some(old) = self.order.pop_front() {
                self.used.remove(&old.nonce);
                self.close(old.key, old.expires_ms, now_ms);
            }
        }
    }

    /// As many keys as a ring holds are known here: one of which nothing was forgotten for longest has gone from there.
    fn close(&mut self, key: KeyId, expires_ms: u64, at_ms: u64) {
        if self.closed.len() >= KEYS_MAX && !self.closed.contains_key(&key) {
            let oldest = self.closed.iter().min_by_key(|(_, closed)| closed.at_ms);
            oldest.map(|(key, _)| *key).and_then(|oldest| self.closed.remove(&oldest));
        }
        let closed = self.closed.entry(key).or_insert(Closed { expires_ms, at_ms });
        *closed = Closed { expires_ms: closed.expires_ms.max(expires_ms), at_ms };
    }
}

/// From a clock 5 s behind the web tier's until 5 s after the ticket's end, by any clock.
const REMEMBERED_MS: u64 = TICKET_LIFE_MS + 2 * CLOCK_SKEW_MS;

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ticket::Subject;

    fn ticket(number: u128, key: u64, issued_ms: u64) -> Ticket {
        Ticket {
            subject: Subject::Presence,
            home: 1,
            key_id: KeyId::from_bytes(key.to_be_bytes()),
            audience: "s1".parse().unwrap(),
            session: "demo:1:000102030405060708090a0b0c0d0e0f".parse().unwrap(),
            issued_ms,
            expires_ms: issued_ms + TICKET_LIFE_MS,
            nonce: number.to_be_bytes(),
        }
    }

    #[test]
    fn a_ticket_works_once_for_as_long_as_it_is_valid() {
        let mut nonces = Nonces::default();
        assert_eq!(nonces.spend(&ticket(1, 1, 0), 0), Spent::Now);
        assert_eq!(nonces.spend(&ticket(1, 1, 0), REMEMBERED_MS), Spent::Before);
        assert_eq!(nonces.spend(&ticket(2, 1, 1), REMEMBERED_MS + 1), Spent::Now);
        assert_eq!(nonces.used.len(), 1, "the first is over");
    }

    #[test]
    fn a_used_ticket_stays_used_though_the_wall_clock_is_set_back() {
        let (mut nonces, hours_ms) = (Nonces::default(), 3 * 3_600_000);
        assert_eq!(nonces.spend(&ticket(1, 1, 50_000), 0), Spent::Now);
        assert_eq!(nonces.spend(&ticket(1, 1, 50_000), hours_ms), Spent::Before);
        // One that ends by then may have been used, one that ends later was not.
        assert_eq!(nonces.spend(&ticket(2, 1, 50_000), hours_ms), Spent::Before);
        assert_eq!(nonces.spend(&ticket(3, 1, 50_001), hours_ms), Spent::Now);
        assert_eq!(nonces.spend(&ticket(4, 2, 0), hours_ms), Spent::Now, "of a new key");
    }

    #[test]
    fn what_is_known_of_keys_is_bounded_and_the_oldest_goes() {
        let mut nonces = Nonces::default();
        let keys = KEYS_MAX as u64 + 1;
        for key in 0..keys {
            let at_ms = key * (REMEMBERED_MS + 1);
            assert_eq!(nonces.spend(&ticket(key.into(), key, 0), at_ms), Spent::Now);
        }
        nonces.forget(u64::MAX);
        assert_eq!(nonces.closed.len(), KEYS_MAX);
        assert!(!nonces.closed.contains_key(&KeyId::from_bytes([0; 8])));
    }

    #[test]
    fn a_full_set_lets_nobody_in_rather_than_somebody_twice() {
        let mut nonces = Nonces::default();
        for n in 0..NONCES_MAX as u128 {
            assert_eq!(nonces.spend(&ticket(n, 1, 0), 0), Spent::Now);
        }
        assert_eq!(nonces.spend(&ticket(u128::MAX, 1, 0), 0), Spent::Full);
        assert_eq!(nonces.spend(&ticket(u128::MAX, 1, 1), REMEMBERED_MS + 1), Spent::Now);
    }
}
