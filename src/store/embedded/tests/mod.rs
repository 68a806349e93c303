//! What only a store on a disk can go through.

use super::{EmbeddedOptions, EmbeddedStore};
use crate::store::conformance::subject::{LOBBY, Subject, post};
use crate::store::{Durability, LogStore as _, Outcome, PeopleStore as _, Store, StoreError};
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn folder() -> TempDir {
    TempDir::new().expect("a folder")
}

fn open(dir: &Path) -> Arc<EmbeddedStore> {
    Arc::new(EmbeddedStore::open(dir, EmbeddedOptions::default()).expect("it opens"))
}

fn failure(dir: &Path, bucket_bits: u32) -> String {
    let options = EmbeddedOptions {
        bucket_bits,
        ..EmbeddedOptions::default()
    };
    match EmbeddedStore::open(dir, options) {
        Ok(_) => panic!("it opened"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn two_cannot_open_one_folder() {
    let dir = folder();
    let first = open(dir.path());
    assert!(failure(dir.path(), 13).contains("in use by another process"));
    drop(first);
    open(dir.path());
}

#[test]
fn the_bucket_width_of_a_folder_never_changes() {
    let dir = folder();
    drop(open(dir.path()));
    assert!(failure(dir.path(), 4).contains("bucket_bits 13"));
}

#[tokio::test]
async fn a_store_behind_its_witness_is_read_only() {
    let dir = folder();
    let subject = Subject::with(open(dir.path()), 13);
    let mut scribe = subject.scribe(LOBBY).await;
    scribe
        .write(&*subject.store, [post("before the copy")])
        .await;
    drop(subject);
    let copy = std::fs::read(dir.path().join("chapiana.db")).expect("a copy");
    let store = open(dir.path());
    scribe.write(&*store, [post("after the copy")]).await;
    drop(store);
    std::fs::write(dir.path().join("chapiana.db"), copy).expect("the old copy is put back");

    let store = open(dir.path());
    let durability = store.durability();
    let Durability::NotDurable(why) = &durability else {
        panic!("{durability:?}");
    };
    assert!(why.contains("witness"), "{why}");
    assert_eq!(store.heads(&[LOBBY]).await.expect("heads")[&LOBBY], (1, 1));
    let refused = store
        .append(&scribe.batch([post("on top of a loss")]))
        .await;
    assert!(
        matches!(refused, Err(StoreError::NotDurable(_))),
        "{refused:?}"
    );
    drop(store);

    // It stays so until an operator decides.
    assert_ne!(open(dir.path()).durability(), Durability::Durable);
    std::fs::remove_file(dir.path().join("witness")).expect("the operator decides");
    assert_eq!(open(dir.path()).durability(), Durability::Durable);
}

#[tokio::test]
async fn a_hole_in_the_log_is_never_skipped() {
    let dir = folder();
    let subject = Subject::with(open(dir.path()), 13);
    let mut scribe = subject.scribe(LOBBY).await;
    let posts = ["one", "two", "three"].map(post);
    scribe.write(&*subject.store, posts).await;
    damage(dir.path(), "DELETE FROM log WHERE seq = 2");
    for (from, to) in [(1, 3), (2, 3), (1, 2), (2, 2)] {
        let page = subject.store.log(LOBBY, from, to, 10, false).await;
        assert!(matches!(page, Err(StoreError::Corrupt(_))), "{page:?}");
    }
    let page = subject.store.log(LOBBY, 3, 9, 10, false).await;
    assert_eq!(page.expect("what is left").len(), 1);
    damage(dir.path(), "DELETE FROM log WHERE seq = 3");
    let page = subject.store.log(LOBBY, 3, 9, 10, false).await;
    assert!(matches!(page, Err(StoreError::Corrupt(_))), "{page:?}");
}

fn damage(dir: &Path, sql: &str) {
    let connection = Connection::open(dir.join("chapiana.db")).expect("the file opens");
    assert_eq!(connection.execute(sql, []), Ok(1));
}

#[tokio::test]
async fn a_full_disk_stores_nothing_and_writing_goes_on_afterwards() {
    let dir = folder();
    let store = open(dir.path());
    let subject = Subject::with(Arc::clone(&store) as Arc<dyn Store>, 13);
    let mut scribe = subject.scribe(LOBBY).await;
    scribe.write(&*store, [post("room enough")]).await;
    let pages = |pages: u32| {
        store.write(move |at| {
            let sql = format!("PRAGMA max_page_count = {pages}");
            Ok(at.query_row(&sql, [], |row| row.get::<_, u32>(0))?)
        })
    };
    assert!(
        pages(1).await.expect("an answer") > 1,
        "the limit is what is in use"
    );
    let large = post(&"x".repeat(200_000));
    let batch = scribe.batch([large]);
    let refused = store.append(&batch).await;
    assert!(
        matches!(refused, Err(StoreError::NotDurable(_))),
        "{refused:?}"
    );
    assert_eq!(store.heads(&[LOBBY]).await.expect("heads")[&LOBBY], (1, 1));

    // The connection that failed was given up, and its limit with it: the same batch is taken.
    assert_eq!(until_applied(&store, &batch).await, Outcome::Applied);
    assert_eq!(store.durability(), Durability::Durable);
    assert_eq!(store.heads(&[LOBBY]).await.expect("heads")[&LOBBY], (2, 2));
}

async fn until_applied(store: &EmbeddedStore, batch: &crate::store::Batch) -> Outcome {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match store.append(batch).await {
            Ok(outcome) => return outcome,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    }
}

#[tokio::test]
async fn a_failing_commit_is_an_unknown_outcome_and_the_connection_is_opened_anew() {
    let dir = folder();
    let store = open(dir.path());
    let subject = Subject::with(Arc::clone(&store) as Arc<dyn Store>, 13);
    let mut scribe = subject.scribe(LOBBY).await;
    let hook = store.write(|at| {
        // SQLite turns this commit into a failure.
        Ok(at.commit_hook(Some(|| true))?)
    });
    let unknown = hook.await;
    assert!(
        matches!(unknown, Ok(()) | Err(StoreError::Unknown(_))),
        "{unknown:?}"
    );
    let batch = scribe.batch([post("once")]);
    let answer = store.append(&batch).await;
    assert!(
        matches!(answer, Ok(_) | Err(StoreError::Unknown(_))),
        "{answer:?}"
    );
    assert!(unknown.is_err() || answer.is_err(), "one commit failed");
    if answer.is_err() {
        assert_eq!(until_applied(&store, &batch).await, Outcome::Applied);
    }
    assert_eq!(store.durability(), Durability::Durable);
    assert_eq!(store.heads(&[LOBBY]).await.expect("heads")[&LOBBY], (1, 1));
}

#[tokio::test]
async fn what_is_erased_is_gone_from_the_disk_when_the_store_is_closed() {
    let dir = folder();
    let subject = Subject::with(open(dir.path()), 13);
    let mut scribe = subject.scribe(LOBBY).await;
    let secret = "the launch code is 0000";
    let batch = scribe.write(&*subject.store, [post(secret)]).await;
    let erased = subject
        .store
        .erase(LOBBY, &[(1, batch.entries[0].digest)])
        .await;
    assert_eq!(erased, Ok(()));
    drop(subject);
    let mut files = 0;
    for file in std::fs::read_dir(dir.path()).expect("a folder") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("its bytes");
        let found = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
        assert!(!found, "the secret is still there");
        files += 1;
    }
    assert!(files >= 2, "database and witness");
}

#[tokio::test]
async fn a_closed_store_has_finished_its_writes_and_takes_no_more() {
    let dir = folder();
    let subject = Subject::with(open(dir.path()), 13);
    let mut scribe = subject.scribe(LOBBY).await;
    scribe.write(&*subject.store, [post("kept")]).await;
    assert!(dir.path().join("chapiana.db-wal").exists());
    let head = subject.store.heads(&[LOBBY]).await.expect("read")[&LOBBY];
    subject.store.close().await;
    // Whoever still holds it is refused, and the folder is free for the next one.
    assert!(!dir.path().join("chapiana.db-wal").exists());
    assert!(matches!(
        subject.store.heads(&[LOBBY]).await,
        Err(StoreError::Unavailable(_))
    ));
    subject.store.close().await;
    let again = open(dir.path());
    assert_eq!(again.heads(&[LOBBY]).await.expect("read")[&LOBBY], head);
}

#[tokio::test]
async fn a_write_that_fails_takes_back_its_own_rows_and_no_others() {
    let dir = folder();
    let store = open(dir.path());
    let set = |key: &'static str, fails: bool| {
        store.write(move |at| {
            let sql = "INSERT INTO setting (owner, key, value) VALUES (x'', ?1, 'x')";
            at.prepare_cached(sql)?.execute([key])?;
            match fails {
                true => Err(StoreError::Unavailable("on purpose".to_owned())),
                false => Ok(()),
            }
        })
    };
    // All wait together while the writer opens the transaction of the first.
    let answers = tokio::join!(
        set("a", false),
        set("b", true),
        set("c", false),
        set("d", true)
    );
    assert_eq!((answers.0, answers.2), (Ok(()), Ok(())));
    assert!(answers.1.is_err() && answers.3.is_err());
    let settings = store.settings(None, "").await.expect("settings");
    let keys: Vec<&str> = settings.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["a", "c"]);
    assert_eq!(store.durability(), Durability::Durable);
}
