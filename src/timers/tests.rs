//! Timers on a node whose clock the test sets.

use super::scheduled::Scheduled;
use super::*;
use crate::access::WorkspaceRole;
use crate::clock::now;
use crate::entry::{Event, Role};
use crate::ids::ClientId;
use crate::limits::{BUCKET_BITS, TIMER_CLAIM_MS};
use crate::store::conformance::subject::{ANN, LOBBY, NOON, Subject, post};
use crate::testing::node::{Person, TestNode};
use crate::testing::poll::until;
use serde_json::{Value, json};

/// An hour and a bit from now.
fn in_an_hour() -> Timestamp {
    now().plus_ms(3_700_000)
}

async fn schedule(ann: &Person, room: &str, client_id: Uuid) -> (u16, Value) {
    schedule_at(ann, room, client_id, now().plus_ms(3_600_000)).await
}

async fn schedule_at(ann: &Person, room: &str, client_id: Uuid, at: Timestamp) -> (u16, Value) {
    let at = at.to_rfc3339();
    let body = json!({ "client_id": client_id, "after": 0, "body": "The tide turns", "at": at });
    ann.call("POST", &format!("/rooms/{room}/scheduled"), body)
        .await
}

async fn bodies(ann: &Person, room: &str) -> Vec<String> {
    let path = format!("/rooms/{room}/messages");
    let (status, page) = ann.call("GET", &path, Value::Null).await;
    assert_eq!(status, 200, "{page}");
    let items = page["messages"].as_array().expect("a list").iter();
    let body = items.filter_map(|item| item["body"].as_str());
    body.map(str::to_owned).collect()
}

