//! The named scenarios: who connects, and exactly what they send. README.md says the same in words.
//!
//! A scenario is one or more crowds that run at the same time; each crowd is measured for itself.

use serde::Serialize;

use crate::stamp::STAMP_BYTES;

/// A scenario.
#[derive(Clone, Debug, Serialize)]
pub struct Scenario {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it is for, in one sentence.
    pub about: &'static str,
    /// How it runs.
    pub mode: Mode,
    /// Who takes part.
    pub crowds: Vec<Crowd>,
    /// Traffic before the measured window.
    pub warmup_ms: u64,
    /// The measured window.
    pub measure_ms: u64,
}

/// How a scenario runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Mode {
    /// All connect, then messages flow at their rates.
    Relay,
    /// All connect, then nothing happens.
    Idle,
    /// Connections are opened and closed, so many at once, so many in all.
    Connect {
        /// In all.
        total: u32,
        /// At once.
        at_once: u32,
    },
    /// Like `Relay`, again and again with rates raised by a factor, until the latency passes its bound or messages are lost.
    Saturate {
        /// From step to step.
        factor: f64,
        /// The bound of the 99th percentile.
        p99_ms: u64,
    },
}

/// Sessions of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Crowd {
    /// What it is called in reports.
    pub name: &'static str,
    /// Sessions.
    pub sessions: u32,
    /// Agents of each session that read.
    pub agents: u32,
    /// Agents of each session that stop reading once they are in.
    pub stalled: u32,
    /// Diffs of each session in a second.
    pub diffs_per_s: f64,
    /// Payload of a diff.
    pub diff_bytes: usize,
    /// Ephemeral frames of each session in a second; 48 bytes of payload; not counted as messages, since the server may drop them.
    pub ephemerals_per_s: f64,
    /// Keyframes of each session in a second, besides the one at its start; each counts as one message.
    pub keyframes_per_s: f64,
    /// Payload of a keyframe, over all its chunks.
    pub keyframe_bytes: usize,
    /// Pointer frames of each agent in a second; 24 bytes of payload.
    pub pointers_per_s: f64,
    /// From when on agents join, and over how long; in milliseconds from the start of the measured window. `None`: before it.
    pub join: Option<Span>,
    /// When all connections of the crowd are cut at once and come back; milliseconds from the start of the measured window.
    pub cut_ms: Option<u64>,
    /// How long a session lives before its visitor says goodbye and a new one takes its place. `None`: for the whole run.
    pub life_ms: Option<u64>,
}

/// A span of the measured window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Milliseconds from the window's start.
    pub from_ms: u64,
    /// How long.
    pub over_ms: u64,
}

/// What the command line may change.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Overrides {
    /// Sessions of the first crowd.
    #[arg(long)]
    pub sessions: Option<u32>,
    /// Reading agents of each session of the first crowd.
    #[arg(long)]
    pub agents: Option<u32>,
    /// Agents of each session of the first crowd that stop reading.
    #[arg(long)]
    pub stalled: Option<u32>,
    /// Diffs of each session in a second, in the first crowd.
    #[arg(long)]
    pub rate: Option<f64>,
    /// Payload of a diff in the first crowd.
    #[arg(long)]
    pub bytes: Option<usize>,
    /// Seconds of the measured window.
    #[arg(long)]
    pub seconds: Option<u64>,
    /// Seconds of traffic before it.
    #[arg(long)]
    pub warmup: Option<u64>,
}

