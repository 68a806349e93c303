use super::{run, verify};
use crate::entry::{Event, Mentions, Role};
use crate::ids::{RoomId, Seq, UserId};
use crate::store::conformance::subject::{ANN, BEN, LOBBY, Scribe, Subject, post};
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};
use crate::store::memory::MemoryStore;
use crate::store::{Batch, Store, views};
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// A lobby with something of everything in it; entry 3 was edited and erased, entry 4 deleted.
async fn live_in(store: &dyn Store, scribe: &mut Scribe) {
    let text = |text: &str| Some(text.to_owned());
    let events = [
        Event::Join {
            user: ANN,
            role: Role::Owner,
        },
        Event::Join {
            user: BEN,
            role: Role::Member,
        },
        post("hello"),
        post("oops"),
        Event::Post {
            body: text("<@ben>"),
            reply_to: Some(3),
            mentions: Mentions {
                users: vec![BEN],
                here: false,
                channel: true,
            },
        },
        Event::React {
            target: 3,
            emoji: text("👍"),
        },
        Event::Edit {
            target: 3,
            body: text("hello all"),
        },
        Event::Delete { target: 4 },
        Event::Topic {
            topic: "greetings".to_owned(),
        },
        post("bye"),
    ];
    let batch = scribe.write(store, events).await;
    write_views(store, &batch).await;
    for erased in [2, 3] {
        let stored = &batch.entries[erased];
        let contents = [(stored.entry.seq, stored.digest)];
        assert_eq!(store.erase(scribe.room, &contents).await, Ok(()));
    }
    let mut last = scribe.batch([post("and again")]);
    last.viewed = batch.entries.len() as Seq;
    let answer = store.append(&last).await;
    assert_eq!(answer, Ok(crate::store::Outcome::Applied));
}

async fn write_views(store: &dyn Store, batch: &Batch) {
    let entries = batch.entries.iter();
    let views: Vec<_> = entries.flat_map(|s| views::views_of(&s.entry)).collect();
    assert_eq!(store.write_views(batch.room, &views).await, Ok(()));
}

async fn said(store: &dyn Store) -> String {
    let mut said = Vec::new();
    let whole = run(store, &mut said).await.expect("it prints");
    let said = String::from_utf8(said).expect("text");
    assert_eq!(whole, said.contains(" 0 faults"), "{said}");
    said
}

#[tokio::test]
async fn a_store_that_was_written_in_order_is_whole() {
    for subject in [Subject::memory(13), Subject::embedded(13)] {
        let mut scribe = subject.scribe(LOBBY).await;
        live_in(&*subject.store, &mut scribe).await;
        subject.scribe(RoomId(uuid::Uuid::from_u128(1))).await;
        let said = said(&*subject.store).await;
        assert_eq!(said, "2 rooms, 11 entries, 0 faults\n");
    }
}

#[tokio::test]
async fn views_that_were_never_written_are_missed_only_below_viewed() {
    let subject = Subject::memory(13);
    let mut scribe = subject.scribe(LOBBY).await;
    let store = &*subject.store;
    scribe.write(store, [post("no views yet")]).await;
    assert!(verify(store).await.expect("a report").is_whole());
    scribe
        .write(store, [post("now they are said to stand")])
        .await;
    let report = verify(store).await.expect("a report");
    let places: Vec<_> = report.faults.iter().map(|fault| fault.seq).collect();
    assert_eq!(places, [Some(1)]);
}

fn open(dir: &Path) -> Arc<dyn Store> {
    Arc::new(EmbeddedStore::open(dir, EmbeddedOptions::default()).expect("it opens"))
}

