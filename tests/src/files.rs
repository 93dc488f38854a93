//! Configuration files of the two servers, as an administrator would write them.

use std::net::SocketAddr;
use std::path::Path;

use crate::certificates::Certificates;
use crate::stack::Backend;

/// What stands in a CServer's file.
pub struct CServerFile<'a> {
    /// Its id.
    pub id: &'a str,
    /// Where it listens.
    pub listen: SocketAddr,
    /// What browsers call it.
    pub public_url: &'a str,
    /// What the web tier calls it.
    pub control_name: &'a str,
    /// Where agents get tickets.
    pub web_tier_url: &'a str,
    /// How many cores.
    pub cores: usize,
    /// Which backend.
    pub backend: Backend,
    /// Stem of its public certificate.
    pub public_stem: &'a str,
    /// Stem of its control certificate.
    pub control_stem: &'a str,
}

impl CServerFile<'_> {
    /// The file's text.
    pub fn text(&self, certificates: &Certificates) -> String {
        format!(
            "id = {:?}\nlisten = [\"{}\"]\npublic_url = {:?}\nplain_host = {:?}\ncontrol_name = {:?}\n\
             web_tier_url = {:?}\ncores = {}\nbackend = {:?}\n\n\
             [tls]\ncertificate = {:?}\nkey = {:?}\n\n\
             [control]\ncertificate = {:?}\nkey = {:?}\nca = {:?}\n",
            self.id,
            self.listen,
            self.public_url,
            plain_host(self.public_url),
            self.control_name,
            self.web_tier_url,
            self.cores,
            self.backend.name(),
            certificates.chain(self.public_stem),
            certificates.key(self.public_stem),
            certificates.chain(self.control_stem),
            certificates.key(self.control_stem),
            certificates.control_ca(),
        )
    }
}

/// Where a CServer of that URL answers plain HTTP, if a group wants it.
pub fn plain_host(public_url: &str) -> String {
    let host = public_url.trim_start_matches("https://");
    format!("plain.{}", host.split(':').next().unwrap_or(host))
}

/// What stands in the web tier's file.
pub struct WebTierFile<'a> {
    /// Its id, and the stem of its control certificate.
    pub replica: &'a str,
    /// Where it listens.
    pub port: u16,
    /// What browsers call it.
    pub public_url: &'a str,
    /// The parent that it shares with the CServers.
    pub cookie_domain: &'a str,
    /// When its page stands around views; else the default.
    pub surrounds_views: Option<&'static str>,
    /// Session starts of one address in a minute; else the default.
    pub starts_per_minute: Option<u32>,
    /// Its database.
    pub store: &'a Path,
    /// Stem of its public certificate.
    pub public_stem: &'a str,
}

impl WebTierFile<'_> {
    /// The file's text.
    pub fn text(&self, certificates: &Certificates) -> String {
        let limits = self.starts_per_minute.map_or_else(String::new, |starts| {
            format!(
                "\n[limits]\nstarts_per_minute_address = {starts}\nstarts_per_minute_group = {starts}\n"
            )
        });
        let surrounds = self
            .surrounds_views
            .map_or_else(String::new, |setting| format!("surrounds_views = {setting:?}\n"));
        format!(
            "replica = {:?}\nlisten = [\"127.0.0.1:{}\"]\npublic_url = {:?}\ncookie_domain = {:?}\n\
             {surrounds}\n\
             [tls]\ncertificate = {:?}\nkey = {:?}\n\n\
             [control]\ncertificate = {:?}\nkey = {:?}\nca = {:?}\n\n\
             [store]\npath = {:?}\n\n[audit]\nkey = {:?}\n{limits}",
            self.replica,
            self.port,
            self.public_url,
            self.cookie_domain,
            certificates.chain(self.public_stem),
            certificates.key(self.public_stem),
            certificates.chain(self.replica),
            certificates.key(self.replica),
            certificates.control_ca(),
            self.store,
            certificates.audit_key(),
        )
    }
}
