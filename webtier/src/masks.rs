//! Masks that cannot be read: what the web tier sees by itself, and what visitors' browsers tell.
//!
//! A selector that a browser cannot read masks everything, so that nothing leaks and nobody sees anything. Owns the memory
//! of what was told, for the log, the list of groups and the metrics. Of what visitors say only the group's own selectors
//! are kept: no text of theirs reaches a log. One replica knows what was told to it since its start.

use std::collections::{BTreeSet, HashMap};

use protocol::GroupId;

/// Selectors that browsers could not read, by group.
#[derive(Default)]
pub(crate) struct Unreadable {
    told: HashMap<GroupId, BTreeSet<String>>,
}

impl Unreadable {
    /// A visitor's browser could not read these. Gives those that are masks of the group and were not told before.
    pub(crate) fn tell(
        &mut self,
        group: GroupId,
        masks: &[String],
        unreadable: &[String],
    ) -> Vec<String> {
        let told = self.told.entry(group).or_default();
        // What is no mask any more was corrected.
        told.retain(|selector| masks.contains(selector));
        let new = masks.iter().filter(|mask| unreadable.contains(mask));
        let new: Vec<String> = new.filter(|mask| told.insert((*mask).clone())).cloned().collect();
        if told.is_empty() {
            self.told.remove(&group);
        }
        new
    }

    /// Those of a group that are still its masks.
    pub(crate) fn of(&self, group: &GroupId, masks: &[String]) -> Vec<String> {
        let told = self.told.get(group);
        masks.iter().filter(|mask| told.is_some_and(|told| told.contains(*mask))).cloned().collect()
    }
}

/// Whether a text may be a CSS selector: everything that it opens is closed, and it does not end where something has to
/// follow. What a browser makes of names and pseudo-classes only a browser knows.
pub(crate) fn may_be_selector(text: &str) -> bool {
    let mut open = Vec::new();
    let mut letters = text.trim().chars().peekable();
    let mut last = ',';
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.next().is_none() => return false,
            // The letter behind it has been taken with it.
            '\\' => {}
            '"' | '\'' => loop {
                match letters.next() {
                    None => return false,
                    Some('\\') => drop(letters.next()),
                    Some(end) if end == letter => break,
                    Some(_) => {}
                }
            },
            '/' if letters.peek() == Some(&'*') => return false,
            '(' => open.push(')'),
            '[' => open.push(']'),
            ')' | ']' if open.pop() != Some(letter) => return false,
            '{' | '}' | '@' | ';' if open.is_empty() => return false,
            _ => {}
        }
        if !letter.is_whitespace() {
            last = letter;
        }
    }
    open.is_empty() && !matches!(last, ',' | '>' | '+' | '~' | '.' | '#' | ':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_once_until_the_mask_is_another() {
        let group: GroupId = "demo".parse().unwrap();
        let masks = ["#a".to_owned(), "p:nope".to_owned()];
        let mut known = Unreadable::default();
        let said = [masks[1].clone(), "a stranger's text".to_owned()];
        assert_eq!(known.tell(group, &masks, &said), ["p:nope"]);
        assert!(known.tell(group, &masks, &said).is_empty());
        assert_eq!(known.of(&group, &masks), ["p:nope"]);
        assert!(known.of(&group, &masks[..1]).is_empty());
        assert!(known.tell(group, &masks[..1], &[]).is_empty());
        assert_eq!(known.tell(group, &masks, &said), ["p:nope"]);
    }
}
