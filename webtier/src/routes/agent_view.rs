//! From a session key to the CServer that has the session: login, lookup, ticket, redirect.

use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use protocol::{GroupId, Privileges, SessionId, SessionKey};
use serde::Deserialize;
use tokio::sync::broadcast::Receiver;

use super::{around, broken_page, offers, see_other, set_cookie};
use crate::config::is_below;
use crate::cookies;
use crate::guesses::Try;
use crate::headers::page_policy;
use crate::limits::{GUESS_REFILL_MS, SESSION_WAIT_MS, WAIT_MS_MAX};
use crate::locks::lock;
use crate::login::LoggedIn;
use crate::pages::{self, Answer, Page, view_path};
use crate::service::App;
use crate::store::StoreError;
use crate::store::records::{Agent, Session, State as Life};

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(rename = "SessionKey", alias = "VisitorId", default)]
    key: String,
    #[serde(rename = "Group")]
    group: Option<String>,
    #[serde(rename = "Wait")]
    wait: Option<String>,
    #[serde(rename = "Since")]
    since_ms: Option<u64>,
    /// Origin of the CServer that the agent's viewer comes from because it cannot be reached.
    #[serde(rename = "Away")]
    away: Option<String>,
    /// A CServer could not take the ticket that was given before.
    #[serde(rename = "Again")]
    pub(super) again: Option<String>,
    /// The agent's browser opens no view in a frame.
    #[serde(rename = "Alone")]
    pub(super) alone: Option<String>,
}