impl Scenario {
    /// The scenario of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        all().into_iter().find(|scenario| scenario.name.eq_ignore_ascii_case(name))
    }

    /// Applies the command line; the faults of what it asks for, each with its remedy.
    pub fn change(&mut self, by: &Overrides) -> Result<(), String> {
        if let Some(seconds) = by.seconds {
            self.measure_ms = seconds.saturating_mul(1_000);
        }
        if let Some(seconds) = by.warmup {
            self.warmup_ms = seconds.saturating_mul(1_000);
        }
        if let Some(first) = self.crowds.first_mut() {
            first.sessions = by.sessions.unwrap_or(first.sessions);
            first.agents = by.agents.unwrap_or(first.agents);
            first.stalled = by.stalled.unwrap_or(first.stalled);
            first.diffs_per_s = by.rate.unwrap_or(first.diffs_per_s);
            first.diff_bytes = by.bytes.unwrap_or(first.diff_bytes);
        }
        if let (Mode::Connect { total, .. }, Some(sessions)) = (&mut self.mode, by.sessions) {
            *total = sessions;
        }
        self.check()
    }

    fn check(&self) -> Result<(), String> {
        for crowd in &self.crowds {
            let diff = crowd.diff_bytes;
            if !(STAMP_BYTES..=protocol::limits::FRAME_PAYLOAD_BYTES_MAX).contains(&diff) {
                return Err(format!(
                    "a diff of {diff} bytes: give {STAMP_BYTES} to {} with --bytes",
                    protocol::limits::FRAME_PAYLOAD_BYTES_MAX
                ));
            }
            if !(0.0..=RATE_PER_S_MAX).contains(&crowd.diffs_per_s) {
                return Err(format!(
                    "{} messages a second: give 0 to {RATE_PER_S_MAX} with --rate",
                    crowd.diffs_per_s
                ));
            }
            if crowd.sessions == 0 {
                return Err("no sessions: give at least one with --sessions".into());
            }
        }
        let length_ms = self.warmup_ms.saturating_add(self.measure_ms);
        if self.measure_ms == 0 || length_ms > crate::limits::RUN_MS_MAX {
            return Err(format!("{length_ms} ms: give 1 to 3,500 with --seconds"));
        }
        let connections = self.connections();
        if connections > crate::limits::CONNECTIONS_MAX {
            return Err(format!(
                "{connections} connections: at most {} in one run",
                crate::limits::CONNECTIONS_MAX
            ));
        }
        Ok(())
    }

    /// Agents that stop reading.
    pub fn stalled(&self) -> u64 {
        self.crowds.iter().map(|crowd| u64::from(crowd.sessions) * u64::from(crowd.stalled)).sum()
    }

    /// Connections at the same time.
    pub fn connections(&self) -> usize {
        match self.mode {
            Mode::Connect { at_once, .. } => at_once as usize,
            _ => self
                .crowds
                .iter()
                .map(|c| c.sessions as usize * (1 + c.agents as usize + c.stalled as usize))
                .sum(),
        }
    }

    /// Messages that agents should get in a second.
    pub fn deliveries_per_s(&self) -> f64 {
        let of = |c: &Crowd| {
            f64::from(c.sessions) * f64::from(c.agents) * (c.diffs_per_s + c.keyframes_per_s)
        };
        self.crowds.iter().map(of).sum()
    }
}

