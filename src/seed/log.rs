//! Writes a room's log as its owner would, with times of its own.

use crate::clock::Timestamp;
use crate::entry::{Entry, Event, Hash, RoomKind, StoredEntry};
use crate::error::{Error, Result};
use crate::ids::{ClientId, OwnerId, Seq, UserId, bucket_of};
use crate::limits::{BATCH_BYTES_MAX, BATCH_ENTRIES_MAX};
use crate::room::directory::fresh_salt;
use crate::store::views::{guards_of, views_of};
use crate::store::{Batch, Outcome, RoomRow, Statics, Store, View};
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// The log of one new room, until `finish`.
pub struct LogWriter {
    store: Arc<dyn Store>,
    room: RoomRow,
    owner: OwnerId,
    bits: u32,
    statics: Statics,
    waiting: Vec<StoredEntry>,
    waiting_bytes: usize,
    /// Digests of what may be hidden later, by the post that it belongs to.
    contents: HashMap<Seq, Vec<(Seq, Hash)>>,
    authors: HashMap<Seq, UserId>,
    erase: Vec<(Seq, Hash)>,
    chain: Hash,
    ord: u64,
}

impl LogWriter {
    /// Creates the room and takes it.
    pub async fn create(store: &Arc<dyn Store>, room: RoomRow, bits: u32) -> Result<Self> {
        if !store.create_room(&room).await? {
            return Err(Error::internal());
        }
        let owner = OwnerId(Uuid::new_v4());
        let statics = store.last_bucket(room.id, 0).await?;
        let statics = statics.ok_or_else(Error::internal)?;
        let taken = store
            .take_over(
                room.id,
                statics.bucket,
                statics.owner,
                owner,
                statics.epoch + 1,
            )
            .await?;
        if taken != Outcome::Applied {
            return Err(Error::internal());
        }
        Ok(Self {
            store: Arc::clone(store),
            room,
            owner,
            bits,
            chain: statics.chain,
            ord: statics.ord,
            statics,
            waiting: Vec::new(),
            waiting_bytes: 0,
            contents: HashMap::new(),
            authors: HashMap::new(),
            erase: Vec::new(),
        })
    }

    pub fn kind(&self) -> RoomKind {
        self.room.kind
    }

    /// The seq that the next entry gets.
    pub fn next_seq(&self) -> Seq {
        self.statics.next_seq + self.waiting.len() as u64
    }

    /// Who wrote the post at `seq`.
    pub fn author(&self, seq: Seq) -> Option<UserId> {
        self.authors.get(&seq).copied()
    }

    /// Appends an entry; answers its seq.
    pub async fn append(&mut self, at: Timestamp, by: UserId, event: Event) -> Result<Seq> {
        let seq = self.next_seq();
        let size = event.content().map_or(0, str::len) + 512;
        let full = self.waiting.len() >= BATCH_ENTRIES_MAX
            || self.waiting_bytes + size > BATCH_BYTES_MAX
            || bucket_of(seq, self.bits) != self.statics.bucket;
        if full {
            self.flush().await?;
        }
        self.ord += u64::from(event.is_countable());
        if event.is_countable() {
            self.authors.insert(seq, by);
        }
        let members = matches!(
            event,
            Event::Join { .. } | Event::Leave { .. } | Event::Role { .. }
        );
        let entry = Entry {
            room: self.room.id,
            seq,
            ord: self.ord,
            at,
            by: Some(by),
            client_id: (!members).then(|| ClientId(Uuid::now_v7())),
            event,
            redacted: false,
        };
        self.note(&entry);
        let stored = StoredEntry::seal(entry, fresh_salt(), &self.chain);
        if let Some(target) = content_of(&stored.entry) {
            let contents = self.contents.entry(target).or_default();
            contents.push((seq, stored.digest));
        }
        self.chain = stored.link;
        self.waiting_bytes += size;
        self.waiting.push(stored);
        Ok(seq)
    }

    /// What an edit or a deletion hides is erased at the end.
    fn note(&mut self, entry: &Entry) {
        if let Event::Edit { target, .. } | Event::Delete { target } = entry.event
            && let Some(contents) = self.contents.get_mut(&target)
        {
            self.erase.append(contents);
        }
    }

    async fn flush(&mut self) -> Result<()> {
        let entries = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return Ok(());
        };
        let bucket = bucket_of(first.entry.seq, self.bits);
        if bucket != self.statics.bucket {
            self.statics.bucket = bucket;
            let opened = self
                .store
                .open_bucket(self.room.id, self.statics.clone())
                .await?;
            if opened != Outcome::Applied {
                return Err(Error::internal());
            }
        }
        let (next, ord, chain) = (last.entry.seq + 1, last.entry.ord, last.link);
        let guards = entries
            .iter()
            .flat_map(|stored| guards_of(self.room.kind, &stored.entry))
            .collect();
        let views: Vec<View> = entries
            .iter()
            .flat_map(|stored| views_of(&stored.entry))
            .collect();
        let batch = Batch {
            room: self.room.id,
            bucket,
            owner: self.owner,
            expected_next: self.statics.next_seq,
            entries,
            guards,
            ord,
            chain,
            viewed: self.statics.head(),
        };
        if self.store.append(&batch).await? != Outcome::Applied {
            return Err(Error::internal());
        }
        self.store.write_views(self.room.id, &views).await?;
        self.statics = Statics {
            next_seq: next,
            ord,
            chain,
            viewed: batch.viewed,
            ..self.statics.clone()
        };
        Ok(())
    }

    /// Writes what waits, and erases what was hidden; answers the head.
    pub async fn finish(mut self) -> Result<Seq> {
        self.flush().await?;
        self.store.erase(self.room.id, &self.erase).await?;
        Ok(self.statics.head())
    }
}

/// The post whose redaction erases the content of this entry.
fn content_of(entry: &Entry) -> Option<Seq> {
    match &entry.event {
        Event::Post { .. } => Some(entry.seq),
        Event::Edit { target, .. } => Some(*target),
        _ => None,
    }
}
