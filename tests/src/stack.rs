//! A whole deployment on loopback: web tiers, CServers, the sample shop, certificates, accounts.
//!
//! `Stack::plan()` says what is wanted, `start` (in `plan.rs`) makes it so and returns once every part answers. Host names end in
//! `localhost`, so a browser finds them without a resolver; the clients here go to 127.0.0.1 whatever the name.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};
use std::thread::sleep;
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use tempfile::TempDir;

use crate::accounts::Account;
use crate::certificates::Certificates;
use crate::http::Request;
use crate::limits::{POLL_EVERY, START_MAX, STOP_MAX};
use crate::manager::Manager;
use crate::net::Net;
pub use crate::plan::{Backend, Plan, Way};
pub use crate::ports::Ports;
use crate::process::Process;
use crate::programs::{Admin, Programs};
use crate::shop::Shop;

/// A running deployment. Dropped, it kills what it started; [`Stack::stop`] ends it in good order.
pub struct Stack {
    pub(crate) plan: Plan,
    pub(crate) folder: Folder,
    pub(crate) certificates: Certificates,
    pub(crate) accounts: Vec<Account>,
    pub(crate) webs: Vec<WebTier>,
    pub(crate) servers: Vec<Server>,
    pub(crate) shop: Shop,
    pub(crate) net: Net,
}

/// One CServer of a stack.
pub struct Server {
    /// Its id.
    pub id: String,
    /// What browsers call it.
    pub public_url: String,
    /// What the web tier calls it.
    pub control_name: String,
    /// Where clients reach it on loopback.
    pub port: u16,
    /// The command that it runs within.
    pub(crate) within: Vec<String>,
    /// Its process.
    pub process: Process,
}

/// A web tier of a stack.
pub struct WebTier {
    /// What browsers call it.
    pub public_url: String,
    /// Where it listens.
    pub port: u16,
    /// Its command line.
    pub(crate) admin: Admin,
    /// Its process.
    pub process: Process,
}

pub(crate) enum Folder {
    Scratch(TempDir),
    Kept(PathBuf),
}

impl Stack {
    /// The beginning of a plan: one web tier, one CServer of one core, default grace period.
    pub fn plan() -> Plan {
        Plan::default()
    }

    /// A stack that tests of one program share: started by the first, stopped when the last has let go.
    pub fn shared(plan: Plan) -> Arc<Self> {
        static SHARED: Mutex<Weak<Stack>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(stack) = shared.upgrade() {
            return stack;
        }
        let stack = Arc::new(plan.start().unwrap_or_else(|error| panic!("{error:#}")));
        *shared = Arc::downgrade(&stack);
        stack
    }

    /// What the clients connect with.
    pub fn net(&self) -> &Net {
        &self.net
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its certificates.
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// The first web tier's origin.
    pub fn web_url(&self) -> &str {
        self.web_url_at(0)
    }

    /// The origin of one of the web tiers.
    pub fn web_url_at(&self, at: usize) -> &str {
        &self.webs[at].public_url
    }

    /// The first web tier.
    pub fn web(&mut self) -> &mut WebTier {
        self.web_at(0)
    }

    /// One of the web tiers, to be stopped or killed.
    pub fn web_at(&mut self, at: usize) -> &mut WebTier {
        &mut self.webs[at]
    }

    /// The shop's origin.
    pub fn shop_url(&self) -> &str {
        &self.shop.site().url
    }

    /// The CServers.
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// One of the CServers, to be stopped or killed.
    pub fn server(&mut self, at: usize) -> &mut Server {
        &mut self.servers[at]
    }

    /// The CServer whose URL starts so.
    pub fn server_at(&self, url: &str) -> Option<usize> {
        let https = url.replacen("wss://", "https://", 1);
        self.servers.iter().position(|server| https.starts_with(&format!("{}/", server.public_url)))
    }

    /// All accounts.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// The account of that name.
    pub fn account(&self, name: &str) -> &Account {
        let found = self.accounts.iter().find(|account| account.name == name);
        found.unwrap_or_else(|| panic!("no account {name:?} in accounts.rs"))
    }

    /// Runs a command of the first web tier's command line.
    pub fn admin(&self, words: &[&str], input: &str) -> Result<String> {
        self.admin_at(0, words, input)
    }

    /// The same with one of the web tiers.
    pub fn admin_at(&self, at: usize, words: &[&str], input: &str) -> Result<String> {
        self.webs[at].admin.run(words, input)
    }

    /// The processes' logs, one after the other.
    pub fn logs(&self) -> String {
        let servers = self.servers.iter().map(|server| server.process.log());
        servers.chain(self.webs.iter().map(|web| web.process.log())).collect()
    }

    /// An error when one of the processes has ended.
    pub fn check(&mut self) -> Result<()> {
        self.webs.iter_mut().try_for_each(|web| web.process.check())?;
        self.servers.iter_mut().try_for_each(|server| server.process.check())
    }

    /// Starts a CServer again whose process has ended, and waits until all is well.
    pub fn restart_server(&mut self, at: usize) -> Result<()> {
        self.revive_server(at)?;
        self.wait_until_ready()
    }

    /// The same without waiting.
    pub fn revive_server(&mut self, at: usize) -> Result<()> {
        let server = &mut self.servers[at];
        ensure!(server.process.ended().is_some(), "{} still runs", server.id);
        let root = self.folder.path();
        let file = root.join(format!("{}.toml", server.id));
        server.process =
            Programs::find()?.serve_cserver(&server.id, &server.within, &file, root)?;
        Ok(())
    }

    /// Starts a CServer whose process has ended as a service of that manager, and returns before it is ready.
    pub fn serve_server_by(&mut self, at: usize, manager: &Manager) -> Result<()> {
        let server = &mut self.servers[at];
        ensure!(server.process.ended().is_some(), "{} still runs", server.id);
        let root = self.folder.path();
        let file = root.join(format!("{}.toml", server.id));
        let words = ["serve", "--config", &file.to_string_lossy()];
        let log = root.join(format!("{}.log", server.id));
        server.process = manager.start(&server.id, &Programs::find()?.cserver, &words, &log)?;
        Ok(())
    }

    /// Starts the web tier, whose process has ended, as a service of that manager, and returns before it is ready.
    pub fn serve_web_by(&mut self, manager: &Manager) -> Result<()> {
        let root = self.folder.path();
        let web = &mut self.webs[0];
        ensure!(web.process.ended().is_some(), "the web tier still runs");
        let words = ["serve", "--config", &web.admin.file.to_string_lossy()];
        let log = root.join(format!("{}.log", web.admin.name));
        web.process = manager.start(&web.admin.name, &web.admin.program, &words, &log)?;
        Ok(())
    }

    /// Starts the first web tier again after its process has ended, and waits until all is well.
    pub fn restart_web(&mut self) -> Result<()> {
        self.revive_web(0)?;
        self.wait_until_ready()
    }

    /// Starts one of the web tiers again after its process has ended, without waiting.
    pub fn revive_web(&mut self, at: usize) -> Result<()> {
        let root = self.folder.path();
        let web = &mut self.webs[at];
        ensure!(web.process.ended().is_some(), "{} still runs", web.admin.name);
        web.process = web.admin.serve(root)?;
        Ok(())
    }

    /// Waits until every part answers, uses the backend that was asked for, and each web tier has dialled every CServer.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        let end = Instant::now() + START_MAX;
        let running = self.servers.len();
        loop {
            self.check()?;
            match self.is_ready(running) {
                Ok(()) => return Ok(()),
                Err(reason) if Instant::now() >= end => {
                    let webs = self.webs.iter().map(|web| &web.process);
                    let all = webs.chain(self.servers.iter().map(|server| &server.process));
                    let logs = all.map(|one| format!("{}:\n{}", one.name(), one.log_tail()));
                    bail!(
                        "not ready within {START_MAX:?}: {reason:#}\n{}",
                        logs.collect::<Vec<_>>().join("\n")
                    );
                }
                Err(_) => sleep(POLL_EVERY),
            }
        }
    }

