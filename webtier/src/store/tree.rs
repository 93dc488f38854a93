//! Where the store's keys and values lie: in a sled tree on disk, or in memory with a disk that can lose what was not written.
//!
//! Owns the difference between the two, and nothing of what they hold. On disk each record is sealed (`seal.rs`). The one in memory is for simulations: it keeps what
//! sled promises (a transaction whole or not at all, nothing durable before a flush) and loses on purpose what sled may lose.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use sled::IVec;
use sled::transaction::{ConflictableTransactionError, TransactionError, TransactionalTree};

use super::StoreError;
use super::seal::{self, Note, TOTAL_KEY, Total};
use super::tx::{Tx, TxResult, abort};
use crate::locks::lock;

/// See the module.
#[derive(Debug)]
pub(super) enum Tree {
    Sled(Sealed),
    Memory(Disk),
}

/// A sled tree whose records are sealed.
#[derive(Debug)]
pub(super) struct Sealed {
    db: sled::Db,
    note: Note,
    /// Changes that were committed, flushed or not.
    changes: AtomicU64,
}

/// A disk in memory: what has been written, and what of it would survive a crash.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<Content>>);

#[derive(Debug, Default)]
struct Content {
    written: Pairs,
    /// What each key that has changed since the last flush held then.
    undo: BTreeMap<Vec<u8>, Option<IVec>>,
}

type Pairs = BTreeMap<Vec<u8>, IVec>;

/// A key and its value, or why they cannot be read.
type Entry = Result<(IVec, IVec), StoreError>;

impl Disk {
    /// The process has died and the machine with it: what was not flushed is gone.
    pub(crate) fn crash(&self) {
        let mut content = lock(&self.0);
        for (key, before) in std::mem::take(&mut content.undo) {
            match before {
                Some(value) => content.written.insert(key, value),
                None => content.written.remove(&key),
            };
        }
    }

    /// What a crash at this moment would leave.
    pub(crate) fn survivors(&self) -> Self {
        let content = lock(&self.0);
        let copy = Content { written: content.written.clone(), undo: content.undo.clone() };
        drop(content);
        let disk = Self(Arc::new(Mutex::new(copy)));
        disk.crash();
        disk
    }
}

impl Sealed {
    /// Over a tree that has been looked at and holds so many changes.
    pub(super) fn new(db: sled::Db, note: Note, changes: u64) -> Self {
        Self { db, note, changes: changes.into() }
    }

    fn transaction<T>(
        &self,
        change: impl Fn(&Tx<'_>) -> TxResult<T>,
    ) -> Result<T, TransactionError<StoreError>> {
        let (done, changes) = self.db.transaction(|tree| {
            let delta = RefCell::default();
            let done = change(&Tx(&Handle::Sled { tree, delta: &delta }))?;
            let total = add_to_total(tree, delta.into_inner())?;
            Ok((done, total.changes))
        })?;
        self.changes.fetch_max(changes, Ordering::Relaxed);
        Ok(done)
    }

    /// What was committed before is on disk when this returns, and noted as such.
    fn flush(&self) -> Result<(), StoreError> {
        let changes = self.changes.load(Ordering::Relaxed);
        self.db.flush()?;
        self.note.write(changes).map_err(|error| StoreError::Disk(error.into()))
    }
}

fn add_to_total(tree: &TransactionalTree, delta: Delta) -> TxResult<Total> {
    let total: Total = match tree.get(TOTAL_KEY)? {
        Some(stored) => {
            let value = seal::read(&TOTAL_KEY, &stored).map_err(abort)?;
            super::tx::read(&TOTAL_KEY, &value).map_err(abort)?
        }
        None => Total::default(),
    };
    if !delta.has_changed {
        return Ok(total);
    }
    let total = total.after(delta.total);
    tree.insert(&TOTAL_KEY, seal::sealed(&TOTAL_KEY, &json(&total)))?;
    Ok(total)
}

/// A total as its record holds it.
pub(super) fn json(total: &Total) -> Vec<u8> {
    serde_json::to_vec(total).unwrap_or_default()
}

impl Content {
    fn set(&mut self, key: Vec<u8>, value: Option<IVec>) {
        let before = match value {
            Some(value) => self.written.insert(key.clone(), value),
            None => self.written.remove(&key),
        };
        self.undo.entry(key).or_insert(before);
    }
}

impl Tree {
    pub(super) fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<IVec>, StoreError> {
        match self {
            Self::Sled(sealed) => {
                let stored = sealed.db.get(&key)?;
                stored.map(|stored| seal::read(key.as_ref(), &stored)).transpose()
            }
            Self::Memory(disk) => Ok(lock(&disk.0).written.get(key.as_ref()).cloned()),
        }
    }

