//! A network namespace for each CServer, joined to this host's by a cable that can be pulled.
//!
//! Owns namespaces, cables and addresses. Needs root and iproute2; what it made is gone when it is dropped.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// A host of its own for one CServer.
pub(super) struct Island {
    name: String,
    cable: String,
    address: Ipv4Addr,
}

impl Island {
    /// Makes the one of that number, for this process.
    pub(super) fn make(at: u8) -> Result<Self> {
        let process = std::process::id();
        // Concurrent runs differ in their processes' numbers, and so in names and addresses.
        let [high, low] = ((process % 16_384) as u16).to_be_bytes();
        let island = Self {
            name: format!("cobrowse-{process}-{at}"),
            cable: format!("cb{}-{at}", process % 16_384),
            address: Ipv4Addr::new(10, 128 + high, low, 4 * at + 2),
        };
        island.lay().with_context(|| format!("the network namespace {}", island.name))?;
        Ok(island)
    }

    fn lay(&self) -> Result<()> {
        let Self { name, cable, address } = self;
        let [a, b, c, d] = address.octets();
        ip(&format!("netns add {name}"))?;
        ip(&format!("link add {cable} type veth peer name {INSIDE} netns {name}"))?;
        ip(&format!("address add {a}.{b}.{c}.{}/30 dev {cable}", d - 1))?;
        ip(&format!("link set {cable} up"))?;
        ip(&format!("-n {name} address add {address}/30 dev {INSIDE}"))?;
        ip(&format!("-n {name} link set {INSIDE} up"))?;
        ip(&format!("-n {name} link set lo up"))
    }

    /// Where a server in there listens.
    pub(super) fn listen(&self) -> SocketAddr {
        (self.address, PORT).into()
    }

    /// What runs a program in there.
    pub(super) fn within(&self) -> Vec<String> {
        ["ip", "netns", "exec", &self.name].map(str::to_owned).into()
    }

    /// Pulls the cable at the far end: what is sent is lost, and nobody is told.
    pub(super) fn pull(&self) -> Result<()> {
        ip(&format!("-n {} link set {INSIDE} down", self.name))
    }

    /// Puts it back.
    pub(super) fn plug(&self) -> Result<()> {
        ip(&format!("-n {} link set {INSIDE} up", self.name))
    }
}

impl Drop for Island {
    fn drop(&mut self) {
        // With the namespace goes its end of the cable, and with that the other. One may not have been made.
        for line in [format!("link delete {}", self.cable), format!("netns delete {}", self.name)] {
            let _ = ip(&line);
        }
    }
}

/// An error with what to do when namespaces cannot be made here.
pub(super) fn check() -> Result<()> {
    let id = Command::new("id").arg("-u").output().context("cannot run `id`")?;
    ensure!(
        id.stdout == b"0\n",
        "chaos needs root: it gives each CServer a network namespace, whose cable it pulls. Run it as root, or with `--without-partitions`"
    );
    let found = Command::new("ip").arg("-V").output();
    ensure!(found.is_ok(), "chaos needs the program `ip`: `apt-get install iproute2`");
    Ok(())
}

fn ip(line: &str) -> Result<()> {
    let output = Command::new("ip").args(line.split(' ')).output().context("cannot run `ip`")?;
    if !output.status.success() {
        bail!("`ip {line}`: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// The cable's end inside.
const INSIDE: &str = "eth0";

/// Where each CServer listens in its own network.
const PORT: u16 = 443;
