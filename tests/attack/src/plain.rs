//! The door of plain HTTP, while a group's agents follow their visitors there: the smuggling shapes of the other doors, the origins,
//! cookies and CSRF values that must open nothing, and the requests that exist over TLS only.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cobrowse_tests::Stack;
use cobrowse_tests::http::Request;
use cobrowse_tests::net::tcp;
use cobrowse_tests::plain::{self, Plain, follow};

use crate::Findings;
use crate::real::{control, tried};
use crate::smuggling::{Door, knock};

/// Opens the door, tries everything, and closes it again.
pub(crate) fn attack(stack: &Stack, findings: &mut Findings) -> Result<()> {
    follow(stack, true)?;
    let (answer, _visitor) = plain::start(stack, b"page over http")?;
    let plain = Plain::join(stack, "ada", &answer)?;
    let csrf = opened(&plain)?;
    let shown = plain.get(&format!("/view/{}", plain.view.join))?;
    let asset = shown.split('"').find(|part| part.starts_with("/assets/"));
    let asset = asset.context("the view names no asset")?.to_owned();
    let authority = plain.authority();
    let open = || -> Result<TcpStream> {
        let stream = tcp(plain.port)?;
        stream.set_read_timeout(Some(Duration::from_millis(50)))?;
        Ok(stream)
    };
    let door = Door { authority: &authority, open, honest: &asset, is_cserver: true };
    for path in ["stream", "frames"] {
        knock(&door, &format!("/agent/{}/{path}", plain.view.join), findings)?;
    }
    origins(&plain, &csrf, findings)?;
    credentials(stack, &plain, &csrf, findings)?;
    only_over_tls(&plain, findings)?;
    control(findings, "the plain view's upgrade", plain.open(&csrf).is_ok());
    // Last, since it ends the join: the cookie of the view over TLS.
    let secure = plain.view.browser.cookie("__Host-j-").context("no secure cookie")?.to_owned();
    let names = ["__Host-j-", "j-"].map(|name| format!("{name}{}={secure}", plain.view.join));
    for cookies in names {
        let opened = plain.try_open(&cookies, &plain.origin(), &csrf).is_ok();
        tried(findings, "a secure cookie over plain HTTP", opened);
        // The core of the session hears of it by post.
        let end = Instant::now() + cobrowse_tests::limits::WAIT_MAX;
        while plain.view.clone().status()?.status < 400 && Instant::now() < end {
            std::thread::sleep(cobrowse_tests::limits::POLL_EVERY);
        }
        tried(
            findings,
            "the plain cookie after the secure one was seen",
            plain.open(&csrf).is_ok(),
        );
        tried(
            findings,
            "the view of a join that strayed",
            plain.view.clone().reload()?.status < 400,
        );
    }
    follow(stack, false)?;
    closed(&plain)
}

/// Every request of the view with every origin that is not its own.
fn origins(plain: &Plain, csrf: &str, findings: &mut Findings) -> Result<()> {
    let (own, cookies) = (plain.origin(), plain.cookies()?);
    let secure = plain.view.url.origin();
    let upper = own.to_uppercase();
    let other = [
        "null",
        "",
        "*",
        "file://",
        "http://evil.localhost",
        &secure,
        &upper,
        &format!("{own}/"),
        &format!("{own}.evil.localhost"),
        &own.replace("http://", "https://"),
        &own.replace("http://", "http://evil."),
        &own.replace(&format!(":{}", plain.port), ""),
        &format!("{own} http://evil.localhost"),
    ]
    .map(str::to_owned);
    let post = |path: &str, origin: Option<&str>| {
        let origin = origin.map(|origin| format!("Origin: {origin}\r\n")).unwrap_or_default();
        let number = if path == "frames" { " 1" } else { "" };
        let body = format!("csrf.{csrf} 0102030405060708{number}\n");
        plain.send(&format!(
            "POST /agent/{}/{path} HTTP/1.1\r\nHost: {}\r\n{origin}Cookie: {cookies}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
            plain.view.join,
            plain.authority(),
            body.len()
        ))
    };
    for origin in &other {
        let opened = plain.try_open(&cookies, origin, csrf).is_ok();
        tried(findings, &format!("a plain upgrade from {origin:?}"), opened);
    }
    for path in ["stream", "frames"] {
        for origin in other.iter().map(|origin| Some(&**origin)).chain([None]) {
            let answer = post(path, origin)?;
            let what = format!("a plain post to {path} from {origin:?}");
            tried(findings, &what, !answer.starts_with("HTTP/1.1 403 "));
        }
    }
    // The control: from its own origin it is not the origin that is refused.
    control(findings, "a plain stream", post("stream", Some(&own))?.starts_with("HTTP/1.1 200 "));
    let frames = post("frames", Some(&own))?;
    control(findings, "plain frames", !frames.starts_with("HTTP/1.1 403 "));
    Ok(())
}

