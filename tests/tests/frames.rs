//! Frames that break the rules: each closes its sender with the right code, and nobody else notices.

use std::sync::Arc;

use anyhow::Result;
use cobrowse_tests::{Agent, Bystander, Socket, Stack, Visitor};
use protocol::frame::Sender;
use protocol::limits::{
    AGENT_FRAMES_PER_S_MAX, AGENT_PAYLOAD_BYTES_MAX, FRAME_PAYLOAD_BYTES_MAX, KEYFRAME_BYTES_MAX,
};
use protocol::{CloseCode, Flags, Header, Kind};

#[test]
fn a_visitors_broken_frame_closes_its_connection_and_the_session_goes_on() -> Result<()> {
    let stack = stack();
    let mut bystander = Bystander::start(&stack)?;
    let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let mut agent = Agent::join(&stack, "ada", visitor.key())?;
    agent.expect_copy_of(&visitor)?;
    for (what, break_it, code) in VISITOR_FAULTS {
        break_it(&mut visitor)?;
        visitor.socket.expect_close(*code).map_err(|error| error.context(*what))?;
        bystander.still_relays()?;
        visitor.resume()?;
        visitor.keyframe(what.as_bytes())?;
        agent.expect_copy_of(&visitor).map_err(|error| error.context(*what))?;
    }
    Ok(())
}

