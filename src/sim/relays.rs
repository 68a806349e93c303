//! Relays at every node, and the lossy way of publications to them.

use super::Mutant;
use super::storage::{now, now_of};
use super::world::{At, Happening, World};
use crate::bus::Confirm;
use crate::clock::Timestamp;
use crate::entry::{Entry, Event};
use crate::error::{Code, Error};
use crate::ids::{ConnectionId, Seq, UserId};
use crate::relay::state::{RelayEffect, RelayState};
use crate::relay::{LoadRequest, LoadedHistory, Rendered, history};
use crate::room::RoomCommand;
use crate::store::LogStore as _;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A relay reads again what failed, and a publisher repeats what was not confirmed, after this.
const PAUSE_MS: i64 = 200;
/// The time between two signs of life between nodes, which say how long each log is.
const BEAT_MS: u64 = 1_000;

type Items = Vec<(Seq, u64, Arc<Entry>)>;

/// One relay.
pub struct Relay {
    pub state: RelayState,
    /// Confirmations that wait until an entry was passed on.
    held: Vec<(Seq, Confirm)>,
}

/// What happens to relays.
pub enum Wire {
    Publication {
        entries: Vec<Arc<Entry>>,
        confirm: Option<Arc<AtomicBool>>,
    },
    /// Another node says how long the log is.
    Head(Seq),
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

/// A removal that waits until every relay has passed it on (R17).
pub struct Removal {
    at: At,
    upto: Seq,
    /// Not before.
    earliest: i64,
    entries: Vec<Arc<Entry>>,
    nodes: Vec<(usize, Arc<AtomicBool>)>,
}

impl World {
    /// An owner publishes: to the relay beside him at once, to the others as luck has it.
    pub fn publish(&mut self, at: At, entries: &[Arc<Entry>], earliest: Option<i64>) {
        let Some(upto) = entries.last().map(|last| last.seq) else {
            return;
        };
        let followed = |node: &usize| self.relays.contains_key(&(*node, at.room));
        let nodes: Vec<usize> = (0..self.plan.nodes).filter(followed).collect();
        let flags: Vec<_> = nodes
            .iter()
            .map(|node| (*node, Arc::new(AtomicBool::new(false))))
            .collect();
        for (node, flag) in &flags {
            let confirm = earliest.is_some().then(|| Arc::clone(flag));
            self.carry(at, *node, entries, confirm);
            if *node != at.node {
                let wait = self.wires.between(BEAT_MS, 2 * BEAT_MS) as i64;
                self.wire(*node, at.room, wait, Wire::Head(upto));
            }
        }
        let Some(earliest) = earliest else { return };
        if self.mutant == Some(Mutant::RemovalNotFenced) {
            let command = RoomCommand::Delivered { upto };
            return self.at(earliest, Happening::Own { at, command });
        }
        let removal = Removal {
            at,
            upto,
            earliest,
            entries: entries.to_vec(),
            nodes: flags,
        };
        self.removals.push(removal);
        self.confirm_removals();
        if !std::mem::replace(&mut self.repeating, true) {
            self.at(self.clock + PAUSE_MS, Happening::RepeatRemovals);
        }
    }

    fn carry(
        &mut self,
        from: At,
        node: usize,
        entries: &[Arc<Entry>],
        confirm: Option<Arc<AtomicBool>>,
    ) {
        let entries = entries.to_vec();
        let publication = Wire::Publication { entries, confirm };
        if node == from.node {
            self.hear_wire(node, from.room, publication);
            return;
        }
        if self.wires.hits(self.luck.forward_lost) {
            self.coverage.publications_lost += 1;
            return;
        }
        if self.wires.hits(self.luck.forward_twice)
            && let Wire::Publication { entries, .. } = &publication
        {
            let entries = entries.clone();
            let confirm = None;
            let again = self.wires.between(1, 3_000) as i64;
            self.wire(
                node,
                from.room,
                again,
                Wire::Publication { entries, confirm },
            );
        }
        let late = self.wires.hits(self.luck.request_late);
        let wait = self.wires.between(1, if late { 3_000 } else { 40 }) as i64;
        self.wire(node, from.room, wait, publication);
    }

    pub fn wire(&mut self, node: usize, room: usize, wait: i64, what: Wire) {
        let what = Box::new(what);
        self.at(self.clock + wait, Happening::Wire { node, room, what });
    }

