//! The stages of `test`, in the order in which they run: quick answers first.

use anyhow::{Context as _, Result, bail, ensure};

use super::Context;
use super::count::Count;
use super::tools;
use crate::commands::Run;
use crate::{
    attack, building, chaos, hardening, instructions, mirror, packages, planted, simulate,
};

/// One stage.
pub(crate) struct Stage {
    /// Its name, for `--without` and `--only`.
    pub(crate) name: &'static str,
    /// What it checks, in a few words.
    pub(crate) about: &'static str,
    /// What it cannot do without.
    pub(crate) needs: &'static [&'static str],
    /// What it does.
    pub(crate) run: fn(&Context<'_>) -> Result<Count>,
}

/// All of them.
pub(crate) const STAGES: &[Stage] = &[
    Stage {
        name: "tools",
        about: "node, npm packages, Chromium, valgrind, openssl and io_uring are there; installs what it may",
        needs: &[],
        run: tools::check,
    },
    Stage {
        name: "format",
        about: "rustfmt and prettier would change nothing",
        needs: &[],
        run: format,
    },
    Stage {
        name: "browser",
        about: "TypeScript types, units, bundles, and the npm package as its user has it",
        needs: &[],
        run: browser,
    },
    Stage { name: "lints", about: "clippy and eslint find nothing", needs: &[], run: lints },
    Stage {
        name: "style",
        about: "file headers and sizes; names and numbers equal in PROTOCOL.md, Rust and TypeScript",
        needs: &[],
        run: style,
    },
    Stage {
        name: "units",
        about: "tests of all crates that need no running server",
        needs: &[],
        run: units,
    },
    Stage {
        name: "simulation",
        about: "the whole, and the relay alone, in virtual time under seeded faults",
        needs: &[],
        run: simulation,
    },
    Stage {
        name: "planted",
        about: "known bugs, put into the relay one by one, make the simulation fail; with --all also into the whole",
        needs: &[],
        run: planted_bugs,
    },
    Stage {
        name: "instructions",
        about: "what runs for every frame, connection or join takes no more instructions than recorded",
        needs: &["valgrind"],
        run: counted_instructions,
    },
    Stage {
        name: "paths",
        about: "real processes over real sockets, readiness backend",
        needs: &[],
        run: paths,
    },
    Stage {
        name: "paths-io-uring",
        about: "the same for what moves bytes and ends connections, io_uring backend",
        needs: &["io_uring"],
        run: paths_io_uring,
    },
    Stage {
        name: "chaos",
        about: "processes, connections and networks break for seconds under sessions: none is lost",
        needs: &[],
        run: broken,
    },
    Stage {
        name: "hardening",
        about: "both units under a real systemd: they serve, nothing gets out; the firewall between namespaces",
        needs: &["io_uring"],
        run: hardened,
    },
    Stage {
        name: "packages",
        about: "Debian packages install into a clean root, upgrade and leave it; with --all in a whole Debian too",
        needs: &[],
        run: packaged,
    },
    Stage {
        name: "attack",
        about: "a million forged credentials, smuggled requests, broken WebSockets, canaries: nothing passes",
        needs: &[],
        run: attacked,
    },
    Stage {
        name: "e2e",
        about: "real browsers on the io_uring backend",
        needs: &["chromium"],
        run: e2e,
    },
    Stage {
        name: "leaks",
        about: "canaries in every place of a page, and of pages that chance makes: none that is masked arrives, and each control does",
        needs: &["chromium"],
        run: leaks,
    },
    Stage {
        name: "mirror",
        about: "pages of many kinds, changed live and joined late, are equal on both sides",
        needs: &["chromium"],
        run: fidelity,
    },
];

/// Names and descriptions, for the help.
pub(crate) fn list() -> String {
    let lines: Vec<_> =
        STAGES.iter().map(|stage| format!("  {:<16} {}", stage.name, stage.about)).collect();
    format!("Stages:\n{}", lines.join("\n"))
}

fn format(context: &Context<'_>) -> Result<Count> {
    Run::cargo(&context.repo.root, "fmt --all -- --check --color never").logged(&context.log)?;
    Run::npm(&context.repo.browser(), "run --silent format:check").logged(&context.log)?;
    for folder in context.repo.suites() {
        Run::npm(&folder, "run --silent format:check").logged(&context.log)?;
    }
    Ok(Count { passed: 2 + u64::try_from(context.repo.suites().len())?, ..Count::default() })
}

