//! `webtier store`: what an operator can do with a store that does not open, or to see what is in one.
//!
//! Owns what is asked and what is printed. All of it works on a store that no web tier has open, and none of it alters what it
//! looks at: a repair makes a new store and keeps the damaged one beside it.

use std::path::Path;

use clap::Subcommand;
use serde_json::{Value, json};

use super::StoreError;
use super::repair::repair;
use super::survey::{Survey, kind, survey};
use crate::audit::hex;
use crate::clock::Clock;

/// What can be done with the store.
#[derive(Subcommand)]
pub(crate) enum StoreCommand {
    /// Look at every record and at sled's own files; ends with 1 when something is not as it was written.
    Check,
    /// Make the store anew from all that is whole. The damaged one stays beside it; agents log in again.
    Repair,
    /// Print every whole record as a line of JSON. It has hashes of passwords and of resume secrets: keep it as you keep the store.
    Export,
}

impl StoreCommand {
    /// Does it to the store in that folder; what is printed.
    pub(crate) fn run(&self, store: &Path) -> Result<Vec<String>, StoreError> {
        match self {
            Self::Check => check(&survey(store)?),
            Self::Repair => repaired(store),
            Self::Export => {
                Ok(survey(store)?.whole.iter().map(|(key, value)| line(key, value)).collect())
            }
        }
    }
}

fn check(found: &Survey) -> Result<Vec<String>, StoreError> {
    if !found.faults.is_empty() {
        let whole = counts(found.counts());
        return Err(StoreError::Damaged(format!(
            "{}; whole are: {whole}",
            found.faults.join("; ")
        )));
    }
    Ok(vec![format!("the store is whole: {}", counts(found.counts()))])
}

fn repaired(store: &Path) -> Result<Vec<String>, StoreError> {
    let Some(repaired) = repair(store, Clock::system().now_ms() / 1_000)? else {
        return Ok(vec!["the store is whole: nothing was changed".into()]);
    };
    let mut lines: Vec<_> = repaired.faults.iter().map(|fault| format!("found: {fault}")).collect();
    lines.push(format!("kept: {}", counts(repaired.kept)));
    lines.push(format!("the damaged store is now {}", repaired.aside.display()));
    lines.push(
        "agents log in again; look through `webtier agent list`, `webtier group list` and `webtier server list`, and order anew what is missing. If an agent's access was taken away shortly before, take it away once more".into(),
    );
    lines.push(
        "where entries of the audit log were lost, the web tier starts once `webtier audit accept` has written that down".into(),
    );
    Ok(lines)
}

fn counts(counts: std::collections::BTreeMap<&'static str, usize>) -> String {
    let told: Vec<_> = counts.iter().map(|(name, count)| format!("{name}: {count}")).collect();
    told.join(", ")
}

fn line(key: &[u8], value: &[u8]) -> String {
    let rest = &key[1.min(key.len())..];
    let key_text = match std::str::from_utf8(rest) {
        Ok(text) if !text.contains(char::is_control) => text.to_owned(),
        _ => hex(rest),
    };
    let text =
        || Value::String(std::str::from_utf8(value).map_or_else(|_| hex(value), str::to_owned));
    let value = serde_json::from_slice(value).unwrap_or_else(|_| text());
    let name = kind(key).map_or("unknown", |kind| kind.name);
    json!({"kind": name, "key": key_text, "value": value}).to_string()
}
