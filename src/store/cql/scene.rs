//! What pages show, in as few rounds as what depends on what allows: three at most, where this node
//! knows in which bucket a room is.

use super::CqlStore;
use super::driver::Kind;
use super::entries::{self, entry_of, statics_of};
use super::values::values;
use crate::entry::StoredEntry;
use crate::ids::{RoomId, Seq, UserId};
use crate::store::scene::{edits_in, first_seq, posts_of, quoted_by};
use crate::store::{
    RoomEnd, RoomPlace, RoomStore as _, Scene, Statics, StoreResult, ViewStore as _, places, rules,
};
use futures_util::future::try_join_all;
use std::collections::HashMap;

/// Entries that come with the end of a log when its list place is read; more are asked for.
const TAIL: i32 = 16;

type End = (Statics, Vec<StoredEntry>);

impl CqlStore {
    /// First which rooms, then all about each, then who is named there.
    pub(super) async fn places_of(&self, user: UserId) -> StoreResult<Vec<RoomPlace>> {
        let mine = self.rooms_of(user).await?;
        let found = super::gather(&mine, |(room, _, role)| async move {
            let (end, marker) = futures_util::try_join!(
                self.facts_and_end(*room),
                self.newest(*room, user, Kind::Read),
            )?;
            Ok(end.map(|end| end.place(*role, marker.unwrap_or_default())))
        })
        .await?;
        let counted = found.into_iter().flatten().map(|mut place| async move {
            if let Some(upto) = place.mentions_upto() {
                let (room, after) = (place.room.id, place.marker.read);
                place.mentions = self.mention_count(room, user, after, upto).await?;
            }
            StoreResult::Ok(place)
        });
        try_join_all(counted).await
    }

    pub(super) async fn facts_and_end(&self, room: RoomId) -> StoreResult<Option<RoomEnd>> {
        let (row, end) = futures_util::try_join!(self.room(room), self.end(room, TAIL))?;
        let (Some(row), Some((statics, entries))) = (row, end) else {
            return Ok(None);
        };
        let from = statics.viewed.min(statics.head().saturating_sub(1)) + 1;
        let wanted = (from, statics.head());
        let tail = self.down_to(room, entries, wanted).await?;
        Ok(Some(RoomEnd { row, statics, tail }))
    }

    /// First the end of the log, then what is said of its messages, then the edits that are not in it.
    pub(super) async fn newest_scene(
        &self,
        room: RoomId,
        most: usize,
    ) -> StoreResult<Option<Scene>> {
        let limit = i32::try_from(most).unwrap_or(i32::MAX).max(TAIL);
        let (row, end) = futures_util::try_join!(self.room(room), self.end(room, limit))?;
        let (Some(row), Some((statics, entries))) = (row, end) else {
            return Ok(None);
        };
        let from = first_seq(&row, &statics, most);
        let entries = self.down_to(room, entries, (from, statics.head())).await?;
        let wanted = quoted_by(&row, &entries);
        let posts = posts_of(&entries, &wanted);
        let (reactions, redactions, quoted) = futures_util::try_join!(
            self.reactions(room, &posts),
            self.redactions(room, &posts),
            try_join_all(wanted.into_iter().map(|seq| self.one(room, seq))),
        )?;
        let edits = edits_in(&redactions).into_iter().map(|(post, edit)| {
            let at_hand = entries.binary_search_by_key(&edit, |stored| stored.entry.seq);
            let at_hand = at_hand.ok().map(|index| entries[index].clone());
            async move {
                let found = match at_hand {
                    Some(found) => Some(found),
                    None => self.one(room, edit).await?,
                };
                StoreResult::Ok(found.map(|found| (post, found)))
            }
        });
        let edits: HashMap<_, _> = try_join_all(edits).await?.into_iter().flatten().collect();
        Ok(Some(Scene {
            statics,
            quoted: quoted.into_iter().flatten().collect(),
            redactions,
            edits,
            reactions,
            entries,
        }))
    }

    /// Where the log ends and its last entries, ascending: one round where the bucket is known.
    async fn end(&self, room: RoomId, limit: i32) -> StoreResult<Option<End>> {
        let here = self.known_bucket(room);
        let ask = |bucket: Option<u64>| async move {
            match bucket {
                Some(bucket) => self.end_of(room, bucket, limit).await,
                None => Ok(None),
            }
        };
        let (before, last, next) = futures_util::try_join!(
            ask(here.checked_sub(1)),
            ask(Some(here)),
            ask(here.checked_add(1)),
        )?;
        let known = self.known_head(room);
        let fits = |statics: &Statics| statics.head() >= known;
        match (last, next) {
            (Some((statics, mut entries)), None) if fits(&statics) => {
                let older = before.map_or_else(Vec::new, |(_, older)| older);
                entries.splice(0..0, older);
                let surplus = entries
                    .len()
                    .saturating_sub(usize::try_from(limit).unwrap_or(0));
                entries.drain(..surplus);
                self.note(room, statics.bucket, statics.head());
                if is_whole(&entries, statics.head()) {
                    return Ok(Some((statics, entries)));
                }
                // Something is missing: it is read as any hole is (R11).
                Ok(Some((statics, Vec::new())))
            }
            // The room rolled on, or this quorum is behind: the long way.
            _ => places::tail(self, room).await,
        }
    }

    /// The statics of a bucket with its last entries, ascending: both in one read.
    async fn end_of(&self, room: RoomId, bucket: u64, limit: i32) -> StoreResult<Option<End>> {
        let rows = self
            .driver
            .rows(Kind::Read, entries::END, values![room, bucket, limit]);
        let rows = rows.await?;
        let Some(first) = rows.first() else {
            return Ok(None);
        };
        let Some(statics) = statics_of(bucket, first)? else {
            return Ok(None);
        };
        let mut entries = Vec::with_capacity(rows.len());
        for row in rows.iter().rev() {
            // The header has a place before all entries.
            if row.get::<i64>("seq")? > 0 {
                entries.push(entry_of(room, row)?);
            }
        }
        Ok(Some((statics, entries)))
    }

    /// `entries`, which reach up to the head, from exactly `from` on.
    async fn down_to(
        &self,
        room: RoomId,
        mut entries: Vec<StoredEntry>,
        (from, head): (Seq, Seq),
    ) -> StoreResult<Vec<StoredEntry>> {
        let first = entries.first().map_or(head + 1, |stored| stored.entry.seq);
        if first > from {
            let mut older = self.run(room, from, first - 1).await?;
            older.extend(entries);
            return Ok(older);
        }
        entries.retain(|stored| stored.entry.seq >= from);
        Ok(entries)
    }

    async fn run(&self, room: RoomId, from: Seq, to: Seq) -> StoreResult<Vec<StoredEntry>> {
        if from > to {
            return Ok(Vec::new());
        }
        let rows = self.entries(room, (from, to), Kind::Read).await?;
        if rules::check_run(&rows, from, to).is_ok() {
            return Ok(rows);
        }
        let rows = self.entries(room, (from, to), Kind::SerialRead).await?;
        rules::check_run(&rows, from, to)?;
        Ok(rows)
    }

    /// One entry below the head.
    async fn one(&self, room: RoomId, seq: Seq) -> StoreResult<Option<StoredEntry>> {
        Ok(self.run(room, seq, seq).await?.pop())
    }
}

/// Whether `entries` run without a gap up to `head`.
fn is_whole(entries: &[StoredEntry], head: Seq) -> bool {
    let Some(first) = entries.first() else {
        return head == 0;
    };
    rules::check_run(entries, first.entry.seq, head).is_ok()
        && entries.last().is_some_and(|last| last.entry.seq == head)
}
