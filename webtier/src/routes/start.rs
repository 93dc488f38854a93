//! Start, continue and cross to another domain, as JSON for the visitor's script.

use std::net::SocketAddr;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{broken, cors, error};
use crate::locks::lock;
use crate::pages::Answer;
use crate::service::App;
use crate::sessions::Refusal;
use crate::throttle::address_of;

/// `POST /api/v1/sessions`
pub(super) async fn start(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let started = match admit(&app, peer, &body) {
        Ok(request) => app.start(cors::origin(&headers).as_deref(), request).await,
        Err(refusal) => Err(refusal),
    };
    answer(StatusCode::CREATED, started)
}

/// `POST /api/v1/sessions/continue`
pub(super) async fn go_on(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let went_on = match admit(&app, peer, &body) {
        Ok(request) => app.go_on(cors::origin(&headers).as_deref(), request).await,
        Err(refusal) => Err(refusal),
    };
    answer(StatusCode::OK, went_on)
}

/// `GET /api/v1/page?group=<group>`
pub(super) async fn page(
    State(app): State<App>,
    Query(asked): Query<PageAsked>,
    headers: HeaderMap,
) -> Answer {
    answer(StatusCode::OK, app.page(cors::origin(&headers).as_deref(), &asked.group).await)
}

#[derive(serde::Deserialize)]
pub(super) struct PageAsked {
    #[serde(default)]
    group: String,
}

/// `POST /api/v1/sessions/cross`
pub(super) async fn cross(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let crossed = match admit(&app, peer, &body) {
        Ok(request) => app.cross(cors::origin(&headers).as_deref(), request).await,
        Err(refusal) => Err(refusal),
    };
    answer(StatusCode::OK, crossed)
}

/// `POST /api/v1/sessions/frame`
pub(super) async fn frame(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let coded = match admit(&app, peer, &body) {
        Ok(request) => app.frame(cors::origin(&headers).as_deref(), request).await,
        Err(refusal) => Err(refusal),
    };
    answer(StatusCode::OK, coded)
}

/// `POST /api/v1/sessions/framed`
pub(super) async fn framed(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let settings = match admit(&app, peer, &body) {
        Ok(request) => app.framed(cors::origin(&headers).as_deref(), request).await,
        Err(refusal) => Err(refusal),
    };
    answer(StatusCode::OK, settings)
}

/// `POST /api/v1/sessions/masks`
pub(super) async fn masks(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let told = match admit(&app, peer, &body) {
        Ok(report) => app.masks_unreadable(cors::origin(&headers).as_deref(), report).await,
        Err(refusal) => Err(refusal),
    };
    answer(StatusCode::OK, told.map(|()| serde_json::json!({})))
}

/// `POST /api/v1/sessions/arrive`
pub(super) async fn arrive(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let arrived = match admit(&app, peer, &body) {
        Ok(request) => app.arrive(cors::origin(&headers).as_deref(), request).await,
        Err(refusal) => Err(refusal),
    };
    answer(StatusCode::OK, arrived)
}

/// `POST /api/v1/presence`
pub(super) async fn presence(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let given = match admit(&app, peer, &body) {
        Ok(request) => app.presence(cors::origin(&headers).as_deref(), request).await,
        Err(refusal) => Err(refusal),
    };
    answer(StatusCode::OK, given)
}

/// Reads a body, whatever its content type is called, from an address that has not asked too often.
fn admit<T: DeserializeOwned>(app: &App, peer: SocketAddr, body: &[u8]) -> Result<T, Refusal> {
    if !lock(&app.starts_by_address).take(app.clock.now_ms(), address_of(peer.ip())) {
        return Err(Refusal::TooMany);
    }
    serde_json::from_slice(body).map_err(|error| {
        Refusal::BadRequest(format!("the body is not the JSON of this request: {error}"))
    })
}

fn answer<T: Serialize>(status: StatusCode, result: Result<T, Refusal>) -> Answer {
    let refusal = match result {
        Ok(answer) => return (status, Json(answer)).into_response(),
        Err(Refusal::Store(cause)) => return broken(&cause),
        Err(refusal) => refusal,
    };
    let (status, name) = match refusal {
        Refusal::BadRequest(_) => (StatusCode::BAD_REQUEST, "bad_request"),
        Refusal::NotAllowed => (StatusCode::FORBIDDEN, "not_allowed"),
        Refusal::NotFound => (StatusCode::NOT_FOUND, "not_found"),
        Refusal::Terms => (StatusCode::PRECONDITION_REQUIRED, "terms"),
        Refusal::KeyInUse => (StatusCode::CONFLICT, "key_in_use"),
        Refusal::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too_many"),
        Refusal::NoServer => (StatusCode::SERVICE_UNAVAILABLE, "no_server"),
        Refusal::Store(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    };
    error(status, name, &refusal.to_string())
}
