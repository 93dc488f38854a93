//! When a page of ours is to stand around views (docs/decisions/0049): the setting, whose site a session server belongs to, and which
//! browsers need it.
//!
//! Owns the decision by names and headers. Who is asked is `routes/around.rs`; what the page does, `browser/src/around/`.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::name_of;

/// `surrounds_views`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Surrounding {
    /// Around views of another site, in browsers that take no view away by themselves.
    #[default]
    WhereNeeded,
    /// Around every view that no cookie of ours reaches.
    Always,
    Never,
}

impl Surrounding {
    /// Whether it stands around views of that session server at all, as far as names tell.
    pub(crate) fn is_for(self, public_url: &str, server_url: &str) -> bool {
        match self {
            Self::WhereNeeded => !is_same_site(public_url, server_url),
            Self::Always => true,
            Self::Never => false,
        }
    }

    /// Whether it stands in a browser that says this of itself.
    pub(crate) fn is_in(self, user_agent: &str) -> bool {
        match self {
            Self::WhereNeeded => is_gecko(user_agent),
            Self::Always => true,
            Self::Never => false,
        }
    }

    /// What an operator is told of a session server whose views no page of ours can help; None where nothing is wanted.
    pub(crate) fn fault(self, public_url: &str, server_url: &str) -> Option<String> {
        (self != Self::Never && is_same_site(public_url, server_url)).then(|| {
            format!(
                "{} is of one site with {}: in Firefox a visitor's page can hang a view until its agent closes it. The way out is a domain of another site for the session servers (docs/OPERATING.md, \"Views that hang\"); surrounds_views = \"never\" says that you live with it",
                name_of(server_url),
                name_of(public_url)
            )
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::WhereNeeded => "where_needed",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

/// Whether browsers count both as one site: the same name below a public suffix. A name that is one itself, or an address, is a site alone.
fn is_same_site(one: &str, other: &str) -> bool {
    let (one, other) = (name_of(one), name_of(other));
    let site = |name| psl::domain_str(name);
    one == other || site(one).is_some_and(|of_one| site(other) == Some(of_one))
}

/// Firefox and what is built of it: neither has a worker of the view's its own process there, nor do two pages of one site have two.
/// All others say "like Gecko".
fn is_gecko(user_agent: &str) -> bool {
    user_agent.contains("Gecko/")
}

impl Serialize for Surrounding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Surrounding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

/// As a file has it.
struct Written;

impl Visitor<'_> for Written {
    type Value = Surrounding;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "surrounds_views = \"where_needed\", \"always\" (or true) or \"never\" (or false)",
        )
    }

    fn visit_bool<E: Error>(self, is_on: bool) -> Result<Surrounding, E> {
        Ok(if is_on { Surrounding::Always } else { Surrounding::Never })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Surrounding, E> {
        let all = [Surrounding::WhereNeeded, Surrounding::Always, Surrounding::Never];
        let found = all.into_iter().find(|one| one.name() == text);
        found.ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: &str = "https://www.cobrowse.example:8443";

    #[test]
    fn sites_are_told_apart_as_browsers_do() {
        for (one, other, same) in [
            (WEB, "https://s1.cobrowse.example", true),
            (WEB, "https://cobrowse.example:9443", true),
            (WEB, "https://s1.cobrowse-views.example", false),
            ("https://www.one.co.uk", "https://s1.two.co.uk", false),
            ("https://www.one.co.uk", "https://s1.one.co.uk", true),
            ("https://one.github.io", "https://two.github.io", false),
            ("https://www.cobrowse.localhost", "https://s1.cobrowse.localhost", true),
            ("https://www.cobrowse.localhost", "https://s1.cobrowse-views.localhost", false),
            ("https://localhost:1", "https://localhost:2", true),
            ("https://one", "https://two", false),
        ] {
            assert_eq!(is_same_site(one, other), same, "{one} {other}");
            assert_eq!(is_same_site(other, one), same, "{other} {one}");
        }
    }

    #[test]
    fn where_it_is_needed_it_stands_in_firefox_around_another_site_alone() {
        let apart = "https://s1.cobrowse-views.example";
        let together = "https://s1.cobrowse.example";
        let of = |setting: Surrounding| {
            [apart, together].map(|server| {
                AGENTS.map(|(agent, _)| setting.is_for(WEB, server) && setting.is_in(agent))
            })
        };
        let [elsewhere, here] = of(Surrounding::WhereNeeded);
        assert_eq!((elsewhere, here), (AGENTS.map(|(_, is_gecko)| is_gecko), [false; 8]));
        assert_eq!(of(Surrounding::Always), [[true; 8]; 2]);
        assert_eq!(of(Surrounding::Never), [[false; 8]; 2]);
    }

    #[test]
    fn an_operator_is_told_of_a_server_of_our_own_site_and_what_to_do() {
        for setting in [Surrounding::WhereNeeded, Surrounding::Always] {
            let told = setting.fault(WEB, "https://s1.cobrowse.example:9443").unwrap();
            for part in ["s1.cobrowse.example is of one site with www.", "another site", "never"] {
                assert!(told.contains(part), "{part} is missing in {told}");
            }
            assert_eq!(setting.fault(WEB, "https://s1.cobrowse-views.example"), None);
        }
        assert_eq!(Surrounding::Never.fault(WEB, "https://s1.cobrowse.example"), None);
    }

    /// Of which the first three are Gecko's.
    const AGENTS: [(&str, bool); 8] = [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0", true),
        ("Mozilla/5.0 (Android 15; Mobile; rv:153.0) Gecko/153.0 Firefox/153.0", true),
        ("Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0", true),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
            false,
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0",
            false,
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
            false,
        ),
        // Firefox's name on WebKit.
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/153.0 Mobile/15E148 Safari/605.1.15",
            false,
        ),
        ("", false),
    ];
}
