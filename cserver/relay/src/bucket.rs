//! A token bucket in whole numbers, for agents' frames and for the core's resync budget.

/// Tokens in thousandths, so that a millisecond's refill is exact.
pub(crate) struct Bucket {
    per_s: u64,
    burst: u64,
    milli: i64,
    at_ms: u64,
}

impl Bucket {
    /// A full one.
    pub(crate) fn new(per_s: u64, burst: u64, now: u64) -> Self {
        Self { per_s, burst, milli: thousandfold(burst), at_ms: now }
    }

    /// Takes `cost` tokens if they are there.
    pub(crate) fn take(&mut self, now: u64, cost: u64) -> bool {
        self.refill(now);
        let enough = self.milli >= thousandfold(cost);
        if enough {
            self.milli -= thousandfold(cost);
        }
        enough
    }

    /// Takes up to a whole burst, on credit, if there is anything at all. So one cost larger than what is left still
    /// goes, and the next waits until it is paid.
    pub(crate) fn borrow(&mut self, now: u64, cost: u64) -> bool {
        self.refill(now);
        let any = self.milli > 0;
        if any {
            self.milli -= thousandfold(cost.min(self.burst));
        }
        any
    }

    /// When [`Bucket::borrow`] succeeds again.
    pub(crate) fn ready_at(&self) -> u64 {
        let owed = u64::try_from(1 - self.milli).unwrap_or(0);
        self.at_ms + owed.div_ceil(self.per_s.max(1))
    }

    fn refill(&mut self, now: u64) {
        let passed = now.saturating_sub(self.at_ms);
        let gained = i64::try_from(passed.saturating_mul(self.per_s)).unwrap_or(i64::MAX);
        self.milli = self.milli.saturating_add(gained).min(thousandfold(self.burst));
        self.at_ms = self.at_ms.max(now);
    }
}

fn thousandfold(tokens: u64) -> i64 {
    i64::try_from(tokens).unwrap_or(i64::MAX).saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_steady_rate() {
        let mut bucket = Bucket::new(10, 20, 0);
        assert_eq!((0..30).filter(|_| bucket.take(0, 1)).count(), 20);
        assert!(!bucket.take(99, 1));
        assert!(bucket.take(100, 1));
        assert_eq!((1..=1000).filter(|ms| bucket.take(100 + ms, 1)).count(), 10);
    }

    #[test]
    fn credit_is_paid_back_before_the_next_one() {
        let mut bucket = Bucket::new(1000, 1000, 0);
        assert!(bucket.borrow(0, 600));
        assert!(bucket.borrow(0, 5_000));
        assert!(!bucket.borrow(0, 1));
        assert_eq!(bucket.ready_at(), 601);
        assert!(!bucket.borrow(600, 1));
        assert!(bucket.borrow(601, 1));
    }
}
