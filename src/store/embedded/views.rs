use super::EmbeddedStore;
use super::rows::Word;
use super::scene::{reactions, redactions};
use super::transaction::Transaction;
use crate::clock::Timestamp;
use crate::entry::{Role, RoomKind};
use crate::ids::{ClientId, Ordinal, RoomId, Seq, UserId};
use crate::limits::MENTIONS_COUNTED_MAX;
use crate::store::{Guard, Marker, Member, ReactionRow, Redaction, StoreResult, View, ViewStore};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use std::collections::HashMap;

fn execute(at: &Transaction<'_>, sql: &'static str, values: &[&dyn ToSql]) -> StoreResult<()> {
    at.execute(sql, values)?;
    Ok(())
}

pub(super) fn apply_guard(connection: &Transaction<'_>, guard: &Guard) -> StoreResult<()> {
    match guard {
        Guard::Membership {
            room,
            kind,
            user,
            role,
            seq,
        } => execute(
            connection,
            "INSERT INTO member (room, user, kind, role, seq) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET kind = excluded.kind, role = excluded.role, seq = excluded.seq
             WHERE excluded.seq > member.seq",
            &[room, user, &Word(*kind), &role.map(Word), seq],
        ),
        Guard::Redaction {
            room,
            target,
            seq,
            deleted,
        } => {
            let (edited, deleted) = if *deleted { (0, *seq) } else { (*seq, 0) };
            execute(
                connection,
                "INSERT INTO redaction (room, target, edited, deleted) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET edited = max(edited, excluded.edited),
                                           deleted = max(deleted, excluded.deleted)",
                &[room, target, &edited, &deleted],
            )
        }
        Guard::Marker {
            room,
            user,
            seq,
            ord,
            at,
        } => execute(
            connection,
            // `Marker::raise` in one statement: what was delivered is never below what was read.
            "INSERT INTO marker (room, user, generation, read, read_ord, delivered, read_at)
             VALUES (?1, ?2, 0, ?3, ?4, ?3, ?5)
             ON CONFLICT DO UPDATE SET read = excluded.read, read_ord = excluded.read_ord,
                 read_at = excluded.read_at, delivered = max(delivered, excluded.read)
             WHERE excluded.read > marker.read",
            &[room, user, seq, ord, at],
        ),
    }
}

pub(super) fn apply_view(
    connection: &Transaction<'_>,
    room: RoomId,
    view: &View,
) -> StoreResult<()> {
    match view {
        View::Sent {
            sender,
            client_id,
            seq,
        } => execute(
            connection,
            "INSERT INTO sent (room, sender, client_id, seq) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET seq = excluded.seq WHERE excluded.seq > sent.seq",
            &[&room, sender, client_id, seq],
        ),
        View::Reaction {
            target,
            emoji,
            user,
            on,
            seq,
        } => execute(
            connection,
            "INSERT INTO reaction (room, target, emoji, user, stands, seq)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET stands = excluded.stands, seq = excluded.seq
             WHERE excluded.seq > reaction.seq",
            &[&room, target, emoji, user, on, seq],
        ),
        View::Mention { user, by, seq } => execute(
            connection,
            "INSERT INTO mention (room, user, seq, by) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
            &[&room, &named(user.as_ref()), seq, by],
        ),
        View::Name { name, seq } => execute(
            connection,
            "UPDATE room SET name = ?2, name_folded = ?3, name_seq = ?4
             WHERE id = ?1 AND name_seq < ?4",
            &[&room, name, &super::rooms::fold(name.as_deref()), seq],
        ),
        View::Topic { topic, seq } => execute(
            connection,
            "UPDATE room SET topic = ?2, topic_seq = ?3 WHERE id = ?1 AND topic_seq < ?3",
            &[&room, topic, seq],
        ),
    }
}

/// Nobody in particular is everybody.
fn named(user: Option<&UserId>) -> &[u8] {
    user.map_or(&[], |user| user.bytes())
}

