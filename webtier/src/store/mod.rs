//! What the web tier remembers: groups, accounts, logins, CServers, sessions and orders to CServers.
//!
//! Owns the conditions under which it changes, as a trait; `sled.rs` keeps them on disk, `records.rs` says what is
//! kept. Session content never comes near it. Secrets are stored as hashes only.

pub(crate) mod command;
#[cfg(test)]
mod damage_tests;
mod logs;
mod opening;
pub(crate) mod records;
mod repair;
mod seal;
pub(crate) mod sled;
mod survey;
mod sweep;
#[cfg(test)]
mod tests;
pub(crate) mod tree;
mod tx;

use protocol::control::{Boot, Down, Report};
use protocol::secret::SecretHash;
use protocol::{AgentId, GroupId, Privileges, ServerId, SessionId, SessionKey};

use crate::audit::signing::SignedHead;
use crate::audit::{Event, Head};
use records::{Agent, Group, Login, Server, Session};

/// Single records, for whoever tries them.
pub(crate) mod stored {
    pub(crate) use super::seal::sealed;

    /// Whether what lies behind a key has the right checksum and can be what its kind says.
    pub(crate) fn is_whole(key: &[u8], bytes: &[u8]) -> bool {
        let opened = super::seal::opened(key, bytes);
        opened.is_some_and(|(value, _)| {
            super::survey::kind(key).is_some_and(|kind| (kind.reads)(key, value))
        })
    }
}

/// The store. Every method that changes something is one transaction, seen whole or not at all, and, where nothing
/// else is said, has reached the disk when it returns. All may be called from any thread at any time; they block
/// on the disk, so async code calls them on a blocking thread. Reads see every change that has returned.
pub(crate) trait Store: Send + Sync + 'static {
    /// A group.
    fn group(&self, group: &GroupId) -> Result<Option<Group>, StoreError>;
    /// All groups, by id.
    fn groups(&self) -> Result<Vec<Group>, StoreError>;
    /// Whether some group lists this origin.
    fn knows_origin(&self, origin: &str) -> Result<bool, StoreError>;
    /// A new group, with revision 1. `Exists` when there is one; `Invalid` when its settings have faults.
    fn add_group(&self, group: Group) -> Result<Group, StoreError>;
    /// Changes a group and raises its revision. Agents whose privileges shrink are cut by orders to every CServer
    /// in the same transaction. `change` may run more than once.
    fn change_group(
        &self,
        group: &GroupId,
        change: &dyn Fn(&mut Group) -> Result<(), StoreError>,
    ) -> Result<Group, StoreError>;
    /// Removes a group, its memberships, and orders every CServer to forget it.
    fn remove_group(&self, group: &GroupId) -> Result<(), StoreError>;

    /// An account by its name.
    fn agent(&self, name: &str) -> Result<Option<Agent>, StoreError>;
    /// All accounts, by name.
    fn agents(&self) -> Result<Vec<Agent>, StoreError>;
    /// A new account. `Exists` when the name is taken.
    fn add_agent(&self, agent: Agent) -> Result<(), StoreError>;
    /// Replaces the password's hash and then ends the account's logins: two transactions.
    fn set_password(&self, name: &str, hash: &str) -> Result<(), StoreError>;
    /// Gives the account a role in a group, which must both exist. Fewer privileges than before cut its joins.
    fn grant(&self, name: &str, group: &GroupId, role: &str) -> Result<(), StoreError>;
    /// Takes the account out of a group and orders every CServer to cut its joins there; then, as a second
    /// transaction, ends its logins.
    fn revoke(&self, name: &str, group: &GroupId) -> Result<(), StoreError>;
    /// Removes the account: [`Store::revoke`] for all its groups.
    fn remove_agent(&self, name: &str) -> Result<(), StoreError>;
    /// What the account of that id may do in the group now.
    fn privileges(
        &self,
        agent: &AgentId,
        group: &GroupId,
    ) -> Result<Option<Privileges>, StoreError>;

    /// A new login. `checked` is the hash that the password was checked against: `Conflict` when the account has
    /// another one by now, or is gone.
    fn add_login(
        &self,
        token: &SecretHash,
        login: Login,
        checked: Option<&str>,
    ) -> Result<(), StoreError>;
    /// The login with its account, as long as both exist. Expiry is the caller's to check.
    fn login(&self, token: &SecretHash) -> Result<Option<(Login, Agent)>, StoreError>;
    /// Notes that a login was used, if it still exists. Reaches the disk some time later: a crash forgets at most a use.
    fn touch_login(&self, token: &SecretHash, now_ms: u64) -> Result<(), StoreError>;
    /// Logins of an account, the last used first, each with a name for it: its hash in hex, which opens nothing.
    fn logins_of(&self, agent: &AgentId) -> Result<Vec<(String, Login)>, StoreError>;
    /// Ends the login of that name if it is this account's; whether it was.
    fn end_login_of(&self, agent: &AgentId, name: &str) -> Result<bool, StoreError>;
    /// Ends a login; one that is not there is no error.
    fn remove_login(&self, token: &SecretHash) -> Result<(), StoreError>;

    /// All CServers, by id.
    fn servers(&self) -> Result<Vec<Server>, StoreError>;
    /// A CServer.
    fn server(&self, server: &ServerId) -> Result<Option<Server>, StoreError>;
    /// A new CServer. `Exists` when there is one of that id.
    fn add_server(&self, server: Server) -> Result<(), StoreError>;
    /// Notes that a CServer is to take no more sessions and to end by then.
    fn drain_server(&self, server: &ServerId, until_ms: u64) -> Result<(), StoreError>;
    /// Forgets a CServer; its open sessions end as lost.
    fn remove_server(&self, server: &ServerId, now_ms: u64) -> Result<(), StoreError>;
    /// A CServer said which start of it this is. When it is a new one its drain, orders and numbering are
    /// forgotten. In any case its open sessions of other starts end as lost; how many is returned. These endings are
    /// transactions of their own, so the call has to be repeated (with the next `hello`) after an error.
    fn server_booted(
        &self,
        server: &ServerId,
        boot: Boot,
        now_ms: u64,
    ) -> Result<usize, StoreError>;
    /// Orders that no stream of this CServer has taken yet, oldest first.
    fn orders(&self, server: &ServerId) -> Result<Vec<(u64, Down)>, StoreError>;
    /// Adds an order for one CServer.
    fn add_order(&self, server: &ServerId, order: &Down) -> Result<(), StoreError>;
    /// Forgets the orders up to this number: the CServer has read them.
    fn orders_taken(&self, server: &ServerId, last: u64) -> Result<(), StoreError>;

    /// A new session. `KeyInUse` while another open session of its group has its key; `Conflict` when the
    /// CServer has restarted since it was chosen.
    fn add_session(&self, session: Session) -> Result<(), StoreError>;
    /// A session by its whole id.
    fn session(&self, id: &SessionId) -> Result<Option<Session>, StoreError>;
    /// The session that has this key in this group: open, or ended and free to move.
    fn session_by_key(
        &self,
        group: &GroupId,
        key: &SessionKey,
    ) -> Result<Option<Session>, StoreError>;
    /// Live sessions of a group, newest first, at most so many.
    fn live_sessions(&self, group: &GroupId, count_max: usize) -> Result<Vec<Session>, StoreError>;
    /// Gives a session its next home. `Conflict` when it is no longer at `home`, may not move, or the new CServer
    /// has restarted; `KeyInUse` when somebody else took its key meanwhile.
    fn move_session(
        &self,
        id: &SessionId,
        home: u32,
        to: (ServerId, Boot),
        now_ms: u64,
    ) -> Result<Session, StoreError>;
    /// Stores reports of a CServer, in order, each once however often it is sent. Returns the number up to which all are stored.
    fn apply_reports(
        &self,
        server: &ServerId,
        boot: Boot,
        reports: &[Report],
    ) -> Result<u64, StoreError>;
    /// Appends to the audit log.
    fn note(&self, at_ms: u64, event: Event) -> Result<(), StoreError>;
    /// Where the audit log ends.
    fn audit_head(&self) -> Result<Head, StoreError>;
    /// Keeps a signed head.
    fn keep_head(&self, signed: &SignedHead) -> Result<(), StoreError>;
    /// Lines of the audit log from this entry on, with the signed heads among them; so many entries at most, and fewer where they are long.
    fn audit_lines(&self, from: u64, count_max: usize) -> Result<Vec<String>, StoreError>;
    /// Ends what has expired: sessions that never began, logins, and records past their keeping. Does a bounded part
    /// at a time and returns how much; logins and old records reach the disk some time later.
    fn sweep(&self, now_ms: u64) -> Result<usize, StoreError>;
    /// Whether it answers from memory, so that nobody need wait on another thread.
    fn is_inline(&self) -> bool;
    /// Writes everything to disk.
    fn flush(&self) -> Result<(), StoreError>;
}

