//! Nodes find each other, fall silent, leave and come back.

use super::*;

#[test]
fn three_nodes_find_each_other_and_agree_where_every_room_should_live() {
    let mut net = Net::of(3);
    net.run_for(1_000);
    for n in 0..=255 {
        let places: Vec<_> = net
            .nodes
            .iter()
            .map(|(me, state)| state.place(room(n)).unwrap_or(*me))
            .collect();
        assert!(
            places.windows(2).all(|pair| pair[0] == pair[1]),
            "{places:?}"
        );
    }
}

#[test]
fn more_rooms_than_fit_in_one_message_are_all_followed() {
    let mut net = Net::of(1);
    let many = (0..INTEREST).map(|n: u128| RoomId::from_bytes(n.to_be_bytes()));
    for room in many.clone() {
        net.tell(node(1), Event::Follow(room));
    }
    net.nodes.insert(node(2), ClusterState::new(node(2)));
    net.run_for(2 * HEARTBEAT_MS);
    let second = &net.nodes[&node(2)];
    for room in many {
        assert_eq!(second.peers.following(room), [node(1)]);
    }
    let unknown = RoomId::from_bytes([255; 16]);
    assert!(second.peers.following(unknown).is_empty());
}

const INTEREST: u128 = 2_500;

#[test]
fn what_a_crowd_says_of_itself_goes_out_together_and_of_each_the_newest() {
    let mut net = Net::of(3);
    net.run_for(1_000);
    net.did(node(2));
    let user = |n: u128| UserId::from_bytes(n.to_be_bytes());
    for n in 0..INTEREST {
        for state in [PresenceState::Offline, PresenceState::Active] {
            let user = user(n);
            net.tell(node(1), Event::Presence { user, state });
        }
    }
    net.run_for(2 * TICK);
    let (mut heard, mut messages) = (BTreeMap::new(), 0);
    for effect in net.did(node(2)) {
        if let Effect::HearPresence { from, whole, users } = effect {
            assert_eq!((from, whole), (node(1), false));
            messages += 1;
            heard.extend(users);
        }
    }
    assert_eq!(messages, 3, "a thousand in one");
    let everybody = (0..INTEREST).map(|n| (user(n), PresenceState::Active));
    assert_eq!(heard, everybody.collect());
}

#[test]
fn a_silent_node_is_given_up_with_all_that_was_asked_of_it() {
    let mut net = Net::of(2);
    let room = net.room_at(2);
    let forward = Event::Forward {
        id: 5,
        room,
        command: command(),
    };
    net.tell(node(1), forward);
    net.cut.push(node(2));
    net.deliver();
    net.run_for(LEASE_MS + LEASE_MARGIN_MS + TICK);
    let did = net.did(node(1));
    let given_up = Effect::GiveUp {
        id: 5,
        code: Code::Unknown,
    };
    assert!(did.contains(&given_up), "{did:?}");
    assert!(did.contains(&Effect::Moved));
    assert_eq!(net.nodes[&node(1)].place(room), None, "all lives here now");
    assert_eq!(net.nodes[&node(1)].outstanding(), 0);
}

/// Until node 1 says that the nodes moved; answers how long that took.
fn until_moved(net: &mut Net) -> u64 {
    let since = net.now;
    while !net.did(node(1)).contains(&Effect::Moved) {
        assert!(net.now < since + LEASE_MS, "nothing was noticed");
        net.run_for(TICK);
    }
    net.now - since
}

