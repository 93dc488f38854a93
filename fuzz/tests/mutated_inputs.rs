//! Every target under a bounded run of mutated inputs. One test in a process of its own, because memory is measured.

use cobrowse_fuzz::{Outcome, Summary, Target, folder, read, run, run_one, targets};

#[test]
#[expect(clippy::print_stdout, reason = "the report says how much was tried")]
fn nothing_breaks_under_mutated_inputs_and_both_answers_are_seen() {
    for target in targets() {
        let name = target.name;
        let tried = run(target, INPUTS, SEED);
        let Summary { inputs, accepted, memory_bytes } =
            tried.unwrap_or_else(|failure| panic!("{failure}"));
        println!("{name}: {inputs} inputs, {accepted} accepted, {memory_bytes} bytes at the peak");
        assert!(accepted > 0 && accepted < inputs, "{name}: only one answer is ever seen");
        assert!(
            has_good_seed(target),
            "{name}: no seed in {} is accepted any more; write them anew with `cargo run -p cobrowse-fuzz -- {name} --make-seeds`",
            folder(target).display(),
        );
    }
}

fn has_good_seed(target: &Target) -> bool {
    read(target).iter().any(|seed| run_one(target, seed).0 == Outcome::Accepted)
}

/// For each target; with all of them the test takes some ten seconds in the development profile.
const INPUTS: u64 = 20_000;

const SEED: u64 = 1;
