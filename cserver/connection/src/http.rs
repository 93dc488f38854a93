//! HTTP/1.1 as far as a CServer needs it: the head of a request in, a whole response out.
//!
//! httparse splits the head; what may stand in it is decided here, strictly, because nothing that a browser sends
//! needs leniency: no `Transfer-Encoding`, no bare line feeds, no header twice that counts once.
//! Which path exists is the business of the shard's routes.

use protocol::close::CloseCode;
use protocol::limits::{HTTP_HEAD_BYTES_MAX, POST_BODY_BYTES_MAX, STATUS_BODY_BYTES_MAX};

/// One request, with the headers that some route reads. Others are dropped unread.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path without the query.
    pub path: String,
    /// The `Host` header, in lower case.
    pub host: String,
    /// The `Origin` header.
    pub origin: Option<String>,
    /// The `Cookie` header; several are joined, as HTTP/2 gateways split them.
    pub cookie: String,
    /// The WebSocket handshake, when the request asks for one.
    pub websocket: Option<WebSocketOffer>,
    /// The body; empty unless the method is POST.
    pub body: Vec<u8>,
    /// Whether the client wants the connection closed after the answer.
    pub close: bool,
    /// Whether a person reads the answer: `Accept` names HTML.
    pub wants_page: bool,
    /// The answer becomes a frame's content: `Sec-Fetch-Dest` says so, which no script can set.
    pub framed: Option<Around>,
}

/// The page that a frame's content is asked for by, as `Sec-Fetch-Site` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Around {
    /// It belongs to the same site as this server: browsers may give both one process.
    SameSite,
    /// To another one.
    OtherSite,
}

/// Methods that some route answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    #[default]
    Get,
    /// Carries a body.
    Post,
    /// Anything else; no route takes it.
    Other,
}

/// A well-formed wish to become a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSocketOffer {
    /// `Sec-WebSocket-Accept` for it.
    pub accept: String,
    /// The `Sec-WebSocket-Protocol` header.
    pub protocols: String,
}

impl Request {
    /// The value of the cookie of that name; `None` when it is missing or stands there twice, which a browser
    /// does only when somebody tossed one from another host.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let mut found = self.cookies().filter(|(known, _)| *known == name);
        let (_, value) = found.next()?;
        found.next().is_none().then_some(value)
    }

    /// All cookies, in the order of the header.
    pub fn cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        self.cookie.split(';').filter_map(|pair| pair.trim().split_once('='))
    }
}

/// Why a request is not one. The connection is closed after the answer, since where the next one begins is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestFault {
    /// Not HTTP/1.1 as section 7.1 of PROTOCOL.md wants it.
    #[error("not a request: {0}")]
    Malformed(&'static str),
    /// The head is longer than its limit.
    #[error("a head of more than {HTTP_HEAD_BYTES_MAX} bytes or {HEADERS_MAX} headers")]
    HeadTooLong,
    /// The body is longer than its limit.
    #[error("a body of more than {0} bytes")]
    BodyTooLong(usize),
}

impl RequestFault {
    /// The code that the answer names.
    pub fn code(self) -> CloseCode {
        match self {
            Self::Malformed(_) => CloseCode::BadFrame,
            Self::HeadTooLong => CloseCode::HeadTooLong,
            Self::BodyTooLong(_) => CloseCode::TooLong,
        }
    }
}

/// What stands at the front of the bytes.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// A request of so many bytes.
    Request(Box<Request>, usize),
    /// The beginning of one. With fewer bytes than these it cannot be more.
    More(usize),
}

