//! `chaos`: real processes and protocol-level clients on loopback, while everything that can break is broken.
//!
//! Owns the faults, their order and the report. Each session is a thread with a visitor and an agent that never stop changing and
//! comparing the page; `pair.rs` says how they come back.

mod pair;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cobrowse_tests::limits::STOP_MAX;
use cobrowse_tests::{AgentBrowser, Stack};
use serde::Serialize;

use crate::building;
use crate::repo::Repo;
use pair::{Orders, Outcome, Pair};

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How long faults are injected.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Where to write the report.
    #[arg(long)]
    json: PathBuf,
    /// Sessions, each with a visitor and an agent.
    #[arg(long, default_value_t = 100)]
    sessions: usize,
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Report {
    /// Each kind of fault and how often it was injected.
    faults: std::collections::BTreeMap<&'static str, u64>,
    sessions: usize,
    /// Whose visitor or agent did not come back, or whose agent does not see the visitor's page in the end.
    sessions_lost: usize,
    why_lost: Vec<String>,
    /// Losses of a connection that were made good while a web tier was there.
    restorations: usize,
    restored_ms_p50: u64,
    /// From the loss that a client saw until the agent had the visitor's page again.
    restored_ms_p99: u64,
    restored_ms_max: u64,
    /// What went wrong on the way of the slowest ones.
    slowest: Vec<String>,
    /// Losses for which no web tier was there to be asked for a while, and how long all of it took.
    restorations_without_web_tier: usize,
    restored_without_web_tier_ms_max: u64,
    /// Sessions that the web tier had given out and knew nothing of later.
    acknowledged_lost: usize,
    /// Resident memory of all servers together, at the end against the beginning; each was started anew meanwhile.
    memory_growth_percent: f64,
    memory_kib: [u64; 2],
}

/// Runs it; false when a session was lost.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let repo = Repo::find()?;
    building::all(&repo)?;
    let mut stack = Stack::plan().servers(SERVERS).grace_ms(GRACE_MS).start()?;
    let browser = AgentBrowser::login(&stack, "ada")?;
    let orders = Arc::new(Orders::default());
    let is_over = Arc::new(AtomicBool::new(false));
    let mut threads = Vec::new();
    for number in 0..arguments.sessions {
        let pair = Pair::start(&stack, browser.clone(), number)
            .with_context(|| format!("session {number} does not start"))?;
        let (orders, is_over) = (orders.clone(), is_over.clone());
        threads.push(thread::spawn(move || pair.live(&orders, &is_over)));
    }
    let before = memory(&mut stack);
    let mut faults = Faults { stack, orders, done: Default::default(), turn: 0 };
    let end = Instant::now() + Duration::from_secs(arguments.seconds);
    while Instant::now() < end {
        faults.inject()?;
        sleep(PAUSE);
    }
    let Faults { mut stack, done, .. } = faults;
    stack.wait_until_ready()?;
    is_over.store(true, Ordering::Relaxed);
    let outcomes: Vec<Outcome> =
        threads.into_iter().map(|thread| thread.join().unwrap_or_default()).collect();
    let after = memory(&mut stack);
    let report = report(done, arguments.sessions, &outcomes, [before, after]);
    println!("{}", serde_json::to_string_pretty(&report)?);
    std::fs::write(&arguments.json, serde_json::to_string_pretty(&report)? + "\n")
        .with_context(|| format!("cannot write {}", arguments.json.display()))?;
    Ok(report.sessions_lost == 0 && report.acknowledged_lost == 0)
}

fn report(
    faults: std::collections::BTreeMap<&'static str, u64>,
    sessions: usize,
    outcomes: &[Outcome],
    memory_kib: [u64; 2],
) -> Report {
    let of = |alone: bool| {
        let all = outcomes.iter().flat_map(|outcome| &outcome.restored);
        let mut ms: Vec<u64> = all.filter(|one| one.was_alone == alone).map(|one| one.ms).collect();
        ms.sort_unstable();
        ms
    };
    let (restored, alone) = (of(false), of(true));
    let at = |share: f64| {
        let rank = (restored.len() as f64 * share).ceil() as usize;
        restored.get(rank.saturating_sub(1)).copied().unwrap_or(0)
    };
    let why_lost: Vec<String> =
        outcomes.iter().filter_map(|outcome| outcome.lost.clone()).collect();
    let [before, after] = memory_kib.map(|kib| kib as f64);
    Report {
        faults,
        sessions,
        sessions_lost: why_lost.len(),
        why_lost: why_lost.into_iter().take(10).collect(),
        restorations: restored.len(),
        restored_ms_p50: at(0.5),
        restored_ms_p99: at(0.99),
        restored_ms_max: at(1.0),
        slowest: slowest(outcomes),
        restorations_without_web_tier: alone.len(),
        restored_without_web_tier_ms_max: alone.last().copied().unwrap_or(0),
        acknowledged_lost: outcomes.iter().filter(|outcome| outcome.is_forgotten).count(),
        memory_growth_percent: (after - before) / before * 100.0,
        memory_kib,
    }
}

fn slowest(outcomes: &[Outcome]) -> Vec<String> {
    let all = outcomes.iter().flat_map(|outcome| &outcome.restored);
    let mut slow: Vec<_> = all.filter(|one| one.ms > SLOW_MS && !one.was_alone).collect();
    slow.sort_by_key(|one| std::cmp::Reverse(one.ms));
    slow.iter()
        .take(5)
        .map(|one| format!("{} ms: {}", one.ms, one.tries.join("; then: ")))
        .collect()
}

/// Injects one fault after the other.
struct Faults {
    stack: Stack,
    orders: Arc<Orders>,
    done: std::collections::BTreeMap<&'static str, u64>,
    turn: usize,
}

