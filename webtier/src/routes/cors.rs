//! Which pages may read the answers to a visitor's script, and which applications those to an agent's.
//!
//! A preflight does not say its group, so the answer is readable for every origin that some group lists; whether the
//! group of the request lists it is `sessions.rs`'s and `offers.rs`'s to check. Other origins get no such header and read
//! nothing. Only applications' requests carry a login.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::IntoResponse;

use super::{broken, error};
use crate::pages::Answer;
use crate::service::App;
use crate::store::StoreError;

/// Answers `OPTIONS`; the headers come from [`allow`].
pub(super) async fn preflight() -> Answer {
    StatusCode::NO_CONTENT.into_response()
}

/// Lets origins that may run sessions of some group read the answer.
pub(super) async fn allow(State(app): State<App>, request: Request, next: Next) -> Answer {
    let known = match origin(request.headers()) {
        Some(origin) => app.store(move |store| store.knows_origin(&origin)).await,
        None => Ok(false),
    };
    open(known, false, request, next).await
}

/// Lets applications that may frame the viewer of some group read the answer, and send the agent's login with the request.
pub(super) async fn allow_applications(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Answer {
    let known = match origin(request.headers()) {
        Some(origin) => {
            let lists = move |group: &crate::store::records::Group| {
                group.settings.embed_ancestors.contains(&origin)
            };
            app.store(move |store| Ok(store.groups()?.iter().any(lists))).await
        }
        None => Ok(false),
    };
    open(known, true, request, next).await
}

async fn open(
    known: Result<bool, StoreError>,
    with_login: bool,
    request: Request,
    next: Next,
) -> Answer {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let known = match known {
        Ok(known) => known,
        Err(error) => return broken(&error),
    };
    let preflight = request.method() == axum::http::Method::OPTIONS;
    let mut answer = if preflight && !known {
        error(StatusCode::FORBIDDEN, "not_allowed", "no group lists this origin")
    } else {
        next.run(request).await
    };
    let headers = answer.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    if let (true, Some(origin)) = (known, origin) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if with_login {
            let name = header::ACCESS_CONTROL_ALLOW_CREDENTIALS;
            headers.insert(name, HeaderValue::from_static("true"));
        }
        headers
            .insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After"));
        if preflight {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
            headers.insert(
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                HeaderValue::from_static("content-type"),
            );
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        }
    }
    answer
}

/// The origin of a request.
pub(super) fn origin(headers: &HeaderMap) -> Option<String> {
    let origin = headers.get(header::ORIGIN)?;
    origin.to_str().ok().map(str::to_owned)
}
