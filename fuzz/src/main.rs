//! Runs the fuzz targets from the command line: so many inputs each, from one seed number, or one input again.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use cobrowse_fuzz::{LibFuzzer, Target, make, run, run_one, targets};

/// Tries mutated inputs on every decoder of outside bytes and checks what must hold.
#[derive(Parser)]
struct Args {
    /// Only targets whose name contains this.
    target: Option<String>,
    /// Inputs for each target.
    #[arg(long, default_value_t = 100_000)]
    inputs: u64,
    /// The same seed makes the same inputs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Tries this one file on the target instead.
    #[arg(long, requires = "target")]
    input: Option<PathBuf>,
    /// Runs libFuzzer for so many seconds a target instead. Needs a nightly compiler: `libfuzzer/README.md`.
    #[arg(long, value_name = "SECONDS", conflicts_with_all = ["input", "inputs", "seed"])]
    libfuzzer: Option<u64>,
    /// Writes the seeds that the targets make from the project's own encoders.
    #[arg(long)]
    make_seeds: bool,
}

#[expect(clippy::print_stdout, reason = "a command line tells its results")]
fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let wanted = |name: &str| args.target.as_deref().is_none_or(|part| name.contains(part));
    let mut failures = 0;
    let chosen: Vec<_> = targets().iter().filter(|target| wanted(target.name)).collect();
    if chosen.is_empty() {
        let names: Vec<_> = targets().iter().map(|target| target.name).collect();
        eprintln!(
            "no target is called {:?}; there are {}; without a name all are run",
            args.target.as_deref().unwrap_or_default(),
            names.join(", ")
        );
        return Ok(ExitCode::FAILURE);
    }
    if let Some(seconds) = args.libfuzzer {
        return explore(&chosen, seconds);
    }
    for target in chosen {
        let name = target.name;
        if args.make_seeds {
            let made = make(target).with_context(|| format!("cannot write seeds of {name}"))?;
            println!("{name}: {made} seeds made");
        } else if let Some(path) = &args.input {
            let input = std::fs::read(path)
                .with_context(|| format!("cannot read {}; give a file", path.display()))?;
            let (outcome, memory_bytes) = run_one(target, &input);
            println!("{name}: {outcome:?}, {memory_bytes} bytes at the peak");
        } else {
            match run(target, args.inputs, args.seed) {
                Ok(summary) => println!(
                    "{name}: {} inputs, {} accepted, {} bytes at the peak",
                    summary.inputs, summary.accepted, summary.memory_bytes
                ),
                Err(failure) => {
                    failures += 1;
                    println!("{failure}");
                }
            }
        }
    }
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[expect(clippy::print_stdout, reason = "a command line tells its results")]
fn explore(chosen: &[&Target], seconds: u64) -> anyhow::Result<ExitCode> {
    let program = LibFuzzer::build()?;
    let mut is_sound = true;
    for target in chosen {
        let found = program.run(target, seconds)?;
        let how = if found.is_sound { "no finding" } else { "A FINDING: see libfuzzer/artifacts" };
        println!(
            "{}: {} inputs, coverage {}, corpus {}, {how}",
            target.name, found.inputs, found.coverage, found.corpus
        );
        is_sound &= found.is_sound;
    }
    Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
