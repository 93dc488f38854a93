//! A connection while rustls has it: in the handshake, and to its end for TLS 1.2 and the control stream.
//!
//! Built on rustls's unbuffered API. After a handshake of TLS 1.3 with the public name the connection is given to
//! [`Records`], at the first moment: when rustls has said what it has to say and has seen nothing behind the client's last
//! message. For that it is shown one record after the other.

use std::sync::{Arc, Mutex, PoisonError};

use host::Place;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{Error, KeyLog, ProtocolVersion, ServerConfig, SupportedCipherSuite};

use crate::Outgoing;
use crate::keys::{self, Keys};
use crate::records::Records;
use crate::tls::{Progress, TlsError};
use crate::traffic::HEADER_BYTES;

/// See the module.
pub(crate) struct Library {
    conn: UnbufferedServerConnection,
    /// None: it stays with rustls.
    secrets: Option<Arc<FirstSecrets>>,
    /// So many of the bytes that it has not used up it was shown already, as whole records: parts of a message.
    shown: usize,
}

impl Library {
    /// A connection that goes to [`Records`] after its handshake, if that is of TLS 1.3.
    pub(crate) fn until_established(config: &ServerConfig) -> Result<Self, TlsError> {
        let secrets = Arc::new(FirstSecrets::default());
        // A copy of the connection's own, for the time of the handshake: what it lets out is seen by nobody else.
        let mut config = config.clone();
        config.enable_secret_extraction = true;
        config.key_log = secrets.clone();
        let conn = UnbufferedServerConnection::new(Arc::new(config))?;
        Ok(Self { conn, secrets: Some(secrets), shown: 0 })
    }

    /// A connection that stays with rustls.
    pub(crate) fn to_the_end(config: &Arc<ServerConfig>) -> Result<Self, TlsError> {
        let conn = UnbufferedServerConnection::new(config.clone())?;
        Ok(Self { conn, secrets: None, shown: 0 })
    }

    pub(crate) fn is_established(&self) -> bool {
        !self.conn.is_handshaking()
    }

    /// Whether the time has come for [`Self::hand_over`].
    pub(crate) fn is_done(&self) -> bool {
        self.secrets.is_some()
            && self.conn.protocol_version() == Some(ProtocolVersion::TLSv1_3)
            && self.is_established()
            && !self.conn.wants_write()
    }

    /// Takes ciphertext, up to the end of the handshake; how many bytes were used up.
    pub(crate) fn receive(
        &mut self,
        bytes: &mut [u8],
        plain: &mut Vec<u8>,
        out: &mut Outgoing,
    ) -> Result<(usize, Progress), TlsError> {
        if self.secrets.is_none() || self.is_established() {
            return pump(&mut self.conn, bytes, plain, out);
        }
        let (mut used, mut whole) = (0, self.shown);
        loop {
            // What is no whole record is shown too: rustls refuses what can never become one.
            let record = whole_record(&bytes[whole..]);
            let end = record.map_or(bytes.len(), |record_bytes| whole + record_bytes);
            let (more, progress) = pump(&mut self.conn, &mut bytes[used..end], plain, out)?;
            used += more;
            whole = record.map_or(whole, |_| end);
            self.shown = whole.saturating_sub(used);
            if record.is_none() || progress.peer_closed || self.is_done() {
                return Ok((used, progress));
            }
        }
    }

    /// Gives the connection's keys to [`Records`].
    pub(crate) fn hand_over(self) -> Result<Records, TlsError> {
        let refused = || Error::General("rustls gives no keys of TLS 1.3".into());
        let secrets = self.secrets.ok_or_else(refused)?;
        let (made, kernel) = self.conn.dangerous_into_kernel_connection()?;
        let SupportedCipherSuite::Tls13(suite) = kernel.negotiated_cipher_suite() else {
            return Err(refused().into());
        };
        // Secrets of the handshake's end fit keys that were never updated: nothing may have been read with them.
        if made.rx.0 != 0 {
            return Err(refused().into());
        }
        let records = secrets.take().and_then(|keys| Records::go_on(suite, keys, &made));
        records.ok_or_else(|| refused().into())
    }

    /// Seals a fragment of no more than one record, behind whatever TLS itself has to say. `partial` is what ends inside a record.
    pub(crate) fn seal(
        &mut self,
        fragment: &[u8],
        partial: &mut [u8],
        out: &mut Outgoing,
    ) -> Result<(), TlsError> {
        with_write_traffic(&mut self.conn, partial, out, |mut traffic, out| {
            let room = out.room(fragment.len() + RECORD_OVERHEAD_BYTES_MAX);
            match traffic.encrypt(fragment, room) {
                Ok(written) => {
                    out.filled(written);
                    Ok(())
                }
                Err(EncryptError::EncryptExhausted) => Err(TlsError::Exhausted),
                Err(EncryptError::InsufficientSize(size)) => {
                    unreachable!("a record needs {} bytes", size.required_size)
                }
            }
        })?;
        Ok(())
    }

