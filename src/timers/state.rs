//! What a node does about timers, without clock, store or rooms: claim what is due, do it, close it.
//!
//! A claim stands in the store, so whatever is lost here (an answer, this whole node) comes to
//! somebody when the claim has run out. Everything is done at least once, and twice is harmless.

use crate::clock::Timestamp;
use crate::error::Code;
use crate::ids::TimerId;
use crate::limits::{
    TIMER_CLAIM_MS, TIMER_PAUSE_MS, TIMER_PAUSE_MS_MAX, TIMER_TRIES_MAX, TIMERS_AT_ONCE,
};
use crate::store::{DueTimer, Timer};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Tick,
    /// What the look found; empty also if the store did not answer.
    Found(Vec<DueTimer>),
    /// The claim, if it is this node's.
    Claimed(TimerId, Option<Uuid>),
    Done(TimerId, Outcome),
    /// End, failure or pause stands in the store, or that is not known.
    Closed(TimerId),
}

/// How doing it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// It will never be done.
    Refused(Code),
    /// Not now, or not known.
    Open,
}

/// What the shell has to do; each is answered by one event.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Look {
        most: usize,
    },
    Claim {
        due: DueTimer,
        until: Timestamp,
    },
    Do(Timer),
    End(Timer, Uuid),
    /// Later, and by whoever it is.
    Defer(Timer, Uuid, Timestamp),
    Fail(Timer, Uuid, Code),
}

/// How long what came to no end waits, after so many tries before this one.
fn pause_ms(tries: u32) -> i64 {
    let doubled = 2_i64.saturating_pow(tries);
    TIMER_PAUSE_MS
        .saturating_mul(doubled)
        .min(TIMER_PAUSE_MS_MAX)
}

#[derive(Debug, Default)]
pub struct TimersState {
    looking: bool,
    held: BTreeMap<TimerId, Held>,
}

#[derive(Debug)]
struct Held {
    timer: Timer,
    tries: u32,
    /// Nil until it is claimed.
    claimant: Uuid,
}

impl TimersState {
    pub fn apply(&mut self, now: Timestamp, event: Event) -> Vec<Effect> {
        match event {
            Event::Tick => self.look().into_iter().collect(),
            Event::Found(found) => {
                self.looking = false;
                let claims = found.into_iter().filter_map(|due| self.claim(now, due));
                claims.collect()
            }
            Event::Claimed(id, Some(claimant)) => self.claimed(id, claimant).into_iter().collect(),
            Event::Done(id, Outcome::Done) => {
                let end = |held: &Held| Effect::End(held.timer.clone(), held.claimant);
                self.held.get(&id).map(end).into_iter().collect()
            }
            Event::Done(id, Outcome::Refused(code)) => {
                let fail = |held: &Held| Effect::Fail(held.timer.clone(), held.claimant, code);
                self.held.get(&id).map(fail).into_iter().collect()
            }
            Event::Done(id, Outcome::Open) => {
                let defer = |held: &Held| {
                    let until = now.plus_ms(pause_ms(held.tries));
                    Effect::Defer(held.timer.clone(), held.claimant, until)
                };
                self.held.get(&id).map(defer).into_iter().collect()
            }
            // What could not be closed is found again when the claim has run out.
            Event::Claimed(id, None) | Event::Closed(id) => {
                self.held.remove(&id);
                Vec::new()
            }
        }
    }

    fn claimed(&mut self, id: TimerId, claimant: Uuid) -> Option<Effect> {
        let held = self.held.get_mut(&id)?;
        held.claimant = claimant;
        let timer = held.timer.clone();
        Some(match held.tries >= TIMER_TRIES_MAX {
            true => Effect::Fail(timer, claimant, Code::Unavailable),
            false => Effect::Do(timer),
        })
    }

    /// Timers that this node is about.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    fn look(&mut self) -> Option<Effect> {
        let most = TIMERS_AT_ONCE - self.held.len();
        if self.looking || most == 0 {
            return None;
        }
        self.looking = true;
        Some(Effect::Look { most })
    }

    fn claim(&mut self, now: Timestamp, due: DueTimer) -> Option<Effect> {
        let timer = due.timer.clone();
        let full = self.held.len() >= TIMERS_AT_ONCE;
        if full || self.held.contains_key(&timer.id) {
            return None;
        }
        let held = Held {
            timer,
            tries: due.tries,
            claimant: Uuid::nil(),
        };
        self.held.insert(due.timer.id, held);
        let until = now.plus_ms(TIMER_CLAIM_MS);
        Some(Effect::Claim { due, until })
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
