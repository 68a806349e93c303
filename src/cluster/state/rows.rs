//! What the other nodes say of themselves in the store: who is there and how far he has read, when
//! the bus cannot tell (R17).

use super::{ClusterState, Effect, Moment};
use crate::clock::Timestamp;
use crate::ids::{NodeId, RoomId};
use crate::limits::{ROOM_TURN_MS, STORE_BEAT_MS, STORE_LEASE_MS};
use crate::store::NodeLease;
use std::collections::BTreeMap;

/// The rows as this node saw them.
#[derive(Debug, Default)]
pub(super) struct Rows {
    others: BTreeMap<NodeId, Seen>,
    read_at: Moment,
}

#[derive(Debug)]
struct Seen {
    beat: u64,
    settled: u64,
    asks: bool,
    alone: bool,
    /// When the beat was last seen to have changed, by the clock of this node.
    changed_at: Moment,
}

impl Rows {
    /// What stands in the store now. Whoever is not there has ended, or has been silent for long.
    pub fn heard(&mut self, now: Moment, me: NodeId, rows: &[NodeLease]) {
        let mut before = std::mem::take(&mut self.others);
        // What could not be read meanwhile proves nobody's silence.
        let passed = now - std::mem::replace(&mut self.read_at, now);
        let excused = passed.saturating_sub(STORE_BEAT_MS);
        for row in rows.iter().filter(|row| row.node != me) {
            let known = before.remove(&row.node);
            let known = known.filter(|known| known.beat == row.beat);
            let seen = Seen {
                beat: row.beat,
                settled: row.settled,
                asks: row.asks,
                alone: row.alone,
                changed_at: known.map_or(now, |known| now.min(known.changed_at + excused)),
            };
            self.others.insert(row.node, seen);
        }
    }

    /// Whose rows live, and what they say.
    pub fn live(&self, now: Moment) -> BTreeMap<NodeId, Says> {
        let live = self.others.iter().filter(|(_, row)| row.is_live(now));
        let says = |row: &Seen| Says {
            settled: row.settled,
            alone: row.alone,
        };
        live.map(|(node, row)| (*node, says(row))).collect()
    }

    /// Somebody waits until the others have settled.
    pub fn ask(&self, now: Moment) -> bool {
        self.others.values().any(|row| row.asks && row.is_live(now))
    }
}

/// What a row says that lives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Says {
    /// How often the node has settled.
    pub settled: u64,
    /// It shows rooms because its row stands.
    pub alone: bool,
}

impl Seen {
    fn is_live(&self, now: Moment) -> bool {
        now < self.changed_at + STORE_LEASE_MS
    }
}

impl ClusterState {
    /// Whether a removal here waits until the others have settled.
    pub fn asks(&self, now: Moment) -> bool {
        self.fences.ask(now, self.connected)
    }

    /// Whether a removal elsewhere waits until this node has settled.
    pub fn is_asked(&self, now: Moment) -> bool {
        self.rows.ask(now)
    }

    /// How long until this node may take a room that another one has, milliseconds; `None`: the bus
    /// says where it lives. By the time of day, because nodes that cannot talk have nothing else in
    /// common: clocks apart cost time and nothing else, the store fences (R1).
    pub fn turn(&self, now: Moment, today: Timestamp, room: RoomId) -> Option<u64> {
        if self.connected {
            return None;
        }
        let live = self.rows.live(now);
        if live.is_empty() {
            return Some(0);
        }
        let before = live.keys().filter(|node| **node < self.me).count() as u64;
        let nodes = live.len() as u64 + 1;
        let round = nodes * ROOM_TURN_MS;
        let today = u64::try_from(today.0).unwrap_or(0);
        let [.., low] = *room.bytes();
        let mine = (before + u64::from(low)) % nodes * ROOM_TURN_MS;
        let passed = (today % round + round - mine) % round;
        // Whoever comes late in his turn would be at work in that of the next.
        Some(match passed < ROOM_TURN_MS / 2 {
            true => 0,
            false => round - passed,
        })
    }

    pub(super) fn read_rows(&mut self, now: Moment, asked_at: Moment, rows: &[NodeLease]) {
        self.rows.heard(now, self.me, rows);
        for fence in self.fences.settled(now, asked_at, &self.rows.live(now)) {
            self.effects.push(Effect::Confirmed(fence));
        }
    }
}
