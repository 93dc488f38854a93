//! Hundreds of halves, resets and a flood at a real server: memory stays within its bound, and a healthy session goes on.

use anyhow::Result;
use cobrowse_tests::{Stack, flood};

#[test]
fn halves_resets_and_floods_cost_a_bounded_memory_and_harm_nobody() -> Result<()> {
    let stack = Stack::plan().start()?;
    let report = flood::flood(&stack, CONNECTIONS, ROUNDS)?;
    assert_eq!(report.resets, CONNECTIONS);
    assert!(report.healthy_frames > 10, "{report:?}");
    assert_eq!(
        report.memory.len(),
        3 + ROUNDS,
        "three kinds, and all of them together: {report:?}"
    );
    Ok(())
}

const CONNECTIONS: usize = 400;

const ROUNDS: usize = 2;
