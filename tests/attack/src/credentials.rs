//! Credentials that were not issued, against the very functions that let people in, in process and by the million.
//!
//! Each round issues one valid credential of each kind, tries what an attacker could make of it, and then checks that the
//! original still opens: a check that refuses everything proves nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cserver::credentials::{AgentCookie, CookieKeys, KeyRing, Nonces, Spent};
use protocol::keys::{ServerKey, TicketKey};
use protocol::resume::Resume;
use protocol::secret::Secret;
use protocol::ticket::SealedTicket;
use protocol::{AgentId, JoinId, KeyId, Privileges, ServerId, SessionId, Subject, Ticket};
use relay::{Bounds, Relay, SessionSpec};

use crate::Findings;
use crate::rng::Rng;

/// Tries at least so many.
pub(crate) fn attack(at_least: u64, findings: &mut Findings) {
    let mut attack = Attack { tried: 0, accepted: 0, controls: 0, rng: Rng(SEED), findings };
    let mut round = 0;
    while attack.tried < at_least {
        attack.tickets(round);
        attack.cookies(round);
        attack.resumes(round);
        round += 1;
    }
    let Attack { tried, accepted, controls, .. } = attack;
    findings.number("credentials_tried", tried);
    findings.number("credentials_accepted", accepted);
    findings.number("credential_controls", controls);
}

struct Attack<'a> {
    tried: u64,
    accepted: u64,
    controls: u64,
    rng: Rng,
    findings: &'a mut Findings,
}

