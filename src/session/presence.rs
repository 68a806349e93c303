//! Who is there: one board per node, from what people say of themselves here, and from what the
//! other nodes tell. Hints, never promises.

use super::outbox::{Frame, HintKey};
use super::registry::Connection;
use crate::bus::Bus;
use crate::ids::{ConnectionId, NodeId, UserId};
use crate::wire::client::PresenceState;
use crate::wire::server::ServerFrame;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// The board. Clones share it.
#[derive(Clone, Default)]
pub struct Presence(Arc<Shared>);

#[derive(Default)]
struct Shared {
    board: Mutex<Board>,
    /// The way to other nodes, where there are any.
    bus: OnceLock<Arc<dyn Bus>>,
}

#[derive(Debug, Default)]
struct Board {
    /// What people are on other nodes.
    elsewhere: HashMap<UserId, HashMap<NodeId, PresenceState>>,
    said: HashMap<UserId, HashMap<ConnectionId, PresenceState>>,
    watchers: HashMap<UserId, HashMap<ConnectionId, Arc<Connection>>>,
    watched_by: HashMap<ConnectionId, Vec<UserId>>,
}

impl Presence {
    /// What a connection says of its person, and of whom it wants to hear from now on.
    pub fn say(&self, from: &Arc<Connection>, state: PresenceState, watch: Option<Vec<UserId>>) {
        let mut board = self.board();
        let before = board.state(from.user);
        let said = board.said.entry(from.user).or_default();
        said.insert(from.id, state);
        let moved = board.moved(from.user, before);
        let Some(watch) = watch else {
            drop(board);
            return self.tell(moved);
        };
        board.stop_watching(from.id);
        let states = watch.iter().map(|user| (*user, board.seen(*user)));
        let frame = ServerFrame::Presence {
            users: states.collect(),
        };
        for user in &watch {
            let watchers = board.watchers.entry(*user).or_default();
            watchers.insert(from.id, Arc::clone(from));
        }
        board.watched_by.insert(from.id, watch);
        drop(board);
        self.tell(moved);
        from.outbox.push(Frame::from(frame.encode()));
    }

    /// A connection has ended.
    pub fn leave(&self, connection: ConnectionId, user: UserId) {
        let mut board = self.board();
        board.stop_watching(connection);
        let before = board.state(user);
        if let Some(said) = board.said.get_mut(&user) {
            said.remove(&connection);
            if said.is_empty() {
                board.said.remove(&user);
            }
        }
        let moved = board.moved(user, before);
        drop(board);
        self.tell(moved);
    }

    /// From now on other nodes are told.
    pub fn attach(&self, bus: Arc<dyn Bus>) {
        let _ = self.0.bus.set(bus);
    }

    /// What everybody is who is on this node.
    pub fn everybody(&self) -> Vec<(UserId, PresenceState)> {
        let board = self.board();
        let people = board.said.keys().copied();
        people.map(|user| (user, board.here(user))).collect()
    }

    /// What people are on `node`; `whole`: nobody else is there.
    pub fn heard(&self, node: NodeId, users: &[(UserId, PresenceState)], whole: bool) {
        if whole {
            self.forget(node);
        }
        let mut board = self.board();
        for (user, state) in users {
            let before = board.state(*user);
            let of_user = board.elsewhere.entry(*user).or_default();
            match state {
                PresenceState::Offline => of_user.remove(&node),
                state => of_user.insert(node, *state),
            };
            if of_user.is_empty() {
                board.elsewhere.remove(user);
            }
            board.moved(*user, before);
        }
    }

    /// The node is gone, and everybody who was there.
    pub fn forget(&self, node: NodeId) {
        let mut board = self.board();
        let there = board.elsewhere.iter();
        let there = there.filter(|(_, nodes)| nodes.contains_key(&node));
        let there: Vec<_> = there.map(|(user, _)| *user).collect();
        for user in there {
            let before = board.state(user);
            if let Some(nodes) = board.elsewhere.get_mut(&user) {
                nodes.remove(&node);
                if nodes.is_empty() {
                    board.elsewhere.remove(&user);
                }
            }
            board.moved(user, before);
        }
    }

    /// Without the board at hand: a bus may answer at once.
    fn tell(&self, moved: Option<(UserId, PresenceState)>) {
        if let (Some((user, state)), Some(bus)) = (moved, self.0.bus.get()) {
            bus.presence(user, state);
        }
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.0.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Board {
    /// What others see: who is invisible looks like somebody who is not there.
    fn seen(&self, user: UserId) -> PresenceState {
        let there = self.elsewhere.get(&user).into_iter();
        let there = there.flat_map(HashMap::values).copied().min();
        let here = self.here(user);
        match there.map_or(here, |there| there.min(here)) {
            PresenceState::Invisible => PresenceState::Offline,
            shown => shown,
        }
    }

    /// What the person said on this node.
    fn here(&self, user: UserId) -> PresenceState {
        let said = self.said.get(&user).into_iter().flat_map(HashMap::values);
        said.copied().min().unwrap_or(PresenceState::Offline)
    }

    /// Here, and as others see it.
    fn state(&self, user: UserId) -> (PresenceState, PresenceState) {
        (self.here(user), self.seen(user))
    }

    /// Tells who watches here; what other nodes have to know.
    fn moved(
        &self,
        user: UserId,
        before: (PresenceState, PresenceState),
    ) -> Option<(UserId, PresenceState)> {
        let state = self.here(user);
        self.tell_if_changed(user, before.1);
        (state != before.0).then_some((user, state))
    }

    fn tell_if_changed(&self, user: UserId, before: PresenceState) {
        let now = self.seen(user);
        let Some(watchers) = self.watchers.get(&user).filter(|_| now != before) else {
            return;
        };
        let users = BTreeMap::from([(user, now)]);
        let frame = Frame::from(ServerFrame::Presence { users }.encode());
        for watcher in watchers.values() {
            let key = HintKey::Presence(user);
            watcher.outbox.push_hint(key, frame.clone());
        }
    }

    fn stop_watching(&mut self, connection: ConnectionId) {
        for user in self.watched_by.remove(&connection).unwrap_or_default() {
            if let Some(watchers) = self.watchers.get_mut(&user) {
                watchers.remove(&connection);
                if watchers.is_empty() {
                    self.watchers.remove(&user);
                }
            }
        }
    }
}