/// Reads one request from the front of `plain`.
pub(crate) fn parse(plain: &[u8]) -> Result<Parsed, RequestFault> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut headers);
    let head_bytes = match head.parse(plain) {
        Ok(httparse::Status::Complete(bytes)) if bytes <= HTTP_HEAD_BYTES_MAX => bytes,
        Ok(httparse::Status::Partial) if plain.len() <= HTTP_HEAD_BYTES_MAX => {
            return Ok(Parsed::More(plain.len() + 1));
        }
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(RequestFault::HeadTooLong),
        Err(_) => return Err(RequestFault::Malformed("the head does not parse")),
    };
    if has_bare_line_feed(&plain[..head_bytes]) {
        return Err(RequestFault::Malformed("a line that ends without a carriage return"));
    }
    if head.version != Some(1) {
        return Err(RequestFault::Malformed("a version other than HTTP/1.1"));
    }
    let target = head.path.unwrap_or_default();
    if !target.starts_with('/') {
        return Err(RequestFault::Malformed("a target that is not a path"));
    }
    let method = match head.method {
        Some("GET") => Method::Get,
        Some("POST") => Method::Post,
        _ => Method::Other,
    };
    let path = target.split(['?', '#']).next().unwrap_or_default().to_owned();
    let fields = Fields::read(head.headers)?;
    let (body_bytes, body_bytes_max) = (fields.content_length, body_bytes_max(&path));
    if body_bytes > body_bytes_max {
        return Err(RequestFault::BodyTooLong(body_bytes_max));
    }
    if body_bytes > 0 && method != Method::Post {
        return Err(RequestFault::Malformed("a body on a request that has none"));
    }
    let bytes = head_bytes + body_bytes;
    let Some(body) = plain.get(head_bytes..bytes) else { return Ok(Parsed::More(bytes)) };
    let framed = fields.framed();
    let request = Request {
        method,
        path,
        host: fields.host.ok_or(RequestFault::Malformed("no Host"))?.to_ascii_lowercase(),
        origin: fields.origin.map(str::to_owned),
        cookie: fields.cookie,
        websocket: fields.upgrade.offer(method)?,
        body: body.to_vec(),
        close: fields.close,
        wants_page: fields.wants_page,
        framed,
    };
    Ok(Parsed::Request(Box::new(request), bytes))
}

/// The longest body on a path: frames travel on one kind of path, elsewhere stands at most a credential.
fn body_bytes_max(path: &str) -> usize {
    if path.ends_with(FRAMES_ENDING) { POST_BODY_BYTES_MAX } else { STATUS_BODY_BYTES_MAX }
}

/// The headers that count, each at most once.
#[derive(Default)]
struct Fields<'a> {
    host: Option<&'a str>,
    origin: Option<&'a str>,
    cookie: String,
    content_length: usize,
    has_content_length: bool,
    close: bool,
    wants_page: bool,
    fetch_dest: Option<&'a str>,
    fetch_site: Option<&'a str>,
    upgrade: Upgrade<'a>,
}

#[derive(Default)]
struct Upgrade<'a> {
    connection: bool,
    websocket: bool,
    version: Option<&'a str>,
    key: Option<&'a str>,
    protocols: String,
}

impl<'a> Fields<'a> {
    fn read(headers: &[httparse::Header<'a>]) -> Result<Self, RequestFault> {
        let mut fields = Self::default();
        for header in headers {
            let name = header.name;
            let value = || {
                core::str::from_utf8(header.value)
                    .map(str::trim)
                    .map_err(|_| RequestFault::Malformed("a header that is not text"))
            };
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            if is("host") {
                once(&mut fields.host, value()?)?;
            } else if is("origin") {
                once(&mut fields.origin, value()?)?;
            } else if is("accept") {
                fields.wants_page |= header.value.starts_with(b"text/html");
            } else if is("sec-fetch-dest") {
                once(&mut fields.fetch_dest, value()?)?;
            } else if is("sec-fetch-site") {
                once(&mut fields.fetch_site, value()?)?;
            } else if is("cookie") {
                if !fields.cookie.is_empty() {
                    fields.cookie.push_str("; ");
                }
                fields.cookie.push_str(value()?);
            } else if is("content-length") {
                if core::mem::replace(&mut fields.has_content_length, true) {
                    return Err(TWICE);
                }
                fields.content_length = content_length(value()?)?;
            } else if is("transfer-encoding") {
                return Err(RequestFault::Malformed("Transfer-Encoding is not taken"));
            } else if is("connection") {
                for token in value()?.split(',').map(str::trim) {
                    fields.close |= token.eq_ignore_ascii_case("close");
                    fields.upgrade.connection |= token.eq_ignore_ascii_case("upgrade");
                }
            } else if is("upgrade") {
                fields.upgrade.websocket |= value()?.eq_ignore_ascii_case("websocket");
            } else if is("sec-websocket-version") {
                once(&mut fields.upgrade.version, value()?)?;
            } else if is("sec-websocket-key") {
                once(&mut fields.upgrade.key, value()?)?;
            } else if is("sec-websocket-protocol") {
                if !fields.upgrade.protocols.is_empty() {
                    fields.upgrade.protocols.push(',');
                }
                fields.upgrade.protocols.push_str(value()?);
            }
        }
        Ok(fields)
    }

    fn framed(&self) -> Option<Around> {
        self.fetch_dest.filter(|for_| *for_ == "iframe")?;
        Some(match self.fetch_site {
            Some("same-site" | "same-origin") => Around::SameSite,
            _ => Around::OtherSite,
        })
    }
}

impl Upgrade<'_> {
    /// RFC 6455, section 4.2.1.
    fn offer(self, method: Method) -> Result<Option<WebSocketOffer>, RequestFault> {
        if !self.websocket {
            return Ok(None);
        }
        let key_fits = |key: &&str| {
            key.len() == 24
                && key.ends_with("==")
                && key[..22].bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
        };
        match self.key.filter(key_fits) {
            Some(key) if method == Method::Get && self.connection && self.version == Some("13") => {
                Ok(Some(WebSocketOffer {
                    accept: tungstenite::handshake::derive_accept_key(key.as_bytes()),
                    protocols: self.protocols,
                }))
            }
            _ => Err(RequestFault::Malformed("a WebSocket handshake that is not of RFC 6455")),
        }
    }
}

