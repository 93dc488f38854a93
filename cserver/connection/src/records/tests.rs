//! The record layer against a real rustls client, and against a forger who has that client's keys.

use std::io::{Read, Write};
use std::sync::Arc;

use rcgen::generate_simple_self_signed;
#[cfg(feature = "aws-lc")]
use rustls::crypto::aws_lc_rs::default_provider;
#[cfg(not(feature = "aws-lc"))]
use rustls::crypto::ring::default_provider;
use rustls::crypto::{CipherSuiteCommon, CryptoProvider};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{
    AlertDescription, CipherSuite, ClientConfig, ClientConnection, Error, RootCertStore,
    ServerConfig, SupportedCipherSuite, version,
};

use super::*;
use crate::library::FirstSecrets;
use crate::tls::{Progress, Tls, TlsConfigs};
use crate::traffic::ReadyKey;

/// A server whose connection is established, its client, and what the client's keys are made of.
pub(crate) struct Pair {
    pub(crate) tls: Tls,
    client: ClientConnection,
    forger: Forger,
    plain: Vec<u8>,
    out: Outgoing,
}

/// Whoever has the client's keys and sends what no client sends.
struct Forger {
    suite: &'static Tls13CipherSuite,
    /// As the server has them: what the client writes with is what it reads with.
    keys: Place<Keys>,
}

pub(crate) const SUITES: [CipherSuite; 3] = [
    CipherSuite::TLS13_AES_128_GCM_SHA256,
    CipherSuite::TLS13_AES_256_GCM_SHA384,
    CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
];

/// One suite of the server's, whose keys are good for so many records if that is asked for.
fn only(suite: CipherSuite, limit: Option<u64>) -> Arc<CryptoProvider> {
    let mut provider = (*crate::provider()).clone();
    provider.cipher_suites.retain(|known| known.suite() == suite);
    if let (Some(confidentiality_limit), [SupportedCipherSuite::Tls13(known)]) =
        (limit, &mut provider.cipher_suites[..])
    {
        *known = Box::leak(Box::new(Tls13CipherSuite {
            common: CipherSuiteCommon { confidentiality_limit, ..known.common },
            hkdf_provider: known.hkdf_provider,
            aead_alg: known.aead_alg,
            quic: None,
        }));
    }
    Arc::new(provider)
}

pub(crate) struct World {
    pub(crate) configs: Arc<TlsConfigs>,
    roots: RootCertStore,
}

impl World {
    pub(crate) fn new(suite: CipherSuite, limit: Option<u64>, tickets: usize) -> Self {
        let made = generate_simple_self_signed(["s1.example".to_owned()]).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let mut public = ServerConfig::builder_with_provider(only(suite, limit))
            .with_protocol_versions(&[&version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        public.send_tls13_tickets = tickets;
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let configs = TlsConfigs { public: Arc::new(public), control: None, plain_host: None };
        Self { configs: Arc::new(configs), roots }
    }

    /// A client with the library's own suites, and what its keys are made of.
    pub(crate) fn client(&self) -> (ClientConnection, Arc<FirstSecrets>) {
        let secrets = Arc::new(FirstSecrets::default());
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&version::TLS13])
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        config.key_log = secrets.clone();
        let name = "s1.example".try_into().unwrap();
        (ClientConnection::new(Arc::new(config), name).unwrap(), secrets)
    }

    /// The client's last flight, with what it writes behind it, comes in pieces of so many bytes.
    fn connect(&self, early: &[u8], cut: usize) -> Pair {
        let (mut client, secrets) = self.client();
        let (mut tls, mut plain, mut out) =
            (Tls::new(self.configs.clone()), Vec::new(), Outgoing::default());
        client.writer().write_all(early).unwrap();
        loop {
            for piece in written(&mut client).chunks_mut(cut) {
                tls.receive(piece, &mut plain, &mut out).unwrap();
            }
            if out.is_empty() {
                break;
            }
            hear(&mut client, &mut out).unwrap();
        }
        assert!(tls.records().is_some(), "rustls still has it");
        let Some(SupportedCipherSuite::Tls13(suite)) = client.negotiated_cipher_suite() else {
            panic!("another version");
        };
        let mut keys = secrets.take().unwrap();
        let write = &mut keys.read;
        write.derive(suite);
        write.jump_to(tls.records().unwrap().keys.read.sequence());
        Pair { tls, client, forger: Forger { suite, keys }, plain, out }
    }
}

