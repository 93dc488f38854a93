//! Records of the web tier's store as they lie on its disk: a line with the key, then value and checksum. What is not as it was
//! written is refused; a right checksum around something else is refused by its form.

use super::{Outcome, Target, records};
use crate::limits::MEMORY_PER_BYTE_MAX;

pub(crate) const TARGET: Target = Target {
    name: "stored",
    run,
    seeds,
    words: records::WORDS,
    memory_per_byte_max: MEMORY_PER_BYTE_MAX,
};

fn run(input: &[u8]) -> Outcome {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else { return Outcome::Refused };
    let (key, stored) = (&input[..end], &input[end + 1..]);
    let is_whole = webtier::decoders::record(key, stored);
    // The form alone, behind a checksum that fits: mutation hardly ever makes one.
    webtier::decoders::record(key, &webtier::decoders::sealed(key, stored));
    if is_whole && !stored.is_empty() {
        let mut altered = stored.to_vec();
        altered[stored.len() / 2] ^= 1;
        assert!(!webtier::decoders::record(key, &altered), "a flipped bit is not noticed");
    }
    Outcome::of(is_whole)
}

fn seeds() -> Vec<Vec<u8>> {
    [
        ("gdemo", r#"{"id":"demo","settings":{"revision":1,"origins":["https://shop.example"],"grace_ms":30000,"visitor":{"masks":[]}},"roles":{"lead":["view","point"]}}"#),
        ("aada", r#"{"id":"07070707070707070707070707070707","name":"ada","display":"Ada","password_hash":null,"groups":{"demo":"lead"}}"#),
        ("ss1", r#"{"id":"s1","public_url":"https://s1.example","control_name":"c1","address":"s1:443","drain_until_ms":null,"boot":null}"#),
        ("ndemo", r#"{"id":"demo:471113:000102030405060708090a0b0c0d0e0f","resume":"0000000000000000000000000000000000000000000000000000000000000000","server":"s1","boot":"000102030405060708090a0b0c0d0e0f","home":1,"state":{"ended":{"at_ms":1,"reason":"lost"}},"assigned_ms":1,"started_ms":null}"#),
        ("v", "2"),
    ]
    .map(|(key, value)| {
        [key.as_bytes(), b"\n", &webtier::decoders::sealed(key.as_bytes(), value.as_bytes())].concat()
    })
    .into()
}
