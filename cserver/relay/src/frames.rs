//! Frames ready for the wire, and the few that the relay makes itself (PROTOCOL.md section 3.4).
//!
//! A [`WireFrame`] is built once, when a frame comes in, and then shared by every agent of the session: sending it to one
//! more agent costs a reference count.

use bytes::Bytes;
use protocol::limits::{FRAME_HEADER_BYTES, FRAME_PAYLOAD_BYTES_MAX};
use protocol::{AgentNumber, Flags, Header, Kind, Privileges, SessionId};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::bounds::COPY_BYTES_MAX;

/// One unmasked binary WebSocket message: the prefix of RFC 6455 section 5.2 and the shared body.
///
/// ```
/// use cobrowse_relay::WireFrame;
/// let frame = WireFrame::new(vec![7; 300].into());
/// assert_eq!(frame.prefix(), [0x82, 126, 1, 44]);
/// assert_eq!(frame.wire_len(), 304);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireFrame {
    prefix: [u8; PREFIX_BYTES_MAX],
    prefix_len: u8,
    body: Bytes,
}

impl WireFrame {
    /// Puts the prefix before a whole frame of PROTOCOL.md section 3. A small body is copied to an allocation of its own.
    pub fn new(body: Bytes) -> Self {
        let body = if body.len() < COPY_BYTES_MAX { Bytes::copy_from_slice(&body) } else { body };
        Self::owned(body)
    }

    /// The same for a body that pins no larger buffer.
    pub(crate) fn owned(body: Bytes) -> Self {
        let mut prefix = [0; PREFIX_BYTES_MAX];
        prefix[0] = FIN_BINARY;
        let len = body.len();
        let prefix_len = if len < 126 {
            prefix[1] = len as u8;
            2
        } else if let Ok(short) = u16::try_from(len) {
            prefix[1] = 126;
            prefix[2..4].copy_from_slice(&short.to_be_bytes());
            4
        } else {
            prefix[1] = 127;
            prefix[2..10].copy_from_slice(&(len as u64).to_be_bytes());
            10
        };
        Self { prefix, prefix_len, body }
    }

    /// The WebSocket frame header.
    pub fn prefix(&self) -> &[u8] {
        &self.prefix[..usize::from(self.prefix_len)]
    }

    /// Header and payload of the frame.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Bytes of both.
    pub fn wire_len(&self) -> usize {
        usize::from(self.prefix_len) + self.body.len()
    }
}

/// How the visitor is, as agents are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VisitorState {
    Live,
    Leaving,
    Offline,
}

/// A frame of the relay's own without payload.
pub(crate) fn bare(kind: Kind) -> WireFrame {
    from_server(kind, &[])
}

/// `None` when the settings are no JSON or do not fit into a frame: both a fault of who set them.
pub(crate) fn welcome(
    session: &SessionId,
    home: u32,
    last_epoch: u32,
    settings: &str,
    grace_ms: u64,
) -> Option<WireFrame> {
    #[derive(Serialize)]
    struct Welcome<'a> {
        session: &'a SessionId,
        home: u32,
        last_epoch: u32,
        settings: &'a RawValue,
        grace_ms: u64,
    }
    let settings = serde_json::from_str(settings).ok()?;
    let payload = json(&Welcome { session, home, last_epoch, settings, grace_ms });
    (payload.len() <= FRAME_PAYLOAD_BYTES_MAX).then(|| from_server(Kind::Welcome, &payload))
}

pub(crate) struct Joined<'a> {
    pub(crate) agent: AgentNumber,
    pub(crate) name: &'a str,
    pub(crate) session: &'a SessionId,
    pub(crate) privileges: Privileges,
    pub(crate) visitor: VisitorState,
    pub(crate) since_ms: u64,
}

pub(crate) fn joined(joined: &Joined<'_>) -> WireFrame {
    #[derive(Serialize)]
    struct Payload<'a> {
        agent: AgentNumber,
        name: &'a str,
        group: &'a protocol::GroupId,
        privileges: Privileges,
        visitor: VisitorState,
        since_ms: u64,
    }
    let Joined { agent, name, session, privileges, visitor, since_ms } = *joined;
    let group = &session.group;
    let payload = Payload { agent, name, group, privileges, visitor, since_ms };
    from_server(Kind::Joined, &json(&payload))
}

