//! The writer whose disk loses power: one room, batches of several sizes, views, erasing, and a
//! restart now and then.

use chapiana::clock::Timestamp;
use chapiana::entry::{Entry, Event, Mentions, RoomKind, StoredEntry};
use chapiana::ids::{ClientId, OwnerId, RoomId, UserId};
use chapiana::store::embedded::{EmbeddedOptions, EmbeddedStore};
use chapiana::store::views;
use chapiana::store::{Batch, LogStore, Outcome, RoomRow, RoomStore, Statics, Store, ViewStore};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use uuid::Uuid;

pub const BATCHES: u64 = 60;
const ROUNDS: u64 = 3;
const ROOM: RoomId = RoomId(Uuid::from_u128(0x100));
const ANN: UserId = UserId(Uuid::from_u128(0xa));
pub const ACKS: &str = "acks.log";

/// The owner of the room.
pub struct Pen {
    owner: OwnerId,
    statics: Statics,
}

impl Pen {
    pub async fn take_over(store: &dyn Store, owner: OwnerId) -> Result<Self, String> {
        let statics = store
            .last_bucket(ROOM, 0)
            .await
            .map_err(|e| e.to_string())?;
        let statics = statics.ok_or("the room is gone")?;
        let epoch = statics.epoch + 1;
        let taken = store.take_over(ROOM, 0, statics.owner, owner, epoch).await;
        match taken {
            Ok(Outcome::Applied) => Ok(Self { owner, statics }),
            other => Err(format!("cannot be taken over: {other:?}")),
        }
    }

    /// Batch `number` of `size` posts; the statics move on as if it were applied.
    pub fn batch(&mut self, number: u64, size: u64, filler: usize) -> Batch {
        let expected_next = self.statics.next_seq;
        let mut guards = Vec::new();
        let mut entries = Vec::new();
        for nth in 1..=size {
            let body = format!("{number} {nth} {size} {}", "x".repeat(filler));
            let stored = self.seal(body);
            guards.extend(views::guards_of(RoomKind::Channel, &stored.entry));
            entries.push(stored);
        }
        Batch {
            room: ROOM,
            bucket: 0,
            owner: self.owner,
            expected_next,
            entries,
            guards,
            ord: self.statics.ord,
            chain: self.statics.chain,
            // The views of all before it are written.
            viewed: expected_next - 1,
        }
    }

    fn seal(&mut self, body: String) -> StoredEntry {
        let seq = self.statics.next_seq;
        self.statics.next_seq += 1;
        self.statics.ord += 1;
        let entry = Entry {
            room: ROOM,
            seq,
            ord: self.statics.ord,
            at: Timestamp(1_790_000_000_000),
            by: Some(ANN),
            client_id: Some(ClientId(Uuid::from_u128(seq.into()))),
            event: Event::Post {
                body: Some(body),
                reply_to: None,
                mentions: Mentions::default(),
            },
            redacted: false,
        };
        let stored = StoredEntry::seal(entry, [7; 16], &self.statics.chain);
        self.statics.chain = stored.link;
        stored
    }
}

/// Writes all batches to `dir/data`; with `tell`, each acknowledgement to `dir/acks.log`.
pub async fn write_all(dir: &Path, tell: bool, durable: bool) {
    let options = EmbeddedOptions {
        durable,
        ..EmbeddedOptions::default()
    };
    let (data, mut acks) = if tell {
        let acks = File::create(dir.join(ACKS)).expect("a file for acknowledgements");
        (dir.join("data"), Some(acks))
    } else {
        (dir.to_owned(), None)
    };
    for round in 0..ROUNDS {
        let store = EmbeddedStore::open(&data, options).expect("it opens");
        if round == 0 {
            assert_eq!(store.create_room(&row()).await, Ok(true));
        }
        let owner = OwnerId(Uuid::from_u128(u128::from(round) + 1));
        let mut pen = Pen::take_over(&store, owner).await.expect("the room");
        let each = BATCHES / ROUNDS;
        for number in round * each + 1..=(round + 1) * each {
            let filler = (number * 797 % 5_000) as usize;
            let batch = pen.batch(number, 1 + number % 5, filler);
            assert_eq!(store.append(&batch).await, Ok(Outcome::Applied));
            if let Some(acks) = &mut acks {
                acks.write_all(format!("{number}\n").as_bytes())
                    .expect("told");
            }
            let entries = batch.entries.iter();
            let views: Vec<_> = entries.flat_map(|s| views::views_of(&s.entry)).collect();
            assert_eq!(store.write_views(ROOM, &views).await, Ok(()));
        }
    }
}

fn row() -> RoomRow {
    RoomRow {
        id: ROOM,
        kind: RoomKind::Channel,
        name: Some("lobby".to_owned()),
        topic: String::new(),
        created_at: Timestamp(0),
        created_by: ANN,
        pair: None,
        floor: 0,
    }
}

/// How many batches the log holds, if they are whole and in order.
pub async fn batches_of(store: &dyn Store) -> Result<u64, String> {
    let log = store.log(ROOM, 1, u64::MAX, usize::MAX, true).await;
    let log = log.map_err(|error| error.to_string())?;
    let (mut number, mut nth, mut size) = (0, 0, 0);
    for stored in log {
        let body = stored.entry.event.content().ok_or("a body is gone")?;
        let mut words = body.split(' ').map(|word| word.parse::<u64>().unwrap_or(0));
        let next = [words.next(), words.next(), words.next()].map(Option::unwrap_or_default);
        (number, nth) = if nth == size {
            (number + 1, 1)
        } else {
            (number, nth + 1)
        };
        if nth == 1 {
            size = next[2];
        }
        if next != [number, nth, size] {
            return Err(format!("entry {nth} of batch {number} is {next:?}"));
        }
    }
    if nth == size {
        Ok(number)
    } else {
        Err(format!("batch {number} ends after {nth} of {size} entries"))
    }
}
