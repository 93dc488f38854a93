//! Memory for keys that live long: pages of their own that are never swapped out and never dumped, and wiped when their owner goes.
//!
//! Owns where such keys lie at rest: a few that live for long have pages of their own ([`Locked`]), small ones by the thousand share some
//! ([`Shelf`]). While one is used its bytes pass through registers and the stack like any others.

mod shelf;

use std::ops::{Deref, DerefMut};

pub use shelf::{Place, Shelf};

/// A value in locked pages. What wipes it is the value's own drop.
pub struct Locked<T>(Box<Pages<T>>);

/// Nothing else lies in its pages.
#[repr(C, align(4096))]
struct Pages<T>(T);

impl<T> Locked<T> {
    /// Moves a value in. Give it one without secrets and write these in place: a move leaves a copy where it came from. Where
    /// the kernel locks no more (RLIMIT_MEMLOCK) the value is kept all the same, and the log says so.
    pub fn new(value: T) -> Self {
        let (held, refused) = Self::try_new(value);
        if let Some(error) = refused {
            warn(error);
        }
        held
    }

    /// The same, and what the kernel said where it locks no more: the caller says so.
    fn try_new(value: T) -> (Self, Option<rustix::io::Errno>) {
        let pages = Box::new(Pages(value));
        let refused = lock(&pages).err();
        (Self(pages), refused)
    }
}

fn warn(error: rustix::io::Errno) {
    tracing::warn!(
        %error,
        "keys may be swapped out: raise LimitMEMLOCK (or ulimit -l), or turn swap off"
    );
}

impl<T> Deref for Locked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.0
    }
}

impl<T> DerefMut for Locked<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0.0
    }
}

impl<T> std::fmt::Debug for Locked<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Locked(set)")
    }
}

fn lock<T>(pages: &Pages<T>) -> rustix::io::Result<()> {
    let (at, bytes) = (std::ptr::from_ref(pages).cast_mut().cast(), size_of::<Pages<T>>());
    // SAFETY: the range is the box's own, whole pages of it, and neither call reads or changes a byte of it; the mapping stays
    // writable and shared with nobody. Covered by the tests below.
    #[allow(unsafe_code)]
    unsafe {
        // Refused where a page of the kernel is larger than ours: then a core, which is off, would hold it.
        #[cfg(target_os = "linux")]
        let _ = rustix::mm::madvise(at, bytes, rustix::mm::Advice::LinuxDontDump);
        rustix::mm::mlock(at, bytes)
    }
}

impl<T> Drop for Locked<T> {
    fn drop(&mut self) {
        let (at, bytes) = (std::ptr::from_mut(&mut *self.0).cast(), size_of::<Pages<T>>());
        // SAFETY: as in `lock`. The value is still there and is dropped, and wiped, behind this; its pages go back to the
        // allocator as they came.
        #[allow(unsafe_code)]
        unsafe {
            let _ = rustix::mm::munlock(at, bytes);
            #[cfg(target_os = "linux")]
            let _ = rustix::mm::madvise(at, bytes, rustix::mm::Advice::LinuxDoDump);
        }
    }
}

/// What the kernel says of the mapping in which an address of this process lies: ` lo` is locked, ` dd` in no dump. For tests.
#[cfg(target_os = "linux")]
#[must_use]
pub fn flags_at(address: usize) -> String {
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap_or_default();
    let mut is_here = false;
    for line in smaps.lines() {
        let range = line.split(' ').next().and_then(|range| range.split_once('-'));
        let ends = range.map(|(from, to)| [from, to].map(|end| usize::from_str_radix(end, 16)));
        if let Some([Ok(from), Ok(to)]) = ends {
            is_here = (from..to).contains(&address);
        } else if is_here && let Some(flags) = line.strip_prefix("VmFlags:") {
            return flags.to_owned();
        }
    }
    String::new()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_it_is_locked_and_in_no_dump_until_it_goes() {
        let mut held = Locked::new([0_u8; 32]);
        held[7] = 9;
        let at = std::ptr::from_ref(&*held) as usize;
        let flags = flags_at(at);
        assert!(flags.contains(" lo") && flags.contains(" dd"), "{flags}");
        assert_eq!((held[7], at % 4_096), (9, 0));
        assert_eq!(format!("{held:?}"), "Locked(set)");
    }
}
