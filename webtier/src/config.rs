//! The configuration file: one TOML, every key with its default beside its name, all faults told at once.
//!
//! Owns reading and checking text. Whether the files that it names can be read is found out by `tls.rs` at start.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::ReplicaId;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::audit::signing::AuditKey;
use crate::limits::{STARTS_PER_MINUTE_ADDRESS, STARTS_PER_MINUTE_GROUP};
use crate::releases::Releases;
use crate::surrounding::Surrounding;

/// A checked configuration.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// This process's identity on control streams; no two may share one.
    pub(crate) replica: ReplicaId,
    /// Where to listen. Nowhere: the service manager hands sockets over.
    pub(crate) listen: Vec<SocketAddr>,
    /// What browsers call us: an https origin.
    pub(crate) public_url: String,
    /// The parent domain that we share with all CServers, for the ticket's cookie.
    pub(crate) cookie_domain: String,
    /// When a page of ours stands around views.
    pub(crate) surrounds_views: Surrounding,
    /// Certificate for the public name.
    pub(crate) tls: TlsFiles,
    /// Our certificate towards CServers, and the authority that theirs come from.
    pub(crate) control: ControlFiles,
    /// Where the store is.
    pub(crate) store: PathBuf,
    /// Where the token for `/metrics` comes from.
    pub(crate) metrics: Option<MetricsFile>,
    /// The token itself, read at the start.
    pub(crate) metrics_token: Option<Zeroizing<String>>,
    /// Scripts of earlier releases, read at the start.
    pub(crate) releases: Arc<Releases>,
    /// Where the key that signs the audit log comes from.
    pub(crate) audit: Option<PathBuf>,
    /// The key itself, read at the start.
    pub(crate) audit_key: Option<Arc<AuditKey>>,
    /// How to log.
    pub(crate) log: Log,
    /// What may be tuned.
    pub(crate) limits: Limits,
}

/// PEM files of one certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsFiles {
    /// Chain, our own first.
    pub(crate) certificate: PathBuf,
    /// Private key.
    pub(crate) key: PathBuf,
}

/// PEM files of the control streams.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ControlFiles {
    /// Chain, our own first.
    pub(crate) certificate: PathBuf,
    /// Private key.
    pub(crate) key: PathBuf,
    /// The control CA: whoever shows a certificate of it for its name is that CServer.
    pub(crate) ca: PathBuf,
}

/// How to log.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// Lines for a person or JSON for a collector.
    pub(crate) format: LogFormat,
}

/// See [`Log`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// For a terminal.
    #[default]
    Text,
    /// One object a line.
    Json,
}

/// Bounds that fit one site and not another.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// Starts in a minute from one address. More: 429.
    pub(crate) starts_per_minute_address: u32,
    /// Starts in a minute of one group. More: 429.
    pub(crate) starts_per_minute_group: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            starts_per_minute_address: STARTS_PER_MINUTE_ADDRESS,
            starts_per_minute_group: STARTS_PER_MINUTE_GROUP,
        }
    }
}

/// The file as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    replica: String,
    #[serde(default)]
    listen: Vec<String>,
    public_url: String,
    cookie_domain: String,
    #[serde(default)]
    surrounds_views: Surrounding,
    tls: TlsFiles,
    control: ControlFiles,
    store: StoreFile,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metrics: Option<MetricsFile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    audit: Option<AuditFile>,
    #[serde(default)]
    log: Log,
    #[serde(default)]
    limits: Limits,
}

/// See `[metrics]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetricsFile {
    /// Holds one line: what Prometheus sends as its bearer token.
    pub(crate) token: PathBuf,
}

/// See `[audit]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AuditFile {
    /// PEM with a PKCS#8 Ed25519 key.
    key: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoreFile {
    path: PathBuf,
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {error}; give the file with --config")]
    Read { path: PathBuf, error: std::io::Error },
    /// The file is not TOML of this shape. The message has line, column and the keys that exist.
    #[error("{path}: {error}")]
    Shape { path: PathBuf, error: Box<toml::de::Error> },
    /// Values that cannot be, each with its remedy.
    #[error("{path}:\n  {}", faults.join("\n  "))]
    Values { path: PathBuf, faults: Vec<String> },
}

