//! A room breaks while somebody reads it.

use crate::access::{Actor, WorkspaceRole};
use crate::ids::{ClientId, RoomId};
use crate::room::answer::Answer;
use crate::room::directory::fresh_salt;
use crate::room::{Draft, Send};
use crate::testing::node::TestNode;
use uuid::Uuid;

#[tokio::test]
async fn ann_sees_what_bob_stored_as_the_room_broke_though_nobody_writes_again() {
    let node = TestNode::start().await;
    let (ann, bob) = (node.sign_up("ann").await, node.sign_up("bob").await);
    let room = ann.group(&[&bob]).await;
    let mut reads = ann.hello("data").await;
    reads.watch(&room, 2).await;
    bob.hello("data").await.post(&room, "All is well").await;
    let post = Send {
        ticket: 0,
        actor: Actor {
            user: bob.id.parse().expect("an id"),
            role: WorkspaceRole::Member,
            active: true,
        },
        place: None,
        client_id: Some(ClientId(Uuid::now_v7())),
        after: 3,
        draft: Draft::Post {
            body: "Or is it?".to_owned(),
            reply_to: None,
        },
        handles: Default::default(),
        salt: fresh_salt(),
    };
    let id: RoomId = room.parse().expect("an id");
    let (answer, _reply) = Answer::awaited();
    // Both are in the mailbox before the room hears of either: nobody is there to publish the commit.
    node.node.rooms.cast(id, post, answer);
    node.node.rooms.break_for_test(id);
    assert_eq!(reads.entries_to(4).await, [3, 4]);
    assert_eq!(node.node.metrics.room_panics.get(), 1);
}
