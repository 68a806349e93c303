//! Whom a removal waits for, and for how long.

use super::*;

#[test]
fn a_removal_waits_for_every_node_also_for_one_that_does_not_follow_the_room() {
    let mut net = Net::of(3);
    net.publish(node(1), leave(room(1), 4), Some(8));
    net.deliver();
    assert_eq!(net.heard(node(2)), [4]);
    assert_eq!(net.heard(node(3)), [4]);
    let confirm = |from| Event::Received {
        from,
        message: Message::Confirm { fence: 8 },
    };
    net.tell(node(1), confirm(node(2)));
    net.tell(node(1), confirm(node(2)));
    assert!(!net.did(node(1)).contains(&Effect::Confirmed(8)));
    net.tell(node(1), confirm(node(3)));
    assert!(net.did(node(1)).contains(&Effect::Confirmed(8)));
}

#[test]
fn a_removal_does_not_wait_for_a_node_whose_lease_lapsed_nor_less_than_that() {
    let mut net = Net::of(2);
    net.publish(node(1), leave(room(1), 4), Some(8));
    net.wire.clear();
    net.run_for(LEASE_MS);
    assert!(
        !net.did(node(1)).contains(&Effect::Confirmed(8)),
        "said, not confirmed"
    );
    net.cut.push(node(2));
    net.run_for(FENCE_RETRY_MS + TICK);
    assert!(net.did(node(1)).contains(&Effect::Confirmed(8)));
}

#[test]
fn a_removal_waits_for_a_node_that_was_not_heard_of_yet_but_has_a_lease() {
    let mut net = Net::of(1);
    net.nodes.insert(node(2), ClusterState::new(node(2)));
    net.publish(node(1), leave(room(1), 4), Some(8));
    net.tell(node(1), Event::Tick);
    net.deliver();
    assert!(!net.did(node(1)).contains(&Effect::Confirmed(8)));
    assert_eq!(net.heard(node(2)), [4]);
}

#[test]
fn a_young_roll_proves_nobodys_absence() {
    let mut net = Net::of(2);
    (net.kept, net.rows) = (LEASE_MS, None);
    net.cut.push(node(2));
    net.publish(node(1), leave(room(1), 4), Some(8));
    net.run_for(STORE_LEASE_MS - TICK);
    assert!(!net.did(node(1)).contains(&Effect::Confirmed(8)));
    net.run_for(TICK);
    assert!(net.did(node(1)).contains(&Effect::Confirmed(8)));
}

#[test]
fn a_removal_that_was_lost_on_the_way_is_said_again() {
    let mut net = Net::of(2);
    net.publish(node(1), leave(room(1), 4), Some(8));
    net.wire.clear();
    net.run_for(FENCE_RETRY_MS + TICK);
    assert_eq!(net.heard(node(2)), [4]);
}

#[test]
fn who_joins_is_told_again_until_every_node_confirmed_though_nobody_waits_for_it() {
    let mut net = Net::of(2);
    let (user, role) = (UserId::from_bytes([9; 16]), entry::Role::Member);
    net.publish(
        node(1),
        entry(room(1), 1, Happened::Join { user, role }),
        None,
    );
    net.wire.clear();
    net.run_for(FENCE_RETRY_MS + TICK);
    let heard = |net: &mut Net| {
        let did = net.did(node(2)).into_iter();
        let confirms = did.filter_map(|effect| match effect {
            Effect::Hear { confirm, .. } => confirm,
            _ => None,
        });
        confirms.map(|(_, fence)| fence).collect::<Vec<_>>()
    };
    let fences = heard(&mut net);
    assert_eq!(fences.len(), 1);
    let confirm = Event::Received {
        from: node(2),
        message: Message::Confirm { fence: fences[0] },
    };
    net.tell(node(1), confirm);
    net.run_for(2 * FENCE_RETRY_MS);
    assert!(heard(&mut net).is_empty());
}

