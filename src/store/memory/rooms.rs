use super::MemoryStore;
use crate::entry::RoomKind;
use crate::ids::{ClientId, RoomId, UserId};
use crate::store::{RoomKey, RoomRow, RoomStore, Statics, StoreResult};
use async_trait::async_trait;
use std::collections::HashMap;
use std::ops::Bound;

#[async_trait]
impl RoomStore for MemoryStore {
    async fn create_room(&self, room: &RoomRow) -> StoreResult<bool> {
        let mut tables = self.tables();
        if tables.rooms.contains_key(&room.id) {
            return Ok(false);
        }
        tables.rooms.insert(room.id, room.clone());
        let first = tables.buckets.entry((room.id, 0));
        first.or_insert_with(Statics::empty);
        Ok(true)
    }

    async fn room(&self, id: RoomId) -> StoreResult<Option<RoomRow>> {
        self.pass().await;
        Ok(self.tables().rooms.get(&id).cloned())
    }

    async fn rooms(&self, ids: &[RoomId]) -> StoreResult<HashMap<RoomId, RoomRow>> {
        let tables = self.tables();
        let row = |id: &RoomId| Some((*id, tables.rooms.get(id)?.clone()));
        Ok(ids.iter().filter_map(row).collect())
    }

    async fn claim_pair(&self, pair: (UserId, UserId), room: RoomId) -> StoreResult<RoomId> {
        Ok(*self.tables().pairs.entry(pair).or_insert(room))
    }

    async fn claim_room_key(
        &self,
        creator: UserId,
        client_id: ClientId,
        room: RoomId,
    ) -> StoreResult<RoomId> {
        let mut tables = self.tables();
        Ok(*tables.room_keys.entry((creator, client_id)).or_insert(room))
    }

    async fn room_keys(&self, after: Option<RoomKey>, limit: usize) -> StoreResult<Vec<RoomKey>> {
        let from = after.map_or(Bound::Unbounded, |(of, key, _)| Bound::Excluded((of, key)));
        let tables = self.tables();
        let keys = tables.room_keys.range((from, Bound::Unbounded));
        let keys = keys.map(|((of, key), room)| (*of, *key, *room));
        Ok(keys.take(limit).collect())
    }

    async fn public_rooms(
        &self,
        query: &str,
        after: Option<(String, RoomId)>,
        limit: usize,
    ) -> StoreResult<Vec<RoomRow>> {
        let query = query.to_lowercase();
        let tables = self.tables();
        let mut rows: Vec<_> = tables
            .rooms
            .values()
            .filter(|row| row.kind == RoomKind::Channel)
            .map(|row| ((row.name.clone().unwrap_or_default(), row.id), row))
            .filter(|((name, _), _)| name.to_lowercase().contains(&query))
            .filter(|(place, _)| after.as_ref().is_none_or(|after| place > after))
            .collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        let rows = rows.into_iter().map(|(_, row)| row.clone());
        Ok(rows.take(limit).collect())
    }

    async fn all_rooms(&self, after: Option<RoomId>, limit: usize) -> StoreResult<Vec<RoomId>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let tables = self.tables();
        let ids = tables.rooms.range((from, Bound::Unbounded));
        Ok(ids.map(|(id, _)| *id).take(limit).collect())
    }
}
