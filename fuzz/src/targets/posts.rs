//! Bodies that carry frames over plain HTTPS: one form for each meaning, so that writing anew what was read gives the same bytes.

use protocol::limits::{FRAME_HEADER_BYTES, FRAME_PAYLOAD_BYTES_MAX};
use protocol::posts::Post;
use protocol::subprotocol::Credential;

use super::{Outcome, Target};
use crate::limits::MEMORY_PER_BYTE_MAX;

pub(crate) const TARGET: Target = Target {
    name: "posts",
    run,
    seeds,
    words: &[
        b"ticket.",
        b"resume.",
        b"csrf.",
        b" 00112233445566ff",
        b" 0",
        b" 4294967295",
        b"\n",
        b"\r\n",
        b"\x82\x0c............",
        b"\x82\x7e\x00\x7e",
        b"\x82\x7f",
        b"\x82\x8c",
    ],
    memory_per_byte_max: MEMORY_PER_BYTE_MAX,
};

fn run(input: &[u8]) -> Outcome {
    let Ok(post) = Post::parse(input) else { return Outcome::Refused };
    let (kind, value) = match post.credential {
        Credential::Ticket(value) => ("ticket", value),
        Credential::Resume(value) => ("resume", value),
        Credential::Csrf(value) => ("csrf", value),
    };
    let number = post.number.map(|number| format!(" {number}")).unwrap_or_default();
    let mut again = format!("{kind}.{value} {}{number}\n", post.channel.to_hex()).into_bytes();
    assert!(post.number.is_some() || post.frames.is_empty(), "a stream's request carries frames");
    for frame in post.frames {
        let bytes = frame.len();
        assert!(
            (FRAME_HEADER_BYTES..=FRAME_HEADER_BYTES + FRAME_PAYLOAD_BYTES_MAX).contains(&bytes)
        );
        let (prefix, used) = connection::frame_prefix(bytes);
        again.extend_from_slice(&prefix[..used]);
        again.extend_from_slice(frame);
    }
    assert!(again == input, "two forms of one meaning");
    Outcome::Accepted
}

fn seeds() -> Vec<Vec<u8>> {
    let frame = [&[0x82, 126, 0, 200][..], &[7; 200]].concat();
    vec![
        b"ticket.AbC 00112233445566ff\n".to_vec(),
        b"csrf.AbC 00112233445566ff 0\n".to_vec(),
        [b"resume.AbC 00112233445566ff 7\n\x82\x0c............", &frame[..]].concat(),
    ]
}
