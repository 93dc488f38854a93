//! The firewall and the kernel settings between two network namespaces: a host that has them, and somebody outside.
//!
//! Each case says what should happen to one connection or packet and looks whether it does. Without the firewall
//! every connection must succeed, or a case would prove nothing.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::commands::Run;
use crate::repo::Repo;

/// How the cases went.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// How many there were.
    pub(crate) cases: usize,
    /// Those that went wrong, in words.
    pub(crate) failed: Vec<String>,
}

/// Two namespaces joined by a cable. Dropped, they are gone with everything in them.
struct Pair {
    host: String,
    outside: String,
    program: PathBuf,
    helpers: Vec<Child>,
}

/// Tries the firewall and the settings.
pub(crate) fn run(repo: &Repo) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut pair = Pair::new(repo.program()?)?;
    pair.listen()?;
    for (case, open) in pair.try_all()? {
        ensure!(open, "without a firewall this does not even work: {}", case.about);
    }
    let scratch = tempfile::tempdir()?;
    let rules = rules(&repo.root, scratch.path())?;
    let load = format!("--file {}", rules.display());
    pair.inside("nft", &load)?;
    // Loading it again must change nothing, or nobody could change a set.
    pair.inside("nft", &load)?;
    for (case, open) in pair.try_all()? {
        outcome.count(open == case.allowed, || {
            let verb = if open { "passes" } else { "does not pass" };
            format!("firewall: {} {verb}", case.about)
        });
    }
    let (through, sent) = pair.flood()?;
    outcome.count(through >= 50 && through < sent, || {
        format!("firewall: of {sent} connections at once from one address {through} pass")
    });
    pair.settings(&repo.root.join("deploy/60-cobrowse.conf"), &mut outcome)?;
    Ok(outcome)
}

/// Inside a namespace: echoes on every port of the cases until standard input ends.
pub(crate) fn echo() -> Result<()> {
    for port in PORTS {
        // Of both families.
        let at: SocketAddr = format!("[::]:{port}").parse()?;
        let (tcp, udp) = (TcpListener::bind(at)?, UdpSocket::bind(at)?);
        std::thread::spawn(move || {
            for stream in tcp.incoming().flatten() {
                std::thread::spawn(move || echo_one(stream));
            }
        });
        std::thread::spawn(move || {
            let mut bytes = [0; 64];
            while let Ok((length, from)) = udp.recv_from(&mut bytes) {
                let _ = udp.send_to(&bytes[..length], from);
            }
        });
    }
    println!("ready");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Inside a namespace: whether a word comes back from `address`, `tcp:…` or `udp:…`.
pub(crate) fn knock(address: &str) -> Result<bool> {
    let (kind, at) = address.split_once(':').context("tcp:ADDRESS or udp:ADDRESS")?;
    let at: SocketAddr = at.parse()?;
    let mut back = [0; 4];
    let heard = match kind {
        "tcp" => TcpStream::connect_timeout(&at, PATIENCE).and_then(|mut stream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(b"word")?;
            stream.read_exact(&mut back)
        }),
        "udp" => {
            UdpSocket::bind(if at.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }).and_then(|socket| {
                socket.set_read_timeout(Some(PATIENCE))?;
                socket.send_to(b"word", at)?;
                socket.recv(&mut back).map(drop)
            })
        }
        _ => bail!("tcp or udp"),
    };
    match heard {
        Ok(()) => Ok(true),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::TimedOut | ErrorKind::WouldBlock | ErrorKind::PermissionDenied
            ) =>
        {
            Ok(false)
        }
        Err(error) => Err(error).with_context(|| address.to_owned()),
    }
}

/// Inside a namespace: how many of so many connections at once pass.
pub(crate) fn flood(address: &str, count: usize) -> Result<usize> {
    let at: SocketAddr = address.parse()?;
    let one = move || TcpStream::connect_timeout(&at, PATIENCE).is_ok();
    let all: Vec<_> = (0..count).map(|_| std::thread::spawn(one)).collect();
    Ok(all.into_iter().filter_map(|thread| thread.join().ok()).filter(|passed| *passed).count())
}

/// One connection that should or should not be.
struct Case {
    about: &'static str,
    from_outside: bool,
    to: &'static str,
    allowed: bool,
}

