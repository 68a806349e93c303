//! Removals that a node does not confirm over the bus.

use super::World;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_removal_waits_for_a_node_that_fell_silent_until_its_lease_lapsed() {
    let world = World::of(2).await;
    let (ann, bob) = world.people().await;
    let room = world.room_on(0, &ann, &bob).await;
    world.cluster(1).stop_for_test();
    let silent = Instant::now();
    let path = format!("/rooms/{room}/members/{}", bob.id);
    let removal = ann.call("DELETE", &path, Value::Null);
    let (status, answer) = timeout(PATIENCE, removal).await.expect("answered in time");
    assert_eq!(status, 200, "{answer}");
    // It was renewed at most a quarter of its time before.
    let waited = silent.elapsed();
    assert!(waited >= Duration::from_millis(700), "only {waited:?}");
}

#[tokio::test]
async fn without_the_bus_a_removal_is_answered_when_the_other_node_has_read_it_from_the_store() {
    let world = World::of(2).await;
    let (ann, bob) = world.people().await;
    let bob = world.nodes[1].visit(&bob);
    let room = world.room_on(0, &ann, &bob).await;
    let mut reads = bob.hello("data").await;
    reads.watch(&room, 2).await;
    assert_eq!(
        world.cluster(1).settled_for_test(),
        0,
        "in touch nobody settles"
    );
    world.set_connected(false);
    let path = format!("/rooms/{room}/members/{}", bob.id);
    let removal = ann.call("DELETE", &path, Value::Null);
    let (status, answer) = timeout(PATIENCE, removal).await.expect("answered in time");
    assert_eq!(status, 200, "{answer}");
    assert!(
        world.cluster(1).settled_for_test() >= 2,
        "by the clock alone"
    );
    let seen = reads.until_pong().await;
    let last = seen.last().map(|frame| &frame["t"]);
    assert_eq!(last, Some(&json!("gone")), "{seen:?}");
}
