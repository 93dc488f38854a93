//! The io_uring backend: monoio's ring, one a core, with a structure of our own on top.
//!
//! - One task a connection. It waits on the ring until the socket is readable, then reads without waiting into the core's one
//!   buffer: an idle connection holds a small poll entry and no memory for bytes.
//! - One task an address, which accepts all that is there.
//! - The main future is the turn. monoio polls it when no task is left to run, so one turn gathers everything that
//!   the ring brought: it lets the shard work, seals, sends back to back, and goes to sleep on the ring.
//!
//! Sends are plain system calls, back to back: measured cheaper than ring operations, and two thirds of their cost is the
//! kernel's TCP either way. A task for writing exists only while a socket takes no more.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use monoio::net::{TcpStream, UnixStream};
use monoio::time::Instant;
use monoio::{IoUringDriver, RuntimeBuilder};
use relay::LinkId;
use socket2::SockRef;

use super::{Clock, Core, Office, Post, micros};
use crate::limits::{ACCEPTS_PER_TURN_MAX, READ_BYTES, READS_PER_TURN_MAX};
use crate::shard::{Cargo, Now, Output, Shard};
use crate::shared::CoreIndex;
use crate::startup::RingFlags;

pub(super) fn run(core: Core, flags: RingFlags) -> io::Result<()> {
    let mut runtime = RuntimeBuilder::<IoUringDriver>::new()
        .with_entries(RING_ENTRIES)
        .uring_builder(flags.builder())
        .enable_timer()
        .build()?;
    runtime.block_on(serve(core))
}

async fn serve(core: Core) -> io::Result<()> {
    let Core { shard, listeners, office, clock } = core;
    let (bell, rung) = StdUnixStream::pair()?;
    bell.set_nonblocking(true)?;
    rung.set_nonblocking(true)?;
    let at = shard.core();
    // A full socket means that it has rung already.
    office.set_bell(at, Box::new(move || drop((&bell).write(&[1]))));
    let turn: Shared = Rc::new(RefCell::new(Turn {
        shard,
        office,
        clock,
        sockets: Vec::new(),
        departing: Vec::new(),
        buffer: vec![0; READ_BYTES].into(),
        mail: true,
        began: None,
        waker: None,
    }));
    for listener in listeners {
        monoio::spawn(accept(turn.clone(), listener));
    }
    monoio::spawn(hear(turn.clone(), rung));

    let mut alarm = pin!(monoio::time::sleep(Duration::ZERO));
    let mut alarm_ms = 0;
    poll_fn(move |context| {
        let mut this = turn.borrow_mut();
        this.waker.get_or_insert_with(|| context.waker().clone());
        let now = this.clock.now();
        this.begin();
        this.run(now, &turn);
        if let Some(began) = this.began.take() {
            this.shard.note_turn(micros(began.elapsed()));
        }
        if this.shard.is_drained(now) {
            return Poll::Ready(Ok(()));
        }
        if let Some(deadline_ms) = this.shard.next_deadline() {
            if alarm_ms != deadline_ms || deadline_ms <= now.mono_ms {
                let wait = Duration::from_millis(deadline_ms.saturating_sub(now.mono_ms).max(1));
                alarm.as_mut().reset(Instant::now() + wait);
                alarm_ms = deadline_ms;
            }
            if alarm.as_mut().poll(context).is_ready() {
                // It rang between two reads of the clock: the next turn is due now.
                alarm_ms = 0;
                context.waker().wake_by_ref();
            }
        }
        Poll::Pending
    })
    .await
}

type Shared = Rc<RefCell<Turn>>;

/// What a core holds between two waits. Borrowed by one task at a time, never over an await.
struct Turn {
    shard: Shard,
    office: Arc<Office>,
    clock: Clock,
    /// By the low half of the link's id.
    sockets: Vec<Option<Socket>>,
    /// Sockets that go to another core as soon as no operation of the ring holds them.
    departing: Vec<(Rc<TcpStream>, CoreIndex, Box<Cargo>)>,
    buffer: Box<[u8]>,
    mail: bool,
    /// When the first task of this turn began.
    began: Option<std::time::Instant>,
    /// Of the main future.
    waker: Option<Waker>,
}

struct Socket {
    link: LinkId,
    stream: Rc<TcpStream>,
    /// A task waits until it takes more.
    blocked: bool,
}

/// What a task does after a read.
enum Next {
    /// Waits for more.
    Wait,
    /// Lets others have their turn, then reads on.
    Yield,
    /// The connection is no longer ours.
    End,
}

