//! A visitor's first steps at servers that no [`cobrowse_tests::Stack`] started: in a guest of systemd, in containers.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use cobrowse_tests::http::{Request, upgrade};
use cobrowse_tests::limits::WAIT_MAX;
use cobrowse_tests::{Answer, Heard, Net, Socket};
use protocol::start::StartAnswer;

/// Asks until it is answered with 200.
pub(crate) fn until_well(net: &Net, url: &str, end: Instant) -> Result<Answer> {
    loop {
        match Request::get(url)?.send(net) {
            Ok(answer) if answer.status == 200 => return Ok(answer),
            other if Instant::now() > end => bail!("{url} does not become well: {other:?}"),
            _ => sleep(PAUSE),
        }
    }
}

/// Begins a session of the group `demo` from [`ORIGIN`], and returns once the session server has welcomed the visitor.
pub(crate) fn begin(net: &Net, web: &str, end: Instant) -> Result<Socket> {
    let started: StartAnswer = loop {
        let body = r#"{"group":"demo","key":null}"#;
        let request = Request::post(&format!("{web}/api/v1/sessions"), "application/json", body)?;
        let answer = request.header("Origin", ORIGIN).send(net)?;
        match answer.status {
            201 => break answer.json()?,
            _ if Instant::now() > end => {
                bail!("no session begins: {} {}", answer.status, answer.text())
            }
            _ => sleep(PAUSE),
        }
    };
    let url = started.server.replacen("wss://", "https://", 1);
    let request = Request::get(&url)?.header("Origin", ORIGIN);
    let offer = format!("cobrowse.v1, ticket.{}", started.ticket);
    let mut socket = match upgrade(net, request, &offer)? {
        Ok(socket) => socket,
        Err(answer) => bail!("the visitor is refused: {} {}", answer.status, answer.text()),
    };
    ensure!(matches!(socket.hear(WAIT_MAX)?, Some(Heard::Frame(_))), "the visitor is not welcomed");
    Ok(socket)
}

/// Where the visitor's page is from: `webtier group add demo --origin …`.
pub(crate) const ORIGIN: &str = "https://shop.localhost";
const PAUSE: Duration = Duration::from_millis(50);
