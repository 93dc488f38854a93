//! The generator's command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use clap::{Parser, Subcommand};
use loadgen::control::{self, ControlAccess};
use loadgen::full::Full;
use loadgen::pairs::Kind;
use loadgen::report::Report;
use loadgen::run::{self, Bounds, Plan};
use loadgen::scenario::{self, Overrides, Scenario};
use loadgen::stage::{self, Stage, StageOptions};
use loadgen::target::{Dialect, Target, Tickets};
use loadgen::tls::{KeyExchange, public_config};
use loadgen::{crowded, full, html, pairs, summary, webtier};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Puts a CServer under a named load and says what came of it: latency from when a message was due, loss, order, and the
/// server's CPU time for each message.
///
/// `loadgen SCENARIO …` is short for `loadgen serve-and-run SCENARIO …`.
///
/// Exit status: 0 all thresholds held, 1 one was broken, 2 the run was not possible.
#[derive(Debug, Parser)]
#[command(name = "loadgen", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a scenario against a CServer that runs already. The generator plays the web tier: it dials the control stream and
    /// signs its own tickets.
    Run {
        #[command(flatten)]
        load: Load,
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        web: Box<webtier::Access>,
    },
    /// Starts a CServer with throw-away certificates on processors of its own, runs a scenario against it, stops it.
    ServeAndRun {
        #[command(flatten)]
        load: Load,
        #[command(flatten)]
        stage: StageOptions,
    },
    /// Runs a scenario against a plain relay, for comparison: what comes on /pub/ID goes to everybody on /sub/ID.
    RunPlain {
        #[command(flatten)]
        load: Load,
        /// Its address.
        #[arg(long)]
        address: SocketAddr,
        /// The name in its certificate.
        #[arg(long, default_value = stage::PUBLIC_NAME)]
        name: String,
        /// CA of its certificate.
        #[arg(long)]
        ca: PathBuf,
        /// What it is called in the report.
        #[arg(long, default_value = "plain relay")]
        label: String,
        /// It speaks socket.io: rooms instead of paths.
        #[arg(long)]
        socket_io: bool,
        /// Its process.
        #[arg(long)]
        server_pid: Option<u32>,
        /// Processors of the generator; all if left out.
        #[arg(long, value_delimiter = ',')]
        generator_cores: Vec<usize>,
    },
    /// Holds very many idle connections, over several CServers and generators: one process may not have so many files.
    Crowded {
        #[command(flatten)]
        options: crowded::Options,
        #[command(flatten)]
        stage: StageOptions,
        /// Writes what was found as JSON.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Compares those who read with and without others who stop reading, in pairs of runs; `slow-crowd` has ten thousand of those.
    Pairs {
        #[command(flatten)]
        options: pairs::Options,
        #[command(flatten)]
        load: Load,
        #[command(flatten)]
        stage: StageOptions,
    },
    /// Holds sockets that are full, for `pairs`.
    #[command(hide = true)]
    FullSockets {
        #[command(flatten)]
        options: full::Options,
        #[command(flatten)]
        stage: StageOptions,
    },
    /// Lists the scenarios.
    List,
    /// Makes throw-away certificates for `run-plain`: ca.pem, public.pem, public.key.
    Certificates {
        /// Where to.
        folder: PathBuf,
    },
    /// Proves the generator itself in some seconds: a small run whose messages must all arrive, a dead port, a server that dies.
    SelfTest {
        #[command(flatten)]
        stage: StageOptions,
    },
}

/// What to do and what to tell.
#[derive(Clone, Debug, clap::Args)]
struct Load {
    /// One of `loadgen list`.
    scenario: String,
    #[command(flatten)]
    change: Overrides,
    #[command(flatten)]
    bounds: Bounds,
    /// Threads of the generator.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Checks every so many-th agent of a session only; the others are read and not looked at, so that the generator's core
    /// reaches further.
    #[arg(long, default_value_t = 1)]
    sample: u32,
    /// What the clients offer in TLS.
    #[arg(long, value_enum, default_value_t)]
    key_exchange: KeyExchange,
    /// Writes the report as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes the report as one HTML file with plots.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// See [`Plan::full`].
    #[arg(skip)]
    full: Option<Rc<Full>>,
}

