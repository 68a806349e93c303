//! Tables of given, when, then, and interleavings of everything.

mod commits;
mod interleavings;
mod members;
mod order;
mod purity;
mod recovering;
mod repeats;
mod targets;

use super::RoomState;
use crate::access::{Actor, WorkspaceRole};
use crate::clock::Timestamp;
use crate::entry::{Entry, Role, RoomKind};
use crate::error::{Code, Error};
use crate::ids::{ClientId, ConnectionId, OwnerId, RoomId, Seq, UserId};
use crate::room::{
    Draft, LoadId, Loaded, Place, Recovered, Reply, RoomCommand, RoomEffect, Send, Ticket,
};
use crate::store::{Batch, Statics};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) const NOW: Timestamp = Timestamp(1_000);

pub(super) fn person(name: &str) -> UserId {
    let mut id = [0; 16];
    id[..name.len()].copy_from_slice(name.as_bytes());
    UserId::from_bytes(id)
}

pub(super) fn key(n: u8) -> ClientId {
    ClientId::from_bytes([n; 16])
}

pub(super) fn link(n: u8) -> ConnectionId {
    ConnectionId::from_bytes([n; 16])
}

pub(super) fn post(body: &str) -> Draft {
    Draft::Post {
        body: body.to_owned(),
        reply_to: None,
    }
}

pub(super) fn put(name: &str, role: Option<Role>) -> Draft {
    let user = person(name);
    Draft::PutMember { user, role }
}

pub(super) fn remove(name: &str) -> Draft {
    let user = person(name);
    Draft::RemoveMember { user }
}

pub(super) fn empty(kind: RoomKind) -> Recovered {
    let me = OwnerId::from_bytes([1; 16]);
    Recovered {
        room: RoomId::from_bytes([7; 16]),
        kind,
        floor: 0,
        me,
        statics: Statics {
            owner: Some(me),
            epoch: 1,
            ..Statics::empty()
        },
        members: Vec::new(),
        tail: Vec::new(),
    }
}

/// A room with its commands in order, and everything it ever asked for.
pub(super) struct Room {
    pub state: RoomState,
    ticket: Ticket,
    /// Effects of the last command.
    pub last: Vec<RoomEffect>,
    pub replies: BTreeMap<Ticket, Reply>,
}

impl Room {
    /// Ann founds the room; the others join as members. Everything is stored and viewed.
    pub fn of(kind: RoomKind, others: &[&str]) -> Self {
        let mut room = Self::from(empty(kind), 13);
        room.ticket += 1;
        room.hear(RoomCommand::Found {
            ticket: room.ticket,
            creator: person("ann"),
            members: others.iter().map(|name| person(name)).collect(),
            salts: Vec::new(),
        });
        room.settle();
        room
    }

    pub fn from(recovered: Recovered, bucket_bits: u32) -> Self {
        let (state, last) = RoomState::recover(recovered, bucket_bits);
        Self {
            state,
            ticket: 0,
            last,
            replies: BTreeMap::new(),
        }
    }

    pub fn hear(&mut self, command: RoomCommand) {
        self.last = self.state.apply(NOW, command);
        for effect in &self.last {
            if let RoomEffect::Reply { ticket, reply } = effect {
                let before = self.replies.insert(*ticket, reply.clone());
                assert_eq!(before, None, "ticket {ticket} was answered twice");
            }
        }
    }

    pub fn send_of(&mut self, name: &str, client_id: Option<ClientId>, draft: Draft) -> Send {
        self.ticket += 1;
        Send {
            ticket: self.ticket,
            actor: Actor {
                user: person(name),
                role: WorkspaceRole::Member,
                active: true,
            },
            place: None,
            client_id,
            after: self.state.head(),
            draft,
            handles: BTreeMap::new(),
            salt: [5; 16],
        }
    }

    pub fn send(&mut self, send: Send) -> Ticket {
        let ticket = send.ticket;
        self.hear(RoomCommand::Send(send));
        ticket
    }

    pub fn says(&mut self, name: &str, n: u8, draft: Draft) -> Ticket {
        let send = self.send_of(name, Some(key(n)), draft);
        self.send(send)
    }

    /// A member's command, which has no client id.
    pub fn does(&mut self, name: &str, draft: Draft) -> Ticket {
        let send = self.send_of(name, None, draft);
        self.send(send)
    }

    pub fn placed(&mut self, name: &str, n: u8, place: Place) -> Ticket {
        let mut send = self.send_of(name, Some(key(n)), post("x"));
        send.place = Some(place);
        self.send(send)
    }

    /// Commits, delivers and writes views until nothing is under way.
    pub fn settle(&mut self) {
        for _ in 0..1_000 {
            if !self.state.in_flight.is_empty() {
                self.hear(RoomCommand::Committed);
            } else if let Some((upto, ..)) = self.state.undelivered.back() {
                let upto = *upto;
                self.hear(RoomCommand::Delivered { upto });
            } else if !self.state.unviewed.is_empty() {
                let upto = self.state.head();
                self.hear(RoomCommand::ViewsWritten { upto });
            } else {
                return;
            }
        }
        panic!("the room does not come to rest");
    }

    pub fn stored(&self, ticket: Ticket) -> (&Arc<Entry>, bool) {
        match self.replies.get(&ticket) {
            Some(Reply::Stored { entry, repeated }) => (entry, *repeated),
            other => panic!("ticket {ticket} was not stored: {other:?}"),
        }
    }

    pub fn seq(&self, ticket: Ticket) -> Seq {
        self.stored(ticket).0.seq
    }

    pub fn refused(&self, ticket: Ticket) -> Option<Code> {
        match self.replies.get(&ticket) {
            Some(Reply::Refused(error)) => Some(error.code),
            _ => None,
        }
    }

    /// The one question asked by the last command.
    pub fn asked(&self) -> Option<LoadId> {
        self.last.iter().find_map(|effect| match effect {
            RoomEffect::Load { load, .. } => Some(*load),
            _ => None,
        })
    }

    pub fn answer(&mut self, load: LoadId, facts: Result<Loaded, Error>) {
        self.hear(RoomCommand::Loaded { load, facts });
    }

    pub fn batch(&self) -> Option<&Batch> {
        self.last.iter().find_map(|effect| match effect {
            RoomEffect::Commit { batch, .. } => Some(&**batch),
            _ => None,
        })
    }

    /// Does it, lets everything come to rest, and tells how it was refused.
    pub fn outcome(&mut self, name: &str, n: u8, draft: Draft) -> Option<Code> {
        let ticket = self.says(name, n, draft);
        self.settle();
        assert!(
            self.replies.contains_key(&ticket),
            "{ticket} is not answered"
        );
        self.refused(ticket)
    }

    pub fn member_outcome(&mut self, name: &str, draft: Draft) -> Option<Code> {
        let ticket = self.does(name, draft);
        self.settle();
        assert!(
            self.replies.contains_key(&ticket),
            "{ticket} is not answered"
        );
        self.refused(ticket)
    }
}
