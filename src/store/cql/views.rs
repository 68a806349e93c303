use super::CqlStore;
use super::driver::Kind;
use super::values::values;
use crate::clock::Timestamp;
use crate::entry::{Role, RoomKind};
use crate::ids::{ClientId, Ordinal, RoomId, Seq, UserId, bucket_of};
use crate::limits::MENTIONS_COUNTED_MAX;
use crate::store::{Guard, Marker, Member, ReactionRow, Redaction, StoreResult, View, ViewStore};
use async_trait::async_trait;
use scylla::value::CqlValue;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;
use uuid::Uuid;

const SENT: &str =
    "INSERT INTO sent (room, sender, client_id, seq) VALUES (?, ?, ?, ?) USING TIMESTAMP ?";
const REACTION: &str = "INSERT INTO reaction (room, bucket, target, emoji, user, stands, seq) VALUES (?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?";
const MENTION: &str =
    "INSERT INTO mention (room, user, seq, author) VALUES (?, ?, ?, ?) USING TIMESTAMP ?";
const EDITED: &str = "UPDATE redaction USING TIMESTAMP ? SET edited = ? WHERE room = ? AND bucket = ? AND target = ?";
const DELETED: &str = "UPDATE redaction USING TIMESTAMP ? SET deleted = ? WHERE room = ? AND bucket = ? AND target = ?";
const MEMBER: &str =
    "INSERT INTO member (room, user, role, seq) VALUES (?, ?, ?, ?) USING TIMESTAMP ?";
const ROOM_OF: &str =
    "INSERT INTO room_of (user, room, kind, role) VALUES (?, ?, ?, ?) USING TIMESTAMP ?";

/// Everybody, where a person is named.
const EVERYBODY: UserId = UserId(Uuid::nil());
/// The role of who left: a text, not a null, so that nothing older ever shows through.
const LEFT: &str = "";

impl CqlStore {
    /// Writes guards whose markers have their place.
    pub(super) async fn write_guards_at(
        &self,
        (guards, markers): (Vec<Guard>, Vec<super::markers::Place>),
    ) -> StoreResult<()> {
        futures_util::try_join!(
            super::gather(&guards, |guard| self.write_guard(guard)),
            super::gather(&markers, |place| super::markers::raise_at(
                &self.driver,
                place
            )),
        )?;
        Ok(())
    }

    async fn write_guard(&self, guard: &Guard) -> StoreResult<()> {
        match guard {
            Guard::Membership {
                room,
                kind,
                user,
                role,
                seq,
            } => {
                let role = role.map_or(LEFT, Role::as_str);
                futures_util::try_join!(
                    self.driver
                        .write(MEMBER, values![*room, *user, role, *seq, *seq]),
                    self.driver
                        .write(ROOM_OF, values![*user, *room, *kind, role, *seq]),
                )?;
                Ok(())
            }
            Guard::Redaction {
                room,
                target,
                seq,
                deleted,
            } => {
                let text = if *deleted { DELETED } else { EDITED };
                let bucket = bucket_of(*target, self.bucket_bits);
                let values = values![*seq, *seq, *room, bucket, *target];
                self.driver.write(text, values).await
            }
            Guard::Marker { .. } => Ok(()),
        }
    }

    async fn write_view(&self, room: RoomId, view: &View) -> StoreResult<()> {
        match view {
            View::Sent {
                sender,
                client_id,
                seq,
            } => {
                let values = values![room, *sender, *client_id, *seq, *seq];
                self.driver.write(SENT, values).await
            }
            View::Reaction {
                target,
                emoji,
                user,
                on,
                seq,
            } => {
                let bucket = bucket_of(*target, self.bucket_bits);
                let emoji = emoji.as_str();
                let values = values![room, bucket, *target, emoji, *user, *on, *seq, *seq];
                self.driver.write(REACTION, values).await
            }
            View::Mention { user, by, seq } => {
                let user = user.unwrap_or(EVERYBODY);
                let values = values![room, user, *seq, *by, *seq];
                self.driver.write(MENTION, values).await
            }
            View::Name { name, seq } => self.write_name(room, name.as_deref(), *seq).await,
            View::Topic { topic, seq } => self.write_topic(room, topic, *seq).await,
        }
    }

