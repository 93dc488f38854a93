//! What tells a damaged store from a whole one: a checksum behind each record, a total over all of them, and a note, beside
//! sled's files, of how many changes were acknowledged.
//!
//! The checksum finds a record that is not what was written. The total finds one that is missing, or older than it should be:
//! sled takes a damaged end of its log for the end of what was written, without a word. The note finds a store that is whole
//! and older than what was promised. None of it guards against somebody who wants to deceive: the audit log does.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sled::IVec;

use super::StoreError;

/// Over all records of the store but its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Total {
    /// Transactions that changed something since the store was made.
    pub(super) changes: u64,
    /// Records.
    pub(super) records: u64,
    /// Sum of their checksums.
    pub(super) sum: u64,
}

/// Where the total lies.
pub(super) const TOTAL_KEY: [u8; 1] = [b'z'];

impl Total {
    /// A record was written in place of another, of none, or by none.
    pub(super) fn replace(&mut self, before: Option<u64>, after: Option<u64>) {
        if let Some(mark) = before {
            self.records = self.records.wrapping_sub(1);
            self.sum = self.sum.wrapping_sub(mark);
        }
        if let Some(mark) = after {
            self.records = self.records.wrapping_add(1);
            self.sum = self.sum.wrapping_add(mark);
        }
    }

    /// With what a transaction has changed.
    pub(super) fn after(self, change: Self) -> Self {
        Self {
            changes: self.changes + 1,
            records: self.records.wrapping_add(change.records),
            sum: self.sum.wrapping_add(change.sum),
        }
    }
}

/// A value as it is stored: with the checksum of key and value behind it.
pub(crate) fn sealed(key: &[u8], value: &[u8]) -> Vec<u8> {
    [value, &checksum(key, value).to_be_bytes()].concat()
}

/// The value and its checksum, if that is the right one.
pub(super) fn opened<'a>(key: &[u8], stored: &'a [u8]) -> Option<(&'a [u8], u64)> {
    let (value, mark) = stored.split_last_chunk()?;
    let mark = u64::from_be_bytes(*mark);
    (checksum(key, value) == mark).then_some((value, mark))
}

/// The value, or which kind of record is damaged.
pub(super) fn read(key: &[u8], stored: &[u8]) -> Result<IVec, StoreError> {
    match opened(key, stored) {
        Some((value, _)) => Ok(value.into()),
        // Only the kind is told: the rest of a key may hold what must not stand in a log.
        None => Err(StoreError::Damaged(format!(
            "a record of the kind {:?} does not match its checksum",
            key.first().copied().map(char::from)
        ))),
    }
}

/// The checksum of what is stored, right or not.
pub(super) fn mark(stored: &[u8]) -> u64 {
    stored.last_chunk().map_or(0, |mark| u64::from_be_bytes(*mark))
}

/// The first 64 bits of SHA-256.
fn checksum(key: &[u8], value: &[u8]) -> u64 {
    let mut hash = Sha256::new();
    hash.update((key.len() as u64).to_be_bytes());
    hash.update(key);
    hash.update(value);
    hash.finalize().first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

/// The note of how many changes were acknowledged. It is written after the flush and not flushed itself: after a loss of power it
/// may be behind the store, and then finds less; it is never ahead of it.
#[derive(Debug)]
pub(super) struct Note(File);

/// What the note says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Noted {
    /// There is none, as in a store of an earlier release.
    Nothing,
    /// Not what was written.
    Unreadable,
    /// So many changes were acknowledged.
    Changes(u64),
}

impl Note {
    /// Opens that of the store in this folder, or begins one.
    pub(super) fn open(store: &Path) -> io::Result<(Self, Noted)> {
        let noted = Self::read(store)?;
        let file = File::options().create(true).truncate(false).write(true).open(path(store))?;
        Ok((Self(file), noted))
    }

    /// What that of the store in this folder says.
    pub(super) fn read(store: &Path) -> io::Result<Noted> {
        match std::fs::read(path(store)) {
            Ok(bytes) if bytes.is_empty() => Ok(Noted::Nothing),
            Ok(bytes) => Ok(parse(&bytes).map_or(Noted::Unreadable, Noted::Changes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Noted::Nothing),
            Err(error) => Err(error),
        }
    }

    /// Notes that so many changes were acknowledged.
    pub(super) fn write(&self, changes: u64) -> io::Result<()> {
        let number = format!("{changes:020}");
        let mark = checksum(NAME.as_bytes(), number.as_bytes());
        self.0.write_all_at(format!("{number} {mark:016x}\n").as_bytes(), 0)
    }
}

fn parse(bytes: &[u8]) -> Option<u64> {
    let (number, mark) = std::str::from_utf8(bytes).ok()?.trim_end().split_once(' ')?;
    let is_right = format!("{:016x}", checksum(NAME.as_bytes(), number.as_bytes())) == mark;
    if is_right { number.parse().ok() } else { None }
}

fn path(store: &Path) -> PathBuf {
    store.join(NAME)
}

/// Its file, among sled's.
const NAME: &str = "acknowledged";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_of_a_record_and_of_its_key_is_noticed() {
        let stored = sealed(b"gdemo", b"{\"a\":1}");
        assert_eq!(opened(b"gdemo", &stored).unwrap().0, b"{\"a\":1}");
        for bit in 0..stored.len() * 8 {
            let mut altered = stored.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(opened(b"gdemo", &altered).is_none(), "bit {bit}");
        }
        assert!(opened(b"gdemp", &stored).is_none());
        assert!((0..stored.len()).all(|len| opened(b"gdemo", &stored[..len]).is_none()));
    }

    #[test]
    fn a_total_does_not_depend_on_the_order_and_sees_each_record() {
        let marks = [3, u64::MAX, 7];
        let total = |marks: &[u64]| {
            let mut total = Total::default();
            marks.iter().for_each(|mark| total.replace(None, Some(*mark)));
            total
        };
        assert_eq!(total(&marks), total(&[7, 3, u64::MAX]));
        assert_ne!(total(&marks), total(&marks[..2]));
        let mut replaced = total(&marks);
        replaced.replace(Some(7), Some(8));
        replaced.replace(Some(3), None);
        assert_eq!(replaced, total(&[u64::MAX, 8]));
    }

    #[test]
    fn the_note_says_what_was_written_last_or_that_it_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let (note, noted) = Note::open(folder.path()).unwrap();
        assert_eq!(noted, Noted::Nothing);
        for changes in [1_000, 7] {
            note.write(changes).unwrap();
            assert_eq!(Note::read(folder.path()).unwrap(), Noted::Changes(changes));
        }
        let mut bytes = std::fs::read(path(folder.path())).unwrap();
        bytes[3] ^= 1;
        std::fs::write(path(folder.path()), bytes).unwrap();
        assert_eq!(Note::read(folder.path()).unwrap(), Noted::Unreadable);
    }
}
