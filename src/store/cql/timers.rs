//! Timers by (minute, shard), so that who looks for what is due reads small partitions; which minutes
//! there are stands by shard, and what a person has set stands by person.
//!
//! A timer stands once its row in `timer` does. The two lists are written before it and may name more
//! than there is, never less.

use super::CqlStore;
use super::driver::Kind;
use super::values::{Found, values};
use crate::clock::Timestamp;
use crate::ids::{TimerId, UserId};
use crate::store::timers::{minute_of, sorted, task_of, task_text};
use crate::store::{Cancelled, DueTimer, SetTimer, StoreResult, Timer, TimerStore};
use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use uuid::Uuid;

const SET_MINUTE: &str = "INSERT INTO timer_minute (shard, minute) VALUES (?, ?)";
const MINUTES: &str = "SELECT minute FROM timer_minute WHERE shard = ? AND minute <= ?";
const END_MINUTE: &str = "DELETE FROM timer_minute WHERE shard = ? AND minute = ?";

const LIST: &str = "INSERT INTO timer_of (user, id, due, task) VALUES (?, ?, ?, ?)";
const LISTED: &str = "SELECT id, user, due, task, failed FROM timer_of WHERE user = ?";
const LISTED_ONE: &str =
    "SELECT id, user, due, task, failed FROM timer_of WHERE user = ? AND id = ?";
const LIST_FAILED: &str =
    "INSERT INTO timer_of (user, id, due, task, failed) VALUES (?, ?, ?, ?, ?)";
const UNLIST: &str = "DELETE FROM timer_of WHERE user = ? AND id = ?";

const SET: &str = "INSERT INTO timer (minute, shard, id, user, due, task, claimant, claimed_until, tries) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0) IF NOT EXISTS";
const OF_MINUTE: &str = "SELECT id, user, due, task, claimant, claimed_until, tries FROM timer WHERE minute = ? AND shard = ?";
const ONE: &str =
    "SELECT claimant, claimed_until FROM timer WHERE minute = ? AND shard = ? AND id = ?";
const CLAIM: &str = "UPDATE timer SET claimant = ?, claimed_until = ?, tries = ? WHERE minute = ? AND shard = ? AND id = ? IF claimant = ?";
const TAKE_BACK: &str =
    "DELETE FROM timer WHERE minute = ? AND shard = ? AND id = ? IF claimant = ?";

/// A minute without timers is forgotten once it lies this far back: nobody sets anything there any more.
const SETTLED_MINUTES: i64 = 10;
/// Rows that are looked up at once.
const AT_ONCE: usize = 16;

fn timer_of(row: &Found) -> StoreResult<Timer> {
    let task: String = row.get("task")?;
    Ok(Timer {
        id: row.get("id")?,
        user: row.get("user")?,
        due: row.get("due")?,
        task: task_of(&task)?,
    })
}

fn set_of(row: &Found) -> StoreResult<SetTimer> {
    Ok(SetTimer {
        timer: timer_of(row)?,
        failed: row.get("failed")?,
    })
}

fn shard_of(timer: &Timer) -> i32 {
    i32::from(timer.shard())
}

#[async_trait]
impl TimerStore for CqlStore {
    async fn set_timer(&self, timer: &Timer) -> StoreResult<bool> {
        let listed = self.listed_timer(timer.user, timer.id).await?;
        if let Some(listed) = listed
            && (listed.failed.is_some() || self.timer_stands(&listed.timer).await?)
        {
            return Ok(false);
        }
        let (minute, shard) = (timer.minute(), shard_of(timer));
        let task = task_text(&timer.task);
        self.driver
            .write(SET_MINUTE, values![shard, minute])
            .await?;
        let list = values![timer.user, timer.id, timer.due, task.as_str()];
        self.driver.write(LIST, list).await?;
        let (nobody, never) = (Uuid::nil(), Timestamp(0));
        let row = values![
            minute, shard, timer.id, timer.user, timer.due, task, nobody, never
        ];
        let (answer, again) = self.driver.settled(SET, row).await?;
        Ok(answer.applied || again)
    }

    async fn due_timers(
        &self,
        shards: &[u16],
        now: Timestamp,
        most: usize,
    ) -> StoreResult<Vec<DueTimer>> {
        let found = stream::iter(shards.to_vec())
            .map(|shard| self.due_in(shard, now, most))
            .buffer_unordered(AT_ONCE);
        let mut due: Vec<DueTimer> = found.try_concat().await?;
        due.sort_by_key(|due| (due.timer.due, due.timer.id));
        due.truncate(most);
        Ok(due)
    }

    async fn claim_timer(
        &self,
        due: &DueTimer,
        claimant: Uuid,
        until: Timestamp,
    ) -> StoreResult<bool> {
        let timer = &due.timer;
        let (minute, shard) = (timer.minute(), shard_of(timer));
        let tries = i32::try_from(due.tries + 1).unwrap_or(i32::MAX);
        let values = values![
            claimant,
            until,
            tries,
            minute,
            shard,
            timer.id,
            due.claimant
        ];
        let (answer, again) = self.driver.settled(CLAIM, values).await?;
        let there: Option<Uuid> = answer.row.get("claimant")?;
        Ok(answer.applied || again && there == Some(claimant))
    }

