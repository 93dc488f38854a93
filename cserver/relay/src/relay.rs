//! The relay of one core: every session it has, found by id, by reference or by connection.
//!
//! Owns the public interface. What happens within a session stands in [`crate::session`].

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use protocol::secret::{Secret, SecretHash};
use protocol::{AgentId, AgentNumber, CloseCode, GroupId, JoinId, SessionId, SessionNumber};
use slab::Slab;

use crate::bounds::Bounds;
use crate::events::{Event, JoinInfo, JoinSpec, SessionRef, SessionSpec};
use crate::frames::WireFrame;
use crate::links::{LinkId, Outlet, Owner};
use crate::percore::Core;
use crate::session::{End, Session};
use crate::stats::{SessionFigures, Stats};
use crate::timers::Timer;

/// The sessions of one core, as a machine: no sockets, no clock, no threads.
///
/// `now` is monotonic milliseconds and never falls.
///
/// Calling order, once a turn:
/// 1. Whatever happened: [`open_session`](Self::open_session), [`attach_visitor`](Self::attach_visitor), [`join`](Self::join),
///    [`attach_agent`](Self::attach_agent), [`handle_frame`](Self::handle_frame), [`handle_gone`](Self::handle_gone),
///    [`handle_progress`](Self::handle_progress), the orders from outside ([`revoke`](Self::revoke), [`end_group`](Self::end_group), …),
///    and [`handle_time`](Self::handle_time) when [`next_deadline`](Self::next_deadline) has come. In any number and order.
/// 2. [`poll_event`](Self::poll_event) until it is empty. A link named in an [`Event::Close`] is forgotten already:
///    telling it gone is allowed and does nothing.
/// 3. [`poll_dirty`](Self::poll_dirty) until it is empty, and for each link [`next_frame`](Self::next_frame) as long as there is room.
///    A link that comes out here does not come again before all it has was taken: while [`has_more`](Self::has_more) says so,
///    the caller comes back by itself once the socket has taken what it got.
/// 4. Sleep until [`next_deadline`](Self::next_deadline).
///
/// ```
/// use cobrowse_relay::{Bounds, Event, JoinSpec, LinkId, Relay, SessionSpec};
/// use protocol::{AgentId, Flags, Header, JoinId, Kind, Privileges, secret::Secret};
///
/// let mut relay = Relay::new(Bounds::default());
/// let (visitor, agent) = (LinkId(1), LinkId(2));
/// let session = relay.open_session(0, SessionSpec {
///     id: "demo:471113:000102030405060708090a0b0c0d0e0f".parse().unwrap(),
///     home: 1,
///     resume: Secret::new([1; 32]).hash(),
///     grace_ms: 30_000,
///     welcome_settings: r##"{"masks":["#card"]}"##.into(),
/// }).unwrap();
/// relay.attach_visitor(0, session, visitor).unwrap();
///
/// let frame = |kind, flags, sequence, payload: &[u8]| {
///     let header = Header { kind, flags, source: 1, epoch: 1, sequence };
///     bytes::Bytes::from([&header.encode(), payload].concat())
/// };
/// relay.handle_frame(5, visitor, frame(Kind::Facts, Flags::NONE, 0, b"{}"));
/// relay.handle_frame(5, visitor, frame(Kind::Keyframe, Flags::FIRST | Flags::LAST, 1, b"the page"));
/// relay.handle_frame(6, visitor, frame(Kind::Diff, Flags::NONE, 2, b"a change"));
///
/// let join = JoinId::from_bytes([2; 8]);
/// relay.join(7, session, JoinSpec {
///     join,
///     agent: AgentId::from_bytes([3; 16]),
///     name: "Ada".into(),
///     privileges: Privileges::VIEW,
/// }).unwrap();
/// relay.attach_agent(8, session, join, agent).unwrap();
///
/// let mut kinds = Vec::new();
/// while let Some(link) = relay.poll_dirty() {
///     while let Some(frame) = relay.next_frame(8, link, 65_536) {
///         if link == agent {
///             kinds.push(Header::decode(frame.body()).unwrap().kind.name());
///         }
///     }
/// }
/// assert_eq!(kinds, ["joined", "participants", "facts", "keyframe", "diff"]);
///
/// relay.handle_frame(9, visitor, frame(Kind::Bye, Flags::NONE, 2, b""));
/// let ended = std::iter::from_fn(|| relay.poll_event()).last();
/// assert!(matches!(ended, Some(Event::SessionEnded { .. })));
/// ```
pub struct Relay {
    core: Core,
    sessions: Slab<Session>,
    /// By the random part of the id, which alone names a session; whether the rest fits is checked on the way out.
    by_number: HashMap<SessionNumber, SessionRef>,
    /// So that an order for one group does not look at every session.
    by_group: HashMap<GroupId, BTreeSet<SessionRef>>,
    generation: u32,
}

