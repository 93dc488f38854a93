//! Who has something to send, and what: the paths that run for every frame and every agent.

use protocol::Kind;

use super::Session;
use crate::agent::View;
use crate::frames::{self, Joined, WireFrame};
use crate::percore::Core;

impl Session {
    /// After a frame of the visitor: agents that are too far behind leave the epoch, those with something to read are
    /// woken. Whether somebody now waits for an epoch that nobody sends yet.
    pub(crate) fn fan_out(&mut self, core: &mut Core, now: u64) -> bool {
        let mut someone_waits = false;
        let lag_bytes_max = core.bounds.agent_lag_bytes_max;
        for key in 0..self.agents.capacity() {
            let Some(agent) = self.agents.get_mut(key) else { continue };
            let Some(view) = agent.view.as_mut() else { continue };
            if view.lag_bytes(&self.log) > lag_bytes_max {
                // Live frames come only while no epoch is arriving, so there is none to go on with.
                view.skip_to(None, &self.log);
                core.stats.skips += 1;
                someone_waits = true;
            }
            if self.agent_has_more(key) {
                self.wake_agent(core, now, key);
            }
        }
        someone_waits
    }

    pub(crate) fn wake_agents(&mut self, core: &mut Core, now: u64) {
        for key in 0..self.agents.capacity() {
            if self.agents.get(key).is_some_and(|agent| agent.view.is_some()) {
                self.wake_agent(core, now, key);
            }
        }
    }

    pub(crate) fn wake_agent(&mut self, core: &mut Core, now: u64, key: usize) {
        if let Some(view) = &mut self.agents[key].view {
            view.outlet.wake(now, &mut core.dirty);
            self.arm_agent(core, key);
        }
    }

    /// Whether an agent's connection has anything to be sent.
    pub(crate) fn agent_has_more(&self, key: usize) -> bool {
        let Some(view) = self.agents.get(key).and_then(|agent| agent.view.as_ref()) else {
            return false;
        };
        view.joined_due
            || view.skipped_due
            || view.state_sent != self.state_version
            || view.participants_sent != self.participants_version
            || self.next_of_log(view).is_some()
            || self.next_ephemeral(view).is_some()
    }

    /// The next frame for an agent, if it fits.
    pub(crate) fn next_for_agent(
        &mut self,
        now: u64,
        key: usize,
        room: usize,
    ) -> Option<WireFrame> {
        let (frame, told) = self.pick(now, key)?;
        if frame.wire_len() > room {
            return None;
        }
        let (state, participants) = (self.state_version, self.participants_version);
        let view = self.agents.get_mut(key)?.view.as_mut()?;
        match told {
            Told::Joined => (view.joined_due, view.state_sent) = (false, state),
            Told::Skipped => view.skipped_due = false,
            Told::State => view.state_sent = state,
            Told::Participants => view.participants_sent = participants,
            Told::Log { live_end } => view.advance(live_end),
            Told::Ephemeral { version } => view.ephemeral_sent = version,
        }
        Some(frame)
    }

    /// The relay's own frames come first, of which the newest state is told; then the log in its order; then, to who has
    /// all of it, ephemeral frames.
    fn pick(&mut self, now: u64, key: usize) -> Option<(WireFrame, Told)> {
        let participants = self.participants_frame(key);
        let agent = self.agents.get(key)?;
        let view = agent.view.as_ref()?;
        let since_ms = now.saturating_sub(self.state_since_ms);
        if view.joined_due {
            let joined = Joined {
                agent: agent.number,
                name: &agent.name,
                session: &self.id,
                privileges: agent.effective(),
                visitor: self.state,
                since_ms,
            };
            return Some((frames::joined(&joined), Told::Joined));
        }
        if view.skipped_due {
            return Some((frames::bare(Kind::Skipped), Told::Skipped));
        }
        if view.state_sent != self.state_version {
            return Some((frames::visitor_state(self.state, since_ms), Told::State));
        }
        if let Some(frame) = participants {
            return Some((frame, Told::Participants));
        }
        if let Some((frame, live_end)) = self.next_of_log(view) {
            return Some((frame.clone(), Told::Log { live_end }));
        }
        let (frame, version) = self.next_ephemeral(view)?;
        Some((frame.clone(), Told::Ephemeral { version }))
    }

