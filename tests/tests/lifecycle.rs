//! Leaving and returning, on both sides, and every way a session ends.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use cobrowse_tests::limits::{STOP_MAX, WAIT_MAX};
use cobrowse_tests::url::Url;
use cobrowse_tests::{Agent, AgentBrowser, Stack, Visitor, net};
use protocol::{CloseCode, Kind};

#[test]
fn an_agent_leaves_and_returns_with_the_cookie_of_its_join() -> Result<()> {
    let stack = stack();
    let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let mut ada = Agent::join(&stack, "ada", visitor.key())?;
    let bob = Agent::join(&stack, "bob", visitor.key())?;
    ada.expect("two participants", |ada| count(ada) == 2)?;
    let view = bob.view.clone();
    drop(bob);
    ada.expect("one participant", |ada| count(ada) == 1)?;
    visitor.diff(b"while bob was away")?;
    let mut bob = view.connect()?;
    bob.expect_copy_of(&visitor)?;
    ada.expect("two participants again", |ada| count(ada) == 2)
}

#[test]
fn a_reloaded_view_page_is_the_same_join() -> Result<()> {
    let stack = stack();
    let visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let agent = Agent::join(&stack, "ada", visitor.key())?;
    let (mut view, first) = (agent.view.clone(), agent.joined["agent"].clone());
    drop(agent);
    assert_eq!(view.reload()?.status, 200);
    assert_eq!(view.status()?.status, 200);
    let mut again = view.connect()?;
    assert_eq!(again.joined["agent"], first, "a join keeps its number");
    again.expect_copy_of(&visitor)
}

#[test]
fn a_newer_connection_of_a_join_replaces_the_older() -> Result<()> {
    let stack = stack();
    let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let mut older = Agent::join(&stack, "ada", visitor.key())?;
    let mut newer = older.view.connect()?;
    older.socket.expect_close(CloseCode::Superseded)?;
    visitor.diff(b"for the newer")?;
    newer.expect_copy_of(&visitor)
}

#[test]
fn the_visitor_changes_page_and_the_view_follows() -> Result<()> {
    let stack = stack();
    let mut visitor = Visitor::with_page(&stack, "demo", b"first page")?;
    let mut agent = Agent::join(&stack, "ada", visitor.key())?;
    agent.expect_copy_of(&visitor)?;
    for page in ["second page", "third page"] {
        visitor.leaving()?;
        agent.expect("that the visitor leaves", |agent| {
            agent.visitor_state["visitor"] == "leaving"
        })?;
        let before = visitor.epoch();
        visitor.resume()?;
        assert_eq!(visitor.epoch(), before, "the welcome names the last epoch");
        agent
            .expect("that the visitor is back", |agent| agent.visitor_state["visitor"] == "live")?;
        visitor.keyframe(page.as_bytes())?;
        agent.expect_copy_of(&visitor)?;
    }
    Ok(())
}

#[test]
fn a_second_tab_takes_over_and_the_first_is_told() -> Result<()> {
    let stack = stack();
    let mut visitor = Visitor::with_page(&stack, "demo", b"first tab")?;
    let mut agent = Agent::join(&stack, "ada", visitor.key())?;
    let Ok(second) = visitor.try_resume()? else { panic!("the second tab was refused") };
    visitor.socket.expect_close(CloseCode::Superseded)?;
    visitor.socket = second;
    let (_, welcome) = visitor.socket.frame_of(Kind::Welcome)?;
    assert!(!welcome.is_empty());
    visitor.keyframe(b"second tab")?;
    agent.expect_copy_of(&visitor)
}

#[test]
fn the_visitor_ends_the_session_and_everybody_hears_why() -> Result<()> {
    let stack = stack();
    let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let mut agent = Agent::join(&stack, "ada", visitor.key())?;
    visitor.bye()?;
    agent.socket.expect_close(CloseCode::SessionEndedVisitor)?;
    visitor.socket.expect_close(CloseCode::SessionEndedVisitor)?;
    assert_over(&stack, &visitor, &mut agent, CloseCode::SessionEndedVisitor)
}

