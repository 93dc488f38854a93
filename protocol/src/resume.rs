//! What a visitor shows to come back: session id and resume secret in one text. PROTOCOL.md section 6.3.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroize;

use crate::ids::{GroupId, SessionId, SessionKey, SessionNumber};
use crate::secret::Secret;

/// Bytes of the binary form.
pub const RESUME_BYTES: usize = 145;

/// A session and the secret of its visitor.
///
/// ```
/// use cobrowse_protocol::{resume::Resume, secret::Secret};
/// let resume = Resume {
///     session: "demo:471113:000102030405060708090a0b0c0d0e0f".parse().unwrap(),
///     secret: Secret::new([8; 32]),
/// };
/// let again = Resume::from_text(&resume.to_text()).unwrap();
/// assert_eq!(again.session, resume.session);
/// assert!(again.secret.same_as(&resume.secret));
/// assert!(Resume::from_text("AAAA").is_none());
/// ```
#[derive(Clone, Debug)]
pub struct Resume {
    /// The session to come back to.
    pub session: SessionId,
    /// Proves that it is the same visitor.
    pub secret: Secret,
}

impl Resume {
    /// The text form for the wire.
    pub fn to_text(&self) -> String {
        let mut bytes = [0; RESUME_BYTES];
        bytes[0] = VERSION;
        bytes[1..33].copy_from_slice(self.session.group.padded());
        bytes[33..97].copy_from_slice(self.session.key.padded());
        bytes[97..113].copy_from_slice(self.session.number.as_bytes());
        bytes[113..].copy_from_slice(self.secret.expose());
        let text = URL_SAFE_NO_PAD.encode(bytes);
        bytes.zeroize();
        text
    }

    /// Reads the text form; `None` when it is not one. Says nothing about whether the secret is right.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut decoded = URL_SAFE_NO_PAD.decode(text).ok()?;
        let resume = Self::from_bytes(decoded.as_slice().try_into().ok()?);
        decoded.zeroize();
        resume
    }

    fn from_bytes(bytes: &[u8; RESUME_BYTES]) -> Option<Self> {
        if bytes[0] != VERSION {
            return None;
        }
        Some(Self {
            session: SessionId {
                group: GroupId::from_padded(bytes[1..33].try_into().ok()?).ok()?,
                key: SessionKey::from_padded(bytes[33..97].try_into().ok()?).ok()?,
                number: SessionNumber::from_bytes(bytes[97..113].try_into().ok()?),
            },
            secret: Secret::new(bytes[113..].try_into().ok()?),
        })
    }
}

const VERSION: u8 = 1;
