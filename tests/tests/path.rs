//! The path of a session through real processes: start, upload, login, ticket, join, viewer, frames.
//!
//! Which backend the CServers use is asserted when the stack starts. Coming back, ending and losing connections are
//! in `lifecycle.rs`.

use std::sync::Arc;

use anyhow::Result;
use cobrowse_tests::http::Request;
use cobrowse_tests::visitor::{payload_json, start_request};
use cobrowse_tests::{Agent, AgentBrowser, Stack, Visitor};
use protocol::Kind;

#[test]
fn a_session_travels_the_whole_path() -> Result<()> {
    let stack = stack();
    let mut visitor = Visitor::with_page(&stack, "demo", b"the page")?;
    assert_eq!(visitor.socket.subprotocol(), "cobrowse.v1", "only the version is echoed");
    assert_eq!(visitor.welcome["settings"]["masks"][0], "#cvv");
    assert_eq!(visitor.welcome["home"], 1);

    // Not logged in: to the login and back to the same view.
    let mut browser = AgentBrowser::new(&stack);
    let answer = browser.look_up(visitor.key())?;
    assert_eq!(answer.status, 303);
    let login = answer.header("location").unwrap_or_default().to_owned();
    assert!(login.contains("/login?next="), "{login}");
    let login = if login.starts_with('/') { stack.web_url().to_owned() + &login } else { login };
    let ada = stack.account("ada");
    let answer = browser.log_in_as(&login, ada.name, &ada.password)?;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let back = answer.header("location").unwrap_or_default();
    assert!(back.contains("/cobrowse/AgentView?SessionKey="), "{back}");
    let cookie = answer.all("set-cookie").find(|c| c.starts_with("__Host-")).unwrap_or_default();
    for attribute in ["Secure", "HttpOnly", "Path=/", "SameSite="] {
        assert!(cookie.contains(attribute), "the login cookie lacks {attribute}");
    }

    // Logged in: a ticket for one CServer, in a cookie that lives as long as a redirect.
    let answer = browser.look_up(visitor.key())?;
    let ticket = answer.all("set-cookie").find(|c| c.starts_with("cobrowse_ticket=")).unwrap_or("");
    for attribute in [
        "Domain=cobrowse.localhost",
        "Path=/join/",
        "Max-Age=30",
        "Secure",
        "HttpOnly",
        "SameSite=Lax",
    ] {
        assert!(ticket.contains(attribute), "the ticket's cookie lacks {attribute}");
    }
    let location = answer.header("location").unwrap_or_default();
    let (_, tag) = location.split_once("/join/").unwrap_or_default();
    assert!(tag.len() == 12 && !location.contains('?'), "no credential in the URL: {location}");
    let view = browser.follow_to_view(&answer)?;

    // The CServer's own cookie and a viewer under a strict policy.
    let policy = view.page.header("content-security-policy").unwrap_or_default();
    for rule in
        ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", stack.shop_url()]
    {
        assert!(policy.contains(rule), "the viewer's policy lacks {rule}: {policy}");
    }
    assert!(!policy.contains("script-src 'self' 'unsafe"), "{policy}");
    assert!(view.browser.cookie("__Host-j-").is_some());

    let mut agent = view.connect()?;
    assert_eq!(agent.joined["name"], ada.display);
    assert_eq!(agent.joined["group"], "demo");
    assert_eq!(agent.joined["visitor"], "live");
    agent.expect_copy_of(&visitor)?;
    for change in 0..50 {
        visitor.diff(format!("change {change}").as_bytes())?;
    }
    agent.expect_copy_of(&visitor)
}

#[test]
fn the_join_cookie_is_bound_to_its_host_and_hidden_from_scripts() -> Result<()> {
    let stack = stack();
    let visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let mut browser = AgentBrowser::login(&stack, "ada")?;
    let answer = browser.look_up(visitor.key())?;
    let join = browser.send(Request::get(answer.header("location").unwrap_or_default())?)?;
    let cookie = join.all("set-cookie").find(|c| c.starts_with("__Host-j-")).unwrap_or_default();
    for attribute in ["Secure", "HttpOnly", "Path=/", "SameSite=Lax"] {
        assert!(cookie.contains(attribute), "the join's cookie lacks {attribute}");
    }
    assert!(!cookie.contains("Domain"), "a __Host- cookie has no domain");
    assert!(!cookie.contains("Max-Age") && !cookie.contains("Expires"), "it ends with the browser");
    Ok(())
}

