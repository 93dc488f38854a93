//! A whole server in memory and in virtual time: several cores, clients with real TLS, and no socket.
//!
//! The test takes the backend's place: it moves bytes, carries connections and mail between cores, and moves the clock.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::sync::Arc;

use connection::rustls::pki_types::ServerName;
use connection::rustls::{ClientConfig, ClientConnection, HandshakeKind};
use protocol::keys::TicketKey;
use protocol::resume::Resume;
use protocol::secret::Secret;
use protocol::{AgentId, GroupSettings, KeyId, Privileges, SessionId, Subject, Ticket};
use relay::LinkId;

pub(super) use super::wire::{CONTROL_REQUEST, frame, header, text};
pub(crate) use super::wire::{get, message, messages, upgrade};

use super::pki::{CONTROL, Pki, tls};
use super::{Mail, Now, Output, Shard};
use crate::credentials::CookieKeys;
use crate::shared::{CoreIndex, Identity, PlainName, Shared};

/// What the cores of a test share: one group `demo`, one key.
pub(crate) fn shared(cores: usize) -> Arc<Shared> {
    shared_and_pki(cores, WALL_MS).0
}

/// The same for a test on the host's own clock, with what a browser needs to connect.
pub(crate) fn shared_now(cores: usize, wall_ms: u64) -> (Arc<Shared>, Arc<ClientConfig>) {
    let (shared, pki) = shared_and_pki(cores, wall_ms);
    (shared, pki.public)
}

/// A ticket as the web tier would sign it.
pub(crate) fn sign(session: &str, subject: Subject, wall_ms: u64, nonce: [u8; 16]) -> String {
    sign_at(session, subject, 1, wall_ms, nonce)
}

fn sign_at(session: &str, subject: Subject, home: u32, wall_ms: u64, nonce: [u8; 16]) -> String {
    Ticket {
        subject,
        home,
        key_id: KeyId::from_bytes([1; 8]),
        audience: "s1".parse().unwrap(),
        session: session.parse().unwrap(),
        issued_ms: wall_ms,
        expires_ms: wall_ms + 30_000,
        nonce,
    }
    .sign(&key())
}

/// A server of several cores and its clients.
pub(super) struct World {
    pub(super) shared: Arc<Shared>,
    pub(super) shards: Vec<Shard>,
    pub(super) now: Now,
    pub(super) clients: Vec<Client>,
    pki: Pki,
    tickets: u32,
    mail: VecDeque<(CoreIndex, Mail)>,
}

/// One client and what it has got.
pub(super) struct Client {
    pub(super) core: CoreIndex,
    pub(super) link: LinkId,
    tls: ClientConnection,
    /// There for one that speaks plain HTTP: what it has not sent yet.
    plain: Option<Vec<u8>>,
    /// Plaintext received and not looked at yet.
    pub(super) inbox: Vec<u8>,
    /// The server will send no more.
    pub(super) shut: bool,
    /// The server has closed the socket.
    pub(super) closed: bool,
    /// Reads nothing for now.
    pub(super) asleep: bool,
    /// Records that the server has sent it.
    pub(super) records: usize,
    /// Sends that it took for that.
    pub(super) sends: usize,
}

impl World {
    pub(super) fn new(cores: usize) -> Self {
        let (shared, pki) = shared_and_pki(cores, WALL_MS);
        let shards = (0..cores)
            .map(|core| {
                let mut state = core as u32;
                let entropy = Box::new(move |bytes: &mut [u8]| {
                    state += 16;
                    let all = bytes.iter_mut().zip(state.to_le_bytes().into_iter().cycle());
                    all.for_each(|(byte, of_state)| *byte = of_state);
                });
                Shard::new(core, cores, shared.clone(), entropy)
            })
            .collect();
        let now = Now { mono_ms: 0, wall_ms: WALL_MS };
        Self { shared, shards, now, clients: Vec::new(), pki, tickets: 0, mail: VecDeque::new() }
    }

    /// Connects a browser to a core.
    pub(super) fn connect(&mut self, core: CoreIndex) -> usize {
        self.connect_as(core, HOST, self.pki.public.clone())
    }

