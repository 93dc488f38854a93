//! Names of live connections, whose they are, and whether they have something to send.

use std::collections::VecDeque;

use crate::events::SessionRef;

/// A live connection, named by the caller: a generation in the high 32 bits and a small index in the low ones.
/// The index is used for a table; a name is the same connection only if all 64 bits are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkId(pub u64);

/// Whose connection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Visitor(SessionRef),
    /// The key is the agent's place in its session.
    Agent(SessionRef, usize),
}

/// Every connection the relay knows.
#[derive(Default)]
pub(crate) struct Links {
    table: Vec<Option<(LinkId, Owner)>>,
}

impl Links {
    pub(crate) fn get(&self, link: LinkId) -> Option<Owner> {
        match self.table.get(index(link)) {
            Some(Some((known, owner))) if *known == link => Some(*owner),
            _ => None,
        }
    }

    pub(crate) fn insert(&mut self, link: LinkId, owner: Owner) {
        let at = index(link);
        if at >= self.table.len() {
            self.table.resize(at + 1, None);
        }
        self.table[at] = Some((link, owner));
    }

    pub(crate) fn remove(&mut self, link: LinkId) {
        if self.get(link).is_some() {
            self.table[index(link)] = None;
        }
    }

    /// Keeps no more room than is needed.
    pub(crate) fn shrink(&mut self) {
        let last = self.table.iter().rposition(Option::is_some);
        self.table.truncate(last.map_or(0, |last| last + 1));
        self.table.shrink_to_fit();
    }
}

fn index(link: LinkId) -> usize {
    (link.0 & 0xffff_ffff) as usize
}

/// The sending side of one connection. It is dirty from the moment there is something to send until the caller has
/// taken all of it; in between it stands in the list of dirty links at most once.
pub(crate) struct Outlet {
    pub(crate) link: LinkId,
    dirty: bool,
    /// Since when the peer has taken nothing, while dirty.
    idle_since_ms: u64,
}

impl Outlet {
    pub(crate) fn new(link: LinkId, now: u64) -> Self {
        Self { link, dirty: false, idle_since_ms: now }
    }

    /// There is something to send.
    pub(crate) fn wake(&mut self, now: u64, dirty: &mut VecDeque<LinkId>) {
        if !self.dirty {
            self.dirty = true;
            self.idle_since_ms = now;
            dirty.push_back(self.link);
        }
    }

    /// Whether there may be something that was not taken.
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// The caller has taken everything.
    pub(crate) fn drained(&mut self) {
        self.dirty = false;
    }

    /// The socket took bytes.
    pub(crate) fn progress(&mut self, now: u64) {
        self.idle_since_ms = now;
    }

    /// When the peer will have stalled for too long, if it goes on so.
    pub(crate) fn stalled_at(&self, stall_ms: u64) -> Option<u64> {
        self.dirty.then(|| self.idle_since_ms.saturating_add(stall_ms))
    }
}
