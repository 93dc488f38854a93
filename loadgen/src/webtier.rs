//! The web tier as browsers meet it: a visitor's page starts a session, an agent logs in and opens a view.
//!
//! With it a run takes the way of real visitors and agents, and needs no certificate of the control CA. The web tier gives each address so many
//! starts a minute; so starts come from several addresses of 127.0.0.0/8.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use protocol::resume::Resume;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::http::{self, Answer};
use crate::limits::{STARTS_PER_SOURCE_MAX, VIEW_TRIES_MAX};
use crate::link::{Door, Link, LinkError};
use crate::tls::{KeyExchange, public_config};

/// Where it is and who goes in.
#[derive(Clone, Debug, clap::Args)]
pub struct Access {
    /// Its address. With it everybody starts and joins through the web tier, and no `--control` is needed.
    #[arg(long, requires_all = ["web_host", "web_ca", "group", "origin", "agent", "agent_password_file"])]
    pub web_address: Option<SocketAddr>,
    /// Host and port of its `public_url`.
    #[arg(long)]
    pub web_host: Option<String>,
    /// CA of its public certificate.
    #[arg(long, value_name = "FILE")]
    pub web_ca: Option<PathBuf>,
    /// Group of the sessions.
    #[arg(long)]
    pub group: Option<String>,
    /// Origin of the visitors' pages: one of the group's.
    #[arg(long)]
    pub origin: Option<String>,
    /// Name of the account with which agents log in.
    #[arg(long)]
    pub agent: Option<String>,
    /// File with its password.
    #[arg(long, value_name = "FILE")]
    pub agent_password_file: Option<PathBuf>,
}

/// The web tier of a run, shared by its threads.
#[derive(Clone)]
pub struct WebTier {
    door: Door,
    host: String,
    group: String,
    /// Of the visitors' pages.
    pub origin: String,
    account: (String, String),
    /// Cookie of the one login: agents of a load test are one account in many windows.
    login: Arc<OnceCell<String>>,
}

impl Access {
    /// The web tier, if one was named.
    pub fn open(&self, key_exchange: KeyExchange) -> anyhow::Result<Option<WebTier>> {
        let Some(address) = self.web_address else { return Ok(None) };
        let (Some(host), Some(ca), Some(group), Some(origin), Some(agent), Some(file)) = (
            self.web_host.clone(),
            &self.web_ca,
            self.group.clone(),
            self.origin.clone(),
            self.agent.clone(),
            &self.agent_password_file,
        ) else {
            anyhow::bail!(
                "--web-address needs --web-host, --web-ca, --group, --origin, --agent and --agent-password-file"
            );
        };
        let password = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))?
            .trim_end()
            .to_owned();
        ensure!(!password.is_empty(), "{} is empty", file.display());
        let name = host.split(':').next().unwrap_or_default().to_owned();
        let name = name.try_into().with_context(|| format!("--web-host {host:?} is no host"))?;
        let config = Arc::new(public_config(ca, key_exchange, false)?);
        let door = Door { address, name, config, receive_bytes: None, sinks: false };
        let login = Arc::new(OnceCell::new());
        Ok(Some(WebTier { door, host, group, origin, account: (agent, password), login }))
    }
}

impl WebTier {
    /// Starts a session: what it is and the ticket that opens it.
    pub async fn start(&self, serial: u32) -> Result<(Resume, String), LinkError> {
        let body = serde_json::json!({ "group": self.group, "key": null }).to_string();
        let head = format!(
            "POST /api/v1/sessions HTTP/1.1\r\nHost: {}\r\nOrigin: {}\r\nContent-Type: application/json\r\n",
            self.host, self.origin
        );
        let answer = self.ask(serial / STARTS_PER_SOURCE_MAX, &head, body.as_bytes()).await?;
        let answer = answer.expect("the start of a session", 201)?;
        let started: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let text = |name: &str| started[name].as_str();
        text("resume")
            .and_then(Resume::from_text)
            .zip(text("ticket").map(str::to_owned))
            .ok_or(LinkError::Unexpected("the web tier's answer has no resume token and ticket"))
    }