#[test]
fn an_agent_who_may_ends_the_session() -> Result<()> {
    let stack = stack();
    let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let mut ada = Agent::join(&stack, "ada", visitor.key())?;
    let mut bob = Agent::join(&stack, "bob", visitor.key())?;
    ada.say(Kind::End, b"")?;
    for socket in [&mut ada.socket, &mut bob.socket, &mut visitor.socket] {
        socket.expect_close(CloseCode::SessionEndedAgent)?;
    }
    assert_over(&stack, &visitor, &mut ada, CloseCode::SessionEndedAgent)
}

#[test]
fn a_visitor_who_does_not_return_within_the_grace_period_ends_the_session() -> Result<()> {
    let stack = stack();
    let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let mut agent = Agent::join(&stack, "ada", visitor.key())?;
    agent.expect_copy_of(&visitor)?;
    visitor.leaving()?;
    // The last tab is closed: its connection ends without a word more.
    let left = std::time::Instant::now();
    let (key, answer) = (visitor.key().to_owned(), visitor.answer.clone());
    drop(visitor);
    agent.expect("that the visitor is away", |agent| agent.visitor_state["visitor"] != "live")?;
    agent.socket.expect_close(CloseCode::SessionEndedTimeout)?;
    // The server counts whole milliseconds, so one of them may have been nearly over when it began.
    let waited_ms = left.elapsed().as_millis() + 1;
    assert!(waited_ms >= u128::from(protocol::limits::GRACE_MS_MIN), "{waited_ms} ms");
    assert_eq!(agent.view.status()?.error(), "session_ended_timeout");
    let refused = cobrowse_tests::visitor::connect(
        stack.net(),
        &answer.server,
        stack.shop_url(),
        &format!("resume.{}", answer.resume),
    )?;
    assert_eq!(refused.err().map(|answer| answer.status), Some(410));
    assert_eq!(AgentBrowser::login(&stack, "ada")?.look_up(&key)?.status, 404);
    Ok(())
}

