//! Logging in and out, and telling who is logged in.
//!
//! Owns the rules: tokens of 256 random bits that are stored as hashes only, two expiries, throttling by account and by
//! address beside browsers that an account knows, equal work for accounts that do not exist, and the values that protect forms
//! against other sites.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;
use protocol::keys::mac;
use protocol::secret::Secret;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::audit::Event;
use crate::cookies;
use crate::device::{Device, Known};
use crate::limits::{LOGIN_IDLE_MS, LOGIN_LIFE_MS, LOGIN_TOUCH_MS, NAME_BYTES_MAX, NEXT_BYTES_MAX};
use crate::locks::lock;
use crate::passwords::Busy;
use crate::service::Service;
use crate::store::StoreError;
use crate::store::records::{Agent, Login};
use crate::throttle::address_of;

/// An agent who is logged in.
#[derive(Debug)]
pub(crate) struct LoggedIn {
    pub(crate) agent: Agent,
    pub(crate) token: Secret,
}

/// What somebody who was logged in takes along.
pub(crate) struct Entered {
    pub(crate) token: Secret,
    /// For the browser to remember that the agent was here.
    pub(crate) device: Option<String>,
}

/// Why somebody was not logged in.
#[derive(Debug)]
pub(crate) enum Denied {
    /// No such account, or the wrong password: one answer.
    Wrong,
    /// Too many tries.
    Throttled,
    /// Too many others.
    Busy,
    /// The store.
    Store(StoreError),
}

impl Service {
    /// Who sent a request.
    pub(crate) async fn who(&self, headers: &HeaderMap) -> Result<Option<LoggedIn>, StoreError> {
        let Some(token) = cookies::read(headers, cookies::SESSION).and_then(Secret::from_base64)
        else {
            return Ok(None);
        };
        let (hash, now_ms) = (token.hash(), self.clock.now_ms());
        self.store(move |store| {
            let Some((login, agent)) = store.login(&hash)? else { return Ok(None) };
            let idle_ms = now_ms.saturating_sub(login.seen_ms);
            if idle_ms >= LOGIN_IDLE_MS || now_ms.saturating_sub(login.created_ms) >= LOGIN_LIFE_MS
            {
                return Ok(None);
            }
            if idle_ms >= LOGIN_TOUCH_MS {
                store.touch_login(&hash, now_ms)?;
            }
            Ok(Some(LoggedIn { agent, token }))
        })
        .await
    }

    /// Logs somebody in. `device` is what the browser says of itself.
    pub(crate) async fn log_in(
        &self,
        address: IpAddr,
        name: &str,
        password: Zeroizing<String>,
        device: Option<Device>,
    ) -> Result<Entered, Denied> {
        // One that no account can have is nobody's: what is counted by name grows by no stranger's text.
        let name = Some(name.trim()).filter(|name| name.len() <= NAME_BYTES_MAX);
        let name = name.unwrap_or_default().to_ascii_lowercase();
        let (now_ms, address) = (self.clock.now_ms(), address_of(address));
        let asked = name.clone();
        let agent = self.store(move |store| store.agent(&asked)).await.map_err(Denied::Store)?;
        // A browser that the account knows tries by itself: whatever strangers try, and from wherever, its agent gets in.
        let known = agent.as_ref().zip(device).and_then(|(agent, device)| device.of(agent));
        let known = known.map(Known::Device);
        let is_allowed = match known {
            Some(known) => lock(&self.tries_by_known).take(now_ms, known),
            None => {
                lock(&self.logins_by_address).take(now_ms, address)
                    && lock(&self.logins_by_account).take(now_ms, name.clone())
            }
        };
        if !is_allowed {
            tracing::warn!(%address, "login refused: too many tries");
            return Err(Denied::Throttled);
        }
        let hash = agent.as_ref().and_then(|agent| agent.password_hash.clone());
        let fits =
            self.passwords.check(password, hash.clone()).await.map_err(|Busy| Denied::Busy)?;
        let Some(agent) = agent.filter(|_| fits) else {
            tracing::warn!(%address, "login refused: wrong name or password");
            return Err(Denied::Wrong);
        };
        match known {
            Some(known) => lock(&self.tries_by_known).give_back(now_ms, &known),
            None => {
                lock(&self.logins_by_address).give_back(now_ms, &address);
                lock(&self.logins_by_account).give_back(now_ms, &name);
            }
        }
        let token = Secret::new(crate::random::bytes());
        let id = token.hash();
        let login = Login { agent: agent.id, created_ms: now_ms, seen_ms: now_ms };
        let event = Event::LoggedIn { agent: agent.id, name: agent.name.clone() };
        let added = self
            .store(move |store| {
                store.add_login(&id, login, hash.as_deref())?;
                store.note(now_ms, event)
            })
            .await;
        match added {
            Ok(()) => {}
            // The password was changed while it was being checked.
            Err(StoreError::Conflict) => return Err(Denied::Wrong),
            Err(error) => return Err(Denied::Store(error)),
        }
        tracing::info!(agent = ?agent.id, "logged in");
        Ok(Entered { token, device: Device::make(&agent) })
    }

    /// Ends a login.
    pub(crate) async fn log_out(&self, token: &Secret) -> Result<(), StoreError> {
        let hash = token.hash();
        self.store(move |store| store.remove_login(&hash)).await
    }

    /// Whether a form was sent from one of our own pages.
    pub(crate) fn is_own_origin(&self, headers: &HeaderMap) -> bool {
        headers.get(header::ORIGIN).is_some_and(|origin| *origin == *self.config.public_url)
    }
}

/// What a form has to carry: known to our page, and to nobody who only makes the browser send our cookie.
pub(crate) fn csrf(cookie: &Secret) -> String {
    URL_SAFE_NO_PAD.encode(mac(cookie, b"cobrowse.web.csrf.v1").finalize().into_bytes())
}

/// Whether a form carried it.
pub(crate) fn csrf_fits(cookie: &Secret, given: &str) -> bool {
    csrf(cookie).as_bytes().ct_eq(given.as_bytes()).into()
}

/// Where to go after a login: only to a path of our own.
pub(crate) fn own_path(next: &str) -> &str {
    let fits = next.len() <= NEXT_BYTES_MAX
        && next.starts_with('/')
        && !next.starts_with("//")
        // Browsers read a backslash as a slash, and drop control bytes.
        && next.bytes().all(|b| (0x21..0x7f).contains(&b) && b != b'\\');
    if fits { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_leads_only_to_our_own_paths() {
        for good in ["/", "/cobrowse/AgentView?SessionKey=1&Wait=1", "/a//b"] {
            assert_eq!(own_path(good), good);
        }
        for bad in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil",
            "/a b",
            "a",
            "/ä",
        ] {
            assert_eq!(own_path(bad), "/", "{bad:?}");
        }
        assert_eq!(own_path(&format!("/{}", "a".repeat(NEXT_BYTES_MAX))), "/");
    }

    #[test]
    fn a_forms_value_belongs_to_one_cookie() {
        let (ours, other) = (Secret::new([1; 32]), Secret::new([2; 32]));
        assert!(csrf_fits(&ours, &csrf(&ours)));
        assert!(!csrf_fits(&ours, &csrf(&other)));
        assert!(!csrf_fits(&ours, ""));
    }
}
