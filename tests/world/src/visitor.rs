//! A visitor of a world: what the visitor's script does (`browser/src/visitor/session.ts` and `decide.ts`), against the real servers.
//!
//! Owns its page, which is a hash, and everything that agents may ever be shown of it.

use std::collections::HashMap;

use protocol::frame::Kind;
use protocol::start::StartAnswer;
use protocol::{CloseCode, SessionId};
use relay_sim::page::Page;
use relay_sim::rng::Rng;

use crate::net::Host;
use crate::servers::host_name;
use crate::tab::{Said, Tab, upgrade};
use crate::tiers::{Progress, Request, SHOP};
use crate::world::{Around, Check};

/// See the module.
pub(crate) struct Visitor {
    pub(crate) host: Host,
    /// The web tier that serves its site.
    pub(crate) tier: usize,
    pub(crate) stage: Stage,
    pub(crate) page: Page,
    pub(crate) session: Option<Held>,
    /// The state of the page at each position that was sent.
    pub(crate) shown: HashMap<(u32, u32), u64>,
    /// The newest epoch that empties all before it and has reached a CServer.
    pub(crate) purged: u32,
    /// When the connection was last known to be whole.
    pub(crate) whole_ms: u64,
    was_live: bool,
    /// An agent has ended the session, whether or not anybody has heard it.
    pub(crate) may_be_ended: bool,
    /// The newest home that has welcomed it.
    begun_home: u32,
    /// That home has not said since that it does not know the session: the resume secret opens it.
    has_begun: bool,
    failures: u32,
    unreachable: u32,
    /// When attempts were given up; see `session.ts`.
    strays: Vec<u64>,
}

/// What its page remembers of a session.
pub(crate) struct Held {
    pub(crate) id: SessionId,
    pub(crate) server: Host,
    pub(crate) home: u32,
    resume: String,
    ticket: Option<String>,
}

/// What it is doing.
pub(crate) enum Stage {
    Idle,
    Asking(Request),
    Connecting {
        tab: Tab,
        gives_up_ms: u64,
    },
    Live(Tab),
    /// Has said goodbye, and waits to hear that it was heard.
    Leaving(Tab),
    Resting {
        until_ms: u64,
        then: Then,
    },
    Over {
        reason: String,
    },
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Then {
    Start,
    Connect,
    Move,
}

impl Visitor {
    pub(crate) fn new(host: Host, tier: usize, hash: u64) -> Self {
        Self {
            host,
            tier,
            stage: Stage::Idle,
            page: Page::new(hash),
            session: None,
            shown: HashMap::new(),
            purged: 0,
            whole_ms: 0,
            was_live: false,
            may_be_ended: false,
            begun_home: 0,
            has_begun: false,
            failures: 0,
            unreachable: 0,
            strays: Vec::new(),
        }
    }

    pub(crate) fn is_live(&self) -> bool {
        matches!(self.stage, Stage::Live(_)) && self.page.speaks
    }

    /// Asks for a session.
    pub(crate) fn start(&mut self, now: u64) {
        let body = r#"{"group":"demo","key":null}"#.to_owned();
        self.stage =
            Stage::Asking(Request::post(now, self.host, self.tier, "/api/v1/sessions", body));
    }

    /// Leaves its page; the next one connects with what it remembers.
    #[cfg(test)]
    pub(crate) fn come_back(&mut self, now: u64) {
        self.page.speaks = false;
        self.stage = Stage::Resting { until_ms: now + 1, then: Then::Connect };
    }

    pub(crate) fn next_ms(&self) -> Option<u64> {
        match &self.stage {
            Stage::Asking(request) => Some(request.next_ms()),
            Stage::Resting { until_ms, .. } => Some(*until_ms),
            Stage::Connecting { gives_up_ms, .. } => Some(*gives_up_ms),
            _ => None,
        }
    }

