//! kill -9 under load, again and again: nothing acknowledged is lost, doubled, reordered or leaked.
//!
//! The real binary serves several people over real sockets; it is killed in the middle of their
//! sends and started again on the same folder. `checker` then judges what everybody saw against
//! what the logs hold, and `mutants` proves that the checker would notice.

mod checker;
mod client;
mod conductor;
mod history;
mod mutants;
mod outbox;
mod server;

use conductor::{PEOPLE, Run, caller, settle, until};
use serde_json::{Value, json};
use server::Server;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Without this much the run proves nothing.
const ACKED_PER_ROUND_MIN: usize = 20;

/// One life of the server: it dies after `acks` more acknowledgements, while more are under way.
async fn round(run: &Run, data: &Path, round: usize, acks: usize) {
    let server = Server::start(data, round);
    run.stage
        .send_modify(|stage| stage.host = Some(server.host.clone()));
    let goal = run.acked.load(Ordering::Relaxed) + acks;
    let caller = caller(&server.host);
    let (ann, mallory) = (&run.people[0], &run.people[PEOPLE.len() - 1]);
    let member = format!("/rooms/{}/members/{}", run.rooms[0], mallory.id);
    let reached = until(Duration::from_secs(20), || {
        run.acked.load(Ordering::Relaxed) >= goal - acks / 2
    });
    assert!(reached.await, "round {round}: no progress, {goal} wanted");
    // May be cut short by the kill: then the next round does it again.
    let churn = async {
        let method = if round.is_multiple_of(2) {
            "DELETE"
        } else {
            "PUT"
        };
        let body = if method == "PUT" {
            json!({})
        } else {
            Value::Null
        };
        caller.call(method, &member, &ann.token, body).await;
        std::future::pending::<()>().await;
    };
    let reached = until(Duration::from_secs(20), || {
        run.acked.load(Ordering::Relaxed) >= goal
    });
    tokio::select! {
        () = churn => {}
        reached = reached => assert!(reached, "round {round}: no progress, {goal} wanted"),
    }
    run.stage.send_modify(|stage| stage.host = None);
    server.kill9();
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill9_under_load_loses_doubles_reorders_and_leaks_nothing_acknowledged() {
    let rounds = setting("KILL9_ROUNDS", 5) as usize;
    let seed = setting(
        "KILL9_SEED",
        u64::from(std::process::id()) << 20 | rounds as u64,
    );
    println!("KILL9_SEED={seed} KILL9_ROUNDS={rounds}");
    let folder = server::fresh_folder("kill9");
    let data = folder.join("data");

    let server = Server::start(&data, 0);
    let (people, rooms) = settle(&server.host).await;
    server.kill9();
    let mut run = Run::begin(people, rooms, seed, Duration::ZERO);
    for round in 1..=rounds {
        let acks = 60 + (seed.rotate_left(round as u32 * 5) % 400) as usize;
        self::round(&run, &data, round, acks).await;
    }
    let server = Server::start(&data, rounds + 1);
    let evidence = run.settle_down(&server.host, Duration::from_secs(60)).await;
    assert!(
        server.terminate().success(),
        "SIGTERM drains and exits with 0"
    );

    let verdict = checker::check(&evidence);
    println!("{verdict}");
    let story = folder.join("history.txt");
    std::fs::write(&story, format!("{:#?}", evidence.records)).expect("the history is kept");
    assert!(
        verdict.broken.is_empty(),
        "{:#?}\nhistory: {}",
        verdict.findings,
        story.display()
    );
    assert!(
        verdict.acked > rounds * ACKED_PER_ROUND_MIN,
        "void: hardly anything was sent"
    );
    assert!(
        verdict.unknown >= rounds,
        "void: the kills met no send under way"
    );
    let (sound, said) = server::verify(&data);
    assert!(sound, "{said}");
    println!("{}", said.lines().last().unwrap_or_default());
    // Last, the checker on this very history: each planted fault must be found.
    assert_eq!(mutants::survivors(&evidence), Vec::<&str>::new());
    std::fs::remove_dir_all(&folder).expect("the folder goes");
}
