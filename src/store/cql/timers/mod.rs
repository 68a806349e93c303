//! Timers by person: that row is the truth, changed by conditional writes alone (R3). By (minute, shard)
//! stands what is due when, so that who looks for it reads small partitions, and by shard which minutes
//! there are.
//!
//! The two lists are written before the truth and may name more than there is, never less. What one
//! setting of a timer wrote there bears a name of its own (`placed`), so that whoever takes it away
//! never takes away what somebody else set meanwhile.

mod due;

use super::CqlStore;
use super::driver::{Answer, Kind};
use super::values::{Found, values};
use crate::clock::Timestamp;
use crate::ids::{TimerId, UserId};
use crate::store::timers::{sorted, task_of, task_text};
use crate::store::{
    Cancelled, DueTimer, Placed, SetTimer, StoreError, StoreResult, Timer, TimerStore,
};
use async_trait::async_trait;
use std::time::{Duration, Instant};
use uuid::Uuid;

pub(super) use due::Places;

const SET_MINUTE: &str = "INSERT INTO timer_minute (shard, minute) VALUES (?, ?)";
pub(super) const SET_DUE: &str =
    "INSERT INTO timer_by_minute (minute, shard, due, placed, user, id) VALUES (?, ?, ?, ?, ?, ?)";
const END_DUE: &str =
    "DELETE FROM timer_by_minute WHERE minute = ? AND shard = ? AND due = ? AND placed = ?";

const ALL: &str = "SELECT stamp, id, user, due, task, placed, claimant, claimed_until, tries, failed FROM timer_by_user WHERE user = ?";
const ONE: &str = "SELECT id, user, due, task, placed, claimant, claimed_until, tries, failed FROM timer_by_user WHERE user = ? AND id = ?";
/// One after the other, so that nobody ever has more than he may: the stamp is fresh with each.
const NEXT: &str = "UPDATE timer_by_user SET stamp = ? WHERE user = ? IF stamp = ?";
const SET: &str = "INSERT INTO timer_by_user (user, id, due, task, placed, claimant, claimed_until, tries) VALUES (?, ?, ?, ?, ?, ?, ?, 0)";
const CLAIM: &str = "UPDATE timer_by_user SET claimant = ?, claimed_until = ?, tries = ? WHERE user = ? AND id = ? IF claimant = ? AND failed = null";
const DEFER: &str = "UPDATE timer_by_user SET claimant = ?, claimed_until = ? WHERE user = ? AND id = ? IF claimant = ?";
const FAIL: &str = "UPDATE timer_by_user SET failed = ? WHERE user = ? AND id = ? IF claimant = ?";
const END: &str = "DELETE FROM timer_by_user WHERE user = ? AND id = ? IF claimant = ?";
const TAKE_BACK: &str =
    "DELETE FROM timer_by_user WHERE user = ? AND id = ? IF placed = ? AND claimant = ?";

/// Who sets a timer while others set theirs for the same person gives up after this.
const SET_TIMEOUT: Duration = Duration::from_secs(30);

/// A timer and what stands beside it.
struct TimerRow {
    timer: Timer,
    placed: Uuid,
    claimant: Uuid,
    until: Timestamp,
    tries: i32,
    failed: Option<String>,
}

impl TimerRow {
    fn of(row: &Found) -> StoreResult<Self> {
        let task: String = row.get("task")?;
        let timer = Timer {
            id: row.get("id")?,
            user: row.get("user")?,
            due: row.get("due")?,
            task: task_of(&task)?,
        };
        Ok(Self {
            timer,
            placed: row.get("placed")?,
            claimant: row.get("claimant")?,
            until: row.get("claimed_until")?,
            tries: row.get("tries")?,
            failed: row.get("failed")?,
        })
    }

    fn is_claimed(&self, now: Timestamp) -> bool {
        self.failed.is_none() && !self.claimant.is_nil() && self.until > now
    }

    fn seen(self) -> SetTimer {
        SetTimer {
            timer: self.timer,
            failed: self.failed,
        }
    }
}

fn shard_of(timer: &Timer) -> i32 {
    i32::from(timer.shard())
}

#[async_trait]
impl TimerStore for CqlStore {
    async fn set_timer(&self, timer: &Timer, most: usize) -> StoreResult<Placed> {
        let (began, placed) = (Instant::now(), Uuid::new_v4());
        let mut listed = false;
        loop {
            let (stamp, rows) = self.timers_by(timer.user).await?;
            let full = rows.len() >= most;
            let there = rows.into_iter().find(|row| row.timer.id == timer.id);
            let known = match there {
                Some(there) if there.placed == placed => return Ok(Placed::Set),
                Some(there) => Some(Placed::Stands(there.seen())),
                None => full.then_some(Placed::Full),
            };
            if let Some(known) = known {
                if listed {
                    self.end_due(timer, placed).await?;
                }
                return Ok(known);
            }
            if began.elapsed() > SET_TIMEOUT {
                let why = "others set timers of the same person all the time";
                return Err(StoreError::Unavailable(why.to_owned()));
            }
            if !listed {
                self.list_due(timer, placed).await?;
                listed = true;
            }
            if self.set_after(stamp, timer, placed).await? {
                return Ok(Placed::Set);
            }
        }
    }

    async fn due_timers(
        &self,
        shards: &[u16],
        now: Timestamp,
        most: usize,
    ) -> StoreResult<Vec<DueTimer>> {
        self.due_in_all(shards, now, most).await
    }

