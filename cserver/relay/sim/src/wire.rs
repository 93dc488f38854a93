//! One connection in virtual time: delays both ways, a socket that may take nothing for a while, and the buffer that
//! the real shard has in front of it.

use std::collections::VecDeque;

use bytes::Bytes;
use protocol::CloseCode;
use relay::{LinkId, WireFrame};

use crate::ledger::Watch;

/// See the module.
pub(crate) struct Wire {
    pub(crate) link: LinkId,
    pub(crate) session: usize,
    pub(crate) end: End,
    /// On the way to the relay, with the time of arrival.
    pub(crate) up: VecDeque<(u64, Up)>,
    /// Handed out by the relay and not yet taken by the socket.
    pub(crate) sealed: Vec<WireFrame>,
    pub(crate) refill: bool,
    /// On the way to the peer.
    pub(crate) down: VecDeque<(u64, Bytes)>,
    pub(crate) delay_ms: u64,
    pub(crate) blocked_until_ms: u64,
    /// How much the shard fetches at once.
    pub(crate) room: usize,
    /// When above zero the socket takes a little every so often, as over a bad line.
    pub(crate) pace_ms: u64,
    /// Something is unsent and nothing was taken since.
    pub(crate) unsent_since_ms: Option<u64>,
    /// An agent's connection: what it was handed. A visitor's: whether it was welcomed.
    pub(crate) watch: Watch,
    pub(crate) welcomed: bool,
    /// A visitor's: it has not been welcomed yet by the settings in force.
    pub(crate) welcome_is_due: bool,
}

/// Whose connection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Visitor,
    /// Its place among the session's agents.
    Agent(usize),
}

/// A frame for the relay and what must come of it.
pub(crate) struct Up {
    pub(crate) body: Bytes,
    pub(crate) expect: Expect,
}

/// What must come of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    Accepted,
    Close(CloseCode),
    End(CloseCode),
}

impl Wire {
    pub(crate) fn new(link: LinkId, session: usize, end: End, delay_ms: u64) -> Self {
        Self {
            link,
            session,
            end,
            up: VecDeque::new(),
            sealed: Vec::new(),
            refill: false,
            down: VecDeque::new(),
            delay_ms,
            blocked_until_ms: 0,
            room: ROOM_BYTES,
            pace_ms: 0,
            unsent_since_ms: None,
            watch: Watch::default(),
            welcomed: false,
            welcome_is_due: true,
        }
    }

    /// Sends to the relay; nothing overtakes on one connection.
    pub(crate) fn send(&mut self, now: u64, jitter_ms: u64, body: Bytes, expect: Expect) {
        let after = self.up.back().map_or(0, |(at, _)| *at);
        self.up.push_back(((now + self.delay_ms + jitter_ms).max(after), Up { body, expect }));
    }

    /// The socket takes what was sealed.
    pub(crate) fn take_sealed(&mut self, now: u64) {
        let after = self.down.back().map_or(0, |(at, _)| *at);
        let at = (now + self.delay_ms).max(after);
        self.down.extend(self.sealed.drain(..).map(|frame| (at, frame.body().clone())));
    }
}

/// What the shard fetches at once: more than any frame here.
pub(crate) const ROOM_BYTES: usize = 4096;

/// The same over a bad line: just enough for each frame.
pub(crate) const LITTLE_ROOM_BYTES: usize = 900;
