//! The cryptography that the server gives rustls: the library's own, but TLS 1.3 traffic keys stay short.
//!
//! An AEAD key ready for use is 592 bytes, two for each connection, and that of a connection that was silent for a while is
//! cold when it is needed. Making it anew from its 16 or 32 bytes takes 140 ns, as long as fetching it from memory, so a
//! connection holds the short form only (docs/decisions/0012-short-traffic-keys.md). Records that rustls protects, those of
//! the handshake and of the control stream, stay rustls's: it counts sequence numbers and names the nonce of each call.

use std::sync::{Arc, LazyLock};

#[cfg(feature = "aws-lc")]
use aws_lc_rs::{aead, error::Unspecified};
#[cfg(not(feature = "aws-lc"))]
use ring::{aead, error::Unspecified};
#[cfg(feature = "aws-lc")]
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, MessageDecrypter, MessageEncrypter,
    Nonce, OutboundOpaqueMessage, OutboundPlainMessage, PrefixedPayload, Tls13AeadAlgorithm,
    UnsupportedOperationError, make_tls13_aad,
};
#[cfg(not(feature = "aws-lc"))]
use rustls::crypto::ring::default_provider;
use rustls::crypto::tls13::Hkdf;
use rustls::crypto::{CipherSuiteCommon, CryptoProvider};
use rustls::{
    CipherSuite, ConnectionTrafficSecrets, ContentType, Error, ProtocolVersion,
    SupportedCipherSuite, Tls13CipherSuite,
};

/// For every `ServerConfig` whose connections should be small.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
        let mut provider = default_provider();
        provider.cipher_suites.iter_mut().for_each(shorten);
        Arc::new(provider)
    });
    PROVIDER.clone()
}

/// Puts a suite with short keys in the place of one of TLS 1.3. Called once for each suite of the process.
fn shorten(suite: &mut SupportedCipherSuite) {
    let SupportedCipherSuite::Tls13(known) = suite else { return };
    let Some(algorithm) = algorithm(known.common.suite) else { return };
    // Suites live as long as the process.
    *suite = SupportedCipherSuite::Tls13(Box::leak(Box::new(Tls13CipherSuite {
        common: CipherSuiteCommon { ..known.common },
        hkdf_provider: hkdf(known),
        aead_alg: Box::leak(Box::new(Short { algorithm, known: known.aead_alg })),
        quic: None,
    })));
}

/// The key schedule of a suite.
#[cfg(feature = "aws-lc")]
fn hkdf(known: &Tls13CipherSuite) -> &'static dyn Hkdf {
    crate::schedule::hkdf(known.common.hash_provider.algorithm()).unwrap_or(known.hkdf_provider)
}

/// The key schedule of a suite: ring's keeps its keys ready.
#[cfg(not(feature = "aws-lc"))]
fn hkdf(known: &Tls13CipherSuite) -> &'static dyn Hkdf {
    known.hkdf_provider
}

/// The cipher of a suite of TLS 1.3.
pub(crate) fn algorithm(suite: CipherSuite) -> Option<&'static aead::Algorithm> {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => Some(&aead::AES_128_GCM),
        CipherSuite::TLS13_AES_256_GCM_SHA384 => Some(&aead::AES_256_GCM),
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => Some(&aead::CHACHA20_POLY1305),
        _ => None,
    }
}

struct Short {
    algorithm: &'static aead::Algorithm,
    /// The library's own.
    known: &'static dyn Tls13AeadAlgorithm,
}

/// Seals or opens the records of one direction under one key.
struct Direction {
    algorithm: &'static aead::Algorithm,
    /// Wipes itself.
    key: AeadKey,
    iv: Iv,
}

impl Tls13AeadAlgorithm for Short {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(Direction { algorithm: self.algorithm, key, iv })
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        Box::new(Direction { algorithm: self.algorithm, key, iv })
    }

    fn key_len(&self) -> usize {
        self.algorithm.key_len()
    }

    /// For whoever goes on after the handshake: `records.rs`.
    fn extract_keys(
        &self,
        key: AeadKey,
        iv: Iv,
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        self.known.extract_keys(key, iv)
    }
}

impl Direction {
    fn key(&self) -> Result<aead::LessSafeKey, Unspecified> {
        aead::UnboundKey::new(self.algorithm, self.key.as_ref()).map(aead::LessSafeKey::new)
    }

    fn nonce(&self, sequence: u64) -> aead::Nonce {
        aead::Nonce::assume_unique_for_key(Nonce::new(&self.iv, sequence).0)
    }
}

