//! Bounds that only the CServer knows. Those that peers must know stand in `protocol::limits`.

use protocol::limits::{FRAME_HEADER_BYTES, FRAME_PAYLOAD_BYTES_MAX};

/// What one turn seals for one connection, in bytes of plaintext: the longest frame with its prefix, so at least one
/// frame always goes. With TLS's overhead it stays within the 64 KiB that a connection may hold unsent. Reached: the rest waits
/// until the socket has taken these.
pub const SEAL_BYTES_MAX: usize = 10 + FRAME_HEADER_BYTES + FRAME_PAYLOAD_BYTES_MAX;

/// What one read takes from a socket: two TLS records. There is one such buffer a core, not a connection.
pub const READ_BYTES: usize = 32 * 1024;

/// Reads of one connection in one turn, so that one flooding visitor cannot hold the core. Reached: the rest
/// waits for the next turn.
pub const READS_PER_TURN_MAX: usize = 8;

/// Connections accepted in one turn, for the same reason.
pub const ACCEPTS_PER_TURN_MAX: usize = 64;

/// Strangers whose handshake is worked on in one turn: at 100 to 300 us each, who is inside waits 5 ms at most. Reached: the others keep
/// their place in line for the next turn.
pub const HANDSHAKES_PER_TURN_MAX: usize = 16;

/// How long a start waits for a port that somebody has: a process that died lets go of it within milliseconds. Reached: the start fails.
pub const PORT_WAIT_MS_MAX: u64 = 2_000;

/// How often it looks meanwhile.
pub const PORT_LOOK_MS: u64 = 50;

/// Connections of one core, unless the configuration lowers it. Reached: new ones are closed at once.
pub const CONNECTIONS_PER_CORE_MAX: usize = 200_000;

/// The lowest that the configuration may say: with less, the web tiers' own streams would find no room.
pub const CONNECTIONS_PER_CORE_MIN: usize = 64;

/// What all connections of a core that are not authenticated yet may hold together of requests that are not whole: a thousand halves of the
/// longest. Reached: who brings more is closed with `overload`; a request that comes in one read needs none of it.
pub const GUESTS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// From accept to the end of the first request's head: a slow phone on a bad line needs 5 s. Reached: closed.
pub const OPENING_MS_MAX: u64 = 15_000;

/// A kept-alive HTTP connection without a request. Reached: closed.
pub const KEEP_ALIVE_MS: u64 = 30_000;

/// How long the last bytes of a connection may take to leave: 64 KiB on a bad line. Reached: closed without them.
pub const FLUSH_MS: u64 = 20_000;

/// After the last byte of ours, how long the peer may take to close, so that it can read why. Reached: closed.
pub const LINGER_MS: u64 = 2_000;

/// From the order to drain to the end of the process.
pub const DRAIN_MS: u64 = 10_000;

/// Each core is woken so often, to show that it still turns.
pub const BEAT_MS: u64 = 1_000;

/// A core that has not turned for so long is stuck: ten beats, and a hundred times the longest turn that was seen. Reached:
/// `/healthz` says 503 and the watchdog is no longer fed.
pub const CORE_STUCK_MS: u64 = 10_000;

/// Send buffer of a socket: what the kernel may hold for a reader on a long line, sent and not acknowledged. Fixed, or it would grow to
/// megabytes and hide a slow agent.
pub const SEND_BUFFER_BYTES: usize = 128 * 1024;

/// What the kernel may hold for a reader that it cannot send yet, where it can be told so; a send of ours that has begun is taken to its
/// end, up to one segment more. A reader on a good line never has any. Without this bound ten thousand agents that stop reading fill the
/// memory that the kernel has for TCP (`net.ipv4.tcp_mem`, 1.5 GB of 24), and then it refuses everybody's bytes. Refilled from half of it
/// on: at 50 Mbit/s a turn has a millisecond for that.
pub const UNSENT_BYTES: u32 = 16 * 1024;

/// A peer whose window takes nothing is looked at again after so long, which is nothing that a person notices, and then at twice the distance each time.
pub const SHUT_LOOK_MS_MIN: u64 = 10;

/// No longer than so, while a core has few of them.
pub const SHUT_LOOK_MS_MAX: u64 = 100;

