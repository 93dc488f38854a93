//! What a deployment is to be, and how it comes to be: ports, certificates, configuration files, groups and accounts, processes.
//!
//! Owns everything up to the moment at which all parts answer; the running deployment is a [`Stack`].

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::accounts::{Account, CAREFUL, CRM_ORIGIN, DEMO, STAGED, SUPPORT, agents};
use crate::certificates::{Certificates, Names};
use crate::files::{CServerFile, WebTierFile};
use crate::limits::START_TRIES_MAX;
use crate::net::Net;
use crate::ports::{FreePort, Ports, listen};
use crate::programs::{Admin, Programs};
use crate::shop::{Shop, ShopSite};
use crate::stack::{Folder, Server, Stack, WebTier};

/// What a stack is to be.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) backend: Backend,
    web_tiers: usize,
    servers: usize,
    cores: usize,
    grace_ms: u64,
    ports: Option<Ports>,
    folder: Option<PathBuf>,
    is_apart: bool,
    is_elsewhere: bool,
    surrounds_views: Option<&'static str>,
    ways: Vec<Way>,
    starts_per_minute: Option<u32>,
}

/// A CServer that stands somewhere else than its clients look for it: behind a proxy, in a network of its own.
#[derive(Clone, Debug)]
pub struct Way {
    /// Where it listens, and where web tiers dial it.
    pub listen: SocketAddr,
    /// The port of loopback that leads there: that of its public URL.
    pub public_port: u16,
    /// The command that runs a program there; empty for here.
    pub within: Vec<String>,
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

impl Default for Plan {
    fn default() -> Self {
        Self {
            backend: Backend::of_environment(),
            web_tiers: 1,
            servers: 1,
            cores: 1,
            grace_ms: protocol::limits::GRACE_MS_DEFAULT,
            ports: None,
            folder: None,
            is_apart: false,
            is_elsewhere: false,
            surrounds_views: None,
            ways: Vec::new(),
            starts_per_minute: None,
        }
    }
}

impl Plan {
    /// Which backend; else what `COBROWSE_BACKEND` says.
    #[must_use]
    pub fn backend(self, backend: Backend) -> Self {
        Self { backend, ..self }
    }

    /// How many web tiers, each with keys, a store and accounts of its own; else one.
    #[must_use]
    pub fn web_tiers(self, web_tiers: usize) -> Self {
        Self { web_tiers, ..self }
    }

    /// How many CServers; else one. Each serves all web tiers.
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

    /// The web tiers share no parent domain with the CServers, so that no cookie of them reaches these.
    #[must_use]
    pub fn apart(self) -> Self {
        Self { is_apart: true, ..self }
    }

    /// The CServers belong to another site than the web tiers.
    #[must_use]
    pub fn elsewhere(self) -> Self {
        Self { is_elsewhere: true, ..self }
    }

