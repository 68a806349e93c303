//! Redis between the nodes: it loses, delays, doubles, forgets, and is away.

use super::Mutant;
use super::happening::Happening;
use super::node::Inside;
use super::plan::Luck;
use super::world::World;
use crate::bus::Confirm;
use crate::bus::counts::{Arrival, Count};
use crate::cluster::message::{FenceId, Message};
use crate::cluster::state::{Event, Moment, Roll};
use crate::ids::NodeId;
use crate::limits::LEASE_MS;
use std::collections::BTreeMap;

/// The longest way of what is late, and of what is not.
const LATE_MS: u64 = 3_000;
const WAY_MS: u64 = 40;
/// A node notices within this that its connection is lost, or is there again.
const NOTICED_MS: u64 = 600;

/// How a message is counted.
#[derive(Clone, Copy, Debug)]
pub enum Counted {
    Direct(Count),
    Broadcast { n: u64, last: Option<u64> },
}

#[derive(Debug)]
pub struct Redis {
    pub luck: Luck,
    leases: BTreeMap<NodeId, i64>,
    /// The leases are kept since then.
    since: i64,
    away_until: Vec<i64>,
    /// Nothing that the first sends reaches the second until then.
    cut_until: BTreeMap<(usize, usize), i64>,
    /// When the last of a pair that was not late arrives: they keep their order.
    last: BTreeMap<(NodeId, NodeId, bool), i64>,
}

/// What a node asks of Redis.
#[derive(Clone, Copy, Debug)]
pub enum Asked {
    Lease { asked_at: Moment },
    Roll,
}

impl Redis {
    pub fn new(nodes: usize) -> Self {
        Self {
            luck: Luck::CALM,
            leases: BTreeMap::new(),
            since: -60_000,
            away_until: vec![0; nodes],
            cut_until: BTreeMap::new(),
            last: BTreeMap::new(),
        }
    }

    pub fn flush(&mut self, now: i64) {
        self.leases.clear();
        self.since = now;
    }

    pub fn mend(&mut self) {
        self.cut_until.clear();
    }

    fn is_cut(&self, from: usize, to: usize, now: i64) -> bool {
        let until = self.cut_until.get(&(from, to));
        until.is_some_and(|until| *until > now)
    }
}

impl World {
    pub(super) fn is_away(&self, node: usize) -> bool {
        self.redis.away_until[node] > self.clock
    }

    /// The connection of a node is lost for a while.
    pub(super) fn take_bus_away(&mut self, node: usize, ms: i64) {
        let until = &mut self.redis.away_until[node];
        *until = (*until).max(self.clock + ms);
        for wait in [0, ms as u64] {
            let wait = wait + self.wires.below(NOTICED_MS);
            self.inside(node, wait, Inside::Connection);
        }
    }

    /// Everybody is connected.
    pub(super) fn give_bus_back(&mut self) {
        for node in 0..self.nodes.len() {
            self.redis.away_until[node] = 0;
            self.inside(node, 0, Inside::Connection);
        }
    }

    pub(super) fn cut_way(&mut self, from: usize, to: usize, ms: i64) {
        let until = self.clock + ms;
        self.redis.cut_until.insert((from, to), until);
    }

    pub(super) fn send(&mut self, node: usize, to: NodeId, message: Message) {
        let count = self.nodes[node].sent.next(to);
        self.carry(node, to, Counted::Direct(count), message);
    }

    pub(super) fn broadcast(&mut self, node: usize, message: &Message) {
        if self.is_away(node) {
            return;
        }
        let n = self.nodes[node].sent.next_broadcast();
        let last: BTreeMap<_, _> = self.nodes[node].sent.last().into_iter().collect();
        for to in 0..self.nodes.len() {
            let id = self.nodes[to].id;
            if to != node {
                let last = last.get(&id).copied();
                self.carry(node, id, Counted::Broadcast { n, last }, message.clone());
            }
        }
    }

