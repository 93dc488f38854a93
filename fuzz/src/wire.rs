//! A client with real TLS and a connection under test, in memory.
//!
//! The client speaks TLS 1.2 and resumes, because that handshake costs no public-key operation: a fresh connection for each input
//! is then cheap, and no input depends on the one before. TLS 1.3 meets arbitrary bytes in the targets `tls` and `sealed`.

use std::io::{Read, Write};
use std::sync::{Arc, LazyLock};

use connection::rustls::client::WebPkiServerVerifier;
use connection::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use connection::rustls::server::WebPkiClientVerifier;
use connection::rustls::{self, ClientConfig, ClientConnection, RootCertStore, ServerConfig};
use connection::{Connection, Event, Outgoing, Response, Scratch, TlsConfigs, WebSocketOffer};

/// An established connection and its client.
pub(crate) struct Wire {
    /// None: it speaks plain HTTP.
    client: Option<ClientConnection>,
    server: Connection,
    scratch: Scratch,
    to_client: Outgoing,
    /// Plaintext that the client has got.
    pub(crate) got: Vec<u8>,
    /// Bytes that the server made, sealed.
    pub(crate) sent_bytes: usize,
}

impl Wire {
    /// Connects, up to the end of the handshake.
    pub(crate) fn open() -> Self {
        let world = &*WORLD;
        let mut client = match ClientConnection::new(world.client.clone(), public_name()) {
            Ok(client) => client,
            Err(error) => panic!("the client cannot start: {error}"),
        };
        client.set_buffer_limit(None);
        let mut wire = Self::new(Some(client), Connection::new(world.configs.clone()));
        wire.exchange(Vec::new());
        assert!(wire.server.is_established(), "the handshake does not complete");
        wire
    }

    /// A connection that takes plain HTTP, and a client that speaks it.
    pub(crate) fn plain() -> Self {
        Self::new(None, Connection::new(WORLD.configs.clone()).or_plain())
    }

    fn new(client: Option<ClientConnection>, server: Connection) -> Self {
        Self {
            client,
            server,
            scratch: Scratch::default(),
            to_client: Outgoing::default(),
            got: Vec::new(),
            sent_bytes: 0,
        }
    }

    /// The client writes; what comes of it on the server.
    pub(crate) fn send(&mut self, plain: &[u8]) -> Vec<Event> {
        match &mut self.client {
            None => self.exchange(plain.to_vec()),
            Some(client) => {
                if let Err(error) = client.writer().write_all(plain) {
                    panic!("memory refuses bytes: {error}");
                }
                self.exchange(Vec::new());
            }
        }
        self.events()
    }

    /// Answers the request that is open, and goes on with what came behind it.
    pub(crate) fn respond(&mut self, response: &Response) -> Vec<Event> {
        self.server.respond(response, &mut self.scratch, &mut self.to_client);
        self.server.proceed(&mut self.scratch, &mut self.to_client);
        self.exchange(Vec::new());
        self.events()
    }

    /// Makes the request that is open a WebSocket, and goes on with what came behind it.
    pub(crate) fn upgrade(&mut self, offer: &WebSocketOffer) -> Vec<Event> {
        self.server.upgrade(offer, "cobrowse.v1", &mut self.to_client);
        self.server.proceed(&mut self.scratch, &mut self.to_client);
        self.exchange(Vec::new());
        self.events()
    }

    fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.scratch.events)
    }

    /// Moves bytes both ways until neither side has more, beginning with these of a client that speaks plain HTTP.
    fn exchange(&mut self, mut wire: Vec<u8>) {
        loop {
            if let Some(client) = &mut self.client {
                write(client, &mut wire);
            }
            if !wire.is_empty() {
                self.server.receive(&mut wire, &mut self.scratch, &mut self.to_client);
            }
            let to_client = std::mem::take(&mut self.to_client);
            if wire.is_empty() && to_client.is_empty() {
                return;
            }
            wire.clear();
            self.sent_bytes += to_client.len();
            match &mut self.client {
                Some(client) => read(client, &to_client, &mut self.got),
                None => self.got.extend_from_slice(&to_client),
            }
        }
    }
}

