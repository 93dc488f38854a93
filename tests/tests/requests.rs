//! Requests and connections that are none: TLS garbage, halves, wrong names, oversize, the control name.
//!
//! After each, somebody else's session goes on.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use cobrowse_tests::certificates::{Certificates, Names};
use cobrowse_tests::http::{Request, read_answer, upgrade};
use cobrowse_tests::net::{ends_within, tcp};
use cobrowse_tests::{Agent, AgentBrowser, Bystander, Net, Stack, Visitor};
use protocol::limits::{HTTP_HEAD_BYTES_MAX, STATUS_BODY_BYTES_MAX};

#[test]
fn bytes_that_are_no_tls_end_only_their_own_connection() -> Result<()> {
    let stack = stack();
    let mut bystander = Bystander::start(&stack)?;
    let server = &stack.servers()[0];
    for garbage in
        [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], &[0xff; 3000], &[0x16, 3, 1, 0xff, 0xff]]
    {
        let mut socket = tcp(server.port)?;
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        socket.write_all(garbage)?;
        if garbage[0] != 0x16 {
            assert!(ends_within(&mut socket, OPENING_MAX), "{:x?}", &garbage[..3]);
        }
        bystander.still_relays()?;
    }
    Ok(())
}

#[test]
fn older_versions_of_tls_and_weak_suites_are_refused_with_an_alert_that_says_so() -> Result<()> {
    const PROTOCOL_VERSION: u8 = 70;
    const HANDSHAKE_FAILURE: u8 = 40;
    let stack = stack();
    let server = &stack.servers()[0];
    let web = stack.web_url().trim_start_matches("https://");
    let (web_name, web_port) = web.split_once(':').unwrap_or((web, "443"));
    let public = server.public_url.trim_start_matches("https://");
    let public = public.split(':').next().unwrap_or_default();
    let doors = [
        (public, server.port),
        (&*server.control_name, server.port),
        (web_name, web_port.parse()?),
    ];
    // RSA without forward secrecy, CBC, 3DES, RC4, none at all, no certificate, export.
    let weak = [0x2f, 0x9c, 0xc013, 0xc009, 0xc027, 0x0a, 0x05, 0x02, 0x34, 0x03];
    let strong = [0xc02b, 0xc02c, 0xcca9, 0xc02f, 0xc030, 0xcca8];
    let all = [&weak[..], &strong[..]].concat();
    for (name, port) in doors {
        // SSL 3, TLS 1.0 and 1.1, as they were asked for in their time and as a newer client asks for them.
        for (version, listed) in
            [(0x300, 0), (0x301, 0), (0x302, 0), (0x303, 0x301), (0x303, 0x302)]
        {
            let answer = said_to(port, &client_hello(name, version, listed, &all))?;
            let told = format!("{version:#x} and {listed:#x} at {name}: {answer:x?}");
            assert_eq!((answer[0], answer.last()), (21, Some(&PROTOCOL_VERSION)), "{told}");
        }
        let answer = said_to(port, &client_hello(name, 0x303, 0, &weak))?;
        assert_eq!((answer[0], answer.last()), (21, Some(&HANDSHAKE_FAILURE)), "{name}");
        // The control: the same with a suite of today is answered.
        let answer = said_to(port, &client_hello(name, 0x303, 0, &strong))?;
        assert_eq!((answer[0], &answer[1..3]), (22, &[3, 3][..]), "{name}");
    }
    Ok(())
}

#[test]
fn no_script_and_no_page_comes_over_plain_http() -> Result<()> {
    let stack = stack();
    let web: u16 = stack.web_url().rsplit(':').next().unwrap_or("443").parse()?;
    for (port, path) in [
        (web, "/cobrowse/loader.js"),
        (web, "/cobrowse/visitor.js"),
        (web, "/login"),
        (stack.servers()[0].port, "/healthz"),
    ] {
        let mut socket = tcp(port)?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: www.cobrowse.localhost\r\n\r\n");
        socket.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        // Refused or reset: what counts is what came before.
        let _ = socket.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer);
        assert!(!text.contains("HTTP/"), "{path} at {port}: {text}");
    }
    Ok(())
}

