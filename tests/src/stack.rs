//! A whole deployment on loopback: a web tier, CServers, the sample shop, certificates, accounts.
//!
//! `Stack::plan()` says what is wanted, `start` makes it so and returns once every part answers. Host names end in
//! `localhost`, so a browser finds them without a resolver; the clients here go to 127.0.0.1 whatever the name.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};
use std::thread::sleep;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::accounts::{Account, CAREFUL, CRM_ORIGIN, DEMO, STAGED, SUPPORT, agents};
use crate::certificates::{Certificates, Names};
use crate::files::{CServerFile, WebTierFile};
use crate::http::Request;
use crate::limits::{POLL_EVERY, START_MAX, START_TRIES_MAX, STOP_MAX};
use crate::manager::Manager;
use crate::net::Net;
pub use crate::ports::Ports;
use crate::ports::{FreePort, Taken};
use crate::process::Process;
use crate::programs::{Admin, Programs};
use crate::shop::{Shop, ShopSite};

/// A running deployment. Dropped, it kills what it started; [`Stack::stop`] ends it in good order.
pub struct Stack {
    plan: Plan,
    folder: Folder,
    certificates: Certificates,
    accounts: Vec<Account>,
    web: WebTier,
    servers: Vec<Server>,
    shop: Shop,
    net: Net,
}

/// What a stack is to be.
#[derive(Clone, Debug)]
pub struct Plan {
    backend: Backend,
    servers: usize,
    cores: usize,
    grace_ms: u64,
    ports: Option<Ports>,
    folder: Option<PathBuf>,
    is_apart: bool,
}

/// Which backend the CServers use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// What the host allows.
    Auto,
    /// io_uring.
    IoUring,
    /// Readiness.
    Poll,
}

/// One CServer of a stack.
pub struct Server {
    /// Its id.
    pub id: String,
    /// What browsers call it.
    pub public_url: String,
    /// What the web tier calls it.
    pub control_name: String,
    /// Where it listens.
    pub port: u16,
    /// Its process.
    pub process: Process,
}

/// The web tier of a stack.
pub struct WebTier {
    /// What browsers call it.
    pub public_url: String,
    /// Where it listens.
    pub port: u16,
    /// Its process.
    pub process: Process,
}

enum Folder {
    Scratch(TempDir),
    Kept(PathBuf),
}

impl Backend {
    /// As configuration and `/healthz` write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::IoUring => "io_uring",
            Self::Poll => "poll",
        }
    }

    /// The backend of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Auto, Self::IoUring, Self::Poll].into_iter().find(|backend| backend.name() == name)
    }

    /// What `COBROWSE_BACKEND` says; readiness when it says nothing.
    pub fn of_environment() -> Self {
        match std::env::var("COBROWSE_BACKEND") {
            Ok(name) => Self::from_name(&name).unwrap_or_else(|| {
                panic!("COBROWSE_BACKEND={name}: expected auto, io_uring or poll")
            }),
            Err(_) => Self::Poll,
        }
    }
}

impl Plan {
    /// Which backend; else what `COBROWSE_BACKEND` says.
    #[must_use]
    pub fn backend(self, backend: Backend) -> Self {
        Self { backend, ..self }
    }

    /// How many CServers; else one.
    #[must_use]
    pub fn servers(self, servers: usize) -> Self {
        Self { servers, ..self }
    }

    /// How many cores each; else one.
    #[must_use]
    pub fn cores(self, cores: usize) -> Self {
        Self { cores, ..self }
    }

    /// How long sessions wait for their visitor; else the default.
    #[must_use]
    pub fn grace_ms(self, grace_ms: u64) -> Self {
        Self { grace_ms, ..self }
    }

    /// The web tier shares no parent domain with the CServers, so that no cookie of it reaches them.
    #[must_use]
    pub fn apart(self) -> Self {
        Self { is_apart: true, ..self }
    }

    /// On these ports; else the system chooses.
    #[must_use]
    pub fn ports(self, ports: Ports) -> Self {
        Self { ports: Some(ports), ..self }
    }

    /// In this folder, which stays; else in a scratch folder, which stays when `COBROWSE_KEEP` is set.
    #[must_use]
    pub fn folder(self, folder: &Path) -> Self {
        Self { folder: Some(folder.to_owned()), ..self }
    }

    /// An error that names the port and its holder-to-be when one of the chosen ports is taken.
    pub fn check_ports(&self) -> Result<()> {
        Taken::take(self.ports, self.servers).map(drop)
    }

    /// Starts everything and waits until it answers.
    pub fn start(self) -> Result<Stack> {
        let mut tries = 1;
        loop {
            match self.clone().start_once() {
                // Between our giving a free port back and the child's taking it, somebody else may have.
                Err(error)
                    if tries < START_TRIES_MAX
                        && self.ports.is_none()
                        && format!("{error:#}").to_lowercase().contains("in use") =>
                {
                    tries += 1;
                }
                result => return result,
            }
        }
    }

