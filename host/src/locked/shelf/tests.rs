//! Where values stand, what is left of them, and what the shelf gives back.

use std::sync::mpsc;

use super::*;
use crate::locked::flags_at;

/// As long as what a connection keeps.
type Keys = [u8; 208];

fn address<T>(place: &Place<T>) -> usize {
    std::ptr::from_ref(&**place) as usize
}

#[test]
fn each_value_stands_alone_in_locked_pages_that_are_in_no_dump() {
    let shelf = Shelf::<Keys>::default();
    let held: Vec<_> = (0..200_u8).map(|byte| shelf.hold([byte; 208])).collect();
    for (byte, place) in (0..200_u8).zip(&held) {
        assert_eq!(**place, [byte; 208]);
        let flags = flags_at(address(place));
        assert!(flags.contains(" lo") && flags.contains(" dd"), "{flags}");
    }
    assert_eq!((shelf.rows(), shelf.unlocked()), (3, 0), "78 in each");
    assert_eq!(format!("{:?}", held[0]), "Place(set)");
}

#[test]
fn a_value_is_wiped_when_it_goes_and_its_place_is_the_next_ones() {
    let shelf = Shelf::<Keys>::default();
    let neighbour = shelf.hold([1; 208]);
    let place = shelf.hold([7; 208]);
    let at = address(&place);
    drop(place);
    // SAFETY: the row is still there, since the neighbour stands in it, and nobody writes to it.
    #[allow(unsafe_code)]
    let left = unsafe { std::ptr::read(at as *const Keys) };
    assert_eq!((left, *neighbour), ([0; 208], [1; 208]));
    assert_eq!(address(&shelf.hold([9; 208])), at);
}

#[test]
fn rows_are_given_back_when_thousands_have_gone_and_one_is_kept() {
    let shelf = Shelf::<Keys>::default();
    for round in 0..3 {
        let mut held: Vec<_> = (0..5_000).map(|_| shelf.hold([round; 208])).collect();
        assert_eq!(shelf.rows(), 5_000_usize.div_ceil(Shelf::<Keys>::ROW_PLACES));
        // In no order: what goes first came in the middle.
        while !held.is_empty() {
            held.swap_remove(held.len() / 2);
        }
        assert_eq!(shelf.rows(), 1, "round {round}");
    }
    // Who comes and goes alone asks nothing of the kernel.
    let at = address(&shelf.hold([4; 208]));
    assert_eq!(address(&shelf.hold([5; 208])), at);
}

#[test]
fn what_is_left_of_a_crowd_keeps_no_row_that_is_empty() {
    let shelf = Shelf::<Keys>::default();
    let mut held: Vec<_> = (0..1_000).map(|_| shelf.hold([1; 208])).collect();
    held.truncate(10);
    assert_eq!(shelf.rows(), 2, "theirs, and one in hand");
    held.extend((0..1_000).map(|_| shelf.hold([2; 208])));
    held.drain(..900);
    assert!(shelf.rows() <= 4, "{}", shelf.rows());
    assert!(held.iter().all(|place| **place == [2; 208]));
}

#[test]
fn a_place_moves_to_another_thread_and_comes_back_to_its_own_shelf() {
    let shelf = Shelf::<Keys>::default();
    let (send, receive) = mpsc::channel();
    let other = std::thread::spawn(move || {
        let theirs = Shelf::<Keys>::default();
        for (at, place) in receive.iter().enumerate() {
            let place: Place<Keys> = place;
            assert_eq!(*place, [at as u8; 208]);
        }
        theirs.rows()
    });
    for at in 0..200 {
        send.send(shelf.hold([at; 208])).unwrap();
    }
    drop(send);
    assert_eq!((other.join().unwrap(), shelf.rows()), (0, 1));
}

#[test]
fn places_outlive_their_shelf() {
    let place = Shelf::<Keys>::default().hold([3; 208]);
    assert_eq!(*place, [3; 208]);
}

/// Runs in a process of its own, since its limit is the process's.
#[test]
fn where_the_kernel_locks_no_more_values_stand_unlocked_and_are_counted() {
    const OWN: &str = "COBROWSE_TEST_OF_SMALL_LIMIT";
    if std::env::var_os(OWN).is_none() {
        let name = "locked::shelf::tests::where_the_kernel_locks_no_more_values_stand_unlocked_and_are_counted";
        let mut own = std::process::Command::new(std::env::current_exe().unwrap());
        let output = own.args([name, "--exact", "--nocapture"]).env(OWN, "1").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    lower_the_limit();
    let shelf = Shelf::<Keys>::default();
    let mut held: Vec<_> = (0..1_000_u32).map(|at| shelf.hold([at as u8; 208])).collect();
    let unlocked = shelf.unlocked();
    assert!((1_000 - 4 * 78..1_000).contains(&unlocked), "64 KiB are four rows: {unlocked}");
    let first = flags_at(address(&held[0]));
    let last = flags_at(address(&held[999]));
    assert!(first.contains(" lo") && !last.contains(" lo") && last.contains(" dd"), "{last}");
    assert!((0..1_000_u32).zip(&held).all(|(at, place)| **place == [at as u8; 208]));
    held.clear();
    assert_eq!((shelf.unlocked(), shelf.rows()), (0, 1));
}

/// To what older systems allow. Root is held by no limit, so who is gives that up first, for this thread alone.
fn lower_the_limit() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let little = Some(64 * 1024);
    setrlimit(Resource::Memlock, Rlimit { current: little, maximum: little }).unwrap();
    let mut sets = rustix::thread::capabilities(None).unwrap();
    sets.effective.remove(rustix::thread::CapabilitySet::IPC_LOCK);
    rustix::thread::set_capabilities(None, sets).unwrap();
}
