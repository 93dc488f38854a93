//! Sessions on their way from a page of one domain to a page of another.
//!
//! A cookie does not cross domains, and a resume secret may stand in no address. So the page that is left gets a code for
//! one other origin, good once and for a minute; the page that is reached gives it back and gets the secret. A machine in
//! virtual time; who may ask is `sessions.rs`'s.

use std::collections::HashMap;

use protocol::secret::{Secret, SecretHash};
use zeroize::Zeroizing;

use crate::limits::{CROSSING_MS_MAX, CROSSINGS_MAX};

/// All crossings of this replica.
#[derive(Default)]
pub(crate) struct Crossings {
    under_way: HashMap<[u8; 32], Crossing>,
}

struct Crossing {
    until_ms: u64,
    to: String,
    resume: Zeroizing<String>,
}

impl Crossings {
    /// Begins a crossing; `None` when there are too many.
    pub(crate) fn begin(&mut self, now_ms: u64, to: String, resume: String) -> Option<String> {
        self.under_way.retain(|_, crossing| crossing.until_ms > now_ms);
        if self.under_way.len() >= CROSSINGS_MAX {
            return None;
        }
        let code = Secret::new(crate::random::bytes());
        let crossing = Crossing { until_ms: now_ms + CROSSING_MS_MAX, to, resume: resume.into() };
        self.under_way.insert(*code.hash().as_bytes(), crossing);
        Some(code.to_base64())
    }

    /// Ends a crossing: the resume secret, for the origin that it was meant for. A code is used up by the first who shows it.
    pub(crate) fn end(&mut self, now_ms: u64, code: &str, at: &str) -> Option<Zeroizing<String>> {
        let hash: SecretHash = Secret::from_base64(code)?.hash();
        let crossing = self.under_way.remove(hash.as_bytes())?;
        (crossing.until_ms > now_ms && crossing.to == at).then_some(crossing.resume)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAY: &str = "https://pay.example";

    fn begun(crossings: &mut Crossings) -> String {
        crossings.begin(1_000, PAY.into(), "secret".into()).unwrap()
    }

    #[test]
    fn a_code_is_good_once_at_its_own_origin_and_for_a_minute() {
        let mut crossings = Crossings::default();
        let code = begun(&mut crossings);
        assert_eq!(crossings.end(2_000, &code, PAY).unwrap().as_str(), "secret");
        assert!(crossings.end(2_000, &code, PAY).is_none(), "used twice");
        let code = begun(&mut crossings);
        assert!(crossings.end(2_000, &code, "https://evil.example").is_none());
        assert!(crossings.end(2_000, &code, PAY).is_none(), "burned by the wrong page");
        let code = begun(&mut crossings);
        assert!(crossings.end(1_000 + CROSSING_MS_MAX, &code, PAY).is_none(), "too late");
        assert!(crossings.end(2_000, "no code", PAY).is_none());
    }

    #[test]
    fn crossings_are_bounded_and_old_ones_make_room() {
        let mut crossings = Crossings::default();
        for _ in 0..CROSSINGS_MAX {
            begun(&mut crossings);
        }
        assert!(crossings.begin(1_000, PAY.into(), String::new()).is_none());
        assert!(crossings.begin(1_000 + CROSSING_MS_MAX, PAY.into(), String::new()).is_some());
    }
}
