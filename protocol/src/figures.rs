//! What a CServer counts, under the names by which Prometheus knows it: PROTOCOL.md section 8.1.
//!
//! Owns names, their texts and their rendering, so that the host's own socket and the web tier say the same. Counting is done
//! by each core in plain numbers of its own; a copy of them is looked at once a second.

use core::fmt::Write;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One metric of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// As Prometheus writes it.
    pub name: &'static str,
    /// What it says, with its unit.
    pub help: &'static str,
}

macro_rules! figures {
    ($($field:ident $name:literal $help:literal;)*) => {
        /// The figures of one core. A field that the other side does not know yet, or no more, is zero.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct CoreFigures {
            $(#[doc = $help] pub $field: u64,)*
            /// Connections and requests that were refused or ended by a rule, by the name of the close code.
            pub refusals: BTreeMap<String, u64>,
            /// Turns of the core by the time they took.
            pub turns: Turns,
        }

        impl CoreFigures {
            /// Every metric that is one number.
            pub const NUMBERS: &'static [Metric] =
                &[$(Metric { name: concat!("cobrowse_cserver_", $name), help: $help }),*];

            fn numbers(&self) -> [u64; Self::NUMBERS.len()] {
                [$(self.$field),*]
            }
        }
    };
}

figures! {
    sessions "sessions" "Live sessions.";
    agents "agents" "Agents with a live connection.";
    connections "connections" "Connections of every kind.";
    unlocked_keys "unlocked_keys" "Connections whose TLS keys lie in memory that the system would not lock: raise LimitMEMLOCK.";
    log_bytes "log_bytes" "Bytes that sessions hold for agents who are behind or still to come.";
    reports_queued "reports_queued" "Reports that a web tier has not acknowledged yet.";
    accepts "accepts_total" "Connections accepted.";
    accepts_refused "accepts_refused_total" "Connections closed at once because the core was full.";
    accept_failures "accept_failures_total" "Times that a waiting connection could not be accepted, most often for want of files.";
    handshakes "handshakes_total" "TLS handshakes completed.";
    frames_in "frames_received_total" "Frames that came in.";
    frames_out "frames_sent_total" "Frames handed out.";
    bytes_in "frame_bytes_received_total" "Bytes of frames that came in.";
    bytes_out "frame_bytes_sent_total" "Bytes of frames handed out.";
    resyncs "resyncs_total" "Keyframes that agents asked for because their copy was wrong.";
    skips "skips_total" "Agents that fell behind and left out frames.";
    purges "purges_total" "Times that a visitor's page withdrew what it had sent.";
    log_drops "log_drops_total" "Session logs that passed their bound.";
    reconnects "visitor_reconnects_total" "Visitors' connections after their first.";
    floods "floods_total" "Agents cut off for too many frames.";
    stalls "stalls_total" "Peers cut off for reading nothing.";
    keyframe_requests "keyframe_requests_total" "Keyframes asked of visitors.";
    keyframe_requests_delayed "keyframe_requests_delayed_total" "Of which so many had to wait for their interval or the core's budget.";
    pointers_dropped "pointers_dropped_total" "Pointers dropped from a visitor's full queue.";
    ephemerals_dropped "ephemerals_dropped_total" "Ephemeral frames left out because the core was full.";
    pressure "pressure_steps" "What the core leaves out because it is full: 0 nothing, 1 to 4 its flush waits up to 20 ms, 5 ephemeral frames, 6 lagging agents skip earlier, 7 new sessions are refused.";
    agent_frames_dropped "agent_frames_dropped_total" "Other frames of agents dropped.";
}

/// A histogram of times.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Turns {
    /// How many took at most as long as the bound of the same place in [`Turns::BOUNDS_US`]; the last: longer than all.
    pub counts: [u64; Turns::BOUNDS_US.len() + 1],
    /// All together, microseconds.
    pub sum_us: u64,
}

impl Turns {
    /// Upper bounds, microseconds: a lone frame takes 20, a person notices 100,000.
    pub const BOUNDS_US: [u64; 10] =
        [20, 50, 100, 250, 500, 1_000, 5_000, 20_000, 100_000, 1_000_000];

    /// One turn has taken so long.
    pub fn note(&mut self, us: u64) {
        let at = Self::BOUNDS_US.iter().position(|bound| us <= *bound);
        self.counts[at.unwrap_or(Self::BOUNDS_US.len())] += 1;
        self.sum_us += us;
    }
}

