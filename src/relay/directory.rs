//! The relays of a node: the first who follows a room brings one to life.

use super::actor::{Parts, RelayActor, RelayMessage};
use super::{RenderEntries, Watch};
use crate::bus::{Bus, Confirm, Hint, Publication, Subscriber};
use crate::clock;
use crate::entry::{Entry, Event};
use crate::ids::{ConnectionId, RoomId, Seq, UserId};
use crate::limits::MIN_WAIT_MS;
use crate::metrics::Metrics;
use crate::session::registry::{Connection, Sessions};
use crate::shelf::Shelves;
use crate::slots::Slots;
use crate::store::Store;
use crate::supervise::{Exit, Supervisor};
use crate::wire::client::Format;
use ractor::{Actor, ActorCell, ActorRef, ActorRuntime, SpawnErr};
use std::sync::{Arc, OnceLock};

/// The way to every relay. Clones share it.
#[derive(Clone)]
pub struct Relays(Arc<Shared>);

struct Shared {
    parts: Arc<Parts>,
    supervisor: ActorCell,
    /// Hears of everything before the relays do.
    shelves: OnceLock<Shelves>,
}

impl Relays {
    /// Starts the supervisor; relays start by themselves.
    pub async fn start(
        store: Arc<dyn Store>,
        sessions: Sessions,
        renderer: Arc<dyn RenderEntries>,
        metrics: &Metrics,
    ) -> Result<Self, SpawnErr> {
        let slots = Arc::new(Slots::new());
        let bus = Arc::new(OnceLock::<Arc<dyn Bus>>::new());
        let on_end = {
            let (slots, metrics) = (Arc::clone(&slots), metrics.clone());
            let bus = Arc::clone(&bus);
            Box::new(move |actor, exit| {
                let room = slots.ended(actor);
                if let (Some(room), Some(bus)) = (room, bus.get()) {
                    unfollow(&slots, &**bus, room);
                }
                if exit == Exit::Panicked {
                    metrics.relay_panics.inc();
                }
            })
        };
        let (supervisor, _) = Actor::spawn(None, Supervisor, on_end).await?;
        let parts = Parts {
            store,
            sessions,
            metrics: metrics.clone(),
            renderer,
            slots,
            bus,
        };
        Ok(Self(Arc::new(Shared {
            parts: Arc::new(parts),
            supervisor: supervisor.get_cell(),
            shelves: OnceLock::new(),
        })))
    }

    /// Watches the room from `after` on. The relay answers into the connection's outbox:
    /// entries and `watching`, or `reset` and `watching`, or an `error`; and tells the session
    /// `Watching` or `WatchEnded`. It looks membership up itself.
    pub fn watch(
        &self,
        room: RoomId,
        connection: Arc<Connection>,
        format: Format,
        after: Seq,
        reference: Option<String>,
    ) {
        let until = clock::now().plus_ms(MIN_WAIT_MS as i64);
        let watch = Watch::new(room, connection, format, after, reference, until);
        self.tell(room, RelayMessage::Watch(watch));
    }

    /// Ends the watch, if there is one; answers `unwatched`.
    pub fn unwatch(&self, room: RoomId, connection: Arc<Connection>, reference: Option<String>) {
        self.tell(room, RelayMessage::Unwatch(connection, reference));
    }

    /// The session hears `Head` (beyond `head`, which it knows) and `FactsChanged` of the room. For
    /// members only.
    pub fn listen(&self, room: RoomId, connection: Arc<Connection>, head: Seq) {
        self.tell(room, RelayMessage::Listen(connection, head));
    }

    pub fn unlisten(&self, room: RoomId, connection: ConnectionId) {
        self.tell_if_there(room, RelayMessage::Unlisten(connection));
    }

    /// The connection has ended: neither watched nor listened to any more. Once per room.
    pub fn forget(&self, room: RoomId, connection: ConnectionId) {
        self.tell_if_there(room, RelayMessage::Forget(connection));
    }

    /// Somebody's markers moved: `marks` to the watchers on every node.
    pub fn marks(&self, room: RoomId, user: UserId, read: Seq, delivered: Seq) {
        self.spread(Hint::Mark {
            room,
            user,
            read,
            delivered,
        });
    }

    /// Somebody types or stops: `typing` to the watchers on every node.
    pub fn typing(&self, room: RoomId, user: UserId, on: bool) {
        self.spread(Hint::Typing { room, user, on });
    }

