//! Requests of browsers to the web tier: bodies of JSON, forms, cookies, queries and paths, through its whole router over a store in
//! memory. Whatever comes, it is answered, and not by a fault of ours.
//!
//! An input is a line with method and address, lines of headers, an empty line and the body. The web tier lives over many inputs, so
//! a finding may need those before it: try its whole run again.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::runtime::Runtime;
use webtier::simulated::{Disk, Site, WebTier, prepare};

use super::{Outcome, Target};
use crate::wire;

pub(crate) const TARGET: Target = Target {
    name: "web",
    run,
    seeds,
    words: WORDS,
    // However short a request is, hashing its password takes 19 MiB, and it may be answered with a script.
    memory_per_byte_max: 4 * 1024 * 1024,
};

struct World {
    runtime: Runtime,
    tier: WebTier,
    /// Inputs that it has answered.
    answered: usize,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

fn run(input: &[u8]) -> Outcome {
    let Some((line, headers, body)) = parts(input) else { return Outcome::Refused };
    let Some((method, uri)) = line.split_once(' ') else { return Outcome::Refused };
    WORLD.with_borrow_mut(|world| {
        // Sessions and throttles add up; a new one now and then keeps memory flat.
        if world.as_ref().is_some_and(|world| world.answered >= LIFE) {
            *world = None;
        }
        let World { runtime, tier, answered } = world.get_or_insert_with(World::new);
        *answered += 1;
        let Some(answer) = tier.exchange(method, uri, &headers, body.to_vec()) else {
            return Outcome::Refused;
        };
        let Some((status, bytes)) = runtime.block_on(answer) else { panic!("no answer") };
        assert!(status < 500 || status == 503, "{status}: a fault of ours");
        assert!(bytes < ANSWER_BYTES_MAX, "an answer of {bytes} bytes");
        Outcome::of(status < 400)
    })
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { unreachable!("a runtime of one thread") };
        let disk = Disk::default();
        let servers = [("s1", "https://s1.cobrowse.example", "c1.cobrowse.example")];
        let site = Site {
            origin: "https://shop.example",
            grace_ms: 30_000,
            servers: &servers,
            now_ms: NOW_MS,
        };
        let entered = runtime.enter();
        let made = prepare(&disk, &site).and_then(|_| {
            let clock = Arc::new(AtomicU64::new(NOW_MS));
            WebTier::start(&disk, "w1", clock, wire::client_config(), |_| {
                Box::pin(std::future::ready(Err(std::io::ErrorKind::ConnectionRefused.into())))
            })
        });
        drop(entered);
        let tier = made.unwrap_or_else(|error| panic!("the web tier does not start: {error}"));
        Self { runtime, tier, answered: 0 }
    }
}

type Parts<'a> = (&'a str, Vec<(&'a str, &'a [u8])>, &'a [u8]);

fn parts(input: &[u8]) -> Option<Parts<'_>> {
    let end = input.windows(2).position(|two| two == b"\n\n")?;
    let (head, body) = (&input[..end], &input[end + 2..]);
    let mut lines = head.split(|byte| *byte == b'\n');
    let line = std::str::from_utf8(lines.next()?).ok()?;
    let headers = lines.filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        Some((std::str::from_utf8(&line[..colon]).ok()?, line[colon + 1..].trim_ascii()))
    });
    Some((line, headers.collect(), body))
}

fn seeds() -> Vec<Vec<u8>> {
    let agent = format!("Cookie: __Host-session={}", "CQkJ".repeat(10) + "CQk");
    let shop = "Origin: https://shop.example";
    [
        "GET /login\n\n".to_owned(),
        format!("GET /api/v1/page?group=demo\n{shop}\n\n"),
        format!(
            "POST /api/v1/sessions\n{shop}\n\n{}",
            r#"{"group":"demo","key":"471113","accepted":true}"#
        ),
        format!("POST /api/v1/sessions/continue\n{shop}\n\n{}", r#"{"resume":"AbC"}"#),
        format!(
            "POST /api/v1/sessions/masks\n{shop}\n\n{}",
            r##"{"resume":"AbC","unreadable":["#card"]}"##
        ),
        format!(
            "POST /api/v1/sessions/cross\n{shop}\n\n{}",
            r#"{"resume":"AbC","to":"https://shop.example"}"#
        ),
        format!("POST /api/v1/sessions/arrive\n{shop}\n\n{}", r#"{"code":"AbC"}"#),
        format!("POST /api/v1/presence\n{shop}\n\n{}", r#"{"group":"demo","visitor":"crm-77"}"#),
        format!("GET /cobrowse/AgentView?SessionKey=471113&Group=demo&Wait=1\n{agent}\n\n"),
        format!("GET /api/v1/agent/presence?VisitorId=crm-77\n{agent}\n\n"),
        format!("GET /\n{agent}\nAccept: text/html\n\n"),
        format!(
            "POST /offers\n{agent}\nContent-Type: application/x-www-form-urlencoded\n\nvisitor=crm-77&group=demo&session=demo&csrf=x"
        ),
        "POST /login\nContent-Type: application/x-www-form-urlencoded\nOrigin: https://www.cobrowse.example\n\nname=ada&password=x&csrf=y&next=/".to_owned(),
        "GET /cobrowse/loader.js\n\n".to_owned(),
        "GET /cobrowse/v/0.1.0/loader.js\n\n".to_owned(),
        "OPTIONS /api/v1/sessions\nOrigin: https://shop.example\nAccess-Control-Request-Method: POST\n\n".to_owned(),
        format!(
            "POST /api/v1/sessions/frame\n{shop}\n\n{}",
            r#"{"resume":"AbC","to":"https://shop.example"}"#
        ),
        format!("POST /api/v1/sessions/framed\n{shop}\n\n{}", r#"{"code":"AbC"}"#),
    ]
    .map(String::into_bytes)
    .into()
}

const WORDS: &[&[u8]] = &[
    b"%00",
    b"%2e%2e/",
    b"../",
    b"//",
    b"?",
    b"&",
    b"=",
    b"+",
    b"%",
    b"\r\n",
    b": ",
    b"\n\n",
    b"Origin: null\n",
    b"Accept: text/html\n",
    b"Content-Type: application/json\n",
    b"Content-Length: 0\n",
    b"Host: x\n",
    b"Sec-Fetch-Dest: iframe\n",
    b"PUT ",
    b"HEAD ",
    b"next=//x",
    b"\"group\":\"demo\"",
    b"\"key\":null",
    b"\"accepted\":1",
    b"{\"a\":{\"a\":",
    b"[[[[[[[[",
    b"\\u0000",
    b"demo~staging",
    b"SessionKey=",
    b"Group=",
    b"Wait=",
    b"VisitorId=",
    b"<script>",
    b"\xff",
];

/// Inputs that one web tier answers.
const LIFE: usize = 512;

/// The largest script, with room.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

const NOW_MS: u64 = 1_700_000_000_000;
