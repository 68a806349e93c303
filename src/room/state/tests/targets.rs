use super::*;
use crate::limits::REACTION_KINDS_MAX;
use crate::room::{Load, TargetFacts};

fn edit(target: Seq) -> Draft {
    let body = "new".to_owned();
    Draft::Edit { target, body }
}

fn react(target: Seq, emoji: &str) -> Draft {
    let emoji = emoji.to_owned();
    Draft::React { target, emoji }
}

fn unreact(target: Seq, emoji: &str) -> Draft {
    let emoji = emoji.to_owned();
    Draft::Unreact { target, emoji }
}

fn reply(target: Seq) -> Draft {
    let (body, reply_to) = ("re".to_owned(), Some(target));
    Draft::Post { body, reply_to }
}

#[test]
fn commands_about_a_post_in_memory() {
    let (denied, gone, conflict) = (
        Some(Code::Denied),
        Some(Code::NotFound),
        Some(Code::Conflict),
    );
    let mut room = Room::of(RoomKind::Group, &["bob"]);
    // Bob's post is 3; 1 and 2 are joins.
    let steps = [
        ("bob", post("hi"), None),
        ("ann", edit(3), denied),
        ("bob", edit(3), None),
        ("bob", edit(1), gone),
        ("bob", edit(4), gone),
        ("bob", edit(99), gone),
        ("ann", reply(2), gone),
        ("ann", reply(3), None),
        ("ann", react(3, "👍"), None),
        ("ann", react(3, "👍"), None),
        ("bob", unreact(3, "🎉"), None),
        ("bob", Draft::Delete { target: 5 }, denied),
        ("ann", Draft::Delete { target: 3 }, None),
        ("ann", Draft::Delete { target: 3 }, conflict),
        ("bob", edit(3), conflict),
        ("bob", react(3, "👍"), conflict),
        ("bob", unreact(3, "👍"), conflict),
        ("bob", reply(3), None),
    ];
    for (n, (who, draft, refused)) in steps.into_iter().enumerate() {
        let got = room.outcome(who, n as u8, draft.clone());
        assert_eq!(got, refused, "{who} {draft:?}");
    }
}

#[test]
fn in_a_direct_room_nobody_deletes_for_the_other() {
    let mut room = Room::of(RoomKind::Direct, &["bob"]);
    assert_eq!(room.outcome("bob", 1, post("hi")), None);
    let refused = room.outcome("ann", 2, Draft::Delete { target: 3 });
    assert_eq!(refused, Some(Code::Denied));
}

#[test]
fn a_message_carries_fifty_different_emoji() {
    let mut room = Room::of(RoomKind::Group, &["bob"]);
    room.outcome("ann", 200, post("hi"));
    let mut emoji = emojis::iter().map(|emoji| emoji.as_str());
    let all: Vec<_> = emoji.by_ref().take(REACTION_KINDS_MAX).collect();
    for (n, emoji) in all.iter().enumerate() {
        assert_eq!(room.outcome("ann", n as u8, react(3, emoji)), None);
    }
    let one_more = emoji.next().expect("more emoji");
    assert_eq!(
        room.outcome("bob", 100, react(3, one_more)),
        Some(Code::Conflict)
    );
    assert_eq!(room.outcome("bob", 101, react(3, all[0])), None);
    assert_eq!(room.outcome("ann", 102, unreact(3, all[0])), None);
    assert_eq!(
        room.outcome("ann", 103, react(3, one_more)),
        Some(Code::Conflict)
    );
    assert_eq!(room.outcome("bob", 104, unreact(3, all[0])), None);
    assert_eq!(room.outcome("ann", 105, react(3, one_more)), None);
}

#[test]
fn an_old_post_is_asked_for_and_what_is_under_way_counts() {
    let mut room = Room::of(RoomKind::Group, &["bob"]);
    room.outcome("ann", 1, post("hi"));
    room.state.window = super::super::window::Window::above(3);
    room.state.targets = super::super::targets::Targets::default();
    let first = room.says("ann", 2, edit(3));
    let asked = room.asked().expect("the post is asked for");
    assert!(room.last.contains(&RoomEffect::Load {
        load: asked,
        what: Load::Target { seq: 3 }
    }));
    let second = room.says("ann", 3, Draft::Delete { target: 3 });
    let bobs = room.says("bob", 4, react(3, "👍"));
    let bobs_load = room.asked().expect("Bob does not wait behind Ann");
    let facts = TargetFacts {
        author: Some(person("ann")),
        contents: vec![(3, [3; 32])],
        ..TargetFacts::default()
    };
    room.answer(asked, Ok(Loaded::Target(Some(facts.clone()))));
    room.answer(bobs_load, Ok(Loaded::Target(Some(facts))));
    room.hear(RoomCommand::Committed);
    let erased = room.last.iter().find_map(|effect| match effect {
        RoomEffect::WriteViews { erase, .. } => Some(erase.iter().map(|(seq, _)| *seq)),
        _ => None,
    });
    let erased: Vec<_> = erased.into_iter().flatten().collect();
    assert_eq!(
        erased,
        [3, 4],
        "the edit hides the post, the deletion the edit"
    );
    room.settle();
    assert_eq!((room.seq(first), room.seq(second)), (4, 5));
    assert_eq!(
        room.refused(bobs),
        Some(Code::Conflict),
        "Ann deleted it before"
    );
}

#[test]
fn what_the_store_does_not_know_is_not_found() {
    let mut room = Room::of(RoomKind::Group, &[]);
    room.outcome("ann", 1, post("hi"));
    room.state.window = super::super::window::Window::above(2);
    room.state.targets = super::super::targets::Targets::default();
    let ticket = room.says("ann", 2, reply(1));
    let load = room.asked().expect("the post is asked for");
    room.answer(load, Ok(Loaded::Target(None)));
    assert_eq!(room.refused(ticket), Some(Code::NotFound));
    let ticket = room.says("ann", 3, reply(1));
    let load = room.asked().expect("the post is asked for");
    room.answer(load, Err(Error::new(Code::Unavailable, "no")));
    assert_eq!(room.refused(ticket), Some(Code::Unavailable));
}
