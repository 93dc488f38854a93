//! The post between cores: one mailbox a core, and a bell that wakes its owner.
//!
//! Nothing on a frame's path comes by here: only arriving connections, settings, reports and orders.

use std::net::TcpStream;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::shard::{CONTROL_CORE, Cargo, Mail};
use crate::shared::CoreIndex;

/// All mailboxes of a process.
pub struct Office {
    boxes: Vec<Mailbox>,
    /// Cores that have come to their end.
    ended: AtomicUsize,
}

#[derive(Default)]
struct Mailbox {
    posts: Mutex<Vec<Post>>,
    bell: OnceLock<Bell>,
}

/// Wakes the owner of a mailbox; may be called from any thread.
pub(super) type Bell = Box<dyn Fn() + Send + Sync>;

/// What one core, or the signal handler, gives another.
pub enum Post {
    /// A message of its shard.
    Mail(Mail),
    /// A live connection.
    Arrival(TcpStream, Box<Cargo>),
    /// The order to drain, within so many milliseconds. For the control core.
    Drain(u64),
    /// Nothing but a turn, to show that the core can.
    Beat,
}

impl Office {
    /// A mailbox for each core.
    pub fn new(cores: usize) -> Self {
        let boxes = (0..cores).map(|_| Mailbox::default()).collect();
        Self { boxes, ended: AtomicUsize::new(0) }
    }

    /// How many cores there are.
    pub fn cores(&self) -> usize {
        self.boxes.len()
    }

    /// Puts a post into a core's box and wakes it.
    pub fn send(&self, to: CoreIndex, post: Post) {
        let mailbox = &self.boxes[to];
        let mut posts = mailbox.posts.lock();
        posts.push(post);
        let was_empty = posts.len() == 1;
        drop(posts);
        // Who rang first rang for all: the owner empties the box at once.
        if was_empty && let Some(bell) = mailbox.bell.get() {
            bell();
        }
    }

    /// The owner says how it is woken. What came before is found by its first look.
    pub(super) fn set_bell(&self, core: CoreIndex, bell: Bell) {
        assert!(self.boxes[core].bell.set(bell).is_ok(), "core {core} has started twice");
    }

    /// A core has come to its end: it sends nothing more.
    pub(super) fn end(&self) {
        // Behind its last post, and before the one that wakes who waits for it.
        self.ended.fetch_add(1, Ordering::Release);
        self.send(CONTROL_CORE, Post::Beat);
    }

    /// Whether every core but one has ended, and that one has taken all they sent.
    pub(super) fn is_last(&self, core: CoreIndex) -> bool {
        let others = self.cores() - 1;
        self.ended.load(Ordering::Acquire) >= others && self.boxes[core].posts.lock().is_empty()
    }

    /// Takes all that has come.
    pub(super) fn collect(&self, core: CoreIndex) -> Vec<Post> {
        std::mem::take(&mut *self.boxes[core].posts.lock())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_bell_rings_once_until_the_box_is_emptied_and_nothing_is_lost() {
        let office = Office::new(2);
        let rung = Arc::new(AtomicUsize::new(0));
        office.send(1, Post::Drain(1));
        let counter = rung.clone();
        office.set_bell(
            1,
            Box::new(move || {
                counter.fetch_add(1, Ordering::Relaxed);
            }),
        );
        assert_eq!(office.collect(1).len(), 1);
        office.send(1, Post::Drain(2));
        office.send(1, Post::Drain(3));
        assert_eq!(rung.load(Ordering::Relaxed), 1);
        assert_eq!(office.collect(1).len(), 2);
        assert!(office.collect(1).is_empty());
    }
}
