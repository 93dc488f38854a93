//! One child process with its log in a file: started, watched, stopped by its own id.
//!
//! A dropped [`Process`] is killed, so that a failing test leaves nothing behind. Stopping in good order is asked for.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::limits::{COMMAND_MAX, LOG_TAIL_LINES, POLL_EVERY, START_MAX};

/// A running child.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program whose output goes to `log`. It gets a process group of its own, so that Ctrl-C in a terminal
    /// reaches only us and children are stopped in order.
    pub fn start<A: AsRef<OsStr>>(
        name: &str,
        program: &Path,
        arguments: &[A],
        log: &Path,
    ) -> Result<Self> {
        let file = File::options().create(true).append(true).open(log)?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        Self::adopt(name, command, log)
    }

    /// Starts a command that was made elsewhere and writes to `log`.
    pub fn adopt(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        let child = command
            // A log is a file: no colours.
            .env("NO_COLOR", "1")
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned() })
    }

    /// What it was called at its start.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended; `None` while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// An error with the end of its log when it has ended.
    pub fn check(&mut self) -> Result<()> {
        match self.ended() {
            None => Ok(()),
            Some(status) => {
                bail!("{} ended ({status}). The end of its log:\n{}", self.name, self.log_tail())
            }
        }
    }

    /// Everything that it has written.
    pub fn log(&self) -> String {
        std::fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Waits until it has written that.
    pub fn wait_for_log(&self, wanted: &str) -> Result<()> {
        let end = Instant::now() + START_MAX;
        while !self.log().contains(wanted) {
            if Instant::now() >= end {
                bail!("{} does not say {wanted:?}:\n{}", self.name, self.log_tail());
            }
            sleep(POLL_EVERY);
        }
        Ok(())
    }

    /// The last lines that it has written.
    pub fn log_tail(&self) -> String {
        tail(&self.log(), LOG_TAIL_LINES)
    }

    /// Asks it to read its files again (SIGHUP).
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// Lets it stand still (SIGSTOP), until [`Process::go_on`].
    pub fn stall(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// Asks it to end (SIGTERM).
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Gives it no choice (SIGKILL), and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it has ended.
    pub fn wait(&mut self, at_most: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + at_most;
        loop {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            if Instant::now() >= end {
                return None;
            }
            sleep(POLL_EVERY);
        }
    }

    fn signal(&self, signal: Signal) {
        // The child is ours and not reaped while we hold it, so its id cannot belong to somebody else.
        if let Some(id) = i32::try_from(self.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(id, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a command to its end, gives it `input`, and returns what it wrote to standard output.
pub fn run<A: AsRef<OsStr>>(program: &Path, arguments: &[A], input: &str) -> Result<String> {
    let shown = || {
        let words: Vec<_> =
            arguments.iter().map(|word| word.as_ref().to_string_lossy().into_owned()).collect();
        format!("{} {}", program.display(), words.join(" "))
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", shown()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that reads nothing may be gone already.
        let _ = stdin.write_all(input.as_bytes());
    }
    let end = Instant::now() + COMMAND_MAX;
    while child.try_wait()?.is_none() {
        if Instant::now() >= end {
            let _ = child.kill();
            let _ = child.wait();
            bail!("{} did not end within {COMMAND_MAX:?}", shown());
        }
        sleep(POLL_EVERY / 3);
    }
    // Such a command writes a few lines, far less than a pipe holds, so reading after its end cannot block it.
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!(
            "{} failed ({}):\n{}{}",
            shown(),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The last `lines` of a text, indented.
pub fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    let from = all.len().saturating_sub(lines);
    all[from..].iter().map(|line| format!("  | {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_ends_is_told_with_the_end_of_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut child =
            Process::start("short", Path::new("/bin/sh"), &["-c", "echo last word; exit 3"], &log)
                .unwrap();
        assert!(child.wait(COMMAND_MAX).is_some());
        let told = child.check().unwrap_err().to_string();
        assert!(told.contains("short ended") && told.contains("last word"), "{told}");
    }

    #[test]
    fn a_child_is_stopped_by_its_own_id() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut child = Process::start("long", Path::new("/bin/sleep"), &["60"], &log).unwrap();
        assert!(child.check().is_ok());
        child.terminate();
        assert!(!child.wait(COMMAND_MAX).expect("it ends").success());
    }

    #[test]
    fn a_command_that_fails_says_what_it_wrote() {
        let told = run(Path::new("/bin/sh"), &["-c", "cat; exit 1"], "word").unwrap_err();
        assert!(told.to_string().contains("word"));
        assert_eq!(run(Path::new("/bin/cat"), &[""; 0], "in").unwrap(), "in");
    }
}
