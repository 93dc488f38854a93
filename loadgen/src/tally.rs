//! What was measured, while it is being measured: latencies, loss and order, one [`Tally`] a crowd and thread.
//!
//! Latency counts from when a message was due, not from when it was sent: a generator or server that falls behind
//! cannot hide it.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::limits::LATENCY_US_MAX;

/// Measurements of one crowd; tallies of several threads are merged.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Microseconds from due to received, of measured messages.
    pub latency: Histogram<u64>,
    /// Microseconds from due to handed to the socket.
    pub lateness: Histogram<u64>,
    /// Microseconds from the first packet of a connection to its last step of joining.
    pub opening: Histogram<u64>,
    /// Measured messages that visitors sent.
    pub sent: u64,
    /// Messages that could not be sent: the visitor was away, or its socket took no more.
    pub unsent: u64,
    /// Measured messages that agents got, whenever.
    pub delivered: u64,
    /// Messages that agents got while the window was open, whenever they were due: what CPU time is divided by.
    pub arrived: u64,
    /// Bytes of everything that visitors sent and agents got while it was open.
    pub arrived_bytes: u64,
    /// Bytes on the wire to agents that are read and checked, while it was open; only where not all are.
    pub checked_wire_bytes: u64,
    /// The same to agents that are read and not looked at.
    pub unchecked_wire_bytes: u64,
    /// Older messages that a joining agent was sent from the log.
    pub replayed: u64,
    /// Messages that an agent never got and was not told about.
    pub lost: u64,
    /// Messages that an agent was told to do without (`skipped`, then a new epoch).
    pub skipped: u64,
    /// Messages or frames out of order, or twice.
    pub disordered: u64,
    /// Connections that were opened.
    pub opened: u64,
    /// Of those, with a resumed TLS session.
    pub resumed: u64,
    /// Connections that failed or ended although they should not, by what they said.
    pub faults: BTreeMap<String, u64>,
    /// One entry a second of the run, from its start.
    pub seconds: Vec<Second>,
}

/// One second.
#[derive(Clone, Debug)]
pub struct Second {
    /// Messages sent.
    pub sent: u64,
    /// Messages received.
    pub delivered: u64,
    /// Their latencies.
    pub latency: Histogram<u64>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            latency: histogram(),
            lateness: histogram(),
            opening: histogram(),
            sent: 0,
            unsent: 0,
            delivered: 0,
            arrived: 0,
            arrived_bytes: 0,
            checked_wire_bytes: 0,
            unchecked_wire_bytes: 0,
            replayed: 0,
            lost: 0,
            skipped: 0,
            disordered: 0,
            opened: 0,
            resumed: 0,
            faults: BTreeMap::new(),
            seconds: Vec::new(),
        }
    }
}

impl Tally {
    /// Adds another thread's.
    pub fn merge(&mut self, other: &Self) {
        add(&mut self.latency, &other.latency);
        add(&mut self.lateness, &other.lateness);
        add(&mut self.opening, &other.opening);
        self.sent += other.sent;
        self.unsent += other.unsent;
        self.delivered += other.delivered;
        self.arrived += other.arrived;
        self.arrived_bytes += other.arrived_bytes;
        self.checked_wire_bytes += other.checked_wire_bytes;
        self.unchecked_wire_bytes += other.unchecked_wire_bytes;
        self.replayed += other.replayed;
        self.lost += other.lost;
        self.skipped += other.skipped;
        self.disordered += other.disordered;
        self.opened += other.opened;
        self.resumed += other.resumed;
        for (fault, count) in &other.faults {
            *self.faults.entry(fault.clone()).or_default() += count;
        }
        for (at, second) in other.seconds.iter().enumerate() {
            let own = self.second(at);
            own.sent += second.sent;
            own.delivered += second.delivered;
            add(&mut own.latency, &second.latency);
        }
    }

    /// The entry of a second of the run.
    pub fn second(&mut self, at: usize) -> &mut Second {
        if self.seconds.len() <= at {
            let empty = || Second { sent: 0, delivered: 0, latency: histogram() };
            self.seconds.resize_with(at + 1, empty);
        }
        &mut self.seconds[at]
    }

    /// Messages that arrived at all agents, also those that were not looked at: these got as many a byte.
    pub fn arrived_everywhere(&self) -> u64 {
        self.everywhere(self.arrived)
    }

    /// Their bytes.
    pub fn arrived_bytes_everywhere(&self) -> u64 {
        self.everywhere(self.arrived_bytes)
    }

    fn everywhere(&self, checked: u64) -> u64 {
        if self.checked_wire_bytes == 0 {
            return checked;
        }
        let unchecked = self.unchecked_wire_bytes as f64 / self.checked_wire_bytes as f64;
        (checked as f64 * (1.0 + unchecked)).round() as u64
    }

    /// Notes a fault by its words.
    pub fn fault(&mut self, told: String) {
        // Words with changing numbers in them must not fill memory.
        let known = self.faults.len() < FAULTS_MAX || self.faults.contains_key(&told);
        let told = if known { told } else { "others".into() };
        *self.faults.entry(told).or_default() += 1;
    }
}

/// What one agent has seen of one session: finds loss and disorder from the numbers alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    last: u64,
    /// Messages up to this one were sent before the agent was there.
    live_from: u64,
    /// The server said that it leaves something out.
    told: bool,
}

