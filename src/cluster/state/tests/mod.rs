//! Several cores, one queue of messages between them, and a clock that the test moves.

mod meeting;
mod moving;
mod properties;
mod publications;
mod removals;
mod rights;
mod rows;

use super::*;
use crate::clock::Timestamp;
use crate::cluster::message::HandOver;
use crate::entry::Event as Happened;
use crate::ids::UserId;
use crate::limits::{
    FENCE_RETRY_MS, LEASE_MARGIN_MS, LEASE_MS, ROOM_REPLY_MS_MAX, ROOM_TURN_MS, SILENT_MS,
    STORE_LEASE_MS,
};
use crate::store::NodeLease;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

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
    /// What never arrives.
    lost: Option<fn(&Message) -> bool>,
    /// Whether it can be learned who has a lease.
    rolls: bool,
    /// Who reads the rows in the store next; `None`: nobody reaches it.
    asking: BTreeSet<NodeId>,
    rows: Option<Vec<NodeLease>>,
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
            lost: None,
            asking: BTreeSet::new(),
            rows: Some(Vec::new()),
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
                Effect::AskRows => {
                    self.asking.insert(at);
                }
                Effect::FlushSoon => self.tell(at, Event::Flush),
                effect => self.done.push((at, effect)),
            }
        }
    }

    fn post(&mut self, from: NodeId, to: NodeId, message: Message) {
        if self.lost.is_some_and(|lost| lost(&message)) {
            return;
        }
        let n = self.sent.entry((from, to)).or_default();
        *n += 1;
        self.wire.push_back((from, to, *n, message));
    }

    /// Everything on the wire arrives, except at and from nodes that are cut off.
    fn deliver(&mut self) {
        let asking = std::mem::take(&mut self.asking);
        self.now += u64::from(!asking.is_empty());
        for at in asking {
            let asked_at = self.now;
            if let Some(rows) = self.rows.clone() {
                self.tell(at, Event::Rows { asked_at, rows });
            }
        }
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

    /// A room that should live at node `n`, as the first one sees it.
    fn room_at(&self, n: u8) -> RoomId {
        let first = &self.nodes[&node(1)];
        let lives = |room: &RoomId| first.place(*room).unwrap_or(node(1)) == node(n);
        let mut rooms = (0..=255).map(room);
        rooms.find(lives).expect("some room lives there")
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
