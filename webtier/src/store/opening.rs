//! Opening the store on disk: one process at a time, with room to write, and only when all that was acknowledged is there.
//!
//! Owns every look that is taken before the first answer, and bringing the layout of an earlier release up to this one.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use super::StoreError;
use super::seal::{self, Note, Noted, TOTAL_KEY, Total};
use super::tree::{Sealed, json};
use super::tx::{SCHEMA, SCHEMA_KEY};
use crate::limits::STORE_FREE_BYTES_MIN;

/// Opens or creates the store in that folder. What is damaged or has no room is refused, with what to do.
pub(super) fn open(path: &Path) -> Result<Sealed, StoreError> {
    let free = host::disk::free_bytes(path).unwrap_or(u64::MAX);
    if free < STORE_FREE_BYTES_MIN {
        let mib = |bytes: u64| bytes / (1024 * 1024);
        let needed_mib = mib(STORE_FREE_BYTES_MIN);
        return Err(StoreError::Full { free_mib: mib(free), needed_mib });
    }
    // It has hashes of passwords: whoever runs this without its unit has a usual mask of modes.
    let folder = DirBuilder::new().recursive(true).mode(0o700).create(path);
    folder.map_err(|error| StoreError::Disk(error.into()))?;
    let db = guarded(|| open_sled(path))??;
    let (note, noted) = Note::open(path).map_err(|error| StoreError::Disk(error.into()))?;
    let total = guarded(|| {
        prepare(&db, noted)?;
        look(&db, noted)
    })??;
    note.write(total.changes).map_err(|error| StoreError::Disk(error.into()))?;
    Ok(Sealed::new(db, note, total.changes))
}

/// sled over that folder, as it is. Its lock is waited for a little: who had it before may be about to let go.
pub(super) fn open_sled(path: &Path) -> Result<sled::Db, StoreError> {
    patiently(|| try_open_sled(path))
}

/// Tries again for a while what somebody else's lock forbids.
pub(super) fn patiently<T>(
    mut attempt: impl FnMut() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let end = Instant::now() + LOCK_WAIT;
    loop {
        match attempt() {
            Err(StoreError::Busy(_)) if Instant::now() < end => std::thread::sleep(LOCK_WAIT / 50),
            done => return done,
        }
    }
}

fn try_open_sled(path: &Path) -> Result<sled::Db, StoreError> {
    let config =
        sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(Some(FLUSH_MS));
    config.open().map_err(|error| match error {
        // sled says a held lock only in words.
        sled::Error::Io(io) if io.to_string().contains("lock") => {
            StoreError::Busy(path.display().to_string())
        }
        error => error.into(),
    })
}

/// sled panics over some files that are not its own any more.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|_| StoreError::Damaged("sled's own files contradict themselves".into()))
}

/// Begins a new store, and brings one of an earlier release to this layout.
fn prepare(db: &sled::Db, noted: Noted) -> Result<(), StoreError> {
    match db.get(SCHEMA_KEY)? {
        // Whatever begins anew in place of a store that was there is none.
        None if db.is_empty() && noted == Noted::Nothing => begin(db),
        None => Ok(()),
        Some(stored) if *stored == *b"1" => seal_all(db),
        Some(stored) => match seal::opened(&SCHEMA_KEY, &stored) {
            Some((value, _)) if value != SCHEMA.to_string().as_bytes() => {
                Err(StoreError::Corrupt(format!("schema {}", String::from_utf8_lossy(value))))
            }
            _ => Ok(()),
        },
    }
}

/// Every record against its checksum, all of them against the total, and the total against the note.
fn look(db: &sled::Db, noted: Noted) -> Result<Total, StoreError> {
    let (mut found, mut total, mut faults) = (Total::default(), None, Vec::new());
    for entry in db.iter() {
        let (key, stored) = entry?;
        match seal::opened(&key, &stored) {
            None => faults.push(key.first().copied().map_or('?', char::from)),
            Some((value, _)) if *key == TOTAL_KEY => {
                total = serde_json::from_slice::<Total>(value).ok();
            }
            Some((_, mark)) => found.replace(None, Some(mark)),
        }
    }
    let damaged = |what: String| Err(StoreError::Damaged(what));
    if !faults.is_empty() {
        let kinds: String = faults.iter().take(KINDS_TOLD).collect();
        let count = faults.len();
        return damaged(format!("{count} records do not match their checksums (kinds {kinds})"));
    }
    compare(total, found, noted).map_or(Ok(total.unwrap_or_default()), damaged)
}

/// What is wrong with a store of whole records; `None` when nothing is.
pub(super) fn compare(total: Option<Total>, found: Total, noted: Noted) -> Option<String> {
    let Some(total) = total else {
        return Some("its total is missing: it is not what was written".into());
    };
    if found.records != total.records {
        return Some(format!(
            "{} records were written and {} are there",
            total.records, found.records
        ));
    }
    if found.sum != total.sum {
        return Some("some of its records are older than what was written last".into());
    }
    match noted {
        Noted::Changes(changes) if changes > total.changes => Some(format!(
            "its last {} changes are gone, which were acknowledged",
            changes - total.changes
        )),
        // Alone it harms nothing: it is written anew.
        Noted::Unreadable | Noted::Nothing | Noted::Changes(_) => None,
    }
}

/// The first records of a new store.
fn begin(db: &sled::Db) -> Result<(), StoreError> {
    let mut batch = sled::Batch::default();
    let mut total = Total { changes: 1, ..Total::default() };
    put(&mut batch, &mut total, &SCHEMA_KEY, SCHEMA.to_string().as_bytes());
    finish(db, batch, total)
}

/// The layout before this one had no checksums. All of it, or nothing.
fn seal_all(db: &sled::Db) -> Result<(), StoreError> {
    let mut batch = sled::Batch::default();
    let mut total = Total { changes: 1, ..Total::default() };
    for entry in db.iter() {
        let (key, value) = entry?;
        if *key != SCHEMA_KEY {
            put(&mut batch, &mut total, &key, &value);
        }
    }
    put(&mut batch, &mut total, &SCHEMA_KEY, SCHEMA.to_string().as_bytes());
    tracing::info!(records = total.records, "the store's records get checksums");
    finish(db, batch, total)
}

fn put(batch: &mut sled::Batch, total: &mut Total, key: &[u8], value: &[u8]) {
    let stored = seal::sealed(key, value);
    total.replace(None, Some(seal::mark(&stored)));
    batch.insert(key, stored);
}

fn finish(db: &sled::Db, mut batch: sled::Batch, total: Total) -> Result<(), StoreError> {
    batch.insert(&TOTAL_KEY, seal::sealed(&TOTAL_KEY, &json(&total)));
    db.apply_batch(batch)?;
    db.flush()?;
    Ok(())
}

/// The working set of thousands of live sessions, with room.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// How soon what need not be durable at once reaches the disk.
const FLUSH_MS: u64 = 500;

/// sled lets go of its lock in a thread of its own.
const LOCK_WAIT: Duration = Duration::from_millis(1_000);

/// Kinds of damaged records in a message.
const KINDS_TOLD: usize = 20;
