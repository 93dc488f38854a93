//! `chaos`: real processes, protocol-level clients and real browsers, while everything that can break is broken.
//!
//! Owns what is set up and the order of things. The faults stand in `faults.rs`, how clients come back in `pair.rs`, real browsers
//! in `browsers.rs`; what lies between clients and CServers in `proxy.rs` and `network.rs`.

mod browsers;
mod faults;
mod network;
mod pair;
mod proxy;
mod report;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cobrowse_tests::stack::Way;
use cobrowse_tests::{AgentBrowser, Stack};

use crate::building;
use crate::repo::Repo;
use browsers::Browsers;
use faults::{Faults, Mended};
use network::Island;
use pair::{Orders, Outcome, Pair};
use proxy::Proxy;
use report::Report;

/// Arguments of the command.
#[derive(clap::Args, Clone)]
pub(crate) struct Arguments {
    /// How long faults are injected.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Where to write the report.
    #[arg(long)]
    json: PathBuf,
    /// Sessions, each with a visitor and an agent.
    #[arg(long, default_value_t = 500)]
    sessions: usize,
    /// Sessions in real browsers besides.
    #[arg(long, default_value_t = 3)]
    browsers: usize,
    /// One kind of fault only, by its name in the report.
    #[arg(long)]
    only: Option<String>,
    /// Pause between two faults: so that what is restored is seen to be.
    #[arg(long, default_value_t = 1_500)]
    pause_ms: u64,
    /// No network namespaces, which need root, and so no partitions.
    #[arg(long)]
    without_partitions: bool,
}

impl Arguments {
    /// Where the report goes.
    pub(crate) fn json(&self) -> &Path {
        &self.json
    }

    /// A short run: nothing may be lost; how fast things come back says nothing on a busy machine.
    pub(crate) fn short(json: &Path) -> Self {
        Self {
            seconds: 12,
            json: json.to_owned(),
            sessions: 24,
            browsers: 0,
            only: None,
            pause_ms: 1_500,
            without_partitions: false,
        }
    }
}

/// Builds everything and runs it; false when a session was lost.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let repo = Repo::find()?;
    building::all(&repo)?;
    if arguments.browsers > 0 {
        browsers::install(&repo)?;
    }
    let report = break_everything(&repo, arguments)?;
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(report.is_good())
}

/// Everything but the building; what came of it is written, too.
pub(crate) fn break_everything(repo: &Repo, arguments: &Arguments) -> Result<Report> {
    let site = Site::lay(arguments)?;
    let mut stack = Stack::plan()
        .web_tiers(WEB_TIERS)
        .ways(site.ways())
        .starts_per_minute(60_000)
        .grace_ms(GRACE_MS)
        .start()?;
    let orders = Arc::new(Orders::default());
    let is_over = Arc::new(AtomicBool::new(false));
    let pairs = begin(&stack, arguments.sessions)?;
    // So that all of them together leave a machine of two cores time for the faults.
    let rest = Duration::from_millis(120.max(arguments.sessions as u64));
    let threads: Vec<_> = pairs
        .into_iter()
        .map(|pair| {
            let (orders, is_over) = (orders.clone(), is_over.clone());
            thread::spawn(move || pair.live(&orders, &is_over, rest))
        })
        .collect();
    let browsers = match arguments.browsers {
        0 => None,
        count => Some(Browsers::start(repo, &stack, count)?),
    };
    let before = memory(&mut stack);
    let mut faults = Faults::new(stack, site, orders, browsers).only(arguments.only.as_deref())?;
    let end = Instant::now() + Duration::from_secs(arguments.seconds);
    while Instant::now() < end {
        faults.inject()?;
        sleep(Duration::from_millis(arguments.pause_ms));
    }
    let Mended { mut stack, site, browsers, done } = faults.mend();
    stack.wait_until_ready()?;
    is_over.store(true, Ordering::Relaxed);
    let outcomes: Vec<Outcome> =
        threads.into_iter().map(|thread| thread.join().unwrap_or_default()).collect();
    let seen = browsers.map(Browsers::finish).transpose()?;
    let after = memory(&mut stack);
    // Until each has told once more.
    sleep(LOAD_TOLD);
    let held = held(&stack)?.into_iter().sum();
    let report = Report::new(done, &outcomes, seen, [before, after], held);
    std::fs::write(&arguments.json, serde_json::to_string_pretty(&report)? + "\n")
        .with_context(|| format!("cannot write {}", arguments.json.display()))?;
    // Processes before the networks that they are in.
    drop(stack);
    drop(site);
    Ok(report)
}

