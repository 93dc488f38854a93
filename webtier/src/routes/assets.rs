//! Scripts for customers' pages and the style of our own, carried in the binary.

use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Response, StatusCode, Uri};

use super::error;
use crate::pages::{Answer, SCRIPT, STYLE};

/// `GET /cobrowse/<script>`: the loader, the visitor's script, its parts and languages.
pub(super) async fn script(uri: Uri, headers: HeaderMap) -> Answer {
    let name = uri.path().strip_prefix("/cobrowse/").unwrap_or_default();
    match SCRIPTS.iter().find(|script| script.name == name) {
        Some(script) => deliver(&headers, script),
        None => error(StatusCode::NOT_FOUND, "not_found", "there is no such script"),
    }
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
    for (name, value) in SCRIPT_HEADERS {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if script.name.ends_with(".json") {
        let json = HeaderValue::from_static("application/json");
        answer.headers_mut().insert(header::CONTENT_TYPE, json);
    }
    answer.headers_mut().insert(header::ETAG, HeaderValue::from_static(etag));
    answer
}

/// Code for customers' pages.
struct Script {
    name: &'static str,
    etag: &'static str,
    body: &'static [u8],
}

/// Made by the build script.
const SCRIPTS: &[Script] = include!(concat!(env!("OUT_DIR"), "/scripts.rs"));

const SCRIPT_HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
    // A new release reaches pages within minutes, and a page that loads often asks seldom.
    (header::CACHE_CONTROL, "public, max-age=300"),
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
];
