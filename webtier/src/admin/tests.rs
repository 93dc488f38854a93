//! Orders, on the store and over the socket.

use std::sync::Arc;

use super::*;
use crate::testing::{PASSWORD, World};

const OFFLINE: Context<'_> = Context {
    cookie_domain: "cobrowse.example",
    public_url: "https://www.cobrowse.example",
    surrounds_views: Surrounding::WhereNeeded,
    now_ms: 1,
    audit_key: None,
    status: None,
    unreadable: None,
};

fn line(world: &World, order: Order) -> Result<(Vec<String>, Vec<Effect>), String> {
    let Ran { told, effects } = run(world.store(), &OFFLINE, order);
    told.map(|lines| (lines, effects)).map_err(|error| error.to_string())
}

fn server_add(public_url: &str, control_name: &str, address: &str) -> Order {
    Order::ServerAdd {
        server: "s9".parse().unwrap(),
        public_url: public_url.into(),
        control_name: control_name.into(),
        address: address.into(),
    }
}

#[test]
fn a_server_is_added_with_the_way_that_tickets_take_to_it() {
    let world = World::new();
    let bad =
        line(&world, server_add("http://s9.elsewhere.example", "c 9", "localhost")).unwrap_err();
    for part in ["is not an https origin", "is not a host name", "is not host:port"] {
        assert!(bad.contains(part), "{part} is missing in {bad}");
    }
    let same = server_add("https://s9.cobrowse.example", "s9.cobrowse.example", "127.0.0.1:1");
    assert!(line(&world, same).unwrap_err().contains("another than the public one"));
    let good =
        server_add("https://s9.cobrowse.example:9444", "c9.cobrowse.example", "127.0.0.1:9444");
    let (said, effects) = line(&world, good).unwrap();
    assert_eq!(effects, [Effect::Servers]);
    assert!(said[0].ends_with("in a cookie"), "{said:?}");
    line(&world, Order::ServerRemove { server: "s9".parse().unwrap() }).unwrap();
    let elsewhere = server_add("https://s9.elsewhere.example", "c9.elsewhere.example", "[::1]:1");
    assert!(line(&world, elsewhere).unwrap().0[0].contains("in a form"));
}

#[test]
fn a_selector_that_no_browser_reads_is_refused_before_it_masks_everything() {
    let world = World::new();
    for bad in ["#card[", "p >", "a[b=\"c", "#a/*", "", ":is(", "a) , (b", "@media", "#a\\"] {
        let change = Change { masks: Some(vec!["#x".into(), bad.into()]), ..Default::default() };
        let order = Order::GroupSet { group: "demo".parse().unwrap(), settings: change };
        assert!(line(&world, order).unwrap_err().contains("no CSS selector"), "{bad}");
    }
    let good = [
        "#card",
        ".a > p",
        "[data-x='a ]b'] i",
        "form:has(input:checked) p",
        "a, b ~ c",
        "*",
        ".sm\\:hidden",
        "p:nth-child(2n + 1)",
    ];
    let change = Change { masks: Some(good.map(String::from).into()), ..Default::default() };
    line(&world, Order::GroupSet { group: "demo".parse().unwrap(), settings: change }).unwrap();
}

#[test]
fn a_set_changes_only_what_it_names() {
    let world = World::new();
    let change = Change { grace_ms: Some(6_000), ..Default::default() };
    line(&world, Order::GroupSet { group: "demo".parse().unwrap(), settings: change }).unwrap();
    let change = Change { masks: Some(vec![]), ..Default::default() };
    line(&world, Order::GroupSet { group: "demo".parse().unwrap(), settings: change }).unwrap();
    let group = world.store().group(&"demo".parse().unwrap()).unwrap().unwrap();
    assert_eq!(group.settings.grace_ms, 6_000);
    assert_eq!(group.settings.origins, [crate::testing::SHOP]);
    assert!(group.settings.visitor.masks.is_empty());
    assert_eq!(group.settings.revision, 3);
}

