//! What an operator can order: groups, roles, accounts, CServers. The same orders run inside a serving process, over its
//! socket, and without one, directly on the store.
//!
//! Owns what each order does to the store, what it answers, and what it means for streams that are open.

mod lines;
pub(crate) mod socket;
#[cfg(test)]
mod tests;

use protocol::control::Down;
use protocol::settings::{MaskDefault, Place, Terms, VisitorSettings};
use protocol::{AgentId, GroupId, Privileges, ServerId};
use serde::{Deserialize, Serialize};

use crate::audit::Event;
use crate::audit::signing::{AuditKey, UNSIGNED};
use crate::config::{is_below, is_host_name, origin};
use crate::dialler::Dialler;
use crate::limits::{AUDIT_LINES_MAX, NAME_BYTES_MAX};
use crate::passwords::is_hash;
use crate::service::{App, ToLink};
use crate::store::records::{Agent, Group, Server};
use crate::store::{Store, StoreError};
use crate::surrounding::Surrounding;
use lines::{agent_line, group_lines, server_line};

/// One order. Passwords come as hashes only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Order {
    GroupAdd {
        group: GroupId,
        settings: Change,
    },
    GroupSet {
        group: GroupId,
        settings: Change,
    },
    GroupPublish {
        group: GroupId,
    },
    GroupRemove {
        group: GroupId,
    },
    GroupList,
    RoleAdd {
        group: GroupId,
        role: String,
        privileges: Privileges,
    },
    RoleRemove {
        group: GroupId,
        role: String,
    },
    RoleList {
        group: Option<GroupId>,
    },
    AgentAdd {
        name: String,
        display: String,
        password_hash: Option<String>,
    },
    AgentPassword {
        name: String,
        password_hash: String,
    },
    AgentGrant {
        name: String,
        group: GroupId,
        role: String,
    },
    AgentRevoke {
        name: String,
        group: GroupId,
    },
    AgentRemove {
        name: String,
    },
    AgentList,
    ServerAdd {
        server: ServerId,
        public_url: String,
        control_name: String,
        address: String,
    },
    ServerDrain {
        server: ServerId,
        deadline_ms: u64,
    },
    ServerRemove {
        server: ServerId,
    },
    ServerList,
    /// What `check` says of them.
    ServerFaults,
    /// Lines of the audit log, from this entry on.
    AuditLines {
        from: u64,
    },
    /// Sign the audit log's head as it is now.
    AuditSign,
}

impl Order {
    /// As the audit log tells it: without a password's hash. `None` for one that changes nothing.
    fn to_event(&self) -> Option<Event> {
        if self.only_reads() {
            return None;
        }
        let mut order = serde_json::to_value(self).ok()?;
        if let Some(hash) = order.get_mut("password_hash") {
            *hash = if hash.is_null() { "unset" } else { "set" }.into();
        }
        Some(Event::Ordered { order })
    }

    /// Whether it changes nothing that has to be answered for.
    fn only_reads(&self) -> bool {
        matches!(
            self,
            Self::GroupList
                | Self::RoleList { .. }
                | Self::AgentList
                | Self::ServerList
                | Self::ServerFaults
                | Self::AuditLines { .. }
                | Self::AuditSign
        )
    }
}

/// What stands behind the id of a group's staging: pages with `data-site="staging"` run their sessions there.
const STAGED: &str = "~staging";

/// What to change of a group's settings; what is not given stays. A list that is given replaces the one before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Change {
    pub(crate) origins: Option<Vec<String>>,
    pub(crate) resource_origins: Option<Vec<String>>,
    pub(crate) embed_ancestors: Option<Vec<String>>,
    pub(crate) follows_protocol: Option<bool>,
    pub(crate) masks: Option<Vec<String>>,
    pub(crate) query_names: Option<Vec<String>>,
    pub(crate) mask_default: Option<MaskDefault>,
    pub(crate) canvas_rate: Option<u8>,
    pub(crate) upload_origins: Option<Vec<String>>,
    pub(crate) grace_ms: Option<u64>,
    pub(crate) refuses: Option<Vec<String>>,
    pub(crate) chat_origins: Option<Vec<String>>,
    /// An empty text takes the terms away.
    pub(crate) terms: Option<String>,
    pub(crate) terms_url: Option<String>,
    pub(crate) accent: Option<String>,
    pub(crate) place: Option<Place>,
}

