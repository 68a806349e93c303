//! The rooms of a node: the first command brings an owner to life, and each is supervised apart.

use super::actor::{Parts, RoomActor, RoomMessage};
use super::answer::{Answer, unknown};
use super::hold::Holds;
use super::notes::Notes;
use super::state::Snapshot;
use super::{Reply, Send};
use crate::bus::Bus;
use crate::entry::Salt;
use crate::error::{Code, Error};
use crate::ids::{RoomId, UserId};
use crate::limits::ROOM_REPLY_MS_MAX;
use crate::metrics::Metrics;
use crate::shelf::Shelves;
use crate::slots::Slots;
use crate::store::Store;
use crate::supervise::{Exit, Restarts, Supervisor};
use ractor::{Actor, ActorCell, ActorId, ActorRef, ActorRuntime, SpawnErr};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

/// The way to every room. Clones share it.
#[derive(Clone)]
pub struct Rooms(Arc<Shared>);

struct Shared {
    parts: Arc<Parts>,
    supervisor: ActorCell,
    ends: Arc<Ends>,
    /// What of rooms that live elsewhere is shown here.
    shelves: OnceLock<Shelves>,
}

/// How rooms of this node ended lately.
struct Ends {
    slots: Arc<Slots<RoomMessage>>,
    metrics: Metrics,
    /// Other nodes take rooms, too.
    shared: bool,
    restarts: Mutex<HashMap<RoomId, Restarts>>,
    holds: Holds,
    ended: Notify,
    /// To bring a room that broke to life again.
    rooms: OnceLock<Weak<Shared>>,
}

impl Rooms {
    /// Starts the supervisor; rooms start by themselves.
    pub async fn start(
        store: Arc<dyn Store>,
        bus: Arc<dyn Bus>,
        metrics: &Metrics,
        bucket_bits: u32,
    ) -> Result<Self, SpawnErr> {
        let slots = Arc::new(Slots::new());
        let ends = Arc::new(Ends {
            slots: Arc::clone(&slots),
            metrics: metrics.clone(),
            shared: bus.is_shared(),
            restarts: Mutex::default(),
            holds: Holds::default(),
            ended: Notify::new(),
            rooms: OnceLock::new(),
        });
        let on_end = {
            let ends = Arc::clone(&ends);
            Box::new(move |actor, exit| ends.note(actor, exit))
        };
        let (supervisor, _) = Actor::spawn(None, Supervisor, on_end).await?;
        let parts = Parts {
            store,
            bus,
            metrics: metrics.clone(),
            bucket_bits,
            slots,
            notes: Notes::default(),
        };
        let shared = Arc::new(Shared {
            parts: Arc::new(parts),
            supervisor: supervisor.get_cell(),
            ends,
            shelves: OnceLock::new(),
        });
        let _ = shared.ends.rooms.set(Arc::downgrade(&shared));
        Ok(Self(shared))
    }

    /// From now on the hot history hears what is answered here before anybody else does.
    pub fn shelve(&self, shelves: Shelves) {
        let _ = self.0.shelves.set(shelves);
    }

    /// Sends a command and waits for its answer; out of time, the outcome is `unknown`.
    pub async fn send(&self, room: RoomId, send: Send) -> Reply {
        let (answer, reply) = Answer::awaited();
        self.cast(room, send, answer);
        in_time(reply).await
    }

    /// Sends a command; the answer goes its own way. Commands of one caller keep their order.
    pub fn cast(&self, room: RoomId, send: Send, answer: Answer) {
        let answer = match self.0.shelves.get() {
            Some(shelves) => answer.shown_by(shelves.clone(), room),
            None => answer,
        };
        self.tell(room, RoomMessage::Send(Box::new(send), answer));
    }

    /// The first entries of a new room whose row exists: the joins of `creator` and `members`.
    pub async fn found(&self, room: RoomId, creator: UserId, members: Vec<UserId>) -> Reply {
        let (answer, reply) = Answer::awaited();
        let salts = (0..=members.len()).map(|_| fresh_salt()).collect();
        self.tell(
            room,
            RoomMessage::Found {
                creator,
                members,
                salts,
                answer,
            },
        );
        in_time(reply).await
    }

    /// What the owner on this node says of itself; `None`: there is none.
    pub async fn observe(&self, room: RoomId) -> Option<Snapshot> {
        let (port, snapshot) = oneshot::channel();
        let observe = RoomMessage::Observe(port);
        self.0.parts.slots.send_if_there(room, observe).ok()?;
        snapshot.await.ok()
    }

    /// Owners on this node.
    pub fn count(&self) -> usize {
        self.0.parts.slots.len()
    }

    /// The owner on this node, if there is one, finishes what is under way and ends.
    pub fn hand_over(&self, room: RoomId) {
        let _ = self.0.parts.slots.send_if_there(room, RoomMessage::Drain);
    }

