//! The same over real sockets, a sample of each: forged tickets and cookies, foreign origins, cookies from a sibling host.

use anyhow::{Context, Result};
use cobrowse_tests::http::{Request, upgrade};
use cobrowse_tests::visitor::{assign, connect, ticket};
use cobrowse_tests::{AgentBrowser, Stack, Visitor};

use crate::Findings;

/// Tries them.
pub(crate) fn attack(stack: &Stack, findings: &mut Findings) -> Result<()> {
    let visitor = Visitor::with_page(stack, "demo", b"page")?;
    origins(stack, &visitor, findings)?;
    agents(stack, &visitor, findings)?;
    let answer = assign(stack, "demo", None)?;
    let texts = [("ticket", &answer.ticket), ("resume", &visitor.answer.resume)];
    for (kind, text) in texts {
        for at in (0..text.len()).step_by(5) {
            let mut altered = text.clone();
            let letter = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
            altered.replace_range(at..=at, letter);
            let url = if kind == "ticket" { &answer.server } else { &visitor.answer.server };
            let opened = connect(stack.net(), url, stack.shop_url(), &format!("{kind}.{altered}"))?;
            tried(findings, &format!("an altered {kind}"), opened.is_ok());
        }
    }
    let honest = connect(stack.net(), &answer.server, stack.shop_url(), &ticket(&answer))?;
    control(findings, "a visitor's ticket", honest.is_ok());
    Ok(())
}

