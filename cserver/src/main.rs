//! The session server's command line: `cserver serve --config FILE`.

use std::io::{IsTerminal, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, ensure};
use clap::{CommandFactory, Parser, Subcommand};
use cserver::admin;
use cserver::backend::{Clock, Core, Engine, Office, Post, listener};
use cserver::config::{Config, ConfigError, LogFormat};
#[cfg(target_os = "linux")]
use cserver::confine;
use cserver::credentials::CookieKeys;
use cserver::limits::{DRAIN_MS, FILES_WANTED};
use cserver::shard::{Entropy, Shard};
use cserver::shared::{Identity, Shared};
use cserver::supervise::Supervisor;
use cserver::tls::{TlsFaults, TlsSetupError};
use cserver::{startup, tls};
use host::source::SourceError;
use host::{Notifier, inherited};
use protocol::secret::Secret;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

#[global_allocator]
static ALLOCATOR: host::wiping::Wiping = host::wiping::Wiping;

/// Relays cobrowse sessions. It listens on its configured addresses, opens no connection and writes no file.
#[derive(Debug, Parser)]
#[command(name = "cserver", version, arg_required_else_help = true, after_help = AFTER_HELP)]
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
    /// Tells a running server to read certificates and limits again (SIGHUP).
    Reload {
        /// The number of its process.
        process: i32,
    },
    /// Prints completions for a shell: `cserver completions bash > /usr/share/bash-completion/completions/cserver`.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Prints this program's manual page, as `man` reads it.
    Manual,
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
        Command::Completions { shell } => {
            clap_complete::generate(
                shell,
                &mut Arguments::command(),
                "cserver",
                &mut std::io::stdout(),
            );
            Ok(())
        }
        Command::Reload { process } => host::signal::hang_up(process).map_err(anyhow::Error::from),
        Command::Manual => manual(),
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
    host::memory::hide().iter().for_each(|line| tracing::warn!("{line}"));
    let found = startup::look(config.backend, config.cores)?;
    found.log();
    let cores = found.cores.len();
    let (configs, expiries) = tls::read(&config)?;
    let shared = Arc::new(Shared::new(
        Identity::new(&config, random(), found.backend.name()),
        configs,
        CookieKeys::new(&Secret::new(random())),
        cores,
    ));
    shared.set_certificates(expiries);
    shared.set_limits(config.limits);
    open_secrets(&config).iter().for_each(|line| tracing::warn!("{line}"));
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
    let clock = Clock::start();
    let admin_sockets = admin_sockets(&config)?;
    let signals = Signals::new([SIGHUP, SIGTERM, SIGINT])?;
    let engines = (0..cores).map(|_| Engine::new(&found.backend)).collect::<Result<Vec<_>, _>>();
    let engines = engines.context("a core gets nothing to wait on")?;
    // Everything is open.
    #[cfg(target_os = "linux")]
    {
        confine::restrict(path, &config);
    }
    let notifier = Arc::new(notifier);
    let reload = {
        let (shared, notifier, path) = (shared.clone(), notifier.clone(), path.to_owned());
        move || {
            notifier.reloading();
            reload(&path, &shared);
            notifier.ready(&shared.status());
        }
    };
    watch_signals(signals, office.clone(), reload)?;
    // The thread before this line reads files again; those after it open none.
    #[cfg(target_os = "linux")]
    confine::filter(confine::Task::Serving);
    administrators(admin_sockets, &shared, clock)?;
    let supervisor = Supervisor { notifier, office: office.clone(), shared: shared.clone(), clock };
    let mut threads = Vec::with_capacity(cores);
    let each = listeners.into_iter().zip(engines).zip(found.cores).enumerate();
    for (core, ((listeners, engine), processor)) in each {
        let entropy: Entropy = Box::new(fill_random);
        let shard = Shard::new(core, cores, shared.clone(), entropy);
        let core_of = Core { shard, listeners, office: office.clone(), clock };
        let pinned = found.pinned;
        let run = move || {
            let _end = EndOnPanic;
            if pinned {
                startup::pin(processor);
            }
            core_of.run(engine)
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

/// The local sockets on which the administrator of this host asks.
fn admin_sockets(config: &Config) -> anyhow::Result<Vec<UnixListener>> {
    let mut listeners = inherited().admin()?;
    if let Some(path) = config.admin_socket.as_ref().filter(|_| listeners.is_empty()) {
        let bound = admin::bind(path);
        listeners.push(bound.with_context(|| {
            format!("cannot open the administrator's socket {}; is its folder ours to write, and no other cserver or file in its place?", path.display())
        })?);
    }
    Ok(listeners)
}

/// Answers on them.
fn administrators(
    listeners: Vec<UnixListener>,
    shared: &Arc<Shared>,
    clock: Clock,
) -> anyhow::Result<()> {
    for listener in listeners {
        let shared = shared.clone();
        std::thread::Builder::new()
            .name("admin".into())
            .spawn(move || admin::serve(&listener, &shared, clock))
            .context("cannot start the administrator's socket")?;
    }
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
        let bound = listener::bind(&config.listen, cores)?;
        listener::steer(&bound, config.congestion);
        return Ok(bound);
    }
    if !config.listen.is_empty() {
        tracing::info!("`listen` is left unused: the service manager's sockets are served");
    }
    let sockets = handed.len();
    tracing::info!(sockets, cores, "sockets of the service manager");
    let shared = listener::share(&handed, cores)
        .context("a socket of the service manager cannot be served")?;
    listener::steer(&shared, config.congestion);
    Ok(shared)
}

fn check(path: &std::path::Path) -> anyhow::Result<()> {
    let config = Config::read(path)?;
    tls::read(&config)?;
    let found = startup::look(config.backend, config.cores)?;
    say(&format!(
        "{}: good. Backend {} ({}), {} cores, {} open files.\n",
        path.display(),
        found.backend.name(),
        found.why,
        found.cores.len(),
        found.files
    ));
    open_secrets(&config).iter().for_each(|line| say(&format!("But: {line}\n")));
    if found.files < FILES_WANTED {
        say(&format!(
            "Few: each connection takes one, {FILES_WANTED} are advised. Raise LimitNOFILE, or ulimit -n.\n"
        ));
    }
    Ok(())
}

fn open_secrets(config: &Config) -> Vec<String> {
    host::source::open_secrets([&*config.tls.key, &*config.control.key])
}

fn print_config(path: &std::path::Path) -> anyhow::Result<()> {
    say(&Config::read(path)?.to_toml());
    Ok(())
}

fn manual() -> anyhow::Result<()> {
    Ok(std::io::stdout().write_all(&host::manual::page(Arguments::command())?)?)
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

/// Reads certificates and limits again. New connections get the new ones; those that are there keep theirs.
/// With a fault in any of it everything stays as it was.
fn reload(path: &std::path::Path, shared: &Shared) {
    let read = || -> anyhow::Result<_> {
        let config = Config::read(path)?;
        Ok((tls::read(&config)?, config.limits))
    };
    match read() {
        Ok(((configs, expiries), limits)) => {
            *shared.tls.write() = Arc::new(configs);
            shared.set_certificates(expiries);
            shared.set_limits(limits);
            tracing::info!(
                sessions_per_core = limits.sessions_per_core,
                connections_per_core = limits.connections_per_core,
                "certificates and limits were read again; whatever else was changed waits for a restart"
            );
        }
        Err(error) if is_denied(&error) => tracing::error!(
            "nothing was reloaded: {error:#}. Where the files' folder was replaced by another since the start: write them into the one that was there, or restart"
        ),
        Err(error) => tracing::error!("nothing was reloaded: {error:#}"),
    }
}

/// Whether a file may not be read: what `confine` says of a folder that it does not know, and the file's mode may be blameless.
fn is_denied(error: &anyhow::Error) -> bool {
    let kind_of = |fault: &TlsSetupError| match fault {
        TlsSetupError::Source { error: SourceError::Read { error }, .. } => Some(error.kind()),
        _ => None,
    };
    let mut of_tls = error.downcast_ref().into_iter().flat_map(|TlsFaults(faults)| faults);
    let of_tls = of_tls.find_map(kind_of);
    let of_config = match error.downcast_ref() {
        Some(ConfigError::Read { error, .. }) => Some(error.kind()),
        _ => None,
    };
    of_tls.or(of_config) == Some(std::io::ErrorKind::PermissionDenied)
}

fn watch_signals(
    mut signals: Signals,
    office: Arc<Office>,
    reload: impl Fn() + Send + 'static,
) -> anyhow::Result<()> {
    let watch = move || {
        #[cfg(target_os = "linux")]
        confine::filter(confine::Task::Reloading);
        let mut is_ending = false;
        for signal in signals.forever() {
            if signal == SIGHUP {
                reload();
                continue;
            }
            if std::mem::replace(&mut is_ending, true) {
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

const AFTER_HELP: &str = "\
Files:
  /etc/cobrowse/cserver.toml  the configuration; `cserver check` tells every fault at once, with its line
Environment:
  COBROWSE_LOG                what is logged: info (default), debug, warn, or by module
  LISTEN_FDS, NOTIFY_SOCKET   a service manager's, for socket activation and notifications
  CREDENTIALS_DIRECTORY       where `credential:NAME` is read from
Signals:
  SIGHUP                      read certificates and limits again; with a fault in any, everything stays as it was
  SIGTERM, SIGINT             drain: sessions move to other servers; a second one ends at once
Exit codes:
  0  ended in good order
  1  could not start, or a core failed; the last line says why and what to do
  2  wrong use of the command line";
