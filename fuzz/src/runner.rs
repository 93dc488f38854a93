//! The runner of the stable compiler: seeds first, then mutated inputs, each held to the target's properties.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::limits::MEMORY_BYTES_MAX;
use crate::mutate::Mutator;
use crate::targets::{Outcome, Target, targets};
use crate::{MEMORY, seeds};

/// What a run has tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Inputs, seeds included.
    pub inputs: u64,
    /// Inputs that the decoder took. None at all means that nothing behind its first check was tried.
    pub accepted: u64,
    /// The most that one input made it allocate, in bytes.
    pub memory_bytes: usize,
}

/// An input for which something does not hold. Its message is all that is needed to try it again.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{target}: {message}\n  seed {seed}, input {number} of {} bytes, in hex:\n  {}", input.len(), hex(input))]
pub struct Failure {
    /// Which target.
    pub target: &'static str,
    /// What does not hold.
    pub message: String,
    /// The seed of the run.
    pub seed: u64,
    /// The how many-th input of it.
    pub number: u64,
    /// The input.
    pub input: Vec<u8>,
}

/// Tries the target's seeds, then mutated inputs until `inputs` are reached. Stops at the first failure.
pub fn run(target: &Target, inputs: u64, seed: u64) -> Result<Summary, Failure> {
    let corpus = seeds::read(target);
    let mut first = corpus.clone().into_iter();
    let mut mutator = Mutator::new(seed, corpus, target.words);
    let mut summary = Summary::default();
    while summary.inputs < inputs {
        let input = first.next().unwrap_or_else(|| mutator.next());
        summary.inputs += 1;
        match catch_unwind(AssertUnwindSafe(|| run_one(target, &input))) {
            Ok((outcome, memory_bytes)) => {
                summary.memory_bytes = summary.memory_bytes.max(memory_bytes);
                if outcome == Outcome::Accepted {
                    summary.accepted += 1;
                    mutator.keep(&input);
                }
            }
            Err(panic) => {
                let message = message(panic.as_ref());
                let number = summary.inputs;
                return Err(Failure { target: target.name, message, seed, number, input });
            }
        }
    }
    Ok(summary)
}

/// Tries one input, and gives the bytes that were allocated for it at the peak. Panics when something does not hold.
/// Other threads of the process must be quiet: what they allocate would be counted too.
pub fn run_one(target: &Target, input: &[u8]) -> (Outcome, usize) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let outcome = (target.run)(input);
    let used = MEMORY.peak_usage().saturating_sub(before);
    let most = MEMORY_BYTES_MAX + target.memory_per_byte_max * input.len();
    assert!(used <= most, "{used} bytes were allocated, at most {most} may be");
    (outcome, used)
}

/// Tries one input on the target of that name, for a runner outside this crate.
pub fn try_named(name: &str, input: &[u8]) {
    match targets().iter().find(|target| target.name == name) {
        Some(target) => drop(run_one(target, input)),
        None => panic!("no target is called {name}"),
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".into())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
