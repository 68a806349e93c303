//! Chapiana: a self-hosted real-time chat server. ARCHITECTURE.md is the map.

pub mod access;
pub mod clock;
pub mod draft;
pub mod entry;
pub mod error;
pub mod ids;
pub mod limits;
pub mod rate;
pub mod room;
pub mod session;
pub mod store;
