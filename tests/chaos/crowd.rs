//! How soon a crowd is back, after its node was killed and after everybody was cut off: figures
//! (`./check recovery`). `RECOVERY_SESSIONS` and `RECOVERY_CUT` set the size.

use super::setting;
use crate::client;
use crate::cluster::{self, Cluster};
use crate::conductor::{caller, settle};
use crate::lag::quantiles;
use crate::recovery::{PATIENCE, frames, greeted, kill, nanos};
use chapiana::ids::NodeId;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Sessions that may connect at a time, at first.
const AT_ONCE: usize = 50;
/// Who is told to try again does so after this.
const AGAIN: Duration = Duration::from_millis(500);
/// Who lost his connection comes back after a pause of chance up to this, as the browser does.
const JITTER_MS: u64 = 1_000;

/// A session that watches a room and comes back by number. Says on which node it is at first, and
/// when it is at the head again after the kill.
struct Session {
    front: String,
    token: String,
    room: Uuid,
    seen: u64,
    entries: Arc<Semaphore>,
    killed: watch::Receiver<Option<Instant>>,
    here: mpsc::UnboundedSender<NodeId>,
    back: mpsc::UnboundedSender<Duration>,
    /// Watches that were refused, and tries to connect, of all.
    refused: Arc<AtomicU64>,
    tries: Arc<AtomicU64>,
    dice: u64,
}

