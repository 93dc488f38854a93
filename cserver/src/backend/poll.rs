//! The readiness backend: mio, so epoll on Linux and kqueue on FreeBSD.
//!
//! Sockets are registered once, edge-triggered, for both directions. A turn takes what has come, lets the shard work,
//! sends back to back and waits. A connection that has more to read than a turn allows stays on a list and is read on in the next.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use relay::LinkId;

use super::{Clock, Core, Office, Post, micros};
use crate::limits::{ACCEPTS_PER_TURN_MAX, READ_BYTES, READS_PER_TURN_MAX};
use crate::shard::{Now, Output, Shard};

pub(super) fn run(core: Core) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(EVENTS_PER_TURN);
    let mut turn = Turn::new(core, poll.registry())?;
    loop {
        let now = turn.clock.now();
        if turn.shard.is_drained(now) {
            return Ok(());
        }
        let wait = if turn.has_rest() { Some(Duration::ZERO) } else { turn.until_deadline(now) };
        match poll.poll(&mut events, wait) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let (began, now) = (Instant::now(), turn.clock.now());
        for event in &events {
            turn.note(event);
        }
        turn.run(now);
        turn.shard.note_turn(micros(began.elapsed()));
    }
}

/// What a core holds between two waits.
struct Turn {
    shard: Shard,
    listeners: Vec<Listener>,
    office: Arc<Office>,
    clock: Clock,
    registry: Registry,
    /// By the low half of the link's id.
    sockets: Vec<Option<Socket>>,
    /// Sockets with something to read, each once.
    readable: Vec<LinkId>,
    buffer: Box<[u8]>,
    mail: bool,
}

struct Listener {
    socket: TcpListener,
    pending: bool,
}

struct Socket {
    link: LinkId,
    stream: TcpStream,
    /// On the list of those to read.
    listed: bool,
    /// The peer has closed its side, so a short read is not the last.
    closed: bool,
    /// The kernel took less than all; an event will say when it takes more.
    blocked: bool,
}

impl Turn {
    fn new(core: Core, registry: &Registry) -> io::Result<Self> {
        let Core { shard, listeners, office, clock } = core;
        let waker = Waker::new(registry, WAKER)?;
        // If the bell cannot be rung the post waits for the core's next turn, at most the time between two beats.
        office.set_bell(shard.core(), Box::new(move || drop(waker.wake())));
        let mut open = Vec::with_capacity(listeners.len());
        for (at, listener) in listeners.into_iter().enumerate() {
            let mut socket = TcpListener::from_std(listener);
            registry.register(&mut socket, Token(LISTENERS + at), Interest::READABLE)?;
            open.push(Listener { socket, pending: true });
        }
        Ok(Self {
            shard,
            listeners: open,
            office,
            clock,
            registry: registry.try_clone()?,
            sockets: Vec::new(),
            readable: Vec::new(),
            buffer: vec![0; READ_BYTES].into(),
            mail: true,
        })
    }

    /// Whether the last turn left something to do at once.
    fn has_rest(&self) -> bool {
        self.mail || !self.readable.is_empty() || self.listeners.iter().any(|one| one.pending)
    }

    fn until_deadline(&self, now: Now) -> Option<Duration> {
        let deadline_ms = self.shard.next_deadline()?;
        Some(Duration::from_millis(deadline_ms.saturating_sub(now.mono_ms)))
    }

    fn note(&mut self, event: &mio::event::Event) {
        match event.token() {
            WAKER => self.mail = true,
            Token(at) if (LISTENERS..LISTENERS + LISTENERS_MAX).contains(&at) => {
                self.listeners[at - LISTENERS].pending = true;
            }
            Token(link) => {
                let link = LinkId(link as u64);
                let Some(socket) = find(&mut self.sockets, link) else { return };
                if event.is_readable() || event.is_read_closed() || event.is_error() {
                    socket.closed |= event.is_read_closed() || event.is_error();
                    if !std::mem::replace(&mut socket.listed, true) {
                        self.readable.push(link);
                    }
                }
                if event.is_writable() && std::mem::take(&mut socket.blocked) {
                    self.shard.handle_writable(link);
                }
            }
        }
    }

    fn run(&mut self, now: Now) {
        if std::mem::take(&mut self.mail) {
            self.collect(now);
        }
        for at in 0..self.listeners.len() {
            if self.listeners[at].pending {
                self.accept(now, at);
            }
        }
        let mut rest = Vec::new();
        for link in std::mem::take(&mut self.readable) {
            if self.read(now, link) {
                rest.push(link);
            }
        }
        self.readable.append(&mut rest);
        self.shard.handle_time(now);
        self.shard.end_turn(now);
        while let Some(link) = self.shard.poll_send() {
            self.send(now, link);
        }
        self.outputs();
    }

