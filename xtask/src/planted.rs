//! Planted bugs: proof that the simulations notice. Each known bug is put into a copy of what is simulated, and the
//! simulation must fail on it; before that it must pass on the copy as it is.
//!
//! Owns the scratch workspace (a copy of the packages that a simulation needs, and a small runner) and the loop. The bugs
//! stand in [`bugs`] and [`whole`]. The repository itself is only read.

mod bugs;
mod whole;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use bugs::Bug;

/// What came of it.
#[derive(Debug)]
pub(crate) struct Summary {
    /// Each bug and how the simulation put it, in the order of planting.
    pub(crate) caught: Vec<(&'static str, String)>,
}

/// A simulation and the bugs that it must notice.
pub(crate) struct Suite {
    /// What is simulated, in words.
    what: &'static str,
    /// What the scratch workspace is made of, besides the runner.
    packages: &'static [&'static str],
    /// Where files of bugs are looked for.
    sources: &'static str,
    /// The package of the simulation, and its folder.
    simulation: (&'static str, &'static str),
    bugs: &'static [Bug],
}

/// The relay alone.
pub(crate) const RELAY: Suite = Suite {
    what: "the relay",
    packages: &["protocol", "cserver/relay", "cserver/relay/sim"],
    sources: "cserver/relay/src",
    simulation: ("cobrowse-relay-sim", "cserver/relay/sim"),
    bugs: &bugs::BUGS,
};

/// Visitors, agents, CServers and web tiers.
pub(crate) const WHOLE: Suite = Suite {
    what: "the whole",
    packages: &[
        "protocol",
        "host",
        "cserver/relay",
        "cserver/relay/sim",
        "cserver/connection",
        "cserver",
        "webtier",
        "tests/world",
    ],
    sources: ".",
    simulation: ("cobrowse-world", "tests/world"),
    bugs: &whole::BUGS,
};

/// Plants each bug in turn. `root` is the repository, `scratch` a folder that is this function's own: keep it from
/// call to call, since its build output makes the next call fast. An error names the bugs that went unnoticed.
pub(crate) fn run(suite: &Suite, root: &Path, scratch: &Path) -> Result<Summary> {
    let workspace = Workspace::prepare(suite, root, scratch)?;
    match workspace.simulate()? {
        Outcome::Passed => {}
        Outcome::Caught(how) => {
            bail!("{} fails its simulation without any bug planted: {how}", suite.what)
        }
    }
    let mut caught = Vec::new();
    let mut missed = Vec::new();
    for bug in suite.bugs {
        let planted = workspace.plant(bug)?;
        let outcome = workspace.simulate().with_context(|| format!("planted: {}", bug.name));
        drop(planted);
        match outcome? {
            Outcome::Caught(how) => caught.push((bug.name, how)),
            Outcome::Passed => missed.push(bug.name),
        }
    }
    ensure!(
        missed.is_empty(),
        "the simulation does not notice: {}. Strengthen what it checks in {}.",
        missed.join("; "),
        suite.simulation.1
    );
    Ok(Summary { caught })
}

/// The scratch workspace.
struct Workspace {
    tree: PathBuf,
    target: PathBuf,
    sources: &'static str,
    /// What the servers carry for browsers.
    dist: PathBuf,
}

enum Outcome {
    Passed,
    Caught(String),
}

impl Workspace {
    fn prepare(suite: &Suite, root: &Path, scratch: &Path) -> Result<Self> {
        let tree = scratch.join("tree");
        for package in suite.packages {
            // What lies within another's folder is copied with it.
            if !suite
                .packages
                .iter()
                .any(|other| package != other && Path::new(package).starts_with(other))
            {
                copy(&root.join(package), &tree.join(package))?;
            }
        }
        let manifest = read(&root.join("Cargo.toml"))?;
        write_changed(
            &tree.join("Cargo.toml"),
            with_members(&manifest, suite.packages)?.as_bytes(),
        )?;
        write_changed(&tree.join("Cargo.lock"), read(&root.join("Cargo.lock"))?.as_bytes())?;
        let (package, folder) = suite.simulation;
        let manifest = format!(
            "{RUNNER_MANIFEST}simulation = {{ path = \"../{folder}\", package = {package:?} }}\n"
        );
        write_changed(&tree.join("runner/Cargo.toml"), manifest.as_bytes())?;
        write_changed(&tree.join("runner/src/main.rs"), include_bytes!("planted/runner.rs"))?;
        let (target, dist) = (scratch.join("target"), root.join("browser/dist"));
        Ok(Self { tree, target, sources: suite.sources, dist })
    }

    /// Puts a bug in; it is taken out when the value is dropped.
    fn plant(&self, bug: &Bug) -> Result<Planted> {
        let file = self.tree.join(self.sources).join(bug.file);
        let sound = read(&file)?;
        fs::write(&file, planted(bug, self.sources, &sound)?)?;
        Ok(Planted { file, sound })
    }