/// What is said of a CServer as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerFigures {
    /// Its release.
    pub version: String,
    /// `io_uring` or `poll`.
    pub backend: String,
    /// Why no session can begin there, as `/readyz` says it; empty when one can.
    pub not_ready: String,
    /// Control streams that are open.
    pub web_tiers: u64,
    /// Server keys that verify.
    pub keys: u64,
    /// Wall clock of its start, milliseconds.
    pub started_ms: u64,
    /// When its certificates expire, by what they are for; seconds of the wall clock.
    pub certificates: BTreeMap<String, u64>,
}

/// Metrics that are not one number of a core.
pub const OTHERS: &[Metric] = &[
    Metric {
        name: "cobrowse_cserver_refusals_total",
        help: "Connections and requests refused or ended by a rule, by close code.",
    },
    Metric {
        name: "cobrowse_cserver_turn_seconds",
        help: "How long one turn of a core takes, from the first read to the last send: no frame waits longer inside.",
    },
    Metric { name: "cobrowse_cserver_info", help: "Release and backend; always 1." },
    Metric {
        name: "cobrowse_cserver_ready",
        help: "1 when a session can begin there; else the label says why not.",
    },
    Metric { name: "cobrowse_cserver_web_tiers", help: "Control streams that are open." },
    Metric { name: "cobrowse_cserver_server_keys", help: "Server keys that verify tickets." },
    Metric { name: "cobrowse_cserver_start_time_seconds", help: "When it started." },
    Metric {
        name: "cobrowse_cserver_certificate_expiry_timestamp_seconds",
        help: "When a certificate expires.",
    },
];

/// What a web tier counts itself.
pub const WEB_TIER: &[Metric] = &[
    Metric { name: "cobrowse_webtier_servers", help: "Session servers that are configured." },
    Metric {
        name: "cobrowse_webtier_servers_up",
        help: "Session servers whose control stream is open.",
    },
    Metric {
        name: "cobrowse_webtier_store_writable",
        help: "1 while the store's file system has room.",
    },
    Metric {
        name: "cobrowse_webtier_requests_total",
        help: "Requests answered, by method and status.",
    },
    Metric {
        name: "cobrowse_webtier_request_seconds",
        help: "From a request's head to its answer.",
    },
    Metric {
        name: "cobrowse_webtier_logins_total",
        help: "Tries to log in, by outcome: accepted, refused, throttled, failed.",
    },
    Metric {
        name: "cobrowse_webtier_unreadable_masks_total",
        help: "Masks of a group that a visitor's browser could not read, so that everything is masked.",
    },
    Metric {
        name: "cobrowse_webtier_server_clock_offset_seconds",
        help: "How far a session server's clock was ahead of ours when its stream opened.",
    },
    Metric {
        name: "cobrowse_webtier_certificate_expiry_timestamp_seconds",
        help: "When a certificate of the web tier expires.",
    },
];

/// One CServer, to be rendered.
#[derive(Clone, Copy, Debug)]
pub struct Rendered<'a> {
    /// Its id.
    pub server: &'a str,
    /// As a whole.
    pub whole: &'a ServerFigures,
    /// By core.
    pub cores: &'a [CoreFigures],
}