#[test]
fn a_silent_node_gets_no_rooms_long_before_its_lease_is_over_and_removals_wait_for_that() {
    let mut net = Net::of(2);
    let room = net.room_at(2);
    let forward = Event::Forward {
        id: 5,
        room,
        command: command(),
    };
    net.tell(node(1), forward);
    net.tell(node(1), Event::Claim { id: 6, room });
    net.cut.push(node(2));
    // It holds its lease all the same, as far as the keeper of the leases knows.
    (net.rolls, net.rows) = (false, None);
    net.publish(node(1), leave(room, 4), Some(8));
    let mut did = Vec::new();
    let since = net.now;
    while net.nodes[&node(1)].place(room).is_some() {
        net.run_for(TICK);
        did.extend(net.did(node(1)));
    }
    assert!(net.now - since <= SILENT_MS + TICK);
    let orders = crate::room::Orders::new();
    let code = Code::Unknown;
    assert!(did.contains(&Effect::GiveUp { id: 5, code }), "{did:?}");
    assert!(did.contains(&Effect::Claimed { id: 6, orders }), "{did:?}");
    assert!(!did.contains(&Effect::Confirmed(8)), "{did:?}");
    assert_eq!(net.nodes[&node(1)].peers(), [node(2)], "it may be there");
    net.cut.clear();
    until_moved(&mut net);
    assert_eq!(net.nodes[&node(1)].place(room), Some(node(2)));
}

#[test]
fn who_stood_still_blames_nobody_for_it_and_notices_who_fell_silent_meanwhile() {
    let mut net = Net::of(2);
    let room = net.room_at(2);
    net.run_for(TICK);
    net.cut.push(node(2));
    net.now += 10 * LEASE_MS;
    net.tell(node(1), Event::Tick);
    assert_eq!(net.nodes[&node(1)].place(room), Some(node(2)));
    net.did(node(1));
    let noticed = until_moved(&mut net);
    assert!(noticed <= SILENT_MS, "{noticed}");
}

#[test]
fn a_command_without_an_answer_ends_as_unknown_and_a_late_answer_is_nobodys() {
    let mut net = Net::of(2);
    let room = net.room_at(2);
    let forward = Event::Forward {
        id: 5,
        room,
        command: command(),
    };
    net.tell(node(1), forward);
    net.deliver();
    net.run_for(ROOM_REPLY_MS_MAX);
    let given_up = Effect::GiveUp {
        id: 5,
        code: Code::Unknown,
    };
    assert!(net.did(node(1)).contains(&given_up));
    let late = Event::Received {
        from: node(2),
        message: Message::Outcome {
            id: 5,
            reply: Reply::Unchanged,
        },
    };
    net.tell(node(1), late);
    let answers = |effect: &Effect| matches!(effect, Effect::Answer { .. });
    assert!(!net.did(node(1)).iter().any(answers));
}

#[test]
fn a_draining_node_gets_no_rooms_and_one_that_said_bye_is_not_waited_for() {
    let mut net = Net::of(2);
    net.tell(node(2), Event::Drain);
    net.deliver();
    let places = |net: &Net, me| {
        (0..=255)
            .filter_map(move |n| {
                let state: &ClusterState = &net.nodes[&me];
                state.place(room(n))
            })
            .count()
    };
    assert_eq!(places(&net, node(1)), 0);
    assert_eq!(places(&net, node(2)), 256);
    net.publish(node(1), leave(room(1), 4), Some(8));
    net.wire.clear();
    net.tell(node(2), Event::End);
    net.deliver();
    assert!(net.did(node(1)).contains(&Effect::Confirmed(8)));
    assert!(net.nodes[&node(1)].peers().is_empty());
}

#[test]
fn a_node_that_was_away_and_comes_back_hears_again_and_counts_on() {
    let mut net = Net::of(2);
    net.follow(node(2), room(1));
    net.publish(node(1), post(room(1), 1), None);
    net.deliver();
    net.cut.push(node(2));
    net.run_for(2 * LEASE_MS);
    net.publish(node(1), post(room(1), 2), None);
    net.deliver();
    net.cut.clear();
    net.run_for(HEARTBEAT_MS);
    let head = Effect::HearHead {
        room: room(1),
        head: 2,
    };
    assert!(net.did(node(2)).contains(&head));
    net.publish(node(1), post(room(1), 3), None);
    net.deliver();
    assert_eq!(net.heard(node(2)), [3]);
}
