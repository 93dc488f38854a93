//! Which request may ask for what: the table of PROTOCOL.md section 7.1.
//!
//! A route verifies the credential, with nothing but bytes and keys, and finds the core that owns the session. What is
//! then done there is an [`Errand`]; a request for another core's session travels to it with its connection.

use std::sync::Arc;

use connection::{Around, Method, Request, Response, WebSocketOffer};
use protocol::resume::Resume;
use protocol::settings::is_http_origin;
use protocol::subprotocol::{CONTROL_V1, Credential, Offer};
use protocol::ticket::SealedTicket;
use protocol::{CloseCode, JoinId, SessionId, Subject, Ticket};
use relay::LinkId;

use super::errands::{Browser, Errand, ViewPart};
use super::plain;
use super::posts::{self, Opening};
use super::slot::{Role, Slot};
use super::{Cargo, Now, Output, Shard, get};
use crate::credentials::{AgentCookie, COOKIE_PREFIX, Scheme};
use crate::pages::{self, Way};
use crate::shared::{CoreIndex, NotReady, Shared};

/// What becomes of a request.
pub(super) enum Route {
    /// It is answered here and now.
    Answer(Response),
    /// It is done on that core.
    At(CoreIndex, Errand),
    /// It becomes a page that is there.
    Presence(SessionId, WebSocketOffer),
    /// It becomes a control stream.
    Control(WebSocketOffer),
}

impl Shard {
    /// Answers a request, or sends it where it can be answered.
    pub(super) fn route(&mut self, now: Now, link: LinkId, request: &Request) {
        let Some(slot) = get(&mut self.slots, link) else { return };
        let (is_control, is_plain) = (slot.connection.is_control(), slot.connection.is_plain());
        let found = if is_plain {
            self.burn_strayed(now, request);
            plain::find(&self.shared, request)
        } else {
            find(&self.shared, now, request, is_control)
        };
        let route = found.unwrap_or_else(|code| {
            self.note_refusal(code);
            Route::Answer(refusal(&self.shared, request, code))
        });
        match route {
            Route::Answer(response) => self.respond(now, link, response, request.close),
            Route::At(core, errand) if core == self.core => self.run_errand(now, link, errand),
            Route::At(core, errand) => self.hand_over(link, core, errand),
            Route::Presence(id, offer) => self.open_presence(link, id, &offer),
            Route::Control(offer) if self.control.is_some() => {
                self.open_control(now, link, &offer);
            }
            Route::Control(offer) => {
                self.hand_over(link, super::CONTROL_CORE, Errand::Control(offer));
            }
        }
    }

    /// Sends a response and goes on with what came behind the request.
    pub(super) fn respond(&mut self, now: Now, link: LinkId, response: Response, close: bool) {
        let Some(slot) = get(&mut self.slots, link) else { return };
        let response = if close { response.closing() } else { response };
        slot.keep_alive(now.mono_ms);
        slot.connection.respond(&response, &mut self.scratch, &mut slot.outgoing);
        slot.connection.proceed(&mut self.scratch, &mut slot.outgoing);
        self.set_timer(link);
    }

    /// Makes a connection a WebSocket of that role. What came behind the request is handled by the caller's `settle`.
    pub(super) fn upgrade(
        &mut self,
        link: LinkId,
        offer: &WebSocketOffer,
        subprotocol: &str,
        role: Role,
    ) {
        let Some(slot) = get(&mut self.slots, link) else { return };
        slot.role = role;
        slot.connection.upgrade(offer, subprotocol, &mut slot.outgoing);
        slot.connection.proceed(&mut self.scratch, &mut slot.outgoing);
        self.set_timer(link);
    }

    pub(super) fn open_control(&mut self, now: Now, link: LinkId, offer: &WebSocketOffer) {
        self.upgrade(link, offer, CONTROL_V1, Role::Control);
        if let Some(control) = &mut self.control {
            let effects =
                control.open(now.mono_ms, now.wall_ms, link, &self.shared.identity, self.cores);
            tracing::info!("control stream opened");
            self.apply(now, effects);
        }
    }

