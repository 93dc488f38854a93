//! Bad starts and bad days: each is one clear sentence with the remedy, an exit code, or a state that monitoring sees.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use cobrowse_tests::http::Request;
use cobrowse_tests::limits::{STOP_MAX, WAIT_MAX};
use cobrowse_tests::{Stack, Visitor, net};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

/// A stack whose first CServer and web tier have ended, so that their ports and store are free for faulty starts.
fn stopped() -> Result<Stack> {
    let mut stack = Stack::plan().start()?;
    stack.server(0).process.terminate();
    stack.web().process.terminate();
    ensure!(stack.server(0).process.wait(STOP_MAX).is_some(), "the CServer does not end");
    ensure!(stack.web().process.wait(STOP_MAX).is_some(), "the web tier does not end");
    Ok(stack)
}

#[test]
fn a_start_that_cannot_be_ends_with_its_reason_its_remedy_and_an_exit_code() -> Result<()> {
    let stack = stopped()?;
    let here = stack.folder();
    let (server, web) = (here.join("s1.toml"), here.join("webtier.toml"));
    let expired = expired_pair(here)?;
    for (program, file) in [("cserver", &server), ("webtier", &web)] {
        let text = fs::read_to_string(file)?;
        // No file at all.
        told(program, &here.join("none.toml"), &["none.toml", "--config"]);
        // No file where a certificate should be, and one that nobody may read as one.
        let bad = changed(here, &text, "certificate = ", "certificate = \"nowhere.pem\"")?;
        told(program, &bad, &["nowhere.pem", "check the path"]);
        let bad = changed(here, &text, "certificate = ", &format!("certificate = {file:?}"))?;
        told(program, &bad, &["certificate", "PEM"]);
        let bad =
            changed(here, &text, "certificate = ", "certificate = \"credential:public.pem\"")?;
        told(program, &bad, &["LoadCredential=public.pem"]);
        // Faults of values are told together, each with its line.
        let both = text
            .replace("public_url = \"https", "public_url = \"http")
            .replace("127.0.0.1:", "localhost:");
        let bad = here.join("both.toml");
        fs::write(&bad, both)?;
        told(program, &bad, &["line 2: listen", "public_url", "https origin"]);
        // A port that somebody has.
        let port = if program == "cserver" { stack.servers()[0].port } else { web_port(&text) };
        let holder = TcpListener::bind(("127.0.0.1", port))?;
        told(program, file, &[&port.to_string(), "port"]);
        drop(holder);
        // Nothing to listen on.
        let bad = changed(here, &text, "listen = ", "listen = []")?;
        told(program, &bad, &["nothing to listen on", "socket unit"]);
    }
    // An expired certificate stops a session server, and `check` of both.
    let text = fs::read_to_string(&server)?;
    let text = changed_text(&text, "certificate = ", &format!("certificate = {:?}", expired.0));
    let text = changed_text(&text, "key = ", &format!("key = {:?}", expired.1));
    let bad = here.join("expired.toml");
    fs::write(&bad, text)?;
    told("cserver", &bad, &["expired", "renew it", "clock"]);
    let text = fs::read_to_string(&web)?;
    let text = changed_text(&text, "certificate = ", &format!("certificate = {:?}", expired.0));
    fs::write(&bad, changed_text(&text, "key = ", &format!("key = {:?}", expired.1)))?;
    let output = Command::new(program("webtier")).args(["check", "--config"]).arg(&bad).output()?;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("expired"));
    // Wrong words are another exit code.
    let output = Command::new(program("cserver")).arg("sevre").output()?;
    assert_eq!(output.status.code(), Some(2));
    Ok(())
}

#[test]
fn few_files_are_warned_of_and_the_server_runs() -> Result<()> {
    let stack = stopped()?;
    let file = stack.folder().join("s1.toml");
    let script = "ulimit -n 1000; exec \"$0\" \"$@\"";
    let output = Command::new("/bin/bash")
        .args(["-c", script])
        .arg(program("cserver"))
        .args(["check", "--config"])
        .arg(&file)
        .output()?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && told.contains("1000 open files"), "{told}");
    assert!(told.contains("LimitNOFILE"), "with the remedy: {told}");
    Ok(())
}

