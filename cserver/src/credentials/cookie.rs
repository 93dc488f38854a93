//! The agent session cookie and the page's CSRF value: PROTOCOL.md section 6.4.
//!
//! Signed with keys that are made at start and never stored, so both end with the process. There are two of each: the secure
//! ones, and those of views over plain HTTP, which anybody on the way may have read. Neither opens what the other does.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use hmac::Mac;
use host::Locked;
use protocol::ids::{AgentId, GroupId, JoinId, SessionId, SessionKey, SessionNumber};
use protocol::keys::mac;
use protocol::secret::Secret;
use protocol::{CloseCode, Privileges};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// What an agent's cookie says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentCookie {
    /// The session it opens.
    pub session: SessionId,
    /// The join it stands for; revocable.
    pub join: JoinId,
    /// The account.
    pub agent: AgentId,
    /// What the agent may do.
    pub privileges: Privileges,
    /// Wall clock, milliseconds.
    pub issued_ms: u64,
}

/// Over what a cookie travels, and so what it may open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// TLS only. Opens everything that the join may see.
    Secure,
    /// Plain HTTP. Opens what came over plain HTTP.
    Plain,
}

/// The two keys of a process, in locked pages.
#[derive(Debug)]
pub struct CookieKeys(Locked<Keys>);

struct Keys {
    cookie: Secret,
    csrf: Secret,
}

/// Every agent session cookie's name is this and the join id.
pub const COOKIE_PREFIX: &str = "__Host-j-";

/// The same of the cookie for views over plain HTTP.
pub const PLAIN_COOKIE_PREFIX: &str = "j-";

impl Scheme {
    /// What the names of its cookies begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Secure => COOKIE_PREFIX,
            Self::Plain => PLAIN_COOKIE_PREFIX,
        }
    }

    fn byte(self) -> u8 {
        match self {
            Self::Secure => 1,
            Self::Plain => 2,
        }
    }
}

impl CookieKeys {
    /// Derives both from one secret of this start.
    pub fn new(secret: &Secret) -> Self {
        let none = || Secret::new([0; 32]);
        let mut keys = Locked::new(Keys { cookie: none(), csrf: none() });
        keys.cookie = derive(secret, b"cobrowse.cookie.v1");
        keys.csrf = derive(secret, b"cobrowse.csrf.v1");
        Self(keys)
    }

    /// Signs and encodes a secure cookie's value.
    pub fn seal(&self, cookie: &AgentCookie) -> String {
        self.seal_for(Scheme::Secure, cookie)
    }

    /// Signs and encodes the value of a cookie of that scheme.
    pub fn seal_for(&self, scheme: Scheme, cookie: &AgentCookie) -> String {
        let mut bytes = [0; COOKIE_BYTES];
        bytes[0] = VERSION;
        bytes[1] = scheme.byte();
        bytes[2..4].copy_from_slice(&cookie.privileges.bits().to_be_bytes());
        bytes[8..16].copy_from_slice(cookie.join.as_bytes());
        bytes[16..48].copy_from_slice(cookie.session.group.padded());
        bytes[48..112].copy_from_slice(cookie.session.key.padded());
        bytes[112..128].copy_from_slice(cookie.session.number.as_bytes());
        bytes[128..144].copy_from_slice(cookie.agent.as_bytes());
        bytes[144..152].copy_from_slice(&cookie.issued_ms.to_be_bytes());
        let tag = mac(&self.0.cookie, &bytes[..MAC_AT]).finalize().into_bytes();
        bytes[MAC_AT..].copy_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Verifies a secure cookie's value and that it belongs to `join`, then reads it.
    pub fn open(&self, value: &str, join: JoinId) -> Result<AgentCookie, CloseCode> {
        self.open_for(Scheme::Secure, value, join)
    }

    /// The same for a cookie of that scheme.
    pub fn open_for(
        &self,
        scheme: Scheme,
        value: &str,
        join: JoinId,
    ) -> Result<AgentCookie, CloseCode> {
        let cookie = self.read(scheme, value)?;
        if cookie.join == join { Ok(cookie) } else { Err(CloseCode::Unauthorized) }
    }

    /// What a text says that is a good secure cookie's value, whatever it was called: somebody has shown it where it must not be.
    pub fn open_strayed(&self, text: &str) -> Option<AgentCookie> {
        self.read(Scheme::Secure, text).ok()
    }

    fn read(&self, scheme: Scheme, value: &str) -> Result<AgentCookie, CloseCode> {
        let mut bytes = [0; COOKIE_BYTES];
        match URL_SAFE_NO_PAD.decode_slice(value, &mut bytes) {
            Ok(COOKIE_BYTES) => {}
            _ => return Err(CloseCode::Unauthorized),
        }
        let (signed, tag) = bytes.split_at(MAC_AT);
        mac(&self.0.cookie, signed).verify_slice(tag).map_err(|_| CloseCode::Unauthorized)?;
        decode(scheme, &bytes).ok_or(CloseCode::Unauthorized)
    }

    /// The CSRF value of a join's page.
    pub fn csrf(&self, join: JoinId) -> String {
        self.csrf_for(Scheme::Secure, join)
    }

    /// The CSRF value of a join's page over that scheme.
    pub fn csrf_for(&self, scheme: Scheme, join: JoinId) -> String {
        let tag = match scheme {
            Scheme::Secure => mac(&self.0.csrf, join.as_bytes()),
            Scheme::Plain => mac(&self.0.csrf, &[join.as_bytes(), &b"plain"[..]].concat()),
        };
        URL_SAFE_NO_PAD.encode(&tag.finalize().into_bytes()[..16])
    }

    /// Whether `value` is the CSRF value of the join's page, in constant time.
    pub fn csrf_fits(&self, join: JoinId, value: &str) -> bool {
        self.csrf_fits_for(Scheme::Secure, join, value)
    }

    /// The same for the page over that scheme.
    pub fn csrf_fits_for(&self, scheme: Scheme, join: JoinId, value: &str) -> bool {
        self.csrf_for(scheme, join).as_bytes().ct_eq(value.as_bytes()).into()
    }
}

fn decode(scheme: Scheme, bytes: &[u8; COOKIE_BYTES]) -> Option<AgentCookie> {
    if bytes[..2] != [VERSION, scheme.byte()] || bytes[4..8] != [0; 4] {
        return None;
    }
    Some(AgentCookie {
        privileges: Privileges::from_bits(u16::from_be_bytes([bytes[2], bytes[3]]))?,
        join: JoinId::from_bytes(bytes[8..16].try_into().ok()?),
        session: SessionId {
            group: GroupId::from_padded(bytes[16..48].try_into().ok()?).ok()?,
            key: SessionKey::from_padded(bytes[48..112].try_into().ok()?).ok()?,
            number: SessionNumber::from_bytes(bytes[112..128].try_into().ok()?),
        },
        agent: AgentId::from_bytes(bytes[128..144].try_into().ok()?),
        issued_ms: u64::from_be_bytes(bytes[144..152].try_into().ok()?),
    })
}

fn derive(secret: &Secret, info: &[u8]) -> Secret {
    let mut key = [0; 32];
    // The only error is an output of more than 255 hashes; this one is one hash long.
    let _ = Hkdf::<Sha256>::new(None, secret.expose()).expand(info, &mut key);
    Secret::new(key)
}

const VERSION: u8 = 1;
const COOKIE_BYTES: usize = 184;
const MAC_AT: usize = COOKIE_BYTES - 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie() -> AgentCookie {
        AgentCookie {
            session: "demo:471113:000102030405060708090a0b0c0d0e0f".parse().unwrap(),
            join: JoinId::from_bytes([7; 8]),
            agent: AgentId::from_bytes([2; 16]),
            privileges: Privileges::VIEW | Privileges::POINT,
            issued_ms: 12,
        }
    }

