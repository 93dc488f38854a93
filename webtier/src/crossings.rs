//! Codes by which a page of one origin reaches a session of another's.
//!
//! A cookie does not cross domains, and a resume secret may stand in no address. So a page gets a code for one other origin,
//! good once and for a minute, and the other page shows it. There are two stores of them, and a code of one is none in the
//! other: of sessions that cross to another domain, whose pages get the secret, and of frames within a page, which only learn
//! their group's settings and whose page asked. A machine in virtual time; who may ask is `sessions.rs`'s.

use std::collections::HashMap;

use protocol::secret::{Secret, SecretHash};
use zeroize::Zeroizing;

use crate::limits::{CROSSING_MS_MAX, CROSSINGS_MAX};

/// All codes of one kind of this replica.
#[derive(Default)]
pub(crate) struct Crossings {
    under_way: HashMap<[u8; 32], Crossing>,
}

struct Crossing {
    until_ms: u64,
    to: String,
    left: Left,
}

/// What the page that asked for a code has left behind it.
#[derive(Debug)]
pub(crate) struct Left {
    /// Its origin.
    pub(crate) from: String,
    /// Its session's secret.
    pub(crate) resume: Zeroizing<String>,
}

impl Crossings {
    /// Makes a code for a page of origin `to`; `None` when there are too many.
    pub(crate) fn begin(
        &mut self,
        now_ms: u64,
        from: &str,
        to: String,
        resume: String,
    ) -> Option<String> {
        self.under_way.retain(|_, crossing| crossing.until_ms > now_ms);
        if self.under_way.len() >= CROSSINGS_MAX {
            return None;
        }
        let code = Secret::new(crate::random::bytes());
        let left = Left { from: from.to_owned(), resume: resume.into() };
        let crossing = Crossing { until_ms: now_ms + CROSSING_MS_MAX, to, left };
        self.under_way.insert(*code.hash().as_bytes(), crossing);
        Some(code.to_base64())
    }

    /// Takes a code: what was left, for the origin that it was meant for. A code is used up by the first who shows it.
    pub(crate) fn end(&mut self, now_ms: u64, code: &str, at: &str) -> Option<Left> {
        let hash: SecretHash = Secret::from_base64(code)?.hash();
        let crossing = self.under_way.remove(hash.as_bytes())?;
        (crossing.until_ms > now_ms && crossing.to == at).then_some(crossing.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: &str = "https://shop.example";
    const PAY: &str = "https://pay.example";

    fn begun(crossings: &mut Crossings) -> String {
        crossings.begin(1_000, SHOP, PAY.into(), "secret".into()).unwrap()
    }

    #[test]
    fn a_code_is_good_once_at_its_own_origin_and_for_a_minute() {
        let mut crossings = Crossings::default();
        let code = begun(&mut crossings);
        let left = crossings.end(2_000, &code, PAY).unwrap();
        assert_eq!((left.resume.as_str(), left.from.as_str()), ("secret", SHOP));
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
        assert!(crossings.begin(1_000, SHOP, PAY.into(), String::new()).is_none());
        let later = 1_000 + CROSSING_MS_MAX;
        assert!(crossings.begin(later, SHOP, PAY.into(), String::new()).is_some());
    }
}
