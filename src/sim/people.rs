//! People: an outbox per room that repeats under the same key, in order, as the browser does.

use super::Broken;
use super::owner::{Back, Forward};
use super::world::{Happening, World};
use crate::access::{Actor, WorkspaceRole};
use crate::entry::{Entry, Event, Role};
use crate::ids::{ClientId, ConnectionId, Seq, UserId};
use crate::limits::ROOM_REPLY_MS_MAX;
use crate::room::{Draft, Reply, Send};
use crate::session::order::SendOrder;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Sends of one outbox that may wait for their answers.
const WINDOW: usize = 4;

pub struct Person {
    pub user: UserId,
    connection: Option<Connection>,
    outboxes: Vec<Outbox>,
}

struct Connection {
    id: ConnectionId,
    node: usize,
    orders: BTreeMap<usize, SendOrder>,
}

#[derive(Default)]
struct Outbox {
    items: VecDeque<Pending>,
    /// After a refusal everything in flight is waited for, then all is sent again in order.
    refused: bool,
}

struct Pending {
    record: usize,
    /// Numbers of the tries without an answer.
    tries: Vec<u64>,
    /// Some try ended without a final code.
    open: bool,
}

/// One thing that somebody wanted to send.
#[derive(Clone, Debug)]
pub struct Record {
    pub who: usize,
    pub room: usize,
    pub client_id: ClientId,
    pub after: Seq,
    pub draft: Draft,
    /// Step of the first try.
    pub invoked: Option<u64>,
    pub acked: Option<(Seq, u64)>,
    /// Every try ended in a final code.
    pub failed: bool,
    /// Some try was refused with a final code, heard or not: what was sent after it may overtake
    /// it, if the next try is taken.
    pub refused: bool,
}

impl Person {
    pub fn new(user: UserId, rooms: usize) -> Self {
        Self {
            user,
            connection: None,
            outboxes: (0..rooms).map(|_| Outbox::default()).collect(),
        }
    }

    pub fn node(&self) -> Option<usize> {
        self.connection.as_ref().map(|connection| connection.node)
    }

    pub fn waiting(&self) -> usize {
        self.outboxes.iter().map(|outbox| outbox.items.len()).sum()
    }
}

impl World {
    pub fn write(&mut self, who: usize, room: usize, kind: u8, about: Seq) {
        let client_id = ClientId(self.uuid());
        let known = self.known_head(who, room);
        let target = about.min(known).max(1);
        let emoji = ["👍", "🎉", "👀"][self.chance.index(3)].to_owned();
        let body = format!("{client_id}");
        let draft = match kind {
            0 => Draft::Edit { target, body },
            1 => Draft::Delete { target },
            2 => Draft::React { target, emoji },
            3 => Draft::Unreact { target, emoji },
            4 => Draft::Post {
                body,
                reply_to: Some(target),
            },
            _ => Draft::Post {
                body,
                reply_to: None,
            },
        };
        self.records.push(Record {
            who,
            room,
            client_id,
            after: known,
            draft,
            invoked: None,
            acked: None,
            failed: false,
            refused: false,
        });
        self.enqueue(self.records.len() - 1);
    }

    /// Sends something acknowledged once more, as a form that is submitted again.
    pub fn repeat(&mut self, who: usize, room: usize, which: u64) {
        let mine =
            |record: &Record| record.who == who && record.room == room && record.acked.is_some();
        let all: Vec<_> = (0..self.records.len())
            .filter(|i| mine(&self.records[*i]))
            .collect();
        let Some(record) = all.get(which as usize % all.len().max(1)) else {
            return;
        };
        let record = self.records[*record].clone();
        let salt = self.chance.bytes();
        let send = Send {
            ticket: 0,
            actor: actor(self.people[who].user),
            place: None,
            client_id: Some(record.client_id),
            after: record.after,
            draft: record.draft,
            handles: BTreeMap::new(),
            salt,
        };
        let back = Back {
            who,
            connection: ConnectionId::from_bytes([0; 16]),
            n: 0,
            client_id: None,
        };
        let from = self.chance.index(self.plan.nodes);
        self.forward(from, room, Forward { send, back });
    }

    fn enqueue(&mut self, record: usize) {
        let Record { who, room, .. } = self.records[record];
        let items = &mut self.people[who].outboxes[room].items;
        items.push_back(Pending {
            record,
            tries: Vec::new(),
            open: false,
        });
        self.pump(who, room);
    }

