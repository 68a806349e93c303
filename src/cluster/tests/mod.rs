//! Two and three nodes in one process, over one store and real sockets.

mod apart;
mod hot;
mod messages;
mod moving;
mod people;
mod timers;

use super::shell::{Cluster, Way};
use crate::bus::memory::{Faults, MemoryHub};
use crate::config::Limits;
use crate::ids::{NodeId, RoomId};
use crate::store::Store;
use crate::store::memory::MemoryStore;
use crate::testing::node::{Person, Socket, TestNode, post};
use crate::testing::poll::until;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(15);
const STEP: Duration = Duration::from_millis(20);

/// Nodes that meet at one hub.
struct World {
    hub: Arc<MemoryHub>,
    store: Arc<dyn Store>,
    limits: Limits,
    nodes: Vec<TestNode>,
}

impl World {
    async fn of(count: usize) -> Self {
        Self::over(Arc::new(MemoryStore::new()), Limits::Default, count).await
    }

    async fn over(store: Arc<dyn Store>, limits: Limits, count: usize) -> Self {
        let hub = MemoryHub::new(1);
        // The leases of a roll that was begun just now prove nothing.
        hub.advance(60_000);
        let clock = Arc::downgrade(&hub);
        tokio::spawn(async move {
            let mut steps = tokio::time::interval(STEP);
            while let Some(hub) = clock.upgrade() {
                hub.advance(STEP.as_millis() as u64);
                drop(hub);
                steps.tick().await;
            }
        });
        let mut world = Self {
            hub,
            store,
            limits,
            nodes: Vec::new(),
        };
        for _ in 0..count {
            world.join().await;
        }
        for node in 0..count {
            let all = async || world.cluster(node).takers() == count;
            until("the nodes see each other", all).await;
        }
        world
    }

    /// One more node comes.
    async fn join(&mut self) {
        let id = NodeId(Uuid::now_v7());
        let transport = self.hub.join(id);
        let way = Way {
            transport: transport.clone(),
            leases: transport,
        };
        let store = Arc::clone(&self.store);
        let node = TestNode::start_among_with(store, id, way, self.limits).await;
        self.nodes.push(node);
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
