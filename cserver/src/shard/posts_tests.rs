//! Streams and posts in virtual time: the same frames under the same rules as a WebSocket, and what is refused.

use protocol::frame::{Flags, Kind};
use protocol::limits::{PING_INTERVAL_MS, POST_BODY_BYTES_MAX};
use protocol::resume::Resume;
use protocol::secret::Secret;
use protocol::{CloseCode, Privileges};

use super::testing::{HOST, ORIGIN, SHOP, World, frame, messages, resume};

const SESSION: &str = "demo:471113:000102030405060708090a0b0c0d0e0f";
const CHANNEL: &str = "00112233445566ff";
const OTHER: &str = "00112233445566fe";

/// A POST with a body of frames behind its line.
fn post(path: &str, origin: &str, cookie: &str, line: &str, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut body = format!("{line}\n").into_bytes();
    for frame in frames {
        let (prefix, used) = connection::frame_prefix(frame.len());
        body.extend_from_slice(&prefix[..used]);
        body.extend_from_slice(frame);
    }
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: {HOST}\r\nOrigin: {origin}\r\nContent-Type: text/plain\r\n\
         {cookie}Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(&body);
    request
}

/// Somebody whose WebSockets are blocked: a stream, and a connection for posts.
struct Blocked {
    stream: usize,
    posts: usize,
    path: String,
    origin: &'static str,
    cookie: String,
    credential: String,
    number: u32,
}

impl Blocked {
    /// A visitor, with a ticket or the resume secret.
    fn visitor(world: &mut World, core: usize, credential: &str) -> Self {
        let who = Self {
            stream: world.connect(core),
            posts: world.connect(core),
            path: "/visitor".into(),
            origin: SHOP,
            cookie: String::new(),
            credential: format!("resume.{}", resume(SESSION)),
            number: 0,
        };
        who.open(world, credential);
        who
    }

    /// An agent who has joined.
    fn agent(world: &mut World, core: usize, privileges: Privileges) -> Self {
        let (path, cookie) = world.join(core, SESSION, privileges);
        let credential = format!("csrf.{}", world.csrf(&path));
        let who = Self {
            stream: world.connect(core),
            posts: world.connect(core),
            path: path.replace("/view/", "/agent/"),
            origin: ORIGIN,
            cookie: format!("Cookie: {cookie}\r\n"),
            credential: credential.clone(),
            number: 0,
        };
        who.open(world, &credential);
        who
    }

    fn open(&self, world: &mut World, credential: &str) {
        let line = format!("{credential} {CHANNEL}");
        let path = format!("{}/stream", self.path);
        world.send(self.stream, &post(&path, self.origin, &self.cookie, &line, &[]));
        let inbox = &mut world.clients[self.stream].inbox;
        let head = inbox.windows(4).position(|four| four == b"\r\n\r\n").expect("no answer") + 4;
        let head = String::from_utf8(inbox.drain(..head).collect()).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 ") && !head.contains("Content-Length"), "{head}");
        assert_eq!(head.contains("Access-Control-Allow-Origin"), self.origin == SHOP, "{head}");
    }

    /// Sends frames in the next post; the answer's status.
    fn say(&mut self, world: &mut World, frames: &[Vec<u8>]) -> String {
        self.number += 1;
        self.say_as(world, self.number, frames)
    }

    fn say_as(&mut self, world: &mut World, number: u32, frames: &[Vec<u8>]) -> String {
        if world.clients[self.posts].shut {
            self.posts = world.connect(0);
        }
        let line = format!("{} {CHANNEL} {number}", self.credential);
        let path = format!("{}/frames", self.path);
        let answer =
            world.exchange(self.posts, &post(&path, self.origin, &self.cookie, &line, frames));
        answer[9..12].to_owned()
    }

    fn kinds(&self, world: &World) -> Vec<u8> {
        messages(&world.clients[self.stream].inbox).iter().map(|frame| frame[0]).collect()
    }

    fn closed_with(&self, world: &World, code: CloseCode) -> bool {
        let inbox = &world.clients[self.stream].inbox;
        inbox.ends_with(code.name().as_bytes()) && world.clients[self.stream].shut
    }
}

fn epoch(number: u32, page: &[u8]) -> [Vec<u8>; 2] {
    let both = Flags::FIRST.0 | Flags::LAST.0;
    [frame(Kind::Facts, 0, number, 0, b"{}"), frame(Kind::Keyframe, both, number, 1, page)]
}

