//! What the benchmarks work on: a session with its agents in a relay, and a TLS pair in memory.
//!
//! The benchmarks themselves stand in `benches/`; load on a whole server is `loadgen`'s. Nothing here is used by a server.

pub mod pair;
pub mod session;
