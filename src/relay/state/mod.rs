//! The rules of a relay: order, two lanes of bytes, catch-up, and removal before everything else.
//! No clock and no store inside; frames go straight into the connections' outboxes.

mod hints;
mod lanes;
mod ring;
#[cfg(test)]
mod tests;

use self::hints::Hints;
use self::ring::{Item, Ring, html_frame};
use super::{LoadRequest, LoadedHistory, Rendered, Watch, unavailable};
use crate::bus::Hint;
use crate::clock::Timestamp;
use crate::entry::{Entry, Event};
use crate::error::{Code, Error};
use crate::ids::{ConnectionId, RoomId, Seq, UserId};
use crate::limits::RELAY_RING_MAX;
use crate::metrics::Metrics;
use crate::session::outbox::{Frame, HintKey};
use crate::session::registry::{Connection, Sessions};
use crate::session::{SessionMessage, outbox};
use crate::wire::server::{ServerFrame, UserMarks};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What the shell has to do.
#[derive(Debug, PartialEq)]
pub enum RelayEffect {
    /// Answer with `loaded`.
    Load(LoadRequest),
    /// Answer with `rendered`, in this order.
    Render(Vec<(Seq, u64, Arc<Entry>)>),
    /// Call `flush` after the time for which hints are gathered.
    Flush,
    /// Call `retry` after a moment: the store or the renderer did not answer.
    Retry,
}

/// Where a watch stands that is not live yet.
#[derive(Debug)]
struct Waiting {
    watch: Watch,
    /// The load under way answers for it.
    asked: bool,
    /// A member, and must be shown everything up to here.
    upto: Option<Seq>,
}

type Lane = HashMap<ConnectionId, Arc<Connection>>;

/// What one node knows of one room that somebody here follows.
#[derive(Debug)]
pub struct RelayState {
    room: RoomId,
    sessions: Sessions,
    metrics: Metrics,
    /// `None` until something is known of the log.
    ring: Option<Ring>,
    /// What was history when the first of it was read: its membership was not passed on.
    history: Seq,
    /// The log is at least this long, by hearsay.
    hearsay: Seq,
    /// By hearsay, and the load under way looks.
    asked_upto: Seq,
    /// Heard out of order: after a gap.
    early: BTreeMap<Seq, Arc<Entry>>,
    data: Lane,
    html: Lane,
    /// Up to here the live watchers of the html lane were served.
    html_head: Seq,
    waiting: Vec<Waiting>,
    listeners: Lane,
    hints: Hints,
    loading: bool,
    rendering: bool,
    ended: bool,
}

impl RelayState {
    pub fn new(room: RoomId, sessions: Sessions, metrics: Metrics) -> Self {
        metrics.relays.inc();
        Self {
            room,
            sessions,
            metrics,
            ring: None,
            history: 0,
            hearsay: 0,
            asked_upto: 0,
            early: BTreeMap::new(),
            data: Lane::new(),
            html: Lane::new(),
            html_head: 0,
            waiting: Vec::new(),
            listeners: Lane::new(),
            hints: Hints::default(),
            loading: false,
            rendering: false,
            ended: false,
        }
    }

    /// Somebody wants to see the room. Membership is looked up here, after the connection is
    /// known to the relay: a removal in between takes it out again.
    pub fn watch(&mut self, watch: Watch) -> Vec<RelayEffect> {
        let id = watch.connection.id;
        let waits = |waiting: &Waiting| waiting.watch.connection.id == id;
        let lives = self.data.contains_key(&id) || self.html.contains_key(&id);
        if lives || self.waiting.iter().any(waits) {
            let error = Error::new(Code::Conflict, "This connection watches the room already.");
            let error = ServerFrame::error(watch.reference.clone(), error);
            watch.connection.outbox.push(Frame::from(error.encode()));
            watch.forget();
            return Vec::new();
        }
        self.metrics.watches.inc();
        self.waiting.push(Waiting {
            watch,
            asked: false,
            upto: None,
        });
        self.go_on()
    }

    /// No `entry` of the room follows; answers `unwatched`, watched or not.
    pub fn unwatch(&mut self, connection: &Connection, reference: Option<String>) {
        self.take_out(|other| other.id == connection.id);
        let room = self.room;
        let frame = ServerFrame::Unwatched { reference, room };
        connection.outbox.push(Frame::from(frame.encode()));
    }

    /// Tells the connection's session when the room moves beyond `head` while it does not watch.
    pub fn listen(&mut self, connection: Arc<Connection>, head: Seq) -> Vec<RelayEffect> {
        self.listeners.insert(connection.id, connection);
        self.begin_at(head);
        self.head_is(head)
    }

    /// The log is at least this long: what is missing is read.
    pub fn head_is(&mut self, head: Seq) -> Vec<RelayEffect> {
        if head <= self.head() {
            return Vec::new();
        }
        self.hearsay = self.hearsay.max(head);
        // Where nothing is known yet nobody was told anything, and who watches reads first.
        if self.ring.is_none() {
            return Vec::new();
        }
        self.metrics.relay_gaps.inc();
        self.go_on()
    }

