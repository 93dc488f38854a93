//! The twelve bytes in front of every payload: PROTOCOL.md section 3.
//!
//! Owns the header's layout, the kinds and which flags each may carry. Who may send what in which order
//! is the relay's business; what is inside a payload is nobody's but the browsers'.

use crate::close::CloseCode;
use crate::limits::{
    AGENT_PAYLOAD_BYTES_MAX, FRAME_HEADER_BYTES, FRAME_PAYLOAD_BYTES_MAX, PRESENCE_BYTES_MAX,
};
use crate::privileges::Privileges;

/// The header of a frame.
///
/// ```
/// use cobrowse_protocol::{Flags, Header, Kind};
/// let header = Header { kind: Kind::Diff, flags: Flags::DEFLATE, source: 3, epoch: 7, sequence: 42 };
/// let bytes = header.encode();
/// assert_eq!(bytes, [2, 8, 0, 3, 0, 0, 0, 7, 0, 0, 0, 42]);
/// assert_eq!(Header::decode(&bytes), Ok(header));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the frame is.
    pub kind: Kind,
    /// Bits that only some kinds have.
    pub flags: Flags,
    /// The visitor's tab or the agent's number.
    pub source: u16,
    /// Rises with every keyframe.
    pub epoch: u32,
    /// Rises with every reliable frame of an epoch.
    pub sequence: u32,
}

impl Header {
    /// Reads the header of `frame` and checks everything that can be told from one frame alone:
    /// its length, its kind, its flags. The error is the close code that the sender earns.
    pub fn decode(frame: &[u8]) -> Result<Self, CloseCode> {
        let Some((head, payload)) = frame.split_first_chunk::<FRAME_HEADER_BYTES>() else {
            return Err(CloseCode::BadFrame);
        };
        let [kind, flags, s0, s1, e0, e1, e2, e3, q0, q1, q2, q3] = *head;
        let kind = Kind::from_byte(kind).ok_or(CloseCode::UnknownKind)?;
        if payload.len() > kind.payload_bytes_max() {
            return Err(CloseCode::TooLong);
        }
        if flags & !kind.flags_allowed().0 != 0 {
            return Err(CloseCode::BadFrame);
        }
        Ok(Self {
            kind,
            flags: Flags(flags),
            source: u16::from_be_bytes([s0, s1]),
            epoch: u32::from_be_bytes([e0, e1, e2, e3]),
            sequence: u32::from_be_bytes([q0, q1, q2, q3]),
        })
    }

    /// The wire form.
    pub fn encode(&self) -> [u8; FRAME_HEADER_BYTES] {
        let mut bytes = [0; FRAME_HEADER_BYTES];
        bytes[0] = self.kind.byte();
        bytes[1] = self.flags.0;
        bytes[2..4].copy_from_slice(&self.source.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.epoch.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.sequence.to_be_bytes());
        bytes
    }
}

/// Flag bits. Which kind may carry which is [`Kind::flags_allowed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Flags(pub u8);

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// First chunk of a keyframe.
    pub const FIRST: Self = Self(0x01);
    /// Last chunk of a keyframe.
    pub const LAST: Self = Self(0x02);
    /// Whatever came before this epoch must be forgotten.
    pub const PURGE: Self = Self(0x04);
    /// The payload belongs to the epoch's deflate stream.
    pub const DEFLATE: Self = Self(0x08);
    /// The page was loaded over plain HTTP.
    pub const INSECURE: Self = Self(0x10);
    /// The low four bits of an ephemeral frame: its slot.
    pub const SLOT: Self = Self(0x0f);

    /// Every flag with its name.
    pub const ALL: [(&'static str, Self); 5] = [
        ("first", Self::FIRST),
        ("last", Self::LAST),
        ("purge", Self::PURGE),
        ("deflate", Self::DEFLATE),
        ("insecure", Self::INSECURE),
    ];

    /// Whether every bit of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl core::ops::BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.and(other)
    }
}

/// Who sends frames of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The visitor's script.
    Visitor,
    /// An agent's viewer.
    Agent,
    /// The CServer itself.
    Server,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $variant:ident = $byte:literal, $name:literal, $sender:ident;)*) => {
        /// What a frame is. The byte of the wire, the name of PROTOCOL.md and who sends it stand together here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Kind { $($(#[doc = $doc])* $variant = $byte,)* }

        impl Kind {
            /// Every kind, in the order of PROTOCOL.md.
            pub const ALL: [Self; [$($byte),*].len()] = [$(Self::$variant),*];

            /// The kind of that byte; `None` is refused, never relayed.
            pub fn from_byte(byte: u8) -> Option<Self> {
                match byte { $($byte => Some(Self::$variant),)* _ => None }
            }

            /// The byte on the wire.
            pub fn byte(self) -> u8 { self as u8 }

            /// The name in PROTOCOL.md.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Who may send it.
            pub fn sender(self) -> Sender {
                match self { $(Self::$variant => Sender::$sender,)* }
            }
        }
    };
}