    fn hand_over(&mut self, link: LinkId, to: CoreIndex, errand: Errand) {
        let (_, at) = super::parts(link);
        if get(&mut self.slots, link).is_none() {
            return;
        }
        let slot = self.slots.remove(at);
        self.guests_bytes -= slot.held;
        let Slot { connection, outgoing: unsent, .. } = *slot;
        let cargo = Box::new(Cargo { connection, unsent, errand });
        self.outputs.push_back(Output::HandOver { link, to, cargo });
    }
}

fn find(
    shared: &Shared,
    now: Now,
    request: &Request,
    is_control: bool,
) -> Result<Route, CloseCode> {
    if is_control {
        return control(request);
    }
    if request.host.strip_suffix(":443").unwrap_or(&request.host) != shared.identity.host {
        return Ok(Route::Answer(misdirected(&shared.identity.host)));
    }
    let path: Vec<&str> = request.path[1..].split('/').collect();
    match (request.method, &path[..]) {
        (Method::Get, ["visitor"]) => {
            let (offer, parsed) = frames_offer(request)?;
            visitor(shared, now, request, parsed.credential, Opening::Upgrade(offer))
        }
        (Method::Post, ["visitor", "stream"]) => posts::visitor_stream(shared, now, request),
        (Method::Post, ["visitor", "frames"]) => posts::visitor_frames(shared, request),
        (Method::Post, ["visitor", "status"]) => visitor_status(shared, now, request),
        (Method::Get, ["presence"]) => presence(shared, now, request),
        // What stands behind it keeps the cookies of an agent's windows apart, and means nothing here.
        (Method::Get, ["join"] | ["join", _]) => {
            join(shared, now, request, request.cookie(TICKET_COOKIE), None)
        }
        (Method::Post, ["join"]) => handed_over(shared, now, request),
        (Method::Get, ["view", join]) => {
            let has_other = open_cookie(shared, request, Scheme::Plain, join).is_ok();
            view(shared, request, Scheme::Secure, join, ViewPart::Page { has_other })
        }
        (Method::Get, ["view", join, "status"]) => {
            view(shared, request, Scheme::Secure, join, ViewPart::Status)
        }
        (Method::Get, ["view", join, "stopped"]) => {
            let join = join.parse().map_err(|_| CloseCode::NotFound)?;
            Ok(Route::Answer(pages::stopped(join)))
        }
        (Method::Get, ["agent", join]) => {
            let (offer, parsed) = frames_offer(request)?;
            let part = ViewPart::Frames(Opening::Upgrade(offer));
            agent(shared, request, Scheme::Secure, join, parsed.credential, part)
        }
        (Method::Post, ["agent", join, "stream"]) => {
            posts::agent_stream(shared, request, Scheme::Secure, join)
        }
        (Method::Post, ["agent", join, "frames"]) => {
            posts::agent_frames(shared, request, Scheme::Secure, join)
        }
        (Method::Get, ["assets", name]) => {
            pages::asset(name).map(Route::Answer).ok_or(CloseCode::NotFound)
        }
        (Method::Get, ["healthz"]) => Ok(Route::Answer(health(shared, now))),
        (Method::Get, ["readyz"]) => Ok(Route::Answer(readiness(shared, now))),
        _ => Err(CloseCode::NotFound),
    }
}

fn control(request: &Request) -> Result<Route, CloseCode> {
    match &request.websocket {
        Some(offer) if request.path == "/control" => {
            if Offer::parse(&offer.protocols).control_v1 {
                Ok(Route::Control(offer.clone()))
            } else {
                Err(CloseCode::Incompatible)
            }
        }
        _ => Err(CloseCode::NotFound),
    }
}

