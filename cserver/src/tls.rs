//! Certificates and TLS rules, from files to the configurations that every connection uses.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use connection::TlsConfigs;
use connection::rustls::pki_types::pem::PemObject;
use connection::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use connection::rustls::server::{ServerSessionMemoryCache, WebPkiClientVerifier};
use connection::rustls::{self, RootCertStore, ServerConfig};

use host::certificate::{Life, OutOfTime};
use zeroize::Zeroizing;

use crate::config::Config;
use crate::credentials::Ticketer;

/// A certificate or key does not serve.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    /// A source gives nothing.
    #[error("{what} {path}: {error}")]
    Source {
        /// Which.
        what: &'static str,
        /// Where.
        path: String,
        /// Why.
        error: host::source::SourceError,
    },
    /// A file holds something else.
    #[error("{what} {path}: {error}; expected PEM")]
    File {
        /// Which.
        what: &'static str,
        /// Where.
        path: String,
        /// Why.
        error: rustls::pki_types::pem::Error,
    },
    /// A certificate is over, or not begun.
    #[error("certificate {path}: {error}")]
    Time {
        /// Where.
        path: String,
        /// Which of both.
        error: OutOfTime,
    },
    /// A file holds no certificate.
    #[error("{0}: no certificate in it; expected PEM blocks of CERTIFICATE")]
    Empty(String),
    /// Certificate and key do not fit, or rustls refuses them.
    #[error("certificate {path}: {error}")]
    Refused {
        /// Where.
        path: String,
        /// Why.
        error: rustls::Error,
    },
    /// The system gives no random bytes for the keys of session tickets.
    #[error("session tickets: the system gives no random bytes: {0}")]
    Random(getrandom::Error),
    /// The control CA does not serve to verify clients.
    #[error("control CA {path}: {error}")]
    Ca {
        /// Where.
        path: String,
        /// Why.
        error: rustls::server::VerifierBuilderError,
    },
}

/// Reads all files of a configuration: TLS 1.2 and 1.3, HTTP/1.1, one session ticket, a ticketer for all cores.
pub fn configs(config: &Config) -> Result<TlsConfigs, TlsSetupError> {
    let public = finish(builder().with_no_client_auth(), &config.tls.certificate, &config.tls.key)?;
    let ca = &config.control.ca;
    let mut roots = RootCertStore::empty();
    for certificate in chain(ca)? {
        roots
            .add(certificate)
            .map_err(|error| TlsSetupError::Refused { path: ca.display().to_string(), error })?;
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), connection::provider())
            .build()
            .map_err(|error| TlsSetupError::Ca { path: ca.display().to_string(), error })?;
    let control = finish(
        builder().with_client_cert_verifier(verifier),
        &config.control.certificate,
        &config.control.key,
    )?;
    Ok(TlsConfigs {
        public: Arc::new(public),
        control: Some((config.control_name.clone(), Arc::new(control))),
        plain_host: config.plain_host.clone(),
    })
}

/// TLS 1.2 and 1.3, with what the library offers and short traffic keys.
fn builder() -> rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier> {
    ServerConfig::builder_with_provider(connection::provider())
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .expect("the library's suites serve its versions")
}

/// When the certificates expire, seconds of the wall clock, by what they are for; an error for one that cannot be used now.
pub fn expiries(config: &Config) -> Result<BTreeMap<String, u64>, TlsSetupError> {
    let files = [("public", &config.tls.certificate), ("control", &config.control.certificate)];
    let mut expiries = BTreeMap::new();
    for (name, path) in files {
        if let Some(life) = Life::of(&read("certificate", path)?) {
            life.check()
                .map_err(|error| TlsSetupError::Time { path: path.display().to_string(), error })?;
            expiries.insert(name.to_owned(), life.ends_s);
        }
    }
    Ok(expiries)
}

type Builder = rustls::ConfigBuilder<ServerConfig, rustls::server::WantsServerCert>;

fn finish(builder: Builder, certificate: &Path, key: &Path) -> Result<ServerConfig, TlsSetupError> {
    let chain = chain(certificate)?;
    let text = Zeroizing::new(read("private key", key)?);
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|error| TlsSetupError::File {
        what: "private key",
        path: key.display().to_string(),
        error,
    })?;
    let mut config = builder.with_single_cert(chain, key).map_err(|error| {
        TlsSetupError::Refused { path: certificate.display().to_string(), error }
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // One ticket: a browser comes back once. Two cost a seal and a send at each handshake.
    config.send_tls13_tickets = 1;
    config.session_storage = ServerSessionMemoryCache::new(0);
    config.ticketer = Ticketer::new().map_err(TlsSetupError::Random)?;
    Ok(config)
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsSetupError> {
    let fault = |error| TlsSetupError::File {
        what: "certificate",
        path: path.display().to_string(),
        error,
    };
    let text = read("certificate", path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match chain.map_err(fault)? {
        chain if chain.is_empty() => Err(TlsSetupError::Empty(path.display().to_string())),
        chain => Ok(chain),
    }
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsSetupError> {
    let path_of = |error| TlsSetupError::Source { what, path: path.display().to_string(), error };
    host::source::read(path).map_err(path_of)
}
