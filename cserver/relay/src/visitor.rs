//! The visitor's side of a session: the order its frames must keep, and what waits for its connection.
//!
//! Owns PROTOCOL.md section 3.2 and the bounded queue of agents' frames. What an accepted frame does is the session's business.

use std::collections::VecDeque;

use protocol::{CloseCode, Flags, Header, Kind};

use crate::bounds::QUEUE_ENTRY_BYTES;
use crate::frames::WireFrame;
use crate::links::Outlet;

/// Which frame may come next on the visitor's connection.
#[derive(Default)]
pub(crate) struct Order {
    /// The highest epoch ever begun, over all connections.
    last_epoch: u32,
    /// Sequence of the newest reliable frame.
    sequence: u32,
    keyframe_bytes: usize,
    phase: Phase,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    /// Nothing came on this connection yet.
    #[default]
    Opening,
    /// The epoch's facts came, its keyframe has not begun.
    Facts,
    /// Within the keyframe.
    Keyframe,
    /// The keyframe is complete.
    Live,
}

/// What an accepted frame is to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Begin { purge: bool },
    Chunk { last: bool },
    Live,
    Ephemeral { slot: usize },
}

impl Order {
    /// Checks a frame that counts in an epoch (not `bye` or `leaving`) and remembers it.
    pub(crate) fn accept(
        &mut self,
        header: &Header,
        payload_bytes: usize,
        keyframe_bytes_max: usize,
    ) -> Result<Step, CloseCode> {
        // Elsewhere the same bit is another's: a slot's, for one.
        let purge = header.kind == Kind::Facts && header.flags.contains(Flags::PURGE);
        let begins = header.kind == Kind::Facts && header.sequence == 0;
        if begins && header.epoch > self.last_epoch {
            // An epoch ends where it likes, but its keyframe is not cut short.
            if matches!(self.phase, Phase::Facts | Phase::Keyframe) {
                return Err(CloseCode::OutOfOrder);
            }
            (self.last_epoch, self.sequence) = (header.epoch, 0);
            (self.keyframe_bytes, self.phase) = (0, Phase::Facts);
            return Ok(Step::Begin { purge });
        }
        if header.epoch != self.last_epoch || purge {
            return Err(CloseCode::OutOfOrder);
        }
        let is_next = self.sequence.checked_add(1) == Some(header.sequence);
        match (header.kind, self.phase) {
            (Kind::Keyframe, Phase::Facts | Phase::Keyframe) if is_next => {
                let first = header.flags.contains(Flags::FIRST);
                let last = header.flags.contains(Flags::LAST);
                if first != (self.phase == Phase::Facts) {
                    return Err(CloseCode::OutOfOrder);
                }
                self.keyframe_bytes += payload_bytes;
                if self.keyframe_bytes > keyframe_bytes_max {
                    return Err(CloseCode::TooLong);
                }
                self.sequence = header.sequence;
                self.phase = if last { Phase::Live } else { Phase::Keyframe };
                Ok(Step::Chunk { last })
            }
            (Kind::Diff | Kind::Facts, Phase::Live) if is_next => {
                self.sequence = header.sequence;
                Ok(Step::Live)
            }
            (Kind::Ephemeral, Phase::Live) if header.sequence == self.sequence => {
                Ok(Step::Ephemeral { slot: usize::from(header.flags.0 & Flags::SLOT.0) })
            }
            _ => Err(CloseCode::OutOfOrder),
        }
    }

    /// The connection is gone; the next begins with an epoch of its own.
    pub(crate) fn disconnect(&mut self) {
        self.phase = Phase::Opening;
    }

    /// Whether this connection's epoch is complete, so that a request for another makes sense.
    pub(crate) fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }

    /// The highest epoch used.
    pub(crate) fn last_epoch(&self) -> u32 {
        self.last_epoch
    }
}

/// What the visitor's connection is still to be sent. The relay's own frames are flags, of which the newest state
/// counts, so that only agents' frames need a queue.
pub(crate) struct Connected {
    pub(crate) outlet: Outlet,
    /// Its page has an http origin.
    pub(crate) on_http: bool,
    pub(crate) welcome: Option<WireFrame>,
    pub(crate) keyframe_request: bool,
    /// Version of the list that it was sent.
    pub(crate) participants_sent: u64,
    queue: VecDeque<(WireFrame, bool)>,
    queue_bytes: usize,
    pointers: usize,
}

