//! A transaction of the store under way: values as JSON, keys and indexes that stay together, and what a report changes.
//!
//! Everything here sees and changes the store through the transaction alone.

use protocol::control::{Boot, Down, Report, ReportEvent};
use protocol::ids::{JoinId, SessionNumber};
use protocol::{GroupId, ServerId, SessionKey};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sled::transaction::ConflictableTransactionError;

use super::StoreError;
use super::records::{Group, Join, LOST, NEVER_STARTED, Server, Session, State, is_wanted};
use super::tree::Handle;
use crate::audit::signing::{Said, SignedHead};
use crate::audit::{Entry, Event, Head, line};

/// A transaction under way, speaking JSON.
pub(super) struct Tx<'a>(pub(super) &'a Handle<'a>);

pub(super) type TxResult<T> = Result<T, ConflictableTransactionError<StoreError>>;

impl Tx<'_> {
    pub(super) fn get<T: DeserializeOwned>(&self, key: &[u8]) -> TxResult<Option<T>> {
        self.0.get(key)?.map(|value| read(key, &value).map_err(abort)).transpose()
    }

    pub(super) fn put<T: Serialize>(&self, key: &[u8], value: &T) -> TxResult<()> {
        let value = serde_json::to_vec(value)
            .map_err(|error| abort(StoreError::Corrupt(error.to_string())))?;
        self.0.insert(key, value)
    }

    pub(super) fn remove(&self, key: &[u8]) -> TxResult<()> {
        self.0.remove(key)
    }

    pub(super) fn must_be_new(&self, key: &[u8], what: &'static str, name: &str) -> TxResult<()> {
        match self.0.get(key)? {
            Some(_) => Err(abort(StoreError::Exists { what, name: name.to_owned() })),
            None => Ok(()),
        }
    }

    pub(super) fn must_exist<T: DeserializeOwned>(
        &self,
        key: &[u8],
        what: &'static str,
        name: &str,
    ) -> TxResult<T> {
        self.get(key)?.ok_or_else(|| abort(StoreError::NotFound { what, name: name.to_owned() }))
    }

    /// The server must still be the process that was meant.
    pub(super) fn must_be_at(&self, server: &ServerId, boot: Boot) -> TxResult<()> {
        let met: Option<Server> = self.get(&server_key(server))?;
        if met.is_some_and(|met| met.boot == Some(boot)) {
            Ok(())
        } else {
            Err(abort(StoreError::Conflict))
        }
    }

    /// The same order for each of these CServers. Its number comes from the transaction: sled must not be asked for
    /// anything else meanwhile, not even for an id.
    pub(super) fn order(&self, servers: &[ServerId], order: &Down) -> TxResult<()> {
        let number = self.get::<u64>(&ORDER_NUMBER_KEY)?.unwrap_or(0) + 1;
        self.put(&ORDER_NUMBER_KEY, &number)?;
        servers.iter().try_for_each(|server| self.put(&order_key(server, number), order))
    }

    /// Appends to the audit log: the event is in it if, and only if, the transaction is done.
    pub(super) fn note(&self, at_ms: u64, event: Event) -> TxResult<()> {
        let head = self.get::<Head>(&AUDIT_HEAD_KEY)?.unwrap_or_default();
        let entry = Entry { seq: head.seq + 1, at_ms, event };
        let text = serde_json::to_string(&entry)
            .map_err(|error| abort(StoreError::Corrupt(error.to_string())))?;
        let head = head.after(&text);
        self.put(&AUDIT_HEAD_KEY, &head)?;
        self.0.insert(audit_key(AUDIT, entry.seq), line(&head, &text).into_bytes())?;
        Ok(())
    }

    /// Keeps a signed head beside the entry that it covers last.
    pub(super) fn put_signed(&self, signed: &SignedHead) -> TxResult<()> {
        let kind = match signed.said {
            Said::Ended => AUDIT_HEADS,
            Said::Accepted => AUDIT_ACCEPTED,
        };
        self.put(&audit_key(kind, signed.head.seq), signed)
    }

    pub(super) fn put_origins(&self, group: &Group, present: bool) -> TxResult<()> {
        for origin in &group.settings.origins {
            let mut key = origin_prefix(origin);
            key.extend_from_slice(group.id.as_str().as_bytes());
            if present { self.put(&key, &())? } else { self.remove(&key)? }
        }
        Ok(())
    }

    pub(super) fn end_logins(&self, keys: &[Vec<u8>]) -> TxResult<()> {
        keys.iter().try_for_each(|key| self.remove(key))
    }

    /// Takes the session's key for it, from one that has ended if need be.
    pub(super) fn take_key(&self, session: &Session) -> TxResult<()> {
        if !self.key_is_free(session)? {
            return Err(abort(StoreError::KeyInUse));
        }
        let key = open_key(&session.id.group, &session.id.key);
        self.0.insert(key, session.id.number.as_bytes())
    }

    pub(super) fn key_is_free(&self, session: &Session) -> TxResult<bool> {
        let Some(number) = self.0.get(open_key(&session.id.group, &session.id.key))? else {
            return Ok(true);
        };
        let holder: Option<Session> = self.get(&with(SESSIONS, &number))?;
        Ok(holder.is_none_or(|holder| !holder.is_open() || holder.id == session.id))
    }

    /// Gives the session's key free, unless another has it by now.
    pub(super) fn free_key(&self, session: &Session) -> TxResult<()> {
        let key = open_key(&session.id.group, &session.id.key);
        if self.0.get(&key)?.is_some_and(|number| number == session.id.number.as_bytes()) {
            self.remove(&key)?;
        }
        Ok(())
    }

    /// Writes the session and its place in the indexes by time.
    pub(super) fn put_session(&self, session: &Session) -> TxResult<()> {
        match &session.state {
            State::Assigned => {
                self.put(&time_key(ASSIGNED_AT, session.assigned_ms, &session.id.number), &())?
            }
            State::Live => {}
            State::Ended { at_ms, .. } => {
                self.put(&time_key(ENDED_AT, *at_ms, &session.id.number), &())?
            }
        }
        self.put(&with(SESSIONS, session.id.number.as_bytes()), session)
    }

    pub(super) fn remove_times(&self, session: &Session) -> TxResult<()> {
        match &session.state {
            State::Assigned => {
                self.remove(&time_key(ASSIGNED_AT, session.assigned_ms, &session.id.number))
            }
            State::Live => Ok(()),
            State::Ended { at_ms, .. } => {
                self.remove(&time_key(ENDED_AT, *at_ms, &session.id.number))
            }
        }
    }

    /// Ends a session.
    pub(super) fn end_session(&self, session: Session, at_ms: u64, reason: &str) -> TxResult<()> {
        self.remove_times(&session)?;
        let wanted = is_wanted(reason).then_some(reason);
        self.tell_left_homes(&session, wanted)?;
        if session.started_ms.is_some() {
            let event = Event::SessionEnded {
                group: session.id.group,
                session: hex_of(&session.id.number),
                home: session.home,
                reason: reason.to_owned(),
            };
            self.note(at_ms, event)?;
        }
        let state = State::Ended { at_ms, reason: reason.to_owned() };
        let ended = Session { state, left: Vec::new(), ..session };
        if !ended.keeps_key() {
            self.free_key(&ended)?;
        }
        self.put_session(&ended)
    }

    /// Homes that the session has left may live on behind a partition: each is told, and if its people have ended it, how.
    fn tell_left_homes(&self, session: &Session, wanted: Option<&str>) -> TxResult<()> {
        session.left.iter().try_for_each(|old| self.tell(old, session, session.home, wanted))
    }

    /// Nothing below that home is left of the session, and a CServer that may hold something of it hears so.
    fn tell(
        &self,
        server: &ServerId,
        session: &Session,
        home: u32,
        wanted: Option<&str>,
    ) -> TxResult<()> {
        if self.0.get(server_key(server))?.is_none() {
            return Ok(());
        }
        let order = Down::Moved { session: session.id, home, reason: wanted.map(str::to_owned) };
        self.order(&[*server], &order)
    }

    /// Somebody ended the session at a home that it has left, or that was given up: it is over wherever it is now.
    fn end_everywhere(&self, session: Session, at_ms: u64, reason: &str) -> TxResult<()> {
        let none_below = session.home.saturating_add(1);
        let others = session.left.iter().filter(|left| **left != session.server);
        others
            .chain([&session.server])
            .try_for_each(|holder| self.tell(holder, &session, none_below, Some(reason)))?;
        self.end_session(Session { left: Vec::new(), ..session }, at_ms, reason)
    }

    pub(super) fn apply(&self, server: &ServerId, boot: Boot, report: &Report) -> TxResult<()> {
        let number = report.session.number;
        let session = self.get::<Session>(&with(SESSIONS, number.as_bytes()))?;
        let Some(session) = session.filter(|session| session.id == report.session) else {
            // Swept long ago, or of a session that another store gave out: nothing to keep.
            return Ok(());
        };
        let here = session.server == *server && session.boot == boot;
        match &report.event {
            ReportEvent::SessionStarted { home } if here && *home == session.home => {
                // A report may be later than the minute after which the session was given up.
                let given_up = matches!(&session.state, State::Ended { reason, .. }
                    if reason == NEVER_STARTED || reason == LOST);
                // Then its key may be somebody else's by now, and nobody could find it: it stays given up.
                let holds_key = !given_up || self.key_is_free(&session)?;
                if holds_key && (session.state == State::Assigned || given_up) {
                    self.take_key(&session)?;
                    self.remove_times(&session)?;
                    let started_ms = session.started_ms.or(Some(report.at_ms));
                    let id = &session.id;
                    let group: Option<Group> =
                        self.get(&with(GROUPS, id.group.as_str().as_bytes()))?;
                    let event = Event::SessionStarted {
                        group: id.group,
                        session: hex_of(&id.number),
                        server: *server,
                        home: session.home,
                        revision: group.map_or(0, |group| group.settings.revision),
                    };
                    self.note(report.at_ms, event)?;
                    self.tell_left_homes(&session, None)?;
                    let left = Vec::new();
                    self.put_session(&Session { state: State::Live, started_ms, left, ..session })?;
                } else if let Some(wanted) = session.wanted_end() {
                    // Ended at an older home while the ticket for this one was out.
                    let none_below = session.home.saturating_add(1);
                    self.tell(server, &session, none_below, Some(&wanted))?;
                }
            }
            ReportEvent::SessionEnded { home, reason }
                if here && *home == session.home && session.is_open() =>
            {
                self.end_session(session, report.at_ms, reason)?;
            }
            ReportEvent::SessionEnded { home, reason }
                if (here || *home < session.home) && session.may_move() && is_wanted(reason) =>
            {
                self.end_everywhere(session, report.at_ms, reason)?;
            }
            // An attempt that its visitor had given up has arrived after all, at a home that was told before it had anything to end.
            ReportEvent::SessionStarted { home } if *home < session.home => {
                self.tell(server, &session, session.home, session.wanted_end().as_deref())?;
            }
            // Of a home that it has left.
            ReportEvent::SessionStarted { .. } | ReportEvent::SessionEnded { .. } => {}
            ReportEvent::AgentJoined { join, agent, privileges } => {
                let record = Join {
                    agent: *agent,
                    privileges: *privileges,
                    joined_ms: report.at_ms,
                    left_ms: None,
                };
                self.put(&join_key(&number, join), &record)?;
                let event = Event::AgentJoined {
                    group: session.id.group,
                    session: hex_of(&number),
                    join: *join,
                    agent: *agent,
                    privileges: *privileges,
                };
                self.note(report.at_ms, event)?;
            }
            ReportEvent::AgentActed { join } => {
                // Who it was stands with the join.
                if let Some(Join { agent, .. }) = self.get(&join_key(&number, join))? {
                    let (group, session) = (session.id.group, hex_of(&number));
                    let event = Event::AgentActed { group, session, join: *join, agent };
                    self.note(report.at_ms, event)?;
                }
            }
            ReportEvent::AgentLeft { join } => {
                let key = join_key(&number, join);
                if let Some(record) = self.get::<Join>(&key)? {
                    self.put(&key, &Join { left_ms: Some(report.at_ms), ..record })?;
                    let (group, session) = (session.id.group, hex_of(&number));
                    self.note(report.at_ms, Event::AgentLeft { group, session, join: *join })?;
                }
            }
        }
        Ok(())
    }
}

