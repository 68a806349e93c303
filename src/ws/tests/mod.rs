//! Stories and attacks through a real port.

mod authz;
mod breaks;
mod clock;
mod edges;
mod greeting;
mod outbound;

use crate::testing::node::{TestNode, post};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn ann_and_bob_chat_and_a_repeat_is_answered_the_same() {
    let node = TestNode::start().await;
    let (ann, bob) = (node.sign_up("ann").await, node.sign_up("bob").await);
    let room = ann.group(&[&bob]).await;
    let (mut laptop, mut phone) = (ann.hello("data").await, bob.hello("html").await);
    phone.watch(&room, 2).await;
    let key = Uuid::now_v7();
    laptop.send(post(&room, key, "ahoy **bob**")).await;
    let first = laptop.sees("ack").await;
    assert_eq!((&first["seq"], &first["ord"]), (&json!(3), &json!(1)));
    let entry = phone.sees("entry").await;
    assert_eq!((&entry["op"], &entry["seq"]), (&json!("add"), &json!(3)));
    let html = entry["html"].as_str().expect("a fragment");
    assert!(html.contains("<strong>bob</strong>"), "{html}");
    laptop.send(post(&room, key, "something else")).await;
    assert_eq!(laptop.sees("ack").await, first);
    assert_eq!(phone.until_pong().await, Vec::<serde_json::Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_unwatch_bob_hears_of_the_head_alone() {
    let node = TestNode::start().await;
    let (ann, bob) = (node.sign_up("ann").await, node.sign_up("bob").await);
    let room = ann.group(&[&bob]).await;
    let (mut laptop, mut phone) = (ann.hello("data").await, bob.hello("data").await);
    phone.watch(&room, 0).await;
    phone.send(json!({ "t": "unwatch", "room": room })).await;
    phone.sees("unwatched").await;
    let ack = laptop.post(&room, "psst").await;
    assert_eq!(ack["t"], "ack");
    let head = phone.sees("head").await;
    assert_eq!((&head["seq"], &head["unread"]), (&ack["seq"], &json!(1)));
    let seen = phone.until_pong().await;
    assert!(seen.iter().all(|frame| frame["t"] != "entry"), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_removed_gets_gone_and_nothing_after_it() {
    let node = TestNode::start().await;
    let (ann, bob) = (node.sign_up("ann").await, node.sign_up("bob").await);
    let room = ann.group(&[&bob]).await;
    let (mut laptop, mut phone) = (ann.hello("data").await, bob.hello("data").await);
    phone.watch(&room, 2).await;
    laptop.post(&room, "before").await;
    assert_eq!(phone.sees("entry").await["body"], "before");
    let path = format!("/rooms/{room}/members/{}", bob.id);
    let (status, left) = ann.call("DELETE", &path, serde_json::Value::Null).await;
    assert_eq!(status, 200, "{left}");
    laptop.post(&room, "secret").await;
    assert_eq!(phone.sees("gone").await["seq"], left["seq"]);
    assert_eq!(phone.until_pong().await, Vec::<serde_json::Value>::new());
    assert_eq!(phone.post(&room, "let me in").await["code"], "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn t15_a_cookie_from_another_site_is_refused_before_the_upgrade() {
    let node = TestNode::start().await;
    let ann = node.sign_up("ann").await;
    let cookie = ("cookie", "chapiana=whatever");
    let own = node.node.config.base_url();
    let suffix = format!("{own}.evil.example");
    for origin in ["https://evil.example", "null", &suffix, "http://localhost"] {
        let refused = node.upgrade(&[cookie, ("origin", origin)]).await;
        assert_eq!(refused.err(), Some(403), "{origin}");
    }
    assert_eq!(node.upgrade(&[cookie]).await.err(), Some(403));
    let bearer = format!("Bearer {}", ann.token);
    let bearer = ("authorization", bearer.as_str());
    let foreign = [bearer, ("origin", "https://evil.example")];
    assert_eq!(node.upgrade(&foreign).await.err(), Some(403));
    // The permitted cases beside the denied ones.
    assert!(node.upgrade(&[cookie, ("origin", &own)]).await.is_ok());
    assert!(node.upgrade(&[bearer]).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn t16_nobody_stays_connected_without_a_valid_session() {
    let node = TestNode::start().await;
    let mut stranger = node.upgrade(&[]).await.expect("any upgrade is accepted");
    assert_eq!(stranger.closed().await, 4001);
    let forged = [("authorization", "Bearer forged")];
    let mut forged = node.upgrade(&forged).await.expect("and closed then");
    assert_eq!(forged.closed().await, 4001);
    let ann = node.sign_up("ann").await;
    let (mut silent, mut open) = (ann.connect().await, ann.hello("data").await);
    let nothing = serde_json::Value::Null;
    let (status, _) = ann.call("DELETE", "/sessions/current", nothing).await;
    assert_eq!(status, 204);
    assert_eq!(node.node.sessions.count(), 0, "closed before the answer");
    assert_eq!(open.closed().await, 4001);
    assert_eq!(silent.closed().await, 4001);
}

#[tokio::test(flavor = "multi_thread")]
async fn t17_malformed_and_huge_frames_close_the_socket_with_their_code() {
    let node = TestNode::start().await;
    let ann = node.sign_up("ann").await;
    let deep = format!("{}{}", "[".repeat(17), "]".repeat(17));
    for (message, code) in [
        (Message::binary("{}"), 4009),
        (Message::text("{nope"), 4009),
        (Message::text(deep), 4009),
        (Message::text("x".repeat(65_537)), 1009),
    ] {
        let mut socket = ann.hello("data").await;
        socket.raw(message).await;
        assert_eq!(socket.closed().await, code);
    }
    let mut early = ann.connect().await;
    early.send(json!({ "t": "ping", "n": 1 })).await;
    assert_eq!(early.closed().await, 4009);
    let mut patient = ann.hello("data").await;
    patient.raw(Message::text("\"words\"")).await;
    assert_eq!(patient.sees("error").await["code"], "bad_request");
    patient.raw(Message::text("[]")).await;
    assert_eq!(patient.until_pong().await, Vec::<serde_json::Value>::new());
}
