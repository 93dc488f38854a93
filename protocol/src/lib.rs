//! What the CServer, the web tier and the browsers agree on.
//!
//! `docs/PROTOCOL.md` is the source of everything here; the TypeScript twin stands in
//! `browser/src/protocol/`, and both test the vectors in `protocol/vectors/`.
//! This crate has no sockets, no clock and no randomness of its own: times and random bytes
//! come in as arguments. It is the only thing that the CServer and the web tier share.

#![forbid(unsafe_code)]

pub mod close;
pub mod control;
pub mod figures;
pub mod frame;
pub mod ids;
pub mod keys;
pub mod limits;
pub mod posts;
pub mod privileges;
pub mod resume;
pub mod secret;
pub mod settings;
pub mod start;
pub mod subprotocol;
mod text;
pub mod ticket;

pub use close::{CloseCode, Fault};
pub use frame::{Flags, Header, Kind};
pub use ids::{
    AgentId, AgentNumber, ChannelId, GroupId, JoinId, KeyId, ReplicaId, ServerId, SessionId,
    SessionKey, SessionNumber,
};
pub use privileges::Privileges;
pub use settings::GroupSettings;
pub use ticket::{Subject, Ticket, TicketError};