    fn carry(&mut self, node: usize, to: NodeId, counted: Counted, message: Message) {
        let Some(place) = self.node_of(to) else {
            return;
        };
        let luck = self.redis.luck;
        let cut = self.is_away(node) || self.redis.is_cut(node, place, self.clock);
        if cut || self.wires.hits(luck.forward_lost) {
            let published = matches!(message, Message::Publication { .. });
            self.coverage.publications_lost += u64::from(published);
            return;
        }
        let from = self.nodes[node].id;
        if self.wires.hits(luck.forward_twice) {
            let at = self.clock + self.wires.between(1, LATE_MS) as i64;
            let message = message.clone();
            self.mail(at, to, from, counted, message);
        }
        let mut at = self.clock + self.wires.between(1, WAY_MS) as i64;
        if self.wires.hits(luck.request_late) {
            at += self.wires.below(LATE_MS) as i64;
        } else {
            let direct = matches!(counted, Counted::Direct(_));
            let last = self.redis.last.entry((from, to, direct)).or_default();
            at = at.max(*last);
            *last = at;
        }
        self.mail(at, to, from, counted, message);
    }

    fn mail(&mut self, at: i64, id: NodeId, from: NodeId, counted: Counted, message: Message) {
        let what = Inside::Mail {
            from,
            counted,
            message,
        };
        self.at(at, Happening::Node { id, what });
    }

    /// As the transport does it: counted, a loss told, and nothing twice.
    pub(super) fn hear_mail(
        &mut self,
        node: usize,
        from: NodeId,
        counted: Counted,
        message: Message,
    ) {
        if self.is_away(node) {
            return;
        }
        let now = self.moment(node);
        let heard = &mut self.nodes[node].heard;
        let arrival = match counted {
            Counted::Direct(count) => heard.direct(from, count, now),
            Counted::Broadcast { n, last } => heard.broadcast(from, n, last, now),
        };
        if arrival == Arrival::AfterGap {
            self.coverage.losses_counted += 1;
            if self.mutant != Some(Mutant::LossesNotCounted) {
                self.tell_core(node, Event::Gap(from));
            }
        }
        if arrival != Arrival::Repeat {
            self.tell_core(node, Event::Received { from, message });
        }
    }

    /// Tells `to` when whom a publication of it removes is out here.
    pub(super) fn confirm_to(&self, node: usize, to: NodeId, fence: FenceId) -> Confirm {
        let (told, me) = (self.told.clone(), self.nodes[node].id);
        Confirm::new(move || told.push(super::relays::Told::Confirm { me, to, fence }))
    }

    pub(super) fn renew_lease(&mut self, node: usize) {
        let asked_at = self.moment(node);
        self.ask_redis(node, Asked::Lease { asked_at });
    }

    pub(super) fn ask_roll(&mut self, node: usize) {
        self.ask_redis(node, Asked::Roll);
    }

    fn ask_redis(&mut self, node: usize, asked: Asked) {
        let luck = self.redis.luck;
        if self.is_away(node) || self.wires.hits(luck.forward_lost) {
            if let Asked::Roll = asked {
                self.inside(node, WAY_MS, Inside::Event(Event::Roll(None)));
            }
            return;
        }
        let mut wait = self.wires.between(1, WAY_MS);
        if self.wires.hits(luck.request_late) {
            wait += self.wires.below(LATE_MS);
        }
        let from = self.nodes[node].id;
        let at = self.clock + wait as i64;
        self.at(at, Happening::Redis { from, asked });
    }

    /// Redis is asked.
    pub(super) fn reach_redis(&mut self, from: NodeId, asked: Asked) {
        let now = self.clock;
        let event = match asked {
            Asked::Lease { asked_at } => {
                let until = now + LEASE_MS as i64;
                self.redis.leases.insert(from, until);
                Event::Renewed(asked_at)
            }
            Asked::Roll => {
                let leases = self.redis.leases.iter();
                let live = leases.filter(|(_, until)| **until > now);
                let live = live.map(|(node, _)| *node).collect();
                let kept = (now - self.redis.since).max(0) as u64;
                Event::Roll(Some(Roll { live, kept }))
            }
        };
        let Some(node) = self.node_of(from).filter(|node| !self.is_away(*node)) else {
            return;
        };
        if !self.wires.hits(self.redis.luck.forward_lost) {
            let wait = self.wires.between(1, WAY_MS);
            self.inside(node, wait, Inside::Event(event));
        }
    }
}
