//! One flush a turn: what the relay has for each connection leaves as few TLS records and one send.
//!
//! [`Shard::end_turn`] seals for all connections first, and the backend then sends back to back. When there is more than the
//! processor's caches hold, as with keyframes, sealing and sending take turns of [`BATCH_BYTES`]: what is sent is still warm then, and its
//! buffers serve the next. What one connection may have sealed and unsent is bounded by [`SEAL_BYTES_MAX`]; the rest stays in the
//! relay's log, shared, and is fetched when the socket has taken what it got.

use connection::Outgoing;
use relay::LinkId;

use super::slot::Ending;
use super::{Now, Output, Shard, get};
use crate::limits::SEAL_BYTES_MAX;

impl Shard {
    /// All input of this turn was handled: settles its effects and seals what is to be sent, or the first of it.
    pub fn end_turn(&mut self, now: Now) {
        self.relay_events(now);
        self.send_reports(now);
        self.flushing = now.mono_ms >= self.flush_due_ms();
        if self.flushing && self.seal_batch(now) {
            self.flushed_ms = now.mono_ms;
        }
        self.publish_load(now);
    }

    /// When what has come may leave: at once, unless the core is full.
    pub(super) fn flush_due_ms(&self) -> u64 {
        match self.pressure.flush_ms() {
            0 => 0,
            wait_ms => self.flushed_ms + wait_ms,
        }
    }

    /// The next connection with bytes for its socket. Seals more when what was sealed has been given out.
    pub fn poll_send(&mut self, now: Now) -> Option<LinkId> {
        loop {
            while let Some(link) = self.sends.pop() {
                if let Some(slot) = get(&mut self.slots, link) {
                    slot.queued = false;
                    return Some(link);
                }
            }
            if !self.flushing || !self.seal_batch(now) {
                return None;
            }
        }
    }

    /// Seals for connections that have something, as much as one batch holds; whether there was any.
    fn seal_batch(&mut self, now: Now) -> bool {
        let (mut sealed_bytes, mut any) = (0, false);
        while sealed_bytes < BATCH_BYTES
            && let Some(link) = self.relay.poll_dirty()
        {
            any = true;
            sealed_bytes += self.fill(now, link);
        }
        if any {
            // Filling reads time and may end a link that does not read.
            self.relay_events(now);
        }
        any
    }

    /// The socket took so many bytes of [`Shard::unsent`]. With fewer than all of them the backend calls
    /// [`Shard::handle_writable`] once it takes more.
    pub fn handle_sent(&mut self, now: Now, link: LinkId, bytes: usize) {
        let Some(slot) = get(&mut self.slots, link) else { return };
        slot.outgoing.sent(bytes);
        if bytes > 0 && slot.refill {
            // The relay asks only about those for whom it has more.
            self.relay.handle_progress(now.mono_ms, link);
        }
        if !slot.outgoing.is_empty() {
            return;
        }
        let outgoing = std::mem::take(&mut slot.outgoing);
        let (refill, ending) = (std::mem::take(&mut slot.refill), slot.ending);
        self.recycle(outgoing);
        match ending {
            Some(Ending::Flushing { .. }) => self.shut(now, link),
            Some(Ending::Lingering { .. }) => {}
            None if refill => drop(self.fill(now, link)),
            None => {}
        }
    }

    /// Seals frames for one connection, or remembers to, when what it got before has not left. How many bytes of them.
    pub(super) fn fill(&mut self, now: Now, link: LinkId) -> usize {
        let Some(slot) = get(&mut self.slots, link) else { return 0 };
        if slot.ending.is_some() {
            return 0;
        }
        // What this turn has sealed already, an answer to an upgrade or a ping, leaves with the frames in one send.
        let joins = slot.queued && slot.outgoing.len() <= JOINED_BYTES_MAX;
        if !slot.outgoing.is_empty() && !joins {
            slot.refill = true;
            return 0;
        }
        let room = SEAL_BYTES_MAX - slot.outgoing.len();
        let mut taken = 0;
        while taken < room
            && let Some(frame) = self.relay.next_frame(now.mono_ms, link, room - taken)
        {
            lend(&mut self.pool, &mut slot.outgoing);
            taken += frame.wire_len();
            self.plain.extend_from_slice(frame.prefix());
            if frame.body().len() < DIRECT_BYTES_MIN {
                self.plain.extend_from_slice(frame.body());
            } else {
                slot.connection.seal(&self.plain, &mut slot.outgoing);
                slot.connection.seal(frame.body(), &mut slot.outgoing);
                self.plain.clear();
            }
        }
        if taken == 0 {
            // A frame of full length finds no room behind an answer.
            slot.refill |= !slot.outgoing.is_empty() && self.relay.has_more(link);
            return 0;
        }
        slot.connection.seal(&self.plain, &mut slot.outgoing);
        self.plain.clear();
        slot.refill = self.relay.has_more(link);
        self.want_send(link);
        taken
    }

    pub(super) fn want_send(&mut self, link: LinkId) {
        let Some(slot) = get(&mut self.slots, link) else { return };
        if !slot.outgoing.is_empty() && !slot.queued {
            slot.queued = true;
            self.sends.push(link);
        }
    }

    /// The last byte has left: the peer may close now.
    pub(super) fn shut(&mut self, now: Now, link: LinkId) {
        let Some(slot) = get(&mut self.slots, link) else { return };
        if matches!(slot.ending, Some(Ending::Flushing { .. })) {
            slot.linger(now.mono_ms);
            self.outputs.push_back(Output::Shutdown(link));
            self.set_timer(link);
        }
    }

    /// Wipes the memory through which frames of all connections went; nothing of them is needed any more. Not their ciphertext.
    pub fn forget(&mut self) {
        self.scratch.forget();
        connection::forget(&mut self.plain);
    }

    /// A connection with nothing to send holds no buffer.
    pub(super) fn give_back(&mut self, link: LinkId) {
        let Some(slot) = get(&mut self.slots, link) else { return };
        if slot.outgoing.is_empty() {
            let spare = std::mem::take(&mut slot.outgoing);
            self.recycle(spare);
        }
    }

    pub(super) fn recycle(&mut self, mut buffer: Outgoing) {
        if buffer.capacity() > 0 && self.pool.len() < POOL_BUFFERS_MAX {
            buffer.clear();
            self.pool.push(buffer);
        }
    }
}

/// Gives a connection without a buffer one that serves again, if there is one.
pub(super) fn lend(pool: &mut Vec<Outgoing>, outgoing: &mut Outgoing) {
    if outgoing.capacity() == 0
        && let Some(spare) = pool.pop()
    {
        *outgoing = spare;
    }
}

/// Sealed before it is sent: some hundred small messages, or the frames of four agents; a fraction of a core's second cache.
const BATCH_BYTES: usize = 256 * 1024;

/// As much as an answer to an upgrade has behind a session ticket, and some more: frames are laid behind it. Behind more than that they wait
/// until it has left, since a connection may have no more than [`SEAL_BYTES_MAX`] sealed and unsent.
const JOINED_BYTES_MAX: usize = 4 * 1024;

/// Bodies from here on are sealed where they lie in the log. Smaller ones are laid behind one another, since a record costs
/// as much as copying some KiB.
const DIRECT_BYTES_MIN: usize = 8 * 1024;

/// Spare buffers of a core: as many as a turn's busy connections commonly need, 4 MiB at most.
const POOL_BUFFERS_MAX: usize = 64;
