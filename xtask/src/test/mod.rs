//! `test`: every check in stages. A failed stage shows the end of its output, and the others run all the same.
//!
//! Owns order, skipping, timing and the last line. What a stage does is in `stages`.

mod count;
mod stages;
pub(crate) mod tools;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use cobrowse_tests::process::tail;

use crate::repo::Repo;
use count::Count;
use stages::STAGES;
pub(crate) use tools::needed_chromium as chromium;

/// Arguments of the command.
#[derive(clap::Args)]
#[command(after_help = stages::list())]
pub(crate) struct Arguments {
    /// Leave out a stage, or what needs `chromium` or `io_uring`; counted as skipped. May be given several times.
    #[arg(long, value_name = "STAGE")]
    without: Vec<String>,
    /// Run only these stages. May be given several times.
    #[arg(long, value_name = "STAGE")]
    only: Vec<String>,
    /// Also what takes longer than the ten minutes of an ordinary run.
    #[arg(long)]
    all: bool,
}

/// What a stage works with.
pub(crate) struct Context<'a> {
    repo: &'a Repo,
    arguments: &'a Arguments,
    log: PathBuf,
}

impl Context<'_> {
    fn is_without(&self, need: &str) -> bool {
        self.arguments.without.iter().any(|word| word == need)
    }
}

/// Runs the stages; false when one failed.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let repo = Repo::find()?;
    let names: Vec<&str> = STAGES.iter().map(|stage| stage.name).collect();
    for word in arguments.without.iter().chain(&arguments.only) {
        ensure!(
            names.contains(&word.as_str())
                || ["chromium", "io_uring", "valgrind"].contains(&word.as_str()),
            "no stage {word:?}: there are {}, and the needs chromium, io_uring and valgrind",
            names.join(", ")
        );
    }
    let logs = repo.target.join("test-logs");
    fs::create_dir_all(&logs)?;
    let start = Instant::now();
    let mut total = Count::default();
    for stage in STAGES {
        if !arguments.only.is_empty() && !arguments.only.iter().any(|word| word == stage.name) {
            continue;
        }
        let log = logs.join(format!("{}.log", stage.name));
        let _ = fs::remove_file(&log);
        let context = Context { repo: &repo, arguments, log };
        let lacks = stage.needs.iter().any(|need| context.is_without(need));
        if lacks || context.is_without(stage.name) {
            println!("{:<16} skipped", stage.name);
            total.skipped += 1;
            continue;
        }
        print_now(&format!("{:<16} ", stage.name));
        let began = Instant::now();
        let result = (stage.run)(&context);
        let took = seconds(began.elapsed());
        match result {
            Ok(count) => {
                println!("{took:>8}   {count}");
                total.add(count);
            }
            Err(error) => {
                println!("{took:>8}   FAILED: {error:#}");
                let output = fs::read(&context.log).unwrap_or_default();
                let output = String::from_utf8_lossy(&output);
                if !output.is_empty() {
                    println!("{}", tail(&output, SHOWN_LINES));
                    println!("  all of it: {}", shorten(&repo, &context.log));
                }
                let counted = Count::of_output(&output);
                total.add(Count { failed: counted.failed.max(1), ..counted });
            }
        }
    }
    println!("{:<16} {:>8}", "all", seconds(start.elapsed()));
    println!("{total}");
    Ok(total.failed == 0)
}

fn shorten(repo: &Repo, path: &Path) -> String {
    path.strip_prefix(&repo.root).unwrap_or(path).display().to_string()
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f32())
}

fn print_now(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    // A closed terminal is no reason to stop testing.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

const SHOWN_LINES: usize = 60;
