//! What is published reaches who follows, and what gets lost is noticed.

use super::*;

#[test]
fn a_publication_goes_once_to_each_node_that_follows_the_room_and_to_nobody_else() {
    let mut net = Net::of(3);
    net.follow(node(2), room(1));
    net.publish(node(1), post(room(1), 1), None);
    net.deliver();
    assert_eq!(net.heard(node(2)), [1]);
    assert_eq!(net.heard(node(3)), Vec::<Seq>::new());
    net.tell(node(2), Event::Unfollow(room(1)));
    net.deliver();
    net.publish(node(1), post(room(1), 2), None);
    net.deliver();
    assert_eq!(net.heard(node(2)), Vec::<Seq>::new());
}

#[test]
fn who_follows_late_is_told_where_the_log_ends() {
    let mut net = Net::of(2);
    net.publish(node(1), post(room(1), 7), None);
    net.deliver();
    net.follow(node(2), room(1));
    let head = Effect::HearHead {
        room: room(1),
        head: 7,
    };
    assert!(net.did(node(2)).contains(&head));
}

#[test]
fn a_lost_publication_is_noticed_by_the_next_one_and_a_lost_last_one_by_the_heartbeat() {
    for another_follows in [true, false] {
        let mut net = Net::of(2);
        net.run_for(2 * HEARTBEAT_MS);
        net.follow(node(2), room(1));
        net.publish(node(1), post(room(1), 1), None);
        net.deliver();
        net.publish(node(1), post(room(1), 2), None);
        net.wire.clear();
        net.did(node(2));
        if another_follows {
            net.publish(node(1), post(room(1), 3), None);
            net.deliver();
        } else {
            net.run_for(HEARTBEAT_MS);
        }
        assert!(
            net.did(node(2)).contains(&Effect::Heal),
            "{another_follows}"
        );
        net.run_for(HEARTBEAT_MS);
        assert!(!net.did(node(2)).contains(&Effect::Heal), "noticed once");
    }
}

#[test]
fn what_a_node_follows_reaches_the_others_even_if_the_message_about_it_was_lost() {
    let mut net = Net::of(2);
    net.tell(node(2), Event::Follow(room(1)));
    net.wire.clear();
    net.run_for(HEARTBEAT_MS);
    net.publish(node(1), post(room(1), 1), None);
    net.deliver();
    assert_eq!(net.heard(node(2)), [1]);
    net.publish(node(1), post(room(2), 1), None);
    net.deliver();
    assert_eq!(
        net.heard(node(2)),
        Vec::<Seq>::new(),
        "known again, not all"
    );
}

#[test]
fn without_a_lease_hints_are_not_passed_on() {
    let mut net = Net::of(2);
    net.follow(node(2), room(1));
    let typing = Hint::Typing {
        room: room(1),
        user: UserId::from_bytes([9; 16]),
        on: true,
    };
    net.tell(node(1), Event::Hint(typing));
    net.deliver();
    assert!(net.did(node(2)).contains(&Effect::HearHint(typing)));
    net.now += LEASE_MS;
    net.tell(node(1), Event::Hint(typing));
    net.deliver();
    assert!(!net.did(node(2)).contains(&Effect::HearHint(typing)));
}

#[test]
fn out_of_touch_heads_are_read_every_second_and_in_touch_seldom() {
    let heals = |net: &mut Net| {
        let did = net.did(node(1)).into_iter();
        did.filter(|effect| *effect == Effect::Heal).count()
    };
    let mut net = Net::of(2);
    net.run_for(20_000);
    assert!((1..=3).contains(&heals(&mut net)));
    net.tell(node(1), Event::Connected(false));
    net.cut.push(node(1));
    net.run_for(10_000);
    assert!(heals(&mut net) >= 10);
}

#[test]
fn who_was_not_known_to_follow_looks_for_what_was_published_meanwhile() {
    let mut net = Net::of(2);
    let wanted = Event::Received {
        from: node(1),
        message: Message::WantInterest,
    };
    net.tell(node(2), wanted);
    assert!(net.did(node(2)).contains(&Effect::Heal));
}
