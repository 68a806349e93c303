//! Two and three nodes in one process, over one store and real sockets.

use super::shell::Way;
use crate::bus::memory::{Faults, MemoryHub};
use crate::ids::{NodeId, RoomId};
use crate::store::Store;
use crate::store::memory::MemoryStore;
use crate::testing::node::{Person, Socket, TestNode, post};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(15);
const STEP: Duration = Duration::from_millis(20);

/// Nodes that meet at one hub.
struct World {
    hub: Arc<MemoryHub>,
    nodes: Vec<TestNode>,
}

impl World {
    async fn of(count: usize) -> Self {
        let hub = MemoryHub::new(1);
        // The leases of a roll that was begun just now prove nothing.
        hub.advance(60_000);
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let clock = Arc::downgrade(&hub);
        tokio::spawn(async move {
            while let Some(hub) = clock.upgrade() {
                hub.advance(STEP.as_millis() as u64);
                sleep(STEP).await;
            }
        });
        let mut nodes = Vec::new();
        for _ in 0..count {
            let id = NodeId(Uuid::now_v7());
            let transport = hub.join(id);
            let way = Way {
                transport: transport.clone(),
                leases: transport,
            };
            nodes.push(TestNode::start_among(store.clone(), id, way).await);
        }
        let world = Self { hub, nodes };
        for node in 0..count {
            let others = async || world.cluster(node).peers().len() == count - 1;
            until("the nodes see each other", others).await;
        }
        world
    }

    fn cluster(&self, node: usize) -> &super::shell::Cluster {
        let cluster = self.nodes[node].node.cluster.as_ref();
        cluster.expect("a node among others")
    }

    fn id(&self, node: usize) -> NodeId {
        self.nodes[node].node.id
    }

    /// Ann and Bob, who signed up at the first node.
    async fn people(&self) -> (Person, Person) {
        let ann = self.nodes[0].sign_up("ann").await;
        (ann, self.nodes[0].sign_up("bob").await)
    }

    /// A group of both that should live on `node`.
    async fn room_on(&self, node: usize, ann: &Person, bob: &Person) -> String {
        loop {
            let room = ann.group(&[bob]).await;
            if self.cluster(0).place(room_id(&room)) == self.id(node) {
                return room;
            }
        }
    }

    /// The node dies: nobody hears of it again.
    fn kill(&self, node: usize) {
        self.cluster(node).stop_for_test();
        self.hub.leave(self.id(node));
    }

    fn set_connected(&self, connected: bool) {
        for node in 0..self.nodes.len() {
            self.hub.set_connected(self.id(node), connected);
        }
    }
}

fn room_id(text: &str) -> RoomId {
    text.parse().expect("an id")
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < end, "in time: {what}");
        sleep(STEP).await;
    }
}

/// Posts until it is acknowledged, as every client does: the acknowledgement.
async fn insist(socket: &mut Socket, room: &str, body: &str) -> Value {
    insist_from(socket, room, body, 0).await
}

async fn insist_from(socket: &mut Socket, room: &str, body: &str, after: u64) -> Value {
    let id = Uuid::now_v7();
    let tries = async {
        loop {
            let mut send = post(room, id, body);
            send["after"] = json!(after);
            socket.send(send).await;
            let answer = socket.answer_to(&id.to_string()).await;
            if answer["t"] == "ack" {
                return answer;
            }
            let code = answer["code"].as_str().expect("a code");
            let open = ["unknown", "busy", "unavailable", "rate_limited"];
            assert!(open.contains(&code), "{answer}");
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, tries)
        .await
        .expect("acknowledged in time")
}

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
        let typing = json!({ "t": "typing", "room": room, "on": true });
        at_first.send(typing).await;
        let typing = at_second.sees("typing").await;
        assert_eq!(typing["users"], json!([ann.id]));
        // His own post moved Bob's marker already, so it takes one of Ann's to move it again.
        let ack = anns.post(&room, "See you there.").await;
        at_second
            .send(json!({ "t": "mark", "room": room, "read": ack["seq"], "ref": "m" }))
            .await;
        let is_bobs = |marks: &Value| {
            let mut all = marks["marks"].as_array().into_iter().flatten();
            all.any(|mark| mark["user"] == *bob.id && mark["read"] == ack["seq"])
        };
        while !is_bobs(&at_first.sees("marks").await) {}
    }
    let forwarded = |node: usize| world.nodes[node].node.metrics.commands_forwarded.get();
    assert!(forwarded(0) > 0 && forwarded(1) > 0);
    assert_eq!(world.nodes[0].node.metrics.rooms_fenced.get(), 0);
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
    insist(&mut writes, &room, "before").await;
    let owner = world.nodes[0].node.rooms.observe(room_id(&room)).await;
    assert!(owner.is_some(), "it lived there");
    world.kill(0);
    let last = insist(&mut writes, &room, "after").await["seq"].as_u64();
    let last = last.expect("a seq");
    assert_eq!(reads.entries_to(last).await, Vec::from_iter(3..=last));
    assert_ne!(world.cluster(1).place(room_id(&room)), world.id(0));
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
    insist(&mut writes, &room, "Clear sky").await;
    assert_eq!(reads.entries_to(3).await, [3]);
    let faults = Faults {
        dropped: 400,
        doubled: 100,
        ..Faults::default()
    };
    world.hub.set_faults(faults);
    for _ in 0..30 {
        insist(&mut writes, &room, "Fog").await;
    }
    world.hub.cut(world.id(0), world.id(1));
    insist(&mut writes, &room, "the last one").await;
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
            let ack = insist_from(socket, &room, "No bus", last).await;
            last = ack["seq"].as_u64().expect("a seq");
        }
    }
    assert_eq!(last, 12);
    assert_eq!(at_first.entries_to(12).await, Vec::from_iter(3..=12));
    assert_eq!(at_second.entries_to(12).await, Vec::from_iter(3..=12));
    world.set_connected(true);
    insist(&mut bobs, &room, "Back").await;
    assert_eq!(at_first.entries_to(13).await, [13]);
}

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
async fn a_removal_waits_for_a_node_that_does_not_answer_until_its_lease_lapsed() {
    let world = World::of(2).await;
    let (ann, bob) = world.people().await;
    let room = world.room_on(0, &ann, &bob).await;
    world.hub.cut(world.id(0), world.id(1));
    let path = format!("/rooms/{room}/members/{}", bob.id);
    let removal = tokio::spawn(async move { ann.call("DELETE", &path, Value::Null).await });
    sleep(Duration::from_secs(1)).await;
    assert!(
        !removal.is_finished(),
        "the other has a lease and did not confirm"
    );
    world.kill(1);
    let answer = timeout(PATIENCE, removal).await.expect("answered in time");
    assert_eq!(answer.expect("no panic").0, 200);
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
async fn sends_that_get_lost_on_the_way_to_another_node_are_answered_soon_and_keep_their_order() {
    let world = World::of(2).await;
    let (ann, bob) = world.people().await;
    let room = world.room_on(1, &ann, &bob).await;
    let mut writes = ann.hello("data").await;
    let mut reads = bob.hello("data").await;
    reads.watch(&room, 2).await;
    insist(&mut writes, &room, "first").await;
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
