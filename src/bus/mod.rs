//! What crosses nodes: publications of rooms, and hints. Data crosses nodes, HTML never does.
//!
//! Nothing here is needed for correctness: receivers trust `seq` only, and what is lost is filled
//! from the store. `LocalBus` is one node by itself; another implementation routes to many.

pub mod counts;
#[cfg(test)]
pub mod memory;
#[cfg(test)]
mod memory_tests;
pub mod redis;
pub mod seal;
pub mod transport;

use crate::auth::tries::{Digest, Try};
use crate::entry::Entry;
use crate::ids::{LoginId, RoomId, Seq, UserId};
use crate::room::Orders;
use crate::room::actor::RoomMessage;
use crate::wire::client::PresenceState;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Entries of a room that were stored, in order.
#[derive(Debug)]
pub struct Publication {
    pub room: RoomId,
    pub entries: Vec<Arc<Entry>>,
    /// Given when everybody whom an entry removed is out of every relay (R17).
    pub confirm: Option<Confirm>,
}

/// Something that may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    Mark {
        room: RoomId,
        user: UserId,
        read: Seq,
        delivered: Seq,
    },
    Typing {
        room: RoomId,
        user: UserId,
        on: bool,
    },
}

impl Hint {
    pub fn room(&self) -> RoomId {
        match *self {
            Hint::Mark { room, .. } | Hint::Typing { room, .. } => room,
        }
    }
}

/// Something about a person, for every node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Account, role or profile changed.
    User(UserId),
    /// The person moved his own marker.
    Marked { room: RoomId, user: UserId },
    /// Somebody tries to log in: it counts everywhere.
    LoginTried(Try),
    /// He knew the password.
    LoggedIn(Digest),
}

/// By what right a node shows rooms (R17): whoever removes somebody waits for it while one stands.
/// Rights are numbered as they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// The oldest that stands. Whatever was read since it began is certain. `None`: there is none.
    pub since: Option<u64>,
    /// The newest, whether it stands or not.
    pub last: u64,
}

impl Rights {
    /// One node by itself.
    pub const ALWAYS: Self = Self {
        since: Some(0),
        last: 0,
    };
}

/// Runs once, when dropped: a receiver that ends confirms by that, because it closed its
/// connections first.
pub struct Confirm(Option<Box<dyn FnOnce() + Send + Sync>>);

impl Confirm {
    pub fn new(then: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(then)))
    }
}

impl Drop for Confirm {
    fn drop(&mut self) {
        if let Some(then) = self.0.take() {
            then();
        }
    }
}

impl fmt::Debug for Confirm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Confirm")
    }
}

/// The way to every node that watches a room. What only matters among several nodes does nothing
/// where there is one.
pub trait Bus: Send + Sync + 'static {
    /// Publishes, in the order of the calls for one room. Never waits.
    fn publish(&self, publication: Publication);
    /// Spreads a hint. Never waits.
    fn hint(&self, hint: Hint);
    /// Whether other nodes may take rooms from this one.
    fn is_shared(&self) -> bool {
        false
    }
    /// By what right this node shows rooms now.
    fn rights(&self) -> Rights {
        Rights::ALWAYS
    }
    /// Whether this node hears at once of what others store.
    fn is_in_touch(&self) -> bool {
        true
    }
    /// Takes a command for a room that should live elsewhere, or gives it back: it lives here.
    fn forward(&self, _room: RoomId, command: RoomMessage) -> Option<RoomMessage> {
        Some(command)
    }
    /// An owner here has the room; its log ends at `head`.
    fn owns(&self, _room: RoomId, _head: Seq) {}
    /// An owner of the room begins here. Nothing of the room may be asked of the bus within.
    fn wakes(&self, _room: RoomId) {}
    /// How long until this node may take the room from another, while nobody can say where it should
    /// live. `None`: somebody can.
    fn turn(&self, _room: RoomId) -> Option<Duration> {
        None
    }
    /// The owner here has ended; `orders` is for the next one.
    fn rests(&self, _room: RoomId, _orders: Orders) {}
    /// Whoever owns the room elsewhere is asked to finish; the answer comes when nobody does any
    /// more, or after a while. `None`: there is nobody to ask.
    fn claim(&self, _room: RoomId) -> Option<oneshot::Receiver<Orders>> {
        None
    }
    /// Tells other nodes. Never waits.
    fn news(&self, _news: News) {}

    /// What the person is on this node, for every other; of several the newest.
    fn presence(&self, _user: UserId, _state: PresenceState) {}
    /// Closes the sockets of a log-in on other nodes; `confirm` goes when that is done everywhere.
    fn revoke(&self, _login: LoginId, _confirm: Confirm) {}
    /// A relay of the room lives here from now on.
    fn follow(&self, _room: RoomId) {}
    /// It has ended.
    fn unfollow(&self, _room: RoomId) {}
}

/// Who hears what is published: the relays of a node.
pub trait Subscriber: Send + Sync + 'static {
    fn published(&self, publication: Publication);
    fn hinted(&self, hint: Hint);
    /// The log of the room is at least this long.
    fn head(&self, room: RoomId, head: Seq);
}

/// One node by itself.
pub struct LocalBus {
    subscriber: Arc<dyn Subscriber>,
}

impl LocalBus {
    pub fn new(subscriber: Arc<dyn Subscriber>) -> Self {
        Self { subscriber }
    }
}

impl Bus for LocalBus {
    fn publish(&self, publication: Publication) {
        self.subscriber.published(publication);
    }
    fn hint(&self, hint: Hint) {
        self.subscriber.hinted(hint);
    }
    /// What a former owner stored and did not live to publish is read.
    fn owns(&self, room: RoomId, head: Seq) {
        self.subscriber.head(room, head);
    }
}
