//! The shell of a room's owner: the way of effects, and the repeated append (R3).

use super::Mutant;
use super::storage::{Answer, Request, now};
use super::world::{At, Happening, World};
use crate::cluster::message::CommandId;
use crate::error::{Code, Error};
use crate::ids::{ClientId, ConnectionId, NodeId, OwnerId, Seq};
use crate::room::state::{RoomState, Snapshot};
use crate::room::{LoadId, Loaded, Orders, Reply, RoomCommand, RoomEffect, Send, Ticket};
use crate::store::LogStore as _;
use crate::store::{Batch, Outcome, Statics};
use std::collections::BTreeMap;

/// A take-over or an append is tried this often.
pub(super) const TRIES_MAX: u32 = 12;
const WAITING_MAX: usize = 64;

/// A command at an owner, and the way back.
#[derive(Clone, Debug)]
pub struct Forward {
    pub send: Send,
    pub way: Way,
}

/// Who gets the answer: somebody at the owner's node, or another node.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    Here(Back),
    Away { to: NodeId, id: CommandId },
}

#[derive(Clone, Copy, Debug)]
pub struct Back {
    pub who: usize,
    pub connection: ConnectionId,
    pub n: u64,
    pub client_id: Option<ClientId>,
}

/// What a request to the store was for.
#[derive(Clone, Debug)]
pub enum Purpose {
    Look,
    Take {
        before: Box<Statics>,
    },
    LookAgain,
    /// The bucket after a full one.
    OpenNext,
    Read {
        statics: Box<Statics>,
    },
    Open,
    Append,
    Load(LoadId),
    Views {
        upto: Seq,
    },
    /// Nobody waits for it (mutants).
    Aside,
}

pub struct Owner {
    at: At,
    pub(super) me: OwnerId,
    pub(super) state: Option<RoomState>,
    pub(super) tries: u32,
    pub(super) waiting: Vec<Forward>,
    /// Who waits, and for what key of a session.
    returns: BTreeMap<Ticket, (Way, Option<ClientId>)>,
    ticket: Ticket,
    flying: Option<(Option<Statics>, Box<Batch>)>,
    /// It finishes what is under way, and ends.
    pub(super) draining: bool,
    /// How far the owner before it came.
    pub(super) orders: Orders,
}

impl Owner {
    pub fn new(at: At, me: OwnerId) -> Self {
        Self {
            at,
            me,
            state: None,
            tries: 0,
            waiting: Vec::new(),
            returns: BTreeMap::new(),
            ticket: 0,
            flying: None,
            draining: false,
            orders: Orders::new(),
        }
    }

    pub fn at(&self) -> At {
        self.at
    }

    /// Whether it was told to end and has nothing left to do.
    pub fn is_idle(&self) -> bool {
        let idle = self.state.as_ref().is_some_and(RoomState::can_sleep);
        self.draining && idle && self.returns.is_empty() && self.waiting.is_empty()
    }

    /// What the next owner has to know.
    pub fn leaves(&self) -> Orders {
        self.state
            .as_ref()
            .map(RoomState::orders)
            .unwrap_or_default()
    }

    /// Everybody who waits for it.
    pub fn ways(&self) -> Vec<Way> {
        let waiting = self.waiting.iter().map(|forward| forward.way);
        let returns = self.returns.values().map(|(way, _)| *way);
        returns.chain(waiting).collect()
    }

    pub fn id(&self) -> OwnerId {
        self.me
    }

    pub fn snapshot(&self) -> Option<Snapshot> {
        self.state.as_ref().map(RoomState::snapshot)
    }
}

impl World {
    /// A command arrives at a node; the room comes to life with it.
    pub fn arrive(&mut self, node: usize, room: usize, forward: Forward) {
        if !self.owners.contains_key(&(node, room)) {
            self.wake(node, room);
        }
        let Some(owner) = self.owners.get_mut(&(node, room)) else {
            return;
        };
        if owner.state.is_some() {
            return self.command(node, room, forward);
        }
        if owner.waiting.len() < WAITING_MAX {
            return owner.waiting.push(forward);
        }
        let at = owner.at;
        self.turn_away(at, forward.way);
    }

