//! One line a second on standard error, so that a person sees how it goes.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::field::Pulse;
use crate::scenario::Scenario;

/// See the module.
pub struct Progress {
    pulse: Arc<Pulse>,
    name: &'static str,
    total_s: u64,
    last: (u64, u64),
}

impl Progress {
    /// Progress of a window of that scenario.
    pub fn new(scenario: &Scenario, pulse: Arc<Pulse>) -> Self {
        let total_s = (scenario.warmup_ms + scenario.measure_ms).div_ceil(1_000);
        let last = (pulse.sent.load(Ordering::Relaxed), pulse.delivered.load(Ordering::Relaxed));
        Self { pulse, name: scenario.name, total_s, last }
    }

    /// Tells how it stands after so many seconds.
    pub fn tell(&mut self, second: u64, server_cpu: Option<f64>) {
        let read = |figure: &std::sync::atomic::AtomicU64| figure.load(Ordering::Relaxed);
        let (sent, delivered) = (read(&self.pulse.sent), read(&self.pulse.delivered));
        let cpu = server_cpu.map_or(String::new(), |cpu| format!("  server {:.0} %", cpu * 100.0));
        let line = format!(
            "{} {second}/{} s  {} open  {} sent/s  {} delivered/s  p99 {:.2} ms  {} lost  {} failed{cpu}",
            self.name,
            self.total_s,
            read(&self.pulse.opened),
            sent - self.last.0,
            delivered - self.last.1,
            read(&self.pulse.p99_us) as f64 / 1e3,
            read(&self.pulse.lost),
            read(&self.pulse.failed),
        );
        self.last = (sent, delivered);
        let mut error = std::io::stderr().lock();
        // A terminal shows one line that changes; a file gets every one.
        let _ = if error.is_terminal() && second < self.total_s {
            write!(error, "\r\x1b[K{line}")
        } else if error.is_terminal() {
            writeln!(error, "\r\x1b[K{line}")
        } else {
            writeln!(error, "{line}")
        };
    }
}
