//! `container`: the image of both servers, built and run as container engines run it.
//!
//! [`image`] builds it, from images of registries or from ones that are made of this machine; [`trial`] starts the containers in a
//! network namespace where nothing else is, under system call filters that forbid io_uring and under one that allows it.

mod image;
mod trial;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::commands::Run;
use crate::repo::Repo;
use crate::test::tools;
pub(crate) use trial::{TrialArguments, run as trial};

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Build on the images that the Containerfile names, from their registry, instead of ones made of this machine's Debian,
    /// compiler and node.
    #[arg(long)]
    pull: bool,
    /// Pack the development build that cargo has here, instead of compiling in containers: quick.
    #[arg(long)]
    dev: bool,
    /// Try the image that the last run built.
    #[arg(long)]
    no_build: bool,
}

/// Podman with a store of its own, so that nothing of this machine's images and containers is touched.
#[derive(Clone, Debug)]
struct Podman {
    store: PathBuf,
    folder: PathBuf,
}

/// Builds the image, runs it, and prints what was seen.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let repo = Repo::find()?;
    let log = repo.target.join("test-logs/container.log");
    fs::create_dir_all(log.parent().unwrap_or(Path::new("/")))?;
    let _ = fs::remove_file(&log);
    ensure!(
        Run::new("id", &repo.root, "-u").first_line()? == "0",
        "the trial of containers needs root: it makes a network namespace"
    );
    tools::system(
        &repo.root,
        &log,
        "the trial of containers",
        &[("podman", "podman"), ("crun", "crun"), ("openssl", "openssl"), ("ip", "iproute2")],
    )?;
    let podman = Podman::of(&repo);
    let seen = || -> Result<String> {
        match arguments {
            Arguments { no_build: true, .. } => {}
            Arguments { dev: true, .. } => image::pack(&repo, &podman, &log)?,
            Arguments { pull, .. } => image::build(&repo, &podman, *pull, &log)?,
        }
        let scratch = tempfile::tempdir()?;
        let folder = scratch.path().join("trial");
        let line = format!("deploy/container/trial.sh {}", folder.display());
        Run::new("bash", &repo.root, &line).logged(&log)?;
        let program = repo.program()?;
        // What is started in these namespaces ends with them.
        let line = format!(
            "--net --mount --pid --fork --mount-proc --kill-child=SIGKILL {} container-trial {} {}",
            program.display(),
            podman.store.display(),
            folder.display()
        );
        Run::new("unshare", &repo.root, &line).logged(&log)
    };
    let told = seen().with_context(|| format!("more in {}", log.display()))?;
    for line in told.lines().filter_map(|line| line.strip_prefix("seen: ")) {
        println!("{line}");
    }
    Ok(())
}

impl Podman {
    fn of(repo: &Repo) -> Self {
        Self { store: repo.target.join("tools/containers"), folder: repo.root.clone() }
    }

    /// A command of podman. The groups of processes are the caller's: no service manager is asked for others.
    fn run(&self, line: &str) -> Run {
        let store = self.store.display();
        let line = format!(
            "--root {store}/root --runroot {store}/run --cgroup-manager cgroupfs --events-backend none {line}"
        );
        Run::new("podman", &self.folder, &line)
    }
}

/// What the image is called.
const IMAGE: &str = "localhost/cobrowse";