    /// Every room finishes what is under way and ends; true if all did within `during`.
    pub async fn drain(&self, during: Duration) -> bool {
        let all = async {
            loop {
                let ended = self.0.ends.ended.notified();
                if self.0.parts.slots.is_empty() {
                    return;
                }
                self.0.parts.slots.broadcast(|| RoomMessage::Drain);
                ended.await;
            }
        };
        tokio::time::timeout(during, all).await.is_ok()
    }

    /// Makes the owner of the room panic, as a bug would.
    #[cfg(test)]
    pub fn break_for_test(&self, room: RoomId) {
        let _ = self.0.parts.slots.send_if_there(room, RoomMessage::Panic);
    }

    fn tell(&self, room: RoomId, message: RoomMessage) {
        if let Some(message) = self.0.parts.bus.forward(room, message) {
            self.tell_here(room, message);
        }
    }

    /// Tells the owner on this node, wherever else the room should live.
    pub fn tell_here(&self, room: RoomId, message: RoomMessage) {
        let start = || self.start_room(room);
        if let Err(refused) = self.0.parts.slots.send(room, message, start) {
            refuse(refused);
        }
    }

    /// Tells the owner on this node if there is one; `Err`: there is none.
    pub fn tell_if_here(&self, room: RoomId, message: RoomMessage) -> Result<(), Box<RoomMessage>> {
        let told = self.0.parts.slots.send_if_there(room, message);
        told.map_err(Box::new)
    }

    /// Brings the room to life without a command.
    fn wake(&self, room: RoomId) {
        let (port, _) = oneshot::channel();
        self.tell_here(room, RoomMessage::Observe(port));
    }

    /// Before the room is taken back from whoever took it.
    fn pause(&self, room: RoomId) -> Duration {
        let pause = self.0.ends.holds.pause(room, Instant::now());
        match pause {
            Some(pause) => self.0.parts.bus.turn(room).unwrap_or(pause),
            None => Duration::ZERO,
        }
    }

    fn start_room(&self, room: RoomId) -> Option<ActorRef<RoomMessage>> {
        if self.0.ends.must_wait(room) {
            return None;
        }
        let pause = self.pause(room);
        self.0.parts.bus.wakes(room);
        let args = (room, Arc::clone(&self.0.parts), pause);
        let supervisor = self.0.supervisor.clone();
        let started = ActorRuntime::spawn_linked_instant(None, RoomActor, args, supervisor);
        started.ok().map(|(actor, _)| actor)
    }
}

impl Ends {
    fn note(&self, actor: ActorId, exit: Exit) {
        let room = self.slots.ended(actor);
        if exit == Exit::Panicked {
            self.metrics.room_panics.inc();
        }
        if let (Some(room), Exit::Fenced, true) = (room, exit, self.shared) {
            self.holds.fenced(room, Instant::now());
        }
        if let (Some(room), true) = (room, exit.is_failure()) {
            let mut restarts = self.restarts.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            restarts.retain(|_, restarts| !restarts.is_calm(now));
            restarts.entry(room).or_default().failed(now);
        }
        if let (Some(room), Exit::Panicked, false) = (room, exit, self.shared) {
            self.revive(room);
        }
        self.ended.notify_waiters();
    }

    /// What a room stored and did not live to publish is in nobody's sight. Among several nodes
    /// heads are polled; here the next owner says where the log ends, so it comes by itself.
    fn revive(&self, room: RoomId) {
        let (rooms, wait) = (self.rooms.get().cloned(), self.wait(room));
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            if let Some(shared) = rooms.and_then(|rooms| rooms.upgrade()) {
                Rooms(shared).wake(room);
            }
        });
    }

    fn must_wait(&self, room: RoomId) -> bool {
        !self.wait(room).is_zero()
    }

    fn wait(&self, room: RoomId) -> Duration {
        let restarts = self.restarts.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = restarts.get(&room).map(|of| of.wait(Instant::now()));
        wait.unwrap_or_default()
    }
}

/// Sixteen random bytes for the digest of an entry.
pub fn fresh_salt() -> Salt {
    let mut salt = Salt::default();
    match getrandom::fill(&mut salt) {
        Ok(()) => salt,
        Err(_) => uuid::Uuid::new_v4().into_bytes(),
    }
}

async fn in_time(reply: oneshot::Receiver<Reply>) -> Reply {
    let limit = Duration::from_millis(ROOM_REPLY_MS_MAX);
    match tokio::time::timeout(limit, reply).await {
        Ok(Ok(reply)) => reply,
        _ => Reply::Refused(unknown()),
    }
}

/// The room failed a moment ago and rests: nothing was tried.
fn refuse(message: RoomMessage) {
    if let RoomMessage::Send(_, answer) | RoomMessage::Found { answer, .. } = message {
        answer.give(Reply::Refused(Error::new(
            Code::Busy,
            "The room is recovering. Try again shortly.",
        )));
    }
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;
