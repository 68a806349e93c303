//! Durable timers: something that is to happen later, whichever node is there then. Each is claimed
//! conditionally and for a while, done at least once, and is harmless to do twice.

use super::StoreResult;
use crate::clock::Timestamp;
use crate::ids::{ClientId, RoomId, Seq, TimerId, UserId};
use crate::limits::TIMER_SHARDS;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Task {
    /// A post of its author, under a key that is fixed now: however often it is sent, it stands once (R5).
    Post {
        room: RoomId,
        client_id: ClientId,
        /// The head that the author knew when he scheduled it.
        after: Seq,
        body: String,
    },
}

/// One timer. It never changes; to change it is to end it and set another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    pub id: TimerId,
    /// On whose behalf.
    pub user: UserId,
    pub due: Timestamp,
    pub task: Task,
}

impl Timer {
    /// Timers are spread over so many shards, and each shard has one node that looks at it.
    pub fn shard(&self) -> u16 {
        let bytes = self.id.bytes();
        u16::from_be_bytes([bytes[14], bytes[15]]) % TIMER_SHARDS
    }

    /// Minutes since 1970 at which it is due.
    pub fn minute(&self) -> i64 {
        minute_of(self.due)
    }
}

pub fn minute_of(at: Timestamp) -> i64 {
    at.0.div_euclid(60_000)
}

/// A timer that is due and that nobody has claimed, or not of late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueTimer {
    pub timer: Timer,
    /// Whose claim was seen last; nil: nobody's, or of one who put it off.
    pub claimant: Uuid,
    /// How often it was claimed.
    pub tries: u32,
}

/// A timer as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetTimer {
    pub timer: Timer,
    /// Why it will never be done: the stable code of the refusal.
    pub failed: Option<String>,
}

/// How an attempt to set one ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placed {
    Set,
    /// One with this id is there already, and stays as it is.
    Stands(SetTimer),
    /// Its owner has as many as he may have.
    Full,
}

/// How an attempt to cancel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    Yes,
    /// It is being done at this moment.
    Claimed,
    /// There is none, or none of this person.
    Missing,
}

#[async_trait]
pub trait TimerStore: Send + Sync {
    /// Sets a timer, unless its owner has `most` already. Of many who set one id at once one does.
    async fn set_timer(&self, timer: &Timer, most: usize) -> StoreResult<Placed>;
    /// Up to `most` timers of these shards that are due at `now` and not claimed then, the oldest first.
    async fn due_timers(
        &self,
        shards: &[u16],
        now: Timestamp,
        most: usize,
    ) -> StoreResult<Vec<DueTimer>>;
    /// Claims what was seen as `due` for `claimant`, fresh for each claim, until that moment. True for
    /// one of all who try.
    async fn claim_timer(
        &self,
        due: &DueTimer,
        claimant: Uuid,
        until: Timestamp,
    ) -> StoreResult<bool>;
    /// It is done: the timer goes, unless another has claimed it since. Harmless to repeat.
    async fn end_timer(&self, timer: &Timer, claimant: Uuid) -> StoreResult<()>;
    /// It came to no end: nobody has it, and it is due again at `until`; unless another has claimed it since.
    async fn defer_timer(&self, timer: &Timer, claimant: Uuid, until: Timestamp)
    -> StoreResult<()>;
    /// It cannot be done: nobody tries again, and its owner sees why until he cancels it; unless
    /// another has claimed it since.
    async fn fail_timer(&self, timer: &Timer, claimant: Uuid, why: &str) -> StoreResult<()>;
    /// Takes back a timer of `user`, unless somebody has it at `now`.
    async fn cancel_timer(
        &self,
        user: UserId,
        id: TimerId,
        now: Timestamp,
    ) -> StoreResult<Cancelled>;
    /// Everything that is set for `user`, by due time and id.
    async fn timers_of(&self, user: UserId) -> StoreResult<Vec<SetTimer>>;
}

/// By due time and id.
pub(super) fn sorted(mut timers: Vec<SetTimer>) -> Vec<SetTimer> {
    timers.sort_by_key(|set| (set.timer.due, set.timer.id));
    timers
}

pub(super) fn task_text(task: &Task) -> String {
    serde_json::to_string(task).unwrap_or_default()
}

pub(super) fn task_of(text: &str) -> StoreResult<Task> {
    serde_json::from_str(text)
        .map_err(|_| super::StoreError::Corrupt(format!("the task of a timer: {text:?}")))
}
