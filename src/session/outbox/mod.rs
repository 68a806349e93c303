//! The bounded queue towards one connection. Everybody may push; the socket writer drains.
//!
//! Nothing here waits: a reader that is too slow loses its hints first and is then closed with a
//! code that lets it resume, and nobody else notices. What is live passes an empty queue and leaves
//! at once, on the thread of whoever pushes it, if the socket takes it.

mod direct;
mod queue;

pub use self::direct::{Direct, Wrote};
use self::queue::{FRAME_COST, Queue, Ready};
pub use self::queue::{Fed, HintKey};
use crate::ids::{RoomId, Seq};
use crate::limits::OUTBOX_BYTES_MAX;
use crate::metrics::Metrics;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// One encoded text frame: bytes that all receivers share.
pub type Frame = axum::extract::ws::Utf8Bytes;

/// Close codes of PROTOCOL.md §4.
pub mod code {
    pub const GOING_AWAY: u16 = 1001;
    pub const POLICY: u16 = 1008;
    pub const INTERNAL: u16 = 1011;
    pub const NOT_AUTHENTICATED: u16 = 4001;
    pub const TOO_SLOW: u16 = 4008;
    pub const PROTOCOL_ERROR: u16 = 4009;
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
    direct: Option<Arc<dyn Direct>>,
    metrics: Metrics,
}

impl Outbox {
    pub fn new(metrics: &Metrics) -> Self {
        Self::bounded(metrics, OUTBOX_BYTES_MAX)
    }

    /// Before a socket that takes bytes directly.
    pub fn before(metrics: &Metrics, direct: Arc<dyn Direct>) -> Self {
        Self::with(metrics, OUTBOX_BYTES_MAX, Some(direct))
    }

    /// With another bound, for tests.
    pub fn bounded(metrics: &Metrics, bytes_max: usize) -> Self {
        Self::with(metrics, bytes_max, None)
    }

    fn with(metrics: &Metrics, bytes_max: usize, direct: Option<Arc<dyn Direct>>) -> Self {
        Self(Arc::new(Shared {
            queue: Mutex::default(),
            filled: Notify::new(),
            gone: Notify::new(),
            bytes_max,
            direct,
            metrics: metrics.clone(),
        }))
    }

    /// Queues a frame. False if the connection is closing: it gets nothing any more.
    pub fn push(&self, frame: Frame) -> bool {
        let queue = self.queue();
        !queue.is_closed() && self.push_to(queue, &[frame])
    }

    /// Queues a frame of a room, unless the person was removed from it.
    pub fn push_of(&self, room: RoomId, frame: Frame) -> bool {
        let queue = self.queue();
        queue.takes(room) && self.push_to(queue, &[frame])
    }

    /// What just happened in a room, in order. `at_once`: written by the caller if nothing waits.
    pub fn push_live(&self, room: RoomId, frames: &[Frame], at_once: bool) -> bool {
        let mut queue = self.queue();
        if !queue.takes(room) {
            return false;
        }
        let may = at_once && queue.is_quiet();
        let direct = self.0.direct.as_ref().filter(|_| may);
        match direct.map_or(Wrote::Nothing, |direct| direct.try_write(frames)) {
            Wrote::All => {}
            Wrote::Part => {
                queue.unflushed = true;
                drop(queue);
                self.0.filled.notify_one();
            }
            Wrote::Nothing => return self.push_to(queue, frames),
        }
        self.0.metrics.frames.inc_by(frames.len() as u64);
        true
    }

    /// Queues a frame of a catch-up: at its reader's pace, so that however much he asked for, no more
    /// than half of the bound waits, or one frame.
    pub fn push_catch_up(&self, room: RoomId, frame: &Frame) -> Fed {
        let queue = self.queue();
        if !queue.takes(room) {
            return Fed::Closed;
        }
        let cost = frame.len() + FRAME_COST;
        if queue.bytes > 0 && queue.bytes + cost > self.0.bytes_max / 2 {
            return Fed::Full;
        }
        match self.push_to(queue, std::slice::from_ref(frame)) {
            true => Fed::Taken,
            false => Fed::Closed,
        }
    }

    /// Runs `then` once there is room for more catch-up, or nothing is queued any more.
    pub fn when_ready(&self, then: impl FnOnce() + Send + 'static) {
        let mut queue = self.queue();
        if queue.is_closed() || self.has_room(&queue) {
            drop(queue);
            return then();
        }
        queue.ready.push(Ready::new(then));
    }

    fn has_room(&self, queue: &Queue) -> bool {
        queue.bytes <= self.0.bytes_max / 4
    }

    fn push_to(&self, mut queue: MutexGuard<'_, Queue>, frames: &[Frame]) -> bool {
        let cost: usize = frames.iter().map(|frame| frame.len() + FRAME_COST).sum();
        // One frame is taken by an empty queue, however long it is.
        let is_over = |queue: &Queue| queue.bytes > 0 && queue.bytes + cost > self.0.bytes_max;
        if is_over(&queue) {
            self.drop_hints(&mut queue);
        }
        if is_over(&queue) {
            self.0.metrics.slow_connections.inc();
            self.shut(&mut queue, code::TOO_SLOW);
            return false;
        }
        self.add(&mut queue, cost, frames.len());
        self.0.metrics.frames.inc_by(frames.len() as u64);
        queue.frames.extend(frames.iter().cloned());
        drop(queue);
        self.0.filled.notify_one();
        true
    }

    /// Queues something that may be lost: it replaces an older one of its key, and is dropped
    /// when the queue is more than half full.
    pub fn push_hint(&self, key: HintKey, frame: Frame) -> bool {
        let mut queue = self.queue();
        if queue.is_closed() || key.room().is_some_and(|room| !queue.takes(room)) {
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
        self.add(&mut queue, cost, 1);
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
            self.add(&mut queue, bye.len() + FRAME_COST, 1);
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
        let ready = queue.take_ready();
        drop(queue);
        drop(ready);
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

    /// Waits until there is something to write and moves it to `into`, about `bytes_max` bytes. Until
    /// it is called again that counts as under way, and nothing overtakes it.
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
        let unflushed = std::mem::take(&mut queue.unflushed);
        queue.writing = count > 0 || unflushed;
        let empty = queue.release_if_empty();
        let drained = match queue.close {
            Some(code) if empty => Some(Drained::Close(code)),
            None if queue.gone => Some(Drained::Close(code::GOING_AWAY)),
            _ if queue.writing => Some(Drained::Frames),
            _ => None,
        };
        let ready = match self.has_room(&queue) {
            true => queue.take_ready(),
            false => Vec::new(),
        };
        drop(queue);
        drop(ready);
        drained
    }

    /// Waits until the connection is closing or has ended. For the writer, while it writes.
    pub async fn closed(&self) {
        while !self.queue().is_closed() {
            self.0.filled.notified().await;
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
        queue.frames = Default::default();
        queue.hints.clear();
        self.take(queue, bytes, count);
    }

    fn add(&self, queue: &mut Queue, cost: usize, count: usize) {
        queue.bytes += cost;
        self.0.metrics.outbox_bytes.add(cost as i64);
        self.0.metrics.outbox_frames.add(count as i64);
    }

    fn take(&self, queue: &mut Queue, cost: usize, count: usize) {
        queue.bytes -= cost;
        self.0.metrics.outbox_bytes.sub(cost as i64);
        self.0.metrics.outbox_frames.sub(count as i64);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartialEq for Outbox {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
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
mod tests;
