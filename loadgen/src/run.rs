//! A whole run, from the main thread: starts the threads, waits for connections, opens windows, looks at processes, judges.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokio::sync::mpsc::UnboundedSender;

use crate::field::{Clock, Pulse, Window};
use crate::full::Full;
use crate::limits::{DRAIN_MS_MAX, FILES_OTHER, OPEN_MS_MAX, STEPS_MAX, THREADS_MAX};
use crate::probe::{self, Look};
use crate::progress::Progress;
use crate::report::{Figures, Report, SecondFigures, ServerFigures, Step, Threshold, limit_of};
use crate::scenario::{Crowd, Mode, Scenario};
use crate::tally::Tally;
use crate::target::Target;
use crate::tickets::wall_ms;
use crate::worker::{self, Order, Share};

/// What a run needs.
pub struct Plan {
    /// What to do.
    pub scenario: Scenario,
    /// To whom.
    pub target: Target,
    /// What it calls itself.
    pub server_name: String,
    /// Its process, if it runs here.
    pub server_pid: Option<u32>,
    /// Its cores.
    pub server_cores: u16,
    /// Threads of the generator.
    pub threads: usize,
    /// Every so many-th agent is checked.
    pub sample: u32,
    /// Bounds that set the exit status.
    pub bounds: Bounds,
    /// Sockets of nobody that are filled when traffic begins.
    pub full: Option<Rc<Full>>,
}

/// Thresholds of the command line.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Bounds {
    /// The run fails when the 99th percentile of the latency is above.
    #[arg(long, value_name = "MS")]
    pub max_p99_ms: Option<f64>,
    /// The run fails when a larger share of the messages was not delivered; 0.001 is one in a thousand.
    #[arg(long, value_name = "SHARE")]
    pub max_loss: Option<f64>,
}

struct Threads {
    orders: Vec<UnboundedSender<Order>>,
    answers: Receiver<worker::Result>,
    clock: Clock,
    pulse: Arc<Pulse>,
}

struct Watch {
    pid: Option<u32>,
    threads: usize,
}

/// Runs a scenario.
pub fn run(plan: &Plan) -> anyhow::Result<Report> {
    ensure!(
        (1..=THREADS_MAX).contains(&plan.threads),
        "--threads {}: give 1 to {THREADS_MAX}",
        plan.threads
    );
    let length_ms = plan.scenario.warmup_ms + plan.scenario.measure_ms;
    ensure!(
        plan.sample == 1 || (plan.sample > 1 && length_ms <= SAMPLED_MS_MAX),
        "--sample {}: give 1 or more, and with more than 1 a run of at most {SAMPLED_MS_MAX} ms: agents that are not looked at answer no ping",
        plan.sample
    );
    raise_files(plan.scenario.connections() as u64 + sunk(plan) + FILES_OTHER)?;
    let started_ms = wall_ms();
    let watch = Watch { pid: plan.server_pid, threads: plan.threads };
    let before = watch.server()?;
    let threads = Threads::start(plan)?;
    let opening = Instant::now();
    let expected = if matches!(plan.scenario.mode, Mode::Connect { .. }) {
        0
    } else {
        threads.order(Order::Open);
        let expected = at_start(&plan.scenario);
        threads.wait_open(expected)?;
        expected
    };
    let open_ms = u64::try_from(opening.elapsed().as_millis()).unwrap_or(u64::MAX);
    if expected > 0 {
        // What the last handshakes left behind is done before anything is measured.
        std::thread::sleep(SETTLING);
    }
    let open = watch.server()?;
    let (steps, lost) = measure(plan, &threads, &watch)?;
    let after = watch.server().unwrap_or(None);
    threads.order(Order::End);
    let server = match (plan.server_pid, before, open, after) {
        (Some(pid), Some(before), Some(open), after) => Some(ServerFigures {
            pid,
            rss_before_bytes: before.rss_bytes,
            rss_open_bytes: open.rss_bytes,
            rss_after_bytes: after.map_or(0, |look| look.rss_bytes),
            rss_bytes_per_connection: open
                .rss_bytes
                .saturating_sub(before.rss_bytes)
                .checked_div(expected),
            cpu_us_per_opening: (expected > 0)
                .then(|| open.cpu_ns.saturating_sub(before.cpu_ns) as f64 / 1e3 / expected as f64),
        }),
        _ => None,
    };
    let judged = judge(plan, &steps, lost);
    let limit = match steps.last() {
        Some(last) => limit_of(last, plan.server_cores),
        None => "nothing was measured".into(),
    };
    Ok(Report {
        scenario: plan.scenario.clone(),
        server_name: plan.server_name.clone(),
        started_ms,
        threads: plan.threads,
        sample: plan.sample,
        capacity_per_s: capacity(plan, &steps),
        steps,
        open_ms,
        server,
        limit,
        thresholds: judged,
        server_lost: lost,
    })
}

