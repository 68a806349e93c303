use super::driver::Kind;
use super::values::{Found, Values, values};
use super::views::until;
use super::{CqlStore, SHARDS, shard_of};
use crate::entry::RoomKind;
use crate::ids::{ClientId, RoomId, Seq, UserId};
use crate::store::{LogStore, RoomKey, RoomRow, RoomStore, Statics, StoreResult};
use async_trait::async_trait;
use std::collections::HashMap;

const ROOM: &str = "SELECT kind, name, topic, created_at, created_by, pair_low, pair_high, floor FROM room WHERE id = ?";
const FACT: &str = "SELECT name, name_seq, topic, topic_seq FROM room_fact WHERE id = ?";
const CREATE: &str = "INSERT INTO room (id, kind, name, topic, created_at, created_by, pair_low, pair_high, floor) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS";
const LIST: &str =
    "INSERT INTO room_list (shard, room, kind, name) VALUES (?, ?, ?, ?) USING TIMESTAMP 0";
const LIST_NAME: &str =
    "UPDATE room_list USING TIMESTAMP ? SET name = ? WHERE shard = ? AND room = ?";
const NAME: &str = "UPDATE room_fact USING TIMESTAMP ? SET name = ?, name_seq = ? WHERE id = ?";
const TOPIC: &str = "UPDATE room_fact USING TIMESTAMP ? SET topic = ?, topic_seq = ? WHERE id = ?";
const PAIR: &str = "INSERT INTO pair (low, high, room) VALUES (?, ?, ?) IF NOT EXISTS";
const KEY: &str = "INSERT INTO room_key (creator, client_id, room) VALUES (?, ?, ?) IF NOT EXISTS";

const KEYS: &str = "SELECT creator, client_id, room FROM room_key";
const KEYS_AFTER: &str =
    "SELECT creator, client_id, room FROM room_key WHERE token(creator, client_id) > token(?, ?)";

fn room_of(id: RoomId, row: &Found) -> StoreResult<RoomRow> {
    let (low, high): (Option<UserId>, Option<UserId>) =
        (row.get("pair_low")?, row.get("pair_high")?);
    Ok(RoomRow {
        id,
        kind: row.get("kind")?,
        name: row.get("name")?,
        topic: row.get::<Option<String>>("topic")?.unwrap_or_default(),
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
        pair: low.zip(high),
        floor: row.get::<Option<Seq>>("floor")?.unwrap_or(0),
    })
}

impl CqlStore {
    /// An empty name is none: a null would let an older one show through.
    pub(super) async fn write_name(
        &self,
        room: RoomId,
        name: Option<&str>,
        seq: Seq,
    ) -> StoreResult<()> {
        let name = name.unwrap_or_default();
        futures_util::try_join!(
            self.driver.write(NAME, values![seq, name, seq, room]),
            self.driver
                .write(LIST_NAME, values![seq, name, shard_of(room.bytes()), room]),
        )?;
        Ok(())
    }

    pub(super) async fn write_topic(&self, room: RoomId, topic: &str, seq: Seq) -> StoreResult<()> {
        let values = values![seq, topic, seq, room];
        self.driver.write(TOPIC, values).await
    }

    async fn room_row(&self, id: RoomId) -> StoreResult<Option<RoomRow>> {
        let (row, fact) = futures_util::try_join!(
            self.driver.row(Kind::Read, ROOM, values![id]),
            self.driver.row(Kind::Read, FACT, values![id]),
        )?;
        let Some(row) = row else { return Ok(None) };
        let mut room = room_of(id, &row)?;
        if let Some(fact) = fact {
            if fact.get::<Option<Seq>>("name_seq")?.is_some() {
                room.name = fact
                    .get::<Option<String>>("name")?
                    .filter(|name| !name.is_empty());
            }
            if fact.get::<Option<Seq>>("topic_seq")?.is_some() {
                room.topic = fact.get::<Option<String>>("topic")?.unwrap_or_default();
            }
        }
        Ok(Some(room))
    }

    /// A conditional insert; answers the room that stands in its place.
    async fn claim_for(
        &self,
        text: &'static str,
        values: Values,
        room: RoomId,
    ) -> StoreResult<RoomId> {
        let (answer, _) = self.driver.settled(text, values).await?;
        match answer.applied {
            true => Ok(room),
            false => answer.row.get("room"),
        }
    }

