//! What an order answers about groups, accounts and servers: a few lines of text each.

use protocol::settings::MaskDefault;

use super::Context;
use crate::store::records::{Agent, Group, Server};

pub(super) fn group_lines(group: &Group, context: &Context<'_>) -> Vec<String> {
    let settings = &group.settings;
    let list = |list: &[String]| if list.is_empty() { "none".into() } else { list.join(" ") };
    let protocol = if settings.follows_protocol { "the visitor's" } else { "HTTPS" };
    let mut lines = vec![
        format!("{:?}  revision {}, grace {} ms", group.id, settings.revision, settings.grace_ms),
        format!("  origins: {}", list(&settings.origins)),
        format!("  resource origins: {}", list(&settings.resource_origins)),
        format!("  may frame the viewer: {}", list(&settings.embed_ancestors)),
        format!("  agents' protocol: {protocol}"),
        format!("  chat origins: {}", list(&settings.visitor.chat_origins)),
        format!("  refused to agents: {}", list(&settings.visitor.refuses)),
        format!("  terms: {}", if settings.visitor.terms.is_some() { "set" } else { "none" }),
        format!(
            "  masks: {} by default, and {}",
            mask_name(settings.visitor.mask_default),
            list(&settings.visitor.masks)
        ),
        format!("  addresses keep: {}", list(&settings.visitor.query_names)),
        format!("  pictures of a canvas: {} a second", settings.visitor.canvas_rate),
        format!("  resources travel along from: {}", list(&settings.visitor.upload_origins)),
    ];
    let unreadable = context.unreadable.map(|of| of(group)).unwrap_or_default();
    if !unreadable.is_empty() {
        lines.push(format!(
            "  EVERYTHING IS MASKED: browsers cannot read {}; correct it with `group set --mask`",
            list(&unreadable)
        ));
    }
    lines
}

fn mask_name(mask: MaskDefault) -> &'static str {
    match mask {
        MaskDefault::Passwords => "passwords",
        MaskDefault::Inputs => "inputs",
        MaskDefault::Text => "text",
    }
}

pub(super) fn agent_line(agent: &Agent) -> String {
    let password = if agent.password_hash.is_some() { "set" } else { "unset" };
    let groups: Vec<_> =
        agent.groups.iter().map(|(group, role)| format!("{group:?}:{role}")).collect();
    format!("{}  {:?}  password {password}  {}", agent.name, agent.display, groups.join(" "))
}

pub(super) fn server_line(server: &Server, context: &Context<'_>) -> String {
    let state = match context.status.map(|status| status(&server.id)) {
        None => "not serving, so not connected".to_owned(),
        Some(None) => "down".to_owned(),
        Some(Some((sessions, accepting))) => {
            format!("up, {sessions} sessions{}", if accepting { "" } else { ", takes no more" })
        }
    };
    let drain = if server.drain_until_ms.is_some() { "  draining" } else { "" };
    format!(
        "{:?}  {}  {} at {}  {state}{drain}",
        server.id, server.public_url, server.control_name, server.address
    )
}
