//! Every rule of a room as a pure core: no I/O, no clock, no chance (DESIGN.md §3, R1–R17).
//!
//! A command is judged against the *sequenced* state, which is ahead of the store by the batch in
//! flight and the queue behind it. That is safe because a batch that cannot be stored ends the
//! whole incarnation (`Fenced`), never a single entry: nothing is taken back.

mod admit;
mod append;
mod commit;
mod decide;
mod found;
mod loads;
mod members;
mod order;
mod recover;
mod targets;
mod unviewed;
mod window;

#[cfg(test)]
mod tests;

use self::append::{Sequenced, Waiter};
use self::loads::{LoadFor, Parked};
use self::members::Members;
use self::order::Connections;
use self::targets::Targets;
use self::unviewed::Unviewed;
use self::window::Window;
use super::{ConnectionOrder, LoadId, Orders, Reply, RoomCommand, RoomEffect, Ticket};
use crate::clock::Timestamp;
use crate::entry::{Entry, Hash, Role, RoomKind};
use crate::error::{Code, Error};
use crate::ids::{Ordinal, OwnerId, RoomId, Seq, UserId, bucket_of};
use crate::limits::VIEW_LAG_MAX;
use crate::store::Statics;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The owner's knowledge of one room.
#[derive(Debug)]
pub struct RoomState {
    room: RoomId,
    kind: RoomKind,
    floor: Seq,
    me: OwnerId,
    epoch: u64,
    bucket_bits: u32,
    /// The last bucket that stands in the store.
    bucket: u64,
    /// Of what was sequenced last, stored or not yet.
    next_seq: Seq,
    ord: Ordinal,
    chain: Hash,
    /// Of what is stored.
    head: Seq,
    stored_ord: Ordinal,
    stored_chain: Hash,
    members: Members,
    /// Sequenced entries that the store was not asked for yet.
    queue: VecDeque<Sequenced>,
    in_flight: Vec<Sequenced>,
    /// Who is answered when a seq is stored.
    waiters: BTreeMap<Seq, Vec<Waiter>>,
    waiting: usize,
    /// Removals that are stored and wait until everybody removed is out of every relay (R17).
    undelivered: VecDeque<(Seq, Ticket, Reply)>,
    window: Window,
    targets: Targets,
    unviewed: Unviewed,
    connections: Connections,
    loads: BTreeMap<LoadId, LoadFor>,
    last_load: LoadId,
    /// Commands of senders for whom a load is under way, the asking one first.
    parked: BTreeMap<UserId, VecDeque<Parked>>,
    stopped: bool,
    effects: Vec<RoomEffect>,
}

/// What an operator sees of a room.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Snapshot {
    pub room: RoomId,
    pub epoch: u64,
    pub head: Seq,
    pub viewed: Seq,
    pub queued: usize,
    pub in_flight: usize,
    pub waiting: usize,
    pub undelivered: usize,
    pub loads: usize,
    pub remembered: usize,
    pub members: usize,
    pub connections: usize,
}

impl RoomState {
    /// Hears one command at `now` and answers what is to be done, in this order.
    pub fn apply(&mut self, now: Timestamp, command: RoomCommand) -> Vec<RoomEffect> {
        match command {
            RoomCommand::Send(send) => self.hear(now, send),
            RoomCommand::Found {
                ticket,
                creator,
                members,
                salts,
            } => self.found(now, ticket, creator, &members, &salts),
            RoomCommand::Loaded { load, facts } => self.loaded(now, load, facts),
            RoomCommand::Committed => self.committed(),
            RoomCommand::Fenced => self.fenced(),
            RoomCommand::Delivered { upto } => self.delivered(upto),
            RoomCommand::ViewsWritten { upto } => self.views_written(upto),
            RoomCommand::ViewsFailed => self.unviewed.failed(),
            RoomCommand::AskAgain => self.ask_again(),
        }
        self.go_on()
    }

