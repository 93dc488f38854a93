//! The credential that a browser's WebSocket can carry: PROTOCOL.md section 7.1.
//!
//! A browser can set no header on a WebSocket, so the credential is offered as a second subprotocol.
//! Owns reading that header; verifying what it carries is for `ticket`, `resume` and the CServer.

/// The one version of the frame protocol.
pub const FRAMES_V1: &str = "cobrowse.v1";

/// The one version of the control stream.
pub const CONTROL_V1: &str = "cobrowse.control.v1";

/// The credential in an offer of subprotocols, or the body of a status request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential<'a> {
    /// `ticket.<ticket>`: a visitor's first connection.
    Ticket(&'a str),
    /// `resume.<resume>`: a visitor coming back.
    Resume(&'a str),
    /// `csrf.<value>`: an agent's page.
    Csrf(&'a str),
}

impl<'a> Credential<'a> {
    /// Reads one token.
    pub fn from_token(token: &'a str) -> Option<Self> {
        let (kind, value) = token.split_once('.')?;
        match kind {
            "ticket" => Some(Self::Ticket(value)),
            "resume" => Some(Self::Resume(value)),
            "csrf" => Some(Self::Csrf(value)),
            _ => None,
        }
    }
}

/// What a `Sec-WebSocket-Protocol` header offers.
///
/// ```
/// use cobrowse_protocol::subprotocol::{Credential, Offer};
/// let offer = Offer::parse("cobrowse.v1, resume.AbC");
/// assert!(offer.frames_v1);
/// assert_eq!(offer.credential, Some(Credential::Resume("AbC")));
/// assert!(!Offer::parse("cobrowse.v9, ticket.x").frames_v1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Offer<'a> {
    /// `cobrowse.v1` is among them.
    pub frames_v1: bool,
    /// `cobrowse.control.v1` is among them.
    pub control_v1: bool,
    /// The first credential among them; two are none, since nobody offers two.
    pub credential: Option<Credential<'a>>,
}

impl<'a> Offer<'a> {
    /// Reads the header's value. Tokens that are not known are passed over.
    pub fn parse(header: &'a str) -> Self {
        let mut offer = Self::default();
        let mut credentials = 0;
        for token in header.split(',').map(str::trim) {
            match token {
                FRAMES_V1 => offer.frames_v1 = true,
                CONTROL_V1 => offer.control_v1 = true,
                _ => {
                    if let Some(credential) = Credential::from_token(token) {
                        offer.credential = Some(credential);
                        credentials += 1;
                    }
                }
            }
        }
        if credentials > 1 {
            offer.credential = None;
        }
        offer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_credentials_are_none() {
        assert_eq!(Offer::parse("cobrowse.v1, ticket.a, resume.b").credential, None);
    }
}
