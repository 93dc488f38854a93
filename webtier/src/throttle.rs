//! Buckets of tries: who may try again, and who has to wait. A machine in virtual time.
//!
//! Owns counting only; what is counted (logins, starts) and what a refusal looks like is the routes' business.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

use crate::limits::THROTTLE_ENTRIES_MAX;

/// One bucket for each `K`: `burst` tries at once, then one every `refill_ms`.
#[derive(Debug)]
pub(crate) struct Throttle<K> {
    buckets: HashMap<K, Bucket>,
    burst: u32,
    refill_ms: u64,
    entries_max: usize,
}

/// `spent_ms` is how much refilling the bucket needs at `at_ms` to be full again.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    spent_ms: u64,
    at_ms: u64,
}

impl<K: Eq + Hash> Throttle<K> {
    /// A throttle that has seen nobody.
    pub(crate) fn new(burst: u32, refill_ms: u64) -> Self {
        Self { buckets: HashMap::new(), burst, refill_ms, entries_max: THROTTLE_ENTRIES_MAX }
    }

    /// As many in a minute, and as many at once.
    pub(crate) fn per_minute(count: u32) -> Self {
        Self::new(count, 60_000 / u64::from(count.clamp(1, 60_000)))
    }

    /// Takes one try; `false` when there is none left.
    pub(crate) fn take(&mut self, now_ms: u64, who: K) -> bool {
        if self.buckets.len() >= self.entries_max && !self.buckets.contains_key(&who) {
            self.buckets.retain(|_, bucket| bucket.spent_at(now_ms) > 0);
            if self.buckets.len() >= self.entries_max {
                return false;
            }
        }
        let bucket = self.buckets.entry(who).or_insert(Bucket { spent_ms: 0, at_ms: now_ms });
        // A clock that was set back would let the bucket stand still until it has caught up.
        bucket.at_ms = bucket.at_ms.min(now_ms);
        let spent_ms = bucket.spent_at(now_ms) + self.refill_ms;
        let allowed = spent_ms <= self.refill_ms * u64::from(self.burst);
        if allowed {
            *bucket = Bucket { spent_ms, at_ms: now_ms };
        }
        allowed
    }

    /// Gives a try back: it turned out to be an honest one.
    pub(crate) fn give_back(&mut self, now_ms: u64, who: &K) {
        if let Some(bucket) = self.buckets.get_mut(who) {
            let spent_ms = bucket.spent_at(now_ms).saturating_sub(self.refill_ms);
            *bucket = Bucket { spent_ms, at_ms: now_ms };
        }
    }
}

impl Bucket {
    fn spent_at(self, now_ms: u64) -> u64 {
        self.spent_ms.saturating_sub(now_ms.saturating_sub(self.at_ms))
    }
}

/// What counts as one address: an IPv6 customer has a /64 to choose from.
pub(crate) fn address_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6((u128::from(ip) >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_one_at_a_time() {
        let mut throttle = Throttle::new(3, 1_000);
        let taken: Vec<_> = (0..5).map(|_| throttle.take(0, "ada")).collect();
        assert_eq!(taken, [true, true, true, false, false]);
        assert!(!throttle.take(999, "ada"));
        assert!(throttle.take(1_000, "ada"));
        assert!(!throttle.take(1_000, "ada"));
        assert!(throttle.take(1_000, "bob"), "one bucket empties no other");
    }

    #[test]
    fn a_try_given_back_can_be_taken_again() {
        let mut throttle = Throttle::new(1, 1_000);
        assert!(throttle.take(0, 1));
        throttle.give_back(0, &1);
        assert!(throttle.take(0, 1));
        assert!(!throttle.take(0, 1));
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nobody_out_for_longer() {
        let mut throttle = Throttle::new(1, 1_000);
        assert!(throttle.take(3_600_000, "ada"));
        assert!(!throttle.take(0, "ada"));
        assert!(throttle.take(1_000, "ada"));
    }

    #[test]
    fn a_full_throttle_forgets_the_idle_and_refuses_when_all_are_busy() {
        let mut throttle = Throttle { entries_max: 2, ..Throttle::new(2, 1_000) };
        assert!(throttle.take(0, 1) && throttle.take(500, 2));
        assert!(!throttle.take(500, 3), "both are busy");
        assert!(throttle.take(1_000, 3), "the first is idle again");
        assert_eq!(throttle.buckets.len(), 2);
    }

    #[test]
    fn an_ipv6_network_is_one_address_and_a_mapped_ipv4_is_itself() {
        let of = |text: &str| address_of(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
