//! The pages that agents see: plain HTML that needs no script; where there is one it only keeps them fresh.
//!
//! Owns their text and their escaping. Everything that comes from outside goes through [`text`] or [`query`].

use axum::http::{HeaderValue, Response, StatusCode, header};

use crate::headers::page_policy;
use crate::limits::{RETRY_AFTER_S, WAIT_REFRESH_S};
use crate::login::LoggedIn;
use crate::presence::Page as Visitor;
use crate::sessions::Listed;

mod account;
mod around;
pub(crate) use account::account;
pub(crate) use around::around;

/// The style sheet that all pages share.
pub(crate) const STYLE: &str = include_str!("web.css");

/// The script of our own pages: it only keeps them fresh.
pub(crate) const SCRIPT: &str = include_str!("web.js");

/// An answer of the web tier.
pub(crate) type Answer = Response<axum::body::Body>;

/// A page on its way to an answer.
pub(crate) struct Page<'a> {
    pub(crate) status: StatusCode,
    pub(crate) title: &'a str,
    /// HTML; what comes from outside is escaped already.
    pub(crate) body: String,
    /// A path of our own to load after some seconds.
    pub(crate) refresh: Option<String>,
    /// Who reads it, for the name and the way out.
    pub(crate) reader: Option<&'a LoggedIn>,
}

impl Page<'_> {
    /// The answer with its policy.
    pub(crate) fn answer(self, cookie_domain: &str) -> Answer {
        let is_kept_fresh = self.refresh.is_some() || self.reader.is_some();
        let script =
            if is_kept_fresh { "<script src=\"/assets/web.js\" defer></script>" } else { "" };
        let refresh = self.refresh.map_or(String::new(), |to| {
            // The script looks without taking the reader's page away; without scripts the page is loaded anew.
            format!(
                "<meta name=\"again\" content=\"{to}\"><noscript><meta http-equiv=\"refresh\" content=\"{WAIT_REFRESH_S};url={to}\"></noscript>",
                to = text(&to)
            )
        });
        let reader = self.reader.map_or(String::new(), |reader| {
            format!(
                "<form method=\"post\" action=\"/logout\"><span>{}</span> <input type=\"hidden\" name=\"csrf\" value=\"{}\"><a href=\"/account\">Account</a> <button class=\"quiet\">Log out</button></form>",
                text(&reader.agent.display),
                text(&crate::login::csrf(&reader.token)),
            )
        });
        let html = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"/assets/web.css\">{script}{refresh}</head><body><header><h1>{title}</h1>{reader}</header><main>{body}</main></body></html>",
            title = text(self.title),
            body = self.body,
        );
        let mut answer = Response::new(html.into());
        *answer.status_mut() = self.status;
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        if let Ok(policy) = HeaderValue::from_str(&page_policy(cookie_domain, is_kept_fresh, None))
        {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        if matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER_S.into());
        }
        answer
    }
}

/// The ticket on its way to a CServer that no cookie of ours reaches. Our script sends the form.
pub(crate) fn hand_over(url: &str, ticket: &str) -> String {
    format!(
        "<form method=\"post\" action=\"{}/join\" data-submit><input type=\"hidden\" name=\"ticket\" value=\"{}\"><p>The session opens.</p><button>Open it now</button></form>",
        text(url),
        text(ticket)
    )
}

/// The login form. `problem` is what went wrong with the one before.
pub(crate) fn login(csrf: &str, next: &str, problem: Option<&str>) -> String {
    let problem = problem.map_or(String::new(), |problem| {
        format!("<p class=\"problem\" role=\"alert\">{}</p>", text(problem))
    });
    format!(
        "{problem}<form class=\"stack\" method=\"post\" action=\"/login\"><input type=\"hidden\" name=\"csrf\" value=\"{}\"><input type=\"hidden\" name=\"next\" value=\"{}\"><label>Name <input name=\"name\" autocomplete=\"username\" required autofocus></label><label>Password <input name=\"password\" type=\"password\" autocomplete=\"current-password\" required></label><button>Log in</button></form>",
        text(csrf),
        text(next),
    )
}

/// The live sessions, and the form for a key.
pub(crate) fn home(
    sessions: &[Listed],
    visitors: &[Visitor],
    reader: &LoggedIn,
    now_ms: u64,
) -> String {
    let rows: String = sessions
        .iter()
        .map(|session| {
            format!(
                "<tr><td class=\"key\">{key}</td><td>{group}</td><td>{age}</td><td>{server}</td><td>{state}</td><td><a href=\"{link}\">Join<span class=\"unseen\"> session {key}</span></a></td></tr>",
                key = text(session.key.as_str()),
                group = text(session.group.as_str()),
                age = age(now_ms.saturating_sub(session.started_ms)),
                server = text(session.server.as_str()),
                state = session.state,
                link = text(&view_path(session.key.as_str(), Some(session.group.as_str()), None)),
            )
        })
        .collect();
    let list = if rows.is_empty() {
        "<p class=\"note\">No session is live in your groups.</p>".to_owned()
    } else {
        format!(
            "<table><thead><tr><th scope=\"col\">Key</th><th scope=\"col\">Group</th><th scope=\"col\">Since</th><th scope=\"col\">Server</th><th scope=\"col\">State</th><th scope=\"col\">Join</th></tr></thead><tbody>{rows}</tbody></table>"
        )
    };
    format!(
        "<section><h2>Join by key</h2>{}</section><section data-fresh=\"sessions\" aria-live=\"polite\"><h2>Live sessions</h2>{list}</section><section data-fresh=\"visitors\"><h2>Visitors who are there</h2>{}</section>",
        key_form(""),
        visitor_list(visitors, reader, now_ms),
    )
}

