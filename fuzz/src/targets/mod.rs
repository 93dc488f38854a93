//! The list of targets, and what a target is.

mod config;
mod control;
mod cookie;
mod frame;
mod hello;
mod http;
mod offer;
mod orders;
mod posts;
mod presence;
mod records;
mod relay;
mod resume;
mod sealed;
mod settings;
mod stored;
mod ticket;
mod tls;
mod web;
mod websocket;

/// One decoder of outside bytes and what must hold for it.
#[derive(Debug)]
pub struct Target {
    /// The name of its folder of seeds and of its libFuzzer binary.
    pub name: &'static str,
    /// Tries one input. Panics when something does not hold.
    pub run: fn(&[u8]) -> Outcome,
    /// Makes seeds from the project's own encoders, for inputs that nobody writes by hand.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Pieces of its language for the mutator to insert.
    pub words: &'static [&'static [u8]],
    /// What it may allocate for each byte of the input, in bytes.
    pub memory_per_byte_max: usize,
}

/// What the decoder said. Both are right; a run that only ever sees one of them tries nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It took the input, or some of it.
    Accepted,
    /// It refused the input.
    Refused,
}

/// Every target, from the outermost bytes inwards.
pub fn targets() -> &'static [Target] {
    &[
        tls::TARGET,
        hello::TARGET,
        sealed::TARGET,
        http::TARGET,
        websocket::TARGET,
        offer::TARGET,
        posts::TARGET,
        ticket::TARGET,
        resume::TARGET,
        cookie::TARGET,
        frame::TARGET,
        relay::TARGET,
        records::TARGET,
        control::TARGET,
        settings::TARGET,
        config::TARGET,
        web::TARGET,
        presence::TARGET,
        orders::TARGET,
        stored::TARGET,
    ]
}

impl Outcome {
    fn of(accepted: bool) -> Self {
        if accepted { Self::Accepted } else { Self::Refused }
    }
}

/// The session that seeds are about.
fn session() -> protocol::SessionId {
    let text = "demo:471113:000102030405060708090a0b0c0d0e0f";
    text.parse().unwrap_or_else(|_| unreachable!("it has the form of a session id"))
}
