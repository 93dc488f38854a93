//! How much room a folder's file system has, before a database finds out in the middle of a write; and whose a file is.

use std::fs::File;
use std::io;
use std::path::Path;

/// Bytes that an ordinary account may still write below `path`, or beside it while it is not there yet. Zero when the file
/// system was mounted, or has fallen back, to read-only.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let there = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let found = rustix::fs::statvfs(there)?;
    if found.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
        return Ok(0);
    }
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Takes the lock of a file, until it is dropped; an error when somebody has it.
pub fn lock(file: &File) -> io::Result<()> {
    Ok(rustix::fs::flock(file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_room_and_so_has_one_that_is_still_to_be_made() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free_bytes(folder.path()).unwrap() > 0);
        assert!(free_bytes(&folder.path().join("store/below")).unwrap() > 0);
    }
}
