//! The control streams: one to every configured CServer, dialled from here, kept open. PROTOCOL.md section 8.
//!
//! Owns dialling, the order in which a stream begins, and storing reports before they are acknowledged.
//! What is true of a stream that is open stands in `fleet.rs`; which keys go over it, in `keys.rs`.
//! A stream begins with everything that the CServer may have missed, so nothing has to be remembered about streams
//! that broke: settings and keys come from their sources, orders wait in the store until a CServer has read them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, SinkExt, StreamExt};
use protocol::control::{Boot, Down, RecordError, Report, ReportEvent, Up};
use protocol::limits::{CLOCK_SKEW_MS, CONTROL_RECORD_BYTES_MAX};
use protocol::subprotocol::CONTROL_V1;
use protocol::{GroupId, ServerId};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::config::Config;
use crate::limits::{
    CLOCK_AGAIN_MS, CONTROL_PING_MS, CONTROL_QUEUE_MAX, CONTROL_SILENCE_MS, DIAL_MS_MAX,
    DIAL_PAUSE_MS_MAX, DIAL_PAUSE_MS_MIN, REPORTS_BATCH_MAX,
};
use crate::locks::lock;
use crate::service::{App, ToLink};
use crate::store::StoreError;
use crate::store::records::Server;

/// What the next dialling shows; a reload changes it.
type SharedTls = Arc<Mutex<Arc<ClientConfig>>>;

/// A connection to a CServer, before TLS.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<W: AsyncRead + AsyncWrite + Send + Unpin> Wire for W {}

/// How a CServer is reached.
pub(crate) type Connect =
    Arc<dyn Fn(&Server) -> BoxFuture<'static, std::io::Result<Box<dyn Wire>>> + Send + Sync>;

/// By TCP.
fn tcp() -> Connect {
    Arc::new(|server| {
        let address = server.address.clone();
        Box::pin(async move {
            let tcp = TcpStream::connect(&address).await?;
            // Records are small and each is waited for.
            let _ = tcp.set_nodelay(true);
            Ok(Box::new(tcp) as Box<dyn Wire>)
        })
    })
}

/// Keeps one task for every configured CServer.
pub(crate) struct Dialler {
    app: App,
    connect: Connect,
    tls: SharedTls,
    tasks: Mutex<HashMap<ServerId, (Server, AbortHandle)>>,
}

impl Dialler {
    /// Dials nobody yet; see [`Dialler::configure`].
    pub(crate) fn new(app: App, tls: Arc<ClientConfig>) -> Self {
        Self::over(app, tls, tcp())
    }

    /// The same with another way to the CServers.
    pub(crate) fn over(app: App, tls: Arc<ClientConfig>, connect: Connect) -> Self {
        Self { app, connect, tls: Arc::new(Mutex::new(tls)), tasks: Mutex::default() }
    }

    /// From now on shows another certificate, or trusts another authority. Streams that are open stay.
    pub(crate) fn set_tls(&self, tls: Arc<ClientConfig>) {
        *lock(&self.tls) = tls;
    }

    /// Begins and ends streams so that they are those of the store. Called at start and after each change.
    pub(crate) fn configure(&self) -> Result<(), StoreError> {
        let servers = self.app.store_blocking().servers()?;
        self.app.fleet().configure(&servers);
        let mut tasks = lock(&self.tasks);
        tasks.retain(|id, (dialled, task)| {
            let stays =
                servers.iter().any(|server| server.id == *id && same_place(server, dialled));
            if !stays {
                task.abort();
                self.app.rotation().removed(id);
            }
            stays
        });
        for server in servers {
            tasks.entry(server.id).or_insert_with(|| {
                let Config { surrounds_views, public_url, .. } = &self.app.config;
                if let Some(fault) = surrounds_views.fault(public_url, &server.public_url) {
                    tracing::warn!(server = ?server.id, "{fault}");
                }
                let (connect, tls) = (self.connect.clone(), self.tls.clone());
                let work = keep_open(self.app.clone(), server.clone(), connect, tls);
                (server, tokio::spawn(work).abort_handle())
            });
        }
        Ok(())
    }
}

