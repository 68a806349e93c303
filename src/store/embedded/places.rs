//! The rooms of a person in one walk over the tables, at one moment.

use super::log::{entries, statics_at};
use super::rooms::{ROOM_COLUMNS, room_at};
use super::rows::Word;
use super::views::{marker_at, mention_count};
use crate::ids::UserId;
use crate::store::{Marker, RoomPlace, StoreResult};
use rusqlite::{Connection, Row};

/// Columns of a row of `SQL` before those of the room.
const STATICS: usize = 1;
const MARKER: usize = 8;
const ROOM: usize = 13;

fn place_of(row: &Row<'_>) -> rusqlite::Result<RoomPlace> {
    let Word(role) = row.get(0)?;
    let marked: Option<u64> = row.get(MARKER)?;
    Ok(RoomPlace {
        room: room_at(row, ROOM)?,
        role,
        statics: statics_at(row, STATICS)?,
        tail: Vec::new(),
        marker: match marked {
            Some(_) => marker_at(row, MARKER)?,
            None => Marker::default(),
        },
        mentions: 0,
    })
}

pub(super) fn places(connection: &Connection, user: UserId) -> StoreResult<Vec<RoomPlace>> {
    let sql = format!(
        "SELECT m.role, b.bucket, b.owner, b.epoch, b.next_seq, b.ord, b.chain, b.viewed,
                k.generation, k.read, k.read_ord, k.delivered, k.read_at, {ROOM_COLUMNS}
         FROM member AS m
         CROSS JOIN room ON room.id = m.room
         CROSS JOIN bucket AS b ON b.room = m.room
              AND b.bucket = (SELECT max(bucket) FROM bucket WHERE room = m.room)
         LEFT JOIN marker AS k ON k.room = m.room AND k.user = m.user
         WHERE m.user = ?1 AND m.role IS NOT NULL"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map([user], place_of)?;
    let mut places = rows.collect::<Result<Vec<_>, _>>()?;
    for place in &mut places {
        let (room, head) = (place.room.id, place.statics.head());
        if head > 0 {
            let from = place.statics.viewed.min(head - 1) + 1;
            place.tail = entries(connection, room, from, head)?;
        }
        if let Some(upto) = place.mentions_upto() {
            place.mentions = mention_count(connection, room, user, place.marker.read, upto)?;
        }
    }
    Ok(places)
}