    /// Nodes read the heads of the rooms they follow now and then, so that nothing is lost in silence.
    pub fn poll_heads(&mut self) {
        let followed: Vec<_> = self.relays.keys().copied().collect();
        for (node, room) in followed {
            let statics = now(self.store.last_bucket(self.rooms[room], 0));
            if let Some(statics) = statics {
                self.wire(node, room, 1, Wire::Head(statics.head()));
            }
        }
    }

    /// Publications of removals that somebody has not confirmed go out once more.
    pub fn repeat_removals(&mut self) {
        self.confirm_removals();
        let open: Vec<_> = self.removals.iter().map(Removal::unconfirmed).collect();
        for (at, entries, nodes) in &open {
            for (node, flag) in nodes {
                self.carry(*at, *node, entries, Some(Arc::clone(flag)));
            }
        }
        self.confirm_removals();
        self.repeating = !open.is_empty();
        if self.repeating {
            self.at(self.clock + PAUSE_MS, Happening::RepeatRemovals);
        }
    }

    fn confirm_removals(&mut self) {
        let relays = &self.relays;
        let waits = |removal: &Removal| {
            let room = removal.at.room;
            let mut nodes = removal.nodes.iter();
            // A relay that has ended closed its connections.
            nodes.any(|(node, flag)| {
                relays.contains_key(&(*node, room)) && !flag.load(Ordering::Relaxed)
            })
        };
        let (open, done): (Vec<_>, Vec<_>) = self.removals.drain(..).partition(waits);
        self.removals = open;
        for Removal {
            at, upto, earliest, ..
        } in done
        {
            let command = RoomCommand::Delivered { upto };
            self.at(earliest.max(self.clock), Happening::Own { at, command });
        }
    }

    /// The relay of a room at a node, begun if there is none.
    pub fn relay(&mut self, node: usize, room: usize) -> &mut RelayState {
        let (sessions, metrics) = (&self.sessions[node], &self.metrics);
        let relay = self.relays.entry((node, room)).or_insert_with(|| Relay {
            state: RelayState::new(self.rooms[room], sessions.clone(), metrics.clone()),
            held: Vec::new(),
        });
        &mut relay.state
    }

    pub fn hear_wire(&mut self, node: usize, room: usize, what: Wire) {
        let now = self.now();
        let mutant = self.mutant;
        if let Wire::Members { request, members } = what {
            self.read_history(node, room, &request, members);
            return;
        }
        let Some(relay) = self.relays.get_mut(&(node, room)) else {
            if let Wire::Publication { confirm, .. } = what {
                confirm
                    .iter()
                    .for_each(|flag| flag.store(true, Ordering::Relaxed));
            }
            return;
        };
        let effects = match what {
            Wire::Publication { entries, confirm } => {
                relay.publication(now, entries, confirm, mutant)
            }
            Wire::Head(head) => relay.state.head_is(head),
            Wire::Loaded(loaded) => relay.state.at(now).loaded(loaded),
            Wire::Rendered(items, works) => {
                let fragments = items.iter().map(|(seq, ..)| Rendered {
                    op: "add",
                    html: format!("<p>{seq}</p>"),
                });
                let fragments = fragments.collect();
                let failed = Error::new(Code::Unavailable, "no");
                let rendered = if works { Ok(fragments) } else { Err(failed) };
                relay.state.rendered(items, rendered)
            }
            Wire::Room(id) => relay.state.has_room(id),
            Wire::Retry => relay.state.retry(),
            Wire::Expire => relay.state.expire(now),
            Wire::Flush => relay.state.flush(now),
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
        self.confirm_removals();
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

/// A node, and whether it confirmed.
type Confirmation = (usize, Arc<AtomicBool>);

impl Removal {
    fn unconfirmed(&self) -> (At, Vec<Arc<Entry>>, Vec<Confirmation>) {
        let open = |(_, flag): &&Confirmation| !flag.load(Ordering::Relaxed);
        let nodes = self.nodes.iter().filter(open).cloned().collect();
        (self.at, self.entries.clone(), nodes)
    }
}

impl Relay {
    fn publication(
        &mut self,
        now: Timestamp,
        entries: Vec<Arc<Entry>>,
        confirm: Option<Arc<AtomicBool>>,
        mutant: Option<Mutant>,
    ) -> Vec<RelayEffect> {
        let entries = match mutant {
            Some(Mutant::RemovalNotHeard) => entries.into_iter().map(without_leave).collect(),
            _ => entries,
        };
        let upto = entries.last().map_or(0, |last| last.seq);
        let confirm = confirm.map(|flag| Confirm::new(move || flag.store(true, Ordering::Relaxed)));
        let effects = self.state.at(now).published(entries);
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
