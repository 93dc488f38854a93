//! The servers as services of a real systemd, in a guest that is thrown away: the units as they are installed, the sockets
//! activated, a session begun, and the escape probes under the session server's own restrictions.
//!
//! Outside, [`run`] lays out the guest's files and boots it. Inside, [`examine`] does what an administrator and a visitor do
//! and writes a [`Report`].

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use cobrowse_tests::Net;
use cobrowse_tests::certificates::{Certificates, Names};
use cobrowse_tests::http::Request;
use cobrowse_tests::limits::WAIT_MAX;
use serde::{Deserialize, Serialize};

use super::probes::Outcome;
use crate::commands::Run;
use crate::repo::Repo;
use crate::visit;

/// What was found inside.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// What the session server told the manager after a session had begun.
    pub(crate) status: String,
    /// Which backend it runs.
    pub(crate) backend: String,
    /// Metrics over the administrator's local socket.
    pub(crate) metrics: String,
    /// Which backend it runs, and what its log says, where io_uring is forbidden as container engines do.
    pub(crate) without_rings: (String, String),
    /// What both servers log when a service with new files is reloaded.
    pub(crate) reloaded: Vec<String>,
    /// What the audit of the host says while a service runs that nobody needs.
    pub(crate) audit: String,
    /// The probes under the session server's restrictions.
    pub(crate) confined: Vec<Outcome>,
    /// The same as an unrestricted root.
    pub(crate) free: Vec<Outcome>,
}

/// Boots the guest and returns what was found in it. `log` gets what everybody in it wrote.
pub(crate) fn run(repo: &Repo, log: &Path) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let (files, out) = (folder.path().join("files"), folder.path().join("out"));
    fs::create_dir_all(&out)?;
    lay_out(repo, &files)?;
    let line =
        format!("-k 5 {GUEST_S_MAX} tests/guest/boot.sh {} {}", files.display(), out.display());
    let booted = Run::new("timeout", &repo.root, &line).logged(log);
    let mut told = String::new();
    for name in ["manager.log", "examine.log", "cserver.log", "webtier.log"] {
        let text = fs::read_to_string(out.join(name)).unwrap_or_default();
        told += &format!("--- {name}\n{text}");
    }
    fs::write(log, &told)?;
    let report = fs::read(out.join("report.json")).with_context(|| match booted {
        Ok(_) => "the guest ended without a report".to_owned(),
        Err(error) => format!("the guest did not come to its end: {error:#}"),
    })?;
    Ok(serde_json::from_slice(&report)?)
}

/// Files of a host on which the installer has installed both servers.
fn lay_out(repo: &Repo, files: &Path) -> Result<()> {
    let (bin, etc) = (files.join("usr/bin"), files.join("etc/cobrowse"));
    let units = files.join("etc/systemd/system");
    fs::create_dir_all(&units)?;
    let program = repo.program()?;
    let built = program.parent().context("this program stands in no folder")?;
    for name in ["cserver", "webtier"] {
        let words = format!("{name} --from {} --root {}", built.display(), files.display());
        let installer = repo.root.join("deploy/install.sh");
        Run::new(&installer.to_string_lossy(), &repo.root, &words).output()?;
        // What a package has instead of the installer.
        for (from, to) in [
            ("systemd/sysusers.d/cobrowse.conf".to_owned(), "sysusers.d"),
            (format!("systemd/tmpfiles.d/cobrowse-{name}.conf"), "tmpfiles.d"),
        ] {
            let folder = files.join("usr/lib").join(to);
            fs::create_dir_all(&folder)?;
            fs::copy(repo.root.join(from), folder.join(format!("cobrowse-{name}.conf")))?;
        }
    }
    let scripts = files.join("usr/lib/cobrowse/scripts");
    fs::create_dir_all(&scripts)?;
    for name in ["postinst", "prerm"] {
        fs::copy(repo.root.join("deploy/debian").join(name), scripts.join(name))?;
    }
    fs::copy(program, bin.join("xtask"))?;
    // A folder that exists on the machine too would otherwise get the mode of ours.
    for folder in ["", "etc", "etc/systemd", "etc/systemd/system", "usr", "usr/bin", "usr/sbin"]
        .into_iter()
        .chain(["usr/lib", "usr/lib/systemd", "usr/lib/systemd/system", "usr/share"])
    {
        fs::set_permissions(files.join(folder), fs::Permissions::from_mode(0o755))?;
    }
    let pair = |stem: &str, host: &str| (stem.to_owned(), host.to_owned());
    let made = Certificates::make(
        &files.join("etc/made"),
        &Names {
            public: vec![pair("s1", SERVER_HOST), pair("www", WEB_HOST)],
            control: vec![pair("c1", CONTROL_HOST), pair("w1", "w1.control.cobrowse.localhost")],
        },
    )?;
    // Both servers of one host share the folder of certificates here; each of them has a folder of its own.
    for (folder, public, control) in [("tls", "s1", "c1"), ("tls-web", "www", "w1")] {
        let folder = etc.join(folder);
        fs::create_dir_all(&folder)?;
        for (from, to) in [
            (made.chain(public), "public.pem"),
            (made.key(public), "public.key"),
            (made.chain(control), "control.pem"),
            (made.key(control), "control.key"),
            (made.control_ca(), "control-ca.pem"),
        ] {
            fs::copy(from, folder.join(to))?;
            fs::set_permissions(folder.join(to), fs::Permissions::from_mode(0o600))?;
        }
    }
    let certificates = "certificate = \"credential:public.pem\"\nkey = \"credential:public.key\"\n\n[control]\n\
         certificate = \"credential:control.pem\"\nkey = \"credential:control.key\"\nca = \"credential:control-ca.pem\"\n";
    fs::write(
        etc.join("cserver.toml"),
        format!(
            "id = \"s1\"\npublic_url = \"https://{SERVER_HOST}\"\ncontrol_name = \"{CONTROL_HOST}\"\n\
             web_tier_url = \"https://{WEB_HOST}:8443\"\n\n[tls]\n{certificates}"
        ),
    )?;
    fs::write(
        etc.join("webtier.toml"),
        format!(
            "replica = \"w1\"\npublic_url = \"https://{WEB_HOST}:8443\"\ncookie_domain = \"cobrowse.localhost\"\n\n\
             [tls]\n{certificates}\n[store]\npath = \"/var/lib/cobrowse/store\"\n"
        ),
    )?;
    guest_units(&files.join("usr/lib/systemd/system"), &units)
}

