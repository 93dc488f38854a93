//! Sessions in real browsers: a visitor on the shop's page and an agent's viewer each, run by `tests/e2e/chaos.mjs`.
//!
//! Owns the program's start and end, and what it says. What it does in the browsers is its own business.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use cobrowse_tests::Stack;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::building::{packages, packages_installed};
use crate::repo::Repo;
use crate::test::chromium;

/// What was seen in the browsers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Seen {
    /// How many sessions.
    pub(super) pairs: usize,
    /// Of each kill of the CServer that a view stood on, from the kill until the view showed a change of the page that was made after it.
    #[serde(skip_serializing)]
    pub(super) restored_ms: Vec<u64>,
    /// What visitor and view went through in the slowest of these cases.
    pub(super) slowest: Vec<String>,
    /// Changes of the pages that the views were held to.
    pub(super) changes: u64,
    /// Of each pair, how long its view was behind at the longest, in milliseconds.
    pub(super) behind_ms_max: Vec<u64>,
    /// Why a view did not show the visitor's page in the end.
    pub(super) lost: Vec<String>,
}

/// The running program.
pub(super) struct Browsers {
    child: Child,
}

/// What it needs: its packages.
pub(super) fn install(repo: &Repo) -> Result<()> {
    if let Some(install) = packages(&repo.e2e())? {
        install.with("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1").shown()?;
        packages_installed(&repo.e2e())?;
    }
    chromium().map(drop).context("chaos in real browsers needs Chromium: `apt-get install chromium`, name one in CHROMIUM, or say `--browsers 0`")
}

impl Browsers {
    /// Starts so many sessions, and returns once every view shows its visitor's page.
    pub(super) fn start(repo: &Repo, stack: &Stack, count: usize) -> Result<Self> {
        // The load client has the other one: with hundreds of windows that come back at once it is taken for somebody who guesses keys.
        let account = stack.account("bob");
        let site = json!({
            "web_url": stack.web_url(),
            "shop_url": stack.shop_url(),
            "spki_hash": stack.certificates().spki_hash,
            "name": account.name,
            "password": account.password,
            "pairs": count,
        });
        let mut child = Command::new("node")
            .arg("chaos.mjs")
            .current_dir(repo.e2e())
            .env("CHROMIUM", chromium().context("no Chromium")?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start node")?;
        let stdin = child.stdin.as_mut().context("no standard input")?;
        writeln!(stdin, "{site}")?;
        let mut browsers = Self { child };
        let said = browsers.line()?;
        ensure!(said.trim() == "ready", "the browsers do not start: {said}");
        Ok(browsers)
    }

    /// Tells it which CServer was killed, by the port that views know it under, and when.
    pub(super) fn killed(&mut self, at: SystemTime, port: u16) -> Result<()> {
        let at = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        let stdin = self.child.stdin.as_mut().context("no standard input")?;
        writeln!(stdin, "{}", json!({"at": at, "port": port.to_string()}))?;
        Ok(())
    }

    /// Tells it that all is mended; what it has seen.
    pub(super) fn finish(mut self) -> Result<Seen> {
        if let Some(mut stdin) = self.child.stdin.take() {
            writeln!(stdin, "finish")?;
        }
        let said = self.line()?;
        serde_json::from_str(&said).with_context(|| format!("the browsers say {said:?}"))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        let stdout = self.child.stdout.as_mut().context("no standard output")?;
        // One line at a time is asked for, so the buffer holds nothing that comes after it.
        BufReader::new(stdout).read_line(&mut line)?;
        ensure!(!line.is_empty(), "the browsers ended; see above");
        Ok(line)
    }
}

impl Drop for Browsers {
    fn drop(&mut self) {
        // It ends its browsers when its standard input ends.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