/// Opens window after window; whether the server was lost.
fn measure(plan: &Plan, threads: &Threads, watch: &Watch) -> anyhow::Result<(Vec<Step>, bool)> {
    let mut steps = Vec::new();
    let mut scale = 1.0;
    loop {
        let (step, lost) = match plan.scenario.mode {
            Mode::Connect { total, at_once } => connect(plan, threads, watch, total, at_once)?,
            _ => window(plan, threads, watch, scale)?,
        };
        let Mode::Saturate { factor, p99_ms } = plan.scenario.mode else {
            steps.push(step);
            return Ok((steps, lost));
        };
        let kept = keeps(&step.total, p99_ms);
        let generator_full = step.generator_cpu >= crate::limits::GENERATOR_SHARE_MAX;
        steps.push(step);
        if lost || !kept || generator_full || steps.len() == STEPS_MAX {
            return Ok((steps, lost));
        }
        scale *= factor;
    }
}

/// Whether a step of a search is one that the server has carried. What it said it left out may be a little, and is in no figure.
fn keeps(total: &Figures, p99_ms: u64) -> bool {
    let skipped_max = (total.delivered + total.skipped) as f64 * crate::limits::SKIPPED_SHARE_MAX;
    total.latency.p99_us <= p99_ms * 1_000
        && total.lost + total.unsent == 0
        && total.skipped as f64 <= skipped_max
}

fn capacity(plan: &Plan, steps: &[Step]) -> Option<f64> {
    let Mode::Saturate { p99_ms, .. } = plan.scenario.mode else { return None };
    let kept = steps.iter().filter(|step| keeps(&step.total, p99_ms));
    kept.map(|step| step.total.arrived as f64 * 1e3 / step.window_ms as f64)
        .fold(None, |best: Option<f64>, one| Some(best.map_or(one, |best| best.max(one))))
}

fn window(
    plan: &Plan,
    threads: &Threads,
    watch: &Watch,
    scale: f64,
) -> anyhow::Result<(Step, bool)> {
    let scenario = &plan.scenario;
    let start_ns = threads.clock.now_ns() + LEAD.as_nanos() as u64;
    let from_ns = start_ns + scenario.warmup_ms * 1_000_000;
    let to_ns = from_ns + scenario.measure_ms * 1_000_000;
    threads.order(Order::Run(Window { start_ns, from_ns, to_ns, scale }));
    if let Some(full) = &plan.full {
        full.fill();
    }
    let mut progress = Progress::new(scenario, threads.pulse.clone());
    let mut looks: Vec<(Option<Look>, Look)> = Vec::new();
    let mut lost = false;
    let mut at_ns = start_ns;
    let mut edges = Vec::new();
    // Every second, and at both edges of the window.
    loop {
        threads.sleep_until(at_ns);
        let server = match watch.server() {
            Ok(look) => look,
            Err(_) => {
                lost = true;
                None
            }
        };
        let both = (server, probe::look_at_self());
        if at_ns == from_ns || at_ns == to_ns {
            edges.push(both);
        }
        if (at_ns - start_ns).is_multiple_of(SECOND_NS) {
            looks.push(both);
            progress.tell(seconds(at_ns - start_ns), looks.windows(2).last().and_then(cpu_of));
        }
        if at_ns == to_ns {
            break;
        }
        let second_ns = start_ns + ((at_ns - start_ns) / SECOND_NS + 1) * SECOND_NS;
        let edge_ns = if at_ns < from_ns { from_ns } else { to_ns };
        at_ns = second_ns.min(edge_ns);
    }
    let tallies = threads.collect(DRAIN_MS_MAX)?;
    let window_ms = scenario.measure_ms;
    let mut step = figures(scenario, &tallies, scale, window_ms);
    step.offered_per_s = scenario.deliveries_per_s() * scale;
    if let [(Some(a), own_a), (Some(b), own_b)] = edges[..] {
        step.account(a, b, false);
        step.generator_cpu = share(own_a, own_b, window_ms) / watch.threads as f64;
    } else if let [(_, own_a), (_, own_b)] = edges[..] {
        step.generator_cpu = share(own_a, own_b, window_ms) / watch.threads as f64;
    }
    for (at, pair) in looks.windows(2).enumerate() {
        if let Some(second) = step.seconds.get_mut(at) {
            second.server_cpu = cpu_of(pair);
            second.server_rss_bytes = pair[1].0.map(|look| look.rss_bytes);
            second.generator_cpu = share(pair[0].1, pair[1].1, 1_000);
        }
    }
    lost |= !step.total.faults.is_empty()
        && threads.pulse.failed.load(Ordering::Relaxed) >= scenario.connections() as u64;
    Ok((step, lost))
}

