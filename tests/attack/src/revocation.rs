//! Access that is taken away while its holder looks on: every order that does so, and how soon the running view is cut.
//!
//! That the cut comes with the order and not some time later is proved without a clock (`webtier/src/dialler/tests.rs`,
//! `cserver/src/shard/tests.rs`); here the whole way is measured.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use cobrowse_tests::{Agent, AgentBrowser, Stack, Visitor};
use protocol::CloseCode;

use crate::Findings;

/// Gives each order under a running view.
pub(crate) fn attack(stack: &Stack, findings: &mut Findings) -> Result<()> {
    let mut visitor = Visitor::with_page(stack, "demo", b"page")?;
    let mut bystander = Agent::join(stack, "ada", visitor.key())?;
    let helper = ["role", "add", "demo", "helper", "--privilege", "view"];
    let more = ["--privilege", "point"];
    stack.admin(&[&helper[..], &more].concat(), "")?;
    stack.admin(&["role", "add", "demo", "passing", "--privilege", "view"], "")?;
    let orders: [(&str, &str, &[&str]); 4] = [
        ("revoked", "viewer", &["agent", "revoke", "revoked", "demo"]),
        ("removed", "viewer", &["agent", "remove", "removed"]),
        ("lessened", "helper", &helper),
        ("roleless", "passing", &["role", "remove", "demo", "passing"]),
    ];
    let mut slowest_ms = 0;
    for (name, role, order) in orders {
        let mut agent = join(stack, name, role, visitor.key()).with_context(|| name.to_owned())?;
        agent.expect_copy_of(&visitor)?;
        let ordered = Instant::now();
        stack.admin(order, "")?;
        agent.socket.expect_close(CloseCode::Revoked)?;
        slowest_ms = slowest_ms.max(ordered.elapsed().as_millis() as u64);
        findings.number("revocations", 1);
        // Neither the page's cookie nor the login opens it again; who has less now comes back with less.
        let shown = [agent.view.reload()?.status, agent.view.status()?.status];
        let found = agent.view.browser.look_up(visitor.key())?;
        let is_led_back = found.header("location").is_some_and(|to| to.starts_with("https://"));
        if shown.iter().any(|status| *status < 400) || is_led_back != (name == "lessened") {
            findings.fault(format!("{name} after the order: {shown:?}, led back: {is_led_back}"));
        }
        visitor.diff(b"others go on")?;
        bystander.expect_copy_of(&visitor)?;
    }
    findings.number("revoked_ms_max", slowest_ms);
    Ok(())
}

/// A new account with that role, in the session.
fn join(stack: &Stack, name: &str, role: &str, key: &str) -> Result<Agent> {
    let password = "a password of its own";
    stack.admin(&["agent", "add", name, "--display", name, "--password-stdin"], password)?;
    stack.admin(&["agent", "grant", name, "demo", role], "")?;
    let mut browser = AgentBrowser::new(stack);
    let answer = browser.log_in_as(&browser.login_url(), name, password)?;
    ensure!(answer.status == 303, "login: {}", answer.status);
    browser.open(key)?.connect()
}