/// What became of an agent's frame.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(crate) struct Queued {
    pub(crate) pointers_dropped: u64,
    pub(crate) dropped: bool,
}

impl Connected {
    pub(crate) fn new(outlet: Outlet, welcome: WireFrame) -> Self {
        Self {
            outlet,
            on_http: false,
            welcome: Some(welcome),
            keyframe_request: false,
            participants_sent: 0,
            queue: VecDeque::new(),
            queue_bytes: 0,
            pointers: 0,
        }
    }

    /// Queues an agent's frame. When there is no room the oldest pointers go first: a newer one says more.
    pub(crate) fn push(&mut self, frame: WireFrame, kind: Kind, bytes_max: usize) -> Queued {
        let mut queued = Queued::default();
        let bytes = cost(&frame);
        while self.queue_bytes + bytes > bytes_max {
            if self.pointers == 0 {
                queued.dropped = true;
                return queued;
            }
            if let Some(at) = self.queue.iter().position(|(_, pointer)| *pointer)
                && let Some((old, _)) = self.queue.remove(at)
            {
                self.queue_bytes -= cost(&old);
            }
            self.pointers -= 1;
            queued.pointers_dropped += 1;
        }
        let pointer = kind == Kind::Pointer;
        self.pointers += usize::from(pointer);
        self.queue_bytes += bytes;
        self.queue.push_back((frame, pointer));
        queued
    }

    /// The oldest agent's frame that waits.
    pub(crate) fn front(&self) -> Option<&WireFrame> {
        self.queue.front().map(|(frame, _)| frame)
    }

    /// Takes it.
    pub(crate) fn pop(&mut self) -> Option<WireFrame> {
        let (frame, pointer) = self.queue.pop_front()?;
        self.pointers -= usize::from(pointer);
        self.queue_bytes -= cost(&frame);
        if self.queue.is_empty() {
            // A queue that was long once does not keep its table.
            self.queue.shrink_to(QUEUE_ENTRIES_KEPT);
        }
        Some(frame)
    }

    /// What the queue costs.
    pub(crate) fn queue_bytes(&self) -> usize {
        self.queue_bytes
    }
}

fn cost(frame: &WireFrame) -> usize {
    frame.wire_len() + QUEUE_ENTRY_BYTES
}

