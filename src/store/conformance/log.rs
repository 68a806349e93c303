use super::subject::{ANN, BEN, CLEO, LOBBY, Subject, post, whole_log};
use crate::entry::{Event, Mentions, Role, StoredEntry};
use crate::ids::{OwnerId, RoomId};
use crate::store::{Outcome, Statics, StoreError};
use futures_util::future::join_all;
use std::collections::HashMap;
use uuid::Uuid;

pub(super) async fn a_batch_of_the_owner_is_applied_whole(subject: &Subject) {
    let store = &*subject.store;
    let mut scribe = subject.scribe(LOBBY).await;
    let mut expected: Vec<StoredEntry> = Vec::new();
    let long = "a".repeat(65_537);
    for bodies in [
        vec!["one"; 1],
        vec!["sixty-four"; 64],
        vec!["sixty-five"; 65],
        vec![long.as_str(); 2],
    ] {
        let batch = scribe.write(store, bodies.into_iter().map(post)).await;
        expected.extend(batch.entries);
    }
    assert_eq!(whole_log(store, LOBBY).await, expected);
    let statics = store.last_bucket(LOBBY, 0).await.expect("statics");
    let expected = Statics {
        viewed: 130,
        ..scribe.statics(0)
    };
    assert_eq!(statics, Some(expected));
}

pub(super) async fn every_kind_of_entry_comes_back_as_it_was_written(subject: &Subject) {
    let store = &*subject.store;
    let mut scribe = subject.scribe(LOBBY).await;
    let events = [
        Event::Post {
            body: Some("hello <@channel>\0\n ünï".to_owned()),
            reply_to: Some(1),
            mentions: Mentions {
                users: vec![BEN, CLEO],
                here: true,
                channel: true,
            },
        },
        Event::Post {
            body: Some(String::new()),
            reply_to: None,
            mentions: Mentions::default(),
        },
        Event::Edit {
            target: 1,
            body: Some("hullo".to_owned()),
        },
        Event::Delete { target: 1 },
        Event::React {
            target: 1,
            emoji: Some("👍".to_owned()),
        },
        Event::Unreact {
            target: 1,
            emoji: Some("👍".to_owned()),
        },
        Event::Join {
            user: BEN,
            role: Role::Admin,
        },
        Event::Role {
            user: BEN,
            role: Role::Owner,
        },
        Event::Leave { user: BEN },
        Event::Rename {
            name: Some("hall".to_owned()),
        },
        Event::Rename { name: None },
        Event::Topic {
            topic: "all and sundry".to_owned(),
        },
    ];
    let batch = scribe.write(store, events).await;
    assert_eq!(whole_log(store, LOBBY).await, batch.entries);
}

pub(super) async fn a_repeated_batch_is_refused_with_its_own_traces(subject: &Subject) {
    let store = &*subject.store;
    let mut scribe = subject.scribe(LOBBY).await;
    let batch = scribe.write(store, [post("once"), post("twice")]).await;
    let again = store.append(&batch).await.expect("an answer");
    let Outcome::Refused(Some(there)) = again else {
        panic!("{again:?}");
    };
    assert_eq!((there.owner, there.next_seq), (Some(scribe.owner), 3));
    assert_eq!(there.chain, batch.chain);
    assert_eq!(whole_log(store, LOBBY).await, batch.entries);
}

pub(super) async fn a_batch_at_another_place_changes_nothing(subject: &Subject) {
    let store = &*subject.store;
    let mut scribe = subject.scribe(LOBBY).await;
    let skipped = scribe.batch([post("never written")]);
    let early = scribe.batch([Event::Join {
        user: BEN,
        role: Role::Member,
    }]);
    let answer = store.append(&early).await.expect("an answer");
    assert!(matches!(answer, Outcome::Refused(Some(there)) if there.next_seq == 1));
    assert_eq!(whole_log(store, LOBBY).await, []);
    assert_eq!(store.member(LOBBY, BEN).await, Ok(None));
    assert_eq!(store.append(&skipped).await, Ok(Outcome::Applied));
    assert_eq!(store.append(&early).await, Ok(Outcome::Applied));
    let member = store.member(LOBBY, BEN).await.expect("an answer");
    assert_eq!(member.map(|member| member.seq), Some(2));
}

