//! The TLS half of a connection: ciphertext in, plaintext out, and back.
//!
//! Or its absence: where plain HTTP is taken as well, the first byte tells. A TLS record begins with 0x16, the name of an
//! HTTP method with a capital letter; what follows a letter passes as it is.
//!
//! Built on rustls's unbuffered API: an idle connection holds rustls's own state and no buffer of ours.
//! A first look at the ClientHello decides by its server name between the public configuration and that of the
//! control stream, which asks for a client certificate that no browser should be asked for.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{Acceptor, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};

use crate::Outgoing;

/// Which configuration a client gets.
pub struct TlsConfigs {
    /// For browsers.
    pub public: Arc<ServerConfig>,
    /// For the web tier: the server name it asks for, and a configuration that demands its certificate.
    pub control: Option<(String, Arc<ServerConfig>)>,
    /// The name that answers plain HTTP only. TLS for it is refused, or a browser that tries HTTPS first would stay there.
    pub plain_host: Option<String>,
}

impl std::fmt::Debug for TlsConfigs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let control = self.control.as_ref().map(|(name, _)| name);
        f.debug_struct("TlsConfigs")
            .field("control", &control)
            .field("plain_host", &self.plain_host)
            .finish_non_exhaustive()
    }
}

/// The peer's TLS was refused. What TLS has to say about it is already in `out`.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Not TLS, or TLS that breaks its own rules.
    #[error("{0}")]
    Rustls(#[from] rustls::Error),
    /// A ClientHello that never ends.
    #[error("a first flight of more than {HELLO_BYTES_MAX} bytes")]
    HelloTooLong,
    /// A ClientHello that asks for the name of plain HTTP.
    #[error("TLS was asked for under the name that answers plain HTTP only")]
    PlainName,
    /// More was sealed under one key than the cipher allows, and the peer did not follow a key update.
    #[error("the traffic key is used up")]
    Exhausted,
}

/// TLS state of one connection.
pub(crate) struct Tls {
    state: State,
    /// Ciphertext that ends inside a record. Empty, and without an allocation, between records.
    partial: Vec<u8>,
}

/// As large as rustls's connection in every stage: whoever holds many connections boxes the whole of each.
#[allow(
    clippy::large_enum_variant,
    reason = "nearly all connections are live for nearly all of their time"
)]
enum State {
    /// Waiting for a whole ClientHello.
    Hello {
        acceptor: Box<Acceptor>,
        configs: Arc<TlsConfigs>,
        /// Plain HTTP is taken as well.
        or_plain: bool,
    },
    /// Plain HTTP.
    Plain,
    Live {
        conn: UnbufferedServerConnection,
        control: bool,
    },
    /// Refused; the connection only waits to be closed.
    Dead,
}

/// What `receive` found out besides plaintext.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The peer said that it sends no more.
    pub(crate) peer_closed: bool,
}

impl Tls {
    pub(crate) fn new(configs: Arc<TlsConfigs>) -> Self {
        let is_public_only = configs.control.is_none() && configs.plain_host.is_none();
        let state = if is_public_only {
            State::live(&configs.public, false).unwrap_or(State::Dead)
        } else {
            State::Hello { acceptor: Box::default(), configs, or_plain: false }
        };
        Self { state, partial: Vec::new() }
    }

    /// Takes plain HTTP as well, where there is a name for it. Before the first byte.
    pub(crate) fn or_plain(&mut self) {
        if let State::Hello { configs, or_plain, .. } = &mut self.state {
            *or_plain = configs.plain_host.is_some();
        }
    }

