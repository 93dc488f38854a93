//! Bounds that more than one part must know: PROTOCOL.md section 9.
//!
//! Each has its unit last, why it is what it is, and what happens when it is reached.
//! Bounds that only the CServer knows stand in its own `limits.rs`.

/// Bytes of a frame's header. Shorter messages are `bad_frame`.
pub const FRAME_HEADER_BYTES: usize = 12;

/// Payload of one frame. A keyframe is cut at this size, so that no single message holds a connection's
/// buffer or its line for long; and one frame, sealed, fits into the 64 KiB that a connection may hold. Longer: `too_long`.
pub const FRAME_PAYLOAD_BYTES_MAX: usize = 60 * 1024;

/// Payload of an agent's frame: a command with a node id and a few numbers or one pasted line. Longer: `too_long`.
pub const AGENT_PAYLOAD_BYTES_MAX: usize = 4 * 1024;

/// All chunks of one keyframe. Real pages compress to 30-300 KB; this is 25 times the upper end. Longer: `too_long`.
pub const KEYFRAME_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What the viewer inflates of one epoch, against a stream that grows without end.
pub const EPOCH_INFLATED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Diffs of an epoch after which a new keyframe is cheaper for the next joiner; also not before twice the
/// keyframe's own size. Reached: the visitor is asked for a keyframe.
pub const LOG_DIFF_BYTES_SOFT: usize = 1024 * 1024;

/// Everything one session may hold. Reached (the visitor ignored the requests): the log is dropped, joiners wait.
pub const LOG_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Diffs that an agent may be behind. At 20 diffs of 400 bytes a second this is a minute. Reached: the agent skips.
pub const AGENT_LAG_BYTES_MAX: usize = 512 * 1024;

/// Shortest time between two requests for a keyframe in a session: keeps saturation from turning small
/// diffs into large keyframes.
pub const KEYFRAME_REQUEST_INTERVAL_MS: u64 = 2_000;

/// How long a peer may read nothing while there is something to read. Reached: `too_slow`.
pub const AGENT_STALL_MS: u64 = 60_000;

/// Frames of one agent in a second, with a burst of twice as many: a pointer at 50 Hz and a hand at the keyboard.
pub const AGENT_FRAMES_PER_S_MAX: u32 = 120;

/// Agents' frames waiting for a visitor who does not read.
pub const VISITOR_QUEUE_BYTES_MAX: usize = 256 * 1024;

/// Joins of one session.
pub const AGENTS_PER_SESSION_MAX: usize = 1_000;

/// Sessions of one core.
pub const SESSIONS_PER_CORE_MAX: usize = 20_000;

/// Life of a ticket: a redirect over a slow line.
pub const TICKET_LIFE_MS: u64 = 30_000;

/// How far the clocks of web tier and CServer may differ.
pub const CLOCK_SKEW_MS: u64 = 5_000;

/// A new server key every so often.
pub const SERVER_KEY_PERIOD_MS: u64 = 60_000;

/// A server key is pushed so long before it signs.
pub const SERVER_KEY_LEAD_MS: u64 = 30_000;

/// If a CServer acknowledges no newer key, its last one signs for so long, then joins get 503.
pub const SERVER_KEY_STALE_MS_MAX: u64 = 600_000;

/// Grace period of a session without its visitor: least, default and most.
pub const GRACE_MS_MIN: u64 = 5_000;
/// See [`GRACE_MS_MIN`].
pub const GRACE_MS_DEFAULT: u64 = 30_000;
/// See [`GRACE_MS_MIN`].
pub const GRACE_MS_MAX: u64 = 600_000;

/// One JSON record of the control stream. Longer: the stream ends with `too_long`.
pub const CONTROL_RECORD_BYTES_MAX: usize = 64 * 1024;

/// Head of an HTTP request: eight agent cookies of 270 bytes, a ticket of 460, and room for a browser's own headers.
pub const HTTP_HEAD_BYTES_MAX: usize = 16 * 1024;

/// Body of a request that carries a credential and nothing else. Longer: `too_long`.
pub const STATUS_BODY_BYTES_MAX: usize = 1024;

/// Body of a request that carries frames where WebSockets are blocked: the longest frame and its credential. Longer: `too_long`.
pub const POST_BODY_BYTES_MAX: usize = 64 * 1024;

/// A connection that says nothing for so long is pinged, and ended after as long again.
pub const PING_INTERVAL_MS: u64 = 20_000;

/// What a page says of itself outside a session, and what is offered to it: an address and some words. Longer: `too_long`.
pub const PRESENCE_BYTES_MAX: usize = 1_024;

/// Settings: origins in each list, selectors, bytes of one selector.
pub const ORIGINS_MAX: usize = 32;
/// See [`ORIGINS_MAX`].
pub const MASKS_MAX: usize = 256;
/// See [`ORIGINS_MAX`].
pub const MASK_BYTES_MAX: usize = 512;

/// Names of query parameters that a group lets leave. More: the settings are refused.
pub const QUERY_NAMES_MAX: usize = 64;

/// Bytes of one such name. Longer: the settings are refused.
pub const QUERY_NAME_BYTES_MAX: usize = 64;

/// Pictures of each canvas in a second that a group may ask for: more would be a film, and a film wants another codec.
/// More: the settings are refused. `browser/src/protocol/payloads.ts` has the same.
pub const CANVAS_RATE_MAX: u8 = 5;

/// Settings: what a visitor has to accept. A page of text; nobody reads more before a conversation.
pub const TERMS_BYTES_MAX: usize = 4_000;

/// Settings: the visitor's part as JSON. It goes into one `welcome` frame, and with the longest lists of origins (18 KB)
/// into one control record. Longer: the settings are refused.
pub const VISITOR_SETTINGS_BYTES_MAX: usize = 40 * 1024;

const _: () = {
    assert!(VISITOR_SETTINGS_BYTES_MAX + 1024 < FRAME_PAYLOAD_BYTES_MAX);
    assert!(KEYFRAME_BYTES_MAX + LOG_DIFF_BYTES_SOFT < LOG_BYTES_MAX);
    assert!(
        STATUS_BODY_BYTES_MAX + FRAME_HEADER_BYTES + FRAME_PAYLOAD_BYTES_MAX < POST_BODY_BYTES_MAX
    );
    assert!(AGENT_LAG_BYTES_MAX < LOG_DIFF_BYTES_SOFT);
    assert!(AGENT_PAYLOAD_BYTES_MAX <= FRAME_PAYLOAD_BYTES_MAX);
    assert!(GRACE_MS_MIN <= GRACE_MS_DEFAULT && GRACE_MS_DEFAULT <= GRACE_MS_MAX);
    assert!(SERVER_KEY_LEAD_MS < SERVER_KEY_PERIOD_MS);
    assert!(TICKET_LIFE_MS + 2 * CLOCK_SKEW_MS < SERVER_KEY_STALE_MS_MAX);
};
