//! What has to be there before anything is measured: release builds, npm packages, Debian's nginx with nchan, the floor.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::building::{self, packages, packages_installed};
use crate::commands::Run;
use crate::repo::Repo;

/// Costs below which no relay can get on this machine, microseconds.
#[derive(Clone, Copy, Debug, serde::Deserialize, serde::Serialize)]
pub(super) struct Floor {
    /// Sealing one record of 417 bytes.
    pub(super) record_us: f64,
    /// Sending it to a socket on loopback, in a burst.
    pub(super) send_us: f64,
    /// Sealing and sending a MB in records of 16 KiB.
    pub(super) megabyte_us: f64,
    /// A server's part of a TLS 1.3 handshake.
    pub(super) handshake_us: f64,
}

/// Builds the browser part, then everything that is measured or measures.
pub(super) fn build(repo: &Repo) -> Result<()> {
    if let Some(install) = packages(&repo.browser())? {
        install.shown()?;
        packages_installed(&repo.browser())?;
    }
    building::browser(repo).shown()?;
    let line = "build --release -p cserver -p loadgen -p plain-relay -p bench --bins";
    Run::cargo(&repo.root, line).shown()
}

/// Measures the floor.
pub(super) fn floor(repo: &Repo) -> Result<Floor> {
    let program = repo.target.join("release/floor");
    let line = Run::new(&program.to_string_lossy(), &repo.root, "").first_line()?;
    Ok(serde_json::from_str(&line)?)
}

/// The folder of the peers' code, with its npm packages.
pub(super) fn npm(repo: &Repo) -> Result<PathBuf> {
    let folder = repo.root.join("bench/peers");
    if let Some(install) = packages(&folder)? {
        install.shown()?;
        packages_installed(&folder)?;
    }
    Ok(folder)
}

/// Bun's program. Its package fetches it when it is installed; npm may be set up to run no such scripts.
pub(super) fn bun(repo: &Repo) -> Result<PathBuf> {
    let folder = npm(repo)?;
    let program = folder.join("node_modules/bun/bin/bun.exe");
    let runs = || {
        let version = Command::new(&program).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    };
    if !runs() {
        Run::new("node", &folder.join("node_modules/bun"), "install.js").shown()?;
    }
    ensure!(runs(), "{} does not run on this machine", program.display());
    Ok(program)
}

/// Debian's nginx and its nchan module, unpacked into the target folder: all that comes onto the machine is an empty folder.
pub(super) fn nginx(repo: &Repo) -> Result<PathBuf> {
    let folder = repo.target.join("peers/nginx");
    let program = folder.join("usr/sbin/nginx");
    if !program.is_file() {
        let packages = repo.target.join("peers/debian");
        fs::create_dir_all(&packages)?;
        let fetch =
            || Run::new("apt-get", &packages, "download -q nginx libnginx-mod-nchan").shown();
        if fetch().is_err() {
            // A fresh machine has no lists yet; without the right to fetch them the error below tells.
            let _ = Run::new("apt-get", &packages, "update -q").shown();
            fetch().context("nginx and libnginx-mod-nchan come from Debian: is this a Debian with its lists fetched (`apt-get update`)?")?;
        }
        for package in fs::read_dir(&packages)? {
            let package = package?.path();
            let line = format!("-x {} {}", package.display(), folder.display());
            Run::new("dpkg", &packages, &line).shown()?;
        }
    }
    ensure!(program.is_file(), "{} is not in Debian's package", program.display());
    // nchan has this path compiled in and makes a folder there; the package would make it when it is installed.
    fs::create_dir_all(NGINX_STATE)
        .with_context(|| format!("nchan needs {NGINX_STATE}: make it as root"))?;
    Ok(folder)
}

const NGINX_STATE: &str = "/var/lib/nginx";

/// nchan's configuration, filled in.
pub(super) fn nchan_config(repo: &Repo, nginx: &Path, folder: &Path, port: u16) -> Result<PathBuf> {
    let certificate = folder.join("public.pem").display().to_string();
    let key = folder.join("public.key").display().to_string();
    let text = fs::read_to_string(repo.root.join("bench/peers/nchan.conf"))?
        .replace("@MODULES@", &nginx.join("usr/lib/nginx/modules").display().to_string())
        .replace("@FOLDER@", &folder.display().to_string())
        .replace("@CERT@", &certificate)
        .replace("@KEY@", &key)
        .replace("@PORT@", &port.to_string());
    let path = folder.join("nginx.conf");
    fs::write(&path, text)?;
    Ok(path)
}
