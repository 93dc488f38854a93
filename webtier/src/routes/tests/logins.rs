//! Logging in and out, and what guessing passwords costs.

use super::*;

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

/// What takes time is counted, since a clock would say something else on every machine.
#[tokio::test]
async fn unknown_accounts_wrong_passwords_and_accounts_without_one_cost_the_same_work() {
    let world = World::new();
    world.store().add_agent(crate::testing::agent("bob", None)).unwrap();
    let long = "x".repeat(PASSWORD_BYTES_MAX + 1);
    let mut works = Vec::new();
    for (name, password) in [
        ("ada", "wrong horse"),
        ("eve", PASSWORD),
        ("bob", PASSWORD),
        ("ada", &long),
        ("eve", &long),
    ] {
        let before = world.work();
        assert_eq!(log_in(&world, name, password).await.status, 401, "{name}");
        let after = world.work();
        works.push((after.0 - before.0, after.1 - before.1));
    }
    let reads = works[0].1;
    assert!(reads > 0);
    assert_eq!(works[..3], [(1, reads); 3], "one hash for everybody, and the same reads");
    assert_eq!(works[3..], [(0, reads); 2], "what can be no password is hashed for nobody");
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
async fn names_that_no_account_can_have_are_counted_as_one() {
    let world = World::new();
    for n in 0..LOGIN_ACCOUNT_BURST {
        let name = format!("{n}{}", "a".repeat(NAME_BYTES_MAX));
        assert_eq!(log_in(&world, &name, PASSWORD).await.status, 401);
    }
    assert_eq!(log_in(&world, &"b".repeat(NAME_BYTES_MAX + 1), PASSWORD).await.status, 429);
    assert_eq!(log_in(&world, "ada", PASSWORD).await.status, 303);
}

#[tokio::test]
async fn strangers_guesses_keep_no_agent_out_of_a_browser_that_the_account_knows() {
    let world = World::new();
    let device =
        |got: &Got| format!("{}={}", cookies::DEVICE, got.cookie(cookies::DEVICE).unwrap());
    let first = log_in(&world, "ada", PASSWORD).await;
    let set = first.headers.get_all(header::SET_COOKIE).iter();
    let set: Vec<_> = set.map(|cookie| cookie.to_str().unwrap()).collect();
    let lasting = set.iter().find(|cookie| cookie.starts_with("__Host-device=")).unwrap();
    let attributes = "; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=15552000";
    assert!(lasting.ends_with(attributes), "{lasting}");
    let known = device(&first);
    // From a stranger's address all of the account's tries, and from the agent's own all of the address's.
    for at in 0..LOGIN_ADDRESS_BURST {
        let name = if at < LOGIN_ACCOUNT_BURST { "ada".into() } else { format!("nobody{at}") };
        log_in_with(&world, &name, "wrong", "").await;
    }
    assert_eq!(log_in_with(&world, "ada", PASSWORD, "").await.status, 429, "a strange browser");
    let forged = format!("{}={}", cookies::DEVICE, "A".repeat(64));
    assert_eq!(log_in_with(&world, "ada", PASSWORD, &forged).await.status, 429, "a forged one");
    assert_eq!(log_in_with(&world, "eve", PASSWORD, &known).await.status, 429, "another account's");
    let again = log_in_with(&world, "ada", PASSWORD, &known).await;
    assert_eq!(again.status, 303, "the browser in which she has logged in");
    // It opens nothing: guessing in it is guessing.
    for _ in 0..LOGIN_ACCOUNT_BURST {
        assert_eq!(log_in_with(&world, "ada", "wrong", &known).await.status, 401);
    }
    assert_eq!(log_in_with(&world, "ada", PASSWORD, &known).await.status, 429);
    assert_eq!(log_in_with(&world, "ada", PASSWORD, &device(&again)).await.status, 303);
    world.store().set_password("ada", &crate::passwords::hash("another horse").unwrap()).unwrap();
    let old = log_in_with(&world, "ada", "another horse", &device(&again)).await;
    assert_eq!(old.status, 429, "a new password forgets the browsers of the old one");
    assert_eq!(get(&world, "/").with("cookie", &known).got().await.status, 303, "it opens nothing");
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
