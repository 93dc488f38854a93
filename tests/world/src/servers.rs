//! The CServers of a world: real shards, whose bytes, mail and connections the world carries.
//!
//! Owns starting, dying, draining and the clock of each host, and the bounds that must hold at every moment.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cserver::credentials::CookieKeys;
use cserver::limits::SEAL_BYTES_MAX;
use cserver::shard::{Mail, Now, Output, Shard};
use cserver::shared::{CoreIndex, Identity, Shared};
use protocol::SessionId;
use protocol::secret::Secret;
use relay::LinkId;
use relay_sim::rng::Rng;

use crate::net::{Host, Net, Parcel};
use crate::tls::Pki;

/// A host on which a CServer runs, or ran, or will run.
pub(crate) struct Server {
    pub(crate) host: Host,
    pub(crate) running: Option<Running>,
    /// How far its clock is from the true one.
    pub(crate) offset_ms: i64,
    /// When it is started again.
    pub(crate) start_ms: u64,
    boots: u64,
    rng: Rng,
}

/// One start of it.
pub(crate) struct Running {
    pub(crate) boot: u64,
    pub(crate) shared: Arc<Shared>,
    shards: Vec<Shard>,
    mail: VecDeque<(CoreIndex, Mail)>,
    links: HashMap<(CoreIndex, LinkId), usize>,
    pub(crate) started_ms: u64,
}

impl Server {
    pub(crate) fn new(host: Host, offset_ms: i64, seed: u64) -> Self {
        let rng = Rng::new(seed ^ 0x5e72);
        Self { host, running: None, offset_ms, start_ms: 0, boots: 0, rng }
    }

    fn now(&self, now: u64) -> Now {
        let started_ms = self.running.as_ref().map_or(0, |running| running.started_ms);
        Now { mono_ms: now - started_ms, wall_ms: wall(now, self.offset_ms) }
    }

    /// Starts a process: nothing of the one before is known to it.
    pub(crate) fn start(&mut self, now: u64, pki: &Pki) {
        self.boots += 1;
        let mut boot = [0; 16];
        boot[..8].copy_from_slice(&self.boots.to_be_bytes());
        boot[8..].copy_from_slice(&self.rng.next().to_be_bytes());
        let name = name(self.host);
        let identity = Identity {
            server: name.parse().expect("an id"),
            boot,
            origin: origin(self.host),
            host: host_name(self.host),
            plain: None,
            web_tier_url: "https://www.cobrowse.example".into(),
            backend: "memory",
            started_ms: wall(now, self.offset_ms),
        };
        let secret: [u8; 32] = std::array::from_fn(|_| self.rng.next() as u8);
        let cores = 1 + self.rng.index(2);
        let cookies = CookieKeys::new(&Secret::new(secret));
        let tls = pki.of_server(&control_name(self.host));
        let shared = Arc::new(Shared::new(identity, tls, cookies, cores));
        let shards = (0..cores)
            .map(|core| {
                let mut rng = Rng::new(self.rng.next());
                let entropy = Box::new(move |bytes: &mut [u8]| {
                    bytes.iter_mut().for_each(|byte| *byte = rng.next() as u8);
                });
                Shard::new(core, cores, shared.clone(), entropy)
            })
            .collect();
        let (mail, links) = (VecDeque::new(), HashMap::new());
        self.running =
            Some(Running { boot: self.boots, shared, shards, mail, links, started_ms: now });
    }

    /// Dies, as by a kill.
    pub(crate) fn die(&mut self, now: u64, net: &mut Net, back_ms: u64) {
        self.running = None;
        self.start_ms = back_ms;
        net.server_died(now, self.host);
    }

    /// Whether a process of it has this session.
    pub(crate) fn has(&self, session: &SessionId) -> bool {
        self.running.as_ref().is_some_and(|running| running.shared.owner(session).is_ok())
    }

    /// When a shard wants to be called.
    pub(crate) fn next_ms(&self) -> Option<u64> {
        let running = self.running.as_ref()?;
        let next = running.shards.iter().filter_map(Shard::next_deadline).min()?;
        Some(next + running.started_ms)
    }

    /// Everything that is due. `Err`: a bound does not hold.
    pub(crate) fn turn(&mut self, now: u64, net: &mut Net) -> Result<(), String> {
        let at = self.now(now);
        let Some(running) = &mut self.running else { return Ok(()) };
        for wire in 0..net.wires.len() {
            if net.wires[wire].as_ref().is_none_or(|one| one.to != self.host || one.is_over) {
                continue;
            }
            while let Some(parcel) = net.receive(now, wire) {
                running.take(at, now, net, wire, parcel);
            }
        }
        for _ in 0..TURNS_MAX {
            let mut moved = false;
            for core in 0..running.shards.len() {
                running.shards[core].handle_time(at);
                running.shards[core].end_turn(at);
                moved |= running.send(at, now, net, core)?;
                moved |= running.outputs(at, now, net, core);
            }
            while let Some((to, mail)) = running.mail.pop_front() {
                running.shards[to].handle_mail(at, mail);
                moved = true;
            }
            if !moved {
                let drained = running.shared.is_draining()
                    && running.shards.iter().all(|shard| shard.is_drained(at));
                if drained {
                    self.die(now, net, now + DRAINED_PAUSE_MS);
                }
                return Ok(());
            }
        }
        Err(format!("{} does not come to rest", name(self.host)))
    }