impl Config {
    /// Reads and checks a file. Relative paths in it count from its folder.
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Read { path: path.into(), error })?;
        Self::parse(&text, path)
    }

    /// Reads and checks the text of a file at `path`.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let file: File = toml::from_str(text)
            .map_err(|error| ConfigError::Shape { path: path.into(), error: Box::new(error) })?;
        let mut faults = Vec::new();
        match file.check(path.parent().unwrap_or(Path::new("")), &mut faults) {
            Some(config) if faults.is_empty() => Ok(config),
            _ => {
                let faults =
                    faults.iter().map(|fault| host::lines::with_line(text, fault)).collect();
                Err(ConfigError::Values { path: path.into(), faults })
            }
        }
    }

    /// What to say of its secrets that every account of this host can read.
    pub(crate) fn open_secrets(&self) -> Vec<String> {
        let token = self.metrics.as_ref().map(|file| &file.token);
        let keys = [&self.tls.key, &self.control.key];
        let all = keys.into_iter().chain(&self.audit).chain(token);
        host::source::open_secrets(all.map(PathBuf::as_path))
    }

    /// Whether a page of ours may stand around views of that session server: it is none that a cookie of ours reaches.
    pub(crate) fn surrounds(&self, server_url: &str) -> bool {
        let is_reached = is_below(server_url, &self.cookie_domain);
        !is_reached && self.surrounds_views.is_for(&self.public_url, server_url)
    }

    /// The effective values, as a file that says the same. It holds no secret: keys are named by their files.
    pub(crate) fn to_toml(&self) -> String {
        let file = File {
            replica: self.replica.as_str().into(),
            listen: self.listen.iter().map(ToString::to_string).collect(),
            public_url: self.public_url.clone(),
            cookie_domain: self.cookie_domain.clone(),
            surrounds_views: self.surrounds_views,
            tls: self.tls.clone(),
            control: self.control.clone(),
            store: StoreFile { path: self.store.clone() },
            metrics: self.metrics.clone(),
            audit: self.audit.clone().map(|key| AuditFile { key }),
            log: self.log,
            limits: self.limits,
        };
        // Every value of it was read from TOML or has the same types.
        toml::to_string(&file).unwrap_or_default()
    }
}

impl File {
    fn check(self, folder: &Path, faults: &mut Vec<String>) -> Option<Config> {
        let replica = self.replica.parse::<ReplicaId>();
        if let Err(error) = &replica {
            faults.push(format!("replica = {:?}: {error}", self.replica));
        }
        let mut listen = Vec::new();
        for text in &self.listen {
            match text.parse() {
                Ok(address) => listen.push(address),
                Err(_) => faults.push(format!(
                    "listen: {text:?} is not an address with a port, like \"0.0.0.0:443\" or \"[::]:443\""
                )),
            }
        }
        let public_url = origin(&self.public_url);
        if public_url.is_none() {
            faults.push(format!(
                "public_url: {:?} is not an https origin, like \"https://www.example\" or \"https://www.example:8443\"",
                self.public_url
            ));
        }
        let cookie_domain = self.cookie_domain.trim_start_matches('.').to_ascii_lowercase();
        if !is_host_name(&cookie_domain) || !cookie_domain.contains('.') {
            faults.push(format!(
                "cookie_domain: {:?} is not a domain, like \"cobrowse.example\"",
                self.cookie_domain
            ));
        } else if public_url.as_ref().is_some_and(|url| !is_below(url, &cookie_domain)) {
            faults.push(format!(
                "cookie_domain: public_url is not below {cookie_domain:?}, so a browser would refuse the ticket's cookie"
            ));
        }
        for (name, value) in [
            ("starts_per_minute_address", self.limits.starts_per_minute_address),
            ("starts_per_minute_group", self.limits.starts_per_minute_group),
        ] {
            if !(1..=60_000).contains(&value) {
                faults.push(format!("limits.{name} = {value}: between 1 and 60000"));
            }
        }
        let at = |path: &PathBuf| host::source::relative_to(folder, path);
        let (store, audit) = (at(&self.store.path), self.audit.as_ref().map(|file| at(&file.key)));
        if audit.as_ref().is_some_and(|key| key.starts_with(&store)) {
            faults.push(format!(
                "audit.key: {} lies in the store's folder, so whoever gets the store could sign another log: keep it elsewhere",
                self.audit.as_ref().map_or(Path::new(""), |file| &file.key).display()
            ));
        }
        Some(Config {
            replica: replica.ok()?,
            listen,
            public_url: public_url?,
            cookie_domain,
            surrounds_views: self.surrounds_views,
            tls: TlsFiles { certificate: at(&self.tls.certificate), key: at(&self.tls.key) },
            control: ControlFiles {
                certificate: at(&self.control.certificate),
                key: at(&self.control.key),
                ca: at(&self.control.ca),
            },
            store,
            metrics: self.metrics.as_ref().map(|file| MetricsFile { token: at(&file.token) }),
            metrics_token: None,
            releases: Arc::default(),
            audit,
            audit_key: None,
            log: self.log,
            limits: self.limits,
        })
    }
}

/// An https origin as a browser writes it.
pub(crate) fn origin(text: &str) -> Option<String> {
    let host = text.strip_prefix("https://")?.trim_end_matches('/').to_ascii_lowercase();
    let host = host.strip_suffix(":443").unwrap_or(&host);
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let port_fits = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    (is_host_name(name) && port_fits).then(|| format!("https://{host}"))
}

