//! Who is connected to this node: by connection, by person, by log-in.

use super::SessionMessage;
use super::addresses::Addresses;
use super::greeting::Greetings;
use super::outbox::{Frame, HintKey, Outbox, code};
use crate::bus::{Bus, Confirm, News};
use crate::error::{Code, Error, Result};
use crate::ids::{ConnectionId, LoginId, RoomId, Seq, UserId};
use crate::limits::{DRAIN_SLICES, ROOM_READINGS_MAX, SOCKETS_PER_USER_MAX, STORE_LEASE_MS};
use crate::metrics::Metrics;
use crate::store::Marker;
use ractor::ActorRef;
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

/// How long a revocation waits for sockets to end; they get nothing from its first moment on.
const REVOKE_WAIT: Duration = Duration::from_secs(2);
/// And for other nodes: no longer than their leases can stand.
const REVOKE_WAIT_ELSEWHERE: Duration = Duration::from_millis(STORE_LEASE_MS + 1_000);
/// How long a drain waits for those whom it closes though something of theirs is not answered.
const LEAVE_WAIT: Duration = Duration::from_secs(1);

/// One live connection after its hello.
#[derive(Clone, Debug)]
pub struct Connection {
    pub id: ConnectionId,
    pub user: UserId,
    pub login: LoginId,
    pub outbox: Outbox,
    pub actor: ActorRef<SessionMessage>,
}

impl Connection {
    /// Tells the session. A session that has ended hears nothing, which is right.
    pub fn tell(&self, message: SessionMessage) {
        let _ = self.actor.send_message(message);
    }
}

/// The connections of one node. Clones share one registry.
#[derive(Clone)]
pub struct Sessions(Arc<Shared>);

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions")
    }
}

struct Shared {
    known: Mutex<Known>,
    per_user_max: u64,
    addresses: Addresses,
    greetings: Greetings,
    readings: Semaphore,
    /// The way to other nodes, where there are any.
    bus: OnceLock<Arc<dyn Bus>>,
    metrics: Metrics,
}

#[derive(Debug, Default)]
struct Known {
    connections: HashMap<ConnectionId, Arc<Connection>>,
    by_user: HashMap<UserId, HashSet<ConnectionId>>,
    by_login: HashMap<LoginId, HashSet<ConnectionId>>,
    draining: bool,
}

impl Sessions {
    /// `factor` multiplies the numbers of sockets per person and address (`--limits relaxed`).
    pub fn new(metrics: &Metrics, factor: u64) -> Self {
        Self(Arc::new(Shared {
            known: Mutex::default(),
            per_user_max: SOCKETS_PER_USER_MAX * factor,
            addresses: Addresses::new(factor),
            greetings: Greetings::new(metrics),
            readings: Semaphore::new(ROOM_READINGS_MAX),
            bus: OnceLock::new(),
            metrics: metrics.clone(),
        }))
    }

    /// From now on sessions on other nodes hear, too.
    pub fn attach(&self, bus: Arc<dyn Bus>) {
        let _ = self.0.bus.set(bus);
    }

    /// The sockets of this node by address.
    pub fn addresses(&self) -> &Addresses {
        &self.0.addresses
    }

    /// Who is let in when.
    pub fn greetings(&self) -> &Greetings {
        &self.0.greetings
    }

    /// Turns to read what changed of rooms.
    pub fn readings(&self) -> &Semaphore {
        &self.0.readings
    }

    /// Adds a connection. Do this first and look at log-in and rooms after it, so that a
    /// revocation or removal in between is either heard or seen.
    pub fn register(&self, connection: Arc<Connection>) -> Result<()> {
        let mut known = self.known();
        if known.draining {
            return Err(Error::new(Code::Unavailable, "This server is going away."));
        }
        let of_user = known.by_user.entry(connection.user).or_default();
        if of_user.len() as u64 >= self.0.per_user_max {
            return Err(Error::new(
                Code::RateLimited,
                "Too many open connections of one person.",
            ));
        }
        of_user.insert(connection.id);
        let of_login = known.by_login.entry(connection.login).or_default();
        of_login.insert(connection.id);
        known.connections.insert(connection.id, connection);
        self.0.metrics.sockets.set(known.connections.len() as i64);
        Ok(())
    }

