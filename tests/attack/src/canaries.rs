//! What must stand in no file and no log of a run: content, passwords, tickets, resume secrets, cookies, CSRF values, whole ids.
//! And what must go from the CServer's memory with its session.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cobrowse_tests::{Agent, Stack, Visitor};

use crate::Findings;
use crate::memory;

/// Runs a session full of canaries and looks for them.
pub(crate) fn attack(stack: &mut Stack, findings: &mut Findings) -> Result<()> {
    let canary = CONTENT.to_owned();
    let page = format!("<p>{canary}</p>").repeat(400);
    let mut visitor = Visitor::with_page(stack, "demo", page.as_bytes())?;
    let mut agent = Agent::join(stack, "ada", visitor.key())?;
    for n in 0..50 {
        visitor.diff(format!("{n} {canary}").as_bytes())?;
    }
    agent.expect_copy_of(&visitor)?;
    let browser = &agent.view.browser;
    let mut anywhere = vec![
        ("content", canary.clone()),
        ("a visitor's ticket", visitor.answer.ticket.clone()),
        ("a resume secret", visitor.answer.resume.clone()),
        ("a CSRF value", agent.view.csrf.clone()),
    ];
    for prefix in ["__Host-j-", "__Host-session", "cobrowse_ticket"] {
        let value = browser.cookie(prefix).with_context(|| format!("no cookie {prefix}"))?;
        anywhere.push(("a cookie", value.to_owned()));
    }
    anywhere.extend(stack.accounts().iter().map(|one| ("a password", one.password.clone())));
    // The web tier's store knows its sessions; logs and everything of the CServer do not.
    let id = visitor.answer.session.to_string();
    let number = id.rsplit(':').next().context("an id without a number")?.to_owned();
    let outside_the_store = [("a whole id", id.clone()), ("a session number", number.clone())];

    let at = stack.server_at(&visitor.answer.server).context("a server that is not ours")?;
    let pid = stack.servers()[at].process.id();
    let during = memory::count(pid, canary.as_bytes())?;
    findings.number("memory_canaries_during", during);
    if during == 0 {
        findings
            .fault("the content is not in memory while its session runs: the look is blind".into());
    }
    visitor.bye()?;
    expect_end(&mut agent)?;
    sleep(Duration::from_secs(1));
    findings.number("memory_canaries_after", memory::count(pid, canary.as_bytes())?);

    let mut files = Vec::new();
    walk(stack.folder(), &mut files)?;
    let (mut hits, mut short_forms) = (0, 0);
    let short = format!("demo/{}", &number[..6]);
    for file in &files {
        let bytes = fs::read(file)?;
        let in_store = file.components().any(|part| part.as_os_str() == "store");
        let also = if in_store { &[][..] } else { &outside_the_store };
        for (what, text) in anywhere.iter().chain(also) {
            if contains(&bytes, text.as_bytes()) {
                hits += 1;
                findings.fault(format!("{what} stands in {}", file.display()));
            }
        }
        short_forms += u64::from(contains(&bytes, short.as_bytes()));
    }
    findings.number("canary_hits", hits);
    findings.number("canary_files", files.len() as u64);
    // The control: the short form of the same session does stand in the logs.
    ensure!(short_forms > 0, "{short} stands in no log: the look is blind");
    Ok(())
}

fn expect_end(agent: &mut Agent) -> Result<()> {
    let end = Instant::now() + cobrowse_tests::limits::WAIT_MAX;
    while Instant::now() < end {
        if let Some(cobrowse_tests::Heard::Closed(_)) =
            agent.socket.hear(Duration::from_millis(200))?
        {
            return Ok(());
        }
    }
    anyhow::bail!("the session did not end")
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), files)?;
        } else if entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

const CONTENT: &str = "a-canary-of-content-7b1e63";
