//! What is broken, one after the other, and mended again.
//!
//! Owns the kinds of faults and their order. Each ends by itself; what of it clients are told stands in [`Orders`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use cobrowse_tests::Stack;
use cobrowse_tests::limits::STOP_MAX;

use super::browsers::Browsers;
use super::pair::Orders;
use super::{SERVERS, Site, WEB_TIERS};

/// What is left when all is mended.
pub(super) struct Mended {
    pub(super) stack: Stack,
    pub(super) site: Site,
    pub(super) browsers: Option<Browsers>,
    /// How often what was done.
    pub(super) done: BTreeMap<&'static str, u64>,
}

/// Injects one fault after the other.
pub(super) struct Faults {
    stack: Stack,
    site: Site,
    orders: Arc<Orders>,
    browsers: Option<Browsers>,
    /// Of this kind only.
    only: Option<usize>,
    done: BTreeMap<&'static str, u64>,
    turn: usize,
    /// Web tiers that were broken so far.
    webs: usize,
}

impl Faults {
    pub(super) fn new(
        stack: Stack,
        site: Site,
        orders: Arc<Orders>,
        browsers: Option<Browsers>,
    ) -> Self {
        Self { stack, site, orders, browsers, only: None, done: BTreeMap::new(), turn: 0, webs: 0 }
    }

    /// One kind again and again; an error names those that there are.
    pub(super) fn only(mut self, name: Option<&str>) -> Result<Self> {
        if let Some(name) = name {
            let at = KINDS.iter().position(|(known, _)| *known == name);
            let all = KINDS.map(|(known, _)| known).join(", ");
            self.only = Some(at.with_context(|| format!("no fault {name:?}; there are {all}"))?);
        }
        Ok(self)
    }

    /// Everything as it was, and how often what was done.
    pub(super) fn mend(self) -> Mended {
        self.orders.fault.store(KINDS.len(), Ordering::Relaxed);
        let Self { stack, site, browsers, done, .. } = self;
        Mended { stack, site, browsers, done }
    }

    /// The next one, from its beginning to its end.
    pub(super) fn inject(&mut self) -> Result<()> {
        let kind = self.only.unwrap_or(self.turn % KINDS.len());
        // Where it is felt most: those that fell last are nearly empty.
        let held = super::held(&self.stack)?;
        let server = (0..SERVERS).max_by_key(|at| held[*at]).unwrap_or(0);
        self.turn += 1;
        let (name, what) = KINDS[kind];
        self.orders.fault.store(kind, Ordering::Relaxed);
        if what(self, server).with_context(|| format!("fault: {name}"))? {
            *self.done.entry(name).or_default() += 1;
        }
        Ok(())
    }

    /// Without a word, and those whose time is taken are told.
    fn kill(&mut self, at: usize) -> Result<()> {
        let when = SystemTime::now();
        self.stack.server(at).process.kill();
        let port = self.site.proxies[at].port;
        self.browsers.as_mut().map_or(Ok(()), |browsers| browsers.killed(when, port))
    }

    fn kill_server(&mut self, at: usize) -> Result<bool> {
        self.kill(at)?;
        sleep(AWAY);
        self.stack.restart_server(at)?;
        Ok(true)
    }

    fn terminate_server(&mut self, at: usize) -> Result<bool> {
        self.stack.server(at).process.terminate();
        self.wait_and_restart(at)
    }

    fn drain_server(&mut self, at: usize) -> Result<bool> {
        let id = self.stack.servers()[at].id.clone();
        self.stack.admin(&["server", "drain", &id, "--deadline-ms", "5000"], "")?;
        self.wait_and_restart(at)
    }

    fn wait_and_restart(&mut self, at: usize) -> Result<bool> {
        let ended = self.stack.server(at).process.wait(STOP_MAX);
        ensure!(ended.is_some(), "the CServer does not end");
        self.stack.restart_server(at)?;
        Ok(true)
    }

    fn kill_two_servers(&mut self, at: usize) -> Result<bool> {
        let other = (at + 1) % SERVERS;
        self.kill(at)?;
        self.kill(other)?;
        sleep(AWAY);
        // Each waits for all others that run.
        self.stack.revive_server(at)?;
        self.stack.restart_server(other)?;
        Ok(true)
    }

    fn kill_web(&mut self, _: usize) -> Result<bool> {
        let web = self.next_web();
        self.away(web, true);
        self.stack.web_at(web).process.kill();
        sleep(AWAY);
        self.web_is_back(web)
    }

    fn terminate_web(&mut self, _: usize) -> Result<bool> {
        let web = self.next_web();
        self.away(web, true);
        self.stack.web_at(web).process.terminate();
        let ended = self.stack.web_at(web).process.wait(STOP_MAX);
        ensure!(ended.is_some(), "the web tier does not end");
        self.web_is_back(web)
    }

    fn next_web(&mut self) -> usize {
        self.webs += 1;
        self.webs % WEB_TIERS
    }

    fn web_is_back(&mut self, web: usize) -> Result<bool> {
        self.stack.revive_web(web)?;
        self.stack.wait_until_ready()?;
        self.away(web, false);
        Ok(true)
    }

    fn away(&self, web: usize, is_away: bool) {
        self.orders.web_away[web].store(is_away, Ordering::Relaxed);
    }

    /// A web tier is away while a CServer dies: those who lost it find nobody to ask for a while.
    fn kill_both(&mut self, at: usize) -> Result<bool> {
        let web = self.next_web();
        self.away(web, true);
        self.stack.web_at(web).process.kill();
        self.stack.server(at).process.kill();
        sleep(AWAY);
        self.stack.revive_server(at)?;
        self.web_is_back(web)
    }

