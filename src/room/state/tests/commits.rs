use super::*;
use crate::ids::bucket_of;
use crate::limits::{BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, ROOM_PENDING_MAX, VIEW_LAG_MAX};

fn many(room: &mut Room, count: u32, body: &str) -> Vec<Ticket> {
    let one = |n| {
        let id = ClientId::from_bytes(u128::from(1_000 + n).to_be_bytes());
        let send = room.send_of("ann", Some(id), post(body));
        room.send(send)
    };
    (0..count).map(one).collect()
}

#[test]
fn what_comes_during_a_commit_goes_together_into_the_next() {
    let mut room = Room::of(RoomKind::Group, &[]);
    many(&mut room, 100, "x");
    assert_eq!(room.state.in_flight.len(), 1);
    room.hear(RoomCommand::Committed);
    let batch = room.batch().expect("the next batch");
    assert_eq!(
        (batch.entries.len(), batch.expected_next),
        (BATCH_ENTRIES_MAX, 3)
    );
    room.hear(RoomCommand::Committed);
    assert_eq!(room.batch().map(|batch| batch.entries.len()), Some(35));
}

#[test]
fn a_batch_stays_within_its_bytes_but_takes_the_longest_message() {
    let mut room = Room::of(RoomKind::Group, &[]);
    let long = "\u{10348}".repeat(15_900);
    many(&mut room, 3, &long);
    for _ in 0..3 {
        let bytes: usize = room
            .state
            .in_flight
            .iter()
            .map(|s| s.stored.entry.event.content().map_or(0, str::len))
            .sum();
        assert!(bytes <= BATCH_BYTES_MAX && room.state.in_flight.len() == 1);
        room.hear(RoomCommand::Committed);
    }
    assert_eq!(room.state.head(), 4);
}

#[test]
fn batches_end_with_their_bucket_and_the_next_is_opened() {
    let mut room = Room::from(empty(RoomKind::Group), 2);
    room.hear(RoomCommand::Found {
        ticket: 900,
        creator: person("ann"),
        members: vec![],
        salts: vec![],
    });
    room.settle();
    many(&mut room, 20, "x");
    let mut opened = Vec::new();
    while !room.state.in_flight.is_empty() {
        let before = room.state.stored_chain;
        room.hear(RoomCommand::Committed);
        let Some(RoomEffect::Commit { open, batch }) = room
            .last
            .iter()
            .find(|e| matches!(e, RoomEffect::Commit { .. }))
        else {
            continue;
        };
        assert_ne!(before, room.state.stored_chain);
        assert!(
            batch
                .entries
                .iter()
                .all(|s| bucket_of(s.entry.seq, 2) == batch.bucket)
        );
        if let Some(statics) = open {
            assert_eq!(statics.bucket, batch.bucket);
            assert_eq!(statics.next_seq, batch.expected_next);
            assert_eq!(statics.chain, room.state.stored_chain);
            opened.push(statics.bucket);
        }
    }
    assert_eq!(opened, [1, 2, 3, 4, 5]);
    assert_eq!(room.state.head(), 21);
}

#[test]
fn nobody_is_answered_before_the_store_has_it() {
    let mut room = Room::of(RoomKind::Group, &[]);
    let tickets = many(&mut room, 3, "x");
    assert!(
        tickets
            .iter()
            .all(|ticket| !room.replies.contains_key(ticket))
    );
    assert!(
        !room
            .last
            .iter()
            .any(|effect| matches!(effect, RoomEffect::Publish { .. }))
    );
    room.hear(RoomCommand::Committed);
    assert_eq!(room.seq(tickets[0]), 2);
    assert!(!room.replies.contains_key(&tickets[1]));
}

#[test]
fn a_fenced_owner_tells_everybody_unknown_and_stops() {
    let mut room = Room::of(RoomKind::Group, &["bob", "cyd"]);
    room.state.window = super::super::window::Window::above(3);
    let removal = room.does("ann", remove("bob"));
    room.hear(RoomCommand::Committed);
    let sent = many(&mut room, 3, "x");
    let mut old = room.send_of("cyd", Some(key(9)), post("x"));
    old.after = 0;
    let parked = room.send(old);
    room.hear(RoomCommand::Fenced);
    assert_eq!(room.last.last(), Some(&RoomEffect::Stop));
    for ticket in sent.into_iter().chain([removal, parked]) {
        assert_eq!(room.refused(ticket), Some(Code::Unknown), "{ticket}");
    }
    let late = room.says("ann", 8, post("x"));
    assert_eq!(room.refused(late), Some(Code::Unknown));
    for command in [
        RoomCommand::Committed,
        RoomCommand::Fenced,
        RoomCommand::ViewsFailed,
        RoomCommand::AskAgain,
    ] {
        room.hear(command);
        assert_eq!(room.last, []);
    }
}

#[test]
fn a_room_that_cannot_keep_up_says_busy() {
    let mut room = Room::of(RoomKind::Group, &[]);
    let tickets = many(&mut room, ROOM_PENDING_MAX as u32 + 1, "x");
    assert_eq!(
        room.refused(*tickets.last().expect("some")),
        Some(Code::Busy)
    );
    assert_eq!(room.replies.len(), 2, "the founding and the refusal");
    while room.state.head() - room.state.unviewed.viewed() <= VIEW_LAG_MAX {
        room.hear(RoomCommand::Committed);
    }
    let lagging = room.says("ann", 1, post("x"));
    assert_eq!(room.refused(lagging), Some(Code::Busy));
    room.settle();
    assert_eq!(room.outcome("ann", 1, post("x")), None);
}

#[test]
fn views_are_written_one_at_a_time_and_tried_again() {
    let mut room = Room::of(RoomKind::Group, &[]);
    let writing = |room: &Room| {
        room.last.iter().find_map(|effect| match effect {
            RoomEffect::WriteViews { upto, views, .. } => Some((*upto, views.len())),
            _ => None,
        })
    };
    many(&mut room, 3, "x");
    room.hear(RoomCommand::Committed);
    assert_eq!(writing(&room), Some((2, 1)));
    room.hear(RoomCommand::Committed);
    assert_eq!(writing(&room), None);
    room.hear(RoomCommand::ViewsFailed);
    assert_eq!(writing(&room), Some((2, 1)));
    room.hear(RoomCommand::ViewsWritten { upto: 2 });
    assert_eq!(writing(&room), Some((4, 2)));
    assert_eq!(room.state.snapshot().viewed, 2);
    room.hear(RoomCommand::ViewsWritten { upto: 4 });
    room.says("ann", 1, post("x"));
    assert_eq!(room.batch().map(|batch| batch.viewed), Some(4));
}