const QUEUE_ENTRIES_KEPT: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::LinkId;

    fn header(kind: Kind, flags: Flags, epoch: u32, sequence: u32) -> Header {
        Header { kind, flags, source: 1, epoch, sequence }
    }

    /// Feeds frames of 10 bytes; a keyframe may have 25.
    fn feed(order: &mut Order, frames: &[(Kind, Flags, u32, u32)]) -> Vec<Result<Step, CloseCode>> {
        frames.iter().map(|(k, f, e, s)| order.accept(&header(*k, *f, *e, *s), 10, 25)).collect()
    }

    fn live(epoch: u32) -> Order {
        let mut order = Order::default();
        let both = Flags::FIRST | Flags::LAST;
        feed(&mut order, &[(Kind::Facts, Flags::NONE, epoch, 0), (Kind::Keyframe, both, epoch, 1)]);
        assert!(order.is_live());
        order
    }

    #[test]
    fn an_epoch_is_facts_then_a_keyframe_then_anything_reliable() {
        let mut order = Order::default();
        let steps = feed(
            &mut order,
            &[
                (Kind::Facts, Flags::PURGE, 1, 0),
                (Kind::Keyframe, Flags::FIRST, 1, 1),
                (Kind::Keyframe, Flags::LAST, 1, 2),
                (Kind::Diff, Flags::DEFLATE, 1, 3),
                (Kind::Ephemeral, Flags(9), 1, 3),
                (Kind::Facts, Flags::NONE, 1, 4),
                (Kind::Facts, Flags::NONE, 3, 0),
            ],
        );
        let expected = [
            Step::Begin { purge: true },
            Step::Chunk { last: false },
            Step::Chunk { last: true },
            Step::Live,
            Step::Ephemeral { slot: 9 },
            Step::Live,
            Step::Begin { purge: false },
        ];
        assert_eq!(steps, expected.map(Ok));
    }

    #[test]
    fn every_slot_may_be_used() {
        for slot in 0..16 {
            let step = live(1).accept(&header(Kind::Ephemeral, Flags(slot), 1, 1), 10, 25);
            assert_eq!(step, Ok(Step::Ephemeral { slot: slot.into() }));
        }
    }

    #[test]
    fn every_other_order_is_refused() {
        let none = Flags::NONE;
        for (kind, flags, epoch, sequence) in [
            (Kind::Diff, none, 5, 3),
            (Kind::Diff, none, 5, 1),
            (Kind::Diff, none, 5, 0),
            (Kind::Diff, none, 6, 2),
            (Kind::Diff, none, 4, 2),
            (Kind::Facts, none, 5, 0),
            (Kind::Facts, none, 4, 0),
            (Kind::Facts, Flags::PURGE, 5, 2),
            (Kind::Facts, none, 6, 1),
            (Kind::Keyframe, Flags::FIRST, 5, 2),
            (Kind::Keyframe, none, 5, 2),
            (Kind::Ephemeral, none, 5, 2),
            (Kind::Ephemeral, none, 5, 0),
        ] {
            let refused = live(5).accept(&header(kind, flags, epoch, sequence), 10, 25);
            assert_eq!(refused, Err(CloseCode::OutOfOrder), "{kind:?} {epoch} {sequence}");
        }
    }

    #[test]
    fn a_keyframe_is_not_cut_short_nor_begun_twice_nor_headless() {
        let none = Flags::NONE;
        for bad in [
            (Kind::Facts, none, 2, 0),
            (Kind::Diff, none, 1, 2),
            (Kind::Ephemeral, none, 1, 1),
            (Kind::Keyframe, Flags::FIRST, 1, 2),
        ] {
            let mut order = Order::default();
            feed(&mut order, &[(Kind::Facts, none, 1, 0), (Kind::Keyframe, Flags::FIRST, 1, 1)]);
            assert_eq!(feed(&mut order, &[bad]), [Err(CloseCode::OutOfOrder)], "{bad:?}");
        }
        let mut order = Order::default();
        let headless = feed(&mut order, &[(Kind::Facts, none, 1, 0), (Kind::Keyframe, none, 1, 1)]);
        assert_eq!(headless[1], Err(CloseCode::OutOfOrder));
        let nothing_before = feed(&mut Order::default(), &[(Kind::Diff, none, 0, 1)]);
        assert_eq!(nothing_before, [Err(CloseCode::OutOfOrder)]);
    }

    #[test]
    fn a_keyframe_over_its_bound_is_too_long() {
        let mut order = Order::default();
        let steps = feed(
            &mut order,
            &[
                (Kind::Facts, Flags::NONE, 1, 0),
                (Kind::Keyframe, Flags::FIRST, 1, 1),
                (Kind::Keyframe, Flags::NONE, 1, 2),
                (Kind::Keyframe, Flags::NONE, 1, 3),
            ],
        );
        assert_eq!(steps[3], Err(CloseCode::TooLong));
    }

    #[test]
    fn a_new_connection_begins_with_a_higher_epoch() {
        let mut order = live(5);
        order.disconnect();
        for bad in [(Kind::Diff, Flags::NONE, 5, 2), (Kind::Facts, Flags::NONE, 5, 0)] {
            assert_eq!(feed(&mut order, &[bad]), [Err(CloseCode::OutOfOrder)]);
        }
        assert!(feed(&mut order, &[(Kind::Facts, Flags::NONE, 6, 0)])[0].is_ok());
    }

    #[test]
    fn a_full_queue_drops_its_oldest_pointer_then_the_new_frame() {
        let frame = |tag: u8| WireFrame::new(vec![tag; 34].into());
        let mut connected = Connected::new(Outlet::new(LinkId(1), 0), frame(0));
        let room = 300;
        assert_eq!(connected.push(frame(1), Kind::Click, room), Queued::default());
        assert_eq!(connected.push(frame(2), Kind::Pointer, room), Queued::default());
        assert_eq!(connected.push(frame(3), Kind::Pointer, room), Queued::default());
        let full = connected.push(frame(4), Kind::Click, room);
        assert_eq!(full, Queued { pointers_dropped: 1, dropped: false });
        connected.push(frame(5), Kind::Click, room);
        let full = connected.push(frame(6), Kind::Click, room);
        assert_eq!(full, Queued { pointers_dropped: 0, dropped: true });
        let left: Vec<u8> = std::iter::from_fn(|| connected.pop()).map(|f| f.body()[0]).collect();
        assert_eq!(left, [1, 4, 5]);
        assert_eq!(connected.queue_bytes(), 0);
    }
}
