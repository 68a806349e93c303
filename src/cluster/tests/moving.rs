//! A planned restart: rooms go from node to node while people write, and nobody is told to send
//! anything again (RELIABILITY F3).

use super::*;
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Sends on their way at a time, per writer.
const AHEAD: usize = 5;
/// What has to be acknowledged before the next thing happens.
const STEP_ACKS: usize = 150;

/// People who write as fast as they are answered.
struct Talk {
    stop: watch::Sender<bool>,
    acked: Arc<AtomicUsize>,
    writers: JoinSet<Vec<Value>>,
}

impl Talk {
    fn new() -> Self {
        Self {
            stop: watch::Sender::new(false),
            acked: Arc::default(),
            writers: JoinSet::new(),
        }
    }

    fn add(&mut self, mut socket: Socket, room: String) {
        let (stop, acked) = (self.stop.subscribe(), Arc::clone(&self.acked));
        self.writers.spawn(async move {
            let (mut errors, mut last) = (Vec::new(), 0);
            while !*stop.borrow() {
                let ids: Vec<_> = (0..AHEAD).map(|_| Uuid::now_v7()).collect();
                for id in &ids {
                    socket.send(post(&room, *id, "Slack water at six")).await;
                }
                let ids: Vec<_> = ids.iter().map(Uuid::to_string).collect();
                let answers = socket.answers_to(&ids).await;
                for id in &ids {
                    match answers[id]["seq"].as_u64() {
                        Some(seq) if seq > last => last = seq,
                        _ => errors.push(answers[id].clone()),
                    }
                }
                acked.fetch_add(AHEAD, Ordering::Relaxed);
            }
            errors
        });
    }

    async fn goes_on(&self) {
        let goal = self.acked.load(Ordering::Relaxed) + STEP_ACKS;
        let reached = async || self.acked.load(Ordering::Relaxed) >= goal;
        until("people write on", reached).await;
    }

    /// What was not acknowledged, or not in order.
    async fn end(self) -> Vec<Value> {
        self.stop.send_replace(true);
        self.writers.join_all().await.concat()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_drains_and_one_that_comes_take_no_answer_from_anybody() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = EmbeddedStore::open(folder.path(), EmbeddedOptions::default());
    let store = Arc::new(store.expect("a fresh store opens"));
    let mut world = World::over(store, Limits::Relaxed, 3).await;
    let (ann, bob) = world.people().await;
    let mut talk = Talk::new();
    for _ in 0..4 {
        let room = world.room_on(0, &ann, &bob).await;
        for node in 0..3 {
            let person = if node == 1 { &bob } else { &ann };
            let socket = world.nodes[node].visit(person).hello("data").await;
            talk.add(socket, room.clone());
        }
    }
    talk.goes_on().await;
    world.cluster(0).drain();
    let gone = world.nodes[0].node.rooms.drain(PATIENCE).await;
    assert!(gone, "every room left in time");
    talk.goes_on().await;
    world.join().await;
    for node in 1..4 {
        let all = async || world.cluster(node).takers() == 3;
        until("the newcomer takes rooms", all).await;
    }
    talk.goes_on().await;
    assert_eq!(talk.end().await, Vec::<Value>::new());
    for node in &world.nodes {
        assert_eq!(node.node.metrics.rooms_fenced.get(), 0);
    }
}
