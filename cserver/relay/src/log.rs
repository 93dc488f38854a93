//! The replay log of one session: the frames of the newest complete epoch and those of the one that is arriving.
//!
//! Every frame stands here once and has an index that rises from epoch to epoch; agents are places in it ([`crate::agent`]). Which frame
//! may come next was checked before ([`crate::visitor`]); who is moved when frames go is decided by the session.

use std::collections::VecDeque;

use crate::bounds::LOG_ENTRY_BYTES;
use crate::frames::WireFrame;

/// See the module.
#[derive(Default)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    /// Index of `entries[0]`.
    first: u64,
    live_bytes: u64,
    held_bytes: usize,
    complete: Option<Span>,
    arriving: Option<Span>,
}

struct Entry {
    frame: WireFrame,
    /// Value of [`Log::live_bytes`] after this frame.
    live_end: u64,
}

/// One epoch's part of the log.
#[derive(Clone, Copy)]
struct Span {
    /// Index of its first frame.
    from: u64,
    /// Its first frames are still here, so that somebody can begin with it.
    whole: bool,
    /// Its page came over plain HTTP.
    insecure: bool,
    keyframe_bytes: u64,
    diff_bytes: u64,
    /// When its diffs pass this, a keyframe is cheaper for the next joiner.
    ask_bytes: u64,
}

impl Log {
    /// Index that the next frame will have.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// Index of the oldest frame held.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// All bytes ever that were neither a keyframe's nor an epoch's first facts: what lag is measured in.
    pub(crate) fn live_bytes(&self) -> u64 {
        self.live_bytes
    }

    /// What the log costs in memory.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Bytes of the newest keyframe that is known whole.
    pub(crate) fn keyframe_bytes(&self) -> u64 {
        self.complete.map_or(0, |span| span.keyframe_bytes)
    }

    /// Where somebody who has nothing yet begins: the complete epoch, else the arriving one.
    pub(crate) fn start(&self) -> Option<u64> {
        [self.complete, self.arriving].into_iter().flatten().find(|span| span.whole).map(|s| s.from)
    }

    /// The same for a view over plain HTTP, which may begin only with what came so.
    pub(crate) fn insecure_start(&self) -> Option<u64> {
        let spans = [self.complete, self.arriving].into_iter().flatten();
        spans.filter(|span| span.insecure).find(|span| span.whole).map(|span| span.from)
    }

    /// Whether the newest epoch's page came over plain HTTP.
    pub(crate) fn is_insecure(&self) -> bool {
        self.arriving.or(self.complete).is_some_and(|span| span.insecure)
    }

    /// Whether the frame at `index` belongs to a page that came over plain HTTP.
    pub(crate) fn is_insecure_at(&self, index: u64) -> bool {
        let mut spans = [self.arriving, self.complete].into_iter().flatten();
        spans.find(|span| span.from <= index).is_some_and(|span| span.insecure)
    }

    /// Where the arriving epoch begins, if one is arriving and nothing of it was dropped.
    pub(crate) fn arriving_start(&self) -> Option<u64> {
        self.arriving.filter(|span| span.whole).map(|span| span.from)
    }

    /// The frame at `index` and the live bytes up to its end.
    pub(crate) fn get(&self, index: u64) -> Option<(&WireFrame, u64)> {
        let at = usize::try_from(index.checked_sub(self.first)?).ok()?;
        self.entries.get(at).map(|entry| (&entry.frame, entry.live_end))
    }

    /// An epoch begins with this frame. `purge` forgets everything before it. Gives its index.
    pub(crate) fn begin(&mut self, facts: WireFrame, purge: bool, insecure: bool) -> u64 {
        assert!(self.arriving.is_none(), "the epoch before was completed or abandoned");
        if purge {
            self.clear();
            self.complete = None;
        }
        let from = self.end();
        self.arriving = Some(Span {
            from,
            whole: true,
            insecure,
            keyframe_bytes: 0,
            diff_bytes: 0,
            ask_bytes: 0,
        });
        self.push(facts, false);
        from
    }

    /// A chunk of the arriving epoch's keyframe. With the last one the epoch is complete and the frames of the
    /// one before are dropped; then the index below which nothing is left is given.
    pub(crate) fn chunk(&mut self, frame: WireFrame, last: bool, soft_bytes: u64) -> Option<u64> {
        if let Some(span) = &mut self.arriving {
            span.keyframe_bytes += frame.wire_len() as u64;
        }
        self.push(frame, false);
        if !last {
            return None;
        }
        let mut span = self.arriving.take()?;
        span.ask_bytes = soft_bytes.max(2 * span.keyframe_bytes);
        self.complete = Some(span);
        self.drop_before(span.from);
        Some(self.first)
    }

    /// A diff or facts of the complete epoch. Whether it is time to ask for a keyframe.
    pub(crate) fn live(&mut self, frame: WireFrame, soft_bytes: u64) -> bool {
        let bytes = frame.wire_len() as u64;
        self.push(frame, true);
        let Some(span) = &mut self.complete else { return false };
        span.diff_bytes += bytes;
        let ask = span.diff_bytes > span.ask_bytes;
        if ask {
            // Asked once; again only when it has grown by as much once more.
            span.ask_bytes = span.diff_bytes + soft_bytes.max(1);
        }
        ask
    }

    /// The visitor's connection is gone: what has arrived of an incomplete epoch is of use to nobody.
    /// Gives the index where it began; the indices from there on are given again, so the caller moves whoever stands behind it.
    pub(crate) fn abandon(&mut self) -> Option<u64> {
        let span = self.arriving.take()?;
        while self.end() > span.from.max(self.first) {
            if let Some(entry) = self.entries.pop_back() {
                self.held_bytes -= cost(&entry.frame);
            }
        }
        Some(span.from)
    }