pub(crate) fn pair() -> Pair {
    World::new(SUITES[0], None, 1).connect(b"", usize::MAX)
}

/// What the client has to say.
pub(crate) fn written(client: &mut ClientConnection) -> Vec<u8> {
    let mut wire = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut wire).unwrap();
    }
    wire
}

/// What the client reads.
fn hear(client: &mut ClientConnection, out: &mut Outgoing) -> Result<Vec<u8>, Error> {
    let wire = std::mem::take(out);
    let (mut rest, mut plain) = (&wire[..], Vec::new());
    while !rest.is_empty() {
        client.read_tls(&mut rest).unwrap();
        client.process_new_packets()?;
        // Ends with WouldBlock, or with nothing when the server has closed.
        let _ = client.reader().read_to_end(&mut plain);
    }
    Ok(plain)
}

impl Pair {
    fn receive(&mut self, mut wire: Vec<u8>) -> Result<Progress, TlsError> {
        self.tls.receive(&mut wire, &mut self.plain, &mut self.out)
    }

    /// The client says something, and the server gets it.
    fn up(&mut self, text: &[u8]) {
        self.client.writer().write_all(text).unwrap();
        let wire = written(&mut self.client);
        self.receive(wire).unwrap();
        assert!(std::mem::take(&mut self.plain) == text);
    }

    /// The server says something, and the client gets it.
    fn down(&mut self, text: &[u8]) {
        self.tls.seal(text, &mut self.out).unwrap();
        assert!(hear(&mut self.client, &mut self.out).unwrap() == text);
    }

    /// The forger's record.
    fn forged(&mut self, content_type: u8, content: &[u8]) -> Vec<u8> {
        self.forger.record(content_type, content)
    }

    /// It is refused by this alert, which the client can read, and nothing follows it.
    fn refused(mut self, wire: Vec<u8>, alert: AlertDescription) {
        let error = self.receive(wire).unwrap_err();
        assert!(self.plain.is_empty(), "{error}: something of it was taken");
        let heard = hear(&mut self.client, &mut self.out).unwrap_err();
        assert_eq!(heard, Error::AlertReceived(alert), "{error}");
        self.tls.seal(b"more", &mut self.out).unwrap();
        self.tls.close(&mut self.out);
        assert!(self.out.is_empty(), "{error}: something was sealed after a fatal alert");
        let more = self.forged(APPLICATION_DATA, b"more");
        assert!(self.receive(more).is_ok() && self.plain.is_empty(), "something was read after it");
    }
}

impl Forger {
    fn ready(&self) -> ReadyKey {
        self.keys.read.ready(algorithm(self.suite.common.suite).unwrap())
    }

    fn record(&mut self, content_type: u8, content: &[u8]) -> Vec<u8> {
        let mut out = Outgoing::default();
        let key = self.ready();
        assert!(self.keys.read.seal(&key, content_type, content, &mut out).is_ok());
        out.to_vec()
    }
}

/// An update that asks for none.
const UPDATE: [u8; 5] = [24, 0, 0, 1, 0];
/// An update that asks for one.
const UPDATE_AND_ASK: [u8; 5] = [24, 0, 0, 1, 1];

use AlertDescription::{
    BadRecordMac, DecodeError, IllegalParameter, RecordOverflow, UnexpectedMessage,
};

#[test]
fn every_suite_carries_every_length_both_ways_under_keys_that_either_side_updates() {
    for suite in SUITES {
        let mut pair = World::new(suite, None, 1).connect(b"", usize::MAX);
        for round in 0..4 {
            for length in [1, 400, 16_384, 16_385, 40_000] {
                let text = vec![round; length];
                pair.up(&text);
                pair.down(&text);
            }
            // rustls asks the server to follow with its next message.
            pair.client.refresh_traffic_keys().unwrap();
        }
    }
}