/// Payloads of the visitor's reliable frames in what an agent got.
fn payloads(inbox: &[u8]) -> Vec<Vec<u8>> {
    let of_visitor = |frame: &Vec<u8>| matches!(frame[0], 0x01..=0x04);
    messages(inbox).into_iter().filter(of_visitor).map(|frame| frame[12..].to_vec()).collect()
}

#[test]
fn frames_travel_both_ways_by_streams_and_posts_whatever_cores_they_came_in_on() {
    for core in 0..2 {
        let mut world = World::new(2);
        let ticket = format!("ticket.{}", world.visitor_ticket(SESSION));
        let mut visitor = Blocked::visitor(&mut world, core, &ticket);
        assert_eq!(visitor.kinds(&world)[0], Kind::Welcome.byte());
        let page = vec![7; 50_000];
        assert_eq!(visitor.say(&mut world, &epoch(1, &page)), "200");
        let mut agent = Blocked::agent(&mut world, 1 - core, Privileges::VIEW | Privileges::POINT);
        let socket = world.agent(0, SESSION, Privileges::VIEW);
        assert_eq!(visitor.say(&mut world, &[frame(Kind::Diff, 0, 1, 2, b"diff")]), "200");
        let expected = [b"{}".to_vec(), page, b"diff".to_vec()];
        for client in [agent.stream, socket] {
            assert!(payloads(&world.clients[client].inbox) == expected);
        }
        assert_eq!(agent.say(&mut world, &[frame(Kind::Pointer, 0, 1, 2, b"{}")]), "200");
        let got = messages(&world.clients[visitor.stream].inbox);
        let pointer = got.iter().find(|frame| frame[0] == Kind::Pointer.byte()).unwrap();
        assert_eq!(pointer[2..4], [0, 1], "with the agent's number");
    }
}

#[test]
fn a_post_that_comes_again_is_taken_once_and_one_out_of_order_ends_the_stream() {
    let mut world = World::new(1);
    let socket = world.start(0, SESSION);
    let mut agent = Blocked::agent(&mut world, 0, Privileges::VIEW | Privileges::POINT);
    world.clients[socket].inbox.clear();
    let pointer = [frame(Kind::Pointer, 0, 0, 0, b"{}")];
    let pointers = |world: &World| {
        let got = messages(&world.clients[socket].inbox);
        got.iter().filter(|frame| frame[0] == Kind::Pointer.byte()).count()
    };
    assert_eq!(agent.say(&mut world, &pointer), "200");
    for _ in 0..3 {
        assert_eq!(agent.say_as(&mut world, 1, &pointer), "200");
    }
    assert_eq!(pointers(&world), 1, "sent again, not taken again");
    assert_eq!(agent.say_as(&mut world, 0, &pointer), "200");
    assert_eq!(agent.say(&mut world, &pointer), "200");
    assert_eq!(pointers(&world), 3, "number 0 stands outside the order");
    assert_eq!(agent.say_as(&mut world, 4, &pointer), "400");
    assert!(agent.closed_with(&world, CloseCode::OutOfOrder));
    assert_eq!(agent.say_as(&mut world, 3, &pointer), "404", "what has ended takes nothing");
    assert_eq!(pointers(&world), 3);
    Blocked::agent(&mut world, 0, Privileges::VIEW);
}

