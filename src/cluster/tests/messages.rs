//! Two people chat, whatever happens to nodes and to the bus between them.

use super::*;
use tokio::time::timeout;

#[tokio::test]
async fn two_people_on_two_nodes_chat_wherever_the_room_lives() {
    let world = World::of(2).await;
    let (ann, bob) = world.people().await;
    let bob = world.nodes[1].visit(&bob);
    for owner in [0, 1] {
        let room = world.room_on(owner, &ann, &bob).await;
        let (mut anns, mut bobs) = (ann.hello("data").await, bob.hello("data").await);
        let mut at_first = ann.hello("data").await;
        let mut at_second = bob.hello("data").await;
        at_first.watch(&room, 2).await;
        at_second.watch(&room, 2).await;
        for n in 0..5 {
            let ack = anns.post(&room, "Is the boat back?").await;
            assert_eq!(ack["seq"], 3 + 2 * n, "{ack}");
            let ack = bobs.post(&room, "Since noon.").await;
            assert_eq!(ack["seq"], 4 + 2 * n, "{ack}");
        }
        assert_eq!(at_first.entries_to(12).await, Vec::from_iter(3..=12));
        assert_eq!(at_second.entries_to(12).await, Vec::from_iter(3..=12));
        hints_pass(
            &room,
            (&ann, &mut anns, &mut at_first),
            (&bob, &mut at_second),
        )
        .await;
    }
    let forwarded = |node: usize| world.nodes[node].node.metrics.commands_forwarded.get();
    assert!(forwarded(0) > 0 && forwarded(1) > 0);
    assert_eq!(world.nodes[0].node.metrics.rooms_fenced.get(), 0);
}

/// Hints may be lost: a node whose lease has run out, because it stood still, passes none on. What
/// makes them comes again.
async fn hints_pass(
    room: &str,
    (ann, anns, at_first): (&Person, &mut Socket, &mut Socket),
    (bob, at_second): (&Person, &mut Socket),
) {
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < PATIENCE, "no typing");
        for on in [false, true] {
            at_first
                .send(json!({ "t": "typing", "room": room, "on": on }))
                .await;
        }
        let typing = timeout(PATIENCE / 4, at_second.sees("typing")).await;
        let users = typing.map(|typing| typing["users"].clone());
        if users == Ok(json!([ann.id])) {
            break;
        }
    }
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < PATIENCE, "no marks");
        // His own post moved Bob's marker already, so it takes one of Ann's to move it again.
        let ack = anns.post(room, "See you there.").await;
        at_second
            .send(json!({ "t": "mark", "room": room, "read": ack["seq"], "ref": "m" }))
            .await;
        let is_bobs = |marks: &Value| {
            let mut all = marks["marks"].as_array().into_iter().flatten();
            all.any(|mark| mark["user"] == *bob.id && mark["read"] == ack["seq"])
        };
        let seen = async { while !is_bobs(&at_first.sees("marks").await) {} };
        if timeout(PATIENCE / 4, seen).await.is_ok() {
            break;
        }
    }
}

#[tokio::test]
async fn who_does_not_watch_is_told_of_heads_from_another_node() {
    let world = World::of(2).await;
    let (ann, bob) = world.people().await;
    let bob = world.nodes[1].visit(&bob);
    let room = world.room_on(0, &ann, &bob).await;
    let mut reads = bob.hello("data").await;
    let mut writes = ann.hello("data").await;
    writes.post(&room, "Two metres at the pier").await;
    let head = reads.sees("head").await;
    assert_eq!((&head["room"], &head["seq"]), (&json!(room), &json!(3)));
    assert_eq!(head["unread"], 1);
}

#[tokio::test]
async fn a_room_whose_node_is_killed_goes_on_elsewhere_without_a_gap() {
    let world = World::of(3).await;
    let (ann, bob) = world.people().await;
    let (ann, bob) = (world.nodes[1].visit(&ann), world.nodes[2].visit(&bob));
    let room = world.room_on(0, &ann, &bob).await;
    let mut writes = ann.hello("data").await;
    let mut reads = bob.hello("data").await;
    reads.watch(&room, 2).await;
    writes.insist(&room, "before", 0).await;
    let owner = world.nodes[0].node.rooms.observe(room_id(&room)).await;
    assert!(owner.is_some(), "it lived there");
    world.kill(0);
    let last = writes.insist(&room, "after", 0).await["seq"].as_u64();
    let last = last.expect("a seq");
    assert_eq!(reads.entries_to(last).await, Vec::from_iter(3..=last));
    assert_ne!(world.cluster(1).place(room_id(&room)), world.id(0));
}

#[tokio::test]
async fn what_is_asked_over_http_while_the_node_of_the_room_dies_is_done_once_elsewhere() {
    let world = World::of(3).await;
    let (ann, bob) = world.people().await;
    let ann = world.nodes[1].visit(&ann);
    let room = world.room_on(0, &ann, &bob).await;
    let other = world.room_on(0, &ann, &bob).await;
    let entries = format!("/rooms/{room}/entries");
    let member = format!("/rooms/{other}/members/{}", bob.id);
    let say = |body: &str| json!({ "client_id": Uuid::now_v7(), "after": 0, "kind": "post", "body": body });
    let (status, _) = ann.call("POST", &entries, say("before")).await;
    assert_eq!(status, 201);
    world.kill(0);
    let (said, removed) = tokio::join!(
        ann.call("POST", &entries, say("after")),
        ann.call("DELETE", &member, Value::Null),
    );
    assert_eq!(said.0, 201, "{said:?}");
    assert_eq!(removed.0, 200, "{removed:?}");
    let (_, page) = ann.call("GET", &entries, Value::Null).await;
    let bodies = page["entries"].as_array().expect("entries").iter();
    let bodies: Vec<_> = bodies.filter_map(|entry| entry["body"].as_str()).collect();
    assert_eq!(bodies, ["before", "after"]);
    let (_, page) = ann
        .call("GET", &format!("/rooms/{other}/entries"), Value::Null)
        .await;
    let kinds = page["entries"].as_array().expect("entries").iter();
    let left = kinds.filter(|entry| entry["kind"] == "leave").count();
    assert_eq!(left, 1);
}

