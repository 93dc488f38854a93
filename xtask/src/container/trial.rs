//! The trial: a web tier and a session server as containers, in a network namespace that holds nothing else.
//!
//! The session server starts under several filters of system calls. Under each it must serve, and say in its first line what moves
//! its bytes and why. Prints lines that begin with `seen: `.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use cobrowse_tests::Net;
use cobrowse_tests::process::Process;
use serde_json::{Value, json};

use super::{IMAGE, Podman};
use crate::commands::Run;
use crate::visit;

/// Arguments of the hidden command.
#[derive(clap::Args)]
pub(crate) struct TrialArguments {
    /// Podman's store.
    store: PathBuf,
    /// What `deploy/container/trial.sh` made.
    folder: PathBuf,
}

/// Runs all of it.
pub(crate) fn run(arguments: &TrialArguments) -> Result<()> {
    let prepare = |program, line| Run::new(program, Path::new("/"), line).output();
    prepare("ip", "link set lo up")?;
    // Of machines that have both versions of cgroups mounted the runtime wants to see one.
    prepare("umount", "--recursive /sys/fs/cgroup")?;
    prepare("mount", "-t cgroup2 cgroup2 /sys/fs/cgroup")?;
    let trial = Trial {
        podman: Podman { store: arguments.store.clone(), folder: "/".into() },
        folder: arguments.folder.clone(),
        net: Net::trusting(&arguments.folder.join("public-ca.pem"))?,
        end: Instant::now() + PATIENCE,
    };
    let default = fs::read(ENGINES_DEFAULT)
        .with_context(|| format!("{ENGINES_DEFAULT} belongs to the engine's packages"))?;
    let default: Value = serde_json::from_slice(&default)?;
    let mut web = trial.web_tier()?;
    for (name, profile, backend, why) in [
        ("podman's own filter", default.clone(), "poll", "A seccomp filter hides it"),
        ("docker's answer to what is not allowed", refusing(&default), "poll", "forbids it"),
        ("a filter that allows io_uring", allowing(&default), "io_uring", "the kernel allows it"),
    ] {
        let (runs, told) = trial.serve(&profile)?;
        ensure!(runs == backend && told.contains(why), "{name}: it runs {runs:?} and says {told}");
        println!("seen: under {name} a session begins, on {runs}: {told}");
    }
    let told = trial.refused(&refusing(&default))?;
    println!("seen: with backend = \"io_uring\" it does not start there: {told}");
    trial.stop("webtier", &mut web)
}

struct Trial {
    podman: Podman,
    folder: PathBuf,
    net: Net,
    end: Instant,
}

impl Trial {
    /// A container as compose.yml describes it, but for its network.
    fn start(&self, name: &str, profile: Option<&Path>, words: &str) -> Result<Process> {
        let filter = profile.map(|path| format!("--security-opt seccomp={}", path.display()));
        let line = format!(
            "run --rm --replace --name {name} --network host --cgroups disabled {LIMITS} --read-only --cap-drop all \
             --security-opt no-new-privileges {} --volume {}/etc:/etc/cobrowse:ro {words}",
            filter.unwrap_or_default(),
            self.folder.display()
        );
        let log = self.folder.join(format!("{name}.log"));
        self.podman.run(&line).started(name, &log)
    }

    fn web_tier(&self) -> Result<Process> {
        let words = format!(
            "--entrypoint /usr/bin/webtier {IMAGE} serve --config /etc/cobrowse/webtier.toml"
        );
        let web = self.start("webtier", None, &words)?;
        visit::until_well(&self.net, &format!("{WEB}/healthz"), self.end)
            .with_context(|| web.log())?;
        for order in [
            format!("group add demo --origin {}", visit::ORIGIN),
            format!(
                "server add s1 --public-url {SERVER} --control-name s1.control.cobrowse.localhost --address 127.0.0.1:9443"
            ),
        ] {
            self.podman.run(&format!("exec webtier webtier {order}")).output()?;
        }
        Ok(web)
    }

    fn stop(&self, name: &str, container: &mut Process) -> Result<()> {
        self.podman.run(&format!("stop --time 15 {name}")).output()?;
        ensure!(container.wait(PATIENCE).is_some(), "{name} does not end:\n{}", container.log());
        Ok(())
    }

    /// Which backend runs under that filter, and the line that says why.
    fn serve(&self, profile: &Value) -> Result<(String, String)> {
        let path = self.folder.join("profile.json");
        fs::write(&path, profile.to_string())?;
        let mut server = self.start("cserver", Some(&path), IMAGE)?;
        let look = || -> Result<String> {
            visit::until_well(&self.net, &format!("{SERVER}/readyz"), self.end)?;
            let health: Value =
                visit::until_well(&self.net, &format!("{SERVER}/healthz"), self.end)?.json()?;
            visit::begin(&self.net, WEB, self.end)?;
            Ok(health["backend"].as_str().unwrap_or_default().to_owned())
        };
        let runs = look().with_context(|| server.log())?;
        let told = server.log().lines().rfind(|line| line.contains("starting")).map(str::to_owned);
        self.stop("cserver", &mut server)?;
        Ok((runs, told.context("it says nothing at its start")?))
    }

    /// What it says when it must have what it cannot.
    fn refused(&self, profile: &Value) -> Result<String> {
        let (path, file) = (self.folder.join("profile.json"), self.folder.join("etc/cserver.toml"));
        fs::write(&path, profile.to_string())?;
        let text = fs::read_to_string(&file)?;
        fs::write(&file, text.replace("backend = \"auto\"", "backend = \"io_uring\""))?;
        let mut server = self.start("refused", Some(&path), IMAGE)?;
        match server.wait(PATIENCE) {
            Some(status) if status.code() == Some(1) => {}
            other => bail!("it should end with 1, and: {other:?}\n{}", server.log()),
        }
        let log = server.log();
        let told = log.lines().rfind(|line| line.contains("io_uring cannot be used"));
        Ok(told.with_context(|| format!("it does not say why: {log}"))?.to_owned())
    }
}

/// The same filter with another answer: EPERM, as docker's.
fn refusing(profile: &Value) -> Value {
    let mut profile = profile.clone();
    profile["defaultErrnoRet"] = json!(1);
    profile["defaultErrno"] = json!("EPERM");
    profile
}

/// The same filter with the three calls of io_uring, as OPERATING.md says.
fn allowing(profile: &Value) -> Value {
    let mut profile = profile.clone();
    if let Some(rules) = profile["syscalls"].as_array_mut() {
        let names = ["io_uring_setup", "io_uring_enter", "io_uring_register"];
        rules.push(json!({ "names": names, "action": "SCMP_ACT_ALLOW" }));
    }
    profile
}

const WEB: &str = "https://www.cobrowse.localhost:8443";
const SERVER: &str = "https://s1.cobrowse.localhost:9443";
/// Podman's own defaults are above what some machines allow.
const LIMITS: &str = "--ulimit nofile=4096:4096 --ulimit nproc=4096:4096";
/// The filter that podman and its kin give every container.
const ENGINES_DEFAULT: &str = "/usr/share/containers/seccomp.json";
/// For all of it on a busy machine; an ordinary one takes 10 s.
const PATIENCE: Duration = Duration::from_secs(120);
