//! What the rounds have given: medians, spread, ratios; as a table for people and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::install::Floor;
use super::run::Measured;
use super::{Server, Workload};

/// See the module.
pub(super) struct Results {
    rounds: usize,
    measured: BTreeMap<(Workload, Server), Vec<Measured>>,
    /// Why a value is missing, or some rounds of it.
    reasons: BTreeMap<(Workload, Server), String>,
}

impl Results {
    pub(super) fn new(rounds: usize) -> Self {
        Self { rounds, measured: BTreeMap::new(), reasons: BTreeMap::new() }
    }

    pub(super) fn take(&mut self, server: Server, workload: Workload, outcome: Result<Measured>) {
        match outcome {
            Ok(measured) => self.measured.entry((workload, server)).or_default().push(measured),
            Err(error) => self.leave_out(server, workload, &format!("{error:#}")),
        }
    }

    pub(super) fn leave_out(&mut self, server: Server, workload: Workload, reason: &str) {
        eprintln!("  {reason}");
        self.reasons.insert((workload, server), reason.into());
    }

    pub(super) fn unavailable(&mut self, server: Server, workloads: &[Workload], reason: &str) {
        eprintln!("{server}: {reason}");
        for workload in workloads {
            self.reasons.insert((*workload, server), reason.into());
        }
    }

    /// Why a workload is too much for a server, by what it needed for W2's messages; `None` if it is not, or not known to be.
    pub(super) fn beyond_reach(&self, server: Server, workload: Workload) -> Option<String> {
        let cost_us = self.median(server, Workload::W2)?;
        let cores = cost_us * workload.offers_per_s() / 1e6;
        (cores > CORES_MAX).then(|| {
            format!(
                "beyond one core: at {cost_us:.1} us, as in W2, {:.0} deliveries a second would take {cores:.1}",
                workload.offers_per_s()
            )
        })
    }

    fn median(&self, server: Server, workload: Workload) -> Option<f64> {
        median(&self.values(server, workload, |one| one.value))
    }

    fn values(
        &self,
        server: Server,
        workload: Workload,
        of: impl Fn(&Measured) -> f64,
    ) -> Vec<f64> {
        self.measured.get(&(workload, server)).into_iter().flatten().map(of).collect()
    }

    /// A table in Markdown: rows are workloads.
    pub(super) fn table(
        &self,
        servers: &[Server],
        workloads: &[Workload],
        floor: &Floor,
    ) -> String {
        let mut out = String::from("| |");
        for server in servers {
            // Writing to memory does not fail.
            let _ = write!(out, " {server} |");
        }
        out.push_str(" floor | cserver to bun |\n|---|");
        out.push_str(&"---|".repeat(servers.len() + 2));
        for workload in workloads {
            let _ = write!(out, "\n| {workload} {} |", workload.unit());
            for server in servers {
                let values = self.values(*server, *workload, |one| one.value);
                let _ = match (median(&values), spread(&values)) {
                    (Some(middle), Some((low, high))) => {
                        write!(out, " {} ({}-{}) |", short(middle), short(low), short(high))
                    }
                    _ => write!(out, " null |"),
                };
            }
            let _ = match floor.of(*workload) {
                Some(floor) => write!(out, " {} |", short(floor)),
                None => write!(out, " |"),
            };
            let _ = match self.ratio(Server::Cserver, *workload) {
                Some(ratio) => write!(out, " {ratio:.2} |"),
                None => write!(out, " |"),
            };
        }
        out.push('\n');
        for ((workload, server), reason) in &self.reasons {
            let _ = writeln!(out, "{workload} {server}: {reason}");
        }
        out
    }

    pub(super) fn json(&self, servers: &[Server], workloads: &[Workload], floor: &Floor) -> Value {
        let mut all = Map::new();
        for workload in workloads {
            all.insert(workload.name().into(), self.workload(servers, *workload, floor));
        }
        all.insert("rounds".into(), json!(self.rounds));
        all.insert("floor".into(), json!(floor));
        all.insert("machine".into(), machine());
        Value::Object(all)
    }

