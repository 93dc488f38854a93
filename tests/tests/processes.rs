//! Processes that end: killed, stopped in order, started again. What was running goes on.

use std::time::Duration;

use anyhow::Result;
use cobrowse_tests::{Agent, AgentBrowser, Stack, Visitor};
use protocol::CloseCode;

#[test]
fn when_a_cserver_is_killed_its_visitor_goes_on_at_another_home() -> Result<()> {
    let mut stack = Stack::plan().servers(2).start()?;
    let mut visitor = Visitor::with_page(&stack, "demo", b"first home")?;
    let mut agent = Agent::join(&stack, "ada", visitor.key())?;
    agent.expect_copy_of(&visitor)?;
    let (key, session) = (visitor.key().to_owned(), visitor.answer.session.clone());
    let at = stack.server_at(&visitor.answer.server).expect("one of ours");
    stack.server(at).process.kill();

    visitor.continue_elsewhere()?;
    assert_eq!(visitor.answer.home, 2);
    assert_eq!(visitor.welcome["home"], 2);
    assert_eq!((visitor.key(), &visitor.answer.session), (key.as_str(), &session));
    assert_ne!(stack.server_at(&visitor.answer.server), Some(at));
    visitor.keyframe(b"second home")?;
    // The agent asks the web tier again, as its viewer does by itself.
    let mut again = Agent::join(&stack, "ada", &key)?;
    again.expect_copy_of(&visitor)?;

    // The dead one comes back with new secrets: the old cookie opens nothing there.
    stack.restart_server(at)?;
    assert_eq!(agent.view.reload()?.status, 401);
    visitor.diff(b"and on")?;
    again.expect_copy_of(&visitor)
}

#[test]
fn when_the_web_tier_is_killed_running_sessions_go_on() -> Result<()> {
    let mut stack = Stack::plan().start()?;
    let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let mut agent = Agent::join(&stack, "ada", visitor.key())?;
    agent.expect_copy_of(&visitor)?;
    stack.web().process.kill();

    visitor.diff(b"without the web tier")?;
    agent.expect_copy_of(&visitor)?;
    // Both sides can come back to the CServer without it.
    let view = agent.view.clone();
    drop(agent);
    let mut agent = view.connect()?;
    visitor.resume()?;
    visitor.keyframe(b"another page, without the web tier")?;
    agent.expect_copy_of(&visitor)?;

    // When it is back it still knows the accounts and the session.
    stack.restart_web()?;
    let mut bob = Agent::join(&stack, "bob", visitor.key())?;
    bob.expect_copy_of(&visitor)?;
    let mut other = Visitor::with_page(&stack, "demo", b"a new session")?;
    Agent::join(&stack, "bob", other.key())?.expect_copy_of(&other)?;
    other.bye()?;
    visitor.diff(b"and on")?;
    agent.expect_copy_of(&visitor)
}

#[test]
fn a_session_that_ended_while_the_web_tier_was_away_is_reported_when_it_is_back() -> Result<()> {
    let mut stack = Stack::plan().start()?;
    let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let key = visitor.key().to_owned();
    assert_eq!(AgentBrowser::login(&stack, "ada")?.look_up(&key)?.status, 303);
    stack.web().process.kill();
    visitor.bye()?;
    visitor.socket.expect_close(CloseCode::SessionEndedVisitor)?;
    stack.restart_web()?;
    let end = std::time::Instant::now() + cobrowse_tests::limits::WAIT_MAX;
    let mut ada = AgentBrowser::login(&stack, "ada")?;
    while ada.look_up(&key)?.status != 404 {
        assert!(std::time::Instant::now() < end, "the end was lost with the stream");
        std::thread::sleep(cobrowse_tests::limits::POLL_EVERY);
    }
    Ok(())
}

#[test]
fn a_cserver_that_is_told_to_stop_drains_and_its_visitors_go_on_elsewhere() -> Result<()> {
    let mut stack = Stack::plan().servers(2).start()?;
    let mut visitor = Visitor::with_page(&stack, "demo", b"before")?;
    let mut agent = Agent::join(&stack, "ada", visitor.key())?;
    agent.expect_copy_of(&visitor)?;
    let at = stack.server_at(&visitor.answer.server).expect("one of ours");
    stack.server(at).process.terminate();
    visitor.socket.expect_close(CloseCode::Draining)?;
    agent.socket.expect_close(CloseCode::Draining)?;
    visitor.continue_elsewhere()?;
    assert_eq!(visitor.answer.home, 2);
    visitor.keyframe(b"after")?;
    let mut agent = Agent::join(&stack, "ada", visitor.key())?;
    agent.expect_copy_of(&visitor)?;
    let status = stack.server(at).process.wait(Duration::from_secs(15));
    assert!(status.is_some_and(|status| status.success()), "it ends by itself: {status:?}");
    visitor.diff(b"and on")?;
    agent.expect_copy_of(&visitor)
}

#[test]
fn a_stack_with_a_running_session_stops_in_good_order() -> Result<()> {
    let stack = Stack::plan().servers(2).start()?;
    let visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let agent = Agent::join(&stack, "ada", visitor.key())?;
    let late = stack.stop();
    assert!(late.is_empty(), "had to be killed: {late:?}");
    drop((visitor, agent));
    Ok(())
}

#[test]
fn every_thread_of_a_cserver_is_confined_and_its_keys_are_locked() -> Result<()> {
    let mut stack = Stack::plan().cores(2).start()?;
    let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
    Agent::join(&stack, "ada", visitor.key())?.expect_copy_of(&visitor)?;
    let process = format!("/proc/{}", stack.servers()[0].process.id());
    let value = |text: &str, key: &str| -> String {
        let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        line.trim_start_matches(':').trim().to_owned()
    };
    let mut threads = 0;
    for thread in std::fs::read_dir(format!("{process}/task"))? {
        let status = std::fs::read_to_string(thread?.path().join("status"))?;
        // 2: a filter.
        let found = (value(&status, "Seccomp"), value(&status, "NoNewPrivs"));
        assert_eq!(found, ("2".into(), "1".into()), "{}", value(&status, "Name"));
        threads += 1;
    }
    assert!(threads >= 5, "two cores, signals, supervisor, and the first: {threads}");
    let status = std::fs::read_to_string(format!("{process}/status"))?;
    assert!(!value(&status, "VmLck").starts_with("0 "), "no key is locked");
    // Nor does a crash of either server write its keys to a file.
    for process in [stack.servers()[0].process.id(), stack.web().process.id()] {
        let limits = std::fs::read_to_string(format!("/proc/{process}/limits"))?;
        let cores = value(&limits, "Max core file size");
        assert_eq!(cores.split_whitespace().take(2).collect::<Vec<_>>(), ["0", "0"], "{limits}");
    }
    visitor.bye()
}
