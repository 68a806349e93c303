//! How often a page waits for the store: reads under way at the same time are one round.

use super::super::CqlStore;
use crate::entry::{Event, Mentions, Role};
use crate::metrics::Metrics;
use crate::store::conformance::subject::{ANN, BEN, LOBBY, Subject, fresh_keyspace, post};
use crate::store::{LogStore as _, Outcome, Store as _, ViewStore as _, places, scene, views};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a CQL server: ./check cql"]
async fn what_the_page_of_a_room_shows_is_there_after_three_rounds() {
    let place = fresh_keyspace(4).await;
    let store = CqlStore::open(&place, 4).await.expect("it opens");
    let subject = Subject::with(store.clone(), 4);
    let mut scribe = subject.scribe(LOBBY).await;
    let said = [
        Event::Join {
            user: ANN,
            role: Role::Owner,
        },
        Event::Join {
            user: BEN,
            role: Role::Member,
        },
        post("high water"),
        Event::Post {
            body: Some("at seven".to_owned()),
            reply_to: Some(3),
            mentions: Mentions {
                users: vec![BEN],
                here: false,
                channel: false,
            },
        },
        Event::Edit {
            target: 3,
            body: Some("low water".to_owned()),
        },
        Event::React {
            target: 4,
            emoji: Some("👍".to_owned()),
        },
    ];
    for event in said {
        let batch = scribe.batch([event]);
        assert_eq!(store.append(&batch).await, Ok(Outcome::Applied));
        let views = views::views_of(&batch.entries[0].entry);
        assert_eq!(store.write_views(LOBBY, &views).await, Ok(()));
    }
    // The edit and the quoted post are not among what is shown: both must be fetched.
    let shown = &*subject.store;
    let (ben, scene_of) = (store.places(BEN).await, shown.newest(LOBBY, 2).await);
    assert_eq!(ben, places::put_together(&*store, BEN).await);
    assert_eq!(scene_of, scene::put_together(&*store, LOBBY, 2).await);
    assert!(scene_of.is_ok_and(|scene| scene.is_some_and(|scene| !scene.entries.is_empty())));
    let mut fewest = u64::MAX;
    // The store's own probe may fall in between.
    for _ in 0..5 {
        let before = store.driver.rounds.count();
        let (places, scene) = tokio::join!(store.places(BEN), shown.newest(LOBBY, 2));
        assert!(places.is_ok() && scene.is_ok());
        fewest = fewest.min(store.driver.rounds.count() - before);
    }
    assert!(fewest <= 3, "{fewest} rounds");
    drop(subject);
    CqlStore::drop_keyspace(&place).await.expect("it goes");
}

/// Another node writes, and opens the next bucket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a CQL server: ./check cql"]
async fn one_query_tells_where_a_known_room_ends_and_two_where_its_bucket_is_full() {
    let place = fresh_keyspace(4).await;
    let writer = CqlStore::open(&place, 4).await.expect("it opens");
    let reader = CqlStore::open(&place, 4).await.expect("it opens");
    let metrics = Metrics::new();
    reader.log_queries().count_into(&metrics.log_queries);
    let subject = Subject::with(writer.clone(), 4);
    let mut scribe = subject.scribe(LOBBY).await;
    scribe.write(&*writer, [post("1")]).await;
    let head = async || {
        let before = metrics.log_queries.get();
        let heads = reader.heads(&[LOBBY]).await.expect("an answer");
        (heads[&LOBBY].0, metrics.log_queries.get() - before)
    };
    assert_eq!(head().await, (1, 2), "it may have more buckets");
    scribe
        .write(&*writer, (2..15).map(|n| post(&n.to_string())))
        .await;
    assert_eq!(head().await, (14, 1));
    scribe.write(&*writer, [post("15")]).await;
    assert_eq!(head().await, (15, 2), "full");
    let opened = writer.open_bucket(LOBBY, scribe.statics(1)).await;
    assert_eq!(opened, Ok(Outcome::Applied));
    assert_eq!(head().await.0, 15);
    scribe.write(&*writer, [post("16")]).await;
    assert_eq!(head().await.0, 16);
    assert_eq!(head().await, (16, 1));
    drop(subject);
    CqlStore::drop_keyspace(&place).await.expect("it goes");
}
