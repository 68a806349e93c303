//! The way of a command to its room, here or elsewhere, and the way of its answer back.

use super::node::Inside;
use super::owner::{Back, Forward, Way};
use super::world::{Happening, World};
use crate::cluster::message::{Command, CommandId, HandOver, Message};
use crate::cluster::state::Event;
use crate::error::{Code, Error};
use crate::ids::{NodeId, RoomId};
use crate::room::{Reply, Send, answer};

impl World {
    /// Somebody at a node sends something to a room.
    pub(super) fn forward(&mut self, from: usize, room: usize, send: Send, back: Back) {
        let send = Box::new(send);
        let id = self.nodes[from].id;
        let what = Inside::Forward { room, send, back };
        match self.is_paused(from) {
            true => self.nodes[from]
                .backlog
                .push_back(Happening::Node { id, what }),
            false => self.happen_inside(id, what),
        }
    }

    pub(super) fn take(&mut self, node: usize, room: usize, send: Send, back: Back) {
        let lost = self.chance.hits(self.luck.forward_lost);
        let name = self.rooms[room];
        if self.nodes[node].is_for_here(name) {
            let way = Way::Here(back);
            if !lost {
                self.arrive(node, room, Forward { send, way });
            }
            return;
        }
        self.coverage.forwarded += 1;
        let there = &mut self.nodes[node];
        let id = there.next_id();
        there.answers.insert(id, (room, back));
        let event = Event::Forward {
            id,
            room: name,
            command: Command::Send(Box::new(send)),
        };
        self.tell_core(node, event);
    }

    /// A command of another node.
    pub(super) fn execute(
        &mut self,
        node: usize,
        (from, id): (NodeId, CommandId),
        room: RoomId,
        command: Command,
        elsewhere: Option<NodeId>,
    ) {
        let Some(forward) = forward_of(command, Way::Away { to: from, id }) else {
            return;
        };
        let number = self.number_of(room).expect("a room of the simulation");
        match elsewhere {
            Some(to) if !self.owners.contains_key(&(node, number)) => {
                self.coverage.sent_on += 1;
                let moved = HandOver::Moved { id, to };
                self.send(node, from, Message::HandOver(moved));
            }
            _ => self.arrive(node, number, forward),
        }
    }

    /// A command of this node that waited.
    pub(super) fn run_here(&mut self, node: usize, id: CommandId, room: RoomId, command: Command) {
        let Some((_, back)) = self.nodes[node].answers.remove(&id) else {
            return;
        };
        let number = self.number_of(room).expect("a room of the simulation");
        if let Some(forward) = forward_of(command, Way::Here(back)) {
            self.arrive(node, number, forward);
        }
    }

    /// An owner at `node` answers.
    pub(super) fn answer(&mut self, node: usize, room: usize, way: Way, reply: Reply) {
        match way {
            Way::Here(back) if !self.chance.hits(self.luck.reply_lost) => {
                self.after(1, 30, Happening::Reply { room, back, reply });
            }
            Way::Here(_) => {}
            Way::Away { to, id } => self.send(node, to, Message::Outcome { id, reply }),
        }
    }

    /// Another node answers.
    pub(super) fn answer_here(&mut self, node: usize, id: CommandId, reply: Reply) {
        if let Some((room, back)) = self.nodes[node].answers.remove(&id) {
            self.at(self.clock, Happening::Reply { room, back, reply });
        }
    }

    pub(super) fn give_up(&mut self, node: usize, id: CommandId, code: Code) {
        self.coverage.given_up += 1;
        let error = match code {
            Code::Busy => Error::new(code, "too much is under way"),
            _ => answer::unknown(),
        };
        self.answer_here(node, id, Reply::Refused(error));
    }
}

fn forward_of(command: Command, way: Way) -> Option<Forward> {
    match command {
        Command::Send(send) => Some(Forward { send: *send, way }),
        // Rooms of the simulation stand before it begins.
        Command::Found { .. } => None,
    }
}
