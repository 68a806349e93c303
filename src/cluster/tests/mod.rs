//! Two and three nodes in one process, over one store and real sockets.

mod messages;
mod people;

use super::shell::{Cluster, Way};
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

    fn cluster(&self, node: usize) -> &Cluster {
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