#[test]
fn what_comes_with_the_client_s_last_flight_is_kept_however_it_is_cut() {
    for tickets in [0, 1, 4] {
        let world = World::new(SUITES[0], None, tickets);
        for cut in [1, 7, 64, 300, usize::MAX] {
            let early = vec![7; 20_000];
            let mut pair = world.connect(&early, cut);
            assert!(std::mem::take(&mut pair.plain) == early);
            pair.up(b"up");
            pair.down(b"down");
        }
    }
}

#[test]
fn a_key_update_in_the_same_read_as_the_end_of_the_handshake_is_ours() {
    for tickets in [0, 1] {
        let world = World::new(SUITES[0], None, tickets);
        let (mut client, _) = world.client();
        let mut tls = Tls::new(world.configs.clone());
        let (mut plain, mut out) = (Vec::new(), Outgoing::default());
        tls.receive(&mut written(&mut client), &mut plain, &mut out).unwrap();
        // The client's last flight is held back until its update and its data are behind it.
        hear(&mut client, &mut out).unwrap();
        assert!(!client.is_handshaking());
        client.refresh_traffic_keys().unwrap();
        client.writer().write_all(b"behind the update").unwrap();
        tls.receive(&mut written(&mut client), &mut plain, &mut out).unwrap();
        assert_eq!(plain, b"behind the update");
        tls.seal(b"answered", &mut out).unwrap();
        assert_eq!(hear(&mut client, &mut out).unwrap(), b"answered");
    }
}

#[test]
fn a_record_is_opened_wherever_a_read_ends() {
    let mut pair = pair();
    pair.client.writer().write_all(&[7; 100]).unwrap();
    pair.client.writer().write_all(&[8; 50]).unwrap();
    let wire = written(&mut pair.client);
    for at in 1..wire.len() {
        pair.receive(wire[at - 1..at].to_vec()).unwrap();
    }
    assert_eq!((pair.plain.len(), pair.tls.held_bytes()), (100, 50 + 5 + 17 - 1));
    pair.receive(wire[wire.len() - 1..].to_vec()).unwrap();
    assert_eq!((pair.plain.len(), pair.tls.held_bytes()), (150, 0));
}

#[test]
fn a_record_that_was_altered_anywhere_is_refused() {
    for suite in SUITES {
        let world = World::new(suite, None, 1);
        // Its version, its length, its first sealed byte, one within, the last of its tag.
        for at in [1, 2, 5, 100, 5 + 400 + 16] {
            let mut pair = world.connect(b"", usize::MAX);
            let mut wire = pair.forged(APPLICATION_DATA, &[7; 400]);
            wire[at] ^= 1;
            pair.refused(wire, BadRecordMac);
        }
    }
}

#[test]
fn a_record_that_is_repeated_left_out_or_out_of_order_is_refused() {
    let mut repeated = pair();
    let first = repeated.forged(APPLICATION_DATA, b"first");
    repeated.receive(first.clone()).unwrap();
    repeated.plain.clear();
    repeated.refused(first, BadRecordMac);

    let mut left_out = pair();
    left_out.forged(APPLICATION_DATA, b"first");
    let second = left_out.forged(APPLICATION_DATA, b"second");
    left_out.refused(second, BadRecordMac);

    let mut swapped = pair();
    let first = swapped.forged(APPLICATION_DATA, b"first");
    let second = swapped.forged(APPLICATION_DATA, b"second");
    swapped.refused([second, first].concat(), BadRecordMac);
}

#[test]
fn what_the_server_sealed_is_refused_by_the_client_when_altered_and_by_the_server_when_it_comes_back()
 {
    let mut pair = pair();
    pair.tls.seal(b"hello", &mut pair.out).unwrap();
    let mut wire = pair.out.to_vec();
    pair.out.clear();
    assert!(matches!(
        pair.receive(wire.clone()),
        Err(TlsError::Records(RecordFault::BadRecordMac))
    ));
    wire[7] ^= 1;
    let mut altered = Outgoing::default();
    altered.extend_from_slice(&wire);
    assert_eq!(hear(&mut pair.client, &mut altered).unwrap_err(), Error::DecryptError);
}

