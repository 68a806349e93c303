//! What may happen: people send, nodes take over and append, the store applies, loses and answers.

use crate::bugs::Bug;
use crate::room::{
    BOB_LEAVES, BOBS_POST, Batch, KEYS, Key, NODES, Node, Owner, Ownership, Room, Write,
};
use stateright::{Model, Property};

/// The bounds of one exploration.
#[derive(Clone, Copy, Debug)]
pub struct RoomLog {
    pub tries: [u8; KEYS],
    /// Entries of one bucket: few, so that every way leads over a roll.
    pub bucket: u8,
    pub take_overs: u8,
    pub crashes: u8,
    pub bug: Option<Bug>,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// A person sends, or sends again, to this node.
    Send(Key, usize),
    /// A write under way takes effect if its condition holds; `told`: the answer comes back.
    Apply {
        at: usize,
        told: bool,
    },
    /// It never arrives.
    Lose(usize),
    TakeOver(usize),
    /// The node looks whether its take-over stands (R4).
    Look(usize),
    /// The owner begins with a command.
    Begin(usize, Key),
    /// Nothing was heard of the batch, or of its bucket: the same again (R3).
    Repeat(usize),
    /// The owner hears what became of its batch.
    Hear(usize),
    WriteViews(usize),
    Crash(usize),
    /// Bob's account is switched off.
    Deactivate,
    /// Only with `Bug::UnknownIsFailed`.
    GiveUp(usize),
    /// Only with `Bug::AnotherBatchInDoubt`.
    Forget(usize),
}

impl Model for RoomLog {
    type State = Room;
    type Action = Move;

    fn init_states(&self) -> Vec<Room> {
        vec![Room::new(self.tries)]
    }

    fn actions(&self, room: &Room, moves: &mut Vec<Move>) {
        for key in 0..KEYS {
            if room.tries[key] > 0 {
                moves.extend((0..NODES).map(|node| Move::Send(key as Key, node)));
            }
        }
        for (at, write) in room.flying.iter().enumerate() {
            if write.is_some() {
                let apply = |told| Move::Apply { at, told };
                moves.extend([apply(true), apply(false), Move::Lose(at)]);
            }
        }
        if room.bob_is_active {
            moves.push(Move::Deactivate);
        }
        for node in 0..NODES {
            self.moves_of(room, node, moves);
        }
    }

    fn next_state(&self, room: &Room, step: Move) -> Option<Room> {
        let mut next = *room;
        self.step(&mut next, step);
        (next != *room).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "I1: acknowledged is stored, where it was said",
                |_, room: &Room| {
                    (0..KEYS).all(|key| {
                        let seq = usize::from(room.acked[key]);
                        seq == 0 || room.entries().get(seq - 1) == Some(&(key as Key))
                    })
                },
            ),
            Property::always("I1: nothing is stored twice", |_, room: &Room| {
                let entries = room.entries();
                (0..KEYS as Key)
                    .all(|key| entries.iter().filter(|there| **there == key).count() <= 1)
            }),
            Property::always("I5: what failed never appears", |_, room: &Room| {
                room.entries().iter().all(|key| room.failed & 1 << key == 0)
            }),
            Property::always(
                "I8: who was removed writes nothing more",
                |_, room: &Room| {
                    let left = room.entries().iter().position(|key| *key == BOB_LEAVES);
                    left.is_none_or(|left| !room.entries()[left..].contains(&BOBS_POST))
                },
            ),
            Property::sometimes("everything is acknowledged", |_, room: &Room| {
                room.acked.iter().all(|seq| *seq > 0)
            }),
            Property::sometimes("Bob is refused", |_, room: &Room| room.failed > 0),
        ]
    }
}

