//! One core's turn over real sockets, told by the test what is ready.

use std::sync::Arc;

use connection::rustls::pki_types::ServerName;
use connection::rustls::{ClientConfig, ClientConnection};
use socket2::{Domain, Socket as Client, Type};

use super::*;
use crate::backend::listener;
use crate::limits::{DRAIN_MS, SHUT_LOOK_MS_MAX, SHUT_MS, SHUT_SPREAD_MS};
use crate::shard::testing::{HOST, get, shared_now};

/// Says nothing: the test says what is ready.
struct Silent;

impl Watch for Silent {
    fn add(&mut self, _: BorrowedFd<'_>, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn remove(&mut self, _: BorrowedFd<'_>, _: u64) {}

    fn bell(&mut self) -> io::Result<Bell> {
        Ok(Box::new(|| {}))
    }

    fn wait(&mut self, _: Option<Duration>, _: &mut Vec<Ready>) -> io::Result<()> {
        Ok(())
    }
}

/// One core's turn over real sockets, and its clients' ends.
struct Bench {
    turn: Turn<Silent>,
    address: std::net::SocketAddr,
    client: Arc<ClientConfig>,
}

impl Bench {
    fn new() -> Self {
        Self::of(1)
    }

    /// The first of so many cores.
    fn of(cores: usize) -> Self {
        let clock = Clock::start();
        let (shared, client) = shared_now(cores, clock.now().wall_ms);
        let shard = Shard::new(0, cores, shared, Box::new(|bytes| bytes.fill(7)));
        let mut listeners = listener::bind(&["127.0.0.1:0".parse().unwrap()], 1).unwrap();
        let listeners = listeners.remove(0);
        let address = listeners[0].local_addr().unwrap();
        let office = Arc::new(Office::new(cores));
        let turn = Turn::new(Core { shard, listeners, office, clock }, Silent).unwrap();
        Self { turn, address, client }
    }

    /// Somebody who has sent a ClientHello.
    fn stranger(&self) -> (TcpStream, ClientConnection) {
        self.stranger_over(TcpStream::connect(self.address).unwrap())
    }

    fn stranger_over(&self, mut socket: TcpStream) -> (TcpStream, ClientConnection) {
        let name = ServerName::try_from(HOST).unwrap();
        let mut tls = ClientConnection::new(self.client.clone(), name).unwrap();
        tls.write_tls(&mut socket).unwrap();
        (socket, tls)
    }

    /// A turn in which all of these can be read; it accepts whoever waits.
    fn turn(&mut self, ready: &[LinkId]) {
        for link in ready {
            let token = link.0;
            let (readable, writable, closed, ended) = (true, false, false, false);
            self.turn.note(Ready { token, readable, writable, closed, ended });
        }
        self.turn.listeners[0].pending = true;
        self.turn.run(self.turn.clock.now());
    }

    /// A turn of a later time, in which this one takes bytes again if the kernel had refused any.
    fn later(&mut self, link: LinkId, ms: u64) {
        let (readable, writable, closed, ended) = (false, true, false, false);
        self.turn.note(Ready { token: link.0, readable, writable, closed, ended });
        let mut now = self.turn.clock.now();
        now.mono_ms += ms;
        self.turn.run(now);
    }

    /// The connection of who came first, once its handshake is done.
    fn insider(&mut self, socket: &mut TcpStream, tls: &mut ClientConnection) -> LinkId {
        self.accept(1);
        let inside = self.links()[0];
        while self.turn.shard.is_stranger(inside) {
            self.turn(&[inside]);
            if tls.is_handshaking() {
                tls.read_tls(socket).unwrap();
                tls.process_new_packets().unwrap();
            }
            tls.write_tls(socket).unwrap();
        }
        inside
    }

