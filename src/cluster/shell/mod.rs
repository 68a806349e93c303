//! The shell around `ClusterState`: the bus of a node among others. It decodes, asks the core, and
//! does what that says. Nothing here waits.

mod edges;
mod effects;
mod row;

use super::message::{ClaimId, Command, CommandId, FenceId, HandOver, Message};
use super::state::{ClusterState, Effect, Event, Moment, Roll};
use super::wire;
use crate::auth::Auth;
use crate::bus::transport::{Leases, Transport, TransportEvents};
use crate::bus::{Bus, Confirm, Hint, News, Publication, Rights, Subscriber};
use crate::error::{Code, Error};
use crate::ids::{LoginId, NodeId, RoomId, Seq, UserId};
use crate::limits::{
    ARRIVAL_MS, ARRIVAL_MS_MAX, INTEREST_FLUSH_MS, INTEREST_ROOMS_MAX, LEASE_MS, PAGE_MAX,
};
use crate::metrics::Metrics;
use crate::people::People;
use crate::rate::Limiter;
use crate::relay::directory::Relays;
use crate::room::actor::RoomMessage;
use crate::room::answer::{Answer, unknown};
use crate::room::directory::Rooms;
use crate::room::{Orders, Reply};
use crate::session::outbox::Frame;
use crate::session::presence::Presence;
use crate::session::registry::Sessions;
use crate::store::{Marker, Store};
use crate::wire::server::{ServerFrame, UserFacts};
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

/// How often the core is told that time passes: nodes that hear no more of another notice it within this
/// of each other, and until the last has noticed, its rooms wait.
const TICK: Duration = Duration::from_millis(LEASE_MS / 40);

/// The lease is renewed this often.
const RENEWAL: Duration = Duration::from_millis(LEASE_MS / 4);

/// The way to the other nodes.
#[derive(Clone)]
pub struct Way {
    pub transport: Arc<dyn Transport>,
    pub leases: Arc<dyn Leases>,
}

/// What of this node hears from others.
pub struct Here {
    pub store: Arc<dyn Store>,
    pub relays: Relays,
    pub sessions: Sessions,
    pub presence: Presence,
    pub people: People,
    pub auth: Arc<Auth>,
    pub limiter: Arc<Limiter>,
    pub metrics: Metrics,
}

/// What the core said is to be done.
#[derive(Default)]
struct Todo {
    queue: VecDeque<Effect>,
    busy: bool,
    /// Commands in it for rooms that live here.
    runs: usize,
}

impl Todo {
    fn add(&mut self, effects: Vec<Effect>) {
        let runs = |effect: &&Effect| matches!(effect, Effect::Run { .. });
        self.runs += effects.iter().filter(runs).count();
        self.queue.extend(effects);
    }
}

/// One thing is being done, perhaps a command that runs here. However that ends, the next one may
/// follow.
struct Doing<'a>(&'a Cluster, bool);

impl Drop for Doing<'_> {
    fn drop(&mut self) {
        let mut todo = self.0.todo();
        todo.busy = false;
        todo.runs -= usize::from(self.1);
    }
}

/// One node among others. Clones share it.
#[derive(Clone)]
pub struct Cluster(Arc<Shared>);

struct Shared {
    me: NodeId,
    started: Instant,
    state: Mutex<ClusterState>,
    way: OnceLock<Way>,
    rooms: OnceLock<Rooms>,
    here: Here,
    /// What is to be done, in order, by one at a time.
    todo: Mutex<Todo>,
    answers: Mutex<HashMap<CommandId, Answer>>,
    claims: Mutex<HashMap<ClaimId, oneshot::Sender<Orders>>>,
    /// Whoever waits for these removals hears of it when they are dropped.
    fences: Mutex<HashMap<FenceId, Arc<Confirm>>>,
    last_id: AtomicU64,
    /// The rows in the store are wanted soon.
    ask_rows: Notify,
    /// How often everything shown here was read anew.
    settled: AtomicU64,
    settling: AtomicBool,
    healing: AtomicBool,
    heal_again: AtomicBool,
    ended: AtomicBool,
}

