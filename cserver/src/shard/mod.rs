//! One core's server as a machine: sockets' bytes in, bytes for sockets out, and nothing that waits.
//!
//! It joins the two other machines, the connection (TLS, HTTP, WebSocket) and the relay (sessions), and adds what only
//! the whole knows: which request may do what ([`routes`]), on whose core it is done ([`errands`]), and when a silent connection
//! ends ([`timers`]). A backend below moves the bytes; a test may take its place, in virtual time.
//!
//! Calling order, for a backend: any number of `handle_*`, then [`Shard::end_turn`], then [`Shard::poll_send`] until it
//! is empty, then [`Shard::poll_output`] until it is empty, then wait, at most until [`Shard::next_deadline`].

#[cfg(test)]
mod allocations;
#[cfg(test)]
mod control_tests;
mod crowd;
mod effects;
mod errands;
mod flush;
#[cfg(test)]
mod losses_tests;
#[cfg(test)]
mod origins_tests;
#[cfg(test)]
mod overload;
#[cfg(test)]
mod pki;
mod plain;
#[cfg(test)]
mod plain_tests;
mod posts;
#[cfg(test)]
mod posts_tests;
mod presence;
mod pressure;
mod routes;
mod slot;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod timers;
#[cfg(test)]
mod wire;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use connection::{Connection, Event, Outgoing, Scratch};
use protocol::control::ReportEvent;
use protocol::figures::CoreFigures;
use protocol::{AgentId, CloseCode, GroupId, JoinId, SessionId, SessionNumber};
use relay::{LinkId, Relay};
use slab::Slab;

use crate::control::Control;
use crate::limits::{FLUSH_MS, GUESTS_BYTES_MAX, OPENING_MS_MAX};
use crate::shared::{CoreIndex, Shared};
use crowd::Crowd;
use errands::Errand;
use flush::Flush;
pub use presence::PresenceNews;
use pressure::Pressure;
use slot::{Ending, Role, Slot};

/// Both clocks, read once a turn by the backend.
#[derive(Clone, Copy, Debug, Default)]
pub struct Now {
    /// Monotonic, milliseconds: timers.
    pub mono_ms: u64,
    /// Wall clock, milliseconds since the Unix epoch: credentials and reports.
    pub wall_ms: u64,
}

/// One core's server.
pub struct Shard {
    core: CoreIndex,
    cores: usize,
    shared: Arc<Shared>,
    slots: Slab<Box<Slot>>,
    generation: u32,
    /// What guests hold together of requests that are not whole, and may.
    guests_bytes: usize,
    guests_bytes_max: usize,
    relay: Relay,
    pages: presence::Pages,
    /// Only on the core that owns the control streams.
    control: Option<Control>,
    entropy: Entropy,
    scratch: Scratch,
    /// Plaintext of what one connection is sent in one turn.
    plain: Vec<u8>,
    /// Buffers that have been sent and serve again.
    pool: Vec<Outgoing>,
    sends: Vec<LinkId>,
    outputs: VecDeque<Output>,
    timers: BinaryHeap<Reverse<(u64, LinkId)>>,
    control_due_ms: u64,
    metrics_due_ms: u64,
    drain_until_ms: Option<u64>,
    pressure: Pressure,
    flush: Flush,
    crowd: Crowd,
    counts: CoreFigures,
}

/// Where random bytes come from: the operating system, or a test's seed.
pub type Entropy = Box<dyn FnMut(&mut [u8]) + Send>;

/// What a backend has to do besides sending.
#[derive(Debug)]
pub enum Output {
    /// Nothing more will be sent: shut the socket's writing side, go on reading until the peer closes.
    Shutdown(LinkId),
    /// Close the socket and forget it.
    Close(LinkId),
    /// Take the socket out of this core, whose last read has completed, and carry it to another with the cargo.
    HandOver {
        /// Which socket.
        link: LinkId,
        /// To which core.
        to: CoreIndex,
        /// What that core's `handle_arrival` needs.
        cargo: Box<Cargo>,
    },
    /// A session has ended, or a server key has come: wipe the buffer that sockets are read into and call [`Shard::forget`], or their last
    /// bytes stay there until others come.
    Forget,
    /// Carry a message to another core.
    Mail {
        /// To which core.
        to: CoreIndex,
        /// The message.
        mail: Mail,
    },
}

