//! What is under test and how one gets in: a CServer with tickets, or a plain relay with two paths.
//!
//! Gives back a connection that has become a WebSocket. What is then said on it is for [`crate::session`].

use std::cell::OnceCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use protocol::resume::Resume;
use protocol::subprotocol::FRAMES_V1;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use crate::http::{self, Answer};
use crate::limits::{CONNECTIONS_PER_SOURCE_MAX, STALLED_RECEIVE_BYTES};
use crate::link::{Door, Inflow, Link, LinkError};
use crate::tickets::Signer;
use crate::tls::with_own_memory;
use crate::websocket::Opcode;
use crate::webtier::WebTier;

/// What is under test.
#[derive(Clone)]
pub struct Target {
    /// Its address.
    pub address: SocketAddr,
    /// What it is called: host and port as in `Host`.
    pub host: String,
    /// The name in its certificate.
    pub name: ServerName<'static>,
    /// TLS without resumption.
    pub config: Arc<ClientConfig>,
    /// What it speaks.
    pub dialect: Dialect,
}

/// What a target speaks.
#[derive(Clone)]
pub enum Dialect {
    /// Our protocol.
    Cserver {
        /// Where tickets come from.
        tickets: Tickets,
        /// Origin of the visitors' pages.
        origin: String,
    },
    /// A plain relay: whatever comes on `/pub/ID` goes to everybody on `/sub/ID`. For comparisons.
    Plain,
    /// The same by socket.io: rooms instead of paths, and its packets around each message.
    SocketIo,
}

/// Where tickets for a CServer come from.
#[derive(Clone)]
pub enum Tickets {
    /// The generator plays the web tier and signs them.
    Signed(Signer),
    /// A web tier gives them, as it does to visitors' pages and agents.
    WebTier(Box<WebTier>),
}

/// A session as all its seats know it: empty until it was started, and always on a plain relay.
pub type Known = Rc<OnceCell<Resume>>;

/// Who a connection is for, and what it needs to come back.
#[derive(Clone)]
pub struct Seat {
    /// Index of the session in the run.
    pub session: u32,
    /// The session's id and resume secret, for a CServer.
    pub resume: Known,
    /// The agent's view, once it has joined.
    pub view: Option<View>,
    /// TLS of this client; with a memory of its own where it will come back.
    pub config: Arc<ClientConfig>,
    /// Counts connections over the run; picks the source address.
    pub serial: u32,
    /// It will stop reading.
    pub stalls: bool,
    /// It will be read and not looked at.
    pub sinks: bool,
}

/// What a viewer's page holds.
#[derive(Clone)]
pub struct View {
    join: String,
    cookie: String,
    csrf: String,
}

/// A connection that has become a WebSocket.
pub type Open = (Rc<Link>, Inflow);

impl Target {
    /// A place for one connection.
    pub fn seat(&self, session: u32, resume: Known, serial: u32, returns: bool) -> Seat {
        let config = if returns { with_own_memory(&self.config) } else { self.config.clone() };
        Seat { session, resume, view: None, config, serial, stalls: false, sinks: false }
    }

    /// A new session, named if that is for the generator to do.
    pub fn session(&self, index: u32) -> Known {
        match &self.dialect {
            Dialect::Cserver { tickets: Tickets::Signed(signer), .. } => {
                Rc::new(OnceCell::from(signer.session(index)))
            }
            Dialect::Cserver { .. } | Dialect::Plain | Dialect::SocketIo => Known::default(),
        }
    }