fn once<'a>(field: &mut Option<&'a str>, value: &'a str) -> Result<(), RequestFault> {
    if field.replace(value).is_some() { Err(TWICE) } else { Ok(()) }
}

/// Digits only: no sign, no list, no white space inside.
fn content_length(text: &str) -> Result<usize, RequestFault> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(RequestFault::Malformed("a Content-Length that is not a number"));
    }
    // Too many digits for a number are too many bytes for a body.
    Ok(text.parse().unwrap_or(usize::MAX))
}

fn has_bare_line_feed(head: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', head).any(|at| at == 0 || head[at - 1] != b'\r')
}

/// A whole response. Every one carries the headers of [`Response::new`]; routes add their own.
#[derive(Clone, Debug)]
pub struct Response {
    status: u16,
    head: String,
    body: Vec<u8>,
    close: bool,
}

impl Response {
    /// An empty response that no cache keeps.
    pub fn new(status: u16) -> Self {
        Self { status, head: String::new(), body: Vec::new(), close: false }
            .header("X-Content-Type-Options", "nosniff")
            .header("Referrer-Policy", "no-referrer")
    }

    /// The JSON error body of PROTOCOL.md section 5.
    pub fn error(code: CloseCode) -> Self {
        // Names and advice are our own words: neither has a character that JSON escapes.
        let body = format!(r#"{{"error":"{}","message":"{}"}}"#, code.name(), code.advice());
        Self::new(code.status())
            .header("Cache-Control", "no-store")
            .content("application/json", body.into_bytes())
    }

    /// Adds a header. A value with a control character would begin another header: it is a fault of ours.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        assert!(!value.bytes().any(|b| b < b' ' || b == 127), "control character in header {name}");
        self.head.push_str(name);
        self.head.push_str(": ");
        self.head.push_str(value);
        self.head.push_str("\r\n");
        self
    }

    /// Sets the body.
    pub fn content(mut self, content_type: &str, body: Vec<u8>) -> Self {
        self = self.header("Content-Type", content_type);
        self.body = body;
        self
    }

    /// Says that the connection ends after this answer.
    pub fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    pub(crate) fn closes(&self) -> bool {
        self.close
    }

    pub(crate) fn encode(&self, is_secure: bool) -> Vec<u8> {
        let length = format!("Content-Length: {}\r\n", self.body.len());
        let mut bytes = self.encode_head(&length, is_secure);
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// The head of a response whose body goes on until the connection ends. Over TLS it binds its host to TLS, which the host
    /// of plain HTTP must not be.
    pub(crate) fn encode_head(&self, length: &str, is_secure: bool) -> Vec<u8> {
        let close = if self.close { "Connection: close\r\n" } else { "" };
        let binds = if is_secure { "Strict-Transport-Security: max-age=63072000\r\n" } else { "" };
        let (status, reason, head) = (self.status, reason(self.status), &self.head);
        format!("HTTP/1.1 {status} {reason}\r\n{binds}{head}{close}{length}\r\n").into_bytes()
    }
}

/// The answer that makes a connection a WebSocket.
pub(crate) fn upgrade_response(offer: &WebSocketOffer, subprotocol: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: {subprotocol}\r\n\r\n",
        offer.accept
    )
    .into_bytes()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        303 => "See Other",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Status",
    }
}

const TWICE: RequestFault = RequestFault::Malformed("a header twice that may stand there once");

/// Browsers send about twenty.
const HEADERS_MAX: usize = 64;

