//! Short names of bounded length, held inline, so that ids are `Copy` and have a fixed binary form.
//!
//! Owns the storage and the zero padding; what a name may contain is the business of `ids`.

use core::fmt;

/// At most `N` bytes of ASCII, padded with zeros to `N`. Never holds a zero byte inside the name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Text<const N: usize>([u8; N]);

impl<const N: usize> Text<N> {
    /// Takes `name` when it has 1 to `len_max` bytes that `allowed` accepts.
    pub(crate) fn new(name: &str, len_max: usize, allowed: fn(u8) -> bool) -> Option<Self> {
        let bytes = name.as_bytes();
        if bytes.is_empty() || bytes.len() > len_max.min(N) || !bytes.iter().all(|b| allowed(*b)) {
            return None;
        }
        let mut padded = [0; N];
        padded[..bytes.len()].copy_from_slice(bytes);
        Some(Self(padded))
    }

    /// Reads the padded form; refuses bytes after the padding has begun.
    pub(crate) fn from_padded(
        padded: &[u8; N],
        len_max: usize,
        allowed: fn(u8) -> bool,
    ) -> Option<Self> {
        let len = padded.iter().position(|b| *b == 0).unwrap_or(N);
        if padded[len..].iter().any(|b| *b != 0) {
            return None;
        }
        Self::new(core::str::from_utf8(&padded[..len]).ok()?, len_max, allowed)
    }

    pub(crate) fn padded(&self) -> &[u8; N] {
        &self.0
    }

    pub(crate) fn as_str(&self) -> &str {
        let len = self.0.iter().position(|b| *b == 0).unwrap_or(N);
        // Only ASCII gets in, so this never takes the empty branch.
        core::str::from_utf8(&self.0[..len]).unwrap_or("")
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any(_: u8) -> bool {
        true
    }

    #[test]
    fn padding_is_undone_and_garbage_behind_it_refused() {
        let text = Text::<4>::new("ab", 4, any).unwrap();
        let read = |padded: &[u8; 4]| Text::from_padded(padded, 4, any);
        assert_eq!(text.padded(), b"ab\0\0");
        assert!(read(b"ab\0\0") == Some(text));
        assert!(read(b"a\0b\0").is_none());
        assert!(read(b"\0\0\0\0").is_none());
        assert_eq!(Text::<4>::new("abcd", 4, any).unwrap().as_str(), "abcd");
        assert!(Text::<4>::new("abcd", 3, any).is_none());
    }
}
