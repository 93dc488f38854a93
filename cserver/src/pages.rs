//! What the CServer shows to an agent's browser: the viewer's page, its policy and its assets, all embedded.
//!
//! The page is a template whose few values are put in here, escaped. What the viewer does is in `browser/src/viewer/`.

use std::fmt::Write;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use connection::Response;
use protocol::settings::is_http_origin;
use protocol::{CloseCode, GroupSettings, JoinId, SessionId};

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
    /// The same view under the other protocol, for groups that follow the visitor's; else empty.
    pub other_url: &'a str,
    /// Origins of the web tiers whose pages stand around views.
    pub around: &'a [Arc<str>],
}

impl ViewerPage<'_> {
    /// The page, with its policy.
    pub fn response(&self, policy: &str) -> Response {
        let policy = framed_by(policy, self.around);
        Response::new(200)
            .header("Content-Security-Policy", &format!("{policy} {}{REACH}", self.web_tier_url))
            .header("Cache-Control", "no-store")
            .header("Cross-Origin-Opener-Policy", "same-origin")
            // Its process is then none that the service worker beside it runs in: who hangs does not take the next view along.
            .header("Document-Isolation-Policy", "isolate-and-credentialless")
            .header("Cross-Origin-Resource-Policy", "same-origin")
            .header("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=()")
            .content("text/html; charset=utf-8", self.fill(VIEWER_HTML).into_bytes())
    }

    fn fill(&self, template: &str) -> String {
        let values = [
            ("{{join}}", self.join.to_hex()),
            ("{{csrf}}", self.csrf.to_owned()),
            ("{{web_tier}}", self.web_tier_url.to_owned()),
            ("{{other}}", self.other_url.to_owned()),
            ("{{around}}", self.around.join(" ")),
            ("{{group}}", self.session.group.as_str().to_owned()),
            ("{{session_key}}", self.session.key.as_str().to_owned()),
            ("{{watchman_js}}", WATCHMAN_JS.path()),
            ("{{viewer_js}}", VIEWER_JS.path()),
            ("{{viewer_css}}", VIEWER_CSS.path()),
        ];
        values
            .iter()
            .fold(template.to_owned(), |page, (name, value)| page.replace(name, &escape(value)))
    }
}

/// The viewer's policy: no script but ours, and resources only from origins that the group lists. It ends with `connect-src`, to which
/// [`ViewerPage::response`] adds the one address at the session's web tier that tells whether it is there.
/// The mirrored page's iframe inherits it. Inline styles are the mirrored page's own and have to hold.
pub fn content_security_policy(settings: &GroupSettings, host: &str) -> String {
    let ancestors = match &settings.embed_ancestors[..] {
        [] => "'none'".to_owned(),
        listed => listed.join(" "),
    };
    // What a page over HTTPS may not load is not named to it.
    policy(settings, |origin| !is_http_origin(origin), &format!("wss://{host}"), &ancestors)
}

/// The same for the viewer over plain HTTP, which shows pages of http origins. Nobody frames it: a page over HTTPS could not.
pub fn plain_policy(settings: &GroupSettings, host: &str) -> String {
    policy(settings, |_| true, &format!("ws://{host}"), "'none'")
}

fn policy(
    settings: &GroupSettings,
    may_load: impl Fn(&str) -> bool,
    socket: &str,
    ancestors: &str,
) -> String {
    let mut origins = String::new();
    let listed = settings.origins.iter().chain(&settings.resource_origins);
    for origin in listed.filter(|origin| may_load(origin)) {
        // Origins were checked when the settings came: nothing in them can end a directive.
        let _ = write!(origins, " {origin}");
    }
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'{origins}; \
         img-src 'self' data:{origins}; font-src data:{origins}; media-src{}; \
         frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}; \
         require-trusted-types-for 'script'; trusted-types {TRUSTED_TYPES}; connect-src 'self' {socket}",
        if origins.is_empty() { " 'none'" } else { &origins },
    )
}