    /// A slow reader reads on.
    pub(crate) fn woken(&mut self, net: &Net, wire: usize) {
        if let (Some(running), Some(one)) = (&mut self.running, &net.wires[wire])
            && let Some((boot, core, link)) = one.at
            && (one.to, boot) == (self.host, running.boot)
        {
            running.shards[core].handle_writable(link);
        }
    }
}

impl Running {
    fn take(&mut self, at: Now, now: u64, net: &mut Net, wire: usize, parcel: Parcel) {
        let Some(one) = &mut net.wires[wire] else { return };
        if one.at.is_none() && !one.was_accepted {
            one.was_accepted = true;
            let core = wire % self.shards.len();
            match self.shards[core].handle_accept(at) {
                Some(link) => {
                    one.at = Some((self.boot, core, link));
                    self.links.insert((core, link), wire);
                }
                None => {
                    one.is_over = true;
                    return net.send(now, wire, Parcel::Fin);
                }
            }
        }
        let Some((boot, core, link)) = one.at else { return };
        if boot != self.boot {
            return;
        }
        match parcel {
            Parcel::Bytes(mut bytes) if self.shards[core].holds(link) => {
                self.shards[core].handle_bytes(at, link, &mut bytes);
            }
            Parcel::Bytes(_) => {}
            Parcel::Fin => self.shards[core].handle_gone(at, link),
        }
        self.outputs(at, now, net, core);
    }

    fn send(&mut self, at: Now, now: u64, net: &mut Net, core: CoreIndex) -> Result<bool, String> {
        let mut moved = false;
        while let Some(link) = self.shards[core].poll_send(at) {
            let Some(wire) = self.links.get(&(core, link)).copied() else { continue };
            let bytes = self.shards[core].unsent(link).to_vec();
            // What TLS says of itself comes on top of the frames.
            if bytes.len() > SEAL_BYTES_MAX + 4_096 {
                return Err(format!("{} bytes are sealed and unsent", bytes.len()));
            }
            let asleep = net.wires[wire].as_ref().is_some_and(|wire| wire.asleep_until_ms > now);
            if asleep || bytes.is_empty() {
                continue;
            }
            moved = true;
            self.shards[core].handle_sent(at, link, bytes.len());
            net.send(now, wire, Parcel::Bytes(bytes));
        }
        Ok(moved)
    }

    fn outputs(&mut self, at: Now, now: u64, net: &mut Net, core: CoreIndex) -> bool {
        let mut moved = false;
        while let Some(output) = self.shards[core].poll_output() {
            moved = true;
            match output {
                Output::Shutdown(link) => {
                    if let Some(wire) = self.links.get(&(core, link)) {
                        net.send(now, *wire, Parcel::Fin);
                    }
                }
                Output::Close(link) => {
                    if let Some(wire) = self.links.remove(&(core, link)) {
                        if let Some(one) = &mut net.wires[wire] {
                            (one.at, one.is_over) = (None, true);
                        }
                        net.send(now, wire, Parcel::Fin);
                    }
                }
                Output::HandOver { link, to, cargo } => {
                    let arrived = self.shards[to].handle_arrival(at, cargo);
                    if let Some(wire) = self.links.remove(&(core, link)) {
                        self.links.insert((to, arrived), wire);
                        if let Some(one) = &mut net.wires[wire] {
                            one.at = Some((self.boot, to, arrived));
                        }
                    }
                }
                Output::Mail { to, mail } => self.mail.push_back((to, mail)),
                Output::Forget => self.shards[core].forget(),
            }
        }
        moved
    }

    /// Sessions, as its cores count them.
    pub(crate) fn sessions(&self) -> u64 {
        let shards = 0..self.shards.len();
        shards.map(|core| self.shared.load(core).sessions.load(Ordering::Relaxed)).sum()
    }
}

/// The true time on a wall, and what a clock that is off shows.
pub(crate) fn wall(now: u64, offset_ms: i64) -> u64 {
    (T0 + now).saturating_add_signed(offset_ms)
}

pub(crate) fn name(host: Host) -> String {
    format!("s{host}")
}

pub(crate) fn host_name(host: Host) -> String {
    format!("s{host}.cobrowse.example")
}

pub(crate) fn origin(host: Host) -> String {
    format!("https://{}", host_name(host))
}

pub(crate) fn control_name(host: Host) -> String {
    format!("c{host}.cobrowse.example")
}

/// When every world begins.
const T0: u64 = 1_700_000_000_000;

/// A process that was drained is replaced after so long.
const DRAINED_PAUSE_MS: u64 = 1_500;

/// Turns of a host without anything new from outside, before it counts as spinning.
const TURNS_MAX: usize = 1_000;
