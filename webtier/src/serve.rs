//! Running the web tier: files, sockets, tasks, and an end in good order.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use host::{Notifier, inherited};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use crate::admin::socket;
use crate::audit;
use crate::audit::signing::AuditKey;
use crate::audit::start::{Checked, StartError};
use crate::clock::Clock;
use crate::config::Config;
use crate::dialler::Dialler;
use crate::limits::{METRICS_TOKEN_CHARS_MIN, STOP_MS_MAX};
use crate::metrics;
use crate::releases::{Releases, VERSION};
use crate::reload::Reload;
use crate::routes::router;
use crate::service::{App, Service, ServiceError};
use crate::store::sled::SledStore;
use crate::store::{Store, StoreError};
use crate::tls;

/// The web tier cannot start, or stopped for a reason.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error("{}", faults.join("\n"))]
    Files { faults: Vec<String> },
    #[error(
        "cannot listen on {address}: {error}; is the port taken, or below 1024 without the right to it?"
    )]
    Listen { address: SocketAddr, error: std::io::Error },
    #[error(
        "cannot open the admin socket {path}: {error}; the store's folder must be ours to write, and the path short"
    )]
    Admin { path: std::path::PathBuf, error: std::io::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Audit(#[from] StartError),
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error(
        "there is nothing to listen on: give `listen` an address like \"0.0.0.0:443\", or start this by a socket unit"
    )]
    Nowhere,
    #[error("a socket of the service manager cannot be served: {0}")]
    Inherited(std::io::Error),
    #[error("cannot watch for signals: {0}")]
    Signal(std::io::Error),
    #[error("a listener failed: {0}")]
    Serve(std::io::Error),
}

/// The TLS of both sides; all files that cannot be used are told at once.
pub(crate) fn files(
    config: &Config,
) -> Result<(Arc<rustls::ServerConfig>, Arc<rustls::ClientConfig>), ServeError> {
    match (tls::server(&config.tls), tls::client(&config.control)) {
        (Ok(server), Ok(client)) => Ok((server, client)),
        (server, client) => {
            let errors = server.err().into_iter().chain(client.err()).flatten();
            Err(ServeError::Files { faults: errors.map(|error| error.to_string()).collect() })
        }
    }
}

/// Whatever is wrong with any file that the configuration names.
pub(crate) fn file_faults(config: &Config) -> Vec<String> {
    let read = [files(config).err(), metrics_token(config).err(), audit_key(config).err()];
    let lives = tls::check_lives(config).into_iter().map(|error| error.to_string());
    read.into_iter().flatten().map(|error| error.to_string()).chain(lives).collect()
}

/// The token of `/metrics`, one line of at least 16 characters, so that it cannot be guessed.
pub(crate) fn metrics_token(config: &Config) -> Result<Option<Zeroizing<String>>, ServeError> {
    let Some(file) = &config.metrics else { return Ok(None) };
    let fault = |why: String| ServeError::Files {
        faults: vec![format!("metrics.token {}: {why}", file.token.display())],
    };
    let bytes =
        Zeroizing::new(host::source::read(&file.token).map_err(|error| fault(error.to_string()))?);
    let text = std::str::from_utf8(&bytes).map_err(|_| fault("not text".into()))?.trim();
    if text.len() < METRICS_TOKEN_CHARS_MIN || text.contains(char::is_whitespace) {
        return Err(fault(format!(
            "expected one word of at least {METRICS_TOKEN_CHARS_MIN} characters: `openssl rand -hex 32` makes one"
        )));
    }
    Ok(Some(Zeroizing::new(text.to_owned())))
}

/// The key that signs the audit log. Without one the log is kept all the same, and nobody can prove what it says.
pub(crate) fn audit_key(config: &Config) -> Result<Option<Arc<AuditKey>>, ServeError> {
    AuditKey::configured(config.audit.as_ref())
        .map_err(|error| ServeError::Files { faults: vec![format!("audit.key {error}")] })
}

