//! An agent without a browser: logs in, opens sessions, follows redirects, keeps cookies, receives frames.

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use protocol::subprotocol::FRAMES_V1;
use protocol::{Flags, Header, Kind};
use serde_json::Value;

use crate::http::{Answer, Request, upgrade};
use crate::limits::WAIT_MAX;
use crate::net::Net;
use crate::socket::{Heard, Socket};
use crate::stack::Stack;
use crate::url::Url;
use crate::visitor::{Visitor, payload_json};

/// What stands for an agent's browser: its cookies.
#[derive(Clone, Debug)]
pub struct AgentBrowser {
    net: Net,
    web_url: String,
    cookies: Vec<Cookie>,
}

/// A viewer page that was opened.
#[derive(Clone, Debug)]
pub struct View {
    /// The browser, with the cookie of this join.
    pub browser: AgentBrowser,
    /// The page's address.
    pub url: Url,
    /// The join id in it.
    pub join: String,
    /// The page's CSRF value.
    pub csrf: String,
    /// The page itself.
    pub page: Answer,
}

/// A viewer with a live connection.
pub struct Agent {
    /// The page it runs on.
    pub view: View,
    /// First frame of the connection.
    pub joined: Value,
    /// Newest `participants`.
    pub participants: Value,
    /// Newest `visitor_state`.
    pub visitor_state: Value,
    /// How often frames were left out.
    pub skips: usize,
    /// Payloads of ephemeral frames, in order.
    pub ephemerals: Vec<Vec<u8>>,
    /// The connection.
    pub socket: Socket,
    page: Vec<Vec<u8>>,
    epoch: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Cookie {
    name: String,
    value: String,
    domain: String,
    is_host_only: bool,
    path: String,
}

impl AgentBrowser {
    /// A browser without cookies.
    pub fn new(stack: &Stack) -> Self {
        Self { net: stack.net().clone(), web_url: stack.web_url().to_owned(), cookies: Vec::new() }
    }

    /// A browser in which that account is logged in.
    pub fn login(stack: &Stack, name: &str) -> Result<Self> {
        Self::login_at(stack, 0, name)
    }

    /// The same at one of the web tiers.
    pub fn login_at(stack: &Stack, web: usize, name: &str) -> Result<Self> {
        let mut browser = Self { web_url: stack.web_url_at(web).to_owned(), ..Self::new(stack) };
        let account = stack.account(name);
        let answer = browser.log_in_as(&browser.login_url(), account.name, &account.password)?;
        ensure!(answer.status == 303, "login of {name}: {} {}", answer.status, answer.text());
        Ok(browser)
    }

    /// Fills the form of a login page and sends it.
    pub fn log_in_as(&mut self, url: &str, name: &str, password: &str) -> Result<Answer> {
        let page = self.send(Request::get(url)?)?;
        ensure!(page.status == 200, "login page: {}", page.status);
        let base = Url::parse(url)?;
        let form = Form::find(&page.text())?;
        let body = form.filled(name, password);
        let target = match form.action.as_str() {
            "" => base.clone(),
            action => base.join(action)?,
        };
        let url = format!("{}{}", target.origin(), target.path);
        let request = Request::post(&url, "application/x-www-form-urlencoded", body)?;
        self.send(request.header("Origin", &base.origin()))
    }

    /// The login page's address.
    pub fn login_url(&self) -> String {
        format!("{}/login", self.web_url)
    }

    /// The agent view's address for a key.
    pub fn agent_view_url(&self, key: &str) -> String {
        format!("{}/cobrowse/AgentView?SessionKey={key}", self.web_url)
    }

    /// Asks the agent view for a session; the answer as it is.
    pub fn look_up(&mut self, key: &str) -> Result<Answer> {
        let url = self.agent_view_url(key);
        self.send(Request::get(&url)?)
    }

    /// Opens a session to its viewer page: agent view, CServer's `/join`, `/view`.
    pub fn open(&mut self, key: &str) -> Result<View> {
        let answer = self.look_up(key)?;
        self.follow_to_view(&answer)
    }

