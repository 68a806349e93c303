//! The edge of the WebSocket: who may connect, and bytes in and out. Rules are the session's.

mod axum_socket;
#[cfg(test)]
mod catch_up_tests;
mod codec;
mod direct_socket;
mod handshake;
mod line;
pub mod socket;
#[cfg(test)]
mod tests;
pub mod upgrade;

pub use upgrade::*;
