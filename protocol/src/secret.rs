//! Bytes that must not be seen: they wipe themselves, compare in constant time and print as `set`.

use core::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// 32 secret bytes: a server key, a derived key, a resume secret.
///
/// ```
/// use cobrowse_protocol::secret::Secret;
/// let secret = Secret::new([7; 32]);
/// assert_eq!(format!("{secret:?}"), "Secret(set)");
/// assert!(secret.same_as(&Secret::new([7; 32])));
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; 32]);

impl Secret {
    /// Wraps bytes that the caller drew at random or derived.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for a MAC or the wire.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether both are the same, in a time that does not depend on where they differ.
    pub fn same_as(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// SHA-256 of the secret: what may be stored or carried to recognise its owner.
    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(self.0).into())
    }

    /// The text form for the wire: base64url.
    pub fn to_base64(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Reads the text form.
    pub fn from_base64(text: &str) -> Option<Self> {
        let mut secret = Self([0; 32]);
        secret.read_base64(text).then_some(secret)
    }

    /// Reads the text form where this secret stands, and nowhere else: what is moved leaves a copy behind. Whether it is one.
    pub fn read_base64(&mut self, text: &str) -> bool {
        let Ok(mut bytes) = URL_SAFE_NO_PAD.decode(text) else { return false };
        let is_one = bytes.len() == self.0.len();
        if is_one {
            self.0.copy_from_slice(&bytes);
        }
        bytes.zeroize();
        is_one
    }

    /// Takes the bytes of another, where this one stands.
    pub fn copy_from(&mut self, other: &Self) {
        self.0.copy_from_slice(&other.0);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(set)")
    }
}

/// SHA-256 of a secret of 256 random bits: recognises its owner and leads to nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Wraps the wire or stored form.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The wire and stored form.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `secret` is the one behind this hash, in constant time.
    pub fn matches(&self, secret: &Secret) -> bool {
        self.0.ct_eq(&secret.hash().0).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(set)")
    }
}
