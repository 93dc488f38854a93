//! TLS session tickets: sealed with keys of this start, in locked pages, that change every six hours.
//!
//! Owns their form (PROTOCOL.md knows nothing of it: only this process reads them) and when keys change. rustls's own ticketer keeps its
//! keys in its library's memory. One ticketer serves all cores, so that a browser resumes on whichever takes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use connection::rustls::SupportedCipherSuite;
use connection::rustls::crypto::cipher::{AeadKey, Iv};
use connection::rustls::pki_types::UnixTime;
use connection::rustls::quic::PacketKey;
use connection::rustls::server::ProducesTickets;
use host::Locked;
use parking_lot::RwLock;
use zeroize::Zeroizing;

/// See the module.
pub struct Ticketer {
    keys: RwLock<Keys>,
    now_s: fn() -> u64,
}

struct Keys {
    current: Key,
    previous: Option<Key>,
    change_at_s: u64,
}

/// AES-256-GCM. What expands it lives for one ticket.
struct Key {
    name: [u8; NAME_BYTES],
    secret: Locked<Zeroizing<[u8; 32]>>,
    /// Number of the next ticket, which is its nonce: none is used twice.
    next: AtomicU64,
}

impl Ticketer {
    /// One with new keys.
    pub fn new() -> Result<Arc<Self>, getrandom::Error> {
        Self::at(|| UnixTime::now().as_secs())
    }

    fn at(now_s: fn() -> u64) -> Result<Arc<Self>, getrandom::Error> {
        let change_at_s = now_s().saturating_add(KEY_LIFE_S);
        let keys = Keys { current: Key::new()?, previous: None, change_at_s };
        Ok(Arc::new(Self { keys: keys.into(), now_s }))
    }

    /// A new key, when it is time. Without randomness the old one goes on: better than no resumption.
    fn change(&self) {
        let now_s = (self.now_s)();
        if now_s < self.keys.read().change_at_s {
            return;
        }
        let Ok(new) = Key::new() else { return };
        let mut keys = self.keys.write();
        // Another core may have been first.
        if now_s < keys.change_at_s {
            return;
        }
        let old = std::mem::replace(&mut keys.current, new);
        keys.previous = (now_s < keys.change_at_s.saturating_add(KEY_LIFE_S)).then_some(old);
        keys.change_at_s = now_s.saturating_add(KEY_LIFE_S);
    }
}

impl ProducesTickets for Ticketer {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        2 * KEY_LIFE_S as u32
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.change();
        let keys = self.keys.read();
        let key = &keys.current;
        let number = key.next.fetch_add(1, Ordering::Relaxed);
        let mut ticket = Vec::with_capacity(BODY_AT + plain.len() + TAG_BYTES);
        ticket.extend_from_slice(&key.name);
        ticket.extend_from_slice(&number.to_be_bytes());
        ticket.extend_from_slice(plain);
        let (head, body) = ticket.split_at_mut(BODY_AT);
        let tag = key.expanded()?.encrypt_in_place(number, head, body).ok()?;
        ticket.extend_from_slice(tag.as_ref());
        Some(ticket)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.change();
        let (head, body) = ticket.split_at_checked(BODY_AT)?;
        let (name, number) = head.split_at(NAME_BYTES);
        let number = u64::from_be_bytes(number.try_into().ok()?);
        let keys = self.keys.read();
        let key = [Some(&keys.current), keys.previous.as_ref()];
        let key = key.into_iter().flatten().find(|key| key.name == name)?;
        let mut plain = body.to_vec();
        let bytes = key.expanded()?.decrypt_in_place(number, head, &mut plain).ok()?.len();
        plain.truncate(bytes);
        Some(plain)
    }
}

impl std::fmt::Debug for Ticketer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ticketer(set)")
    }
}

impl Key {
    fn new() -> Result<Self, getrandom::Error> {
        let mut secret = Locked::new(Zeroizing::new([0; 32]));
        getrandom::fill(&mut secret[..])?;
        let mut name = [0; NAME_BYTES];
        getrandom::fill(&mut name)?;
        Ok(Self { name, secret, next: AtomicU64::new(0) })
    }

    /// The library's AEAD with this key, by its interface for QUIC's packets: the one that takes a number and bytes that are only
    /// authenticated.
    fn expanded(&self) -> Option<Box<dyn PacketKey>> {
        let SupportedCipherSuite::Tls13(suite) = SUITE else { return None };
        Some(suite.quic?.packet_key(AeadKey::from(**self.secret), Iv::from([0; 12])))
    }
}

#[cfg(feature = "aws-lc")]
use connection::rustls::crypto::aws_lc_rs as library;
#[cfg(not(feature = "aws-lc"))]
use connection::rustls::crypto::ring as library;

const SUITE: SupportedCipherSuite = library::cipher_suite::TLS13_AES_256_GCM_SHA384;

/// A key seals for so long, and opens for as long again, as rustls's own do. In that time it seals far fewer tickets than AES-GCM
/// has nonces.
const KEY_LIFE_S: u64 = 6 * 3_600;

const NAME_BYTES: usize = 16;
const BODY_AT: usize = NAME_BYTES + size_of::<u64>();
const TAG_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local!(static NOW_S: Cell<u64> = const { Cell::new(1_000) });

    fn ticketer() -> Arc<Ticketer> {
        Ticketer::at(|| NOW_S.get()).unwrap()
    }

    #[test]
    fn a_ticket_opens_as_it_was_sealed_and_with_no_bit_changed() {
        let (ours, other) = (ticketer(), ticketer());
        let ticket = ours.encrypt(b"what resumes a session").unwrap();
        assert_eq!(ours.decrypt(&ticket).unwrap(), b"what resumes a session");
        assert!(other.decrypt(&ticket).is_none());
        assert!(!ticket.windows(7).any(|part| part == b"session"));
        for bit in 0..ticket.len() * 8 {
            let mut altered = ticket.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(ours.decrypt(&altered).is_none(), "bit {bit}");
        }
        for cut in 0..ticket.len() {
            assert!(ours.decrypt(&ticket[..cut]).is_none(), "cut at {cut}");
        }
        assert_ne!(ticket, ours.encrypt(b"what resumes a session").unwrap());
        assert_eq!(ours.decrypt(&ours.encrypt(b"").unwrap()).unwrap(), b"");
        assert_eq!(format!("{ours:?}"), "Ticketer(set)");
    }

    #[test]
    fn a_key_seals_for_six_hours_opens_for_six_more_and_is_gone() {
        let ticketer = ticketer();
        let began = NOW_S.get();
        let first = ticketer.encrypt(b"1").unwrap();
        NOW_S.set(began + KEY_LIFE_S);
        let second = ticketer.encrypt(b"2").unwrap();
        assert_ne!(first[..NAME_BYTES], second[..NAME_BYTES]);
        NOW_S.set(began + 2 * KEY_LIFE_S - 1);
        assert_eq!(ticketer.decrypt(&first).unwrap(), b"1");
        NOW_S.set(began + 2 * KEY_LIFE_S);
        assert!(ticketer.decrypt(&first).is_none());
        assert_eq!(ticketer.decrypt(&second).unwrap(), b"2");
        // Nobody came for long: what would have been forgotten meanwhile is.
        NOW_S.set(began + 9 * KEY_LIFE_S);
        assert!(ticketer.decrypt(&second).is_none());
        assert!(ticketer.keys.read().previous.is_none());
    }
}