#[test]
fn several_agents_and_a_late_one_have_the_visitors_page() -> Result<()> {
    let stack = stack();
    let mut visitor = Visitor::start(&stack, "demo")?;
    visitor.keyframe(&noise(200_000))?;
    let mut ada = Agent::join(&stack, "ada", visitor.key())?;
    let mut bob = Agent::join(&stack, "bob", visitor.key())?;
    for change in 0..20_u8 {
        visitor.diff(&[change; 300])?;
    }
    ada.expect_copy_of(&visitor)?;
    bob.expect_copy_of(&visitor)?;
    let mut eve = Agent::join(&stack, "eve", visitor.key())?;
    eve.expect_copy_of(&visitor)?;
    visitor.diff(b"all of you")?;
    for agent in [&mut ada, &mut bob, &mut eve] {
        agent.expect_copy_of(&visitor)?;
        agent.expect("three participants", |agent| names(agent).len() == 3)?;
    }
    assert_eq!(names(&ada), ["Ada Lovelace", "Bob", "Eve"]);
    let (_, told) = visitor.socket.frame_of(Kind::Participants)?;
    assert!(payload_json(&told)?["agents"].is_array());
    Ok(())
}

#[test]
fn a_late_joiner_gets_the_newest_epoch_and_nothing_before_it() -> Result<()> {
    let stack = stack();
    let mut visitor = Visitor::with_page(&stack, "demo", b"first page")?;
    visitor.diff(b"a change of the first page")?;
    visitor.keyframe(b"second page")?;
    visitor.diff(b"a change of the second page")?;
    let mut agent = Agent::join(&stack, "ada", visitor.key())?;
    agent.expect_copy_of(&visitor)?;
    assert_eq!(agent.skips, 0);
    Ok(())
}

#[test]
fn what_a_purge_replaces_reaches_no_later_agent() -> Result<()> {
    let stack = stack();
    let mut visitor = Visitor::with_page(&stack, "demo", b"before the mask")?;
    let mut ada = Agent::join(&stack, "ada", visitor.key())?;
    ada.expect_copy_of(&visitor)?;
    visitor.purge(b"after the mask")?;
    ada.expect_copy_of(&visitor)?;
    let mut bob = Agent::join(&stack, "bob", visitor.key())?;
    bob.expect_copy_of(&visitor)
}