pub(super) fn visitor(
    shared: &Shared,
    now: Now,
    request: &Request,
    credential: Option<Credential<'_>>,
    opening: Opening,
) -> Result<Route, CloseCode> {
    let on_http = request.origin.as_deref().is_some_and(is_http_origin);
    match credential {
        Some(Credential::Ticket(text)) => {
            let (ticket, web_tier) = open_ticket_of(shared, now, text)?;
            check_origin(shared, &ticket.session, request)?;
            let Subject::Visitor { resume } = ticket.subject else {
                return Err(CloseCode::Unauthorized);
            };
            if shared.is_draining() {
                return Err(CloseCode::Draining);
            }
            shared.spend(&ticket, now.mono_ms)?;
            // One that is here already may have been given this server anew: its core compares the homes.
            let core = match shared.claim(ticket.session, ticket.home) {
                Err(CloseCode::AlreadyLive) => shared.owner(&ticket.session)?,
                claimed => claimed?,
            };
            web_tier.into_iter().for_each(|web_tier| shared.is_of(&ticket.session, web_tier));
            let (session, home) = (ticket.session, ticket.home);
            Ok(Route::At(core, Errand::Start { session, home, resume, on_http, opening }))
        }
        Some(Credential::Resume(text)) => {
            let (core, resume) = open_resume(shared, request, text)?;
            Ok(Route::At(core, Errand::Resume { resume, on_http, opening }))
        }
        _ => Err(CloseCode::Unauthorized),
    }
}

fn presence(shared: &Shared, now: Now, request: &Request) -> Result<Route, CloseCode> {
    let (offer, parsed) = frames_offer(request)?;
    let Some(Credential::Ticket(text)) = parsed.credential else {
        return Err(CloseCode::Unauthorized);
    };
    let ticket = open_ticket(shared, now, text)?;
    check_origin(shared, &ticket.session, request)?;
    if ticket.subject != Subject::Presence {
        return Err(CloseCode::Unauthorized);
    }
    if shared.is_draining() {
        return Err(CloseCode::Draining);
    }
    shared.spend(&ticket, now.mono_ms)?;
    Ok(Route::Presence(ticket.session, offer))
}

fn visitor_status(shared: &Shared, now: Now, request: &Request) -> Result<Route, CloseCode> {
    let body = std::str::from_utf8(&request.body).map_err(|_| CloseCode::BadFrame)?;
    match Credential::from_token(body.trim()) {
        Some(Credential::Ticket(text)) => {
            let ticket = open_ticket(shared, now, text)?;
            check_origin(shared, &ticket.session, request)?;
            if let Some(reason) = shared.over(&ticket.session, ticket.home) {
                return Err(reason);
            }
            let live = Response::new(200).content("application/json", LIVE.to_vec());
            Ok(Route::Answer(with_cors(live, request)))
        }
        Some(Credential::Resume(text)) => {
            let (core, resume) = open_resume(shared, request, text)?;
            let origin = request.origin.clone().unwrap_or_default();
            Ok(Route::At(core, Errand::ResumeStatus { resume, origin }))
        }
        _ => Err(CloseCode::Unauthorized),
    }
}

/// A ticket in the body of a form, where web tier and CServer share no domain for a cookie. Only a web tier's own page
/// may send one: another could make an agent watch a session of somebody else's choice.
fn handed_over(shared: &Shared, now: Now, request: &Request) -> Result<Route, CloseCode> {
    let origin = request.origin.as_deref().ok_or(CloseCode::NotAllowed)?;
    if !shared.is_web_tier(origin) {
        return Err(CloseCode::NotAllowed);
    }
    // Base64url is the same inside a form.
    let body = std::str::from_utf8(&request.body).map_err(|_| CloseCode::BadFrame)?;
    let around = request.framed.filter(|_| shared.surrounds(origin));
    join(shared, now, request, body.strip_prefix("ticket="), around)
}

/// `around` tells of the web tier's page that frames the view, if one does.
fn join(
    shared: &Shared,
    now: Now,
    request: &Request,
    ticket: Option<&str>,
    around: Option<Around>,
) -> Result<Route, CloseCode> {
    let text = ticket.ok_or(CloseCode::Unauthorized)?;
    let ticket = open_ticket(shared, now, text)?;
    let Subject::Agent { agent, ref name, privileges } = ticket.subject else {
        return Err(CloseCode::Unauthorized);
    };
    shared.spend(&ticket, now.mono_ms)?;
    let core = shared.owner(&ticket.session)?;
    if around == Some(Around::SameSite) {
        tracing::warn!(
            "the web tier's page stands around a view, and its host belongs to the same site as this server's: browsers may give both one process, so it cannot take a view away that hangs (surrounds_views)"
        );
    }
    let browser = Browser { stale: stale_cookies(shared, request), is_framed: around.is_some() };
    Ok(Route::At(
        core,
        Errand::Join {
            session: ticket.session,
            agent,
            name: name.clone(),
            privileges,
            browser,
            wants_page: request.wants_page,
            way: way(shared, request),
        },
    ))
}

