use super::*;
use crate::entry::Event;

const OWNER: Option<Role> = Some(Role::Owner);
const ADMIN: Option<Role> = Some(Role::Admin);

#[test]
fn a_new_room_starts_with_its_people_and_ann_owns_it() {
    let room = Room::of(RoomKind::Group, &["bob", "ann", "cyd", "bob"]);
    let members: Vec<_> = room.state.members().collect();
    assert_eq!(members.len(), 3);
    assert_eq!(room.state.head(), 3);
    assert_eq!(members[0], (person("ann"), Role::Owner));
    assert!(members[1..].iter().all(|(_, role)| *role == Role::Member));
}

#[test]
fn founding_twice_stores_once_and_a_cut_founding_goes_on() {
    let mut room = Room::of(RoomKind::Group, &["bob"]);
    for (ticket, members, head) in [(90, vec!["bob"], 2), (91, vec!["bob", "cyd"], 3)] {
        room.hear(RoomCommand::Found {
            ticket,
            creator: person("ann"),
            members: members.iter().map(|name| person(name)).collect(),
            salts: vec![[1; 16]; 3],
        });
        room.settle();
        assert_eq!(room.state.head(), head);
    }
    assert_eq!(room.replies[&90], Reply::Unchanged);
    assert_eq!(room.seq(91), 3);
    room.outcome("ann", 1, post("hi"));
    room.hear(RoomCommand::Found {
        ticket: 92,
        creator: person("ann"),
        members: vec![person("bob"), person("cyd"), person("dan"), person("eve")],
        salts: Vec::new(),
    });
    assert_eq!(room.replies[&92], Reply::Unchanged);
}

#[test]
fn a_founding_that_was_cut_goes_on_also_where_its_beginning_is_not_in_memory() {
    let names: Vec<String> = (0..99).map(|n| format!("p{n}")).collect();
    let members: Vec<UserId> = names.iter().map(|name| person(name)).collect();
    let join = |user, role| Event::Join { user, role };
    let mut joins = vec![join(person("ann"), Role::Owner)];
    joins.extend(members.iter().map(|user| join(*user, Role::Member)));
    let log = super::recovering::log(joins[..70].to_vec());
    let found = |mut room: Room, members: Vec<UserId>| {
        room.hear(RoomCommand::Found {
            ticket: 90,
            creator: person("ann"),
            members,
            salts: Vec::new(),
        });
        room.settle();
        (room.state.head(), room.replies[&90] == Reply::Unchanged)
    };
    for remembered in [0, 40, 69] {
        let room = || super::recovering::taken_over(&log, remembered, 70);
        assert_eq!(found(room(), members.clone()), (100, false));
        // Another founding is none of this room.
        let others = members.iter().rev().copied().collect();
        assert_eq!(found(room(), others), (70, true));
    }
    // Of a log that is not known nothing is believed.
    let room = super::recovering::taken_over(&log, 70, 70);
    assert_eq!(found(room, members), (70, true));
}

#[test]
fn strangers_find_nothing_in_any_room() {
    for kind in [RoomKind::Channel, RoomKind::Group, RoomKind::Direct] {
        let mut room = Room::of(kind, &["bob"]);
        let drafts = [
            post("x"),
            Draft::Delete { target: 1 },
            remove("bob"),
            put("bob", None),
        ];
        for (n, draft) in drafts.into_iter().enumerate() {
            let refused = room.outcome("eve", n as u8, draft.clone());
            assert_eq!(refused, Some(Code::NotFound), "{kind:?} {draft:?}");
        }
    }
}

#[test]
fn who_is_deactivated_is_not_signed_in() {
    let mut room = Room::of(RoomKind::Group, &["bob"]);
    let mut send = room.send_of("bob", Some(key(1)), post("x"));
    send.actor.active = false;
    let ticket = room.send(send);
    assert_eq!(room.refused(ticket), Some(Code::Unauthenticated));
}

#[test]
fn only_channels_are_joined_and_only_as_a_member() {
    let mut channel = Room::of(RoomKind::Channel, &[]);
    assert_eq!(
        channel.member_outcome("eve", put("eve", ADMIN)),
        Some(Code::Denied)
    );
    assert_eq!(channel.member_outcome("eve", put("eve", None)), None);
    assert_eq!(
        channel.state.members.role(person("eve")),
        Some(Role::Member)
    );
    let mut group = Room::of(RoomKind::Group, &[]);
    assert_eq!(
        group.member_outcome("eve", put("eve", None)),
        Some(Code::NotFound)
    );
}

