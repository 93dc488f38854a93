//! Very many idle connections on one host: several CServers and generators, since one process may not have so many files.
//!
//! Each part is this program again with the scenario `idle`; here they are started together, counted while all of them are open,
//! and added up.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Serialize;
use serde_json::Value;

use crate::limits::{CROWDED_CONNECTIONS_MAX, CROWDED_PARTS_MAX, OPEN_MS_MAX};
use crate::probe::{Kernel, look_at_kernel};
use crate::report::Threshold;
use crate::stage::StageOptions;

/// What to hold.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Connections, all open at once.
    #[arg(long, default_value_t = 50_000)]
    pub connections: u32,
    /// Connections of one CServer and one generator: below the files that a process may have.
    #[arg(long, default_value_t = 17_000)]
    pub each: u32,
    /// Seconds for which a part holds its connections: long enough for the slowest part to open its own.
    #[arg(long, default_value_t = 60)]
    pub seconds: u64,
    /// The run fails when a connection, each a visitor with a session and a page of 1 KiB in its log, takes more of the CServers' resident
    /// memory.
    #[arg(long, value_name = "BYTES", default_value_t = 5_632)]
    pub max_bytes: u64,
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Crowded {
    /// Open at the same moment.
    pub open_at_once: u64,
    /// CServers, each with a generator.
    pub parts: usize,
    /// Resident memory of the CServers for each connection, bytes.
    pub rss_bytes_per_connection: u64,
    /// The kernel's memory of the whole host for each, both ends of it: on a network the other end is on another host.
    pub kernel_bytes_per_connection: u64,
    /// What was asked and whether it held.
    pub thresholds: Vec<Threshold>,
}

/// Opens them, holds them, tells.
pub fn run(options: &Options, stage: &StageOptions) -> anyhow::Result<Crowded> {
    let Options { connections, each, seconds, max_bytes } = *options;
    ensure!(
        (1..=CROWDED_CONNECTIONS_MAX).contains(&connections) && each > 0,
        "--connections {connections}: give 1 to {CROWDED_CONNECTIONS_MAX}, and at least one to --each"
    );
    let count = connections.div_ceil(each);
    ensure!(
        count <= CROWDED_PARTS_MAX,
        "{count} parts of {each}: at most {CROWDED_PARTS_MAX}; give more to --each"
    );
    let folder = tempfile::tempdir().context("cannot make a scratch folder")?;
    let before = look_at_kernel();
    let program = std::env::current_exe()?;
    let mut parts = Vec::new();
    for at in 0..count {
        let sessions = connections / count + u32::from(at < connections % count);
        let report = folder.path().join(format!("{at}.json"));
        let log = std::fs::File::create(folder.path().join(format!("{at}.log")))?;
        let mut command = Command::new(&program);
        command
            .args(["serve-and-run", "idle", "--agents", "0", "--warmup", "0"])
            .args(["--sessions", &sessions.to_string(), "--seconds", &seconds.to_string()])
            .args(["--backend", &stage.backend, "--json"])
            .arg(&report)
            .args(["--server-cores", &list(&stage.server_cores)])
            .args(["--generator-cores", &list(&stage.generator_cores)])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        if let Some(cserver) = &stage.cserver {
            command.arg("--cserver").arg(cserver);
        }
        let child = command.spawn().context("cannot start a part")?;
        parts.push(Part { child, report, log: folder.path().join(format!("{at}.log")) });
    }
    let peak = hold(&mut parts, seconds)?;
    let reports: Vec<Value> = parts.iter().map(Part::read).collect::<anyhow::Result<_>>()?;
    let sum =
        |name: &str| -> u64 { reports.iter().filter_map(|one| one["server"][name].as_u64()).sum() };
    let grown = sum("rss_open_bytes").saturating_sub(sum("rss_before_bytes"));
    let open_at_once = peak.sockets.saturating_sub(before.sockets) / 2;
    let rss_bytes_per_connection = grown / u64::from(connections);
    let kernel = peak.bytes.saturating_sub(before.bytes);
    let thresholds = vec![
        Threshold {
            asked: format!("{connections} connections open at once"),
            found: format!("{open_at_once} were"),
            held: open_at_once >= u64::from(connections),
        },
        Threshold {
            asked: format!("at most {max_bytes} bytes of a CServer's memory for each"),
            found: format!("{rss_bytes_per_connection}"),
            held: rss_bytes_per_connection <= max_bytes,
        },
    ];
    Ok(Crowded {
        open_at_once,
        parts: parts.len(),
        rss_bytes_per_connection,
        kernel_bytes_per_connection: kernel.checked_div(open_at_once).unwrap_or(0),
        thresholds,
    })
}

/// In a few lines, for a terminal.
pub fn summary(found: &Crowded) -> String {
    let mut out = format!(
        "{} idle connections at once, over {} CServers: {} bytes of resident memory each, and {} of the kernel's for both ends\n",
        found.open_at_once,
        found.parts,
        found.rss_bytes_per_connection,
        found.kernel_bytes_per_connection
    );
    for threshold in &found.thresholds {
        let mark = if threshold.held { "held" } else { "BROKEN" };
        out += &format!("  {mark}: {} ({})\n", threshold.asked, threshold.found);
    }
    out
}

struct Part {
    child: Child,
    report: std::path::PathBuf,
    log: std::path::PathBuf,
}

impl Part {
    fn read(&self) -> anyhow::Result<Value> {
        let text = std::fs::read_to_string(&self.report).with_context(|| {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let told = log.find("loadgen: ").map_or("it says nothing", |at| log[at..].trim_end());
            format!("a part gave no report: {told}")
        })?;
        Ok(serde_json::from_str(&text)?)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // It has ended, but when another part could not be started.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for all parts; the kernel when most sockets were there.
fn hold(parts: &mut [Part], seconds: u64) -> anyhow::Result<Kernel> {
    let until =
        Instant::now() + Duration::from_secs(seconds) + Duration::from_millis(2 * OPEN_MS_MAX);
    let mut peak = Kernel::default();
    let mut told = Instant::now();
    loop {
        let now = look_at_kernel();
        if now.sockets > peak.sockets {
            peak = now;
        }
        if told.elapsed() > Duration::from_secs(5) {
            told = Instant::now();
            eprintln!("{} sockets on this host", now.sockets);
        }
        let mut left = 0;
        for part in parts.iter_mut() {
            left += usize::from(part.child.try_wait()?.is_none());
        }
        if left == 0 {
            return Ok(peak);
        }
        ensure!(Instant::now() < until, "{left} parts do not end");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn list(processors: &[usize]) -> String {
    processors.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}