    /// Rooms whose owner in the store is gone, because a write of his came late: as the next command
    /// would, this takes them over again, which redoes what he left undone (R6). Answers them.
    pub fn wake_orphans(&mut self) -> Vec<usize> {
        let rooms = 0..self.rooms.len();
        let orphans: Vec<_> = rooms.filter(|room| !self.has_owner(*room)).collect();
        for room in &orphans {
            if let Some(owner) = self.owners.get(&(0, *room)) {
                self.end_owner(owner.at(), Orders::new());
            }
            self.wake(0, *room);
        }
        orphans
    }

    fn has_owner(&self, room: usize) -> bool {
        let statics = now(self.store.last_bucket(self.rooms[room], 0));
        let owner = statics.and_then(|statics| statics.owner);
        let mut here = self.owners.iter().filter(|(at, _)| at.1 == room);
        here.any(|(_, one)| Some(one.id()) == owner)
    }

    /// A new id for every *try* to take a room: a late try under an id that has already won would
    /// bring back an owner who knows nothing of what came in between.
    pub(super) fn fresh_owner(&mut self, node: usize) -> OwnerId {
        let fresh = self.uuid();
        match self.mutant {
            Some(Mutant::OwnerIdReused) => OwnerId::from_bytes([node as u8 + 1; 16]),
            _ => OwnerId(fresh),
        }
    }

    pub(super) fn command(&mut self, node: usize, room: usize, mut forward: Forward) {
        let Some(owner) = self.owners.get_mut(&(node, room)) else {
            return;
        };
        owner.ticket += 1;
        forward.send.ticket = owner.ticket;
        let key = forward.send.client_id;
        let key = key.filter(|_| forward.send.place.is_some());
        owner.returns.insert(owner.ticket, (forward.way, key));
        if self.mutant == Some(Mutant::OrderIgnored) {
            forward.send.place = None;
        }
        let at = owner.at;
        self.tell(at, RoomCommand::Send(forward.send));
    }

    pub(super) fn owner(&mut self, at: At) -> Option<&mut Owner> {
        let owner = self.owners.get_mut(&(at.node, at.room));
        owner.filter(|owner| owner.at == at)
    }

    /// Gives the core a command and does what it asks for.
    pub fn tell(&mut self, at: At, command: RoomCommand) {
        let now = self.now();
        let Some(state) = self.owner(at).and_then(|owner| owner.state.as_mut()) else {
            return;
        };
        let effects = state.apply(now, command);
        self.effects(at, effects);
        self.end_if_idle(at);
    }

    pub(super) fn effects(&mut self, at: At, effects: Vec<RoomEffect>) {
        for effect in effects {
            match effect {
                RoomEffect::Reply { ticket, reply } => self.send_back(at, ticket, reply),
                RoomEffect::Load { load, what } => {
                    self.ask(at, Purpose::Load(load), Request::Load(what));
                }
                RoomEffect::Commit { open, batch } => self.commit(at, open, batch),
                RoomEffect::Publish { entries, confirm } => {
                    for entry in &entries {
                        self.show(at.room, entry);
                    }
                    self.publish(at, entries, confirm);
                }
                RoomEffect::WriteViews { upto, views, erase } => {
                    self.coverage.erased += erase.len() as u64;
                    let request = Request::Views { views, erase };
                    self.ask(at, Purpose::Views { upto }, request);
                }
                RoomEffect::AskLater if self.mutant == Some(Mutant::NeverAskedAgain) => {}
                RoomEffect::AskLater => {
                    let command = RoomCommand::AskAgain;
                    self.after(100, 300, Happening::Own { at, command });
                }
                RoomEffect::Stop => {
                    self.hold(at);
                    self.end_owner(at, Orders::new());
                }
            }
        }
    }

    fn send_back(&mut self, at: At, ticket: Ticket, mut reply: Reply) {
        let Some((way, key)) = self
            .owner(at)
            .and_then(|owner| owner.returns.remove(&ticket))
        else {
            return;
        };
        if let Reply::Refused(error) = &mut reply
            && error.code == Code::Unknown
            && self.mutant == Some(Mutant::UnknownIsFailed)
        {
            *error = Error::new(Code::Conflict, "mutant");
        }
        if matches!(&reply, Reply::Refused(error) if !error.code.holds_order()) {
            self.refused_for_good(key);
        }
        if let Reply::Stored { entry, .. } = &reply {
            self.removal_acked(at.room, entry);
        }
        self.answer(at.node, at.room, way, reply);
    }

