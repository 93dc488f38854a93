//! A process that holds keys takes its memory from others: from processes of its account, and from the files that crashes leave.
//!
//! The units forbid the same from outside; this holds where nobody wrote a unit. What is not locked may still be swapped out: that is for the
//! units (`MemorySwapMax=0`), or for whoever turns swap off.

/// No other process of this account reads our memory, and no crash writes it to a file. What the kernel refused, to be told.
#[must_use]
pub fn hide() -> Vec<String> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{
            DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit,
        };
        let none = Rlimit { current: Some(0), maximum: Some(0) };
        let hidden = set_dumpable_behavior(DumpableBehavior::NotDumpable);
        let undumped = setrlimit(Resource::Core, none);
        [
            ("other processes of this account may read this one's memory", hidden),
            ("a crash may write this process's memory to a file", undumped),
        ]
        .into_iter()
        .filter_map(|(what, done)| done.err().map(|error| format!("{what}: {error}")))
        .collect()
    }
    #[cfg(not(target_os = "linux"))]
    Vec::new()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

    #[test]
    fn the_memory_of_this_process_is_its_own() {
        assert!(hide().is_empty());
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        assert_eq!(getrlimit(Resource::Core).maximum, Some(0));
    }
}
