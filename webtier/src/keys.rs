//! The rotation of server keys: PROTOCOL.md section 6.1. A machine in virtual time.
//!
//! Owns when a key is made, pushed, used and dropped, for each CServer. Carrying the records is the dialler's business.
//! The life of a key:
//!
//! - made every minute, 30 s before its time, and pushed to every CServer that is known, derived for it;
//! - signs for a CServer once its time has come and that CServer has acknowledged it;
//! - retired there when a newer one signs: the record is pushed again with the end of the last ticket, on every new stream too until that CServer
//!   has acknowledged it, and then our copy is wiped;
//! - without a newer acknowledgement it signs for at most ten minutes, then nothing does.
//!
//! Each key lies in locked pages of its own from then until it is wiped; what carries it to a CServer does not keep it.
//!
//! A CServer met for the first time, or after a restart, gets the key of this minute at once.

use std::collections::{HashMap, VecDeque};

use host::Locked;
use protocol::control::{Boot, Down, KeyText};
use protocol::ids::{KeyId, ServerId};
use protocol::keys::{ServerKey, TicketKey};
use protocol::limits::{
    SERVER_KEY_LEAD_MS, SERVER_KEY_PERIOD_MS, SERVER_KEY_STALE_MS_MAX, TICKET_LIFE_MS,
};
use protocol::secret::Secret;

/// All keys of this replica. Public for the attack suite, which drives it against real key rings. Times are wall-clock milliseconds.
///
/// Calling order: [`Rotation::tick`] every second or so; [`Rotation::hello`] for every stream; [`Rotation::acked`]
/// for every `key_ack`.
#[derive(Debug)]
pub struct Rotation {
    /// The key of this minute, and from 30 s before its time the next one.
    made: VecDeque<Made>,
    servers: HashMap<ServerId, Held>,
    ticked_ms: u64,
}

#[derive(Debug)]
struct Made {
    id: KeyId,
    key: Locked<ServerKey>,
    not_before_ms: u64,
}

/// What one start of one CServer was given, oldest first.
#[derive(Debug)]
struct Held {
    boot: Boot,
    derived: VecDeque<Derived>,
    /// Sign no more, and the CServer has not said yet that it knows when they end.
    retired: Vec<Derived>,
}

#[derive(Debug)]
struct Derived {
    id: KeyId,
    key: Locked<TicketKey>,
    not_before_ms: u64,
    /// The CServer is told that it ends then.
    expires_ms: u64,
    acked: bool,
    /// Acknowledgements that are to come for what was pushed on the stream that is open.
    owed: u32,
}

/// A record that has to go to a CServer, if a stream to it is open; if none is, `hello` brings it.
#[derive(Debug)]
pub struct Push {
    /// The CServer.
    pub server: ServerId,
    /// The record.
    pub record: Down,
}

/// Where 40 random bytes for a key and its id come from.
pub type Draw<'a> = &'a mut dyn FnMut() -> [u8; 40];

impl Rotation {
    /// Begins with a key for this minute.
    pub fn new(now_ms: u64, draw: Draw<'_>) -> Self {
        let made = VecDeque::from([Made::draw(now_ms, draw)]);
        Self { made, servers: HashMap::new(), ticked_ms: now_ms }
    }

    /// Time has passed: makes the next key and retires old ones.
    pub fn tick(&mut self, now_ms: u64, draw: Draw<'_>) -> Vec<Push> {
        let mut pushes = Vec::new();
        if now_ms < self.ticked_ms.saturating_sub(CLOCK_BACK_MS_MAX) {
            // The clock was set back: keys of a time that is to come would sign nothing for as long.
            self.made.clear();
            self.servers.values_mut().for_each(Held::clear);
        }
        self.ticked_ms = now_ms;
        let newest = self.made.back().map(|made| made.not_before_ms);
        let next_ms = match newest {
            // Late by more than a minute (a suspended host), or with nothing left: begin anew.
            None => Some(now_ms),
            Some(newest) if now_ms >= newest + 2 * SERVER_KEY_PERIOD_MS => Some(now_ms),
            Some(newest) if now_ms + SERVER_KEY_LEAD_MS >= newest + SERVER_KEY_PERIOD_MS => {
                Some(newest + SERVER_KEY_PERIOD_MS)
            }
            Some(_) => None,
        };
        if let Some(not_before_ms) = next_ms {
            let made = Made::draw(not_before_ms, draw);
            for (server, held) in &mut self.servers {
                pushes.push(held.give(server, &made));
            }
            self.made.push_back(made);
        }
        // What has a successor whose time has come is of no use for deriving: it wipes itself.
        while self.made.get(1).is_some_and(|next| next.not_before_ms <= now_ms) {
            self.made.pop_front();
        }
        for (server, held) in &mut self.servers {
            pushes.extend(held.retire(server, now_ms));
        }
        pushes
    }

