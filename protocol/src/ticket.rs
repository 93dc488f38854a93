//! The single-use proof that the web tier lets somebody into a session: PROTOCOL.md section 6.2.
//!
//! Owns the layout, signing and verifying. Single use is the business of whoever owns the session; carrying
//! it in a cookie or a subprotocol is the business of the servers.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;

use crate::ids::{AgentId, GroupId, KeyId, ServerId, SessionId, SessionKey, SessionNumber};
use crate::keys::TicketKey;
use crate::limits::{CLOCK_SKEW_MS, TICKET_LIFE_MS};
use crate::privileges::Privileges;
use crate::secret::SecretHash;

/// Bytes of a ticket.
pub const TICKET_BYTES: usize = 336;

/// Characters of a ticket's text form.
pub const TICKET_TEXT_BYTES: usize = TICKET_BYTES * 4 / 3;

/// Longest display name, in bytes of UTF-8.
pub const DISPLAY_NAME_BYTES_MAX: usize = 64;

/// What a ticket says.
///
/// ```
/// use cobrowse_protocol::{keys::TicketKey, secret::Secret, ticket::*, *};
/// let key = TicketKey::new(Secret::new([9; 32]));
/// let ticket = Ticket {
///     subject: Subject::Agent {
///         agent: AgentId::from_bytes([2; 16]),
///         name: "Ada".into(),
///         privileges: Privileges::VIEW | Privileges::POINT,
///     },
///     home: 1,
///     key_id: KeyId::from_bytes([3; 8]),
///     audience: "s1".parse().unwrap(),
///     session: "demo:471113:000102030405060708090a0b0c0d0e0f".parse().unwrap(),
///     issued_ms: 1_000_000,
///     expires_ms: 1_030_000,
///     nonce: [4; 16],
/// };
/// let text = ticket.sign(&key);
/// let sealed = SealedTicket::from_text(&text).unwrap();
/// let opened = sealed.open(&key, &"s1".parse().unwrap(), 1_010_000).unwrap();
/// assert_eq!(opened, ticket);
/// // Made for s1, shown to s2:
/// assert_eq!(sealed.open(&key, &"s2".parse().unwrap(), 1_010_000), Err(TicketError::Audience));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Whom it lets in.
    pub subject: Subject,
    /// 1 for the first home of a session, one more for each move.
    pub home: u32,
    /// The server key it is signed with.
    pub key_id: KeyId,
    /// The one CServer that accepts it.
    pub audience: ServerId,
    /// The session.
    pub session: SessionId,
    /// Wall clock, milliseconds.
    pub issued_ms: u64,
    /// Wall clock, milliseconds.
    pub expires_ms: u64,
    /// Random; accepted once.
    pub nonce: [u8; 16],
}

/// Whom a ticket lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An agent, to view.
    Agent {
        /// The account.
        agent: AgentId,
        /// What others see; at most 64 bytes of UTF-8 without zero bytes.
        name: String,
        /// What the agent may do.
        privileges: Privileges,
    },
    /// A page outside a session, to say that it is there: the session's key is the visitor's id, its number names the page.
    Presence,
    /// The visitor, to upload.
    Visitor {
        /// Recognises the resume secret.
        resume: SecretHash,
    },
}

/// Why a ticket is not accepted. All of them are `unauthorized` on the wire; the difference is for the log and for tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// Not base64url of 336 bytes.
    #[error("not a ticket: wrong length or alphabet")]
    Malformed,
    /// The MAC does not fit.
    #[error("the signature does not fit: forged, altered, or signed with a key that has gone")]
    Forged,
    /// Signed by us for another CServer.
    #[error("made for another server")]
    Audience,
    /// Before it was issued or after it expired, by more than the clocks may differ.
    #[error("expired or not yet valid: compare the clocks of web tier and CServer")]
    Expired,
    /// The MAC fits, the content does not: a fault of the web tier that signed it.
    #[error("signed and yet not a valid ticket of version 1")]
    Content,
}