/// Every upgrade and every POST with every origin.
fn origins(stack: &Stack, visitor: &Visitor, findings: &mut Findings) -> Result<()> {
    let shop = stack.shop_url();
    let upper = shop.to_uppercase();
    let slash = format!("{shop}/");
    let longer = format!("{shop}.evil.localhost");
    let plain = shop.replace("https://", "http://");
    let no_port = shop.rsplit_once(':').map_or(shop, |(host, _)| host).to_owned();
    let two = format!("{shop} https://evil.localhost");
    let prefixed = shop.replace("https://", "https://evil.");
    let foreign = ["null", "", "https://evil.localhost", "file://", "*", &upper, &slash, &longer];
    let foreign = foreign.into_iter().chain([&*plain, &no_port, &two, &prefixed]);
    let body = r#"{"group":"demo"}"#;
    let resume = format!("resume.{}", visitor.answer.resume);
    let posts = [
        (format!("{}/api/v1/sessions", stack.web_url()), "application/json", body.to_owned()),
        (
            format!("{}/api/v1/sessions/continue", stack.web_url()),
            "application/json",
            format!(r#"{{"resume":"{}"}}"#, visitor.answer.resume),
        ),
        (visitor.answer.status.clone(), "text/plain", resume.clone()),
    ];
    let mut agent = AgentBrowser::login(stack, "bob")?;
    for origin in foreign {
        for (url, content_type, body) in &posts {
            let request = Request::post(url, content_type, body.clone())?;
            let answer = request.header("Origin", origin).send(stack.net())?;
            let readable = answer.header("access-control-allow-origin").is_some();
            tried(
                findings,
                &format!("POST {url} from {origin:?}"),
                answer.status < 300 || readable,
            );
        }
        let opened = connect(stack.net(), &visitor.answer.server, origin, &resume)?;
        tried(findings, &format!("a visitor's upgrade from {origin:?}"), opened.is_ok());
        // Forms of agents: only our own pages send them.
        let login = format!("{}/login", stack.web_url());
        let form = Request::post(&login, "application/x-www-form-urlencoded", "name=ada")?;
        let answer = form.header("Origin", origin).send(stack.net())?;
        tried(findings, &format!("POST /login from {origin:?}"), answer.status < 400);
        let logout = format!("{}/logout", stack.web_url());
        let form = Request::post(&logout, "application/x-www-form-urlencoded", "")?;
        let answer = agent.send(form.header("Origin", origin))?;
        tried(findings, &format!("POST /logout from {origin:?}"), answer.status < 400);
    }
    let home = agent.send(Request::get(&format!("{}/", stack.web_url()))?)?;
    control(findings, "the login that foreign pages tried to end", home.status == 200);
    let none = upgrade(
        stack.net(),
        Request::get(&visitor.answer.server)?,
        &format!("cobrowse.v1, {resume}"),
    )?;
    tried(findings, "a visitor's upgrade without Origin", none.is_ok());
    let status = visitor.status(&resume)?;
    control(findings, "the shop's own origin", status.status == 200);
    Ok(())
}

fn agents(stack: &Stack, visitor: &Visitor, findings: &mut Findings) -> Result<()> {
    let view = AgentBrowser::login(stack, "ada")?.open(visitor.key())?;
    let own = view.url.origin();
    let foreign = ["null", "https://evil.localhost", stack.shop_url(), stack.web_url(), ""];
    for origin in foreign {
        let opened = view.try_connect(origin, &view.csrf)?;
        tried(findings, &format!("an agent's upgrade from {origin:?}"), opened.is_ok());
    }
    for csrf in ["", "A", &view.csrf[..21], &view.csrf.replace(|_| true, "A")] {
        let opened = view.try_connect(&own, csrf)?;
        tried(findings, "a wrong CSRF value", opened.is_ok());
    }
    let name = format!("__Host-j-{}", view.join);
    let value = view.browser.cookie("__Host-j-").context("no agent cookie")?.to_owned();
    let other = {
        let another = AgentBrowser::login(stack, "ada")?.open(visitor.key())?;
        another.browser.cookie("__Host-j-").context("no agent cookie")?.to_owned()
    };
    let page = format!("{own}{}", view.url.path);
    // What a sibling host of the same domain can toss in: the same name twice, under any order; another join's value.
    for (what, cookies) in [
        ("no cookie", String::new()),
        ("a tossed cookie before ours", format!("{name}={other}; {name}={value}")),
        ("a tossed cookie behind ours", format!("{name}={value}; {name}={other}")),
        ("our cookie twice", format!("{name}={value}; {name}={value}")),
        ("another join's cookie", format!("{name}={other}")),
        ("a cookie of another name", format!("x{name}={value}")),
        (
            "a name in another case",
            format!("{}={value}", name.to_lowercase().replace("host", "HOST")),
        ),
        ("a quoted value", format!("{name}=\"{value}\"")),
    ] {
        let answer = Request::get(&page)?.header("Cookie", &cookies).send(stack.net())?;
        tried(findings, what, answer.status == 200);
    }
    for at in (0..value.len()).step_by(5) {
        let mut altered = value.clone();
        let letter = if value.as_bytes()[at] == b'A' { "B" } else { "A" };
        altered.replace_range(at..=at, letter);
        let cookie = format!("{name}={altered}");
        let answer = Request::get(&page)?.header("Cookie", &cookie).send(stack.net())?;
        tried(findings, "an altered agent cookie", answer.status == 200);
    }
    let honest = Request::get(&page)?.header("Cookie", &format!("{name}={value}"));
    control(findings, "the agent's page", honest.send(stack.net())?.status == 200);
    control(findings, "the agent's upgrade", view.try_connect(&own, &view.csrf)?.is_ok());
    Ok(())
}

pub(crate) fn tried(findings: &mut Findings, what: &str, accepted: bool) {
    findings.number("credentials_tried", 1);
    findings.number("credentials_tried_over_sockets", 1);
    if accepted {
        findings.number("credentials_accepted", 1);
        findings.fault(format!("accepted over a socket: {what}"));
    }
}

pub(crate) fn control(findings: &mut Findings, what: &str, accepted: bool) {
    findings.number("credential_controls", 1);
    if !accepted {
        findings.fault(format!("a valid control was refused over a socket: {what}"));
    }
}
