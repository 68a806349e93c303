//! People: what they want to send, what they were told of it, and what they were shown.

use super::Broken;
use super::outbox::Outbox;
use super::owner::Back;
use super::session::Connection;
use super::world::World;
use crate::access::{Actor, WorkspaceRole};
use crate::entry::{Entry, Event, Role};
use crate::ids::{ClientId, ConnectionId, Seq, UserId};
use crate::room::{Draft, Send};
use std::collections::BTreeMap;
use std::sync::Arc;

pub struct Person {
    pub user: UserId,
    pub(super) connection: Option<Connection>,
    pub(super) outboxes: Vec<Outbox>,
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

    pub(super) fn whereabouts(&self) -> Option<(usize, ConnectionId)> {
        let connection = self.connection.as_ref()?;
        Some((connection.node, connection.id))
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
        // Whom a body names is looked up first; what follows waits behind it.
        let names = if self.chance.hits(200) { " @ann" } else { "" };
        let body = format!("{client_id}{names}");
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
        self.forward(from, room, send, back);
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

    /// A member's command, as over HTTP: no key, no place, nobody repeats it.
    pub fn change_member(&mut self, who: usize, whom: usize, room: usize, kind: u8) {
        let (send, back) = self.member_command(who, whom, kind);
        let from = self.chance.index(self.plan.nodes);
        self.forward(from, room, send, back);
    }

    pub(super) fn member_command(&mut self, who: usize, whom: usize, kind: u8) -> (Send, Back) {
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
        (send, back)
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
    pub(super) fn is_the_same(&mut self, entry: &Entry, repeated: bool) {
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

    pub(super) fn acked(&mut self, index: usize, entry: &Entry) {
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

pub(super) fn actor(user: UserId) -> Actor {
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