impl Attack<'_> {
    /// A try that must fail.
    fn refused(&mut self, what: &str, opened: bool) {
        self.tried += 1;
        if opened {
            self.accepted += 1;
            self.findings.fault(format!("accepted: {what}"));
        }
    }

    /// A control that must not.
    fn opens(&mut self, what: &str, opened: bool) {
        self.controls += 1;
        if !opened {
            self.findings.fault(format!("a valid control was refused: {what}"));
        }
    }

    fn tickets(&mut self, round: u64) {
        let server_key = ServerKey::new(Secret::new(self.rng.bytes()));
        let (here, boot) = (server("s1"), self.rng.bytes());
        let key = server_key.derive(&here, &boot);
        let key_id = KeyId::from_bytes(self.rng.bytes());
        let mut ring = KeyRing::default();
        ring.insert(key_id, &key, NOW_MS + 60_000, NOW_MS);
        let ticket = self.ticket(key_id, round);
        let text = ticket.sign(&key);
        let bytes = decode(&text);
        let open = |text: &str, now_ms: u64| {
            SealedTicket::from_text(text)
                .is_ok_and(|sealed| ring.open(&sealed, &here, now_ms).is_ok())
        };
        for bit in 0..bytes.len() * 8 {
            let altered = encode(&flipped(&bytes, bit));
            self.refused("a ticket with a flipped bit", open(&altered, NOW_MS));
        }
        for len in 0..text.len() {
            self.refused("a truncated ticket", open(&text[..len], NOW_MS));
        }
        for more in ["A", "=", "AAAA", "\0", " "] {
            self.refused("a lengthened ticket", open(&format!("{text}{more}"), NOW_MS));
        }
        // Right in form, signed by somebody else.
        let other = ServerKey::new(Secret::new(self.rng.bytes()));
        for (what, key) in [
            ("another key", other.derive(&here, &boot)),
            ("the key of another server", server_key.derive(&server("s2"), &boot)),
            ("the key of another start", server_key.derive(&here, &self.rng.bytes())),
            ("a key of zeros", TicketKey::new(Secret::new([0; 32]))),
        ] {
            let forged = ticket.sign(&key);
            self.refused(what, open(&forged, NOW_MS));
        }
        // Right in signature, made for something else.
        let elsewhere = Ticket { audience: server("s2"), ..ticket.clone() };
        self.refused("a ticket for another server", open(&elsewhere.sign(&key), NOW_MS));
        for ms in [5_001, 6_000, 60_000, 3_600_000] {
            self.refused("an expired ticket", open(&text, NOW_MS + LIFE_MS + ms));
            self.refused("a ticket that is not valid yet", open(&text, NOW_MS - ms));
        }
        let long = Ticket { expires_ms: ticket.issued_ms + LIFE_MS + 1, ..ticket.clone() };
        self.refused("a ticket with a longer life", open(&long.sign(&key), NOW_MS));
        // The head of one ticket, the MAC of another; and the group of another, the MAC of this.
        let foreign = Ticket { session: session("other", round), ..ticket.clone() };
        let foreign = decode(&foreign.sign(&key));
        for cut in (1..bytes.len()).filter(|cut| bytes[..*cut] != foreign[..*cut]) {
            if bytes[cut..] != foreign[cut..] {
                let spliced = [&foreign[..cut], &bytes[cut..]].concat();
                self.refused("two tickets spliced", open(&encode(&spliced), NOW_MS));
            }
        }
        for _ in 0..64 {
            let mut random: Vec<u8> = (0..bytes.len()).map(|_| self.rng.next() as u8).collect();
            self.refused("random bytes", open(&encode(&random), NOW_MS));
            random[..bytes.len() - 32].copy_from_slice(&bytes[..bytes.len() - 32]);
            self.refused("a random MAC", open(&encode(&random), NOW_MS));
        }
        self.opens("ticket", open(&text, NOW_MS));
        self.opens("ticket at the end of its life", open(&text, NOW_MS + LIFE_MS + 5_000));
        let mut nonces = Nonces::default();
        self.opens("nonce", nonces.spend(&ticket, NOW_MS) == Spent::Now);
        for ms in (0..=LIFE_MS + 10_000).step_by(1_000) {
            let again = nonces.spend(&ticket, NOW_MS + ms) == Spent::Now;
            self.refused("a replayed ticket", again && open(&text, NOW_MS + ms));
        }
        let again = nonces.spend(&ticket, NOW_MS + 3 * 3_600_000) == Spent::Now;
        self.refused(
            "a ticket replayed by a clock that was set back",
            again && open(&text, NOW_MS),
        );
        ring.prune(NOW_MS + 65_001);
        let gone = SealedTicket::from_text(&text)
            .is_ok_and(|sealed| ring.open(&sealed, &here, NOW_MS).is_ok());
        self.refused("a ticket whose key has gone", gone);
    }

    fn cookies(&mut self, round: u64) {
        let keys = CookieKeys::new(&Secret::new(self.rng.bytes()));
        let restarted = CookieKeys::new(&Secret::new(self.rng.bytes()));
        let join = JoinId::from_bytes(self.rng.bytes());
        let cookie = AgentCookie {
            session: session("demo", round),
            join,
            agent: AgentId::from_bytes(self.rng.bytes()),
            privileges: Privileges::VIEW,
            issued_ms: NOW_MS,
        };
        let text = keys.seal(&cookie);
        let bytes = decode(&text);
        for bit in 0..bytes.len() * 8 {
            let altered = encode(&flipped(&bytes, bit));
            self.refused("a cookie with a flipped bit", keys.open(&altered, join).is_ok());
        }
        for len in 0..text.len() {
            self.refused("a truncated cookie", keys.open(&text[..len], join).is_ok());
        }
        // The last character carries bits that no byte needs: another spelling of the same bytes is another cookie.
        for last in URL_SAFE.chars().filter(|last| !text.ends_with(*last)) {
            let respelled = format!("{}{last}", &text[..text.len() - 1]);
            self.refused("a respelled cookie", keys.open(&respelled, join).is_ok());
        }
        let more = AgentCookie {
            privileges: Privileges::from_bits(0x1ff).unwrap_or(Privileges::VIEW),
            ..cookie
        };
        let wider = decode(&restarted.seal(&more));
        let own = keys.seal(&AgentCookie { join: JoinId::from_bytes(self.rng.bytes()), ..cookie });
        self.refused("a cookie of another start", keys.open(&encode(&wider), join).is_ok());
        self.refused("a cookie of another join", keys.open(&own, join).is_ok());
        for cut in 1..bytes.len() {
            let spliced = [&wider[..cut], &bytes[cut..]].concat();
            if spliced != bytes {
                self.refused("two cookies spliced", keys.open(&encode(&spliced), join).is_ok());
            }
        }
        self.opens("cookie", keys.open(&text, join) == Ok(cookie));

        let csrf = keys.csrf(join);
        for at in 0..csrf.len() {
            for letter in URL_SAFE.chars() {
                let mut altered = csrf.clone();
                altered.replace_range(at..=at, letter.encode_utf8(&mut [0; 4]));
                if altered != csrf {
                    self.refused("an altered CSRF value", keys.csrf_fits(join, &altered));
                }
            }
            self.refused("a truncated CSRF value", keys.csrf_fits(join, &csrf[..at]));
        }
        for _ in 0..32 {
            let other = JoinId::from_bytes(self.rng.bytes());
            self.refused("the CSRF value of another page", keys.csrf_fits(other, &csrf));
        }
        self.refused("the CSRF value of another start", restarted.csrf_fits(join, &csrf));
        self.opens("CSRF value", keys.csrf_fits(join, &csrf));
    }

    fn resumes(&mut self, round: u64) {
        let secret = Secret::new(self.rng.bytes());
        let id = session("demo", round);
        let mut relay = Relay::new(Bounds::default());
        let spec = SessionSpec {
            id,
            home: 1,
            resume: secret.hash(),
            grace_ms: 30_000,
            welcome_settings: "{}".into(),
        };
        if relay.open_session(0, spec).is_err() {
            self.findings.fault("no session could be opened".into());
            return;
        }
        let text = Resume { session: id, secret: secret.clone() }.to_text();
        let owns = |text: &str| {
            Resume::from_text(text).is_some_and(|resume| {
                relay.find(&resume.session).is_some_and(|found| relay.owns(found, &resume.secret))
            })
        };
        let bytes = decode(&text);
        for bit in 0..bytes.len() * 8 {
            self.refused(
                "a resume secret with a flipped bit",
                owns(&encode(&flipped(&bytes, bit))),
            );
        }
        for len in 0..text.len() {
            self.refused("a truncated resume secret", owns(&text[..len]));
        }
        for _ in 0..64 {
            let guess = Secret::new(self.rng.bytes());
            self.refused("a guess", owns(&Resume { session: id, secret: guess }.to_text()));
        }
        // What is public of a session: windows of its own bytes.
        for at in 0..bytes.len() - 64 {
            let public = Secret::new(std::array::from_fn(|byte| bytes[at + byte]));
            self.refused(
                "a part of the id",
                owns(&Resume { session: id, secret: public }.to_text()),
            );
        }
        self.opens("resume secret", owns(&text));
    }

    fn ticket(&mut self, key_id: KeyId, round: u64) -> Ticket {
        let subject = if round.is_multiple_of(2) {
            Subject::Visitor { resume: Secret::new(self.rng.bytes()).hash() }
        } else {
            let agent = AgentId::from_bytes(self.rng.bytes());
            Subject::Agent { agent, name: "Ada".into(), privileges: Privileges::VIEW }
        };
        Ticket {
            subject,
            home: 1,
            key_id,
            audience: server("s1"),
            session: session("demo", round),
            issued_ms: NOW_MS,
            expires_ms: NOW_MS + LIFE_MS,
            nonce: self.rng.bytes(),
        }
    }
}

fn server(id: &str) -> ServerId {
    id.parse().unwrap_or_else(|_| unreachable!("a valid server id"))
}

fn session(group: &str, round: u64) -> SessionId {
    let text = format!("{group}:{:06}:{round:032x}", round % 1_000_000);
    text.parse().unwrap_or_else(|_| unreachable!("a valid session id"))
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut altered = bytes.to_vec();
    altered[bit / 8] ^= 1 << (bit % 8);
    altered
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap_or_default()
}

const URL_SAFE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const NOW_MS: u64 = 1_800_000_000_000;
const LIFE_MS: u64 = protocol::limits::TICKET_LIFE_MS;
const SEED: u64 = 0x00c0_b0a7;
