//! `simulate`: the whole and the relay alone in virtual time, many seeds, a report in JSON.
//!
//! What it does stands in `tests/world`, a program of its own: it holds the web tier, which carries the browser's parts, so it
//! can be built only after them.

use anyhow::Result;

use crate::building;
use crate::commands::Run;
use crate::repo::Repo;

/// Arguments of the command.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// Builds the simulation with optimisation, which takes some minutes once: worth it from some hundred thousand seeds on. Assertions and
    /// checks for overflow stay in.
    #[arg(long)]
    optimised: bool,
    /// Passed on; `--help` tells which there are.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
    words: Vec<String>,
}

/// Runs it; false when a seed failed.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let repo = Repo::find()?;
    building::all(&repo)?;
    let line = arguments.words.join(" ");
    if !arguments.optimised {
        return Ok(program(&repo, &line)?.shown().is_ok());
    }
    let build = format!("build --package cobrowse-world --bin simulate --profile {OPTIMISED}");
    Run::cargo(&repo.root, &build).shown()?;
    let program = repo.target.join(OPTIMISED).join("simulate");
    Ok(Run::new(&program.to_string_lossy(), &repo.root, &line).shown().is_ok())
}

/// The program, which is built beside this one.
pub(crate) fn program(repo: &Repo, line: &str) -> Result<Run> {
    let program = repo.program()?.with_file_name("simulate");
    Ok(Run::new(&program.to_string_lossy(), &repo.root, line))
}

/// The profile of long runs, in the workspace's Cargo.toml.
const OPTIMISED: &str = "simulation";
