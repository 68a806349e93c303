//! Writes a room as its owner does, one entry at a time, and reads it as everybody does.

use crate::clock::Timestamp;
use crate::entry::{Entry, Event, Hash, Mentions, RoomKind, StoredEntry};
use crate::ids::{OwnerId, RoomId, Seq, UserId, bucket_of};
use crate::limits::BUCKET_BITS;
use crate::store::views::{guards_of, views_of};
use crate::store::{Batch, Outcome, RoomRow, Statics, Store};
use crate::testing::probe::user;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

pub struct Pen {
    pub store: Arc<dyn Store>,
    pub room: RoomId,
    owner: OwnerId,
    statics: Statics,
    /// What was not hidden yet of a post: entry and digest.
    contents: BTreeMap<Seq, Vec<(Seq, Hash)>>,
    deleted: BTreeSet<Seq>,
    /// What guards say stands later than the entries.
    pub guards_follow: bool,
}

pub fn post(body: &str, reply_to: Option<Seq>) -> Event {
    Event::Post {
        body: Some(body.to_owned()),
        reply_to,
        mentions: Mentions::default(),
    }
}

pub fn edit(target: Seq, body: &str) -> Event {
    let body = Some(body.to_owned());
    Event::Edit { target, body }
}

pub fn react(target: Seq, emoji: &str, on: bool) -> Event {
    let emoji = Some(emoji.to_owned());
    match on {
        true => Event::React { target, emoji },
        false => Event::Unreact { target, emoji },
    }
}

impl Pen {
    pub async fn new(store: Arc<dyn Store>) -> Self {
        let room = RoomId(Uuid::now_v7());
        let row = RoomRow {
            id: room,
            kind: RoomKind::Group,
            name: None,
            topic: String::new(),
            created_at: Timestamp(0),
            created_by: user(1),
            pair: None,
            floor: 0,
        };
        assert!(store.create_room(&row).await.expect("stored"));
        let owner = OwnerId(Uuid::new_v4());
        let taken = store.take_over(room, 0, None, owner, 1).await;
        assert_eq!(taken.expect("stored"), Outcome::Applied);
        let statics = store.last_bucket(room, 0).await.expect("read");
        Self {
            store,
            room,
            owner,
            statics: statics.expect("there"),
            contents: BTreeMap::new(),
            deleted: BTreeSet::new(),
            guards_follow: false,
        }
    }

    pub fn head(&self) -> Seq {
        self.statics.head()
    }

    /// Posts that were not deleted.
    pub fn posts(&self) -> Vec<Seq> {
        let posts = self.contents.keys().copied();
        posts.filter(|post| !self.deleted.contains(post)).collect()
    }

    /// Stores an entry with its guards. Its views stand once `view` was called.
    pub async fn write(&mut self, by: UserId, event: Event) -> Arc<Entry> {
        let seq = self.statics.next_seq;
        let countable = u64::from(event.is_countable());
        let entry = Entry {
            room: self.room,
            seq,
            ord: self.statics.ord + countable,
            at: Timestamp(seq as i64),
            by: Some(by),
            client_id: None,
            event,
            redacted: false,
        };
        let stored = StoredEntry::seal(entry, [7; 16], &self.statics.chain);
        let batch = Batch {
            room: self.room,
            bucket: bucket_of(seq, BUCKET_BITS),
            owner: self.owner,
            expected_next: seq,
            guards: match self.guards_follow {
                true => Vec::new(),
                false => guards_of(RoomKind::Group, &stored.entry),
            },
            ord: stored.entry.ord,
            chain: stored.link,
            viewed: self.statics.viewed,
            entries: vec![stored.clone()],
        };
        let done = self.store.append(&batch).await.expect("stored");
        assert_eq!(done, Outcome::Applied);
        self.statics.next_seq += 1;
        self.statics.ord = batch.ord;
        self.statics.chain = batch.chain;
        self.note(&stored);
        Arc::new(stored.entry)
    }

    /// Writes all views, of which the next entry tells.
    pub async fn view(&mut self) {
        let (from, to) = (self.statics.viewed + 1, self.head());
        let most = usize::try_from(to).expect("short");
        let found = self.store.log(self.room, from, to, most, true).await;
        for stored in found.expect("read") {
            let views = views_of(&stored.entry);
            let written = self.store.write_views(self.room, &views).await;
            written.expect("stored");
        }
        self.statics.viewed = to;
    }

    /// Erases what the entry hides (R15).
    pub async fn erase(&mut self, by: &Entry) {
        let (Event::Edit { target, .. } | Event::Delete { target }) = by.event else {
            return;
        };
        let Some(contents) = self.contents.get_mut(&target) else {
            return;
        };
        let gone: Vec<_> = match by.event {
            Event::Edit { .. } => contents.extract_if(.., |at| at.0 < by.seq).collect(),
            _ => std::mem::take(contents),
        };
        if matches!(by.event, Event::Delete { .. }) {
            self.contents.remove(&target);
        }
        let erased = self.store.erase(self.room, &gone).await;
        erased.expect("erased");
    }

    fn note(&mut self, stored: &StoredEntry) {
        let seq = stored.entry.seq;
        let target = match stored.entry.event {
            Event::Post { .. } => seq,
            Event::Edit { target, .. } => target,
            Event::Delete { target } => {
                self.deleted.insert(target);
                return;
            }
            _ => return,
        };
        let contents = self.contents.entry(target).or_default();
        contents.push((seq, stored.digest));
    }
}
