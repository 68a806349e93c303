//! The rules of a relay: order, two lanes of bytes, catch-up, and removal before everything else.
//! No clock and no store inside; frames go straight into the connections' outboxes.

mod filling;
mod hints;
mod lanes;
mod rights;
mod ring;
mod spread;
#[cfg(test)]
mod tests;

use self::hints::Hints;
use self::ring::{Item, Ring, html_frame};
use super::{LoadRequest, Rendered, Watch, unavailable};
use crate::bus::Rights;
use crate::clock::Timestamp;
use crate::entry::{Entry, Event};
use crate::error::{Code, Error};
use crate::ids::{ConnectionId, RoomId, Seq, UserId};
use crate::limits::RELAY_RING_MAX;
use crate::metrics::Metrics;
use crate::session::outbox::{Frame, Outbox};
use crate::session::registry::{Connection, Sessions};
use crate::session::sorted::SortedMap;
use crate::session::{SessionMessage, outbox};
use crate::wire::server::ServerFrame;
use std::collections::BTreeMap;
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
    /// Call `has_room` when the outbox is ready for more.
    AwaitRoom(ConnectionId, Outbox),
}

/// Where a watch stands that is not live yet.
#[derive(Debug)]
struct Waiting {
    watch: Watch,
    /// The load under way answers for it.
    asked: bool,
    /// An entry let the person in since that load was asked for: it may have read too early.
    joined: bool,
    /// A member, and must be shown everything up to here.
    upto: Option<Seq>,
    /// Some of its catch-up is queued: from now on its reader sets the pace.
    begun: bool,
    /// Its outbox has enough for now.
    paused: bool,
}

type Lane = SortedMap<ConnectionId, Arc<Connection>>;

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
    /// Removed by an entry that was history already when it was heard: whether they came back since
    /// is to be read.
    doubted: BTreeMap<UserId, Seq>,
    /// The load under way answers for these.
    asked_doubts: BTreeMap<UserId, Seq>,
    data: Lane,
    html: Lane,
    /// Up to here the live watchers of the html lane were served.
    html_head: Seq,
    /// Frames that the data lane does not have yet.
    fresh: Vec<Frame>,
    /// The time, and when the data lane last got something.
    now: Timestamp,
    spread_at: Timestamp,
    waiting: Vec<Waiting>,
    listeners: Lane,
    hints: Hints,
    loading: bool,
    rendering: bool,
    /// What the node may show, as far as it knows (R17).
    rights: Rights,
    /// All that was stored before this right began is passed on.
    reached: u64,
    /// With this entry that holds for this right.
    reaching: Option<(Seq, u64)>,
    ended: bool,
}

impl RelayState {
    /// Nobody was shown anything: whatever is read is read after all rights that have begun.
    pub fn new(room: RoomId, sessions: Sessions, metrics: Metrics, rights: Rights) -> Self {
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
            doubted: BTreeMap::new(),
            asked_doubts: BTreeMap::new(),
            data: Lane::default(),
            html: Lane::default(),
            html_head: 0,
            fresh: Vec::new(),
            now: Timestamp(0),
            spread_at: Timestamp(0),
            waiting: Vec::new(),
            listeners: Lane::default(),
            hints: Hints::default(),
            loading: false,
            rendering: false,
            rights,
            reached: rights.last,
            reaching: None,
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
            joined: false,
            upto: None,
            begun: false,
            paused: false,
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
        // What is gathered is for those who listen already: who comes now knows of it, or hears it here.
        self.spread_heads();
        self.tell_missed(&connection, head);
        self.listeners.insert(connection.id, connection);
        self.begin_at(head);
        self.head_is(head)
    }

    pub fn unlisten(&mut self, id: ConnectionId) {
        self.listeners.remove(&id);
    }

    /// Whether the entry `seq` was passed on: whom it removes is out. Where nothing is known yet
    /// nobody is in, unless what says so is being read.
    pub fn has_passed(&self, seq: Seq) -> bool {
        let mut doubts = self.doubted.values().chain(self.asked_doubts.values());
        match &self.ring {
            Some(ring) => ring.head() >= seq && doubts.all(|at| *at > seq),
            None => !self.loading && self.waiting.is_empty(),
        }
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

    /// So late is it, and this may the node show.
    pub fn at(&mut self, now: Timestamp, rights: Rights) -> &mut Self {
        (self.now, self.rights) = (now, rights);
        self
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
                self.heard_late(&entry);
            }
        }
        self.take_early();
        if !self.early.is_empty() && !self.loading {
            self.metrics.relay_gaps.inc();
        }
        self.go_on()
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
            self.fresh.push(item.data());
        }
        if let Some(ring) = &mut self.ring {
            ring.push(item);
        }
    }

    fn move_people(&mut self, entry: &Entry) {
        let (room, seq) = (self.room, entry.seq);
        match entry.event {
            Event::Leave { user } => {
                self.spread_data();
                self.remove(user, seq);
            }
            Event::Join { user, .. } => {
                let his = |waiting: &&mut Waiting| waiting.watch.connection.user == user;
                for waiting in self.waiting.iter_mut().filter(his) {
                    waiting.joined = true;
                }
                self.sessions.added(room, user, seq);
            }
            Event::Role { user, .. } => self.sessions.facts_changed(room, user, seq),
            Event::Rename { .. } | Event::Topic { .. } => {
                for listener in self.listeners.values() {
                    listener.tell(SessionMessage::FactsChanged { room, seq });
                }
            }
            _ => {}
        }
    }

    /// Takes a person out of everything; `gone` is the last frame of the room (R17).
    fn remove(&mut self, user: UserId, seq: Seq) {
        self.take_out(|other| other.user == user);
        self.listeners.retain(|_, listener| listener.user != user);
        self.hints.forget(user);
        self.sessions.removed(self.room, user, seq);
    }

    #[cfg(test)]
    pub fn forget_joins_for_test(&mut self) {
        for waiting in &mut self.waiting {
            waiting.joined = false;
        }
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

    /// Whether some watch may have to be given up: then `expire` is to be called soon.
    pub fn has_waiting(&self) -> bool {
        self.waiting.iter().any(|waiting| !waiting.begun)
    }

    /// Gives up the watches whose time has come, unless they can be served from memory, and serves
    /// the others if it can.
    pub fn expire(&mut self, now: Timestamp) -> Vec<RelayEffect> {
        for mut waiting in std::mem::take(&mut self.waiting) {
            let due = waiting.watch.until <= now && !waiting.begun;
            if due && waiting.upto.is_none() && self.remembers(&waiting) {
                waiting.upto = Some(self.head());
            } else if due {
                self.metrics.watches.dec();
                waiting.watch.refuse(unavailable());
                continue;
            }
            self.waiting.push(waiting);
        }
        self.go_on()
    }

    /// Tries again what failed.
    pub fn retry(&mut self) -> Vec<RelayEffect> {
        self.go_on()
    }

    /// Serves whom it can, and asks for what is missing.
    fn go_on(&mut self) -> Vec<RelayEffect> {
        self.reach();
        self.spread_data();
        self.spread_rendered();
        let mut effects = self.serve();
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
