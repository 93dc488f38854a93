//! The web tiers of a world: the real process over a disk that loses what was not flushed, and what people ask of it.
//!
//! Owns starting, dying and the clock of each, and requests on their way: late, lost, unanswered.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use protocol::ServerId;
use protocol::start::StartAnswer;
use tokio::runtime::Runtime;
use tokio::task::AbortHandle;
use webtier::simulated::{Answer, Disk, Fault, Site, WebTier, Wire, prepare};

use crate::net::{Ends, Host, Net, SharedEnds, Stream, lock};
use crate::servers::{control_name, name, origin, wall};
use crate::tls::Pki;

/// A host on which a web tier runs, or ran, or will run.
pub(crate) struct Tier {
    pub(crate) host: Host,
    pub(crate) disk: Disk,
    pub(crate) running: Option<WebTier>,
    pub(crate) offset_ms: i64,
    pub(crate) start_ms: u64,
    /// The login of its agent.
    pub(crate) cookie: String,
    clock_ms: Arc<AtomicU64>,
    starts: u64,
}

/// Connections that web tiers have opened and the network has not heard of.
pub(crate) type Dials = Arc<Mutex<Vec<(Host, Host, SharedEnds)>>>;

/// Which CServers answer at all.
pub(crate) type Up = Arc<[AtomicBool; 2]>;

impl Tier {
    pub(crate) fn new(host: Host, offset_ms: i64, grace_ms: u64) -> Result<Self, Fault> {
        let disk = Disk::default();
        let names: Vec<_> =
            (0..2).map(|host| (name(host), origin(host), control_name(host))).collect();
        let servers: Vec<_> = names
            .iter()
            .map(|(name, url, control)| (name.as_str(), url.as_str(), control.as_str()))
            .collect();
        let site = Site { origin: SHOP, grace_ms, servers: &servers, now_ms: wall(0, offset_ms) };
        let cookie = prepare(&disk, &site)?;
        let clock_ms = Arc::default();
        let (running, start_ms, starts) = (None, 0, 0);
        Ok(Self { host, disk, running, offset_ms, start_ms, cookie, clock_ms, starts })
    }

    pub(crate) fn set_clock(&self, now: u64) {
        self.clock_ms.store(wall(now, self.offset_ms), Ordering::Relaxed);
    }

    pub(crate) fn start(
        &mut self,
        now: u64,
        runtime: &Runtime,
        pki: &Pki,
        dials: &Dials,
        up: &Up,
    ) -> Result<(), Fault> {
        self.set_clock(now);
        self.starts += 1;
        let (from, dials, up) = (self.host, dials.clone(), up.clone());
        let connect = move |server: ServerId| -> futures_util::future::BoxFuture<'static, _> {
            let to = usize::from(server.as_str() == "s1");
            let answer = if up[to].load(Ordering::Relaxed) {
                let ends: SharedEnds = Arc::new(Mutex::new(Ends::default()));
                lock(&dials).push((from, to, ends.clone()));
                Ok(Box::new(Stream(ends)) as Box<dyn Wire>)
            } else {
                Err(io::ErrorKind::ConnectionRefused.into())
            };
            Box::pin(std::future::ready(answer))
        };
        let _entered = runtime.enter();
        let replica = format!("w{}", self.host);
        let tls = pki.tier.clone();
        self.running =
            Some(WebTier::start(&self.disk, &replica, self.clock_ms.clone(), tls, connect)?);
        Ok(())
    }
}

/// A request of a browser to a web tier.
pub(crate) struct Request {
    pub(crate) tier: usize,
    from: Host,
    leaves_ms: u64,
    gives_up_ms: u64,
    what: Option<Asked>,
    answer: Arc<Mutex<Option<Option<Answer>>>>,
    work: Option<AbortHandle>,
    arrives_ms: Option<u64>,
    is_lost: bool,
    starts: u64,
    /// Its answer has been looked at by whoever checks what web tiers answer.
    is_checked: bool,
}

struct Asked {
    path: String,
    origin: Option<String>,
    cookie: Option<String>,
    body: Option<String>,
}

/// How it stands.
pub(crate) enum Progress {
    UnderWay,
    /// Nobody answered.
    Failed,
    Answered(Answer),
}

