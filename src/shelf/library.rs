//! The shelves of all rooms: which there are, how much they take, and which go.

use super::state::Shelf;
use crate::ids::{RoomId, Seq};
use crate::limits::{SHELF_WANTED_MAX, SHELVES_BYTES_MAX, SHELVES_MAX};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Stands for a whole room among what was wanted.
const ROOM: u64 = u64::MAX;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A shelf, for as long as it is kept.
#[derive(Clone)]
pub struct Kept {
    shelf: Arc<Mutex<Place>>,
    total: Arc<AtomicUsize>,
}

struct Place {
    /// `None` once it went: nothing is published to it any more, so nobody may read it.
    shelf: Option<Shelf>,
    bytes: usize,
}

/// A reading for a shelf, which remembers meanwhile what comes.
pub struct Load {
    kept: Kept,
    pub known: Seq,
}

impl Drop for Load {
    fn drop(&mut self) {
        self.kept.change(Shelf::end_load);
    }
}

impl Kept {
    /// Does something with the shelf; `None`: it went.
    pub fn change<T>(&self, what: impl FnOnce(&mut Shelf) -> T) -> Option<T> {
        let mut place = locked(&self.shelf);
        let shelf = place.shelf.as_mut()?;
        let done = what(shelf);
        let bytes = shelf.bytes();
        self.weigh(&mut place, bytes);
        Some(done)
    }

    pub fn begin_load(&self) -> Option<Load> {
        let known = self.change(Shelf::begin_load)?;
        let kept = self.clone();
        Some(Load { kept, known })
    }

    fn weigh(&self, place: &mut Place, bytes: usize) {
        self.total.fetch_add(bytes, Ordering::Relaxed);
        self.total.fetch_sub(place.bytes, Ordering::Relaxed);
        place.bytes = bytes;
    }

    fn close(&self) {
        let mut place = locked(&self.shelf);
        place.shelf = None;
        self.weigh(&mut place, 0);
    }
}

#[derive(Default)]
struct Rooms {
    kept: HashMap<RoomId, (Kept, u64)>,
    uses: u64,
    /// What somebody wanted lately, and before that.
    wanted: [HashSet<(RoomId, u64)>; 2],
}

impl Rooms {
    fn was_wanted(&mut self, room: RoomId, index: u64) -> bool {
        let place = (room, index);
        if self.wanted.iter().any(|wanted| wanted.contains(&place)) {
            return true;
        }
        if self.wanted[0].len() >= SHELF_WANTED_MAX {
            self.wanted[1] = std::mem::take(&mut self.wanted[0]);
        }
        self.wanted[0].insert(place);
        false
    }

    /// Lets go of the shelf that was of no use for longest; false: there is none.
    fn forget_oldest(&mut self) -> bool {
        let oldest = self.kept.iter().min_by_key(|(_, (_, used))| *used);
        let oldest = oldest.map(|(room, _)| *room);
        oldest.inspect(|room| self.forget(*room)).is_some()
    }

    fn forget(&mut self, room: RoomId) {
        if let Some((kept, _)) = self.kept.get(&room) {
            // Closed while nobody can look for it: what is published later finds no shelf, and who holds
            // this one reads it no more.
            kept.close();
            self.kept.remove(&room);
        }
    }
}

/// The shelves of a node.
#[derive(Default)]
pub struct Library {
    rooms: Mutex<Rooms>,
    bytes: Arc<AtomicUsize>,
}

impl Library {
    /// The shelf of `room`, if there is one.
    pub fn find(&self, room: RoomId) -> Option<Kept> {
        let rooms = locked(&self.rooms);
        rooms.kept.get(&room).map(|(kept, _)| kept.clone())
    }

