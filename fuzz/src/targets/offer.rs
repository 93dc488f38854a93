//! The header that offers subprotocols: one credential or none, and every piece is a piece of the header.

use protocol::subprotocol::{CONTROL_V1, Credential, FRAMES_V1, Offer};

use super::{Outcome, Target};
use crate::limits::MEMORY_PER_BYTE_MAX;

pub(crate) const TARGET: Target = Target {
    name: "offer",
    run,
    seeds,
    words: &[b"cobrowse.v1", b"cobrowse.control.v1", b"ticket.", b"resume.", b"csrf.", b", ", b","],
    memory_per_byte_max: MEMORY_PER_BYTE_MAX,
};

fn run(input: &[u8]) -> Outcome {
    let Ok(header) = std::str::from_utf8(input) else { return Outcome::Refused };
    let offer = Offer::parse(header);
    let tokens = || header.split(',').map(str::trim);
    assert_eq!(offer.frames_v1, tokens().any(|token| token == FRAMES_V1));
    assert_eq!(offer.control_v1, tokens().any(|token| token == CONTROL_V1));
    let kinds = ["ticket.", "resume.", "csrf."];
    let credentials = tokens().filter(|token| kinds.iter().any(|kind| token.starts_with(kind)));
    assert_eq!(offer.credential.is_some(), credentials.count() == 1, "not exactly one credential");
    if let Some(credential) = offer.credential {
        let again = match credential {
            Credential::Ticket(value) => format!("ticket.{value}"),
            Credential::Resume(value) => format!("resume.{value}"),
            Credential::Csrf(value) => format!("csrf.{value}"),
        };
        assert_eq!(Credential::from_token(&again), Some(credential), "another round changes it");
        assert!(tokens().any(|token| token == again), "a credential that was not offered");
    }
    Outcome::of(offer.frames_v1 || offer.control_v1)
}

fn seeds() -> Vec<Vec<u8>> {
    ["cobrowse.v1, ticket.AbC_-9", "cobrowse.v1,resume.x", "csrf.y , cobrowse.v1", CONTROL_V1]
        .map(|text| text.as_bytes().to_vec())
        .into()
}
