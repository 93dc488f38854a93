//! Every request of PROTOCOL.md section 7.2 and every error, on the router itself.

use std::net::SocketAddr;

use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Method, Request};
use protocol::control::ReportEvent;
use protocol::resume::Resume;
use protocol::start::StartAnswer;
use protocol::{Privileges, Subject};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::cookies;
use crate::limits::*;
use crate::testing::{OTHER, PASSWORD, SHOP, US, World, demo};

/// An answer, read to its end.
struct Got {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }

    fn error(&self) -> (u16, String) {
        (self.status, self.json()["error"].as_str().unwrap().to_owned())
    }

    /// The value of a cookie that was set.
    fn cookie(&self, name: &str) -> Option<String> {
        let set = self.headers.get_all(header::SET_COOKIE).iter();
        let mut set =
            set.filter_map(|cookie| cookie.to_str().unwrap().split(';').next()?.split_once('='));
        set.find(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
    }

    fn started(&self) -> StartAnswer {
        assert!(matches!(self.status, 200 | 201), "{} {}", self.status, self.body);
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A request in the making.
struct Ask<'a> {
    world: &'a World,
    builder: axum::http::request::Builder,
    peer: &'static str,
    body: String,
}

fn ask<'a>(world: &'a World, method: Method, path: &str) -> Ask<'a> {
    let builder = Request::builder().method(method).uri(path);
    Ask { world, builder, peer: "192.0.2.1:1", body: String::new() }
}

fn get<'a>(world: &'a World, path: &str) -> Ask<'a> {
    ask(world, Method::GET, path)
}

fn post<'a>(world: &'a World, path: &str, body: impl ToString) -> Ask<'a> {
    Ask { body: body.to_string(), ..ask(world, Method::POST, path) }
}

