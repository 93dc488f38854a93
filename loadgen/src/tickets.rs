//! The web tier's part of the credentials, played by the generator: keys and tickets of its own.
//!
//! The CServer needs no back door for a load test: it takes the key over its control stream as it would from a web tier.

use std::time::{SystemTime, UNIX_EPOCH};

use protocol::keys::{BootNonce, ServerKey, TicketKey};
use protocol::limits::TICKET_LIFE_MS;
use protocol::resume::Resume;
use protocol::secret::Secret;
use protocol::{AgentId, GroupId, KeyId, Privileges, ServerId, SessionId, SessionNumber};
use protocol::{Subject, Ticket};

/// Signs tickets for one CServer since one of its starts.
#[derive(Clone, Debug)]
pub struct Signer {
    key: TicketKey,
    key_id: KeyId,
    server: ServerId,
}

impl Signer {
    /// A new server key, derived for that server and start.
    pub fn new(server: ServerId, boot: &BootNonce) -> Self {
        let key = ServerKey::new(Secret::new(random())).derive(&server, boot);
        Self { key, key_id: KeyId::from_bytes(random()), server }
    }

    /// The derived key, for the control stream.
    pub fn key(&self) -> (&TicketKey, KeyId) {
        (&self.key, self.key_id)
    }

    /// A new session of the generator's group.
    pub fn session(&self, index: u32) -> Resume {
        let key = match format!("load-{index}").parse() {
            Ok(key) => key,
            Err(error) => unreachable!("letters, digits and a dash: {error}"),
        };
        let number = SessionNumber::from_bytes(random());
        Resume { session: SessionId { group: group(), key, number }, secret: Secret::new(random()) }
    }

    /// The visitor's first ticket.
    pub fn visitor(&self, resume: &Resume) -> String {
        self.sign(resume.session, Subject::Visitor { resume: resume.secret.hash() })
    }

    /// An agent's ticket; each is another account.
    pub fn agent(&self, session: SessionId, index: u32) -> String {
        let mut agent = [0; 16];
        agent[..4].copy_from_slice(&index.to_be_bytes());
        let subject = Subject::Agent {
            agent: AgentId::from_bytes(agent),
            name: format!("Load {index}"),
            privileges: Privileges::VIEW | Privileges::POINT,
        };
        self.sign(session, subject)
    }

    fn sign(&self, session: SessionId, subject: Subject) -> String {
        let issued_ms = wall_ms();
        let ticket = Ticket {
            subject,
            home: 1,
            key_id: self.key_id,
            audience: self.server,
            session,
            issued_ms,
            expires_ms: issued_ms + TICKET_LIFE_MS,
            nonce: random(),
        };
        ticket.sign(&self.key)
    }
}

/// The group in which all sessions of a load test run.
pub fn group() -> GroupId {
    match GROUP.parse() {
        Ok(group) => group,
        Err(error) => unreachable!("four letters: {error}"),
    }
}

/// Wall clock, milliseconds since the Unix epoch.
pub fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if let Err(error) = getrandom::fill(&mut bytes) {
        panic!("the system gives no random bytes: {error}");
    }
    bytes
}

const GROUP: &str = "load";

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ticket::SealedTicket;

    #[test]
    fn its_tickets_open_with_its_key_for_its_server_only() {
        let server: ServerId = "s1".parse().unwrap();
        let signer = Signer::new(server, &[1; 16]);
        let resume = signer.session(7);
        for text in [signer.visitor(&resume), signer.agent(resume.session, 3)] {
            let sealed = SealedTicket::from_text(&text).unwrap();
            assert_eq!(sealed.key_id(), signer.key().1);
            assert!(sealed.open(signer.key().0, &server, wall_ms()).is_ok());
            assert!(sealed.open(signer.key().0, &"s2".parse().unwrap(), wall_ms()).is_err());
        }
    }
}