fn marker_of(row: &Row<'_>) -> rusqlite::Result<Marker> {
    marker_at(row, 0)
}

/// Reads the five columns from `first` on.
pub(super) fn marker_at(row: &Row<'_>, first: usize) -> rusqlite::Result<Marker> {
    Ok(Marker {
        generation: row.get(first)?,
        read: row.get(first + 1)?,
        read_ord: row.get(first + 2)?,
        delivered: row.get(first + 3)?,
        read_at: row.get(first + 4)?,
    })
}

fn marker(connection: &Connection, room: RoomId, user: UserId) -> StoreResult<Option<Marker>> {
    let sql = "SELECT generation, read, read_ord, delivered, read_at FROM marker
               WHERE room = ?1 AND user = ?2";
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement
        .query_row(params![room, user], marker_of)
        .optional()?)
}

/// Writes what `change` made of the marker, if it says that it changed. Answers what stands.
fn change_marker(
    connection: &Transaction<'_>,
    room: RoomId,
    user: UserId,
    change: impl FnOnce(&mut Marker) -> bool,
) -> StoreResult<Marker> {
    let mut marker = marker(connection, room, user)?.unwrap_or_default();
    if change(&mut marker) {
        execute(
            connection,
            "INSERT INTO marker (room, user, generation, read, read_ord, delivered, read_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT DO UPDATE SET generation = excluded.generation, read = excluded.read,
                 read_ord = excluded.read_ord, delivered = excluded.delivered,
                 read_at = excluded.read_at",
            &[
                &room,
                &user,
                &marker.generation,
                &marker.read,
                &marker.read_ord,
                &marker.delivered,
                &marker.read_at,
            ],
        )?;
    }
    Ok(marker)
}

pub(super) fn mention_count(
    connection: &Connection,
    room: RoomId,
    user: UserId,
    after: Seq,
    upto: Seq,
) -> StoreResult<u64> {
    let sql = "SELECT count(*) FROM (
         SELECT seq FROM mention
         WHERE room = ?1 AND user = ?2 AND seq > ?3 AND seq <= ?4 AND by <> ?2
         UNION
         SELECT seq FROM mention
         WHERE room = ?1 AND user = x'' AND seq > ?3 AND seq <= ?4 AND by <> ?2
         LIMIT ?5)";
    let mut statement = connection.prepare_cached(sql)?;
    let values = params![room, user, after, upto, MENTIONS_COUNTED_MAX];
    Ok(statement.query_row(values, |row| row.get(0))?)
}

fn member_of(row: &Row<'_>) -> rusqlite::Result<Member> {
    let Word(role) = row.get(1)?;
    Ok(Member {
        user: row.get(0)?,
        role,
        seq: row.get(2)?,
    })
}

/// What pages of people begin after.
fn place(after: Option<UserId>) -> Vec<u8> {
    named(after.as_ref()).to_vec()
}

#[async_trait]
impl ViewStore for EmbeddedStore {
    async fn write_guards(&self, guards: &[Guard]) -> StoreResult<()> {
        let guards = guards.to_vec();
        self.write(move |connection| {
            guards
                .iter()
                .try_for_each(|guard| apply_guard(connection, guard))
        })
        .await
    }

    async fn write_views(&self, room: RoomId, views: &[View]) -> StoreResult<()> {
        let views = views.to_vec();
        self.write(move |connection| {
            views
                .iter()
                .try_for_each(|view| apply_view(connection, room, view))
        })
        .await
    }

    async fn sent(
        &self,
        room: RoomId,
        sender: UserId,
        client_id: ClientId,
    ) -> StoreResult<Option<Seq>> {
        self.read(move |connection| {
            let sql = "SELECT seq FROM sent WHERE room = ?1 AND sender = ?2 AND client_id = ?3";
            let mut statement = connection.prepare_cached(sql)?;
            let seq = statement.query_row(params![room, sender, client_id], |row| row.get(0));
            Ok(seq.optional()?)
        })
        .await
    }

