//! The audit log in the store, and an account's logins, one by one.

use protocol::AgentId;

use super::records::Login;
use super::sled::SledStore;
use super::tx::*;
use super::{Store, StoreError};
use crate::audit::Event;
use crate::audit::signing::SignedHead;
use crate::limits::AUDIT_BYTES_MAX;

impl SledStore {
    /// The audit log begins with what is masked by then: it tells of changes only.
    pub(super) fn begin_audit(&self) -> Result<(), StoreError> {
        // By its entries: a head that is missing is for the check to tell, and no reason to write over them.
        if self.audit_head()?.seq > 0 || self.db.scan_prefix([AUDIT]).next().is_some() {
            return Ok(());
        }
        let (groups, now_ms) = (self.groups()?, crate::clock::Clock::system().now_ms());
        self.write(|tx| {
            tx.note(now_ms, Event::Began)?;
            groups.iter().try_for_each(|group| tx.note(now_ms, Event::rules(group)))
        })
    }

    /// See [`Store::audit_lines`].
    pub(super) fn list_audit(
        &self,
        from: u64,
        count_max: usize,
    ) -> Result<Vec<String>, StoreError> {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        let range = audit_key(AUDIT, from)..vec![AUDIT + 1];
        for entry in self.db.range(range).take(count_max) {
            let (key, text) = entry?;
            if bytes > AUDIT_BYTES_MAX {
                break;
            }
            bytes += text.len();
            // As it stands on the disk: whether it is what was written is for `verify` to say.
            lines.push(String::from_utf8_lossy(&text).into_owned());
            for kind in [AUDIT_HEADS, AUDIT_ACCEPTED] {
                let signed = self.get::<SignedHead>(&with(kind, &key[1..]))?;
                lines.extend(signed.map(|signed| signed.line()));
            }
        }
        Ok(lines)
    }

    /// Number of the last entry that is there; 0 before the first.
    pub(crate) fn last_audit_entry(&self) -> Result<u64, StoreError> {
        let last = self.db.scan_prefix([AUDIT]).last().transpose()?;
        let seq = last.and_then(|(key, _)| key.get(1..)?.try_into().ok().map(u64::from_be_bytes));
        Ok(seq.unwrap_or(0))
    }

    /// The log goes on behind this acceptance, and begins with the event that tells of it.
    pub(crate) fn accept_audit(
        &self,
        accepted: &SignedHead,
        at_ms: u64,
        event: Event,
    ) -> Result<(), StoreError> {
        self.write(|tx| {
            tx.put_signed(accepted)?;
            tx.put(&AUDIT_HEAD_KEY, &accepted.head)?;
            tx.note(at_ms, event.clone())
        })
    }

    /// See [`Store::logins_of`].
    pub(super) fn list_logins(&self, agent: &AgentId) -> Result<Vec<(String, Login)>, StoreError> {
        let mut logins = Vec::new();
        for entry in self.db.scan_prefix([LOGINS]) {
            let (key, value) = entry?;
            let login: Login = read(&key, &value)?;
            if login.agent == *agent {
                logins.push((crate::audit::hex(&key[1..]), login));
            }
        }
        logins.sort_by_key(|(_, login)| std::cmp::Reverse(login.seen_ms));
        Ok(logins)
    }

    /// See [`Store::end_login_of`].
    pub(super) fn end_one_login(&self, agent: &AgentId, name: &str) -> Result<bool, StoreError> {
        for entry in self.db.scan_prefix([LOGINS]) {
            let (key, value) = entry?;
            let is_it = crate::audit::hex(&key[1..]) == name;
            if is_it && read::<Login>(&key, &value)?.agent == *agent {
                self.write(|tx| tx.remove(&key))?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}
