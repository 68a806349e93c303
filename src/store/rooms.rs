//! Rooms without their logs.

use super::StoreResult;
use crate::clock::Timestamp;
use crate::entry::RoomKind;
use crate::ids::{ClientId, RoomId, Seq, UserId};
use async_trait::async_trait;
use std::collections::HashMap;

/// The key of a founding, and the room that it made.
pub type RoomKey = (UserId, ClientId, RoomId);

/// A room without its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRow {
    pub id: RoomId,
    pub kind: RoomKind,
    pub name: Option<String>,
    pub topic: String,
    pub created_at: Timestamp,
    pub created_by: UserId,
    /// The two people of a direct room, lower id first.
    pub pair: Option<(UserId, UserId)>,
    /// Retention removed everything up to here.
    pub floor: Seq,
}

#[async_trait]
pub trait RoomStore: Send + Sync {
    /// Creates the row and bucket 0; `false` if the id exists (then nothing changes).
    async fn create_room(&self, room: &RoomRow) -> StoreResult<bool>;
    async fn room(&self, id: RoomId) -> StoreResult<Option<RoomRow>>;
    async fn rooms(&self, ids: &[RoomId]) -> StoreResult<HashMap<RoomId, RoomRow>>;
    /// Conditional insert; answers the room that holds the pair (lower id first).
    async fn claim_pair(&self, pair: (UserId, UserId), room: RoomId) -> StoreResult<RoomId>;
    /// Conditional insert; answers the room that holds (creator, client_id).
    async fn claim_room_key(
        &self,
        creator: UserId,
        client_id: ClientId,
        room: RoomId,
    ) -> StoreResult<RoomId>;
    /// What `claim_room_key` holds, each once, in an order of the store's own, after `after` in it.
    async fn room_keys(&self, after: Option<RoomKey>, limit: usize) -> StoreResult<Vec<RoomKey>>;
    /// Public channels whose name contains `query`, by (name, id), after the cursor's place.
    async fn public_rooms(
        &self,
        query: &str,
        after: Option<(String, RoomId)>,
        limit: usize,
    ) -> StoreResult<Vec<RoomRow>>;
    /// Every room by id, for `verify`, export and copy.
    async fn all_rooms(&self, after: Option<RoomId>, limit: usize) -> StoreResult<Vec<RoomId>>;
}
