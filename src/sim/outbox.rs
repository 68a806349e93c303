//! The outbox of a person: what waits is sent in order, and again under the same key after a refusal
//! or a cut, as the browser does.

use super::owner::{Back, Forward};
use super::people::{Record, actor};
use super::world::{Happening, World};
use crate::ids::ConnectionId;
use crate::limits::ROOM_REPLY_MS_MAX;
use crate::room::{Reply, Send};
use crate::session::order::SendOrder;
use std::collections::{BTreeMap, VecDeque};

/// Sends of one outbox that may wait for their answers.
const WINDOW: usize = 4;

pub struct Connection {
    pub(super) id: ConnectionId,
    pub(super) node: usize,
    pub(super) orders: BTreeMap<usize, SendOrder>,
}

#[derive(Default)]
pub struct Outbox {
    pub(super) items: VecDeque<Pending>,
    /// After a refusal everything in flight is waited for, then all is sent again in order.
    pub(super) refused: bool,
}

pub struct Pending {
    pub(super) record: usize,
    /// Numbers of the tries without an answer.
    pub(super) tries: Vec<u64>,
    /// Some try ended without a final code.
    pub(super) open: bool,
}

impl World {
    pub(super) fn enqueue(&mut self, record: usize) {
        let Record { who, room, .. } = self.records[record];
        let items = &mut self.people[who].outboxes[room].items;
        items.push_back(Pending {
            record,
            tries: Vec::new(),
            open: false,
        });
        self.pump(who, room);
    }

    /// The connection breaks: nothing in flight will be answered.
    pub fn cut(&mut self, who: usize) {
        self.people[who].connection = None;
        for room in 0..self.rooms.len() {
            for item in &mut self.people[who].outboxes[room].items {
                item.open |= !item.tries.is_empty();
                item.tries.clear();
            }
            self.after(50, 2_000, Happening::Pump { who, room });
        }
    }

    /// Sends what waits, in order, as far as the window goes.
    pub fn pump(&mut self, who: usize, room: usize) {
        let outbox = &mut self.people[who].outboxes[room];
        let mut flying = outbox
            .items
            .iter()
            .filter(|item| !item.tries.is_empty())
            .count();
        if outbox.refused && flying > 0 {
            return;
        }
        outbox.refused = false;
        self.connect(who);
        for index in 0..self.people[who].outboxes[room].items.len() {
            if !self.people[who].outboxes[room].items[index]
                .tries
                .is_empty()
            {
                continue;
            }
            if flying >= WINDOW {
                return;
            }
            flying += 1;
            self.try_item(who, room, index);
            if self.chance.hits(self.luck.forward_twice) {
                self.people[who].outboxes[room].items[index].open = true;
                self.try_item(who, room, index);
            }
        }
    }

    fn connect(&mut self, who: usize) {
        if self.people[who].connection.is_some() {
            return;
        }
        let id = ConnectionId(self.uuid());
        let node = self.chance.index(self.plan.nodes);
        self.people[who].connection = Some(Connection {
            id,
            node,
            orders: BTreeMap::new(),
        });
    }

    fn try_item(&mut self, who: usize, room: usize, index: usize) {
        let (now, step) = (self.now(), self.step);
        let salt = self.chance.bytes();
        let person = &mut self.people[who];
        let Some(connection) = &mut person.connection else {
            return;
        };
        let item = &mut person.outboxes[room].items[index];
        let record = &mut self.records[item.record];
        record.invoked.get_or_insert(step);
        let order = connection.orders.entry(room).or_default();
        let place = order.place(now, connection.id, record.client_id);
        self.coverage.held += u64::from(place.refuse_with.is_some());
        item.tries.push(place.n);
        let send = Send {
            ticket: 0,
            actor: actor(person.user),
            place: Some(place),
            client_id: Some(record.client_id),
            after: record.after,
            draft: record.draft.clone(),
            handles: BTreeMap::new(),
            salt,
        };
        let (connection, from, n) = (connection.id, connection.node, place.n);
        let client_id = send.client_id;
        let back = Back {
            who,
            connection,
            n,
            client_id,
        };
        self.forward(from, room, Forward { send, back });
        let late = ROOM_REPLY_MS_MAX;
        self.after(
            late,
            late,
            Happening::Timeout {
                who,
                room,
                connection,
                n,
            },
        );
    }

    pub(super) fn forward(&mut self, from: usize, room: usize, forward: Forward) {
        if self.chance.hits(self.luck.forward_lost) {
            return;
        }
        let node = self.hints[from][room];
        let forward = Box::new(forward);
        self.after(
            1,
            60,
            Happening::Forward {
                node,
                room,
                forward,
            },
        );
    }

    pub fn hear_reply(
        &mut self,
        who: usize,
        room: usize,
        connection: ConnectionId,
        n: u64,
        reply: Reply,
    ) {
        if let Reply::Stored { entry, repeated } = &reply {
            self.show(room, entry);
            self.is_the_same(entry, *repeated);
        }
        let now = self.now();
        let person = &mut self.people[who];
        let Some(session) = person.connection.as_mut().filter(|c| c.id == connection) else {
            return;
        };
        let code = match &reply {
            Reply::Refused(error) => Some(error.code),
            _ => None,
        };
        let order = session.orders.entry(room).or_default();
        if !order.answered(now, n, code) {
            return;
        }
        let outbox = &mut person.outboxes[room];
        let Some(index) = outbox.items.iter().position(|item| item.tries.contains(&n)) else {
            return;
        };
        outbox.items[index].tries.retain(|tried| *tried != n);
        let (record, open) = (outbox.items[index].record, outbox.items[index].open);
        match (reply, code) {
            (Reply::Stored { entry, .. }, _) => {
                outbox.items.remove(index);
                self.acked(record, &entry);
            }
            (_, Some(code)) if code.holds_order() => {
                let certain = matches!(
                    code,
                    crate::error::Code::Busy | crate::error::Code::RateLimited
                );
                outbox.items[index].open |= !certain;
                outbox.refused = true;
            }
            _ => {
                outbox.items.remove(index);
                self.records[record].failed = !open && self.records[record].acked.is_none();
            }
        }
        self.after(100, 900, Happening::Pump { who, room });
    }
}
