//! What a request does on the core that owns its session.
//!
//! By then its credential was verified; what is left is what only the owner knows: whether the session lives, whose
//! resume secret it is, which joins there are.

use connection::{Response, WebSocketOffer};
use protocol::resume::Resume;
use protocol::secret::SecretHash;
use protocol::{AgentId, CloseCode, JoinId, Privileges, SessionId};
use relay::{JoinSpec, LinkId, SessionRef, SessionSpec};

use super::posts::{Opening, Posted};
use super::routes::{LIVE, cors};
use super::slot::Role;
use super::{Now, Shard, get, plain};
use crate::credentials::{AgentCookie, COOKIE_PREFIX, Scheme};
use crate::pages::{self, ViewerPage, Way};

/// A verified wish.
pub(super) enum Errand {
    /// A visitor's first connection; the session was claimed for this core.
    Start {
        session: SessionId,
        home: u32,
        resume: SecretHash,
        /// Its page has an http origin.
        on_http: bool,
        opening: Opening,
    },
    /// A visitor comes back.
    Resume { resume: Resume, on_http: bool, opening: Opening },
    /// A visitor whose WebSockets are blocked sends frames.
    Post { resume: Resume, posted: Posted, origin: String },
    /// A visitor asks why that failed.
    ResumeStatus { resume: Resume, origin: String },
    /// An agent with a ticket.
    Join {
        session: SessionId,
        agent: AgentId,
        name: String,
        privileges: Privileges,
        browser: Browser,
        /// Whether a person reads a refusal.
        wants_page: bool,
        /// Where another ticket is to be had.
        way: Option<Way>,
    },
    /// An agent with a cookie.
    View { cookie: AgentCookie, scheme: Scheme, part: ViewPart, wants_page: bool },
    /// A web tier.
    Control(WebSocketOffer),
}

/// What matters of the browser in which an agent joins.
pub(super) struct Browser {
    /// Cookies to remove from it.
    pub(super) stale: Vec<JoinId>,
    /// Whether a web tier's page stands around the view there.
    pub(super) is_framed: bool,
}

/// What an agent with a cookie wants.
pub(super) enum ViewPart {
    /// The viewer; whether its browser could show the same under the other protocol.
    Page { has_other: bool },
    /// Whether the join is alive.
    Status,
    /// The frames.
    Frames(Opening),
    /// To send some.
    Post(Posted),
}

impl Shard {
    pub(super) fn run_errand(&mut self, now: Now, link: LinkId, errand: Errand) {
        let (mut is_for_people, mut way_back) = (false, None);
        let (answer, origin) = match errand {
            Errand::Start { session, home, resume, on_http, opening } => {
                let started = self.start(now, session, home, resume);
                let answer = started
                    .and_then(|here| self.attach_visitor(now, link, here, on_http, &opening));
                (answer, opening.origin())
            }
            Errand::Resume { resume, on_http, opening } => {
                let owned = self.owned(&resume);
                let answer =
                    owned.and_then(|here| self.attach_visitor(now, link, here, on_http, &opening));
                (answer, opening.origin())
            }
            Errand::Post { resume, posted, origin } => {
                (self.visitor_post(now, &resume, posted).map(Some), Some(origin))
            }
            Errand::ResumeStatus { resume, origin } => {
                (self.owned(&resume).map(|_| Some(live())), Some(origin))
            }
            Errand::Join { session, agent, name, privileges, browser, wants_page, way } => {
                (is_for_people, way_back) = (wants_page, way);
                (self.join(now, session, agent, name, privileges, &browser).map(Some), None)
            }
            Errand::View { cookie, scheme, part, wants_page } => {
                is_for_people = wants_page;
                (self.view(now, link, &cookie, scheme, part), None)
            }
            Errand::Control(offer) => {
                self.open_control(now, link, &offer);
                (Ok(None), None)
            }
        };
        let response = match answer {
            Ok(None) => return,
            Ok(Some(response)) => response,
            Err(code) => {
                tracing::debug!(code = code.name(), "request refused by the session's core");
                let web_tier = &self.shared.identity.web_tier_url;
                let around = self.shared.surrounding();
                pages::refusal(code, is_for_people, web_tier, way_back.as_ref(), &around)
            }
        };
        let response = match origin {
            Some(origin) => cors(response, &origin),
            None => response,
        };
        self.respond(now, link, response, false);
    }