async fn accept(turn: Shared, listener: TcpListener) {
    let watched = listener.try_clone().and_then(monoio::net::TcpListener::from_std);
    let watched = match watched {
        Ok(watched) => watched,
        Err(error) => return tracing::error!(%error, "cannot watch a listener"),
    };
    loop {
        if let Err(error) = watched.readable(true).await {
            tracing::warn!(%error, "waiting for connections failed");
            monoio::time::sleep(RETRY).await;
        }
        let starved = {
            let mut this = turn.borrow_mut();
            let now = this.clock.now();
            this.begin();
            let starved = this.accept(now, &listener, &turn);
            this.wake();
            starved
        };
        if starved {
            monoio::time::sleep(RETRY).await;
        }
    }
}

async fn hear(turn: Shared, rung: StdUnixStream) {
    let watched = rung.try_clone().and_then(UnixStream::from_std);
    let watched = match watched {
        Ok(watched) => watched,
        Err(error) => return tracing::error!(%error, "cannot watch the bell"),
    };
    loop {
        if let Err(error) = watched.readable(true).await {
            tracing::warn!(%error, "waiting for the bell failed");
            monoio::time::sleep(RETRY).await;
        }
        while matches!((&rung).read(&mut [0; 64]), Ok(64)) {}
        let mut this = turn.borrow_mut();
        this.mail = true;
        this.wake();
    }
}

async fn read(turn: Shared, link: LinkId, stream: Rc<TcpStream>) {
    loop {
        let readable = stream.readable(true).await;
        let next = {
            let mut this = turn.borrow_mut();
            let now = this.clock.now();
            let next = if readable.is_ok() {
                this.begin();
                this.read(now, link, &stream)
            } else {
                this.shard.handle_gone(now, link);
                Next::End
            };
            this.wake();
            next
        };
        match next {
            Next::Wait => {}
            // The next wait for readability is answered at once, behind everybody else's.
            Next::Yield => {}
            Next::End => return,
        }
    }
}

async fn unblock(turn: Shared, link: LinkId, stream: Rc<TcpStream>) {
    let writable = stream.writable(true).await;
    // Before the turn: a socket that departs must be held by nobody else.
    drop(stream);
    let mut this = turn.borrow_mut();
    match writable {
        Ok(()) => {
            if let Some(socket) = find(&mut this.sockets, link) {
                socket.blocked = false;
            }
            this.shard.handle_writable(link);
        }
        Err(_) => {
            let now = this.clock.now();
            this.shard.handle_gone(now, link);
        }
    }
    this.wake();
}

impl Turn {
    fn begin(&mut self) {
        self.began.get_or_insert_with(std::time::Instant::now);
    }

    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    fn run(&mut self, now: Now, shared: &Shared) {
        if std::mem::take(&mut self.mail) {
            self.collect(now, shared);
        }
        self.shard.handle_time(now);
        self.shard.end_turn(now);
        while let Some(link) = self.shard.poll_send() {
            self.send(now, link, shared);
        }
        self.outputs();
        self.depart();
    }

    fn collect(&mut self, now: Now, shared: &Shared) {
        for post in self.office.collect(self.shard.core()) {
            match post {
                Post::Mail(mail) => self.shard.handle_mail(now, mail),
                Post::Drain(deadline_ms) => self.shard.drain(now, deadline_ms),
                Post::Beat => self.shard.publish_figures(),
                Post::Arrival(stream, cargo) => {
                    // A place that the shard has given up may still have its old socket here.
                    self.outputs();
                    let link = self.shard.handle_arrival(now, cargo);
                    self.insert(now, link, stream, shared);
                }
            }
        }
    }

