//! Two web tiers, each with keys, accounts and a store of its own, and the CServers that serve both.

use std::time::Instant;

use anyhow::{Result, ensure};
use cobrowse_tests::http::Request;
use cobrowse_tests::limits::{POLL_EVERY, WAIT_MAX};
use cobrowse_tests::{Agent, AgentBrowser, Stack, Visitor};
use protocol::CloseCode;

#[test]
fn a_cserver_takes_tickets_of_both_and_the_loss_of_one_harms_only_what_it_alone_served()
-> Result<()> {
    let mut stack = Stack::plan().web_tiers(2).servers(2).start()?;
    let (mut one, mut two) = (pair(&stack, 0)?, pair(&stack, 1)?);
    // Each knows its own sessions and no others: there is no store that they share.
    for (web, other) in [(0, &two.visitor), (1, &one.visitor)] {
        assert_eq!(AgentBrowser::login_at(&stack, web, "ada")?.look_up(other.key())?.status, 404);
    }

    stack.web_at(1).process.kill();
    one.goes_on(b"the other tier is gone")?;
    two.goes_on(b"our tier is gone")?;
    two.visitor.resume()?;
    two.visitor.keyframe(b"and a page change without it")?;
    two.agent.expect_copy_of(&two.visitor)?;
    for server in stack.servers() {
        let ready = Request::get(&format!("{}/readyz", server.public_url))?.send(stack.net())?;
        assert_eq!(ready.status, 200, "{}: {}", server.id, ready.text());
    }
    // Starts, joins and new homes by the tier that is there.
    pair(&stack, 0)?.goes_on(b"begun meanwhile")?;
    let at = stack.server_at(&one.visitor.answer.server).expect("one of ours");
    stack.server(at).process.kill();
    one.visitor.continue_elsewhere()?;
    one.visitor.keyframe(b"second home")?;
    Agent::join_from(&stack, 0, "bob", one.visitor.key())?.expect_copy_of(&one.visitor)?;

    // What the lost tier alone served is there again with it: reports have waited for it.
    let key = two.visitor.key().to_owned();
    let is_with_it = stack.server_at(&two.visitor.answer.server) == Some(at);
    if !is_with_it {
        two.visitor.bye()?;
        two.agent.socket.expect_close(CloseCode::SessionEndedVisitor)?;
    }
    stack.revive_server(at)?;
    stack.revive_web(1)?;
    stack.wait_until_ready()?;
    if is_with_it {
        two.visitor.continue_elsewhere()?;
        two.visitor.keyframe(b"a new home once it is back")?;
        Agent::join_from(&stack, 1, "bob", &key)?.expect_copy_of(&two.visitor)?;
    } else {
        let mut ada = AgentBrowser::login_at(&stack, 1, "ada")?;
        let end = Instant::now() + WAIT_MAX;
        while ada.look_up(&key)?.status != 404 {
            ensure!(Instant::now() < end, "the end of a session was not reported to its tier");
            std::thread::sleep(POLL_EVERY);
        }
    }
    pair(&stack, 1)?.goes_on(b"and new ones begin")
}

#[test]
fn an_agents_page_asks_the_web_tier_of_its_session_when_the_cserver_is_gone() -> Result<()> {
    let mut stack = Stack::plan().web_tiers(2).servers(2).start()?;
    let mut pairs = [pair(&stack, 0)?, pair(&stack, 1)?];
    for (web, pair) in pairs.iter().enumerate() {
        let page = pair.agent.view.page.text();
        let named = format!("name=\"cobrowse-web-tier\" content=\"{}\"", stack.web_url_at(web));
        ensure!(page.contains(&named), "the viewer of tier {web} does not name it: {page}");
    }
    for at in 0..2 {
        stack.server(at).process.kill();
        stack.revive_server(at)?;
    }
    stack.wait_until_ready()?;
    for (web, pair) in pairs.iter_mut().enumerate() {
        assert_eq!(pair.agent.view.reload()?.status, 401, "cookies ended with their process");
        pair.visitor.continue_elsewhere()?;
        pair.visitor.keyframe(b"home again")?;
        Agent::join_from(&stack, web, "ada", pair.visitor.key())?.expect_copy_of(&pair.visitor)?;
    }
    Ok(())
}

/// A visitor whose session one of the web tiers gave out, and an agent who came through the same.
struct Pair {
    visitor: Visitor,
    agent: Agent,
}

fn pair(stack: &Stack, web: usize) -> Result<Pair> {
    let visitor = Visitor::with_page_from(stack, web, "demo", b"page")?;
    let mut agent = Agent::join_from(stack, web, "ada", visitor.key())?;
    agent.expect_copy_of(&visitor)?;
    Ok(Pair { visitor, agent })
}

impl Pair {
    fn goes_on(&mut self, change: &[u8]) -> Result<()> {
        self.visitor.diff(change)?;
        self.agent.expect_copy_of(&self.visitor)
    }
}
