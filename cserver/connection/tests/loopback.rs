//! A real rustls client and a real tungstenite client against a [`Connection`], in memory.

use std::io::{Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use cobrowse_connection::{
    Connection, Event, Outgoing, Response, Scratch, TlsConfigs, frame_prefix,
};
use protocol::close::CloseCode;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};

#[test]
fn requests_are_answered_one_by_one_and_the_upgrade_carries_frames_both_ways() {
    for cut in [1, 100, 4096] {
        let world = World::new();
        let mut pair = world.connect("s1.example", false, cut);
        let first = "GET /a HTTP/1.1\r\nHost: s1.example\r\n\r\n";
        let second = "GET /b HTTP/1.1\r\nHost: s1.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: cobrowse.v1\r\n\r\n";
        // Both requests and a first frame arrive in one go.
        let frame = [0x82, 0x82, 0, 0, 0, 0, 7, 8];
        pair.client_writes(&[first.as_bytes(), second.as_bytes(), &frame].concat());
        let Some(Event::Request(request)) = pair.event() else { panic!("no request") };
        assert_eq!(request.path, "/a");
        assert!(pair.event().is_none(), "the second request waits for the first answer");
        pair.respond(&Response::new(200).content("text/plain", b"one".to_vec()));
        assert!(pair.client_reads().ends_with("\r\n\r\none"));
        let Some(Event::Request(request)) = pair.event() else { panic!("no upgrade request") };
        let offer = request.websocket.unwrap();
        pair.upgrade(&offer);
        let Some(Event::Binary(body)) = pair.event() else { panic!("no frame") };
        assert_eq!(body, Bytes::from_static(&[7, 8]));
        assert!(pair.client_reads().starts_with("HTTP/1.1 101 "));
        let (prefix, used) = frame_prefix(40_000);
        let long = [&prefix[..used], &vec![b'x'; 40_000]].concat();
        pair.server.seal(&long, &mut pair.to_client);
        assert!(pair.client_reads() == String::from_utf8_lossy(&long));
        pair.server.seal(&Connection::close_frame(CloseCode::Moved), &mut pair.to_client);
        pair.server.close(&mut pair.to_client);
        assert!(pair.client_reads().ends_with("moved"));
    }
}

#[test]
fn tls_that_is_none_is_refused_with_an_alert_and_nothing_else_happens() {
    let world = World::new();
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x16; 500], &[0; 1], &[0xff; 40_000]] {
        let mut server = Connection::new(world.configs.clone());
        let (mut scratch, mut out) = (Scratch::default(), Outgoing::default());
        server.receive(&mut garbage.to_vec(), &mut scratch, &mut out);
        let over = matches!(scratch.events.last(), Some(Event::Closed(Some(_))));
        // One zero byte may yet become a record; everything else is over at once.
        assert!(over || garbage.len() == 1, "{:?}", scratch.events);
        assert!(!server.is_established());
    }
}

#[test]
fn the_control_name_needs_a_client_certificate_and_the_public_one_asks_for_none() {
    let world = World::new();
    let mut with = world.connect("s1-control.example", true, 4096);
    with.client_writes(b"GET / HTTP/1.1\r\nHost: s1-control.example\r\n\r\n");
    assert!(matches!(with.event(), Some(Event::Request(_))));
    assert!(with.server.is_control());

    let mut without = world.connect("s1-control.example", false, 4096);
    assert!(matches!(without.event(), Some(Event::Closed(Some(_)))));
    assert!(!without.server.is_control());

    let public = world.connect("s1.example", true, 4096);
    assert!(public.server.is_established() && !public.server.is_control());
}

#[test]
fn a_bad_request_is_answered_before_the_end() {
    let world = World::new();
    let mut pair = world.connect("s1.example", false, 4096);
    pair.client_writes(b"BREW /pot HTCPCP/1.0\r\n\r\n");
    assert!(matches!(pair.event(), Some(Event::Closed(Some(_)))));
    let answer = pair.client_reads();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("bad_frame"), "{answer}");
}

