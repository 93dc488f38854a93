//! The little that all cores share.
//!
//! Everything here is touched when somebody starts, joins or comes back, when settings or keys change, and once
//! a turn for the load figures; never for a frame. Frames live in one core's relay.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use connection::TlsConfigs;
use parking_lot::{Mutex, RwLock};
use protocol::figures::{CoreFigures, Rendered, ServerFigures, render};
use protocol::keys::BootNonce;
use protocol::{CloseCode, GroupId, GroupSettings, ServerId, SessionId, SessionNumber, Ticket};

use crate::config::{Config, Limits};
use crate::credentials::{CookieKeys, KeyRing, Nonces, Spent};
use crate::ended::EndedSessions;
use crate::limits::{CORE_STUCK_MS, GROUPS_MAX};
use crate::pages;
use crate::shard::Now;

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
    figures: Vec<Mutex<CoreFigures>>,
    certificates: RwLock<BTreeMap<String, u64>>,
    limits: RwLock<Limits>,
    draining: AtomicBool,
    takes_plain: AtomicBool,
    web_tiers: AtomicUsize,
    surrounding: RwLock<Arc<[Arc<str>]>>,
    /// How often most of a core's connections have gone: each core looks once a second.
    pub(crate) crowds_gone: AtomicU64,
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
    /// Where it answers plain HTTP, to agents of groups that follow the visitor's protocol.
    pub plain: Option<PlainName>,
    /// Where an agent gets a new ticket.
    pub web_tier_url: String,
    /// `io_uring` or `poll`.
    pub backend: &'static str,
    /// Wall clock of the start, milliseconds.
    pub started_ms: u64,
}

/// The name that answers plain HTTP, on the port of the public one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainName {
    /// `http://host[:port]`, as a browser writes it.
    pub origin: String,
    /// `host[:port]` of that origin.
    pub host: String,
}

impl PlainName {
    /// Of that name, beside the public `host[:port]`.
    pub fn new(name: &str, public_host: &str) -> Self {
        let host = match public_host.split_once(':').map_or("443", |(_, port)| port) {
            // What a browser leaves out of an http address.
            "80" => name.to_owned(),
            port => format!("{name}:{port}"),
        };
        Self { origin: format!("http://{host}"), host }
    }
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
    /// That of the viewer over plain HTTP; `None` when the group has none, or the server.
    pub plain_policy: Option<String>,
}

/// Load of one core; written by it alone, once a turn, on a cache line of its own.
#[derive(Debug)]
#[repr(align(64))]
pub struct Load {
    /// Sessions.
    pub sessions: AtomicU64,
    /// Agents with a live connection.
    pub agents: AtomicU64,
    /// Connections of every kind.
    pub connections: AtomicU64,
    /// When it turned last, monotonic milliseconds.
    pub turned_ms: AtomicU64,
    /// It takes no new sessions: it is full, and who is inside would notice.
    pub refuses: AtomicBool,
}

impl Default for Load {
    fn default() -> Self {
        let zero = AtomicU64::default;
        let turned_ms = AtomicU64::new(NEVER);
        let refuses = AtomicBool::new(false);
        Self { sessions: zero(), agents: zero(), connections: zero(), turned_ms, refuses }
    }
}

/// Before a core's first turn.
const NEVER: u64 = u64::MAX;

/// Behind its last.
const ENDED: u64 = u64::MAX - 1;

/// Why a server takes no sessions just now, in words for monitoring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotReady {
    /// A core does not turn any more.
    Stuck,
    /// It was told to end.
    Draining,
    /// No control stream is open.
    NoWebTier,
    /// No server key is valid: nobody can be let in.
    NoKey,
}

impl NotReady {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stuck => "stuck",
            Self::Draining => "draining",
            Self::NoWebTier => "no_web_tier",
            Self::NoKey => "no_key",
        }
    }
}

/// Where sessions live.
#[derive(Default)]
struct Directory {
    /// By the random part of the id: the relay of that core checks the rest.
    owners: HashMap<SessionNumber, CoreIndex>,
    /// Which web tier gave a session out, where that is not the configured one.
    web_tiers: HashMap<SessionNumber, Arc<str>>,
    nonces: Nonces,
    ended: EndedSessions,
}

