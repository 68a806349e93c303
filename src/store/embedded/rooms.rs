use super::EmbeddedStore;
use super::rows::Word;
use crate::ids::{ClientId, RoomId, UserId};
use crate::store::{RoomKey, RoomRow, RoomStore, Statics, StoreResult};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::HashMap;

/// How a name is searched for.
pub(super) fn fold(name: Option<&str>) -> String {
    name.unwrap_or_default().to_lowercase()
}

pub(super) const ROOM_COLUMNS: &str = "room.id, room.kind, room.name, room.topic, room.created_at, \
    room.created_by, room.pair_low, room.pair_high, room.floor";

fn room_of(row: &Row<'_>) -> rusqlite::Result<RoomRow> {
    room_at(row, 0)
}

/// Reads `ROOM_COLUMNS` from the column `first` on.
pub(super) fn room_at(row: &Row<'_>, first: usize) -> rusqlite::Result<RoomRow> {
    let Word(kind) = row.get(first + 1)?;
    let low: Option<UserId> = row.get(first + 6)?;
    let high: Option<UserId> = row.get(first + 7)?;
    Ok(RoomRow {
        id: row.get(first)?,
        kind,
        name: row.get(first + 2)?,
        topic: row.get(first + 3)?,
        created_at: row.get(first + 4)?,
        created_by: row.get(first + 5)?,
        pair: low.zip(high),
        floor: row.get(first + 8)?,
    })
}

pub(super) fn room(connection: &Connection, id: RoomId) -> StoreResult<Option<RoomRow>> {
    let sql = format!("SELECT {ROOM_COLUMNS} FROM room WHERE id = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement.query_row([id], room_of).optional()?)
}

fn create(connection: &Connection, room: &RoomRow) -> StoreResult<bool> {
    let sql = "INSERT INTO room (id, kind, name, name_folded, name_seq, topic, topic_seq,
                                 created_at, created_by, pair_low, pair_high, floor)
               VALUES (?1, ?2, ?3, ?4, 0, ?5, 0, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING";
    let created = connection.prepare_cached(sql)?.execute(params![
        room.id,
        Word(room.kind),
        room.name,
        fold(room.name.as_deref()),
        room.topic,
        room.created_at,
        room.created_by,
        room.pair.map(|pair| pair.0),
        room.pair.map(|pair| pair.1),
        room.floor,
    ])?;
    if created == 1 {
        super::log::open(connection, room.id, &Statics::empty())?;
    }
    Ok(created == 1)
}

#[async_trait]
impl RoomStore for EmbeddedStore {
    async fn create_room(&self, room: &RoomRow) -> StoreResult<bool> {
        let room = room.clone();
        self.write(move |connection| create(connection, &room))
            .await
    }

    async fn room(&self, id: RoomId) -> StoreResult<Option<RoomRow>> {
        self.read(move |connection| room(connection, id)).await
    }

    async fn rooms(&self, ids: &[RoomId]) -> StoreResult<HashMap<RoomId, RoomRow>> {
        let ids = ids.to_vec();
        self.read(move |connection| {
            let mut rooms = HashMap::with_capacity(ids.len());
            for id in ids {
                if let Some(row) = room(connection, id)? {
                    rooms.insert(id, row);
                }
            }
            Ok(rooms)
        })
        .await
    }

    async fn claim_pair(&self, pair: (UserId, UserId), room: RoomId) -> StoreResult<RoomId> {
        self.write(move |connection| {
            let sql = "INSERT INTO pair (low, high, room) VALUES (?1, ?2, ?3)
                       ON CONFLICT DO NOTHING";
            let mut statement = connection.prepare_cached(sql)?;
            statement.execute(params![pair.0, pair.1, room])?;
            let sql = "SELECT room FROM pair WHERE low = ?1 AND high = ?2";
            let mut statement = connection.prepare_cached(sql)?;
            Ok(statement.query_row(params![pair.0, pair.1], |row| row.get(0))?)
        })
        .await
    }

    async fn claim_room_key(
        &self,
        creator: UserId,
        client_id: ClientId,
        room: RoomId,
    ) -> StoreResult<RoomId> {
        self.write(move |connection| {
            let sql = "INSERT INTO room_key (creator, client_id, room) VALUES (?1, ?2, ?3)
                       ON CONFLICT DO NOTHING";
            let mut statement = connection.prepare_cached(sql)?;
            statement.execute(params![creator, client_id, room])?;
            let sql = "SELECT room FROM room_key WHERE creator = ?1 AND client_id = ?2";
            let mut statement = connection.prepare_cached(sql)?;
            Ok(statement.query_row(params![creator, client_id], |row| row.get(0))?)
        })
        .await
    }

    async fn room_keys(&self, after: Option<RoomKey>, limit: usize) -> StoreResult<Vec<RoomKey>> {
        self.read(move |connection| {
            let of = after.map_or(Vec::new(), |(of, _, _)| of.bytes().to_vec());
            let key = after.map_or(Vec::new(), |(_, key, _)| key.bytes().to_vec());
            let sql = "SELECT creator, client_id, room FROM room_key
                       WHERE (creator, client_id) > (?1, ?2) ORDER BY creator, client_id LIMIT ?3";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map(params![of, key, limit], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn public_rooms(
        &self,
        query: &str,
        after: Option<(String, RoomId)>,
        limit: usize,
    ) -> StoreResult<Vec<RoomRow>> {
        let query = query.to_lowercase();
        self.read(move |connection| {
            let (name, id) = after.unzip();
            let sql = format!(
                "SELECT {ROOM_COLUMNS} FROM room
                 WHERE kind = 'channel' AND instr(name_folded, ?1) > 0
                   AND (?3 IS NULL OR (coalesce(name, ''), id) > (?2, ?3))
                 ORDER BY coalesce(name, ''), id LIMIT ?4"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![query, name, id, limit], room_of)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn all_rooms(&self, after: Option<RoomId>, limit: usize) -> StoreResult<Vec<RoomId>> {
        self.read(move |connection| {
            let after = after.map_or(Vec::new(), |room| room.bytes().to_vec());
            let sql = "SELECT id FROM room WHERE id > ?1 ORDER BY id LIMIT ?2";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map(params![after, limit], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}
