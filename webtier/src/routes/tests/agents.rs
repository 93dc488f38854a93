//! What agents and everybody else ask for: agent view, lists, assets, health.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;

// -- agent view

#[tokio::test]
async fn an_agent_gets_a_ticket_in_a_cookie_and_is_sent_to_the_server() {
    let world = World::new();
    world.up("s1", 1);
    let session = live(&world, "471113").await;
    let got = view(&world, &ada(&world).await, "SessionKey=471113").await;
    assert_eq!((got.status, join_of(&got)), (303, "https://s1.cobrowse.example/join"));
    let path = location(&got).strip_prefix("https://s1.cobrowse.example").unwrap();
    let cookie = got.header("set-cookie").unwrap();
    let attributes = format!(
        "; Domain=cobrowse.example; Path={path}; Max-Age=30; Secure; HttpOnly; SameSite=Lax"
    );
    assert!(cookie.ends_with(&attributes), "{cookie}");
    let other = view(&world, &ada(&world).await, "SessionKey=471113").await;
    assert_ne!(location(&other), location(&got), "two windows, two cookies");
    let ticket = world.open("s1", &got.cookie(cookies::TICKET).unwrap());
    assert_eq!((ticket.session.to_text(), ticket.home), (session.session, 1));
    let Subject::Agent { agent, name, privileges } = ticket.subject else { panic!("a visitor's") };
    assert_eq!((name.as_str(), agent), ("ADA", world.store().agent("ada").unwrap().unwrap().id));
    assert_eq!(privileges.names().count(), Privileges::ALL.len(), "a lead may do everything");
}

#[tokio::test]
async fn on_a_server_of_another_domain_the_ticket_travels_in_a_form() {
    let world = World::new();
    let elsewhere = crate::store::records::Server {
        public_url: "https://s3.elsewhere.example".into(),
        ..crate::testing::server("s3")
    };
    world.store().add_server(elsewhere).unwrap();
    world.app.fleet().configure(&world.store().servers().unwrap());
    world.up("s3", 3);
    live(&world, "471113").await;
    let got = view(&world, &ada(&world).await, "SessionKey=471113").await;
    assert_eq!((got.status, got.cookie(cookies::TICKET)), (200, None));
    assert_eq!(got.header("location"), None, "no address carries it");
    assert!(got.body.contains("action=\"https://s3.elsewhere.example/join\" data-submit"));
    let ticket = world.open("s3", &hidden(&got.body, "ticket"));
    assert!(matches!(ticket.subject, Subject::Agent { .. }));
    assert_eq!(got.header("referrer-policy"), Some("strict-origin"));
    let policy = got.header("content-security-policy").unwrap();
    assert!(
        policy.contains(
            "form-action 'self' https://*.cobrowse.example:* https://s3.elsewhere.example;"
        )
    );
    assert!(policy.contains("script-src 'self';"), "{policy}");
}