    /// The bound was passed: drops the older epoch if a newer is arriving, else everything but the newest frame, so
    /// that who has read all before it goes on.
    pub(crate) fn shrink(&mut self) {
        match self.arriving_start() {
            Some(from) if from > self.first => {
                self.drop_before(from);
                self.complete = None;
            }
            _ => {
                self.drop_before(self.end().saturating_sub(1));
                self.entries.shrink_to(ENTRIES_KEPT);
                let newest =
                    if self.arriving.is_some() { &mut self.arriving } else { &mut self.complete };
                if let Some(span) = newest {
                    span.whole = false;
                }
                if self.arriving.is_some() {
                    self.complete = None;
                }
            }
        }
    }

    fn push(&mut self, frame: WireFrame, live: bool) {
        if live {
            self.live_bytes += frame.wire_len() as u64;
        }
        self.held_bytes += cost(&frame);
        if self.entries.capacity() == 0 {
            // An epoch's first facts and a keyframe of one chunk: all that many a quiet session ever holds.
            self.entries.reserve_exact(2);
        }
        self.entries.push_back(Entry { frame, live_end: self.live_bytes });
    }

    fn drop_before(&mut self, index: u64) {
        while self.first < index
            && let Some(entry) = self.entries.pop_front()
        {
            self.first += 1;
            self.held_bytes -= cost(&entry.frame);
        }
    }

    fn clear(&mut self) {
        self.drop_before(self.end());
        // A log that was large once does not keep its table.
        self.entries.shrink_to(ENTRIES_KEPT);
    }
}

fn cost(frame: &WireFrame) -> usize {
    frame.wire_len() + LOG_ENTRY_BYTES
}

const ENTRIES_KEPT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(len: usize) -> WireFrame {
        WireFrame::new(vec![0; len].into())
    }

    #[test]
    fn a_complete_epoch_replaces_the_one_before_and_indices_only_rise() {
        let mut log = Log::default();
        assert_eq!(log.start(), None);
        assert_eq!(log.begin(frame(20), false, false), 0);
        assert_eq!(log.start(), Some(0));
        assert_eq!(log.chunk(frame(20), true, 100), Some(0));
        assert!(!log.live(frame(90), 100));
        assert_eq!(log.begin(frame(20), false, false), 3);
        assert_eq!(log.start(), Some(0), "the arriving epoch is not complete yet");
        assert_eq!(log.chunk(frame(20), true, 100), Some(3));
        assert_eq!((log.start(), log.first(), log.end()), (Some(3), 3, 5));
    }

    #[test]
    fn an_abandoned_epoch_leaves_the_complete_one_as_it_was() {
        let mut log = Log::default();
        log.begin(frame(20), false, false);
        log.chunk(frame(20), true, 100);
        let held = log.held_bytes();
        log.begin(frame(20), false, false);
        log.chunk(frame(20), false, 100);
        assert_eq!(log.abandon(), Some(2));
        assert_eq!((log.start(), log.end(), log.held_bytes()), (Some(0), 2, held));
    }

    #[test]
    fn what_came_over_plain_http_is_told_apart_frame_by_frame() {
        let mut log = Log::default();
        assert!(!log.is_insecure() && log.insecure_start().is_none());
        log.begin(frame(20), false, false);
        log.chunk(frame(20), true, 100);
        log.begin(frame(20), false, true);
        assert!(log.is_insecure() && log.insecure_start() == Some(2) && log.start() == Some(0));
        assert_eq!(
            (0..4).map(|at| log.is_insecure_at(at)).collect::<Vec<_>>(),
            [false, false, true, true]
        );
        log.abandon();
        assert!(!log.is_insecure() && log.insecure_start().is_none());
        log.begin(frame(20), false, true);
        log.chunk(frame(20), true, 100);
        assert_eq!(log.insecure_start(), log.start());
        log.begin(frame(20), false, false);
        assert!(!log.is_insecure() && log.is_insecure_at(3) && !log.is_insecure_at(4));
    }

    #[test]
    fn growing_past_the_soft_bound_asks_once_for_each_time_it_grows_by_as_much() {
        let mut log = Log::default();
        log.begin(frame(20), false, false);
        log.chunk(frame(20), true, 100);
        let asked: Vec<bool> = (0..6).map(|_| log.live(frame(58), 100)).collect();
        assert_eq!(asked, [false, true, false, true, false, true]);
    }

    #[test]
    fn a_shrunken_log_gives_nobody_a_start_until_the_next_epoch() {
        let mut log = Log::default();
        log.begin(frame(20), false, false);
        log.chunk(frame(20), true, 100);
        log.shrink();
        assert_eq!((log.start(), log.first(), log.end()), (None, 1, 2));
        assert_eq!(log.held_bytes(), cost(&frame(20)));
        log.live(frame(20), 100);
        assert_eq!(log.begin(frame(20), false, false), 3);
        log.chunk(frame(20), true, 100);
        assert_eq!(log.start(), Some(3));
    }

    #[test]
    fn shrinking_keeps_the_arriving_epoch_if_dropping_the_older_is_enough() {
        let mut log = Log::default();
        log.begin(frame(20), false, false);
        log.chunk(frame(20), true, 100);
        log.begin(frame(20), false, false);
        log.shrink();
        assert_eq!(log.start(), Some(2));
        log.chunk(frame(20), false, 100);
        log.shrink();
        assert_eq!(log.start(), None);
        assert_eq!(log.chunk(frame(20), true, 100), Some(3));
        assert_eq!(log.start(), None, "its first frames are gone");
    }
}
