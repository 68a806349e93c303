//! How soon everything goes on after `kill -9` of a node: figures, not judgements (`./check recovery`).
//!
//! `RECOVERY_KILLS`, `RECOVERY_ROOMS` and `RECOVERY_SESSIONS` set the size.

use super::setting;
use crate::client::{self, Account};
use crate::cluster::{self, Cluster};
use crate::conductor::{caller, settle, until};
use crate::lag::quantiles;
use chapiana::clock::{self, Timestamp};
use chapiana::cluster::state::rendezvous;
use chapiana::ids::{NodeId, RoomId};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

/// Between two sends of one writer, and before a refused one is sent again.
const PAUSE: Duration = Duration::from_millis(10);
/// Everybody is back within this, or the run fails.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// SIGKILL to a node; the moment before it.
pub fn kill(cluster: &Cluster, node: u64) -> Instant {
    let pid = cluster.pid(&format!("node{node}"));
    let at = Instant::now();
    let done = Command::new("kill").args(["-9", &pid]).status();
    assert!(done.expect("kill is installed").success());
    at
}

async fn ready(cluster: &Cluster, node: u64) {
    let ready = until(PATIENCE, || cluster.is_ready(&node.to_string()));
    assert!(ready.await, "node {node} is not ready");
}

/// The next frame, however many came in one message.
pub async fn frames(socket: &mut client::Socket) -> Option<Vec<Value>> {
    loop {
        let frame = socket.next().await?.ok()?;
        if frame.is_close() {
            return None;
        }
        let Ok(text) = frame.to_text() else { continue };
        match serde_json::from_str(text) {
            Ok(Value::Array(frames)) => return Some(frames),
            Ok(frame) => return Some(vec![frame]),
            Err(_) => {}
        }
    }
}

pub async fn greeted(host: &str, token: &str, cursors: Value) -> Option<(client::Socket, NodeId)> {
    let mut socket = client::connect(host, token).await?;
    let hello = json!({"t": "hello", "format": "data", "device": "meter", "cursors": cursors});
    client::say(&mut socket, vec![hello]).await.ok()?;
    let first = frames(&mut socket).await?;
    let welcome = first.iter().find(|frame| frame["t"] == "welcome")?;
    let node = welcome["node"].as_str()?.parse().ok()?;
    Some((socket, node))
}

/// One writer in one room: when it was written again after the kill.
struct Again {
    after_kill: Duration,
    /// By the time of day, and the node over which he writes.
    at: Timestamp,
    over: u64,
}

/// Writes one thing after the other; each again until it is acknowledged.
async fn write(
    (mut socket, over): (client::Socket, u64),
    room: Uuid,
    killed: watch::Receiver<Option<Instant>>,
    warm: mpsc::Sender<()>,
) -> Again {
    loop {
        let key = Uuid::now_v7().to_string();
        let tried = loop {
            let tried = Instant::now();
            let send = json!({"t": "send", "ref": key, "room": room, "client_id": key, "after": 0,
                "kind": "post", "body": "Is anybody there?"});
            let said = client::say(&mut socket, vec![send]).await;
            said.expect("the writer's own node lives");
            if answer(&mut socket, &key).await {
                break tried;
            }
            tokio::time::sleep(PAUSE).await;
        };
        let (now, today) = (Instant::now(), clock::now());
        if let Some(at) = *killed.borrow()
            && tried > at
        {
            return Again {
                after_kill: now - at,
                at: today,
                over,
            };
        }
        warm.try_send(()).ok();
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether it was acknowledged.
async fn answer(socket: &mut client::Socket, key: &str) -> bool {
    loop {
        let frames = frames(socket).await.expect("the writer's own node lives");
        if let Some(answer) = frames.iter().find(|frame| frame["ref"] == *key) {
            return answer["t"] == "ack";
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn measure_how_soon_rooms_are_written_again_after_their_node_is_killed() {
    let (kills, count) = (setting("RECOVERY_KILLS", 8), setting("RECOVERY_ROOMS", 24));
    let folder = cluster::folder("recovery");
    let cluster = Cluster::up(&folder, setting("CHAOS_CQL_NODES", 1));
    let (people, _) = settle(&cluster.front).await;
    let ann = &people[0];
    let rooms = make_rooms(&cluster, ann, count).await;
    let (mut killed, mut detected) = (Vec::new(), Vec::new());
    for n in 0..kills {
        let node = n % 3 + 1;
        for again in one_kill(&cluster, ann, &rooms, node).await {
            killed.push(nanos(again.after_kill));
            // The log of the node that went on says when it noticed.
            let noticed = cluster.logged(again.over, "a node fell silent");
            let after = again.at.since(noticed.expect("it noticed"));
            detected.push(after * 1_000_000);
        }
        cluster.act("start", &node.to_string());
        ready(&cluster, node).await;
    }
    assert!(killed.len() >= 30, "void: {} rooms", killed.len());
    println!(
        "RECOVERY kills={kills} rooms={} | written again after kill -9: {} | after it was noticed: {} (p50/p99/max ms)",
        killed.len(),
        quantiles(&killed),
        quantiles(&detected),
    );
    drop(cluster);
    std::fs::remove_dir_all(&folder).expect("the folder goes");
}

pub fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

async fn make_rooms(cluster: &Cluster, ann: &Account, count: u64) -> Vec<Uuid> {
    let caller = caller(&cluster.front);
    let mut rooms = Vec::new();
    for n in 0..count {
        let room = json!({"kind": "group", "name": format!("quay {n}"), "members": []});
        let made = caller.insist(("POST", "/rooms"), &ann.token, room, PATIENCE);
        let id = made.await["id"].as_str().and_then(|id| id.parse().ok());
        rooms.push(id.expect("a new room"));
    }
    rooms
}

/// Kills the node while somebody writes, over the other two, in each of its rooms.
async fn one_kill(cluster: &Cluster, ann: &Account, rooms: &[Uuid], node: u64) -> Vec<Again> {
    let mut ids = BTreeMap::new();
    for n in 1..=3 {
        let host = cluster.host(&format!("node{n}"));
        let (_, id) = greeted(&host, &ann.token, json!({}))
            .await
            .expect("all live");
        ids.insert(n, id);
    }
    let lives = |room: &&Uuid| {
        let room = RoomId::from_bytes(*room.as_bytes());
        rendezvous(room, ids.values().copied()) == Some(ids[&node])
    };
    let (tell, killed) = watch::channel(None);
    let mut writers = Vec::new();
    for (at, room) in rooms.iter().filter(lives).enumerate() {
        let other = (node + at as u64 % 2) % 3 + 1;
        let host = cluster.host(&format!("node{other}"));
        let (socket, _) = greeted(&host, &ann.token, json!({}))
            .await
            .expect("it lives");
        let (warm, mut is_warm) = mpsc::channel(1);
        let writing = write((socket, other), *room, killed.clone(), warm);
        writers.push(tokio::spawn(writing));
        is_warm.recv().await.expect("the room can be written");
    }
    tell.send_replace(Some(kill(cluster, node)));
    let mut all = Vec::new();
    for writer in writers {
        let again = tokio::time::timeout(PATIENCE, writer).await;
        all.push(again.expect("in time").expect("the writer lives"));
    }
    all
}
