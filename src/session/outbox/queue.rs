//! What an outbox holds.

use super::Frame;
use crate::ids::{RoomId, Seq, UserId};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;

/// What a frame costs besides its bytes.
pub(super) const FRAME_COST: usize = 64;

/// Whether a frame of a catch-up was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fed {
    Taken,
    /// Enough waits already: come again when there is room.
    Full,
    /// The connection gets nothing more of this room.
    Closed,
}

/// Which hint replaces which: a newer one of the same key takes the older one's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HintKey {
    Head(RoomId),
    Typing(RoomId),
    Presence(UserId),
    Profile(UserId),
}

impl HintKey {
    pub(super) fn room(self) -> Option<RoomId> {
        match self {
            HintKey::Head(room) | HintKey::Typing(room) => Some(room),
            HintKey::Presence(_) | HintKey::Profile(_) => None,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    pub frames: VecDeque<Frame>,
    pub hints: BTreeMap<HintKey, Frame>,
    pub bytes: usize,
    /// The writer is at work with what it took.
    pub writing: bool,
    /// The socket holds the rest of a direct write.
    pub unflushed: bool,
    pub close: Option<u16>,
    /// The socket has ended.
    pub gone: bool,
    /// Rooms that the person was removed from, and by which entry: nothing of them is queued.
    pub left: BTreeMap<RoomId, Seq>,
    /// Catch-ups that wait for room.
    pub ready: Vec<Ready>,
}

impl Queue {
    pub fn is_closed(&self) -> bool {
        self.gone || self.close.is_some()
    }

    /// Whether frames of the room are queued.
    pub fn takes(&self, room: RoomId) -> bool {
        !self.is_closed() && !self.left.contains_key(&room)
    }

    /// Nothing waits and nothing is being written.
    pub fn is_quiet(&self) -> bool {
        self.frames.is_empty() && self.hints.is_empty() && !self.writing && !self.unflushed
    }

    pub fn pop(&mut self) -> Option<Frame> {
        let frame = self.frames.pop_front();
        frame.or_else(|| self.hints.pop_first().map(|(_, frame)| frame))
    }

    /// An empty queue keeps no memory: most connections are idle most of the time.
    pub fn release_if_empty(&mut self) -> bool {
        if self.frames.is_empty() {
            self.frames = VecDeque::new();
        }
        self.frames.is_empty() && self.hints.is_empty()
    }

    pub fn take_ready(&mut self) -> Vec<Ready> {
        std::mem::take(&mut self.ready)
    }
}

/// Runs when dropped: whoever waits hears of it, however the wait ends.
pub(super) struct Ready(Option<Box<dyn FnOnce() + Send>>);

impl Ready {
    pub fn new(then: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(then)))
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        if let Some(then) = self.0.take() {
            then();
        }
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ready")
    }
}