fn connect(
    plan: &Plan,
    threads: &Threads,
    watch: &Watch,
    total: u32,
    at_once: u32,
) -> anyhow::Result<(Step, bool)> {
    let count = threads.orders.len() as u32;
    let began = Instant::now();
    let (a, own_a) = (watch.server()?, probe::look_at_self());
    threads.order(Order::Connect(total.div_ceil(count), at_once.div_ceil(count)));
    let tallies = threads.collect(OPEN_MS_MAX)?;
    // The server's side of the last connections' end.
    std::thread::sleep(SETTLING);
    let window_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
    let own_b = probe::look_at_self();
    let mut step = figures(&plan.scenario, &tallies, 1.0, window_ms);
    let b = watch.server();
    let lost = b.is_err();
    if let (Some(a), Ok(Some(b))) = (a, b) {
        step.account(a, b, true);
    }
    step.generator_cpu = share(own_a, own_b, window_ms) / watch.threads as f64;
    Ok((step, lost))
}

fn figures(scenario: &Scenario, tallies: &[Tally], scale: f64, window_ms: u64) -> Step {
    let mut all = Tally::default();
    tallies.iter().for_each(|tally| all.merge(tally));
    let crowds = scenario.crowds.iter().zip(tallies);
    Step {
        scale,
        window_ms,
        offered_per_s: 0.0,
        total: Figures::new("all", &all),
        crowds: crowds.map(|(crowd, tally)| Figures::new(crowd.name, tally)).collect(),
        seconds: all
            .seconds
            .iter()
            .map(|second| SecondFigures {
                sent: second.sent,
                delivered: second.delivered,
                latency: crate::report::Percentiles::new(&second.latency),
                server_cpu: None,
                generator_cpu: 0.0,
                server_rss_bytes: None,
            })
            .collect(),
        server_cpu: None,
        cpu_us_per_message: None,
        cpu_us_per_mb: None,
        cpu_us_per_connection: None,
        wakings_per_message: None,
        server_kernel_share: None,
        generator_cpu: 0.0,
    }
}

impl Step {
    fn account(&mut self, a: Look, b: Look, per_connection: bool) {
        let cpu_us = b.cpu_ns.saturating_sub(a.cpu_ns) as f64 / 1e3;
        let per = |count: f64| (count > 0.0).then(|| cpu_us / count);
        self.server_cpu = Some(cpu_us / 1e3 / self.window_ms as f64);
        self.cpu_us_per_message = per(self.total.arrived as f64);
        self.cpu_us_per_mb = per(self.total.arrived_bytes as f64 / 1e6);
        if per_connection {
            self.cpu_us_per_connection = per(self.total.opened as f64);
        }
        if self.total.arrived > 0 {
            let wakings = b.wakings.saturating_sub(a.wakings) as f64;
            self.wakings_per_message = Some(wakings / self.total.arrived as f64);
        }
        let (user, system) = (b.user_ticks - a.user_ticks, b.system_ticks - a.system_ticks);
        self.server_kernel_share =
            (user + system > 0).then(|| system as f64 / (user + system) as f64);
    }
}

fn judge(plan: &Plan, steps: &[Step], lost: bool) -> Vec<Threshold> {
    let mut all = Vec::new();
    let worst = steps.iter().map(|step| &step.total);
    if let Some(max) = plan.bounds.max_p99_ms {
        let found = worst.clone().map(|t| t.latency.p99_us).max().unwrap_or_default() as f64 / 1e3;
        all.push(Threshold {
            asked: format!("99th percentile at most {max} ms"),
            found: format!("{found:.3} ms"),
            held: found <= max,
        });
    }
    if let Some(max) = plan.bounds.max_loss {
        let found = worst.clone().map(Figures::loss).fold(0.0, f64::max);
        all.push(Threshold {
            asked: format!("at most {max} of the messages lost"),
            found: format!("{found:.6}"),
            held: found <= max,
        });
    }
    let disordered: u64 = worst.map(|total| total.disordered).sum();
    all.push(Threshold {
        asked: "every message in order, once, to its own session".into(),
        found: format!("{disordered} were not"),
        held: disordered == 0,
    });
    all.push(Threshold {
        asked: "the server lives".into(),
        found: if lost { "it was gone before the end" } else { "it does" }.into(),
        held: !lost,
    });
    all
}

