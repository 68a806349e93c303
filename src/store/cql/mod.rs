//! The cluster's store: ScyllaDB or Apache Cassandra by CQL, from `schema.cql`.
//!
//! Only conditional writes touch the log (R6), in one batch on one partition (R2). What is derived is
//! written with the entry's seq as its timestamp, so that redoing it is harmless. A write whose outcome
//! is not known is repeated as it is (R3): by the room's owner for appends, in here for everything else.

mod connect;
mod driver;
mod entries;
mod later;
mod leases;
mod log;
mod markers;
mod people;
mod place;
mod rooms;
mod route;
mod scene;
mod schema;
#[cfg(test)]
mod tests;
mod timers;
mod values;
mod views;

pub use place::{CqlPlace, Secret};

use super::{Durability, LogQueries, RoomEnd, RoomPlace, Scene, Store, StoreError, StoreResult};
use crate::clock::Timestamp;
use crate::ids::{RoomId, Seq, UserId};
use crate::limits::STORE_KNOWN_ROOMS_MAX;
use async_trait::async_trait;
use driver::{Driver, Kind};
use futures_util::future::try_join_all;
use later::Later;
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Duration;
use values::values;

/// Partitions over which lists of everything are spread.
const SHARDS: i32 = 16;
/// Statements of one call that are under way at once.
const AT_ONCE: usize = 64;
/// How often the store is asked whether it has a quorum.
const PROBE_EVERY: Duration = Duration::from_secs(2);

/// The clustered store.
pub struct CqlStore {
    driver: Arc<Driver>,
    /// Markers that follow their acknowledgement.
    later: Later,
    bucket_bits: u32,
    /// Last bucket and head of rooms, at least: where a search begins.
    known: Mutex<HashMap<RoomId, (u64, Seq)>>,
    places: timers::Places,
    /// There are people: it never changes back.
    peopled: AtomicBool,
    durability: RwLock<Durability>,
}

impl CqlStore {
    /// Connects and checks that schema and replication are fit (R10).
    pub async fn open(place: &CqlPlace, bucket_bits: u32) -> StoreResult<Arc<Self>> {
        let session = connect::session(place).await?;
        let quorum = schema::check(&session, place, bucket_bits).await?;
        connect::enter(&session, place).await?;
        let store = Arc::new(Self {
            driver: Arc::new(Driver::new(session, quorum)),
            later: Later::default(),
            bucket_bits,
            known: Mutex::default(),
            places: timers::Places::default(),
            peopled: AtomicBool::new(false),
            durability: RwLock::new(Durability::Durable),
        });
        tokio::spawn(watch(Arc::downgrade(&store)));
        Ok(store)
    }

    /// Creates or brings up to date what `place` needs; says what was done. Harmless to repeat.
    /// `copies`: how many each data centre is to have, if not the usual ones.
    pub async fn apply_schema(
        place: &CqlPlace,
        bucket_bits: u32,
        copies: Option<usize>,
    ) -> StoreResult<String> {
        let session = connect::session(place).await?;
        schema::apply(&session, place, bucket_bits, copies).await
    }

    #[cfg(test)]
    pub(crate) async fn drop_keyspace(place: &CqlPlace) -> StoreResult<()> {
        let session = connect::session(place).await?;
        schema::drop_keyspace(&session, place).await
    }

    #[cfg(test)]
    pub(crate) async fn empty_keyspace(place: &CqlPlace) -> StoreResult<()> {
        let session = connect::session(place).await?;
        schema::empty(&session, place).await
    }

    fn known(&self) -> MutexGuard<'_, HashMap<RoomId, (u64, Seq)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known_bucket(&self, room: RoomId) -> u64 {
        self.known().get(&room).map_or(0, |(bucket, _)| *bucket)
    }

    fn known_head(&self, room: RoomId) -> Seq {
        self.known().get(&room).map_or(0, |(_, head)| *head)
    }

    /// Both only rise.
    fn note(&self, room: RoomId, bucket: u64, head: Seq) {
        let mut known = self.known();
        if known.len() >= STORE_KNOWN_ROOMS_MAX && !known.contains_key(&room) {
            known.clear();
        }
        let place = known.entry(room).or_default();
        *place = (place.0.max(bucket), place.1.max(head));
    }

    /// A read that only a quorum can answer.
    async fn probe(&self) -> Durability {
        let text = "SELECT value FROM meta WHERE key = 'schema'";
        match self.driver.row(Kind::SerialRead, text, values![]).await {
            Ok(_) => Durability::Durable,
            Err(error) => Durability::NotDurable(format!("no quorum of the store: {error}")),
        }
    }
}

/// Keeps `durability` true, until the store is gone.
async fn watch(store: Weak<CqlStore>) {
    let mut turns = tokio::time::interval(PROBE_EVERY);
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        let Some(store) = store.upgrade() else {
            return;
        };
        let found = store.probe().await;
        let mut place = store
            .durability
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if *place != found {
            tracing::warn!(durability = ?found, "the store changed");
        }
        *place = found;
    }
}

#[async_trait]
impl Store for CqlStore {
    fn durability(&self) -> Durability {
        let durability = self.durability.read();
        durability.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn log_queries(&self) -> &LogQueries {
        &self.driver.queries
    }

    async fn clock(&self) -> StoreResult<Option<Timestamp>> {
        let text = "SELECT toTimestamp(now()) AS at FROM system.local";
        let row = self.driver.row(Kind::Read, text, values![]).await?;
        row.map(|row| row.get("at")).transpose()
    }

    async fn places(&self, user: UserId) -> StoreResult<Vec<RoomPlace>> {
        self.places_of(user).await
    }

    async fn room_end(&self, room: RoomId) -> StoreResult<Option<RoomEnd>> {
        self.facts_and_end(room).await
    }

    async fn newest(&self, room: RoomId, most: usize) -> StoreResult<Option<Scene>> {
        self.newest_scene(room, most).await
    }
}

/// Where the list entry of an id stands.
fn shard_of(id: &[u8; 16]) -> i32 {
    i32::from(id[15] % 16)
}

/// Does `work` for all items, some at once; answers in their order.
async fn gather<'a, I, T, F>(
    items: &'a [I],
    mut work: impl FnMut(&'a I) -> F,
) -> StoreResult<Vec<T>>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut answers = Vec::with_capacity(items.len());
    for some in items.chunks(AT_ONCE) {
        answers.extend(try_join_all(some.iter().map(&mut work)).await?);
    }
    Ok(answers)
}
