//! What our rules cost beside the bare conditional batch: `./check cql`, or for the figures alone
//! `python3 tests/cql/cassandra.py -- cargo test --lib cql_cost -- --include-ignored --nocapture`.

use super::super::CqlStore;
use super::super::entries::{self, entry_values};
use super::super::values::values;
use crate::store::conformance::subject::{LOBBY, Subject, fresh_keyspace, post, whole_log};
use crate::store::{Batch, LogStore as _, Outcome, views};
use crate::store::{Store as _, ViewStore as _};
use std::time::{Duration, Instant};

/// Ways of writing the same entry.
const WAYS: [&str; 3] = [
    "bare batch",
    "append without guards",
    "append with its marker",
];

async fn bare(store: &CqlStore, batch: &Batch) {
    let (seq, owner) = (batch.expected_next, batch.owner);
    let set = values![
        seq + 1,
        batch.ord,
        batch.chain,
        batch.viewed,
        LOBBY,
        0u64,
        owner,
        seq
    ];
    let rows = vec![entry_values(0, &batch.entries[0]).expect("values")];
    let first = (super::super::log::APPEND, set);
    let answer = store.driver.batch(first, entries::INSERT, rows).await;
    assert!(answer.expect("an answer").applied);
}

fn at(times: &mut [Duration], share: f64) -> Duration {
    times.sort();
    times[((times.len() - 1) as f64 * share) as usize]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a CQL server: ./check cql"]
async fn cql_cost_of_an_append_beside_the_bare_batch() {
    let turns: usize =
        std::env::var("CQL_COST_TURNS").map_or(200, |n| n.parse().expect("a number"));
    let place = fresh_keyspace(13).await;
    let store = CqlStore::open(&place, 13).await.expect("it opens");
    let subject = Subject::with(store.clone(), 13);
    let mut scribe = subject.scribe(LOBBY).await;
    let mut times = [const { Vec::new() }; 3];
    for turn in 0..turns * 3 {
        // Each way follows each other way equally often.
        let way = (turn + turn / 3) % 3;
        let mut batch = scribe.batch([post("a message of some length, as people write them")]);
        if way < 2 {
            batch.guards.clear();
        }
        let began = Instant::now();
        match way {
            0 => bare(&store, &batch).await,
            _ => assert_eq!(store.append(&batch).await, Ok(Outcome::Applied)),
        }
        times[way].push(began.elapsed());
        // As the owner does, after the acknowledgement.
        let views = views::views_of(&batch.entries[0].entry);
        assert_eq!(store.write_views(LOBBY, &views).await, Ok(()));
    }
    assert_eq!(whole_log(&*store, LOBBY).await.len(), turns * 3);
    let [raw50, raw99] = [0.5, 0.99].map(|share| at(&mut times[0], share).as_secs_f64());
    for (way, times) in WAYS.iter().zip(&mut times) {
        let [p50, p99] = [0.5, 0.99].map(|share| at(times, share).as_secs_f64());
        println!(
            "{way}: p50 {:.2} ms ({:.2} x bare), p99 {:.2} ms ({:.2} x bare)",
            p50 * 1e3,
            p50 / raw50,
            p99 * 1e3,
            p99 / raw99,
        );
    }
    drop(subject);
    let marked = store
        .marker(LOBBY, crate::store::conformance::subject::ANN)
        .await;
    assert!(
        marked.is_ok_and(|marker| marker.read > 0),
        "the marker followed"
    );
    assert_eq!(store.durability(), crate::store::Durability::Durable);
    CqlStore::drop_keyspace(&place).await.expect("it goes");
}