/// Cookies and CSRF values that are altered, another's, doubled by a sibling host, or the other protocol's.
fn credentials(stack: &Stack, plain: &Plain, csrf: &str, findings: &mut Findings) -> Result<()> {
    let (own, cookies) = (plain.origin(), plain.cookies()?);
    let (name, value) = cookies.split_once('=').context("no value")?;
    for wrong in ["", "A", &csrf[..21], &csrf.replace(|_| true, "A"), &plain.view.csrf] {
        let opened = plain.try_open(&cookies, &own, wrong).is_ok();
        tried(findings, "a wrong CSRF value over plain HTTP", opened);
    }
    let altered = (0..value.len()).step_by(3).map(|at| {
        let mut altered = value.to_owned();
        let letter = if value.as_bytes()[at] == b'A' { "B" } else { "A" };
        altered.replace_range(at..=at, letter);
        format!("{name}={altered}")
    });
    let tossed = [
        String::new(),
        format!("{name}={value}; {name}={value}"),
        format!("{name}=; {name}={value}"),
        format!("{name}={value}; {name}=x"),
        format!("x{name}={value}"),
        format!("{}={value}", name.to_uppercase()),
        format!("{name}=\"{value}\""),
        format!("j-0102030405060708={value}"),
    ];
    for wrong in altered.chain(tossed) {
        tried(
            findings,
            "a plain upgrade with another cookie",
            plain.try_open(&wrong, &own, csrf).is_ok(),
        );
        let page = plain.ask(&format!("/view/{}", plain.view.join), &wrong)?;
        tried(findings, "a plain page with another cookie", page.starts_with("HTTP/1.1 200 "));
    }
    // And the plain cookie where it has no business, under its own name and as the secure one.
    for cookie in [cookies.clone(), format!("__Host-{cookies}")] {
        let page = format!("{}{}", plain.view.url.origin(), plain.view.url.path);
        let answer = Request::get(&page)?.header("Cookie", &cookie).send(stack.net())?;
        tried(findings, "the plain cookie over TLS", answer.status < 400);
    }
    Ok(())
}

/// What exists over TLS only.
fn only_over_tls(plain: &Plain, findings: &mut Findings) -> Result<()> {
    let (host, cookies) = (plain.authority(), plain.cookies()?);
    for line in [
        "GET /join",
        "POST /join",
        "GET /visitor",
        "POST /visitor/stream",
        "POST /visitor/frames",
        "POST /visitor/status",
        "GET /presence",
        "GET /healthz",
        "GET /readyz",
        "GET /control",
        "GET /",
    ] {
        let length = if line.starts_with("POST") { "Content-Length: 0\r\n" } else { "" };
        let answer = plain.send(&format!(
            "{line} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookies}\r\nOrigin: {}\r\n{length}\r\n",
            plain.origin()
        ))?;
        tried(findings, &format!("{line} over plain HTTP"), !answer.starts_with("HTTP/1.1 404 "));
        ensure!(!answer.contains("Strict-Transport-Security"), "{line}: {answer}");
    }
    let public = plain.view.url.origin().replace("https://", "");
    for other in ["evil.localhost", &public, &plain.host, &format!("{host}0"), ""] {
        let page = format!("/view/{}", plain.view.join);
        let request = format!("GET {page} HTTP/1.1\r\nHost: {other}\r\nCookie: {cookies}\r\n\r\n");
        let answer = plain.send(&request)?;
        tried(
            findings,
            &format!("plain HTTP for the host {other:?}"),
            answer.starts_with("HTTP/1.1 200 "),
        );
    }
    Ok(())
}

/// Waits until the plain view is shown; its CSRF value.
fn opened(plain: &Plain) -> Result<String> {
    let end = Instant::now() + cobrowse_tests::limits::WAIT_MAX;
    loop {
        match plain.csrf() {
            Err(_) if Instant::now() < end => {
                std::thread::sleep(cobrowse_tests::limits::POLL_EVERY)
            }
            found => return found,
        }
    }
}

/// Once no group follows, plain bytes end their connection unread.
fn closed(plain: &Plain) -> Result<()> {
    let end = Instant::now() + cobrowse_tests::limits::WAIT_MAX;
    loop {
        let mut stream = tcp(plain.port)?;
        stream.write_all(
            format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", plain.authority()).as_bytes(),
        )?;
        // An alert of TLS may come, and no HTTP.
        let mut answer = [0; 5];
        let read = stream.read(&mut answer).unwrap_or(0);
        if !answer[..read].starts_with(b"HTTP/") {
            return Ok(());
        }
        ensure!(Instant::now() < end, "plain HTTP is answered though no group follows");
    }
}
