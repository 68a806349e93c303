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
    net.kept = LEASE_MS;
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
    net.rolls = false;
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
