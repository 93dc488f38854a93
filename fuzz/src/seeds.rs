//! Seeds: inputs in git from which the mutated ones grow.
//!
//! Each target has a folder of files, shared with libFuzzer. Those that a target can make from the project's own encoders are
//! named `made-…` and written by `cobrowse-fuzz --make-seeds` when a format has changed; the others are findings and
//! were put there by hand.

use std::io;
use std::path::PathBuf;

use crate::targets::Target;

/// Where a target's seeds stand.
pub fn folder(target: &Target) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target.name)
}

/// The seeds of a target, in the order of their names; none when the folder is missing.
pub fn read(target: &Target) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder(target)).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().filter_map(|path| std::fs::read(path).ok()).collect()
}

/// Writes the seeds that the target makes, and removes those that it made before.
pub fn make(target: &Target) -> io::Result<usize> {
    let folder = folder(target);
    std::fs::create_dir_all(&folder)?;
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(MADE)) {
            std::fs::remove_file(path)?;
        }
    }
    let seeds = (target.seeds)();
    for (at, seed) in seeds.iter().enumerate() {
        std::fs::write(folder.join(format!("{MADE}{at:02}")), seed)?;
    }
    Ok(seeds.len())
}

const MADE: &str = "made-";
