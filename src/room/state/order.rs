//! The room's half of R16: sends of one connection are applied in the order of their numbers, and
//! after a refusal that keeps order everything behind it is refused alike.

use crate::error::Code;
use crate::ids::ConnectionId;
use crate::limits::{RELEASED_CONNECTIONS_MAX, ROOM_CONNECTIONS_MAX};
use crate::room::{ConnectionOrder, OrderHold, Orders, Place};
use std::cmp::Reverse;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Connections {
    known: BTreeMap<ConnectionId, Known>,
    tick: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    last: u64,
    held: Option<OrderHold>,
    used: u64,
}

impl Connections {
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// What the next owner has to know: of the connections that sent last.
    pub fn orders(&self) -> Orders {
        let mut latest: Vec<_> = self.known.iter().collect();
        latest.sort_unstable_by_key(|(_, known)| Reverse(known.used));
        let latest = latest.into_iter().take(RELEASED_CONNECTIONS_MAX);
        let order = |(connection, known): (&ConnectionId, &Known)| ConnectionOrder {
            connection: *connection,
            last: known.last,
            held: known.held,
        };
        latest.map(order).collect()
    }

    /// Goes on where the owner before left off.
    pub fn go_on_from(&mut self, orders: &[ConnectionOrder]) {
        for order in orders.iter().take(ROOM_CONNECTIONS_MAX) {
            let known = Known {
                last: order.last,
                held: order.held,
                used: self.tick,
            };
            self.known.insert(order.connection, known);
        }
    }

    /// Takes note of an arriving send. `Some`: it may not be applied, because one before it may
    /// still come (a lost forward), or because it came after a later one.
    pub fn arrive(&mut self, place: &Place) -> Option<Code> {
        self.tick += 1;
        let tick = self.tick;
        let first_told = place.base == place.n;
        let in_order = match self.known.get_mut(&place.connection) {
            Some(known) => {
                known.used = tick;
                let next = place.n == known.last + 1 || place.n > known.last && first_told;
                if next {
                    known.last = place.n;
                }
                next
            }
            None => {
                if first_told {
                    self.learn(place, tick);
                }
                first_told
            }
        };
        (!in_order).then_some(Code::Unknown)
    }

    fn learn(&mut self, place: &Place, used: u64) {
        if self.known.len() >= ROOM_CONNECTIONS_MAX {
            self.forget_oldest();
        }
        let known = Known {
            last: place.n,
            held: None,
            used,
        };
        self.known.insert(place.connection, known);
    }

    /// A quarter at a time, so that a full table costs little per newcomer.
    fn forget_oldest(&mut self) {
        let mut used: Vec<u64> = self.known.values().map(|known| known.used).collect();
        used.sort_unstable();
        let bound = used[used.len() / 4];
        self.known.retain(|_, known| known.used > bound);
    }

    /// The code of the hold that this send falls under.
    pub fn held(&self, place: &Place) -> Option<Code> {
        let held = self.known.get(&place.connection)?.held?;
        let under = place.hold < held.hold || place.hold == held.hold && place.n > held.n;
        under.then_some(held.code)
    }

    /// This send was refused with a code that keeps order.
    pub fn hold(&mut self, place: &Place, code: Code) {
        let Some(known) = self.known.get_mut(&place.connection) else {
            return;
        };
        let new = OrderHold {
            hold: place.hold,
            n: place.n,
            code,
        };
        match &mut known.held {
            Some(held) if held.hold > place.hold => {}
            Some(held) if held.hold == place.hold => held.n = held.n.min(place.n),
            held => *held = Some(new),
        }
    }
}
