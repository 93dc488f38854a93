//! The relay in virtual time: seeded worlds of visitors and agents with everything that goes wrong between them.
//!
//! A seed makes a world, and the same seed the same world on every machine. In it the real relay is driven as the
//! shard drives it, with bounds so small that each is reached all the time; a ledger written from the protocol checks every
//! frame that comes out; and at the end everybody is connected and every agent must have the visitor's state.
//! Nothing here waits: 10,000 worlds take well under a minute.
//!
//! The map: `world` is a turn, `reports` what must hold in it, `actions` and `agents` what happens, `finish` the comparison at the end, `ledger` the second
//! opinion, `page` the visitor, `viewer` the agent, `wire` a connection.

#![forbid(unsafe_code)]

mod actions;
mod agents;
mod finish;
mod ledger;
pub mod page;
mod reports;
pub mod rng;
pub mod viewer;
mod wire;
mod world;

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use relay::Stats;
use serde::Serialize;

use world::World;

/// What came of a range of seeds.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How many were run.
    pub seeds: u64,
    /// Steps that their worlds took.
    pub steps: u64,
    /// What went wrong; at most [`FAILURES_MAX`] for each of the two threads, which then stop.
    pub failures: Vec<Failure>,
    /// How often each thing happened. None may be zero over as many seeds as the suite says.
    pub exercised: BTreeMap<String, u64>,
}

/// One world that went wrong. Running its seed alone repeats it exactly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// How many steps the world had taken.
    pub step: u64,
    /// What was wrong.
    pub what: String,
}

/// Runs a world for each seed.
///
/// ```
/// let report = cobrowse_relay_sim::run(7..9);
/// assert_eq!((report.seeds, report.failures.len()), (2, 0));
/// ```
pub fn run(seeds: Range<u64>) -> Report {
    run_suite(seeds, &SUITE, run_seed)
}

/// What a kind of world must show over many seeds.
#[derive(Debug)]
pub struct Suite {
    /// What must have happened in some world.
    pub exercises: &'static [&'static str],
    /// From so many seeds on, something that never happened is a failure.
    pub seeds_for_coverage: u64,
}

/// One world's life.
#[derive(Debug)]
pub struct Lived {
    /// How many steps it took.
    pub step: u64,
    /// What was wrong.
    pub what: Option<String>,
    /// How often each thing happened.
    pub counts: BTreeMap<&'static str, u64>,
}

/// Runs `live` for each seed, half of them on another thread.
pub fn run_suite(seeds: Range<u64>, suite: &Suite, live: impl Fn(u64) -> Lived + Sync) -> Report {
    let middle = seeds.start + (seeds.end.saturating_sub(seeds.start)) / 2;
    let (mut first, second) = std::thread::scope(|scope| {
        let second = scope.spawn(|| run_part(middle..seeds.end, &live));
        (run_part(seeds.start..middle, &live), second.join().unwrap_or_default())
    });
    first.add(second);
    let mut failures = first.failures;
    if first.seeds >= suite.seeds_for_coverage {
        let missing = suite.exercises.iter().filter(|name| !first.counts.contains_key(**name));
        failures.extend(missing.map(|name| Failure {
            seed: seeds.start,
            step: 0,
            what: format!("never exercised: {name}"),
        }));
    }
    for name in suite.exercises {
        first.counts.entry(name).or_default();
    }
    let exercised = first.counts.into_iter().map(|(name, n)| (name.to_owned(), n)).collect();
    Report { seeds: first.seeds, steps: first.steps, failures, exercised }
}

/// What went wrong while it ran. A panic is a finding like any other.
pub fn caught(live: impl FnOnce() -> Result<(), String>) -> Option<String> {
    match catch_unwind(AssertUnwindSafe(live)) {
        Ok(Ok(())) => None,
        Ok(Err(what)) => Some(what),
        Err(panic) => Some(format!("panicked: {}", panic_text(panic.as_ref()))),
    }
}

#[derive(Default)]
struct Part {
    seeds: u64,
    steps: u64,
    failures: Vec<Failure>,
    counts: BTreeMap<&'static str, u64>,
}

impl Part {
    fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.steps += other.steps;
        self.failures.extend(other.failures);
        for (name, n) in other.counts {
            *self.counts.entry(name).or_default() += n;
        }
    }
}

fn run_part(seeds: Range<u64>, live: &impl Fn(u64) -> Lived) -> Part {
    let mut part = Part::default();
    for seed in seeds {
        let Lived { step, what, counts } = live(seed);
        let failures = what.map(|what| Failure { seed, step, what }).into_iter().collect();
        part.add(Part { seeds: 1, steps: step, failures, counts });
        if part.failures.len() >= FAILURES_MAX {
            break;
        }
    }
    part
}

fn run_seed(seed: u64) -> Lived {
    let mut world = World::new(seed);
    let what = caught(|| live(&mut world));
    let mut counts = world.counts;
    for (name, n) in counted(&world.relay.stats()) {
        if n > 0 {
            *counts.entry(name).or_default() += n;
        }
    }
    Lived { step: world.step, what, counts }
}

fn live(world: &mut World) -> world::Check {
    for _ in 0..STEPS {
        world.step += 1;
        world.act()?;
    }
    world.finish()
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

fn counted(stats: &Stats) -> [(&'static str, u64); 16] {
    [
        ("skips", stats.skips),
        ("resyncs", stats.resyncs),
        ("purges", stats.purges),
        ("reconnects", stats.reconnects),
        ("supersedes", stats.supersedes),
        ("refusals", stats.refusals),
        ("floods", stats.floods),
        ("stalls", stats.stalls),
        ("keyframe_requests", stats.keyframe_requests),
        ("keyframe_requests_delayed", stats.keyframe_requests_delayed),
        ("keyframe_requests_budgeted", stats.keyframe_requests_budgeted),
        ("log_drops", stats.log_drops),
        ("pointers_dropped", stats.pointers_dropped),
        ("agent_frames_dropped", stats.agent_frames_dropped),
        ("ephemerals_superseded", stats.ephemerals_superseded),
        ("joins_forgotten", stats.joins_forgotten),
    ]
}

/// Things that a world does before it comes to its end.
pub const STEPS: u64 = 300;

/// A thread that found so many stops: the rest would say the same.
pub const FAILURES_MAX: usize = 20;

const SUITE: Suite = Suite { exercises: &EXERCISES, seeds_for_coverage: 500 };

/// What must have happened.
const EXERCISES: [&str; 32] = [
    "joins",
    "rejoins",
    "late_joins",
    "skips",
    "resyncs",
    "breakdowns",
    "purges",
    "reconnects",
    "supersedes",
    "refusals",
    "floods",
    "stalls",
    "grace_ends",
    "visitor_ends",
    "agent_ends",
    "ordered_ends",
    "revokes",
    "keyframe_requests",
    "keyframe_requests_delayed",
    "keyframe_requests_budgeted",
    "log_drops",
    "pointers_dropped",
    "agent_frames_dropped",
    "ephemerals_superseded",
    "joins_forgotten",
    "page_changes",
    "losses",
    "hostile_visitors",
    "hostile_agents",
    "overloads",
    "settings_updates",
    "states_compared",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_end_with_the_visitors_state_whatever_happened() {
        let report = run(0..300);
        assert!(report.failures.is_empty(), "{:#?}", report.failures);
        assert!(report.exercised.values().all(|n| *n > 0), "{:#?}", report.exercised);
    }

    #[test]
    fn a_seed_makes_the_same_world_again() {
        let (once, again) = (run_seed(11), run_seed(11));
        assert_eq!((once.counts, once.what), (again.counts, again.what));
    }
}
