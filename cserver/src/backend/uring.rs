//! The io_uring backend: one ring a core, on which every socket has one standing poll.
//!
//! A poll is armed once, in the connection's first turn, and tells of every edge from then on: waiting costs no operation a message. The ring
//! handles completions when the core asks for them, in the same call that waits.
//!
//! Rings are made at the start, before the process gives its rights up, and can do nothing but this: their operations pass a filter of system
//! calls unseen, so the kernel is told which a ring of ours has, before it is enabled. The core that enables it is the one that may use it.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use io_uring::register::Restriction;
use io_uring::squeue::{Entry, Flags};
use io_uring::{IoUring, cqueue, opcode, types};

use super::Core;
use super::office::Bell;
use super::turn::{self, BELL, Ready, Watch};
use crate::startup::RingFlags;

pub(super) fn run(core: Core, ring: Ring) -> io::Result<()> {
    // By the thread that uses it from now on.
    ring.ring.submitter().register_enable_rings()?;
    turn::serve(core, ring)
}

pub(super) struct Ring {
    ring: IoUring,
    /// For who rings; taken once.
    bell: Option<UnixStream>,
    rung: UnixStream,
}

/// A ring, not yet enabled, that takes polls and their removal and refuses every other operation, and all that could be registered.
pub(crate) fn restricted(flags: RingFlags, entries: u32) -> io::Result<IoUring> {
    let ring = flags.builder().setup_r_disabled().build(entries)?;
    ring.submitter().register_restrictions(&mut [
        Restriction::sqe_op(opcode::PollAdd::CODE),
        Restriction::sqe_op(opcode::PollRemove::CODE),
        Restriction::sqe_flags_allowed(Flags::SKIP_SUCCESS.bits()),
    ])?;
    Ok(ring)
}

impl Ring {
    pub(super) fn new(flags: RingFlags) -> io::Result<Self> {
        let (ring, rung) = (restricted(flags, RING_ENTRIES)?, UnixStream::pair()?);
        rung.0.set_nonblocking(true)?;
        rung.1.set_nonblocking(true)?;
        Ok(Self { ring, bell: Some(rung.0), rung: rung.1 })
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel says to one operation of an enabled ring.
    fn result_of(ring: &mut IoUring, entry: &Entry) -> i32 {
        // SAFETY: the entries of these tests point to constants.
        #[allow(unsafe_code)]
        unsafe {
            ring.submission().push(entry).unwrap();
        }
        ring.submit_and_wait(1).unwrap();
        ring.completion().next().unwrap().result()
    }

    #[test]
    fn a_ring_of_ours_polls_and_can_neither_open_connect_send_nor_be_widened() {
        let flags = RingFlags::probe().expect("this host has no io_uring");
        let mut ring = restricted(flags, 8).unwrap();
        ring.submitter().register_enable_rings().unwrap();
        let (one, mut other) = UnixStream::pair().unwrap();
        let fd = types::Fd(one.as_raw_fd());
        other.write_all(b"x").unwrap();
        let poll = opcode::PollAdd::new(fd, IN).build();
        assert_eq!(result_of(&mut ring, &poll), IN as i32);
        let (path, at) = (c"/etc/passwd".as_ptr(), types::Fd(-100));
        let refused = [
            opcode::Nop::new().build(),
            opcode::OpenAt::new(at, path).build(),
            opcode::OpenAt2::new(at, path, std::ptr::null()).build(),
            opcode::UnlinkAt::new(at, path).build(),
            opcode::Socket::new(2, 1, 0).build(),
            opcode::Connect::new(fd, std::ptr::null(), 0).build(),
            opcode::Accept::new(fd, std::ptr::null_mut(), std::ptr::null_mut()).build(),
            opcode::Read::new(fd, std::ptr::null_mut(), 0).build(),
            opcode::Send::new(fd, path.cast(), 1).build(),
            opcode::Close::new(fd).build(),
            opcode::PollAdd::new(fd, IN).build().flags(Flags::IO_LINK),
        ];
        for (at, entry) in refused.iter().enumerate() {
            assert_eq!(result_of(&mut ring, entry), -EACCES, "{at}");
        }
        let widened = ring.submitter().register_restrictions(&mut [Restriction::sqe_op(18)]);
        assert!(widened.is_err());
        assert!(ring.submitter().register_files(&[one.as_raw_fd()]).is_err());
    }

    const EACCES: i32 = 13;
}
