//! Agents that do not read, and pages that are large: nobody else waits, and everybody ends in the visitor's state.

use std::sync::Arc;

use anyhow::Result;
use cobrowse_tests::{Agent, Stack, Visitor};
use protocol::Kind;
use protocol::limits::{AGENT_LAG_BYTES_MAX, LOG_DIFF_BYTES_SOFT};

#[test]
fn an_agent_who_does_not_read_holds_up_nobody_and_skips_to_the_next_epoch() -> Result<()> {
    let stack = stack();
    let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let mut fast = Agent::join(&stack, "ada", visitor.key())?;
    let mut slow = Agent::join(&stack, "bob", visitor.key())?;
    fast.expect_copy_of(&visitor)?;
    slow.expect_copy_of(&visitor)?;
    // Far more than the sockets' buffers and the allowed lag together.
    for at in 0..DIFFS {
        visitor.diff(&[at; DIFF_BYTES])?;
        if at % 8 == 0 {
            fast.expect_copy_of(&visitor)?;
        }
    }
    fast.expect_copy_of(&visitor)?;
    assert_eq!(fast.skips, 0, "who reads is sent everything");
    visitor.socket.frame_of(Kind::KeyframeRequest)?;
    visitor.keyframe(b"the page as it is now")?;
    visitor.diff(b"and a change")?;
    fast.expect_copy_of(&visitor)?;
    slow.expect_copy_of(&visitor)?;
    assert!(slow.skips > 0, "who does not read is left out of what came in between");
    visitor.diff(b"together again")?;
    slow.expect_copy_of(&visitor)
}

#[test]
fn a_page_of_several_megabytes_reaches_early_and_late_agents_whole() -> Result<()> {
    let stack = stack();
    let mut visitor = Visitor::start(&stack, "demo")?;
    let mut early = Agent::join(&stack, "ada", visitor.key())?;
    let page: Vec<u8> =
        (0..5_000_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    visitor.keyframe(&page)?;
    early.expect_copy_of(&visitor)?;
    let mut late = Agent::join(&stack, "eve", visitor.key())?;
    late.expect_copy_of(&visitor)?;
    assert_eq!((early.skips, late.skips), (0, 0));
    visitor.diff(b"a small change of a large page")?;
    early.expect_copy_of(&visitor)?;
    late.expect_copy_of(&visitor)
}

fn stack() -> Arc<Stack> {
    Stack::shared(Stack::plan().servers(1).cores(2))
}

const DIFF_BYTES: usize = 48 * 1024;
const DIFFS: u8 = 96;

const _: () =
    assert!(DIFF_BYTES * DIFFS as usize > 2 * (AGENT_LAG_BYTES_MAX + LOG_DIFF_BYTES_SOFT));
