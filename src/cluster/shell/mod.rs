//! The shell around `ClusterState`: the bus of a node among others. It decodes, asks the core, and
//! does what that says. Nothing here waits.

mod edges;
mod effects;
mod row;

use super::message::{Command, CommandId, FenceId, Message};
use super::state::{ClusterState, Effect, Event, Moment, Roll};
use super::wire;
use crate::auth::Auth;
use crate::bus::transport::{Leases, Transport, TransportEvents};
use crate::bus::{Bus, Confirm, Hint, News, Publication, Subscriber};
use crate::error::{Code, Error};
use crate::ids::{LoginId, NodeId, RoomId, Seq, UserId};
use crate::limits::{INTEREST_FLUSH_MS, INTEREST_ROOMS_MAX, LEASE_MS, PAGE_MAX};
use crate::metrics::Metrics;
use crate::people::People;
use crate::rate::Limiter;
use crate::relay::directory::Relays;
use crate::room::Reply;
use crate::room::actor::RoomMessage;
use crate::room::answer::{Answer, unknown};
use crate::room::directory::Rooms;
use crate::session::outbox::Frame;
use crate::session::presence::Presence;
use crate::session::registry::Sessions;
use crate::store::{Marker, Store};
use crate::wire::server::{ServerFrame, UserFacts};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How often the core is told that time passes.
const TICK: Duration = Duration::from_millis(LEASE_MS / 8);

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
    answers: Mutex<HashMap<CommandId, Answer>>,
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
            answers: Mutex::default(),
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
    }

    /// The nodes that this one sees, without itself.
    pub fn peers(&self) -> Vec<NodeId> {
        self.state().peers()
    }

    /// Where a room should live.
    pub fn place(&self, room: RoomId) -> NodeId {
        self.state().place(room).unwrap_or(self.0.me)
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

    fn tell(&self, event: Event) {
        let now = self.now();
        let effects = self.state().apply(now, event);
        for effect in effects {
            self.perform(effect);
        }
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

    fn fences(&self) -> MutexGuard<'_, HashMap<FenceId, Arc<Confirm>>> {
        self.0.fences.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