impl Request {
    /// A visitor's page posts JSON.
    pub(crate) fn post(now: u64, from: Host, tier: usize, path: &str, body: String) -> Self {
        let origin = Some(SHOP.to_owned());
        let asked = Asked { path: path.to_owned(), origin, cookie: None, body: Some(body) };
        Self::new(now, from, tier, asked)
    }

    /// An agent's browser opens a page.
    pub(crate) fn get(now: u64, from: Host, tier: usize, path: String, cookie: &str) -> Self {
        let asked = Asked { path, origin: None, cookie: Some(cookie.to_owned()), body: None };
        Self::new(now, from, tier, asked)
    }

    fn new(now: u64, from: Host, tier: usize, what: Asked) -> Self {
        Self {
            tier,
            from,
            leaves_ms: now,
            gives_up_ms: now + REQUEST_MS,
            what: Some(what),
            answer: Arc::default(),
            work: None,
            arrives_ms: None,
            is_lost: false,
            starts: 0,
            is_checked: false,
        }
    }

    pub(crate) fn turn(
        &mut self,
        now: u64,
        net: &Net,
        rng: &mut relay_sim::rng::Rng,
        tiers: &[Tier],
        runtime: &Runtime,
    ) -> Progress {
        let tier = &tiers[self.tier];
        if now >= self.gives_up_ms {
            return Progress::Failed;
        }
        // Looked at in the turn in which it was made, whether or not it gets anywhere.
        if self.what.is_none() && self.arrives_ms.is_none() && lock(&self.answer).is_some() {
            self.arrives_ms = Some(now + net.delay(rng));
            self.is_lost = rng.chance(3);
        }
        if net.is_blocked(now, self.from, tier.host) {
            return Progress::UnderWay;
        }
        if let Some(asked) = self.what.take_if(|_| now >= self.leaves_ms) {
            let Some(running) = &tier.running else { return Progress::Failed };
            self.starts = tier.starts;
            let work = running.request(
                &asked.path,
                asked.origin.as_deref(),
                asked.cookie.as_deref(),
                asked.body,
            );
            let answer = self.answer.clone();
            let task = runtime.spawn(async move { *lock(&answer) = Some(work.await) });
            self.work = Some(task.abort_handle());
        }
        match self.arrives_ms {
            // Its process died before it could say anything.
            None if self.what.is_none()
                && (tier.running.is_none() || tier.starts != self.starts) =>
            {
                Progress::Failed
            }
            Some(due) if now >= due && self.is_lost => Progress::Failed,
            Some(due) if now >= due => match lock(&self.answer).take().flatten() {
                Some(answer) => Progress::Answered(answer),
                None => Progress::Failed,
            },
            _ => Progress::UnderWay,
        }
    }
}

impl Request {
    /// The ticket in an answer that was given a moment ago, and the CServer that it is for; once. It may not reach anybody.
    pub(crate) fn new_ticket(&mut self) -> Option<(Host, String)> {
        self.arrives_ms.filter(|_| !std::mem::replace(&mut self.is_checked, true))?;
        let answer = lock(&self.answer);
        let answer = answer.as_ref()?.as_ref()?;
        let told = serde_json::from_str::<StartAnswer>(&answer.body).ok();
        let (ticket, to) = match (&answer.ticket, told) {
            (Some(ticket), _) => (ticket.clone(), answer.location.clone()?),
            (None, told) => told.map(|told| (told.ticket, told.server))?,
        };
        Some((usize::from(to.contains("//s1.")), ticket))
    }

    /// When something is to be done about it.
    pub(crate) fn next_ms(&self) -> u64 {
        match (self.arrives_ms, &self.what) {
            (Some(due), _) => due,
            (None, Some(_)) => self.leaves_ms,
            (None, None) => self.gives_up_ms,
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if let Some(work) = &self.work {
            work.abort();
        }
    }
}

/// The origin of the visitors' pages.
pub(crate) const SHOP: &str = "https://shop.example";

/// How long a session waits for its visitor: in some worlds so short that it is reached, in the others so long that nothing
/// but the word of its newer home ends an old one in time.
pub(crate) const GRACE_MS: [u64; 2] = [12_000, 600_000];

/// A browser gives a request up.
const REQUEST_MS: u64 = 6_000;
