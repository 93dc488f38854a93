//! The TLS half of a connection: ciphertext in, plaintext out, and back.
//!
//! Or its absence: where plain HTTP is taken as well, the first byte tells. A TLS record begins with 0x16, the name of an
//! HTTP method with a capital letter; what follows a letter passes as it is.
//!
//! A first look at the ClientHello (`hello.rs`) decides by its server name between the public configuration and that of the
//! control stream, which asks for a client certificate that no browser should be asked for. rustls shakes hands
//! (`library.rs`); what is TLS 1.3 for the public goes on without it (`records.rs`), so that an idle connection holds two keys
//! and no buffer.

use std::sync::Arc;

use rustls::ServerConfig;

use crate::Outgoing;
use crate::hello::{self, First};
use crate::library::{Library, RECORD_OVERHEAD_BYTES_MAX};
use crate::records::{RecordFault, Records, missing_bytes};

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
    /// TLS 1.3 whose rules were broken after the handshake.
    #[error("{0}")]
    Records(#[from] RecordFault),
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

#[allow(
    clippy::large_enum_variant,
    reason = "nearly all connections are past their handshake for nearly all of their time"
)]
enum State {
    /// Waiting for a whole ClientHello.
    Hello {
        configs: Arc<TlsConfigs>,
        /// Plain HTTP is taken as well.
        or_plain: bool,
    },
    /// Plain HTTP.
    Plain,
    /// With rustls.
    Library { library: Box<Library>, control: bool },
    /// TLS 1.3 after its handshake.
    Records(Records),
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
            State::public(&configs).unwrap_or(State::Dead)
        } else {
            State::Hello { configs, or_plain: false }
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
        matches!(self.state, State::Library { control: true, .. })
    }

    /// Whether application data can be sealed.
    pub(crate) fn is_established(&self) -> bool {
        match &self.state {
            State::Library { library, .. } => library.is_established(),
            State::Records(_) | State::Plain => true,
            State::Hello { .. } | State::Dead => false,
        }
    }

    /// Both directions after the handshake.
    #[cfg(test)]
    pub(crate) fn records(&mut self) -> Option<&mut Records> {
        match &mut self.state {
            State::Records(records) => Some(records),
            _ => None,
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
            // Its alert is in `out`; nobody must be asked again after an error.
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
        match &mut self.state {
            State::Plain => plain.extend_from_slice(bytes),
            State::Hello { .. } if self.partial.is_empty() => {
                if self.meet(bytes, out)? {
                    return self.receive_library(bytes, plain, out);
                }
                self.partial.extend_from_slice(bytes);
            }
            State::Hello { .. } => {
                let mut held = core::mem::take(&mut self.partial);
                held.extend_from_slice(bytes);
                let is_met = self.meet(&held, out)?;
                self.partial = held;
                if is_met {
                    return self.receive_behind_partial(plain, out);
                }
            }
            State::Records(_) => return self.receive_records(bytes, plain, out),
            State::Library { .. } if self.partial.is_empty() => {
                return self.receive_library(bytes, plain, out);
            }
            State::Library { .. } => {
                self.partial.extend_from_slice(bytes);
                return self.receive_behind_partial(plain, out);
            }
            State::Dead => {}
        }
        Ok(Progress::default())
    }

    fn receive_library(
        &mut self,
        bytes: &mut [u8],
        plain: &mut Vec<u8>,
        out: &mut Outgoing,
    ) -> Result<Progress, TlsError> {
        let (used, progress) = self.use_up(bytes, plain, out)?;
        self.partial.extend_from_slice(&bytes[used..]);
        Ok(progress)
    }

    /// What was held, with what has come behind it.
    fn receive_behind_partial(
        &mut self,
        plain: &mut Vec<u8>,
        out: &mut Outgoing,
    ) -> Result<Progress, TlsError> {
        let mut held = core::mem::take(&mut self.partial);
        let (used, progress) = self.use_up(&mut held, plain, out)?;
        if used < held.len() {
            held.drain(..used);
            self.partial = held;
        }
        if !self.is_established() && self.partial.len() > HELLO_BYTES_MAX {
            return Err(TlsError::HelloTooLong);
        }
        Ok(progress)
    }

    /// Gives the bytes to whoever has the connection, which may change in between; how many were used up.
    fn use_up(
        &mut self,
        bytes: &mut [u8],
        plain: &mut Vec<u8>,
        out: &mut Outgoing,
    ) -> Result<(usize, Progress), TlsError> {
        let mut used = 0;
        if let State::Library { library, .. } = &mut self.state {
            let received = library.receive(bytes, plain, out)?;
            if !library.is_done() {
                return Ok(received);
            }
            used = received.0;
            if let State::Library { library, .. } = core::mem::replace(&mut self.state, State::Dead)
            {
                self.state = State::Records(library.hand_over()?);
            }
        }
        let State::Records(records) = &mut self.state else {
            return Ok((used, Progress::default()));
        };
        used += records.receive(&mut bytes[used..], plain, out)?;
        Ok((used, Progress { peer_closed: records.is_peer_closed() }))
    }

    /// A record that was cut is completed first, so that no other has to be copied.
    fn receive_records(
        &mut self,
        mut bytes: &mut [u8],
        plain: &mut Vec<u8>,
        out: &mut Outgoing,
    ) -> Result<Progress, TlsError> {
        let mut progress = Progress::default();
        while !self.partial.is_empty() && !bytes.is_empty() {
            let missing = missing_bytes(&self.partial).min(bytes.len());
            let (completing, behind) = bytes.split_at_mut(missing);
            self.partial.extend_from_slice(completing);
            progress = self.receive_behind_partial(plain, out)?;
            bytes = behind;
        }
        if !bytes.is_empty() {
            let used;
            (used, progress) = self.use_up(bytes, plain, out)?;
            self.partial.extend_from_slice(&bytes[used..]);
        }
        Ok(progress)
    }

    /// Seals `plain` into as few records as TLS allows, behind whatever TLS itself has to say.
    pub(crate) fn seal(&mut self, plain: &[u8], out: &mut Outgoing) -> Result<(), TlsError> {
        match &mut self.state {
            State::Records(records) => records.seal(plain, out),
            State::Plain => {
                out.extend_from_slice(plain);
                Ok(())
            }
            State::Library { library, .. } => {
                let records = plain.len().div_ceil(RECORD_BYTES_MAX);
                out.room(plain.len() + records * RECORD_OVERHEAD_BYTES_MAX);
                let mut fragments = plain.chunks(RECORD_BYTES_MAX);
                fragments.try_for_each(|fragment| library.seal(fragment, &mut self.partial, out))
            }
            State::Hello { .. } | State::Dead => Ok(()),
        }
    }

    /// Appends a close_notify alert.
    pub(crate) fn close(&mut self, out: &mut Outgoing) {
        match &mut self.state {
            State::Records(records) => records.close(out),
            State::Library { library, .. } => library.close(&mut self.partial, out),
            State::Hello { .. } | State::Plain | State::Dead => {}
        }
    }

    /// Looks at all that has come so far; true once its server name has chosen a configuration.
    fn meet(&mut self, bytes: &[u8], out: &mut Outgoing) -> Result<bool, TlsError> {
        let State::Hello { configs, .. } = &self.state else { return Ok(true) };
        let First::Whole(asked) = hello::look(bytes) else { return Ok(false) };
        let is =
            |name: &str| asked.is_some_and(|asked| asked.eq_ignore_ascii_case(name.as_bytes()));
        if configs.plain_host.as_deref().is_some_and(is) {
            out.extend_from_slice(&UNRECOGNIZED_NAME);
            return Err(TlsError::PlainName);
        }
        self.state = match &configs.control {
            Some((name, config)) if is(name) => {
                State::Library { library: Box::new(Library::to_the_end(config)?), control: true }
            }
            _ => State::public(configs)?,
        };
        Ok(true)
    }
}

impl State {
    fn public(configs: &TlsConfigs) -> Result<Self, TlsError> {
        let library = Box::new(Library::until_established(&configs.public)?);
        Ok(Self::Library { library, control: false })
    }
}

/// Plaintext of one record, by TLS.
const RECORD_BYTES_MAX: usize = 16 * 1024;

/// A fatal alert of that name, in the clear as everything is before the keys: RFC 6066, section 3.
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// A ClientHello with a post-quantum share is 2 KiB; with a client certificate chain behind it, some more.
const HELLO_BYTES_MAX: usize = 32 * 1024;
