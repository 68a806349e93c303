//! What tests share.

pub mod node;
pub mod probe;
pub mod rounds;