    /// The next frame of the log for an agent. Over plain HTTP nothing passes that came otherwise: such connections are closed before
    /// it could, and here is looked once more.
    fn next_of_log(&self, view: &View) -> Option<(&WireFrame, u64)> {
        let index = view.index().filter(|at| !view.plain || self.log.is_insecure_at(*at))?;
        self.log.get(index)
    }

    /// The oldest ephemeral frame that the agent was not sent. Only for who has caught up: to others it would
    /// speak of a page that they do not have yet.
    fn next_ephemeral(&self, view: &View) -> Option<(&WireFrame, u64)> {
        let is_barred = view.plain && !self.log.is_insecure();
        if self.slots.is_empty() || is_barred || !view.is_caught_up(&self.log) {
            return None;
        }
        let unsent = self.slots.iter().filter(|slot| slot.version > view.ephemeral_sent);
        unsent.min_by_key(|slot| slot.version).map(|slot| (&slot.frame, slot.version))
    }

    /// The list of participants if the agent was not sent its newest version. Made once for all who want it.
    fn participants_frame(&mut self, key: usize) -> Option<WireFrame> {
        let view = self.agents.get(key)?.view.as_ref()?;
        (view.participants_sent != self.participants_version).then(|| self.participants_now())
    }

    fn participants_now(&mut self) -> WireFrame {
        if let Some(frame) = &self.participants {
            return frame.clone();
        }
        let connected = self.agents.iter().map(|(_, agent)| agent).filter(|a| a.view.is_some());
        let mut listed: Vec<_> =
            connected.map(|agent| (agent.number, agent.name.as_str(), agent.effective())).collect();
        listed.sort_unstable_by_key(|(number, ..)| *number);
        let frame = frames::participants(listed.into_iter());
        // Kept for the others who want it: the visitor and one agent are told without.
        if self.agents.len() > 1 {
            self.participants = Some(frame.clone());
        }
        frame
    }

    /// Whether the visitor's connection has anything to be sent.
    pub(crate) fn visitor_has_more(&self) -> bool {
        self.visitor.as_ref().is_some_and(|visitor| {
            visitor.welcome.is_some()
                || visitor.participants_sent != self.participants_version
                || visitor.keyframe_request
                || visitor.front().is_some()
        })
    }

    /// The next frame for the visitor, if it fits: the relay's own first, then agents' in their order.
    pub(crate) fn next_for_visitor(&mut self, now: u64, room: usize) -> Option<WireFrame> {
        let fits = |frame: &WireFrame| frame.wire_len() <= room;
        let version = self.participants_version;
        let told = self.visitor.as_ref()?.participants_sent == version;
        let participants = if told { None } else { Some(self.participants_now()) };
        let visitor = self.visitor.as_mut()?;
        if let Some(welcome) = &visitor.welcome {
            return if fits(welcome) { visitor.welcome.take() } else { None };
        }
        if let Some(frame) = participants {
            return fits(&frame).then(|| {
                visitor.participants_sent = version;
                frame
            });
        }
        if visitor.keyframe_request {
            let frame = frames::bare(Kind::KeyframeRequest);
            if !fits(&frame) {
                return None;
            }
            visitor.keyframe_request = false;
            self.request_left(now);
            return Some(frame);
        }
        if fits(visitor.front()?) { visitor.pop() } else { None }
    }
}

/// What an agent has been told by the frame that was picked for it.
enum Told {
    Joined,
    Skipped,
    State,
    Participants,
    Log { live_end: u64 },
    Ephemeral { version: u64 },
}
