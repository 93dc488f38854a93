//! The web tier as a whole without its sockets and its disk: the real router, rules, control streams, keys and store, for
//! simulations in virtual time (`tests/world`).
//!
//! Owns what takes the place of the outside: a [`Disk`] that can lose what was not flushed, a clock that the simulation
//! moves, and a way to the CServers that it makes. Runs on the tokio runtime that is entered; nothing blocks.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, header};
use futures_util::future::BoxFuture;
use protocol::keys::BootNonce;
use protocol::{AgentId, ServerId, SessionId};
use rustls::ClientConfig;
use tokio::task::AbortHandle;
use tower::ServiceExt;

use crate::clock::Clock;
use crate::config::Config;
use crate::cookies;
use crate::dialler::{Connect, Dialler};
use crate::routes::router;
use crate::service::{App, Service, ToLink};
use crate::store::Store;
use crate::store::records::{Agent, Group, Login, Server, State};
use crate::store::sled::SledStore;

pub use crate::dialler::Wire;
pub use crate::store::tree::Disk;

/// Why the simulation itself cannot go on.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;

/// A running process of it. Dropping it ends it at once, as a kill does.
pub struct WebTier {
    app: App,
    dialler: Dialler,
    house: AbortHandle,
    pages: Router,
    disk: Disk,
}

/// What an operator has set up.
pub struct Site<'a> {
    /// The origin of the one group, `demo`.
    pub origin: &'a str,
    /// Its grace period.
    pub grace_ms: u64,
    /// Each CServer: its id, its public URL, its control name.
    pub servers: &'a [(&'a str, &'a str, &'a str)],
    /// Wall clock.
    pub now_ms: u64,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// `Location`, if there is one.
    pub location: Option<String>,
    /// The ticket in a cookie, if one was set.
    pub ticket: Option<String>,
    /// The body.
    pub body: String,
}

/// What a store knows of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Where it is.
    pub server: ServerId,
    /// The number of that home.
    pub home: u32,
    /// `assigned`, `live`, or why it has ended.
    pub state: String,
}

/// Sets up a store; the cookie of an agent who is logged in and may do everything.
pub fn prepare(disk: &Disk, site: &Site<'_>) -> Result<String, Fault> {
    let store = SledStore::in_memory(disk)?;
    let mut group = Group::new("demo".parse()?, Default::default());
    group.settings.origins.push(site.origin.to_owned());
    group.settings.grace_ms = site.grace_ms;
    let (id, now_ms) = (group.id, site.now_ms);
    store.add_group(group)?;
    let agent = Agent {
        id: AgentId::from_bytes([7; 16]),
        name: "ada".into(),
        display: "Ada".into(),
        password_hash: None,
        groups: Default::default(),
    };
    let agent_id = agent.id;
    store.add_agent(agent)?;
    store.grant("ada", &id, "lead")?;
    for (name, public_url, control_name) in site.servers {
        store.add_server(Server {
            id: name.parse()?,
            public_url: (*public_url).to_owned(),
            control_name: (*control_name).to_owned(),
            address: (*name).to_owned(),
            drain_until_ms: None,
            boot: None,
        })?;
    }
    let token = protocol::secret::Secret::new([9; 32]);
    let login = Login { agent: agent_id, created_ms: now_ms, seen_ms: now_ms };
    store.add_login(&token.hash(), login, None)?;
    Ok(format!("{}={}", cookies::SESSION, token.to_base64()))
}

/// What a disk would still know of a session after a crash at this moment.
pub fn known(disk: &Disk, session: &SessionId) -> Result<Option<Known>, Fault> {
    let found = SledStore::in_memory(&disk.survivors())?.session(session)?;
    Ok(found.map(|found| Known {
        server: found.server,
        home: found.home,
        state: match found.state {
            State::Assigned => "assigned".into(),
            State::Live => "live".into(),
            State::Ended { reason, .. } => reason,
        },
    }))
}

