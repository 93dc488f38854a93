//! Signed heads: what the chain's hash was at some time, said by a key that stands outside of the store; and, by the same key, that an
//! operator has taken a log as it was found.
//!
//! Ed25519, so that whoever verifies cannot sign. The key is a PKCS#8 file of the web tier's host; who has only the store,
//! or a copy of it, can write no head.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Head, hex};

/// What to do without a key.
pub(crate) const UNSIGNED: &str = "no key signs the audit log: make one with `openssl genpkey -algorithm ed25519 -out FILE`, and name it in the configuration as [audit] key";

/// What a signature says of a head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Said {
    /// The chain ended so.
    #[default]
    Ended,
    /// It did not verify, and an operator took it all the same: the hash is that of all lines as they stood
    /// (`verify.rs`), and the chain goes on from it.
    Accepted,
}

impl Said {
    /// First word of its line. No entry begins so, and neither word is the beginning of the other.
    const fn word(self) -> &'static str {
        match self {
            Self::Ended => "cobrowse.audit.head.v1",
            Self::Accepted => "cobrowse.audit.accepted.v1",
        }
    }

    /// What this line of an export is, if it is no entry.
    pub(super) fn of_line(line: &str) -> Option<Self> {
        [Self::Ended, Self::Accepted].into_iter().find(|said| line.starts_with(said.word()))
    }

    #[allow(clippy::trivially_copy_pass_by_ref)] // serde asks with a reference
    fn is_usual(&self) -> bool {
        *self == Self::Ended
    }
}

/// A head with its signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SignedHead {
    #[serde(default, skip_serializing_if = "Said::is_usual")]
    pub(crate) said: Said,
    pub(crate) head: Head,
    /// When it was signed.
    pub(crate) at_ms: u64,
    /// Base64url.
    pub(crate) signature: String,
}

/// The key that signs heads.
pub(crate) struct AuditKey(Ed25519KeyPair);

impl std::fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AuditKey({})", self.public())
    }
}

/// A key that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {error}; make one with `openssl genpkey -algorithm ed25519 -out FILE`")]
pub(crate) struct KeyError {
    path: PathBuf,
    error: String,
}

impl AuditKey {
    /// Reads a PEM file with a PKCS#8 key.
    pub(crate) fn read(path: &Path) -> Result<Self, KeyError> {
        let fault = |error: String| KeyError { path: path.into(), error };
        let pem = Zeroizing::new(host::source::read(path).map_err(|e| fault(e.to_string()))?);
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|e| fault(e.to_string()))?;
        Self::parse(key.secret_der()).map_err(|error| fault(format!("no Ed25519 key: {error}")))
    }

    fn parse(der: &[u8]) -> Result<Self, aws_lc_rs::error::KeyRejected> {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Self)
    }

    /// A key of a test.
    #[cfg(test)]
    pub(crate) fn of_test(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    /// The key that the configuration names, if it does.
    pub(crate) fn configured(path: Option<&PathBuf>) -> Result<Option<Arc<Self>>, KeyError> {
        path.map(|path| Self::read(path).map(Arc::new)).transpose()
    }

    /// What verifies: hex of 32 bytes.
    pub(crate) fn public(&self) -> String {
        hex(self.0.public_key().as_ref())
    }

    /// Says that the chain ended so.
    pub(crate) fn sign(&self, head: &Head, at_ms: u64) -> SignedHead {
        self.say(Said::Ended, head, at_ms)
    }

    /// Says that an operator took the log up to here as it was found.
    pub(crate) fn accept(&self, head: &Head, at_ms: u64) -> SignedHead {
        self.say(Said::Accepted, head, at_ms)
    }

    fn say(&self, said: Said, head: &Head, at_ms: u64) -> SignedHead {
        let signature = self.0.sign(message(said, head, at_ms).as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(signature.as_ref());
        SignedHead { said, head: head.clone(), at_ms, signature }
    }
}

impl SignedHead {
    /// Its line of an export.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", message(self.said, &self.head, self.at_ms), self.signature)
    }

    /// Reads such a line; nothing else that means the same passes.
    pub(crate) fn from_line(line: &str) -> Option<Self> {
        let said = Said::of_line(line)?;
        let mut words = line.split(' ').skip(1);
        let seq = words.next()?.parse().ok()?;
        let hash = words.next()?.to_owned();
        let at_ms = words.next()?.parse().ok()?;
        let signature = words.next()?.to_owned();
        let read = Self { said, head: Head { seq, hash }, at_ms, signature };
        (read.line() == line).then_some(read)
    }

    /// Whether the key of `public` signed it.
    pub(crate) fn is_signed_by(&self, public: &[u8]) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(&self.signature) else { return false };
        let message = message(self.said, &self.head, self.at_ms);
        UnparsedPublicKey::new(&ED25519, public).verify(message.as_bytes(), &signature).is_ok()
    }
}

/// What is signed. It begins as no entry does.
fn message(said: Said, head: &Head, at_ms: u64) -> String {
    format!("{} {} {} {at_ms}", said.word(), head.seq, head.hash)
}

/// Whether a line of an export is signed, and no entry.
pub(super) fn is_signed(line: &str) -> bool {
    Said::of_line(line).is_some()
}
