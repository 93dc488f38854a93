//! The two TLS sides of the web tier: towards browsers, and towards CServers.
//!
//! Reads the PEM files; every failure names the file and what to do.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use host::certificate::{Life, OutOfTime};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use zeroize::Zeroizing;

use crate::config::{Config, ControlFiles, TlsFiles};

/// A file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// Not readable, or not PEM of that kind.
    #[error("{path}: {error}; it must be a readable PEM file with {what}")]
    File { path: PathBuf, what: &'static str, error: String },
    /// Over, or not begun.
    #[error("{path}: {error}")]
    Time { path: PathBuf, error: OutOfTime },
    /// Readable, and yet of no use.
    #[error("{path}: {error}; check that certificate and key belong together")]
    Pair { path: PathBuf, error: rustls::Error },
}

/// TLS 1.2 and 1.3 with our public certificate; or all that is wrong with its files.
pub(crate) fn server(files: &TlsFiles) -> Result<Arc<ServerConfig>, Vec<TlsError>> {
    let (chain, key) = both(chain(&files.certificate), key(&files.key))?;
    let pair = |error| vec![TlsError::Pair { path: files.certificate.clone(), error }];
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// TLS towards CServers: they must have a certificate of the control CA, and see ours; or all that is wrong with the files.
pub(crate) fn client(files: &ControlFiles) -> Result<Arc<ClientConfig>, Vec<TlsError>> {
    let ours = both(chain(&files.certificate), key(&files.key));
    let (roots, (chain, key)) = match (roots(&files.ca), ours) {
        (Ok(roots), ours) => (roots, ours?),
        (Err(error), ours) => {
            return Err(std::iter::once(error).chain(ours.err().into_iter().flatten()).collect());
        }
    };
    let pair = |error| vec![TlsError::Pair { path: files.certificate.clone(), error }];
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_root_certificates(roots).with_client_auth_cert(chain, key))
        .map_err(pair)?;
    Ok(Arc::new(config))
}

/// An error for each certificate that cannot be used now.
pub(crate) fn check_lives(config: &Config) -> Vec<TlsError> {
    let fault = |path: &PathBuf| {
        let life = Life::of(&host::source::read(path).ok()?)?;
        life.check().err().map(|error| TlsError::Time { path: path.clone(), error })
    };
    [&config.tls.certificate, &config.control.certificate].into_iter().filter_map(fault).collect()
}

/// Tells monitoring when our certificates expire, and says so at once of one that is out of its time.
pub(crate) fn note_expiries(config: &Config) {
    for (name, path) in
        [("public", &config.tls.certificate), ("control", &config.control.certificate)]
    {
        let Some(life) = host::source::read(path).ok().and_then(|pem| Life::of(&pem)) else {
            continue;
        };
        crate::metrics::certificate(name, life.ends_s);
        if let Err(error) = life.check() {
            tracing::error!(certificate = name, path = %path.display(), "{error}");
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in chain(path)? {
        roots.add(authority).map_err(|error| TlsError::Pair { path: path.into(), error })?;
    }
    Ok(roots)
}

/// Both, or what is wrong with either.
fn both<A, B>(a: Result<A, TlsError>, b: Result<B, TlsError>) -> Result<(A, B), Vec<TlsError>> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (a, b) => Err(a.err().into_iter().chain(b.err()).collect()),
    }
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let file = |error: String| TlsError::File { path: path.into(), what: "a certificate", error };
    let text = host::source::read(path).map_err(|error| file(error.to_string()))?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| file(error.to_string()))?;
    if chain.is_empty() { Err(file("no certificate in it".into())) } else { Ok(chain) }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let file = |error: String| TlsError::File { path: path.into(), what: "a private key", error };
    let text = host::source::read(path).map_err(|error| file(error.to_string()))?;
    let text = Zeroizing::new(text);
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| file(error.to_string()))
}
