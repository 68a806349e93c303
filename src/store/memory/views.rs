use super::{Membership, MemoryStore, Tables};
use crate::clock::Timestamp;
use crate::entry::{Role, RoomKind};
use crate::ids::{ClientId, Ordinal, RoomId, Seq, UserId};
use crate::limits::MENTIONS_COUNTED_MAX;
use crate::store::{Guard, Marker, Member, ReactionRow, Redaction, StoreResult, View, ViewStore};
use async_trait::async_trait;
use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

impl Tables {
    pub(super) fn apply_guard(&mut self, guard: &Guard) {
        match *guard {
            Guard::Membership {
                room,
                kind,
                user,
                role,
                seq,
            } => {
                let row = Membership { kind, role, seq };
                let there = self.members.entry((room, user)).or_insert(row);
                if there.seq < seq {
                    *there = row;
                }
            }
            Guard::Redaction {
                room,
                target,
                seq,
                deleted,
            } => {
                let row = self.redactions.entry((room, target)).or_default();
                row.fold(seq, deleted);
            }
            Guard::Marker {
                room,
                user,
                seq,
                ord,
                at,
            } => {
                let marker = self.markers.entry((room, user)).or_default();
                marker.raise(Some((seq, ord)), None, at);
            }
        }
    }

    fn apply_view(&mut self, room: RoomId, view: &View) {
        match view {
            View::Sent {
                sender,
                client_id,
                seq,
            } => {
                let place = self.sent.entry((room, *sender, *client_id)).or_default();
                *place = (*place).max(*seq);
            }
            View::Reaction {
                target,
                emoji,
                user,
                on,
                seq,
            } => {
                let key = (room, *target, emoji.clone(), *user);
                let row = self.reactions.entry(key).or_default();
                if row.1 < *seq {
                    *row = (*on, *seq);
                }
            }
            View::Mention { user, by, seq } => {
                self.mentions.insert((room, *user, *seq), *by);
            }
            View::Name { name, seq } => {
                let facts = self.facts.entry(room).or_default();
                if facts.0 < *seq {
                    facts.0 = *seq;
                    if let Some(row) = self.rooms.get_mut(&room) {
                        row.name.clone_from(name);
                    }
                }
            }
            View::Topic { topic, seq } => {
                let facts = self.facts.entry(room).or_default();
                if facts.1 < *seq {
                    facts.1 = *seq;
                    if let Some(row) = self.rooms.get_mut(&room) {
                        row.topic.clone_from(topic);
                    }
                }
            }
        }
    }
}

/// The key of a person in a room.
type Place = (RoomId, UserId);

/// The key range of one room's people above `after`.
fn people_after(room: RoomId, after: Option<UserId>) -> (Bound<Place>, Bound<Place>) {
    let first = UserId::from_bytes([0; 16]);
    let last = UserId::from_bytes([255; 16]);
    let from = match after {
        Some(user) => Bound::Excluded((room, user)),
        None => Bound::Included((room, first)),
    };
    let to = match after {
        Some(user) if user == last => Bound::Excluded((room, user)),
        _ => Bound::Included((room, last)),
    };
    match (&from, &to) {
        (Bound::Excluded(a), Bound::Excluded(b)) if a == b => {
            (Bound::Included(*a), Bound::Excluded(*b))
        }
        _ => (from, to),
    }
}

#[async_trait]
impl ViewStore for MemoryStore {
    async fn write_guards(&self, guards: &[Guard]) -> StoreResult<()> {
        let mut tables = self.tables();
        guards.iter().for_each(|guard| tables.apply_guard(guard));
        Ok(())
    }

    async fn write_views(&self, room: RoomId, views: &[View]) -> StoreResult<()> {
        self.pass().await;
        let mut tables = self.tables();
        for view in views {
            tables.apply_view(room, view);
        }
        Ok(())
    }

    async fn sent(
        &self,
        room: RoomId,
        sender: UserId,
        client_id: ClientId,
    ) -> StoreResult<Option<Seq>> {
        Ok(self.tables().sent.get(&(room, sender, client_id)).copied())
    }

