//! Records of the control stream, both ways: what is read survives another round, and what is too long is refused.

use protocol::control::{Down, RecordError, Up};
use protocol::limits::CONTROL_RECORD_BYTES_MAX;
use protocol::{AgentId, JoinId, SessionId};

use super::{Outcome, Target};
use crate::limits::MEMORY_PER_BYTE_MAX;

pub(crate) const TARGET: Target =
    Target { name: "records", run, seeds, words: WORDS, memory_per_byte_max: MEMORY_PER_BYTE_MAX };

fn run(input: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(input) else { return Outcome::Refused };
    let down = round(text, Down::from_json, Down::to_json);
    let up = round(text, Up::from_json, Up::to_json);
    // Long enough to be refused by its length alone, whatever it says.
    if let Some(word) = text.get(..16) {
        let long = word.repeat(CONTROL_RECORD_BYTES_MAX / 16 + 1);
        assert!(matches!(Down::from_json(&long), Err(RecordError::TooLong(_))));
    }
    text.split('"').for_each(one_form);
    Outcome::of(down || up)
}

/// An id has one text form, or two records could name it differently.
fn one_form(text: &str) {
    let forms = [
        text.parse().map(|id: SessionId| id.to_text()),
        text.parse().map(|id: AgentId| id.to_hex()),
        text.parse().map(|id: JoinId| id.to_hex()),
    ];
    for form in forms.into_iter().flatten() {
        assert_eq!(form, text, "another text for the same id");
    }
}

fn round<T: PartialEq + std::fmt::Debug>(
    text: &str,
    read: fn(&str) -> Result<Option<T>, RecordError>,
    write: fn(&T) -> String,
) -> bool {
    let Ok(Some(record)) = read(text) else { return false };
    let json = write(&record);
    match read(&json) {
        Ok(again) => assert_eq!(again, Some(record), "another round changes it: {json}"),
        Err(error) => {
            let long = json.len() > CONTROL_RECORD_BYTES_MAX;
            assert!(long, "what was written cannot be read: {error}: {json}");
        }
    }
    true
}

fn seeds() -> Vec<Vec<u8>> {
    SEEDS.iter().map(|text| text.as_bytes().to_vec()).collect()
}

pub(crate) const SEEDS: [&str; 17] = [
    r#"{"type":"hello","replica":"w1","now_ms":1700000000000}"#,
    r#"{"type":"key","key_id":"0102030405060708","secret":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE","not_before_ms":1,"expires_ms":1700000060000}"#,
    r##"{"type":"group","group":"demo","revision":3,"origins":["https://shop.example"],"resource_origins":[],"grace_ms":30000,"visitor":{"masks":["#card"],"mask_default":"inputs"}}"##,
    r#"{"type":"group_removed","group":"demo"}"#,
    r#"{"type":"revoke","group":"demo","agent":"000102030405060708090a0b0c0d0e0f"}"#,
    r#"{"type":"drain","deadline_ms":10000}"#,
    r#"{"type":"ack","seq":4}"#,
    r#"{"type":"hello","server":"s1","boot":"000102030405060708090a0b0c0d0e0f","version":"0.1.0","cores":2,"now_ms":5}"#,
    r#"{"type":"key_ack","key_id":"0102030405060708"}"#,
    r#"{"type":"group_ack","group":"demo","revision":3}"#,
    r#"{"type":"load","sessions":1,"agents":2,"connections":3,"accepting":true}"#,
    r#"{"type":"session_started","seq":1,"at_ms":5,"session":"demo:471113:000102030405060708090a0b0c0d0e0f","home":1}"#,
    r#"{"type":"session_ended","seq":2,"at_ms":5,"session":"demo:471113:000102030405060708090a0b0c0d0e0f","home":1,"reason":"moved"}"#,
    r#"{"type":"agent_joined","seq":3,"at_ms":5,"session":"demo:471113:000102030405060708090a0b0c0d0e0f","join":"0102030405060708","agent":"000102030405060708090a0b0c0d0e0f","privileges":["view","point"]}"#,
    r#"{"type":"agent_left","seq":4,"at_ms":5,"session":"demo:471113:000102030405060708090a0b0c0d0e0f","join":"0102030405060708"}"#,
    r#"{"type":"metrics","core":1,"whole":{"version":"0.1.0","keys":2,"certificates":{"public":9}},"figures":{"sessions":3,"refusals":{"flooding":1},"turns":{"counts":[1,0,0,0,0,0,0,0,0,0,0],"sum_us":4}}}"#,
    r#"{"type":"moved","session":"demo:471113:000102030405060708090a0b0c0d0e0f","home":2,"reason":"session_ended_agent"}"#,
];

pub(crate) const WORDS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b":",
    b",",
    b"null",
    b"true",
    b"1e999",
    b"-0",
    b"18446744073709551615",
    b"\\u0000",
    b"\\ud800",
    b"\"type\":\"hello\"",
    b"\"type\":\"ack\",",
    b"\"seq\":1,",
    b"\"home\":4294967295",
    b"[[[[[[[[[[[[[[[[",
    b"{\"a\":{\"a\":{\"a\":",
    b"https://",
    b"\"origins\":[],",
];
