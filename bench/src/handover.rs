//! The cores of a server without a backend, and visitors: who arrive on the wrong one, or on the only one.

use std::sync::Arc;

use connection::rustls::{ClientConfig, ClientConnection, pki_types::ServerName};
use cserver::credentials::CookieKeys;
use cserver::shard::{Now, Output, Shard};
use cserver::shared::{Identity, Shared};
use protocol::keys::TicketKey;
use protocol::secret::Secret;
use protocol::{GroupSettings, KeyId, SessionId, Subject, Ticket};

use crate::pair::{Ends, NAME};

/// See the module.
pub struct Cores {
    shared: Arc<Shared>,
    shards: Vec<Shard>,
    client: Arc<ClientConfig>,
    started: u32,
}

/// A visitor whose request waits to be read.
pub struct Arriving {
    core: usize,
    link: relay::LinkId,
    request: Vec<u8>,
}

impl Default for Cores {
    fn default() -> Self {
        Self::new()
    }
}

impl Cores {
    /// Two cores that know one group and one key.
    pub fn new() -> Self {
        Self::so_many(2)
    }

    /// So many of them.
    ///
    /// # Panics
    /// When the server refuses what it documents: a fault of the benchmark.
    pub fn so_many(cores: usize) -> Self {
        let ends = Ends::new();
        let identity = Identity {
            server: "s1".parse().expect("a server id"),
            boot: [0; 16],
            origin: format!("https://{NAME}"),
            host: NAME.into(),
            plain: None,
            web_tier_url: "https://www.example".into(),
            backend: "memory",
            started_ms: 0,
        };
        let (tls, client) = ends.into_configs();
        let shared = Shared::new(identity, tls, CookieKeys::new(&Secret::new([4; 32])), cores);
        let settings = GroupSettings { origins: vec![SHOP.into()], ..GroupSettings::default() };
        assert!(shared.set_group("demo".parse().expect("a group"), settings), "room for one group");
        shared.keys.write().insert(
            KeyId::from_bytes([3; 8]),
            &key(),
            NOW.wall_ms + 60_000,
            NOW.wall_ms,
        );
        let shared = Arc::new(shared);
        let shard = |core| Shard::new(core, cores, shared.clone(), Box::new(|bytes| bytes.fill(9)));
        Self { shards: (0..cores).map(shard).collect(), shared, client, started: 0 }
    }

    /// A visitor with a ticket, after its TLS handshake with the core that will not be its own.
    ///
    /// # Panics
    /// When the handshake fails.
    pub fn arriving(&mut self) -> Arriving {
        self.begin();
        // New sessions go to the core with fewer of them, the first of equals; so they alternate.
        let core = usize::from(self.started % 2 == 1);
        let shard = &mut self.shards[core];
        let link = shard.handle_accept(NOW).expect("room");
        let name = ServerName::try_from(NAME).expect("a name");
        let mut client = ClientConnection::new(self.client.clone(), name).expect("a client");
        while client.is_handshaking() || shard.is_stranger(link) {
            let mut up = Vec::new();
            client.write_tls(&mut up).expect("memory takes everything");
            shard.handle_bytes(NOW, link, &mut up);
            let down = shard.unsent(link).to_vec();
            shard.handle_sent(NOW, link, down.len());
            let mut down = &down[..];
            while !down.is_empty() {
                client.read_tls(&mut down).expect("memory gives everything");
                client.process_new_packets().expect("the server speaks TLS");
            }
        }
        let request = self.request();
        std::io::Write::write_all(&mut client.writer(), request.as_bytes()).expect("room");
        let mut wire = Vec::new();
        client.write_tls(&mut wire).expect("memory takes everything");
        Arriving { core, link, request: wire }
    }

    /// The request is read, the connection goes to the other core, and that answers; bytes of the answer.
    ///
    /// # Panics
    /// When it stays where it is.
    pub fn hand_over(&mut self, arriving: &mut Arriving) -> usize {
        let Arriving { core, link, request } = arriving;
        self.shards[*core].handle_bytes(NOW, *link, request);
        while let Some(output) = self.shards[*core].poll_output() {
            if let Output::HandOver { to, cargo, .. } = output {
                let link = self.shards[to].handle_arrival(NOW, cargo);
                return self.shards[to].unsent(link).len();
            }
        }
        panic!("it was not handed over");
    }