#[test]
fn a_backend_that_is_asked_for_and_forbidden_is_refused_and_any_other_is_taken_with_the_reason()
-> Result<()> {
    let stack = stopped()?;
    let text = fs::read_to_string(stack.folder().join("s1.toml"))?;
    // As container engines forbid it: docker's filter says no, podman's that the kernel has no such call.
    for (errno, why) in [(1, "A seccomp filter forbids it"), (38, "A seccomp filter hides it")] {
        let check = |backend: &str| -> Result<(Option<i32>, String)> {
            let line = format!("backend = {backend:?}");
            let file = changed(stack.folder(), &text, "backend = ", &line)?;
            let output = without_rings(errno, &file)?;
            let told = [output.stdout, output.stderr].concat();
            Ok((output.status.code(), String::from_utf8_lossy(&told).into_owned()))
        };
        let (code, told) = check("io_uring")?;
        assert!(code == Some(1) && told.contains(why), "{told}");
        assert!(
            told.contains("allow io_uring_setup") && told.contains("backend = \"poll\""),
            "{told}"
        );
        let (code, told) = check("auto")?;
        assert!(code == Some(0) && told.contains("Backend poll (") && told.contains(why), "{told}");
    }
    Ok(())
}

#[test]
fn connections_beyond_the_files_wait_are_served_when_there_is_room() -> Result<()> {
    let mut stack = Stack::plan().start()?;
    let visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let id = stack.server(0).process.id();
    // The soft limit only: to lower that and raise it again anybody may.
    let limit = |files: usize| {
        let words = [format!("--pid={id}"), format!("--nofile={files}:")];
        Command::new("prlimit").args(words).status()
    };
    let open = fs::read_dir(format!("/proc/{id}/fd"))?.count();
    ensure!(limit(open + 4)?.success(), "prlimit belongs to util-linux");
    let port = stack.servers()[0].port;
    let many: Vec<_> = (0..16).map(|_| net::tcp(port)).collect::<Result<_>>()?;
    // Not LimitNOFILE: where few files are allowed to begin with, the server names that at its start already.
    stack.server(0).process.wait_for_log("new connections wait")?;
    // Who came too late is served as soon as there is room again, though nobody else knocks meanwhile.
    let mut last = many.last().context("none")?;
    last.set_read_timeout(Some(WAIT_MAX))?;
    last.write_all(b"this is no TLS record")?;
    ensure!(limit(1_000)?.success());
    let mut answer = [0];
    last.read_exact(&mut answer)?;
    stack.server(0).process.wait_for_log("connections are accepted again")?;
    let mut visitor = visitor;
    visitor.diff(b"nobody was cut off")?;
    cobrowse_tests::Agent::join(&stack, "ada", visitor.key())?.expect_copy_of(&visitor)
}

