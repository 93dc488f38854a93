//! Ports that are free at the moment, and a sentence for one that is not.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Context, Result};

/// A loopback address whose port the system has just given out. It stays reserved until the value is dropped,
/// so that several asked for in a row differ.
pub struct FreePort {
    listener: TcpListener,
    port: u16,
}

impl FreePort {
    /// Asks the system for one.
    pub fn take() -> Result<Self> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on 127.0.0.1")?;
        Self::holding(listener)
    }

    /// Holds a port that was chosen otherwise.
    pub fn holding(listener: TcpListener) -> Result<Self> {
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port })
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.port
    }

    /// The listener itself, for a server inside this process.
    pub fn into_listener(self) -> TcpListener {
        self.listener
    }
}

/// Ports chosen by a person; without them the system chooses.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// The web tier's.
    pub web: u16,
    /// The first CServer's; the others follow it.
    pub first_server: u16,
    /// The shop's.
    pub shop: u16,
}

/// Listens on a port that was chosen by a person, or says what to do.
pub fn listen(port: u16, for_what: &str) -> Result<TcpListener> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address).with_context(|| {
        format!(
            "port {port} of 127.0.0.1, meant for {for_what}, is taken: stop the program that holds it \
             (`ss -ltnp 'sport = :{port}'` names it), then start again"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_what_it_is_for() {
        let taken = FreePort::take().unwrap();
        let told = format!("{:#}", listen(taken.number(), "the shop").unwrap_err());
        assert!(told.contains(&taken.number().to_string()) && told.contains("the shop"), "{told}");
    }

    #[test]
    fn ports_taken_in_a_row_differ() {
        let (one, two) = (FreePort::take().unwrap(), FreePort::take().unwrap());
        assert_ne!(one.number(), two.number());
    }
}
