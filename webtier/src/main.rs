//! The `webtier` program: see `cli.rs` for what it can do.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

/// Keeps its footprint over weeks of small allocations, and no password, cookie or key that somebody has freed.
#[global_allocator]
static ALLOCATOR: host::wiping::Wiping = host::wiping::Wiping;

fn main() -> ExitCode {
    match webtier::cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when this fails too.
            let _ = writeln!(std::io::stderr(), "webtier: {error}");
            ExitCode::FAILURE
        }
    }
}
