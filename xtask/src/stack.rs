//! `stack`: a stack for the browser suite, described in one line of JSON, kept until standard input ends.

use std::io::Read;

use anyhow::{Context, Result};
use cobrowse_tests::Stack;
use cobrowse_tests::stack::Backend;
use serde_json::json;

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Backend of the CServers: auto, io_uring or poll.
    #[arg(long, default_value = "auto")]
    backend: String,
    /// How many CServers.
    #[arg(long, default_value_t = 2)]
    servers: usize,
    /// How long sessions wait for their visitor, in milliseconds.
    #[arg(long, default_value_t = GRACE_MS)]
    grace_ms: u64,
    /// The web tier shares no parent domain with the CServers.
    #[arg(long)]
    apart: bool,
    /// The CServers belong to another site than the web tier.
    #[arg(long)]
    elsewhere: bool,
    /// When the web tier's page stands around views; else the default.
    #[arg(long, value_parser = ["where_needed", "always", "never"])]
    surrounds_views: Option<String>,
}

/// Starts it, describes it, waits, stops it.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let backend = Backend::from_name(&arguments.backend).with_context(|| {
        format!("--backend {}: expected auto, io_uring or poll", arguments.backend)
    })?;
    let plan = Stack::plan()
        .backend(backend)
        .servers(arguments.servers)
        .cores(2)
        .grace_ms(arguments.grace_ms);
    let plan = if arguments.apart { plan.apart() } else { plan };
    let plan = if arguments.elsewhere { plan.elsewhere() } else { plan };
    let plan = match arguments.surrounds_views.as_deref() {
        None => plan,
        Some("always") => plan.surrounds_views("always"),
        Some("never") => plan.surrounds_views("never"),
        Some(_) => plan.surrounds_views("where_needed"),
    };
    let stack = plan.start()?;
    println!("{}", describe(&stack)?);
    // Whoever started this holds the other end; nothing is expected to come.
    let mut nothing = [0; 256];
    let mut stdin = std::io::stdin().lock();
    while stdin.read(&mut nothing).is_ok_and(|read| read > 0) {}
    let late = stack.stop();
    for name in late {
        eprintln!("{name} did not end by itself and was killed");
    }
    Ok(())
}

fn describe(stack: &Stack) -> Result<String> {
    let mut servers = Vec::new();
    for (at, server) in stack.servers().iter().enumerate() {
        servers.push(json!({
            "id": server.id,
            "url": server.public_url,
            "port": server.port,
            "pid": server.process.id(),
            "backend": stack.backend_of(at)?,
        }));
    }
    let accounts: Vec<_> = stack
        .accounts()
        .iter()
        .map(|a| json!({"name": a.name, "display": a.display, "password": a.password}))
        .collect();
    let all = json!({
        "web_url": stack.web_url(),
        "shop_url": stack.shop_url(),
        "servers": servers,
        "accounts": accounts,
        "groups": ["demo", "support"],
        "spki_hash": stack.certificates().spki_hash,
        "public_ca": stack.certificates().public_ca(),
        "folder": stack.folder(),
    });
    Ok(all.to_string())
}

/// The shortest that settings may say, so that tests of the grace period need not wait long.
const GRACE_MS: u64 = 5_000;
