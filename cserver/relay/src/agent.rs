//! One agent of a session: a join, and while it is connected its place in the session's log.
//!
//! An agent has no queue. It is a place in the log, and a few notes of what it was told last; so one agent more
//! costs a frame nothing but a look at this place.

use protocol::{AgentId, AgentNumber, JoinId, Privileges};

use crate::bounds::Bounds;
use crate::bucket::Bucket;
use crate::links::Outlet;
use crate::log::Log;
use crate::timers::UNARMED;

/// A join.
pub(crate) struct Agent {
    pub(crate) join: JoinId,
    pub(crate) account: AgentId,
    pub(crate) number: AgentNumber,
    pub(crate) name: String,
    pub(crate) privileges: Privileges,
    /// Belongs to the join: a flooder does not get a new one by connecting again.
    pub(crate) bucket: Bucket,
    pub(crate) view: Option<View>,
    /// When it was told last that it acts.
    pub(crate) acted_ms: Option<u64>,
    /// Without a connection since.
    pub(crate) idle_since_ms: u64,
    pub(crate) armed_ms: u64,
}

impl Agent {
    pub(crate) fn new(
        spec: crate::JoinSpec,
        number: AgentNumber,
        bounds: &Bounds,
        now: u64,
    ) -> Self {
        let per_s = u64::from(bounds.agent_frames_per_s_max);
        Self {
            join: spec.join,
            account: spec.agent,
            number,
            name: spec.name,
            privileges: spec.privileges,
            bucket: Bucket::new(per_s, 2 * per_s, now),
            view: None,
            acted_ms: None,
            idle_since_ms: now,
            armed_ms: UNARMED,
        }
    }

    /// What it may do on the connection that it has.
    pub(crate) fn effective(&self) -> Privileges {
        match &self.view {
            Some(view) if view.plain => Privileges::VIEW,
            _ => self.privileges,
        }
    }

    /// When something has to be done about it if it goes on like this.
    pub(crate) fn deadline_ms(&self, bounds: &Bounds) -> Option<u64> {
        match &self.view {
            Some(view) => view.outlet.stalled_at(bounds.agent_stall_ms),
            None => Some(self.idle_since_ms.saturating_add(bounds.join_idle_ms)),
        }
    }
}

/// A connected agent.
pub(crate) struct View {
    pub(crate) outlet: Outlet,
    /// Over plain HTTP: it is shown only what came over plain HTTP, and does nothing but look.
    pub(crate) plain: bool,
    pub(crate) place: Place,
    pub(crate) joined_due: bool,
    pub(crate) skipped_due: bool,
    /// Versions of what it was told.
    pub(crate) state_sent: u64,
    pub(crate) participants_sent: u64,
    pub(crate) ephemeral_sent: u64,
}

/// Where in the log an agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nowhere: it gets no frame until the next epoch begins.
    Waiting,
    /// The next frame is `index`. Live bytes after `credit` count as lag: what the log held when it began is its
    /// allowance to replay, so a joiner of a long epoch is not late before it could have read a byte.
    At { index: u64, credit: u64 },
}

impl View {
    pub(crate) fn new(outlet: Outlet, log: &Log, plain: bool) -> Self {
        let mut view = Self {
            outlet,
            plain,
            place: Place::Waiting,
            joined_due: true,
            skipped_due: false,
            state_sent: 0,
            participants_sent: 0,
            ephemeral_sent: 0,
        };
        view.seat(view.start(log), log);
        view
    }

    /// Where it begins with what the log holds.
    pub(crate) fn start(&self, log: &Log) -> Option<u64> {
        if self.plain { log.insecure_start() } else { log.start() }
    }

    /// Puts it at the beginning of an epoch, or lets it wait for one.
    pub(crate) fn seat(&mut self, start: Option<u64>, log: &Log) {
        self.place = match start {
            Some(index) => Place::At { index, credit: log.live_bytes() },
            None => Place::Waiting,
        };
    }

    /// The same when frames are left out by it, which the agent is told.
    pub(crate) fn skip_to(&mut self, start: Option<u64>, log: &Log) {
        self.seat(start, log);
        self.skipped_due = true;
    }

    /// The next frame's index, unless it waits.
    pub(crate) fn index(&self) -> Option<u64> {
        match self.place {
            Place::Waiting => None,
            Place::At { index, .. } => Some(index),
        }
    }

    /// Live bytes that it could have taken and has not.
    pub(crate) fn lag_bytes(&self, log: &Log) -> u64 {
        match self.place {
            Place::Waiting => 0,
            Place::At { credit, .. } => log.live_bytes() - credit,
        }
    }

    /// It has taken the frame it stands at, which ended at `live_end`.
    pub(crate) fn advance(&mut self, live_end: u64) {
        if let Place::At { index, credit } = &mut self.place {
            *index += 1;
            *credit = live_end.max(*credit);
        }
    }

    /// Whether it has everything that the log holds, so that ephemeral frames mean something to it.
    pub(crate) fn is_caught_up(&self, log: &Log) -> bool {
        self.index().is_some_and(|index| index >= log.end())
    }
}
