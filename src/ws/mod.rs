//! The edge of the WebSocket: who may connect, and bytes in and out. Rules are the session's.

mod axum_socket;
pub mod socket;
#[cfg(test)]
mod tests;
pub mod upgrade;

pub use upgrade::*;
