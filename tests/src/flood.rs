//! Strangers who bring halves, resets and floods, beside a healthy session: what it does to a server's memory, and to the session.
//!
//! Owns the kinds of abuse and the measurement. How much of it, and the verdict, is the caller's: a path test takes hundreds, a
//! command ten thousand.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::bystander::Bystander;
use crate::limits::{CORES_MAX, GUESTS_BYTES_MAX, HALF_OPEN_BYTES_MAX};
use crate::net::{TlsStream, tcp};
use crate::stack::Stack;
use crate::visitor::Visitor;

/// What was done, and what it did. Memory is the resident set of the CServer, in KiB.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Connections that were opened and left half done, by what they had brought.
    pub half_open: HalfOpen,
    /// Connections that were reset as soon as they were open.
    pub resets: usize,
    /// Frames of the visitor who flooded, while one of its agents read nothing.
    pub flood_frames: usize,
    /// Changes that crossed the healthy session meanwhile, each of them whole and in order.
    pub healthy_frames: usize,
    /// Memory before.
    pub before_kib: u64,
    /// The most that was seen meanwhile.
    pub during_kib: u64,
    /// Memory once all of them had gone.
    pub after_kib: u64,
    /// What it may be during: the halves' own bound and [`HALF_OPEN_BYTES_MAX`] for each connection.
    pub bound_kib: u64,
    /// How long all of it took.
    pub seconds: f64,
}

/// By what they had brought.
#[derive(Debug, Serialize)]
pub struct HalfOpen {
    /// Nothing.
    pub nothing: usize,
    /// The beginning of a TLS hello.
    pub hello: usize,
    /// TLS, and half the head of a request.
    pub head: usize,
    /// TLS, and most of the body of a post that nobody authenticated.
    pub body: usize,
}

/// Floods the first CServer with so many connections of all kinds together, and as many resets.
pub fn flood(stack: &Stack, connections: usize) -> Result<Report> {
    let began = Instant::now();
    let mut watch = Watch::new(stack)?;
    let before_kib = watch.look()?;
    let each = connections / 4;
    let server = &stack.servers()[0];
    let (host, port) = (server.public_url.trim_start_matches("https://"), server.port);
    let name = host.split(':').next().unwrap_or_default();
    let head = format!("POST /visitor/frames HTTP/1.1\r\nHost: {host}\r\n");
    let body = format!("{head}Content-Length: 60000\r\n\r\n{}", "x".repeat(50_000));

    let mut plain: Vec<TcpStream> = Vec::new();
    let mut secure: Vec<TlsStream> = Vec::new();
    for at in 0..each {
        plain.push(tcp(port)?);
        let mut hello = tcp(port)?;
        hello.write_all(&[0x16, 3, 1, 2, 0, 1])?;
        plain.push(hello);
        for half in [&head, &body] {
            let mut stream = stack.net().connect(name, port)?;
            // A server that lets it go has done what it should.
            let _ = stream.write_all(half.as_bytes());
            secure.push(stream);
        }
        if at % LOOK_EVERY == 0 {
            watch.look()?;
        }
    }
    watch.look()?;
    for at in 0..connections {
        let socket = socket2::Socket::from(tcp(port)?);
        socket.set_linger(Some(Duration::ZERO))?;
        drop(socket);
        if at % (4 * LOOK_EVERY) == 0 {
            watch.look()?;
        }
    }
    let flood_frames = flood_frames(stack, connections / 4, &mut watch)?;
    drop((plain, secure));
    watch.look()?;
    // Each closing was read once the server answers on a new connection behind it; some turns of both cores do it.
    for _ in 0..LOOKS_AFTER {
        watch.bystander.still_relays()?;
    }
    let after_kib = memory_kib(server.process.id())?;
    let bound = 2 * CORES_MAX * GUESTS_BYTES_MAX + 2 * connections as u64 * HALF_OPEN_BYTES_MAX;
    let report = Report {
        half_open: HalfOpen { nothing: each, hello: each, head: each, body: each },
        resets: connections,
        flood_frames,
        healthy_frames: watch.frames,
        before_kib,
        during_kib: watch.most_kib,
        after_kib,
        bound_kib: before_kib + bound / 1024,
        seconds: began.elapsed().as_secs_f64(),
    };
    let Report { during_kib, bound_kib, .. } = report;
    ensure!(during_kib <= bound_kib, "{during_kib} KiB are more than the bound, {bound_kib} KiB");
    Ok(report)
}

/// A visitor who sends without pause, and an agent of it who reads nothing.
fn flood_frames(stack: &Stack, frames: usize, watch: &mut Watch) -> Result<usize> {
    let mut visitor = Visitor::with_page(stack, "demo", b"a page that changes all the time")?;
    let idle = crate::Agent::join(stack, "bob", visitor.key())?;
    for at in 0..frames {
        visitor.diff(&[7; FLOOD_FRAME_BYTES])?;
        visitor.ephemeral(0, b"{}")?;
        if at % LOOK_EVERY == 0 {
            watch.look()?;
        }
    }
    drop(idle);
    visitor.bye()?;
    Ok(2 * frames)
}

/// A healthy session, and the server's memory.
struct Watch {
    bystander: Bystander,
    pid: u32,
    frames: usize,
    most_kib: u64,
}

impl Watch {
    fn new(stack: &Stack) -> Result<Self> {
        let bystander = Bystander::start(stack)?;
        Ok(Self { bystander, pid: stack.servers()[0].process.id(), frames: 0, most_kib: 0 })
    }

    /// A change crosses the healthy session; the memory at this moment.
    fn look(&mut self) -> Result<u64> {
        self.bystander.still_relays()?;
        self.frames += 1;
        let kib = memory_kib(self.pid)?;
        self.most_kib = self.most_kib.max(kib);
        Ok(kib)
    }
}

fn memory_kib(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    let kib = line.split_ascii_whitespace().nth(1).context("a VmRSS without a number")?;
    Ok(kib.parse()?)
}

/// Connections between two looks.
const LOOK_EVERY: usize = 20;

/// Looks at the healthy session before the memory is read for the last time.
const LOOKS_AFTER: usize = 20;

/// A usual diff.
const FLOOD_FRAME_BYTES: usize = 400;
