//! The client's half of WebSocket framing (RFC 6455): masked frames out, the server's frames in.
//!
//! Written out here rather than taken from the library that the server uses: the two ends then share no fault, and the
//! generator looks at a message where it was decrypted, without a copy. The upgrade itself is done in [`crate::http`].

use std::ops::Range;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// A text message.
    Text,
    /// A binary message.
    Binary,
    /// The peer ends the connection.
    Close,
    /// To be answered by a pong with the same body.
    Ping,
    /// The answer to a ping.
    Pong,
}

/// One whole message in the bytes that were searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub opcode: Opcode,
    /// Where its body stands.
    pub body: Range<usize>,
}

/// The server broke the protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// A server must not mask.
    #[error("the server sent a masked frame")]
    Masked,
    /// Relays of this kind send every message as one frame.
    #[error("the server sent a fragmented message, which none of ours does")]
    Fragmented,
    /// An opcode or bit that the standard keeps free.
    #[error("the server sent a frame that begins with {0:#04x}")]
    Reserved(u8),
}

/// Finds the message at the start of `bytes`; `None` until all of it is there. The second value is how many bytes it takes.
///
/// ```
/// use loadgen::websocket::{Opcode, next};
/// let (message, used) = next(&[0x82, 3, b'a', b'b', b'c', 0x82]).unwrap().unwrap();
/// assert_eq!((message.opcode, message.body, used), (Opcode::Binary, 2..5, 5));
/// assert_eq!(next(&[0x82, 3, b'a']), Ok(None));
/// ```
pub fn next(bytes: &[u8]) -> Result<Option<(Message, usize)>, FramingError> {
    let [first, second, ..] = *bytes else { return Ok(None) };
    if second & 0x80 != 0 {
        return Err(FramingError::Masked);
    }
    let opcode = match first {
        0x81 => Opcode::Text,
        0x82 => Opcode::Binary,
        0x88 => Opcode::Close,
        0x89 => Opcode::Ping,
        0x8a => Opcode::Pong,
        0x00..=0x02 | 0x80 => return Err(FramingError::Fragmented),
        other => return Err(FramingError::Reserved(other)),
    };
    let (length, start): (usize, usize) = match second {
        126 => match bytes.get(2..4) {
            Some(&[high, low]) => (usize::from(u16::from_be_bytes([high, low])), 4),
            _ => return Ok(None),
        },
        127 => match bytes.get(2..10).and_then(|raw| <[u8; 8]>::try_from(raw).ok()) {
            Some(raw) => (usize::try_from(u64::from_be_bytes(raw)).unwrap_or(usize::MAX), 10),
            None => return Ok(None),
        },
        short => (usize::from(short), 2),
    };
    match start.checked_add(length) {
        Some(end) if end <= bytes.len() => Ok(Some((Message { opcode, body: start..end }, end))),
        _ => Ok(None),
    }
}

/// Appends one masked frame whose body is `parts` put together.
pub fn write(out: &mut Vec<u8>, opcode: Opcode, parts: &[&[u8]], mask: [u8; 4]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.push(match opcode {
        Opcode::Text => 0x81,
        Opcode::Binary => 0x82,
        Opcode::Close => 0x88,
        Opcode::Ping => 0x89,
        Opcode::Pong => 0x8a,
    });
    if length < 126 {
        out.push(0x80 | length as u8);
    } else if let Ok(short) = u16::try_from(length) {
        out.push(0x80 | 126);
        out.extend_from_slice(&short.to_be_bytes());
    } else {
        out.push(0x80 | 127);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
    out.extend_from_slice(&mask);
    let start = out.len();
    for part in parts {
        out.extend_from_slice(part);
    }
    apply(&mut out[start..], mask);
}

/// Masks eight bytes at a time: the generator's core is as scarce as the server's.
fn apply(body: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut chunks = body.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let mut value = [0; 8];
        value.copy_from_slice(chunk);
        chunk.copy_from_slice(&(u64::from_ne_bytes(value) ^ wide).to_ne_bytes());
    }
    for (byte, key) in chunks.into_remainder().iter_mut().zip([a, b, c, d, a, b, c, d]) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_in_each_length_form_unmasks_to_its_body() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let body: Vec<u8> = (0..length).map(|at: usize| at as u8).collect();
            let (one, two) = body.split_at(length / 3);
            let mut out = Vec::new();
            write(&mut out, Opcode::Binary, &[one, two], [1, 2, 3, 4]);
            let head = out.len() - length - 4;
            assert_eq!(out[1] & 0x80, 0x80, "a client masks");
            let mut unmasked = out[head + 4..].to_vec();
            apply(&mut unmasked, [1, 2, 3, 4]);
            assert_eq!(unmasked, body);
            // The same frame as a server would send it is found whole, and not a byte earlier.
            let mut plain = out[..head].to_vec();
            plain[1] &= 0x7f;
            plain.extend_from_slice(&body);
            let (message, used) = next(&plain).unwrap().unwrap();
            assert_eq!((used, &plain[message.body]), (plain.len(), &body[..]));
            assert_eq!(next(&plain[..plain.len() - 1]), Ok(None));
        }
    }

    #[test]
    fn what_a_server_must_not_send_is_named() {
        assert_eq!(next(&[0x82, 0x80]), Err(FramingError::Masked));
        assert_eq!(next(&[0x02, 0x00]), Err(FramingError::Fragmented));
        assert_eq!(next(&[0xc2, 0x00]), Err(FramingError::Reserved(0xc2)));
    }

    #[test]
    fn a_length_beyond_memory_is_only_waited_for() {
        let huge = [0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0];
        assert_eq!(next(&huge), Ok(None));
    }
}
