//! Records of the control stream: PROTOCOL.md section 8.
//!
//! Owns their JSON. Numbering, acknowledging and sending again is done by both ends.

use serde::{Deserialize, Serialize};

use crate::figures::{CoreFigures, ServerFigures};
use crate::ids::{
    AgentId, GroupId, JoinId, KeyId, ReplicaId, ServerId, SessionId, SessionKey, SessionNumber,
};
use crate::limits::CONTROL_RECORD_BYTES_MAX;
use crate::privileges::Privileges;
use crate::settings::GroupSettings;

/// From the web tier to a CServer.
///
/// ```
/// use cobrowse_protocol::control::Down;
/// let record = Down::from_json(r#"{"type":"ack","seq":7}"#).unwrap();
/// assert_eq!(record, Some(Down::Ack { seq: 7 }));
/// assert_eq!(Down::from_json(r#"{"type":"of a later version"}"#).unwrap(), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Down {
    /// First record.
    Hello {
        /// Who is speaking.
        replica: ReplicaId,
        /// The web tier's wall clock.
        now_ms: u64,
        /// Its public origin: where agents of the sessions that it gives out get new tickets.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        public_url: Option<String>,
        /// Whether a page of that origin stands around views, and may frame them.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        surrounds: bool,
    },
    /// A derived key.
    Key {
        /// Its name on the wire.
        key_id: KeyId,
        /// base64url of 32 bytes.
        secret: KeyText,
        /// When it begins to sign; wall clock.
        not_before_ms: u64,
        /// Until when tickets signed with it are accepted; wall clock.
        expires_ms: u64,
    },
    /// Settings of a group.
    Group {
        /// The group.
        group: GroupId,
        /// Its settings, in the same object.
        #[serde(flatten)]
        settings: Box<Flat>,
    },
    /// The group is gone: its sessions end.
    GroupRemoved {
        /// The group.
        group: GroupId,
    },
    /// An agent lost access to a group.
    Revoke {
        /// The group.
        group: GroupId,
        /// The agent.
        agent: AgentId,
    },
    /// Take no more sessions; exit when empty or after so long.
    Drain {
        /// Milliseconds from now.
        deadline_ms: u64,
    },
    /// A session has begun at a newer home, or is over: an older one of it here ends.
    Moved {
        /// The session.
        session: SessionId,
        /// Number of the newer home; of a session that is over, one more than its last.
        home: u32,
        /// Name of the close code with which its people ended it; absent while it goes on. Who does not know this field takes it for moved, and its
        /// people then hear the truth from the web tier.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// An agent offers a session to a page that is there.
    Offer {
        /// Which page.
        presence: SessionNumber,
        /// What its script gets, as text of JSON.
        offer: String,
    },
    /// Every report up to `seq` is stored.
    Ack {
        /// The highest one.
        seq: u64,
    },
}

/// From a CServer to the web tier.
///
/// ```
/// use cobrowse_protocol::control::Up;
/// let record = Up::GroupAck { group: "demo".parse().unwrap(), revision: 3 };
/// let json = record.to_json();
/// assert_eq!(json, r#"{"type":"group_ack","group":"demo","revision":3}"#);
/// assert_eq!(Up::from_json(&json).unwrap(), Some(record));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Up {
    /// First record.
    Hello {
        /// Who is speaking.
        server: ServerId,
        /// The boot nonce, 32 hex digits.
        boot: Boot,
        /// The CServer's release.
        version: String,
        /// How many cores it uses.
        cores: u16,
        /// The CServer's wall clock.
        now_ms: u64,
    },
    /// The key is ready on all cores.
    KeyAck {
        /// Which.
        key_id: KeyId,
    },
    /// The settings are in force on all cores.
    GroupAck {
        /// Which group.
        group: GroupId,
        /// Which revision.
        revision: u64,
    },
    /// How busy it is, every 2 s.
    Load {
        /// Sessions.
        sessions: u64,
        /// Agents with a live connection.
        agents: u64,
        /// Connections of every kind.
        connections: u64,
        /// Whether it takes new sessions.
        accepting: bool,
    },
    /// What one core has counted, every 5 s.
    Metrics {
        /// Which.
        core: u16,
        /// The CServer as a whole.
        whole: Box<ServerFigures>,
        /// The core.
        figures: Box<CoreFigures>,
    },
    /// Pages that are there and pages that have gone since the last one; all that are there on a new stream.
    Presence {
        /// There, or changed.
        here: Vec<Here>,
        /// Gone.
        gone: Vec<SessionNumber>,
    },
    /// Something that the web tier stores.
    #[serde(untagged)]
    Report(Report),
}

/// A page that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Here {
    /// Names the page's connection.
    pub presence: SessionNumber,
    /// The first group of the page's tag.
    pub group: GroupId,
    /// Who it is, by the customer's site.
    pub visitor: SessionKey,
    /// What the page says of itself, as text of JSON; the CServer has not read it.
    pub page: String,
}

/// A numbered report; kept until acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Counts from 1 for each replica and boot.
    pub seq: u64,
    /// Wall clock of the CServer, milliseconds.
    pub at_ms: u64,
    /// The session.
    pub session: SessionId,
    /// What happened.
    #[serde(flatten)]
    pub event: ReportEvent,
}

/// What a report tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ReportEvent {
    /// The visitor's first connection was accepted.
    SessionStarted {
        /// Number of this home.
        home: u32,
    },
    /// The session is over here.
    SessionEnded {
        /// Number of this home.
        home: u32,
        /// Name of a close code.
        reason: String,
    },
    /// An agent was let in.
    AgentJoined {
        /// The join.
        join: JoinId,
        /// Who.
        agent: AgentId,
        /// With what.
        privileges: Privileges,
    },
    /// An agent has sent commands that need control: clicked, typed, navigated. Told at most once a minute, so that each tells of
    /// the minute that it begins.
    AgentActed {
        /// The join.
        join: JoinId,
    },
    /// A join is over.
    AgentLeft {
        /// The join.
        join: JoinId,
    },
}

