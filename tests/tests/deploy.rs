//! What an administrator runs: the installer in a scratch root, and the audit of a host in a network namespace.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result};

#[test]
fn the_installer_says_what_it_does_and_does_nothing_twice() -> Result<()> {
    for program in ["cserver", "webtier"] {
        let scratch = tempfile::tempdir()?;
        let root = scratch.path().join("root");
        let (built, dry) = (built()?, ["--dry-run"]);
        let run = |from: &Path, more: &[&str]| -> Result<String> {
            let mut command = Command::new(here("deploy/install.sh"));
            command.arg(program).arg("--from").arg(from).arg("--root").arg(&root).args(more);
            good(&command.output()?)
        };
        let told = run(&built, &dry)?;
        assert!(told.contains(&format!("would install /usr/bin/{program}")), "{told}");
        assert!(!root.exists(), "a dry run changes nothing");
        let told = run(&built, &[])?;
        assert!(
            told.contains(&format!("install /usr/lib/systemd/system/{program}.service")),
            "{told}"
        );
        let config = root.join(format!("etc/cobrowse/{program}.toml"));
        for part in ["usr/bin", "usr/lib/systemd/system"] {
            assert!(root.join(part).is_dir(), "{part}");
        }
        assert!(root.join(format!("usr/lib/cobrowse/{program}-root/lib64")).is_symlink());
        assert!(root.join(format!("usr/lib/cobrowse/{program}-credentials")).is_file());
        for (file, word) in [
            (format!("usr/share/man/man1/{program}.1"), ".TH"),
            (format!("usr/share/bash-completion/completions/{program}"), "print-config"),
            (format!("usr/share/zsh/vendor-completions/_{program}"), "#compdef"),
            (format!("usr/share/fish/vendor_completions.d/{program}.fish"), "complete"),
        ] {
            assert!(fs::read_to_string(root.join(&file))?.contains(word), "{file}");
        }
        assert_eq!(run(&built, &[])?.trim(), "nothing to change");

        // The administrator's own file stays, ours are put right again.
        fs::write(&config, "# mine\n")?;
        let unit = root.join(format!("usr/lib/systemd/system/{program}.service"));
        fs::write(&unit, "[Service]\n")?;
        assert!(
            run(&built, &dry)?
                .contains(&format!("would replace /usr/lib/systemd/system/{program}.service"))
        );
        assert_eq!(fs::read_to_string(&unit)?, "[Service]\n");
        run(&built, &[])?;
        assert_eq!(fs::read_to_string(&config)?, "# mine\n");
        assert_eq!(fs::read(&unit)?, fs::read(here(&format!("systemd/{program}.service")))?);

        // Another release: the program before it is kept for the way back.
        let next = scratch.path().join("next");
        fs::create_dir(&next)?;
        fs::write(next.join(program), "#!/bin/sh\n")?;
        assert!(good(&Command::new("chmod").arg("755").arg(next.join(program)).output()?).is_ok());
        let told = run(&next, &[])?;
        assert!(
            told.contains(&format!(
                "keep the program before this one as /usr/bin/{program}.previous"
            )),
            "{told}"
        );
        let previous = root.join(format!("usr/bin/{program}.previous"));
        let installed = root.join("usr/bin").join(program);
        assert_eq!(fs::read(&previous)?, fs::read(built.join(program))?);
        assert_eq!(fs::read(&installed)?, b"#!/bin/sh\n");
        run(&next, &["--back"])?;
        assert_eq!(fs::read(&installed)?, fs::read(built.join(program))?, "gone back");
        assert_eq!(fs::read(&previous)?, b"#!/bin/sh\n", "and the way forth is kept");
    }
    let wrong = Command::new(here("deploy/install.sh")).arg("cservre").output()?;
    assert_eq!(wrong.status.code(), Some(2));
    Ok(())
}

#[test]
fn the_examples_that_are_installed_are_good_but_for_their_certificates() -> Result<()> {
    for program in ["cserver", "webtier"] {
        let output = Command::new(built()?.join(program))
            .args(["print-config", "--config"])
            .arg(here(&format!("deploy/{program}.toml.example")))
            .output()?;
        good(&output)?;
    }
    Ok(())
}

