//! What has to be on the machine: node, npm packages, Chromium, valgrind, io_uring. Installs what it may, and says what to do about the rest.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use super::Context;
use super::count::Count;
use crate::building::{packages, packages_installed};
use crate::commands::Run;

/// Checks and installs; all faults are told at once.
pub(crate) fn check(context: &Context<'_>) -> Result<Count> {
    let mut faults = Vec::new();
    let mut take = |result: Result<()>| {
        if let Err(error) = result {
            faults.push(format!("{error:#}"));
        }
    };
    take(node(context).and_then(|()| npm_packages(context)));
    let openssl = [("openssl", "openssl")];
    take(system(&context.repo.root, &context.log, "the test of the containers' trial", &openssl));
    if !context.is_without("chromium") {
        take(chromium_or_install(context));
    }
    if !context.is_without("valgrind") {
        take(valgrind_or_install(context));
    }
    if !context.is_without("io_uring") {
        take(io_uring());
    }
    ensure!(faults.is_empty(), "\n  {}", faults.join("\n  "));
    Ok(Count::ONE)
}

/// Chromium: what `CHROMIUM` names and nothing else, or where Debian puts it.
pub(crate) fn chromium() -> Option<PathBuf> {
    match std::env::var_os("CHROMIUM").map(PathBuf::from) {
        Some(named) => named.is_file().then_some(named),
        None => CHROMIUM.iter().map(PathBuf::from).find(|path| path.is_file()),
    }
}

/// Chromium, or what to do about its absence.
pub(crate) fn needed_chromium() -> Result<PathBuf> {
    chromium().context(
        "Chromium is missing: see the stage tools, or leave this out with `--without chromium`",
    )
}

/// Whether a ring can be made.
pub(crate) fn io_uring() -> Result<()> {
    #[cfg(target_os = "linux")]
    if let Err(error) = io_uring::IoUring::new(4) {
        let disabled = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled");
        let why = match disabled.unwrap_or_default().trim() {
            "1" | "2" => "`sysctl kernel.io_uring_disabled=0` allows it",
            _ => "a container usually forbids it by its seccomp profile: run where it is allowed",
        };
        bail!(
            "io_uring is not available ({error}): {why}; or leave it out with `--without io_uring`"
        );
    }
    #[cfg(not(target_os = "linux"))]
    bail!("io_uring exists on Linux only: leave it out with `--without io_uring`");
    #[cfg(target_os = "linux")]
    Ok(())
}

/// What the hardening test needs besides: a service manager to boot, namespaces, the firewall's own program.
pub(crate) fn hardening(root: &Path, log: &Path) -> Result<()> {
    ensure!(
        Run::new("id", root, "-u").first_line().is_ok_and(|id| id == "0"),
        "the hardening test needs root: it makes namespaces and boots a service manager in them; leave it out with `--without hardening`"
    );
    let wanted = [
        ("systemd-analyze", "systemd"),
        ("nft", "nftables"),
        ("ip", "iproute2"),
        ("sysctl", "procps"),
        ("unshare", "util-linux"),
    ];
    system(root, log, "the hardening test", &wanted)
}

/// Programs of the system that `what` cannot do without, each with its package: installs those that are missing where it may,
/// else says what to do.
pub(crate) fn system(root: &Path, log: &Path, what: &str, wanted: &[(&str, &str)]) -> Result<()> {
    let missing = || -> String {
        let is_missing = |program: &str| {
            ["/usr/bin", "/usr/sbin", "/bin", "/sbin"]
                .iter()
                .all(|at| !Path::new(at).join(program).exists())
        };
        let missing = wanted.iter().filter(|(program, _)| is_missing(program));
        missing.map(|(_, package)| *package).collect::<Vec<_>>().join(" ")
    };
    let packages = missing();
    if packages.is_empty() {
        return Ok(());
    }
    if may_install(root) {
        apt(root, log, "update -q")?;
        apt(root, log, &format!("install -q -y --no-install-recommends {packages}"))?;
    }
    ensure!(missing().is_empty(), "{what} needs what is missing: `apt-get install {packages}`");
    Ok(())
}

fn apt(root: &Path, log: &Path, line: &str) -> Result<()> {
    Run::new("apt-get", root, line).with("DEBIAN_FRONTEND", "noninteractive").logged(log).map(drop)
}

fn node(context: &Context<'_>) -> Result<()> {
    let advice = "install Node.js 20 or newer with npm (Debian: https://nodejs.org, or nodesource)";
    let version = Run::new("node", &context.repo.root, "--version").first_line().context(advice)?;
    let major = version.trim_start_matches('v').split('.').next().unwrap_or_default();
    let is_enough = major.parse::<u32>().is_ok_and(|major| major >= NODE_MAJOR_MIN);
    ensure!(is_enough, "node is {version}: {advice}");
    Ok(())
}

fn npm_packages(context: &Context<'_>) -> Result<()> {
    for folder in std::iter::once(context.repo.browser()).chain(context.repo.suites()) {
        if let Some(install) = packages(&folder)? {
            install.with("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1").logged(&context.log)?;
            packages_installed(&folder)?;
        }
    }
    Ok(())
}

fn valgrind_or_install(context: &Context<'_>) -> Result<()> {
    let root = &context.repo.root;
    if crate::instructions::valgrind(root).is_ok() {
        return Ok(());
    }
    if may_install(root) {
        apt(root, &context.log, "update -q")?;
        apt(root, &context.log, "install -q -y --no-install-recommends valgrind")?;
    }
    crate::instructions::valgrind(root)
}

/// Whether packages of the system may be installed: on Debian, as root.
fn may_install(root: &Path) -> bool {
    Path::new("/etc/debian_version").exists()
        && Run::new("id", root, "-u").first_line().is_ok_and(|id| id == "0")
}

fn chromium_or_install(context: &Context<'_>) -> Result<()> {
    if chromium().is_some() {
        return Ok(());
    }
    if let Some(named) = std::env::var_os("CHROMIUM") {
        bail!(
            "CHROMIUM={} is no file: name a Chromium there, or unset it",
            named.to_string_lossy()
        );
    }
    if may_install(&context.repo.root) {
        let apt = |line: &str| apt(&context.repo.root, &context.log, line);
        apt("update -q")?;
        apt("install -q -y --no-install-recommends chromium fonts-liberation")?;
    }
    ensure!(
        chromium().is_some(),
        "Chromium is missing: `apt-get install chromium fonts-liberation`, or name one in CHROMIUM; \
         or leave out what needs it with `--without chromium`"
    );
    Ok(())
}

const CHROMIUM: [&str; 2] = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];
const NODE_MAJOR_MIN: u32 = 20;
