//! Certificates of the server in memory: an authority, the public name, the control name and a web tier.

use std::sync::Arc;

use connection::TlsConfigs;
use connection::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use connection::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use connection::rustls::{ClientConfig, RootCertStore, ServerConfig};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};

use super::testing::{HOST, PLAIN};

/// How clients of the server in memory trust it.
pub(super) struct Pki {
    pub(super) public: Arc<ClientConfig>,
    pub(super) control: Arc<ClientConfig>,
}

/// The server's two sides, and what fits them.
pub(super) fn tls() -> (TlsConfigs, Pki) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let leaf = |name: &str, purpose| {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &ca).unwrap().der().clone();
        (vec![certificate], PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())))
    };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(ca.der().to_vec())).unwrap();
    let roots = Arc::new(roots);
    let (chain, key) = leaf(HOST, ExtendedKeyUsagePurpose::ServerAuth);
    let mut public = ServerConfig::builder_with_provider(connection::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    public.session_storage = Arc::new(NoServerSessionStorage {});
    public.ticketer = crate::credentials::Ticketer::new().unwrap();
    let (chain, key) = leaf(CONTROL, ExtendedKeyUsagePurpose::ServerAuth);
    let verifier = WebPkiClientVerifier::builder(roots.clone()).build().unwrap();
    let control = ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .unwrap();
    let (chain, key) = leaf("w1.example", ExtendedKeyUsagePurpose::ClientAuth);
    let client = ClientConfig::builder().with_root_certificates(roots.clone());
    let pki = Pki {
        public: Arc::new(client.with_no_client_auth()),
        control: Arc::new(
            ClientConfig::builder()
                .with_root_certificates(roots)
                .with_client_auth_cert(chain, key)
                .unwrap(),
        ),
    };
    (
        TlsConfigs {
            public: Arc::new(public),
            control: Some((CONTROL.into(), Arc::new(control))),
            plain_host: Some(PLAIN.into()),
        },
        pki,
    )
}

/// The control stream's name.
pub(super) const CONTROL: &str = "c1.example";
