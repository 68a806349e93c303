//! What tests share.

pub mod node;
pub mod poll;
pub mod probe;
pub mod rounds;
pub mod welcome;
