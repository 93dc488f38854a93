//! Escape probes: what a program that was taken over would try, by system call and by ring operation.
//!
//! The same list runs twice in the guest: under the session server's own restrictions, where each must be refused, and as an
//! unrestricted root, where it must succeed, or it would prove nothing. All are harmless to a guest that is thrown away.

use std::io;

use anyhow::Result;
use io_uring::{IoUring, opcode, squeue, types};
use serde::{Deserialize, Serialize};

/// How a probe went.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// What was tried.
    pub(crate) name: String,
    /// Whether it went by a ring, which no filter of system calls sees.
    pub(crate) by_ring: bool,
    /// What the kernel said; nothing when it did it.
    pub(crate) refused: Option<String>,
}

/// Tries everything and writes the outcomes to standard output.
pub(crate) fn run() -> Result<()> {
    let mut outcomes = Vec::new();
    for (name, probe) in RING {
        eprintln!("by a ring: {name}");
        outcomes.push(outcome(name, true, probe()));
    }
    for (name, probe) in CALLS {
        eprintln!("by a system call: {name}");
        outcomes.push(outcome(name, false, probe()));
    }
    println!("{}", serde_json::to_string(&outcomes)?);
    Ok(())
}

fn outcome(name: &str, by_ring: bool, result: io::Result<()>) -> Outcome {
    Outcome { name: name.into(), by_ring, refused: result.err().map(|error| error.to_string()) }
}

type Probe = fn() -> io::Result<()>;

/// By system call.
const CALLS: &[(&str, Probe)] = &[
    ("make a TCP socket", || {
        call(libc::SYS_socket, [libc::AF_INET as usize, libc::SOCK_STREAM as usize, 0, 0])
    }),
    ("make a UDP socket for IPv6", || {
        call(libc::SYS_socket, [libc::AF_INET6 as usize, libc::SOCK_DGRAM as usize, 0, 0])
    }),
    ("make a netlink socket", || {
        call(libc::SYS_socket, [libc::AF_NETLINK as usize, libc::SOCK_RAW as usize, 0, 0])
    }),
    ("make a packet socket", || {
        call(libc::SYS_socket, [libc::AF_PACKET as usize, libc::SOCK_RAW as usize, 0, 0])
    }),
    ("connect to the web tier of this host", || std::net::TcpStream::connect(WEB_TIER).map(drop)),
    ("connect to the web tier's local socket", || {
        std::os::unix::net::UnixStream::connect(ADMIN_SOCKET).map(drop)
    }),
    ("read the host's accounts", || std::fs::read(SHADOW).map(drop)),
    ("read the key's file", || std::fs::read(KEY).map(drop)),
    ("list the web tier's store", || std::fs::read_dir(STORE).map(drop)),
    ("write into /tmp", || std::fs::write("/tmp/probe", "x")),
    ("write into /var/tmp", || std::fs::write("/var/tmp/probe", "x")),
    ("write into /dev/shm", || std::fs::write("/dev/shm/probe", "x")),
    ("write into /run", || std::fs::write("/run/probe", "x")),
    ("write into /usr/lib", || std::fs::write("/usr/lib/probe", "x")),
    ("write a kernel setting", || std::fs::write("/proc/sys/kernel/domainname", "probe")),
    ("read another process's environment", || std::fs::read("/proc/1/environ").map(drop)),
    ("start a shell", || {
        std::process::Command::new("/bin/sh").args(["-c", "true"]).status().map(drop)
    }),
    ("make a file in memory to run", || {
        call(libc::SYS_memfd_create, [c"probe".as_ptr() as usize, 0, 0, 0])
    }),
    ("map memory to write and run", || {
        map(libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC).map(drop)
    }),
    ("make written memory runnable", || {
        let at = map(libc::PROT_READ | libc::PROT_WRITE)?;
        call(libc::SYS_mprotect, [at, PAGE, (libc::PROT_READ | libc::PROT_EXEC) as usize, 0])
    }),
    ("signal the service manager", || call(libc::SYS_kill, [1, 0, 0, 0])),
    ("trace", || call(libc::SYS_ptrace, [libc::PTRACE_TRACEME as usize, 0, 0, 0])),
    ("mount", || {
        let tmpfs = c"tmpfs".as_ptr() as usize;
        call(libc::SYS_mount, [tmpfs, c"/mnt".as_ptr() as usize, tmpfs, 0])
    }),
    ("change the root", || {
        call(libc::SYS_chroot, [c"/usr".as_ptr() as usize, 0, 0, 0]).and_then(|()| {
            // The probes after this one want the old root: out of this one by the process's own.
            call(libc::SYS_chroot, [c".".as_ptr() as usize, 0, 0, 0])
        })
    }),
    ("become root", || call(libc::SYS_setresuid, [0, 0, 0, 0])),
    ("run before all others", || {
        call(libc::SYS_setpriority, [libc::PRIO_PROCESS as usize, 0, -5_i64 as usize, 0])
    }),
    ("move to another processor", || {
        let mask = [1_u64; 16];
        call(libc::SYS_sched_setaffinity, [0, 128, mask.as_ptr() as usize, 0])
    }),
    ("change the personality", || call(libc::SYS_personality, [0x0004_0000, 0, 0, 0])),
    ("set the clock", || call(libc::SYS_settimeofday, [0, 0, 0, 0])),
    ("rename the host", || call(libc::SYS_sethostname, [c"guest".as_ptr() as usize, 5, 0, 0])),
    // Last, because they change what this process may do.
    ("make a network namespace", || {
        call(libc::SYS_unshare, [libc::CLONE_NEWNET as usize, 0, 0, 0])
    }),
    ("make a namespace of host names", || {
        call(libc::SYS_unshare, [libc::CLONE_NEWUTS as usize, 0, 0, 0])
    }),
];