impl Threads {
    fn start(plan: &Plan) -> anyhow::Result<Self> {
        let (clock, pulse) = (Clock::start(), Arc::new(Pulse::default()));
        let (tell, answers) = mpsc::channel();
        let (mut shares, next) = deal(&plan.scenario, plan.threads);
        let mut orders = Vec::new();
        for (at, sessions) in shares.drain(..).enumerate() {
            let share = Share {
                target: plan.target.clone(),
                clock,
                crowds: plan.scenario.crowds.clone(),
                sample: plan.sample,
                sessions,
                next: (next.0 + at as u32 * APART, next.1 + at as u32 * APART),
                pulse: pulse.clone(),
            };
            let (order, ordered) = tokio::sync::mpsc::unbounded_channel();
            let tell = tell.clone();
            std::thread::Builder::new()
                .name(format!("load-{at}"))
                .spawn(move || worker::run(share, ordered, &tell))
                .context("cannot start a thread")?;
            orders.push(order);
        }
        Ok(Self { orders, answers, clock, pulse })
    }

    fn order(&self, order: Order) {
        for thread in &self.orders {
            // A thread that has ended has told why.
            let _ = thread.send(order);
        }
    }

    fn wait_open(&self, expected: u64) -> anyhow::Result<()> {
        let until = Instant::now() + Duration::from_millis(OPEN_MS_MAX);
        loop {
            let opened = self.pulse.opened.load(Ordering::Relaxed);
            let failed = self.pulse.failed.load(Ordering::Relaxed);
            if opened >= expected {
                return Ok(());
            }
            if failed > 0 || Instant::now() > until {
                // What went wrong stands in the tallies.
                self.order(Order::Tell);
                let tallies = self.collect(DRAIN_MS_MAX).unwrap_or_default();
                let mut told: Vec<String> = tallies
                    .iter()
                    .flat_map(|tally| &tally.faults)
                    .map(|(fault, count)| format!("{count} times: {fault}"))
                    .collect();
                told.truncate(FAULTS_TOLD);
                bail!("{opened} of {expected} connections are open\n  {}", told.join("\n  "));
            }
            if let Ok(Err(error)) = self.answers.try_recv() {
                return Err(error).context("cannot make a ring (io_uring)");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn collect(&self, wait_ms: u64) -> anyhow::Result<Vec<Tally>> {
        let mut all: Vec<Tally> = Vec::new();
        for _ in &self.orders {
            let wait = Duration::from_millis(wait_ms) + GRACE;
            let tallies = self.answers.recv_timeout(wait).context("a thread does not answer")??;
            if all.is_empty() {
                all = tallies;
            } else {
                all.iter_mut().zip(&tallies).for_each(|(sum, one)| sum.merge(one));
            }
        }
        Ok(all)
    }

    fn sleep_until(&self, at_ns: u64) {
        let wait_ns = at_ns.saturating_sub(self.clock.now_ns());
        std::thread::sleep(Duration::from_nanos(wait_ns));
    }
}

impl Watch {
    fn server(&self) -> anyhow::Result<Option<Look>> {
        Ok(self.pid.map(probe::look).transpose()?)
    }
}

/// Sessions as a thread gets them: crowd, index in the run, first serial number.
type Sessions = Vec<(usize, u32, u32)>;

/// Deals the sessions to the threads in turn; and the first index and serial number that are free.
fn deal(scenario: &Scenario, threads: usize) -> (Vec<Sessions>, (u32, u32)) {
    let mut shares = vec![Vec::new(); threads];
    let (mut index, mut serial) = (0, 0);
    if !matches!(scenario.mode, Mode::Connect { .. }) {
        for (crowd, shape) in scenario.crowds.iter().enumerate() {
            for _ in 0..shape.sessions {
                shares[index as usize % threads].push((crowd, index, serial));
                index += 1;
                serial += 1 + shape.agents + shape.stalled;
            }
        }
    }
    (shares, (index, serial))
}

/// Agents that are not looked at: each has a second file on its socket.
fn sunk(plan: &Plan) -> u64 {
    let of = |crowd: &Crowd| {
        let unchecked = crowd.agents - crowd.agents.div_ceil(plan.sample);
        u64::from(crowd.sessions) * u64::from(unchecked)
    };
    plan.scenario.crowds.iter().map(of).sum()
}

/// Connections that are open before traffic begins.
fn at_start(scenario: &Scenario) -> u64 {
    let of = |crowd: &Crowd| {
        let agents = if crowd.join.is_none() { crowd.agents + crowd.stalled } else { 0 };
        u64::from(crowd.sessions) * u64::from(1 + agents)
    };
    scenario.crowds.iter().map(of).sum()
}

fn share(a: Look, b: Look, window_ms: u64) -> f64 {
    b.cpu_ns.saturating_sub(a.cpu_ns) as f64 / 1e6 / window_ms as f64
}

fn cpu_of(pair: &[(Option<Look>, Look)]) -> Option<f64> {
    Some(share(pair[0].0?, pair[1].0?, 1_000))
}

fn seconds(ns: u64) -> u64 {
    ns / SECOND_NS
}

/// Lets the process have as many files as it needs, if it may.
pub(crate) fn raise_files(needed: u64) -> anyhow::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limits = getrlimit(Resource::Nofile);
    let (now, most) = (limits.current.unwrap_or(u64::MAX), limits.maximum.unwrap_or(u64::MAX));
    if now >= needed {
        return Ok(());
    }
    ensure!(
        most >= needed,
        "this scenario needs {needed} open files and this shell allows {most}: run `ulimit -n {needed}` first (as root, or raise LimitNOFILE), or ask for less with --sessions"
    );
    setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limits.maximum })
        .with_context(|| format!("cannot raise the limit of open files: run `ulimit -n {needed}`"))
}

