//! Views over plain HTTP, in virtual time: each sentence of PROTOCOL.md section 7.4 by who would break it.

use protocol::frame::{Flags, Kind};
use protocol::{GroupSettings, Privileges};

use super::Mail;
use super::testing::{
    HOST, ORIGIN, PLAIN, SHOP, World, get, header, message, messages, resume, upgrade,
};
use crate::credentials::Scheme;

const SESSION: &str = "demo:471113:000102030405060708090a0b0c0d0e0f";
const HTTP_SHOP: &str = "http://shop.example";
const PLAIN_ORIGIN: &str = "http://plain.s1.example:443";

/// A session in a group that follows, an agent that has joined, and what it was given.
struct Following {
    world: World,
    visitor: usize,
    path: String,
    secure: String,
    plain: String,
}

impl Following {
    fn new(cores: usize) -> Self {
        let mut world = World::new(cores);
        follow(&mut world, true);
        let visitor = world.start(0, SESSION);
        let ticket = world.agent_ticket(SESSION, all());
        let client = world.connect(cores - 1);
        let ask = get("/join", &format!("Cookie: cobrowse_ticket={ticket}\r\n"));
        let joined = world.exchange(client, &ask);
        let path = header(&joined, "Location").to_owned();
        let cookies: Vec<_> =
            joined.lines().filter_map(|line| line.strip_prefix("Set-Cookie: ")).collect();
        let [secure, plain] = cookies[..] else { panic!("two cookies are made: {joined}") };
        assert!(plain.ends_with("; Domain=s1.example; HttpOnly; Path=/; SameSite=Lax"), "{plain}");
        let pair = |cookie: &str| cookie.split(';').next().unwrap().to_owned();
        let (secure, plain) = (pair(secure), pair(plain));
        Self { world, visitor, path, secure, plain }
    }

    /// The visitor goes to a page of that origin: a new connection and an epoch.
    fn visit(&mut self, origin: &str, flags: Flags, epoch: u32, keyframe: &[u8]) {
        let client = self.world.connect(0);
        let credential = format!("resume.{}", resume(SESSION));
        let answer = self.world.exchange(client, &upgrade("/visitor", &credential, origin, ""));
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        self.visitor = client;
        self.world.send(client, &message(Kind::Facts, flags.0, epoch, 0, b"{}"));
        let both = Flags::FIRST.0 | Flags::LAST.0;
        self.world.send(client, &message(Kind::Keyframe, both, epoch, 1, keyframe));
    }

    fn visit_http(&mut self, epoch: u32, keyframe: &[u8]) {
        self.visit(HTTP_SHOP, Flags::INSECURE, epoch, keyframe);
    }

    fn visit_https(&mut self, epoch: u32, keyframe: &[u8]) {
        self.visit(SHOP, Flags::NONE, epoch, keyframe);
    }

    /// Asks over plain HTTP with these cookies.
    fn ask_plain(&mut self, path: &str, cookies: &str) -> String {
        let client = self.world.connect_plain(0);
        self.world.exchange(client, &on_plain(&get(path, &format!("Cookie: {cookies}\r\n"))))
    }

    /// Asks over TLS with these cookies.
    fn ask_secure(&mut self, path: &str, cookies: &str) -> String {
        let client = self.world.connect(0);
        self.world.exchange(client, &get(path, &format!("Cookie: {cookies}\r\n")))
    }

    /// What the plain view's WebSocket is answered, and its client.
    fn open_plain(&mut self, cookies: &str, csrf: &str, origin: &str) -> (usize, String) {
        let client = self.world.connect_plain(0);
        let to = self.path.replace("/view/", "/agent/");
        let cookies = format!("Cookie: {cookies}\r\n");
        let ask = on_plain(&upgrade(&to, &format!("csrf.{csrf}"), origin, &cookies));
        self.world.send(client, &ask);
        let inbox = String::from_utf8_lossy(&self.world.clients[client].inbox).into_owned();
        let head = inbox.split_inclusive("\r\n\r\n").next().unwrap_or_default().to_owned();
        let bytes = head.len().min(self.world.clients[client].inbox.len());
        self.world.clients[client].inbox.drain(..bytes);
        (client, head)
    }

