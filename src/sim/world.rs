//! The world: virtual time, the queue of what happens, and the network between everybody.

use super::bus::Redis;
use super::chance::Chance;
use super::handing::Hold;
pub use super::happening::Happening;
use super::node::Node;
use super::owner::Owner;
use super::people::{Person, Record};
use super::plan::{BUSY_MS, Luck, Plan};
use super::relays::{Relay, Telling};
use super::screens::Screen;
use super::{Broken, Coverage, Mutant};
use crate::clock::Timestamp;
use crate::entry::{Entry, RoomKind};
use crate::ids::{NodeId, RoomId, Seq, UserId};
use crate::metrics::Metrics;
use crate::rate::Limiter;
use crate::room::{Reply, answer};
use crate::session::registry::Sessions;
use crate::store::memory::MemoryStore;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

/// After the busy time everything must come to rest within this.
const CALM_MS: i64 = 600_000;

/// At this place a person joined (`true`) or left.
pub type Turn = (Seq, UserId, bool);

/// One owner incarnation at one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    pub node: usize,
    pub room: usize,
    pub incarnation: u64,
}

pub struct World {
    pub plan: Plan,
    pub mutant: Option<Mutant>,
    pub chance: Chance,
    pub luck: Luck,
    pub clock: i64,
    pub step: u64,
    queue: BTreeMap<(i64, u64), Happening>,
    order: u64,
    pub store: MemoryStore,
    pub rooms: Vec<RoomId>,
    pub owners: BTreeMap<(usize, usize), Owner>,
    pub nodes: Vec<Node>,
    pub redis: Redis,
    pub told: Telling,
    pub holds: BTreeMap<(usize, usize), Hold>,
    /// The last entry of a room that was published, when that was, and what must be on screens.
    pub published: Vec<Seq>,
    pub published_at: i64,
    pub due: Vec<Seq>,
    pub down_until: i64,
    pub people: Vec<Person>,
    pub records: Vec<Record>,
    /// The last reference of a frame.
    pub references: u64,
    /// What all connections of a person share.
    pub limiter: Limiter,
    /// What anybody was shown at a place.
    pub shown: BTreeMap<(usize, Seq), Arc<Entry>>,
    pub incarnations: u64,
    /// The luck of relays and screens, apart, so that it changes nothing for rooms.
    pub wires: Chance,
    pub metrics: Metrics,
    /// Where sessions hear; it has no clock and runs only when it is asked to.
    pub runtime: Runtime,
    pub sessions: Vec<Sessions>,
    pub relays: BTreeMap<(usize, usize), Relay>,
    pub screens: Vec<Screen>,
    /// What screens were told of a place.
    pub streamed: BTreeMap<(usize, Seq), String>,
    /// Who joined or left where, as far as the log was read.
    pub turns: Vec<(Seq, Vec<Turn>)>,
    pub coverage: Coverage,
    pub trace: u64,
    pub calm: bool,
    pub broken: Option<Broken>,
}

impl World {
    pub fn new(plan: &Plan, mutant: Option<Mutant>) -> Self {
        let mut chance = Chance::new(plan.seed ^ 0x5157);
        let people = (0..plan.people).map(|_| Person::new(UserId(uuid(&mut chance)), plan.rooms));
        let people: Vec<_> = people.collect();
        let rooms = (0..plan.rooms).map(|_| RoomId(uuid(&mut chance))).collect();
        let metrics = Metrics::new();
        let mut world = Self {
            plan: plan.clone(),
            mutant,
            chance,
            luck: plan.luck,
            clock: 0,
            step: 0,
            queue: BTreeMap::new(),
            order: 0,
            store: MemoryStore::with_bucket_bits(plan.bucket_bits),
            rooms,
            owners: BTreeMap::new(),
            nodes: Vec::new(),
            redis: Redis::new(plan.nodes),
            told: Telling::default(),
            holds: BTreeMap::new(),
            published: vec![0; plan.rooms],
            published_at: 0,
            due: vec![0; plan.rooms],
            down_until: 0,
            people,
            records: Vec::new(),
            references: 0,
            limiter: Limiter::new(1.0),
            shown: BTreeMap::new(),
            incarnations: 0,
            wires: Chance::new(plan.seed ^ 0x7e1a),
            runtime: Builder::new_current_thread()
                .build()
                .expect("a runtime without drivers"),
            sessions: (0..plan.nodes)
                .map(|_| Sessions::new(&metrics, 1))
                .collect(),
            metrics,
            relays: BTreeMap::new(),
            screens: (0..plan.people)
                .map(|who| Screen::new(who, plan.rooms))
                .collect(),
            streamed: BTreeMap::new(),
            turns: vec![(0, Vec::new()); plan.rooms],
            coverage: Coverage::default(),
            trace: 0,
            calm: false,
            broken: None,
        };
        for _ in 0..plan.nodes {
            let id = NodeId::from_bytes(world.wires.bytes());
            world.nodes.push(Node::new(id, 0));
        }
        for node in 0..plan.nodes {
            world.begin_node(node, false);
        }
        world.luck = Luck::CALM;
        for room in 0..plan.rooms {
            world.found(room);
        }
        (world.luck, world.redis.luck) = (plan.luck, plan.luck);
        world.arm();
        for who in 0..plan.people {
            let at = world.wires.below(5_000) as i64;
            world.at(at, Happening::Open { who });
        }
        world
    }