pub(super) fn read<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, StoreError> {
    // Only the kind is told: the rest of a key may hold what must not stand in a log.
    serde_json::from_slice(value).map_err(|error| {
        StoreError::Corrupt(format!("kind {:?}: {error}", key.first().copied().map(char::from)))
    })
}

pub(super) fn abort(error: StoreError) -> ConflictableTransactionError<StoreError> {
    ConflictableTransactionError::Abort(error)
}

pub(super) fn with(kind: u8, rest: &[u8]) -> Vec<u8> {
    [&[kind], rest].concat()
}

pub(super) fn server_key(server: &ServerId) -> Vec<u8> {
    with(SERVERS, server.as_str().as_bytes())
}

// No id contains a zero byte, so it ends one without doubt.

pub(super) fn order_prefix(server: &ServerId) -> Vec<u8> {
    [&[ORDERS], server.as_str().as_bytes(), &[0]].concat()
}

pub(super) fn order_key(server: &ServerId, number: u64) -> Vec<u8> {
    [order_prefix(server).as_slice(), &number.to_be_bytes()].concat()
}

pub(super) fn origin_prefix(origin: &str) -> Vec<u8> {
    [&[ORIGINS], origin.as_bytes(), &[0]].concat()
}

pub(super) fn open_prefix(group: &GroupId) -> Vec<u8> {
    [&[OPEN_KEYS], group.as_str().as_bytes(), &[0]].concat()
}

