//! Who has been let in before: browsers in which an agent has logged in, by a cookie that says so, so that strangers' guesses do not keep the agent out.
//!
//! Owns making the cookie's value and checking it; `login.rs` gives who shows one tries of their own. It opens nothing. Its key is made
//! of the account's password hash, whose salt and output leave the store nowhere: so nothing more is stored, it holds over restarts
//! and at every replica of a store, and ends with the password.

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;
use protocol::keys::mac;
use protocol::secret::{Secret, SecretHash};
use sha2::{Digest, Sha256};

use crate::cookies;
use crate::store::records::Agent;

/// Who has been let in before, and has tries that no stranger can use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Known {
    /// A browser in which the agent has logged in.
    Device(DeviceId),
    /// A login that goes on, by the hash of its token.
    Login([u8; 32]),
}

impl Known {
    /// Whoever has this login.
    pub(crate) fn login(hash: &SecretHash) -> Self {
        Self::Login(*hash.as_bytes())
    }
}

/// What a browser shows of itself; whose it is has to be checked.
pub(crate) struct Device {
    id: DeviceId,
    tag: [u8; TAG_BYTES],
}

/// Tells browsers apart. Random.
pub(crate) type DeviceId = [u8; 16];

impl Device {
    /// The cookie's value for a browser in which that agent has just logged in.
    pub(crate) fn make(agent: &Agent) -> Option<String> {
        let id: DeviceId = crate::random::bytes();
        let tag = tag(agent, &id)?.finalize().into_bytes();
        Some(URL_SAFE_NO_PAD.encode([&id[..], &tag].concat()))
    }

    /// Reads a request's cookie.
    pub(crate) fn read(headers: &HeaderMap) -> Option<Self> {
        let value = cookies::read(headers, cookies::DEVICE)?;
        let bytes = URL_SAFE_NO_PAD.decode(value).ok()?;
        let (id, tag) = bytes.split_at_checked(size_of::<DeviceId>())?;
        Some(Self { id: id.try_into().ok()?, tag: tag.try_into().ok()? })
    }

    /// Its id, if this agent has logged in there since the password was set. Takes the same time whatever is wrong.
    pub(crate) fn of(&self, agent: &Agent) -> Option<DeviceId> {
        tag(agent, &self.id)?.verify_slice(&self.tag).is_ok().then_some(self.id)
    }
}

fn tag(agent: &Agent, id: &DeviceId) -> Option<hmac::Hmac<Sha256>> {
    let hash = agent.password_hash.as_deref()?;
    let mut tag = mac(&Secret::new(Sha256::digest(hash).into()), b"cobrowse.web.device.v1");
    tag.update(agent.id.as_bytes());
    tag.update(id);
    Some(tag)
}

const TAG_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::agent;

    fn shown(value: &str) -> Option<Device> {
        let mut headers = HeaderMap::new();
        let cookie = format!("{}={value}", cookies::DEVICE);
        headers.insert("cookie", cookie.parse().unwrap());
        Device::read(&headers)
    }

    #[test]
    fn a_browser_is_known_to_its_agent_only_and_until_the_password_changes() {
        let ada = agent("ada", Some("$argon2id$one".into()));
        let value = Device::make(&ada).unwrap();
        assert!(shown(&value).unwrap().of(&ada).is_some());
        assert!(shown(&value).unwrap().of(&agent("bob", ada.password_hash.clone())).is_none());
        let changed = Agent { password_hash: Some("$argon2id$two".into()), ..ada.clone() };
        assert!(shown(&value).unwrap().of(&changed).is_none());
        assert!(Device::make(&Agent { password_hash: None, ..ada }).is_none());
    }

    #[test]
    fn every_flipped_bit_and_every_other_length_is_noticed() {
        let ada = agent("ada", Some("$argon2id$one".into()));
        let value = Device::make(&ada).unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&value).unwrap();
        for at in 0..bytes.len() * 8 {
            let mut altered = bytes.clone();
            altered[at / 8] ^= 1 << (at % 8);
            let altered = shown(&URL_SAFE_NO_PAD.encode(altered)).unwrap();
            assert!(altered.of(&ada).is_none(), "bit {at}");
        }
        for cut in 0..value.len() {
            assert!(shown(&value[..cut]).is_none(), "{cut}");
        }
        assert!(shown(&format!("{value}AAAA")).is_none());
    }
}
