//! Who and what a stack knows from its start: groups, agents, their roles and passwords.

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A customer's group.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its id.
    pub id: &'static str,
    /// Selectors that it masks.
    pub masks: &'static [&'static str],
}

/// An agent's account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Login name.
    pub name: &'static str,
    /// What others see.
    pub display: &'static str,
    /// Groups and the role in each.
    pub roles: &'static [(&'static str, &'static str)],
    /// Made anew for each stack.
    pub password: String,
}

/// The group of the shop.
pub const DEMO: Group = Group { id: "demo", masks: &["#cvv", ".order-number"] };

/// A second group whose sessions may run in the shop as well.
pub const SUPPORT: Group = Group { id: "support", masks: &["#cvv"] };

/// An application that may frame the viewer of that group's sessions.
pub const CRM_ORIGIN: &str = "https://crm.localhost";

/// A third one, in which visitors accept terms first.
pub const CAREFUL: Group = Group { id: "careful", masks: &["#cvv"] };

/// The staging of the first one: a group of its own, in which only those who try things out have a role.
pub const STAGED: Group = Group { id: "demo~staging", masks: &["#cvv"] };

/// Ada may do everything in the demo group, Bob only look and point, Eve is in both groups, Mia only in the second.
pub fn agents() -> Result<Vec<Account>> {
    let account =
        |name, display, roles| anyhow::Ok(Account { name, display, roles, password: password()? });
    Ok(vec![
        account(
            "ada",
            "Ada Lovelace",
            &[("demo", "lead"), ("careful", "lead"), (STAGED.id, "lead")],
        )?,
        account("bob", "Bob", &[("demo", "viewer")])?,
        account("eve", "Eve", &[("demo", "agent"), ("support", "agent")])?,
        account("mia", "Mia", &[("support", "lead")])?,
    ])
}

/// 96 random bits in 16 characters.
fn password() -> Result<String> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
