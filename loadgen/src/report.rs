//! What a run found, as it goes to JSON, to the terminal and to [`crate::html`].

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::limits::{GENERATOR_SHARE_MAX, LATENESS_US_MAX};
use crate::scenario::Scenario;
use crate::tally::Tally;

/// A whole run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was run, with all its numbers.
    pub scenario: Scenario,
    /// What was under test, as it names itself.
    pub server_name: String,
    /// Wall clock at the start, milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// Threads of the generator.
    pub threads: usize,
    /// Every so many-th agent was checked; latency, loss and order are theirs.
    pub sample: u32,
    /// The steps; one, but for a search for the saturation point.
    pub steps: Vec<Step>,
    /// Milliseconds until all connections were open.
    pub open_ms: u64,
    /// The server over the whole run, where its process is known.
    pub server: Option<ServerFigures>,
    /// Deliveries a second of the best step that kept its bounds; saturation only.
    pub capacity_per_s: Option<f64>,
    /// What set the limit, in a sentence.
    pub limit: String,
    /// The thresholds and whether they held.
    pub thresholds: Vec<Threshold>,
    /// The server was gone before the end.
    pub server_lost: bool,
}

/// One measured window.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// Rates were multiplied by this.
    pub scale: f64,
    /// Length of the window, milliseconds.
    pub window_ms: u64,
    /// Messages that agents should have got in a second.
    pub offered_per_s: f64,
    /// All crowds together.
    pub total: Figures,
    /// Each crowd.
    pub crowds: Vec<Figures>,
    /// Seconds since the warm-up began.
    pub seconds: Vec<SecondFigures>,
    /// Server's CPU time in the window over its length: 1.0 is one core.
    pub server_cpu: Option<f64>,
    /// Server's CPU time in the window for each message delivered in it, microseconds.
    pub cpu_us_per_message: Option<f64>,
    /// The same for each MB (10^6 bytes).
    pub cpu_us_per_mb: Option<f64>,
    /// Server's CPU time for each connection that was opened and closed, microseconds.
    pub cpu_us_per_connection: Option<f64>,
    /// How often the server's threads slept and were woken for each message delivered: what a waking costs, few messages share.
    pub wakings_per_message: Option<f64>,
    /// Share of the server's CPU time that was spent in the kernel.
    pub server_kernel_share: Option<f64>,
    /// The generator's CPU time in the window over its length and threads.
    pub generator_cpu: f64,
}

/// Figures of one crowd, or of all.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Whose.
    pub name: String,
    /// See [`Tally`].
    pub sent: u64,
    /// See [`Tally`].
    pub unsent: u64,
    /// See [`Tally`].
    pub delivered: u64,
    /// See [`Tally::arrived_everywhere`].
    pub arrived: u64,
    /// See [`Tally::arrived_bytes_everywhere`].
    pub arrived_bytes: u64,
    /// See [`Tally`].
    pub replayed: u64,
    /// See [`Tally`].
    pub lost: u64,
    /// See [`Tally`].
    pub skipped: u64,
    /// See [`Tally`].
    pub disordered: u64,
    /// See [`Tally`].
    pub opened: u64,
    /// See [`Tally`].
    pub resumed: u64,
    /// Due to received.
    pub latency: Percentiles,
    /// Due to sent: the generator's own delay, which is part of the latency.
    pub lateness: Percentiles,
    /// First packet (or the cut) to being in.
    pub opening: Percentiles,
    /// Latency at each percentile, for a plot: percentile, microseconds.
    pub distribution: Vec<(f64, u64)>,
    /// What went wrong, and how often.
    pub faults: std::collections::BTreeMap<String, u64>,
}

/// Microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    /// Half are below.
    pub p50_us: u64,
    /// 90 % are below.
    pub p90_us: u64,
    /// 99 % are below.
    pub p99_us: u64,
    /// 99.9 % are below.
    pub p999_us: u64,
    /// The longest.
    pub max_us: u64,
}

/// One second of a step.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SecondFigures {
    /// Messages sent.
    pub sent: u64,
    /// Messages delivered.
    pub delivered: u64,
    /// Their latencies.
    pub latency: Percentiles,
    /// CPU of the server: 1.0 is one core.
    pub server_cpu: Option<f64>,
    /// CPU of the generator.
    pub generator_cpu: f64,
    /// Resident memory of the server, bytes.
    pub server_rss_bytes: Option<u64>,
}

/// The server's process.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ServerFigures {
    /// Its id.
    pub pid: u32,
    /// Resident memory before the first connection.
    pub rss_before_bytes: u64,
    /// With all connections open, before traffic.
    pub rss_open_bytes: u64,
    /// At the end of the run, connections still open.
    pub rss_after_bytes: u64,
    /// What each open connection added, without the kernel's share.
    pub rss_bytes_per_connection: Option<u64>,
    /// CPU time for opening the connections, microseconds each.
    pub cpu_us_per_opening: Option<f64>,
}

/// A threshold of the command line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Threshold {
    /// What was asked for.
    pub asked: String,
    /// What was found.
    pub found: String,
    /// Whether it held.
    pub held: bool,
}

