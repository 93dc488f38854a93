//! Bounds of the harness. Each wait is long enough for a busy machine of two cores and ends by itself.

use std::time::Duration;

/// From the start of the processes until all of them answer. Reached: the start fails with the ends of their logs.
pub const START_MAX: Duration = Duration::from_secs(30);

/// Between two looks at something that is awaited.
pub const POLL_EVERY: Duration = Duration::from_millis(30);

/// For one answer or one frame. Reached: the test fails and says what it waited for.
pub const WAIT_MAX: Duration = Duration::from_secs(10);

/// How long silence has to last before a test believes it: a frame crosses the whole path in a few milliseconds.
pub const SILENCE: Duration = Duration::from_millis(400);

/// From SIGTERM to SIGKILL when a stack is stopped in good order: the CServer's own drain takes up to 10 s.
pub const STOP_MAX: Duration = Duration::from_secs(13);

/// An administration command of the web tier: one password hash and one flush. Reached: it is killed.
pub const COMMAND_MAX: Duration = Duration::from_secs(20);

/// Tries of a start when a free port was taken by somebody else in between.
pub const START_TRIES_MAX: usize = 3;

/// Lines of a log that are shown when its process failed.
pub const LOG_TAIL_LINES: usize = 25;

/// Largest answer that the clients read.
pub const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a core of the CServer lets halves hold together; equal to the limit of that name there.
pub const GUESTS_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Cores of a stack's CServer at most.
pub const CORES_MAX: u64 = 2;

/// What a connection that has brought nothing whole may cost a server's memory, besides what it holds of a request: TLS state, its place in tables,
/// and the allocator's share.
pub const HALF_OPEN_BYTES_MAX: u64 = 24 * 1024;

/// What a server of two cores may hold, a moment after everybody has gone, more than before they came, however often they do: the buffers of cores that have worked (once, not for each connection), and the allocator's
/// pages of 64 KiB in which something lives still, one or two for each size of block. It is 2.8 to 3.1 MiB after eight rounds of 20,000 connections, 2 of them since the first flood of frames. Were 20 bytes of each connection lost, ten rounds would be
/// over it.
pub const KEPT_KIB_MAX: u64 = 4 * 1024;

/// Head of a request to the shop. Longer: closed.
pub const SHOP_HEAD_BYTES_MAX: usize = 32 * 1024;

/// A kept connection to the shop without a request. Reached: closed.
pub const SHOP_IDLE_MAX: Duration = Duration::from_secs(20);
