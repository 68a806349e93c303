//! Many rooms, one of them damaged; verified at once, in turn, and with a break in the middle.

use super::{Progress, Report, go_on};
use crate::entry::{Event, Role};
use crate::ids::RoomId;
use crate::store::conformance::subject::{ANN, Subject, post};
use std::path::Path;
use tempfile::TempDir;
use uuid::Uuid;

const ROOMS: u128 = 9;
const DAMAGED: u128 = 4;

fn room(n: u128) -> RoomId {
    RoomId(Uuid::from_u128(n))
}

/// Ann is in each; in one the views say that they stand, and do not.
async fn street() -> Subject {
    let subject = Subject::memory(13);
    for n in 1..=ROOMS {
        let mut scribe = subject.scribe(room(n)).await;
        let joined = Event::Join {
            user: ANN,
            role: Role::Member,
        };
        scribe.write(&*subject.store, [joined, post("hello")]).await;
        if n == DAMAGED {
            scribe.write(&*subject.store, [post("no views")]).await;
        }
    }
    subject
}

async fn verified(subject: &Subject, jobs: usize, file: Option<&Path>) -> Report {
    let mut progress = match file {
        Some(file) => Progress::open(file, "the street").expect("a file of ours"),
        None => Progress::default(),
    };
    let report = go_on(&*subject.store, jobs, &mut progress).await;
    report.expect("the store answers")
}

#[tokio::test]
async fn a_fault_in_one_of_many_rooms_is_found_at_once_as_in_turn() {
    let subject = street().await;
    let in_turn = verified(&subject, 1, None).await;
    assert!(!in_turn.is_whole());
    let rooms: Vec<_> = in_turn.faults.iter().map(|fault| fault.room).collect();
    assert!(
        rooms.iter().all(|there| *there == Some(room(DAMAGED))),
        "{rooms:?}"
    );
    assert_eq!(in_turn.rooms, ROOMS as u64);
    assert_eq!(verified(&subject, 8, None).await, in_turn);
}

#[tokio::test]
async fn broken_off_anywhere_it_goes_on_where_it_was_and_says_the_same() {
    let (subject, folder) = (street().await, TempDir::new().expect("a folder"));
    let file = folder.path().join("progress");
    let whole = verified(&subject, 8, Some(&file)).await;
    let written = std::fs::read(&file).expect("it is kept");
    let ends: Vec<_> = (1..written.len())
        .filter(|at| written[at - 1] == b'\n')
        .collect();
    for end in ends {
        // Also in the middle of a line.
        for cut in [end, end + 5] {
            std::fs::write(&file, &written[..cut.min(written.len())]).expect("cut");
            assert_eq!(
                verified(&subject, 8, Some(&file)).await,
                whole,
                "cut at {cut}"
            );
            assert_eq!(std::fs::read(&file).expect("kept"), written, "cut at {cut}");
        }
    }
}

#[tokio::test]
async fn what_was_done_is_not_done_again_and_what_came_to_its_end_begins_anew() {
    let (subject, folder) = (street().await, TempDir::new().expect("a folder"));
    let file = folder.path().join("progress");
    verified(&subject, 8, Some(&file)).await;
    let written = std::fs::read_to_string(&file).expect("it is kept");
    let lines: Vec<_> = written.split_inclusive('\n').collect();
    // Without its last line it is not at its end. What it says of a room is believed.
    let told = lines[..lines.len() - 1]
        .concat()
        .replace("\"entries\":2", "\"entries\":5");
    std::fs::write(&file, told).expect("written");
    let believed = verified(&subject, 8, Some(&file)).await;
    assert_eq!(believed.entries, 5 * (ROOMS as u64 - 1) + 3);
    let anew = verified(&subject, 8, Some(&file)).await;
    assert_eq!(anew.entries, 2 * (ROOMS as u64 - 1) + 3);
}

#[test]
fn a_file_about_another_store_or_a_damaged_one_is_refused_with_a_remedy() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("progress");
    drop(Progress::open(&file, "the street").expect("begun"));
    let refused = |store: &str| match Progress::open(&file, store) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("not refused"),
    };
    let why = refused("the harbour");
    assert!(
        why.contains("it is about the street, not the harbour"),
        "{why}"
    );
    std::fs::write(&file, "{\"house\":1}\n").expect("written");
    let why = refused("the street");
    assert!(
        why.contains("line 1") && why.contains("name another file"),
        "{why}"
    );
}
