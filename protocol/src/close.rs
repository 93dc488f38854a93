//! Why a connection ends, and whose fault it is: PROTOCOL.md section 5.
//!
//! One table for both the WebSocket close codes and the HTTP answers of the CServer.

/// Whose fault an end is. Decides who is told to do something about it, and how it is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The normal course of things.
    None,
    /// The peer broke a rule of the protocol.
    Peer,
    /// The peer speaks a version that this side does not.
    Incompatible,
    /// Too much for the moment; later or elsewhere it may go.
    Overload,
    /// A fault of ours.
    Ours,
}

impl Fault {
    /// The name in PROTOCOL.md.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Peer => "peer",
            Self::Incompatible => "incompatible",
            Self::Overload => "overload",
            Self::Ours => "ours",
        }
    }
}

macro_rules! close_codes {
    ($($variant:ident = $code:literal, $name:literal, $fault:ident, $status:literal, $advice:literal;)*) => {
        /// The end of a connection or the refusal of a request.
        ///
        /// ```
        /// use cobrowse_protocol::{CloseCode, Fault};
        /// assert_eq!(CloseCode::OutOfOrder.code(), 4411);
        /// assert_eq!(CloseCode::OutOfOrder.fault(), Fault::Peer);
        /// assert_eq!(CloseCode::from_code(4411), Some(CloseCode::OutOfOrder));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
        pub enum CloseCode { $(#[doc = $advice] #[error("{}: {}", $name, $advice)] $variant,)* }

        impl CloseCode {
            /// Every code, in the order of PROTOCOL.md.
            pub const ALL: [Self; [$($code),*].len()] = [$(Self::$variant),*];

            /// The WebSocket close code.
            pub fn code(self) -> u16 { match self { $(Self::$variant => $code,)* } }

            /// The name, also of the error in an HTTP answer.
            pub fn name(self) -> &'static str { match self { $(Self::$variant => $name,)* } }

            /// Whose fault it is.
            pub fn fault(self) -> Fault { match self { $(Self::$variant => Fault::$fault,)* } }

            /// The HTTP status that says the same.
            pub fn status(self) -> u16 { match self { $(Self::$variant => $status,)* } }

            /// What happened and what to do, for a person.
            pub fn advice(self) -> &'static str { match self { $(Self::$variant => $advice,)* } }

            /// The code of that number.
            pub fn from_code(code: u16) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }

            /// The code of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

close_codes! {
    SessionEndedVisitor = 4000, "session_ended_visitor", None, 410, "the visitor ended the session";
    SessionEndedAgent = 4001, "session_ended_agent", None, 410, "an agent ended the session";
    SessionEndedTimeout = 4002, "session_ended_timeout", None, 410, "the visitor did not come back in time, so the session ended";
    Superseded = 4003, "superseded", None, 409, "a newer connection took over";
    Moved = 4004, "moved", None, 409, "the session lives on another server now: ask the web tier";
    Draining = 4005, "draining", None, 503, "this server is being stopped: ask the web tier for another";
    Revoked = 4006, "revoked", None, 403, "access to this session was withdrawn";
    SecurePage = 4007, "secure_page", None, 409, "the visitor's page came over HTTPS: only the view over HTTPS shows it";
    BadFrame = 4400, "bad_frame", Peer, 400, "that is not a frame or request of this protocol";
    Unauthorized = 4401, "unauthorized", Peer, 401, "no valid credential: open the session again from the agent view";
    NotAllowed = 4403, "not_allowed", Peer, 403, "the credential does not allow this from here";
    NotFound = 4404, "not_found", Peer, 404, "no such session, join or page on this server";
    UnknownKind = 4405, "unknown_kind", Peer, 400, "a frame of a kind that this side may not send";
    AlreadyLive = 4409, "already_live", Peer, 409, "the session exists already: come back with its resume secret";
    OutOfOrder = 4411, "out_of_order", Peer, 400, "epoch or sequence is not the next: reconnect with a new epoch";
    TooLong = 4413, "too_long", Peer, 413, "longer than its limit: see the limits in the protocol";
    Incompatible = 4426, "incompatible", Incompatible, 426, "no common version: offer the subprotocol cobrowse.v1 and reload";
    Flooding = 4429, "flooding", Overload, 429, "more frames in a second than the limit: slow down and reconnect";
    HeadTooLong = 4431, "head_too_long", Peer, 431, "the request's head is longer than its limit: clear this site's cookies";
    Internal = 4500, "internal", Ours, 500, "a fault of the server, which has logged it: try again";
    TooSlow = 4502, "too_slow", Overload, 503, "nothing was read for too long: reconnect";
    Overload = 4503, "overload", Overload, 503, "the server is at its limit: try again later";
}

impl CloseCode {
    /// Whether a session that ended so is over for good, wherever its visitor goes.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::SessionEndedVisitor | Self::SessionEndedAgent | Self::SessionEndedTimeout
        )
    }

    /// Whether somebody wanted that end: then it holds for every home of the session, and at whichever it was said.
    pub fn is_wanted(self) -> bool {
        self.is_final() && self != Self::SessionEndedTimeout
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_again_by_number_and_by_name() {
        for code in CloseCode::ALL {
            assert_eq!(CloseCode::from_code(code.code()), Some(code));
            assert_eq!(CloseCode::from_name(code.name()), Some(code));
            assert!((4000..5000).contains(&code.code()), "{code:?}");
        }
    }

    #[test]
    fn a_close_reason_fits_its_frame() {
        for code in CloseCode::ALL {
            // A WebSocket close frame has 123 bytes for the reason.
            assert!(code.name().len() <= 123);
        }
    }
}
