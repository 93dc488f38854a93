//! What the relay counts. Gauges say how it is, counters only rise.

/// A copy of the relay's figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Gauge: sessions.
    pub sessions: u64,
    /// Gauge: joins, connected or not.
    pub joins: u64,
    /// Gauge: agents with a live connection.
    pub agents: u64,
    /// Gauge: bytes that all logs hold.
    pub log_bytes: u64,
    /// Frames that came in.
    pub frames_in: u64,
    /// Bytes that came in.
    pub bytes_in: u64,
    /// Frames handed out.
    pub frames_out: u64,
    /// Bytes handed out.
    pub bytes_out: u64,
    /// Resyncs that agents asked for.
    pub resyncs: u64,
    /// Agents that left out frames.
    pub skips: u64,
    /// Purges.
    pub purges: u64,
    /// Logs that passed their bound.
    pub log_drops: u64,
    /// Visitors' connections after the first.
    pub reconnects: u64,
    /// Connections replaced by a newer one while they were still there.
    pub supersedes: u64,
    /// Connections ended because the peer broke a rule.
    pub refusals: u64,
    /// Agents cut off for sending too many frames.
    pub floods: u64,
    /// Peers cut off for not reading.
    pub stalls: u64,
    /// Requests for a keyframe sent.
    pub keyframe_requests: u64,
    /// Of which so many had to wait for the session's interval or the core's budget.
    pub keyframe_requests_delayed: u64,
    /// Of which so many waited for the core's budget.
    pub keyframe_requests_budgeted: u64,
    /// Pointers dropped from a full visitor's queue.
    pub pointers_dropped: u64,
    /// Other agents' frames dropped: a full queue, or no visitor.
    pub agent_frames_dropped: u64,
    /// Ephemeral frames replaced in the slot by a newer one.
    pub ephemerals_superseded: u64,
    /// Ephemeral frames left out because the core was full.
    pub ephemerals_dropped: u64,
    /// Joins forgotten because they had no connection for too long.
    pub joins_forgotten: u64,
}

/// What one session holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionFigures {
    /// Bytes of its log, with the overhead of each frame.
    pub log_bytes: usize,
    /// Bytes of agents' frames that wait for its visitor, with the overhead of each.
    pub visitor_queue_bytes: usize,
    /// Joins, connected or not.
    pub joins: usize,
    /// Agents with a live connection.
    pub agents: usize,
    /// Live bytes that the slowest agent has not taken.
    pub lag_bytes: u64,
    /// The highest epoch that its visitor has begun.
    pub last_epoch: u32,
}