    /// Accepts what is there; true when the host has no room for more.
    fn accept(&mut self, now: Now, listener: &TcpListener, shared: &Shared) -> bool {
        for _ in 0..ACCEPTS_PER_TURN_MAX {
            match listener.accept() {
                Ok((stream, _)) => {
                    self.outputs();
                    if stream.set_nonblocking(true).is_err() {
                        continue;
                    }
                    if let Some(link) = self.shard.handle_accept(now) {
                        self.insert(now, link, stream, shared);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept; more files may be needed (LimitNOFILE)");
                    return true;
                }
            }
        }
        false
    }

    fn insert(&mut self, now: Now, link: LinkId, stream: std::net::TcpStream, shared: &Shared) {
        let stream = match TcpStream::from_std(stream) {
            Ok(stream) => Rc::new(stream),
            Err(error) => {
                tracing::warn!(%error, "cannot watch a connection");
                return self.shard.handle_gone(now, link);
            }
        };
        let at = index(link);
        if self.sockets.len() <= at {
            self.sockets.resize_with(at + 1, || None);
        }
        debug_assert!(self.sockets[at].is_none(), "a place was given twice");
        // What its first request set off may have sent it on already.
        if self.shard.holds(link) {
            monoio::spawn(read(shared.clone(), link, stream.clone()));
        }
        self.sockets[at] = Some(Socket { link, stream, blocked: false });
    }

    fn read(&mut self, now: Now, link: LinkId, stream: &TcpStream) -> Next {
        if !self.shard.holds(link) {
            return Next::End;
        }
        for _ in 0..READS_PER_TURN_MAX {
            let buffer = &mut self.buffer;
            match on_socket(stream, |mut socket| socket.read(buffer)) {
                Ok(0) => {
                    self.shard.handle_gone(now, link);
                    return Next::End;
                }
                Ok(bytes) => {
                    self.shard.handle_bytes(now, link, &mut self.buffer[..bytes]);
                    if !self.shard.holds(link) {
                        return Next::End;
                    }
                    // Polling is by level: what came meanwhile is told at once.
                    if bytes < self.buffer.len() {
                        return Next::Wait;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Next::Wait,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.shard.handle_gone(now, link);
                    return Next::End;
                }
            }
        }
        Next::Yield
    }

    fn send(&mut self, now: Now, link: LinkId, shared: &Shared) {
        let Some(held) = find(&mut self.sockets, link) else { return };
        let bytes = self.shard.unsent(link);
        if bytes.is_empty() || held.blocked {
            return;
        }
        let sent = match on_socket(&held.stream, |socket| socket.send(bytes)) {
            Ok(sent) => sent,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                return self.shard.handle_writable(link);
            }
            Err(_) => return self.shard.handle_gone(now, link),
        };
        if sent < bytes.len() {
            held.blocked = true;
            monoio::spawn(unblock(shared.clone(), link, held.stream.clone()));
        }
        if sent > 0 {
            self.shard.handle_sent(now, link, sent);
        }
    }

    fn outputs(&mut self) {
        while let Some(output) = self.shard.poll_output() {
            match output {
                Output::Shutdown(link) => {
                    if let Some(held) = find(&mut self.sockets, link) {
                        // A peer that is gone already will be noticed by its next read.
                        let _ = on_socket(&held.stream, |socket| socket.shutdown(Shutdown::Write));
                    }
                }
                Output::Close(link) => {
                    if let Some(stream) = self.take(link) {
                        // Ends the wait of its tasks, which hold it too.
                        let _ = on_socket(&stream, |socket| socket.shutdown(Shutdown::Both));
                    }
                }
                Output::HandOver { link, to, cargo } => {
                    if let Some(stream) = self.take(link) {
                        self.departing.push((stream, to, cargo));
                    }
                }
                Output::Mail { to, mail } => self.office.send(to, Post::Mail(mail)),
            }
        }
    }

    /// Sends off the sockets that nobody here holds any more. Its reading task has ended with the read that
    /// brought the request; a writing task may still wait, and then the socket goes with a later turn.
    fn depart(&mut self) {
        for (stream, to, cargo) in std::mem::take(&mut self.departing) {
            match Rc::try_unwrap(stream) {
                Ok(stream) => self.office.send(to, Post::Arrival(into_std(stream), cargo)),
                Err(stream) => self.departing.push((stream, to, cargo)),
            }
        }
    }

    fn take(&mut self, link: LinkId) -> Option<Rc<TcpStream>> {
        find(&mut self.sockets, link)?;
        self.sockets[index(link)].take().map(|held| held.stream)
    }
}

fn find(sockets: &mut [Option<Socket>], link: LinkId) -> Option<&mut Socket> {
    sockets.get_mut(index(link))?.as_mut().filter(|socket| socket.link == link)
}

fn index(link: LinkId) -> usize {
    (link.0 & 0xffff_ffff) as usize
}

/// Calls of the socket itself that do not wait.
fn on_socket<R>(stream: &TcpStream, call: impl FnOnce(&socket2::Socket) -> R) -> R {
    // SAFETY: monoio 0.2.4 gives out its descriptor as a number only. `stream` owns it and keeps it open for as
    // long as this borrow, which ends with the call. Covered by every path test on this backend.
    #[allow(unsafe_code)]
    let fd = unsafe { BorrowedFd::borrow_raw(stream.as_raw_fd()) };
    call(&SockRef::from(&fd))
}

fn into_std(stream: TcpStream) -> std::net::TcpStream {
    // SAFETY: `into_raw_fd` gives up the only owner of an open descriptor, and this takes it. It would panic if an
    // operation of the ring still held it, which the caller rules out. Covered by the hand-over tests.
    #[allow(unsafe_code)]
    let fd = unsafe { OwnedFd::from_raw_fd(stream.into_raw_fd()) };
    fd.into()
}

/// Operations in flight at one submission; the ring takes more in several.
const RING_ENTRIES: u32 = 4_096;

/// After a failure that may pass, such as too few files.
const RETRY: Duration = Duration::from_millis(100);