impl Change {
    fn apply(&self, group: &mut Group) {
        let (change, settings) = (self.clone(), &mut group.settings);
        let visitor = &mut settings.visitor;
        settings.origins = change.origins.unwrap_or_else(|| std::mem::take(&mut settings.origins));
        settings.resource_origins = change
            .resource_origins
            .unwrap_or_else(|| std::mem::take(&mut settings.resource_origins));
        settings.embed_ancestors =
            change.embed_ancestors.unwrap_or_else(|| std::mem::take(&mut settings.embed_ancestors));
        settings.follows_protocol = change.follows_protocol.unwrap_or(settings.follows_protocol);
        visitor.masks = change.masks.unwrap_or_else(|| std::mem::take(&mut visitor.masks));
        visitor.query_names =
            change.query_names.unwrap_or_else(|| std::mem::take(&mut visitor.query_names));
        visitor.mask_default = change.mask_default.unwrap_or(visitor.mask_default);
        visitor.canvas_rate = change.canvas_rate.unwrap_or(visitor.canvas_rate);
        visitor.upload_origins =
            change.upload_origins.unwrap_or_else(|| std::mem::take(&mut visitor.upload_origins));
        settings.grace_ms = change.grace_ms.unwrap_or(settings.grace_ms);
        visitor.refuses = change.refuses.unwrap_or_else(|| std::mem::take(&mut visitor.refuses));
        visitor.chat_origins =
            change.chat_origins.unwrap_or_else(|| std::mem::take(&mut visitor.chat_origins));
        if let Some(text) = change.terms {
            visitor.terms =
                (!text.is_empty()).then_some(Terms { text, url: change.terms_url.clone() });
        } else if let (Some(terms), Some(url)) = (&mut visitor.terms, change.terms_url) {
            terms.url = Some(url);
        }
        visitor.theme.accent = change.accent.or_else(|| visitor.theme.accent.take());
        visitor.theme.place = change.place.unwrap_or(visitor.theme.place);
    }
}

impl Change {
    /// Refuses selectors of which it is plain that no browser reads them. The last word has the browser.
    fn selectors_fit(&self) -> Result<(), StoreError> {
        let given = [&self.masks, &self.refuses].into_iter().flatten().flatten();
        let bad: Vec<_> =
            given.filter(|selector| !crate::masks::may_be_selector(selector)).collect();
        if bad.is_empty() {
            return Ok(());
        }
        Err(StoreError::Invalid(format!(
            "{bad:?}: no CSS selector; close every bracket, string and comment, and name something"
        )))
    }
}

/// What an order answers: lines for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Done(Vec<String>),
    Failed(String),
}

/// What an order needs to know besides the store.
pub(crate) struct Context<'a> {
    pub(crate) cookie_domain: &'a str,
    pub(crate) public_url: &'a str,
    pub(crate) surrounds_views: Surrounding,
    pub(crate) now_ms: u64,
    /// What signs heads of the audit log.
    pub(crate) audit_key: Option<&'a AuditKey>,
    /// What is known of a CServer's stream: sessions, and whether it takes more. `None` outside of a serving process.
    pub(crate) status: Option<StatusOf<'a>>,
    /// The masks of a group that visitors' browsers could not read. `None` outside of a serving process.
    pub(crate) unreadable: Option<UnreadableOf<'a>>,
}

