//! TLS to loopback: every host name leads to 127.0.0.1, whatever a resolver would say.
//!
//! Owns trust and connecting. What is said over the connection is in `http` and `socket`.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};

use crate::limits::WAIT_MAX;

/// A TLS connection of a client.
pub type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// Whom a client trusts, and who it says that it is.
#[derive(Clone, Debug)]
pub struct Net {
    config: Arc<ClientConfig>,
}

impl Net {
    /// A client that trusts one CA and shows no certificate.
    pub fn trusting(ca: &Path) -> Result<Self> {
        let config = builder()?.with_root_certificates(roots(ca)?).with_no_client_auth();
        Ok(Self { config: Arc::new(config) })
    }

    /// A client that speaks one version of TLS only.
    pub fn speaking(ca: &Path, version: &'static rustls::SupportedProtocolVersion) -> Result<Self> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])?
            .with_root_certificates(roots(ca)?)
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config) })
    }

    /// A client that tells what the keys of its connections are made of.
    pub fn telling(ca: &Path, told: Arc<dyn rustls::KeyLog>) -> Result<Self> {
        let mut config = builder()?.with_root_certificates(roots(ca)?).with_no_client_auth();
        config.key_log = told;
        Ok(Self { config: Arc::new(config) })
    }

    /// A client that shows a certificate.
    pub fn with_certificate(ca: &Path, chain: &Path, key: &Path) -> Result<Self> {
        let (chain, key) = identity(chain, key)?;
        let config =
            builder()?.with_root_certificates(roots(ca)?).with_client_auth_cert(chain, key)?;
        Ok(Self { config: Arc::new(config) })
    }

    /// Connects and completes the handshake. The reads of the stream give up after a short time, so that callers can bound their waits.
    pub fn connect(&self, host: &str, port: u16) -> Result<TlsStream> {
        let tcp = tcp(port)?;
        let name = ServerName::try_from(host.to_owned())?;
        let connection = ClientConnection::new(self.config.clone(), name)?;
        let mut stream = StreamOwned::new(connection, tcp);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).context("TLS handshake")?;
        }
        stream.sock.set_read_timeout(Some(READ_TIMEOUT))?;
        Ok(stream)
    }
}

/// A plain TCP connection to a port of loopback.
pub fn tcp(port: u16) -> Result<TcpStream> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let tcp = TcpStream::connect_timeout(&address, WAIT_MAX).map_err(|error| {
        let why = match error.kind() {
            ErrorKind::ConnectionRefused => "nobody listens there",
            ErrorKind::TimedOut => {
                "no answer at all, as if a rule of this machine's firewall swallowed it"
            }
            _ => "it cannot be reached",
        };
        anyhow::Error::new(error).context(format!("{address}: {why}"))
    })?;
    tcp.set_nodelay(true)?;
    tcp.set_read_timeout(Some(WAIT_MAX))?;
    tcp.set_write_timeout(Some(WAIT_MAX))?;
    Ok(tcp)
}

/// A server's side of TLS, for the shop.
pub fn server_config(chain: &Path, key: &Path) -> Result<Arc<ServerConfig>> {
    let (chain, key) = identity(chain, key)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Arc::new(config))
}

/// Whether an error only says that nothing came yet.
pub fn is_quiet(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Reads until the peer ends the connection; false when it did not within `at_most`.
pub fn ends_within(stream: &mut (impl Read + Write), at_most: Duration) -> bool {
    let end = std::time::Instant::now() + at_most;
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) if is_quiet(&error) => {}
            Err(_) => return true,
        }
        if std::time::Instant::now() >= end {
            return false;
        }
    }
}

fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?)
}

fn roots(ca: &Path) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca)? {
        roots.add(certificate?)?;
    }
    Ok(roots)
}

fn identity(
    chain: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let chain = CertificateDer::pem_file_iter(chain)?.collect::<Result<Vec<_>, _>>()?;
    Ok((chain, PrivateKeyDer::from_pem_file(key)?))
}

const READ_TIMEOUT: Duration = Duration::from_millis(50);
