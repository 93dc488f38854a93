//! The agent's view follows a visitor to a page that came over HTTP, through real processes; and what plain HTTP must not open.
//!
//! Every refusal by itself is tried in virtual time (`cserver/src/shard/plain_tests.rs`); here is the way through the whole.

use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};
use cobrowse_tests::net::{ends_within, tcp};
use cobrowse_tests::plain::{self, HTTP_SHOP, Plain, csrf_of, follow, page, visit};
use cobrowse_tests::visitor::start_request;
use cobrowse_tests::{Heard, Socket, Stack, plain_host};
use protocol::{CloseCode, Flags, Header, Kind};
use tungstenite::{Message, WebSocket};

#[test]
fn an_agents_view_follows_the_visitor_to_http_and_back_and_shows_only_what_came_so() -> Result<()> {
    let stack = Stack::plan().start()?;
    let server = &stack.servers()[0];
    let (port, host) = (server.port, plain_host(&server.public_url));
    refuses_plain(port, &host)?;
    let asked = start_request(&stack, HTTP_SHOP, r#"{"group":"demo"}"#)?;
    assert_eq!(asked.error(), "not_allowed", "a group that does not follow has no http pages");

    follow(&stack, true)?;
    let (answer, _over_http) = plain::start(&stack, b"page over http")?;
    let plain = Plain::join(&stack, "ada", &answer)?;
    let other = format!("{}/view/{}", plain.origin(), plain.view.join);
    assert!(plain.view.page.text().contains(&other), "the view over HTTPS is told of the other");
    let shown = plain.get(&format!("/view/{}", plain.view.join))?;
    assert!(shown.starts_with("HTTP/1.1 200 "), "{shown}");
    assert!(!shown.contains("Strict-Transport-Security"), "{shown}");
    let mut agent = plain.open(&csrf_of(&shown)?)?;
    expect(&mut agent, b"page over http")?;
    // It only looks, whatever the role.
    let click = Header { kind: Kind::Click, flags: Flags::NONE, source: 0, epoch: 1, sequence: 1 };
    agent.send(Message::binary([&click.encode()[..], b"{}"].concat()))?;
    assert_eq!(close_code(&mut agent)?, CloseCode::NotAllowed.code());

    // The next page is over HTTPS: nothing of it comes, and the view goes back.
    let mut agent = plain.open(&csrf_of(&shown)?)?;
    let resume = format!("resume.{}", answer.resume);
    let mut visitor = visit(&stack, &answer, stack.shop_url(), &resume)?;
    page(&mut visitor, Flags::NONE, 2, b"page over https")?;
    assert_eq!(close_code(&mut agent)?, CloseCode::SecurePage.code());
    let back = plain.get(&format!("/view/{}", plain.view.join))?;
    let secure = format!("Location: {}/view/{}\r\n", server.public_url, plain.view.join);
    assert!(back.starts_with("HTTP/1.1 303 ") && back.contains(&secure), "{back}");
    let mut agent = plain.view.connect()?;
    agent.expect("the page over https", |agent| {
        agent.page().iter().any(|frame| frame.ends_with(b"page over https"))
    })?;

    // The secure cookie on plain HTTP is over at once, and the running view with it.
    let stolen = plain.view.browser.cookie("__Host-j-").context("no secure cookie")?.to_owned();
    plain.ask("/view/0102030405060708", &format!("__Host-j-{}={stolen}", plain.view.join))?;
    assert_eq!(closed_with(&mut agent.socket)?, CloseCode::Unauthorized.code());
    assert_eq!(plain.view.clone().status()?.status, 401);

    follow(&stack, false)?;
    refuses_plain(port, &plain.host)
}

/// Plain bytes end their connection unanswered; waits until the server has heard that it is so.
fn refuses_plain(port: u16, host: &str) -> Result<()> {
    let end = std::time::Instant::now() + PATIENCE;
    loop {
        let mut stream = tcp(port)?;
        stream.write_all(
            format!("GET /assets/x HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n").as_bytes(),
        )?;
        let mut answer = [0; 5];
        let answered = stream.read(&mut answer).is_ok_and(|read| answer[..read] == *b"HTTP/");
        if !answered {
            ensure!(ends_within(&mut stream, PATIENCE), "the connection stays open");
            return Ok(());
        }
        ensure!(std::time::Instant::now() < end, "plain bytes are answered");
    }
}

fn expect(agent: &mut WebSocket<TcpStream>, payload: &[u8]) -> Result<()> {
    loop {
        match agent.read()? {
            Message::Binary(frame) if frame.ends_with(payload) => return Ok(()),
            Message::Close(reason) => anyhow::bail!("closed with {reason:?}"),
            _ => {}
        }
    }
}

/// Reads on to the close, and makes sure that nothing of a page over HTTPS came before.
fn close_code(agent: &mut WebSocket<TcpStream>) -> Result<u16> {
    loop {
        match agent.read()? {
            Message::Binary(frame) => {
                ensure!(!frame.ends_with(b"page over https"), "a secure page in plain text");
            }
            Message::Close(reason) => return Ok(reason.context("no code")?.code.into()),
            _ => {}
        }
    }
}

fn closed_with(socket: &mut Socket) -> Result<u16> {
    loop {
        match socket.hear(PATIENCE)? {
            Some(Heard::Closed(code)) => return code.context("no code"),
            Some(_) => {}
            None => anyhow::bail!("the view goes on"),
        }
    }
}

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);
