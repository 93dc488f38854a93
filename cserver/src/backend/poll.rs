//! The readiness backend: mio, so epoll on Linux and kqueue on FreeBSD.

use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};

use super::Core;
use super::office::Bell;
use super::turn::{self, BELL, Ready, Watch};

pub(super) fn run(core: Core, readiness: Readiness) -> io::Result<()> {
    turn::serve(core, readiness)
}

pub(super) struct Readiness {
    poll: Poll,
    events: Events,
    /// For who rings; taken once.
    waker: Option<Waker>,
}

impl Readiness {
    pub(super) fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Some(Waker::new(poll.registry(), Token(BELL as usize))?);
        Ok(Self { poll, events: Events::with_capacity(EVENTS_PER_TURN), waker })
    }
}

impl Watch for Readiness {
    fn add(&mut self, socket: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        let token = Token(token as usize);
        self.poll.registry().register(&mut SourceFd(&socket.as_raw_fd()), token, interest)
    }

    fn remove(&mut self, socket: BorrowedFd<'_>, _: u64) {
        // Fails only for a socket that was never registered.
        let _ = self.poll.registry().deregister(&mut SourceFd(&socket.as_raw_fd()));
    }

    fn bell(&mut self) -> io::Result<Bell> {
        let waker = self.waker.take().ok_or(ErrorKind::AlreadyExists)?;
        Ok(Box::new(move || drop(waker.wake())))
    }

    fn wait(&mut self, at_most: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, at_most) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        ready.extend(self.events.iter().map(|event| Ready {
            token: event.token().0 as u64,
            readable: event.is_readable(),
            writable: event.is_writable(),
            closed: event.is_read_closed() || event.is_error(),
            ended: false,
        }));
        Ok(())
    }
}

/// Events fetched by one wait; more come with the next.
const EVENTS_PER_TURN: usize = 1_024;

const _: () = assert!(usize::BITS == 64, "a token holds a link's 64 bits");