impl Cluster {
    /// A node that is not connected yet.
    pub fn new(me: NodeId, here: Here) -> Self {
        Self(Arc::new(Shared {
            me,
            started: Instant::now(),
            state: Mutex::new(ClusterState::new(me)),
            way: OnceLock::new(),
            rooms: OnceLock::new(),
            here,
            todo: Mutex::default(),
            answers: Mutex::default(),
            claims: Mutex::default(),
            fences: Mutex::default(),
            last_id: AtomicU64::new(0),
            ask_rows: Notify::new(),
            settled: AtomicU64::new(0),
            settling: AtomicBool::new(false),
            healing: AtomicBool::new(false),
            heal_again: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        }))
    }

    /// Begins: with the rooms of this node and the way to the others.
    pub async fn begin(&self, rooms: Rooms, way: Way) {
        let connected = way.transport.connected();
        let transport = Arc::clone(&way.transport);
        let _ = self.0.rooms.set(rooms);
        let _ = self.0.way.set(way);
        self.tell(Event::Arriving);
        transport.listen(Arc::new(self.clone()));
        self.tell(Event::Connected(connected));
        self.renew().await;
        // From now on whoever removes somebody waits for this node.
        self.renew_row(1).await;
        self.tell(Event::Tick);
        let myself = self.clone();
        tokio::spawn(async move { myself.keep_time().await });
        let myself = self.clone();
        tokio::spawn(async move { myself.keep_lease().await });
        let myself = self.clone();
        tokio::spawn(async move { myself.keep_row().await });
        let myself = self.clone();
        tokio::spawn(async move {
            myself.arrive().await;
        });
    }

    /// Waits until all nodes have met. Without the bus it may be that there are others.
    async fn arrive(&self) {
        let until = Instant::now() + Duration::from_millis(ARRIVAL_MS_MAX - ARRIVAL_MS);
        let mut ticks = tokio::time::interval(TICK / 2);
        let connected = || (self.0.way.get()).is_some_and(|way| way.transport.connected());
        while !connected() && Instant::now() < until {
            ticks.tick().await;
        }
        tokio::time::sleep(Duration::from_millis(ARRIVAL_MS)).await;
        self.tell(Event::Arrived);
    }

    /// How many nodes take rooms, as this one sees it.
    pub fn takers(&self) -> usize {
        self.state().takers()
    }

    /// The nodes that this one sees, without itself.
    pub fn peers(&self) -> Vec<NodeId> {
        self.state().peers()
    }

    /// Where a room should live.
    pub fn place(&self, room: RoomId) -> NodeId {
        self.state().place(room).unwrap_or(self.0.me)
    }

    /// Whether this node looks at what is due in that shard of the timers: a hint, as a room's place.
    pub fn keeps(&self, shard: u16) -> bool {
        let mut bytes = *b"timer shard \0\0\0\0";
        bytes[14..].copy_from_slice(&shard.to_be_bytes());
        self.place(RoomId::from_bytes(bytes)) == self.0.me
    }

    /// Takes no new rooms; those that live here go elsewhere with their next command.
    pub fn drain(&self) {
        self.tell(Event::Drain);
    }

    /// Says good-bye and gives the lease up.
    pub async fn end(&self) {
        self.tell(Event::End);
        self.0.ended.store(true, Ordering::Release);
        if let Some(way) = self.0.way.get()
            && let Err(error) = way.leases.release(self.0.me).await
        {
            tracing::debug!(%error, "the lease runs out by itself");
        }
        self.release_row().await;
    }

    /// Falls silent without a word, as a process that is killed.
    #[cfg(test)]
    pub fn stop_for_test(&self) {
        self.0.ended.store(true, Ordering::Release);
    }