/// Every way to damage the file, and where `verify` must see it.
fn damages() -> Vec<(&'static str, &'static str)> {
    vec![
        (
            "UPDATE log SET content = 'bye!' WHERE seq = 10",
            "entry 10: the hash chain is broken",
        ),
        (
            "UPDATE log SET at = at + 1 WHERE seq = 5",
            "entry 5: the hash chain is broken",
        ),
        (
            "UPDATE log SET link = zeroblob(32) WHERE seq = 6",
            "entry 6: the hash chain is broken",
        ),
        (
            "UPDATE log SET ord = 9 WHERE seq = 5",
            "entry 5: ord is not the count of posts",
        ),
        (
            "UPDATE log SET kind = 'poem' WHERE seq = 5",
            "entry 5 is malformed",
        ),
        ("DELETE FROM log WHERE seq = 5", "entry 5 is missing"),
        ("DELETE FROM log WHERE seq = 11", "entry 11 is missing"),
        (
            "UPDATE log SET content = NULL, salt = NULL WHERE seq = 10",
            "entry 10: the content is gone",
        ),
        (
            "UPDATE bucket SET next_seq = 11",
            "the log does not end in the room's statics",
        ),
        (
            "UPDATE bucket SET ord = 3",
            "the log does not end in the room's statics",
        ),
        (
            "UPDATE bucket SET viewed = 99",
            "views are said to be written above the head",
        ),
        ("DELETE FROM bucket", "the room has no log"),
        (
            "UPDATE member SET role = 'owner' WHERE seq = 2",
            "entry 2: the membership of user",
        ),
        (
            "DELETE FROM member WHERE seq = 2",
            "entry 2: the membership of user",
        ),
        (
            "UPDATE member SET role = NULL WHERE seq = 2",
            "the rooms of user",
        ),
        (
            "DELETE FROM redaction WHERE target = 4",
            "entry 4: the redaction",
        ),
        (
            "UPDATE redaction SET edited = 8 WHERE target = 3",
            "entry 3: the redaction",
        ),
        (
            "INSERT INTO redaction SELECT id, 10, 11, 0 FROM room",
            "entry 10: the redaction",
        ),
        (
            "UPDATE marker SET read_ord = 1",
            "has another ord than its entry",
        ),
        ("UPDATE marker SET read = 99", "is above the head"),
        ("DELETE FROM marker", "is missing"),
        (
            "UPDATE reaction SET stands = 0",
            "entry 6: the reaction is missing",
        ),
        (
            "UPDATE reaction SET emoji = 'x'",
            "entry 3: a reaction stands",
        ),
        (
            "UPDATE sent SET seq = 4 WHERE seq = 5",
            "entry 5: the sent key",
        ),
        ("DELETE FROM mention", "is named 0 times"),
        (
            "UPDATE room SET topic = 'lies'",
            "the topic is not what the log says",
        ),
    ]
}

#[tokio::test]
async fn every_damage_is_found_at_its_place() {
    let whole = TempDir::new().expect("a folder");
    prepare(whole.path()).await;
    for (damage, expected) in damages() {
        let dir = TempDir::new().expect("a folder");
        let database = dir.path().join("chapiana.db");
        std::fs::copy(whole.path().join("chapiana.db"), &database).expect("a copy");
        let connection = Connection::open(&database).expect("the file opens");
        let changed = connection.execute(damage, []).expect(damage);
        assert!(changed > 0, "{damage}");
        drop(connection);
        let said = said(&*open(dir.path())).await;
        assert!(said.contains(expected), "{damage}: {said}");
    }
}

async fn prepare(dir: &Path) {
    let subject = Subject::with(open(dir), 13);
    let mut scribe = subject.scribe(LOBBY).await;
    live_in(&*subject.store, &mut scribe).await;
    assert!(said(&*subject.store).await.contains(" 0 faults"));
}

#[tokio::test]
async fn an_empty_store_is_whole() {
    let said = said(&MemoryStore::new()).await;
    assert_eq!(said, "0 rooms, 0 entries, 0 faults\n");
}

#[tokio::test]
async fn a_person_who_left_has_no_room() {
    let subject = Subject::memory(13);
    let mut scribe = subject.scribe(LOBBY).await;
    let user: UserId = BEN;
    let role = Role::Member;
    let events = [Event::Join { user, role }, Event::Leave { user }];
    let batch = scribe.write(&*subject.store, events).await;
    write_views(&*subject.store, &batch).await;
    assert!(said(&*subject.store).await.contains(" 0 faults"));
}
