//! The session relay of one core: visitors' frames in, the same frames to every agent of the session out.
//!
//! It owns sessions, the replay log, who may send what, order, bounds and timers, and reads nothing but the twelve
//! bytes of a frame's header. It has no sockets, no clock, no randomness and no threads: the shard gives it time and frames and
//! polls it for what is to be sent, so a test can run it in virtual time.
//!
//! The idea in one paragraph: a session has one log, each frame stands in it once, ready for the wire, and an
//! agent is a place in that log. So one more agent costs a frame a reference count; an agent that falls behind is
//! moved to the next keyframe instead of growing a queue; and forgetting (a purge) is emptying one log.
//!
//! The map: [`Relay`] is the interface and says the calling order. `session` is what happens in one session (`session/fanout`
//! the paths that run for every frame and agent), `visitor` the order of a visitor's frames, `agent` a place in the log, `frames`
//! the wire form, `bounds` every bound.

#![forbid(unsafe_code)]

mod agent;
mod bounds;
mod bucket;
mod events;
mod frames;
mod links;
mod log;
mod percore;
mod relay;
mod session;
mod stats;
mod timers;
mod visitor;

#[cfg(test)]
mod relay_tests;

pub use bounds::{
    Bounds, COPY_BYTES_MAX, FRAME_WIRE_BYTES_MAX, JOIN_IDLE_MS, KEYFRAME_RETRY_MS, LEAVING_MS,
    LOG_ENTRY_BYTES, QUEUE_ENTRY_BYTES, RESYNC_BYTES_PER_S, SLOTS,
};
pub use events::{Event, JoinInfo, JoinSpec, SessionRef, SessionSpec};
pub use frames::WireFrame;
pub use links::LinkId;
pub use relay::Relay;
pub use stats::{SessionFigures, Stats};
