//! What tests share.

pub mod node;
pub mod poll;
pub mod probe;
pub mod redis;
pub mod rounds;
pub mod stand;
pub mod welcome;