    fn start_once(self) -> Result<Stack> {
        let programs = Programs::find()?;
        let folder = match &self.folder {
            Some(path) => Folder::Kept(path.clone()),
            None => {
                let mut folder = tempfile::tempdir()?;
                folder.disable_cleanup(std::env::var_os("COBROWSE_KEEP").is_some());
                Folder::Scratch(folder)
            }
        };
        let root = folder.path();
        fs::create_dir_all(root).with_context(|| format!("cannot make {}", root.display()))?;
        let mut taken = Taken::take(self.ports, self.servers)?;
        let certificates = Certificates::find_or_make(&root.join("certificates"), &self.names())?;
        let net = Net::trusting(&certificates.public_ca())?;

        let web_url = format!("https://{WEB_HOST}:{}", taken.web.number());
        let shop_url = format!("https://{SHOP_HOST}:{}", taken.shop.number());
        let store = root.join("store");
        // The same shop under a second name: another domain, to browsers.
        let pay_url = format!("https://{PAY_HOST}:{}", taken.shop.number());
        let web_file = root.join("webtier.toml");
        let file = WebTierFile {
            port: taken.web.number(),
            public_url: &web_url,
            cookie_domain: if self.is_apart { WEB_HOST } else { COOKIE_DOMAIN },
            store: &store,
        };
        fs::write(&web_file, file.text(&certificates))?;

        let accounts = agents()?;
        let admin = Admin { program: programs.webtier.clone(), file: web_file };
        for group in [&DEMO, &SUPPORT, &CAREFUL, &STAGED] {
            let grace = self.grace_ms.to_string();
            let mut words = vec!["group", "add", group.id, "--origin", &shop_url];
            words.extend(["--origin", &pay_url, "--chat-origin", &pay_url]);
            if group.id == SUPPORT.id {
                words.extend(["--embed-ancestor", CRM_ORIGIN]);
            }
            if group.id == CAREFUL.id {
                words.extend(["--terms", "An agent will see this page.\nNothing is recorded."]);
            }
            words.extend(["--grace-ms", &grace]);
            words.extend(group.masks.iter().flat_map(|mask| ["--mask", mask]));
            admin.run(&words, "")?;
        }
        for account in &accounts {
            let add =
                ["agent", "add", account.name, "--display", account.display, "--password-stdin"];
            admin.run(&add, &account.password)?;
            for (group, role) in account.roles {
                admin.run(&["agent", "grant", account.name, group, role], "")?;
            }
        }
        let mut servers = Vec::new();
        for (at, port) in (1..).zip(taken.servers.drain(..)) {
            servers.push(self.start_server(
                &programs,
                root,
                &certificates,
                at,
                port,
                &web_url,
                &admin,
            )?);
        }
        let web_port = taken.web.number();
        let shop = Shop::start(
            taken.shop.into_listener(),
            &certificates,
            ShopSite::new(shop_url, web_url.clone(), DEMO.id, MORE_GROUPS, COOKIE_DOMAIN),
        )?;
        drop(taken.web);
        let web = WebTier { public_url: web_url, port: web_port, process: admin.serve(root)? };
        let mut stack =
            Stack { plan: self, folder, certificates, accounts, web, servers, shop, net };
        stack.wait_until_ready()?;
        Ok(stack)
    }

    #[expect(clippy::too_many_arguments, reason = "called once; a struct would only rename them")]
    fn start_server(
        &self,
        programs: &Programs,
        root: &Path,
        certificates: &Certificates,
        at: usize,
        port: FreePort,
        web_url: &str,
        admin: &Admin,
    ) -> Result<Server> {
        let id = format!("s{at}");
        let number = port.number();
        let public_url = format!("https://{}:{number}", server_host(at));
        let control_name = control_host(at);
        let file = CServerFile {
            id: &id,
            port: number,
            public_url: &public_url,
            control_name: &control_name,
            web_tier_url: web_url,
            cores: self.cores,
            backend: self.backend,
            public_stem: &id,
            control_stem: &format!("c{at}"),
        };
        let path = root.join(format!("{id}.toml"));
        fs::write(&path, file.text(certificates))?;
        let address = format!("127.0.0.1:{number}");
        let words = ["server", "add", &id, "--public-url", &public_url, "--control-name"];
        admin.run(&[&words[..], &[&control_name, "--address", &address]].concat(), "")?;
        drop(port);
        let process = programs.serve_cserver(&id, &path, root)?;
        Ok(Server { id, public_url, control_name, port: number, process })
    }

