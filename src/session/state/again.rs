//! Sends whose outcome is not known are sent again by the session itself, as their client would do
//! (R16): their room finds what was stored by its key, so nothing is doubled, and they keep their
//! order. Only if that does not help for long, the client is told `unknown`.
//!
//! Of each room either everything that waits to come again is kept here, or everything is in the
//! hands of the client.

use super::sends::refusal;
use super::{Context, Effect, Outgoing, SessionState};
use crate::clock::Timestamp;
use crate::error::{Code, Error};
use crate::ids::{ClientId, RoomId};
use crate::limits::{RESEND_PAUSE_MS, RESEND_PAUSE_MS_MAX};
use crate::room::answer::unknown;
use crate::session::order::SendOrder;
use std::collections::BTreeMap;

/// A send that waits for its answer.
#[derive(Debug)]
pub(super) struct Open {
    pub reference: Option<String>,
    pub outgoing: Outgoing,
    /// When the client is told, whatever happens.
    pub until: Timestamp,
    /// An earlier try ended as unknown.
    pub tried: bool,
}

/// What comes again in one room.
#[derive(Debug, Default)]
pub(super) struct Again {
    kept: BTreeMap<ClientId, Open>,
    rounds: u32,
    asked: bool,
}

impl Again {
    pub fn len(&self) -> usize {
        self.kept.len()
    }
}

impl SessionState {
    /// A send was refused: it is kept, or its client is told.
    pub(super) fn refused(
        &mut self,
        awake: Timestamp,
        n: u64,
        mut open: Open,
        why: Error,
        out: &mut Vec<Effect>,
    ) {
        let (room, client_id) = (open.outgoing.room, open.outgoing.client_id);
        // After an open try nothing is final: that one may have been stored.
        let again = open.tried;
        let lost = again && !why.code.holds_order();
        let why = if lost { unknown() } else { why };
        self.answered(awake, room, n, Some(why.code));
        open.tried |= why.code == Code::Unknown;
        if open.tried && !lost && awake < open.until && self.is_ours(room, client_id) {
            let kept = &mut self.sends.again.entry(room).or_default().kept;
            kept.insert(client_id, open);
            return;
        }
        if why.code.holds_order() {
            self.give_back(awake, room, out);
        }
        if again {
            self.told(awake, room);
        }
        let why = if open.tried { unknown() } else { why };
        out.push(refusal(open.reference, client_id, why));
    }

    /// Whether everything that is to come again, this too, can be kept here.
    fn is_ours(&self, room: RoomId, client_id: ClientId) -> bool {
        let kept = self.sends.again.get(&room);
        let is_kept = |id: &ClientId| kept.is_some_and(|again| again.kept.contains_key(id));
        let Some(order) = self.sends.orders.get(&room) else {
            return false;
        };
        let mut found = false;
        let ours = |id: ClientId| {
            found |= id == client_id;
            id == client_id || is_kept(&id)
        };
        let mut under_way = self.sends.open.range((room, 0)..=(room, u64::MAX));
        let twice = under_way.any(|(_, open)| open.outgoing.client_id == client_id);
        order.refused().all(ours) && found && !twice && !is_kept(&client_id)
    }

    /// Tells the client of everything that is kept: from here on it is his to send it again.
    pub(super) fn give_back(&mut self, awake: Timestamp, room: RoomId, out: &mut Vec<Effect>) {
        let Some(again) = self.sends.again.remove(&room) else {
            return;
        };
        if again.len() > 0 {
            self.told(awake, room);
        }
        for open in self.in_order(room, again.kept) {
            out.push(refusal(open.reference, open.outgoing.client_id, unknown()));
        }
    }

    /// The client hears only now of what was refused.
    fn told(&mut self, awake: Timestamp, room: RoomId) {
        if let Some(order) = self.sends.orders.get_mut(&room) {
            order.told(awake);
        }
    }

    /// Something new is about to be sent to the room: nothing that is kept may be overtaken by it.
    pub(super) fn before_send(
        &mut self,
        cx: Context<'_>,
        room: RoomId,
        client_id: ClientId,
        out: &mut Vec<Effect>,
    ) {
        let Some(again) = self.sends.again.get(&room) else {
            return;
        };
        if again.kept.contains_key(&client_id) {
            self.give_back(cx.awake, room, out);
        } else if self.is_quiet(room) {
            out.extend(self.send_again(cx.awake, room));
        }
    }

    /// Once everything that is under way is answered, what is kept goes out after a pause.
    pub(super) fn again_soon(&mut self, room: RoomId, out: &mut Vec<Effect>) {
        let quiet = self.is_quiet(room);
        let Some(again) = self.sends.again.get_mut(&room) else {
            return;
        };
        if quiet && again.kept.is_empty() {
            self.sends.again.remove(&room);
        } else if quiet && !again.asked {
            again.asked = true;
            let pause = RESEND_PAUSE_MS << again.rounds.min(16);
            let pause_ms = pause.min(RESEND_PAUSE_MS_MAX);
            out.push(Effect::Again { room, pause_ms });
        }
    }

    /// The pause that `Effect::Again` asked for is over; `awake` as in `Context`.
    pub fn send_again(&mut self, awake: Timestamp, room: RoomId) -> Vec<Effect> {
        let mut out = Vec::new();
        let quiet = self.is_quiet(room);
        let Some(again) = self.sends.again.get_mut(&room) else {
            return out;
        };
        again.asked = false;
        if !quiet {
            return out;
        }
        again.rounds += 1;
        let kept = std::mem::take(&mut again.kept);
        for mut open in self.in_order(room, kept) {
            let order = self.sends.orders.entry(room).or_default();
            let client_id = open.outgoing.client_id;
            open.outgoing.place = order.place(awake, self.me.connection, client_id);
            out.push(Effect::Send(Box::new(open.outgoing.clone())));
            self.sends.open.insert((room, open.outgoing.place.n), open);
        }
        out
    }

    /// Nothing of the room waits for an answer.
    fn is_quiet(&self, room: RoomId) -> bool {
        let order = self.sends.orders.get(&room);
        order.is_none_or(|order| order.in_flight() == 0)
    }

    /// What was kept, in the order in which it was first sent.
    fn in_order(&self, room: RoomId, mut kept: BTreeMap<ClientId, Open>) -> Vec<Open> {
        let order = self.sends.orders.get(&room).into_iter();
        let refused = order.flat_map(SendOrder::refused);
        let mut opens: Vec<_> = refused.filter_map(|id| kept.remove(&id)).collect();
        debug_assert!(kept.is_empty(), "everything that is kept was refused");
        opens.extend(kept.into_values());
        opens
    }
}
