//! The vectors that Rust and TypeScript share, and the tables of PROTOCOL.md, against this crate.
//!
//! `REGENERATE_VECTORS=1 cargo test -p cobrowse-protocol --test vectors` writes the files anew; the change then shows in review.

use std::path::{Path, PathBuf};

use cobrowse_protocol::frame::Sender;
use cobrowse_protocol::keys::ServerKey;
use cobrowse_protocol::posts::Post;
use cobrowse_protocol::resume::Resume;
use cobrowse_protocol::secret::Secret;
use cobrowse_protocol::subprotocol::Credential;
use cobrowse_protocol::ticket::SealedTicket;
use cobrowse_protocol::*;
use serde_json::{Value, json};

#[test]
fn kinds_are_the_same_everywhere() {
    let kinds = Kind::ALL.map(|kind| {
        json!({
            "byte": kind.byte(),
            "name": kind.name(),
            "from": match kind.sender() {
                Sender::Visitor => "visitor",
                Sender::Agent => "agent",
                Sender::Server => "server",
            },
            "reliable": kind.is_reliable(),
            "flags_allowed": kind.flags_allowed().0,
            "needs": kind.needs().map(|set| set.names().collect::<Vec<_>>()),
            "payload_bytes_max": kind.payload_bytes_max(),
        })
    });
    same_as_file("kinds.json", json!(kinds));
    for kind in Kind::ALL {
        in_protocol_md(&format!("| 0x{:02X} | `{}` |", kind.byte(), kind.name()));
    }
}

#[test]
fn flags_are_the_same_everywhere() {
    same_as_file("flags.json", pairs(Flags::ALL.map(|(name, flag)| (name, json!(flag.0)))));
    for (name, flag) in Flags::ALL {
        in_protocol_md(&format!("| `{name}` | 0x{:02x} |", flag.0));
    }
}

#[test]
fn privileges_are_the_same_everywhere() {
    same_as_file(
        "privileges.json",
        pairs(Privileges::ALL.map(|(name, one)| (name, json!(one.bits())))),
    );
    for (name, one) in Privileges::ALL {
        in_protocol_md(&format!("| {} | `{name}` |", one.bits().trailing_zeros()));
    }
}

#[test]
fn close_codes_are_the_same_everywhere() {
    let codes = CloseCode::ALL.map(|code| {
        json!({
            "code": code.code(),
            "name": code.name(),
            "fault": code.fault().name(),
            "status": code.status(),
        })
    });
    same_as_file("close_codes.json", json!(codes));
    for code in CloseCode::ALL {
        let (number, name) = (code.code(), code.name());
        let (fault, status) = (code.fault().name(), code.status());
        in_protocol_md(&format!("| {number} | `{name}` | {fault} | {status} |"));
    }
}

#[test]
fn limits_are_the_same_everywhere() {
    use cobrowse_protocol::limits::*;
    let limits = [
        ("FRAME_HEADER_BYTES", FRAME_HEADER_BYTES as u64),
        ("FRAME_PAYLOAD_BYTES_MAX", FRAME_PAYLOAD_BYTES_MAX as u64),
        ("AGENT_PAYLOAD_BYTES_MAX", AGENT_PAYLOAD_BYTES_MAX as u64),
        ("PRESENCE_BYTES_MAX", PRESENCE_BYTES_MAX as u64),
        ("KEYFRAME_BYTES_MAX", KEYFRAME_BYTES_MAX as u64),
        ("EPOCH_INFLATED_BYTES_MAX", EPOCH_INFLATED_BYTES_MAX as u64),
        ("LOG_DIFF_BYTES_SOFT", LOG_DIFF_BYTES_SOFT as u64),
        ("LOG_BYTES_MAX", LOG_BYTES_MAX as u64),
        ("AGENT_LAG_BYTES_MAX", AGENT_LAG_BYTES_MAX as u64),
        ("KEYFRAME_REQUEST_INTERVAL_MS", KEYFRAME_REQUEST_INTERVAL_MS),
        ("AGENT_STALL_MS", AGENT_STALL_MS),
        ("AGENT_FRAMES_PER_S_MAX", AGENT_FRAMES_PER_S_MAX.into()),
        ("VISITOR_QUEUE_BYTES_MAX", VISITOR_QUEUE_BYTES_MAX as u64),
        ("AGENTS_PER_SESSION_MAX", AGENTS_PER_SESSION_MAX as u64),
        ("SESSIONS_PER_CORE_MAX", SESSIONS_PER_CORE_MAX as u64),
        ("TICKET_LIFE_MS", TICKET_LIFE_MS),
        ("CLOCK_SKEW_MS", CLOCK_SKEW_MS),
        ("CONTROL_RECORD_BYTES_MAX", CONTROL_RECORD_BYTES_MAX as u64),
        ("VISITOR_SETTINGS_BYTES_MAX", VISITOR_SETTINGS_BYTES_MAX as u64),
        ("HTTP_HEAD_BYTES_MAX", HTTP_HEAD_BYTES_MAX as u64),
        ("POST_BODY_BYTES_MAX", POST_BODY_BYTES_MAX as u64),
        ("PING_INTERVAL_MS", PING_INTERVAL_MS),
    ];
    same_as_file("limits.json", pairs(limits.map(|(name, value)| (name, json!(value)))));
    for (name, value) in limits {
        in_protocol_md(&format!("| `{name}` | {} |", with_commas(value)));
    }
    let graces = [GRACE_MS_MIN, GRACE_MS_DEFAULT, GRACE_MS_MAX].map(with_commas).join(", ");
    in_protocol_md(&format!("| `GRACE_MS_MIN`, `GRACE_MS_DEFAULT`, `GRACE_MS_MAX` | {graces} |"));
}

