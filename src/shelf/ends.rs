//! Where rooms end, read once for all who are greeted: after a cut a whole room comes back together.

use super::state::Moment;
use super::{Flight, Shared, Shelves};
use crate::ids::{RoomId, Seq, UserId};
use crate::limits::{ROOM_ENDS_MAX, SHELF_TRUST_MS};
use crate::store::{RoomEnd, RoomPlace, StoreResult, places};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How often is looked for what nobody can use any more, milliseconds, when there is too much.
const SWEEP_MS: u64 = 100;

/// What is kept of rooms for a moment. It may lag by `limits::SHELF_TRUST_MS`, as a page without `min` may,
/// and is never below what this node heard of.
#[derive(Debug, Default)]
pub struct Ends {
    rooms: Mutex<Rooms>,
    /// How often somebody got what was read for another.
    #[cfg(test)]
    shared: std::sync::atomic::AtomicU64,
}

#[derive(Debug, Default)]
struct Rooms {
    known: HashMap<RoomId, Known>,
    /// What nobody can use any more is not looked for before.
    sweep_at: Moment,
}

#[derive(Debug, Default)]
struct Known {
    /// What was read, and when that began.
    end: Option<(Arc<RoomEnd>, Moment)>,
    /// The log is at least this long.
    heard: Seq,
    /// Reads under way.
    reading: usize,
    /// What began before the last doubt is too little; they are counted.
    doubts: u64,
}

/// A read under way: since when, and after how many doubts.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    at: Moment,
    doubts: u64,
}

impl Known {
    fn is_trusted(&self, now: Moment) -> bool {
        let end = self.end.as_ref();
        end.is_some_and(|(end, at)| end.head() >= self.heard && now < at + SHELF_TRUST_MS)
    }
}

impl Ends {
    /// The end of the room, if it was read a moment ago, and nothing was heard since that is not in it.
    pub fn get(&self, room: RoomId, now: Moment) -> Option<Arc<RoomEnd>> {
        let rooms = self.rooms();
        let known = rooms.known.get(&room);
        let known = known.filter(|known| known.is_trusted(now))?;
        known.end.as_ref().map(|(end, _)| Arc::clone(end))
    }

    /// Somebody reads: what is heard from now on counts against it.
    pub fn begin(&self, room: RoomId, now: Moment) -> Begun {
        let mut rooms = self.rooms();
        if rooms.known.len() >= ROOM_ENDS_MAX && now >= rooms.sweep_at {
            let of_use = |known: &Known| known.reading > 0 || known.is_trusted(now);
            rooms.known.retain(|_, known| of_use(known));
            rooms.sweep_at = now + SWEEP_MS;
        }
        let known = rooms.known.entry(room).or_default();
        known.reading += 1;
        Begun {
            at: now,
            doubts: known.doubts,
        }
    }

    /// What was read.
    pub fn finish(&self, room: RoomId, begun: Begun, end: Option<Arc<RoomEnd>>) {
        let mut rooms = self.rooms();
        let crowded = rooms.known.len() > ROOM_ENDS_MAX;
        let Some(known) = rooms.known.get_mut(&room) else {
            return;
        };
        known.reading -= 1;
        let end = end.filter(|end| end.head() >= known.heard && begun.doubts == known.doubts);
        if let Some(end) = end.filter(|_| !crowded) {
            known.end = Some((end, begun.at));
        }
        if known.reading == 0 && known.end.is_none() {
            rooms.known.remove(&room);
        }
    }

    /// The log of the room is at least this long.
    pub fn heard(&self, room: RoomId, head: Seq) {
        if let Some(known) = self.rooms().known.get_mut(&room) {
            known.heard = known.heard.max(head);
        }
    }

