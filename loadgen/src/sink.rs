//! Reads the connections of one thread that nobody looks at: counts their bytes and throws them away, in the kernel.
//!
//! A generator that only samples would otherwise spend its core on an operation, a task and a copy for each message that it does not look at,
//! and its own queue would be what is measured. All such sockets stand in one set that tells by edges which of them can be read; one
//! task reads them, so a message costs one system call and a share of another.

use std::cell::RefCell;
use std::io;
use std::net::TcpStream;
use std::rc::Rc;

use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustix::time::Timespec;
use tokio::io::unix::AsyncFd;

use crate::field::Field;
use crate::link::Link;

/// See the module.
pub struct Sink {
    ready: AsyncFd<rustix::fd::OwnedFd>,
    all: RefCell<Vec<One>>,
}

struct One {
    socket: TcpStream,
    crowd: usize,
    link: Rc<Link>,
}

impl Sink {
    /// Without connections.
    pub fn new() -> io::Result<Self> {
        let set = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        #[allow(
            deprecated,
            reason = "its successor is unsafe; this descriptor is owned and stays the same file"
        )]
        let ready = AsyncFd::new(set)?;
        Ok(Self { ready, all: RefCell::default() })
    }

    /// Reads a connection from now on, until it ends; then the link is broken off. What comes after this cannot be decrypted any more.
    pub fn take(&self, link: &Rc<Link>, socket: TcpStream, crowd: usize) -> io::Result<()> {
        let mut all = self.all.borrow_mut();
        let edges = epoll::EventFlags::IN | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
        let token = epoll::EventData::new_u64(all.len() as u64);
        epoll::add(self.ready.get_ref(), &socket, token, edges)?;
        all.push(One { socket, crowd, link: link.clone() });
        Ok(())
    }

    /// Reads whatever comes, as long as it is polled.
    pub async fn run(&self, field: &Field) -> io::Result<()> {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let nothing =
            epoll::Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(0) };
        let mut events = [nothing; READS_PER_TURN];
        // Nothing is laid into it: its length is what the kernel may throw away at once.
        let mut rest = vec![0; DISCARD_BYTES];
        loop {
            let mut guard = self.ready.readable().await?;
            let count = epoll::wait(guard.get_inner(), &mut events, Some(&at_once))?;
            if count < events.len() {
                guard.clear_ready();
            }
            drop(guard);
            let now_ns = field.clock.now_ns();
            for event in &events[..count] {
                let (flags, data) = (event.flags, event.data);
                self.read(field, now_ns, data.u64(), flags.intersects(ENDS), &mut rest);
            }
            // The pacer and who is looked at have their turn.
            tokio::task::yield_now().await;
        }
    }

    fn read(&self, field: &Field, now_ns: u64, token: u64, ends: bool, rest: &mut [u8]) {
        let all = self.all.borrow();
        let Some(one) = usize::try_from(token).ok().and_then(|at| all.get(at)) else { return };
        loop {
            let flags = RecvFlags::DONTWAIT | RecvFlags::TRUNC;
            match rustix::net::recv(&one.socket, &mut *rest, flags) {
                Ok((_, bytes)) if bytes > 0 => {
                    field.wire(one.crowd, now_ns, bytes, false);
                    // The end of a connection is told once, perhaps together with its last bytes.
                    if bytes < rest.len() && !ends {
                        return;
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Ok(_) | Err(_) => return one.link.cut(),
            }
        }
    }
}

const ENDS: epoll::EventFlags =
    epoll::EventFlags::RDHUP.union(epoll::EventFlags::HUP).union(epoll::EventFlags::ERR);

/// Connections that are read before others have their turn: a quarter of a millisecond.
const READS_PER_TURN: usize = 64;

/// What one read throws away at most.
const DISCARD_BYTES: usize = 256 * 1024;
