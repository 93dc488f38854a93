//! The filter of system calls that the process puts on itself once everything is open: a list of what serving needs, and nothing else.
//!
//! What is not listed fails with EPERM and the server goes on: a library that tries something new must not end other people's sessions, and a
//! stranger who finds a refused call must not find a way to end the process (docs/decisions/0022). The unit's filter allows groups of calls,
//! for any program; this one knows the program. It does not see what a ring does: a ring of ours can do nothing but poll
//! (`backend::uring`), and none can be made any more. What is refused the kernel logs, by number and thread, so that an operator sees it;
//! what a healthy server is refused stays out of that log, so that whatever stands there is news.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// What a thread is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Whatever speaks to others: opens nothing.
    Serving,
    /// Reads certificates and configuration again: opens files to read. Landlock says which.
    Reloading,
}

/// The filter cannot be put on.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unfiltered(String);

/// From here on this thread, and those that it starts, can ask of the kernel only what the task needs. There is no way back.
pub(super) fn filter(task: Task) -> Result<(), Unfiltered> {
    let told = |error: seccompiler::Error| {
        Unfiltered(match error {
            // What a kernel without filters says.
            seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error) => {
                error.to_string()
            }
            other => other.to_string(),
        })
    };
    let Programs { quiet, list } = programs(task).map_err(|error| told(error.into()))?;
    for program in quiet {
        seccompiler::apply_filter(&program).map_err(told)?;
    }
    // The one that forbids to put on another comes last.
    if apply_telling(&list).is_err() {
        seccompiler::apply_filter(&list).map_err(told)?;
    }
    Ok(())
}

/// Puts a program on and has the kernel log what it refuses (Linux 4.14). On this thread, which gets no new privileges any more already.
fn apply_telling(program: &BpfProgram) -> std::io::Result<()> {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(std::io::Error::other)?,
        filter: program.as_ptr().cast::<libc::sock_filter>().cast_mut(),
    };
    let (mode, telling) = (libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_LOG);
    // SAFETY: the kernel copies the instructions, which outlive the call, and writes to nothing of ours; seccompiler's instruction is the
    // kernel's in its layout. Covered by every test beside this file.
    #[allow(unsafe_code)]
    let result = unsafe { libc::syscall(libc::SYS_seccomp, mode, telling, &raw const program) };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// What is put on, in this order.
struct Programs {
    /// They answer calls of which nobody needs to hear.
    quiet: Vec<BpfProgram>,
    list: BpfProgram,
}

fn programs(task: Task) -> Result<Programs, seccompiler::BackendError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let refuse = |error: i32| SeccompAction::Errno(error.cast_unsigned());
    let allowed =
        SeccompFilter::new(rules(task)?, refuse(libc::EPERM), SeccompAction::Allow, arch)?;
    let quietly = |(call, error): &(libc::c_long, i32)| {
        let rules = BTreeMap::from([(*call, Vec::new())]);
        SeccompFilter::new(rules, SeccompAction::Allow, refuse(*error), arch)?.try_into()
    };
    let quiet = QUIETLY.iter().map(quietly).collect::<Result<_, _>>()?;
    Ok(Programs { quiet, list: allowed.try_into()? })
}

type Rules = BTreeMap<libc::c_long, Vec<SeccompRule>>;

fn rules(task: Task) -> Result<Rules, seccompiler::BackendError> {
    let quiet = QUIETLY.iter().map(|(call, _)| call);
    let mut rules: Rules = ANYHOW.iter().chain(quiet).map(|call| (*call, Vec::new())).collect();
    for (call, conditions) in WHEN {
        let conditions = conditions.iter().map(Condition::made).collect::<Result<Vec<_>, _>>()?;
        rules.entry(*call).or_default().push(SeccompRule::new(conditions)?);
    }
    // Only itself.
    let own = Condition { at: 0, mask: u32::MAX, is: std::process::id() };
    rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![own.made()?])?]);
    if task == Task::Reloading {
        let reading = Condition { at: 2, mask: WRITING.cast_unsigned(), is: 0 };
        rules.insert(libc::SYS_openat, vec![SeccompRule::new(vec![reading.made()?])?]);
    }
    Ok(rules)
}

/// An argument, under a mask, is a value.
struct Condition {
    at: u8,
    mask: u32,
    is: u32,
}

impl Condition {
    fn made(&self) -> Result<SeccompCondition, seccompiler::BackendError> {
        let under = SeccompCmpOp::MaskedEq(self.mask.into());
        SeccompCondition::new(self.at, SeccompCmpArgLen::Dword, under, self.is.into())
    }
}