    /// From now on others are told which rooms are followed here, and hints go through `bus`.
    pub fn attach(&self, bus: Arc<dyn Bus>) {
        let _ = self.0.parts.bus.set(bus);
    }

    /// From now on the hot history hears what is published here.
    pub fn shelve(&self, shelves: Shelves) {
        let _ = self.0.shelves.set(shelves);
    }

    /// The log of the room is at least this long: its relay reads what it lacks.
    pub fn head(&self, room: RoomId, head: Seq) {
        if let Some(shelves) = self.0.shelves.get() {
            shelves.head(room, head);
        }
        self.tell_if_there(room, RelayMessage::Head(head));
    }

    /// The same, read from the store after the right `upto` began: once all that is passed on, the
    /// room may be shown by that right.
    pub fn read(&self, room: RoomId, head: Seq, upto: u64) {
        if let Some(shelves) = self.0.shelves.get() {
            shelves.head(room, head);
        }
        self.tell_if_there(room, RelayMessage::Read(head, upto));
    }

    /// The same; `confirm` goes when everybody whom an entry up to there removed is out.
    pub fn reach(&self, room: RoomId, head: Seq, upto: u64, confirm: Confirm) {
        self.tell_if_there(room, RelayMessage::Reach(head, upto, confirm));
    }

    /// Relays on this node.
    pub fn count(&self) -> usize {
        self.0.parts.slots.len()
    }

    /// Makes the relay of the room panic, as a bug would.
    #[cfg(test)]
    pub fn break_for_test(&self, room: RoomId) {
        self.tell_if_there(room, RelayMessage::Panic);
    }

    fn tell(&self, room: RoomId, message: RelayMessage) {
        let start = || self.start_relay(room);
        // Without an actor the message is dropped, and a watch answers for itself.
        let _ = self.0.parts.slots.send(room, message, start);
    }

    fn tell_if_there(&self, room: RoomId, message: RelayMessage) {
        let _ = self.0.parts.slots.send_if_there(room, message);
    }

    fn start_relay(&self, room: RoomId) -> Option<ActorRef<RelayMessage>> {
        let args = (room, Arc::clone(&self.0.parts));
        let supervisor = self.0.supervisor.clone();
        // First, so that whatever right begins after the relay did is read for it, too.
        let bus = self.0.parts.bus.get();
        if let Some(bus) = bus {
            bus.follow(room);
        }
        let started = ActorRuntime::spawn_linked_instant(None, RelayActor, args, supervisor);
        if let (Err(_), Some(bus)) = (&started, bus) {
            bus.unfollow(room);
        }
        Some(started.ok()?.0)
    }

    fn spread(&self, hint: Hint) {
        match self.0.parts.bus.get() {
            Some(bus) => bus.hint(hint),
            None => self.hinted(hint),
        }
    }
}

impl Subscriber for Relays {
    fn published(&self, publication: Publication) {
        let room = publication.room;
        if let Some(shelves) = self.0.shelves.get() {
            shelves.published(room, &publication.entries);
        }
        let message = RelayMessage::Published(publication);
        let unheard = self.0.parts.slots.send_if_there(room, message);
        if let Err(RelayMessage::Published(publication)) = unheard {
            move_people(&self.0.parts.sessions, &publication.entries);
        }
    }

    fn hinted(&self, hint: Hint) {
        self.tell_if_there(hint.room(), RelayMessage::Hint(hint));
    }

    fn head(&self, room: RoomId, head: Seq) {
        Relays::head(self, room, head);
    }
}

/// The relay of the room has ended. Another may have begun meanwhile: that counts.
fn unfollow(slots: &Slots<RelayMessage>, bus: &dyn Bus, room: RoomId) {
    bus.unfollow(room);
    if slots.has(room) {
        bus.follow(room);
    }
}

/// Nobody here follows the room; people who join or leave it hear of it all the same.
pub fn move_people(sessions: &Sessions, entries: &[Arc<Entry>]) {
    for entry in entries {
        match entry.event {
            Event::Join { user, .. } => sessions.added(entry.room, user, entry.seq),
            Event::Leave { user } => sessions.removed(entry.room, user, entry.seq),
            Event::Role { user, .. } => sessions.facts_changed(entry.room, user, entry.seq),
            _ => {}
        }
    }
}
