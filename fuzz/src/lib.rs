//! Every decoder of bytes from outside, under mutated inputs.
//!
//! A [`Target`] is a function that takes any bytes and panics when something that must hold does not: a forged
//! ticket opens, a decoded value is not the same after another round, a bound is passed. Two runners call the same targets:
//! - the one here, on the stable compiler: the seeds of `seeds/<target>/`, mutated blindly from one seed number.
//!   `cargo run -p cobrowse-fuzz -- --help`, and the test in `tests/`;
//! - libFuzzer, by the flag `--libfuzzer`, which follows coverage and needs a nightly compiler.
//!
//! [`run_one`] holds each input to the bound on memory too. What a finding means, and whether it is repaired, is the business of
//! the crate that it was found in; its input then becomes a seed.

#![forbid(unsafe_code)]

mod libfuzzer;
mod limits;
mod mutate;
mod rng;
mod runner;
mod seeds;
mod targets;
mod wire;

pub use libfuzzer::{Explored, LibFuzzer};
pub use runner::{Failure, Summary, run, run_one, try_named};
pub use seeds::{folder, make, read};
pub use targets::{Outcome, Target, targets};

/// Counts what is allocated in Rust, for the bound of [`run_one`].
#[global_allocator]
static MEMORY: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;