#[test]
fn what_is_not_authenticated_opens_no_stream_and_reaches_none() {
    let mut world = World::new(2);
    let ticket = format!("ticket.{}", world.visitor_ticket(SESSION));
    let mut visitor = Blocked::visitor(&mut world, 0, &ticket);
    let agent = Blocked::agent(&mut world, 0, Privileges::VIEW);
    let good = visitor.credential.clone();
    let wrong = Resume { session: SESSION.parse().unwrap(), secret: Secret::new([6; 32]) };
    let wrong = format!("resume.{}", wrong.to_text());
    let unknown = SESSION.replace("0f", "10");
    let unknown = format!("resume.{}", resume(&unknown));
    let agents = format!("ticket.{}", world.agent_ticket(SESSION, Privileges::VIEW));
    let (path, cookie, csrf) = (&*agent.path, &*agent.cookie, &*agent.credential);
    let altered = cookie.replace("\r\n", "A\r\n");
    let frames = epoch(1, b"page");
    let nothing: &[Vec<u8>] = &[];
    for (what, status, (at, origin, cookie, line), frames) in [
        ("used ticket", "401", ("/visitor/stream", SHOP, "", &*ticket), nothing),
        ("agent's ticket", "401", ("/visitor/stream", SHOP, "", &*agents), nothing),
        ("foreign origin", "403", ("/visitor/stream", "https://evil.example", "", &*good), nothing),
        ("wrong secret", "401", ("/visitor/stream", SHOP, "", &*wrong), nothing),
        ("no such session", "404", ("/visitor/stream", SHOP, "", &*unknown), nothing),
        ("csrf of an agent", "401", ("/visitor/stream", SHOP, "", csrf), nothing),
        ("foreign post", "403", ("/visitor/frames", "https://evil.example", "", &*good), &frames),
        ("wrong post", "401", ("/visitor/frames", SHOP, "", &*wrong), &frames),
        ("ticket in a post", "401", ("/visitor/frames", SHOP, "", &*ticket), &frames),
        ("csrf in a post", "401", ("/visitor/frames", SHOP, "", csrf), &frames),
        ("no cookie", "401", ("stream", ORIGIN, "", csrf), nothing),
        ("altered cookie", "401", ("stream", ORIGIN, &*altered, csrf), nothing),
        ("foreign page", "403", ("stream", "https://evil.example", cookie, csrf), nothing),
        ("wrong csrf", "401", ("stream", ORIGIN, cookie, "csrf.AAAA"), nothing),
        ("resume for csrf", "401", ("stream", ORIGIN, cookie, &*good), nothing),
        ("no cookie in a post", "401", ("frames", ORIGIN, "", csrf), nothing),
        ("foreign page's post", "403", ("frames", "https://evil.example", cookie, csrf), nothing),
        ("wrong csrf in a post", "401", ("frames", ORIGIN, cookie, "csrf.AAAA"), nothing),
    ] {
        let number = if at.ends_with("frames") { " 1" } else { "" };
        let line = format!("{line} {CHANNEL}{number}");
        let at = if at.starts_with('/') { at.to_owned() } else { format!("{path}/{at}") };
        let client = world.connect(1);
        let answer = world.exchange(client, &post(&at, origin, cookie, &line, frames));
        assert_eq!(&answer[9..12], status, "{what}: {answer}");
    }
    // The right credential, and not the channel of the live connection; or not what the path is for.
    for (status, at, line) in [
        ("404", "/visitor/frames", format!("{good} {OTHER} 1")),
        ("400", "/visitor/frames", format!("{good} {CHANNEL}")),
        ("400", "/visitor/stream", format!("{good} {CHANNEL} 1")),
        ("400", "/visitor/stream", good.clone()),
    ] {
        let answer = world.exchange(visitor.posts, &post(at, SHOP, "", &line, &[]));
        assert_eq!(&answer[9..12], status, "{line}");
    }
    // A WebSocket takes no posts.
    let socket = world.agent(0, SESSION, Privileges::VIEW);
    assert_eq!(visitor.say(&mut world, &frames), "200");
    assert_eq!(payloads(&world.clients[socket].inbox).len(), 2, "nothing of it has harmed anybody");
}

#[test]
fn posts_have_the_limits_of_frames() {
    let mut world = World::new(1);
    let ticket = format!("ticket.{}", world.visitor_ticket(SESSION));
    let mut visitor = Blocked::visitor(&mut world, 0, &ticket);
    let head = format!(
        "POST /visitor/frames HTTP/1.1\r\nHost: {HOST}\r\nOrigin: {SHOP}\r\nContent-Length: {}\r\n\r\n",
        POST_BODY_BYTES_MAX + 1
    );
    let client = world.connect(0);
    assert!(world.exchange(client, head.as_bytes()).starts_with("HTTP/1.1 413 "));
    assert!(world.clients[client].shut, "where the next request begins is unknown");
    let longest = vec![7; protocol::limits::FRAME_PAYLOAD_BYTES_MAX];
    assert_eq!(visitor.say(&mut world, &epoch(1, &longest)), "200");
    // What breaks a rule of the frames closes the stream and says why, as on a WebSocket.
    assert_eq!(visitor.say(&mut world, &[frame(Kind::Pointer, 0, 1, 2, b"{}")]), "200");
    assert!(visitor.closed_with(&world, CloseCode::UnknownKind));
}

