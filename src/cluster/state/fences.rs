//! Removals that wait until nobody serves the removed any more (R17).

use super::{ClusterState, Effect, Moment};
use crate::cluster::message::{FenceId, Message};
use crate::entry::Entry;
use crate::ids::{LoginId, NodeId, RoomId};
use crate::limits::{FENCE_RETRY_MS, LEASE_MS, STORE_LEASE_MS};
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
    /// It is known who has a lease.
    rolled: bool,
    raised_at: Moment,
    /// What the store says instead: who has a lease there, and how often he must have settled.
    settling: Option<BTreeMap<NodeId, u64>>,
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

    fn is_done(&self) -> bool {
        self.rolled && self.waits_for.is_empty()
    }
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
            rolled: !strict,
            raised_at: now,
            settling: None,
            say_at: now + FENCE_RETRY_MS,
            until: now + STORE_LEASE_MS,
        };
        self.open.insert(id, fence);
    }

    /// True if `node` was the last.
    pub fn confirmed(&mut self, id: FenceId, node: NodeId) -> bool {
        let Some(fence) = self.open.get_mut(&id) else {
            return false;
        };
        fence.waits_for.remove(&node);
        fence.confirmed.insert(node);
        let done = fence.is_done();
        if done {
            self.open.remove(&id);
        }
        done
    }

    /// `node` said good-bye: the fences that waited for it alone.
    pub fn gone(&mut self, node: NodeId) -> Vec<FenceId> {
        let ids: Vec<_> = self.open.keys().copied().collect();
        let done = ids.into_iter().filter(|id| self.confirmed(*id, node));
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
                fence.rolled = true;
            }
        }
        self.take_out(Fence::is_done)
    }

    /// Who has a lease in the store, and how often he has settled; asked for at `asked_at`. A pass
    /// that was under way then may have missed the removal, the one after it has not.
    pub fn settled(&mut self, asked_at: Moment, live: &BTreeMap<NodeId, u64>) -> Vec<FenceId> {
        for fence in self.open.values_mut() {
            if !fence.settles() || asked_at <= fence.raised_at {
                continue;
            }
            let confirmed = &fence.confirmed;
            let settling = fence.settling.get_or_insert_with(|| {
                let all = live.iter().map(|(node, settled)| (*node, settled + 2));
                all.collect()
            });
            settling.retain(|node, wanted| {
                let stands = live.get(node).is_some_and(|settled| settled < wanted);
                stands && !confirmed.contains(node)
            });
        }
        self.take_out(|fence| fence.settling.as_ref().is_some_and(BTreeMap::is_empty))
    }

    /// Whether the others should settle: the bus had its time, or has none to give.
    pub fn ask(&self, now: Moment, connected: bool) -> bool {
        let due = |fence: &Fence| !connected || now >= fence.raised_at + FENCE_RETRY_MS;
        self.open
            .values()
            .any(|fence| fence.settles() && due(fence))
    }

    /// Takes out those that cannot be decided and whose time has come.
    pub fn expire(&mut self, now: Moment) -> Vec<FenceId> {
        self.take_out(|fence| {
            let known = fence.strict && (fence.rolled || fence.settling.is_some());
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