fn write(client: &mut ClientConnection, wire: &mut Vec<u8>) {
    while client.wants_write() {
        if let Err(error) = client.write_tls(wire) {
            panic!("memory refuses bytes: {error}");
        }
    }
}

fn read(client: &mut ClientConnection, mut rest: &[u8], got: &mut Vec<u8>) {
    while !rest.is_empty() {
        match client.read_tls(&mut rest) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        if let Err(error) = client.process_new_packets() {
            panic!("the client cannot read what the server sent: {error}");
        }
        // Ends with WouldBlock or with the end of the stream; either is all there is.
        let _ = client.reader().read_to_end(got);
    }
}

/// A new connection that nobody has spoken to.
pub(crate) fn fresh() -> Connection {
    Connection::new(WORLD.configs.clone())
}

/// What a server of the same names is configured with.
pub(crate) fn configs() -> TlsConfigs {
    let TlsConfigs { public, control, plain_host } = &*WORLD.configs;
    TlsConfigs { public: public.clone(), control: control.clone(), plain_host: plain_host.clone() }
}

/// The first flight of a client: by TLS 1.2 or 1.3, to the public or the control name.
pub(crate) fn hello(version: &'static rustls::SupportedProtocolVersion, control: bool) -> Vec<u8> {
    let config = ClientConfig::builder_with_protocol_versions(&[version])
        .with_webpki_verifier(WORLD.verifier.clone())
        .with_no_client_auth();
    let name = if control { control_name() } else { public_name() };
    let mut bytes = Vec::new();
    if let Ok(mut client) = ClientConnection::new(Arc::new(config), name) {
        let _ = client.write_tls(&mut bytes);
    }
    bytes
}

/// What a client that trusts these servers is configured with.
pub(crate) fn client_config() -> Arc<ClientConfig> {
    WORLD.client.clone()
}

struct World {
    configs: Arc<TlsConfigs>,
    client: Arc<ClientConfig>,
    verifier: Arc<WebPkiServerVerifier>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| match world() {
    Ok(world) => world,
    Err(error) => panic!("no certificates for the fuzz targets: {error:#}"),
});

fn world() -> anyhow::Result<World> {
    let key = rcgen::KeyPair::generate()?;
    let names = vec![PUBLIC.to_owned(), CONTROL.to_owned()];
    let certificate = rcgen::CertificateParams::new(names)?.self_signed(&key)?.der().clone();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone())?;
    let roots = Arc::new(roots);
    let public = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.clone_key())?;
    let control = ServerConfig::builder()
        .with_client_cert_verifier(WebPkiClientVerifier::builder(roots.clone()).build()?)
        .with_single_cert(vec![certificate], key)?;
    let verifier = WebPkiServerVerifier::builder(roots).build()?;
    let client = ClientConfig::builder_with_protocol_versions(&[&rustls::version::TLS12])
        .with_webpki_verifier(verifier.clone())
        .with_no_client_auth();
    let configs = TlsConfigs {
        public: Arc::new(public),
        control: Some((CONTROL.to_owned(), Arc::new(control))),
        plain_host: Some(PLAIN.to_owned()),
    };
    Ok(World { configs: Arc::new(configs), client: Arc::new(client), verifier })
}

fn public_name() -> ServerName<'static> {
    ServerName::try_from(PUBLIC).unwrap_or_else(|_| unreachable!("it is a host name"))
}

fn control_name() -> ServerName<'static> {
    ServerName::try_from(CONTROL).unwrap_or_else(|_| unreachable!("it is a host name"))
}

const PUBLIC: &str = "s1.example";
const CONTROL: &str = "s1-control.example";
const PLAIN: &str = "plain.s1.example";
