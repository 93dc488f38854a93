//! Who may come in: server keys, tickets' single use, agent session cookies and CSRF values.
//!
//! PROTOCOL.md section 6. Nothing here knows a connection or a session; it says yes or no to bytes.

mod cookie;
mod keyring;
mod nonces;
mod ticketer;

pub use cookie::{AgentCookie, COOKIE_PREFIX, CookieKeys, PLAIN_COOKIE_PREFIX, Scheme};
pub use keyring::KeyRing;
pub use nonces::{Nonces, Spent};
pub use ticketer::Ticketer;