    /// The session of a visitor's ticket: a new one, or the one that is here and has this home now.
    fn start(
        &mut self,
        now: Now,
        session: SessionId,
        home: u32,
        resume: SecretHash,
    ) -> Result<SessionRef, CloseCode> {
        if let Some(here) = self.relay.find(&session) {
            return self.relay.raise_home(here, home, &resume).map(|()| here);
        }
        // One that was here when its request came may have ended while that travelled, or in this very turn: then nobody has it.
        self.relay_events(now);
        if self.shared.owner(&session)? != self.core {
            return Err(CloseCode::NotFound);
        }
        let opened =
            self.shared.group(&session.group).ok_or(CloseCode::NotAllowed).and_then(|group| {
                let spec = SessionSpec {
                    id: session,
                    home,
                    resume,
                    grace_ms: group.settings.grace_ms,
                    welcome_settings: group.visitor_json.clone(),
                };
                self.relay.open_session(now.mono_ms, spec)
            });
        opened.inspect_err(|_| self.shared.unclaim(&session))
    }

    fn attach_visitor(
        &mut self,
        now: Now,
        link: LinkId,
        session: SessionRef,
        on_http: bool,
        opening: &Opening,
    ) -> Result<Option<Response>, CloseCode> {
        self.relay.attach_visitor(now.mono_ms, session, link)?;
        if on_http {
            self.relay.visitor_is_on_http(session);
        }
        self.open_frames(link, opening, Role::Visitor);
        Ok(None)
    }

    fn visitor_post(
        &mut self,
        now: Now,
        resume: &Resume,
        posted: Posted,
    ) -> Result<Response, CloseCode> {
        let session = self.owned(resume)?;
        self.take_post(now, self.relay.visitor_link(session), posted)
    }

    fn owned(&self, resume: &Resume) -> Result<SessionRef, CloseCode> {
        let session = self.relay.find(&resume.session).ok_or(CloseCode::NotFound)?;
        if self.relay.owns(session, &resume.secret) {
            Ok(session)
        } else {
            Err(CloseCode::Unauthorized)
        }
    }

    fn join(
        &mut self,
        now: Now,
        session: SessionId,
        agent: AgentId,
        name: String,
        privileges: Privileges,
        browser: &Browser,
    ) -> Result<Response, CloseCode> {
        let found = self.relay.find(&session).ok_or(CloseCode::NotFound)?;
        let join = JoinId::from_bytes(self.cookie_random());
        self.relay.join(now.mono_ms, found, JoinSpec { join, agent, name, privileges })?;
        let cookie = AgentCookie { session, join, agent, privileges, issued_ms: now.wall_ms };
        let value = self.shared.cookies.seal(&cookie);
        let name = join.to_hex();
        let group = self.shared.group(&session.group);
        let is_embedded =
            group.as_ref().is_some_and(|group| !group.settings.embed_ancestors.is_empty());
        let site = if is_embedded || browser.is_framed { EMBEDDED } else { TOP_LEVEL };
        let mut response = Response::new(303)
            .header("Location", &format!("/view/{name}"))
            .header("Cache-Control", "no-store")
            .header(
                "Set-Cookie",
                &format!("{COOKIE_PREFIX}{name}={value}; Secure; HttpOnly; Path=/; {site}"),
            );
        if group.is_some_and(|group| group.plain_policy.is_some()) {
            response = response.header("Set-Cookie", &plain::set_cookie(&self.shared, &cookie));
        }
        for old in &browser.stale {
            if self.shared.identity.plain.is_some() {
                let gone = plain::clear_cookie(&self.shared, *old);
                response = response.header("Set-Cookie", &gone);
            }
            // Whether it was made for a frame stands nowhere; a browser keeps the two apart.
            for site in [TOP_LEVEL, EMBEDDED] {
                let gone = format!(
                    "{COOKIE_PREFIX}{}=; Max-Age=0; Secure; HttpOnly; Path=/; {site}",
                    old.to_hex()
                );
                response = response.header("Set-Cookie", &gone);
            }
        }
        Ok(response)
    }