#[test]
fn a_record_may_be_as_long_as_tls_allows_and_no_longer() {
    let mut pair = self::pair();
    let longest = pair.forged(APPLICATION_DATA, &[7; 16_384]);
    pair.receive(longest).unwrap();
    assert_eq!(std::mem::take(&mut pair.plain).len(), 16_384);
    let longer = pair.forged(APPLICATION_DATA, &[7; 16_385]);
    pair.refused(longer, RecordOverflow);

    // Padding counts.
    let mut padded = self::pair();
    let content = [&[7, APPLICATION_DATA][..], &[0; 16_383]].concat();
    let padded_too_far = padded.forged(0, &content);
    padded.refused(padded_too_far, RecordOverflow);

    // A length beyond what any record has is refused before anything of it has come.
    self::pair().refused(vec![23, 3, 3, 0x41, 0x01], RecordOverflow);
    let mut long = self::pair();
    assert!(long.receive(vec![23, 3, 3, 0x41, 0x00]).is_ok(), "2^14 + 256 may yet be one");
}

#[test]
fn a_record_that_is_too_short_or_holds_no_type_is_refused() {
    for length in [0, 1, 15] {
        pair()
            .refused([&[23, 3, 3, 0, length][..], &vec![0; length.into()]].concat(), BadRecordMac);
    }
    for zeros in [0, 1, 100] {
        let mut pair = pair();
        let wire = pair.forged(0, &vec![0; zeros]);
        pair.refused(wire, UnexpectedMessage);
    }
}

#[test]
fn padding_is_taken_off() {
    let mut pair = pair();
    let wire = pair.forged(0, &[b"hello\x17", &[0; 200][..]].concat());
    pair.receive(wire).unwrap();
    assert_eq!(pair.plain, b"hello");
}

#[test]
fn records_with_nothing_in_them_are_taken_up_to_a_bound() {
    let mut pair = pair();
    for _ in 0..3 {
        for _ in 0..EMPTY_RECORDS_MAX {
            let wire = pair.forged(APPLICATION_DATA, b"");
            pair.receive(wire).unwrap();
        }
        let wire = pair.forged(APPLICATION_DATA, b"something");
        pair.receive(wire).unwrap();
    }
    pair.plain.clear();
    let wire: Vec<_> =
        (0..=EMPTY_RECORDS_MAX).flat_map(|_| pair.forged(APPLICATION_DATA, b"")).collect();
    pair.refused(wire, UnexpectedMessage);
}

#[test]
fn records_of_other_types_are_refused_sealed_or_not() {
    // change_cipher_spec, which only a handshake lets pass, an alert and a handshake message in the clear, heartbeat, no type.
    for outer in [20, 21, 22, 24, 0, 255] {
        pair().refused(vec![outer, 3, 3, 0, 1, 1], UnexpectedMessage);
    }
    for inner in [1, 20, 24, 255] {
        let mut pair = pair();
        let wire = pair.forged(inner, &[1]);
        pair.refused(wire, UnexpectedMessage);
    }
}

#[test]
fn no_handshake_message_but_a_key_update_is_taken() {
    // ClientHello, NewSessionTicket, EndOfEarlyData, Certificate, CertificateVerify, Finished, and what does not exist.
    for message in [1, 4, 5, 11, 15, 20, 0, 255] {
        let mut pair = pair();
        let wire = pair.forged(HANDSHAKE, &[message, 0, 0, 1, 0]);
        pair.refused(wire, UnexpectedMessage);
    }
    let mut empty = pair();
    let wire = empty.forged(HANDSHAKE, b"");
    empty.refused(wire, UnexpectedMessage);
}

