//! The configuration file: one TOML, every key with its default beside its name, all faults told at once.
//!
//! Owns reading and checking text. Whether the files that it names can be read, and what the host allows, is
//! found out at start.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use protocol::ServerId;
use protocol::limits::SESSIONS_PER_CORE_MAX;
use serde::{Deserialize, Serialize};

use crate::limits::{CONNECTIONS_PER_CORE_MAX, CONNECTIONS_PER_CORE_MIN};

/// A checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Names this server; the audience of its tickets.
    pub id: ServerId,
    /// Addresses to listen on; each core has a listener for each. None: the service manager hands sockets over.
    pub listen: Vec<SocketAddr>,
    /// What browsers call this server.
    pub public_url: Url,
    /// What the web tier calls it: a server name of its own, on the same port.
    pub control_name: String,
    /// The name that answers plain HTTP on the same port, for agents of groups that follow the visitor's protocol. None: no
    /// plain byte is taken.
    pub plain_host: Option<String>,
    /// Where the viewer sends an agent for a new ticket.
    pub web_tier_url: Url,
    /// How many cores; 0 takes all.
    pub cores: usize,
    /// Which backend.
    pub backend: Backend,
    /// Certificate for the public name.
    pub tls: TlsFiles,
    /// Certificate for the control name, and who may dial it.
    pub control: ControlFiles,
    /// How fast the kernel lets bytes go to a client.
    pub congestion: Congestion,
    /// Where this host's administrator reads metrics and health, unless the service manager hands a local socket over.
    pub admin_socket: Option<PathBuf>,
    /// How to log.
    pub log: Log,
    /// What a host may lower.
    pub limits: Limits,
}

/// Bounds that a smaller host lowers. A reload puts them in force; nobody who is there is sent away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Sessions of one core. More: `overload`.
    pub sessions_per_core: usize,
    /// Connections of one core. More are closed at once.
    pub connections_per_core: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions_per_core: SESSIONS_PER_CORE_MAX,
            connections_per_core: CONNECTIONS_PER_CORE_MAX,
        }
    }
}

/// An https origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// `https://host[:port]`.
    pub origin: String,
    /// `host[:port]`.
    pub host: String,
}

/// Which backend moves the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// io_uring where the kernel allows it, else readiness; start-up says which and why.
    #[default]
    Auto,
    /// io_uring or nothing.
    IoUring,
    /// Readiness: epoll or kqueue.
    Poll,
}

/// TCP congestion control of the clients' connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Congestion {
    /// Linux's usual one: cheapest for many small messages, since it needs no timer of its own for each connection.
    #[default]
    Cubic,
    /// The plainest.
    Reno,
    /// What the host is set to.
    Host,
}

impl Congestion {
    /// The kernel's name for it; none is to leave the host's.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Cubic => Some("cubic"),
            Self::Reno => Some("reno"),
            Self::Host => None,
        }
    }
}

/// PEM files of one certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// Chain, the server's own first.
    pub certificate: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

/// PEM files of the control stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlFiles {
    /// Chain, the server's own first.
    pub certificate: PathBuf,
    /// Private key.
    pub key: PathBuf,
    /// The control CA: whoever shows a certificate of it is a web tier.
    pub ca: PathBuf,
}

/// How to log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// Lines for a person or JSON for a collector.
    pub format: LogFormat,
}

/// See [`Log`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For a terminal.
    #[default]
    Text,
    /// One object a line.
    Json,
}

/// The file as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    id: String,
    #[serde(default)]
    listen: Vec<String>,
    public_url: String,
    control_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plain_host: Option<String>,
    web_tier_url: String,
    #[serde(default)]
    cores: usize,
    #[serde(default)]
    backend: Backend,
    #[serde(default)]
    congestion: Congestion,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    admin_socket: Option<PathBuf>,
    tls: TlsFiles,
    control: ControlFiles,
    #[serde(default)]
    log: Log,
    #[serde(default)]
    limits: Limits,
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {error}; give the file with --config")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not TOML of this shape. The message has line, column and the keys that exist.
    #[error("{path}: {error}")]
    Shape {
        /// Which.
        path: PathBuf,
        /// What.
        error: Box<toml::de::Error>,
    },
    /// Values that cannot be, each with its remedy.
    #[error("{path}:\n  {}", faults.join("\n  "))]
    Values {
        /// Which.
        path: PathBuf,
        /// All of them.
        faults: Vec<String>,
    },
}

