//! The visitor: a page whose whole state is one hash, and the frames that carry it.
//!
//! A keyframe says the hash, a diff an operation that changes it. So an agent has the right state exactly if it applied
//! exactly the right frames in their order.

use bytes::Bytes;
use protocol::{CloseCode, Flags, Header, Kind};

use crate::rng::{Rng, mix};

/// See the module.
#[derive(Default)]
pub struct Page {
    /// The whole state.
    pub hash: u64,
    epoch: u32,
    sequence: u32,
    deflate: bool,
    /// The connection's welcome came and its first epoch was sent.
    pub speaks: bool,
    operations: u64,
    ephemerals: u64,
}

impl Page {
    /// With that state.
    pub fn new(hash: u64) -> Self {
        Self { hash, ..Self::default() }
    }

    /// Epoch and sequence of the last reliable frame.
    pub fn position(&self) -> (u32, u32) {
        (self.epoch, self.sequence)
    }

    /// Something changed that nobody was told: the next keyframe has it.
    pub fn change(&mut self, rng: &mut Rng) {
        self.hash = apply(self.hash, rng.next());
    }

    /// A whole epoch.
    pub fn begin(&mut self, rng: &mut Rng, last_epoch: u32, purge: bool) -> Vec<Bytes> {
        self.epoch = self.epoch.max(last_epoch) + if rng.chance(5) { 3 } else { 1 };
        self.sequence = 0;
        self.deflate = rng.chance(50);
        self.speaks = true;
        let flags = if purge { Flags::PURGE } else { Flags::NONE };
        let mut frames = vec![self.frame(Kind::Facts, flags, b"{}")];
        let chunks = rng.between(1, 4);
        for chunk in 0..chunks {
            let mut flags = self.deflate_flag();
            let mut payload = Vec::new();
            if chunk == 0 {
                flags = flags | Flags::FIRST;
                payload.extend_from_slice(&self.hash.to_be_bytes());
            }
            if chunk + 1 == chunks {
                flags = flags | Flags::LAST;
            }
            payload.resize(payload.len() + rng.index(120), 0);
            self.sequence += 1;
            frames.push(self.frame(Kind::Keyframe, flags, &payload));
        }
        frames
    }

    /// A change, as a diff or, now and then, as new facts.
    pub fn diff(&mut self, rng: &mut Rng) -> Bytes {
        self.operations += 1;
        let operation = mix(self.operations ^ rng.next());
        self.hash = apply(self.hash, operation);
        self.sequence += 1;
        let mut payload = operation.to_be_bytes().to_vec();
        payload.resize(8 + rng.index(110), 0);
        if rng.chance(10) {
            self.frame(Kind::Facts, Flags::INSECURE, &payload)
        } else {
            self.frame(Kind::Diff, self.deflate_flag(), &payload)
        }
    }

    /// A passing frame with a number that rises.
    pub fn ephemeral(&mut self, rng: &mut Rng) -> Bytes {
        self.ephemerals += 1;
        let slot = Flags(rng.below(3) as u8);
        self.frame(Kind::Ephemeral, slot, &self.ephemerals.to_be_bytes())
    }

    /// A frame without a payload.
    pub fn bare(&self, kind: Kind) -> Bytes {
        self.frame(kind, Flags::NONE, b"")
    }

    /// Frames of which the last breaks a rule, and the code that it earns.
    pub fn hostile(&self, rng: &mut Rng, keyframe_bytes_max: usize) -> (Vec<Bytes>, CloseCode) {
        let frame = |kind, flags, epoch, sequence, payload: &[u8]| {
            encode(Header { kind, flags, source: 7, epoch, sequence }, payload)
        };
        let (e, s, none) = (self.epoch, self.sequence, Flags::NONE);
        let facts = || frame(Kind::Facts, none, e + 1, 0, b"");
        let first = || frame(Kind::Keyframe, Flags::FIRST, e + 1, 1, &[0; 8]);
        let one = |frame: Bytes| vec![frame];
        let order = CloseCode::OutOfOrder;
        match rng.below(20) {
            0 => (one(Bytes::from_static(b"short")), CloseCode::BadFrame),
            1 => (one(Bytes::new()), CloseCode::BadFrame),
            2 => (one(Bytes::from_static(&[0x7f; 12])), CloseCode::UnknownKind),
            3 => (one(frame(Kind::Pointer, none, e, s, b"{}")), CloseCode::UnknownKind),
            4 => (one(frame(Kind::Joined, none, e, s, b"{}")), CloseCode::UnknownKind),
            5 => (one(frame(Kind::Diff, Flags::FIRST, e, s + 1, b"")), CloseCode::BadFrame),
            6 => (one(frame(Kind::Bye, none, e, s, b"x")), CloseCode::TooLong),
            7 => (one(frame(Kind::Diff, none, e, s + 1, &[0; 61_441])), CloseCode::TooLong),
            8 => (one(frame(Kind::Diff, none, e, s + 2, b"")), order),
            9 => (one(frame(Kind::Diff, none, e, s, b"")), order),
            10 => (one(frame(Kind::Diff, none, e + 1, s + 1, b"")), order),
            11 => (one(frame(Kind::Facts, none, e, 0, b"")), order),
            12 => (one(frame(Kind::Facts, Flags::PURGE, e, s + 1, b"")), order),
            13 => (one(frame(Kind::Keyframe, Flags::LAST, e, s + 1, b"")), order),
            14 => (one(frame(Kind::Ephemeral, none, e, s + 1, b"")), order),
            15 => (vec![facts(), first(), frame(Kind::Facts, none, e + 2, 0, b"")], order),
            16 => (vec![facts(), frame(Kind::Keyframe, none, e + 1, 1, b"")], order),
            17 => (vec![facts(), first(), frame(Kind::Ephemeral, none, e + 1, 1, b"")], order),
            18 => (vec![facts(), frame(Kind::Diff, none, e + 1, 1, b"")], order),
            _ => {
                let huge = frame(Kind::Keyframe, none, e + 1, 2, &vec![0; keyframe_bytes_max - 7]);
                (vec![facts(), first(), huge], CloseCode::TooLong)
            }
        }
    }

    fn frame(&self, kind: Kind, flags: Flags, payload: &[u8]) -> Bytes {
        let (epoch, sequence) = (self.epoch, self.sequence);
        encode(Header { kind, flags, source: 7, epoch, sequence }, payload)
    }

    fn deflate_flag(&self) -> Flags {
        if self.deflate { Flags::DEFLATE } else { Flags::NONE }
    }
}

/// What an operation makes of a state.
pub fn apply(hash: u64, operation: u64) -> u64 {
    mix(hash.rotate_left(5) ^ operation)
}

/// A frame of a header and a payload.
pub fn encode(header: Header, payload: &[u8]) -> Bytes {
    [&header.encode(), payload].concat().into()
}
