//! From the web tier's server key to the key that one CServer verifies tickets with: PROTOCOL.md section 6.1.
//!
//! Owns the derivation only. When keys are made, pushed and dropped is decided by the web tier's rotation
//! and the CServer's key ring.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::ids::ServerId;
use crate::secret::Secret;

/// 16 random bytes that a CServer makes at each start.
pub type BootNonce = [u8; 16];

/// The web tier's key of 256 random bits. Never leaves it; see [`ServerKey::derive`].
#[derive(Clone, Debug)]
pub struct ServerKey(Secret);

impl ServerKey {
    /// Wraps 32 random bytes.
    pub fn new(secret: Secret) -> Self {
        Self(secret)
    }

    /// The key for one CServer since one of its starts. Says nothing about the key of another.
    ///
    /// ```
    /// use cobrowse_protocol::{keys::ServerKey, secret::Secret};
    /// let key = ServerKey::new(Secret::new([1; 32]));
    /// let s1 = key.derive(&"s1".parse().unwrap(), &[0; 16]);
    /// let s2 = key.derive(&"s2".parse().unwrap(), &[0; 16]);
    /// let s1_restarted = key.derive(&"s1".parse().unwrap(), &[1; 16]);
    /// assert!(!s1.same_as(&s2) && !s1.same_as(&s1_restarted));
    /// ```
    pub fn derive(&self, server: &ServerId, boot: &BootNonce) -> TicketKey {
        let mut key = [0; 32];
        let info: [&[u8]; 5] =
            [b"cobrowse.ticket.v1", &[0], server.as_str().as_bytes(), &[0], boot];
        // The only error is an output of more than 255 hashes; this one is one hash long.
        let _ = Hkdf::<Sha256>::new(None, self.0.expose()).expand_multi_info(&info, &mut key);
        TicketKey(Secret::new(key))
    }
}

/// A derived key: signs tickets in the web tier, verifies them in one CServer.
#[derive(Clone, Debug)]
pub struct TicketKey(Secret);

impl TicketKey {
    /// Wraps a derived secret.
    pub fn new(secret: Secret) -> Self {
        Self(secret)
    }

    /// No key yet, for a place to read one into.
    pub fn none() -> Self {
        Self(Secret::new([0; 32]))
    }

    /// The secret where it stands, to be read or copied into.
    pub fn secret_mut(&mut self) -> &mut Secret {
        &mut self.0
    }

    /// The secret, for the control stream.
    pub fn secret(&self) -> &Secret {
        &self.0
    }

    /// Whether both are the same key, in constant time.
    pub fn same_as(&self, other: &Self) -> bool {
        self.0.same_as(&other.0)
    }

    pub(crate) fn mac(&self, data: &[u8]) -> Hmac<Sha256> {
        mac(&self.0, data)
    }
}

/// HMAC-SHA-256 of `data` under `key`; the caller finishes or verifies it.
pub fn mac(key: &Secret, data: &[u8]) -> Hmac<Sha256> {
    // HMAC pads a key shorter than its block of 64 bytes with zeros; doing so here keeps `new` infallible.
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key.expose());
    let mut mac = <Hmac<Sha256> as KeyInit>::new((&*block).into());
    mac.update(data);
    mac
}
