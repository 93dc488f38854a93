//! Credentials that do not fit: forged, replayed, foreign, expired, missing, from the wrong page.
//!
//! Every refusal is named, and somebody else's session goes on.

use std::sync::Arc;

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cobrowse_tests::http::Request;
use cobrowse_tests::visitor::{assign, connect, start_request, ticket};
use cobrowse_tests::{Agent, AgentBrowser, Answer, Bystander, Socket, Stack, Visitor};
use protocol::CloseCode;
use protocol::ticket::TICKET_BYTES;

#[test]
fn an_unknown_group_and_a_foreign_origin_get_the_same_answer() -> Result<()> {
    let stack = stack();
    let body = r#"{"group":"demo"}"#;
    let foreign = start_request(&stack, "https://evil.localhost", body)?;
    let unknown = start_request(&stack, stack.shop_url(), r#"{"group":"nobody"}"#)?;
    assert_eq!((foreign.status, foreign.error().as_str()), (403, "not_allowed"));
    assert_eq!((unknown.status, unknown.text()), (403, foreign.text()));
    assert!(
        foreign.header("access-control-allow-origin").is_none(),
        "a foreign page reads nothing"
    );
    let url = format!("{}/api/v1/sessions", stack.web_url());
    let without = Request::post(&url, "application/json", body)?.send(stack.net())?;
    assert_eq!(without.status, 403, "no Origin at all");
    Ok(())
}

#[test]
fn a_malformed_start_is_answered_with_what_is_wrong() -> Result<()> {
    let stack = stack();
    let long = format!(r#"{{"group":"demo","key":"{}"}}"#, "k".repeat(64));
    let bodies = ["", "{", "[]", r#"{"group":7}"#, r#"{"group":"demo","key":"a b"}"#, &long];
    for body in bodies {
        let answer = start_request(&stack, stack.shop_url(), body)?;
        assert_eq!((answer.status, answer.error().as_str()), (400, "bad_request"), "{body:?}");
        let message: serde_json::Value = answer.json()?;
        assert!(message["message"].as_str().is_some_and(|text| text.len() > 10));
    }
    let long = vec![b' '; 32 * 1024];
    let answer = start_request(&stack, stack.shop_url(), long)?;
    assert!((400..500).contains(&answer.status), "{}", answer.status);
    Ok(())
}

#[test]
fn no_field_of_a_visitors_ticket_can_be_altered() -> Result<()> {
    let stack = stack();
    let mut bystander = Bystander::start(&stack)?;
    let answer = assign(&stack, "demo", None)?;
    let sealed = URL_SAFE_NO_PAD.decode(&answer.ticket)?;
    assert_eq!(sealed.len(), TICKET_BYTES);
    // One offset in each field of PROTOCOL.md section 6.2.
    for at in [0, 1, 2, 7, 8, 16, 48, 80, 144, 167, 175, 176, 192, 208, 272, 304, 335] {
        let mut bytes = sealed.clone();
        bytes[at] ^= 1;
        let forged = format!("ticket.{}", URL_SAFE_NO_PAD.encode(&bytes));
        let refused = refusal(connect(stack.net(), &answer.server, stack.shop_url(), &forged)?);
        assert_eq!((refused.0, refused.1.as_str()), (401, "unauthorized"), "offset {at}");
    }
    for text in ["", "short", &answer.ticket[..400], &format!("{}AAAA", answer.ticket)] {
        let refused =
            connect(stack.net(), &answer.server, stack.shop_url(), &format!("ticket.{text}"))?;
        assert_eq!(refusal(refused).0, 401, "{} characters", text.len());
    }
    let honest = connect(stack.net(), &answer.server, stack.shop_url(), &ticket(&answer))?;
    assert!(honest.is_ok(), "what was altered used up nothing");
    bystander.still_relays()
}

#[test]
fn a_visitors_ticket_serves_once_and_only_where_it_was_made_for() -> Result<()> {
    let stack = stack();
    let mut bystander = Bystander::start(&stack)?;
    let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let again = visitor.answer.clone();
    let replayed = connect(stack.net(), &again.server, stack.shop_url(), &ticket(&again))?;
    assert_eq!(refusal(replayed), (401, "unauthorized".into()));
    let answer = assign(&stack, "demo", None)?;
    let other = other_server(&stack, &answer.server);
    let foreign =
        connect(stack.net(), &format!("{other}/visitor"), stack.shop_url(), &ticket(&answer))?;
    assert_eq!(refusal(foreign), (401, "unauthorized".into()));
    visitor.diff(b"not disturbed")?;
    Agent::join(&stack, "ada", visitor.key())?.expect_copy_of(&visitor)?;
    bystander.still_relays()
}

#[test]
fn an_expired_ticket_is_refused() -> Result<()> {
    let stack = stack();
    let mut bystander = Bystander::start(&stack)?;
    let answer = assign(&stack, "demo", None)?;
    // No setting shortens a ticket's life, so this waits for it while the other tests run beside.
    let life = protocol::limits::TICKET_LIFE_MS + protocol::limits::CLOCK_SKEW_MS + 1_000;
    std::thread::sleep(std::time::Duration::from_millis(life));
    let late = connect(stack.net(), &answer.server, stack.shop_url(), &ticket(&answer))?;
    assert_eq!(refusal(late), (401, "unauthorized".into()));
    bystander.still_relays()
}

#[test]
fn a_live_session_is_claimed_by_nobody_else() -> Result<()> {
    let stack = stack();
    let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let mut agent = Agent::join(&stack, "ada", visitor.key())?;
    let resume = URL_SAFE_NO_PAD.decode(&visitor.answer.resume)?;
    let mut wrong = resume.clone();
    let last = wrong.len() - 1;
    wrong[last] ^= 1;
    let wrong = URL_SAFE_NO_PAD.encode(wrong);
    let claimed =
        connect(stack.net(), &visitor.answer.server, stack.shop_url(), &format!("resume.{wrong}"))?;
    assert_eq!(refusal(claimed), (401, "unauthorized".into()));
    let status = visitor.status(&format!("resume.{wrong}"))?;
    assert_eq!(status.status, 401);
    let url = format!("{}/api/v1/sessions/continue", stack.web_url());
    let body = format!(r#"{{"resume":"{wrong}"}}"#);
    let moved = Request::post(&url, "application/json", body)?
        .header("Origin", stack.shop_url())
        .send(stack.net())?;
    assert_eq!((moved.status, moved.error().as_str()), (404, "not_found"));
    visitor.diff(b"still mine")?;
    agent.expect_copy_of(&visitor)
}

#[test]
fn a_ticket_for_a_session_that_is_live_is_refused_as_already_live() -> Result<()> {
    let stack = stack();
    let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let mut agent = Agent::join(&stack, "ada", visitor.key())?;
    // The owner of the resume secret may ask the web tier for a ticket at any time.
    let url = format!("{}/api/v1/sessions/continue", stack.web_url());
    let body = format!(r#"{{"resume":"{}"}}"#, visitor.answer.resume);
    let answer = Request::post(&url, "application/json", body)?
        .header("Origin", stack.shop_url())
        .send(stack.net())?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer: protocol::start::StartAnswer = answer.json()?;
    assert_eq!(answer.session, visitor.answer.session);
    assert_eq!(answer.server, visitor.answer.server, "a live session stays where it is");
    let claimed = connect(stack.net(), &answer.server, stack.shop_url(), &ticket(&answer))?;
    assert_eq!(refusal(claimed), (409, "already_live".into()));
    visitor.diff(b"still mine")?;
    agent.expect_copy_of(&visitor)
}

#[test]
fn a_visitor_connects_only_from_the_groups_origins() -> Result<()> {
    let stack = stack();
    let visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let resume = format!("resume.{}", visitor.answer.resume);
    let (server, net) = (&visitor.answer.server, stack.net());
    for origin in ["https://evil.localhost", "null", "https://shop.localhost", ""] {
        let refused = refusal(connect(net, server, origin, &resume)?);
        assert_eq!(refused, (403, "not_allowed".into()), "Origin {origin:?}");
    }
    let answer = assign(&stack, "demo", None)?;
    let refused = connect(net, &answer.server, "https://evil.localhost", &ticket(&answer))?;
    assert_eq!(refusal(refused), (403, "not_allowed".into()));
    assert!(connect(net, &answer.server, stack.shop_url(), &ticket(&answer))?.is_ok());
    Ok(())
}

#[test]
fn an_agents_ticket_serves_once_and_only_where_it_was_made_for() -> Result<()> {
    let stack = stack();
    let mut bystander = Bystander::start(&stack)?;
    let visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let mut browser = AgentBrowser::login(&stack, "bob")?;
    let answer = browser.look_up(visitor.key())?;
    let join = answer.header("location").unwrap_or_default().to_owned();
    let sealed = browser.cookie("cobrowse_ticket").unwrap_or_default().to_owned();
    let show = |to: &str, text: &str| -> Result<(u16, String)> {
        let cookie = format!("cobrowse_ticket={text}");
        let answer = Request::get(to)?.header("Cookie", &cookie).send(stack.net())?;
        Ok((answer.status, answer.error()))
    };
    let other = other_server(&stack, &join);
    assert_eq!(show(&format!("{other}/join"), &sealed)?, (401, "unauthorized".into()), "foreign");
    // Bob may view and point; these bits would let him do everything.
    let mut raised = URL_SAFE_NO_PAD.decode(&sealed)?;
    (raised[2], raised[3]) = (0x01, 0xff);
    let raised = URL_SAFE_NO_PAD.encode(raised);
    assert_eq!(show(&join, &raised)?, (401, "unauthorized".into()), "raised privileges");
    let visitors = assign(&stack, "demo", None)?;
    let at = visitors.server.replace("wss://", "https://").replace("/visitor", "/join");
    assert_eq!(show(&at, &visitors.ticket)?, (401, "unauthorized".into()), "a visitor's ticket");
    assert_eq!(show(&join, &sealed)?.0, 303, "the honest one");
    assert_eq!(show(&join, &sealed)?, (401, "unauthorized".into()), "replayed");
    assert_eq!(show(&join, "")?.0, 401, "none");
    let agents = format!("ticket.{sealed}");
    let upload = connect(stack.net(), &visitor.answer.server, stack.shop_url(), &agents)?;
    assert_eq!(refusal(upload).0, 401, "an agent's ticket uploads nothing");
    bystander.still_relays()
}

#[test]
fn session_data_needs_the_cookie_of_its_join_untouched() -> Result<()> {
    let stack = stack();
    let mut visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let mut ada = Agent::join(&stack, "ada", visitor.key())?;
    let bob = Agent::join(&stack, "bob", visitor.key())?;
    let sealed = bob.view.browser.cookie("__Host-j-").unwrap_or_default().to_owned();
    let bytes = URL_SAFE_NO_PAD.decode(&sealed)?;
    assert_eq!(bytes.len(), 184);
    // One offset in each field of PROTOCOL.md section 6.4.
    for at in [0, 1, 2, 3, 8, 16, 48, 112, 128, 151, 152, 183] {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        let altered = URL_SAFE_NO_PAD.encode(altered);
        let mut view = bob.view.clone();
        view.browser.alter_cookies("__Host-j-", |_| altered.clone());
        assert_eq!(view.reload()?.status, 401, "page, offset {at}");
        assert_eq!(view.status()?.status, 401, "status, offset {at}");
        let refused = refusal(view.try_connect(&view.url.origin(), &view.csrf)?);
        assert_eq!(refused, (401, "unauthorized".into()), "socket, offset {at}");
    }
    // The cookie of one join does not open another.
    let mut swapped = bob.view.clone();
    swapped.join.clone_from(&ada.view.join);
    swapped.url.clone_from(&ada.view.url);
    assert_eq!(swapped.reload()?.status, 401);
    // Nor does it open anything on another server.
    let mut elsewhere = bob.view.clone();
    let other = other_server(&stack, &bob.view.url.origin());
    let cookie = bob.view.browser.cookie_header(&bob.view.url);
    let at = format!("{other}{}", elsewhere.url.path);
    let answer = elsewhere.browser.send(Request::get(&at)?.header("Cookie", &cookie))?;
    assert_eq!(answer.status, 401);
    visitor.diff(b"not disturbed")?;
    ada.expect_copy_of(&visitor)
}

#[test]
fn an_agents_socket_needs_the_servers_own_origin_and_the_pages_csrf_value() -> Result<()> {
    let stack = stack();
    let visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let view = AgentBrowser::login(&stack, "ada")?.open(visitor.key())?;
    let own = view.url.origin();
    for origin in ["https://evil.localhost", stack.shop_url(), stack.web_url(), "null", ""] {
        let refused = refusal(view.try_connect(origin, &view.csrf)?);
        assert_eq!(refused, (403, "not_allowed".into()), "Origin {origin:?}");
    }
    let without =
        Request::get(&view.socket_url())?.header("Cookie", &view.browser.cookie_header(&view.url));
    let offer = format!("cobrowse.v1, csrf.{}", view.csrf);
    let refused = cobrowse_tests::http::upgrade(stack.net(), without, &offer)?;
    assert_eq!(refusal(refused), (403, "not_allowed".into()), "no Origin");
    let mut wrong = view.csrf.clone();
    let last = if wrong.pop() == Some('A') { 'Q' } else { 'A' };
    wrong.push(last);
    for csrf in [wrong.as_str(), "", "AAAAAAAAAAAAAAAAAAAAAA"] {
        let refused = refusal(view.try_connect(&own, csrf)?);
        assert_eq!(refused, (401, "unauthorized".into()), "CSRF value {csrf:?}");
    }
    view.connect()?.expect_copy_of(&visitor)
}

#[test]
fn a_wrong_password_and_an_unknown_account_get_the_same_answer() -> Result<()> {
    let stack = stack();
    let try_in = |name: &str| -> Result<(u16, String)> {
        let mut browser = AgentBrowser::new(&stack);
        let answer = browser.log_in_as(&browser.login_url(), name, "not the password")?;
        assert!(browser.cookie("__Host-session").is_none(), "a failed login opens nothing");
        let text = answer.text().replace(name, "NAME");
        // The form's own token differs each time.
        let token = text.find("value=\"").map(|at| text[at..].chars().take(60).collect::<String>());
        Ok((answer.status, token.map_or(text.clone(), |token| text.replace(&token, "TOKEN"))))
    };
    let (known, unknown) = (try_in("mia")?, try_in("who")?);
    assert!((400..500).contains(&known.0), "{}", known.0);
    assert_eq!(known.0, unknown.0);
    assert_eq!(known.1.len(), unknown.1.len());
    Ok(())
}

#[test]
fn a_login_leads_only_to_our_own_pages() -> Result<()> {
    let stack = stack();
    let mia = stack.account("mia");
    for next in
        ["https://evil.localhost/", "//evil.localhost/", "/\\evil.localhost", "javascript:1"]
    {
        let mut browser = AgentBrowser::new(&stack);
        let url = format!("{}?next={next}", browser.login_url());
        let answer = browser.log_in_as(&url, mia.name, &mia.password)?;
        let location = answer.header("location").unwrap_or_default();
        assert_eq!(answer.status, 303, "{next}");
        assert!(location.starts_with('/') && !location.contains("evil"), "{next} → {location}");
    }
    Ok(())
}

fn stack() -> Arc<Stack> {
    Stack::shared(Stack::plan().servers(2).cores(2))
}

fn refusal(result: std::result::Result<Socket, Answer>) -> (u16, String) {
    match result {
        Ok(_) => (101, String::new()),
        Err(answer) => {
            let error = answer.error();
            if let Some(code) = CloseCode::from_name(&error) {
                assert_eq!(answer.status, code.status(), "status and name agree");
            }
            (answer.status, error)
        }
    }
}

/// The origin of the CServer that this URL does not name.
fn other_server(stack: &Stack, url: &str) -> String {
    let at = url.replacen("wss://", "https://", 1);
    let other = stack.servers().iter().find(|server| !at.starts_with(&server.public_url));
    other.map(|server| server.public_url.clone()).unwrap_or_default()
}