#[test]
fn joining_twice_changes_nothing_but_is_said_only_when_stored() {
    let mut room = Room::of(RoomKind::Channel, &[]);
    let first = room.does("eve", put("eve", None));
    let second = room.does("eve", put("eve", None));
    assert!(!room.replies.contains_key(&second));
    room.hear(RoomCommand::Committed);
    assert_eq!(room.seq(first), 2);
    assert_eq!(room.replies[&second], Reply::Unchanged);
    let third = room.does("eve", put("eve", None));
    assert_eq!(room.replies[&third], Reply::Unchanged);
}

#[test]
fn the_two_of_a_direct_room_stay_as_they_are() {
    let mut room = Room::of(RoomKind::Direct, &["bob"]);
    for draft in [
        put("eve", None),
        put("bob", ADMIN),
        put("bob", None),
        put("ann", None),
    ] {
        assert_eq!(room.member_outcome("ann", draft), Some(Code::Denied));
    }
    for draft in [remove("bob"), remove("ann"), remove("eve")] {
        assert_eq!(room.member_outcome("ann", draft), Some(Code::Denied));
    }
}

#[test]
fn roles_are_given_up_to_ones_own() {
    let mut room = Room::of(RoomKind::Group, &["bob", "cyd"]);
    let steps = [
        ("bob", put("cyd", ADMIN), Some(Code::Denied)),
        ("bob", put("dan", ADMIN), Some(Code::Denied)),
        ("bob", put("dan", None), None),
        ("ann", put("bob", ADMIN), None),
        ("bob", put("cyd", OWNER), Some(Code::Denied)),
        ("bob", put("ann", ADMIN), Some(Code::Denied)),
        ("bob", put("cyd", ADMIN), None),
        ("cyd", remove("ann"), Some(Code::Denied)),
        ("dan", remove("cyd"), Some(Code::Denied)),
        ("cyd", remove("dan"), None),
        ("cyd", remove("dan"), Some(Code::NotFound)),
        ("bob", put("bob", Some(Role::Member)), None),
    ];
    for (who, draft, refused) in steps {
        assert_eq!(
            room.member_outcome(who, draft.clone()),
            refused,
            "{who} {draft:?}"
        );
    }
}

#[test]
fn a_room_with_people_never_lacks_an_owner() {
    let mut room = Room::of(RoomKind::Channel, &["bob"]);
    assert_eq!(
        room.member_outcome("ann", remove("ann")),
        Some(Code::Conflict)
    );
    assert_eq!(
        room.member_outcome("ann", put("ann", ADMIN)),
        Some(Code::Conflict)
    );
    assert_eq!(room.member_outcome("ann", put("bob", OWNER)), None);
    assert_eq!(room.member_outcome("ann", remove("ann")), None);
    assert_eq!(
        room.member_outcome("bob", put("bob", ADMIN)),
        Some(Code::Conflict)
    );
    assert_eq!(room.member_outcome("bob", remove("bob")), None);
    assert_eq!(room.state.members().count(), 0);
    assert_eq!(room.member_outcome("eve", put("eve", None)), None);
    assert_eq!(room.state.members.role(person("eve")), Some(Role::Owner));
}

#[test]
fn a_removal_is_answered_when_every_watcher_is_gone() {
    let mut room = Room::of(RoomKind::Group, &["bob"]);
    let said = room.says("bob", 1, post("bye"));
    room.hear(RoomCommand::Committed);
    let removed = room.does("ann", remove("bob"));
    room.hear(RoomCommand::Committed);
    let confirm = room.last.iter().any(|effect| {
        matches!(effect, RoomEffect::Publish { confirm: true, entries }
            if matches!(entries[0].event, Event::Leave { .. }))
    });
    assert!(confirm, "the relays must confirm");
    assert_eq!(room.seq(said), 3);
    assert!(!room.replies.contains_key(&removed));
    assert!(!room.state.can_sleep());
    room.hear(RoomCommand::Delivered { upto: 3 });
    assert!(!room.replies.contains_key(&removed));
    room.hear(RoomCommand::Delivered { upto: 4 });
    assert_eq!(room.seq(removed), 4);
}

#[test]
fn who_was_removed_may_not_repeat_and_facts_are_for_admins() {
    let mut room = Room::of(RoomKind::Group, &["bob"]);
    let name = || Draft::Rename {
        name: "n".to_owned(),
    };
    let topic = || Draft::Topic {
        topic: "t".to_owned(),
    };
    assert_eq!(room.outcome("bob", 1, post("hi")), None);
    assert_eq!(room.outcome("bob", 2, name()), Some(Code::Denied));
    assert_eq!(room.outcome("bob", 3, topic()), Some(Code::Denied));
    assert_eq!(room.outcome("ann", 4, name()), None);
    assert_eq!(room.outcome("ann", 5, topic()), None);
    assert_eq!(room.member_outcome("ann", remove("bob")), None);
    assert_eq!(room.outcome("bob", 1, post("hi")), Some(Code::NotFound));
}