/// By a ring.
const RING: &[(&str, Probe)] = &[
    ("open the host's accounts", || ring(&open(c"/etc/shadow", libc::O_RDONLY))),
    ("open the key's file", || ring(&open(c"/etc/cobrowse/tls/public.key", libc::O_RDONLY))),
    ("make a file in /tmp", || ring(&open(c"/tmp/ring", libc::O_CREAT | libc::O_RDWR))),
    ("make a file in /var/tmp", || ring(&open(c"/var/tmp/ring", libc::O_CREAT | libc::O_RDWR))),
    ("make a file in /usr/lib", || ring(&open(c"/usr/lib/ring", libc::O_CREAT | libc::O_RDWR))),
    ("open the configuration to write", || {
        ring(&open(c"/etc/cobrowse/cserver.toml", libc::O_WRONLY | libc::O_APPEND))
    }),
    ("open another process's memory", || ring(&open(c"/proc/1/mem", libc::O_RDWR))),
    ("make a folder in /run", || {
        ring(&opcode::MkDirAt::new(here(), c"/run/ring".as_ptr()).build())
    }),
    ("link in /tmp", || {
        ring(&opcode::SymlinkAt::new(here(), c"/etc".as_ptr(), c"/tmp/link".as_ptr()).build())
    }),
    ("rename what is in /usr/lib", || {
        let (old, new) = (c"/usr/lib/ring".as_ptr(), c"/usr/lib/ring2".as_ptr());
        ring(&opcode::RenameAt::new(here(), old, here(), new).build())
    }),
    ("remove what is in /usr/lib", || {
        ring(&opcode::UnlinkAt::new(here(), c"/usr/lib/ring2".as_ptr()).build())
    }),
    ("connect to the web tier of this host", || {
        // The socket may exist: a ring is not filtered. It leads nowhere, and that is the network namespace's doing.
        let made = ring_value(&opcode::Socket::new(libc::AF_INET, libc::SOCK_STREAM, 0).build())?;
        let port = u16::to_be_bytes(8_443);
        let address: [u8; 16] = [2, 0, port[0], port[1], 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        ring(&opcode::Connect::new(types::Fd(made), address.as_ptr().cast(), 16).build())
    }),
    ("connect to the service manager", || {
        let made = ring_value(&opcode::Socket::new(libc::AF_UNIX, libc::SOCK_STREAM, 0).build())?;
        let mut address = [0_u8; 110];
        address[0] = 1;
        let path = b"/run/systemd/private";
        address[2..2 + path.len()].copy_from_slice(path);
        ring(
            &opcode::Connect::new(
                types::Fd(made),
                address.as_ptr().cast(),
                2 + path.len() as u32 + 1,
            )
            .build(),
        )
    }),
];

fn here() -> types::Fd {
    types::Fd(libc::AT_FDCWD)
}

fn open(path: &'static std::ffi::CStr, flags: i32) -> squeue::Entry {
    opcode::OpenAt::new(here(), path.as_ptr()).flags(flags).mode(0o600).build()
}

fn ring(entry: &squeue::Entry) -> io::Result<()> {
    ring_value(entry).map(drop)
}

fn ring_value(entry: &squeue::Entry) -> io::Result<i32> {
    let mut ring = IoUring::new(2)?;
    // SAFETY: every pointer of a probe's entry is to a constant or to a local of the caller, which waits here for the
    // completion. Covered by the run as an unrestricted root, in which each of them succeeds.
    #[allow(unsafe_code)]
    unsafe {
        ring.submission().push(entry).map_err(io::Error::other)?;
    }
    // A firewall that drops says nothing at all.
    let patience = types::Timespec::new().sec(2);
    let waited =
        ring.submitter().submit_with_args(1, &types::SubmitArgs::new().timespec(&patience));
    if waited.is_err_and(|error| error.raw_os_error() == Some(libc::ETIME)) {
        return Err(io::Error::from_raw_os_error(libc::ETIMEDOUT));
    }
    let result = ring.completion().next().map_or(-libc::EIO, |completion| completion.result());
    if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(result) }
}

fn map(protection: i32) -> io::Result<usize> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new anonymous mapping touches no memory that anybody has. It is never read or written.
    #[allow(unsafe_code)]
    let at = unsafe { libc::mmap(std::ptr::null_mut(), PAGE, protection, flags, -1, 0) };
    if at == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(at as usize) }
}

fn call(number: libc::c_long, words: [usize; 4]) -> io::Result<()> {
    // SAFETY: every pointer among the words is to a constant or to a local that outlives the call. No probe gives the kernel
    // memory of ours to write to. Covered by the run as an unrestricted root.
    #[allow(unsafe_code)]
    let result = unsafe { libc::syscall(number, words[0], words[1], words[2], words[3], 0, 0) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Whether two lists are of the same probes.
pub(crate) fn same(one: &[Outcome], other: &[Outcome]) -> bool {
    let names = |list: &[Outcome]| -> Vec<(String, bool)> {
        list.iter().map(|outcome| (outcome.name.clone(), outcome.by_ring)).collect()
    };
    names(one) == names(other)
}

const PAGE: usize = 4_096;
const WEB_TIER: &str = "127.0.0.1:8443";
const SHADOW: &str = "/etc/shadow";
const KEY: &str = "/etc/cobrowse/tls/public.key";
const STORE: &str = "/var/lib/private/cobrowse/store";
const ADMIN_SOCKET: &str = "/var/lib/private/cobrowse/store.admin.sock";
