//! Places in locked pages for small values that come and go by the thousand: the keys of connections.
//!
//! A row of pages holds as many as fit; a shelf makes rows as they are needed, fills the earliest first, and gives a row back when nothing
//! stands in it, but for one, so that who comes and goes alone costs no system call. A place is held by its owner alone and looked at
//! without any lock; only taking one and giving it back meet others. It may move to another thread with its owner and comes back to the
//! shelf that it is of. Where the kernel locks no more, values stand in rows that are not locked: the log says so once, and
//! [`Shelf::unlocked`] how many.

use std::cell::UnsafeCell;
use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::atomic::{Ordering, compiler_fence};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};

use super::Locked;

/// Makes places for values of one type. One for each thread that takes some, so that nobody waits for it.
pub struct Shelf<T> {
    rows: Arc<Mutex<Rows>>,
    of: PhantomData<fn() -> T>,
}

/// A value where it stands. Wiped when it goes, whatever its own drop does.
pub struct Place<T> {
    value: NonNull<T>,
    row: Arc<Row>,
}

// SAFETY: a place is the only way to its value, as a box is.
#[allow(unsafe_code)]
unsafe impl<T: Send> Send for Place<T> {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl<T: Sync> Sync for Place<T> {}

/// All rows of one shelf, by their number.
#[derive(Default)]
struct Rows {
    /// A bit for each place of a row.
    all: u128,
    rows: Vec<Option<Known>>,
    with_room: BTreeSet<usize>,
    /// The row that is kept though nothing stands in it.
    spare: Option<usize>,
    /// Places in use whose row is not locked.
    unlocked: usize,
}

/// A row as its shelf knows it: a bit for each place that is free.
struct Known {
    row: Arc<Row>,
    free: u128,
}

struct Row {
    pages: Locked<Bytes>,
    is_locked: bool,
    number: usize,
    shelf: Weak<Mutex<Rows>>,
}

/// What places divide among them.
struct Bytes(UnsafeCell<[MaybeUninit<u8>; ROW_BYTES]>);

// SAFETY: nobody looks at the bytes as a whole. Each place reaches its own part and no other, and is Send and Sync as its value is.
#[allow(unsafe_code)]
unsafe impl Sync for Bytes {}

impl Bytes {
    fn begin(&self) -> NonNull<u8> {
        NonNull::from(&self.0).cast()
    }
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        const { assert!(size_of::<T>() > 0 && size_of::<T>() <= ROW_BYTES) };
        const { assert!(PAGE_BYTES.is_multiple_of(align_of::<T>())) };
        let all = u128::MAX >> (128 - Self::ROW_PLACES);
        let rows = Arc::new(Mutex::new(Rows { all, ..Rows::default() }));
        Self { rows, of: PhantomData }
    }
}

impl<T> Shelf<T> {
    /// How many stand in one row.
    pub const ROW_PLACES: usize =
        if ROW_BYTES / size_of::<T>() < 128 { ROW_BYTES / size_of::<T>() } else { 128 };

    /// Moves a value in. Give it one without secrets and write these in place: a move leaves a copy where it came from.
    #[must_use]
    pub fn hold(&self, value: T) -> Place<T> {
        let (row, at) = lock(&self.rows).take(&self.rows);
        // SAFETY: a shelf gives out no more places than have room in a row, which begins with a page and so fits any alignment; this one is
        // nobody else's until it is given back, and nothing stands there.
        #[allow(unsafe_code)]
        let value = unsafe {
            let begin = row.pages.begin().add(usize::from(at) * size_of::<T>()).cast::<T>();
            begin.write(value);
            begin
        };
        Place { value, row }
    }

    /// How many values stand in memory that the kernel would not lock.
    #[must_use]
    pub fn unlocked(&self) -> usize {
        lock(&self.rows).unlocked
    }

    /// How many rows there are, the spare one included.
    #[must_use]
    pub fn rows(&self) -> usize {
        lock(&self.rows).rows.iter().flatten().count()
    }
}