impl Ticket {
    /// Signs and encodes. A name that is too long is cut at a character.
    pub fn sign(&self, key: &TicketKey) -> String {
        let mut bytes = self.encode();
        let mac = key.mac(&bytes[..MAC_AT]).finalize().into_bytes();
        bytes[MAC_AT..].copy_from_slice(&mac);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn encode(&self) -> [u8; TICKET_BYTES] {
        let mut bytes = [0; TICKET_BYTES];
        let mut at = Cursor { bytes: &mut bytes, at: 0 };
        at.put(&[VERSION]);
        match &self.subject {
            Subject::Agent { privileges, .. } => {
                at.put(&[SUBJECT_AGENT]);
                at.put(&privileges.bits().to_be_bytes());
            }
            Subject::Visitor { .. } => {
                at.put(&[SUBJECT_VISITOR]);
                at.put(&[0, 0]);
            }
            Subject::Presence => {
                at.put(&[SUBJECT_PRESENCE]);
                at.put(&[0, 0]);
            }
        }
        at.put(&self.home.to_be_bytes());
        at.put(self.key_id.as_bytes());
        at.put(self.audience.padded());
        at.put(self.session.group.padded());
        at.put(self.session.key.padded());
        at.put(self.session.number.as_bytes());
        at.put(&self.issued_ms.to_be_bytes());
        at.put(&self.expires_ms.to_be_bytes());
        at.put(&self.nonce);
        match &self.subject {
            Subject::Agent { agent, name, .. } => {
                at.put(agent.as_bytes());
                at.put(&padded_name(name));
                at.put(&[0; 32]);
            }
            Subject::Visitor { resume } => {
                at.put(&[0; 16 + DISPLAY_NAME_BYTES_MAX]);
                at.put(resume.as_bytes());
            }
            Subject::Presence => at.put(&[0; 16 + DISPLAY_NAME_BYTES_MAX + 32]),
        }
        debug_assert_eq!(at.at, MAC_AT);
        bytes
    }

    fn decode(bytes: &[u8; TICKET_BYTES]) -> Option<Self> {
        let mut at = Reader { bytes, at: 0 };
        if at.take::<1>() != [VERSION] {
            return None;
        }
        let [subject] = at.take();
        let privileges = u16::from_be_bytes(at.take());
        let home = u32::from_be_bytes(at.take());
        let key_id = KeyId::from_bytes(at.take());
        let audience = ServerId::from_padded(&at.take()).ok()?;
        let session = SessionId {
            group: GroupId::from_padded(&at.take()).ok()?,
            key: SessionKey::from_padded(&at.take()).ok()?,
            number: SessionNumber::from_bytes(at.take()),
        };
        let issued_ms = u64::from_be_bytes(at.take());
        let expires_ms = u64::from_be_bytes(at.take());
        let nonce = at.take();
        let agent = at.take::<16>();
        let name = at.take::<DISPLAY_NAME_BYTES_MAX>();
        let resume = at.take::<32>();
        let subject = match subject {
            SUBJECT_AGENT if resume == [0; 32] => Subject::Agent {
                agent: AgentId::from_bytes(agent),
                name: unpadded_name(&name)?,
                privileges: Privileges::from_bits(privileges)?,
            },
            SUBJECT_VISITOR if privileges == 0 && agent == [0; 16] && name == [0; 64] => {
                Subject::Visitor { resume: SecretHash::from_bytes(resume) }
            }
            SUBJECT_PRESENCE
                if privileges == 0 && agent == [0; 16] && name == [0; 64] && resume == [0; 32] =>
            {
                Subject::Presence
            }
            _ => return None,
        };
        let ticket =
            Self { subject, home, key_id, audience, session, issued_ms, expires_ms, nonce };
        let life_ms = expires_ms.checked_sub(issued_ms)?;
        (home >= 1 && life_ms <= TICKET_LIFE_MS).then_some(ticket)
    }
}

/// A ticket as it came from outside: nothing in it is believed yet, and only the key id can be asked for.
#[derive(Clone)]
pub struct SealedTicket([u8; TICKET_BYTES]);

impl SealedTicket {
    /// Reads the text form; its content is not looked at.
    pub fn from_text(text: &str) -> Result<Self, TicketError> {
        if text.len() != TICKET_TEXT_BYTES {
            return Err(TicketError::Malformed);
        }
        let mut bytes = [0; TICKET_BYTES];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(TICKET_BYTES) => Ok(Self(bytes)),
            _ => Err(TicketError::Malformed),
        }
    }

    /// Which key it claims to be signed with. The one field that has to be read before the MAC is verified.
    pub fn key_id(&self) -> KeyId {
        KeyId::from_bytes(Reader { bytes: &self.0, at: KEY_ID_AT }.take())
    }

    /// Verifies the MAC in constant time, then audience and time, then reads the rest.
    /// `now_ms` is the wall clock.
    pub fn open(
        &self,
        key: &TicketKey,
        server: &ServerId,
        now_ms: u64,
    ) -> Result<Ticket, TicketError> {
        let (signed, mac) = self.0.split_at(MAC_AT);
        key.mac(signed).verify_slice(mac).map_err(|_| TicketError::Forged)?;
        let ticket = Ticket::decode(&self.0).ok_or(TicketError::Content)?;
        if ticket.audience != *server {
            return Err(TicketError::Audience);
        }
        let early = now_ms.saturating_add(CLOCK_SKEW_MS) < ticket.issued_ms;
        let late = now_ms > ticket.expires_ms.saturating_add(CLOCK_SKEW_MS);
        if early || late { Err(TicketError::Expired) } else { Ok(ticket) }
    }
}

