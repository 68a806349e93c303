//! Who is removed, signed out, renamed or online is so on the other node, too.

use super::*;
use crate::testing::probe::{connect, user};
use tokio::runtime::Handle;

#[tokio::test]
async fn a_removal_is_answered_when_the_other_node_has_let_the_person_go() {
    let world = World::of(2).await;
    let (ann, bob) = world.people().await;
    let bob = world.nodes[1].visit(&bob);
    for owner in [0, 1] {
        let room = world.room_on(owner, &ann, &bob).await;
        let mut reads = bob.hello("data").await;
        reads.watch(&room, 2).await;
        let path = format!("/rooms/{room}/members/{}", bob.id);
        let (status, answer) = ann.call("DELETE", &path, Value::Null).await;
        assert_eq!(status, 200, "{answer}");
        let mut writes = ann.hello("data").await;
        writes.post(&room, "He is gone").await;
        let seen = reads.until_pong().await;
        assert_eq!(
            seen.last().map(|frame| &frame["t"]),
            Some(&json!("gone")),
            "{seen:?}"
        );
        let entry = |frame: &&Value| frame["t"] == "entry";
        assert_eq!(seen.iter().filter(entry).count(), 0, "{seen:?}");
    }
}

#[tokio::test]
async fn a_signed_out_device_is_closed_on_the_other_node_before_the_answer() {
    let world = World::of(2).await;
    let (ann, _) = world.people().await;
    let mut phone = world.nodes[1].visit(&ann).hello("data").await;
    let (status, _) = ann.call("DELETE", "/sessions/current", Value::Null).await;
    assert_eq!(status, 204);
    assert_eq!(world.nodes[1].node.sessions.count(), 0, "closed already");
    assert_eq!(phone.closed().await, 4001);
}

#[tokio::test]
async fn a_new_name_and_a_moved_marker_are_seen_on_the_other_node() {
    let world = World::of(2).await;
    let (ann, bob) = world.people().await;
    let room = world.room_on(0, &ann, &bob).await;
    let mut tablet = world.nodes[1].visit(&ann).hello("data").await;
    let mut bobs = world.nodes[1].visit(&bob).hello("data").await;
    let (status, _) = ann.call("PATCH", "/me", json!({ "name": "Ann Vik" })).await;
    assert_eq!(status, 200);
    assert_eq!(bobs.sees("user").await["user"]["name"], "Ann Vik");
    bobs.post(&room, "Welcome").await;
    let (status, _) = ann
        .call(
            "PUT",
            &format!("/rooms/{room}/markers"),
            json!({ "read": 3 }),
        )
        .await;
    assert_eq!(status, 200);
    loop {
        let head = tablet.sees("head").await;
        if head["unread"] == 0 {
            break;
        }
    }
}

#[tokio::test]
async fn who_is_online_is_seen_from_the_other_node_and_who_was_on_a_dead_one_is_not() {
    let world = World::of(2).await;
    let (ann, bob) = world.people().await;
    let mut anns = ann.hello("data").await;
    let watch = json!({ "t": "presence", "state": "active", "watch": [bob.id] });
    let mut bobs = world.nodes[1].visit(&bob).hello("data").await;
    anns.send(watch).await;
    let state = async |socket: &mut Socket, wanted: &str| {
        while socket.sees("presence").await["users"][&bob.id] != wanted {}
    };
    state(&mut anns, "active").await;
    bobs.send(json!({ "t": "presence", "state": "away" })).await;
    state(&mut anns, "away").await;
    world.kill(1);
    state(&mut anns, "offline").await;
}

/// Waits until node 1 has heard whatever node 0 told before.
async fn heard(ann: &Person, bobs: &mut Socket, name: &str) {
    let (status, _) = ann.call("PATCH", "/me", json!({ "name": name })).await;
    assert_eq!(status, 200);
    while bobs.sees("user").await["user"]["name"] != name {}
}

#[tokio::test]
async fn t36_failed_log_ins_count_on_every_node_and_success_is_known_there_too() {
    let world = World::of(2).await;
    let (ann, bob) = world.people().await;
    ann.group(&[&bob]).await;
    let elsewhere = world.nodes[1].visit(&ann);
    let mut bobs = world.nodes[1].visit(&bob).hello("data").await;
    let try_at = async |place: &Person, password: &str| {
        let body = json!({ "email": "ann@halden.example", "password": password });
        place.call("POST", "/sessions", body).await.0
    };
    for _ in 0..4 {
        assert_eq!(try_at(&ann, "a wrong guess").await, 401);
    }
    heard(&ann, &mut bobs, "Ann the first").await;
    assert_eq!(try_at(&elsewhere, "a wrong guess").await, 401);
    assert_eq!(try_at(&elsewhere, "a wrong guess").await, 429, "the sixth");
    // Her first node heard of the fifth: it lets her wait, and then in.
    let right = async || try_at(&ann, crate::testing::node::PASSWORD).await == 201;
    until("she is let in after her wait", right).await;
    heard(&ann, &mut bobs, "Ann the second").await;
    assert_eq!(try_at(&elsewhere, "a wrong guess").await, 401, "forgotten");
}

#[tokio::test]
async fn who_is_added_to_a_room_that_nobody_follows_on_his_node_is_told_without_the_bus_too() {
    let world = World::of(2).await;
    let (ann, bob) = world.people().await;
    let mut bobs = world.nodes[1].visit(&bob).hello("data").await;
    world.set_connected(false);
    let room = ann.group(&[&bob]).await;
    assert_eq!(bobs.sees("room").await["room"], room);
}

#[tokio::test]
async fn a_relay_begins_though_what_is_owed_to_it_is_still_to_be_done() {
    let world = World::of(2).await;
    let room = RoomId::from_bytes([7; 16]);
    let (ann, _ears) = connect(user(1)).await;
    let (node, runtime) = (Arc::clone(&world.nodes[1].node), Handle::current());
    world.cluster(1).owe_for_test(room);
    let (tell, begun) = std::sync::mpsc::channel();
    // A thread of its own: if it waits for itself, it does so for ever.
    std::thread::spawn(move || {
        let _inside = runtime.enter();
        node.relays.listen(room, ann, 0);
        tell.send(())
    });
    let begun = tokio::task::spawn_blocking(move || begun.recv_timeout(PATIENCE));
    assert_eq!(begun.await.expect("it does not panic"), Ok(()));
}
