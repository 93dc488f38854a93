//! What an agent may do: PROTOCOL.md section 2.
//!
//! A set of bits that roles map to, tickets carry and the CServer enforces from a frame's kind alone.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::frame::Kind;

/// A set of privileges. Only bits that have a name can be in it.
///
/// ```
/// use cobrowse_protocol::{Kind, Privileges};
/// let set = Privileges::VIEW | Privileges::POINT;
/// assert!(set.allows(Kind::Pointer));
/// assert!(!set.allows(Kind::Click));
/// assert!(Privileges::from_bits(0x8000).is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Privileges(u16);

impl Privileges {
    /// See the session. Without it a join is refused.
    pub const VIEW: Self = Self(1 << 0);
    /// Show a pointer, highlight elements.
    pub const POINT: Self = Self(1 << 1);
    /// Draw on the visitor's page.
    pub const DRAW: Self = Self(1 << 2);
    /// Scroll the visitor's page.
    pub const SCROLL: Self = Self(1 << 3);
    /// Click.
    pub const CLICK: Self = Self(1 << 4);
    /// Type and select.
    pub const TYPE: Self = Self(1 << 5);
    /// Back, forward, reload, open an address.
    pub const NAVIGATE: Self = Self(1 << 6);
    /// Ask the visitor for control and give it back.
    pub const CONTROL: Self = Self(1 << 7);
    /// End the session for everybody.
    pub const END: Self = Self(1 << 8);

    /// Every privilege with its name, in the order of the bits.
    pub const ALL: [(&'static str, Self); 9] = [
        ("view", Self::VIEW),
        ("point", Self::POINT),
        ("draw", Self::DRAW),
        ("scroll", Self::SCROLL),
        ("click", Self::CLICK),
        ("type", Self::TYPE),
        ("navigate", Self::NAVIGATE),
        ("control", Self::CONTROL),
        ("end", Self::END),
    ];

    /// The empty set.
    pub const NONE: Self = Self(0);

    /// Reads the wire form; `None` when a bit without a name is set.
    pub fn from_bits(bits: u16) -> Option<Self> {
        let known = Self::ALL.iter().fold(0, |all, (_, one)| all | one.0);
        (bits & !known == 0).then_some(Self(bits))
    }

    /// The wire form.
    pub fn bits(self) -> u16 {
        self.0
    }

    /// Whether every privilege of `other` is in this set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether an agent with this set may send frames of `kind`. A kind that agents never send is never allowed.
    pub fn allows(self, kind: Kind) -> bool {
        kind.needs().is_some_and(|needed| self.contains(Self::VIEW) && self.contains(needed))
    }

    /// The names in the set, in the order of the bits.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().filter(move |(_, one)| self.contains(*one)).map(|(name, _)| name)
    }

    /// The privilege of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, one)| one)
    }
}

impl core::ops::BitOr for Privileges {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Serialize for Privileges {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.names())
    }
}

impl<'de> Deserialize<'de> for Privileges {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        names.iter().try_fold(Self::NONE, |set, name| {
            Self::by_name(name).map(|one| set | one).ok_or_else(|| {
                let known: Vec<_> = Self::ALL.iter().map(|(known, _)| *known).collect();
                serde::de::Error::custom(format!(
                    "unknown privilege {name:?}: expected some of {}",
                    known.join(", ")
                ))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_allowed_without_view() {
        let all_but_view = Privileges::from_bits(0x1fe).unwrap();
        for kind in Kind::ALL {
            assert!(!all_but_view.allows(kind), "{kind:?}");
        }
    }

    #[test]
    fn json_is_a_list_of_names() {
        let set = Privileges::VIEW | Privileges::END;
        assert_eq!(serde_json::to_string(&set).unwrap(), r#"["view","end"]"#);
        assert_eq!(serde_json::from_str::<Privileges>(r#"["end","view"]"#).unwrap(), set);
        assert!(serde_json::from_str::<Privileges>(r#"["fly"]"#).is_err());
    }
}
