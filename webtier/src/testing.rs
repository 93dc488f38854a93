//! A web tier in a temporary folder for tests: its clock stands until moved, and CServers are up because the test says so.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use protocol::control::{Boot, Down, Report, ReportEvent};
use protocol::ids::SessionNumber;
use protocol::keys::TicketKey;
use protocol::secret::Secret;
use protocol::ticket::SealedTicket;
use protocol::{AgentId, GroupId, ServerId, SessionId, Ticket};

use crate::clock::Clock;
use crate::config::Config;
use crate::service::{App, Service};
use crate::store::Store;
use crate::store::records::{Agent, Group, Server, Session, State};
use crate::store::sled::SledStore;

/// See the module.
pub(crate) struct World {
    pub(crate) app: App,
    disk: Arc<SledStore>,
    clock_ms: Arc<AtomicU64>,
    seq: AtomicU64,
    _folder: tempfile::TempDir,
}

/// When a test begins.
pub(crate) const T0: u64 = 1_700_000_000_000;

/// The one password of all tests.
pub(crate) const PASSWORD: &str = "correct horse";

impl World {
    /// Groups `demo` and `other` with one origin each, agent `ada` who leads `demo`, and CServers s1 and s2, both down.
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// The same with a further line of configuration.
    pub(crate) fn with(line: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::open(&folder.path().join("store")).unwrap();
        for (group, origin) in [("demo", SHOP), ("other", OTHER)] {
            let mut group = Group::new(group.parse().unwrap(), Default::default());
            group.settings.origins.push(origin.into());
            group.settings.visitor.masks.push("#card".into());
            store.add_group(group).unwrap();
        }
        let hash = crate::passwords::hash(PASSWORD).unwrap();
        store.add_agent(agent("ada", Some(hash))).unwrap();
        store.grant("ada", &demo(), "lead").unwrap();
        for name in ["s1", "s2"] {
            store.add_server(server(name)).unwrap();
        }
        let (clock_ms, disk) = (Arc::new(AtomicU64::new(T0)), Arc::new(store));
        let app =
            Service::new(config(line), disk.clone(), Clock::standing(clock_ms.clone())).unwrap();
        Self { app, disk, clock_ms, seq: AtomicU64::new(0), _folder: folder }
    }

    /// Moves the clock. New keys are made, and reach nobody until [`World::up`].
    pub(crate) fn pass(&self, ms: u64) {
        let now_ms = self.clock_ms.fetch_add(ms, Ordering::SeqCst) + ms;
        self.app.rotation().tick(now_ms, &mut crate::random::bytes);
    }

    /// The store.
    pub(crate) fn store(&self) -> &dyn Store {
        self.app.store_blocking()
    }

    /// Nothing can be noted in the audit log any more.
    pub(crate) fn spoil_audit(&self) {
        self.disk.spoil_audit();
    }

    /// The dear and the disclosing work so far: passwords hashed, and records read from the store.
    pub(crate) fn work(&self) -> (u64, u64) {
        (self.app.passwords.runs(), self.disk.reads.load(Ordering::SeqCst))
    }

    /// A CServer has said hello, has all settings and has acknowledged its keys.
    pub(crate) fn up(&self, name: &str, boot: u8) {
        let (id, boot) = (name.parse().unwrap(), Boot::new([boot; 16]));
        self.store().server_booted(&id, boot, self.app.clock.now_ms()).unwrap();
        self.app.fleet().up(&id, boot, 1, false);
        for group in self.store().groups().unwrap() {
            self.app.fleet().group_acked(&id, group.id, group.settings.revision);
        }
        let pushes = self.app.rotation().hello(id, boot);
        for push in pushes {
            let Down::Key { key_id, .. } = push.record else { panic!("not a key") };
            let now_ms = self.app.clock.now_ms();
            self.app.rotation().acked(now_ms, id, key_id);
        }
        self.app.fleet_has_changed();
    }

    /// A CServer's stream is gone.
    pub(crate) fn down(&self, name: &str) {
        self.app.fleet().down(&name.parse().unwrap());
    }

    /// A CServer reports.
    pub(crate) fn report(&self, name: &str, session: &str, event: ReportEvent) {
        let id: ServerId = name.parse().unwrap();
        let boot = self.store().server(&id).unwrap().unwrap().boot.unwrap();
        let seq = self.seq.fetch_add(1, Ordering::SeqCst) + 1;
        let session: SessionId = session.parse().unwrap();
        let is_start = matches!(event, ReportEvent::SessionStarted { .. });
        let report = Report { seq, at_ms: self.app.clock.now_ms(), session, event };
        assert_eq!(self.store().apply_reports(&id, boot, &[report]).unwrap(), seq);
        if is_start {
            self.app.has_begun(session);
        }
    }

    /// Opens a ticket as the CServer that it is for would.
    pub(crate) fn open(&self, name: &str, ticket: &str) -> Ticket {
        let id: ServerId = name.parse().unwrap();
        let now_ms = self.app.clock.now_ms();
        let sealed = SealedTicket::from_text(ticket).unwrap();
        let rotation = self.app.rotation();
        let (key_id, key): (_, &TicketKey) = rotation.signing(now_ms, &id).unwrap();
        assert_eq!(sealed.key_id(), key_id);
        sealed.open(key, &id, now_ms).unwrap()
    }
}

/// The origin of group `demo`, and that of group `other`.
pub(crate) const SHOP: &str = "https://shop.example";
/// See [`SHOP`].
pub(crate) const OTHER: &str = "https://other.example";

/// What browsers call the web tier.
pub(crate) const US: &str = "https://www.cobrowse.example";

pub(crate) fn demo() -> GroupId {
    "demo".parse().unwrap()
}

pub(crate) fn agent(name: &str, password_hash: Option<String>) -> Agent {
    Agent {
        id: AgentId::from_bytes(crate::random::bytes()),
        name: name.into(),
        display: name.to_uppercase(),
        password_hash,
        groups: Default::default(),
    }
}

/// A session whose ticket is out, at the first start of s1.
pub(crate) fn session(key: &str, number: u8) -> Session {
    Session {
        id: SessionId {
            group: demo(),
            key: key.parse().unwrap(),
            number: SessionNumber::from_bytes([number; 16]),
        },
        resume: Secret::new([number; 32]).hash(),
        server: "s1".parse().unwrap(),
        boot: Boot::new([1; 16]),
        home: 1,
        state: State::Assigned,
        assigned_ms: T0,
        started_ms: None,
        left: Vec::new(),
    }
}

pub(crate) fn server(name: &str) -> Server {
    Server {
        id: name.parse().unwrap(),
        public_url: format!("https://{name}.cobrowse.example"),
        control_name: format!("c-{name}.cobrowse.example"),
        address: "127.0.0.1:1".into(),
        drain_until_ms: None,
        boot: None,
    }
}

fn config(line: &str) -> Config {
    let text = r#"
        replica = "w1"
        listen = ["127.0.0.1:0"]
        public_url = "https://www.cobrowse.example"
        cookie_domain = "cobrowse.example"
        tls = { certificate = "a", key = "b" }
        control = { certificate = "a", key = "b", ca = "c" }
        store = { path = "store" }
        limits = { starts_per_minute_address = 20, starts_per_minute_group = 15 }
    "#;
    let text = format!("{line}\n{text}");
    Config::parse(&text, Path::new("webtier.toml")).unwrap()
}