const CONNECTIONS: &[Case] = &[
    Case { about: "443 from outside", from_outside: true, to: "tcp:10.99.0.1:443", allowed: true },
    Case {
        about: "443 from outside by IPv6",
        from_outside: true,
        to: "tcp:[fd99::1]:443",
        allowed: true,
    },
    Case {
        about: "ssh from somewhere",
        from_outside: true,
        to: "tcp:10.99.0.1:22",
        allowed: false,
    },
    Case {
        about: "ssh from somewhere by IPv6",
        from_outside: true,
        to: "tcp:[fd99::1]:22",
        allowed: false,
    },
    Case { about: "http from outside", from_outside: true, to: "tcp:10.99.0.1:80", allowed: false },
    Case {
        about: "8443 from outside",
        from_outside: true,
        to: "tcp:10.99.0.1:8443",
        allowed: false,
    },
    Case {
        about: "8443 from outside by IPv6",
        from_outside: true,
        to: "tcp:[fd99::1]:8443",
        allowed: false,
    },
    Case {
        about: "UDP 443 from outside",
        from_outside: true,
        to: "udp:10.99.0.1:443",
        allowed: false,
    },
    Case {
        about: "UDP 53 from outside",
        from_outside: true,
        to: "udp:10.99.0.1:53",
        allowed: false,
    },
    Case {
        about: "the host's own loopback",
        from_outside: false,
        to: "tcp:127.0.0.1:8443",
        allowed: true,
    },
    Case {
        about: "a new connection out to 443",
        from_outside: false,
        to: "tcp:10.99.0.2:443",
        allowed: false,
    },
    Case {
        about: "a new connection out by IPv6",
        from_outside: false,
        to: "tcp:[fd99::2]:443",
        allowed: false,
    },
    Case {
        about: "a new connection out to ssh",
        from_outside: false,
        to: "tcp:10.99.0.2:22",
        allowed: false,
    },
    Case {
        about: "a question to a name server that is no helper",
        from_outside: false,
        to: "udp:10.99.0.3:53",
        allowed: false,
    },
    Case {
        about: "a question to the helper",
        from_outside: false,
        to: "udp:10.99.0.2:53",
        allowed: true,
    },
    Case {
        about: "UDP to another port of the helper",
        from_outside: false,
        to: "udp:10.99.0.2:443",
        allowed: false,
    },
];

impl Outcome {
    fn count(&mut self, went_well: bool, told: impl FnOnce() -> String) {
        self.cases += 1;
        if !went_well {
            self.failed.push(told());
        }
    }
}

impl Pair {
    fn new(program: PathBuf) -> Result<Self> {
        let id = std::process::id();
        let (host, outside) = (format!("cbh{id}"), format!("cbo{id}"));
        let pair = Self { host, outside, program, helpers: Vec::new() };
        let (host, outside) = (&pair.host, &pair.outside);
        for line in [
            format!("netns add {host}"),
            format!("netns add {outside}"),
            format!("-n {host} link add v0 type veth peer name v0 netns {outside}"),
        ] {
            ip(&line)?;
        }
        for (space, ours) in [
            (host, &["10.99.0.1/24", "fd99::1/64"][..]),
            (outside, &["10.99.0.2/24", "10.99.0.3/24", "fd99::2/64"]),
        ] {
            for address in ours {
                // No wait until the address is known to be free: there is nobody else.
                let nodad = if address.contains("::") { "nodad" } else { "" };
                ip(&format!("-n {space} address add {address} dev v0 {nodad}"))?;
            }
            ip(&format!("-n {space} link set lo up"))?;
            ip(&format!("-n {space} link set v0 up"))?;
        }
        Ok(pair)
    }

    /// Everybody answers on every port.
    fn listen(&mut self) -> Result<()> {
        for space in [&self.host, &self.outside] {
            let mut child = Command::new("ip")
                .args(["netns", "exec", space])
                .arg(&self.program)
                .arg("firewall-echo")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .context("cannot start a helper")?;
            let mut first = [0; 5];
            if let Some(out) = &mut child.stdout {
                out.read_exact(&mut first).context("the echo does not become ready")?;
            }
            self.helpers.push(child);
        }
        Ok(())
    }

    /// All at the same time: what is dropped costs the patience once.
    fn try_all(&self) -> Result<Vec<(&'static Case, bool)>> {
        std::thread::scope(|scope| {
            let one = |case| scope.spawn(move || self.tries(case).map(|open| (case, open)));
            let all: Vec<_> = CONNECTIONS.iter().map(one).collect();
            all.into_iter()
                .map(|each| each.join().unwrap_or_else(|_| bail!("a case panicked")))
                .collect()
        })
    }