    /// An agent opens the view of a session: its ticket. A session that its server has not reported yet is asked for again.
    pub async fn view(&self, key: &str) -> Result<String, LinkError> {
        let cookie = self.login.get_or_try_init(|| self.log_in()).await?;
        let head = format!(
            "GET /cobrowse/AgentView?SessionKey={key} HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n",
            self.host
        );
        let mut answer = self.ask(0, &head, &[]).await?;
        for _ in 0..VIEW_TRIES_MAX {
            if answer.status == 303 {
                break;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
            answer = self.ask(0, &head, &[]).await?;
        }
        let answer = answer.expect("an agent's view at the web tier", 303)?;
        cookie_of(&answer, "cobrowse_ticket=")
            .and_then(|cookie| cookie.split_once('=').map(|(_, ticket)| ticket.to_owned()))
            .ok_or(LinkError::Unexpected("the web tier sends the agent on without a ticket"))
    }

    async fn log_in(&self) -> Result<String, LinkError> {
        let head = format!("GET /login HTTP/1.1\r\nHost: {}\r\n", self.host);
        let form = self.ask(0, &head, &[]).await?.expect("the login's form", 200)?;
        let cookie = cookie_of(&form, "__Host-form=")
            .ok_or(LinkError::Unexpected("the login's form sets no cookie"))?;
        let csrf = field_of(&form.text(), "csrf")
            .ok_or(LinkError::Unexpected("the login's form has no CSRF value"))?;
        let (name, password) = &self.account;
        let body = format!(
            "csrf={}&next=%2F&name={}&password={}",
            encoded(&csrf),
            encoded(name),
            encoded(password)
        );
        let head = format!(
            "POST /login HTTP/1.1\r\nHost: {0}\r\nOrigin: https://{0}\r\nCookie: {cookie}\r\nContent-Type: application/x-www-form-urlencoded\r\n",
            self.host
        );
        let answer = self.ask(0, &head, body.as_bytes()).await?.expect("the login", 303)?;
        cookie_of(&answer, "__Host-session=")
            .ok_or(LinkError::Unexpected("the login sets no cookie"))
    }

    async fn ask(&self, source: u32, head: &str, body: &[u8]) -> Result<Answer, LinkError> {
        let (link, mut inflow): (Rc<Link>, _) = Link::open(&self.door, source).await?;
        let answer = http::ask(&link, &mut inflow, head, body).await;
        link.cut();
        answer
    }
}

/// Name and value of the cookie that an answer sets.
fn cookie_of(answer: &Answer, name: &str) -> Option<String> {
    let cookie = answer.all("set-cookie").find(|cookie| cookie.starts_with(name))?;
    cookie.split(';').next().map(str::to_owned)
}

/// The value of a form's hidden field.
fn field_of(page: &str, name: &str) -> Option<String> {
    let from = format!("name=\"{name}\" value=\"");
    let value = &page[page.find(&from)? + from.len()..];
    Some(value[..value.find('"')?].to_owned())
}

/// A value as forms encode it.
fn encoded(value: &str) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            out += &format!("%{byte:02X}");
        }
    }
    out
}

/// Until its server has reported a session.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_and_answered_as_a_browser_does() {
        let page = r#"<form><input type="hidden" name="csrf" value="a-b_"><input name="next">"#;
        assert_eq!(field_of(page, "csrf").as_deref(), Some("a-b_"));
        assert_eq!(field_of(page, "none"), None);
        assert_eq!(encoded("Ada 1/ü"), "Ada%201%2F%C3%BC");
        let headers = vec![("set-cookie".to_owned(), "__Host-form=x1; Path=/".to_owned())];
        let answer = Answer { status: 200, headers, body: Vec::new() };
        assert_eq!(cookie_of(&answer, "__Host-form=").as_deref(), Some("__Host-form=x1"));
    }
}