/// Visitors who are there, each with a form that offers a session in one of the reader's groups.
fn visitor_list(visitors: &[Visitor], reader: &LoggedIn, now_ms: u64) -> String {
    if visitors.is_empty() {
        return "<p class=\"note\">Nobody is there whose page tells of it.</p>".to_owned();
    }
    let groups: Vec<_> = reader.agent.groups.keys().collect();
    let csrf = text(&crate::login::csrf(&reader.token));
    let rows: String = visitors
        .iter()
        .map(|visitor| {
            // The page's own group first: most sessions run there.
            let own = std::iter::once(&visitor.group);
            let others = groups.iter().copied().filter(|group| **group != visitor.group);
            let options: String = own
                .chain(others)
                .map(|group| format!("<option>{}</option>", text(group.as_str())))
                .collect();
            let id = text(visitor.visitor.as_str());
            format!(
                "<tr><td class=\"key\">{id}</td><td>{group}</td><td>{url}{hidden}</td><td>{active} ago</td><td><form class=\"line\" method=\"post\" action=\"/offers\"><input type=\"hidden\" name=\"csrf\" value=\"{csrf}\"><input type=\"hidden\" name=\"visitor\" value=\"{id}\"><input type=\"hidden\" name=\"group\" value=\"{group}\"><label><span class=\"unseen\">Group of the session with {id}</span><select name=\"session\">{options}</select></label><button>Offer help<span class=\"unseen\"> to {id}</span></button></form></td></tr>",
                group = text(visitor.group.as_str()),
                url = text(&visitor.url),
                hidden = if visitor.visible { "" } else { " (in the background)" },
                active = age(now_ms.saturating_sub(visitor.active_ms)),
            )
        })
        .collect();
    format!(
        "<table><thead><tr><th scope=\"col\">Visitor</th><th scope=\"col\">Group</th><th scope=\"col\">On</th><th scope=\"col\">Active</th><th scope=\"col\">Offer</th></tr></thead><tbody>{rows}</tbody></table>"
    )
}

/// The visitor has said no.
pub(crate) fn declined() -> String {
    sentence("The visitor has declined. You can offer help again later.")
}

/// No session has the key, as far as this agent may know.
pub(crate) fn no_session(key: &str) -> String {
    format!(
        "<p class=\"problem\" role=\"alert\">There is no session with that key in your groups. Ask the visitor to read it out again, or wait for the session to begin.</p>{}",
        key_form(key)
    )
}

/// Waiting for a session to begin.
pub(crate) fn waiting(key: &str) -> String {
    format!(
        "<p class=\"note\" role=\"status\">Waiting for the session <strong>{}</strong> to begin. This page looks again every {WAIT_REFRESH_S} seconds, for ten minutes.</p><p><a href=\"/\">Stop waiting</a></p>",
        text(key)
    )
}

/// Several of the agent's groups have the key.
pub(crate) fn choice(key: &str, groups: &[&str]) -> String {
    let items: String = groups
        .iter()
        .map(|group| {
            format!(
                "<li><a href=\"{}\">{}</a></li>",
                text(&view_path(key, Some(group), None)),
                text(group)
            )
        })
        .collect();
    format!(
        "<p>Several of your groups have a session with this key. Which one?</p><ul>{items}</ul>"
    )
}

/// The session's server cannot be reached.
pub(crate) fn unreachable() -> String {
    format!(
        "<p class=\"problem\" role=\"alert\">The server of this session cannot be reached at the moment. The session may come back there or on another one; this page looks again every {WAIT_REFRESH_S} seconds.</p><p><a href=\"/\">Back to the list</a></p>"
    )
}

/// One sentence.
pub(crate) fn sentence(sentence: &str) -> String {
    format!(
        "<p class=\"problem\" role=\"alert\">{}</p><p><a href=\"/\">To the list of sessions</a></p>",
        text(sentence)
    )
}

/// The path of a view; `wait_since_ms` makes it wait.
pub(crate) fn view_path(key: &str, group: Option<&str>, wait_since_ms: Option<u64>) -> String {
    let mut path = format!("/cobrowse/AgentView?SessionKey={}", query(key));
    if let Some(group) = group {
        path += &format!("&Group={}", query(group));
    }
    if let Some(since_ms) = wait_since_ms {
        path += &format!("&Wait=1&Since={since_ms}");
    }
    path
}

/// Text inside an element or a quoted attribute.
pub(crate) fn text(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// A value inside a query.
pub(crate) fn query(value: &str) -> String {
    value
        .bytes()
        .map(|b| match b {
            b if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~') => {
                char::from(b).to_string()
            }
            b => format!("%{b:02X}"),
        })
        .collect()
}

fn key_form(key: &str) -> String {
    format!(
        "<form class=\"line\" method=\"get\" action=\"/cobrowse/AgentView\"><label>Session key <input name=\"SessionKey\" value=\"{}\" maxlength=\"63\" autocomplete=\"off\" required></label><label class=\"check\"><input type=\"checkbox\" name=\"Wait\" value=\"1\"> wait for it to begin</label><button>Join</button></form>",
        text(key)
    )
}

fn age(ms: u64) -> String {
    let minutes = ms / 60_000;
    match minutes {
        0 => "less than a minute".into(),
        1..60 => format!("{minutes} min"),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_can_neither_end_a_tag_nor_a_query() {
        let hostile = "\"><script>alert(1)</script>&'";
        for page in [login("x", hostile, Some(hostile)), no_session(hostile), waiting(hostile)] {
            assert!(!page.contains("<script") && !page.contains(hostile), "{page}");
        }
        assert_eq!(query("a b&c=ä"), "a%20b%26c%3D%C3%A4");
    }
}
