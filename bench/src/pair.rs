//! A server's connection after its TLS handshake with a client in memory.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use connection::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use connection::rustls::{self, ClientConfig, ClientConnection, RootCertStore, ServerConfig};
use connection::{Connection, Event, Outgoing, Scratch, TlsConfigs};

/// Certificates and both ends' configuration: made once, used for many handshakes.
pub struct Ends {
    server: Arc<TlsConfigs>,
    client: Arc<ClientConfig>,
}

/// A connection that is established.
pub struct Pair {
    /// The server's end.
    pub server: Connection,
    /// The client's end.
    pub client: ClientConnection,
}

impl Ends {
    /// A throw-away certificate for one name; TLS 1.3 with X25519 and AES-128-GCM alone, as the measured workloads have it.
    ///
    /// # Panics
    /// When the libraries do not do what their documentation says.
    pub fn new() -> Self {
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).expect("a certificate");
        let chain = vec![made.cert.der().clone()];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        provider.cipher_suites =
            vec![rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256];
        provider.kx_groups = vec![rustls::crypto::aws_lc_rs::kx_group::X25519];
        let mut own = (*connection::provider()).clone();
        let name = provider.cipher_suites[0].suite();
        own.cipher_suites.retain(|suite| suite.suite() == name);
        own.kx_groups.clone_from(&provider.kx_groups);
        let provider = Arc::new(provider);
        let mut server = ServerConfig::builder_with_provider(Arc::new(own))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS 1.3")
            .with_no_client_auth()
            .with_single_cert(chain.clone(), key)
            .expect("key and certificate fit");
        server.send_tls13_tickets = 1;
        let mut roots = RootCertStore::empty();
        roots.add(chain[0].clone()).expect("a certificate");
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        client.resumption = rustls::client::Resumption::disabled();
        let server = TlsConfigs { public: Arc::new(server), control: None, plain_host: None };
        Self { server: Arc::new(server), client: Arc::new(client) }
    }

    /// Shakes hands.
    ///
    /// # Panics
    /// When the handshake fails.
    pub fn shake(&self) -> Pair {
        self.shake_with(|server, up, scratch, down| server.receive(up, scratch, down))
    }

    /// Shakes hands; `receive` gives the server what has come.
    ///
    /// # Panics
    /// When the handshake fails.
    pub fn shake_with(
        &self,
        mut receive: impl FnMut(&mut Connection, &mut [u8], &mut Scratch, &mut Outgoing),
    ) -> Pair {
        let name = ServerName::try_from(NAME).expect("a name");
        let client = ClientConnection::new(self.client.clone(), name).expect("a client");
        let mut pair = Pair { server: Connection::new(self.server.clone()), client };
        let mut scratch = Scratch::default();
        while pair.client.is_handshaking() || !pair.server.is_established() {
            let mut up = Vec::new();
            pair.client.write_tls(&mut up).expect("memory takes everything");
            let mut down = Outgoing::default();
            receive(&mut pair.server, &mut up, &mut scratch, &mut down);
            pair.hear(&down);
        }
        pair
    }
}

impl Ends {
    /// Both ends' configuration, for a server of one's own.
    pub(crate) fn into_configs(self) -> (TlsConfigs, Arc<ClientConfig>) {
        let public = self.server.public.clone();
        (TlsConfigs { public, control: None, plain_host: None }, self.client)
    }

    /// Shakes hands, and the connection becomes a WebSocket.
    ///
    /// # Panics
    /// When it does not.
    pub fn upgraded(&self) -> Pair {
        let mut pair = self.shake();
        let mut wire = pair.say(UPGRADE.as_bytes());
        let (mut scratch, mut out) = (Scratch::default(), Outgoing::default());
        pair.server.receive(&mut wire, &mut scratch, &mut out);
        let Some(Event::Request(request)) = scratch.events.pop() else { panic!("no request") };
        let offer = request.websocket.expect("it asks for a WebSocket");
        pair.server.upgrade(&offer, "cobrowse.v1", &mut out);
        assert!(pair.hear(&out).starts_with(b"HTTP/1.1 101 "), "it was refused");
        pair
    }

    /// Shakes hands and gives what the server's part of it took, by that clock.
    ///
    /// # Panics
    /// When the handshake fails.
    pub fn server_part(&self, clock: impl Fn() -> Duration) -> Duration {
        let mut spent = Duration::ZERO;
        self.shake_with(|server, up, scratch, down| {
            let start = clock();
            server.receive(up, scratch, down);
            spent += clock().saturating_sub(start);
        });
        spent
    }
}

impl Default for Ends {
    fn default() -> Self {
        Self::new()
    }
}

impl Pair {
    /// The client reads what the server sent.
    ///
    /// # Panics
    /// When it is not TLS.
    pub fn hear(&mut self, mut down: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        while !down.is_empty() {
            self.client.read_tls(&mut down).expect("memory gives everything");
            self.client.process_new_packets().expect("the server speaks TLS");
        }
        // Ends with WouldBlock, since the server has not closed.
        let _ = self.client.reader().read_to_end(&mut plain);
        plain
    }

    /// The client sends so many bytes of plaintext; what goes over the wire.
    ///
    /// # Panics
    /// When the client's buffer takes no more.
    pub fn say(&mut self, plain: &[u8]) -> Vec<u8> {
        self.client.writer().write_all(plain).expect("the buffer takes it");
        let mut up = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut up).expect("memory takes everything");
        }
        up
    }
}

/// The name in the certificate.
pub(crate) const NAME: &str = "s1.example";

const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: s1.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: cobrowse.v1\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_seals_the_client_reads() {
        let mut pair = Ends::new().shake();
        let mut out = Outgoing::default();
        pair.server.seal(b"one", &mut out);
        pair.server.seal(b"two", &mut out);
        assert_eq!(pair.hear(&out), b"onetwo");
    }
}