pub(crate) fn visitor_state(visitor: VisitorState, since_ms: u64) -> WireFrame {
    #[derive(Serialize)]
    struct Payload {
        visitor: VisitorState,
        since_ms: u64,
    }
    from_server(Kind::VisitorState, &json(&Payload { visitor, since_ms }))
}

/// Lists the agents in the given order, as many as fit into one frame: with the longest names some 100,
/// with usual ones 900.
pub(crate) fn participants<'a>(
    agents: impl Iterator<Item = (AgentNumber, &'a str, Privileges)>,
) -> WireFrame {
    #[derive(Serialize)]
    struct Entry<'a> {
        agent: AgentNumber,
        name: &'a str,
        privileges: Privileges,
    }
    let mut payload = br#"{"agents":["#.to_vec();
    let mut separator: &[u8] = b"";
    for (agent, name, privileges) in agents {
        let entry = json(&Entry { agent, name, privileges });
        if payload.len() + separator.len() + entry.len() + 2 > FRAME_PAYLOAD_BYTES_MAX {
            break;
        }
        payload.extend_from_slice(separator);
        payload.extend_from_slice(&entry);
        separator = b",";
    }
    payload.extend_from_slice(b"]}");
    from_server(Kind::Participants, &payload)
}

fn from_server(kind: Kind, payload: &[u8]) -> WireFrame {
    let header = Header { kind, flags: Flags::NONE, source: 0, epoch: 0, sequence: 0 };
    let mut body = Vec::with_capacity(FRAME_HEADER_BYTES + payload.len());
    body.extend_from_slice(&header.encode());
    body.extend_from_slice(payload);
    WireFrame::owned(body.into())
}

fn json(value: &impl Serialize) -> Vec<u8> {
    // Only maps with keys that are not strings fail, and there are none.
    serde_json::to_vec(value).unwrap_or_default()
}

pub(crate) const PREFIX_BYTES_MAX: usize = 10;
const FIN_BINARY: u8 = 0x82;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_says_the_length_in_each_of_its_three_forms() {
        let prefix = |len: usize| WireFrame::new(vec![0; len].into()).prefix().to_vec();
        assert_eq!(prefix(0), [0x82, 0]);
        assert_eq!(prefix(125), [0x82, 125]);
        assert_eq!(prefix(126), [0x82, 126, 0, 126]);
        assert_eq!(prefix(65_535), [0x82, 126, 255, 255]);
        assert_eq!(prefix(65_536), [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn a_small_body_leaves_the_buffer_it_came_in_and_a_large_one_stays() {
        let buffer = Bytes::from(vec![1; 64 * 1024]);
        let inside = |frame: &WireFrame| {
            let at = frame.body().as_ptr() as usize;
            let start = buffer.as_ptr() as usize;
            (start..start + buffer.len()).contains(&at)
        };
        assert!(!inside(&WireFrame::new(buffer.slice(100..260))));
        assert!(inside(&WireFrame::new(buffer.slice(..COPY_BYTES_MAX))));
    }

    #[test]
    fn the_list_of_participants_never_outgrows_a_frame() {
        let name = "\u{1}".repeat(64);
        let all = Privileges::from_bits(0x1ff).unwrap();
        let frame = participants((1..=1000).map(|n| (AgentNumber(n), name.as_str(), all)));
        assert!(frame.body().len() <= FRAME_HEADER_BYTES + FRAME_PAYLOAD_BYTES_MAX);
        let list: serde_json::Value =
            serde_json::from_slice(&frame.body()[FRAME_HEADER_BYTES..]).unwrap();
        assert!(list["agents"].as_array().unwrap().len() > 90);
    }

    #[test]
    fn settings_that_do_not_fit_make_no_welcome() {
        let id: SessionId = "demo:1:000102030405060708090a0b0c0d0e0f".parse().unwrap();
        assert!(welcome(&id, 1, 0, "{}", 1).is_some());
        assert!(welcome(&id, 1, 0, "{", 1).is_none());
        assert!(welcome(&id, 1, 0, &format!("\"{}\"", "x".repeat(61_440)), 1).is_none());
    }
}
