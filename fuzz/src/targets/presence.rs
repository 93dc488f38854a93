//! What a page says of itself while no session runs: passed on unread by the CServer, read by the web tier.

use super::{Outcome, Target, records};
use crate::limits::MEMORY_PER_BYTE_MAX;

pub(crate) const TARGET: Target = Target {
    name: "presence",
    run,
    seeds,
    words: records::WORDS,
    memory_per_byte_max: MEMORY_PER_BYTE_MAX,
};

fn run(input: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(input) else { return Outcome::Refused };
    Outcome::of(webtier::decoders::presence(text))
}

fn seeds() -> Vec<Vec<u8>> {
    [
        r#"{"url":"https://shop.example/cart","visible":true}"#,
        r#"{"url":"https://shop.example/","visible":false,"declined":"000102030405060708090a0b0c0d0e0f"}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}
