//! Bytes on their way to a socket: sealed records behind one another, and how many of them have left.
//!
//! Memory that was made ready once stays ready while the buffer is used again, so that sealing into it does not write zeros
//! where ciphertext follows at once.

use core::ops::Deref;

/// See the module. Reads as the bytes that have not left yet.
///
/// ```
/// use cobrowse_connection::Outgoing;
/// let mut outgoing = Outgoing::default();
/// outgoing.extend_from_slice(b"sealed");
/// outgoing.sent(4);
/// assert_eq!(&outgoing[..], b"ed");
/// outgoing.sent(2);
/// assert!(outgoing.is_empty() && outgoing.capacity() > 0);
/// ```
#[derive(Debug, Default)]
pub struct Outgoing {
    /// All of it is initialised; what counts stands at `start..end`.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Outgoing {
    /// Appends bytes.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.room(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.filled(bytes.len());
    }

    /// So many have left.
    ///
    /// # Panics
    /// When there were not as many: a fault of the caller, who would lose the order of records.
    pub fn sent(&mut self, bytes: usize) {
        self.start += bytes;
        assert!(self.start <= self.end, "more was sent than there was");
        if self.start == self.end {
            self.clear();
        }
    }

    /// Forgets what has not left. The memory stays.
    pub fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// What it holds in memory.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Memory behind the last byte: at least so many bytes, with anything in them. [`Self::filled`] says how many were written.
    pub(crate) fn room(&mut self, bytes: usize) -> &mut [u8] {
        let end = self.end + bytes;
        if let Some(more) = end.checked_sub(self.bytes.len()) {
            // Exactly: a buffer that doubled would hold twice what a connection may have unsent.
            self.bytes.reserve_exact(more);
            self.bytes.resize(end, 0);
        }
        &mut self.bytes[self.end..]
    }

    /// So many bytes of the room count from now on.
    pub(crate) fn filled(&mut self, bytes: usize) {
        self.end += bytes;
        debug_assert!(self.end <= self.bytes.len());
    }
}

impl Deref for Outgoing {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_that_serves_again_is_not_zeroed_and_shows_nothing_of_before() {
        let mut outgoing = Outgoing::default();
        outgoing.extend_from_slice(&[7; 100]);
        outgoing.sent(100);
        let room = outgoing.room(50);
        assert_eq!(room[..50], [7; 50], "it was made ready a second time");
        room[0] = 1;
        outgoing.filled(1);
        assert_eq!(&outgoing[..], [1]);
        outgoing.clear();
        assert!(outgoing.is_empty());
    }
}
