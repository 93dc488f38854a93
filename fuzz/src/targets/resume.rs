//! Resume secrets as text: what is read has one text form only, and it shows nothing of the secret.

use protocol::resume::Resume;
use protocol::secret::Secret;

use super::{Outcome, Target};
use crate::limits::MEMORY_PER_BYTE_MAX;

pub(crate) const TARGET: Target = Target {
    name: "resume",
    run,
    seeds,
    words: &[b"A", b"AAAA", b"____", b"=", b"-"],
    memory_per_byte_max: MEMORY_PER_BYTE_MAX,
};

fn run(input: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(input) else { return Outcome::Refused };
    let Some(resume) = Resume::from_text(text) else { return Outcome::Refused };
    assert_eq!(resume.to_text(), text, "two texts for one secret");
    assert!(resume.secret.hash().matches(&resume.secret));
    let shown = format!("{resume:?}");
    assert!(shown.contains("Secret(set)"), "a secret is shown");
    Outcome::Accepted
}

fn seeds() -> Vec<Vec<u8>> {
    let resume = Resume { session: super::session(), secret: Secret::new([8; 32]) };
    vec![resume.to_text().into_bytes()]
}