struct Cursor<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Cursor<'_> {
    fn put(&mut self, field: &[u8]) {
        self.bytes[self.at..self.at + field.len()].copy_from_slice(field);
        self.at += field.len();
    }
}

struct Reader<'a> {
    bytes: &'a [u8; TICKET_BYTES],
    at: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut field = [0; N];
        field.copy_from_slice(&self.bytes[self.at..self.at + N]);
        self.at += N;
        field
    }
}

fn padded_name(name: &str) -> [u8; DISPLAY_NAME_BYTES_MAX] {
    let mut end = name.find('\0').unwrap_or(name.len()).min(DISPLAY_NAME_BYTES_MAX);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let mut padded = [0; DISPLAY_NAME_BYTES_MAX];
    padded[..end].copy_from_slice(&name.as_bytes()[..end]);
    padded
}

fn unpadded_name(padded: &[u8; DISPLAY_NAME_BYTES_MAX]) -> Option<String> {
    let len = padded.iter().position(|b| *b == 0).unwrap_or(DISPLAY_NAME_BYTES_MAX);
    if padded[len..].iter().any(|b| *b != 0) {
        return None;
    }
    String::from_utf8(padded[..len].to_vec()).ok()
}

const VERSION: u8 = 1;
const SUBJECT_AGENT: u8 = 1;
const SUBJECT_VISITOR: u8 = 2;
const SUBJECT_PRESENCE: u8 = 3;
const KEY_ID_AT: usize = 8;
const MAC_AT: usize = TICKET_BYTES - 32;

const _: () = assert!(TICKET_BYTES.is_multiple_of(3), "the text form has no partial group");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn key() -> TicketKey {
        TicketKey::new(Secret::new([9; 32]))
    }

    fn ticket() -> Ticket {
        Ticket {
            subject: Subject::Visitor { resume: SecretHash::from_bytes([5; 32]) },
            home: 2,
            key_id: KeyId::from_bytes([3; 8]),
            audience: "s1".parse().unwrap(),
            session: "demo:471113:000102030405060708090a0b0c0d0e0f".parse().unwrap(),
            issued_ms: 1_000_000,
            expires_ms: 1_030_000,
            nonce: [4; 16],
        }
    }

    fn open(text: &str, now_ms: u64) -> Result<Ticket, TicketError> {
        SealedTicket::from_text(text)?.open(&key(), &"s1".parse().unwrap(), now_ms)
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let bytes = URL_SAFE_NO_PAD.decode(ticket().sign(&key())).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut altered = bytes.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            let text = URL_SAFE_NO_PAD.encode(altered);
            assert_eq!(open(&text, 1_010_000), Err(TicketError::Forged), "bit {bit}");
        }
    }

    #[test]
    fn every_other_length_is_malformed() {
        let text = ticket().sign(&key());
        for len in 0..text.len() {
            assert_eq!(open(&text[..len], 1_010_000), Err(TicketError::Malformed));
        }
        assert_eq!(open(&format!("{text}A"), 1_010_000), Err(TicketError::Malformed));
    }

    #[test]
    fn clocks_may_differ_by_five_seconds_and_no_more() {
        let text = ticket().sign(&key());
        for (now_ms, accepted) in
            [(994_999, false), (995_000, true), (1_035_000, true), (1_035_001, false)]
        {
            let opened = open(&text, now_ms);
            assert_eq!(opened.is_ok(), accepted, "{now_ms}: {opened:?}");
        }
    }

    #[test]
    fn a_signed_ticket_with_an_impossible_content_is_refused() {
        let long_life = Ticket { expires_ms: 1_030_001, ..ticket() };
        assert_eq!(open(&long_life.sign(&key()), 1_010_000), Err(TicketError::Content));
        let no_home = Ticket { home: 0, ..ticket() };
        assert_eq!(open(&no_home.sign(&key()), 1_010_000), Err(TicketError::Content));
    }

    #[test]
    fn a_long_name_is_cut_at_a_character() {
        let name = format!("{}é", "x".repeat(63));
        let subject = Subject::Agent {
            agent: AgentId::from_bytes([1; 16]),
            name,
            privileges: Privileges::VIEW,
        };
        let text = Ticket { subject, ..ticket() }.sign(&key());
        let Subject::Agent { name, .. } = open(&text, 1_010_000).unwrap().subject else {
            panic!("an agent's ticket became a visitor's");
        };
        assert_eq!(name, "x".repeat(63));
    }
}
