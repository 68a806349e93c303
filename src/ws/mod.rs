//! The edge of the WebSocket: who may connect, and bytes in and out. Rules are the session's.

pub mod socket;
