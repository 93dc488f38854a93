//! The attack suite: everything that must not pass is tried, and a valid control beside it must.
//!
//! Owns the order of the parts and the report; each file beside it is one part. The browser's part, the hostile visitor, stands in
//! `tests/e2e/specs/payloads.spec.ts`; `cargo xtask attack` runs both.

mod canaries;
mod credentials;
mod keys;
mod memory;
mod plain;
mod real;
mod revocation;
mod rng;
mod rotation;
mod smuggling;
mod timing;
mod websocket;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use cobrowse_tests::Stack;
use serde_json::{Map, Value};

/// Attacks on credentials, HTTP, WebSockets and memory.
#[derive(Parser)]
struct Arguments {
    /// Where to write the report.
    #[arg(long)]
    json: PathBuf,
    /// Forged credentials to try in process, at least.
    #[arg(long, default_value_t = 1_000_000)]
    credentials: u64,
}

/// What a part found. Numbers by name for the report; every fault in words.
#[derive(Default)]
struct Findings {
    numbers: Map<String, Value>,
    faults: Vec<String>,
}

impl Findings {
    fn number(&mut self, name: &str, value: u64) {
        let before = self.numbers.get(name).and_then(Value::as_u64).unwrap_or(0);
        self.numbers.insert(name.into(), (before + value).into());
    }

    /// Something got through, or a control did not.
    fn fault(&mut self, words: String) {
        self.faults.push(words);
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool> {
    let mut findings = Findings::default();
    credentials::attack(arguments.credentials, &mut findings);
    rotation::attack(&mut findings);
    let mut stack = Stack::plan().servers(2).cores(2).grace_ms(5_000).start()?;
    real::attack(&stack, &mut findings).context("credentials over sockets")?;
    smuggling::attack(&stack, &mut findings).context("requests")?;
    websocket::attack(&stack, &mut findings).context("WebSockets")?;
    revocation::attack(&stack, &mut findings).context("revocation")?;
    plain::attack(&stack, &mut findings).context("plain HTTP")?;
    canaries::attack(&mut stack, &mut findings).context("canaries")?;
    keys::attack(&stack, &mut findings).context("keys in memory")?;
    timing::measure(&stack, &mut findings).context("times of answers")?;
    stack.check()?;
    let late = stack.stop();
    ensure!(late.is_empty(), "{late:?} did not end by themselves");
    for fault in &findings.faults {
        report(fault);
    }
    findings.numbers.insert("faults".into(), findings.faults.len().into());
    let text = serde_json::to_string_pretty(&findings.numbers)?;
    report(&text);
    std::fs::write(&arguments.json, text)?;
    Ok(findings.faults.is_empty())
}

#[expect(clippy::print_stdout, reason = "a command line's answer")]
fn report(line: &str) {
    println!("{line}");
}
