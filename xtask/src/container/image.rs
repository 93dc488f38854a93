//! The image: built by deploy/container/Containerfile, whose base images come from a registry or are made here.
//!
//! Made here means: a Debian root of debootstrap is imported, and this machine's compiler, node and certificates are lent to the build.
//! Everything that the Containerfile does is done either way.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::{IMAGE, Podman};
use crate::building;
use crate::commands::Run;
use crate::debian;
use crate::repo::Repo;

/// Builds it.
pub(super) fn build(repo: &Repo, podman: &Podman, pull: bool, log: &Path) -> Result<()> {
    let lent = if pull { String::new() } else { bases(repo, podman, log)? };
    let line = format!(
        "build --isolation chroot --network host {lent} --file deploy/container/Containerfile --tag {IMAGE} ."
    );
    podman.run(&line).logged(log).map(drop)
}

/// Packs the development build: the Containerfile's last stage, with programs that are there in place of those that the stages before
/// it compile.
pub(super) fn pack(repo: &Repo, podman: &Podman, log: &Path) -> Result<()> {
    building::servers(repo).logged(log)?;
    let file = fs::read_to_string(repo.root.join("deploy/container/Containerfile"))?;
    let last = file.rfind("FROM ${BASE}").context("the Containerfile has another last stage")?;
    let scratch = tempfile::tempdir()?;
    let programs = scratch.path().join("programs");
    fs::create_dir(&programs)?;
    for name in ["cserver", "webtier"] {
        fs::copy(repo.program()?.with_file_name(name), programs.join(name))?;
    }
    let head = "ARG BASE\nFROM scratch AS build\nCOPY programs /out/\n\n";
    fs::write(scratch.path().join("Containerfile"), format!("{head}{}", &file[last..]))?;
    debian(repo, podman, log)?;
    let folder = scratch.path().display();
    let line = format!(
        "build --isolation chroot --pull=never --build-arg BASE={DEBIAN} --file {folder}/Containerfile --tag {IMAGE} {folder}"
    );
    podman.run(&line).logged(log).map(drop)
}

/// Imports the Debian root.
fn debian(repo: &Repo, podman: &Podman, log: &Path) -> Result<()> {
    if podman.run(&format!("image exists {DEBIAN}")).logged(log).is_ok() {
        return Ok(());
    }
    let root = debian::root(repo, log)?;
    let scratch = tempfile::tempdir()?;
    let archive = scratch.path().join("debian.tar");
    let line = format!(
        "--numeric-owner --directory {} --create --file {} .",
        root.display(),
        archive.display()
    );
    Run::new("tar", &repo.root, &line).logged(log)?;
    podman.run(&format!("import {} {DEBIAN}", archive.display())).logged(log).map(drop)
}

/// Makes the base images, and says with which words a build takes them.
fn bases(repo: &Repo, podman: &Podman, log: &Path) -> Result<String> {
    debian(repo, podman, log)?;
    let scratch = tempfile::tempdir()?;
    if podman.run(&format!("image exists {BUILD}")).logged(log).is_err() {
        let file = scratch.path().join("Containerfile");
        fs::write(&file, BUILD_FILE)?;
        let line = format!(
            "build --isolation chroot --network host --file {} --tag {BUILD} {}",
            file.display(),
            scratch.path().display()
        );
        podman.run(&line).logged(log)?;
    }
    let compiler = Run::new("rustc", &repo.root, "--print sysroot").first_line()?;
    let node = Run::new("node", &repo.root, "--print process.execPath").first_line()?;
    let modules = Run::new("npm", &repo.root, "root --global").first_line()?;
    ensure!(Path::new(&modules).join("npm/bin/npm-cli.js").is_file(), "no npm in {modules}");
    let node = fs::canonicalize(&node).with_context(|| node.clone())?;
    let home = std::env::var("CARGO_HOME")
        .or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cargo")))?;
    let built = repo.target.join("container");
    fs::create_dir_all(&built)?;
    let volumes: String = [
        (compiler.as_str(), "/opt/rust:ro"),
        (&node.to_string_lossy(), "/opt/node/bin/node:ro"),
        (&modules, "/opt/node/lib:ro"),
        (CERTIFICATES, "/etc/ssl/certs:ro"),
        // What has been fetched and built once need not be again.
        (&format!("{home}/registry"), "/opt/cargo/registry:ro"),
        (&built.to_string_lossy(), "/build/target"),
    ]
    .into_iter()
    .map(|(from, to)| format!("--volume {from}:{to} "))
    .collect();
    Ok(format!(
        "--pull=never --build-arg NODE={BUILD} --build-arg RUST={BUILD} --build-arg BASE={DEBIAN} {volumes}"
    ))
}

const DEBIAN: &str = "localhost/cobrowse-debian";
const BUILD: &str = "localhost/cobrowse-build";
/// Where registries are reached through a proxy, it is one of these that vouches for it.
const CERTIFICATES: &str = "/etc/ssl/certs";
const BUILD_FILE: &str = "FROM localhost/cobrowse-debian
RUN apt-get update -q && apt-get install -q -y --no-install-recommends build-essential
RUN mkdir -p /opt/node/bin && ln -s ../lib/npm/bin/npm-cli.js /opt/node/bin/npm
ENV PATH=/opt/node/bin:/opt/rust/bin:/usr/local/bin:/usr/bin:/bin
ENV CARGO_HOME=/opt/cargo SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
";
