//! The store under test and the people who use it.

use crate::clock::Timestamp;
use crate::entry::{Entry, Event, Hash, Mentions, RoomKind, StoredEntry};
use crate::ids::{ClientId, Ordinal, OwnerId, RoomId, Seq, UserId, bucket_of};
use crate::store::cql::{CqlPlace, CqlStore};
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};
use crate::store::memory::MemoryStore;
use crate::store::{Batch, Outcome, RoomRow, Statics, Store, views};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;
use tokio::sync::Mutex;

pub(crate) const ANN: UserId = UserId(uuid::Uuid::from_u128(0xa));
pub(crate) const BEN: UserId = UserId(uuid::Uuid::from_u128(0xb));
pub(crate) const CLEO: UserId = UserId(uuid::Uuid::from_u128(0xc));
pub(crate) const LOBBY: RoomId = RoomId(uuid::Uuid::from_u128(0x100));
pub(crate) const NOON: Timestamp = Timestamp(1_790_000_000_000);

pub(crate) struct Subject {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) bits: u32,
    home: Home,
}

/// Where a store lives that can be opened again.
enum Home {
    Nowhere,
    Folder(TempDir),
    Keyspace(CqlPlace),
}

impl Subject {
    pub(crate) fn memory(bits: u32) -> Self {
        Self {
            store: Arc::new(MemoryStore::with_bucket_bits(bits)),
            bits,
            home: Home::Nowhere,
        }
    }

    pub(crate) fn embedded(bits: u32) -> Self {
        let dir = TempDir::new().expect("a folder for the store");
        Self {
            store: open(&dir, bits),
            bits,
            home: Home::Folder(dir),
        }
    }

    /// A store that somebody else opened.
    pub(crate) fn with(store: Arc<dyn Store>, bits: u32) -> Self {
        Self {
            store,
            bits,
            home: Home::Nowhere,
        }
    }

    /// A fresh keyspace on the server that `CHAPIANA_TEST_CQL` names.
    pub(crate) async fn cql(bits: u32) -> Self {
        let place = fresh_keyspace(bits).await;
        Self {
            store: CqlStore::open(&place, bits).await.expect("it opens"),
            bits,
            home: Home::Keyspace(place),
        }
    }

    /// Who goes on where the statics end.
    pub(crate) fn continued(room: RoomId, owner: OwnerId, statics: &Statics) -> Scribe {
        Scribe {
            room,
            owner,
            bits: crate::limits::BUCKET_BITS,
            next: statics.next_seq,
            ord: statics.ord,
            chain: statics.chain,
        }
    }

    pub(crate) async fn survives_a_restart(&mut self) {
        let before = everything(&*self.store).await;
        // A folder has one owner: the old store must be gone before the new one opens.
        self.store = Arc::new(MemoryStore::new());
        self.store = match &self.home {
            Home::Nowhere => panic!("this store lives nowhere"),
            Home::Folder(dir) => open(dir, self.bits),
            Home::Keyspace(place) => CqlStore::open(place, self.bits).await.expect("it opens"),
        };
        assert_eq!(before, everything(&*self.store).await);
    }

    /// Takes the keyspace away.
    pub(crate) async fn leave(self) {
        if let Home::Keyspace(place) = &self.home {
            let _one_at_a_time = SCHEMA_CHANGES.lock().await;
            CqlStore::drop_keyspace(place).await.expect("it goes");
        }
    }

    /// A room of Ann that she owns.
    pub(crate) async fn scribe(&self, room: RoomId) -> Scribe {
        let row = channel(room, "lobby");
        assert!(self.store.create_room(&row).await.expect("a room"));
        let owner = OwnerId(uuid::Uuid::from_u128(0x01));
        let taken = self.store.take_over(room, 0, None, owner, 1).await;
        assert_eq!(taken, Ok(Outcome::Applied));
        Scribe {
            room,
            owner,
            bits: self.bits,
            next: 1,
            ord: 0,
            chain: [0; 32],
        }
    }
}

/// Servers take schema changes one after the other.
static SCHEMA_CHANGES: Mutex<()> = Mutex::const_new(());
static KEYSPACES: AtomicU32 = AtomicU32::new(0);

pub(crate) async fn fresh_keyspace(bits: u32) -> CqlPlace {
    let server = std::env::var("CHAPIANA_TEST_CQL").expect("CHAPIANA_TEST_CQL=HOST:PORT");
    let number = KEYSPACES.fetch_add(1, Ordering::Relaxed);
    let keyspace = format!("t{}_{number}", std::process::id());
    let place = CqlPlace::parse(&format!("{server}/{keyspace}")).expect("a place");
    let _one_at_a_time = SCHEMA_CHANGES.lock().await;
    CqlStore::apply_schema(&place, bits, None)
        .await
        .expect("a schema");
    place
}

fn open(dir: &TempDir, bucket_bits: u32) -> Arc<dyn Store> {
    let options = EmbeddedOptions {
        bucket_bits,
        ..EmbeddedOptions::default()
    };
    Arc::new(EmbeddedStore::open(dir.path(), options).expect("the store opens"))
}

