//! What is read of rooms while they change.

use super::*;
use crate::entry::{Role, RoomKind};
use crate::session::Head;
use crate::store::Marker;

fn room() -> RoomId {
    ROOM.parse().expect("an id")
}

fn item(name: &str, head: Seq) -> RoomItem {
    RoomItem {
        id: room(),
        kind: RoomKind::Group,
        name: Some(name.to_owned()),
        topic: String::new(),
        role: Role::Member,
        head,
        ord: head,
        read: 1,
        delivered: 1,
        unread: head - 1,
        mentions: 0,
        notify: "all".to_owned(),
        muted_until: None,
        draft: None,
        peer: None,
        moved_at: None,
    }
}

fn standing(read: Seq, head: Seq) -> Standing {
    Standing {
        marker: Marker {
            read,
            read_ord: read,
            ..Marker::default()
        },
        head,
        ord: head,
        unread: head - read,
        mentions: 0,
    }
}

fn reads_standing() -> Effect {
    Effect::Work(Work::Standing { room: room() })
}

fn reads_item() -> Effect {
    Effect::Work(Work::Item { room: room() })
}

/// The name in a `room` frame, or what a `head` frame counts.
fn told(effects: &[Effect]) -> Vec<String> {
    let told = effects.iter().filter_map(|effect| match effect {
        Effect::Push(ServerFrame::Room(frame)) => Some(frame.item["name"].to_string()),
        Effect::Hint(_, ServerFrame::Head { seq, unread, .. }) => Some(format!("{seq}-{unread}")),
        _ => None,
    });
    told.collect()
}

impl Ann {
    fn read(&mut self, item: Option<RoomItem>) -> Vec<Effect> {
        let item = item.map(Box::new);
        self.done(Done::Item { room: room(), item })
    }

    fn stands(&mut self, standing: Standing) -> Vec<Effect> {
        let (room, standing) = (room(), Some(standing));
        self.done(Done::Standing { room, standing })
    }

    /// In a room with five entries, of which she read the first.
    fn in_room() -> Self {
        let mut ann = Self::open();
        assert_eq!(ann.state.on_added(room()), [reads_item()]);
        let told_of = ann.read(Some(item("tide", 5)));
        assert_eq!(told(&told_of), ["\"tide\""]);
        assert_eq!(told_of[1], Effect::Listen(room(), 5));
        ann
    }
}

#[test]
fn what_a_removed_person_asked_for_is_not_told() {
    let mut ann = Ann::open();
    let room = ROOM.parse().expect("an id");
    assert_eq!(ann.state.on_added(room).len(), 1);
    assert_eq!(ann.state.on_removed(room), [seeks(&[])]);
    let told = ann.done(Done::Item { room, item: None });
    assert_eq!(told, []);
    assert_eq!(ann.state.on_marked(room), []);
}

#[test]
fn a_room_that_changes_while_it_is_read_is_read_once_more_and_what_is_new_is_shown_last() {
    let mut ann = Ann::in_room();
    assert_eq!(ann.state.on_facts_changed(room()), [reads_item()]);
    assert_eq!(ann.state.on_facts_changed(room()), [], "one at a time");
    assert_eq!(ann.state.on_facts_changed(room()), []);
    let first = ann.read(Some(item("ebb", 5)));
    assert_eq!(first[0], reads_item());
    assert_eq!(told(&first), ["\"ebb\""]);
    assert_eq!(told(&ann.read(Some(item("flood", 5)))), ["\"flood\""]);
    assert_eq!(ann.state.on_facts_changed(room()), [reads_item()]);
}

#[test]
fn who_comes_back_while_his_absence_is_being_read_is_told_of_the_room() {
    let mut ann = Ann::in_room();
    ann.state.on_removed(room());
    assert_eq!(ann.state.on_added(room()), [reads_item()]);
    ann.state.on_removed(room());
    assert_eq!(ann.state.on_added(room()), []);
    assert_eq!(ann.read(None), [reads_item()]);
    assert_eq!(told(&ann.read(Some(item("tide", 9)))), ["\"tide\""]);
}

#[test]
fn what_is_read_does_not_take_back_what_a_notice_said_meanwhile() {
    let mut ann = Ann::in_room();
    ann.state.on_facts_changed(room());
    let notice = Head {
        room: room(),
        seq: 8,
        ord: 8,
        mentions: 0,
        own: None,
    };
    assert_eq!(told(&ann.state.on_head(notice)), ["8-7"]);
    let shown = told(&ann.read(Some(item("ebb", 6))));
    assert_eq!(shown, ["\"ebb\"", "8-7"]);
}

#[test]
fn of_two_marks_the_older_reading_is_not_shown() {
    let mut ann = Ann::in_room();
    assert_eq!(ann.state.on_marked(room()), [reads_standing()]);
    assert_eq!(ann.state.on_marked(room()), []);
    assert_eq!(ann.stands(standing(2, 5)), [reads_standing()]);
    assert_eq!(told(&ann.stands(standing(4, 5))), ["5-1"]);
    // Her own mark is newer than what is being read.
    assert_eq!(ann.state.on_marked(room()), [reads_standing()]);
    ann.says(&format!(r#"{{"t":"mark","room":"{ROOM}","read":5}}"#));
    ann.done(Done::Mark(Ok(standing(5, 5))));
    assert_eq!(ann.stands(standing(4, 5)), [reads_standing()]);
    assert_eq!(told(&ann.stands(standing(5, 5))), ["5-0"]);
}

/// The join passed this node by, and whoever looked for it knew the room: he had not heard of the removal.
#[test]
fn who_is_removed_looks_whether_he_is_in_again() {
    let mut ann = Ann::in_room();
    assert_eq!(ann.state.seek_rooms(), [seeks(&[room()])]);
    assert_eq!(ann.state.on_removed(room()), [], "once more, later");
    assert_eq!(ann.done(Done::Seek), [seeks(&[])]);
    assert_eq!(ann.done(Done::Seek), []);
    let mut ben = Ann::in_room();
    assert_eq!(ben.state.on_removed(room()), [seeks(&[])]);
    assert_eq!(ben.state.on_added(room()), [reads_item()]);
    assert_eq!(told(&ben.read(Some(item("tide", 9)))), ["\"tide\""]);
}

fn seeks(known: &[RoomId]) -> Effect {
    let known = known.to_vec();
    Effect::Work(Work::Seek { known })
}

#[test]
fn rooms_are_sought_once_at_a_time_and_after_a_welcome_that_may_have_been_read_too_early() {
    let mut ann = Ann::in_room();
    assert_eq!(ann.state.seek_rooms(), [seeks(&[room()])]);
    assert_eq!(ann.state.seek_rooms(), []);
    assert_eq!(ann.done(Done::Seek), [seeks(&[room()])]);
    assert_eq!(ann.done(Done::Seek), []);
    let mut late = Ann::new();
    assert_eq!(
        late.state.seek_rooms(),
        [],
        "the welcome is still to be read"
    );
    late.says(r#"{"t":"hello","format":"data"}"#);
    assert_eq!(late.state.seek_rooms(), []);
    assert!(late.welcomed().contains(&seeks(&[])));
    assert_eq!(late.done(Done::Seek), []);
}
