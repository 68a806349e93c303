//! The way of a command in: membership, order, its key, and only then what it wants.

use super::append::Answer;
use super::decide::Decision;
use super::loads::Parked;
use super::{RoomState, busy, stored, unknown};
use crate::access::{Action, can};
use crate::clock::Timestamp;
use crate::error::{Code, Error};
use crate::ids::ClientId;
use crate::limits::{ROOM_BEHIND_LOAD_MAX, ROOM_PENDING_MAX};
use crate::room::{Draft, Load, Send};

impl RoomState {
    pub(super) fn hear(&mut self, now: Timestamp, send: Send) {
        if self.stopped {
            self.refuse(send.ticket, unknown());
            return;
        }
        let gate = send.place.as_ref().and_then(|p| self.connections.arrive(p));
        if let Some(behind) = self.parked.get(&send.actor.user) {
            match behind.len() > ROOM_BEHIND_LOAD_MAX {
                true => self.turn_away(&send, busy()),
                false => self.park(Parked::new(send, gate)),
            }
            return;
        }
        self.admit(now, Parked::new(send, gate));
    }

    /// Judges a command whose turn it is. It may end parked again, behind a load.
    pub(super) fn admit(&mut self, now: Timestamp, parked: Parked) {
        if let Err(error) = self.may_know(&parked.send) {
            self.turn_away(&parked.send, error);
            return;
        }
        if let Some(client_id) = parked.send.client_id {
            if self.answer_known(&parked.send, client_id) {
                return;
            }
            if !parked.key_is_new && parked.send.after < self.window.from() {
                let sender = parked.send.actor.user;
                self.load(Load::Sent { sender, client_id }, parked);
                return;
            }
        }
        let error = self
            .gate(&parked)
            .or_else(|| self.wrong_after(&parked.send));
        if let Some(error) = error {
            self.turn_away(&parked.send, error);
            return;
        }
        match self.decide(&parked) {
            Decision::Load(seq) => self.load(Load::Target { seq }, parked),
            Decision::Refuse(error) => self.turn_away(&parked.send, error),
            Decision::Unchanged(since) => self.unchanged(&parked.send, since),
            Decision::Append(event) => {
                if self.lags() || self.waiting >= ROOM_PENDING_MAX {
                    self.turn_away(&parked.send, busy());
                    return;
                }
                let send = parked.send;
                let seq = self.sequence(now, send.actor.user, send.client_id, event, send.salt);
                self.wait(seq, send.ticket, Answer::Stored);
            }
        }
    }

    /// Outsiders learn nothing, except that a channel can be joined.
    fn may_know(&self, send: &Send) -> Result<(), Error> {
        let joins = matches!(send.draft, Draft::PutMember { user, .. } if user == send.actor.user);
        let action = if joins { Action::Join } else { Action::Read };
        Ok(can(&send.actor, action, &self.facts_of(send.actor.user))?)
    }

    /// Answers a key that stands or is on its way.
    fn answer_known(&mut self, send: &Send, client_id: ClientId) -> bool {
        let Some(seq) = self.window.key(send.actor.user, client_id) else {
            return false;
        };
        match self.window.entry(seq) {
            Some(entry) => self.reply(send.ticket, stored(entry, true)),
            None if self.waiting >= 2 * ROOM_PENDING_MAX => self.turn_away(send, busy()),
            None => self.wait(seq, send.ticket, Answer::Repeated),
        }
        true
    }

    /// Whether order forbids to apply it now.
    fn gate(&self, parked: &Parked) -> Option<Error> {
        let place = parked.send.place.as_ref()?;
        let held = self.connections.held(place);
        let code = held.or(place.refuse_with).or(parked.gate)?;
        let why = "Something sent before this was not taken. Send again in order.";
        Some(Error::new(code, why))
    }

    fn wrong_after(&self, send: &Send) -> Option<Error> {
        send.client_id?;
        // What is being written may already stand in the store, where others read it and go on from
        // it, before this owner hears so.
        if send.after >= self.next_seq {
            return Some(Error::bad_request("`after` is above the head of the room."));
        }
        (send.after < self.floor).then(|| {
            let why =
                "Too old to tell whether it was sent before: history up to there was removed.";
            Error::new(Code::Conflict, why)
        })
    }

    /// Nothing to do; said once what made it so is stored.
    fn unchanged(&mut self, send: &Send, since: u64) {
        match since > self.head {
            true => self.wait(since, send.ticket, Answer::Unchanged),
            false => self.reply(send.ticket, crate::room::Reply::Unchanged),
        }
    }

    /// Refuses, and holds what comes behind if the sender will repeat by himself.
    pub(super) fn turn_away(&mut self, send: &Send, error: Error) {
        if let Some(place) = send.place.as_ref().filter(|_| error.code.holds_order()) {
            self.connections.hold(place, error.code);
        }
        self.refuse(send.ticket, error);
    }
}