/// A ClientHello of TLS up to 1.2. `listed` stands in `supported_versions`, unless it is zero.
fn client_hello(name: &str, version: u16, listed: u16, suites: &[u16]) -> Vec<u8> {
    let words =
        |words: &[u16]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>();
    let sized = |bytes: Vec<u8>| [&(bytes.len() as u16).to_be_bytes()[..], &bytes].concat();
    let extension = |kind: u16, body: Vec<u8>| [words(&[kind]), sized(body)].concat();
    let host = sized([vec![0], sized(name.as_bytes().to_vec())].concat());
    let mut extensions = vec![
        extension(0, host),
        extension(10, sized(words(&[29, 23, 24]))),
        extension(11, vec![1, 0]),
        extension(13, sized(words(&[0x403, 0x503, 0x804, 0x401, 0x807, 0x203, 0x201]))),
        extension(23, Vec::new()),
    ];
    if listed != 0 {
        extensions.push(extension(43, [vec![2], words(&[listed])].concat()));
    }
    let body = [
        words(&[version]),
        vec![7; 32],
        vec![0],
        sized(words(suites)),
        vec![1, 0],
        sized(extensions.concat()),
    ]
    .concat();
    let handshake = [vec![1, 0], sized(body)].concat();
    [vec![22, 3, 1], sized(handshake)].concat()
}

/// The first record that comes back.
fn said_to(port: u16, hello: &[u8]) -> Result<Vec<u8>> {
    let mut socket = tcp(port)?;
    socket.write_all(hello)?;
    let mut head = [0; 5];
    socket.read_exact(&mut head)?;
    let mut record = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    socket.read_exact(&mut record)?;
    Ok([&head[..], &record].concat())
}

#[test]
fn tls_is_1_2_or_1_3_with_a_post_quantum_exchange_and_resumes_on_whichever_core() -> Result<()> {
    use rustls::version::{TLS12, TLS13};
    let stack = stack();
    let server = &stack.servers()[0];
    let web: u16 = stack.web_url().rsplit(':').next().unwrap_or("443").parse()?;
    let ca = stack.certificates().public_ca();
    for (url, port, path) in
        [(&*server.public_url, server.port, "/healthz"), (stack.web_url(), web, "/login")]
    {
        let host = url.trim_start_matches("https://");
        let name = host.split(':').next().unwrap_or_default();
        for version in [&TLS12, &TLS13] {
            let net = Net::speaking(&ca, version)?;
            // Each connection may be another core's; their tickets are everybody's.
            for turn in 0..12 {
                let mut stream = net.connect(name, port)?;
                let told = format!("{name}, {:?}, connection {turn}", version.version);
                assert_eq!(stream.conn.protocol_version(), Some(version.version), "{told}");
                let full = stream.conn.handshake_kind() != Some(rustls::HandshakeKind::Resumed);
                assert_eq!(full, turn == 0, "{told}");
                if turn == 0 && version.version == TLS13.version {
                    let group = stream.conn.negotiated_key_exchange_group();
                    let group = group.map(|group| group.name());
                    assert_eq!(group, Some(rustls::NamedGroup::X25519MLKEM768), "{told}");
                }
                // What makes the next one short comes with the first answer.
                stream
                    .write_all(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())?;
                let (answer, _) = read_answer(&mut stream)?;
                assert_eq!(answer.status, 200, "{told}");
                let lasting = answer.header("strict-transport-security");
                assert_eq!(lasting, Some("max-age=63072000"), "{told}");
            }
        }
    }
    Ok(())
}

