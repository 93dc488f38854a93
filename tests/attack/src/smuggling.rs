//! Requests whose borders two parsers might see in different places, and other abuse of heads and bodies.
//!
//! Each case carries a second request where one reading of the first would end. It passes when a server answers twice without having
//! been sent two plain requests, or takes what it must refuse. Both servers are tried over TLS here, and the session server over plain
//! HTTP in `plain.rs`. Among the shapes are those that
//! were published of Pingora: CVE-2026-2833 (bytes behind an Upgrade), CVE-2026-2835 (`identity, chunked`, HTTP/1.0), CVE-2025-4366
//! (a body that was never read).

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cobrowse_tests::Stack;

use crate::Findings;

/// Tries every shape at both servers.
pub(crate) fn attack(stack: &Stack, findings: &mut Findings) -> Result<()> {
    let server = stack.servers()[0].public_url.clone();
    let web = stack.web_url().to_owned();
    for (url, path) in [
        (&server, "/visitor/status"),
        (&server, "/visitor/frames"),
        (&server, "/agent/0102030405060708/stream"),
        (&web, "/api/v1/sessions"),
    ] {
        let authority = url.trim_start_matches("https://").to_owned();
        let (name, port) = authority.split_once(':').context("an address without a port")?;
        let port: u16 = port.parse()?;
        let open = || stack.net().connect(name, port);
        let door =
            Door { authority: &authority, open, honest: "/healthz", is_cserver: url == &server };
        knock(&door, path, findings)?;
    }
    Ok(())
}

/// Where requests go.
pub(crate) struct Door<'a, F> {
    /// What it calls itself.
    pub(crate) authority: &'a str,
    /// A new connection.
    pub(crate) open: F,
    /// A path that it answers with 200.
    pub(crate) honest: &'a str,
    /// The session server's rules, or the web tier's.
    pub(crate) is_cserver: bool,
}

