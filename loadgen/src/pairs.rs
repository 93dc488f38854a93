//! Whether agents that stop reading hurt those that read: the same sessions with and without them, in turn, several times.
//!
//! One run more or less says nothing on a shared machine; so the spread of the runs without them is what those with them are held against. Full
//! sockets cost the kernel something whosever they are ([`crate::full`]); so each round has a third run, in which everybody reads beside as
//! many that are no server's. Two spreads are told: the plain one, and that one, which leaves what the server itself does to its sessions. The second
//! is what the exit status holds: of the first a part is the host's.

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

/// Who is there in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Everybody reads.
    AllRead,
    /// Everybody reads, beside as many full sockets that are no server's.
    BesideFull,
    /// Some stop reading.
    SomeStop,
}

/// What was found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Pairs {
    /// 99th percentiles of those who read, microseconds, when everybody does.
    pub without_us: Vec<u64>,
    /// The same beside as many full sockets that are no server's.
    pub beside_us: Vec<u64>,
    /// The same beside those who have stopped.
    pub with_us: Vec<u64>,
    /// Resident memory that each of those held at the end, bytes; one figure a run.
    pub held_bytes: Vec<u64>,
    /// Whether the median of the runs in which some stop lies within the spread of those in which everybody reads.
    pub is_within_plain_spread: bool,
    /// What was asked and whether it held.
    pub thresholds: Vec<Threshold>,
}

/// Runs `one` in turn, told who is there; `crowd` are those that stop.
pub fn run(
    options: &Options,
    crowd: u64,
    mut one: impl FnMut(Kind) -> anyhow::Result<Report>,
) -> anyhow::Result<Pairs> {
    ensure!((1..=PAIRS_MAX).contains(&options.pairs), "--pairs: give 1 to {PAIRS_MAX}");
    ensure!(crowd > 0, "nobody stops reading in this scenario: `slow-crowd` has some that do");
    let mut found = Pairs::default();
    for pair in 1..=options.pairs {
        for kind in [Kind::AllRead, Kind::BesideFull, Kind::SomeStop] {
            let report = one(kind)?;
            ensure!(!report.server_lost, "the server was gone before the end");
            let step = report.steps.last().context("nothing was measured")?;
            let p99_us = step.total.latency.p99_us;
            let (figures, who) = match kind {
                Kind::AllRead => (&mut found.without_us, "all read"),
                Kind::BesideFull => (&mut found.beside_us, "all read beside full sockets"),
                Kind::SomeStop => (&mut found.with_us, "some stop"),
            };
            figures.push(p99_us);
            eprintln!("pair {pair}, {who}: p99 {p99_us} us");
            if let (Kind::SomeStop, Some(server)) = (kind, report.server) {
                let grown = server.rss_after_bytes.saturating_sub(server.rss_open_bytes);
                found.held_bytes.push(grown / crowd);
            }
        }
    }
    found.is_within_plain_spread = median(&found.with_us) <= most(&found.without_us);
    found.thresholds = judge(&found, options.max_held);
    Ok(found)
}

fn judge(found: &Pairs, max_held: u64) -> Vec<Threshold> {
    let (low, high) = spread(&found.beside_us);
    let middle = median(&found.with_us);
    let held = most(&found.held_bytes);
    vec![
        Threshold {
            asked: format!(
                "p99 of those who read within {low} to {high} us, the spread beside as many full sockets that are no server's"
            ),
            found: format!("median {middle} us"),
            held: middle <= high,
        },
        Threshold {
            asked: format!("at most {max_held} bytes held for each that stopped"),
            found: format!("{held}"),
            held: held <= max_held,
        },
    ]
}

fn spread(values: &[u64]) -> (u64, u64) {
    (values.iter().min().copied().unwrap_or(0), most(values))
}

fn most(values: &[u64]) -> u64 {
    values.iter().max().copied().unwrap_or(0)
}

fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

/// In a few lines, for a terminal.
pub fn summary(found: &Pairs) -> String {
    let mut out = "p99 of those who read, us:\n".to_owned();
    for (who, figures) in [
        ("all read", &found.without_us),
        ("all read, beside full sockets that are no server's", &found.beside_us),
        ("beside those who stopped", &found.with_us),
    ] {
        let ((low, high), middle) = (spread(figures), median(figures));
        out += &format!("  {who}: {low} to {high}, median {middle} {figures:?}\n");
    }
    out += &format!("bytes held for each that stopped: {:?}\n", found.held_bytes);
    let verdict = if found.is_within_plain_spread { "within" } else { "OUTSIDE" };
    out += &format!(
        "the median beside those who stopped is {verdict} the spread without any full sockets\n"
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
    fn only_more_than_the_spread_beside_full_sockets_and_more_than_the_bound_break_it() {
        let held = |beside: &[u64], with: &[u64], bytes: &[u64]| -> Vec<bool> {
            let found = Pairs {
                beside_us: beside.to_vec(),
                with_us: with.to_vec(),
                held_bytes: bytes.to_vec(),
                ..Pairs::default()
            };
            judge(&found, 65_536).iter().map(|one| one.held).collect()
        };
        assert_eq!(held(&[900, 1_500, 1_000], &[1_400, 1_450, 9_000], &[20_000]), [true, true]);
        assert_eq!(held(&[900, 1_000], &[1_600, 1_700, 1_800], &[65_537, 1]), [false, false]);
    }
}