    /// Follows the agent view's redirect.
    pub fn follow_to_view(&mut self, answer: &Answer) -> Result<View> {
        ensure!(answer.status == 303, "agent view: {} {}", answer.status, answer.text());
        let join_url = answer.header("location").context("303 without location")?.to_owned();
        let joined = self.send(Request::get(&join_url)?)?;
        ensure!(joined.status == 303, "join: {} {}", joined.status, joined.text());
        let base = Url::parse(&join_url)?;
        let url = base.join(joined.header("location").context("303 without location")?)?;
        let page = self.send(Request::get(&format!("{}{}", url.origin(), url.path))?)?;
        ensure!(page.status == 200, "view: {} {}", page.status, page.text());
        let join = url.path.rsplit('/').next().unwrap_or_default().to_owned();
        let csrf = meta(&page.text(), "csrf").context("the viewer page names no CSRF value")?;
        Ok(View { browser: self.clone(), url, join, csrf, page })
    }

    /// Sends a request with the cookies that belong to it, and keeps those that come back.
    pub fn send(&mut self, request: Request) -> Result<Answer> {
        let url = request.url().clone();
        let cookies = self.cookie_header(&url);
        let request = if cookies.is_empty() { request } else { request.header("Cookie", &cookies) };
        let answer = request.send(&self.net)?;
        for set in answer.all("set-cookie") {
            self.keep(&url, set);
        }
        Ok(answer)
    }

    /// The `Cookie` header for a request to that URL.
    pub fn cookie_header(&self, url: &Url) -> String {
        let fitting = self.cookies.iter().filter(|cookie| cookie.fits(url));
        fitting.map(|c| format!("{}={}", c.name, c.value)).collect::<Vec<_>>().join("; ")
    }

    /// The value of the first cookie whose name starts so.
    pub fn cookie(&self, prefix: &str) -> Option<&str> {
        let found = self.cookies.iter().find(|cookie| cookie.name.starts_with(prefix));
        found.map(|cookie| cookie.value.as_str())
    }

    /// Alters the values of all cookies whose name starts so.
    pub fn alter_cookies(&mut self, prefix: &str, alter: impl Fn(&str) -> String) {
        for cookie in self.cookies.iter_mut().filter(|cookie| cookie.name.starts_with(prefix)) {
            cookie.value = alter(&cookie.value);
        }
    }

    fn keep(&mut self, url: &Url, set: &str) {
        let mut parts = set.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            return;
        };
        let mut cookie = Cookie {
            name: name.into(),
            value: value.into(),
            domain: url.host.clone(),
            is_host_only: true,
            path: "/".into(),
        };
        let mut is_gone = false;
        for attribute in parts {
            let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            match key.to_ascii_lowercase().as_str() {
                "domain" => {
                    cookie.domain = value.trim_start_matches('.').to_ascii_lowercase();
                    cookie.is_host_only = false;
                }
                "path" => cookie.path = value.into(),
                "max-age" => is_gone = value.parse::<i64>().is_ok_and(|age| age <= 0),
                _ => {}
            }
        }
        self.cookies.retain(|old| {
            (&old.name, &old.domain, &old.path) != (&cookie.name, &cookie.domain, &cookie.path)
        });
        if !is_gone {
            self.cookies.push(cookie);
        }
    }
}

impl Cookie {
    fn fits(&self, url: &Url) -> bool {
        let is_below = url.host.ends_with(&format!(".{}", self.domain));
        let host = url.host == self.domain || (!self.is_host_only && is_below);
        let path = url.path_only();
        let under = self.path == "/"
            || path == self.path
            || path.starts_with(&format!("{}/", self.path.trim_end_matches('/')));
        host && under
    }
}

impl View {
    /// Opens the page's connection.
    pub fn connect(&self) -> Result<Agent> {
        match self.try_connect(&self.url.origin(), &self.csrf)? {
            Ok(socket) => Agent::begin(self.clone(), socket),
            Err(refused) => bail!("agent refused: {} {}", refused.status, refused.text()),
        }
    }

    /// The same with any origin and CSRF value; the answer when it is refused.
    pub fn try_connect(
        &self,
        origin: &str,
        csrf: &str,
    ) -> Result<std::result::Result<Socket, Answer>> {
        let request = Request::get(&self.socket_url())?
            .header("Origin", origin)
            .header("Cookie", &self.browser.cookie_header(&self.url));
        upgrade(&self.browser.net, request, &format!("{FRAMES_V1}, csrf.{csrf}"))
    }

