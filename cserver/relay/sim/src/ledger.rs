//! The second opinion: what the relay accepted from a visitor, and whether what it hands to an agent follows from that.
//!
//! Written from PROTOCOL.md sections 3.2 and 3.3, not from the relay, and checked where a frame leaves the relay, so
//! that no delay blurs it.

use std::collections::BTreeMap;

use bytes::Bytes;
use protocol::{Flags, Header, Kind};
use relay::WireFrame;

/// All frames of a visitor that the relay accepted.
#[derive(Default)]
pub(crate) struct Ledger {
    epochs: Vec<Epoch>,
    /// Nothing older may be handed out any more.
    forgotten_below: u32,
    slots: BTreeMap<u8, (u64, Bytes)>,
    ephemerals: u64,
}

struct Epoch {
    number: u32,
    frames: Vec<Bytes>,
    /// Bytes of diffs and facts behind the keyframe, up to each frame's end.
    live_until: Vec<u64>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Arriving,
    Complete,
    Abandoned,
}

/// What one connection of an agent was handed.
#[derive(Default)]
pub(crate) struct Watch {
    joined: bool,
    skipped: bool,
    epoch: u32,
    count: usize,
    ephemeral: u64,
    /// At the time of connecting: the newest complete epoch, and how many live bytes it had.
    complete: u32,
    replay: (u32, u64),
}

impl Ledger {
    /// The relay accepted this frame. It is one that counts in an epoch.
    pub(crate) fn accept(&mut self, body: &Bytes) {
        let Ok(header) = Header::decode(body) else { return };
        let begins = header.kind == Kind::Facts && header.sequence == 0;
        match header.kind {
            Kind::Ephemeral => {
                self.ephemerals += 1;
                self.slots.insert(header.flags.0, (self.ephemerals, body.clone()));
            }
            Kind::Facts if begins => {
                self.slots.clear();
                if header.flags.contains(Flags::PURGE) {
                    self.forgotten_below = header.epoch;
                }
                self.epochs.push(Epoch {
                    number: header.epoch,
                    frames: vec![body.clone()],
                    live_until: vec![0],
                    state: State::Arriving,
                });
            }
            Kind::Facts | Kind::Keyframe | Kind::Diff => {
                let Some(epoch) = self.epochs.last_mut() else { return };
                let bytes = WireFrame::new(body.clone()).wire_len() as u64;
                let live = if header.kind == Kind::Keyframe { 0 } else { bytes };
                epoch.live_until.push(epoch.live() + live);
                epoch.frames.push(body.clone());
                if header.kind == Kind::Keyframe && header.flags.contains(Flags::LAST) {
                    epoch.state = State::Complete;
                }
            }
            _ => {}
        }
    }

    /// The visitor's connection is gone.
    pub(crate) fn disconnect(&mut self) {
        if let Some(epoch) = self.epochs.last_mut().filter(|e| e.state == State::Arriving) {
            epoch.state = State::Abandoned;
        }
    }

    /// An agent connects now.
    pub(crate) fn watch(&self) -> Watch {
        let complete = self.complete();
        let replay = (complete, self.epoch(complete).map_or(0, Epoch::live));
        Watch { complete, replay, ..Watch::default() }
    }

    /// Whether an agent that connects now has changes to replay.
    pub(crate) fn has_diffs(&self) -> bool {
        self.epochs.last().is_some_and(|epoch| epoch.live() > 0)
    }

    /// Whether an agent was handed the newest of what passes.
    pub(crate) fn has_all_ephemerals(&self, watch: &Watch) -> bool {
        self.slots.values().all(|(version, _)| *version <= watch.ephemeral)
    }

    fn complete(&self) -> u32 {
        let complete = self.epochs.iter().rev().find(|epoch| epoch.state == State::Complete);
        complete.map_or(0, |epoch| epoch.number)
    }

    fn epoch(&self, number: u32) -> Option<&Epoch> {
        self.epochs.iter().rev().find(|epoch| epoch.number == number)
    }

