//! The rooms whose relays know a connection, so that each of them can forget it when it ends.

use super::sorted::SortedSet;
use crate::ids::RoomId;
use std::sync::{Mutex, PoisonError};

/// Shared by a session, which follows, and the end of its socket, which forgets.
#[derive(Debug)]
pub struct Followed(Mutex<Option<SortedSet<RoomId>>>);

impl Default for Followed {
    fn default() -> Self {
        Self(Mutex::new(Some(SortedSet::default())))
    }
}

impl Followed {
    /// Runs `follow`, unless the connection has ended: nobody would forget it then.
    pub fn follow(&self, room: RoomId, follow: impl FnOnce()) {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rooms) = rooms.as_mut() {
            rooms.insert(room, ());
            follow();
        }
    }

    /// The connection has ended: every room that was followed.
    pub fn end(&self) -> SortedSet<RoomId> {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.take().unwrap_or_default()
    }
}
