//! The whole server in virtual time: paths, refusals, hand-over, slow readers, silence and drain.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use connection::Connection;
use protocol::control::Down;
use protocol::frame::{Flags, Kind};
use protocol::limits::{FRAME_PAYLOAD_BYTES_MAX, PING_INTERVAL_MS};
use protocol::secret::Secret;
use protocol::{Privileges, Subject};

use super::testing::{
    CONTROL_REQUEST, HOST, SHOP, World, get, header, message, messages, resume, secret, text,
    upgrade,
};
use crate::limits::{LINGER_MS, OPENING_MS_MAX, REPORTS_GATHER_MS, SEAL_BYTES_MAX};

const SESSION: &str = "demo:471113:000102030405060708090a0b0c0d0e0f";

/// An epoch's facts and a keyframe of one chunk.
fn epoch(number: u32, keyframe: &[u8]) -> Vec<u8> {
    let both = Flags::FIRST.0 | Flags::LAST.0;
    [message(Kind::Facts, 0, number, 0, b"{}"), message(Kind::Keyframe, both, number, 1, keyframe)]
        .concat()
}

/// Payloads of the visitor's reliable frames in what an agent got.
fn payloads(inbox: &[u8]) -> Vec<Vec<u8>> {
    let of_visitor = |frame: &Vec<u8>| matches!(frame[0], 0x01..=0x04);
    messages(inbox).into_iter().filter(of_visitor).map(|frame| frame[12..].to_vec()).collect()
}

fn kinds(inbox: &[u8]) -> Vec<u8> {
    messages(inbox).iter().map(|frame| frame[0]).collect()
}

#[test]
fn frames_reach_every_agent_unaltered_whatever_cores_the_connections_came_in_on() {
    for core in 0..3 {
        let mut world = World::new(3);
        // The first session is core 0's; connections arrive on another in two of three cases.
        let visitor = world.start(core, SESSION);
        let first = world.agent((core + 1) % 3, SESSION, Privileges::VIEW);
        world.exchange(visitor, &epoch(1, &[7; 30_000]));
        world.exchange(visitor, &message(Kind::Diff, 0, 1, 2, b"diff"));
        let late = world.agent(2, SESSION, Privileges::VIEW);
        world.run();
        let expected = vec![b"{}".to_vec(), vec![7; 30_000], b"diff".to_vec()];
        for agent in [first, late] {
            let inbox = std::mem::take(&mut world.clients[agent].inbox);
            assert!(payloads(&inbox) == expected);
            assert_eq!(world.clients[agent].core, 0, "the agent came to the session's core");
        }
        assert_eq!(world.clients[visitor].core, 0);
    }
}