pub(super) fn view(
    shared: &Shared,
    request: &Request,
    scheme: Scheme,
    join: &str,
    part: ViewPart,
) -> Result<Route, CloseCode> {
    let cookie = open_cookie(shared, request, scheme, join)?;
    let core = shared.owner(&cookie.session)?;
    Ok(Route::At(core, Errand::View { cookie, scheme, part, wants_page: request.wants_page }))
}

/// What only the page of a join may do: its cookie, its origin, its CSRF value.
pub(super) fn agent(
    shared: &Shared,
    request: &Request,
    scheme: Scheme,
    join: &str,
    credential: Option<Credential<'_>>,
    part: ViewPart,
) -> Result<Route, CloseCode> {
    let cookie = open_cookie(shared, request, scheme, join)?;
    let own = match scheme {
        Scheme::Secure => Some(&shared.identity.origin),
        Scheme::Plain => shared.identity.plain.as_ref().map(|plain| &plain.origin),
    };
    if own.is_none() || request.origin.as_ref() != own {
        return Err(CloseCode::NotAllowed);
    }
    match credential {
        Some(Credential::Csrf(value))
            if shared.cookies.csrf_fits_for(scheme, cookie.join, value) => {}
        _ => return Err(CloseCode::Unauthorized),
    }
    let core = shared.owner(&cookie.session)?;
    Ok(Route::At(core, Errand::View { cookie, scheme, part, wants_page: false }))
}

pub(super) fn frames_offer(request: &Request) -> Result<(WebSocketOffer, Offer<'_>), CloseCode> {
    let offer = request.websocket.as_ref().ok_or(CloseCode::Incompatible)?;
    let parsed = Offer::parse(&offer.protocols);
    if parsed.frames_v1 { Ok((offer.clone(), parsed)) } else { Err(CloseCode::Incompatible) }
}

pub(super) fn open_ticket(shared: &Shared, now: Now, text: &str) -> Result<Ticket, CloseCode> {
    open_ticket_of(shared, now, text).map(|(ticket, _)| ticket)
}

/// The same with the web tier that signed it.
fn open_ticket_of(
    shared: &Shared,
    now: Now,
    text: &str,
) -> Result<(Ticket, Option<Arc<str>>), CloseCode> {
    let sealed = SealedTicket::from_text(text).map_err(|_| CloseCode::Unauthorized)?;
    let keys = shared.keys.read();
    let opened = keys.open(&sealed, &shared.identity.server, now.wall_ms);
    let opened = opened.map_err(|error| {
        tracing::info!(%error, "ticket refused");
        CloseCode::Unauthorized
    });
    Ok((opened?, keys.web_tier(&sealed.key_id())))
}

pub(super) fn open_resume(
    shared: &Shared,
    request: &Request,
    text: &str,
) -> Result<(CoreIndex, Resume), CloseCode> {
    let resume = Resume::from_text(text).ok_or(CloseCode::Unauthorized)?;
    // A process that has just started knows neither the session nor, for a moment, its group. It must say the former, which
    // sends the visitor to the web tier, and not that the page may run no session, which ends it.
    let owner = shared.owner(&resume.session)?;
    check_origin(shared, &resume.session, request)?;
    Ok((owner, resume))
}

fn open_cookie(
    shared: &Shared,
    request: &Request,
    scheme: Scheme,
    join: &str,
) -> Result<AgentCookie, CloseCode> {
    let join: JoinId = join.parse().map_err(|_| CloseCode::NotFound)?;
    let name = format!("{}{}", scheme.prefix(), join.to_hex());
    let value = request.cookie(&name).ok_or(CloseCode::Unauthorized)?;
    shared.cookies.open_for(scheme, value, join)
}