    /// What has to be said before each message of a visitor.
    pub fn announcement(&self) -> Option<&'static [u8]> {
        matches!(self.dialect, Dialect::SocketIo).then_some(SOCKET_IO_EVENT)
    }

    /// Whether payloads have frame headers.
    pub fn has_frames(&self) -> bool {
        matches!(self.dialect, Dialect::Cserver { .. })
    }

    /// Opens a visitor's connection: with a ticket the first time, with the resume secret after that.
    pub async fn visitor(&self, seat: &Seat, is_first: bool) -> Result<Open, LinkError> {
        let given = match &self.dialect {
            Dialect::Cserver { tickets: Tickets::WebTier(web), .. } if is_first => {
                let (resume, ticket) = web.start(seat.serial).await?;
                // Started once: a second try after a failure is another session.
                seat.resume
                    .set(resume)
                    .map_err(|_| LinkError::Unexpected("a session was started twice"))?;
                Some(ticket)
            }
            _ => None,
        };
        let (link, mut inflow) = self.open(seat).await?;
        let (path, headers) = match (&self.dialect, seat.resume.get()) {
            (Dialect::Cserver { tickets, origin }, Some(resume)) => {
                let credential = match (tickets, given) {
                    (_, Some(ticket)) => format!("ticket.{ticket}"),
                    (Tickets::Signed(signer), None) if is_first => {
                        format!("ticket.{}", signer.visitor(resume))
                    }
                    _ => format!("resume.{}", resume.to_text()),
                };
                let offer = format!(
                    "Origin: {origin}\r\nSec-WebSocket-Protocol: {FRAMES_V1}, {credential}\r\n"
                );
                ("/visitor".to_owned(), offer)
            }
            _ => (self.plain_path("pub", seat), String::new()),
        };
        let what = "a visitor's upgrade";
        http::upgrade(&link, &mut inflow, what, &path, &self.host, &headers).await?;
        self.greet(&link, &mut inflow).await?;
        Ok((link, inflow))
    }

    /// Opens an agent's connection: joins with a ticket the first time, as a browser would after the web tier's redirect, and
    /// fetches the viewer's page; comes back with the cookie after that.
    pub async fn agent(&self, seat: &mut Seat) -> Result<Open, LinkError> {
        let what = "an agent's upgrade";
        let session = seat.resume.get().map(|resume| resume.session);
        let given = match (&self.dialect, session, &seat.view) {
            (Dialect::Cserver { tickets, .. }, Some(session), None) => Some(match tickets {
                Tickets::Signed(signer) => signer.agent(session, seat.serial),
                Tickets::WebTier(web) => web.view(session.key.as_str()).await?,
            }),
            _ => None,
        };
        let (link, mut inflow) = self.open(seat).await?;
        let Dialect::Cserver { .. } = &self.dialect else {
            let path = self.plain_path("sub", seat);
            http::upgrade(&link, &mut inflow, what, &path, &self.host, "").await?;
            self.greet(&link, &mut inflow).await?;
            return Ok((link, inflow));
        };
        let view = match (&seat.view, given) {
            (Some(view), _) => view.clone(),
            (None, Some(ticket)) => self.join(&link, &mut inflow, &ticket).await?,
            (None, None) => return Err(LinkError::Unexpected("an agent before its session began")),
        };
        let headers = format!(
            "Origin: https://{}\r\nCookie: {}\r\nSec-WebSocket-Protocol: {FRAMES_V1}, csrf.{}\r\n",
            self.host, view.cookie, view.csrf
        );
        let path = format!("/agent/{}", view.join);
        http::upgrade(&link, &mut inflow, what, &path, &self.host, &headers).await?;
        seat.view = Some(view);
        Ok((link, inflow))
    }

    fn plain_path(&self, role: &str, seat: &Seat) -> String {
        match self.dialect {
            Dialect::SocketIo => {
                format!("/socket.io/?EIO=4&transport=websocket&role={role}&id={}", seat.session)
            }
            _ => format!("/{role}/{}", seat.session),
        }
    }

    /// socket.io opens twice more within the WebSocket: its transport (0, by the server) and a namespace (40, by both).
    async fn greet(&self, link: &Rc<Link>, inflow: &mut Inflow) -> Result<(), LinkError> {
        if !matches!(self.dialect, Dialect::SocketIo) {
            return Ok(());
        }
        let expect = |body: &[u8], start: &[u8]| {
            let fits = body.starts_with(start);
            fits.then_some(()).ok_or(LinkError::Unexpected("the server does not speak socket.io 4"))
        };
        expect(&inflow.message(link).await?.1, b"0{")?;
        link.message(Opcode::Text, &[b"40"]);
        expect(&inflow.message(link).await?.1, b"40{")
    }

    /// Exchanges a ticket for a view.
    async fn join(
        &self,
        link: &Rc<Link>,
        inflow: &mut Inflow,
        ticket: &str,
    ) -> Result<View, LinkError> {
        let head = format!(
            "GET /join HTTP/1.1\r\nHost: {}\r\nCookie: cobrowse_ticket={ticket}\r\n",
            self.host
        );
        let joined = http::ask(link, inflow, &head, &[]).await?.expect("an agent's join", 303)?;
        let (join, cookie) = view_of(&joined)?;
        let head =
            format!("GET /view/{join} HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n", self.host);
        let page = http::ask(link, inflow, &head, &[]).await?.expect("the viewer's page", 200)?;
        let csrf = csrf_of(&page.text())
            .ok_or(LinkError::Unexpected("the viewer's page names no CSRF value"))?;
        Ok(View { join, cookie, csrf })
    }

    async fn open(&self, seat: &Seat) -> Result<Open, LinkError> {
        let door = Door {
            address: self.address,
            name: self.name.clone(),
            config: seat.config.clone(),
            receive_bytes: seat.stalls.then_some(STALLED_RECEIVE_BYTES),
            sinks: seat.sinks,
        };
        Link::open(&door, seat.serial / CONNECTIONS_PER_SOURCE_MAX as u32).await
    }
}

/// An event `d` whose only argument is the binary message that follows.
const SOCKET_IO_EVENT: &[u8] = br#"451-["d",{"_placeholder":true,"num":0}]"#;

/// Join id and cookie of a join's answer.
fn view_of(joined: &Answer) -> Result<(String, String), LinkError> {
    let join = joined
        .header("location")
        .and_then(|location| location.strip_prefix("/view/"))
        .ok_or(LinkError::Unexpected("the join leads to no view"))?;
    let prefix = format!("__Host-j-{join}=");
    let cookie = joined
        .all("set-cookie")
        .find(|cookie| cookie.starts_with(&prefix))
        .and_then(|cookie| cookie.split(';').next())
        .ok_or(LinkError::Unexpected("the join sets no cookie of its view"))?;
    Ok((join.to_owned(), cookie.to_owned()))
}

/// The value of the page's `cobrowse-csrf` meta element.
fn csrf_of(page: &str) -> Option<String> {
    let element = &page[page.find("name=\"cobrowse-csrf\"")?..];
    let value = &element[element.find("content=\"")? + "content=\"".len()..];
    Some(value[..value.find('"')?].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_read_from_the_join_and_its_page() {
        let joined = Answer {
            status: 303,
            headers: vec![
                ("location".into(), "/view/0011223344556677".into()),
                ("set-cookie".into(), "__Host-j-ffffffffffffffff=; Max-Age=0".into()),
                ("set-cookie".into(), "__Host-j-0011223344556677=abc; Secure; Path=/".into()),
            ],
            body: Vec::new(),
        };
        let (join, cookie) = view_of(&joined).unwrap();
        assert_eq!(join, "0011223344556677");
        assert_eq!(cookie, "__Host-j-0011223344556677=abc");
        let page =
            r#"<meta name="viewport" content="x"><meta name="cobrowse-csrf" content="Ab-9" />"#;
        assert_eq!(csrf_of(page).as_deref(), Some("Ab-9"));
        assert_eq!(csrf_of("<p>"), None);
    }
}