/// The host of an origin, without its port.
pub(crate) fn name_of(origin: &str) -> &str {
    let host = origin.strip_prefix("https://").unwrap_or(origin);
    host.split_once(':').map_or(host, |(name, _)| name)
}

/// Whether the host of an origin is the domain or below it.
pub(crate) fn is_below(origin: &str, domain: &str) -> bool {
    let name = name_of(origin);
    name == domain || name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// Whether a text is a host name in lower case.
pub(crate) fn is_host_name(name: &str) -> bool {
    name.len() <= 253
        && name.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        replica = "w1"
        listen = ["127.0.0.1:9443"]
        public_url = "https://WWW.cobrowse.example:443/"
        cookie_domain = "cobrowse.example"
        [tls]
        certificate = "www.pem"
        key = "/keys/www.key"
        [control]
        certificate = "w1.pem"
        key = "w1.key"
        ca = "ca.pem"
        [store]
        path = "store"
    "#;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("/etc/cobrowse/webtier.toml")).map_err(|e| e.to_string())
    }

    #[test]
    fn a_good_file_is_read_and_printing_it_says_the_same() {
        let config = parse(GOOD).unwrap();
        assert_eq!(config.public_url, "https://www.cobrowse.example");
        assert_eq!(config.tls.certificate, Path::new("/etc/cobrowse/www.pem"));
        assert_eq!(config.tls.key, Path::new("/keys/www.key"));
        assert_eq!(config.store, Path::new("/etc/cobrowse/store"));
        assert_eq!(parse(&config.to_toml()).unwrap().to_toml(), config.to_toml());
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let bad = GOOD
            .replace("\"w1\"", "\"W 1\"")
            .replace("127.0.0.1:9443", "localhost")
            .replace("https://WWW.cobrowse.example:443/", "http://www.cobrowse.example")
            .replace("\"cobrowse.example\"", "\"localhost\"");
        let message = parse(&bad).unwrap_err();
        for part in ["replica =", "listen:", "public_url:", "cookie_domain:"] {
            assert!(message.contains(part), "{part} is missing in {message}");
        }
    }

    #[test]
    fn the_cookie_domain_is_a_parent_of_the_public_name() {
        let message =
            parse(&GOOD.replace("\"cobrowse.example\"", "\"browse.example\"")).unwrap_err();
        assert!(message.contains("would refuse"), "{message}");
        assert!(is_below("https://a.b.c:9443", "b.c") && is_below("https://b.c", "b.c"));
        assert!(!is_below("https://ab.c", "b.c"));
    }

    #[test]
    fn views_are_surrounded_where_that_is_needed_unless_the_file_says_otherwise() {
        let with = |line: &str| parse(&GOOD.replace("[tls]", &format!("{line}\n[tls]")));
        let (apart, ours) = ("https://s1.cobrowse-views.example", "https://s1.cobrowse.example");
        for (line, expected, is_around) in [
            ("", Surrounding::WhereNeeded, true),
            ("surrounds_views = \"where_needed\"", Surrounding::WhereNeeded, true),
            ("surrounds_views = \"always\"", Surrounding::Always, true),
            ("surrounds_views = true", Surrounding::Always, true),
            ("surrounds_views = \"never\"", Surrounding::Never, false),
            ("surrounds_views = false", Surrounding::Never, false),
        ] {
            let config = with(line).unwrap();
            assert_eq!(config.surrounds_views, expected, "{line}");
            assert_eq!((config.surrounds(apart), config.surrounds(ours)), (is_around, false));
            let again = parse(&config.to_toml()).unwrap();
            assert_eq!(again.surrounds_views, expected, "{line}");
        }
        for wrong in ["surrounds_views = \"sometimes\"", "surrounds_views = 1"] {
            let told = with(wrong).unwrap_err();
            assert!(told.contains("\"where_needed\", \"always\" (or true)"), "{told}");
        }
    }

    #[test]
    fn the_key_that_signs_the_audit_log_stands_outside_of_the_store() {
        for inside in ["store/audit.key", "/etc/cobrowse/store/a/audit.key", "./store/audit.key"] {
            let message = parse(&format!("{GOOD}[audit]\nkey = \"{inside}\"")).unwrap_err();
            assert!(message.contains("audit.key") && message.contains("elsewhere"), "{message}");
        }
        for outside in ["audit.key", "store.key", "/keys/store/audit.key", "credential:audit-key"] {
            assert!(parse(&format!("{GOOD}[audit]\nkey = \"{outside}\"")).is_ok(), "{outside}");
        }
    }

    #[test]
    fn a_misspelt_key_is_named_with_its_line() {
        let message = parse(&GOOD.replace("cookie_domain", "cookiedomain")).unwrap_err();
        assert!(message.contains("cookiedomain") && message.contains("line 5"), "{message}");
    }
}
