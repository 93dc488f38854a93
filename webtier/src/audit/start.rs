//! What a web tier looks at before it signs anything: whether the log in its store is the one that was signed.
//!
//! Owns the look and an operator's way past a log that is not. Whoever alters the store while it is closed would otherwise have the
//! next head signed over what they wrote. Heads that were taken out of the store besides it cannot miss: noted ones tell (`verify.rs`).

use super::Event;
use super::signing::{AuditKey, is_signed};
use super::verify::{Chain, Fault};
use crate::limits::AUDIT_LINES_MAX;
use crate::store::sled::SledStore;
use crate::store::{Store, StoreError};

/// A log that is sound.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    pub(crate) entries: u64,
    /// Up to this entry an operator took it as it was found.
    pub(crate) accepted: Option<u64>,
}

/// A log that no web tier starts on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "the audit log in the store is not the one that was written and signed: {0}. Nothing more is signed over it, so the web tier does not start. Copy the store's folder away, hold it against your last export and the heads noted in the journal (`audit log signed`); was the key of [audit] exchanged, put the old one back. To go on with the log as it is, and have that written into it: `webtier audit accept`"
    )]
    Altered(Fault),
}

/// Looks at every line, and whether the log ends where the store says.
pub(crate) fn check(store: &dyn Store, key: &AuditKey) -> Result<Checked, StartError> {
    let chain = read(store, key)?;
    let head = chain.head().map_err(StartError::Altered)?;
    if *head != store.audit_head()? {
        return Err(StartError::Altered(Fault::End));
    }
    Ok(Checked { entries: head.seq, accepted: chain.accepted_to() })
}

/// Takes the log as it stands, and says so in it, signed; what is wrong with it, or `None` where nothing is.
pub(crate) fn accept(
    store: &SledStore,
    key: &AuditKey,
    now_ms: u64,
) -> Result<Option<Fault>, StartError> {
    let fault = match check(store, key) {
        Ok(_) => return Ok(None),
        Err(StartError::Altered(fault)) => fault,
        Err(error) => return Err(error),
    };
    let chain = read(store, key)?;
    let head = chain.as_it_stands(store.last_audit_entry()?);
    let event = Event::LogAccepted { fault: fault.to_string() };
    store.accept_audit(&key.accept(&head, now_ms), now_ms, event)?;
    Ok(Some(fault))
}

fn read(store: &dyn Store, key: &AuditKey) -> Result<Chain, StartError> {
    let mut chain = Chain::new(&key.public()).map_err(StartError::Altered)?;
    let mut from = 1;
    loop {
        let lines = store.audit_lines(from, AUDIT_LINES_MAX)?;
        let Some(next) = next_from(&lines, from) else { return Ok(chain) };
        lines.iter().for_each(|line| chain.take(line));
        from = next;
    }
}

/// Where the piece behind these lines begins; `None` behind the last. Entries that are missing move nothing.
pub(super) fn next_from(lines: &[String], from: u64) -> Option<u64> {
    let mut entries = lines.iter().filter(|line| !is_signed(line));
    let last = entries.clone().next_back()?;
    let read = last.split_once(' ').and_then(|(_, text)| serde_json::from_str(text).ok());
    let read = read.map(|entry: super::Entry| entry.seq).filter(|seq| *seq >= from);
    Some(read.map_or_else(|| from + entries.by_ref().count() as u64, |seq| seq + 1))
}