/// How paths end on which frames are posted.
const FRAMES_ENDING: &str = "/frames";

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> RequestFault {
        parse(text.as_bytes()).unwrap_err()
    }

    fn whole(text: &str) -> (Request, usize) {
        match parse(text.as_bytes()).unwrap() {
            Parsed::Request(request, used) => (*request, used),
            Parsed::More(needed) => panic!("{needed} bytes are wanted"),
        }
    }

    #[test]
    fn a_request_is_found_however_much_has_come() {
        let text = "POST /visitor/status?x=1 HTTP/1.1\r\nHost: S1.Example:443\r\nCookie: a=1; b=2\r\nContent-Length: 3\r\n\r\nabcGET";
        let end = text.len() - 3;
        for cut in 0..end {
            let parsed = parse(&text.as_bytes()[..cut]).unwrap();
            let Parsed::More(needed) = parsed else { panic!("{cut}: {parsed:?}") };
            assert!(cut < needed && needed <= end, "{cut}: {needed}");
        }
        let (request, used) = whole(text);
        assert_eq!((used, request.method, &*request.path), (end, Method::Post, "/visitor/status"));
        assert_eq!((&*request.host, &*request.body), ("s1.example:443", &b"abc"[..]));
        assert_eq!(request.cookie("b"), Some("2"));
    }

    #[test]
    fn what_becomes_a_frames_content_says_so_once_and_of_which_site_its_page_is() {
        let framed = |more: &str| {
            whole(&format!("GET / HTTP/1.1\r\nHost: s1.example\r\n{more}\r\n")).0.framed
        };
        let (frame, site) = ("Sec-Fetch-Dest: iframe\r\n", "Sec-Fetch-Site: ");
        assert_eq!(framed(""), None);
        assert_eq!(framed("Sec-Fetch-Dest: document\r\nSec-Fetch-Site: same-site\r\n"), None);
        assert_eq!(framed(frame), Some(Around::OtherSite));
        assert_eq!(framed(&format!("{frame}{site}cross-site\r\n")), Some(Around::OtherSite));
        assert_eq!(framed(&format!("{frame}{site}same-site\r\n")), Some(Around::SameSite));
        let twice = format!("GET / HTTP/1.1\r\nHost: s1.example\r\n{frame}{frame}\r\n");
        assert_eq!(fault(&twice), TWICE);
    }

    #[test]
    fn a_cookie_that_stands_there_twice_is_none() {
        let request = Request { cookie: "t=1; x=2; t=3".into(), ..Default::default() };
        assert_eq!((request.cookie("t"), request.cookie("x")), (None, Some("2")));
    }

    #[test]
    fn shapes_that_smuggle_are_refused() {
        for text in [
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\nHost: a\n\n",
            "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
            "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\nabcd",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4, 4\r\n\r\nabcd",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n X: folded\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX\u{0}: b\r\n\r\n",
            "\u{16}\u{3}\u{1}",
        ] {
            assert!(matches!(fault(text), RequestFault::Malformed(_)), "{text:?}");
        }
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(17_000));
        assert_eq!(fault(&long), RequestFault::HeadTooLong);
        assert_eq!(fault(&long[..16_500]), RequestFault::HeadTooLong);
        let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(64));
        assert_eq!(fault(&many), RequestFault::HeadTooLong);
        for (path, length, max) in [
            ("/", "1025", 1024),
            ("/", "99999999999999999999999", 1024),
            ("/visitor/frames/", "1025", 1024),
            ("/visitor/frames", "65537", 65_536),
        ] {
            let text =
                format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
            assert_eq!(fault(&text), RequestFault::BodyTooLong(max));
        }
        let text = "POST /visitor/frames HTTP/1.1\r\nHost: a\r\nContent-Length: 65536\r\n\r\n";
        let needed = text.len() + 65_536;
        assert!(matches!(parse(text.as_bytes()), Ok(Parsed::More(more)) if more == needed));
    }

    #[test]
    fn only_a_handshake_of_the_rfc_is_an_offer() {
        let good = "GET /v HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: a, b\r\n\r\n";
        let (request, _) = whole(good);
        let offer = request.websocket.unwrap();
        assert_eq!(offer.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(offer.protocols, "a, b");
        for (from, to) in [
            ("Version: 13", "Version: 8"),
            ("Connection: keep-alive, Upgrade", "Connection: keep-alive"),
            ("dGhlIHNhbXBsZSBub25jZQ==", "dGhl"),
            ("GET", "POST"),
        ] {
            assert!(matches!(fault(&good.replace(from, to)), RequestFault::Malformed(_)), "{to}");
        }
    }

    #[test]
    fn an_error_body_is_json_for_every_code() {
        for code in CloseCode::ALL {
            let response = Response::error(code);
            let text = String::from_utf8(response.encode(true)).unwrap();
            assert!(text.starts_with(&format!("HTTP/1.1 {} ", code.status())));
            assert!(!reason(code.status()).eq("Status"), "{}", code.status());
            assert!(!code.advice().contains(['"', '\\']));
        }
    }

    #[test]
    #[should_panic(expected = "control character")]
    fn a_header_cannot_begin_another() {
        let _ = Response::new(200).header("X", "a\r\nY: b");
    }
}