impl Directory {
    fn forget(&mut self, session: &SessionId) {
        self.owners.remove(&session.number);
        self.web_tiers.remove(&session.number);
    }
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
            figures: (0..cores).map(|_| Mutex::default()).collect(),
            certificates: RwLock::default(),
            limits: RwLock::default(),
            draining: AtomicBool::new(false),
            takes_plain: AtomicBool::new(false),
            web_tiers: AtomicUsize::new(0),
            surrounding: RwLock::default(),
            crowds_gone: AtomicU64::new(0),
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
        let new = Arc::new(Group::new(settings, &self.identity));
        let follows = new.plain_policy.is_some();
        let old = groups.insert(group, new);
        self.follower_changed(&groups, old.as_deref(), follows);
        true
    }

    /// Forgets a group.
    pub fn remove_group(&self, group: &GroupId) {
        let mut groups = self.groups.write();
        let old = groups.remove(group);
        self.follower_changed(&groups, old.as_deref(), false);
    }

    /// Whether new connections may speak plain HTTP: only as long as some group needs it.
    pub fn takes_plain(&self) -> bool {
        self.takes_plain.load(Ordering::Relaxed)
    }

    /// All groups are looked at only when one that followed does not any more.
    fn follower_changed(
        &self,
        groups: &HashMap<GroupId, Arc<Group>>,
        old: Option<&Group>,
        follows: bool,
    ) {
        let is_follower = |group: &Group| group.plain_policy.is_some();
        if follows || old.is_some_and(is_follower) {
            let any = follows || groups.values().any(|group| is_follower(group));
            self.takes_plain.store(any, Ordering::Relaxed);
        }
    }

    /// Whether any group lists that origin: decides only whether a page may read an error message.
    pub fn is_known_origin(&self, origin: &str) -> bool {
        self.groups.read().values().any(|group| group.settings.allows_origin(origin))
    }

    /// Uses up a ticket, by the monotonic clock.
    pub fn spend(&self, ticket: &Ticket, mono_ms: u64) -> Result<(), CloseCode> {
        match self.directory.lock().nonces.spend(ticket, mono_ms) {
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
            None => Err(directory.ended.reason(session).unwrap_or(CloseCode::NotFound)),
        }
    }

    /// Gives a new session to the least loaded core; `overload` when all of them are full. One that its people, or their absence,
    /// have ended does not begin again: its ticket may have been made before the web tier heard of the end.
    pub fn claim(&self, session: SessionId, home: u32) -> Result<CoreIndex, CloseCode> {
        let least = |load: &&Load| load.sessions.load(Ordering::Relaxed);
        let mut directory = self.directory.lock();
        if directory.owners.contains_key(&session.number) {
            return Err(CloseCode::AlreadyLive);
        }
        if let Some(reason) = directory.ended.over(&session, home) {
            return Err(reason);
        }
        let takes = |(_, load): &(CoreIndex, &Load)| self.takes(load);
        let cores = self.loads.iter().enumerate().filter(takes);
        let (core, _) = cores.min_by_key(|(_, load)| least(load)).ok_or(CloseCode::Overload)?;
        directory.owners.insert(session.number, core);
        // Counted now, or a burst of starts within one turn would all go to one core.
        self.loads[core].sessions.fetch_add(1, Ordering::Relaxed);
        Ok(core)
    }

    /// Why a session is over for good, if it ended here of late at that home or after it.
    pub fn over(&self, session: &SessionId, home: u32) -> Option<CloseCode> {
        self.directory.lock().ended.over(session, home)
    }

    /// Notes which web tier gave out a session that was claimed: its agents get new tickets there.
    pub fn is_of(&self, session: &SessionId, web_tier: Arc<str>) {
        let mut directory = self.directory.lock();
        if *web_tier == *self.identity.web_tier_url {
            directory.web_tiers.remove(&session.number);
        } else if directory.owners.contains_key(&session.number) {
            directory.web_tiers.insert(session.number, web_tier);
        }
    }

    /// The origin of the web tier that gave a session out; the configured one when it has not said so.
    pub fn web_tier_of(&self, session: &SessionId) -> Arc<str> {
        let found = self.directory.lock().web_tiers.get(&session.number).cloned();
        found.unwrap_or_else(|| self.identity.web_tier_url.as_str().into())
    }

    /// Whether that is the origin of a web tier of ours: the configured one, or one whose keys are here.
    pub fn is_web_tier(&self, origin: &str) -> bool {
        origin == self.identity.web_tier_url || self.keys.read().knows_web_tier(origin)
    }

    /// Origins of the web tiers whose pages stand around views, and may frame them.
    pub fn surrounding(&self) -> Arc<[Arc<str>]> {
        self.surrounding.read().clone()
    }

    /// Whether a page of that origin stands around views.
    pub fn surrounds(&self, origin: &str) -> bool {
        self.surrounding.read().iter().any(|known| **known == *origin)
    }

    /// A web tier has said whether its pages stand around views.
    pub fn set_surrounding(&self, origins: Arc<[Arc<str>]>) {
        *self.surrounding.write() = origins;
    }

    /// A claimed session could not be opened: its id is free again.
    pub fn unclaim(&self, session: &SessionId) {
        self.directory.lock().forget(session);
    }

    /// A session has ended on its core; who comes late hears why.
    pub fn release(&self, session: SessionId, home: u32, reason: CloseCode, now_ms: u64) {
        let mut directory = self.directory.lock();
        directory.forget(&session);
        directory.ended.insert(session, home, reason, now_ms);
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

    /// A core that has turned, and does not any more, though it has not come to its end.
    pub fn stuck(&self, now_ms: u64) -> Option<CoreIndex> {
        let is_stuck = |load: &Load| {
            let turned_ms = load.turned_ms.load(Ordering::Relaxed);
            !matches!(turned_ms, NEVER | ENDED) && now_ms.saturating_sub(turned_ms) >= CORE_STUCK_MS
        };
        self.loads.iter().position(is_stuck)
    }

    /// A core has come to the end of a drain: it turns no more.
    pub fn core_ended(&self, core: CoreIndex) {
        self.loads[core].turned_ms.store(ENDED, Ordering::Relaxed);
    }

    /// Whether every core has begun to work.
    pub fn have_all_turned(&self) -> bool {
        self.loads.iter().all(|load| load.turned_ms.load(Ordering::Relaxed) != NEVER)
    }

    /// The control core says how many web tiers are connected.
    pub fn set_web_tiers(&self, count: usize) {
        self.web_tiers.store(count, Ordering::Relaxed);
    }

    /// How many web tiers are connected.
    pub fn web_tiers(&self) -> usize {
        self.web_tiers.load(Ordering::Relaxed)
    }

    /// Why no session can begin here; `None` when one can.
    pub fn not_ready(&self, now_ms: u64) -> Option<NotReady> {
        if self.stuck(now_ms).is_some() {
            Some(NotReady::Stuck)
        } else if self.is_draining() {
            Some(NotReady::Draining)
        } else if self.web_tiers() == 0 {
            Some(NotReady::NoWebTier)
        } else if self.keys.read().is_empty() {
            Some(NotReady::NoKey)
        } else {
            None
        }
    }

    /// A core says what it has counted; once a second.
    pub fn set_figures(&self, core: CoreIndex, figures: CoreFigures) {
        *self.figures[core].lock() = figures;
    }

    /// What a core has counted.
    pub fn figures(&self, core: CoreIndex) -> CoreFigures {
        self.figures[core].lock().clone()
    }

    /// Whether every core is so full that it takes no new sessions.
    pub fn is_full(&self) -> bool {
        !self.loads.iter().any(|load| self.takes(load))
    }

    /// Whether a core takes one session more: it keeps up, and its bound is not reached.
    fn takes(&self, load: &Load) -> bool {
        let bound = self.limits().sessions_per_core as u64;
        !load.refuses.load(Ordering::Relaxed) && load.sessions.load(Ordering::Relaxed) < bound
    }

    /// When the certificates expire, seconds of the wall clock, by what they are for.
    pub fn set_certificates(&self, expiries: BTreeMap<String, u64>) {
        *self.certificates.write() = expiries;
    }

    /// Bounds in force. A lower one sends nobody away who is there.
    pub fn limits(&self) -> Limits {
        *self.limits.read()
    }

    /// Puts other bounds in force, for every core at once.
    pub fn set_limits(&self, limits: Limits) {
        *self.limits.write() = limits;
    }

    /// What is said of the whole server.
    pub fn whole(&self, now: Now) -> ServerFigures {
        ServerFigures {
            version: env!("CARGO_PKG_VERSION").into(),
            backend: self.identity.backend.into(),
            not_ready: self.not_ready(now.mono_ms).map_or("", NotReady::name).into(),
            web_tiers: self.web_tiers() as u64,
            keys: self.keys.read().len() as u64,
            started_ms: self.identity.started_ms,
            certificates: self.certificates.read().clone(),
        }
    }

    /// All of it, as Prometheus reads it.
    pub fn metrics(&self, now: Now) -> String {
        let cores: Vec<CoreFigures> =
            (0..self.figures.len()).map(|core| self.figures(core)).collect();
        let whole = self.whole(now);
        render(&[Rendered { server: self.identity.server.as_str(), whole: &whole, cores: &cores }])
    }

    /// How it is, in a line for the service manager.
    pub fn status(&self) -> String {
        let (sessions, agents, _) = self.totals();
        match (self.is_draining(), self.web_tiers()) {
            (true, _) => format!("draining: {sessions} sessions left"),
            (false, 0) => format!(
                "no web tier is connected, so nobody new can be let in; {sessions} sessions go on"
            ),
            (false, tiers) => {
                format!(
                    "serving {sessions} sessions, {agents} agents; web tiers connected: {tiers}"
                )
            }
        }
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
            plain: config
                .plain_host
                .as_ref()
                .map(|name| PlainName::new(name, &config.public_url.host)),
            web_tier_url: config.web_tier_url.origin.clone(),
            backend,
            started_ms: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0)),
        }
    }
}

