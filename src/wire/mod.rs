//! The public frames (PROTOCOL.md §4), one file per direction. Only here is JSON of the socket known.

pub mod client;
pub mod json;
pub mod server;

#[cfg(test)]
mod asyncapi_tests;
#[cfg(test)]
mod tests;

/// The WebSocket contract, served at `/api/v1/asyncapi.json`.
pub const ASYNCAPI: &str = include_str!("asyncapi.json");

/// The one subprotocol.
pub const SUBPROTOCOL: &str = "chapiana.v1";

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// 1001: the node goes away.
    GoingAway,
    /// 1007: a text frame that is not UTF-8.
    InvalidUtf8,
    /// 1008: over a limit that only a broken client passes.
    Policy,
    /// 1009: over `FRAME_BYTES_MAX`.
    TooLarge,
    /// 1011: our own failure.
    Internal,
    /// 4001: not authenticated, or the session was revoked.
    Unauthenticated,
    /// 4008: reads too slowly.
    TooSlow,
    /// 4009: not the protocol.
    Protocol,
    /// 4010: no hello in time.
    NoHello,
}

impl CloseCode {
    /// The number on the wire.
    pub fn number(self) -> u16 {
        match self {
            CloseCode::GoingAway => 1001,
            CloseCode::InvalidUtf8 => 1007,
            CloseCode::Policy => 1008,
            CloseCode::TooLarge => 1009,
            CloseCode::Internal => 1011,
            CloseCode::Unauthenticated => 4001,
            CloseCode::TooSlow => 4008,
            CloseCode::Protocol => 4009,
            CloseCode::NoHello => 4010,
        }
    }

    /// The reason text beside the number.
    pub fn reason(self) -> &'static str {
        match self {
            CloseCode::GoingAway => "going_away",
            CloseCode::InvalidUtf8 => "invalid_utf8",
            CloseCode::Policy => "policy",
            CloseCode::TooLarge => "too_large",
            CloseCode::Internal => "internal",
            CloseCode::Unauthenticated => "unauthenticated",
            CloseCode::TooSlow => "too_slow",
            CloseCode::Protocol => "protocol_error",
            CloseCode::NoHello => "no_hello",
        }
    }
}
