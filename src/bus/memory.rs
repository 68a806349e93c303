//! Several nodes in one process, for tests and simulation: a hub that loses, delays, doubles and
//! cuts off by a seed, with a clock that moves only when it is told to.

use super::counts::{Arrival, Count, Heard, Sent};
use super::transport::{Leases, Roll, Transport, TransportEvents, Unavailable};
use crate::ids::NodeId;
use crate::sim::chance::Chance;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What goes wrong, per mille of all messages.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    pub dropped: u64,
    pub doubled: u64,
    pub delayed: u64,
    /// A delayed message takes 1 to this many milliseconds.
    pub delay_ms: u64,
}

#[derive(Clone)]
enum What {
    Direct(Count),
    Broadcast {
        n: u64,
        last: Option<u64>,
    },
    /// The connection of `to` came or went.
    Connection(bool),
}

#[derive(Clone)]
struct Message {
    from: NodeId,
    to: NodeId,
    what: What,
    payload: Bytes,
}

#[derive(Default)]
struct Seat {
    events: Option<Arc<dyn TransportEvents>>,
    sent: Sent,
    heard: Heard,
}

struct State {
    chance: Chance,
    faults: Faults,
    now_ms: u64,
    /// By due time and order of sending.
    queue: BTreeMap<(u64, u64), Message>,
    order: u64,
    seats: HashMap<NodeId, Seat>,
    cuts: BTreeSet<(NodeId, NodeId)>,
    away: BTreeSet<NodeId>,
    leases: BTreeMap<NodeId, u64>,
    leases_since: u64,
    pumping: bool,
}

/// The place where all nodes of a test meet: what Redis is to real ones.
pub struct MemoryHub {
    state: Mutex<State>,
}

impl MemoryHub {
    pub fn new(seed: u64) -> Arc<Self> {
        let state = State {
            chance: Chance::new(seed),
            faults: Faults::default(),
            now_ms: 0,
            queue: BTreeMap::new(),
            order: 0,
            seats: HashMap::new(),
            cuts: BTreeSet::new(),
            away: BTreeSet::new(),
            leases: BTreeMap::new(),
            leases_since: 0,
            pumping: false,
        };
        Arc::new(Self {
            state: Mutex::new(state),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The transport of `node`, which is connected from now on.
    pub fn join(self: &Arc<Self>, node: NodeId) -> Arc<MemoryTransport> {
        self.state().seats.insert(node, Seat::default());
        Arc::new(MemoryTransport {
            hub: Arc::clone(self),
            node,
        })
    }

    /// The node is dead: it hears nothing more; its lease runs out by itself.
    pub fn leave(&self, node: NodeId) {
        self.state().seats.remove(&node);
    }

    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// From now on nothing that `from` sends reaches `to`, without anybody being told.
    pub fn cut(&self, from: NodeId, to: NodeId) {
        self.state().cuts.insert((from, to));
    }

    /// Mends every cut.
    pub fn mend(&self) {
        self.state().cuts.clear();
    }

    /// Takes the connection of `node` away, or gives it back: its Redis is gone.
    pub fn set_connected(&self, node: NodeId, connected: bool) {
        let mut state = self.state();
        let changed = if connected {
            state.away.remove(&node)
        } else {
            state.away.insert(node)
        };
        if changed {
            let now = state.now_ms;
            let what = What::Connection(connected);
            let message = Message {
                from: node,
                to: node,
                what,
                payload: Bytes::new(),
            };
            state.push(now, message);
        }
        drop(state);
        self.pump();
    }

    /// Redis loses everything it keeps.
    pub fn flush_all(&self) {
        let mut state = self.state();
        state.leases.clear();
        state.leases_since = state.now_ms;
    }

    /// Moves the clock, delivering what is due on the way.
    pub fn advance(&self, ms: u64) {
        self.state().now_ms += ms;
        self.pump();
    }

    pub fn now_ms(&self) -> u64 {
        self.state().now_ms
    }

    /// Whether nothing is under way.
    pub fn is_quiet(&self) -> bool {
        self.state().queue.is_empty()
    }

    /// Delivers in order, outside the lock, by one caller at a time: a receiver may send.
    fn pump(&self) {
        let mut state = self.state();
        if state.pumping {
            return;
        }
        state.pumping = true;
        while let Some(message) = state.due() {
            let Some((events, arrival)) = state.arrive(&message) else {
                continue;
            };
            drop(state);
            deliver(events.as_ref(), message, arrival);
            state = self.state();
        }
        state.pumping = false;
    }
}

fn deliver(events: &dyn TransportEvents, message: Message, arrival: Arrival) {
    if let What::Connection(connected) = message.what {
        events.connection_changed(connected);
        return;
    }
    if arrival == Arrival::AfterGap {
        events.gap(message.from);
    }
    if arrival != Arrival::Repeat {
        events.received(message.from, message.payload);
    }
}

impl State {
    fn push(&mut self, due: u64, message: Message) {
        self.order += 1;
        self.queue.insert((due, self.order), message);
    }

    fn send(&mut self, message: Message) {
        let faults = self.faults;
        let cut = self.cuts.contains(&(message.from, message.to));
        if cut || self.chance.hits(faults.dropped) {
            return;
        }
        let copies = 1 + u64::from(self.chance.hits(faults.doubled));
        for _ in 0..copies {
            let mut due = self.now_ms;
            if self.chance.hits(faults.delayed) {
                due += self.chance.between(1, faults.delay_ms.max(1));
            }
            self.push(due, message.clone());
        }
    }

    fn due(&mut self) -> Option<Message> {
        let first = self.queue.first_entry()?;
        if first.key().0 > self.now_ms {
            return None;
        }
        Some(first.remove())
    }

    fn arrive(&mut self, message: &Message) -> Option<(Arc<dyn TransportEvents>, Arrival)> {
        let connection = matches!(message.what, What::Connection(_));
        if self.away.contains(&message.to) && !connection {
            return None;
        }
        let seat = self.seats.get_mut(&message.to)?;
        let now = self.now_ms;
        let arrival = match message.what {
            What::Direct(count) => seat.heard.direct(message.from, count, now),
            What::Broadcast { n, last } => seat.heard.broadcast(message.from, n, last, now),
            What::Connection(_) => Arrival::Next,
        };
        Some((seat.events.clone()?, arrival))
    }
}

/// One node's side of the hub.
pub struct MemoryTransport {
    hub: Arc<MemoryHub>,
    node: NodeId,
}

impl MemoryTransport {
    fn reachable<'a>(&self, state: &'a mut State) -> Option<&'a mut Seat> {
        if state.away.contains(&self.node) {
            return None;
        }
        state.seats.get_mut(&self.node)
    }
}

impl Transport for MemoryTransport {
    fn listen(&self, events: Arc<dyn TransportEvents>) {
        if let Some(seat) = self.hub.state().seats.get_mut(&self.node) {
            seat.events = Some(events);
        }
    }

