//! Sequencing: an accepted command gets its seq, its place in the chain and somebody to answer.

use super::RoomState;
use crate::clock::Timestamp;
use crate::entry::{Entry, Event, Hash, Salt, StoredEntry};
use crate::ids::{ClientId, Seq, UserId};
use crate::room::Ticket;

/// An entry that has its seq and is not stored yet.
#[derive(Debug)]
pub(super) struct Sequenced {
    pub stored: StoredEntry,
    /// What it redacts.
    pub erase: Vec<(Seq, Hash)>,
}

/// Who is answered when a seq is stored.
#[derive(Debug)]
pub(super) struct Waiter {
    pub ticket: Ticket,
    pub with: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Stored,
    Repeated,
    Unchanged,
}

impl RoomState {
    pub(super) fn sequence(
        &mut self,
        now: Timestamp,
        by: UserId,
        client_id: Option<ClientId>,
        event: Event,
        salt: Salt,
    ) -> Seq {
        let seq = self.next_seq;
        let entry = Entry {
            room: self.room,
            seq,
            ord: self.ord + u64::from(event.is_countable()),
            at: now,
            by: Some(by),
            client_id,
            event,
            redacted: false,
        };
        self.members.note(seq, &entry.event);
        self.window.learn_key(&entry);
        self.ord = entry.ord;
        let stored = StoredEntry::seal(entry, salt, &self.chain);
        self.chain = stored.link;
        self.next_seq += 1;
        let erase = self.targets.note(&stored.entry, stored.digest);
        self.queue.push_back(Sequenced { stored, erase });
        seq
    }

    /// Answers `ticket` when `seq` is stored.
    pub(super) fn wait(&mut self, seq: Seq, ticket: Ticket, with: Answer) {
        debug_assert!(seq > self.head);
        self.waiting += 1;
        let waiters = self.waiters.entry(seq).or_default();
        waiters.push(Waiter { ticket, with });
    }

    /// Entries that are sequenced and not stored, ascending.
    pub(super) fn unstored(&self) -> impl Iterator<Item = &StoredEntry> {
        let flying = self.in_flight.iter();
        flying.chain(&self.queue).map(|sequenced| &sequenced.stored)
    }
}
