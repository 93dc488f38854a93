//! The store on disk: one sled tree, told apart by the first byte of the key, so that every change is a transaction of
//! one tree. Values are JSON with a checksum behind them; `webtier store export` shows them in an emergency.
//!
//! Owns what is one transaction, and durability. Keys and indexes stand in `tx.rs`, rules about a single record in
//! `records.rs`.

use std::path::Path;

use protocol::control::{Boot, Down, Report};
use protocol::secret::SecretHash;
use protocol::{AgentId, GroupId, Privileges, ServerId, SessionId, SessionKey};
use serde::de::DeserializeOwned;
use sled::transaction::TransactionError;

use super::records::{Agent, Group, LOST, Login, Progress, Server, Session, State};
use super::tree::{Disk, Tree};
use super::tx::*;
use super::{Store, StoreError, opening};
use crate::audit::signing::SignedHead;
use crate::audit::{Event, Head};
use crate::limits::SWEEP_BATCH_MAX;

/// See the module.
#[derive(Debug)]
pub(crate) struct SledStore {
    pub(super) db: Tree,
    /// Records read and lists begun so far: what answers that must not be told apart by their time are compared by.
    #[cfg(test)]
    pub(crate) reads: std::sync::atomic::AtomicU64,
}

impl SledStore {
    /// Opens or creates the store, and looks whether all that was acknowledged is there. One process at a time can.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        Self::over(Tree::Sled(opening::open(path)?))
    }

    /// The same over a disk in memory.
    pub(crate) fn in_memory(disk: &Disk) -> Result<Self, StoreError> {
        Self::over(Tree::Memory(disk.clone()))
    }

    fn over(db: Tree) -> Result<Self, StoreError> {
        let store = Self::as_it_is(db);
        match store.get::<u32>(&SCHEMA_KEY)? {
            None => store.write(|tx| tx.put(&SCHEMA_KEY, &SCHEMA))?,
            Some(SCHEMA) => {}
            Some(other) => return Err(StoreError::Corrupt(format!("schema {other}"))),
        }
        store.begin_audit()?;
        Ok(store)
    }

    /// Over a tree of which nothing is known yet.
    pub(super) fn as_it_is(db: Tree) -> Self {
        Self {
            db,
            #[cfg(test)]
            reads: Default::default(),
        }
    }

    pub(super) fn get<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        #[cfg(test)]
        self.reads.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        self.db.get(key)?.map(|value| read(key, &value)).transpose()
    }

    fn list<T: DeserializeOwned>(&self, prefix: &[u8]) -> Result<Vec<T>, StoreError> {
        #[cfg(test)]
        self.reads.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        self.db
            .scan_prefix(prefix)
            .map(|entry| entry.and_then(|(key, value)| read(&key, &value)))
            .collect()
    }

    /// One transaction; on disk when it returns. `change` may run more than once, and may use nothing of the store but
    /// what it is given: sled would wait for itself.
    pub(super) fn write<T>(
        &self,
        change: impl Fn(&Tx<'_>) -> TxResult<T>,
    ) -> Result<T, StoreError> {
        let done = self.write_lazily(change)?;
        self.db.flush()?;
        Ok(done)
    }

    /// One transaction; on disk within [`FLUSH_MS`].
    pub(super) fn write_lazily<T>(
        &self,
        change: impl Fn(&Tx<'_>) -> TxResult<T>,
    ) -> Result<T, StoreError> {
        self.db.transaction(change).map_err(|error| match error {
            TransactionError::Abort(error) => error,
            TransactionError::Storage(error) => StoreError::Disk(error),
        })
    }

    fn server_ids(&self) -> Result<Vec<ServerId>, StoreError> {
        Ok(self.servers()?.into_iter().map(|server| server.id).collect())
    }

    fn revoke_order(agent: &Agent, group: &GroupId) -> Down {
        Down::Revoke { group: *group, agent: agent.id }
    }

    /// After the change that takes access away: a login that began before it is found here, one that begins after it
    /// is refused by [`Store::add_login`]. Outside of its transaction, in which sled must not be asked for anything else.
    fn end_logins_of(&self, agent: &AgentId) -> Result<(), StoreError> {
        let mut keys = Vec::new();
        for entry in self.db.scan_prefix([LOGINS]) {
            let (key, value) = entry?;
            if read::<Login>(&key, &value)?.agent == *agent {
                keys.push(key.to_vec());
            }
        }
        if keys.is_empty() { Ok(()) } else { self.write(|tx| tx.end_logins(&keys)) }
    }

    /// Ends the open sessions of a server that `lost` picks, a bounded number in each transaction.
    fn lose(
        &self,
        server: &ServerId,
        now_ms: u64,
        lost: impl Fn(&Session) -> bool,
    ) -> Result<usize, StoreError> {
        let mut numbers = Vec::new();
        for entry in self.db.scan_prefix([OPEN_KEYS]) {
            let (_, number) = entry?;
            let session: Option<Session> = self.get(&with(SESSIONS, &number))?;
            if session.is_some_and(|session| session.server == *server && lost(&session)) {
                numbers.push(number);
            }
        }
        let mut count = 0;
        for batch in numbers.chunks(SWEEP_BATCH_MAX) {
            count += self.write(|tx| {
                let mut count = 0;
                for number in batch {
                    let Some(session) = tx.get::<Session>(&with(SESSIONS, number))? else {
                        continue;
                    };
                    if session.server == *server && session.is_open() && lost(&session) {
                        tx.end_session(session, now_ms, LOST)?;
                        count += 1;
                    }
                }
                Ok(count)
            })?;
        }
        Ok(count)
    }
}

impl Store for SledStore {
    fn group(&self, group: &GroupId) -> Result<Option<Group>, StoreError> {
        self.get(&with(GROUPS, group.as_str().as_bytes()))
    }

    fn groups(&self) -> Result<Vec<Group>, StoreError> {
        self.list(&[GROUPS])
    }

    fn knows_origin(&self, origin: &str) -> Result<bool, StoreError> {
        Ok(self.db.scan_prefix(origin_prefix(origin)).next().transpose()?.is_some())
    }

    fn add_group(&self, mut group: Group) -> Result<Group, StoreError> {
        group.settings.revision = 1;
        valid(&group)?;
        self.write(|tx| {
            let key = with(GROUPS, group.id.as_str().as_bytes());
            tx.must_be_new(&key, "group", group.id.as_str())?;
            // A group removed and made again goes on counting, or a CServer would take its settings for old ones.
            let mut group = group.clone();
            let last: Option<u64> = tx.get(&with(REVISIONS, group.id.as_str().as_bytes()))?;
            group.settings.revision = last.unwrap_or(0) + 1;
            tx.put_origins(&group, true)?;
            tx.put(&key, &group)?;
            Ok(group)
        })
    }

    fn change_group(
        &self,
        group: &GroupId,
        change: &dyn Fn(&mut Group) -> Result<(), StoreError>,
    ) -> Result<Group, StoreError> {
        let servers = self.server_ids()?;
        let agents = self.agents()?;
        self.write(|tx| {
            let key = with(GROUPS, group.as_str().as_bytes());
            let old: Group = tx.must_exist(&key, "group", group.as_str())?;
            let mut new = old.clone();
            change(&mut new).and_then(|()| valid(&new)).map_err(abort)?;
            new.settings.revision = old.settings.revision + 1;
            for agent in &agents {
                if shrinks(old.privileges_of(agent), new.privileges_of(agent)) {
                    tx.order(&servers, &Self::revoke_order(agent, group))?;
                }
            }
            tx.put_origins(&old, false)?;
            tx.put_origins(&new, true)?;
            tx.put(&key, &new)?;
            Ok(new)
        })
    }

    fn remove_group(&self, group: &GroupId) -> Result<(), StoreError> {
        let servers = self.server_ids()?;
        let agents = self.agents()?;
        self.write(|tx| {
            let key = with(GROUPS, group.as_str().as_bytes());
            let old: Group = tx.must_exist(&key, "group", group.as_str())?;
            for agent in &agents {
                let Some(mut agent) = tx.get::<Agent>(&with(AGENTS, agent.name.as_bytes()))? else {
                    continue;
                };
                if agent.groups.remove(group).is_some() {
                    tx.put(&with(AGENTS, agent.name.as_bytes()), &agent)?;
                }
            }
            tx.order(&servers, &Down::GroupRemoved { group: *group })?;
            tx.put_origins(&old, false)?;
            tx.put(&with(REVISIONS, group.as_str().as_bytes()), &old.settings.revision)?;
            tx.remove(&key)
        })
    }

    fn agent(&self, name: &str) -> Result<Option<Agent>, StoreError> {
        self.get(&with(AGENTS, name.as_bytes()))
    }

    fn agents(&self) -> Result<Vec<Agent>, StoreError> {
        self.list(&[AGENTS])
    }

    fn add_agent(&self, agent: Agent) -> Result<(), StoreError> {
        self.write(|tx| {
            let key = with(AGENTS, agent.name.as_bytes());
            tx.must_be_new(&key, "agent", &agent.name)?;
            tx.put(&with(AGENT_IDS, agent.id.as_bytes()), &agent.name)?;
            tx.put(&key, &agent)
        })
    }

    fn set_password(&self, name: &str, hash: &str) -> Result<(), StoreError> {
        let key = with(AGENTS, name.as_bytes());
        self.write(|tx| {
            let mut agent: Agent = tx.must_exist(&key, "agent", name)?;
            agent.password_hash = Some(hash.to_owned());
            tx.put(&key, &agent)?;
            Ok(agent.id)
        })
        .and_then(|agent| self.end_logins_of(&agent))
    }

    fn grant(&self, name: &str, group: &GroupId, role: &str) -> Result<(), StoreError> {
        let servers = self.server_ids()?;
        let key = with(AGENTS, name.as_bytes());
        self.write(|tx| {
            let mut agent: Agent = tx.must_exist(&key, "agent", name)?;
            let group: Group =
                tx.must_exist(&with(GROUPS, group.as_str().as_bytes()), "group", group.as_str())?;
            if !group.roles.contains_key(role) {
                return Err(abort(StoreError::NotFound { what: "role", name: role.to_owned() }));
            }
            let before = group.privileges_of(&agent);
            agent.groups.insert(group.id, role.to_owned());
            if shrinks(before, group.privileges_of(&agent)) {
                tx.order(&servers, &Self::revoke_order(&agent, &group.id))?;
            }
            tx.put(&key, &agent)
        })
    }

    fn revoke(&self, name: &str, group: &GroupId) -> Result<(), StoreError> {
        let servers = self.server_ids()?;
        let key = with(AGENTS, name.as_bytes());
        self.write(|tx| {
            let mut agent: Agent = tx.must_exist(&key, "agent", name)?;
            if agent.groups.remove(group).is_none() {
                let name = group.as_str().to_owned();
                return Err(abort(StoreError::NotFound { what: "group of that agent", name }));
            }
            tx.order(&servers, &Self::revoke_order(&agent, group))?;
            tx.put(&key, &agent)?;
            Ok(agent.id)
        })
        .and_then(|agent| self.end_logins_of(&agent))
    }

    fn remove_agent(&self, name: &str) -> Result<(), StoreError> {
        let servers = self.server_ids()?;
        let key = with(AGENTS, name.as_bytes());
        self.write(|tx| {
            let agent: Agent = tx.must_exist(&key, "agent", name)?;
            for group in agent.groups.keys() {
                tx.order(&servers, &Self::revoke_order(&agent, group))?;
            }
            tx.remove(&with(AGENT_IDS, agent.id.as_bytes()))?;
            tx.remove(&key)?;
            Ok(agent.id)
        })
        .and_then(|agent| self.end_logins_of(&agent))
    }

    fn privileges(
        &self,
        agent: &AgentId,
        group: &GroupId,
    ) -> Result<Option<Privileges>, StoreError> {
        let Some(name) = self.get::<String>(&with(AGENT_IDS, agent.as_bytes()))? else {
            return Ok(None);
        };
        let (Some(agent), Some(group)) = (self.agent(&name)?, self.group(group)?) else {
            return Ok(None);
        };
        Ok(group.privileges_of(&agent))
    }

    fn add_login(
        &self,
        token: &SecretHash,
        login: Login,
        checked: Option<&str>,
    ) -> Result<(), StoreError> {
        self.write(|tx| {
            let name: Option<String> = tx.get(&with(AGENT_IDS, login.agent.as_bytes()))?;
            let Some(name) = name else { return Err(abort(StoreError::Conflict)) };
            let agent: Option<Agent> = tx.get(&with(AGENTS, name.as_bytes()))?;
            if agent.is_none_or(|agent| agent.password_hash.as_deref() != checked) {
                return Err(abort(StoreError::Conflict));
            }
            tx.put(&with(LOGINS, token.as_bytes()), &login)
        })
    }

    fn login(&self, token: &SecretHash) -> Result<Option<(Login, Agent)>, StoreError> {
        let Some(login) = self.get::<Login>(&with(LOGINS, token.as_bytes()))? else {
            return Ok(None);
        };
        let Some(name) = self.get::<String>(&with(AGENT_IDS, login.agent.as_bytes()))? else {
            return Ok(None);
        };
        Ok(self.agent(&name)?.map(|agent| (login, agent)))
    }

    fn touch_login(&self, token: &SecretHash, now_ms: u64) -> Result<(), StoreError> {
        let key = with(LOGINS, token.as_bytes());
        self.write_lazily(|tx| match tx.get::<Login>(&key)? {
            Some(login) => tx.put(&key, &Login { seen_ms: now_ms, ..login }),
            None => Ok(()),
        })
    }

    fn logins_of(&self, agent: &AgentId) -> Result<Vec<(String, Login)>, StoreError> {
        self.list_logins(agent)
    }

    fn end_login_of(&self, agent: &AgentId, name: &str) -> Result<bool, StoreError> {
        self.end_one_login(agent, name)
    }

    fn remove_login(&self, token: &SecretHash) -> Result<(), StoreError> {
        self.write(|tx| tx.remove(&with(LOGINS, token.as_bytes())))
    }

    fn servers(&self) -> Result<Vec<Server>, StoreError> {
        self.list(&[SERVERS])
    }

    fn server(&self, server: &ServerId) -> Result<Option<Server>, StoreError> {
        self.get(&server_key(server))
    }

    fn add_server(&self, server: Server) -> Result<(), StoreError> {
        self.write(|tx| {
            tx.must_be_new(&server_key(&server.id), "server", server.id.as_str())?;
            tx.put(&server_key(&server.id), &server)
        })
    }

    fn drain_server(&self, server: &ServerId, until_ms: u64) -> Result<(), StoreError> {
        self.write(|tx| {
            let key = server_key(server);
            let mut server: Server = tx.must_exist(&key, "server", server.as_str())?;
            server.drain_until_ms = Some(until_ms);
            tx.put(&key, &server)
        })
    }

    fn remove_server(&self, server: &ServerId, now_ms: u64) -> Result<(), StoreError> {
        let orders = self.orders(server)?;
        self.write(|tx| {
            let _: Server = tx.must_exist(&server_key(server), "server", server.as_str())?;
            for (number, _) in &orders {
                tx.remove(&order_key(server, *number))?;
            }
            tx.remove(&with(PROGRESS, server.as_str().as_bytes()))?;
            tx.remove(&server_key(server))
        })?;
        self.lose(server, now_ms, |_| true)?;
        Ok(())
    }

    fn server_booted(
        &self,
        server: &ServerId,
        boot: Boot,
        now_ms: u64,
    ) -> Result<usize, StoreError> {
        let orders = self.orders(server)?;
        self.write(|tx| {
            let key = server_key(server);
            let mut met: Server = tx.must_exist(&key, "server", server.as_str())?;
            if met.boot == Some(boot) {
                return Ok(());
            }
            // The process that the orders and the drain were meant for is gone, with all that they were about.
            for (number, _) in &orders {
                tx.remove(&order_key(server, *number))?;
            }
            met.boot = Some(boot);
            met.drain_until_ms = None;
            tx.put(&key, &met)?;
            tx.put(&with(PROGRESS, server.as_str().as_bytes()), &Progress { boot, seq: 0 })
        })?;
        self.lose(server, now_ms, |session| session.boot != boot)
    }

    fn orders(&self, server: &ServerId) -> Result<Vec<(u64, Down)>, StoreError> {
        let prefix = order_prefix(server);
        let mut orders = Vec::new();
        for entry in self.db.scan_prefix(&prefix) {
            let (key, value) = entry?;
            let number = key[prefix.len()..].try_into().map(u64::from_be_bytes);
            let number = number.map_err(|_| StoreError::Corrupt("an order's number".into()))?;
            orders.push((number, read(&key, &value)?));
        }
        Ok(orders)
    }

    fn add_order(&self, server: &ServerId, order: &Down) -> Result<(), StoreError> {
        self.write(|tx| {
            let _: Server = tx.must_exist(&server_key(server), "server", server.as_str())?;
            tx.order(&[*server], order)
        })
    }

    fn orders_taken(&self, server: &ServerId, last: u64) -> Result<(), StoreError> {
        let orders = self.orders(server)?;
        self.write(|tx| {
            let mut taken = orders.iter().filter(|(number, _)| *number <= last);
            taken.try_for_each(|(number, _)| tx.remove(&order_key(server, *number)))
        })
    }

    fn add_session(&self, session: Session) -> Result<(), StoreError> {
        self.write(|tx| {
            tx.must_be_at(&session.server, session.boot)?;
            tx.take_key(&session)?;
            tx.put_session(&session)
        })
    }

    fn session(&self, id: &SessionId) -> Result<Option<Session>, StoreError> {
        let session: Option<Session> = self.get(&with(SESSIONS, id.number.as_bytes()))?;
        Ok(session.filter(|session| session.id == *id))
    }

    fn session_by_key(
        &self,
        group: &GroupId,
        key: &SessionKey,
    ) -> Result<Option<Session>, StoreError> {
        match self.db.get(open_key(group, key))? {
            Some(number) => self.get(&with(SESSIONS, &number)),
            None => Ok(None),
        }
    }

    fn live_sessions(&self, group: &GroupId, count_max: usize) -> Result<Vec<Session>, StoreError> {
        let mut sessions = Vec::new();
        for entry in self.db.scan_prefix(open_prefix(group)) {
            let (_, number) = entry?;
            let session: Option<Session> = self.get(&with(SESSIONS, &number))?;
            sessions.extend(session.filter(|session| session.state == State::Live));
        }
        sessions.sort_by_key(|session| std::cmp::Reverse(session.started_ms));
        sessions.truncate(count_max);
        Ok(sessions)
    }

    fn move_session(
        &self,
        id: &SessionId,
        home: u32,
        to: (ServerId, Boot),
        now_ms: u64,
    ) -> Result<Session, StoreError> {
        let (server, boot) = to;
        self.write(|tx| {
            tx.must_be_at(&server, boot)?;
            let old = tx.get::<Session>(&with(SESSIONS, id.number.as_bytes()))?;
            let Some(old) = old.filter(|old| old.id == *id && old.home == home && old.may_move())
            else {
                return Err(abort(StoreError::Conflict));
            };
            tx.remove_times(&old)?;
            let home = old.home.saturating_add(1);
            let mut left = old.left.clone();
            // Even where it goes now: should it not begin there, what is left of it has to end. But a process that is gone holds nothing.
            let is_gone = old.server == server && old.boot != boot;
            if !is_gone && !left.contains(&old.server) {
                left.push(old.server);
            }
            let state = State::Assigned;
            let new = Session { server, boot, home, state, assigned_ms: now_ms, left, ..old };
            tx.take_key(&new)?;
            tx.put_session(&new)?;
            Ok(new)
        })
    }

    fn apply_reports(
        &self,
        server: &ServerId,
        boot: Boot,
        reports: &[Report],
    ) -> Result<u64, StoreError> {
        self.write(|tx| {
            tx.must_be_at(server, boot)?;
            let key = with(PROGRESS, server.as_str().as_bytes());
            let stored = tx.get::<Progress>(&key)?.filter(|progress| progress.boot == boot);
            let mut seq = stored.map_or(0, |progress| progress.seq);
            for report in reports.iter() {
                if report.seq > seq {
                    tx.apply(server, boot, report)?;
                    seq = report.seq;
                }
            }
            tx.put(&key, &Progress { boot, seq })?;
            Ok(seq)
        })
    }

    fn note(&self, at_ms: u64, event: Event) -> Result<(), StoreError> {
        self.write(|tx| tx.note(at_ms, event.clone()))
    }

    fn audit_head(&self) -> Result<Head, StoreError> {
        Ok(self.get(&AUDIT_HEAD_KEY)?.unwrap_or_default())
    }

    fn keep_head(&self, signed: &SignedHead) -> Result<(), StoreError> {
        self.write(|tx| tx.put_signed(signed))
    }

    fn audit_lines(&self, from: u64, count_max: usize) -> Result<Vec<String>, StoreError> {
        self.list_audit(from, count_max)
    }

    fn sweep(&self, now_ms: u64) -> Result<usize, StoreError> {
        self.sweep_batch(now_ms)
    }

    fn is_inline(&self) -> bool {
        matches!(self.db, Tree::Memory(_))
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.db.flush()?;
        Ok(())
    }
}

fn valid(group: &Group) -> Result<(), StoreError> {
    let mut faults = group.settings.faults();
    let record =
        Down::Group { group: group.id, settings: Box::new(group.settings.clone()) }.to_json();
    if record.len() > protocol::limits::CONTROL_RECORD_BYTES_MAX {
        faults.push(format!(
            "the settings take {} bytes, at most {}: shorten the selectors",
            record.len(),
            protocol::limits::CONTROL_RECORD_BYTES_MAX
        ));
    }
    if faults.is_empty() { Ok(()) } else { Err(StoreError::Invalid(faults.join("; "))) }
}

fn shrinks(before: Option<Privileges>, after: Option<Privileges>) -> bool {
    before.is_some_and(|before| !after.is_some_and(|after| after.contains(before)))
}
