//! The control stream, as seen by the core that owns it: what to tell which replica, and what it asks for.
//!
//! A machine like the rest: records in, [`Effect`]s out. Reports are numbered for each replica, kept until that
//! replica has stored them, and sent again on its next stream, so that none is lost over a reconnect.
//! TLS has proved that the peer is a web tier before anything arrives here.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use protocol::control::{Boot, Down, Here, RecordError, Report, ReportEvent, Up};
use protocol::ids::{AgentId, GroupId, KeyId, ReplicaId, SessionId, SessionNumber};
use protocol::keys::TicketKey;
use protocol::settings::is_origin;
use protocol::{CloseCode, GroupSettings};
use relay::LinkId;

use crate::limits::{
    CONTROL_PING_MS, CONTROL_SILENCE_MS, LOAD_MS, PRESENCE_RECORD_BYTES, REPLICAS_MAX,
    REPORTS_GATHER_MS, REPORTS_MAX,
};
use crate::shard::PresenceNews;
use crate::shared::Identity;

/// All control streams of this process.
#[derive(Debug, Default)]
pub struct Control {
    replicas: Vec<Replica>,
    /// Streams that have not said which replica they are.
    strangers: Vec<Stream>,
    load_due_ms: u64,
    /// A report was written down since the last were sent.
    has_news: bool,
    reports_due_ms: u64,
    /// Every page that is there, on all cores.
    pages: HashMap<SessionNumber, Here>,
    /// Pages of which something has to be told.
    changed: HashSet<SessionNumber>,
    /// Origins of the web tiers whose pages stand around views.
    surrounding: Vec<Arc<str>>,
}

#[derive(Debug)]
struct Replica {
    id: ReplicaId,
    /// Where agents of its sessions get new tickets, when it has said so.
    url: Option<Arc<str>>,
    /// Whether its page stands around views.
    surrounds: bool,
    stream: Option<Stream>,
    outbox: VecDeque<Report>,
    next_seq: u64,
    /// Its stream is new: it has heard of no page.
    needs_pages: bool,
    /// How many reports at the front of the outbox were sent on the stream that is open.
    sent: usize,
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    link: LinkId,
    heard_ms: u64,
    pinged: bool,
}

/// What a record asks the server to do.
#[derive(Debug)]
pub enum Effect {
    /// Send a record.
    Send(LinkId, String),
    /// Send a ping.
    Ping(LinkId),
    /// End a stream.
    Close(LinkId, CloseCode),
    /// Take a key, then acknowledge.
    Key {
        /// Its name.
        id: KeyId,
        /// The key.
        key: Box<TicketKey>,
        /// Wall clock.
        expires_ms: u64,
        /// Where who signs with it is found, when it has said so.
        web_tier: Option<Arc<str>>,
    },
    /// Let pages of these origins stand around views, and no others'.
    Surrounding(Vec<Arc<str>>),
    /// Put settings in force, then tell the stream so; where there is no room for them it hears nothing.
    Group(LinkId, GroupId, Box<GroupSettings>),
    /// Forget a group and end its sessions.
    GroupRemoved(GroupId),
    /// Cut an agent's joins in a group.
    Revoke(GroupId, AgentId),
    /// End a session here whose home is older than this, and say so.
    Moved(SessionId, u32, CloseCode),
    /// Hand this text to that page.
    Offer(SessionNumber, String),
    /// Take no more sessions and end after so many milliseconds.
    Drain(u64),
    /// Something for the log: a fault of the peer, in words.
    Warn(String),
}

/// Load, as it is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadFigures {
    /// Sessions.
    pub sessions: u64,
    /// Agents with a live connection.
    pub agents: u64,
    /// Connections.
    pub connections: u64,
    /// Whether new sessions are taken.
    pub accepting: bool,
}

impl Control {
    /// A web tier has opened a stream: it hears who we are.
    pub fn open(
        &mut self,
        now_ms: u64,
        wall_ms: u64,
        link: LinkId,
        us: &Identity,
        cores: usize,
    ) -> Vec<Effect> {
        self.strangers.push(Stream { link, heard_ms: now_ms, pinged: false });
        let hello = Up::Hello {
            server: us.server,
            boot: Boot::new(us.boot),
            version: env!("CARGO_PKG_VERSION").into(),
            cores: u16::try_from(cores).unwrap_or(u16::MAX),
            now_ms: wall_ms,
        };
        vec![Effect::Send(link, hello.to_json())]
    }

