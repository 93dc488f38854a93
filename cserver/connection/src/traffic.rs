//! The traffic key of one direction: it seals or opens one TLS 1.3 record after the other, and makes the key that follows it.
//!
//! A direction holds its secret, key and initialisation vector short, 92 bytes, and its sequence number. The form that the
//! cipher works with is 592 bytes; it is made when records come or go and serves all of one call
//! (docs/decisions/0012-short-traffic-keys.md). Which records may come, and when a key has to be followed by the next, is
//! the business of `records.rs`.

#[cfg(feature = "aws-lc")]
use aws_lc_rs::aead;
#[cfg(not(feature = "aws-lc"))]
use ring::aead;
use rustls::crypto::cipher::{AeadKey, Iv};
use rustls::crypto::tls13::{HkdfExpander, OkmBlock};
use rustls::{ConnectionTrafficSecrets, Tls13CipherSuite};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::Outgoing;

/// A key in the form that the cipher works with.
pub(crate) type ReadyKey = aead::LessSafeKey;

/// One direction of a connection. Wipes itself.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Traffic {
    /// What the next key is made of; as long as the suite's hash.
    secret: [u8; SECRET_BYTES_MAX],
    /// As long as the suite's key.
    key: [u8; KEY_BYTES_MAX],
    iv: [u8; NONCE_BYTES],
    /// Of the next record. No number is used twice with one key: it only grows, and there is an end to it.
    sequence: u64,
}

/// The first secret of one direction, as long as the suite's hash.
pub(crate) type Secret = [u8; SECRET_BYTES_MAX];

/// The record was not made with this key, for this place: forged, altered, repeated, out of order, or cut.
pub(crate) struct Forged;

/// There is no sequence number left, or the cipher refused what it was asked to do, which it has no reason to.
pub(crate) struct CannotSeal;

impl Traffic {
    /// Without a key. One is written into it where it stands: what is moved leaves a copy behind.
    pub(crate) fn none() -> Self {
        let (secret, key) = ([0; SECRET_BYTES_MAX], [0; KEY_BYTES_MAX]);
        Self { secret, key, iv: [0; NONCE_BYTES], sequence: 0 }
    }

    /// Takes the first secret, as rustls tells it.
    pub(crate) fn keep(&mut self, secret: &[u8]) {
        if let Some(place) = self.secret.get_mut(..secret.len()) {
            place.copy_from_slice(secret);
        }
    }

    /// Goes on where rustls stopped: with its key, which it made of the first secret, and its sequence number. None: no key of TLS 1.3.
    pub(crate) fn go_on(
        &mut self,
        (sequence, keys): &(u64, ConnectionTrafficSecrets),
    ) -> Option<()> {
        let (key, iv) = match keys {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv }
            | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
            | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (key, iv),
            _ => return None,
        };
        self.sequence = *sequence;
        self.set(key, iv);
        Some(())
    }

    /// The first key of a secret, held nowhere in particular: for tests.
    pub(crate) fn first(suite: &Tls13CipherSuite, secret: &Secret) -> Self {
        let mut traffic = Self::none();
        traffic.keep(secret);
        traffic.derive(suite);
        traffic
    }

    /// Leaves sequence numbers out.
    #[cfg(test)]
    pub(crate) fn jump_to(&mut self, to: u64) {
        self.sequence = to;
    }

    fn set(&mut self, key: &AeadKey, iv: &Iv) {
        self.key[..key.as_ref().len()].copy_from_slice(key.as_ref());
        self.iv.copy_from_slice(iv.as_ref());
    }

    /// The sequence number of the next record.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The key in the form that [`Self::seal`] and [`Self::open`] take, until [`Self::update`].
    pub(crate) fn ready(&self, algorithm: &'static aead::Algorithm) -> ReadyKey {
        let key = &self.key[..algorithm.key_len()];
        match aead::UnboundKey::new(algorithm, key) {
            Ok(key) => aead::LessSafeKey::new(key),
            Err(_) => unreachable!("the key has the length that its algorithm names"),
        }
    }

    /// Goes over to the next key: RFC 8446, section 7.2.
    pub(crate) fn update(&mut self, suite: &Tls13CipherSuite) {
        let secret_bytes = suite.common.hash_provider.output_len();
        let current = OkmBlock::new(&self.secret[..secret_bytes]);
        let expander = suite.hkdf_provider.expander_for_okm(&current);
        expand(&*expander, b"traffic upd", &mut self.secret[..secret_bytes]);
        self.derive(suite);
        self.sequence = 0;
    }

    /// Makes key and initialisation vector of the secret: RFC 8446, section 7.3.
    pub(crate) fn derive(&mut self, suite: &Tls13CipherSuite) {
        let secret_bytes = suite.common.hash_provider.output_len();
        let secret = OkmBlock::new(&self.secret[..secret_bytes]);
        let expander = suite.hkdf_provider.expander_for_okm(&secret);
        expand(&*expander, b"key", &mut self.key[..suite.aead_alg.key_len()]);
        expand(&*expander, b"iv", &mut self.iv);
    }

    /// Appends one record to `out`: header, and the content with its type behind it, sealed.
    pub(crate) fn seal(
        &mut self,
        key: &ReadyKey,
        content_type: u8,
        content: &[u8],
        out: &mut Outgoing,
    ) -> Result<(), CannotSeal> {
        let nonce = self.next_nonce().ok_or(CannotSeal)?;
        let sealed_bytes = content.len() + TYPE_BYTES + TAG_BYTES;
        let record = &mut out.room(HEADER_BYTES + sealed_bytes)[..HEADER_BYTES + sealed_bytes];
        let (head, body) = record.split_at_mut(HEADER_BYTES);
        // All records of TLS 1.3 claim to be of 1.2 (RFC 8446 section 5.2).
        let [high, low] = u16::try_from(sealed_bytes).map_err(|_| CannotSeal)?.to_be_bytes();
        let header = [APPLICATION_DATA, 3, 3, high, low];
        head.copy_from_slice(&header);
        seal_into(key, nonce, header, content, content_type, body).map_err(|_| CannotSeal)?;
        out.filled(HEADER_BYTES + sealed_bytes);
        Ok(())
    }

    /// Opens one whole record where it lies; what was in it: content, its type, and zeros that were added.
    pub(crate) fn open<'r>(
        &mut self,
        key: &ReadyKey,
        record: &'r mut [u8],
    ) -> Result<&'r [u8], Forged> {
        let nonce = self.next_nonce().ok_or(Forged)?;
        let (header, body) = record.split_first_chunk_mut::<HEADER_BYTES>().ok_or(Forged)?;
        // A record that is shorter than its tag is refused by the algorithm itself.
        match key.open_in_place(nonce, aead::Aad::from(*header), body) {
            Ok(inner) => Ok(inner),
            Err(_) => Err(Forged),
        }
    }

    /// The nonce of the next record, which is named once only: RFC 8446, section 5.3.
    fn next_nonce(&mut self) -> Option<aead::Nonce> {
        let mut nonce = self.iv;
        for (byte, of_sequence) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= of_sequence;
        }
        self.sequence = self.sequence.checked_add(1)?;
        Some(aead::Nonce::assume_unique_for_key(nonce))
    }
}

