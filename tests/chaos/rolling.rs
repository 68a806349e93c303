//! A new version comes in: each node in turn is told to end, drains, and starts again, under load.
//! Nobody is refused and nothing fails: people are told `bye`, in slices, and come back elsewhere.

use super::{CALM, judge, progress, setting};
use crate::client::{self, Account};
use crate::cluster::{self, Cluster};
use crate::conductor::{Run, settle, until};
use crate::history::{Evidence, Record, What};
use crate::lag::{self, Window};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use uuid::Uuid;

/// Each person says something in each room this often.
const PACE: Duration = Duration::from_millis(60);
/// A node ends within this (RELIABILITY F3).
const END_LIMIT: Duration = Duration::from_secs(30);
const READY_LIMIT: Duration = Duration::from_secs(60);
const CROWD: usize = 90;
/// Two byes that lie further apart are of two slices.
const SLICE: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rolling_restart_of_three_nodes_under_load_fails_and_refuses_no_send() {
    let seed = setting("CHAOS_SEED", u64::from(std::process::id()));
    println!("CHAOS_SEED={seed}");
    let folder = cluster::folder("rolling");
    let cluster = Cluster::up(&folder, setting("CHAOS_CQL_NODES", 1));
    let (people, rooms) = settle(&cluster.front).await;
    let mut run = Run::begin(people, rooms, seed, PACE);
    run.stage
        .send_modify(|stage| stage.host = Some(cluster.front.clone()));
    progress(&run, "at first").await;
    let mut crowd = Crowd::gather(&cluster.front, &run.people).await;
    let mut windows = Vec::new();
    for node in ["1", "2", "3"] {
        let began = run.history.now();
        replace(&cluster, node).await;
        crowd.was_told_in_slices(node);
        let span = began..run.history.now();
        windows.push(Window {
            name: "rolling",
            span,
        });
        progress(&run, "after a restart").await;
    }
    let evidence = run.settle_down(&cluster.front, CALM).await;
    for (name, lag) in lag::measure(&evidence.records, &windows) {
        println!("{name}: {lag}");
    }
    println!("longest silence: {:?}", longest_silence(&evidence.records));
    judge(&evidence, &folder);
    println!(
        "cut after bye, and sent again: {}",
        cut_after_bye(&evidence)
    );
    assert_eq!(answered_with_errors(&evidence), BTreeMap::new());
    assert_eq!(cluster.ended(), Vec::<String>::new(), "ended by itself");
    drop(cluster);
    std::fs::remove_dir_all(&folder).expect("the folder goes");
}

/// Idle connections, so that there is somebody to move in slices. Nobody of them comes back.
struct Crowd {
    told: mpsc::UnboundedReceiver<(Instant, u64)>,
}

impl Crowd {
    async fn gather(front: &str, people: &[Account]) -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        for account in people.iter().cycle().take(CROWD) {
            let mut socket = client::connect(front, &account.token)
                .await
                .expect("all nodes are there");
            let tell = tell.clone();
            tokio::spawn(async move {
                let hello = json!({"t": "hello", "format": "data", "device": "idle"});
                client::say(&mut socket, vec![hello]).await.ok();
                while let Some(Ok(frame)) = socket.next().await {
                    let Ok(text) = frame.to_text() else { continue };
                    let frame: Value = serde_json::from_str(text).unwrap_or_default();
                    if frame["t"] == "bye" {
                        let pause = frame["retry_after_ms"].as_u64().expect("a pause");
                        tell.send((Instant::now(), pause)).ok();
                    }
                }
            });
        }
        Self { told }
    }

    /// Whoever was on that node: not all at once, and not to come back all at once.
    fn was_told_in_slices(&mut self, node: &str) {
        let mut moments = Vec::new();
        let mut pauses = BTreeSet::new();
        while let Ok((at, pause)) = self.told.try_recv() {
            moments.push(at);
            pauses.insert(pause);
        }
        moments.sort();
        let slices = moments.windows(2).filter(|two| two[1] - two[0] > SLICE);
        let (count, slices) = (moments.len(), slices.count() + 1);
        println!("node {node}: {count} told to move in {slices} slices, pauses {pauses:?}");
        assert!(count >= CROWD / 6, "void: {count} were on node {node}");
        assert!(slices >= 5, "{count} were told in {slices} slices");
        let spread = pauses.last().zip(pauses.first());
        assert!(
            pauses.len() > count / 2 && spread.is_some_and(|(last, first)| last - first > 300),
            "they come back all at once: {pauses:?}"
        );
    }
}

/// The longest time in which one sender had something under way and nothing was acknowledged to him.
fn longest_silence(records: &[Record]) -> Duration {
    let mut since: HashMap<Uuid, u64> = HashMap::new();
    let mut longest = 0;
    for record in records {
        match record.what {
            What::Invoke { .. } => {
                since.entry(record.user).or_insert(record.t);
            }
            What::Ok { .. } => {
                let began = since.remove(&record.user).unwrap_or(record.t);
                longest = longest.max(record.t - began);
            }
            _ => {}
        }
    }
    Duration::from_nanos(longest)
}

/// Sends that were on their way when the node had stopped reading. The client was told `bye` and
/// sends them again elsewhere; a connection that ends without it is a fault.
fn cut_after_bye(evidence: &Evidence) -> usize {
    let records = &evidence.records;
    let is_bye = |record: &&Record| matches!(record.what, What::Bye { .. });
    let told = records.iter().filter(is_bye);
    let told: BTreeSet<_> = told.map(|record| (record.user, record.conn)).collect();
    let is_cut = |record: &&Record| matches!(record.what, What::Unknown { code: None, .. });
    let cut: Vec<_> = records.iter().filter(is_cut).collect();
    let unsaid = cut
        .iter()
        .filter(|cut| !told.contains(&(cut.user, cut.conn)));
    let unsaid: Vec<_> = unsaid.collect();
    assert_eq!(unsaid, Vec::<&&Record>::new(), "cut without a word");
    cut.len()
}

/// SIGTERM, a new process, and ready again.
async fn replace(cluster: &Cluster, node: &str) {
    let began = Instant::now();
    tokio::task::block_in_place(|| cluster.act("stop", node));
    let took = began.elapsed();
    println!("node {node} ended after {took:?}");
    assert!(took < END_LIMIT, "node {node} took {took:?} to end");
    cluster.act("start", node);
    let ready = until(READY_LIMIT, || cluster.is_ready(node));
    assert!(ready.await, "node {node} is not ready");
}

/// Errors in answer to sends, by code. Who edits what he has just deleted meets a conflict in calm
/// times, too.
fn answered_with_errors(evidence: &Evidence) -> BTreeMap<String, usize> {
    let mut codes = BTreeMap::new();
    for record in &evidence.records {
        let code = match &record.what {
            What::Fail { code, .. } if code != "conflict" => code,
            What::Unknown {
                code: Some(code), ..
            } => code,
            _ => continue,
        };
        println!("{:?} {record:?}", Duration::from_nanos(record.t));
        *codes.entry(code.clone()).or_default() += 1;
    }
    codes
}
