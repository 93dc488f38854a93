//! What the benchmarks work on: a session with its agents in a relay, a TLS pair in memory, and two cores without a backend.
//!
//! The benchmarks themselves stand in `benches/`; load on a whole server is `loadgen`'s. Nothing here is used by a server.

pub mod handover;
pub mod pair;
pub mod session;
