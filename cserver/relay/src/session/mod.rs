//! One session: what its visitor sends goes into the log once, and its agents read from there.
//!
//! Every method that makes something to send wakes the connection concerned. The visitor's side stands in [`upload`], the
//! agents' in [`agents`], who has what to send in [`fanout`], keyframe requests in [`requests`], time in [`clock`].

mod agents;
mod clock;
mod fanout;
mod requests;
mod upload;

use std::sync::Arc;

use protocol::secret::SecretHash;
use protocol::{CloseCode, SessionId};
use slab::Slab;

use crate::agent::Agent;
use crate::events::{Event, SessionRef, SessionSpec};
use crate::frames::{VisitorState, WireFrame};
use crate::log::Log;
use crate::percore::Core;
use crate::stats::SessionFigures;
use crate::timers::UNARMED;
use crate::visitor::{Connected, Order};
use requests::Request;

/// See the module.
pub(crate) struct Session {
    pub(crate) me: SessionRef,
    pub(crate) id: SessionId,
    pub(crate) home: u32,
    pub(crate) resume: SecretHash,
    grace_ms: u64,
    settings: Arc<str>,

    pub(crate) log: Log,
    log_accounted: usize,
    pub(crate) slots: Vec<EphemeralSlot>,
    slot_version: u64,

    order: Order,
    pub(crate) visitor: Option<Connected>,
    was_connected: bool,
    pub(crate) state: VisitorState,
    pub(crate) state_since_ms: u64,
    pub(crate) state_version: u64,
    /// The visitor's connection is gone since; means nothing while there is one.
    gone_since_ms: u64,

    pub(crate) agents: Slab<Agent>,
    numbers_given: u16,
    /// Accounts whose joins were cut by order, so that they hear this and not that their cookie has aged.
    pub(crate) revoked: Vec<protocol::AgentId>,
    pub(crate) participants_version: u64,
    /// The list of that version, once somebody wanted it.
    pub(crate) participants: Option<WireFrame>,

    request: Request,
    armed_ms: u64,
}

/// The newest ephemeral frame of one slot. Versions rise over all slots of a session, so that one number says
/// what an agent has.
pub(crate) struct EphemeralSlot {
    pub(crate) slot: usize,
    pub(crate) version: u64,
    pub(crate) frame: WireFrame,
}

/// The session is to end, for this reason.
pub(crate) type End = Option<CloseCode>;

impl Session {
    pub(crate) fn new(me: SessionRef, spec: SessionSpec, now: u64) -> Self {
        Self {
            me,
            id: spec.id,
            home: spec.home,
            resume: spec.resume,
            grace_ms: spec.grace_ms,
            settings: spec.welcome_settings,
            log: Log::default(),
            log_accounted: 0,
            slots: Vec::new(),
            slot_version: 0,
            order: Order::default(),
            visitor: None,
            was_connected: false,
            state: VisitorState::Offline,
            state_since_ms: now,
            state_version: 1,
            gone_since_ms: now,
            agents: Slab::new(),
            numbers_given: 0,
            revoked: Vec::new(),
            participants_version: 1,
            participants: None,
            request: Request::default(),
            armed_ms: UNARMED,
        }
    }

    /// Ends everything that belongs to the session. The relay forgets it next.
    pub(crate) fn end(&mut self, core: &mut Core, reason: CloseCode) {
        if let Some(visitor) = self.visitor.take() {
            core.close(visitor.outlet.link, reason);
        }
        for agent in self.agents.drain() {
            if let Some(view) = agent.view {
                core.close(view.outlet.link, reason);
                core.stats.agents -= 1;
            }
            core.stats.joins -= 1;
            core.events.push_back(Event::AgentLeft { session: self.id, join: agent.join });
        }
        core.stats.log_bytes -= self.log_accounted as u64;
        core.stats.sessions -= 1;
        core.events.push_back(Event::SessionEnded { id: self.id, home: self.home, reason });
    }

    /// What the session holds at the moment.
    pub(crate) fn figures(&self) -> SessionFigures {
        let views = || self.agents.iter().filter_map(|(_, agent)| agent.view.as_ref());
        SessionFigures {
            log_bytes: self.log.held_bytes(),
            visitor_queue_bytes: self.visitor.as_ref().map_or(0, Connected::queue_bytes),
            joins: self.agents.len(),
            agents: views().count(),
            lag_bytes: views().map(|view| view.lag_bytes(&self.log)).max().unwrap_or(0),
            last_epoch: self.order.last_epoch(),
        }
    }

    /// Brings the core's sum of log bytes up to date.
    pub(crate) fn account(&mut self, core: &mut Core) {
        let held = self.log.held_bytes();
        core.stats.log_bytes = core.stats.log_bytes + held as u64 - self.log_accounted as u64;
        self.log_accounted = held;
    }

    fn connected_keys(&self) -> Vec<usize> {
        self.agents.iter().filter(|(_, agent)| agent.view.is_some()).map(|(key, _)| key).collect()
    }
}