impl Ask<'_> {
    fn with(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    fn from(mut self, peer: &'static str) -> Self {
        self.peer = peer;
        self
    }

    async fn got(self) -> Got {
        let peer: SocketAddr = self.peer.parse().unwrap();
        let request =
            self.builder.extension(ConnectInfo(peer)).body(Body::from(self.body)).unwrap();
        let answer = router(self.world.app.clone()).oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = to_bytes(body, 1024 * 1024).await.unwrap();
        Got {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }
}

async fn start(world: &World, body: Value) -> Got {
    post(world, "/api/v1/sessions", body).with("origin", SHOP).got().await
}

async fn go_on(world: &World, resume: &str) -> Got {
    let body = json!({ "resume": resume });
    post(world, "/api/v1/sessions/continue", body).with("origin", SHOP).got().await
}

/// A live session of group `demo`.
async fn live(world: &World, key: &str) -> StartAnswer {
    let answer = start(world, json!({"group": "demo", "key": key})).await.started();
    let name = answer.server[6..8].to_owned();
    world.report(&name, &answer.session, ReportEvent::SessionStarted { home: 1 });
    answer
}

async fn log_in(world: &World, name: &str, password: &str) -> Got {
    let form = get(world, "/login").got().await;
    let cookie = form.cookie(cookies::FORM).unwrap();
    let csrf = hidden(&form.body, "csrf");
    let body = format!("name={name}&password={}&next=%2F&csrf={csrf}", password.replace(' ', "+"));
    sent_form(world, "/login", &body, &format!("{}={cookie}", cookies::FORM), US).await
}

async fn sent_form(world: &World, path: &str, body: &str, cookie: &str, origin: &str) -> Got {
    post(world, path, body)
        .with("content-type", "application/x-www-form-urlencoded")
        .with("cookie", cookie)
        .with("origin", origin)
        .got()
        .await
}

/// Ada's session cookie.
async fn ada(world: &World) -> String {
    let got = log_in(world, "ada", PASSWORD).await;
    assert_eq!(got.status, 303, "{}", got.body);
    format!("{}={}", cookies::SESSION, got.cookie(cookies::SESSION).unwrap())
}

async fn view(world: &World, cookie: &str, query: &str) -> Got {
    get(world, &format!("/cobrowse/AgentView?{query}")).with("cookie", cookie).got().await
}

/// The value of a form's hidden field.
fn hidden(page: &str, name: &str) -> String {
    let at = page.find(&format!("name=\"{name}\" value=\"")).unwrap() + name.len() + 15;
    page[at..].split('"').next().unwrap().to_owned()
}

fn location(got: &Got) -> &str {
    got.header("location").unwrap()
}

// -- start

#[tokio::test]
async fn a_start_gives_session_server_ticket_resume_and_settings() {
    let world = World::new();
    world.up("s1", 1);
    let got = start(&world, json!({"group": "demo", "key": null})).await;
    assert_eq!(got.status, 201, "{}", got.body);
    assert_eq!(got.header("access-control-allow-origin"), Some(SHOP));
    let answer = got.started();
    assert!(answer.key.len() == 6 && answer.key.bytes().all(|b| b.is_ascii_digit()));
    assert!(answer.session.starts_with(&format!("demo:{}:", answer.key)));
    assert_eq!(answer.server, "wss://s1.cobrowse.example/visitor");
    assert_eq!(answer.status, "https://s1.cobrowse.example/visitor/status");
    assert_eq!(
        (answer.home, answer.settings.masks.as_slice()),
        (1, ["#card".to_owned()].as_slice())
    );
    let ticket = world.open("s1", &answer.ticket);
    assert_eq!(ticket.session.to_text(), answer.session);
    let resume = Resume::from_text(&answer.resume).unwrap();
    let Subject::Visitor { resume: hash } = ticket.subject else { panic!("an agent's ticket") };
    assert!(hash.matches(&resume.secret), "the CServer can tell the owner");
}

#[tokio::test]
async fn malformed_json_group_or_key_is_a_bad_request() {
    let world = World::new();
    for body in [
        "",
        "{",
        "[]",
        "{\"group\":7}",
        "{\"group\":\"a b\"}",
        "{\"group\":\"demo\",\"key\":\"a b\"}",
    ] {
        let got = post(&world, "/api/v1/sessions", body).with("origin", SHOP).got().await;
        assert_eq!(got.error(), (400, "bad_request".into()), "{body}");
        assert_eq!(got.header("access-control-allow-origin"), Some(SHOP), "the script can read it");
    }
}

#[tokio::test]
async fn unknown_groups_and_foreign_origins_get_one_answer() {
    let world = World::new();
    world.up("s1", 1);
    let mut answers = Vec::new();
    for (group, origin) in
        [("nobody", SHOP), ("demo", OTHER), ("demo", "https://evil.example"), ("demo", "null")]
    {
        let body = json!({ "group": group });
        let got = post(&world, "/api/v1/sessions", body).with("origin", origin).got().await;
        assert_eq!(got.error(), (403, "not_allowed".into()), "{group} {origin}");
        let readable = got.header("access-control-allow-origin");
        assert_eq!(readable, [SHOP, OTHER].into_iter().find(|known| *known == origin));
        answers.push(got.body);
    }
    answers.push(post(&world, "/api/v1/sessions", json!({"group": "demo"})).got().await.body);
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test]
async fn a_preflight_is_answered_for_listed_origins_only() {
    let world = World::new();
    for path in ["/api/v1/sessions", "/api/v1/sessions/continue"] {
        let known = ask(&world, Method::OPTIONS, path).with("origin", SHOP).got().await;
        assert_eq!(known.status, 204);
        assert_eq!(known.header("access-control-allow-origin"), Some(SHOP));
        assert_eq!(known.header("access-control-allow-methods"), Some("POST"));
        assert_eq!(known.header("access-control-allow-headers"), Some("content-type"));
        assert_eq!(known.header("vary"), Some("Origin"));
        let foreign =
            ask(&world, Method::OPTIONS, path).with("origin", "https://evil.example").got().await;
        assert_eq!(foreign.status, 403);
        assert_eq!(foreign.header("access-control-allow-origin"), None);
    }
}

#[tokio::test]
async fn a_key_in_use_is_told_and_the_first_session_stays() {
    let world = World::new();
    world.up("s1", 1);
    let first = start(&world, json!({"group": "demo", "key": "visitor-7"})).await.started();
    assert_eq!(first.key, "visitor-7");
    let second = start(&world, json!({"group": "demo", "key": "visitor-7"})).await;
    assert_eq!(second.error(), (409, "key_in_use".into()));
    let other = post(&world, "/api/v1/sessions", json!({"group": "other", "key": "visitor-7"}));
    assert_eq!(other.with("origin", OTHER).got().await.status, 201, "another group's key");
    let id: protocol::SessionId = first.session.parse().unwrap();
    assert!(world.store().session(&id).unwrap().is_some());
}

#[tokio::test]
async fn too_many_starts_of_an_address_or_a_group_are_refused() {
    let world = World::new();
    let from = |peer: &'static str| {
        post(&world, "/api/v1/sessions", "{").with("origin", SHOP).from(peer).got()
    };
    for _ in 0..20 {
        assert_eq!(from("192.0.2.1:1").await.status, 400);
    }
    let refused = from("192.0.2.1:9").await;
    assert_eq!(refused.error(), (429, "too_many".into()));
    assert!(refused.header("retry-after").is_some());
    assert_eq!(from("192.0.2.2:1").await.status, 400, "another address");

    let world = World::new();
    world.up("s1", 1);
    let peers = ["192.0.2.1:1", "192.0.2.2:1"];
    let from = |peer: &'static str| {
        post(&world, "/api/v1/sessions", json!({"group": "demo"}))
            .with("origin", SHOP)
            .from(peer)
            .got()
    };
    for count in 0..15 {
        assert_eq!(from(peers[count % 2]).await.status, 201);
    }
    assert_eq!(from(peers[1]).await.error(), (429, "too_many".into()));
}

