//! WebSocket frames that nobody's browser sends, and unusual ones that are right, against a real server.
//!
//! The sections follow those of the well-known conformance suite: framing, pings, reserved bits, opcodes, fragmentation, UTF-8, closing,
//! limits, auto-fragmentation, and the handshake. The server relays and echoes nothing, so a case that is right is told by
//! the answer to a ping behind it, and one that is wrong by the end of the connection without that answer.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cobrowse_tests::http::read_answer;
use cobrowse_tests::net::{TlsStream, is_quiet};
use cobrowse_tests::{Stack, Visitor};
use protocol::limits::FRAME_PAYLOAD_BYTES_MAX;
use protocol::{Flags, Header, Kind};

use crate::Findings;

/// Tries every case, each on a connection of its own.
pub(crate) fn attack(stack: &Stack, findings: &mut Findings) -> Result<()> {
    let visitor = Visitor::with_page(stack, "demo", b"page")?;
    let mut epoch = 10;
    for case in cases() {
        epoch += 1;
        let mut stream = open(stack, &visitor).with_context(|| case.what.clone())?;
        let mut bytes = (case.bytes)(epoch);
        bytes.extend(frame(true, 0, PING, MARK));
        // A peer that was refused may be gone before all is sent.
        for piece in bytes.chunks(case.piece.unwrap_or(bytes.len())) {
            if stream.write_all(piece).is_err() {
                break;
            }
        }
        let (answered, ended) = listen(&mut stream, case.lives);
        findings.number("autobahn_cases", 1);
        // A message that is right and no frame of ours may have been read together with the ping behind it.
        let is_answer_wrong = answered != case.lives && !(ended && case.is_whole_message);
        if is_answer_wrong || ended == case.lives {
            findings.number("autobahn_failed", 1);
            findings.fault(format!("{}: pong {answered}, ended {ended}", case.what));
        }
    }
    handshakes(stack, &visitor, findings)?;
    findings.number("autobahn_failed", 0);
    // The well-known one wants a Python that hosts of today do not have; docs/SECURITY.md has a run of it.
    findings.numbers.insert("autobahn_suite".into(), file!().into());
    // The session has outlived all of it.
    ensure!(visitor.try_resume()?.is_ok(), "the session did not outlive its own visitor's frames");
    Ok(())
}

