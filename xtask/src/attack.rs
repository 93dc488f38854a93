//! `attack`: forged credentials, smuggled requests, broken WebSockets, canaries, and the hostile visitor in a real browser.
//!
//! Owns the order and the report; what is tried stands in `tests/attack` and `tests/e2e/specs/payloads.spec.ts`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use crate::building;
use crate::commands::Run;
use crate::repo::Repo;
use crate::test::tools::chromium;

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where to write the report.
    #[arg(long)]
    json: PathBuf,
    /// Forged credentials to try in process, at least.
    #[arg(long, default_value_t = 1_000_000)]
    credentials: u64,
}

/// Runs everything; false when something got through.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let unwritable = || {
        let file = arguments.json.display();
        format!("cannot write {file}: name a file in a folder that is there and yours to write")
    };
    // Before minutes of work, not after.
    fs::write(&arguments.json, "").with_context(unwritable)?;
    let repo = Repo::find()?;
    building::all(&repo)?;
    let browser = chromium().context("Chromium is missing: `apt-get install chromium`")?;
    let folder = tempfile::tempdir()?;
    let (sockets, payloads) =
        (folder.path().join("sockets.json"), folder.path().join("payloads.json"));
    let servers = suite(&repo, &sockets, arguments.credentials)?.shown();
    if let Some(install) = building::packages(&repo.e2e())? {
        install.shown()?;
        building::packages_installed(&repo.e2e())?;
    }
    let visitor = Run::npm(&repo.e2e(), "run --silent test -- specs/payloads.spec.ts")
        .with("CHROMIUM", browser)
        .with("COBROWSE_XTASK", repo.program()?)
        .with("COBROWSE_PAYLOADS_JSON", &payloads)
        .shown();
    let mut report = Map::new();
    for part in [&sockets, &payloads] {
        // A part that wrote no report has said why.
        if let Ok(text) = fs::read(part) {
            report.extend(serde_json::from_slice::<Map<String, Value>>(&text)?);
        }
    }
    fs::write(&arguments.json, serde_json::to_string_pretty(&report)?).with_context(unwritable)?;
    Ok(servers.is_ok() && visitor.is_ok())
}

/// The part without a browser, which stands beside this program.
pub(crate) fn suite(repo: &Repo, report: &Path, credentials: u64) -> Result<Run> {
    let program = repo.program()?.with_file_name("attack");
    let line = format!("--credentials {credentials} --json {}", report.display());
    Ok(Run::new(&program.to_string_lossy(), &repo.root, &line))
}
