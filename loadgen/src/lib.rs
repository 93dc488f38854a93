//! The load generator: puts a CServer under a named load and says what came of it.
//!
//! Built on tokio-uring, which neither server uses, with framing of its own, so that the two ends share no fault. Open loop:
//! messages leave when they are due, whatever became of those before, and latency counts from then. The map: `scenario` what is
//! done, `schedule` when, `session` by whom, `target` how one gets in, `link` over which bytes, `sink` what nobody looks at, `tally` what was seen,
//! `run` the whole, `report` and `html` what is told. README.md describes the scenarios.

#![forbid(unsafe_code)]

pub mod control;
pub mod crowded;
pub mod field;
pub mod full;
pub mod html;
pub mod http;
pub mod limits;
pub mod link;
pub mod pairs;
pub mod probe;
pub mod progress;
pub mod report;
pub mod run;
pub mod scenario;
pub mod schedule;
pub mod session;
pub mod sink;
pub mod stage;
pub mod stamp;
pub mod summary;
pub mod tally;
pub mod target;
pub mod tickets;
pub mod tls;
pub mod websocket;
pub mod webtier;
pub mod worker;