#[test]
fn out_of_touch_a_removal_waits_until_the_others_have_it_from_the_store() {
    let mut net = Net::of(2);
    net.tell(node(1), Event::Connected(false));
    net.cut.push(node(1));
    (net.rolls, net.rows) = (false, None);
    net.publish(node(1), leave(room(1), 4), Some(8));
    net.run_for(STORE_LEASE_MS - TICK);
    assert!(!net.did(node(1)).contains(&Effect::Confirmed(8)));
    net.run_for(TICK);
    assert!(net.did(node(1)).contains(&Effect::Confirmed(8)));
}

#[test]
fn a_process_that_stood_still_does_not_take_the_others_for_gone() {
    let mut net = Net::of(2);
    net.publish(node(1), leave(room(1), 4), Some(8));
    net.now += 30_000;
    net.tell(node(1), Event::Tick);
    let did = net.did(node(1));
    assert!(!did.contains(&Effect::Confirmed(8)), "{did:?}");
    assert!(!net.nodes[&node(1)].has_lease(net.now), "its own is over");
}

/// What nodes say in the store: node 2 shows rooms by its row, or not.
fn row(of: u8, (beat, settled): (u64, u64), alone: bool) -> NodeLease {
    NodeLease {
        node: node(of),
        beat,
        settled,
        asks: false,
        alone,
        at: Timestamp(0),
        speaks: 1,
    }
}

#[test]
fn a_removal_waits_for_who_shows_rooms_by_its_row_though_it_has_no_lease() {
    for alone in [true, false] {
        let mut net = Net::of(2);
        net.cut.push(node(2));
        net.rows = Some(vec![row(2, (7, 3), alone)]);
        net.publish(node(1), leave(room(1), 4), Some(8));
        net.run_for(FENCE_RETRY_MS + TICK);
        let done = net.did(node(1)).contains(&Effect::Confirmed(8));
        assert_eq!(done, !alone, "nobody waits for a node without a right");
        if !alone {
            continue;
        }
        assert!(net.nodes[&node(1)].asks(net.now), "it is to settle");
        let mut reads = |beat, settled| {
            let (asked_at, rows) = (net.now, vec![row(2, (beat, settled), true)]);
            net.tell(node(1), Event::Rows { asked_at, rows });
            net.did(node(1)).contains(&Effect::Confirmed(8))
        };
        assert!(!reads(8, 4), "that pass may have begun before");
        assert!(reads(9, 5));
    }
}

#[test]
fn a_removal_is_not_acknowledged_before_the_rows_were_read() {
    let mut net = Net::of(2);
    net.rows = None;
    net.cut.push(node(2));
    net.publish(node(1), leave(room(1), 4), Some(8));
    net.run_for(LEASE_MS);
    assert!(!net.did(node(1)).contains(&Effect::Confirmed(8)));
    let (asked_at, rows) = (net.now, vec![]);
    net.tell(node(1), Event::Rows { asked_at, rows });
    net.run_for(FENCE_RETRY_MS + TICK);
    assert!(net.did(node(1)).contains(&Effect::Confirmed(8)));
}

#[test]
fn a_row_that_could_not_be_read_for_long_does_not_lapse_by_that() {
    let mut net = Net::of(2);
    net.tell(node(1), Event::Connected(false));
    net.cut.push(node(1));
    (net.rolls, net.rows) = (false, None);
    let reads = |net: &mut Net, beat| {
        let (asked_at, rows) = (net.now, vec![row(2, (beat, 0), false)]);
        net.tell(node(1), Event::Rows { asked_at, rows });
        net.did(node(1)).contains(&Effect::Confirmed(8))
    };
    assert!(!reads(&mut net, 7));
    net.now += 3 * STORE_LEASE_MS;
    net.publish(node(1), leave(room(1), 4), Some(8));
    net.now += 1;
    assert!(
        !reads(&mut net, 7),
        "it may show rooms by the lease of the bus"
    );
}
