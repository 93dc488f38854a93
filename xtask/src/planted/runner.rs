//! The program that `planted` builds in its scratch workspace: simulates until something fails. Few seeds first, since
//! most bugs show at once; the last range is long enough that what never happens counts as a failure too.

fn main() -> std::process::ExitCode {
    for seeds in [0..60, 60..300, 300..1500] {
        let report = simulation::run(seeds);
        if let Some(failure) = report.failures.first() {
            println!("seed {}, step {}: {}", failure.seed, failure.step, failure.what);
            return std::process::ExitCode::from(CAUGHT);
        }
    }
    println!("passed");
    std::process::ExitCode::SUCCESS
}

/// Unlike the codes of a panic or a signal, so that a broken runner is not taken for a caught bug.
const CAUGHT: u8 = 42;