    /// Appends a close_notify alert.
    pub(crate) fn close(&mut self, partial: &mut [u8], out: &mut Outgoing) {
        // A connection that cannot say goodbye any more is closed without.
        let _ = with_write_traffic(&mut self.conn, partial, out, |mut traffic, out| {
            let room = out.room(RECORD_OVERHEAD_BYTES_MAX);
            let written = traffic.queue_close_notify(room).unwrap_or(0);
            out.filled(written);
            Ok(())
        });
    }
}

/// The first traffic secrets of one connection, the client's and the server's: what its later keys are made of.
///
/// rustls gives keys to whoever takes a connection over, and the secrets behind them only to what it calls a key log. This one
/// writes nothing down: it puts two secrets where the connection's keys will stand.
#[derive(Default)]
pub(crate) struct FirstSecrets(Mutex<Option<Place<Keys>>>);

impl FirstSecrets {
    /// The client's as what we read with, the server's as what we write with. None: none was told.
    pub(crate) fn take(&self) -> Option<Place<Keys>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl KeyLog for FirstSecrets {
    fn log(&self, label: &str, _client_random: &[u8], secret: &[u8]) {
        if self.will_log(label) {
            let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let keys = keys.get_or_insert_with(keys::place);
            let side = if label == OF_CLIENT { &mut keys.read } else { &mut keys.write };
            side.keep(secret);
        }
    }

    fn will_log(&self, label: &str) -> bool {
        [OF_CLIENT, OF_SERVER].contains(&label)
    }
}

impl std::fmt::Debug for FirstSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FirstSecrets")
    }
}

/// Runs rustls over `bytes` until it wants more; returns how many were used up.
fn pump(
    conn: &mut UnbufferedServerConnection,
    bytes: &mut [u8],
    plain: &mut Vec<u8>,
    out: &mut Outgoing,
) -> Result<(usize, Progress), TlsError> {
    let mut used = 0;
    let mut progress = Progress::default();
    loop {
        let UnbufferedStatus { mut discard, state, .. } =
            conn.process_tls_records(&mut bytes[used..]);
        let mut done = false;
        match state {
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                while let Some(record) = traffic.next_record() {
                    let record = record?;
                    plain.extend_from_slice(record.payload);
                    discard += record.discard;
                }
            }
            Ok(ConnectionState::EncodeTlsData(mut data)) => encode(&mut data, out),
            Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
            Ok(ConnectionState::PeerClosed) => progress.peer_closed = true,
            Ok(_) => done = true,
            Err(error) => {
                // The alert that explains the error waits. It comes before rustls looks at any input, and input must
                // not be shown again: messages that are still known would be sought in a buffer that has moved on.
                while conn.wants_write()
                    && let Ok(ConnectionState::EncodeTlsData(mut data)) =
                        conn.process_tls_records(&mut []).state
                {
                    encode(&mut data, out);
                }
                return Err(error.into());
            }
        }
        used += discard;
        if done {
            return Ok((used, progress));
        }
    }
}

/// Lets TLS say what it has to say, then runs `write` with the right to seal.
fn with_write_traffic<T>(
    conn: &mut UnbufferedServerConnection,
    partial: &mut [u8],
    out: &mut Outgoing,
    write: impl FnOnce(WriteTraffic<'_>, &mut Outgoing) -> Result<T, TlsError>,
) -> Result<Option<T>, TlsError> {
    loop {
        // What ends inside a record is shown again, and stays: nothing can be used up of it.
        match conn.process_tls_records(partial).state? {
            ConnectionState::EncodeTlsData(mut data) => encode(&mut data, out),
            ConnectionState::TransmitTlsData(data) => data.done(),
            ConnectionState::WriteTraffic(traffic) => return write(traffic, out).map(Some),
            _ => return Ok(None),
        }
    }
}

fn encode(data: &mut EncodeTlsData<'_>, out: &mut Outgoing) {
    // Asked without room first, it says how much it needs: a guess of a whole record would stay with the buffer.
    let mut needed = 0;
    loop {
        match data.encode(out.room(needed)) {
            Ok(written) => return out.filled(written),
            Err(EncodeError::InsufficientSize(size)) => needed = size.required_size,
            Err(EncodeError::AlreadyEncoded) => return,
        }
    }
}

type WriteTraffic<'c> = rustls::unbuffered::WriteTraffic<'c, rustls::server::ServerConnectionData>;
type EncodeTlsData<'c> =
    rustls::unbuffered::EncodeTlsData<'c, rustls::server::ServerConnectionData>;

/// The length of the record at the beginning of `bytes`, header included, once all of it is there.
fn whole_record(bytes: &[u8]) -> Option<usize> {
    let (header, body) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let body_bytes = usize::from(u16::from_be_bytes([header[3], header[4]]));
    (body.len() >= body_bytes).then_some(HEADER_BYTES + body_bytes)
}

/// Labels of the NSS key log format.
const OF_CLIENT: &str = "CLIENT_TRAFFIC_SECRET_0";
const OF_SERVER: &str = "SERVER_TRAFFIC_SECRET_0";

/// Header, explicit nonce, content type and tag: 5 + 8 + 1 + 16, rounded up.
pub(crate) const RECORD_OVERHEAD_BYTES_MAX: usize = 64;
