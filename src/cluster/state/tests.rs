//! Several cores, one queue of messages between them, and a clock that the test moves.

use super::*;
use crate::clock::Timestamp;
use crate::entry::Event as Happened;
use crate::ids::UserId;
use crate::limits::{FENCE_RETRY_MS, LEASE_MARGIN_MS, ROOM_REPLY_MS_MAX, STORE_LEASE_MS};
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};

const TICK: Moment = 250;

fn node(n: u8) -> NodeId {
    NodeId::from_bytes([n; 16])
}

fn room(n: u8) -> RoomId {
    RoomId::from_bytes([n; 16])
}

fn entry(in_room: RoomId, seq: Seq, event: Happened) -> Arc<Entry> {
    Arc::new(Entry {
        room: in_room,
        seq,
        ord: seq,
        at: Timestamp(0),
        by: None,
        client_id: None,
        event,
        redacted: false,
    })
}

fn post(in_room: RoomId, seq: Seq) -> Arc<Entry> {
    let event = Happened::Post {
        body: Some("The tide is out".to_owned()),
        reply_to: None,
        mentions: Default::default(),
    };
    entry(in_room, seq, event)
}

fn leave(in_room: RoomId, seq: Seq) -> Arc<Entry> {
    let user = UserId::from_bytes([9; 16]);
    entry(in_room, seq, Happened::Leave { user })
}

fn command() -> Command {
    Command::Found {
        creator: UserId::from_bytes([9; 16]),
        members: Vec::new(),
        salts: Vec::new(),
    }
}

/// Cores with a wire between them.
struct Net {
    now: Moment,
    /// How long the roll has been kept.
    kept: u64,
    nodes: BTreeMap<NodeId, ClusterState>,
    /// Numbered per pair, as the transport does it.
    wire: VecDeque<(NodeId, NodeId, u64, Message)>,
    sent: BTreeMap<(NodeId, NodeId), u64>,
    heard: BTreeMap<(NodeId, NodeId), u64>,
    cut: Vec<NodeId>,
    /// Whether it can be learned who has a lease.
    rolls: bool,
    /// What the shells were told to do, besides sending.
    done: Vec<(NodeId, Effect)>,
}

impl Net {
    /// Nodes 1 to `count`, which know each other.
    fn of(count: u8) -> Self {
        let nodes = (1..=count).map(|n| (node(n), ClusterState::new(node(n))));
        let mut net = Self {
            now: 0,
            kept: 60_000,
            nodes: nodes.collect(),
            wire: VecDeque::new(),
            sent: BTreeMap::new(),
            heard: BTreeMap::new(),
            rolls: true,
            cut: Vec::new(),
            done: Vec::new(),
        };
        net.run_for(TICK);
        net.done.clear();
        net
    }

    fn tell(&mut self, at: NodeId, event: Event) {
        let state = self.nodes.get_mut(&at).expect("the node is there");
        for effect in state.apply(self.now, event) {
            match effect {
                Effect::Send { to, message } => self.post(at, to, message),
                Effect::Broadcast(message) => {
                    let all: Vec<_> = self.nodes.keys().copied().collect();
                    for to in all.into_iter().filter(|to| *to != at) {
                        self.post(at, to, message.clone());
                    }
                }
                Effect::AskRoll if self.rolls => {
                    let cut = &self.cut;
                    let live = self.nodes.keys().filter(|node| !cut.contains(node));
                    let kept = self.kept;
                    let live = live.copied().collect();
                    self.tell(at, Event::Roll(Some(Roll { live, kept })));
                }
                Effect::AskRoll => self.tell(at, Event::Roll(None)),
                Effect::FlushSoon => self.tell(at, Event::Flush),
                effect => self.done.push((at, effect)),
            }
        }
    }

    fn post(&mut self, from: NodeId, to: NodeId, message: Message) {
        let n = self.sent.entry((from, to)).or_default();
        *n += 1;
        self.wire.push_back((from, to, *n, message));
    }

    /// Everything on the wire arrives, except at and from nodes that are cut off.
    fn deliver(&mut self) {
        while let Some((from, to, n, message)) = self.wire.pop_front() {
            let cut = self.cut.contains(&from) || self.cut.contains(&to);
            if cut || !self.nodes.contains_key(&to) {
                continue;
            }
            let heard = self.heard.entry((from, to)).or_default();
            let before = std::mem::replace(heard, n.max(*heard));
            if n <= before {
                continue;
            }
            if n > before + 1 {
                self.tell(to, Event::Gap(from));
            }
            self.tell(to, Event::Received { from, message });
        }
    }

    fn run_for(&mut self, time: u64) {
        let end = self.now + time;
        while self.now < end {
            self.now += TICK;
            let all: Vec<_> = self.nodes.keys().copied().collect();
            for at in all {
                self.tell(at, Event::Tick);
                self.tell(at, Event::Renewed(self.now));
            }
            self.deliver();
        }
    }

    fn follow(&mut self, at: NodeId, room: RoomId) {
        self.tell(at, Event::Follow(room));
        self.deliver();
    }

    fn publish(&mut self, at: NodeId, entry: Arc<Entry>, fence: Option<FenceId>) {
        let event = Event::Publish {
            room: entry.room,
            entries: vec![entry],
            fence,
        };
        self.tell(at, event);
    }

    /// What `at` did since the last look.
    fn did(&mut self, at: NodeId) -> Vec<Effect> {
        let (its, rest) = std::mem::take(&mut self.done)
            .into_iter()
            .partition::<Vec<_>, _>(|(who, _)| *who == at);
        self.done = rest;
        its.into_iter().map(|(_, effect)| effect).collect()
    }

    fn heard(&mut self, at: NodeId) -> Vec<Seq> {
        let entries = self.did(at).into_iter().filter_map(|effect| match effect {
            Effect::Hear { entries, .. } => Some(entries),
            _ => None,
        });
        entries.flatten().map(|entry| entry.seq).collect()
    }
}

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
fn a_silent_node_is_given_up_with_all_that_was_asked_of_it() {
    let mut net = Net::of(2);
    let forward = Event::Forward {
        to: node(2),
        id: 5,
        room: room(1),
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
    assert_eq!(
        net.nodes[&node(1)].place(room(1)),
        None,
        "all lives here now"
    );
    assert_eq!(net.nodes[&node(1)].outstanding(), 0);
}

#[test]
fn a_command_without_an_answer_ends_as_unknown_and_a_late_answer_is_nobodys() {
    let mut net = Net::of(2);
    let forward = Event::Forward {
        to: node(2),
        id: 5,
        room: room(1),
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
