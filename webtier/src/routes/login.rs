//! The login form, logging in, logging out.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Form, Query, State};
use axum::http::{HeaderMap, StatusCode};
use protocol::secret::Secret;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{broken_page, page, see_other, set_cookie};
use crate::cookies;
use crate::device::Device;
use crate::login::{Denied, csrf, csrf_fits, own_path};
use crate::pages::{self, Answer};
use crate::service::App;

#[derive(Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

/// What the form sends. Nothing is required here: an empty field is a wrong one.
#[derive(Deserialize)]
pub(super) struct Fields {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    next: String,
    #[serde(default)]
    csrf: String,
}

/// `GET /login`
pub(super) async fn form(
    State(app): State<App>,
    Query(Next { next }): Query<Next>,
    headers: HeaderMap,
) -> Answer {
    let next = own_path(&next);
    match app.who(&headers).await {
        Ok(Some(_)) => see_other(next),
        Ok(None) => show(&app, &headers, next, StatusCode::OK, None),
        Err(error) => broken_page(&app, &error),
    }
}

/// `POST /login`
pub(super) async fn log_in(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Answer {
    let password = Zeroizing::new(fields.password);
    let next = own_path(&fields.next);
    let again = |status, problem: &str| show(&app, &headers, next, status, Some(problem));
    let cookie = cookies::read(&headers, cookies::FORM).and_then(Secret::from_base64);
    if !app.is_own_origin(&headers)
        || !cookie.is_some_and(|cookie| csrf_fits(&cookie, &fields.csrf))
    {
        return again(
            StatusCode::FORBIDDEN,
            "This form was too old, or not ours. Please log in again.",
        );
    }
    let device = Device::read(&headers);
    let outcome = app.log_in(peer.ip(), &fields.name, password, device).await;
    crate::metrics::login(match &outcome {
        Ok(_) => "accepted",
        Err(Denied::Wrong) => "refused",
        Err(Denied::Throttled) => "throttled",
        Err(Denied::Busy | Denied::Store(_)) => "failed",
    });
    match outcome {
        Ok(entered) => {
            // A login that this browser had before ends with the new one.
            if let Ok(Some(old)) = app.who(&headers).await
                && let Err(error) = app.log_out(&old.token).await
            {
                return broken_page(&app, &error);
            }
            let mut answer = see_other(next);
            set_cookie(&mut answer, &cookies::own(cookies::SESSION, &entered.token.to_base64()));
            if let Some(device) = &entered.device {
                set_cookie(&mut answer, &cookies::lasting(cookies::DEVICE, device));
            }
            set_cookie(&mut answer, &cookies::removed(cookies::FORM));
            answer
        }
        Err(Denied::Wrong) => again(StatusCode::UNAUTHORIZED, "Wrong name or password."),
        Err(Denied::Throttled) => {
            again(StatusCode::TOO_MANY_REQUESTS, "Too many tries. Wait a minute, then try again.")
        }
        Err(Denied::Busy) => again(
            StatusCode::SERVICE_UNAVAILABLE,
            "Too many people are logging in. Try again in a moment.",
        ),
        Err(Denied::Store(error)) => broken_page(&app, &error),
    }
}

#[derive(Deserialize)]
pub(super) struct Out {
    #[serde(default)]
    csrf: String,
}

/// `POST /logout`
pub(super) async fn log_out(
    State(app): State<App>,
    headers: HeaderMap,
    Form(Out { csrf }): Form<Out>,
) -> Answer {
    let logged_in = match app.who(&headers).await {
        Ok(Some(logged_in)) => logged_in,
        Ok(None) => return see_other("/login"),
        Err(error) => return broken_page(&app, &error),
    };
    if !app.is_own_origin(&headers) || !csrf_fits(&logged_in.token, &csrf) {
        let body = pages::sentence(
            "This request did not come from our own page. You are still logged in.",
        );
        return page(&app, StatusCode::FORBIDDEN, "Not logged out", body);
    }
    if let Err(error) = app.log_out(&logged_in.token).await {
        return broken_page(&app, &error);
    }
    let mut answer = see_other("/login");
    set_cookie(&mut answer, &cookies::removed(cookies::SESSION));
    answer
}

/// The form, with the cookie that its CSRF value belongs to.
fn show(
    app: &App,
    headers: &HeaderMap,
    next: &str,
    status: StatusCode,
    problem: Option<&str>,
) -> Answer {
    // Two tabs with the form share one cookie, so that both can be sent.
    let known = cookies::read(headers, cookies::FORM).and_then(Secret::from_base64);
    let cookie = known.unwrap_or_else(|| Secret::new(crate::random::bytes()));
    let body = pages::login(&csrf(&cookie), next, problem);
    let mut answer = page(app, status, "Log in", body);
    set_cookie(&mut answer, &cookies::own(cookies::FORM, &cookie.to_base64()));
    answer
}