    #[test]
    fn a_cookie_opens_as_it_was_sealed_for_its_own_join_only() {
        let keys = CookieKeys::new(&Secret::new([1; 32]));
        let value = keys.seal(&cookie());
        assert_eq!(keys.open(&value, cookie().join), Ok(cookie()));
        let other = JoinId::from_bytes([8; 8]);
        assert_eq!(keys.open(&value, other), Err(CloseCode::Unauthorized));
        let restarted = CookieKeys::new(&Secret::new([2; 32]));
        assert_eq!(restarted.open(&value, cookie().join), Err(CloseCode::Unauthorized));
    }

    #[test]
    fn a_cookie_and_a_csrf_value_of_one_scheme_are_worth_nothing_under_the_other() {
        let keys = CookieKeys::new(&Secret::new([1; 32]));
        let join = cookie().join;
        for (own, other) in [(Scheme::Secure, Scheme::Plain), (Scheme::Plain, Scheme::Secure)] {
            let value = keys.seal_for(own, &cookie());
            assert_eq!(keys.open_for(own, &value, join), Ok(cookie()));
            assert_eq!(keys.open_for(other, &value, join), Err(CloseCode::Unauthorized));
            assert_eq!(keys.open_strayed(&value).is_some(), own == Scheme::Secure);
            assert!(keys.csrf_fits_for(own, join, &keys.csrf_for(own, join)));
            assert!(!keys.csrf_fits_for(other, join, &keys.csrf_for(own, join)));
        }
    }

    #[test]
    fn every_flipped_bit_and_every_other_length_is_noticed() {
        let keys = CookieKeys::new(&Secret::new([1; 32]));
        let value = keys.seal(&cookie());
        let bytes = URL_SAFE_NO_PAD.decode(&value).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut altered = bytes.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            let altered = URL_SAFE_NO_PAD.encode(altered);
            assert!(keys.open(&altered, cookie().join).is_err(), "bit {bit}");
        }
        for len in 0..value.len() {
            assert!(keys.open(&value[..len], cookie().join).is_err(), "{len}");
        }
        assert!(keys.open(&format!("{value}A"), cookie().join).is_err());
    }

    #[test]
    fn a_csrf_value_fits_its_join_only() {
        let keys = CookieKeys::new(&Secret::new([1; 32]));
        let (one, two) = (JoinId::from_bytes([1; 8]), JoinId::from_bytes([2; 8]));
        assert!(keys.csrf_fits(one, &keys.csrf(one)));
        assert!(!keys.csrf_fits(two, &keys.csrf(one)));
        assert!(!keys.csrf_fits(one, ""));
    }
}
