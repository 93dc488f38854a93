//! Every route with every origin that is not its own, over TLS and over plain HTTP: the whole matrix, and a route without a row fails.

use protocol::frame::Flags;
use protocol::{GroupSettings, Kind, Privileges, Subject};

use super::testing::{HOST, ORIGIN, PLAIN, SHOP, World, header, message, resume, upgrade};
use crate::credentials::Scheme;

const SESSION: &str = "demo:471113:000102030405060708090a0b0c0d0e0f";
const WEB_TIER: &str = "https://www.example";
const PLAIN_ORIGIN: &str = "http://plain.s1.example:443";

/// Whose pages may send a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum May {
    /// Pages of the group's origins.
    Group,
    /// The server's own page.
    Own,
    /// The web tier's page.
    WebTier,
    /// Anybody: it is read, and what is secret needs a cookie that other sites' requests do not carry.
    Anybody,
}

/// As the routes are written.
const TABLE: &[(&str, May)] = &[
    (r#"(Method::Get, ["visitor"])"#, May::Group),
    (r#"(Method::Post, ["visitor", "stream"])"#, May::Group),
    (r#"(Method::Post, ["visitor", "frames"])"#, May::Group),
    (r#"(Method::Post, ["visitor", "status"])"#, May::Group),
    (r#"(Method::Get, ["presence"])"#, May::Group),
    (r#"(Method::Get, ["join"] | ["join", _])"#, May::Anybody),
    (r#"(Method::Post, ["join"])"#, May::WebTier),
    (r#"(Method::Get, ["view", join])"#, May::Anybody),
    (r#"(Method::Get, ["view", join, "status"])"#, May::Anybody),
    (r#"(Method::Get, ["view", join, "stopped"])"#, May::Anybody),
    (r#"(Method::Get, ["agent", join])"#, May::Own),
    (r#"(Method::Post, ["agent", join, "stream"])"#, May::Own),
    (r#"(Method::Post, ["agent", join, "frames"])"#, May::Own),
    (r#"(Method::Get, ["assets", name])"#, May::Anybody),
    (r#"(Method::Get, ["healthz"])"#, May::Anybody),
    (r#"(Method::Get, ["readyz"])"#, May::Anybody),
];

#[test]
fn every_route_has_a_row() {
    let routes = |source: &'static str| -> Vec<&str> {
        let arms = source.lines().map(str::trim).filter(|line| line.starts_with("(Method::"));
        arms.map(|line| line.split(" =>").next().unwrap()).collect()
    };
    let rows: Vec<&str> = TABLE.iter().map(|(route, _)| *route).collect();
    assert_eq!(rows, routes(include_str!("routes.rs")), "say whose pages may use the route");
    let plain = routes(include_str!("plain.rs"));
    assert!(plain.len() >= 6 && plain.iter().all(|route| rows.contains(route)), "{plain:?}");
}

#[test]
fn no_request_is_taken_from_an_origin_that_is_not_its_own() {
    let mut matrix = Matrix::new();
    for (route, may) in TABLE.iter().filter(|(_, may)| *may != May::Anybody) {
        for scheme in [Scheme::Secure, Scheme::Plain] {
            let own = match (may, scheme) {
                (May::Own, Scheme::Plain) => PLAIN_ORIGIN,
                // Plain HTTP has only what is the server's own.
                (_, Scheme::Plain) => continue,
                (May::Own, Scheme::Secure) => ORIGIN,
                (May::WebTier, _) => WEB_TIER,
                (May::Group | May::Anybody, _) => SHOP,
            };
            for origin in strangers(own).iter().map(|origin| Some(&**origin)).chain([None]) {
                let answer = matrix.send(route, scheme, origin);
                assert_eq!(&answer[9..12], "403", "{route} from {origin:?}: {answer}");
                assert!(!answer.contains("Set-Cookie"), "{route} from {origin:?}: {answer}");
            }
            // The control: its own origin is not what it is refused for. Posts of frames have no stream here.
            let expected = if route.contains("frames") { "404" } else { "" };
            let answer = matrix.send(route, scheme, Some(own));
            let status: u16 = answer[9..12].parse().unwrap();
            let taken = status < 400 || &answer[9..12] == expected;
            assert!(taken, "{route} from its own origin: {answer}");
        }
    }
}

struct Matrix {
    world: World,
    path: String,
    secure: String,
    plain: String,
}

impl Matrix {
    fn new() -> Self {
        let mut world = World::new(1);
        let origins = vec![SHOP.to_owned(), "http://shop.example".to_owned()];
        let settings =
            GroupSettings { origins, follows_protocol: true, ..GroupSettings::default() };
        assert!(world.shared.set_group("demo".parse().unwrap(), settings));
        world.start(0, SESSION);
        // A page over HTTP, so that views over plain HTTP have something to show.
        let visitor = world.connect(0);
        let credential = format!("resume.{}", resume(SESSION));
        world.send(visitor, &upgrade("/visitor", &credential, "http://shop.example", ""));
        world.send(visitor, &message(Kind::Facts, Flags::INSECURE.0, 1, 0, b"{}"));
        let both = Flags::FIRST.0 | Flags::LAST.0;
        world.send(visitor, &message(Kind::Keyframe, both, 1, 1, b"page"));
        let ticket = world.agent_ticket(SESSION, Privileges::VIEW);
        let agent = world.connect(0);
        let cookie = format!("Cookie: cobrowse_ticket={ticket}\r\n");
        let joined = world.exchange(agent, &super::testing::get("/join", &cookie));
        let path = header(&joined, "Location").to_owned();
        let mut cookies = joined.lines().filter_map(|line| line.strip_prefix("Set-Cookie: "));
        let mut pair = || cookies.next().unwrap().split(';').next().unwrap().to_owned();
        let (secure, plain) = (pair(), pair());
        Self { world, path, secure, plain }
    }

    /// A request that lacks nothing but, perhaps, the right origin; the answer's head.
    fn send(&mut self, route: &str, scheme: Scheme, origin: Option<&str>) -> String {
        let request = self.request(route, scheme, origin);
        let client = match scheme {
            Scheme::Secure => self.world.connect(0),
            Scheme::Plain => self.world.connect_plain(0),
        };
        let answer = self.world.exchange(client, request.as_bytes());
        self.world.cut(client);
        answer.split("\r\n\r\n").next().unwrap().to_owned()
    }

    fn request(&mut self, route: &str, scheme: Scheme, origin: Option<&str>) -> String {
        let join = self.path.rsplit('/').next().unwrap().to_owned();
        let csrf = self.world.shared.cookies.csrf_for(scheme, join.parse().unwrap());
        let resume = format!("resume.{}", resume(SESSION));
        let names = route.split_once('[').unwrap().1.trim_end_matches("])");
        let path: String = names
            .split(", ")
            .map(|part| format!("/{}", if part == "join" { &join } else { part.trim_matches('"') }))
            .collect();
        let (credential, body) = match (names, route.contains("Post")) {
            (r#""presence""#, _) => {
                let page = "demo:crm-77:000102030405060708090a0b0c0d0e10";
                (format!("ticket.{}", self.world.ticket(page, Subject::Presence)), String::new())
            }
            (r#""join""#, _) => {
                let ticket = self.world.agent_ticket(SESSION, Privileges::VIEW);
                (String::new(), format!("ticket={ticket}"))
            }
            (r#""visitor", "status""#, _) => (String::new(), resume),
            (_, false) if names.contains("visitor") => (resume, String::new()),
            (_, false) => (format!("csrf.{csrf}"), String::new()),
            (_, true) => {
                let of = if names.contains("visitor") { resume } else { format!("csrf.{csrf}") };
                let number = if names.contains("frames") { " 1" } else { "" };
                (String::new(), format!("{of} 0123456789abcdef{number}\n"))
            }
        };
        let (host, cookie) = match scheme {
            Scheme::Secure => (HOST.to_owned(), &self.secure),
            Scheme::Plain => (format!("{PLAIN}:443"), &self.plain),
        };
        let origin = origin.map(|origin| format!("Origin: {origin}\r\n")).unwrap_or_default();
        let head = format!("HTTP/1.1\r\nHost: {host}\r\n{origin}Cookie: {cookie}\r\n");
        if route.contains("Post") {
            format!("POST {path} {head}Content-Length: {}\r\n\r\n{body}", body.len())
        } else {
            let offer = upgrade(&path, &credential, "", "");
            let offer = String::from_utf8(offer).unwrap();
            let from = offer.find("Upgrade:").unwrap();
            format!("GET {path} {head}{}", offer[from..].replace("Origin: \r\n", ""))
        }
    }
}

/// Origins that resemble `own`, and others.
fn strangers(own: &str) -> Vec<String> {
    let others = [SHOP, ORIGIN, WEB_TIER, PLAIN_ORIGIN].into_iter().filter(|other| *other != own);
    let mut all: Vec<String> = others.map(str::to_owned).collect();
    all.extend(["null", "", "*", "file://", "https://evil.example"].map(String::from));
    let (scheme, host) = own.split_once("://").unwrap();
    all.extend([
        own.to_uppercase(),
        format!("{own}/"),
        format!("{own}:8443"),
        format!("{own}.evil.example"),
        format!("{own}@evil.example"),
        format!("{own} https://evil.example"),
        format!("{scheme}://evil.{host}"),
        format!("ws://{host}"),
        host.to_owned(),
    ]);
    if own != SHOP {
        let other = if scheme == "https" { "http" } else { "https" };
        all.push(format!("{other}://{host}"));
    }
    all
}