    /// Somebody was told here that all is as he wants it: what was read before is too little.
    pub fn doubt(&self, room: RoomId) {
        if let Some(known) = self.rooms().known.get_mut(&room) {
            known.doubts += 1;
            known.end = None;
        }
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelves {
    /// The rooms of a person, for his greeting in a crowd: who he is there is read anew, where they end may be some
    /// moments old while this node is in touch with the others. Listening makes up for that.
    pub async fn places(&self, user: UserId) -> StoreResult<Vec<RoomPlace>> {
        let store = &*self.0.store;
        match self.0.alone || !self.0.is_in_touch() {
            true => store.places(user).await,
            false => places::with_ends(store, user, |room| self.end_of(room)).await,
        }
    }

    /// How often somebody who was greeted got what was read for another.
    #[cfg(test)]
    pub fn ends_shared_for_test(&self) -> u64 {
        let shared = &self.0.ends.shared;
        shared.load(std::sync::atomic::Ordering::Relaxed)
    }

    async fn end_of(&self, room: RoomId) -> StoreResult<Option<Arc<RoomEnd>>> {
        let (shared, now) = (&self.0, self.0.now());
        if let Some(end) = shared.ends.get(room, now) {
            #[cfg(test)]
            shared
                .ends
                .shared
                .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            return Ok(Some(end));
        }
        let reader = Arc::clone(shared);
        let work = || async move { reader.read_end(room).await };
        shared.flights.join(Flight::End(room), work).await;
        match shared.ends.get(room, now) {
            Some(end) => Ok(Some(end)),
            None => Ok(shared.store.room_end(room).await?.map(Arc::new)),
        }
    }
}

impl Shared {
    async fn read_end(&self, room: RoomId) -> bool {
        let begun = self.ends.begin(room, self.now());
        let end = self.store.room_end(room).await.ok().flatten().map(Arc::new);
        let found = end.is_some();
        self.ends.finish(room, begun, end);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::entry::RoomKind;
    use crate::store::{RoomRow, Statics};

    fn room(n: u64) -> RoomId {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        RoomId::from_bytes(bytes)
    }

    fn end_at(head: Seq) -> Option<Arc<RoomEnd>> {
        let row = RoomRow {
            id: room(1),
            kind: RoomKind::Group,
            name: None,
            topic: String::new(),
            created_at: Timestamp(0),
            created_by: UserId::from_bytes([1; 16]),
            pair: None,
            floor: 0,
        };
        let statics = Statics {
            next_seq: head + 1,
            ..Statics::empty()
        };
        let tail = Vec::new();
        Some(Arc::new(RoomEnd { row, statics, tail }))
    }

    fn head_of(ends: &Ends, now: Moment) -> Option<Seq> {
        ends.get(room(1), now).map(|end| end.head())
    }

    #[test]
    fn what_was_read_counts_for_a_moment_unless_something_else_was_heard() {
        let ends = Ends::default();
        assert_eq!(head_of(&ends, 0), None);
        let begun = ends.begin(room(1), 10);
        ends.finish(room(1), begun, end_at(7));
        assert_eq!(head_of(&ends, 10), Some(7));
        assert_eq!(head_of(&ends, 9 + SHELF_TRUST_MS), Some(7));
        assert_eq!(head_of(&ends, 10 + SHELF_TRUST_MS), None, "since it began");
        ends.heard(room(1), 7);
        assert_eq!(head_of(&ends, 10), Some(7), "that is in it");
        ends.heard(room(1), 8);
        assert_eq!(head_of(&ends, 10), None);
    }

    #[test]
    fn what_is_heard_while_somebody_reads_counts_against_what_he_reads() {
        for (heard, doubted, kept) in [(7, false, Some(7)), (8, false, None), (0, true, None)] {
            let ends = Ends::default();
            let begun = ends.begin(room(1), 10);
            ends.heard(room(1), heard);
            if doubted {
                ends.doubt(room(1));
            }
            ends.finish(room(1), begun, end_at(7));
            assert_eq!(head_of(&ends, 10), kept, "{heard} {doubted}");
        }
    }

    #[test]
    fn a_doubt_ends_what_was_read_and_what_is_read_after_it_counts() {
        let ends = Ends::default();
        let begun = ends.begin(room(1), 10);
        ends.finish(room(1), begun, end_at(7));
        let late = ends.begin(room(1), 11);
        ends.doubt(room(1));
        assert_eq!(head_of(&ends, 11), None);
        let begun = ends.begin(room(1), 12);
        ends.finish(room(1), begun, end_at(7));
        assert_eq!(head_of(&ends, 12), Some(7));
        ends.finish(room(1), late, end_at(6));
        assert_eq!(head_of(&ends, 12), Some(7), "the older read came late");
    }

    #[test]
    fn rooms_that_nobody_can_use_any_more_make_room() {
        let ends = Ends::default();
        let many = ROOM_ENDS_MAX as u64;
        for n in 0..many {
            let begun = ends.begin(room(n), 0);
            ends.finish(room(n), begun, end_at(1));
        }
        // All are of use: one more is read and not kept.
        let begun = ends.begin(room(many), 1);
        ends.finish(room(many), begun, end_at(1));
        assert!(ends.get(room(many), 1).is_none());
        let later = SHELF_TRUST_MS;
        let begun = ends.begin(room(many), later);
        ends.finish(room(many), begun, end_at(1));
        assert!(ends.get(room(many), later).is_some());
        assert_eq!(ends.rooms().known.len(), 1);
    }
}
