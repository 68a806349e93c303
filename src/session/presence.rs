//! Who is there: one board per node, from what people say of themselves. Hints, never promises.

use super::outbox::{Frame, HintKey};
use super::registry::Connection;
use crate::ids::{ConnectionId, UserId};
use crate::wire::client::PresenceState;
use crate::wire::server::ServerFrame;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The board. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Presence(Arc<Mutex<Board>>);

#[derive(Debug, Default)]
struct Board {
    said: HashMap<UserId, HashMap<ConnectionId, PresenceState>>,
    watchers: HashMap<UserId, HashMap<ConnectionId, Arc<Connection>>>,
    watched_by: HashMap<ConnectionId, Vec<UserId>>,
}

impl Presence {
    /// What a connection says of its person, and of whom it wants to hear from now on.
    pub fn say(&self, from: &Arc<Connection>, state: PresenceState, watch: Option<Vec<UserId>>) {
        let mut board = self.board();
        let before = board.seen(from.user);
        let said = board.said.entry(from.user).or_default();
        said.insert(from.id, state);
        board.tell_if_changed(from.user, before);
        let Some(watch) = watch else { return };
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
        from.outbox.push(Frame::from(frame.encode()));
    }

    /// A connection has ended.
    pub fn leave(&self, connection: ConnectionId, user: UserId) {
        let mut board = self.board();
        board.stop_watching(connection);
        let before = board.seen(user);
        if let Some(said) = board.said.get_mut(&user) {
            said.remove(&connection);
            if said.is_empty() {
                board.said.remove(&user);
            }
        }
        board.tell_if_changed(user, before);
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Board {
    /// What others see: who is invisible looks like somebody who is not there.
    fn seen(&self, user: UserId) -> PresenceState {
        let said = self.said.get(&user).into_iter().flat_map(HashMap::values);
        let strongest = said.copied().min().unwrap_or(PresenceState::Offline);
        match strongest {
            PresenceState::Invisible => PresenceState::Offline,
            shown => shown,
        }
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
