//! For fuzz targets. `sealed`: both ends of a connection after its handshake, the server's records as they are, and a client that seals
//! whatever it is told to. `hello`: the name that is read before a handshake.

use rustls::{CipherSuite, SupportedCipherSuite, Tls13CipherSuite};

use crate::Outgoing;
use crate::hello::{self, First};
use crate::keys;
use crate::records::{RecordFault, Records, parts, whole_record};
use crate::suites::{algorithm, provider};
use crate::traffic::{ReadyKey, SECRET_BYTES_MAX, Traffic};

/// The name that the first bytes of a connection ask for, if it can be read; None while more is to come.
pub fn asked_name(bytes: &[u8]) -> Option<Option<&[u8]>> {
    match hello::look(bytes) {
        First::Cut => None,
        First::Whole(name) => Some(name),
    }
}

/// See the module.
pub struct SealedEnds {
    server: Records,
    suite: &'static Tls13CipherSuite,
    says: Traffic,
    hears: Traffic,
}

impl SealedEnds {
    /// With fixed secrets; the suite is chosen by this number.
    ///
    /// # Panics
    /// When the library has lost its suites.
    pub fn new(suite: u8) -> Self {
        let asked = [
            CipherSuite::TLS13_AES_128_GCM_SHA256,
            CipherSuite::TLS13_AES_256_GCM_SHA384,
            CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
        ][usize::from(suite % 3)];
        let suites = &provider().cipher_suites;
        let Some(SupportedCipherSuite::Tls13(suite)) =
            suites.iter().find(|known| known.suite() == asked)
        else {
            unreachable!("the library knows its suites")
        };
        let mut keys = keys::place();
        let (says, hears) = (begun(suite, 1, &mut keys.read), begun(suite, 2, &mut keys.write));
        let server =
            Records::new(suite, keys).unwrap_or_else(|| unreachable!("it is a suite of TLS 1.3"));
        Self { server, suite, says, hears }
    }

    fn ready(&self, traffic: &Traffic) -> ReadyKey {
        match algorithm(self.suite.common.suite) {
            Some(algorithm) => traffic.ready(algorithm),
            None => unreachable!("it is a suite of TLS 1.3"),
        }
    }

    /// A record of the client.
    pub fn record(&mut self, content_type: u8, content: &[u8]) -> Vec<u8> {
        let mut out = Outgoing::default();
        let key = self.ready(&self.says);
        // No input is long enough to use the key up, or a record.
        let _ = self.says.seal(&key, content_type, content, &mut out);
        out.to_vec()
    }

    /// The client's records are of its next key from now on.
    pub fn update(&mut self) {
        self.says.update(self.suite);
    }

    /// The server takes bytes: how many it used up, or the fault; whether it reads on.
    pub fn receive(
        &mut self,
        bytes: &mut [u8],
        plain: &mut Vec<u8>,
        out: &mut Outgoing,
    ) -> Result<(usize, bool), RecordFault> {
        let used = self.server.receive(bytes, plain, out)?;
        Ok((used, !self.server.is_peer_closed()))
    }

    /// The server seals data.
    pub fn answer(&mut self, plain: &[u8], out: &mut Outgoing) {
        // As above.
        let _ = self.server.seal(plain, out);
    }

    /// The server closes.
    pub fn close(&mut self, out: &mut Outgoing) {
        self.server.close(out);
    }

    /// What the client hears: types and contents of whole records, each under the key that it has to be under.
    ///
    /// # Panics
    /// When it is not what a client can read.
    pub fn hear(&mut self, mut bytes: Vec<u8>) -> Vec<(u8, Vec<u8>)> {
        let (mut heard, mut used) = (Vec::new(), 0);
        while used < bytes.len() {
            let key = self.ready(&self.hears);
            let record_bytes = match whole_record(&bytes[used..]) {
                Ok(Some(record_bytes)) => record_bytes,
                other => panic!("the server says what is no record: {other:?}"),
            };
            let record = &mut bytes[used..used + record_bytes];
            used += record_bytes;
            let Ok(inner) = self.hears.open(&key, record) else {
                panic!("the server seals under another key or number")
            };
            let (content_type, content) = match parts(inner) {
                Ok((content_type, content)) => (content_type, content.to_vec()),
                Err(fault) => panic!("the server seals {fault}"),
            };
            if content_type == 22 {
                self.hears.update(self.suite);
            }
            heard.push((content_type, content));
        }
        heard
    }
}

impl std::fmt::Debug for SealedEnds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealedEnds")
    }
}

/// Begins one direction at one end, with a secret of this byte; the other end.
fn begun(suite: &Tls13CipherSuite, secret: u8, end: &mut Traffic) -> Traffic {
    let secret = [secret; SECRET_BYTES_MAX];
    end.keep(&secret);
    end.derive(suite);
    Traffic::first(suite, &secret)
}
