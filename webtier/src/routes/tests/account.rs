//! An agent's own account: the password, and single logins.

use super::*;

#[tokio::test]
async fn a_new_password_needs_the_old_one_and_ends_every_login() {
    let world = World::new();
    let (here, there) = (ada(&world).await, ada(&world).await);
    let page = get(&world, "/account").with("cookie", &here).got().await;
    assert_eq!(page.status, 200);
    let csrf = hidden(&page.body, "csrf");
    let send = |old: &str, new: &str, csrf: &str| format!("password={old}&new={new}&csrf={csrf}");
    let path = "/account/password";
    for (body, origin, status) in [
        (send("wrong", "another+horse", &csrf), US, 403),
        (send("correct+horse", "another+horse", "x"), US, 403),
        (send("correct+horse", "another+horse", &csrf), "https://evil.example", 403),
        (send("correct+horse", "short", &csrf), US, 422),
    ] {
        let got = sent_form(&world, path, &body, &here, origin).await;
        assert_eq!(got.status, status, "{body}");
        assert_eq!(get(&world, "/").with("cookie", &there).got().await.status, 200, "{body}");
    }
    let body = send("correct+horse", "another+horse", &csrf);
    let got = sent_form(&world, path, &body, &here, US).await;
    assert_eq!((got.status, location(&got)), (303, "/login"));
    for cookie in [&here, &there] {
        assert_eq!(get(&world, "/").with("cookie", cookie).got().await.status, 303);
    }
    assert_eq!(log_in(&world, "ada", PASSWORD).await.status, 401);
    assert_eq!(log_in(&world, "ada", "another horse").await.status, 303);
}

#[tokio::test]
async fn guessing_the_old_password_from_inside_is_throttled_as_a_login_is() {
    let world = World::new();
    let cookie = ada(&world).await;
    let csrf = hidden(&get(&world, "/account").with("cookie", &cookie).got().await.body, "csrf");
    let body = format!("password=wrong&new=another+horse&csrf={csrf}");
    for _ in 0..LOGIN_ACCOUNT_BURST {
        assert_eq!(sent_form(&world, "/account/password", &body, &cookie, US).await.status, 403);
    }
    assert_eq!(sent_form(&world, "/account/password", &body, &cookie, US).await.status, 429);
    // Nobody outside can use these tries up, nor these those of a login.
    let other = ada(&world).await;
    for _ in 0..LOGIN_ACCOUNT_BURST + 1 {
        log_in(&world, "ada", "wrong").await;
    }
    let csrf = hidden(&get(&world, "/account").with("cookie", &other).got().await.body, "csrf");
    let body = format!("password={PASSWORD}&new=another+horse&csrf={csrf}").replace(' ', "+");
    assert_eq!(sent_form(&world, "/account/password", &body, &other, US).await.status, 303);
}

#[tokio::test]
async fn an_agent_ends_single_logins_of_its_own_and_of_nobody_else() {
    let world = World::new();
    let hash = crate::passwords::hash(PASSWORD).unwrap();
    world.store().add_agent(crate::testing::agent("bob", Some(hash))).unwrap();
    let bob = log_in(&world, "bob", PASSWORD).await.cookie(cookies::SESSION).unwrap();
    let bob = format!("{}={bob}", cookies::SESSION);
    let (here, there) = (ada(&world).await, ada(&world).await);
    let page = get(&world, "/account").with("cookie", &here).got().await.body;
    let bobs = get(&world, "/account").with("cookie", &bob).got().await.body;
    let csrf = hidden(&page, "csrf");
    assert!(page.contains("this one") && !bobs.contains("name=\"login\""), "one login, its own");
    let bobs_id = world.store().logins_of(&world.store().agent("bob").unwrap().unwrap().id);
    let bobs_id = bobs_id.unwrap().remove(0).0;
    let path = "/account/logins";
    let end = |id: &str, csrf: &str| format!("login={id}&csrf={csrf}");
    sent_form(&world, path, &end(&bobs_id, &csrf), &here, US).await;
    assert_eq!(get(&world, "/").with("cookie", &bob).got().await.status, 200, "not Ada's to end");
    let other = hidden(&page, "login");
    assert_eq!(sent_form(&world, path, &end(&other, "x"), &here, US).await.status, 403);
    assert_eq!(get(&world, "/").with("cookie", &there).got().await.status, 200);
    assert_eq!(sent_form(&world, path, &end(&other, &csrf), &here, US).await.status, 303);
    assert_eq!(get(&world, "/").with("cookie", &there).got().await.status, 303, "ended");
    assert_eq!(get(&world, "/").with("cookie", &here).got().await.status, 200);
}