    /// Forgets a connection whose socket has ended.
    pub fn unregister(&self, id: ConnectionId) {
        let mut known = self.known();
        let Some(connection) = known.connections.remove(&id) else {
            return;
        };
        forget(&mut known.by_user, connection.user, id);
        forget(&mut known.by_login, connection.login, id);
        self.0.metrics.sockets.set(known.connections.len() as i64);
        drop(known);
        connection.outbox.end();
    }

    /// Every connection of a person.
    pub fn of_user(&self, user: UserId) -> Vec<Arc<Connection>> {
        let known = self.known();
        let ids = known.by_user.get(&user).into_iter().flatten();
        ids.filter_map(|id| known.connections.get(id).cloned())
            .collect()
    }

    /// Whether the person is connected to this node.
    pub fn is_online(&self, user: UserId) -> bool {
        self.known().by_user.contains_key(&user)
    }

    /// Every connection.
    pub fn all(&self) -> Vec<Arc<Connection>> {
        self.known().connections.values().cloned().collect()
    }

    pub fn count(&self) -> usize {
        self.known().connections.len()
    }

    /// Closes every socket of a log-in with 4001, on every node. From its first moment on they get
    /// no frame, and it returns when they have ended. Delete the log-in in the store first.
    pub async fn revoke(&self, login: LoginId) {
        let elsewhere = self.0.bus.get().map(|bus| {
            let (ended, end) = oneshot::channel::<()>();
            bus.revoke(login, Confirm::new(move || drop(ended)));
            end
        });
        self.revoke_here(login).await;
        if let Some(end) = elsewhere {
            let _ = tokio::time::timeout(REVOKE_WAIT_ELSEWHERE, end).await;
        }
    }

    /// `revoke` on this node.
    pub async fn revoke_here(&self, login: LoginId) {
        let connections: Vec<_> = {
            let known = self.known();
            let ids = known.by_login.get(&login).into_iter().flatten();
            ids.filter_map(|id| known.connections.get(id).cloned())
                .collect()
        };
        close_and_wait(connections).await;
    }

    /// The person's own account changed: his sessions look again, on every node.
    pub fn user_changed(&self, user: UserId) {
        self.user_changed_here(user);
        self.news(News::User(user));
    }

    fn news(&self, news: News) {
        if let Some(bus) = self.0.bus.get() {
            bus.news(news);
        }
    }

    /// `user_changed` on this node.
    pub fn user_changed_here(&self, user: UserId) {
        self.tell(user, || SessionMessage::UserChanged);
    }

    /// Everybody here who is connected looks whether he still may be.
    pub fn look_again(&self) {
        for connection in self.all() {
            connection.tell(SessionMessage::UserChanged);
        }
    }

    /// Everybody here who is connected looks for rooms that nobody told him of.
    pub fn seek_rooms(&self) {
        for connection in self.all() {
            connection.tell(SessionMessage::SeekRooms);
        }
    }

    /// Sends `frame` (a `user` frame: name or picture) to everybody who is connected here.
    pub fn profile_changed(&self, user: UserId, frame: &Frame) {
        for connection in self.all() {
            let key = HintKey::Profile(user);
            connection.outbox.push_hint(key, frame.clone());
        }
    }

    /// The person's marker moved; `by` knows already. His sessions elsewhere hear of it, too.
    pub fn marked(&self, room: RoomId, user: UserId, marker: Marker, by: Option<ConnectionId>) {
        self.marked_here(room, user, marker, by);
        self.news(News::Marked { room, user });
    }