impl Figures {
    /// Reads a tally.
    pub fn new(name: &str, tally: &Tally) -> Self {
        Self {
            name: name.into(),
            sent: tally.sent,
            unsent: tally.unsent,
            delivered: tally.delivered,
            arrived: tally.arrived_everywhere(),
            arrived_bytes: tally.arrived_bytes_everywhere(),
            replayed: tally.replayed,
            lost: tally.lost,
            skipped: tally.skipped,
            disordered: tally.disordered,
            opened: tally.opened,
            resumed: tally.resumed,
            latency: Percentiles::new(&tally.latency),
            lateness: Percentiles::new(&tally.lateness),
            opening: Percentiles::new(&tally.opening),
            distribution: distribution(&tally.latency),
            faults: tally.faults.clone(),
        }
    }

    /// Share of the messages that were never delivered, whether or not the server said so; those that could not be sent
    /// are not in it.
    pub fn loss(&self) -> f64 {
        let missing = self.lost + self.skipped;
        let expected = self.delivered + missing;
        if expected == 0 { 0.0 } else { missing as f64 / expected as f64 }
    }
}

impl Percentiles {
    /// Reads a histogram.
    pub fn new(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let at = |quantile| histogram.value_at_quantile(quantile);
        Self {
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: histogram.max(),
        }
    }
}

/// Tells who set the limit of a step, from figures alone.
pub fn limit_of(step: &Step, server_cores: u16) -> String {
    let late_us = step.total.lateness.p99_us;
    let server_full =
        step.server_cpu.is_some_and(|cpu| cpu >= f64::from(server_cores.max(1)) * SERVER_FULL);
    if step.generator_cpu >= GENERATOR_SHARE_MAX || late_us > LATENESS_US_MAX {
        let both = if server_full { "; the server was full too" } else { "" };
        let remedy = if step.generator_cpu < GENERATOR_FREE {
            "Other programs keep it from its core: run it where less goes on"
        } else {
            "Give it more --threads, or a larger host"
        };
        format!(
            "the generator, not the server, was the limit: {:.0} % of its core, messages left {late_us} us late at the 99th percentile{both}. {remedy}",
            step.generator_cpu * 100.0
        )
    } else if server_full {
        "the server was the limit: its cores were full".into()
    } else {
        "none: both had room".into()
    }
}

/// Up to 200 points, dense towards the end.
fn distribution(histogram: &Histogram<u64>) -> Vec<(f64, u64)> {
    if histogram.is_empty() {
        return Vec::new();
    }
    let points = (0..=100).map(|at| {
        // 0, 50, 75, 87.5 … 99.9999: each tenth of the plot halves what is left.
        let left = 0.5_f64.powf(f64::from(at) / 5.0);
        100.0 * (1.0 - left)
    });
    points.map(|p| (p, histogram.value_at_percentile(p))).collect()
}

/// Who uses less of its core and is late was not let onto it.
const GENERATOR_FREE: f64 = 0.6;

/// A core is never seen quite full.
const SERVER_FULL: f64 = 0.95;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::note;

    fn step(server_cpu: f64, generator_cpu: f64, lateness_us: u64) -> Step {
        let mut tally = Tally::default();
        note(&mut tally.lateness, lateness_us);
        Step {
            scale: 1.0,
            window_ms: 1_000,
            offered_per_s: 1.0,
            total: Figures::new("all", &tally),
            crowds: Vec::new(),
            seconds: Vec::new(),
            server_cpu: Some(server_cpu),
            cpu_us_per_message: None,
            cpu_us_per_mb: None,
            cpu_us_per_connection: None,
            wakings_per_message: None,
            server_kernel_share: None,
            generator_cpu,
        }
    }

    #[test]
    fn a_full_or_late_generator_says_that_it_was_the_limit() {
        assert!(limit_of(&step(0.5, 0.97, 10), 1).starts_with("the generator"));
        assert!(limit_of(&step(0.5, 0.4, 50_000), 1).starts_with("the generator"));
        assert!(limit_of(&step(0.5, 0.4, 50_000), 1).contains("Other programs"));
        assert!(limit_of(&step(0.5, 0.97, 50_000), 1).contains("--threads"));
        assert!(limit_of(&step(0.99, 0.4, 10), 1).starts_with("the server"));
        assert!(limit_of(&step(0.99, 0.4, 10), 2).starts_with("none"));
    }

    #[test]
    fn loss_counts_what_was_never_delivered() {
        let mut tally = Tally { delivered: 98, lost: 1, skipped: 1, ..Tally::default() };
        assert!((Figures::new("x", &tally).loss() - 0.02).abs() < 1e-9);
        tally = Tally::default();
        assert!(Figures::new("x", &tally).loss() < 1e-9);
    }

    #[test]
    fn the_distribution_ends_at_the_slowest_messages() {
        let mut tally = Tally::default();
        (1..=100_000).for_each(|us| note(&mut tally.latency, us));
        let figures = Figures::new("x", &tally);
        let (percentile, us) = *figures.distribution.last().unwrap();
        assert!(percentile > 99.999 && us > 99_000);
        assert!((49_000..51_000).contains(&figures.latency.p50_us));
    }
}
