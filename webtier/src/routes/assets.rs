//! Scripts for customers' pages and the style of our own, carried in the binary.

use axum::extract::{Path, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Response, StatusCode, Uri};

use super::error;
use crate::pages::{Answer, SCRIPT, STYLE};
use crate::releases::{SCRIPTS, Script};
use crate::service::App;

/// `GET /cobrowse/<script>`: the loader, the visitor's script, its parts and languages.
pub(super) async fn script(uri: Uri, headers: HeaderMap) -> Answer {
    let name = uri.path().strip_prefix("/cobrowse/").unwrap_or_default();
    match SCRIPTS.iter().find(|script| script.name == name) {
        Some(script) => deliver(&headers, script),
        None => error(StatusCode::NOT_FOUND, "not_found", "there is no such script"),
    }
}

/// `GET /cobrowse/v/<version>/<script>`: a release as it was, so browsers need never ask again.
pub(super) async fn pinned(
    State(app): State<App>,
    Path((version, name)): Path<(String, String)>,
) -> Answer {
    let Some(body) = app.config.releases.script(&version, &name) else {
        let message =
            "this server has no such release: take one that it has served, or /cobrowse/loader.js";
        return error(StatusCode::NOT_FOUND, "not_found", message);
    };
    let mut answer = Response::new(body.to_vec().into());
    add_headers(&mut answer, &name);
    let kept = HeaderValue::from_static("public, max-age=31536000, immutable");
    answer.headers_mut().insert(header::CACHE_CONTROL, kept);
    answer
}

/// Every script's name.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    SCRIPTS.iter().map(|script| script.name)
}

/// `GET /assets/web.css`
pub(super) async fn style() -> Answer {
    own(STYLE, "text/css; charset=utf-8")
}

/// `GET /assets/web.js`
pub(super) async fn keep_fresh() -> Answer {
    own(SCRIPT, "text/javascript; charset=utf-8")
}

fn own(body: &'static str, content_type: &'static str) -> Answer {
    let mut answer = Response::new(body.into());
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    answer
}

/// Public code, for pages of any origin.
fn deliver(headers: &HeaderMap, script: &Script) -> Answer {
    let Script { body, etag, .. } = *script;
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let unchanged = known.is_some_and(|known| {
        known.split(',').any(|one| one.trim().trim_start_matches("W/") == etag)
    });
    let mut answer = Response::new(if unchanged { Vec::new() } else { body.to_vec() }.into());
    if unchanged {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
    }
    add_headers(&mut answer, script.name);
    answer.headers_mut().insert(header::ETAG, HeaderValue::from_static(etag));
    answer
}

fn add_headers(answer: &mut Answer, script: &str) {
    for (name, value) in SCRIPT_HEADERS {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if script.ends_with(".json") {
        let json = HeaderValue::from_static("application/json");
        answer.headers_mut().insert(header::CONTENT_TYPE, json);
    }
}

const SCRIPT_HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
    // A new release reaches pages within minutes, and a page that loads often asks seldom.
    (header::CACHE_CONTROL, "public, max-age=300"),
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
];
