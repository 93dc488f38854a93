//! Frames where WebSockets are blocked: one streamed answer for what goes to a browser, posts for what comes from it.
//!
//! A stream is a connection like a WebSocket in everything but how its peer speaks: the relay, the timers and the flush make no
//! difference. Owns the requests of PROTOCOL.md section 3.5 and the order of posts; credentials are verified as for an upgrade.

use bytes::Bytes;
use connection::{Request, Response, WebSocketOffer};
use protocol::posts::Post;
use protocol::subprotocol::{Credential, FRAMES_V1};
use protocol::{ChannelId, CloseCode};
use relay::LinkId;

use super::errands::{Errand, ViewPart, live};
use super::routes::{self, Route, cors};
use super::slot::Role;
use super::{Now, Shard, get};
use crate::credentials::Scheme;
use crate::shared::Shared;

/// How a connection that carries frames begins.
pub(super) enum Opening {
    /// It becomes a WebSocket.
    Upgrade(WebSocketOffer),
    /// It becomes a stream. A page of that origin may read it.
    Stream { channel: ChannelId, origin: Option<String> },
}

/// A post whose credential was verified.
pub(super) struct Posted {
    channel: ChannelId,
    number: u32,
    frames: Vec<Bytes>,
}

/// What a stream's connection knows of its posts.
pub(super) struct Lane {
    channel: ChannelId,
    /// Number of the last post that was taken.
    taken: u32,
}

impl Opening {
    /// Whose page reads what is answered.
    pub(super) fn origin(&self) -> Option<String> {
        match self {
            Self::Upgrade(_) => None,
            Self::Stream { origin, .. } => origin.clone(),
        }
    }
}

/// `POST /visitor/stream`
pub(super) fn visitor_stream(
    shared: &Shared,
    now: Now,
    request: &Request,
) -> Result<Route, CloseCode> {
    let (credential, channel) = stream(&request.body)?;
    let opening = Opening::Stream { channel, origin: request.origin.clone() };
    routes::visitor(shared, now, request, Some(credential), opening)
}

/// `POST /visitor/frames`
pub(super) fn visitor_frames(shared: &Shared, request: &Request) -> Result<Route, CloseCode> {
    let (credential, posted) = post(&request.body)?;
    let Credential::Resume(text) = credential else { return Err(CloseCode::Unauthorized) };
    let (core, resume) = routes::open_resume(shared, request, text)?;
    let origin = request.origin.clone().unwrap_or_default();
    Ok(Route::At(core, Errand::Post { resume, posted, origin }))
}

/// `POST /agent/<join>/stream`
pub(super) fn agent_stream(
    shared: &Shared,
    request: &Request,
    scheme: Scheme,
    join: &str,
) -> Result<Route, CloseCode> {
    let (credential, channel) = stream(&request.body)?;
    let part = ViewPart::Frames(Opening::Stream { channel, origin: None });
    routes::agent(shared, request, scheme, join, Some(credential), part)
}

/// `POST /agent/<join>/frames`
pub(super) fn agent_frames(
    shared: &Shared,
    request: &Request,
    scheme: Scheme,
    join: &str,
) -> Result<Route, CloseCode> {
    let (credential, posted) = post(&request.body)?;
    routes::agent(shared, request, scheme, join, Some(credential), ViewPart::Post(posted))
}

fn stream(body: &[u8]) -> Result<(Credential<'_>, ChannelId), CloseCode> {
    let post = Post::parse(body)?;
    if post.number.is_some() {
        return Err(CloseCode::BadFrame);
    }
    Ok((post.credential, post.channel))
}

fn post(body: &[u8]) -> Result<(Credential<'_>, Posted), CloseCode> {
    let Post { credential, channel, number, frames } = Post::parse(body)?;
    let number = number.ok_or(CloseCode::BadFrame)?;
    let frames = frames.into_iter().map(Bytes::copy_from_slice).collect();
    Ok((credential, Posted { channel, number, frames }))
}

impl Shard {
    /// Makes a connection one that carries frames. What came behind an upgrade is handled by the caller's `settle`.
    pub(super) fn open_frames(&mut self, link: LinkId, opening: &Opening, role: Role) {
        match opening {
            Opening::Upgrade(offer) => self.upgrade(link, offer, FRAMES_V1, role),
            Opening::Stream { channel, origin } => {
                let Some(slot) = get(&mut self.slots, link) else { return };
                // Proxies between shall neither keep nor collect nor press what passes.
                let head = Response::new(200)
                    .header("Content-Type", "application/octet-stream")
                    .header("Cache-Control", "no-store, no-transform")
                    .header("X-Accel-Buffering", "no");
                let head = match origin {
                    Some(origin) => cors(head, origin),
                    None => head,
                };
                slot.role = role;
                slot.lane = Some(Box::new(Lane { channel: *channel, taken: 0 }));
                slot.connection.stream(&head, &mut slot.outgoing);
                self.set_timer(link);
            }
        }
    }

    /// Takes the frames of a post, as if they had come on the connection whose stream is `link`.
    pub(super) fn take_post(
        &mut self,
        now: Now,
        link: Option<LinkId>,
        posted: Posted,
    ) -> Result<Response, CloseCode> {
        let link = link.ok_or(CloseCode::NotFound)?;
        let slot = get(&mut self.slots, link).ok_or(CloseCode::NotFound)?;
        let lane = slot.lane.as_mut().filter(|lane| lane.channel == posted.channel);
        let lane = lane.ok_or(CloseCode::NotFound)?;
        let is_repeated = posted.number != 0 && posted.number == lane.taken;
        if posted.number != 0 && !is_repeated {
            if Some(posted.number) != lane.taken.checked_add(1) {
                self.close(now, link, CloseCode::OutOfOrder);
                return Err(CloseCode::OutOfOrder);
            }
            lane.taken = posted.number;
        }
        slot.heard(now.mono_ms);
        if !is_repeated {
            for frame in posted.frames {
                self.relay.handle_frame(now.mono_ms, link, frame);
            }
        }
        Ok(live())
    }
}