/// All of them, as `loadgen list` shows them.
pub fn all() -> Vec<Scenario> {
    let relay = |name, about, crowds| Scenario {
        name,
        about,
        mode: Mode::Relay,
        crowds,
        warmup_ms: 2_000,
        measure_ms: 10_000,
    };
    let few = Crowd { name: "bystanders", sessions: 40, agents: 2, ..QUIET };
    let bystanders = Crowd { diffs_per_s: 5.0, ..few };
    let working = Crowd {
        name: "sessions",
        sessions: 150,
        agents: 2,
        diffs_per_s: 4.0,
        diff_bytes: 280,
        ephemerals_per_s: 8.0,
        keyframes_per_s: 0.1,
        keyframe_bytes: 60 * 1024,
        pointers_per_s: 2.0,
        life_ms: Some(20_000),
        ..QUIET
    };
    vec![
        Scenario {
            measure_ms: 60_000,
            ..relay(
                "typical",
                "A contact centre's hour in a minute: sessions come and go, pages change, agents point.",
                vec![working.clone()],
            )
        },
        relay(
            "fan-out",
            "One page for a whole team: many agents on few sessions.",
            vec![Crowd { name: "sessions", sessions: 10, agents: 200, diffs_per_s: 10.0, ..QUIET }],
        ),
        relay(
            "keyframes",
            "Large pages that change often: keyframes of 256 KiB between diffs.",
            vec![Crowd {
                name: "sessions",
                sessions: 20,
                agents: 3,
                diffs_per_s: 5.0,
                keyframes_per_s: 1.0,
                keyframe_bytes: 256 * 1024,
                ..QUIET
            }],
        ),
        Scenario {
            mode: Mode::Idle,
            ..relay(
                "idle",
                "Presence: very many quiet connections, and what each costs in memory.",
                vec![Crowd { name: "connections", sessions: 10_000, agents: 1, ..QUIET }],
            )
        },
        relay(
            "join-storm",
            "Everybody opens the same view at once, while others work on.",
            vec![
                bystanders.clone(),
                Crowd {
                    name: "joiners",
                    sessions: 20,
                    agents: 50,
                    diffs_per_s: 2.0,
                    keyframe_bytes: 60 * 1024,
                    join: Some(Span { from_ms: 3_000, over_ms: 1_000 }),
                    ..QUIET
                },
            ],
        ),
        Scenario {
            measure_ms: 15_000,
            ..relay(
                "reconnect-storm",
                "A network goes away and comes back: 1,000 sessions return at once, with resumed TLS, while others work on.",
                vec![
                    bystanders.clone(),
                    Crowd {
                        name: "returners",
                        sessions: 1_000,
                        agents: 1,
                        diffs_per_s: 1.0,
                        keyframe_bytes: 16 * 1024,
                        cut_ms: Some(3_000),
                        ..QUIET
                    },
                ],
            )
        },
        Scenario {
            measure_ms: 20_000,
            ..relay(
                "slow-readers",
                "Agents that stop reading, among healthy ones of the same sessions.",
                vec![Crowd {
                    name: "sessions",
                    sessions: 20,
                    agents: 3,
                    stalled: 50,
                    diffs_per_s: 10.0,
                    diff_bytes: 4_096,
                    ..QUIET
                }],
            )
        },
        Scenario {
            // Filling what the kernel holds for them takes one and a half to two seconds of a whole core.
            warmup_ms: 3_000,
            measure_ms: 12_000,
            ..relay(
                "slow-crowd",
                "Ten thousand agents that stop reading, and six hundred of the same sessions that go on.",
                vec![Crowd {
                    name: "sessions",
                    sessions: 200,
                    agents: 3,
                    stalled: 50,
                    diffs_per_s: 4.0,
                    diff_bytes: 8_192,
                    ..QUIET
                }],
            )
        },
        Scenario {
            measure_ms: 30_000,
            ..relay(
                "mixed",
                "Work, presence, a team view, slow readers and late joiners, all at once.",
                vec![
                    Crowd { sessions: 80, ..working },
                    Crowd { name: "presence", sessions: 1_000, agents: 0, ..QUIET },
                    Crowd { name: "team", sessions: 4, agents: 50, diffs_per_s: 10.0, ..QUIET },
                    Crowd {
                        name: "slow",
                        sessions: 10,
                        agents: 2,
                        stalled: 5,
                        diffs_per_s: 5.0,
                        diff_bytes: 4_096,
                        ..QUIET
                    },
                    Crowd {
                        name: "joiners",
                        sessions: 10,
                        agents: 10,
                        diffs_per_s: 2.0,
                        join: Some(Span { from_ms: 5_000, over_ms: 10_000 }),
                        ..QUIET
                    },
                ],
            )
        },
        Scenario {
            mode: Mode::Saturate { factor: 1.15, p99_ms: 50 },
            measure_ms: 4_000,
            warmup_ms: 1_000,
            ..relay(
                "saturation",
                "W7's shape with the rate raised by 15 % from step to step until the 99th percentile passes 50 ms.",
                vec![Crowd {
                    name: "sessions",
                    sessions: 300,
                    agents: 20,
                    diffs_per_s: 10.0,
                    ..QUIET
                }],
            )
        },
        relay(
            "W1",
            "500 sessions with one agent each, 5 messages a second of 400 bytes.",
            vec![Crowd { name: "sessions", sessions: 500, agents: 1, diffs_per_s: 5.0, ..QUIET }],
        ),
        relay(
            "W2",
            "50 sessions with 20 agents each, 20 messages a second of 400 bytes.",
            vec![Crowd { name: "sessions", sessions: 50, agents: 20, diffs_per_s: 20.0, ..QUIET }],
        ),
        Scenario {
            mode: Mode::Saturate { factor: 1.3, p99_ms: 50 },
            measure_ms: 2_000,
            warmup_ms: 1_000,
            ..relay(
                "W3",
                "W2's shape with the rate raised by 30 % from step to step until the 99th percentile passes 50 ms: how well a server coalesces.",
                vec![Crowd {
                    name: "sessions",
                    sessions: 50,
                    agents: 20,
                    diffs_per_s: 20.0,
                    ..QUIET
                }],
            )
        },
        relay(
            "W4",
            "20 sessions with 5 agents each, 2 keyframes a second of 256 KiB.",
            vec![Crowd {
                name: "sessions",
                sessions: 20,
                agents: 5,
                keyframes_per_s: 2.0,
                keyframe_bytes: 256 * 1024,
                ..QUIET
            }],
        ),
        Scenario {
            mode: Mode::Idle,
            measure_ms: 3_000,
            ..relay(
                "W5",
                "4,000 idle connections: 2,000 sessions with one agent each.",
                vec![Crowd { name: "connections", sessions: 2_000, agents: 1, ..QUIET }],
            )
        },
        Scenario {
            mode: Mode::Connect { total: 3_000, at_once: 32 },
            ..relay(
                "W6",
                "3,000 times connect, upgrade, close; 32 at once, without TLS resumption.",
                vec![Crowd { name: "connections", sessions: 3_000, agents: 0, ..QUIET }],
            )
        },
        relay(
            "W7",
            "300 sessions with 20 agents each, 20 messages a second of 400 bytes: 120,000 deliveries a second.",
            vec![Crowd { name: "sessions", sessions: 300, agents: 20, diffs_per_s: 20.0, ..QUIET }],
        ),
    ]
}