#[test]
fn a_stream_is_pinged_kept_by_any_post_and_ended_by_silence() {
    let mut world = World::new(1);
    let ticket = format!("ticket.{}", world.visitor_ticket(SESSION));
    let mut visitor = Blocked::visitor(&mut world, 0, &ticket);
    let agent = world.agent(0, SESSION, Privileges::VIEW);
    for _ in 0..3 {
        world.pass(PING_INTERVAL_MS + 1);
        assert!(world.clients[visitor.stream].inbox.ends_with(&[0x89, 0]), "no ping");
        assert_eq!(visitor.say_as(&mut world, 0, &[]), "200");
        world.clients[visitor.stream].inbox.clear();
        // The agent, who has a WebSocket, answers pings in its own way.
        let pong = [0x8a, 0x80, 0, 0, 0, 0];
        world.send(agent, &pong);
    }
    world.pass(PING_INTERVAL_MS - 1);
    world.send(agent, &[0x8a, 0x80, 0, 0, 0, 0]);
    world.pass(PING_INTERVAL_MS + 2);
    assert!(visitor.closed_with(&world, CloseCode::TooSlow), "half open, and nobody noticed");
    let got = messages(&world.clients[agent].inbox);
    let last = got.iter().rfind(|frame| frame[0] == Kind::VisitorState.byte()).unwrap();
    assert!(String::from_utf8_lossy(last).contains("offline"), "the agent is told");
}

#[test]
fn a_newer_stream_takes_over_and_begins_a_new_epoch() {
    let mut world = World::new(2);
    let ticket = format!("ticket.{}", world.visitor_ticket(SESSION));
    let mut old = Blocked::visitor(&mut world, 0, &ticket);
    assert_eq!(old.say(&mut world, &epoch(1, b"page")), "200");
    let credential = old.credential.clone();
    let mut new = Blocked::visitor(&mut world, 1, &credential);
    assert!(old.closed_with(&world, CloseCode::Superseded));
    let welcome = messages(&world.clients[new.stream].inbox).remove(0);
    assert!(String::from_utf8_lossy(&welcome).contains("\"last_epoch\":1"));
    assert_eq!(new.say(&mut world, &epoch(2, b"again")), "200");
    assert_eq!(new.say_as(&mut world, 0, &[frame(Kind::Bye, 0, 2, 1, b"")]), "200");
    assert!(new.closed_with(&world, CloseCode::SessionEndedVisitor));
}

#[test]
fn bytes_behind_the_request_of_a_stream_are_no_request() {
    let mut world = World::new(1);
    let ticket = format!("ticket.{}", world.visitor_ticket(SESSION));
    let visitor = Blocked::visitor(&mut world, 0, &ticket);
    world.clients[visitor.stream].inbox.clear();
    let answer = world.exchange(
        visitor.stream,
        format!("GET /healthz HTTP/1.1\r\nHost: {HOST}\r\n\r\n").as_bytes(),
    );
    assert!(!answer.contains("HTTP/1.1"), "{answer}");
    assert!(world.clients[visitor.stream].shut);
}

#[test]
fn what_guests_hold_together_is_bounded_and_whole_requests_need_none_of_it() {
    let mut world = World::new(1);
    let ticket = format!("ticket.{}", world.visitor_ticket(SESSION));
    let mut visitor = Blocked::visitor(&mut world, 0, &ticket);
    assert_eq!(visitor.say(&mut world, &epoch(1, b"page")), "200");
    let agent = world.agent(0, SESSION, Privileges::VIEW);
    world.shards[0].guests_bytes_max = 8 * 40_000;
    let half = format!(
        "POST /visitor/frames HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 60000\r\n\r\n{}",
        "x".repeat(39_000)
    );
    let halves: Vec<usize> = (0..40).map(|_| world.connect(0)).collect();
    for client in &halves {
        world.send(*client, half.as_bytes());
    }
    let ended = halves.iter().filter(|client| world.clients[**client].shut).count();
    assert!((30..36).contains(&ended), "{ended} of {} were let go", halves.len());
    assert!(world.shards[0].guests_bytes <= world.shards[0].guests_bytes_max);
    // Others notice nothing: frames, an agent who joins, a health question.
    assert_eq!(visitor.say(&mut world, &[frame(Kind::Diff, 0, 1, 2, b"diff")]), "200");
    assert_eq!(payloads(&world.clients[agent].inbox).last().unwrap(), b"diff");
    world.agent(0, SESSION, Privileges::VIEW);
    for client in halves {
        world.cut(client);
    }
    world.pass(crate::limits::OPENING_MS_MAX + crate::limits::LINGER_MS);
    assert_eq!(world.shards[0].guests_bytes, 0);
}
