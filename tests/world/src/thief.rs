//! Somebody who has stolen tickets and shows them again, to any CServer, at any time.

use crate::net::Host;
use crate::servers::host_name;
use crate::tab::{Said, Tab, get, upgrade};
use crate::tiers::SHOP;
use crate::world::{Around, Check, Ticket};

/// See the module.
pub(crate) struct Thief {
    host: Host,
    plan: Option<(Ticket, Host)>,
    tab: Option<Tab>,
}

impl Thief {
    pub(crate) fn new(host: Host) -> Self {
        Self { host, plan: None, tab: None }
    }

    /// Shows it there next.
    pub(crate) fn tries(&mut self, ticket: Ticket, server: Host) {
        self.plan = Some((ticket, server));
    }

    pub(crate) fn turn(&mut self, around: &mut Around<'_>) -> Check {
        if let Some((ticket, server)) = self.plan.take_if(|(_, server)| around.is_up(*server)) {
            let host = host_name(server);
            let mut tab = Tab::open(around.net, around.pki, self.host, server, &host);
            let asked = match ticket.is_visitors {
                true => upgrade(&host, "/visitor", &format!("ticket.{}", ticket.text), SHOP, ""),
                false => {
                    get(&host, "/join", &format!("Cookie: cobrowse_ticket={}\r\n", ticket.text))
                }
            };
            tab.write(&asked);
            self.tab = Some(tab);
        }
        let Some(tab) = &mut self.tab else { return Ok(()) };
        let mut is_over = false;
        for said in tab.hear() {
            match said {
                Said::Answer(400.., ..) => {
                    is_over = true;
                    around.count("old_tickets_refused");
                }
                Said::Gone => is_over = true,
                said => return Err(format!("a ticket opened something twice: {said:?}")),
            }
        }
        if is_over {
            self.tab = None;
        }
        Ok(())
    }
}
