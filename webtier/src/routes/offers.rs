//! Who is there, for agents, and offering them a session.
//!
//! A visitor's presence belongs to the first group of its page's tag. An agent sees it with a role in that group, and
//! offers a session of a group in which it has a role too.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use protocol::control::Down;
use protocol::{GroupId, SessionKey, SessionNumber};
use serde::Deserialize;

use super::{broken, broken_page, cors, error, page, see_other};
use crate::locks::lock;
use crate::login::csrf_fits;
use crate::pages::{self, Answer};
use crate::presence::Page;
use crate::service::{App, ToLink};
use crate::store::records::{Agent, Group};
use crate::store::{Store, StoreError};

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

/// What an application's script sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    visitor: SessionKey,
    /// The group of the visitor's page; where it is left out, that of a page on which the visitor is.
    group: Option<GroupId>,
    /// The group of the session; where it is left out, the same.
    session: Option<GroupId>,
}

/// `GET /api/v1/agent/presence`
pub(super) async fn list(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Answer {
    let (_, groups) = match reader_of(&app, &headers).await {
        Ok(reader) => reader,
        Err(answer) => return answer,
    };
    let Ok(visitor) = asked.visitor.map(|id| id.parse::<SessionKey>()).transpose() else {
        return Json(serde_json::json!({ "visitors": [] })).into_response();
    };
    let found = lock(&app.presences).of(&groups, visitor.as_ref());
    let visitors: Vec<_> = found.iter().map(as_json).collect();
    Json(serde_json::json!({ "visitors": visitors })).into_response()
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
pub(super) async fn by_form(
    State(app): State<App>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Answer {
    let reader = match app.who(&headers).await {
        Ok(Some(reader)) => reader,
        Ok(None) => return see_other("/login?next=%2F"),
        Err(error) => return broken_page(&app, &error),
    };
    let refuse = |status, text: &str| page(&app, status, "Not offered", pages::sentence(text));
    if !app.is_own_origin(&headers) || !csrf_fits(&reader.token, &fields.csrf) {
        let told = "This form was too old, or not ours. Please try again.";
        return refuse(StatusCode::FORBIDDEN, told);
    }
    let groups = match groups_of(&app, &reader.agent).await {
        Ok(groups) => groups,
        Err(error) => return broken_page(&app, &error),
    };
    let parsed = (fields.visitor.parse(), fields.group.parse(), fields.session.parse());
    let (Ok(visitor), Ok(group), Ok(session)) = parsed else {
        return refuse(StatusCode::NOT_FOUND, "There is no such visitor.");
    };
    match offer(&app, &reader.agent, &groups, visitor, group, session) {
        Ok(view) => see_other(&view),
        Err(refusal) => refuse(refusal.status(), refusal.told()),
    }
}

/// `POST /api/v1/agent/offers`. What a form's CSRF value does there, the origin does here: no other site's script sends it.
pub(super) async fn by_script(
    State(app): State<App>,
    headers: HeaderMap,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Answer {
    let (agent, groups) = match reader_of(&app, &headers).await {
        Ok(reader) => reader,
        Err(answer) => return answer,
    };
    let Ok(Json(Wanted { visitor, group, session })) = wanted else {
        return error(StatusCode::BAD_REQUEST, "bad_request", "the body names no visitor");
    };
    if cors::origin(&headers).is_none() {
        let told = "the request does not say which application sends it";
        return error(StatusCode::FORBIDDEN, "not_allowed", told);
    }
    let known = lock(&app.presences).of(&groups, Some(&visitor));
    let Some(group) = group.or_else(|| known.first().map(|page| page.group)) else {
        let refusal = Refusal::NotThere;
        return error(refusal.status(), refusal.name(), refusal.told());
    };
    match offer(&app, &agent, &groups, visitor, group, session.unwrap_or(group)) {
        Ok(view) => {
            let view = format!("{}{view}", app.config.public_url);
            (StatusCode::CREATED, Json(serde_json::json!({ "view": view }))).into_response()
        }
        Err(refusal) => error(refusal.status(), refusal.name(), refusal.told()),
    }
}

/// Brings an offer to the visitor's pages; the address at which the agent waits for the session.
fn offer(
    app: &App,
    agent: &Agent,
    groups: &[GroupId],
    visitor: SessionKey,
    group: GroupId,
    session: GroupId,
) -> Result<String, Refusal> {
    if !groups.contains(&group) || !groups.contains(&session) {
        return Err(Refusal::NotAllowed);
    }
    let offer = SessionNumber::from_bytes(crate::random::bytes());
    let now_ms = app.clock.now_ms();
    let asked = lock(&app.presences).offer(now_ms, offer, agent.id, group, visitor);
    let to = asked.ok_or(Refusal::TooMany)?;
    if to.is_empty() {
        return Err(Refusal::NotThere);
    }
    let text = serde_json::json!({
        "offer": offer.to_hex(), "agent": agent.display, "group": session.as_str(),
    });
    for (server, presence) in to {
        let record = Down::Offer { presence, offer: text.to_string() };
        app.tell(&server, ToLink::Send(record));
    }
    tracing::info!(agent = ?agent.id, group = ?session, "a session was offered");
    Ok(pages::view_path(visitor.as_str(), Some(session.as_str()), Some(now_ms)))
}

/// Why nothing was offered.
#[derive(Clone, Copy)]
enum Refusal {
    NotAllowed,
    NotThere,
    TooMany,
}

impl Refusal {
    fn status(self) -> StatusCode {
        match self {
            Self::NotAllowed => StatusCode::FORBIDDEN,
            Self::NotThere => StatusCode::NOT_FOUND,
            Self::TooMany => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::NotThere => "not_found",
            Self::TooMany => "too_many",
        }
    }

    fn told(self) -> &'static str {
        match self {
            Self::NotAllowed => {
                "You need a role in the group of the visitor's page and in that of the session."
            }
            Self::NotThere => "The visitor is no longer there.",
            Self::TooMany => "Too many offers are open. Try again in a minute.",
        }
    }
}

/// Who asks, and the groups in which they have a role. An application hears of those groups only that list it.
async fn reader_of(app: &App, headers: &HeaderMap) -> Result<(Agent, Vec<GroupId>), Answer> {
    let agent = match app.who(headers).await {
        Ok(Some(reader)) => reader.agent,
        Ok(None) => {
            let told = "not logged in: log in at /login";
            return Err(error(StatusCode::UNAUTHORIZED, "unauthorized", told));
        }
        Err(cause) => return Err(broken(&cause)),
    };
    let application = cors::origin(headers).filter(|_| !app.is_own_origin(headers));
    let asked = agent.clone();
    let groups = app.store(move |store| {
        let lists = |group: &Group| {
            let listed = &group.settings.embed_ancestors;
            application.as_ref().is_none_or(|application| listed.contains(application))
        };
        Ok(roles_of(store, &asked)?.into_iter().filter(lists).map(|group| group.id).collect())
    });
    groups.await.map(|groups| (agent, groups)).map_err(|cause| broken(&cause))
}

/// The groups in which an agent has a role that lets it look.
pub(super) async fn groups_of(app: &App, agent: &Agent) -> Result<Vec<GroupId>, StoreError> {
    let agent = agent.clone();
    app.store(move |store| Ok(roles_of(store, &agent)?.into_iter().map(|group| group.id).collect()))
        .await
}

fn roles_of(store: &dyn Store, agent: &Agent) -> Result<Vec<Group>, StoreError> {
    let mut groups = Vec::new();
    for id in agent.groups.keys() {
        groups.extend(store.group(id)?.filter(|group| group.privileges_of(agent).is_some()));
    }
    Ok(groups)
}

fn as_json(page: &Page) -> serde_json::Value {
    serde_json::json!({
        "group": page.group, "visitor": page.visitor, "url": page.url, "visible": page.visible,
        "since_ms": page.since_ms, "active_ms": page.active_ms,
    })
}
