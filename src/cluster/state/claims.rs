//! A room goes from one node to another in good order: who takes it asks the others first, an owner
//! finishes what it was told to do, and leaves how far it came with each connection (R16).

use super::*;
use crate::cluster::message::{ClaimId, HandOver};
use crate::limits::{CLAIM_AGAIN_MS, CLAIM_MS, HAND_OVER_MS, RELEASED_MS};
use crate::room::{ConnectionOrder, Orders};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Claims {
    mine: BTreeMap<ClaimId, Claim>,
    /// Who waits for the owner here to end.
    waiting: HashMap<RoomId, Vec<(NodeId, ClaimId)>>,
    released: HashMap<RoomId, (Moment, Orders)>,
}

#[derive(Debug)]
struct Claim {
    room: RoomId,
    /// When those are asked again who have said nothing.
    again_at: Moment,
    /// Who has not answered, and how long that is waited for.
    open: BTreeMap<NodeId, Moment>,
    orders: BTreeMap<crate::ids::ConnectionId, ConnectionOrder>,
}

impl Claim {
    fn learn(&mut self, orders: Orders) {
        for order in orders {
            let known = self.orders.entry(order.connection).or_insert(order);
            if known.last < order.last {
                *known = order;
            }
        }
    }
}

impl ClusterState {
    /// Somebody here takes the room.
    pub(super) fn claim(&mut self, now: Moment, id: ClaimId, room: RoomId) {
        let mut peers = self.peers();
        peers.retain(|_| self.connected);
        let mut claim = Claim {
            room,
            again_at: now + CLAIM_AGAIN_MS,
            open: peers.iter().map(|peer| (*peer, now + CLAIM_MS)).collect(),
            orders: BTreeMap::new(),
        };
        claim.learn(self.released(now, room));
        self.claims.mine.insert(id, claim);
        for peer in peers {
            let claim = Message::HandOver(HandOver::Claim { id, room });
            self.send_all(peer, vec![claim]);
        }
        self.look_at_claims(now);
    }

    /// A question or its answer may have been lost.
    pub(super) fn claim_again(&mut self, now: Moment) {
        let mut asked = Vec::new();
        for (id, claim) in self.claims.mine.iter_mut() {
            if now < claim.again_at {
                continue;
            }
            claim.again_at = now + CLAIM_AGAIN_MS;
            asked.extend(claim.open.keys().map(|peer| (*peer, *id, claim.room)));
        }
        for (peer, id, room) in asked {
            self.send_all(peer, vec![Message::HandOver(HandOver::Claim { id, room })]);
        }
    }

    /// Claims that nobody has to answer any more.
    pub(super) fn look_at_claims(&mut self, now: Moment) {
        let (peers, connected) = (&self.peers, self.connected);
        for claim in self.claims.mine.values_mut() {
            let waits = |node: &NodeId, until: &mut Moment| {
                connected && peers.answers(*node) && now < *until
            };
            claim.open.retain(waits);
        }
        let free = |claim: &mut Claim| claim.open.is_empty();
        let free: Vec<_> = self
            .claims
            .mine
            .extract_if(.., |_, claim| free(claim))
            .collect();
        for (id, claim) in free {
            let orders = claim.orders.into_values().collect();
            self.effects.push(Effect::Claimed { id, orders });
        }
    }

    pub(super) fn hand_over(&mut self, now: Moment, from: NodeId, what: HandOver) {
        match what {
            HandOver::Claim { id, room } => self.claimed(now, from, id, room),
            HandOver::Holds { id } => {
                if let Some(until) = self.open_claim(id, from) {
                    *until = now + HAND_OVER_MS;
                }
            }
            HandOver::Free { id, orders } => {
                if self.open_claim(id, from).is_some()
                    && let Some(claim) = self.claims.mine.get_mut(&id)
                {
                    claim.open.remove(&from);
                    claim.learn(orders);
                    self.look_at_claims(now);
                }
            }
            HandOver::Moved { id, to } => self.returned(now, from, id, to),
        }
    }

    fn open_claim(&mut self, id: ClaimId, from: NodeId) -> Option<&mut Moment> {
        self.claims.mine.get_mut(&id)?.open.get_mut(&from)
    }

    /// Another node takes the room. An owner here that agrees finishes first.
    fn claimed(&mut self, now: Moment, from: NodeId, id: ClaimId, room: RoomId) {
        let agrees = self.place(room).is_some()
            || rendezvous(room, [from, self.me].into_iter()) == Some(from);
        if agrees && self.owned.contains_key(&room) {
            let waiting = self.claims.waiting.entry(room).or_default();
            if !waiting.contains(&(from, id)) {
                waiting.push((from, id));
                self.effects.push(Effect::HandOver(room));
            }
            let holds = Message::HandOver(HandOver::Holds { id });
            return self.send_all(from, vec![holds]);
        }
        let orders = self.released(now, room);
        let free = Message::HandOver(HandOver::Free { id, orders });
        self.send_all(from, vec![free]);
    }

    /// The owner here has ended.
    pub(super) fn rests(&mut self, now: Moment, room: RoomId, orders: Orders) {
        self.owned.remove(&room);
        if let Some(living) = self.living.get_mut(&room) {
            *living -= 1;
            if *living == 0 {
                self.living.remove(&room);
            }
        }
        if !orders.is_empty() {
            let fresh = |(at, _): &(Moment, Orders)| now < at + RELEASED_MS;
            self.claims.released.retain(|_, released| fresh(released));
            self.claims.released.insert(room, (now, orders));
        }
        for (to, id) in self.claims.waiting.remove(&room).unwrap_or_default() {
            let orders = self.released(now, room);
            let free = Message::HandOver(HandOver::Free { id, orders });
            self.send_all(to, vec![free]);
        }
        self.send_on(now, room);
    }

    fn released(&self, now: Moment, room: RoomId) -> Orders {
        let released = self.claims.released.get(&room);
        let fresh = released.filter(|(at, _)| now < at + RELEASED_MS);
        fresh.map(|(_, orders)| orders.clone()).unwrap_or_default()
    }
}