impl Config {
    /// Reads and checks a file. Relative paths in it are relative to its folder.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Read { path: path.into(), error })?;
        Self::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let file: File = toml::from_str(text)
            .map_err(|error| ConfigError::Shape { path: path.into(), error: Box::new(error) })?;
        let mut faults = Vec::new();
        let config = file.check(path.parent().unwrap_or(Path::new("")), &mut faults);
        match config {
            Some(config) if faults.is_empty() => Ok(config),
            _ => {
                let faults =
                    faults.iter().map(|fault| host::lines::with_line(text, fault)).collect();
                Err(ConfigError::Values { path: path.into(), faults })
            }
        }
    }

    /// The effective values, as a file that says the same.
    pub fn to_toml(&self) -> String {
        let file = File {
            id: self.id.as_str().into(),
            listen: self.listen.iter().map(ToString::to_string).collect(),
            public_url: self.public_url.origin.clone(),
            control_name: self.control_name.clone(),
            plain_host: self.plain_host.clone(),
            web_tier_url: self.web_tier_url.origin.clone(),
            cores: self.cores,
            backend: self.backend,
            congestion: self.congestion,
            admin_socket: self.admin_socket.clone(),
            tls: self.tls.clone(),
            control: self.control.clone(),
            log: self.log,
            limits: self.limits,
        };
        // Every value of it was read from TOML or has the same types.
        toml::to_string(&file).unwrap_or_default()
    }
}

impl File {
    fn check(self, folder: &Path, faults: &mut Vec<String>) -> Option<Config> {
        let id = self.id.parse::<ServerId>();
        if let Err(error) = &id {
            faults.push(format!("id = {:?}: {error}", self.id));
        }
        let listen: Vec<SocketAddr> = self
            .listen
            .iter()
            .filter_map(|text| match text.parse() {
                Ok(address) => Some(address),
                Err(_) => {
                    faults.push(format!(
                        "listen: {text:?} is not an address with a port, like \"0.0.0.0:443\" or \"[::]:443\""
                    ));
                    None
                }
            })
            .collect();
        let public_url = url("public_url", &self.public_url, faults);
        let web_tier_url = url("web_tier_url", &self.web_tier_url, faults);
        let control_name = self.control_name.to_ascii_lowercase();
        if !is_host_name(&control_name) {
            faults.push(format!("control_name: {:?} is not a host name", self.control_name));
        } else if public_url.as_ref().is_some_and(|url| host_only(&url.host) == control_name) {
            faults.push(
                "control_name is the public name: it needs a name of its own, or browsers would be asked for certificates".into(),
            );
        }
        let plain_host = self.plain_host.map(|name| name.to_ascii_lowercase());
        if let (Some(name), Some(url)) = (&plain_host, &public_url) {
            // Only a name below the public one gets the cookie that the public one sets for it.
            let below = name.strip_suffix(host_only(&url.host)).is_some_and(|l| l.ends_with('.'));
            if !is_host_name(name) || !below || *name == control_name {
                faults.push(format!(
                    "plain_host: {name:?} is not a name below that of public_url, like \"plain.{}\"",
                    host_only(&url.host)
                ));
            }
        }
        if self.cores > CORES_MAX {
            faults.push(format!("cores = {}: at most {CORES_MAX}; 0 takes all", self.cores));
        }
        self.limits.check(faults);
        let at = |path: &PathBuf| host::source::relative_to(folder, path);
        Some(Config {
            id: id.ok()?,
            listen,
            public_url: public_url?,
            control_name,
            plain_host,
            web_tier_url: web_tier_url?,
            cores: self.cores,
            backend: self.backend,
            congestion: self.congestion,
            admin_socket: self.admin_socket.map(|path| folder.join(path)),
            tls: TlsFiles { certificate: at(&self.tls.certificate), key: at(&self.tls.key) },
            control: ControlFiles {
                certificate: at(&self.control.certificate),
                key: at(&self.control.key),
                ca: at(&self.control.ca),
            },
            log: self.log,
            limits: self.limits,
        })
    }
}