    /// A plain view as the viewer opens it.
    fn view_plain(&mut self) -> usize {
        let (plain, csrf) = (self.plain.clone(), self.csrf(Scheme::Plain));
        let (client, head) = self.open_plain(&plain, &csrf, PLAIN_ORIGIN);
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        client
    }

    fn csrf(&self, scheme: Scheme) -> String {
        let join = self.path.rsplit('/').next().unwrap().parse().unwrap();
        self.world.shared.cookies.csrf_for(scheme, join)
    }

    fn heard(&self, client: usize) -> String {
        String::from_utf8_lossy(&self.world.clients[client].inbox).into_owned()
    }
}

fn all() -> Privileges {
    Privileges::from_bits(0x1ff).unwrap()
}

fn follow(world: &mut World, follows_protocol: bool) {
    let group = "demo".parse().unwrap();
    let mut origins = vec![SHOP.to_owned()];
    origins.extend(follows_protocol.then(|| HTTP_SHOP.to_owned()));
    let settings = GroupSettings { origins, follows_protocol, ..GroupSettings::default() };
    assert!(settings.faults().is_empty(), "{:?}", settings.faults());
    assert!(world.shared.set_group(group, settings));
    for shard in &mut world.shards {
        shard.handle_mail(world.now, Mail::Settings(group));
    }
    world.run();
}

/// The same request to the host of plain HTTP.
fn on_plain(request: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(request).unwrap();
    text.replacen(&format!("Host: {HOST}\r\n"), &format!("Host: {PLAIN}:443\r\n"), 1).into_bytes()
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or("")
}

#[test]
fn without_a_group_that_follows_plain_bytes_are_refused_as_ever() {
    let mut world = World::new(1);
    let client = world.connect_plain(0);
    let answer = world.exchange(client, &on_plain(&get("/assets/x", "")));
    assert!(!answer.starts_with("HTTP/") && world.clients[client].shut, "{answer:?}");
    follow(&mut world, true);
    let client = world.connect_plain(0);
    assert_eq!(status(&world.exchange(client, &on_plain(&get("/assets/x", "")))), "404");
    follow(&mut world, false);
    let client = world.connect_plain(0);
    let answer = world.exchange(client, &on_plain(&get("/assets/x", "")));
    assert!(!answer.starts_with("HTTP/") && world.clients[client].shut, "{answer:?}");
}