/// What differs from a real host: both servers share it, and their logs are wanted outside.
fn guest_units(installed: &Path, units: &Path) -> Result<()> {
    let drop_in = |unit: &str, text: &str| -> Result<()> {
        let folder = units.join(format!("{unit}.d"));
        fs::create_dir_all(&folder)?;
        Ok(fs::write(folder.join("guest.conf"), text)?)
    };
    let log = |name: &str| {
        format!(
            "[Service]\nStandardError=append:/out/{name}.log\nStandardOutput=append:/out/{name}.log\n"
        )
    };
    drop_in("webtier.socket", "[Socket]\nListenStream=\nListenStream=8443\n")?;
    let names = ["public.pem", "public.key", "control.pem", "control.key", "control-ca.pem"];
    let credentials: String = names
        .iter()
        .map(|name| format!("LoadCredential={name}:/etc/cobrowse/tls-web/{name}\n"))
        .collect();
    let credentials =
        format!("LoadCredential=webtier.toml:/etc/cobrowse/webtier.toml\n{credentials}");
    drop_in("webtier.service", &format!("{}LoadCredential=\n{credentials}", log("webtier")))?;
    drop_in("cserver.service", &log("cserver"))?;
    // A group that sysusers makes on a real host.
    drop_in("cserver-admin.socket", "[Socket]\nSocketGroup=root\n")?;
    let unit = fs::read_to_string(installed.join("cserver.service"))?;
    let probe: String = unit
        .lines()
        .filter(|line| {
            let key = line.split('=').next().unwrap_or_default();
            !["Type", "NotifyAccess", "Sockets", "Restart", "WatchdogSec", "Requires", "Wants", "After", "PropagatesReloadTo", "ExecReload"].contains(&key)
        })
        .map(|line| {
            line.replace("/usr/bin/cserver serve --config %d/cserver.toml", "/usr/bin/cserver escape-probe")
                .replace("BindReadOnlyPaths=/usr/bin/cserver ", "BindReadOnlyPaths=/usr/bin/xtask:/usr/bin/cserver ")
        })
        .map(|line| {
            if line == "[Service]" {
                "[Service]\nType=oneshot\nStandardOutput=truncate:/out/confined.json\nStandardError=append:/out/examine.log\n".into()
            } else {
                line + "\n"
            }
        })
        .collect();
    ensure!(
        probe.contains("/usr/bin/cserver escape-probe") && probe.contains("/usr/bin/xtask:"),
        "cserver.service has another form"
    );
    fs::write(units.join("escape-probe.service"), probe)?;
    fs::write(
        units.join("examine.service"),
        "[Unit]\nDefaultDependencies=no\nSuccessAction=exit-force\nFailureAction=exit-force\n\n[Service]\nType=oneshot\n\
         ExecStart=/usr/bin/xtask guest-examine\nStandardOutput=append:/out/examine.log\nStandardError=append:/out/examine.log\n",
    )?;
    // The services' own default dependencies would start a whole machine.
    for unit in [
        "cserver.service",
        "cserver.socket",
        "cserver-admin.socket",
        "webtier.service",
        "webtier.socket",
        "escape-probe.service",
    ] {
        let folder = units.join(format!("{unit}.d"));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("alone.conf"), "[Unit]\nDefaultDependencies=no\n")?;
    }
    Ok(fs::write(
        units.join("guest.target"),
        "[Unit]\nDefaultDependencies=no\nWants=examine.service cserver.socket cserver-admin.socket webtier.socket\n",
    )?)
}

