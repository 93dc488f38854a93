//! What benchmarks in rounds ask on the command line and of the machine, and how they write what they found.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

/// Arguments that each of them has.
#[derive(clap::Args)]
pub(crate) struct Rounds {
    /// Writes the figures as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Rounds; the median of them is told.
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,
    /// Seconds of each measured window.
    #[arg(long, default_value_t = 3)]
    pub(crate) seconds: u64,
    /// Run what is built and installed already.
    #[arg(long)]
    pub(crate) no_build: bool,
}

impl Rounds {
    /// How many processors there are, or why nothing can be measured.
    pub(crate) fn check(&self) -> Result<usize> {
        ensure!(self.rounds > 0 && self.seconds > 0, "--rounds and --seconds: at least 1");
        let processors = std::thread::available_parallelism()?.get();
        ensure!(
            processors >= 2,
            "server and generator need a processor each, and this process may use one"
        );
        Ok(processors)
    }

    /// Writes the figures, if they are wanted as JSON.
    pub(crate) fn write(&self, figures: &impl serde::Serialize) -> Result<()> {
        let Some(path) = &self.json else { return Ok(()) };
        std::fs::write(path, serde_json::to_string_pretty(figures)?)
            .with_context(|| format!("cannot write {}", path.display()))
    }
}