/// Settings inside a `group` record: the same object as in the store.
pub type Flat = GroupSettings;

/// A derived key on the wire. Prints as set.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, zeroize::ZeroizeOnDrop)]
#[serde(transparent)]
pub struct KeyText(String);

impl KeyText {
    /// The text form of a derived key.
    pub fn new(key: &crate::keys::TicketKey) -> Self {
        Self(key.secret().to_base64())
    }

    /// The key; `None` when the text is not one. In a box, so that no stack has it.
    pub fn key(&self) -> Option<Box<crate::keys::TicketKey>> {
        let mut key = Box::new(crate::keys::TicketKey::none());
        key.secret_mut().read_base64(&self.0).then_some(key)
    }
}

impl core::fmt::Debug for KeyText {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("KeyText(set)")
    }
}

/// A boot nonce in its text form: 32 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Boot(crate::ids::SessionNumber);

impl Boot {
    /// Wraps the nonce.
    pub fn new(nonce: crate::keys::BootNonce) -> Self {
        Self(crate::ids::SessionNumber::from_bytes(nonce))
    }

    /// The nonce.
    pub fn nonce(&self) -> &crate::keys::BootNonce {
        self.0.as_bytes()
    }

    /// The text form.
    pub fn to_hex(&self) -> String {
        self.0.to_hex()
    }
}

/// A record was not understood: the stream ends.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Longer than [`CONTROL_RECORD_BYTES_MAX`].
    #[error("a record of {0} bytes, at most {CONTROL_RECORD_BYTES_MAX}")]
    TooLong(usize),
    /// Not the JSON that PROTOCOL.md shows.
    #[error("not a record of the control stream: {0}")]
    Json(#[from] serde_json::Error),
}

macro_rules! records {
    ($type:ident) => {
        impl $type {
            /// The text form: one line of JSON.
            pub fn to_json(&self) -> String {
                // Only maps with keys that are not strings fail, and there are none.
                serde_json::to_string(self).unwrap_or_default()
            }

            /// Reads one record; `None` for a type of a later version.
            pub fn from_json(text: &str) -> Result<Option<Self>, RecordError> {
                if text.len() > CONTROL_RECORD_BYTES_MAX {
                    return Err(RecordError::TooLong(text.len()));
                }
                #[derive(Deserialize)]
                struct Tag<'a> {
                    #[serde(rename = "type", borrow)]
                    tag: std::borrow::Cow<'a, str>,
                }
                let tag: Tag<'_> = serde_json::from_str(text)?;
                if !Self::TYPES.contains(&tag.tag.as_ref()) {
                    return Ok(None);
                }
                Ok(Some(serde_json::from_str(text)?))
            }
        }
    };
}

records!(Down);
records!(Up);

impl Down {
    /// Every `type` of a record from the web tier.
    pub const TYPES: [&'static str; 9] =
        ["hello", "key", "group", "group_removed", "revoke", "drain", "moved", "offer", "ack"];
}

impl Up {
    /// Every `type` of a record from a CServer.
    pub const TYPES: [&'static str; 11] = [
        "hello",
        "key_ack",
        "group_ack",
        "load",
        "metrics",
        "presence",
        "session_started",
        "session_ended",
        "agent_joined",
        "agent_acted",
        "agent_left",
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_record_is_one_flat_object() {
        let record = Down::Group { group: "demo".parse().unwrap(), settings: Box::default() };
        let json: serde_json::Value = serde_json::from_str(&record.to_json()).unwrap();
        assert_eq!(json["type"], "group");
        assert_eq!(json["grace_ms"], 30_000);
        assert_eq!(json["visitor"]["mask_default"], "passwords");
        assert_eq!(Down::from_json(&record.to_json()).unwrap(), Some(record));
    }

    #[test]
    fn a_report_is_told_by_its_own_type() {
        let record = Up::Report(Report {
            seq: 4,
            at_ms: 9,
            session: "demo:1:000102030405060708090a0b0c0d0e0f".parse().unwrap(),
            event: ReportEvent::SessionEnded { home: 1, reason: "moved".into() },
        });
        let json: serde_json::Value = serde_json::from_str(&record.to_json()).unwrap();
        assert_eq!((json["type"].as_str(), json["seq"].as_u64()), (Some("session_ended"), Some(4)));
        assert_eq!(Up::from_json(&record.to_json()).unwrap(), Some(record));
    }

    #[test]
    fn a_key_never_prints() {
        let key = crate::keys::TicketKey::new(crate::secret::Secret::new([0x41; 32]));
        let text = KeyText::new(&key);
        assert!(!format!("{text:?} {key:?}").contains("QUFB"));
        assert!(text.key().unwrap().same_as(&key));
    }

    #[test]
    fn a_record_that_is_too_long_or_broken_is_an_error() {
        let long = format!(r#"{{"type":"ack","seq":1,"x":"{}"}}"#, "x".repeat(70_000));
        assert!(matches!(Down::from_json(&long), Err(RecordError::TooLong(_))));
        for bad in
            ["", "{", "[]", r#"{"seq":1}"#, r#"{"type":"ack"}"#, r#"{"type":"ack","seq":-1}"#]
        {
            assert!(matches!(Down::from_json(bad), Err(RecordError::Json(_))), "{bad}");
        }
    }
}