impl Drop for Dialler {
    fn drop(&mut self) {
        lock(&self.tasks).values().for_each(|(_, task)| task.abort());
    }
}

fn same_place(one: &Server, other: &Server) -> bool {
    one.address == other.address && one.control_name == other.control_name
}

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error("nothing answers at {0}: is the CServer running, and is its address right?")]
    Dial(String),
    #[error(
        "TLS failed: {0}; the CServer must show a certificate of the control CA for its control name"
    )]
    Tls(std::io::Error),
    #[error("no control stream there: {0}; compare control_name with the CServer's configuration")]
    Upgrade(Box<tungstenite::Error>),
    #[error("{0} took longer than {DIAL_MS_MAX} ms")]
    Slow(&'static str),
    #[error("the stream broke: {0}")]
    Broken(Box<tungstenite::Error>),
    #[error("the CServer ended the stream: {0}")]
    Closed(String),
    #[error("nothing was heard for {CONTROL_SILENCE_MS} ms")]
    Silent,
    #[error("this side could not keep up and begins anew")]
    Behind,
    #[error("the clocks were apart; they are compared again")]
    Clock,
    #[error("its first record was not hello")]
    NoHello,
    #[error("it says that it is {0:?}: compare its id with `server list`")]
    Other(ServerId),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Dials for ever.
async fn keep_open(app: App, server: Server, connect: Connect, tls: SharedTls) {
    let mut pause_ms = DIAL_PAUSE_MS_MIN;
    let mut told = String::new();
    loop {
        let began = Instant::now();
        let shown = lock(&tls).clone();
        let error = converse(&app, &server, &connect, shown).await;
        // The same trouble once a second is told once.
        let text = error.to_string();
        if text != told {
            tracing::warn!(server = ?server.id, error = %text, "no control stream; trying again");
            told = text;
        }
        if began.elapsed() > Duration::from_millis(CONTROL_SILENCE_MS) {
            pause_ms = DIAL_PAUSE_MS_MIN;
            told.clear();
        }
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        pause_ms = (pause_ms * 2).min(DIAL_PAUSE_MS_MAX);
    }
}

/// One stream from its dialling to its end.
async fn converse(
    app: &App,
    server: &Server,
    connect: &Connect,
    tls: Arc<ClientConfig>,
) -> LinkError {
    match Link::open(app, server, connect, tls).await {
        Ok(mut link) => {
            let Err(error) = link.run().await;
            error
        }
        Err(error) => error,
    }
}

/// A stream on which both sides have said hello.
struct Link<'a> {
    app: &'a App,
    server: ServerId,
    boot: Boot,
    socket: Socket,
    inbox: mpsc::Receiver<ToLink>,
    /// The last order that went out on this stream.
    ordered: u64,
    heard: Instant,
    pinged: bool,
    /// When a stream whose clocks were apart ends, so that the next one compares them.
    compare_again: Option<Instant>,
    _registered: Registered<'a>,
}

type Socket = WebSocketStream<TlsStream<Box<dyn Wire>>>;

/// Takes the stream out of the service however the task ends.
struct Registered<'a>(&'a App, ServerId);

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.0.link_closed(&self.1);
        self.0.fleet_has_changed();
    }
}