    /// The same for somebody who reads near a segment; whoever is not the first in a while to want the
    /// room gets a new one.
    pub fn take(&self, room: RoomId, near: Option<u64>) -> Option<Kept> {
        let mut rooms = locked(&self.rooms);
        rooms.uses += 1;
        let now = rooms.uses;
        if let Some((kept, used)) = rooms.kept.get_mut(&room) {
            *used = now;
            return Some(kept.clone());
        }
        if !rooms.was_wanted(room, ROOM) {
            near.map(|index| rooms.was_wanted(room, index));
            return None;
        }
        while rooms.kept.len() >= SHELVES_MAX && rooms.forget_oldest() {}
        let place = Place {
            shelf: Some(Shelf::default()),
            bytes: 0,
        };
        let kept = Kept {
            shelf: Arc::new(Mutex::new(place)),
            total: Arc::clone(&self.bytes),
        };
        rooms.kept.insert(room, (kept.clone(), now));
        Some(kept)
    }

    /// Whether somebody wanted the segment lately. From now on somebody did.
    pub fn was_wanted(&self, room: RoomId, index: u64) -> bool {
        locked(&self.rooms).was_wanted(room, index)
    }

    pub fn forget(&self, room: RoomId) {
        locked(&self.rooms).forget(room);
    }

    /// Of a room nothing is known any more, not even that it was wanted.
    #[cfg(test)]
    pub fn forget_all(&self, room: RoomId) {
        let mut rooms = locked(&self.rooms);
        rooms.forget(room);
        for wanted in &mut rooms.wanted {
            wanted.retain(|place| place.0 != room);
        }
    }

    /// Lets go of what was of no use for longest, until the rest is not too much.
    pub fn make_room(&self) {
        let too_much = || self.bytes.load(Ordering::Relaxed) > SHELVES_BYTES_MAX;
        while too_much() && locked(&self.rooms).forget_oldest() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(n: u8) -> RoomId {
        RoomId::from_bytes([n; 16])
    }

    #[test]
    fn the_second_reader_finds_a_room_hot_and_his_place_too() {
        let library = Library::default();
        assert!(library.take(room(1), Some(7)).is_none());
        assert!(library.find(room(1)).is_none());
        assert!(library.take(room(2), None).is_none());
        assert!(library.take(room(1), Some(9)).is_some());
        assert!(library.find(room(1)).is_some());
        assert!(library.was_wanted(room(1), 7));
        assert!(
            !library.was_wanted(room(1), 9),
            "only whoever reads the store"
        );
        assert!(library.was_wanted(room(1), 9));
        assert!(!library.was_wanted(room(2), 7));
        // What nobody wants any more is forgotten, twice as much later.
        for index in 0..=2 * SHELF_WANTED_MAX as u64 {
            library.was_wanted(room(3), index);
        }
        assert!(!library.was_wanted(room(1), 7));
    }

    #[test]
    fn nobody_reads_a_shelf_that_went() {
        let library = Library::default();
        library.take(room(1), None);
        let kept = library.take(room(1), None).expect("hot");
        kept.change(|shelf| shelf.begin_at(5)).expect("there");
        let load = kept.begin_load().expect("there");
        library.forget(room(1));
        assert_eq!(kept.change(|shelf| shelf.head()), None);
        drop(load);
        let anew = library.take(room(1), None).expect("still hot");
        assert_eq!(anew.change(|shelf| shelf.head()), Some(None));
        assert_eq!(kept.change(|shelf| shelf.head()), None);
    }

    #[test]
    fn the_least_used_rooms_go_when_there_are_too_many() {
        let library = Library::default();
        let many = SHELVES_MAX as u64 + 10;
        let room = |n: u64| {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&n.to_be_bytes());
            RoomId::from_bytes(bytes)
        };
        for n in 0..many {
            for _ in 0..2 {
                library.take(room(n), None);
                library.take(room(0), None);
            }
        }
        assert!(library.find(room(0)).is_some());
        assert!(library.find(room(1)).is_none());
        assert!(library.find(room(many - 1)).is_some());
        assert_eq!(locked(&library.rooms).kept.len(), SHELVES_MAX);
        // Too many bytes: all go, if it must be.
        library
            .bytes
            .store(SHELVES_BYTES_MAX + 1, Ordering::Relaxed);
        library.make_room();
        assert_eq!(locked(&library.rooms).kept.len(), 0);
    }
}