/// Tells the sessions of a CServer whose stream is open, and whether it takes more.
pub(crate) type StatusOf<'a> = &'a (dyn Fn(&ServerId) -> Option<(u64, bool)> + 'a);

/// Tells the masks of a group that visitors' browsers could not read.
pub(crate) type UnreadableOf<'a> = &'a (dyn Fn(&Group) -> Vec<String> + 'a);

/// What has to reach the streams that are open.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Settings of a group.
    Group(Box<Group>),
    /// Orders stand in the store.
    Orders,
    /// The list of CServers has changed.
    Servers,
    /// A CServer is to empty itself.
    Drain(ServerId, u64),
}

/// What came of an order.
pub(crate) struct Ran {
    /// Lines for a person; an error where it was not done, or was done and could not be noted.
    pub(crate) told: Result<Vec<String>, StoreError>,
    /// What was done means this for streams, noted or not: for [`apply`].
    pub(crate) effects: Vec<Effect>,
}

/// Runs an order on the store, and notes in the audit log that it was done.
pub(crate) fn run(store: &dyn Store, context: &Context<'_>, order: Order) -> Ran {
    let event = order.to_event();
    match carry_out(store, context, order) {
        Ok((lines, effects)) => {
            let noted = note(store, context.now_ms, event, &effects);
            Ran { told: noted.map(|()| lines), effects }
        }
        Err(error) => Ran { told: Err(error), effects: Vec::new() },
    }
}

fn note(
    store: &dyn Store,
    now_ms: u64,
    event: Option<Event>,
    effects: &[Effect],
) -> Result<(), StoreError> {
    let rules = effects.iter().filter_map(|effect| match effect {
        Effect::Group(group) => Some(Event::rules(group)),
        _ => None,
    });
    event.into_iter().chain(rules).try_for_each(|event| store.note(now_ms, event))
}

fn carry_out(
    store: &dyn Store,
    context: &Context<'_>,
    order: Order,
) -> Result<(Vec<String>, Vec<Effect>), StoreError> {
    let said = |line: String, effects: Vec<Effect>| Ok((vec![line], effects));
    match order {
        Order::GroupAdd { group, settings } => {
            settings.selectors_fit()?;
            let mut new = Group::new(group, protocol::GroupSettings::default());
            settings.apply(&mut new);
            let new = store.add_group(new)?;
            let mut lines = vec![format!("group {group:?} added")];
            if new.settings.origins.is_empty() {
                lines.push("no page may run its sessions yet: add --origin https://…".into());
            }
            Ok((lines, vec![Effect::Group(new.into())]))
        }
        Order::GroupSet { group, settings } => {
            settings.selectors_fit()?;
            let new = store.change_group(&group, &|group| {
                settings.apply(group);
                Ok(())
            })?;
            let line = format!("group {group:?} changed, revision {}", new.settings.revision);
            said(line, vec![Effect::Group(new.into())])
        }
        Order::GroupPublish { group } => {
            let id = format!("{}{STAGED}", group.as_str());
            let missing = || StoreError::NotFound { what: "group", name: id.clone() };
            let staged: GroupId = id.parse().map_err(|_| missing())?;
            let staged = store.group(&staged)?.ok_or_else(missing)?.settings.visitor;
            let new = store.change_group(&group, &|group| {
                let visitor = &mut group.settings.visitor;
                // Which windows may speak to a page, and whose pictures are sent along, belongs to the site, like its origins.
                let chat_origins = std::mem::take(&mut visitor.chat_origins);
                let upload_origins = std::mem::take(&mut visitor.upload_origins);
                *visitor = VisitorSettings { chat_origins, upload_origins, ..staged.clone() };
                Ok(())
            })?;
            let line =
                format!("group {group:?} has what {id:?} has, revision {}", new.settings.revision);
            said(line, vec![Effect::Group(new.into())])
        }
        Order::GroupRemove { group } => {
            store.remove_group(&group)?;
            said(format!("group {group:?} removed; its sessions end"), vec![Effect::Orders])
        }
        Order::GroupList => Ok((
            store.groups()?.iter().flat_map(|group| group_lines(group, context)).collect(),
            vec![],
        )),
        Order::RoleAdd { group, role, privileges } => {
            name_fits("role", &role)?;
            if !privileges.contains(Privileges::VIEW) {
                return Err(StoreError::Invalid(
                    "a role needs the privilege view; without it nothing else counts".into(),
                ));
            }
            let new = store.change_group(&group, &|group| {
                group.roles.insert(role.clone(), privileges);
                Ok(())
            })?;
            let line = format!("role {role:?} of group {group:?}: {}", names(privileges));
            said(line, vec![Effect::Group(new.into()), Effect::Orders])
        }
        Order::RoleRemove { group, role } => {
            let new = store.change_group(&group, &|group| match group.roles.remove(&role) {
                Some(_) => Ok(()),
                None => Err(StoreError::NotFound { what: "role", name: role.clone() }),
            })?;
            let line = format!(
                "role {role:?} of group {group:?} removed; agents who had it see nothing there until they get another"
            );
            said(line, vec![Effect::Group(new.into()), Effect::Orders])
        }
        Order::RoleList { group } => {
            let groups = match group {
                Some(group) => vec![store.group(&group)?.ok_or_else(|| StoreError::NotFound {
                    what: "group",
                    name: group.as_str().to_owned(),
                })?],
                None => store.groups()?,
            };
            let roles = groups.iter().flat_map(|group| {
                group
                    .roles
                    .iter()
                    .map(|(role, set)| format!("{:?}  {role}  {}", group.id, names(*set)))
            });
            Ok((roles.collect(), vec![]))
        }
        Order::AgentAdd { name, display, password_hash } => {
            let name = agent_name(&name)?;
            let display = display.trim().to_owned();
            if display.is_empty()
                || display.len() > protocol::ticket::DISPLAY_NAME_BYTES_MAX
                || display.chars().any(char::is_control)
            {
                return Err(StoreError::Invalid(format!(
                    "a display name has 1 to {} bytes and no control characters",
                    protocol::ticket::DISPLAY_NAME_BYTES_MAX
                )));
            }
            hash_fits(password_hash.as_deref())?;
            let without = password_hash.is_none();
            store.add_agent(Agent {
                id: AgentId::from_bytes(crate::random::bytes()),
                name: name.clone(),
                display,
                password_hash,
                groups: Default::default(),
            })?;
            let mut lines = vec![format!(
                "agent {name:?} added; give it a role with `agent grant {name} GROUP ROLE`"
            )];
            if without {
                lines.push(format!(
                    "it cannot log in yet: `agent password {name} --password-stdin`"
                ));
            }
            Ok((lines, vec![]))
        }
        Order::AgentPassword { name, password_hash } => {
            let name = agent_name(&name)?;
            hash_fits(Some(&password_hash))?;
            store.set_password(&name, &password_hash)?;
            said(format!("password of agent {name:?} set; its logins have ended"), vec![])
        }
        Order::AgentGrant { name, group, role } => {
            let name = agent_name(&name)?;
            store.grant(&name, &group, &role)?;
            said(format!("agent {name:?} is {role:?} in group {group:?}"), vec![Effect::Orders])
        }
        Order::AgentRevoke { name, group } => {
            let name = agent_name(&name)?;
            store.revoke(&name, &group)?;
            said(
                format!(
                    "agent {name:?} is out of group {group:?}; its views and logins have ended"
                ),
                vec![Effect::Orders],
            )
        }
        Order::AgentRemove { name } => {
            let name = agent_name(&name)?;
            store.remove_agent(&name)?;
            said(
                format!("agent {name:?} removed; its views and logins have ended"),
                vec![Effect::Orders],
            )
        }
        Order::AgentList => Ok((store.agents()?.iter().map(agent_line).collect(), vec![])),
        Order::ServerAdd { server, public_url, control_name, address } => {
            let record = checked_server(server, &public_url, &control_name, address)?;
            let way = match is_below(&record.public_url, context.cookie_domain) {
                true => "a cookie".to_owned(),
                false => format!("a form, since it is not below {:?}", context.cookie_domain),
            };
            let fault = context.surrounds_views.fault(context.public_url, &record.public_url);
            store.add_server(record)?;
            let added = format!("server {server:?} added; tickets reach it in {way}");
            Ok((std::iter::once(added).chain(fault).collect(), vec![Effect::Servers]))
        }
        Order::ServerDrain { server, deadline_ms } => {
            store.drain_server(&server, context.now_ms.saturating_add(deadline_ms))?;
            let line = format!(
                "server {server:?} takes no more sessions and ends within {} s",
                deadline_ms / 1_000
            );
            said(line, vec![Effect::Drain(server, deadline_ms)])
        }
        Order::ServerRemove { server } => {
            store.remove_server(&server, context.now_ms)?;
            said(
                format!("server {server:?} removed; its sessions count as lost"),
                vec![Effect::Servers],
            )
        }
        Order::AuditLines { from } => Ok((store.audit_lines(from, AUDIT_LINES_MAX)?, vec![])),
        Order::AuditSign => {
            let key = context.audit_key.ok_or_else(|| StoreError::Invalid(UNSIGNED.into()))?;
            let signed = key.sign(&store.audit_head()?, context.now_ms);
            store.keep_head(&signed)?;
            Ok((vec![signed.line()], vec![]))
        }
        Order::ServerFaults => {
            let servers = store.servers()?;
            let fault = |server: &Server| {
                context.surrounds_views.fault(context.public_url, &server.public_url)
            };
            Ok((servers.iter().filter_map(fault).collect(), vec![]))
        }
        Order::ServerList => Ok((
            store.servers()?.iter().map(|server| server_line(server, context)).collect(),
            vec![],
        )),
    }
}

/// Runs an order in a serving process: on the store, then on the streams.
pub(crate) fn serve(app: &App, dialler: &Dialler, order: Order) -> Outcome {
    let status = |server: &ServerId| app.fleet().sessions(server);
    let context = Context {
        cookie_domain: &app.config.cookie_domain,
        public_url: &app.config.public_url,
        surrounds_views: app.config.surrounds_views,
        now_ms: app.clock.now_ms(),
        audit_key: app.config.audit_key.as_deref(),
        status: Some(&status),
        unreadable: Some(&|group| app.unreadable(group)),
    };
    let Ran { told, effects } = run(app.store_blocking(), &context, order);
    let applied = apply(app, dialler, effects);
    match told.and_then(|lines| applied.map(|()| lines)) {
        Ok(lines) => Outcome::Done(lines),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

fn apply(app: &App, dialler: &Dialler, effects: Vec<Effect>) -> Result<(), StoreError> {
    for effect in effects {
        match effect {
            Effect::Group(group) => app.tell_all(|| {
                ToLink::Send(Down::Group {
                    group: group.id,
                    settings: Box::new(group.settings.clone()),
                })
            }),
            Effect::Orders => app.tell_all(|| ToLink::Orders),
            Effect::Servers => dialler.configure()?,
            Effect::Drain(server, deadline_ms) => {
                dialler.configure()?;
                app.tell(&server, ToLink::Send(Down::Drain { deadline_ms }));
            }
        }
    }
    Ok(())
}

fn checked_server(
    id: ServerId,
    public_url: &str,
    control_name: &str,
    address: String,
) -> Result<Server, StoreError> {
    let mut faults = Vec::new();
    let url = origin(public_url);
    if url.is_none() {
        faults.push(format!(
            "public URL {public_url:?} is not an https origin, like https://s1.cobrowse.example"
        ));
    }
    let control_name = control_name.to_ascii_lowercase();
    if !is_host_name(&control_name) {
        faults.push(format!("control name {control_name:?} is not a host name"));
    } else if url.as_ref().is_some_and(|url| is_below(url, &control_name)) {
        faults.push("the control name needs to be another than the public one".into());
    }
    let port = address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    if port.is_none_or(|port| port == 0) {
        faults.push(format!("address {address:?} is not host:port"));
    }
    match url {
        Some(public_url) if faults.is_empty() => {
            Ok(Server { id, public_url, control_name, address, drain_until_ms: None, boot: None })
        }
        _ => Err(StoreError::Invalid(faults.join("; "))),
    }
}

/// Names of agents are compared in lower case.
fn agent_name(name: &str) -> Result<String, StoreError> {
    let name = name.trim().to_ascii_lowercase();
    name_fits("agent", &name)?;
    Ok(name)
}

fn name_fits(what: &str, name: &str) -> Result<(), StoreError> {
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~@+".contains(&b));
    if fits {
        return Ok(());
    }
    Err(StoreError::Invalid(format!(
        "{what} {name:?}: 1 to {NAME_BYTES_MAX} of letters, digits, -._~@+"
    )))
}

fn hash_fits(hash: Option<&str>) -> Result<(), StoreError> {
    if hash.is_none_or(is_hash) {
        return Ok(());
    }
    Err(StoreError::Invalid("the password did not come as an argon2id hash".into()))
}

fn names(set: Privileges) -> String {
    set.names().collect::<Vec<_>>().join(",")
}