#[test]
fn what_was_tried_in_staging_is_published_and_the_sites_own_stays() {
    let world = World::new();
    let publish = || Order::GroupPublish { group: "demo".parse().unwrap() };
    assert!(line(&world, publish()).unwrap_err().contains("demo~staging"), "nothing is staged");
    let staged = Change {
        origins: Some(vec!["https://staging.example".into()]),
        chat_origins: Some(vec!["https://chat.example".into()]),
        upload_origins: Some(vec!["https://pictures.staging.example".into()]),
        masks: Some(vec!["#new".into()]),
        terms: Some("Be seen.".into()),
        ..Default::default()
    };
    let add = Order::GroupAdd { group: "demo~staging".parse().unwrap(), settings: staged };
    line(&world, add).unwrap();
    let (lines, effects) = line(&world, publish()).unwrap();
    assert!(lines[0].contains("revision 2"), "{lines:?}");
    assert!(matches!(effects.as_slice(), [Effect::Group(_)]), "CServers are told");
    let group = world.store().group(&"demo".parse().unwrap()).unwrap().unwrap().settings;
    assert_eq!(group.visitor.masks, ["#new"]);
    assert_eq!(group.visitor.terms.unwrap().text, "Be seen.");
    assert_eq!(group.origins, [crate::testing::SHOP]);
    assert!(group.visitor.chat_origins.is_empty());
    assert!(group.visitor.upload_origins.is_empty());
}

#[test]
fn what_does_not_exist_is_named_with_the_list_that_shows_what_does() {
    let world = World::new();
    let grant = Order::AgentGrant {
        name: "ada".into(),
        group: "demo".parse().unwrap(),
        role: "boss".into(),
    };
    assert!(line(&world, grant).unwrap_err().contains("role list"));
    let remove = Order::AgentRemove { name: "eve".into() };
    assert!(line(&world, remove).unwrap_err().contains("agent list"));
}

#[test]
fn a_password_that_is_not_a_hash_is_refused() {
    let world = World::new();
    let order = Order::AgentPassword { name: "ada".into(), password_hash: PASSWORD.into() };
    assert!(line(&world, order).unwrap_err().contains("argon2id"));
}

#[test]
fn lists_show_no_hash_and_every_group_and_account() {
    let world = World::new();
    let groups = line(&world, Order::GroupList).unwrap().0.join("\n");
    assert!(groups.contains("demo") && groups.contains("#card"), "{groups}");
    let agents = line(&world, Order::AgentList).unwrap().0.join("\n");
    assert!(agents.contains("password set") && agents.contains("demo:lead"), "{agents}");
    assert!(!agents.contains("argon2"), "{agents}");
    assert_eq!(line(&world, Order::RoleList { group: None }).unwrap().0.len(), 6);
    assert_eq!(line(&world, Order::ServerList).unwrap().0.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_over_the_socket_is_done_and_a_bad_one_is_answered() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let path = socket::path(&folder.path().join("store"));
    assert!(socket::send(&path, &Order::GroupList).unwrap().is_none(), "nobody serves");
    let dialler =
        Arc::new(Dialler::new(world.app.clone(), crate::dialler::tests::client_for_nobody()));
    let listener = socket::listen(&path).unwrap();
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let serving = tokio::spawn(socket::serve(listener, world.app.clone(), dialler));
    let send = |order: Order| {
        let path = path.clone();
        tokio::task::spawn_blocking(move || socket::send(&path, &order).unwrap().unwrap())
    };
    let add = Order::GroupAdd { group: "new".parse().unwrap(), settings: Change::default() };
    assert!(matches!(send(add.clone()).await.unwrap(), Outcome::Done(_)));
    assert!(world.store().group(&"new".parse().unwrap()).unwrap().is_some());
    let Outcome::Failed(message) = send(add).await.unwrap() else { panic!("added twice") };
    assert!(message.contains("exists already"), "{message}");
    let Outcome::Done(lines) = send(Order::ServerList).await.unwrap() else { panic!("no list") };
    assert!(lines[0].contains("down"), "{lines:?}");
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_and_could_not_be_noted_reaches_the_streams_all_the_same() {
    let world = World::new();
    let dialler = Dialler::new(world.app.clone(), crate::dialler::tests::client_for_nobody());
    let (outbox, mut inbox) = tokio::sync::mpsc::channel(4);
    world.app.link_opened("s1".parse().unwrap(), outbox);
    world.spoil_audit();
    let settings = Change { masks: Some(vec!["#all".into()]), ..Default::default() };
    let order = Order::GroupSet { group: "demo".parse().unwrap(), settings };
    let failed = serve(&world.app, &dialler, order);
    assert!(matches!(failed, Outcome::Failed(_)), "{failed:?}");
    let Ok(ToLink::Send(Down::Group { settings, .. })) = inbox.try_recv() else {
        panic!("the stream heard nothing");
    };
    assert_eq!(settings.visitor.masks, ["#all"]);
}
