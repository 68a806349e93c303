//! Removals that wait until nobody serves the removed any more (R17).

use super::rows::Says;
use super::{ClusterState, Effect, Moment};
use crate::cluster::message::{FenceId, Message};
use crate::entry::Entry;
use crate::ids::{LoginId, NodeId, RoomId};
use crate::limits::{FENCE_RETRY_MS, LEASE_MS, ROLL_FRESH_MS, STORE_LEASE_MS};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Who holds a lease, as the keeper of the leases says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roll {
    pub live: Vec<NodeId>,
    /// For how long it has been kept without a break, milliseconds: who is missing in a young roll
    /// may hold a lease all the same.
    pub kept: u64,
}

/// What takes somebody out: of a room, or altogether.
#[derive(Clone, Debug)]
pub(super) enum Removal {
    Entries {
        room: RoomId,
        entries: Vec<Arc<Entry>>,
    },
    Login(LoginId),
}

impl Removal {
    pub fn message(&self, fence: FenceId) -> Message {
        match self {
            Removal::Entries { room, entries } => Message::Publication {
                room: *room,
                entries: entries.clone(),
                fence: Some(fence),
            },
            Removal::Login(login) => Message::Revoke {
                login: *login,
                fence,
            },
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Fences {
    open: BTreeMap<FenceId, Fence>,
}

#[derive(Debug)]
struct Fence {
    removal: Removal,
    waits_for: BTreeSet<NodeId>,
    confirmed: BTreeSet<NodeId>,
    /// Somebody waits for it: whoever has a lease must confirm. Otherwise it is only said again to
    /// those who are known, for a while.
    strict: bool,
    /// When it was last known who has a lease.
    rolled_at: Option<Moment>,
    raised_at: Moment,
    /// What the store says: whose rows live, and what they are waited for.
    settling: Option<BTreeMap<NodeId, Wanted>>,
    /// When it is said again to those who did not confirm.
    say_at: Moment,
    /// If that cannot be learned, everybody has it from the store by then.
    until: Moment,
}

impl Fence {
    /// Whether reading the heads of rooms shows what it is about.
    fn settles(&self) -> bool {
        self.strict && matches!(self.removal, Removal::Entries { .. })
    }

    /// Some node shows rooms by its row, and may hear nothing.
    fn waits_for_alone(&self) -> bool {
        let mut settling = self.settling.iter().flat_map(BTreeMap::values);
        settling.any(|wanted| wanted.alone)
    }

    /// With a roll all who have a lease have confirmed, and all who show rooms by their row; without
    /// one all whose rows live.
    fn is_done(&self, now: Moment) -> bool {
        if !self.strict {
            return self.waits_for.is_empty();
        }
        let rolled = self.rolled_at.is_some_and(|at| now <= at + ROLL_FRESH_MS);
        match &self.settling {
            _ if !self.settles() => self.rolled_at.is_some() && self.waits_for.is_empty(),
            None => false,
            Some(_) if rolled => self.waits_for.is_empty() && !self.waits_for_alone(),
            Some(settling) => settling.is_empty(),
        }
    }
}

/// What a node is waited for that may not hear of a removal.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    settled: u64,
    alone: bool,
}

impl Fences {
    /// Waits for `nodes`; if `strict`, for all who turn out to have a lease.
    pub fn raise(
        &mut self,
        now: Moment,
        id: FenceId,
        removal: Removal,
        nodes: &[NodeId],
        strict: bool,
    ) {
        let fence = Fence {
            strict,
            removal,
            waits_for: nodes.iter().copied().collect(),
            confirmed: BTreeSet::new(),
            rolled_at: None,
            raised_at: now,
            settling: None,
            say_at: now + FENCE_RETRY_MS,
            until: now + STORE_LEASE_MS,
        };
        self.open.insert(id, fence);
    }

    /// True if `node` was the last.
    pub fn confirmed(&mut self, now: Moment, id: FenceId, node: NodeId) -> bool {
        let Some(fence) = self.open.get_mut(&id) else {
            return false;
        };
        fence.waits_for.remove(&node);
        fence.confirmed.insert(node);
        if let Some(settling) = &mut fence.settling {
            settling.remove(&node);
        }
        let done = fence.is_done(now);
        if done {
            self.open.remove(&id);
        }
        done
    }

    /// `node` said good-bye: the fences that waited for it alone.
    pub fn gone(&mut self, now: Moment, node: NodeId) -> Vec<FenceId> {
        let ids: Vec<_> = self.open.keys().copied().collect();
        let done = ids.into_iter().filter(|id| self.confirmed(now, *id, node));
        done.collect()
    }

    /// Who has a lease must confirm, who surely has none need not. `None`: it cannot be learned now.
    pub fn roll(&mut self, now: Moment, me: NodeId, roll: Option<&Roll>) -> Vec<FenceId> {
        let Some(roll) = roll else {
            return Vec::new();
        };
        for fence in self.open.values_mut().filter(|fence| fence.strict) {
            let others = roll.live.iter().filter(|node| **node != me);
            let missing = others.filter(|node| !fence.confirmed.contains(node));
            let new: Vec<_> = missing.copied().collect();
            // Whoever was not known is told at once.
            if new.iter().any(|node| !fence.waits_for.contains(node)) {
                fence.say_at = now;
            }
            fence.waits_for.extend(new);
            if roll.kept > LEASE_MS {
                fence.waits_for.retain(|node| roll.live.contains(node));
                fence.rolled_at = Some(now);
            }
        }
        self.take_out(|fence| fence.is_done(now))
    }

    /// Whose rows live, asked for at `asked_at`. A pass that was under way when a row was read first
    /// may have missed the removal, the one after it has not.
    pub fn settled(
        &mut self,
        now: Moment,
        asked_at: Moment,
        live: &BTreeMap<NodeId, Says>,
    ) -> Vec<FenceId> {
        for fence in self.open.values_mut() {
            if !fence.settles() || asked_at <= fence.raised_at {
                continue;
            }
            let confirmed = &fence.confirmed;
            let settling = fence.settling.get_or_insert_with(|| {
                let others = live.iter().filter(|(node, _)| !confirmed.contains(node));
                let wanted = |says: &Says| Wanted {
                    settled: says.settled + 2,
                    alone: says.alone,
                };
                others.map(|(node, says)| (*node, wanted(says))).collect()
            });
            for (node, wanted) in std::mem::take(settling) {
                match live.get(&node) {
                    // It has read the removal, as if it had heard of it.
                    Some(says) if says.settled >= wanted.settled => {
                        fence.waits_for.remove(&node);
                        fence.confirmed.insert(node);
                    }
                    Some(says) => {
                        let alone = says.alone;
                        settling.insert(node, Wanted { alone, ..wanted });
                    }
                    None => {}
                }
            }
        }
        self.take_out(|fence| fence.is_done(now))
    }

    /// Whether the others should settle: the bus had its time, or has none to give.
    pub fn ask(&self, now: Moment, connected: bool) -> bool {
        let due = |fence: &Fence| {
            let late = !connected || now >= fence.raised_at + FENCE_RETRY_MS;
            late || fence.waits_for_alone()
        };
        self.open
            .values()
            .any(|fence| fence.settles() && due(fence))
    }

    /// Takes out those that cannot be decided and whose time has come.
    pub fn expire(&mut self, now: Moment) -> Vec<FenceId> {
        self.take_out(|fence| {
            let known = fence.strict && (fence.rolled_at.is_some() || fence.settling.is_some());
            fence.until <= now && !known
        })
    }

    /// What is to be said again, and to whom.
    pub fn overdue(&mut self, now: Moment) -> Vec<(FenceId, Removal, Vec<NodeId>)> {
        let open = self.open.iter_mut();
        let overdue = open.filter(|(_, fence)| now >= fence.say_at);
        let say = |(id, fence): (&FenceId, &mut Fence)| {
            fence.say_at = now + FENCE_RETRY_MS;
            let nodes = fence.waits_for.iter().copied().collect();
            (*id, fence.removal.clone(), nodes)
        };
        overdue.map(say).collect()
    }

    fn take_out(&mut self, which: impl Fn(&Fence) -> bool) -> Vec<FenceId> {
        let ids = self.open.iter().filter(|(_, fence)| which(fence));
        let ids: Vec<_> = ids.map(|(id, _)| *id).collect();
        for id in &ids {
            self.open.remove(id);
        }
        ids
    }
}

impl ClusterState {
    /// What was not confirmed is said again, in case it or its answer was lost.
    pub(super) fn go_on_with_fences(&mut self, now: Moment) {
        for fence in self.fences.expire(now) {
            self.effects.push(Effect::Confirmed(fence));
        }
        for (fence, removal, nodes) in self.fences.overdue(now) {
            self.effects.push(Effect::AskRoll);
            for to in nodes {
                let message = removal.message(fence);
                self.effects.push(Effect::Send { to, message });
            }
        }
    }

    /// Tells everybody, and waits for whoever has a lease.
    pub(super) fn raise(&mut self, now: Moment, fence: FenceId, removal: Removal, strict: bool) {
        let nodes: Vec<_> = self.peers.ids().collect();
        for to in &nodes {
            let (to, message) = (*to, removal.message(fence));
            self.effects.push(Effect::Send { to, message });
        }
        if strict {
            self.effects.extend([Effect::AskRoll, Effect::AskRows]);
        } else if nodes.is_empty() {
            return;
        }
        self.fences.raise(now, fence, removal, &nodes, strict);
    }
}
