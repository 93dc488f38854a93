//! Real processes over real sockets: what the demo, the path tests and the browser suite start and talk to.
//!
//! [`Stack`] starts a web tier, CServers and the sample shop, with certificates of their own, and stops them.
//! [`Visitor`] and [`Agent`] speak PROTOCOL.md as the two browsers would, without a browser. Nothing here
//! is used by the servers themselves. Every wait is bounded, and every connection goes to loopback.
//!
//! The servers that are started are those that stand beside the running program: `cargo build --workspace` makes them,
//! and `cargo xtask test` does so before the path tests. With `COBROWSE_KEEP` set the folder of a stack, with its logs, stays.

pub mod accounts;
pub mod agent;
pub mod bystander;
pub mod certificates;
pub mod files;
pub mod flood;
pub mod http;
pub mod limits;
pub mod manager;
pub mod net;
pub mod plain;
mod plan;
pub mod ports;
pub mod process;
mod programs;
pub mod shop;
pub mod socket;
pub mod stack;
pub mod url;
pub mod visitor;

pub use agent::{Agent, AgentBrowser, View};
pub use bystander::Bystander;
pub use files::plain_host;
pub use http::Answer;
pub use manager::Manager;
pub use net::Net;
pub use socket::{Heard, Socket};
pub use stack::{Backend, Stack};
pub use visitor::Visitor;