#[tokio::test(start_paused = true)]
async fn without_a_healthy_server_a_start_says_when_to_come_back() {
    let world = World::new();
    let got = start(&world, json!({"group": "demo"})).await;
    assert_eq!(got.error(), (503, "no_server".into()));
    assert_eq!(got.header("retry-after"), Some("2"));
    assert_eq!(got.header("access-control-allow-origin"), Some(SHOP));
    // Up, and yet without the newest settings.
    world.up("s1", 1);
    world.store().change_group(&demo(), &|_| Ok(())).unwrap();
    assert_eq!(start(&world, json!({"group": "demo"})).await.error(), (503, "no_server".into()));
}

#[tokio::test]
async fn a_start_waits_a_moment_for_a_server_to_take_the_settings() {
    let world = World::new();
    let (got, ()) = tokio::join!(start(&world, json!({"group": "demo"})), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        world.up("s2", 1);
    });
    assert_eq!(got.started().server, "wss://s2.cobrowse.example/visitor");
}

#[tokio::test]
async fn sessions_go_to_the_least_loaded_server() {
    let world = World::new();
    world.up("s1", 1);
    world.up("s2", 1);
    world.app.fleet().load(&"s1".parse().unwrap(), 10, true);
    for _ in 0..3 {
        let answer = start(&world, json!({"group": "demo"})).await.started();
        assert_eq!(answer.server, "wss://s2.cobrowse.example/visitor");
    }
}

// -- continue

#[tokio::test]
async fn a_session_whose_server_restarted_goes_on_elsewhere_with_the_same_id_and_resume() {
    let world = World::new();
    world.up("s1", 1);
    let first = live(&world, "1").await;
    world.up("s2", 1);
    world
        .store()
        .server_booted(&"s1".parse().unwrap(), protocol::control::Boot::new([2; 16]), 1)
        .unwrap();
    world.down("s1");
    let second = go_on(&world, &first.resume).await.started();
    assert_eq!(
        (second.session.as_str(), second.resume.as_str()),
        (&*first.session, &*first.resume)
    );
    assert_eq!((second.home, second.server.as_str()), (2, "wss://s2.cobrowse.example/visitor"));
    assert_eq!(world.open("s2", &second.ticket).home, 2);
}