struct World {
    configs: Arc<TlsConfigs>,
    client: Arc<ClientConfig>,
    client_with_certificate: Arc<ClientConfig>,
}

struct Pair {
    client: ClientConnection,
    server: Connection,
    scratch: Scratch,
    to_client: Outgoing,
    client_got: Vec<u8>,
    cut: usize,
}

impl World {
    fn new() -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca_key = rcgen::KeyPair::generate().unwrap();
        let ca = rcgen::CertifiedIssuer::self_signed(params, ca_key).unwrap();
        let issue = |names: &[&str]| {
            let key = rcgen::KeyPair::generate().unwrap();
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let cert = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &ca).unwrap();
            let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
            (vec![CertificateDer::from(cert.der().to_vec())], key)
        };
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(ca.der().to_vec())).unwrap();
        let roots = Arc::new(roots);
        let (chain, key) = issue(&["s1.example", "s1-control.example"]);
        let public = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain.clone(), key.clone_key())
            .unwrap();
        let verifier = WebPkiClientVerifier::builder(roots.clone()).build().unwrap();
        let control = ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .unwrap();
        let (chain, key) = issue(&["web"]);
        let client = ClientConfig::builder().with_root_certificates(roots.clone());
        let with = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .unwrap();
        Self {
            configs: Arc::new(TlsConfigs {
                public: Arc::new(public),
                control: Some(("s1-control.example".into(), Arc::new(control))),
                plain_host: Some("plain.s1.example".into()),
            }),
            client: Arc::new(client.with_no_client_auth()),
            client_with_certificate: Arc::new(with),
        }
    }

    fn connect(&self, name: &'static str, with_certificate: bool, cut: usize) -> Pair {
        let config =
            if with_certificate { &self.client_with_certificate } else { &self.client }.clone();
        let name = ServerName::try_from(name).unwrap();
        let mut pair = Pair {
            client: ClientConnection::new(config, name).unwrap(),
            server: Connection::new(self.configs.clone()),
            scratch: Scratch::default(),
            to_client: Outgoing::default(),
            client_got: Vec::new(),
            cut,
        };
        pair.exchange();
        pair
    }
}

impl Pair {
    /// Moves bytes both ways until neither side has more, `cut` bytes at a time.
    fn exchange(&mut self) {
        loop {
            let mut wire = Vec::new();
            while self.client.wants_write() {
                self.client.write_tls(&mut wire).unwrap();
            }
            for piece in wire.chunks_mut(self.cut) {
                self.server.receive(piece, &mut self.scratch, &mut self.to_client);
            }
            if wire.is_empty() && self.to_client.is_empty() {
                return;
            }
            let to_client = std::mem::take(&mut self.to_client);
            let mut rest = &to_client[..];
            while !rest.is_empty() {
                if self.client.read_tls(&mut rest).is_err() {
                    break;
                }
                if self.client.process_new_packets().is_err() {
                    return;
                }
                // Ends with WouldBlock or with the end of the stream; either is all there is.
                let _ = self.client.reader().read_to_end(&mut self.client_got);
            }
        }
    }

    fn client_writes(&mut self, plain: &[u8]) {
        self.client.writer().write_all(plain).unwrap();
        self.exchange();
    }

    fn client_reads(&mut self) -> String {
        self.exchange();
        String::from_utf8_lossy(&std::mem::take(&mut self.client_got)).into_owned()
    }

    fn event(&mut self) -> Option<Event> {
        (!self.scratch.events.is_empty()).then(|| self.scratch.events.remove(0))
    }

    fn respond(&mut self, response: &Response) {
        self.server.respond(response, &mut self.scratch, &mut self.to_client);
        self.server.proceed(&mut self.scratch, &mut self.to_client);
        // The answer must not depend on another read.
        let Self { client, to_client, .. } = self;
        assert!(!to_client.is_empty() && !client.is_handshaking());
    }

    fn upgrade(&mut self, offer: &cobrowse_connection::WebSocketOffer) {
        self.server.upgrade(offer, "cobrowse.v1", &mut self.to_client);
        self.server.proceed(&mut self.scratch, &mut self.to_client);
    }
}
