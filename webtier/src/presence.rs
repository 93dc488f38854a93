//! Pages that are there, as the CServers tell of them, and what was offered to them.
//!
//! Owns the table, in memory only. A machine in virtual time: who may see or offer what is `routes/`'s. A CServer whose
//! stream ends takes its pages with it; it tells of them anew when it is back.

use std::collections::{BTreeMap, HashMap};

use protocol::control::Here;
use protocol::{GroupId, ServerId, SessionKey, SessionNumber};
use serde::Deserialize;

use crate::limits::{OFFER_MS_MAX, OFFERS_MAX, PAGES_LISTED_MAX, PAGES_MAX, URL_BYTES_MAX};

/// All pages that are there.
#[derive(Default)]
pub(crate) struct Presences {
    pages: HashMap<SessionNumber, Page>,
    /// By group and visitor: a visitor may have several tabs.
    index: BTreeMap<(GroupId, SessionKey), Vec<SessionNumber>>,
    offers: HashMap<SessionNumber, Offered>,
}

/// One page that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) server: ServerId,
    pub(crate) group: GroupId,
    pub(crate) visitor: SessionKey,
    /// Without query and fragment; empty when the page does not say.
    pub(crate) url: String,
    pub(crate) visible: bool,
    pub(crate) since_ms: u64,
    /// When it last said something.
    pub(crate) active_ms: u64,
}

struct Offered {
    at_ms: u64,
    group: GroupId,
    visitor: SessionKey,
    is_declined: bool,
}

/// What a page says of itself.
#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    url: String,
    #[serde(default)]
    visible: bool,
    #[serde(default)]
    declined: Option<String>,
}

impl Presences {
    /// Takes one record of a CServer.
    pub(crate) fn take(
        &mut self,
        now_ms: u64,
        server: ServerId,
        here: Vec<Here>,
        gone: &[SessionNumber],
    ) {
        for number in gone {
            self.remove(number);
        }
        for Here { presence, group, visitor, page } in here {
            // A page that says something else is there all the same.
            let said = serde_json::from_str(&page).unwrap_or(Said {
                url: String::new(),
                visible: false,
                declined: None,
            });
            if let Some(offer) = said.declined.and_then(|offer| offer.parse().ok()) {
                self.decline(&offer, &group, &visitor);
            }
            let url = Some(said.url).filter(|url| {
                url.len() <= URL_BYTES_MAX
                    && url.starts_with("https://")
                    && !url.contains(['?', '#'])
            });
            let url = url.unwrap_or_default();
            if let Some(known) = self.pages.get_mut(&presence) {
                (known.url, known.visible, known.active_ms) = (url, said.visible, now_ms);
            } else if self.pages.len() < PAGES_MAX {
                let (since_ms, active_ms) = (now_ms, now_ms);
                let visible = said.visible;
                let page = Page { server, group, visitor, url, visible, since_ms, active_ms };
                self.pages.insert(presence, page);
                self.index.entry((group, visitor)).or_default().push(presence);
            }
        }
    }

    /// A CServer's stream has ended.
    pub(crate) fn forget(&mut self, server: &ServerId) {
        let of_it = self.pages.iter().filter(|(_, page)| page.server == *server);
        let numbers: Vec<_> = of_it.map(|(number, _)| *number).collect();
        for number in numbers {
            self.remove(&number);
        }
    }

    /// Pages of these groups, of one visitor or of all; the last active first.
    pub(crate) fn of(&self, groups: &[GroupId], visitor: Option<&SessionKey>) -> Vec<Page> {
        let in_groups = |group: &GroupId| groups.contains(group);
        let numbers: Vec<_> = match visitor {
            Some(visitor) => {
                groups.iter().filter_map(|group| self.index.get(&(*group, *visitor))).collect()
            }
            None => {
                let known = self.index.iter().filter(|((group, _), _)| in_groups(group));
                known.map(|(_, numbers)| numbers).take(PAGES_LISTED_MAX).collect()
            }
        };
        let pages = numbers.into_iter().flatten().filter_map(|number| self.pages.get(number));
        let mut pages: Vec<_> = pages.cloned().collect();
        pages.sort_by_key(|page| std::cmp::Reverse(page.active_ms));
        pages.truncate(PAGES_LISTED_MAX);
        pages
    }

    /// Notes an offer; the pages to bring it to, each with its server. `None` when there are too many offers.
    pub(crate) fn offer(
        &mut self,
        now_ms: u64,
        offer: SessionNumber,
        group: GroupId,
        visitor: SessionKey,
    ) -> Option<Vec<(ServerId, SessionNumber)>> {
        self.offers.retain(|_, offered| now_ms.saturating_sub(offered.at_ms) < OFFER_MS_MAX);
        if self.offers.len() >= OFFERS_MAX {
            return None;
        }
        let numbers = self.index.get(&(group, visitor)).cloned().unwrap_or_default();
        // The tab that is looked at is asked; only if there is none, all are.
        let is_visible =
            |number: &SessionNumber| self.pages.get(number).is_some_and(|page| page.visible);
        let shown: Vec<_> = numbers.iter().copied().filter(is_visible).collect();
        let asked = if shown.is_empty() { numbers } else { shown };
        let to = asked.iter().filter_map(|number| Some((self.pages.get(number)?.server, *number)));
        let to: Vec<_> = to.collect();
        self.offers.insert(offer, Offered { at_ms: now_ms, group, visitor, is_declined: false });
        Some(to)
    }