    /// A stream is gone. Its replica's reports wait for the next one.
    pub fn gone(&mut self, link: LinkId) {
        self.strangers.retain(|stream| stream.link != link);
        for replica in &mut self.replicas {
            if replica.stream.is_some_and(|stream| stream.link == link) {
                replica.stream = None;
                replica.sent = 0;
            }
        }
    }

    /// A record has come.
    pub fn record(&mut self, now_ms: u64, link: LinkId, text: &str) -> Vec<Effect> {
        self.heard(now_ms, link);
        let record = match Down::from_json(text) {
            Ok(Some(record)) => record,
            Ok(None) => return Vec::new(),
            Err(error) => {
                let code = match error {
                    RecordError::TooLong(_) => CloseCode::TooLong,
                    RecordError::Json(_) => CloseCode::BadFrame,
                };
                let told = format!(
                    "control stream ended: {error}; compare the versions of web tier and CServer"
                );
                return vec![Effect::Warn(told), Effect::Close(link, code)];
            }
        };
        match record {
            Down::Hello { replica, public_url, surrounds, .. } => {
                let url = public_url
                    .filter(|url| url.starts_with("https://") && is_origin(url))
                    .map(Arc::from);
                self.hello(now_ms, link, replica, url, surrounds)
            }
            _ if self.replica_of(link).is_none() => {
                let told = "control stream ended: its first record was not hello".to_owned();
                vec![Effect::Warn(told), Effect::Close(link, CloseCode::OutOfOrder)]
            }
            Down::Key { key_id, secret, expires_ms, .. } => match secret.key() {
                Some(key) => vec![
                    Effect::Key { id: key_id, key, expires_ms, web_tier: self.url_of(link) },
                    Effect::Send(link, Up::KeyAck { key_id }.to_json()),
                ],
                None => vec![Effect::Close(link, CloseCode::BadFrame)],
            },
            Down::Group { group, settings } => {
                let faults = settings.faults();
                if !faults.is_empty() {
                    let told = format!("settings of a group refused: {}", faults.join("; "));
                    return vec![Effect::Warn(told)];
                }
                vec![Effect::Group(link, group, settings)]
            }
            Down::GroupRemoved { group } => vec![Effect::GroupRemoved(group)],
            Down::Revoke { group, agent } => vec![Effect::Revoke(group, agent)],
            Down::Moved { session, home, reason } => {
                let wanted = reason.and_then(|name| CloseCode::from_name(&name));
                let code = wanted.filter(|code| code.is_wanted()).unwrap_or(CloseCode::Moved);
                vec![Effect::Moved(session, home, code)]
            }
            Down::Offer { presence, offer } => vec![Effect::Offer(presence, offer)],
            Down::Drain { deadline_ms } => vec![Effect::Drain(deadline_ms)],
            Down::Ack { seq } => {
                self.acked(link, seq);
                Vec::new()
            }
        }
    }

    /// Any other word of the peer, a pong for instance.
    pub fn heard(&mut self, now_ms: u64, link: LinkId) {
        let known = self.replicas.iter_mut().filter_map(|replica| replica.stream.as_mut());
        for stream in known.chain(&mut self.strangers).filter(|stream| stream.link == link) {
            stream.heard_ms = now_ms;
            stream.pinged = false;
        }
    }

    /// Something happened that every replica stores. It leaves with [`Control::due_reports`].
    pub fn report(&mut self, at_ms: u64, session: SessionId, event: &ReportEvent) -> Vec<Effect> {
        let mut effects = Vec::new();
        for replica in &mut self.replicas {
            if replica.outbox.len() >= REPORTS_MAX {
                replica.outbox.pop_front();
                replica.sent = replica.sent.saturating_sub(1);
                if replica.next_seq.is_multiple_of(1_000) {
                    effects.push(Effect::Warn(format!(
                        "web tier {:?} acknowledges nothing: its oldest reports are dropped",
                        replica.id
                    )));
                }
            }
            let report = Report { seq: replica.next_seq, at_ms, session, event: event.clone() };
            replica.next_seq += 1;
            replica.outbox.push_back(report);
        }
        self.has_news = true;
        effects
    }

