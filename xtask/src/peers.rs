//! `bench-peers`: other relays and the CServer under the same load, in turn, in one run; medians, spread and ratios.
//!
//! The peers' packages come from npm, crates.io and Debian; their code stands in `bench/peers`. Server and generator keep to one processor
//! each. Within a round every workload is put to every server in turn, so that what else the machine does meets all of them alike.

mod install;
mod results;
mod run;

use anyhow::{Context, Result};

use crate::repo::Repo;
use crate::rounds::Rounds;
use results::Results;
use run::Bench;

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: Rounds,
    /// These servers only, separated by commas. Ratios need `bun`.
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = Server::ALL)]
    servers: Vec<Server>,
    /// These workloads only.
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = Workload::ALL)]
    workloads: Vec<Workload>,
}

/// Who is measured, as in the JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Server {
    Cserver,
    CserverPoll,
    Bun,
    Rust,
    Nchan,
    Ws,
    Socketio,
}

impl Server {
    const ALL: [Self; 7] = [
        Self::Cserver,
        Self::CserverPoll,
        Self::Bun,
        Self::Rust,
        Self::Nchan,
        Self::Ws,
        Self::Socketio,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Cserver => "cserver",
            Self::CserverPoll => "cserver_poll",
            Self::Bun => "bun",
            Self::Rust => "rust",
            Self::Nchan => "nchan",
            Self::Ws => "ws",
            Self::Socketio => "socketio",
        }
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What is measured: scenarios of the load generator. W3 comes last, since it drives a server to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
#[value(rename_all = "verbatim")]
pub(crate) enum Workload {
    W1,
    W2,
    W4,
    W5,
    W6,
    W7,
    W3,
}

impl Workload {
    const ALL: [Self; 7] = [Self::W1, Self::W2, Self::W4, Self::W5, Self::W6, Self::W7, Self::W3];

    fn name(self) -> &'static str {
        match self {
            Self::W1 => "W1",
            Self::W2 => "W2",
            Self::W3 => "W3",
            Self::W4 => "W4",
            Self::W5 => "W5",
            Self::W6 => "W6",
            Self::W7 => "W7",
        }
    }

    /// What the figure counts.
    fn unit(self) -> &'static str {
        match self {
            Self::W1 | Self::W2 | Self::W7 => "us of CPU for each delivered message",
            Self::W3 => "deliveries a second with the 99th percentile below 50 ms",
            Self::W4 => "us of CPU for each delivered MB",
            Self::W5 => "bytes of resident memory for each idle connection",
            Self::W6 => "us of CPU for each connection opened and closed",
        }
    }

    /// Deliveries a second that it offers at least; a server that cannot do as much is not measured under it.
    fn offers_per_s(self) -> f64 {
        match self {
            Self::W7 => 120_000.0,
            Self::W3 => run::W3_FIRST_RATE * 1_000.0,
            _ => 0.0,
        }
    }
}

impl std::fmt::Display for Workload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Builds, installs, measures, tells.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let common = &arguments.common;
    common.check()?;
    let repo = Repo::find()?;
    if !common.no_build {
        install::build(&repo)?;
    }
    let mut results = Results::new(common.rounds);
    let floor = install::floor(&repo).context("the floor cannot be measured")?;
    let bench = Bench::new(&repo, common.seconds)?;
    let mut ready = Vec::new();
    for server in &arguments.servers {
        match bench.prepare(*server) {
            Ok(peer) => ready.push((*server, peer)),
            Err(error) => results.unavailable(*server, &arguments.workloads, &format!("{error:#}")),
        }
    }
    let mut workloads = arguments.workloads.clone();
    workloads.sort_unstable();
    for round in 1..=common.rounds {
        for workload in &workloads {
            for (server, peer) in &ready {
                eprintln!("round {round} of {}: {workload} {server}", common.rounds);
                match results.beyond_reach(*server, *workload) {
                    Some(reason) => results.leave_out(*server, *workload, &reason),
                    None => {
                        let outcome = bench.measure(peer, *workload);
                        results.take(*server, *workload, outcome);
                    }
                }
            }
        }
    }
    println!("{}", results.table(&arguments.servers, &workloads, &floor));
    common.write(&results.json(&arguments.servers, &workloads, &floor))
}
