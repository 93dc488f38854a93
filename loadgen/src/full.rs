//! As many full sockets as a crowd that stops reading has, which are no server's: what the kernel takes for them by itself.
//!
//! To a peer whose window is shut the kernel sends a probe after 0.2 s and then at twice the distance each time, and on loopback it answers them on
//! the same processor. Ten thousand that stop in one second are probed in bursts of some milliseconds, whatever program has the sockets. So a
//! process of ours holds as many beside a server whose agents all read, sending from the server's processors, with the server's socket
//! options; another has their other ends, since one may not have so many files.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use socket2::{Domain, Socket, Type};

use crate::limits::{
    ANSWER_MS_MAX, CONNECTIONS_PER_SOURCE_MAX, FILES_OTHER, SERVER_SEND_BYTES, SERVER_UNSENT_BYTES,
    STALLED_RECEIVE_BYTES,
};
use crate::run::raise_files;
use crate::stage::{StageOptions, keep_to};

/// Such sockets, until this is dropped.
#[derive(Debug)]
pub struct Full {
    child: Child,
}

/// What the process that holds them is told.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// How many.
    #[arg(long)]
    count: u64,
    /// Hold the other ends of the sockets behind this address, and read nothing.
    #[arg(long, value_name = "ADDRESS")]
    readers_of: Option<SocketAddr>,
}

impl Full {
    /// Opens them. They are empty yet.
    pub fn open(count: u64, stage: &StageOptions) -> anyhow::Result<Self> {
        let mut full = Self { child: spawn(count, None, stage)? };
        let told = full.child.stdout.take().context("a child without standard output")?;
        let mut line = String::new();
        BufReader::new(told).read_line(&mut line)?;
        ensure!(line == OPEN, "{count} sockets of nobody could not be opened: see above");
        Ok(full)
    }

    /// Begins to fill them, as fast as a server with that crowd would.
    pub fn fill(&self) {
        if let Some(mut orders) = self.child.stdin.as_ref() {
            // Fails only when it has died, which shows in what it had to do to the figures.
            let _ = orders.write_all(b"\n");
        }
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        // Both processes end when their standard input does.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The process that has one end of them: runs until its standard input ends.
pub fn hold(options: &Options, stage: &StageOptions) -> anyhow::Result<()> {
    raise_files(options.count + FILES_OTHER)?;
    match options.readers_of {
        Some(address) => read_nothing(options.count, address, stage),
        None => send(options.count, stage),
    }
}

fn send(count: u64, stage: &StageOptions) -> anyhow::Result<()> {
    keep_to(&stage.server_cores)?;
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.set_send_buffer_size(SERVER_SEND_BYTES)?;
    listener.set_tcp_notsent_lowat(SERVER_UNSENT_BYTES)?;
    listener.set_tcp_nodelay(true)?;
    // When the other process has failed nobody comes any more.
    listener.set_read_timeout(Some(Duration::from_millis(ANSWER_MS_MAX)))?;
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    listener.listen(BACKLOG)?;
    let listener = TcpListener::from(listener);
    let mut readers = spawn(count, Some(listener.local_addr()?), stage)?;
    let mut all = Vec::new();
    for _ in 0..count {
        let (socket, _) = listener.accept().context("the other ends do not connect")?;
        socket.set_nonblocking(true)?;
        all.push(socket);
    }
    std::io::stdout().write_all(OPEN.as_bytes())?;
    std::io::stdout().flush()?;
    let mut orders = std::io::stdin().lock();
    if orders.read(&mut [0])? > 0 {
        fill(&all);
    }
    orders.read_to_end(&mut Vec::new())?;
    drop(readers.stdin.take());
    readers.wait()?;
    Ok(())
}

/// A frame to each, four times a second, as the crowd's sessions send; until none takes any.
fn fill(all: &[TcpStream]) {
    let frame = [0; FRAME_BYTES];
    let began = Instant::now();
    for round in 0..ROUNDS_MAX {
        let mut took = 0;
        for (at, mut socket) in all.iter().enumerate() {
            if at % TOGETHER == 0 {
                let due = ROUND * round + ROUND * (at as u32) / (all.len() as u32);
                std::thread::sleep(due.saturating_sub(began.elapsed()));
            }
            // Full is what they are to become.
            took += usize::from(socket.write(&frame).is_ok());
        }
        if took == 0 {
            return;
        }
    }
}

fn read_nothing(count: u64, address: SocketAddr, stage: &StageOptions) -> anyhow::Result<()> {
    keep_to(&stage.generator_cores)?;
    let mut all = Vec::new();
    for at in 0..count {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_recv_buffer_size(STALLED_RECEIVE_BYTES as usize)?;
        let source = 1 + u8::try_from(at / CONNECTIONS_PER_SOURCE_MAX as u64)?;
        let source = IpAddr::from([127, 1, 0, source]);
        socket.bind(&SocketAddr::new(source, 0).into())?;
        socket.connect(&address.into()).context("cannot connect to a socket of our own")?;
        all.push(socket);
    }
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn spawn(
    count: u64,
    readers_of: Option<SocketAddr>,
    stage: &StageOptions,
) -> anyhow::Result<Child> {
    let list = |cores: &[usize]| cores.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["full-sockets", "--count", &count.to_string()])
        .args(["--server-cores", &list(&stage.server_cores)])
        .args(["--generator-cores", &list(&stage.generator_cores)])
        .stdin(Stdio::piped());
    match readers_of {
        Some(address) => command.args(["--readers-of", &address.to_string()]).stdout(Stdio::null()),
        None => command.stdout(Stdio::piped()),
    };
    command.spawn().context("cannot start a process for sockets of nobody")
}

/// Said once all are open.
const OPEN: &str = "open\n";

/// Of the crowd `slow-crowd`: a frame sealed, how often, and to how many at once.
const FRAME_BYTES: usize = 8_230;
const ROUND: Duration = Duration::from_millis(250);
const TOGETHER: usize = 50;

/// Sixteen frames are more than both kernels' ends hold.
const ROUNDS_MAX: u32 = 16;

const BACKLOG: i32 = 4_096;
