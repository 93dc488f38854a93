//! What is found out once, at start: which backend can run here and why, how many cores, which limits.
//!
//! A feature that is missing is told with its likely cause and what to do, before the first connection.

use std::fmt;
#[cfg(target_os = "linux")]
use std::io;

#[cfg(target_os = "linux")]
use crate::backend::uring;
use crate::config::Backend;
use crate::limits::FILES_WANTED;

/// The backend that runs.
#[derive(Clone, Copy, Debug)]
pub enum Chosen {
    /// Readiness.
    Poll,
    /// io_uring, with the best flags that this kernel has.
    #[cfg(target_os = "linux")]
    IoUring(RingFlags),
}

/// Flags of the rings.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingFlags {
    /// `SINGLE_ISSUER | DEFER_TASKRUN`, Linux 6.1: completions are handled when the core asks for them, not by interrupting it.
    pub deferred: bool,
}

/// Why a backend cannot run.
#[derive(Debug, thiserror::Error)]
#[error("io_uring cannot be used: {cause}. {remedy}, or set backend = \"poll\"")]
pub struct Unavailable {
    cause: String,
    remedy: &'static str,
}

/// What the start has found.
#[derive(Debug)]
pub struct Found {
    /// The backend.
    pub backend: Chosen,
    /// Why this one.
    pub why: String,
    /// The processors to run on, one thread each.
    pub cores: Vec<usize>,
    /// Whether each thread stays on its processor.
    pub pinned: bool,
    /// Files that the process may have open.
    pub files: u64,
}

/// Looks at the host.
pub fn look(backend: Backend, cores: usize) -> Result<Found, Unavailable> {
    let (backend, why) = choose(backend)?;
    let (processors, pinned) = processors();
    let wanted = if cores == 0 { processors.len() } else { cores };
    // More threads than processors are possible, and share them.
    let cores = (0..wanted).map(|n| processors[n % processors.len()]).collect();
    Ok(Found {
        backend,
        why,
        cores,
        pinned: pinned && wanted <= processors.len(),
        files: raise_files(),
    })
}

impl Chosen {
    /// As it stands in answers and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Poll => "poll",
            #[cfg(target_os = "linux")]
            Self::IoUring(_) => "io_uring",
        }
    }
}

impl Found {
    /// Tells what runs, and warns of what is missing.
    pub fn log(&self) {
        tracing::info!(
            backend = self.backend.name(),
            why = %self.why,
            cores = self.cores.len(),
            pinned = self.pinned,
            files = self.files,
            kernel = %kernel(),
            "starting"
        );
        if self.files < FILES_WANTED {
            tracing::warn!(
                files = self.files,
                wanted = FILES_WANTED,
                "few open files are allowed: each connection takes one; raise LimitNOFILE, or ulimit -n"
            );
        }
        if !self.pinned {
            tracing::warn!(
                "threads are not pinned to processors: more threads than processors, or sched_setaffinity is not allowed here"
            );
        }
    }
}

/// Keeps the calling thread on one processor. Where that is not possible the server runs all the same.
#[cfg(target_os = "linux")]
pub fn pin(processor: usize) {
    let mut set = rustix::thread::CpuSet::new();
    set.set(processor);
    if let Err(error) = rustix::thread::sched_setaffinity(None, &set) {
        tracing::warn!(%error, processor, "cannot pin a thread");
    }
}

/// Keeps the calling thread on one processor: not on this system.
#[cfg(not(target_os = "linux"))]
pub fn pin(_: usize) {}

#[cfg(target_os = "linux")]
fn choose(wanted: Backend) -> Result<(Chosen, String), Unavailable> {
    if wanted == Backend::Poll {
        return Ok((Chosen::Poll, "configured".into()));
    }
    match (RingFlags::probe(), wanted) {
        (Ok(flags), _) => {
            let why = if flags.deferred {
                "the kernel allows it"
            } else {
                "the kernel allows it; DEFER_TASKRUN needs Linux 6.1 and is left out"
            };
            Ok((Chosen::IoUring(flags), why.into()))
        }
        (Err(error), Backend::IoUring) => Err(error),
        (Err(error), _) => Ok((Chosen::Poll, error.to_string())),
    }
}

#[cfg(not(target_os = "linux"))]
fn choose(wanted: Backend) -> Result<(Chosen, String), Unavailable> {
    match wanted {
        Backend::IoUring => {
            Err(Unavailable { cause: "this system has none".into(), remedy: "Use Linux" })
        }
        _ => Ok((Chosen::Poll, "this system has no io_uring".into())),
    }
}

#[cfg(target_os = "linux")]
impl RingFlags {
    /// Makes a small ring, as the cores' are, to see what the kernel allows.
    pub fn probe() -> Result<Self, Unavailable> {
        let best = Self { deferred: true };
        match uring::restricted(best, 8) {
            Ok(_) => Ok(best),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                let plain = Self { deferred: false };
                match uring::restricted(plain, 8) {
                    // It came with Linux 5.17, after standing polls (5.13) and timed waits (5.11).
                    Ok(ring) if ring.params().is_feature_skip_cqe_on_success() => Ok(plain),
                    Ok(_) => Err(Unavailable::new(&io::ErrorKind::Unsupported.into())),
                    Err(error) => Err(Unavailable::new(&error)),
                }
            }
            Err(error) => Err(Unavailable::new(&error)),
        }
    }

    /// A builder of rings with these flags.
    pub fn builder(self) -> io_uring::Builder {
        let mut builder = io_uring::IoUring::builder();
        if self.deferred {
            builder.setup_single_issuer().setup_defer_taskrun();
        }
        builder
    }
}