    /// Everything whose key begins so, by key.
    pub(super) fn scan_prefix(&self, prefix: impl AsRef<[u8]>) -> Box<dyn Iterator<Item = Entry>> {
        match self {
            Self::Sled(sealed) => Box::new(sealed.db.scan_prefix(prefix).map(open)),
            Self::Memory(disk) => {
                let prefix = prefix.as_ref().to_vec();
                let begins = |key: &[u8]| key.starts_with(&prefix);
                let content = lock(&disk.0);
                let from = (Bound::Included(prefix.clone()), Bound::Unbounded);
                let found = content.written.range(from).take_while(|(key, _)| begins(key));
                Box::new(entries(found).into_iter())
            }
        }
    }

    /// Everything from one key to before another, by key.
    pub(super) fn range(&self, range: std::ops::Range<Vec<u8>>) -> Box<dyn Iterator<Item = Entry>> {
        match self {
            Self::Sled(sealed) => Box::new(sealed.db.range(range).map(open)),
            Self::Memory(disk) => Box::new(entries(lock(&disk.0).written.range(range)).into_iter()),
        }
    }

    /// Everything of a change, or nothing.
    pub(super) fn transaction<T>(
        &self,
        change: impl Fn(&Tx<'_>) -> TxResult<T>,
    ) -> Result<T, TransactionError<StoreError>> {
        match self {
            Self::Sled(sealed) => sealed.transaction(change),
            Self::Memory(disk) => {
                let mut content = lock(&disk.0);
                let changes = RefCell::default();
                let done =
                    change(&Tx(&Handle::Memory { before: &content.written, changes: &changes }));
                match done {
                    Ok(done) => {
                        let changes: BTreeMap<_, _> = changes.into_inner();
                        changes.into_iter().for_each(|(key, value)| content.set(key, value));
                        Ok(done)
                    }
                    Err(ConflictableTransactionError::Abort(error)) => {
                        Err(TransactionError::Abort(error))
                    }
                    // Nobody else writes meanwhile: there are no conflicts.
                    Err(ConflictableTransactionError::Storage(error)) => {
                        Err(TransactionError::Storage(error))
                    }
                    Err(_) => Err(TransactionError::Abort(StoreError::Conflict)),
                }
            }
        }
    }

    /// Writes everything to disk.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        match self {
            Self::Sled(sealed) => sealed.flush(),
            Self::Memory(disk) => {
                lock(&disk.0).undo.clear();
                Ok(())
            }
        }
    }
}

/// A transaction's view of its tree.
pub(super) enum Handle<'a> {
    Sled { tree: &'a TransactionalTree, delta: &'a RefCell<Delta> },
    Memory { before: &'a Pairs, changes: &'a RefCell<BTreeMap<Vec<u8>, Option<IVec>>> },
}

/// What a transaction has changed so far.
#[derive(Debug, Default)]
pub(super) struct Delta {
    total: Total,
    has_changed: bool,
}

impl Delta {
    fn note(&mut self, before: Option<&IVec>, after: Option<&[u8]>) {
        self.has_changed = true;
        self.total.replace(before.map(|stored| seal::mark(stored)), after.map(seal::mark));
    }
}

impl Handle<'_> {
    pub(super) fn get(&self, key: impl AsRef<[u8]>) -> TxResult<Option<IVec>> {
        match self {
            Self::Sled { tree, .. } => {
                let stored = tree.get(&key)?;
                stored.map(|stored| seal::read(key.as_ref(), &stored).map_err(abort)).transpose()
            }
            Self::Memory { before, changes } => {
                let key = key.as_ref();
                let changed = changes.borrow().get(key).cloned();
                Ok(changed.unwrap_or_else(|| before.get(key).cloned()))
            }
        }
    }

    pub(super) fn insert(&self, key: impl AsRef<[u8]>, value: impl Into<IVec>) -> TxResult<()> {
        let (key, value) = (key.as_ref(), value.into());
        match self {
            Self::Sled { tree, delta } => {
                let stored = seal::sealed(key, &value);
                let before = tree.insert(key, stored.as_slice())?;
                delta.borrow_mut().note(before.as_ref(), Some(&stored));
            }
            Self::Memory { changes, .. } => {
                changes.borrow_mut().insert(key.to_vec(), Some(value));
            }
        }
        Ok(())
    }

    pub(super) fn remove(&self, key: impl AsRef<[u8]>) -> TxResult<()> {
        let key = key.as_ref();
        match self {
            Self::Sled { tree, delta } => {
                let before = tree.remove(key)?;
                delta.borrow_mut().note(before.as_ref(), None);
            }
            Self::Memory { changes, .. } => {
                changes.borrow_mut().insert(key.to_vec(), None);
            }
        }
        Ok(())
    }
}

fn open(entry: Result<(IVec, IVec), sled::Error>) -> Entry {
    let (key, stored) = entry?;
    let value = seal::read(&key, &stored)?;
    Ok((key, value))
}

fn entries<'a>(found: impl Iterator<Item = (&'a Vec<u8>, &'a IVec)>) -> Vec<Entry> {
    found.map(|(key, value)| Ok((IVec::from(key.as_slice()), value.clone()))).collect()
}
