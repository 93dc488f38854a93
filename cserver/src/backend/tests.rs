//! Both backends on real sockets of this host: two cores, hand-overs, a reader slower than the writer, and a drain.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use connection::rustls::pki_types::ServerName;
use connection::rustls::{ClientConfig, ClientConnection, StreamOwned};
use protocol::frame::{Flags, Kind};
use protocol::{AgentId, Privileges, Subject};

use super::{Clock, Core, Engine, Office, Post, listener};
use crate::config::Backend;
use crate::shard::Shard;
use crate::shard::testing::{
    HOST, ORIGIN, SHOP, get, message, messages, secret, shared_now, sign, upgrade,
};
use crate::shared::Shared;
use crate::startup;

const CORES: usize = 2;
const SESSIONS: u8 = 8;

/// A server on two threads of this process.
struct Server {
    address: SocketAddr,
    office: Arc<Office>,
    shared: Arc<Shared>,
    client: Arc<ClientConfig>,
    clock: Clock,
    threads: Vec<JoinHandle<std::io::Result<()>>>,
    nonces: u8,
}

type Tls = StreamOwned<ClientConnection, TcpStream>;

impl Server {
    fn start(backend: Backend) -> Self {
        let chosen = startup::look(backend, CORES).expect("this host lacks the backend").backend;
        let clock = Clock::start();
        let (shared, client) = shared_now(CORES, clock.now().wall_ms);
        let office = Arc::new(Office::new(CORES));
        let listeners = listener::bind(&["127.0.0.1:0".parse().unwrap()], CORES).unwrap();
        let address = listeners[0][0].local_addr().unwrap();
        let start = |(at, listeners): (usize, _)| {
            let random = Box::new(|bytes: &mut [u8]| getrandom::fill(bytes).unwrap());
            let shard = Shard::new(at, CORES, shared.clone(), random);
            let core = Core { shard, listeners, office: office.clone(), clock };
            let engine = Engine::new(&chosen).unwrap();
            std::thread::spawn(move || core.run(engine))
        };
        let threads = listeners.into_iter().enumerate().map(start).collect();
        Self { address, office, shared, client, clock, threads, nonces: 0 }
    }

    fn connect(&self) -> Tls {
        let socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let name = ServerName::try_from(HOST).unwrap();
        StreamOwned::new(ClientConnection::new(self.client.clone(), name).unwrap(), socket)
    }

    fn ticket(&mut self, session: &str, subject: Subject) -> String {
        self.nonces += 1;
        sign(session, subject, self.clock.now().wall_ms, [self.nonces; 16])
    }

    fn visitor(&mut self, session: &str) -> Tls {
        let ticket = self.ticket(session, Subject::Visitor { resume: secret().hash() });
        let mut stream = self.connect();
        let request = upgrade("/visitor", &format!("ticket.{ticket}"), SHOP, "");
        assert_eq!(status(&ask(&mut stream, &request)), "101");
        stream
    }

    fn agent(&mut self, session: &str) -> Tls {
        let agent = AgentId::from_bytes([9; 16]);
        let subject = Subject::Agent { agent, name: "Ada".into(), privileges: Privileges::VIEW };
        let ticket = self.ticket(session, subject);
        let request = get("/join", &format!("Cookie: cobrowse_ticket={ticket}\r\n"));
        let joined = ask(&mut self.connect(), &request);
        assert_eq!(status(&joined), "303", "{joined}");
        let value =
            |name: &str| joined.split(name).nth(1).unwrap().split(['\r', ';']).next().unwrap();
        let join = value("/view/");
        let cookie = value("Set-Cookie: ");
        let csrf = self.shared.cookies.csrf(join.parse().unwrap());
        let mut stream = self.connect();
        let headers = format!("Cookie: {cookie}\r\n");
        let request = upgrade(&format!("/agent/{join}"), &format!("csrf.{csrf}"), ORIGIN, &headers);
        assert_eq!(status(&ask(&mut stream, &request)), "101");
        stream
    }