    fn names(&self) -> Names {
        let pair = |stem: &str, host: &str| (stem.to_owned(), host.to_owned());
        let mut public = vec![pair("www", WEB_HOST), pair("shop", SHOP_HOST)];
        let mut control = vec![pair("w1", "w1.control.cobrowse.localhost")];
        for at in 1..=self.servers {
            public.push(pair(&format!("s{at}"), &server_host(at)));
            control.push(pair(&format!("c{at}"), &control_host(at)));
        }
        Names { public, control }
    }
}

impl Stack {
    /// The beginning of a plan: one CServer of one core, default grace period.
    pub fn plan() -> Plan {
        Plan {
            backend: Backend::of_environment(),
            servers: 1,
            cores: 1,
            grace_ms: protocol::limits::GRACE_MS_DEFAULT,
            ports: None,
            folder: None,
            is_apart: false,
        }
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

    /// The web tier's origin.
    pub fn web_url(&self) -> &str {
        &self.web.public_url
    }

    /// The web tier.
    pub fn web(&mut self) -> &mut WebTier {
        &mut self.web
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

    /// Runs a command of the web tier's command line.
    pub fn admin(&self, words: &[&str], input: &str) -> Result<String> {
        self.admin_of()?.run(words, input)
    }

    /// The processes' logs, one after the other.
    pub fn logs(&self) -> String {
        let servers = self.servers.iter().map(|server| server.process.log());
        servers.chain([self.web.process.log()]).collect()
    }

    /// An error when one of the processes has ended.
    pub fn check(&mut self) -> Result<()> {
        self.web.process.check()?;
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
        server.process = Programs::find()?.serve_cserver(&server.id, &file, root)?;
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
        ensure!(self.web.process.ended().is_some(), "the web tier still runs");
        let Admin { program, file } = self.admin_of()?;
        let words = ["serve", "--config", &file.to_string_lossy()];
        let log = self.folder.path().join("webtier.log");
        self.web.process = manager.start("web tier", &program, &words, &log)?;
        Ok(())
    }

    /// Starts the web tier again after its process has ended.
    pub fn restart_web(&mut self) -> Result<()> {
        ensure!(self.web.process.ended().is_some(), "the web tier still runs");
        self.web.process = self.admin_of()?.serve(self.folder.path())?;
        self.wait_until_ready()
    }

    /// Waits until every part answers, uses the backend that was asked for, and the web tier has dialled every CServer.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        let end = Instant::now() + START_MAX;
        let running = self.servers.len();
        loop {
            self.check()?;
            match self.is_ready(running) {
                Ok(()) => return Ok(()),
                Err(reason) if Instant::now() >= end => {
                    let logs: Vec<_> =
                        self.servers.iter().map(|server| server.process.log_tail()).collect();
                    bail!(
                        "not ready within {START_MAX:?}: {reason:#}\nweb tier:\n{}\nCServers:\n{}",
                        self.web.process.log_tail(),
                        logs.join("\n")
                    );
                }
                Err(_) => sleep(POLL_EVERY),
            }
        }
    }

    /// Waits until the web tier counts so many CServers as up.
    pub fn wait_for_servers_up(&self, wanted: usize) -> Result<()> {
        let end = Instant::now() + START_MAX;
        loop {
            match self.servers_up() {
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
        // The web tier first, so that it does not report CServers as lost that are being stopped.
        let end = Instant::now() + STOP_MAX;
        let servers = self.servers.iter_mut().map(|server| &mut server.process);
        let mut processes: Vec<_> = std::iter::once(&mut self.web.process).chain(servers).collect();
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
        let up = self.servers_up()?;
        ensure!(up == servers, "{up} of {servers} CServers have their control stream");
        Ok(())
    }

    fn servers_up(&self) -> Result<usize> {
        let url = format!("{}/healthz", self.web.public_url);
        let health: serde_json::Value = Request::get(&url)?.send(&self.net)?.json()?;
        Ok(health["servers_up"].as_u64().and_then(|up| usize::try_from(up).ok()).unwrap_or(0))
    }

    fn admin_of(&self) -> Result<Admin> {
        let program = Programs::find()?.webtier;
        Ok(Admin { program, file: self.folder.path().join("webtier.toml") })
    }
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Scratch(folder) => folder.path(),
            Self::Kept(path) => path,
        }
    }
}

fn server_host(at: usize) -> String {
    format!("s{at}.{COOKIE_DOMAIN}")
}

fn control_host(at: usize) -> String {
    format!("c{at}.control.{COOKIE_DOMAIN}")
}

const COOKIE_DOMAIN: &str = "cobrowse.localhost";
const WEB_HOST: &str = "www.cobrowse.localhost";
const SHOP_HOST: &str = "shop.localhost";
const PAY_HOST: &str = "pay.localhost";

/// What the shop's tag names besides its own group.
const MORE_GROUPS: &str = "support, careful";
