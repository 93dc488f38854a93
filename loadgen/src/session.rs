//! One session: its visitor, who sends what the schedule asks for, and its agents, who check what they get.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use protocol::limits::{FRAME_HEADER_BYTES, FRAME_PAYLOAD_BYTES_MAX};
use protocol::{Flags, Header, Kind};

use crate::field::Field;
use crate::link::{Inflow, Link, LinkError};
use crate::scenario::Crowd;
use crate::stamp::{STAMP_BYTES, Stamp};
use crate::tally::Sequence;
use crate::target::{Known, Seat};
use crate::websocket::Opcode;

/// See the module.
pub struct Session {
    /// Index in the run.
    pub index: u32,
    /// Index of its crowd.
    pub crowd: usize,
    /// Its agents, in the order of their serial numbers.
    pub agents: Vec<Rc<Agent>>,
    resume: Known,
    /// Of its first connection; its agents' follow.
    serial: u32,
    page: RefCell<Page>,
    /// When its connections were cut, so that they come back; 0 if never.
    cut_ns: Cell<u64>,
    over: Cell<bool>,
}

/// What the visitor has said.
#[derive(Default)]
struct Page {
    link: Option<Rc<Link>>,
    epoch: u32,
    sequence: u32,
    /// Stamped messages so far.
    number: u64,
    frame: Vec<u8>,
}

/// One agent of a session.
pub struct Agent {
    /// It stops reading once it is in.
    pub stalls: bool,
    /// What it gets is looked at.
    checked: bool,
    serial: u32,
    link: RefCell<Option<Rc<Link>>>,
    seen: Cell<Sequence>,
    epoch: Cell<u32>,
    /// Sequence of the next reliable frame.
    next: Cell<u32>,
}

impl Session {
    /// A session that nobody has heard of yet.
    pub fn new(field: &Field, crowd: usize, index: u32, serial: u32) -> Rc<Self> {
        let shape = &field.crowds[crowd];
        let agent = |at: u32| {
            Rc::new(Agent {
                stalls: at >= shape.agents,
                checked: at.is_multiple_of(field.sample),
                serial: serial + 1 + at,
                link: RefCell::default(),
                seen: Cell::default(),
                epoch: Cell::new(0),
                next: Cell::new(0),
            })
        };
        Rc::new(Self {
            index,
            crowd,
            agents: (0..shape.agents + shape.stalled).map(agent).collect(),
            resume: field.target.session(index),
            serial,
            page: RefCell::default(),
            cut_ns: Cell::new(0),
            over: Cell::new(false),
        })
    }

    /// The visitor connects; once it is in, its agents follow, unless they join later.
    pub fn start(self: &Rc<Self>, field: &Rc<Field>) {
        let (session, field) = (self.clone(), field.clone());
        tokio_uring::spawn(async move {
            let crowd = session.shape(&field);
            let mut seat = field.target.seat(
                session.index,
                session.resume.clone(),
                session.serial,
                crowd.cut_ms.is_some(),
            );
            let mut is_first = true;
            while let Err(error) = session.visit(&field, &mut seat, &mut is_first).await {
                session.page.borrow_mut().link = None;
                if !session.returns(&field, "visitor", &error).await {
                    break;
                }
            }
        });
    }

    /// An agent joins and stays.
    pub fn join(self: &Rc<Self>, field: &Rc<Field>, agent: &Rc<Agent>) {
        let (session, field, agent) = (self.clone(), field.clone(), agent.clone());
        tokio_uring::spawn(async move {
            let mut seat = field.target.seat(
                session.index,
                session.resume.clone(),
                agent.serial,
                session.shape(&field).cut_ms.is_some(),
            );
            seat.stalls = agent.stalls;
            seat.sinks = !agent.checked && !agent.stalls;
            while let Err(error) = agent.watch(&session, &field, &mut seat).await {
                agent.link.replace(None);
                if !session.returns(&field, "agent", &error).await {
                    break;
                }
            }
        });
    }

    /// All its connections are cut; they come back by themselves.
    pub fn cut(&self, now_ns: u64) {
        self.cut_ns.set(now_ns);
        self.links().for_each(|link| link.cut());
    }

