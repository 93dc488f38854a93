//! The command line: serving, checking the configuration, and orders to the store.
//!
//! Owns arguments and what is printed. What an order does stands in `admin/`.

use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use protocol::settings::{MaskDefault, Place};
use protocol::{GroupId, Privileges, ServerId};
use tracing_subscriber::EnvFilter;
use zeroize::Zeroizing;

use crate::admin::{self, Change, Context, Order, Outcome, socket};
use crate::audit::command::{self as audit, AuditCommand};
use crate::clock::Clock;
use crate::config::{Config, ConfigError, LogFormat};
use crate::limits::{DRAIN_MS_DEFAULT, PASSWORD_BYTES_MAX};
use crate::passwords::{PasswordError, hash};
use crate::serve::{ServeError, serve};
use crate::store::command::StoreCommand;
use crate::store::sled::SledStore;
use crate::store::{Store, StoreError};

/// The web tier of a cobrowse service: logs agents in and sends them to the right session server.
#[derive(Parser)]
#[command(name = "webtier", version, after_help = AFTER_HELP)]
pub struct Cli {
    /// The configuration file.
    #[arg(long, global = true, default_value = "/etc/cobrowse/webtier.toml")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until SIGTERM or SIGINT.
    Serve,
    /// Check the configuration and the files that it names.
    Check,
    /// Tell a running web tier to read certificates and limits again (SIGHUP).
    Reload {
        /// The number of its process.
        process: i32,
    },
    /// Print completions for a shell: `webtier completions bash > /usr/share/bash-completion/completions/webtier`.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print this program's manual page, as `man` reads it.
    Manual,
    /// Write the scripts for customers' pages into a folder, for a site that serves its own copy: FOLDER/<version>/loader.js and
    /// what belongs to it.
    Scripts {
        /// The folder.
        #[arg(long)]
        into: PathBuf,
    },
    /// Print the effective configuration.
    PrintConfig,
    /// Customers' groups and their settings.
    #[command(subcommand)]
    Group(Box<GroupCommand>),
    /// Roles of a group: which privileges an agent has in it.
    #[command(subcommand)]
    Role(RoleCommand),
    /// Agents' accounts.
    #[command(subcommand)]
    Agent(AgentCommand),
    /// Session servers.
    #[command(subcommand)]
    Server(ServerCommand),
    /// Who logged in, joined and changed what: the log, and its check.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// The store of a web tier that does not run: whether it is whole, its repair, what is in it. Run it as the account that serves.
    #[command(subcommand)]
    Store(StoreCommand),
}

#[derive(Subcommand)]
enum GroupCommand {
    /// Add a group, with the roles viewer, agent and lead.
    Add {
        id: GroupId,
        #[command(flatten)]
        settings: Settings,
    },
    /// Change settings; what is not given stays, a list that is given replaces the one before.
    Set {
        id: GroupId,
        #[command(flatten)]
        settings: Settings,
    },
    /// Give a group what was tried in its staging (the group ID~staging): masks, refused elements, terms and look. Origins, chat
    /// windows and the grace period stay, since they belong to a site.
    Publish { id: GroupId },
    /// List groups with their settings.
    List,
    /// Remove a group; its sessions end.
    Remove { id: GroupId },
}

