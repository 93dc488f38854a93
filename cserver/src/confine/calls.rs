//! The filter of system calls that the process puts on itself once everything is open: a list of what serving needs, and nothing else.
//!
//! What is not listed fails with EPERM and the server goes on: a library that tries something new must not end other people's sessions, and a
//! stranger who finds a refused call must not find a way to end the process (docs/decisions/0022). The unit's filter allows groups of calls,
//! for any program; this one knows the program. It does not see what a ring does: a ring of ours can do nothing but poll
//! (`backend::uring`), and none can be made any more.

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
    for program in programs(task).map_err(|error| told(error.into()))? {
        seccompiler::apply_filter(&program).map_err(told)?;
    }
    Ok(())
}

fn programs(task: Task) -> Result<[BpfProgram; 2], seccompiler::BackendError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let refuse = |error: i32| SeccompAction::Errno(error.cast_unsigned());
    let allowed =
        SeccompFilter::new(rules(task)?, refuse(libc::EPERM), SeccompAction::Allow, arch)?;
    // Its flags stand in memory, where no filter sees them; a C library that hears that there is no such call takes `clone`.
    let unknown = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let unknown = SeccompFilter::new(unknown, SeccompAction::Allow, refuse(libc::ENOSYS), arch)?;
    // In this order: the list forbids to put on another.
    Ok([unknown.try_into()?, allowed.try_into()?])
}

type Rules = BTreeMap<libc::c_long, Vec<SeccompRule>>;

fn rules(task: Task) -> Result<Rules, seccompiler::BackendError> {
    let mut rules: Rules = ANYHOW.iter().map(|call| (*call, Vec::new())).collect();
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
    // The other filter answers.
    libc::SYS_clone3,
];

/// Under these conditions, all of one line together.
#[rustfmt::skip]
const WHEN: &[(libc::c_long, &[Condition])] = &[
    // A thread, and never a process or a namespace.
    (libc::SYS_clone, &[Condition { at: 0, mask: (THREAD | NAMESPACES).cast_unsigned(), is: THREAD.cast_unsigned() }]),
    // Memory, and never to run.
    (libc::SYS_mmap, &[Condition { at: 2, mask: EXEC, is: 0 }]),
    (libc::SYS_mprotect, &[Condition { at: 2, mask: EXEC, is: 0 }]),
    // An accepted socket is made not to wait, and a local one to wait so long.
    (libc::SYS_ioctl, &[Condition { at: 1, mask: u32::MAX, is: libc::FIONBIO as u32 }]),
    (libc::SYS_setsockopt, &[of_socket(), Condition { at: 2, mask: u32::MAX, is: libc::SO_RCVTIMEO.cast_unsigned() }]),
    (libc::SYS_setsockopt, &[of_socket(), Condition { at: 2, mask: u32::MAX, is: libc::SO_SNDTIMEO.cast_unsigned() }]),
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
