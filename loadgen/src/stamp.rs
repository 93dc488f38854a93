//! What the generator writes at the start of a payload: enough to tell loss, order and latency at the other end.
//!
//! The rest of the payload is filler that does not compress, made once.

/// The stamp of one message.
///
/// ```
/// use loadgen::stamp::Stamp;
/// let stamp = Stamp { session: 7, number: 42, due_ns: 1_000 };
/// let mut payload = vec![0xaa; 400];
/// stamp.write(&mut payload);
/// assert_eq!(Stamp::read(&payload), Some(stamp));
/// assert_eq!(Stamp::read(&[0xaa; 400]), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Which session, counted over the whole run.
    pub session: u32,
    /// Which of its messages; the first is 1.
    pub number: u64,
    /// When it was due, in nanoseconds of the run's clock.
    pub due_ns: u64,
}

impl Stamp {
    /// Puts the stamp over the payload's first bytes.
    ///
    /// # Panics
    /// When the payload is shorter than [`STAMP_BYTES`]; scenarios are checked for that.
    pub fn write(&self, payload: &mut [u8]) {
        payload[..4].copy_from_slice(&MAGIC);
        payload[4..8].copy_from_slice(&self.session.to_be_bytes());
        payload[8..16].copy_from_slice(&self.number.to_be_bytes());
        payload[16..24].copy_from_slice(&self.due_ns.to_be_bytes());
    }

    /// Reads the stamp; `None` for a payload without one.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let payload = payload.get(..STAMP_BYTES)?;
        if payload[..4] != MAGIC {
            return None;
        }
        Some(Self {
            session: u32::from_be_bytes(payload[4..8].try_into().ok()?),
            number: u64::from_be_bytes(payload[8..16].try_into().ok()?),
            due_ns: u64::from_be_bytes(payload[16..24].try_into().ok()?),
        })
    }
}

/// Bytes that do not compress, the same at every run.
pub fn filler(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

/// The shortest payload that can be measured.
pub const STAMP_BYTES: usize = 24;

const MAGIC: [u8; 4] = *b"ldgn";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_too_short_for_a_stamp_has_none() {
        let mut payload = [0; STAMP_BYTES];
        Stamp { session: 1, number: 2, due_ns: 3 }.write(&mut payload);
        assert!(Stamp::read(&payload).is_some());
        assert!(Stamp::read(&payload[..STAMP_BYTES - 1]).is_none());
    }

    #[test]
    fn the_filler_never_reads_as_a_stamp_and_uses_all_byte_values() {
        let filler = filler(64 * 1024);
        assert!(Stamp::read(&filler).is_none());
        assert_eq!(filler.iter().collect::<std::collections::HashSet<_>>().len(), 256);
    }
}
