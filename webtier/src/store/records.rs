//! What the store keeps: the records, and the rules for changing one that need nothing else.

use std::collections::BTreeMap;

use protocol::control::Boot;
use protocol::secret::SecretHash;
use protocol::{AgentId, GroupId, GroupSettings, Privileges, ServerId, SessionId};
use serde::{Deserialize, Serialize};

use crate::limits::HOME_MS_MIN;

/// A customer's group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) id: GroupId,
    pub(crate) settings: GroupSettings,
    /// What an agent may do, by the name of the role.
    pub(crate) roles: BTreeMap<String, Privileges>,
}

impl Group {
    /// A group with the roles that every group begins with.
    pub(crate) fn new(id: GroupId, settings: GroupSettings) -> Self {
        let viewer = Privileges::VIEW | Privileges::POINT;
        let agent = viewer | Privileges::DRAW | Privileges::SCROLL;
        let lead = Privileges::ALL.into_iter().fold(Privileges::NONE, |all, (_, one)| all | one);
        let roles = [("viewer", viewer), ("agent", agent), ("lead", lead)];
        Self { id, settings, roles: roles.map(|(name, set)| (name.into(), set)).into() }
    }

    /// What an agent of this group may do; `None` when it may not even look.
    pub(crate) fn privileges_of(&self, agent: &Agent) -> Option<Privileges> {
        let role = agent.groups.get(&self.id)?;
        let privileges = self.roles.get(role).copied()?;
        privileges.contains(Privileges::VIEW).then_some(privileges)
    }
}

/// An account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Agent {
    pub(crate) id: AgentId,
    /// What the agent types to log in.
    pub(crate) name: String,
    /// What others see.
    pub(crate) display: String,
    /// argon2id in its text form; an account without one cannot log in.
    pub(crate) password_hash: Option<String>,
    /// The role in each of its groups.
    pub(crate) groups: BTreeMap<GroupId, String>,
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let password = if self.password_hash.is_some() { "set" } else { "unset" };
        write!(f, "Agent({:?}, password {password}, {:?})", self.id, self.groups)
    }
}

/// A login of an agent. Its key in the store is the hash of the cookie's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Login {
    pub(crate) agent: AgentId,
    pub(crate) created_ms: u64,
    pub(crate) seen_ms: u64,
}

/// A CServer, as the operator configured it and as it was last met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Server {
    pub(crate) id: ServerId,
    /// What browsers call it: an https origin.
    pub(crate) public_url: String,
    /// Its name on the control stream.
    pub(crate) control_name: String,
    /// Where the dialler finds it: `host:port`.
    pub(crate) address: String,
    /// When a drain was ordered, until when sessions may move. A restart of the CServer ends it.
    pub(crate) drain_until_ms: Option<u64>,
    /// The start of it that we know.
    pub(crate) boot: Option<Boot>,
}

/// A session, from the ticket of its visitor until it is forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    /// SHA-256 of the resume secret, in hex.
    #[serde(with = "hash_text")]
    pub(crate) resume: SecretHash,
    pub(crate) server: ServerId,
    /// The start of the CServer at which it lives; another start has lost it.
    pub(crate) boot: Boot,
    pub(crate) home: u32,
    pub(crate) state: State,
    /// When this home was given out.
    pub(crate) assigned_ms: u64,
    /// When the visitor's first connection was accepted.
    pub(crate) started_ms: Option<u64>,
    /// Homes that it has left and that have not heard of it: each may hold it still.
    #[serde(default)]
    pub(crate) left: Vec<ServerId>,
}

/// Where a session is in its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// A ticket is out; the visitor has not come yet.
    Assigned,
    /// The CServer has the visitor.
    Live,
    /// Over at this home.
    Ended {
        at_ms: u64,
        /// Name of a close code, `lost` or `never_started`.
        reason: String,
    },
}

/// The CServer went away with the session.
pub(crate) const LOST: &str = "lost";

/// No CServer has reported that the visitor used the ticket.
pub(crate) const NEVER_STARTED: &str = "never_started";