/// Why the store did not do it. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// There is one of that name already.
    #[error("{what} {name:?} exists already; change it, or choose another name")]
    Exists { what: &'static str, name: String },
    /// There is none of that name.
    #[error("there is no {what} {name:?}; `{what} list` shows those that exist")]
    NotFound { what: &'static str, name: String },
    /// The values cannot be.
    #[error("{0}")]
    Invalid(String),
    /// An open session of the group has the key.
    #[error("a live session of the group has this key; choose another")]
    KeyInUse,
    /// Somebody else changed it first.
    #[error("changed by somebody else meanwhile; try again")]
    Conflict,
    /// A value on disk is not what this version writes.
    #[error(
        "the store holds a value that this version cannot read ({0}); was it written by a newer one?"
    )]
    Corrupt(String),
    /// Another process has it open.
    #[error("the store at {0} is open in another process; stop that, or use its admin socket")]
    Busy(String),
    /// What is on disk is not what was acknowledged.
    #[error(
        "the store is damaged: {0}. Nothing was started: `webtier store check` tells more, `webtier store repair` keeps all that is whole and the damaged folder beside it; or put a backup of the folder in its place"
    )]
    Damaged(String),
    /// No room for what would have to be written.
    #[error(
        "the file system of the store has {free_mib} MiB left, and {needed_mib} are needed to write safely: free space (`journalctl --vacuum-size=200M` first) or give it a larger disk, then start again. Nothing is lost"
    )]
    Full { free_mib: u64, needed_mib: u64 },
    /// The disk.
    #[error("the store cannot read or write: {0}; check the disk and its free space")]
    Disk(::sled::Error),
}

impl From<::sled::Error> for StoreError {
    fn from(error: ::sled::Error) -> Self {
        match error {
            ::sled::Error::Corruption { .. } => {
                Self::Damaged("a part of sled's own files does not match its checksum".into())
            }
            error => Self::Disk(error),
        }
    }
}
