//! A service manager for one process: opens its sockets, hands them over, hears its notifications.
//!
//! It does by a shell's redirections what systemd does at the start of a socket-activated service, so the process sees
//! the same numbers and variables.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use rustix::io::{FdFlags, fcntl_setfd};
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

use crate::limits::WAIT_MAX;
use crate::process::Process;

/// The manager; it keeps the sockets open while its process is replaced.
pub struct Manager {
    handed: Vec<(String, OwnedFd)>,
    notify: UnixDatagram,
    folder: TempDir,
    watchdog_ms: u64,
}

impl Manager {
    /// With so many sockets at one address of loopback, as `ReusePort=yes` and as many `ListenStream=` open them.
    pub fn listen(port: u16, sockets: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let notify = UnixDatagram::bind(folder.path().join("notify"))?;
        notify.set_read_timeout(Some(WAIT_MAX))?;
        let mut handed = Vec::new();
        let mut address = SocketAddr::from(([127, 0, 0, 1], port));
        for _ in 0..sockets {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.set_reuse_address(true)?;
            socket.set_reuse_port(true)?;
            socket.bind(&address.into()).with_context(|| format!("cannot bind {address}"))?;
            socket.listen(128)?;
            let listener = TcpListener::from(socket);
            address = listener.local_addr()?;
            handed.push(("public".to_owned(), listener.into()));
        }
        Ok(Self { handed, notify, folder, watchdog_ms: 2_000 })
    }

    /// Hands over a local socket for the administrator too; its path.
    pub fn with_admin_socket(&mut self) -> Result<PathBuf> {
        let path = self.folder.path().join("admin.sock");
        self.handed.push(("admin".into(), UnixListener::bind(&path)?.into()));
        Ok(path)
    }

    /// Hands over an open file under that name.
    pub fn with_file(&mut self, name: &str, path: &Path) -> Result<()> {
        let file = File::open(path).with_context(|| path.display().to_string())?;
        self.handed.push((name.to_owned(), file.into()));
        Ok(())
    }

    /// Starts a program with all of it.
    pub fn start(&self, name: &str, program: &Path, words: &[&str], log: &Path) -> Result<Process> {
        let (mut redirections, mut names) = (String::new(), Vec::new());
        // Upwards from a number that none of ours has, or one redirection could overwrite what the next one reads.
        for (at, (known, descriptor)) in self.handed.iter().enumerate() {
            redirections += &format!("exec {}<&{}; ", STAGE + at, descriptor.as_raw_fd());
            names.push(known.as_str());
        }
        for at in 0..self.handed.len() {
            redirections += &format!("exec {}<&{} {}<&-; ", 3 + at, STAGE + at, STAGE + at);
        }
        let script = format!("{redirections} export LISTEN_PID=$$; exec \"$0\" \"$@\"");
        let log_file = File::options().create(true).append(true).open(log)?;
        let mut command = Command::new("/bin/bash");
        command
            .args(["-c", &script])
            .arg(program)
            .args(words)
            .env("LISTEN_FDS", self.handed.len().to_string())
            .env("LISTEN_FDNAMES", names.join(":"))
            .env("NOTIFY_SOCKET", self.folder.path().join("notify"))
            .env("WATCHDOG_USEC", (self.watchdog_ms * 1_000).to_string())
            .stdin(Stdio::null())
            .stdout(log_file.try_clone()?)
            .stderr(log_file);
        self.set_inheritable(FdFlags::empty())?;
        let process = Process::adopt(name, command, log);
        self.set_inheritable(FdFlags::CLOEXEC)?;
        process
    }

    /// Reads what the process says until it says this; the word as a whole.
    pub fn hear(&self, wanted: &str) -> Result<String> {
        let end = Instant::now() + WAIT_MAX;
        let mut heard = Vec::new();
        while Instant::now() < end {
            let mut bytes = [0; 1024];
            let Ok(length) = self.notify.recv(&mut bytes) else { break };
            let word = String::from_utf8_lossy(&bytes[..length]).into_owned();
            if word.lines().any(|line| line.starts_with(wanted)) {
                return Ok(word);
            }
            heard.push(word);
        }
        bail!("the process does not say {wanted:?}; it said {heard:?}")
    }

    fn set_inheritable(&self, flags: FdFlags) -> Result<()> {
        for (_, descriptor) in &self.handed {
            fcntl_setfd(descriptor.as_fd(), flags)?;
        }
        Ok(())
    }
}

/// Descriptors of this process have lower numbers.
const STAGE: usize = 900;
