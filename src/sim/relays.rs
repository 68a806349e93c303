//! Relays at every node, and what is published to them.

use super::Mutant;
use super::storage::now_of;
use super::world::{At, Happening, World};
use crate::bus::{Confirm, Rights};
use crate::clock::Timestamp;
use crate::cluster::message::{FenceId, Message};
use crate::cluster::state::Event as Happens;
use crate::entry::{Entry, Event};
use crate::error::{Code, Error};
use crate::ids::{ConnectionId, NodeId, RoomId, Seq, UserId};
use crate::relay::directory::move_people;
use crate::relay::state::{RelayEffect, RelayState};
use crate::relay::{LoadRequest, LoadedHistory, Rendered, history};
use crate::room::RoomCommand;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A relay reads again what failed after this.
const PAUSE_MS: i64 = 200;

type Items = Vec<(Seq, u64, Arc<Entry>)>;

/// One relay.
pub struct Relay {
    pub state: RelayState,
    /// Confirmations that wait until an entry was passed on.
    held: Vec<(Seq, Confirm)>,
    /// When it was last seen with no right to show anything.
    quiet_at: Timestamp,
}

/// What happens to relays.
pub enum Wire {
    /// The store was asked for members; the rest of the answer is read now.
    Members {
        request: LoadRequest,
        members: HashMap<UserId, Seq>,
    },
    Loaded(Result<LoadedHistory, Error>),
    Rendered(Items, bool),
    /// A connection has written what was queued.
    Room(ConnectionId),
    Retry,
    Expire,
    Flush,
}

/// What confirmations say when the last who held them let go.
#[derive(Clone, Copy, Debug)]
pub enum Told {
    /// Whom an entry removed is out at `me`.
    Confirm {
        me: NodeId,
        to: NodeId,
        fence: FenceId,
    },
    /// He is out everywhere. Not told before `earliest`.
    Delivered { at: At, upto: Seq, earliest: i64 },
    /// Everything that a node shows is read.
    Settled(NodeId),
}

/// Where they say it.
#[derive(Clone, Default)]
pub struct Telling(Arc<Mutex<Vec<Told>>>);

