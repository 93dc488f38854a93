//! An agent of a world: through the web tier's redirect into the session, and after each loss again.
//!
//! Owns the viewer's copy of the page, which is compared with what the visitor has shown after every frame.

use protocol::CloseCode;
use protocol::frame::{Header, Kind};
use relay_sim::page::Page;
use relay_sim::viewer::Viewer;

use crate::net::Host;
use crate::servers::{host_name, origin};
use crate::tab::{Said, Tab, get, header, upgrade};
use crate::tiers::{Progress, Request};
use crate::visitor::{Stage as VisitorStage, Visitor};
use crate::world::{Around, Check};

/// See the module.
pub(crate) struct Agent {
    pub(crate) host: Host,
    /// Whose session it looks at.
    pub(crate) visitor: usize,
    pub(crate) stage: Stage,
    pub(crate) viewer: Viewer,
    /// No epoch below it may be shown any more.
    floor: u32,
    join: Option<Join>,
    ticket: String,
    /// The CServer, and which start of it, that said that an agent has ended the session.
    pub(crate) heard_end: Option<(Host, u64)>,
}

struct Join {
    server: Host,
    id: String,
    cookie: String,
}

/// What it is doing.
pub(crate) enum Stage {
    Outside {
        until_ms: u64,
    },
    Asking(Request),
    /// Shows its ticket, then becomes a viewer on the same connection.
    Joining(Tab),
    Opening(Tab),
    Watching(Tab),
}

impl Agent {
    pub(crate) fn new(host: Host, visitor: usize) -> Self {
        let stage = Stage::Outside { until_ms: 0 };
        Self {
            host,
            visitor,
            stage,
            viewer: Viewer::default(),
            floor: 0,
            join: None,
            ticket: String::new(),
            heard_end: None,
        }
    }

    pub(crate) fn next_ms(&self) -> Option<u64> {
        match &self.stage {
            Stage::Outside { until_ms } => Some(*until_ms),
            Stage::Asking(request) => Some(request.next_ms()),
            _ => None,
        }
    }

    /// Ends the session for everybody.
    pub(crate) fn end(&mut self) -> bool {
        let Stage::Watching(tab) = &mut self.stage else { return false };
        tab.frame(2, &Page::default().bare(Kind::End));
        true
    }

    /// Has no way in any more, and comes through the web tier.
    #[cfg(test)]
    pub(crate) fn forget(&mut self) {
        self.join = None;
        self.stage = Stage::Outside { until_ms: 0 };
    }

    fn outside(&mut self, around: &mut Around<'_>) {
        let until_ms = around.now + around.rng.between(200, 900);
        self.stage = Stage::Outside { until_ms };
    }

    pub(crate) fn turn(&mut self, around: &mut Around<'_>, visitors: &[Visitor]) -> Check {
        let visitor = &visitors[self.visitor];
        match &mut self.stage {
            Stage::Outside { until_ms } if *until_ms <= around.now => self.go(around, visitor),
            Stage::Outside { .. } => {}
            Stage::Asking(request) => match around.ask(request)? {
                Progress::UnderWay => {}
                Progress::Answered(answer) if answer.status == 303 && answer.ticket.is_some() => {
                    let to = answer.location.unwrap_or_default();
                    self.join(around, usize::from(to.contains("//s1.")), answer.ticket);
                }
                Progress::Failed | Progress::Answered(_) => self.outside(around),
            },
            Stage::Joining(tab) | Stage::Opening(tab) | Stage::Watching(tab) => {
                for said in tab.hear() {
                    self.hear(around, visitor, said)?;
                }
            }
        }
        Ok(())
    }

    fn go(&mut self, around: &mut Around<'_>, visitor: &Visitor) {
        let Some(held) = visitor.session.as_ref() else { return self.outside(around) };
        if matches!(visitor.stage, VisitorStage::Over { .. }) {
            return self.outside(around);
        }
        // A viewer comes back with its cookie first.
        if let Some(join) = &self.join
            && around.is_up(join.server)
        {
            let tab =
                Tab::open(around.net, around.pki, self.host, join.server, &host_name(join.server));
            return self.open(around, tab);
        }
        self.join = None;
        let path = format!("/cobrowse/AgentView?SessionKey={}", held.id.key.as_str());
        let cookie = around.tiers[visitor.tier].cookie.clone();
        self.stage =
            Stage::Asking(Request::get(around.now, self.host, visitor.tier, path, &cookie));
    }