    /// A CServer opened its stream: everything that it may need, in the order in which it was made. A key that has retired there stays so,
    /// though it may be the newest of which its time has come until the next [`Rotation::tick`].
    pub fn hello(&mut self, server: ServerId, boot: Boot) -> Vec<Push> {
        let held = self.servers.entry(server).or_insert_with(|| Held::new(boot));
        if held.boot != boot {
            *held = Held::new(boot);
        }
        let newest = held.derived.back().map(|derived| derived.not_before_ms);
        for made in self.made.iter().filter(|made| newest < Some(made.not_before_ms)) {
            held.give(&server, made);
        }
        held.all().for_each(|derived| derived.owed = 0);
        held.all().map(|derived| derived.push(&server)).collect()
    }

    /// A CServer has a key ready.
    pub fn acked(&mut self, now_ms: u64, server: ServerId, key: KeyId) -> Vec<Push> {
        let Some(held) = self.servers.get_mut(&server) else { return Vec::new() };
        for derived in held.all().filter(|derived| derived.id == key) {
            derived.acked = true;
            derived.owed = derived.owed.saturating_sub(1);
        }
        held.retired.retain(|old| old.owed > 0);
        held.retire(&server, now_ms)
    }

    /// The key that signs for a CServer now; `None` while it has acknowledged none of the last ten minutes.
    pub fn signing(&self, now_ms: u64, server: &ServerId) -> Option<(KeyId, &TicketKey)> {
        let derived = self.servers.get(server)?.signing(now_ms)?;
        Some((derived.id, &*derived.key))
    }

    /// A CServer was taken out of the configuration.
    pub fn removed(&mut self, server: &ServerId) {
        self.servers.remove(server);
    }
}

impl Made {
    fn draw(not_before_ms: u64, draw: Draw<'_>) -> Self {
        let mut random = zeroize::Zeroizing::new(draw());
        let (mut id, mut key) = ([0; 8], zeroize::Zeroizing::new([0; 32]));
        id.copy_from_slice(&random[..8]);
        key.copy_from_slice(&random[8..]);
        random.fill(0);
        let key = Locked::new(ServerKey::new(Secret::new(*key)));
        Self { id: KeyId::from_bytes(id), key, not_before_ms }
    }
}

impl Held {
    fn new(boot: Boot) -> Self {
        Self { boot, derived: VecDeque::new(), retired: Vec::new() }
    }

    fn clear(&mut self) {
        self.derived.clear();
        self.retired.clear();
    }

    /// Oldest first.
    fn all(&mut self) -> impl Iterator<Item = &mut Derived> {
        self.retired.iter_mut().chain(&mut self.derived)
    }

    fn give(&mut self, server: &ServerId, made: &Made) -> Push {
        let key = Locked::new(made.key.derive(server, self.boot.nonce()));
        let mut derived = Derived::new(made.id, key, made.not_before_ms);
        let push = derived.push(server);
        self.derived.push_back(derived);
        push
    }

    fn signing(&self, now_ms: u64) -> Option<&Derived> {
        self.derived.iter().rev().find(|derived| derived.signs_at(now_ms))
    }

    /// Retires what has a successor that signs, and drops what is past its ten minutes. The CServer hears when the last
    /// ticket of the former has expired.
    fn retire(&mut self, server: &ServerId, now_ms: u64) -> Vec<Push> {
        self.derived.retain(|derived| now_ms < derived.signs_until_ms());
        self.retired.retain(|old| now_ms < old.last_ms());
        let Some(signing) = self.derived.iter().rposition(|derived| derived.signs_at(now_ms))
        else {
            return Vec::new();
        };
        let from = self.retired.len();
        self.retired.extend(self.derived.drain(..signing));
        let retiring = self.retired[from..].iter_mut();
        retiring.map(|old| old.end_by(now_ms + TICKET_LIFE_MS).push(server)).collect()
    }
}

impl Derived {
    fn new(id: KeyId, key: Locked<TicketKey>, not_before_ms: u64) -> Self {
        let mut new = Self { id, key, not_before_ms, expires_ms: 0, acked: false, owed: 0 };
        new.expires_ms = new.last_ms();
        new
    }

    fn signs_at(&self, now_ms: u64) -> bool {
        self.acked && self.not_before_ms <= now_ms && now_ms < self.signs_until_ms()
    }

    fn signs_until_ms(&self) -> u64 {
        self.not_before_ms + SERVER_KEY_STALE_MS_MAX
    }

    /// When the last ticket that it could ever sign has expired.
    fn last_ms(&self) -> u64 {
        self.signs_until_ms() + TICKET_LIFE_MS
    }

    fn end_by(&mut self, ms: u64) -> &mut Self {
        self.expires_ms = self.expires_ms.min(ms);
        self
    }

    fn push(&mut self, server: &ServerId) -> Push {
        self.owed += 1;
        let record = Down::Key {
            key_id: self.id,
            secret: KeyText::new(&self.key),
            not_before_ms: self.not_before_ms,
            expires_ms: self.expires_ms,
        };
        Push { server: *server, record }
    }
}

/// A clock that steps back by less than this is only being corrected.
const CLOCK_BACK_MS_MAX: u64 = 10_000;

#[cfg(test)]
mod tests;
