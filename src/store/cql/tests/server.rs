//! On a real server: `./check cql`.

use super::super::driver::{Driver, Kind};
use super::super::place::CqlPlace;
use super::super::{CqlStore, schema};
use crate::clock;
use crate::cluster::admission::admit;
use crate::entry::{Event, Role};
use crate::ids::OwnerId;
use crate::store::conformance::subject::{BEN, LOBBY, Subject, fresh_keyspace, post, whole_log};
use crate::store::{Durability, LogStore as _, Outcome, Store as _, StoreError};
use futures_util::future::join_all;
use scylla::statement::{Consistency, SerialConsistency};
use uuid::Uuid;

async fn refusal(place: &CqlPlace, bits: u32) -> String {
    match CqlStore::open(place, bits).await {
        Ok(_) => panic!("it opened"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
#[ignore = "needs a CQL server: ./check cql"]
async fn a_keyspace_that_is_not_ready_is_refused_with_a_remedy() {
    let place = fresh_keyspace(13).await;
    let bits = refusal(&place, 4).await;
    assert!(bits.contains("bucket_bits"), "{bits}");

    let session = super::super::connect::session(&place)
        .await
        .expect("a session");
    let keyspace = &place.keyspace;
    let newer = format!("UPDATE {keyspace}.meta SET value = '999' WHERE key = 'schema' IF EXISTS");
    schema::define(&session, &newer).await.expect("written");
    assert!(refusal(&place, 13).await.contains("newer"));
    let older = format!("UPDATE {keyspace}.meta SET value = '0' WHERE key = 'schema' IF EXISTS");
    schema::define(&session, &older).await.expect("written");
    assert!(refusal(&place, 13).await.contains("chapiana schema"));
    // An older one is brought forward, and says so until then.
    let older = format!("UPDATE {keyspace}.meta SET value = '2' WHERE key = 'schema' IF EXISTS");
    let timers = format!("DROP TABLE {keyspace}.timer_by_user");
    for statement in [older, timers] {
        schema::define(&session, &statement).await.expect("done");
    }
    assert!(refusal(&place, 13).await.contains("chapiana schema"));
    CqlStore::apply_schema(&place, 13, None)
        .await
        .expect("a schema");
    CqlStore::open(&place, 13).await.expect("it opens");
    let bare = format!("DROP TABLE {keyspace}.meta");
    schema::define(&session, &bare).await.expect("dropped");
    assert!(refusal(&place, 13).await.contains("no schema"));

    // Applying it again mends that, and harms nothing.
    CqlStore::apply_schema(&place, 13, None)
        .await
        .expect("a schema");
    CqlStore::apply_schema(&place, 13, None)
        .await
        .expect("a schema");
    let store = CqlStore::open(&place, 13).await.expect("it opens");
    assert_eq!(store.durability(), Durability::Durable);

    let lasting = format!("ALTER TABLE {keyspace}.log WITH default_time_to_live = 0");
    let expiring = lasting.replace("= 0", "= 86400");
    schema::define(&session, &expiring).await.expect("altered");
    assert!(refusal(&place, 13).await.contains("expires after 86400 s"));
    schema::define(&session, &lasting).await.expect("altered");
    let torn = format!("DROP TABLE {keyspace}.marker");
    schema::define(&session, &torn).await.expect("dropped");
    assert!(refusal(&place, 13).await.contains("lacks table marker"));
    let mended = CqlStore::apply_schema(&place, 13, None).await;
    assert!(mended.expect("a schema").contains("already"));
    CqlStore::open(&place, 13).await.expect("it opens");

    let simple = format!(
        "ALTER KEYSPACE {keyspace} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
    );
    schema::define(&session, &simple).await.expect("altered");
    assert!(
        refusal(&place, 13)
            .await
            .contains("NetworkTopologyStrategy")
    );
    CqlStore::drop_keyspace(&place).await.expect("it goes");
    assert!(refusal(&place, 13).await.contains("no keyspace"));
}

#[tokio::test]
#[ignore = "needs a CQL server: ./check cql"]
async fn copies_change_while_there_is_nothing_to_lose_and_not_after() {
    let place = fresh_keyspace(13).await;
    CqlStore::drop_keyspace(&place).await.expect("it goes");
    let session = super::super::connect::session(&place)
        .await
        .expect("a session");
    let nodes = session.get_cluster_state().get_nodes_info().len();
    let few = "WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";
    let keyspace = &place.keyspace;
    let made = format!("CREATE KEYSPACE {keyspace} {few}");
    schema::define(&session, &made).await.expect("made");
    // Somebody made it by hand: without a word it stays as it is, and is refused.
    let refused = CqlStore::apply_schema(&place, 13, None).await;
    let refused = refused.expect_err("no topology").to_string();
    assert!(refused.contains("NetworkTopologyStrategy"), "{refused}");
    let given = CqlStore::apply_schema(&place, 13, Some(nodes)).await;
    let given = given.expect("a schema");
    assert!(
        given.contains("gave keyspace") && given.contains(" now"),
        "{given}"
    );
    let again = CqlStore::apply_schema(&place, 13, Some(nodes)).await;
    let again = again.expect("a schema");
    assert!(
        !again.contains("gave") && again.contains("already"),
        "{again}"
    );
    let altered = format!("ALTER KEYSPACE {keyspace} {few}");
    schema::define(&session, &altered).await.expect("altered");
    let refused = CqlStore::apply_schema(&place, 13, Some(nodes)).await;
    let refused = refused.expect_err("there may be messages").to_string();
    for word in ["has tables", "Stop every node", "repair", "ALTER KEYSPACE"] {
        assert!(refused.contains(word), "{word}: {refused}");
    }
    // On a ring: one copy of everything is too few.
    if nodes > 1 {
        let few = few.replace("Simple", "NetworkTopology");
        let few = few.replace("replication_factor", "datacenter1");
        let altered = format!("ALTER KEYSPACE {keyspace} {few}");
        schema::define(&session, &altered).await.expect("altered");
        assert!(refusal(&place, 13).await.contains("one failure would lose"));
    }
    CqlStore::drop_keyspace(&place).await.expect("it goes");
}

#[tokio::test]
#[ignore = "needs a CQL server: ./check cql"]
async fn every_statement_asks_for_a_quorum_and_every_condition_for_all_data_centres() {
    let place = fresh_keyspace(13).await;
    let text = "SELECT value FROM meta WHERE key = 'schema'";
    for quorum in [Consistency::LocalQuorum, Consistency::Quorum] {
        let session = super::super::connect::session(&place).await;
        let session = session.expect("a session");
        let entered = super::super::connect::enter(&session, &place).await;
        entered.expect("the keyspace");
        let driver = Driver::new(session, quorum);
        for (kind, expected) in [
            (Kind::Read, quorum),
            (Kind::Plain, quorum),
            (Kind::Conditional, quorum),
            (Kind::SerialRead, Consistency::Serial),
        ] {
            let prepared = driver.prepared(kind, text).await.expect("prepared");
            assert_eq!(prepared.get_consistency(), Some(expected), "{kind:?}");
            let serial = prepared.get_serial_consistency();
            assert_eq!(serial, Some(SerialConsistency::Serial), "{kind:?}");
        }
    }
    CqlStore::drop_keyspace(&place).await.expect("it goes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a CQL server: ./check cql"]
async fn two_nodes_that_steal_a_room_from_each_other_write_one_log() {
    let place = fresh_keyspace(13).await;
    let store = CqlStore::open(&place, 13).await.expect("it opens");
    let subject = Subject::with(store, 13);
    subject.scribe(LOBBY).await;
    let nodes = (0..3u128).map(|node| {
        let place = place.clone();
        async move {
            let store = CqlStore::open(&place, 13).await.expect("it opens");
            let mut mine = Vec::new();
            for turn in 0..8 {
                let me = OwnerId(Uuid::from_u128(100 * (node + 1) + turn));
                mine.extend(one_ownership(&store, me).await);
            }
            mine
        }
    });
    let acknowledged: Vec<_> = join_all(nodes).await.into_iter().flatten().collect();
    let log = whole_log(&*subject.store, LOBBY).await;
    let mut previous = [0; 32];
    for stored in &log {
        assert!(
            stored.verifies_after(&previous),
            "entry {}",
            stored.entry.seq
        );
        previous = stored.link;
    }
    assert!(!acknowledged.is_empty());
    for digest in &acknowledged {
        let times = log.iter().filter(|stored| stored.digest == *digest).count();
        assert_eq!(times, 1, "an acknowledged entry stands once");
    }
    CqlStore::drop_keyspace(&place).await.expect("it goes");
}

/// Takes the room and writes until somebody else takes it, at most four times. Answers what stands.
async fn one_ownership(store: &CqlStore, me: OwnerId) -> Vec<[u8; 32]> {
    let seen = store.last_bucket(LOBBY, 0).await.expect("an answer");
    let seen = seen.expect("a room");
    let taken = store
        .take_over(LOBBY, 0, seen.owner, me, seen.epoch + 1)
        .await;
    if taken != Ok(Outcome::Applied) {
        return Vec::new();
    }
    let statics = store
        .last_bucket(LOBBY, 0)
        .await
        .expect("an answer")
        .expect("a room");
    let mut scribe = Subject::continued(LOBBY, me, &statics);
    let mut mine = Vec::new();
    for turn in 0..4 {
        let batch = scribe.batch([post(&format!("{me} {turn}"))]);
        let after = batch.expected_next + 1;
        let stands = loop {
            match store.append(&batch).await {
                Ok(Outcome::Applied) => break true,
                Ok(Outcome::Refused(Some(there))) => {
                    break there.owner == Some(me) && there.next_seq == after;
                }
                Ok(Outcome::Refused(None)) => panic!("the bucket is gone"),
                Err(StoreError::Unknown(_)) => {}
                Err(error) => panic!("{error}"),
            }
        };
        if !stands {
            break;
        }
        mine.push(batch.entries[0].digest);
    }
    mine
}

#[tokio::test]
#[ignore = "needs a CQL server: ./check cql"]
async fn an_earlier_try_that_won_has_its_guards_before_it_is_told() {
    let mut subject = Subject::cql(13).await;
    let store = std::sync::Arc::clone(&subject.store);
    let mut scribe = subject.scribe(LOBBY).await;
    let joined = Event::Join {
        user: BEN,
        role: Role::Member,
    };
    let batch = scribe.batch([joined]);
    // The first try wrote its entries; its guards and its answer were lost.
    let mut bare = batch.clone();
    bare.guards.clear();
    assert_eq!(store.append(&bare).await, Ok(Outcome::Applied));
    assert_eq!(store.member(LOBBY, BEN).await, Ok(None));
    let again = store.append(&batch).await.expect("an answer");
    assert!(matches!(again, Outcome::Refused(Some(there)) if there.next_seq == 2));
    assert!(
        store
            .member(LOBBY, BEN)
            .await
            .is_ok_and(|member| member.is_some())
    );
    subject.survives_a_restart().await;
    subject.leave().await;
}

#[tokio::test]
#[ignore = "needs a CQL server: ./check cql"]
async fn a_node_whose_clock_is_apart_from_the_stores_does_not_begin() {
    let place = fresh_keyspace(13).await;
    let store = CqlStore::open(&place, 13).await.expect("it opens");
    assert_eq!(admit(&*store, clock::now).await, Ok(()));
    for (off, word) in [(-60_000, "behind"), (60_000, "ahead of")] {
        let refused = admit(&*store, || clock::now().plus_ms(off)).await;
        let refused = refused.expect_err("a minute apart");
        assert!(
            refused.contains(word) && refused.contains("store"),
            "{refused}"
        );
    }
    CqlStore::drop_keyspace(&place).await.expect("it goes");
}