    fn stall_server(&mut self, at: usize) -> Result<bool> {
        self.stack.servers()[at].process.stall();
        sleep(AWAY);
        self.stack.servers()[at].process.go_on();
        Ok(true)
    }

    fn stall_web(&mut self, _: usize) -> Result<bool> {
        let web = self.next_web();
        self.away(web, true);
        self.stack.web_at(web).process.stall();
        sleep(AWAY);
        self.stack.web_at(web).process.go_on();
        self.away(web, false);
        Ok(true)
    }

    fn reload(&mut self, at: usize) -> Result<bool> {
        self.stack.servers()[at].process.hang_up();
        self.stack.web_at(at % WEB_TIERS).process.hang_up();
        Ok(true)
    }

    fn cut_visitors(&mut self, _: usize) -> Result<bool> {
        self.orders.cut_visitors.fetch_add(1, Ordering::Relaxed);
        Ok(true)
    }

    fn cut_agents(&mut self, _: usize) -> Result<bool> {
        self.orders.cut_agents.fetch_add(1, Ordering::Relaxed);
        Ok(true)
    }

    /// Connections that say nothing: their ends stay open until the server has had enough of them.
    fn half_open(&mut self, at: usize) -> Result<bool> {
        let port = self.stack.servers()[at].port;
        let opened: Result<Vec<_>, _> =
            (0..HALF_OPEN).map(|_| std::net::TcpStream::connect(("127.0.0.1", port))).collect();
        let opened = opened.context("half-open connections")?;
        sleep(AWAY);
        drop(opened);
        Ok(true)
    }

    /// Late, and by how much varies: connections overtake one another.
    fn delay(&mut self, at: usize) -> Result<bool> {
        self.weather(at, (60, 120, 0))
    }

    /// Now and then a piece comes as late as after a lost packet.
    fn lose_packets(&mut self, at: usize) -> Result<bool> {
        self.weather(at, (10, 20, 80))
    }

    fn weather(&mut self, at: usize, (delay, jitter, lost): (u64, u64, u64)) -> Result<bool> {
        // One CServer is reached as always.
        for proxy in [at, (at + 1) % SERVERS].map(|at| &self.site.proxies[at]) {
            proxy.set_weather(delay, jitter, lost);
        }
        sleep(WEATHER);
        self.site.proxies.iter().for_each(|proxy| proxy.set_weather(0, 0, 0));
        Ok(true)
    }

    /// Every connection to one CServer ends at once, while it is well.
    fn cut_connections(&mut self, at: usize) -> Result<bool> {
        self.site.proxies[at].cut();
        Ok(true)
    }

    /// Nothing reaches a CServer and nothing leaves it, for less than anybody's patience.
    fn partition(&mut self, at: usize) -> Result<bool> {
        self.part(at, PARTED)
    }

    /// The same for longer than the control stream's silence: web tiers take it for gone and give its sessions other homes, while
    /// it holds them still. Once the cable is back it has to hear of it.
    fn long_partition(&mut self, at: usize) -> Result<bool> {
        self.part(at, PARTED_LONG)
    }

    fn part(&mut self, at: usize, how_long: Duration) -> Result<bool> {
        let Some(island) = self.site.islands.get(at) else { return Ok(false) };
        island.pull()?;
        sleep(how_long);
        island.plug()?;
        self.stack.wait_until_ready()?;
        Ok(true)
    }
}

type Fault = fn(&mut Faults, usize) -> Result<bool>;

/// In this order, again and again, each time on the CServer that has the most sessions. Web tiers take turns.
pub(super) const KINDS: [(&str, Fault); 18] = [
    ("server_killed", Faults::kill_server),
    ("visitors_cut", Faults::cut_visitors),
    ("packets_delayed_and_reordered", Faults::delay),
    ("connections_cut", Faults::cut_connections),
    ("web_tier_killed", Faults::kill_web),
    ("partition", Faults::partition),
    ("server_drained", Faults::drain_server),
    ("agents_cut", Faults::cut_agents),
    ("reload", Faults::reload),
    ("two_servers_killed", Faults::kill_two_servers),
    ("packets_lost", Faults::lose_packets),
    ("server_stalled", Faults::stall_server),
    ("web_tier_stalled", Faults::stall_web),
    ("half_open_connections", Faults::half_open),
    ("web_tier_and_server_killed", Faults::kill_both),
    ("server_terminated", Faults::terminate_server),
    ("web_tier_terminated", Faults::terminate_web),
    ("long_partition", Faults::long_partition),
];

/// The name of a kind; of no kind when all is mended.
pub(super) fn name(kind: usize) -> &'static str {
    KINDS.get(kind).map_or("none", |(name, _)| name)
}

/// Whether a CServer died by it with the web tiers there.
pub(super) fn is_a_kill(name: &str) -> bool {
    matches!(name, "server_killed" | "two_servers_killed")
}

/// How long something is away or stalled.
const AWAY: Duration = Duration::from_millis(1_200);

/// How long a proxy carries late.
const WEATHER: Duration = Duration::from_millis(2_500);

/// Shorter than a client's patience and than the control stream's.
const PARTED: Duration = Duration::from_millis(2_000);

/// Longer than both.
const PARTED_LONG: Duration = Duration::from_secs(18);

/// Connections that never speak.
const HALF_OPEN: usize = 500;
