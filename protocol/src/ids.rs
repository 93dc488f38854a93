//! The names of things: PROTOCOL.md section 1.
//!
//! Every id is a `Copy` newtype that can only hold a valid value. Ids that must not stand in a log
//! (`SessionId`, `SessionNumber`, `SessionKey`, `JoinId`) do not implement `Display`; their text form has to be asked
//! for with `to_text`, and `Debug` prints the loggable short form.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::Text;

/// A text was not a valid id. The message says what the id looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {what}: expected {expected}")]
pub struct IdError {
    what: &'static str,
    expected: &'static str,
}

/// A customer's group: 1 to 32 of letters, digits, `-._~`.
///
/// ```
/// use cobrowse_protocol::GroupId;
/// let group: GroupId = "demo".parse().unwrap();
/// assert_eq!(group.as_str(), "demo");
/// assert!("no spaces".parse::<GroupId>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(Text<32>);

/// What a visitor reads out over the phone: 1 to 63 of letters, digits, `-._~`. No secret, and yet not for logs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey(Text<64>);

/// Names one CServer: 1 to 32 of `a-z0-9-`. The audience of its tickets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerId(Text<32>);

/// Names one web tier replica: 1 to 32 of `a-z0-9-`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReplicaId(Text<32>);

/// 128 random bits that separate sessions of one group and key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionNumber([u8; 16]);

/// An agent's account: 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgentId([u8; 16]);

/// One joining of one agent, and the name of its cookie: 64 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JoinId([u8; 8]);

/// Names one connection over plain HTTPS: 64 bits that the browser draws. No secret, it opens nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId([u8; 8]);

/// Names a server key on the wire: 64 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; 8]);

/// An agent within one session, 1 to 65535; stamped into the `source` of its frames by the CServer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgentNumber(pub u16);

/// Group, key and number: what names one session.
///
/// ```
/// use cobrowse_protocol::SessionId;
/// let text = "demo:471113:000102030405060708090a0b0c0d0e0f";
/// let id: SessionId = text.parse().unwrap();
/// assert_eq!(id.to_text(), text);
/// assert_eq!(format!("{id:?}"), "demo/000102"); // what a log may show
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId {
    /// The customer's group.
    pub group: GroupId,
    /// The session key, as an agent types it.
    pub key: SessionKey,
    /// The random number.
    pub number: SessionNumber,
}

impl SessionId {
    /// The whole id as text, for the wire and the store; never for a log.
    pub fn to_text(&self) -> String {
        format!("{}:{}:{}", self.group.as_str(), self.key.as_str(), self.number.to_hex())
    }
}

impl FromStr for SessionId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = IdError { what: "session id", expected: "group:key:32 hex digits" };
        let mut parts = text.split(':');
        let (Some(group), Some(key), Some(number), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(error);
        };
        Ok(Self { group: group.parse()?, key: key.parse()?, number: number.parse()? })
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group.as_str(), &self.number.to_hex()[..6])
    }
}

impl Serialize for SessionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text())
    }
}

impl<'de> Deserialize<'de> for SessionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse_text(deserializer)
    }
}

macro_rules! name_id {
    ($type:ident, $width:literal, $len_max:literal, $what:literal, $expected:literal, $allowed:expr, $debug:expr) => {
        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }

            /// The fixed binary form: zero padded.
            pub fn padded(&self) -> &[u8; $width] {
                self.0.padded()
            }

            /// Reads the fixed binary form.
            pub fn from_padded(padded: &[u8; $width]) -> Result<Self, IdError> {
                Text::from_padded(padded, $len_max, $allowed)
                    .map(Self)
                    .ok_or(IdError { what: $what, expected: $expected })
            }
        }

        impl FromStr for $type {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Text::new(text, $len_max, $allowed)
                    .map(Self)
                    .ok_or(IdError { what: $what, expected: $expected })
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let show: fn(&Self) -> &str = $debug;
                f.write_str(show(self))
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                parse_text(deserializer)
            }
        }
    };
}

name_id!(GroupId, 32, 32, "group id", "1 to 32 of letters, digits, -._~", is_key_byte, |id| id
    .as_str());
name_id!(
    SessionKey,
    64,
    63,
    "session key",
    "1 to 63 of letters, digits, -._~",
    is_key_byte,
    |_| "(key)"
);
name_id!(ServerId, 32, 32, "server id", "1 to 32 of a-z, 0-9, -", is_host_byte, |id| id.as_str());
name_id!(ReplicaId, 32, 32, "replica id", "1 to 32 of a-z, 0-9, -", is_host_byte, |id| id.as_str());

macro_rules! random_id {
    ($type:ident, $bytes:literal, $what:literal, $expected:literal, $shown:literal) => {
        impl $type {
            /// Wraps bytes that the caller drew at random.
            pub fn from_bytes(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }

            /// The binary form.
            pub fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }

            /// The text form: lower-case hex.
            pub fn to_hex(&self) -> String {
                to_hex(&self.0)
            }
        }

        impl FromStr for $type {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                from_hex(text).map(Self).ok_or(IdError { what: $what, expected: $expected })
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.to_hex()[..$shown])
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.to_hex())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                parse_text(deserializer)
            }
        }
    };
}

random_id!(SessionNumber, 16, "session number", "32 hex digits", 6);
random_id!(AgentId, 16, "agent id", "32 hex digits", 8);
random_id!(JoinId, 8, "join id", "16 hex digits", 6);
random_id!(ChannelId, 8, "channel", "16 hex digits", 6);
random_id!(KeyId, 8, "key id", "16 hex digits", 8);

fn parse_text<'de, D: Deserializer<'de>, T: FromStr<Err = IdError>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

/// Lower-case hex. Without the formatter: a session's start and end are told with its number, and each byte was an allocation.
fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(HEX[usize::from(digit)]));
        }
    }
    text
}

const HEX: [u8; 16] = *b"0123456789abcdef";

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
    }
    Some(bytes)
}

/// Lower case only: one id has one text form.
fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_needs_exactly_its_three_parts() {
        let number = "000102030405060708090a0b0c0d0e0f";
        assert!(format!("g:k:{number}").parse::<SessionId>().is_ok());
        for bad in [
            format!("g:k:{number}:x"),
            format!("g:{number}"),
            format!(":k:{number}"),
            format!("g:k:{}", number.to_uppercase()),
            format!("g:k:{}", &number[1..]),
            format!("g:{}:{number}", "k".repeat(64)),
            format!("{}:k:{number}", "g".repeat(33)),
        ] {
            assert!(bad.parse::<SessionId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn debug_never_shows_a_key_or_a_whole_number() {
        let id: SessionId = "demo:secretkey:000102030405060708090a0b0c0d0e0f".parse().unwrap();
        let shown = format!("{id:?} {:?} {:?}", id.key, id.number);
        assert!(!shown.contains("secretkey"));
        assert!(!shown.contains("060708"));
    }
}