    /// The web tiers' page stands around views when this says so; else by default.
    #[must_use]
    pub fn surrounds_views(self, setting: &'static str) -> Self {
        Self { surrounds_views: Some(setting), ..self }
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

    /// How each CServer is reached, in their order; else at a port of loopback that is its own.
    #[must_use]
    pub fn ways(self, ways: Vec<Way>) -> Self {
        Self { servers: ways.len(), ways, ..self }
    }

    /// How many sessions one address may start in a minute; else the web tier's default.
    #[must_use]
    pub fn starts_per_minute(self, starts: u32) -> Self {
        Self { starts_per_minute: Some(starts), ..self }
    }

    /// An error that names the port and its holder-to-be when one of the chosen ports is taken.
    pub fn check_ports(&self) -> Result<()> {
        Taken::take(self).map(drop)
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
        let taken = Taken::take(&self)?;
        let certificates = Certificates::find_or_make(&root.join("certificates"), &self.names())?;
        let making = Making {
            plan: &self,
            programs: Programs::find()?,
            root,
            certificates: &certificates,
            accounts: agents()?,
            shop_url: format!("https://{SHOP_HOST}:{}", taken.shop.number()),
            pay_url: format!("https://{PAY_HOST}:{}", taken.shop.number()),
        };
        let tiers: Vec<_> = taken.webs.iter().enumerate().collect();
        let tiers: Vec<Tier> = tiers
            .into_iter()
            .map(|(at, port)| making.web_tier(at, port.number()))
            .collect::<Result<_>>()?;
        let servers = taken.servers.into_iter().zip(1..);
        let servers = servers
            .map(|(port, at)| making.server(at, port, &tiers))
            .collect::<Result<Vec<Server>>>()?;
        let shop = Shop::start(
            taken.shop.into_listener(),
            &certificates,
            ShopSite::new(
                making.shop_url.clone(),
                tiers[0].url.clone(),
                DEMO.id,
                MORE_GROUPS,
                if self.is_elsewhere { &[COOKIE_DOMAIN, VIEWS_DOMAIN] } else { &[COOKIE_DOMAIN] },
            ),
        )?;
        drop(taken.webs);
        let mut webs = Vec::new();
        for Tier { url, port, admin } in tiers {
            let process = admin.serve(root)?;
            webs.push(WebTier { public_url: url, port, admin, process });
        }
        let (net, accounts) = (Net::trusting(&certificates.public_ca())?, making.accounts);
        let mut stack =
            Stack { plan: self, folder, certificates, accounts, webs, servers, shop, net };
        stack.wait_until_ready()?;
        Ok(stack)
    }

    /// What the CServers' public names stand below.
    fn server_domain(&self) -> &'static str {
        if self.is_elsewhere { VIEWS_DOMAIN } else { COOKIE_DOMAIN }
    }

    fn server_host(&self, at: usize) -> String {
        format!("s{at}.{}", self.server_domain())
    }

    fn names(&self) -> Names {
        let pair = |stem: &str, host: &str| (stem.to_owned(), host.to_owned());
        let mut public = vec![pair("shop", SHOP_HOST)];
        let mut control = Vec::new();
        for at in 0..self.web_tiers {
            public.push((web_stem(at), web_host(at)));
            let replica = replica(at);
            control.push((replica.clone(), format!("{replica}.control.{COOKIE_DOMAIN}")));
        }
        for at in 1..=self.servers {
            public.push(pair(&format!("s{at}"), &self.server_host(at)));
            control.push(pair(&format!("c{at}"), &control_host(at)));
        }
        Names { public, control }
    }
}

/// A web tier that is set up and does not run yet.
struct Tier {
    url: String,
    port: u16,
    admin: Admin,
}

/// A deployment while it is made.
struct Making<'a> {
    plan: &'a Plan,
    programs: Programs,
    root: &'a Path,
    certificates: &'a Certificates,
    accounts: Vec<Account>,
    shop_url: String,
    /// The same shop under a second name: another domain, to browsers.
    pay_url: String,
}

