//! What has expired leaves the store: sessions that never began, logins, records past their keeping. The audit log stays.

use super::StoreError;
use super::records::{LOST, Login, NEVER_STARTED, Session, State};
use super::sled::SledStore;
use super::tx::*;
use crate::limits::{
    ASSIGNED_MS_MAX, ENDED_KEEP_MS, LOGIN_IDLE_MS, LOGIN_LIFE_MS, SWEEP_BATCH_MAX,
};

impl SledStore {
    /// See [`super::Store::sweep`].
    pub(super) fn sweep_batch(&self, now_ms: u64) -> Result<usize, StoreError> {
        let mut count = 0;
        let before = |kind: u8, ms: u64| {
            let range = vec![kind]..with(kind, &ms.to_be_bytes());
            keys(self.db.range(range).take(SWEEP_BATCH_MAX))
        };
        let never_started = before(ASSIGNED_AT, now_ms.saturating_sub(ASSIGNED_MS_MAX))?;
        if !never_started.is_empty() {
            count += never_started.len();
            self.write(|tx| {
                for key in &never_started {
                    match tx.get::<Session>(&with(SESSIONS, &key[TIME_BYTES..]))? {
                        Some(session) if session.state == State::Assigned => {
                            // On its way from another home its visitor may be away for longer than this.
                            let was_live = session.started_ms.is_some();
                            let reason = if was_live { LOST } else { NEVER_STARTED };
                            tx.end_session(session, now_ms, reason)?;
                        }
                        _ => tx.remove(key)?,
                    }
                }
                Ok(())
            })?;
        }
        let old = before(ENDED_AT, now_ms.saturating_sub(ENDED_KEEP_MS))?;
        for key in &old {
            let number = &key[TIME_BYTES..];
            let joins = keys(self.db.scan_prefix(with(JOINS, number)))?;
            self.write_lazily(|tx| {
                joins.iter().try_for_each(|join| tx.remove(join))?;
                if let Some(session) = tx.get::<Session>(&with(SESSIONS, number))? {
                    tx.free_key(&session)?;
                }
                tx.remove(&with(SESSIONS, number))?;
                tx.remove(key)
            })?;
        }
        let mut logins = Vec::new();
        for entry in self.db.scan_prefix([LOGINS]) {
            let (key, value) = entry?;
            let login: Login = read(&key, &value)?;
            let (idle, over) = (login.seen_ms + LOGIN_IDLE_MS, login.created_ms + LOGIN_LIFE_MS);
            if now_ms >= idle.min(over) {
                logins.push(key.to_vec());
            }
        }
        if !logins.is_empty() {
            self.write_lazily(|tx| tx.end_logins(&logins))?;
        }
        Ok(count + old.len() + logins.len())
    }
}

fn keys(
    entries: impl Iterator<Item = Result<(sled::IVec, sled::IVec), StoreError>>,
) -> Result<Vec<sled::IVec>, StoreError> {
    entries.map(|entry| entry.map(|(key, _)| key)).collect()
}