impl<'a> Link<'a> {
    async fn open(
        app: &'a App,
        server: &Server,
        connect: &Connect,
        tls: Arc<ClientConfig>,
    ) -> Result<Self, LinkError> {
        let mut socket = dial(server, connect, tls).await?;
        let hello = Down::Hello {
            replica: app.config.replica,
            now_ms: app.clock.now_ms(),
            public_url: Some(app.config.public_url.clone()),
            surrounds: app.config.surrounds(&server.public_url),
        };
        send(&mut socket, &hello).await?;
        let theirs = within("its hello", async {
            loop {
                match next(&mut socket).await? {
                    Message::Text(text) => return Ok(Up::from_json(&text)?),
                    Message::Close(frame) => return Err(closed(frame)),
                    _ => {}
                }
            }
        });
        let Some(Up::Hello { server: id, boot, version, cores, now_ms }) = theirs.await? else {
            return Err(LinkError::NoHello);
        };
        if id != server.id {
            return Err(LinkError::Other(id));
        }
        let ours_ms = app.clock.now_ms();
        crate::metrics::clock_offset(id.as_str(), now_ms, ours_ms);
        let apart_ms = now_ms.abs_diff(ours_ms);
        let compare_again = (apart_ms > CLOCK_SKEW_MS)
            .then(|| Instant::now() + Duration::from_millis(CLOCK_AGAIN_MS));
        if compare_again.is_some() {
            tracing::error!(server = ?id, apart_ms, "the clocks differ too much for tickets to be accepted, so this CServer gets no new session: synchronise them, they are compared again in a minute");
        }
        let lost = app.store(move |store| store.server_booted(&id, boot, ours_ms)).await?;
        tracing::info!(server = ?id, version, cores, lost_sessions = lost, "control stream open");
        if lost > 0 {
            // Homes that they had left before may live on.
            app.tell_all(|| ToLink::Orders);
        }

        // Whoever changes something from now on tells this stream; what was changed before is read below.
        let (outbox, inbox) = mpsc::channel(CONTROL_QUEUE_MAX);
        app.link_opened(id, outbox);
        let registered = Registered(app, id);
        let (met, groups) =
            app.store(move |store| Ok((store.server(&id)?, store.groups()?))).await?;
        let drain_until_ms = met.and_then(|met| met.drain_until_ms);
        app.fleet().up(&id, boot, cores, drain_until_ms.is_some());
        if compare_again.is_some() {
            app.fleet().clock_is_off(&id);
        }

        let mut link = Self {
            app,
            server: id,
            boot,
            socket,
            inbox,
            ordered: 0,
            heard: Instant::now(),
            pinged: false,
            compare_again,
            _registered: registered,
        };
        // Orders first: a group that was removed and made again must end up there.
        link.send_orders().await?;
        if let Some(until_ms) = drain_until_ms {
            link.send(&Down::Drain { deadline_ms: until_ms.saturating_sub(ours_ms) }).await?;
        }
        for group in groups {
            link.send(&Down::Group { group: group.id, settings: Box::new(group.settings) }).await?;
        }
        let pushes = app.rotation().hello(id, boot);
        for push in pushes {
            link.send(&push.record).await?;
        }
        Ok(link)
    }

    async fn run(&mut self) -> Result<std::convert::Infallible, LinkError> {
        loop {
            let silence = if self.pinged { CONTROL_SILENCE_MS } else { CONTROL_PING_MS };
            let silent_at = self.heard + Duration::from_millis(silence);
            tokio::select! {
                // In this order, so that a simulation runs the same way again. What is told waits for what is heard: a CServer
                // says little, and without its acknowledgements nothing told is of use.
                biased;
                message = next(&mut self.socket) => self.hear(message?).await?,
                told = self.inbox.recv() => match told {
                    Some(ToLink::Send(record)) => self.send(&record).await?,
                    Some(ToLink::Orders) => self.send_orders().await?,
                    None => return Err(LinkError::Behind),
                },
                () = tokio::time::sleep_until(self.compare_again.unwrap_or(silent_at)), if self.compare_again.is_some() => {
                    return Err(LinkError::Clock);
                }
                () = tokio::time::sleep_until(silent_at) => {
                    if self.pinged {
                        return Err(LinkError::Silent);
                    }
                    self.pinged = true;
                    self.ping(&[]).await?;
                }
            }
        }
    }

    /// Takes a message, and with a report all others that are here already: one disk write for all of them.
    async fn hear(&mut self, message: Message) -> Result<(), LinkError> {
        let mut message = Some(message);
        let mut reports = Vec::new();
        while let Some(taken) = message.take() {
            self.heard = Instant::now();
            self.pinged = false;
            match taken {
                Message::Text(text) => match Up::from_json(&text)? {
                    Some(Up::Report(report)) => {
                        reports.push(report);
                        if reports.len() < REPORTS_BATCH_MAX {
                            message = next(&mut self.socket).now_or_never().transpose()?;
                        }
                    }
                    Some(record) => self.record(record).await?,
                    None => {
                        tracing::debug!(server = ?self.server, "a record of a later version was passed over")
                    }
                },
                // It answers a ping behind orders: those were read.
                Message::Pong(payload) => {
                    if let Ok(last) = <[u8; 8]>::try_from(&payload[..]) {
                        let (id, last) = (self.server, u64::from_be_bytes(last));
                        self.app.store(move |store| store.orders_taken(&id, last)).await?;
                    }
                }
                // Reports that came before it are still stored; the next read tells the end again.
                Message::Close(frame) if reports.is_empty() => return Err(closed(frame)),
                _ => {}
            }
        }
        if reports.is_empty() { Ok(()) } else { self.store(reports).await }
    }

