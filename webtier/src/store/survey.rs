//! What of a store is whole, read from a copy so that the store itself stays as it is found.
//!
//! Owns reading past damage: around pages that sled cannot read, without files of sled's that only speed it up, and record by
//! record. Says every fault; what to do about them is `repair.rs`'s.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use sled::IVec;

use super::StoreError;
use super::opening::{compare, guarded, open_sled, patiently};
use super::records::{Agent, Group, Join, Login, Progress, Server, Session};
use super::seal::{self, Note, Noted, TOTAL_KEY, Total};
use super::tx::*;
use crate::audit::Head;
use crate::audit::signing::SignedHead;
use protocol::control::Down;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Every whole record but the total: key and value.
    pub(super) whole: Vec<(Vec<u8>, Vec<u8>)>,
    /// What is wrong, in sentences. None: the store is as it was left.
    pub(super) faults: Vec<String>,
}

/// A kind of record, by the first byte of its keys.
pub(super) struct Kind {
    pub(super) byte: u8,
    pub(super) name: &'static str,
    /// Whether it follows from other records.
    pub(super) is_derived: bool,
    /// Whether a value can be one.
    pub(super) reads: fn(&[u8], &[u8]) -> bool,
}

impl Survey {
    /// How many whole records there are of each kind.
    pub(super) fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for (key, _) in &self.whole {
            *counts.entry(kind(key).map_or("unknown", |kind| kind.name)).or_default() += 1;
        }
        counts
    }
}

/// Looks at the store in that folder. An error only when it is in use or cannot be copied.
pub(super) fn survey(store: &Path) -> Result<Survey, StoreError> {
    let disk = |error: std::io::Error| StoreError::Disk(error.into());
    if !store.join(LOG).is_file() {
        return Err(StoreError::Invalid(format!(
            "there is no store in {}; is the right configuration given?",
            store.display()
        )));
    }
    let scratch = tempfile::tempdir().map_err(disk)?;
    let mut survey = Survey::default();
    let noted = Note::read(store).map_err(disk)?;
    if noted == Noted::Unreadable {
        survey.faults.push("the note of what was acknowledged cannot be read".into());
    }
    for (at, (without, fault)) in WAYS.into_iter().enumerate() {
        let copy = scratch.path().join(at.to_string());
        copy_without(store, &copy, without)?;
        match guarded(|| read_all(&copy)) {
            Ok(Ok((entries, faults))) => {
                survey.faults.extend(fault.map(str::to_owned));
                survey.faults.extend(faults);
                survey.judge(entries, noted);
                return Ok(survey);
            }
            Ok(Err(StoreError::Busy(_))) => {
                return Err(StoreError::Busy(store.display().to_string()));
            }
            Ok(Err(_)) | Err(_) => {}
        }
    }
    survey.faults.push("sled can read nothing of it: only a backup helps".into());
    Ok(survey)
}

impl Survey {
    fn judge(&mut self, entries: Vec<(IVec, IVec)>, noted: Noted) {
        let (mut found, mut total) = (Total::default(), None);
        for (key, stored) in entries {
            let Some((value, mark)) = seal::opened(&key, &stored) else {
                let name = kind(&key).map_or("unknown", |kind| kind.name);
                self.faults
                    .push(format!("a record of the kind {name} does not match its checksum"));
                continue;
            };
            if *key == TOTAL_KEY {
                total = serde_json::from_slice::<Total>(value).ok();
                continue;
            }
            found.replace(None, Some(mark));
            match kind(&key) {
                Some(kind) if (kind.reads)(&key, value) => {
                    self.whole.push((key.to_vec(), value.to_vec()));
                }
                Some(kind) => self.faults.push(format!(
                    "a record of the kind {} is as it was written, and cannot be read by this release",
                    kind.name
                )),
                None => self.faults.push("a record is of a kind that this release does not know".into()),
            }
        }
        self.faults.extend(compare(total, found, noted));
    }
}

/// What may be left out when it keeps sled from opening, and what is then to be said.
const WAYS: [(&[&str], Option<&str>); 3] = [
    (&[], None),
    (&["snap."], Some("sled's snapshot cannot be read; everything was read from its log")),
    (
        &["snap.", "conf"],
        Some("sled's settings and snapshot cannot be read; everything was read from its log"),
    ),
];

/// Copies a store that nobody has open. The copy is for its owner only, as the folder that it stands in is.
fn copy_without(from: &Path, to: &Path, without: &[&str]) -> Result<(), StoreError> {
    let disk = |error: std::io::Error| StoreError::Disk(error.into());
    // sled's own lock, held while the files are read.
    let log = File::options().read(true).write(true).open(from.join(LOG)).map_err(disk)?;
    let busy = || StoreError::Busy(from.display().to_string());
    patiently(|| host::disk::lock(&log).map_err(|_| busy()))?;
    copy_tree(from, to, without).map_err(disk)
}

