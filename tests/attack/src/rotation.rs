//! A thousand rotations of server keys in virtual time: two web tiers at once, restarts on both sides, clocks 5 s apart.
//!
//! The web tier's own rotation and the CServer's own key ring, with nothing between them but the records. No join may be lost.

use cserver::credentials::KeyRing;
use protocol::control::{Boot, Down};
use protocol::limits::{CLOCK_SKEW_MS, SERVER_KEY_PERIOD_MS, TICKET_LIFE_MS};
use protocol::secret::Secret;
use protocol::ticket::SealedTicket;
use protocol::{ServerId, Subject, Ticket};
use webtier::keys::{Push, Rotation};

use crate::Findings;
use crate::rng::Rng;

/// Runs it.
pub(crate) fn attack(findings: &mut Findings) {
    // The CServer's clock before, at, and behind the web tiers'.
    for skew_ms in [-(CLOCK_SKEW_MS as i64), 0, CLOCK_SKEW_MS as i64] {
        let mut world = World::new(skew_ms);
        let end = T0 + ROTATIONS * SERVER_KEY_PERIOD_MS;
        while world.now_ms < end {
            world.second(findings);
        }
        // The last joins arrive.
        for _ in 0..=TICKET_LIFE_MS / 1_000 {
            world.second(findings);
        }
        findings.number("joins", world.joins);
        findings.number("joins_lost", world.lost);
        if world.joins < ROTATIONS {
            findings.fault(format!("only {} joins were tried", world.joins));
        }
    }
    findings.number("key_rotations", ROTATIONS);
}

struct World {
    now_ms: u64,
    skew_ms: i64,
    rng: Rng,
    boot: Boot,
    ring: KeyRing,
    web_tiers: Vec<Rotation>,
    under_way: Vec<UnderWay>,
    joins: u64,
    lost: u64,
}

/// A ticket in an agent's browser, until it is shown.
struct UnderWay {
    shown_ms: u64,
    boot: Boot,
    text: String,
}

impl World {
    fn new(skew_ms: i64) -> Self {
        let mut rng = Rng(skew_ms.unsigned_abs() + 1);
        let boot = Boot::new(rng.bytes());
        let web_tiers =
            (0..2).map(|at| Rotation::new(T0 + at * 17_000, &mut || rng.bytes())).collect();
        let mut world = Self {
            now_ms: T0 + 17_000,
            skew_ms,
            rng,
            boot,
            ring: KeyRing::default(),
            web_tiers,
            under_way: Vec::new(),
            joins: 0,
            lost: 0,
        };
        (0..2).for_each(|at| world.hello(at));
        world
    }

    fn second(&mut self, findings: &mut Findings) {
        self.now_ms += 1_000;
        let minute = (self.now_ms - T0) / SERVER_KEY_PERIOD_MS;
        let second = (self.now_ms - T0) % SERVER_KEY_PERIOD_MS / 1_000;
        // Restarts, never in step with the rotation.
        if minute % 29 == 28 && second == minute % 60 {
            self.boot = Boot::new(self.rng.bytes());
            self.ring = KeyRing::default();
            (0..2).for_each(|at| self.hello(at));
        }
        if minute % 41 == 40 && second == (minute * 7) % 60 {
            let at = (minute % 2) as usize;
            let rng = &mut self.rng;
            self.web_tiers[at] = Rotation::new(self.now_ms, &mut || rng.bytes());
            self.hello(at);
        }
        for at in 0..2 {
            let rng = &mut self.rng;
            let pushes = self.web_tiers[at].tick(self.now_ms, &mut || rng.bytes());
            self.deliver(at, pushes);
        }
        self.ring.prune(self.server_clock());
        if second.is_multiple_of(5) {
            self.issue(findings);
        }
        self.show(findings);
    }

    fn hello(&mut self, at: usize) {
        let pushes = self.web_tiers[at].hello(here(), self.boot);
        self.deliver(at, pushes);
    }

    /// Over the control stream: the CServer takes a key and acknowledges it.
    fn deliver(&mut self, at: usize, pushes: Vec<Push>) {
        for push in pushes {
            let Down::Key { key_id, secret, expires_ms, .. } = push.record else { continue };
            let Some(key) = secret.key() else { continue };
            self.ring.insert(key_id, &key, expires_ms, self.server_clock());
            let more = self.web_tiers[at].acked(self.now_ms, push.server, key_id);
            self.deliver(at, more);
        }
    }

    fn issue(&mut self, findings: &mut Findings) {
        for at in 0..2 {
            self.joins += 1;
            let Some((key_id, key)) = self.web_tiers[at].signing(self.now_ms, &here()) else {
                self.lost += 1;
                findings.fault(format!("no key signs at {} ms", self.now_ms - T0));
                continue;
            };
            let ticket = Ticket {
                subject: Subject::Visitor { resume: Secret::new([5; 32]).hash() },
                home: 1,
                key_id,
                audience: here(),
                session: SESSION.parse().unwrap_or_else(|_| unreachable!("a valid session id")),
                issued_ms: self.now_ms,
                expires_ms: self.now_ms + TICKET_LIFE_MS,
                nonce: self.rng.bytes(),
            };
            let text = ticket.sign(key);
            let travels_ms = self.rng.next() % (TICKET_LIFE_MS + 1);
            let under_way = UnderWay { shown_ms: self.now_ms + travels_ms, boot: self.boot, text };
            self.under_way.push(under_way);
        }
    }

    fn show(&mut self, findings: &mut Findings) {
        let (now_ms, clock) = (self.now_ms, self.server_clock());
        let (due, later) =
            std::mem::take(&mut self.under_way).into_iter().partition(|one| one.shown_ms <= now_ms);
        self.under_way = later;
        let due: Vec<UnderWay> = due;
        for one in due {
            // Shown between this second and the one before, by the CServer's clock.
            let clock = clock - (now_ms - one.shown_ms);
            let opened = SealedTicket::from_text(&one.text)
                .is_ok_and(|sealed| self.ring.open(&sealed, &here(), clock).is_ok());
            match (one.boot == self.boot, opened) {
                (true, true) | (false, false) => {}
                (true, false) => {
                    self.lost += 1;
                    findings.fault(format!("a join was lost at {} ms", now_ms - T0));
                }
                (false, true) => findings.fault("a ticket outlived a restart".into()),
            }
        }
    }

    fn server_clock(&self) -> u64 {
        self.now_ms.saturating_add_signed(self.skew_ms)
    }
}

fn here() -> ServerId {
    "s1".parse().unwrap_or_else(|_| unreachable!("a valid server id"))
}

const SESSION: &str = "demo:471113:000102030405060708090a0b0c0d0e0f";
const ROTATIONS: u64 = 1_000;
const T0: u64 = 1_800_000_000_000;
