//! Where the keys of connections stand: in locked pages, from the moment at which rustls tells the secrets of which they are made until the
//! connection ends. What a key does is the business of `traffic.rs`.
//!
//! Each thread has a shelf of its own; a connection that goes to another core keeps its place. The form that the cipher works with
//! stands elsewhere, in aws-lc's own memory or on the stack, for the one call that it serves.

use host::{Place, Shelf};

use crate::traffic::Traffic;

/// Both directions of one connection.
pub(crate) struct Keys {
    /// What the peer seals.
    pub(crate) read: Traffic,
    /// What we seal.
    pub(crate) write: Traffic,
}

thread_local! {
    static SHELF: Shelf<Keys> = Shelf::default();
}

/// A place with no keys yet.
pub(crate) fn place() -> Place<Keys> {
    SHELF.with(|shelf| shelf.hold(Keys { read: Traffic::none(), write: Traffic::none() }))
}

/// How many connections of this thread's have their keys in memory that the system would not lock.
#[must_use]
pub fn unlocked_keys() -> usize {
    SHELF.with(Shelf::unlocked)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::fs::FileExt;

    use host::locked::flags_at;

    use super::*;
    use crate::Outgoing;
    use crate::records::tests::{SUITES, World, pair, written};
    use crate::tls::Tls;

    /// Bytes of this process.
    fn bytes_at(address: usize) -> Vec<u8> {
        let mut bytes = vec![0; size_of::<Keys>()];
        let memory = std::fs::File::open("/proc/self/mem").unwrap();
        memory.read_exact_at(&mut bytes, address as u64).unwrap();
        bytes
    }

    #[test]
    fn the_keys_of_a_live_connection_lie_in_locked_pages_and_are_wiped_when_it_ends() {
        // Somebody else's, so that the row stays.
        let _other = place();
        let mut pair = pair();
        let at = std::ptr::from_ref(&**pair.tls.records().unwrap().keys()) as usize;
        let flags = flags_at(at);
        assert!(flags.contains(" lo") && flags.contains(" dd"), "{flags}");
        assert!(bytes_at(at).iter().filter(|byte| **byte != 0).count() > 100, "it has keys");
        drop(pair);
        assert_eq!(bytes_at(at), [0; size_of::<Keys>()]);
        assert_eq!(unlocked_keys(), 0);
    }

    #[test]
    fn a_handshake_that_is_not_finished_gives_its_place_back() {
        let free = || std::ptr::from_ref(&*place()) as usize;
        let first = free();
        let world = World::new(SUITES[0], None, 1);
        let (mut client, mut tls) = (world.client().0, Tls::new(world.configs));
        let (mut hello, mut out) = (written(&mut client), Outgoing::default());
        assert!(tls.receive(&mut hello, &mut Vec::new(), &mut out).is_ok());
        assert!(!tls.is_established() && free() != first, "its secrets stand there");
        drop(tls);
        assert_eq!(free(), first);
    }
}
