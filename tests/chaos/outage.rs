//! What people of one node notice while Redis is away, and what those of other nodes do (G7): figures
//! (`./check recovery`). `OUTAGE_SECONDS` is the length of the outage, and of the calm beside it.

use super::setting;
use crate::client::{self, Account, Socket};
use crate::cluster::{self, Cluster};
use crate::conductor::settle;
use crate::lag::quantiles;
use crate::recovery::{frames, greeted, nanos};
use chapiana::cluster::state::rendezvous;
use chapiana::ids::{NodeId, RoomId};
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

/// Between two sends of one writer, and before a refused one comes again.
const PACE: Duration = Duration::from_millis(200);
const AGAIN: Duration = Duration::from_millis(20);
/// Rooms are where they belong, and code is warm, before it counts.
const WARM: Duration = Duration::from_secs(15);
const WRITERS: usize = 3;
/// A send that is not answered within this fails the run.
const PATIENCE: Duration = Duration::from_secs(90);

/// Counts from here on as one of these.
const NOT_YET: u64 = 0;
const CALM: u64 = 1;
const AWAY: u64 = 2;

#[derive(Default)]
struct Times {
    acked: Vec<u64>,
    /// Seen by somebody at the node over which it was written.
    near: Vec<u64>,
    /// Seen by somebody at another.
    far: Vec<u64>,
}

/// Which of them something belongs to.
type Which = fn(&mut Times) -> &mut Vec<u64>;

struct Meter {
    began: Instant,
    phase: AtomicU64,
    over: AtomicBool,
    times: [Mutex<Times>; 3],
}

impl Meter {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            phase: AtomicU64::new(NOT_YET),
            over: AtomicBool::new(false),
            times: Default::default(),
        }
    }

    /// What a message says: when it was tried first, and what went on then.
    fn body(&self) -> String {
        let phase = self.phase.load(Ordering::Relaxed);
        format!("{phase} {}", nanos(self.began.elapsed()))
    }

    /// Something happened to the message with this body.
    fn note(&self, body: &str, which: Which) {
        let now = nanos(self.began.elapsed());
        let parts = body.split_once(' ');
        let parts = parts.and_then(|(phase, at)| Some((phase.parse().ok()?, at.parse().ok()?)));
        let Some((phase, at)): Option<(usize, u64)> = parts else {
            return;
        };
        let mut times = self.times[phase].lock().expect("no writer panics");
        which(&mut times).push(now - at);
    }
}

/// Writes at a pace of its own, each until it is acknowledged.
async fn write(mut socket: Socket, room: Uuid, meter: Arc<Meter>) {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !meter.over.load(Ordering::Relaxed) {
        pace.tick().await;
        let (key, body) = (Uuid::now_v7().to_string(), meter.body());
        let deadline = Instant::now() + PATIENCE;
        loop {
            let send = json!({"t": "send", "ref": key, "room": room, "client_id": key, "after": 0,
                "kind": "post", "body": body});
            client::say(&mut socket, vec![send])
                .await
                .expect("it lives");
            if acknowledged(&mut socket, &key).await {
                break;
            }
            assert!(Instant::now() < deadline, "not acknowledged");
            tokio::time::sleep(AGAIN).await;
        }
        meter.note(&body, |times| &mut times.acked);
    }
}

async fn acknowledged(socket: &mut Socket, key: &str) -> bool {
    loop {
        let told = frames(socket).await.expect("sockets stay open");
        if let Some(answer) = told.iter().find(|frame| frame["ref"] == *key) {
            return answer["t"] == "ack";
        }
    }
}

/// Watches the room and notes when each message came.
async fn watch(mut socket: Socket, meter: Arc<Meter>, which: Which) -> u64 {
    let mut last = 0;
    loop {
        let told = frames(&mut socket).await.expect("sockets stay open");
        for entry in told.iter().filter(|frame| frame["t"] == "entry") {
            let seq = entry["seq"].as_u64().expect("a seq");
            assert!(last == 0 || seq == last + 1, "{seq} came after {last}");
            last = seq;
            meter.note(entry["body"].as_str().unwrap_or_default(), which);
        }
    }
}