#[test]
fn what_is_made_for_a_trial_in_containers_is_good_for_both_servers() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let folder = scratch.path().join("trial");
    let make = || Command::new(here("deploy/container/trial.sh")).arg(&folder).output();
    good(&make()?).context("openssl makes its certificates: `apt-get install openssl`")?;
    for program in ["cserver", "webtier"] {
        let file = folder.join(format!("etc/{program}.toml"));
        good(&Command::new(built()?.join(program)).args(["check", "--config"]).arg(file).output()?)
            .context(program)?;
    }
    assert_eq!(fs::metadata(&folder)?.permissions().mode() & 0o077, 0, "its keys are not for all");
    assert!(!make()?.status.success(), "what is there stays");
    // Orders and compose file are of the same names and ports.
    let orders = good(&Command::new(here("deploy/container/trial.sh")).arg("--orders").output()?)?;
    let compose = fs::read_to_string(here("deploy/container/compose.yml"))?;
    let config = fs::read_to_string(folder.join("etc/cserver.toml"))?;
    for line in config.lines().filter(|line| line.starts_with("public_url")) {
        let url = line.trim_start_matches("public_url = ").trim_matches('"');
        assert!(orders.contains(&format!("--public-url {url} ")), "{orders}");
        let port = url.rsplit(':').next().unwrap_or_default();
        assert!(compose.contains(&format!("127.0.0.1:{port}:{port}")), "{port} is published");
    }
    Ok(())
}

#[test]
fn the_audit_names_what_listens_without_need_and_is_silent_about_the_one_port() -> Result<()> {
    // In a network namespace of its own nothing else listens. Which services run is the machine's affair, so only what is
    // said of ports is looked at.
    let script = "ip link set lo up
        listen() { systemd-socket-activate -l \"$1\" /bin/cat >/dev/null 2>&1 & }
        listen 0.0.0.0:443; listen 127.0.0.1:9100; listen 0.0.0.0:8081; listen '[::]:2222'
        for try in $(seq 200); do
          [ \"$(grep -c ' 0A ' /proc/net/tcp)\" -ge 3 ] && grep -q ' 0A ' /proc/net/tcp6 && break
          sleep 0.05
        done
        \"$0\"; echo \"code $?\"; kill $(jobs -p)";
    let output = Command::new("unshare")
        .args(["--net", "bash", "-c", script])
        .arg(here("deploy/audit-host"))
        .output()?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("TCP port 8081 is open and belongs to systemd-socket-"), "{told}");
    assert!(told.contains("TCP port 2222 is open"), "{told}");
    assert!(!told.contains("port 443 is open") && !told.contains("9100"), "{told}");
    assert!(told.contains("code 1"), "{told}");
    let output = Command::new("unshare")
        .args(["--net", "bash", "-c", "\"$0\" | grep -c ' is open' || true"])
        .arg(here("deploy/audit-host"))
        .output()?;
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "0", "nothing listens there");
    let wrong = Command::new(here("deploy/audit-host")).arg("--prot").output()?;
    assert_eq!(wrong.status.code(), Some(2));
    Ok(())
}

#[test]
fn the_audit_names_a_program_without_need_where_no_service_manager_can_be_asked() -> Result<()> {
    // In a namespace of processes where nothing else runs.
    let script =
        "mount -t tmpfs tmpfs /run && cp /bin/sleep \"$1/telnetd\" && { \"$1/telnetd\" 60 & }
        for try in $(seq 200); do grep -qx telnetd /proc/[0-9]*/comm && break; sleep 0.05; done
        \"$0\"; echo \"code $?\"; kill $(jobs -p)";
    let scratch = tempfile::tempdir()?;
    let output = Command::new("unshare")
        .args(["--net", "--mount", "--pid", "--fork", "--mount-proc", "bash", "-c", script])
        .arg(here("deploy/audit-host"))
        .arg(scratch.path())
        .output()?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("The program telnetd runs") && told.contains("code 1"), "{told}");
    assert_eq!(told.matches("The program ").count(), 1, "{told}");
    Ok(())
}

#[test]
fn the_scripts_that_only_another_system_can_run_are_at_least_well_formed() -> Result<()> {
    for script in [
        "deploy/freebsd/cserver.rc",
        "deploy/freebsd/type-check.sh",
        "deploy/container/trial.sh",
        "deploy/debian/postinst",
        "deploy/debian/postrm",
        "deploy/debian/prerm",
        "deploy/install.sh",
        "deploy/refresh-credentials",
        "tests/guest/boot.sh",
        "tests/guest/clean-root.sh",
    ] {
        good(&Command::new("bash").arg("-n").arg(here(script)).output()?).context(script)?;
    }
    Ok(())
}

fn good(output: &Output) -> Result<String> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    anyhow::ensure!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    Ok(text)
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Where the servers were built to.
fn built() -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let named = std::env::var_os("COBROWSE_BIN_DIR").map(PathBuf::from);
    let found =
        here.ancestors().find(|folder| folder.join("cserver").is_file()).map(Path::to_owned);
    named.or(found).context("the servers are not built")
}
