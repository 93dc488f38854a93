//! One world: two CServers, two web tiers, visitors, agents, a thief, and everything that goes wrong between them.
//!
//! Owns the clock and the order of a turn. What may happen stands in `actions.rs`, how it must end in `finish.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use protocol::SessionId;
use protocol::limits::CLOCK_SKEW_MS;
use protocol::ticket::{SealedTicket, TicketError};
use relay_sim::rng::Rng;
use tokio::runtime::{Builder, Runtime};
use webtier::simulated::known;

use crate::agent::Agent;
use crate::net::{Host, Net, lock};
use crate::servers::{Server, wall};
use crate::thief::Thief;
use crate::tiers::{Dials, GRACE_MS, Progress, Request, Tier, Up};
use crate::tls::Pki;
use crate::visitor::Visitor;

/// Something that must never be; or the world itself is wrong.
pub(crate) type Check = Result<(), String>;

/// See the module.
pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) now: u64,
    /// How long a session waits for its visitor.
    pub(crate) grace_ms: u64,
    pub(crate) net: Net,
    pub(crate) servers: Vec<Server>,
    pub(crate) tiers: Vec<Tier>,
    pub(crate) visitors: Vec<Visitor>,
    pub(crate) agents: Vec<Agent>,
    pub(crate) thief: Thief,
    /// Slow readers, and when they read on.
    pub(crate) sleepers: Vec<(u64, usize)>,
    pub(crate) counts: BTreeMap<&'static str, u64>,
    pub(crate) pki: Pki,
    tickets: Vec<Ticket>,
    up: Up,
    dials: Dials,
    // Last: whatever still runs in it uses the rest.
    runtime: Runtime,
}

/// A ticket that somebody has shown to a CServer.
#[derive(Clone)]
pub(crate) struct Ticket {
    pub(crate) server: Host,
    pub(crate) text: String,
    pub(crate) is_visitors: bool,
    /// It has opened something: it opens nothing more, anywhere.
    pub(crate) is_spent: bool,
}

/// What a person sees of the world during its turn.
pub(crate) struct Around<'a> {
    pub(crate) now: u64,
    pub(crate) grace_ms: u64,
    pub(crate) rng: &'a mut Rng,
    pub(crate) net: &'a mut Net,
    pub(crate) pki: &'a Pki,
    pub(crate) tiers: &'a [Tier],
    servers: &'a [Server],
    runtime: &'a Runtime,
    counts: &'a mut BTreeMap<&'static str, u64>,
    tickets: &'a mut Vec<Ticket>,
}

impl World {
    pub(crate) fn new(seed: u64, pki: Pki) -> Result<Self, String> {
        let mut rng = Rng::new(seed);
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let people = 2 + rng.index(2);
        let watchers = people + rng.index(2);
        let grace_ms = GRACE_MS[rng.index(2)];
        let net = Net::new(seed, PEOPLE + people + watchers + 1, &mut rng);
        let servers = (0..2).map(|host| Server::new(host, offset(&mut rng), rng.next())).collect();
        let tiers: Result<Vec<_>, _> =
            (2..PEOPLE).map(|at| Tier::new(at, offset(&mut rng), grace_ms)).collect();
        let visitors =
            (0..people).map(|at| Visitor::new(PEOPLE + at, at % 2, rng.next())).collect();
        let agents =
            (0..watchers).map(|at| Agent::new(PEOPLE + people + at, at % people)).collect();
        let mut world = Self {
            rng,
            now: 0,
            grace_ms,
            net,
            servers,
            tiers: tiers.map_err(|error| error.to_string())?,
            visitors,
            agents,
            thief: Thief::new(PEOPLE + people + watchers),
            sleepers: Vec::new(),
            counts: BTreeMap::new(),
            pki,
            tickets: Vec::new(),
            up: Arc::new([AtomicBool::new(false), AtomicBool::new(false)]),
            dials: Dials::default(),
            runtime,
        };
        if world.rng.chance(15) {
            world.count("clocks_far_apart");
            let far = world.rng.between(10_000, 60_000) as i64;
            let far = if world.rng.chance(50) { far } else { -far };
            match world.rng.index(4) {
                at @ 0..2 => world.servers[at].offset_ms = far,
                at => world.tiers[at - 2].offset_ms = far,
            }
        }
        Ok(world)
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, ms: u64) -> Check {
        let end = self.now + ms;
        while self.now < end {
            let next = self.next_ms().clamp(self.now + 1, end.min(self.now + STEP_MS_MAX));
            self.turn(next)?;
        }
        Ok(())
    }

    fn next_ms(&self) -> u64 {
        let people = self.visitors.iter().filter_map(Visitor::next_ms);
        let agents = self.agents.iter().filter_map(Agent::next_ms);
        let servers = self.servers.iter().filter_map(Server::next_ms);
        let all = people.chain(agents).chain(servers).chain(self.net.next_ms());
        // What is overdue waits for something else, a partition for instance.
        all.filter(|ms| *ms > self.now).min().unwrap_or(u64::MAX)
    }

    fn turn(&mut self, to: u64) -> Check {
        let step = Duration::from_millis(to - self.now);
        self.now = to;
        self.start_what_is_due()?;
        self.tiers.iter().for_each(|tier| tier.set_clock(to));
        self.runtime.block_on(async { tokio::time::sleep(step).await });
        for (from, server, ends) in std::mem::take(&mut *lock(&self.dials)) {
            self.net.open(from, server, ends);
        }
        self.net.turn(to);
        for (_, wire) in self.sleepers.extract_if(.., |(until_ms, _)| *until_ms <= to) {
            for server in &mut self.servers {
                server.woken(&self.net, wire);
            }
        }
        for server in &mut self.servers {
            server.turn(to, &mut self.net)?;
            self.up[server.host].store(server.running.is_some(), Ordering::Relaxed);
        }
        self.net.turn(to);
        self.people()
    }