/// Everybody of a room writes over the node where it lives; one watches there, one elsewhere.
async fn people_of(
    cluster: &Cluster,
    nodes: &[(u64, NodeId)],
    (room, people): (Uuid, &[Account]),
    meter: &Arc<Meter>,
) -> Vec<tokio::task::JoinHandle<()>> {
    let id = RoomId::from_bytes(*room.as_bytes());
    let home = rendezvous(id, nodes.iter().map(|(_, id)| *id));
    let (home, _) = nodes
        .iter()
        .find(|(_, id)| Some(*id) == home)
        .expect("one of them");
    let at = async |node: u64, who: &Account| {
        let host = cluster.host(&format!("node{node}"));
        let greeted = greeted(&host, &who.token, json!({})).await;
        greeted.expect("it lives").0
    };
    let mut tasks = Vec::new();
    let (near, far) = (&people[WRITERS], &people[WRITERS + 1]);
    let looks: [(u64, _, Which); 2] = [
        (*home, near, |times| &mut times.near),
        (home % 3 + 1, far, |times| &mut times.far),
    ];
    for (node, who, which) in looks {
        let mut socket = at(node, who).await;
        let page = client::entries(&cluster.front, &who.token, room, 0).await;
        let (_, head) = page.expect("a page");
        let watching = json!({"t": "watch", "room": room, "after": head});
        client::say(&mut socket, vec![watching])
            .await
            .expect("it lives");
        let meter = Arc::clone(meter);
        tasks.push(tokio::spawn(async move {
            watch(socket, meter, which).await;
        }));
    }
    for who in &people[..WRITERS] {
        let socket = at(*home, who).await;
        tasks.push(tokio::spawn(write(socket, room, Arc::clone(meter))));
    }
    tasks
}

fn percentile(times: &[u64]) -> u64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() * 99 / 100]
}

fn say(meter: &Meter) {
    let mut p99 = Vec::new();
    for (name, phase) in [("there", CALM), ("away", AWAY)] {
        let times = meter.times[phase as usize]
            .lock()
            .expect("no writer panics");
        p99.push([&times.acked, &times.near].map(|times| percentile(times)));
        println!(
            "OUTAGE Redis is {name}: {} sends | acknowledged {} | seen at the same node {} | at another {} (p50/p99/max ms)",
            times.acked.len(),
            quantiles(&times.acked),
            quantiles(&times.near),
            quantiles(&times.far),
        );
        assert!(
            times.far.len() + 100 >= times.acked.len(),
            "seen by all in time"
        );
    }
    let ratio = |n: usize| p99[1][n] as f64 / p99[0][n] as f64;
    println!(
        "OUTAGE p99 away against there, at the same node: acknowledged {:.2}, seen {:.2}",
        ratio(0),
        ratio(1)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn measure_what_people_of_one_node_and_of_others_notice_while_redis_is_away() {
    let span = Duration::from_secs(setting("OUTAGE_SECONDS", 60));
    let folder = cluster::folder("outage");
    let cluster = Cluster::up(&folder, setting("CHAOS_CQL_NODES", 1));
    let (people, rooms) = settle(&cluster.front).await;
    let mut nodes = Vec::new();
    for node in 1..=3 {
        let host = cluster.host(&format!("node{node}"));
        let greeted = greeted(&host, &people[0].token, json!({})).await;
        nodes.push((node, greeted.expect("it lives").1));
    }
    let meter = Arc::new(Meter::new());
    let mut tasks = Vec::new();
    for room in &rooms {
        tasks.extend(people_of(&cluster, &nodes, (*room, &people), &meter).await);
    }
    let during = async |phase, span| {
        meter.phase.store(phase, Ordering::Relaxed);
        tokio::time::sleep(span).await;
    };
    during(NOT_YET, WARM).await;
    during(CALM, span).await;
    cluster.act("kill", "redis");
    during(AWAY, span).await;
    meter.phase.store(NOT_YET, Ordering::Relaxed);
    cluster.act("start", "redis");
    tokio::time::sleep(WARM).await;
    meter.over.store(true, Ordering::Relaxed);
    for (task, n) in tasks.into_iter().zip((0..WRITERS + 2).cycle()) {
        match n {
            // Who watches does not end by himself.
            0 | 1 => {
                assert!(!task.is_finished(), "a watch ended");
                task.abort();
            }
            _ => task.await.expect("every send was acknowledged"),
        }
    }
    say(&meter);
    drop(cluster);
    std::fs::remove_dir_all(&folder).expect("the folder goes");
}