impl MessageEncrypter for Direction {
    fn encrypt(
        &mut self,
        message: OutboundPlainMessage<'_>,
        sequence: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let sealed_bytes = self.encrypted_payload_len(message.payload.len());
        let mut payload = PrefixedPayload::with_capacity(sealed_bytes);
        payload.extend_from_chunks(&message.payload);
        payload.extend_from_slice(&message.typ.to_array());
        let aad = aead::Aad::from(make_tls13_aad(sealed_bytes));
        self.key()
            .and_then(|key| key.seal_in_place_append_tag(self.nonce(sequence), aad, &mut payload))
            .map_err(|_| Error::EncryptError)?;
        // All records of TLS 1.3 claim to be of 1.2 (RFC 8446 section 5.1).
        let version = ProtocolVersion::TLSv1_2;
        Ok(OutboundOpaqueMessage::new(ContentType::ApplicationData, version, payload))
    }

    fn encrypted_payload_len(&self, payload_bytes: usize) -> usize {
        payload_bytes + CONTENT_TYPE_BYTES + self.algorithm.tag_len()
    }
}

impl MessageDecrypter for Direction {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        sequence: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let payload = &mut message.payload;
        let aad = aead::Aad::from(make_tls13_aad(payload.len()));
        // A record that is shorter than its tag is refused by the algorithm itself.
        let plain_bytes = self
            .key()
            .and_then(|key| {
                key.open_in_place(self.nonce(sequence), aad, payload).map(|plain| plain.len())
            })
            .map_err(|_| Error::DecryptError)?;
        payload.truncate(plain_bytes);
        message.into_tls13_unpadded_message()
    }
}

/// TLS 1.3 hides a record's type behind its content.
const CONTENT_TYPE_BYTES: usize = 1;

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use rcgen::generate_simple_self_signed;
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

    use super::*;

    /// A server with short keys and a client with the library's own, that know one suite.
    fn pair(suite: CipherSuite) -> (ServerConnection, ClientConnection) {
        let only = |provider: &CryptoProvider| {
            let mut provider = provider.clone();
            provider.cipher_suites.retain(|known| known.suite() == suite);
            Arc::new(provider)
        };
        let made = generate_simple_self_signed(["s1.example".to_owned()]).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let server = ServerConfig::builder_with_provider(only(&provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(only(&default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = "s1.example".try_into().unwrap();
        (
            ServerConnection::new(Arc::new(server)).unwrap(),
            ClientConnection::new(Arc::new(client), name).unwrap(),
        )
    }

    /// Moves what `from` has to say, with one byte changed if that is asked for.
    fn carry(
        from: &mut rustls::ConnectionCommon<impl rustls::SideData>,
        to: &mut rustls::ConnectionCommon<impl rustls::SideData>,
        flip: Option<usize>,
    ) -> Result<Vec<u8>, Error> {
        let mut wire = Vec::new();
        while from.wants_write() {
            from.write_tls(&mut wire).unwrap();
        }
        if let Some(at) = flip {
            let at = if at == 0 { wire.len() - 1 } else { at };
            wire[at] ^= 1;
        }
        let mut rest = &wire[..];
        let mut plain = Vec::new();
        while !rest.is_empty() {
            to.read_tls(&mut rest).unwrap();
            to.process_new_packets()?;
            // Ends with WouldBlock.
            let _ = to.reader().read_to_end(&mut plain);
        }
        Ok(plain)
    }

    const SUITES: [CipherSuite; 3] = [
        CipherSuite::TLS13_AES_128_GCM_SHA256,
        CipherSuite::TLS13_AES_256_GCM_SHA384,
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
    ];

    fn shaken(suite: CipherSuite) -> (ServerConnection, ClientConnection) {
        let (mut server, mut client) = pair(suite);
        while server.is_handshaking() || client.is_handshaking() {
            carry(&mut client, &mut server, None).unwrap();
            carry(&mut server, &mut client, None).unwrap();
        }
        (server, client)
    }

    #[test]
    fn short_keys_speak_with_the_library_s_own_also_after_key_updates() {
        for suite in SUITES {
            let (mut server, mut client) = shaken(suite);
            for round in 0..3 {
                for length in [0, 1, 400, 40_000] {
                    let text = vec![round; length];
                    server.writer().write_all(&text).unwrap();
                    assert!(carry(&mut server, &mut client, None).unwrap() == text);
                    client.writer().write_all(&text).unwrap();
                    assert!(carry(&mut client, &mut server, None).unwrap() == text);
                }
                server.refresh_traffic_keys().unwrap();
                client.refresh_traffic_keys().unwrap();
            }
        }
    }

    #[test]
    fn a_record_that_was_changed_is_refused() {
        for suite in SUITES {
            // Its first sealed byte, one within, and the last of its tag.
            for flip in [5, 100, 0] {
                let (mut server, mut client) = shaken(suite);
                client.writer().write_all(&[7; 400]).unwrap();
                let error = carry(&mut client, &mut server, Some(flip)).unwrap_err();
                assert_eq!(error, Error::DecryptError);
            }
        }
    }

    #[test]
    fn the_suites_are_the_library_s_in_its_order() {
        let names = |provider: &CryptoProvider| -> Vec<CipherSuite> {
            provider.cipher_suites.iter().map(SupportedCipherSuite::suite).collect()
        };
        assert_eq!(names(&provider()), names(&default_provider()));
    }
}
