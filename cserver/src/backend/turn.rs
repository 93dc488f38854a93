//! One core's turn, over whatever tells it which sockets are ready: reads, lets the shard work, sends back to back, waits.
//!
//! Sockets are watched once, edge-triggered, for both directions. Reading and sending are plain system calls: measured as cheap as ring
//! operations or cheaper, and two thirds of a send is the kernel's TCP either way. A connection that has more to read than a turn allows stays on
//! a list and is read on in the next. An idle connection holds no memory for bytes: there is one buffer a core.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use relay::LinkId;

use super::office::Bell;
use super::window::{self, Shut, Window};
use super::{Clock, Core, Office, Post, listener, micros};
use crate::limits::{
    ACCEPTS_PER_TURN_MAX, HANDSHAKES_PER_TURN_MAX, READ_BYTES, READS_PER_TURN_MAX,
    SHUT_LOOKS_PER_TURN_MAX, UNSENT_BYTES,
};
use crate::shard::{CONTROL_CORE, Now, Output, Shard};

/// Tells which sockets are ready.
pub(super) trait Watch {
    /// Tells from now on, by edges, when it can be read or written. A token names one socket at a time.
    fn add(&mut self, socket: BorrowedFd<'_>, token: u64) -> io::Result<()>;

    /// Tells no more of it. Called before the socket is closed or given away; what was told already may still come.
    fn remove(&mut self, socket: BorrowedFd<'_>, token: u64);

    /// Wakes this core from any thread; told as [`BELL`].
    fn bell(&mut self) -> io::Result<Bell>;

    /// Waits until something is ready, or so long, and appends it.
    fn wait(&mut self, at_most: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()>;
}

/// What became of one socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    pub(super) token: u64,
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// The peer has closed its side, or the socket broke.
    pub(super) closed: bool,
    /// It is watched no more, though nobody asked for that: to be added again.
    pub(super) ended: bool,
}

/// Serves until a drain has come to its end.
pub(super) fn serve(core: Core, watch: impl Watch) -> io::Result<()> {
    let mut turn = Turn::new(core, watch)?;
    let mut ready = Vec::new();
    let mut now = turn.clock.now();
    while !turn.has_ended(now) {
        turn.watch.wait(turn.patience(now), &mut ready)?;
        let began = Instant::now();
        now = turn.clock.now();
        if turn.shard.is_load_due(now) {
            turn.shard.handle_load(now, cpu_us());
        }
        for one in ready.drain(..) {
            turn.note(one);
        }
        turn.run(now);
        turn.shard.note_turn(micros(began.elapsed()));
    }
    turn.shard.end();
    turn.office.end();
    Ok(())
}

/// What a core holds between two waits.
struct Turn<W> {
    shard: Shard,
    listeners: Vec<Listener>,
    office: Arc<Office>,
    clock: Clock,
    watch: W,
    /// By the low half of the link's id.
    sockets: Vec<Option<Socket>>,
    /// Sockets with something to read, each once.
    readable: Vec<LinkId>,
    /// The list of the turn before, empty: its memory serves again.
    spare: Vec<LinkId>,
    shut: Shut,
    buffer: Box<[u8]>,
    mail: bool,
}

struct Listener {
    socket: TcpListener,
    pending: bool,
    /// Connections wait that could not be accepted. Nobody tells of them again, so each beat tries anew.
    stalled: bool,
}

struct Socket {
    link: LinkId,
    stream: TcpStream,
    /// On the list of those to read.
    listed: bool,
    /// The peer has closed its side, so a short read is not the last.
    closed: bool,
    /// The kernel took less than all; it will be told when it takes more.
    blocked: bool,
    /// Its peer has no room; nothing is sent until a look at it finds some.
    shut: bool,
    /// So many bytes may be sent before the next look at its window.
    room: u32,
}

impl<W: Watch> Turn<W> {
    fn new(core: Core, mut watch: W) -> io::Result<Self> {
        let Core { shard, listeners, office, clock } = core;
        office.set_bell(shard.core(), watch.bell()?);
        let mut open = Vec::with_capacity(listeners.len());
        for (at, socket) in listeners.into_iter().enumerate() {
            watch.add(socket.as_fd(), LISTENERS + at as u64)?;
            open.push(Listener { socket, pending: true, stalled: false });
        }
        Ok(Self {
            shard,
            listeners: open,
            office,
            clock,
            watch,
            sockets: Vec::new(),
            readable: Vec::new(),
            spare: Vec::new(),
            shut: Shut::default(),
            buffer: vec![0; READ_BYTES].into(),
            mail: true,
        })
    }

    /// Whether a drain has come to its end here. The core of the control streams ends last: the others' reports leave by it.
    fn has_ended(&self, now: Now) -> bool {
        let core = self.shard.core();
        let is_awaited = || core == CONTROL_CORE && !self.office.is_last(core);
        self.shard.is_drained(now) && (self.shard.is_overdue(now) || !is_awaited())
    }

    /// How long it may wait: not at all when the last turn left something to do, else until the shard's next deadline.
    fn patience(&self, now: Now) -> Option<Duration> {
        let has_rest = self.mail
            || !self.readable.is_empty()
            || self.listeners.iter().any(|listener| listener.pending);
        if has_rest {
            return Some(Duration::ZERO);
        }
        let deadlines = [self.shard.next_deadline(), self.shut.deadline_ms()];
        let deadline_ms = deadlines.into_iter().flatten().min()?;
        Some(Duration::from_millis(deadline_ms.saturating_sub(now.mono_ms)))
    }

    fn note(&mut self, ready: Ready) {
        match ready.token {
            BELL => self.mail = true,
            LISTENERS.. => {
                let at = usize::try_from(ready.token - LISTENERS).unwrap_or(usize::MAX);
                let Some(listener) = self.listeners.get_mut(at) else { return };
                listener.pending = true;
                if ready.ended
                    && let Err(error) = self.watch.add(listener.socket.as_fd(), ready.token)
                {
                    tracing::error!(%error, "a listener cannot be watched any more");
                }
            }
            link => {
                let link = LinkId(link);
                let Some(socket) = find(&mut self.sockets, link) else { return };
                if ready.ended && self.watch.add(socket.stream.as_fd(), ready.token).is_err() {
                    // Its next read tells, or its silence.
                    socket.closed = true;
                }
                if ready.readable || ready.closed {
                    socket.closed |= ready.closed;
                    if !std::mem::replace(&mut socket.listed, true) {
                        self.readable.push(link);
                    }
                }
                if ready.writable && std::mem::take(&mut socket.blocked) {
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
        let mut list = std::mem::replace(&mut self.readable, std::mem::take(&mut self.spare));
        let mut handshakes = 0;
        for link in list.drain(..) {
            if self.shard.is_stranger(link) {
                handshakes += 1;
                if handshakes > HANDSHAKES_PER_TURN_MAX {
                    // Keeps its place in line; who is inside is read on.
                    self.readable.push(link);
                    continue;
                }
            }
            if self.read(now, link) {
                self.readable.push(link);
            }
        }
        self.spare = list;
        self.shard.handle_time(now);
        self.shard.end_turn(now);
        self.send_all(now);
        // Behind everybody who reads.
        self.look_at_shut(now);
        self.send_all(now);
        self.outputs();
    }

    fn send_all(&mut self, now: Now) {
        while let Some(link) = self.shard.poll_send(now) {
            self.send(now, link);
        }
    }

    fn collect(&mut self, now: Now) {
        for post in self.office.collect(self.shard.core()) {
            match post {
                Post::Mail(mail) => self.shard.handle_mail(now, mail),
                Post::Drain(deadline_ms) => self.shard.drain(now, deadline_ms),
                Post::Beat => {
                    for listener in &mut self.listeners {
                        listener.pending |= listener.stalled;
                    }
                    self.shard.publish_figures();
                    // What came by here on its way to another core, whose sessions end unseen.
                    self.forget();
                    if self.shard.has_crowd_gone() {
                        self.shrink();
                        host::wiping::give_back();
                    }
                }
                Post::Arrival(stream, cargo) => {
                    // A place that the shard has given up may still have its old socket here.
                    self.outputs();
                    let link = self.shard.handle_arrival(now, cargo);
                    self.insert(now, link, stream);
                }
            }
        }
    }

    fn accept(&mut self, now: Now, at: usize) {
        for _ in 0..ACCEPTS_PER_TURN_MAX {
            match listener::accept(&self.listeners[at].socket) {
                Ok(stream) => {
                    if std::mem::take(&mut self.listeners[at].stalled) {
                        tracing::info!("connections are accepted again");
                    }
                    self.outputs();
                    if let Some(link) = self.shard.handle_accept(now) {
                        self.insert(now, link, stream);
                    }
                }
                // Who gave up while waiting is no reason to stop.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::Interrupted | ErrorKind::ConnectionAborted
                    ) => {}
                Err(error) => {
                    let listener = &mut self.listeners[at];
                    listener.pending = false;
                    if error.kind() != ErrorKind::WouldBlock {
                        self.shard.handle_accept_failure();
                        // Said once, not once a beat.
                        if !std::mem::replace(&mut listener.stalled, true) {
                            tracing::error!(
                                %error,
                                "new connections wait and cannot be accepted: each needs a file; raise LimitNOFILE (or ulimit -n), or lower limits.connections_per_core"
                            );
                        }
                    }
                    return;
                }
            }
        }
    }

    fn insert(&mut self, now: Now, link: LinkId, stream: TcpStream) {
        // What its first request set off may have sent it on already; then `outputs` finds it here.
        if let Err(error) = self.watch.add(stream.as_fd(), link.0) {
            tracing::warn!(%error, "cannot watch a connection");
            self.shard.handle_gone(now, link);
        }
        let at = index(link);
        if self.sockets.len() <= at {
            self.sockets.resize_with(at + 1, || None);
        }
        let (listed, closed, blocked, shut) = (false, false, false, false);
        // At first every peer has room for what may wait in the kernel.
        let socket = Socket { link, stream, listed, closed, blocked, shut, room: UNSENT_BYTES };
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
        if bytes.is_empty() || socket.blocked || socket.shut {
            return;
        }
        let fits = socket.fits(bytes.len());
        if fits < bytes.len() {
            socket.shut = true;
            self.shut.begin(now.mono_ms, link);
        }
        self.write(now, link, fits);
    }

    /// Gives the kernel so many of the bytes that wait for a socket, or all if there are fewer.
    fn write(&mut self, now: Now, link: LinkId, most: usize) {
        let Some(socket) = find(&mut self.sockets, link) else { return };
        let bytes = self.shard.unsent(link);
        let bytes = &bytes[..bytes.len().min(most)];
        if bytes.is_empty() {
            return;
        }
        match socket.stream.write(bytes) {
            Ok(sent) => {
                socket.blocked = sent < bytes.len();
                self.shard.handle_sent(now, link, sent);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => socket.blocked = true,
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                self.shard.handle_writable(link);
            }
            Err(_) => self.shard.handle_gone(now, link),
        }
    }

    /// Goes on sending to those who have room again. Looks at as many as a turn may; the next looks on.
    fn look_at_shut(&mut self, now: Now) {
        for _ in 0..SHUT_LOOKS_PER_TURN_MAX {
            let Some(mut look) = self.shut.poll(now.mono_ms) else { return };
            let link = look.link;
            let Some(socket) = find(&mut self.sockets, link) else { continue };
            if std::mem::take(&mut look.is_asked) {
                window::rest(&socket.stream);
            }
            if Window::of(&socket.stream).is_none_or(|window| window.room > 0) {
                socket.shut = false;
                self.shard.handle_writable(link);
                continue;
            }
            if look.is_to_be_asked(now.mono_ms) {
                look.since_ms = now.mono_ms;
                look.is_asked = window::ask(&socket.stream);
            }
            self.shut.again(now.mono_ms, look);
        }
    }

    fn outputs(&mut self) {
        let mut is_over = false;
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
                        self.office.send(to, Post::Arrival(stream, cargo));
                    }
                }
                Output::Mail { to, mail } => self.office.send(to, Post::Mail(mail)),
                // However many have ended.
                Output::Forget => is_over = true,
            }
        }
        if is_over {
            self.forget();
        }
    }

