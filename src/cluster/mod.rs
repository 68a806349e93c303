//! Several nodes as one server (DESIGN.md §3–§5): who is there, where a room should live, what goes
//! to whom, and how a loss is noticed.
//!
//! Nothing here decides what is true. The store does: who owns a room, what stands in its log. All
//! that passes between nodes is a hint or a wake-up, and what is lost is read from the store.

pub mod admission;
pub mod message;
pub mod shell;
pub mod state;
#[cfg(test)]
mod tests;
pub mod wire;
