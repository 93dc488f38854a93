//! Scripts for customers' pages and the style of our own, carried in the binary.

use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Response, StatusCode};

use crate::pages::{Answer, STYLE};

/// `GET /cobrowse/loader.js`
pub(super) async fn loader(headers: HeaderMap) -> Answer {
    script(&headers, LOADER, concat!("\"", env!("LOADER_JS_HASH"), "\""))
}

/// `GET /cobrowse/visitor.js`
pub(super) async fn visitor(headers: HeaderMap) -> Answer {
    script(&headers, VISITOR, concat!("\"", env!("VISITOR_JS_HASH"), "\""))
}

/// `GET /assets/web.css`
pub(super) async fn style() -> Answer {
    let mut answer = Response::new(STYLE.into());
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    answer
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    answer
}

/// Public code, for pages of any origin.
fn script(headers: &HeaderMap, body: &'static [u8], etag: &'static str) -> Answer {
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
    answer.headers_mut().insert(header::ETAG, HeaderValue::from_static(etag));
    answer
}

const LOADER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/loader.js"));
const VISITOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/visitor.js"));

const SCRIPT_HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
    // A new release reaches pages within minutes, and a page that loads often asks seldom.
    (header::CACHE_CONTROL, "public, max-age=300"),
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
];