    /// Bytes are decrypted where they were read.
    fn forget(&mut self) {
        self.buffer.fill(0);
        self.shard.forget();
    }

    /// Keeps no more room than those who are here need.
    fn shrink(&mut self) {
        let last = self.sockets.iter().rposition(Option::is_some);
        self.sockets.truncate(last.map_or(0, |last| last + 1));
        self.sockets.shrink_to_fit();
        self.readable.shrink_to_fit();
        self.spare = Vec::new();
        self.shut.shrink();
    }

    fn take(&mut self, link: LinkId) -> Option<TcpStream> {
        find(&mut self.sockets, link)?;
        let socket = self.sockets[index(link)].take()?;
        self.watch.remove(socket.stream.as_fd(), link.0);
        Some(socket.stream)
    }
}

impl Socket {
    /// How many of so many bytes are to be sent now: all, unless they would wait in the kernel for a peer that does not read.
    fn fits(&mut self, bytes: usize) -> usize {
        let known = self.room as usize;
        if bytes <= known {
            self.room -= bytes as u32;
            return bytes;
        }
        match Window::of(&self.stream) {
            Some(window) if window.is_shut_for(bytes) => {
                self.room = 0;
                window.room as usize
            }
            Some(window) => {
                self.room = (window.room as usize).saturating_sub(bytes) as u32;
                bytes
            }
            None => bytes,
        }
    }
}

/// Processor time of this thread so far.
fn cpu_us() -> u64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    u64::try_from(used.tv_sec * 1_000_000 + used.tv_nsec / 1_000).unwrap_or(0)
}

fn find(sockets: &mut [Option<Socket>], link: LinkId) -> Option<&mut Socket> {
    sockets.get_mut(index(link))?.as_mut().filter(|socket| socket.link == link)
}

fn index(link: LinkId) -> usize {
    (link.0 & 0xffff_ffff) as usize
}

/// Tokens above every link's: a link has a core's connection count in its low half.
pub(super) const BELL: u64 = u64::MAX - 1;
const LISTENERS: u64 = 0xffff_ffff_0000_0000 | 0x8000_0000;

const _: () = assert!(crate::limits::CONNECTIONS_PER_CORE_MAX < 0x8000_0000);

#[cfg(test)]
mod tests;