/// Looks of a core in a second, of 1 to 2 us each, once it has many: the distances grow with their number, and ten thousand are looked at
/// every four seconds. A 99th percentile of everybody else feels what takes more than a hundredth of a core's time.
pub const SHUT_LOOKS_PER_S: u64 = 2_500;

/// Looks in one turn: those who stopped together are due together, and who comes meanwhile waits for 20 us. Reached: the next turn follows at once and
/// looks on.
pub const SHUT_LOOKS_PER_TURN_MAX: usize = 8;

/// Then the kernel is told to ask such a peer, and again after so long: its word that it reads again may have been lost. Some have to wait for up to
/// [`SHUT_SPREAD_MS`] more, so that many who stopped together are not asked together.
pub const SHUT_MS: u64 = 10_000;

/// See [`SHUT_MS`].
pub const SHUT_SPREAD_MS: u64 = 10_000;

/// Agent session cookies in one browser. One more: the oldest is removed.
pub const COOKIES_MAX: usize = 8;

/// Keys of all replicas together: each has at most twelve alive. Reached: the one that expires first goes.
pub const KEYS_MAX: usize = 256;

/// Nonces remembered: 40 s of 5,000 joins a second. Reached: joins are refused with `overload`.
pub const NONCES_MAX: usize = 200_000;

/// Ended sessions remembered, so that who comes late hears why.
pub const ENDED_MAX: usize = 10_000;

/// How long they are remembered.
pub const ENDED_MS: u64 = 120_000;

/// Reports kept for one replica that does not acknowledge: an hour at 25 a second. Reached: the oldest goes, and a log line says so.
pub const REPORTS_MAX: usize = 100_000;

/// After reports have left, others gather for so long: in a storm of joins they share a record and a send, and the web tier stores them in one go.
/// Nobody notices it: who asks for a session that is not reported yet waits longer.
pub const REPORTS_GATHER_MS: u64 = 5;

/// Groups of all replicas. Reached: the settings of another are not acknowledged, so it gets no session here. Tests fill it.
pub const GROUPS_MAX: usize = if cfg!(test) { 8 } else { 100_000 };

/// Replicas of the web tier that ever dialled in.
pub const REPLICAS_MAX: usize = 64;

/// A record of load is sent so often.
pub const LOAD_MS: u64 = 2_000;

/// What the cores have counted is sent so often: a collector asks every 15 or 30 s.
pub const METRICS_MS: u64 = 5_000;

/// A silent control stream is pinged.
pub const CONTROL_PING_MS: u64 = 5_000;

/// A control stream without a word ends.
pub const CONTROL_SILENCE_MS: u64 = 15_000;

/// Frames of a page that is there, in [`PRESENCE_WINDOW_MS`]: it speaks when it is shown, hidden or used. More: `flooding`.
pub const PRESENCE_FRAMES_MAX: u32 = 20;
/// See [`PRESENCE_FRAMES_MAX`].
pub const PRESENCE_WINDOW_MS: u64 = 10_000;

/// JSON of pages in one record of presence: with its frame it stays within a control record. The rest follows in the next.
pub const PRESENCE_RECORD_BYTES: usize = 48 * 1024;

/// Listen backlog: a second of reconnects after a restart.
pub const BACKLOG: i32 = 4_096;

/// File descriptors that a host should allow; fewer are reported at start.
pub const FILES_WANTED: u64 = 65_536;

/// TLS adds at most 22 bytes to a record in TLS 1.3 and 29 in 1.2; five records hold the longest frame.
const SEALED_OVERHEAD_BYTES: usize = 5 * 64;

const _: () = {
    assert!((UNSENT_BYTES as usize) < SEND_BUFFER_BYTES);
    assert!(SHUT_MS + SHUT_SPREAD_MS <= protocol::limits::AGENT_STALL_MS / 2);
    assert!(SEAL_BYTES_MAX + SEALED_OVERHEAD_BYTES <= 64 * 1024);
    assert!(HANDSHAKES_PER_TURN_MAX <= ACCEPTS_PER_TURN_MAX);
    assert!(BEAT_MS * 5 <= CORE_STUCK_MS);
    assert!(CONTROL_PING_MS < CONTROL_SILENCE_MS);
};