    /// When [`Control::due_reports`] has something: at once, but in a storm of them they gather for a moment.
    pub fn reports_due_ms(&self) -> Option<u64> {
        self.has_news.then_some(self.reports_due_ms)
    }

    /// The reports that no stream has carried yet, for each stream that is there.
    pub fn due_reports(&mut self, now_ms: u64) -> Vec<(LinkId, Vec<String>)> {
        (self.has_news, self.reports_due_ms) = (false, now_ms + REPORTS_GATHER_MS);
        self.replicas.iter_mut().filter_map(Replica::rest).collect()
    }

    /// A page is there, says something new, or has gone. The web tiers hear it with the next [`Control::tick`].
    pub fn presence(&mut self, news: PresenceNews) {
        match news {
            PresenceNews::Here(here) => {
                self.changed.insert(here.presence);
                self.pages.insert(here.presence, here);
            }
            PresenceNews::Gone(presence) => {
                self.pages.remove(&presence);
                self.changed.insert(presence);
            }
        }
    }

    fn tell_presence(&mut self) -> Vec<Effect> {
        let changed = std::mem::take(&mut self.changed);
        let mut effects = Vec::new();
        let mut news = None;
        for replica in &mut self.replicas {
            let Some(stream) = replica.stream else { continue };
            let send = |records: &[String]| -> Vec<Effect> {
                records.iter().map(|record| Effect::Send(stream.link, record.clone())).collect()
            };
            if std::mem::take(&mut replica.needs_pages) {
                effects.extend(send(&presence_records(self.pages.values(), Vec::new())));
            } else if !changed.is_empty() {
                let records = news.get_or_insert_with(|| {
                    let here = changed.iter().filter_map(|number| self.pages.get(number));
                    let gone = changed.iter().filter(|number| !self.pages.contains_key(number));
                    presence_records(here, gone.copied().collect())
                });
                effects.extend(send(records));
            }
        }
        effects
    }

    /// Sends load, presence, pings and ends the silent.
    pub fn tick(&mut self, now_ms: u64, load: impl FnOnce() -> LoadFigures) -> Vec<Effect> {
        let mut effects = Vec::new();
        let known = self.replicas.iter_mut().filter_map(|replica| replica.stream.as_mut());
        for stream in known.chain(&mut self.strangers) {
            let silent_ms = now_ms.saturating_sub(stream.heard_ms);
            if silent_ms >= CONTROL_SILENCE_MS {
                effects.push(Effect::Close(stream.link, CloseCode::TooSlow));
            } else if silent_ms >= CONTROL_PING_MS && !stream.pinged {
                stream.pinged = true;
                effects.push(Effect::Ping(stream.link));
            }
        }
        effects.extend(self.tell_presence());
        if now_ms >= self.load_due_ms {
            self.load_due_ms = now_ms + LOAD_MS;
            let LoadFigures { sessions, agents, connections, accepting } = load();
            let record = Up::Load { sessions, agents, connections, accepting }.to_json();
            let streams = self.replicas.iter().filter_map(|replica| replica.stream);
            effects.extend(streams.map(|stream| Effect::Send(stream.link, record.clone())));
        }
        effects
    }

    /// A record for every web tier that is connected; nobody keeps it for one that is not.
    pub fn to_all(&self, record: &Up) -> Vec<Effect> {
        let text = record.to_json();
        let streams = self.replicas.iter().filter_map(|replica| replica.stream);
        streams.map(|stream| Effect::Send(stream.link, text.clone())).collect()
    }

    /// Reports that the slowest web tier has not acknowledged.
    pub fn reports_queued(&self) -> u64 {
        self.replicas.iter().map(|replica| replica.outbox.len() as u64).max().unwrap_or(0)
    }

    /// How many web tiers are connected.
    pub fn connected(&self) -> usize {
        self.replicas.iter().filter(|replica| replica.stream.is_some()).count()
    }