#[test]
fn half_a_request_and_then_silence_is_ended_by_the_server() -> Result<()> {
    let stack = stack();
    let mut bystander = Bystander::start(&stack)?;
    let server = &stack.servers()[0];
    let host = server.public_url.trim_start_matches("https://");
    let name = host.split(':').next().unwrap_or_default();
    // All at once, since the server gives each 15 s.
    let mut silent = tcp(server.port)?;
    silent.set_read_timeout(Some(Duration::from_millis(100)))?;
    let mut half_hello = tcp(server.port)?;
    half_hello.set_read_timeout(Some(Duration::from_millis(100)))?;
    half_hello.write_all(&[0x16, 3, 1, 2])?;
    let mut idle = stack.net().connect(name, server.port)?;
    let mut half = stack.net().connect(name, server.port)?;
    half.write_all(format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nX-Half: ").as_bytes())?;
    bystander.still_relays()?;
    assert!(ends_within(&mut half, OPENING_MAX), "half a head");
    assert!(ends_within(&mut idle, OPENING_MAX), "a handshake and no request");
    assert!(ends_within(&mut half_hello, OPENING_MAX), "half a handshake");
    assert!(ends_within(&mut silent, OPENING_MAX), "a connection and nothing else");
    bystander.still_relays()
}

#[test]
fn a_request_that_breaks_a_rule_is_answered_with_its_name() -> Result<()> {
    let stack = stack();
    let mut bystander = Bystander::start(&stack)?;
    let server = &stack.servers()[0];
    let host = server.public_url.trim_start_matches("https://").to_owned();
    let name = host.split(':').next().unwrap_or_default().to_owned();
    let huge = "x".repeat(HTTP_HEAD_BYTES_MAX);
    let many = "X-A: b\r\n".repeat(2_000);
    let body = STATUS_BODY_BYTES_MAX + 1;
    let cases = [
        ("not HTTP", "hello\r\n\r\n".to_owned(), 400),
        ("an unknown path", format!("GET /secret HTTP/1.1\r\nHost: {host}\r\n\r\n"), 404),
        ("a path upwards", format!("GET /assets/../join HTTP/1.1\r\nHost: {host}\r\n\r\n"), 404),
        ("another host", "GET /healthz HTTP/1.1\r\nHost: evil.localhost\r\n\r\n".to_owned(), 421),
        ("no host", "GET /healthz HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("two hosts", format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nHost: b\r\n\r\n"), 400),
        ("a huge header", format!("GET / HTTP/1.1\r\nHost: {host}\r\nX: {huge}\r\n\r\n"), 431),
        ("many headers", format!("GET / HTTP/1.1\r\nHost: {host}\r\n{many}\r\n"), 431),
        (
            "a body over its limit",
            format!(
                "POST /visitor/status HTTP/1.1\r\nHost: {host}\r\nContent-Length: {body}\r\n\r\n"
            ),
            413,
        ),
        (
            "a chunked body",
            format!(
                "POST /visitor/status HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n"
            ),
            400,
        ),
        (
            "two lengths",
            format!(
                "POST /visitor/status HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"
            ),
            400,
        ),
        ("a socket without upgrade", format!("GET /visitor HTTP/1.1\r\nHost: {host}\r\n\r\n"), 426),
        ("no credential", format!("GET /join HTTP/1.1\r\nHost: {host}\r\n\r\n"), 401),
    ];
    for (what, request, status) in cases {
        let mut stream = stack.net().connect(&name, server.port)?;
        stream.write_all(request.as_bytes())?;
        let (answer, _) = read_answer(&mut stream).map_err(|error| error.context(what))?;
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        assert!(!answer.error().is_empty(), "{what} is answered with a name: {}", answer.text());
        bystander.still_relays().map_err(|error| error.context(what))?;
    }
    Ok(())
}

#[test]
fn an_offer_without_our_version_is_incompatible() -> Result<()> {
    let stack = stack();
    let visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let resume = &visitor.answer.resume;
    for offer in [format!("cobrowse.v9, resume.{resume}"), "chat".to_owned()] {
        let request = Request::get(&visitor.answer.server)?.header("Origin", stack.shop_url());
        let refused = upgrade(stack.net(), request, &offer)?;
        let Err(answer) = refused else { panic!("{offer} was accepted") };
        assert_eq!((answer.status, answer.error().as_str()), (426, "incompatible"));
    }
    Ok(())
}

