//! The other nodes: who is there, and what each follows.

use crate::ids::{NodeId, RoomId};
use crate::limits::{LEASE_MARGIN_MS, LEASE_MS, SILENT_MS};
use std::collections::{BTreeMap, HashSet};

use super::Moment;

#[derive(Debug, Default)]
pub(super) struct Peers {
    here: BTreeMap<NodeId, Peer>,
}

#[derive(Debug, Default)]
struct Peer {
    seen: Moment,
    silent: bool,
    draining: bool,
    /// Version of what it follows; `None`: not known, so it gets everything.
    interest: Option<u64>,
    follows: HashSet<RoomId>,
}

/// What was known of a node before it was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    New,
    Known,
    /// It had been silent.
    Again,
}

impl Peers {
    /// Notes that `node` was heard at `now`.
    pub fn see(&mut self, now: Moment, node: NodeId) -> Seen {
        let known = self.here.contains_key(&node);
        let peer = self.here.entry(node).or_default();
        peer.seen = now;
        match (known, std::mem::take(&mut peer.silent)) {
            (false, _) => Seen::New,
            (true, true) => Seen::Again,
            (true, false) => Seen::Known,
        }
    }

    pub fn forget(&mut self, node: NodeId) {
        self.here.remove(&node);
    }

    /// Nobody is blamed for not having been heard for `time`.
    pub fn excuse(&mut self, now: Moment, time: u64) {
        for peer in self.here.values_mut() {
            peer.seen = now.min(peer.seen + time);
        }
    }

    /// Who has been silent from now on.
    pub fn fall_silent(&mut self, now: Moment) -> Vec<NodeId> {
        let mut fallen = Vec::new();
        for (node, peer) in &mut self.here {
            if now >= peer.seen + SILENT_MS && !std::mem::replace(&mut peer.silent, true) {
                fallen.push(*node);
            }
        }
        fallen
    }

    /// Whether it is known and not silent.
    pub fn answers(&self, node: NodeId) -> bool {
        self.here.get(&node).is_some_and(|peer| !peer.silent)
    }

    /// Takes out who was not heard for too long.
    pub fn lapse(&mut self, now: Moment) -> Vec<NodeId> {
        let silent = |peer: &Peer| now >= peer.seen + LEASE_MS + LEASE_MARGIN_MS;
        let silent = self.here.iter().filter(|(_, peer)| silent(peer));
        let lapsed: Vec<_> = silent.map(|(node, _)| *node).collect();
        for node in &lapsed {
            self.here.remove(node);
        }
        lapsed
    }

    pub fn is_empty(&self) -> bool {
        self.here.is_empty()
    }

    pub fn ids(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.here.keys().copied()
    }

    /// Nodes that take rooms.
    pub fn placeable(&self) -> impl Iterator<Item = NodeId> + '_ {
        let here = self
            .here
            .iter()
            .filter(|(_, peer)| !peer.draining && !peer.silent);
        here.map(|(node, _)| *node)
    }

    /// Whether `draining` is news.
    pub fn draining(&mut self, node: NodeId, draining: bool) -> bool {
        let Some(peer) = self.here.get_mut(&node) else {
            return false;
        };
        std::mem::replace(&mut peer.draining, draining) != draining
    }

    /// Who follows the room, or may do so.
    pub fn following(&self, room: RoomId) -> Vec<NodeId> {
        let follows = |peer: &Peer| peer.interest.is_none() || peer.follows.contains(&room);
        let here = self.here.iter().filter(|(_, peer)| follows(peer));
        here.map(|(node, _)| *node).collect()
    }

    /// Takes in what a node follows. False if something before it is missing.
    pub fn interest(
        &mut self,
        node: NodeId,
        base: u64,
        version: u64,
        follow: &[RoomId],
        leave: &[RoomId],
    ) -> bool {
        let Some(peer) = self.here.get_mut(&node) else {
            return false;
        };
        if base == 0 {
            peer.follows.clear();
        } else if peer.interest.is_some_and(|known| known >= version) {
            return true;
        } else if peer.interest != Some(base) {
            peer.interest = None;
            return false;
        }
        peer.interest = Some(version);
        peer.follows.extend(follow);
        for room in leave {
            peer.follows.remove(room);
        }
        true
    }

    /// Whether what `node` follows is known up to `version`; if not, it gets everything.
    pub fn knows_interest(&mut self, node: NodeId, version: u64) -> bool {
        let Some(peer) = self.here.get_mut(&node) else {
            return true;
        };
        if peer.interest.is_some_and(|known| known < version) {
            peer.interest = None;
        }
        peer.interest.is_some()
    }
}

/// The node on which a room should live: every node finds the same, and when nodes come or go few
/// rooms move (highest random weight).
pub fn rendezvous(room: RoomId, nodes: impl Iterator<Item = NodeId>) -> Option<NodeId> {
    nodes.max_by_key(|node| (weight(room, *node), *node))
}

fn weight(room: RoomId, node: NodeId) -> u64 {
    let halves = |bytes: &[u8; 16]| {
        let whole = u128::from_be_bytes(*bytes);
        [(whole >> 64) as u64, whole as u64]
    };
    let mut mixed = 0;
    for half in halves(room.bytes()).into_iter().chain(halves(node.bytes())) {
        mixed = mix(mixed ^ half);
    }
    mixed
}

/// SplitMix64's finalizer: every bit of the input moves every bit of the output.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
