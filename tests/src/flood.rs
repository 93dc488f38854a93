//! Strangers who bring halves, resets and floods, beside a healthy session: what it does to a server's memory, and to the session.
//!
//! Owns the kinds of abuse and the measurement: before, during and after each kind, then of all of them together, again and again, so that what is lost each time adds up and shows. How much of it, and
//! the verdict, is the caller's: a path test takes hundreds, a command ten thousand.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::bystander::Bystander;
use crate::limits::{CORES_MAX, GUESTS_BYTES_MAX, HALF_OPEN_BYTES_MAX, KEPT_KIB_MAX};
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
    /// How often all of it was done at once, after each kind by itself.
    pub rounds: usize,
    /// Frames of a visitor who sent without pause, while one of its agents read nothing.
    pub flood_frames: usize,
    /// Changes that crossed the healthy session meanwhile, each of them whole and in order.
    pub healthy_frames: usize,
    /// Memory before anything was done.
    pub before_kib: u64,
    /// One kind after the other, then all together, once for each round.
    pub memory: Vec<Memory>,
    /// What it may be during: the halves' own bound and [`HALF_OPEN_BYTES_MAX`] for each connection.
    pub bound_kib: u64,
    /// What it must come back to after each: [`KEPT_KIB_MAX`] more than before everything.
    pub after_bound_kib: u64,
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

/// What one kind of abuse did to the memory.
#[derive(Debug, Serialize)]
pub struct Memory {
    /// The kind.
    pub of: &'static str,
    /// Just before.
    pub before_kib: u64,
    /// The most that was seen.
    pub during_kib: u64,
    /// Once its connections had gone.
    pub after_kib: u64,
}

/// Floods the first CServer with so many connections of all kinds together, and as many resets: once by kinds, then so many rounds of all at once.
pub fn flood(stack: &Stack, connections: usize, rounds: usize) -> Result<Report> {
    let began = Instant::now();
    let mut watch = Watch::new(stack)?;
    let before_kib = watch.look()?;
    let after_bound_kib = before_kib + KEPT_KIB_MAX;
    let abuse = Abuse { stack, connections };
    let mut memory = Vec::new();
    let mut of = |of, work: &mut dyn FnMut(&mut Watch) -> Result<()>| -> Result<()> {
        let before_kib = watch.begin()?;
        work(&mut watch)?;
        let during_kib = watch.most_kib;
        let after_kib = watch.settle(after_bound_kib).with_context(|| format!("after: {of}"))?;
        memory.push(Memory { of, before_kib, during_kib, after_kib });
        Ok(())
    };
    of("connections left half done", &mut |watch| abuse.halves(watch).map(drop))?;
    of("connections reset", &mut |watch| abuse.resets(watch))?;
    of("a visitor who floods, an agent who reads nothing", &mut |watch| abuse.frames(watch))?;
    for _ in 0..rounds {
        of("all of it together", &mut |watch| {
            let held = abuse.halves(watch)?;
            abuse.resets(watch)?;
            abuse.frames(watch)?;
            drop(held);
            Ok(())
        })?;
    }
    let most_kib = memory.iter().map(|memory| memory.during_kib).max().unwrap_or(0);
    let bound = 2 * CORES_MAX * GUESTS_BYTES_MAX + 2 * connections as u64 * HALF_OPEN_BYTES_MAX;
    let bound_kib = before_kib + bound / 1024;
    let each = connections / 4;
    let report = Report {
        half_open: HalfOpen { nothing: each, hello: each, head: each, body: each },
        resets: connections,
        flood_frames: 2 * each,
        rounds,
        healthy_frames: watch.frames,
        before_kib,
        memory,
        bound_kib,
        after_bound_kib,
        seconds: began.elapsed().as_secs_f64(),
    };
    ensure!(most_kib <= bound_kib, "{most_kib} KiB are more than the bound, {bound_kib} KiB");
    Ok(report)
}

/// What is done.
struct Abuse<'a> {
    stack: &'a Stack,
    connections: usize,
}