impl Group {
    fn new(settings: GroupSettings, identity: &Identity) -> Self {
        let visitor_json = serde_json::to_string(&settings.visitor).unwrap_or_default().into();
        let policy = pages::content_security_policy(&settings, &identity.host);
        let plain = identity.plain.as_ref().filter(|_| settings.follows_protocol);
        let plain_policy = plain.map(|plain| pages::plain_policy(&settings, &plain.host));
        Self { settings, visitor_json, policy, plain_policy }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_session_says_why_and_begins_again_only_where_nobody_wanted_its_end() {
        let shared = crate::shard::testing::shared(1);
        let id: SessionId = format!("demo:1:{:032x}", 1).parse().unwrap();
        assert_eq!(shared.owner(&id), Err(CloseCode::NotFound));
        assert_eq!(shared.claim(id, 1), Ok(0));
        assert_eq!(shared.claim(id, 2), Err(CloseCode::AlreadyLive));
        shared.release(id, 1, CloseCode::Moved, 0);
        assert_eq!(shared.claim(id, 3), Ok(0), "it may come back");
        shared.release(id, 3, CloseCode::SessionEndedTimeout, 0);
        assert_eq!(shared.claim(id, 3), Err(CloseCode::SessionEndedTimeout));
        assert_eq!(shared.claim(id, 4), Ok(0), "it went on elsewhere");
        shared.release(id, 4, CloseCode::SessionEndedVisitor, 0);
        assert_eq!(shared.owner(&id), Err(CloseCode::SessionEndedVisitor));
        assert_eq!(shared.claim(id, 5), Err(CloseCode::SessionEndedVisitor));
    }

    #[test]
    fn a_core_that_stops_turning_is_told_and_so_is_whatever_else_keeps_sessions_away() {
        let shared = crate::shard::testing::shared(2);
        assert!(!shared.have_all_turned());
        assert_eq!(shared.stuck(CORE_STUCK_MS * 2), None, "it has not begun yet");
        for core in 0..2 {
            shared.load(core).turned_ms.store(5, Ordering::Relaxed);
        }
        assert!(shared.have_all_turned());
        assert_eq!(shared.not_ready(5), Some(NotReady::NoWebTier));
        assert!(shared.status().contains("no web tier"));
        shared.set_web_tiers(1);
        assert_eq!(shared.not_ready(5), None);
        shared.load(0).turned_ms.store(CORE_STUCK_MS, Ordering::Relaxed);
        assert_eq!(shared.stuck(CORE_STUCK_MS + 5), Some(1));
        assert_eq!(shared.not_ready(CORE_STUCK_MS + 5), Some(NotReady::Stuck));
        shared.drain();
        assert_eq!(shared.stuck(CORE_STUCK_MS + 5), Some(1), "it has not ended");
        shared.core_ended(1);
        assert_eq!(shared.not_ready(CORE_STUCK_MS + 5), Some(NotReady::Draining));
    }

    #[test]
    fn a_lowered_limit_refuses_new_sessions_and_a_raised_one_takes_them_again() {
        let shared = crate::shard::testing::shared(2);
        let claim = |n: usize| shared.claim(format!("demo:1:{n:032x}").parse().unwrap(), 1);
        shared.set_limits(Limits { sessions_per_core: 1, ..Limits::default() });
        assert_eq!((claim(0), claim(1)), (Ok(0), Ok(1)));
        assert_eq!(claim(2), Err(CloseCode::Overload));
        shared.set_limits(Limits::default());
        assert_eq!(claim(2), Ok(0));
    }

    #[test]
    fn a_session_belongs_to_the_web_tier_that_gave_it_out_until_it_ends() {
        let shared = crate::shard::testing::shared(1);
        let id = |n: usize| -> SessionId { format!("demo:1:{n:032x}").parse().unwrap() };
        let ours: Arc<str> = shared.identity.web_tier_url.as_str().into();
        shared.is_of(&id(1), "https://w2.example".into());
        assert_eq!(shared.web_tier_of(&id(1)), ours, "nobody has claimed it");
        shared.claim(id(1), 1).unwrap();
        shared.is_of(&id(1), "https://w2.example".into());
        assert_eq!(&*shared.web_tier_of(&id(1)), "https://w2.example");
        shared.release(id(1), 1, CloseCode::Moved, 0);
        assert_eq!(shared.web_tier_of(&id(1)), ours);
        assert!(shared.directory.lock().web_tiers.is_empty());
    }

    #[test]
    fn new_sessions_go_to_the_least_loaded_core() {
        let shared = crate::shard::testing::shared(3);
        let cores: Vec<_> = (0..6)
            .map(|n| shared.claim(format!("demo:1:{n:032x}").parse().unwrap(), 1).unwrap())
            .collect();
        assert_eq!(cores, [0, 1, 2, 0, 1, 2]);
    }
}
