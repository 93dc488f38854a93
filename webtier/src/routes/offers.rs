//! Who is there, for agents, and offering them a session.
//!
//! A visitor's presence belongs to the first group of its page's tag. An agent sees it with a role in that group, and
//! offers a session of a group in which it has a role too.

use axum::Json;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use protocol::control::Down;
use protocol::{GroupId, SessionKey, SessionNumber};
use serde::Deserialize;

use super::{broken, broken_page, error, page, see_other};
use crate::login::csrf_fits;
use crate::pages::{self, Answer};
use crate::presence::Page;
use crate::service::{App, ToLink, lock};
use crate::store::StoreError;
use crate::store::records::Agent;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(rename = "VisitorId")]
    visitor: Option<String>,
}

/// What the form of the home page sends.
#[derive(Deserialize)]
pub(super) struct Fields {
    #[serde(default)]
    visitor: String,
    #[serde(default)]
    group: String,
    #[serde(default)]
    session: String,
    #[serde(default)]
    csrf: String,
}

/// `GET /api/v1/agent/presence`
pub(super) async fn list(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Answer {
    let agent = match app.who(&headers).await {
        Ok(Some(logged_in)) => logged_in.agent,
        Ok(None) => {
            let message = "not logged in: log in at /login";
            return error(StatusCode::UNAUTHORIZED, "unauthorized", message);
        }
        Err(cause) => return broken(&cause),
    };
    let Ok(visitor) = asked.visitor.map(|id| id.parse::<SessionKey>()).transpose() else {
        return Json(serde_json::json!({ "visitors": [] })).into_response();
    };
    match of_agent(&app, &agent, visitor.as_ref()).await {
        Ok(found) => {
            let visitors: Vec<_> = found.iter().map(as_json).collect();
            Json(serde_json::json!({ "visitors": visitors })).into_response()
        }
        Err(cause) => broken(&cause),
    }
}

/// Visitors who are there, in the groups in which an agent has a role.
pub(super) async fn of_agent(
    app: &App,
    agent: &Agent,
    visitor: Option<&SessionKey>,
) -> Result<Vec<Page>, StoreError> {
    let groups = groups_of(app, agent).await?;
    Ok(lock(&app.presences).of(&groups, visitor))
}

/// `POST /offers`
pub(super) async fn offer(
    State(app): State<App>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Answer {
    let reader = match app.who(&headers).await {
        Ok(Some(reader)) => reader,
        Ok(None) => return see_other("/login?next=%2F"),
        Err(error) => return broken_page(&app, &error),
    };
    let sentence = |status, title, text: &str| page(&app, status, title, pages::sentence(text));
    if !app.is_own_origin(&headers) || !csrf_fits(&reader.token, &fields.csrf) {
        let told = "This form was too old, or not ours. Please try again.";
        return sentence(StatusCode::FORBIDDEN, "Not offered", told);
    }
    let groups = match groups_of(&app, &reader.agent).await {
        Ok(groups) => groups,
        Err(error) => return broken_page(&app, &error),
    };
    let parsed = (fields.visitor.parse(), fields.group.parse(), fields.session.parse());
    let (Ok(visitor), Ok(group), Ok(session)): (
        Result<SessionKey, _>,
        Result<GroupId, _>,
        Result<GroupId, _>,
    ) = parsed
    else {
        return sentence(StatusCode::NOT_FOUND, "Not offered", "There is no such visitor.");
    };
    if !groups.contains(&group) || !groups.contains(&session) {
        let told = "You need a role in the group of the visitor's page and in that of the session.";
        return sentence(StatusCode::FORBIDDEN, "Not offered", told);
    }
    let offer = SessionNumber::from_bytes(crate::random::bytes());
    let now_ms = app.clock.now_ms();
    let Some(to) = lock(&app.presences).offer(now_ms, offer, group, visitor) else {
        let told = "Too many offers are open. Try again in a minute.";
        return sentence(StatusCode::SERVICE_UNAVAILABLE, "Not offered", told);
    };
    if to.is_empty() {
        let told = "The visitor is no longer there.";
        return sentence(StatusCode::NOT_FOUND, "Not offered", told);
    }
    let text = serde_json::json!({
        "offer": offer.to_hex(), "agent": reader.agent.display, "group": session.as_str(),
    });
    for (server, presence) in to {
        let record = Down::Offer { presence, offer: text.to_string() };
        app.tell(&server, ToLink::Send(record));
    }
    tracing::info!(agent = ?reader.agent.id, group = ?session, "a session was offered");
    see_other(&pages::view_path(visitor.as_str(), Some(session.as_str()), Some(now_ms)))
}

/// The groups in which an agent has a role that lets it look.
pub(super) async fn groups_of(app: &App, agent: &Agent) -> Result<Vec<GroupId>, StoreError> {
    let agent = agent.clone();
    app.store(move |store| {
        let mut groups = Vec::new();
        for id in agent.groups.keys() {
            if store.group(id)?.is_some_and(|group| group.privileges_of(&agent).is_some()) {
                groups.push(*id);
            }
        }
        Ok(groups)
    })
    .await
}

fn as_json(page: &Page) -> serde_json::Value {
    serde_json::json!({
        "group": page.group, "visitor": page.visitor, "url": page.url, "visible": page.visible,
        "since_ms": page.since_ms, "active_ms": page.active_ms,
    })
}
