//! What happens in one simulation, apart from the luck of single messages.

use super::chance::Chance;
use serde::{Deserialize, Serialize};

/// Everything that the seed decides in advance. A failed one is written to a file and shrunk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub seed: u64,
    pub nodes: usize,
    pub rooms: usize,
    pub people: usize,
    pub bucket_bits: u32,
    pub luck: Luck,
    pub items: Vec<Item>,
}

/// How often single messages go wrong, per thousand.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Luck {
    /// A forward to the owner is lost.
    pub forward_lost: u64,
    /// A forward arrives twice.
    pub forward_twice: u64,
    /// An answer to a sender is lost.
    pub reply_lost: u64,
    /// A request never reaches the store.
    pub request_lost: u64,
    /// A request reaches the store after its sender gave up on it.
    pub request_late: u64,
    /// The store did it, and nobody hears of it.
    pub outcome_lost: u64,
    /// The store says that it cannot answer.
    pub refused: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    pub at: i64,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// A person writes: kind, and a place that it may be about.
    Write {
        who: usize,
        room: usize,
        kind: u8,
        about: u64,
    },
    /// A person changes another's membership.
    Member {
        who: usize,
        whom: usize,
        room: usize,
        kind: u8,
    },
    /// A person repeats something that was sent long ago.
    Repeat {
        who: usize,
        room: usize,
        which: u64,
    },
    Cut {
        who: usize,
    },
    CrashActor {
        node: usize,
        room: usize,
    },
    CrashNode {
        node: usize,
    },
    /// The process stops and goes on later: its owners become zombies.
    Pause {
        node: usize,
        ms: i64,
    },
    /// A node does not hear the other for a while, and so looks for its rooms elsewhere.
    Hint {
        node: usize,
        room: usize,
        owner: usize,
    },
    /// The store refuses everything.
    StoreDown {
        ms: i64,
    },
    /// A node's connection to Redis is lost.
    BusAway {
        node: usize,
        ms: i64,
    },
    /// Everybody's is.
    BusDown {
        ms: i64,
    },
    /// Redis loses what it keeps.
    Flush,
    /// A node gives its rooms away, ends, and is started again.
    Restart {
        node: usize,
    },
}

/// Virtual milliseconds in which things happen; afterwards everything calms down.
pub const BUSY_MS: u64 = 30_000;

impl Plan {
    pub fn of(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let c = &mut chance;
        let (nodes, rooms) = (c.between(1, 4) as usize, c.between(1, 3) as usize);
        let people = c.between(2, 6) as usize;
        let bucket_bits = c.between(1, 4) as u32;
        let luck = Luck::of(c);
        let mut items = Vec::new();
        for _ in 0..c.between(30, 120) {
            let at = c.below(BUSY_MS) as i64;
            let (who, room) = (c.index(people), c.index(rooms));
            let what = match c.below(20) {
                0 | 1 => What::Member {
                    who,
                    whom: c.index(people),
                    room,
                    kind: c.below(5) as u8,
                },
                2..=4 => What::Repeat {
                    who,
                    room,
                    which: c.next() >> 11,
                },
                _ => What::Write {
                    who,
                    room,
                    kind: c.below(12) as u8,
                    about: c.between(1, 40),
                },
            };
            items.push(Item { at, what });
        }
        for _ in 0..c.between(0, 14) {
            let at = c.below(BUSY_MS) as i64;
            let what = fault(c, nodes, rooms, people);
            items.push(Item { at, what });
        }
        for _ in 0..c.between(0, 6) {
            let at = c.below(BUSY_MS) as i64;
            let what = bus_fault(c, nodes);
            items.push(Item { at, what });
        }
        items.sort_by_key(|item| item.at);
        Self {
            seed,
            nodes,
            rooms,
            people,
            bucket_bits,
            luck,
            items,
        }
    }
}

impl Luck {
    pub const CALM: Luck = Luck {
        forward_lost: 0,
        forward_twice: 0,
        reply_lost: 0,
        request_lost: 0,
        request_late: 0,
        outcome_lost: 0,
        refused: 0,
    };

    fn of(c: &mut Chance) -> Self {
        let mut some = |most| if c.hits(600) { c.below(most) } else { 0 };
        Self {
            forward_lost: some(150),
            forward_twice: some(150),
            reply_lost: some(150),
            request_lost: some(120),
            request_late: some(150),
            outcome_lost: some(200),
            refused: some(100),
        }
    }
}

fn fault(c: &mut Chance, nodes: usize, rooms: usize, people: usize) -> What {
    let (node, room) = (c.index(nodes), c.index(rooms));
    match c.below(8) {
        0 => What::Cut {
            who: c.index(people),
        },
        1 | 2 => What::CrashActor { node, room },
        3 => What::CrashNode { node },
        4 => What::Pause {
            node,
            ms: c.between(500, 8_000) as i64,
        },
        5 | 6 => What::Hint {
            node,
            room,
            owner: c.index(nodes),
        },
        _ => What::StoreDown {
            ms: c.between(200, 6_000) as i64,
        },
    }
}

fn bus_fault(c: &mut Chance, nodes: usize) -> What {
    let node = c.index(nodes);
    let ms = c.between(200, 8_000) as i64;
    match c.below(7) {
        0..=2 => What::BusAway { node, ms },
        3 => What::BusDown { ms },
        4 => What::Flush,
        _ => What::Restart { node },
    }
}

/// Deletes chunks of the plan while `fails` says that the same thing still breaks.
pub fn shrink(plan: &Plan, fails: impl Fn(&Plan) -> bool) -> Plan {
    let mut best = plan.clone();
    let mut chunk = best.items.len().div_ceil(2);
    while chunk > 0 {
        let mut at = 0;
        while at < best.items.len() {
            let mut smaller = best.clone();
            let end = (at + chunk).min(smaller.items.len());
            smaller.items.drain(at..end);
            if fails(&smaller) {
                best = smaller;
            } else {
                at += chunk;
            }
        }
        chunk /= 2;
    }
    best
}
