//! TLS for a world: rustls's real machine on both sides, with arithmetic that costs nothing and proves nothing.
//!
//! Owns the cheap parts: a key exchange whose secret is known to all, signatures that are empty, certificates that nobody
//! reads, and hashes (`arithmetic.rs`). Records, handshake, alerts and closing are the real ones. A world opens tens of connections, and there are many worlds.

use std::sync::{Arc, OnceLock};

use connection::TlsConfigs;
use connection::rustls::client::Resumption;
use connection::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use connection::rustls::crypto::{
    ActiveKeyExchange, CryptoProvider, SharedSecret, SupportedKxGroup,
};
use connection::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use connection::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use connection::rustls::server::{ClientHello, ResolvesServerCert};
use connection::rustls::sign::{CertifiedKey, Signer, SigningKey};
use connection::rustls::{
    CipherSuite, CipherSuiteCommon, ClientConfig, DigitallySignedStruct, DistinguishedName, Error,
    NamedGroup, ServerConfig, SignatureAlgorithm, SignatureScheme, SupportedCipherSuite,
    Tls13CipherSuite, client, version,
};

use crate::arithmetic::{Counter, Derivation, Sum};

/// What both sides of a world are configured with.
#[derive(Clone)]
pub(crate) struct Pki {
    /// Of browsers.
    pub(crate) browser: Arc<ClientConfig>,
    /// Of web tiers.
    pub(crate) tier: Arc<ClientConfig>,
    public: Arc<ServerConfig>,
    control: Arc<ServerConfig>,
}

impl Pki {
    /// Made once for all worlds.
    pub(crate) fn new() -> Self {
        let known = connection::provider();
        let wanted = CipherSuite::TLS13_AES_128_GCM_SHA256;
        let suites = known.cipher_suites.iter().filter(|suite| suite.suite() == wanted);
        let provider = Arc::new(CryptoProvider {
            cipher_suites: suites.filter_map(cheap).collect(),
            kx_groups: vec![&OpenSecret],
            secure_random: &Counter,
            ..(*known).clone()
        });
        let server = || {
            ServerConfig::builder_with_provider(provider.clone())
                .with_protocol_versions(&[&version::TLS13])
                .expect("TLS 1.3 has a suite")
        };
        // Nobody takes a handshake up again here, but a ticket is what is sealed and not sent when a connection goes to another core.
        let tells_once = |mut config: ServerConfig| {
            config.send_tls13_tickets = 1;
            Arc::new(config)
        };
        let client = || {
            ClientConfig::builder_with_provider(provider.clone())
                .with_protocol_versions(&[&version::TLS13])
                .expect("TLS 1.3 has a suite")
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anybody))
        };
        let once = |mut config: ClientConfig| {
            config.resumption = Resumption::disabled();
            Arc::new(config)
        };
        let me = Arc::new(Me(Arc::new(CertifiedKey::new(
            vec![CertificateDer::from(vec![0x30, 0])],
            Arc::new(EmptyKey),
        ))));
        Self {
            browser: once(client().with_no_client_auth()),
            tier: once(client().with_client_cert_resolver(me.clone())),
            public: tells_once(server().with_no_client_auth().with_cert_resolver(me.clone())),
            control: tells_once(
                server().with_client_cert_verifier(Arc::new(Anybody)).with_cert_resolver(me),
            ),
        }
    }

    /// Of a CServer with that control name.
    pub(crate) fn of_server(&self, control_name: &str) -> TlsConfigs {
        TlsConfigs {
            public: self.public.clone(),
            control: Some((control_name.to_owned(), self.control.clone())),
            plain_host: None,
        }
    }
}

/// The same suite with other hashes and keys. A program makes it once.
fn cheap(suite: &SupportedCipherSuite) -> Option<SupportedCipherSuite> {
    static CHEAP: OnceLock<Tls13CipherSuite> = OnceLock::new();
    let real = suite.tls13()?;
    let made = CHEAP.get_or_init(|| Tls13CipherSuite {
        common: CipherSuiteCommon { hash_provider: &Sum, ..real.common },
        hkdf_provider: &Derivation,
        ..*real
    });
    Some(SupportedCipherSuite::Tls13(made))
}

/// A key exchange without a secret.
#[derive(Debug)]
struct OpenSecret;

impl SupportedKxGroup for OpenSecret {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        Ok(Box::new(Self))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

impl ActiveKeyExchange for OpenSecret {
    fn complete(self: Box<Self>, _: &[u8]) -> Result<SharedSecret, Error> {
        Ok(SharedSecret::from(&[7; 32][..]))
    }

    fn pub_key(&self) -> &[u8] {
        &[9; 32]
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

/// Signs by saying nothing.
#[derive(Debug)]
struct EmptyKey;

impl SigningKey for EmptyKey {
    fn choose_scheme(&self, _: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        Some(Box::new(Self))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ED25519
    }
}

impl Signer for EmptyKey {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

/// Shows the one certificate there is.
#[derive(Debug)]
struct Me(Arc<CertifiedKey>);

impl ResolvesServerCert for Me {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

impl client::ResolvesClientCert for Me {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Takes everybody for whom they say they are.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ClientCertVerifier for Anybody {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}
