//! Every POST route with every origin that is not its own: the whole matrix, and a route without a row fails.

use super::*;

/// Who may send to a route, and what with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    /// A page of the group's origins, JSON.
    Shop,
    /// An application that a group lists, or our own page, JSON with the login's cookie.
    Application,
    /// Our own page, a form with the login's cookie and value.
    Own,
    /// Our own page, a form before there is a login.
    Login,
}

impl From {
    fn own(self) -> &'static str {
        match self {
            Self::Shop => SHOP,
            Self::Application => CRM,
            Self::Own | Self::Login => US,
        }
    }
}

const CRM: &str = "https://crm.example";

const ROUTES: &[(&str, From)] = &[
    ("/api/v1/sessions", From::Shop),
    ("/api/v1/sessions/continue", From::Shop),
    ("/api/v1/sessions/cross", From::Shop),
    ("/api/v1/sessions/frame", From::Shop),
    ("/api/v1/sessions/framed", From::Shop),
    ("/api/v1/sessions/masks", From::Shop),
    ("/api/v1/sessions/arrive", From::Shop),
    ("/api/v1/presence", From::Shop),
    ("/api/v1/agent/offers", From::Application),
    ("/login", From::Login),
    ("/logout", From::Own),
    ("/account/password", From::Own),
    ("/account/logins", From::Own),
    ("/offers", From::Own),
];

#[test]
fn every_route_that_takes_a_post_has_a_row() {
    let table = include_str!("../mod.rs");
    let mut found: Vec<&str> = table
        .lines()
        .filter(|line| line.contains("post("))
        .filter_map(|line| line.trim().strip_prefix(".route(\"")?.split('"').next())
        .collect();
    let mut rows: Vec<&str> = ROUTES.iter().map(|(path, _)| *path).collect();
    found.sort_unstable();
    rows.sort_unstable();
    assert_eq!(rows, found, "a POST route without a row: say whose pages may send to it");
    let posts = table.matches("post(").count();
    assert_eq!(posts, rows.len(), "a POST route that this test cannot read");
}

#[tokio::test]
async fn no_post_is_taken_from_an_origin_that_is_not_its_own() {
    let matrix = Matrix::new().await;
    for (path, from) in ROUTES {
        for origin in strangers(*from).iter().map(|origin| Some(&**origin)).chain([None]) {
            let got = matrix.send(path, *from, origin).await;
            // A code that is shown by another page is used up, and called none.
            let codes = ["/arrive", "/framed"];
            let refused = if codes.iter().any(|end| path.ends_with(end)) { 404 } else { 403 };
            assert_eq!(got.status, refused, "POST {path} from {origin:?}: {}", got.body);
            let readable = got.header("access-control-allow-origin");
            assert!(readable.is_none() || readable == Some(OTHER), "{path} {origin:?}");
            assert!(got.cookie(cookies::SESSION).is_none(), "{path} {origin:?}");
        }
    }
    // The control: from its own origin each is taken. The last ones end the login.
    for (path, from) in ROUTES.iter().rev() {
        let matrix = Matrix::new().await;
        let got = matrix.send(path, *from, Some(from.own())).await;
        // Nobody is there to be offered anything.
        let taken = if path.ends_with("/offers") { got.status == 404 } else { got.status < 400 };
        assert!(taken, "POST {path} from its own origin: {} {}", got.status, got.body);
    }
}

struct Matrix {
    world: World,
    resume: String,
    login: String,
    csrf: String,
    form: String,
    form_csrf: String,
}

impl Matrix {
    async fn new() -> Self {
        let world = World::new();
        let list = |group: &mut crate::store::records::Group| {
            group.settings.embed_ancestors = vec![CRM.into()];
            Ok(())
        };
        world.store().change_group(&demo(), &list).unwrap();
        world.up("s1", 1);
        let resume = live(&world, "471113").await.resume;
        let login = ada(&world).await;
        let page = get(&world, "/account").with("cookie", &login).got().await;
        let csrf = hidden(&page.body, "csrf");
        let page = get(&world, "/login").got().await;
        let form = format!("{}={}", cookies::FORM, page.cookie(cookies::FORM).unwrap());
        let form_csrf = hidden(&page.body, "csrf");
        Self { world, resume, login, csrf, form, form_csrf }
    }