/// Reads the content from where it lies and writes what is sealed to where it goes.
#[cfg(feature = "aws-lc")]
fn seal_into(
    key: &ReadyKey,
    nonce: aead::Nonce,
    header: [u8; HEADER_BYTES],
    content: &[u8],
    content_type: u8,
    body: &mut [u8],
) -> Result<(), aws_lc_rs::error::Unspecified> {
    let (text, type_and_tag) = body.split_at_mut(content.len());
    let aad = aead::Aad::from(header);
    key.seal_out_of_place_scatter(nonce, aad, content, text, &[content_type], type_and_tag)
}

/// Copies the content to where it goes and seals it there: ring has no other way.
#[cfg(not(feature = "aws-lc"))]
fn seal_into(
    key: &ReadyKey,
    nonce: aead::Nonce,
    header: [u8; HEADER_BYTES],
    content: &[u8],
    content_type: u8,
    body: &mut [u8],
) -> Result<(), ring::error::Unspecified> {
    let (text, tag) = body.split_at_mut(content.len() + TYPE_BYTES);
    text[..content.len()].copy_from_slice(content);
    text[content.len()] = content_type;
    let made = key.seal_in_place_separate_tag(nonce, aead::Aad::from(header), text)?;
    tag.copy_from_slice(made.as_ref());
    Ok(())
}

/// HKDF-Expand-Label without a context: RFC 8446, section 7.1.
fn expand(expander: &dyn HkdfExpander, label: &[u8], output: &mut [u8]) {
    const PREFIX: &[u8] = b"tls13 ";
    // Keys, secrets and labels are shorter than 64 bytes.
    let (output_bytes, label_bytes) = (output.len() as u16, (PREFIX.len() + label.len()) as u8);
    let info = [&output_bytes.to_be_bytes()[..], &[label_bytes], PREFIX, label, &[0]];
    if expander.expand_slice(&info, output).is_err() {
        unreachable!("no more than one output of the hash is asked for");
    }
}

/// Type, version and length.
pub(crate) const HEADER_BYTES: usize = 5;

/// What a record's header says it holds, whatever it holds: RFC 8446, section 5.2.
pub(crate) const APPLICATION_DATA: u8 = 23;

/// A record's true type stands behind its content.
pub(crate) const TYPE_BYTES: usize = 1;

/// Of all three ciphers.
pub(crate) const TAG_BYTES: usize = 16;

const NONCE_BYTES: usize = 12;

/// AES-256 and ChaCha20.
const KEY_BYTES_MAX: usize = 32;

/// SHA-384.
pub(crate) const SECRET_BYTES_MAX: usize = 48;