/// A crowd in which nothing happens; a page of 1 KiB at its start.
const QUIET: Crowd = Crowd {
    name: "sessions",
    sessions: 1,
    agents: 1,
    stalled: 0,
    diffs_per_s: 0.0,
    diff_bytes: 400,
    ephemerals_per_s: 0.0,
    keyframes_per_s: 0.0,
    keyframe_bytes: 1_024,
    pointers_per_s: 0.0,
    join: None,
    cut_ms: None,
    life_ms: None,
};

/// More than any page does; the schedule stays sound up to here.
const RATE_PER_S_MAX: f64 = 100_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_sound_and_has_a_name_of_its_own() {
        let all = all();
        for scenario in &all {
            assert_eq!(scenario.check(), Ok(()), "{}", scenario.name);
            assert_eq!(Scenario::by_name(scenario.name).unwrap().name, scenario.name);
        }
        let names: std::collections::HashSet<_> = all.iter().map(|s| s.name).collect();
        assert_eq!(names.len(), all.len());
        for name in ["typical", "fan-out", "idle", "W1", "w7"] {
            assert!(Scenario::by_name(name).is_some(), "{name}");
        }
    }

    #[test]
    fn the_wide_workload_offers_120_000_deliveries_a_second() {
        let wide = Scenario::by_name("W7").unwrap();
        assert_eq!((wide.connections(), wide.deliveries_per_s()), (6_300, 120_000.0));
    }

    #[test]
    fn what_cannot_be_asked_for_is_refused_with_the_option_to_change() {
        let mut scenario = Scenario::by_name("W1").unwrap();
        let short = Overrides { bytes: Some(8), ..Overrides::default() };
        assert!(scenario.clone().change(&short).unwrap_err().contains("--bytes"));
        let long = Overrides { seconds: Some(100_000), ..Overrides::default() };
        assert!(scenario.clone().change(&long).unwrap_err().contains("--seconds"));
        let many = Overrides { sessions: Some(4_000_000), ..Overrides::default() };
        assert!(scenario.clone().change(&many).unwrap_err().contains("connections"));
        let good = Overrides { sessions: Some(5), agents: Some(2), ..Overrides::default() };
        scenario.change(&good).unwrap();
        assert_eq!(scenario.connections(), 15);
    }
}
