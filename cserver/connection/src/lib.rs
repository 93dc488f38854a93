//! One client connection as a state machine: TLS, then HTTP/1.1 requests, then perhaps a WebSocket.
//!
//! Bytes from the socket go in through [`Connection::receive`], bytes for the socket come out in the `out` buffer
//! that every call appends to, and what happened comes out as [`Event`]s. There is no socket, no clock and no async here,
//! so the same code runs under both backends, in virtual time and under a fuzzer; and a live connection is one
//! value that can be handed to another core between two reads.
//!
//! It leaves to others: which request is allowed (the shard's routes), what a frame means (the relay), and when a
//! silent connection is too silent (the shard's timers).
//!
//! Calling order:
//! 1. [`Connection::new`].
//! 2. [`Connection::receive`] whenever bytes came. It fills `scratch.events`.
//! 3. After [`Event::Request`] nothing more is read from this connection until the caller answers, by
//!    [`Connection::respond`] or [`Connection::upgrade`], and then calls [`Connection::proceed`] for what came behind the request.
//! 4. On an upgraded connection: [`Connection::seal`] for finished WebSocket bytes, [`Connection::close`] to end it.
//! 5. After [`Event::Closed`] the caller sends what is in `out` and shuts the socket.

#![forbid(unsafe_code)]

mod connection;
#[doc(hidden)]
pub mod fuzzing;
mod hello;
mod http;
mod keys;
mod library;
mod outgoing;
mod records;
#[cfg(feature = "aws-lc")]
mod schedule;
mod suites;
mod tls;
mod traffic;
mod websocket;

pub use connection::{Connection, Event, Failure, Scratch, forget};
pub use http::{Around, Method, Request, RequestFault, Response, WebSocketOffer};
pub use keys::unlocked_keys;
pub use outgoing::Outgoing;
pub use records::RecordFault;
pub use suites::provider;
pub use tls::{TlsConfigs, TlsError};
pub use websocket::{WebSocketFault, frame_prefix};

/// The TLS library, so that callers name the same version.
pub use rustls;
