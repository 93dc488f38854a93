//! `simulate`: the relay in virtual time, many seeds, a report in JSON.

use std::path::PathBuf;

use anyhow::{Context, Result};

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = SEEDS)]
    seeds: u64,
    /// The first seed; a failing one is replayed with `--first SEED --seeds 1`.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Where to write the report; nowhere when left out.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Runs it; false when a seed failed.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let last =
        arguments.first.checked_add(arguments.seeds).context("seeds past the last number")?;
    let report = relay_sim::run(arguments.first..last);
    for failure in &report.failures {
        println!("seed {} failed at step {}: {}", failure.seed, failure.step, failure.what);
        println!("  again: cargo xtask simulate --first {} --seeds 1", failure.seed);
    }
    for (what, count) in &report.exercised {
        println!("{count:>10}  {what}");
    }
    println!("{} seeds, {} failures", report.seeds, report.failures.len());
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(path, text + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(report.failures.is_empty())
}

/// A few seconds' worth.
pub(crate) const SEEDS: u64 = 2_000;
