//! The audit log in the store, and an account's logins, one by one.

use protocol::AgentId;

use super::records::Login;
use super::sled::SledStore;
use super::tx::*;
use super::{Store, StoreError};
use crate::audit::Event;
use crate::audit::signing::SignedHead;

impl SledStore {
    /// The audit log begins with what is masked by then: it tells of changes only.
    pub(super) fn begin_audit(&self) -> Result<(), StoreError> {
        if self.audit_head()?.seq > 0 {
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
        let mut lines = Vec::new();
        let range = audit_key(AUDIT, from)..vec![AUDIT + 1];
        for entry in self.db.range(range).take(count_max) {
            let (key, text) = entry?;
            // As it stands on the disk: whether it is what was written is for `verify` to say.
            lines.push(String::from_utf8_lossy(&text).into_owned());
            let signed = self.get::<SignedHead>(&with(AUDIT_HEADS, &key[1..]))?;
            lines.extend(signed.map(|signed| signed.line()));
        }
        Ok(lines)
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
