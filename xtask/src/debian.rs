//! A clean Debian root, for what has to be seen where nothing else is installed: made once by debootstrap, kept in the target folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::commands::Run;
use crate::repo::Repo;
use crate::test::tools;

/// The root: the smallest Debian of this machine's release that has a service manager. Others lay a file system over it and
/// leave it as it is.
pub(crate) fn root(repo: &Repo, log: &Path) -> Result<PathBuf> {
    let release = release()?;
    let root = repo.target.join("tools").join(format!("debian-{release}"));
    if root.join(MADE).exists() {
        return Ok(root);
    }
    tools::system(&repo.root, log, "a clean Debian root", &[("debootstrap", "debootstrap")])?;
    // One that was not finished is of no use.
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    fs::create_dir_all(&root)?;
    let line = format!("--variant=minbase --include={PACKAGES} {release} {}", root.display());
    Run::new("debootstrap", &repo.root, &line)
        .logged(log)
        .context("debootstrap could not make a root: does this machine reach a Debian mirror?")?;
    fs::write(root.join(MADE), "")?;
    Ok(root)
}

/// The name of this machine's Debian release: programs that are built here want its libraries.
fn release() -> Result<String> {
    let text = fs::read_to_string("/etc/os-release")?;
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.map(|value| value.trim_matches('"').to_owned())
    };
    ensure!(value("ID").as_deref() == Some("debian"), "a clean Debian root is made on Debian");
    value("VERSION_CODENAME").context("/etc/os-release names no release")
}

/// What a session server's host has beside the smallest Debian.
const PACKAGES: &str = "systemd,nftables";
/// Tells a root that is whole.
const MADE: &str = "made";