#[test]
fn the_pointers_of_both_sides_cross() -> Result<()> {
    let stack = stack();
    let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let mut agent = Agent::join(&stack, "bob", visitor.key())?;
    agent.expect_copy_of(&visitor)?;
    visitor.ephemeral(0, b"the visitor points here")?;
    agent.expect("the visitor's pointer", |agent| {
        agent.ephemerals.iter().any(|seen| seen == b"the visitor points here")
    })?;
    agent.say(Kind::Pointer, br#"{"x":1,"y":2}"#)?;
    let (header, frame) = visitor.socket.frame_of(Kind::Pointer)?;
    assert_eq!(u64::from(header.source), agent.joined["agent"].as_u64().unwrap_or_default());
    assert_eq!(payload_json(&frame)?["y"], 2);
    Ok(())
}

#[test]
fn sessions_and_their_agents_meet_on_every_core() -> Result<()> {
    // A connection is accepted by any core of any server; with so many, most are handed to another core.
    let stack = stack();
    let mut all = Vec::new();
    for at in 0..8 {
        let mut visitor = Visitor::with_page(&stack, "demo", format!("page {at}").as_bytes())?;
        let mut agents = Vec::new();
        for name in ["ada", "bob", "eve"] {
            agents.push(Agent::join(&stack, name, visitor.key())?);
        }
        visitor.diff(b"change")?;
        all.push((visitor, agents));
    }
    for (visitor, agents) in &mut all {
        for agent in agents {
            agent.expect_copy_of(visitor)?;
        }
    }
    let used = |server: &cobrowse_tests::stack::Server| {
        all.iter().any(|(visitor, _)| {
            visitor.answer.server.replace("wss://", "https://").starts_with(&server.public_url)
        })
    };
    assert!(stack.servers().iter().all(used), "the web tier spreads sessions over its servers");
    Ok(())
}

#[test]
fn an_agent_of_several_groups_is_asked_which_when_both_have_the_key() -> Result<()> {
    let stack = stack();
    let key = "same-key";
    let demo = Visitor::start_with_key(&stack, "demo", Some(key))?;
    let mut support = Visitor::start_with_key(&stack, "support", Some(key))?;
    support.keyframe(b"the support group's page")?;
    let mut eve = AgentBrowser::login(&stack, "eve")?;
    let answer = eve.look_up(key)?;
    assert_eq!(answer.status, 300, "{}", answer.text());
    for group in ["demo", "support"] {
        assert!(answer.text().contains(&format!("Group={group}")), "{}", answer.text());
    }
    let url = format!("{}&Group=support", eve.agent_view_url(key));
    let answer = eve.send(Request::get(&url)?)?;
    let mut agent = eve.follow_to_view(&answer)?.connect()?;
    agent.expect_copy_of(&support)?;
    // Who is in one of the groups only is not asked, and sees only that one.
    let mut mia = Agent::join(&stack, "mia", key)?;
    mia.expect_copy_of(&support)?;
    drop(demo);
    Ok(())
}

#[test]
fn a_session_of_another_group_is_not_found() -> Result<()> {
    let stack = stack();
    let visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let mut mia = AgentBrowser::login(&stack, "mia")?;
    let strange = mia.look_up(visitor.key())?;
    let missing = mia.look_up("no-such-key")?;
    assert_eq!((strange.status, missing.status), (404, 404));
    Ok(())
}

#[test]
fn the_list_of_sessions_shows_those_of_ones_own_groups() -> Result<()> {
    let stack = stack();
    let visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let listed = |name: &str| -> Result<bool> {
        let mut browser = AgentBrowser::login(&stack, name)?;
        let url = format!("{}/api/v1/agent/sessions", stack.web_url());
        let list: serde_json::Value = browser.send(Request::get(&url)?)?.json()?;
        let sessions = list["sessions"].as_array().cloned().unwrap_or_default();
        Ok(sessions.iter().any(|session| session["key"] == visitor.key()))
    };
    assert!(listed("ada")?, "the report of the start has come over the control stream");
    assert!(!listed("mia")?);
    Ok(())
}

#[test]
fn a_key_that_is_in_use_is_refused_and_free_again_after_the_end() -> Result<()> {
    let stack = stack();
    let key = "once-only";
    let mut visitor = Visitor::start_with_key(&stack, "demo", Some(key))?;
    let body = format!(r#"{{"group":"demo","key":"{key}"}}"#);
    let second = start_request(&stack, stack.shop_url(), body.clone())?;
    assert_eq!((second.status, second.error().as_str()), (409, "key_in_use"));
    visitor.bye()?;
    let end = std::time::Instant::now() + cobrowse_tests::limits::WAIT_MAX;
    loop {
        let again = start_request(&stack, stack.shop_url(), body.clone())?;
        if again.status == 201 {
            return Ok(());
        }
        assert!(std::time::Instant::now() < end, "still {} {}", again.status, again.text());
        std::thread::sleep(cobrowse_tests::limits::POLL_EVERY);
    }
}

#[test]
fn logs_hold_no_key_no_number_and_no_secret() -> Result<()> {
    let stack = stack();
    let key = "a-key-that-must-not-be-logged";
    let mut visitor = Visitor::start_with_key(&stack, "demo", Some(key))?;
    visitor.keyframe(b"content-that-must-not-be-logged")?;
    let mut agent = Agent::join(&stack, "ada", key)?;
    agent.expect_copy_of(&visitor)?;
    visitor.bye()?;
    agent.socket.expect_close(protocol::CloseCode::SessionEndedVisitor)?;
    let logs = stack.logs();
    assert!(logs.len() > 200, "the servers do log");
    let number = visitor.answer.session.rsplit(':').next().unwrap_or_default();
    let secrets = [
        key,
        "content-that-must-not-be-logged",
        number,
        &visitor.answer.ticket,
        &visitor.answer.resume,
        &stack.account("ada").password,
        &agent.view.join,
        &agent.view.csrf,
    ];
    for secret in secrets {
        assert!(!secret.is_empty() && !logs.contains(secret), "a log holds {secret:?}");
    }
    Ok(())
}

fn stack() -> Arc<Stack> {
    Stack::shared(Stack::plan().servers(2).cores(2).grace_ms(protocol::limits::GRACE_MS_MIN))
}

fn names(agent: &Agent) -> Vec<String> {
    let agents = agent.participants["agents"].as_array().cloned().unwrap_or_default();
    agents.iter().filter_map(|agent| agent["name"].as_str().map(str::to_owned)).collect()
}

/// Bytes that do not compress, the same each time.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    (0..bytes).map(|_| next()).collect()
}