    fn collect(&mut self, now: Now) {
        for post in self.office.collect(self.shard.core()) {
            match post {
                Post::Mail(mail) => self.shard.handle_mail(now, mail),
                Post::Drain(deadline_ms) => self.shard.drain(now, deadline_ms),
                Post::Beat => self.shard.publish_figures(),
                Post::Arrival(stream, cargo) => {
                    // A place that the shard has given up may still have its old socket here.
                    self.outputs();
                    let link = self.shard.handle_arrival(now, cargo);
                    self.insert(now, link, TcpStream::from_std(stream));
                }
            }
        }
    }

    fn accept(&mut self, now: Now, at: usize) {
        for _ in 0..ACCEPTS_PER_TURN_MAX {
            match self.listeners[at].socket.accept() {
                Ok((stream, _)) => {
                    self.outputs();
                    if let Some(link) = self.shard.handle_accept(now) {
                        self.insert(now, link, stream);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.listeners[at].pending = false;
                    if error.kind() != ErrorKind::WouldBlock {
                        tracing::warn!(%error, "cannot accept; more files may be needed (LimitNOFILE)");
                    }
                    return;
                }
            }
        }
    }

    fn insert(&mut self, now: Now, link: LinkId, mut stream: TcpStream) {
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.registry.register(&mut stream, Token(link.0 as usize), interest) {
            tracing::warn!(%error, "cannot watch a connection");
            self.shard.handle_gone(now, link);
        }
        let at = index(link);
        if self.sockets.len() <= at {
            self.sockets.resize_with(at + 1, || None);
        }
        let socket = Socket { link, stream, listed: false, closed: false, blocked: false };
        debug_assert!(self.sockets[at].is_none(), "a place was given twice");
        self.sockets[at] = Some(socket);
    }

    /// Reads what one turn allows; true when there may be more.
    fn read(&mut self, now: Now, link: LinkId) -> bool {
        for _ in 0..READS_PER_TURN_MAX {
            let Some(socket) = find(&mut self.sockets, link) else { return false };
            match socket.stream.read(&mut self.buffer) {
                Ok(0) => {
                    self.shard.handle_gone(now, link);
                    return false;
                }
                Ok(bytes) => {
                    let short = bytes < self.buffer.len() && !socket.closed;
                    socket.listed = !short;
                    self.shard.handle_bytes(now, link, &mut self.buffer[..bytes]);
                    if short || !self.shard.holds(link) {
                        return false;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    socket.listed = false;
                    return false;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.shard.handle_gone(now, link);
                    return false;
                }
            }
        }
        true
    }

    fn send(&mut self, now: Now, link: LinkId) {
        let Some(socket) = find(&mut self.sockets, link) else { return };
        let bytes = self.shard.unsent(link);
        if bytes.is_empty() || socket.blocked {
            return;
        }
        match socket.stream.write(bytes) {
            Ok(sent) => {
                socket.blocked = sent < bytes.len();
                self.shard.handle_sent(now, link, sent);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => socket.blocked = true,
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                self.shard.handle_writable(link)
            }
            Err(_) => self.shard.handle_gone(now, link),
        }
    }

    fn outputs(&mut self) {
        while let Some(output) = self.shard.poll_output() {
            match output {
                Output::Shutdown(link) => {
                    if let Some(socket) = find(&mut self.sockets, link) {
                        // A peer that is gone already will be noticed by its next read.
                        let _ = socket.stream.shutdown(Shutdown::Write);
                    }
                }
                Output::Close(link) => drop(self.take(link)),
                Output::HandOver { link, to, cargo } => {
                    if let Some(stream) = self.take(link) {
                        self.office.send(to, Post::Arrival(OwnedFd::from(stream).into(), cargo));
                    }
                }
                Output::Mail { to, mail } => self.office.send(to, Post::Mail(mail)),
            }
        }
    }

    fn take(&mut self, link: LinkId) -> Option<TcpStream> {
        find(&mut self.sockets, link)?;
        let mut socket = self.sockets[index(link)].take()?;
        // Fails only for a socket that was never registered.
        let _ = self.registry.deregister(&mut socket.stream);
        Some(socket.stream)
    }
}

fn find(sockets: &mut [Option<Socket>], link: LinkId) -> Option<&mut Socket> {
    sockets.get_mut(index(link))?.as_mut().filter(|socket| socket.link == link)
}

fn index(link: LinkId) -> usize {
    (link.0 & 0xffff_ffff) as usize
}

/// Events fetched by one wait; more come with the next.
const EVENTS_PER_TURN: usize = 1_024;

/// Addresses of one server.
const LISTENERS_MAX: usize = 64;

/// Tokens above every link's: a link has a core's connection count in its low half.
const WAKER: Token = Token(usize::MAX - 1);
const LISTENERS: usize = usize::MAX - 1 - LISTENERS_MAX;
