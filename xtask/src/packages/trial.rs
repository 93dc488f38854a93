//! Packages on trial: installed together, upgraded over a file that the administrator changed, removed and purged.
//!
//! Twice the same. [`in_nothing`] takes a root with an empty package database and nothing else, and costs a second.
//! [`in_debian`] takes a whole Debian in namespaces of its own, where dependencies must be met and programs find their libraries.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::{EARLIER, NAMES};
use crate::commands::Run;
use crate::debian;
use crate::repo::Repo;

/// In a root where nothing is. The scripts of the packages run as dpkg runs them for a root that is not the machine's own.
pub(super) fn in_nothing(now: &Path, before: &Path, log: &Path) -> Result<Vec<String>> {
    let scratch = tempfile::tempdir()?;
    let root = scratch.path();
    for folder in ["etc", "var/lib/dpkg/updates", "var/lib/dpkg/info"] {
        fs::create_dir_all(root.join(folder))?;
    }
    for file in ["status", "available"] {
        fs::write(root.join("var/lib/dpkg").join(file), "")?;
    }
    // What they depend on is of the system, of which nothing is there.
    let dpkg = |line: &str| {
        let line =
            format!("--root={} --force-depends --force-script-chrootless {line}", root.display());
        Run::new("dpkg", root, &line).logged(log)
    };
    let install = |folder: &Path| -> Result<String> {
        let packages: Vec<String> =
            packages(folder)?.iter().map(|path| path.display().to_string()).collect();
        dpkg(&format!("--install {}", packages.join(" ")))
    };

    install(before)?;
    for name in NAMES {
        is_installed(root, name)?;
    }
    let firewall = root.join("etc/cobrowse/nftables.conf");
    let mine = fs::read_to_string(&firewall)? + "# the administrator's line\n";
    fs::write(&firewall, &mine)?;

    install(now)?;
    let status = fs::read_to_string(root.join("var/lib/dpkg/status"))?;
    ensure!(!status.contains(&format!("Version: {EARLIER}")), "an upgrade leaves the old version");
    ensure!(fs::read_to_string(&firewall)? == mine, "an upgrade replaces the administrator's file");

    dpkg("--remove cobrowse-cserver cobrowse-webtier")?;
    for name in NAMES {
        ensure!(!root.join("usr/bin").join(name).exists(), "a removed package leaves {name}");
        let own = root.join(format!("usr/lib/cobrowse/{name}-root"));
        ensure!(!own.exists(), "a removed package leaves its service's root");
    }
    ensure!(fs::read_to_string(&firewall)? == mine, "what is removed keeps its configuration");
    dpkg("--purge cobrowse-cserver cobrowse-webtier")?;
    let left = files(&root.join("usr"))?;
    ensure!(left.is_empty() && !firewall.exists(), "purged packages leave {left:?}");
    Ok(vec![
        "both packages install into an empty root, side by side, and their programs run".into(),
        "an upgrade keeps what the administrator changed".into(),
        "removed, they leave configuration; purged, no file of theirs".into(),
    ])
}

/// In a whole Debian of this machine's release.
pub(super) fn in_debian(repo: &Repo, now: &Path, before: &Path, log: &Path) -> Result<Vec<String>> {
    let root = debian::root(repo, log)?;
    let line = format!(
        "tests/guest/clean-root.sh {} {} {}",
        root.display(),
        before.display(),
        now.display()
    );
    let told = Run::new("bash", &repo.root, &line).logged(log)?;
    let proved: Vec<String> = told
        .lines()
        .filter_map(|line| line.strip_prefix("proved: "))
        .map(|sentence| format!("{sentence} (Debian)"))
        .collect();
    ensure!(!proved.is_empty(), "the trial in Debian proved nothing");
    Ok(proved)
}

/// Everything that the package of a server brings and makes.
fn is_installed(root: &Path, name: &str) -> Result<()> {
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
    let own = root.join(format!("usr/lib/cobrowse/{name}-root"));
    for folder in crate::hardening::ROOT_FOLDERS {
        ensure!(own.join(folder).is_dir(), "tmpfiles.d makes no {folder}");
    }
    ensure!(own.join("lib64").is_symlink(), "tmpfiles.d makes no lib64");
    let groups = fs::read_to_string(root.join("etc/group")).unwrap_or_default();
    ensure!(groups.contains("cobrowse-admin"), "sysusers.d makes no group");
    Ok(())
}

fn packages(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    let packages: Vec<PathBuf> = entries
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "deb"))
        .collect();
    ensure!(packages.len() == NAMES.len(), "{} packages in {}", packages.len(), folder.display());
    Ok(packages)
}

/// Files below a folder, links with them.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if !folder.exists() {
        return Ok(found);
    }
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(files(&entry.path())?);
        } else {
            found.push(entry.path());
        }
    }
    Ok(found)
}