    async fn redactions(
        &self,
        room: RoomId,
        targets: &[Seq],
    ) -> StoreResult<HashMap<Seq, Redaction>> {
        let tables = self.tables();
        let row = |target: &Seq| Some((*target, *tables.redactions.get(&(room, *target))?));
        Ok(targets.iter().filter_map(row).collect())
    }

    async fn reactions(&self, room: RoomId, targets: &[Seq]) -> StoreResult<Vec<ReactionRow>> {
        let targets: BTreeSet<_> = targets.iter().collect();
        let tables = self.tables();
        let mut rows: Vec<_> = tables
            .reactions
            .iter()
            .filter(|((of, target, _, _), (on, _))| *of == room && targets.contains(target) && *on)
            .map(|((_, target, emoji, user), (_, seq))| ReactionRow {
                target: *target,
                emoji: emoji.clone(),
                user: *user,
                seq: *seq,
            })
            .collect();
        rows.sort_by_key(|row| row.seq);
        Ok(rows)
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
        let tables = self.tables();
        let mut posts = BTreeSet::new();
        for who in [None, Some(user)] {
            let rows = tables
                .mentions
                .range((room, who, after.saturating_add(1))..=(room, who, upto));
            posts.extend(
                rows.filter(|(_, by)| **by != user)
                    .map(|((_, _, seq), _)| *seq),
            );
        }
        Ok((posts.len() as u64).min(MENTIONS_COUNTED_MAX))
    }

    async fn member(&self, room: RoomId, user: UserId) -> StoreResult<Option<Member>> {
        let row = self.tables().members.get(&(room, user)).copied();
        Ok(row.and_then(|row| row.member(user)))
    }

    async fn members(
        &self,
        room: RoomId,
        after: Option<UserId>,
        limit: usize,
    ) -> StoreResult<Vec<Member>> {
        self.pass().await;
        let tables = self.tables();
        let rows = tables.members.range(people_after(room, after));
        let members = rows.filter_map(|((_, user), row)| row.member(*user));
        Ok(members.take(limit).collect())
    }

    async fn rooms_of(&self, user: UserId) -> StoreResult<Vec<(RoomId, RoomKind, Role)>> {
        let tables = self.tables();
        let rows = tables.members.iter().filter(|((_, of), _)| *of == user);
        let rooms = rows.filter_map(|((room, _), row)| Some((*room, row.kind, row.role?)));
        Ok(rooms.collect())
    }

    async fn marker(&self, room: RoomId, user: UserId) -> StoreResult<Marker> {
        let marker = self.tables().markers.get(&(room, user)).copied();
        Ok(marker.unwrap_or_default())
    }

    async fn markers_of(
        &self,
        user: UserId,
        rooms: &[RoomId],
    ) -> StoreResult<HashMap<RoomId, Marker>> {
        let tables = self.tables();
        let marker = |room: &RoomId| Some((*room, *tables.markers.get(&(*room, user))?));
        Ok(rooms.iter().filter_map(marker).collect())
    }

    async fn markers(
        &self,
        room: RoomId,
        after: Option<UserId>,
        limit: usize,
    ) -> StoreResult<Vec<(UserId, Marker)>> {
        let tables = self.tables();
        let rows = tables.markers.range(people_after(room, after));
        let rows = rows.map(|((_, user), marker)| (*user, *marker));
        Ok(rows.take(limit).collect())
    }

    async fn raise_marker(
        &self,
        room: RoomId,
        user: UserId,
        read: Option<(Seq, Ordinal)>,
        delivered: Option<Seq>,
        at: Timestamp,
    ) -> StoreResult<Marker> {
        let mut tables = self.tables();
        let marker = tables.markers.entry((room, user)).or_default();
        marker.raise(read, delivered, at);
        Ok(*marker)
    }

    async fn open_generation(
        &self,
        room: RoomId,
        user: UserId,
        expected: u64,
        read: (Seq, Ordinal),
        at: Timestamp,
    ) -> StoreResult<Marker> {
        let mut tables = self.tables();
        let marker = tables.markers.entry((room, user)).or_default();
        if marker.generation == expected {
            *marker = marker.next_generation(read, at);
        }
        Ok(*marker)
    }
}
