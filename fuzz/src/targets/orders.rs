//! Lines that reach the web tier from its own host: orders on its admin socket, exports of the audit log.

use super::{Outcome, Target, records};
use crate::limits::MEMORY_PER_BYTE_MAX;

pub(crate) const TARGET: Target = Target {
    name: "orders",
    run,
    seeds,
    words: records::WORDS,
    memory_per_byte_max: MEMORY_PER_BYTE_MAX,
};

fn run(input: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(input) else { return Outcome::Refused };
    let is_log = webtier::decoders::audit(text);
    Outcome::of(webtier::decoders::order(text) || is_log)
}

fn seeds() -> Vec<Vec<u8>> {
    [
        r##"{"order":"group_add","group":"demo","settings":{"origins":["https://shop.example"],"masks":["#card"],"grace_ms":30000}}"##,
        r#"{"order":"agent_add","name":"ada","display":"Ada","password_hash":null}"#,
        r#"{"order":"role_add","group":"demo","role":"lead","privileges":["view","point"]}"#,
        r#"{"order":"server_drain","server":"s1","deadline_ms":5000}"#,
        r#"{"order":"audit_lines","from":7}"#,
        "00 {\"seq\":1,\"at_ms\":1,\"event\":\"began\"}\n00 {}\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}
