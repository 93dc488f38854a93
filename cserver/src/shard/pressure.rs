//! How full the core is, and what it leaves out for that.
//!
//! Ten times a second the processor time that the core took is held against the clock. A core that stays full takes one step after the other, in
//! the order of what people miss least: first its flush waits, so that more messages share a record and a send; then ephemeral frames go; then agents
//! who lag skip earlier to a keyframe, within the relay's budget for those; then new sessions are refused. The last two only while turns have
//! become so long that people notice. When there is room again it goes back, step by step.

use protocol::limits::AGENT_LAG_BYTES_MAX;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pressure {
    looked_ms: u64,
    /// Processor time of the core's thread at that look.
    cpu_us: u64,
    longest_turn_us: u64,
    step: u64,
}

impl Pressure {
    /// A turn has taken so long by the clock.
    pub(super) fn note_turn(&mut self, us: u64) {
        self.longest_turn_us = self.longest_turn_us.max(us);
    }

    /// Whether it is time to look.
    pub(super) fn is_due(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.looked_ms) >= LOOK_MS
    }

    /// The core's thread has used so much processor time since it began. Whether that changes anything.
    pub(super) fn look(&mut self, now_ms: u64, cpu_us: u64) -> bool {
        let passed_ms = now_ms.saturating_sub(self.looked_ms).max(1);
        let used_us = cpu_us.saturating_sub(self.cpu_us);
        let percent = used_us / (passed_ms * 10);
        let late = self.longest_turn_us >= LATE_US;
        (self.looked_ms, self.cpu_us, self.longest_turn_us) = (now_ms, cpu_us, 0);
        let before = self.step;
        if percent >= FULL_PERCENT {
            let highest = if late { REFUSE } else { EPHEMERAL };
            self.step = (self.step + 1).min(highest.max(self.step));
        } else if percent < ROOM_PERCENT {
            self.step = self.step.saturating_sub(passed_ms / LOOK_MS);
        }
        self.step != before
    }

    /// How long the flush may wait for more to send; zero unless the core is full.
    pub(super) fn flush_ms(&self) -> u64 {
        (self.step * FLUSH_STEP_MS).min(FLUSH_WAIT_MS_MAX)
    }

    /// Whether ephemeral frames are left out.
    pub(super) fn leaves_out_ephemeral(&self) -> bool {
        self.step >= EPHEMERAL
    }

    /// What agents may lag behind.
    pub(super) fn lag_bytes_max(&self) -> u64 {
        if self.step >= RESYNC { FULL_LAG_BYTES_MAX } else { AGENT_LAG_BYTES_MAX as u64 }
    }

    /// Whether new sessions are refused.
    pub(super) fn refuses(&self) -> bool {
        self.step >= REFUSE
    }

    /// How many steps were taken.
    pub(super) fn step(&self) -> u64 {
        self.step
    }
}

/// Between two looks: some turns of a full core, and a tenth of what a person waits before asking what is wrong.
pub(super) const LOOK_MS: u64 = 100;

/// A core with less room than this lets messages wait for each other in any case, in its sockets.
const FULL_PERCENT: u64 = 95;

/// Below it there is room for what was left out: the gap keeps the later steps from going to and fro. With a wider one a core that was full for a
/// moment, and then has a tenth of its time left, would go on holding messages up.
const ROOM_PERCENT: u64 = 90;

/// A step's part of the flush's wait.
const FLUSH_STEP_MS: u64 = 5;

/// The longest wait of a flush: a picture a person cannot tell from the next.
pub(super) const FLUSH_WAIT_MS_MAX: u64 = 20;

/// A turn that a person notices.
const LATE_US: u64 = 50_000;

/// What a full core lets an agent lag behind before it skips.
const FULL_LAG_BYTES_MAX: u64 = AGENT_LAG_BYTES_MAX as u64 / 8;

// The steps behind those of the flush.
const EPHEMERAL: u64 = FLUSH_WAIT_MS_MAX / FLUSH_STEP_MS + 1;
const RESYNC: u64 = EPHEMERAL + 1;
const REFUSE: u64 = RESYNC + 1;

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks ten times a second while the core uses this share of its time.
    fn run(pressure: &mut Pressure, looks: u64, percent: u64, turn_us: u64) {
        for _ in 0..looks {
            pressure.note_turn(turn_us);
            let (now_ms, cpu_us) = (pressure.looked_ms + LOOK_MS, pressure.cpu_us);
            assert!(pressure.is_due(now_ms));
            pressure.look(now_ms, cpu_us + percent * LOOK_MS * 10);
        }
    }

    #[test]
    fn a_core_with_room_leaves_nothing_out_and_a_full_one_takes_step_after_step() {
        let mut pressure = Pressure::default();
        run(&mut pressure, 50, 94, 1_000_000);
        assert_eq!(pressure.step(), 0);
        let mut seen = Vec::new();
        for _ in 0..8 {
            run(&mut pressure, 1, 99, LATE_US);
            seen.push((
                pressure.flush_ms(),
                pressure.leaves_out_ephemeral(),
                pressure.lag_bytes_max() < AGENT_LAG_BYTES_MAX as u64,
                pressure.refuses(),
            ));
        }
        let steps = [
            (5, false, false, false),
            (10, false, false, false),
            (15, false, false, false),
            (20, false, false, false),
            (20, true, false, false),
            (20, true, true, false),
            (20, true, true, true),
            (20, true, true, true),
        ];
        assert_eq!(seen, steps);
    }

    #[test]
    fn a_full_core_whose_turns_are_short_refuses_nobody() {
        let mut pressure = Pressure::default();
        run(&mut pressure, 100, 100, LATE_US - 1);
        assert!(pressure.leaves_out_ephemeral() && !pressure.refuses());
        assert_eq!(pressure.lag_bytes_max(), AGENT_LAG_BYTES_MAX as u64);
    }

    #[test]
    fn it_goes_back_by_steps_when_there_is_room_and_at_once_after_silence() {
        let mut pressure = Pressure::default();
        run(&mut pressure, 20, 100, LATE_US);
        run(&mut pressure, 3, 90, 10);
        assert!(pressure.refuses(), "between the two bounds it stays");
        run(&mut pressure, 1, 50, 10);
        assert!(!pressure.refuses() && pressure.leaves_out_ephemeral());
        pressure.look(pressure.looked_ms + 5_000, pressure.cpu_us);
        assert_eq!((pressure.step(), pressure.flush_ms()), (0, 0));
    }
}
