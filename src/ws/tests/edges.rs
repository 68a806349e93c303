//! The edges of the contract (PROTOCOL.md §4), through a real port.

use crate::limits::{FRAME_ELEMENTS_MAX, SOCKETS_UNGREETED_PER_ADDRESS_MAX, WATCH_GAP_MAX};
use crate::testing::node::{Socket, TestNode, post};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(10);

fn piece(bytes: Vec<u8>, data: Data, is_final: bool) -> Message {
    Message::Frame(Frame::message(bytes, OpCode::Data(data), is_final))
}

#[tokio::test(flavor = "multi_thread")]
async fn t17_bad_utf8_and_a_message_in_too_many_pieces_close_with_their_code() {
    let node = TestNode::start().await;
    let ann = node.sign_up("ann").await;
    let mut socket = ann.hello("data").await;
    socket
        .raw(piece(vec![b'"', 0xff, b'"'], Data::Text, true))
        .await;
    assert_eq!(socket.closed().await, 1007);
    let mut socket = ann.hello("data").await;
    let half = vec![b' '; 40_000];
    socket.raw(piece(half.clone(), Data::Text, false)).await;
    socket.raw(piece(half, Data::Continue, true)).await;
    assert_eq!(socket.closed().await, 1009);
    // In pieces that fit it is a frame like any other.
    let mut socket = ann.hello("data").await;
    let ping = br#"{"t":"ping","n":9}"#;
    let (first, second) = ping.split_at(7);
    socket.raw(piece(first.to_vec(), Data::Text, false)).await;
    socket
        .raw(piece(second.to_vec(), Data::Continue, true))
        .await;
    assert_eq!(socket.sees("pong").await["n"], 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn t17_a_frame_that_claims_two_to_the_63_bytes_is_the_last_one() {
    let node = TestNode::start().await;
    let ann = node.sign_up("ann").await;
    let address = node.node.config.listen;
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let head = format!(
        "GET /ws HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         sec-websocket-protocol: chapiana.v1\r\nauthorization: Bearer {}\r\n\r\n",
        ann.token
    );
    stream.write_all(head.as_bytes()).await.expect("open");
    let mut huge = vec![0x81, 0xff];
    huge.extend_from_slice(&(1_u64 << 63).to_be_bytes());
    huge.extend_from_slice(&[0; 4]);
    stream.write_all(&huge).await.expect("open");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    let _ = read.expect("the connection is closed in time");
    assert!(answer.starts_with(b"HTTP/1.1 101"));
    let left = tokio::time::timeout(PATIENCE, async {
        while node.node.sessions.count() > 0 {
            tokio::task::yield_now().await;
        }
    });
    left.await.expect("the session has ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_array_takes_effect_in_order_or_not_at_all() {
    let node = TestNode::relaxed().await;
    let ann = node.sign_up("ann").await;
    let room = ann.group(&[]).await;
    let mut socket = ann.hello("data").await;
    let pings = |count: usize| (0..count).map(|n| json!({ "t": "ping", "n": n }));
    let full: Vec<Value> = pings(FRAME_ELEMENTS_MAX).collect();
    socket.send(json!(full)).await;
    for n in 0..FRAME_ELEMENTS_MAX {
        assert_eq!(socket.sees("pong").await["n"], n);
    }
    let mut over: Vec<Value> = pings(FRAME_ELEMENTS_MAX).collect();
    over.push(post(&room, Uuid::now_v7(), "never"));
    socket.send(json!(over)).await;
    let seen = socket.until_pong().await;
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0]["code"], "bad_request");
    socket
        .send(json!([[{ "t": "ping", "n": 1 }], { "t": "ping", "n": 2 }]))
        .await;
    assert_eq!(socket.sees("error").await["code"], "bad_request");
    assert_eq!(socket.sees("pong").await["n"], 2);
    let (_, log) = ann
        .call("GET", &format!("/rooms/{room}/entries"), Value::Null)
        .await;
    assert_eq!(log["head"], 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_entries_are_caught_up_and_one_more_is_a_reset() {
    let node = TestNode::relaxed().await;
    let (ann, bob) = (node.sign_up("ann").await, node.sign_up("bob").await);
    let room = ann.group(&[&bob]).await;
    let mut laptop = ann.hello("data").await;
    // Two joins and these make 501.
    let last = WATCH_GAP_MAX + 1;
    let sends: Vec<Value> = (3..=last)
        .map(|_| post(&room, Uuid::now_v7(), "hi"))
        .collect();
    for slice in sends.chunks(32) {
        laptop.send(json!(slice)).await;
        for _ in slice {
            laptop.sees("ack").await;
        }
    }
    let mut phone = bob.hello("data").await;
    let watch = |after: u64| json!({ "t": "watch", "ref": "w", "room": room, "after": after });
    phone.send(watch(1)).await;
    let seen = phone.until(|frame| frame["t"] == "watching").await;
    let seqs: Vec<u64> = seen
        .iter()
        .filter_map(|frame| frame["seq"].as_u64())
        .collect();
    assert_eq!(seqs, (2..=last).collect::<Vec<_>>());
    assert_eq!(seen.last().map(|frame| &frame["head"]), Some(&json!(last)));
    phone
        .send(json!({ "t": "unwatch", "ref": "u", "room": room }))
        .await;
    phone.sees("unwatched").await;
    phone.send(watch(0)).await;
    let seen = phone.until(|frame| frame["t"] == "watching").await;
    let tags: Vec<&Value> = seen.iter().map(|frame| &frame["t"]).collect();
    assert_eq!(tags, ["reset", "watching"]);
    assert!(seen.iter().all(|frame| frame["head"] == last), "{seen:?}");
    laptop.post(&room, "live").await;
    assert_eq!(phone.sees("entry").await["seq"], last + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_device_marks_the_others_see_and_watchers_too() {
    let node = TestNode::start().await;
    let (ann, bob) = (node.sign_up("ann").await, node.sign_up("bob").await);
    let room = ann.group(&[&bob]).await;
    let (mut laptop, mut phone) = (ann.hello("data").await, bob.hello("data").await);
    let mut tablet = bob.hello("data").await;
    for body in ["one", "two", "three"] {
        laptop.post(&room, body).await;
    }
    laptop.watch(&room, 5).await;
    phone
        .send(json!({ "t": "mark", "ref": "m", "room": room, "read": 4 }))
        .await;
    let answer = phone.sees("marks").await;
    let of_bob = json!([{ "user": bob.id, "read": 4, "delivered": 4 }]);
    assert_eq!((&answer["ref"], &answer["marks"]), (&json!("m"), &of_bob));
    assert_eq!(laptop.sees("marks").await["marks"], of_bob);
    let heads = tablet
        .until(|frame| frame["t"] == "head" && frame["unread"] == 1)
        .await;
    assert_eq!(heads.last().map(|head| &head["seq"]), Some(&json!(5)));
    phone
        .send(json!({ "t": "mark", "ref": "b", "room": room, "unread_from": 3 }))
        .await;
    let back = phone.until(|frame| frame["ref"] == "b").await;
    assert_eq!(
        back.last().map(|frame| &frame["marks"][0]["read"]),
        Some(&json!(2))
    );
    phone
        .send(json!({ "t": "mark", "ref": "c", "room": room, "read": 1, "unread_from": 2 }))
        .await;
    let wrong = phone.until(|frame| frame["ref"] == "c").await;
    assert_eq!(
        wrong.last().map(|frame| &frame["code"]),
        Some(&json!("bad_request"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_invisible_looks_as_if_he_were_not_there() {
    let node = TestNode::relaxed().await;
    let (ann, bob) = (node.sign_up("ann").await, node.sign_up("bob").await);
    let mut watcher = ann.hello("data").await;
    let watch = json!({ "t": "presence", "state": "active", "watch": [bob.id] });
    watcher.send(watch).await;
    let state = |frame: &Value| frame["users"][&bob.id].as_str().map(str::to_owned);
    let first = watcher.sees("presence").await;
    assert_eq!(state(&first).as_deref(), Some("offline"));
    let mut phone = bob.hello("data").await;
    for (said, shown) in [("away", "away"), ("dnd", "dnd"), ("invisible", "offline")] {
        phone.send(json!({ "t": "presence", "state": said })).await;
        let frames = watcher.until(|frame| state(frame).as_deref() == Some(shown));
        frames.await;
    }
    drop(phone);
}

/// Sends all that is not acknowledged yet, in order, and takes the answers.
async fn one_round(
    socket: &mut Socket,
    room: &str,
    pending: &[(Uuid, String)],
) -> HashMap<Uuid, Value> {
    for (id, body) in pending {
        socket.send(post(room, *id, body)).await;
    }
    let mut answers = HashMap::new();
    while answers.len() < pending.len() {
        let frames = socket
            .until(|frame| frame["t"] == "ack" || frame["t"] == "error")
            .await;
        let answer = frames.last().expect("an answer").clone();
        let id = answer["client_id"].as_str().and_then(|id| id.parse().ok());
        answers.insert(id.expect("the key of a send"), answer);
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn order_after_hold_nothing_overtakes_what_was_refused() {
    let node = TestNode::start().await;
    let ann = node.sign_up("ann").await;
    let room = ann.group(&[]).await;
    let mut socket = ann.hello("data").await;
    let all: Vec<(Uuid, String)> = (0..90)
        .map(|number| (Uuid::now_v7(), format!("number {number:03}")))
        .collect();
    let mut pending = all.clone();
    let mut rounds = 0;
    while !pending.is_empty() {
        rounds += 1;
        let answers = one_round(&mut socket, &room, &pending).await;
        let is_acked = |(id, _): &&(Uuid, String)| answers[id]["t"] == "ack";
        let taken = pending.iter().take_while(is_acked).count();
        // After the first refusal everything is refused, and with the same code.
        for (id, body) in &pending[taken..] {
            assert_eq!(answers[id]["code"], "rate_limited", "{body}");
            assert!(answers[id]["retry_after_ms"].is_u64(), "{body}");
        }
        pending.drain(..taken);
    }
    assert!(rounds > 1, "the limit was never reached");
    let path = format!("/rooms/{room}/entries?after=1&limit=200");
    let (_, log) = ann.call("GET", &path, Value::Null).await;
    let bodies: Vec<&str> = log["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .filter_map(|entry| entry["body"].as_str())
        .collect();
    let sent: Vec<&str> = all.iter().map(|(_, body)| body.as_str()).collect();
    assert_eq!(bodies, sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_nothing_is_closed_as_too_slow_and_others_are_not() {
    let node = TestNode::relaxed().await;
    let (ann, bob) = (node.sign_up("ann").await, node.sign_up("bob").await);
    let room = ann.group(&[&bob]).await;
    let (mut laptop, mut phone) = (ann.hello("data").await, bob.hello("data").await);
    phone.watch(&room, 2).await;
    laptop.watch(&room, 2).await;
    let of_bob = || node.node.sessions.of_user(bob.id.parse().expect("an id"));
    let connection = of_bob().pop().expect("he is connected");
    let long = "x".repeat(15_000);
    let mut posts = 0_u64;
    while connection.outbox.closing().is_none() {
        assert!(posts < 4_000, "60 MB and still not too slow");
        assert_eq!(laptop.post(&room, &long).await["t"], "ack");
        posts += 1;
    }
    assert_eq!(connection.outbox.closing(), Some(4008));
    assert_eq!(phone.closed().await, 4008);
    assert_eq!(
        laptop
            .until_pong()
            .await
            .iter()
            .filter(|f| f["t"] == "error")
            .count(),
        0
    );
    // He comes back where he was and misses nothing.
    let mut again = bob.hello("data").await;
    let head = posts + 2;
    again.watch(&room, head - 3).await;
    laptop.post(&room, "at last").await;
    let seen = again.until(|frame| frame["body"] == "at last").await;
    assert_eq!(
        seen.last().map(|frame| &frame["seq"]),
        Some(&json!(head + 1))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_whose_sockets_say_nothing_opens_no_more_until_one_of_them_does() {
    let node = TestNode::start().await;
    let mut silent = Vec::new();
    for n in 0..5 {
        let person = node.sign_up(&format!("silent{n}")).await;
        for _ in 0..SOCKETS_UNGREETED_PER_ADDRESS_MAX / 5 {
            silent.push(person.connect().await);
        }
    }
    let late = node.sign_up("late").await;
    let bearer = format!("Bearer {}", late.token);
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(node.upgrade(&headers).await.err(), Some(429));
    let hello = json!({ "t": "hello", "format": "data" });
    silent[0].send(hello).await;
    silent[0].sees("welcome").await;
    assert!(
        node.upgrade(&headers).await.is_ok(),
        "the others still say nothing"
    );
}
