//! What rooms leave behind on this node when they sleep (R4): enough to wake without a take-over, as
//! long as nobody else took the room. R2's condition protects whoever is wrong about that.

use crate::ids::RoomId;
use crate::limits::ROOM_NOTES_MAX;
use crate::store::Statics;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The notes of a node; beyond the bound the oldest go.
#[derive(Debug, Default)]
pub struct Notes(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    by_room: HashMap<RoomId, (u64, Statics)>,
    by_age: BTreeMap<u64, RoomId>,
    last: u64,
}

impl Notes {
    /// Keeps what the owner knew of itself and the end of its log. All views stand: a sleeping
    /// room has none to write, so sent keys are found in the store.
    pub fn put(&self, room: RoomId, note: Statics) {
        let mut kept = self.kept();
        kept.take(room);
        kept.last += 1;
        let stamp = kept.last;
        kept.by_room.insert(room, (stamp, note));
        kept.by_age.insert(stamp, room);
        if kept.by_age.len() > ROOM_NOTES_MAX
            && let Some((_, oldest)) = kept.by_age.pop_first()
        {
            kept.by_room.remove(&oldest);
        }
    }

    /// Whoever wakes takes the note away: it holds for one owner.
    pub fn take(&self, room: RoomId) -> Option<Statics> {
        self.kept().take(room)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn take(&mut self, room: RoomId) -> Option<Statics> {
        let (stamp, note) = self.by_room.remove(&room)?;
        self.by_age.remove(&stamp);
        Some(note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn room(n: usize) -> RoomId {
        RoomId(Uuid::from_u128(n as u128))
    }

    #[test]
    fn the_oldest_notes_give_way() {
        let notes = Notes::default();
        for n in 0..ROOM_NOTES_MAX {
            notes.put(room(n), Statics::empty());
        }
        notes.put(room(0), Statics::empty());
        notes.put(room(ROOM_NOTES_MAX), Statics::empty());
        assert_eq!(notes.take(room(1)), None);
        for kept in [0, 2, ROOM_NOTES_MAX] {
            assert_eq!(notes.take(room(kept)), Some(Statics::empty()));
            assert_eq!(notes.take(room(kept)), None, "a note is used once");
        }
        let kept = notes.kept();
        assert_eq!(kept.by_room.len(), kept.by_age.len());
    }
}
