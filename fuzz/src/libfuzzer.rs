//! The targets under libFuzzer: builds its program with a nightly compiler, runs each target for a while, and reads what it tells at the end.
//!
//! Owns the command lines. The program is in `libfuzzer/`, outside the workspace; the targets are the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::limits::INPUT_BYTES_MAX;
use crate::seeds;
use crate::targets::Target;

/// What libFuzzer told of one target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Explored {
    /// Inputs tried.
    pub inputs: u64,
    /// Edges of the program that were reached.
    pub coverage: u64,
    /// Inputs that it keeps, each for something that no other reaches.
    pub corpus: u64,
    /// Whether it ended without a finding.
    pub is_sound: bool,
}

/// The program, built.
#[derive(Debug)]
pub struct LibFuzzer {
    folder: PathBuf,
    program: PathBuf,
}

impl LibFuzzer {
    /// Builds it, which takes minutes once.
    pub fn build() -> Result<Self> {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (folder, dist) = (fuzz.join("libfuzzer"), fuzz.join("../browser/dist"));
        ensure!(dist.exists(), "{} is missing: run `cargo xtask build`", dist.display());
        // What is tried is what is built elsewhere: the same versions.
        fs::copy(fuzz.join("../Cargo.lock"), folder.join("Cargo.lock"))
            .context("cannot copy Cargo.lock")?;
        let target = folder.join("target");
        let mut build = Command::new("cargo");
        build
            .args(["+nightly", "build", "--release", "--target", HOST])
            .arg("--target-dir")
            .arg(&target)
            .current_dir(&folder)
            .env("RUSTFLAGS", FLAGS.join(" "))
            .env("COBROWSE_DIST", dist);
        // Those of the cargo that runs this are another toolchain's.
        for name in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "RUSTC_WRAPPER", "CARGO_TARGET_DIR"] {
            build.env_remove(name);
        }
        let built = build.status().context("cannot start cargo")?;
        ensure!(
            built.success(),
            "libFuzzer's program was not built: it needs `rustup toolchain install nightly`, and a C++ compiler"
        );
        let program = target.join(HOST).join("release/cobrowse-libfuzzer");
        Ok(Self { folder, program })
    }

    /// Runs one target for so many seconds, on from what earlier runs have learnt.
    pub fn run(&self, target: &Target, seconds: u64) -> Result<Explored> {
        let corpus = self.folder.join("corpus").join(target.name);
        let artifacts = self.folder.join("artifacts").join(target.name);
        for folder in [&corpus, &artifacts] {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let mut program = Command::new(&self.program);
        let words = dictionary(target.words);
        // It takes an empty one for a mistake.
        if !words.is_empty() {
            let file = self.folder.join("corpus").join(format!("{}.dict", target.name));
            fs::write(&file, words)?;
            program.arg(format!("-dict={}", file.display()));
        }
        let ended = program
            .arg(&corpus)
            .arg(seeds::folder(target))
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={INPUT_BYTES_MAX}"))
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            // What the targets make once and keep is no leak.
            .args(["-print_final_stats=1", "-detect_leaks=0", "-timeout=20", "-rss_limit_mb=4096"])
            .env("COBROWSE_FUZZ_TARGET", target.name)
            .output()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        let told = String::from_utf8_lossy(&ended.stderr);
        let explored = read(&told, ended.status.success());
        if !explored.is_sound {
            eprintln!("{told}");
        }
        ensure!(
            explored.inputs > 0 || told.contains("ERROR:"),
            "libFuzzer did not begin: see above"
        );
        Ok(explored)
    }
}

/// Its last status line, and its statistics.
fn read(told: &str, is_sound: bool) -> Explored {
    let last = |name: &str| {
        let found = told.lines().rev().find_map(|line| {
            let (_, behind) = line.split_once(name)?;
            behind.trim_start().split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        });
        found.unwrap_or(0)
    };
    Explored {
        inputs: last("stat::number_of_executed_units:"),
        coverage: last(" cov:"),
        corpus: last(" corp:"),
        is_sound,
    }
}

/// The words of a target in libFuzzer's form.
fn dictionary(words: &[&[u8]]) -> String {
    let hex = |word: &&[u8]| word.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
    words
        .iter()
        .filter(|word| !word.is_empty())
        .map(|word| format!("\"{}\"\n", hex(word)))
        .collect()
}

/// The only hosts that the project runs on whose nightly compiler has both.
const HOST: &str = "x86_64-unknown-linux-gnu";

/// Coverage as libFuzzer reads it, and AddressSanitizer.
const FLAGS: [&str; 9] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Zsanitizer=address",
    "-Ccodegen-units=4",
    "-Cforce-frame-pointers",
    "--cfg=fuzzing",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libfuzzer_tells_is_read_from_its_last_lines() {
        let told = "#2\tINITED cov: 10 ft: 11 corp: 1/1b exec/s: 0 rss: 50Mb\n\
                    #900\tNEW    cov: 834 ft: 1205 corp: 57/8Kb lim: 4096 exec/s: 450 rss: 80Mb L: 1/9 MS: 1\n\
                    Done 901 runs in 2 second(s)\nstat::number_of_executed_units: 901\n";
        let sound = Explored { inputs: 901, coverage: 834, corpus: 57, is_sound: true };
        assert_eq!(read(told, true), sound);
        assert_eq!(read("", false), Explored::default());
    }

    #[test]
    fn words_are_written_by_their_bytes() {
        assert_eq!(dictionary(&[b"a\"", b"", &[0]]), "\"\\x61\\x22\"\n\"\\x00\"\n");
    }
}