impl Session {
    /// Whether it holds its key: nobody else may start one with it.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.state, State::Ended { .. })
    }

    /// Whether its home, which is well, is left at the visitor's word that it cannot be reached. Not too soon: nobody can check what it says.
    pub(crate) fn is_given_up(&self, unreachable: Option<u32>, now_ms: u64) -> bool {
        unreachable == Some(self.home) && now_ms.saturating_sub(self.assigned_ms) >= HOME_MS_MIN
    }

    /// Whether it may go on elsewhere: its server left it, not its people. One that never started may have: the report of it is late, or
    /// was lost with its CServer, and whoever asks has its secret.
    pub(crate) fn may_move(&self) -> bool {
        match &self.state {
            State::Assigned | State::Live => true,
            State::Ended { reason, .. } => {
                [LOST, NEVER_STARTED].contains(&reason.as_str())
                    || [protocol::CloseCode::Draining, protocol::CloseCode::Moved]
                        .iter()
                        .any(|code| code.name() == reason)
            }
        }
    }

    /// How its people ended it, if they did.
    pub(crate) fn wanted_end(&self) -> Option<String> {
        match &self.state {
            State::Ended { reason, .. } if is_wanted(reason) => Some(reason.clone()),
            _ => None,
        }
    }

    /// Whether it is found by its key until somebody else takes that. Of sessions that never started there may be any number.
    pub(crate) fn keeps_key(&self) -> bool {
        let never_started =
            matches!(&self.state, State::Ended { reason, .. } if reason == NEVER_STARTED);
        self.may_move() && !never_started
    }
}

/// Whether somebody wanted an end of that name, and it holds wherever the session is by now.
pub(crate) fn is_wanted(reason: &str) -> bool {
    protocol::CloseCode::from_name(reason).is_some_and(protocol::CloseCode::is_wanted)
}

/// Who joined a session, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Join {
    pub(crate) agent: AgentId,
    pub(crate) privileges: Privileges,
    pub(crate) joined_ms: u64,
    pub(crate) left_ms: Option<u64>,
}

/// How far a CServer's reports are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) boot: Boot,
    pub(crate) seq: u64,
}

/// Hex of a hash, so that the store's values stay plain JSON.
mod hash_text {
    use super::SecretHash;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(hash: &SecretHash, to: S) -> Result<S::Ok, S::Error> {
        let text: String = hash.as_bytes().iter().map(|b| format!("{b:02x}")).collect();
        to.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SecretHash, D::Error> {
        let text = String::deserialize(from)?;
        let bytes: Option<Vec<u8>> = (0..text.len() / 2)
            .map(|at| text.get(2 * at..2 * at + 2).and_then(|b| u8::from_str_radix(b, 16).ok()))
            .collect();
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(SecretHash::from_bytes)
            .ok_or_else(|| serde::de::Error::custom("not a hash of 64 hex digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_roles_rise_from_looking_to_everything() {
        let group = Group::new("demo".parse().unwrap(), GroupSettings::default());
        let role = |name: &str| group.roles[name];
        assert_eq!(role("viewer").names().collect::<Vec<_>>(), ["view", "point"]);
        assert_eq!(role("agent").names().collect::<Vec<_>>(), ["view", "point", "draw", "scroll"]);
        assert_eq!(role("lead").names().count(), Privileges::ALL.len());
    }

    #[test]
    fn a_role_without_view_or_without_a_group_lets_nobody_in() {
        let mut group = Group::new("demo".parse().unwrap(), GroupSettings::default());
        group.roles.insert("blind".into(), Privileges::POINT);
        let with = |role: &str| Agent {
            id: AgentId::from_bytes([1; 16]),
            name: "ada".into(),
            display: "Ada".into(),
            password_hash: None,
            groups: [(group.id, role.to_owned())].into(),
        };
        assert!(group.privileges_of(&with("viewer")).is_some());
        assert!(group.privileges_of(&with("blind")).is_none());
        assert!(group.privileges_of(&with("gone")).is_none());
        let stranger = Agent { groups: BTreeMap::new(), ..with("viewer") };
        assert!(group.privileges_of(&stranger).is_none());
    }
}
