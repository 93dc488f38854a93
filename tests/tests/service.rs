//! Both servers under a service manager: sockets and files that were handed over, notifications, an upgrade under load.

use std::fs;
use std::io::{Read, Write};

use anyhow::{Context, Result, ensure};
use cobrowse_tests::http::Request;
use cobrowse_tests::limits::{STOP_MAX, WAIT_MAX};
use cobrowse_tests::{Agent, Heard, Manager, Stack, Visitor, net};

#[test]
fn a_cserver_serves_handed_sockets_and_certificates_and_says_how_it_is() -> Result<()> {
    let mut stack = Stack::plan().cores(2).start()?;
    stop(&mut stack, 0)?;
    // Its certificates come as open files, and it has no address of its own to listen on.
    let file = stack.folder().join("s1.toml");
    let text = fs::read_to_string(&file)?;
    let mut table = "";
    let lines = text.lines().map(|line| {
        table = if line.starts_with('[') { line } else { table };
        match (line.split(" = ").next(), table) {
            (Some("certificate"), "[tls]") => "certificate = \"descriptor:s1.pem\"".into(),
            (Some("key"), "[tls]") => "key = \"descriptor:s1.key\"".into(),
            (Some("listen"), _) => String::new(),
            _ => line.to_owned(),
        }
    });
    let changed: Vec<String> = lines.collect();
    fs::write(&file, changed.join("\n"))?;
    // One socket for two cores, two for two, three for two: whoever connects is served.
    for sockets in [1, 2, 3] {
        let mut manager = Manager::listen(stack.servers()[0].port, sockets)?;
        manager.with_file("s1.pem", &stack.certificates().chain("s1"))?;
        manager.with_file("s1.key", &stack.certificates().key("s1"))?;
        stack.serve_server_by(0, &manager)?;
        manager.hear("READY=1").with_context(|| stack.logs())?;
        manager.hear("WATCHDOG=1")?;
        stack.wait_until_ready()?;
        for _ in 0..12 {
            let health = format!("{}/healthz", stack.servers()[0].public_url);
            assert_eq!(Request::get(&health)?.send(stack.net())?.status, 200);
        }
        let ready = format!("{}/readyz", stack.servers()[0].public_url);
        let answer = Request::get(&ready)?.send(stack.net())?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let status = manager.hear("STATUS=serving")?;
        assert!(status.contains("web tiers connected: 1"), "{status}");
        let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
        Agent::join(&stack, "ada", visitor.key())?.expect_copy_of(&visitor)?;
        visitor.bye()?;
        stack.server(0).process.terminate();
        manager.hear("STOPPING=1")?;
        ensure!(stack.server(0).process.wait(STOP_MAX).is_some_and(|end| end.success()));
    }
    Ok(())
}

#[test]
fn a_cserver_that_no_web_tier_reaches_is_healthy_and_not_ready() -> Result<()> {
    let mut stack = Stack::plan().start()?;
    stack.web().process.kill();
    let ask = |path: &str| {
        Request::get(&format!("{}{path}", stack.servers()[0].public_url))?.send(stack.net())
    };
    let end = std::time::Instant::now() + WAIT_MAX;
    loop {
        let answer = ask("/readyz")?;
        if answer.status == 503 {
            assert!(answer.text().contains("no_web_tier"), "{}", answer.text());
            break;
        }
        ensure!(std::time::Instant::now() < end, "it is ready without a web tier");
    }
    assert_eq!(ask("/healthz")?.status, 200);
    Ok(())
}

#[test]
fn an_upgrade_under_load_loses_no_session_and_no_connection_that_came_meanwhile() -> Result<()> {
    let mut stack = Stack::plan().servers(2).cores(2).start()?;
    stop(&mut stack, 0)?;
    let manager = Manager::listen(stack.servers()[0].port, 2)?;
    stack.serve_server_by(0, &manager)?;
    manager.hear("READY=1")?;
    stack.wait_until_ready()?;
    // Sessions on both servers, each with an agent.
    let mut pairs = Vec::new();
    for n in 0..8 {
        let visitor = Visitor::with_page(&stack, "demo", format!("page {n}").as_bytes())?;
        let mut agent = Agent::join(&stack, "ada", visitor.key())?;
        agent.expect_copy_of(&visitor)?;
        pairs.push((visitor, agent));
    }
    let on_old = |visitor: &Visitor| stack.server_at(&visitor.answer.server) == Some(0);
    let moving = pairs.iter().filter(|(visitor, _)| on_old(visitor)).count();
    assert!(moving > 0 && moving < pairs.len(), "{moving} of {} are on it", pairs.len());

    stack.server(0).process.terminate();
    for (visitor, agent) in &mut pairs {
        if stack.server_at(&visitor.answer.server) != Some(0) {
            visitor.diff(b"nothing happens here")?;
            agent.expect_copy_of(visitor)?;
            continue;
        }
        loop {
            if let Some(Heard::Closed(_)) = visitor.socket.hear(WAIT_MAX)? {
                break;
            }
        }
        visitor.continue_elsewhere()?;
        visitor.keyframe(b"after the move")?;
        let mut again = Agent::join(&stack, "ada", visitor.key())?;
        again.expect_copy_of(visitor)?;
        *agent = again;
    }
    ensure!(stack.server(0).process.wait(STOP_MAX).is_some_and(|end| end.success()));

    // Nobody runs: the manager's sockets keep whoever connects, with what it has said, for the next process.
    let mut waiting = Vec::new();
    for _ in 0..20 {
        let mut stream = net::tcp(stack.servers()[0].port)?;
        stream.write_all(b"this is no TLS record")?;
        waiting.push(stream);
    }
    stack.serve_server_by(0, &manager)?;
    manager.hear("READY=1")?;
    for mut stream in waiting {
        stream.set_read_timeout(Some(WAIT_MAX))?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        assert!(!answer.is_empty(), "a TLS alert of the new process");
    }
    stack.wait_until_ready()?;
    for (visitor, agent) in &mut pairs {
        visitor.diff(b"and on")?;
        agent.expect_copy_of(visitor)?;
    }
    Ok(())
}

#[test]
fn a_web_tier_serves_handed_sockets_and_says_how_it_is() -> Result<()> {
    let mut stack = Stack::plan().start()?;
    stack.web().process.terminate();
    ensure!(stack.web().process.wait(STOP_MAX).is_some_and(|end| end.success()));
    let port = stack.web().port;
    let manager = Manager::listen(port, 1)?;
    stack.serve_web_by(&manager)?;
    manager.hear("READY=1").with_context(|| stack.logs())?;
    manager.hear("WATCHDOG=1")?;
    manager.hear("STATUS=serving; CServers connected: 1")?;
    stack.wait_until_ready()?;
    Visitor::with_page(&stack, "demo", b"page")?.bye()?;
    stack.web().process.terminate();
    manager.hear("STOPPING=1")?;
    ensure!(stack.web().process.wait(STOP_MAX).is_some_and(|end| end.success()));
    Ok(())
}

fn stop(stack: &mut Stack, at: usize) -> Result<()> {
    stack.server(at).process.terminate();
    ensure!(stack.server(at).process.wait(STOP_MAX).is_some(), "it does not end");
    Ok(())
}
