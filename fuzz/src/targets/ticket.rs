//! Tickets: none opens but those that were signed, and what is behind a good MAC survives another round.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;
use protocol::keys::{TicketKey, mac};
use protocol::secret::{Secret, SecretHash};
use protocol::ticket::{SealedTicket, TICKET_BYTES};
use protocol::{AgentId, KeyId, Privileges, ServerId, Subject, Ticket, TicketError};

use super::{Outcome, Target};
use crate::limits::MEMORY_PER_BYTE_MAX;

pub(crate) const TARGET: Target = Target {
    name: "ticket",
    run,
    seeds,
    words: &[b"A", b"AAAA", b"____", b"=", b"-"],
    memory_per_byte_max: MEMORY_PER_BYTE_MAX,
};

fn run(input: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(input) else { return Outcome::Refused };
    let Ok(sealed) = SealedTicket::from_text(text) else { return Outcome::Refused };
    let opened = open(&sealed);
    if opened.is_ok() {
        assert!(signed().iter().any(|known| known == text), "a forged ticket opens");
    }
    // Whatever the content, signed by somebody who has the key.
    let Ok(mut bytes) = URL_SAFE_NO_PAD.decode(text) else { panic!("another base64 refuses it") };
    assert_eq!(bytes.len(), TICKET_BYTES);
    let (content, tag) = bytes.split_at_mut(TICKET_BYTES - 32);
    tag.copy_from_slice(&mac(key().secret(), content).finalize().into_bytes());
    let resigned = URL_SAFE_NO_PAD.encode(&bytes);
    match SealedTicket::from_text(&resigned).map(|sealed| open(&sealed)) {
        Ok(Ok(ticket)) => {
            assert_eq!(ticket.sign(&key()), resigned, "another round changes it");
            assert_eq!(ticket.audience, server());
            Outcome::Accepted
        }
        refused => {
            assert_ne!(refused, Ok(Err(TicketError::Forged)), "a good signature counts as forged");
            Outcome::Refused
        }
    }
}

fn open(sealed: &SealedTicket) -> Result<Ticket, TicketError> {
    sealed.open(&key(), &server(), NOW_MS)
}

/// The only tickets of this key that exist.
fn signed() -> [String; 2] {
    let agent = Subject::Agent {
        agent: AgentId::from_bytes([2; 16]),
        name: "Ada Lovelace é".into(),
        privileges: Privileges::VIEW | Privileges::POINT,
    };
    let visitor = Subject::Visitor { resume: SecretHash::from_bytes([5; 32]) };
    [agent, visitor].map(|subject| {
        let ticket = Ticket {
            subject,
            home: 1,
            key_id: KeyId::from_bytes([3; 8]),
            audience: server(),
            session: super::session(),
            issued_ms: NOW_MS,
            expires_ms: NOW_MS + 30_000,
            nonce: [4; 16],
        };
        ticket.sign(&key())
    })
}

fn seeds() -> Vec<Vec<u8>> {
    signed().map(String::into_bytes).into()
}

fn key() -> TicketKey {
    TicketKey::new(Secret::new([9; 32]))
}

fn server() -> ServerId {
    "s1".parse().unwrap_or_else(|_| unreachable!("s1 is a server id"))
}

const NOW_MS: u64 = 1_000_000;
