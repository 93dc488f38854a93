//! A group's settings: those without faults fit wherever they go, and no origin can end a directive of a policy.

use protocol::GroupSettings;
use protocol::control::Down;
use protocol::limits::{
    CONTROL_RECORD_BYTES_MAX, GRACE_MS_MAX, GRACE_MS_MIN, MASKS_MAX, ORIGINS_MAX,
    VISITOR_SETTINGS_BYTES_MAX,
};

use super::{Outcome, Target, records};
use crate::limits::MEMORY_PER_BYTE_MAX;

pub(crate) const TARGET: Target = Target {
    name: "settings",
    run,
    seeds,
    words: records::WORDS,
    memory_per_byte_max: MEMORY_PER_BYTE_MAX,
};

fn run(input: &[u8]) -> Outcome {
    let Ok(settings) = serde_json::from_slice::<GroupSettings>(input) else {
        return Outcome::Refused;
    };
    let json = serde_json::to_vec(&settings).unwrap_or_default();
    let again = serde_json::from_slice::<GroupSettings>(&json);
    assert_eq!(again.ok().as_ref(), Some(&settings), "another round changes them");
    if !settings.faults().is_empty() {
        return Outcome::Refused;
    }
    assert!((GRACE_MS_MIN..=GRACE_MS_MAX).contains(&settings.grace_ms));
    assert!(settings.visitor.masks.len() <= MASKS_MAX);
    let visitor = serde_json::to_vec(&settings.visitor).unwrap_or_default();
    assert!((2..=VISITOR_SETTINGS_BYTES_MAX).contains(&visitor.len()));
    for origins in [&settings.origins, &settings.resource_origins] {
        assert!(origins.len() <= ORIGINS_MAX);
        for origin in origins {
            assert!(settings.allows_origin(origin) || !settings.origins.contains(origin));
            let written =
                |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b":/.-".contains(&b);
            assert!(origin.bytes().all(written), "{origin:?} can leave its directive");
            assert_eq!(origin.matches('/').count(), 2, "{origin:?} has a path");
        }
    }
    let Ok(group) = "g".repeat(32).parse() else { unreachable!("32 letters are a group id") };
    let record = Down::Group { group, settings: Box::new(settings) }.to_json();
    assert!(record.len() <= CONTROL_RECORD_BYTES_MAX, "a record of {} bytes", record.len());
    Outcome::Accepted
}

fn seeds() -> Vec<Vec<u8>> {
    [
        "{}",
        r##"{"revision":3,"origins":["https://shop.example","https://a-b.c1:8443"],"resource_origins":["https://cdn.example"],"grace_ms":30000,"visitor":{"masks":["#card",".secret"],"mask_default":"text"}}"##,
        r#"{"grace_ms":5000,"visitor":{"masks":["input[name='a\"b\\c']"]}}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}
