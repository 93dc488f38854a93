//! Cookies: reading one from a request, writing the five that we set.

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::limits::TICKET_LIFE_MS;

use crate::limits::{DEVICE_LIFE_S, WAY_LIFE_S};

/// The login of an agent.
pub(crate) const SESSION: &str = "__Host-session";

/// What the login form's CSRF value is derived from, before there is a login.
pub(crate) const FORM: &str = "__Host-form";

/// A browser in which an agent has logged in before; it opens nothing.
pub(crate) const DEVICE: &str = "__Host-device";

/// The ticket on its way to the CServer.
pub(crate) const TICKET: &str = "cobrowse_ticket";

/// The way back to us, beside the ticket.
pub(crate) const WAY: &str = "cobrowse_way";

/// The value of a request's cookie.
pub(crate) fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value)
}

/// One of our own, for as long as the browser runs. `value` is base64url.
pub(crate) fn own(name: &str, value: &str) -> String {
    format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax")
}

/// One of our own that outlives the browser's run.
pub(crate) fn lasting(name: &str, value: &str) -> String {
    format!("{}; Max-Age={DEVICE_LIFE_S}", own(name, value))
}

/// Takes one of our own away.
pub(crate) fn removed(name: &str) -> String {
    format!("{name}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax")
}

/// The ticket, readable by every host of the shared domain, on the one path that takes it.
pub(crate) fn ticket(ticket: &str, domain: &str, path: &str) -> String {
    let life_s = TICKET_LIFE_MS / 1_000;
    format!(
        "{TICKET}={ticket}; Domain={domain}; Path={path}; Max-Age={life_s}; Secure; HttpOnly; SameSite=Lax"
    )
}

/// Where the agent of a ticket gets another, for the server that cannot take it. Outlives the ticket: an agent may look at a browser's error for a while.
pub(crate) fn way(url: &str, domain: &str, path: &str) -> String {
    let value = URL_SAFE_NO_PAD.encode(url);
    format!(
        "{WAY}={value}; Domain={domain}; Path={path}; Max-Age={WAY_LIFE_S}; Secure; HttpOnly; SameSite=Lax"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others_and_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; __Host-session=abc; b=2".parse().unwrap());
        headers.append(header::COOKIE, "c=3".parse().unwrap());
        assert_eq!(read(&headers, SESSION), Some("abc"));
        assert_eq!(read(&headers, "c"), Some("3"));
        assert_eq!(read(&headers, "session"), None);
    }
}
