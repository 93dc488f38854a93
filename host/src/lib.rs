//! What a process and its service manager say to each other, for both servers: which sockets and files it was handed
//! ([`inherited`]), where a certificate comes from ([`source`]), how it is ([`notify`]), and that it is to
//! read its files again ([`signal`]). Beside that what both share: where in a file a fault is ([`lines`]), their manual pages
//! ([`manual`]), that their memory is nobody else's ([`memory`]), where keys stand in it ([`locked`]), and that
//! what is freed is wiped ([`wiping`]).
//!
//! The protocols are systemd's (`sd_listen_fds`, `LoadCredential=`, `OpenFile=`, `sd_notify`), which other managers and
//! `systemd-socket-activate` speak too. Without a manager every part says that there is nothing, and nobody is hindered.
//! Everything that needs a file or a new socket is done at the start, so that a process may lock itself in afterwards.

pub mod certificate;
pub mod disk;
pub mod inherited;
pub mod lines;
pub mod locked;
pub mod manual;
pub mod memory;
pub mod notify;
pub mod signal;
pub mod source;
pub mod wiping;

pub use inherited::{Inherited, inherited};
pub use locked::{Locked, Place, Shelf};
pub use notify::Notifier;
