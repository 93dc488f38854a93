//! The little that all cores share.
//!
//! Everything here is touched when somebody starts, joins or comes back, when settings or keys change, and once
//! a turn for the load figures; never for a frame. Frames live in one core's relay.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use connection::TlsConfigs;
use parking_lot::{Mutex, RwLock};
use protocol::keys::BootNonce;
use protocol::{CloseCode, GroupId, GroupSettings, ServerId, SessionId, SessionNumber};

use crate::config::Config;
use crate::credentials::{CookieKeys, KeyRing, Nonces, Spent};
use crate::limits::{ENDED_MAX, ENDED_MS, GROUPS_MAX};
use crate::pages;

/// One core, by its index.
pub type CoreIndex = usize;

/// What all cores share.
pub struct Shared {
    /// Who this server is.
    pub identity: Identity,
    /// TLS for all: one ticketer, so that resumption works on every core.
    pub tls: RwLock<Arc<TlsConfigs>>,
    /// The key ring.
    pub keys: RwLock<KeyRing>,
    /// Signs agents' cookies.
    pub cookies: CookieKeys,
    groups: RwLock<HashMap<GroupId, Arc<Group>>>,
    directory: Mutex<Directory>,
    loads: Vec<Load>,
    draining: AtomicBool,
}

/// Names and addresses of this server, as others know it.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The audience of its tickets.
    pub server: ServerId,
    /// Made at this start.
    pub boot: BootNonce,
    /// `https://host[:port]`, as a browser writes it.
    pub origin: String,
    /// `host[:port]` of that origin.
    pub host: String,
    /// Where an agent gets a new ticket.
    pub web_tier_url: String,
    /// `io_uring` or `poll`.
    pub backend: &'static str,
}

/// A group's settings, with what is derived from them once rather than at each request.
#[derive(Debug)]
pub struct Group {
    /// As they came.
    pub settings: GroupSettings,
    /// The visitor's part as JSON.
    pub visitor_json: Arc<str>,
    /// The viewer's Content-Security-Policy.
    pub policy: String,
}

/// Load of one core; written by it alone, once a turn.
#[derive(Debug, Default)]
pub struct Load {
    /// Sessions.
    pub sessions: AtomicU64,
    /// Agents with a live connection.
    pub agents: AtomicU64,
    /// Connections of every kind.
    pub connections: AtomicU64,
}

/// Where sessions live.
#[derive(Default)]
struct Directory {
    /// By the random part of the id: the relay of that core checks the rest.
    owners: HashMap<SessionNumber, CoreIndex>,
    nonces: Nonces,
    ended: HashMap<SessionId, CloseCode>,
    ended_order: VecDeque<(u64, SessionId)>,
}

impl Shared {
    /// For so many cores.
    pub fn new(identity: Identity, tls: TlsConfigs, cookies: CookieKeys, cores: usize) -> Self {
        Self {
            identity,
            tls: RwLock::new(Arc::new(tls)),
            keys: RwLock::default(),
            cookies,
            groups: RwLock::default(),
            directory: Mutex::default(),
            loads: (0..cores).map(|_| Load::default()).collect(),
            draining: AtomicBool::new(false),
        }
    }

    /// Settings of a group.
    pub fn group(&self, group: &GroupId) -> Option<Arc<Group>> {
        self.groups.read().get(group).cloned()
    }

    /// Puts a group's settings in force, for every core at once. False when there is no room for another group.
    pub fn set_group(&self, group: GroupId, settings: GroupSettings) -> bool {
        let mut groups = self.groups.write();
        if groups.len() >= GROUPS_MAX && !groups.contains_key(&group) {
            return false;
        }
        groups.insert(group, Arc::new(Group::new(settings, &self.identity)));
        true
    }

    /// Forgets a group.
    pub fn remove_group(&self, group: &GroupId) {
        self.groups.write().remove(group);
    }

    /// Whether any group lists that origin: decides only whether a page may read an error message.
    pub fn is_known_origin(&self, origin: &str) -> bool {
        self.groups.read().values().any(|group| group.settings.allows_origin(origin))
    }

    /// Uses up a ticket's nonce.
    pub fn spend(&self, nonce: [u8; 16], now_ms: u64) -> Result<(), CloseCode> {
        match self.directory.lock().nonces.spend(nonce, now_ms) {
            Spent::Now => Ok(()),
            Spent::Before => Err(CloseCode::Unauthorized),
            Spent::Full => Err(CloseCode::Overload),
        }
    }

