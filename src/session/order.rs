//! The order of one connection's sends to one room (R16): numbers, the lowest unanswered one, and
//! the hold after a refusal that keeps order.

use crate::clock::Timestamp;
use crate::error::Code;
use crate::ids::{ClientId, ConnectionId};
use crate::limits::{HOLD_MS, HOLD_MS_MAX};
use crate::room::Place;
use std::collections::{BTreeMap, BTreeSet};

/// Client ids whose first number is remembered: those in flight and those refused of late.
const RANKS_MAX: usize = 1_024;

/// Bookkeeping of one (connection, room).
#[derive(Clone, Debug, Default)]
pub struct SendOrder {
    last: u64,
    /// Sends without an answer: client id and hold.
    open: BTreeMap<u64, (ClientId, u64)>,
    /// In which turn a client id that has no lasting answer was first sent: what counts as "before".
    ranks: BTreeMap<ClientId, u64>,
    last_rank: u64,
    hold: u64,
    held: Option<Held>,
    /// Refused of late and not sent again, by rank.
    refused: BTreeMap<u64, ClientId>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    first: ClientId,
    code: Code,
    /// No send came for long enough.
    until: Timestamp,
    /// It ends here in any case: the first refused may have reached its sender by another way,
    /// and he may never send it again.
    at_most: Timestamp,
}

impl Held {
    fn new(now: Timestamp, first: ClientId, code: Code) -> Self {
        Self {
            first,
            code,
            until: now.plus_ms(HOLD_MS as i64),
            at_most: now.plus_ms(HOLD_MS_MAX as i64),
        }
    }
}

impl SendOrder {
    /// Gives the next send its place. Ends the hold if `client_id` was refused first, or if no
    /// send came for long enough; otherwise the place says with which code it is refused.
    pub fn place(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        client_id: ClientId,
    ) -> Place {
        self.end_hold_if_due(now, client_id);
        self.last += 1;
        let n = self.last;
        let rank = self.rank(client_id);
        self.refused.remove(&rank);
        self.open.insert(n, (client_id, self.hold));
        Place {
            connection,
            n,
            base: self.open.first_key_value().map_or(n, |(first, _)| *first),
            hold: self.hold,
            refuse_with: self.held.as_mut().map(|held| {
                held.until = now.plus_ms(HOLD_MS as i64);
                held.code
            }),
        }
    }

    /// The session itself refuses a send (over its rate) that got no place: from now on the room
    /// of this connection is held. While it is held already, answers the code of that hold.
    pub fn refuse(&mut self, now: Timestamp, client_id: ClientId, code: Code) -> Code {
        self.end_hold_if_due(now, client_id);
        let rank = self.rank(client_id);
        self.refused.insert(rank, client_id);
        let new = || Held::new(now, client_id, code);
        let held = self.held.get_or_insert_with(new);
        held.until = now.plus_ms(HOLD_MS as i64);
        held.code
    }

    /// The send `n` was answered; `refused`: with this code. False if it was answered before.
    pub fn answered(&mut self, now: Timestamp, n: u64, refused: Option<Code>) -> bool {
        let Some((client_id, hold)) = self.open.remove(&n) else {
            return false;
        };
        let Some(code) = refused.filter(|code| code.holds_order()) else {
            self.settled(client_id);
            return true;
        };
        // Another try of it was answered for good: it will not come again.
        if !self.ranks.contains_key(&client_id) {
            return true;
        }
        if self.held.is_some_and(|held| self.is_over(held, now)) {
            // It ran out while this answer was awaited: what it held is due again from now on.
            self.end_hold();
        } else if self.held.is_none() && hold == self.hold {
            self.refused.clear();
        }
        let rank = self.rank(client_id);
        self.refused.insert(rank, client_id);
        // A late refusal of something sent earlier: that comes first when all is sent again.
        let first = *self.refused.values().next().unwrap_or(&client_id);
        if self.held.is_none_or(|held| held.first != first) {
            self.held = Some(Held::new(now, first, code));
        }
        true
    }

    /// Only now the sender is told of what was refused: the hold counts from here.
    pub fn told(&mut self, now: Timestamp) {
        if let Some(held) = &mut self.held {
            *held = Held::new(now, held.first, held.code);
        }
    }

    /// A lasting answer. Whoever was refused first has it by another try and will not come again:
    /// the next of those refused takes his place, or what is under way behind him, which the room
    /// refuses for his sake.
    fn settled(&mut self, client_id: ClientId) {
        if let Some(rank) = self.ranks.remove(&client_id) {
            self.refused.remove(&rank);
        }
        let Some(held) = self.held.as_mut().filter(|held| held.first == client_id) else {
            return;
        };
        let mut behind = self.open.values().filter(|(_, hold)| *hold == self.hold);
        let next = self.refused.values().next();
        match next.or_else(|| behind.next().map(|(id, _)| id)) {
            Some(next) => held.first = *next,
            None => self.end_hold(),
        }
    }

