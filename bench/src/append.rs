//! The embedded store alone: the same appends that a room makes, without sockets, sessions and rooms.

use crate::floor::{now, order, tell};
use chapiana::clock::Timestamp;
use chapiana::entry::{Entry, Event, Hash, Mentions, RoomKind, StoredEntry};
use chapiana::ids::{ClientId, OwnerId, RoomId, UserId, bucket_of};
use chapiana::limits::BUCKET_BITS;
use chapiana::store::embedded::{EmbeddedOptions, EmbeddedStore};
use chapiana::store::views::guards_of;
use chapiana::store::{Batch, LogStore, Outcome, RoomRow, RoomStore, Statics};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use uuid::Uuid;

/// A room of one author.
struct Room {
    id: RoomId,
    author: UserId,
    owner: OwnerId,
    next_seq: u64,
    ord: u64,
    chain: Hash,
}

/// Appends one post to each of `batch` rooms at once, again and again, as W4's senders do.
pub fn embedded(folder: &Path, rooms: usize, batch: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let store = EmbeddedStore::open(&folder.join("data"), EmbeddedOptions::default());
        let store = Arc::new(store.expect("a store"));
        let mut all = Vec::new();
        for _ in 0..rooms {
            all.push(Room::found(&store).await);
        }
        println!("listening on standard input");
        let end = Instant::now() + Duration::from_secs(order());
        let (mut sends, mut commits, mut next) = (0, 0, 0);
        while Instant::now() < end {
            let mut under_way = JoinSet::new();
            for _ in 0..batch {
                let post = all[next % rooms].post();
                next += 1;
                let store = Arc::clone(&store);
                under_way.spawn(async move { store.append(&post).await });
            }
            for outcome in under_way.join_all().await {
                assert_eq!(outcome.expect("it is durable"), Outcome::Applied);
            }
            sends += batch;
            commits += 1;
        }
        tell(folder, sends, commits);
        order();
    });
}

impl Room {
    async fn found(store: &EmbeddedStore) -> Self {
        let (id, author) = (RoomId(Uuid::now_v7()), UserId(Uuid::now_v7()));
        let row = RoomRow {
            id,
            kind: RoomKind::Channel,
            name: None,
            topic: String::new(),
            created_at: Timestamp(0),
            created_by: author,
            pair: None,
            floor: 0,
        };
        assert!(store.create_room(&row).await.expect("a row"));
        let found = store.last_bucket(id, 0).await.expect("a bucket");
        let Statics {
            bucket,
            owner,
            epoch,
            next_seq,
            ord,
            chain,
            ..
        } = found.expect("a bucket");
        let me = OwnerId(Uuid::new_v4());
        let taken = store.take_over(id, bucket, owner, me, epoch + 1).await;
        assert_eq!(taken.expect("it answers"), Outcome::Applied);
        Self {
            id,
            author,
            owner: me,
            next_seq,
            ord,
            chain,
        }
    }

    fn post(&mut self) -> Batch {
        let entry = Entry {
            room: self.id,
            seq: self.next_seq,
            ord: self.ord + 1,
            at: Timestamp((now() / 1_000_000) as i64),
            by: Some(self.author),
            client_id: Some(ClientId(Uuid::now_v7())),
            event: Event::Post {
                body: Some(format!("{:.<200}", "appended ")),
                reply_to: None,
                mentions: Mentions::default(),
            },
            redacted: false,
        };
        let guards = guards_of(RoomKind::Channel, &entry);
        let stored = StoredEntry::seal(entry, [7; 16], &self.chain);
        let batch = Batch {
            room: self.id,
            bucket: bucket_of(self.next_seq, BUCKET_BITS),
            owner: self.owner,
            expected_next: self.next_seq,
            guards,
            ord: self.ord + 1,
            chain: stored.link,
            viewed: self.next_seq,
            entries: vec![stored],
        };
        self.next_seq += 1;
        self.ord += 1;
        self.chain = batch.chain;
        batch
    }
}