/// From the order to the first message.
const LEAD: Duration = Duration::from_millis(100);
const SETTLING: Duration = Duration::from_millis(1_000);
/// What a thread may need beyond what it was given, on a busy host.
const GRACE: Duration = Duration::from_secs(20);
const SECOND_NS: u64 = 1_000_000_000;
/// The server pings after 20 s of silence and gives up after as long again.
const SAMPLED_MS_MAX: u64 = 30_000;
const FAULTS_TOLD: usize = 8;
/// Numbers between two threads' own for sessions that begin later.
const APART: u32 = 10_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_session_is_dealt_once_and_no_serial_number_twice() {
        let scenario = Scenario::by_name("mixed").unwrap();
        let (shares, next) = deal(&scenario, 3);
        let mut all: Vec<_> = shares.into_iter().flatten().collect();
        all.sort_by_key(|(_, index, _)| *index);
        assert_eq!(all.len(), next.0 as usize);
        for pair in all.windows(2) {
            let shape = &scenario.crowds[pair[0].0];
            assert_eq!(pair[1].1, pair[0].1 + 1);
            assert_eq!(pair[1].2, pair[0].2 + 1 + shape.agents + shape.stalled);
        }
        assert_eq!(scenario.connections(), next.1 as usize);
    }

    #[test]
    fn a_step_with_a_loss_does_not_count_and_one_with_a_few_skipped_does() {
        let keeps = |p99_us, lost, skipped, unsent| {
            let tally = Tally { delivered: 99_900, lost, skipped, unsent, ..Tally::default() };
            let mut total = Figures::new("all", &tally);
            total.latency.p99_us = p99_us;
            super::keeps(&total, 50)
        };
        assert!(keeps(50_000, 0, 0, 0) && keeps(50_000, 0, 99, 0));
        assert!(!keeps(50_001, 0, 0, 0), "too late");
        assert!(!keeps(50, 1, 0, 0), "lost without a word");
        assert!(!keeps(50, 0, 0, 1), "not even sent");
        assert!(!keeps(50, 0, 101, 0), "more than a thousandth is left out");
    }

    #[test]
    fn late_joiners_are_not_waited_for() {
        let scenario = Scenario::by_name("join-storm").unwrap();
        assert_eq!(at_start(&scenario), 40 * 3 + 20);
    }

    #[test]
    fn more_files_than_the_system_has_is_an_error_with_the_command_that_raises_it() {
        let error = raise_files(1 << 60).unwrap_err().to_string();
        assert!(error.contains("ulimit -n 1152921504606846976"), "{error}");
    }
}
