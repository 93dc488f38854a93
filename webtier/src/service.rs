//! The parts put together: what every route and every control stream shares.
//!
//! Owns the shared state and its locks. Each lock is held for a lookup or a change and never over an await; where
//! two are needed the rotation's is taken first.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use protocol::control::Down;
use protocol::{GroupId, ServerId, SessionId, Ticket};
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, broadcast, mpsc};

use crate::clock::Clock;
use crate::config::Config;
use crate::crossings::Crossings;
use crate::device::Known;
use crate::fleet::{Fleet, Home};
use crate::guesses::Guesses;
use crate::keys::{Push, Rotation};
use crate::limits::{
    AUDIT_SIGN_MS, BEGUN_MAX, LOGIN_ACCOUNT_BURST, LOGIN_ACCOUNT_REFILL_MS, LOGIN_ADDRESS_BURST,
    LOGIN_ADDRESS_REFILL_MS, SERVER_WAIT_MS, STORE_FREE_BYTES_MIN, SWEEP_MS,
};
use crate::locks::lock;
use crate::masks::Unreadable;
use crate::passwords::{PasswordError, Passwords};
use crate::presence::Presences;
use crate::store::{Store, StoreError};
use crate::throttle::Throttle;

/// What a running web tier consists of. Cheap to clone.
pub(crate) type App = Arc<Service>;

/// See [`App`].
pub(crate) struct Service {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) passwords: Passwords,
    pub(crate) logins_by_account: Mutex<Throttle<String>>,
    pub(crate) logins_by_address: Mutex<Throttle<IpAddr>>,
    pub(crate) tries_by_known: Mutex<Throttle<Known>>,
    pub(crate) starts_by_address: Mutex<Throttle<IpAddr>>,
    pub(crate) starts_by_group: Mutex<Throttle<GroupId>>,
    pub(crate) guesses: Mutex<Guesses>,
    pub(crate) crossings: Mutex<Crossings>,
    /// Codes of frames: never of use where a session crosses.
    pub(crate) frames: Mutex<Crossings>,
    pub(crate) presences: Mutex<Presences>,
    pub(crate) unreadable: Mutex<Unreadable>,
    store: Arc<dyn Store>,
    /// The store never blocks: it is asked in place, and a simulation's steps have one order only.
    is_inline: bool,
    fleet: Mutex<Fleet>,
    fleet_changed: Notify,
    begun: broadcast::Sender<SessionId>,
    rotation: Mutex<Rotation>,
    links: Mutex<HashMap<ServerId, mpsc::Sender<ToLink>>>,
}

/// What a control stream is told to do.
#[derive(Debug)]
pub(crate) enum ToLink {
    /// Send a record.
    Send(Down),
    /// Send the orders that are new in the store.
    Orders,
}

impl Service {
    /// A web tier over this store that knows of no CServer being up.
    pub(crate) fn new(
        config: Config,
        store: Arc<dyn Store>,
        clock: Clock,
    ) -> Result<App, ServiceError> {
        let mut fleet = Fleet::default();
        fleet.configure(&store.servers()?);
        let rotation = Rotation::new(clock.now_ms(), &mut crate::random::bytes);
        Ok(Arc::new(Self {
            is_inline: store.is_inline(),
            passwords: Passwords::new()?,
            logins_by_account: Throttle::new(LOGIN_ACCOUNT_BURST, LOGIN_ACCOUNT_REFILL_MS).into(),
            logins_by_address: Throttle::new(LOGIN_ADDRESS_BURST, LOGIN_ADDRESS_REFILL_MS).into(),
            tries_by_known: Throttle::new(LOGIN_ACCOUNT_BURST, LOGIN_ACCOUNT_REFILL_MS).into(),
            starts_by_address: Throttle::per_minute(config.limits.starts_per_minute_address).into(),
            starts_by_group: Throttle::per_minute(config.limits.starts_per_minute_group).into(),
            guesses: Mutex::default(),
            crossings: Mutex::default(),
            frames: Mutex::default(),
            presences: Mutex::default(),
            unreadable: Mutex::default(),
            config,
            clock,
            store,
            fleet: fleet.into(),
            fleet_changed: Notify::new(),
            begun: broadcast::Sender::new(BEGUN_MAX),
            rotation: rotation.into(),
            links: Mutex::default(),
        }))
    }

