//! The web tier's decoders of bytes from outside, one by one, for the fuzz targets: what browsers send goes through
//! [`crate::simulated::WebTier::exchange`], everything else is here.
//!
//! Owns nothing but the way in: each function is the one that the servers call, with what must hold of its result asserted.

use protocol::control::Here;
use protocol::{ServerId, SessionNumber};

use crate::admin::Order;
use crate::audit::verify::verify;
use crate::limits::{PAGES_LISTED_MAX, URL_BYTES_MAX};
use crate::presence::Presences;
use crate::store::stored;

/// What a page says of itself, as a CServer hands it on. Panics when what is kept of it could not be shown to an agent.
pub fn presence(page: &str) -> bool {
    let (Ok(group), Ok(visitor)) = ("demo".parse(), "crm-77".parse()) else { return false };
    let number = SessionNumber::from_bytes([1; 16]);
    let server: ServerId = match "s1".parse() {
        Ok(server) => server,
        Err(_) => return false,
    };
    let mut presences = Presences::default();
    let here = Here { presence: number, group, visitor, page: page.to_owned() };
    presences.take(1, server, vec![here.clone()], &[]);
    presences.take(2, server, vec![here], &[]);
    let pages = presences.of(&[group], None);
    assert!(pages.len() == 1 && pages.len() <= PAGES_LISTED_MAX, "one page is there: {pages:?}");
    let url = &pages[0].url;
    assert!(url.is_empty() || url.starts_with("https://"), "{url:?}");
    assert!(url.len() <= URL_BYTES_MAX && !url.contains(['?', '#']), "{url:?}");
    presences.take(3, server, Vec::new(), &[number]);
    assert!(presences.of(&[group], None).is_empty(), "a page that has gone is there");
    !url.is_empty()
}

/// A record of the store, as it lies on the disk behind its key: whether its checksum and its form are right.
pub fn record(key: &[u8], bytes: &[u8]) -> bool {
    stored::is_whole(key, bytes)
}

/// A record as the store writes it.
pub fn sealed(key: &[u8], value: &[u8]) -> Vec<u8> {
    stored::sealed(key, value)
}

/// An order on the admin socket; written again it is the same.
pub fn order(line: &str) -> bool {
    let Ok(order) = serde_json::from_str::<Order>(line) else { return false };
    let again = serde_json::to_string(&order).unwrap_or_default();
    assert!(serde_json::from_str::<Order>(&again).ok().as_ref() == Some(&order), "{again}");
    true
}

/// An export of the audit log under a key that signed none: whatever it holds, it is not sound.
pub fn audit(text: &str) -> bool {
    let sound = verify(text, &"0".repeat(64), None);
    assert!(sound.is_err(), "a log that nobody signed is sound");
    text.lines().count() > 1 && !matches!(sound, Err(crate::audit::verify::Fault::Shape(1)))
}
