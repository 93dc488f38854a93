//! TLS 1.3 after the handshake: the record layer as a machine with bytes in and bytes out.
//!
//! rustls shakes hands; then its keys come here and it goes (docs/decisions/0043-own-records-after-the-handshake.md). What this
//! file owns is what RFC 8446 asks of a server from there on: which records and messages may come (sections 5 and 4.6), alerts in
//! both directions (section 6), key updates of either side, and the limits of a key (section 5.5). The cipher's work is in
//! `traffic.rs`.

#[cfg(test)]
pub(crate) mod tests;

#[cfg(feature = "aws-lc")]
use aws_lc_rs::aead;
use host::Place;
#[cfg(not(feature = "aws-lc"))]
use ring::aead;
use rustls::{ExtractedSecrets, Tls13CipherSuite};

use crate::Outgoing;
use crate::keys::Keys;
use crate::suites::algorithm;
use crate::tls::TlsError;
use crate::traffic::{APPLICATION_DATA, CannotSeal, HEADER_BYTES, TAG_BYTES, TYPE_BYTES};

/// Both directions of one connection.
pub(crate) struct Records {
    suite: &'static Tls13CipherSuite,
    algorithm: &'static aead::Algorithm,
    keys: Place<Keys>,
    /// The beginning of a key update whose rest comes in another record, and how much of it there is.
    message: [u8; KEY_UPDATE_BYTES],
    message_bytes: u8,
    /// Our own key update that has to go before the next application data.
    due: Due,
    /// What the peer may do and that costs us something without bringing anything: how often in a row.
    empty_records: u8,
    key_updates: u8,
    warnings: u8,
    /// The peer has said that it sends no more. What comes behind it is ignored.
    read_over: bool,
    /// A close_notify or a fatal alert went out, or came in: nothing is sealed any more.
    write_over: bool,
}

/// Why we update our key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Due {
    Nothing,
    /// The peer asked for it.
    Update,
    /// The peer's own key is used up: it is asked for an update too.
    UpdateAndAsk,
}