    fn view(
        &mut self,
        now: Now,
        link: LinkId,
        cookie: &AgentCookie,
        scheme: Scheme,
        part: ViewPart,
    ) -> Result<Option<Response>, CloseCode> {
        let session = self.relay.find(&cookie.session).ok_or(CloseCode::NotFound)?;
        let gone = || self.relay.why_no_join(session, cookie.agent);
        let join = self.relay.find_join(session, cookie.join).ok_or_else(gone)?;
        let may = match scheme {
            Scheme::Secure => join.privileges,
            Scheme::Plain => Privileges::VIEW,
        };
        if join.agent != cookie.agent || may != cookie.privileges {
            return Err(CloseCode::Unauthorized);
        }
        if scheme == Scheme::Plain {
            match (self.check_plain(session, cookie), &part) {
                (Ok(()), _) => {}
                (Err(CloseCode::SecurePage), ViewPart::Page { .. }) => {
                    return Ok(Some(self.to_secure_view(cookie.join)));
                }
                (Err(code), _) => return Err(code),
            }
        }
        match part {
            ViewPart::Page { has_other } => {
                let group =
                    self.shared.group(&cookie.session.group).ok_or(CloseCode::NotAllowed)?;
                let around = self.shared.surrounding();
                let page = ViewerPage {
                    join: cookie.join,
                    session: &cookie.session,
                    csrf: &self.shared.cookies.csrf_for(scheme, cookie.join),
                    web_tier_url: &self.shared.web_tier_of(&cookie.session),
                    around: &around,
                    other_url: &match (has_other, &group.plain_policy) {
                        (true, Some(_)) => self.other_url(scheme, cookie.join),
                        _ => String::new(),
                    },
                };
                let policy = match (scheme, &group.plain_policy) {
                    (Scheme::Plain, Some(plain)) => plain,
                    _ => &group.policy,
                };
                Ok(Some(page.response(policy)))
            }
            ViewPart::Status => Ok(Some(live())),
            ViewPart::Frames(opening) => {
                match scheme {
                    Scheme::Secure => {
                        self.relay.attach_agent(now.mono_ms, session, cookie.join, link)?;
                    }
                    Scheme::Plain => {
                        self.relay.attach_plain_agent(now.mono_ms, session, cookie.join, link)?;
                    }
                }
                self.open_frames(link, &opening, Role::Agent);
                Ok(None)
            }
            ViewPart::Post(posted) => {
                // What was sent in plain text never counts as said over TLS.
                let is_plain = scheme == Scheme::Plain;
                let stream = self.relay.agent_link(session, cookie.join).filter(|link| {
                    get(&mut self.slots, *link).is_some_and(|s| s.connection.is_plain() == is_plain)
                });
                self.take_post(now, stream, posted).map(Some)
            }
        }
    }
}

/// Where the viewer stands in a window of its own: no other site's requests carry the cookie.
const TOP_LEVEL: &str = "SameSite=Lax";

/// Where applications that the group lists may frame it, or a web tier's page does: the cookie is then bound to the site of those.
const EMBEDDED: &str = "SameSite=None; Partitioned";

/// The answer to who asks, and to who has sent something that was taken.
pub(super) fn live() -> Response {
    Response::new(200)
        .header("Cache-Control", "no-store")
        .content("application/json", LIVE.to_vec())
}