impl Abuse<'_> {
    /// Connections that are left half done, for as long as the caller holds them.
    fn halves(&self, watch: &mut Watch) -> Result<(Vec<TcpStream>, Vec<TlsStream>)> {
        let server = &self.stack.servers()[0];
        let (host, port) = (server.public_url.trim_start_matches("https://"), server.port);
        let name = host.split(':').next().unwrap_or_default();
        let head = format!("POST /visitor/frames HTTP/1.1\r\nHost: {host}\r\n");
        let body = format!("{head}Content-Length: 60000\r\n\r\n{}", "x".repeat(50_000));
        let (mut plain, mut secure) = (Vec::new(), Vec::new());
        for at in 0..self.connections / 4 {
            plain.push(tcp(port)?);
            let mut hello = tcp(port)?;
            hello.write_all(&[0x16, 3, 1, 2, 0, 1])?;
            plain.push(hello);
            for half in [&head, &body] {
                let mut stream = self.stack.net().connect(name, port)?;
                // A server that lets it go has done what it should.
                let _ = stream.write_all(half.as_bytes());
                secure.push(stream);
            }
            if at % LOOK_EVERY == 0 {
                watch.look()?;
            }
        }
        watch.look()?;
        Ok((plain, secure))
    }

    /// Connections that are reset as soon as they are open.
    fn resets(&self, watch: &mut Watch) -> Result<()> {
        let port = self.stack.servers()[0].port;
        for at in 0..self.connections {
            let socket = socket2::Socket::from(tcp(port)?);
            socket.set_linger(Some(Duration::ZERO))?;
            drop(socket);
            if at % (4 * LOOK_EVERY) == 0 {
                watch.look()?;
            }
        }
        watch.look().map(drop)
    }

    /// A visitor who sends without pause, and an agent of it who reads nothing.
    fn frames(&self, watch: &mut Watch) -> Result<()> {
        let page = b"a page that changes all the time";
        let mut visitor = Visitor::with_page(self.stack, "demo", page)?;
        let idle = crate::Agent::join(self.stack, "bob", visitor.key())?;
        for at in 0..self.connections / 4 {
            visitor.diff(&[7; FLOOD_FRAME_BYTES])?;
            visitor.ephemeral(0, b"{}")?;
            if at % LOOK_EVERY == 0 {
                watch.look()?;
            }
        }
        watch.look()?;
        drop(idle);
        visitor.bye()
    }
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

    /// The memory now; what was seen before is forgotten.
    fn begin(&mut self) -> Result<u64> {
        self.most_kib = 0;
        self.look()
    }

    /// A change crosses the healthy session; the memory at this moment.
    fn look(&mut self) -> Result<u64> {
        self.bystander.still_relays()?;
        self.frames += 1;
        let kib = memory_kib(self.pid)?;
        self.most_kib = self.most_kib.max(kib);
        Ok(kib)
    }

    /// Everybody has gone: the memory once it is no more than that. Both cores must have had turns to read the closings, and a second to look.
    fn settle(&mut self, bound_kib: u64) -> Result<u64> {
        let patience = Instant::now() + PATIENCE;
        // Its changes of meanwhile are not what is asked about.
        self.bystander.begin_anew()?;
        loop {
            for _ in 0..LOOKS_AFTER {
                self.bystander.still_relays()?;
            }
            let kib = memory_kib(self.pid)?;
            if kib <= bound_kib {
                return Ok(kib);
            }
            ensure!(Instant::now() < patience, "{kib} KiB are still held, {bound_kib} KiB may be");
            std::thread::sleep(PAUSE);
        }
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

/// Looks at the healthy session before the memory is read after something.
const LOOKS_AFTER: usize = 20;

/// A usual diff.
const FLOOD_FRAME_BYTES: usize = 400;

/// A busy machine closes ten thousand connections within it.
const PATIENCE: Duration = Duration::from_secs(60);

const PAUSE: Duration = Duration::from_millis(200);
