//! `webtier audit`: the log out of the store, the key's public half, and the check that needs neither.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::signing::{AuditKey, UNSIGNED};
use super::verify::verify;
use crate::admin::Order;
use crate::cli::CliError;
use crate::config::Config;

/// What can be done with the audit log.
#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// Print the whole log, with a head that is signed now as its last line.
    Export,
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
    Ok(format!(
        "sound: {} entries, {} signed heads, the last of {} ms, hash {}",
        sound.entries, sound.heads, sound.at_ms, sound.head.hash
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
        from += lines.iter().filter(|line| !super::signing::is_head(line)).count() as u64;
        // What came after the head is the next export's.
        let end = lines.iter().position(|line| line == last);
        if let Some(end) = end {
            lines.truncate(end + 1);
        }
        print(&lines)?;
        if end.is_some() {
            return Ok(());
        }
        if lines.is_empty() {
            return Err(CliError::Told(
                "the log ends before its head: the store was altered".into(),
            ));
        }
    }
}
