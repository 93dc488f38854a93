//! The name that a ClientHello asks for, read before rustls has it: it decides which configuration rustls gets.
//!
//! Read is a hello that stands whole in one record, as those of browsers and web tiers do. Any other asks for no name here and is given to
//! rustls under the public configuration, which says what is wrong with it. No right rests on this reading: the control
//! configuration demands its certificate from whoever comes to it.

use crate::traffic::HEADER_BYTES;

/// What the first bytes of a connection are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum First<'b> {
    /// The beginning of a record that may hold a hello.
    Cut,
    /// A whole record with a hello that asks for this name, or anything else.
    Whole(Option<&'b [u8]>),
}

/// Looks at the first bytes of a connection.
pub(crate) fn look(bytes: &[u8]) -> First<'_> {
    let may_be = |at: usize, known: u8| bytes.get(at).is_none_or(|byte| *byte == known);
    if !may_be(0, HANDSHAKE) || !may_be(1, VERSION_MAJOR) {
        return First::Whole(None);
    }
    let Some((header, body)) = bytes.split_first_chunk::<HEADER_BYTES>() else { return First::Cut };
    let body_bytes = usize::from(u16::from_be_bytes([header[3], header[4]]));
    if body_bytes > PLAIN_BYTES_MAX {
        return First::Whole(None);
    }
    body.get(..body_bytes).map_or(First::Cut, |message| First::Whole(server_name(message)))
}

/// RFC 8446, section 4.1.2, down to the extension of RFC 6066, section 3.
fn server_name(message: &[u8]) -> Option<&[u8]> {
    let mut message = Reader(message);
    if message.take(1)? != [CLIENT_HELLO] {
        return None;
    }
    let mut hello = Reader(message.vector(3)?);
    hello.take(VERSION_BYTES + RANDOM_BYTES)?;
    // Session id, cipher suites, compression methods.
    for length_bytes in [1, 2, 1] {
        hello.vector(length_bytes)?;
    }
    let mut extensions = Reader(hello.vector(2)?);
    loop {
        let (kind, body) = (extensions.take(2)?, extensions.vector(2)?);
        if kind == SERVER_NAME {
            let mut names = Reader(Reader(body).vector(2)?);
            return if names.take(1)? == [HOST_NAME] { names.vector(2) } else { None };
        }
    }
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, bytes: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    /// Bytes behind their own length, of so many bytes.
    fn vector(&mut self, length_bytes: usize) -> Option<&'b [u8]> {
        let length = self.take(length_bytes)?;
        self.take(length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
    }
}

const HANDSHAKE: u8 = 22;
const VERSION_MAJOR: u8 = 3;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: [u8; 2] = [0, 0];
const HOST_NAME: u8 = 0;
const VERSION_BYTES: usize = 2;
const RANDOM_BYTES: usize = 32;

/// Content of a record in the clear: RFC 8446, section 5.1.
const PLAIN_BYTES_MAX: usize = 1 << 14;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::client::UnbufferedClientConnection;
    use rustls::crypto::CryptoProvider;
    use rustls::pki_types::ServerName;
    use rustls::server::Acceptor;
    use rustls::unbuffered::ConnectionState;
    use rustls::{ClientConfig, RootCertStore};

    use super::*;

    /// The first flight of a client of the library.
    fn hello(name: &'static str) -> Vec<u8> {
        let provider: Arc<CryptoProvider> = crate::provider();
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(rustls::ALL_VERSIONS)
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let name = ServerName::try_from(name).unwrap();
        let mut client = UnbufferedClientConnection::new(Arc::new(config), name).unwrap();
        let mut out = vec![0; 4_096];
        let Ok(ConnectionState::EncodeTlsData(mut data)) =
            client.process_tls_records(&mut []).state
        else {
            panic!("a client speaks first")
        };
        let written = data.encode(&mut out).unwrap();
        out.truncate(written);
        out
    }

    #[test]
    fn the_name_of_a_hello_is_read_once_its_record_is_whole() {
        let bytes = hello("s1-control.example");
        for cut in 0..bytes.len() {
            assert_eq!(look(&bytes[..cut]), First::Cut, "{cut}");
        }
        assert_eq!(look(&bytes), First::Whole(Some(b"s1-control.example")));
        let behind = [&bytes[..], &[0xff; 100]].concat();
        assert_eq!(look(&behind), First::Whole(Some(b"s1-control.example")));
        // An address is no name.
        assert_eq!(look(&hello("127.0.0.1")), First::Whole(None));
    }

    #[test]
    fn what_can_be_no_hello_is_not_waited_for() {
        for bytes in [&[0x15][..], b"GET / HTTP", &[22, 22], &[22, 3, 1, 0x40, 1], &[0xff; 9]] {
            assert_eq!(look(bytes), First::Whole(None), "{bytes:?}");
        }
        // In two records: whoever asks for a name so is not understood.
        let bytes = hello("s1.example");
        let (front, back) = bytes[HEADER_BYTES..].split_at(60);
        let record =
            |part: &[u8]| [&[22, 3, 1], &(part.len() as u16).to_be_bytes()[..], part].concat();
        assert_eq!(look(&[record(front), record(back)].concat()), First::Whole(None));
    }

    #[test]
    fn no_byte_of_a_hello_changes_what_name_is_read_unless_rustls_reads_the_same_or_none() {
        let bytes = hello("s1.example");
        let mut agreed = 0;
        for at in 0..bytes.len() {
            for change in [1, 0x80, 0xff] {
                let mut altered = bytes.clone();
                altered[at] ^= change;
                let mut acceptor = Acceptor::default();
                let read = acceptor.read_tls(&mut &altered[..]).map(|_| acceptor.accept());
                let Ok(Ok(Some(accepted))) = read else { continue };
                let (hello, found) = (accepted.client_hello(), look(&altered));
                let name = hello.server_name();
                match (name, &found) {
                    (Some(name), First::Whole(Some(found))) => {
                        assert!(name.as_bytes().eq_ignore_ascii_case(found), "{at}");
                        agreed += 1;
                    }
                    (None, First::Whole(_)) => {}
                    _ => panic!("byte {at}: rustls reads {name:?}, here {found:?}"),
                }
            }
        }
        assert!(agreed > 100, "{agreed} hellos were taken by rustls");
    }
}
