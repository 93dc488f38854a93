//! `flood`: ten thousand connections that bring halves, as many resets, and a visitor who floods, beside a healthy session.
//!
//! Owns the command and its report; what is done stands in `tests/src/flood.rs`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use cobrowse_tests::{Stack, flood};

use crate::building;
use crate::repo::Repo;

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where to write the report.
    #[arg(long)]
    json: PathBuf,
    /// Connections that are left half done; as many are reset. This process and the server each need so many open files.
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// How often all of it is done at once, after each kind by itself.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

/// Floods a stack of its own. An error when a bound does not hold or the healthy session is harmed.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let repo = Repo::find()?;
    building::all(&repo)?;
    let stack = Stack::plan().cores(2).start()?;
    let report = flood::flood(&stack, arguments.connections, arguments.rounds)?;
    let text = serde_json::to_string_pretty(&report)?;
    println!("{text}");
    std::fs::write(&arguments.json, text)
        .with_context(|| format!("cannot write {}", arguments.json.display()))?;
    let late = stack.stop();
    anyhow::ensure!(late.is_empty(), "{late:?} did not end by themselves");
    Ok(())
}
