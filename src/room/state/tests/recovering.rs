use super::*;
use crate::entry::{Event, StoredEntry};
use crate::limits::VIEW_BATCH_MAX;
use crate::room::Load;
use crate::store::{Member, View};

/// A log that ann wrote, with its chain.
pub(super) fn log(events: Vec<Event>) -> Vec<StoredEntry> {
    let (mut chain, mut ord, mut all) = ([0; 32], 0, Vec::new());
    for (index, event) in events.into_iter().enumerate() {
        ord += u64::from(event.is_countable());
        let entry = Entry {
            room: RoomId::from_bytes([7; 16]),
            seq: index as u64 + 1,
            ord,
            at: NOW,
            by: Some(person("ann")),
            client_id: Some(key((index as u8).wrapping_add(1))),
            event,
            redacted: false,
        };
        let stored = StoredEntry::seal(entry, [index as u8; 16], &chain);
        chain = stored.link;
        all.push(stored);
    }
    all
}

fn wrote(body: &str) -> Event {
    Event::Post {
        body: Some(body.to_owned()),
        reply_to: None,
        mentions: Default::default(),
    }
}

fn edited(target: Seq) -> Event {
    Event::Edit {
        target,
        body: Some("new".to_owned()),
    }
}

/// A take-over that read `log` above `remembered`; views stand up to `viewed`.
pub(super) fn taken_over(log: &[StoredEntry], remembered: usize, viewed: Seq) -> Room {
    let mut recovered = empty(RoomKind::Group);
    let last = log.last().expect("a log");
    recovered.statics.next_seq = last.entry.seq + 1;
    recovered.statics.ord = last.entry.ord;
    recovered.statics.chain = last.link;
    recovered.statics.viewed = viewed;
    recovered.members = vec![Member {
        user: person("ann"),
        role: Role::Owner,
        seq: 1,
    }];
    recovered.tail = log[remembered..].to_vec();
    Room::from(recovered, 13)
}

fn writing(room: &Room) -> Option<(Seq, Vec<View>, Vec<Seq>)> {
    room.last.iter().find_map(|effect| match effect {
        RoomEffect::WriteViews { upto, views, erase } => Some((
            *upto,
            views.clone(),
            erase.iter().map(|(seq, _)| *seq).collect(),
        )),
        _ => None,
    })
}

fn joined() -> Event {
    Event::Join {
        user: person("ann"),
        role: Role::Owner,
    }
}

#[test]
fn a_new_owner_redoes_the_views_above_viewed() {
    let log = log(vec![
        joined(),
        wrote("a"),
        wrote("b"),
        edited(2),
        Event::Delete { target: 2 },
    ]);
    let room = taken_over(&log, 0, 2);
    let (upto, views, erase) = writing(&room).expect("views are redone");
    assert_eq!((upto, erase), (5, vec![2, 4]));
    let keys = views
        .iter()
        .filter(|view| matches!(view, View::Sent { .. }));
    assert_eq!(keys.count(), 3);
    assert!(!room.state.can_sleep());
}

#[test]
fn a_new_owner_goes_on_behind_the_head_and_remembers_what_was_sent() {
    let log = log(vec![joined(), wrote("a"), wrote("b"), edited(2)]);
    let mut room = taken_over(&log, 0, 4);
    let repeat = room.says("ann", 2, post("x"));
    assert!(room.stored(repeat).0.redacted, "the edit hides it");
    let new = room.says("ann", 9, post("x"));
    let batch = room.batch().expect("a batch").clone();
    assert_eq!((batch.expected_next, batch.entries[0].entry.ord), (5, 3));
    assert!(batch.entries[0].verifies_after(&log[3].link));
    room.settle();
    assert_eq!(room.seq(new), 5);
}

#[test]
fn what_old_redactions_erase_is_asked_for_before_their_views_are_redone() {
    let log = log(vec![
        joined(),
        wrote("a"),
        edited(2),
        edited(2),
        Event::Delete { target: 2 },
    ]);
    let mut room = taken_over(&log, 3, 3);
    let load = room.asked().expect("the post is asked for");
    assert!(room.last.contains(&RoomEffect::Load {
        load,
        what: Load::Contents {
            seq: 2,
            viewed: 3,
            upto: 5
        }
    }));
    assert_eq!(writing(&room), None);
    room.answer(load, Err(Error::internal()));
    assert_eq!(room.last, [RoomEffect::AskLater]);
    room.hear(RoomCommand::AskAgain);
    let load = room.asked().expect("it is asked again");
    let contents = vec![(2, [2; 32]), (3, [3; 32]), (4, [4; 32])];
    room.answer(load, Ok(Loaded::Contents(contents)));
    let (upto, _, erase) = writing(&room).expect("views are redone");
    assert_eq!((upto, erase), (5, vec![2, 3, 4]));
}

#[test]
fn a_sleeping_room_with_all_views_wakes_to_nothing_to_do() {
    let log = log(vec![joined(), wrote("a")]);
    let room = taken_over(&log, 2, 2);
    assert_eq!(room.last, []);
    assert!(room.state.can_sleep());
    assert_eq!(room.state.snapshot().head, 2);
}

#[test]
fn a_long_redo_stands_in_steps_so_that_a_short_life_is_not_wasted() {
    let posts = (0..VIEW_BATCH_MAX + 20).map(|_| wrote("a"));
    let log = log(std::iter::once(joined()).chain(posts).collect());
    let mut room = taken_over(&log, 0, 0);
    let mut steps = Vec::new();
    while let Some((upto, ..)) = writing(&room) {
        steps.push(upto);
        room.hear(RoomCommand::ViewsWritten { upto });
        assert_eq!(room.state.snapshot().viewed, upto);
    }
    let (step, head) = (VIEW_BATCH_MAX as Seq, log.len() as Seq);
    assert_eq!(steps, [step, head]);
}
