//! Every request of PROTOCOL.md section 7.2 and every error, on the router itself.

use std::net::SocketAddr;

use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Method, Request};
use protocol::control::ReportEvent;
use protocol::resume::Resume;
use protocol::start::StartAnswer;
use protocol::{Privileges, Subject};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::cookies;
use crate::limits::*;
use crate::testing::{OTHER, PASSWORD, SHOP, US, World, demo};

mod account;
mod agents;
mod applications;
mod around;
mod logins;
mod origins;
mod visitors;

/// An answer, read to its end.
struct Got {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }

    fn error(&self) -> (u16, String) {
        (self.status, self.json()["error"].as_str().unwrap().to_owned())
    }

    /// The value of a cookie that was set.
    fn cookie(&self, name: &str) -> Option<String> {
        let set = self.headers.get_all(header::SET_COOKIE).iter();
        let mut set =
            set.filter_map(|cookie| cookie.to_str().unwrap().split(';').next()?.split_once('='));
        set.find(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
    }

    fn started(&self) -> StartAnswer {
        assert!(matches!(self.status, 200 | 201), "{} {}", self.status, self.body);
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A request in the making.
struct Ask<'a> {
    world: &'a World,
    builder: axum::http::request::Builder,
    peer: &'static str,
    body: String,
}

fn ask<'a>(world: &'a World, method: Method, path: &str) -> Ask<'a> {
    let builder = Request::builder().method(method).uri(path);
    Ask { world, builder, peer: "192.0.2.1:1", body: String::new() }
}

fn get<'a>(world: &'a World, path: &str) -> Ask<'a> {
    ask(world, Method::GET, path)
}

fn post<'a>(world: &'a World, path: &str, body: impl ToString) -> Ask<'a> {
    Ask { body: body.to_string(), ..ask(world, Method::POST, path) }
}

impl Ask<'_> {
    fn with(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    fn from(mut self, peer: &'static str) -> Self {
        self.peer = peer;
        self
    }

    async fn got(self) -> Got {
        let peer: SocketAddr = self.peer.parse().unwrap();
        let request =
            self.builder.extension(ConnectInfo(peer)).body(Body::from(self.body)).unwrap();
        let answer = router(self.world.app.clone()).oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = to_bytes(body, 1024 * 1024).await.unwrap();
        Got {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }
}

async fn start(world: &World, body: Value) -> Got {
    post(world, "/api/v1/sessions", body).with("origin", SHOP).got().await
}

async fn go_on(world: &World, resume: &str) -> Got {
    let body = json!({ "resume": resume });
    post(world, "/api/v1/sessions/continue", body).with("origin", SHOP).got().await
}

/// A live session of group `demo`.
async fn live(world: &World, key: &str) -> StartAnswer {
    let answer = start(world, json!({"group": "demo", "key": key})).await.started();
    let name = answer.server[6..8].to_owned();
    world.report(&name, &answer.session, ReportEvent::SessionStarted { home: 1 });
    answer
}

async fn log_in(world: &World, name: &str, password: &str) -> Got {
    log_in_with(world, name, password, "").await
}

/// The same in a browser that has another cookie besides.
async fn log_in_with(world: &World, name: &str, password: &str, more: &str) -> Got {
    let form = get(world, "/login").got().await;
    let cookie = form.cookie(cookies::FORM).unwrap();
    let csrf = hidden(&form.body, "csrf");
    let body = format!("name={name}&password={}&next=%2F&csrf={csrf}", password.replace(' ', "+"));
    sent_form(world, "/login", &body, &format!("{more}; {}={cookie}", cookies::FORM), US).await
}

async fn sent_form(world: &World, path: &str, body: &str, cookie: &str, origin: &str) -> Got {
    post(world, path, body)
        .with("content-type", "application/x-www-form-urlencoded")
        .with("cookie", cookie)
        .with("origin", origin)
        .got()
        .await
}

/// Ada's session cookie.
async fn ada(world: &World) -> String {
    let got = log_in(world, "ada", PASSWORD).await;
    assert_eq!(got.status, 303, "{}", got.body);
    format!("{}={}", cookies::SESSION, got.cookie(cookies::SESSION).unwrap())
}

async fn view(world: &World, cookie: &str, query: &str) -> Got {
    get(world, &format!("/cobrowse/AgentView?{query}")).with("cookie", cookie).got().await
}

/// The value of a form's hidden field.
fn hidden(page: &str, name: &str) -> String {
    let at = page.find(&format!("name=\"{name}\" value=\"")).unwrap() + name.len() + 15;
    page[at..].split('"').next().unwrap().to_owned()
}

/// Where an agent joins, without what keeps its windows apart.
fn join_of(got: &Got) -> &str {
    location(got).rsplit_once('/').unwrap().0
}

fn location(got: &Got) -> &str {
    got.header("location").unwrap()
}
