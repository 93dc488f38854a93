//! Watches the cores and tells the service manager how the server is.
//!
//! A beat wakes every core, so that one that does not turn is stuck and not merely idle. While one is stuck the watchdog
//! is not fed, and a drain gets no more time: the manager then starts a whole process anew, as for a core's panic.

use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use host::Notifier;

use crate::backend::{Clock, Office, Post};
use crate::limits::{BEAT_MS, DRAIN_MS};
use crate::shared::{CoreIndex, Shared};

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

/// What the manager has been told.
#[derive(Default)]
struct Told {
    is_ready: bool,
    stuck: Option<CoreIndex>,
}

impl Supervisor {
    /// Watches until the process ends.
    pub fn run(self) {
        let beat = self.notifier.watchdog().map_or(BEAT, |watchdog| BEAT.min(watchdog / 4));
        let mut told = Told::default();
        loop {
            self.office.beat();
            // The cores are quick to answer the first beat; a manager waits for it.
            sleep(if told.is_ready { beat } else { FIRST_LOOK.min(beat) });
            self.tell(self.clock.now().mono_ms, &mut told);
        }
    }

    fn tell(&self, now_ms: u64, told: &mut Told) {
        let stuck = self.shared.stuck(now_ms);
        if stuck.is_none() && (told.is_ready || self.shared.have_all_turned()) {
            self.notifier.alive();
            if !std::mem::replace(&mut told.is_ready, true) {
                tracing::info!("ready");
                self.notifier.ready(&self.shared.status());
            }
        }
        if let Some(core) = stuck.filter(|_| stuck != told.stuck) {
            tracing::error!(core, "a core does not turn any more: the watchdog is not fed");
        }
        told.stuck = stuck;
        if !self.shared.is_draining() {
            self.notifier.status(&self.shared.status());
        } else if stuck.is_none() {
            // A drain may be long: each word gives it a little more.
            self.notifier.stopping(STOPPING);
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
const STOPPING: Duration = Duration::from_millis(2 * DRAIN_MS);

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::limits::CORE_STUCK_MS;

    /// What systemd makes of the words of a service that is on its way out (`service_notify_message`), in virtual time.
    struct Manager {
        socket: UnixDatagram,
        /// It kills the service then.
        stop_ms: Option<u64>,
        watchdog_ms: u64,
    }

    impl Manager {
        /// Hears all that was said by now. The watchdog is asked first: a word that comes too late finds nobody.
        fn hear(&mut self, now_ms: u64) {
            let mut bytes = [0; 512];
            while let Ok(length) = self.socket.recv(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
                for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
                    match name {
                        "WATCHDOG" => {
                            self.watchdog_ms = self.watchdog_ms.max(now_ms + unit_ms("WatchdogSec"))
                        }
                        // As if it had been asked to stop: from now on the time of the unit counts.
                        "STOPPING" if self.stop_ms.is_none() => {
                            self.stop_ms = Some(now_ms + unit_ms("TimeoutStopSec"));
                        }
                        // Of each deadline, and never to sooner.
                        "EXTEND_TIMEOUT_USEC" => {
                            let until_ms = now_ms + value.parse::<u64>().unwrap() / 1_000;
                            self.stop_ms = self.stop_ms.map(|stop_ms| stop_ms.max(until_ms));
                            self.watchdog_ms = self.watchdog_ms.max(until_ms);
                        }
                        _ => {}
                    }
                }
            }
        }

        fn kills_at(&self) -> u64 {
            self.stop_ms.unwrap_or(u64::MAX).min(self.watchdog_ms)
        }
    }

    /// What the unit says, in seconds there.
    fn unit_ms(name: &str) -> u64 {
        let unit = include_str!("../../systemd/cserver.service");
        let said = unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        said.unwrap().parse::<u64>().unwrap() * 1_000
    }

    #[test]
    fn a_drain_of_minutes_is_left_its_time_while_the_cores_turn_and_no_longer() {
        let (socket, ours) = UnixDatagram::pair().unwrap();
        socket.set_nonblocking(true).unwrap();
        let mut manager = Manager { socket, stop_ms: None, watchdog_ms: u64::MAX };
        let supervisor = Supervisor {
            notifier: Arc::new(Notifier::over(ours, None)),
            office: Arc::new(Office::new(1)),
            shared: crate::shard::testing::shared(1),
            clock: Clock::start(),
        };
        let mut told = Told::default();
        manager.watchdog_ms = unit_ms("WatchdogSec");
        let stuck_ms = 10 * 60_000;
        for now_ms in (1..).step_by(BEAT_MS as usize) {
            let turned_ms = now_ms.min(stuck_ms);
            supervisor.shared.load(0).turned_ms.store(turned_ms, Ordering::Relaxed);
            if now_ms > 60_000 {
                supervisor.shared.drain();
            }
            if now_ms >= manager.kills_at() {
                assert!(now_ms > stuck_ms, "killed after {now_ms} ms, though its core turned");
                return;
            }
            supervisor.tell(now_ms, &mut told);
            manager.hear(now_ms);
            let latest_ms = stuck_ms + CORE_STUCK_MS + 2 * DRAIN_MS + BEAT_MS;
            assert!(now_ms < latest_ms, "a core that does not turn is waited for");
        }
    }

    #[test]
    fn a_core_that_is_stuck_in_a_drain_gets_no_more_time_and_one_that_has_ended_is_not_missed() {
        let (manager, ours) = UnixDatagram::pair().unwrap();
        manager.set_nonblocking(true).unwrap();
        let supervisor = Supervisor {
            notifier: Arc::new(Notifier::over(ours, None)),
            office: Arc::new(Office::new(2)),
            shared: crate::shard::testing::shared(2),
            clock: Clock::start(),
        };
        let mut told = Told::default();
        let mut said = |now_ms| {
            supervisor.tell(now_ms, &mut told);
            let mut bytes = [0; 512];
            let mut words = Vec::new();
            while let Ok(length) = manager.recv(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
                words.push(text.split('=').next().unwrap().to_owned());
            }
            words.join(" ")
        };
        let shared = &supervisor.shared;
        let turn = |core, ms| shared.load(core).turned_ms.store(ms, Ordering::Relaxed);
        assert_eq!(said(0), "STATUS");
        (0..2).for_each(|core| turn(core, 1));
        assert_eq!(said(1), "WATCHDOG READY STATUS");
        shared.drain();
        assert_eq!(said(2), "WATCHDOG STOPPING");
        assert_eq!(said(3), "WATCHDOG STOPPING", "a long drain gets more time");
        turn(0, CORE_STUCK_MS);
        assert_eq!(said(CORE_STUCK_MS + 1), "");
        shared.core_ended(1);
        assert_eq!(said(CORE_STUCK_MS + 1), "WATCHDOG STOPPING");
    }
}
