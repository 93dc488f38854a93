//! Verifying the log: with its lines and the public key alone, on any machine.
//!
//! Owns the check, line by line: of a whole export, and of what a web tier finds in its store (`start.rs`).

use sha2::{Digest, Sha256};

use super::signing::{Said, SignedHead};
use super::{Entry, Head, hex, line};

/// What a sound export holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sound {
    pub(crate) entries: u64,
    pub(crate) heads: u64,
    /// The last head, which covers everything.
    pub(crate) head: Head,
    pub(crate) at_ms: u64,
    /// Up to this entry the log did not verify, and an operator took it as it was found.
    pub(crate) accepted: Option<u64>,
}

/// Where an export is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error(
        "line {0}: the entry does not follow from the one before: altered, removed, added or moved"
    )]
    Chain(u64),
    #[error("line {0}: neither an entry nor a head of this version")]
    Shape(u64),
    #[error("line {0}: the head is not that of the entries before it")]
    Head(u64),
    #[error("line {0}: the head was not signed by this key")]
    Signature(u64),
    #[error("the last line is no head that covers every entry: the end is missing")]
    Open,
    #[error("no entry has the hash that you noted: this is another log, or an older state of it")]
    Noted,
    #[error(
        "the log does not end where the store says: entries at its end were added or taken out"
    )]
    End,
    #[error("the public key is 64 hex digits, as `webtier audit key` prints them")]
    Key,
}

/// Checks every line. `noted` is a hash that was kept elsewhere: it has to be in the chain.
pub(crate) fn verify(text: &str, public: &str, noted: Option<&str>) -> Result<Sound, Fault> {
    let mut chain = Chain::new(public)?;
    let mut is_noted = noted.is_none();
    // The last line ends too: a cut in it is a cut.
    let body = text.strip_suffix('\n').ok_or(Fault::Open)?;
    for read in body.split('\n') {
        chain.take(read);
        is_noted |= noted == chain.head().ok().map(|head| &*head.hash);
    }
    let head = chain.head()?.clone();
    let at_ms = chain.covered_ms.ok_or(Fault::Open)?;
    if !is_noted {
        return Err(Fault::Noted);
    }
    let Chain { heads, accepted, .. } = chain;
    Ok(Sound { entries: head.seq, heads, head, at_ms, accepted })
}

/// The check under way.
pub(crate) struct Chain {
    public: Vec<u8>,
    head: Head,
    /// Everything that was read, as it stands: what is accepted is accepted so and no other way.
    lines: Sha256,
    number: u64,
    heads: u64,
    /// When the head was signed that covers every entry up to here.
    covered_ms: Option<u64>,
    /// What was wrong first, since the last acceptance.
    fault: Option<Fault>,
    accepted: Option<u64>,
}

impl Chain {
    /// Before the first line; `public` as `webtier audit key` prints it.
    pub(crate) fn new(public: &str) -> Result<Self, Fault> {
        Ok(Self {
            public: unhex(public).ok_or(Fault::Key)?,
            head: Head::default(),
            lines: Sha256::new(),
            number: 0,
            heads: 0,
            covered_ms: None,
            fault: None,
            accepted: None,
        })
    }

    /// The next line. After a fault only an acceptance counts.
    pub(crate) fn take(&mut self, read: &str) {
        self.number += 1;
        let outcome = match (Said::of_line(read), &self.fault) {
            (Some(Said::Accepted), _) => self.accepted(read),
            (_, Some(_)) => Ok(()),
            (Some(Said::Ended), None) => self.ended(read),
            (None, None) => self.entry(read),
        };
        if let Err(fault) = outcome {
            self.fault.get_or_insert(fault);
        }
        self.lines.update(read);
        self.lines.update("\n");
    }

    /// Where it ends, when all that was read is sound.
    pub(crate) fn head(&self) -> Result<&Head, Fault> {
        self.fault.clone().map_or(Ok(&self.head), Err)
    }

    /// Up to which entry an operator took it as it was found.
    pub(crate) fn accepted_to(&self) -> Option<u64> {
        self.accepted
    }

    /// The head of an acceptance behind what was read; `seq` is the last entry's.
    pub(crate) fn as_it_stands(&self, seq: u64) -> Head {
        Head { seq, hash: hex(&self.lines.clone().finalize()) }
    }

    fn accepted(&mut self, read: &str) -> Result<(), Fault> {
        let signed = self.signed(read)?;
        if signed.head != self.as_it_stands(signed.head.seq) {
            return Err(Fault::Head(self.number));
        }
        (self.accepted, self.fault, self.covered_ms) = (Some(signed.head.seq), None, None);
        self.head = signed.head;
        Ok(())
    }

