//! Watches the cores and tells the service manager how the server is.
//!
//! A beat wakes every core, so that one that does not turn is stuck and not merely idle. While one is stuck the watchdog
//! is not fed: the manager then starts a whole process anew, as for a core's panic.

use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use host::Notifier;

use crate::backend::{Clock, Office, Post};
use crate::limits::{BEAT_MS, DRAIN_MS};
use crate::shared::Shared;

/// What the watch needs.
pub struct Supervisor {
    /// The way to the service manager.
    pub notifier: Arc<Notifier>,
    /// The way to the cores.
    pub office: Arc<Office>,
    /// What they say of themselves.
    pub shared: Arc<Shared>,
    /// Theirs.
    pub clock: Clock,
}

impl Supervisor {
    /// Watches until the process ends.
    pub fn run(self) {
        let beat = self.notifier.watchdog().map_or(BEAT, |watchdog| BEAT.min(watchdog / 4));
        let (mut is_ready, mut is_stopping, mut told) = (false, false, None);
        loop {
            self.office.beat();
            // The cores are quick to answer the first beat; a manager waits for it.
            sleep(if is_ready { beat } else { FIRST_LOOK.min(beat) });
            let now_ms = self.clock.now().mono_ms;
            let stuck = self.shared.stuck(now_ms);
            if stuck.is_none() && (is_ready || self.shared.have_all_turned()) {
                self.notifier.alive();
                if !std::mem::replace(&mut is_ready, true) {
                    tracing::info!("ready");
                    self.notifier.ready(&self.shared.status());
                }
            }
            if let Some(core) = stuck.filter(|_| stuck != told) {
                tracing::error!(core, "a core does not turn any more: the watchdog is not fed");
            }
            told = stuck;
            if !self.shared.is_draining() {
                self.notifier.status(&self.shared.status());
            } else if !std::mem::replace(&mut is_stopping, true) {
                self.notifier.stopping(Duration::from_millis(2 * DRAIN_MS));
            }
        }
    }
}

impl Office {
    /// Wakes every core for a turn.
    pub fn beat(&self) {
        for core in 0..self.cores() {
            self.send(core, Post::Beat);
        }
    }
}

const BEAT: Duration = Duration::from_millis(BEAT_MS);
const FIRST_LOOK: Duration = Duration::from_millis(20);
