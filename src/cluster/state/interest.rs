//! Which rooms this node follows, and what the others were told of it.

use crate::cluster::message::Message;
use crate::ids::RoomId;
use crate::limits::INTEREST_ROOMS_MAX;
use std::collections::{BTreeMap, BTreeSet};

const STEP: u64 = 1 << 20;

#[derive(Debug)]
pub(super) struct Followed {
    rooms: BTreeSet<RoomId>,
    /// What the others were not told yet.
    changed: BTreeMap<RoomId, bool>,
    /// Rises by `STEP` with every change: between two there is room for the parts of a whole.
    version: u64,
}

impl Default for Followed {
    fn default() -> Self {
        Self {
            rooms: BTreeSet::new(),
            changed: BTreeMap::new(),
            version: STEP,
        }
    }
}

impl Followed {
    pub fn version(&self) -> u64 {
        self.version
    }

    pub fn rooms(&self) -> impl Iterator<Item = RoomId> + '_ {
        self.rooms.iter().copied()
    }

    /// Notes a change. True if it is the first one since the last flush.
    pub fn set(&mut self, room: RoomId, on: bool) -> bool {
        let changes = match on {
            true => self.rooms.insert(room),
            false => self.rooms.remove(&room),
        };
        let first = self.changed.is_empty();
        if changes || on {
            self.changed.insert(room, on);
        }
        first && !self.changed.is_empty()
    }

    /// Tells what changed.
    pub fn flush(&mut self) -> Vec<Message> {
        let changed: Vec<_> = std::mem::take(&mut self.changed).into_iter().collect();
        let chunks = changed.chunks(INTEREST_ROOMS_MAX);
        let tell = |chunk: &[(RoomId, bool)]| {
            let base = self.version;
            self.version += STEP;
            let with = |wanted: bool| {
                let rooms = chunk.iter().filter(|(_, on)| *on == wanted);
                rooms.map(|(room, _)| *room).collect()
            };
            Message::Interest {
                base,
                version: self.version,
                follow: with(true),
                leave: with(false),
            }
        };
        chunks.map(tell).collect()
    }

    /// All that is followed, in messages that build on one another, so that a lost one is noticed.
    /// What was not told yet is in it, and is told again with the next flush, which is harmless.
    pub fn whole(&self) -> Vec<Message> {
        let rooms: Vec<_> = self.rooms.iter().copied().collect();
        let mut chunks: Vec<_> = rooms.chunks(INTEREST_ROOMS_MAX).collect();
        if chunks.is_empty() {
            chunks.push(&[]);
        }
        let steps = chunks.len() as u64 - 1;
        let message = |(index, chunk): (u64, &[RoomId])| Message::Interest {
            base: match index {
                0 => 0,
                _ => self.version - steps + index - 1,
            },
            version: self.version - steps + index,
            follow: chunk.to_vec(),
            leave: Vec::new(),
        };
        (0..).zip(chunks).map(message).collect()
    }
}