    fn hello(
        &mut self,
        now_ms: u64,
        link: LinkId,
        id: ReplicaId,
        url: Option<Arc<str>>,
        surrounds: bool,
    ) -> Vec<Effect> {
        if self.replica_of(link).is_some_and(|replica| replica.id != id) {
            let told = format!("control stream ended: it said hello once more, as web tier {id:?}");
            return vec![Effect::Warn(told), Effect::Close(link, CloseCode::OutOfOrder)];
        }
        self.strangers.retain(|stream| stream.link != link);
        let mut effects = Vec::new();
        let at = match self.replicas.iter().position(|replica| replica.id == id) {
            Some(at) => at,
            None if self.replicas.len() >= REPLICAS_MAX => {
                let told = format!(
                    "web tier {id:?} refused: more than {REPLICAS_MAX} replica ids since the start"
                );
                return vec![Effect::Warn(told), Effect::Close(link, CloseCode::Overload)];
            }
            None => {
                self.replicas.push(Replica::new(id));
                self.replicas.len() - 1
            }
        };
        let replica = &mut self.replicas[at];
        let stream = Stream { link, heard_ms: now_ms, pinged: false };
        if let Some(old) = replica.stream.replace(stream).filter(|old| old.link != link) {
            effects.push(Effect::Close(old.link, CloseCode::Superseded));
        }
        (replica.url, replica.surrounds) = (url, surrounds);
        replica.sent = 0;
        replica.needs_pages = true;
        if let Some((link, rest)) = replica.rest() {
            effects.extend(rest.into_iter().map(|record| Effect::Send(link, record)));
        }
        self.load_due_ms = now_ms;
        effects.extend(self.look_who_surrounds());
        effects
    }

    /// A web tier that is away for a moment stays among them: its pages stand in agents' browsers.
    fn look_who_surrounds(&mut self) -> Option<Effect> {
        let around = self.replicas.iter().filter(|replica| replica.surrounds);
        let mut origins: Vec<_> = around.filter_map(|replica| replica.url.clone()).collect();
        origins.sort_unstable();
        origins.dedup();
        (origins != self.surrounding).then(|| {
            self.surrounding.clone_from(&origins);
            Effect::Surrounding(origins)
        })
    }

    fn acked(&mut self, link: LinkId, seq: u64) {
        let Some(replica) = self.replica_of(link) else { return };
        while replica.outbox.front().is_some_and(|report| report.seq <= seq) {
            replica.outbox.pop_front();
            replica.sent = replica.sent.saturating_sub(1);
        }
    }

    fn url_of(&mut self, link: LinkId) -> Option<Arc<str>> {
        self.replica_of(link).and_then(|replica| replica.url.clone())
    }

    fn replica_of(&mut self, link: LinkId) -> Option<&mut Replica> {
        self.replicas
            .iter_mut()
            .find(|replica| replica.stream.is_some_and(|stream| stream.link == link))
    }
}

impl Replica {
    fn new(id: ReplicaId) -> Self {
        let outbox = VecDeque::new();
        Self {
            id,
            url: None,
            surrounds: false,
            stream: None,
            outbox,
            next_seq: 1,
            needs_pages: true,
            sent: 0,
        }
    }

    /// What its stream has not carried yet, which counts as sent from here on.
    fn rest(&mut self) -> Option<(LinkId, Vec<String>)> {
        let stream = self.stream?;
        let rest = self.outbox.iter().skip(self.sent);
        let records: Vec<_> = rest.map(|report| Up::Report(report.clone()).to_json()).collect();
        self.sent = self.outbox.len();
        (!records.is_empty()).then_some((stream.link, records))
    }
}

/// Records that tell of these pages, each short enough for the stream.
fn presence_records<'a>(
    here: impl Iterator<Item = &'a Here>,
    gone: Vec<SessionNumber>,
) -> Vec<String> {
    let mut records = Vec::new();
    let mut push = |here: Vec<Here>, gone: Vec<SessionNumber>| {
        if !here.is_empty() || !gone.is_empty() {
            records.push(Up::Presence { here, gone }.to_json());
        }
    };
    // A number is 35 bytes in its list.
    for gone in gone.chunks(PRESENCE_RECORD_BYTES / 40) {
        push(Vec::new(), gone.to_vec());
    }
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for page in here {
        let more = serde_json::to_string(page).map_or(0, |json| json.len() + 1);
        if bytes + more > PRESENCE_RECORD_BYTES {
            push(std::mem::take(&mut batch), Vec::new());
            bytes = 0;
        }
        bytes += more;
        batch.push(page.clone());
    }
    push(batch, Vec::new());
    records
}

#[cfg(test)]
mod tests;