    /// A visitor connects to the first core, is let in and goes; `serve` runs each of the server's parts of it. Bytes of its answers.
    ///
    /// # Panics
    /// When it is not let in.
    pub fn visit(&mut self, serve: impl Fn(&mut dyn FnMut())) -> usize {
        self.begin();
        let request = self.request();
        let shard = &mut self.shards[0];
        let mut link = None;
        serve(&mut || link = shard.handle_accept(NOW));
        let link = link.expect("room");
        let name = ServerName::try_from(NAME).expect("a name");
        let mut client = ClientConnection::new(self.client.clone(), name).expect("a client");
        std::io::Write::write_all(&mut client.writer(), request.as_bytes()).expect("room");
        let mut answered = 0;
        while client.wants_write() {
            let (mut up, mut down) = (Vec::new(), Vec::new());
            while client.wants_write() {
                client.write_tls(&mut up).expect("memory takes everything");
            }
            serve(&mut || {
                shard.handle_bytes(NOW, link, &mut up);
                shard.end_turn(NOW);
                while let Some(link) = shard.poll_send(NOW) {
                    down.extend_from_slice(shard.unsent(link));
                    shard.handle_sent(NOW, link, shard.unsent(link).len());
                }
            });
            let mut rest = &down[..];
            while !rest.is_empty() {
                client.read_tls(&mut rest).expect("memory gives everything");
                let state = client.process_new_packets().expect("the server speaks TLS");
                answered = state.plaintext_bytes_to_read();
            }
        }
        assert!(answered > 100, "it was not let in");
        serve(&mut || {
            shard.handle_gone(NOW, link);
            while shard.poll_output().is_some() {}
        });
        answered
    }

    /// Counts a session. Time stands still here, so that none ends: before the cores are full others take their place.
    fn begin(&mut self) {
        if self.started == SESSIONS_MAX {
            *self = Self::so_many(self.shards.len());
        }
        self.started += 1;
    }

    fn request(&self) -> String {
        let number = format!("{:032x}", self.started);
        let session: SessionId = format!("demo:1:{number}").parse().expect("a session id");
        let mut nonce = [0; 16];
        nonce[..4].copy_from_slice(&self.started.to_be_bytes());
        let ticket = Ticket {
            subject: Subject::Visitor { resume: Secret::new([1; 32]).hash() },
            home: 1,
            key_id: KeyId::from_bytes([3; 8]),
            audience: self.shared.identity.server,
            session,
            issued_ms: NOW.wall_ms,
            expires_ms: NOW.wall_ms + 30_000,
            nonce,
        };
        format!(
            "GET /visitor HTTP/1.1\r\nHost: {NAME}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: {SHOP}\r\n\
             Sec-WebSocket-Protocol: cobrowse.v1, ticket.{}\r\n\r\n",
            ticket.sign(&key())
        )
    }
}

fn key() -> TicketKey {
    TicketKey::new(Secret::new([9; 32]))
}

const NOW: Now = Now { mono_ms: 1, wall_ms: 1_700_000_000_000 };
const SHOP: &str = "https://shop.example";

/// A benchmark of eight seconds starts several times as many as a core takes.
const SESSIONS_MAX: u32 = 10_000;
const _: () = assert!((SESSIONS_MAX as usize) < protocol::limits::SESSIONS_PER_CORE_MAX);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_visitor_is_handed_over_and_answered() {
        let mut cores = Cores::new();
        for _ in 0..4 {
            let mut arriving = cores.arriving();
            assert!(cores.hand_over(&mut arriving) > 100);
        }
    }

    #[test]
    fn others_take_the_place_of_cores_that_would_be_full() {
        let mut cores = Cores::so_many(1);
        cores.started = SESSIONS_MAX - 1;
        for started in [SESSIONS_MAX, 1, 2] {
            assert!(cores.visit(|work| work()) > 100);
            assert_eq!(cores.started, started);
        }
    }

    #[test]
    fn every_visit_is_let_in() {
        let mut cores = Cores::so_many(1);
        for _ in 0..4 {
            assert!(cores.visit(|work| work()) > 100);
        }
    }
}