struct Case {
    what: String,
    /// Made for an epoch that is new.
    bytes: Box<dyn Fn(u32) -> Vec<u8>>,
    /// Whether the connection lives on.
    lives: bool,
    /// Right as a WebSocket message; it is the relay's rules that it breaks.
    is_whole_message: bool,
    /// Sent in pieces of that size.
    piece: Option<usize>,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |section: &str, what: String, lives, bytes: Box<dyn Fn(u32) -> Vec<u8>>| {
        let is_whole_message = section == "6" || what.ends_with("is no frame of ours");
        cases.push(Case {
            what: format!("{section} {what}"),
            bytes,
            lives,
            is_whole_message,
            piece: None,
        });
    };
    let fixed =
        |bytes: Vec<u8>| -> Box<dyn Fn(u32) -> Vec<u8>> { Box::new(move |_| bytes.clone()) };
    // 1 and 9: every way to write a length, to the longest that is taken.
    for len in
        [0, 1, 112, 113, 114, 115, 116, 4_096, 16_384, 53_000, 61_439, FRAME_PAYLOAD_BYTES_MAX]
    {
        add(
            "1",
            format!("a message of {len} bytes"),
            true,
            Box::new(move |epoch| frame(true, 0, BINARY, &facts(epoch, len))),
        );
    }
    for len in [FRAME_PAYLOAD_BYTES_MAX + 1, 70_000, 1 << 20] {
        add(
            "9",
            format!("a message of {len} bytes is no frame of ours"),
            false,
            Box::new(move |epoch| frame(true, 0, BINARY, &facts(epoch, len))),
        );
    }
    for len in [1_u64 << 32, (1 << 63) - 1, 1 << 63, u64::MAX] {
        let head = [&[0x82, 0xff][..], &len.to_be_bytes(), &[0; 4], &[0; 64]].concat();
        add("9", format!("a length of {len:#x}"), false, fixed(head));
    }
    for len in 0..12 {
        add(
            "1",
            format!("a message of {len} bytes is no frame of ours"),
            false,
            fixed(frame(true, 0, BINARY, &vec![6; len])),
        );
    }
    // 2: pings.
    for len in [0, 1, 8, 124, 125] {
        add(
            "2",
            format!("a ping of {len} bytes"),
            true,
            fixed(frame(true, 0, PING, &vec![0xfe; len])),
        );
        add(
            "2",
            format!("a pong of {len} bytes that nobody asked for"),
            true,
            fixed(frame(true, 0, PONG, &vec![0xfe; len])),
        );
    }
    for len in [126, 127, 1_000, 65_536] {
        for opcode in [PING, PONG, CLOSE] {
            add(
                "2",
                format!("a control frame {opcode:#x} of {len} bytes"),
                false,
                fixed(frame(true, 0, opcode, &vec![3; len])),
            );
        }
    }
    add("2", "ten pings".into(), true, fixed(frame(true, 0, PING, b"x").repeat(10)));
    // 3: reserved bits.
    for reserved in 1..8 {
        for opcode in [BINARY, TEXT, PING, PONG, CLOSE, CONTINUATION] {
            add(
                "3",
                format!("reserved bits {reserved} on {opcode:#x}"),
                false,
                Box::new(move |epoch| frame(true, reserved, opcode, &facts(epoch, 8))),
            );
        }
    }
    // 4: opcodes without a meaning, with and without content, in the middle of a message too.
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        add("4", format!("opcode {opcode}"), false, fixed(frame(true, 0, opcode, b"")));
        add(
            "4",
            format!("opcode {opcode} with content"),
            false,
            fixed(frame(true, 0, opcode, b"content")),
        );
        add(
            "4",
            format!("opcode {opcode} in a message"),
            false,
            Box::new(move |epoch| {
                [frame(false, 0, BINARY, &facts(epoch, 8)), frame(true, 0, opcode, b"")].concat()
            }),
        );
    }
    // 5: fragments.
    for opcode in [PING, PONG, CLOSE] {
        add(
            "5",
            format!("a control frame {opcode:#x} in fragments"),
            false,
            fixed([frame(false, 0, opcode, b""), frame(true, 0, CONTINUATION, b"")].concat()),
        );
    }
    for (fin, what) in [(true, "last"), (false, "first")] {
        add(
            "5",
            format!("a {what} continuation of nothing"),
            false,
            fixed(frame(fin, 0, CONTINUATION, b"0123456789abc")),
        );
    }
    add(
        "5",
        "a continuation behind a whole message".into(),
        false,
        Box::new(|epoch| {
            [frame(true, 0, BINARY, &facts(epoch, 8)), frame(true, 0, CONTINUATION, b"x")].concat()
        }),
    );
    for opcode in [BINARY, TEXT] {
        add(
            "5",
            format!("a message {opcode:#x} inside another"),
            false,
            Box::new(move |epoch| {
                [
                    frame(false, 0, BINARY, &facts(epoch, 8)),
                    frame(true, 0, opcode, &facts(epoch, 8)),
                ]
                .concat()
            }),
        );
    }
    // 5 and 10: the same message cut into pieces, with and without pings between them.
    for size in [1, 2, 7, 12, 13, 125, 126, 1_300] {
        for between in [false, true] {
            add(
                "10",
                format!("fragments of {size} bytes, pings between: {between}"),
                true,
                Box::new(move |epoch| fragments(&facts(epoch, 40 * size.min(200)), size, between)),
            );
        }
    }
    add(
        "10",
        "the longest message in fragments of 1,300".into(),
        true,
        Box::new(|epoch| fragments(&facts(epoch, FRAME_PAYLOAD_BYTES_MAX), 1_300, false)),
    );
    add(
        "10",
        "a message without an end".into(),
        false,
        Box::new(|epoch| {
            let (first, more) = (
                frame(false, 0, BINARY, &facts(epoch, 8)),
                frame(false, 0, CONTINUATION, &[7; 30_000]),
            );
            [first, more.repeat(40)].concat()
        }),
    );
    add(
        "5",
        "empty fragments".into(),
        true,
        Box::new(|epoch| {
            let whole = facts(epoch, 8);
            [
                frame(false, 0, BINARY, b""),
                frame(false, 0, CONTINUATION, &whole),
                frame(true, 0, CONTINUATION, b""),
            ]
            .concat()
        }),
    );
    // 6: texts. None is taken, whole or cut, right or wrong.
    for text in [
        &b"hello"[..],
        b"",
        "κόσμε".as_bytes(),
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
        b"\xf4\x90\x80\x80",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xff",
        b"\xfe",
        b"\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xe0\x80\xaf",
        b"\xf0\x80\x80\xaf",
        b"\xce",
    ] {
        add("6", format!("a text {text:x?}"), false, fixed(frame(true, 0, TEXT, text)));
        let (a, b) = text.split_at(text.len() / 2);
        add(
            "6",
            format!("a text in fragments {text:x?}"),
            false,
            fixed([frame(false, 0, TEXT, a), frame(true, 0, CONTINUATION, b)].concat()),
        );
    }
    // 7: closing. After it nothing is answered.
    for code in [1000_u16, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        add("7", format!("close {code}"), false, fixed(frame(true, 0, CLOSE, &code.to_be_bytes())));
    }
    for code in [0_u16, 1, 999, 1004, 1005, 1006, 1012, 1016, 1100, 2000, 2999, 5000, 65535] {
        add(
            "7",
            format!("close with the wrong code {code}"),
            false,
            fixed(frame(true, 0, CLOSE, &code.to_be_bytes())),
        );
    }
    add("7", "close without a code".into(), false, fixed(frame(true, 0, CLOSE, b"")));
    add("7", "close with half a code".into(), false, fixed(frame(true, 0, CLOSE, &[3])));
    add(
        "7",
        "close with a reason".into(),
        false,
        fixed(frame(true, 0, CLOSE, &[&[3, 232][..], &[b'x'; 123]].concat())),
    );
    add(
        "7",
        "close with a reason that is no text".into(),
        false,
        fixed(frame(true, 0, CLOSE, b"\x03\xe8\xce\xba\xed\xa0\x80")),
    );
    add("7", "close twice".into(), false, fixed(frame(true, 0, CLOSE, &[3, 232]).repeat(2)));
    add(
        "7",
        "a message behind the close".into(),
        false,
        Box::new(|epoch| {
            [frame(true, 0, CLOSE, &[3, 232]), frame(true, 0, BINARY, &facts(epoch, 8))].concat()
        }),
    );
    add(
        "7",
        "close in a message".into(),
        false,
        Box::new(|epoch| {
            [frame(false, 0, BINARY, &facts(epoch, 8)), frame(true, 0, CLOSE, &[3, 232])].concat()
        }),
    );
    // Unmasked.
    for opcode in [BINARY, TEXT, PING, PONG, CLOSE, CONTINUATION] {
        add(
            "-",
            format!("unmasked {opcode:#x}"),
            false,
            fixed([&[0x80 | opcode, 14][..], &[3; 14]].concat()),
        );
    }
    // Bytes one by one.
    cases.push(Case {
        what: "1 a message byte by byte".into(),
        bytes: Box::new(|epoch| frame(true, 0, BINARY, &facts(epoch, 60))),
        lives: true,
        is_whole_message: true,
        piece: Some(1),
    });
    cases.push(Case {
        what: "2 pings byte by byte".into(),
        bytes: Box::new(|_| frame(true, 0, PING, b"abc").repeat(3)),
        lives: true,
        is_whole_message: true,
        piece: Some(1),
    });
    cases
}