    fn tries(&self, case: &Case) -> Result<bool> {
        let space = if case.from_outside { &self.outside } else { &self.host };
        let line =
            format!("netns exec {space} {} firewall-knock {}", self.program.display(), case.to);
        Ok(Run::new("ip", Path::new("/"), &line).output()?.trim() == "true")
    }

    fn flood(&self) -> Result<(usize, usize)> {
        let program = self.program.display();
        let line =
            format!("netns exec {} {program} firewall-flood 10.99.0.1:443 {FLOOD}", self.outside);
        Ok((Run::new("ip", Path::new("/"), &line).output()?.trim().parse()?, FLOOD))
    }

    fn inside(&self, program: &str, line: &str) -> Result<String> {
        Run::new("ip", Path::new("/"), &format!("netns exec {} {program} {line}", self.host))
            .output()
    }

    /// Each setting is one that this kernel has; what belongs to a network namespace is put in force there and read back.
    fn settings(&self, file: &Path, outcome: &mut Outcome) -> Result<()> {
        for (name, value) in settings(&std::fs::read_to_string(file)?)? {
            let path = format!("/proc/sys/{}", name.replace('.', "/"));
            let is_spaced = name.starts_with("net.") && self.inside("cat", &path).is_ok();
            let went_well = if is_spaced {
                let set = format!(
                    "-q -w {name}={}",
                    value.split_whitespace().collect::<Vec<_>>().join("\t")
                );
                // Words of a value are parted by tabs, which a line of words cannot carry.
                let words: Vec<&str> = set.splitn(3, ' ').collect();
                let done = Command::new("ip")
                    .args(["netns", "exec", &self.host, "sysctl"])
                    .args(&words)
                    .output()?;
                let now = self.inside("cat", &path)?;
                done.status.success() && now.split_whitespace().eq(value.split_whitespace())
            } else {
                Path::new(&path).exists() || OPTIONAL.contains(&name.as_str())
            };
            outcome
                .count(went_well, || format!("sysctl: {name} = {value} cannot be in force here"));
        }
        Ok(())
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for helper in &mut self.helpers {
            let _ = helper.kill();
            let _ = helper.wait();
        }
        for space in [&self.host, &self.outside] {
            let _ = ip(&format!("netns delete {space}"));
        }
    }
}

/// The firewall with one helper, and the site's own lines in a folder of the test.
fn rules(root: &Path, scratch: &Path) -> Result<PathBuf> {
    let text = std::fs::read_to_string(root.join("deploy/nftables.conf"))?;
    let include = "/etc/cobrowse/nftables.d";
    ensure!(text.contains(include), "the firewall includes no lines of the site");
    std::fs::write(scratch.join("site.nft"), "add element inet cobrowse helpers4 { 10.99.0.2 }\n")?;
    let file = scratch.join("nftables.conf");
    std::fs::write(&file, text.replace(include, &scratch.to_string_lossy()))?;
    Ok(file)
}

/// Names and values; a value without a reason above it, or above the group that it stands in, is an error.
fn settings(text: &str) -> Result<Vec<(String, String)>> {
    let (mut found, mut has_reason) = (Vec::new(), false);
    for line in text.lines() {
        if line.trim().is_empty() {
            has_reason = false;
        } else if line.starts_with('#') {
            has_reason = true;
        } else {
            let (name, value) = line.split_once(" = ").with_context(|| line.to_owned())?;
            ensure!(has_reason, "{name} has no reason above it");
            found.push((name.to_owned(), value.to_owned()));
        }
    }
    Ok(found)
}

fn echo_one(mut stream: TcpStream) {
    let mut bytes = [0; 64];
    while let Ok(length) = stream.read(&mut bytes) {
        if length == 0 || stream.write_all(&bytes[..length]).is_err() {
            return;
        }
    }
}

fn ip(line: &str) -> Result<String> {
    Run::new("ip", Path::new("/"), line)
        .output()
        .context("network namespaces need root and iproute2")
}

const PORTS: [u16; 5] = [443, 22, 80, 8_443, 53];
const PATIENCE: Duration = Duration::from_secs(3);
const FLOOD: usize = 400;

/// Settings of modules that a kernel may have been built without.
const OPTIONAL: &[&str] = &["kernel.yama.ptrace_scope"];
