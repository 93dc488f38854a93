//! What the CServer shows to an agent's browser: the viewer's page, its policy and its assets, all embedded.
//!
//! The page is a template whose few values are put in here, escaped. What the viewer does is in `browser/src/viewer/`.

use std::fmt::Write;

use connection::Response;
use protocol::{GroupSettings, JoinId, SessionId};

/// The viewer of one join.
pub struct ViewerPage<'a> {
    /// The join, which stands in its URLs.
    pub join: JoinId,
    /// The session, for the way back to the web tier.
    pub session: &'a SessionId,
    /// The page's CSRF value.
    pub csrf: &'a str,
    /// Where an agent gets a new ticket.
    pub web_tier_url: &'a str,
}

impl ViewerPage<'_> {
    /// The page, with its policy.
    pub fn response(&self, policy: &str) -> Response {
        Response::new(200)
            .header("Content-Security-Policy", policy)
            .header("Cache-Control", "no-store")
            .header("Cross-Origin-Opener-Policy", "same-origin")
            .header("Cross-Origin-Resource-Policy", "same-origin")
            .header("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=()")
            .content("text/html; charset=utf-8", self.fill(VIEWER_HTML).into_bytes())
    }

    fn fill(&self, template: &str) -> String {
        let values = [
            ("{{join}}", self.join.to_hex()),
            ("{{csrf}}", self.csrf.to_owned()),
            ("{{web_tier}}", self.web_tier_url.to_owned()),
            ("{{group}}", self.session.group.as_str().to_owned()),
            ("{{session_key}}", self.session.key.as_str().to_owned()),
            ("{{viewer_js}}", VIEWER_JS.path()),
            ("{{viewer_css}}", VIEWER_CSS.path()),
        ];
        values
            .iter()
            .fold(template.to_owned(), |page, (name, value)| page.replace(name, &escape(value)))
    }
}

/// The viewer's policy: no script but ours, and resources only from origins that the group lists.
/// The mirrored page's iframe inherits it. Inline styles are the mirrored page's own and have to hold.
pub fn content_security_policy(settings: &GroupSettings, host: &str) -> String {
    let mut origins = String::new();
    for origin in settings.origins.iter().chain(&settings.resource_origins) {
        // Origins were checked when the settings came: nothing in them can end a directive.
        let _ = write!(origins, " {origin}");
    }
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'{origins}; \
         img-src 'self' data:{origins}; font-src data:{origins}; media-src{}; \
         connect-src 'self' wss://{host}; frame-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types {TRUSTED_TYPES}",
        if origins.is_empty() { " 'none'" } else { &origins },
    )
}

/// One of the embedded assets, or nothing of that name.
pub fn asset(name: &str) -> Option<Response> {
    let asset = [&VIEWER_JS, &VIEWER_CSS].into_iter().find(|asset| asset.file_name() == name)?;
    Some(
        Response::new(200)
            .header("Cache-Control", "public, max-age=31536000, immutable")
            .header("Cross-Origin-Resource-Policy", "same-origin")
            .content(asset.content_type, asset.body.to_vec()),
    )
}

/// A file whose name says its content, so that it may be cached for ever.
struct Asset {
    stem: &'static str,
    ending: &'static str,
    hash: &'static str,
    content_type: &'static str,
    body: &'static [u8],
}

impl Asset {
    fn file_name(&self) -> String {
        format!("{}-{}.{}", self.stem, self.hash, self.ending)
    }

    fn path(&self) -> String {
        format!("/assets/{}", self.file_name())
    }
}

/// For text and for attribute values in double quotes.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Names of the policies that the viewer's bundle creates.
const TRUSTED_TYPES: &str = "default";

const VIEWER_HTML: &str = include_str!(concat!(env!("OUT_DIR"), "/viewer.html"));

const VIEWER_JS: Asset = Asset {
    stem: "viewer",
    ending: "js",
    hash: env!("VIEWER_JS_HASH"),
    content_type: "text/javascript; charset=utf-8",
    body: include_bytes!(concat!(env!("OUT_DIR"), "/viewer.js")),
};

const VIEWER_CSS: Asset = Asset {
    stem: "viewer",
    ending: "css",
    hash: env!("VIEWER_CSS_HASH"),
    content_type: "text/css; charset=utf-8",
    body: include_bytes!(concat!(env!("OUT_DIR"), "/viewer.css")),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_the_groups_origins_and_no_inline_script() {
        let settings = GroupSettings {
            origins: vec!["https://shop.example".into()],
            resource_origins: vec!["https://cdn.example".into()],
            ..Default::default()
        };
        let policy = content_security_policy(&settings, "s1.example:8443");
        assert!(policy.contains("script-src 'self';"));
        assert!(policy.contains("img-src 'self' data: https://shop.example https://cdn.example;"));
        assert!(policy.contains("connect-src 'self' wss://s1.example:8443;"));
        let none = content_security_policy(&GroupSettings::default(), "s1.example");
        assert!(none.contains("media-src 'none';"));
    }

    #[test]
    fn every_placeholder_of_the_template_is_filled_and_values_are_escaped() {
        let session = "demo:a.b:000102030405060708090a0b0c0d0e0f".parse().unwrap();
        let page = ViewerPage {
            join: JoinId::from_bytes([1; 8]),
            session: &session,
            csrf: "\"><b>",
            web_tier_url: "https://www.example",
        };
        let filled = page.fill(VIEWER_HTML);
        assert!(!filled.contains("{{"), "{filled}");
        assert!(filled.contains(&VIEWER_JS.path()) && filled.contains("0101010101010101"));
        assert_eq!(page.fill("<p a=\"{{csrf}}\">"), "<p a=\"&quot;&gt;&lt;b&gt;\">");
    }

    #[test]
    fn assets_are_found_by_the_name_that_the_page_uses() {
        assert!(asset(&VIEWER_JS.file_name()).is_some());
        assert!(asset(&VIEWER_CSS.file_name()).is_some());
        assert!(asset("viewer.js").is_none());
    }
}