#[test]
fn posts_are_the_same_everywhere() {
    let path = root().join("protocol/vectors/posts.json");
    let vectors: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    for row in vectors["good"].as_array().unwrap() {
        let body = bytes(row, "line", "hex");
        let post = Post::parse(&body).unwrap();
        assert_eq!(
            post.credential,
            Credential::Resume(text(row, "credential").strip_prefix("resume.").unwrap())
        );
        assert_eq!(post.channel.to_hex(), text(row, "channel"));
        assert_eq!(post.number.map(u64::from), row["number"].as_u64());
        let sizes: Vec<usize> = post.frames.iter().map(|frame| frame.len()).collect();
        assert_eq!(json!(sizes), row["frame_bytes"]);
        assert!(post.frames.concat().iter().all(|byte| *byte == 7), "{row}");
    }
    for row in vectors["bad"].as_array().unwrap() {
        let error = Post::parse(&bytes(row, "line", "hex")).unwrap_err();
        assert_eq!(error.name(), text(row, "error"), "{row}");
    }
}

/// A post of the vectors: its line, its bytes, and so many sevens.
fn bytes(row: &Value, line: &str, hex: &str) -> Vec<u8> {
    let mut body = row[line].as_str().unwrap().as_bytes().to_vec();
    for part in row[hex].as_array().unwrap() {
        match part {
            Value::String(hex) => {
                let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
                body.extend(pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()));
            }
            sevens => body.extend(std::iter::repeat_n(7, sevens.as_u64().unwrap() as usize)),
        }
    }
    body
}

#[test]
fn commands_are_of_agents_kinds_and_fit_into_their_frames() {
    let path = root().join("protocol/vectors/commands.json");
    let rows: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let named: Vec<_> = rows.iter().map(|row| row["kind"].as_str().unwrap()).collect();
    let kinds = Kind::ALL
        .into_iter()
        .filter(|kind| kind.sender() == Sender::Agent && kind.payload_bytes_max() > 0);
    assert_eq!(named, kinds.clone().map(Kind::name).collect::<Vec<_>>());
    for (row, kind) in rows.iter().zip(kinds) {
        in_protocol_md(&format!("| `{}` | `{{", kind.name()));
        for good in row["good"].as_array().unwrap() {
            assert!(good.as_str().unwrap().len() <= kind.payload_bytes_max(), "{good}");
        }
    }
}