/// Whatever their arguments. What happens for each message stands here alone, so that the kernel remembers the answer
/// and does not run the filter for it.
const ANYHOW: &[libc::c_long] = &[
    // Bytes of what is open.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_recvfrom,
    libc::SYS_sendto,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_shutdown,
    libc::SYS_accept4,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    // What a reload looks at, of what is open.
    libc::SYS_fstat,
    // Waiting.
    libc::SYS_io_uring_enter,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_futex,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_sched_yield,
    // Time and chance.
    libc::SYS_clock_gettime,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    // Memory that is not to be run: see below for what makes some.
    libc::SYS_munmap,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_brk,
    libc::SYS_mlock,
    libc::SYS_munlock,
    // Threads, and the processors under them.
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_getcpu,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_setaffinity,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// What libraries of a healthy server ask for and do without: refused by a program of its own, with this error. The list lets them
/// pass to it.
const QUIETLY: &[(libc::c_long, i32)] = &[
    // Its flags stand in memory, where no filter sees them; a C library that hears that there is no such call takes `clone`.
    (libc::SYS_clone3, libc::ENOSYS),
    // By it mimalloc counts the host's memory nodes; refused, it takes one.
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_access, libc::EPERM),
    #[cfg(not(target_arch = "x86_64"))]
    (libc::SYS_faccessat, libc::EPERM),
];

/// Under these conditions, all of one line together.
#[rustfmt::skip]
const WHEN: &[(libc::c_long, &[Condition])] = &[
    // A thread, and never a process or a namespace.
    (libc::SYS_clone, &[Condition { at: 0, mask: (THREAD | NAMESPACES).cast_unsigned(), is: THREAD.cast_unsigned() }]),
    // Memory, and never to run.
    (libc::SYS_mmap, &[Condition { at: 2, mask: EXEC, is: 0 }]),
    (libc::SYS_mprotect, &[Condition { at: 2, mask: EXEC, is: 0 }]),
    // A local socket is made to wait, and for how long.
    (libc::SYS_ioctl, &[Condition { at: 1, mask: u32::MAX, is: libc::FIONBIO as u32 }]),
    (libc::SYS_setsockopt, &[of_socket(), Condition { at: 2, mask: u32::MAX, is: libc::SO_RCVTIMEO.cast_unsigned() }]),
    (libc::SYS_setsockopt, &[of_socket(), Condition { at: 2, mask: u32::MAX, is: libc::SO_SNDTIMEO.cast_unsigned() }]),
    // Somebody who has stopped reading is asked whether it has room, and left alone again: `backend/window.rs`.
    (libc::SYS_setsockopt, &[of_socket(), Condition { at: 2, mask: u32::MAX, is: libc::SO_KEEPALIVE.cast_unsigned() }]),
    (libc::SYS_setsockopt, &[Condition { at: 1, mask: u32::MAX, is: libc::IPPROTO_TCP.cast_unsigned() }, Condition { at: 2, mask: u32::MAX, is: libc::TCP_KEEPIDLE.cast_unsigned() }]),
    // The standard library asks whether a descriptor is open.
    (libc::SYS_fcntl, &[Condition { at: 1, mask: u32::MAX, is: libc::F_GETFD.cast_unsigned() }]),
    // A core takes its ring over, once.
    (libc::SYS_io_uring_register, &[Condition { at: 1, mask: u32::MAX, is: ENABLE_RINGS }]),
    // Names of threads, and of the allocator's memory.
    (libc::SYS_prctl, &[Condition { at: 0, mask: u32::MAX, is: libc::PR_SET_NAME.cast_unsigned() }]),
    (libc::SYS_prctl, &[Condition { at: 0, mask: u32::MAX, is: libc::PR_SET_VMA.cast_unsigned() }]),
    // What the kernel told this process at its start, which a clock's first reading asks for.
    (libc::SYS_prctl, &[Condition { at: 0, mask: u32::MAX, is: GET_AUXV }]),
    // How long a file is that was opened.
    (libc::SYS_newfstatat, &[Condition { at: 3, mask: libc::AT_EMPTY_PATH.cast_unsigned(), is: libc::AT_EMPTY_PATH.cast_unsigned() }]),
    (libc::SYS_statx, &[Condition { at: 2, mask: libc::AT_EMPTY_PATH.cast_unsigned(), is: libc::AT_EMPTY_PATH.cast_unsigned() }]),
];

const fn of_socket() -> Condition {
    Condition { at: 1, mask: u32::MAX, is: libc::SOL_SOCKET.cast_unsigned() }
}

const THREAD: i32 = libc::CLONE_THREAD;
const NAMESPACES: i32 = libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET;
const EXEC: u32 = libc::PROT_EXEC.cast_unsigned();
/// Flags of an open that change something.
const WRITING: i32 = libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND | O_TMPFILE;
/// The bit that is `O_TMPFILE`'s own.
const O_TMPFILE: i32 = libc::O_TMPFILE & !libc::O_DIRECTORY;
/// `PR_GET_AUXV`.
const GET_AUXV: u32 = 0x4155_5856;
/// `IORING_REGISTER_ENABLE_RINGS`.
const ENABLE_RINGS: u32 = 12;

#[cfg(test)]
mod tests;
