//! The header of a frame: what is decoded is what stood there, and only what the kind allows.

use protocol::frame::Sender;
use protocol::limits::{FRAME_HEADER_BYTES, FRAME_PAYLOAD_BYTES_MAX};
use protocol::{CloseCode, Flags, Header, Kind, Privileges};

use super::{Outcome, Target};
use crate::limits::MEMORY_PER_BYTE_MAX;

pub(crate) const TARGET: Target =
    Target { name: "frame", run, seeds, words: &[], memory_per_byte_max: MEMORY_PER_BYTE_MAX };

fn run(input: &[u8]) -> Outcome {
    let Ok(header) = Header::decode(input) else {
        let code = Header::decode(input).err();
        let told = [CloseCode::BadFrame, CloseCode::UnknownKind, CloseCode::TooLong];
        assert!(code.is_some_and(|code| told.contains(&code)), "refused with {code:?}");
        return Outcome::Refused;
    };
    let payload_bytes = input.len() - FRAME_HEADER_BYTES;
    assert_eq!(header.encode(), input[..FRAME_HEADER_BYTES], "another round changes it");
    assert!(header.kind.flags_allowed().contains(header.flags), "a flag of another kind");
    assert!(payload_bytes <= header.kind.payload_bytes_max().min(FRAME_PAYLOAD_BYTES_MAX));
    let all = Privileges::ALL.iter().fold(Privileges::NONE, |all, (_, one)| all | *one);
    assert_eq!(all.allows(header.kind), header.kind.sender() == Sender::Agent);
    assert!(!Privileges::NONE.allows(header.kind), "an agent without privileges sends");
    Outcome::Accepted
}

fn seeds() -> Vec<Vec<u8>> {
    let frame = |(at, kind): (usize, Kind)| {
        let (source, epoch) = (at as u16, 1 << at);
        let header = Header { kind, flags: Flags::NONE, source, epoch, sequence: 7 };
        [&header.encode()[..], &[b'x'; 40][..kind.payload_bytes_max().min(40)]].concat()
    };
    Kind::ALL.into_iter().enumerate().map(frame).collect()
}