/// Where the CServers stand, and what lies before them.
struct Site {
    islands: Vec<Island>,
    proxies: Vec<Proxy>,
}

impl Site {
    fn lay(arguments: &Arguments) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .context("no runtime for the proxies")?;
        let runtime = Arc::new(runtime);
        let mut site = Self { islands: Vec::new(), proxies: Vec::new() };
        if !arguments.without_partitions {
            network::check()?;
            for at in 0..SERVERS {
                site.islands.push(Island::make(u8::try_from(at)?)?);
            }
        }
        for at in 0..SERVERS {
            let target = match site.islands.get(at) {
                Some(island) => island.listen(),
                None => free_address()?,
            };
            site.proxies.push(Proxy::open(&runtime, target)?);
        }
        Ok(site)
    }

    fn ways(&self) -> Vec<Way> {
        let within = |at| self.islands.get(at).map(Island::within).unwrap_or_default();
        let way = |(at, proxy): (usize, &Proxy)| Way {
            listen: proxy.target,
            public_port: proxy.port,
            within: within(at),
        };
        self.proxies.iter().enumerate().map(way).collect()
    }
}

/// A port of loopback that nobody has at the moment.
fn free_address() -> Result<std::net::SocketAddr> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// Starts so many sessions, a few at a time; every web tier gives out its share.
fn begin(stack: &Stack, count: usize) -> Result<Vec<Pair>> {
    let logins = (0..WEB_TIERS)
        .map(|web| AgentBrowser::login_at(stack, web, "ada"))
        .collect::<Result<Vec<_>>>()?;
    let (begun, failed) = (Mutex::new(Vec::new()), Mutex::new(None));
    let next = std::sync::atomic::AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..STARTERS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    let login = logins[number % WEB_TIERS].clone();
                    match Pair::start(stack, number % WEB_TIERS, login, number) {
                        Ok(pair) => lock(&begun).push(pair),
                        Err(error) => {
                            *lock(&failed) = Some(error.context(format!("session {number}")));
                            return;
                        }
                    }
                }
            });
        }
    });
    if let Some(error) = lock(&failed).take() {
        return Err(error.context("a session does not start"));
    }
    Ok(std::mem::take(&mut lock(&begun)))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Sessions that each CServer holds, as the first web tier is told every other second.
fn held(stack: &Stack) -> Result<Vec<usize>> {
    let told = stack.admin(&["server", "list"], "")?;
    let counts = told.lines().map(|line| {
        let (before, _) = line.split_once(" sessions")?;
        before.rsplit(' ').next()?.parse::<usize>().ok()
    });
    let counts: Option<Vec<_>> = counts.collect();
    let counts = counts.filter(|counts| counts.len() == SERVERS);
    counts.with_context(|| format!("a CServer is not up:\n{told}"))
}

/// Resident memory of all servers, KiB.
fn memory(stack: &mut Stack) -> u64 {
    let servers = stack.servers().iter().map(|server| server.process.id()).collect::<Vec<_>>();
    let webs = (0..WEB_TIERS).map(|at| stack.web_at(at).process.id()).collect::<Vec<_>>();
    servers.into_iter().chain(webs).filter_map(resident_kib).sum()
}

fn resident_kib(process: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Enough that two may be gone.
const SERVERS: usize = 3;

/// Each with sessions that it alone gave out.
const WEB_TIERS: usize = 2;

/// Nobody here stays away for so long.
const GRACE_MS: u64 = 120_000;

/// Sessions that begin at a time.
const STARTERS: usize = 8;

/// CServers tell their load every 2 s.
const LOAD_TOLD: Duration = Duration::from_millis(2_500);