    pub(crate) fn turn(&mut self, around: &mut Around<'_>) -> Check {
        match &mut self.stage {
            Stage::Idle | Stage::Over { .. } => {}
            Stage::Asking(request) => match around.ask(request)? {
                Progress::UnderWay => {}
                Progress::Failed => self.asked_in_vain(around),
                Progress::Answered(answer) => self.answered(around, answer.status, &answer.body)?,
            },
            Stage::Resting { until_ms, then } if *until_ms <= around.now => match *then {
                Then::Start => self.start(around.now),
                Then::Connect => self.connect(around),
                Then::Move => self.ask_for_a_home(around.now),
            },
            Stage::Resting { .. } => {}
            Stage::Connecting { gives_up_ms, .. } if *gives_up_ms <= around.now => {
                self.silence(around);
            }
            Stage::Connecting { tab, .. } | Stage::Live(tab) | Stage::Leaving(tab) => {
                for said in tab.hear() {
                    self.hear(around, said)?;
                }
            }
        }
        self.note_whole(around);
        Ok(())
    }

    fn note_whole(&mut self, around: &Around<'_>) {
        if let Stage::Live(tab) = &self.stage
            && !around.net.is_blocked(around.now, self.host, tab.server)
            && around.net.wires[tab.wire].as_ref().is_some_and(|wire| wire.at.is_some())
        {
            self.whole_ms = around.now;
            self.was_live = true;
        }
    }

    fn rest(&mut self, around: &mut Around<'_>, then: Then) {
        self.page.speaks = false;
        let full = (250u64 << self.failures.min(6)).min(10_000);
        self.failures += 1;
        let pause_ms = full - around.rng.below(full / 2);
        self.stage = Stage::Resting { until_ms: around.now + pause_ms, then };
    }

    fn asked_in_vain(&mut self, around: &mut Around<'_>) {
        let then = if self.session.is_some() { Then::Connect } else { Then::Start };
        self.rest(around, then);
    }

    fn answered(&mut self, around: &mut Around<'_>, status: u16, body: &str) -> Check {
        match status {
            200 | 201 => {
                let told: StartAnswer = serde_json::from_str(body)
                    .map_err(|error| format!("a start's answer: {error}"))?;
                let id: SessionId = told.session.parse().map_err(|_| "a session id")?;
                if self.session.as_ref().is_some_and(|held| held.id != id || held.home > told.home)
                {
                    return Err(format!("continued as another session, or backwards: {body}"));
                }
                around.must_survive(self.tier, &id, told.home)?;
                if told.home > 1 {
                    around.count("homes_given");
                }
                let stays = self.session.as_ref().is_some_and(|held| held.home == told.home);
                self.has_begun &= stays;
                if !stays && self.unreachable >= UNREACHABLE_MAX {
                    around.count("homes_given_up");
                }
                self.session = Some(Held {
                    id,
                    server: usize::from(told.server.contains("//s1.")),
                    home: told.home,
                    resume: told.resume,
                    ticket: (!self.has_begun).then_some(told.ticket),
                });
                if stays {
                    self.rest(around, Then::Connect);
                } else {
                    self.unreachable = 0;
                    self.connect(around);
                }
            }
            404 => return self.over(around, "not_found"),
            503 | 500 | 408 | 429 => self.asked_in_vain(around),
            _ => return Err(format!("a web tier answered {status}: {body}")),
        }
        Ok(())
    }

    fn ask_for_a_home(&mut self, now: u64) {
        let Some(held) = &self.session else { return self.start(now) };
        let unreachable = (self.unreachable >= UNREACHABLE_MAX).then_some(held.home);
        self.stage = Stage::Asking(self.request_for_a_home(now, held, unreachable));
    }

    fn request_for_a_home(&self, now: u64, held: &Held, unreachable: Option<u32>) -> Request {
        let body =
            serde_json::json!({"resume": held.resume, "unreachable": unreachable}).to_string();
        Request::post(now, self.host, self.tier, "/api/v1/sessions/continue", body)
    }

