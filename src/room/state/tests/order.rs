use super::*;

fn place(n: u64, base: u64, hold: u64) -> Place {
    Place {
        connection: link(1),
        n,
        base,
        hold,
        refuse_with: None,
    }
}

#[test]
fn sends_of_one_connection_wait_for_nothing_but_skip_nothing() {
    // (n, base, refused): what was told before it counts as done.
    let cases: [&[(u64, u64, Option<Code>)]; 5] = [
        &[(1, 1, None), (2, 1, None), (3, 2, None)],
        &[(1, 1, None), (3, 1, Some(Code::Unknown))],
        &[(1, 1, None), (3, 3, None), (2, 2, Some(Code::Unknown))],
        &[(4, 4, None), (5, 4, None)],
        &[(4, 3, Some(Code::Unknown))],
    ];
    for case in cases {
        let mut room = Room::of(RoomKind::Group, &[]);
        for (index, (n, base, refused)) in case.iter().enumerate() {
            let ticket = room.placed("ann", index as u8, place(*n, *base, 0));
            room.settle();
            assert_eq!(room.refused(ticket), *refused, "{case:?} at {n}");
        }
    }
}

#[test]
fn after_a_refusal_that_keeps_order_everything_behind_is_refused_alike() {
    let mut room = Room::of(RoomKind::Group, &[]);
    let first = room.placed("ann", 1, place(1, 1, 0));
    let lost = room.placed("ann", 3, place(3, 1, 0));
    let behind = room.placed("ann", 4, place(4, 1, 0));
    let repeat = room.placed("ann", 1, place(5, 1, 0));
    let freed = room.placed("ann", 2, place(6, 1, 1));
    room.settle();
    assert_eq!(room.refused(lost), Some(Code::Unknown));
    assert_eq!(room.refused(behind), Some(Code::Unknown));
    assert_eq!(room.stored(first).0, room.stored(repeat).0);
    assert!(room.stored(repeat).1, "stored keys are answered in a hold");
    assert_eq!(
        room.refused(freed),
        Some(Code::Unknown),
        "6 comes after a gap at 5"
    );
    let next = room.placed("ann", 2, place(7, 7, 2));
    room.settle();
    assert_eq!(room.refused(next), None);
}

#[test]
fn what_the_session_holds_is_refused_unless_it_stands() {
    let mut room = Room::of(RoomKind::Group, &[]);
    room.placed("ann", 1, place(1, 1, 0));
    room.settle();
    let held = |n| Place {
        refuse_with: Some(Code::RateLimited),
        ..place(n, n, 0)
    };
    let repeat = room.placed("ann", 1, held(2));
    let new = room.placed("ann", 2, held(3));
    assert!(room.stored(repeat).1);
    assert_eq!(room.refused(new), Some(Code::RateLimited));
}

#[test]
fn a_full_room_says_busy_and_keeps_the_order_of_who_waited() {
    let mut room = Room::of(RoomKind::Group, &["bob"]);
    let mut send = room.send_of("ann", Some(key(0)), post("old"));
    send.after = 0;
    send.place = Some(place(1, 1, 0));
    room.state.window = super::super::window::Window::above(2);
    let first = room.send(send);
    let load = room.asked().expect("the key is asked for");
    let waiting: Vec<_> = (2..=65)
        .map(|n| room.placed("ann", n, place(u64::from(n), 1, 0)))
        .collect();
    let over = room.placed("ann", 66, place(66, 1, 0));
    assert_eq!(room.refused(over), Some(Code::Busy));
    room.answer(load, Ok(Loaded::Sent(None)));
    room.settle();
    assert_eq!(room.seq(first), 3);
    let seqs: Vec<_> = waiting.iter().map(|ticket| room.seq(*ticket)).collect();
    assert_eq!(seqs, (4..=67).collect::<Vec<_>>());
    let behind = room.placed("ann", 67, place(67, 66, 0));
    assert_eq!(room.refused(behind), Some(Code::Busy));
}

#[test]
fn a_room_forgets_the_connections_idle_longest() {
    let mut connections = super::super::order::Connections::default();
    let place = |n: u32| Place {
        connection: ConnectionId::from_bytes(u128::from(n).to_be_bytes()),
        ..place(1, 1, 0)
    };
    for n in 0..=crate::limits::ROOM_CONNECTIONS_MAX as u32 {
        assert_eq!(connections.arrive(&place(n)), None);
    }
    assert!(connections.len() < crate::limits::ROOM_CONNECTIONS_MAX);
    let again = Place {
        n: 2,
        ..place(crate::limits::ROOM_CONNECTIONS_MAX as u32)
    };
    assert_eq!(connections.arrive(&again), None, "the newest is known");
    assert_eq!(
        connections.arrive(&Place { n: 2, ..place(0) }),
        Some(Code::Unknown)
    );
}