    fn stop(self) {
        self.office.send(0, Post::Drain(5_000));
        for thread in self.threads {
            thread.join().unwrap().unwrap();
        }
    }
}

/// Sends a request and reads the head of its answer.
fn ask(stream: &mut Tls, request: &[u8]) -> String {
    stream.write_all(request).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

fn status(answer: &str) -> &str {
    &answer[9..12]
}

/// Reads until the agent has so many bytes of the visitor's payloads; those bytes.
fn payloads(stream: &mut Tls, bytes: usize) -> Vec<u8> {
    let (mut inbox, mut got) = (Vec::new(), Vec::new());
    while got.len() < bytes {
        let mut chunk = [0; 16_384];
        let read = stream.read(&mut chunk).expect("the server sends no more");
        inbox.extend_from_slice(&chunk[..read]);
        let whole = whole_messages(&inbox).len();
        for frame in messages(&inbox[..whole]) {
            if matches!(frame[0], 0x01 | 0x02) {
                got.extend_from_slice(&frame[12..]);
            }
        }
        inbox.drain(..whole);
    }
    got
}

/// The part of an inbox that consists of whole messages.
fn whole_messages(inbox: &[u8]) -> &[u8] {
    let mut at = 0;
    loop {
        let rest = &inbox[at..];
        let (head, body) = match rest {
            [_, 126, high, low, ..] => (4, usize::from(*high) * 256 + usize::from(*low)),
            [_, 127, length @ ..] if length.len() >= 8 => {
                (10, u64::from_be_bytes(length[..8].try_into().unwrap()) as usize)
            }
            [_, 126 | 127, ..] => return &inbox[..at],
            [_, short, ..] => (2, usize::from(*short)),
            _ => return &inbox[..at],
        };
        if rest.len() < head + body {
            return &inbox[..at];
        }
        at += head + body;
    }
}

fn serve_and_drain(backend: Backend) {
    let mut server = Server::start(backend);
    let health = ask(&mut server.connect(), &get("/healthz", ""));
    assert_eq!(status(&health), "200");
    // Enough connections that each core accepts some of the other's sessions'.
    let mut pairs: Vec<(Tls, Tls)> = (0..SESSIONS)
        .map(|n| {
            let session = format!("demo:{n}:{n:032x}");
            (server.visitor(&session), server.agent(&session))
        })
        .collect();
    for (n, (visitor, _)) in pairs.iter_mut().enumerate() {
        // More than a socket's buffers hold, while the agent reads nothing yet: the rest waits for its socket.
        let chunk = vec![n as u8; 60_000];
        visitor.write_all(&message(Kind::Facts, 0, 1, 0, b"{}")).unwrap();
        for sequence in 1..=100 {
            let flags = match sequence {
                1 => Flags::FIRST.0,
                100 => Flags::LAST.0,
                _ => 0,
            };
            visitor.write_all(&message(Kind::Keyframe, flags, 1, sequence, &chunk)).unwrap();
        }
        visitor.write_all(&message(Kind::Diff, 0, 1, 101, &[0xff; 3])).unwrap();
    }
    for (n, (_, agent)) in pairs.iter_mut().enumerate() {
        let got = payloads(agent, 6_000_003);
        assert!(got[..6_000_000].iter().all(|byte| *byte == n as u8));
        assert!(got[6_000_000..] == [0xff; 3]);
    }
    server.stop();
    for (_, agent) in &mut pairs {
        let mut rest = Vec::new();
        match agent.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::UnexpectedEof),
        }
        assert!(String::from_utf8_lossy(&rest).contains("draining"));
    }
}

#[test]
fn the_readiness_backend_serves_hands_over_waits_for_slow_readers_and_drains() {
    serve_and_drain(Backend::Poll);
}

#[cfg(target_os = "linux")]
#[test]
fn the_io_uring_backend_serves_hands_over_waits_for_slow_readers_and_drains() {
    serve_and_drain(Backend::IoUring);
}