pub(super) async fn a_batch_of_a_stale_owner_changes_nothing(subject: &Subject) {
    let store = &*subject.store;
    let mut stale = subject.scribe(LOBBY).await;
    stale.write(store, [post("mine")]).await;
    let me = OwnerId(Uuid::from_u128(0x02));
    let taken = store.take_over(LOBBY, 0, Some(stale.owner), me, 2).await;
    assert_eq!(taken, Ok(Outcome::Applied));
    let late = stale.batch([post("too late")]);
    let answer = store.append(&late).await.expect("an answer");
    let fenced = |there: &Statics| there.owner == Some(me) && there.epoch == 2;
    assert!(matches!(answer, Outcome::Refused(Some(there)) if fenced(&there)));
    assert_eq!(whole_log(store, LOBBY).await.len(), 1);
}

pub(super) async fn a_batch_for_a_bucket_that_is_not_there_is_refused_without_statics(
    subject: &Subject,
) {
    let mut scribe = subject.scribe(LOBBY).await;
    let mut batch = scribe.batch([post("into the void")]);
    let void = RoomId(Uuid::from_u128(0x999));
    batch.room = void;
    batch.entries[0].entry.room = void;
    let answer = subject.store.append(&batch).await;
    assert_eq!(answer, Ok(Outcome::Refused(None)));
    let owner = scribe.owner;
    let taken = subject.store.take_over(void, 0, None, owner, 1).await;
    assert_eq!(taken, Ok(Outcome::Refused(None)));
    assert_eq!(subject.store.last_bucket(void, 0).await, Ok(None));
}

pub(super) async fn a_batch_that_no_owner_may_build_is_not_begun(subject: &Subject) {
    let store = &*subject.store;
    let scribe = subject.scribe(LOBBY).await;
    let good = scribe.clone().batch([post("a"), post("b"), post("c")]);
    let mut gap = good.clone();
    gap.entries.remove(1);
    let mut empty = good.clone();
    empty.entries.clear();
    let mut elsewhere = good.clone();
    elsewhere.entries[1].entry.room = RoomId(Uuid::from_u128(7));
    let mut open_end = good.clone();
    open_end.chain = [9; 32];
    for bad in [gap, empty, elsewhere, open_end] {
        let answer = store.append(&bad).await;
        assert!(
            matches!(answer, Err(StoreError::Unavailable(_))),
            "{answer:?}"
        );
    }
    assert_eq!(whole_log(store, LOBBY).await, []);
    assert_eq!(store.append(&good).await, Ok(Outcome::Applied));
}

pub(super) async fn of_many_who_take_a_room_over_one_wins(subject: &Subject) {
    let store = &*subject.store;
    let scribe = subject.scribe(LOBBY).await;
    let tries = (10..30u128).map(|n| async move {
        let me = OwnerId(Uuid::from_u128(n));
        let answer = store.take_over(LOBBY, 0, Some(scribe.owner), me, n as u64);
        (me, answer.await.expect("an answer"))
    });
    let answers = join_all(tries).await;
    let winners: Vec<_> = answers
        .iter()
        .filter(|(_, answer)| *answer == Outcome::Applied)
        .map(|(me, _)| *me)
        .collect();
    let there = store.last_bucket(LOBBY, 0).await.expect("an answer");
    assert_eq!(winners.len(), 1);
    assert_eq!(there.and_then(|there| there.owner), Some(winners[0]));
}

pub(super) async fn a_take_over_that_expects_another_owner_is_refused(subject: &Subject) {
    let store = &*subject.store;
    let scribe = subject.scribe(LOBBY).await;
    let me = OwnerId(Uuid::from_u128(0x03));
    for expected in [None, Some(me)] {
        let answer = store.take_over(LOBBY, 0, expected, me, 9).await;
        let Ok(Outcome::Refused(Some(there))) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!((there.owner, there.epoch), (Some(scribe.owner), 1));
    }
}

