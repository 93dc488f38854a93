//! The client's TLS without a socket: ciphertext in, plaintext out, and back; and the configurations it runs with.
//!
//! Records are decrypted where they were read (rustls's unbuffered API), so that the generator spends its core on messages.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::{Resumption, UnbufferedClientConnection};
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{ClientConfig, RootCertStore};

/// A certificate or key file does not serve.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    /// A file cannot be read or holds something else.
    #[error("{path}: {error}; expected a PEM file")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: rustls::pki_types::pem::Error,
    },
    /// A file has no certificate in it.
    #[error("{0}: no certificate in it")]
    Empty(PathBuf),
    /// rustls does not take it.
    #[error("{path}: {error}")]
    Refused {
        /// Which.
        path: PathBuf,
        /// Why.
        error: rustls::Error,
    },
}

/// How a connection ends in TLS.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TlsError {
    /// rustls, with the likely cause.
    #[error("{error}{}", remedy(error))]
    Rustls {
        /// What it says.
        error: rustls::Error,
    },
    /// More was sealed than one key may seal.
    #[error("the traffic key is used up")]
    Exhausted,
}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        Self::Rustls { error }
    }
}

/// Which key exchange the clients offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum KeyExchange {
    /// X25519 and TLS_AES_128_GCM_SHA256 alone: what figures are compared with.
    #[default]
    X25519,
    /// What a current browser offers: X25519MLKEM768 first, all cipher suites.
    Browser,
}

/// Configuration of visitors and agents: trusts one CA, offers no client certificate.
pub fn public_config(
    ca: &Path,
    exchange: KeyExchange,
    resumes: bool,
) -> Result<ClientConfig, TlsSetupError> {
    let mut config = builder(exchange).with_root_certificates(roots(ca)?).with_no_client_auth();
    config.resumption = if resumes { one_ticket() } else { Resumption::disabled() };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Configuration of the control stream: shows a certificate of the control CA, trusts the same.
pub fn control_config(ca: &Path, chain: &Path, key: &Path) -> Result<ClientConfig, TlsSetupError> {
    let key = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| TlsSetupError::File { path: key.into(), error })?;
    let mut config = builder(KeyExchange::Browser)
        .with_root_certificates(roots(ca)?)
        .with_client_auth_cert(certificates(chain)?, key)
        .map_err(|error| TlsSetupError::Refused { path: chain.into(), error })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The same configuration with a memory of its own for a session ticket: a browser does not come back with another's.
pub fn with_own_memory(config: &Arc<ClientConfig>) -> Arc<ClientConfig> {
    let mut own = ClientConfig::clone(config);
    own.resumption = one_ticket();
    Arc::new(own)
}

/// TLS state of one connection.
pub struct Tls {
    conn: UnbufferedClientConnection,
    closed: bool,
}

impl Tls {
    /// A connection that is about to say hello; its first flight is appended to `out`.
    pub fn new(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        out: &mut Vec<u8>,
    ) -> Result<Self, TlsError> {
        let conn = UnbufferedClientConnection::new(config, name)?;
        let mut tls = Self { conn, closed: false };
        tls.receive(&mut [], &mut Vec::new(), out)?;
        Ok(tls)
    }

    /// Whether the handshake is still going on.
    pub fn is_handshaking(&self) -> bool {
        self.conn.is_handshaking()
    }

    /// Whether the server resumed an earlier session.
    pub fn is_resumed(&self) -> bool {
        self.conn.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
    }

    /// Whether the server said that it sends no more.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Takes ciphertext, decrypting it in place; plaintext is appended to `plain`, what TLS has to say to `out`. Gives how many
    /// bytes were used up; the rest is the beginning of a record and must be shown again.
    pub fn receive(
        &mut self,
        bytes: &mut [u8],
        plain: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<usize, TlsError> {
        let mut used = 0;
        loop {
            let UnbufferedStatus { mut discard, state, .. } =
                self.conn.process_tls_records(&mut bytes[used..]);
            let mut waits = false;
            match state? {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        plain.extend_from_slice(record.payload);
                        discard += record.discard;
                    }
                }
                ConnectionState::EncodeTlsData(mut data) => encode(&mut data, out),
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::PeerClosed => self.closed = true,
                _ => waits = true,
            }
            used += discard;
            if waits {
                return Ok(used);
            }
        }
    }

    /// Appends `plain`, sealed, to `out`.
    pub fn seal(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), TlsError> {
        for fragment in plain.chunks(RECORD_BYTES_MAX) {
            loop {
                match self.conn.process_tls_records(&mut []).state? {
                    ConnectionState::EncodeTlsData(mut data) => encode(&mut data, out),
                    ConnectionState::TransmitTlsData(data) => data.done(),
                    ConnectionState::WriteTraffic(mut traffic) => {
                        let start = out.len();
                        out.resize(start + fragment.len() + RECORD_OVERHEAD_BYTES, 0);
                        match traffic.encrypt(fragment, &mut out[start..]) {
                            Ok(written) => out.truncate(start + written),
                            Err(EncryptError::EncryptExhausted) => return Err(TlsError::Exhausted),
                            Err(EncryptError::InsufficientSize(_)) => {
                                unreachable!("a record needs at most {RECORD_OVERHEAD_BYTES} more")
                            }
                        }
                        break;
                    }
                    // The server has closed: what is written now is for nobody.
                    _ => return Ok(()),
                }
            }
        }
        Ok(())
    }
}

type EncodeTlsData<'c> =
    rustls::unbuffered::EncodeTlsData<'c, rustls::client::ClientConnectionData>;

fn encode(data: &mut EncodeTlsData<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    let mut room = RECORD_OVERHEAD_BYTES;
    loop {
        out.resize(start + room, 0);
        match data.encode(&mut out[start..]) {
            Ok(written) => return out.truncate(start + written),
            Err(EncodeError::InsufficientSize(size)) => room = size.required_size,
            Err(EncodeError::AlreadyEncoded) => return out.truncate(start),
        }
    }
}

fn builder(exchange: KeyExchange) -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    let mut provider = provider::default_provider();
    if exchange == KeyExchange::X25519 {
        provider.cipher_suites = vec![provider::cipher_suite::TLS13_AES_128_GCM_SHA256];
        provider.kx_groups = vec![provider::kx_group::X25519];
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(provider));
    match builder.with_protocol_versions(&[&rustls::version::TLS13]) {
        Ok(builder) => builder,
        Err(error) => unreachable!("the suites above are of TLS 1.3: {error}"),
    }
}

fn one_ticket() -> Resumption {
    Resumption::in_memory_sessions(1)
}

fn roots(ca: &Path) -> Result<RootCertStore, TlsSetupError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots
            .add(certificate)
            .map_err(|error| TlsSetupError::Refused { path: ca.into(), error })?;
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsSetupError> {
    let fault = |error| TlsSetupError::File { path: path.into(), error };
    let all: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(fault)?.collect();
    match all.map_err(fault)? {
        all if all.is_empty() => Err(TlsSetupError::Empty(path.into())),
        all => Ok(all),
    }
}

fn remedy(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(_) => {
            "; give the CA of the server's certificate with --ca, and the name in it with --host"
        }
        rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired) => {
            "; the server asks for a client certificate: --control-cert must be of its control CA"
        }
        rustls::Error::InvalidMessage(_) => "; is it a TLS port?",
        _ => "",
    }
}

/// Plaintext of one record, by TLS.
const RECORD_BYTES_MAX: usize = 16 * 1024;

/// Header, content type and tag of TLS 1.3, rounded up.
const RECORD_OVERHEAD_BYTES: usize = 64;