impl Session {
    async fn live(mut self) {
        let mut first = true;
        loop {
            let entries = Arc::clone(&self.entries);
            let place = match first {
                true => entries.acquire().await.ok(),
                false => None,
            };
            self.tries.fetch_add(1, Ordering::Relaxed);
            let come = self.come().await;
            drop(place);
            if let Some((mut socket, node)) = come {
                let killed = *self.killed.borrow();
                if std::mem::take(&mut first) {
                    self.here.send(node).ok();
                } else if let Some(at) = killed {
                    self.back.send(at.elapsed()).ok();
                }
                while let Some(frames) = frames(&mut socket).await {
                    self.read(&frames);
                }
            }
            self.dice = self
                .dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let pause = (self.dice >> 33) % JITTER_MS;
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    /// Connected, and at the head.
    async fn come(&mut self) -> Option<(client::Socket, NodeId)> {
        let cursors = json!({ self.room.to_string(): self.seen });
        let (mut socket, node) = greeted(&self.front, &self.token, cursors).await?;
        loop {
            let told = frames(&mut socket).await?;
            if let Some(head) = self.read(&told) {
                return (head == self.seen).then_some((socket, node));
            }
            // "Try again shortly."
            if told.iter().any(|frame| frame["t"] == "error") {
                self.refused.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(AGAIN).await;
                let watch = json!({"t": "watch", "room": self.room, "after": self.seen});
                client::say(&mut socket, vec![watch]).await.ok()?;
            }
        }
    }

    /// The head of a watch that began.
    fn read(&mut self, frames: &[Value]) -> Option<u64> {
        let mut head = None;
        for frame in frames {
            match frame["t"].as_str() {
                Some("entry") => self.seen = frame["seq"].as_u64().unwrap_or(self.seen),
                Some("watching") => head = frame["head"].as_u64(),
                _ => {}
            }
        }
        head
    }
}

/// Everybody is connected, and somebody talks.
struct Crowd {
    cluster: Cluster,
    token: String,
    /// On which node each is at first.
    nodes: Vec<NodeId>,
    /// When everybody was cut off.
    cut: watch::Sender<Option<Instant>>,
    returned: UnboundedReceiver<Duration>,
    refused: Arc<AtomicU64>,
    tries: Arc<AtomicU64>,
    talk: JoinHandle<()>,
}

impl Crowd {
    async fn gather(count: u64) -> Self {
        let folder = cluster::folder("recovery");
        let cluster = Cluster::up(&folder, setting("CHAOS_CQL_NODES", 1));
        let (people, rooms) = settle(&cluster.front).await;
        let (cut, killed) = watch::channel(None);
        let (here, mut came) = mpsc::unbounded_channel();
        let (back, returned) = mpsc::unbounded_channel();
        let entries = Arc::new(Semaphore::new(AT_ONCE));
        let (refused, tries) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        for n in 0..count {
            let account = &people[n as usize % people.len()];
            let session = Session {
                front: cluster.front.clone(),
                token: account.token.clone(),
                room: rooms[n as usize % rooms.len()],
                seen: 0,
                entries: Arc::clone(&entries),
                killed: killed.clone(),
                here: here.clone(),
                back: back.clone(),
                refused: Arc::clone(&refused),
                tries: Arc::clone(&tries),
                dice: n,
            };
            tokio::spawn(session.live());
        }
        let mut nodes = Vec::new();
        for _ in 0..count {
            let node = tokio::time::timeout(PATIENCE, came.recv()).await;
            nodes.push(node.expect("everybody comes in time").expect("they live"));
        }
        // Something to catch up with.
        let token = people[0].token.clone();
        let talk = talk(cluster.host("node1"), token.clone(), rooms);
        let talk = tokio::spawn(talk);
        tokio::time::sleep(Duration::from_secs(2)).await;
        Self {
            cluster,
            token,
            nodes,
            cut,
            returned,
            refused,
            tries,
            talk,
        }
    }

    /// How long it took until so many were at the head again.
    async fn return_of(&mut self, count: u64) -> Vec<u64> {
        let mut times = Vec::new();
        while (times.len() as u64) < count {
            let took = tokio::time::timeout(PATIENCE, self.returned.recv()).await;
            let took = took.expect("everybody is back in time");
            times.push(nanos(took.expect("they live")));
        }
        times
    }

    /// Tries to connect, and watches that were refused.
    fn counts(&self) -> (u64, u64) {
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        (count(&self.tries), count(&self.refused))
    }

    fn end(self) {
        self.talk.abort();
        drop(self.cluster);
        std::fs::remove_dir_all(cluster::folder("recovery")).expect("the folder goes");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn measure_how_soon_sessions_are_at_the_head_again_after_their_node_is_killed() {
    let count = setting("RECOVERY_SESSIONS", 5_000);
    let mut crowd = Crowd::gather(count).await;
    let host = crowd.cluster.host("node2");
    let doomed = greeted(&host, &crowd.token, json!({})).await;
    let (_, doomed) = doomed.expect("it lives");
    let lost = crowd.nodes.iter().filter(|node| **node == doomed).count() as u64;
    let at = kill(&crowd.cluster, 2);
    crowd.cut.send_replace(Some(at));
    let times = crowd.return_of(lost).await;
    println!(
        "RECOVERY sessions={count} on the killed node={lost} | at the head again after kill -9: {} (p50/p99/max ms, of \
         which up to {JITTER_MS} are the client's own pause)",
        quantiles(&times),
    );
    crowd.end();
}

/// What the nodes hold, KiB, how often relays have looked who may watch, and queries of the log so far.
fn weigh(cluster: &Cluster) -> [u64; 3] {
    let nodes = ["node1", "node2", "node3"];
    let count = |name: &str| nodes.iter().map(|node| cluster.metric(node, name)).sum();
    let held = nodes.iter().map(|node| cluster.rss_kib(node)).sum();
    [held, count("relay_loads"), count("log_queries")]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn measure_how_soon_all_are_back_after_every_connection_was_cut() {
    let count = setting("RECOVERY_CUT", 9_000);
    let mut crowd = Crowd::gather(count).await;
    let [held, loads, queries] = weigh(&crowd.cluster);
    let before = crowd.counts();
    crowd.cut.send_replace(Some(Instant::now()));
    crowd.cluster.act("kill", "front");
    crowd.cluster.act("start", "front");
    let times = crowd.return_of(count).await;
    let [held_after, loads_after, queries_after] = weigh(&crowd.cluster);
    let after = crowd.counts();
    println!(
        "RECOVERY every one of {count} connections cut | at the head again: {} (p50/p99/max ms, of which up to \
         {JITTER_MS} are the client's own pause) | memory of the nodes {} -> {} MiB | looks of relays: {}, queries of the log: {} | tries to connect {}, watches refused {}",
        quantiles(&times),
        held / 1024,
        held_after / 1024,
        loads_after - loads,
        queries_after - queries,
        after.0 - before.0,
        after.1 - before.1,
    );
    crowd.end();
}

/// One message a second in each room.
async fn talk(host: String, token: String, rooms: Vec<Uuid>) {
    let caller = caller(&host);
    loop {
        for room in &rooms {
            let path = format!("/rooms/{room}/entries");
            let post =
                json!({"client_id": Uuid::now_v7(), "after": 0, "kind": "post", "body": "Ebb"});
            caller.call("POST", &path, &token, post).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
