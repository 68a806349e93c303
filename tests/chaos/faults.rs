//! What happens to the cluster, and how it is undone (RELIABILITY F1-F8).

use crate::cluster::Cluster;
use std::time::Duration;

/// Fits the whole run: a short one has no time for a minute without Redis.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Length {
    Short,
    Long,
}

/// What is done to node `1..=3` of its kind.
type Act = fn(&Cluster, u64);

/// One kind of fault.
#[derive(Clone, Copy)]
pub struct Fault {
    pub name: &'static str,
    pub happen: Act,
    pub mend: Act,
    short: u64,
    long: u64,
}

impl Fault {
    /// How long it stays.
    pub fn lasts(&self, length: Length) -> Duration {
        Duration::from_secs(match length {
            Length::Short => self.short,
            Length::Long => self.long,
        })
    }
}

const fn fault(name: &'static str, (short, long): (u64, u64), happen: Act, mend: Act) -> Fault {
    Fault {
        name,
        happen,
        mend,
        short,
        long,
    }
}

fn node(it: &Cluster, what: &str, n: u64) {
    it.act(what, &n.to_string());
}

fn database(it: &Cluster, what: &str, n: u64) {
    it.act(what, &format!("cql{n}"));
}

/// Two seconds are a lease: whoever is paused for longer wakes as a zombie.
const AROUND: [Fault; 9] = [
    fault(
        "a node is killed",
        (3, 5),
        |it, n| node(it, "kill", n),
        |it, n| node(it, "start", n),
    ),
    fault(
        "a node is paused for longer than its lease",
        (4, 10),
        |it, n| node(it, "pause", n),
        |it, n| node(it, "resume", n),
    ),
    fault(
        "a node is drained and replaced",
        (2, 3),
        |it, n| node(it, "stop", n),
        |it, n| node(it, "start", n),
    ),
    fault(
        "Redis loses its data",
        (3, 3),
        |it, _| it.redis(&["FLUSHALL"]),
        |_, _| {},
    ),
    fault(
        "Redis cuts every connection",
        (3, 3),
        |it, _| {
            it.redis(&["CLIENT", "KILL", "TYPE", "normal"]);
            it.redis(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        },
        |_, _| {},
    ),
    fault(
        "Redis is away",
        (15, 60),
        |it, _| it.act("kill", "redis"),
        |it, _| it.act("start", "redis"),
    ),
    fault(
        "Redis stands still",
        (4, 20),
        |it, _| it.act("pause", "redis"),
        |it, _| it.act("resume", "redis"),
    ),
    fault(
        "Redis is away and a node is killed",
        (4, 10),
        |it, n| {
            it.act("kill", "redis");
            node(it, "kill", n);
        },
        |it, n| {
            it.act("start", "redis");
            node(it, "start", n);
        },
    ),
    fault(
        "the front door cuts every connection",
        (1, 1),
        |it, _| it.act("kill", "front"),
        |it, _| it.act("start", "front"),
    ),
];

/// Only where two database nodes of three go on.
const DATABASE: [Fault; 2] = [
    fault(
        "a database node is killed",
        (4, 10),
        |it, n| database(it, "kill", n),
        |it, n| database(it, "start", n),
    ),
    fault(
        "a database node is paused",
        (5, 15),
        |it, n| database(it, "pause", n),
        |it, n| database(it, "resume", n),
    ),
];

/// All kinds that this cluster bears.
pub fn kinds(database_nodes: u64) -> Vec<Fault> {
    let mut kinds = AROUND.to_vec();
    if database_nodes == 3 {
        kinds.extend(DATABASE);
    }
    kinds
}

/// Puts the kinds into an order of chance.
pub fn shuffle(kinds: &mut [Fault], roll: &mut impl FnMut(u64) -> u64) {
    for at in (1..kinds.len()).rev() {
        kinds.swap(at, roll(at as u64 + 1) as usize);
    }
}
