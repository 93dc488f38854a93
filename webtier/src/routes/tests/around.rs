//! Our own page around a view: when it stands there, what it carries, and that nobody else's link decides it.

use super::*;

const VIEWS: &str = "https://s3.views.example";

/// A live session on a server of another site, with our page around views.
async fn surrounded() -> World {
    elsewhere("surrounds_views = \"always\"").await
}

/// A live session on a server of another site.
async fn elsewhere(setting: &str) -> World {
    let world = World::with(setting);
    let elsewhere =
        crate::store::records::Server { public_url: VIEWS.into(), ..crate::testing::server("s3") };
    world.store().add_server(elsewhere).unwrap();
    world.app.fleet().configure(&world.store().servers().unwrap());
    world.up("s3", 3);
    live(&world, "471113").await;
    world
}

async fn open(world: &World, query: &str, headers: &[(&str, &str)]) -> Got {
    let cookie = ada(world).await;
    let path = format!("/cobrowse/AgentView?SessionKey=471113{query}");
    let asked = get(world, &path).with("cookie", &cookie);
    headers.iter().fold(asked, |asked, (name, value)| asked.with(name, value)).got().await
}

const WINDOW: (&str, &str) = ("sec-fetch-dest", "document");

fn is_around(got: &Got) -> bool {
    got.body.contains("class=\"around\"")
}

#[tokio::test]
async fn a_page_of_ours_stands_around_a_view_of_another_site_and_hands_the_ticket_over_by_a_form() {
    let world = surrounded().await;
    let got = open(&world, "", &[WINDOW]).await;
    assert!(got.status == 200 && is_around(&got), "{}", got.body);
    let policy = got.header("content-security-policy").unwrap();
    for part in [
        "default-src 'none'; script-src 'self'; style-src 'self';",
        "connect-src 'self'; frame-src https://s3.views.example; form-action https://s3.views.example;",
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    ] {
        assert!(policy.contains(part), "{part} is missing in {policy}");
    }
    assert_eq!(got.header("x-frame-options"), Some("DENY"));
    assert_eq!(got.header("cross-origin-opener-policy"), Some("same-origin"));
    assert_eq!(got.header("referrer-policy"), Some("strict-origin"));
    assert_eq!(got.header("cache-control"), Some("no-store"));
    assert_eq!((got.header("location"), got.cookie(cookies::TICKET)), (None, None));
    assert!(got.body.contains("action=\"https://s3.views.example/join\""));
    let ticket = world.open("s3", &hidden(&got.body, "ticket"));
    assert!(matches!(ticket.subject, Subject::Agent { .. }));
    assert_eq!(got.body.matches("<script").count(), 1);
    assert!(got.body.contains("<script src=\"/cobrowse/around.js\" defer></script>"));
    assert_eq!(get(&world, "/cobrowse/around.js").got().await.status, 200);
}

#[tokio::test]
async fn it_stands_around_windows_only_and_its_own_link_alone_leaves_it_away() {
    let world = surrounded().await;
    let site = |value| ("sec-fetch-site", value);
    for (query, headers, expected) in [
        ("", &[][..], false),
        ("", &[("sec-fetch-dest", "iframe")], false),
        ("&Alone=1", &[WINDOW, site("same-origin")], false),
        ("&Alone=1", &[WINDOW, site("cross-site")], true),
        ("&Alone=1", &[WINDOW, site("same-site")], true),
        ("&Alone=1", &[WINDOW, site("none")], true),
        ("&Alone=1", &[WINDOW], true),
        ("&Away=https://evil.example", &[WINDOW], true),
    ] {
        let got = open(&world, query, headers).await;
        assert_eq!((got.status, is_around(&got)), (200, expected), "{query} {headers:?}");
        assert!(!got.body.contains("evil"), "{}", got.body);
        assert_eq!(is_around(&got), !got.body.contains("data-submit"), "else it is handed over");
    }
}

#[tokio::test]
async fn a_second_try_says_so_and_a_foreign_address_is_none_of_the_pages() {
    let world = surrounded().await;
    assert!(!open(&world, "", &[WINDOW]).await.body.contains(" data-second"));
    let second = open(&world, "&Again=1&Group=demo&Since=%22%3E%3Cscript%3E", &[WINDOW]).await;
    assert!(second.status != 200 || !second.body.contains("<script>"));
    let second = open(&world, "&Again=1", &[WINDOW]).await;
    assert!(second.body.contains(" data-second>"), "{}", second.body);
    let again = "data-again=\"/cobrowse/AgentView?SessionKey=471113&amp;Group=demo\"";
    assert!(second.body.contains(again), "{}", second.body);
}

#[tokio::test]
async fn without_the_setting_on_our_own_domain_and_where_the_protocol_is_followed_nothing_changes()
{
    let world = surrounded().await;
    let follows = |group: &mut crate::store::records::Group| {
        group.settings.follows_protocol = true;
        Ok(())
    };
    world.store().change_group(&demo(), &follows).unwrap();
    assert!(!is_around(&open(&world, "", &[WINDOW]).await), "no frame over HTTP in HTTPS");

    for setting in ["surrounds_views = \"always\"", ""] {
        let world = World::with(setting);
        world.up("s1", 1);
        live(&world, "471113").await;
        let got = open(&world, "", &[WINDOW, ("user-agent", FIREFOX)]).await;
        assert_eq!((got.status, join_of(&got)), (303, "https://s1.cobrowse.example/join"));
    }
}

#[tokio::test]
async fn where_nothing_is_set_it_stands_in_firefox_and_whoever_says_never_has_it_nowhere() {
    for (setting, browser, expected) in [
        ("", FIREFOX, true),
        ("", CHROMIUM, false),
        ("surrounds_views = \"where_needed\"", FIREFOX, true),
        ("surrounds_views = \"always\"", CHROMIUM, true),
        ("surrounds_views = \"never\"", FIREFOX, false),
    ] {
        let world = elsewhere(setting).await;
        let got = open(&world, "", &[WINDOW, ("user-agent", browser)]).await;
        assert_eq!((got.status, is_around(&got)), (200, expected), "{setting} {browser}");
        assert_eq!(is_around(&got), !got.body.contains("data-submit"), "else it is handed over");
    }
    // Who says nothing of itself gets a view alone.
    assert!(!is_around(&open(&elsewhere("").await, "", &[WINDOW]).await));
    let got = open(&elsewhere("").await, "", &[("user-agent", FIREFOX)]).await;
    assert!(!is_around(&got), "nothing that is no window");
}

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0";
const CHROMIUM: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36";
