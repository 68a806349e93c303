//! The first entries of a new room: a join per person, the creator first.

use super::append::Answer;
use super::{RoomState, unknown};
use crate::clock::Timestamp;
use crate::entry::{Entry, Event, Role, Salt};
use crate::ids::UserId;
use crate::room::{Reply, Ticket};
use std::collections::BTreeSet;

impl RoomState {
    /// Writes the joins that the log lacks. A founding that was cut short goes on where it ended;
    /// a log with anything else in it is left alone.
    pub(super) fn found(
        &mut self,
        now: Timestamp,
        ticket: Ticket,
        creator: UserId,
        members: &[UserId],
        salts: &[Salt],
    ) {
        if self.stopped {
            self.refuse(ticket, unknown());
            return;
        }
        let people = joins(creator, members);
        let done = self.next_seq - 1;
        let begun = (done as usize) < people.len() && self.was_founded_so(&people);
        let last = if done == 0 || begun {
            let rest = people.iter().enumerate().skip(done as usize);
            let rest: Vec<_> = rest.map(|(i, (user, role))| (i, *user, *role)).collect();
            for (index, user, role) in rest {
                let salt = salts.get(index).copied().unwrap_or_default();
                self.sequence(now, creator, None, Event::Join { user, role }, salt);
            }
            self.next_seq - 1
        } else if done > self.head {
            self.wait(done, ticket, Answer::Unchanged);
            return;
        } else {
            self.reply(ticket, Reply::Unchanged);
            return;
        };
        self.wait(last, ticket, Answer::Stored);
    }

    /// Whether everything that is known of the log is the beginning of just this founding.
    fn was_founded_so(&self, people: &[(UserId, Role)]) -> bool {
        let stored = self.window.iter().map(|(entry, _)| entry);
        let unstored = self.unstored().map(|stored| &stored.entry);
        let people = people.iter().skip(self.window.from() as usize);
        let mut known = stored.chain(unstored).zip(people).peekable();
        known.peek().is_some() && known.all(is_join_of)
    }
}

fn is_join_of((entry, (who, what)): (&Entry, &(UserId, Role))) -> bool {
    matches!(entry.event, Event::Join { user, role } if user == *who && role == *what)
}

fn joins(creator: UserId, members: &[UserId]) -> Vec<(UserId, Role)> {
    let mut seen = BTreeSet::from([creator]);
    let mut people = vec![(creator, Role::Owner)];
    for user in members {
        if seen.insert(*user) {
            people.push((*user, Role::Member));
        }
    }
    people
}
