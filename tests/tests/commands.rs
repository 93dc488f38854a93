//! The servers' own command lines, with the files of a real stack: `check`, `print-config`, and faults that are told.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use cobrowse_tests::Stack;
use cobrowse_tests::process::run;

#[test]
fn both_servers_check_their_configuration_and_tell_every_fault() -> Result<()> {
    let stack = Stack::plan().start()?;
    for (program, file) in [("cserver", "s1.toml"), ("webtier", "webtier.toml")] {
        let program = beside_us(program);
        let file = stack.folder().join(file);
        let checked = call(&program, "check", &file)?;
        let is_told = checked.contains("s1.cobrowse.localhost is of one site with www.");
        assert_eq!(is_told, program.ends_with("webtier"), "{checked}");
        let printed = call(&program, "print-config", &file)?;
        assert!(printed.contains("public_url"), "{printed}");
        assert!(!printed.contains("PRIVATE KEY"), "no secret is printed");

        let text = fs::read_to_string(&file)?;
        let misspelt = stack.folder().join("misspelt.toml");
        fs::write(&misspelt, text.replace("public_url", "public_ulr"))?;
        let told = call(&program, "check", &misspelt).expect_err("a misspelt key").to_string();
        assert!(told.contains("public_ulr"), "{told}");

        let wrong = stack.folder().join("wrong.toml");
        let bad = text.replace("127.0.0.1:", "localhost:").replace("https://", "http://");
        fs::write(&wrong, bad)?;
        let told = call(&program, "check", &wrong).expect_err("two bad values").to_string();
        assert!(told.contains("listen") && told.contains("public_url"), "both at once: {told}");

        let missing = stack.folder().join("missing.toml");
        let told = call(&program, "check", &missing).expect_err("no file").to_string();
        assert!(told.contains("missing.toml"), "{told}");
    }
    Ok(())
}

#[test]
fn all_files_of_a_server_that_cannot_be_used_are_told_together() -> Result<()> {
    let stack = Stack::plan().start()?;
    let common = [
        ("[tls]", "certificate", "bad.pem"),
        ("[tls]", "key", "bad.key"),
        ("[control]", "key", "bad-control.key"),
        ("[control]", "ca", "bad-ca.pem"),
    ];
    let of_web = [("[audit]", "key", "bad-audit.key"), ("[metrics]", "token", "bad.token")];
    bad_files_are_told(&stack, "cserver", &common)?;
    fs::OpenOptions::new()
        .append(true)
        .open(stack.folder().join("webtier.toml"))?
        .write_all(b"\n[metrics]\ntoken = \"\"\n")?;
    bad_files_are_told(&stack, "webtier", &[&common[..], &of_web].concat())
}

/// With files of these names, which hold nothing, under these keys of these tables.
fn bad_files_are_told(stack: &Stack, program: &str, names: &[(&str, &str, &str)]) -> Result<()> {
    let name = if program == "cserver" { "s1.toml" } else { "webtier.toml" };
    let text = fs::read_to_string(stack.folder().join(name))?;
    let mut table = "";
    let lines = text.lines().map(|line| {
        table = if line.starts_with('[') { line } else { table };
        let bad =
            |(within, key, _): &&_| *within == table && line.starts_with(&format!("{key} = "));
        match names.iter().find(bad) {
            Some((_, key, name)) => format!("{key} = {name:?}"),
            None => line.to_owned(),
        }
    });
    let changed: Vec<String> = lines.collect();
    let file = stack.folder().join("bad.toml");
    fs::write(&file, changed.join("\n"))?;
    for (_, _, name) in names {
        fs::write(stack.folder().join(name), "nothing")?;
    }
    let told = call(&beside_us(program), "check", &file).expect_err("bad files").to_string();
    for (_, _, name) in names {
        assert!(told.contains(name), "{program}: {name} is not among them: {told}");
    }
    Ok(())
}

#[test]
fn session_servers_of_another_site_are_no_fault() -> Result<()> {
    let stack = Stack::plan().elsewhere().start()?;
    let checked = call(&beside_us("webtier"), "check", &stack.folder().join("webtier.toml"))?;
    assert!(!checked.contains("one site"), "{checked}");
    assert!(!stack.logs().contains("one site"), "nor in the log");
    Ok(())
}

#[test]
fn orders_to_a_running_web_tier_take_effect_at_once_and_bad_ones_say_why() -> Result<()> {
    let stack = Stack::plan().start()?;
    let groups = stack.admin(&["group", "list"], "")?;
    assert!(groups.contains("demo") && groups.contains("support"), "{groups}");
    let servers = stack.admin(&["server", "list"], "")?;
    assert!(servers.contains("s1"), "{servers}");
    for (words, input) in [
        (&["group", "add", "demo"][..], ""),
        (&["group", "add", "bad id"], ""),
        (&["agent", "grant", "ada", "demo", "no-such-role"], ""),
        (&["agent", "grant", "nobody", "demo", "viewer"], ""),
        (&["agent", "add", "short", "--display", "S", "--password-stdin"], "short"),
        (&["agent", "password", "ada", "--password-stdin"], "a long password\nand another\n"),
        (&["group", "set", "demo", "--origin", "http://plain.example"], ""),
    ] {
        let told = stack.admin(words, input).expect_err(&words.join(" ")).to_string();
        assert!(told.len() > 40, "{words:?}: {told}");
    }
    // A new group serves its first visitor without a restart.
    stack.admin(&["group", "add", "fresh", "--origin", stack.shop_url()], "")?;
    let visitor = cobrowse_tests::Visitor::with_page(&stack, "fresh", b"page")?;
    assert!(visitor.answer.session.starts_with("fresh:"));
    // And its removal ends its sessions.
    let mut visitor = visitor;
    stack.admin(&["group", "remove", "fresh"], "")?;
    let end = std::time::Instant::now() + cobrowse_tests::limits::WAIT_MAX;
    loop {
        match visitor.socket.hear(cobrowse_tests::limits::WAIT_MAX)? {
            Some(cobrowse_tests::Heard::Closed(_)) => return Ok(()),
            _ => assert!(std::time::Instant::now() < end, "the session goes on without its group"),
        }
    }
}

fn call(program: &Path, command: &str, file: &Path) -> Result<String> {
    run(program, &[command, "--config", &file.to_string_lossy()], "")
}

/// A program that stands where the stack's servers stand.
fn beside_us(name: &str) -> PathBuf {
    let here = std::env::current_exe().unwrap_or_default();
    let named = std::env::var_os("COBROWSE_BIN_DIR").map(|folder| PathBuf::from(folder).join(name));
    let found = here.ancestors().map(|folder| folder.join(name)).find(|path| path.is_file());
    named.or(found).unwrap_or_else(|| panic!("{name} is not built"))
}