    /// Whether the peer speaks plain HTTP.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.state, State::Plain)
    }

    /// Whether the peer asked for the control name, and so has shown a certificate of the control CA.
    pub(crate) fn is_control(&self) -> bool {
        matches!(self.state, State::Live { control: true, .. })
    }

    /// Whether application data can be sealed.
    pub(crate) fn is_established(&self) -> bool {
        match &self.state {
            State::Live { conn, .. } => !conn.is_handshaking(),
            State::Plain => true,
            State::Hello { .. } | State::Dead => false,
        }
    }

    /// Bytes of a record, or of a hello, that are not whole.
    pub(crate) fn held_bytes(&self) -> usize {
        self.partial.len()
    }

    /// Takes ciphertext; appends plaintext to `plain` and answers of TLS itself to `out`.
    /// `bytes` is used as working memory: records are decrypted in place.
    pub(crate) fn receive(
        &mut self,
        bytes: &mut [u8],
        plain: &mut Vec<u8>,
        out: &mut Outgoing,
    ) -> Result<Progress, TlsError> {
        let received = self.try_receive(bytes, plain, out);
        if received.is_err() {
            // Its alert is in `out`; rustls must not be asked again after an error.
            (self.state, self.partial) = (State::Dead, Vec::new());
        }
        received
    }

    fn try_receive(
        &mut self,
        bytes: &mut [u8],
        plain: &mut Vec<u8>,
        out: &mut Outgoing,
    ) -> Result<Progress, TlsError> {
        if let State::Hello { or_plain: true, .. } = self.state
            && self.partial.is_empty()
            && bytes.first().is_some_and(u8::is_ascii_uppercase)
        {
            self.state = State::Plain;
        }
        if let State::Plain = self.state {
            plain.extend_from_slice(bytes);
            return Ok(Progress::default());
        }
        if let State::Hello { .. } = self.state {
            self.partial.extend_from_slice(bytes);
            if !self.hello(bytes, out)? {
                return Ok(Progress::default());
            }
            return self.receive_behind_partial(plain, out);
        }
        if !self.partial.is_empty() {
            self.partial.extend_from_slice(bytes);
            return self.receive_behind_partial(plain, out);
        }
        let State::Live { conn, .. } = &mut self.state else { return Ok(Progress::default()) };
        let (used, progress) = pump(conn, bytes, plain, out)?;
        self.partial.extend_from_slice(&bytes[used..]);
        Ok(progress)
    }

    /// Seals `plain` into as few records as TLS allows, behind whatever TLS itself has to say.
    pub(crate) fn seal(&mut self, plain: &[u8], out: &mut Outgoing) -> Result<(), TlsError> {
        if let State::Plain = self.state {
            out.extend_from_slice(plain);
            return Ok(());
        }
        let State::Live { conn, .. } = &mut self.state else { return Ok(()) };
        let records = plain.len().div_ceil(RECORD_BYTES_MAX);
        out.room(plain.len() + records * RECORD_OVERHEAD_BYTES_MAX);
        for fragment in plain.chunks(RECORD_BYTES_MAX) {
            with_write_traffic(conn, &mut self.partial, out, |mut traffic, out| {
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
        }
        Ok(())
    }

    /// Appends a close_notify alert.
    pub(crate) fn close(&mut self, out: &mut Outgoing) {
        let State::Live { conn, .. } = &mut self.state else { return };
        // A connection that cannot say goodbye any more is closed without.
        let _ = with_write_traffic(conn, &mut self.partial, out, |mut traffic, out| {
            let room = out.room(RECORD_OVERHEAD_BYTES_MAX);
            let written = traffic.queue_close_notify(room).unwrap_or(0);
            out.filled(written);
            Ok(())
        });
    }

    fn receive_behind_partial(
        &mut self,
        plain: &mut Vec<u8>,
        out: &mut Outgoing,
    ) -> Result<Progress, TlsError> {
        let State::Live { conn, .. } = &mut self.state else { return Ok(Progress::default()) };
        let (used, progress) = pump(conn, &mut self.partial, plain, out)?;
        if used == self.partial.len() {
            self.partial = Vec::new();
        } else {
            self.partial.drain(..used);
        }
        if conn.is_handshaking() && self.partial.len() > HELLO_BYTES_MAX {
            return Err(TlsError::HelloTooLong);
        }
        Ok(progress)
    }

    /// Feeds the first flight; true once its server name has chosen a configuration.
    fn hello(&mut self, mut bytes: &[u8], out: &mut Outgoing) -> Result<bool, TlsError> {
        let State::Hello { acceptor, configs, .. } = &mut self.state else { return Ok(true) };
        let accepted = loop {
            match acceptor.accept() {
                Ok(Some(accepted)) => break accepted,
                Ok(None) if bytes.is_empty() => {
                    if self.partial.len() > HELLO_BYTES_MAX {
                        return Err(TlsError::HelloTooLong);
                    }
                    return Ok(false);
                }
                Ok(None) => {
                    // Reading from memory fails only when the acceptor's own buffer is full.
                    if acceptor.read_tls(&mut bytes).is_err() {
                        return Err(TlsError::HelloTooLong);
                    }
                }
                Err((error, mut alert)) => {
                    let mut told = Vec::new();
                    // Writing to memory does not fail.
                    let _ = alert.write_all(&mut told);
                    out.extend_from_slice(&told);
                    self.state = State::Dead;
                    return Err(error.into());
                }
            }
        };
        let asked = accepted.client_hello().server_name().map(str::to_ascii_lowercase);
        if asked.is_some() && asked == configs.plain_host {
            out.extend_from_slice(&UNRECOGNIZED_NAME);
            return Err(TlsError::PlainName);
        }
        let control = match (&configs.control, asked) {
            (Some((name, config)), Some(asked)) if *name == asked => Some(config),
            _ => None,
        };
        self.state = match control {
            Some(config) => State::live(config, true)?,
            None => State::live(&configs.public, false)?,
        };
        Ok(true)
    }
}

impl State {
    fn live(config: &Arc<ServerConfig>, control: bool) -> Result<Self, TlsError> {
        let conn = UnbufferedServerConnection::new(config.clone())?;
        Ok(Self::Live { conn, control })
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

/// Plaintext of one record, by TLS.
const RECORD_BYTES_MAX: usize = 16 * 1024;

/// Header, explicit nonce, content type and tag: 5 + 8 + 1 + 16, rounded up.
const RECORD_OVERHEAD_BYTES_MAX: usize = 64;

/// A fatal alert of that name, in the clear as everything is before the keys: RFC 6066, section 3.
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// A ClientHello with a post-quantum share is 2 KiB; with a client certificate chain behind it, some more.
const HELLO_BYTES_MAX: usize = 32 * 1024;
