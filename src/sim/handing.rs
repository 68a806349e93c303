//! Owners come to life, ask the others first, and leave in good order.

use super::node::Inside;
use super::owner::{Owner, Purpose};
use super::storage::Request;
use super::world::{At, World};
use crate::cluster::message::ClaimId;
use crate::cluster::state::Event;
use crate::error::Code;
use crate::ids::RoomId;
use crate::limits::{ROOM_HOLD_MS, ROOM_HOLD_WINDOW_MS};
use crate::room::{Orders, Reply, answer};

/// The pause of who lost a room doubles at most so often.
const DOUBLINGS_MAX: u32 = 4;

/// A room was taken from a node at this time, so often in a row.
#[derive(Clone, Copy, Debug)]
pub struct Hold {
    since: i64,
    times: u32,
}

impl Hold {
    fn is_over(&self, now: i64) -> bool {
        now - self.since >= ROOM_HOLD_WINDOW_MS as i64
    }
}

impl World {
    pub(super) fn wake(&mut self, node: usize, room: usize) {
        self.incarnations += 1;
        let at = At {
            node,
            room,
            incarnation: self.incarnations,
        };
        let me = self.fresh_owner(node);
        self.owners.insert((node, room), Owner::new(at, me));
        self.tell_core(node, Event::Wakes(self.rooms[room]));
        match self.pause_of(node, room) {
            0 => self.begin_taking(at),
            pause => self.inside(node, pause, Inside::Begin(at)),
        }
    }

    /// Longer each time, and never the same on two nodes.
    fn pause_of(&mut self, node: usize, room: usize) -> u64 {
        let hold = self.holds.get(&(node, room)).copied();
        let Some(hold) = hold.filter(|hold| !hold.is_over(self.clock)) else {
            return 0;
        };
        let (moment, today) = (self.moment(node), self.now());
        let turn = self.nodes[node].core.turn(moment, today, self.rooms[room]);
        if let Some(turn) = turn {
            return turn;
        }
        let full = ROOM_HOLD_MS << hold.times.min(DOUBLINGS_MAX);
        let pause = full / 2 + self.wires.below(full / 2 + 1);
        pause.saturating_sub((self.clock - hold.since) as u64)
    }

    /// Another owner took the room.
    pub(super) fn hold(&mut self, at: At) {
        let now = self.clock;
        let before = self.holds.get(&(at.node, at.room)).copied();
        let before = before.filter(|hold| !hold.is_over(now));
        let times = before.map_or(0, |hold| hold.times + 1);
        let hold = Hold { since: now, times };
        self.holds.insert((at.node, at.room), hold);
    }

    /// Who still has the room finishes first.
    pub(super) fn begin_taking(&mut self, at: At) {
        if self.owner(at).is_none() {
            return;
        }
        let there = &mut self.nodes[at.node];
        let id = there.next_id();
        there.claims.insert(id, at);
        let room = self.rooms[at.room];
        self.tell_core(at.node, Event::Claim { id, room });
    }

    /// Nobody else has the room, as far as can be learned.
    pub(super) fn claimed(&mut self, node: usize, id: ClaimId, orders: Orders) {
        let Some(at) = self.nodes[node].claims.remove(&id) else {
            return;
        };
        self.coverage.orders_left += u64::from(!orders.is_empty());
        let Some(owner) = self.owner(at) else {
            return;
        };
        owner.orders = orders;
        self.ask(at, Purpose::Look, Request::LastBucket);
    }

    /// The owner here, if there is one, finishes what is under way and ends.
    pub(super) fn hand_over(&mut self, node: usize, room: RoomId) {
        let number = self.number_of(room).expect("a room of the simulation");
        let Some(owner) = self.owners.get_mut(&(node, number)) else {
            return;
        };
        owner.draining = true;
        let at = owner.at();
        self.inside(node, 0, Inside::Finish(at));
    }

    pub(super) fn end_if_idle(&mut self, at: At) {
        let Some(owner) = self.owner(at).filter(|owner| owner.is_idle()) else {
            return;
        };
        let orders = owner.leaves();
        self.coverage.handed_over += 1;
        self.end_owner(at, orders);
    }

    /// The owner ends, however. Who waits for it hears that the outcome is not known.
    pub(super) fn end_owner(&mut self, at: At, orders: Orders) {
        if self.owner(at).is_none() {
            return;
        }
        let Some(owner) = self.owners.remove(&(at.node, at.room)) else {
            return;
        };
        for way in owner.ways() {
            let reply = Reply::Refused(answer::unknown());
            self.answer(at.node, at.room, way, reply);
        }
        let room = self.rooms[at.room];
        self.tell_core(at.node, Event::Rests { room, orders });
    }

    /// The room has too much to do.
    pub(super) fn turn_away(&mut self, at: At, way: super::owner::Way) {
        let error = crate::error::Error::new(Code::Busy, "too much to do");
        self.answer(at.node, at.room, way, Reply::Refused(error));
    }
}
