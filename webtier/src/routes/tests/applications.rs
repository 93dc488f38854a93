//! What an application around the viewer may ask for with the agent's login: who is there, and offering a session.

use protocol::control::Here;

use super::*;
use crate::locks::lock;

const CRM: &str = "https://crm.example";
const PRESENCE: &str = "/api/v1/agent/presence?VisitorId=visitor-7";
const OFFERS: &str = "/api/v1/agent/offers";

/// A visitor who is there in both groups; Ada has a role in `demo` and `other`, and `demo` lists the application.
async fn world_with_visitor() -> (World, String) {
    let world = World::new();
    world.store().grant("ada", &"other".parse().unwrap(), "lead").unwrap();
    let list = |group: &mut crate::store::records::Group| {
        group.settings.embed_ancestors = vec![CRM.into()];
        Ok(())
    };
    world.store().change_group(&demo(), &list).unwrap();
    let here = |byte: u8, group: &str, url: &str| Here {
        presence: protocol::SessionNumber::from_bytes([byte; 16]),
        group: group.parse().unwrap(),
        visitor: "visitor-7".parse().unwrap(),
        page: json!({ "url": url, "visible": true }).to_string(),
    };
    let told =
        vec![here(1, "demo", "https://shop.example/cart"), here(2, "other", "https://o.example/")];
    let now_ms = world.app.clock.now_ms();
    lock(&world.app.presences).take(now_ms, "s1".parse().unwrap(), told, &[]);
    let cookie = ada(&world).await;
    (world, cookie)
}

async fn offered(world: &World, cookie: &str, origin: &str, body: Value) -> Got {
    let asked = post(world, OFFERS, body).with("content-type", "application/json");
    asked.with("cookie", cookie).with("origin", origin).got().await
}

#[tokio::test]
async fn a_listed_application_sees_who_is_there_in_the_groups_that_list_it_only() {
    let (world, cookie) = world_with_visitor().await;
    let ours = get(&world, PRESENCE).with("cookie", &cookie).got().await;
    assert_eq!(ours.json()["visitors"].as_array().unwrap().len(), 2, "our own page: {}", ours.body);
    assert_eq!(ours.header("access-control-allow-origin"), None);
    let theirs = get(&world, PRESENCE).with("cookie", &cookie).with("origin", CRM).got().await;
    let found = theirs.json()["visitors"].as_array().unwrap().clone();
    assert_eq!((found.len(), &found[0]["group"]), (1, &json!("demo")));
    assert_eq!(found[0]["url"], "https://shop.example/cart");
    assert_eq!(theirs.header("access-control-allow-origin"), Some(CRM));
    assert_eq!(theirs.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(theirs.header("vary"), Some("Origin"));
    for origin in ["https://evil.example", SHOP, "null"] {
        let got = get(&world, PRESENCE).with("cookie", &cookie).with("origin", origin).got().await;
        assert_eq!(got.json(), json!({ "visitors": [] }), "{origin}");
        assert_eq!(got.header("access-control-allow-origin"), None, "{origin}");
    }
    let nobody = get(&world, PRESENCE).with("origin", CRM).got().await;
    assert_eq!(nobody.error(), (401, "unauthorized".into()));
}

#[tokio::test]
async fn a_listed_application_offers_a_session_and_gets_the_address_at_which_the_agent_waits() {
    let (world, cookie) = world_with_visitor().await;
    let got = offered(&world, &cookie, CRM, json!({ "visitor": "visitor-7" })).await;
    assert_eq!(got.status, 201, "{}", got.body);
    let view = got.json()["view"].as_str().unwrap().to_owned();
    let path = format!("{US}/cobrowse/AgentView?SessionKey=visitor-7&Group=demo&Wait=1&Since=");
    assert!(view.starts_with(&path), "{view}");
    let waits = get(&world, &view[US.len()..]).with("cookie", &cookie).got().await;
    assert!(waits.body.contains("<title>Waiting"), "{}", waits.body);
    for (body, refused) in [
        (json!({ "visitor": "visitor-7", "session": "other" }), (403, "not_allowed")),
        (json!({ "visitor": "visitor-7", "group": "other" }), (403, "not_allowed")),
        (json!({ "visitor": "nobody" }), (404, "not_found")),
        (json!({ "visitor": "nobody", "group": "demo" }), (404, "not_found")),
        (json!({ "visitor": "a b" }), (400, "bad_request")),
        (json!({}), (400, "bad_request")),
        (json!({ "visitor": "visitor-7", "agent": "Somebody else" }), (400, "bad_request")),
    ] {
        let got = offered(&world, &cookie, CRM, body.clone()).await;
        assert_eq!(got.error(), (refused.0, refused.1.into()), "{body}");
    }
}

#[tokio::test]
async fn no_other_sites_script_offers_anything_in_an_agents_name() {
    let (world, cookie) = world_with_visitor().await;
    let body = || json!({ "visitor": "visitor-7", "group": "demo" });
    for origin in ["https://evil.example", SHOP, "null"] {
        let got = offered(&world, &cookie, origin, body()).await;
        assert_eq!(got.error(), (403, "not_allowed".into()), "{origin}");
        let asked = ask(&world, Method::OPTIONS, OFFERS).with("origin", origin).got().await;
        assert_eq!(asked.status, 403, "{origin}");
    }
    let silent = post(&world, OFFERS, body()).with("content-type", "application/json");
    let silent = silent.with("cookie", &cookie).got().await;
    assert_eq!(silent.error(), (403, "not_allowed".into()));
    // What a browser sends without asking first is no JSON to us.
    let simple = post(&world, OFFERS, body()).with("content-type", "text/plain");
    let simple = simple.with("cookie", &cookie).with("origin", CRM).got().await;
    assert_eq!(simple.error(), (400, "bad_request".into()));
    assert_eq!(offered(&world, "", CRM, body()).await.error(), (401, "unauthorized".into()));
    let preflight = ask(&world, Method::OPTIONS, OFFERS).with("origin", CRM).got().await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(preflight.header("access-control-allow-headers"), Some("content-type"));
}