    fn join(&mut self, around: &mut Around<'_>, server: Host, ticket: Option<String>) {
        let Some(ticket) = ticket.filter(|_| around.is_up(server)) else {
            return self.outside(around);
        };
        let host = host_name(server);
        let mut tab = Tab::open(around.net, around.pki, self.host, server, &host);
        tab.write(&get(&host, "/join", &format!("Cookie: cobrowse_ticket={ticket}\r\n")));
        around.shown(server, &ticket, false);
        self.ticket = ticket;
        self.stage = Stage::Joining(tab);
    }

    /// Opens the frames with the cookie.
    fn open(&mut self, around: &mut Around<'_>, mut tab: Tab) {
        let Some(join) = &self.join else { return };
        let Some(csrf) = around.csrf(join.server, &join.id) else { return self.outside(around) };
        let (host, path) = (host_name(join.server), format!("/agent/{}", join.id));
        let cookie = format!("Cookie: {}\r\n", join.cookie);
        let credential = format!("csrf.{csrf}");
        tab.write(&upgrade(&host, &path, &credential, &origin(join.server), &cookie));
        self.stage = Stage::Opening(tab);
    }

    fn hear(&mut self, around: &mut Around<'_>, visitor: &Visitor, said: Said) -> Check {
        match said {
            Said::Answer(303, head, _) if matches!(self.stage, Stage::Joining(_)) => {
                around.spent(&self.ticket);
                let Stage::Joining(tab) =
                    std::mem::replace(&mut self.stage, Stage::Outside { until_ms: 0 })
                else {
                    return Ok(());
                };
                let path = header(&head, "location").unwrap_or_default();
                let cookie = header(&head, "set-cookie").unwrap_or_default();
                self.join = Some(Join {
                    server: tab.server,
                    id: path.rsplit('/').next().unwrap_or_default().to_owned(),
                    cookie: cookie.split(';').next().unwrap_or_default().to_owned(),
                });
                around.count("joins");
                self.open(around, tab);
            }
            Said::Upgraded => {
                if let Stage::Opening(tab) =
                    std::mem::replace(&mut self.stage, Stage::Outside { until_ms: 0 })
                {
                    self.viewer = Viewer::default();
                    self.floor = 0;
                    self.stage = Stage::Watching(tab);
                    around.count("agent_connections");
                }
            }
            Said::Frame(frame) => self.frame(around, visitor, frame)?,
            // It was out of reach for long: its way in is as good as before.
            Said::Closed(code) if code == CloseCode::TooSlow.code() => {
                self.viewer = Viewer::default();
                self.outside(around);
            }
            Said::Answer(..) | Said::Closed(_) => {
                let join = self.join.take();
                if let (Said::Closed(code), Some(join)) = (said, join)
                    && code == CloseCode::SessionEndedAgent.code()
                {
                    self.heard_end = around.boot(join.server).map(|boot| (join.server, boot));
                }
                self.viewer = Viewer::default();
                self.outside(around);
            }
            Said::Gone => {
                if !matches!(self.stage, Stage::Outside { .. }) {
                    self.viewer = Viewer::default();
                    self.outside(around);
                }
            }
        }
        Ok(())
    }

    /// One frame: in order, of this session, never from before a purge that was seen, and the page as the visitor had it.
    fn frame(&mut self, around: &mut Around<'_>, visitor: &Visitor, frame: Vec<u8>) -> Check {
        if !matches!(self.stage, Stage::Watching(_)) {
            return Err("a frame reached an agent without a join".into());
        }
        let header = Header::decode(&frame).map_err(|code| format!("an agent got a {code:?}"))?;
        let is_visitors = header.epoch > 0;
        if is_visitors && header.epoch < self.floor {
            return Err(format!("epoch {} was shown after {}", header.epoch, self.floor));
        }
        if is_visitors {
            self.floor = header.epoch;
        }
        let bytes = bytes::Bytes::from(frame);
        self.viewer.take(&bytes)?;
        if let Some(hash) = self.viewer.hash {
            let at = (self.viewer.epoch, self.viewer.sequence);
            match visitor.shown.get(&at) {
                Some(shown) if *shown == hash => around.count("views_compared"),
                Some(_) => return Err(format!("a view at {at:?} is not what the visitor showed")),
                None => return Err(format!("a view at {at:?}, where the visitor never was")),
            }
        }
        Ok(())
    }
}