    /// At most `limit` listed rooms of one shard above `after`.
    async fn listed(
        &self,
        shard: i32,
        after: Option<RoomId>,
        limit: usize,
    ) -> StoreResult<Vec<RoomId>> {
        let (text, values) = match after {
            None => ("SELECT room FROM room_list WHERE shard = ?", values![shard]),
            Some(after) => (
                "SELECT room FROM room_list WHERE shard = ? AND room > ?",
                values![shard, after],
            ),
        };
        let mut rooms = Vec::new();
        self.driver
            .each_row(Kind::Read, text, values, |row| {
                rooms.push(row.get("room")?);
                Ok(until(rooms.len() >= limit))
            })
            .await?;
        Ok(rooms)
    }
}

#[async_trait]
impl RoomStore for CqlStore {
    async fn create_room(&self, room: &RoomRow) -> StoreResult<bool> {
        if self.room_row(room.id).await?.is_some() {
            // Perhaps a crash left it without its first bucket.
            self.open_bucket(room.id, Statics::empty()).await?;
            return Ok(false);
        }
        // Listed first: a room that is there is never missing from the lists.
        let name = room.name.clone().unwrap_or_default();
        let listed = values![shard_of(room.id.bytes()), room.id, room.kind, name];
        self.driver.write(LIST, listed).await?;
        let values = values![
            room.id,
            room.kind,
            room.name.clone(),
            room.topic.as_str(),
            room.created_at,
            room.created_by,
            room.pair.map(|pair| pair.0),
            room.pair.map(|pair| pair.1),
            room.floor,
        ];
        let (answer, again) = self.driver.settled(CREATE, values).await?;
        let mine = answer.applied || (again && room_of(room.id, &answer.row)? == *room);
        self.open_bucket(room.id, Statics::empty()).await?;
        Ok(mine)
    }

    async fn room(&self, id: RoomId) -> StoreResult<Option<RoomRow>> {
        self.room_row(id).await
    }

    async fn rooms(&self, ids: &[RoomId]) -> StoreResult<HashMap<RoomId, RoomRow>> {
        let rooms = super::gather(ids, |id| self.room_row(*id)).await?;
        Ok(rooms
            .into_iter()
            .flatten()
            .map(|room| (room.id, room))
            .collect())
    }

    async fn claim_pair(&self, pair: (UserId, UserId), room: RoomId) -> StoreResult<RoomId> {
        self.claim_for(PAIR, values![pair.0, pair.1, room], room)
            .await
    }

    async fn claim_room_key(
        &self,
        creator: UserId,
        client_id: ClientId,
        room: RoomId,
    ) -> StoreResult<RoomId> {
        self.claim_for(KEY, values![creator, client_id, room], room)
            .await
    }

    async fn room_keys(&self, after: Option<RoomKey>, limit: usize) -> StoreResult<Vec<RoomKey>> {
        let (text, values) = match after {
            None => (KEYS, values![]),
            Some((of, key, _)) => (KEYS_AFTER, values![of, key]),
        };
        let mut keys = Vec::new();
        let each = |row: Found| {
            keys.push((row.get("creator")?, row.get("client_id")?, row.get("room")?));
            Ok(until(keys.len() >= limit))
        };
        self.driver.each_row(Kind::Read, text, values, each).await?;
        Ok(keys)
    }

    async fn public_rooms(
        &self,
        query: &str,
        after: Option<(String, RoomId)>,
        limit: usize,
    ) -> StoreResult<Vec<RoomRow>> {
        let query = query.to_lowercase();
        let text = "SELECT room, kind, name FROM room_list WHERE shard = ?";
        let shards: Vec<i32> = (0..SHARDS).collect();
        let found = super::gather(&shards, |shard| {
            self.driver.rows(Kind::Read, text, values![*shard])
        })
        .await?;
        let mut places = Vec::new();
        for row in found.iter().flatten() {
            let name: String = row.get::<Option<String>>("name")?.unwrap_or_default();
            let place = (name, row.get("room")?);
            let channel = row.get::<Option<RoomKind>>("kind")? == Some(RoomKind::Channel);
            if channel && place.0.to_lowercase().contains(&query) && Some(&place) > after.as_ref() {
                places.push(place);
            }
        }
        places.sort();
        let ids: Vec<_> = places.iter().take(limit).map(|(_, id)| *id).collect();
        let rooms = super::gather(&ids, |id| self.room_row(*id)).await?;
        Ok(rooms.into_iter().flatten().collect())
    }

    async fn all_rooms(&self, after: Option<RoomId>, limit: usize) -> StoreResult<Vec<RoomId>> {
        let shards: Vec<i32> = (0..SHARDS).collect();
        let found = super::gather(&shards, |shard| self.listed(*shard, after, limit)).await?;
        let mut ids: Vec<RoomId> = found.into_iter().flatten().collect();
        ids.sort_unstable();
        ids.truncate(limit);
        Ok(ids)
    }
}
