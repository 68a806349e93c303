//! Buckets of 16 seqs.

use super::subject::{LOBBY, Subject, post, whole_log};
use crate::ids::OwnerId;
use crate::store::{Outcome, Statics, StoreError};
use uuid::Uuid;

pub(super) async fn a_room_rolls_into_the_next_bucket(subject: &Subject) {
    let store = &*subject.store;
    let mut scribe = subject.scribe(LOBBY).await;
    scribe
        .write(store, (1..16).map(|n| post(&n.to_string())))
        .await;
    let opened = store.open_bucket(LOBBY, scribe.statics(1)).await;
    assert_eq!(opened, Ok(Outcome::Applied));
    let empty = store.last_bucket(LOBBY, 0).await.expect("an answer");
    assert_eq!(empty, Some(scribe.statics(1)));
    scribe
        .write(store, (16..32).map(|n| post(&n.to_string())))
        .await;
    let opened = store.open_bucket(LOBBY, scribe.statics(2)).await;
    assert_eq!(opened, Ok(Outcome::Applied));
    scribe.write(store, [post("32")]).await;
    for from_bucket in 0..=2 {
        let last = store.last_bucket(LOBBY, from_bucket).await;
        let last = last.expect("an answer").expect("a bucket");
        assert_eq!((last.bucket, last.next_seq), (2, 33));
    }
    let log = whole_log(store, LOBBY).await;
    assert_eq!(log.len(), 32);
    let page = store.log(LOBBY, 14, 17, 10, false).await.expect("a page");
    assert_eq!(page, log[13..17]);
}

pub(super) async fn a_bucket_is_opened_once(subject: &Subject) {
    let store = &*subject.store;
    let mut scribe = subject.scribe(LOBBY).await;
    scribe
        .write(store, (1..16).map(|n| post(&n.to_string())))
        .await;
    let first = scribe.statics(1);
    let second = Statics {
        owner: Some(OwnerId(Uuid::from_u128(0x04))),
        ..first.clone()
    };
    let opened = store.open_bucket(LOBBY, first.clone()).await;
    assert_eq!(opened, Ok(Outcome::Applied));
    let again = store.open_bucket(LOBBY, second).await;
    assert_eq!(again, Ok(Outcome::Refused(Some(first))));
}

pub(super) async fn a_batch_across_two_buckets_is_not_begun(subject: &Subject) {
    let store = &*subject.store;
    let mut scribe = subject.scribe(LOBBY).await;
    let batch = scribe.batch((1..17).map(|n| post(&n.to_string())));
    let answer = store.append(&batch).await;
    assert!(
        matches!(answer, Err(StoreError::Unavailable(_))),
        "{answer:?}"
    );
    assert_eq!(whole_log(store, LOBBY).await, []);
}

pub(super) async fn a_sealed_bucket_takes_no_more(subject: &Subject) {
    let store = &*subject.store;
    let mut scribe = subject.scribe(LOBBY).await;
    scribe
        .write(store, (1..16).map(|n| post(&n.to_string())))
        .await;
    let mut batch = scribe.batch([post("one too many")]);
    batch.bucket = 0;
    let answer = store.append(&batch).await;
    assert!(
        matches!(answer, Err(StoreError::Unavailable(_))),
        "{answer:?}"
    );
    let statics = store.last_bucket(LOBBY, 0).await.expect("an answer");
    assert_eq!(statics.map(|statics| statics.next_seq), Some(16));
}