pub(crate) fn channel(id: RoomId, name: &str) -> RoomRow {
    RoomRow {
        id,
        kind: RoomKind::Channel,
        name: Some(name.to_owned()),
        topic: String::new(),
        created_at: NOON,
        created_by: ANN,
        pair: None,
        floor: 0,
    }
}

pub(crate) fn post(body: &str) -> Event {
    Event::Post {
        body: Some(body.to_owned()),
        reply_to: None,
        mentions: Mentions::default(),
    }
}

/// Who writes a room's log as its owner would.
#[derive(Clone)]
pub(crate) struct Scribe {
    pub(crate) room: RoomId,
    pub(crate) owner: OwnerId,
    bits: u32,
    pub(crate) next: Seq,
    ord: Ordinal,
    pub(crate) chain: Hash,
}

impl Scribe {
    /// The batch that would come next. Writing it is up to the caller.
    pub(crate) fn batch(&mut self, events: impl IntoIterator<Item = Event>) -> Batch {
        let expected_next = self.next;
        let mut guards = Vec::new();
        let mut entries = Vec::new();
        for event in events {
            let stored = self.seal(event);
            guards.extend(views::guards_of(RoomKind::Channel, &stored.entry));
            entries.push(stored);
        }
        Batch {
            room: self.room,
            bucket: bucket_of(expected_next, self.bits),
            owner: self.owner,
            expected_next,
            entries,
            guards,
            ord: self.ord,
            chain: self.chain,
            viewed: expected_next - 1,
        }
    }

    fn seal(&mut self, event: Event) -> StoredEntry {
        self.ord += u64::from(event.is_countable());
        let entry = Entry {
            room: self.room,
            seq: self.next,
            ord: self.ord,
            at: NOON.plus_ms(self.next as i64),
            by: Some(ANN),
            client_id: Some(ClientId(uuid::Uuid::from_u128(self.next.into()))),
            event,
            redacted: false,
        };
        let stored = StoredEntry::seal(entry, [self.next as u8; 16], &self.chain);
        self.next += 1;
        self.chain = stored.link;
        stored
    }

    pub(crate) async fn write(
        &mut self,
        store: &dyn Store,
        events: impl IntoIterator<Item = Event>,
    ) -> Batch {
        let batch = self.batch(events);
        assert_eq!(store.append(&batch).await, Ok(Outcome::Applied));
        batch
    }

    pub(crate) fn statics(&self, bucket: u64) -> Statics {
        Statics {
            bucket,
            owner: Some(self.owner),
            epoch: 1,
            next_seq: self.next,
            ord: self.ord,
            chain: self.chain,
            viewed: self.next - 1,
        }
    }
}

pub(crate) async fn whole_log(store: &dyn Store, room: RoomId) -> Vec<StoredEntry> {
    let log = store.log(room, 1, Seq::MAX, usize::MAX, true).await;
    log.expect("the log is whole")
}

/// All that a store says, as text.
async fn everything(store: &dyn Store) -> String {
    let mut said = String::new();
    let rooms = store.all_rooms(None, 1_000).await.expect("rooms");
    let mut tell = |what: &str, text: String| writeln!(said, "{what} {text}").expect("a string");
    tell("rooms", format!("{rooms:?}"));
    for room in rooms {
        tell("row", format!("{:?}", store.room(room).await));
        tell("statics", format!("{:?}", store.last_bucket(room, 0).await));
        tell("log", format!("{:?}", whole_log(store, room).await));
        tell(
            "members",
            format!("{:?}", store.members(room, None, 1_000).await),
        );
        tell(
            "markers",
            format!("{:?}", store.markers(room, None, 1_000).await),
        );
        let posts: Vec<Seq> = (1..200).collect();
        tell(
            "reactions",
            format!("{:?}", store.reactions(room, &posts).await),
        );
        for post in posts {
            tell(
                "redaction",
                format!("{:?}", store.redactions(room, &[post]).await),
            );
        }
        for user in [ANN, BEN, CLEO] {
            tell(
                "mentions",
                format!(
                    "{:?}",
                    store.mention_count(room, user, 0, Seq::MAX >> 11).await
                ),
            );
        }
    }
    tell(
        "people",
        format!("{:?}", store.find_users("", None, 1_000).await),
    );
    tell("invites", format!("{:?}", store.invites().await));
    for user in [ANN, BEN, CLEO] {
        tell("rooms of", format!("{:?}", store.rooms_of(user).await));
        let mut places = store.places(user).await.expect("places");
        places.sort_by_key(|place| place.room.id);
        tell("places", format!("{places:?}"));
        tell("timers", format!("{:?}", store.timers_of(user).await));
        tell("logins", format!("{:?}", store.logins_of(user).await));
        tell(
            "settings",
            format!("{:?}", store.settings(Some(user), "").await),
        );
    }
    tell("settings", format!("{:?}", store.settings(None, "").await));
    said
}
