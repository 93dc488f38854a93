//! `mirror`: the fidelity suite and the leak suite in one report, with the sizes of the scripts that a page loads.
//!
//! Owns the report's keys; what is compared and tried is `tests/mirror`'s and `tests/leaks`'s. Both run on the real path.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use crate::building::{self, packages, packages_installed};
use crate::commands::Run;
use crate::repo::Repo;
use crate::test::chromium;

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Fewer rounds of what is measured.
    #[arg(long)]
    quick: bool,
    /// Only the soak: a page that never rests, for so many minutes; its heap has to stay flat.
    #[arg(long, value_name = "MINUTES", num_args = 0..=1, default_missing_value = "20")]
    soak: Option<u32>,
    /// Where to write the report; to standard output when left out.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Runs both suites; false when a page differs or something leaked.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let repo = Repo::find()?;
    for folder in [repo.mirror(), repo.leaks()] {
        if let Some(install) = packages(&folder)? {
            install.with("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1").shown()?;
            packages_installed(&folder)?;
        }
    }
    building::all(&repo)?;
    let mut report = Map::new();
    let mut is_good = true;
    let suites = match arguments.soak {
        Some(minutes) => vec![soak_suite(&repo, minutes)?],
        None => vec![mirror_suite(&repo, arguments.quick)?, leak_suite(&repo)?],
    };
    for suite in suites {
        is_good &= suite.run(&mut report)?;
    }
    for (key, script) in [
        ("loader_gzip_bytes", "loader.js"),
        ("visitor_gzip_bytes", "visitor.js"),
        ("frames_gzip_bytes", "frames.js"),
    ] {
        report.insert(key.into(), gzip_bytes(&repo, script)?);
    }
    let text = serde_json::to_string_pretty(&report)? + "\n";
    match &arguments.json {
        Some(path) => {
            fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?
        }
        None => println!("{text}"),
    }
    Ok(is_good)
}

/// The fidelity suite as a command that writes to `report`.
pub(crate) fn mirror_command(repo: &Repo, is_quick: bool, report: &Path) -> Result<Run> {
    let quick = if is_quick { "--quick " } else { "" };
    let line = format!("run.mjs {quick}--json {}", report.display());
    with_stack(repo, Run::new("node", &repo.mirror(), &line))
}

/// The leak suite as a command that writes to `report`, and keeps beside it the source of what chance found.
pub(crate) fn leak_command(repo: &Repo, report: &Path) -> Result<Run> {
    let kept = report.with_extension("failed");
    let line = format!(
        "run.mjs --cases --broken sample --random {RANDOM_SECONDS} --seed {RANDOM_SEED} --keep {} --json {}",
        kept.display(),
        report.display()
    );
    with_stack(repo, Run::new("node", &repo.leaks(), &line))
}

/// What a suite in a browser has to know.
fn with_stack(repo: &Repo, run: Run) -> Result<Run> {
    let program = repo.program()?;
    Ok(run
        .with("CHROMIUM", chromium()?)
        .with("COBROWSE_BIN_DIR", program.parent().context("no folder")?)
        .with("COBROWSE_XTASK", &program)
        .with("COBROWSE_BACKEND", "poll"))
}

/// How long the leak suite tries pages that chance makes: some hundred of them.
const RANDOM_SECONDS: u32 = 15;

/// The same pages each time: what a run says is of the change that was made. Others are the suite's own flag away.
const RANDOM_SEED: u32 = 202;

struct Suite {
    command: Run,
    report: PathBuf,
}

fn mirror_suite(repo: &Repo, is_quick: bool) -> Result<Suite> {
    let report = repo.target.join("mirror.json");
    Ok(Suite { command: mirror_command(repo, is_quick, &report)?, report })
}

fn soak_suite(repo: &Repo, minutes: u32) -> Result<Suite> {
    let report = repo.target.join("soak.json");
    let line = format!("soak.mjs --minutes {minutes} --json {}", report.display());
    Ok(Suite { command: with_stack(repo, Run::new("node", &repo.mirror(), &line))?, report })
}

fn leak_suite(repo: &Repo) -> Result<Suite> {
    let report = repo.target.join("leaks.json");
    Ok(Suite { command: leak_command(repo, &report)?, report })
}

impl Suite {
    /// Runs it and takes its figures over; false when it found a fault.
    fn run(&self, into: &mut Map<String, Value>) -> Result<bool> {
        let _ = fs::remove_file(&self.report);
        let outcome = self.command.shown();
        // A suite that found faults has written them down; one that broke has not.
        let Ok(bytes) = fs::read(&self.report) else {
            return outcome.map(|()| false);
        };
        into.extend(serde_json::from_slice::<Map<String, Value>>(&bytes)?);
        Ok(outcome.is_ok())
    }
}

fn gzip_bytes(repo: &Repo, script: &str) -> Result<Value> {
    let sizes = fs::read(repo.browser().join("dist/sizes.json"))?;
    let sizes: Value = serde_json::from_slice(&sizes)?;
    Ok(sizes[script]["gzip"].clone())
}
