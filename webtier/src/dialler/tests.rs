//! The dialler against a small CServer on loopback: real TLS, a real WebSocket, scripted answers.

use std::io;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use protocol::control::{Boot, Down, Report, ReportEvent, Up};
use protocol::ids::{JoinId, KeyId, SessionNumber};
use protocol::limits::CLOCK_SKEW_MS;
use protocol::secret::Secret;
use protocol::{Privileges, SessionId};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

use super::Dialler;
use crate::admin::{Order, Outcome, serve};
use crate::config::ControlFiles;
use crate::service::ToLink;
use crate::store::records::{LOST, Server, Session, State};
use crate::testing::{World, demo, server};

/// A client's TLS that trusts an authority nobody has a certificate of.
pub(crate) fn client_for_nobody() -> Arc<ClientConfig> {
    Pki::new().client()
}

/// A control CA with a certificate for each side, as PEM files.
struct Pki {
    folder: tempfile::TempDir,
}

impl Pki {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let write =
            |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
        write("ca.pem", ca.pem());
        for name in ["w1.cobrowse.example", "c-s1.cobrowse.example"] {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            write(&format!("{name}.pem"), params.signed_by(&key, &ca).unwrap().pem());
            write(&format!("{name}.key"), key.serialize_pem());
        }
        Self { folder }
    }

    fn client(&self) -> Arc<ClientConfig> {
        let file = |name: &str| self.folder.path().join(name);
        let files = ControlFiles {
            certificate: file("w1.cobrowse.example.pem"),
            key: file("w1.cobrowse.example.key"),
            ca: file("ca.pem"),
        };
        crate::tls::client(&files).unwrap()
    }

    fn server(&self) -> Arc<ServerConfig> {
        let file = |name: &str| self.folder.path().join(name);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(file("ca.pem")).unwrap()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
        let chain = vec![CertificateDer::from_pem_file(file("c-s1.cobrowse.example.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(file("c-s1.cobrowse.example.key")).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(chain, key)
            .unwrap();
        Arc::new(config)
    }
}

/// A CServer that does only what a test tells it.
struct FakeServer {
    listener: TcpListener,
    tls: TlsAcceptor,
    /// What its clock says in each hello.
    now_ms: u64,
}

/// Its end of a control stream.
struct Stream(WebSocketStream<TlsStream<TcpStream>>);

impl FakeServer {
    async fn accept(&self) -> Stream {
        let accept = async {
            let (tcp, _) = self.listener.accept().await.unwrap();
            let tls = self.tls.accept(tcp).await.unwrap();
            assert_eq!(tls.get_ref().1.server_name(), Some("c-s1.cobrowse.example"));
            assert!(tls.get_ref().1.peer_certificates().is_some(), "the web tier shows who it is");
            #[allow(clippy::result_large_err)] // The library's type.
            let check = |request: &Request, mut response: Response| {
                assert_eq!(request.uri().path(), "/control");
                assert_eq!(request.headers()["host"], "c-s1.cobrowse.example");
                let offered = request.headers()["sec-websocket-protocol"].clone();
                assert_eq!(offered, "cobrowse.control.v1");
                response.headers_mut().insert("sec-websocket-protocol", offered);
                Ok(response)
            };
            Stream(tokio_tungstenite::accept_hdr_async(tls, check).await.unwrap())
        };
        timeout(PATIENCE, accept).await.expect("the web tier dials")
    }

    /// Accepts, says hello and acknowledges everything of the beginning; returns what came.
    async fn meet(&self, boot: u8, groups: usize) -> (Stream, Vec<Down>) {
        let mut stream = self.accept().await;
        stream.hello_at("s1", boot, self.now_ms).await;
        let mut came = Vec::new();
        let mut keys = 0;
        while keys == 0 || came.iter().filter(|r| matches!(r, Down::Group { .. })).count() < groups
        {
            let record = stream.next().await;
            match &record {
                Down::Key { key_id, .. } => {
                    keys += 1;
                    stream.say(&Up::KeyAck { key_id: *key_id }).await;
                }
                Down::Group { group, settings } => {
                    let revision = settings.revision;
                    stream.say(&Up::GroupAck { group: *group, revision }).await;
                }
                _ => {}
            }
            came.push(record);
        }
        (stream, came)
    }
}

impl Stream {
    async fn hello(&mut self, id: &str, boot: u8) {
        self.hello_at(id, boot, crate::testing::T0).await;
    }

    async fn hello_at(&mut self, id: &str, boot: u8, now_ms: u64) {
        let hello = Up::Hello {
            server: id.parse().unwrap(),
            boot: Boot::new([boot; 16]),
            version: "0".into(),
            cores: 2,
            now_ms,
        };
        self.say(&hello).await;
    }

    async fn say(&mut self, record: &Up) {
        self.0.send(Message::text(record.to_json())).await.unwrap();
    }

    /// The next record; answers pings on the way.
    async fn next(&mut self) -> Down {
        let next = async {
            loop {
                match self.0.next().await.expect("the stream is open").expect("and whole") {
                    Message::Text(text) => return Down::from_json(&text).unwrap().unwrap(),
                    // The library answers pings when it is asked for the next message.
                    Message::Ping(_) => self.0.flush().await.unwrap(),
                    other => panic!("unexpected {other:?}"),
                }
            }
        };
        timeout(PATIENCE, next).await.expect("a record comes")
    }

    /// Whether the other side has ended the stream.
    async fn is_ended(&mut self) -> bool {
        let end = async {
            while let Some(Ok(message)) = self.0.next().await {
                if matches!(message, Message::Close(_)) {
                    break;
                }
            }
        };
        timeout(PATIENCE, end).await.is_ok()
    }
}

/// A web tier that dials one CServer, which is not yet accepting.
async fn begin() -> (World, FakeServer, Dialler) {
    let (world, pki) = (World::new(), Pki::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    for name in ["s1", "s2"] {
        world.store().remove_server(&name.parse().unwrap(), 0).unwrap();
    }
    world.store().add_server(Server { address, ..server("s1") }).unwrap();
    let dialler = Dialler::new(world.app.clone(), pki.client());
    dialler.configure().unwrap();
    let tls = TlsAcceptor::from(pki.server());
    (world, FakeServer { listener, tls, now_ms: crate::testing::T0 }, dialler)
}

fn session(number: u8, boot: u8) -> Session {
    Session {
        id: SessionId {
            group: demo(),
            key: number.to_string().parse().unwrap(),
            number: SessionNumber::from_bytes([number; 16]),
        },
        resume: Secret::new([number; 32]).hash(),
        server: "s1".parse().unwrap(),
        boot: Boot::new([boot; 16]),
        home: 1,
        state: State::Assigned,
        assigned_ms: crate::testing::T0,
        started_ms: None,
        left: Vec::new(),
    }
}

fn report(seq: u64, session: &Session, event: ReportEvent) -> Up {
    Up::Report(Report { seq, at_ms: 1, session: session.id, event })
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Loopback answers in milliseconds; this is a machine in trouble.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_begins_with_hello_all_groups_and_keys_and_then_sessions_may_go_there() {
    let (world, fake, _dialler) = begin().await;
    let (mut stream, came) = fake.meet(1, 2).await;
    let Down::Hello { replica, .. } = &came[0] else { panic!("{came:?}") };
    assert_eq!(replica.as_str(), "w1");
    let groups: Vec<_> = came
        .iter()
        .filter_map(|record| match record {
            Down::Group { group, settings } => Some((group.as_str().to_owned(), settings.revision)),
            _ => None,
        })
        .collect();
    assert_eq!(groups, [("demo".to_owned(), 1), ("other".to_owned(), 1)]);
    let home = world.app.choose(demo(), 1).await.expect("it is up and ready");
    assert_eq!(home.public_url, "https://s1.cobrowse.example");
    // Not accepting any more: nothing goes there.
    stream.say(&Up::Load { sessions: 3, agents: 0, connections: 3, accepting: false }).await;
    let id = "s1".parse().unwrap();
    until("the load is known", || world.app.fleet().sessions(&id) == Some((3, false))).await;
    assert!(world.app.fleet().choose(&demo(), 1, |_| true).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_clock_is_minutes_off_gets_no_session_until_its_clock_is_right() {
    log();
    for apart_ms in [-180_000, 6_000, 240_000] {
        let (world, mut fake, _dialler) = begin().await;
        fake.now_ms = crate::testing::T0.checked_add_signed(apart_ms).unwrap();
        let (mut stream, _) = fake.meet(1, 2).await;
        let id = "s1".parse().unwrap();
        stream.say(&Up::Load { sessions: 3, agents: 0, connections: 3, accepting: true }).await;
        until("the load is known", || world.app.fleet().sessions(&id) == Some((3, true))).await;
        assert!(world.app.fleet().choose(&demo(), 1, |_| true).is_none(), "{apart_ms} ms apart");
        let apart = format!("apart_ms={}", apart_ms.unsigned_abs());
        let told = log();
        let line = told.lines().find(|line| line.contains(&apart)).expect("an operator is told");
        assert!(line.contains("clocks differ") && line.contains("synchronise them"), "{line}");
        // The web tier ends the stream and compares again; meanwhile somebody has set the clock.
        assert!(stream.is_ended().await);
        fake.now_ms = crate::testing::T0 + CLOCK_SKEW_MS;
        let (_stream, _) = fake.meet(1, 2).await;
        let chosen = || world.app.fleet().choose(&demo(), 1, |_| true).is_some();
        until("it gets sessions again", chosen).await;
    }
}

/// The errors that this process has logged since the first call of this.
fn log() -> String {
    static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    static ONCE: Once = Once::new();
    struct Heard;
    impl io::Write for Heard {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            LOG.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    ONCE.call_once(|| {
        let level = tracing_subscriber::filter::LevelFilter::ERROR;
        let log = tracing_subscriber::fmt().with_writer(|| Heard).with_max_level(level);
        log.with_ansi(false).init();
    });
    String::from_utf8_lossy(&LOG.lock().unwrap()).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_acknowledged_only_when_they_are_stored() {
    let (world, fake, _dialler) = begin().await;
    let (mut stream, _) = fake.meet(1, 2).await;
    let sessions: Vec<_> = (1..=50).map(|number| session(number, 1)).collect();
    for session in &sessions {
        world.store().add_session(session.clone()).unwrap();
    }
    for (seq, session) in (1..).zip(&sessions) {
        stream.say(&report(seq, session, ReportEvent::SessionStarted { home: 1 })).await;
    }
    let mut acked = 0;
    while acked < 50 {
        let Down::Ack { seq } = stream.next().await else { continue };
        assert!(seq > acked, "acks rise");
        acked = seq;
        for session in &sessions[..seq as usize] {
            let stored = world.store().session(&session.id).unwrap().unwrap();
            assert_eq!(stored.state, State::Live, "acknowledged and not stored");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_loss_everything_is_sent_again_and_reports_sent_again_count_once() {
    let (world, fake, _dialler) = begin().await;
    let (mut stream, first) = fake.meet(1, 2).await;
    let one = session(1, 1);
    world.store().add_session(one.clone()).unwrap();
    stream.say(&report(1, &one, ReportEvent::SessionStarted { home: 1 })).await;
    while stream.next().await != (Down::Ack { seq: 1 }) {}
    drop(stream);
    until("the loss is noticed", || world.app.fleet().up_count() == 0).await;
    let (mut stream, second) = fake.meet(1, 2).await;
    let keys = |came: &[Down]| -> Vec<KeyId> {
        came.iter()
            .filter_map(|r| if let Down::Key { key_id, .. } = r { Some(*key_id) } else { None })
            .collect()
    };
    assert_eq!(keys(&first)[0], keys(&second)[0], "the same start knows the same key");
    let over = ReportEvent::SessionEnded { home: 1, reason: "session_ended_visitor".into() };
    stream.say(&report(1, &one, ReportEvent::SessionStarted { home: 1 })).await;
    stream.say(&report(2, &one, over)).await;
    while stream.next().await != (Down::Ack { seq: 2 }) {}
    let stored = world.store().session(&one.id).unwrap().unwrap();
    assert!(matches!(stored.state, State::Ended { .. }), "{stored:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_boot_loses_its_sessions_and_gets_other_keys() {
    let (world, fake, _dialler) = begin().await;
    let (stream, _) = fake.meet(1, 2).await;
    let one = session(1, 1);
    world.store().add_session(one.clone()).unwrap();
    let id = "s1".parse().unwrap();
    let secret = |world: &World| {
        let rotation = world.app.rotation();
        rotation.signing(world.app.clock.now_ms(), &id).map(|(_, key)| key.secret().clone())
    };
    until("the key is acknowledged", || secret(&world).is_some()).await;
    let before = secret(&world).unwrap();
    drop(stream);
    let (_stream, _) = fake.meet(2, 2).await;
    let stored = world.store().session(&one.id).unwrap().unwrap();
    let State::Ended { reason, .. } = stored.state else { panic!("{stored:?}") };
    assert_eq!(reason, LOST);
    until("the new key is acknowledged", || secret(&world).is_some()).await;
    assert!(!secret(&world).unwrap().same_as(&before));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_reaches_a_server_that_was_away_and_is_forgotten_once_read() {
    let (world, fake, _dialler) = begin().await;
    let (stream, _) = fake.meet(1, 2).await;
    drop(stream);
    until("the loss is noticed", || world.app.fleet().up_count() == 0).await;
    let agent = world.store().agent("ada").unwrap().unwrap().id;
    world.store().revoke("ada", &demo()).unwrap();
    let (mut stream, came) = fake.meet(1, 2).await;
    assert!(came.contains(&Down::Revoke { group: demo(), agent }), "{came:?}");
    let id = "s1".parse().unwrap();
    // Reading on answers the ping that stands behind the order.
    let reading = tokio::spawn(async move { while let Some(Ok(_)) = stream.0.next().await {} });
    until("the order is forgotten", || world.store().orders(&id).unwrap().is_empty()).await;
    reading.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_got_in_on_an_old_ticket_is_cut_off_at_once() {
    let (world, fake, _dialler) = begin().await;
    let (mut stream, _) = fake.meet(1, 2).await;
    let one = session(1, 1);
    world.store().add_session(one.clone()).unwrap();
    let agent = world.store().agent("ada").unwrap().unwrap().id;
    world.store().revoke("ada", &demo()).unwrap();
    let id = "s1".parse().unwrap();
    let (last, _) = world.store().orders(&id).unwrap()[0];
    world.store().orders_taken(&id, last).unwrap();
    let join = JoinId::from_bytes([1; 8]);
    let joined = ReportEvent::AgentJoined { join, agent, privileges: Privileges::VIEW };
    stream.say(&report(1, &one, joined)).await;
    loop {
        if stream.next().await == (Down::Revoke { group: demo(), agent }) {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_that_takes_access_away_is_on_its_way_before_anything_that_is_said_after_it() {
    let (world, fake, dialler) = begin().await;
    let (mut stream, _) = fake.meet(1, 2).await;
    let role = |privileges| Order::RoleAdd { group: demo(), role: "helper".into(), privileges };
    let grant =
        |role: &str| Order::AgentGrant { name: "ada".into(), group: demo(), role: role.into() };
    let agent = world.store().agent("ada").unwrap().unwrap().id;
    // More than viewers may.
    let more = Privileges::VIEW | Privileges::POINT | Privileges::DRAW;
    let orders = [
        (vec![role(more), grant("helper")], role(Privileges::VIEW)),
        (vec![role(more), grant("helper")], grant("viewer")),
        (vec![grant("helper")], Order::RoleRemove { group: demo(), role: "helper".into() }),
        (vec![grant("lead")], Order::AgentRevoke { name: "ada".into(), group: demo() }),
        (vec![grant("lead")], Order::AgentRemove { name: "ada".into() }),
    ];
    for (at, (before, order)) in orders.into_iter().enumerate() {
        let told = format!("order {at}");
        let give = |order| match serve(&world.app, &dialler, order) {
            Outcome::Done(_) => {}
            Outcome::Failed(why) => panic!("{told}: {why}"),
        };
        // What came before it is passed over.
        before.into_iter().for_each(&give);
        let mark = |home| Down::Moved { session: session(9, 1).id, home, reason: None };
        let [begun, done] = [2 * at as u32 + 10, 2 * at as u32 + 11];
        world.app.tell_all(|| ToLink::Send(mark(begun)));
        while stream.next().await != mark(begun) {}
        give(order);
        world.app.tell_all(|| ToLink::Send(mark(done)));
        let mut came = Vec::new();
        while came.last() != Some(&mark(done)) {
            came.push(stream.next().await);
        }
        assert!(came.contains(&Down::Revoke { group: demo(), agent }), "{told}: {came:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_settings_travel_at_once_and_sessions_wait_for_them() {
    let (world, fake, _dialler) = begin().await;
    let (mut stream, _) = fake.meet(1, 2).await;
    assert!(world.app.choose(demo(), 1).await.is_some());
    let group = world.store().change_group(&demo(), &|_| Ok(())).unwrap();
    let settings = group.settings;
    world.app.tell_all(|| {
        ToLink::Send(Down::Group { group: demo(), settings: Box::new(settings.clone()) })
    });
    loop {
        if let Down::Group { settings, .. } = stream.next().await {
            assert_eq!(settings.revision, 2);
            break;
        }
    }
    assert!(world.app.fleet().choose(&demo(), 2, |_| true).is_none(), "not acknowledged yet");
    stream.say(&Up::GroupAck { group: demo(), revision: 2 }).await;
    assert!(world.app.choose(demo(), 2).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_another_id_or_nonsense_is_not_believed() {
    let (world, fake, _dialler) = begin().await;
    let mut stream = fake.accept().await;
    stream.hello("s7", 1).await;
    assert!(stream.is_ended().await);
    let mut stream = fake.accept().await;
    stream.0.send(Message::text("{\"type\":\"hello\"}")).await.unwrap();
    assert!(stream.is_ended().await);
    assert_eq!(world.app.fleet().up_count(), 0);
    // And yet it goes on dialling.
    let (_stream, _) = fake.meet(1, 2).await;
    until("it is up", || world.app.fleet().up_count() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_certificate_of_the_control_authority_is_not_spoken_to() {
    let (world, fake, dialler) = begin().await;
    drop(dialler);
    let foreign = Dialler::new(world.app.clone(), client_for_nobody());
    foreign.configure().unwrap();
    let (tcp, _) = timeout(PATIENCE, fake.listener.accept()).await.unwrap().unwrap();
    assert!(timeout(PATIENCE, fake.tls.accept(tcp)).await.unwrap().is_err());
    assert_eq!(world.app.fleet().up_count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_server_is_hung_up_on() {
    let (world, fake, dialler) = begin().await;
    let (mut stream, _) = fake.meet(1, 2).await;
    world.store().remove_server(&"s1".parse().unwrap(), 0).unwrap();
    dialler.configure().unwrap();
    assert!(stream.is_ended().await);
    assert_eq!(world.app.fleet().up_count(), 0);
}
