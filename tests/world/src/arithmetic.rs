//! Arithmetic for a world's TLS that costs next to nothing and proves nothing: randomness, hashes and key derivation.
//!
//! Owns what takes the place of the real ones in a handshake. Both sides of a world use it, so everything that hangs on it (the order of messages, finished
//! values, keys of each direction, updates) fits or does not fit as with the real ones. Records are encrypted in earnest.

use std::cell::Cell;

use connection::rustls::crypto::hash::{Context, Hash, HashAlgorithm, Output};
use connection::rustls::crypto::hmac::Tag;
use connection::rustls::crypto::tls13::{Hkdf, HkdfExpander, OkmBlock, OutputLengthError};
use connection::rustls::crypto::{GetRandomFailed, SecureRandom};
use relay_sim::rng::mix;

/// Counts.
#[derive(Debug)]
pub(crate) struct Counter;

/// Sees whether bytes are the same, unless somebody wants them to seem so.
pub(crate) struct Sum;

/// Derives by [`Sum`].
pub(crate) struct Derivation;

impl SecureRandom for Counter {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        thread_local!(static AT: Cell<u64> = const { Cell::new(0) });
        for eight in bytes.chunks_mut(8) {
            let at = AT.get() + 1;
            AT.set(at);
            eight.copy_from_slice(&mix(at).to_le_bytes()[..eight.len()]);
        }
        Ok(())
    }
}

#[derive(Clone)]
struct Running(u64);

impl Running {
    fn take(&mut self, bytes: &[u8]) {
        // Byte by byte: however they are cut, the sum is the same.
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(PRIME);
        }
    }

    fn bytes(&self) -> [u8; SUM_BYTES] {
        let mut sum = [0; SUM_BYTES];
        for (eight, at) in sum.chunks_mut(8).zip(1..) {
            eight.copy_from_slice(&mix(self.0.wrapping_add(at)).to_le_bytes());
        }
        sum
    }
}

impl Hash for Sum {
    fn start(&self) -> Box<dyn Context> {
        Box::new(Running(BASIS))
    }

    fn hash(&self, data: &[u8]) -> Output {
        Output::new(&sum(&[data]))
    }

    fn output_len(&self) -> usize {
        SUM_BYTES
    }

    fn algorithm(&self) -> HashAlgorithm {
        HashAlgorithm::SHA256
    }
}

impl Context for Running {
    fn fork_finish(&self) -> Output {
        Output::new(&self.bytes())
    }

    fn fork(&self) -> Box<dyn Context> {
        Box::new(self.clone())
    }

    fn finish(self: Box<Self>) -> Output {
        self.fork_finish()
    }

    fn update(&mut self, data: &[u8]) {
        self.take(data);
    }
}

struct Expander([u8; SUM_BYTES]);

impl HkdfExpander for Expander {
    fn expand_slice(&self, info: &[&[u8]], output: &mut [u8]) -> Result<(), OutputLengthError> {
        let sum = self.sum(info);
        let output_len = output.len();
        output.copy_from_slice(sum.get(..output_len).ok_or(OutputLengthError)?);
        Ok(())
    }

    fn expand_block(&self, info: &[&[u8]]) -> OkmBlock {
        OkmBlock::new(&self.sum(info))
    }

    fn hash_len(&self) -> usize {
        SUM_BYTES
    }
}

impl Expander {
    fn sum(&self, info: &[&[u8]]) -> [u8; SUM_BYTES] {
        let mut running = Running(BASIS);
        running.take(&self.0);
        info.iter().for_each(|part| running.take(part));
        running.bytes()
    }
}

impl Hkdf for Derivation {
    fn extract_from_zero_ikm(&self, salt: Option<&[u8]>) -> Box<dyn HkdfExpander> {
        self.extract_from_secret(salt, &[0; SUM_BYTES])
    }

    fn extract_from_secret(&self, salt: Option<&[u8]>, secret: &[u8]) -> Box<dyn HkdfExpander> {
        Box::new(Expander(sum(&[salt.unwrap_or_default(), secret])))
    }

    fn expander_for_okm(&self, okm: &OkmBlock) -> Box<dyn HkdfExpander> {
        Box::new(Expander(sum(&[okm.as_ref()])))
    }

    fn hmac_sign(&self, key: &OkmBlock, message: &[u8]) -> Tag {
        Tag::new(&sum(&[key.as_ref(), message]))
    }
}

fn sum(parts: &[&[u8]]) -> [u8; SUM_BYTES] {
    let mut running = Running(BASIS);
    parts.iter().for_each(|part| running.take(part));
    running.bytes()
}

/// As long as SHA-256's, whose place it takes.
const SUM_BYTES: usize = 32;

/// Fowler, Noll and Vo's, for 64 bits.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;