#[tokio::test]
async fn a_session_of_a_draining_or_vanished_server_moves_and_a_healthy_one_stays() {
    let world = World::new();
    world.up("s1", 1);
    let (one, two) = (live(&world, "1").await, live(&world, "2").await);
    world.up("s2", 1);
    let same = go_on(&world, &one.resume).await.started();
    assert_eq!((same.home, same.server), (1, one.server.clone()));
    let drained = ReportEvent::SessionEnded { home: 1, reason: "draining".into() };
    world.report("s1", &one.session, drained);
    world.app.fleet().load(&"s1".parse().unwrap(), 0, false);
    let moved = go_on(&world, &one.resume).await.started();
    assert_eq!((moved.home, moved.server.as_str()), (2, "wss://s2.cobrowse.example/visitor"));
    world.down("s1");
    assert_eq!(go_on(&world, &two.resume).await.started().home, 2);
}

#[tokio::test]
async fn a_session_that_is_over_or_not_ones_own_cannot_be_continued() {
    let world = World::new();
    world.up("s1", 1);
    let mut answers = Vec::new();
    for (key, reason) in [
        ("1", "session_ended_visitor"),
        ("2", "session_ended_agent"),
        ("3", "session_ended_timeout"),
    ] {
        let answer = live(&world, key).await;
        world.report(
            "s1",
            &answer.session,
            ReportEvent::SessionEnded { home: 1, reason: reason.into() },
        );
        answers.push(go_on(&world, &answer.resume).await);
    }
    let mine = live(&world, "4").await;
    let mut stolen = Resume::from_text(&mine.resume).unwrap();
    stolen.secret = protocol::secret::Secret::new([0; 32]);
    answers.push(go_on(&world, &stolen.to_text()).await);
    let mut unknown = Resume::from_text(&mine.resume).unwrap();
    unknown.session.number = protocol::SessionNumber::from_bytes([9; 16]);
    answers.push(go_on(&world, &unknown.to_text()).await);
    answers.push(go_on(&world, "nonsense").await);
    for got in &answers {
        assert_eq!(got.error(), (404, "not_found".into()));
        assert_eq!(got.body, answers[0].body, "one answer");
    }
    let foreign = post(&world, "/api/v1/sessions/continue", json!({"resume": mine.resume}));
    assert_eq!(foreign.with("origin", OTHER).got().await.error(), (403, "not_allowed".into()));
    let bad = post(&world, "/api/v1/sessions/continue", "{}").with("origin", SHOP).got().await;
    assert_eq!(bad.error(), (400, "bad_request".into()));
}

#[tokio::test(start_paused = true)]
async fn a_continue_without_a_healthy_server_keeps_the_session_for_later() {
    let world = World::new();
    world.up("s1", 1);
    let one = live(&world, "1").await;
    world.down("s1");
    assert_eq!(go_on(&world, &one.resume).await.error(), (503, "no_server".into()));
    world.up("s1", 1);
    assert_eq!(go_on(&world, &one.resume).await.started().home, 1, "it was only out of sight");
}

// -- login