    /// A page of its asks for another home than the one that it has.
    #[cfg(test)]
    pub(crate) fn ask_for_another_home(&self, now: u64) -> Option<Request> {
        let held = self.session.as_ref()?;
        Some(self.request_for_a_home(now, held, Some(held.home)))
    }

    fn connect(&mut self, around: &mut Around<'_>) {
        let Some(held) = &self.session else { return };
        let credential = match &held.ticket {
            Some(ticket) => {
                around.shown(held.server, ticket, true);
                format!("ticket.{ticket}")
            }
            None => format!("resume.{}", held.resume),
        };
        if !around.is_up(held.server) {
            return self.silence(around);
        }
        let host = host_name(held.server);
        let mut tab = Tab::open(around.net, around.pki, self.host, held.server, &host);
        tab.write(&upgrade(&host, "/visitor", &credential, SHOP, ""));
        self.stage = Stage::Connecting { tab, gives_up_ms: around.now + CONNECT_MS };
    }

    fn silence(&mut self, around: &mut Around<'_>) {
        self.strays.push(around.now);
        self.unreachable += 1;
        self.ask_for_a_home(around.now);
    }

    fn hear(&mut self, around: &mut Around<'_>, said: Said) -> Check {
        if let Stage::Leaving(_) = self.stage {
            let reason = match said {
                Said::Closed(code) if code == CloseCode::SessionEndedVisitor.code() => STOPPED,
                Said::Closed(_) | Said::Gone => UNHEARD,
                _ => return Ok(()),
            };
            self.stage = Stage::Over { reason: reason.to_owned() };
            return Ok(());
        }
        match said {
            Said::Upgraded => {
                around.count("visitor_connections");
                if let Stage::Connecting { tab, .. } =
                    std::mem::replace(&mut self.stage, Stage::Idle)
                {
                    self.stage = Stage::Live(tab);
                }
                let Some(held) = &mut self.session else { return Ok(()) };
                if let Some(ticket) = held.ticket.take() {
                    around.spent(&ticket);
                    if held.home <= self.begun_home {
                        return Err(format!("a ticket opened home {} a second time", held.home));
                    }
                }
                self.unreachable = 0;
            }
            Said::Frame(frame) => self.frame(around, &frame)?,
            Said::Answer(_, _, body) => {
                let name = serde_json::from_str::<serde_json::Value>(&body).ok();
                let name = name.and_then(|told| Some(told["error"].as_str()?.to_owned()));
                self.refused(around, &name.unwrap_or_default())?;
            }
            Said::Closed(code) => {
                let known = CloseCode::from_code(code);
                let name = known.map_or("", CloseCode::name);
                self.refused(around, name)?;
            }
            Said::Gone => match self.stage {
                Stage::Live(_) => self.rest(around, Then::Connect),
                Stage::Connecting { .. } => self.silence(around),
                _ => {}
            },
        }
        Ok(())
    }

    fn refused(&mut self, around: &mut Around<'_>, name: &str) -> Check {
        match name {
            "moved" | "draining" | "unauthorized" | "not_found" => {
                self.has_begun = false;
                self.rest(around, Then::Move);
            }
            "already_live" => {
                self.has_begun = true;
                if let Some(held) = &mut self.session {
                    held.ticket = None;
                }
                self.rest(around, Then::Connect);
            }
            // It has one page: what took over was an attempt that it had given up.
            "superseded" if self.was_stray(around.now) => {
                around.count("strays");
                self.rest(around, Then::Connect);
            }
            "session_ended_agent" if self.may_be_ended => {
                self.page.speaks = false;
                around.count("sessions_over_by_agents");
                self.stage = Stage::Over { reason: name.to_owned() };
            }
            "session_ended_timeout" => return self.over(around, name),
            "too_slow" | "overload" | "internal" => self.rest(around, Then::Connect),
            _ => return Err(format!("a visitor was refused: {name}")),
        }
        Ok(())
    }

