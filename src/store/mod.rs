//! The store: the one edge behind which history, people and places are kept.
//!
//! The methods are one to one with the queries of `schema.cql`; `embedded` is SQLite, `memory` is the
//! model that the simulation breaks on purpose. Every implementation passes `conformance`.
//!
//! Look-ups return `Option`: absence is not an error. An `Err` of a *write* is always "outcome not
//! known" unless its variant says otherwise (R3).

#[cfg(test)]
pub(crate) mod conformance;
pub mod cql;
mod derived;
pub mod embedded;
mod error;
mod facts;
mod log;
pub mod memory;
mod people;
mod rooms;
pub mod rules;
pub mod views;

pub use derived::*;
pub use error::*;
pub use log::*;
pub use people::*;
pub use rooms::*;

use async_trait::async_trait;

/// What the readiness probe says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Durability {
    Durable,
    /// With the reason for the operator.
    NotDurable(String),
}

/// The whole edge.
#[async_trait]
pub trait Store: LogStore + ViewStore + RoomStore + PeopleStore + 'static {
    fn durability(&self) -> Durability;
    /// Comes to rest: what was asked for is finished, what is asked for later is refused.
    async fn close(&self) {}
}
