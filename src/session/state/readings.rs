//! Facts of rooms that are read outside: one reading of a room at a time, and one more for what
//! changed meanwhile. So what was read first is never shown last, however long the store is away.

use crate::ids::RoomId;
use std::collections::BTreeMap;

/// Readings under way, and whether something changed since they began.
#[derive(Debug, Default)]
pub(super) struct Readings(BTreeMap<RoomId, bool>);

impl Readings {
    /// The room changed. Whether to begin to read it.
    pub fn begin(&mut self, room: RoomId) -> bool {
        let is_new = !self.0.contains_key(&room);
        self.0.insert(room, !is_new);
        is_new
    }

    /// What is being read of the room may be old.
    pub fn doubt(&mut self, room: RoomId) {
        if let Some(changed) = self.0.get_mut(&room) {
            *changed = true;
        }
    }

    /// The room was read. Whether it changed meanwhile and is to be read again.
    pub fn end(&mut self, room: RoomId) -> bool {
        let changed = self.0.remove(&room).unwrap_or(false);
        if changed {
            self.0.insert(room, false);
        }
        changed
    }
}
