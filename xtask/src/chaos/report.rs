//! What came of a run: the report's keys, and when it is a good one.

use std::collections::BTreeMap;

use serde::Serialize;

use super::browsers::Seen;
use super::faults::is_a_kill;
use super::pair::{Outcome, Restored};

/// See the module.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Each kind of fault and how often it was injected.
    faults: BTreeMap<&'static str, u64>,
    /// In load clients and in real browsers.
    sessions: usize,
    /// Whose visitor or agent did not come back, or whose agent does not see the visitor's page in the end.
    sessions_lost: usize,
    why_lost: Vec<String>,
    /// Sessions that the CServers together hold in the end: more than there are would mean that a partition has left two.
    sessions_held: usize,
    /// After a CServer was killed, from the loss that a client saw until the agent had the visitor's page again.
    restored_ms_p50: u64,
    restored_ms_p99: u64,
    restored_ms_max: u64,
    /// The same after every kind of fault, where the session's web tier was there to be asked.
    restored: BTreeMap<&'static str, Figures>,
    /// What went wrong on the way of the slowest after a kill.
    slowest: Vec<String>,
    /// Losses whose web tier was away for a while, and how long all of it took.
    restorations_without_web_tier: usize,
    restored_without_web_tier_ms_max: u64,
    /// Sessions that the web tier had given out and knew nothing of later.
    acknowledged_lost: usize,
    /// Resident memory of all servers together, at the end against the beginning; each was started anew meanwhile.
    memory_growth_percent: f64,
    memory_kib: [u64; 2],
    /// Sessions in real browsers, and how long each agent's view was behind its visitor at the longest.
    browsers: Option<Seen>,
    /// In them, from each kill of a CServer until the views that stood on it showed a later change of the page.
    restored_in_browsers: Option<Figures>,
}

#[derive(Debug, Serialize)]
struct Figures {
    count: usize,
    p50: u64,
    p99: u64,
    max: u64,
}

impl Report {
    pub(super) fn new(
        faults: BTreeMap<&'static str, u64>,
        outcomes: &[Outcome],
        browsers: Option<Seen>,
        memory_kib: [u64; 2],
        sessions_held: usize,
    ) -> Self {
        let all: Vec<&Restored> = outcomes.iter().flat_map(|outcome| &outcome.restored).collect();
        let (alone, asked): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.was_alone);
        let mut kinds = BTreeMap::<_, Vec<u64>>::new();
        asked.iter().for_each(|one| kinds.entry(one.fault).or_default().push(one.ms));
        let kills =
            figures(asked.iter().filter(|one| is_a_kill(one.fault)).map(|one| one.ms).collect());
        let in_browsers = browsers.as_ref();
        let why_lost: Vec<String> = outcomes
            .iter()
            .filter_map(|outcome| outcome.lost.clone())
            .chain(in_browsers.iter().flat_map(|seen| seen.lost.clone()))
            .collect();
        let [before, after] = memory_kib.map(|kib| kib as f64);
        Self {
            faults,
            sessions: outcomes.len() + in_browsers.map_or(0, |seen| seen.pairs),
            sessions_lost: why_lost.len(),
            why_lost: why_lost.into_iter().take(10).collect(),
            sessions_held,
            restored_ms_p50: kills.p50,
            restored_ms_p99: kills.p99,
            restored_ms_max: kills.max,
            restored: kinds.into_iter().map(|(name, ms)| (name, figures(ms))).collect(),
            slowest: slowest(&asked),
            restorations_without_web_tier: alone.len(),
            restored_without_web_tier_ms_max: alone.iter().map(|one| one.ms).max().unwrap_or(0),
            acknowledged_lost: outcomes.iter().filter(|outcome| outcome.is_forgotten).count(),
            memory_growth_percent: (after - before) / before * 100.0,
            memory_kib,
            restored_in_browsers: browsers.as_ref().map(|seen| figures(seen.restored_ms.clone())),
            browsers,
        }
    }

    /// Nothing was lost, and nothing is there twice.
    pub(crate) fn is_good(&self) -> bool {
        self.sessions_lost == 0
            && self.acknowledged_lost == 0
            && self.sessions_held == self.sessions
            && !self.faults.is_empty()
    }

    /// Faults that were injected.
    pub(crate) fn injected(&self) -> u64 {
        self.faults.values().sum()
    }
}

fn figures(mut ms: Vec<u64>) -> Figures {
    ms.sort_unstable();
    let at = |share: f64| {
        let rank = (ms.len() as f64 * share).ceil() as usize;
        ms.get(rank.saturating_sub(1)).copied().unwrap_or(0)
    };
    Figures { count: ms.len(), p50: at(0.5), p99: at(0.99), max: at(1.0) }
}

fn slowest(all: &[&Restored]) -> Vec<String> {
    let mut slow: Vec<_> = all.iter().filter(|one| is_a_kill(one.fault)).collect();
    slow.sort_by_key(|one| std::cmp::Reverse(one.ms));
    let told = slow.iter().take(5);
    told.map(|one| format!("{} ms after {}: {}", one.ms, one.fault, one.tries.join("; then: ")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(restored: &[(&'static str, u64, bool)]) -> Outcome {
        let restored = restored.iter().map(|(fault, ms, was_alone)| Restored {
            ms: *ms,
            fault,
            was_alone: *was_alone,
            tries: vec!["gone".into()],
        });
        Outcome { restored: restored.collect(), ..Outcome::default() }
    }

    #[test]
    fn the_percentile_is_that_of_kills_with_a_web_tier_there() {
        let one = outcome(&[
            ("server_killed", 100, false),
            ("server_killed", 900, true),
            ("visitors_cut", 5_000, false),
        ]);
        let two = outcome(&[("two_servers_killed", 300, false)]);
        let faults = BTreeMap::from([("server_killed", 1)]);
        let report = Report::new(faults, &[one, two], None, [100, 110], 2);
        assert_eq!((report.restored_ms_p50, report.restored_ms_p99), (100, 300));
        assert_eq!(report.restored["visitors_cut"].max, 5_000);
        assert_eq!(report.restored_without_web_tier_ms_max, 900);
        assert!(report.is_good() && report.slowest[0].starts_with("300 ms"));
        assert!((report.memory_growth_percent - 10.0).abs() < 0.001);
    }

    #[test]
    fn what_is_lost_forgotten_or_there_twice_is_not_good() {
        let faults = || BTreeMap::from([("reload", 1)]);
        let lost = Outcome { lost: Some("why".into()), ..Outcome::default() };
        assert!(!Report::new(faults(), &[lost], None, [1, 1], 1).is_good());
        assert!(!Report::new(faults(), &[Outcome::default()], None, [1, 1], 2).is_good());
        assert!(Report::new(faults(), &[Outcome::default()], None, [1, 1], 1).is_good());
    }
}