    fn ended(&mut self, read: &str) -> Result<(), Fault> {
        let signed = SignedHead::from_line(read).ok_or(Fault::Shape(self.number))?;
        if signed.head != self.head {
            return Err(Fault::Head(self.number));
        }
        let signed = self.signed(read)?;
        self.heads += 1;
        self.covered_ms = Some(signed.at_ms);
        Ok(())
    }

    fn signed(&self, read: &str) -> Result<SignedHead, Fault> {
        let signed = SignedHead::from_line(read).ok_or(Fault::Shape(self.number))?;
        if signed.is_signed_by(&self.public) {
            Ok(signed)
        } else {
            Err(Fault::Signature(self.number))
        }
    }

    fn entry(&mut self, read: &str) -> Result<(), Fault> {
        let number = self.number;
        let (_, entry) = read.split_once(' ').ok_or(Fault::Shape(number))?;
        let next = self.head.after(entry);
        if line(&next, entry) != read {
            return Err(Fault::Chain(number));
        }
        let parsed: Entry = serde_json::from_str(entry).map_err(|_| Fault::Shape(number))?;
        if parsed.seq != next.seq {
            return Err(Fault::Chain(number));
        }
        (self.head, self.covered_ms) = (next, None);
        Ok(())
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let pair = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).ok();
    (0..64).step_by(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Event;
    use super::super::signing::AuditKey;
    use super::*;

    /// Five entries, a head after the third and one at the end.
    fn export(key: &AuditKey) -> String {
        let mut head = Head::default();
        let mut lines = Vec::new();
        for seq in 1..=5 {
            let agent = protocol::AgentId::from_bytes([seq as u8; 16]);
            let event = Event::LoggedIn { agent, name: format!("agent{seq}") };
            let text = serde_json::to_string(&Entry { seq, at_ms: 1_000 + seq, event }).unwrap();
            head = head.after(&text);
            lines.push(line(&head, &text));
            if matches!(seq, 3 | 5) {
                lines.push(key.sign(&head, 2_000 + seq).line());
            }
        }
        lines.join("\n") + "\n"
    }

    #[test]
    fn what_was_written_verifies_with_its_key_only() {
        let key = AuditKey::of_test(1);
        let text = export(&key);
        let sound = verify(&text, &key.public(), None).unwrap();
        assert_eq!((sound.entries, sound.heads, sound.at_ms), (5, 2, 2_005));
        let other = AuditKey::of_test(2).public();
        assert_eq!(verify(&text, &other, None), Err(Fault::Signature(4)));
        assert_eq!(verify(&text, "abc", None), Err(Fault::Key));
        assert!(verify(&text, &key.public(), Some(&sound.head.hash)).is_ok());
        assert_eq!(verify(&text, &key.public(), Some("00")), Err(Fault::Noted));
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let key = AuditKey::of_test(1);
        let (text, public) = (export(&key), key.public());
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                // What is no text any more is no export either.
                let Ok(altered) = String::from_utf8(bytes) else { continue };
                assert!(verify(&altered, &public, None).is_err(), "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn every_removed_moved_doubled_or_cut_line_is_found() {
        let key = AuditKey::of_test(1);
        let (text, public) = (export(&key), key.public());
        let lines: Vec<_> = text.lines().collect();
        let is_found = |lines: &[&str]| verify(&(lines.join("\n") + "\n"), &public, None).is_err();
        for at in 0..lines.len() {
            let mut without = lines.clone();
            without.remove(at);
            // A head in the middle only repeats what the end says.
            assert!(is_found(&without) || at == 3, "line {at} removed");
            for to in (0..lines.len()).filter(|to| *to != at) {
                let mut moved = lines.clone();
                let line = moved.remove(at);
                moved.insert(to, line);
                assert!(is_found(&moved), "line {at} moved to {to}");
            }
            let mut doubled = lines.clone();
            doubled.insert(at, lines[at]);
            assert!(is_found(&doubled) || Said::of_line(lines[at]).is_some(), "line {at} doubled");
        }
        for len in 0..text.len() {
            // The state of an earlier head is sound; a noted hash tells it from the newest.
            let is_earlier = text[..len].ends_with('\n') && text[..len].lines().count() == 4;
            assert_eq!(verify(&text[..len], &public, None).is_ok(), is_earlier, "cut at {len}");
        }
    }

    #[test]
    fn a_chain_made_anew_needs_the_key() {
        let (key, forger) = (AuditKey::of_test(1), AuditKey::of_test(2));
        let forged = export(&forger);
        assert!(matches!(verify(&forged, &key.public(), None), Err(Fault::Signature(_))));
    }
}