/// The page must stand on an origin that the group lists. One answer for an unknown group and a foreign origin.
fn check_origin(shared: &Shared, session: &SessionId, request: &Request) -> Result<(), CloseCode> {
    let group = shared.group(&session.group).ok_or(CloseCode::NotAllowed)?;
    match &request.origin {
        Some(origin) if group.settings.allows_origin(origin) => Ok(()),
        _ => Err(CloseCode::NotAllowed),
    }
}

/// Agent cookies that a new join pushes out: those of a former start, and the oldest past the limit.
fn stale_cookies(shared: &Shared, request: &Request) -> Vec<JoinId> {
    let mut live = Vec::new();
    let mut stale = Vec::new();
    for (name, value) in request.cookies() {
        let Some(join) = name.strip_prefix(COOKIE_PREFIX).and_then(|id| id.parse().ok()) else {
            continue;
        };
        match shared.cookies.open(value, join) {
            Ok(cookie) => live.push((cookie.issued_ms, join)),
            Err(_) => stale.push(join),
        }
    }
    live.sort_unstable();
    let over = (live.len() + 1).saturating_sub(crate::limits::COOKIES_MAX);
    stale.extend(live.into_iter().take(over).map(|(_, join)| join));
    stale
}

/// Where the agent of a ticket gets another.
fn way(shared: &Shared, request: &Request) -> Option<Way> {
    Way::read(request.cookie(WAY_COOKIE)?, |origin| shared.is_web_tier(origin))
}

fn refusal(shared: &Shared, request: &Request, code: CloseCode) -> Response {
    let (wants_page, way) = (request.wants_page, way(shared, request));
    let web_tier = &shared.identity.web_tier_url;
    let response = pages::refusal(code, wants_page, web_tier, way.as_ref(), &shared.surrounding());
    let is_known = |origin: &String| shared.is_known_origin(origin);
    if request.path.starts_with("/visitor") && request.origin.as_ref().is_some_and(is_known) {
        with_cors(response, request)
    } else {
        response
    }
}

fn with_cors(response: Response, request: &Request) -> Response {
    cors(response, request.origin.as_deref().unwrap_or_default())
}

/// Lets a page of that origin read the answer.
pub(super) fn cors(response: Response, origin: &str) -> Response {
    response.header("Access-Control-Allow-Origin", origin).header("Vary", "Origin")
}

pub(super) fn misdirected(own: &str) -> Response {
    let body = format!(
        r#"{{"error":"not_found","message":"this server is {own} and answers for no other name"}}"#
    );
    Response::new(421).content("application/json", body.into_bytes())
}

/// Whether the process works: what must be started anew answers 503. It may be of no use at the moment all the same.
pub(crate) fn health(shared: &Shared, now: Now) -> Response {
    let (code, status) = match shared.stuck(now.mono_ms) {
        Some(_) => (503, NotReady::Stuck.name()),
        None if shared.is_draining() => (200, NotReady::Draining.name()),
        None => (200, "ok"),
    };
    let body = format!(r#"{{"status":"{status}","backend":"{}"}}"#, shared.identity.backend);
    fresh(code, body)
}

/// Whether a session can begin here.
pub(crate) fn readiness(shared: &Shared, now: Now) -> Response {
    match shared.not_ready(now.mono_ms) {
        None => fresh(200, r#"{"status":"ready"}"#.into()),
        Some(why) => fresh(503, format!(r#"{{"status":"{}"}}"#, why.name())),
    }
}

fn fresh(code: u16, json: String) -> Response {
    Response::new(code)
        .header("Cache-Control", "no-store")
        .content("application/json", json.into_bytes())
}

/// Body of a status answer.
pub(super) const LIVE: &[u8] = br#"{"state":"live"}"#;

pub(super) const TICKET_COOKIE: &str = "cobrowse_ticket";

/// Beside the ticket: where its agent gets another.
const WAY_COOKIE: &str = "cobrowse_way";
