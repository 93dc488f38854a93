//! One session with some agents, in a relay of its own, past its first keyframe.

use bytes::Bytes;
use protocol::secret::Secret;
use protocol::{AgentId, Flags, Header, JoinId, Kind, Privileges};
use relay::{Bounds, JoinSpec, LinkId, Relay, SessionSpec};

/// See the module.
pub struct Fanout {
    relay: Relay,
    epoch: u32,
    sequence: u32,
    payload: Vec<u8>,
}

impl Fanout {
    /// A session with so many agents, whose diffs have so many bytes of payload.
    ///
    /// # Panics
    /// When the relay refuses what its own bounds allow: a fault of the benchmark.
    pub fn new(agents: u16, payload_bytes: usize) -> Self {
        let mut relay = Relay::new(Bounds::default());
        let spec = SessionSpec {
            id: "demo:471113:000102030405060708090a0b0c0d0e0f".parse().expect("a session id"),
            home: 1,
            resume: Secret::new([1; 32]).hash(),
            grace_ms: 30_000,
            welcome_settings: "{}".into(),
        };
        let session = relay.open_session(0, spec).expect("the first session");
        relay.attach_visitor(0, session, VISITOR).expect("its visitor");
        for agent in 0..agents {
            let join = JoinId::from_bytes(u64::from(agent).to_be_bytes());
            let spec = JoinSpec {
                join,
                agent: AgentId::from_bytes([3; 16]),
                name: "Ada".into(),
                privileges: Privileges::VIEW,
            };
            relay.join(0, session, spec).expect("an agent joins");
            let link = LinkId(1 << 32 | (1 + u64::from(agent)));
            relay.attach_agent(0, session, join, link).expect("an agent connects");
        }
        let mut fanout = Self { relay, epoch: 0, sequence: 0, payload: vec![7; payload_bytes] };
        fanout.keyframe();
        fanout
    }

    /// One diff goes in, and every agent's copy comes out; how many bytes left.
    pub fn diff(&mut self) -> usize {
        if self.sequence == DIFFS_PER_EPOCH {
            self.keyframe();
        }
        self.sequence += 1;
        self.send(Kind::Diff, Flags::NONE);
        self.drain()
    }

    fn keyframe(&mut self) {
        self.epoch += 1;
        self.sequence = 0;
        self.send(Kind::Facts, Flags::NONE);
        self.sequence = 1;
        self.send(Kind::Keyframe, Flags::FIRST | Flags::LAST);
        self.drain();
    }

    fn send(&mut self, kind: Kind, flags: Flags) {
        let header = Header { kind, flags, source: 1, epoch: self.epoch, sequence: self.sequence };
        let mut frame = Vec::with_capacity(header.encode().len() + self.payload.len());
        frame.extend_from_slice(&header.encode());
        frame.extend_from_slice(&self.payload);
        self.relay.handle_frame(1, VISITOR, Bytes::from(frame));
        while self.relay.poll_event().is_some() {}
    }

    fn drain(&mut self) -> usize {
        let mut bytes = 0;
        while let Some(link) = self.relay.poll_dirty() {
            while let Some(frame) = self.relay.next_frame(1, link, ROOM_BYTES) {
                bytes += frame.wire_len();
            }
        }
        bytes
    }
}

const VISITOR: LinkId = LinkId(1 << 32);

/// What the server gives one connection in one turn.
const ROOM_BYTES: usize = 64 * 1024;

/// Keeps the log small, as a visitor does that is asked for a keyframe at 1 MiB of diffs.
const DIFFS_PER_EPOCH: u32 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_agent_is_given_every_diff() {
        let mut fanout = Fanout::new(20, 400);
        for _ in 0..2 * DIFFS_PER_EPOCH {
            // Header of the message (4 bytes), of the frame (12), payload.
            assert_eq!(fanout.diff(), 20 * (4 + 12 + 400));
        }
    }
}
