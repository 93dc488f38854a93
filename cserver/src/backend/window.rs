//! Readers whose window takes nothing, and when each is looked at again.
//!
//! Bytes that the kernel holds for a peer that takes none cost more than their memory: it sends a probe after 0.2 s, and then at twice the distance
//! each time, so that ten thousand who stop together are asked in bursts, at the processor that serves everybody. So a core does not hand over
//! what it knows to have no room: the rest of it stays with the core, who looks at the peer's window at growing distances, the longer the more
//! such peers it has.
//! A peer's word that it reads again may be lost, and only a segment of ours brings it anew. So the kernel is told to ask in the end, spread over time and
//! once each time: for a byte that waits there it would go on asking. What is under way to somebody, or fits, is never held back: who reads notices nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::TcpStream;
use std::time::Duration;

use relay::LinkId;
use socket2::{SockRef, TcpKeepalive};

use crate::limits::{
    SHUT_LOOK_MS_MAX, SHUT_LOOK_MS_MIN, SHUT_LOOKS_PER_S, SHUT_MS, SHUT_SPREAD_MS, UNSENT_BYTES,
};

/// What a peer takes without anything waiting in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// Bytes that it has room for besides those under way.
    pub(super) room: u32,
    /// Something is under way to it, or waits: its answer will move the kernel, and that wakes the core.
    pub(super) is_awaited: bool,
}

impl Window {
    /// Looks; none where the system does not tell.
    #[cfg(target_os = "linux")]
    pub(super) fn of(stream: &TcpStream) -> Option<Self> {
        let info = Self::tcp_info(stream)?;
        let gone = info.tcpi_bytes_acked + info.tcpi_bytes_retrans;
        let flying = info.tcpi_bytes_sent.saturating_sub(gone);
        let awaited = flying + u64::from(info.tcpi_notsent_bytes);
        let room = u64::from(info.tcpi_snd_wnd).saturating_sub(awaited);
        Some(Self { room: u32::try_from(room).unwrap_or(u32::MAX), is_awaited: awaited > 0 })
    }

    /// What the kernel knows of a connection, where it tells of windows.
    #[cfg(target_os = "linux")]
    pub(super) fn tcp_info(stream: &TcpStream) -> Option<libc::tcp_info> {
        use std::mem::{offset_of, size_of};
        use std::os::fd::AsRawFd;

        // SAFETY: all of it are numbers, for which zeros are values.
        #[allow(unsafe_code)]
        let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
        let mut bytes = size_of::<libc::tcp_info>() as libc::socklen_t;
        let (protocol, option) = (libc::IPPROTO_TCP, libc::TCP_INFO);
        // SAFETY: the kernel writes at most `bytes` bytes into `info`, which outlives the call, and says there how many. Covered by the tests below.
        #[allow(unsafe_code)]
        let result = unsafe {
            let into = (&raw mut info).cast();
            libc::getsockopt(stream.as_raw_fd(), protocol, option, into, &raw mut bytes)
        };
        // Linux before 5.4 tells less.
        let needed_bytes = offset_of!(libc::tcp_info, tcpi_snd_wnd) + size_of::<u32>();
        (result == 0 && (bytes as usize) >= needed_bytes).then_some(info)
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn of(_: &TcpStream) -> Option<Self> {
        None
    }

    /// Whether so many bytes would wait in the kernel for a peer that has to read first. One that has room for as much as may wait there is none.
    pub(super) fn is_shut_for(self, bytes: usize) -> bool {
        !self.is_awaited && (self.room as usize) < bytes.min(UNSENT_BYTES as usize)
    }
}

/// Has the kernel ask a peer that has said nothing for a second whether it is there: its answer tells its window. Until [`rest`] it would ask again,
/// more than a minute later. False where it does not.
pub(super) fn ask(stream: &TcpStream) -> bool {
    let silence = TcpKeepalive::new().with_time(Duration::from_secs(1));
    SockRef::from(stream).set_tcp_keepalive(&silence).is_ok()
}

/// It has asked.
pub(super) fn rest(stream: &TcpStream) {
    // One that is broken is not asked either.
    let _ = SockRef::from(stream).set_keepalive(false);
}

/// Those whose window takes nothing, by when they are looked at.
#[derive(Default)]
pub(super) struct Shut {
    looks: BinaryHeap<Reverse<Look>>,
}

/// One of them. Each stands here once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Look {
    due_ms: u64,
    pub(super) link: LinkId,
    /// Since when nobody has asked it.
    pub(super) since_ms: u64,
    wait_ms: u64,
    /// The kernel was told to ask it.
    pub(super) is_asked: bool,
}

