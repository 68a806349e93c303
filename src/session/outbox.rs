//! The bounded queue towards one connection. Everybody may push; the socket writer drains.
//!
//! Nothing here waits: a reader that is too slow loses its hints first and is then closed with a
//! code that lets it resume, and nobody else notices.

use crate::ids::{RoomId, Seq, UserId};
use crate::limits::{CATCH_UP_BYTES_MAX, OUTBOX_BYTES_MAX};
use crate::metrics::Metrics;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// One encoded text frame: bytes that all receivers share.
pub type Frame = axum::extract::ws::Utf8Bytes;

/// Close codes of PROTOCOL.md §4.
pub mod code {
    pub const GOING_AWAY: u16 = 1001;
    pub const NOT_UTF8: u16 = 1007;
    pub const POLICY: u16 = 1008;
    pub const TOO_LARGE: u16 = 1009;
    pub const INTERNAL: u16 = 1011;
    pub const NOT_AUTHENTICATED: u16 = 4001;
    pub const TOO_SLOW: u16 = 4008;
    pub const PROTOCOL_ERROR: u16 = 4009;
    pub const NO_HELLO: u16 = 4010;
}

/// What a frame costs besides its bytes.
const FRAME_COST: usize = 64;

/// Which hint replaces which: a newer one of the same key takes the older one's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HintKey {
    Head(RoomId),
    Typing(RoomId),
    Presence(UserId),
    Profile(UserId),
}

impl HintKey {
    fn room(self) -> Option<RoomId> {
        match self {
            HintKey::Head(room) | HintKey::Typing(room) => Some(room),
            HintKey::Presence(_) | HintKey::Profile(_) => None,
        }
    }
}

/// What the writer finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Frames to write; more may follow.
    Frames,
    /// Write what was handed out, then close with this code.
    Close(u16),
}

/// A cheap handle; clones share one queue.
#[derive(Clone, Debug)]
pub struct Outbox(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    filled: Notify,
    gone: Notify,
    bytes_max: usize,
    metrics: Metrics,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Frame>,
    hints: BTreeMap<HintKey, Frame>,
    bytes: usize,
    /// How far catch-up lifts the bound; sinks as it is written.
    lifted: usize,
    close: Option<u16>,
    /// The socket has ended.
    gone: bool,
    /// Rooms that the person was removed from, and by which entry: nothing of them is queued.
    left: HashMap<RoomId, Seq>,
}

impl Outbox {
    pub fn new(metrics: &Metrics) -> Self {
        Self::bounded(metrics, OUTBOX_BYTES_MAX)
    }

    /// With another bound, for tests.
    pub fn bounded(metrics: &Metrics, bytes_max: usize) -> Self {
        Self(Arc::new(Shared {
            queue: Mutex::default(),
            filled: Notify::new(),
            gone: Notify::new(),
            bytes_max,
            metrics: metrics.clone(),
        }))
    }

    /// Queues a frame. False if the connection is closing: it gets nothing any more.
    pub fn push(&self, frame: Frame) -> bool {
        self.push_if(None, frame, false)
    }

    /// Queues a frame of a room, unless the person was removed from it.
    pub fn push_of(&self, room: RoomId, frame: Frame) -> bool {
        self.push_if(Some(room), frame, false)
    }

    /// Queues a frame of the catch-up that this connection asked for: it may wait beside what is live,
    /// so that a resume of many rooms is not taken for a slow reader.
    pub fn push_catch_up(&self, room: RoomId, frame: Frame) -> bool {
        self.push_if(Some(room), frame, true)
    }

    fn push_if(&self, room: Option<RoomId>, frame: Frame, catch_up: bool) -> bool {
        let mut queue = self.queue();
        if queue.is_closed() || room.is_some_and(|room| queue.left.contains_key(&room)) {
            return false;
        }
        let cost = frame.len() + FRAME_COST;
        if catch_up {
            queue.lifted = (queue.lifted + cost).min(CATCH_UP_BYTES_MAX);
        }
        let bytes_max = self.0.bytes_max + queue.lifted;
        if queue.bytes + cost > bytes_max {
            self.drop_hints(&mut queue);
        }
        if queue.bytes + cost > bytes_max {
            self.0.metrics.slow_connections.inc();
            self.shut(&mut queue, code::TOO_SLOW);
            return false;
        }
        self.add(&mut queue, cost);
        self.0.metrics.frames.inc();
        queue.frames.push_back(frame);
        drop(queue);
        self.0.filled.notify_one();
        true
    }

    /// Queues something that may be lost: it replaces an older one of its key, and is dropped
    /// when the queue is more than half full.
    pub fn push_hint(&self, key: HintKey, frame: Frame) -> bool {
        let mut queue = self.queue();
        let left = |room: RoomId| queue.left.contains_key(&room);
        if queue.is_closed() || key.room().is_some_and(left) {
            return false;
        }
        if let Some(old) = queue.hints.remove(&key) {
            self.take(&mut queue, old.len() + FRAME_COST, 1);
        }
        let cost = frame.len() + FRAME_COST;
        if queue.bytes + cost > self.0.bytes_max / 2 {
            self.0.metrics.outbox_hints_dropped.inc();
            return false;
        }
        self.add(&mut queue, cost);
        queue.hints.insert(key, frame);
        drop(queue);
        self.0.filled.notify_one();
        true
    }

    /// Like `push_of`, but dropped instead of closing a slow connection, and keeps no key.
    pub fn push_lossy(&self, room: RoomId, frame: Frame) -> bool {
        if self.queue().bytes + frame.len() + FRAME_COST > self.0.bytes_max / 2 {
            self.0.metrics.outbox_hints_dropped.inc();
            return false;
        }
        self.push_of(room, frame)
    }

