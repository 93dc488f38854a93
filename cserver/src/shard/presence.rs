//! Pages that are there, outside a session: one quiet connection each, on the core that accepted it.
//!
//! Owns which of this core's connections they are. What they say goes to the core of the control streams, and from
//! there to the web tiers; offers come the other way. The text of both is passed on unread.

use std::collections::HashMap;

use connection::{Connection, WebSocketOffer};
use protocol::control::Here;
use protocol::frame::{Flags, Header, Kind};
use protocol::limits::{FRAME_HEADER_BYTES, PRESENCE_BYTES_MAX};
use protocol::subprotocol::FRAMES_V1;
use protocol::{CloseCode, GroupId, SessionId, SessionNumber};
use relay::LinkId;

use super::slot::Role;
use super::{CONTROL_CORE, Mail, Now, Output, Shard};
use crate::limits::{PRESENCE_FRAMES_MAX, PRESENCE_WINDOW_MS};

/// This core's pages.
#[derive(Debug, Default)]
pub(super) struct Pages {
    by_link: HashMap<LinkId, Page>,
    by_number: HashMap<SessionNumber, LinkId>,
}

#[derive(Debug)]
struct Page {
    /// Group, visitor's id, and the number that names this page.
    id: SessionId,
    window_ms: u64,
    frames: u32,
}

/// Something that the web tiers shall hear.
#[derive(Clone, Debug)]
pub enum PresenceNews {
    /// A page is there, or says something new.
    Here(Here),
    /// It has gone.
    Gone(SessionNumber),
}

impl Shard {
    /// Takes up a page's connection. It stays on this core: nothing else of its visitor is anywhere.
    pub(super) fn open_presence(&mut self, link: LinkId, id: SessionId, offer: &WebSocketOffer) {
        self.upgrade(link, offer, FRAMES_V1, Role::Presence);
        self.pages.by_number.insert(id.number, link);
        self.pages.by_link.insert(link, Page { id, window_ms: 0, frames: 0 });
    }

    /// A page says something.
    pub(super) fn hear_presence(&mut self, now: Now, link: LinkId, frame: &[u8]) {
        match self.read_presence(now, link, frame) {
            Ok(here) => self.tell_presence(PresenceNews::Here(here)),
            Err(code) => self.close(now, link, code),
        }
    }

    fn read_presence(&mut self, now: Now, link: LinkId, frame: &[u8]) -> Result<Here, CloseCode> {
        let page = self.pages.by_link.get_mut(&link).ok_or(CloseCode::NotFound)?;
        if now.mono_ms.saturating_sub(page.window_ms) >= PRESENCE_WINDOW_MS {
            (page.window_ms, page.frames) = (now.mono_ms, 0);
        }
        page.frames += 1;
        if page.frames > PRESENCE_FRAMES_MAX {
            return Err(CloseCode::Flooding);
        }
        if Header::decode(frame)?.kind != Kind::Presence {
            return Err(CloseCode::UnknownKind);
        }
        let text = std::str::from_utf8(&frame[FRAME_HEADER_BYTES..]);
        let SessionId { group, key: visitor, number: presence } = page.id;
        let text = text.map_err(|_| CloseCode::BadFrame)?;
        Ok(Here { presence, group, visitor, page: text.to_owned() })
    }

    /// A page's connection is over.
    pub(super) fn end_presence(&mut self, link: LinkId) {
        if let Some(page) = self.pages.by_link.remove(&link) {
            self.pages.by_number.remove(&page.id.number);
            self.tell_presence(PresenceNews::Gone(page.id.number));
        }
    }

    /// Closes pages of a group, or all of them.
    pub(super) fn close_pages(&mut self, now: Now, group: Option<GroupId>, code: CloseCode) {
        let is_meant = |page: &Page| group.is_none_or(|group| group == page.id.group);
        let links: Vec<_> = self
            .pages
            .by_link
            .iter()
            .filter(|(_, page)| is_meant(page))
            .map(|(link, _)| *link)
            .collect();
        for link in links {
            self.close(now, link, code);
        }
    }

    /// Hands an offer to a page, if it is here.
    pub(super) fn offer(&mut self, presence: &SessionNumber, offer: &str) {
        let Some(link) = self.pages.by_number.get(presence).copied() else { return };
        if offer.len() > PRESENCE_BYTES_MAX {
            return;
        }
        let header =
            Header { kind: Kind::Offer, flags: Flags::NONE, source: 0, epoch: 0, sequence: 0 };
        let frame = Connection::binary_frame(&[&header.encode(), offer.as_bytes()]);
        self.send_plain(link, &frame);
    }

    fn tell_presence(&mut self, news: PresenceNews) {
        match &mut self.control {
            Some(control) => control.presence(news),
            None => {
                let mail = Mail::Presence(news);
                self.outputs.push_back(Output::Mail { to: CONTROL_CORE, mail });
            }
        }
    }
}
