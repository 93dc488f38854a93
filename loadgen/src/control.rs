//! The control stream, from the web tier's end: announces a group, hands over a key, acknowledges reports.
//!
//! Runs on a thread and a ring of its own for as long as the process, so that load does not silence it.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use anyhow::Context;
use protocol::control::{Down, KeyText, Up};
use protocol::subprotocol::CONTROL_V1;
use protocol::{GroupSettings, ServerId};

use crate::http;
use crate::limits::{ANSWER_MS_MAX, RUN_MS_MAX};
use crate::link::{Door, Inflow, Link, LinkError};
use crate::tickets::{Signer, group, wall_ms};
use crate::tls::control_config;
use crate::websocket::Opcode;

/// How to dial a CServer's control stream.
#[derive(Clone, Debug)]
pub struct ControlAccess {
    /// Its control name.
    pub name: String,
    /// Certificate chain of a web tier.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The control CA.
    pub ca: PathBuf,
}

/// What the CServer said of itself.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Signs tickets that it accepts from now on.
    pub signer: Signer,
    /// Its id.
    pub server: ServerId,
    /// Its release.
    pub version: String,
    /// Its cores.
    pub cores: u16,
}

/// Dials, announces the group whose pages stand on `origin`, hands over a key, and waits until both are in force.
/// The stream stays open behind the scenes.
pub fn open(
    access: &ControlAccess,
    address: std::net::SocketAddr,
    origin: &str,
) -> anyhow::Result<Opened> {
    let config = control_config(&access.ca, &access.certificate, &access.key)?;
    let name = access
        .name
        .clone()
        .try_into()
        .with_context(|| format!("--control {:?} is not a host name", access.name))?;
    let door = Door { address, name, config: Arc::new(config), receive_bytes: None, sinks: false };
    let (host, origin) = (access.name.clone(), origin.to_owned());
    let (tell, told) = mpsc::channel();
    std::thread::Builder::new().name("control".into()).spawn(move || {
        tokio_uring::start(async move {
            let result = serve(&door, &host, &origin, &tell).await;
            // Once it was opened, the run itself notices a server that is gone.
            let _ = tell.send(result.map_err(anyhow::Error::from));
        });
    })?;
    let wait = Duration::from_millis(2 * ANSWER_MS_MAX);
    match told.recv_timeout(wait) {
        Ok(Ok(Some(opened))) => Ok(opened),
        Ok(Ok(None)) => anyhow::bail!("the control stream ended before the key was in force"),
        Ok(Err(error)) => Err(error.context(format!("control stream to {address}"))),
        Err(_) => anyhow::bail!("the control stream to {address} gives no answer"),
    }
}

async fn serve(
    door: &Door,
    host: &str,
    origin: &str,
    tell: &Sender<anyhow::Result<Option<Opened>>>,
) -> Result<Option<Opened>, LinkError> {
    let (link, mut inflow) = Link::open(door, 0).await?;
    let protocols = format!("Sec-WebSocket-Protocol: {CONTROL_V1}\r\n");
    http::upgrade(&link, &mut inflow, "the control stream", "/control", host, &protocols).await?;
    let Up::Hello { server, boot, version, cores, .. } = record(&link, &mut inflow).await? else {
        return Err(LinkError::Unexpected("the first record was not hello"));
    };
    let signer = Signer::new(server, boot.nonce());
    let say = |record: &Down| link.message(Opcode::Text, &[record.to_json().as_bytes()]);
    let Ok(replica) = "loadgen".parse() else {
        unreachable!("seven letters are a replica id");
    };
    let now_ms = wall_ms();
    say(&Down::Hello { replica, now_ms, public_url: None, surrounds: false });
    let settings = GroupSettings {
        revision: now_ms,
        origins: vec![origin.to_owned()],
        grace_ms: protocol::limits::GRACE_MS_MIN,
        ..GroupSettings::default()
    };
    say(&Down::Group { group: group(), settings: Box::new(settings) });
    let (key, key_id) = signer.key();
    say(&Down::Key {
        key_id,
        secret: KeyText::new(key),
        not_before_ms: now_ms,
        expires_ms: now_ms + 2 * RUN_MS_MAX,
    });
    let (mut has_key, mut has_group) = (false, false);
    let mut opened = Some(Opened { signer, server, version, cores });
    loop {
        let mut reported = None;
        while let Some(record) = next_record(&link, &mut inflow)? {
            match record {
                Up::KeyAck { key_id: known } if known == key_id => has_key = true,
                Up::GroupAck { group: known, .. } if known == group() => has_group = true,
                Up::Report(report) => reported = Some(report.seq),
                _ => {}
            }
        }
        // As a web tier does: those that have come together are acknowledged together.
        if let Some(seq) = reported {
            say(&Down::Ack { seq });
        }
        if has_key
            && has_group
            && let Some(opened) = opened.take()
            && tell.send(Ok(Some(opened))).is_err()
        {
            return Ok(None);
        }
        inflow.more(&link).await?;
    }
}

async fn record(link: &Rc<Link>, inflow: &mut Inflow) -> Result<Up, LinkError> {
    loop {
        if let Some(record) = next_record(link, inflow)? {
            return Ok(record);
        }
        inflow.more(link).await?;
    }
}

/// The next record that has come whole and is known here.
fn next_record(link: &Rc<Link>, inflow: &mut Inflow) -> Result<Option<Up>, LinkError> {
    while let Some((opcode, body)) = inflow.next(link)? {
        let text = match (opcode, std::str::from_utf8(body)) {
            (Opcode::Text, Ok(text)) => text,
            _ => return Err(LinkError::Unexpected("a control record that is not text")),
        };
        match Up::from_json(text) {
            Ok(Some(record)) => return Ok(Some(record)),
            // Of a later version.
            Ok(None) => {}
            Err(_) => return Err(LinkError::Unexpected("a control record that is not JSON")),
        }
    }
    Ok(None)
}
