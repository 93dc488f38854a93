//! `demo`: everything built and started on loopback, what to try printed, stopped in good order by Ctrl-C.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use cobrowse_tests::Stack;
use cobrowse_tests::stack::{Backend, Ports};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::building;
use crate::repo::Repo;

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Port of the web tier; the CServers, then the shop follow it.
    #[arg(long, default_value_t = 9443)]
    port: u16,
    /// Backend of the CServers: auto, io_uring or poll.
    #[arg(long, default_value = "auto")]
    backend: String,
    /// Start what is built already.
    #[arg(long)]
    no_build: bool,
}

/// Builds, starts, tells, waits, stops.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let repo = Repo::find()?;
    let backend = Backend::from_name(&arguments.backend).with_context(|| {
        format!("--backend {}: expected auto, io_uring or poll", arguments.backend)
    })?;
    if !arguments.no_build {
        println!("Building the browser part and both servers …");
        building::all(&repo)?;
    }
    let stopping = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, stopping.clone())?;
    }
    let folder = repo.target.join("demo");
    let first = arguments.port;
    let at = |more: u16| first.checked_add(more).context("--port: too high for four ports");
    let plan = Stack::plan()
        .backend(backend)
        .servers(2)
        .cores(1)
        .ports(Ports { web: first, first_server: at(1)?, shop: at(3)? })
        .folder(&folder);
    // First, so that a second demo takes nothing from under the one that runs.
    plan.check_ports().context("the demo needs four ports in a row; `--port N` gives others")?;
    forget_last(&folder)?;
    println!("Starting …");
    let mut stack = plan.start()?;
    tell(&stack);
    while !stopping.load(Ordering::Relaxed) {
        if let Err(error) = stack.check() {
            println!("\nStopping, because one part has ended.");
            stack.stop();
            return Err(error);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    println!("\nStopping …");
    let late = stack.stop();
    match late.as_slice() {
        [] => println!("All stopped."),
        late => println!("Stopped; by force, because they took too long: {}", late.join(", ")),
    }
    Ok(())
}

/// Removes what the last demo left but its certificates, so that whoever trusts its CA need not do so again.
fn forget_last(folder: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name == "certificates") {
            continue;
        }
        let removed =
            if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.with_context(|| format!("cannot remove {} of the last demo", path.display()))?;
    }
    Ok(())
}

fn tell(stack: &Stack) {
    let servers: Vec<_> = stack.servers().iter().map(|server| server.public_url.as_str()).collect();
    let ca = stack.certificates().public_ca();
    let profile = stack.folder().join("chromium");
    println!(
        "
The shop       {shop}
The agents     {web}
CServers       {servers}
Logs           {folder}/*.log

Log in as      {logins}

Certificates   are of a development CA whose key was thrown away. Either start a browser that knows it:

    chromium --user-data-dir={profile} --ignore-certificate-errors-spki-list={hash} {shop} {web}

               or import {ca} as an authority for websites.

Try this
  1. In the shop press “Get help”. A code appears in the corner.
  2. In another window log in as ada and enter the code: the shop appears, live.
  3. Search, fill the cart, go to the checkout. Card number, CVV and password stay hidden from the agent.
  4. Log in as bob in a private window and join too; move the pointer over the page.
  5. Reload the shop, open it in a second tab, end the session on either side.

Ctrl-C stops everything.",
        shop = stack.shop_url(),
        web = stack.web_url(),
        servers = servers.join("  "),
        folder = stack.folder().display(),
        logins = logins(stack),
        profile = profile.display(),
        hash = stack.certificates().spki_hash,
        ca = ca.display(),
    );
}

fn logins(stack: &Stack) -> String {
    let lines: Vec<_> = stack
        .accounts()
        .iter()
        .map(|account| {
            let roles: Vec<_> =
                account.roles.iter().map(|(group, role)| format!("{role} in {group}")).collect();
            format!("{:<4} {}   {}", account.name, account.password, roles.join(", "))
        })
        .collect();
    lines.join("\n               ")
}