/// A live connection on its way to another core, and what it wants there.
pub struct Cargo {
    connection: Connection,
    /// Sealed and not sent yet: a TLS session ticket, mostly, since the request came with the end of the handshake.
    unsent: Outgoing,
    errand: Errand,
}

impl std::fmt::Debug for Cargo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cargo").finish_non_exhaustive()
    }
}

/// A message between cores. None is on a frame's path.
#[derive(Clone, Debug)]
pub enum Mail {
    /// To the core of the control streams: something to report.
    Report(u64, SessionId, ReportEvent),
    /// To the core of the control streams: a page is there, or has gone.
    Presence(PresenceNews),
    /// An agent's offer to a page, wherever it is.
    Offer(SessionNumber, String),
    /// A session has a newer home elsewhere, or was ended there.
    Moved(SessionId, u32, CloseCode),
    /// A group's settings have changed.
    Settings(GroupId),
    /// A group is gone.
    GroupRemoved(GroupId),
    /// An agent lost access to a group.
    Revoke(GroupId, AgentId),
    /// A join's secure cookie was seen in plain text.
    EndJoin(SessionId, JoinId),
    /// Take no more sessions, end after so many milliseconds; of several orders the soonest end counts.
    Drain(u64),
}

/// The core that owns the control streams.
pub const CONTROL_CORE: CoreIndex = 0;

impl Shard {
    /// The machine of one core.
    pub fn new(core: CoreIndex, cores: usize, shared: Arc<Shared>, entropy: Entropy) -> Self {
        Self {
            core,
            cores,
            shared,
            slots: Slab::new(),
            generation: 0,
            guests_bytes: 0,
            guests_bytes_max: GUESTS_BYTES_MAX,
            relay: Relay::new(relay::Bounds::default()),
            pages: presence::Pages::default(),
            control: (core == CONTROL_CORE).then(Control::default),
            entropy,
            scratch: Scratch::default(),
            plain: Vec::new(),
            pool: Vec::new(),
            sends: Vec::new(),
            outputs: VecDeque::new(),
            timers: BinaryHeap::new(),
            control_due_ms: 0,
            metrics_due_ms: 0,
            drain_until_ms: None,
            pressure: Pressure::default(),
            flush: Flush::default(),
            crowd: Crowd::default(),
            counts: CoreFigures::default(),
        }
    }

    /// A socket was accepted. `None`: there is no room, close it.
    pub fn handle_accept(&mut self, now: Now) -> Option<LinkId> {
        if self.slots.len() >= self.shared.limits().connections_per_core {
            self.counts.accepts_refused += 1;
            return None;
        }
        self.counts.accepts += 1;
        let connection = Connection::new(self.shared.tls.read().clone());
        let connection = if self.shared.takes_plain() { connection.or_plain() } else { connection };
        let link =
            self.insert(now, connection, Role::Guest { until_ms: now.mono_ms + OPENING_MS_MAX });
        Some(link)
    }

    /// A connection waits and cannot be accepted.
    pub fn handle_accept_failure(&mut self) {
        self.counts.accept_failures += 1;
    }

    /// A socket was carried here from another core.
    pub fn handle_arrival(&mut self, now: Now, cargo: Box<Cargo>) -> LinkId {
        let Cargo { connection, unsent, errand } = *cargo;
        let link =
            self.insert(now, connection, Role::Guest { until_ms: now.mono_ms + OPENING_MS_MAX });
        if let Some(slot) = get(&mut self.slots, link) {
            slot.outgoing = unsent;
        }
        self.run_errand(now, link, errand);
        self.settle(now, link);
        link
    }

