//! One flush a turn: what the relay has for each connection leaves as few TLS records and one send.
//!
//! [`Shard::end_turn`] seals everything of the turn first; the backend then sends back to back. What one connection
//! may have sealed and unsent is bounded by [`SEAL_BYTES_MAX`]; the rest stays in the relay's log, shared, and is fetched
//! when the socket has taken what it got.

use relay::LinkId;

use super::slot::{Ending, Role};
use super::{Now, Output, Shard, get};
use crate::limits::SEAL_BYTES_MAX;

impl Shard {
    /// All input of this turn was handled: settles its effects and seals what is to be sent.
    pub fn end_turn(&mut self, now: Now) {
        self.relay_events(now);
        while let Some(link) = self.relay.poll_dirty() {
            self.fill(now, link);
        }
        // Filling reads time and may end a link that does not read.
        self.relay_events(now);
        self.publish_load(now);
    }

    /// The next connection with bytes for its socket.
    pub fn poll_send(&mut self) -> Option<LinkId> {
        while let Some(link) = self.sends.pop() {
            if let Some(slot) = get(&mut self.slots, link) {
                slot.queued = false;
                return Some(link);
            }
        }
        None
    }

    /// The socket took so many bytes of [`Shard::unsent`]. With fewer than all of them the backend calls
    /// [`Shard::handle_writable`] once it takes more.
    pub fn handle_sent(&mut self, now: Now, link: LinkId, bytes: usize) {
        let Some(slot) = get(&mut self.slots, link) else { return };
        slot.sent += bytes;
        if bytes > 0 && matches!(slot.role, Role::Visitor | Role::Agent) {
            self.relay.handle_progress(now.mono_ms, link);
        }
        if slot.sent < slot.outgoing.len() {
            return;
        }
        slot.sent = 0;
        let outgoing = std::mem::take(&mut slot.outgoing);
        let (refill, ending) = (std::mem::take(&mut slot.refill), slot.ending);
        self.recycle(outgoing);
        match ending {
            Some(Ending::Flushing { .. }) => self.shut(now, link),
            Some(Ending::Lingering { .. }) => {}
            None if refill => self.fill(now, link),
            None => {}
        }
    }

    /// Seals frames for one connection, or remembers to, when what it got before has not left.
    pub(super) fn fill(&mut self, now: Now, link: LinkId) {
        let Some(slot) = get(&mut self.slots, link) else { return };
        if slot.ending.is_some() {
            return;
        }
        if !slot.outgoing.is_empty() {
            slot.refill = true;
            return;
        }
        self.plain.clear();
        while self.plain.len() < SEAL_BYTES_MAX {
            let room = SEAL_BYTES_MAX - self.plain.len();
            let Some(frame) = self.relay.next_frame(now.mono_ms, link, room) else { break };
            self.plain.extend_from_slice(frame.prefix());
            self.plain.extend_from_slice(frame.body());
        }
        if self.plain.is_empty() {
            return;
        }
        slot.refill = self.relay.has_more(link);
        if let Some(spare) = self.pool.pop() {
            slot.outgoing = spare;
        }
        slot.connection.seal(&self.plain, &mut slot.outgoing);
        self.want_send(link);
    }

    pub(super) fn want_send(&mut self, link: LinkId) {
        let Some(slot) = get(&mut self.slots, link) else { return };
        if slot.sent < slot.outgoing.len() && !slot.queued {
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

    pub(super) fn recycle(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() > 0 && self.pool.len() < POOL_BUFFERS_MAX {
            buffer.clear();
            self.pool.push(buffer);
        }
    }
}

/// Spare buffers of a core: as many as a turn's busy connections commonly need, 4 MiB at most.
const POOL_BUFFERS_MAX: usize = 64;
