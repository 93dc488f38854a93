//! Makes a store anew from what of a damaged one is whole, and puts the damaged one aside.
//!
//! Owns what is taken over and what follows from it. Records that say where others are (indexes) are made anew. Logins are left
//! behind: one that was ended could come back, so agents log in again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::records::{Agent, Group, Session};
use super::sled::SledStore;
use super::survey::{kind, survey};
use super::tree::Tree;
use super::tx::*;
use super::{Store, StoreError, opening};
use crate::audit::Head;
use crate::limits::SWEEP_BATCH_MAX;

/// What came of a repair.
#[derive(Debug)]
pub(super) struct Repaired {
    /// What was wrong.
    pub(super) faults: Vec<String>,
    /// How many records of each kind the store has now.
    pub(super) kept: BTreeMap<&'static str, usize>,
    /// Where the damaged store is.
    pub(super) aside: PathBuf,
}

/// Repairs the store in that folder; `None` when there is nothing to repair. `stamp` tells the damaged folder's name.
pub(super) fn repair(store: &Path, stamp: u64) -> Result<Option<Repaired>, StoreError> {
    let found = survey(store)?;
    if found.faults.is_empty() {
        return Ok(None);
    }
    if found.whole.is_empty() {
        return Err(StoreError::Damaged(
            "nothing of it is whole, so there is nothing to keep".into(),
        ));
    }
    let fresh = beside(store, "repaired");
    if fresh.exists() {
        // Of a repair that was broken off.
        fs::remove_dir_all(&fresh).map_err(disk)?;
    }
    fill(&fresh, found.whole)?;
    // What was made is held to what every start looks for, before it takes the other's place.
    let kept = survey(&fresh)?;
    if let Some(fault) = kept.faults.first() {
        return Err(StoreError::Damaged(format!(
            "the repaired store is not whole either: {fault}"
        )));
    }
    let names = (stamp..).map(|stamp| beside(store, &format!("damaged-{stamp}")));
    let aside = names.into_iter().find(|name| !name.exists()).unwrap_or_default();
    fs::rename(store, &aside).map_err(disk)?;
    fs::rename(&fresh, store).map_err(disk)?;
    if let Some(parent) = store.parent() {
        File::open(parent).and_then(|parent| parent.sync_all()).map_err(disk)?;
    }
    Ok(Some(Repaired { faults: found.faults, kept: kept.counts(), aside }))
}

/// A new store of these records.
fn fill(folder: &Path, records: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), StoreError> {
    let store = SledStore::as_it_is(Tree::Sled(opening::open(folder)?));
    let (mut sessions, mut others) = (Vec::new(), Vec::new());
    let mut last_entry = None;
    for (key, value) in records {
        match key.first() {
            Some(&SESSIONS) => sessions.push(read::<Session>(&key, &value)?),
            Some(&LOGINS) => {}
            _ if kind(&key).is_none_or(|kind| kind.is_derived) || key == SCHEMA_KEY => {}
            _ => {
                if key[0] == AUDIT {
                    last_entry = Some((key.clone(), value.clone()));
                }
                others.push((key, value));
            }
        }
    }
    if let (Some((key, line)), false) =
        (last_entry, others.iter().any(|(key, _)| *key == AUDIT_HEAD_KEY))
    {
        others.extend(head_of(&key, &line));
    }
    for batch in others.chunks(SWEEP_BATCH_MAX) {
        store.write_lazily(|tx| {
            batch.iter().try_for_each(|(key, value)| take_over(tx, key, value))
        })?;
    }
    // Of two sessions with one key the one that is open has it.
    sessions.sort_by_key(|session| !session.is_open());
    for batch in sessions.chunks(SWEEP_BATCH_MAX) {
        store.write_lazily(|tx| {
            for session in batch {
                if session.keeps_key() && tx.key_is_free(session)? {
                    tx.take_key(session)?;
                }
                tx.put_session(session)?;
            }
            Ok(())
        })?;
    }
    store.flush()
}

fn take_over(tx: &Tx<'_>, key: &[u8], value: &[u8]) -> TxResult<()> {
    match key.first() {
        Some(&GROUPS) => tx.put_origins(&read::<Group>(key, value).map_err(abort)?, true)?,
        Some(&AGENTS) => {
            let agent: Agent = read(key, value).map_err(abort)?;
            tx.put(&with(AGENT_IDS, agent.id.as_bytes()), &agent.name)?;
        }
        _ => {}
    }
    tx.0.insert(key, value)
}

/// The head of the audit log, where it was lost itself: what its last entry's line begins with.
fn head_of(key: &[u8], line: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let seq = u64::from_be_bytes(key.get(1..)?.try_into().ok()?);
    let hash = std::str::from_utf8(line).ok()?.split(' ').next()?.to_owned();
    Some((AUDIT_HEAD_KEY.to_vec(), serde_json::to_vec(&Head { seq, hash }).ok()?))
}

fn beside(store: &Path, what: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(format!(".{what}"));
    name.into()
}

fn disk(error: std::io::Error) -> StoreError {
    StoreError::Disk(error.into())
}