#[test]
fn without_a_group_that_follows_one_cookie_is_made_and_no_other_address_is_told() {
    let mut world = World::new(1);
    world.start(0, SESSION);
    let ticket = world.agent_ticket(SESSION, all());
    let client = world.connect(0);
    let ask = get("/join", &format!("Cookie: cobrowse_ticket={ticket}\r\n"));
    let joined = world.exchange(client, &ask);
    assert_eq!(joined.matches("Set-Cookie").count(), 1, "{joined}");
    let cookie = header(&joined, "Set-Cookie").split(';').next().unwrap().to_owned();
    let page =
        world.exchange(client, &get(header(&joined, "Location"), &format!("Cookie: {cookie}\r\n")));
    assert!(page.contains(r#"name="cobrowse-other" content="""#) && !page.contains("http://"));
}

#[test]
fn the_first_byte_tells_and_what_is_neither_ends_its_connection() {
    let mut following = Following::new(1);
    for first in (0..=255u8).filter(|first| !first.is_ascii_uppercase()) {
        let client = following.world.connect_plain(0);
        let mut bytes = on_plain(&get("/assets/x", ""));
        bytes[0] = first;
        let answer = following.world.exchange(client, &bytes);
        let waits_for_a_record = first == 0x16;
        let refused = following.world.clients[client].shut || waits_for_a_record;
        assert!(refused && !answer.contains("HTTP/1.1"), "{first}: {answer:?}");
    }
    assert_eq!(status(&following.ask_plain("/assets/x", "")), "404");
}

#[test]
fn the_name_of_plain_http_refuses_tls_and_its_answers_bind_no_browser_to_tls() {
    let mut following = Following::new(1);
    assert!(!following.world.greets(PLAIN));
    assert!(following.world.greets(HOST));
    let answer = following.ask_plain("/nothing", "");
    assert!(!answer.contains("Strict-Transport-Security"), "{answer}");
    let answer = following.ask_secure("/nothing", "");
    assert!(answer.contains("Strict-Transport-Security"), "{answer}");
}

#[test]
fn plain_http_answers_for_its_own_name_only_and_has_only_views() {
    let mut following = Following::new(1);
    following.visit_http(1, b"page");
    let (path, plain) = (following.path.clone(), following.plain.clone());
    for host in [HOST, "s1.example:443", "plain.s1.example", "plain.s1.example:80", "evil.example"]
    {
        let client = following.world.connect_plain(0);
        let ask = String::from_utf8(get(&path, &format!("Cookie: {plain}\r\n"))).unwrap();
        let ask = ask.replacen(HOST, host, 1);
        let answer = following.world.exchange(client, ask.as_bytes());
        assert_eq!(status(&answer), "421", "{host}: {answer}");
    }
    // The public host does not answer for the plain name either.
    let client = following.world.connect(0);
    assert_eq!(status(&following.world.exchange(client, &on_plain(&get(&path, "")))), "421");
    for path in ["/join", "/healthz", "/readyz", "/visitor", "/presence", "/control", "/"] {
        assert_eq!(status(&following.ask_plain(path, &plain)), "404", "{path}");
    }
    assert_eq!(status(&following.ask_plain(&path, &plain)), "200");
}

#[test]
fn a_plain_cookie_opens_a_page_that_came_over_http_and_nothing_else() {
    let mut following = Following::new(2);
    let (path, plain) = (following.path.clone(), following.plain.clone());
    let csrf = following.csrf(Scheme::Plain);
    let secure_view = format!("{ORIGIN}{path}");
    // No page yet, then one over HTTPS: to the view over TLS, and no frame.
    for epoch in [0, 1] {
        if epoch > 0 {
            following.visit_https(epoch, b"secret");
        }
        let answer = following.ask_plain(&path, &plain);
        assert_eq!((status(&answer), header(&answer, "Location")), ("303", &*secure_view));
        assert_eq!(status(&following.ask_plain(&format!("{path}/status"), &plain)), "409");
        let (client, head) = following.open_plain(&plain, &csrf, PLAIN_ORIGIN);
        assert_eq!(status(&head), "409", "{head}");
        assert!(!following.heard(client).contains("secret"));
    }
    following.visit_http(2, b"page");
    let page = following.ask_plain(&path, &plain);
    assert!(page.starts_with("HTTP/1.1 200 ") && page.contains(&csrf), "{page}");
    assert!(page.contains(&format!(r#"name="cobrowse-other" content="{secure_view}""#)));
    let policy = header(&page, "Content-Security-Policy");
    assert!(policy.contains("img-src 'self' data: https://shop.example http://shop.example;"));
    let client = following.view_plain();
    assert!(messages(&following.world.clients[client].inbox).iter().any(|m| m[12..] == *b"page"));
    // Over TLS it is no cookie at all.
    assert_eq!(status(&following.ask_secure(&path, &plain)), "401");
    let renamed = plain.replacen("j-", "__Host-j-", 1);
    assert_eq!(status(&following.ask_secure(&path, &renamed)), "401");
    // And without it plain HTTP leads back, to stay.
    for cookies in [&*renamed, "", "j-0=x"] {
        let answer = following.ask_plain(&path, cookies);
        assert_eq!(header(&answer, "Location"), format!("{secure_view}#stay"), "{answer}");
        assert_eq!(status(&following.ask_plain(&format!("{path}/status"), cookies)), "401");
    }
}

#[test]
fn a_plain_view_needs_its_own_cookie_origin_and_csrf_value() {
    let mut following = Following::new(1);
    following.visit_http(1, b"page");
    let (plain, csrf) = (following.plain.clone(), following.csrf(Scheme::Plain));
    let secure_csrf = following.csrf(Scheme::Secure);
    for (cookies, csrf, origin, expected) in [
        ("", &csrf, PLAIN_ORIGIN, "401"),
        (&*plain, &secure_csrf, PLAIN_ORIGIN, "401"),
        (&*plain, &String::new(), PLAIN_ORIGIN, "401"),
        (&*plain, &csrf, ORIGIN, "403"),
        (&*plain, &csrf, HTTP_SHOP, "403"),
        (&*plain, &csrf, "http://plain.s1.example", "403"),
        (&*plain, &csrf, "null", "403"),
        (&*plain, &csrf, PLAIN_ORIGIN, "101"),
    ] {
        let (_, head) = following.open_plain(cookies, csrf, origin);
        assert_eq!(status(&head), expected, "{origin} {csrf}: {head}");
    }
}

#[test]
fn a_page_over_https_closes_plain_views_before_anything_of_it_is_theirs() {
    let mut following = Following::new(1);
    following.visit_http(1, b"open page");
    let client = following.view_plain();
    following.visit_https(2, b"secret page");
    let heard = following.heard(client);
    assert!(heard.contains("open page") && heard.contains("secure_page"), "{heard:?}");
    assert!(!heard.contains("secret") && following.world.clients[client].shut, "{heard:?}");
    // Back on HTTP, while the keyframe of it is still to come: the older page is not told.
    let again = following.world.connect(0);
    let credential = format!("resume.{}", resume(SESSION));
    following.world.exchange(again, &upgrade("/visitor", &credential, HTTP_SHOP, ""));
    following.world.send(again, &message(Kind::Facts, Flags::INSECURE.0, 3, 0, b"{}"));
    let client = following.view_plain();
    let both = Flags::FIRST.0 | Flags::LAST.0;
    following.world.send(again, &message(Kind::Keyframe, both, 3, 1, b"third page"));
    let heard = following.heard(client);
    assert!(heard.contains("third page") && !heard.contains("secret"), "{heard:?}");
}

#[test]
fn frames_that_say_insecure_on_a_page_over_https_are_taken_for_secure() {
    let mut following = Following::new(1);
    following.visit(SHOP, Flags::INSECURE, 1, b"secret");
    let (plain, csrf) = (following.plain.clone(), following.csrf(Scheme::Plain));
    let (client, head) = following.open_plain(&plain, &csrf, PLAIN_ORIGIN);
    assert_eq!(status(&head), "409", "{head}");
    assert!(!following.heard(client).contains("secret"));
    // And a page over HTTP that does not say so is not shown either.
    following.visit(HTTP_SHOP, Flags::NONE, 2, b"secret");
    let (_, head) = following.open_plain(&plain, &csrf, PLAIN_ORIGIN);
    assert_eq!(status(&head), "409", "{head}");
}

#[test]
fn a_plain_view_may_look_and_nothing_more_whatever_the_role() {
    let mut following = Following::new(1);
    following.visit_http(1, b"page");
    let beyond_looking = |kind: &Kind| all().allows(*kind) && !Privileges::VIEW.allows(*kind);
    for kind in Kind::ALL.into_iter().filter(beyond_looking) {
        let client = following.view_plain();
        following.world.clients[following.visitor].inbox.clear();
        let payload = if kind.payload_bytes_max() > 0 { "{}" } else { "" };
        following.world.send(client, &message(kind, 0, 1, 1, payload.as_bytes()));
        let heard = following.heard(client);
        assert!(heard.contains("not_allowed"), "{kind:?}: {heard:?}");
        let told = messages(&following.world.clients[following.visitor].inbox);
        assert!(told.iter().all(|frame| frame[0] != kind.byte()), "{kind:?} reached the visitor");
    }
    let client = following.view_plain();
    let heard = following.heard(client);
    assert!(heard.contains(r#""privileges":["view"]"#) && !heard.contains("click"), "{heard:?}");
}

#[test]
fn a_secure_cookie_seen_in_plain_text_is_over_at_once_on_whichever_core_and_under_whatever_name() {
    for disguise in ["__Host-j-", "j-", "other-"] {
        let mut following = Following::new(2);
        following.visit_http(1, b"page");
        let (path, secure) = (following.path.clone(), following.secure.clone());
        let live = following.world.open_view(1, &path, &secure);
        let shown = secure.replacen("__Host-j-", disguise, 1);
        // The session lives on core 0; the plain request comes in on the other.
        let client = following.world.connect_plain(1);
        let ask = on_plain(&get("/nothing", &format!("Cookie: {shown}\r\n")));
        assert_eq!(status(&following.world.exchange(client, &ask)), "404");
        let heard = following.heard(live);
        assert!(heard.contains("unauthorized") && following.world.clients[live].shut, "{heard:?}");
        assert_eq!(status(&following.ask_secure(&path, &secure)), "401", "{disguise}");
        let (plain, ask) = (following.plain.clone(), format!("{path}/status"));
        assert_eq!(status(&following.ask_plain(&ask, &plain)), "401", "the whole join is over");
    }
}

#[test]
fn a_ticket_seen_in_plain_text_is_used_up_and_forged_cookies_end_nothing() {
    let mut following = Following::new(1);
    let ticket = following.world.agent_ticket(SESSION, all());
    let cookies = format!("cobrowse_ticket={ticket}");
    following.ask_plain("/join", &cookies);
    assert_eq!(status(&following.ask_secure("/join", &cookies)), "401");
    let (path, secure) = (following.path.clone(), following.secure.clone());
    let at = secure.len() - 20;
    let other = if &secure[at..=at] == "A" { "B" } else { "A" };
    let forged = format!("{}{other}{}", &secure[..at], &secure[at + 1..]);
    following.ask_plain("/nothing", &forged);
    assert_eq!(status(&following.ask_secure(&path, &secure)), "200");
}

#[test]
fn a_group_that_follows_no_longer_closes_its_plain_views() {
    let mut following = Following::new(2);
    following.visit_http(1, b"page");
    let client = following.view_plain();
    follow(&mut following.world, false);
    let heard = following.heard(client);
    assert!(heard.contains("secure_page") && following.world.clients[client].shut, "{heard:?}");
}

#[test]
fn the_view_over_tls_is_told_of_the_other_only_when_its_browser_has_the_plain_cookie() {
    let mut following = Following::new(1);
    let (path, secure, plain) =
        (following.path.clone(), following.secure.clone(), following.plain.clone());
    let other = format!(r#"name="cobrowse-other" content="{PLAIN_ORIGIN}{path}""#);
    assert!(following.ask_secure(&path, &format!("{plain}; {secure}")).contains(&other));
    assert!(!following.ask_secure(&path, &secure).contains(&other));
}

#[test]
fn posts_in_plain_text_never_count_for_a_stream_over_tls() {
    let mut following = Following::new(1);
    following.visit_http(1, b"page");
    let (plain, secure) = (following.plain.clone(), following.secure.clone());
    let (plain_csrf, secure_csrf) = (following.csrf(Scheme::Plain), following.csrf(Scheme::Secure));
    let at = following.path.replace("/view/", "/agent/");
    let post = |path: &str, origin: &str, cookie: &str, body: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: {HOST}\r\nOrigin: {origin}\r\nCookie: {cookie}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let channel = "0123456789abcdef";
    let stream = following.world.connect(0);
    let body = format!("csrf.{secure_csrf} {channel}\n");
    let answer = following
        .world
        .exchange(stream, post(&format!("{at}/stream"), ORIGIN, &secure, &body).as_bytes());
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let client = following.world.connect_plain(0);
    let body = format!("csrf.{plain_csrf} {channel} 1\n");
    let ask = post(&format!("{at}/frames"), PLAIN_ORIGIN, &plain, &body);
    let answer = following.world.exchange(client, &on_plain(ask.as_bytes()));
    assert_eq!(status(&answer), "404", "{answer}");
    // Its own stream takes it.
    let stream = following.world.connect_plain(0);
    let body = format!("csrf.{plain_csrf} {channel}\n");
    let ask = post(&format!("{at}/stream"), PLAIN_ORIGIN, &plain, &body);
    let answer = following.world.exchange(stream, &on_plain(ask.as_bytes()));
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("page"), "{answer}");
    let client = following.world.connect_plain(0);
    let body = format!("csrf.{plain_csrf} {channel} 1\n");
    let ask = post(&format!("{at}/frames"), PLAIN_ORIGIN, &plain, &body);
    assert_eq!(status(&following.world.exchange(client, &on_plain(ask.as_bytes()))), "200");
}