    /// Takes the room away by the entry `seq`: `gone` is its last frame. False if it was away.
    pub fn leave(&self, room: RoomId, seq: Seq, gone: Frame) -> bool {
        {
            let mut queue = self.queue();
            let away = queue.left.get(&room).copied();
            if away.is_some_and(|left| left >= seq) {
                return false;
            }
            for key in [HintKey::Head(room), HintKey::Typing(room)] {
                if let Some(old) = queue.hints.remove(&key) {
                    self.take(&mut queue, old.len() + FRAME_COST, 1);
                }
            }
            queue.left.insert(room, seq);
            if away.is_some() {
                return false;
            }
        }
        self.push(gone)
    }

    /// Lets frames of the room through again, if it was joined by the entry `seq` after any removal.
    pub fn rejoin(&self, room: RoomId, seq: Seq) -> bool {
        let mut queue = self.queue();
        match queue.left.get(&room) {
            Some(left) if *left > seq => false,
            _ => {
                queue.left.remove(&room);
                true
            }
        }
    }

    /// Whether the person was removed from the room on this connection.
    pub fn has_left(&self, room: RoomId) -> bool {
        self.queue().left.contains_key(&room)
    }

    /// Closes the connection: after `bye` the writer closes with `code`. What is queued is still
    /// written only if the client was not at fault and still has its rights.
    pub fn close(&self, code: u16, bye: Option<Frame>) {
        let mut queue = self.queue();
        if queue.is_closed() {
            return;
        }
        if let (true, Some(bye)) = (code == code::GOING_AWAY, bye) {
            self.add(&mut queue, bye.len() + FRAME_COST);
            queue.frames.push_back(bye);
        }
        self.shut(&mut queue, code);
    }

    /// The code with which the connection is closing.
    pub fn closing(&self) -> Option<u16> {
        self.queue().close
    }

    /// The socket has ended: whoever waits for that goes on, and nothing is queued any more.
    pub fn end(&self) {
        let mut queue = self.queue();
        queue.gone = true;
        self.clear(&mut queue);
        drop(queue);
        self.0.gone.notify_waiters();
        self.0.filled.notify_one();
    }

    /// Waits until the socket has ended.
    pub async fn ended(&self) {
        loop {
            let gone = self.0.gone.notified();
            if self.queue().gone {
                return;
            }
            gone.await;
        }
    }

    /// Waits until there is something to write and moves it to `into`, about `bytes_max` bytes.
    /// One writer at a time. Cancel safe: what was not returned stays queued.
    pub async fn drain(&self, into: &mut Vec<Frame>, bytes_max: usize) -> Drained {
        loop {
            if let Some(drained) = self.try_drain(into, bytes_max) {
                return drained;
            }
            self.0.filled.notified().await;
        }
    }

    /// `drain` without waiting; `None`: there is nothing to write.
    pub fn try_drain(&self, into: &mut Vec<Frame>, bytes_max: usize) -> Option<Drained> {
        let mut queue = self.queue();
        let (mut bytes, mut cost, mut count) = (0, 0, 0);
        while bytes < bytes_max
            && let Some(frame) = queue.pop()
        {
            bytes += frame.len();
            cost += frame.len() + FRAME_COST;
            count += 1;
            into.push(frame);
        }
        self.take(&mut queue, cost, count);
        let empty = queue.frames.is_empty() && queue.hints.is_empty();
        match queue.close {
            Some(code) if empty => Some(Drained::Close(code)),
            None if queue.gone => Some(Drained::Close(code::GOING_AWAY)),
            _ if count > 0 => Some(Drained::Frames),
            _ => None,
        }
    }

    /// Bytes in the queue.
    pub fn bytes(&self) -> usize {
        self.queue().bytes
    }

    fn drop_hints(&self, queue: &mut Queue) {
        let hints = std::mem::take(&mut queue.hints);
        let cost = hints.values().map(|hint| hint.len() + FRAME_COST).sum();
        self.take(queue, cost, hints.len());
        self.0
            .metrics
            .outbox_hints_dropped
            .inc_by(hints.len() as u64);
    }

    fn shut(&self, queue: &mut Queue, code: u16) {
        if matches!(code, code::TOO_SLOW | code::NOT_AUTHENTICATED) {
            self.clear(queue);
        }
        queue.close = Some(code);
        self.0.filled.notify_one();
    }

    fn clear(&self, queue: &mut Queue) {
        let (bytes, count) = (queue.bytes, queue.frames.len() + queue.hints.len());
        queue.frames = VecDeque::new();
        queue.hints = BTreeMap::new();
        self.take(queue, bytes, count);
    }

    fn add(&self, queue: &mut Queue, cost: usize) {
        queue.bytes += cost;
        self.0.metrics.outbox_bytes.add(cost as i64);
        self.0.metrics.outbox_frames.inc();
    }

    fn take(&self, queue: &mut Queue, cost: usize, count: usize) {
        queue.bytes -= cost;
        queue.lifted = queue.lifted.min(queue.bytes);
        self.0.metrics.outbox_bytes.sub(cost as i64);
        self.0.metrics.outbox_frames.sub(count as i64);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn is_closed(&self) -> bool {
        self.gone || self.close.is_some()
    }

    fn pop(&mut self) -> Option<Frame> {
        let frame = self.frames.pop_front();
        frame.or_else(|| self.hints.pop_first().map(|(_, frame)| frame))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let queue = self.queue.get_mut().unwrap_or_else(PoisonError::into_inner);
        let count = queue.frames.len() + queue.hints.len();
        self.metrics.outbox_bytes.sub(queue.bytes as i64);
        self.metrics.outbox_frames.sub(count as i64);
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