#[cfg(target_os = "linux")]
impl Unavailable {
    fn new(error: &io::Error) -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let disabled = read("/proc/sys/kernel/io_uring_disabled");
        let filtered = is_filtered(&read("/proc/self/status"), &kernel().to_string());
        Self::with(error, !matches!(disabled.trim(), "" | "0"), filtered)
    }

    /// Some filters answer as a kernel would that does not know the call, so those two are told apart by what else is known.
    fn with(error: &io::Error, disabled: bool, filtered: bool) -> Self {
        let remedy = match error.kind() {
            io::ErrorKind::PermissionDenied if disabled => {
                "The sysctl kernel.io_uring_disabled forbids it: set it to 0"
            }
            io::ErrorKind::PermissionDenied => {
                "A seccomp filter forbids it, as container runtimes' defaults do: allow io_uring_setup, io_uring_enter and io_uring_register"
            }
            io::ErrorKind::Unsupported if filtered => {
                "A seccomp filter hides it, as container runtimes' defaults do: allow io_uring_setup, io_uring_enter and io_uring_register"
            }
            io::ErrorKind::OutOfMemory => "Locked memory is limited: raise LimitMEMLOCK",
            io::ErrorKind::Unsupported => {
                "The kernel is older than 5.17 or built without it: use a newer one"
            }
            _ => "Look at the kernel's version and the service's restrictions",
        };
        Self { cause: error.to_string(), remedy }
    }
}

/// Whether a filter of system calls is on, on a kernel that is new enough for rings.
#[cfg(target_os = "linux")]
fn is_filtered(status: &str, kernel: &str) -> bool {
    let mode = status.lines().find_map(|line| line.strip_prefix("Seccomp:"));
    let mut numbers = kernel.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    mode.is_some_and(|mode| mode.trim() == "2") && version >= (5, 17)
}

/// The processors that this process may use, and whether threads can be pinned to them.
#[cfg(target_os = "linux")]
fn processors() -> (Vec<usize>, bool) {
    if let Ok(set) = rustix::thread::sched_getaffinity(None) {
        let allowed: Vec<usize> =
            (0..rustix::thread::CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect();
        if !allowed.is_empty() {
            let pinned = rustix::thread::sched_setaffinity(None, &set).is_ok();
            return (allowed, pinned);
        }
    }
    (count(), false)
}

#[cfg(not(target_os = "linux"))]
fn processors() -> (Vec<usize>, bool) {
    (count(), false)
}

fn count() -> Vec<usize> {
    (0..std::thread::available_parallelism().map_or(1, usize::from)).collect()
}

/// Allows as many open files as the host lets us, and says how many.
fn raise_files() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum.unwrap_or(u64::MAX),
        Err(_) => current.unwrap_or(u64::MAX),
    }
}

fn kernel() -> impl fmt::Display {
    let name = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    name.map_or_else(|_| std::env::consts::OS.to_owned(), |name| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readiness_backend_is_always_there() {
        let found = look(Backend::Poll, 3).unwrap();
        assert_eq!((found.backend.name(), found.cores.len()), ("poll", 3));
        assert!(found.files > 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_refusal_names_its_likely_cause() {
        let told = |kind: io::ErrorKind, disabled, filtered| {
            Unavailable::with(&kind.into(), disabled, filtered).to_string()
        };
        let seccomp = told(io::ErrorKind::PermissionDenied, false, true);
        assert!(seccomp.contains("seccomp filter forbids it"), "{seccomp}");
        assert!(seccomp.contains("backend = \"poll\""), "{seccomp}");
        let sysctl = told(io::ErrorKind::PermissionDenied, true, true);
        assert!(sysctl.contains("kernel.io_uring_disabled"), "{sysctl}");
        // Podman's profile answers as if the kernel had none.
        let hidden = told(io::ErrorKind::Unsupported, false, true);
        assert!(hidden.contains("seccomp filter hides it"), "{hidden}");
        let old = told(io::ErrorKind::Unsupported, false, false);
        assert!(old.contains("older than 5.17"), "{old}");
        let memory = told(io::ErrorKind::OutOfMemory, false, false);
        assert!(memory.contains("LimitMEMLOCK"), "{memory}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_filter_is_told_from_an_old_kernel() {
        let on = "Name:\tcserver\nSeccomp:\t2\nSeccomp_filters:\t1\n";
        assert!(is_filtered(on, "6.1.0-37-amd64") && is_filtered(on, "5.17.1"));
        assert!(!is_filtered(on, "5.10.0-30-amd64") && !is_filtered(on, "unknown"));
        assert!(!is_filtered("Seccomp:\t0\n", "6.1.0"));
    }
}
