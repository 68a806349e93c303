//! What every implementation does the same way: pure steps on rows.

use super::{Batch, Marker, Redaction, StoreError, StoreResult};
use crate::clock::Timestamp;
use crate::entry::StoredEntry;
use crate::ids::{Ordinal, Seq, UserId, bucket_of};

impl Marker {
    /// Raises within the generation: each place becomes the maximum, and what was read was delivered (R7).
    pub fn raise(
        &mut self,
        read: Option<(Seq, Ordinal)>,
        delivered: Option<Seq>,
        at: Timestamp,
    ) -> bool {
        let before = *self;
        if let Some((seq, ord)) = read
            && seq > self.read
        {
            self.read = seq;
            self.read_ord = ord;
            self.read_at = at;
        }
        let told = read.map_or(0, |(seq, _)| seq);
        self.delivered = self.delivered.max(told).max(delivered.unwrap_or(0));
        *self != before
    }

    /// What stands once the posts of `user` himself above `viewed` are counted in: where markers
    /// follow the acknowledgement, they may not stand yet. Nothing that he marked afterwards changes.
    pub fn with_own(mut self, user: UserId, tail: &[StoredEntry]) -> Self {
        let own = tail.iter().map(|stored| &stored.entry);
        let own = own.filter(|entry| entry.by == Some(user) && entry.event.is_countable());
        for entry in own {
            if entry.at > self.read_at {
                self.raise(Some((entry.seq, entry.ord)), None, entry.at);
            }
        }
        self
    }

    /// The first place of the next generation: `delivered` never falls.
    pub fn next_generation(&self, read: (Seq, Ordinal), at: Timestamp) -> Self {
        Self {
            generation: self.generation + 1,
            read: read.0,
            read_ord: read.1,
            delivered: self.delivered.max(read.0),
            read_at: at,
        }
    }
}

impl Redaction {
    /// Folds one edit or deletion in; the higher seq wins.
    pub fn fold(&mut self, seq: Seq, deleted: bool) {
        let place = if deleted {
            &mut self.deleted
        } else {
            &mut self.edited
        };
        *place = seq.max(*place);
    }
}

/// Refuses a batch that no owner may ever build, before anything is written.
pub fn check_batch(batch: &Batch, bucket_bits: u32) -> StoreResult<()> {
    let rising = batch
        .entries
        .iter()
        .zip(batch.expected_next..)
        .all(|(stored, seq)| {
            stored.entry.seq == seq
                && stored.entry.room == batch.room
                && bucket_of(seq, bucket_bits) == batch.bucket
        });
    let last = batch.entries.last();
    let closes = last.is_some_and(|last| last.entry.ord == batch.ord && last.link == batch.chain);
    if rising && closes {
        Ok(())
    } else {
        Err(StoreError::Unavailable(
            "the batch is not one run of entries of one bucket".to_owned(),
        ))
    }
}

/// Whether `rows` are exactly the seqs from `from` on, at least up to `until`.
pub fn check_run(rows: &[StoredEntry], from: Seq, until: Seq) -> StoreResult<()> {
    let mut next = from;
    for row in rows {
        if row.entry.seq != next {
            break;
        }
        next += 1;
    }
    let whole = next == from + rows.len() as u64 && next > until;
    if whole {
        Ok(())
    } else {
        Err(StoreError::Corrupt(format!("entry {next} is missing")))
    }
}

/// Takes the content of an entry away for good (R15).
pub fn erase_entry(stored: &mut StoredEntry) {
    stored.entry.event.redact();
    stored.entry.redacted = true;
    stored.salt = None;
}

impl super::Invite {
    /// Whether a sign-up may use it at `now`.
    pub fn usable(&self, now: Timestamp) -> bool {
        self.uses_left != Some(0) && self.expires_at.is_none_or(|at| now < at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Entry, Event, Mentions};
    use crate::ids::RoomId;

    const ANN: UserId = UserId(uuid::Uuid::from_u128(1));
    const BEN: UserId = UserId(uuid::Uuid::from_u128(2));

    fn post(by: UserId, seq: Seq, at: i64) -> StoredEntry {
        let event = Event::Post {
            body: Some("low water".to_owned()),
            reply_to: None,
            mentions: Mentions::default(),
        };
        let entry = Entry {
            room: RoomId::from_bytes([7; 16]),
            seq,
            ord: seq,
            at: Timestamp(at),
            by: Some(by),
            client_id: None,
            event,
            redacted: false,
        };
        StoredEntry::seal(entry, [0; 16], &[0; 32])
    }

    #[test]
    fn what_ann_wrote_she_has_read_though_her_marker_does_not_stand_yet() {
        let before = Marker {
            read: 2,
            read_ord: 2,
            read_at: Timestamp(20),
            ..Marker::default()
        };
        let tail = [post(BEN, 3, 30), post(ANN, 4, 40), post(BEN, 5, 50)];
        let stands = before.with_own(ANN, &tail);
        assert_eq!((stands.read, stands.read_ord, stands.delivered), (4, 4, 4));
        assert_eq!(before.with_own(UserId::from_bytes([3; 16]), &tail), before);
    }

    #[test]
    fn what_ann_kept_unread_after_she_wrote_stays_unread() {
        let kept = Marker {
            generation: 1,
            read: 2,
            read_ord: 2,
            read_at: Timestamp(60),
            ..Marker::default()
        };
        assert_eq!(kept.with_own(ANN, &[post(ANN, 4, 40)]), kept);
    }
}