async fn scheduled(ann: &Person) -> Vec<Value> {
    let (_, list) = ann.call("GET", "/scheduled", Value::Null).await;
    list["items"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn a_scheduled_message_is_sent_once_when_its_time_has_come() {
    let place = TestNode::relaxed().await;
    let ann = place.sign_up("ann").await;
    let room = ann.group(&[]).await;
    start(&place.node);
    let id = Uuid::now_v7();
    let (status, set) = schedule(&ann, &room, id).await;
    assert_eq!((status, &set["failed"]), (201, &Value::Null), "{set}");
    assert_eq!(
        schedule(&ann, &room, id).await,
        (200, set.clone()),
        "the same again"
    );
    assert_eq!(scheduled(&ann).await, std::slice::from_ref(&set));
    assert_eq!(bodies(&ann, &room).await, Vec::<String>::new());
    start_with(&place.node, in_an_hour);
    let sent = async || scheduled(&ann).await.is_empty();
    until("it is sent", sent).await;
    assert_eq!(bodies(&ann, &room).await, ["The tide turns"]);
    // However late it is scheduled again: it was sent, and stays as it is.
    for at in [now().plus_ms(-1_000), now().plus_ms(3_600_000)] {
        let (status, mut again) = schedule_at(&ann, &room, id, at).await;
        let seq = again["seq"].take();
        assert_eq!((status, seq), (200, json!(2)), "{again}");
        assert_eq!((&again["id"], &again["body"]), (&set["id"], &set["body"]));
        assert_eq!(again["at"], at.to_rfc3339());
    }
    assert_eq!(scheduled(&ann).await, Vec::<Value>::new());
    let late = schedule_at(&ann, &room, Uuid::now_v7(), now().plus_ms(-1_000)).await;
    assert_eq!(late.0, 400, "nobody sent this one");
    // Whoever sends it by hand, too, gets what stands.
    let body = json!({ "client_id": id, "after": 0, "kind": "post", "body": "The tide turns" });
    let path = format!("/rooms/{room}/entries");
    assert_eq!(ann.call("POST", &path, body).await.0, 200);
    assert_eq!(place.node.metrics.timers_done.get(), 1);
}

#[tokio::test]
async fn what_is_taken_back_is_not_sent_and_what_is_not_allowed_any_more_says_so() {
    let place = TestNode::relaxed().await;
    let (ann, bob) = (place.sign_up("ann").await, place.sign_up("bob").await);
    let room = ann.group(&[&bob]).await;
    let (_, kept) = schedule(&bob, &room, Uuid::now_v7()).await;
    let (_, gone) = schedule(&bob, &room, Uuid::now_v7()).await;
    let path = format!("/scheduled/{}", gone["id"].as_str().expect("an id"));
    assert_eq!(
        ann.call("DELETE", &path, Value::Null).await.0,
        404,
        "not hers"
    );
    assert_eq!(bob.call("DELETE", &path, Value::Null).await.0, 204);
    let member = format!("/rooms/{room}/members/{}", bob.id);
    assert_eq!(ann.call("DELETE", &member, Value::Null).await.0, 200);
    assert_eq!(schedule(&bob, &room, Uuid::now_v7()).await.0, 404);
    start_with(&place.node, in_an_hour);
    let failed = async || scheduled(&bob).await[0]["failed"] == "not_found";
    until("it failed", failed).await;
    assert_eq!(scheduled(&bob).await[0]["id"], kept["id"]);
    assert_eq!(bodies(&ann, &room).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_a_dead_node_had_claimed_is_done_by_another_and_twice_is_harmless() {
    let place = TestNode::relaxed().await;
    let ann = place.sign_up("ann").await;
    let room = ann.group(&[]).await;
    schedule(&ann, &room, Uuid::now_v7()).await;
    let (store, shards) = (&place.node.store, Vec::from_iter(0..TIMER_SHARDS));
    let due = store.due_timers(&shards, in_an_hour(), 1).await;
    let due = due.expect("an answer").remove(0);
    let until_then = in_an_hour().plus_ms(TIMER_CLAIM_MS);
    let claimed = store.claim_timer(&due, Uuid::new_v4(), until_then).await;
    assert_eq!(claimed, Ok(true));
    // It came as far as sending it, and died before it could end the timer.
    assert_eq!(run(&place.node, &due.timer).await, Outcome::Done);
    assert_eq!(scheduled(&ann).await.len(), 1);
    start_with(&place.node, || in_an_hour().plus_ms(TIMER_CLAIM_MS + 1_000));
    let ended = async || scheduled(&ann).await.is_empty();
    until("another one ends it", ended).await;
    assert_eq!(bodies(&ann, &room).await, ["The tide turns"]);
}

/// Views follow the log: whoever repeats between the two must not be told that his time has passed.
#[tokio::test]
async fn what_was_sent_a_moment_ago_is_known_before_its_views_stand() {
    let subject = Subject::memory(BUCKET_BITS);
    let mut scribe = subject.scribe(LOBBY).await;
    let joined = Event::Join {
        user: ANN,
        role: Role::Member,
    };
    scribe.write(&*subject.store, [joined]).await;
    scribe.write(&*subject.store, [post("sent")]).await;
    let actor = Actor {
        user: ANN,
        role: WorkspaceRole::Member,
        active: true,
    };
    for (key, expected) in [(2, Some(2)), (3, None)] {
        let task = Task::Post {
            room: LOBBY,
            client_id: ClientId(Uuid::from_u128(key)),
            after: 0,
            body: "sent".to_owned(),
        };
        let said = scheduled::schedule(&*subject.store, &actor, NOON, NOON, task).await;
        match (said, expected) {
            (Ok(Scheduled::Sent(_, seq)), Some(expected)) => assert_eq!(seq, expected),
            (Err(error), None) => assert_eq!(error.code, Code::BadRequest),
            (said, _) => panic!("key {key}: {said:?}"),
        }
    }
}

#[tokio::test]
async fn what_cannot_be_scheduled_is_refused_with_a_reason() {
    let place = TestNode::relaxed().await;
    let ann = place.sign_up("ann").await;
    let room = ann.group(&[]).await;
    let path = format!("/rooms/{room}/scheduled");
    let at = |ms: i64| now().plus_ms(ms).to_rfc3339();
    let far = 400 * 86_400_000;
    for (after, body, at) in [
        (0, "late", at(-1_000)),
        (0, "far", at(far)),
        (0, " ", at(60_000)),
        (99, "above the head", at(60_000)),
    ] {
        let new = json!({ "client_id": Uuid::now_v7(), "after": after, "body": body, "at": at });
        let (status, problem) = ann.call("POST", &path, new).await;
        assert_eq!(
            (status, &problem["code"]),
            (400, &json!("bad_request")),
            "{body}"
        );
    }
    for _ in 0..crate::limits::SCHEDULED_PER_USER_MAX {
        assert_eq!(schedule(&ann, &room, Uuid::now_v7()).await.0, 201);
    }
    let (status, problem) = schedule(&ann, &room, Uuid::now_v7()).await;
    assert_eq!((status, &problem["code"]), (409, &json!("conflict")));
}
