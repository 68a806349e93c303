//! Group commit: one batch in flight, what comes meanwhile goes into the next.

use super::append::{Answer, Sequenced, Waiter};
use super::{RoomState, stored, unknown};
use crate::entry::{Entry, Event};
use crate::ids::{Seq, bucket_of};
use crate::limits::{BATCH_BYTES_MAX, BATCH_ENTRIES_MAX};
use crate::room::{Reply, RoomEffect};
use crate::store::views::guards_of;
use crate::store::{Batch, Statics};
use std::sync::Arc;

/// What an entry takes besides its content: ids, hashes, numbers.
const ENTRY_BYTES: usize = 256;
const MENTION_BYTES: usize = 16;

impl RoomState {
    pub(super) fn start_batch(&mut self) {
        if !self.in_flight.is_empty() || self.queue.is_empty() {
            return;
        }
        let bucket = bucket_of(self.head + 1, self.bucket_bits);
        let count = self.fitting(bucket);
        self.in_flight.extend(self.queue.drain(..count));
        let open = (bucket != self.bucket).then(|| self.bucket_statics(bucket));
        self.bucket = bucket;
        let batch = Box::new(self.batch(bucket));
        self.effects.push(RoomEffect::Commit { open, batch });
    }

    /// How many entries the next batch takes: at least one, never over the edge of the bucket.
    fn fitting(&self, bucket: u64) -> usize {
        let mut bytes = 0;
        let fit = self.queue.iter().take(BATCH_ENTRIES_MAX);
        let fit = fit.take_while(|next| {
            let entry = &next.stored.entry;
            let first = bytes == 0;
            bytes += size_of(entry);
            let small = first || bytes <= BATCH_BYTES_MAX;
            small && bucket_of(entry.seq, self.bucket_bits) == bucket
        });
        fit.count()
    }

    /// What a new bucket begins with: the state that the log has before this batch.
    fn bucket_statics(&self, bucket: u64) -> Statics {
        Statics {
            bucket,
            ..self.statics()
        }
    }

    fn batch(&self, bucket: u64) -> Batch {
        let entries = self.in_flight.iter().map(|s| s.stored.clone());
        let guards = self.in_flight.iter();
        let last = self.in_flight.last().map(|s| &s.stored);
        Batch {
            room: self.room,
            bucket,
            owner: self.me,
            expected_next: self.head + 1,
            entries: entries.collect(),
            guards: guards
                .flat_map(|s| guards_of(self.kind, &s.stored.entry))
                .collect(),
            ord: last.map_or(self.stored_ord, |last| last.entry.ord),
            chain: last.map_or(self.stored_chain, |last| last.link),
            viewed: self.unviewed.viewed(),
        }
    }

    pub(super) fn committed(&mut self) {
        if self.stopped || self.in_flight.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.in_flight);
        let mut entries = Vec::with_capacity(batch.len());
        let mut confirm = false;
        for Sequenced { stored, erase } in batch {
            self.stored_ord = stored.entry.ord;
            self.stored_chain = stored.link;
            let entry = Arc::new(stored.entry);
            self.head = entry.seq;
            confirm |= matches!(entry.event, Event::Leave { .. });
            self.window.push(Arc::clone(&entry), stored.digest);
            let contents = erase.iter().map(|(seq, _)| *seq);
            self.window.redact(&entry.event, contents);
            self.unviewed.push(&entry, erase);
            entries.push(entry);
        }
        for entry in &entries {
            self.answer_waiters(entry);
        }
        self.effects.push(RoomEffect::Publish { entries, confirm });
        self.forget();
    }

    fn answer_waiters(&mut self, entry: &Arc<Entry>) {
        let waiters = self.waiters.remove(&entry.seq).unwrap_or_default();
        self.waiting -= waiters.len();
        for Waiter { ticket, with } in waiters {
            let reply = match with {
                Answer::Stored => stored(Arc::clone(entry), false),
                Answer::Repeated => match self.window.entry(entry.seq) {
                    Some(entry) => stored(entry, true),
                    None => Reply::Refused(unknown()),
                },
                Answer::Unchanged => Reply::Unchanged,
            };
            match entry.event {
                Event::Leave { .. } => self.undelivered.push_back((entry.seq, ticket, reply)),
                _ => self.reply(ticket, reply),
            }
        }
    }

    /// Everybody removed up to `upto` is out of every relay: the removals are acknowledged.
    pub(super) fn delivered(&mut self, upto: Seq) {
        while self
            .undelivered
            .front()
            .is_some_and(|(seq, ..)| *seq <= upto)
        {
            if let Some((_, ticket, reply)) = self.undelivered.pop_front() {
                self.reply(ticket, reply);
            }
        }
    }

    /// Another owner has the room: whoever waits is told to send again, and this incarnation ends.
    pub(super) fn fenced(&mut self) {
        if self.stopped {
            return;
        }
        self.stopped = true;
        let waiters = std::mem::take(&mut self.waiters).into_values().flatten();
        let mut tickets: Vec<_> = waiters.map(|waiter| waiter.ticket).collect();
        let undelivered = std::mem::take(&mut self.undelivered);
        tickets.extend(undelivered.into_iter().map(|(_, ticket, _)| ticket));
        let parked = std::mem::take(&mut self.parked).into_values().flatten();
        tickets.extend(parked.map(|parked| parked.send.ticket));
        for ticket in tickets {
            self.refuse(ticket, unknown());
        }
        self.waiting = 0;
        self.queue.clear();
        self.in_flight.clear();
        self.loads.clear();
        self.effects.push(RoomEffect::Stop);
    }
}

fn size_of(entry: &Entry) -> usize {
    let mentions = match &entry.event {
        Event::Post { mentions, .. } => mentions.users.len(),
        _ => 0,
    };
    let text = match &entry.event {
        Event::Topic { topic } => topic.len(),
        event => event.content().map_or(0, str::len),
    };
    ENTRY_BYTES + text + mentions * MENTION_BYTES
}
