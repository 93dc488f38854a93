//! An agent's own account: a new password, and ending single logins.

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{broken_page, see_other, set_cookie};
use crate::audit::{Event, hex};
use crate::cookies;
use crate::device::Known;
use crate::locks::lock;
use crate::login::{LoggedIn, csrf, csrf_fits};
use crate::pages::{self, Answer, Page};
use crate::passwords::Busy;
use crate::service::App;

/// What the forms of the page send.
#[derive(Deserialize)]
pub(super) struct Fields {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    new: String,
    #[serde(default)]
    login: String,
}

/// `GET /account`
pub(super) async fn page(State(app): State<App>, headers: HeaderMap) -> Answer {
    match app.who(&headers).await {
        Ok(Some(reader)) => show(&app, &reader, StatusCode::OK, None).await,
        Ok(None) => see_other("/login?next=%2Faccount"),
        Err(error) => broken_page(&app, &error),
    }
}

/// `POST /account/password`
pub(super) async fn password(
    State(app): State<App>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Answer {
    let (old, new) = (Zeroizing::new(fields.password), Zeroizing::new(fields.new));
    let reader = match sender(&app, &headers, &fields.csrf).await {
        Ok(reader) => reader,
        Err(answer) => return answer,
    };
    let (now_ms, name) = (app.clock.now_ms(), reader.agent.name.clone());
    // By login: who guesses at this account from outside keeps its agent from nothing.
    let known = Known::login(&reader.token.hash());
    if !lock(&app.tries_by_known).take(now_ms, known) {
        let told = "Too many tries. Wait a minute, then try again.";
        return show(&app, &reader, StatusCode::TOO_MANY_REQUESTS, Some(told)).await;
    }
    let busy = "Too many people are logging in. Try again in a moment.";
    match app.passwords.check(old, reader.agent.password_hash.clone()).await {
        Ok(true) => {}
        Ok(false) => {
            let told = "That is not your password now. Nothing was changed.";
            return show(&app, &reader, StatusCode::FORBIDDEN, Some(told)).await;
        }
        Err(Busy) => return show(&app, &reader, StatusCode::SERVICE_UNAVAILABLE, Some(busy)).await,
    }
    lock(&app.tries_by_known).give_back(now_ms, &known);
    let hash = match app.passwords.make(new).await {
        Ok(Ok(hash)) => hash,
        Ok(Err(error)) => {
            let told = format!("{error}. Nothing was changed.");
            return show(&app, &reader, StatusCode::UNPROCESSABLE_ENTITY, Some(&told)).await;
        }
        Err(Busy) => return show(&app, &reader, StatusCode::SERVICE_UNAVAILABLE, Some(busy)).await,
    };
    let agent = reader.agent.id;
    let changed = app.store(move |store| {
        store.set_password(&name, &hash)?;
        store.note(now_ms, Event::PasswordChanged { agent })
    });
    if let Err(error) = changed.await {
        return broken_page(&app, &error);
    }
    tracing::info!(?agent, "an agent has set a new password; its logins have ended");
    let mut answer = see_other("/login");
    set_cookie(&mut answer, &cookies::removed(cookies::SESSION));
    answer
}

/// `POST /account/logins`
pub(super) async fn end_login(
    State(app): State<App>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Answer {
    let reader = match sender(&app, &headers, &fields.csrf).await {
        Ok(reader) => reader,
        Err(answer) => return answer,
    };
    let (agent, now_ms) = (reader.agent.id, app.clock.now_ms());
    // One of somebody else, or one that has ended, is none of the agent's: nothing is said of it.
    let ended = app.store(move |store| {
        if store.end_login_of(&agent, &fields.login)? {
            store.note(now_ms, Event::LoggedOut { agent })?;
        }
        Ok(())
    });
    match ended.await {
        Ok(()) => see_other("/account"),
        Err(error) => broken_page(&app, &error),
    }
}

/// Who sent a form of our own page.
async fn sender(app: &App, headers: &HeaderMap, given: &str) -> Result<LoggedIn, Answer> {
    let reader = match app.who(headers).await {
        Ok(Some(reader)) => reader,
        Ok(None) => return Err(see_other("/login?next=%2Faccount")),
        Err(error) => return Err(broken_page(app, &error)),
    };
    if app.is_own_origin(headers) && csrf_fits(&reader.token, given) {
        return Ok(reader);
    }
    let told = "This form was too old, or not ours. Nothing was changed.";
    Err(show(app, &reader, StatusCode::FORBIDDEN, Some(told)).await)
}

async fn show(app: &App, reader: &LoggedIn, status: StatusCode, told: Option<&str>) -> Answer {
    let agent = reader.agent.id;
    let logins = match app.store(move |store| store.logins_of(&agent)).await {
        Ok(logins) => logins,
        Err(error) => return broken_page(app, &error),
    };
    let own = hex(reader.token.hash().as_bytes());
    let csrf = csrf(&reader.token);
    Page {
        status,
        title: "Your account",
        body: pages::account(&logins, &own, &csrf, app.clock.now_ms(), told),
        refresh: None,
        reader: Some(reader),
    }
    .answer(&app.config.cookie_domain)
}