    /// `marked` on this node.
    pub fn marked_here(
        &self,
        room: RoomId,
        user: UserId,
        marker: Marker,
        by: Option<ConnectionId>,
    ) {
        for connection in self.of_user(user) {
            if Some(connection.id) != by {
                connection.tell(SessionMessage::Marked { room, marker });
            }
        }
    }

    /// The entry `seq` made the person a member.
    pub fn added(&self, room: RoomId, user: UserId, seq: Seq) {
        self.tell(user, || SessionMessage::Added { room, seq });
    }

    /// The entry `seq` removed the person: `gone` is queued, and no frame of the room after it.
    pub fn removed(&self, room: RoomId, user: UserId, seq: Seq) {
        let connections = self.of_user(user);
        if connections.is_empty() {
            return;
        }
        let gone = json!({ "t": "gone", "room": room, "seq": seq }).to_string();
        let gone = Frame::from(gone);
        for connection in connections {
            connection.outbox.leave(room, seq, gone.clone());
            connection.tell(SessionMessage::Removed { room, seq });
        }
    }

    /// The person's role in the room changed.
    pub fn facts_changed(&self, room: RoomId, user: UserId, seq: Seq) {
        self.tell(user, || SessionMessage::FactsChanged { room, seq });
    }

    fn tell(&self, user: UserId, message: impl Fn() -> SessionMessage) {
        for connection in self.of_user(user) {
            connection.tell(message());
        }
    }

    /// No new connections; those that are there are told to move, slice by slice within `during`,
    /// each with its own `retry_after_ms` and after the answers to what was accepted, and have ended
    /// on return or are out of time.
    pub async fn drain(&self, during: Duration) {
        let connections = {
            let mut known = self.known();
            known.draining = true;
            known.connections.values().cloned().collect::<Vec<_>>()
        };
        let slice = connections.len().div_ceil(DRAIN_SLICES).max(1);
        let pause = during / (2 * DRAIN_SLICES as u32);
        for (index, slice) in connections.chunks(slice).enumerate() {
            if index > 0 {
                tokio::time::sleep(pause).await;
            }
            for connection in slice {
                let bye = bye(jitter_ms(connection.id));
                connection.tell(SessionMessage::Leave { bye });
            }
        }
        let ended = || async {
            for connection in &connections {
                connection.outbox.ended().await;
            }
        };
        if tokio::time::timeout(during / 2, ended()).await.is_ok() {
            return;
        }
        for connection in &connections {
            let bye = bye(jitter_ms(connection.id));
            connection.outbox.close(code::GOING_AWAY, Some(bye));
        }
        let _ = tokio::time::timeout(LEAVE_WAIT, ended()).await;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn close_and_wait(connections: Vec<Arc<Connection>>) {
    for connection in &connections {
        connection.outbox.close(code::NOT_AUTHENTICATED, None);
    }
    let ended = async {
        for connection in &connections {
            connection.outbox.ended().await;
        }
    };
    let _ = tokio::time::timeout(REVOKE_WAIT, ended).await;
}

fn forget<K: std::hash::Hash + Eq>(
    index: &mut HashMap<K, HashSet<ConnectionId>>,
    key: K,
    id: ConnectionId,
) {
    if let Some(ids) = index.get_mut(&key) {
        ids.remove(&id);
        if ids.is_empty() {
            index.remove(&key);
        }
    }
}

/// The frame before a close that the client follows with a resume.
pub fn bye(retry_after_ms: u64) -> Frame {
    let bye = json!({ "t": "bye", "code": code::GOING_AWAY, "retry_after_ms": retry_after_ms });
    Frame::from(bye.to_string())
}

/// 100 to 1,123 ms, spread by the random bits of the connection's id.
fn jitter_ms(id: ConnectionId) -> u64 {
    let bytes = id.bytes();
    100 + (u64::from(bytes[15]) << 8 | u64::from(bytes[14])) % 1_024
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