    fn send(&self, to: NodeId, payload: Bytes) -> bool {
        let mut state = self.hub.state();
        let Some(seat) = state.seats.get_mut(&self.node) else {
            return false;
        };
        let what = What::Direct(seat.sent.next(to));
        if self.reachable(&mut state).is_none() {
            return false;
        }
        let from = self.node;
        state.send(Message {
            from,
            to,
            what,
            payload,
        });
        drop(state);
        self.hub.pump();
        true
    }

    fn broadcast(&self, payload: Bytes) -> bool {
        let mut state = self.hub.state();
        let Some(seat) = self.reachable(&mut state) else {
            return false;
        };
        let n = seat.sent.next_broadcast();
        let last: HashMap<NodeId, u64> = seat.sent.last().into_iter().collect();
        let mut others: Vec<_> = state.seats.keys().copied().collect();
        others.sort_unstable();
        for to in others.into_iter().filter(|to| *to != self.node) {
            let last = last.get(&to).copied();
            state.send(Message {
                from: self.node,
                to,
                what: What::Broadcast { n, last },
                payload: payload.clone(),
            });
        }
        drop(state);
        self.hub.pump();
        true
    }

    fn connected(&self) -> bool {
        !self.hub.state().away.contains(&self.node)
    }
}

#[async_trait::async_trait]
impl Leases for MemoryTransport {
    async fn renew(&self, node: NodeId, ttl: Duration) -> Result<(), Unavailable> {
        let mut state = self.reached()?;
        let until = state.now_ms + ttl.as_millis() as u64;
        state.leases.insert(node, until);
        Ok(())
    }

    async fn release(&self, node: NodeId) -> Result<(), Unavailable> {
        self.reached()?.leases.remove(&node);
        Ok(())
    }

    async fn roll(&self) -> Result<Roll, Unavailable> {
        let state = self.reached()?;
        let now = state.now_ms;
        let live = state.leases.iter().filter(|(_, until)| **until > now);
        Ok(Roll {
            live: live
                .map(|(node, until)| (*node, Duration::from_millis(until - now)))
                .collect(),
            kept: Duration::from_millis(now - state.leases_since),
        })
    }
}

impl MemoryTransport {
    fn reached(&self) -> Result<MutexGuard<'_, State>, Unavailable> {
        let state = self.hub.state();
        if state.away.contains(&self.node) {
            return Err(Unavailable("the hub is cut off".to_owned()));
        }
        Ok(state)
    }
}
