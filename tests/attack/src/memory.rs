//! The memory of a running process, as root sees it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result};
use memchr::memmem::Finder;

/// How often something was found, by what kind of memory it stands in; [`LOCKED`] is whatever is neither swapped nor dumped.
pub(crate) type Found = BTreeMap<String, u64>;

/// How often each of `wanted` stands in the writable memory of a process. Its pages may change while they are read.
pub(crate) fn find(pid: u32, wanted: &[&[u8]]) -> Result<Vec<Found>> {
    let maps = fs::read_to_string(format!("/proc/{pid}/smaps"))?;
    let memory = File::open(format!("/proc/{pid}/mem"))
        .context("reading another process's memory takes root, or its own user")?;
    let finders: Vec<Finder<'_>> = wanted.iter().map(Finder::new).collect();
    let longest = wanted.iter().map(|text| text.len()).max().unwrap_or(1);
    let mut buffer = vec![0; PIECE + longest - 1];
    let mut found = vec![Found::new(); wanted.len()];
    let mut lines = maps.lines().peekable();
    while let Some(line) = lines.next() {
        let mut words = line.split_whitespace();
        let (Some(range), Some(rights)) = (words.next(), words.next()) else { continue };
        let Some((from, to)) = range.split_once('-') else { continue };
        let (mut at, to) = (u64::from_str_radix(from, 16)?, u64::from_str_radix(to, 16)?);
        // Behind offset, device and inode; nothing for memory without a name.
        let mut kind = words.nth(3).unwrap_or("anonymous");
        while let Some(more) = lines.next_if(|line| is_about_a_mapping(line)) {
            if more.starts_with("VmFlags:") && more.contains(" lo") && more.contains(" dd") {
                kind = LOCKED;
            }
        }
        while rights.starts_with("rw") && at < to {
            let len = buffer.len().min((to - at) as usize);
            // A page that nobody can read (a guard, a ring of the kernel) holds nothing of ours.
            let Ok(read) = memory.read_at(&mut buffer[..len], at) else {
                at += PAGE;
                continue;
            };
            for (finder, found) in finders.iter().zip(&mut found) {
                // What begins behind the piece is the next one's.
                let begins = finder.find_iter(&buffer[..read]).filter(|begin| *begin < PIECE);
                let times = begins.count() as u64;
                if times > 0 {
                    *found.entry(kind.to_owned()).or_default() += times;
                }
            }
            at += (PIECE as u64).min(read.max(1) as u64);
        }
    }
    Ok(found)
}

/// What follows a mapping's first line says what it is about, with a colon: `VmFlags: rd wr`.
fn is_about_a_mapping(line: &str) -> bool {
    line.split_whitespace().next().is_some_and(|word| word.ends_with(':'))
}

/// See [`Found`].
pub(crate) const LOCKED: &str = "locked";

const PAGE: u64 = 4_096;
const PIECE: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_process_holds_is_found_where_it_holds_it_and_nothing_else() {
        let held = "a canary in the environment of a process that sleeps";
        let mut child =
            std::process::Command::new("sleep").arg("60").env("HELD", held).spawn().unwrap();
        let end = std::time::Instant::now() + cobrowse_tests::limits::WAIT_MAX;
        // Between its making and its program it has nothing of its own yet.
        let found = loop {
            let wanted = [held.as_bytes(), b"what it does not hold"];
            let found = find(child.id(), &wanted).unwrap_or_default();
            let is_there = found.first().is_some_and(|held| held.contains_key("[stack]"));
            if is_there || std::time::Instant::now() > end {
                break found;
            }
        };
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found[0].get("[stack]"), Some(&1), "{found:?}");
        assert!(found[1].is_empty(), "{found:?}");
    }
}