/// The policy with pages of these origins among those that may frame the answer.
fn framed_by(policy: &str, around: &[Arc<str>]) -> String {
    if around.is_empty() {
        return policy.to_owned();
    }
    let policy = policy.replace("frame-ancestors 'none'", ANCESTORS);
    policy.replace(ANCESTORS, &format!("{ANCESTORS} {}", around.join(" ")))
}

/// Where an agent gets a new ticket for the session that a lost one was for. The web tier says it with the ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    url: String,
    /// It was gone once already.
    is_second: bool,
}

impl Way {
    /// From a cookie's value; `None` for what does not lead to a view at a web tier of ours.
    pub fn read(value: &str, is_web_tier: impl Fn(&str) -> bool) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(value).ok()?;
        let mut url = String::from_utf8(bytes).ok()?;
        let (origin, _) = url.split_once(VIEW_PATH)?;
        if !is_web_tier(origin) || url.contains(|c: char| c.is_control() || c == ' ') {
            return None;
        }
        let is_second = url.ends_with(AGAIN);
        if !is_second {
            url += AGAIN;
        }
        Some(Self { url, is_second })
    }
}

/// Why something was refused: for a script as JSON, for a person as a page that says what to do, or goes it by itself, once.
pub fn refusal(
    code: CloseCode,
    wants_page: bool,
    web_tier_url: &str,
    way: Option<&Way>,
    around: &[Arc<str>],
) -> Response {
    if !wants_page {
        return Response::error(code);
    }
    let (title, what) = match code {
        CloseCode::SessionEndedVisitor
        | CloseCode::SessionEndedAgent
        | CloseCode::SessionEndedTimeout
        | CloseCode::NotFound => ("The session has ended", "There is nothing more to see here."),
        CloseCode::Revoked => {
            ("No longer yours to see", "Your access to this session was withdrawn.")
        }
        CloseCode::Unauthorized => ("Your way in has expired", "Open the session again."),
        CloseCode::Moved | CloseCode::Draining => {
            ("The session goes on elsewhere", "Open it again.")
        }
        CloseCode::SecurePage => ("The visitor's page is secure", "Open the session again."),
        CloseCode::Overload => ("The server is at its limit", "Try again in a minute."),
        _ => ("This did not work", code.advice()),
    };
    // A server that was started anew, or took another's sessions, knows no ticket from before: the web tier gives a new one.
    let is_lost = matches!(code, CloseCode::Unauthorized | CloseCode::Moved | CloseCode::Draining);
    let goes = way.filter(|way| is_lost && !way.is_second).map_or(String::new(), |way| {
        format!("<meta http-equiv=\"refresh\" content=\"1; url={}\">", escape(&way.url))
    });
    let again = way.map_or(String::new(), |way| {
        format!("<p><a href=\"{}\">Open the session again</a></p>", escape(&way.url))
    });
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">{goes}\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"{css}\"></head>\
         <body class=\"notice\" data-reason=\"{name}\"><main><h1>{title}</h1><p>{what}</p>{again}\
         <p><a href=\"{home}/\" target=\"_top\">To your list of sessions</a></p></main></body></html>",
        css = VIEWER_CSS.path(),
        name = code.name(),
        home = escape(web_tier_url),
    );
    Response::new(code.status())
        .header("Content-Security-Policy", &framed_by(NOTICE_POLICY, around))
        .header("Cache-Control", "no-store")
        .content("text/html; charset=utf-8", page.into_bytes())
}

/// Where the service worker sends a view that does not answer any more. It has nothing of the session, and no script: a sandbox without its
/// server's origin makes browsers begin it in another process than the view's, which hangs.
pub fn stopped(join: JoinId) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>The view was closed</title>\
         <link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"{css}\"></head>\
         <body class=\"notice\" data-reason=\"stopped\"><main><h1>The view was closed</h1>\
         <p>The visitor's page had stopped it. The session goes on; in a new view the page is not shown \
         before you ask for it.</p>\
         <p><a id=\"again\" href=\"/view/{join}#taken\">Open the view again</a></p></main></body></html>",
        css = VIEWER_CSS.path(),
        join = join.to_hex(),
    );
    Response::new(200)
        .header("Content-Security-Policy", STOPPED_POLICY)
        .header("Cache-Control", "no-store")
        .content("text/html; charset=utf-8", page.into_bytes())
}