impl RoomLog {
    pub(crate) fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    fn moves_of(&self, room: &Room, node: usize, moves: &mut Vec<Move>) {
        match &room.nodes[node] {
            Node::Idle => {
                let may = room.fresh <= self.take_overs && room.may_send();
                if room.inbox[node] != 0 && may {
                    moves.push(Move::TakeOver(node));
                }
                return;
            }
            Node::Asking(_) => moves.push(Move::Look(node)),
            Node::Owner(owner) => {
                match owner.batch {
                    Batch::None => {
                        let keys = 0..KEYS as Key;
                        let wanted = keys.filter(|key| room.inbox[node] & 1 << key != 0);
                        moves.extend(wanted.map(|key| Move::Begin(node, key)));
                    }
                    Batch::Opening(_) | Batch::Out(_) if room.may_send() => {
                        moves.push(Move::Repeat(node));
                        if self.has(Bug::UnknownIsFailed) {
                            moves.push(Move::GiveUp(node));
                        }
                        if self.has(Bug::AnotherBatchInDoubt) {
                            moves.push(Move::Forget(node));
                        }
                    }
                    Batch::Opening(_) | Batch::Out(_) => {}
                    Batch::Applied(_) | Batch::Refused { .. } => moves.push(Move::Hear(node)),
                }
                if owner.viewed + 1 < owner.next {
                    moves.push(Move::WriteViews(node));
                }
            }
        }
        if room.crashes < self.crashes {
            moves.push(Move::Crash(node));
        }
    }

    fn step(&self, room: &mut Room, step: Move) {
        match step {
            Move::Send(key, node) => {
                room.tries[usize::from(key)] -= 1;
                room.inbox[node] |= 1 << key;
            }
            Move::Apply { at, told } => self.apply(room, at, told),
            Move::Lose(at) => drop(room.land(at)),
            Move::TakeOver(node) => self.take_over(room, node),
            Move::Look(node) => self.look(room, node),
            Move::Begin(node, key) => self.begin(room, node, key),
            Move::Repeat(node) => self.repeat(room, node),
            Move::Hear(node) => self.hear(room, node),
            Move::WriteViews(node) => self.write_views(room, node),
            Move::Crash(node) => {
                room.crashes += 1;
                room.nodes[node] = Node::Idle;
                room.inbox[node] = 0;
            }
            Move::Deactivate => room.bob_is_active = false,
            Move::GiveUp(node) => self.end_batch(room, node, true),
            Move::Forget(node) => self.end_batch(room, node, false),
        }
    }

    fn take_over(&self, room: &mut Room, node: usize) {
        let (bucket, expected, _) = room.last();
        let me = match self.has(Bug::OwnerIdReused) {
            true => node as Owner + 1,
            false => room.fresh,
        };
        room.fresh += 1;
        room.nodes[node] = Node::Asking(me);
        room.send(Write::TakeOver {
            bucket,
            expected,
            me,
        });
    }

    /// Whatever was answered, what counts is what stands: also a bucket opened meanwhile.
    fn look(&self, room: &mut Room, node: usize) {
        let Node::Asking(me) = room.nodes[node] else {
            return;
        };
        let (bucket, owner, next) = room.last();
        room.nodes[node] = Node::Idle;
        let open = self.bucket_of(next);
        if owner == me && bucket < open && !self.has(Bug::SealedBucketKept) {
            // Whoever owned the sealed bucket before must not open the next one.
            if room.may_send() {
                room.send(Write::Open {
                    bucket: open,
                    me,
                    next,
                });
            }
            room.nodes[node] = Node::Asking(me);
        } else if owner == me {
            let head = next - 1;
            let knows = match self.has(Bug::TailNotRead) {
                true => 0,
                false => room.keys(room.viewed, head.min(room.len)),
            };
            room.nodes[node] = Node::Owner(Ownership {
                me,
                next,
                knows,
                bob_is_in: room.bob_is_in_at(head.min(room.len)),
                viewed: room.viewed,
                batch: Batch::None,
            });
        }
    }

