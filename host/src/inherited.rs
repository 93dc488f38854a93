//! Sockets and files that were open before this process began: `LISTEN_PID`, `LISTEN_FDS`, `LISTEN_FDNAMES`.
//!
//! They are told apart by what they are, not by a name that a unit may forget: an internet socket is one to serve, a
//! local one is for the host's administrator, and whatever is no socket is a file, found by its name.

use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::sync::OnceLock;

use rustix::fs::FileType;
use rustix::net::{AddressFamily, SocketType};

/// What a service manager handed to this process.
#[derive(Debug, Default)]
pub struct Inherited {
    public: Vec<TcpListener>,
    admin: Vec<UnixListener>,
    files: Vec<(String, File)>,
    /// Descriptors that are none of these, in words.
    unknown: Vec<String>,
}

/// What this process was handed. Read at the first call, which belongs to the start, before other threads.
pub fn inherited() -> &'static Inherited {
    static INHERITED: OnceLock<Inherited> = OnceLock::new();
    INHERITED.get_or_init(|| {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let count = count(&variable("LISTEN_PID"), &variable("LISTEN_FDS"), std::process::id());
        let names = variable("LISTEN_FDNAMES");
        let mut names = names.split(':').map(str::to_owned);
        let mut inherited = Inherited::default();
        for number in FIRST..FIRST + count {
            // SAFETY: the manager opened these numbers for this process and says so under its process id. Nothing
            // else in it knows them, and this runs once, so each gets the one owner that closes it.
            #[allow(unsafe_code)]
            let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
            inherited.take(names.next().unwrap_or_default(), descriptor);
        }
        inherited
    })
}

impl Inherited {
    /// Sockets on which to serve, each of its own: with several for one address the kernel spreads connections.
    pub fn public(&self) -> io::Result<Vec<TcpListener>> {
        self.public.iter().map(TcpListener::try_clone).collect()
    }

    /// Local sockets on which the host's administrator asks.
    pub fn admin(&self) -> io::Result<Vec<UnixListener>> {
        self.admin.iter().map(UnixListener::try_clone).collect()
    }

    /// Descriptors that are of no use here, in words.
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }

    /// A file by its name.
    pub fn file(&self, name: &str) -> Option<&File> {
        self.files.iter().find(|(known, _)| known == name).map(|(_, file)| file)
    }

    fn take(&mut self, name: String, descriptor: OwnedFd) {
        // Programs that we might start have no use for it.
        let _ = rustix::io::fcntl_setfd(&descriptor, rustix::io::FdFlags::CLOEXEC);
        let kind = rustix::fs::fstat(&descriptor).map(|stat| FileType::from_raw_mode(stat.st_mode));
        if !matches!(kind, Ok(FileType::Socket)) {
            return self.files.push((name, File::from(descriptor)));
        }
        let family = rustix::net::getsockname(&descriptor).map(|address| address.address_family());
        let is_stream = rustix::net::sockopt::socket_type(&descriptor) == Ok(SocketType::STREAM);
        match (family, is_stream) {
            (Ok(AddressFamily::INET | AddressFamily::INET6), true) => {
                self.public.push(descriptor.into());
            }
            (Ok(AddressFamily::UNIX), true) => self.admin.push(descriptor.into()),
            _ => self
                .unknown
                .push(format!("{name:?} is a socket, but no stream socket of TCP or of this host")),
        }
    }
}

/// How many were handed to the process of this id; none when they were meant for another.
fn count(meant_for: &str, count: &str, us: u32) -> RawFd {
    match (meant_for.parse::<u32>(), count.parse::<RawFd>()) {
        (Ok(pid), Ok(count)) if pid == us => count.clamp(0, COUNT_MAX),
        _ => 0,
    }
}

/// The first number that a manager gives out, behind the three standard streams.
const FIRST: RawFd = 3;

/// Far more than sockets, cores and certificates need.
const COUNT_MAX: RawFd = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_is_meant_for_another_process_is_left_alone() {
        assert_eq!(count("7", "3", 7), 3);
        assert_eq!(count("8", "3", 7), 0);
        assert_eq!(count("", "3", 7), 0);
        assert_eq!(count("7", "-1", 7), 0);
        assert_eq!(count("7", "99999", 7), COUNT_MAX);
    }

    #[test]
    fn descriptors_are_told_apart_by_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let mut inherited = Inherited::default();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let local = UnixListener::bind(folder.path().join("s")).unwrap();
        let datagram = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"pem").unwrap();
        inherited.take("a".into(), tcp.into());
        inherited.take("b".into(), local.into());
        inherited.take("c".into(), datagram.into());
        inherited.take("key".into(), file.into());
        assert_eq!(inherited.public().unwrap().len(), 1);
        assert_eq!(inherited.admin().unwrap().len(), 1);
        assert!(inherited.unknown()[0].contains("\"c\""));
        assert!(inherited.file("key").is_some() && inherited.file("a").is_none());
    }
}
