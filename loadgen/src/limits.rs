//! The generator's own bounds.

/// A connection's first read buffer. Grows to [`READ_BYTES_MAX`] for who receives more.
pub const READ_BYTES_MIN: usize = 2 * 1024;

/// A whole TLS record with room for some of the next. A read takes no more.
pub const READ_BYTES_MAX: usize = 48 * 1024;

/// Submission entries of a thread's ring; the kernel holds twice as many completions before it queues them itself.
pub const RING_ENTRIES: u32 = 8_192;

/// Connections of one source address: Linux gives out 28,232 ports to each by default. More take the next address of 127.0.0.0/8.
pub const CONNECTIONS_PER_SOURCE_MAX: usize = 20_000;

/// Connections that are being opened at once, if the scenario does not say otherwise: enough to keep a core busy.
pub const OPENING_MAX: usize = 64;

/// How long all connections of a run may take to open. Reached: the run fails and says how many were missing.
pub const OPEN_MS_MAX: u64 = 300_000;

/// How long a single answer may take while a connection opens.
pub const ANSWER_MS_MAX: u64 = 30_000;

/// After the last message was due, how long the slowest agent may take to get it. Reached: what is missing counts as lost.
pub const DRAIN_MS_MAX: u64 = 5_000;

/// Bytes of ours that may wait for a socket that the server does not read. Reached: the message is not sent, and counts as unsent.
pub const OUTBOX_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A run may not last longer than this, whatever the command line says.
pub const RUN_MS_MAX: u64 = 3_600_000;

/// Connections of one run: what one process can hold files for on a large host.
pub const CONNECTIONS_MAX: usize = 200_000;

/// Connections of one host, over several processes: some GB of memory with both ends.
pub const CROWDED_CONNECTIONS_MAX: u32 = 500_000;

/// CServers and generators beside each other.
pub const CROWDED_PARTS_MAX: u32 = 64;

/// Pairs of runs.
pub const PAIRS_MAX: usize = 100;

/// Sessions that are started from one source address: fewer than the web tier allows each in a minute.
pub const STARTS_PER_SOURCE_MAX: u32 = 100;

/// How often a view is asked for again that is not there yet, four times a second.
pub const VIEW_TRIES_MAX: u32 = 80;

/// Threads of one generator.
pub const THREADS_MAX: usize = 64;

/// Latencies are kept from a microsecond to a minute, with three digits. Longer ones count as a minute.
pub const LATENCY_US_MAX: u64 = 60_000_000;

/// Receive buffer of an agent that stops reading: small, so that the kernel does not hide it.
pub const STALLED_RECEIVE_BYTES: u32 = 16 * 1024;

/// Options of a CServer's sockets, for those that are compared with them: its send buffer, and what may wait in it unsent.
pub const SERVER_SEND_BYTES: usize = 128 * 1024;
/// See [`SERVER_SEND_BYTES`].
pub const SERVER_UNSENT_BYTES: u32 = 16 * 1024;

/// Steps of a search for the saturation point: 1.15 to the 40th is 267 times the first rate.
pub const STEPS_MAX: usize = 40;

/// Files besides connections: standard streams, rings, timers, reports.
pub const FILES_OTHER: u64 = 64;

/// Share of the messages that a step of a search may leave out with notice. When a page is replaced, what waited of the one before goes, and whoever
/// waited for it is told: some tens of half a million. A server that leaves out more is full, however soon the rest arrives.
pub const SKIPPED_SHARE_MAX: f64 = 0.001;

/// Above this share of its core the generator, not the server, is suspected to be the limit.
pub const GENERATOR_SHARE_MAX: f64 = 0.92;

/// Messages that left later than this after they were due (at the 99th percentile) were held up by the generator itself.
pub const LATENESS_US_MAX: u64 = 5_000;