    /// Of a log that nothing is known of, all this is history: it moves nobody in or out, until it
    /// is heard.
    fn begin_at(&mut self, head: Seq) -> &mut Ring {
        if self.ring.is_none() {
            self.history = head;
        }
        self.ring.get_or_insert_with(|| Ring::at(head))
    }

    pub fn unlisten(&mut self, id: ConnectionId) {
        self.listeners.remove(&id);
    }

    /// The connection has ended.
    pub fn forget(&mut self, id: ConnectionId) {
        self.take_out(|other| other.id == id);
        self.listeners.remove(&id);
    }

    /// Nobody follows the room here.
    pub fn is_idle(&self) -> bool {
        let nobody = self.data.is_empty() && self.html.is_empty() && self.waiting.is_empty();
        nobody && self.listeners.is_empty() && !self.loading && !self.rendering
    }

    /// An idle relay ends well.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Entries were stored. Order comes from `seq` alone: what is known is passed over, and
    /// what lies behind a gap waits until the gap is filled.
    pub fn published(&mut self, entries: Vec<Arc<Entry>>) -> Vec<RelayEffect> {
        for entry in entries {
            let ring = self.ring.get_or_insert_with(|| Ring::at(entry.seq - 1));
            let head = ring.head();
            if entry.seq == head + 1 {
                self.accept(entry);
            } else if entry.seq > head {
                self.early.insert(entry.seq, entry);
            } else if entry.seq <= self.history {
                self.move_people(&entry);
            }
        }
        self.take_early();
        if !self.early.is_empty() && !self.loading {
            self.metrics.relay_gaps.inc();
        }
        self.go_on()
    }