    /// The visitor says goodbye.
    pub fn end(&self) {
        self.over.set(true);
        let page = self.page.borrow();
        if let Some(link) = &page.link {
            let header = page.header(Kind::Bye, Flags::NONE, page.sequence);
            link.message(Opcode::Binary, &[&header.encode()]);
        }
    }

    /// All its connections are closed for good.
    pub fn close(&self) {
        self.over.set(true);
        self.links().for_each(|link| link.cut());
    }

    /// Sends a diff that was due then.
    pub fn diff(&self, field: &Field, due_ns: u64) {
        let bytes = self.shape(field).diff_bytes;
        let left = self.page.borrow_mut().diff(field, self.index, due_ns, bytes);
        field.sent(self.crowd, due_ns, left);
    }

    /// Sends a keyframe that was due then, as a message that counts.
    pub fn keyframe(&self, field: &Field, due_ns: u64) {
        let bytes = self.shape(field).keyframe_bytes;
        let left = self.page.borrow_mut().keyframe(field, bytes, Some((self.index, due_ns)));
        field.sent(self.crowd, due_ns, left);
    }

    /// Sends an ephemeral frame.
    pub fn ephemeral(&self, field: &Field) {
        let page = self.page.borrow();
        if let Some(link) = page.link.as_ref().filter(|_| field.target.has_frames()) {
            let header = page.header(Kind::Ephemeral, Flags::NONE, page.sequence);
            link.message(Opcode::Binary, &[&header.encode(), &field.filler[..EPHEMERAL_BYTES]]);
        }
    }

    /// An agent points somewhere.
    pub fn pointer(&self, field: &Field, agent: &Agent) {
        let link = agent.link.borrow();
        if let Some(link) = link.as_ref().filter(|_| field.target.has_frames()) {
            let header = Header {
                kind: Kind::Pointer,
                flags: Flags::NONE,
                source: 0,
                epoch: agent.epoch.get(),
                sequence: agent.next.get().saturating_sub(1),
            };
            link.message(Opcode::Binary, &[&header.encode(), &field.filler[..POINTER_BYTES]]);
        }
    }

    /// Messages that reading agents who are in still miss: untold, and those the server spoke of.
    pub fn missing(&self) -> (u64, u64) {
        let sent = self.page.borrow().number;
        let mut all = (0, 0);
        for agent in
            self.agents.iter().filter(|a| !a.stalls && a.checked && a.link.borrow().is_some())
        {
            match agent.seen.get().missing(sent) {
                (missing, false) => all.0 += missing,
                (missing, true) => all.1 += missing,
            }
        }
        all
    }

    /// What is still missing was counted; the next step begins afresh.
    pub fn forgive(&self) {
        let sent = self.page.borrow().number;
        self.agents.iter().for_each(|agent| agent.seen.set(Sequence::from(sent)));
    }

    fn shape<'f>(&self, field: &'f Field) -> &'f Crowd {
        &field.crowds[self.crowd]
    }

    fn links(&self) -> impl Iterator<Item = Rc<Link>> {
        let visitor = self.page.borrow().link.clone();
        let agents: Vec<_> =
            self.agents.iter().filter_map(|agent| agent.link.borrow().clone()).collect();
        visitor.into_iter().chain(agents)
    }

    /// A connection has ended: whether it comes back.
    async fn returns(&self, field: &Field, who: &str, error: &LinkError) -> bool {
        if self.over.get() || field.over.get() {
            return false;
        }
        if self.cut_ns.get() == 0 {
            field.fault(self.crowd, who, error);
            return false;
        }
        // The cut itself is no fault; what meets those who come back is.
        if !matches!(error, LinkError::Closed | LinkError::Lost(_)) {
            field.fault(self.crowd, &format!("{who} coming back"), error);
            tokio::time::sleep(RETURN_AFTER).await;
        }
        true
    }

    /// Connects and serves one connection of the visitor.
    async fn visit(
        self: &Rc<Self>,
        field: &Rc<Field>,
        seat: &mut Seat,
        is_first: &mut bool,
    ) -> Result<(), LinkError> {
        let permit = field.opening.acquire().await;
        let wanted_ns = self.wanted_ns(field);
        let (link, mut inflow) = field.target.visitor(seat, *is_first).await?;
        {
            let mut page = self.page.borrow_mut();
            if field.target.has_frames() {
                drop(page);
                let last_epoch = welcomed(&link, &mut inflow).await?;
                page = self.page.borrow_mut();
                page.epoch = last_epoch;
            }
            page.link = Some(link.clone());
            let bytes = self.shape(field).keyframe_bytes;
            if field.target.has_frames() {
                page.keyframe(field, bytes, None);
            }
        }
        drop(permit);
        field.opened(self.crowd, wanted_ns, link.is_resumed());
        if std::mem::take(is_first) && self.shape(field).join.is_none() {
            self.agents.iter().for_each(|agent| self.join(field, agent));
        }
        loop {
            while let Some((opcode, body)) = inflow.next(&link)? {
                let is_request = opcode == Opcode::Binary
                    && field.target.has_frames()
                    && body.first() == Some(&Kind::KeyframeRequest.byte());
                if is_request {
                    let bytes = self.shape(field).keyframe_bytes;
                    self.page.borrow_mut().keyframe(field, bytes, None);
                }
            }
            inflow.more(&link).await?;
        }
    }

    /// Since when a connection is wanted: now, or since it was cut.
    fn wanted_ns(&self, field: &Field) -> u64 {
        match self.cut_ns.get() {
            0 => field.clock.now_ns(),
            cut_ns => cut_ns,
        }
    }
}

