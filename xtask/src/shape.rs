//! `bench-shape`: whether a message costs the same however the load is shaped: over one and two cores, in few sessions and many, to few agents and
//! many of each.
//!
//! Every cell is offered as many deliveries a second; only who gets them from whom differs. On a machine with two processors the
//! generator shares the second core of the server, which is then told by its CPU time alone.

use std::fmt::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::commands::Run;
use crate::repo::Repo;
use crate::rounds::Rounds;

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: Rounds,
    /// Deliveries a second of every cell.
    #[arg(long, default_value_t = 20_000)]
    per_s: u32,
}

/// One shape of the load.
#[derive(Clone, Copy, Debug)]
struct Shape {
    sessions: u32,
    agents: u32,
}

/// From few sessions to as many as a process has files for, and from one agent to five hundred.
const SHAPES: [Shape; 7] = [
    Shape { sessions: 100, agents: 1 },
    Shape { sessions: 1_000, agents: 1 },
    Shape { sessions: 9_900, agents: 1 },
    Shape { sessions: 100, agents: 5 },
    Shape { sessions: 100, agents: 20 },
    Shape { sessions: 100, agents: 100 },
    Shape { sessions: 20, agents: 500 },
];

/// A server of so many cores under that shape.
struct Cell {
    cores: usize,
    shape: Shape,
    us: Vec<f64>,
    /// How often the server slept and was woken for each message.
    wakings: Vec<f64>,
    p99_ms: Vec<f64>,
    lost: u64,
}

/// Builds, measures, tells.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let common = &arguments.common;
    let processors = common.check()?;
    let repo = Repo::find()?;
    if !common.no_build {
        Run::cargo(&repo.root, "build --release --package cserver --package loadgen").shown()?;
    }
    let mut cells: Vec<Cell> =
        [1, 2].into_iter().flat_map(|cores| SHAPES.map(|shape| Cell::new(cores, shape))).collect();
    for round in 1..=common.rounds {
        for cell in &mut cells {
            let Shape { sessions, agents } = cell.shape;
            eprintln!("round {round}: {} cores, {sessions} sessions x {agents} agents", cell.cores);
            cell.measure(&repo, arguments, processors)?;
        }
    }
    println!("{}", table(&cells));
    common.write(&cells.iter().map(Cell::json).collect::<Vec<_>>())
}

impl Shape {
    /// A frame comes in once and leaves once for each agent: so many pass a socket for each that is delivered.
    fn passes(self) -> f64 {
        1.0 + 1.0 / f64::from(self.agents)
    }
}

impl Cell {
    fn new(cores: usize, shape: Shape) -> Self {
        Self { cores, shape, us: Vec::new(), wakings: Vec::new(), p99_ms: Vec::new(), lost: 0 }
    }

    fn measure(&mut self, repo: &Repo, arguments: &Arguments, processors: usize) -> Result<()> {
        let Shape { sessions, agents } = self.shape;
        let rate = f64::from(arguments.per_s) / f64::from(sessions * agents);
        let folder = tempfile::tempdir()?;
        let report = folder.path().join("report.json");
        let servers = if self.cores == 1 { "0" } else { "0,1" };
        let own = if processors > self.cores { self.cores } else { processors - 1 };
        let line = format!(
            "serve-and-run W2 --sessions {sessions} --agents {agents} --rate {rate:.4} --warmup 1 --seconds {} --server-cores {servers} --generator-cores {own} --json {}",
            arguments.common.seconds,
            report.display()
        );
        let status = Command::new(repo.target.join("release/loadgen"))
            .args(line.split(' '))
            .env("CSERVER_BIN", repo.target.join("release/cserver"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .context("cannot start the load generator: leave out --no-build")?;
        let text = std::fs::read_to_string(&report)
            .with_context(|| format!("the load generator gave no report ({status})"))?;
        let report: Value = serde_json::from_str(&text)?;
        let step = &report["steps"][0];
        self.us.push(step["cpu_us_per_message"].as_f64().context("nothing arrived")?);
        self.wakings.push(step["wakings_per_message"].as_f64().unwrap_or(f64::NAN));
        let total = &step["total"];
        self.p99_ms.push(total["latency"]["p99_us"].as_f64().unwrap_or(0.0) / 1e3);
        let counted = |name: &str| total[name].as_u64().unwrap_or(0);
        self.lost += counted("lost") + counted("unsent") + counted("disordered");
        Ok(())
    }

    fn json(&self) -> Value {
        json!({
            "cores": self.cores,
            "sessions": self.shape.sessions,
            "agents": self.shape.agents,
            "us_per_message": median(&self.us),
            "us_per_frame": median(&self.us) / self.shape.passes(),
            "values": self.us,
            "wakings_per_message": median(&self.wakings),
            "p99_ms": median(&self.p99_ms),
            "lost": self.lost,
        })
    }
}

/// In Markdown: each cell's cost, what the cost of a frame in or out is to the cheapest, and how many wakings share in it.
fn table(cells: &[Cell]) -> String {
    let frame = |cell: &Cell| median(&cell.us) / cell.shape.passes();
    let cheapest = cells.iter().map(frame).fold(f64::INFINITY, f64::min);
    let mut out = String::from(
        "| cores | sessions | agents of each | us of CPU for each delivered message | for each frame in or out | to the cheapest | wakings for each message | p99 ms | lost |\n|---|---|---|---|---|---|---|---|---|",
    );
    for cell in cells {
        let (us, Shape { sessions, agents }) = (median(&cell.us), cell.shape);
        // Writing to memory does not fail.
        let _ = write!(
            out,
            "\n| {} | {sessions} | {agents} | {us:.1} | {:.1} | {:.2} | {:.2} | {:.1} | {} |",
            cell.cores,
            frame(cell),
            frame(cell) / cheapest,
            median(&cell.wakings),
            median(&cell.p99_ms),
            cell.lost
        );
    }
    out
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cell_is_held_against_the_cheapest() {
        let cell = |cores, us: &[f64]| Cell {
            us: us.to_vec(),
            wakings: vec![0.5],
            p99_ms: vec![1.0],
            ..Cell::new(cores, SHAPES[0])
        };
        let told = table(&[cell(1, &[10.0, 8.0, 9.0]), cell(2, &[18.0])]);
        assert!(told.contains("| 1 | 100 | 1 | 9.0 | 4.5 | 1.00 | 0.50 | 1.0 | 0 |"), "{told}");
        assert!(told.contains("| 2 | 100 | 1 | 18.0 | 9.0 | 2.00 |"), "{told}");
    }
}
