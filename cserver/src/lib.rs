//! The session server.
//!
//! It relays each diff of a visitor to the session's agents without looking inside, lets in nobody without a valid
//! credential, listens on one port, opens no connection and writes nothing to disk.
//!
//! Map, from the outside in:
//! - [`config`], [`startup`], [`tls`]: what runs once.
//! - `confine`: what the process then takes away from itself.
//! - [`backend`]: moves bytes between sockets and a shard; io_uring or readiness, one thread per core.
//! - [`shard`]: one core's server as a machine without I/O: connections, routes, relay, timers.
//! - [`shared`]: the little that all cores share, touched at joins and never on a frame's path.
//! - [`credentials`]: keys, tickets' single use, agent cookies, CSRF values.
//! - [`control`]: the stream that the web tier dials in.
//! - [`supervise`]: watches the cores and speaks to the service manager.
//! - [`admin`]: metrics and health on a local socket.
//! - [`pages`]: the viewer and its Content-Security-Policy.

#![deny(unsafe_code)]

pub mod admin;
pub mod backend;
pub mod config;
#[cfg(target_os = "linux")]
pub mod confine;
pub mod control;
pub mod credentials;
pub(crate) mod ended;
pub mod limits;
pub mod pages;
pub mod shard;
pub mod shared;
pub mod startup;
pub mod supervise;
pub mod tls;