#[derive(Args)]
struct Settings {
    /// Origin whose pages may run sessions, like https://shop.example; repeat for more.
    #[arg(long = "origin")]
    origins: Vec<String>,
    /// Origin from which agents' browsers may load images, styles and fonts besides; repeat for more.
    #[arg(long = "resource-origin")]
    resource_origins: Vec<String>,
    /// Origin of an application that may show the viewer in a frame; repeat for more.
    #[arg(long = "embed-ancestor")]
    embed_ancestors: Vec<String>,
    /// Show pages that came over plain HTTP to agents over plain HTTP, view only. The session server needs its plain_host.
    #[arg(long)]
    follows_protocol: Option<bool>,
    /// CSS selector of what agents never see; repeat for more.
    #[arg(long = "mask")]
    masks: Vec<String>,
    /// Name of a query parameter that addresses keep when agents see them; repeat for more.
    #[arg(long = "query-name")]
    query_names: Vec<String>,
    /// What is masked without any rule.
    #[arg(long)]
    mask_default: Option<Masked>,
    /// Pictures of each canvas that agents see in a second, 5 at most; 0, as from the beginning, for none.
    #[arg(long)]
    canvas_rate: Option<u8>,
    /// Origin whose pictures and fonts the visitor's browser sends along, since agents' browsers cannot reach it; repeat for more.
    #[arg(long = "upload-origin")]
    upload_origins: Vec<String>,
    /// How long a session waits for a visitor who went away, in milliseconds.
    #[arg(long)]
    grace_ms: Option<u64>,
    /// CSS selector of what no agent may act upon; repeat for more.
    #[arg(long = "refuse")]
    refuses: Vec<String>,
    /// Origin of a chat window that may start and end sessions by a window message; repeat for more.
    #[arg(long = "chat-origin")]
    chat_origins: Vec<String>,
    /// Text that a visitor has to accept before anything is shared; empty takes it away.
    #[arg(long)]
    terms: Option<String>,
    /// Where more of it stands.
    #[arg(long)]
    terms_url: Option<String>,
    /// Colour of the visitor's controls, like #1f5fbf.
    #[arg(long)]
    accent: Option<String>,
    /// Corner of the visitor's controls.
    #[arg(long)]
    place: Option<Corner>,
    /// Empty a list; repeat for more.
    #[arg(long = "clear")]
    cleared: Vec<List>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Masked {
    /// Password and payment fields.
    Passwords,
    /// Every field.
    Inputs,
    /// All text until unmasked.
    Text,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Corner {
    BottomRight,
    BottomLeft,
    TopRight,
    TopLeft,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum List {
    Origins,
    ResourceOrigins,
    EmbedAncestors,
    Masks,
    QueryNames,
    UploadOrigins,
    Refuses,
    ChatOrigins,
}

#[derive(Subcommand)]
enum RoleCommand {
    /// Add a role to a group, or replace it.
    Add {
        group: GroupId,
        name: String,
        /// view, point, draw, scroll, click, type, navigate, control, end; repeat for more.
        #[arg(long = "privilege", required = true, value_parser = privilege)]
        privileges: Vec<Privileges>,
    },
    /// Remove a role; views of agents who have it end.
    Remove { group: GroupId, name: String },
    /// List roles, of one group or of all.
    List { group: Option<GroupId> },
}

#[derive(Subcommand)]
enum AgentCommand {
    /// Add an account.
    Add {
        /// What the agent types to log in.
        name: String,
        /// What visitors and other agents see.
        #[arg(long)]
        display: String,
        /// Read the password from standard input; without it the account cannot log in.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Set a password; logins with the one before end.
    Password {
        name: String,
        /// Read the password from standard input. There is no other way, so that it stands in no history.
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Give an account a role in a group.
    Grant { name: String, group: GroupId, role: String },
    /// Take an account out of a group; its views there and its logins end.
    Revoke { name: String, group: GroupId },
    /// Remove an account.
    Remove { name: String },
    /// List accounts.
    List,
}

#[derive(Subcommand)]
enum ServerCommand {
    /// Add a session server. Names and address are apart, since not every name resolves here.
    Add {
        id: ServerId,
        /// What browsers call it, like https://s1.cobrowse.example.
        #[arg(long)]
        public_url: String,
        /// Its name on the control stream, which its certificate there must have.
        #[arg(long)]
        control_name: String,
        /// Where to dial it: host:port.
        #[arg(long)]
        address: String,
    },
    /// Let a server take no more sessions, move those it has, and end.
    Drain {
        id: ServerId,
        /// How long sessions may take to move, in milliseconds.
        #[arg(long, default_value_t = DRAIN_MS_DEFAULT)]
        deadline_ms: u64,
    },
    /// Forget a server; sessions that it still has count as lost.
    Remove { id: ServerId },
    /// List servers with their state.
    List,
}

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The message says what to do.
    #[error("{0}")]
    Told(String),
}

impl Cli {
    /// Does what the command line says.
    pub fn run(self) -> Result<(), CliError> {
        match &self.command {
            Command::Completions { shell } => {
                clap_complete::generate(
                    *shell,
                    &mut Self::command(),
                    "webtier",
                    &mut std::io::stdout(),
                );
                return Ok(());
            }
            Command::Reload { process } => {
                return host::signal::hang_up(*process)
                    .map_err(|error| CliError::Told(error.to_string()));
            }
            Command::Manual => {
                return host::manual::page(Self::command())
                    .and_then(|page| std::io::stdout().write_all(&page))
                    .map_err(|error| CliError::Told(format!("cannot print: {error}")));
            }
            Command::Scripts { into } => {
                let release = crate::releases::write(into).map_err(|error| {
                    CliError::Told(format!("cannot write into {}: {error}", into.display()))
                })?;
                return print(&[release.display().to_string()]);
            }
            Command::Audit(AuditCommand::Verify { file, public_key, head }) => {
                return print(&[audit::check(file, public_key, head.as_deref())?]);
            }
            _ => {}
        }
        let config = Config::read(&self.config)?;
        let order = match self.command {
            Command::Serve => return run_server(config, &self.config),
            Command::Check => {
                let found = crate::serve::file_faults(&config);
                if !found.is_empty() {
                    return Err(CliError::Told(found.join("\n")));
                }
                let mut lines = vec!["the configuration and its files are good".to_owned()];
                let faults = config.open_secrets().into_iter().chain(server_faults(&config));
                lines.extend(faults.map(|line| format!("But: {line}")));
                return print(&lines);
            }
            Command::PrintConfig => return print(&[config.to_toml()]),
            Command::Audit(AuditCommand::Key) => {
                return print(&[audit::public_key(&config)?]);
            }
            Command::Audit(AuditCommand::Accept) => return print(&[audit::accept(&config)?]),
            Command::Store(command) => return print(&command.run(&config.store)?),
            Command::Audit(AuditCommand::Export) => {
                return audit::export(|order| run_order(&config, order), print);
            }
            Command::Completions { .. }
            | Command::Manual
            | Command::Reload { .. }
            | Command::Scripts { .. }
            | Command::Audit(_) => {
                return Ok(());
            }
            Command::Group(command) => command.order(),
            Command::Role(command) => command.order(),
            Command::Agent(command) => command.order()?,
            Command::Server(command) => command.order(),
        };
        print(&run_order(&config, order)?)
    }
}

impl GroupCommand {
    fn order(self) -> Order {
        match self {
            Self::Add { id, settings } => {
                Order::GroupAdd { group: id, settings: settings.change() }
            }
            Self::Set { id, settings } => {
                Order::GroupSet { group: id, settings: settings.change() }
            }
            Self::Publish { id } => Order::GroupPublish { group: id },
            Self::List => Order::GroupList,
            Self::Remove { id } => Order::GroupRemove { group: id },
        }
    }
}

impl Settings {
    fn change(self) -> Change {
        let list = |given: Vec<String>, name: List| {
            (!given.is_empty() || self.cleared.contains(&name)).then_some(given)
        };
        Change {
            origins: list(self.origins, List::Origins),
            resource_origins: list(self.resource_origins, List::ResourceOrigins),
            embed_ancestors: list(self.embed_ancestors, List::EmbedAncestors),
            follows_protocol: self.follows_protocol,
            masks: list(self.masks, List::Masks),
            query_names: list(self.query_names, List::QueryNames),
            mask_default: self.mask_default.map(|masked| match masked {
                Masked::Passwords => MaskDefault::Passwords,
                Masked::Inputs => MaskDefault::Inputs,
                Masked::Text => MaskDefault::Text,
            }),
            canvas_rate: self.canvas_rate,
            upload_origins: list(self.upload_origins, List::UploadOrigins),
            grace_ms: self.grace_ms,
            refuses: list(self.refuses, List::Refuses),
            chat_origins: list(self.chat_origins, List::ChatOrigins),
            terms: self.terms,
            terms_url: self.terms_url,
            accent: self.accent,
            place: self.place.map(|corner| match corner {
                Corner::BottomRight => Place::BottomRight,
                Corner::BottomLeft => Place::BottomLeft,
                Corner::TopRight => Place::TopRight,
                Corner::TopLeft => Place::TopLeft,
            }),
        }
    }
}

impl RoleCommand {
    fn order(self) -> Order {
        match self {
            Self::Add { group, name, privileges } => Order::RoleAdd {
                group,
                role: name,
                privileges: privileges.into_iter().fold(Privileges::NONE, |all, one| all | one),
            },
            Self::Remove { group, name } => Order::RoleRemove { group, role: name },
            Self::List { group } => Order::RoleList { group },
        }
    }
}

impl AgentCommand {
    fn order(self) -> Result<Order, CliError> {
        Ok(match self {
            Self::Add { name, display, password_stdin } => {
                let password_hash = password_stdin.then(password_hash).transpose()?;
                Order::AgentAdd { name, display, password_hash }
            }
            Self::Password { name, .. } => {
                Order::AgentPassword { name, password_hash: password_hash()? }
            }
            Self::Grant { name, group, role } => Order::AgentGrant { name, group, role },
            Self::Revoke { name, group } => Order::AgentRevoke { name, group },
            Self::Remove { name } => Order::AgentRemove { name },
            Self::List => Order::AgentList,
        })
    }
}

impl ServerCommand {
    fn order(self) -> Order {
        match self {
            Self::Add { id, public_url, control_name, address } => {
                Order::ServerAdd { server: id, public_url, control_name, address }
            }
            Self::Drain { id, deadline_ms } => Order::ServerDrain { server: id, deadline_ms },
            Self::Remove { id } => Order::ServerRemove { server: id },
            Self::List => Order::ServerList,
        }
    }
}

/// Through the process that serves, or directly when none does.
fn run_order(config: &Config, order: Order) -> Result<Vec<String>, CliError> {
    let path = socket::path(&config.store);
    let answer = socket::send(&path, &order).map_err(|error| {
        CliError::Told(format!("{}: {error}; run this as the account that serves", path.display()))
    })?;
    match answer {
        Some(Outcome::Done(lines)) => Ok(lines),
        Some(Outcome::Failed(message)) => Err(CliError::Told(message)),
        None => {
            let store = SledStore::open(&config.store)?;
            let key = crate::serve::audit_key(config)?;
            let context = Context {
                audit_key: key.as_deref(),
                cookie_domain: &config.cookie_domain,
                public_url: &config.public_url,
                surrounds_views: config.surrounds_views,
                now_ms: Clock::system().now_ms(),
                status: None,
                unreadable: None,
            };
            let lines = admin::run(&store, &context, order).told;
            store.flush()?;
            Ok(lines?)
        }
    }
}

/// Of session servers that a web tier knows which runs here. None runs: nothing is known, and no store is made.
fn server_faults(config: &Config) -> Vec<String> {
    let path = socket::path(&config.store);
    match socket::send(&path, &Order::ServerFaults) {
        Ok(Some(Outcome::Done(lines))) => lines,
        _ => Vec::new(),
    }
}

fn run_server(config: Config, path: &std::path::Path) -> Result<(), CliError> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match config.log.format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CliError::Told(format!("no runtime: {error}")))?;
    runtime.block_on(serve(config, path))?;
    Ok(())
}

fn privilege(name: &str) -> Result<Privileges, String> {
    Privileges::by_name(name).ok_or_else(|| {
        let known: Vec<_> = Privileges::ALL.iter().map(|(known, _)| *known).collect();
        format!("expected one of {}", known.join(", "))
    })
}

/// One line from standard input, hashed here: the password itself goes nowhere else.
fn password_hash() -> Result<String, CliError> {
    let mut password = Zeroizing::new(String::new());
    let mut input = std::io::stdin().lock().take(PASSWORD_BYTES_MAX as u64 + 3);
    input
        .read_to_string(&mut password)
        .map_err(|error| CliError::Told(format!("no password on standard input: {error}")))?;
    Ok(hash(one_line(&password)?)?)
}

/// Its end, and empty lines behind it, are no part of it.
fn one_line(text: &str) -> Result<&str, CliError> {
    let line = text.trim_end_matches(['\r', '\n']);
    if line.contains(['\r', '\n']) {
        let told =
            "standard input has more than one line, and a password is one: nothing was changed";
        return Err(CliError::Told(told.into()));
    }
    Ok(line)
}

fn print(lines: &[String]) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    let written = lines.iter().try_for_each(|line| writeln!(out, "{}", line.trim_end()));
    written.map_err(|error| CliError::Told(format!("cannot print: {error}")))
}

macro_rules! told {
    ($($error:ty),*) => {$(
        impl From<$error> for CliError {
            fn from(error: $error) -> Self {
                Self::Told(error.to_string())
            }
        }
    )*};
}

told!(ConfigError, ServeError, StoreError, PasswordError);

const AFTER_HELP: &str = "\
Orders (group, role, agent, server, audit) speak to the running web tier by the socket beside its store, or open the store when none runs.
Files:
  /etc/cobrowse/webtier.toml  the configuration; `webtier check` tells every fault at once, with its line
Environment:
  RUST_LOG                    what is logged: info (default), debug, warn, or by module
  LISTEN_FDS, NOTIFY_SOCKET   a service manager's, for socket activation and notifications
  CREDENTIALS_DIRECTORY       where `credential:NAME` is read from
Signals:
  SIGHUP                      read certificates and limits again; with a fault in any, everything stays as it was
  SIGTERM, SIGINT             finish requests under way, flush the store, end; a second one does not wait for them
Exit codes:
  0  ended in good order
  1  could not start, or an order failed; the last line says why and what to do
  2  wrong use of the command line";