/// What a message's number says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Sent before the agent was there: from the log.
    Replayed,
    /// Expected, after so many that are missing.
    Live {
        /// Missing without a word.
        lost: u64,
        /// Missing, and the server said so.
        skipped: u64,
    },
    /// Earlier than one that was seen already, or the same again.
    Disordered,
}

impl Sequence {
    /// An agent that is there from now on, when so many messages were sent.
    pub fn from(sent: u64) -> Self {
        Self { last: 0, live_from: sent, told: false }
    }

    /// The server said that frames were left out.
    pub fn skipped(&mut self) {
        self.told = true;
    }

    /// A message has come.
    pub fn take(&mut self, number: u64) -> Verdict {
        if number <= self.last {
            return Verdict::Disordered;
        }
        let before = self.last.max(self.live_from);
        self.last = number;
        if number <= self.live_from {
            return Verdict::Replayed;
        }
        let missing = number - before - 1;
        let told = std::mem::take(&mut self.told);
        if told {
            Verdict::Live { lost: 0, skipped: missing }
        } else {
            Verdict::Live { lost: missing, skipped: 0 }
        }
    }

    /// How many are missing at the end, when so many were sent; whether the server had said so.
    pub fn missing(&self, sent: u64) -> (u64, bool) {
        (sent.saturating_sub(self.last.max(self.live_from)), self.told)
    }
}

/// An empty histogram of microseconds.
pub fn histogram() -> Histogram<u64> {
    match Histogram::new_with_bounds(1, LATENCY_US_MAX, 3) {
        Ok(histogram) => histogram,
        Err(error) => unreachable!("1 to a minute with three digits: {error}"),
    }
}

/// Notes a value; beyond the bounds the nearest bound.
pub fn note(histogram: &mut Histogram<u64>, value_us: u64) {
    histogram.saturating_record(value_us.max(1));
}

fn add(to: &mut Histogram<u64>, from: &Histogram<u64>) {
    if let Err(error) = to.add(from) {
        unreachable!("both have the same bounds: {error}");
    }
}

const FAULTS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_lost_unless_the_server_said_that_it_skips() {
        let mut seen = Sequence::default();
        assert_eq!(seen.take(1), Verdict::Live { lost: 0, skipped: 0 });
        assert_eq!(seen.take(4), Verdict::Live { lost: 2, skipped: 0 });
        seen.skipped();
        assert_eq!(seen.take(10), Verdict::Live { lost: 0, skipped: 5 });
        assert_eq!(seen.take(12), Verdict::Live { lost: 1, skipped: 0 });
        assert_eq!(seen.missing(15), (3, false));
    }

    #[test]
    fn a_joiner_is_sent_older_messages_and_misses_none_of_them() {
        let mut seen = Sequence::from(100);
        assert_eq!(seen.take(98), Verdict::Replayed);
        assert_eq!(seen.take(100), Verdict::Replayed);
        assert_eq!(seen.take(101), Verdict::Live { lost: 0, skipped: 0 });
        assert_eq!(Sequence::from(100).missing(100), (0, false));
        assert_eq!(Sequence::from(100).missing(103), (3, false));
        assert_eq!(Sequence::from(100).take(102), Verdict::Live { lost: 1, skipped: 0 });
    }

    #[test]
    fn a_message_that_comes_twice_or_late_is_disorder() {
        let mut seen = Sequence::default();
        seen.take(5);
        assert_eq!(seen.take(5), Verdict::Disordered);
        assert_eq!(seen.take(4), Verdict::Disordered);
        assert_eq!(seen.take(6), Verdict::Live { lost: 0, skipped: 0 });
    }

    #[test]
    fn tallies_of_two_threads_add_up_second_by_second() {
        let (mut one, mut two) = (Tally::default(), Tally::default());
        note(&mut one.latency, 100);
        note(&mut two.latency, 900);
        note(&mut two.latency, u64::MAX);
        two.second(2).delivered = 7;
        one.second(0).delivered = 3;
        two.fault("gone".into());
        one.fault("gone".into());
        one.merge(&two);
        assert_eq!(one.latency.len(), 3);
        assert!(one.latency.max() >= LATENCY_US_MAX);
        assert_eq!(one.seconds.iter().map(|s| s.delivered).collect::<Vec<_>>(), [3, 0, 7]);
        assert_eq!(one.faults["gone"], 2);
    }

    #[test]
    fn agents_that_are_not_looked_at_are_counted_by_their_bytes() {
        let mut tally = Tally { arrived: 100, arrived_bytes: 40_000, ..Tally::default() };
        assert_eq!(tally.arrived_everywhere(), 100);
        (tally.checked_wire_bytes, tally.unchecked_wire_bytes) = (44_000, 176_000);
        assert_eq!((tally.arrived_everywhere(), tally.arrived_bytes_everywhere()), (500, 200_000));
    }

    #[test]
    fn faults_with_ever_new_words_do_not_grow_without_bound() {
        let mut tally = Tally::default();
        (0..1_000).for_each(|n| tally.fault(format!("fault {n}")));
        assert_eq!(tally.faults.len(), FAULTS_MAX + 1);
        assert_eq!(tally.faults.values().sum::<u64>(), 1_000);
    }
}