#[tokio::test]
async fn a_login_sets_a_secure_cookie_and_leads_back() {
    let world = World::new();
    let form = get(&world, "/login?next=/cobrowse/AgentView?SessionKey%3D1").got().await;
    assert_eq!(form.status, 200);
    assert_eq!(hidden(&form.body, "next"), "/cobrowse/AgentView?SessionKey=1");
    let body = format!(
        "name=Ada&password=correct+horse&next=%2Fcobrowse%2FAgentView%3FSessionKey%3D1&csrf={}",
        hidden(&form.body, "csrf")
    );
    let cookie = format!("{}={}", cookies::FORM, form.cookie(cookies::FORM).unwrap());
    let got = sent_form(&world, "/login", &body, &cookie, US).await;
    assert_eq!((got.status, location(&got)), (303, "/cobrowse/AgentView?SessionKey=1"));
    let set = got.headers.get_all(header::SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap());
    let set = set.filter(|cookie| cookie.starts_with("__Host-session=")).collect::<Vec<_>>();
    assert!(set[0].ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"), "{set:?}");
    let token = got.cookie(cookies::SESSION).unwrap();
    assert_eq!(token.len(), 43, "256 bits");
}

#[tokio::test]
async fn wrong_names_and_wrong_passwords_look_the_same() {
    let world = World::new();
    let strip = |got: Got| (got.status, got.body.replace(&hidden(&got.body, "csrf"), ""));
    let wrong = strip(log_in(&world, "ada", "wrong horse").await);
    let unknown = strip(log_in(&world, "eve", PASSWORD).await);
    assert_eq!(wrong.0, 401);
    assert_eq!(wrong, unknown);
}

#[tokio::test]
async fn a_form_from_elsewhere_or_without_its_value_logs_nobody_in() {
    let world = World::new();
    let form = get(&world, "/login").got().await;
    let cookie = format!("{}={}", cookies::FORM, form.cookie(cookies::FORM).unwrap());
    let good = format!("name=ada&password=correct+horse&csrf={}", hidden(&form.body, "csrf"));
    let stale = "name=ada&password=correct+horse&csrf=AAAA";
    for (body, cookie, origin) in [
        (&*good, &*cookie, "https://evil.example"),
        (&*good, &*cookie, "null"),
        (&*good, "", US),
        (stale, &*cookie, US),
    ] {
        let got = sent_form(&world, "/login", body, cookie, origin).await;
        assert_eq!((got.status, got.cookie(cookies::SESSION)), (403, None), "{origin} {cookie}");
    }
    assert_eq!(sent_form(&world, "/login", &good, &cookie, US).await.status, 303);
}

#[tokio::test]
async fn a_login_leads_to_no_other_site() {
    let world = World::new();
    let form = get(&world, "/login?next=https://evil.example/").got().await;
    assert_eq!(hidden(&form.body, "next"), "/");
    let cookie = format!("{}={}", cookies::FORM, form.cookie(cookies::FORM).unwrap());
    let csrf = hidden(&form.body, "csrf");
    let body = format!("name=ada&password=correct+horse&next=%2F%2Fevil.example&csrf={csrf}");
    assert_eq!(location(&sent_form(&world, "/login", &body, &cookie, US).await), "/");
}

#[tokio::test]
async fn guessing_is_throttled_by_account_and_recovers() {
    let world = World::new();
    for _ in 0..LOGIN_ACCOUNT_BURST {
        assert_eq!(log_in(&world, "ada", "wrong").await.status, 401);
    }
    let refused = log_in(&world, "ada", PASSWORD).await;
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").is_some());
    world.pass(LOGIN_ACCOUNT_REFILL_MS);
    assert_eq!(log_in(&world, "ada", PASSWORD).await.status, 303);
}

#[tokio::test]
async fn honest_logins_are_never_throttled() {
    let world = World::new();
    for _ in 0..LOGIN_ACCOUNT_BURST + 2 {
        assert_eq!(log_in(&world, "ada", PASSWORD).await.status, 303);
    }
}

#[tokio::test]
async fn a_login_ends_by_logging_out_by_idling_and_by_age() {
    let world = World::new();
    let cookie = ada(&world).await;
    let page = get(&world, "/").with("cookie", &cookie).got().await;
    let csrf = format!("csrf={}", hidden(&page.body, "csrf"));
    let forged = sent_form(&world, "/logout", &csrf, &cookie, "https://evil.example").await;
    assert_eq!(forged.status, 403);
    assert_eq!(sent_form(&world, "/logout", "csrf=x", &cookie, US).await.status, 403);
    assert_eq!(get(&world, "/").with("cookie", &cookie).got().await.status, 200, "still in");
    let out = sent_form(&world, "/logout", &csrf, &cookie, US).await;
    assert_eq!((out.status, location(&out)), (303, "/login"));
    assert_eq!(out.cookie(cookies::SESSION).as_deref(), Some(""));
    let again = get(&world, "/").with("cookie", &cookie).got().await;
    assert_eq!((again.status, location(&again)), (303, "/login?next=%2F"));

    let cookie = ada(&world).await;
    world.pass(LOGIN_IDLE_MS);
    assert_eq!(get(&world, "/").with("cookie", &cookie).got().await.status, 303, "idle");

    let cookie = ada(&world).await;
    for _ in 0..LOGIN_LIFE_MS / (LOGIN_IDLE_MS / 2) - 1 {
        world.pass(LOGIN_IDLE_MS / 2);
        assert_eq!(get(&world, "/").with("cookie", &cookie).got().await.status, 200);
    }
    world.pass(LOGIN_IDLE_MS / 2);
    assert_eq!(get(&world, "/").with("cookie", &cookie).got().await.status, 303, "old");
}

// -- agent view

#[tokio::test]
async fn an_agent_gets_a_ticket_in_a_cookie_and_is_sent_to_the_server() {
    let world = World::new();
    world.up("s1", 1);
    let session = live(&world, "471113").await;
    let got = view(&world, &ada(&world).await, "SessionKey=471113").await;
    assert_eq!((got.status, location(&got)), (303, "https://s1.cobrowse.example/join"));
    let cookie = got.header("set-cookie").unwrap();
    assert!(
        cookie.ends_with(
            "; Domain=cobrowse.example; Path=/join; Max-Age=30; Secure; HttpOnly; SameSite=Lax"
        ),
        "{cookie}"
    );
    let ticket = world.open("s1", &got.cookie(cookies::TICKET).unwrap());
    assert_eq!((ticket.session.to_text(), ticket.home), (session.session, 1));
    let Subject::Agent { agent, name, privileges } = ticket.subject else { panic!("a visitor's") };
    assert_eq!((name.as_str(), agent), ("ADA", world.store().agent("ada").unwrap().unwrap().id));
    assert_eq!(privileges.names().count(), Privileges::ALL.len(), "a lead may do everything");
}

#[tokio::test]
async fn the_other_spellings_lead_to_the_same_view() {
    let world = World::new();
    world.up("s1", 1);
    live(&world, "visitor-7").await;
    let cookie = ada(&world).await;
    let old = get(&world, "/cobrowse/AgentView.aspx?SessionKey=visitor-7&Wait=1").got().await;
    assert_eq!(
        (old.status, location(&old)),
        (303, "/cobrowse/AgentView?SessionKey=visitor-7&Wait=1")
    );
    let join =
        get(&world, "/agentjoin/AgentView?VisitorId=visitor-7").with("cookie", &cookie).got().await;
    assert_eq!(location(&join), "https://s1.cobrowse.example/join");
}

#[tokio::test]
async fn without_a_login_the_view_asks_for_one_and_comes_back() {
    let world = World::new();
    let got = view(&world, "", "SessionKey=1&Wait=1").await;
    assert_eq!(
        (got.status, location(&got)),
        (303, "/login?next=%2Fcobrowse%2FAgentView%3FSessionKey%3D1%26Wait%3D1")
    );
    assert_eq!(got.cookie(cookies::TICKET), None);
    let forged = format!("{}={}", cookies::SESSION, "A".repeat(43));
    assert_eq!(view(&world, &forged, "SessionKey=1").await.status, 303);
}

#[tokio::test]
async fn unknown_foreign_and_unstarted_sessions_look_the_same() {
    let world = World::new();
    world.up("s1", 1);
    let foreign = post(&world, "/api/v1/sessions", json!({"group": "other", "key": "555555"}));
    let foreign = foreign.with("origin", OTHER).got().await.started();
    world.report("s1", &foreign.session, ReportEvent::SessionStarted { home: 1 });
    start(&world, json!({"group": "demo", "key": "666666"})).await.started();
    let cookie = ada(&world).await;
    let mut pages = Vec::new();
    for query in [
        "SessionKey=555555",
        "SessionKey=666666",
        "SessionKey=777777",
        "SessionKey=555555&Group=other",
    ] {
        let got = view(&world, &cookie, query).await;
        assert_eq!(got.status, 404, "{query}");
        pages.push(got.body.replace(&query[11..17], ""));
    }
    pages.dedup();
    assert_eq!(pages.len(), 1);
    assert!(pages[0].contains("no session with that key"));
    for query in ["", "SessionKey=", "SessionKey=a%20b", "SessionKey=1&SessionKey=2"] {
        assert_eq!(view(&world, &cookie, query).await.status, 404, "{query}");
    }
}

#[tokio::test]
async fn waiting_refreshes_until_the_session_appears_or_ten_minutes_are_over() {
    let world = World::new();
    world.up("s1", 1);
    let cookie = ada(&world).await;
    let got = view(&world, &cookie, "SessionKey=471113&Wait=1").await;
    assert_eq!(got.status, 200);
    let next =
        got.body.split("url=").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
    assert!(next.starts_with("/cobrowse/AgentView?SessionKey=471113&Wait=1&Since="), "{next}");
    world.pass(WAIT_MS_MAX - 1);
    let query = next.split_once('?').unwrap().1;
    assert_eq!(view(&world, &cookie, query).await.status, 200);
    world.pass(1);
    let over = view(&world, &cookie, query).await;
    assert_eq!(over.status, 404);
    assert!(!over.body.contains("http-equiv"));
    world.up("s1", 1);
    live(&world, "471113").await;
    assert_eq!(location(&view(&world, &cookie, query).await), "https://s1.cobrowse.example/join");
}

#[tokio::test]
async fn a_key_in_several_groups_asks_which() {
    let world = World::new();
    world.up("s1", 1);
    world.store().grant("ada", &"other".parse().unwrap(), "viewer").unwrap();
    live(&world, "1").await;
    let other = post(&world, "/api/v1/sessions", json!({"group": "other", "key": "1"}));
    let other = other.with("origin", OTHER).got().await.started();
    world.report("s1", &other.session, ReportEvent::SessionStarted { home: 1 });
    let cookie = ada(&world).await;
    let got = view(&world, &cookie, "SessionKey=1").await;
    assert_eq!(got.status, 300);
    assert!(
        got.body.contains("SessionKey=1&amp;Group=demo")
            && got.body.contains("SessionKey=1&amp;Group=other")
    );
    let chosen = view(&world, &cookie, "SessionKey=1&Group=other").await;
    let ticket = world.open("s1", &chosen.cookie(cookies::TICKET).unwrap());
    let Subject::Agent { privileges, .. } = ticket.subject else { panic!("a visitor's") };
    assert_eq!(privileges, Privileges::VIEW | Privileges::POINT, "the role in that group");
}

#[tokio::test]
async fn a_server_out_of_reach_is_told_and_the_page_looks_again() {
    let world = World::new();
    world.up("s1", 1);
    let session = live(&world, "1").await;
    let cookie = ada(&world).await;
    world.down("s1");
    let got = view(&world, &cookie, "SessionKey=1").await;
    assert_eq!((got.status, got.cookie(cookies::TICKET)), (503, None));
    assert!(got.body.contains("http-equiv=\"refresh\"") && got.body.contains("cannot be reached"));
    // It comes back without its sessions: the view goes on looking while the visitor may move.
    world.up("s1", 2);
    assert_eq!(view(&world, &cookie, "SessionKey=1").await.status, 503);
    let moved = go_on(&world, &session.resume).await.started();
    assert_eq!(view(&world, &cookie, "SessionKey=1").await.status, 503, "not there yet");
    world.report("s1", &moved.session, ReportEvent::SessionStarted { home: 2 });
    assert_eq!(view(&world, &cookie, "SessionKey=1").await.status, 303);
}

#[tokio::test]
async fn losing_the_group_takes_the_view_and_the_login_away() {
    let world = World::new();
    world.up("s1", 1);
    live(&world, "1").await;
    let cookie = ada(&world).await;
    world.store().revoke("ada", &demo()).unwrap();
    assert_eq!(
        location(&view(&world, &cookie, "SessionKey=1").await),
        "/login?next=%2Fcobrowse%2FAgentView%3FSessionKey%3D1"
    );
    assert_eq!(view(&world, &ada(&world).await, "SessionKey=1").await.status, 404);
}

// -- lists, assets and the rest

#[tokio::test]
async fn an_agent_sees_the_live_sessions_of_its_groups_only() {
    let world = World::new();
    world.up("s1", 1);
    live(&world, "471113").await;
    start(&world, json!({"group": "demo", "key": "not-live"})).await.started();
    let foreign = post(&world, "/api/v1/sessions", json!({"group": "other", "key": "foreign"}));
    let foreign = foreign.with("origin", OTHER).got().await.started();
    world.report("s1", &foreign.session, ReportEvent::SessionStarted { home: 1 });
    let cookie = ada(&world).await;
    let list = get(&world, "/api/v1/agent/sessions").with("cookie", &cookie).got().await;
    let expected = json!({"sessions": [
        {"group": "demo", "key": "471113", "started_ms": crate::testing::T0, "server": "s1", "state": "live"}
    ]});
    assert_eq!(list.json(), expected);
    let page = get(&world, "/").with("cookie", &cookie).got().await;
    assert!(
        page.body.contains("/cobrowse/AgentView?SessionKey=471113&amp;Group=demo"),
        "{}",
        page.body
    );
    assert!(!page.body.contains("foreign") && !page.body.contains("not-live"));
    world.down("s1");
    let list = get(&world, "/api/v1/agent/sessions").with("cookie", &cookie).got().await;
    assert_eq!(list.json()["sessions"][0]["state"], "unreachable");
    let nobody = get(&world, "/api/v1/agent/sessions").got().await;
    assert_eq!(nobody.error(), (401, "unauthorized".into()));
}

#[tokio::test]
async fn scripts_may_be_loaded_by_any_page_and_are_asked_for_again_by_their_tag() {
    let world = World::new();
    for path in ["/cobrowse/loader.js", "/cobrowse/visitor.js"] {
        let got = get(&world, path).got().await;
        assert_eq!(got.status, 200);
        assert!(!got.body.is_empty());
        assert_eq!(got.header("content-type"), Some("text/javascript; charset=utf-8"));
        assert_eq!(got.header("access-control-allow-origin"), Some("*"));
        assert_eq!(got.header("cross-origin-resource-policy"), Some("cross-origin"));
        assert!(got.header("cache-control").unwrap().starts_with("public"));
        let tag = got.header("etag").unwrap();
        let again = get(&world, path).with("if-none-match", tag).got().await;
        assert_eq!((again.status, again.body.as_str()), (304, ""));
        assert_eq!(get(&world, path).with("if-none-match", "\"x\"").got().await.status, 200);
    }
}

#[tokio::test]
async fn every_answer_carries_the_protective_headers_and_pages_run_no_script() {
    let world = World::new();
    for path in ["/healthz", "/login", "/cobrowse/loader.js", "/nowhere", "/api/v1/agent/sessions"]
    {
        let got = get(&world, path).with("accept", "text/html").got().await;
        for (name, value) in [
            ("strict-transport-security", "max-age=31536000"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
        ] {
            assert_eq!(got.header(name), Some(value), "{path}");
        }
        let policy = got.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}"
        );
        assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{path}");
    }
    let login = get(&world, "/login").got().await;
    let policy = login.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self' https://*.cobrowse.example:*"), "{policy}");
    assert!(!login.body.contains("<script") && !login.body.contains("style="));
    assert_eq!(login.header("cache-control"), Some("no-store"));
    assert_eq!(get(&world, "/assets/web.css").got().await.status, 200);
}

