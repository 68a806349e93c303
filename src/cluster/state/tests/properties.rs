//! Whatever happens on the wire.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Publish(u8, u8),
    Follow(u8, u8, bool),
    Lose,
    Double,
    Swap,
    Run(u64),
    Cut(u8),
    Join,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1..=3_u8, 0..3_u8).prop_map(|(at, room)| Step::Publish(at, room)),
        2 => (1..=3_u8, 0..3_u8, any::<bool>()).prop_map(|(at, r, on)| Step::Follow(at, r, on)),
        2 => Just(Step::Lose),
        1 => Just(Step::Double),
        1 => Just(Step::Swap),
        2 => (1..8_u64).prop_map(|n| Step::Run(n * TICK)),
        1 => (1..=3_u8).prop_map(Step::Cut),
        1 => Just(Step::Join),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Whatever is lost, doubled or swapped: once the wire is whole again, who follows a room has
    /// everything of it: heard, or told to look.
    #[test]
    fn whatever_gets_lost_is_noticed_within_two_heartbeats(plan in steps()) {
        let mut net = Net::of(3);
        let mut heads: BTreeMap<RoomId, Seq> = BTreeMap::new();
        let mut known: BTreeMap<(NodeId, RoomId), Seq> = BTreeMap::new();
        for step in plan {
            match step {
                Step::Publish(at, r) => {
                    let seq = heads.entry(room(r)).or_default();
                    *seq += 1;
                    let (entry, seq) = (post(room(r), *seq), *seq);
                    net.publish(node(at), entry, None);
                    if let Some(known) = known.get_mut(&(node(at), room(r))) {
                        *known = seq;
                    }
                }
                Step::Follow(at, r, on) => {
                    let event = if on { Event::Follow(room(r)) } else { Event::Unfollow(room(r)) };
                    net.tell(node(at), event);
                    if on {
                        known.insert((node(at), room(r)), heads.get(&room(r)).copied().unwrap_or(0));
                    } else {
                        known.remove(&(node(at), room(r)));
                    }
                }
                Step::Lose => { net.wire.pop_front(); }
                Step::Double => {
                    let doubled = net.wire.front().cloned();
                    net.wire.extend(doubled);
                }
                Step::Swap => {
                    if net.wire.len() > 1 {
                        net.wire.swap(0, 1);
                    }
                }
                Step::Run(time) => net.run_for(time),
                Step::Cut(at) => net.cut.push(node(at)),
                Step::Join => net.cut.clear(),
            }
            note(&mut net, &heads, &mut known);
        }
        net.cut.clear();
        net.run_for(3 * HEARTBEAT_MS);
        note(&mut net, &heads, &mut known);
        for ((at, room), seq) in known {
            prop_assert_eq!(seq, heads.get(&room).copied().unwrap_or(0), "{} of {}", room, at);
        }
    }

    #[test]
    fn when_a_node_goes_only_its_rooms_move(count in 2..8_u8, rooms in prop::collection::vec(any::<u128>(), 1..50)) {
        let nodes: Vec<_> = (1..=count).map(node).collect();
        for id in rooms {
            let room = RoomId::from_bytes(id.to_be_bytes());
            let before = rendezvous(room, nodes.iter().copied());
            let after = rendezvous(room, nodes[1..].iter().copied());
            prop_assert!(before == after || before == Some(nodes[0]));
        }
    }
}

/// Takes in what nodes heard: entries in order, heads, or "look at the store".
fn note(net: &mut Net, heads: &BTreeMap<RoomId, Seq>, known: &mut BTreeMap<(NodeId, RoomId), Seq>) {
    for (at, effect) in std::mem::take(&mut net.done) {
        match effect {
            Effect::Hear { entries, .. } => {
                for entry in entries {
                    // A relay reads the store when it hears something behind a gap.
                    if let Some(seq) = known.get_mut(&(at, entry.room)) {
                        *seq = (*seq).max(entry.seq);
                    }
                }
            }
            Effect::HearHead { room, head } => {
                if let Some(seq) = known.get_mut(&(at, room)) {
                    *seq = (*seq).max(head);
                }
            }
            Effect::Heal => {
                for ((who, room), seq) in known.iter_mut() {
                    if *who == at {
                        *seq = heads.get(room).copied().unwrap_or(0);
                    }
                }
            }
            _ => {}
        }
    }
}
