//! What no relay can get below on this machine: sealing a record, sending it over loopback, a server's part of a handshake.
//!
//! Prints one line of JSON, microseconds of this thread's CPU time. The sender keeps to the first processor that it may use, the
//! reader to the second, as servers and generator do when they are measured.

#![allow(clippy::print_stdout, reason = "a command line")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bench::pair::Ends;
use connection::Outgoing;
use mio::{Events, Interest, Poll, Token};
use rustix::time::{ClockId, clock_gettime};

fn main() -> std::io::Result<()> {
    let processors = allowed();
    keep_to(processors.first());
    let ends = Ends::new();
    let mut pair = ends.shake();
    let mut out = Outgoing::default();
    let mut seal = |bytes: usize| {
        let plain = vec![7; bytes];
        median(|| {
            per(20_000, || {
                out.clear();
                pair.server.seal(&plain, &mut out);
            })
        })
    };
    let (record_us, large_us) = (seal(MESSAGE_BYTES), seal(RECORD_BYTES));
    let readers = Readers::new(SOCKETS, processors.get(1).copied())?;
    let send = |bytes: usize| readers.send(&vec![7; bytes]);
    let send_us = send(MESSAGE_BYTES + SEALED_BYTES)?;
    let megabyte_us = (large_us + send(RECORD_BYTES + SEALED_BYTES)?) * 1e6 / RECORD_BYTES as f64;
    let handshake_us = median(|| {
        let all: Duration = (0..200).map(|_| ends.server_part(cpu)).sum();
        all.as_secs_f64() * 1e6 / 200.0
    });
    println!(
        r#"{{"record_us":{record_us:.3},"send_us":{send_us:.3},"megabyte_us":{megabyte_us:.1},"handshake_us":{handshake_us:.1}}}"#
    );
    Ok(())
}

/// Sockets on loopback whose other ends a thread reads empty.
struct Readers {
    senders: Vec<TcpStream>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Readers {
    fn new(count: usize, processor: Option<usize>) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let mut poll = Poll::new()?;
        let (mut senders, mut receivers) = (Vec::new(), Vec::new());
        for at in 0..count {
            let receiver = TcpStream::connect(address)?;
            receiver.set_nonblocking(true)?;
            let mut receiver = mio::net::TcpStream::from_std(receiver);
            poll.registry().register(&mut receiver, Token(at), Interest::READABLE)?;
            receivers.push(receiver);
            let (sender, _) = listener.accept()?;
            sender.set_nodelay(true)?;
            senders.push(sender);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let thread = std::thread::spawn(move || {
            keep_to(processor.as_ref());
            let mut events = Events::with_capacity(count);
            let mut buffer = vec![0; 64 * 1024];
            while !told.load(Ordering::Relaxed) {
                if poll.poll(&mut events, Some(Duration::from_millis(10))).is_err() {
                    continue;
                }
                for event in &events {
                    while matches!(receivers[event.token().0].read(&mut buffer), Ok(1..)) {}
                }
            }
        });
        Ok(Self { senders, stop, thread: Some(thread) })
    }

    /// Microseconds of a send, in bursts with pauses in which the reader keeps up.
    fn send(&self, bytes: &[u8]) -> std::io::Result<f64> {
        let mut failed = None;
        let us = median(|| {
            let mut spent = Duration::ZERO;
            for burst in 0..BURSTS {
                let start = cpu();
                for at in 0..BURST {
                    let mut socket = &self.senders[(burst * BURST + at) % self.senders.len()];
                    if let Err(error) = socket.write_all(bytes) {
                        failed = Some(error);
                    }
                }
                spent += cpu().saturating_sub(start);
                let pause = Instant::now();
                while pause.elapsed() < PAUSE {
                    std::hint::spin_loop();
                }
            }
            spent.as_secs_f64() * 1e6 / (BURSTS * BURST) as f64
        });
        failed.map_or(Ok(us), Err)
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A reader that panicked has told so.
            let _ = thread.join();
        }
    }
}

/// Microseconds of one call.
fn per(count: u32, mut call: impl FnMut()) -> f64 {
    let start = cpu();
    (0..count).for_each(|_| call());
    cpu().saturating_sub(start).as_secs_f64() * 1e6 / f64::from(count)
}

fn median(mut measure: impl FnMut() -> f64) -> f64 {
    let mut all: Vec<f64> = (0..5).map(|_| measure()).collect();
    all.sort_by(f64::total_cmp);
    all[2]
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// The processors that this process may use.
fn allowed() -> Vec<usize> {
    let set = rustix::thread::sched_getaffinity(None).unwrap_or_default();
    (0..rustix::thread::CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect()
}

/// Keeps this thread to that processor; where that is not possible it runs anywhere.
fn keep_to(processor: Option<&usize>) {
    if let Some(processor) = processor {
        let mut set = rustix::thread::CpuSet::new();
        set.set(*processor);
        let _ = rustix::thread::sched_setaffinity(None, &set);
    }
}

/// A message of 400 bytes with its headers.
const MESSAGE_BYTES: usize = 416;
const RECORD_BYTES: usize = 16 * 1024;

/// What TLS 1.3 adds to a record.
const SEALED_BYTES: usize = 22;

const SOCKETS: usize = 500;
const BURST: usize = 20;
const BURSTS: usize = 500;
const PAUSE: Duration = Duration::from_micros(150);