#[test]
fn the_control_name_opens_only_to_a_certificate_of_the_control_ca() -> Result<()> {
    let mut stack = Stack::plan().start()?;
    let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let mut agent = Agent::join(&stack, "ada", visitor.key())?;
    let (name, port) = (stack.servers()[0].control_name.clone(), stack.servers()[0].port);
    let certificates = stack.certificates().clone();

    // Nobody: the handshake of TLS 1.3 may look complete to us before the server has seen that nothing came.
    let nobody = Net::trusting(&certificates.control_ca())?;
    assert!(dial(&nobody, &name, port).is_err(), "without a certificate");
    // Somebody of another CA, and somebody of our public CA.
    let folder = tempfile::tempdir()?;
    let names = Names { public: Vec::new(), control: vec![("w1".into(), "w1.example".into())] };
    let foreign = Certificates::make(folder.path(), &names)?;
    let stranger = Net::with_certificate(
        &certificates.control_ca(),
        &foreign.chain("w1"),
        &foreign.key("w1"),
    )?;
    assert!(dial(&stranger, &name, port).is_err(), "with a certificate of another control CA");
    let public = Net::with_certificate(
        &certificates.control_ca(),
        &certificates.chain("shop"),
        &certificates.key("shop"),
    )?;
    assert!(dial(&public, &name, port).is_err(), "with a certificate of the public CA");

    // A real one opens it, and sees no page of the public name there.
    let real = Net::with_certificate(
        &certificates.control_ca(),
        &certificates.chain("w1"),
        &certificates.key("w1"),
    )?;
    assert_eq!(dial(&real, &name, port)?, 404);
    // The control path does not exist under the public name.
    let at = format!("{}/control", stack.servers()[0].public_url);
    let refused = upgrade(stack.net(), Request::get(&at)?, "cobrowse.control.v1")?;
    assert_eq!(refused.err().map(|answer| answer.status), Some(404));

    stack.check()?;
    visitor.diff(b"not disturbed")?;
    agent.expect_copy_of(&visitor)
}

#[test]
fn a_control_stream_that_does_not_say_hello_is_ended_and_harms_nobody() -> Result<()> {
    let mut stack = Stack::plan().start()?;
    let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let mut agent = Agent::join(&stack, "ada", visitor.key())?;
    let server = &stack.servers()[0];
    let url = format!("https://{}:{}/control", server.control_name, server.port);
    let certificates = stack.certificates();
    let real = Net::with_certificate(
        &certificates.control_ca(),
        &certificates.chain("w1"),
        &certificates.key("w1"),
    )?;
    for record in ["{", r#"{"type":"drain","deadline_ms":1}"#, &"x".repeat(70_000)] {
        let opened = upgrade(&real, Request::get(&url)?, "cobrowse.control.v1")?;
        let Ok(mut socket) = opened else { panic!("the control stream was refused") };
        socket.send_text(record)?;
        let end = std::time::Instant::now() + cobrowse_tests::limits::WAIT_MAX;
        loop {
            match socket.hear(cobrowse_tests::limits::WAIT_MAX)? {
                Some(cobrowse_tests::Heard::Closed(_)) => break,
                _ => assert!(std::time::Instant::now() < end, "not ended"),
            }
        }
    }
    stack.check()?;
    visitor.diff(b"not disturbed")?;
    agent.expect_copy_of(&visitor)
}

#[test]
fn the_web_tier_answers_bad_requests_without_harm() -> Result<()> {
    let stack = stack();
    let mut bystander = Bystander::start(&stack)?;
    let web = stack.web_url().to_owned();
    let get = |path: &str| -> Result<u16> {
        Ok(Request::get(&format!("{web}{path}"))?.send(stack.net())?.status)
    };
    assert_eq!(get("/nowhere")?, 404);
    assert!([303, 400].contains(&get("/cobrowse/AgentView?SessionKey=%00%ff")?));
    let mut bob = AgentBrowser::login(&stack, "bob")?;
    let url = format!("{web}/logout");
    let foreign = Request::post(&url, "application/x-www-form-urlencoded", "")?;
    let answer = bob.send(foreign.header("Origin", "https://evil.localhost"))?;
    assert!((400..500).contains(&answer.status), "logout from a foreign page: {}", answer.status);
    let home = bob.send(Request::get(&format!("{web}/"))?)?;
    assert_eq!(home.status, 200, "a foreign page logs nobody out");
    bystander.still_relays()
}

fn stack() -> Arc<Stack> {
    Stack::shared(Stack::plan().servers(1).cores(2))
}

/// Asks for a page under the control name; the status, when TLS let it through.
fn dial(net: &Net, name: &str, port: u16) -> Result<u16> {
    let mut stream = net.connect(name, port)?;
    stream.write_all(format!("GET /healthz HTTP/1.1\r\nHost: {name}:{port}\r\n\r\n").as_bytes())?;
    Ok(read_answer(&mut stream)?.0.status)
}

/// More than the CServer gives a connection before its first request.
const OPENING_MAX: Duration = Duration::from_secs(22);
