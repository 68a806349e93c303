//! A long absence, through a real port.

use crate::access::{Actor, WorkspaceRole};
use crate::ids::{ClientId, RoomId, UserId};
use crate::limits::{BODY_CHARS_MAX, OUTBOX_BYTES_MAX};
use crate::room::directory::fresh_salt;
use crate::room::{Draft, Reply, Send};
use crate::testing::node::{Person, TestNode};
use serde_json::json;
use std::collections::BTreeMap;
use uuid::Uuid;

const ROOMS: usize = 3;
const LONG_POSTS: u64 = 120;

/// Past the rates: who was away did not write all this himself.
async fn fill(node: &TestNode, author: &Person, room: &str) {
    let room: RoomId = room.parse().expect("an id");
    let user: UserId = author.id.parse().expect("an id");
    for _ in 0..LONG_POSTS {
        let body = "€".repeat(BODY_CHARS_MAX);
        let send = Send {
            ticket: 0,
            actor: Actor {
                user,
                role: WorkspaceRole::Member,
                active: true,
            },
            place: None,
            client_id: Some(ClientId(Uuid::now_v7())),
            after: 0,
            draft: Draft::Post {
                body,
                reply_to: None,
            },
            handles: BTreeMap::new(),
            salt: fresh_salt(),
        };
        let reply = node.node.rooms.send(room, send).await;
        assert!(matches!(reply, Reply::Stored { .. }), "{reply:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bob_was_away_long_and_gets_everything_although_it_is_far_more_than_an_outbox() {
    let node = TestNode::start().await;
    let (ann, bob) = (node.sign_up("ann").await, node.sign_up("bob").await);
    let mut rooms = Vec::new();
    for _ in 0..ROOMS {
        rooms.push(ann.group(&[&bob]).await);
    }
    for room in &rooms {
        fill(&node, &ann, room).await;
    }
    let mut phone = bob.connect().await;
    let cursors: BTreeMap<_, _> = rooms.iter().map(|room| (room.as_str(), 2)).collect();
    phone
        .send(json!({ "t": "hello", "format": "data", "cursors": cursors }))
        .await;
    let user: UserId = bob.id.parse().expect("an id");
    let mut heads: BTreeMap<String, u64> = rooms.iter().map(|room| (room.clone(), 2)).collect();
    let mut watching = 0;
    while watching < ROOMS {
        let frame = phone.any().await;
        let room = frame["room"].as_str().unwrap_or_default().to_owned();
        match frame["t"].as_str() {
            Some("entry") => {
                let head = heads.get_mut(&room).expect("his room");
                assert_eq!(frame["seq"], *head + 1, "in order, each once");
                *head += 1;
            }
            Some("watching") => {
                assert_eq!(heads[&room], 2 + LONG_POSTS, "all of it comes first");
                watching += 1;
            }
            _ => {}
        }
        for connection in node.node.sessions.of_user(user) {
            let waits = connection.outbox.bytes();
            assert!(waits <= OUTBOX_BYTES_MAX, "{waits} bytes wait");
        }
    }
    assert_eq!(node.node.metrics.slow_connections.get(), 0);
}
