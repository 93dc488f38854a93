//! The web tier's store under kill -9 and damage: what was acknowledged is there, or its loss is told with the way out.

use std::fs;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use cobrowse_tests::http::Request;
use cobrowse_tests::limits::{POLL_EVERY, START_MAX, STOP_MAX};
use cobrowse_tests::{Agent, Net, Stack, Visitor};
use protocol::start::StartAnswer;
use serde_json::json;

#[test]
fn what_was_acknowledged_survives_kill_9_in_a_loop_and_the_store_stays_whole() -> Result<()> {
    let mut stack = Stack::plan().start()?;
    let file = stack.folder().join("webtier.toml");
    let limits = "\n[limits]\nstarts_per_minute_address = 60000\nstarts_per_minute_group = 60000\n";
    fs::write(&file, fs::read_to_string(&file)? + limits)?;
    stack.web().process.kill();
    stack.restart_web()?;
    let (net, url, shop) =
        (stack.net().clone(), stack.web_url().to_owned(), stack.shop_url().to_owned());
    let given = Mutex::new(Vec::<StartAnswer>::new());
    let count = || given.lock().map_or(0, |given| given.len());
    for round in 1..=KILLS {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..ASKING {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        let body = json!({"group": "demo"});
                        let answer = post(&net, &url, &shop, "/api/v1/sessions", &body);
                        if let (Ok((201, text)), Ok(mut given)) = (answer, given.lock()) {
                            given.extend(serde_json::from_str::<StartAnswer>(&text).ok());
                        }
                    }
                });
            }
            // In the middle of the work, wherever that is.
            let end = Instant::now() + START_MAX;
            while count() < round * ROUND && Instant::now() < end {
                thread::sleep(POLL_EVERY / 10);
            }
            stack.web().process.kill();
            is_over.store(true, Ordering::Relaxed);
        });
        ensure!(count() >= round * ROUND, "only {} sessions were given out", count());
        stack.restart_web()?;
    }
    let given = given.into_inner().unwrap_or_default();
    for answer in &given {
        let body = json!({"resume": answer.resume});
        let (status, text) = post(&net, &url, &shop, "/api/v1/sessions/continue", &body)?;
        ensure!(status == 200, "an acknowledged session is gone: {status} {text}");
    }
    stack.web().process.kill();
    let told = stack.admin(&["store", "check"], "")?;
    ensure!(told.contains("the store is whole"), "{told}");
    ensure!(stack.admin(&["store", "export"], "")?.lines().count() > given.len());
    Ok(())
}

#[test]
fn a_damaged_store_is_refused_with_the_way_to_repair_it_and_the_repaired_one_serves() -> Result<()>
{
    let mut stack = Stack::plan().start()?;
    let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
    stack.admin(&["agent", "add", "zoe", "--display", "Zoe the last"], "")?;
    stack.web().process.terminate();
    ensure!(stack.web().process.wait(STOP_MAX).is_some(), "the web tier does not end");
    let log = stack.folder().join("store/db");
    let mut bytes = fs::read(&log)?;
    let name = b"Zoe the last";
    let at = bytes.windows(name.len()).rposition(|part| part == name).context("no such account")?;
    bytes[at] ^= 0x20;
    fs::write(&log, bytes)?;

    for words in [&["serve"][..], &["store", "check"], &["agent", "list"]] {
        let text = refused(&stack, words)?;
        for word in ["damaged", "webtier store repair", "backup"] {
            ensure!(text.contains(word), "{words:?} does not say {word:?}: {text}");
        }
    }
    let told = stack.admin(&["store", "repair"], "")?;
    ensure!(told.contains("kept: ") && told.contains("store.damaged-"), "{told}");
    ensure!(stack.admin(&["store", "check"], "")?.contains("the store is whole"));
    // Where her name stood last is sled's to choose: in the audit log, too, an entry may be lost.
    ensure!(told.contains("`webtier audit accept`"), "{told}");
    stack.admin(&["audit", "accept"], "")?;
    stack.restart_web()?;
    visitor.diff(b"nobody was cut off")?;
    Agent::join(&stack, "ada", visitor.key())?.expect_copy_of(&visitor)
}

#[test]
fn a_web_tier_does_not_start_on_a_log_that_another_key_signed_before_its_operator_has_taken_it()
-> Result<()> {
    let mut stack = Stack::plan().start()?;
    let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
    // This signs the head of now.
    stack.admin(&["audit", "export"], "")?;
    stack.web().process.terminate();
    ensure!(stack.web().process.wait(STOP_MAX).is_some(), "the web tier does not end");
    let (file, old) = (stack.certificates().audit_key(), stack.folder().join("old.key"));
    fs::rename(&file, &old)?;
    stack.certificates().renew_audit_key()?;
    let text = refused(&stack, &["serve"])?;
    for word in ["not signed by this key", "put the old one back", "`webtier audit accept`"] {
        ensure!(text.contains(word), "it does not say {word:?}: {text}");
    }

    let told = stack.admin(&["audit", "accept"], "")?;
    ensure!(told.contains("not signed by this key"), "{told}");
    let told = stack.admin(&["audit", "accept"], "")?;
    ensure!(told.contains("the log is sound"), "{told}");
    stack.restart_web()?;
    visitor.diff(b"nobody was cut off")?;
    Agent::join(&stack, "ada", visitor.key())?.expect_copy_of(&visitor)?;
    let text = stack.admin(&["audit", "export"], "")?;
    ensure!(text.contains("\"event\":\"log_accepted\""), "{text}");
    let path = stack.folder().join("log");
    fs::write(&path, text)?;
    let key = stack.admin(&["audit", "key"], "")?;
    let words = ["audit", "verify", &path.display().to_string(), "--public-key", key.trim()];
    let told = stack.admin(&words, "")?;
    ensure!(told.contains("an operator went on with them as they were"), "{told}");
    Ok(())
}

/// What a command of the web tier says that ends with 1.
fn refused(stack: &Stack, words: &[&str]) -> Result<String> {
    let output = Command::new(program())
        .args(words)
        .arg("--config")
        .arg(stack.folder().join("webtier.toml"))
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(1), "{words:?}: {text}");
    Ok(text)
}

/// Status and body of the answer.
fn post(
    net: &Net,
    url: &str,
    origin: &str,
    path: &str,
    body: &serde_json::Value,
) -> Result<(u16, String)> {
    let request = Request::post(&format!("{url}{path}"), "application/json", body.to_string())?;
    let answer = request.header("Origin", origin).send(net)?;
    Ok((answer.status, answer.text()))
}

fn program() -> std::path::PathBuf {
    let here = std::env::current_exe().unwrap_or_default();
    let named = std::env::var_os("COBROWSE_BIN_DIR").map(|folder| folder.into());
    let found = here.ancestors().find(|folder| folder.join("webtier").is_file());
    let folder: std::path::PathBuf = named.or(found.map(Into::into)).unwrap_or_default();
    folder.join("webtier")
}

/// Each takes the web tier down in the middle of its work.
const KILLS: usize = 5;

/// Sessions that are given out before each kill.
const ROUND: usize = 12;

/// Clients that ask at a time.
const ASKING: usize = 4;