/// The peer broke TLS, or ended it. Its alert is in `out`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RecordFault {
    /// A record or a message that has no place there.
    #[error("{0}")]
    Unexpected(&'static str),
    /// A message whose length is wrong.
    #[error("{0}")]
    Malformed(&'static str),
    /// A key update that asks for something unknown.
    #[error("a key update of an unknown kind")]
    IllegalParameter,
    /// Longer than TLS allows.
    #[error("a record longer than {CONTENT_BYTES_MAX} bytes")]
    Overflow,
    /// Altered, repeated, out of order, cut, or of another key.
    #[error("a record that the traffic key does not open")]
    BadRecordMac,
    /// The peer ended the connection with this alert.
    #[error("the peer's alert {0}")]
    Alert(u8),
}

impl RecordFault {
    /// What the peer is told: RFC 8446, section 6.2.
    fn alert(&self) -> Option<u8> {
        match self {
            Self::Unexpected(_) => Some(10),
            Self::BadRecordMac => Some(20),
            Self::Overflow => Some(22),
            Self::IllegalParameter => Some(47),
            Self::Malformed(_) => Some(50),
            Self::Alert(_) => None,
        }
    }
}

impl Records {
    /// Takes over from rustls. `keys` has the secrets of which it made what is in `made`. None: not a suite of TLS 1.3.
    pub(crate) fn go_on(
        suite: &'static Tls13CipherSuite,
        mut keys: Place<Keys>,
        made: &ExtractedSecrets,
    ) -> Option<Self> {
        keys.read.go_on(&made.rx)?;
        keys.write.go_on(&made.tx)?;
        Self::new(suite, keys)
    }

    /// With a key for each direction.
    pub(crate) fn new(suite: &'static Tls13CipherSuite, keys: Place<Keys>) -> Option<Self> {
        Some(Self {
            suite,
            algorithm: algorithm(suite.common.suite)?,
            keys,
            message: [0; KEY_UPDATE_BYTES],
            message_bytes: 0,
            due: Due::Nothing,
            empty_records: 0,
            key_updates: 0,
            warnings: 0,
            read_over: false,
            write_over: false,
        })
    }

    /// Where its keys stand.
    #[cfg(test)]
    pub(crate) fn keys(&self) -> &Place<Keys> {
        &self.keys
    }

    /// Whether the peer has said that it sends no more.
    pub(crate) fn is_peer_closed(&self) -> bool {
        self.read_over
    }

    /// Opens the whole records at the beginning of `bytes`, in place; appends application data to `plain`, and to `out` the alert
    /// that belongs to an error. How many bytes were used up.
    pub(crate) fn receive(
        &mut self,
        bytes: &mut [u8],
        plain: &mut Vec<u8>,
        out: &mut Outgoing,
    ) -> Result<usize, RecordFault> {
        let received = self.try_receive(bytes, plain);
        if let Err(fault) = &received {
            match fault.alert() {
                Some(description) => self.alert(FATAL, description, out),
                None => self.write_over = true,
            }
            self.read_over = true;
        }
        received
    }

    fn try_receive(&mut self, bytes: &mut [u8], plain: &mut Vec<u8>) -> Result<usize, RecordFault> {
        let mut used = 0;
        let mut key = None;
        while !self.read_over {
            let Some(record_bytes) = whole_record(&bytes[used..])? else { return Ok(used) };
            let record = &mut bytes[used..used + record_bytes];
            used += record_bytes;
            let ready = key.get_or_insert_with(|| self.keys.read.ready(self.algorithm));
            let inner =
                self.keys.read.open(ready, record).map_err(|_| RecordFault::BadRecordMac)?;
            if self.keys.read.sequence() == self.limit() {
                self.due = Due::UpdateAndAsk;
            }
            let (content_type, content) = parts(inner)?;
            if self.message_bytes > 0 && content_type != HANDSHAKE {
                return Err(RecordFault::Unexpected("a record within a handshake message"));
            }
            match content_type {
                APPLICATION_DATA => self.application_data(content, plain)?,
                ALERT => self.alert_came(content)?,
                HANDSHAKE => {
                    if self.handshake(content)? {
                        key = None;
                    }
                }
                _ => return Err(RecordFault::Unexpected("a record of another type")),
            }
        }
        Ok(bytes.len())
    }

    fn application_data(&mut self, content: &[u8], plain: &mut Vec<u8>) -> Result<(), RecordFault> {
        if content.is_empty() {
            self.empty_records += 1;
            if self.empty_records > EMPTY_RECORDS_MAX {
                return Err(RecordFault::Unexpected("too many records with nothing in them"));
            }
            return Ok(());
        }
        (self.empty_records, self.key_updates) = (0, 0);
        plain.extend_from_slice(content);
        Ok(())
    }

    /// All alerts end the connection but two, whatever their level: RFC 8446, section 6.
    fn alert_came(&mut self, content: &[u8]) -> Result<(), RecordFault> {
        match *content {
            [] => Err(RecordFault::Unexpected("an alert with nothing in it")),
            [_, CLOSE_NOTIFY] => {
                self.read_over = true;
                Ok(())
            }
            // It announces a close_notify and says nothing besides.
            [WARNING, USER_CANCELED] if self.warnings < WARNINGS_MAX => {
                self.warnings += 1;
                Ok(())
            }
            [WARNING, USER_CANCELED] => Err(RecordFault::Unexpected("too many warnings")),
            [_, description] => Err(RecordFault::Alert(description)),
            _ => Err(RecordFault::Malformed("an alert of another length")),
        }
    }

    /// The only message that a client may still send is a key update: 24, its length, and whether we are to follow.
    /// True: from the next record on another key is in use.
    fn handshake(&mut self, content: &[u8]) -> Result<bool, RecordFault> {
        if content.is_empty() {
            return Err(RecordFault::Unexpected("a handshake record with nothing in it"));
        }
        for (at, byte) in content.iter().enumerate() {
            self.message[usize::from(self.message_bytes)] = *byte;
            self.message_bytes += 1;
            match self.message[..usize::from(self.message_bytes)] {
                [KEY_UPDATE] | [KEY_UPDATE, 0] | [KEY_UPDATE, 0, 0] | [KEY_UPDATE, 0, 0, 1] => {}
                [KEY_UPDATE, 0, 0, 1, asked] if at + 1 == content.len() => {
                    self.message_bytes = 0;
                    self.key_update(asked)?;
                    return Ok(true);
                }
                [KEY_UPDATE, 0, 0, 1, _] => {
                    return Err(RecordFault::Unexpected(
                        "a record that goes on behind a key update",
                    ));
                }
                [KEY_UPDATE, ..] => {
                    return Err(RecordFault::Malformed("a key update of another length"));
                }
                _ => {
                    return Err(RecordFault::Unexpected("a handshake message after the handshake"));
                }
            }
        }
        Ok(false)
    }

    fn key_update(&mut self, asked: u8) -> Result<(), RecordFault> {
        if asked > 1 {
            return Err(RecordFault::IllegalParameter);
        }
        self.key_updates += 1;
        if self.key_updates > KEY_UPDATES_MAX {
            return Err(RecordFault::Unexpected("too many key updates without data between"));
        }
        self.keys.read.update(self.suite);
        // One answer is enough for as many requests as have come until then.
        if asked == 1 && self.due == Due::Nothing {
            self.due = Due::Update;
        }
        Ok(())
    }

    /// Seals `plain` into as few records as TLS allows, behind the key update that is due. Nothing after the end.
    pub(crate) fn seal(&mut self, plain: &[u8], out: &mut Outgoing) -> Result<(), TlsError> {
        if self.write_over || plain.is_empty() {
            return Ok(());
        }
        let records = plain.len().div_ceil(CONTENT_BYTES_MAX);
        out.room(plain.len() + records * (HEADER_BYTES + TYPE_BYTES + TAG_BYTES));
        let mut key = self.keys.write.ready(self.algorithm);
        for fragment in plain.chunks(CONTENT_BYTES_MAX) {
            // The update itself takes the last sequence number that the key is good for.
            if self.due != Due::Nothing || self.keys.write.sequence() + 1 >= self.limit() {
                let ask = u8::from(self.due == Due::UpdateAndAsk);
                self.keys.write.seal(&key, HANDSHAKE, &[KEY_UPDATE, 0, 0, 1, ask], out)?;
                self.keys.write.update(self.suite);
                self.due = Due::Nothing;
                key = self.keys.write.ready(self.algorithm);
            }
            self.keys.write.seal(&key, APPLICATION_DATA, fragment, out)?;
        }
        Ok(())
    }

    /// Says that nothing more will be sent, once.
    pub(crate) fn close(&mut self, out: &mut Outgoing) {
        self.alert(WARNING, CLOSE_NOTIFY, out);
    }

    fn alert(&mut self, level: u8, description: u8, out: &mut Outgoing) {
        if !self.write_over {
            self.write_over = true;
            let key = self.keys.write.ready(self.algorithm);
            // A connection that cannot say goodbye any more is closed without.
            let _ = self.keys.write.seal(&key, ALERT, &[level, description], out);
        }
    }

    /// How many records one key may protect.
    fn limit(&self) -> u64 {
        self.suite.common.confidentiality_limit.min(SEQUENCE_MAX)
    }
}

impl From<CannotSeal> for TlsError {
    fn from(_: CannotSeal) -> Self {
        Self::Exhausted
    }
}

/// The length of the record at the beginning of `bytes`, header included, once all of it is there.
pub(crate) fn whole_record(bytes: &[u8]) -> Result<Option<usize>, RecordFault> {
    if bytes.first().is_some_and(|of_type| *of_type != APPLICATION_DATA) {
        return Err(RecordFault::Unexpected("a record that is not protected"));
    }
    let Some((header, body)) = bytes.split_first_chunk::<HEADER_BYTES>() else { return Ok(None) };
    let body_bytes = usize::from(u16::from_be_bytes([header[3], header[4]]));
    if body_bytes > SEALED_BYTES_MAX {
        return Err(RecordFault::Overflow);
    }
    Ok((body.len() >= body_bytes).then_some(HEADER_BYTES + body_bytes))
}

/// How many bytes `begun`, which is not a whole record, lacks to become one, or to tell its length.
pub(crate) fn missing_bytes(begun: &[u8]) -> usize {
    match begun {
        [_, _, _, high, low, body @ ..] => {
            usize::from(u16::from_be_bytes([*high, *low])).saturating_sub(body.len())
        }
        _ => HEADER_BYTES - begun.len(),
    }
}

/// A record's true type and its content: the type is the last byte that is not zero.
pub(crate) fn parts(inner: &[u8]) -> Result<(u8, &[u8]), RecordFault> {
    if inner.len() > CONTENT_BYTES_MAX + TYPE_BYTES {
        return Err(RecordFault::Overflow);
    }
    match inner.iter().rposition(|byte| *byte != 0) {
        Some(at) => Ok((inner[at], &inner[..at])),
        None => Err(RecordFault::Unexpected("a record without a type")),
    }
}

/// Content of one record: RFC 8446, section 5.1.
const CONTENT_BYTES_MAX: usize = 1 << 14;

/// What is sealed of one record, with its type, tag and anything that a cipher may add: RFC 8446, section 5.2.
const SEALED_BYTES_MAX: usize = CONTENT_BYTES_MAX + 256;

/// No key comes near it: a suite without a limit of its own still ends before its numbers do.
const SEQUENCE_MAX: u64 = u64::MAX - (1 << 16);

/// In a row, as rustls allows: a record with nothing in it costs 22 bytes to send and a decryption to read.
const EMPTY_RECORDS_MAX: u8 = 32;

/// Without data between, as rustls allows: an update costs 27 bytes to send and four HMACs to follow.
const KEY_UPDATES_MAX: u8 = 32;

/// In all, as rustls allows.
const WARNINGS_MAX: u8 = 4;

/// Content types: RFC 8446, section 5.1.
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

/// The one handshake message that may come after the handshake, and its length with its header: RFC 8446, section 4.6.3.
const KEY_UPDATE: u8 = 24;
const KEY_UPDATE_BYTES: usize = 5;

/// Alerts and their levels: RFC 8446, section 6.
const WARNING: u8 = 1;
const FATAL: u8 = 2;
const CLOSE_NOTIFY: u8 = 0;
const USER_CANCELED: u8 = 90;
