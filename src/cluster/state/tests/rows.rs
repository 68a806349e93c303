//! Removals while the bus is away: the rows in the store say who has settled.

use super::*;
use crate::store::NodeLease;

fn row(of: u8, beat: u64, settled: u64) -> NodeLease {
    NodeLease {
        node: node(of),
        beat,
        settled,
        asks: false,
        at: Timestamp(0),
        speaks: 1,
    }
}

/// Node 1, which reaches nobody, and in whose room somebody was removed.
fn alone() -> Net {
    let mut net = Net::of(3);
    net.tell(node(1), Event::Connected(false));
    net.cut.push(node(1));
    net.rolls = false;
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
