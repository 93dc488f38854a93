//! What a core's thread does: moves bytes between its sockets and its shard, sleeps and wakes.
//!
//! All that is written in [`turn`], once. Two backends tell it which sockets are ready: [`uring`] (standing polls on a ring of io_uring, Linux)
//! and [`poll`] (mio: epoll, kqueue). [`window`] holds back what a peer has no room for. None of them knows TLS, HTTP, WebSocket or sessions. What cores say to each other goes through the [`Office`].
//! What a core waits on is made before the process gives its rights up ([`Engine`]), and handed to its thread.

pub mod listener;
mod office;
mod poll;
#[cfg(test)]
mod tests;
mod turn;
#[cfg(target_os = "linux")]
pub(crate) mod uring;
mod window;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use office::{Office, Post};

use crate::shard::{Now, Shard};
use crate::startup::Chosen;

/// All that one core's thread owns.
pub struct Core {
    /// The server of this core.
    pub shard: Shard,
    /// Its own listeners, one an address.
    pub listeners: Vec<TcpListener>,
    /// Where the other cores' posts arrive.
    pub office: Arc<Office>,
    /// Both clocks.
    pub clock: Clock,
}

/// Both clocks, from one start for all cores.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Counts from now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Reads both.
    pub fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now {
            mono_ms: u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX),
            wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// For the histogram of turns.
fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// What one core waits on, with everything of the kernel that it needs.
pub struct Engine(Inner);

enum Inner {
    Poll(poll::Readiness),
    #[cfg(target_os = "linux")]
    IoUring(Box<uring::Ring>),
}

impl Engine {
    /// One for one core. A process that has locked itself in can make none.
    pub fn new(backend: &Chosen) -> io::Result<Self> {
        Ok(Self(match backend {
            Chosen::Poll => Inner::Poll(poll::Readiness::new()?),
            #[cfg(target_os = "linux")]
            Chosen::IoUring(flags) => Inner::IoUring(Box::new(uring::Ring::new(*flags)?)),
        }))
    }
}

impl Core {
    /// Serves until a drain has come to its end.
    pub fn run(self, engine: Engine) -> io::Result<()> {
        match engine.0 {
            Inner::Poll(readiness) => poll::run(self, readiness),
            #[cfg(target_os = "linux")]
            Inner::IoUring(ring) => uring::run(self, *ring),
        }
    }
}