/// Handshakes that are none.
fn handshakes(stack: &Stack, visitor: &Visitor, findings: &mut Findings) -> Result<()> {
    let right = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", KEY];
    let wrong: [(usize, &str); 14] = [
        (0, "X: y"),
        (0, "Connection: keep-alive"),
        (1, "X: y"),
        (1, "Upgrade: h2c"),
        (2, "X: y"),
        (2, "Sec-WebSocket-Version: 8"),
        (2, "Sec-WebSocket-Version: 0"),
        (2, "Sec-WebSocket-Version: 13, 8"),
        (2, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8"),
        (3, "X: y"),
        (3, "Sec-WebSocket-Key: "),
        (3, "Sec-WebSocket-Key: dGhlIHNhbXBsZQ=="),
        (3, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ=="),
        (3, "Sec-WebSocket-Key: \u{1}\u{1}hlIHNhbXBsZSBub25jZQ=="),
    ];
    for (at, line) in wrong {
        let mut lines = right;
        lines[at] = line;
        let status = shake(stack, visitor, "GET", "1.1", &lines)?.0;
        findings.number("autobahn_cases", 1);
        if status == 101 {
            findings.number("autobahn_failed", 1);
            findings.fault(format!("a handshake with {line:?} was accepted"));
        }
    }
    for (method, version) in [("POST", "1.1"), ("HEAD", "1.1"), ("GET", "1.0")] {
        let status = shake(stack, visitor, method, version, &right)?.0;
        findings.number("autobahn_cases", 1);
        if status == 101 {
            findings.number("autobahn_failed", 1);
            findings.fault(format!("a handshake by {method} HTTP/{version} was accepted"));
        }
    }
    Ok(())
}

fn open(stack: &Stack, visitor: &Visitor) -> Result<TlsStream> {
    let right = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", KEY];
    let (status, stream) = shake(stack, visitor, "GET", "1.1", &right)?;
    ensure!(status == 101, "the visitor was refused: {status}");
    Ok(stream)
}

fn shake(
    stack: &Stack,
    visitor: &Visitor,
    method: &str,
    version: &str,
    lines: &[&str],
) -> Result<(u16, TlsStream)> {
    let authority = visitor.answer.server.trim_start_matches("wss://").trim_end_matches("/visitor");
    let (name, port) = authority.split_once(':').context("an address without a port")?;
    let mut stream = stack.net().connect(name, port.parse()?)?;
    let head = format!(
        "{method} /visitor HTTP/{version}\r\nHost: {authority}\r\nOrigin: {}\r\nSec-WebSocket-Protocol: cobrowse.v1, resume.{}\r\n{}\r\n\r\n",
        stack.shop_url(),
        visitor.answer.resume,
        lines.join("\r\n"),
    );
    stream.write_all(head.as_bytes())?;
    let (answer, _) = read_answer(&mut stream)?;
    Ok((answer.status, stream))
}

/// Whether our ping was answered, and whether the connection ended. Waits for what is hoped for, and a little for the rest.
fn listen(stream: &mut TlsStream, hopes: bool) -> (bool, bool) {
    let pong = [&[0x80 | PONG, MARK.len() as u8][..], MARK].concat();
    let (mut bytes, mut buffer, began) = (Vec::new(), [0; 16 * 1024], Instant::now());
    while began.elapsed() < WAIT_MAX {
        match stream.read(&mut buffer) {
            Ok(0) => return (contains(&bytes, &pong), true),
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
            Err(error) if is_quiet(&error) => {}
            Err(_) => return (contains(&bytes, &pong), true),
        }
        if hopes && contains(&bytes, &pong) {
            return (true, false);
        }
    }
    (contains(&bytes, &pong), false)
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// A frame as a browser sends it.
fn frame(fin: bool, reserved: u8, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![u8::from(fin) << 7 | reserved << 4 | opcode];
    match payload.len() {
        len @ 0..126 => bytes.push(0x80 | len as u8),
        len @ 126..0x1_0000 => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

fn fragments(payload: &[u8], size: usize, pings: bool) -> Vec<u8> {
    let last = payload.chunks(size).count() - 1;
    let mut bytes = Vec::new();
    for (at, piece) in payload.chunks(size).enumerate() {
        bytes.extend(frame(at == last, 0, if at == 0 { BINARY } else { CONTINUATION }, piece));
        if pings {
            bytes.extend(frame(true, 0, PING, b"between"));
        }
    }
    bytes
}

/// A frame of ours that may stand first on a connection, with a payload of that length.
fn facts(epoch: u32, len: usize) -> Vec<u8> {
    let header = Header { kind: Kind::Facts, flags: Flags::NONE, source: 1, epoch, sequence: 0 };
    [&header.encode()[..], &vec![b' '; len]].concat()
}

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const MASK: [u8; 4] = [0x11, 0x22, 0x83, 0x44];
const MARK: &[u8] = b"is anybody there?";
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
const WAIT_MAX: Duration = Duration::from_secs(20);
