//! The hands of a room over the model of the store.

use super::*;
use crate::clock::Timestamp;
use crate::entry::{Entry, Mentions, Role, RoomKind};
use crate::ids::{OwnerId, UserId};
use crate::room::Recovered;
use crate::room::state::RoomState;
use crate::store::memory::MemoryStore;
use crate::store::views::guards_of;
use crate::store::{LogStore as _, RoomRow, RoomStore as _};
use uuid::Uuid;

const ANN: UserId = UserId(Uuid::from_bytes([1; 16]));
const ROOM: RoomId = RoomId(Uuid::from_bytes([9; 16]));
const ME: OwnerId = OwnerId(Uuid::from_bytes([7; 16]));

fn says() -> Event {
    Event::Post {
        body: Some("text".to_owned()),
        reply_to: None,
        mentions: Mentions::default(),
    }
}

fn edits(target: Seq) -> Event {
    Event::Edit {
        target,
        body: Some("text".to_owned()),
    }
}

/// Ann's room with this log behind her joining it, views written up to `viewed`.
async fn stored(events: Vec<Event>, viewed: Seq) -> MemoryStore {
    let store = MemoryStore::new();
    let row = RoomRow {
        id: ROOM,
        kind: RoomKind::Group,
        name: None,
        topic: String::new(),
        created_at: Timestamp(0),
        created_by: ANN,
        pair: None,
        floor: 0,
    };
    assert!(store.create_room(&row).await.expect("a room"));
    let taken = store.take_over(ROOM, 0, None, ME, 1).await;
    assert_eq!(taken.expect("an outcome"), Outcome::Applied);
    let joins = Event::Join {
        user: ANN,
        role: Role::Owner,
    };
    let (mut chain, mut ord, mut entries) = ([0; 32], 0, Vec::new());
    for (event, seq) in std::iter::once(joins).chain(events).zip(1..) {
        ord += u64::from(event.is_countable());
        let entry = Entry {
            room: ROOM,
            seq,
            ord,
            at: Timestamp(1),
            by: Some(ANN),
            client_id: None,
            event,
            redacted: false,
        };
        entries.push(StoredEntry::seal(entry, [3; 16], &chain));
        chain = entries.last().expect("one").link;
    }
    let guards = entries.iter();
    let batch = Batch {
        room: ROOM,
        bucket: 0,
        owner: ME,
        expected_next: 1,
        guards: guards
            .flat_map(|stored| guards_of(RoomKind::Group, &stored.entry))
            .collect(),
        entries,
        ord,
        chain,
        viewed,
    };
    let appended = store.append(&batch).await;
    assert_eq!(appended.expect("an outcome"), Outcome::Applied);
    store
}

/// What an owner who takes the room now, and remembers no more than he must, does until he rests.
async fn redo(store: &MemoryStore) {
    let statics = store.last_bucket(ROOM, 0).await.expect("a bucket");
    let statics = statics.expect("a log");
    let (viewed, head) = (statics.viewed, statics.head());
    let tail = store.log(ROOM, viewed + 1, head, 1_000, true).await;
    let members = crate::store::ViewStore::members(store, ROOM, None, 10).await;
    let recovered = Recovered {
        room: ROOM,
        kind: RoomKind::Group,
        floor: 0,
        me: ME,
        statics,
        members: members.expect("members"),
        tail: tail.expect("a tail"),
    };
    let (mut state, mut effects) = RoomState::recover(recovered, crate::limits::BUCKET_BITS);
    while let Some(effect) = effects.pop() {
        let command = match effect {
            RoomEffect::Load { load: id, what } => crate::room::RoomCommand::Loaded {
                load: id,
                facts: load(store, ROOM, what).await,
            },
            RoomEffect::WriteViews { upto, views, erase } => {
                let written = write_views(store, ROOM, &views, &erase).await;
                written.expect("the views are written");
                crate::room::RoomCommand::ViewsWritten { upto }
            }
            other => panic!("a redo asks for {other:?}"),
        };
        effects.extend(state.apply(Timestamp(2), command));
    }
    assert!(state.can_sleep());
}

async fn with_text(store: &MemoryStore) -> Vec<Seq> {
    let log = store.log(ROOM, 1, Seq::MAX, 10_000, true).await;
    let log = log.expect("the log").into_iter();
    let there = log.filter(|stored| stored.entry.event.content().is_some());
    there.map(|stored| stored.entry.seq).collect()
}

async fn erase(store: &MemoryStore, seqs: &[Seq]) {
    for seq in seqs {
        let stored = store.log(ROOM, *seq, *seq, 1, true).await.expect("the log");
        let erased = store.erase(ROOM, &[(*seq, stored[0].digest)]).await;
        erased.expect("it is erased");
    }
}

#[tokio::test]
async fn an_edit_whose_erasing_a_crash_cut_off_loses_its_text_though_a_newer_one_stands() {
    // Ann edits her old post twice; the server dies before anything is erased.
    let store = stored(vec![says(), says(), edits(2), edits(2)], 3).await;
    redo(&store).await;
    assert_eq!(with_text(&store).await, [3, 5]);
}

#[tokio::test]
async fn the_edit_that_stood_before_the_crash_loses_its_text_however_far_behind_it_lies() {
    let mut events = vec![says(), edits(2), edits(2)];
    events.extend((0..500).map(|_| says()));
    events.extend([edits(2), edits(2)]);
    let store = stored(events, 504).await;
    erase(&store, &[2, 3]).await;
    redo(&store).await;
    let there = with_text(&store).await;
    let about_the_first: Vec<Seq> = there.into_iter().filter(|s| *s < 5 || *s > 504).collect();
    assert_eq!(about_the_first, [506]);
}

#[tokio::test]
async fn a_deletion_behind_an_edit_that_a_crash_cut_off_leaves_no_text_of_the_post() {
    let store = stored(
        vec![
            says(),
            edits(2),
            says(),
            edits(2),
            Event::Delete { target: 2 },
        ],
        4,
    )
    .await;
    erase(&store, &[2]).await;
    redo(&store).await;
    assert_eq!(with_text(&store).await, [4]);
}