impl Page {
    fn header(&self, kind: Kind, flags: Flags, sequence: u32) -> Header {
        Header { kind, flags, source: 0, epoch: self.epoch, sequence }
    }

    fn diff(&mut self, field: &Field, session: u32, due_ns: u64, bytes: usize) -> bool {
        let Some(link) = self.link.clone() else { return false };
        let mut frame = std::mem::take(&mut self.frame);
        frame.clear();
        if field.target.has_frames() {
            let header = self.header(Kind::Diff, Flags::NONE, self.sequence + 1);
            frame.extend_from_slice(&header.encode());
        }
        let start = frame.len();
        frame.extend_from_slice(&field.filler[..bytes]);
        Stamp { session, number: self.number + 1, due_ns }.write(&mut frame[start..]);
        if let Some(text) = field.target.announcement() {
            link.message(Opcode::Text, &[text]);
        }
        let left = link.message(Opcode::Binary, &[&frame]);
        if left {
            self.sequence += 1;
            self.number += 1;
        }
        self.frame = frame;
        left
    }

    /// Begins an epoch. With a stamp it is a message that counts.
    fn keyframe(&mut self, field: &Field, bytes: usize, stamp: Option<(u32, u64)>) -> bool {
        let Some(link) = self.link.clone() else { return false };
        let stamp = stamp.map(|(session, due_ns)| {
            self.number += 1;
            Stamp { session, number: self.number, due_ns }
        });
        if !field.target.has_frames() {
            let mut payload = field.filler[..bytes.max(STAMP_BYTES)].to_vec();
            if let Some(stamp) = stamp {
                stamp.write(&mut payload);
            }
            if let Some(text) = field.target.announcement() {
                link.message(Opcode::Text, &[text]);
            }
            return link.message(Opcode::Binary, &[&payload]);
        }
        self.epoch += 1;
        let facts = self.header(Kind::Facts, Flags::NONE, 0);
        let mut left = link.message(Opcode::Binary, &[&facts.encode(), FACTS]);
        self.sequence = 0;
        let payload = &field.filler[..bytes];
        let chunks = payload.chunks(FRAME_PAYLOAD_BYTES_MAX - STAMP_BYTES);
        let last = chunks.len() - 1;
        for (at, chunk) in chunks.enumerate() {
            self.sequence += 1;
            let mut flags = if at == 0 { Flags::FIRST } else { Flags::NONE };
            let mut mark = [0; STAMP_BYTES];
            let mut parts: [&[u8]; 3] = [&[], &[], chunk];
            if at == last {
                flags = flags | Flags::LAST;
                if let Some(stamp) = stamp {
                    stamp.write(&mut mark);
                    parts[1] = &mark;
                }
            }
            let header = self.header(Kind::Keyframe, flags, self.sequence).encode();
            parts[0] = &header;
            left &= link.message(Opcode::Binary, &parts);
        }
        left
    }
}