#[test]
fn a_reload_brings_a_new_certificate_and_a_faulty_one_changes_nothing() -> Result<()> {
    let mut stack = Stack::plan().start()?;
    let visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let (chain, key) = (stack.certificates().chain("s1"), stack.certificates().key("s1"));
    let good = fs::read(&chain)?;
    let port = stack.servers()[0].port;
    // A certificate that no client of ours trusts shows best that it is in force.
    let (other, other_key) = pair(stack.folder(), "other", 2040)?;
    let good_key = fs::read(&key)?;
    fs::write(&chain, "not a certificate")?;
    stack.server(0).process.hang_up();
    stack.server(0).process.wait_for_log("nothing was reloaded")?;
    assert!(
        stack.net().connect("s1.cobrowse.localhost", port).is_ok(),
        "the old one is still shown"
    );
    fs::copy(other, &chain)?;
    fs::copy(other_key, &key)?;
    stack.server(0).process.hang_up();
    stack.server(0).process.wait_for_log("were read again")?;
    assert!(stack.net().connect("s1.cobrowse.localhost", port).is_err(), "the new one is shown");
    fs::write(&chain, good)?;
    fs::write(&key, good_key)?;
    stack.server(0).process.hang_up();
    let end = Instant::now() + WAIT_MAX;
    while stack.net().connect("s1.cobrowse.localhost", port).is_err() {
        ensure!(Instant::now() < end, "the first certificate is not shown again");
    }
    // Limits come with it: with a room for one session the next is refused, and the one that is there goes on.
    let file = stack.folder().join("s1.toml");
    let text = fs::read_to_string(&file)?;
    fs::write(&file, text.clone() + "\n[limits]\nsessions_per_core = 1\n")?;
    stack.server(0).process.hang_up();
    stack.server(0).process.wait_for_log("sessions_per_core=1 ")?;
    let refused = Visitor::with_page(&stack, "demo", b"one too many");
    // By the server itself, or by the web tier, which hears that it takes no more.
    let told = refused.err().map(|error| format!("{error:#}")).unwrap_or_default();
    assert!(told.contains("overload") || told.contains("no_server"), "{told:?}");
    fs::write(&file, text + "\n[limits]\nsessions_per_core = 0\n")?;
    stack.server(0).process.hang_up();
    stack.server(0).process.wait_for_log("limits.sessions_per_core = 0: between 1 and 20000")?;
    // The web tier reloads too, and nobody was cut off by any of it.
    stack.web().process.hang_up();
    stack.web().process.wait_for_log("were read again")?;
    let mut visitor = visitor;
    visitor.diff(b"still here")?;
    cobrowse_tests::Agent::join(&stack, "ada", visitor.key())?.expect_copy_of(&visitor)
}

#[test]
fn a_renewal_may_swap_links_below_its_folder_and_one_that_replaces_the_folder_is_told_of()
-> Result<()> {
    let mut stack = Stack::plan().start()?;
    stack.server(0).process.terminate();
    ensure!(stack.server(0).process.wait(STOP_MAX).is_some(), "the CServer does not end");
    // Outside of the configuration's folder: public.pem -> current/public.pem, current -> 1, as many tools keep them.
    let elsewhere = tempfile::tempdir()?;
    let tls = elsewhere.path().join("tls");
    let good = (stack.certificates().chain("s1"), stack.certificates().key("s1"));
    let strange = pair(stack.folder(), "strange", 2040)?;
    for (number, (chain, key)) in [("1", &good), ("2", &strange), ("3", &good)] {
        fs::create_dir_all(tls.join(number))?;
        fs::copy(chain, tls.join(number).join("public.pem"))?;
        fs::copy(key, tls.join(number).join("public.key"))?;
    }
    for name in ["public.pem", "public.key"] {
        symlink(Path::new("current").join(name), tls.join(name))?;
    }
    let turn_to = |number: &str| -> Result<()> {
        symlink(number, tls.join("next"))?;
        Ok(fs::rename(tls.join("next"), tls.join("current"))?)
    };
    turn_to("1")?;
    let file = stack.folder().join("s1.toml");
    let text = fs::read_to_string(&file)?;
    let line = |key: &str, name: &str| format!("{key} = {:?}", tls.join(name));
    let text = changed_text(&text, "certificate = ", &line("certificate", "public.pem"));
    fs::write(&file, changed_text(&text, "key = ", &line("key", "public.key")))?;
    stack.restart_server(0)?;
    let port = stack.servers()[0].port;
    let is_trusted = |stack: &Stack| stack.net().connect("s1.cobrowse.localhost", port).is_ok();
    assert!(is_trusted(&stack), "the certificate behind the links");

    turn_to("2")?;
    stack.server(0).process.hang_up();
    stack.server(0).process.wait_for_log("were read again")?;
    assert!(!is_trusted(&stack), "the link was turned to another certificate");
    turn_to("3")?;
    stack.server(0).process.hang_up();
    let end = Instant::now() + WAIT_MAX;
    while !is_trusted(&stack) {
        ensure!(Instant::now() < end, "the link was turned to a certificate that is trusted");
    }

    // Another folder of the same name: the process has given up everything but the folders that were there.
    fs::rename(&tls, elsewhere.path().join("old"))?;
    fs::create_dir(&tls)?;
    fs::copy(&strange.0, tls.join("public.pem"))?;
    fs::copy(&strange.1, tls.join("public.key"))?;
    let confined = stack.server(0).process.log().contains("landlock: no file");
    stack.server(0).process.hang_up();
    if confined {
        stack.server(0).process.wait_for_log("folder was replaced")?;
        assert!(stack.server(0).process.log().contains("or restart"), "with the remedy");
        assert!(is_trusted(&stack), "what was in force stays");
    } else {
        while is_trusted(&stack) {
            ensure!(Instant::now() < end, "without Landlock any folder can be read");
        }
    }
    Ok(())
}

