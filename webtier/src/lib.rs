//! The web tier: logs agents in, finds sessions by group and key, sends agents to the right CServer with a
//! single-use ticket, starts visitors' sessions, and keeps every CServer supplied with keys and settings.
//! It never sees what a session shows.
//!
//! `service.rs` puts the parts together; `routes/` is what browsers reach; `dialler.rs` is what CServers hear.

#![forbid(unsafe_code)]

mod admin;
mod audit;
pub mod cli;
mod clock;
mod config;
mod cookies;
mod crossings;
pub mod decoders;
mod device;
mod dialler;
mod fleet;
mod guesses;
mod headers;
pub mod keys;
mod limits;
mod locks;
mod login;
mod masks;
mod metrics;
mod pages;
mod passwords;
mod presence;
mod random;
mod releases;
mod reload;
mod routes;
mod serve;
mod service;
mod sessions;
pub mod simulated;
mod store;
mod surrounding;
#[cfg(test)]
mod testing;
mod throttle;
mod tls;
