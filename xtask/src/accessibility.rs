//! `accessibility`: axe over everything that visitors and agents see of the service, in a real browser.
//!
//! Owns the command; what is looked at stands in `tests/e2e/specs/accessibility.spec.ts`.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::building;
use crate::commands::Run;
use crate::repo::Repo;
use crate::test::tools::chromium;

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where to write the report: `pages` looked at, `serious` findings, and every finding.
    #[arg(long)]
    json: PathBuf,
}

/// Runs it; false when something serious was found.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let repo = Repo::find()?;
    building::all(&repo)?;
    let browser = chromium().context("Chromium is missing: `apt-get install chromium`")?;
    let report = std::path::absolute(&arguments.json)?;
    if report.exists() {
        std::fs::remove_file(&report)
            .with_context(|| format!("cannot replace {}", report.display()))?;
    }
    Run::npm(&repo.e2e(), "ci --silent --ignore-scripts").shown()?;
    let looked = Run::npm(&repo.e2e(), "run --silent test -- specs/accessibility.spec.ts")
        .with("CHROMIUM", browser)
        .with("COBROWSE_XTASK", repo.program()?)
        .with("COBROWSE_ACCESSIBILITY_JSON", &report)
        .shown();
    // Without a report it was not the page that failed.
    let Ok(text) = std::fs::read(&report) else {
        looked?;
        anyhow::bail!("no report was written to {}", report.display());
    };
    let found: serde_json::Value = serde_json::from_slice(&text)?;
    let number = |name: &str| found[name].as_u64().with_context(|| format!("no {name} in it"));
    let (pages, serious) = (number("pages")?, number("serious")?);
    println!("{pages} pages, {serious} serious findings");
    Ok(pages > 0 && serious == 0)
}