/// Bundles, types, units. Bundles first: the servers' builds need them.
fn browser(context: &Context<'_>) -> Result<Count> {
    let folder = context.repo.browser();
    building::browser(context.repo).logged(&context.log)?;
    Run::npm(&folder, "run --silent check").logged(&context.log)?;
    for suite in [context.repo.e2e(), context.repo.leaks()] {
        Run::npm(&suite, "run --silent check").logged(&context.log)?;
    }
    Run::npm(&folder, "run --silent package:test").logged(&context.log)?;
    let count = counted(&Run::npm(&folder, "run --silent test").logged(&context.log)?)?;
    Ok(Count { passed: count.passed + 6, ..count })
}

fn lints(context: &Context<'_>) -> Result<Count> {
    Run::cargo(&context.repo.root, "clippy --workspace --all-targets --quiet -- -D warnings")
        .logged(&context.log)?;
    // What only FreeBSD's build uses, so that it goes on to compile.
    let ring = "clippy -p cserver --no-default-features --features ring --quiet -- -D warnings";
    Run::cargo(&context.repo.root, ring).logged(&context.log)?;
    Run::npm(&context.repo.browser(), "run --silent lint").logged(&context.log)?;
    Ok(Count { passed: 3, ..Count::default() })
}

fn style(context: &Context<'_>) -> Result<Count> {
    tests(context, "test --workspace --test style", None)
}

fn units(context: &Context<'_>) -> Result<Count> {
    // What needs running servers is left for `paths`; the harness' own units are among the libraries'.
    let mut count =
        tests(context, "test --workspace --no-fail-fast --exclude cobrowse-tests", None)?;
    count.add(tests(context, "test --package cobrowse-tests --lib", None)?);
    Ok(count)
}

/// What needs no browser; the hostile visitor is one of the browser suite's tests.
fn attacked(context: &Context<'_>) -> Result<Count> {
    building::servers(context.repo).logged(&context.log)?;
    let report = context.log.with_extension("json");
    attack::suite(context.repo, &report, CREDENTIALS)?.logged(&context.log)?;
    Ok(Count::ONE)
}

fn simulation(context: &Context<'_>) -> Result<Count> {
    building::servers(context.repo).logged(&context.log)?;
    let seeds = if context.arguments.all { "--seeds 100000 " } else { "" };
    let report = context.log.with_extension("json");
    let line = format!("{seeds}--json {}", report.display());
    simulate::program(context.repo, &line)?.logged(&context.log)?;
    Ok(Count::ONE)
}

fn planted_bugs(context: &Context<'_>) -> Result<Count> {
    let mut count = plant(context, &planted::RELAY, "planted")?;
    if context.arguments.all {
        // Builds the servers for each.
        building::browser(context.repo).logged(&context.log)?;
        count.add(plant(context, &planted::WHOLE, "planted-whole")?);
    }
    Ok(count)
}

fn plant(context: &Context<'_>, suite: &planted::Suite, folder: &str) -> Result<Count> {
    let summary = planted::run(suite, &context.repo.root, &context.repo.target.join(folder))?;
    let told: String = summary.caught.iter().map(|(bug, how)| format!("{bug}: {how}\n")).collect();
    use std::io::Write as _;
    let mut log = std::fs::File::options().create(true).append(true).open(&context.log)?;
    log.write_all(told.as_bytes())?;
    Ok(Count { passed: u64::try_from(summary.caught.len())?, ..Count::default() })
}

fn counted_instructions(context: &Context<'_>) -> Result<Count> {
    let parts = instructions::check(context.repo, &context.log)?;
    Ok(Count { passed: u64::try_from(parts)?, ..Count::default() })
}

fn paths(context: &Context<'_>) -> Result<Count> {
    building::servers(context.repo).logged(&context.log)?;
    tests(context, &naming(PATH_TESTS), Some("poll"))
}

fn paths_io_uring(context: &Context<'_>) -> Result<Count> {
    building::servers(context.repo).logged(&context.log)?;
    let names = if context.arguments.all { PATH_TESTS } else { IO_URING_TESTS };
    tests(context, &naming(names), Some("io_uring"))
}

/// The line that runs these test programs.
fn naming(programs: &[&str]) -> String {
    programs
        .iter()
        .fold("test --workspace --no-fail-fast".into(), |line, name| line + " --test " + name)
}

fn broken(context: &Context<'_>) -> Result<Count> {
    building::servers(context.repo).logged(&context.log)?;
    let arguments = chaos::Arguments::short(&context.log.with_extension("json"));
    let report = chaos::break_everything(context.repo, &arguments)?;
    ensure!(report.is_good(), "something was lost: see {}", arguments.json().display());
    Ok(Count { passed: report.injected(), ..Count::default() })
}

