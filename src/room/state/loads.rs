//! Questions to the store, and who waits behind them.

use super::decide::post_of;
use super::{RoomState, stored};
use crate::clock::Timestamp;
use crate::error::{Code, Error};
use crate::ids::{Seq, UserId};
use crate::room::{Load, LoadId, Loaded, RoomEffect, Send, TargetFacts};
use std::collections::VecDeque;

/// Whose question it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum LoadFor {
    /// The first parked command of this person, asked when views stood up to `viewed`.
    Sender { user: UserId, viewed: Seq },
    /// The redoing of views: what a redaction of this post erases.
    Redo(Seq),
}

/// A command that waits for an answer, or behind one.
#[derive(Debug)]
pub(super) struct Parked {
    pub send: Send,
    /// Set at arrival: it came out of order.
    pub gate: Option<Code>,
    /// The store does not know its key.
    pub key_is_new: bool,
    /// The store knows no post at this place.
    pub no_post: Option<Seq>,
}

impl Parked {
    pub fn new(send: Send, gate: Option<Code>) -> Self {
        Self {
            send,
            gate,
            key_is_new: false,
            no_post: None,
        }
    }
}

impl RoomState {
    /// Parks a command behind those of the same sender.
    pub(super) fn park(&mut self, parked: Parked) {
        let behind = self.parked.entry(parked.send.actor.user).or_default();
        behind.push_back(parked);
    }

    /// Asks the store; the asking command waits in front of its sender's others.
    pub(super) fn load(&mut self, what: Load, parked: Parked) {
        let sender = parked.send.actor.user;
        self.parked.entry(sender).or_default().push_front(parked);
        self.ask_for(sender, what);
    }

    fn ask_for(&mut self, user: UserId, what: Load) {
        let viewed = self.unviewed.viewed();
        self.ask(LoadFor::Sender { user, viewed }, what);
    }

    fn ask(&mut self, whose: LoadFor, what: Load) {
        self.last_load += 1;
        let load = self.last_load;
        self.loads.insert(load, whose);
        self.effects.push(RoomEffect::Load { load, what });
    }

    /// Asks what is to be erased of an old post before its redaction's views can be redone.
    pub(super) fn ask_contents(&mut self, seq: Seq) {
        let redacting = self.unviewed.unknown.get(&seq);
        let Some(&upto) = redacting.and_then(|by| by.last()) else {
            return;
        };
        let viewed = self.unviewed.viewed();
        self.ask(LoadFor::Redo(seq), Load::Contents { seq, viewed, upto });
    }

    /// Puts the redo's failed questions again.
    pub(super) fn ask_again(&mut self) {
        if self.stopped {
            return;
        }
        for seq in std::mem::take(&mut self.unviewed.to_ask) {
            self.ask_contents(seq);
        }
    }

    pub(super) fn loaded(&mut self, now: Timestamp, load: LoadId, facts: Result<Loaded, Error>) {
        match self.loads.remove(&load) {
            Some(LoadFor::Redo(seq)) => self.learn_redo(seq, facts),
            Some(LoadFor::Sender { user, viewed }) => {
                // What was read may lack what the window has let go since: read again.
                match (&facts, self.window.from() > viewed) {
                    (Ok(Loaded::Target(_)), true) => self.reload(user),
                    _ => self.resume(now, user, facts),
                }
            }
            None => {}
        }
        self.forget();
    }

    fn reload(&mut self, user: UserId) {
        let first = self.parked.get(&user).and_then(VecDeque::front);
        if let Some(seq) = first.and_then(|first| post_of(&first.send.draft)) {
            self.ask_for(user, Load::Target { seq });
        }
    }

    fn learn_redo(&mut self, seq: Seq, facts: Result<Loaded, Error>) {
        match facts {
            Ok(Loaded::Contents(contents)) => self.unviewed.learn(seq, &contents),
            Ok(_) => self.unviewed.learn(seq, &[]),
            Err(_) => self.ask_later(seq),
        }
    }

    /// Nobody may ever come again, so the room itself remembers to ask; once for all that failed.
    fn ask_later(&mut self, seq: Seq) {
        if self.unviewed.to_ask.is_empty() {
            self.effects.push(RoomEffect::AskLater);
        }
        self.unviewed.to_ask.push(seq);
    }

    fn resume(&mut self, now: Timestamp, sender: UserId, facts: Result<Loaded, Error>) {
        let mut behind = self.parked.remove(&sender).unwrap_or_default();
        if let Some(first) = behind.pop_front() {
            self.resume_first(now, first, facts);
        }
        self.drain(now, sender, behind);
    }

    /// Commands in order, until one of them asks the store again.
    fn drain(&mut self, now: Timestamp, sender: UserId, mut behind: VecDeque<Parked>) {
        loop {
            if let Some(again) = self.parked.get_mut(&sender) {
                again.append(&mut behind);
                return;
            }
            let Some(next) = behind.pop_front() else {
                return;
            };
            self.admit(now, next);
        }
    }

    fn resume_first(&mut self, now: Timestamp, mut first: Parked, facts: Result<Loaded, Error>) {
        match facts {
            Err(error) => {
                self.turn_away(&first.send, error);
                return;
            }
            Ok(Loaded::Sent(Some(entry))) => {
                self.answer_loaded(&first.send, entry);
                return;
            }
            Ok(Loaded::Sent(None)) => first.key_is_new = true,
            Ok(Loaded::Target(facts)) => {
                let Some(seq) = post_of(&first.send.draft) else {
                    return;
                };
                match facts {
                    Some(facts) => self.learn_target(seq, facts),
                    None => first.no_post = Some(seq),
                }
            }
            // A redo's answer, which no sender waits for.
            Ok(Loaded::Contents(_)) => return,
        }
        self.admit(now, first);
    }

    /// A repeat found in the store; membership may have ended in the meantime.
    fn answer_loaded(&mut self, send: &Send, entry: std::sync::Arc<crate::entry::Entry>) {
        match self.facts_of(send.actor.user).role {
            Some(_) => self.reply(send.ticket, stored(entry, true)),
            None => self.refuse(send.ticket, Error::not_found()),
        }
    }

    /// The answer was read while entries were under way: those in memory are put on top.
    fn learn_target(&mut self, seq: Seq, facts: TargetFacts) {
        let unstored = self.in_flight.iter().chain(&self.queue);
        let unstored = unstored.map(|s| (&s.stored.entry, s.stored.digest));
        let since = self.window.iter().chain(unstored);
        self.targets.learn(seq, facts, since);
    }
}