    /// Where the page connects to.
    pub fn socket_url(&self) -> String {
        format!("{}/agent/{}", self.url.origin(), self.join)
    }

    /// What `GET /view/<join>/status` says.
    pub fn status(&mut self) -> Result<Answer> {
        let url = format!("{}{}/status", self.url.origin(), self.url.path);
        self.browser.send(Request::get(&url)?)
    }

    /// What the page's own address says now.
    pub fn reload(&mut self) -> Result<Answer> {
        let url = format!("{}{}", self.url.origin(), self.url.path);
        self.browser.send(Request::get(&url)?)
    }
}

impl Agent {
    /// Logs in, opens the session and connects.
    pub fn join(stack: &Stack, name: &str, key: &str) -> Result<Self> {
        Self::join_from(stack, 0, name, key)
    }

    /// The same through one of the web tiers.
    pub fn join_from(stack: &Stack, web: usize, name: &str, key: &str) -> Result<Self> {
        AgentBrowser::login_at(stack, web, name)?.open(key)?.connect()
    }

    fn begin(view: View, mut socket: Socket) -> Result<Self> {
        let (header, frame) = socket.frame()?;
        ensure!(header.kind == Kind::Joined, "the first frame is {:?}", header.kind);
        Ok(Self {
            view,
            joined: payload_json(&frame)?,
            participants: Value::Null,
            visitor_state: Value::Null,
            skips: 0,
            ephemerals: Vec::new(),
            socket,
            page: Vec::new(),
            epoch: 0,
        })
    }

    /// The reliable frames of the newest epoch, as they came.
    pub fn page(&self) -> &[Vec<u8>] {
        &self.page
    }

    /// Sends a frame of that kind.
    pub fn say(&mut self, kind: Kind, payload: &[u8]) -> Result<()> {
        let sequence = u32::try_from(self.page.len().saturating_sub(1))?;
        let header = Header { kind, flags: Flags::NONE, source: 0, epoch: self.epoch, sequence };
        self.socket.send_parts(header, payload)
    }

    /// Receives until its copy is, byte for byte, what the visitor has sent of its epoch.
    pub fn expect_copy_of(&mut self, visitor: &Visitor) -> Result<()> {
        let end = Instant::now() + WAIT_MAX;
        while self.page != visitor.sent() {
            if Instant::now() >= end || !self.hear_one()? {
                bail!(
                    "the agent has {} frames of epoch {}, the visitor sent {} of epoch {}",
                    self.page.len(),
                    self.epoch,
                    visitor.sent().len(),
                    visitor.epoch()
                );
            }
        }
        Ok(())
    }

    /// Receives until `is_so` holds of this agent.
    pub fn expect(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) -> Result<()> {
        let end = Instant::now() + WAIT_MAX;
        while !is_so(self) {
            if Instant::now() >= end || !self.hear_one()? {
                bail!(
                    "expected {what}; participants {}, visitor {}, {} frames of epoch {}",
                    self.participants,
                    self.visitor_state,
                    self.page.len(),
                    self.epoch
                );
            }
        }
        Ok(())
    }

    /// Takes in one message; false when none came in time.
    fn hear_one(&mut self) -> Result<bool> {
        let frame = match self.socket.hear(WAIT_MAX)? {
            Some(Heard::Frame(frame)) => frame,
            Some(other) => bail!("the agent's connection brought {other:?}"),
            None => return Ok(false),
        };
        let header = Header::decode(&frame)
            .map_err(|code| anyhow::anyhow!("the server sent a frame that is {code}"))?;
        match header.kind {
            Kind::Participants => self.participants = payload_json(&frame)?,
            Kind::VisitorState => self.visitor_state = payload_json(&frame)?,
            Kind::Skipped => {
                self.skips += 1;
                self.page.clear();
            }
            Kind::Ephemeral => {
                self.ephemerals.push(frame[protocol::limits::FRAME_HEADER_BYTES..].to_vec());
            }
            Kind::Facts | Kind::Keyframe | Kind::Diff => self.keep(header, frame)?,
            other => bail!("a {} frame came to an agent", other.name()),
        }
        Ok(true)
    }