fn hardened(context: &Context<'_>) -> Result<Count> {
    building::servers(context.repo).logged(&context.log)?;
    let (figures, faults) = hardening::look(context.repo, &context.log)?;
    ensure!(faults.is_empty(), "\n  {}", faults.join("\n  "));
    Ok(Count { passed: u64::try_from(figures.cases())?, ..Count::default() })
}

fn packaged(context: &Context<'_>) -> Result<Count> {
    let made = packages::make(context.repo, &context.log, true, context.arguments.all)?;
    Ok(Count { passed: u64::try_from(made.proved.len())?, ..Count::default() })
}

fn e2e(context: &Context<'_>) -> Result<Count> {
    let chromium = tools::needed_chromium()?;
    building::servers(context.repo).logged(&context.log)?;
    let backend = if context.is_without("io_uring") { "poll" } else { "io_uring" };
    let output = Run::npm(&context.repo.e2e(), "run --silent test")
        .with("CHROMIUM", chromium)
        .with("COBROWSE_XTASK", context.repo.program()?)
        .with("COBROWSE_BACKEND", backend)
        .with("COBROWSE_SCREENSHOTS", context.repo.target.join("e2e-screenshots"))
        .logged(&context.log)?;
    counted(&output)
}

fn leaks(context: &Context<'_>) -> Result<Count> {
    let report = context.log.with_extension("json");
    let command = mirror::leak_command(context.repo, &report)?;
    building::servers(context.repo).logged(&context.log)?;
    command.logged(&context.log)?;
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&report)?)?;
    let number =
        |name: &str| report[name].as_u64().with_context(|| format!("no {name} in the report"));
    let (cases, biting) = (number("leak_cases")?, number("leak_controls_biting")?);
    ensure!(cases > 0 && biting == cases, "{biting} of {cases} controls bite");
    ensure!(number("leaked")? + number("failed")? == 0, "something leaked: see the report");
    ensure!(
        number("random_leaked")? == 0 && number("random_pages")? > 0,
        "a random page leaked, or none ran: see the report"
    );
    ensure!(
        number("broken_felt")? == 0 && number("broken_live")? > 0,
        "a page that has broken something feels us, or no session ran there: see the log"
    );
    Ok(Count { passed: cases, ..Count::default() })
}

fn fidelity(context: &Context<'_>) -> Result<Count> {
    let report = context.log.with_extension("json");
    let command = mirror::mirror_command(context.repo, !context.arguments.all, &report)?;
    building::servers(context.repo).logged(&context.log)?;
    command.logged(&context.log)?;
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&report)?)?;
    let pages = report["pages"].as_array().map_or(0, Vec::len);
    ensure!(pages > 0, "no page was compared");
    Ok(Count { passed: u64::try_from(pages)?, ..Count::default() })
}

/// Runs cargo tests, against a backend when one is named.
fn tests(context: &Context<'_>, line: &str, backend: Option<&str>) -> Result<Count> {
    let run = Run::cargo(&context.repo.root, line);
    let run = match backend {
        // The program stands beside the servers.
        Some(backend) => run
            .with("COBROWSE_BACKEND", backend)
            .with("COBROWSE_BIN_DIR", context.repo.program()?.parent().context("no folder")?),
        None => run,
    };
    counted(&run.logged(&context.log)?)
}

fn counted(output: &str) -> Result<Count> {
    let count = Count::of_output(output);
    if count.passed == 0 {
        bail!("no test ran");
    }
    Ok(count)
}

/// Forged credentials that are tried in every run.
const CREDENTIALS: u64 = 1_000_000;

/// Everything that talks to real servers.
const PATH_TESTS: &[&str] = &[
    "path",
    "lifecycle",
    "credentials",
    "frames",
    "posts",
    "plain",
    "slow",
    "flood",
    "requests",
    "processes",
    "tiers",
    "store",
    "commands",
    "configuration",
    "service",
    "monitoring",
    "faults",
    "deploy",
];

/// What moves bytes in every direction, ends connections in every way and restarts processes.
const IO_URING_TESTS: &[&str] = &["path", "lifecycle", "frames", "posts", "slow", "processes"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_path_tests_belongs_to_a_stage() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/tests");
        let mut found: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| entry.unwrap().path().file_stem()?.to_str().map(str::to_owned))
            .filter(|name| name != "style")
            .collect();
        let mut named: Vec<_> = PATH_TESTS.iter().map(|name| (*name).to_owned()).collect();
        found.sort_unstable();
        named.sort_unstable();
        assert_eq!(named, found, "a file that no stage runs, or a stage without its file");
        assert!(IO_URING_TESTS.iter().all(|name| PATH_TESTS.contains(name)));
    }
}
