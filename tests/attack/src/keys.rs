//! Where keys stand in the memory of a running CServer, and what is left of them: those of TLS connections, and a server key that has come
//! over the control stream.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use cobrowse_tests::http::{Request, upgrade};
use cobrowse_tests::limits::WAIT_MAX;
use cobrowse_tests::{Heard, Net, Stack};
use protocol::KeyId;
use protocol::control::{Down, KeyText};
use protocol::keys::TicketKey;
use protocol::secret::Secret;
use rustls::KeyLog;

use crate::Findings;
use crate::memory::{self, Found, LOCKED};

/// Looks for keys that this program knows.
pub(crate) fn attack(stack: &Stack, findings: &mut Findings) -> Result<()> {
    traffic_keys(stack, findings)?;
    server_key(stack, findings)
}

/// The first secrets of connections, of which their keys are made and which stand beside these.
fn traffic_keys(stack: &Stack, findings: &mut Findings) -> Result<()> {
    let server = &stack.servers()[0];
    let told = Arc::new(Told::default());
    let net = Net::telling(&stack.certificates().public_ca(), told.clone())?;
    let host = Request::get(&server.public_url)?.url().host.clone();
    let mut open = Vec::new();
    for _ in 0..CONNECTIONS + LAST {
        let mut stream = net.connect(&host, server.port)?;
        // The server has read with these keys, and goes on.
        stream.write_all(b"GET /nowhere HTTP/1.1\r\n")?;
        stream.flush()?;
        open.push(stream);
    }
    let secrets = std::mem::take(&mut *told.0.lock().unwrap_or_else(PoisonError::into_inner));
    ensure!(secrets.len() == 2 * open.len(), "{} secrets of {}", secrets.len(), open.len());
    // Those of the last handshakes may lie on a thread's stack until others come.
    let wanted: Vec<&[u8]> = secrets.iter().take(2 * CONNECTIONS).map(Vec::as_slice).collect();
    let pid = server.process.id();
    let found = memory::find(pid, &wanted)?;
    let locked = found.iter().filter(|found| found.contains_key(LOCKED)).count();
    findings.number("traffic_secrets_locked", locked as u64);
    if locked < wanted.len() {
        findings.fault(format!("of {} secrets {locked} are in locked pages", wanted.len()));
    }
    elsewhere(findings, "traffic_secrets_elsewhere", &found);
    drop(open);
    nothing_is_left(findings, "traffic_secrets_left", pid, &wanted)
}

/// A key as a web tier sends it.
fn server_key(stack: &Stack, findings: &mut Findings) -> Result<()> {
    let server = &stack.servers()[0];
    let certificates = stack.certificates();
    let (chain, key) = (certificates.chain("w1"), certificates.key("w1"));
    let net = Net::with_certificate(&certificates.control_ca(), &chain, &key)?;
    let url = format!("https://{}:{}/control", server.control_name, server.port);
    let Ok(mut socket) = upgrade(&net, Request::get(&url)?, "cobrowse.control.v1")? else {
        bail!("the control stream was refused")
    };
    let secret = std::array::from_fn(|at| 0x5a ^ at as u8);
    let key = TicketKey::new(Secret::new(secret));
    let now_ms = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis();
    let now_ms = u64::try_from(now_ms)?;
    let hello =
        Down::Hello { replica: "attack".parse()?, now_ms, public_url: None, surrounds: false };
    let key_id = KeyId::from_bytes(*b"ours-key");
    let record = Down::Key {
        key_id,
        secret: KeyText::new(&key),
        not_before_ms: now_ms,
        expires_ms: now_ms + 600_000,
    };
    socket.send_text(&hello.to_json())?;
    socket.send_text(&record.to_json())?;
    let end = Instant::now() + WAIT_MAX;
    loop {
        match socket.hear(WAIT_MAX)? {
            Some(Heard::Text(text)) if text.contains("key_ack") => break,
            Some(Heard::Closed(code)) => bail!("the control stream was closed: {code:?}"),
            _ => ensure!(Instant::now() < end, "the key was not taken"),
        }
    }
    let pid = server.process.id();
    let text = key.secret().to_base64();
    let found = memory::find(pid, &[&secret, text.as_bytes()])?;
    findings.number("server_key_locked", found[0].get(LOCKED).copied().unwrap_or(0));
    if !found[0].contains_key(LOCKED) {
        findings.fault("the server key is not in locked pages".into());
    }
    elsewhere(findings, "server_key_elsewhere", &found);
    Ok(())
}

/// What stands in pages that may be swapped or dumped.
fn elsewhere(findings: &mut Findings, name: &str, found: &[Found]) {
    let kinds = found.iter().flatten();
    let times: u64 = kinds.filter(|(kind, _)| *kind != LOCKED).map(|(_, times)| times).sum();
    findings.number(name, times);
    if times > 0 {
        findings.fault(format!("{name}: {found:?}"));
    }
}

/// A busy machine may give the server its turn later.
fn nothing_is_left(findings: &mut Findings, name: &str, pid: u32, wanted: &[&[u8]]) -> Result<()> {
    let end = Instant::now() + WAIT_MAX;
    let left = loop {
        let found = memory::find(pid, wanted)?;
        let left: u64 = found.iter().flat_map(Found::values).sum();
        if left == 0 || Instant::now() > end {
            break left;
        }
        sleep(Duration::from_millis(200));
    };
    findings.number(name, left);
    if left > 0 {
        findings.fault(format!("{left} secrets are in memory after their connections"));
    }
    Ok(())
}

/// What rustls says that the keys of connections are made of.
#[derive(Debug, Default)]
struct Told(Mutex<Vec<Vec<u8>>>);

impl KeyLog for Told {
    fn log(&self, label: &str, _client_random: &[u8], secret: &[u8]) {
        if label.ends_with("_TRAFFIC_SECRET_0") {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(secret.to_vec());
        }
    }
}

const CONNECTIONS: usize = 100;

/// So many come behind those that are looked for.
const LAST: usize = 20;