#[tokio::test]
async fn listed_applications_frame_our_pages_and_nobody_else_does() {
    let world = World::new();
    let framed = |path| get(&world, path).with("sec-fetch-dest", "iframe");
    let got = framed("/login").got().await;
    assert_eq!(got.header("x-frame-options"), Some("DENY"), "no group lists any");
    let list = |group: &mut crate::store::records::Group| {
        group.settings.embed_ancestors = vec!["https://crm.example".into()];
        Ok(())
    };
    world.store().change_group(&demo(), &list).unwrap();
    let got = framed("/login").got().await;
    assert_eq!(got.header("x-frame-options"), None);
    let policy = got.header("content-security-policy").unwrap();
    assert!(policy.ends_with("; frame-ancestors https://crm.example"), "{policy}");
    let cookie = got.header("set-cookie").unwrap();
    assert!(cookie.ends_with("; Secure; HttpOnly; SameSite=None; Partitioned"), "{cookie}");
    let window = get(&world, "/login").with("sec-fetch-dest", "document").got().await;
    assert_eq!(window.header("x-frame-options"), Some("DENY"));
    assert!(window.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
    assert!(window.header("set-cookie").unwrap().ends_with("SameSite=Lax"));
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
    assert_eq!(join_of(&join), "https://s1.cobrowse.example/join");
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

#[tokio::test(start_paused = true)]
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

/// What takes time is counted, since a clock would say something else on every machine.
#[tokio::test]
async fn sessions_of_other_groups_and_keys_that_no_session_has_cost_the_same_work() {
    let world = World::new();
    world.up("s1", 1);
    let foreign = post(&world, "/api/v1/sessions", json!({"group": "other", "key": "555555"}));
    let foreign = foreign.with("origin", OTHER).got().await.started();
    world.report("s1", &foreign.session, ReportEvent::SessionStarted { home: 1 });
    let cookie = ada(&world).await;
    let mut works = Vec::new();
    for query in [
        "SessionKey=555555",
        "SessionKey=777777",
        "SessionKey=555555&Group=other",
        "SessionKey=777777&Group=other",
        "SessionKey=555555&Group=nobodys",
    ] {
        let before = world.work().1;
        assert_eq!(view(&world, &cookie, query).await.status, 404, "{query}");
        works.push(world.work().1 - before);
    }
    assert_eq!(works[0], works[1], "a session of another group, and none");
    assert_eq!(works[2..], [works[2]; 3], "in another group, and in one that is not there");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_its_server_has_not_reported_yet_is_waited_for() {
    let world = World::new();
    world.up("s1", 1);
    let session = start(&world, json!({"group": "demo", "key": "471113"})).await.started().session;
    let cookie = ada(&world).await;
    let report = async {
        tokio::time::sleep(Duration::from_millis(SESSION_WAIT_MS / 2)).await;
        world.report("s1", &session, ReportEvent::SessionStarted { home: 1 });
    };
    let (got, ()) = tokio::join!(view(&world, &cookie, "SessionKey=471113"), report);
    assert_eq!(join_of(&got), "https://s1.cobrowse.example/join");
}

#[tokio::test(start_paused = true)]
async fn windows_that_wait_side_by_side_for_what_is_there_are_no_guesses() {
    let world = World::new();
    world.up("s1", 1);
    let cookie = ada(&world).await;
    for wave in 1..=4 {
        // So long that visitors may start again; of an agent's tries, two come back.
        world.pass(2 * GUESS_REFILL_MS);
        world.up("s1", 1);
        let keys: Vec<_> = (0..GUESS_BURST / 2).map(|n| (wave * 1_000 + n).to_string()).collect();
        for key in &keys {
            start(&world, json!({"group": "demo", "key": key})).await.started();
        }
        let queries: Vec<_> = keys.iter().map(|key| format!("SessionKey={key}&Wait=1")).collect();
        let windows = queries.iter().map(|query| view(&world, &cookie, query));
        for got in futures_util::future::join_all(windows).await {
            assert_eq!(got.status, 200, "{wave}: {}", got.body);
        }
    }
    // What is not there counts as ever.
    for key in 0..GUESS_BURST {
        assert_eq!(view(&world, &cookie, &format!("SessionKey={key}")).await.status, 404);
    }
    assert_eq!(view(&world, &cookie, "SessionKey=99").await.status, 429);
}

#[tokio::test(start_paused = true)]
async fn an_agent_follows_a_session_to_its_next_home_and_is_not_sent_back_to_a_server_that_is_away()
{
    let world = World::new();
    world.up("s1", 1);
    let one = live(&world, "1").await;
    world.up("s2", 1);
    let cookie = ada(&world).await;
    // The web tier has not noticed anything yet.
    let query = "SessionKey=1&Group=demo&Away=https%3A%2F%2Fs1.cobrowse.example";
    let waits = view(&world, &cookie, query).await;
    assert_eq!((waits.status, waits.cookie(cookies::TICKET)), (503, None));
    assert!(
        waits.body.contains("/cobrowse/AgentView?SessionKey=1&amp;Group=demo\""),
        "{}",
        waits.body
    );
    // The CServer dies, and the visitor is given another.
    world.down("s1");
    let moves = async {
        tokio::time::sleep(Duration::from_millis(SESSION_WAIT_MS / 4)).await;
        assert_eq!(go_on(&world, &one.resume).await.started().home, 2);
        tokio::time::sleep(Duration::from_millis(SESSION_WAIT_MS / 4)).await;
        world.report("s2", &one.session, ReportEvent::SessionStarted { home: 2 });
    };
    let (got, ()) = tokio::join!(view(&world, &cookie, query), moves);
    assert_eq!(join_of(&got), "https://s2.cobrowse.example/join");
}

#[tokio::test]
async fn beside_the_ticket_goes_the_way_to_another_and_the_second_says_so() {
    let world = World::new();
    world.up("s1", 1);
    live(&world, "a.b").await;
    let cookie = ada(&world).await;
    for (query, tried) in [("SessionKey=a.b", ""), ("SessionKey=a.b&Again=1", "&Again=1")] {
        let got = view(&world, &cookie, query).await;
        let way = got.cookie(cookies::WAY).expect("a way");
        let way = String::from_utf8(URL_SAFE_NO_PAD.decode(way).unwrap()).unwrap();
        let (origin, to) = way.split_once("/cobrowse/").unwrap();
        assert_eq!(to, format!("AgentView?SessionKey=a.b&Group=demo{tried}"));
        assert_eq!(origin, world.app.config.public_url);
    }
}

#[tokio::test]
async fn trying_keys_ends_in_429_whether_or_not_the_next_would_have_fit() {
    let world = World::new();
    world.up("s1", 1);
    live(&world, "471113").await;
    let cookie = ada(&world).await;
    for key in 0..GUESS_BURST {
        assert_eq!(view(&world, &cookie, &format!("SessionKey={key}")).await.status, 404);
    }
    for query in ["SessionKey=471113", "SessionKey=99", "SessionKey=471113&Group=demo"] {
        let got = view(&world, &cookie, query).await;
        assert_eq!((got.status, got.cookie(cookies::TICKET)), (429, None), "{query}");
        assert_eq!(got.header("retry-after"), Some("30"));
    }
    world.pass(GUESS_REFILL_MS);
    world.up("s1", 1);
    assert_eq!(view(&world, &cookie, "SessionKey=471113").await.status, 303);
}

#[tokio::test]
async fn asking_for_a_group_without_a_role_first_makes_no_key_free() {
    let world = World::new();
    let cookie = ada(&world).await;
    let mut last = 0;
    for key in 0..=GUESS_BURST {
        for query in [format!("SessionKey={key}&Group=other"), format!("SessionKey={key}")] {
            last = view(&world, &cookie, &query).await.status;
        }
    }
    assert_eq!(last, 429);
}

#[tokio::test]
async fn a_declined_offer_is_told_to_the_agents_of_its_group_only() {
    let world = World::new();
    let hash = crate::passwords::hash(PASSWORD).unwrap();
    world.store().add_agent(crate::testing::agent("bob", Some(hash))).unwrap();
    world.store().grant("bob", &"other".parse().unwrap(), "lead").unwrap();
    let offer = protocol::SessionNumber::from_bytes([9; 16]);
    let visitor: protocol::SessionKey = "visitor-7".parse().unwrap();
    let now_ms = world.app.clock.now_ms();
    {
        let mut presences = crate::locks::lock(&world.app.presences);
        let presence = protocol::SessionNumber::from_bytes([1; 16]);
        let says = |presences: &mut crate::presence::Presences, page: String| {
            let here = protocol::control::Here { presence, group: demo(), visitor, page };
            presences.take(now_ms, "s1".parse().unwrap(), vec![here], &[]);
        };
        says(&mut presences, "{}".into());
        let ada = protocol::AgentId::from_bytes([1; 16]);
        presences.offer(now_ms, offer, ada, demo(), visitor).unwrap();
        says(&mut presences, format!(r#"{{"declined":"{}"}}"#, offer.to_hex()));
    }
    let query = format!("SessionKey=visitor-7&Wait=1&Since={now_ms}");
    let told = |got: Got| got.body.contains("<title>Declined");
    assert!(told(view(&world, &ada(&world).await, &query).await));
    let bob = log_in(&world, "bob", PASSWORD).await.cookie(cookies::SESSION).unwrap();
    let bob = format!("{}={bob}", cookies::SESSION);
    assert!(!told(view(&world, &bob, &query).await));
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
    assert_eq!(join_of(&view(&world, &cookie, query).await), "https://s1.cobrowse.example/join");
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
async fn a_pinned_release_is_kept_for_good_and_another_is_not_there() {
    let world = World::new();
    let pinned = |name: &str| format!("/cobrowse/v/{}/{name}", env!("CARGO_PKG_VERSION"));
    for name in ["loader.js", "visitor.js", "words/de.js", "integrity.json"] {
        let got = get(&world, &pinned(name)).got().await;
        assert_eq!(got.status, 200, "{name}");
        assert_eq!(got.body, get(&world, &format!("/cobrowse/{name}")).got().await.body);
        assert!(got.header("cache-control").unwrap().contains("immutable"), "{name}");
        assert_eq!(got.header("access-control-allow-origin"), Some("*"));
    }
    let integrity = get(&world, &pinned("integrity.json")).got().await.json();
    assert_eq!(integrity["version"], env!("CARGO_PKG_VERSION"), "one number for all parts");
    for path in [pinned("eval.js"), "/cobrowse/v/0.0.0/loader.js".into(), pinned("../loader.js")] {
        assert_eq!(get(&world, &path).got().await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn every_answer_carries_the_protective_headers_and_pages_run_no_script() {
    let world = World::new();
    for path in ["/healthz", "/login", "/cobrowse/loader.js", "/nowhere", "/api/v1/agent/sessions"]
    {
        let got = get(&world, path).with("accept", "text/html").got().await;
        for (name, value) in [
            ("strict-transport-security", "max-age=63072000"),
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