#[test]
fn a_web_tier_without_room_says_so_to_monitoring() -> Result<()> {
    let mut stack = Stack::plan().start()?;
    stack.web().process.terminate();
    ensure!(stack.web().process.wait(STOP_MAX).is_some(), "the web tier does not end");
    // A file system of 48 MiB, nearly filled, below the store.
    let disk = stack.folder().join("small");
    fs::create_dir(&disk)?;
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=48m", "tmpfs"])
        .arg(&disk)
        .status()?;
    ensure!(mounted.success(), "a small file system needs root");
    let _unmount = Unmount(disk.clone());
    let file = stack.folder().join("webtier.toml");
    let store = stack.folder().join("store");
    let moved = Command::new("cp").arg("-a").arg(&store).arg(disk.join("store")).status()?;
    ensure!(moved.success(), "the store could not be copied");
    let text = changed_text(
        &fs::read_to_string(&file)?,
        "path = ",
        &format!("path = {:?}", disk.join("store")),
    );
    fs::write(stack.folder().join("metrics.token"), "a-token-of-this-test")?;
    fs::write(&file, text + "\n[metrics]\ntoken = \"metrics.token\"\n")?;
    stack.restart_web()?;
    let is_writable = |stack: &Stack| -> Result<bool> {
        let request = Request::get(&format!("{}/metrics", stack.web_url()))?;
        let request = request.header("Authorization", "Bearer a-token-of-this-test");
        Ok(request.send(stack.net())?.text().contains("\ncobrowse_webtier_store_writable 1\n"))
    };
    let health =
        |stack: &Stack| Request::get(&format!("{}/healthz", stack.web_url()))?.send(stack.net());
    assert!(health(&stack)?.status == 200 && is_writable(&stack)?);
    fs::write(disk.join("filler"), vec![1_u8; 24 * 1024 * 1024])?;
    let answer = health(&stack)?;
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("store_full"), "{}", answer.text());
    assert!(!is_writable(&stack)?, "monitoring sees it");
    fs::remove_file(disk.join("filler"))?;
    assert_eq!(health(&stack)?.status, 200);
    stack.web().process.terminate();
    ensure!(stack.web().process.wait(STOP_MAX).is_some(), "the web tier does not end");
    // Nor does one start where it could not write what it would have to acknowledge.
    fs::write(disk.join("filler"), vec![1_u8; 24 * 1024 * 1024])?;
    told("webtier", &file, &["MiB left", "free space", "Nothing is lost"]);
    Ok(())
}

