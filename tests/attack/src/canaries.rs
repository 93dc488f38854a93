//! What must stand in no file and no log of a run: content, passwords, tickets, resume secrets, cookies, CSRF values, whole ids.
//! And what must go from the CServer's memory with its session.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cobrowse_tests::{Agent, Heard, Stack, Visitor};
use protocol::Kind;

use crate::Findings;
use crate::memory::{self, Found};

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
    // What an agent does is content too.
    agent.say(Kind::Pointer, POINTED.as_bytes())?;
    expect_frame(&mut visitor, POINTED)?;
    let during = total(&memory::find(pid, &[canary.as_bytes()])?);
    findings.number("memory_canaries_during", during);
    if during == 0 {
        findings
            .fault("the content is not in memory while its session runs: the look is blind".into());
    }
    visitor.bye()?;
    expect_end(&mut agent)?;
    let ended = Instant::now();
    let mut names: Vec<&str> = anywhere.iter().map(|(what, _)| *what).collect();
    let mut texts: Vec<&[u8]> = anywhere.iter().map(|(_, text)| text.as_bytes()).collect();
    names.push("what an agent did");
    texts.push(POINTED.as_bytes());
    sleep(Duration::from_secs(1));
    let mut left = memory::find(pid, &texts)?;
    // A busy machine may give the server its turn later.
    while total(&left) > 0 && ended.elapsed() < cobrowse_tests::limits::WAIT_MAX {
        sleep(Duration::from_millis(200));
        left = memory::find(pid, &texts)?;
    }
    findings.number("memory_canaries_after", total(&left));
    findings.number("memory_forgotten_ms", ended.elapsed().as_millis() as u64);
    for (what, left) in names.iter().zip(&left).filter(|(_, left)| !left.is_empty()) {
        findings.fault(format!("{what} outlives its session in memory: {left:?}"));
    }

    let mut files = Vec::new();
    walk(stack.folder(), &mut files)?;
    let keys = private_keys(&files)?;
    ensure!(
        keys.len() > 2,
        "{} private keys are not all of a stack's: the look is blind",
        keys.len()
    );
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
        for (own, line) in &keys {
            if own != file && contains(&bytes, line.as_bytes()) {
                hits += 1;
                findings.fault(format!(
                    "the key of {} stands in {}",
                    own.display(),
                    file.display()
                ));
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

fn total(found: &[Found]) -> u64 {
    found.iter().flat_map(Found::values).sum()
}

/// Of each file with a private key, its longest line: it stands in that file and nowhere else.
fn private_keys(files: &[PathBuf]) -> Result<Vec<(PathBuf, String)>> {
    let mut keys = Vec::new();
    for file in files {
        let text = String::from_utf8_lossy(&fs::read(file)?).into_owned();
        let line = text.lines().max_by_key(|line| line.len()).unwrap_or_default();
        if text.starts_with("-----BEGIN") && text.contains("PRIVATE KEY") {
            keys.push((file.clone(), line.to_owned()));
        }
    }
    Ok(keys)
}

/// Until the visitor has heard of it.
fn expect_frame(visitor: &mut Visitor, text: &str) -> Result<()> {
    let end = Instant::now() + cobrowse_tests::limits::WAIT_MAX;
    while Instant::now() < end {
        match visitor.socket.hear(Duration::from_millis(200))? {
            Some(Heard::Frame(frame)) if contains(&frame, text.as_bytes()) => return Ok(()),
            Some(Heard::Closed(code)) => anyhow::bail!("the session ended: {code:?}"),
            _ => {}
        }
    }
    anyhow::bail!("what the agent did did not reach the visitor")
}

fn expect_end(agent: &mut Agent) -> Result<()> {
    let end = Instant::now() + cobrowse_tests::limits::WAIT_MAX;
    while Instant::now() < end {
        if let Some(Heard::Closed(_)) = agent.socket.hear(Duration::from_millis(200))? {
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
    memchr::memmem::find(bytes, wanted).is_some()
}

const POINTED: &str = "a-canary-of-an-agents-hand-40f2";
const CONTENT: &str = "a-canary-of-content-7b1e63";
