//! Single use: the nonces of tickets that were accepted, until no ticket with them can be valid any more.

use std::collections::{HashSet, VecDeque};

use protocol::limits::{CLOCK_SKEW_MS, TICKET_LIFE_MS};

use crate::limits::NONCES_MAX;

/// Nonces that were used. One set for all cores: a ticket is used once, wherever it is shown.
#[derive(Debug, Default)]
pub struct Nonces {
    used: HashSet<[u8; 16]>,
    order: VecDeque<(u64, [u8; 16])>,
}

/// What came of showing a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// It is used up now, by this call.
    Now,
    /// It was used before.
    Before,
    /// No more can be remembered, so none is accepted.
    Full,
}

impl Nonces {
    /// Uses a nonce up. `now_ms` may be any clock that does not go backwards.
    pub fn spend(&mut self, nonce: [u8; 16], now_ms: u64) -> Spent {
        while self.order.front().is_some_and(|(until_ms, _)| *until_ms < now_ms) {
            if let Some((_, old)) = self.order.pop_front() {
                self.used.remove(&old);
            }
        }
        if self.used.len() >= NONCES_MAX {
            return Spent::Full;
        }
        if !self.used.insert(nonce) {
            return Spent::Before;
        }
        self.order.push_back((now_ms + REMEMBERED_MS, nonce));
        Spent::Now
    }
}

/// From a clock 5 s behind the web tier's until 5 s after the ticket's end, by any clock.
const REMEMBERED_MS: u64 = TICKET_LIFE_MS + 2 * CLOCK_SKEW_MS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_works_once_for_as_long_as_its_ticket_could() {
        let mut nonces = Nonces::default();
        assert_eq!(nonces.spend([1; 16], 0), Spent::Now);
        assert_eq!(nonces.spend([1; 16], REMEMBERED_MS), Spent::Before);
        assert_eq!(nonces.spend([2; 16], REMEMBERED_MS), Spent::Now);
        // By now the ticket has expired, so forgetting it lets nobody in.
        assert_eq!(nonces.spend([1; 16], REMEMBERED_MS + 1), Spent::Now);
    }

    #[test]
    fn a_full_set_lets_nobody_in_rather_than_somebody_twice() {
        let mut nonces = Nonces::default();
        for n in 0..NONCES_MAX as u128 {
            assert_eq!(nonces.spend(n.to_be_bytes(), 0), Spent::Now);
        }
        assert_eq!(nonces.spend([0xff; 16], 0), Spent::Full);
        assert_eq!(nonces.spend([0xff; 16], REMEMBERED_MS + 1), Spent::Now);
    }
}
