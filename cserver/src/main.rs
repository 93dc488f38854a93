//! The session server's command line: `cserver serve --config FILE`.

use std::io::IsTerminal;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand};
use cserver::backend::{Clock, Core, Office, Post, listener};
use cserver::config::{Config, LogFormat};
use cserver::credentials::CookieKeys;
use cserver::limits::DRAIN_MS;
use cserver::shard::{Entropy, Shard};
use cserver::shared::{Identity, Shared};
use cserver::supervise::Supervisor;
use cserver::{startup, tls};
use host::{Notifier, inherited};
use protocol::secret::Secret;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Relays cobrowse sessions. It listens on its configured addresses, opens no connection and writes no file.
#[derive(Debug, Parser)]
#[command(name = "cserver", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves until SIGTERM or SIGINT, which drain: sessions move to other servers, then the process ends. A second signal ends it at once.
    Serve {
        /// The configuration.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Says whether the configuration, its certificates and this host will do.
    Check {
        /// The configuration.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Prints the effective configuration.
    PrintConfig {
        /// The configuration.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Serve { config } => serve(&config),
        Command::Check { config } => check(&config),
        Command::PrintConfig { config } => print_config(&config),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cserver: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(path: &std::path::Path) -> anyhow::Result<()> {
    // Before any other thread, and before a descriptor could be opened under a number that is not ours.
    inherited();
    let config = Config::read(path)?;
    start_log(config.log.format);
    let found = startup::look(config.backend, config.cores)?;
    found.log();
    let cores = found.cores.len();
    let shared = Arc::new(Shared::new(
        Identity::new(&config, random(), found.backend.name()),
        tls::configs(&config)?,
        CookieKeys::new(&Secret::new(random())),
        cores,
    ));
    let office = Arc::new(Office::new(cores));
    let notifier = Notifier::from_environment().unwrap_or_else(|error| {
        tracing::warn!(%error, "the service manager cannot be told anything (NOTIFY_SOCKET)");
        Notifier::default()
    });
    let listeners = listeners(&config, cores)?;
    for one in listeners.first().into_iter().flatten() {
        tracing::info!(
            server = config.id.as_str(),
            address = %one.local_addr()?,
            public = %config.public_url.origin,
            control = %config.control_name,
            "listening"
        );
    }
    drain_on_signals(office.clone())?;
    let clock = Clock::start();
    let supervisor = Supervisor { notifier, office: office.clone(), shared: shared.clone(), clock };
    let mut threads = Vec::with_capacity(cores);
    for (core, (listeners, processor)) in listeners.into_iter().zip(found.cores).enumerate() {
        let entropy: Entropy = Box::new(fill_random);
        let shard = Shard::new(core, cores, shared.clone(), entropy);
        let core_of = Core { shard, listeners, office: office.clone(), clock };
        let (backend, pinned) = (found.backend, found.pinned);
        let run = move || {
            let _end = EndOnPanic;
            if pinned {
                startup::pin(processor);
            }
            core_of.run(&backend)
        };
        let name = format!("core-{core}");
        threads.push(
            std::thread::Builder::new().name(name).spawn(run).context("cannot start a core")?,
        );
    }
    std::thread::Builder::new()
        .name("supervisor".into())
        .spawn(move || supervisor.run())
        .context("cannot start the supervisor")?;
    for thread in threads {
        match thread.join() {
            Ok(result) => result.context("a core has failed")?,
            // Its guard has ended the process before this can be reached.
            Err(_) => anyhow::bail!("a core has panicked"),
        }
    }
    tracing::info!("drained, bye");
    Ok(())
}

/// Sockets that the service manager opened; without any, those of `listen`.
fn listeners(config: &Config, cores: usize) -> anyhow::Result<Vec<Vec<TcpListener>>> {
    for told in inherited().unknown() {
        tracing::warn!("{told}: the service manager's socket is left unused");
    }
    let handed = inherited().public()?;
    if handed.is_empty() {
        ensure!(
            !config.listen.is_empty(),
            "there is nothing to listen on: give `listen` an address like \"0.0.0.0:443\", or start this by a socket unit"
        );
        return Ok(listener::bind(&config.listen, cores)?);
    }
    if !config.listen.is_empty() {
        tracing::info!("`listen` is left unused: the service manager's sockets are served");
    }
    let sockets = handed.len();
    tracing::info!(sockets, cores, "sockets of the service manager");
    listener::share(&handed, cores).context("a socket of the service manager cannot be served")
}

fn check(path: &std::path::Path) -> anyhow::Result<()> {
    let config = Config::read(path)?;
    tls::configs(&config)?;
    let found = startup::look(config.backend, config.cores)?;
    say(&format!(
        "{}: good. Backend {} ({}), {} cores, {} open files.\n",
        path.display(),
        found.backend.name(),
        found.why,
        found.cores.len(),
        found.files
    ));
    Ok(())
}

fn print_config(path: &std::path::Path) -> anyhow::Result<()> {
    say(&Config::read(path)?.to_toml());
    Ok(())
}

/// What a command was asked for goes to standard output; everything else is log.
#[allow(clippy::print_stdout, reason = "the answer of a command line")]
fn say(text: &str) {
    print!("{text}");
}

fn start_log(format: LogFormat) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("COBROWSE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "a fault of this program")));
}

/// Ends the process when a core's thread panics: its sessions' state is lost. What supervises the process starts a
/// whole one, and visitors go to another server meanwhile.
struct EndOnPanic;

impl Drop for EndOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

fn drain_on_signals(office: Arc<Office>) -> anyhow::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT])?;
    let watch = move || {
        for (count, signal) in signals.forever().enumerate() {
            if count > 0 {
                tracing::warn!(signal, "second signal: ending at once");
                std::process::exit(1);
            }
            office.send(cserver::shard::CONTROL_CORE, Post::Drain(DRAIN_MS));
        }
    };
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(watch)
        .context("cannot watch signals")?;
    Ok(())
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill_random(&mut bytes);
    bytes
}

fn fill_random(bytes: &mut [u8]) {
    if let Err(error) = getrandom::fill(bytes) {
        // Without randomness there are no credentials, and none must be guessed.
        panic!("the system gives no random bytes: {error}");
    }
}