/// Every shape at one path of a door.
pub(crate) fn knock<S: Read + Write>(
    door: &Door<'_, impl Fn() -> Result<S>>,
    path: &str,
    findings: &mut Findings,
) -> Result<()> {
    let Door { authority, open, honest, is_cserver } = door;
    for Case { what, first, answers_max } in cases(authority, path, *is_cserver) {
        let mut stream = open()?;
        // A marker behind it: it is answered only by who took it for a request of its own.
        let smuggled =
            format!("GET {honest} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
        let sent = stream.write_all(&[first.as_slice(), smuggled.as_bytes()].concat());
        let statuses = if sent.is_ok() { statuses(&mut stream) } else { Vec::new() };
        findings.number("smuggling_cases", 1);
        let is_ok = statuses.iter().any(|status| *status < 300);
        let passed = statuses.len() > answers_max || is_ok && answers_max < 2;
        if passed {
            findings.number("smuggling_passed", 1);
            findings.fault(format!("{what} at {authority}: answers {statuses:?}"));
        }
    }
    findings.number("smuggling_passed", 0);
    // The control: two honest requests on one connection are two answers.
    let mut stream = open()?;
    let one = format!("GET {honest} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    let two = format!("GET {honest} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(format!("{one}{two}").as_bytes())?;
    let answers = statuses(&mut stream);
    if answers != [200, 200] {
        findings.fault(format!("two honest requests at {authority}: answers {answers:?}"));
    }
    Ok(())
}

struct Case {
    what: String,
    first: Vec<u8>,
    /// With more answers than this the second request was taken for one.
    answers_max: usize,
}

/// Where the framing is ambiguous, one refusal and the end of the connection. Where it is only unwelcome, the rest may go on.
fn cases(host: &str, path: &str, is_cserver: bool) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |what: &str, headers: &str, body: &str| {
        let first = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n{body}");
        cases.push(Case { what: what.into(), first: first.into_bytes(), answers_max: 1 });
    };
    for length in [
        "+5",
        "-5",
        "0x5",
        "5 5",
        "5,5",
        "5, 5",
        "5;5",
        "",
        " ",
        "5.0",
        "5e0",
        "１",
        "18446744073709551616",
        "99999999999999999999999999",
        "5\u{b}",
        "\"5\"",
        "5\t6",
        "null",
        "05 ,",
        "0,5",
    ] {
        add(&format!("Content-Length {length:?}"), &format!("Content-Length: {length}\r\n"), "");
    }
    for (a, b) in [("0", "5"), ("5", "0"), ("0", "44"), ("5", "+5")] {
        add("two lengths", &format!("Content-Length: {a}\r\nContent-Length: {b}\r\n"), "");
        add("two lengths, cases", &format!("content-length: {a}\r\nCONTENT-LENGTH: {b}\r\n"), "");
    }
    // Transfer codings that nobody implements, misspelt, doubled, or with a version that has none.
    for coding in [
        "xchunked",
        "chunked, identity",
        "identity, chunked",
        "chunked, chunked",
        "gzip, chunked",
        "identity",
        "chunked;q=1",
        "\"chunked\"",
        "chunked x",
        "\u{b}chunked",
        "",
        "x",
        "chunked,",
        ",chunked",
    ] {
        let te = format!("Transfer-Encoding: {coding}\r\n");
        add(
            &format!("Transfer-Encoding {coding:?} and a length"),
            &format!("{te}Content-Length: 5\r\n"),
            "0\r\n\r\n",
        );
        add(
            &format!("a length and Transfer-Encoding {coding:?}"),
            &format!("Content-Length: 5\r\n{te}"),
            "0\r\n\r\n",
        );
    }
    add("TE.CL", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "5c\r\nX\r\n0\r\n\r\n");
    add("CL.TE", "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nG");
    add(
        "TE twice",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\nContent-Length: 3\r\n",
        "0\r\n\r\n",
    );
    for (what, line) in [
        ("space before the colon", "Transfer-Encoding : chunked\r\nContent-Length: 3\r\n"),
        ("tab before the colon", "Content-Length\t: 3\r\n"),
        ("space before the name", " Content-Length: 3\r\n"),
        ("obs-fold in a length", "Content-Length:\r\n 3\r\n"),
        (
            "obs-fold behind a header",
            "X-A: b\r\n Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        ),
        ("bare CR in a value", "X-A: b\rContent-Length: 3\r\n"),
        ("NUL in a value", "X-A: b\0\r\nContent-Length: 3\r\n"),
        ("NUL in a name", "Content\0-Length: 3\r\n"),
        ("no colon", "Content-Length 3\r\n"),
        ("empty name", ": 3\r\n"),
        ("a name with brackets", "Content-Length(x): 3\r\n"),
    ] {
        add(what, line, "abc");
    }
    let mut raw = |what: &str, text: String, answers_max: usize| {
        cases.push(Case { what: what.into(), first: text.into_bytes(), answers_max });
    };
    // A version without chunks and without kept connections: nothing behind it is a request.
    raw(
        "HTTP/1.0 with chunks",
        format!(
            "POST {path} HTTP/1.0\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        1,
    );
    raw("HTTP/1.0 without a length", format!("POST {path} HTTP/1.0\r\nHost: {host}\r\n\r\n"), 1);
    for version in
        ["HTTP/1.2", "HTTP/2.0", "HTTP/0.9", "HTTP/1.1.1", "http/1.1", "HTTP/11", "ICY/1.1", ""]
    {
        raw(
            &format!("version {version:?}"),
            format!("GET /nowhere {version}\r\nHost: {host}\r\n\r\n"),
            1,
        );
    }
    raw("no Host", "GET /healthz HTTP/1.1\r\n\r\n".into(), if is_cserver { 1 } else { 2 });
    for (what, line) in [
        ("space in the target", "GET /a b HTTP/1.1"),
        ("two spaces", "GET  /healthz  HTTP/1.1"),
        ("no target", "GET HTTP/1.1"),
        ("a NUL in the target", "GET /\0 HTTP/1.1"),
        ("a method with a slash", "G/T /healthz HTTP/1.1"),
        ("HTTP/2's preface", "PRI * HTTP/2.0"),
    ] {
        raw(what, format!("{line}\r\nHost: {host}\r\n\r\n"), 1);
    }
    if is_cserver {
        // Stricter than HTTP asks: the CServer answers nothing that no browser sends.
        for (what, line) in [
            ("absolute form", format!("GET https://{host}/healthz HTTP/1.1")),
            ("absolute form of another host", "GET https://evil.localhost/healthz HTTP/1.1".into()),
            ("authority form", format!("CONNECT {host} HTTP/1.1")),
            ("asterisk form", "OPTIONS * HTTP/1.1".into()),
        ] {
            raw(what, format!("{line}\r\nHost: {host}\r\n\r\n"), 1);
        }
        raw("bare LF", format!("GET /nowhere HTTP/1.1\nHost: {host}\n\n"), 1);
        raw(
            "bare LF in one header",
            format!("GET /nowhere HTTP/1.1\r\nX: a\nHost: {host}\r\n\r\n"),
            1,
        );
        raw(
            "a body on a GET",
            format!("GET /nowhere HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\n\r\nabcde"),
            1,
        );
        raw(
            "two hosts",
            format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nHost: evil.localhost\r\n\r\n"),
            1,
        );
        raw(
            "chunk extensions",
            format!(
                "POST {path} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\n5\r\nx\r\n0\r\n\r\n"
            ),
            1,
        );
        for more in ["Upgrade: websocket\r\nConnection: Upgrade\r\n", "Upgrade: websocket\r\n"] {
            raw(
                "bytes behind half an Upgrade",
                format!("GET /visitor HTTP/1.1\r\nHost: {host}\r\n{more}\r\n"),
                1,
            );
        }
    } else {
        for body in [
            "1;a=\n5\r\nx\r\n0\r\n\r\n",
            "g\r\nx\r\n0\r\n\r\n",
            "-1\r\n\r\n",
            "1\nx\n0\n\n",
            "0x1\r\nx\r\n0\r\n\r\n",
            "ffffffffffffffffff\r\nx\r\n0\r\n\r\n",
            "1\r\nxy\r\n0\r\n\r\n",
            " 1\r\nx\r\n0\r\n\r\n",
        ] {
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n"
            );
            raw(&format!("chunks {body:?}"), format!("{head}{body}"), 1);
        }
    }
    // These are two requests by every reading; what counts is that the first is refused: unknown upgrades and undrained bodies.
    raw(
        "an unknown Upgrade",
        format!(
            "GET /nowhere HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n"
        ),
        2,
    );
    raw(
        "a body that nobody reads",
        format!("POST /nowhere HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\n\r\nabc"),
        2,
    );
    raw(
        "a huge head",
        format!("GET /nowhere HTTP/1.1\r\nHost: {host}\r\nX: {}\r\n\r\n", "a".repeat(600_000)),
        1,
    );
    raw(
        "a huge body",
        format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4294967296\r\n\r\n"),
        1,
    );
    for method in ["TRACE", "TRACK", "PUT", "DELETE", "PATCH", "DEBUG", "GETT", "get"] {
        raw(
            &format!("method {method}"),
            format!("{method} /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            2,
        );
    }
    cases
}

/// The status of every answer until the server ends the connection or is quiet for a while.
fn statuses(stream: &mut impl Read) -> Vec<u16> {
    let mut bytes = Vec::new();
    let (mut buffer, mut last) = ([0; 16 * 1024], Instant::now());
    while last.elapsed() < QUIET {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                bytes.extend_from_slice(&buffer[..read]);
                last = Instant::now();
            }
            Err(error) if cobrowse_tests::net::is_quiet(&error) => {}
            Err(_) => break,
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    text.match_indices("HTTP/1.")
        .filter_map(|(at, _)| text.get(at + 9..at + 12)?.parse().ok())
        .collect()
}

/// A server that still waits for more of the first request says nothing: that is a refusal, too.
const QUIET: Duration = Duration::from_millis(400);
