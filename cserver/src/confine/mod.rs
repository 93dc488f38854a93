//! What the process takes away from itself once everything is open: its files, its network, its system calls.
//!
//! The unit forbids the same from outside; this holds where nobody wrote a unit. Landlock is asked by the kernel's security
//! hooks, which io_uring's operations pass like any system call: a ring opens and connects nothing more than the process may.
//! A filter of system calls ([`calls`]) does not see a ring's operations; the rings are restricted to polls when they are made.
//! Called before the first thread: later ones inherit it.

mod calls;

pub use calls::Task;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::config::Config;

/// From here on only the configuration and the certificates can be opened, to be read again, and no TCP socket can
/// connect or be bound. On kernels without Landlock the server runs all the same, and says so.
pub fn restrict(config_file: &Path, config: &Config) {
    match landlocked(&folders(config_file, config)) {
        Ok(landlock::RulesetStatus::FullyEnforced) => {
            tracing::info!("landlock: no file but certificates and configuration, no connection");
        }
        Ok(landlock::RulesetStatus::PartiallyEnforced) => tracing::info!(
            "landlock: no file but certificates and configuration; this kernel keeps connections open to us (Linux 6.7 does not)"
        ),
        Ok(landlock::RulesetStatus::NotEnforced) => tracing::warn!(
            "this kernel has no Landlock: files and connections are forbidden by the unit alone"
        ),
        Err(error) => {
            tracing::warn!(%error, "files and connections are forbidden by the unit alone")
        }
    }
}

/// From here on this thread and those that it starts ask of the kernel only what their task needs. On kernels without such filters
/// the server runs all the same, and says so.
pub fn filter(task: Task) {
    match calls::filter(task) {
        Ok(()) if task == Task::Serving => {
            tracing::info!("seccomp: only what serving needs; no file, no new socket, no new ring")
        }
        Ok(()) => {}
        Err(error) => tracing::warn!(
            %error,
            ?task,
            "system calls are not filtered by this process: is it an old kernel, or a container that forbids seccomp? Leave it to the unit, or allow it"
        ),
    }
}

/// Where what a reload reads stands, and where links of there lead: renewals put new files beside the old ones.
fn folders(config_file: &Path, config: &Config) -> BTreeSet<PathBuf> {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let files = [
        config_file,
        &config.tls.certificate,
        &config.tls.key,
        &config.control.certificate,
        &config.control.key,
        &config.control.ca,
    ];
    let links = files.iter().filter_map(|file| file.canonicalize().ok());
    let all = files.iter().map(|file| file.to_path_buf()).chain(links);
    let folders = all.filter_map(|file| match file.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Some(".".into()),
        Some(folder) => Some(folder.to_path_buf()),
        None => None,
    });
    // What is handed over as a descriptor or a credential has no folder of its own.
    folders.chain(credentials).filter(|folder| folder.is_dir()).collect()
}

fn landlocked(
    folders: &BTreeSet<PathBuf>,
) -> Result<landlock::RulesetStatus, landlock::RulesetError> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, PathBeneath, PathFd, Ruleset, RulesetAttr,
        RulesetCreatedAttr,
    };
    let reading = AccessFs::ReadFile | AccessFs::ReadDir;
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V5))?
        .handle_access(AccessNet::from_all(ABI::V5))?
        .create()?;
    for folder in folders {
        // One that has gone meanwhile cannot be read again either.
        if let Ok(opened) = PathFd::new(folder) {
            rules = rules.add_rule(PathBeneath::new(opened, reading))?;
        }
    }
    Ok(rules.restrict_self()?.ruleset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_listed_folder_can_be_read_and_nothing_written_or_connected() {
        let (listed, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for folder in [&listed, &other] {
            std::fs::write(folder.path().join("a"), "x").unwrap();
        }
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap();
        let folders = BTreeSet::from([listed.path().to_path_buf()]);
        let (inside, outside) = (listed.path().join("a"), other.path().join("a"));
        // It holds for one thread and those that it makes: the other tests' stay free.
        let tried = std::thread::spawn(move || {
            let status = landlocked(&folders).unwrap();
            let read = std::fs::read(&inside).is_ok();
            let elsewhere = std::fs::read(&outside).is_ok();
            let written = std::fs::write(inside.with_extension("new"), "x").is_ok();
            let child = std::thread::spawn(move || {
                (std::fs::read("/etc/passwd").is_ok(), std::net::TcpStream::connect(to).is_ok())
            });
            (status, read, elsewhere, written, child.join().unwrap())
        });
        let (status, read, elsewhere, written, (by_child, connected)) = tried.join().unwrap();
        assert!(read);
        let is_held = status != landlock::RulesetStatus::NotEnforced;
        assert_eq!((elsewhere, written, by_child), (!is_held, !is_held, !is_held));
        if status == landlock::RulesetStatus::FullyEnforced {
            assert!(!connected);
        }
    }
}