/// Serves until SIGTERM or SIGINT; a second one waits for no request.
pub(crate) async fn serve(mut config: Config, path: &Path) -> Result<(), ServeError> {
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        replica = config.replica.as_str(),
        public_url = config.public_url,
        cookie_domain = config.cookie_domain,
        certificate = %config.tls.certificate.display(),
        control_certificate = %config.control.certificate.display(),
        control_ca = %config.control.ca.display(),
        store = %config.store.display(),
        starts_per_minute_address = config.limits.starts_per_minute_address,
        starts_per_minute_group = config.limits.starts_per_minute_group,
        "web tier starts"
    );
    host::memory::hide()
        .iter()
        .chain(&config.open_secrets())
        .for_each(|line| tracing::warn!("{line}"));
    let (server_tls, client_tls) = files(&config)?;
    config.metrics_token = metrics_token(&config)?;
    config.releases = Arc::new(Releases::open(&Releases::folder(&config.store)));
    let earlier = config.releases.versions().join(" ");
    tracing::info!(release = VERSION, earlier, "scripts for customers' pages");
    config.audit_key = audit_key(&config)?;
    metrics::install();
    tls::note_expiries(&config);
    let mut term = signal(SignalKind::terminate()).map_err(ServeError::Signal)?;
    let hangup = signal(SignalKind::hangup()).map_err(ServeError::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signal)?;
    let notifier = Notifier::from_environment().unwrap_or_else(|error| {
        tracing::warn!(%error, "the service manager cannot be told anything (NOTIFY_SOCKET)");
        Notifier::default()
    });
    let listeners = listeners(&config.listen)?;
    let addresses: Vec<_> =
        listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
    let store: Arc<dyn Store> = Arc::new(SledStore::open(&config.store)?);
    if let Some(key) = &config.audit_key {
        let began = Instant::now();
        let Checked { entries, accepted } = audit::start::check(&*store, key)?;
        let ms = began.elapsed().as_millis();
        tracing::info!(entries, ?accepted, ms, "audit log verified");
    }
    let socket_path = socket::path(&config.store);
    let app = Service::new(config, store.clone(), Clock::system())?;
    let dialler = Arc::new(Dialler::new(app.clone(), client_tls));
    dialler.configure()?;
    let admin = socket::listen(&socket_path)
        .map_err(|error| ServeError::Admin { path: socket_path.clone(), error })?;
    warn_of_what_is_missing(&*store)?;

    let mut house = JoinSet::new();
    house.spawn(app.clone().keep_house());
    house.spawn(socket::serve(admin, app.clone(), dialler.clone()));
    let mut servers = JoinSet::new();
    let (mut handles, mut public) = (Vec::new(), Vec::new());
    for listener in listeners {
        let handle = Handle::<SocketAddr>::new();
        handles.push(handle.clone());
        let tls = RustlsConfig::from_config(server_tls.clone());
        public.push(tls.clone());
        let server = axum_server::from_tcp_rustls(listener, tls).map_err(ServeError::Serve)?;
        let pages = router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
        servers.spawn(server.handle(handle).serve(pages));
    }
    tracing::info!(?addresses, admin_socket = %socket_path.display(), "web tier listens");
    let notifier = Arc::new(notifier);
    notifier.ready(&status(&app));
    house.spawn(tell(notifier.clone(), app.clone()));
    let reload = Reload {
        path: path.to_owned(),
        public,
        dialler: dialler.clone(),
        app: app.clone(),
        notifier: notifier.clone(),
    };
    house.spawn(reload.at(hangup, status));

    let ended = tokio::select! {
        _ = term.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        ended = servers.join_next() => match ended {
            Some(Ok(Err(error))) => Err(ServeError::Serve(error)),
            _ => Ok(()),
        },
    };
    notifier.stopping(Duration::from_millis(2 * STOP_MS_MAX));
    tracing::info!("web tier stops: requests under way are finished first");
    for handle in &handles {
        handle.graceful_shutdown(Some(Duration::from_millis(STOP_MS_MAX)));
    }
    tokio::select! {
        () = async { while servers.join_next().await.is_some() {} } => {}
        _ = term.recv() => cut_short(),
        _ = interrupt.recv() => cut_short(),
    }
    servers.shutdown().await;
    house.shutdown().await;
    drop(dialler);
    // Another process may open the store from here on, and finds no socket of ours.
    let _ = std::fs::remove_file(&socket_path);
    tokio::task::spawn_blocking(move || store.flush())
        .await
        .unwrap_or(Err(StoreError::Conflict))?;
    tracing::info!("web tier stopped; the store is on disk");
    ended
}

/// A second signal while requests are finished: they are left, what is promised is on disk all the same.
fn cut_short() {
    tracing::warn!("second signal: ending at once");
}

/// Tells the service manager that the runtime still turns, and how we are.
async fn tell(notifier: Arc<Notifier>, app: App) {
    let beat = notifier.watchdog().map_or(BEAT, |watchdog| BEAT.min(watchdog / 4));
    loop {
        tokio::time::sleep(beat).await;
        notifier.alive();
        notifier.status(&status(&app));
    }
}

fn status(app: &App) -> String {
    match app.fleet().up_count() {
        0 => "no CServer is connected, so no session can begin".into(),
        up => format!("serving; CServers connected: {up}"),
    }
}

/// Sockets that the service manager opened; without any, those of `listen`.
fn listeners(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, ServeError> {
    let handed = inherited().public().map_err(ServeError::Inherited)?;
    for listener in &handed {
        listener.set_nonblocking(true).map_err(ServeError::Inherited)?;
    }
    match (handed.is_empty(), addresses.is_empty()) {
        (false, _) => Ok(handed),
        (true, false) => listen(addresses),
        (true, true) => Err(ServeError::Nowhere),
    }
}

fn listen(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, ServeError> {
    let listen = |address: &SocketAddr| {
        let listener = TcpListener::bind(address)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
        listener.map_err(|error| ServeError::Listen { address: *address, error })
    };
    addresses.iter().map(listen).collect()
}

/// A fresh store can do nothing yet: says what is missing and how to add it.
fn warn_of_what_is_missing(store: &dyn Store) -> Result<(), StoreError> {
    if store.servers()?.is_empty() {
        tracing::warn!("there is no CServer yet: add one with `webtier server add`");
    }
    if store.groups()?.is_empty() {
        tracing::warn!("there is no group yet: add one with `webtier group add`");
    }
    if store.agents()?.is_empty() {
        tracing::warn!("there is no agent yet: add one with `webtier agent add`");
    }
    Ok(())
}

/// The service manager hears of us so often.
const BEAT: Duration = Duration::from_secs(1);
