//! The one signal that a program of ours sends: "read certificates and limits again", to a server that runs.
//!
//! A unit's `ExecReload=` needs a program for it, and in the service's own root there is none but the server.

use rustix::process::{Pid, Signal, kill_process};

/// Sends SIGHUP to the process of that number.
pub fn hang_up(process: i32) -> Result<(), HangUpError> {
    // Zero and less would mean whole groups of processes.
    let pid = if process > 0 { Pid::from_raw(process) } else { None };
    let pid = pid.ok_or(HangUpError::NoProcess(process))?;
    kill_process(pid, Signal::HUP).map_err(|error| HangUpError::Refused(process, error.into()))
}

/// Nobody was told.
#[derive(Debug, thiserror::Error)]
pub enum HangUpError {
    /// Not the number of a process.
    #[error("{0} is not the number of a process: `systemctl show --property=MainPID` tells it")]
    NoProcess(i32),
    /// Not there, or somebody else's.
    #[error("process {0} cannot be told to reload: {1}; does it run, and under this account?")]
    Refused(i32, std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_process_that_is_there_can_be_told() {
        for nobody in [0, -1, i32::MIN] {
            assert!(matches!(hang_up(nobody), Err(HangUpError::NoProcess(_))));
        }
        // Above the highest number that Linux gives.
        assert!(matches!(hang_up(i32::MAX), Err(HangUpError::Refused(..))));
    }
}