#[test]
fn frames_are_the_same_everywhere() {
    let good = [
        (Kind::Facts, Flags::PURGE | Flags::INSECURE, 1, 1, 0, "{}"),
        (Kind::Keyframe, Flags::FIRST | Flags::LAST, 1, 1, 1, "[1]"),
        (Kind::Keyframe, Flags::FIRST | Flags::DEFLATE, 65535, 4294967295, 1, "\u{1}"),
        (Kind::Diff, Flags::DEFLATE, 2, 7, 4294967295, "[]"),
        (Kind::Ephemeral, Flags(15), 0, 1, 9, "x"),
        (Kind::Bye, Flags::NONE, 1, 3, 4, ""),
        (Kind::Pointer, Flags::NONE, 0, 3, 4, "{\"x\":1,\"y\":2}"),
        (Kind::Resync, Flags::NONE, 0, 3, 4, ""),
        (Kind::Skipped, Flags::NONE, 0, 3, 4, ""),
    ];
    let good = good.map(|(kind, flags, source, epoch, sequence, payload)| {
        let header = Header { kind, flags, source, epoch, sequence };
        let frame = [&header.encode()[..], payload.as_bytes()].concat();
        assert_eq!(Header::decode(&frame), Ok(header));
        json!({
            "hex": hex(&frame), "kind": kind.name(), "flags": flags.0, "source": source,
            "epoch": epoch, "sequence": sequence, "payload": payload,
        })
    });
    let long = [[0x83, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0].to_vec(), vec![0; 4097]].concat();
    let bad = [
        (vec![], 0),
        (vec![2; 11], 0),
        (vec![0; 12], 0),
        (vec![0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0),
        (vec![2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0),
        (vec![3, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0),
        (vec![5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 0),
        (long[..12].to_vec(), 4097),
    ];
    let bad = bad.map(|(head, zeros)| {
        let frame = [head.clone(), vec![0; zeros]].concat();
        let error = Header::decode(&frame).unwrap_err();
        json!({ "hex": hex(&head), "zeros_appended": zeros, "error": error.name() })
    });
    same_as_file("frames.json", json!({ "good": good, "bad": bad }));
}

#[test]
fn session_ids_are_the_same_everywhere() {
    let number = "000102030405060708090a0b0c0d0e0f";
    let good = [format!("demo:471113:{number}"), format!("a.b-c_d~e:{}:{number}", "k".repeat(63))];
    let bad = [
        String::new(),
        format!("demo:471113:{}", &number[1..]),
        format!("demo:471113:{}", number.to_uppercase()),
        format!("demo::{number}"),
        format!("de mo:1:{number}"),
        format!("demo:{}:{number}", "k".repeat(64)),
        format!("demo:1:{number}:1"),
    ];
    let good = good.map(|text| {
        let id: SessionId = text.parse().unwrap();
        assert_eq!(id.to_text(), text);
        json!({
            "text": text, "group": id.group.as_str(), "key": id.key.as_str(), "log": format!("{id:?}"),
        })
    });
    assert!(bad.iter().all(|text| text.parse::<SessionId>().is_err()));
    same_as_file("session_ids.json", json!({ "good": good, "bad": bad }));
}

#[test]
fn tickets_are_the_same_everywhere() {
    let server: ServerId = "s1".parse().unwrap();
    let boot = [0x0b; 16];
    let server_key = [0x5a; 32];
    let key = ServerKey::new(Secret::new(server_key)).derive(&server, &boot);
    let session: SessionId = "demo:471113:000102030405060708090a0b0c0d0e0f".parse().unwrap();
    let secret = Secret::new([0x77; 32]);
    let subjects = [
        Subject::Agent {
            agent: AgentId::from_bytes([2; 16]),
            name: "Ada Lövelace".into(),
            privileges: Privileges::VIEW | Privileges::POINT | Privileges::END,
        },
        Subject::Visitor { resume: secret.hash() },
        Subject::Presence,
    ];
    let tickets = subjects.map(|subject| {
        let ticket = Ticket {
            subject,
            home: 1,
            key_id: KeyId::from_bytes([3; 8]),
            audience: server,
            session,
            issued_ms: 1_800_000_000_000,
            expires_ms: 1_800_000_030_000,
            nonce: [4; 16],
        };
        let text = ticket.sign(&key);
        let sealed = SealedTicket::from_text(&text).unwrap();
        assert_eq!(sealed.key_id(), ticket.key_id);
        assert_eq!(sealed.open(&key, &server, 1_800_000_010_000), Ok(ticket));
        text
    });
    let resume = Resume { session, secret: secret.clone() };
    same_as_file(
        "tickets.json",
        json!({
            "server": server.as_str(),
            "boot_hex": hex(&boot),
            "server_key_hex": hex(&server_key),
            "derived_key_hex": hex(key.secret().expose()),
            "session": session.to_text(),
            "agent_ticket": tickets[0],
            "visitor_ticket": tickets[1],
            "presence_ticket": tickets[2],
            "resume_secret_hex": hex(secret.expose()),
            "resume_hash_hex": hex(secret.hash().as_bytes()),
            "resume": resume.to_text(),
        }),
    );
}

fn same_as_file(name: &str, now: Value) {
    let path = root().join("protocol/vectors").join(name);
    if std::env::var_os("REGENERATE_VECTORS").is_some() {
        let text = serde_json::to_string_pretty(&now).unwrap() + "\n";
        std::fs::write(&path, text).unwrap();
    }
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; see the head of this file", path.display()));
    let file: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(file, now, "{name} and this crate differ: the wire is a contract");
}

fn in_protocol_md(row: &str) {
    let path = root().join("docs/PROTOCOL.md");
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(row), "docs/PROTOCOL.md has no row that begins {row}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn pairs<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    Value::Object(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
