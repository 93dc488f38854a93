//! `packages`: Debian packages of both servers, and a proof that they install into a clean root and leave it again.
//!
//! Owns the proof. What is in a package stands in each server's Cargo.toml, beside what the program is made of.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::building;
use crate::commands::Run;
use crate::repo::Repo;

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Package the development build: quick, for trying the packaging itself.
    #[arg(long)]
    dev: bool,
}

/// Builds the packages, tries them, and says where they are.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let repo = Repo::find()?;
    let log = repo.target.join("test-logs/packages.log");
    fs::create_dir_all(log.parent().unwrap_or(Path::new("/")))?;
    for package in make(&repo, &log, arguments.dev)? {
        println!("{}", package.display());
    }
    Ok(())
}

/// Builds the packages and installs each into a clean root; the packages.
pub(crate) fn make(repo: &Repo, log: &Path, dev: bool) -> Result<Vec<PathBuf>> {
    let cargo_deb = cargo_deb(repo, log)?;
    if dev {
        building::servers(repo).logged(log)?;
    } else {
        Run::cargo(&repo.root, "build --release --locked -p cserver -p webtier").logged(log)?;
    }
    let mut packages = Vec::new();
    for name in ["cserver", "webtier"] {
        describe(repo, name, if dev { "debug" } else { "release" })?;
        let profile = if dev { "--profile dev" } else { "" };
        let line = format!("--no-build --no-strip {profile} -p {name}");
        let told = Run::new(&cargo_deb.to_string_lossy(), &repo.root, &line).logged(log)?;
        let package = told.lines().rfind(|line| line.trim().ends_with(".deb"));
        let package = PathBuf::from(package.context("cargo-deb names no package")?.trim());
        try_out(name, &package, log).with_context(|| package.display().to_string())?;
        packages.push(package);
    }
    Ok(packages)
}

/// Lets a program write its manual page and completions, for its package to take.
fn describe(repo: &Repo, name: &str, profile: &str) -> Result<()> {
    let built = repo.target.join(profile);
    let share = built.join("share");
    fs::create_dir_all(&share)?;
    let shells = ["bash", "zsh", "fish"].map(|shell| (shell, format!("completions {shell}")));
    for (end, words) in [("1", "manual".to_owned())].into_iter().chain(shells) {
        let program = built.join(name);
        let text = Run::new(&program.to_string_lossy(), &repo.root, &words).output()?;
        fs::write(share.join(format!("{name}.{end}")), text)?;
    }
    Ok(())
}

/// Installs into an empty root, looks, and removes again.
fn try_out(name: &str, package: &Path, log: &Path) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let root = scratch.path();
    fs::create_dir_all(root.join("var/lib/dpkg/updates"))?;
    fs::create_dir_all(root.join("var/lib/dpkg/info"))?;
    for file in ["status", "available"] {
        fs::write(root.join("var/lib/dpkg").join(file), "")?;
    }
    // What it depends on is of the system, of which nothing is there.
    let dpkg = |line: &str| {
        let line =
            format!("--root={} --force-depends --force-script-chrootless {line}", root.display());
        Run::new("dpkg", root, &line).logged(log)
    };
    dpkg(&format!("--install {}", package.display()))?;
    for file in [
        format!("usr/bin/{name}"),
        format!("usr/lib/systemd/system/{name}.service"),
        format!("usr/lib/systemd/system/{name}.socket"),
        format!("usr/lib/systemd/system/{name}-credentials.service"),
        format!("usr/lib/cobrowse/{name}-credentials"),
        format!("usr/lib/tmpfiles.d/cobrowse-{name}.conf"),
        format!("usr/share/man/man1/{name}.1.gz"),
        format!("usr/share/bash-completion/completions/{name}"),
        format!("usr/share/zsh/vendor-completions/_{name}"),
        format!("usr/share/fish/vendor_completions.d/{name}.fish"),
    ] {
        ensure!(root.join(&file).is_file(), "{file} is not installed");
    }
    let version = Run::new(&root.join("usr/bin").join(name).to_string_lossy(), root, "--version");
    ensure!(version.first_line()?.starts_with(name), "the installed program does not run");
    // What the system would do of itself with the files that came.
    fs::create_dir_all(root.join("etc"))?;
    for (tool, line) in [("systemd-sysusers", ""), ("systemd-tmpfiles", "--create")] {
        Run::new(tool, root, &format!("--root={} {line}", root.display())).logged(log)?;
    }
    let own = root.join(format!("usr/lib/cobrowse/{name}-root"));
    for folder in crate::hardening::ROOT_FOLDERS {
        ensure!(own.join(folder).is_dir(), "tmpfiles.d makes no {folder}");
    }
    ensure!(own.join("lib64").is_symlink(), "tmpfiles.d makes no lib64");
    let groups = fs::read_to_string(root.join("etc/group")).unwrap_or_default();
    ensure!(groups.contains("cobrowse-admin"), "sysusers.d makes no group");
    dpkg(&format!("--purge cobrowse-{name}"))?;
    ensure!(!root.join(format!("usr/bin/{name}")).exists(), "a removed package leaves its program");
    Ok(())
}

/// The tool, installed into the target folder where the machine has none.
fn cargo_deb(repo: &Repo, log: &Path) -> Result<PathBuf> {
    let tools = repo.target.join("tools");
    let ours = tools.join("bin/cargo-deb");
    let home =
        std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo/bin/cargo-deb"));
    if let Some(found) = home.into_iter().chain([ours.clone()]).find(|path| path.is_file()) {
        return Ok(found);
    }
    let line =
        format!("install cargo-deb --version {CARGO_DEB} --locked --root {}", tools.display());
    Run::cargo(&repo.root, &line)
        .logged(log)
        .context("cargo-deb is needed: `cargo install cargo-deb`")?;
    Ok(ours)
}

const CARGO_DEB: &str = "3.8.0";
