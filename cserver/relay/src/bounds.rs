//! The relay's bounds: those of PROTOCOL.md section 9, and a few that only the relay knows.
//!
//! They are a value rather than constants, so that the simulation can make each so small that it is reached all the time.

use protocol::limits;

/// What one core's relay may hold and do. [`Bounds::default`] is what the server runs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Frames that came after an agent's start and that it has not taken. Keyframes do not count, they have their own bound.
    /// Passed: the agent skips to the next epoch.
    pub agent_lag_bytes_max: u64,
    /// Diffs of an epoch, also not before twice its keyframe. Passed: the visitor is asked for a keyframe.
    pub log_diff_bytes_soft: u64,
    /// What one session's log holds, with [`LOG_ENTRY_BYTES`] for each frame. Passed: the log is dropped.
    pub log_bytes_max: usize,
    /// Payloads of one keyframe. Passed: `too_long`.
    pub keyframe_bytes_max: usize,
    /// Shortest time between two requests for a keyframe in a session. Sooner: the request waits.
    pub keyframe_request_interval_ms: u64,
    /// How long a visitor may take to answer a request before it is asked again for who still waits.
    pub keyframe_retry_ms: u64,
    /// How long a peer may take nothing while there is something to send. Passed: `too_slow`.
    pub agent_stall_ms: u64,
    /// Frames of one agent in a second, after a burst of twice as many. Passed: `flooding`.
    pub agent_frames_per_s_max: u32,
    /// Agents' frames that wait for the visitor, with [`QUEUE_ENTRY_BYTES`] for each. Full: the oldest pointer goes,
    /// else the new frame is dropped.
    pub visitor_queue_bytes_max: usize,
    /// Joins of a session, connected or not. Reached: `overload`.
    pub agents_per_session_max: usize,
    /// Sessions of the core. Reached: `overload`.
    pub sessions_max: usize,
    /// Keyframes that the core may ask for, in bytes to all their agents; the burst is one second's worth.
    /// Used up: requests wait in line.
    pub resync_bytes_per_s: u64,
    /// How long a join lives without a connection. Passed: it is forgotten, and its cookie opens nothing more.
    pub join_idle_ms: u64,
    /// How long a page that said `leaving` and went counts as leaving before it counts as offline.
    pub leaving_ms: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            agent_lag_bytes_max: limits::AGENT_LAG_BYTES_MAX as u64,
            log_diff_bytes_soft: limits::LOG_DIFF_BYTES_SOFT as u64,
            log_bytes_max: limits::LOG_BYTES_MAX,
            keyframe_bytes_max: limits::KEYFRAME_BYTES_MAX,
            keyframe_request_interval_ms: limits::KEYFRAME_REQUEST_INTERVAL_MS,
            keyframe_retry_ms: KEYFRAME_RETRY_MS,
            agent_stall_ms: limits::AGENT_STALL_MS,
            agent_frames_per_s_max: limits::AGENT_FRAMES_PER_S_MAX,
            visitor_queue_bytes_max: limits::VISITOR_QUEUE_BYTES_MAX,
            agents_per_session_max: limits::AGENTS_PER_SESSION_MAX,
            sessions_max: limits::SESSIONS_PER_CORE_MAX,
            resync_bytes_per_s: RESYNC_BYTES_PER_S,
            join_idle_ms: JOIN_IDLE_MS,
            leaving_ms: LEAVING_MS,
        }
    }
}

/// About a tenth of what one core encrypts and sends in a second: resyncs never crowd out live diffs.
pub const RESYNC_BYTES_PER_S: u64 = 32 * 1024 * 1024;

/// A slow phone walks a large page in seconds; and a page that lost one request must not leave an agent blank for good.
pub const KEYFRAME_RETRY_MS: u64 = 10_000;

/// An agent's lunch is longer, but then the web tier signs a new ticket without asking anything of the agent.
pub const JOIN_IDLE_MS: u64 = 600_000;

/// A page change over a slow line.
pub const LEAVING_MS: u64 = 5_000;

/// What a frame costs in the log besides its bytes: the entry itself and its allocation. Without it a visitor could
/// fill memory with empty frames.
pub const LOG_ENTRY_BYTES: usize = 128;

/// The same for a frame in the visitor's queue.
pub const QUEUE_ENTRY_BYTES: usize = 64;

/// Bodies below this are copied out of the buffer they came in, which is up to twice as large as they are and would stay as long as
/// they stand in a log, uncounted. Above it are a keyframe's chunks, which fill theirs. A copy is a tenth of the first send's cost or less.
pub const COPY_BYTES_MAX: usize = 48 * 1024;

/// An agent who acts is told of once in so long: a minute is what somebody asks about, and a record for each click would be a log
/// of the session.
pub(crate) const ACTED_MS: u64 = 60_000;

/// Slots for ephemeral frames: the low four bits of their flags. A session holds one frame for each besides its log,
/// at most 960 KiB.
pub const SLOTS: usize = 16;

/// What [`crate::Relay::next_frame`] must be given as room at least once in a while, or the longest frame never goes.
pub const FRAME_WIRE_BYTES_MAX: usize =
    crate::frames::PREFIX_BYTES_MAX + limits::FRAME_HEADER_BYTES + limits::FRAME_PAYLOAD_BYTES_MAX;

const _: () = {
    assert!(COPY_BYTES_MAX <= limits::FRAME_PAYLOAD_BYTES_MAX);
    assert!(SLOTS == protocol::Flags::SLOT.0 as usize + 1);
    assert!(LEAVING_MS <= limits::GRACE_MS_MIN);
    assert!(KEYFRAME_RETRY_MS > limits::KEYFRAME_REQUEST_INTERVAL_MS);
    assert!(JOIN_IDLE_MS >= limits::GRACE_MS_MAX);
    assert!(limits::AGENTS_PER_SESSION_MAX < u16::MAX as usize);
};