impl Shut {
    /// Its window takes nothing from now on.
    pub(super) fn begin(&mut self, now_ms: u64, link: LinkId) {
        let (wait_ms, is_asked) = (SHUT_LOOK_MS_MIN, false);
        self.again(now_ms, Look { due_ms: 0, link, since_ms: now_ms, wait_ms, is_asked });
    }

    /// It still does not.
    pub(super) fn again(&mut self, now_ms: u64, look: Look) {
        // Together with others: a look takes less than waking for it.
        let due_ms = (now_ms + look.wait_ms).next_multiple_of(SHUT_LOOK_MS_MIN);
        let wait_ms = (look.wait_ms * 2).min(self.most_ms());
        self.looks.push(Reverse(Look { due_ms, wait_ms, ..look }));
    }

    /// The longest time between two looks at one: as long as a core that looks as often as it may takes for all.
    fn most_ms(&self) -> u64 {
        let all_ms = self.looks.len() as u64 * 1_000 / SHUT_LOOKS_PER_S;
        all_ms.max(SHUT_LOOK_MS_MAX)
    }

    /// The next that is to be looked at by now.
    pub(super) fn poll(&mut self, now_ms: u64) -> Option<Look> {
        self.deadline_ms().filter(|due_ms| *due_ms <= now_ms)?;
        self.looks.pop().map(|Reverse(look)| look)
    }

    /// When somebody is to be looked at.
    pub(super) fn deadline_ms(&self) -> Option<u64> {
        self.looks.peek().map(|Reverse(look)| look.due_ms)
    }

    /// Keeps no more room than is needed.
    pub(super) fn shrink(&mut self) {
        self.looks.shrink_to_fit();
    }
}

impl Look {
    /// Whether the kernel is to ask, in case that a word of its peer was lost. Not for all at once who have stopped at once.
    pub(super) fn is_to_be_asked(&self, now_ms: u64) -> bool {
        now_ms >= self.since_ms + SHUT_MS + self.link.0 % SHUT_SPREAD_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_twice_as_far_apart_each_time_up_to_a_bound() {
        let (mut shut, link, mut waits) = (Shut::default(), LinkId(7), Vec::new());
        let mut now_ms = 1_000;
        shut.begin(now_ms, link);
        for _ in 0..6 {
            let due_ms = shut.deadline_ms().unwrap();
            assert_eq!(shut.poll(due_ms - 1), None);
            let look = shut.poll(due_ms).unwrap();
            assert_eq!((look.link, shut.deadline_ms()), (link, None));
            waits.push(due_ms - now_ms);
            now_ms = due_ms;
            shut.again(now_ms, look);
        }
        assert_eq!(waits, [10, 20, 40, 80, 100, 100]);
    }

    #[test]
    fn however_many_there_are_a_core_looks_no_more_often_than_it_may() {
        let mut shut = Shut::default();
        (0..10_000).for_each(|number| shut.begin(number / 10, LinkId(number)));
        let mut looks = 0;
        for now_ms in 1_000..61_000 {
            while let Some(look) = shut.poll(now_ms) {
                looks += u64::from(now_ms >= 21_000);
                shut.again(now_ms, look);
            }
        }
        // Of the last forty seconds.
        assert!((90_000..=100_000).contains(&looks), "{looks}");
    }

    #[test]
    fn the_kernel_is_not_told_to_ask_all_at_once() {
        let over_ms = |number| {
            let mut shut = Shut::default();
            shut.begin(500, LinkId(number));
            let look = shut.poll(u64::MAX).unwrap();
            (500..).find(|now_ms| look.is_to_be_asked(*now_ms)).unwrap() - 500
        };
        let all: Vec<u64> = (0..100).map(|n| over_ms(n * 80)).collect();
        assert_eq!((all[0], all[99]), (SHUT_MS, SHUT_MS + 99 * 80));
    }

    #[test]
    fn only_who_has_to_read_first_is_shut() {
        let window = |room, is_awaited| Window { room, is_awaited };
        assert!(window(0, false).is_shut_for(1));
        assert!(window(100, false).is_shut_for(101));
        assert!(!window(100, false).is_shut_for(100));
        assert!(!window(0, true).is_shut_for(100), "the kernel wakes the core by itself");
        assert!(!window(UNSENT_BYTES, false).is_shut_for(usize::MAX), "it is wide open");
    }
}