impl Making<'_> {
    fn web_tier(&self, at: usize, port: u16) -> Result<Tier> {
        let host = web_host(at);
        let url = format!("https://{host}:{port}");
        let number = if at == 0 { String::new() } else { (at + 1).to_string() };
        let name = format!("webtier{number}");
        let file = WebTierFile {
            replica: &replica(at),
            port,
            public_url: &url,
            cookie_domain: if self.plan.is_apart { &host } else { COOKIE_DOMAIN },
            surrounds_views: self.plan.surrounds_views,
            starts_per_minute: self.plan.starts_per_minute,
            store: &self.root.join(format!("store{number}")),
            public_stem: &web_stem(at),
        };
        let path = self.root.join(format!("{name}.toml"));
        fs::write(&path, file.text(self.certificates))?;
        let admin = Admin { program: self.programs.webtier.clone(), file: path, name };
        for group in [&DEMO, &SUPPORT, &CAREFUL, &STAGED] {
            let grace = self.plan.grace_ms.to_string();
            let mut words = vec!["group", "add", group.id, "--origin", &self.shop_url];
            words.extend(["--origin", &self.pay_url, "--chat-origin", &self.pay_url]);
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
        for account in &self.accounts {
            let add =
                ["agent", "add", account.name, "--display", account.display, "--password-stdin"];
            admin.run(&add, &account.password)?;
            for (group, role) in account.roles {
                admin.run(&["agent", "grant", account.name, group, role], "")?;
            }
        }
        Ok(Tier { url, port, admin })
    }

    fn server(&self, at: usize, port: FreePort, tiers: &[Tier]) -> Result<Server> {
        let id = format!("s{at}");
        let here = Way {
            listen: (Ipv4Addr::LOCALHOST, port.number()).into(),
            public_port: port.number(),
            within: Vec::new(),
        };
        let Way { listen, public_port, within } =
            self.plan.ways.get(at - 1).cloned().unwrap_or(here);
        let public_url = format!("https://{}:{public_port}", self.plan.server_host(at));
        let control_name = control_host(at);
        let file = CServerFile {
            id: &id,
            listen,
            public_url: &public_url,
            control_name: &control_name,
            web_tier_url: &tiers[0].url,
            cores: self.plan.cores,
            backend: self.plan.backend,
            public_stem: &id,
            control_stem: &format!("c{at}"),
        };
        let path = self.root.join(format!("{id}.toml"));
        fs::write(&path, file.text(self.certificates))?;
        let address = listen.to_string();
        let words = ["server", "add", &id, "--public-url", &public_url, "--control-name"];
        for tier in tiers {
            tier.admin.run(&[&words[..], &[&control_name, "--address", &address]].concat(), "")?;
        }
        drop(port);
        let process = self.programs.serve_cserver(&id, &within, &path, self.root)?;
        Ok(Server { id, public_url, control_name, port: public_port, within, process })
    }
}

/// The ports of a plan, held until their servers take them.
struct Taken {
    webs: Vec<FreePort>,
    servers: Vec<FreePort>,
    shop: FreePort,
}

impl Taken {
    fn take(plan: &Plan) -> Result<Self> {
        let held = |fixed: Option<u16>, what: &str| match fixed {
            Some(port) => FreePort::holding(listen(port, what)?),
            None => FreePort::take(),
        };
        let after = |first: Option<u16>, at: usize| first?.checked_add(u16::try_from(at).ok()?);
        let web = |at: usize| held(after(plan.ports.map(|ports| ports.web), at), "the web tier");
        let webs = (0..plan.web_tiers).map(web).collect::<Result<_>>()?;
        let shop = held(plan.ports.map(|ports| ports.shop), "the shop")?;
        let server = |at: usize| {
            let fixed = after(plan.ports.map(|ports| ports.first_server), at);
            held(fixed, &format!("CServer s{}", at + 1))
        };
        Ok(Self { webs, servers: (0..plan.servers).map(server).collect::<Result<_>>()?, shop })
    }
}

fn replica(at: usize) -> String {
    format!("w{}", at + 1)
}

fn web_stem(at: usize) -> String {
    if at == 0 { "www".into() } else { format!("www{}", at + 1) }
}

fn web_host(at: usize) -> String {
    format!("{}.{COOKIE_DOMAIN}", web_stem(at))
}

fn control_host(at: usize) -> String {
    format!("c{at}.control.{COOKIE_DOMAIN}")
}

const COOKIE_DOMAIN: &str = "cobrowse.localhost";
/// Another site's, to browsers.
const VIEWS_DOMAIN: &str = "cobrowse-views.localhost";
const SHOP_HOST: &str = "shop.localhost";
const PAY_HOST: &str = "pay.localhost";

/// What the shop's tag names besides its own group.
const MORE_GROUPS: &str = "support, careful";
