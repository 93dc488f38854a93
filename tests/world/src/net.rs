//! The network of a world: connections whose bytes take their time, arrive in order, and sometimes not at all.
//!
//! Owns delay, loss (which TCP turns into delay), resets, partitions and slow readers. What a CServer does with bytes is
//! `servers.rs`'s, what a client does with them `tab.rs`'s; a web tier reads and writes its own through [`Stream`].

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use relay::LinkId;
use relay_sim::rng::Rng;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A place in the network: CServers first, then web tiers, then people.
pub(crate) type Host = usize;

/// The client's end of a connection.
#[derive(Default)]
pub(crate) struct Ends {
    pub(crate) inbox: Vec<u8>,
    pub(crate) outbox: Vec<u8>,
    /// Nothing more will come.
    pub(crate) is_eof: bool,
    /// The client has closed.
    pub(crate) is_closed: bool,
    waker: Option<Waker>,
}

/// Shared with whoever uses the end.
pub(crate) type SharedEnds = Arc<Mutex<Ends>>;

pub(crate) fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One way of a connection.
#[derive(Default)]
pub(crate) struct Lane {
    queue: VecDeque<(u64, Parcel)>,
    last_ms: u64,
}

/// What travels.
pub(crate) enum Parcel {
    Bytes(Vec<u8>),
    /// The end: in good order, or a reset.
    Fin,
}

/// One connection.
pub(crate) struct Wire {
    pub(crate) from: Host,
    pub(crate) to: Host,
    pub(crate) ends: SharedEnds,
    /// Its place at the CServer, while it is accepted there: the boot, the core, the link.
    pub(crate) at: Option<(u64, usize, LinkId)>,
    pub(crate) up: Lane,
    pub(crate) down: Lane,
    rng: Rng,
    /// The client reads nothing until then.
    pub(crate) asleep_until_ms: u64,
    fin_sent: bool,
    /// The CServer's side is over.
    pub(crate) is_over: bool,
    /// Whether the CServer has been asked to accept it.
    pub(crate) was_accepted: bool,
}

/// All connections and what is between the hosts.
pub(crate) struct Net {
    pub(crate) wires: Vec<Option<Wire>>,
    /// Until when nothing passes between two hosts.
    blocked_until_ms: Vec<Vec<u64>>,
    delay_ms: (u64, u64),
    loss_percent: u64,
    seed: u64,
    made: u64,
}

impl Net {
    pub(crate) fn new(seed: u64, hosts: usize, rng: &mut Rng) -> Self {
        let least = rng.between(1, 20);
        Self {
            wires: Vec::new(),
            blocked_until_ms: vec![vec![0; hosts]; hosts],
            delay_ms: (least, least + rng.between(0, 60)),
            loss_percent: rng.below(6),
            seed,
            made: 0,
        }
    }

    /// Nothing is lost any more, and everything passes.
    pub(crate) fn heal(&mut self) {
        self.blocked_until_ms.iter_mut().flatten().for_each(|until_ms| *until_ms = 0);
        self.loss_percent = 0;
        for wire in self.wires.iter_mut().flatten() {
            wire.asleep_until_ms = 0;
        }
    }

    /// Everybody is within 15 ms of everybody.
    #[cfg(test)]
    pub(crate) fn be_near(&mut self) {
        self.delay_ms = (5, 15);
    }

    pub(crate) fn block(&mut self, one: Host, other: Host, until_ms: u64) {
        self.blocked_until_ms[one][other] = until_ms;
        self.blocked_until_ms[other][one] = until_ms;
    }

    pub(crate) fn is_blocked(&self, now: u64, one: Host, other: Host) -> bool {
        self.blocked_until_ms[one][other] > now
    }

    /// Opens a connection; its number.
    pub(crate) fn open(&mut self, from: Host, to: Host, ends: SharedEnds) -> usize {
        self.made += 1;
        let wire = Wire {
            from,
            to,
            ends,
            at: None,
            up: Lane::default(),
            down: Lane::default(),
            // Of its own, so that no two connections' fortunes hang together.
            rng: Rng::new(self.seed ^ (self.made << 20) ^ ((from as u64) << 8) ^ to as u64),
            asleep_until_ms: 0,
            fin_sent: false,
            is_over: false,
            was_accepted: false,
        };
        match self.wires.iter().position(Option::is_none) {
            Some(free) => {
                self.wires[free] = Some(wire);
                free
            }
            None => {
                self.wires.push(Some(wire));
                self.wires.len() - 1
            }
        }
    }

    pub(crate) fn delay(&self, rng: &mut Rng) -> u64 {
        delay(rng, self.delay_ms, self.loss_percent)
    }