    /// The relay hands this frame to an agent's connection.
    pub(crate) fn check(
        &self,
        watch: &mut Watch,
        body: &Bytes,
        lag_bytes_max: u64,
    ) -> Result<(), String> {
        let header = Header::decode(body).map_err(|code| format!("handed out a {code:?}"))?;
        if watch.joined == (header.kind == Kind::Joined) {
            return Err(format!("{} where joined comes first and once", header.kind.name()));
        }
        let (epoch, sequence) = (header.epoch, header.sequence);
        match header.kind {
            Kind::Joined => watch.joined = true,
            Kind::VisitorState | Kind::Participants => {}
            Kind::Skipped => watch.skipped = true,
            Kind::Facts | Kind::Keyframe | Kind::Diff | Kind::Ephemeral
                if epoch < self.forgotten_below =>
            {
                return Err(format!("{epoch}.{sequence} was handed out after a purge"));
            }
            Kind::Ephemeral => self.check_ephemeral(watch, &header, body)?,
            Kind::Facts | Kind::Keyframe | Kind::Diff => {
                if epoch != watch.epoch {
                    self.check_begin(watch, &header)?;
                } else if watch.skipped {
                    return Err(format!("{epoch}.{sequence} after skipped, not a new epoch"));
                }
                self.check_next(watch, &header, body, lag_bytes_max)?;
            }
            kind => return Err(format!("{} was handed to an agent", kind.name())),
        }
        Ok(())
    }

    fn check_begin(&self, watch: &mut Watch, header: &Header) -> Result<(), String> {
        let (epoch, before) = (header.epoch, watch.epoch);
        if epoch < before || header.sequence != 0 {
            return Err(format!("{epoch}.{} after epoch {before}", header.sequence));
        }
        if epoch < watch.complete {
            return Err(format!("epoch {epoch} to who came when {} was complete", watch.complete));
        }
        if before > 0 && !watch.skipped {
            if self.epoch(before).is_some_and(|epoch| epoch.frames.len() > watch.count) {
                return Err(format!("the end of epoch {before} was left out without skipped"));
            }
            let unseen = |e: &&Epoch| e.number > before && e.number < epoch;
            if self.epochs.iter().filter(unseen).any(|e| e.state == State::Complete) {
                return Err(format!("an epoch between {before} and {epoch} is missing"));
            }
        }
        (watch.epoch, watch.count, watch.skipped) = (epoch, 0, false);
        Ok(())
    }

    fn check_next(
        &self,
        watch: &mut Watch,
        header: &Header,
        body: &Bytes,
        lag_bytes_max: u64,
    ) -> Result<(), String> {
        let name = format!("{}.{}", header.epoch, header.sequence);
        let epoch = self.epoch(header.epoch).ok_or("an epoch that nobody sent")?;
        if epoch.frames.get(watch.count) != Some(body) {
            return Err(format!("{name} is not frame {} of its epoch", watch.count));
        }
        if epoch.state == State::Abandoned || epoch.number < self.complete() {
            return Err(format!("{name} belongs to an epoch that was replaced or abandoned"));
        }
        let before = watch.count.checked_sub(1).map_or(0, |at| epoch.live_until[at]);
        let replay = if watch.replay.0 == epoch.number { watch.replay.1 } else { 0 };
        let lag = epoch.live() - before.max(replay);
        if lag > lag_bytes_max {
            return Err(format!("{name} went to an agent {lag} bytes behind"));
        }
        watch.count += 1;
        Ok(())
    }

    fn check_ephemeral(
        &self,
        watch: &mut Watch,
        header: &Header,
        body: &Bytes,
    ) -> Result<(), String> {
        let newest = self.slots.get(&header.flags.0).filter(|(_, newest)| newest == body);
        let Some((version, _)) = newest else {
            return Err("an ephemeral frame that is not the newest of its slot".into());
        };
        let seen = self.epoch(header.epoch).map_or(0, |epoch| epoch.frames.len());
        if watch.skipped || header.epoch != watch.epoch || seen != watch.count {
            return Err("an ephemeral frame to an agent that has not caught up".into());
        }
        if *version <= watch.ephemeral {
            return Err("an ephemeral frame was handed out twice".into());
        }
        watch.ephemeral = *version;
        Ok(())
    }
}

impl Epoch {
    fn live(&self) -> u64 {
        self.live_until.last().copied().unwrap_or(0)
    }
}
