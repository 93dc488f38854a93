//! What every answer carries, whoever made it.

use axum::extract::Request;
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderValue, Response};
use axum::middleware::Next;

/// Adds the headers that are not there yet: an answer that has reasons of its own sets its own.
pub(crate) async fn add(request: Request, next: Next) -> Response<axum::body::Body> {
    let mut response = next.run(request).await;
    for (name, value) in DEFAULTS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// The policy of a page: nothing but our own style sheet, on pages that are kept fresh our script, and forms that lead to us or, by our redirect, to a CServer.
/// A browser holds a form's redirects to `form-action`, so the CServers have to be in it; `to` is one outside of the domain.
pub(crate) fn page_policy(cookie_domain: &str, is_kept_fresh: bool, to: Option<&str>) -> String {
    let to = to.map_or(String::new(), |to| format!(" {to}"));
    let script = if is_kept_fresh { "script-src 'self'; connect-src 'self'; " } else { "" };
    format!(
        "default-src 'none'; style-src 'self'; {script}img-src data:; form-action 'self' https://*.{cookie_domain}:*{to}; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// The policy of our page around a view at that session server: our script and style, the one frame, and the form that opens it.
pub(crate) fn around_policy(server: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; frame-src {server}; form-action {server}; \
         base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
}

const DEFAULTS: [(HeaderName, &str); 7] = [
    (header::STRICT_TRANSPORT_SECURITY, "max-age=63072000"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Not no-referrer: with that browsers send `Origin: null` with our own forms.
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];