impl<T> Deref for Place<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the value stands there from `hold` to `drop`, and the place is this owner's alone.
        #[allow(unsafe_code)]
        unsafe {
            self.value.as_ref()
        }
    }
}

impl<T> DerefMut for Place<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and the owner is borrowed mutably.
        #[allow(unsafe_code)]
        unsafe {
            self.value.as_mut()
        }
    }
}

impl<T> Drop for Place<T> {
    fn drop(&mut self) {
        let at = (self.value.addr().get() - self.row.pages.begin().addr().get()) / size_of::<T>();
        // SAFETY: as above, for the last time; what is written over is no value any more. The fence keeps the writes before the next
        // owner's.
        #[allow(unsafe_code)]
        unsafe {
            self.value.drop_in_place();
            self.value.cast::<u8>().write_bytes(0, size_of::<T>());
        }
        compiler_fence(Ordering::SeqCst);
        // A shelf that went before is not told; the row goes with its last place.
        if let Some(rows) = self.row.shelf.upgrade() {
            let gone = lock(&rows).give_back(&self.row, at);
            drop(gone);
        }
    }
}

impl<T> std::fmt::Debug for Place<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Place(set)")
    }
}

impl Rows {
    /// The first free place of the first row that has one.
    fn take(&mut self, shelf: &Arc<Mutex<Self>>) -> (Arc<Row>, u8) {
        let number = self.with_room.first().copied().unwrap_or_else(|| self.add(shelf));
        let Some(known) = &mut self.rows[number] else { unreachable!("it has room") };
        // At most 127: there is one.
        let at = known.free.trailing_zeros() as u8;
        known.free &= known.free - 1;
        if known.free == 0 {
            self.with_room.remove(&number);
        }
        if self.spare == Some(number) {
            self.spare = None;
        }
        self.unlocked += usize::from(!known.row.is_locked);
        (known.row.clone(), at)
    }

    fn add(&mut self, shelf: &Arc<Mutex<Self>>) -> usize {
        let bytes = Bytes(UnsafeCell::new([MaybeUninit::uninit(); ROW_BYTES]));
        let (pages, refused) = Locked::try_new(bytes);
        if let Some(error) = refused {
            SAID.call_once(|| super::warn(error));
        }
        let gap = self.rows.iter().position(Option::is_none);
        let number = gap.unwrap_or(self.rows.len());
        if gap.is_none() {
            self.rows.push(None);
        }
        let is_locked = refused.is_none();
        let row = Arc::new(Row { pages, is_locked, number, shelf: Arc::downgrade(shelf) });
        self.rows[number] = Some(Known { row, free: self.all });
        self.with_room.insert(number);
        number
    }

    /// A place is free again. Returns the row that goes for it, to be dropped when the shelf is not held any more.
    fn give_back(&mut self, row: &Row, at: usize) -> Option<Known> {
        self.unlocked -= usize::from(!row.is_locked);
        let known = self.rows[row.number].as_mut()?;
        known.free |= 1 << at;
        let is_empty = known.free == self.all;
        self.with_room.insert(row.number);
        if !is_empty {
            return None;
        }
        let spare = self.spare.replace(row.number)?;
        // One is kept, and of two the earlier.
        self.spare = Some(spare.min(row.number));
        self.remove(spare.max(row.number))
    }

    fn remove(&mut self, number: usize) -> Option<Known> {
        self.with_room.remove(&number);
        let gone = self.rows[number].take();
        while self.rows.last().is_some_and(Option::is_none) {
            self.rows.pop();
        }
        if self.rows.len() * 4 < self.rows.capacity() {
            self.rows.shrink_to_fit();
        }
        gone
    }
}

fn lock(rows: &Mutex<Rows>) -> MutexGuard<'_, Rows> {
    rows.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process is told once.
static SAID: Once = Once::new();

/// Whole pages, also where the kernel's are of 16 KiB. Seventy-eight pairs of keys.
const ROW_BYTES: usize = 16 * 1024;

const PAGE_BYTES: usize = 4_096;

#[cfg(all(test, target_os = "linux"))]
mod tests;