    fn start_what_is_due(&mut self) -> Check {
        let now = self.now;
        for server in &mut self.servers {
            if server.running.is_none() && server.start_ms <= now {
                server.start(now, &self.pki);
                self.up[server.host].store(true, Ordering::Relaxed);
            }
        }
        for tier in &mut self.tiers {
            if tier.running.is_none() && tier.start_ms <= now {
                let started = tier.start(now, &self.runtime, &self.pki, &self.dials, &self.up);
                started.map_err(|error| format!("a web tier does not start: {error}"))?;
            }
        }
        Ok(())
    }

    fn people(&mut self) -> Check {
        let mut around = Around {
            now: self.now,
            grace_ms: self.grace_ms,
            rng: &mut self.rng,
            net: &mut self.net,
            pki: &self.pki,
            tiers: &self.tiers,
            servers: &self.servers,
            runtime: &self.runtime,
            counts: &mut self.counts,
            tickets: &mut self.tickets,
        };
        for visitor in &mut self.visitors {
            visitor.turn(&mut around)?;
        }
        for agent in &mut self.agents {
            agent.turn(&mut around, &self.visitors)?;
        }
        self.thief.turn(&mut around)
    }

    /// A request that no page waits for; whether a web tier has answered it by now.
    #[cfg(test)]
    pub(crate) fn is_answered(&mut self, request: &mut Request) -> bool {
        let told = request.turn(self.now, &self.net, &mut self.rng, &self.tiers, &self.runtime);
        matches!(told, Progress::Answered(_))
    }

    /// A ticket that the thief has seen.
    pub(crate) fn stolen(&mut self) -> Option<Ticket> {
        let spent: Vec<_> = self.tickets.iter().filter(|ticket| ticket.is_spent).collect();
        spent.get(self.rng.index(spent.len())).map(|ticket| (*ticket).clone())
    }

    /// Ends a web tier's process.
    pub(crate) fn kill_tier(&mut self, at: usize, back_ms: u64) {
        let _entered = self.runtime.enter();
        self.tiers[at].running = None;
        self.tiers[at].start_ms = back_ms;
    }
}

impl Around<'_> {
    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    pub(crate) fn ask(&mut self, request: &mut Request) -> Result<Progress, String> {
        let progress = request.turn(self.now, self.net, self.rng, self.tiers, self.runtime);
        if let Some((server, ticket)) = request.new_ticket() {
            self.must_be_known(request.tier, server, &ticket)?;
        }
        Ok(progress)
    }

    /// A ticket was signed a moment ago: the CServer that it is for must have the key.
    fn must_be_known(&self, tier: usize, server: Host, ticket: &str) -> Check {
        let (tier, server) = (&self.tiers[tier], &self.servers[server]);
        let (Some(running), Some(signer)) = (&server.running, &tier.running) else { return Ok(()) };
        let identity = &running.shared.identity;
        // A web tier may not have heard yet that another process runs there.
        let has_met = signer.boot_of(&identity.server) == Some(identity.boot);
        // One with a wrong clock gives keys up too soon.
        if !has_met || tier.offset_ms.abs_diff(server.offset_ms) > CLOCK_SKEW_MS {
            return Ok(());
        }
        let sealed = SealedTicket::from_text(ticket).map_err(|error| error.to_string())?;
        let now_ms = wall(self.now, server.offset_ms);
        match running.shared.keys.read().open(&sealed, &identity.server, now_ms) {
            Err(TicketError::Forged) => {
                Err("a ticket was signed with a key that its CServer does not have".into())
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn is_up(&self, server: Host) -> bool {
        self.servers[server].running.is_some()
    }

    /// Which start of it runs.
    pub(crate) fn boot(&self, server: Host) -> Option<u64> {
        self.servers[server].running.as_ref().map(|running| running.boot)
    }

    /// The value that the viewer's page of that join would carry.
    pub(crate) fn csrf(&self, server: Host, join: &str) -> Option<String> {
        let running = self.servers[server].running.as_ref()?;
        Some(running.shared.cookies.csrf(join.parse().ok()?))
    }

    /// Somebody shows a ticket to a CServer.
    pub(crate) fn shown(&mut self, server: Host, ticket: &str, is_visitors: bool) {
        let (text, is_spent) = (ticket.to_owned(), false);
        self.tickets.push(Ticket { server, text, is_visitors, is_spent });
    }

    /// It was taken.
    pub(crate) fn spent(&mut self, ticket: &str) {
        for shown in self.tickets.iter_mut().filter(|shown| shown.text == ticket) {
            shown.is_spent = true;
        }
    }

    /// What a web tier has answered must be on its disk.
    pub(crate) fn must_survive(&self, tier: usize, id: &SessionId, home: u32) -> Check {
        let found = known(&self.tiers[tier].disk, id).map_err(|error| error.to_string())?;
        match found {
            Some(found) if found.home >= home => Ok(()),
            found => Err(format!("answered home {home}, and a crash would leave {found:?}")),
        }
    }
}

/// A clock is off by less than half of what is tolerated between two.
fn offset(rng: &mut Rng) -> i64 {
    rng.between(0, 4_800) as i64 - 2_400
}

/// Hosts before the people.
const PEOPLE: usize = 4;

/// Web tiers keep time by themselves, and what they say is looked at so often.
const STEP_MS_MAX: u64 = 250;