pub(super) async fn of_many_batches_at_one_place_one_wins(subject: &Subject) {
    let store = &*subject.store;
    let scribe = subject.scribe(LOBBY).await;
    let bodies: Vec<_> = (0..20).map(|n| format!("body {n}")).collect();
    let tries = bodies.iter().map(|body| {
        let batch = scribe.clone().batch([post(body)]);
        async move { (store.append(&batch).await, batch) }
    });
    let answers = join_all(tries).await;
    let won: Vec<_> = answers
        .into_iter()
        .filter(|(answer, _)| *answer == Ok(Outcome::Applied))
        .flat_map(|(_, batch)| batch.entries)
        .collect();
    assert_eq!(won.len(), 1);
    assert_eq!(whole_log(store, LOBBY).await, won);
}

pub(super) async fn a_page_ends_where_it_was_told_to(subject: &Subject) {
    let store = &*subject.store;
    let mut scribe = subject.scribe(LOBBY).await;
    scribe
        .write(store, (0..10).map(|n| post(&n.to_string())))
        .await;
    for (from, to, limit, expected) in [
        (0, 3, 10, 1..=3),
        (1, 1, 10, 1..=1),
        (4, 6, 2, 4..=5),
        (9, 99, 10, 9..=10),
        (10, 10, 1, 10..=10),
        (1, u64::MAX, usize::MAX, 1..=10),
    ] {
        let page = store.log(LOBBY, from, to, limit, false).await;
        let seqs = page.expect("a page").into_iter().map(|e| e.entry.seq);
        assert!(seqs.eq(expected), "{from}..={to}, at most {limit}");
    }
    for (from, to, limit) in [(11, 20, 10), (5, 4, 10), (1, 10, 0), (0, 0, 10)] {
        assert_eq!(store.log(LOBBY, from, to, limit, false).await, Ok(vec![]));
    }
}

pub(super) async fn an_erased_entry_keeps_its_place_and_the_chain(subject: &Subject) {
    let store = &*subject.store;
    let mut scribe = subject.scribe(LOBBY).await;
    let batch = scribe.write(store, [post("a secret"), post("news")]).await;
    let digest = batch.entries[0].digest;
    assert_eq!(store.erase(LOBBY, &[(1, [7; 32])]).await, Ok(()));
    assert_eq!(whole_log(store, LOBBY).await, batch.entries);
    for _ in 0..2 {
        let contents = [(99, digest), (1, digest), (2, digest)];
        assert_eq!(store.erase(LOBBY, &contents).await, Ok(()));
        let log = whole_log(store, LOBBY).await;
        assert_eq!(log[0].entry, batch.entries[0].entry.clone().redacted());
        assert_eq!((log[0].salt, log[0].digest), (None, digest));
        assert!(log[0].verifies_after(&[0; 32]));
        assert!(log[1].verifies_after(&log[0].link));
        assert_eq!(log[1], batch.entries[1]);
    }
    assert_eq!(store.erase(LOBBY, &[]).await, Ok(()));
}

pub(super) async fn heads_are_told_for_many_rooms_at_once(subject: &Subject) {
    let store = &*subject.store;
    let other = RoomId(Uuid::from_u128(0x200));
    let mut scribe = subject.scribe(LOBBY).await;
    let joined = Event::Join {
        user: ANN,
        role: Role::Owner,
    };
    scribe.write(store, [joined, post("hello")]).await;
    subject.scribe(other).await;
    let unknown = RoomId(Uuid::from_u128(0x300));
    let heads = store.heads(&[LOBBY, other, unknown]).await;
    let expected = HashMap::from([(LOBBY, (2, 1)), (other, (0, 0))]);
    assert_eq!(heads, Ok(expected));
}