/// A CServer that runs.
#[derive(Debug, clap::Args)]
struct Server {
    /// Its address.
    #[arg(long)]
    address: SocketAddr,
    /// Host and port as in its `public_url`.
    #[arg(long)]
    host: String,
    /// CA of its public certificate.
    #[arg(long)]
    ca: PathBuf,
    /// Its control name. Left out where a web tier is named, which dials it already.
    #[arg(long, value_name = "NAME", required_unless_present = "web_address")]
    control: Option<String>,
    /// Certificate of a web tier, of the control CA.
    #[arg(long, value_name = "FILE", required_unless_present = "web_address")]
    control_cert: Option<PathBuf>,
    /// Its private key.
    #[arg(long, value_name = "FILE", required_unless_present = "web_address")]
    control_key: Option<PathBuf>,
    /// The control CA.
    #[arg(long, value_name = "FILE", required_unless_present = "web_address")]
    control_ca: Option<PathBuf>,
    /// Its process, when it runs on this host: then its CPU time and memory are told.
    #[arg(long)]
    server_pid: Option<u32>,
    /// The server is another host, and yours to put under load.
    #[arg(long)]
    beyond_loopback: bool,
}

fn main() -> ExitCode {
    match command(Arguments::parse_from(with_command(std::env::args_os())).command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("loadgen: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// A scenario's name alone means `serve-and-run`.
fn with_command(words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = words.collect();
    let first = words.get(1).and_then(|word| word.to_str()).unwrap_or_default();
    if Scenario::by_name(first).is_some() {
        words.insert(1, "serve-and-run".into());
    }
    words
}

fn command(command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Run { load, server, web } => {
            ensure!(
                server.address.ip().is_loopback() || server.beyond_loopback,
                "{} is another host: say --beyond-loopback if it is yours to put under load",
                server.address
            );
            let name = server.host.split(':').next().unwrap_or_default().to_owned();
            let at = Place { address: server.address, host: server.host, name, ca: server.ca };
            if let Some(web) = web.open(load.key_exchange)? {
                let origin = web.origin.clone();
                let tickets = Tickets::WebTier(Box::new(web));
                let target = at.target(&load, Dialect::Cserver { tickets, origin })?;
                let label = "cserver behind its web tier".into();
                return finish(&load, &start(&load, target, label, server.server_pid, 1)?);
            }
            let (Some(name), Some(certificate), Some(key), Some(ca)) =
                (server.control, server.control_cert, server.control_key, server.control_ca)
            else {
                bail!("--control, --control-cert, --control-key and --control-ca belong together");
            };
            let access = ControlAccess { name, certificate, key, ca };
            finish(&load, &against(&load, &at, &access, server.server_pid)?)
        }
        Command::ServeAndRun { load, stage } => {
            let stage = Stage::start(&stage)?;
            finish(&load, &on(&load, &stage)?)
        }
        Command::RunPlain {
            load,
            address,
            name,
            ca,
            label,
            socket_io,
            server_pid,
            generator_cores,
        } => {
            ensure!(
                address.ip().is_loopback(),
                "a plain relay is only run for comparison, on loopback"
            );
            if !generator_cores.is_empty() {
                stage::keep_to(&generator_cores)?;
            }
            let place = Place { address, host: format!("{name}:{}", address.port()), name, ca };
            let target =
                place.target(&load, if socket_io { Dialect::SocketIo } else { Dialect::Plain })?;
            finish(&load, &start(&load, target, label, server_pid, 1)?)
        }
        Command::Crowded { options, stage, json } => {
            let found = crowded::run(&options, &stage)?;
            say(&crowded::summary(&found));
            write_json(json.as_deref(), &found)?;
            Ok(found.thresholds.iter().all(|threshold| threshold.held))
        }
        Command::Pairs { options, load, stage } => {
            let crowd = scenario_of(&load)?.stalled();
            let found = pairs::run(&options, crowd, |kind| {
                let mut load = load.clone();
                if kind != Kind::SomeStop {
                    load.change.stalled = Some(0);
                }
                if kind == Kind::BesideFull {
                    load.full = Some(Rc::new(Full::open(crowd, &stage)?));
                }
                on(&load, &Stage::start(&stage)?)
            })?;
            say(&pairs::summary(&found));
            write_json(load.json.as_deref(), &found)?;
            Ok(found.thresholds.iter().all(|threshold| threshold.held))
        }
        Command::FullSockets { options, stage } => full::hold(&options, &stage).map(|()| true),
        Command::List => {
            for one in scenario::all() {
                say(&format!("{:16} {}\n", one.name, one.about));
            }
            Ok(true)
        }
        Command::Certificates { folder } => {
            std::fs::create_dir_all(&folder)?;
            stage::certificates(&folder).map(|()| true)
        }
        Command::SelfTest { stage } => self_test(&stage),
    }
}

/// Where a server is and what it is called.
struct Place {
    address: SocketAddr,
    host: String,
    name: String,
    ca: PathBuf,
}

impl Place {
    fn target(&self, load: &Load, dialect: Dialect) -> anyhow::Result<Target> {
        let name = self.name.clone().try_into();
        Ok(Target {
            address: self.address,
            host: self.host.clone(),
            name: name.with_context(|| format!("{:?} is not a host name", self.name))?,
            config: Arc::new(public_config(&self.ca, load.key_exchange, false)?),
            dialect,
        })
    }
}

fn on(load: &Load, stage: &Stage) -> anyhow::Result<Report> {
    let place = Place {
        address: stage.address,
        host: stage.host.clone(),
        name: stage.name.clone(),
        ca: stage.ca.clone(),
    };
    against(load, &place, &stage.control, Some(stage.pid()))
}

fn against(
    load: &Load,
    place: &Place,
    access: &ControlAccess,
    pid: Option<u32>,
) -> anyhow::Result<Report> {
    let opened = control::open(access, place.address, ORIGIN)?;
    let label = format!("cserver {} ({} cores)", opened.version, opened.cores);
    let tickets = Tickets::Signed(opened.signer);
    let dialect = Dialect::Cserver { tickets, origin: ORIGIN.into() };
    start(load, place.target(load, dialect)?, label, pid, opened.cores)
}

fn start(
    load: &Load,
    target: Target,
    server_name: String,
    server_pid: Option<u32>,
    server_cores: u16,
) -> anyhow::Result<Report> {
    run::run(&Plan {
        scenario: scenario_of(load)?,
        target,
        server_name,
        server_pid,
        server_cores,
        threads: load.threads,
        sample: load.sample,
        bounds: load.bounds,
        full: load.full.clone(),
    })
}

fn scenario_of(load: &Load) -> anyhow::Result<Scenario> {
    let mut scenario = Scenario::by_name(&load.scenario).with_context(|| {
        let names: Vec<_> = scenario::all().iter().map(|one| one.name).collect();
        format!("no scenario is called {:?}; there are {}", load.scenario, names.join(", "))
    })?;
    scenario.change(&load.change).map_err(anyhow::Error::msg)?;
    Ok(scenario)
}

/// Tells a report wherever it was asked for; whether all thresholds held.
fn finish(load: &Load, report: &Report) -> anyhow::Result<bool> {
    say(&summary::summary(report));
    write_json(load.json.as_deref(), report)?;
    if let Some(path) = &load.html {
        let page = html::page(report);
        std::fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(report.thresholds.iter().all(|threshold| threshold.held))
}

fn write_json(path: Option<&Path>, found: &impl serde::Serialize) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    std::fs::write(path, serde_json::to_string_pretty(found)?)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// What a command was asked for goes to standard output; progress and errors go to standard error.
#[allow(clippy::print_stdout, reason = "the answer of a command line")]
fn say(text: &str) {
    print!("{text}");
}

fn self_test(options: &StageOptions) -> anyhow::Result<bool> {
    let small = |name: &str, seconds: u64| Load {
        scenario: name.into(),
        change: Overrides {
            sessions: Some(4),
            agents: Some(3),
            stalled: None,
            rate: Some(20.0),
            bytes: None,
            seconds: Some(seconds),
            warmup: None,
        },
        bounds: Bounds { max_p99_ms: None, max_loss: Some(0.0) },
        threads: 1,
        sample: 1,
        key_exchange: KeyExchange::default(),
        json: None,
        html: None,
        full: None,
    };
    let stage = Stage::start(options)?;

    let two = Load { threads: 2, ..small("W2", 2) };
    let report = on(&two, &stage)?;
    let total = &report.steps[0].total;
    let (sent, got) = (total.sent, total.delivered);
    ensure!((150..=170).contains(&sent), "4 sessions x 20 a second x 2 s are 160, not {sent}");
    ensure!(got == 3 * sent, "{sent} messages to 3 agents each, and {got} came");
    ensure!(report.thresholds.iter().all(|t| t.held), "{:?}", report.thresholds);
    ensure!(report.steps[0].cpu_us_per_message.is_some_and(|us| us > 0.0), "no CPU was seen");
    ensure!(html::page(&report).contains("<svg"), "the report has no plot");
    say("every message arrived, in order, once\n");

    // One agent of each session is looked at, two are counted by their bytes.
    let report = on(&Load { sample: 3, ..small("W2", 2) }, &stage)?;
    let total = &report.steps[0].total;
    let (sent, looked_at, got) = (total.sent, total.delivered, total.arrived);
    ensure!(looked_at == sent, "{sent} messages to one agent each, and {looked_at} came");
    ensure!(
        got.abs_diff(3 * sent) <= sent / 4,
        "{sent} messages to 3 agents each, and {got} by their bytes"
    );
    say("agents that are not looked at are counted by their bytes\n");

    let report = on(&small("W6", 1), &stage)?;
    ensure!(report.steps[0].total.opened == 4, "{:?}", report.steps[0].total);
    let mut storm = small("reconnect-storm", 5);
    storm.change.seconds = Some(5);
    let report = on(&storm, &stage)?;
    let returners = &report.steps[0].crowds[1];
    // Each of 1,000 visitors and agents opens twice.
    ensure!(
        returners.opened == 4_000,
        "{} of 4000 came in or back: {:?}",
        returners.opened,
        returners.faults
    );
    ensure!(returners.resumed == 2_000, "{} of 2000 resumed their TLS session", returners.resumed);
    ensure!(report.steps[0].total.disordered == 0, "{:?}", report.steps[0].total);
    say("a thousand sessions were cut and came back, with resumed TLS\n");

    let gone = SocketAddr::from(([127, 0, 0, 1], 1));
    let place = Place { address: gone, host: "x".into(), name: "x".into(), ca: stage.ca.clone() };
    let error = against(&small("W2", 1), &place, &stage.control, None)
        .err()
        .context("nobody listens on port 1, and yet a run was made")?;
    ensure!(format!("{error:#}").contains("refused"), "{error:#}");
    say("a dead port is refused clearly\n");

    let pid =
        rustix::process::Pid::from_raw(stage.pid().cast_signed()).context("a process has no id")?;
    let killer = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_secs(5));
        // Fails only when it has died by itself, which the report will show as well.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    });
    let report = on(&small("W2", 4), &stage)?;
    let _ = killer.join();
    ensure!(report.server_lost, "the server was killed and the report does not say so");
    ensure!(report.steps[0].total.delivered > 0, "what came before is in no report");
    say("a server that dies ends in a report\n");
    Ok(true)
}

/// Where the visitors' pages stand; the generator tells the CServer so itself.
const ORIGIN: &str = "https://load.localhost";