    /// Starts what can be started, and hands out the effects.
    fn go_on(&mut self) -> Vec<RoomEffect> {
        if !self.stopped {
            self.start_views();
            self.start_batch();
        }
        self.assert_invariants();
        std::mem::take(&mut self.effects)
    }

    /// Whether nothing is under way: the actor may end without anybody noticing.
    pub fn can_sleep(&self) -> bool {
        self.in_flight.is_empty()
            && self.queue.is_empty()
            && self.undelivered.is_empty()
            && self.loads.is_empty()
            && self.unviewed.is_empty()
    }

    /// What the next owner has to know of the order of sends (R16).
    pub fn orders(&self) -> Orders {
        self.connections.orders()
    }

    /// Goes on where an owner that ended in good order left off. Before the first command.
    pub fn go_on_from(&mut self, orders: &[ConnectionOrder]) {
        self.connections.go_on_from(orders);
    }

    /// As whom this incarnation writes, and the bucket that it knows as the last.
    pub fn ownership(&self) -> (OwnerId, u64) {
        (self.me, self.bucket)
    }

    /// The statics as the next append would set them.
    pub fn statics(&self) -> Statics {
        Statics {
            bucket: self.bucket,
            owner: Some(self.me),
            epoch: self.epoch,
            next_seq: self.head + 1,
            ord: self.stored_ord,
            chain: self.stored_chain,
            viewed: self.unviewed.viewed(),
        }
    }

    /// The last stored entry.
    pub fn head(&self) -> Seq {
        self.head
    }

    /// The members, with what was sequenced last.
    pub fn members(&self) -> impl Iterator<Item = (UserId, Role)> + '_ {
        self.members.iter()
    }

    /// Counts for `/admin`, tests and metrics.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            room: self.room,
            epoch: self.epoch,
            head: self.head,
            viewed: self.unviewed.viewed(),
            queued: self.queue.len(),
            in_flight: self.in_flight.len(),
            waiting: self.waiting,
            undelivered: self.undelivered.len(),
            loads: self.loads.len(),
            remembered: self.window.len(),
            members: self.members.len(),
            connections: self.connections.len(),
        }
    }

    fn reply(&mut self, ticket: Ticket, reply: Reply) {
        self.effects.push(RoomEffect::Reply { ticket, reply });
    }

    fn refuse(&mut self, ticket: Ticket, error: Error) {
        self.reply(ticket, Reply::Refused(error));
    }

    fn lags(&self) -> bool {
        self.head.saturating_sub(self.unviewed.viewed()) > VIEW_LAG_MAX
    }

    fn assert_invariants(&self) {
        if !cfg!(debug_assertions) || self.stopped {
            return;
        }
        let unsaved = (self.in_flight.len() + self.queue.len()) as u64;
        assert_eq!(
            self.head + unsaved + 1,
            self.next_seq,
            "seqs are without gaps"
        );
        assert_eq!(
            self.window.from() + self.window.len() as u64,
            self.head,
            "the window ends at the head"
        );
        assert!(self.unviewed.viewed() <= self.head, "views trail the log");
        assert!(
            self.window.from() <= self.unviewed.viewed(),
            "keys above viewed are in memory"
        );
        assert!(
            self.bucket <= bucket_of(self.next_seq, self.bucket_bits),
            "the log is never behind its bucket"
        );
        let people = self.members.len();
        assert!(
            people == 0 || self.members.owners() > 0,
            "a room with people has an owner"
        );
    }
}

fn unknown() -> Error {
    Error::new(
        Code::Unknown,
        "The outcome is not known. Send the same again.",
    )
}

fn busy() -> Error {
    Error::new(
        Code::Busy,
        "The room has too much to do. Try again shortly.",
    )
}

fn stored(entry: Arc<Entry>, repeated: bool) -> Reply {
    Reply::Stored { entry, repeated }
}