    fn rank(&mut self, client_id: ClientId) -> u64 {
        if self.ranks.len() >= RANKS_MAX {
            // Refused and never sent again: given up.
            let open: BTreeSet<_> = self.open.values().map(|(id, _)| *id).collect();
            self.ranks.retain(|id, _| open.contains(id));
        }
        let rank = *self.ranks.entry(client_id).or_insert(self.last_rank + 1);
        self.last_rank = self.last_rank.max(rank);
        rank
    }

    /// What was refused of late and is to come again, in the order in which it was first sent.
    pub fn refused(&self) -> impl Iterator<Item = ClientId> + '_ {
        self.refused.values().copied()
    }

    /// Sends that wait for their answer.
    pub fn in_flight(&self) -> usize {
        self.open.len()
    }

    /// The code with which sends are refused now, if they are.
    pub fn held_with(&self) -> Option<Code> {
        self.held.map(|held| held.code)
    }

    fn end_hold_if_due(&mut self, now: Timestamp, client_id: ClientId) {
        let Some(held) = self.held else {
            return;
        };
        let over = self.is_over(held, now);
        let far_over = now >= held.at_most.plus_ms(2 * HOLD_MS_MAX as i64);
        if over || far_over {
            self.refused.clear();
        }
        if held.first == client_id || over || far_over {
            self.end_hold();
        }
    }

    /// While an answer is outstanding, what it is about may still come before everything else.
    fn is_over(&self, held: Held, now: Timestamp) -> bool {
        now >= held.until.min(held.at_most) && self.open.is_empty()
    }

    fn end_hold(&mut self) {
        self.held = None;
        self.hold += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> ClientId {
        ClientId::from_bytes([n; 16])
    }

    fn link() -> ConnectionId {
        ConnectionId::from_bytes([9; 16])
    }

    #[test]
    fn base_is_the_lowest_send_without_an_answer() {
        let mut order = SendOrder::default();
        let now = Timestamp(0);
        assert_eq!(order.place(now, link(), id(1)).base, 1);
        assert_eq!(order.place(now, link(), id(2)).base, 1);
        assert!(order.answered(now, 1, None));
        assert!(!order.answered(now, 1, None));
        let third = order.place(now, link(), id(3));
        assert_eq!((third.n, third.base), (3, 2));
        assert_eq!(order.in_flight(), 2);
    }

    #[test]
    fn what_is_under_way_behind_a_refusal_comes_first_when_another_try_of_that_stood_already() {
        let mut order = SendOrder::default();
        let now = Timestamp(0);
        // The first is said twice; the room refuses one of them, and the third for its sake.
        for client_id in [id(1), id(1), id(2)] {
            order.place(now, link(), client_id);
        }
        order.answered(now, 1, Some(Code::Unknown));
        order.answered(now, 2, None);
        let new = order.place(now, link(), id(3));
        assert_eq!(new.refuse_with, Some(Code::Unknown), "2 comes before it");
        order.answered(now, 3, Some(Code::Unknown));
        order.answered(now, 4, Some(Code::Unknown));
        let again = order.place(now, link(), id(2));
        assert_eq!((again.hold, again.refuse_with), (1, None));
        assert_eq!(order.place(now, link(), id(3)).refuse_with, None);
        // Had it been stored, nothing would be held any more.
        let mut order = SendOrder::default();
        for client_id in [id(1), id(1), id(2)] {
            order.place(now, link(), client_id);
        }
        order.answered(now, 1, Some(Code::Unknown));
        order.answered(now, 2, None);
        order.answered(now, 3, None);
        let new = order.place(now, link(), id(3));
        assert_eq!((new.hold, new.refuse_with), (1, None));
    }

    #[test]
    fn a_refusal_holds_until_the_first_refused_comes_again() {
        let mut order = SendOrder::default();
        let now = Timestamp(0);
        for n in 1..=3 {
            order.place(now, link(), id(n));
        }
        order.answered(now, 1, Some(Code::Busy));
        order.answered(now, 2, Some(Code::Busy));
        assert_eq!(
            order.place(now, link(), id(4)).refuse_with,
            Some(Code::Busy)
        );
        let again = order.place(now, link(), id(1));
        assert_eq!((again.refuse_with, again.hold), (None, 1));
        // The late refusal of the third: it and the second come before whatever is sent next.
        order.answered(now, 3, Some(Code::Busy));
        let next = order.place(now, link(), id(5));
        assert_eq!(next.refuse_with, Some(Code::Busy));
        let second = order.place(now, link(), id(2));
        assert_eq!((second.refuse_with, second.hold), (None, 2));
    }

    #[test]
    fn what_was_sent_first_is_first_again_however_late_its_refusal_comes() {
        let mut order = SendOrder::default();
        let now = Timestamp(0);
        order.place(now, link(), id(1));
        order.place(now, link(), id(2));
        order.answered(now, 2, Some(Code::Unknown));
        order.answered(now, 1, Some(Code::Unknown));
        let second = order.place(now, link(), id(2));
        assert_eq!(second.refuse_with, Some(Code::Unknown));
        assert_eq!(order.place(now, link(), id(1)).refuse_with, None);
        // Its second try is refused too: it still comes before the second send.
        order.answered(now, second.n, Some(Code::Unknown));
        order.answered(now, 4, Some(Code::Busy));
        assert_eq!(
            order.place(now, link(), id(2)).refuse_with,
            Some(Code::Busy)
        );
        assert_eq!(order.place(now, link(), id(1)).refuse_with, None);
    }

    #[test]
    fn a_hold_ends_when_nothing_came_for_two_seconds() {
        let mut order = SendOrder::default();
        let code = order.refuse(Timestamp(0), id(1), Code::RateLimited);
        assert_eq!(code, Code::RateLimited);
        let held = order.place(Timestamp(1_999), link(), id(2));
        assert_eq!(held.refuse_with, Some(Code::RateLimited));
        order.answered(Timestamp(1_999), held.n, Some(Code::RateLimited));
        let still = order.place(Timestamp(3_998), link(), id(3));
        assert_eq!(still.refuse_with, Some(Code::RateLimited));
        let silent = order.place(Timestamp(6_100), link(), id(4));
        assert_eq!(
            silent.refuse_with,
            Some(Code::RateLimited),
            "an answer is outstanding"
        );
        for n in [still.n, silent.n] {
            order.answered(Timestamp(6_100), n, Some(Code::RateLimited));
        }
        let free = order.place(Timestamp(8_100), link(), id(4));
        assert_eq!((free.refuse_with, free.hold), (None, 1));
    }

    #[test]
    fn a_hold_ends_when_the_first_refused_was_answered_or_after_ten_seconds() {
        let mut order = SendOrder::default();
        order.place(Timestamp(0), link(), id(1));
        order.place(Timestamp(0), link(), id(1));
        order.answered(Timestamp(0), 1, Some(Code::Unknown));
        assert_eq!(order.held_with(), Some(Code::Unknown));
        order.answered(Timestamp(0), 2, None);
        assert_eq!(order.held_with(), None);
        order.refuse(Timestamp(0), id(3), Code::RateLimited);
        let mut held = |at| {
            let place = order.place(Timestamp(at), link(), id(4));
            order.answered(Timestamp(at), place.n, place.refuse_with);
            place.refuse_with
        };
        for at in [1_500, 3_000, 4_500, 6_000, 7_500, 9_000] {
            assert_eq!(held(at), Some(Code::RateLimited), "{at}");
        }
        assert_eq!(held(10_000), None);
    }

    #[test]
    fn a_late_refusal_of_what_another_try_brought_home_holds_nothing() {
        let mut order = SendOrder::default();
        order.place(Timestamp(0), link(), id(1));
        order.place(Timestamp(0), link(), id(1));
        order.answered(Timestamp(50), 2, None);
        order.answered(Timestamp(10_000), 1, Some(Code::Unknown));
        assert_eq!(order.held_with(), None);
    }

    #[test]
    fn a_refusal_after_a_hold_has_run_out_begins_a_new_one() {
        let mut order = SendOrder::default();
        order.place(Timestamp(0), link(), id(1));
        order.answered(Timestamp(0), 1, Some(Code::Unknown));
        let second = order.place(Timestamp(1_000), link(), id(2));
        // Nobody answered: the time-out.
        order.answered(Timestamp(11_000), second.n, Some(Code::Unknown));
        let overtaking = order.place(Timestamp(11_020), link(), id(3));
        assert_eq!(overtaking.refuse_with, Some(Code::Unknown));
        for n in [1, 2, 3] {
            let again = order.place(Timestamp(11_500), link(), id(n));
            assert_eq!(again.refuse_with, None, "in their order: {n}");
        }
    }

    #[test]
    fn final_refusals_hold_nothing() {
        let mut order = SendOrder::default();
        order.place(Timestamp(0), link(), id(1));
        order.answered(Timestamp(0), 1, Some(Code::Denied));
        assert_eq!(order.held_with(), None);
    }
}