    pub fn kind(&self, room: usize) -> RoomKind {
        if room == 0 {
            RoomKind::Channel
        } else {
            RoomKind::Group
        }
    }

    pub fn now(&self) -> Timestamp {
        Timestamp(self.clock)
    }

    pub fn uuid(&mut self) -> uuid::Uuid {
        uuid(&mut self.chance)
    }

    pub fn at(&mut self, at: i64, what: Happening) {
        self.order += 1;
        self.queue.insert((at, self.order), what);
    }

    pub fn after(&mut self, low: u64, high: u64, what: Happening) {
        let at = self.clock + self.chance.between(low, high) as i64;
        self.at(at, what);
    }

    pub fn breaks(&mut self, invariant: &'static str, what: String) {
        let step = self.step;
        self.broken.get_or_insert(Broken {
            invariant,
            step,
            what,
        });
    }

    pub fn note(&mut self, tag: u64, a: u64, b: u64) {
        for value in [tag, a, b, self.clock as u64] {
            self.trace = (self.trace ^ value)
                .wrapping_mul(0x0000_0100_0000_01b3)
                .rotate_left(29);
        }
    }

    pub fn run(&mut self) -> Result<(), Broken> {
        while let Some(((at, _), what)) = self.queue.pop_first() {
            self.clock = at;
            self.step += 1;
            if let Some(node) = self.asleep(&what) {
                self.nodes[node].backlog.push_back(what);
                continue;
            }
            let rest = matches!(what, Happening::Rest);
            self.happen(what);
            if let Some(broken) = self.broken.take() {
                return Err(broken);
            }
            let over = self.clock > BUSY_MS as i64 + CALM_MS;
            if over || rest && self.rests() {
                break;
            }
        }
        let left: usize = self.people.iter().map(Person::waiting).sum();
        if left > 0 {
            self.breaks("progress", format!("{left} sends are never answered"));
        }
        self.broken.take().map_or(Ok(()), Err)
    }

    /// A node that stands still hears everything later.
    fn asleep(&self, what: &Happening) -> Option<usize> {
        let of = |who: usize, connection| {
            let there = self.people[who].connection.as_ref();
            Some(there.filter(|there| there.id == connection)?.node)
        };
        let node = match what {
            Happening::Node { id, .. } => self.node_of(*id)?,
            Happening::Wire { node, .. } => *node,
            Happening::Own { at, .. } | Happening::Answer { at, .. } => at.node,
            Happening::Reply { back, .. } | Happening::Timeout { back, .. } => {
                of(back.who, back.connection)?
            }
            Happening::SessionDone {
                who, connection, ..
            }
            | Happening::SessionAgain {
                who, connection, ..
            } => of(*who, *connection)?,
            _ => return None,
        };
        Some(node).filter(|node| self.is_paused(*node))
    }

    /// Whether more is to come than what nodes do all the time.
    pub(super) fn is_busy(&self) -> bool {
        let idle = |what: &Happening| {
            let idle = matches!(what, Happening::Node { .. } | Happening::Redis { .. });
            idle || matches!(what, Happening::Read { .. } | Happening::Rest)
        };
        !self.queue.values().all(idle)
    }

    pub(super) fn happen(&mut self, what: Happening) {
        match what {
            Happening::Planned(index) => self.planned(index),
            Happening::Calm => self.calm_down(),
            Happening::Quiet => self.redis.luck = Luck::CALM,
            Happening::Sent => self.due = self.published.clone(),
            Happening::Repaired => self.judge_repairs(),
            Happening::Rest => {}
            Happening::End { id } => self.end_node(id),
            Happening::Resume { node } => self.resume(node),
            Happening::Node { id, what } => self.happen_inside(id, what),
            Happening::Redis { from, asked } => self.reach_redis(from, asked),
            Happening::Read { from, wanted } => self.reach_rows(from, wanted),
            Happening::Say {
                who,
                connection,
                text,
            } => self.hear_text(who, connection, &text),
            Happening::Own { at, command } => self.tell(at, command),
            Happening::Store {
                at,
                purpose,
                request,
                answered,
            } => self.reach_store(at, purpose, &request, answered),
            Happening::Answer {
                at,
                purpose,
                answer,
            } => self.answered(at, purpose, answer),
            Happening::Reply { room, back, reply } => self.hear_reply(room, back, reply),
            Happening::Timeout { room, back } => {
                self.hear_reply(room, back, Reply::Refused(answer::unknown()));
            }
            Happening::Frame {
                who,
                connection,
                frame,
            } => self.read_frame(who, connection, &frame),
            Happening::SessionDone {
                who,
                connection,
                done,
            } => self.session_done(who, connection, *done),
            Happening::SessionAgain {
                who,
                connection,
                room,
            } => self.session_again(who, connection, room),
            Happening::Pump { who, room } => self.pump(who, room),
            Happening::Wire {
                id,
                node,
                room,
                what,
            } => {
                if self.nodes[node].id == id {
                    self.hear_wire(node, room, *what);
                }
            }
            Happening::Open { who } => self.open_screen(who),
            Happening::Watch { who, room } => self.watch(who, room),
            Happening::Refresh => self.refresh_screens(),
        }
        self.hear_told();
    }
}

pub(super) fn uuid(chance: &mut Chance) -> uuid::Uuid {
    uuid::Uuid::from_bytes(chance.bytes())
}
