//! Commands keep their order while their room moves.

use super::*;
use crate::limits::{CLAIM_AGAIN_MS, CLAIM_MS, LEASE_MS};

fn ask(net: &mut Net, id: CommandId, room: RoomId) {
    let command = command();
    net.tell(node(1), Event::Forward { id, room, command });
}

fn executed(net: &mut Net, at: u8) -> Vec<CommandId> {
    let ids = net.did(node(at)).into_iter().filter_map(|effect| {
        let (Effect::Execute { id, .. } | Effect::Run { id, .. }) = effect else {
            return None;
        };
        Some(id)
    });
    ids.collect()
}

#[test]
fn a_node_that_has_just_begun_runs_nothing_before_all_have_met() {
    let mut net = Net::of(1);
    net.tell(node(1), Event::Arriving);
    let at_once = net.nodes[&node(1)].is_for_here(room(1));
    assert!(!at_once, "somebody whom it has not met may have the room");
    ask(&mut net, 1, room(1));
    net.run_for(TICK);
    assert!(executed(&mut net, 1).is_empty());
    net.tell(node(1), Event::Arrived);
    assert_eq!(executed(&mut net, 1), [1]);
    assert!(net.nodes[&node(1)].is_for_here(room(1)));
}

#[test]
fn what_is_said_later_does_not_overtake_what_is_on_its_way_to_where_the_room_was() {
    let mut net = Net::of(3);
    let room = net.room_at(2);
    ask(&mut net, 1, room);
    let wire = std::mem::take(&mut net.wire);
    net.tell(node(2), Event::Drain);
    net.deliver();
    ask(&mut net, 2, room);
    assert!(net.wire.is_empty(), "the second one waits for the first");
    net.wire = wire;
    net.sent.insert((node(1), node(2)), 0);
    net.heard.insert((node(1), node(2)), 0);
    net.deliver();
    assert_eq!(executed(&mut net, 2), [1]);
    let outcome = Message::Outcome {
        id: 1,
        reply: Reply::Unchanged,
    };
    net.post(node(2), node(1), outcome);
    net.deliver();
    let place = net.nodes[&node(1)].place(room);
    let new = if place.is_some() { 3 } else { 1 };
    assert_eq!(executed(&mut net, new), [2]);
}

#[test]
fn an_owner_that_is_asked_for_its_room_finishes_first_and_leaves_how_far_it_came() {
    let mut net = Net::of(2);
    let room = net.room_at(1);
    net.tell(node(2), Event::Owns { room, head: 7 });
    assert!(net.did(node(2)).contains(&Effect::HandOver(room)));
    net.tell(node(1), Event::Claim { id: 5, room });
    net.deliver();
    assert!(net.did(node(2)).contains(&Effect::HandOver(room)));
    let claimed = |effect: &Effect| matches!(effect, Effect::Claimed { .. });
    assert!(!net.did(node(1)).iter().any(claimed), "not yet");
    let order = crate::room::ConnectionOrder {
        connection: crate::ids::ConnectionId::from_bytes([8; 16]),
        last: 4,
        held: None,
    };
    let orders = vec![order];
    net.tell(
        node(2),
        Event::Rests {
            room,
            orders: orders.clone(),
        },
    );
    net.deliver();
    assert!(
        net.did(node(1))
            .contains(&Effect::Claimed { id: 5, orders })
    );
}

#[test]
fn a_room_is_not_taken_from_an_owner_that_is_there_because_a_question_was_lost() {
    let mut net = Net::of(2);
    let room = net.room_at(1);
    net.tell(node(2), Event::Owns { room, head: 7 });
    net.did(node(2));
    net.tell(node(1), Event::Claim { id: 5, room });
    net.wire.clear();
    let claimed = |effect: &Effect| matches!(effect, Effect::Claimed { .. });
    // Long enough to be asked twice more.
    while net.now < 2 * CLAIM_AGAIN_MS + 2 * TICK {
        net.run_for(TICK);
    }
    assert!(!net.did(node(1)).iter().any(claimed), "not by force");
    let mut asked = net.did(node(2));
    asked.retain(|effect| matches!(effect, Effect::HandOver(_)));
    assert_eq!(
        asked,
        [Effect::HandOver(room)],
        "asked again, and only once"
    );
    let orders = crate::room::Orders::new();
    net.tell(node(2), Event::Rests { room, orders });
    net.deliver();
    assert_eq!(net.did(node(1)).iter().filter(|e| claimed(e)).count(), 1);
}

#[test]
fn who_never_answers_is_waited_for_longer_than_a_dead_node() {
    let mut net = Net::of(2);
    let room = net.room_at(1);
    // Node 2 is there, and no question ever reaches it.
    net.lost = Some(|message| matches!(message, Message::HandOver(HandOver::Claim { .. })));
    net.tell(node(1), Event::Claim { id: 5, room });
    let asked = net.now;
    let claimed = |effect: &Effect| matches!(effect, Effect::Claimed { .. });
    while !net.did(node(1)).iter().any(claimed) {
        net.run_for(TICK);
    }
    let waited = net.now - asked;
    assert!(waited > LEASE_MS + LEASE_MARGIN_MS, "{waited}");
    assert!(waited <= CLAIM_MS + TICK, "{waited}");
}

#[test]
fn a_command_that_came_too_late_goes_to_where_the_room_went() {
    let mut net = Net::of(3);
    let room = net.room_at(2);
    ask(&mut net, 1, room);
    net.deliver();
    let moved = HandOver::Moved { id: 1, to: node(3) };
    net.did(node(3));
    net.post(node(2), node(1), Message::HandOver(moved));
    net.deliver();
    assert_eq!(executed(&mut net, 3), [1]);
}
