//! Faults against a real cluster under load: nodes killed, paused and drained, Redis emptied, cut
//! and killed. Then calm, and the same checker as after kill -9 judges what everybody saw.
//!
//! `CHAOS_SECONDS` and `CHAOS_SEED` set the run; the histories stay in the target folder on failure.

#[path = "../kill9/checker.rs"]
mod checker;
#[path = "../kill9/client.rs"]
mod client;
mod cluster;
#[path = "../kill9/conductor.rs"]
mod conductor;
#[path = "../kill9/history.rs"]
mod history;
#[path = "../kill9/mutants.rs"]
mod mutants;
#[path = "../kill9/outbox.rs"]
mod outbox;

use cluster::Cluster;
use conductor::{PEOPLE, Run, caller, settle, until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Between two faults.
const PAUSE: Duration = Duration::from_secs(3);
/// Acknowledgements that must come between two faults, or the run is void; and within which time.
const PROGRESS_MIN: usize = 20;
const PROGRESS_LIMIT: Duration = Duration::from_secs(45);
/// The calm at the end may take this long.
const CALM: Duration = Duration::from_secs(120);

/// One kind of fault: its name in RELIABILITY.md §2, what happens, and how it is undone.
type Fault = (&'static str, fn(&Cluster, &str), fn(&Cluster, &str));

const FAULTS: [Fault; 6] = [
    (
        "a node is killed",
        |it, node| it.act("kill", node),
        |it, node| it.act("start", node),
    ),
    (
        "a node is paused and wakes",
        |it, node| it.act("pause", node),
        |it, node| it.act("resume", node),
    ),
    (
        "a node is drained and replaced",
        |it, node| it.act("stop", node),
        |it, node| it.act("start", node),
    ),
    (
        "Redis loses its data",
        |it, _| it.redis(&["FLUSHALL"]),
        |_, _| {},
    ),
    (
        "Redis cuts every connection",
        |it, _| {
            it.redis(&["CLIENT", "KILL", "TYPE", "normal"]);
            it.redis(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        },
        |_, _| {},
    ),
    (
        "Redis is killed",
        |it, _| it.act("kill", "redis"),
        |it, _| it.act("start", "redis"),
    ),
];

/// Mallory is removed and comes back, in turn.
async fn churn(run: &Run, front: &str, round: usize) {
    let mallory = &run.people[PEOPLE.len() - 1];
    let member = format!("/rooms/{}/members/{}", run.rooms[0], mallory.id);
    let (method, body) = match round % 2 {
        0 => ("DELETE", Value::Null),
        _ => ("PUT", json!({})),
    };
    let ann = &run.people[0].token;
    // It may be cut by the fault: then the next round does it again.
    caller(front).call(method, &member, ann, body).await;
}

async fn progress(run: &Run, round: usize) {
    let goal = run.acked.load(Ordering::Relaxed) + PROGRESS_MIN;
    let went_on = until(PROGRESS_LIMIT, || run.acked.load(Ordering::Relaxed) >= goal);
    assert!(
        went_on.await,
        "after fault {round} nothing was acknowledged"
    );
}

async fn storm(
    run: &Run,
    cluster: &Cluster,
    seconds: u64,
    seed: u64,
) -> BTreeMap<&'static str, usize> {
    let mut faults = BTreeMap::new();
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut dice = seed | 1;
    let mut round = 0;
    // At least one of each, however short the run.
    while Instant::now() < end || round < FAULTS.len() {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        let (name, happen, mend) = FAULTS[(round + seed as usize) % FAULTS.len()];
        let node = (dice % 3 + 1).to_string();
        println!(
            "{round}: {name} ({node}), {} acked",
            run.acked.load(Ordering::Relaxed)
        );
        happen(cluster, &node);
        churn(run, &cluster.front, round).await;
        tokio::time::sleep(PAUSE).await;
        mend(cluster, &node);
        progress(run, round).await;
        *faults.entry(name).or_default() += 1;
        round += 1;
    }
    faults
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chaos_on_three_nodes_loses_doubles_reorders_and_leaks_nothing_acknowledged() {
    let seconds = setting("CHAOS_SECONDS", 30);
    let seed = setting("CHAOS_SEED", u64::from(std::process::id()));
    println!("CHAOS_SEED={seed} CHAOS_SECONDS={seconds}");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("chaos");
    let cluster = Cluster::up(&folder);
    let (people, rooms) = settle(&cluster.front).await;
    let mut run = Run::begin(people, rooms, seed);
    run.stage
        .send_modify(|stage| stage.host = Some(cluster.front.clone()));
    progress(&run, 0).await;
    let faults = storm(&run, &cluster, seconds, seed).await;
    let evidence = run.settle_down(&cluster.front, CALM).await;

    let verdict = checker::check(&evidence);
    println!("{verdict} | {faults:?}");
    let story = folder.join("history.txt");
    std::fs::write(&story, format!("{:#?}", evidence.records)).expect("the history is kept");
    let found = &verdict.findings;
    assert!(
        verdict.broken.is_empty(),
        "{found:#?}\nhistory: {}",
        story.display()
    );
    let (sound, said) = cluster.verify();
    assert!(sound, "{said}");
    println!("{}", said.lines().last().unwrap_or_default());
    assert_eq!(mutants::survivors(&evidence), Vec::<&str>::new());
    drop(cluster);
    std::fs::remove_dir_all(&folder).expect("the folder goes");
}
