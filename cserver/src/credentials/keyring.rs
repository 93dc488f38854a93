//! The derived keys that the web tier replicas pushed, each until the last ticket it signed has expired.
//!
//! They lie in locked pages, in a list that never moves.

use std::collections::HashMap;
use std::sync::Arc;

use host::Locked;
use protocol::KeyId;
use protocol::ids::ServerId;
use protocol::keys::TicketKey;
use protocol::limits::CLOCK_SKEW_MS;
use protocol::ticket::{SealedTicket, Ticket, TicketError};

use crate::limits::KEYS_MAX;

/// The keys that verify tickets now.
#[derive(Debug)]
pub struct KeyRing {
    /// Places, most of them empty.
    keys: Locked<[Option<Held>; KEYS_MAX]>,
    /// Who signs with them, by its origin.
    web_tiers: HashMap<KeyId, Arc<str>>,
}

struct Held {
    id: KeyId,
    key: TicketKey,
    expires_ms: u64,
}

impl Default for KeyRing {
    fn default() -> Self {
        Self { keys: Locked::new([const { None }; KEYS_MAX]), web_tiers: HashMap::new() }
    }
}

impl KeyRing {
    /// Takes a copy of a key; one of the same id is replaced. Expired ones are dropped, and wipe themselves.
    pub fn insert(&mut self, id: KeyId, key: &TicketKey, expires_ms: u64, now_ms: u64) {
        self.prune(now_ms);
        // Its own place, or an empty one, or that of the key which expires first.
        let place = self.keys.iter_mut().min_by_key(|place| match place {
            Some(held) if held.id == id => (0, 0),
            None => (1, 0),
            Some(held) => (2, held.expires_ms),
        });
        if let Some(place) = place {
            let old = place.as_ref().map(|held| held.id);
            // In its place, so that what was there wipes itself there, and what comes stands nowhere else.
            *place = None;
            let held = place.insert(Held { id, key: TicketKey::none(), expires_ms });
            held.key.secret_mut().copy_from(key.secret());
            old.and_then(|old| self.web_tiers.remove(&old));
        }
    }

    /// Notes which web tier signs with a key, by its origin.
    pub fn is_of(&mut self, id: &KeyId, web_tier: Arc<str>) {
        if self.held().any(|held| held.id == *id) {
            self.web_tiers.insert(*id, web_tier);
        }
    }

    /// The web tier that signs with this key, when it has said where it is.
    pub fn web_tier(&self, id: &KeyId) -> Option<Arc<str>> {
        self.web_tiers.get(id).cloned()
    }

    /// Whether a web tier of that origin signs with any of the keys.
    pub fn knows_web_tier(&self, origin: &str) -> bool {
        self.web_tiers.values().any(|known| **known == *origin)
    }

    /// Verifies a ticket at the wall clock `now_ms`. A key that is not here is answered like a wrong MAC.
    pub fn open(
        &self,
        sealed: &SealedTicket,
        server: &ServerId,
        now_ms: u64,
    ) -> Result<Ticket, TicketError> {
        let id = sealed.key_id();
        let held = self.held().find(|held| held.id == id && !held.is_over(now_ms));
        sealed.open(&held.ok_or(TicketError::Forged)?.key, server, now_ms)
    }

    /// Drops what has expired.
    pub fn prune(&mut self, now_ms: u64) {
        for place in self.keys.iter_mut() {
            let over = place.as_ref().filter(|held| held.is_over(now_ms)).map(|held| held.id);
            if let Some(id) = over {
                *place = None;
                self.web_tiers.remove(&id);
            }
        }
    }

    /// How many keys are held.
    pub fn len(&self) -> usize {
        self.held().count()
    }

    /// Whether no key is held: then nobody can join.
    pub fn is_empty(&self) -> bool {
        self.held().next().is_none()
    }

    fn held(&self) -> impl Iterator<Item = &Held> {
        self.keys.iter().flatten()
    }
}

impl Held {
    fn is_over(&self, now_ms: u64) -> bool {
        now_ms > self.expires_ms.saturating_add(CLOCK_SKEW_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::secret::Secret;

    #[test]
    fn a_key_goes_when_its_last_ticket_has_expired() {
        let mut ring = KeyRing::default();
        let key = |byte| TicketKey::new(Secret::new([byte; 32]));
        ring.insert(KeyId::from_bytes([1; 8]), &key(1), 1_000, 0);
        ring.insert(KeyId::from_bytes([2; 8]), &key(2), 90_000, 0);
        ring.is_of(&KeyId::from_bytes([1; 8]), "https://w1.example".into());
        ring.prune(6_000);
        assert_eq!(ring.len(), 2);
        assert!(ring.knows_web_tier("https://w1.example"));
        ring.prune(6_001);
        assert_eq!(ring.len(), 1);
        assert!(!ring.knows_web_tier("https://w1.example"), "it goes with its last key");
    }

    #[test]
    fn the_ring_never_grows_past_its_bound() {
        let mut ring = KeyRing::default();
        for id in 0..(KEYS_MAX as u64 + 50) {
            let key = TicketKey::new(Secret::new([0; 32]));
            ring.insert(KeyId::from_bytes(id.to_be_bytes()), &key, 1_000_000 + id, 0);
        }
        assert_eq!(ring.len(), KEYS_MAX);
        let first = KeyId::from_bytes(0u64.to_be_bytes());
        assert!(ring.held().all(|held| held.id != first));
    }
}