    async fn redactions(
        &self,
        room: RoomId,
        targets: &[Seq],
    ) -> StoreResult<HashMap<Seq, Redaction>> {
        let targets = targets.to_vec();
        self.read(move |connection| redactions(connection, room, &targets))
            .await
    }

    async fn reactions(&self, room: RoomId, targets: &[Seq]) -> StoreResult<Vec<ReactionRow>> {
        let mut targets = targets.to_vec();
        targets.sort_unstable();
        targets.dedup();
        self.read(move |connection| reactions(connection, room, &targets))
            .await
    }

    async fn mention_count(
        &self,
        room: RoomId,
        user: UserId,
        after: Seq,
        upto: Seq,
    ) -> StoreResult<u64> {
        self.read(move |connection| mention_count(connection, room, user, after, upto))
            .await
    }

    async fn member(&self, room: RoomId, user: UserId) -> StoreResult<Option<Member>> {
        self.read(move |connection| {
            let sql = "SELECT user, role, seq FROM member
                       WHERE room = ?1 AND user = ?2 AND role IS NOT NULL";
            let mut statement = connection.prepare_cached(sql)?;
            let found = statement.query_row(params![room, user], member_of);
            Ok(found.optional()?)
        })
        .await
    }

    async fn members(
        &self,
        room: RoomId,
        after: Option<UserId>,
        limit: usize,
    ) -> StoreResult<Vec<Member>> {
        self.read(move |connection| {
            let sql = "SELECT user, role, seq FROM member
                       WHERE room = ?1 AND user > ?2 AND role IS NOT NULL ORDER BY user LIMIT ?3";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map(params![room, place(after), limit], member_of)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn rooms_of(&self, user: UserId) -> StoreResult<Vec<(RoomId, RoomKind, Role)>> {
        self.read(move |connection| {
            let sql = "SELECT room, kind, role FROM member
                       WHERE user = ?1 AND role IS NOT NULL ORDER BY room";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([user], |row| {
                let (Word(kind), Word(role)) = (row.get(1)?, row.get(2)?);
                Ok((row.get(0)?, kind, role))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn marker(&self, room: RoomId, user: UserId) -> StoreResult<Marker> {
        self.read(move |connection| Ok(marker(connection, room, user)?.unwrap_or_default()))
            .await
    }

    async fn markers_of(
        &self,
        user: UserId,
        rooms: &[RoomId],
    ) -> StoreResult<HashMap<RoomId, Marker>> {
        let rooms = rooms.to_vec();
        self.read(move |connection| {
            let mut found = HashMap::with_capacity(rooms.len());
            for room in rooms {
                if let Some(marker) = marker(connection, room, user)? {
                    found.insert(room, marker);
                }
            }
            Ok(found)
        })
        .await
    }

    async fn markers(
        &self,
        room: RoomId,
        after: Option<UserId>,
        limit: usize,
    ) -> StoreResult<Vec<(UserId, Marker)>> {
        self.read(move |connection| {
            let sql = "SELECT generation, read, read_ord, delivered, read_at, user FROM marker
                       WHERE room = ?1 AND user > ?2 ORDER BY user LIMIT ?3";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map(params![room, place(after), limit], |row| {
                Ok((row.get(5)?, marker_of(row)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn raise_marker(
        &self,
        room: RoomId,
        user: UserId,
        read: Option<(Seq, Ordinal)>,
        delivered: Option<Seq>,
        at: Timestamp,
    ) -> StoreResult<Marker> {
        self.write(move |connection| {
            change_marker(connection, room, user, |marker| {
                marker.raise(read, delivered, at)
            })
        })
        .await
    }

    async fn open_generation(
        &self,
        room: RoomId,
        user: UserId,
        expected: u64,
        read: (Seq, Ordinal),
        at: Timestamp,
    ) -> StoreResult<Marker> {
        self.write(move |connection| {
            change_marker(connection, room, user, |marker| {
                let first = marker.generation == expected;
                if first {
                    *marker = marker.next_generation(read, at);
                }
                first
            })
        })
        .await
    }
}
