//! One flush a turn: what the relay has for each connection leaves as few TLS records and one send.
//!
//! [`Shard::end_turn`] seals for all connections first, and the backend then sends back to back. When there is more than the
//! processor's caches hold, as with keyframes, sealing and sending take turns of [`BATCH_BYTES`]: what is sent is still warm then, and its
//! buffers serve the next. What one connection may have sealed and unsent is bounded by [`SEAL_BYTES_MAX`]; the rest stays in the
//! relay's log, shared. When the socket has taken what it got, the connection stands in line for more, behind everybody who
//! has had nothing yet, and a turn gives [`MORE_BYTES_PER_TURN`] to that line: so a large page for many agents holds nobody's diffs up.

use std::collections::VecDeque;

use connection::Outgoing;
use relay::LinkId;

use super::slot::Ending;
use super::{Now, Output, Shard, get};
use crate::limits::SEAL_BYTES_MAX;

/// Where the flush stands.
#[derive(Default)]
pub(super) struct Flush {
    /// It is under way, and began last at this time.
    under_way: bool,
    began_ms: u64,
    /// Who has taken what it got and gets more.
    line: VecDeque<LinkId>,
    /// What this turn may still give to them.
    line_bytes: usize,
}

impl Flush {
    /// Keeps no more room than is needed.
    pub(super) fn shrink(&mut self) {
        self.line.shrink_to_fit();
    }
}

impl Shard {
    /// All input of this turn was handled: settles its effects and seals what is to be sent, or the first of it.
    pub fn end_turn(&mut self, now: Now) {
        self.relay_events(now);
        self.send_reports(now);
        self.flush.line_bytes = MORE_BYTES_PER_TURN;
        self.flush.under_way = now.mono_ms >= self.flush_due_ms();
        if self.flush.under_way && self.seal_batch(now) {
            self.flush.began_ms = now.mono_ms;
        }
        self.publish_load(now);
    }

    /// When what has come may leave: at once, unless the core is full.
    pub(super) fn flush_due_ms(&self) -> u64 {
        match self.pressure.flush_ms() {
            0 => 0,
            wait_ms => self.flush.began_ms + wait_ms,
        }
    }

    /// Whether the next turn has something to send that this one left.
    pub(super) fn has_line(&self) -> bool {
        !self.flush.line.is_empty()
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
            let first = self.flush.under_way && self.seal_batch(now);
            if !first && !self.seal_more(now) {
                return None;
            }
        }
    }

    /// Seals for the next in line, as long as the turn has something for it; whether there was any.
    fn seal_more(&mut self, now: Now) -> bool {
        while self.flush.line_bytes > 0
            && let Some(link) = self.flush.line.pop_front()
        {
            let sealed_bytes = self.fill(now, link);
            self.flush.line_bytes = self.flush.line_bytes.saturating_sub(sealed_bytes);
            if sealed_bytes > 0 {
                return true;
            }
        }
        false
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
            None if refill => self.flush.line.push_back(link),
            None => {}
        }
    }

    /// Seals frames for one connection, or remembers to, when what it got before has not left. The answer to its own request, which leaves in
    /// this turn, takes the first frames along. How many bytes of them.
    pub(super) fn fill(&mut self, now: Now, link: LinkId) -> usize {
        let Some(slot) = get(&mut self.slots, link) else { return 0 };
        if slot.ending.is_some() {
            return 0;
        }
        let held = slot.outgoing.len();
        let is_answer = slot.queued && !slot.refill && held <= ANSWER_BYTES_MAX;
        if held > 0 && !is_answer {
            slot.refill = true;
            return 0;
        }
        let (mut taken, room) = (0, SEAL_BYTES_MAX - held);
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
        slot.refill = self.relay.has_rest(link);
        if taken == 0 {
            return 0;
        }
        slot.connection.seal(&self.plain, &mut slot.outgoing);
        self.plain.clear();
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

/// For those who had their part already: some milliseconds of a core at most, and little enough that who comes meanwhile does not notice.
pub(super) const MORE_BYTES_PER_TURN: usize = 1024 * 1024;

/// Bodies from here on are sealed where they lie in the log. Smaller ones are laid behind one another, since a record costs
/// as much as copying some KiB.
const DIRECT_BYTES_MIN: usize = 8 * 1024;

/// The answer to an upgrade, with what may stand before it: a session ticket of TLS, a stream's head.
const ANSWER_BYTES_MAX: usize = 4 * 1024;

/// Spare buffers of a core: as many as a turn's busy connections commonly need, 4 MiB at most.
const POOL_BUFFERS_MAX: usize = 64;
