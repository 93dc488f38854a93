//! Starting a visitor's session, giving it a new home, and letting an agent in.
//!
//! Owns the rules; `routes/` speaks HTTP, the store keeps the sessions, the CServer runs them.

use std::sync::Mutex;

use protocol::ids::{GroupId, IdError, KeyId, SessionId, SessionKey, SessionNumber};
use protocol::limits::TICKET_LIFE_MS;
use protocol::resume::Resume;
use protocol::secret::{Secret, SecretHash};
use protocol::settings::VisitorSettings;
use protocol::start::{
    Arrival, ContinueRequest, CrossRequest, Crossing, FramedAnswer, MasksReport, PageAnswer,
    PresenceAnswer, PresenceRequest, StartAnswer, StartRequest,
};
use protocol::{Privileges, ServerId, Subject, Ticket};

use crate::crossings::{Crossings, Left};
use crate::fleet::Home;
use crate::limits::{KEY_DIGITS, KEY_DIGITS_CROWDED, KEY_TRIES_MAX};
use crate::locks::lock;
use crate::service::Service;
use crate::store::StoreError;
use crate::store::records::{Agent, Group, Session, State};

/// Why a visitor gets no session.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// The request makes no sense.
    #[error("{0}")]
    BadRequest(String),
    /// Unknown group, or an origin that it does not list: one answer.
    #[error(
        "no session of that group may run on this page: add the page's origin to the group's settings"
    )]
    NotAllowed,
    /// No such session for whoever asks: one answer.
    #[error("there is no session to continue: start a new one")]
    NotFound,
    /// The group has terms, and the visitor has not accepted them.
    #[error("the group has terms: show them to the visitor, then start again")]
    Terms,
    /// Somebody has the key.
    #[error("a live session of the group has this key: choose another, or leave it out")]
    KeyInUse,
    /// A limit.
    #[error("too many sessions are being started: try again in a minute")]
    TooMany,
    /// No CServer.
    #[error("no session server is ready at the moment: try again")]
    NoServer,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Service {
    /// Starts a session for a page of `origin`.
    pub(crate) async fn start(
        &self,
        origin: Option<&str>,
        request: StartRequest,
    ) -> Result<StartAnswer, Refusal> {
        let bad = |error: IdError| Refusal::BadRequest(error.to_string());
        let group: GroupId = request.group.parse().map_err(bad)?;
        let key: Option<SessionKey> =
            request.key.map(|key| key.parse().map_err(bad)).transpose()?;
        let group = self.group_for(group, origin).await?;
        if group.settings.visitor.terms.is_some() && !request.accepted {
            return Err(Refusal::Terms);
        }
        let now_ms = self.clock.now_ms();
        if !lock(&self.starts_by_group).take(now_ms, group.id) {
            return Err(Refusal::TooMany);
        }
        let home = self.choose(group.id, group.settings.revision).await.ok_or(Refusal::NoServer)?;
        let secret = Secret::new(crate::random::bytes());
        for attempt in 0..2 * KEY_TRIES_MAX {
            let digits = if attempt < KEY_TRIES_MAX { KEY_DIGITS } else { KEY_DIGITS_CROWDED };
            let made = || crate::random::digits(digits).parse().map_err(bad);
            let session = Session {
                id: SessionId {
                    group: group.id,
                    key: key.map_or_else(made, Ok)?,
                    number: SessionNumber::from_bytes(crate::random::bytes()),
                },
                resume: secret.hash(),
                server: home.server,
                boot: home.boot,
                home: 1,
                state: State::Assigned,
                assigned_ms: self.clock.now_ms(),
                started_ms: None,
                left: Vec::new(),
            };
            let stored = session.clone();
            match self.store(move |store| store.add_session(stored)).await {
                Ok(()) => return self.answer(&group, &session, &home, secret),
                Err(StoreError::KeyInUse) if key.is_some() => return Err(Refusal::KeyInUse),
                Err(StoreError::KeyInUse) => {}
                // The CServer restarted this very moment.
                Err(StoreError::Conflict) => return Err(Refusal::NoServer),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Refusal::TooMany)
    }

    /// Gives a session a new home when its CServer has left it, or cannot be reached from where its visitor is. Else it stays.
    pub(crate) async fn go_on(
        &self,
        origin: Option<&str>,
        request: ContinueRequest,
    ) -> Result<StartAnswer, Refusal> {
        let (session, group, resume) =
            self.owned(origin, &request.resume, Session::may_move).await?;
        let (revision, now_ms) = (group.settings.revision, self.clock.now_ms());
        let stays = session.is_open() && self.fleet().keeps(&session.server, session.boot);
        let here = self.home_of(&session).filter(|_| stays);
        let home = match here {
            None => self.choose(group.id, revision).await.ok_or(Refusal::NoServer)?,
            Some(here) => {
                let is_given_up = session.is_given_up(request.unreachable, now_ms);
                let another = || self.choose_another(group.id, revision, session.server);
                match is_given_up.then(another).flatten() {
                    Some(another) => another,
                    None => return self.answer(&group, &session, &here, resume.secret),
                }
            }
        };
        let (to, now_ms, old_home) = ((home.server, home.boot), self.clock.now_ms(), session.home);
        let moved =
            self.store(move |store| store.move_session(&session.id, old_home, to, now_ms)).await;
        match moved {
            Ok(session) => self.answer(&group, &session, &home, resume.secret),
            // Somebody else took the key: for this visitor the session is over.
            Err(StoreError::KeyInUse) => Err(Refusal::NotFound),
            // Two tabs asked at once, or the CServer restarted: the next try sees how it ended.
            Err(StoreError::Conflict) => Err(Refusal::NoServer),
            Err(error) => Err(error.into()),
        }
    }

    /// What a page of `origin` has to know of a group before a session.
    pub(crate) async fn page(
        &self,
        origin: Option<&str>,
        group: &str,
    ) -> Result<PageAnswer, Refusal> {
        let group: GroupId =
            group.parse().map_err(|error: IdError| Refusal::BadRequest(error.to_string()))?;
        let settings = self.group_for(group, origin).await?.settings;
        let VisitorSettings { terms, theme, chat_origins, .. } = settings.visitor;
        Ok(PageAnswer { terms, theme, chat_origins, origins: settings.origins })
    }

    /// Where a page of `origin` says that it is there, and with what.
    pub(crate) async fn presence(
        &self,
        origin: Option<&str>,
        request: PresenceRequest,
    ) -> Result<PresenceAnswer, Refusal> {
        let bad = |error: IdError| Refusal::BadRequest(error.to_string());
        let group: GroupId = request.group.parse().map_err(bad)?;
        let visitor: SessionKey = request.visitor.parse().map_err(bad)?;
        let group = self.group_for(group, origin).await?;
        let home = self.choose(group.id, group.settings.revision).await.ok_or(Refusal::NoServer)?;
        let number = SessionNumber::from_bytes(crate::random::bytes());
        let page = SessionId { group: group.id, key: visitor, number };
        let ticket = self.ticket_for(page, 1, home.server, Subject::Presence);
        Ok(PresenceAnswer {
            server: format!("{}/presence", home.public_url.replacen("https://", "wss://", 1)),
            ticket: ticket.ok_or(Refusal::NoServer)?,
        })
    }

    /// A code with which the session goes on at another origin of its group.
    pub(crate) async fn cross(
        &self,
        origin: Option<&str>,
        request: CrossRequest,
    ) -> Result<Crossing, Refusal> {
        let (session, crossing) = self.code(&self.crossings, origin, request).await?;
        tracing::info!(session = ?session.id, "a session crosses to another domain");
        Ok(crossing)
    }

    /// A code with which a frame of another origin of the group shows itself to the page of the session.
    pub(crate) async fn frame(
        &self,
        origin: Option<&str>,
        request: CrossRequest,
    ) -> Result<Crossing, Refusal> {
        Ok(self.code(&self.frames, origin, request).await?.1)
    }

    /// What a frame masks by, for the origin that the code was made for, while the session runs.
    pub(crate) async fn framed(
        &self,
        origin: Option<&str>,
        request: Crossing,
    ) -> Result<FramedAnswer, Refusal> {
        let left = self.left(&self.frames, origin, &request)?;
        let (_, group, _) = self.owned(origin, &left.resume, Session::is_open).await?;
        let settings = group.settings.visitor.clone();
        Ok(FramedAnswer { group: group.id.as_str().to_owned(), parent: left.from, settings })
    }

    /// A code of the session that a page of `origin` holds, for a page of another of its group's origins.
    async fn code(
        &self,
        codes: &Mutex<Crossings>,
        origin: Option<&str>,
        request: CrossRequest,
    ) -> Result<(Session, Crossing), Refusal> {
        let (session, group, _) = self.owned(origin, &request.resume, Session::is_open).await?;
        let from = origin.filter(|_| group.settings.allows_origin(&request.to));
        let from = from.ok_or(Refusal::NotAllowed)?;
        let now_ms = self.clock.now_ms();
        let code = lock(codes).begin(now_ms, from, request.to, request.resume);
        Ok((session, Crossing { code: code.ok_or(Refusal::NoServer)? }))
    }

    /// Takes a code: what the page that asked for it left, for the origin that it was made for.
    fn left(
        &self,
        codes: &Mutex<Crossings>,
        origin: Option<&str>,
        request: &Crossing,
    ) -> Result<Left, Refusal> {
        let at = origin.ok_or(Refusal::NotFound)?;
        let left = lock(codes).end(self.clock.now_ms(), &request.code, at);
        left.ok_or(Refusal::NotFound)
    }

    /// A visitor's browser could not read some of the group's masks. The operator is told once for each.
    pub(crate) async fn masks_unreadable(
        &self,
        origin: Option<&str>,
        request: MasksReport,
    ) -> Result<(), Refusal> {
        let (_, group, _) = self.owned(origin, &request.resume, Session::is_open).await?;
        let masks = &group.settings.visitor.masks;
        for selector in lock(&self.unreadable).tell(group.id, masks, &request.unreadable) {
            crate::metrics::unreadable_mask(group.id.as_str());
            tracing::warn!(
                group = ?group.id,
                selector,
                "a visitor's browser cannot read a mask of this group, so everything is masked: correct it with `webtier group set`"
            );
        }
        Ok(())
    }

    /// The masks of a group that browsers could not read.
    pub(crate) fn unreadable(&self, group: &Group) -> Vec<String> {
        lock(&self.unreadable).of(&group.id, &group.settings.visitor.masks)
    }

    /// The session that a code belongs to, for the origin that it was made for.
    pub(crate) async fn arrive(
        &self,
        origin: Option<&str>,
        request: Crossing,
    ) -> Result<Arrival, Refusal> {
        let left = self.left(&self.crossings, origin, &request)?;
        let (session, _, resume) = self.owned(origin, &left.resume, Session::is_open).await?;
        let home = self.home_of(&session).ok_or(Refusal::NoServer)?;
        let (server, status) = upload_urls(&home);
        Ok(Arrival {
            session: session.id.to_text(),
            server,
            status,
            resume: resume.to_text(),
            home: session.home,
        })
    }

    /// The session of a resume secret, if it `is_fit`, for a page of one of its group's origins.
    async fn owned(
        &self,
        origin: Option<&str>,
        resume: &str,
        is_fit: impl Fn(&Session) -> bool,
    ) -> Result<(Session, Group, Resume), Refusal> {
        let resume = Resume::from_text(resume).ok_or(Refusal::NotFound)?;
        let id = resume.session;
        let group = self.group_for(id.group, origin).await?;
        let session = self.store(move |store| store.session(&id)).await?;
        // The same work whether there is such a session or not.
        let owner =
            session.as_ref().map_or(SecretHash::from_bytes(NOBODY), |session| session.resume);
        let is_owner = owner.matches(&resume.secret);
        let session = session.filter(|session| is_owner && is_fit(session));
        Ok((session.ok_or(Refusal::NotFound)?, group, resume))
    }

    /// A ticket for an agent to a live session, and where to take it; `None` while its CServer cannot be reached.
    pub(crate) fn admit(
        &self,
        session: &Session,
        agent: &Agent,
        privileges: Privileges,
    ) -> Option<(Home, String)> {
        let home = self.home_of(session)?;
        let subject = Subject::Agent { agent: agent.id, name: agent.display.clone(), privileges };
        Some((home, self.ticket(session, subject)?))
    }

    /// The CServer of a session, if an agent can be let in there at this moment.
    pub(crate) fn admits(&self, session: &Session) -> Option<Home> {
        let has_key = self.rotation().signing(self.clock.now_ms(), &session.server).is_some();
        self.home_of(session).filter(|_| has_key)
    }

    /// The CServer of a session, if it is up and still the process that got the session.
    pub(crate) fn home_of(&self, session: &Session) -> Option<Home> {
        self.fleet().home(&session.server).filter(|home| home.boot == session.boot)
    }

    async fn group_for(&self, group: GroupId, origin: Option<&str>) -> Result<Group, Refusal> {
        let group = self.store(move |store| store.group(&group)).await?;
        let allowed =
            |group: &Group| origin.is_some_and(|origin| group.settings.allows_origin(origin));
        group.filter(allowed).ok_or(Refusal::NotAllowed)
    }

    fn answer(
        &self,
        group: &Group,
        session: &Session,
        home: &Home,
        secret: Secret,
    ) -> Result<StartAnswer, Refusal> {
        let subject = Subject::Visitor { resume: session.resume };
        let ticket = self.ticket(session, subject).ok_or(Refusal::NoServer)?;
        tracing::info!(session = ?session.id, server = ?home.server, home = session.home, "a session was given a home");
        let (server, status) = upload_urls(home);
        Ok(StartAnswer {
            session: session.id.to_text(),
            key: session.id.key.as_str().to_owned(),
            server,
            status,
            ticket,
            resume: Resume { session: session.id, secret }.to_text(),
            home: session.home,
            settings: group.settings.visitor.clone(),
        })
    }

    fn ticket(&self, session: &Session, subject: Subject) -> Option<String> {
        self.ticket_for(session.id, session.home, session.server, subject)
    }

    fn ticket_for(
        &self,
        session: SessionId,
        home: u32,
        audience: ServerId,
        subject: Subject,
    ) -> Option<String> {
        let issued_ms = self.clock.now_ms();
        self.sign(Ticket {
            subject,
            home,
            // Replaced by that of the key that signs.
            key_id: KeyId::from_bytes([0; 8]),
            audience,
            session,
            issued_ms,
            expires_ms: issued_ms + TICKET_LIFE_MS,
            nonce: crate::random::bytes(),
        })
    }
}

/// What an agent sees of a live session.
#[derive(serde::Serialize)]
pub(crate) struct Listed {
    pub(crate) group: GroupId,
    pub(crate) key: SessionKey,
    pub(crate) started_ms: u64,
    pub(crate) server: ServerId,
    /// `live`, or `unreachable` while the web tier has no stream to its CServer.
    pub(crate) state: &'static str,
}

impl Service {
    /// Live sessions of the agent's groups, newest first.
    pub(crate) async fn list(&self, agent: &Agent) -> Result<Vec<Listed>, StoreError> {
        let agent = agent.clone();
        let sessions = self.store(move |store| {
            let mut sessions = Vec::new();
            for id in agent.groups.keys() {
                let group = store.group(id)?;
                if group.is_some_and(|group| group.privileges_of(&agent).is_some()) {
                    sessions.extend(store.live_sessions(id, crate::limits::SESSIONS_LISTED_MAX)?);
                }
            }
            sessions.sort_by_key(|session| std::cmp::Reverse(session.started_ms));
            sessions.truncate(crate::limits::SESSIONS_LISTED_MAX);
            Ok(sessions)
        });
        let listed = sessions.await?.into_iter().map(|session| Listed {
            group: session.id.group,
            key: session.id.key,
            started_ms: session.started_ms.unwrap_or(session.assigned_ms),
            server: session.server,
            state: if self.home_of(&session).is_some() { "live" } else { "unreachable" },
        });
        Ok(listed.collect())
    }
}

/// Where a visitor uploads, and where it asks why it may not.
fn upload_urls(home: &Home) -> (String, String) {
    let upload = format!("{}/visitor", home.public_url);
    (upload.replacen("https://", "wss://", 1), format!("{upload}/status"))
}

/// The hash of no secret that anybody has.
const NOBODY: [u8; 32] = [0; 32];
