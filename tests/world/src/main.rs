//! The program behind `cargo xtask simulate`: the whole and the relay alone in virtual time, many seeds, a report in JSON.

#![allow(clippy::print_stdout, reason = "a command line talks to a person")]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use serde::Serialize;

/// Worlds allocate most of what they do.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Visitors, agents, session servers and web tiers in virtual time, a world for each seed.
#[derive(Parser)]
#[command(
    name = "cargo xtask simulate",
    after_help = "--optimised, before all others, builds the simulation for long runs"
)]
struct Arguments {
    /// How many seeds; left out, as many of each part as the tests run.
    #[arg(long)]
    seeds: Option<u64>,
    /// The first seed; a failing one is replayed with `--part PART --first SEED --seeds 1`.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// One part only.
    #[arg(long, value_enum)]
    part: Option<Part>,
    /// Where to write the report; nowhere when left out.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// What is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum Part {
    /// Visitors, agents, two CServers and two web tiers.
    Whole,
    /// The relay, with bounds so small that each is reached all the time.
    Relay,
}

/// What came of it.
#[derive(Serialize)]
struct Reports {
    /// Seeds of all parts.
    seeds: u64,
    /// Steps of all their worlds.
    steps: u64,
    /// Failures of all parts.
    failures: usize,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    whole: Option<relay_sim::Report>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relay: Option<relay_sim::Report>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// False when a seed failed.
fn run(arguments: &Arguments) -> Result<bool> {
    let began = std::time::Instant::now();
    let whole = part(arguments, Part::Whole, WHOLE_SEEDS, cobrowse_world::run)?;
    let relay = part(arguments, Part::Relay, RELAY_SEEDS, relay_sim::run)?;
    let both = || whole.iter().chain(&relay);
    let reports = Reports {
        seeds: both().map(|report| report.seeds).sum(),
        steps: both().map(|report| report.steps).sum(),
        failures: both().map(|report| report.failures.len()).sum(),
        seconds: began.elapsed().as_secs_f64(),
        whole: whole.clone(),
        relay: relay.clone(),
    };
    let Reports { seeds, steps, failures, seconds, .. } = &reports;
    println!("{seeds} seeds, {steps} steps, {failures} failures, {seconds:.0} s");
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&reports)?;
        std::fs::write(path, text + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(reports.failures == 0)
}

fn part(
    arguments: &Arguments,
    part: Part,
    seeds: u64,
    run: fn(std::ops::Range<u64>) -> relay_sim::Report,
) -> Result<Option<relay_sim::Report>> {
    if arguments.part.is_some_and(|wanted| wanted != part) {
        return Ok(None);
    }
    let seeds = arguments.seeds.unwrap_or(seeds);
    let last = arguments.first.checked_add(seeds).context("seeds past the last number")?;
    let report = run(arguments.first..last);
    let name = match part {
        Part::Whole => "whole",
        Part::Relay => "relay",
    };
    for failure in &report.failures {
        println!("{name}: seed {} failed at step {}: {}", failure.seed, failure.step, failure.what);
        println!("  again: cargo xtask simulate --part {name} --first {} --seeds 1", failure.seed);
    }
    for (what, count) in &report.exercised {
        println!("{count:>12}  {what}");
    }
    println!("{name}: {} seeds, {} failures", report.seeds, report.failures.len());
    Ok(Some(report))
}

/// Some 40 s on two cores.
const WHOLE_SEEDS: u64 = 10_000;

/// A few seconds' worth.
const RELAY_SEEDS: u64 = 2_000;
