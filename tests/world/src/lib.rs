//! The whole in virtual time: visitors, agents, two CServers and two web tiers under seeded faults.
//!
//! Everything that thinks is the real code: the shards of the CServers with their relay, connections and TLS; the web
//! tiers' router, rules, keys, control streams and store. The world brings bytes, time, chance and people. A seed makes a world, and
//! the same seed the same world again. What must hold in it stands in `docs/SIMULATION.md`.
//!
//! The map: `world` is a turn, `actions` what happens, `finish` how it must end; `net` the network, `servers` and `tiers` the
//! hosts, `visitor`, `agent` and `thief` the people, `scenarios` what is told of by name, `tab` a browser's connection, `tls` and `arithmetic` what is cheaper in it than elsewhere.

#![forbid(unsafe_code)]

mod actions;
mod agent;
mod arithmetic;
mod finish;
mod net;
#[cfg(test)]
mod scenarios;
mod servers;
mod tab;
mod thief;
mod tiers;
mod tls;
mod visitor;
mod world;

use std::ops::Range;

use relay_sim::{Lived, Report, Suite};

use tls::Pki;
use world::World;

/// Runs a world for each seed.
pub fn run(seeds: Range<u64>) -> Report {
    let pki = Pki::new();
    relay_sim::run_suite(seeds, &SUITE, move |seed| live(seed, &pki))
}

fn live(seed: u64, pki: &Pki) -> Lived {
    let mut step = 0;
    let mut world = match World::new(seed, pki.clone()) {
        Ok(world) => world,
        Err(what) => return Lived { step, what: Some(what), counts: Default::default() },
    };
    let what = relay_sim::caught(|| {
        for _ in 0..STEPS {
            step += 1;
            world.act()?;
        }
        world.finish()
    });
    Lived { step, what, counts: std::mem::take(&mut world.counts) }
}

const SUITE: Suite = Suite { exercises: &EXERCISES, seeds_for_coverage: 200 };

/// Things that happen in a world before it is mended.
const STEPS: u64 = 25;

/// What must have happened.
const EXERCISES: [&str; 20] = [
    "absences",
    "agent_connections",
    "clocks_far_apart",
    "clocks_stepped",
    "homes_given",
    "homes_given_up",
    "joins",
    "old_tickets_refused",
    "partitions",
    "purges",
    "resets",
    "servers_drained",
    "servers_killed",
    "sessions_over_by_absence",
    "slow_readers",
    "tiers_killed",
    "views_compared",
    "visitor_connections",
    "visitor_ends",
    "worlds_healed",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_comes_right_whatever_happened() {
        let report = run(0..40);
        assert!(report.failures.is_empty(), "{:#?}", report.failures);
    }

    #[test]
    fn a_seed_makes_the_same_world_again() {
        let pki = Pki::new();
        for seed in 0..10 {
            let (once, again) = (live(seed, &pki), live(seed, &pki));
            assert_eq!((once.what, once.counts), (again.what, again.counts), "seed {seed}");
        }
    }
}