    #[cfg(test)]
    pub fn settled_for_test(&self) -> u64 {
        self.0.settled.load(Ordering::Acquire)
    }

    async fn keep_time(&self) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !self.0.ended.load(Ordering::Acquire) {
            ticks.tick().await;
            self.tell(Event::Tick);
        }
    }

    async fn keep_lease(&self) {
        let mut beats = tokio::time::interval(RENEWAL);
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !self.0.ended.load(Ordering::Acquire) {
            beats.tick().await;
            self.renew().await;
        }
    }

    async fn renew(&self) {
        let Some(way) = self.0.way.get() else { return };
        let asked_at = self.now();
        let ttl = Duration::from_millis(LEASE_MS);
        match tokio::time::timeout(ttl, way.leases.renew(self.0.me, ttl)).await {
            Ok(Ok(())) => self.tell(Event::Renewed(asked_at)),
            Ok(Err(error)) => tracing::debug!(%error, "the lease was not renewed"),
            Err(_) => tracing::debug!("the lease was not renewed in time"),
        }
    }

    /// Who has a lease, for the removals that wait.
    fn ask_roll(&self) {
        let myself = self.clone();
        tokio::spawn(async move {
            let Some(way) = myself.0.way.get() else {
                return;
            };
            let roll = way.leases.roll().await.ok();
            let roll = roll.map(|roll| Roll {
                live: roll.live.into_iter().map(|(node, _)| node).collect(),
                kept: u64::try_from(roll.kept.as_millis()).unwrap_or(u64::MAX),
            });
            myself.tell(Event::Roll(roll));
        });
    }

    fn now(&self) -> Moment {
        let passed = self.0.started.elapsed().as_millis();
        u64::try_from(passed).unwrap_or(u64::MAX)
    }

    /// Whatever several threads tell at once, what follows is done in the order of the core, by
    /// whoever came first: commands of one room never overtake each other on the way out.
    fn tell(&self, event: Event) {
        self.note(event);
        self.work_off();
    }

    /// The same for whoever holds what the effects may need, those of others among them: they are
    /// done by somebody else.
    fn tell_beside(&self, event: Event) {
        self.note(event);
        let myself = self.clone();
        tokio::spawn(async move { myself.work_off() });
    }

    fn note(&self, event: Event) {
        let now = self.now();
        let mut state = self.state();
        let effects = state.apply(now, event);
        self.todo().add(effects);
    }

    /// Another thread has something for the relay of the room, and is about to do it.
    #[cfg(test)]
    pub fn owe_for_test(&self, room: RoomId) {
        self.todo().add(vec![Effect::Hear {
            room,
            entries: Vec::new(),
            confirm: None,
        }]);
    }

    fn work_off(&self) {
        loop {
            let mut todo = self.todo();
            if todo.busy {
                return;
            }
            let Some(effect) = todo.queue.pop_front() else {
                return;
            };
            todo.busy = true;
            drop(todo);
            let _done = Doing(self, matches!(effect, Effect::Run { .. }));
            self.perform(effect);
        }
    }

    /// Whether a command for the room goes to the owner here, and overtakes nothing by that.
    fn is_for_here(&self, room: RoomId) -> bool {
        let state = self.state();
        state.is_for_here(room) && self.todo().runs == 0
    }

    fn next_id(&self) -> u64 {
        self.0.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn state(&self) -> MutexGuard<'_, ClusterState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answers(&self) -> MutexGuard<'_, HashMap<CommandId, Answer>> {
        self.0
            .answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn todo(&self) -> MutexGuard<'_, Todo> {
        self.0.todo.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claims(&self) -> MutexGuard<'_, HashMap<ClaimId, oneshot::Sender<Orders>>> {
        self.0.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fences(&self) -> MutexGuard<'_, HashMap<FenceId, Arc<Confirm>>> {
        self.0.fences.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