/// Inside the guest.
pub(crate) fn examine() -> Result<()> {
    let admin = |line: &str| Run::new("webtier", Path::new("/"), line).output();
    let start =
        |unit: &str| Run::new("systemctl", Path::new("/"), &format!("start {unit}")).output();
    start("webtier.service").context("the web tier does not start")?;
    admin(&format!("group add demo --origin {}", visit::ORIGIN))?;
    admin(&format!(
        "server add s1 --public-url https://{SERVER_HOST} --control-name {CONTROL_HOST} --address 127.0.0.1:443"
    ))?;
    // The web tier dials: that connection starts the session server.
    let net = Net::trusting(Path::new("/etc/made/public-ca.pem"))?;
    let end = Instant::now() + Duration::from_secs(GUEST_S_MAX / 2);
    let ask = |path: &str| Request::get(&format!("https://{SERVER_HOST}{path}"))?.send(&net);
    visit::until_well(&net, &format!("https://{SERVER_HOST}/readyz"), end)?;
    let health: serde_json::Value = ask("/healthz")?.json()?;
    let _visitor = visit::begin(&net, &format!("https://{WEB_HOST}:8443"), end)?;
    let status = loop {
        let show = Run::new(
            "systemctl",
            Path::new("/"),
            "show --property=StatusText --value cserver.service",
        )
        .output()?;
        if show.contains("serving 1 session") || Instant::now() > end {
            break show;
        }
        sleep(Duration::from_millis(50));
    };
    let metrics = local_metrics()?;
    start("escape-probe.service").context("the probes cannot be run")?;
    let confined = serde_json::from_slice(&fs::read("/out/confined.json")?)?;
    let free = Command::new("/usr/bin/xtask").arg("escape-probe").output()?;
    let free =
        serde_json::from_slice(&free.stdout).context("the free probes wrote something else")?;
    let backend = health["backend"].as_str().unwrap_or_default().to_owned();
    let reloaded = reloaded(&ask, end)?;
    let audit = audit()?;
    upgraded(&ask, end).context("an upgrade by the package's script")?;
    let without_rings = without_rings(&ask, end)?;
    removed().context("a removal by the package's script")?;
    let status = status.trim().to_owned();
    let report =
        Report { status, backend, metrics, without_rings, reloaded, audit, confined, free };
    Ok(fs::write("/out/report.json", serde_json::to_vec(&report)?)?)
}

/// Another certificate and another limit reach the running session server by a reload, and the first ones come back by the
/// next. The files are replaced, as editors and certificate clients do, so a server that held the old ones would not see it.
fn reloaded(
    ask: &dyn Fn(&str) -> Result<cobrowse_tests::Answer>,
    end: Instant,
) -> Result<Vec<String>> {
    let reload = |unit: &str| -> Result<()> {
        Run::new("systemctl", Path::new("/"), &format!("reload {unit}")).output()?;
        Ok(())
    };
    let replace = |path: &str, bytes: &[u8]| -> Result<Vec<u8>> {
        let (before, beside) = (fs::read(path)?, format!("{path}.new"));
        fs::write(&beside, bytes)?;
        fs::rename(beside, path)?;
        Ok(before)
    };
    let config = "/etc/cobrowse/cserver.toml";
    let mut text = fs::read(config)?;
    text.extend(b"\n[limits]\nsessions_per_core = 7\n");
    let mut before = Vec::new();
    // Certificates of the control authority, in which no browser trusts.
    for (path, bytes) in [
        ("/etc/cobrowse/tls/public.pem", fs::read("/etc/cobrowse/tls/control.pem")?),
        ("/etc/cobrowse/tls/public.key", fs::read("/etc/cobrowse/tls/control.key")?),
        (config, text),
    ] {
        before.push((path, replace(path, &bytes)?));
    }
    reload("cserver.service").context("the session server's unit cannot be reloaded")?;
    while ask("/healthz").is_ok() {
        ensure!(Instant::now() < end, "a reload leaves the old certificate in force");
        sleep(Duration::from_millis(50));
    }
    for (path, bytes) in before {
        replace(path, &bytes)?;
    }
    reload("cserver.service")?;
    while ask("/healthz").is_err() {
        ensure!(Instant::now() < end, "a second reload does not bring the certificate back");
        sleep(Duration::from_millis(50));
    }
    reload("webtier.service").context("the web tier's unit cannot be reloaded")?;
    let mut told = Vec::new();
    for log in ["/out/cserver.log", "/out/webtier.log"] {
        loop {
            let text = fs::read_to_string(log)?;
            let mut lines = text.lines().filter(|line| line.contains("were read again"));
            if let Some(line) = lines.next() {
                told.push(line.to_owned());
                break;
            }
            ensure!(Instant::now() < end, "{log} tells of no reload");
            sleep(Duration::from_millis(50));
        }
    }
    Ok(told)
}

