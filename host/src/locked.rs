//! Memory for keys that live long: pages of their own that are never swapped out and never dumped, and wiped when their owner goes.
//!
//! Owns where such keys lie at rest. While one is used its bytes pass through registers and the stack like any others. What is too much to
//! lock page by page (a pair of traffic keys for every connection) is wiped with its connection and kept from the disk by the host: no
//! swap, no core.

use std::ops::{Deref, DerefMut};

/// A value in locked pages. What wipes it is the value's own drop.
pub struct Locked<T>(Box<Pages<T>>);

/// Nothing else lies in its pages.
#[repr(C, align(4096))]
struct Pages<T>(T);

impl<T> Locked<T> {
    /// Moves a value in. Give it one without secrets and write these in place: a move leaves a copy where it came from. Where
    /// the kernel locks no more (RLIMIT_MEMLOCK) the value is kept all the same, and the log says so.
    pub fn new(value: T) -> Self {
        let pages = Box::new(Pages(value));
        #[cfg(target_os = "linux")]
        if let Err(error) = lock(&pages) {
            tracing::warn!(
                %error,
                "keys may be swapped out: raise LimitMEMLOCK (or ulimit -l), or turn swap off"
            );
        }
        Self(pages)
    }
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

#[cfg(target_os = "linux")]
fn lock<T>(pages: &Pages<T>) -> rustix::io::Result<()> {
    use rustix::mm::{Advice, madvise, mlock};
    let (at, bytes) = (std::ptr::from_ref(pages).cast_mut().cast(), size_of::<Pages<T>>());
    // SAFETY: the range is the box's own, whole pages of it, and neither call reads or changes a byte of it; the mapping stays
    // writable and shared with nobody. Covered by the test below.
    #[allow(unsafe_code)]
    unsafe {
        // Refused where a page of the kernel is larger than ours: then a core, which is off, would hold it.
        let _ = madvise(at, bytes, Advice::LinuxDontDump);
        mlock(at, bytes)
    }
}

#[cfg(target_os = "linux")]
impl<T> Drop for Locked<T> {
    fn drop(&mut self) {
        use rustix::mm::{Advice, madvise, munlock};
        let (at, bytes) = (std::ptr::from_mut(&mut *self.0).cast(), size_of::<Pages<T>>());
        // SAFETY: as in `lock`. The value is still there and is dropped, and wiped, behind this; its pages go back to the
        // allocator as they came.
        #[allow(unsafe_code)]
        unsafe {
            let _ = munlock(at, bytes);
            let _ = madvise(at, bytes, Advice::LinuxDoDump);
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// What the kernel says of the mapping in which an address lies.
    fn flags_at(address: usize) -> String {
        let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut is_here = false;
        for line in smaps.lines() {
            let range = line.split(' ').next().unwrap().split_once('-');
            if let Some((Ok(from), Ok(to))) = range
                .map(|(from, to)| (usize::from_str_radix(from, 16), usize::from_str_radix(to, 16)))
            {
                is_here = (from..to).contains(&address);
            } else if is_here && let Some(flags) = line.strip_prefix("VmFlags:") {
                return flags.to_owned();
            }
        }
        panic!("no such mapping");
    }

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
