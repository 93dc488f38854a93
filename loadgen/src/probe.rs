//! What the kernel knows of a process: its CPU time and memory, from `/proc`.
//!
//! CPU time is the run time of all its threads (`schedstat`, nanoseconds), which includes the kernel's work in their
//! names; the split into user and system comes from `stat`, in ticks of 10 ms.

use std::fs;

use serde::Serialize;

/// One look at a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Look {
    /// CPU time of all threads, nanoseconds.
    pub cpu_ns: u64,
    /// Of it in user mode, in ticks.
    pub user_ticks: u64,
    /// Of it in the kernel, in ticks.
    pub system_ticks: u64,
    /// Resident memory, bytes.
    pub rss_bytes: u64,
    /// How often its threads went to sleep by themselves, and were woken.
    pub wakings: u64,
}

/// What the kernel holds for all sockets of this host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Kernel {
    /// TCP sockets, both ends of a connection on loopback.
    pub sockets: u64,
    /// Its tables and structures, of which sockets and their polls are the part that grows with them, and what is buffered; bytes.
    pub bytes: u64,
}

/// Looks at the kernel.
pub fn look_at_kernel() -> Kernel {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    kernel(&read("/proc/net/sockstat"), &read("/proc/meminfo"))
}

fn kernel(sockstat: &str, meminfo: &str) -> Kernel {
    let tcp = sockstat.lines().find(|line| line.starts_with("TCP:")).unwrap_or_default();
    let of_tcp = |name: &str| -> u64 {
        let mut words = tcp.split_ascii_whitespace().skip_while(|word| *word != name).skip(1);
        words.next().and_then(|word| word.parse().ok()).unwrap_or(0)
    };
    let slab = meminfo.lines().find_map(|line| line.strip_prefix("Slab:")).unwrap_or_default();
    let slab_kib: u64 = slab.trim().trim_end_matches(" kB").parse().unwrap_or(0);
    Kernel { sockets: of_tcp("inuse"), bytes: slab_kib * 1_024 + of_tcp("mem") * PAGE_BYTES }
}

/// In which the kernel counts buffers.
const PAGE_BYTES: u64 = 4_096;

/// The process cannot be looked at.
#[derive(Debug, thiserror::Error)]
#[error("process {pid} is gone, or not yours to look at: {error}; check --server-pid")]
pub struct Gone {
    pid: u32,
    error: std::io::Error,
}

/// Looks at a process.
pub fn look(pid: u32) -> Result<Look, Gone> {
    read(pid).map_err(|error| Gone { pid, error })
}

/// The generator itself.
pub fn look_at_self() -> Look {
    read(std::process::id()).unwrap_or_default()
}

fn read(pid: u32) -> std::io::Result<Look> {
    let mut look = Look::default();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between two lines.
        let task = task?.path();
        let Ok(text) = fs::read_to_string(task.join("schedstat")) else { continue };
        let run_ns = text.split(' ').next().and_then(|field| field.parse::<u64>().ok());
        look.cpu_ns += run_ns.unwrap_or_default();
        let Ok(text) = fs::read_to_string(task.join("status")) else { continue };
        look.wakings += wakings(&text).unwrap_or_default();
    }
    (look.user_ticks, look.system_ticks) =
        ticks(&fs::read_to_string(format!("/proc/{pid}/stat"))?).unwrap_or_default();
    look.rss_bytes = rss(&fs::read_to_string(format!("/proc/{pid}/status"))?).unwrap_or_default();
    Ok(look)
}

/// Fields 14 and 15 of `stat`. The name in field 2 may hold spaces and parentheses.
fn ticks(stat: &str) -> Option<(u64, u64)> {
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn rss(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

fn wakings(status: &str) -> Option<u64> {
    let name = "voluntary_ctxt_switches:";
    status.lines().find_map(|line| line.strip_prefix(name))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "42 (a) b) (c) S 1 2 3 4 5 6 7 8 9 10 111 222 0 0 20 0";
        assert_eq!(ticks(stat), Some((111, 222)));
    }

    #[test]
    fn work_shows_as_cpu_time_and_memory() {
        let before = look_at_self();
        let mut sum = 0_u64;
        while look_at_self().cpu_ns < before.cpu_ns + 2_000_000 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(before.rss_bytes > 100_000);
        assert_eq!(rss("Name:\tx\nVmRSS:\t    1234 kB\n"), Some(1234 * 1024));
        let status = "nonvoluntary_ctxt_switches:\t7\nvoluntary_ctxt_switches:\t42\n";
        assert_eq!(wakings(status), Some(42));
    }

    #[test]
    fn the_kernel_s_sockets_and_memory_are_read() {
        let sockstat =
            "sockets: used 182\nTCP: inuse 22 orphan 0 tw 10 alloc 22 mem 97\nUDP: inuse 1 mem 3\n";
        let found = kernel(sockstat, "MemFree: 5 kB\nSlab:            1000 kB\n");
        assert_eq!(found, Kernel { sockets: 22, bytes: 1_000 * 1_024 + 97 * 4_096 });
        assert!(look_at_kernel().bytes > 1_000_000);
    }

    #[test]
    fn a_process_that_is_gone_is_said_to_be_gone() {
        let error = look(u32::MAX).unwrap_err();
        assert!(error.to_string().contains("--server-pid"));
    }
}
