//! The log: entries, the statics of its buckets, and the writes that may touch them.

use super::{Guard, StoreResult};
use crate::entry::{Hash, StoredEntry};
use crate::ids::{Ordinal, OwnerId, RoomId, Seq};
use async_trait::async_trait;
use std::collections::HashMap;

/// The static columns of a room's last bucket: who owns it and where the log ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statics {
    pub bucket: u64,
    /// `None` before the first take-over.
    pub owner: Option<OwnerId>,
    pub epoch: u64,
    /// The seq that the next entry gets; head = next_seq − 1.
    pub next_seq: Seq,
    pub ord: Ordinal,
    pub chain: Hash,
    /// Every view is written up to here (R6).
    pub viewed: Seq,
}

impl Statics {
    /// A new room: nothing in it.
    pub fn empty() -> Self {
        Self {
            bucket: 0,
            owner: None,
            epoch: 0,
            next_seq: 1,
            ord: 0,
            chain: [0; 32],
            viewed: 0,
        }
    }
    pub fn head(&self) -> Seq {
        self.next_seq - 1
    }
}

/// One conditional append (R2): applied only if the bucket's owner is `owner` and its next_seq is
/// `expected_next`. All entries have `seq` in this bucket, rising from `expected_next` without gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    pub room: RoomId,
    pub bucket: u64,
    pub owner: OwnerId,
    pub expected_next: Seq,
    pub entries: Vec<StoredEntry>,
    /// Written with the entries before the acknowledgement (R6).
    pub guards: Vec<Guard>,
    /// Statics after the batch.
    pub ord: Ordinal,
    pub chain: Hash,
    pub viewed: Seq,
}

/// What a conditional write answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Applied,
    /// Not applied; the statics as they are. `None`: no such bucket. The caller resolves by R3.
    Refused(Option<Statics>),
}

/// The log table: only conditional writes touch it (R6).
#[async_trait]
pub trait LogStore: Send + Sync {
    /// The statics of the room's last bucket, found by probing upwards from `from_bucket` (SERIAL). `None`: no log.
    async fn last_bucket(&self, room: RoomId, from_bucket: u64) -> StoreResult<Option<Statics>>;
    /// R1: sets `me` and `epoch` as owner of `bucket` if the owner is still `expected`.
    async fn take_over(
        &self,
        room: RoomId,
        bucket: u64,
        expected: Option<OwnerId>,
        me: OwnerId,
        epoch: u64,
    ) -> StoreResult<Outcome>;
    /// R9: opens `statics.bucket` if it does not exist. Bucket 0 is opened when the room is created.
    async fn open_bucket(&self, room: RoomId, statics: Statics) -> StoreResult<Outcome>;
    /// R2: entries, guards and statics, or nothing.
    async fn append(&self, batch: &Batch) -> StoreResult<Outcome>;
    /// Raw entries `from..=to` ascending, at most `limit`, not redacted beyond what was erased. Holes are `Corrupt`
    /// below the head and the end at it. `serial`: what a new owner needs (R4).
    async fn log(
        &self,
        room: RoomId,
        from: Seq,
        to: Seq,
        limit: usize,
        serial: bool,
    ) -> StoreResult<Vec<StoredEntry>>;
    /// R15: nulls content and salt of each seq whose digest is the given one. Idempotent.
    async fn erase(&self, room: RoomId, contents: &[(Seq, Hash)]) -> StoreResult<()>;
    /// Heads of many rooms: (head seq, ord). Rooms without a log are left out.
    async fn heads(&self, rooms: &[RoomId]) -> StoreResult<HashMap<RoomId, (Seq, Ordinal)>>;
}
