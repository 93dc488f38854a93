//! Plain HTTP, for agents whose view follows a visitor to a page that came over HTTP: PROTOCOL.md section 7.4.
//!
//! Owns which requests its host answers, when a view over it has something to show, and what becomes of secrets that strayed
//! there. Cookies, pages and frames are those of the view over TLS, told apart by their scheme.

use connection::{Method, Request, Response};
use protocol::{CloseCode, JoinId, SessionId};
use relay::SessionRef;

use super::errands::ViewPart;
use super::posts::{self, Opening};
use super::routes::{self, Route};
use super::{Mail, Now, Output, Shard};
use crate::credentials::{AgentCookie, Scheme};
use crate::pages;
use crate::shared::Shared;

/// The table of section 7.4: views of joins that were made over TLS, and public code.
pub(super) fn find(shared: &Shared, request: &Request) -> Result<Route, CloseCode> {
    let Some(own) = &shared.identity.plain else { return Err(CloseCode::NotFound) };
    if request.host != own.host {
        return Ok(Route::Answer(routes::misdirected(&own.host)));
    }
    let path: Vec<&str> = request.path[1..].split('/').collect();
    match (request.method, &path[..]) {
        (Method::Get, ["view", join]) => {
            let part = ViewPart::Page { has_other: true };
            match routes::view(shared, request, Scheme::Plain, join, part) {
                // Its browser keeps the cookie to itself: the agent is not to be left without a view.
                Err(CloseCode::Unauthorized) => {
                    let join = join.parse().map_err(|_| CloseCode::NotFound)?;
                    let back = format!("{}{STAY}", view_url(&shared.identity.origin, join));
                    Ok(Route::Answer(see_other(&back)))
                }
                found => found,
            }
        }
        (Method::Get, ["view", join, "status"]) => {
            routes::view(shared, request, Scheme::Plain, join, ViewPart::Status)
        }
        (Method::Get, ["agent", join]) => {
            let (offer, parsed) = routes::frames_offer(request)?;
            let part = ViewPart::Frames(Opening::Upgrade(offer));
            routes::agent(shared, request, Scheme::Plain, join, parsed.credential, part)
        }
        (Method::Post, ["agent", join, "stream"]) => {
            posts::agent_stream(shared, request, Scheme::Plain, join)
        }
        (Method::Post, ["agent", join, "frames"]) => {
            posts::agent_frames(shared, request, Scheme::Plain, join)
        }
        (Method::Get, ["assets", name]) => {
            pages::asset(name).map(Route::Answer).ok_or(CloseCode::NotFound)
        }
        _ => Err(CloseCode::NotFound),
    }
}

impl Shard {
    /// What is secret and was shown in plain text is secret no longer: a join whose cookie it was is over, a ticket is used up.
    pub(super) fn burn_strayed(&mut self, now: Now, request: &Request) {
        let shared = self.shared.clone();
        let values = request.cookies().map(|(_, value)| value);
        for cookie in values.filter_map(|value| shared.cookies.open_strayed(value)) {
            let AgentCookie { session, join, .. } = cookie;
            tracing::warn!(?session, "a secure cookie was seen in plain text: its join is over");
            match shared.owner(&session) {
                Ok(core) if core == self.core => self.end_join(now, &session, join),
                Ok(to) => {
                    self.outputs.push_back(Output::Mail { to, mail: Mail::EndJoin(session, join) });
                }
                Err(_) => {}
            }
        }
        if let Some(text) = request.cookie(routes::TICKET_COOKIE)
            && let Ok(ticket) = routes::open_ticket(&shared, now, text)
        {
            // One that was used before is no worse off.
            let _ = shared.spend(&ticket, now.mono_ms);
        }
    }

    pub(super) fn end_join(&mut self, now: Now, session: &SessionId, join: JoinId) {
        if let Some(here) = self.relay.find(session) {
            self.relay.end_join(now.mono_ms, here, join, CloseCode::Unauthorized);
        }
    }

    /// Whether a view over plain HTTP has something to show: its group wants it so, and the newest page came over HTTP.
    pub(super) fn check_plain(
        &self,
        session: SessionRef,
        cookie: &AgentCookie,
    ) -> Result<(), CloseCode> {
        let group = self.shared.group(&cookie.session.group).ok_or(CloseCode::NotAllowed)?;
        if group.plain_policy.is_some() && self.relay.is_insecure(session) {
            Ok(())
        } else {
            Err(CloseCode::SecurePage)
        }
    }

    /// The same view over TLS, for who asks for a page that is not shown over plain HTTP.
    pub(super) fn to_secure_view(&self, join: JoinId) -> Response {
        see_other(&view_url(&self.shared.identity.origin, join))
    }

    /// Where the view of a join stands under the other protocol; empty when there is none.
    pub(super) fn other_url(&self, scheme: Scheme, join: JoinId) -> String {
        let identity = &self.shared.identity;
        match (scheme, &identity.plain) {
            (Scheme::Plain, _) => view_url(&identity.origin, join),
            (Scheme::Secure, Some(plain)) => view_url(&plain.origin, join),
            (Scheme::Secure, None) => String::new(),
        }
    }
}

/// The cookie of a view over plain HTTP. Set by the public host for the names below its own, of which the plain one is the only
/// one that we use: a cookie of the public host alone would not go there.
pub(super) fn set_cookie(shared: &Shared, cookie: &AgentCookie) -> String {
    let looks = AgentCookie { privileges: protocol::Privileges::VIEW, ..*cookie };
    let value = shared.cookies.seal_for(Scheme::Plain, &looks);
    attributes(shared, cookie.join, &value, "")
}

/// Takes it away again.
pub(super) fn clear_cookie(shared: &Shared, join: JoinId) -> String {
    attributes(shared, join, "", "Max-Age=0; ")
}

fn attributes(shared: &Shared, join: JoinId, value: &str, age: &str) -> String {
    let host = &shared.identity.host;
    let domain = host.split_once(':').map_or(host.as_str(), |(name, _)| name);
    let name = format!("{}{}", Scheme::Plain.prefix(), join.to_hex());
    format!("{name}={value}; {age}Domain={domain}; HttpOnly; Path=/; SameSite=Lax")
}

fn see_other(location: &str) -> Response {
    Response::new(303).header("Location", location).header("Cache-Control", "no-store")
}

fn view_url(origin: &str, join: JoinId) -> String {
    format!("{origin}/view/{}", join.to_hex())
}

/// Behind the address of a view over TLS: it does not try plain HTTP again.
const STAY: &str = "#stay";
