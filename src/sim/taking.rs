//! Taking a room over (R1, R4), with everything that may go wrong in between.

use super::Mutant;
use super::owner::{Purpose, TRIES_MAX};
use super::storage::{Answer, Request};
use super::world::{At, Happening, World};
use crate::cluster::state::Event;
use crate::entry::StoredEntry;
use crate::ids::bucket_of;
use crate::room::state::RoomState;
use crate::room::{Orders, Recovered};
use crate::store::views::views_of;
use crate::store::{Member, Outcome, Statics};

impl World {
    pub(super) fn take_over_answered(&mut self, at: At, purpose: Purpose, answer: Answer) {
        let reread = self.mutant != Some(Mutant::NoRereadAfterTakeOver);
        let Some(owner) = self.owner(at).filter(|owner| owner.state.is_none()) else {
            return;
        };
        let me = owner.me;
        match (purpose, answer) {
            (Purpose::Look, Answer::Statics(Some(statics))) => {
                let request = Request::TakeOver {
                    bucket: statics.bucket,
                    expected: statics.owner,
                    me,
                    epoch: statics.epoch + 1,
                };
                let before = Box::new(statics);
                self.ask(at, Purpose::Take { before }, request);
            }
            (Purpose::Take { before }, Answer::Outcome(outcome)) => {
                let mine = match outcome {
                    Outcome::Applied => true,
                    Outcome::Refused(there) => there.is_some_and(|s| s.owner == Some(me)),
                };
                match (mine, reread) {
                    (true, true) => self.ask(at, Purpose::LookAgain, Request::LastBucket),
                    (true, false) => self.read_rest(at, *before),
                    (false, _) => self.take_over_again(at),
                }
            }
            (Purpose::LookAgain, Answer::Statics(Some(there))) if there.owner == Some(me) => {
                let open = bucket_of(there.next_seq, self.plan.bucket_bits);
                if there.bucket == open {
                    return self.read_rest(at, there);
                }
                let next = Statics {
                    bucket: open,
                    ..there
                };
                self.ask(at, Purpose::OpenNext, Request::Open(next));
            }
            (Purpose::OpenNext, Answer::Outcome(_)) => {
                self.ask(at, Purpose::LookAgain, Request::LastBucket);
            }
            (Purpose::Read { statics }, Answer::Rest(members, tail)) => {
                self.recover(at, *statics, members, tail);
            }
            _ => self.take_over_again(at),
        }
    }

    fn take_over_again(&mut self, at: At) {
        let me = self.fresh_owner(at.node);
        let Some(owner) = self.owner(at) else {
            return;
        };
        owner.me = me;
        owner.tries += 1;
        if owner.tries > TRIES_MAX {
            return self.end_owner(at, Orders::new());
        }
        self.ask(at, Purpose::Look, Request::LastBucket);
    }

    fn read_rest(&mut self, at: At, statics: Statics) {
        let (viewed, head) = (statics.viewed, statics.head());
        let statics = Box::new(statics);
        self.ask(
            at,
            Purpose::Read { statics },
            Request::Rest { viewed, head },
        );
    }

    fn recover(
        &mut self,
        at: At,
        mut statics: Statics,
        members: Vec<Member>,
        mut tail: Vec<StoredEntry>,
    ) {
        self.coverage.take_overs += 1;
        self.coverage.redone += u64::from(!tail.is_empty());
        match self.mutant {
            Some(Mutant::NoDedupeAfterRestart) => {
                let views = tail
                    .iter()
                    .flat_map(|stored| views_of(&stored.entry))
                    .collect();
                let erase = Vec::new();
                let request = Request::Views { views, erase };
                let late = Happening::Store {
                    at,
                    purpose: Purpose::Aside,
                    request,
                    answered: false,
                };
                self.after(5_000, 5_000, late);
                tail.clear();
                statics.viewed = statics.head();
            }
            Some(Mutant::ViewsNotRedone) => statics.viewed = statics.head(),
            _ => {}
        }
        let (room, kind) = (self.rooms[at.room], self.kind(at.room));
        let bits = self.plan.bucket_bits;
        let Some(owner) = self.owner(at) else {
            return;
        };
        let recovered = Recovered {
            room,
            kind,
            floor: 0,
            me: owner.me,
            statics,
            members,
            tail,
        };
        let (mut state, effects) = RoomState::recover(recovered, bits);
        state.go_on_from(&std::mem::take(&mut owner.orders));
        let head = state.head();
        owner.state = Some(state);
        let waiting = std::mem::take(&mut owner.waiting);
        self.tell_core(at.node, Event::Owns { room, head });
        self.effects(at, effects);
        for forward in waiting {
            self.command(at.node, at.room, forward);
        }
    }
}