    fn begin(&self, room: &mut Room, node: usize, key: Key) {
        let Node::Owner(mut owner) = room.nodes[node] else {
            return;
        };
        let bit = 1 << key;
        let viewed = room.sent & bit != 0 && !self.has(Bug::DedupeByMemoryAlone);
        if owner.knows & bit != 0 || viewed {
            room.inbox[node] &= !bit;
            room.acked[usize::from(key)] = room.seq_of(key).unwrap_or(u8::MAX);
            return;
        }
        let may = owner.bob_is_in && room.bob_is_active;
        if key == BOBS_POST && !may && !self.has(Bug::RightsNotAsked) {
            room.inbox[node] &= !bit;
            // Final answers of an owner that was replaced do not count: it looks first.
            match room.last().1 == owner.me {
                true => room.failed |= bit,
                false => room.nodes[node] = Node::Idle,
            }
            return;
        }
        if !room.may_send() {
            return;
        }
        let bucket = self.bucket_of(owner.next);
        if usize::from(bucket) >= room.buckets.len() {
            return;
        }
        if self.has(Bug::AckBeforeCommit) {
            room.acked[usize::from(key)] = owner.next;
        }
        owner.batch = match bucket == room.last().0 {
            true => Batch::Out(key),
            false => Batch::Opening(key),
        };
        room.nodes[node] = Node::Owner(owner);
        room.send(self.write_of(&owner));
    }

    fn repeat(&self, room: &mut Room, node: usize) {
        let Node::Owner(owner) = &mut room.nodes[node] else {
            return;
        };
        if let Batch::Opening(key) = owner.batch
            && let Some((holder, _)) = room.buckets[usize::from(self.bucket_of(owner.next))]
        {
            // The bucket is there: ours, or somebody else's.
            if holder != owner.me {
                room.nodes[node] = Node::Idle;
                return;
            }
            owner.batch = Batch::Out(key);
        }
        let again = self.write_of(owner);
        room.send(again);
    }

    fn hear(&self, room: &mut Room, node: usize) {
        let Node::Owner(mut owner) = room.nodes[node] else {
            return;
        };
        let (key, stored) = match owner.batch {
            Batch::Applied(key) => (key, true),
            Batch::Refused {
                key,
                owner: holder,
                next,
            } => {
                let mine = holder == owner.me && next == owner.next + 1;
                // The chain says whether it was this batch that won before.
                let same = room.log[usize::from(owner.next) - 1] == key;
                (key, mine && same)
            }
            _ => return,
        };
        if !stored {
            room.nodes[node] = Node::Idle;
            return;
        }
        room.inbox[node] &= !(1 << key);
        room.acked[usize::from(key)] = owner.next;
        owner.next += 1;
        owner.knows |= 1 << key;
        owner.bob_is_in &= key != BOB_LEAVES;
        owner.batch = Batch::None;
        room.nodes[node] = Node::Owner(owner);
    }

    fn write_views(&self, room: &mut Room, node: usize) {
        let Node::Owner(owner) = &mut room.nodes[node] else {
            return;
        };
        let head = owner.next - 1;
        let after = owner.viewed;
        owner.viewed = head;
        if !self.has(Bug::ViewedBeforeViews) {
            room.sent |= room.keys(after, head.min(room.len));
        }
    }

    fn end_batch(&self, room: &mut Room, node: usize, failed: bool) {
        let Node::Owner(owner) = &mut room.nodes[node] else {
            return;
        };
        let (Batch::Out(key) | Batch::Opening(key)) = owner.batch else {
            return;
        };
        let seen = room.buckets[usize::from(self.bucket_of(owner.next))];
        // A SERIAL read did not find it.
        if seen.is_none_or(|(holder, next)| holder == owner.me && next == owner.next) {
            owner.batch = Batch::None;
            room.inbox[node] &= !(1 << key);
            if failed {
                room.failed |= 1 << key;
            }
        }
    }

    /// The bucket in which the entry `next` lies.
    fn bucket_of(&self, next: u8) -> u8 {
        (next - 1) / self.bucket
    }

    fn write_of(&self, owner: &Ownership) -> Write {
        let (bucket, me, next) = (self.bucket_of(owner.next), owner.me, owner.next);
        match owner.batch {
            Batch::Opening(_) | Batch::None => Write::Open { bucket, me, next },
            Batch::Out(key) | Batch::Applied(key) | Batch::Refused { key, .. } => Write::Append {
                bucket,
                me,
                next,
                key,
                viewed: owner.viewed,
            },
        }
    }
}