/// All of them in Prometheus's text format, each metric once, its servers and cores below it.
pub fn render(servers: &[Rendered<'_>]) -> String {
    let mut out = String::new();
    let cores = || {
        servers.iter().flat_map(|one| {
            one.cores.iter().enumerate().map(move |(core, figures)| (one.server, core, figures))
        })
    };
    for (at, metric) in CoreFigures::NUMBERS.iter().enumerate() {
        let kind = if metric.name.ends_with("_total") { "counter" } else { "gauge" };
        head(&mut out, metric, kind);
        for (server, core, figures) in cores() {
            line(
                &mut out,
                metric.name,
                &[("server", server), ("core", &core.to_string())],
                figures.numbers()[at],
            );
        }
    }
    let [refusals, turns, info, ready, web_tiers, keys, started, certificates] = OTHERS else {
        unreachable!("the table above has so many")
    };
    head(&mut out, refusals, "counter");
    for (server, core, figures) in cores() {
        for (code, count) in &figures.refusals {
            line(
                &mut out,
                refusals.name,
                &[("server", server), ("core", &core.to_string()), ("code", code)],
                *count,
            );
        }
    }
    head(&mut out, turns, "histogram");
    for (server, core, figures) in cores() {
        histogram(&mut out, turns.name, server, &core.to_string(), &figures.turns);
    }
    head(&mut out, info, "gauge");
    for one in servers {
        let labels = [
            ("server", one.server),
            ("version", &one.whole.version),
            ("backend", &one.whole.backend),
        ];
        line(&mut out, info.name, &labels, 1);
    }
    head(&mut out, ready, "gauge");
    for one in servers {
        let is_ready = one.whole.not_ready.is_empty();
        line(
            &mut out,
            ready.name,
            &[("server", one.server), ("why", &one.whole.not_ready)],
            is_ready.into(),
        );
    }
    type Of = fn(&ServerFigures) -> u64;
    let numbers: [(&Metric, Of); 3] = [
        (web_tiers, |whole| whole.web_tiers),
        (keys, |whole| whole.keys),
        (started, |whole| whole.started_ms / 1_000),
    ];
    for (metric, of) in numbers {
        head(&mut out, metric, "gauge");
        for one in servers {
            line(&mut out, metric.name, &[("server", one.server)], of(one.whole));
        }
    }
    head(&mut out, certificates, "gauge");
    for one in servers {
        for (name, at) in &one.whole.certificates {
            line(
                &mut out,
                certificates.name,
                &[("server", one.server), ("certificate", name)],
                *at,
            );
        }
    }
    out
}

fn histogram(out: &mut String, name: &str, server: &str, core: &str, turns: &Turns) {
    let (mut sum, bucket) = (0, format!("{name}_bucket"));
    let bounds =
        Turns::BOUNDS_US.iter().map(|us| (*us as f64 / 1e6).to_string()).chain(["+Inf".to_owned()]);
    for (count, bound) in turns.counts.iter().zip(bounds) {
        sum += count;
        line(out, &bucket, &[("server", server), ("core", core), ("le", &bound)], sum);
    }
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "{name}_sum{{server=\"{server}\",core=\"{core}\"}} {}",
        turns.sum_us as f64 / 1e6
    );
    line(out, &format!("{name}_count"), &[("server", server), ("core", core)], sum);
}

fn head(out: &mut String, metric: &Metric, kind: &str) {
    let _ = writeln!(out, "# HELP {0} {1}\n# TYPE {0} {kind}", metric.name, metric.help);
}

fn line(out: &mut String, name: &str, labels: &[(&str, &str)], value: u64) {
    let labels: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}=\"{}\"", label(value))).collect();
    let _ = writeln!(out, "{name}{{{}}} {value}", labels.join(","));
}

/// A value that another process sent cannot end its quotes.
fn label(value: &str) -> String {
    value
        .chars()
        .filter(|c| !c.is_control() && *c != '"' && *c != '\\')
        .take(LABEL_CHARS_MAX)
        .collect()
}

const LABEL_CHARS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_metric_stands_once_with_its_servers_and_cores_below() {
        let whole = ServerFigures {
            version: "1\"} evil".into(),
            certificates: [("public".to_owned(), 7)].into(),
            ..ServerFigures::default()
        };
        let mut core = CoreFigures { sessions: 3, ..CoreFigures::default() };
        core.refusals.insert("unauthorized".into(), 2);
        for us in [10, 60, 2_000_000] {
            core.turns.note(us);
        }
        let cores = [core.clone(), core];
        let one = |server| Rendered { server, whole: &whole, cores: &cores };
        let text = render(&[one("s1"), one("s2")]);
        for metric in CoreFigures::NUMBERS.iter().chain(OTHERS) {
            assert_eq!(
                text.matches(&format!("# TYPE {} ", metric.name)).count(),
                1,
                "{}",
                metric.name
            );
        }
        assert!(text.contains("cobrowse_cserver_sessions{server=\"s2\",core=\"1\"} 3\n"));
        assert!(
            text.contains("refusals_total{server=\"s1\",core=\"0\",code=\"unauthorized\"} 2\n")
        );
        assert!(text.contains("turn_seconds_bucket{server=\"s1\",core=\"0\",le=\"0.0001\"} 2\n"));
        assert!(text.contains("turn_seconds_bucket{server=\"s1\",core=\"0\",le=\"+Inf\"} 3\n"));
        assert!(text.contains("turn_seconds_sum{server=\"s1\",core=\"0\"} 2.00007\n"));
        assert!(
            text.contains("expiry_timestamp_seconds{server=\"s1\",certificate=\"public\"} 7\n")
        );
        assert!(text.contains("version=\"1} evil\""), "a label stays in its quotes");
    }

    #[test]
    fn what_another_version_does_not_know_is_zero() {
        let figures: CoreFigures = serde_json::from_str(r#"{"sessions":1,"later":2}"#).unwrap();
        assert_eq!(figures, CoreFigures { sessions: 1, ..CoreFigures::default() });
    }
}
