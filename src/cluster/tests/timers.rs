//! What is to happen later happens once, whichever nodes are there then.

use super::*;
use crate::clock::{Timestamp, now};
use crate::timers;
use std::sync::atomic::{AtomicI64, Ordering};

const MESSAGES: usize = 40;

/// How far the clock of the timers is ahead, milliseconds.
static AHEAD: AtomicI64 = AtomicI64::new(0);

fn clock() -> Timestamp {
    now().plus_ms(AHEAD.load(Ordering::SeqCst))
}

/// Everything that stands in the room, and what is still to be sent.
async fn bodies(ann: &Person, room: &str) -> (Vec<String>, usize) {
    let path = format!("/rooms/{room}/messages?limit=200");
    let (_, page) = ann.call("GET", &path, Value::Null).await;
    let messages = page["messages"].as_array().expect("a list").iter();
    let bodies = messages.filter_map(|message| message["body"].as_str());
    let bodies = bodies.map(str::to_owned).collect();
    let (_, list) = ann.call("GET", "/scheduled", Value::Null).await;
    (bodies, list["items"].as_array().expect("a list").len())
}

#[tokio::test]
async fn scheduled_messages_stand_once_though_a_node_is_lost_while_they_are_sent() {
    let world = World::over(Arc::new(MemoryStore::new()), Limits::Relaxed, 3).await;
    let (ann, bob) = world.people().await;
    let ann = world.nodes[1].visit(&ann);
    let room = world.room_on(0, &ann, &bob).await;
    for n in 0..MESSAGES {
        let at = now().plus_ms(3_600_000 + n as i64).to_rfc3339();
        let body =
            json!({ "client_id": Uuid::now_v7(), "after": 0, "body": n.to_string(), "at": at });
        let (status, set) = ann
            .call("POST", &format!("/rooms/{room}/scheduled"), body)
            .await;
        assert_eq!(status, 201, "{set}");
    }
    for node in &world.nodes {
        timers::start_with(&node.node, clock);
    }
    AHEAD.store(3_700_000, Ordering::SeqCst);
    let begun = async || bodies(&ann, &room).await.1 < MESSAGES;
    until("the first is sent", begun).await;
    // From here on nobody hears of it; what it has claimed comes to others when the claims run out.
    world.kill(0);
    let done = async || {
        AHEAD.fetch_add(1_000, Ordering::SeqCst);
        bodies(&ann, &room).await.1 == 0
    };
    until("everything is sent", done).await;
    let (mut sent, _) = bodies(&ann, &room).await;
    sent.sort_by_key(|body| body.parse::<usize>().expect("a number"));
    let expected: Vec<_> = (0..MESSAGES).map(|n| n.to_string()).collect();
    assert_eq!(sent, expected, "each once");
    let shares = world
        .nodes
        .iter()
        .map(|node| node.node.metrics.timers_done.get());
    let shares: Vec<_> = shares.collect();
    assert!(
        shares.iter().filter(|done| **done > 0).count() > 1,
        "{shares:?}"
    );
}
