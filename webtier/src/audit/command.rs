//! `webtier audit`: the log out of the store, the key's public half, and the check that needs neither.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::signing::{AuditKey, UNSIGNED};
use super::start;
use super::verify::verify;
use crate::admin::Order;
use crate::cli::CliError;
use crate::clock::Clock;
use crate::config::Config;
use crate::store::Store;
use crate::store::sled::SledStore;

/// What can be done with the audit log.
#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// Print the whole log, with a head that is signed now as its last line.
    Export,
    /// Go on with a log that does not verify, as it stands: for a web tier that does not start on it. It is written into the log.
    Accept,
    /// Print the public half of the configured key: keep it where the log will be verified.
    Key,
    /// Check an export: needs no configuration and no store.
    Verify {
        /// What `audit export` printed.
        file: PathBuf,
        /// What `audit key` printed.
        #[arg(long)]
        public_key: String,
        /// The hash of a head that was noted elsewhere, like in the journal: it has to be in the log.
        #[arg(long)]
        head: Option<String>,
    },
}

/// Checks an export; what a person is told.
pub(crate) fn check(file: &Path, key: &str, head: Option<&str>) -> Result<String, CliError> {
    let told = |error: String| CliError::Told(format!("{}: {error}", file.display()));
    let bytes = std::fs::read(file).map_err(|error| told(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| told("not text: altered".into()))?;
    let sound = verify(&text, key, head).map_err(|fault| told(fault.to_string()))?;
    let from = sound.accepted.map_or_else(String::new, |seq| {
        format!(" from entry {} on (those before did not verify, and an operator went on with them as they were)", seq + 1)
    });
    Ok(format!(
        "sound{from}: {} entries, {} signed heads, the last of {} ms, hash {}",
        sound.entries, sound.heads, sound.at_ms, sound.head.hash
    ))
}

/// Takes the log of a store that no web tier has open as it stands; what a person is told.
pub(crate) fn accept(config: &Config) -> Result<String, CliError> {
    let told = |error: &dyn std::fmt::Display| CliError::Told(error.to_string());
    let key = AuditKey::configured(config.audit.as_ref()).map_err(|error| told(&error))?;
    let key = key.ok_or_else(|| CliError::Told(UNSIGNED.into()))?;
    let store = SledStore::open(&config.store).map_err(|error| told(&error))?;
    let found = start::accept(&store, &key, Clock::system().now_ms()).map_err(|e| told(&e))?;
    store.flush().map_err(|error| told(&error))?;
    Ok(found.map_or_else(
        || "the log is sound: nothing was changed".into(),
        |fault| {
            format!(
                "found: {fault}. The log goes on behind it, and says so; the web tier starts again"
            )
        },
    ))
}

/// The public half of the configured key.
pub(crate) fn public_key(config: &Config) -> Result<String, CliError> {
    let key =
        AuditKey::configured(config.audit.as_ref()).map_err(|e| CliError::Told(e.to_string()))?;
    key.map(|key| key.public()).ok_or_else(|| CliError::Told(UNSIGNED.into()))
}

/// Everything up to a head that is signed now, piece by piece; `order` asks the web tier.
pub(crate) fn export(
    order: impl Fn(Order) -> Result<Vec<String>, CliError>,
    print: impl Fn(&[String]) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let signed = order(Order::AuditSign)?;
    let Some(last) = signed.first() else { return Err(CliError::Told(UNSIGNED.into())) };
    let mut from = 1;
    loop {
        let mut lines = order(Order::AuditLines { from })?;
        let next = start::next_from(&lines, from);
        // What came after the head is the next export's.
        let end = lines.iter().position(|line| line == last);
        if let Some(end) = end {
            lines.truncate(end + 1);
        }
        print(&lines)?;
        if end.is_some() {
            return Ok(());
        }
        from = next.ok_or_else(|| {
            CliError::Told("the log ends before its head: the store was altered".into())
        })?;
    }
}
