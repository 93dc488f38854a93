//! The derived keys that the web tier replicas pushed, each until the last ticket it signed has expired.

use std::collections::HashMap;

use protocol::KeyId;
use protocol::ids::ServerId;
use protocol::keys::TicketKey;
use protocol::limits::CLOCK_SKEW_MS;
use protocol::ticket::{SealedTicket, Ticket, TicketError};

use crate::limits::KEYS_MAX;

/// The keys that verify tickets now.
#[derive(Debug, Default)]
pub struct KeyRing {
    keys: HashMap<KeyId, Held>,
}

#[derive(Debug)]
struct Held {
    key: TicketKey,
    expires_ms: u64,
}

impl KeyRing {
    /// Takes a key; one of the same id is replaced. Expired ones are dropped, and wipe themselves.
    pub fn insert(&mut self, id: KeyId, key: TicketKey, expires_ms: u64, now_ms: u64) {
        self.prune(now_ms);
        if self.keys.len() >= KEYS_MAX {
            let first = self.keys.iter().min_by_key(|(_, held)| held.expires_ms);
            if let Some(id) = first.map(|(id, _)| *id) {
                self.keys.remove(&id);
            }
        }
        self.keys.insert(id, Held { key, expires_ms });
    }

    /// Verifies a ticket at the wall clock `now_ms`. A key that is not here is answered like a wrong MAC.
    pub fn open(
        &self,
        sealed: &SealedTicket,
        server: &ServerId,
        now_ms: u64,
    ) -> Result<Ticket, TicketError> {
        let held = self.keys.get(&sealed.key_id()).filter(|held| !held.is_over(now_ms));
        sealed.open(&held.ok_or(TicketError::Forged)?.key, server, now_ms)
    }

    /// Drops what has expired.
    pub fn prune(&mut self, now_ms: u64) {
        self.keys.retain(|_, held| !held.is_over(now_ms));
    }

    /// How many keys are held.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key is held: then nobody can join.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
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
        ring.insert(KeyId::from_bytes([1; 8]), key(1), 1_000, 0);
        ring.insert(KeyId::from_bytes([2; 8]), key(2), 90_000, 0);
        ring.prune(6_000);
        assert_eq!(ring.len(), 2);
        ring.prune(6_001);
        assert_eq!(ring.len(), 1);
    }

    #[test]
    fn the_ring_never_grows_past_its_bound() {
        let mut ring = KeyRing::default();
        for id in 0..(KEYS_MAX as u64 + 50) {
            let key = TicketKey::new(Secret::new([0; 32]));
            ring.insert(KeyId::from_bytes(id.to_be_bytes()), key, 1_000_000 + id, 0);
        }
        assert_eq!(ring.len(), KEYS_MAX);
        assert!(!ring.keys.contains_key(&KeyId::from_bytes(0u64.to_be_bytes())));
    }
}
