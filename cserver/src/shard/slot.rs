//! What a shard knows of one connection.

use connection::{Connection, Outgoing};
use relay::LinkId;

use super::posts::Lane;
use crate::limits::{KEEP_ALIVE_MS, LINGER_MS};
use protocol::limits::PING_INTERVAL_MS;

/// One connection of a shard: 1.2 KB, most of it TLS. Each stands in a box of its own, so that the table of them is small
/// when it grows.
pub(super) struct Slot {
    pub(super) link: LinkId,
    pub(super) connection: Connection,
    pub(super) role: Role,
    /// There when its peer answers by posts.
    pub(super) lane: Option<Box<Lane>>,
    /// Sealed bytes. Without an allocation while nothing is unsent.
    pub(super) outgoing: Outgoing,
    pub(super) ending: Option<Ending>,
    /// Its part of what guests hold together.
    pub(super) held: usize,
    /// In the list of connections to send.
    pub(super) queued: bool,
    /// The relay has more for it once `outgoing` has left.
    pub(super) refill: bool,
    pub(super) pinged: bool,
    pub(super) heard_ms: u64,
    /// The one entry in the timer heap that counts.
    pub(super) timer_ms: u64,
}

/// What a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Speaks TLS or HTTP; must have asked for something by then.
    Guest { until_ms: u64 },
    /// A visitor's WebSocket or stream.
    Visitor,
    /// An agent's WebSocket or stream.
    Agent,
    /// A page that is there, outside a session.
    Presence,
    /// A web tier's WebSocket.
    Control,
    /// Over, and told so; only bytes are left to send.
    Detached,
}

/// How far the end of a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Last bytes are leaving; what has not left by then never will.
    Flushing { until_ms: u64 },
    /// The peer has until then to read them and close.
    Lingering { until_ms: u64 },
}

impl Slot {
    pub(super) fn new(link: LinkId, connection: Connection, role: Role, now_ms: u64) -> Self {
        Self {
            link,
            connection,
            role,
            lane: None,
            outgoing: Outgoing::default(),
            ending: None,
            held: 0,
            queued: false,
            refill: false,
            pinged: false,
            heard_ms: now_ms,
            timer_ms: u64::MAX,
        }
    }

    pub(super) fn heard(&mut self, now_ms: u64) {
        self.heard_ms = now_ms;
        self.pinged = false;
    }

    /// A request was answered: the next may take its time.
    pub(super) fn keep_alive(&mut self, now_ms: u64) {
        if let Role::Guest { until_ms } = &mut self.role {
            *until_ms = now_ms + KEEP_ALIVE_MS;
        }
    }

    pub(super) fn linger(&mut self, now_ms: u64) {
        self.ending = Some(Ending::Lingering { until_ms: now_ms + LINGER_MS });
    }

    /// When something has to be done about this connection if nothing is heard of it.
    pub(super) fn deadline_ms(&self) -> u64 {
        match (self.ending, self.role) {
            (Some(Ending::Flushing { until_ms } | Ending::Lingering { until_ms }), _)
            | (None, Role::Guest { until_ms }) => until_ms,
            // Its own machine pings and ends it; and whoever is detached is ending.
            (None, Role::Control | Role::Detached) => u64::MAX,
            (None, Role::Visitor | Role::Agent | Role::Presence) => {
                self.heard_ms + if self.pinged { 2 } else { 1 } * PING_INTERVAL_MS
            }
        }
    }
}
