//! What monitoring sees: metrics over the web tier and over the host's own socket, and files that speak of metrics that exist.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cobrowse_tests::http::Request;
use cobrowse_tests::limits::{START_MAX, STOP_MAX, WAIT_MAX};
use cobrowse_tests::{Agent, Answer, Manager, Stack, Visitor};
use protocol::figures::{CoreFigures, OTHERS, WEB_TIER};

const TOKEN: &str = "a-token-that-nobody-guesses";

#[test]
fn the_web_tier_shows_every_session_servers_figures_to_who_has_the_token() -> Result<()> {
    let mut stack = Stack::plan().servers(2).cores(2).start()?;
    let ask = |stack: &Stack, token: Option<&str>| -> Result<Answer> {
        let request = Request::get(&format!("{}/metrics", stack.web_url()))?;
        match token {
            Some(token) => request.header("Authorization", &format!("Bearer {token}")),
            None => request,
        }
        .send(stack.net())
    };
    assert_eq!(
        ask(&stack, Some(TOKEN))?.status,
        404,
        "without a configured token there is no page"
    );
    let file = stack.folder().join("webtier.toml");
    fs::write(stack.folder().join("metrics.token"), TOKEN)?;
    let text = fs::read_to_string(&file)? + "\n[metrics]\ntoken = \"metrics.token\"\n";
    fs::write(&file, text)?;
    stack.web().process.terminate();
    ensure!(stack.web().process.wait(STOP_MAX).is_some(), "the web tier does not end");
    stack.restart_web()?;
    assert_eq!(ask(&stack, None)?.status, 401);
    assert_eq!(ask(&stack, Some("another-token-altogether"))?.status, 401);

    let visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let mut agent = Agent::join(&stack, "ada", visitor.key())?;
    agent.expect_copy_of(&visitor)?;
    let end = Instant::now() + START_MAX;
    let text = loop {
        let answer = ask(&stack, Some(TOKEN))?;
        assert_eq!(answer.status, 200);
        let text = answer.text();
        let sum = |name: &str| -> f64 { samples(&text, name).iter().sum() };
        if sum("cobrowse_cserver_sessions") == 1.0
            && sum("cobrowse_cserver_agents") == 1.0
            && sum("cobrowse_cserver_frames_sent_total") >= 2.0
            && sum("cobrowse_cserver_handshakes_total") >= 3.0
            && sum("cobrowse_cserver_turn_seconds_count") > 0.0
            && sum("cobrowse_cserver_ready") == 2.0
            // Each server tells its own in its own time: two of two cores.
            && samples(&text, "cobrowse_cserver_sessions").len() == 4
        {
            break text;
        }
        ensure!(Instant::now() < end, "the figures do not come:\n{text}");
        std::thread::sleep(Duration::from_millis(200));
    };
    assert_eq!(samples(&text, "cobrowse_webtier_servers_up"), [2.0]);
    assert_eq!(samples(&text, "cobrowse_webtier_store_writable"), [1.0]);
    for name in names() {
        assert!(text.contains(&format!("# TYPE {name} ")), "{name} is not shown");
    }
    assert!(!text.contains(visitor.key()), "no session is told");
    assert!(!stack.logs().contains(TOKEN), "a token stands in a log");
    Ok(())
}