    async fn record(&mut self, record: Up) -> Result<(), LinkError> {
        match record {
            Up::KeyAck { key_id } => {
                let now_ms = self.app.clock.now_ms();
                let pushes = self.app.rotation().acked(now_ms, self.server, key_id);
                self.app.fleet_has_changed();
                for push in pushes {
                    self.send(&push.record).await?;
                }
            }
            Up::GroupAck { group, revision } => {
                self.app.fleet().group_acked(&self.server, group, revision);
                self.app.fleet_has_changed();
            }
            Up::Load { sessions, accepting, .. } => {
                self.app.fleet().load(&self.server, sessions, accepting);
                self.app.fleet_has_changed();
            }
            Up::Metrics { core, whole, figures } => {
                self.app.fleet().told(&self.server, core, *whole, *figures);
            }
            Up::Presence { here, gone } => {
                let now_ms = self.app.clock.now_ms();
                lock(&self.app.presences).take(now_ms, self.server, here, &gone);
            }
            // A second hello tells nothing new; reports do not come here.
            Up::Hello { .. } | Up::Report(_) => {}
        }
        Ok(())
    }

    /// Stores, then acknowledges. Then looks whether somebody got in on a ticket from before a revocation.
    async fn store(&mut self, reports: Vec<Report>) -> Result<(), LinkError> {
        let (server, boot) = (self.server, self.boot);
        for report in &reports {
            tracing::info!(session = ?report.session, server = ?server, what = %what(&report.event), "reported");
        }
        let is_move = |report: &Report| matches!(report.event, ReportEvent::SessionStarted { home } | ReportEvent::SessionEnded { home, .. } if home > 1);
        let mut moves = reports.iter().any(is_move);
        let is_start =
            |report: &&Report| matches!(report.event, ReportEvent::SessionStarted { .. });
        let begun: Vec<_> = reports.iter().filter(is_start).map(|report| report.session).collect();
        let stored = self.app.store(move |store| {
            let seq = store.apply_reports(&server, boot, &reports)?;
            let (mut orders, mut is_elsewhere) = (0, false);
            for report in &reports {
                // A session that another web tier gave out has agents whom only that one knows.
                let Some(session) = store.session(&report.session)? else { continue };
                match &report.event {
                    // It has left this home, or is over, and here it has just been ordered to end.
                    ReportEvent::SessionStarted { home }
                        if *home < session.home || session.wanted_end().is_some() =>
                    {
                        orders += 1;
                    }
                    // If somebody wanted that, the newer home was ordered the same.
                    ReportEvent::SessionEnded { home, .. } if *home < session.home => {
                        is_elsewhere = true;
                    }
                    ReportEvent::AgentJoined { agent, privileges, .. } => {
                        let group: GroupId = report.session.group;
                        let now = store.privileges(agent, &group)?;
                        if !now.is_some_and(|now| now.contains(*privileges)) {
                            store.add_order(&server, &Down::Revoke { group, agent: *agent })?;
                            orders += 1;
                        }
                    }
                    _ => {}
                }
            }
            Ok((seq, orders, is_elsewhere))
        });
        let (seq, orders, is_elsewhere) = stored.await?;
        moves |= is_elsewhere;
        begun.into_iter().for_each(|session| self.app.has_begun(session));
        self.send(&Down::Ack { seq }).await?;
        if moves {
            // Homes that were left are told so.
            self.app.tell_all(|| ToLink::Orders);
        }
        if orders > 0 { self.send_orders().await } else { Ok(()) }
    }