    /// Whether the visitor of one of these groups has said no to an offer of that time or later. A visitor's id means
    /// somebody within a group only: in another group it is somebody else's, or nobody's business.
    pub(crate) fn has_declined(
        &self,
        groups: &[GroupId],
        visitor: &SessionKey,
        since_ms: u64,
    ) -> bool {
        self.offers.values().any(|offered| {
            offered.is_declined
                && offered.visitor == *visitor
                && groups.contains(&offered.group)
                && offered.at_ms >= since_ms
        })
    }

    fn decline(&mut self, offer: &SessionNumber, group: &GroupId, visitor: &SessionKey) {
        let theirs = self.offers.get_mut(offer);
        // Only the one who was asked says no.
        if let Some(offered) =
            theirs.filter(|offered| offered.group == *group && offered.visitor == *visitor)
        {
            offered.is_declined = true;
        }
    }

    fn remove(&mut self, number: &SessionNumber) {
        let Some(page) = self.pages.remove(number) else { return };
        let key = (page.group, page.visitor);
        if let Some(numbers) = self.index.get_mut(&key) {
            numbers.retain(|known| known != number);
            if numbers.is_empty() {
                self.index.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(byte: u8) -> SessionNumber {
        SessionNumber::from_bytes([byte; 16])
    }

    fn here(byte: u8, group: &str, visitor: &str, page: &str) -> Here {
        Here {
            presence: number(byte),
            group: group.parse().unwrap(),
            visitor: visitor.parse().unwrap(),
            page: page.into(),
        }
    }

    fn s1() -> ServerId {
        "s1".parse().unwrap()
    }

    #[test]
    fn a_visitor_is_found_in_ones_own_groups_while_it_is_there() {
        let mut presences = Presences::default();
        let shop = r#"{"url":"https://shop.example/cart","visible":true}"#;
        let told = vec![here(1, "demo", "ada", shop), here(2, "support", "ada", "not JSON")];
        presences.take(5, s1(), told, &[]);
        let (demo, support) = ("demo".parse().unwrap(), "support".parse().unwrap());
        let ada = "ada".parse().unwrap();
        let found = presences.of(&[demo], Some(&ada));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].url.as_str(), found[0].visible), ("https://shop.example/cart", true));
        assert_eq!(presences.of(&[demo, support], None).len(), 2);
        assert_eq!(presences.of(&[demo], Some(&"bob".parse().unwrap())), []);
        presences.take(9, s1(), vec![here(1, "demo", "ada", r#"{"url":"https://a/?q=1"}"#)], &[]);
        let found = presences.of(&[demo], Some(&ada));
        assert_eq!((found[0].url.as_str(), found[0].since_ms, found[0].active_ms), ("", 5, 9));
        presences.take(9, s1(), Vec::new(), &[number(1)]);
        assert_eq!(presences.of(&[demo], Some(&ada)), []);
        presences.forget(&s1());
        assert_eq!(presences.of(&[support], None), []);
        assert!(presences.index.is_empty());
    }

    #[test]
    fn an_offer_goes_to_the_page_that_is_looked_at_and_only_its_visitor_declines_it() {
        let mut presences = Presences::default();
        let told = vec![
            here(1, "demo", "ada", r#"{"visible":false}"#),
            here(2, "demo", "ada", r#"{"visible":true}"#),
        ];
        presences.take(0, s1(), told, &[]);
        let (demo, ada) = ("demo".parse().unwrap(), "ada".parse().unwrap());
        let asked = presences.offer(10, number(9), demo, ada).unwrap();
        assert_eq!(asked, [(s1(), number(2))]);
        let no = format!(r#"{{"declined":"{}"}}"#, number(9).to_hex());
        presences.take(11, s1(), vec![here(3, "demo", "bob", &no)], &[]);
        assert!(!presences.has_declined(&[demo], &ada, 0), "somebody else's no");
        presences.take(11, s1(), vec![here(2, "demo", "ada", &no)], &[]);
        assert!(presences.has_declined(&[demo], &ada, 10));
        assert!(!presences.has_declined(&[demo], &ada, 11));
        let support = "support".parse().unwrap();
        assert!(!presences.has_declined(&[support], &ada, 0), "another group's visitor");
        assert_eq!(presences.offer(12, number(8), demo, "bea".parse().unwrap()), Some(vec![]));
    }
}