    /// What the store answered; `Err`: nothing.
    pub fn loaded(&mut self, loaded: Result<LoadedHistory, Error>) -> Vec<RelayEffect> {
        self.loading = false;
        let asked_upto = std::mem::take(&mut self.asked_upto);
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(error) => {
                let (asked, rest) = std::mem::take(&mut self.waiting)
                    .into_iter()
                    .partition::<Vec<_>, _>(|waiting| waiting.asked && waiting.upto.is_none());
                self.waiting = rest;
                for waiting in asked {
                    self.metrics.watches.dec();
                    waiting.watch.refuse(error.clone());
                }
                self.hearsay = self.hearsay.max(asked_upto);
                return match self.lacks_something() {
                    false => self.go_on(),
                    true => vec![RelayEffect::Retry],
                };
            }
        };
        self.take_in(loaded.head, loaded.entries);
        let upto = self.head();
        for mut waiting in std::mem::take(&mut self.waiting) {
            if waiting.asked && waiting.upto.is_none() {
                if !loaded.members.contains(&waiting.watch.connection.user) {
                    self.metrics.watches.dec();
                    waiting.watch.refuse(Error::not_found());
                    continue;
                }
                waiting.upto = Some(upto.max(waiting.watch.after));
            }
            self.waiting.push(waiting);
        }
        self.go_on()
    }

    fn take_in(&mut self, head: Seq, entries: Vec<Entry>) {
        let ring = self.begin_at(head);
        let (older, newer): (Vec<_>, Vec<_>) = entries
            .into_iter()
            .filter(|entry| entry.seq <= ring.below() || entry.seq > ring.head())
            .partition(|entry| entry.seq <= ring.below());
        ring.prepend(older, head);
        for entry in newer {
            if entry.seq == self.head() + 1 {
                self.accept(Arc::new(entry));
            }
        }
        self.take_early();
    }

    fn take_early(&mut self) {
        while let Some((&seq, _)) = self.early.first_key_value()
            && seq <= self.head() + 1
        {
            let entry = self.early.pop_first().map(|(_, entry)| entry);
            if let Some(entry) = entry.filter(|entry| entry.seq == self.head() + 1) {
                self.accept(entry);
            }
        }
    }

    fn head(&self) -> Seq {
        self.ring.as_ref().map_or(0, Ring::head)
    }

    /// The next entry: hides what it hides, takes out whom it removes, and only then is shown.
    fn accept(&mut self, entry: Arc<Entry>) {
        let Some(ring) = &mut self.ring else { return };
        ring.mask(&entry);
        self.move_people(&entry);
        self.hints.note(&entry);
        let mut item = Item::new(entry);
        if !self.data.is_empty() {
            let frame = item.data();
            self.spread_data(&frame);
        }
        if let Some(ring) = &mut self.ring {
            ring.push(item);
        }
    }

    fn move_people(&mut self, entry: &Entry) {
        let (room, seq) = (self.room, entry.seq);
        match entry.event {
            Event::Leave { user } => self.remove(user, seq),
            Event::Join { user, .. } => self.sessions.added(room, user, seq),
            Event::Role { user, .. } => self.sessions.facts_changed(room, user, seq),
            Event::Rename { .. } | Event::Topic { .. } => {
                for listener in self.listeners.values() {
                    listener.tell(SessionMessage::FactsChanged { room, seq });
                }
            }
            _ => {}
        }
    }

    fn lacks_something(&self) -> bool {
        let unheard = self.ring.is_some() && self.hearsay > self.head();
        unheard || !self.early.is_empty()
    }

    /// Takes a person out of everything; `gone` is the last frame of the room (R17).
    fn remove(&mut self, user: UserId, seq: Seq) {
        self.take_out(|other| other.user == user);
        self.listeners.retain(|_, listener| listener.user != user);
        self.hints.forget(user);
        self.sessions.removed(self.room, user, seq);
    }

    fn take_out(&mut self, who: impl Fn(&Connection) -> bool) {
        let before = self.watches();
        self.data.retain(|_, other| !who(other));
        self.html.retain(|_, other| !who(other));
        for waiting in std::mem::take(&mut self.waiting) {
            match who(&waiting.watch.connection) {
                true => waiting.watch.forget(),
                false => self.waiting.push(waiting),
            }
        }
        let after = self.watches();
        self.metrics.watches.sub(before as i64 - after as i64);
    }

    fn watches(&self) -> usize {
        self.data.len() + self.html.len() + self.waiting.len()
    }

    /// A hint to spread at the next flush.
    pub fn hint(&mut self, hint: Hint, now: Timestamp) -> Vec<RelayEffect> {
        match hint {
            Hint::Mark {
                user,
                read,
                delivered,
                ..
            } => self.hints.mark(UserMarks {
                user,
                read,
                delivered,
            }),
            Hint::Typing { user, on, .. } => self.hints.typing(user, on, now),
        }
        self.arm_flush()
    }

    /// Spreads what was gathered.
    pub fn flush(&mut self, now: Timestamp) -> Vec<RelayEffect> {
        self.hints.armed = false;
        let room = self.room;
        for (id, listener) in &self.listeners {
            let watches = self.data.contains_key(id) || self.html.contains_key(id);
            if let Some(head) = self
                .hints
                .head_for(room, listener.user)
                .filter(|_| !watches)
            {
                listener.tell(SessionMessage::Head(head));
            }
        }
        self.hints.clear_heads();
        let watchers = || self.data.values().chain(self.html.values());
        if let Some(marks) = self.hints.take_marks(room) {
            watchers().for_each(|one| {
                one.outbox.push_lossy(room, marks.clone());
            });
        }
        if let Some(typing) = self.hints.take_typing(room, now) {
            watchers().for_each(|one| {
                one.outbox.push_hint(HintKey::Typing(room), typing.clone());
            });
        }
        Vec::new()
    }

    fn arm_flush(&mut self) -> Vec<RelayEffect> {
        if std::mem::replace(&mut self.hints.armed, true) {
            return Vec::new();
        }
        vec![RelayEffect::Flush]
    }

    /// Whether some watch is not live yet: then `expire` is to be called soon.
    pub fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Gives up the watches whose time has come, and serves the others if it can.
    pub fn expire(&mut self, now: Timestamp) -> Vec<RelayEffect> {
        for waiting in std::mem::take(&mut self.waiting) {
            if waiting.watch.until <= now {
                self.metrics.watches.dec();
                waiting.watch.refuse(unavailable());
            } else {
                self.waiting.push(waiting);
            }
        }
        self.go_on()
    }

    /// Tries again what failed.
    pub fn retry(&mut self) -> Vec<RelayEffect> {
        self.go_on()
    }

    /// Serves whom it can, and asks for what is missing.
    fn go_on(&mut self) -> Vec<RelayEffect> {
        self.serve();
        let mut effects = Vec::new();
        effects.extend(self.start_load());
        effects.extend(self.start_render());
        if self.hints.has_head() && !self.listeners.is_empty() {
            effects.extend(self.arm_flush());
        } else if self.listeners.is_empty() {
            self.hints.clear_heads();
        }
        let needed = self.needed();
        if let Some(ring) = &mut self.ring {
            ring.trim(RELAY_RING_MAX, needed);
        }
        effects
    }

    fn start_load(&mut self) -> Option<RelayEffect> {
        let fill = self.lacks_something();
        let new = self.waiting.iter().any(|waiting| !waiting.asked);
        if self.loading || !(fill || new) {
            return None;
        }
        self.loading = true;
        self.asked_upto = std::mem::take(&mut self.hearsay);
        self.metrics.relay_loads.inc();
        let mut request = LoadRequest {
            room: self.room,
            users: Default::default(),
            afters: Vec::new(),
            ring: self.ring.as_ref().map(|ring| (ring.below(), ring.head())),
            fill,
        };
        for waiting in self.waiting.iter_mut().filter(|waiting| !waiting.asked) {
            waiting.asked = true;
            request.users.insert(waiting.watch.connection.user);
            request.afters.push(waiting.watch.after);
        }
        Some(RelayEffect::Load(request))
    }
}

impl Drop for RelayState {
    /// A relay that breaks leaves nobody waiting for entries that never come: they resume.
    fn drop(&mut self) {
        self.metrics.relays.dec();
        self.metrics.watches.sub(self.watches() as i64);
        if !self.ended {
            let everybody = self.data.values().chain(self.html.values());
            for connection in everybody.chain(self.listeners.values()) {
                connection.outbox.close(outbox::code::INTERNAL, None);
            }
        }
    }
}