#[tokio::test]
async fn rooms_founded_while_a_node_dies_are_there_with_everybody() {
    let world = World::of(3).await;
    let (ann, bob) = world.people().await;
    let ann = world.nodes[1].visit(&ann);
    world.kill(0);
    // Some of them would live on the node that died.
    let keys: Vec<Uuid> = (0..16).map(|_| Uuid::now_v7()).collect();
    let founded = keys.iter().map(|key| {
        let room = json!({ "kind": "group", "client_id": key, "members": [bob.id] });
        ann.call("POST", "/rooms", room)
    });
    for (status, room) in futures_util::future::join_all(founded).await {
        assert_eq!(status, 201, "{room}");
        assert_eq!(room["head"], json!(2), "{room}");
    }
}

#[tokio::test]
async fn what_gets_lost_between_nodes_is_read_from_the_store() {
    let world = World::of(2).await;
    let (ann, bob) = world.people().await;
    let bob = world.nodes[1].visit(&bob);
    let room = world.room_on(0, &ann, &bob).await;
    let mut writes = ann.hello("data").await;
    let mut reads = bob.hello("data").await;
    reads.watch(&room, 2).await;
    // From here on the first node knows that the second one follows.
    writes.insist(&room, "Clear sky", 0).await;
    assert_eq!(reads.entries_to(3).await, [3]);
    let faults = Faults {
        dropped: 400,
        doubled: 100,
        ..Faults::default()
    };
    world.hub.set_faults(faults);
    for _ in 0..30 {
        writes.insist(&room, "Fog", 0).await;
    }
    world.hub.cut(world.id(0), world.id(1));
    writes.insist(&room, "the last one", 0).await;
    world.hub.mend();
    world.hub.set_faults(Faults::default());
    assert_eq!(reads.entries_to(34).await, Vec::from_iter(4..=34));
    assert!(world.nodes[1].node.metrics.bus_gaps.get() > 0);
}

#[tokio::test]
async fn without_the_bus_both_nodes_go_on_and_each_sees_what_the_other_stored() {
    let world = World::of(2).await;
    let (ann, bob) = world.people().await;
    let bob = world.nodes[1].visit(&bob);
    let room = world.room_on(0, &ann, &bob).await;
    let (mut anns, mut bobs) = (ann.hello("data").await, bob.hello("data").await);
    let mut at_first = ann.hello("data").await;
    let mut at_second = bob.hello("data").await;
    at_first.watch(&room, 2).await;
    at_second.watch(&room, 2).await;
    world.set_connected(false);
    let mut last = 0;
    for _ in 0..5 {
        for socket in [&mut anns, &mut bobs] {
            // The head that the other node acknowledged is above what this one's owner knows.
            let ack = socket.insist(&room, "No bus", last).await;
            last = ack["seq"].as_u64().expect("a seq");
        }
    }
    assert_eq!(last, 12);
    assert_eq!(at_first.entries_to(12).await, Vec::from_iter(3..=12));
    assert_eq!(at_second.entries_to(12).await, Vec::from_iter(3..=12));
    world.set_connected(true);
    bobs.insist(&room, "Back", 0).await;
    assert_eq!(at_first.entries_to(13).await, [13]);
}

#[tokio::test]
async fn sends_that_get_lost_on_the_way_to_another_node_are_answered_soon_and_keep_their_order() {
    let world = World::of(2).await;
    let (ann, bob) = world.people().await;
    let room = world.room_on(1, &ann, &bob).await;
    let mut writes = ann.hello("data").await;
    let mut reads = bob.hello("data").await;
    reads.watch(&room, 2).await;
    writes.insist(&room, "first", 0).await;
    let faults = Faults {
        dropped: 50,
        ..Faults::default()
    };
    world.hub.set_faults(faults);
    let mut open: Vec<(Uuid, u64)> = (0..20).map(|n| (Uuid::now_v7(), n)).collect();
    let mut stored = Vec::new();
    let started = Instant::now();
    while !open.is_empty() {
        for (id, n) in &open {
            writes.send(post(&room, *id, &n.to_string())).await;
        }
        let mut refused = Vec::new();
        let ids: Vec<_> = open.iter().map(|(id, _)| id.to_string()).collect();
        let answers = writes.answers_to(&ids).await;
        for (id, n) in std::mem::take(&mut open) {
            match answers[&id.to_string()]["seq"].as_u64() {
                Some(seq) => stored.push((n, seq)),
                None => refused.push((id, n)),
            }
        }
        open = refused;
        assert!(started.elapsed() < PATIENCE, "{open:?}");
    }
    stored.sort_unstable();
    let seqs: Vec<_> = stored.iter().map(|(_, seq)| *seq).collect();
    assert_eq!(
        seqs,
        Vec::from_iter(4..=23),
        "in the order of sending, each once"
    );
    world.hub.set_faults(Faults::default());
    let seen = reads.entries_to(23).await;
    assert_eq!(seen, Vec::from_iter(3..=23));
}
