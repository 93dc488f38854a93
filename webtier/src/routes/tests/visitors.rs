//! What the visitor's script asks for: start and continue.

use super::*;

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
async fn a_group_with_terms_starts_nothing_before_they_are_accepted() {
    let world = World::new();
    world
        .store()
        .change_group(&demo(), &|group| {
            group.settings.visitor.terms =
                Some(protocol::settings::Terms { text: "Be seen.".into(), url: None });
            Ok(())
        })
        .unwrap();
    world.up("s1", 1);
    let begun = start(&world, json!({"group": "demo"})).await;
    assert_eq!(begun.error(), (428, "terms".into()));
    let begun = start(&world, json!({"group": "demo", "accepted": true})).await;
    assert_eq!(begun.started().home, 1);
}

// -- before a session, and over to another domain

#[tokio::test]
async fn a_page_of_the_group_learns_terms_look_and_trusted_origins() {
    let world = World::new();
    let got = get(&world, "/api/v1/page?group=demo").with("origin", SHOP).got().await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!(got.header("access-control-allow-origin"), Some(SHOP));
    assert_eq!((&got.json()["terms"], &got.json()["chat_origins"]), (&json!(null), &json!([])));
    for (path, origin) in [("?group=demo", OTHER), ("?group=nobody", SHOP)] {
        let got = get(&world, &format!("/api/v1/page{path}")).with("origin", origin).got().await;
        assert_eq!(got.error(), (403, "not_allowed".into()), "{path} {origin}");
    }
    for path in ["", "?group=a%20b"] {
        let got = get(&world, &format!("/api/v1/page{path}")).with("origin", SHOP).got().await;
        assert_eq!(got.error(), (400, "bad_request".into()), "{path}");
    }
}

#[tokio::test]
async fn a_visitor_tells_which_masks_its_browser_cannot_read_with_its_resume_secret_only() {
    let world = World::new();
    world.up("s1", 1);
    let group: protocol::GroupId = "demo".parse().unwrap();
    let session = live(&world, "471113").await;
    world
        .store()
        .change_group(&group, &|group| {
            group.settings.visitor.masks = vec!["#card".into(), "p:nope".into()];
            Ok(())
        })
        .unwrap();
    let tell = async |resume: &str, at: &str| {
        let body = json!({ "resume": resume, "unreadable": ["p:nope", "a stranger's text"] });
        post(&world, "/api/v1/sessions/masks", body).with("origin", at).got().await
    };
    let known = || world.app.unreadable(&world.store().group(&group).unwrap().unwrap());
    let mut stranger = Resume::from_text(&session.resume).unwrap();
    stranger.secret = protocol::secret::Secret::new([9; 32]);
    assert_eq!(tell(&stranger.to_text(), SHOP).await.error(), (404, "not_found".into()));
    let foreign = tell(&session.resume, "https://evil.example").await;
    assert_eq!(foreign.error(), (403, "not_allowed".into()));
    assert!(known().is_empty());
    let got = tell(&session.resume, SHOP).await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!(known(), ["p:nope"]);
}

#[tokio::test]
async fn a_session_crosses_to_an_origin_of_its_group_once_and_to_no_other() {
    let world = World::new();
    world.up("s1", 1);
    let session = live(&world, "471113").await;
    let cross = async |resume: &str, to: &str| {
        let body = json!({ "resume": resume, "to": to });
        post(&world, "/api/v1/sessions/cross", body).with("origin", SHOP).got().await
    };
    let arrive = async |code: &str, at: &str| {
        let body = json!({ "code": code });
        post(&world, "/api/v1/sessions/arrive", body).with("origin", at).got().await
    };
    let got = cross(&session.resume, SHOP).await;
    assert_eq!(got.status, 200, "{}", got.body);
    let code = got.json()["code"].as_str().unwrap().to_owned();
    let got = arrive(&code, SHOP).await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!(got.json()["session"], session.session);
    assert_eq!(got.json()["resume"], session.resume);
    assert_eq!(got.json()["server"], session.server);
    assert_eq!(arrive(&code, SHOP).await.error(), (404, "not_found".into()), "used twice");

    let got = cross(&session.resume, "https://evil.example").await;
    assert_eq!(got.error(), (403, "not_allowed".into()));
    let mut stranger = Resume::from_text(&session.resume).unwrap();
    stranger.secret = protocol::secret::Secret::new([7; 32]);
    assert_eq!(cross(&stranger.to_text(), SHOP).await.error(), (404, "not_found".into()));
    let code = cross(&session.resume, SHOP).await.json()["code"].as_str().unwrap().to_owned();
    assert_eq!(arrive(&code, OTHER).await.error(), (404, "not_found".into()));
    assert_eq!(arrive(&code, SHOP).await.error(), (404, "not_found".into()), "burned");
    assert_eq!(arrive("", SHOP).await.error(), (404, "not_found".into()));
}

