//! What the lists beside the timers may hold after a crash, and how much of them one look reads.

use super::super::CqlStore;
use super::super::driver::Kind;
use super::super::timers::SET_DUE;
use super::super::values::values;
use crate::clock::{Timestamp, now};
use crate::ids::{ClientId, TimerId};
use crate::store::conformance::subject::{ANN, LOBBY, fresh_keyspace};
use crate::store::{Cancelled, Placed, Task, Timer, TimerStore as _};
use std::sync::Arc;
use uuid::Uuid;

/// All in one shard.
fn timer(n: u128, due: Timestamp) -> Timer {
    Timer {
        id: TimerId(Uuid::from_u128(n << 16)),
        user: ANN,
        due,
        task: Task::Post {
            room: LOBBY,
            client_id: ClientId(Uuid::from_u128(n)),
            after: 0,
            body: "The bridge is up again".to_owned(),
        },
    }
}

async fn open() -> (super::CqlPlace, Arc<CqlStore>) {
    let place = fresh_keyspace(13).await;
    let store = CqlStore::open(&place, 13).await.expect("it opens");
    (place, store)
}

async fn listed(store: &CqlStore, table: &str) -> usize {
    let text = match table {
        "minutes" => "SELECT minute FROM timer_minute",
        _ => "SELECT placed FROM timer_by_minute",
    };
    let rows = store.driver.rows(Kind::Read, text, values![]).await;
    rows.expect("rows").len()
}

#[tokio::test]
#[ignore = "needs a CQL server: ./check cql"]
async fn what_a_crash_left_in_the_lists_goes_when_it_is_seen_and_nothing_else() {
    let (place, store) = open().await;
    let begun = now();
    let (kept, gone) = (timer(1, begun), timer(2, begun));
    for timer in [&kept, &gone] {
        assert_eq!(store.set_timer(timer, 9).await, Ok(Placed::Set));
    }
    let taken = store.cancel_timer(ANN, gone.id, begun).await;
    assert_eq!(taken, Ok(Cancelled::Yes));
    assert_eq!(listed(&store, "timers").await, 1, "only what stands");
    // Whoever took these away, or was about to set them, died there.
    for timer in [&kept, &gone] {
        let row = values![
            timer.minute(),
            i32::from(timer.shard()),
            timer.due,
            Uuid::new_v4(),
            timer.user,
            timer.id
        ];
        store.driver.write(SET_DUE, row).await.expect("written");
    }
    let look = async |after_ms: i64| {
        let due = store.due_timers(&[0], begun.plus_ms(after_ms), 9).await;
        due.expect("an answer").len()
    };
    assert_eq!(look(60_000).await, 1);
    assert_eq!(listed(&store, "timers").await, 3, "somebody may be at it");
    assert_eq!(look(3_600_000).await, 1);
    assert_eq!(listed(&store, "timers").await, 1);
    let taken = store.cancel_timer(ANN, kept.id, begun).await;
    assert_eq!(taken, Ok(Cancelled::Yes));
    assert_eq!(look(3_600_000).await, 0);
    assert_eq!(listed(&store, "minutes").await, 0, "it has none any more");
    CqlStore::drop_keyspace(&place).await.expect("it goes");
}

#[tokio::test]
#[ignore = "needs a CQL server: ./check cql"]
async fn a_look_reads_so_much_and_the_next_one_goes_on_there() {
    let (place, store) = open().await;
    let noon = Timestamp(1_790_000_000_000);
    // Ten in the first minute, five of them put off; one in a later minute.
    for n in 0..11 {
        let due = noon.plus_ms(if n < 10 { n as i64 } else { 180_000 });
        assert_eq!(store.set_timer(&timer(n, due), 50).await, Ok(Placed::Set));
    }
    let later = noon.plus_ms(240_000);
    let all = store.due_timers(&[0], later, 50).await.expect("an answer");
    assert_eq!(all.len(), 11);
    for due in &all[..5] {
        let claimant = Uuid::new_v4();
        let until = noon.plus_ms(3_600_000);
        assert_eq!(store.claim_timer(due, claimant, until).await, Ok(true));
    }
    let look = async |most: usize| {
        let due = store.due_in(0, later, most, 4).await.expect("an answer");
        let due = due.into_iter().map(|due| due.timer.due.0 - noon.0);
        format!("{:?}", due.collect::<Vec<_>>())
    };
    // Each minute costs one row, too.
    assert_eq!(look(50).await, "[]");
    assert_eq!(look(50).await, "[5]");
    assert_eq!(look(50).await, "[6, 7, 8]");
    assert_eq!(look(50).await, "[9, 180000]");
    assert_eq!(look(50).await, "[]", "the end");
    assert_eq!(look(1).await, "[]", "from the beginning again");
    assert_eq!(look(1).await, "[5]", "that is enough");
    assert_eq!(look(1).await, "[]", "from the beginning again");
    CqlStore::drop_keyspace(&place).await.expect("it goes");
}
