//! `packages`: Debian packages of both servers, and a proof that they install, upgrade and leave again.
//!
//! Owns the building. What is in a package stands in each server's Cargo.toml, beside what the program is made of, and its
//! scripts in deploy/debian; [`trial`] is the proof.

mod trial;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::building;
use crate::commands::Run;
use crate::repo::Repo;
use crate::test::tools;

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Package the development build: quick, for trying the packaging itself.
    #[arg(long)]
    dev: bool,
    /// Try the packages in a whole Debian besides, which debootstrap makes once (needs root and a Debian mirror).
    #[arg(long)]
    debian: bool,
}

/// What was built and proved.
pub(crate) struct Made {
    /// The packages.
    pub(crate) packages: Vec<PathBuf>,
    /// What was seen of them, each a sentence.
    pub(crate) proved: Vec<String>,
}

/// Builds the packages, tries them, and says where they are.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let repo = Repo::find()?;
    let log = repo.target.join("test-logs/packages.log");
    fs::create_dir_all(log.parent().unwrap_or(Path::new("/")))?;
    let _ = fs::remove_file(&log);
    let made = make(&repo, &log, arguments.dev, arguments.debian)
        .with_context(|| format!("more in {}", log.display()))?;
    for sentence in &made.proved {
        println!("{sentence}");
    }
    for package in &made.packages {
        println!("{} ({} bytes)", package.display(), fs::metadata(package)?.len());
    }
    Ok(())
}

/// Builds the packages and tries them in a root where nothing else is; in a whole Debian too when asked to.
pub(crate) fn make(repo: &Repo, log: &Path, dev: bool, debian: bool) -> Result<Made> {
    tools::system(&repo.root, log, "the packages", &[("dpkg-shlibdeps", "dpkg-dev")])?;
    let cargo_deb = cargo_deb(repo, log)?;
    if dev {
        building::servers(repo).logged(log)?;
    } else {
        Run::cargo(&repo.root, "build --release --locked -p cserver -p webtier").logged(log)?;
    }
    // What a run before this one left is not what is tried.
    let (now, before) = (repo.target.join("debian"), repo.target.join("debian/before"));
    if now.exists() {
        fs::remove_dir_all(&now)?;
    }
    fs::create_dir_all(&before)?;
    // cargo-deb takes what a release build leaves, so what is packaged stands where that would.
    let parts = repo.target.join("packaging");
    let mut packages = Vec::new();
    for name in NAMES {
        let built = repo.target.join(if dev { "debug" } else { "release" }).join(name);
        collect(&built, name, &parts.join("release"))?;
        let how =
            if dev { "--fast --strip --compress-type gz --compress-system" } else { "--no-strip" };
        let line = format!("--no-build {how} -p {name} --output {}", now.display());
        let told = Run::new(&cargo_deb.to_string_lossy(), &repo.root, &line)
            .with("CARGO_TARGET_DIR", &parts)
            .logged(log)?;
        let package = told.lines().rfind(|line| line.trim().ends_with(".deb"));
        let package = PathBuf::from(package.context("cargo-deb names no package")?.trim());
        earlier(&package, &before, log)?;
        packages.push(package);
    }
    let mut proved = trial::in_nothing(&now, &before, log)?;
    if debian {
        proved.extend(trial::in_debian(repo, &now, &before, log)?);
    }
    Ok(Made { packages, proved })
}

/// Puts a program into that folder, and beside it its manual page and completions, which it writes itself.
fn collect(built: &Path, name: &str, folder: &Path) -> Result<()> {
    let share = folder.join("share");
    fs::create_dir_all(&share)?;
    let program = folder.join(name);
    let _ = fs::remove_file(&program);
    fs::hard_link(built, &program)?;
    let shells = ["bash", "zsh", "fish"].map(|shell| (shell, format!("completions {shell}")));
    for (end, words) in [("1", "manual".to_owned())].into_iter().chain(shells) {
        let text = Run::new(&program.to_string_lossy(), folder, &words).output()?;
        fs::write(share.join(format!("{name}.{end}")), text)?;
    }
    // As Debian wants manual pages, and without the time.
    Run::new("gzip", &share, &format!("-9 -n -f {name}.1")).output().map(drop)
}

/// The same package under the number of an earlier release, to be upgraded from.
fn earlier(package: &Path, folder: &Path, log: &Path) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let unpacked = scratch.path().join("unpacked");
    let dpkg_deb = |line: &str| Run::new("dpkg-deb", scratch.path(), line).logged(log);
    dpkg_deb(&format!("--raw-extract {} {}", package.display(), unpacked.display()))?;
    let control = unpacked.join("DEBIAN/control");
    let text = fs::read_to_string(&control)?;
    let lines = text.lines().map(|line| match line.strip_prefix("Version: ") {
        Some(_) => format!("Version: {EARLIER}\n"),
        None => format!("{line}\n"),
    });
    let changed: String = lines.collect();
    ensure!(changed != text, "the package has no version");
    fs::write(control, changed)?;
    dpkg_deb(&format!("-Znone --build {} {}", unpacked.display(), folder.display())).map(drop)
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
    // It is run once in a while: what its own optimisation costs is not earned back.
    Run::cargo(&repo.root, &line)
        .with("CARGO_PROFILE_RELEASE_LTO", "off")
        .with("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .with("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .logged(log)
        .context("cargo-deb is needed: `cargo install cargo-deb`")?;
    Ok(ours)
}

const NAMES: [&str; 2] = ["cserver", "webtier"];
const EARLIER: &str = "0.0.1-1";
const CARGO_DEB: &str = "3.8.0";
