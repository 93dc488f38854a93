//! Whether agents that stop reading hurt those that read: the same sessions with and without them, in turn, several times.
//!
//! One run more or less says nothing on a shared machine; so the spread of the runs without them is what those with them are held against.

use anyhow::{Context, ensure};
use serde::Serialize;

use crate::limits::PAIRS_MAX;
use crate::report::{Report, Threshold};

/// How to compare.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Pairs of runs.
    #[arg(long, default_value_t = 10)]
    pub pairs: usize,
    /// The run fails when an agent that stops reading holds more of the server's resident memory.
    #[arg(long, value_name = "BYTES", default_value_t = 65_536)]
    pub max_held: u64,
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Pairs {
    /// 99th percentiles of those who read, microseconds, when everybody does.
    pub without_us: Vec<u64>,
    /// The same beside those who have stopped.
    pub with_us: Vec<u64>,
    /// Resident memory that each of those held at the end, bytes; one figure a run.
    pub held_bytes: Vec<u64>,
    /// What was asked and whether it held.
    pub thresholds: Vec<Threshold>,
}

/// Runs `one` in turn, told whether some stop reading.
pub fn run(
    options: &Options,
    mut one: impl FnMut(bool) -> anyhow::Result<Report>,
) -> anyhow::Result<Pairs> {
    ensure!((1..=PAIRS_MAX).contains(&options.pairs), "--pairs: give 1 to {PAIRS_MAX}");
    let (mut without_us, mut with_us, mut held_bytes) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 1..=options.pairs {
        for stops in [false, true] {
            let report = one(stops)?;
            ensure!(!report.server_lost, "the server was gone before the end");
            let step = report.steps.last().context("nothing was measured")?;
            let p99_us = step.total.latency.p99_us;
            eprintln!(
                "pair {pair}, {}: p99 {p99_us} us",
                if stops { "some stop" } else { "all read" }
            );
            if stops { &mut with_us } else { &mut without_us }.push(p99_us);
            if let (true, Some(server)) = (stops, report.server) {
                let stalled: u64 = report.scenario.crowds.iter().map(stalled).sum();
                let grown = server.rss_after_bytes.saturating_sub(server.rss_open_bytes);
                held_bytes.push(grown / stalled.max(1));
            }
        }
    }
    let thresholds = judge(&without_us, &with_us, &held_bytes, options.max_held);
    Ok(Pairs { without_us, with_us, held_bytes, thresholds })
}

fn stalled(crowd: &crate::scenario::Crowd) -> u64 {
    u64::from(crowd.sessions) * u64::from(crowd.stalled)
}

fn judge(without_us: &[u64], with_us: &[u64], held: &[u64], max_held: u64) -> Vec<Threshold> {
    let (low, high) = (without_us.iter().min(), without_us.iter().max());
    let (low, high) = (low.copied().unwrap_or(0), high.copied().unwrap_or(0));
    let middle = median(with_us);
    let most = held.iter().copied().max().unwrap_or(0);
    vec![
        Threshold {
            asked: format!(
                "p99 of those who read within {low} to {high} us, the spread without the others"
            ),
            found: format!("median {middle} us"),
            held: middle <= high,
        },
        Threshold {
            asked: format!("at most {max_held} bytes held for each that stopped"),
            found: format!("{most}"),
            held: most <= max_held,
        },
    ]
}

fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

/// In a few lines, for a terminal.
pub fn summary(found: &Pairs) -> String {
    let mut out = format!(
        "p99 of those who read, us: all read {:?}; beside those who stopped {:?}; bytes held for each of those {:?}\n",
        found.without_us, found.with_us, found.held_bytes
    );
    for threshold in &found.thresholds {
        let mark = if threshold.held { "held" } else { "BROKEN" };
        out += &format!("  {mark}: {} ({})\n", threshold.asked, threshold.found);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_more_than_the_spread_and_more_than_the_bound_break_it() {
        let held = |without: &[u64], with: &[u64], bytes: &[u64]| -> Vec<bool> {
            judge(without, with, bytes, 65_536).iter().map(|one| one.held).collect()
        };
        assert_eq!(held(&[900, 1_500, 1_000], &[1_400, 1_450, 9_000], &[20_000]), [true, true]);
        assert_eq!(held(&[900, 1_000], &[1_600, 1_700, 1_800], &[65_537, 1]), [false, false]);
    }
}