    async fn end_timer(&self, timer: &Timer, claimant: Uuid) -> StoreResult<()> {
        match self.remove_timer(timer, claimant).await? {
            true => {
                self.driver
                    .write(UNLIST, values![timer.user, timer.id])
                    .await
            }
            false => Ok(()),
        }
    }

    async fn fail_timer(&self, timer: &Timer, claimant: Uuid, why: &str) -> StoreResult<()> {
        let claim = self.claim_of(timer).await?;
        if claim.is_none_or(|(there, _)| there != claimant) {
            return Ok(());
        }
        let task = task_text(&timer.task);
        let list = values![timer.user, timer.id, timer.due, task, why];
        // First what the owner sees: if another one claims it meanwhile and does it, he unlists it.
        self.driver.write(LIST_FAILED, list).await?;
        self.remove_timer(timer, claimant).await?;
        Ok(())
    }

    async fn cancel_timer(
        &self,
        user: UserId,
        id: TimerId,
        now: Timestamp,
    ) -> StoreResult<Cancelled> {
        let Some(set) = self.listed_timer(user, id).await? else {
            return Ok(Cancelled::Missing);
        };
        if set.failed.is_none() {
            let taken = self.take_timer_back(&set.timer, now).await?;
            if taken != Cancelled::Yes {
                return Ok(taken);
            }
        }
        self.driver.write(UNLIST, values![user, id]).await?;
        Ok(Cancelled::Yes)
    }

    async fn timers_of(&self, user: UserId) -> StoreResult<Vec<SetTimer>> {
        let rows = self.driver.rows(Kind::Read, LISTED, values![user]).await?;
        let listed = rows.iter().map(set_of).collect::<StoreResult<Vec<_>>>()?;
        let standing = stream::iter(listed)
            .map(|set| async move {
                let stands = set.failed.is_some() || self.timer_stands(&set.timer).await?;
                Ok::<_, crate::store::StoreError>(stands.then_some(set))
            })
            .buffer_unordered(AT_ONCE);
        let standing: Vec<_> = standing.try_collect().await?;
        Ok(sorted(standing.into_iter().flatten().collect()))
    }
}

impl CqlStore {
    async fn listed_timer(&self, user: UserId, id: TimerId) -> StoreResult<Option<SetTimer>> {
        let row = self.driver.row(Kind::Read, LISTED_ONE, values![user, id]);
        row.await?.map(|row| set_of(&row)).transpose()
    }

    /// Claimant and end of the claim of a timer that stands.
    async fn claim_of(&self, timer: &Timer) -> StoreResult<Option<(Uuid, Timestamp)>> {
        let key = values![timer.minute(), shard_of(timer), timer.id];
        let Some(row) = self.driver.row(Kind::SerialRead, ONE, key).await? else {
            return Ok(None);
        };
        Ok(Some((row.get("claimant")?, row.get("claimed_until")?)))
    }

    async fn timer_stands(&self, timer: &Timer) -> StoreResult<bool> {
        Ok(self.claim_of(timer).await?.is_some())
    }

    /// Whether the timer is gone: while the claim stood, or before.
    async fn remove_timer(&self, timer: &Timer, claimant: Uuid) -> StoreResult<bool> {
        let key = values![timer.minute(), shard_of(timer), timer.id, claimant];
        let (answer, _) = self.driver.settled(TAKE_BACK, key).await?;
        Ok(answer.applied || !self.timer_stands(timer).await?)
    }

    async fn take_timer_back(&self, timer: &Timer, now: Timestamp) -> StoreResult<Cancelled> {
        let Some((claimant, until)) = self.claim_of(timer).await? else {
            return Ok(Cancelled::Missing);
        };
        if until > now {
            return Ok(Cancelled::Claimed);
        }
        let key = values![timer.minute(), shard_of(timer), timer.id, claimant];
        let (answer, again) = self.driver.settled(TAKE_BACK, key).await?;
        match answer.applied || again && !self.timer_stands(timer).await? {
            true => Ok(Cancelled::Yes),
            false => Ok(Cancelled::Claimed),
        }
    }

    async fn due_in(&self, shard: u16, now: Timestamp, most: usize) -> StoreResult<Vec<DueTimer>> {
        let (shard, latest) = (i32::from(shard), minute_of(now));
        let minutes = self
            .driver
            .rows(Kind::Read, MINUTES, values![shard, latest])
            .await?;
        let mut due = Vec::new();
        for row in minutes {
            let minute: i64 = row.get("minute")?;
            let key = values![minute, shard];
            let rows = self.driver.rows(Kind::Read, OF_MINUTE, key).await?;
            if rows.is_empty() && minute + SETTLED_MINUTES < latest {
                self.driver
                    .write(END_MINUTE, values![shard, minute])
                    .await?;
            }
            for row in &rows {
                let until: Timestamp = row.get("claimed_until")?;
                let timer = timer_of(row)?;
                if timer.due <= now && until <= now {
                    let tries: i32 = row.get("tries")?;
                    due.push(DueTimer {
                        timer,
                        claimant: row.get("claimant")?,
                        tries: u32::try_from(tries).unwrap_or(0),
                    });
                }
            }
            if due.len() >= most {
                break;
            }
        }
        Ok(due)
    }
}
