//! A model of R1 to R5 and R9, exhausted: one room's log, two nodes that may own it, a store that
//! applies late, twice or never and loses answers, people who try again elsewhere (RELIABILITY.md 4.1,
//! G3). `MODEL=large` explores more.

mod bugs;
mod moves;
mod room;
mod store;

use crate::bugs::Bug;
use crate::moves::RoomLog;
use stateright::{Checker, HasDiscoveries, Model};

const THREADS: usize = 2;

/// The bounds in which every bug shows.
fn bounds(bucket: u8, bug: Option<Bug>) -> RoomLog {
    RoomLog {
        tries: [2, 2, 1],
        bucket,
        take_overs: 2,
        crashes: 1,
        bug,
    }
}

/// What every run of the tests explores; `MODEL=large` exhausts all bounds (10^7 states and more).
fn explored() -> Vec<RoomLog> {
    let [one, two] = [1, 2].map(|bucket| bounds(bucket, None));
    if std::env::var("MODEL").is_ok_and(|size| size == "large") {
        return vec![one, two];
    }
    let once = RoomLog {
        tries: [1, 1, 1],
        ..one
    };
    let twice = RoomLog {
        tries: [2, 1, 1],
        crashes: 0,
        ..two
    };
    vec![once, twice]
}

fn explore(model: RoomLog) -> usize {
    let checker = model.checker().threads(THREADS).spawn_bfs().join();
    let states = checker.unique_state_count();
    println!("{model:?}: {states} states, depth {}", checker.max_depth());
    checker.assert_properties();
    states
}

#[test]
fn model_room_log_keeps_every_promise_in_every_state() {
    let states: usize = explored().into_iter().map(explore).sum();
    assert!(states > 200_000, "void: {states} states");
}

#[test]
fn model_room_log_rejects_every_bad_variant() {
    for bug in bugs::ALL {
        let caught = [1, 2].into_iter().find_map(|bucket| {
            let checker = bounds(bucket, Some(bug)).checker();
            let checker = checker
                .threads(THREADS)
                .finish_when(HasDiscoveries::AnyFailures);
            let checker = checker.spawn_bfs().join();
            let broken = |name: &&&str| name.starts_with('I');
            let found = checker.discoveries();
            let name = found.keys().find(broken).map(|name| (*name).to_owned());
            name.map(|name| (bucket, name, checker.unique_state_count()))
        });
        println!("{bug:?}: {caught:?}");
        assert!(caught.is_some(), "{bug:?} is not caught");
    }
}
