//! The web tier's JSON for visitors: start and continue. PROTOCOL.md section 7.2.

use serde::{Deserialize, Serialize};

use crate::settings::{Terms, Theme, VisitorSettings};

/// Body of `POST /api/v1/sessions`. Ids are plain text here so that a bad one is answered with a sentence.
///
/// ```
/// use cobrowse_protocol::start::StartRequest;
/// let request: StartRequest = serde_json::from_str(r#"{"group":"demo"}"#).unwrap();
/// assert_eq!((request.group.as_str(), request.key, request.accepted), ("demo", None, false));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartRequest {
    /// The group in which the session runs.
    pub group: String,
    /// A key that the page or the agent chose; made by the web tier when absent.
    #[serde(default)]
    pub key: Option<String>,
    /// Whether the visitor has accepted the group's terms. A group without any does not ask.
    #[serde(default)]
    pub accepted: bool,
}

/// Body of `POST /api/v1/sessions/continue`.
///
/// ```
/// use cobrowse_protocol::start::ContinueRequest;
/// let request: ContinueRequest = serde_json::from_str(r#"{"resume":"…"}"#).unwrap();
/// assert_eq!(request.unreachable, None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContinueRequest {
    /// Text form of `resume::Resume`.
    pub resume: String,
    /// Number of the home that the visitor has tried in vain, several times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreachable: Option<u32>,
}

/// Answer to both.
///
/// ```
/// use cobrowse_protocol::start::StartAnswer;
/// let answer = StartAnswer {
///     session: "demo:471113:000102030405060708090a0b0c0d0e0f".into(),
///     key: "471113".into(),
///     server: "wss://s1.example/visitor".into(),
///     status: "https://s1.example/visitor/status".into(),
///     ticket: "…".into(),
///     resume: "…".into(),
///     home: 1,
///     settings: Default::default(),
/// };
/// let json = serde_json::to_value(&answer).unwrap();
/// assert_eq!(json["settings"]["mask_default"], "passwords");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartAnswer {
    /// The session id.
    pub session: String,
    /// The session key, to be read out.
    pub key: String,
    /// Where to upload.
    pub server: String,
    /// Where to ask why an upgrade failed.
    pub status: String,
    /// The visitor's ticket.
    pub ticket: String,
    /// What the visitor comes back with.
    pub resume: String,
    /// Number of this home.
    pub home: u32,
    /// Mask rules and the like; without them nothing is sent.
    pub settings: VisitorSettings,
}

/// Answer to `GET /api/v1/page`: what a page has to know before a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageAnswer {
    /// What the visitor has to accept.
    pub terms: Option<Terms>,
    /// Look of the visitor's controls.
    pub theme: Theme,
    /// Origins of chat windows that may start and end sessions.
    pub chat_origins: Vec<String>,
    /// Origins that a session may cross to.
    pub origins: Vec<String>,
}

/// Body of `POST /api/v1/sessions/masks`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MasksReport {
    /// Text form of `resume::Resume`.
    pub resume: String,
    /// Selectors of the group's masks that the visitor's browser cannot read.
    pub unreadable: Vec<String>,
}

/// Body of `POST /api/v1/sessions/cross` and `POST /api/v1/sessions/frame`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrossRequest {
    /// Text form of `resume::Resume`.
    pub resume: String,
    /// Origin of the page that is gone to, or that stands in a frame.
    pub to: String,
}

/// Answer to both, and body of `POST /api/v1/sessions/arrive` and `POST /api/v1/sessions/framed`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crossing {
    /// Good once, for a minute, at that origin.
    pub code: String,
}

/// Answer to `POST /api/v1/sessions/arrive`: the session as it runs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// The session id.
    pub session: String,
    /// Where to upload.
    pub server: String,
    /// Where to ask why an upgrade failed.
    pub status: String,
    /// What the visitor comes back with.
    pub resume: String,
    /// Number of this home.
    pub home: u32,
}

/// Answer to `POST /api/v1/sessions/framed`: what a frame's own script masks by, and for whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FramedAnswer {
    /// The session's group.
    pub group: String,
    /// Origin of the page that has the session and asked for the code: the only one that the frame shows itself to.
    pub parent: String,
    /// Mask rules and the like; without them nothing is shown.
    pub settings: VisitorSettings,
}

/// Body of `POST /api/v1/presence`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceRequest {
    /// The first group of the page's tag.
    pub group: String,
    /// The visitor's id on the customer's site; of the form of a session key.
    pub visitor: String,
}

/// Answer to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceAnswer {
    /// Where to say that the page is there.
    pub server: String,
    /// With what.
    pub ticket: String,
}

/// Every error of the web tier's and the CServer's JSON endpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// A name to branch on.
    pub error: String,
    /// What happened and what to do, for a person.
    pub message: String,
}