    /// Bytes were read. They serve as working memory and are worthless afterwards.
    pub fn handle_bytes(&mut self, now: Now, link: LinkId, bytes: &mut [u8]) {
        let Some(slot) = get(&mut self.slots, link) else { return };
        if slot.ending.is_some() {
            return;
        }
        slot.heard(now.mono_ms);
        if slot.role == Role::Control
            && let Some(control) = &mut self.control
        {
            control.heard(now.mono_ms, link);
        }
        let is_guest = matches!(slot.role, Role::Guest { .. });
        let Slot { connection, outgoing, .. } = slot;
        let is_new = is_guest && !connection.is_established();
        if is_new {
            // A handshake is written in many small parts.
            flush::lend(&mut self.pool, outgoing);
        }
        let scratch = &mut self.scratch;
        // Strangers' bytes meet large parsers here. A fault in one of them costs the connection that found it, not
        // the sessions of a core; nothing of that connection or of the scratch memory is looked at again.
        let receive = AssertUnwindSafe(|| connection.receive(bytes, scratch, outgoing));
        if catch_unwind(receive).is_err() {
            tracing::error!("a parser's fault ended a connection");
            self.scratch = Scratch::default();
            return self.handle_gone(now, link);
        }
        let is_done = connection.is_established() && !connection.is_plain();
        self.counts.handshakes += u64::from(is_new && is_done);
        self.settle(now, link);
        if is_new {
            self.give_back(link);
        }
        self.weigh(now, link);
    }

    /// The peer closed the socket, or it broke.
    pub fn handle_gone(&mut self, now: Now, link: LinkId) {
        if self.remove(now, link) {
            self.outputs.push_back(Output::Close(link));
        }
    }

    /// The socket takes bytes again.
    pub fn handle_writable(&mut self, link: LinkId) {
        self.want_send(link);
    }

    /// A message from another core.
    pub fn handle_mail(&mut self, now: Now, mail: Mail) {
        match mail {
            Mail::Report(at_ms, session, event) => self.report(now, at_ms, session, event),
            Mail::Presence(news) => {
                if let Some(control) = &mut self.control {
                    control.presence(news);
                }
            }
            Mail::Offer(presence, offer) => self.offer(&presence, &offer),
            Mail::Moved(session, home, code) => {
                if let Some(old) = self.relay.find(&session)
                    && self.relay.home(old).is_some_and(|old| old < home)
                {
                    self.relay.end_session(now.mono_ms, old, code);
                }
            }
            Mail::Settings(group) => {
                if let Some(rules) = self.shared.group(&group) {
                    let grace_ms = rules.settings.grace_ms;
                    let visitor = rules.visitor_json.clone();
                    self.relay.update_settings(now.mono_ms, group, visitor, grace_ms);
                    if rules.plain_policy.is_none() {
                        self.relay.end_plain(now.mono_ms, group);
                    }
                }
            }
            Mail::GroupRemoved(group) => {
                self.relay.end_group(now.mono_ms, group, CloseCode::NotAllowed);
                self.close_pages(now, Some(group), CloseCode::NotAllowed);
            }
            Mail::Revoke(group, agent) => self.relay.revoke(now.mono_ms, group, agent),
            Mail::EndJoin(session, join) => self.end_join(now, &session, join),
            Mail::Drain(deadline_ms) => {
                let until_ms = now.mono_ms.saturating_add(deadline_ms);
                self.drain_until_ms = Some(self.drain_until_ms.unwrap_or(until_ms).min(until_ms));
                self.relay.end_all(now.mono_ms, CloseCode::Draining);
                self.close_pages(now, None, CloseCode::Draining);
            }
        }
    }

    /// Whether the shard still knows this connection. When it does not, an output says what becomes of the socket, and nothing
    /// more may be read from it here.
    pub fn holds(&self, link: LinkId) -> bool {
        self.slots.get(parts(link).1).is_some_and(|slot| slot.link == link)
    }

    /// Whether its TLS handshake is still to be done, which costs as much as a hundred frames.
    pub fn is_stranger(&self, link: LinkId) -> bool {
        let slot = self.slots.get(parts(link).1).filter(|slot| slot.link == link);
        slot.is_some_and(|slot| {
            matches!(slot.role, Role::Guest { .. }) && !slot.connection.is_established()
        })
    }

    /// Bytes that wait for the socket of `link`.
    pub fn unsent(&self, link: LinkId) -> &[u8] {
        let (_, at) = parts(link);
        match self.slots.get(at) {
            Some(slot) if slot.link == link => &slot.outgoing,
            _ => &[],
        }
    }

    /// The next thing to do besides sending.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// This core's index.
    pub fn core(&self) -> CoreIndex {
        self.core
    }

    fn insert(&mut self, now: Now, connection: Connection, role: Role) -> LinkId {
        self.generation = self.generation.wrapping_add(1);
        let entry = self.slots.vacant_entry();
        let link = LinkId(u64::from(self.generation) << 32 | entry.key() as u64);
        entry.insert(Box::new(Slot::new(link, connection, role, now.mono_ms)));
        self.crowd.has_come(self.slots.len());
        self.set_timer(link);
        link
    }

