//! One server under one workload: started on its own processor, loaded, measured, stopped by its id.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::install;
use super::{Server, Workload};
use crate::repo::Repo;

/// What all measurements share.
pub(super) struct Bench<'r> {
    repo: &'r Repo,
    seconds: u64,
    /// Certificates, reports, logs.
    folder: tempfile::TempDir,
    /// Both processes run before all others, so that neither is starved: a starved server batches, and looks cheaper.
    real_time: bool,
}

/// A server that can be started.
pub(super) enum Peer {
    /// The load generator starts it.
    Own { backend: &'static str },
    /// A program, its words, and whether it speaks socket.io.
    Program { words: Vec<String>, socket_io: bool, name: &'static str },
    /// nginx, whose configuration names the port.
    Nginx(PathBuf),
}

/// What came of a measurement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub(super) value: f64,
    pub(super) p99_ms: f64,
    pub(super) lost: u64,
    /// The server's share of its processor.
    pub(super) server_cpu: f64,
    pub(super) generator_cpu: f64,
}

impl<'r> Bench<'r> {
    pub(super) fn new(repo: &'r Repo, seconds: u64) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let loadgen = repo.target.join("release/loadgen");
        let made =
            Command::new(&loadgen).arg("certificates").arg(folder.path()).status().with_context(
                || format!("cannot start {}: leave out --no-build", loadgen.display()),
            )?;
        anyhow::ensure!(made.success(), "no certificates were made");
        let real_time = Command::new("chrt").args(["-r", "1", "true"]).status();
        let real_time = real_time.is_ok_and(|status| status.success());
        if !real_time {
            eprintln!(
                "real-time priority is not allowed here: other work on this machine will disturb the figures"
            );
        }
        Ok(Self { repo, seconds, folder, real_time })
    }

    /// Installs what a server needs.
    pub(super) fn prepare(&self, server: Server) -> Result<Peer> {
        let script = |file: &str| -> Result<Vec<String>> {
            let script = install::npm(self.repo)?.join(file);
            Ok(vec!["node".into(), script.display().to_string()])
        };
        let name = server.name();
        Ok(match server {
            Server::Cserver => Peer::Own { backend: "auto" },
            Server::CserverPoll => Peer::Own { backend: "poll" },
            Server::Bun => {
                let script = self.repo.root.join("bench/peers/bun.ts").display().to_string();
                let words = vec![install::bun(self.repo)?.display().to_string(), script];
                Peer::Program { words, socket_io: false, name }
            }
            Server::Rust => {
                let program = self.repo.target.join("release/plain-relay").display().to_string();
                Peer::Program { words: vec![program], socket_io: false, name }
            }
            Server::Ws => Peer::Program { words: script("ws.mjs")?, socket_io: false, name },
            Server::Socketio => {
                Peer::Program { words: script("socketio.mjs")?, socket_io: true, name }
            }
            Server::Nchan => Peer::Nginx(install::nginx(self.repo)?),
        })
    }

    /// Runs one workload.
    pub(super) fn measure(&self, peer: &Peer, workload: Workload) -> Result<Measured> {
        let report = self.folder.path().join("report.json");
        // What an earlier run left must not be taken for this one's.
        let _ = fs::remove_file(&report);
        let priority = self.real_time && workload != Workload::W3;
        let mut load = vec![self.repo.target.join("release/loadgen").display().to_string()];
        let started = match peer {
            Peer::Own { backend } => {
                load.extend(words("serve-and-run"));
                load.extend([workload.name().into(), "--backend".into(), (*backend).into()]);
                None
            }
            Peer::Program { .. } | Peer::Nginx(_) => {
                let (server, port, socket_io, name) = self.start(peer, priority)?;
                load.extend(words("run-plain"));
                load.push(workload.name().into());
                load.extend(words(&format!(
                    "--address 127.0.0.1:{port} --ca {} --server-pid {} --generator-cores 1 --label {name}",
                    self.folder.path().join("ca.pem").display(),
                    server.0.id()
                )));
                if socket_io {
                    load.push("--socket-io".into());
                }
                Some(server)
            }
        };
        load.extend(words(&format!("--json {}", report.display())));
        load.extend(words(&match workload {
            Workload::W3 => format!("--rate {W3_FIRST_RATE} --seconds 2 --warmup 1 --sample 20"),
            Workload::W5 | Workload::W6 => "--seconds 1 --warmup 1".to_owned(),
            // In the first second the kernel lays messages into memory that it has not had before, which makes each a tenth dearer for every
            // server; what gathers then takes one that is nearly full another second to work off.
            Workload::W7 => format!("--seconds {} --warmup 3 --sample 20", self.seconds),
            _ => format!("--seconds {} --warmup 1", self.seconds),
        }));
        let program = self.repo.target.join("release/cserver");
        let output = self
            .command(&load, priority, None)
            .env("CSERVER_BIN", program)
            .stdin(Stdio::null())
            .output()
            .context("cannot start the load generator")?;
        drop(started);
        if !report.is_file() {
            let told = String::from_utf8_lossy(&output.stderr);
            bail!("{}", told.lines().last().unwrap_or("the load generator gave no report"));
        }
        let report: Value = serde_json::from_slice(&fs::read(&report)?)?;
        read(&report, workload)
    }

