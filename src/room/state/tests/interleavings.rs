//! Any interleaving of commands, commits, answers and crashes keeps the promises of the log.

use super::*;
use crate::entry::{Event, StoredEntry};
use crate::room::{Load, TargetFacts};
use crate::store::Member;
use proptest::prelude::*;
use std::collections::BTreeSet;

const PEOPLE: [&str; 3] = ["ann", "bob", "cyd"];
const BITS: u32 = 2;

#[derive(Clone, Debug)]
enum Step {
    Send {
        who: usize,
        key: u8,
        what: u8,
        target: Seq,
        late: bool,
    },
    Member {
        who: usize,
        whom: usize,
        what: u8,
    },
    Commit,
    Views {
        work: bool,
    },
    Deliver,
    Answer {
        work: bool,
    },
    /// The owner dies with a batch in flight, which is stored or not.
    Crash {
        stored: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let send = (0..3_usize, 0..12_u8, 0..8_u8, 1..20_u64, any::<bool>()).prop_map(
        |(who, key, what, target, late)| Step::Send {
            who,
            key,
            what,
            target,
            late,
        },
    );
    let member = (0..3_usize, 0..3_usize, 0..4_u8).prop_map(|(who, whom, what)| Step::Member {
        who,
        whom,
        what,
    });
    let step = prop_oneof![
        12 => send,
        2 => member,
        5 => Just(Step::Commit),
        3 => any::<bool>().prop_map(|work| Step::Views { work }),
        1 => Just(Step::Deliver),
        4 => prop::bool::weighted(0.9).prop_map(|work| Step::Answer { work }),
        1 => any::<bool>().prop_map(|stored| Step::Crash { stored }),
    ];
    prop::collection::vec(step, 1..120)
}

/// What the store would hold, and what people were told.
struct World {
    room: Room,
    log: Vec<StoredEntry>,
    viewed: Seq,
    loads: Vec<(LoadId, Load)>,
    batch: Option<Batch>,
    writing: Option<Seq>,
    asked: BTreeMap<Ticket, Option<(UserId, ClientId)>>,
    told: BTreeSet<Ticket>,
    /// The head that each sender knew when it first tried a key.
    first_after: BTreeMap<(UserId, ClientId), Seq>,
    incarnation: u64,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            room: Room::from(empty(RoomKind::Channel), BITS),
            log: Vec::new(),
            viewed: 0,
            loads: Vec::new(),
            batch: None,
            writing: None,
            asked: BTreeMap::new(),
            told: BTreeSet::new(),
            first_after: BTreeMap::new(),
            incarnation: 0,
        };
        world.asked.insert(9_999, None);
        world.hear(RoomCommand::Found {
            ticket: 9_999,
            creator: person("ann"),
            members: vec![person("bob")],
            salts: Vec::new(),
        });
        world
    }

    fn hear(&mut self, command: RoomCommand) {
        self.room.hear(command);
        self.run();
    }

    fn run(&mut self) {
        for effect in self.room.last.clone() {
            match effect {
                RoomEffect::Load { load, what } => self.loads.push((load, what)),
                RoomEffect::Commit { batch, open } => self.take(*batch, open),
                RoomEffect::WriteViews { upto, .. } => {
                    assert_eq!(self.writing, None, "one writing at a time");
                    self.writing = Some(upto);
                }
                RoomEffect::Reply { ticket, reply } => self.judge(ticket, &reply),
                RoomEffect::Publish { .. } | RoomEffect::AskLater | RoomEffect::Stop => {}
            }
        }
    }

    fn take(&mut self, batch: Batch, open: Option<Statics>) {
        assert_eq!(self.batch, None, "one batch in flight");
        assert_eq!(batch.expected_next, self.log.len() as u64 + 1);
        assert!(batch.viewed <= self.viewed);
        let last_bucket = crate::ids::bucket_of(self.log.len() as u64, BITS);
        let begins = batch.bucket != last_bucket;
        // A bucket may stand already when its opener died before it could append.
        assert!(begins || open.is_none());
        self.batch = Some(batch);
    }

    /// Whoever is told "stored" finds his entry in the log, at that place, and only there.
    fn judge(&mut self, ticket: Ticket, reply: &Reply) {
        assert!(self.told.insert(ticket), "{ticket} was told twice");
        let Reply::Stored { entry, .. } = reply else {
            return;
        };
        let place = &self.log[entry.seq as usize - 1];
        assert_eq!(place.entry.client_id, entry.client_id);
        assert_eq!(place.entry.event.kind(), entry.event.kind());
        if let Some(Some(key)) = self.asked.get(&ticket) {
            assert_eq!(Some(key.0), entry.by);
            assert_eq!(Some(key.1), entry.client_id);
        }
    }

    fn send(&mut self, who: usize, client_id: Option<ClientId>, draft: Draft, late: bool) {
        let mut send = self.room.send_of(PEOPLE[who], client_id, draft);
        let asked = client_id.map(|id| (person(PEOPLE[who]), id));
        let first = asked.map_or(0, |key| *self.first_after.entry(key).or_insert(send.after));
        send.after = if late { 0 } else { first };
        self.asked.insert(send.ticket, asked);
        self.hear(RoomCommand::Send(send));
    }

    fn commit(&mut self) {
        if let Some(batch) = self.batch.take() {
            self.log.extend(batch.entries);
            self.hear(RoomCommand::Committed);
        }
    }

    fn views(&mut self, work: bool) {
        match (self.writing.take(), work) {
            (Some(upto), true) => {
                self.viewed = self.viewed.max(upto);
                self.hear(RoomCommand::ViewsWritten { upto });
            }
            (Some(_), false) => self.hear(RoomCommand::ViewsFailed),
            (None, _) => {}
        }
    }

    fn answer(&mut self, work: bool) {
        if self.loads.is_empty() {
            return;
        }
        let (load, what) = self.loads.remove(0);
        let facts = match work {
            true => Ok(self.look_up(&what)),
            false => Err(Error::new(Code::Unavailable, "no")),
        };
        self.hear(RoomCommand::Loaded { load, facts });
    }

    /// Only what the views say: sent keys up to `viewed`, posts as stored.
    fn look_up(&self, what: &Load) -> Loaded {
        match *what {
            Load::Sent { sender, client_id } => {
                let known = self.log.iter().map(|stored| &stored.entry).find(|entry| {
                    entry.seq <= self.viewed
                        && entry.by == Some(sender)
                        && entry.client_id == Some(client_id)
                });
                Loaded::Sent(known.map(|entry| Arc::new(entry.clone())))
            }
            Load::Contents { seq, .. } => {
                let post = &self.log[seq as usize - 1];
                Loaded::Contents(vec![(seq, post.digest)])
            }
            Load::Target { seq } => {
                let stored = self.log.get(seq as usize - 1);
                let post = stored.filter(|stored| stored.entry.event.is_countable());
                Loaded::Target(post.map(|stored| {
                    let gone = |s: &&StoredEntry| matches!(s.entry.event, Event::Delete { target } if target == seq);
                    TargetFacts {
                        author: stored.entry.by,
                        deleted: self.log.iter().any(|s| gone(&s)),
                        emoji: Vec::new(),
                        contents: vec![(seq, stored.digest)],
                    }
                }))
            }
        }
    }

    fn members(&self) -> Vec<Member> {
        let mut members = BTreeMap::new();
        for stored in &self.log {
            match stored.entry.event {
                Event::Join { user, role } | Event::Role { user, role } => {
                    let seq = stored.entry.seq;
                    members.insert(user, Member { user, role, seq });
                }
                Event::Leave { user } => {
                    members.remove(&user);
                }
                _ => {}
            }
        }
        members.into_values().collect()
    }

    fn crash(&mut self, stored: bool) {
        if let Some(batch) = self.batch.take().filter(|_| stored) {
            self.log.extend(batch.entries);
        }
        self.incarnation += 1;
        self.loads.clear();
        self.writing = None;
        let mut recovered = empty(RoomKind::Channel);
        let head = self.log.len() as u64;
        recovered.statics = Statics {
            bucket: crate::ids::bucket_of(head, BITS),
            owner: Some(recovered.me),
            epoch: 1 + self.incarnation,
            next_seq: head + 1,
            ord: self.log.last().map_or(0, |last| last.entry.ord),
            chain: self.log.last().map_or([0; 32], |last| last.link),
            viewed: self.viewed,
        };
        recovered.members = self.members();
        recovered.tail = self.log[self.viewed as usize..].to_vec();
        let (ticket, head_before) = (self.room.ticket, self.room.state.head());
        assert!(head_before <= head, "what was told to be stored stays");
        self.room = Room::from(recovered, BITS);
        self.room.ticket = ticket;
        self.run();
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Send {
                who,
                key: n,
                what,
                target,
                late,
            } => {
                let emoji = "👍".to_owned();
                let draft = match what {
                    0 => Draft::Edit {
                        target,
                        body: "e".to_owned(),
                    },
                    1 => Draft::Delete { target },
                    2 => Draft::React { target, emoji },
                    3 => Draft::Unreact { target, emoji },
                    4 => Draft::Post {
                        body: "r".to_owned(),
                        reply_to: Some(target),
                    },
                    _ => post("p"),
                };
                self.send(who, Some(key(n)), draft, late);
            }
            Step::Member { who, whom, what } => {
                let draft = match what {
                    0 => remove(PEOPLE[whom]),
                    1 => put(PEOPLE[whom], Some(Role::Owner)),
                    2 => put(PEOPLE[whom], Some(Role::Admin)),
                    _ => put(PEOPLE[whom], None),
                };
                self.send(who, None, draft, false);
            }
            Step::Commit => self.commit(),
            Step::Views { work } => self.views(work),
            Step::Deliver => {
                let upto = self.room.state.head();
                self.hear(RoomCommand::Delivered { upto });
            }
            Step::Answer { work } => self.answer(work),
            Step::Crash { stored } => self.crash(stored),
        }
    }

    fn rest(&mut self) {
        for _ in 0..2_000 {
            if self.room.state.can_sleep() {
                return;
            }
            self.commit();
            self.views(true);
            self.answer(true);
            let upto = self.room.state.head();
            self.hear(RoomCommand::Delivered { upto });
            self.hear(RoomCommand::AskAgain);
        }
        panic!("it does not come to rest: {:?}", self.room.state.snapshot());
    }

    fn judge_log(&self) {
        let (mut chain, mut ord, mut keys) = ([0; 32], 0, BTreeSet::new());
        for (index, stored) in self.log.iter().enumerate() {
            let entry = &stored.entry;
            assert_eq!(entry.seq, index as u64 + 1, "without gaps");
            ord += u64::from(entry.event.is_countable());
            assert_eq!(entry.ord, ord);
            assert!(stored.verifies_after(&chain));
            chain = stored.link;
            if let (Some(by), Some(id)) = (entry.by, entry.client_id) {
                assert!(keys.insert((by, id)), "{by} {id} stands twice");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn any_interleaving_keeps_the_log_whole_and_every_key_once(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        world.rest();
        world.judge_log();
        let known: BTreeSet<_> = world.members().iter().map(|m| (m.user, m.role)).collect();
        prop_assert_eq!(known, world.room.state.members().collect::<BTreeSet<_>>());
    }
}