impl WebTier {
    /// Starts one over a disk. `connect` reaches a CServer by its id.
    pub fn start<F>(
        disk: &Disk,
        replica: &str,
        clock_ms: Arc<AtomicU64>,
        tls: Arc<ClientConfig>,
        connect: F,
    ) -> Result<Self, Fault>
    where
        F: Fn(ServerId) -> BoxFuture<'static, std::io::Result<Box<dyn Wire>>>,
        F: Send + Sync + 'static,
    {
        let text = CONFIG.replace("REPLICA", replica);
        let config = Config::parse(&text, Path::new("webtier.toml"))?;
        let store = Arc::new(SledStore::in_memory(disk)?);
        let app = Service::new(config, store, Clock::standing(clock_ms))?;
        let connect: Connect = Arc::new(move |server| connect(server.id));
        let dialler = Dialler::over(app.clone(), tls, connect);
        dialler.configure()?;
        let house = tokio::spawn(app.clone().keep_house()).abort_handle();
        Ok(Self { pages: router(app.clone()), app, dialler, house, disk: disk.clone() })
    }

    /// Answers a request; `body` is JSON when there is one.
    pub fn request(
        &self,
        path: &str,
        origin: Option<&str>,
        cookie: Option<&str>,
        body: Option<String>,
    ) -> impl Future<Output = Option<Answer>> + Send + 'static + use<> {
        let peer = std::net::SocketAddr::from(([192, 0, 2, 1], 1));
        let mut request = Request::builder().uri(path).extension(ConnectInfo(peer));
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        if let Some(cookie) = cookie {
            request = request.header(header::COOKIE, cookie);
        }
        let request = match body {
            Some(body) => request.method("POST").body(Body::from(body)),
            None => request.body(Body::empty()),
        };
        let pages = self.pages.clone();
        async move {
            let answer = pages.oneshot(request.ok()?).await.ok()?;
            let (parts, body) = answer.into_parts();
            let body = to_bytes(body, 1024 * 1024).await.ok()?;
            let text = |value: &header::HeaderValue| value.to_str().ok().map(str::to_owned);
            let set = parts.headers.get_all(header::SET_COOKIE).iter().filter_map(text);
            let ticket = set
                .filter_map(|cookie| Some(cookie.split(';').next()?.split_once('=')?.1.to_owned()))
                .find(|value| value.len() == protocol::ticket::TICKET_TEXT_BYTES);
            Some(Answer {
                status: parts.status.as_u16(),
                location: parts.headers.get(header::LOCATION).and_then(text),
                ticket,
                body: String::from_utf8_lossy(&body).into_owned(),
            })
        }
    }

    /// Answers any request of HTTP's form; `None` for what is none. Its answer is read to its end.
    pub fn exchange(
        &self,
        method: &str,
        uri: &str,
        headers: &[(&str, &[u8])],
        body: Vec<u8>,
    ) -> Option<impl Future<Output = Option<(u16, usize)>> + Send + 'static + use<>> {
        let peer = std::net::SocketAddr::from(([192, 0, 2, 1], 1));
        let mut request = Request::builder().method(method).uri(uri).extension(ConnectInfo(peer));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).ok()?;
        let pages = self.pages.clone();
        Some(async move {
            let answer = pages.oneshot(request).await.ok()?;
            let status = answer.status().as_u16();
            Some((status, to_bytes(answer.into_body(), 4 * 1024 * 1024).await.ok()?.len()))
        })
    }

    /// Orders a CServer to take no more sessions and to end.
    pub fn drain(&self, server: &ServerId, deadline_ms: u64) -> Result<(), Fault> {
        let now_ms = self.app.clock.now_ms();
        self.app.store_blocking().drain_server(server, now_ms.saturating_add(deadline_ms))?;
        self.dialler.configure()?;
        self.app.tell(server, ToLink::Send(protocol::control::Down::Drain { deadline_ms }));
        Ok(())
    }

    /// Which start of a CServer has said hello on the control stream that is open to it.
    pub fn boot_of(&self, server: &ServerId) -> Option<BootNonce> {
        self.app.fleet().home(server).map(|home| *home.boot.nonce())
    }

    /// How many CServers are connected.
    pub fn servers_up(&self) -> usize {
        self.app.fleet().up_count()
    }
}

impl Drop for WebTier {
    fn drop(&mut self) {
        self.house.abort();
        self.disk.crash();
    }
}

const CONFIG: &str = r#"
    replica = "REPLICA"
    listen = ["127.0.0.1:0"]
    public_url = "https://www.cobrowse.example"
    cookie_domain = "cobrowse.example"
    tls = { certificate = "a", key = "b" }
    control = { certificate = "a", key = "b", ca = "c" }
    store = { path = "store" }
    limits = { starts_per_minute_address = 60000, starts_per_minute_group = 60000 }
"#;
