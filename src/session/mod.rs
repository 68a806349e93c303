//! One connection of one person.

pub mod order;
