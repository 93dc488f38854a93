//! The project's commands. `cargo xtask help` lists them; the README says when to use which.
//!
//! Owns the command line only; each command has a file of its own.

#![allow(clippy::print_stdout, reason = "a command line talks to a person")]

mod accessibility;
mod attack;
mod building;
mod chaos;
mod commands;
mod container;
mod debian;
mod demo;
mod flood;
mod hardening;
mod instructions;
mod mirror;
mod packages;
mod peers;
mod planted;
mod repo;
mod rounds;
mod shape;
mod simulate;
mod stack;
mod test;
mod visit;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's commands.
#[derive(Parser)]
#[command(name = "cargo xtask", version)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the browser part and both servers.
    Build,
    /// Build everything, start it on loopback with a sample shop, and say what to try. Ends with Ctrl-C.
    Demo(demo::Arguments),
    /// Run every check and test.
    Test(test::Arguments),
    /// Run the whole, and the relay alone, in virtual time under seeded faults.
    Simulate(simulate::Arguments),
    /// Break everything that can break around real processes and sessions, and see that nobody is lost.
    Chaos(chaos::Arguments),
    /// Run both servers under their units in a guest of a real systemd, and try to get out.
    Hardening(hardening::Arguments),
    /// Build Debian packages of both servers, and install, upgrade and remove them in a clean root to see.
    Packages(packages::Arguments),
    /// Build the image of both servers, start it as container engines do, and see what it says where io_uring is forbidden.
    Container(container::Arguments),
    /// What is seen of it, in a network of its own.
    #[command(hide = true)]
    ContainerTrial(container::TrialArguments),
    /// The examination inside that guest.
    #[command(hide = true)]
    GuestExamine,
    /// The attempts to get out.
    #[command(hide = true)]
    EscapeProbe,
    /// Answers in a network namespace of the firewall's test.
    #[command(hide = true)]
    FirewallEcho,
    /// Asks there.
    #[command(hide = true)]
    FirewallKnock {
        /// tcp:ADDRESS or udp:ADDRESS
        address: String,
    },
    /// Asks there, often.
    #[command(hide = true)]
    FirewallFlood {
        /// Where.
        address: String,
        /// How often.
        count: usize,
    },
    /// Try everything that must not pass: credentials, requests, WebSockets, canaries, a hostile visitor.
    Attack(attack::Arguments),
    /// Flood a server with half-open connections, resets and frames, and hold its memory and a healthy session to their bounds.
    Flood(flood::Arguments),
    /// Look with axe at everything that visitors and agents see.
    Accessibility(accessibility::Arguments),
    /// Compare pages of many kinds on both sides, try to leak through the mask, and measure what both cost.
    Mirror(mirror::Arguments),
    /// Measure other relays and the CServer under the same load, in turn, and compare.
    BenchPeers(peers::Arguments),
    /// Measure whether a message costs the same over one and two cores, few sessions and many, few agents and many of each.
    BenchShape(shape::Arguments),
    /// Count the instructions of the parts that run for every frame, connection or join, and compare with the baseline.
    Instructions(instructions::Arguments),
    /// Start a stack on free ports, describe it in one line of JSON, and keep it until standard input ends.
    Stack(stack::Arguments),
}

fn main() -> ExitCode {
    let result = match Line::parse().command {
        Command::Build => repo::Repo::find().and_then(|repo| building::all(&repo)).map(|()| true),
        Command::Demo(arguments) => demo::run(&arguments).map(|()| true),
        Command::Test(arguments) => test::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Chaos(arguments) => chaos::run(&arguments),
        Command::Hardening(arguments) => hardening::run(&arguments),
        Command::Packages(arguments) => packages::run(&arguments).map(|()| true),
        Command::Container(arguments) => container::run(&arguments).map(|()| true),
        Command::ContainerTrial(arguments) => container::trial(&arguments).map(|()| true),
        Command::GuestExamine => hardening::guest::examine().map(|()| true),
        Command::FirewallEcho => hardening::firewall::echo().map(|()| true),
        Command::FirewallKnock { address } => {
            hardening::firewall::knock(&address).map(|open| println!("{open}")).map(|()| true)
        }
        Command::FirewallFlood { address, count } => hardening::firewall::flood(&address, count)
            .map(|open| println!("{open}"))
            .map(|()| true),
        Command::EscapeProbe => hardening::probes::run().map(|()| true),
        Command::Attack(arguments) => attack::run(&arguments),
        Command::Flood(arguments) => flood::run(&arguments).map(|()| true),
        Command::Accessibility(arguments) => accessibility::run(&arguments),
        Command::Mirror(arguments) => mirror::run(&arguments),
        Command::BenchPeers(arguments) => peers::run(&arguments).map(|()| true),
        Command::BenchShape(arguments) => shape::run(&arguments).map(|()| true),
        Command::Instructions(arguments) => instructions::run(&arguments),
        Command::Stack(arguments) => stack::run(&arguments).map(|()| true),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_command_can_be_asked_for_help() {
        Line::command().debug_assert();
    }
}