    /// Waits until the first web tier counts so many CServers as up.
    pub fn wait_for_servers_up(&self, wanted: usize) -> Result<()> {
        let end = Instant::now() + START_MAX;
        loop {
            match self.servers_up(0) {
                Ok(up) if up == wanted => return Ok(()),
                other if Instant::now() >= end => {
                    bail!("the web tier does not see {wanted} CServers up: {other:?}")
                }
                _ => sleep(POLL_EVERY),
            }
        }
    }

    /// The backend that a CServer says it uses.
    pub fn backend_of(&self, at: usize) -> Result<String> {
        let url = format!("{}/healthz", self.servers[at].public_url);
        let health: serde_json::Value = Request::get(&url)?.send(&self.net)?.json()?;
        Ok(health["backend"].as_str().unwrap_or_default().to_owned())
    }

    /// Ends everything in good order, or after a bound by force. Says which process did not end by itself.
    pub fn stop(mut self) -> Vec<String> {
        // Web tiers first, so that they do not report CServers as lost that are being stopped.
        let end = Instant::now() + STOP_MAX;
        let servers = self.servers.iter_mut().map(|server| &mut server.process);
        let webs = self.webs.iter_mut().map(|web| &mut web.process);
        let mut processes: Vec<_> = webs.chain(servers).collect();
        processes.iter().for_each(|process| process.terminate());
        let late = processes
            .iter_mut()
            .filter_map(|process| {
                match process.wait(end.saturating_duration_since(Instant::now())) {
                    Some(_) => None,
                    None => {
                        process.kill();
                        Some(process.name().to_owned())
                    }
                }
            })
            .collect();
        self.shop.stop();
        late
    }

    fn is_ready(&self, servers: usize) -> Result<()> {
        for (at, server) in self.servers.iter().enumerate() {
            let backend = self.backend_of(at)?;
            let wanted = self.plan.backend;
            ensure!(
                wanted == Backend::Auto || backend == wanted.name(),
                "{} uses {backend}, not {}",
                server.id,
                wanted.name()
            );
        }
        for (at, web) in self.webs.iter().enumerate() {
            let up = self.servers_up(at)?;
            let name = web.process.name();
            ensure!(up == servers, "{up} of {servers} CServers have a control stream of {name}");
        }
        Ok(())
    }

    fn servers_up(&self, web: usize) -> Result<usize> {
        let url = format!("{}/healthz", self.webs[web].public_url);
        let health: serde_json::Value = Request::get(&url)?.send(&self.net)?.json()?;
        Ok(health["servers_up"].as_u64().and_then(|up| usize::try_from(up).ok()).unwrap_or(0))
    }
}

impl Folder {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Scratch(folder) => folder.path(),
            Self::Kept(path) => path,
        }
    }
}