kinds! {
    /// Chunk of a keyframe.
    Keyframe = 0x01, "keyframe", Visitor;
    /// Changes since the frame before.
    Diff = 0x02, "diff", Visitor;
    /// Replaces an unsent frame of the same slot; may be dropped.
    Ephemeral = 0x03, "ephemeral", Visitor;
    /// Facts of the page; begins an epoch.
    Facts = 0x04, "facts", Visitor;
    /// The visitor ends the session.
    Bye = 0x05, "bye", Visitor;
    /// This page is going away; another may follow.
    Leaving = 0x06, "leaving", Visitor;
    /// A page that says it is there, outside a session: for the web tier, unread.
    Presence = 0x07, "presence", Visitor;
    /// Where the agent points.
    Pointer = 0x81, "pointer", Agent;
    /// Freehand drawing.
    Draw = 0x82, "draw", Agent;
    /// Remote scroll.
    Scroll = 0x83, "scroll", Agent;
    /// Remote click.
    Click = 0x84, "click", Agent;
    /// Remote typing and selecting.
    Type = 0x85, "type", Agent;
    /// Remote navigation.
    Navigate = 0x86, "navigate", Agent;
    /// Asks for control, or gives it back.
    Control = 0x87, "control", Agent;
    /// Ends the session for everybody.
    End = 0x88, "end", Agent;
    /// The agent's copy is wrong: it wants a keyframe.
    Resync = 0x90, "resync", Agent;
    /// First frame to a visitor.
    Welcome = 0xC1, "welcome", Server;
    /// Asks the visitor to begin a new epoch.
    KeyframeRequest = 0xC2, "keyframe_request", Server;
    /// Who is watching.
    Participants = 0xC3, "participants", Server;
    /// An agent offers a session to a page that is there.
    Offer = 0xC4, "offer", Server;
    /// First frame to an agent.
    Joined = 0xE1, "joined", Server;
    /// How the visitor is: live, leaving, offline.
    VisitorState = 0xE2, "visitor_state", Server;
    /// Frames were left out; what follows begins an epoch.
    Skipped = 0xE3, "skipped", Server;
}

impl Kind {
    /// Whether the frame counts in the sequence and may never be left out of an epoch's prefix.
    pub fn is_reliable(self) -> bool {
        matches!(self, Self::Keyframe | Self::Diff | Self::Facts)
    }

    /// The flags that frames of this kind may carry.
    pub const fn flags_allowed(self) -> Flags {
        match self {
            Self::Keyframe => Flags::FIRST.and(Flags::LAST).and(Flags::DEFLATE),
            Self::Diff => Flags::DEFLATE,
            Self::Ephemeral => Flags::SLOT,
            Self::Facts => Flags::INSECURE.and(Flags::PURGE),
            _ => Flags::NONE,
        }
    }

    /// The privilege that an agent needs to send it; `None` when agents never send it.
    pub fn needs(self) -> Option<Privileges> {
        match self {
            Self::Pointer => Some(Privileges::POINT),
            Self::Draw => Some(Privileges::DRAW),
            Self::Scroll => Some(Privileges::SCROLL),
            Self::Click => Some(Privileges::CLICK),
            Self::Type => Some(Privileges::TYPE),
            Self::Navigate => Some(Privileges::NAVIGATE),
            Self::Control => Some(Privileges::CONTROL),
            Self::End => Some(Privileges::END),
            Self::Resync => Some(Privileges::VIEW),
            _ => None,
        }
    }

    /// The longest payload of this kind, in bytes.
    pub fn payload_bytes_max(self) -> usize {
        match self {
            Self::Bye | Self::Leaving | Self::End | Self::Resync => 0,
            Self::KeyframeRequest | Self::Skipped => 0,
            Self::Presence | Self::Offer => PRESENCE_BYTES_MAX,
            _ if self.sender() == Sender::Agent => AGENT_PAYLOAD_BYTES_MAX,
            _ => FRAME_PAYLOAD_BYTES_MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_is_not_listed_is_refused() {
        let listed: Vec<u8> = Kind::ALL.iter().map(|kind| kind.byte()).collect();
        for byte in 0..=255 {
            let mut frame = [0; FRAME_HEADER_BYTES];
            frame[0] = byte;
            assert_eq!(Header::decode(&frame).is_ok(), listed.contains(&byte), "{byte:#x}");
        }
    }

    #[test]
    fn a_flag_that_the_kind_does_not_have_is_refused() {
        for kind in Kind::ALL {
            for flags in 0..=255u8 {
                let mut frame = [0; FRAME_HEADER_BYTES];
                (frame[0], frame[1]) = (kind.byte(), flags);
                let allowed = kind.flags_allowed().contains(Flags(flags));
                assert_eq!(Header::decode(&frame).is_ok(), allowed, "{kind:?} {flags:#x}");
            }
        }
    }

    #[test]
    fn a_payload_over_its_limit_is_refused() {
        for kind in Kind::ALL {
            let mut frame = vec![0; FRAME_HEADER_BYTES + kind.payload_bytes_max()];
            frame[0] = kind.byte();
            assert!(Header::decode(&frame).is_ok(), "{kind:?}");
            frame.push(0);
            assert_eq!(Header::decode(&frame), Err(CloseCode::TooLong), "{kind:?}");
        }
    }
}