    /// Takes what clients have written, and brings what is due to them.
    pub(crate) fn turn(&mut self, now: u64) {
        for at in 0..self.wires.len() {
            let Some(wire) = &mut self.wires[at] else { continue };
            let blocked = self.blocked_until_ms[wire.from][wire.to] > now;
            let (range, loss) = (self.delay_ms, self.loss_percent);
            let mut ends = lock(&wire.ends);
            if !ends.outbox.is_empty() {
                let bytes = std::mem::take(&mut ends.outbox);
                wire.up.push(now + delay(&mut wire.rng, range, loss), Parcel::Bytes(bytes));
            }
            if ends.is_closed && !wire.fin_sent {
                wire.fin_sent = true;
                wire.up.push(now + delay(&mut wire.rng, range, loss), Parcel::Fin);
            }
            if blocked || wire.asleep_until_ms > now {
                continue;
            }
            while let Some(parcel) = wire.down.due(now) {
                match parcel {
                    Parcel::Bytes(bytes) => ends.inbox.extend_from_slice(&bytes),
                    Parcel::Fin => ends.is_eof = true,
                }
                if let Some(waker) = ends.waker.take() {
                    waker.wake();
                }
            }
            let done = wire.is_over && wire.down.queue.is_empty() && ends.is_closed;
            drop(ends);
            if done {
                self.wires[at] = None;
            }
        }
    }

    /// A CServer sends.
    pub(crate) fn send(&mut self, now: u64, at: usize, parcel: Parcel) {
        let (range, loss) = (self.delay_ms, self.loss_percent);
        if let Some(wire) = &mut self.wires[at] {
            wire.down.push(now + delay(&mut wire.rng, range, loss), parcel);
        }
    }

    /// What is due at a CServer on this connection, in pieces of any size, between which a loss may lie.
    pub(crate) fn receive(&mut self, now: u64, at: usize) -> Option<Parcel> {
        let loss = self.loss_percent;
        let wire = self.wires[at].as_mut()?;
        if self.blocked_until_ms[wire.from][wire.to] > now {
            return None;
        }
        match wire.up.due(now)? {
            Parcel::Bytes(mut bytes) if bytes.len() > 1 && wire.rng.chance(20) => {
                let rest = bytes.split_off(1 + wire.rng.index(bytes.len() - 1));
                let due_ms = now + loss_ms(&mut wire.rng, loss);
                wire.up.queue.push_front((due_ms, Parcel::Bytes(rest)));
                Some(Parcel::Bytes(bytes))
            }
            parcel => Some(parcel),
        }
    }

    /// Breaks a connection in the middle of everything.
    pub(crate) fn reset(&mut self, now: u64, at: usize) {
        if let Some(wire) = &mut self.wires[at] {
            wire.up = Lane { last_ms: now, ..Lane::default() };
            wire.down = Lane { last_ms: now, ..Lane::default() };
            wire.up.push(now + 1, Parcel::Fin);
            wire.down.push(now + 1, Parcel::Fin);
            wire.fin_sent = true;
        }
    }

    /// The host of a CServer has lost everything: its peers hear so when they can be reached.
    pub(crate) fn server_died(&mut self, now: u64, server: Host) {
        for at in 0..self.wires.len() {
            if self.wires[at].as_ref().is_some_and(|wire| wire.to == server) {
                self.reset(now, at);
                if let Some(wire) = &mut self.wires[at] {
                    (wire.at, wire.is_over) = (None, true);
                }
            }
        }
    }

    /// When something is due next.
    pub(crate) fn next_ms(&self) -> Option<u64> {
        let lanes = |wire: &Wire| wire.up.next_ms().into_iter().chain(wire.down.next_ms()).min();
        self.wires.iter().flatten().filter_map(lanes).min()
    }
}

fn delay(rng: &mut Rng, (low, high): (u64, u64), loss_percent: u64) -> u64 {
    let loss_ms = loss_ms(rng, loss_percent);
    rng.between(low, high) + loss_ms
}

/// A loss is a delay: TCP sends again.
fn loss_ms(rng: &mut Rng, loss_percent: u64) -> u64 {
    if rng.chance(loss_percent) { rng.between(200, 1_500) } else { 0 }
}

impl Lane {
    fn push(&mut self, due_ms: u64, parcel: Parcel) {
        self.last_ms = self.last_ms.max(due_ms);
        self.queue.push_back((self.last_ms, parcel));
    }

    fn due(&mut self, now: u64) -> Option<Parcel> {
        if self.queue.front()?.0 > now {
            return None;
        }
        self.queue.pop_front().map(|(_, parcel)| parcel)
    }

    fn next_ms(&self) -> Option<u64> {
        self.queue.front().map(|(due_ms, _)| *due_ms)
    }
}

/// A web tier's end of a control stream.
pub(crate) struct Stream(pub(crate) SharedEnds);

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut ends = lock(&self.0);
        if ends.inbox.is_empty() && !ends.is_eof {
            ends.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        let count = ends.inbox.len().min(into.remaining());
        into.put_slice(&ends.inbox[..count]);
        ends.inbox.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut ends = lock(&self.0);
        if ends.is_closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        ends.outbox.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.0).is_closed = true;
        Poll::Ready(Ok(()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        lock(&self.0).is_closed = true;
    }
}
