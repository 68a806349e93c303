use super::EmbeddedStore;
use super::rows::{entry_of, insert_entry};
use super::transaction::Transaction;
use super::views::{apply_guard, apply_view};
use crate::entry::{Hash, StoredEntry};
use crate::ids::{Ordinal, OwnerId, RoomId, Seq};
use crate::store::views::views_of;
use crate::store::{Batch, LogStore, Outcome, Statics, StoreResult, rules};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::HashMap;

fn statics_of(row: &Row<'_>) -> rusqlite::Result<Statics> {
    statics_at(row, 0)
}

/// Reads the seven columns from `first` on.
pub(super) fn statics_at(row: &Row<'_>, first: usize) -> rusqlite::Result<Statics> {
    Ok(Statics {
        bucket: row.get(first)?,
        owner: row.get(first + 1)?,
        epoch: row.get(first + 2)?,
        next_seq: row.get(first + 3)?,
        ord: row.get(first + 4)?,
        chain: row.get(first + 5)?,
        viewed: row.get(first + 6)?,
    })
}

/// The statics of the room's last bucket.
pub(super) fn last(connection: &Connection, room: RoomId) -> StoreResult<Option<Statics>> {
    let sql = "SELECT bucket, owner, epoch, next_seq, ord, chain, viewed FROM bucket
               WHERE room = ?1 ORDER BY bucket DESC LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_row([room], statics_of).optional()?)
}

fn statics(connection: &Connection, room: RoomId, bucket: u64) -> StoreResult<Option<Statics>> {
    let sql = "SELECT bucket, owner, epoch, next_seq, ord, chain, viewed FROM bucket
               WHERE room = ?1 AND bucket = ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_row(params![room, bucket], statics_of);
    Ok(found.optional()?)
}

/// Inserts `statics` if the bucket is not there.
pub(super) fn open(connection: &Connection, room: RoomId, statics: &Statics) -> StoreResult<bool> {
    let sql = "INSERT INTO bucket (room, bucket, owner, epoch, next_seq, ord, chain, viewed)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";
    let opened = connection.prepare_cached(sql)?.execute(params![
        room,
        statics.bucket,
        statics.owner,
        statics.epoch,
        statics.next_seq,
        statics.ord,
        statics.chain,
        statics.viewed,
    ])?;
    Ok(opened == 1)
}

/// The entries with their guards, and with their views too: in one transaction they cost one
/// statement each, later a way through the whole program.
fn append(connection: &Transaction<'_>, batch: &Batch) -> StoreResult<Outcome> {
    let sql = "UPDATE bucket SET next_seq = ?5, ord = ?6, chain = ?7, viewed = ?8
               WHERE room = ?1 AND bucket = ?2 AND owner = ?3 AND next_seq = ?4";
    let values = params![
        batch.room,
        batch.bucket,
        batch.owner,
        batch.expected_next,
        batch.expected_next + batch.entries.len() as u64,
        batch.ord,
        batch.chain,
        batch.viewed,
    ];
    if connection.execute(sql, values)? == 0 {
        return Ok(Outcome::Refused(statics(
            connection,
            batch.room,
            batch.bucket,
        )?));
    }
    for stored in &batch.entries {
        insert_entry(connection, stored)?;
    }
    for guard in &batch.guards {
        apply_guard(connection, guard)?;
    }
    for stored in &batch.entries {
        for view in views_of(&stored.entry) {
            apply_view(connection, batch.room, &view)?;
        }
    }
    Ok(Outcome::Applied)
}

fn page(
    connection: &Connection,
    room: RoomId,
    from: Seq,
    to: Seq,
    limit: usize,
) -> StoreResult<Vec<StoredEntry>> {
    let head = last(connection, room)?.map_or(0, |statics| statics.head());
    let mut statement = connection.prepare_cached("SELECT floor FROM room WHERE id = ?1")?;
    let floor = statement.query_row([room], |row| row.get(0)).optional()?;
    let (from, to) = (from.max(floor.unwrap_or(0) + 1), to.min(head));
    if from > to || limit == 0 {
        return Ok(Vec::new());
    }
    let until = to.min(from.saturating_add(limit as u64 - 1));
    entries(connection, room, from, until)
}

/// The entries `from..=to`, all of which there must be.
pub(super) fn entries(
    connection: &Connection,
    room: RoomId,
    from: Seq,
    to: Seq,
) -> StoreResult<Vec<StoredEntry>> {
    let sql = "SELECT room, seq, ord, at, by, client_id, kind, target, user, role, content, extra,
                      salt, digest, link
               FROM log WHERE room = ?1 AND seq BETWEEN ?2 AND ?3 ORDER BY seq";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![room, from, to])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(entry_of(row)?);
    }
    rules::check_run(&entries, from, to)?;
    Ok(entries)
}

#[async_trait]
impl LogStore for EmbeddedStore {
    async fn last_bucket(&self, room: RoomId, _from_bucket: u64) -> StoreResult<Option<Statics>> {
        self.queries.count();
        self.read(move |connection| last(connection, room)).await
    }

    async fn take_over(
        &self,
        room: RoomId,
        bucket: u64,
        expected: Option<OwnerId>,
        me: OwnerId,
        epoch: u64,
    ) -> StoreResult<Outcome> {
        self.write(move |connection| {
            let sql = "UPDATE bucket SET owner = ?3, epoch = ?4
                       WHERE room = ?1 AND bucket = ?2 AND owner IS ?5";
            let mut statement = connection.prepare_cached(sql)?;
            if statement.execute(params![room, bucket, me, epoch, expected])? == 1 {
                return Ok(Outcome::Applied);
            }
            Ok(Outcome::Refused(statics(connection, room, bucket)?))
        })
        .await
    }

    async fn open_bucket(&self, room: RoomId, opened: Statics) -> StoreResult<Outcome> {
        self.write(move |connection| {
            if open(connection, room, &opened)? {
                return Ok(Outcome::Applied);
            }
            Ok(Outcome::Refused(statics(connection, room, opened.bucket)?))
        })
        .await
    }

    async fn append(&self, batch: &Batch) -> StoreResult<Outcome> {
        rules::check_batch(batch, self.bucket_bits)?;
        let batch = batch.clone();
        self.write(move |connection| append(connection, &batch))
            .await
    }

    async fn log(
        &self,
        room: RoomId,
        from: Seq,
        to: Seq,
        limit: usize,
        _serial: bool,
    ) -> StoreResult<Vec<StoredEntry>> {
        self.queries.count();
        self.read(move |connection| page(connection, room, from, to, limit))
            .await
    }

    async fn erase(&self, room: RoomId, contents: &[(Seq, Hash)]) -> StoreResult<()> {
        let contents = contents.to_vec();
        self.write(move |connection| {
            let sql = "UPDATE log SET content = NULL, salt = NULL
                       WHERE room = ?1 AND seq = ?2 AND digest = ?3 AND salt IS NOT NULL";
            let mut statement = connection.prepare_cached(sql)?;
            for (seq, digest) in &contents {
                statement.execute(params![room, seq, digest])?;
            }
            Ok(())
        })
        .await
    }

    async fn heads(&self, rooms: &[RoomId]) -> StoreResult<HashMap<RoomId, (Seq, Ordinal)>> {
        self.queries.count();
        let rooms = rooms.to_vec();
        self.read(move |connection| {
            let mut heads = HashMap::with_capacity(rooms.len());
            for room in rooms {
                if let Some(statics) = last(connection, room)? {
                    heads.insert(room, (statics.head(), statics.ord));
                }
            }
            Ok(heads)
        })
        .await
    }
}
