//! Pages that are there, as the CServers tell of them, and what was offered to them.
//!
//! Owns the table, in memory only. A machine in virtual time: who may see or offer what is `routes/`'s. A CServer whose
//! stream ends takes its pages with it; it tells of them anew when it is back.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use protocol::control::Here;
use protocol::{AgentId, GroupId, ServerId, SessionKey, SessionNumber};
use serde::Deserialize;

use crate::limits::{
    OFFER_MS_MAX, OFFERS_MAX, OFFERS_OF_AGENT_MAX, PAGES_LISTED_MAX, PAGES_MAX, URL_BYTES_MAX,
};

/// All pages that are there.
#[derive(Default)]
pub(crate) struct Presences {
    pages: HashMap<SessionNumber, Page>,
    /// By group and visitor: a visitor may have several tabs.
    index: BTreeMap<(GroupId, SessionKey), Vec<SessionNumber>>,
    /// Of each group by when they said something last.
    recent: BTreeSet<(GroupId, u64, SessionNumber)>,
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
    agent: AgentId,
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
                self.recent.remove(&(known.group, known.active_ms, presence));
                self.recent.insert((known.group, now_ms, presence));
                (known.url, known.visible, known.active_ms) = (url, said.visible, now_ms);
            } else if self.pages.len() < PAGES_MAX {
                let (since_ms, active_ms) = (now_ms, now_ms);
                let visible = said.visible;
                let page = Page { server, group, visitor, url, visible, since_ms, active_ms };
                self.pages.insert(presence, page);
                self.recent.insert((group, active_ms, presence));
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

    /// Pages of these groups, of one visitor or of all; the last active first, and of many only those.
    pub(crate) fn of(&self, groups: &[GroupId], visitor: Option<&SessionKey>) -> Vec<Page> {
        let of_group = |group: &GroupId| match visitor {
            Some(visitor) => self.index.get(&(*group, *visitor)).cloned().unwrap_or_default(),
            None => self.last_active(*group),
        };
        let numbers = groups.iter().flat_map(of_group);
        let mut pages: Vec<_> = numbers.filter_map(|number| self.pages.get(&number)).collect();
        pages.sort_by_key(|page| std::cmp::Reverse(page.active_ms));
        pages.truncate(PAGES_LISTED_MAX);
        pages.into_iter().cloned().collect()
    }

    /// Of a group as many as are listed.
    fn last_active(&self, group: GroupId) -> Vec<SessionNumber> {
        let at = |ms, byte| (group, ms, SessionNumber::from_bytes([byte; 16]));
        let all = self.recent.range(at(0, 0)..=at(u64::MAX, 0xff)).rev();
        all.map(|(_, _, number)| *number).take(PAGES_LISTED_MAX).collect()
    }

    /// Notes an offer, unless nobody is there to hear it; the pages to bring it to, each with its server. `None` when there are too
    /// many offers, of all or of this agent.
    pub(crate) fn offer(
        &mut self,
        now_ms: u64,
        offer: SessionNumber,
        agent: AgentId,
        group: GroupId,
        visitor: SessionKey,
    ) -> Option<Vec<(ServerId, SessionNumber)>> {
        self.offers.retain(|_, offered| now_ms.saturating_sub(offered.at_ms) < OFFER_MS_MAX);
        let theirs = self.offers.values().filter(|offered| offered.agent == agent).count();
        if self.offers.len() >= OFFERS_MAX || theirs >= OFFERS_OF_AGENT_MAX {
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
        if !to.is_empty() {
            let (at_ms, is_declined) = (now_ms, false);
            self.offers.insert(offer, Offered { at_ms, agent, group, visitor, is_declined });
        }
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
        self.recent.remove(&(page.group, page.active_ms, *number));
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

    fn agent(byte: u8) -> AgentId {
        AgentId::from_bytes([byte; 16])
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
        assert!(presences.index.is_empty() && presences.recent.is_empty());
    }

    #[test]
    fn of_more_pages_than_are_listed_those_are_that_said_something_last() {
        let mut presences = Presences::default();
        let (demo, support) = ("demo".parse().unwrap(), "support".parse().unwrap());
        let (many, listed) = (3 * PAGES_LISTED_MAX as u64, PAGES_LISTED_MAX as u64);
        for at in 0..many {
            // Later ones have the smaller ids.
            let visitor = format!("v{:04}", many - at).parse().unwrap();
            let group = if at % 2 == 0 { demo } else { support };
            let presence = SessionNumber::from_bytes(u128::from(at).to_be_bytes());
            let told = Here { presence, group, visitor, page: "{}".into() };
            presences.take(at, s1(), vec![told], &[]);
        }
        let active = |groups: &[GroupId]| -> Vec<u64> {
            presences.of(groups, None).iter().map(|page| page.active_ms).collect()
        };
        let last: Vec<u64> = (many - listed..many).rev().collect();
        assert_eq!(active(&[demo, support]), last);
        assert_eq!(active(&[demo])[..2], [many - 2, many - 4]);
        // The first one says something.
        let first =
            Here { visitor: format!("v{many:04}").parse().unwrap(), ..here(0, "demo", "x", "{}") };
        presences.take(many, s1(), vec![first], &[]);
        assert_eq!(presences.of(&[demo], None)[0].since_ms, 0);
    }

    #[test]
    fn one_agent_cannot_take_all_the_room_for_offers() {
        let mut presences = Presences::default();
        presences.take(0, s1(), vec![here(1, "demo", "ada", "{}")], &[]);
        let (demo, ada): (GroupId, SessionKey) = ("demo".parse().unwrap(), "ada".parse().unwrap());
        let mut offer = |at: usize, now_ms, who: AgentId, to: SessionKey| {
            let number = SessionNumber::from_bytes((at as u128).to_be_bytes());
            presences.offer(now_ms, number, who, demo, to)
        };
        let nobody = "bea".parse().unwrap();
        for at in 0..OFFERS_OF_AGENT_MAX {
            assert_eq!(offer(at, 0, agent(1), nobody), Some(vec![]), "nobody hears it");
            assert!(offer(at, 0, agent(1), ada).is_some());
        }
        assert_eq!(offer(900, 1, agent(1), ada), None);
        assert!(offer(901, 1, agent(2), ada).is_some(), "another agent");
        assert!(offer(902, OFFER_MS_MAX, agent(1), ada).is_some(), "the first are over");
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
        let asked = presences.offer(10, number(9), agent(1), demo, ada).unwrap();
        assert_eq!(asked, [(s1(), number(2))]);
        let no = format!(r#"{{"declined":"{}"}}"#, number(9).to_hex());
        presences.take(11, s1(), vec![here(3, "demo", "bob", &no)], &[]);
        assert!(!presences.has_declined(&[demo], &ada, 0), "somebody else's no");
        presences.take(11, s1(), vec![here(2, "demo", "ada", &no)], &[]);
        assert!(presences.has_declined(&[demo], &ada, 10));
        assert!(!presences.has_declined(&[demo], &ada, 11));
        let support = "support".parse().unwrap();
        assert!(!presences.has_declined(&[support], &ada, 0), "another group's visitor");
        let nobody = "bea".parse().unwrap();
        assert_eq!(presences.offer(12, number(8), agent(1), demo, nobody), Some(vec![]));
    }
}
