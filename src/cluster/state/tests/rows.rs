//! Removals while the bus is away: the rows in the store say who has settled.

use super::*;

fn row(of: u8, beat: u64, settled: u64) -> NodeLease {
    NodeLease {
        node: node(of),
        beat,
        settled,
        asks: false,
        alone: false,
        at: Timestamp(0),
        speaks: 1,
    }
}

/// Node 1, which reaches nobody, and in whose room somebody was removed.
fn alone() -> Net {
    let mut net = Net::of(3);
    net.tell(node(1), Event::Connected(false));
    net.cut.push(node(1));
    (net.rolls, net.rows) = (false, None);
    net.publish(node(1), leave(room(1), 4), Some(8));
    net.now += 1;
    net
}

fn reads(net: &mut Net, rows: &[NodeLease]) -> bool {
    let (asked_at, rows) = (net.now, rows.to_vec());
    net.tell(node(1), Event::Rows { asked_at, rows });
    net.did(node(1)).contains(&Effect::Confirmed(8))
}

#[test]
fn out_of_touch_a_removal_waits_until_all_have_settled_after_it() {
    let mut net = alone();
    assert!(net.nodes[&node(1)].asks(net.now));
    assert!(!reads(
        &mut net,
        &[row(1, 1, 0), row(2, 7, 3), row(3, 9, 0)]
    ));
    // A pass that was under way may have missed it.
    assert!(!reads(&mut net, &[row(2, 8, 4), row(3, 10, 1)]));
    assert!(!reads(&mut net, &[row(2, 9, 5), row(3, 11, 1)]));
    assert!(reads(&mut net, &[row(2, 9, 5), row(3, 12, 2)]));
    assert!(!net.nodes[&node(1)].asks(net.now));
}

#[test]
fn what_was_asked_for_before_the_removal_proves_nothing() {
    let mut net = alone();
    let asked_at = net.now - 1;
    let rows = vec![];
    net.tell(node(1), Event::Rows { asked_at, rows });
    assert!(!net.did(node(1)).contains(&Effect::Confirmed(8)));
    assert!(reads(&mut net, &[]), "nobody else is there");
}

#[test]
fn a_row_that_stands_still_lapses_and_one_that_moves_does_not() {
    let mut net = alone();
    let mut beat = 7;
    assert!(!reads(&mut net, &[row(2, 7, 3), row(3, beat, 0)]));
    for _ in 0..STORE_LEASE_MS / TICK {
        net.run_for(TICK);
        beat += 1;
        // Node 3 lives but has not settled: it is waited for, however long.
        assert!(!reads(&mut net, &[row(2, 7, 3), row(3, beat, 0)]));
    }
    assert!(!reads(&mut net, &[row(2, 7, 3), row(3, beat + 1, 1)]));
    assert!(reads(&mut net, &[row(2, 7, 3), row(3, beat + 2, 2)]));
}

#[test]
fn a_node_that_ended_is_not_waited_for() {
    let mut net = alone();
    assert!(!reads(&mut net, &[row(2, 7, 3), row(3, 9, 0)]));
    assert!(reads(&mut net, &[row(2, 8, 5)]));
}

#[test]
fn while_the_bus_answers_nobody_is_asked_to_settle() {
    let mut net = Net::of(2);
    net.publish(node(1), leave(room(1), 4), Some(8));
    assert!(!net.nodes[&node(1)].asks(net.now));
    net.wire.clear();
    net.now += FENCE_RETRY_MS;
    assert!(net.nodes[&node(1)].asks(net.now));
}

#[test]
fn who_is_asked_by_a_living_row_settles() {
    let mut net = Net::of(2);
    let asking = NodeLease {
        asks: true,
        ..row(2, 7, 3)
    };
    reads(&mut net, std::slice::from_ref(&asking));
    assert!(net.nodes[&node(1)].is_asked(net.now));
    net.run_for(STORE_LEASE_MS);
    assert!(!net.nodes[&node(1)].is_asked(net.now), "it died asking");
}

/// What three nodes without the bus wait for a room, each at `today`.
fn turns(today: i64) -> Vec<Option<u64>> {
    let mut net = Net::of(3);
    let rows: Vec<_> = (1..=3).map(|of| row(of, 1, 0)).collect();
    let turn = |of: u8| {
        net.tell(node(of), Event::Connected(false));
        let (asked_at, rows) = (net.now, rows.clone());
        net.tell(node(of), Event::Rows { asked_at, rows });
        net.nodes[&node(of)].turn(net.now, Timestamp(today), room(1))
    };
    (1..=3).map(turn).collect()
}

#[test]
fn out_of_touch_nodes_take_turns_at_a_room_and_nobody_begins_late_in_his_own() {
    let round = 3 * ROOM_TURN_MS;
    let mut begun = [0; 3];
    for today in 0..round {
        let waits = turns(1_000_000 * round as i64 + today as i64);
        let free = waits.iter().filter(|wait| **wait == Some(0)).count();
        assert!(free <= 1, "{waits:?} at {today}");
        for (wait, begun) in waits.iter().zip(&mut begun) {
            let wait = wait.expect("nobody can say where the room lives");
            assert!(wait <= round - ROOM_TURN_MS / 2, "{waits:?} at {today}");
            *begun += u64::from(wait == 0);
        }
    }
    assert_eq!(begun, [ROOM_TURN_MS / 2; 3]);
}

#[test]
fn there_are_no_turns_where_the_bus_says_where_a_room_lives_or_nobody_else_is_there() {
    let mut net = Net::of(3);
    let mut turn = |connected, rows: &[NodeLease]| {
        net.tell(node(1), Event::Connected(connected));
        reads(&mut net, rows);
        net.nodes[&node(1)].turn(net.now, Timestamp(700), room(1))
    };
    assert_eq!(turn(true, &[row(2, 1, 0)]), None);
    assert_eq!(turn(false, &[]), Some(0));
}
