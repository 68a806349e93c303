//! By what right this node shows rooms: its lease of the bus, or its row in the store (R17).
//!
//! Whoever removes somebody waits for every node that has a right. A node that lost its right was not
//! waited for: with the next one it first reads what it missed.

use super::{ClusterState, Effect, Moment};
use crate::bus::Rights;
use crate::limits::{LEASE_MS, STORE_LEASE_MS};

#[derive(Debug, Default)]
struct Right {
    /// Higher than that of every right that began before.
    number: u64,
    until: Moment,
}

/// Both rights of a node.
#[derive(Debug, Default)]
pub(super) struct Held {
    lease: Right,
    row: Right,
    last: u64,
    /// The row says that this node shows rooms by it, at least until then.
    alone_until: Moment,
}

impl Right {
    fn stands(&self, now: Moment) -> bool {
        now < self.until
    }

    /// Whether it begins anew.
    fn renew(&mut self, now: Moment, until: Moment, last: &mut u64) -> bool {
        let stood = self.stands(now);
        self.until = self.until.max(until);
        if stood || !self.stands(now) {
            return false;
        }
        *last += 1;
        self.number = *last;
        true
    }
}

impl ClusterState {
    /// Whether the lease stands: hints may be passed on to people (R17).
    pub fn has_lease(&self, now: Moment) -> bool {
        self.held.lease.stands(now)
    }

    /// By what this node may show rooms at `now`.
    pub fn rights(&self, now: Moment) -> Rights {
        let both = [&self.held.lease, &self.held.row];
        let standing = both.into_iter().filter(|right| right.stands(now));
        Rights {
            since: standing.map(|right| right.number).min(),
            last: self.held.last,
        }
    }

    pub(super) fn renewed(&mut self, now: Moment, asked_at: Moment) {
        let held = &mut self.held;
        let until = asked_at + LEASE_MS;
        if held.lease.renew(now, until, &mut held.last) {
            self.heal();
        }
    }

    /// The row is about to be written. Answers whether it says that this node shows rooms by it: from
    /// then on whoever reads it waits for this node though it has no lease. Without that word the row
    /// gives no right.
    pub fn begin_row(&mut self, now: Moment) -> bool {
        let held = &mut self.held;
        if self.connected && now + LEASE_MS / 2 < held.lease.until {
            if now >= held.alone_until {
                held.row.until = 0;
                return false;
            }
        } else {
            // Back from it only when the lease has surely come to stay.
            held.alone_until = now + STORE_LEASE_MS;
        }
        true
    }

    /// The row stands in the store; it was begun at `asked_at`.
    pub(super) fn row_stands(&mut self, now: Moment, asked_at: Moment) {
        let held = &mut self.held;
        let until = asked_at + STORE_LEASE_MS;
        if held.row.renew(now, until, &mut held.last) {
            self.heal();
        }
    }

    /// The lease may soon be over: the row is to say so before it is.
    pub(super) fn look_at_lease(&mut self, now: Moment) {
        let short = now + LEASE_MS / 2 >= self.held.lease.until;
        if (short || !self.connected) && now >= self.held.alone_until {
            self.held.alone_until = now + STORE_LEASE_MS;
            self.effects.push(Effect::AskRows);
        }
    }
}