    /// The core that owns a session, or why there is none.
    pub fn owner(&self, session: &SessionId) -> Result<CoreIndex, CloseCode> {
        let directory = self.directory.lock();
        match directory.owners.get(&session.number) {
            Some(core) => Ok(*core),
            None => Err(directory.ended.get(session).copied().unwrap_or(CloseCode::NotFound)),
        }
    }

    /// Gives a new session to the least loaded core.
    pub fn claim(&self, session: SessionId) -> Result<CoreIndex, CloseCode> {
        let least = |load: &&Load| load.sessions.load(Ordering::Relaxed);
        let mut directory = self.directory.lock();
        if directory.owners.contains_key(&session.number) {
            return Err(CloseCode::AlreadyLive);
        }
        let core = self.loads.iter().enumerate().min_by_key(|(_, load)| least(load));
        let core = core.map_or(0, |(core, _)| core);
        directory.owners.insert(session.number, core);
        // Counted now, or a burst of starts within one turn would all go to one core.
        self.loads[core].sessions.fetch_add(1, Ordering::Relaxed);
        Ok(core)
    }

    /// A claimed session could not be opened: its id is free again.
    pub fn unclaim(&self, session: &SessionId) {
        self.directory.lock().owners.remove(&session.number);
    }

    /// A session has ended on its core; who comes late hears why.
    pub fn release(&self, session: SessionId, reason: CloseCode, now_ms: u64) {
        let mut directory = self.directory.lock();
        directory.owners.remove(&session.number);
        let Directory { ended, ended_order, .. } = &mut *directory;
        while ended_order.len() >= ENDED_MAX
            || ended_order.front().is_some_and(|(until_ms, _)| *until_ms < now_ms)
        {
            if let Some((_, old)) = ended_order.pop_front() {
                ended.remove(&old);
            }
        }
        ended.insert(session, reason);
        ended_order.push_back((now_ms + ENDED_MS, session));
    }

    /// One core's load.
    pub fn load(&self, core: CoreIndex) -> &Load {
        &self.loads[core]
    }

    /// Sums over all cores: sessions, agents, connections.
    pub fn totals(&self) -> (u64, u64, u64) {
        let sum = |of: fn(&Load) -> &AtomicU64| {
            self.loads.iter().map(|load| of(load).load(Ordering::Relaxed)).sum()
        };
        (sum(|load| &load.sessions), sum(|load| &load.agents), sum(|load| &load.connections))
    }

    /// Takes no more sessions from now on.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether it takes no more sessions.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

impl Identity {
    /// From the configuration and this start's nonce.
    pub fn new(config: &Config, boot: BootNonce, backend: &'static str) -> Self {
        Self {
            server: config.id,
            boot,
            origin: config.public_url.origin.clone(),
            host: config.public_url.host.clone(),
            web_tier_url: config.web_tier_url.origin.clone(),
            backend,
        }
    }
}

impl Group {
    fn new(settings: GroupSettings, identity: &Identity) -> Self {
        let visitor_json = serde_json::to_string(&settings.visitor).unwrap_or_default().into();
        let policy = pages::content_security_policy(&settings, &identity.host);
        Self { settings, visitor_json, policy }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_session_says_why_and_the_memory_of_it_is_bounded() {
        let mut directory = crate::shard::testing::shared(1);
        let shared = Arc::get_mut(&mut directory).unwrap();
        let id = |n: usize| -> SessionId { format!("demo:1:{n:032x}").parse().unwrap() };
        assert_eq!(shared.owner(&id(0)), Err(CloseCode::NotFound));
        assert_eq!(shared.claim(id(0)), Ok(0));
        assert_eq!(shared.claim(id(0)), Err(CloseCode::AlreadyLive));
        for n in 0..=ENDED_MAX {
            shared.release(id(n), CloseCode::SessionEndedVisitor, 0);
        }
        assert_eq!(shared.owner(&id(0)), Err(CloseCode::NotFound));
        assert_eq!(shared.owner(&id(1)), Err(CloseCode::SessionEndedVisitor));
        assert_eq!(shared.directory.lock().ended.len(), ENDED_MAX);
    }

    #[test]
    fn new_sessions_go_to_the_least_loaded_core() {
        let shared = crate::shard::testing::shared(3);
        let cores: Vec<_> = (0..6)
            .map(|n| shared.claim(format!("demo:1:{n:032x}").parse().unwrap()).unwrap())
            .collect();
        assert_eq!(cores, [0, 1, 2, 0, 1, 2]);
    }
}
