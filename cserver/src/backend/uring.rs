//! The io_uring backend: one ring a core, on which every socket has one standing poll.
//!
//! A poll is armed once, in the connection's first turn, and tells of every edge from then on: waiting costs no operation a message. The ring
//! handles completions when the core asks for them, in the same call that waits.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use io_uring::squeue::{Entry, Flags};
use io_uring::{IoUring, cqueue, opcode, types};

use super::Core;
use super::office::Bell;
use super::turn::{self, BELL, Ready, Watch};
use crate::startup::RingFlags;

pub(super) fn run(core: Core, flags: RingFlags) -> io::Result<()> {
    let (ring, rung) = (flags.builder().build(RING_ENTRIES)?, UnixStream::pair()?);
    rung.0.set_nonblocking(true)?;
    rung.1.set_nonblocking(true)?;
    turn::serve(core, Ring { ring, bell: Some(rung.0), rung: rung.1 })
}

struct Ring {
    ring: IoUring,
    /// For who rings; taken once.
    bell: Option<UnixStream>,
    rung: UnixStream,
}

impl Ring {
    fn push(&mut self, entry: &Entry) -> io::Result<()> {
        loop {
            // SAFETY: the entries of this backend arm and remove polls; they point to no memory. The kernel itself keeps
            // the polled file open. Covered by every path test on this backend.
            #[allow(unsafe_code)]
            let pushed = unsafe { self.ring.submission().push(entry) };
            if pushed.is_ok() {
                return Ok(());
            }
            // Full: what is in it goes first.
            self.ring.submit()?;
        }
    }

    fn fetch(&mut self, ready: &mut Vec<Ready>) -> io::Result<()> {
        let (mut has_rung, mut bell_ended) = (false, false);
        for completion in self.ring.completion() {
            let (token, result) = (completion.user_data(), completion.result());
            let ended = !cqueue::more(completion.flags());
            if token == BELL {
                (has_rung, bell_ended) = (true, ended);
            } else if token != UNTOLD && result != -ECANCELED {
                ready.push(told(token, result, ended));
            }
        }
        if has_rung {
            while matches!((&self.rung).read(&mut [0; 64]), Ok(64)) {}
            ready.push(told(BELL, 0, false));
        }
        if bell_ended {
            self.push(&standing_poll(self.rung.as_raw_fd(), BELL))?;
        }
        Ok(())
    }
}

impl Watch for Ring {
    fn add(&mut self, socket: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        self.push(&standing_poll(socket.as_raw_fd(), token))
    }

    fn remove(&mut self, _: BorrowedFd<'_>, token: u64) {
        // The poll holds the file; both go when the core enters the kernel next, at the end of this turn.
        let entry = opcode::PollRemove::new(token).build().user_data(UNTOLD);
        if let Err(error) = self.push(&entry.flags(Flags::SKIP_SUCCESS)) {
            tracing::warn!(%error, "a poll cannot be removed: its socket stays open until the peer closes");
        }
    }

    fn bell(&mut self) -> io::Result<Bell> {
        let bell = self.bell.take().ok_or(ErrorKind::AlreadyExists)?;
        self.push(&standing_poll(self.rung.as_raw_fd(), BELL))?;
        // A full socket means that it has rung already.
        Ok(Box::new(move || drop((&bell).write(&[1]))))
    }

    fn wait(&mut self, at_most: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        let waited = match at_most {
            None => self.ring.submit_and_wait(1),
            Some(at_most) => {
                let time = types::Timespec::from(at_most);
                let until = types::SubmitArgs::new().timespec(&time);
                self.ring.submitter().submit_with_args(1, &until)
            }
        };
        match waited {
            Ok(_) => {}
            // Nothing was ready in time, a signal came, or completions have to be fetched first.
            Err(error) if matches!(error.raw_os_error(), Some(ETIME | EINTR | EBUSY)) => {}
            Err(error) => return Err(error),
        }
        self.fetch(ready)
    }
}

/// Tells of every edge until it is removed.
fn standing_poll(socket: RawFd, token: u64) -> Entry {
    let edges = IN | OUT | PEER_CLOSED;
    opcode::PollAdd::new(types::Fd(socket), edges).multi(true).build().user_data(token)
}

/// What a completion of a poll says; an error is for the next read to find.
fn told(token: u64, result: i32, ended: bool) -> Ready {
    let edges = u32::try_from(result).unwrap_or(ERROR);
    Ready {
        token,
        readable: edges & IN != 0,
        writable: edges & OUT != 0,
        closed: edges & (PEER_CLOSED | HANGUP | ERROR) != 0,
        // An error would come again at once.
        ended: ended && result >= 0,
    }
}

/// Operations that are handed over in one go; more go in several. The kernel holds twice as many completions.
const RING_ENTRIES: u32 = 4_096;

/// Token of operations whose end nobody waits for.
const UNTOLD: u64 = u64::MAX;

// poll(2), the same on all architectures that have io_uring and are built for here.
const IN: u32 = 0x001;
const OUT: u32 = 0x004;
const ERROR: u32 = 0x008;
const HANGUP: u32 = 0x010;
const PEER_CLOSED: u32 = 0x2000;

// errno(3).
const EINTR: i32 = 4;
const EBUSY: i32 = 16;
const ETIME: i32 = 62;
const ECANCELED: i32 = 125;
