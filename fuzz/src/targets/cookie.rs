//! Agent session cookies: any content opens as it was sealed, and no other text opens at all.

use cserver::credentials::{AgentCookie, CookieKeys};
use protocol::ids::{AgentId, GroupId, JoinId, SessionId, SessionKey, SessionNumber};
use protocol::secret::Secret;
use protocol::{CloseCode, Privileges};

use super::{Outcome, Target};
use crate::limits::MEMORY_PER_BYTE_MAX;

pub(crate) const TARGET: Target = Target {
    name: "cookie",
    run,
    seeds,
    words: &[b"A", b"AAAA", b"____", b"=", b"-"],
    memory_per_byte_max: MEMORY_PER_BYTE_MAX,
};

/// Any text is tried as a cookie; any bytes are tried as what a cookie says.
fn run(input: &[u8]) -> Outcome {
    let keys = CookieKeys::new(&Secret::new([1; 32]));
    let mut opened = false;
    if let Ok(text) = std::str::from_utf8(input) {
        opened = keys.open(text, known().join) == Ok(known());
        assert_eq!(opened, text == keys.seal(&known()), "a forged cookie opens, or a good one not");
        assert!(opened || keys.open(text, known().join) == Err(CloseCode::Unauthorized));
        assert_eq!(keys.csrf_fits(known().join, text), text == keys.csrf(known().join));
    }
    let Some(cookie) = content(input) else { return Outcome::of(opened) };
    let value = keys.seal(&cookie);
    assert_eq!(keys.open(&value, cookie.join), Ok(cookie), "another round changes it");
    let other = JoinId::from_bytes(cookie.join.as_bytes().map(|byte| !byte));
    assert!(keys.open(&value, other).is_err(), "a cookie opens another join");
    // The same cookie with one character altered, wherever the input says.
    let at = usize::from(input[0]) % value.len();
    let mut altered = value.clone().into_bytes();
    altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8_lossy(&altered);
    assert!(keys.open(&altered, cookie.join).is_err(), "character {at} does not count");
    Outcome::Accepted
}

fn content(input: &[u8]) -> Option<AgentCookie> {
    let (fixed, names) = input.split_first_chunk::<50>()?;
    let (group, key) = names.split_first_chunk::<32>()?;
    let mut padded = [0; 64];
    padded[..key.len().min(64)].copy_from_slice(&key[..key.len().min(64)]);
    Some(AgentCookie {
        privileges: Privileges::from_bits(u16::from_be_bytes(fixed[..2].try_into().ok()?))?,
        join: JoinId::from_bytes(fixed[2..10].try_into().ok()?),
        agent: AgentId::from_bytes(fixed[10..26].try_into().ok()?),
        issued_ms: u64::from_be_bytes(fixed[26..34].try_into().ok()?),
        session: SessionId {
            group: GroupId::from_padded(group).ok()?,
            key: SessionKey::from_padded(&padded).ok()?,
            number: SessionNumber::from_bytes(fixed[34..].try_into().ok()?),
        },
    })
}

fn known() -> AgentCookie {
    AgentCookie {
        session: super::session(),
        join: JoinId::from_bytes([7; 8]),
        agent: AgentId::from_bytes([2; 16]),
        privileges: Privileges::VIEW,
        issued_ms: 12,
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let value = CookieKeys::new(&Secret::new([1; 32])).seal(&known()).into_bytes();
    let mut content = vec![0; 50 + 32];
    content[1] = 3;
    content[50..54].copy_from_slice(b"demo");
    content.extend_from_slice(b"471113");
    vec![value, content]
}
