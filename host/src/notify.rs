//! Telling the service manager how we are: `NOTIFY_SOCKET`, `WATCHDOG_USEC`.
//!
//! The socket is opened once, at the start: a process that has locked itself in can still speak.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// The way to the service manager. Without one every word is dropped.
#[derive(Debug, Default)]
pub struct Notifier {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// Where the environment says. An error: a manager is there and cannot be reached.
    pub fn from_environment() -> io::Result<Self> {
        let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return Ok(Self::default()) };
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let watchdog =
            watchdog(&variable("WATCHDOG_PID"), &variable("WATCHDOG_USEC"), std::process::id());
        let socket = UnixDatagram::unbound()?;
        connect(&socket, &path)?;
        // A manager that does not read must not stop a server.
        socket.set_nonblocking(true)?;
        Ok(Self::over(socket, watchdog))
    }

    /// Over a socket that is connected to a manager.
    pub fn over(socket: UnixDatagram, watchdog: Option<Duration>) -> Self {
        Self { socket: Some(socket), watchdog }
    }

    /// How long the manager waits for [`Notifier::alive`] before it restarts us.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Whether anybody listens.
    pub fn is_heard(&self) -> bool {
        self.socket.is_some()
    }

    /// The server answers from now on.
    pub fn ready(&self, status: &str) {
        self.say(&format!("READY=1\nSTATUS={}", line(status)));
    }

    /// What it does, in words, for `systemctl status`.
    pub fn status(&self, status: &str) {
        self.say(&format!("STATUS={}", line(status)));
    }

    /// It still works.
    pub fn alive(&self) {
        self.say("WATCHDOG=1");
    }

    /// It reads its configuration again; [`Notifier::ready`] ends this.
    pub fn reloading(&self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let us = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={us}"));
    }

    /// It is on its way out, and says so again before so much time has passed.
    pub fn stopping(&self, at_most: Duration) {
        self.say(&format!(
            "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC={}",
            at_most.as_micros()
        ));
    }

    fn say(&self, text: &str) {
        if let Some(socket) = &self.socket {
            // A manager that takes nothing will notice by itself that it hears nothing.
            let _ = socket.send(text.as_bytes());
        }
    }
}

/// A word of ours must not become another field.
fn line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

fn watchdog(meant_for: &str, us: &str, pid: u32) -> Option<Duration> {
    let is_ours = meant_for.is_empty() || meant_for.parse() == Ok(pid);
    us.parse().ok().filter(|us| is_ours && *us > 0).map(Duration::from_micros)
}

#[cfg(target_os = "linux")]
fn connect(socket: &UnixDatagram, path: &std::ffi::OsStr) -> io::Result<()> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStrExt;
    match path.as_bytes().strip_prefix(b"@") {
        Some(name) => {
            socket.connect_addr(&std::os::unix::net::SocketAddr::from_abstract_name(name)?)
        }
        None => socket.connect(path),
    }
}

#[cfg(not(target_os = "linux"))]
fn connect(socket: &UnixDatagram, path: &std::ffi::OsStr) -> io::Result<()> {
    socket.connect(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_one_datagram_and_a_status_stays_one_field() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let socket = UnixDatagram::unbound().unwrap();
        connect(&socket, path.as_os_str()).unwrap();
        let notifier = Notifier { socket: Some(socket), watchdog: None };
        let heard = || {
            let mut bytes = [0; 256];
            let length = manager.recv(&mut bytes).unwrap();
            String::from_utf8_lossy(&bytes[..length]).into_owned()
        };
        notifier.ready("serving\nMAINPID=1");
        assert_eq!(heard(), "READY=1\nSTATUS=serving MAINPID=1");
        notifier.alive();
        assert_eq!(heard(), "WATCHDOG=1");
        notifier.reloading();
        assert!(heard().starts_with("RELOADING=1\nMONOTONIC_USEC="));
        notifier.stopping(Duration::from_secs(1));
        assert!(heard().contains("EXTEND_TIMEOUT_USEC=1000000"));
    }

    #[test]
    fn the_watchdog_of_another_process_is_not_ours() {
        assert_eq!(watchdog("", "2000000", 7), Some(Duration::from_secs(2)));
        assert_eq!(watchdog("7", "2000000", 7), Some(Duration::from_secs(2)));
        assert_eq!(watchdog("8", "2000000", 7), None);
        assert_eq!(watchdog("", "0", 7), None);
        assert_eq!(watchdog("", "", 7), None);
    }

    #[test]
    fn without_a_manager_nothing_happens() {
        let notifier = Notifier::default();
        notifier.ready("x");
        assert!(!notifier.is_heard());
    }
}