    /// Builds the runner and runs it.
    fn simulate(&self) -> Result<Outcome> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--offline", "--package", "runner"]);
        build.arg("--target-dir").arg(&self.target).current_dir(&self.tree);
        build.env("COBROWSE_DIST", &self.dist);
        for (name, value) in BUILD_SETTINGS {
            build.env(name, value);
        }
        for name in ["CARGO_TARGET_DIR", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "RUSTFLAGS"] {
            build.env_remove(name);
        }
        let built = build.stdin(Stdio::null()).output().context("cannot start cargo")?;
        if !built.status.success() {
            let told = String::from_utf8_lossy(&built.stderr);
            bail!("the scratch copy in {} does not build:\n{told}", self.tree.display());
        }
        let runner = Command::new(self.target.join("debug/runner"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start the simulation")?;
        outcome(runner)
    }
}

/// Waits for the runner, but not for ever: a bug may well make the relay spin.
fn outcome(mut runner: Child) -> Result<Outcome> {
    let deadline = Instant::now() + RUN_TIME_MAX;
    while runner.try_wait()?.is_none() {
        if Instant::now() >= deadline {
            runner.kill()?;
            runner.wait()?;
            return Ok(Outcome::Caught(format!("did not end within {RUN_TIME_MAX:?}")));
        }
        std::thread::sleep(POLL);
    }
    let output = runner.wait_with_output()?;
    let told = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match output.status.code() {
        Some(0) => Ok(Outcome::Passed),
        Some(CAUGHT) => Ok(Outcome::Caught(told)),
        _ => bail!("the simulation itself broke ({}): {told}", output.status),
    }
}

/// A bug that is in the copy at the moment.
struct Planted {
    file: PathBuf,
    sound: String,
}

impl Drop for Planted {
    fn drop(&mut self) {
        // If this fails the next call writes the file anew, since it differs.
        let _ = fs::write(&self.file, &self.sound);
    }
}

/// The file with the bug in it.
fn planted(bug: &Bug, sources: &str, sound: &str) -> Result<String> {
    let times = sound.matches(bug.find).count();
    ensure!(
        times == 1,
        "{}: its text stands {times} times in {sources}/{}, not once. Follow the change there in xtask/src/planted/.",
        bug.name,
        bug.file
    );
    Ok(sound.replacen(bug.find, bug.replace, 1))
}

/// The repository's manifest with the members of the scratch workspace.
fn with_members(manifest: &str, packages: &[&str]) -> Result<String> {
    let start = manifest.find("members = [").context("Cargo.toml lists no members")?;
    let length = manifest[start..].find("\n]").context("the list of members does not end")?;
    let members: Vec<String> =
        packages.iter().chain(&["runner"]).map(|name| format!("{name:?}")).collect();
    let (before, after) = (&manifest[..start], &manifest[start + length + "\n]".len()..]);
    Ok(format!("{before}members = [{}]{after}", members.join(", ")))
}

/// Copies a folder. Files that are the same are left alone, so that cargo does not build them again; files that
/// are no more in the source are removed.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if !from.join(entry.file_name()).exists() {
            let path = entry.path();
            if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
        }
    }
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let (source, copy_to) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &copy_to)?;
        } else {
            let bytes =
                fs::read(&source).with_context(|| format!("cannot read {}", source.display()))?;
            write_changed(&copy_to, &bytes)?;
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn write_changed(file: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(file).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))
}

/// Building again and again is most of the time: no debug information.
const BUILD_SETTINGS: [(&str, &str); 2] =
    [("CARGO_PROFILE_DEV_DEBUG", "false"), ("CARGO_INCREMENTAL", "1")];

/// Sound, all seeds take some seconds of the relay and some twenty of the whole, on a machine with nothing else to do.
const RUN_TIME_MAX: Duration = Duration::from_secs(180);

const POLL: Duration = Duration::from_millis(20);

/// The runner's exit code for a simulation that failed.
const CAUGHT: i32 = 42;

const RUNNER_MANIFEST: &str = r#"[package]
name = "runner"
version = "0.0.0"
edition = "2024"
publish = false

[dependencies]
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bug_has_its_place_in_the_sources_as_they_are() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for suite in [RELAY, WHOLE] {
            for bug in suite.bugs {
                let sound = read(&root.join(suite.sources).join(bug.file)).unwrap();
                assert_ne!(planted(bug, suite.sources, &sound).unwrap(), sound, "{}", bug.name);
            }
        }
    }

    #[test]
    fn the_scratch_workspace_has_the_pinned_versions_and_only_its_own_members() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let manifest =
            with_members(&read(&root.join("Cargo.toml")).unwrap(), RELAY.packages).unwrap();
        assert!(
            manifest.contains(
                r#"members = ["protocol", "cserver/relay", "cserver/relay/sim", "runner"]"#
            )
        );
        assert!(manifest.contains("[workspace.dependencies]"));
        assert!(!manifest.contains("\"webtier\","));
    }
}
