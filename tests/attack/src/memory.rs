//! The memory of a running process, as root sees it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result};

/// How often `wanted` stands in the writable memory of a process. Its pages may change while they are read.
pub(crate) fn count(pid: u32, wanted: &[u8]) -> Result<u64> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let memory = File::open(format!("/proc/{pid}/mem"))
        .context("reading another process's memory takes root, or its own user")?;
    let mut found = 0;
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (Some(range), Some(rights)) = (words.next(), words.next()) else { continue };
        let Some((from, to)) = range.split_once('-') else { continue };
        let (from, to) = (u64::from_str_radix(from, 16)?, u64::from_str_radix(to, 16)?);
        if !rights.starts_with("rw") {
            continue;
        }
        found += scan(&memory, from, to, wanted);
    }
    Ok(found)
}

fn scan(memory: &File, from: u64, to: u64, wanted: &[u8]) -> u64 {
    let mut buffer = vec![0; PIECE + wanted.len() - 1];
    let (mut at, mut found) = (from, 0);
    while at < to {
        let len = buffer.len().min((to - at) as usize);
        // A page that nobody can read (a guard, a ring of the kernel) holds nothing of ours.
        let Ok(read) = memory.read_at(&mut buffer[..len], at) else {
            at += PAGE;
            continue;
        };
        found +=
            buffer[..read].windows(wanted.len()).filter(|window| *window == wanted).count() as u64;
        at += (PIECE as u64).min(read.max(1) as u64);
    }
    found
}

const PAGE: u64 = 4_096;
const PIECE: usize = 1 << 20;