    fn was_stray(&mut self, now: u64) -> bool {
        self.strays.retain(|at| now - at < STRAY_MS_MAX);
        self.strays.pop().is_some()
    }

    /// The session is over without the visitor's wish: only a long absence or an agent does that.
    fn over(&mut self, around: &mut Around<'_>, reason: &str) -> Check {
        self.page.speaks = false;
        let away_ms = around.now - self.whole_ms;
        if self.was_live && !self.may_be_ended && away_ms + SLACK_MS < around.grace_ms {
            return Err(format!("a session was lost: {reason} after an absence of {away_ms} ms"));
        }
        around.count("sessions_over_by_absence");
        self.stage = Stage::Over { reason: reason.to_owned() };
        Ok(())
    }

    fn frame(&mut self, around: &mut Around<'_>, frame: &[u8]) -> Check {
        match frame.first().copied() {
            Some(kind) if kind == Kind::Welcome as u8 => {
                let told = relay_sim::viewer::json(&frame[12..])?;
                let held = self.session.as_ref().ok_or("a welcome without a session")?;
                if told["session"].as_str() != Some(&held.id.to_text()) {
                    return Err("a welcome to somebody else's session".into());
                }
                if told["home"].as_u64() != Some(u64::from(held.home)) {
                    return Err(format!("a welcome to home {} of {}", told["home"], held.home));
                }
                self.begun_home = held.home;
                self.has_begun = true;
                self.failures = 0;
                let last = told["last_epoch"].as_u64().unwrap_or(0) as u32;
                self.begin(around.rng, last, false);
            }
            Some(kind) if kind == Kind::KeyframeRequest as u8 && self.page.speaks => {
                self.begin(around.rng, 0, false);
            }
            _ => {}
        }
        Ok(())
    }

    /// Sends a whole epoch.
    pub(crate) fn begin(&mut self, rng: &mut Rng, last: u32, purge: bool) {
        let frames = self.page.begin(rng, last, purge);
        let (epoch, sequence) = self.page.position();
        self.shown.insert((epoch, sequence), self.page.hash);
        if purge {
            self.purged = epoch;
        }
        if let Stage::Live(tab) = &mut self.stage {
            frames.iter().for_each(|frame| tab.frame(2, frame));
        }
    }

    /// The page changes; agents hear of it if the visitor is connected.
    pub(crate) fn change(&mut self, rng: &mut Rng) {
        match &mut self.stage {
            Stage::Live(tab) if self.page.speaks => {
                let frame = self.page.diff(rng);
                self.shown.insert(self.page.position(), self.page.hash);
                tab.frame(2, &frame);
            }
            _ => self.page.change(rng),
        }
    }

    /// Ends the session.
    pub(crate) fn stop(&mut self) -> bool {
        if !self.is_live() {
            return false;
        }
        if let Stage::Live(mut tab) = std::mem::replace(&mut self.stage, Stage::Idle) {
            tab.frame(2, &self.page.bare(Kind::Bye));
            self.stage = Stage::Leaving(tab);
        }
        self.page.speaks = false;
        true
    }
}

/// A goodbye was heard.
pub(crate) const STOPPED: &str = "stopped";

/// A goodbye may have been lost with its connection: then the grace period ends the session.
pub(crate) const UNHEARD: &str = "left unheard";

/// A browser gives an attempt up that has not opened by then.
const CONNECT_MS: u64 = 10_000;

/// Attempts in a row from which on a home is named as out of reach.
const UNREACHABLE_MAX: u32 = 3;

/// How long an attempt that was given up may still be under way.
const STRAY_MS_MAX: u64 = 60_000;

/// What the two ends of a connection may see of its end at different times.
const SLACK_MS: u64 = 4_000;
