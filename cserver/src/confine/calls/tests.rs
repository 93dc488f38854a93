//! From inside: what a program that was taken over would ask for is refused, and what serving needs is not.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use super::*;

/// What the kernel says to a call: an error's number, or zero.
fn call(number: libc::c_long, words: [usize; 4]) -> i32 {
    // SAFETY: pointers among the words are null or lead to constants, and every call is one that either does nothing with such
    // arguments or is refused. None gives the kernel memory of ours to write to.
    #[allow(unsafe_code)]
    let result = unsafe { libc::syscall(number, words[0], words[1], words[2], words[3], 0, 0) };
    if result < 0 { std::io::Error::last_os_error().raw_os_error().unwrap_or(0) } else { 0 }
}

/// What each call says under the filter of a task, on a thread of its own: there is no way back.
fn under(task: Task, probes: &'static [Probe]) -> Vec<i32> {
    let tried = move || {
        filter(task).expect("this kernel, or what this test runs in, has no filters");
        probes.iter().map(|(_, number, words)| call(*number, *words)).collect()
    };
    std::thread::spawn(tried).join().unwrap()
}

type Probe = (&'static str, libc::c_long, [usize; 4]);

const fn flag(of: i32) -> usize {
    of.cast_unsigned() as usize
}

/// Nothing of these ever happens: null pointers, descriptors that are none, sizes of zero.
const NONE: usize = usize::MAX;
const REFUSED: &[Probe] = &[
    ("make a TCP socket", libc::SYS_socket, [flag(libc::AF_INET), flag(libc::SOCK_STREAM), 0, 0]),
    (
        "make a UDP socket for IPv6",
        libc::SYS_socket,
        [flag(libc::AF_INET6), flag(libc::SOCK_DGRAM), 0, 0],
    ),
    ("make a local socket", libc::SYS_socket, [flag(libc::AF_UNIX), flag(libc::SOCK_STREAM), 0, 0]),
    ("make a packet socket", libc::SYS_socket, [flag(libc::AF_PACKET), flag(libc::SOCK_RAW), 0, 0]),
    ("connect", libc::SYS_connect, [NONE, 0, 0, 0]),
    ("bind", libc::SYS_bind, [NONE, 0, 0, 0]),
    ("listen", libc::SYS_listen, [NONE, 0, 0, 0]),
    ("pass a descriptor", libc::SYS_sendmsg, [NONE, 0, 0, 0]),
    ("take a descriptor", libc::SYS_recvmsg, [NONE, 0, 0, 0]),
    ("make a ring", libc::SYS_io_uring_setup, [0, 0, 0, 0]),
    ("register with a ring", libc::SYS_io_uring_register, [NONE, 0, 0, 0]),
    ("run a program", libc::SYS_execve, [0, 0, 0, 0]),
    ("run a program by descriptor", libc::SYS_execveat, [NONE, 0, 0, 0]),
    ("make a process", libc::SYS_clone, [flag(libc::CLONE_NEWUSER | libc::CLONE_THREAD), 0, 0, 0]),
    ("open to write", libc::SYS_openat, [NONE, 0, flag(libc::O_WRONLY), 0]),
    ("make a file", libc::SYS_openat, [NONE, 0, flag(libc::O_CREAT), 0]),
    ("make a nameless file", libc::SYS_openat, [NONE, 0, flag(libc::O_TMPFILE | libc::O_RDWR), 0]),
    ("open in another way", libc::SYS_openat2, [NONE, 0, 0, 0]),
    ("remove a file", libc::SYS_unlinkat, [NONE, 0, 0, 0]),
    ("rename a file", libc::SYS_renameat2, [NONE, 0, NONE, 0]),
    ("link a file", libc::SYS_linkat, [NONE, 0, NONE, 0]),
    ("make a folder", libc::SYS_mkdirat, [NONE, 0, 0, 0]),
    ("change a mode", libc::SYS_fchmodat, [NONE, 0, 0, 0]),
    ("list a folder", libc::SYS_getdents64, [NONE, 0, 0, 0]),
    ("make a file in memory", libc::SYS_memfd_create, [0, 0, 0, 0]),
    ("copy a descriptor", libc::SYS_dup3, [NONE, 0, 0, 0]),
    ("map memory to run", libc::SYS_mmap, [0, 0, flag(libc::PROT_EXEC), 0]),
    ("make memory runnable", libc::SYS_mprotect, [1, 0, flag(libc::PROT_EXEC), 0]),
    ("trace a process", libc::SYS_ptrace, [libc::PTRACE_ATTACH as usize, NONE, 0, 0]),
    ("read another's memory", libc::SYS_process_vm_readv, [NONE, 0, 0, 0]),
    ("write another's memory", libc::SYS_process_vm_writev, [NONE, 0, 0, 0]),
    ("take another's descriptor", libc::SYS_pidfd_getfd, [NONE, 0, 0, 0]),
    ("signal another process", libc::SYS_kill, [i32::MAX as usize, 0, 0, 0]),
    ("signal another's thread", libc::SYS_tgkill, [i32::MAX as usize, 1, 0, 0]),
    ("let others read its memory", libc::SYS_prctl, [flag(libc::PR_SET_DUMPABLE), 7, 0, 0]),
    ("raise a limit", libc::SYS_prlimit64, [NONE, 0, 0, 0]),
    ("enter a namespace", libc::SYS_setns, [NONE, 0, 0, 0]),
    ("make a namespace", libc::SYS_unshare, [1, 0, 0, 0]),
    ("mount", libc::SYS_mount, [0, 0, 0, 0]),
    ("change the root", libc::SYS_chroot, [0, 0, 0, 0]),
    ("use the keyring", libc::SYS_keyctl, [NONE, 0, 0, 0]),
    ("load a program into the kernel", libc::SYS_bpf, [NONE, 0, 0, 0]),
    ("count the machine's events", libc::SYS_perf_event_open, [0, 0, 0, 0]),
    ("handle page faults", libc::SYS_userfaultfd, [NONE, 0, 0, 0]),
    ("load a module", libc::SYS_finit_module, [NONE, 0, 0, 0]),
    ("set a terminal", libc::SYS_ioctl, [NONE, flag(libc::TIOCSTI as i32), 0, 0]),
    ("set an option of TCP", libc::SYS_setsockopt, [NONE, flag(libc::IPPROTO_TCP), 1, 0]),
];

#[test]
fn what_serving_does_not_need_is_refused_from_inside() {
    for task in [Task::Serving, Task::Reloading] {
        for ((name, ..), told) in REFUSED.iter().zip(under(task, REFUSED)) {
            assert_eq!(told, libc::EPERM, "{name}, {task:?}");
        }
    }
    // The control: without the filter they fail for another reason, their wrong arguments. A few are for root alone.
    let free = REFUSED.iter().filter(|(_, number, words)| call(*number, *words) != libc::EPERM);
    let free = free.count();
    assert!(free >= BITING_MIN, "only {free} of {} prove anything", REFUSED.len());
}

/// Of those tried, how many an ordinary account may ask for.
const BITING_MIN: usize = 30;

#[test]
fn only_the_thread_that_reads_files_again_opens_any_and_it_opens_them_to_read() {
    let path = c"/proc/self/status".as_ptr() as usize;
    let opening = [libc::O_RDONLY, libc::O_RDWR, libc::O_RDONLY | libc::O_TRUNC]
        .map(|how| ("open", libc::SYS_openat, [0, path, flag(how), 0]));
    let opening: &[Probe] = Box::leak(Box::new(opening));
    assert_eq!(under(Task::Serving, opening), [libc::EPERM; 3]);
    assert_eq!(under(Task::Reloading, opening), [0, libc::EPERM, libc::EPERM]);
}

#[test]
fn what_serving_needs_goes_on_on_this_thread_and_on_those_that_it_starts() {
    let (mut one, mut other) = UnixStream::pair().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let serve = move || {
        filter(Task::Serving).unwrap();
        let within = move || {
            let (accepted, _) = listener.accept().unwrap();
            accepted.set_nonblocking(true).unwrap();
            // As a reader that has stopped is asked, and left alone again.
            let silence = socket2::TcpKeepalive::new().with_time(std::time::Duration::from_secs(1));
            socket2::SockRef::from(&accepted).set_tcp_keepalive(&silence).unwrap();
            socket2::SockRef::from(&accepted).set_keepalive(false).unwrap();
            one.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
            one.write_all(b"ping").unwrap();
            let mut heard = [0; 4];
            one.read_exact(&mut heard).unwrap();
            // Far more than any allocator keeps at hand.
            let memory = vec![1_u8; 64 << 20];
            let mut random = [0; 32];
            getrandom::fill(&mut random).unwrap();
            assert!(random != [0; 32] && memory.iter().all(|byte| *byte == 1));
            heard
        };
        std::thread::Builder::new().name("within".into()).spawn(within).unwrap().join().unwrap()
    };
    let served = std::thread::spawn(serve);
    let mut heard = [0; 4];
    other.read_exact(&mut heard).unwrap();
    other.write_all(b"pong").unwrap();
    assert_eq!((&heard, &served.join().unwrap()), (b"ping", b"pong"));
    assert!(client.as_raw_fd() > 2);
}

/// Where this process may not read the kernel's log (a container) there is nothing to look at.
#[test]
fn what_is_refused_stands_in_the_kernels_log_by_its_number_and_thread() {
    let name = format!("told{}", std::process::id() % 100_000);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(40);
    // The kernel writes a few such lines in a second, and other tests are refused much: so it is asked again.
    while let Some(log) = kernel_log() {
        let is_ours =
            |line: &&str| line.contains("type=1326") && line.contains(&format!("comm=\"{name}\""));
        let lines: Vec<_> = log.lines().filter(is_ours).collect();
        if lines.iter().any(|line| line.contains(&format!(" syscall={} ", libc::SYS_socket))) {
            let quiet = |line: &&str| {
                QUIETLY.iter().any(|(call, _)| line.contains(&format!(" syscall={call} ")))
            };
            assert!(!lines.iter().any(quiet), "{lines:?}");
            return;
        }
        assert!(std::time::Instant::now() < end, "nothing of {name} in the kernel's log");
        let refused = || {
            filter(Task::Serving).unwrap();
            let tried =
                [libc::SYS_socket, QUIETLY[0].0, QUIETLY[1].0].map(|one| call(one, [NONE; 4]));
            assert_eq!(tried, [libc::EPERM, QUIETLY[0].1, QUIETLY[1].1]);
        };
        std::thread::Builder::new().name(name.clone()).spawn(refused).unwrap().join().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}

fn kernel_log() -> Option<String> {
    const READ_ALL: i32 = 3;
    const SIZE: i32 = 10;
    // SAFETY: neither call writes: the first only asks for a size.
    #[allow(unsafe_code)]
    let size = unsafe { libc::klogctl(SIZE, std::ptr::null_mut(), 0) };
    let mut bytes = vec![0_u8; usize::try_from(size).ok()?];
    // SAFETY: the kernel writes at most `size` bytes, which are the vector's own.
    #[allow(unsafe_code)]
    let read = unsafe { libc::klogctl(READ_ALL, bytes.as_mut_ptr().cast(), size) };
    bytes.truncate(usize::try_from(read).ok()?);
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