type VisitorFault = (&'static str, fn(&mut Visitor) -> Result<()>, CloseCode);

const VISITOR_FAULTS: &[VisitorFault] = &[
    ("a frame shorter than its header", |v| v.socket.send(vec![2; 5]), CloseCode::BadFrame),
    ("an empty frame", |v| v.socket.send(Vec::new()), CloseCode::BadFrame),
    ("a text message", |v| v.socket.send_text("hello"), CloseCode::BadFrame),
    ("a kind that nobody knows", |v| raw(v, 0x7f, 0, 0), CloseCode::UnknownKind),
    ("an agent's kind", |v| raw(v, Kind::Click.byte(), 0, 0), CloseCode::UnknownKind),
    ("the server's kind", |v| raw(v, Kind::Welcome.byte(), 0, 0), CloseCode::UnknownKind),
    (
        "a flag that a diff does not have",
        |v| raw(v, Kind::Diff.byte(), 0x40, 0),
        CloseCode::BadFrame,
    ),
    ("a sequence with a gap", |v| skip_to(v, 5), CloseCode::OutOfOrder),
    ("a sequence that was already", |v| skip_back(v), CloseCode::OutOfOrder),
    ("an epoch that does not rise", |v| old_epoch(v), CloseCode::OutOfOrder),
    ("a diff before the keyframe is complete", |v| early_diff(v), CloseCode::OutOfOrder),
    ("a payload over its limit", |v| too_long(v, FRAME_PAYLOAD_BYTES_MAX + 1), CloseCode::TooLong),
    ("a message of a megabyte", |v| too_long(v, 1 << 20), CloseCode::TooLong),
    ("a keyframe over its limit", |v| endless_keyframe(v), CloseCode::TooLong),
];

type AgentFault<'a> = (&'static str, &'a dyn Fn(&mut Socket) -> Result<()>, CloseCode);

#[test]
fn an_agents_broken_frame_closes_only_its_connection() -> Result<()> {
    let stack = stack();
    let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let mut other = Agent::join(&stack, "ada", visitor.key())?;
    let long = vec![b' '; AGENT_PAYLOAD_BYTES_MAX + 1];
    let faults: [AgentFault<'_>; 5] = [
        ("short", &|socket| socket.send(vec![0x81; 3]), CloseCode::BadFrame),
        ("text", &|socket| socket.send_text("{}"), CloseCode::BadFrame),
        ("unknown", &|socket| bare(socket, 0x9f, b""), CloseCode::UnknownKind),
        ("a visitor's kind", &|socket| bare(socket, Kind::Bye.byte(), b""), CloseCode::UnknownKind),
        ("too long", &|socket| bare(socket, Kind::Pointer.byte(), &long), CloseCode::TooLong),
    ];
    for (what, break_it, code) in faults {
        let mut agent = Agent::join(&stack, "bob", visitor.key())?;
        agent.expect_copy_of(&visitor)?;
        break_it(&mut agent.socket)?;
        agent.socket.expect_close(code).map_err(|error| error.context(what))?;
        visitor.diff(what.as_bytes())?;
        other.expect_copy_of(&visitor).map_err(|error| error.context(what))?;
    }
    Ok(())
}

#[test]
fn an_agent_without_the_privilege_is_refused_and_the_visitor_hears_nothing() -> Result<()> {
    let stack = stack();
    let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
    // Bob may view and point.
    let forbidden = Kind::ALL.iter().filter(|kind| {
        kind.sender() == Sender::Agent && !matches!(kind, Kind::Pointer | Kind::Resync)
    });
    for kind in forbidden {
        let mut bob = Agent::join(&stack, "bob", visitor.key())?;
        bob.expect_copy_of(&visitor)?;
        bob.say(*kind, b"")?;
        bob.socket
            .expect_close(CloseCode::NotAllowed)
            .map_err(|error| error.context(kind.name()))?;
    }
    while let Some(heard) = visitor.socket.hear(cobrowse_tests::limits::SILENCE)? {
        let cobrowse_tests::Heard::Frame(frame) = heard else { panic!("the visitor was cut off") };
        let kind = Header::decode(&frame).map(|header| header.kind);
        assert!(
            matches!(kind, Ok(Kind::Participants | Kind::KeyframeRequest)),
            "the visitor got {kind:?}"
        );
    }
    Ok(())
}

#[test]
fn an_agent_who_floods_is_cut_off_and_the_session_goes_on() -> Result<()> {
    let stack = stack();
    let mut bystander = Bystander::start(&stack)?;
    let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let mut other = Agent::join(&stack, "ada", visitor.key())?;
    let mut bob = Agent::join(&stack, "bob", visitor.key())?;
    bob.expect_copy_of(&visitor)?;
    for _ in 0..AGENT_FRAMES_PER_S_MAX * 8 {
        // The server may close while we still send.
        if bob.say(Kind::Pointer, b"{}").is_err() {
            break;
        }
    }
    bob.socket.expect_close(CloseCode::Flooding)?;
    bystander.still_relays()?;
    visitor.diff(b"quiet again")?;
    other.expect_copy_of(&visitor)
}

#[test]
fn resync_makes_the_visitor_begin_a_new_epoch() -> Result<()> {
    let stack = stack();
    let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let mut agent = Agent::join(&stack, "bob", visitor.key())?;
    agent.expect_copy_of(&visitor)?;
    agent.say(Kind::Resync, b"")?;
    visitor.socket.frame_of(Kind::KeyframeRequest)?;
    visitor.keyframe(b"page again")?;
    agent.expect_copy_of(&visitor)
}

#[test]
fn broken_websocket_framing_is_answered_with_a_close() -> Result<()> {
    let stack = stack();
    let mut bystander = Bystander::start(&stack)?;
    let broken: [(&str, &[u8]); 4] = [
        ("an unmasked frame", &[0x82, 0x01, 0x00]),
        ("reserved bits", &[0xf2, 0x80, 0, 0, 0, 0]),
        ("an unknown opcode", &[0x83, 0x80, 0, 0, 0, 0]),
        ("a length of 2^62", &[0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]),
    ];
    for (what, bytes) in broken {
        let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
        visitor.socket.send_raw(bytes)?;
        let end = std::time::Instant::now() + cobrowse_tests::limits::WAIT_MAX;
        let closed = loop {
            match visitor.socket.hear(cobrowse_tests::limits::WAIT_MAX)? {
                Some(cobrowse_tests::Heard::Closed(code)) => break code,
                _ => assert!(std::time::Instant::now() < end, "{what}: not closed"),
            }
        };
        let code = closed.and_then(CloseCode::from_code);
        assert!(
            matches!(code, Some(CloseCode::BadFrame | CloseCode::TooLong)),
            "{what}: closed with {closed:?}"
        );
        bystander.still_relays()?;
        visitor.bye().ok();
    }
    Ok(())
}

fn stack() -> Arc<Stack> {
    Stack::shared(Stack::plan().servers(1).cores(2))
}

fn raw(visitor: &mut Visitor, kind: u8, flags: u8, sequence: u32) -> Result<()> {
    let mut bytes = visitor.header(Kind::Diff, Flags::NONE, sequence).encode();
    (bytes[0], bytes[1]) = (kind, flags);
    visitor.socket.send(bytes.to_vec())
}

fn bare(socket: &mut Socket, kind: u8, payload: &[u8]) -> Result<()> {
    let header =
        Header { kind: Kind::Pointer, flags: Flags::NONE, source: 0, epoch: 1, sequence: 0 };
    let mut bytes = header.encode();
    bytes[0] = kind;
    socket.send([&bytes[..], payload].concat())
}

fn skip_to(visitor: &mut Visitor, ahead: u32) -> Result<()> {
    let header = visitor.header(Kind::Diff, Flags::NONE, visitor.next_sequence() + ahead);
    visitor.socket.send_parts(header, b"x")
}

fn skip_back(visitor: &mut Visitor) -> Result<()> {
    let header = visitor.header(Kind::Diff, Flags::NONE, visitor.next_sequence() - 1);
    visitor.socket.send_parts(header, b"x")
}

fn old_epoch(visitor: &mut Visitor) -> Result<()> {
    let header = Header { sequence: 0, ..visitor.header(Kind::Facts, Flags::NONE, 0) };
    visitor.socket.send_parts(header, b"{}")
}

fn early_diff(visitor: &mut Visitor) -> Result<()> {
    let epoch = visitor.epoch() + 1;
    let facts = Header { epoch, ..visitor.header(Kind::Facts, Flags::NONE, 0) };
    visitor.socket.send_parts(facts, b"{}")?;
    let first = Header { epoch, ..visitor.header(Kind::Keyframe, Flags::FIRST, 1) };
    visitor.socket.send_parts(first, b"part")?;
    let diff = Header { epoch, ..visitor.header(Kind::Diff, Flags::NONE, 2) };
    visitor.socket.send_parts(diff, b"x")
}

fn too_long(visitor: &mut Visitor, bytes: usize) -> Result<()> {
    let header = visitor.header(Kind::Diff, Flags::NONE, visitor.next_sequence());
    // The server may close before all of it is sent.
    let _ = visitor.socket.send_parts(header, &vec![b'x'; bytes]);
    Ok(())
}

fn endless_keyframe(visitor: &mut Visitor) -> Result<()> {
    let epoch = visitor.epoch() + 1;
    let facts = Header { epoch, ..visitor.header(Kind::Facts, Flags::NONE, 0) };
    visitor.socket.send_parts(facts, b"{}")?;
    let chunk = vec![b'x'; FRAME_PAYLOAD_BYTES_MAX];
    for at in 0..=KEYFRAME_BYTES_MAX / FRAME_PAYLOAD_BYTES_MAX {
        let flags = if at == 0 { Flags::FIRST } else { Flags::NONE };
        let header =
            Header { epoch, ..visitor.header(Kind::Keyframe, flags, u32::try_from(at)? + 1) };
        if visitor.socket.send_parts(header, &chunk).is_err() {
            break;
        }
    }
    Ok(())
}
