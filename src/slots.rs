//! Which actor stands for which room on this node. Messages go through here, so that an idle actor
//! ends only if nothing was sent to it in the meantime: no message is lost to a sleeping actor.

use crate::ids::RoomId;
use ractor::{ActorId, ActorRef, Message, MessagingErr};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The actors of one kind. Not ractor's registry: that is global, and two nodes fit in one process.
#[derive(Debug)]
pub struct Slots<M> {
    known: Mutex<Known<M>>,
}

#[derive(Debug)]
struct Known<M> {
    by_room: HashMap<RoomId, Slot<M>>,
    by_actor: HashMap<ActorId, RoomId>,
}

#[derive(Debug)]
struct Slot<M> {
    actor: ActorRef<M>,
    sent: u64,
}

impl<M: Message> Slots<M> {
    pub fn new() -> Self {
        Self {
            known: Mutex::new(Known {
                by_room: HashMap::new(),
                by_actor: HashMap::new(),
            }),
        }
    }

    /// Sends to the actor of the room, which `start` makes if there is none. `Err`: there is none
    /// and none was made.
    pub fn send(
        &self,
        room: RoomId,
        message: M,
        start: impl FnOnce() -> Option<ActorRef<M>>,
    ) -> Result<(), M> {
        let mut known = self.known();
        let Err(message) = known.send(room, message) else {
            return Ok(());
        };
        let Some(actor) = start() else {
            return Err(message);
        };
        known.by_actor.insert(actor.get_id(), room);
        known.by_room.insert(room, Slot { actor, sent: 0 });
        known.send(room, message)
    }

    /// Sends if there is an actor; `Err`: there is none.
    pub fn send_if_there(&self, room: RoomId, message: M) -> Result<(), M> {
        self.known().send(room, message)
    }

    /// Whether there is an actor for the room.
    pub fn has(&self, room: RoomId) -> bool {
        self.known().by_room.contains_key(&room)
    }

    /// The actor that handled `handled` messages may end: true if nothing else was sent to it.
    /// From then on the next message makes a new one.
    pub fn retire(&self, room: RoomId, actor: ActorId, handled: u64) -> bool {
        let mut known = self.known();
        let idle = |slot: &Slot<M>| slot.actor.get_id() == actor && slot.sent == handled;
        let retires = known.by_room.get(&room).is_some_and(idle);
        if retires {
            known.by_room.remove(&room);
        }
        retires
    }

    /// Forgets an actor that has ended; answers its room.
    pub fn ended(&self, actor: ActorId) -> Option<RoomId> {
        let mut known = self.known();
        let room = known.by_actor.remove(&actor)?;
        let slot = known.by_room.get(&room);
        if slot.is_some_and(|slot| slot.actor.get_id() == actor) {
            known.by_room.remove(&room);
        }
        Some(room)
    }

    /// Sends to every actor.
    pub fn broadcast(&self, message: impl Fn() -> M) {
        let mut known = self.known();
        for slot in known.by_room.values_mut() {
            if slot.actor.send_message(message()).is_ok() {
                slot.sent += 1;
            }
        }
    }

    /// Actors that have not ended.
    pub fn len(&self) -> usize {
        self.known().by_actor.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn known(&self) -> MutexGuard<'_, Known<M>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Message> Default for Slots<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Message> Known<M> {
    fn send(&mut self, room: RoomId, message: M) -> Result<(), M> {
        let Some(slot) = self.by_room.get_mut(&room) else {
            return Err(message);
        };
        match slot.actor.send_message(message) {
            Ok(()) => {
                slot.sent += 1;
                Ok(())
            }
            Err(MessagingErr::SendErr(message)) => {
                self.by_room.remove(&room);
                Err(message)
            }
            // Only a reference to an actor of another type answers so; there are none here.
            Err(_) => Ok(()),
        }
    }
}