pub(super) fn open_key(group: &GroupId, key: &SessionKey) -> Vec<u8> {
    [open_prefix(group).as_slice(), key.as_str().as_bytes()].concat()
}

pub(super) fn time_key(kind: u8, ms: u64, number: &SessionNumber) -> Vec<u8> {
    [&[kind], ms.to_be_bytes().as_slice(), number.as_bytes()].concat()
}

pub(super) fn join_key(number: &SessionNumber, join: &JoinId) -> Vec<u8> {
    [&[JOINS], number.as_bytes().as_slice(), join.as_bytes()].concat()
}

pub(super) fn audit_key(kind: u8, seq: u64) -> Vec<u8> {
    with(kind, &seq.to_be_bytes())
}

fn hex_of(number: &SessionNumber) -> String {
    crate::audit::hex(number.as_bytes())
}

/// Of this layout. Another one is refused rather than guessed at.
pub(super) const SCHEMA: u32 = 2;

// First bytes of keys.
pub(super) const AUDIT_HEAD_KEY: [u8; 1] = [b'x'];
pub(super) const AUDIT: u8 = b'u';
pub(super) const AUDIT_HEADS: u8 = b'y';
pub(super) const AUDIT_ACCEPTED: u8 = b'z';
pub(super) const SCHEMA_KEY: [u8; 1] = [b'v'];
pub(super) const ORDER_NUMBER_KEY: [u8; 1] = [b'w'];
pub(super) const GROUPS: u8 = b'g';
pub(super) const REVISIONS: u8 = b'r';
pub(super) const ORIGINS: u8 = b'o';
pub(super) const AGENTS: u8 = b'a';
pub(super) const AGENT_IDS: u8 = b'i';
pub(super) const LOGINS: u8 = b'l';
pub(super) const SERVERS: u8 = b's';
pub(super) const PROGRESS: u8 = b'p';
pub(super) const ORDERS: u8 = b'q';
pub(super) const SESSIONS: u8 = b'n';
pub(super) const OPEN_KEYS: u8 = b'k';
pub(super) const ASSIGNED_AT: u8 = b't';
pub(super) const ENDED_AT: u8 = b'e';
pub(super) const JOINS: u8 = b'j';

/// Kind and time in front of a session number.
pub(super) const TIME_BYTES: usize = 9;
