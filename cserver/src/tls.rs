//! Certificates and TLS rules, from files to the configurations that every connection uses.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use connection::TlsConfigs;
use connection::rustls::pki_types::pem::PemObject;
use connection::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use connection::rustls::server::danger::ClientCertVerifier;
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

/// All that is wrong with them.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "))]
pub struct TlsFaults(pub Vec<TlsSetupError>);

/// When certificates expire, seconds of the wall clock, by what they are for.
pub type Expiries = BTreeMap<String, u64>;

/// Reads all files of a configuration: TLS 1.2 and 1.3, HTTP/1.1, one session ticket, a ticketer for all cores. Every file that does not serve is told,
/// and a certificate that cannot be used now.
pub fn read(config: &Config) -> Result<(TlsConfigs, Expiries), TlsFaults> {
    let (mut faults, mut expiries) = (Vec::new(), Expiries::new());
    let Config { tls, control, .. } = config;
    let public = pair(&tls.certificate, &tls.key, &mut faults);
    let own = pair(&control.certificate, &control.key, &mut faults);
    let verifier = note(verifier(&control.ca), &mut faults);
    for (name, pair) in [("public", &public), ("control", &own)] {
        let life = pair.as_ref().and_then(|pair| pair.life);
        expiries.extend(life.map(|life| (name.to_owned(), life.ends_s)));
    }
    let public = public.and_then(|pair| {
        note(pair.finish(builder().with_no_client_auth(), &tls.certificate), &mut faults)
    });
    let control = own.zip(verifier).and_then(|(pair, verifier)| {
        let builder = builder().with_client_cert_verifier(verifier);
        note(pair.finish(builder, &control.certificate), &mut faults)
    });
    match (public, control) {
        (Some(public), Some(control)) if faults.is_empty() => Ok((
            TlsConfigs {
                public: Arc::new(public),
                control: Some((config.control_name.clone(), Arc::new(control))),
                plain_host: config.plain_host.clone(),
            },
            expiries,
        )),
        _ => Err(TlsFaults(faults)),
    }
}

fn note<T>(result: Result<T, TlsSetupError>, faults: &mut Vec<TlsSetupError>) -> Option<T> {
    result.map_err(|error| faults.push(error)).ok()
}

/// Who may open a control stream.
fn verifier(ca: &Path) -> Result<Arc<dyn ClientCertVerifier>, TlsSetupError> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(ca)?.0 {
        roots
            .add(certificate)
            .map_err(|error| TlsSetupError::Refused { path: ca.display().to_string(), error })?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), connection::provider())
        .build()
        .map_err(|error| TlsSetupError::Ca { path: ca.display().to_string(), error })
}

/// TLS 1.2 and 1.3, with what the library offers and short traffic keys.
fn builder() -> rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier> {
    ServerConfig::builder_with_provider(connection::provider())
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .expect("the library's suites serve its versions")
}

type Builder = rustls::ConfigBuilder<ServerConfig, rustls::server::WantsServerCert>;

/// A certificate with its key.
struct Pair {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    life: Option<Life>,
}

fn pair(certificate: &Path, key: &Path, faults: &mut Vec<TlsSetupError>) -> Option<Pair> {
    let read = note(chain(certificate), faults);
    let key = note(private_key(key), faults);
    let (chain, life) = read?;
    if let Some(Err(error)) = life.map(Life::check) {
        faults.push(TlsSetupError::Time { path: certificate.display().to_string(), error });
    }
    Some(Pair { chain, key: key?, life })
}

impl Pair {
    fn finish(self, builder: Builder, path: &Path) -> Result<ServerConfig, TlsSetupError> {
        let mut config = builder
            .with_single_cert(self.chain, self.key)
            .map_err(|error| TlsSetupError::Refused { path: path.display().to_string(), error })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // One ticket: a browser comes back once. Two cost a seal and a send at each handshake.
        config.send_tls13_tickets = 1;
        config.session_storage = ServerSessionMemoryCache::new(0);
        config.ticketer = Ticketer::new().map_err(TlsSetupError::Random)?;
        Ok(config)
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsSetupError> {
    let text = Zeroizing::new(bytes("private key", path)?);
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| TlsSetupError::File {
        what: "private key",
        path: path.display().to_string(),
        error,
    })
}

/// The certificates of a file, and the life of the first.
fn chain(path: &Path) -> Result<(Vec<CertificateDer<'static>>, Option<Life>), TlsSetupError> {
    let fault = |error| TlsSetupError::File {
        what: "certificate",
        path: path.display().to_string(),
        error,
    };
    let text = bytes("certificate", path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match chain.map_err(fault)? {
        chain if chain.is_empty() => Err(TlsSetupError::Empty(path.display().to_string())),
        chain => Ok((chain, Life::of(&text))),
    }
}

fn bytes(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsSetupError> {
    let path_of = |error| TlsSetupError::Source { what, path: path.display().to_string(), error };
    host::source::read(path).map_err(path_of)
}
