//! What browsers reach: the table of contents of the web tier's HTTP. PROTOCOL.md section 7.2.
//!
//! Owns paths, limits and what every request passes through; each file beside it answers for one part.

mod account;
mod agent_view;
mod around;
mod assets;
mod cors;
mod framed;
mod home;
mod login;
mod offers;
mod start;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use protocol::start::ErrorBody;
use tower::ServiceBuilder;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use crate::headers;
use crate::limits::{REQUEST_BODY_BYTES_MAX, REQUEST_MS_MAX, RETRY_AFTER_S};
use crate::pages::{self, Answer, Page};
use crate::service::App;
use crate::store::StoreError;

/// Everything that the web tier answers.
pub(crate) fn router(app: App) -> Router {
    let visitors = Router::new()
        .route("/api/v1/sessions", post(start::start).options(cors::preflight))
        .route("/api/v1/sessions/continue", post(start::go_on).options(cors::preflight))
        .route("/api/v1/sessions/cross", post(start::cross).options(cors::preflight))
        .route("/api/v1/sessions/frame", post(start::frame).options(cors::preflight))
        .route("/api/v1/sessions/framed", post(start::framed).options(cors::preflight))
        .route("/api/v1/sessions/masks", post(start::masks).options(cors::preflight))
        .route("/api/v1/sessions/arrive", post(start::arrive).options(cors::preflight))
        .route("/api/v1/presence", post(start::presence).options(cors::preflight))
        .route("/api/v1/page", get(start::page))
        .route_layer(middleware::from_fn_with_state(app.clone(), cors::allow));
    let applications = Router::new()
        .route("/api/v1/agent/presence", get(offers::list).options(cors::preflight))
        .route("/api/v1/agent/offers", post(offers::by_script).options(cors::preflight))
        .route_layer(middleware::from_fn_with_state(app.clone(), cors::allow_applications));
    let scripts = assets::names().fold(Router::new(), |router, name| {
        router.route(&format!("/cobrowse/{name}"), get(assets::script))
    });
    Router::new()
        .merge(visitors)
        .merge(applications)
        .merge(scripts)
        .route("/cobrowse/v/{version}/{*name}", get(assets::pinned))
        .route("/cobrowse/AgentView", get(agent_view::by_key))
        .route("/cobrowse/AgentView.aspx", get(agent_view::without_suffix))
        .route("/agentjoin/AgentView", get(agent_view::by_key))
        .route("/agentjoin/AgentView.aspx", get(agent_view::without_suffix))
        .route("/login", get(login::form).post(login::log_in))
        .route("/logout", post(login::log_out))
        .route("/account", get(account::page))
        .route("/account/password", post(account::password))
        .route("/account/logins", post(account::end_login))
        .route("/", get(home::page))
        .route("/api/v1/agent/sessions", get(home::list))
        .route("/offers", post(offers::by_form))
        .route("/assets/web.css", get(assets::style))
        .route("/assets/web.js", get(assets::keep_fresh))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .fallback(unknown)
        // One layer of five: each of its own would box every route five times.
        .layer(
            ServiceBuilder::new()
                .layer(middleware::from_fn(log))
                .layer(middleware::from_fn_with_state(app.clone(), framed::allow))
                .layer(middleware::from_fn(headers::add))
                .layer(RequestBodyLimitLayer::new(REQUEST_BODY_BYTES_MAX))
                .layer(TimeoutLayer::with_status_code(
                    StatusCode::REQUEST_TIMEOUT,
                    Duration::from_millis(REQUEST_MS_MAX),
                )),
        )
        .with_state(app)
}

/// 503 while nothing can be stored: then no login and no session begins, and another replica should be asked.
async fn health(State(app): State<App>) -> Answer {
    let servers_up = app.fleet().up_count();
    let (code, status) = match app.store_has_room() {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "store_full"),
    };
    // A viewer, which stands on a CServer's origin, looks whether we are there before it leaves its page for us. It reads nothing.
    let any = [("cross-origin-resource-policy", "cross-origin")];
    (code, any, Json(serde_json::json!({"status": status, "servers_up": servers_up})))
        .into_response()
}

async fn metrics(State(app): State<App>, headers: HeaderMap) -> Answer {
    let Some(token) = &app.config.metrics_token else {
        return error(StatusCode::NOT_FOUND, "not_found", "there is nothing at this address");
    };
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if !crate::metrics::is_allowed(token, shown) {
        return error(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "send the configured token as Authorization: Bearer",
        );
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, crate::metrics::text(&app)).into_response()
}

async fn unknown(State(app): State<App>, headers: HeaderMap) -> Answer {
    if wants_page(&headers) {
        let body = pages::sentence("There is no page at this address.");
        return page(&app, StatusCode::NOT_FOUND, "Not found", body);
    }
    error(StatusCode::NOT_FOUND, "not_found", "there is nothing at this address")
}

/// One line for each request. Without its query, which may hold a session key.
async fn log(request: Request, next: Next) -> Answer {
    let (method, path, began) =
        (request.method().clone(), request.uri().path().to_owned(), Instant::now());
    let answer = next.run(request).await;
    let (status, ms) = (answer.status().as_u16(), began.elapsed().as_millis());
    crate::metrics::request(known(&method), status, began.elapsed().as_secs_f64());
    tracing::info!(%method, path, status, ms, "request");
    answer
}

/// A method by its name; whatever a stranger invents counts as one.
fn known(method: &Method) -> &str {
    match *method {
        Method::GET | Method::POST | Method::HEAD | Method::OPTIONS => method.as_str(),
        _ => "other",
    }
}

fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// A page without anything special about it.
fn page(app: &App, status: StatusCode, title: &str, body: String) -> Answer {
    Page { status, title, body, refresh: None, reader: None }.answer(&app.config.cookie_domain)
}

/// An error of the JSON endpoints.
fn error(status: StatusCode, name: &str, message: &str) -> Answer {
    let body = ErrorBody { error: name.to_owned(), message: message.to_owned() };
    let mut answer = (status, Json(body)).into_response();
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        answer.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_S.into());
    }
    answer
}

/// A fault of ours, on a page.
fn broken_page(app: &App, error: &StoreError) -> Answer {
    tracing::error!(%error, "a request failed");
    let body =
        pages::sentence("Something went wrong on the server, which has logged it. Try again.");
    page(app, StatusCode::INTERNAL_SERVER_ERROR, "Out of order", body)
}

/// A fault of ours, in JSON.
fn broken(cause: &StoreError) -> Answer {
    tracing::error!(error = %cause, "a request failed");
    let message = "a fault of the server, which has logged it: try again";
    error(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
}

/// On to another address, as a GET.
fn see_other(to: &str) -> Answer {
    let mut answer = StatusCode::SEE_OTHER.into_response();
    match HeaderValue::from_str(to) {
        Ok(to) => answer.headers_mut().insert(header::LOCATION, to),
        Err(_) => answer.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/")),
    };
    answer
}

/// Adds a cookie.
fn set_cookie(answer: &mut Answer, cookie: &str) {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
