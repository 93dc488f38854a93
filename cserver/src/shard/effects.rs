//! What the relay's and the control machine's findings make the shard do.

use connection::Connection;
use protocol::control::{ReportEvent, Up};
use protocol::{GroupId, GroupSettings, SessionId};
use relay::{Event, LinkId};

use super::{CONTROL_CORE, Mail, Now, Output, Shard, get};
use crate::control::{Control, Effect};
use crate::limits::GROUPS_MAX;

impl Shard {
    /// Handles what the relay found, until nothing new comes of it.
    pub(super) fn relay_events(&mut self, now: Now) {
        while let Some(event) = self.relay.poll_event() {
            match event {
                Event::Close { link, code } => {
                    tracing::debug!(code = code.name(), fault = code.fault().name(), "closing");
                    self.close(now, link, code);
                }
                Event::SessionStarted { id, home } => {
                    tracing::info!(session = ?id, home, "session started");
                    self.report(now, now.wall_ms, id, ReportEvent::SessionStarted { home });
                }
                Event::SessionEnded { id, home, reason } => {
                    tracing::info!(session = ?id, home, reason = reason.name(), "session ended");
                    self.shared.release(id, home, reason, now.mono_ms);
                    self.outputs.push_back(Output::Forget);
                    let reason = reason.name().to_owned();
                    self.report(now, now.wall_ms, id, ReportEvent::SessionEnded { home, reason });
                }
                Event::AgentJoined { session, join, agent, privileges } => {
                    tracing::info!(?session, ?agent, "agent joined");
                    let event = ReportEvent::AgentJoined { join, agent, privileges };
                    self.report(now, now.wall_ms, session, event);
                }
                Event::AgentActed { session, join } => {
                    tracing::info!(?session, "an agent acts");
                    self.report(now, now.wall_ms, session, ReportEvent::AgentActed { join });
                }
                Event::AgentLeft { session, join } => {
                    tracing::info!(?session, "agent left");
                    self.report(now, now.wall_ms, session, ReportEvent::AgentLeft { join });
                }
            }
        }
    }

    /// Brings a report to the web tiers, by the core that talks to them.
    pub(super) fn report(&mut self, now: Now, at_ms: u64, id: SessionId, event: ReportEvent) {
        match &mut self.control {
            Some(control) => {
                let effects = control.report(at_ms, id, &event);
                self.apply(now, effects);
            }
            None => {
                let mail = Mail::Report(at_ms, id, event);
                self.outputs.push_back(Output::Mail { to: CONTROL_CORE, mail });
            }
        }
    }

    /// When reports are to be sent; `None` while there are none.
    pub(super) fn reports_due_ms(&self) -> Option<u64> {
        self.control.as_ref().and_then(Control::reports_due_ms)
    }

    /// Sends the reports that have gathered, in one record for each web tier; at once while a drain is under way, since it may end the process.
    pub(super) fn send_reports(&mut self, now: Now) {
        let Some(due_ms) = self.reports_due_ms() else { return };
        let Some(control) = &mut self.control else { return };
        if now.mono_ms < due_ms && self.drain_until_ms.is_none() {
            return;
        }
        for (link, records) in control.due_reports(now.mono_ms) {
            let mut frames = Vec::new();
            for record in records {
                frames.extend_from_slice(&Connection::text_frame(&record));
            }
            self.send_plain(link, &frames);
        }
    }

    /// Does what the control machine asks for.
    pub(super) fn apply(&mut self, now: Now, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send(link, text) => self.send_plain(link, &Connection::text_frame(&text)),
                Effect::Ping(link) => self.send_plain(link, Connection::ping_frame()),
                Effect::Close(link, code) => self.close(now, link, code),
                Effect::Key { id, key, expires_ms, web_tier } => {
                    let mut keys = self.shared.keys.write();
                    keys.insert(id, &key, expires_ms, now.wall_ms);
                    web_tier.into_iter().for_each(|web_tier| keys.is_of(&id, web_tier));
                    tracing::debug!(key = ?id, held = keys.len(), "server key taken");
                    // Its text went through the buffers that serve every connection.
                    self.outputs.push_back(Output::Forget);
                }
                Effect::Surrounding(origins) => self.shared.set_surrounding(origins.into()),
                Effect::Group(link, group, settings) => {
                    self.put_in_force(now, link, group, *settings)
                }
                Effect::GroupRemoved(group) => {
                    self.shared.remove_group(&group);
                    self.everywhere(now, Mail::GroupRemoved(group));
                }
                Effect::Revoke(group, agent) => self.everywhere(now, Mail::Revoke(group, agent)),
                Effect::Moved(session, home, code) => {
                    self.everywhere(now, Mail::Moved(session, home, code));
                }
                Effect::Offer(presence, offer) => {
                    self.everywhere(now, Mail::Offer(presence, offer));
                }
                Effect::Drain(deadline_ms) => self.drain(now, deadline_ms),
                Effect::Warn(told) => tracing::warn!("{told}"),
            }
        }
    }

    /// What is not in force here is not acknowledged, so that the web tier gives out no session of that group here.
    fn put_in_force(&mut self, now: Now, link: LinkId, group: GroupId, settings: GroupSettings) {
        let revision = settings.revision;
        if self.shared.set_group(group, settings) {
            self.everywhere(now, Mail::Settings(group));
            let told = Up::GroupAck { group, revision }.to_json();
            self.send_plain(link, &Connection::text_frame(&told));
        } else {
            tracing::error!(
                ?group,
                groups_max = GROUPS_MAX,
                "no room for the settings of another group: it gets no session here"
            );
        }
    }

    /// Takes no more sessions, sends everybody elsewhere, and ends when all have gone or after so many milliseconds.
    /// For the control core; the others hear it by mail.
    pub fn drain(&mut self, now: Now, deadline_ms: u64) {
        if !self.shared.is_draining() {
            tracing::info!(deadline_ms, "draining: sessions move to other servers");
        }
        self.shared.drain();
        self.everywhere(now, Mail::Drain(deadline_ms));
    }

    fn everywhere(&mut self, now: Now, mail: Mail) {
        for to in (0..self.cores).filter(|to| *to != self.core) {
            self.outputs.push_back(Output::Mail { to, mail: mail.clone() });
        }
        self.handle_mail(now, mail);
    }

    pub(super) fn send_plain(&mut self, link: LinkId, plain: &[u8]) {
        if let Some(slot) = get(&mut self.slots, link) {
            slot.connection.seal(plain, &mut slot.outgoing);
            self.want_send(link);
        }
    }
}
