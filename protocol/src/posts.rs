//! Bodies of the requests that carry frames where WebSockets are blocked: PROTOCOL.md section 3.5.
//!
//! Owns their form. What a credential opens, and which number comes next, is the CServer's to say.

use crate::close::CloseCode;
use crate::ids::ChannelId;
use crate::limits::{FRAME_HEADER_BYTES, FRAME_PAYLOAD_BYTES_MAX, STATUS_BODY_BYTES_MAX};
use crate::subprotocol::Credential;

/// What the body of a stream's or a post's request says.
///
/// ```
/// use cobrowse_protocol::posts::Post;
/// let post = Post::parse(b"resume.AbC 00112233445566ff 7\n\x82\x0cwhole frames").unwrap();
/// assert_eq!((post.number, post.frames), (Some(7), vec![&b"whole frames"[..]]));
/// let stream = Post::parse(b"ticket.AbC 00112233445566ff\n").unwrap();
/// assert_eq!(stream.number, None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post<'a> {
    /// Who sends it; not verified here.
    pub credential: Credential<'a>,
    /// To which connection it belongs.
    pub channel: ChannelId,
    /// Its place in the order; `None` opens a stream.
    pub number: Option<u32>,
    /// The frames, not looked at here.
    pub frames: Vec<&'a [u8]>,
}

impl<'a> Post<'a> {
    /// Reads a body: `bad_frame` when it has another form or a frame has no header, `too_long` when a frame is longer than any may be.
    pub fn parse(body: &'a [u8]) -> Result<Self, CloseCode> {
        let bad = CloseCode::BadFrame;
        let at = body.iter().take(STATUS_BODY_BYTES_MAX).position(|byte| *byte == b'\n');
        let at = at.ok_or(bad)?;
        let line = core::str::from_utf8(&body[..at]).map_err(|_| bad)?;
        let mut words = line.split(' ');
        let credential = words.next().and_then(Credential::from_token).ok_or(bad)?;
        let channel = words.next().and_then(|word| word.parse().ok()).ok_or(bad)?;
        let number = words.next().map(|word| number(word).ok_or(bad)).transpose()?;
        if words.next().is_some() {
            return Err(bad);
        }
        let mut frames = Vec::new();
        let mut rest = &body[at + 1..];
        while !rest.is_empty() {
            let (frame, behind) = frame(rest)?;
            frames.push(frame);
            rest = behind;
        }
        if number.is_none() && !frames.is_empty() {
            return Err(bad);
        }
        Ok(Self { credential, channel, number, frames })
    }
}

/// One unmasked binary message, in the shortest form of its length, and what stands behind it.
fn frame(bytes: &[u8]) -> Result<(&[u8], &[u8]), CloseCode> {
    let (length, rest) = match *bytes {
        [BINARY, length @ 0..=125, ref rest @ ..] => (usize::from(length), rest),
        [BINARY, 126, high, low, ref rest @ ..] => {
            let length = usize::from(u16::from_be_bytes([high, low]));
            if length < 126 {
                return Err(CloseCode::BadFrame);
            }
            (length, rest)
        }
        // No frame is so long that its length would need the next form.
        [BINARY, 127, ..] => return Err(CloseCode::TooLong),
        _ => return Err(CloseCode::BadFrame),
    };
    if length < FRAME_HEADER_BYTES {
        return Err(CloseCode::BadFrame);
    }
    if length > FRAME_HEADER_BYTES + FRAME_PAYLOAD_BYTES_MAX {
        return Err(CloseCode::TooLong);
    }
    rest.split_at_checked(length).ok_or(CloseCode::BadFrame)
}

/// Digits only, without zeros in front: one number has one form.
fn number(word: &str) -> Option<u32> {
    let is_plain = word.bytes().all(|byte| byte.is_ascii_digit());
    (is_plain && (word == "0" || !word.starts_with('0'))).then(|| word.parse().ok())?
}

/// A final binary message without a mask.
const BINARY: u8 = 0x82;

const _: () = assert!(FRAME_HEADER_BYTES + FRAME_PAYLOAD_BYTES_MAX <= u16::MAX as usize);