impl Limits {
    fn check(self, faults: &mut Vec<String>) {
        for (name, value, range) in [
            ("sessions_per_core", self.sessions_per_core, 1..=SESSIONS_PER_CORE_MAX),
            (
                "connections_per_core",
                self.connections_per_core,
                CONNECTIONS_PER_CORE_MIN..=CONNECTIONS_PER_CORE_MAX,
            ),
        ] {
            if !range.contains(&value) {
                faults.push(format!(
                    "limits.{name} = {value}: between {} and {}",
                    range.start(),
                    range.end()
                ));
            }
        }
    }
}

/// An https origin as a browser writes it; anything else is a fault.
fn url(name: &str, text: &str, faults: &mut Vec<String>) -> Option<Url> {
    let host = text.strip_prefix("https://").map(|host| host.trim_end_matches('/'));
    let host = host.map(|host| host.strip_suffix(":443").unwrap_or(host).to_ascii_lowercase());
    match host {
        Some(host) if is_host_name(host_only(&host)) && port_fits(&host) => {
            Some(Url { origin: format!("https://{host}"), host })
        }
        _ => {
            faults.push(format!(
                "{name}: {text:?} is not an https origin, like \"https://s1.example\" or \"https://s1.example:8443\""
            ));
            None
        }
    }
}

fn host_only(host: &str) -> &str {
    host.split_once(':').map_or(host, |(host, _)| host)
}

fn port_fits(host: &str) -> bool {
    host.split_once(':').is_none_or(|(_, port)| is_port(port))
}

/// As a browser writes it: no sign, no zeros in front, and never the default.
fn is_port(text: &str) -> bool {
    let canonical = |port: u16| port > 0 && port != 443 && port.to_string() == text;
    text.parse().is_ok_and(canonical)
}

fn is_host_name(name: &str) -> bool {
    name.len() <= 253
        && name.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
}

const CORES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        id = "s1"
        listen = ["127.0.0.1:9444", "[::1]:9444"]
        public_url = "https://S1.example:443/"
        control_name = "s1-control.example"
        web_tier_url = "https://www.example:8443"
        [tls]
        certificate = "s1.pem"
        key = "/keys/s1.key"
        [control]
        certificate = "c.pem"
        key = "c.key"
        ca = "ca.pem"
    "#;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("/etc/cobrowse/cserver.toml")).map_err(|e| e.to_string())
    }

    #[test]
    fn a_good_file_is_read_and_printing_it_says_the_same() {
        let config = parse(GOOD).unwrap();
        assert_eq!(config.public_url.origin, "https://s1.example");
        assert_eq!(config.tls.certificate, Path::new("/etc/cobrowse/s1.pem"));
        assert_eq!(config.tls.key, Path::new("/keys/s1.key"));
        assert_eq!(config.backend, Backend::Auto);
        assert_eq!(parse(&config.to_toml()).unwrap().to_toml(), config.to_toml());
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let bad = GOOD
            .replace("\"s1\"", "\"S 1\"")
            .replace("127.0.0.1:9444", "localhost")
            .replace("https://S1.example:443/", "http://s1.example")
            .replace("https://www.example:8443", "https://www.example:8443/path");
        let message = parse(&bad).unwrap_err();
        for part in ["id =", "listen:", "public_url:", "web_tier_url:"] {
            assert!(message.contains(part), "{part} is missing in {message}");
        }
    }

    #[test]
    fn the_name_of_plain_http_stands_below_the_public_one_and_is_none_by_default() {
        assert_eq!(parse(GOOD).unwrap().plain_host, None);
        let with = |name: &str| parse(&format!("plain_host = \"{name}\"\n{GOOD}"));
        let config = with("Plain.S1.example").unwrap();
        assert_eq!(config.plain_host.as_deref(), Some("plain.s1.example"));
        assert_eq!(parse(&config.to_toml()).unwrap().plain_host, config.plain_host);
        for bad in
            ["s1.example", "plains1.example", "plain.example", ".s1.example", "a b.s1.example"]
        {
            assert!(with(bad).unwrap_err().contains("plain_host"), "{bad}");
        }
    }

    #[test]
    fn a_misspelt_key_is_named_with_its_line() {
        let message = parse(&GOOD.replace("control_name", "controlname")).unwrap_err();
        assert!(message.contains("controlname") && message.contains("line 5"), "{message}");
    }

    #[test]
    fn the_control_name_is_not_the_public_one() {
        let message = parse(&GOOD.replace("s1-control.example", "s1.example")).unwrap_err();
        assert!(message.contains("a name of its own"), "{message}");
    }
}
