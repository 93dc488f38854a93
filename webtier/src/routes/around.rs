//! Our own page around a view: where the session server belongs to another site, it goes on in browsers that isolate sites when a visitor's
//! page stops the view, takes that away and opens it again.
//!
//! Owns when it stands there, and its answer. What it does in the browser is `browser/src/around/`; its text stands in `pages`.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, header};

use super::agent_view::Asked;
use crate::headers::around_policy;
use crate::pages::{self, Answer};
use crate::service::App;
use crate::store::records::Session;

/// Whether the page is to stand around a view of that session in the browser that asks, if its server is one for it. Only around what a
/// browser opens in a window: an application that frames the view watches over it already.
pub(super) async fn stands(
    app: &App,
    headers: &HeaderMap,
    session: &Session,
    asked: &Asked,
) -> bool {
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|found| found == value);
    let browser = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let is_wanted = app.config.surrounds_views.is_in(browser.unwrap_or_default());
    // Nobody else's link takes an agent's protection away.
    let is_alone = asked.alone.is_some() && is("sec-fetch-site", "same-origin");
    if !is_wanted || is_alone || !is("sec-fetch-dest", "document") {
        return false;
    }
    let id = session.id.group;
    match app.store(move |store| store.group(&id)).await {
        // A page over HTTPS shows no frame over plain HTTP.
        Ok(group) => group.is_some_and(|group| !group.settings.follows_protocol),
        Err(error) => {
            tracing::error!(%error, "whether a group follows the protocol could not be read: its view stands alone");
            false
        }
    }
}

/// The page, with the ticket in a form that its script sends into the frame. `again` leads here once more.
pub(super) fn page(
    session: &Session,
    again: &str,
    asked: &Asked,
    server: &str,
    ticket: &str,
) -> Answer {
    let is_second = asked.again.is_some();
    let html = pages::around(session.id.key.as_str(), again, server, ticket, is_second);
    let mut answer = Response::new(html.into());
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if let Ok(policy) = HeaderValue::from_str(&around_policy(server)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

const HEADERS: [(HeaderName, &str); 2] = [
    // The server wants to see that the form is ours; our address holds a session key, which is nobody else's business.
    (header::REFERRER_POLICY, "strict-origin"),
    // Whoever has opened this window holds no handle of it.
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];
