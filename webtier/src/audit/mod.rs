//! What happened, for those who have to answer for it: an append-only chain of events without content.
//!
//! Owns the events, the chain over them and its text form. The store appends an event in the transaction that it tells of
//! where that is a CServer's report. `signing.rs` owns heads and their key, `verify.rs` the check that needs no store,
//! `start.rs` that of the store at each start.
//!
//! An entry's hash is SHA-256 over the hash before it and the entry's own text, so that no entry can be altered, taken out,
//! put in or moved without every later hash being another. A signed head says what the hash was at some time; its key stands
//! outside of the store.

pub(crate) mod command;
pub(crate) mod signing;
pub(crate) mod start;
#[cfg(test)]
mod tests;
pub(crate) mod verify;

use protocol::settings::MaskDefault;
use protocol::{AgentId, GroupId, JoinId, Privileges, ServerId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::store::records::Group;

/// What happened. Nothing of a page, no key, no secret, no address; sessions are told apart by their number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// The log begins here: what was before is not in it.
    Began,
    /// What a group masks from this revision on, and what it lets out besides. Told at each change, and for each group where the
    /// log begins. What is let out is left out where it is nothing, as in entries of before it was told.
    Rules {
        group: GroupId,
        revision: u64,
        masks: Vec<String>,
        mask_default: MaskDefault,
        #[serde(default, skip_serializing_if = "is_zero")]
        canvas_rate: u8,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        upload_origins: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        query_names: Vec<String>,
    },
    /// What stands before this did not verify, and an operator went on with it as it was.
    LogAccepted { fault: String },
    /// An operator's order was carried out.
    Ordered { order: serde_json::Value },
    /// An agent logged in.
    LoggedIn { agent: AgentId, name: String },
    /// An agent ended a login of its own.
    LoggedOut { agent: AgentId },
    /// An agent set a new password.
    PasswordChanged { agent: AgentId },
    /// A visitor's page was let in.
    SessionStarted { group: GroupId, session: String, server: ServerId, home: u32, revision: u64 },
    /// It is over at this home; `lost` when its server went away.
    SessionEnded { group: GroupId, session: String, home: u32, reason: String },
    /// An agent sees it from here on, and may do so much.
    AgentJoined {
        group: GroupId,
        session: String,
        join: JoinId,
        agent: AgentId,
        privileges: Privileges,
    },
    /// An agent has clicked, typed or navigated in the minute that begins here: the CServer saw the kind of its frames, and what
    /// became of them only the visitor's browser knows.
    AgentActed { group: GroupId, session: String, join: JoinId, agent: AgentId },
    /// An agent's join is over.
    AgentLeft { group: GroupId, session: String, join: JoinId },
}

impl Event {
    /// What a group masks now.
    pub(crate) fn rules(group: &Group) -> Self {
        let settings = &group.settings;
        let visitor = &settings.visitor;
        Self::Rules {
            group: group.id,
            revision: settings.revision,
            masks: visitor.masks.clone(),
            mask_default: visitor.mask_default,
            canvas_rate: visitor.canvas_rate,
            upload_origins: visitor.upload_origins.clone(),
            query_names: visitor.query_names.clone(),
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks with a reference
fn is_zero(rate: &u8) -> bool {
    *rate == 0
}

/// An entry as it is stored and exported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// From 1, without gaps.
    pub(crate) seq: u64,
    /// Wall clock of whoever noticed it.
    pub(crate) at_ms: u64,
    #[serde(flatten)]
    pub(crate) event: Event,
}

/// Where the chain ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// Of the last entry; 0 before the first.
    pub(crate) seq: u64,
    /// Hex of the hash over everything up to it.
    pub(crate) hash: String,
}

impl Default for Head {
    fn default() -> Self {
        Self { seq: 0, hash: hex(&[0; 32]) }
    }
}

impl Head {
    /// The head after an entry of this text.
    pub(crate) fn after(&self, text: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"cobrowse.audit.v1\n");
        hash.update(&self.hash);
        hash.update(text);
        Self { seq: self.seq + 1, hash: hex(&hash.finalize()) }
    }
}

/// An entry's line of an export.
pub(crate) fn line(head: &Head, text: &str) -> String {
    format!("{} {text}", head.hash)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