/// `GET /cobrowse/AgentView.aspx`: the older spelling.
pub(super) async fn without_suffix(uri: Uri) -> Answer {
    let path = uri.path().strip_suffix(".aspx").unwrap_or("/");
    see_other(&uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")))
}

/// `GET /cobrowse/AgentView`
pub(super) async fn by_key(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Answer {
    let reader = match app.who(&headers).await {
        Ok(Some(reader)) => reader,
        Ok(None) => {
            let here = uri.path_and_query().map_or("/", |here| here.as_str());
            return see_other(&format!("/login?next={}", pages::query(here)));
        }
        Err(error) => return broken_page(&app, &error),
    };
    let Ok(Query(asked)) = asked else {
        return show(
            &app,
            &reader,
            StatusCode::NOT_FOUND,
            "No such session",
            pages::no_session(""),
        );
    };
    let groups = match offers::groups_of(&app, &reader.agent).await {
        Ok(groups) => groups,
        Err(error) => return broken_page(&app, &error),
    };
    // A group without a role in it is looked into like one without the session.
    let is_asked =
        |group: &GroupId| asked.group.as_ref().is_none_or(|wanted| wanted == group.as_str());
    let groups: Vec<_> = groups.into_iter().filter(is_asked).collect();
    let (agent, now_ms) = (reader.agent.id, app.clock.now_ms());
    let key = asked.key.trim().parse::<SessionKey>().ok();
    let tried = key.map(|key| (key, lock(&app.guesses).take(now_ms, agent, &groups, &key)));
    if let Some((_, None)) = tried {
        tracing::warn!(?agent, "a lookup was refused: too many keys that no session has");
        let body = pages::sentence("Too many keys that no session has. Try again in a minute.");
        let mut answer = show(&app, &reader, StatusCode::TOO_MANY_REQUESTS, "Too many tries", body);
        answer.headers_mut().insert(header::RETRY_AFTER, (GUESS_REFILL_MS / 1_000).into());
        return answer;
    }
    let away = asked.away.as_deref();
    let found = match tried {
        Some((key, Some(tried))) => {
            match find(&app, &reader.agent, &groups, (key, tried), away).await {
                Ok(found) => found,
                Err(error) => return broken_page(&app, &error),
            }
        }
        _ => Vec::new(),
    };
    match found.as_slice() {
        [] => nothing(&app, &reader, &asked, &groups),
        [(session, privileges)] => {
            let is_around = around::stands(&app, &headers, session, &asked).await;
            join(&app, &reader, session, *privileges, &asked, is_around)
        }
        several => {
            let groups: Vec<_> =
                several.iter().map(|(session, _)| session.id.group.as_str()).collect();
            let body = pages::choice(&asked.key, &groups);
            show(&app, &reader, StatusCode::MULTIPLE_CHOICES, "Which group?", body)
        }
    }
}

/// Sessions with that key in these groups of the agent. One that is about to begin somewhere is waited for: its visitor may have read out the
/// key before its CServer's report is here, or it is on its way to another home. So is one whose CServer has no stream or no key yet: this
/// web tier may have come back a moment ago.
async fn find(
    app: &App,
    agent: &Agent,
    groups: &[GroupId],
    (key, tried): (SessionKey, Try),
    away: Option<&str>,
) -> Result<Vec<(Session, Privileges)>, StoreError> {
    let wait = tokio::time::sleep(Duration::from_millis(SESSION_WAIT_MS));
    tokio::pin!(wait);
    // Before the look, so that no beginning is missed.
    let mut beginnings = app.beginnings();
    let change = app.fleet_change();
    tokio::pin!(change);
    change.as_mut().enable();
    let mut found = look_up(app, agent, groups, key).await?;
    if !found.is_empty() {
        // Now, and not after the wait: an agent's windows that wait side by side guess nothing.
        lock(&app.guesses).found(app.clock.now_ms(), agent.id, groups, &key, tried);
    }
    let is_there = |session: &Session| {
        let home = app.admits(session).filter(|_| session.state == Life::Live);
        home.is_some_and(|home| away != Some(&*home.public_url))
    };
    while !found.is_empty() && !found.iter().any(|(session, _)| is_there(session)) {
        tokio::select! {
            biased;
            () = begins(&mut beginnings, groups, key) => {}
            () = &mut change => {
                change.set(app.fleet_change());
                change.as_mut().enable();
            }
            () = &mut wait => break,
        }
        found = look_up(app, agent, groups, key).await?;
    }
    found.retain(|(session, _)| is_worth_a_look(session));
    Ok(found)
}

/// A session of that key begins in one of these groups, or may have: more began than were heard of.
async fn begins(beginnings: &mut Receiver<SessionId>, groups: &[GroupId], key: SessionKey) {
    while let Ok(id) = beginnings.recv().await {
        if id.key == key && groups.contains(&id.group) {
            return;
        }
    }
}

/// Those that are live, those that were given out and have not begun, and those that a CServer lost a moment ago.
async fn look_up(
    app: &App,
    agent: &Agent,
    groups: &[GroupId],
    key: SessionKey,
) -> Result<Vec<(Session, Privileges)>, StoreError> {
    let (agent, groups, now_ms) = (agent.clone(), groups.to_vec(), app.clock.now_ms());
    app.store(move |store| {
        let mut found = Vec::new();
        for id in &groups {
            let group = store.group(id)?;
            let Some(privileges) = group.and_then(|group| group.privileges_of(&agent)) else {
                continue;
            };
            let session = store.session_by_key(id, &key)?;
            found.extend(session.filter(|s| may_be_there(s, now_ms)).map(|s| (s, privileges)));
        }
        Ok(found)
    })
    .await
}

/// Before its first home took it, nobody can join. On its way to another home it was live before.
fn is_worth_a_look(session: &Session) -> bool {
    session.state != Life::Assigned || session.started_ms.is_some()
}

fn may_be_there(session: &Session, now_ms: u64) -> bool {
    match &session.state {
        Life::Live | Life::Assigned => true,
        Life::Ended { at_ms, .. } => {
            session.may_move() && now_ms.saturating_sub(*at_ms) < MOVE_MS_MAX
        }
    }
}

/// A viewer that has just failed to reach `away` is not sent back there at once: it would end in an error of its browser's own.
fn join(
    app: &App,
    reader: &LoggedIn,
    session: &Session,
    privileges: Privileges,
    asked: &Asked,
    is_around: bool,
) -> Answer {
    let away = asked.away.as_deref();
    let again = view_path(session.id.key.as_str(), Some(session.id.group.as_str()), None);
    let admitted = match session.state {
        Life::Live => app.admit(session, &reader.agent, privileges),
        _ => None,
    };
    let admitted = admitted.filter(|(home, _)| away != Some(&*home.public_url));
    let Some((home, ticket)) = admitted else {
        return Page {
            status: StatusCode::SERVICE_UNAVAILABLE,
            title: "Session out of reach",
            body: pages::unreachable(),
            refresh: Some(again),
            reader: Some(reader),
        }
        .answer(&app.config.cookie_domain);
    };
    tracing::info!(agent = ?reader.agent.id, session = ?session.id, server = ?home.server, "an agent was given a ticket");
    if !is_below(&home.public_url, &app.config.cookie_domain) {
        return match is_around && app.config.surrounds(&home.public_url) {
            true => around::page(session, &again, asked, &home.public_url, &ticket),
            false => hand_over(app, reader, &home.public_url, &ticket),
        };
    }
    // An agent's windows may be on their way at the same moment: none is to take another's ticket.
    let path = format!("/join/{}", crate::random::digits(JOIN_TAG_DIGITS));
    let mut answer = see_other(&format!("{}{path}", home.public_url));
    set_cookie(&mut answer, &cookies::ticket(&ticket, &app.config.cookie_domain, &path));
    let tried = if asked.again.is_some() { "&Again=1" } else { "" };
    let way = format!("{}{again}{tried}", app.config.public_url);
    set_cookie(&mut answer, &cookies::way(&way, &app.config.cookie_domain, &path));
    answer
}

/// The ticket in the body of a form: no cookie of ours reaches that server.
fn hand_over(app: &App, reader: &LoggedIn, url: &str, ticket: &str) -> Answer {
    let body = pages::hand_over(url, ticket);
    let mut answer = show(app, reader, StatusCode::OK, "One moment", body);
    let policy = page_policy(&app.config.cookie_domain, true, Some(url));
    let headers = answer.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    // The server wants to see that the form is ours; our address may hold a session key, which is nobody else's business.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("strict-origin"));
    answer
}

fn nothing(app: &App, reader: &LoggedIn, asked: &Asked, groups: &[GroupId]) -> Answer {
    let now_ms = app.clock.now_ms();
    // A time that is to come would make the page wait for longer than it says.
    let since_ms = asked.since_ms.filter(|since_ms| *since_ms <= now_ms).unwrap_or(now_ms);
    let key = asked.key.trim().parse::<SessionKey>();
    if key.is_ok_and(|key| lock(&app.presences).has_declined(groups, &key, since_ms)) {
        return show(app, reader, StatusCode::OK, "Declined", pages::declined());
    }
    let is_key = key.is_ok();
    if asked.wait.as_deref() == Some("1") && is_key && now_ms - since_ms < WAIT_MS_MAX {
        return Page {
            status: StatusCode::OK,
            title: "Waiting",
            body: pages::waiting(asked.key.trim()),
            refresh: Some(view_path(asked.key.trim(), asked.group.as_deref(), Some(since_ms))),
            reader: Some(reader),
        }
        .answer(&app.config.cookie_domain);
    }
    show(app, reader, StatusCode::NOT_FOUND, "No such session", pages::no_session(asked.key.trim()))
}

fn show(app: &App, reader: &LoggedIn, status: StatusCode, title: &str, body: String) -> Answer {
    Page { status, title, body, refresh: None, reader: Some(reader) }
        .answer(&app.config.cookie_domain)
}

/// Enough that no two windows of an agent meet.
const JOIN_TAG_DIGITS: u32 = 12;

/// A session that its server lost is looked for so long: its visitor comes back within seconds or not at all.
const MOVE_MS_MAX: u64 = 120_000;