    fn workload(&self, servers: &[Server], workload: Workload, floor: &Floor) -> Value {
        let mut out = Map::new();
        out.insert("unit".into(), json!(workload.unit()));
        let mut reasons = Map::new();
        let (mut spreads, mut details, mut ratios) = (Map::new(), Map::new(), Map::new());
        for server in servers {
            let values = self.values(*server, workload, |one| one.value);
            out.insert(server.name().into(), json!(median(&values)));
            if let Some(spread) = spread(&values) {
                spreads.insert(server.name().into(), json!(spread));
                let middle = |of: fn(&Measured) -> f64| median(&self.values(*server, workload, of));
                details.insert(
                    server.name().into(),
                    json!({
                        "p99_ms": middle(|one| one.p99_ms),
                        "lost": middle(|one| one.lost as f64),
                        "server_cpu": middle(|one| one.server_cpu),
                        "generator_cpu": middle(|one| one.generator_cpu),
                        "values": values,
                    }),
                );
            }
            if let Some(ratio) = self.ratio(*server, workload) {
                ratios.insert(server.name().into(), json!(ratio));
            }
            if let Some(reason) = self.reasons.get(&(workload, *server)) {
                reasons.insert(server.name().into(), json!(reason));
            }
        }
        out.insert("uwebsockets".into(), Value::Null);
        reasons.insert("uwebsockets".into(), json!("in none of the package registries"));
        if let Some(floor) = floor.of(workload) {
            out.insert("floor".into(), json!(floor));
        }
        out.insert("spread".into(), spreads.into());
        out.insert("ratio_to_bun".into(), ratios.into());
        out.insert("details".into(), details.into());
        out.insert("reasons".into(), reasons.into());
        Value::Object(out)
    }

    fn ratio(&self, server: Server, workload: Workload) -> Option<f64> {
        let bun = self.median(Server::Bun, workload).filter(|bun| *bun > 0.0)?;
        Some(self.median(server, workload)? / bun)
    }
}

impl Floor {
    fn of(&self, workload: Workload) -> Option<f64> {
        match workload {
            Workload::W1 | Workload::W2 | Workload::W7 => Some(self.record_us + self.send_us),
            Workload::W4 => Some(self.megabyte_us),
            Workload::W6 => Some(self.handshake_us),
            Workload::W3 | Workload::W5 => None,
        }
    }
}

/// A full server batches, which makes a message cheaper than it was in W2: by a third at most among those measured.
const CORES_MAX: f64 = 1.6;

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

fn spread(values: &[f64]) -> Option<(f64, f64)> {
    let low = values.iter().copied().reduce(f64::min)?;
    let high = values.iter().copied().reduce(f64::max)?;
    Some((low, high))
}

fn short(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

fn machine() -> Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    json!({
        "processor": model.trim_start_matches([' ', '\t', ':']),
        "processors": std::thread::available_parallelism().map_or(0, usize::from),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "load": read("/proc/loadavg").trim(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(value: f64) -> Measured {
        Measured { value, p99_ms: 1.0, lost: 0, server_cpu: 0.5, generator_cpu: 0.5 }
    }

    const FLOOR: Floor =
        Floor { record_us: 0.1, send_us: 2.9, megabyte_us: 300.0, handshake_us: 60.0 };

    #[test]
    fn a_workload_has_a_value_for_each_server_or_null_and_the_reason() {
        let mut results = Results::new(3);
        for value in [7.0, 9.0, 8.0] {
            results.take(Server::Cserver, Workload::W2, Ok(measured(value)));
            results.take(Server::Bun, Workload::W2, Ok(measured(value + 2.0)));
        }
        results.take(Server::Nchan, Workload::W2, Err(anyhow::anyhow!("it died")));
        let servers = [Server::Cserver, Server::Bun, Server::Nchan];
        let json = results.json(&servers, &[Workload::W2], &FLOOR);
        let row = &json["W2"];
        assert_eq!((&row["cserver"], &row["bun"]), (&json!(8.0), &json!(10.0)));
        assert_eq!(row["ratio_to_bun"]["cserver"], json!(0.8));
        assert_eq!(row["spread"]["bun"], json!([9.0, 11.0]));
        assert_eq!((&row["nchan"], &row["reasons"]["nchan"]), (&Value::Null, &json!("it died")));
        assert_eq!((&row["floor"], &row["uwebsockets"]), (&json!(3.0), &Value::Null));
        let table = results.table(&servers, &[Workload::W2], &FLOOR);
        assert!(table.contains("8.0 (7.0-9.0) | 10.0 (9.0-11.0) | null | 3.0 | 0.80"), "{table}");
    }

    #[test]
    fn who_cannot_reach_a_workload_is_spared_it() {
        let mut results = Results::new(1);
        results.take(Server::Ws, Workload::W2, Ok(measured(18.7)));
        assert!(results.beyond_reach(Server::Ws, Workload::W7).unwrap().contains("2.2"));
        assert_eq!(results.beyond_reach(Server::Ws, Workload::W4), None);
        assert_eq!(results.beyond_reach(Server::Bun, Workload::W7), None);
    }
}