#[tokio::test]
async fn a_frame_of_the_groups_learns_its_settings_and_its_page_once_while_the_session_runs() {
    let world = World::new();
    let list = |group: &mut crate::store::records::Group| {
        group.settings.origins.push(OTHER.into());
        group.settings.visitor.masks = vec!["#card".into()];
        Ok(())
    };
    world.store().change_group(&demo(), &list).unwrap();
    world.up("s1", 1);
    let session = live(&world, "471113").await;
    let frame = async |resume: &str, to: &str| {
        let body = json!({ "resume": resume, "to": to });
        post(&world, "/api/v1/sessions/frame", body).with("origin", SHOP).got().await
    };
    let code =
        async || frame(&session.resume, OTHER).await.json()["code"].as_str().unwrap().to_owned();
    let framed = async |code: &str, at: &str| {
        let body = json!({ "code": code });
        post(&world, "/api/v1/sessions/framed", body).with("origin", at).got().await
    };
    let good = code().await;
    let got = framed(&good, OTHER).await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!((&got.json()["group"], &got.json()["parent"]), (&json!("demo"), &json!(SHOP)));
    assert_eq!(got.json()["settings"]["masks"], json!(["#card"]));
    assert!(got.json().get("resume").is_none(), "a frame gets no secret");
    assert_eq!(framed(&good, OTHER).await.error(), (404, "not_found".into()), "used twice");
    let burned = code().await;
    assert_eq!(framed(&burned, SHOP).await.error(), (404, "not_found".into()), "another origin");
    assert_eq!(framed(&burned, OTHER).await.error(), (404, "not_found".into()), "burned");
    // A code of one kind is none of the other: with a frame's nobody takes a session up.
    let body = json!({ "code": code().await });
    let got = post(&world, "/api/v1/sessions/arrive", body).with("origin", OTHER).got().await;
    assert_eq!(got.error(), (404, "not_found".into()));
    assert_eq!(frame(&session.resume, "https://evil.example").await.error().0, 403);
    assert_eq!(frame("", OTHER).await.error().0, 404);
    // What is asked while the session runs is worth nothing after its end.
    let late = code().await;
    let ended = ReportEvent::SessionEnded { home: 1, reason: "session_ended_visitor".into() };
    world.report("s1", &session.session, ended);
    assert_eq!(framed(&late, OTHER).await.error(), (404, "not_found".into()), "it has ended");
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
async fn a_home_that_its_visitor_cannot_reach_is_left_though_it_is_well_but_not_at_once_nor_for_nowhere()
 {
    let world = World::new();
    world.up("s1", 1);
    let one = live(&world, "1").await;
    let stay = |unreachable: u32| {
        let body = json!({"resume": one.resume, "unreachable": unreachable});
        post(&world, "/api/v1/sessions/continue", body).with("origin", SHOP).got()
    };
    world.pass(HOME_MS_MIN);
    world.up("s1", 1);
    assert_eq!(stay(1).await.started().home, 1, "there is no other");
    world.up("s2", 1);
    assert_eq!(stay(2).await.started().home, 1, "not the home that it has");
    let moved = stay(1).await.started();
    assert_eq!((moved.home, moved.server.as_str()), (2, "wss://s2.cobrowse.example/visitor"));
    assert_eq!(stay(1).await.started().home, 2, "of a home that was left long ago");
    assert_eq!(stay(2).await.started().home, 2, "too soon");
    world.report("s2", &one.session, ReportEvent::SessionStarted { home: 2 });
    let told = world.store().orders(&"s1".parse().unwrap()).unwrap();
    let told: Vec<_> = told.into_iter().map(|(_, order)| order).collect();
    let session = one.session.parse().unwrap();
    assert_eq!(
        told,
        [protocol::control::Down::Moved { session, home: 2, reason: None }],
        "one session, not two"
    );
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
