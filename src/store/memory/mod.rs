//! The model of the store: plain maps under one lock. Tests and the seeded simulation run on it.

mod leases;
mod log;
mod people;
mod rooms;
mod timers;
mod views;

use super::{Durability, LogQueries, Marker, Member, Redaction, RoomRow, Statics, Store};
use super::{Invite, Login, NodeLease, User};
use crate::entry::{RoomKind, StoredEntry};
use crate::ids::{ClientId, LoginId, NodeId, RoomId, Seq, TimerId, UserId};
use crate::limits;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A store that forgets everything when it is dropped.
pub struct MemoryStore {
    bucket_bits: u32,
    tables: Mutex<Tables>,
    queries: LogQueries,
    /// What rooms ask for takes so long.
    latency: Duration,
}

#[derive(Default)]
struct Tables {
    buckets: BTreeMap<(RoomId, u64), Statics>,
    log: BTreeMap<(RoomId, Seq), StoredEntry>,
    rooms: BTreeMap<RoomId, RoomRow>,
    /// When name and topic of a room were last set.
    facts: HashMap<RoomId, (Seq, Seq)>,
    pairs: HashMap<(UserId, UserId), RoomId>,
    room_keys: BTreeMap<(UserId, ClientId), RoomId>,
    members: BTreeMap<(RoomId, UserId), Membership>,
    redactions: HashMap<(RoomId, Seq), Redaction>,
    markers: BTreeMap<(RoomId, UserId), Marker>,
    sent: HashMap<(RoomId, UserId, ClientId), Seq>,
    reactions: BTreeMap<(RoomId, Seq, String, UserId), (bool, Seq)>,
    /// By whom `user` (`None`: everybody) was named, and where.
    mentions: BTreeMap<(RoomId, Option<UserId>, Seq), UserId>,
    users: BTreeMap<UserId, User>,
    logins: BTreeMap<LoginId, Login>,
    invites: BTreeMap<String, Invite>,
    settings: BTreeMap<(Option<UserId>, String), String>,
    leases: BTreeMap<NodeId, NodeLease>,
    timers: BTreeMap<TimerId, timers::TimerRow>,
}

/// A row that stays when the person goes, so that an older entry cannot bring him back.
#[derive(Clone, Copy)]
struct Membership {
    kind: RoomKind,
    role: Option<crate::entry::Role>,
    seq: Seq,
}

impl Membership {
    fn member(self, user: UserId) -> Option<Member> {
        let seq = self.seq;
        self.role.map(|role| Member { user, role, seq })
    }
}

impl MemoryStore {
    pub fn new() -> Self {
        Self::with_bucket_bits(limits::BUCKET_BITS)
    }

    /// Small buckets make a test roll often.
    pub fn with_bucket_bits(bucket_bits: u32) -> Self {
        Self {
            bucket_bits,
            tables: Mutex::default(),
            queries: LogQueries::default(),
            latency: Duration::ZERO,
        }
    }

    /// As far away as a real one.
    #[cfg(test)]
    pub fn with_latency(latency: Duration) -> Self {
        Self {
            latency,
            ..Self::new()
        }
    }

    async fn pass(&self) {
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Store for MemoryStore {
    fn durability(&self) -> Durability {
        Durability::Durable
    }

    fn is_alone(&self) -> bool {
        true
    }

    fn log_queries(&self) -> &LogQueries {
        &self.queries
    }
}