#[test]
fn manuals_and_completions_come_from_the_programs() -> Result<()> {
    for name in ["cserver", "webtier"] {
        let output = Command::new(program(name)).arg("manual").output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains(".TH") && text.contains("SIGHUP"), "{text}");
        let order = if name == "cserver" { "CSERVER CHECK" } else { "WEBTIER GROUP ADD" };
        assert!(text.contains(order), "every order stands there: {text}");
        for shell in ["bash", "zsh", "fish"] {
            let output = Command::new(program(name)).args(["completions", shell]).output()?;
            assert!(
                String::from_utf8_lossy(&output.stdout).contains("print-config"),
                "{name} {shell}"
            );
        }
    }
    Ok(())
}

/// `cserver check` of that file, by a thread whose filter answers io_uring's first call so; what it starts inherits it.
fn without_rings(errno: u32, file: &Path) -> Result<Output> {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
    let rules = [(IO_URING_SETUP, Vec::new())].into_iter().collect();
    let (other, this) = (SeccompAction::Allow, SeccompAction::Errno(errno));
    let filter: BpfProgram =
        SeccompFilter::new(rules, other, this, std::env::consts::ARCH.try_into()?)?.try_into()?;
    let mut command = Command::new(program("cserver"));
    command.args(["check", "--config"]).arg(file);
    let started = std::thread::spawn(move || -> Result<Output> {
        apply_filter(&filter)?;
        Ok(command.output()?)
    });
    started.join().expect("the thread")
}

/// Starts a program that must refuse to, and looks for these words in what it says last.
fn told(name: &str, file: &Path, words: &[&str]) {
    let output = Command::new(program(name)).args(["serve", "--config"]).arg(file).output();
    let output = output.unwrap_or_else(|error| panic!("{name}: {error}"));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{name}: {text}");
    let said = text.split(&format!("{name}: ")).last().unwrap_or_default();
    for word in words {
        assert!(said.contains(word), "{name} does not say {word:?}: {text}");
    }
}

fn changed(folder: &Path, text: &str, from: &str, to: &str) -> Result<PathBuf> {
    let path = folder.join("changed.toml");
    fs::write(&path, changed_text(text, from, to))?;
    Ok(path)
}

/// The first line that begins so is another.
fn changed_text(text: &str, from: &str, to: &str) -> String {
    let mut is_done = false;
    let lines = text.lines().map(|line| {
        if !is_done && line.starts_with(from) {
            is_done = true;
            to.to_owned()
        } else {
            line.to_owned()
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn web_port(text: &str) -> u16 {
    let line = text.lines().find(|line| line.starts_with("listen")).unwrap_or_default();
    let digits = line.rsplit(':').next().unwrap_or_default();
    digits.trim_matches(|c: char| !c.is_ascii_digit()).parse().expect("a port")
}

fn expired_pair(folder: &Path) -> Result<(PathBuf, PathBuf)> {
    pair(folder, "expired", 2020)
}

/// A self-signed certificate until that year, and its key.
fn pair(folder: &Path, stem: &str, year: i32) -> Result<(PathBuf, PathBuf)> {
    let mut parameters = CertificateParams::new(["s1.cobrowse.localhost".to_owned()])?;
    parameters.not_before = date_time_ymd(2019, 1, 1);
    parameters.not_after = date_time_ymd(year, 1, 1);
    let key = KeyPair::generate()?;
    let paths = (folder.join(format!("{stem}.pem")), folder.join(format!("{stem}.key")));
    fs::write(&paths.0, parameters.self_signed(&key)?.pem())?;
    fs::write(&paths.1, key.serialize_pem())?;
    Ok(paths)
}

struct Unmount(PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        // Whoever still has a file there keeps it until it ends.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A program that stands where the stack's servers stand.
fn program(name: &str) -> PathBuf {
    let here = std::env::current_exe().unwrap_or_default();
    let named = std::env::var_os("COBROWSE_BIN_DIR").map(|folder| PathBuf::from(folder).join(name));
    let found = here.ancestors().map(|folder| folder.join(name)).find(|path| path.is_file());
    named.or(found).unwrap_or_else(|| panic!("{name} is not built"))
}

/// The same number on every architecture.
const IO_URING_SETUP: i64 = 425;
