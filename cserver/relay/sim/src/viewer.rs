//! The agent's viewer: rebuilds the page's state from the frames it gets, and knows nothing else.

use bytes::Bytes;
use protocol::limits::FRAME_HEADER_BYTES;
use protocol::{Flags, Header, Kind};

use crate::page::apply;

/// See the module.
#[derive(Default)]
pub struct Viewer {
    /// The page as far as known; `None` before the first keyframe and within one.
    pub hash: Option<u64>,
    /// Where it is.
    pub epoch: u32,
    /// See `epoch`.
    pub sequence: u32,
    keyframe: Vec<u8>,
    /// Lost its copy, asked for another, ignores what still comes of the old one.
    broken: bool,
    /// The agents that are connected, as it was told.
    pub participants: Vec<u64>,
    /// How the visitor is, as it was told.
    pub visitor: String,
}

impl Viewer {
    /// Takes one frame. An error is a frame that a viewer cannot use.
    pub fn take(&mut self, body: &Bytes) -> Result<(), String> {
        let header = Header::decode(body).map_err(|code| format!("a viewer got a {code:?}"))?;
        let payload = &body[FRAME_HEADER_BYTES..];
        match header.kind {
            Kind::Joined | Kind::VisitorState => {
                let told: serde_json::Value = json(payload)?;
                self.visitor = told["visitor"].as_str().unwrap_or_default().to_owned();
            }
            Kind::Participants => self.participants = participants(payload)?,
            Kind::Skipped => self.hash = None,
            Kind::Ephemeral if header.epoch != self.epoch => {
                return Err("an ephemeral frame of another epoch reached a viewer".into());
            }
            Kind::Ephemeral => {}
            Kind::Facts if header.sequence == 0 => {
                (self.epoch, self.sequence) = (header.epoch, 0);
                (self.hash, self.broken) = (None, false);
                self.keyframe.clear();
            }
            Kind::Keyframe | Kind::Facts | Kind::Diff => self.reliable(&header, payload)?,
            kind => return Err(format!("a viewer got a {}", kind.name())),
        }
        Ok(())
    }

    fn reliable(&mut self, header: &Header, payload: &[u8]) -> Result<(), String> {
        if header.epoch != self.epoch || header.sequence != self.sequence + 1 {
            return Err(format!(
                "a viewer at {}.{} got {}.{}",
                self.epoch, self.sequence, header.epoch, header.sequence
            ));
        }
        self.sequence = header.sequence;
        if header.kind == Kind::Keyframe {
            self.keyframe.extend_from_slice(payload);
            if header.flags.contains(Flags::LAST) && !self.broken {
                self.hash = number(&self.keyframe);
            }
        } else if let (Some(hash), Some(operation)) = (self.hash, number(payload)) {
            self.hash = Some(apply(hash, operation));
        }
        Ok(())
    }

    /// The copy turns out to be wrong.
    pub fn break_down(&mut self) {
        (self.hash, self.broken) = (None, true);
    }
}

/// The agents' numbers in a `participants` payload.
pub fn participants(payload: &[u8]) -> Result<Vec<u64>, String> {
    let told = json(payload)?;
    let agents = told["agents"].as_array().ok_or("participants without agents")?;
    Ok(agents.iter().filter_map(|agent| agent["agent"].as_u64()).collect())
}

/// JSON of the relay.
pub fn json(payload: &[u8]) -> Result<serde_json::Value, String> {
    serde_json::from_slice(payload).map_err(|error| format!("not JSON from the relay: {error}"))
}

fn number(payload: &[u8]) -> Option<u64> {
    payload.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}
