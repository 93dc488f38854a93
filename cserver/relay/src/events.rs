//! What goes into the relay besides frames, and what comes out of it.

use std::sync::Arc;

use protocol::secret::SecretHash;
use protocol::{AgentId, AgentNumber, CloseCode, JoinId, Privileges, SessionId};

use crate::links::LinkId;

/// A session of this relay. It names nothing once the session has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionRef {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// A session to open.
#[derive(Clone, Debug)]
pub struct SessionSpec {
    /// Its id.
    pub id: SessionId,
    /// Number of this home, from the visitor's ticket.
    pub home: u32,
    /// Recognises the visitor who comes back.
    pub resume: SecretHash,
    /// How long it waits for its visitor.
    pub grace_ms: u64,
    /// The group's `visitor` object, as JSON: goes to the visitor unread.
    pub welcome_settings: Arc<str>,
}

/// An agent to let in. The caller verified the ticket.
#[derive(Clone, Debug)]
pub struct JoinSpec {
    /// Random; names this join.
    pub join: JoinId,
    /// The account.
    pub agent: AgentId,
    /// What others see.
    pub name: String,
    /// What the agent may do; a join without `view` is refused.
    pub privileges: Privileges,
}

/// What is known of a join, to compare with a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinInfo {
    /// The account.
    pub agent: AgentId,
    /// What it may do.
    pub privileges: Privileges,
    /// Its number within the session.
    pub number: AgentNumber,
}

/// What the caller has to do or to report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// End this connection, saying why. The relay has forgotten it already.
    Close {
        /// Which.
        link: LinkId,
        /// Why.
        code: CloseCode,
    },
    /// A session was opened.
    SessionStarted {
        /// Which.
        id: SessionId,
        /// Number of this home.
        home: u32,
    },
    /// A session is over; each of its joins was reported as left before.
    SessionEnded {
        /// Which.
        id: SessionId,
        /// Number of this home.
        home: u32,
        /// Why.
        reason: CloseCode,
    },
    /// An agent was let in.
    AgentJoined {
        /// The session.
        session: SessionId,
        /// The join.
        join: JoinId,
        /// The account.
        agent: AgentId,
        /// With what.
        privileges: Privileges,
    },
    /// An agent has sent a command that needs control, the first in a while.
    AgentActed {
        /// The session.
        session: SessionId,
        /// The join.
        join: JoinId,
    },
    /// A join is over: revoked, forgotten, or its session has ended.
    AgentLeft {
        /// The session.
        session: SessionId,
        /// The join.
        join: JoinId,
    },
}
