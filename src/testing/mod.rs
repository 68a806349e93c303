//! What tests share.

pub mod probe;