impl Telling {
    pub fn push(&self, told: Told) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(told);
    }

    fn take(&self) -> Vec<Told> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl World {
    /// An owner publishes: to the relay beside him at once, to the others over the bus.
    pub fn publish(&mut self, at: At, entries: Vec<Arc<Entry>>, confirm: bool) {
        let Some(last) = entries.last().map(|last| last.seq) else {
            return;
        };
        let published = &mut self.published[at.room];
        *published = last.max(*published);
        self.published_at = self.clock;
        let leaves = |entry: &&Arc<Entry>| matches!(entry.event, Event::Leave { .. });
        let upto = entries.iter().rfind(leaves).map(|entry| entry.seq);
        let confirm = upto.filter(|_| confirm).map(|upto| {
            let earliest = self.clock + self.chance.between(1, 50) as i64;
            let (told, delivered) = (self.told.clone(), Told::Delivered { at, upto, earliest });
            Arc::new(Confirm::new(move || told.push(delivered)))
        });
        let fenced = self.mutant != Some(Mutant::RemovalNotFenced);
        let there = &mut self.nodes[at.node];
        let confirm = confirm.filter(|_| fenced);
        let fence = confirm.as_ref().map(|_| there.next_id());
        let here = confirm.as_ref().map(Arc::clone);
        there.fences.extend(fence.zip(confirm));
        let here = here.map(|held| Confirm::new(move || drop(held)));
        let room = self.rooms[at.room];
        self.hear_publication(at.node, room, entries.clone(), here);
        let event = Happens::Publish {
            room,
            entries,
            fence,
        };
        self.tell_core(at.node, event);
    }

    /// What confirmations said is passed on.
    pub(super) fn hear_told(&mut self) {
        for told in self.told.take() {
            match told {
                Told::Confirm { me, to, fence } => {
                    if let Some(node) = self.node_of(me) {
                        let message = Message::Confirm { fence };
                        self.send(node, to, message);
                    }
                }
                Told::Delivered { at, upto, earliest } => {
                    let command = RoomCommand::Delivered { upto };
                    self.at(earliest.max(self.clock), Happening::Own { at, command });
                }
                Told::Settled(id) => self.settled(id),
            }
        }
    }

    pub fn wire(&mut self, node: usize, room: usize, wait: i64, what: Wire) {
        let (id, what) = (self.nodes[node].id, Box::new(what));
        let told = Happening::Wire {
            id,
            node,
            room,
            what,
        };
        self.at(self.clock + wait, told);
    }

    /// The relay of a room at a node, begun if there is none.
    pub fn relay(&mut self, node: usize, room: usize) -> &mut RelayState {
        if !self.relays.contains_key(&(node, room)) {
            let (sessions, metrics) = (self.sessions[node].clone(), self.metrics.clone());
            let rights = self.rights(node);
            let state = RelayState::new(self.rooms[room], sessions, metrics, rights);
            let relay = Relay {
                state,
                held: Vec::new(),
                quiet_at: Timestamp(0),
            };
            self.relays.insert((node, room), relay);
            self.tell_core(node, Happens::Follow(self.rooms[room]));
        }
        let (now, rights) = (self.now(), self.rights(node));
        let relay = self.relays.get_mut(&(node, room));
        relay.expect("it was begun").at(now, rights)
    }

    /// Whether the relay might show all that it knew when this began.
    pub(super) fn shows(&self, node: usize, room: usize) -> bool {
        let relay = self.relays.get(&(node, room));
        relay.is_some_and(|relay| relay.state.shows() && relay.quiet_at != self.now())
    }

    pub(super) fn hear_publication(
        &mut self,
        node: usize,
        room: RoomId,
        entries: Vec<Arc<Entry>>,
        confirm: Option<Confirm>,
    ) {
        let number = self.number_of(room).expect("a room of the simulation");
        let (now, rights, mutant) = (self.now(), self.rights(node), self.mutant);
        let Some(relay) = self.relays.get_mut(&(node, number)) else {
            move_people(&self.sessions[node], &entries);
            drop(confirm);
            return self.look_at_screens(node);
        };
        relay.at(now, rights);
        self.coverage.shown_late += u64::from(!relay.state.shows());
        let effects = relay.publication(entries, confirm, mutant);
        self.relay_effects(node, number, effects);
    }

    /// The log is at least this long.
    pub(super) fn hear_head(&mut self, node: usize, room: RoomId, head: Seq) {
        let number = self.number_of(room).expect("a room of the simulation");
        let (now, rights) = (self.now(), self.rights(node));
        if let Some(relay) = self.relays.get_mut(&(node, number)) {
            let effects = relay.at(now, rights).head_is(head);
            self.relay_effects(node, number, effects);
        }
    }

    /// The same, read from the store after the right `upto` began. `reached`: the relay has passed
    /// all of it on.
    pub(super) fn read_head(
        &mut self,
        node: usize,
        room: RoomId,
        (head, upto): (Seq, u64),
        reached: Option<Confirm>,
    ) {
        let number = self.number_of(room).expect("a room of the simulation");
        let (now, rights) = (self.now(), self.rights(node));
        let Some(relay) = self.relays.get_mut(&(node, number)) else {
            return drop(reached);
        };
        relay.held.extend(reached.map(|reached| (head, reached)));
        let effects = relay.at(now, rights).read_upto(head, upto);
        self.relay_effects(node, number, effects);
    }

    pub fn hear_wire(&mut self, node: usize, room: usize, what: Wire) {
        let (now, rights) = (self.now(), self.rights(node));
        if let Wire::Members { request, members } = what {
            self.read_history(node, room, &request, members);
            return;
        }
        let Some(relay) = self.relays.get_mut(&(node, room)) else {
            return;
        };
        let state = relay.at(now, rights);
        if self.mutant == Some(Mutant::JoinNotSeen) {
            state.forget_joins_for_test();
        }
        let effects = match what {
            Wire::Loaded(loaded) => state.loaded(loaded),
            Wire::Rendered(items, works) => {
                let fragments = items.iter().map(|(seq, ..)| Rendered {
                    op: "add",
                    html: format!("<p>{seq}</p>"),
                });
                let fragments = fragments.collect();
                let failed = Error::new(Code::Unavailable, "no");
                let rendered = if works { Ok(fragments) } else { Err(failed) };
                state.rendered(items, rendered)
            }
            Wire::Room(id) => state.has_room(id),
            Wire::Retry => state.retry(),
            Wire::Expire => state.expire(now),
            Wire::Flush => state.flush(now),
            Wire::Members { .. } => Vec::new(),
        };
        self.relay_effects(node, room, effects);
    }

    pub fn relay_effects(&mut self, node: usize, room: usize, effects: Vec<RelayEffect>) {
        for effect in effects {
            match effect {
                RelayEffect::Load(request) => self.ask_history(node, room, request),
                RelayEffect::Render(items) => {
                    let works = !self.wires.hits(self.luck.refused);
                    let wait = self.wires.between(1, 30) as i64;
                    self.wire(node, room, wait, Wire::Rendered(items, works));
                }
                RelayEffect::AwaitRoom(id, _) => self.wire(node, room, 5, Wire::Room(id)),
                RelayEffect::Flush => self.wire(node, room, 50, Wire::Flush),
                RelayEffect::Retry => self.wire(node, room, PAUSE_MS, Wire::Retry),
            }
        }
        if let Some(relay) = self.relays.get_mut(&(node, room)) {
            let state = &relay.state;
            relay.held.retain(|(upto, _)| !state.has_passed(*upto));
            if state.has_waiting() {
                self.wire(node, room, PAUSE_MS, Wire::Expire);
            }
        }
        self.look_at_screens(node);
    }

    /// Members are read first, the log a moment later.
    fn ask_history(&mut self, node: usize, room: usize, request: LoadRequest) {
        self.coverage.gaps_filled += u64::from(request.fill);
        if request.fill && self.mutant == Some(Mutant::GapNotFilled) {
            return;
        }
        let down = self.clock < self.down_until;
        if down || self.wires.hits(self.luck.refused) {
            let error = Error::new(Code::Unavailable, "no answer");
            self.wire(node, room, PAUSE_MS, Wire::Loaded(Err(error)));
            return;
        }
        let loaded = now_of(history::load(&self.store, &request));
        let members = loaded.map(|loaded| loaded.members).unwrap_or_default();
        let wait = self.wires.between(1, 60) as i64;
        self.wire(node, room, wait, Wire::Members { request, members });
    }

    fn read_history(
        &mut self,
        node: usize,
        room: usize,
        request: &LoadRequest,
        members: HashMap<UserId, Seq>,
    ) {
        let loaded = now_of(history::load(&self.store, request));
        let loaded = loaded.map(|loaded| LoadedHistory { members, ..loaded });
        let wait = self.wires.between(1, 60) as i64;
        self.wire(node, room, wait, Wire::Loaded(loaded));
    }
}

impl Relay {
    fn at(&mut self, now: Timestamp, rights: Rights) -> &mut RelayState {
        self.state.at(now, rights);
        if !self.state.shows() {
            self.quiet_at = now;
        }
        &mut self.state
    }

    fn publication(
        &mut self,
        entries: Vec<Arc<Entry>>,
        confirm: Option<Confirm>,
        mutant: Option<Mutant>,
    ) -> Vec<RelayEffect> {
        let entries = match mutant {
            Some(Mutant::RemovalNotHeard) => entries.into_iter().map(without_leave).collect(),
            _ => entries,
        };
        let upto = entries.last().map_or(0, |last| last.seq);
        let effects = self.state.published(entries);
        self.held.extend(confirm.map(|confirm| (upto, confirm)));
        effects
    }
}

/// The entry as a relay would see it that does not know what a removal is.
fn without_leave(entry: Arc<Entry>) -> Arc<Entry> {
    match entry.event {
        Event::Leave { .. } => {
            let topic = String::new();
            let event = Event::Topic { topic };
            Arc::new(Entry {
                event,
                ..(*entry).clone()
            })
        }
        _ => entry,
    }
}