/// What the administrator is told of a host on which a service runs without need.
fn audit() -> Result<String> {
    let systemctl = |line: &str| Run::new("systemctl", Path::new("/"), line).output();
    fs::write(
        "/run/systemd/system/superfluous.service",
        "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/usr/bin/sleep 1000\n",
    )?;
    systemctl("daemon-reload")?;
    systemctl("start superfluous.service")?;
    let output = Command::new("/usr/sbin/cobrowse-audit-host").output()?;
    systemctl("stop superfluous.service")?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What the package's script does after an upgrade: another process serves, at the sockets that were there.
fn upgraded(ask: &dyn Fn(&str) -> Result<cobrowse_tests::Answer>, end: Instant) -> Result<()> {
    let process = || {
        Run::new("systemctl", Path::new("/"), "show --property=MainPID --value cserver.service")
            .first_line()
    };
    let before = process()?;
    package_script("postinst", "configure 0.0.1-1")?;
    let after = process()?;
    ensure!(before != after && after != "0", "the service's process was {before}, is {after}");
    while !ask("/healthz").is_ok_and(|answer| answer.status == 200) {
        ensure!(Instant::now() < end, "the new process does not serve");
        sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// What it does before a removal: nothing of the service is left, and nobody can start it by knocking.
fn removed() -> Result<()> {
    package_script("prerm", "remove")?;
    for unit in ["cserver.socket", "cserver-admin.socket", "cserver.service"] {
        let line = format!("show --property=ActiveState --value {unit}");
        let state = Run::new("systemctl", Path::new("/"), &line).first_line()?;
        ensure!(state == "inactive", "{unit} is {state}");
    }
    Ok(())
}

fn package_script(name: &str, words: &str) -> Result<String> {
    Run::new(&format!("/usr/lib/cobrowse/scripts/{name}"), Path::new("/"), words)
        .with("DPKG_MAINTSCRIPT_PACKAGE", "cobrowse-cserver")
        .output()
}

/// Starts the session server anew where rings are forbidden: it must say so and serve all the same.
fn without_rings(
    ask: &dyn Fn(&str) -> Result<cobrowse_tests::Answer>,
    end: Instant,
) -> Result<(String, String)> {
    let systemctl = |line: &str| Run::new("systemctl", Path::new("/"), line).output();
    fs::create_dir_all("/run/systemd/system/cserver.service.d")?;
    fs::write(
        "/run/systemd/system/cserver.service.d/rings.conf",
        "[Service]\nSystemCallFilter=~io_uring_setup io_uring_enter io_uring_register\n",
    )?;
    systemctl("daemon-reload")?;
    systemctl("restart cserver.service")?;
    loop {
        match ask("/healthz") {
            Ok(answer) if answer.status == 200 => {
                let health: serde_json::Value = answer.json()?;
                let log = fs::read_to_string("/out/cserver.log")?;
                let told = log.lines().rfind(|line| line.contains("starting")).unwrap_or_default();
                return Ok((health["backend"].as_str().unwrap_or_default().into(), told.into()));
            }
            other if Instant::now() > end => bail!("without rings it does not serve: {other:?}"),
            _ => sleep(Duration::from_millis(50)),
        }
    }
}

/// What the administrator of the host reads.
fn local_metrics() -> Result<String> {
    use std::io::{Read, Write};
    let mut stream = std::os::unix::net::UnixStream::connect("/run/cobrowse/cserver.sock")?;
    stream.set_read_timeout(Some(WAIT_MAX))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// From boot to end; an ordinary one takes 5 s.
const GUEST_S_MAX: u64 = 90;
const SERVER_HOST: &str = "s1.cobrowse.localhost";
const CONTROL_HOST: &str = "c1.control.cobrowse.localhost";
const WEB_HOST: &str = "www.cobrowse.localhost";