    /// Forgets a connection and tells the machines that knew it.
    fn remove(&mut self, now: Now, link: LinkId) -> bool {
        let (_, at) = parts(link);
        if self.slots.get(at).is_none_or(|slot| slot.link != link) {
            return false;
        }
        self.detach(now, link);
        let slot = self.slots.remove(at);
        self.guests_bytes -= slot.held;
        self.recycle(slot.outgoing);
        true
    }

    /// Counts what a connection holds, and ends it when that is too much: a guest has shown nothing that would earn it memory.
    fn weigh(&mut self, now: Now, link: LinkId) {
        let Some(slot) = get(&mut self.slots, link) else { return };
        let is_guest = matches!(slot.role, Role::Guest { .. }) && slot.ending.is_none();
        let held = if is_guest { slot.connection.held_bytes() } else { 0 };
        let grows = held > slot.held;
        self.guests_bytes = self.guests_bytes - slot.held + held;
        slot.held = held;
        if grows && self.guests_bytes > self.guests_bytes_max {
            self.guests_bytes -= held;
            slot.held = 0;
            self.close(now, link, CloseCode::Overload);
        }
    }

    /// Tells the relay or the control machine that a connection is over; once.
    fn detach(&mut self, now: Now, link: LinkId) {
        let Some(slot) = get(&mut self.slots, link) else { return };
        match std::mem::replace(&mut slot.role, Role::Detached) {
            Role::Visitor | Role::Agent => self.relay.handle_gone(now.mono_ms, link),
            Role::Control => {
                if let Some(control) = &mut self.control {
                    control.gone(link);
                    tracing::info!(connected = control.connected(), "control stream ended");
                }
            }
            Role::Presence => self.end_presence(link),
            Role::Guest { .. } | Role::Detached => {}
        }
    }

    /// Handles what the connection found in the bytes it got, until nothing new comes of it.
    fn settle(&mut self, now: Now, link: LinkId) {
        while !self.scratch.events.is_empty() {
            let mut events = std::mem::take(&mut self.scratch.events);
            for event in events.drain(..) {
                self.handle_event(now, link, event);
            }
            if self.scratch.events.is_empty() {
                // The allocation goes back to serve again.
                self.scratch.events = events;
                break;
            }
        }
        self.want_send(link);
    }

    fn handle_event(&mut self, now: Now, link: LinkId, event: Event) {
        let Some(slot) = get(&mut self.slots, link) else { return };
        match (event, slot.role) {
            (Event::Binary(frame), Role::Visitor | Role::Agent) => {
                self.relay.handle_frame(now.mono_ms, link, frame);
            }
            (Event::Binary(frame), Role::Presence) => self.hear_presence(now, link, &frame),
            (Event::Text(text), Role::Control) => {
                if let Some(control) = &mut self.control {
                    let effects = control.record(now.mono_ms, link, &text);
                    self.apply(now, effects);
                }
            }
            (Event::Request(request), Role::Guest { .. }) => self.route(now, link, &request),
            (Event::Closed(failure), _) => {
                if let Some(failure) = failure {
                    tracing::debug!(%failure, "connection ended by a fault of its peer");
                }
                self.detach(now, link);
                self.finish(now, link);
            }
            (Event::Binary(_) | Event::Text(_) | Event::Request(_), _) => {
                self.close(now, link, CloseCode::BadFrame);
            }
        }
    }

    /// Ends a connection from our side, saying why in the way that it understands.
    fn close(&mut self, now: Now, link: LinkId, code: CloseCode) {
        self.note_refusal(code);
        let Some(slot) = get(&mut self.slots, link) else { return };
        if slot.ending.is_some() {
            return;
        }
        if slot.connection.sends_frames() {
            let frame = Connection::close_frame(code);
            slot.connection.seal(&frame, &mut slot.outgoing);
        }
        slot.connection.close(&mut slot.outgoing);
        self.detach(now, link);
        self.finish(now, link);
    }

