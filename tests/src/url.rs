//! The parts of an `https` or `wss` URL that the clients need. Not a general parser: it reads what our own servers write.

use anyhow::{Context, Result};

/// An absolute URL over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Host name.
    pub host: String,
    /// Port; 443 when the URL has none.
    pub port: u16,
    /// Path with its query, starting with `/`.
    pub path: String,
}

impl Url {
    /// Reads an absolute URL.
    pub fn parse(text: &str) -> Result<Self> {
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("wss://"))
            .with_context(|| format!("{text:?} is neither https nor wss"))?;
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) if rest.as_bytes()[at] == b'/' => (&rest[..at], rest[at..].to_owned()),
            Some(at) => (&rest[..at], format!("/{}", &rest[at..])),
            None => (rest, "/".to_owned()),
        };
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => {
                (host, port.parse().with_context(|| format!("bad port in {text:?}"))?)
            }
            None => (authority, 443),
        };
        Ok(Self { host: host.to_ascii_lowercase(), port, path })
    }

    /// Follows a `Location` or `href` found on this page.
    pub fn join(&self, target: &str) -> Result<Self> {
        if target.starts_with("https://") {
            return Self::parse(target);
        }
        anyhow::ensure!(target.starts_with('/'), "cannot follow {target:?} from {}", self.origin());
        Ok(Self { path: target.to_owned(), ..self.clone() })
    }

    /// As a `Host` header has it.
    pub fn authority(&self) -> String {
        match self.port {
            443 => self.host.clone(),
            port => format!("{}:{port}", self.host),
        }
    }

    /// As an `Origin` header has it.
    pub fn origin(&self) -> String {
        format!("https://{}", self.authority())
    }

    /// Path without the query.
    pub fn path_only(&self) -> &str {
        self.path.split('?').next().unwrap_or("/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_and_targets_are_followed() {
        let url = Url::parse("wss://S1.example:9444/visitor?a=b").unwrap();
        assert_eq!((url.host.as_str(), url.port), ("s1.example", 9444));
        assert_eq!((url.path.as_str(), url.path_only()), ("/visitor?a=b", "/visitor"));
        assert_eq!(url.origin(), "https://s1.example:9444");
        assert_eq!(url.join("/x").unwrap().path, "/x");
        assert_eq!(url.join("https://other.example?q").unwrap().path, "/?q");
        assert_eq!(Url::parse("https://a.example").unwrap().authority(), "a.example");
        assert!(Url::parse("http://a.example").is_err() && url.join("x").is_err());
    }
}