    fn start(&self, peer: &Peer, priority: bool) -> Result<(Started, u16, bool, &'static str)> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder = self.folder.path();
        let (line, socket_io, name) = match peer {
            Peer::Program { words, socket_io, name } => (words.clone(), *socket_io, *name),
            Peer::Nginx(nginx) => {
                let config = install::nchan_config(self.repo, nginx, folder, port)?;
                let program = nginx.join("usr/sbin/nginx").display().to_string();
                let rest = format!("-c {} -p {}", config.display(), folder.display());
                ([program].into_iter().chain(words(&rest)).collect(), false, "nchan")
            }
            Peer::Own { .. } => bail!("the load generator starts this one"),
        };
        let log = fs::File::create(folder.join("peer.log"))?;
        let child = self
            .command(&line, priority, Some(0))
            .env("PORT", port.to_string())
            .env("CERT", folder.join("public.pem"))
            .env("KEY", folder.join("public.key"))
            .env("NODE_ENV", "production")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let mut server = Started(child);
        let until = Instant::now() + START_MAX;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = server.0.try_wait()?;
            if ended.is_some() || Instant::now() > until {
                bail!("{name} does not listen: {}", tail(&folder.join("peer.log")));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        // Its own start is done before anything is measured.
        std::thread::sleep(SETTLING);
        Ok((server, port, socket_io, name))
    }

    /// A command with as many files as the host allows, on one processor if named, with its priority. Each of these programs becomes the
    /// next in place, so the id stays the server's own.
    fn command(&self, words: &[String], priority: bool, processor: Option<usize>) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -n $(ulimit -Hn); exec \"$@\"", "sh"]);
        if priority {
            command.args(["chrt", "-r", "1"]);
        }
        if let Some(processor) = processor {
            command.args(["taskset", "-c", &processor.to_string()]);
        }
        command.args(words);
        command
    }
}

/// A server that ends with the measurement.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        // It may have died under the load; the report tells.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The figures of a report of the load generator.
fn read(report: &Value, workload: Workload) -> Result<Measured> {
    let step = report["steps"].as_array().and_then(|steps| steps.last()).context("no step")?;
    let total = &step["total"];
    if report["server_lost"] == true {
        bail!("it died under the load");
    }
    if let Some((fault, _)) = total["faults"].as_object().and_then(|faults| faults.iter().next()) {
        bail!("{fault}");
    }
    let value = match workload {
        Workload::W1 | Workload::W2 | Workload::W7 => &step["cpu_us_per_message"],
        Workload::W3 => &report["capacity_per_s"],
        Workload::W4 => &step["cpu_us_per_mb"],
        Workload::W5 => &report["server"]["rss_bytes_per_connection"],
        Workload::W6 => &step["cpu_us_per_connection"],
    };
    let counted = |name: &str| total[name].as_u64().unwrap_or(0);
    Ok(Measured {
        value: value.as_f64().context("not even the first rate was held")?,
        p99_ms: total["latency"]["p99_us"].as_f64().unwrap_or(0.0) / 1e3,
        lost: counted("lost") + counted("unsent") + counted("disordered"),
        server_cpu: step["server_cpu"].as_f64().unwrap_or(0.0),
        generator_cpu: step["generator_cpu"].as_f64().unwrap_or(0.0),
    })
}

fn words(line: &str) -> impl Iterator<Item = String> {
    line.split_whitespace().map(str::to_owned)
}

fn tail(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().last().unwrap_or("it says nothing").to_owned()
}

/// Messages a second of each of W3's 50 sessions in its first step: what every server worth the search can do.
pub(super) const W3_FIRST_RATE: f64 = 80.0;

const START_MAX: Duration = Duration::from_secs(20);
const SETTLING: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn report(step: Value) -> Value {
        json!({"steps": [step], "capacity_per_s": null, "server_lost": false,
            "server": {"rss_bytes_per_connection": 4_500}})
    }

    #[test]
    fn each_workload_has_its_own_figure_and_faults_are_told() {
        let step = json!({"total": {"faults": {}, "lost": 1, "unsent": 2, "disordered": 0,
            "latency": {"p99_us": 1_500}}, "cpu_us_per_message": 7.5, "cpu_us_per_mb": 600.0});
        let measured = read(&report(step.clone()), Workload::W7).unwrap();
        assert_eq!((measured.value, measured.p99_ms, measured.lost), (7.5, 1.5, 3));
        assert_eq!(read(&report(step.clone()), Workload::W5).unwrap().value, 4_500.0);
        assert!(read(&report(step), Workload::W3).is_err(), "no rate was held");
        let faulty = json!({"total": {"faults": {"agent: closed": 3}}});
        let error = read(&report(faulty), Workload::W1).unwrap_err();
        assert_eq!(error.to_string(), "agent: closed");
    }
}
