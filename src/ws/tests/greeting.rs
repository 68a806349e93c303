//! Everybody comes at once: who is let in when, and who goes away meanwhile.

use crate::session::greeting::Line;
use crate::testing::node::{Person, TestNode};
use crate::testing::poll::until;
use serde_json::json;

/// Two people who come to this node.
async fn two(place: &TestNode) -> (Person, Person) {
    let (ann, bob) = (place.sign_up("ann").await, place.sign_up("bob").await);
    (place.visit(&ann), place.visit(&bob))
}

async fn waiting(line: &Line, count: usize) {
    let what = format!("{count} wait");
    until(&what, async || line.waiting_for_test() == count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_said_hello_is_welcomed_in_turn_and_who_went_away_leaves_the_line() {
    let place = TestNode::start().await;
    let (ann, bob) = two(&place).await;
    let welcomes = &place.node.sessions.greetings().welcomes;
    let turns = welcomes.block_for_test(0).await;
    let hello = json!({ "t": "hello", "format": "data" });
    let (mut laptop, mut phone) = (ann.connect().await, bob.connect().await);
    laptop.send(hello.clone()).await;
    phone.send(hello).await;
    waiting(welcomes, 2).await;
    drop(laptop);
    waiting(welcomes, 1).await;
    drop(turns);
    phone.sees("welcome").await;
    assert_eq!(welcomes.waiting_for_test(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_knocks_waits_in_turn_and_who_hangs_up_leaves_the_line() {
    let place = TestNode::start().await;
    let (ann, bob) = two(&place).await;
    let arrivals = &place.node.sessions.greetings().arrivals;
    let turns = arrivals.block_for_test(0).await;
    let hangs_up = tokio::spawn(async move { ann.connect().await });
    waiting(arrivals, 1).await;
    let waits = tokio::spawn(async move { bob.hello("data").await });
    waiting(arrivals, 2).await;
    hangs_up.abort();
    waiting(arrivals, 1).await;
    drop(turns);
    let mut phone = waits.await.expect("it comes in");
    phone.send(json!({ "t": "ping", "n": 1 })).await;
    phone.sees("pong").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_that_ended_while_its_socket_waited_gets_no_welcome() {
    let place = TestNode::start().await;
    let (ann, _) = two(&place).await;
    let welcomes = &place.node.sessions.greetings().welcomes;
    let turns = welcomes.block_for_test(0).await;
    let mut laptop = ann.connect().await;
    laptop.send(json!({ "t": "hello", "format": "data" })).await;
    waiting(welcomes, 1).await;
    // Without a word, as if it had happened before the socket was known here.
    let user = ann.id.parse().expect("an id");
    let store = &place.node.store;
    let logins = store.logins_of(user).await.expect("read");
    store
        .delete_login(user, logins[0].id)
        .await
        .expect("deleted");
    drop(turns);
    assert_eq!(laptop.closed().await, 4001);
}
