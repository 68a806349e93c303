use super::*;
use crate::entry::Event;

#[test]
fn a_repeat_gets_the_same_entry_in_every_stage() {
    let mut room = Room::of(RoomKind::Group, &[]);
    let first = room.says("ann", 1, post("hi"));
    let flying = room.says("ann", 1, post("something else"));
    room.hear(RoomCommand::Committed);
    let later = room.says("ann", 1, post("hi"));
    room.settle();
    let (entry, repeated) = room.stored(first);
    assert_eq!((entry.seq, repeated), (2, false));
    assert_eq!(room.stored(flying), (entry, true));
    assert_eq!(room.stored(later), (entry, true));
    assert_eq!(room.state.head(), 2);
}

#[test]
fn the_key_belongs_to_its_sender() {
    let mut room = Room::of(RoomKind::Group, &["bob"]);
    let ann = room.says("ann", 1, post("hi"));
    let bob = room.says("bob", 1, post("hi"));
    room.settle();
    assert_eq!((room.seq(ann), room.seq(bob)), (3, 4));
}

#[test]
fn a_repeat_is_answered_as_it_is_now_sent() {
    let mut room = Room::of(RoomKind::Group, &[]);
    room.says("ann", 1, post("secret"));
    room.settle();
    room.says(
        "ann",
        2,
        Draft::Edit {
            target: 2,
            body: "milder".to_owned(),
        },
    );
    room.settle();
    room.says(
        "ann",
        3,
        Draft::React {
            target: 2,
            emoji: "👍".to_owned(),
        },
    );
    room.says("ann", 4, Draft::Delete { target: 2 });
    room.settle();
    for n in 1..=3 {
        let again = room.says("ann", n, post("x"));
        let (entry, repeated) = room.stored(again);
        assert!(repeated && entry.redacted, "{entry:?}");
        assert_eq!(entry.event.content(), None);
    }
    assert!(!room.stored(4 + 1).0.redacted, "the deletion itself stands");
}

#[test]
fn an_old_key_is_looked_up_and_a_stored_one_answered_before_its_target() {
    let mut room = Room::of(RoomKind::Group, &[]);
    let ticket = room.says("ann", 1, post("hi"));
    room.settle();
    let entry = Arc::clone(room.stored(ticket).0);
    room.state.window = super::super::window::Window::above(2);
    let mut send = room.send_of("ann", Some(key(1)), Draft::Delete { target: 99 });
    send.after = 1;
    let again = room.send(send.clone());
    let behind = room.says("ann", 2, post("behind"));
    let load = room.state.last_load;
    room.answer(load, Ok(Loaded::Sent(Some(Arc::clone(&entry)))));
    room.settle();
    assert_eq!(room.stored(again), (&entry, true));
    assert_eq!(room.seq(behind), 3);
    send.ticket = 77;
    room.send(send);
    let load = room.state.last_load;
    room.answer(load, Err(Error::new(Code::Unavailable, "no")));
    assert_eq!(room.refused(77), Some(Code::Unavailable));
}

#[test]
fn after_is_between_the_floor_and_the_head() {
    let mut recovered = empty(RoomKind::Group);
    recovered.floor = 5;
    recovered.statics.next_seq = 8;
    recovered.statics.viewed = 7;
    recovered.members = vec![crate::store::Member {
        user: person("ann"),
        role: Role::Owner,
        seq: 6,
    }];
    let mut room = Room::from(recovered, 13);
    for (after, refused) in [(8, Some(Code::BadRequest)), (7, None)] {
        let mut send = room.send_of("ann", Some(key(after as u8)), post("x"));
        send.after = after;
        let ticket = room.send(send);
        assert_eq!(room.refused(ticket), refused, "{after}");
    }
    let mut send = room.send_of("ann", Some(key(1)), post("x"));
    send.after = 4;
    let ticket = room.send(send);
    let load = room.asked().expect("an old key is looked up");
    room.answer(load, Ok(Loaded::Sent(None)));
    assert_eq!(room.refused(ticket), Some(Code::Conflict));
}

#[test]
fn ann_may_go_on_from_what_she_read_in_the_store_before_its_owner_heard_that_it_stands() {
    let mut room = Room::of(RoomKind::Group, &["bob"]);
    let flying = room.says("bob", 1, post("hi"));
    let read = room.state.head() + 1;
    let mut send = room.send_of("ann", Some(key(2)), post("hello"));
    send.after = read;
    let next = room.send(send);
    let mut far = room.send_of("ann", Some(key(3)), post("too far"));
    far.after = read + 2;
    let beyond = room.send(far);
    room.settle();
    assert_eq!((room.seq(flying), room.seq(next)), (read, read + 1));
    assert_eq!(room.refused(beyond), Some(Code::BadRequest));
}

#[test]
fn keys_stay_in_memory_until_their_views_are_written() {
    let mut room = Room::of(RoomKind::Group, &[]);
    for n in 0..700_u32 {
        let id = ClientId::from_bytes(u128::from(n).to_be_bytes());
        let send = room.send_of("ann", Some(id), post("x"));
        room.send(send);
        room.hear(RoomCommand::Committed);
    }
    assert_eq!(
        room.state.window.len(),
        700,
        "nothing is forgotten before its views"
    );
    room.settle();
    assert_eq!(room.state.window.len(), crate::limits::ROOM_RECENT_MAX);
    assert!(room.state.can_sleep());
}

#[test]
fn handles_become_ids_and_only_members_are_named() {
    let mut room = Room::of(RoomKind::Group, &["bob"]);
    let mut send = room.send_of("ann", Some(key(1)), post("@bob @eve"));
    for name in ["bob", "eve"] {
        send.handles.insert(name.to_owned(), person(name));
    }
    let ticket = room.send(send);
    room.settle();
    let Event::Post { body, mentions, .. } = &room.stored(ticket).0.event else {
        panic!("a post");
    };
    assert_eq!(
        body.as_deref(),
        Some(format!("<@{}> @eve", person("bob")).as_str())
    );
    assert_eq!(mentions.users, [person("bob")]);
}