    fn finish(&mut self, now: Now, link: LinkId) {
        let Some(slot) = get(&mut self.slots, link) else { return };
        slot.ending.get_or_insert(Ending::Flushing { until_ms: now.mono_ms + FLUSH_MS });
        self.set_timer(link);
        let Some(slot) = get(&mut self.slots, link) else { return };
        if slot.outgoing.is_empty() {
            self.shut(now, link);
        } else {
            self.want_send(link);
        }
    }

    fn cookie_random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.entropy)(&mut bytes);
        bytes
    }

    /// Something was refused, or ended for a reason that is not the normal course.
    fn note_refusal(&mut self, code: CloseCode) {
        if code.fault() != protocol::Fault::None {
            // The names are few, and all there after a while: no allocation then.
            match self.counts.refusals.get_mut(code.name()) {
                Some(count) => *count += 1,
                None => drop(self.counts.refusals.insert(code.name().to_owned(), 1)),
            }
        }
    }

    /// A turn has taken so long, in microseconds.
    pub fn note_turn(&mut self, us: u64) {
        self.counts.turns.note(us);
        self.pressure.note_turn(us);
    }

    /// Whether [`Shard::handle_load`] is to be called: some times a second.
    pub fn is_load_due(&self, now: Now) -> bool {
        self.pressure.is_due(now.mono_ms)
    }

    /// The core's thread has used so many microseconds of processor time since it began.
    pub fn handle_load(&mut self, now: Now, cpu_us: u64) {
        if self.pressure.look(now.mono_ms, cpu_us) {
            let pressure = &self.pressure;
            self.relay.relieve(pressure.leaves_out_ephemeral(), pressure.lag_bytes_max());
            let (core, refuses) = (self.core, pressure.refuses());
            if self.shared.load(core).refuses.swap(refuses, Ordering::Relaxed) != refuses {
                if refuses {
                    tracing::warn!(core, "full: new sessions are refused until there is room");
                } else {
                    tracing::info!(core, "takes new sessions again");
                }
            }
        }
    }

    /// Shows what was counted. Once a second: no frame waits for it.
    pub fn publish_figures(&mut self) {
        let stats = self.relay.stats();
        self.shared.set_figures(
            self.core,
            CoreFigures {
                sessions: stats.sessions,
                agents: stats.agents,
                connections: self.slots.len() as u64,
                unlocked_keys: connection::unlocked_keys() as u64,
                log_bytes: stats.log_bytes,
                reports_queued: self.control.as_ref().map_or(0, Control::reports_queued),
                frames_in: stats.frames_in,
                frames_out: stats.frames_out,
                bytes_in: stats.bytes_in,
                bytes_out: stats.bytes_out,
                resyncs: stats.resyncs,
                skips: stats.skips,
                purges: stats.purges,
                log_drops: stats.log_drops,
                reconnects: stats.reconnects,
                floods: stats.floods,
                stalls: stats.stalls,
                keyframe_requests: stats.keyframe_requests,
                keyframe_requests_delayed: stats.keyframe_requests_delayed,
                pointers_dropped: stats.pointers_dropped,
                ephemerals_dropped: stats.ephemerals_dropped,
                pressure: self.pressure.step(),
                agent_frames_dropped: stats.agent_frames_dropped,
                ..self.counts.clone()
            },
        );
    }

    /// This core turns no more.
    pub fn end(&self) {
        self.shared.core_ended(self.core);
    }

    fn publish_load(&self, now: Now) {
        let load = self.shared.load(self.core);
        let stats = self.relay.stats();
        load.sessions.store(stats.sessions, Ordering::Relaxed);
        load.agents.store(stats.agents, Ordering::Relaxed);
        load.connections.store(self.slots.len() as u64, Ordering::Relaxed);
        load.turned_ms.store(now.mono_ms, Ordering::Relaxed);
        if let Some(control) = &self.control {
            self.shared.set_web_tiers(control.connected());
        }
    }
}

/// Generation and index of a link.
fn parts(link: LinkId) -> (u32, usize) {
    ((link.0 >> 32) as u32, (link.0 & 0xffff_ffff) as usize)
}

/// The slot of a link that is still the same connection. A function of the slab alone, so that the rest of the shard can be used beside it.
fn get(slots: &mut Slab<Box<Slot>>, link: LinkId) -> Option<&mut Slot> {
    slots.get_mut(parts(link).1).map(|slot| &mut **slot).filter(|slot| slot.link == link)
}