impl Relay {
    /// A relay without sessions.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            core: Core::new(bounds),
            sessions: Slab::new(),
            by_number: HashMap::new(),
            by_group: HashMap::new(),
            generation: 0,
        }
    }

    /// Keeps no more room than what is here needs: called when most have gone.
    pub fn shrink(&mut self) {
        self.sessions.shrink_to_fit();
        self.by_number.shrink_to_fit();
        self.core.shrink();
    }

    // -- sessions

    /// Opens a session. It waits for its visitor as if it had just gone.
    /// `overload` when there are too many, `already_live` when it exists.
    pub fn open_session(&mut self, now: u64, spec: SessionSpec) -> Result<SessionRef, CloseCode> {
        if self.by_number.contains_key(&spec.id.number) {
            return Err(CloseCode::AlreadyLive);
        }
        if self.sessions.len() >= self.core.bounds.sessions_max {
            return Err(CloseCode::Overload);
        }
        self.generation = self.generation.wrapping_add(1);
        let entry = self.sessions.vacant_entry();
        let index = u32::try_from(entry.key()).map_err(|_| CloseCode::Overload)?;
        let me = SessionRef { index, generation: self.generation };
        let (id, home) = (spec.id, spec.home);
        entry.insert(Session::new(me, spec, now)).arm(&mut self.core);
        self.by_number.insert(id.number, me);
        self.by_group.entry(id.group).or_default().insert(me);
        self.core.stats.sessions += 1;
        self.core.events.push_back(Event::SessionStarted { id, home });
        Ok(me)
    }

    /// The session of that id.
    pub fn find(&self, id: &SessionId) -> Option<SessionRef> {
        let found = *self.by_number.get(&id.number)?;
        self.session(found).filter(|session| session.id == *id).map(|_| found)
    }

    /// The id of a session; `None` once it has ended.
    pub fn session_id(&self, session: SessionRef) -> Option<SessionId> {
        self.session(session).map(|session| session.id)
    }

    /// Whether `secret` is the session's resume secret. Takes the same time whatever it is.
    pub fn owns(&self, session: SessionRef, secret: &Secret) -> bool {
        self.session(session).is_some_and(|session| session.resume.matches(secret))
    }

    /// The visitor has connected, for the first time or again; an older connection is closed with `superseded`.
    /// `internal` when the settings cannot be told to it: then it must not upload.
    pub fn attach_visitor(
        &mut self,
        now: u64,
        session: SessionRef,
        link: LinkId,
    ) -> Result<(), CloseCode> {
        self.forget_link(now, link);
        self.with(session, |core, session| session.attach_visitor(core, now, link))
            .unwrap_or(Err(CloseCode::NotFound))
    }

    /// The page of the visitor that has just connected has an http origin, so that its frames may say that it came over HTTP.
    /// Whoever does not say so first is taken for a page over HTTPS, whatever its frames say.
    pub fn visitor_is_on_http(&mut self, session: SessionRef) {
        if let Some(visitor) = self.session_mut(session).and_then(|found| found.visitor.as_mut()) {
            visitor.on_http = true;
        }
    }

    /// Whether a view over plain HTTP has something to show: the newest page came over HTTP.
    pub fn is_insecure(&self, session: SessionRef) -> bool {
        self.session(session).is_some_and(|session| session.log.is_insecure())
    }

    /// The visitor's live connection.
    pub fn visitor_link(&self, session: SessionRef) -> Option<LinkId> {
        self.session(session)?.visitor.as_ref().map(|visitor| visitor.outlet.link)
    }

    // -- agents

    /// Lets an agent in; it may then connect, any number of times. `not_allowed` without `view`, `overload` when the session
    /// has too many.
    pub fn join(
        &mut self,
        now: u64,
        session: SessionRef,
        spec: JoinSpec,
    ) -> Result<AgentNumber, CloseCode> {
        self.with(session, |core, session| session.join(core, now, spec))
            .unwrap_or(Err(CloseCode::NotFound))
    }

    /// What is known of a join; `None` once it is over.
    pub fn find_join(&self, session: SessionRef, join: JoinId) -> Option<JoinInfo> {
        let session = self.session(session)?;
        let agent = &session.agents[session.agent_key(join)?];
        Some(JoinInfo { agent: agent.account, privileges: agent.privileges, number: agent.number })
    }

    /// Why an account's join is over, when it is: it was withdrawn, or nobody used it for long and a new ticket helps.
    pub fn why_no_join(&self, session: SessionRef, account: AgentId) -> CloseCode {
        match self.session(session) {
            Some(session) if session.revoked.contains(&account) => CloseCode::Revoked,
            Some(_) => CloseCode::Unauthorized,
            None => CloseCode::NotFound,
        }
    }

    /// The live connection of a join.
    pub fn agent_link(&self, session: SessionRef, join: JoinId) -> Option<LinkId> {
        let session = self.session(session)?;
        let view = session.agents[session.agent_key(join)?].view.as_ref()?;
        Some(view.outlet.link)
    }

    /// An agent has connected; an older connection of the same join is closed with `superseded`.
    pub fn attach_agent(
        &mut self,
        now: u64,
        session: SessionRef,
        join: JoinId,
        link: LinkId,
    ) -> Result<(), CloseCode> {
        self.attach(now, session, join, link, false)
    }

    /// An agent has connected over plain HTTP: it gets frames of pages that came so, may only look, and is closed with
    /// `secure_page` when another page begins. The same when such a page is the newest now.
    pub fn attach_plain_agent(
        &mut self,
        now: u64,
        session: SessionRef,
        join: JoinId,
        link: LinkId,
    ) -> Result<(), CloseCode> {
        self.attach(now, session, join, link, true)
    }

    fn attach(
        &mut self,
        now: u64,
        session: SessionRef,
        join: JoinId,
        link: LinkId,
        is_plain: bool,
    ) -> Result<(), CloseCode> {
        self.forget_link(now, link);
        self.with(session, |core, session| {
            let key = session.agent_key(join).ok_or(CloseCode::NotFound)?;
            if is_plain && !session.log.is_insecure() {
                return Err(CloseCode::SecurePage);
            }
            session.attach_agent(core, now, key, link, is_plain);
            Ok(())
        })
        .unwrap_or(Err(CloseCode::NotFound))
    }

    // -- connections

    /// One binary WebSocket message came. From a link that is not known any more it is dropped.
    pub fn handle_frame(&mut self, now: u64, link: LinkId, bytes: Bytes) {
        let Some(owner) = self.core.links.get(link) else { return };
        self.core.stats.frames_in += 1;
        self.core.stats.bytes_in += bytes.len() as u64;
        match owner {
            Owner::Visitor(at) => {
                self.with_end(at, |core, session| session.visitor_frame(core, now, bytes));
            }
            Owner::Agent(at, key) => {
                self.with_end(at, |core, session| session.agent_frame(core, now, key, &bytes));
            }
        }
    }

    /// The connection is gone.
    pub fn handle_gone(&mut self, now: u64, link: LinkId) {
        match self.core.links.get(link) {
            Some(Owner::Visitor(at)) => {
                self.with(at, |core, session| session.visitor_gone(core, now));
            }
            Some(Owner::Agent(at, key)) => {
                self.with(at, |core, session| session.agent_gone(core, now, key));
            }
            None => {}
        }
    }

    /// The socket took bytes, so its peer is reading.
    pub fn handle_progress(&mut self, now: u64, link: LinkId) {
        // Deadlines only move away by this, so no timer is set anew.
        match self.core.links.get(link) {
            Some(Owner::Visitor(at)) => {
                if let Some(visitor) = self.session_mut(at).and_then(|s| s.visitor.as_mut()) {
                    visitor.outlet.progress(now);
                }
            }
            Some(Owner::Agent(at, key)) => {
                if let Some(agent) = self.session_mut(at).and_then(|s| s.agents.get_mut(key))
                    && let Some(view) = &mut agent.view
                {
                    view.outlet.progress(now);
                }
            }
            None => {}
        }
    }

    /// The next connection with something to send; each once until all it has was taken.
    pub fn poll_dirty(&mut self) -> Option<LinkId> {
        while let Some(link) = self.core.dirty.pop_front() {
            if self.core.links.get(link).is_some() {
                return Some(link);
            }
        }
        None
    }

    /// Whether [`poll_dirty`](Self::poll_dirty) may have something.
    pub fn has_dirty(&self) -> bool {
        !self.core.dirty.is_empty()
    }

    /// The next frame for a connection if it has one of at most `room` bytes with its prefix. A frame has at most
    /// [`FRAME_WIRE_BYTES_MAX`](crate::FRAME_WIRE_BYTES_MAX).
    pub fn next_frame(&mut self, now: u64, link: LinkId, room: usize) -> Option<WireFrame> {
        let owner = self.core.links.get(link)?;
        // The caller asks until there is none, and who has taken all is known.
        if !self.is_dirty(owner) {
            return None;
        }
        let frame = match owner {
            Owner::Visitor(at) => self.with(at, |_, s| s.next_for_visitor(now, room)).flatten(),
            Owner::Agent(at, key) => self.session_mut(at)?.next_for_agent(now, key, room),
        };
        if let Some(frame) = &frame {
            self.core.stats.frames_out += 1;
            self.core.stats.bytes_out += frame.wire_len() as u64;
        }
        if !self.owes(owner) {
            self.drained(owner);
        }
        frame
    }

    /// Whether the connection was given less than all that it had. Cheaper than [`has_more`](Self::has_more), and the same to who has just
    /// called [`next_frame`](Self::next_frame).
    pub fn has_rest(&self, link: LinkId) -> bool {
        self.core.links.get(link).is_some_and(|owner| self.is_dirty(owner))
    }

    /// Whether the connection has anything to be sent.
    pub fn has_more(&self, link: LinkId) -> bool {
        self.core.links.get(link).is_some_and(|owner| self.owes(owner))
    }

    fn owes(&self, owner: Owner) -> bool {
        match owner {
            Owner::Visitor(at) => self.session(at).is_some_and(Session::visitor_has_more),
            Owner::Agent(at, key) => self.session(at).is_some_and(|s| s.agent_has_more(key)),
        }
    }

    // -- orders from outside

    /// The home number of a session.
    pub fn home(&self, session: SessionRef) -> Option<u32> {
        self.session(session).map(|session| session.home)
    }

    /// The session was given this server again, as a home of a higher number: it goes on as it stands, and is reported as
    /// started there. `already_live` when the number is not higher or the owner is another.
    pub fn raise_home(
        &mut self,
        session: SessionRef,
        home: u32,
        owner: &SecretHash,
    ) -> Result<(), CloseCode> {
        self.with(session, |core, session| {
            if home <= session.home || session.resume != *owner {
                return Err(CloseCode::AlreadyLive);
            }
            session.home = home;
            core.events.push_back(Event::SessionStarted { id: session.id, home });
            Ok(())
        })
        .unwrap_or(Err(CloseCode::NotFound))
    }

    /// Ends one session.
    pub fn end_session(&mut self, _now: u64, session: SessionRef, reason: CloseCode) {
        self.end(session, reason);
    }

    /// Ends every session of a group.
    pub fn end_group(&mut self, _now: u64, group: GroupId, reason: CloseCode) {
        for session in self.of_group(group) {
            self.end(session, reason);
        }
    }

    /// Ends everything.
    pub fn end_all(&mut self, _now: u64, reason: CloseCode) {
        let all: Vec<SessionRef> = self.sessions.iter().map(|(_, session)| session.me).collect();
        for session in all {
            self.end(session, reason);
        }
    }

    /// Ends every join of an agent in a group, and its connections with `revoked`.
    pub fn revoke(&mut self, now: u64, group: GroupId, agent: AgentId) {
        for session in self.of_group(group) {
            self.with(session, |core, session| session.revoke(core, now, agent));
        }
    }

    /// Ends one join with that code; its cookie opens nothing any more.
    pub fn end_join(&mut self, now: u64, session: SessionRef, join: JoinId, code: CloseCode) {
        self.with(session, |core, session| session.end_join(core, now, join, code));
    }

    /// Ends a group's connections over plain HTTP: it follows its visitors' protocol no longer.
    pub fn end_plain(&mut self, now: u64, group: GroupId) {
        for session in self.of_group(group) {
            self.with(session, |core, session| session.close_plain(core, now));
        }
    }

    /// The group's settings have changed. Each visitor is told by another `welcome`, at once or when it connects; the
    /// grace period counts at once. Settings that cannot be told end the visitors' connections with `internal`.
    pub fn update_settings(&mut self, now: u64, group: GroupId, visitor: Arc<str>, grace_ms: u64) {
        for session in self.of_group(group) {
            self.with(session, |core, session| {
                session.set_settings(core, now, visitor.clone(), grace_ms);
            });
        }
    }

    /// How full the core is: whether ephemeral frames are left out, and what agents may lag behind before they skip.
    pub fn relieve(&mut self, leave_out_ephemeral: bool, agent_lag_bytes_max: u64) {
        self.core.leaves_out_ephemeral = leave_out_ephemeral;
        self.core.bounds.agent_lag_bytes_max = agent_lag_bytes_max;
    }

    // -- time and results

    /// Time has passed.
    pub fn handle_time(&mut self, now: u64) {
        while let Some((due, timer)) = self.core.timers.pop(now) {
            match timer {
                Timer::Session(at) => {
                    self.with_end(at, |core, session| session.handle_timer(core, now, due));
                }
                Timer::Agent(at, key, number) => {
                    self.with(at, |core, session| {
                        session.handle_agent_timer(core, now, key as usize, number, due);
                    });
                }
                Timer::Budget => {
                    self.core.line_came_up(due);
                    while let Some(at) = self.core.next_in_line(now) {
                        self.with(at, |core, session| session.come_up(core, now));
                    }
                    self.core.arm_line();
                }
            }
        }
    }

    /// When [`Relay::handle_time`] has something to look at.
    pub fn next_deadline(&self) -> Option<u64> {
        self.core.timers.next()
    }

    /// The next thing to do or to report.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.core.events.pop_front()
    }

    /// What was counted.
    pub fn stats(&self) -> Stats {
        self.core.stats
    }

    /// What one session holds; `None` once it has ended. Looks at each of its agents.
    pub fn figures(&self, session: SessionRef) -> Option<SessionFigures> {
        self.session(session).map(Session::figures)
    }

    // -- helpers

    fn session(&self, at: SessionRef) -> Option<&Session> {
        self.sessions.get(at.index as usize).filter(|session| session.me == at)
    }

    fn session_mut(&mut self, at: SessionRef) -> Option<&mut Session> {
        self.sessions.get_mut(at.index as usize).filter(|session| session.me == at)
    }

    /// Does something to a session and sees to its deadlines.
    fn with<T>(
        &mut self,
        at: SessionRef,
        act: impl FnOnce(&mut Core, &mut Session) -> T,
    ) -> Option<T> {
        let session = self.sessions.get_mut(at.index as usize).filter(|s| s.me == at)?;
        let result = act(&mut self.core, session);
        session.account(&mut self.core);
        session.arm(&mut self.core);
        Some(result)
    }

    /// The same for what may end the session.
    fn with_end(&mut self, at: SessionRef, act: impl FnOnce(&mut Core, &mut Session) -> End) {
        if let Some(Some(reason)) = self.with(at, act) {
            self.end(at, reason);
        }
    }

    fn end(&mut self, at: SessionRef, reason: CloseCode) {
        if self.session(at).is_none() {
            return;
        }
        let mut session = self.sessions.remove(at.index as usize);
        self.by_number.remove(&session.id.number);
        if let Some(others) = self.by_group.get_mut(&session.id.group) {
            others.remove(&at);
            if others.is_empty() {
                self.by_group.remove(&session.id.group);
            }
        }
        session.end(&mut self.core, reason);
    }

    fn of_group(&self, group: GroupId) -> Vec<SessionRef> {
        self.by_group.get(&group).into_iter().flatten().copied().collect()
    }

    /// A link that is given to somebody else was somebody's before only by a fault of the caller; the older meaning ends.
    fn forget_link(&mut self, now: u64, link: LinkId) {
        debug_assert!(self.core.links.get(link).is_none(), "a link is attached once");
        self.handle_gone(now, link);
    }

    fn is_dirty(&self, owner: Owner) -> bool {
        let outlet = match owner {
            Owner::Visitor(at) => self.session(at).and_then(|s| Some(&s.visitor.as_ref()?.outlet)),
            Owner::Agent(at, key) => {
                self.session(at).and_then(|s| Some(&s.agents.get(key)?.view.as_ref()?.outlet))
            }
        };
        outlet.is_some_and(Outlet::is_dirty)
    }

    fn drained(&mut self, owner: Owner) {
        match owner {
            Owner::Visitor(at) => {
                if let Some(visitor) = self.session_mut(at).and_then(|s| s.visitor.as_mut()) {
                    visitor.outlet.drained();
                }
            }
            Owner::Agent(at, key) => {
                if let Some(agent) = self.session_mut(at).and_then(|s| s.agents.get_mut(key))
                    && let Some(view) = &mut agent.view
                {
                    view.outlet.drained();
                }
            }
        }
    }
}