#[test]
fn the_hosts_administrator_reads_metrics_and_health_from_a_local_socket() -> Result<()> {
    let mut stack = Stack::plan().start()?;
    stack.server(0).process.terminate();
    ensure!(stack.server(0).process.wait(STOP_MAX).is_some(), "it does not end");
    let mut manager = Manager::listen(stack.servers()[0].port, 1)?;
    let socket = manager.with_admin_socket()?;
    stack.serve_server_by(0, &manager)?;
    manager.hear("READY=1").with_context(|| stack.logs())?;
    stack.wait_until_ready()?;
    let visitor = Visitor::with_page(&stack, "demo", b"page")?;
    let end = Instant::now() + WAIT_MAX;
    while samples(&local(&socket, "/metrics")?, "cobrowse_cserver_sessions") != [1.0] {
        ensure!(Instant::now() < end, "{}", local(&socket, "/metrics")?);
        std::thread::sleep(Duration::from_millis(50));
    }
    let text = local(&socket, "/metrics")?;
    assert!(!text.contains(visitor.key()));
    let expiry = samples(&text, "cobrowse_cserver_certificate_expiry_timestamp_seconds");
    assert_eq!(expiry.len(), 2, "the public one and the control stream's");
    assert!(local(&socket, "/healthz")?.ends_with("ok\n"));
    assert!(local(&socket, "/readyz")?.ends_with("ready\n"));
    assert!(local(&socket, "/else")?.starts_with("HTTP/1.1 404"));
    Ok(())
}

#[test]
fn logs_for_machines_are_an_object_a_line_with_time_level_and_fields() -> Result<()> {
    let mut stack = Stack::plan().start()?;
    for name in ["s1.toml", "webtier.toml"] {
        let file = stack.folder().join(name);
        let text = fs::read_to_string(&file)? + "\n[log]\nformat = \"json\"\n";
        fs::write(file, text)?;
    }
    stack.server(0).process.terminate();
    stack.web().process.terminate();
    ensure!(stack.server(0).process.wait(STOP_MAX).is_some(), "the CServer does not end");
    ensure!(stack.web().process.wait(STOP_MAX).is_some(), "the web tier does not end");
    let before = [stack.server(0).process.log().len(), stack.web().process.log().len()];
    stack.revive_server(0)?;
    stack.restart_web()?;
    let logs = [stack.server(0).process.log(), stack.web().process.log()];
    for (log, before) in logs.iter().zip(before) {
        let mut lines = 0;
        for line in log[before..].lines() {
            let told: serde_json::Value =
                serde_json::from_str(line).with_context(|| format!("no object: {line}"))?;
            for field in ["timestamp", "level", "target"] {
                assert!(told[field].is_string(), "{line}");
            }
            assert!(told["fields"]["message"].is_string(), "{line}");
            lines += 1;
        }
        assert!(lines > 1, "{log}");
    }
    Ok(())
}

#[test]
fn the_dashboard_and_the_alerts_name_metrics_that_exist() {
    let known: BTreeSet<String> = names().into_iter().collect();
    for file in ["deploy/prometheus/alerts.yml", "deploy/grafana/cobrowse.json"] {
        let text = read(file);
        let used: BTreeSet<&str> = text
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| word.starts_with("cobrowse_") && word.len() > "cobrowse_".len())
            .collect();
        assert!(used.len() > 10, "{file} was not read");
        for name in used {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            let exists = known.contains(name) || base.is_some_and(|base| known.contains(base));
            assert!(exists, "{file} speaks of {name}, which nobody counts");
        }
    }
    let _: serde_json::Value =
        serde_json::from_str(&read("deploy/grafana/cobrowse.json")).expect("the dashboard is JSON");
}

#[test]
fn every_alert_has_its_page() {
    let (alerts, pages) = (read("deploy/prometheus/alerts.yml"), read("docs/OPERATING.md"));
    let named: Vec<&str> =
        alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(named.len() >= 10);
    for alert in named {
        assert!(
            pages.contains(&format!("### {alert}\n")),
            "OPERATING.md does not say what {alert} means"
        );
    }
}

fn names() -> Vec<String> {
    let all = CoreFigures::NUMBERS.iter().chain(OTHERS).chain(WEB_TIER);
    all.map(|metric| metric.name.to_owned()).collect()
}

/// Values of a metric's samples.
fn samples(text: &str, name: &str) -> Vec<f64> {
    text.lines()
        .filter(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' '))
        })
        .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
        .collect()
}

fn local(socket: &Path, path: &str) -> Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(WAIT_MAX))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