    fn keep(&mut self, header: Header, frame: Vec<u8>) -> Result<()> {
        if header.sequence == 0 {
            ensure!(header.epoch > self.epoch, "epoch {} after {}", header.epoch, self.epoch);
            self.page.clear();
            self.epoch = header.epoch;
        }
        let at = usize::try_from(header.sequence)?;
        ensure!(
            header.epoch == self.epoch && at == self.page.len(),
            "frame {}/{} came where {}/{} was next",
            header.epoch,
            header.sequence,
            self.epoch,
            self.page.len()
        );
        self.page.push(frame);
        Ok(())
    }
}

/// The one form of a login page.
struct Form {
    action: String,
    fields: Vec<(String, String, String)>,
}

impl Form {
    fn find(page: &str) -> Result<Self> {
        let form = tags(page, "form").next().context("the login page has no form")?;
        let fields = tags(page, "input")
            .filter_map(|input| {
                let kind = attribute(input, "type").unwrap_or_else(|| "text".into());
                Some((
                    kind,
                    attribute(input, "name")?,
                    attribute(input, "value").unwrap_or_default(),
                ))
            })
            .collect();
        Ok(Self { action: attribute(form, "action").unwrap_or_default(), fields })
    }

    fn filled(&self, name: &str, password: &str) -> String {
        let value = |kind: &str, value: &str| match kind {
            "password" => encode(password),
            "hidden" => encode(value),
            _ => encode(name),
        };
        let pairs = self.fields.iter().filter(|(kind, ..)| kind != "submit");
        pairs
            .map(|(kind, field, v)| format!("{}={}", encode(field), value(kind, v)))
            .collect::<Vec<_>>()
            .join("&")
    }
}

/// The content of the `<meta>` whose name contains `word`.
pub(crate) fn meta(page: &str, word: &str) -> Option<String> {
    let found = tags(page, "meta")
        .find(|tag| attribute(tag, "name").is_some_and(|name| name.contains(word)));
    attribute(found?, "content")
}

fn tags<'a>(page: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let start = format!("<{name}");
    let starts: Vec<_> = page.match_indices(&start).map(|(at, _)| at).collect();
    starts.into_iter().filter_map(move |at| {
        let rest = &page[at + start.len()..];
        rest.starts_with(|c: char| c.is_whitespace() || c == '>').then(|| rest.split('>').next())?
    })
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.match_indices(name).find(|(at, _)| {
        let before = tag[..*at].chars().next_back();
        before.is_none_or(char::is_whitespace) && tag[at + name.len()..].starts_with("=\"")
    });
    let value = tag[start?.0 + name.len() + 2..].split('"').next()?;
    Some(
        value
            .replace("&amp;", "&")
            .replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">"),
    )
}

fn encode(text: &str) -> String {
    let safe = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes()
        .map(|b| if safe(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_filled_by_the_types_of_its_fields() {
        let page = r#"<form method="post" action="/login"><input type="hidden" name="csrf" value="a&amp;b">
            <input name="name"><input type="password" name="password"></form>"#;
        let form = Form::find(page).unwrap();
        assert_eq!(form.action, "/login");
        assert_eq!(form.filled("ada", "p w"), "csrf=a%26b&name=ada&password=p%20w");
    }

    #[test]
    fn a_cookie_goes_only_where_it_belongs() {
        let net = Net::trusting(std::path::Path::new("/dev/null")).unwrap();
        let mut browser =
            AgentBrowser { net, web_url: "https://www.a.example".into(), cookies: Vec::new() };
        let www = Url::parse("https://www.a.example/").unwrap();
        browser.keep(&www, "t=1; Domain=a.example; Path=/join; Max-Age=30; Secure");
        browser.keep(&www, "__Host-s=2; Path=/; Secure");
        let at = |url: &str| browser.cookie_header(&Url::parse(url).unwrap());
        assert_eq!(at("https://s1.a.example/join"), "t=1");
        assert_eq!(at("https://s1.a.example/joined"), "");
        assert_eq!(at("https://www.a.example/x"), "__Host-s=2");
        let mut later = browser.clone();
        later.keep(&www, "__Host-s=; Path=/; Max-Age=0");
        assert!(later.cookie("__Host-s").is_none() && browser.cookie("__Host-s") == Some("2"));
    }
}
