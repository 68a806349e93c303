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
mod leases;
mod log;
pub mod memory;
mod people;
pub mod places;
mod queries;
mod rooms;
pub mod rules;
pub mod scene;
pub mod timers;
pub mod views;

pub use derived::*;
pub use error::*;
pub use leases::*;
pub use log::*;
pub use people::*;
pub use places::{RoomEnd, RoomPlace};
pub use queries::LogQueries;
pub use rooms::*;
pub use scene::Scene;
pub use timers::{Cancelled, DueTimer, Placed, SetTimer, Task, Timer, TimerStore};

use crate::clock::Timestamp;
use crate::ids::{RoomId, UserId};
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
pub trait Store:
    LogStore + ViewStore + RoomStore + PeopleStore + LeaseStore + TimerStore + 'static
{
    fn durability(&self) -> Durability;
    /// What time it is where the store is, if that is another machine.
    async fn clock(&self) -> StoreResult<Option<Timestamp>> {
        Ok(None)
    }
    /// Comes to rest: what was asked for is finished, what is asked for later is refused.
    async fn close(&self) {}
    /// Whether `append` writes the views of its entries in the same transaction, so that after the
    /// acknowledgement there is nothing left to write but what is erased.
    fn appends_views(&self) -> bool {
        false
    }
    /// Whether nobody but this process can write to it.
    fn is_alone(&self) -> bool {
        false
    }
    /// Its count of queries of the log.
    fn log_queries(&self) -> &LogQueries;
    /// All rooms of a person with what the list of rooms shows of each, in no order. One moment
    /// where the store can tell one; otherwise put together from the methods above.
    async fn places(&self, user: UserId) -> StoreResult<Vec<RoomPlace>> {
        places::put_together(self, user).await
    }
    /// What of a room is the same for everybody in it. `None`: no such room.
    async fn room_end(&self, room: RoomId) -> StoreResult<Option<RoomEnd>> {
        places::room_end(self, room).await
    }
    /// The newest `most` entries of a room with what shows their messages. One moment where the
    /// store can tell one. `None`: no such room.
    async fn newest(&self, room: RoomId, most: usize) -> StoreResult<Option<Scene>> {
        scene::put_together(self, room, most).await
    }
}
