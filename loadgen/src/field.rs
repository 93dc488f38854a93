//! What all sessions of one thread share: the target, the clock, the window, and where measurements go.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio::sync::Semaphore;

use crate::limits::OPENING_MAX;
use crate::link::LinkError;
use crate::scenario::Crowd;
use crate::sink::Sink;
use crate::stamp::filler;
use crate::tally::{Sequence, Tally, Verdict, note};
use crate::target::Target;

/// The run's clock: nanoseconds since the process began.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// Starts it.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Now.
    pub fn now_ns(self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// When traffic flows and when it counts; nanoseconds of the run's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Window {
    /// The first message is due.
    pub start_ns: u64,
    /// From here on messages are measured.
    pub from_ns: u64,
    /// Up to here.
    pub to_ns: u64,
    /// Rates are multiplied by this.
    pub scale: f64,
}

/// Progress that another thread may look at at any time.
#[derive(Debug, Default)]
pub struct Pulse {
    /// Connections that are open and in.
    pub opened: AtomicU64,
    /// Connections that failed.
    pub failed: AtomicU64,
    /// Messages sent.
    pub sent: AtomicU64,
    /// Messages delivered.
    pub delivered: AtomicU64,
    /// Messages lost so far.
    pub lost: AtomicU64,
    /// 99th percentile of the second before this one, microseconds.
    pub p99_us: AtomicU64,
}

/// See the module.
pub struct Field {
    /// What is under test.
    pub target: Target,
    /// The clock.
    pub clock: Clock,
    /// The scenario's crowds.
    pub crowds: Vec<Crowd>,
    /// One tally a crowd.
    pub tallies: RefCell<Vec<Tally>>,
    /// The window that is open or comes.
    pub window: Cell<Window>,
    /// Every so many-th agent of a session is checked; the others are read and not looked at. 1 checks all.
    pub sample: u32,
    /// Reads the others.
    pub sink: Sink,
    /// Payloads.
    pub filler: Vec<u8>,
    /// Progress.
    pub pulse: Arc<Pulse>,
    /// How many connections may be opening at once.
    pub opening: Semaphore,
    /// No more connections are opened, and none that ends is a fault.
    pub over: Cell<bool>,
    second: Cell<usize>,
}

impl Field {
    /// A field without sessions.
    pub fn new(
        target: Target,
        clock: Clock,
        crowds: Vec<Crowd>,
        sample: u32,
        pulse: Arc<Pulse>,
    ) -> std::io::Result<Self> {
        let longest = crowds.iter().map(|c| c.keyframe_bytes.max(c.diff_bytes)).max();
        Ok(Self {
            target,
            clock,
            tallies: RefCell::new(vec![Tally::default(); crowds.len()]),
            crowds,
            sample,
            sink: Sink::new()?,
            window: Cell::default(),
            filler: filler(longest.unwrap_or_default().max(PAYLOAD_BYTES_MIN)),
            pulse,
            opening: Semaphore::new(OPENING_MAX),
            over: Cell::new(false),
            second: Cell::new(0),
        })
    }

    /// Whether a message due then is measured.
    pub fn measures(&self, due_ns: u64) -> bool {
        let window = self.window.get();
        (window.from_ns..window.to_ns).contains(&due_ns)
    }

    /// A message was handed to its socket, or not.
    pub fn sent(&self, crowd: usize, due_ns: u64, left: bool) {
        let now_ns = self.clock.now_ns();
        let second = self.second_of(now_ns);
        let tally = &mut self.tallies.borrow_mut()[crowd];
        if left {
            self.pulse.sent.fetch_add(1, Ordering::Relaxed);
            tally.second(second).sent += 1;
        }
        if self.measures(due_ns) {
            if left {
                tally.sent += 1;
                note(&mut tally.lateness, now_ns.saturating_sub(due_ns) / 1_000);
            } else {
                tally.unsent += 1;
            }
        }
    }

    /// Bytes of a visitor have come to an agent.
    pub fn arrived(&self, crowd: usize, now_ns: u64, bytes: usize) {
        if self.measures(now_ns) {
            self.tallies.borrow_mut()[crowd].arrived_bytes += bytes as u64;
        }
    }

    /// Bytes have come over the wire to an agent that is checked, or not.
    pub fn wire(&self, crowd: usize, now_ns: u64, bytes: usize, checked: bool) {
        if self.measures(now_ns) {
            let tally = &mut self.tallies.borrow_mut()[crowd];
            if checked {
                tally.checked_wire_bytes += bytes as u64;
            } else {
                tally.unchecked_wire_bytes += bytes as u64;
            }
        }
    }

    /// A stamped message has come to an agent.
    pub fn delivered(
        &self,
        crowd: usize,
        now_ns: u64,
        due_ns: u64,
        number: u64,
        seen: &mut Sequence,
    ) {
        let verdict = seen.take(number);
        let second = self.second_of(now_ns);
        let tally = &mut self.tallies.borrow_mut()[crowd];
        if second != self.second.replace(second) {
            let before = &tally.second(second.saturating_sub(1)).latency;
            self.pulse.p99_us.store(before.value_at_quantile(0.99), Ordering::Relaxed);
        }
        match verdict {
            Verdict::Replayed => tally.replayed += 1,
            Verdict::Disordered => tally.disordered += 1,
            Verdict::Live { lost, skipped } => {
                tally.lost += lost;
                tally.skipped += skipped;
                if lost > 0 {
                    self.pulse.lost.fetch_add(lost, Ordering::Relaxed);
                }
                let latency_us = now_ns.saturating_sub(due_ns) / 1_000;
                if self.measures(due_ns) {
                    tally.delivered += 1;
                    note(&mut tally.latency, latency_us);
                }
                let entry = tally.second(second);
                entry.delivered += 1;
                note(&mut entry.latency, latency_us);
                if self.measures(now_ns) {
                    tally.arrived += 1;
                }
                self.pulse.delivered.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Frames came in an order that the protocol rules out.
    pub fn disordered(&self, crowd: usize) {
        self.tallies.borrow_mut()[crowd].disordered += 1;
    }

    /// A connection is in, so long after it was wanted.
    pub fn opened(&self, crowd: usize, wanted_ns: u64, resumed: bool) {
        let took_us = self.clock.now_ns().saturating_sub(wanted_ns) / 1_000;
        let tally = &mut self.tallies.borrow_mut()[crowd];
        note(&mut tally.opening, took_us);
        tally.opened += 1;
        tally.resumed += u64::from(resumed);
        self.pulse.opened.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection failed or ended although it should not.
    pub fn fault(&self, crowd: usize, who: &str, error: &LinkError) {
        if !self.over.get() {
            self.tallies.borrow_mut()[crowd].fault(format!("{who}: {error}"));
            self.pulse.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn second_of(&self, now_ns: u64) -> usize {
        let since_ns = now_ns.saturating_sub(self.window.get().start_ns);
        // A run is an hour at most, so this is a small number.
        usize::try_from(since_ns / 1_000_000_000).unwrap_or(usize::MAX).min(SECONDS_MAX)
    }
}

/// Ephemeral frames and pointers are longer than the shortest diff.
const PAYLOAD_BYTES_MIN: usize = 64;

/// See [`crate::limits::RUN_MS_MAX`].
const SECONDS_MAX: usize = 3_700;