    fn commit(&mut self, at: At, open: Option<Statics>, batch: Box<Batch>) {
        self.coverage.rolls += u64::from(open.is_some());
        let mutant = self.mutant == Some(Mutant::AckBeforeCommit);
        if mutant && open.is_none() {
            self.ask(at, Purpose::Aside, Request::Append(batch));
            self.tell(at, RoomCommand::Committed);
            return;
        }
        if let Some(owner) = self.owner(at) {
            owner.tries = 0;
            owner.flying = Some((open, batch));
        }
        self.try_commit(at);
    }

    /// R3: the identical batch, until it is known what became of it.
    fn try_commit(&mut self, at: At) {
        let Some(owner) = self.owner(at) else {
            return;
        };
        owner.tries += 1;
        if owner.tries > TRIES_MAX {
            self.tell(at, RoomCommand::Fenced);
            return;
        }
        match owner.flying.clone() {
            Some((Some(statics), _)) => self.ask(at, Purpose::Open, Request::Open(statics)),
            Some((None, batch)) => self.ask(at, Purpose::Append, Request::Append(batch)),
            None => {}
        }
    }

    pub fn answered(&mut self, at: At, purpose: Purpose, answer: Answer) {
        self.note(4, at.incarnation, at.room as u64);
        if self.owner(at).is_none() {
            return;
        }
        match purpose {
            Purpose::Aside => {}
            Purpose::Open | Purpose::Append => self.commit_answered(at, answer),
            Purpose::Load(load) => self.load_answered(at, load, answer),
            Purpose::Views { upto } => match answer {
                Answer::Done => self.tell(at, RoomCommand::ViewsWritten { upto }),
                _ => {
                    let command = RoomCommand::ViewsFailed;
                    self.after(100, 300, Happening::Own { at, command });
                }
            },
            _ => self.take_over_answered(at, purpose, answer),
        }
    }

    fn load_answered(&mut self, at: At, load: LoadId, answer: Answer) {
        let facts = match answer {
            Answer::Loaded(loaded) => Ok(loaded),
            _ => Err(Error::new(Code::Unavailable, "no answer")),
        };
        self.coverage.dedupe_by_view += u64::from(matches!(facts, Ok(Loaded::Sent(Some(_)))));
        self.coverage.targets_loaded += u64::from(matches!(facts, Ok(Loaded::Target(Some(_)))));
        self.tell(at, RoomCommand::Loaded { load, facts });
    }

    fn commit_answered(&mut self, at: At, answer: Answer) {
        let Some(owner) = self.owner(at) else {
            return;
        };
        let (me, tries) = (owner.me, owner.tries);
        let Some((open, batch)) = &mut owner.flying else {
            return;
        };
        let end = batch.expected_next + batch.entries.len() as u64;
        match (answer, open.is_some()) {
            (Answer::Outcome(Outcome::Applied), true) => {
                *open = None;
                self.try_commit(at);
            }
            (Answer::Outcome(Outcome::Refused(Some(there))), true) if there.owner == Some(me) => {
                *open = None;
                self.try_commit(at);
            }
            (Answer::Outcome(Outcome::Applied), false) => self.committed(at),
            (Answer::Outcome(Outcome::Refused(Some(there))), false)
                if there.owner == Some(me) && there.next_seq == end =>
            {
                self.coverage.unknown_then_won += u64::from(tries > 1);
                self.committed(at);
            }
            (Answer::Outcome(_), _) => {
                self.coverage.fenced += 1;
                self.tell(at, RoomCommand::Fenced);
            }
            _ => self.try_commit(at),
        }
    }

    fn committed(&mut self, at: At) {
        if let Some(owner) = self.owner(at) {
            owner.flying = None;
        }
        self.tell(at, RoomCommand::Committed);
    }
}