/// One of the embedded assets, or nothing of that name.
pub fn asset(name: &str) -> Option<Response> {
    let all = [&VIEWER_JS, &VIEWER_CSS, &WATCHMAN_JS];
    let asset = all.into_iter().find(|asset| asset.file_name() == name)?;
    let mut response = Response::new(200)
        .header("Cache-Control", "public, max-age=31536000, immutable")
        .header("Cross-Origin-Resource-Policy", "same-origin");
    if asset.stem == WATCHMAN_JS.stem {
        // It stands outside of what it watches.
        response = response.header("Service-Worker-Allowed", "/view/");
    }
    Some(response.content(asset.content_type, asset.body.to_vec()))
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

/// Where a web tier lets agents in, and what tells it that this is the second try.
const VIEW_PATH: &str = "/cobrowse/AgentView?";
const AGAIN: &str = "&Again=1";

/// The directive that says who may frame a page.
const ANCESTORS: &str = "frame-ancestors";

/// A page without scripts.
const NOTICE_POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The same in a sandbox. Whoever frames the view frames this in its place; for others it is a sentence and a link.
const STOPPED_POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; sandbox";

/// Where the viewer looks whether the web tier is there before it leaves its page for it. A path, so that nothing else of the web tier is
/// within its reach.
const REACH: &str = "/healthz";

/// Names of the policies that the viewer's bundle creates.
const TRUSTED_TYPES: &str = "default";

const VIEWER_HTML: &str = include_str!(concat!(env!("OUT_DIR"), "/viewer.html"));

const WATCHMAN_JS: Asset = Asset {
    stem: "watchman",
    ending: "js",
    hash: env!("WATCHMAN_JS_HASH"),
    content_type: "text/javascript; charset=utf-8",
    body: include_bytes!(concat!(env!("OUT_DIR"), "/watchman.js")),
};

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
        assert!(policy.ends_with("; connect-src 'self' wss://s1.example:8443"), "{policy}");
        let none = content_security_policy(&GroupSettings::default(), "s1.example");
        assert!(none.contains("media-src 'none';") && none.contains("frame-ancestors 'none';"));
        let follows = GroupSettings {
            origins: vec!["https://shop.example".into(), "http://shop.example".into()],
            follows_protocol: true,
            embed_ancestors: vec!["https://crm.example".into()],
            ..Default::default()
        };
        assert!(!content_security_policy(&follows, "s1.example").contains("http://"));
        let plain = plain_policy(&follows, "plain.s1.example:443");
        assert!(plain.contains("img-src 'self' data: https://shop.example http://shop.example;"));
        assert!(plain.ends_with("; connect-src 'self' ws://plain.s1.example:443"), "{plain}");
        assert!(plain.contains("frame-ancestors 'none';") && plain.contains("script-src 'self';"));
        let framed = GroupSettings {
            embed_ancestors: vec!["https://crm.example".into(), "https://desk.example".into()],
            ..Default::default()
        };
        let policy = content_security_policy(&framed, "s1.example");
        assert!(policy.contains("frame-ancestors https://crm.example https://desk.example;"));
    }

    #[test]
    fn every_placeholder_of_the_template_is_filled_and_values_are_escaped() {
        let session = "demo:a.b:000102030405060708090a0b0c0d0e0f".parse().unwrap();
        let page = ViewerPage {
            join: JoinId::from_bytes([1; 8]),
            session: &session,
            csrf: "\"><b>",
            web_tier_url: "https://www.example",
            other_url: "",
            around: &[],
        };
        let filled = page.fill(VIEWER_HTML);
        assert!(!filled.contains("{{"), "{filled}");
        assert!(filled.contains(&VIEWER_JS.path()) && filled.contains("0101010101010101"));
        assert_eq!(page.fill("<p a=\"{{csrf}}\">"), "<p a=\"&quot;&gt;&lt;b&gt;\">");
        let policy = content_security_policy(&GroupSettings::default(), "s1.example");
        let answer = format!("{:?}", page.response(&policy));
        let reach = "connect-src 'self' wss://s1.example https://www.example/healthz\\r\\n";
        assert!(answer.contains(reach), "one address, and no other directive behind it: {answer}");
    }

    #[test]
    fn a_web_tier_that_surrounds_views_may_frame_them_beside_the_groups_applications() {
        let (www, crm) = ("https://www.example", "https://crm.example");
        let around = [Arc::from(www)];
        let of = |applications: &[&str], around: &[Arc<str>]| {
            let settings = GroupSettings {
                embed_ancestors: applications.iter().map(|one| (*one).to_owned()).collect(),
                ..Default::default()
            };
            framed_by(&content_security_policy(&settings, "s1.example"), around)
        };
        assert!(of(&[], &around).contains(&format!("; frame-ancestors {www}; ")));
        assert!(of(&[crm], &around).contains(&format!("; frame-ancestors {www} {crm}; ")));
        assert!(of(&[], &[]).contains("; frame-ancestors 'none'; "));
        let refused = refusal(CloseCode::NotFound, true, www, None, &around);
        assert!(format!("{refused:?}").contains(&format!("frame-ancestors {www}\\r\\n")));
    }

    #[test]
    fn a_refusal_is_json_for_scripts_and_a_page_for_people() {
        let of = |page| format!("{:?}", refusal(CloseCode::NotFound, page, "https://w", None, &[]));
        assert!(of(false).contains("application/json"));
        let page = of(true);
        assert!(page.contains("text/html") && page.contains("Content-Security-Policy"), "{page}");
    }

    #[test]
    fn a_way_leads_to_a_view_at_a_web_tier_of_ours_and_says_that_it_was_gone_before() {
        let to = "https://w.example/cobrowse/AgentView?SessionKey=a.b&Group=demo";
        let read = |url: &str| {
            Way::read(&URL_SAFE_NO_PAD.encode(url), |origin| origin == "https://w.example")
        };
        let url = format!("{to}&Again=1");
        assert_eq!(read(&url), Some(Way { url: url.clone(), is_second: true }));
        assert_eq!(read(to), Some(Way { url, is_second: false }));
        for other in [
            "https://evil.example/cobrowse/AgentView?SessionKey=1",
            "https://w.example/logout?next=/cobrowse/AgentView?",
            "https://w.example.evil/cobrowse/AgentView?SessionKey=1",
            "https://w.example/cobrowse/AgentView?SessionKey=1\n2",
            "",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
        assert_eq!(Way::read("no base64", |_| true), None);
    }

    #[test]
    fn assets_are_found_by_the_name_that_the_page_uses() {
        assert!(asset(&VIEWER_JS.file_name()).is_some());
        assert!(asset(&VIEWER_CSS.file_name()).is_some());
        assert!(asset("viewer.js").is_none());
    }

    /// Without the sandbox a browser would begin it in the process that hangs.
    #[test]
    fn what_takes_a_hanging_views_place_stands_in_a_sandbox_and_has_nothing_of_the_session() {
        let page = format!("{:?}", stopped(JoinId::from_bytes([1; 8])));
        assert!(page.contains("; form-action 'none'; sandbox\\r\\n"), "{page}");
        let allowed = |asset: &Asset| {
            let answer = super::asset(&asset.file_name()).unwrap();
            format!("{answer:?}").contains("Service-Worker-Allowed: /view/\\r\\n")
        };
        assert!(allowed(&WATCHMAN_JS) && !allowed(&VIEWER_JS) && !allowed(&VIEWER_CSS));
    }
}