fn copy_tree(from: &Path, to: &Path, without: &[&str]) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if without.iter().any(|start| name.to_string_lossy().starts_with(start)) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &to.join(name), &[])?;
        } else {
            fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}

type Entries = Vec<(IVec, IVec)>;

/// Everything that sled can read, in the order of keys, and where it could not.
fn read_all(folder: &Path) -> Result<(Entries, Vec<String>), StoreError> {
    let db = open_sled(folder)?;
    let (mut entries, mut faults) = (Entries::new(), Vec::new());
    let mut from = Vec::new();
    loop {
        let read = guarded(|| {
            for entry in db.range(from.clone()..) {
                match entry {
                    Ok(entry) => entries.push(entry),
                    Err(_) => return false,
                }
            }
            true
        });
        if read.unwrap_or(false) {
            return Ok((entries, faults));
        }
        let last = entries.last().map_or(from, |(key, _)| key.to_vec());
        faults.push(
            "a part of sled's files does not match its checksum: its records are lost".into(),
        );
        match first_readable_after(&db, &last) {
            Some(next) => from = next,
            None => return Ok((entries, faults)),
        }
    }
}

/// Where reading goes on behind a page that cannot be read. The keys of one page lie side by side, so digit by digit the
/// last key is found from which sled cannot read.
fn first_readable_after(db: &sled::Db, last: &[u8]) -> Option<Vec<u8>> {
    let fails = |key: &[u8]| {
        key <= last
            || guarded(|| db.range(key.to_vec()..).next().is_some_and(|entry| entry.is_err()))
                .unwrap_or(true)
    };
    let mut dark: Vec<u8> = Vec::new();
    while dark.len() < DIGITS_MAX {
        let digits: Vec<u8> = (0..=u8::MAX).collect();
        let failing = digits.partition_point(|digit| fails(&[&dark[..], &[*digit]].concat()));
        match digits.get(failing.wrapping_sub(1)) {
            Some(digit) => dark.push(*digit),
            None => break,
        }
    }
    // The next key of that length.
    while dark.last() == Some(&u8::MAX) {
        dark.pop();
    }
    *dark.last_mut()? += 1;
    Some(dark)
}

/// The kind of a key's record.
pub(super) fn kind(key: &[u8]) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| key.first() == Some(&kind.byte))
}

fn json<T: serde::de::DeserializeOwned>(_: &[u8], value: &[u8]) -> bool {
    serde_json::from_slice::<T>(value).is_ok()
}

const fn of<T: serde::de::DeserializeOwned>(byte: u8, name: &'static str) -> Kind {
    Kind { byte, name, is_derived: false, reads: json::<T> }
}

const fn index(byte: u8, name: &'static str) -> Kind {
    Kind { byte, name, is_derived: true, reads: |_, _| true }
}

/// All kinds of the layout.
pub(super) const KINDS: [Kind; 20] = [
    of::<u32>(SCHEMA_KEY[0], "schema"),
    of::<Group>(GROUPS, "group"),
    of::<u64>(REVISIONS, "revision of a removed group"),
    of::<Agent>(AGENTS, "agent"),
    of::<Login>(LOGINS, "login"),
    of::<Server>(SERVERS, "session server"),
    of::<Progress>(PROGRESS, "progress of reports"),
    of::<Down>(ORDERS, "order"),
    of::<u64>(ORDER_NUMBER_KEY[0], "number of orders"),
    of::<Session>(SESSIONS, "session"),
    of::<Join>(JOINS, "join"),
    Kind {
        byte: AUDIT,
        name: "audit entry",
        is_derived: false,
        reads: |_, value| std::str::from_utf8(value).is_ok(),
    },
    of::<Head>(AUDIT_HEAD_KEY[0], "audit head"),
    of::<SignedHead>(AUDIT_HEADS, "signed audit head"),
    of::<SignedHead>(AUDIT_ACCEPTED, "acceptance of the audit log"),
    index(ORIGINS, "index of origins"),
    index(AGENT_IDS, "index of agents"),
    index(OPEN_KEYS, "index of session keys"),
    index(ASSIGNED_AT, "index of assigned sessions"),
    index(ENDED_AT, "index of ended sessions"),
];

/// sled's log, which is its lock too.
const LOG: &str = "db";

/// Longer than what two keys of random numbers begin with alike.
const DIGITS_MAX: usize = 48;
