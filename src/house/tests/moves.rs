//! Cut off, contradicted, damaged.

use super::{assert_same, first_room, furnished, moved, people};
use crate::house::record::Record;
use crate::house::sink::Sink;
use crate::house::{Problem, Taker, compare, copy, refused, walk};
use crate::ids::{OwnerId, Seq};
use crate::limits::BUCKET_BITS;
use crate::store::Store;
use crate::store::conformance::subject::{Subject, channel, post};
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};
use async_trait::async_trait;
use rusqlite::Connection;
use std::path::Path;
use tempfile::TempDir;
use uuid::Uuid;

/// A mover whose power goes out after so many records.
struct Cut<'a> {
    sink: Sink<'a>,
    left: usize,
}

#[async_trait]
impl Taker for Cut<'_> {
    async fn take(&mut self, record: Record) -> Result<(), Problem> {
        self.left = self.left.checked_sub(1).ok_or_else(|| refused("cut"))?;
        self.sink.take(record).await
    }
    fn head(&self) -> Seq {
        self.sink.head()
    }
}

/// Moves until the cut; whether it came.
async fn cut_off(from: &dyn Store, to: &dyn Store, after: usize) -> bool {
    let mut cut = Cut {
        sink: Sink::new(to, 4),
        left: after,
    };
    if walk::people(from, &mut cut).await.is_err() {
        return true;
    }
    for room in from.all_rooms(None, 1_000).await.expect("rooms") {
        if walk::room(from, room, &mut cut).await.is_err() {
            return true;
        }
    }
    walk::room_keys(from, &mut cut).await.is_err()
}

#[tokio::test]
async fn a_move_that_is_cut_off_anywhere_goes_on_where_it_was() {
    let old = Subject::memory(BUCKET_BITS);
    let old = furnished(&old).await;
    let mut after = 0;
    let mut cuts = 0;
    loop {
        let new = Subject::memory(4);
        let cut = cut_off(&*old, &*new.store, after).await;
        moved(&*old, &*new.store, 4).await;
        assert_same(&*old, &*new.store).await;
        if !cut {
            break;
        }
        cuts += 1;
        after += 1 + after / 2;
    }
    assert!(cuts > 8, "{cuts}");
}

#[tokio::test]
async fn a_move_that_is_cut_off_again_and_again_arrives() {
    let old = Subject::memory(BUCKET_BITS);
    let old = furnished(&old).await;
    let new = Subject::embedded(4);
    for after in [3, 20, 60, 110, 200, 300] {
        assert!(cut_off(&*old, &*new.store, after).await);
    }
    moved(&*old, &*new.store, 4).await;
    assert_same(&*old, &*new.store).await;
}

async fn refusal(from: &dyn Store, to: &dyn Store) -> String {
    let copied = copy(from, to, BUCKET_BITS, &mut Vec::new()).await;
    copied.expect_err("it is refused").to_string()
}

#[tokio::test]
async fn a_target_that_holds_another_workspace_is_left_alone() {
    let old = furnished(&Subject::memory(BUCKET_BITS)).await;
    let other = furnished(&Subject::memory(BUCKET_BITS)).await;
    let before = people(&*other).await;
    let why = refusal(&*old, &*other).await;
    assert!(
        why.contains("another workspace") && why.contains("new folder"),
        "{why}"
    );
    assert_eq!(before, people(&*other).await);
    // One room that nobody knows is enough.
    let used = Subject::memory(BUCKET_BITS);
    let room = channel(crate::ids::RoomId(Uuid::from_u128(5)), "mine");
    used.store.create_room(&room).await.expect("a room");
    assert!(
        refusal(&*old, &*used.store)
            .await
            .contains("another workspace")
    );
}

#[tokio::test]
async fn an_empty_source_is_most_likely_the_wrong_one() {
    let (old, new) = (Subject::memory(4), Subject::memory(4));
    assert!(refusal(&*old.store, &*new.store).await.contains("empty"));
}

#[tokio::test]
async fn a_target_in_which_ben_wrote_meanwhile_is_refused() {
    let old = furnished(&Subject::memory(BUCKET_BITS)).await;
    let new = Subject::memory(BUCKET_BITS);
    moved(&*old, &*new.store, BUCKET_BITS).await;
    let room = first_room(&*old).await;
    let there = new
        .store
        .last_bucket(room, 0)
        .await
        .expect("read")
        .expect("a log");
    let me = OwnerId(Uuid::from_u128(3));
    let taken = new
        .store
        .take_over(room, there.bucket, there.owner, me, there.epoch + 1);
    taken.await.expect("taken");
    let mut ben = Subject::continued(room, me, &there);
    ben.write(&*new.store, [post("ahoy")]).await;
    let why = refusal(&*old, &*new.store).await;
    assert!(
        why.contains("newer entries") && why.contains(&room.to_string()),
        "{why}"
    );
    // The other way it is what is missing.
    moved(&*new.store, &*old, BUCKET_BITS).await;
    assert_same(&*new.store, &*old).await;
}

fn open(dir: &Path) -> EmbeddedStore {
    EmbeddedStore::open(dir, EmbeddedOptions::default()).expect("it opens")
}

#[tokio::test]
async fn what_is_damaged_in_the_copy_is_found_and_named() {
    let old = furnished(&Subject::memory(BUCKET_BITS)).await;
    let dir = TempDir::new().expect("a folder");
    let new = open(dir.path());
    moved(&*old, &new, BUCKET_BITS).await;
    new.close().await;
    drop(new);
    let post =
        "(SELECT room FROM log WHERE kind = 'post' AND salt IS NOT NULL ORDER BY room LIMIT 1)";
    let faults = [
        (
            format!(
                "UPDATE log SET content = content || '.' WHERE kind = 'post' AND salt IS NOT NULL AND room = {post}"
            ),
            "chain",
        ),
        (
            format!("UPDATE log SET at = at + 1 WHERE room = {post} AND seq = 2"),
            "chain",
        ),
        (
            "UPDATE marker SET read_at = read_at + 1".to_owned(),
            "markers",
        ),
        ("UPDATE person SET password = 'x'".to_owned(), "people"),
        ("DELETE FROM room_key".to_owned(), "room keys"),
        (
            "DELETE FROM setting WHERE key = 'theme'".to_owned(),
            "settings",
        ),
        (
            "UPDATE login SET seen_at = seen_at + 1".to_owned(),
            "log-ins",
        ),
        ("UPDATE invite SET uses_left = 9".to_owned(), "invites"),
        (
            format!("DELETE FROM room WHERE id = {post}"),
            "missing in the target",
        ),
    ];
    let file = dir.path().join("chapiana.db");
    let kept = std::fs::read(&file).expect("the database");
    for (fault, said) in faults {
        let connection = Connection::open(&file).expect("the database");
        assert!(
            connection.execute(&fault, []).expect("damaged") > 0,
            "{fault}"
        );
        drop(connection);
        let new = open(dir.path());
        let comparison = compare(&*old, &new).await.expect("compared");
        assert!(
            comparison.to_string().contains(said),
            "{fault}: {comparison}"
        );
        new.close().await;
        drop(new);
        std::fs::write(&file, &kept).expect("put back");
    }
    let new = open(dir.path());
    assert_same(&*old, &new).await;
}
