//! How long somebody who was removed, or whose log-in was revoked, still sees something (G13): figures,
//! and one judgement: nothing after the acknowledgement. `REVOKE_ROUNDS` sets the size.

use super::setting;
use crate::client::{self, Account};
use crate::cluster::{self, Cluster};
use crate::conductor::{Caller, caller, settle};
use crate::lag::quantiles;
use crate::recovery::{frames, greeted};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Between two messages in the room.
const PACE: Duration = Duration::from_millis(20);
/// So long the removed is looked at after the acknowledgement.
const AFTER: Duration = Duration::from_millis(400);
const PATIENCE: Duration = Duration::from_secs(30);

/// What somebody saw of a room, and when his socket ended.
struct Sight {
    entries: Vec<Instant>,
    ended: Option<Instant>,
}

/// From the request: to the last thing seen, to the acknowledgement; and what came after it.
#[derive(Default)]
struct Figures {
    last: Vec<u64>,
    acked: Vec<u64>,
    late: usize,
}

impl Figures {
    fn add(&mut self, asked: Instant, acked: Instant, sight: &Sight) {
        let seen = sight.entries.iter().chain(&sight.ended).max();
        self.last.push(nanos(
            seen.map_or(Duration::ZERO, |at| at.saturating_duration_since(asked)),
        ));
        self.acked.push(nanos(acked - asked));
        self.late += sight.entries.iter().filter(|at| **at > acked).count();
    }

    fn say(&self, what: &str) {
        let (last, acked) = (quantiles(&self.last), quantiles(&self.acked));
        println!(
            "REVOKE {what} ({}): from the request to the last frame {last}, to the answer {acked} (p50/p99/max ms), seen after the answer: {}",
            self.last.len(),
            self.late
        );
        assert_eq!(self.late, 0, "{what}: shown after the acknowledgement");
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Ann writes and removes, Mallory watches over another node and is removed.
struct Scene {
    cluster: Cluster,
    ann: Account,
    mallory: Account,
    room: Uuid,
    caller: Caller,
}

impl Scene {
    /// He watches the room over node `n`, from its head on.
    async fn watches(&self, token: &str, n: u64) -> JoinHandle<Sight> {
        let host = self.cluster.host(&format!("node{n}"));
        let (mut socket, _) = greeted(&host, token, json!({})).await.expect("it lives");
        let page = client::entries(&host, token, self.room, 0).await;
        let after = page.expect("he may read").1;
        let watch = json!({"t": "watch", "room": self.room, "after": after});
        client::say(&mut socket, vec![watch]).await.expect("sent");
        loop {
            let told = frames(&mut socket).await.expect("it lives");
            if told.iter().any(|frame| frame["t"] == "watching") {
                break;
            }
        }
        tokio::spawn(look(socket))
    }

    async fn member(&self, method: &str) {
        let path = format!("/rooms/{}/members/{}", self.room, self.mallory.id);
        let body = match method {
            "PUT" => json!({}),
            _ => Value::Null,
        };
        let asked = (method, path.as_str());
        (self.caller.insist(asked, &self.ann.token, body, PATIENCE)).await;
    }

    async fn removals(&self, rounds: u64) -> Figures {
        let mut figures = Figures::default();
        for n in 0..rounds {
            let sight = self.watches(&self.mallory.token, n % 3 + 1).await;
            tokio::time::sleep(10 * PACE).await;
            let asked = Instant::now();
            self.member("DELETE").await;
            let acked = Instant::now();
            figures.add(asked, acked, &sight.await.expect("he looked"));
            self.member("PUT").await;
        }
        figures
    }

    async fn revocations(&self, rounds: u64) -> Figures {
        let mut figures = Figures::default();
        for n in 0..rounds {
            let person =
                json!({"email": "mallory@example.org", "password": "a long enough pass phrase"});
            let made = self.caller.call("POST", "/sessions", "", person).await;
            let token = made.expect("a log-in")["token"].clone();
            let token = token.as_str().expect("a token");
            let sight = self.watches(token, n % 3 + 1).await;
            tokio::time::sleep(10 * PACE).await;
            let asked = Instant::now();
            let out = ("DELETE", "/sessions/current");
            self.caller.insist(out, token, Value::Null, PATIENCE).await;
            let acked = Instant::now();
            figures.add(asked, acked, &sight.await.expect("he looked"));
        }
        figures
    }
}

/// Looks until nothing came for a while.
async fn look(mut socket: client::Socket) -> Sight {
    let (mut entries, mut ended) = (Vec::new(), None);
    // While he is in, the writer keeps him busy.
    while let Ok(told) = tokio::time::timeout(AFTER, frames(&mut socket)).await {
        let now = Instant::now();
        let Some(told) = told else {
            ended = Some(now);
            break;
        };
        let seen = told.iter().filter(|frame| frame["t"] == "entry");
        entries.extend(seen.map(|_| now));
    }
    Sight { entries, ended }
}

async fn write(host: String, token: String, room: Uuid) {
    let (mut socket, _) = greeted(&host, &token, json!({})).await.expect("it lives");
    loop {
        let send = json!({"t": "send", "room": room, "client_id": Uuid::now_v7(), "after": 0,
            "kind": "post", "body": "Not for everybody"});
        client::say(&mut socket, vec![send])
            .await
            .expect("it lives");
        let _ = tokio::time::timeout(PACE, frames(&mut socket)).await;
        tokio::time::sleep(PACE).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn measure_how_long_the_removed_and_the_revoked_still_see_something() {
    let rounds = setting("REVOKE_ROUNDS", 60);
    let folder = cluster::folder("revoke");
    let cluster = Cluster::up(&folder, setting("CHAOS_CQL_NODES", 1));
    let (people, rooms) = settle(&cluster.front).await;
    let host = cluster.host("node2");
    let scene = Scene {
        ann: people[0].clone(),
        mallory: people[people.len() - 1].clone(),
        room: rooms[0],
        caller: caller(&cluster.host("node3")),
        cluster,
    };
    let writer = tokio::spawn(write(host, scene.ann.token.clone(), scene.room));
    scene.removals(rounds).await.say("removals");
    scene.revocations(rounds).await.say("revocations");
    scene.cluster.act("kill", "redis");
    scene.removals(rounds / 4).await.say("removals, Redis away");
    writer.abort();
    drop(scene);
    std::fs::remove_dir_all(&folder).expect("the folder goes");
}