#[tokio::test]
async fn health_counts_the_servers_that_are_up() {
    let world = World::new();
    assert_eq!(
        get(&world, "/healthz").got().await.json(),
        json!({"status": "ok", "servers_up": 0})
    );
    world.up("s1", 1);
    assert_eq!(
        get(&world, "/healthz").got().await.json(),
        json!({"status": "ok", "servers_up": 1})
    );
}

#[tokio::test]
async fn an_unknown_path_is_answered_in_the_language_of_who_asks() {
    let world = World::new();
    let json = get(&world, "/nowhere").got().await;
    assert_eq!(json.error(), (404, "not_found".into()));
    let page = get(&world, "/nowhere").with("accept", "text/html,*/*").got().await;
    assert_eq!(page.status, 404);
    assert!(page.body.starts_with("<!doctype html>"));
    assert_eq!(post(&world, "/healthz", "").got().await.status, 405);
}

#[tokio::test]
async fn a_body_past_the_limit_is_refused() {
    let world = World::new();
    let body = "x".repeat(REQUEST_BODY_BYTES_MAX + 1);
    let got = post(&world, "/api/v1/sessions", body).with("origin", SHOP).got().await;
    assert_eq!(got.status, 413);
}

#[tokio::test]
async fn keys_that_nobody_acknowledges_any_more_end_joins_with_503() {
    let world = World::new();
    world.up("s1", 1);
    live(&world, "1").await;
    world.pass(protocol::limits::SERVER_KEY_STALE_MS_MAX);
    let cookie = ada(&world).await;
    assert_eq!(view(&world, &cookie, "SessionKey=1").await.status, 503);
}