    async fn claim_timer(
        &self,
        due: &DueTimer,
        claimant: Uuid,
        until: Timestamp,
    ) -> StoreResult<bool> {
        let timer = &due.timer;
        let tries = i32::try_from(due.tries.saturating_add(1)).unwrap_or(i32::MAX);
        let values = values![claimant, until, tries, timer.user, timer.id, due.claimant];
        let (answer, again) = self.driver.settled(CLAIM, values).await?;
        let there: Option<Uuid> = answer.row.get("claimant")?;
        Ok(answer.applied || again && there == Some(claimant))
    }

    async fn end_timer(&self, timer: &Timer, claimant: Uuid) -> StoreResult<()> {
        let Some(there) = self.claimed_by(timer, claimant).await? else {
            return Ok(());
        };
        let key = values![timer.user, timer.id, claimant];
        let (answer, again) = self.driver.settled(END, key).await?;
        if answer.applied || again && self.claimed_by(timer, claimant).await?.is_none() {
            self.end_due(&there.timer, there.placed).await?;
        }
        Ok(())
    }

    async fn defer_timer(
        &self,
        timer: &Timer,
        claimant: Uuid,
        until: Timestamp,
    ) -> StoreResult<()> {
        let nobody = Uuid::nil();
        let values = values![nobody, until, timer.user, timer.id, claimant];
        self.driver.settled(DEFER, values).await?;
        Ok(())
    }

    async fn fail_timer(&self, timer: &Timer, claimant: Uuid, why: &str) -> StoreResult<()> {
        let Some(there) = self.claimed_by(timer, claimant).await? else {
            return Ok(());
        };
        let values = values![why, timer.user, timer.id, claimant];
        let (answer, _) = self.driver.settled(FAIL, values).await?;
        if answer.applied {
            self.end_due(&there.timer, there.placed).await?;
        }
        Ok(())
    }

    async fn cancel_timer(
        &self,
        user: UserId,
        id: TimerId,
        now: Timestamp,
    ) -> StoreResult<Cancelled> {
        let Some(there) = self.timer_row(Kind::SerialRead, user, id).await? else {
            return Ok(Cancelled::Missing);
        };
        if there.is_claimed(now) {
            return Ok(Cancelled::Claimed);
        }
        let key = values![user, id, there.placed, there.claimant];
        let (answer, again) = self.driver.settled(TAKE_BACK, key).await?;
        if !answer.applied {
            let left = self.timer_row(Kind::SerialRead, user, id).await?;
            let stands = left.is_some_and(|left| left.placed == there.placed);
            match (stands, again) {
                (true, _) => return Ok(Cancelled::Claimed),
                (false, false) => return Ok(Cancelled::Missing),
                (false, true) => {}
            }
        }
        self.end_due(&there.timer, there.placed).await?;
        Ok(Cancelled::Yes)
    }

    async fn timers_of(&self, user: UserId) -> StoreResult<Vec<SetTimer>> {
        let (_, rows) = self.timers_by(user).await?;
        Ok(sorted(rows.into_iter().map(TimerRow::seen).collect()))
    }
}

impl CqlStore {
    /// All timers of a person, and the stamp after which the next one may be set.
    async fn timers_by(&self, user: UserId) -> StoreResult<(Option<Uuid>, Vec<TimerRow>)> {
        let found = self
            .driver
            .rows(Kind::SerialRead, ALL, values![user])
            .await?;
        let stamp = found.first().map(|row| row.get("stamp")).transpose()?;
        // A person who has none any more still has the stamp.
        let mut timers = Vec::with_capacity(found.len());
        for row in &found {
            if row.get::<Option<TimerId>>("id")?.is_some() {
                timers.push(TimerRow::of(row)?);
            }
        }
        Ok((stamp.flatten(), timers))
    }

    async fn timer_row(
        &self,
        kind: Kind,
        user: UserId,
        id: TimerId,
    ) -> StoreResult<Option<TimerRow>> {
        let row = self.driver.row(kind, ONE, values![user, id]).await?;
        row.map(|row| TimerRow::of(&row)).transpose()
    }

    /// The timer, while that claim stands.
    async fn claimed_by(&self, timer: &Timer, claimant: Uuid) -> StoreResult<Option<TimerRow>> {
        let row = self.timer_row(Kind::SerialRead, timer.user, timer.id);
        Ok(row.await?.filter(|row| row.claimant == claimant))
    }

    /// Whether it was set. False: somebody set another one meanwhile, or an earlier try of this won.
    async fn set_after(
        &self,
        stamp: Option<Uuid>,
        timer: &Timer,
        placed: Uuid,
    ) -> StoreResult<bool> {
        let (nobody, never) = (Uuid::nil(), Timestamp(0));
        let next = values![placed, timer.user, stamp];
        let task = task_text(&timer.task);
        let row = values![timer.user, timer.id, timer.due, task, placed, nobody, never];
        let answer: Answer = self
            .driver
            .settled_batch((NEXT, next), SET, vec![row])
            .await?;
        Ok(answer.applied)
    }

    async fn list_due(&self, timer: &Timer, placed: Uuid) -> StoreResult<()> {
        let (minute, shard) = (timer.minute(), shard_of(timer));
        let due = values![minute, shard, timer.due, placed, timer.user, timer.id];
        futures_util::try_join!(
            self.driver.write(SET_MINUTE, values![shard, minute]),
            self.driver.write(SET_DUE, due),
        )?;
        Ok(())
    }

    async fn end_due(&self, timer: &Timer, placed: Uuid) -> StoreResult<()> {
        let key = values![timer.minute(), shard_of(timer), timer.due, placed];
        self.driver.write(END_DUE, key).await
    }
}