    /// The targets by bucket, once each.
    fn by_bucket(&self, targets: &[Seq]) -> Vec<(u64, Option<CqlValue>)> {
        let mut buckets: BTreeMap<u64, Vec<i64>> = BTreeMap::new();
        for target in targets.iter().copied().collect::<HashSet<_>>() {
            let seqs = buckets.entry(bucket_of(target, self.bucket_bits));
            seqs.or_default().extend(i64::try_from(target));
        }
        buckets
            .into_iter()
            .map(|(bucket, seqs)| (bucket, super::values::Column::put(seqs)))
            .collect()
    }
}

pub(super) fn until(enough: bool) -> ControlFlow<()> {
    if enough {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}

/// A role; `None` for who left.
fn standing(role: &str) -> Option<Role> {
    Role::parse(role)
}

#[async_trait]
impl ViewStore for CqlStore {
    async fn write_guards(&self, guards: &[Guard]) -> StoreResult<()> {
        let placed = self.place_guards(guards).await?;
        self.write_guards_at(placed).await
    }

    async fn write_views(&self, room: RoomId, views: &[View]) -> StoreResult<()> {
        // What follows the acknowledgement stands before the room may say that its views do.
        futures_util::try_join!(
            super::gather(views, |view| self.write_view(room, view)),
            self.later.flush(&self.driver, room),
        )?;
        Ok(())
    }

    async fn sent(
        &self,
        room: RoomId,
        sender: UserId,
        client_id: ClientId,
    ) -> StoreResult<Option<Seq>> {
        let text = "SELECT seq FROM sent WHERE room = ? AND sender = ? AND client_id = ?";
        let values = values![room, sender, client_id];
        let row = self.driver.row(Kind::Read, text, values).await?;
        row.map(|row| row.get("seq")).transpose()
    }

    async fn redactions(
        &self,
        room: RoomId,
        targets: &[Seq],
    ) -> StoreResult<HashMap<Seq, Redaction>> {
        let text = "SELECT target, edited, deleted FROM redaction WHERE room = ? AND bucket = ? AND target IN ?";
        let buckets = self.by_bucket(targets);
        let found = super::gather(&buckets, |(bucket, seqs)| {
            let mut values = values![room, *bucket];
            values.push(seqs.clone());
            self.driver.rows(Kind::Read, text, values)
        })
        .await?;
        let redactions = found.iter().flatten().map(|row| {
            let redaction = Redaction {
                edited: row.get::<Option<Seq>>("edited")?.unwrap_or(0),
                deleted: row.get::<Option<Seq>>("deleted")?.unwrap_or(0),
            };
            Ok((row.get("target")?, redaction))
        });
        redactions.collect()
    }

    async fn reactions(&self, room: RoomId, targets: &[Seq]) -> StoreResult<Vec<ReactionRow>> {
        let text = "SELECT target, emoji, user, stands, seq FROM reaction WHERE room = ? AND bucket = ? AND target IN ?";
        let buckets = self.by_bucket(targets);
        let found = super::gather(&buckets, |(bucket, seqs)| {
            let mut values = values![room, *bucket];
            values.push(seqs.clone());
            self.driver.rows(Kind::Read, text, values)
        })
        .await?;
        let mut reactions = Vec::new();
        for row in found.iter().flatten() {
            if row.get("stands")? {
                reactions.push(ReactionRow {
                    target: row.get("target")?,
                    emoji: row.get("emoji")?,
                    user: row.get("user")?,
                    seq: row.get("seq")?,
                });
            }
        }
        reactions.sort_by_key(|row| row.seq);
        Ok(reactions)
    }

    async fn mention_count(
        &self,
        room: RoomId,
        user: UserId,
        after: Seq,
        upto: Seq,
    ) -> StoreResult<u64> {
        if after >= upto {
            return Ok(0);
        }
        // Who names somebody and everybody names him once.
        let text =
            "SELECT seq, author FROM mention WHERE room = ? AND user IN ? AND seq > ? AND seq <= ?";
        let values = values![room, vec![user, EVERYBODY], after, upto];
        let mut seqs = HashSet::new();
        self.driver
            .each_row(Kind::Read, text, values, |row| {
                if row.get::<UserId>("author")? != user {
                    seqs.insert(row.get::<Seq>("seq")?);
                }
                Ok(until(seqs.len() as u64 >= MENTIONS_COUNTED_MAX))
            })
            .await?;
        Ok(seqs.len() as u64)
    }

    async fn member(&self, room: RoomId, user: UserId) -> StoreResult<Option<Member>> {
        let text = "SELECT role, seq FROM member WHERE room = ? AND user = ?";
        let row = self
            .driver
            .row(Kind::Read, text, values![room, user])
            .await?;
        let Some(row) = row else { return Ok(None) };
        let seq = row.get("seq")?;
        let role = standing(&row.get::<String>("role")?);
        Ok(role.map(|role| Member { user, role, seq }))
    }

    async fn members(
        &self,
        room: RoomId,
        after: Option<UserId>,
        limit: usize,
    ) -> StoreResult<Vec<Member>> {
        let (text, values) = match after {
            None => (
                "SELECT user, role, seq FROM member WHERE room = ?",
                values![room],
            ),
            Some(after) => (
                "SELECT user, role, seq FROM member WHERE room = ? AND user > ?",
                values![room, after],
            ),
        };
        let mut members = Vec::new();
        self.driver
            .each_row(Kind::Read, text, values, |row| {
                if let Some(role) = standing(&row.get::<String>("role")?)
                    && members.len() < limit
                {
                    let (user, seq) = (row.get("user")?, row.get("seq")?);
                    members.push(Member { user, role, seq });
                }
                Ok(until(members.len() >= limit))
            })
            .await?;
        Ok(members)
    }

    async fn rooms_of(&self, user: UserId) -> StoreResult<Vec<(RoomId, RoomKind, Role)>> {
        let text = "SELECT room, kind, role FROM room_of WHERE user = ?";
        let mut rooms = Vec::new();
        for row in self.driver.rows(Kind::Read, text, values![user]).await? {
            if let Some(role) = standing(&row.get::<String>("role")?) {
                rooms.push((row.get("room")?, row.get("kind")?, role));
            }
        }
        rooms.sort_by_key(|(room, _, _)| *room);
        Ok(rooms)
    }

    async fn marker(&self, room: RoomId, user: UserId) -> StoreResult<Marker> {
        let newest = self.newest(room, user, Kind::Read).await?;
        Ok(newest.unwrap_or_default())
    }

    async fn markers_of(
        &self,
        user: UserId,
        rooms: &[RoomId],
    ) -> StoreResult<HashMap<RoomId, Marker>> {
        self.newest_of(user, rooms).await
    }

    async fn markers(
        &self,
        room: RoomId,
        after: Option<UserId>,
        limit: usize,
    ) -> StoreResult<Vec<(UserId, Marker)>> {
        self.markers_page(room, after, limit).await
    }

    async fn raise_marker(
        &self,
        room: RoomId,
        user: UserId,
        read: Option<(Seq, Ordinal)>,
        delivered: Option<Seq>,
        at: Timestamp,
    ) -> StoreResult<Marker> {
        self.raise(room, user, read, delivered, at).await
    }

    async fn open_generation(
        &self,
        room: RoomId,
        user: UserId,
        expected: u64,
        read: (Seq, Ordinal),
        at: Timestamp,
    ) -> StoreResult<Marker> {
        self.next_generation(room, user, expected, read, at).await
    }
}