    /// Sends the orders that this stream has not carried yet, and a ping whose answer says that they were read.
    async fn send_orders(&mut self) -> Result<(), LinkError> {
        let server = self.server;
        let orders = self.app.store(move |store| store.orders(&server)).await?;
        let before = self.ordered;
        for (number, order) in orders.into_iter().filter(|(number, _)| *number > before) {
            self.send(&order).await?;
            self.ordered = number;
        }
        if self.ordered > before { self.ping(&self.ordered.to_be_bytes()).await } else { Ok(()) }
    }

    async fn send(&mut self, record: &Down) -> Result<(), LinkError> {
        send(&mut self.socket, record).await
    }

    async fn ping(&mut self, payload: &[u8]) -> Result<(), LinkError> {
        put(&mut self.socket, Message::Ping(payload.to_vec().into())).await
    }
}

async fn dial(
    server: &Server,
    connect: &Connect,
    tls: Arc<ClientConfig>,
) -> Result<Socket, LinkError> {
    let dialled = connect(server);
    let wire = within("connecting", async {
        dialled.await.map_err(|_| LinkError::Dial(server.address.clone()))
    });
    let wire = wire.await?;
    let name = ServerName::try_from(server.control_name.clone())
        .map_err(|error| LinkError::Tls(std::io::Error::other(error)))?;
    let handshake = TlsConnector::from(tls).connect(name, wire);
    let tls =
        within("the TLS handshake", handshake.map(|done| done.map_err(LinkError::Tls))).await?;
    let upgrade_error = |error| LinkError::Upgrade(Box::new(error));
    let mut request = format!("wss://{}/control", server.control_name)
        .into_client_request()
        .map_err(upgrade_error)?;
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(CONTROL_V1));
    let config = WebSocketConfig::default()
        .read_buffer_size(SOCKET_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(CONTROL_RECORD_BYTES_MAX))
        .max_frame_size(Some(CONTROL_RECORD_BYTES_MAX));
    let upgrade = tokio_tungstenite::client_async_with_config(request, tls, Some(config));
    let (socket, _) =
        within("the upgrade", upgrade.map(|done| done.map_err(upgrade_error))).await?;
    Ok(socket)
}

async fn within<T>(
    what: &'static str,
    work: impl Future<Output = Result<T, LinkError>>,
) -> Result<T, LinkError> {
    timeout(Duration::from_millis(DIAL_MS_MAX), work).await.unwrap_or(Err(LinkError::Slow(what)))
}

async fn next(socket: &mut Socket) -> Result<Message, LinkError> {
    match socket.next().await {
        Some(Ok(message)) => Ok(message),
        Some(Err(error)) => Err(LinkError::Broken(Box::new(error))),
        None => Err(LinkError::Closed("without a word".into())),
    }
}

async fn send(socket: &mut Socket, record: &Down) -> Result<(), LinkError> {
    put(socket, Message::text(record.to_json())).await
}

/// A CServer that reads nothing for so long is as good as silent.
async fn put(socket: &mut Socket, message: Message) -> Result<(), LinkError> {
    match timeout(Duration::from_millis(CONTROL_SILENCE_MS), socket.send(message)).await {
        Ok(sent) => sent.map_err(|error| LinkError::Broken(Box::new(error))),
        Err(_) => Err(LinkError::Silent),
    }
}

fn closed(frame: Option<tungstenite::protocol::CloseFrame>) -> LinkError {
    LinkError::Closed(frame.map_or("without a reason".into(), |frame| {
        format!("{} {}", u16::from(frame.code), frame.reason)
    }))
}

/// A report in words for the log.
fn what(event: &ReportEvent) -> String {
    match event {
        ReportEvent::SessionStarted { home } => format!("session started at home {home}"),
        ReportEvent::SessionEnded { home, reason } => {
            format!("session ended at home {home}: {reason:?}")
        }
        ReportEvent::AgentJoined { agent, .. } => format!("agent {agent:?} joined"),
        ReportEvent::AgentActed { .. } => "an agent acts".into(),
        ReportEvent::AgentLeft { .. } => "an agent left".into(),
    }
}

/// A control stream is quiet: a small buffer is plenty.
const SOCKET_BUFFER_BYTES: usize = 4 * 1024;

#[cfg(test)]
pub(crate) mod tests;