    /// Asks the store, on a thread that may block.
    pub(crate) async fn store<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.is_inline {
            return ask(&*self.store);
        }
        let store = Arc::clone(&self.store);
        match tokio::task::spawn_blocking(move || ask(&*store)).await {
            Ok(answer) => answer,
            // Cancelled at the end of the process, or a panic, which has been reported.
            Err(_) => Err(StoreError::Conflict),
        }
    }

    /// The store, for code that may block itself.
    pub(crate) fn store_blocking(&self) -> &dyn Store {
        &*self.store
    }

    /// Whether the store's file system takes more. One that cannot be asked is taken to have room: the store itself will say.
    pub(crate) fn store_has_room(&self) -> bool {
        host::disk::free_bytes(&self.config.store)
            .map_or(true, |bytes| bytes >= STORE_FREE_BYTES_MIN)
    }

    /// Looks at or changes what is known of the CServers.
    pub(crate) fn fleet(&self) -> MutexGuard<'_, Fleet> {
        lock(&self.fleet)
    }

    /// What is known of the CServers has changed: whoever waits for one looks again.
    pub(crate) fn fleet_has_changed(&self) {
        self.fleet_changed.notify_waiters();
    }

    /// The next change of what is known of the CServers; `enable` it before looking, so that none is missed.
    pub(crate) fn fleet_change(&self) -> Notified<'_> {
        self.fleet_changed.notified()
    }

    /// A CServer has reported that this session runs there: whoever waits for it looks again.
    pub(crate) fn has_begun(&self, session: SessionId) {
        // Nobody may be waiting.
        let _ = self.begun.send(session);
    }

    /// Sessions that begin from now on.
    pub(crate) fn beginnings(&self) -> broadcast::Receiver<SessionId> {
        self.begun.subscribe()
    }

    /// The keys.
    pub(crate) fn rotation(&self) -> MutexGuard<'_, Rotation> {
        lock(&self.rotation)
    }

    /// The least loaded CServer but one that is ready for the group's settings, if there is any at this moment.
    pub(crate) fn choose_another(
        &self,
        group: GroupId,
        revision: u64,
        but: ServerId,
    ) -> Option<Home> {
        let (rotation, now_ms) = (self.rotation(), self.clock.now_ms());
        let may_take =
            |server: &ServerId| *server != but && rotation.signing(now_ms, server).is_some();
        self.fleet().choose(&group, revision, may_take)
    }

    /// The least loaded CServer that is ready for the group's settings; waits a little for one.
    pub(crate) async fn choose(&self, group: GroupId, revision: u64) -> Option<Home> {
        let wait = tokio::time::sleep(Duration::from_millis(SERVER_WAIT_MS));
        tokio::pin!(wait);
        loop {
            let changed = self.fleet_changed.notified();
            tokio::pin!(changed);
            // From here on no change is missed.
            changed.as_mut().enable();
            let home = {
                let (rotation, now_ms) = (self.rotation(), self.clock.now_ms());
                let may_sign = |server: &ServerId| rotation.signing(now_ms, server).is_some();
                self.fleet().choose(&group, revision, may_sign)
            };
            if home.is_some() {
                return home;
            }
            tokio::select! {
                biased;
                () = &mut changed => {}
                () = &mut wait => return None,
            }
        }
    }

    /// Signs a ticket with the key of its audience; `None` while that CServer has no key that signs.
    pub(crate) fn sign(&self, ticket: Ticket) -> Option<String> {
        let rotation = self.rotation();
        let (key_id, key) = rotation.signing(self.clock.now_ms(), &ticket.audience)?;
        Some(Ticket { key_id, ..ticket }.sign(key))
    }

    /// A control stream is open: what is for it goes here from now on.
    pub(crate) fn link_opened(&self, server: ServerId, link: mpsc::Sender<ToLink>) {
        lock(&self.links).insert(server, link);
    }

    /// The control stream has ended.
    pub(crate) fn link_closed(&self, server: &ServerId) {
        lock(&self.links).remove(server);
        lock(&self.presences).forget(server);
        self.fleet().down(server);
    }

    /// Tells one control stream, if it is open. One that does not keep up is ended; the next begins with everything anew.
    pub(crate) fn tell(&self, server: &ServerId, what: ToLink) {
        let mut links = lock(&self.links);
        if links.get(server).is_some_and(|link| link.try_send(what).is_err()) {
            links.remove(server);
        }
    }

    /// Tells every open control stream.
    pub(crate) fn tell_all(&self, what: impl Fn() -> ToLink) {
        lock(&self.links).retain(|_, link| link.try_send(what()).is_ok());
    }

    /// Sends what the rotation wants sent.
    pub(crate) fn push(&self, pushes: Vec<Push>) {
        for push in pushes {
            self.tell(&push.server, ToLink::Send(push.record));
        }
    }

    /// Signs the audit log's head, unless it is the one that was signed before; which it is now. The log line is a copy that
    /// whoever alters the store does not have.
    async fn sign_audit(&self, before: u64) -> Result<u64, StoreError> {
        let Some(key) = self.config.audit_key.clone() else { return Ok(0) };
        let now_ms = self.clock.now_ms();
        self.store(move |store| {
            let head = store.audit_head()?;
            if head.seq != before {
                store.keep_head(&key.sign(&head, now_ms))?;
                tracing::info!(entries = head.seq, head = %head.hash, "audit log signed");
            }
            Ok(head.seq)
        })
        .await
    }

    /// Turns keys and sweeps the store, until the process ends.
    pub(crate) async fn keep_house(self: Arc<Self>) {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut swept_ms = 0;
        // The audit log's last signed entry, and when.
        let mut signed = (0, 0);
        loop {
            second.tick().await;
            let now_ms = self.clock.now_ms();
            let pushes = self.rotation().tick(now_ms, &mut crate::random::bytes);
            self.push(pushes);
            if now_ms.abs_diff(swept_ms) < SWEEP_MS {
                continue;
            }
            swept_ms = now_ms;
            if now_ms.abs_diff(signed.1) >= AUDIT_SIGN_MS {
                match self.sign_audit(signed.0).await {
                    Ok(seq) => signed = (seq, now_ms),
                    Err(error) => tracing::error!(%error, "the audit log could not be signed"),
                }
            }
            match self.store(move |store| store.sweep(now_ms)).await {
                Ok(0) => {}
                // Sessions that never began at a home may live on at the one before, which is told.
                Ok(_) => self.tell_all(|| ToLink::Orders),
                Err(error) => {
                    tracing::error!(%error, "the store could not be swept of what has expired");
                }
            }
        }
    }
}

/// A web tier cannot be put together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServiceError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Password(#[from] PasswordError),
}
