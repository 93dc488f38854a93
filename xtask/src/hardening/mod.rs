//! `hardening`: what the units grant, whether the servers serve under them, and whether anything gets out.
//!
//! Owns the order and the report. The parts: [`exposure`] scores the units, [`guest`] runs them under a real systemd,
//! [`probes`] tries to escape, [`firewall`] knocks from outside.

mod exposure;
pub(crate) mod firewall;
pub(crate) mod guest;
pub(crate) mod probes;

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::building;
use crate::repo::Repo;
use crate::test::tools;
use exposure::Exposure;
use guest::Report;
use probes::Outcome;

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write the figures here too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Take the servers as they are built.
    #[arg(long)]
    no_build: bool,
}

/// What the command found; the names are for other programs.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    exposure_cserver: f64,
    exposure_webtier: f64,
    escape_probes: usize,
    escape_probes_refused: usize,
    firewall_cases: usize,
    firewall_failed: usize,
}

impl Figures {
    /// Cases of all kinds.
    pub(crate) fn cases(&self) -> usize {
        2 + self.escape_probes + self.firewall_cases
    }
}

/// Builds, looks, reports; false when something is open that should be shut.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let repo = Repo::find()?;
    if !arguments.no_build {
        building::servers(&repo).shown()?;
    }
    let log = repo.target.join("test-logs/hardening.log");
    std::fs::create_dir_all(log.parent().unwrap_or(Path::new("/")))?;
    let (figures, faults) = look(&repo, &log)?;
    let json = serde_json::to_string_pretty(&figures)?;
    println!("{json}");
    for fault in &faults {
        println!("{fault}");
    }
    if let Some(path) = &arguments.json {
        std::fs::write(path, json + "\n")?;
    }
    Ok(faults.is_empty())
}

/// All figures, and in words what is wrong.
pub(crate) fn look(repo: &Repo, log: &Path) -> Result<(Figures, Vec<String>)> {
    tools::hardening(&repo.root, log)?;
    let mut faults = Vec::new();
    let exposure = Exposure::of(&repo.root.join("systemd"))?;
    faults.extend(exposure.check().err().map(|error| error.to_string()));
    let report = guest::run(repo, log)?;
    ensure!(
        probes::same(&report.confined, &report.free),
        "the two runs of the probes differ in what they tried"
    );
    if !report.status.contains("serving 1 session") {
        faults
            .push(format!("the session server does not serve under its unit: {:?}", report.status));
    }
    if report.backend != "io_uring" {
        faults.push(format!(
            "under its unit the session server runs {:?}, not io_uring",
            report.backend
        ));
    }
    if !report.metrics.contains("cobrowse_cserver_sessions{server=\"s1\"") {
        faults.push(format!("the administrator's socket shows no metrics: {:?}", report.metrics));
    }
    let (backend, told) = &report.without_rings;
    if backend != "poll" || !told.contains("seccomp filter forbids it") {
        faults.push(format!("where io_uring is forbidden it runs {backend:?} and says {told:?}"));
    }
    if !report.reloaded.first().is_some_and(|line| line.contains("sessions_per_core=7")) {
        faults.push(format!("a reload does not bring a new limit: {:?}", report.reloaded));
    }
    let audit = &report.audit;
    if !audit.contains("The service superfluous runs") || audit.contains("The service cserver") {
        faults.push(format!("the audit of the host says {audit:?}"));
    }
    let (tried, refused, open) = judge(&report);
    faults.extend(open);
    if tried < PROBES_MIN {
        faults.push(format!("only {tried} probes bite, {PROBES_MIN} at least"));
    }
    let firewall = firewall::run(repo)?;
    faults.extend(firewall.failed.iter().cloned());
    let figures = Figures {
        exposure_cserver: exposure.cserver,
        exposure_webtier: exposure.webtier,
        escape_probes: tried,
        escape_probes_refused: refused,
        firewall_cases: firewall.cases,
        firewall_failed: firewall.failed.len(),
    };
    Ok((figures, faults))
}

/// Counts the probes that succeed when nothing restricts them, and tells those that succeed all the same.
fn judge(report: &Report) -> (usize, usize, Vec<String>) {
    let (mut tried, mut refused, mut faults) = (0, 0, Vec::new());
    for (confined, free) in report.confined.iter().zip(&report.free) {
        let how =
            |outcome: &Outcome| if outcome.by_ring { "by a ring" } else { "by a system call" };
        if let Some(error) = &free.refused {
            faults.push(format!(
                "the probe {:?} {} proves nothing: even root gets {error}",
                free.name,
                how(free)
            ));
            continue;
        }
        tried += 1;
        match &confined.refused {
            Some(_) => refused += 1,
            None => faults.push(format!("a way out: {:?} {}", confined.name, how(confined))),
        }
    }
    (tried, refused, faults)
}

/// Folders of a service's root, for what its unit binds into it.
pub(crate) const ROOT_FOLDERS: &[&str] = &[
    "usr/bin",
    "usr/lib",
    "usr/lib64",
    "etc/cobrowse",
    "proc",
    "sys",
    "dev",
    "run",
    "tmp",
    "var/tmp",
    "var/lib",
];

const PROBES_MIN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_out_is_told_and_a_probe_that_root_cannot_do_counts_for_nothing() {
        let outcome = |name: &str, refused: Option<&str>| Outcome {
            name: name.into(),
            by_ring: false,
            refused: refused.map(str::to_owned),
        };
        let report = Report {
            status: String::new(),
            backend: String::new(),
            metrics: String::new(),
            without_rings: (String::new(), String::new()),
            reloaded: Vec::new(),
            audit: String::new(),
            confined: vec![outcome("a", Some("no")), outcome("b", None), outcome("c", Some("no"))],
            free: vec![outcome("a", None), outcome("b", None), outcome("c", Some("no"))],
        };
        let (tried, refused, faults) = judge(&report);
        assert_eq!((tried, refused, faults.len()), (2, 1, 2));
        assert!(faults[0].contains("\"b\"") && faults[1].contains("\"c\""));
    }
}