    /// What a link's peer has room for, once nothing is under way to it any more; or by then, in a kernel that holds something back.
    #[cfg(target_os = "linux")]
    fn window(&mut self, link: LinkId) -> Window {
        let socket = find(&mut self.turn.sockets, link).unwrap();
        let until = Instant::now() + Duration::from_secs(5);
        loop {
            let window = Window::of(&socket.stream).unwrap();
            if !window.is_awaited || Instant::now() > until {
                return window;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn links(&self) -> Vec<LinkId> {
        self.turn.sockets.iter().flatten().map(|socket| socket.link).collect()
    }

    /// Accepts until there are so many connections.
    fn accept(&mut self, count: usize) {
        while self.links().len() < count {
            self.turn(&[]);
        }
    }
}

#[test]
fn the_core_of_the_control_streams_ends_after_the_others_and_behind_what_they_reported() {
    let mut bench = Bench::of(2);
    let (office, now) = (bench.turn.office.clone(), bench.turn.clock.now());
    office.send(0, Post::Drain(DRAIN_MS));
    bench.turn.mail = true;
    bench.turn.run(now);
    assert!(bench.turn.shard.is_drained(now), "nobody is here");
    assert!(!bench.turn.has_ended(now), "the other core may have something to report");
    let overdue = Now { mono_ms: now.mono_ms + DRAIN_MS, ..now };
    assert!(bench.turn.has_ended(overdue), "it is not waited for longer than for anybody");
    office.end();
    assert!(!bench.turn.has_ended(now), "its last post was not read");
    bench.turn.collect(now);
    assert!(bench.turn.has_ended(now));
}

#[test]
fn a_storm_of_handshakes_takes_its_turns_and_who_is_inside_is_read_in_each() {
    let mut bench = Bench::new();
    let (mut socket, mut tls) = bench.stranger();
    let inside = bench.insider(&mut socket, &mut tls);
    let strangers: Vec<_> = (0..STORM).map(|_| bench.stranger()).collect();
    bench.accept(1 + STORM);
    let of_storm: Vec<LinkId> = bench.links().into_iter().filter(|link| *link != inside).collect();
    // The storm was told of first, and who is inside last.
    bench.turn(&[of_storm, vec![inside]].concat());
    assert_eq!(bench.turn.readable.len(), STORM - HANDSHAKES_PER_TURN_MAX);
    assert!(!bench.turn.readable.contains(&inside), "it was held up by strangers");
    while !bench.turn.readable.is_empty() {
        let before = bench.turn.readable.len();
        bench.turn(&[inside]);
        let after = bench.turn.readable.len();
        assert_eq!(before - after, before.min(HANDSHAKES_PER_TURN_MAX));
    }
    for (mut socket, mut tls) in strangers {
        tls.read_tls(&mut socket).unwrap();
        tls.process_new_packets().unwrap();
    }
}

/// Somebody who asks again and again and reads no answer, until its window is full and some wait for it.
#[cfg(target_os = "linux")]
fn asks_and_sleeps(bench: &mut Bench) -> (TcpStream, ClientConnection, LinkId) {
    let client = Client::new(Domain::IPV4, Type::STREAM, None).unwrap();
    client.set_recv_buffer_size(RECEIVE_BYTES).unwrap();
    client.connect(&bench.address.into()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let (mut socket, mut tls) = bench.stranger_over(client.into());
    let link = bench.insider(&mut socket, &mut tls);
    for _ in 0..ASKED_MAX {
        if bench.turn.shard.unsent(link).len() > LEFT_BYTES {
            return (socket, tls, link);
        }
        tls.writer().write_all(&get("/nowhere", "")).unwrap();
        tls.write_tls(&mut socket).unwrap();
        std::thread::sleep(Duration::from_millis(1));
        bench.turn(&[link]);
        assert!(!bench.window(link).is_awaited, "something waits in the kernel");
    }
    panic!("everything was sent to somebody who reads nothing");
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_waits_in_the_kernel_for_who_has_no_room_and_it_gets_the_rest_when_it_reads() {
    let mut bench = Bench::new();
    let (mut socket, mut tls, link) = asks_and_sleeps(&mut bench);
    let left = bench.turn.shard.unsent(link).len();
    for ms in [0, 100, SHUT_LOOK_MS_MAX, SHUT_MS / 2] {
        bench.later(link, ms);
        assert!(!bench.window(link).is_awaited, "something was sent after {ms} ms");
        assert_eq!(bench.turn.shard.unsent(link).len(), left);
    }
    let mut ms = SHUT_MS / 2;
    while !bench.turn.shard.unsent(link).is_empty() {
        tls.read_tls(&mut socket).unwrap();
        tls.process_new_packets().unwrap();
        let _ = std::io::Read::read_to_end(&mut tls.reader(), &mut Vec::new());
        ms += SHUT_LOOK_MS_MAX;
        bench.later(link, ms);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn in_the_end_the_kernel_asks_who_has_no_room_and_once() {
    let mut bench = Bench::new();
    let (_socket, _tls, link) = asks_and_sleeps(&mut bench);
    let left = bench.turn.shard.unsent(link).len();
    let stream = find(&mut bench.turn.sockets, link).unwrap().stream.try_clone().unwrap();
    let is_asking = || socket2::SockRef::from(&stream).keepalive().unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let silent_ms = silent_ms(&stream);
    bench.later(link, SHUT_MS + SHUT_SPREAD_MS + SHUT_LOOK_MS_MAX);
    assert!(is_asking());
    let until = Instant::now() + Duration::from_secs(5);
    while self::silent_ms(&stream) >= silent_ms {
        assert!(Instant::now() < until, "its word may be lost, and nobody asks");
        std::thread::sleep(Duration::from_millis(5));
    }
    bench.later(link, SHUT_MS + SHUT_SPREAD_MS + 4 * SHUT_LOOK_MS_MAX);
    assert!(!is_asking());
    assert_eq!(bench.turn.shard.unsent(link).len(), left, "nothing is sent for that");
    bench.later(link, 3 * (SHUT_MS + SHUT_SPREAD_MS));
    assert!(is_asking(), "the answer may be lost as well");
}

/// How long nothing has come from a peer.
#[cfg(target_os = "linux")]
fn silent_ms(stream: &TcpStream) -> u32 {
    Window::tcp_info(stream).unwrap().tcpi_last_ack_recv
}

#[cfg(target_os = "linux")]
#[test]
fn who_has_room_is_looked_at_seldom() {
    let mut bench = Bench::new();
    let (mut socket, mut tls) = bench.stranger();
    let link = bench.insider(&mut socket, &mut tls);
    let window = bench.window(link);
    assert!(!window.is_shut_for(usize::MAX), "{window:?}");
    let socket = find(&mut bench.turn.sockets, link).unwrap();
    socket.room = 0;
    assert_eq!(socket.fits(100), 100);
    assert_eq!(socket.room, window.room - 100, "the next look is due when that is used up");
}

#[test]
fn many_who_are_to_be_looked_at_take_their_turns_and_the_core_does_not_sleep_meanwhile() {
    let mut bench = Bench::new();
    let _strangers: Vec<_> = (0..CROWD).map(|_| bench.stranger()).collect();
    bench.accept(CROWD);
    bench.turn(&[]);
    let now = bench.turn.clock.now();
    for link in bench.links() {
        find(&mut bench.turn.sockets, link).unwrap().shut = true;
        bench.turn.shut.begin(now.mono_ms, link);
    }
    let later = Now { mono_ms: now.mono_ms + 2 * SHUT_LOOK_MS_MAX, ..now };
    let left = |bench: &Bench| bench.turn.sockets.iter().flatten().filter(|one| one.shut).count();
    for looked_at in (SHUT_LOOKS_PER_TURN_MAX..CROWD).step_by(SHUT_LOOKS_PER_TURN_MAX) {
        bench.turn.run(later);
        assert_eq!(left(&bench), CROWD - looked_at, "all of them have room");
        assert_eq!(bench.turn.patience(later), Some(Duration::ZERO));
    }
    bench.turn.run(later);
    assert_eq!(left(&bench), 0);
    assert_ne!(bench.turn.patience(later), Some(Duration::ZERO), "nobody is left");
}

#[cfg(target_os = "linux")]
const RECEIVE_BYTES: usize = 16 * 1024;

#[cfg(target_os = "linux")]
const LEFT_BYTES: usize = 4 * 1024;

/// Each answer has 300 bytes or more.
#[cfg(target_os = "linux")]
const ASKED_MAX: usize = 4 * RECEIVE_BYTES / 300;

const CROWD: usize = 3 * SHUT_LOOKS_PER_TURN_MAX - 1;

const STORM: usize = 5 * HANDSHAKES_PER_TURN_MAX;