    /// A request that lacks nothing but, perhaps, the right origin.
    async fn send(&self, path: &str, from: From, origin: Option<&str>) -> Got {
        let (cookie, body) = match from {
            From::Shop => ("", self.json(path).await),
            From::Own => (&*self.login, self.fields(path)),
            From::Application => {
                (&*self.login, json!({ "visitor": "crm-77", "group": "demo" }).to_string())
            }
            From::Login => {
                (&*self.form, format!("name=ada&password=correct+horse&csrf={}", self.form_csrf))
            }
        };
        let kind = match from {
            From::Shop => "text/plain",
            From::Application => "application/json",
            From::Own | From::Login => "application/x-www-form-urlencoded",
        };
        let mut ask = post(&self.world, path, body).from(self.peer()).with("content-type", kind);
        if !cookie.is_empty() {
            ask = ask.with("cookie", cookie);
        }
        if let Some(origin) = origin {
            ask = ask.with("origin", origin);
        }
        ask.got().await
    }

    async fn json(&self, path: &str) -> String {
        let resume = &self.resume;
        let body = match path.rsplit('/').next() {
            Some("continue") => json!({ "resume": resume }),
            Some("cross") => json!({ "resume": resume, "to": SHOP }),
            Some("masks") => json!({ "resume": resume, "unreadable": ["#card"] }),
            Some("frame") => json!({ "resume": resume, "to": SHOP }),
            Some("arrive") => json!({ "code": self.code("cross").await }),
            Some("framed") => json!({ "code": self.code("frame").await }),
            Some("presence") => json!({ "group": "demo", "visitor": "crm-77" }),
            _ => json!({ "group": "demo" }),
        };
        body.to_string()
    }

    fn fields(&self, path: &str) -> String {
        let fields = match path {
            "/account/password" => "password=correct+horse&new=another+horse",
            "/account/logins" => "login=00",
            "/offers" => "visitor=crm-77&group=demo&session=demo",
            _ => "",
        };
        format!("{fields}&csrf={}", self.csrf)
    }

    /// A code for the shop, which is good once.
    async fn code(&self, of: &str) -> String {
        let body = json!({ "resume": self.resume, "to": SHOP });
        let path = format!("/api/v1/sessions/{of}");
        let ask = post(&self.world, &path, body).from(self.peer());
        ask.with("origin", SHOP).got().await.json()["code"].as_str().unwrap().to_owned()
    }

    /// An address that has not asked before: not the throttle shall refuse.
    fn peer(&self) -> &'static str {
        use std::sync::atomic::{AtomicU16, Ordering};
        static NEXT: AtomicU16 = AtomicU16::new(1);
        let [high, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        format!("198.51.{high}.{low}:1").leak()
    }
}

/// Origins that resemble a route's own, and others.
fn strangers(from: From) -> Vec<String> {
    let own = from.own();
    let is_own = |origin: &str| origin == own || (origin == US && from == From::Application);
    let more = [SHOP, US, OTHER, CRM].into_iter().filter(|other| !is_own(other));
    let mut all: Vec<String> = more.map(str::to_owned).collect();
    all.extend(["null", "", "*", "file://", "https://evil.example"].map(String::from));
    all.extend([
        own.to_uppercase(),
        format!("{own}/"),
        format!("{own}:443"),
        format!("{own}:8443"),
        format!("{own}.evil.example"),
        format!("{own}@evil.example"),
        format!("{own} https://evil.example"),
        own.replace("https://", "http://"),
        own.replace("https://", "https://evil."),
        own.replace("https://", ""),
    ]);
    all
}