#[test]
fn an_agents_pointer_reaches_the_visitor_with_the_agents_number() {
    let mut world = World::new(1);
    let visitor = world.start(0, SESSION);
    let agent = world.agent(0, SESSION, Privileges::VIEW | Privileges::POINT);
    world.clients[visitor].inbox.clear();
    world.exchange(agent, &message(Kind::Pointer, 0, 0, 0, br#"{"x":1,"y":2}"#));
    let got = messages(&world.clients[visitor].inbox);
    let pointer = got.iter().find(|frame| frame[0] == Kind::Pointer.byte()).expect("no pointer");
    assert_eq!(pointer[2..4], [0, 1]);
    assert_eq!(&pointer[12..], br#"{"x":1,"y":2}"#);
}

#[test]
fn a_ticket_opens_once_and_only_what_it_is_for() {
    let mut world = World::new(2);
    let ticket = world.visitor_ticket(SESSION);
    let request = upgrade("/visitor", &format!("ticket.{ticket}"), SHOP, "");
    let client = world.connect(0);
    let foreign = upgrade("/visitor", &format!("ticket.{ticket}"), "https://evil.example", "");
    assert!(world.exchange(client, &foreign).contains("not_allowed"));
    assert!(
        world.exchange(client, &request).starts_with("HTTP/1.1 101 "),
        "a refusal used the ticket up"
    );
    let replay = world.connect(1);
    assert!(world.exchange(replay, &request).starts_with("HTTP/1.1 401 "));
    let agents = world.agent_ticket(SESSION, Privileges::VIEW);
    let wrong = upgrade("/visitor", &format!("ticket.{agents}"), SHOP, "");
    let client = world.connect(0);
    assert!(world.exchange(client, &wrong).contains("unauthorized"));
    let second = world.visitor_ticket(SESSION);
    let claim = upgrade("/visitor", &format!("ticket.{second}"), SHOP, "");
    assert!(world.exchange(client, &claim).contains("already_live"));
    let client = world.connect(0);
    let join = get("/join", &format!("Cookie: cobrowse_ticket={second}\r\n"));
    assert!(
        world.exchange(client, &join).contains("unauthorized"),
        "a visitor's ticket lets no agent in"
    );
}

#[test]
fn an_expired_ticket_is_refused() {
    let mut world = World::new(1);
    let ticket = world.visitor_ticket(SESSION);
    world.now.wall_ms += 35_001;
    let client = world.connect(0);
    let request = upgrade("/visitor", &format!("ticket.{ticket}"), SHOP, "");
    assert!(world.exchange(client, &request).starts_with("HTTP/1.1 401 "));
}

#[test]
fn a_viewer_needs_its_own_cookie_origin_and_csrf_value() {
    let mut world = World::new(1);
    world.start(0, SESSION);
    let (path, cookie) = world.join(0, SESSION, Privileges::VIEW);
    let (other, _) = world.join(0, SESSION, Privileges::VIEW);
    let id = path.rsplit('/').next().unwrap().to_owned();
    let csrf = world.csrf(&path);
    let cookies = format!("Cookie: {cookie}\r\n");
    let client = world.connect(0);
    let mut status =
        |request: &[u8]| -> String { world.exchange(client, request)[9..12].to_owned() };
    assert_eq!(status(&get(&path, "")), "401");
    assert_eq!(status(&get(&other, &cookies)), "401");
    assert_eq!(status(&get(&path, &cookies)), "200");
    assert_eq!(status(&get(&format!("{path}/status"), &cookies)), "200");
    let flipped = cookie.replace(&cookie[40..41], if &cookie[40..41] == "A" { "B" } else { "A" });
    assert_eq!(status(&get(&path, &format!("Cookie: {flipped}\r\n"))), "401");
    let to = format!("/agent/{id}");
    let own = "https://s1.example";
    assert_eq!(status(&upgrade(&to, &format!("csrf.{csrf}"), SHOP, &cookies)), "403");
    assert_eq!(status(&upgrade(&to, "csrf.AAAA", own, &cookies)), "401");
    assert_eq!(status(&upgrade(&to, &format!("csrf.{csrf}"), own, "")), "401");
    assert_eq!(status(&upgrade(&to, &format!("csrf.{csrf}"), own, &cookies)), "101");
}

#[test]
fn the_viewers_page_carries_its_policy_and_the_cookie_its_attributes() {
    let mut world = World::new(1);
    world.start(0, SESSION);
    let ticket = world.agent_ticket(SESSION, Privileges::VIEW);
    let client = world.connect(0);
    let joined = world.exchange(
        client,
        &get("/join/482913004817", &format!("Cookie: cobrowse_ticket={ticket}\r\n")),
    );
    let cookie = header(&joined, "Set-Cookie");
    assert!(cookie.starts_with("__Host-j-"), "{cookie}");
    for attribute in ["Secure", "HttpOnly", "Path=/", "SameSite=Lax"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let path = header(&joined, "Location").to_owned();
    let value = cookie.split(';').next().unwrap().to_owned();
    let page = world.exchange(client, &get(&path, &format!("Cookie: {value}\r\n")));
    assert!(
        header(&page, "Content-Security-Policy")
            .starts_with("default-src 'none'; script-src 'self'")
    );
    assert_eq!(header(&page, "Cache-Control"), "no-store");
    assert_eq!(header(&page, "Document-Isolation-Policy"), "isolate-and-credentialless");
    assert!(!header(&page, "Strict-Transport-Security").is_empty());
}

#[test]
fn a_person_whose_ticket_is_not_taken_is_led_to_the_web_tier_that_gave_it() {
    let mut world = World::new(1);
    world.start(0, SESSION);
    let ticket = world.agent_ticket(SESSION, Privileges::VIEW);
    let client = world.connect(0);
    let mut answer = |ticket: &str, way: &str| {
        let way = URL_SAFE_NO_PAD.encode(way);
        let cookies = format!("Cookie: cobrowse_ticket={ticket}; cobrowse_way={way}\r\n");
        let headers = format!("Accept: text/html\r\n{cookies}");
        world.exchange(client, &get("/join/482913004817", &headers))
    };
    let way = "https://www.example/cobrowse/AgentView?SessionKey=1";
    assert!(answer(&ticket, way).starts_with("HTTP/1.1 303 "));
    let used = answer(&ticket, way);
    assert!(used.starts_with("HTTP/1.1 401 "), "{used}");
    let refresh = "http-equiv=\"refresh\" content=\"1; url=https://www.example/cobrowse/AgentView?SessionKey=1&amp;Again=1\"";
    assert!(used.contains(refresh), "{used}");
    let again = answer(&ticket, &format!("{way}&Again=1"));
    assert!(again.contains("Open the session again</a>") && !again.contains("http-equiv"));
    for other in ["https://evil.example/cobrowse/AgentView?", "no address"] {
        let answer = answer(&ticket, other);
        assert!(!answer.contains("evil") && !answer.contains("http-equiv"), "{answer}");
    }
}

#[test]
fn a_ticket_in_a_form_of_the_web_tiers_page_joins_once_and_no_other_page_sends_one() {
    let mut world = World::new(1);
    world.start(0, SESSION);
    let ticket = world.agent_ticket(SESSION, Privileges::VIEW);
    let form = |origin: &str, body: &str| {
        format!(
            "POST /join HTTP/1.1\r\nHost: {HOST}\r\nOrigin: {origin}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    };
    let (ours, body) = ("https://www.example", format!("ticket={ticket}"));
    let client = world.connect(0);
    let mut status =
        |request: &[u8]| -> String { world.exchange(client, request)[9..12].to_owned() };
    for origin in ["https://evil.example", "null", "https://www.example.evil", SHOP] {
        assert_eq!(status(&form(origin, &body)), "403", "{origin}");
    }
    for broken in ["", "ticket=", "ticket=AAAA", &*ticket, &format!("{body}&x=1")] {
        assert_eq!(status(&form(ours, broken)), "401", "{broken}");
    }
    assert_eq!(status(&get(&format!("/join?ticket={ticket}"), "")), "401", "not by an address");
    assert_eq!(status(&get(&format!("/join/{ticket}"), "")), "401", "nor by a path");
    assert_eq!(status(&form(ours, &body)), "303");
    assert_eq!(status(&form(ours, &body)), "401", "twice");
}

#[test]
fn a_group_that_embeds_the_viewer_binds_its_cookie_to_the_applications_site() {
    let mut world = World::new(1);
    world.embed("https://crm.example");
    world.start(0, SESSION);
    let ticket = world.agent_ticket(SESSION, Privileges::VIEW);
    let client = world.connect(0);
    let joined =
        world.exchange(client, &get("/join", &format!("Cookie: cobrowse_ticket={ticket}\r\n")));
    let cookie = header(&joined, "Set-Cookie").to_owned();
    assert!(cookie.ends_with("; Secure; HttpOnly; Path=/; SameSite=None; Partitioned"), "{cookie}");
    let path = header(&joined, "Location").to_owned();
    let value = cookie.split(';').next().unwrap().to_owned();
    let page = world.exchange(client, &get(&path, &format!("Cookie: {value}\r\n")));
    let policy = header(&page, "Content-Security-Policy");
    assert!(policy.contains("frame-ancestors https://crm.example;"), "{policy}");
}

#[test]
fn a_web_tiers_page_around_the_view_may_frame_it_and_no_other_window_gets_a_frames_cookie() {
    let mut world = World::new(1);
    world.start(0, SESSION);
    let (ours, client) = ("https://www.example", world.connect(0));
    let joined = |world: &mut World, dest: &str| {
        let body = format!("ticket={}", world.agent_ticket(SESSION, Privileges::VIEW));
        let length = body.len();
        let form = format!(
            "POST /join HTTP/1.1\r\nHost: {HOST}\r\nOrigin: {ours}\r\nSec-Fetch-Dest: {dest}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let answer = world.exchange(client, form.as_bytes());
        (header(&answer, "Location").to_owned(), header(&answer, "Set-Cookie").to_owned())
    };
    assert!(joined(&mut world, "iframe").1.ends_with("SameSite=Lax"), "it surrounds nothing");
    world.shared.set_surrounding([ours.into()].into());
    assert!(joined(&mut world, "document").1.ends_with("SameSite=Lax"), "a window of its own");
    let (path, cookie) = joined(&mut world, "iframe");
    assert!(cookie.ends_with("; Secure; HttpOnly; Path=/; SameSite=None; Partitioned"), "{cookie}");
    let value = cookie.split(';').next().unwrap();
    let page = world.exchange(client, &get(&path, &format!("Cookie: {value}\r\n")));
    let policy = header(&page, "Content-Security-Policy");
    assert!(policy.contains("frame-ancestors https://www.example;"), "{policy}");
    assert!(page.contains("name=\"cobrowse-around\" content=\"https://www.example\""));
    let refused = world.exchange(client, &get(&path, "Accept: text/html\r\n"));
    let policy = header(&refused, "Content-Security-Policy");
    assert!(policy.ends_with("frame-ancestors https://www.example"), "{policy}");
}

#[test]
fn the_visitor_comes_back_with_its_secret_and_the_older_connection_is_told() {
    let mut world = World::new(2);
    let old = world.start(0, SESSION);
    let again = world.connect(1);
    let request = upgrade("/visitor", &format!("resume.{}", resume(SESSION)), SHOP, "");
    assert!(world.exchange(again, &request).starts_with("HTTP/1.1 101 "));
    let told = String::from_utf8_lossy(&world.clients[old].inbox).into_owned();
    assert!(told.contains("superseded") && world.clients[old].shut, "{told:?}");
    let guess = resume(SESSION).replace("BQUF", "BQUG");
    let thief = world.connect(0);
    let answer = world.exchange(thief, &upgrade("/visitor", &format!("resume.{guess}"), SHOP, ""));
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}

#[test]
fn an_ended_session_tells_late_comers_why() {
    let mut world = World::new(2);
    let visitor = world.start(0, SESSION);
    let agent = world.agent(0, SESSION, Privileges::VIEW);
    world.exchange(visitor, &message(Kind::Bye, 0, 0, 0, b""));
    let told = String::from_utf8_lossy(&world.clients[agent].inbox).into_owned();
    assert!(told.contains("session_ended_visitor"), "{told:?}");
    let late = world.connect(1);
    let answer = world
        .exchange(late, &upgrade("/visitor", &format!("resume.{}", resume(SESSION)), SHOP, ""));
    assert!(
        answer.starts_with("HTTP/1.1 410 ") && answer.contains("session_ended_visitor"),
        "{answer}"
    );
    assert!(
        answer.contains(&format!("Access-Control-Allow-Origin: {SHOP}")) || answer.contains("Vary"),
        "{answer}"
    );
}

#[test]
fn a_session_ends_when_its_visitor_stays_away_longer_than_the_grace() {
    let mut world = World::new(1);
    let visitor = world.start(0, SESSION);
    let agent = world.agent(0, SESSION, Privileges::VIEW);
    let link = world.clients[visitor].link;
    world.shards[0].handle_gone(world.now, link);
    world.pass(4_900);
    assert!(!world.clients[agent].shut);
    world.pass(200);
    assert!(world.clients[agent].shut);
    let told = String::from_utf8_lossy(&world.clients[agent].inbox).into_owned();
    assert!(told.contains("session_ended_timeout"), "{told:?}");
}

#[test]
fn who_comes_back_resumes_its_tls_session_on_whatever_core_it_meets() {
    let mut world = World::new(2);
    let first = world.connect(0);
    world.exchange(first, &get("/nothing", ""));
    assert!(!world.clients[first].is_resumed());
    for core in [1, 0, 1] {
        let again = world.connect(core);
        world.exchange(again, &get("/nothing", ""));
        assert!(world.clients[again].is_resumed(), "core {core}");
    }
}

#[test]
fn many_frames_of_one_turn_leave_as_one_record() {
    let mut world = World::new(1);
    let visitor = world.start(0, SESSION);
    let agent = world.agent(0, SESSION, Privileges::VIEW);
    world.exchange(visitor, &epoch(1, b"key"));
    let before = world.clients[agent].records;
    let burst: Vec<u8> = (2..10).flat_map(|n| message(Kind::Diff, 0, 1, n, b"x")).collect();
    world.exchange(visitor, &burst);
    assert_eq!(world.clients[agent].records - before, 1);
}

#[test]
fn a_frame_of_full_length_follows_the_answer_to_an_upgrade() {
    let mut world = World::new(1);
    let visitor = world.start(0, SESSION);
    let longest = vec![7; FRAME_PAYLOAD_BYTES_MAX];
    world.exchange(visitor, &epoch(1, &longest));
    let agent = world.agent(0, SESSION, Privileges::VIEW);
    assert_eq!(payloads(&world.clients[agent].inbox).last().unwrap(), &longest);
}

#[test]
fn an_agent_that_reads_nothing_holds_a_bounded_buffer_and_later_ends_in_the_right_state() {
    let mut world = World::new(1);
    let visitor = world.start(0, SESSION);
    let agent = world.agent(0, SESSION, Privileges::VIEW);
    let other = world.agent(0, SESSION, Privileges::VIEW);
    world.exchange(visitor, &epoch(1, b"key"));
    world.clients[agent].asleep = true;
    for n in 0..40 {
        world.exchange(visitor, &message(Kind::Diff, 0, 1, 2 + n, &[n as u8; 50_000]));
    }
    let (core, link) = (world.clients[agent].core, world.clients[agent].link);
    assert!(world.shards[core].unsent(link).len() <= SEAL_BYTES_MAX + 1_024);
    let got = payloads(&world.clients[other].inbox);
    assert_eq!(got.len(), 42, "the other agent missed nothing");
    world.wake(agent);
    world.run();
    assert!(kinds(&world.clients[agent].inbox).contains(&Kind::Skipped.byte()));
    world.pass(2_100);
    assert!(kinds(&world.clients[visitor].inbox).contains(&Kind::KeyframeRequest.byte()));
    world.clients[agent].inbox.clear();
    world.exchange(visitor, &epoch(2, b"new"));
    assert_eq!(payloads(&world.clients[agent].inbox).last().unwrap(), b"new");
}

#[test]
fn who_says_nothing_is_let_go_and_who_answers_pings_stays() {
    let mut world = World::new(1);
    let silent = world.connect(0);
    world.pass(OPENING_MS_MAX - 100);
    assert!(!world.clients[silent].closed);
    world.pass(200 + LINGER_MS);
    assert!(world.clients[silent].closed);

    let visitor = world.start(0, SESSION);
    world.clients[visitor].inbox.clear();
    world.pass(PING_INTERVAL_MS + 100);
    let ping = Connection::ping_frame().to_vec();
    assert_eq!(world.clients[visitor].inbox, ping);
    // A pong, masked with zeros.
    world.exchange(visitor, &[0x8a, 0x80, 0, 0, 0, 0]);
    world.pass(PING_INTERVAL_MS - 1_000);
    assert!(!world.clients[visitor].shut);
    world.pass(2 * PING_INTERVAL_MS);
    assert!(world.clients[visitor].shut);
}

#[test]
fn a_drain_sends_everybody_elsewhere_and_comes_to_an_end() {
    let mut world = World::new(2);
    let visitor = world.start(1, SESSION);
    let agent = world.agent(1, SESSION, Privileges::VIEW);
    let now = world.now;
    world.shards[0].drain(now, 10_000);
    world.run();
    for client in [visitor, agent] {
        let told = String::from_utf8_lossy(&world.clients[client].inbox).into_owned();
        assert!(told.contains("draining"), "{told:?}");
    }
    let ticket = world.visitor_ticket("demo:2:000102030405060708090a0b0c0d0e0f");
    let client = world.connect(1);
    let answer =
        world.exchange(client, &upgrade("/visitor", &format!("ticket.{ticket}"), SHOP, ""));
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("draining"), "{answer}");
    world.pass(10_000);
    assert!(world.shards.iter().all(|shard| shard.is_drained(world.now)));
}

#[test]
fn a_web_tier_hears_what_happened_and_its_revocation_cuts_the_agent_on_any_core() {
    let mut world = World::new(2);
    // Both cores get sessions, so that mail has to travel.
    let second = "demo:2:000102030405060708090a0b0c0d0e10";
    let dialled = world.dial(1);
    let answer = world.exchange(dialled, CONTROL_REQUEST);
    assert!(answer.starts_with("HTTP/1.1 101 ") && answer.contains("\"hello\""), "{answer}");
    let (replica, now_ms) = ("w1".parse().unwrap(), world.now.wall_ms);
    let hello = Down::Hello {
        replica,
        now_ms,
        public_url: Some("https://www2.example".into()),
        surrounds: true,
    };
    world.exchange(dialled, &text(&hello.to_json()));
    assert!(world.shared.surrounds("https://www2.example"));
    world.start(0, SESSION);
    let visitor = world.start(0, second);
    let agent = world.agent(0, second, Privileges::VIEW);
    // What came together is told together, a moment after what came first.
    world.pass(2 * REPORTS_GATHER_MS);
    let told =
        String::from_utf8_lossy(&std::mem::take(&mut world.clients[dialled].inbox)).into_owned();
    assert!(told.contains("session_started") && told.contains("agent_joined"), "{told}");
    assert_eq!(world.clients[agent].core, 1);
    let revoke = r#"{"type":"revoke","group":"demo","agent":"09090909090909090909090909090909"}"#;
    let revoked_at = world.now;
    let heard = world.exchange(dialled, &text(revoke));
    assert!(heard.contains("agent_left"), "{heard}");
    let told = String::from_utf8_lossy(&world.clients[agent].inbox).into_owned();
    assert!(told.contains("revoked") && world.clients[agent].shut, "{told:?}");
    // No time has passed: the order cuts as it is read, and what the visitor sends after it reaches nobody.
    assert_eq!(world.now.mono_ms, revoked_at.mono_ms);
    world.send(visitor, &message(Kind::Diff, 0, 1, 2, b"after the order"));
    assert!(!String::from_utf8_lossy(&world.clients[agent].inbox).contains("after the order"));
}

#[test]
fn an_old_home_ends_when_it_hears_of_a_newer_one() {
    let mut world = World::new(2);
    let dialled = world.web_tier(0);
    let visitor = world.start(1, SESSION);
    world.clients[visitor].inbox.clear();
    let moved = |home| text(&format!(r#"{{"type":"moved","session":"{SESSION}","home":{home}}}"#));
    world.exchange(dialled, &moved(1));
    assert!(!world.clients[visitor].shut, "it is not older than itself");
    let heard = world.exchange(dialled, &moved(2));
    world.pass(REPORTS_GATHER_MS);
    let heard = heard + &String::from_utf8_lossy(&world.clients[dialled].inbox);
    assert!(heard.contains(r#""reason":"moved""#), "{heard}");
    let told = String::from_utf8_lossy(&world.clients[visitor].inbox).into_owned();
    assert!(told.contains("moved") && world.clients[visitor].shut, "{told:?}");
}

#[test]
fn a_session_that_is_given_its_server_anew_goes_on_there_at_the_higher_home() {
    let mut world = World::new(2);
    let visitor = world.start(1, SESSION);
    world.send(visitor, &epoch(1, b"page"));
    let agent = world.agent(0, SESSION, Privileges::VIEW);
    let again = |world: &mut World, home, secret: &Secret| {
        let subject = Subject::Visitor { resume: secret.hash() };
        let ticket = world.ticket_at(SESSION, subject, home);
        let client = world.connect(0);
        let ask = upgrade("/visitor", &format!("ticket.{ticket}"), SHOP, "");
        (client, world.exchange(client, &ask))
    };
    assert!(again(&mut world, 1, &secret()).1.starts_with("HTTP/1.1 409 "));
    assert!(again(&mut world, 2, &Secret::new([6; 32])).1.starts_with("HTTP/1.1 409 "));
    let (newer, answer) = again(&mut world, 2, &secret());
    assert!(answer.starts_with("HTTP/1.1 101 ") && answer.contains(r#""last_epoch":1"#));
    assert!(answer.contains(r#""home":2"#), "{answer}");
    assert!(world.clients[visitor].shut, "superseded");
    world.clients[agent].inbox.clear();
    world.send(newer, &epoch(2, b"anew"));
    assert!(payloads(&world.clients[agent].inbox).contains(&b"anew".to_vec()));
}

#[test]
fn a_browser_finds_no_control_stream_and_other_names_nothing_at_all() {
    let mut world = World::new(1);
    let client = world.connect(0);
    assert!(world.exchange(client, &get("/control", "")).starts_with("HTTP/1.1 404 "));
    let other = b"GET /healthz HTTP/1.1\r\nHost: other.example\r\n\r\n";
    assert!(world.exchange(client, other).starts_with("HTTP/1.1 421 "));
    assert!(world.exchange(client, &get("/healthz", "")).contains(r#""backend":"memory""#));
}

#[test]
fn a_ticket_for_another_group_or_an_unknown_key_is_refused_alike() {
    let mut world = World::new(1);
    let resume = protocol::secret::Secret::new([5; 32]).hash();
    let foreign =
        world.ticket("other:1:000102030405060708090a0b0c0d0e0f", Subject::Visitor { resume });
    let client = world.connect(0);
    let answer =
        world.exchange(client, &upgrade("/visitor", &format!("ticket.{foreign}"), SHOP, ""));
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    let garbage = upgrade("/visitor", &format!("ticket.{}", "A".repeat(448)), SHOP, "");
    let answer = world.exchange(client, &garbage);
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}

#[test]
fn a_page_that_is_there_is_told_of_gets_offers_and_is_missed_when_it_goes() {
    let mut world = World::new(2);
    let dialled = world.web_tier(1);
    let number = "000102030405060708090a0b0c0d0e0f";
    let ticket = world.ticket(&format!("demo:crm-77:{number}"), Subject::Presence);
    // On the core that holds no control stream, and it stays there.
    let page = world.connect(1);
    let answer = world.exchange(page, &upgrade("/presence", &format!("ticket.{ticket}"), SHOP, ""));
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert_eq!(world.clients[page].core, 1);
    world.send(page, &message(Kind::Presence, 0, 0, 0, br#"{"url":"https://shop.example/"}"#));
    world.pass(1_100);
    let told = std::mem::take(&mut world.clients[dialled].inbox);
    let told = String::from_utf8_lossy(&told).into_owned();
    assert!(told.contains(r#""type":"presence""#) && told.contains("crm-77"), "{told}");
    let offer = format!(r#"{{"type":"offer","presence":"{number}","offer":"OFFER"}}"#);
    world.exchange(dialled, &text(&offer));
    world.pass(1);
    let heard = String::from_utf8_lossy(&world.clients[page].inbox).into_owned();
    assert!(heard.contains("OFFER"), "{heard:?}");
    // A frame of another kind ends it, and the web tier hears that it has gone.
    world.send(page, &message(Kind::Facts, 0, 1, 0, b"{}"));
    world.pass(1_100);
    let told = String::from_utf8_lossy(&world.clients[dialled].inbox).into_owned();
    assert!(told.contains(&format!(r#""gone":["{number}"]"#)), "{told}");
    assert!(world.clients[page].shut);
}

#[test]
fn presence_opens_with_its_own_ticket_only_once_and_not_by_a_flood() {
    let mut world = World::new(1);
    let session = "demo:crm-77:000102030405060708090a0b0c0d0e0f";
    let visitors = world.visitor_ticket(session);
    let ticket = world.ticket(session, Subject::Presence);
    let ask = |path: &str, ticket: &str, origin: &str| {
        upgrade(path, &format!("ticket.{ticket}"), origin, "")
    };
    for (path, ticket, origin, status) in [
        ("/presence", &visitors, SHOP, "401"),
        ("/visitor", &ticket, SHOP, "401"),
        ("/presence", &ticket, "https://evil.example", "403"),
        ("/presence", &ticket, SHOP, "101"),
        ("/presence", &ticket, SHOP, "401"),
    ] {
        let client = world.connect(0);
        let answer = world.exchange(client, &ask(path, ticket, origin));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path} {status}: {answer}");
    }
    let ticket = world.ticket(session, Subject::Presence);
    let page = world.connect(0);
    world.exchange(page, &ask("/presence", &ticket, SHOP));
    for _ in 0..=crate::limits::PRESENCE_FRAMES_MAX {
        world.send(page, &message(Kind::Presence, 0, 0, 0, b"{}"));
    }
    world.pass(1);
    let told = String::from_utf8_lossy(&world.clients[page].inbox).into_owned();
    assert!(told.contains("flooding") && world.clients[page].shut, "{told:?}");
}