impl Faults {
    fn inject(&mut self) -> Result<()> {
        let server = self.turn % SERVERS;
        let (name, what) = KINDS[self.turn % KINDS.len()];
        self.turn += 1;
        what(self, server).with_context(|| format!("fault: {name}"))?;
        *self.done.entry(name).or_default() += 1;
        Ok(())
    }

    fn kill_server(&mut self, at: usize) -> Result<()> {
        self.stack.server(at).process.kill();
        sleep(AWAY);
        self.stack.restart_server(at)
    }

    fn terminate_server(&mut self, at: usize) -> Result<()> {
        self.stack.server(at).process.terminate();
        self.wait_and_restart(at)
    }

    fn drain_server(&mut self, at: usize) -> Result<()> {
        let id = self.stack.servers()[at].id.clone();
        self.stack.admin(&["server", "drain", &id, "--deadline-ms", "5000"], "")?;
        self.wait_and_restart(at)
    }

    fn wait_and_restart(&mut self, at: usize) -> Result<()> {
        let ended = self.stack.server(at).process.wait(STOP_MAX);
        ensure!(ended.is_some(), "the CServer does not end");
        self.stack.restart_server(at)
    }

    fn kill_two_servers(&mut self, at: usize) -> Result<()> {
        let other = (at + 1) % SERVERS;
        self.stack.server(at).process.kill();
        self.stack.server(other).process.kill();
        sleep(AWAY);
        // Each waits for all others that run.
        self.stack.revive_server(at)?;
        self.stack.restart_server(other)
    }

    fn kill_web(&mut self, _: usize) -> Result<()> {
        self.orders.web_away.store(true, Ordering::Relaxed);
        self.stack.web().process.kill();
        sleep(AWAY);
        self.web_is_back()
    }

    fn terminate_web(&mut self, _: usize) -> Result<()> {
        self.orders.web_away.store(true, Ordering::Relaxed);
        self.stack.web().process.terminate();
        ensure!(self.stack.web().process.wait(STOP_MAX).is_some(), "the web tier does not end");
        self.web_is_back()
    }

    fn web_is_back(&mut self) -> Result<()> {
        self.stack.restart_web()?;
        self.orders.web_away.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// The web tier is away while a CServer dies: those who lost it find nobody to ask for a while.
    fn kill_both(&mut self, at: usize) -> Result<()> {
        self.orders.web_away.store(true, Ordering::Relaxed);
        self.stack.web().process.kill();
        self.stack.server(at).process.kill();
        sleep(AWAY);
        self.stack.revive_server(at)?;
        self.web_is_back()
    }

    fn stall_server(&mut self, at: usize) -> Result<()> {
        self.stack.servers()[at].process.stall();
        sleep(AWAY);
        self.stack.servers()[at].process.go_on();
        Ok(())
    }

    fn stall_web(&mut self, _: usize) -> Result<()> {
        self.orders.web_away.store(true, Ordering::Relaxed);
        self.stack.web().process.stall();
        sleep(AWAY);
        self.stack.web().process.go_on();
        self.orders.web_away.store(false, Ordering::Relaxed);
        Ok(())
    }

    fn reload(&mut self, at: usize) -> Result<()> {
        self.stack.servers()[at].process.hang_up();
        self.stack.web().process.hang_up();
        Ok(())
    }

    fn cut_visitors(&mut self, _: usize) -> Result<()> {
        self.orders.cut_visitors.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn cut_agents(&mut self, _: usize) -> Result<()> {
        self.orders.cut_agents.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Connections that say nothing: their ends stay open until the server has had enough of them.
    fn half_open(&mut self, at: usize) -> Result<()> {
        let port = self.stack.servers()[at].port;
        let opened: Result<Vec<_>, _> =
            (0..HALF_OPEN).map(|_| std::net::TcpStream::connect(("127.0.0.1", port))).collect();
        let opened = opened.context("half-open connections")?;
        sleep(AWAY);
        drop(opened);
        Ok(())
    }
}

type Fault = fn(&mut Faults, usize) -> Result<()>;

/// In this order, again and again, each time on the next CServer.
const KINDS: [(&str, Fault); 13] = [
    ("server_killed", Faults::kill_server),
    ("visitors_cut", Faults::cut_visitors),
    ("server_drained", Faults::drain_server),
    ("web_tier_killed", Faults::kill_web),
    ("server_stalled", Faults::stall_server),
    ("agents_cut", Faults::cut_agents),
    ("web_tier_and_server_killed", Faults::kill_both),
    ("half_open_connections", Faults::half_open),
    ("server_terminated", Faults::terminate_server),
    ("web_tier_stalled", Faults::stall_web),
    ("two_servers_killed", Faults::kill_two_servers),
    ("reload", Faults::reload),
    ("web_tier_terminated", Faults::terminate_web),
];

/// Resident memory of all servers, KiB.
fn memory(stack: &mut Stack) -> u64 {
    let servers: Vec<u32> = stack.servers().iter().map(|server| server.process.id()).collect();
    let all = servers.into_iter().chain([stack.web().process.id()]);
    all.filter_map(resident_kib).sum()
}

fn resident_kib(process: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

/// Enough that two may be gone.
const SERVERS: usize = 3;

/// Nobody here stays away for so long.
const GRACE_MS: u64 = 120_000;

/// How long something is away or stalled.
const AWAY: Duration = Duration::from_millis(1_200);

/// Between two faults: so that what is restored is seen to be.
const PAUSE: Duration = Duration::from_millis(1_500);

/// Whoever was away for longer has seen it.
const SLOW_MS: u64 = 2_000;

/// Connections that never speak.
const HALF_OPEN: usize = 500;