impl Agent {
    /// Connects and serves one connection.
    async fn watch(
        &self,
        session: &Session,
        field: &Rc<Field>,
        seat: &mut Seat,
    ) -> Result<(), LinkError> {
        let wanted_ns = session.wanted_ns(field);
        let permit = field.opening.acquire().await;
        // One that is not held up by a cut begins when it is its turn.
        let wanted_ns = if session.cut_ns.get() == 0 { field.clock.now_ns() } else { wanted_ns };
        let (link, mut inflow) = field.target.agent(seat).await?;
        self.seen.set(Sequence::from(session.page.borrow().number));
        self.epoch.set(0);
        self.link.replace(Some(link.clone()));
        drop(permit);
        field.opened(session.crowd, wanted_ns, link.is_resumed());
        let mut says_hello = field.target.has_frames();
        if let Some(socket) = link.for_sink() {
            let taken = field.sink.take(&link, socket, session.crowd);
            taken.map_err(|error| LinkError::Lost(error.kind()))?;
            link.broken().await;
            return Err(LinkError::Closed);
        }
        loop {
            let now_ns = field.clock.now_ns();
            while let Some((opcode, body)) = inflow.next(&link)? {
                if opcode == Opcode::Binary {
                    self.take(session, field, now_ns, body);
                    says_hello = false;
                }
            }
            if self.stalls && !says_hello {
                // Holds the connection and reads nothing more, until the run is over. Ten thousand alarms would be work of the generator's own.
                link.broken().await;
                return Err(LinkError::Closed);
            }
            let bytes = inflow.more(&link).await?;
            if field.sample > 1 {
                field.wire(session.crowd, field.clock.now_ns(), bytes, true);
            }
        }
    }

    fn take(&self, session: &Session, field: &Field, now_ns: u64, body: &[u8]) {
        let crowd = session.crowd;
        let payload = if field.target.has_frames() {
            let Ok(header) = Header::decode(body) else { return field.disordered(crowd) };
            match header.kind {
                Kind::Facts | Kind::Keyframe | Kind::Diff => self.order(field, crowd, &header),
                Kind::Ephemeral => {}
                Kind::Skipped => {
                    let mut seen = self.seen.get();
                    seen.skipped();
                    return self.seen.set(seen);
                }
                _ => return,
            }
            &body[FRAME_HEADER_BYTES..]
        } else {
            body
        };
        field.arrived(crowd, now_ns, payload.len());
        if let Some(stamp) = Stamp::read(payload) {
            if stamp.session != session.index {
                // Another session's message: the worst that a relay can do.
                return field.disordered(crowd);
            }
            let mut seen = self.seen.get();
            field.delivered(crowd, now_ns, stamp.due_ns, stamp.number, &mut seen);
            self.seen.set(seen);
        }
    }

    /// Epochs rise and begin with facts; within one the sequence has no gap.
    fn order(&self, field: &Field, crowd: usize, header: &Header) {
        let begins = header.kind == Kind::Facts && header.sequence == 0;
        let fits = if begins {
            header.epoch > self.epoch.get()
        } else {
            header.epoch == self.epoch.get() && header.sequence == self.next.get()
        };
        if !fits {
            field.disordered(crowd);
        }
        self.epoch.set(header.epoch);
        self.next.set(header.sequence.wrapping_add(1));
    }
}

/// Reads the visitor's first frame; gives the last epoch that the server has seen.
async fn welcomed(link: &Rc<Link>, inflow: &mut Inflow) -> Result<u32, LinkError> {
    #[derive(serde::Deserialize)]
    struct Welcome {
        last_epoch: u32,
    }
    let (_, body) = inflow.message(link).await?;
    if body.first() != Some(&Kind::Welcome.byte()) {
        return Err(LinkError::Unexpected("a visitor's first frame is not its welcome"));
    }
    let welcome: Welcome = serde_json::from_slice(&body[FRAME_HEADER_BYTES..])
        .map_err(|_| LinkError::Unexpected("a welcome that is not the JSON of PROTOCOL.md"))?;
    Ok(welcome.last_epoch)
}

const FACTS: &[u8] =
    br#"{"url":"https://load.localhost/","title":"Load","width":1280,"height":720,"visible":true}"#;
const EPHEMERAL_BYTES: usize = 48;
const POINTER_BYTES: usize = 24;

/// Who was refused on coming back tries again after this.
const RETURN_AFTER: Duration = Duration::from_millis(500);