#[test]
fn a_key_update_may_be_cut_and_nothing_may_stand_within_or_behind_it() {
    let mut cut = pair();
    let wire: Vec<_> = UPDATE.iter().flat_map(|byte| cut.forged(HANDSHAKE, &[*byte])).collect();
    cut.receive(wire).unwrap();
    cut.forger.keys.read.update(cut.forger.suite);
    let wire = cut.forged(APPLICATION_DATA, b"under the next key");
    cut.receive(wire).unwrap();
    assert_eq!(cut.plain, b"under the next key");

    for (within, content) in
        [(APPLICATION_DATA, &b"data"[..]), (APPLICATION_DATA, b""), (ALERT, &[1, 0])]
    {
        let mut interleaved = pair();
        let begun = interleaved.forged(HANDSHAKE, &UPDATE[..3]);
        let other = interleaved.forged(within, content);
        interleaved.refused([begun, other].concat(), UnexpectedMessage);
    }

    let mut behind = pair();
    let wire = behind.forged(HANDSHAKE, &[UPDATE, UPDATE].concat());
    behind.refused(wire, UnexpectedMessage);

    let mut old_key = pair();
    let wire = old_key.forged(HANDSHAKE, &UPDATE);
    let under_the_old_key = old_key.forged(APPLICATION_DATA, b"late");
    old_key.refused([wire, under_the_old_key].concat(), BadRecordMac);
}

#[test]
fn a_key_update_of_another_form_is_refused() {
    for (message, alert) in [
        (&[24, 0, 0, 1, 2][..], IllegalParameter),
        (&[24, 0, 0, 1, 255], IllegalParameter),
        (&[24, 0, 0, 0], DecodeError),
        (&[24, 0, 0, 2], DecodeError),
        (&[24, 1], DecodeError),
        (&[24, 0, 1], DecodeError),
    ] {
        let mut pair = pair();
        let wire = pair.forged(HANDSHAKE, message);
        pair.refused(wire, alert);
    }
}

#[test]
fn key_updates_are_followed_up_to_a_bound_and_answered_once_before_the_next_data() {
    let mut pair = pair();
    for _ in 0..2 {
        for _ in 0..KEY_UPDATES_MAX {
            let wire = pair.forged(HANDSHAKE, &UPDATE_AND_ASK);
            pair.receive(wire).unwrap();
            pair.forger.keys.read.update(pair.forger.suite);
        }
        assert!(pair.out.is_empty(), "requests alone make the server say nothing");
        pair.tls.seal(b"data", &mut pair.out).unwrap();
        let records = pair.out.len();
        assert_eq!(records, (5 + 5 + 17) + (5 + 4 + 17), "one answer, and the data");
        assert_eq!(hear(&mut pair.client, &mut pair.out).unwrap(), b"data");
        let wire = pair.forged(APPLICATION_DATA, b"data");
        pair.receive(wire).unwrap();
        assert_eq!(std::mem::take(&mut pair.plain), b"data");
    }
    let mut wire = Vec::new();
    for _ in 0..=KEY_UPDATES_MAX {
        wire.extend(pair.forged(HANDSHAKE, &UPDATE));
        pair.forger.keys.read.update(pair.forger.suite);
    }
    pair.refused(wire, UnexpectedMessage);
}

#[test]
fn a_key_is_updated_before_its_limit_within_a_message_too() {
    for suite in SUITES {
        let mut pair = World::new(suite, Some(10), 1).connect(b"", usize::MAX);
        for _ in 0..40 {
            pair.down(b"a record");
            assert!(pair.tls.records().unwrap().keys.write.sequence() < 10);
        }
        // 25 records, and no key protects more than 10 of all these: the real client follows each update.
        pair.down(&[7; 25 * CONTENT_BYTES_MAX]);
        assert!(pair.tls.records().unwrap().keys.write.sequence() < 10);
    }
}

#[test]
fn a_client_whose_key_is_used_up_is_asked_for_another() {
    let mut pair = World::new(SUITES[0], Some(10), 1).connect(b"", usize::MAX);
    for _ in 0..9 {
        pair.up(b"a record");
    }
    pair.down(b"not yet");
    assert_eq!(pair.tls.records().unwrap().keys.read.sequence(), 9);
    pair.up(b"the last");
    pair.down(b"now");
    // The real client's update goes before its next data.
    pair.up(b"under the next key");
    assert_eq!(pair.tls.records().unwrap().keys.read.sequence(), 1);
}

