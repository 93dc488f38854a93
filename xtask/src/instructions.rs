//! `instructions`: how many instructions the parts take that run for every frame, connection or join, against a recorded baseline.
//!
//! Time on a shared machine says little; instructions say the same everywhere. valgrind counts them in a build of the development profile, and
//! shows the program a processor without AVX, so that the cryptography takes the same path on all of them. `bench/src/bin/counted.rs` has the
//! parts, `bench/instructions.json` the baseline.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context, Result, ensure};

use crate::commands::Run;
use crate::repo::Repo;

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Writes what was counted as the new baseline.
    #[arg(long)]
    record: bool,
}

/// Runs the command; whether nothing has become dearer.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let repo = Repo::find()?;
    let log = repo.target.join("instructions.log");
    let counted = count(&repo, &log)?;
    let baseline = repo.root.join(BASELINE);
    if arguments.record {
        std::fs::write(&baseline, serde_json::to_string_pretty(&counted)? + "\n")?;
        println!("{} is written", baseline.display());
        return Ok(true);
    }
    let (told, faults) = compare(&read(&baseline)?, &counted);
    println!("{told}");
    faults.iter().for_each(|fault| println!("{fault}"));
    Ok(faults.is_empty())
}

/// Counts and compares: how many parts there are, or what has become dearer.
pub(crate) fn check(repo: &Repo, log: &Path) -> Result<usize> {
    let counted = count(repo, log)?;
    let (told, faults) = compare(&read(&repo.root.join(BASELINE))?, &counted);
    std::fs::write(log, told)?;
    ensure!(faults.is_empty(), "\n  {}", faults.join("\n  "));
    Ok(counted.len())
}

/// Whether valgrind is here.
pub(crate) fn valgrind(root: &Path) -> Result<()> {
    Run::new("valgrind", root, "--version").first_line().map(drop).context(
        "valgrind is missing: `apt-get install valgrind`, or leave this out with `--without valgrind`",
    )
}

/// Instructions of each part, for one time.
type Counts = BTreeMap<String, u64>;

fn count(repo: &Repo, log: &Path) -> Result<Counts> {
    valgrind(&repo.root)?;
    Run::cargo(&repo.root, "build --package bench --bin counted").logged(log)?;
    let program = repo.target.join("debug/counted");
    let parts = Run::new(&program.to_string_lossy(), &repo.root, "").output()?;
    let (left, counts) = (Mutex::new(parts.lines().collect::<Vec<_>>()), Mutex::default());
    let work = || -> Result<()> {
        // A thread that panicked has ended the command.
        while let Some(part) = left.lock().ok().and_then(|mut left| left.pop()) {
            let instructions = measure(repo, &program, part).with_context(|| part.to_owned())?;
            let mut counts: std::sync::MutexGuard<'_, Counts> =
                counts.lock().map_err(|_| anyhow::anyhow!("another part failed"))?;
            counts.insert(part.into(), instructions);
        }
        Ok(())
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        all.into_iter().try_for_each(|one| match one.join() {
            Ok(result) => result,
            Err(_) => Err(anyhow::anyhow!("a thread of this command panicked")),
        })
    })?;
    let counts = counts.into_inner().map_err(|_| anyhow::anyhow!("a part failed"))?;
    ensure!(!counts.is_empty(), "{} knows no parts", program.display());
    Ok(counts)
}

fn measure(repo: &Repo, program: &Path, part: &str) -> Result<u64> {
    let line = format!(
        "--tool=callgrind --log-fd=1 --callgrind-out-file=/dev/null --collect-atstart=no --toggle-collect=*counted_region* {} {part} {TIMES}",
        program.display()
    );
    let told =
        Run::new("valgrind", &repo.root, &line).with("OPENSSL_ia32cap", PLAIN_X86).output()?;
    let collected = told
        .lines()
        .find_map(|line| line.split_once("Collected : "))
        .and_then(|(_, number)| number.trim().parse::<u64>().ok())
        .filter(|number| *number > 0);
    Ok(collected.with_context(|| format!("valgrind counted nothing:\n{told}"))? / TIMES)
}

fn read(path: &Path) -> Result<Counts> {
    let text = std::fs::read_to_string(path).with_context(|| {
        format!("{} is missing: `cargo xtask instructions --record` writes it", path.display())
    })?;
    serde_json::from_str(&text).with_context(|| format!("{} is no baseline", path.display()))
}

/// A table, and what has become dearer or was never recorded.
fn compare(baseline: &Counts, counted: &Counts) -> (String, Vec<String>) {
    let mut told = String::from("part              recorded      now");
    let mut faults = Vec::new();
    for (part, now) in counted {
        let Some(before) = baseline.get(part) else {
            faults.push(format!("{part} has no baseline: `cargo xtask instructions --record`"));
            continue;
        };
        let change = *now as f64 / *before as f64 - 1.0;
        told += &format!("\n{part:16} {before:9} {now:8}  {:+.1} %", change * 100.0);
        if change > TOLERANCE {
            faults.push(format!(
                "{part} takes {now} instructions, {:.0} % more than the {before} of {BASELINE}: make it cheaper, or record anew with `cargo xtask instructions --record` and say why in the commit",
                change * 100.0
            ));
        }
    }
    (told, faults)
}

const BASELINE: &str = "bench/instructions.json";

/// How often a part runs; the first time is dearer, which is a part of the count.
const TIMES: u64 = 10;

/// Another C library copies memory by other instructions, and hash tables are seeded anew.
const TOLERANCE: f64 = 0.08;

/// Hides AVX and AVX2 from the cryptographic library, which takes its AES-NI path then.
const PLAIN_X86: &str = "~0x1000000000000000:~0x20";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dearer_than_the_baseline_is_a_fault_and_cheaper_is_none() {
        let counts = |seal, ticket| -> Counts {
            [("seal".to_owned(), seal), ("ticket".to_owned(), ticket)].into()
        };
        assert!(compare(&counts(1_000, 1_000), &counts(1_050, 500)).1.is_empty());
        let (told, faults) = compare(&counts(1_000, 1_000), &counts(1_100, 1_000));
        assert!(faults.len() == 1 && faults[0].starts_with("seal takes 1100"), "{faults:?}");
        assert!(told.contains("+10.0 %"), "{told}");
        let unknown = compare(&Counts::new(), &counts(1, 1)).1;
        assert!(unknown[0].contains("no baseline"), "{unknown:?}");
    }
}