    /// What this person was told of the room: his acknowledgements, and what he was shown.
    fn known_head(&mut self, who: usize, room: usize) -> Seq {
        let acked = self
            .records
            .iter()
            .filter(|record| record.who == who && record.room == room);
        let acked = acked
            .filter_map(|record| record.acked)
            .map(|(seq, _)| seq)
            .max();
        let shown = self.shown.range((room, 0)..=(room, Seq::MAX)).next_back();
        let shown = shown
            .map(|((_, seq), _)| *seq)
            .filter(|_| self.chance.hits(500));
        acked.max(shown).unwrap_or(0)
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

    fn forward(&mut self, from: usize, room: usize, forward: Forward) {
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

    /// A member's command, as over HTTP: no key, no place, nobody repeats it.
    pub fn change_member(&mut self, who: usize, whom: usize, room: usize, kind: u8) {
        let (me, user) = (self.people[who].user, self.people[whom].user);
        let draft = match kind {
            0 => Draft::RemoveMember { user },
            1 | 2 => Draft::PutMember { user, role: None },
            3 => Draft::PutMember {
                user,
                role: Some(Role::Owner),
            },
            _ => Draft::PutMember {
                user: me,
                role: None,
            },
        };
        let send = Send {
            ticket: 0,
            actor: actor(me),
            place: None,
            client_id: None,
            after: 0,
            draft,
            handles: BTreeMap::new(),
            salt: self.chance.bytes(),
        };
        let back = Back {
            who,
            connection: ConnectionId::from_bytes([0; 16]),
            n: 0,
            client_id: None,
        };
        let from = self.chance.index(self.plan.nodes);
        self.forward(from, room, Forward { send, back });
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

    pub fn refused_for_good(&mut self, client_id: Option<ClientId>) {
        let record = self
            .records
            .iter_mut()
            .find(|record| Some(record.client_id) == client_id);
        if let Some(record) = record {
            record.refused = true;
        }
    }

    /// Whatever is said of a key, also to its repeat, is what was acknowledged.
    fn is_the_same(&mut self, entry: &Entry, repeated: bool) {
        self.coverage.dedupe_by_memory += u64::from(repeated);
        let mut records = self.records.iter();
        let key = entry.client_id;
        let record = records.find(|r| key == Some(r.client_id) && r.acked.is_some());
        let acked = record.and_then(|record| record.acked).map(|(seq, _)| seq);
        if acked.is_some_and(|seq| seq != entry.seq) {
            let what = format!("acknowledged at {acked:?}, then {entry:?}");
            self.breaks("I1", what);
        }
    }

    fn acked(&mut self, index: usize, entry: &Entry) {
        self.coverage.acked += 1;
        let step = self.step;
        let record = &mut self.records[index];
        let user = self.people[record.who].user;
        let right = entry.by == Some(user) && entry.client_id == Some(record.client_id);
        let before = record.acked.get_or_insert((entry.seq, step)).0;
        if !right || before != entry.seq || !fits(&record.draft, &entry.event) {
            let what = format!("{record:?} was acknowledged with {entry:?}");
            self.breaks("I1", what);
        }
    }

    /// Somebody sees an entry: nobody may ever have seen another one there.
    pub fn show(&mut self, room: usize, entry: &Arc<Entry>) {
        let there = self
            .shown
            .entry((room, entry.seq))
            .or_insert_with(|| Arc::clone(entry));
        if !same_place(there, entry) {
            let what = format!("two entries at one place: {there:?} and {entry:?}");
            self.broken.get_or_insert(Broken {
                invariant: "I2",
                step: self.step,
                what,
            });
        }
    }
}

fn actor(user: UserId) -> Actor {
    Actor {
        user,
        role: WorkspaceRole::Member,
        active: true,
    }
}

/// Equal but for what redaction hides.
pub fn same_place(a: &Entry, b: &Entry) -> bool {
    let bare = |entry: &Entry| {
        let mut bare = entry.clone().redacted();
        bare.redacted = false;
        bare
    };
    let contents = (a.event.content(), b.event.content());
    bare(a) == bare(b) && !matches!(contents, (Some(a), Some(b)) if a != b)
}

fn fits(draft: &Draft, event: &Event) -> bool {
    match (draft, event) {
        (
            Draft::Post { body, reply_to },
            Event::Post {
                body: stored,
                reply_to: to,
                ..
            },
        ) => reply_to == to && stored.as_ref().is_none_or(|stored| stored == body),
        (
            Draft::Edit { target, body },
            Event::Edit {
                target: at,
                body: stored,
            },
        ) => target == at && stored.as_ref().is_none_or(|stored| stored == body),
        (Draft::Delete { target }, Event::Delete { target: at })
        | (Draft::React { target, .. }, Event::React { target: at, .. })
        | (Draft::Unreact { target, .. }, Event::Unreact { target: at, .. }) => target == at,
        _ => false,
    }
}
