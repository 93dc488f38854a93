//! Building the parts in the order in which they need each other: packages, browser, servers.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::commands::Run;
use crate::repo::Repo;

/// The browser part, then the servers that carry it.
pub(crate) fn all(repo: &Repo) -> Result<()> {
    if let Some(install) = packages(&repo.browser())? {
        install.shown()?;
        packages_installed(&repo.browser())?;
    }
    browser(repo).shown()?;
    servers(repo).shown()
}

/// What installs a folder's npm packages, when its lock file is not what was installed last.
pub(crate) fn packages(folder: &Path) -> Result<Option<Run>> {
    let lock = fs::read(folder.join("package-lock.json"))?;
    let installed = fs::read(folder.join(INSTALLED)).unwrap_or_default();
    if lock == installed {
        return Ok(None);
    }
    Ok(Some(Run::npm(folder, "ci --no-audit --no-fund")))
}

/// Remembers which lock file was installed.
pub(crate) fn packages_installed(folder: &Path) -> Result<()> {
    fs::copy(folder.join("package-lock.json"), folder.join(INSTALLED))?;
    Ok(())
}

/// What bundles the browser part.
pub(crate) fn browser(repo: &Repo) -> Run {
    Run::npm(&repo.browser(), "run build")
}

/// What builds the servers. The whole workspace, so that tests and servers share their dependencies' builds.
pub(crate) fn servers(repo: &Repo) -> Run {
    Run::cargo(&repo.root, "build --workspace --bins")
}

/// npm removes the folder before it installs, and this with it.
const INSTALLED: &str = "node_modules/.installed-lock.json";