#[test]
fn sequence_numbers_end_and_are_never_used_again() {
    let mut pair = pair();
    pair.forger.keys.read.jump_to(u64::MAX - 1);
    pair.tls.records().unwrap().keys.read.jump_to(u64::MAX - 1);
    let last = pair.forged(APPLICATION_DATA, b"the last");
    pair.receive(last.clone()).unwrap();
    assert_eq!(std::mem::take(&mut pair.plain), b"the last");
    let (key, mut out) = (pair.forger.ready(), Outgoing::default());
    assert!(pair.forger.keys.read.seal(&key, APPLICATION_DATA, b"once more", &mut out).is_err());
    assert!(out.is_empty());
    pair.forger.keys.read.jump_to(0);
    pair.refused(last, BadRecordMac);
}

#[test]
fn either_side_may_close_first_and_the_other_may_still_speak() {
    let mut pair = self::pair();
    pair.client.send_close_notify();
    let wire = written(&mut pair.client);
    let late = pair.forged(APPLICATION_DATA, b"ignored");
    assert!(pair.receive([wire, late].concat()).unwrap().peer_closed);
    assert!(pair.plain.is_empty() && pair.out.is_empty());
    let more = pair.forged(APPLICATION_DATA, b"ignored as well");
    assert!(pair.receive(more).unwrap().peer_closed && pair.plain.is_empty());
    assert_eq!(pair.tls.held_bytes(), 0);
    pair.down(b"still heard");
    pair.tls.close(&mut pair.out);
    let state = {
        let wire = std::mem::take(&mut pair.out);
        pair.client.read_tls(&mut &wire[..]).unwrap();
        pair.client.process_new_packets().unwrap()
    };
    assert!(state.peer_has_closed());

    let mut first = self::pair();
    first.tls.close(&mut first.out);
    let once = first.out.len();
    first.tls.close(&mut first.out);
    first.tls.seal(b"too late", &mut first.out).unwrap();
    assert_eq!(first.out.len(), once, "one alert, and nothing behind it");
    first.up(b"but this is read");
}

#[test]
fn an_alert_of_the_peer_ends_the_connection_without_an_answer() {
    // Fatal, and those that claim to be warnings: all are errors but two.
    for (level, description) in [(2, 40), (2, 80), (1, 40), (1, 255), (2, 90), (7, 90)] {
        let mut pair = pair();
        let wire = pair.forged(ALERT, &[level, description]);
        let error = pair.receive(wire).unwrap_err();
        assert!(matches!(error, TlsError::Records(RecordFault::Alert(got)) if got == description));
        pair.tls.seal(b"more", &mut pair.out).unwrap();
        pair.tls.close(&mut pair.out);
        assert!(pair.out.is_empty(), "after {level} {description}");
    }
    // A close_notify is one at any level.
    for level in [1, 2] {
        let mut pair = pair();
        let wire = pair.forged(ALERT, &[level, CLOSE_NOTIFY]);
        assert!(pair.receive(wire).unwrap().peer_closed);
    }
}

#[test]
fn alerts_that_are_none_are_refused_and_warnings_are_bounded() {
    for (content, alert) in [
        (&[][..], UnexpectedMessage),
        (&[1], DecodeError),
        (&[1, 0, 0], DecodeError),
        (&[1, 0, 1, 0], DecodeError),
    ] {
        let mut pair = pair();
        let wire = pair.forged(ALERT, content);
        pair.refused(wire, alert);
    }
    let mut pair = pair();
    for _ in 0..WARNINGS_MAX {
        let wire = pair.forged(ALERT, &[WARNING, USER_CANCELED]);
        assert!(!pair.receive(wire).unwrap().peer_closed);
    }
    let wire = pair.forged(ALERT, &[WARNING, USER_CANCELED]);
    pair.refused(wire, UnexpectedMessage);
}

#[test]
fn an_idle_connection_is_small() {
    let (bytes, of_keys) = (size_of::<Records>(), size_of::<Keys>());
    assert!(bytes <= 48 && of_keys <= 208, "{bytes} and {of_keys} bytes");
}