#[test]
#[allow(clippy::print_stdout, reason = "how fast the cut was is a figure, and no condition")]
fn taking_access_away_cuts_the_running_view_and_no_other() -> Result<()> {
    let stack = stack();
    let password = "a password of its own";
    let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let mut ada = Agent::join(&stack, "ada", visitor.key())?;
    let role = |name: &str, privileges: &[&str]| {
        let mut words = vec!["role", "add", "demo", name];
        privileges.iter().for_each(|one| words.extend(["--privilege", *one]));
        stack.admin(&words, "")
    };
    role("helper", &["view", "point", "draw"])?;
    role("passing", &["view"])?;
    type Order<'a> = &'a dyn Fn() -> Result<String>;
    let take_away: [(&str, &str, Order<'_>); 4] = [
        ("zoe", "viewer", &|| stack.admin(&["agent", "revoke", "zoe", "demo"], "")),
        ("kim", "viewer", &|| stack.admin(&["agent", "remove", "kim"], "")),
        ("lea", "helper", &|| role("helper", &["view"])),
        ("max", "passing", &|| stack.admin(&["role", "remove", "demo", "passing"], "")),
    ];
    for (name, role, order) in take_away {
        stack.admin(&["agent", "add", name, "--display", name, "--password-stdin"], password)?;
        stack.admin(&["agent", "grant", name, "demo", role], "")?;
        let mut browser = AgentBrowser::new(&stack);
        let answer = browser.log_in_as(&browser.login_url(), name, password)?;
        assert_eq!(answer.status, 303, "an account made while the web tier runs can log in");
        let mut agent = browser.open(visitor.key())?.connect()?;
        agent.expect_copy_of(&visitor)?;
        let ordered = std::time::Instant::now();
        order()?;
        agent.socket.expect_close(CloseCode::Revoked)?;
        println!("{name}: cut {} ms after the order was given", ordered.elapsed().as_millis());
        assert_eq!(agent.view.reload()?.status, 403, "{name}");
        visitor.diff(b"ada still sees")?;
        ada.expect_copy_of(&visitor)?;
    }
    Ok(())
}

#[test]
fn the_audit_log_tells_who_saw_what_and_its_check_needs_no_server() -> Result<()> {
    let stack = stack();
    let mut visitor = Visitor::with_page(&stack, "demo", b"the page's content")?;
    let mut ada = Agent::join(&stack, "ada", visitor.key())?;
    ada.expect_copy_of(&visitor)?;
    // Two clicks of one minute are told once.
    ada.say(Kind::Click, b"{}")?;
    ada.say(Kind::Click, b"{}")?;
    ada.say(Kind::End, b"")?;
    visitor.socket.expect_close(CloseCode::SessionEndedAgent)?;
    let end = std::time::Instant::now() + WAIT_MAX;
    let number = visitor.answer.session.rsplit(':').next().unwrap_or_default().to_owned();
    let is_of_it = |line: &&str, event: &str| line.contains(&number) && line.contains(event);
    let text = loop {
        let text = stack.admin(&["audit", "export"], "")?;
        if text.lines().any(|line| is_of_it(&line, "session_ended")) {
            break text;
        }
        assert!(std::time::Instant::now() < end, "the end is not in the log: {text}");
        std::thread::sleep(cobrowse_tests::limits::POLL_EVERY);
    };
    for event in ["session_started", "agent_joined", "agent_acted", "session_ended"] {
        assert_eq!(text.lines().filter(|line| is_of_it(line, event)).count(), 1, "{event}");
    }
    for secret in [visitor.key(), "the page's content", &visitor.answer.resume, "argon2"] {
        assert!(!text.contains(secret), "{secret} stands in the log");
    }
    let key = stack.admin(&["audit", "key"], "")?.trim().to_owned();
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("log");
    let path = file.display().to_string();
    let check = |text: &str| {
        std::fs::write(&file, text)?;
        stack.admin(&["audit", "verify", &path, "--public-key", &key], "")
    };
    assert!(check(&text)?.starts_with("sound: "));
    assert!(check(&text.replace("agent_joined", "agent_looked")).is_err());
    Ok(())
}

fn stack() -> Arc<Stack> {
    Stack::shared(Stack::plan().servers(2).cores(2).grace_ms(protocol::limits::GRACE_MS_MIN))
}

/// Nothing opens the session any more, and every answer says why it ended.
fn assert_over(stack: &Stack, visitor: &Visitor, agent: &mut Agent, code: CloseCode) -> Result<()> {
    assert_eq!(visitor.try_resume()?.err().map(|answer| answer.error()), Some(code.name().into()));
    let status = visitor.status(&format!("resume.{}", visitor.answer.resume))?;
    assert_eq!((status.status, status.error().as_str()), (code.status(), code.name()));
    assert_eq!(agent.view.status()?.error(), code.name());
    assert_eq!(agent.view.reload()?.status, code.status());
    // The web tier hears it over the control stream.
    let end = std::time::Instant::now() + WAIT_MAX;
    let mut browser = AgentBrowser::login(stack, "ada")?;
    while browser.look_up(visitor.key())?.status != 404 {
        assert!(std::time::Instant::now() < end, "the web tier still finds the session");
        std::thread::sleep(cobrowse_tests::limits::POLL_EVERY);
    }
    Ok(())
}

fn count(agent: &Agent) -> usize {
    agent.participants["agents"].as_array().map_or(0, Vec::len)
}

#[test]
fn a_web_tier_finishes_requests_when_it_is_told_to_end_and_does_not_wait_for_them_when_told_twice()
-> Result<()> {
    let mut stack = Stack::plan().start()?;
    let url = Url::parse(stack.web_url())?;
    let mut held = stack.net().connect(&url.host, url.port)?;
    // It asks for the body, so the request is under way.
    write!(
        held,
        "POST /login HTTP/1.1\r\nHost: {}\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n",
        url.host
    )?;
    let (end, mut answer) = (Instant::now() + WAIT_MAX, Vec::new());
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match held.read_exact(&mut byte) {
            Ok(()) => answer.extend(byte),
            Err(error) => ensure!(net::is_quiet(&error) && Instant::now() < end, "{error}"),
        }
    }
    ensure!(answer.starts_with(b"HTTP/1.1 100 "), "{}", String::from_utf8_lossy(&answer));
    let web = &mut stack.web().process;
    web.terminate();
    web.wait_for_log("requests under way are finished first")?;
    ensure!(web.ended().is_none(), "it did not wait");
    web.terminate();
    web.wait_for_log("second signal: ending at once")?;
    let status = web.wait(STOP_MAX);
    ensure!(status.is_some_and(|status| status.success()), "{status:?}");
    ensure!(web.log().contains("the store is on disk"), "{}", web.log_tail());
    Ok(())
}