    /// Connects a browser that speaks plain HTTP.
    pub(super) fn connect_plain(&mut self, core: CoreIndex) -> usize {
        let client = self.connect(core);
        self.clients[client].plain = Some(Vec::new());
        client
    }

    /// Tries TLS under that name; whether the handshake comes to its end.
    pub(super) fn greets(&mut self, name: &'static str) -> bool {
        let client = self.connect_as(0, name, self.pki.public.clone());
        self.run();
        !self.clients[client].tls.is_handshaking()
    }

    /// Connects a web tier.
    pub(super) fn dial(&mut self, core: CoreIndex) -> usize {
        self.connect_as(core, CONTROL, self.pki.control.clone())
    }

    /// Connects a web tier that has its control stream and has said who it is.
    pub(super) fn web_tier(&mut self, core: CoreIndex) -> usize {
        let dialled = self.dial(core);
        self.exchange(dialled, CONTROL_REQUEST);
        self.exchange(dialled, &text(r#"{"type":"hello","replica":"w1","now_ms":0}"#));
        dialled
    }

    fn connect_as(
        &mut self,
        core: CoreIndex,
        name: &'static str,
        config: Arc<ClientConfig>,
    ) -> usize {
        let link = self.shards[core].handle_accept(self.now).expect("no room");
        let name = ServerName::try_from(name).unwrap();
        self.clients.push(Client {
            core,
            link,
            tls: ClientConnection::new(config, name).unwrap(),
            plain: None,
            inbox: Vec::new(),
            shut: false,
            closed: false,
            asleep: false,
            records: 0,
            sends: 0,
        });
        self.clients.len() - 1
    }

    /// Sends plaintext, runs until nothing moves, and returns what came back.
    pub(super) fn exchange(&mut self, client: usize, plain: &[u8]) -> String {
        self.send(client, plain);
        String::from_utf8_lossy(&std::mem::take(&mut self.clients[client].inbox)).into_owned()
    }

    /// Sends plaintext and runs until nothing moves; what comes back stays in the inbox.
    pub(super) fn send(&mut self, client: usize, plain: &[u8]) {
        let client = &mut self.clients[client];
        match &mut client.plain {
            Some(unsent) => unsent.extend_from_slice(plain),
            None => client.tls.writer().write_all(plain).unwrap(),
        }
        self.run();
    }

    /// Connects to core 0, sends a request and takes the answer; bytes that the server holds for it afterwards. Clients' memory is
    /// not counted.
    pub(super) fn quietly(&mut self, request: &[u8]) -> i64 {
        let (shard, now) = (&mut self.shards[0], self.now);
        let mut held = 0;
        let mut link = None;
        let mut count = |work: &mut dyn FnMut()| {
            held += allocation_counter::measure(work).bytes_current;
        };
        count(&mut || link = shard.handle_accept(now));
        let link = link.expect("no room");
        let name = ServerName::try_from(HOST).unwrap();
        let mut tls = ClientConnection::new(self.pki.public.clone(), name).unwrap();
        let mut asked = false;
        loop {
            if !tls.is_handshaking() && !std::mem::replace(&mut asked, true) {
                tls.writer().write_all(request).unwrap();
            }
            let (mut up, mut down) = (Vec::new(), Vec::with_capacity(64 * 1024));
            while tls.wants_write() {
                tls.write_tls(&mut up).unwrap();
            }
            count(&mut || {
                shard.handle_bytes(now, link, &mut up);
                shard.end_turn(now);
                while let Some(link) = shard.poll_send(now) {
                    down.extend_from_slice(shard.unsent(link));
                    let sent = shard.unsent(link).len();
                    shard.handle_sent(now, link, sent);
                }
            });
            if down.is_empty() && asked {
                return held;
            }
            let mut rest = &down[..];
            while !rest.is_empty() {
                tls.read_tls(&mut rest).unwrap();
                tls.process_new_packets().unwrap();
            }
        }
    }

    /// Lets time pass in steps as the shards ask for them.
    pub(super) fn pass(&mut self, ms: u64) {
        let end = self.now.mono_ms + ms;
        loop {
            self.run();
            let next = self.shards.iter().filter_map(Shard::next_deadline).min().unwrap_or(end);
            let step = next.clamp(self.now.mono_ms + 1, end.max(self.now.mono_ms + 1));
            if step > end {
                return;
            }
            self.now.wall_ms += step - self.now.mono_ms;
            self.now.mono_ms = step;
        }
    }

    /// Moves bytes, connections and mail until all is quiet.
    pub(super) fn run(&mut self) {
        for _ in 0..1_000 {
            if !self.turn() {
                return;
            }
        }
        panic!("the server never comes to rest");
    }

    fn turn(&mut self) -> bool {
        let mut moved = false;
        for client in &mut self.clients {
            let mut bytes = client.plain.as_mut().map(std::mem::take).unwrap_or_default();
            while client.plain.is_none() && client.tls.wants_write() {
                client.tls.write_tls(&mut bytes).unwrap();
            }
            // What one read brings: small, so that borders fall everywhere.
            for chunk in bytes.chunks_mut(1_400) {
                if !client.closed && self.shards[client.core].holds(client.link) {
                    self.shards[client.core].handle_bytes(self.now, client.link, chunk);
                    carry(&mut self.shards, self.now, client, &mut self.mail);
                }
                moved = true;
            }
        }
        for core in 0..self.shards.len() {
            self.shards[core].handle_time(self.now);
            self.shards[core].end_turn(self.now);
            while let Some(link) = self.shards[core].poll_send(self.now) {
                moved |= self.deliver(core, link);
            }
            moved |= self.outputs(core);
        }
        while let Some((to, mail)) = self.mail.pop_front() {
            self.shards[to].handle_mail(self.now, mail);
            moved = true;
        }
        moved
    }

    fn deliver(&mut self, core: CoreIndex, link: LinkId) -> bool {
        let find = |client: &&mut Client| client.core == core && client.link == link;
        let Some(client) = self.clients.iter_mut().find(find) else { return false };
        let bytes = self.shards[core].unsent(link).to_vec();
        if client.asleep || bytes.is_empty() {
            return false;
        }
        self.shards[core].handle_sent(self.now, link, bytes.len());
        client.take(&bytes);
        client.sends += 1;
        true
    }

    fn outputs(&mut self, core: CoreIndex) -> bool {
        let mut moved = false;
        while let Some(output) = self.shards[core].poll_output() {
            moved = true;
            apply(&mut self.shards, self.now, &mut self.clients, core, output, &mut self.mail);
        }
        moved
    }

    /// A client's connection is lost, and the server's host noticed.
    pub(super) fn cut(&mut self, client: usize) {
        let client = &mut self.clients[client];
        client.closed = true;
        self.shards[client.core].handle_gone(self.now, client.link);
        self.run();
    }

    /// A client has vanished without a word: nothing it sends arrives, nothing it is sent does.
    pub(super) fn vanish(&mut self, client: usize) {
        self.clients[client].asleep = true;
    }

    /// The group lets its sessions wait so long for their visitors.
    pub(super) fn wait_for_visitors(&mut self, grace_ms: u64) {
        let group = "demo".parse().unwrap();
        let settings =
            GroupSettings { origins: vec![SHOP.into()], grace_ms, ..GroupSettings::default() };
        assert!(self.shared.set_group(group, settings));
        for shard in &mut self.shards {
            shard.handle_mail(self.now, Mail::Settings(group));
        }
    }

    /// The visitor comes back with the resume secret; its new client.
    pub(super) fn come_back(&mut self, core: CoreIndex, session: &str) -> usize {
        let client = self.connect(core);
        let credential = format!("resume.{}", resume(session));
        self.send(client, &upgrade("/visitor", &credential, SHOP, ""));
        self.take_head(client, "101");
        client
    }

    /// An agent opens the frames of its join, again or for the first time; its new client.
    pub(super) fn open_view(&mut self, core: CoreIndex, path: &str, cookie: &str) -> usize {
        let csrf = self.csrf(path);
        let client = self.connect(core);
        let cookie = format!("Cookie: {cookie}\r\n");
        let at = path.replace("/view/", "/agent/");
        self.send(client, &upgrade(&at, &format!("csrf.{csrf}"), ORIGIN, &cookie));
        self.take_head(client, "101");
        client
    }

    /// Takes the answer's head from the inbox, which must have that status.
    fn take_head(&mut self, client: usize, status: &str) {
        let inbox = &mut self.clients[client].inbox;
        let head = inbox.windows(4).position(|four| four == b"\r\n\r\n").expect("no answer") + 4;
        let answer: Vec<u8> = inbox.drain(..head).collect();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }

    /// A client wakes up and reads on.
    pub(super) fn wake(&mut self, client: usize) {
        let client = &mut self.clients[client];
        client.asleep = false;
        self.shards[client.core].handle_writable(client.link);
    }

    /// A ticket as the web tier would sign it.
    pub(super) fn ticket(&mut self, session: &str, subject: Subject) -> String {
        let nonce = self.nonce();
        sign(session, subject, self.now.wall_ms, nonce)
    }

    /// The same for a home of that number.
    pub(super) fn ticket_at(&mut self, session: &str, subject: Subject, home: u32) -> String {
        let nonce = self.nonce();
        sign_at(session, subject, home, self.now.wall_ms, nonce)
    }

    /// One that no other ticket has.
    fn nonce(&mut self) -> [u8; 16] {
        self.tickets += 1;
        let mut nonce = [0; 16];
        nonce[..4].copy_from_slice(&self.tickets.to_be_bytes());
        nonce
    }

    pub(super) fn visitor_ticket(&mut self, session: &str) -> String {
        self.ticket(session, Subject::Visitor { resume: secret().hash() })
    }

    pub(super) fn agent_ticket(&mut self, session: &str, privileges: Privileges) -> String {
        let agent = AgentId::from_bytes([9; 16]);
        self.ticket(session, Subject::Agent { agent, name: "Ada".into(), privileges })
    }

    /// The group's settings name an application that may frame the viewer.
    pub(super) fn embed(&mut self, application: &str) {
        let settings = GroupSettings {
            origins: vec![SHOP.into()],
            embed_ancestors: vec![application.into()],
            ..GroupSettings::default()
        };
        assert!(self.shared.set_group("demo".parse().unwrap(), settings));
    }

    /// Starts a session from a new connection; its visitor.
    pub(super) fn start(&mut self, core: CoreIndex, session: &str) -> usize {
        let ticket = self.visitor_ticket(session);
        let visitor = self.connect(core);
        let answer =
            self.exchange(visitor, &upgrade("/visitor", &format!("ticket.{ticket}"), SHOP, ""));
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        visitor
    }

    /// Lets an agent join with a ticket and open the frames; the agent's client.
    pub(super) fn agent(
        &mut self,
        core: CoreIndex,
        session: &str,
        privileges: Privileges,
    ) -> usize {
        let (path, cookie) = self.join(core, session, privileges);
        let client = self.connect(core);
        let page = self.exchange(client, &get(&path, &format!("Cookie: {cookie}\r\n")));
        assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
        assert!(page.contains(&self.csrf(&path)), "the page does not carry its CSRF value");
        self.open_view(core, &path, &cookie)
    }

    /// Exchanges a ticket; the viewer's path and the cookie.
    pub(super) fn join(
        &mut self,
        core: CoreIndex,
        session: &str,
        privileges: Privileges,
    ) -> (String, String) {
        let ticket = self.agent_ticket(session, privileges);
        let client = self.connect(core);
        let answer =
            self.exchange(client, &get("/join", &format!("Cookie: cobrowse_ticket={ticket}\r\n")));
        assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
        let path = header(&answer, "Location").to_owned();
        let cookie = header(&answer, "Set-Cookie").split(';').next().unwrap().to_owned();
        (path, cookie)
    }

    /// The CSRF value of a viewer's path.
    pub(super) fn csrf(&self, path: &str) -> String {
        let join = path.rsplit('/').next().unwrap().parse().unwrap();
        self.shared.cookies.csrf(join)
    }
}

impl Client {
    /// Whether its handshake was that of a session known before.
    pub(super) fn is_resumed(&self) -> bool {
        self.tls.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Plaintext as it comes over the wire.
    pub(super) fn sealed(&mut self, plain: &[u8]) -> Vec<u8> {
        self.tls.set_buffer_limit(None);
        self.tls.writer().write_all(plain).unwrap();
        let mut wire = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut wire).unwrap();
        }
        wire
    }

    fn take(&mut self, mut bytes: &[u8]) {
        if self.plain.is_some() {
            return self.inbox.extend_from_slice(bytes);
        }
        let mut at = bytes;
        while let [_, _, _, high, low, ..] = *at {
            self.records += 1;
            at = at.get(5 + usize::from(high) * 256 + usize::from(low)..).unwrap_or(&[]);
        }
        while !bytes.is_empty() {
            self.tls.read_tls(&mut bytes).unwrap();
            let state = match self.tls.process_new_packets() {
                Err(_) if self.tls.is_handshaking() => return,
                state => state.expect("the server speaks TLS"),
            };
            let mut plain = vec![0; state.plaintext_bytes_to_read()];
            self.tls.reader().read_exact(&mut plain).unwrap();
            self.inbox.extend_from_slice(&plain);
        }
    }
}

fn carry(
    shards: &mut [Shard],
    now: Now,
    client: &mut Client,
    mail: &mut VecDeque<(CoreIndex, Mail)>,
) {
    while let Some(output) = shards[client.core].poll_output() {
        let core = client.core;
        apply(shards, now, std::slice::from_mut(client), core, output, mail);
    }
}

fn apply(
    shards: &mut [Shard],
    now: Now,
    clients: &mut [Client],
    core: CoreIndex,
    output: Output,
    mail: &mut VecDeque<(CoreIndex, Mail)>,
) {
    let link = match &output {
        Output::Shutdown(link) | Output::Close(link) | Output::HandOver { link, .. } => Some(*link),
        Output::Mail { .. } | Output::Forget => None,
    };
    let client = clients.iter_mut().find(|one| one.core == core && Some(one.link) == link);
    match output {
        Output::Shutdown(_) => client.into_iter().for_each(|client| client.shut = true),
        Output::Close(_) => client.into_iter().for_each(|client| client.closed = true),
        Output::HandOver { to, cargo, .. } => {
            let arrived = shards[to].handle_arrival(now, cargo);
            if let Some(client) = client {
                (client.core, client.link) = (to, arrived);
            }
        }
        Output::Mail { to, mail: one } => mail.push_back((to, one)),
        Output::Forget => shards[core].forget(),
    }
}

/// The resume token of a session that [`World::start`] made.
pub(super) fn resume(session: &str) -> String {
    Resume { session: session.parse::<SessionId>().unwrap(), secret: secret() }.to_text()
}

pub(crate) fn secret() -> Secret {
    Secret::new([5; 32])
}

fn key() -> TicketKey {
    TicketKey::new(Secret::new([3; 32]))
}

fn shared_and_pki(cores: usize, wall_ms: u64) -> (Arc<Shared>, Pki) {
    let (tls, pki) = tls();
    let identity = Identity {
        server: "s1".parse().unwrap(),
        boot: [0; 16],
        origin: ORIGIN.into(),
        host: HOST.into(),
        plain: Some(PlainName::new(PLAIN, HOST)),
        web_tier_url: "https://www.example".into(),
        backend: "memory",
        started_ms: 0,
    };
    let shared = Shared::new(identity, tls, CookieKeys::new(&Secret::new([4; 32])), cores);
    let settings =
        GroupSettings { origins: vec![SHOP.into()], grace_ms: 5_000, ..GroupSettings::default() };
    assert!(shared.set_group("demo".parse().unwrap(), settings));
    shared.keys.write().insert(KeyId::from_bytes([1; 8]), &key(), wall_ms + 600_000, wall_ms);
    (Arc::new(shared), pki)
}

pub(crate) const SHOP: &str = "https://shop.example";
pub(crate) const ORIGIN: &str = "https://s1.example";
pub(crate) const HOST: &str = "s1.example";
pub(crate) const PLAIN: &str = "plain.s1.example";
const WALL_MS: u64 = 1_700_000_000_000;
